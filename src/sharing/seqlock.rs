//! A value that one thread writes and any number read, without a lock.
//!
//! The obvious shared value, an `RwLock`, lets a reader that was preempted hold up the discipline thread. A seqlock
//! never does: the writer makes the sequence odd, writes, and makes it even again; a reader that saw it odd or changed
//! tries again. Classic seqlocks read plain memory while it is written, which no language allows; here each word is an
//! atomic, so the code is safe, and two fences put the words between the two sequence numbers (Boehm, "Can seqlocks
//! get along with programming language memory models?", 2012). `cargo test -p synchronome-loom` explores every
//! interleaving.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering, fence};
use std::marker::PhantomData;
#[cfg(loom)]
use std::sync::Arc;
#[cfg(not(loom))]
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering, fence},
};

/// A value that is a fixed number of 64-bit words.
pub trait Words: Sized {
    /// The number of words.
    const LEN: usize;
    /// Writes the value into `words`, which has [`Words::LEN`] places.
    fn store(&self, words: &mut [u64]);
    /// Reads it back. Total: any words give some value.
    fn load(words: &[u64]) -> Self;
}

/// The most words of a value, so that a read needs no allocation.
pub const SEQLOCK_WORDS_MAX: usize = 64;

/// How often a reader tries before it reports [`Torn`].
pub const SEQLOCK_RETRIES_MAX: usize = 64;

/// A writer was in the way at every try. The reader keeps its last good copy, whose age then shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Torn;

#[derive(Debug)]
struct Cell {
    sequence: AtomicU64,
    words: Box<[AtomicU64]>,
}

/// The readers' end; clone it for each thread.
#[derive(Debug)]
pub struct Seqlock<T> {
    cell: Arc<Cell>,
    value: PhantomData<fn() -> T>,
}

impl<T> Clone for Seqlock<T> {
    fn clone(&self) -> Self {
        Self { cell: Arc::clone(&self.cell), value: PhantomData }
    }
}

/// The writer's end; there is one, and it cannot be cloned.
#[derive(Debug)]
pub struct SeqlockWriter<T> {
    cell: Arc<Cell>,
    value: PhantomData<fn(T)>,
}

impl<T: Words> Seqlock<T> {
    /// A value and its two ends.
    ///
    /// # Panics
    /// If `T` has more than [`SEQLOCK_WORDS_MAX`] words.
    pub fn new(value: &T) -> (SeqlockWriter<T>, Self) {
        assert!(T::LEN <= SEQLOCK_WORDS_MAX, "a shared value of {} words", T::LEN);
        let mut words = [0; SEQLOCK_WORDS_MAX];
        value.store(&mut words[..T::LEN]);
        let words = words[..T::LEN].iter().map(|w| AtomicU64::new(*w)).collect();
        let cell = Arc::new(Cell { sequence: AtomicU64::new(0), words });
        (SeqlockWriter { cell: Arc::clone(&cell), value: PhantomData }, Self { cell, value: PhantomData })
    }

    /// A number that is another one after each write. Who has read it *before* the value, and finds it the same, has the latest value.
    pub fn sequence(&self) -> u64 {
        self.cell.sequence.load(Ordering::Acquire)
    }

    /// One try.
    ///
    /// # Errors
    /// [`Torn`] if a write was under way.
    pub fn try_read(&self) -> Result<T, Torn> {
        let before = self.cell.sequence.load(Ordering::Acquire);
        if before & 1 == 1 {
            return Err(Torn);
        }
        let mut words = [0; SEQLOCK_WORDS_MAX];
        for (to, from) in words.iter_mut().zip(&self.cell.words) {
            *to = from.load(Ordering::Relaxed);
        }
        fence(Ordering::Acquire);
        if self.cell.sequence.load(Ordering::Relaxed) == before { Ok(T::load(&words[..T::LEN])) } else { Err(Torn) }
    }

    /// Tries up to [`SEQLOCK_RETRIES_MAX`] times.
    ///
    /// # Errors
    /// [`Torn`] if a write was under way each time: the writer was preempted in the middle of it.
    pub fn read(&self) -> Result<T, Torn> {
        for _ in 0..SEQLOCK_RETRIES_MAX {
            if let Ok(value) = self.try_read() {
                return Ok(value);
            }
            std::hint::spin_loop();
        }
        Err(Torn)
    }
}

impl<T: Words> SeqlockWriter<T> {
    /// Publishes a value. Never waits.
    pub fn write(&mut self, value: &T) {
        let mut words = [0; SEQLOCK_WORDS_MAX];
        value.store(&mut words[..T::LEN]);
        let sequence = self.cell.sequence.load(Ordering::Relaxed);
        self.cell.sequence.store(sequence.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        for (to, from) in self.cell.words.iter().zip(&words) {
            to.store(*from, Ordering::Relaxed);
        }
        self.cell.sequence.store(sequence.wrapping_add(2), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two words that belong together: any tear shows.
    #[derive(Debug, PartialEq)]
    struct Pair(u64);

    impl Words for Pair {
        const LEN: usize = 2;
        fn store(&self, words: &mut [u64]) {
            words.copy_from_slice(&[self.0, !self.0]);
        }
        fn load(words: &[u64]) -> Self {
            assert_eq!(words[0], !words[1], "torn");
            Self(words[0])
        }
    }

    #[test]
    #[cfg(loom)]
    fn no_interleaving_tears_a_value() {
        loom::model(|| {
            let (mut writer, reader) = Seqlock::new(&Pair(0));
            let thread = loom::thread::spawn(move || {
                writer.write(&Pair(1));
                writer.write(&Pair(2));
            });
            if let Ok(seen) = reader.try_read() {
                assert!(seen.0 <= 2);
            }
            thread.join().unwrap();
            assert_eq!(reader.try_read(), Ok(Pair(2)));
        });
    }

    #[test]
    #[cfg(not(loom))]
    fn readers_under_a_busy_writer_never_see_a_torn_value() {
        let (mut writer, reader) = Seqlock::new(&Pair(0));
        let writing = std::thread::spawn(move || (1..=200_000).for_each(|n| writer.write(&Pair(n))));
        let mut last = 0;
        while last < 200_000 {
            if let Ok(Pair(seen)) = reader.read() {
                assert!(seen >= last, "went back");
                last = seen;
            }
        }
        writing.join().unwrap();
    }
}
