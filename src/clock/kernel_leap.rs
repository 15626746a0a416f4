//! Somebody else's word on a leap second, as the kernel has been told it.
//!
//! The kernel inserts or leaves out a second at the end of the UTC day if `STA_INS` or `STA_DEL` is set then, whoever set it. We write both bits
//! with each word on the time, about once a second, so that what another program has set is gone a second later; but it is found first. A program that tells
//! the kernel of a leap second has that from somebody: it counts as the word of one source more (see `Cascade::kernel_was_told`), and alone makes none.
//!
//! What was found at the start may be an earlier run's of our own, or of a program that has ended: also a word.

use crate::time::LeapIndicator;

const DAY_S: i64 = 86_400;

/// Of whom the bits are that are found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KernelLeap {
    /// What we have written last; nothing, at first.
    ours: LeapIndicator,
    /// What somebody else wrote last, on the day that this is of.
    theirs: LeapIndicator,
    day: i64,
    is_untold: bool,
}

impl KernelLeap {
    /// Nothing was written by us, and nothing found.
    pub const fn new() -> Self {
        Self { ours: LeapIndicator::NoWarning, theirs: LeapIndicator::NoWarning, day: 0, is_untold: false }
    }

    /// The kernel has this, at `second` of its UTC: before it is written anew.
    pub fn found(&mut self, second: i64, found: LeapIndicator) {
        let day = second.div_euclid(DAY_S);
        if std::mem::replace(&mut self.day, day) != day {
            // The leap second of that day is over, or was none.
            self.theirs = LeapIndicator::NoWarning;
        }
        if found != self.ours && found != self.theirs {
            self.theirs = found;
            self.is_untold = true;
        }
    }

    /// We write this.
    pub fn wrote(&mut self, ours: LeapIndicator) {
        self.ours = ours;
    }

    /// What somebody else has announced, or taken back, since this was asked last.
    pub fn take(&mut self) -> Option<LeapIndicator> {
        std::mem::take(&mut self.is_untold).then_some(self.theirs)
    }
}

#[cfg(test)]
mod tests {
    use LeapIndicator::{Delete, Insert, NoWarning};

    use super::*;

    /// 2026-12-31, noon.
    const NOON: i64 = 1_798_718_400;

    /// The bits of a kernel that we write each second, and others when they like.
    struct Kernel {
        bits: LeapIndicator,
        second: i64,
        watch: KernelLeap,
    }

    impl Kernel {
        fn new(bits: LeapIndicator) -> Self {
            Self { bits, second: NOON, watch: KernelLeap::new() }
        }

        /// A second later we look, and write `ours`; what is told.
        fn turn(&mut self, ours: LeapIndicator) -> Option<LeapIndicator> {
            self.second += 1;
            self.watch.found(self.second, self.bits);
            self.bits = ours;
            self.watch.wrote(ours);
            self.watch.take()
        }
    }

    #[test]
    fn what_was_found_at_the_start_is_anothers_word_and_told_once() {
        let mut kernel = Kernel::new(Insert);
        assert_eq!(kernel.turn(NoWarning), Some(Insert));
        assert_eq!((kernel.bits, kernel.turn(NoWarning)), (NoWarning, None));
        assert_eq!(Kernel::new(NoWarning).turn(NoWarning), None);
    }

    #[test]
    fn who_announces_later_and_again_and_again_is_told_once() {
        let mut kernel = Kernel::new(NoWarning);
        assert_eq!(kernel.turn(NoWarning), None);
        for told in [Some(Delete), None, None] {
            kernel.bits = Delete;
            assert_eq!(kernel.turn(NoWarning), told);
        }
        kernel.bits = Insert;
        assert_eq!(kernel.turn(NoWarning), Some(Insert), "another word");
    }

    #[test]
    fn our_own_bits_are_nobody_elses_and_who_takes_an_agreed_one_back_is_told() {
        let mut kernel = Kernel::new(NoWarning);
        assert_eq!([Insert, Insert, Insert].map(|ours| kernel.turn(ours)), [None; 3]);
        // Another program writes the status as a whole, and had announced nothing: that is no news.
        kernel.bits = NoWarning;
        assert_eq!(kernel.turn(Insert), None);
        kernel.bits = Delete;
        assert_eq!(kernel.turn(Insert), Some(Delete));
        kernel.bits = NoWarning;
        assert_eq!(kernel.turn(Insert), Some(NoWarning));
    }

    #[test]
    fn a_word_is_of_its_day() {
        let mut kernel = Kernel::new(Insert);
        assert_eq!(kernel.turn(NoWarning), Some(Insert));
        kernel.second += DAY_S;
        assert_eq!(kernel.turn(NoWarning), None);
        kernel.bits = Insert;
        assert_eq!(kernel.turn(NoWarning), Some(Insert), "it says so again");
    }
}
