//! What is counted of a reference clock: each sample once, and why it was refused.

use crate::coding::Coded;
use crate::sharing::CounterSet;
use crate::wire::refclock::ParseError;

/// Writes the enum, its order, its names and its words from one list.
macro_rules! counters {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $words:literal;)*) => {
        /// What is counted.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Coded)]
        pub enum ClockCounter {
            $($(#[$doc])* $variant,)*
        }

        impl CounterSet for ClockCounter {
            const ALL: &'static [Self] = &[$(Self::$variant,)*];

            fn index(self) -> usize {
                self as usize
            }

            fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }

        impl ClockCounter {
            /// What there is to say of a clock whose last sample this was.
            pub const fn words(self) -> &'static str {
                match self {
                    $(Self::$variant => $words,)*
                }
            }
        }
    };
}

counters! {
    /// Samples that were usable.
    Samples = "samples", "it gives samples";
    /// Measurements that were made of them.
    Measured = "measured", "it is measured";
    /// Written while it was read.
    Torn = "torn", "its samples are overwritten while they are read";
    /// Not as long as a sample is.
    Length = "length", "what it sends is not as long as a sample";
    /// Without the mark of a sample, or of a mode that nobody knows.
    Magic = "magic", "what it sends is no sample of this kind";
    /// With a field outside of its range.
    Field = "field", "its samples have fields that cannot be";
    /// A pulse where times are expected, or the other way round.
    OtherKind = "other_kind", "it sends pulses where times are expected, or times where pulses are";
    /// It says that it has no time.
    Unsynchronised = "unsynchronised", "it says that it has no time (no fix, not synchronised)";
    /// Stamped later than now.
    Future = "future", "its samples are stamped in the future";
    /// Stamped too long ago.
    Stale = "stale", "its samples are too old when they come";
    /// Not later than the one before.
    Repeated = "repeated", "it repeats itself";
    /// A time that has passed for certain.
    Implausible = "implausible", "its date is before this program was made: it has lost it (a GPS week rollover, a dead battery)";
    /// Taken around a step of a clock that stamps.
    Stepped = "stepped", "the clock that stamps was stepped meanwhile";
    /// An edge of a pulse, of which nobody can tell whether it begins a second.
    Edge = "edge", "nobody can tell which of its edges begins a second";
}

impl From<ParseError> for ClockCounter {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::Length => Self::Length,
            ParseError::Magic => Self::Magic,
            ParseError::Field => Self::Field,
        }
    }
}
