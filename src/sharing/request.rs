//! A wish of one thread that others look at: off, or on since the n-th time that it was asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Odd while it is on; each beginning is another number.
#[derive(Clone, Default, Debug)]
pub struct Request(Arc<AtomicU32>);

impl Request {
    /// Asks for it, or asks anew: whoever has begun already begins again.
    pub fn begin(&self) {
        // One thread asks; the others only look.
        let now = self.0.load(Ordering::Relaxed);
        self.0.store((now | 1).wrapping_add(if now & 1 == 1 { 2 } else { 0 }), Ordering::Release);
    }

    /// Enough.
    pub fn end(&self) {
        let now = self.0.load(Ordering::Relaxed);
        if now & 1 == 1 {
            self.0.store(now.wrapping_add(1), Ordering::Release);
        }
    }

    /// The number of the request that holds now; `None`: nothing is asked for.
    pub fn number(&self) -> Option<u32> {
        let now = self.0.load(Ordering::Acquire);
        (now & 1 == 1).then_some(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_beginning_is_another_number() {
        let request = Request::default();
        let seen = request.clone();
        assert_eq!(seen.number(), None);
        request.begin();
        let first = seen.number().unwrap();
        request.begin();
        let second = seen.number().unwrap();
        request.end();
        assert_eq!(seen.number(), None);
        request.end();
        request.begin();
        let third = seen.number().unwrap();
        assert!(first != second && second != third && first != third);
    }
}
