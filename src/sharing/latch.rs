//! A flag that is set once.

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
