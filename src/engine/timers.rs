//! A table of named timers.

use crate::coding::Coded;
use crate::time::{Mono, Timestamp};

/// The names of an engine's timers: a small enum that numbers itself.
pub trait TimerKind: Copy + 'static {
    /// All of them, in the order in which they fire when several are due.
    const ALL: &'static [Self];
    /// Its place in [`TimerKind::ALL`].
    fn index(self) -> usize;
}

/// One optional expiry per kind of timer; `deadline()` of an engine is the table's minimum.
#[derive(Clone, Debug, Coded)]
pub struct TimerTable<K, const N: usize> {
    expiry: [Option<Timestamp<Mono>>; N],
    kind: std::marker::PhantomData<K>,
}

impl<K: TimerKind, const N: usize> Default for TimerTable<K, N> {
    fn default() -> Self {
        Self { expiry: [None; N], kind: std::marker::PhantomData }
    }
}

impl<K: TimerKind, const N: usize> TimerTable<K, N> {
    /// Arms or re-arms a timer.
    pub fn set(&mut self, kind: K, at: Timestamp<Mono>) {
        self.expiry[kind.index()] = Some(at);
    }

    /// Stops a timer.
    pub fn clear(&mut self, kind: K) {
        self.expiry[kind.index()] = None;
    }

    /// When a timer fires, if it is armed.
    pub fn get(&self, kind: K) -> Option<Timestamp<Mono>> {
        self.expiry[kind.index()]
    }

    /// The earliest expiry.
    pub fn deadline(&self) -> Option<Timestamp<Mono>> {
        self.expiry.iter().flatten().min().copied()
    }

    /// Takes the first timer that is due at `now`, in the order of [`TimerKind::ALL`]; it is stopped by that.
    pub fn take_expired(&mut self, now: Timestamp<Mono>) -> Option<K> {
        let due = K::ALL.iter().find(|kind| self.get(**kind).is_some_and(|at| at <= now))?;
        self.clear(*due);
        Some(*due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, PartialEq, Debug)]
    enum Kind {
        Slow,
        Fast,
    }

    impl TimerKind for Kind {
        const ALL: &'static [Self] = &[Self::Slow, Self::Fast];
        fn index(self) -> usize {
            self as usize
        }
    }

    #[test]
    fn the_deadline_is_the_earliest_and_each_timer_fires_once() {
        let at = Timestamp::from_secs;
        let mut table = TimerTable::<Kind, 2>::default();
        assert_eq!(table.deadline(), None);
        table.set(Kind::Slow, at(9));
        table.set(Kind::Fast, at(3));
        assert_eq!(table.deadline(), Some(at(3)));
        assert_eq!(table.take_expired(at(2)), None);
        assert_eq!(table.take_expired(at(9)), Some(Kind::Slow));
        assert_eq!(table.take_expired(at(9)), Some(Kind::Fast));
        assert_eq!(table.take_expired(at(9)), None);
    }
}
