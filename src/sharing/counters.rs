//! Figures that one thread counts and others read.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The names of a set of counters: a small enum that numbers itself.
pub trait CounterSet: Copy + 'static {
    /// All of them.
    const ALL: &'static [Self];
    /// Its place in [`CounterSet::ALL`].
    fn index(self) -> usize;
    /// Its name in metrics and JSON, snake_case.
    fn name(self) -> &'static str;
}

/// One counter per member of `K`; monotone, relaxed, written by one thread.
#[derive(Debug)]
pub struct Counters<K> {
    counts: Arc<[AtomicU64]>,
    kind: PhantomData<fn(K)>,
}

impl<K> Clone for Counters<K> {
    fn clone(&self) -> Self {
        Self { counts: Arc::clone(&self.counts), kind: PhantomData }
    }
}

impl<K: CounterSet> Default for Counters<K> {
    fn default() -> Self {
        Self { counts: K::ALL.iter().map(|_| AtomicU64::new(0)).collect(), kind: PhantomData }
    }
}

impl<K: CounterSet> Counters<K> {
    /// One more.
    pub fn count(&self, kind: K) {
        self.add(kind, 1);
    }

    /// `n` more.
    pub fn add(&self, kind: K, n: u64) {
        self.counts[kind.index()].fetch_add(n, Ordering::Relaxed);
    }

    /// How many so far.
    pub fn get(&self, kind: K) -> u64 {
        self.counts[kind.index()].load(Ordering::Relaxed)
    }

    /// All of them with their names.
    pub fn iter(&self) -> impl Iterator<Item = (K, u64)> + '_ {
        K::ALL.iter().map(|kind| (*kind, self.get(*kind)))
    }
}
