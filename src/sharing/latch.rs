//! Flags: one that is set once, and one that comes and goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Asks every thread to end; cannot be taken back.
#[derive(Clone, Debug, Default)]
pub struct Latch(Arc<AtomicBool>);

impl Latch {
    /// Sets it.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it is set.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Says whether something is so at the moment; one thread writes, others read.
#[derive(Clone, Debug)]
pub struct Flag(Arc<AtomicBool>);

impl Flag {
    /// So, or not.
    pub fn new(so: bool) -> Self {
        Self(Arc::new(AtomicBool::new(so)))
    }

    /// It is so from now on, or not; returns whether that is a change.
    pub fn set(&self, so: bool) -> bool {
        self.0.swap(so, Ordering::AcqRel) != so
    }

    /// Whether it is so.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_tells_its_changes_and_a_latch_stays() {
        let flag = Flag::new(true);
        assert!(!flag.set(true) && flag.set(false) && !flag.clone().is_set());
        let latch = Latch::default();
        latch.clone().set();
        assert!(latch.is_set());
    }
}
