//! L0: the values that everything else is made of.
//!
//! A daemon of this kind fails most often by mixing two times up: TAI with UTC, a network card's reading with the
//! system's, a stamp from before a step with one from after it. So each of these is a type, and what must not be
//! subtracted does not compile, or returns an error that names the reason.
//!
//! | value | what it is |
//! |---|---|
//! | [`Timestamp<Tai>`](Timestamp), `<Utc>`, `<Local>`, `<Mono>` | an instant on one scale, 2^-16 ns in `i128` |
//! | [`Duration`] | a difference of two instants of one scale; saturating |
//! | [`LogInterval`] | log2 of a message interval in seconds, as on the wire |
//! | [`FrequencyPpb`] | a fractional frequency in parts per 10^9; positive runs fast |
//! | [`ErrorBound`] | how wrong a time may be at most |
//! | [`Stamp`] | a reading of one clock, with its epoch, origin and own error |
//! | [`Observation`] | one message that left one clock and reached another: a directed edge between two clocks |
//! | [`NtpTimestamp`], [`NtpShort`] | NTP's 64- and 32-bit formats, unfolded past 2036 |
//! | [`LeapIndicator`], [`TaiUtc`], [`LeapTable`] | what is between TAI and UTC |
//! | [`SyncState`] | the one word for the state of a clock, the same everywhere |
//!
//! Below layer 3 nobody reads a clock: `now` is always a parameter.

mod bound;
mod calendar;
mod duration;
mod frequency;
mod interval;
mod leap;
mod ntp;
mod observation;
mod stamp;
mod state;
mod timestamp;

pub use bound::ErrorBound;
pub(crate) use calendar::civil_from_days;
pub use duration::Duration;
pub use frequency::FrequencyPpb;
pub use interval::LogInterval;
pub use leap::{LeapIndicator, LeapStep, LeapTable, LeapTableError, TaiUtc};
pub use ntp::{NTP_UNIX_OFFSET_S, NtpShort, NtpTimestamp};
pub use observation::{Observation, SourceId};
pub use stamp::{ClockEpoch, ClockId, Stamp, StampSource, Unpaired};
pub use state::SyncState;
pub use timestamp::{Local, Mono, Scale, Tai, Timestamp, Utc};

/// Ticks of 2^-16 ns in one nanosecond: the unit of TimeInterval and correctionField (IEEE 1588-2019 5.3.2).
pub const TICKS_PER_NS: i128 = 1 << 16;

/// Ticks of 2^-16 ns in one second.
pub const TICKS_PER_S: i128 = 1_000_000_000 * TICKS_PER_NS;
