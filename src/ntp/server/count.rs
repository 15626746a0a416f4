//! What the server counts: why requests were dropped, and what became of the others.

use std::fmt;

use crate::coding::Coded;
use crate::sharing::CounterSet;
use crate::wire::ntp::ParseError;

/// Why a datagram got no answer.
///
/// Silence is the answer to everything that is not a request: an error message would be one more reflector.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Coded)]
pub enum DropReason {
    /// It is not an NTP packet.
    Malformed(ParseError),
    /// It is one, but nobody may expect an answer to its mode: an answer, a broadcast, or mode 0 (RFC 5905 9.2).
    Mode,
    /// It says that it comes from port 0, where no answer can go.
    SourcePort,
    /// It is longer than any request, and was cut off.
    TooLong,
    /// It was sent to a group or a broadcast address: answering would make a reflector of every host that hears it.
    NotUnicast,
    /// Its receive stamp is later than the clock, or older than [`AGE_MAX`](super::AGE_MAX): the clock was set while it
    /// waited, or it waited too long to be of use.
    Age,
    /// Its sender may not ask, by the configuration.
    Ignored,
    /// Its sender asks too often.
    TooOften,
}

impl CounterSet for DropReason {
    const ALL: &'static [Self] = &[
        Self::Malformed(ParseError::HeaderTruncated),
        Self::Malformed(ParseError::ControlMode),
        Self::Malformed(ParseError::Version),
        Self::Malformed(ParseError::MacLength),
        Self::Malformed(ParseError::ExtensionFieldLength),
        Self::Malformed(ParseError::LastExtensionFieldTooShort),
        Self::Mode,
        Self::SourcePort,
        Self::TooLong,
        Self::NotUnicast,
        Self::Age,
        Self::Ignored,
        Self::TooOften,
    ];

    fn index(self) -> usize {
        const AFTER_PARSE: usize = ParseError::ALL.len();
        match self {
            Self::Malformed(error) => error.index(),
            Self::Mode => AFTER_PARSE,
            Self::SourcePort => AFTER_PARSE + 1,
            Self::TooLong => AFTER_PARSE + 2,
            Self::NotUnicast => AFTER_PARSE + 3,
            Self::Age => AFTER_PARSE + 4,
            Self::Ignored => AFTER_PARSE + 5,
            Self::TooOften => AFTER_PARSE + 6,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Malformed(error) => error.name(),
            Self::Mode => "mode",
            Self::SourcePort => "source_port",
            Self::TooLong => "too_long",
            Self::NotUnicast => "not_unicast",
            Self::Age => "age",
            Self::Ignored => "ignored",
            Self::TooOften => "too_often",
        }
    }
}

impl From<ParseError> for DropReason {
    fn from(error: ParseError) -> Self {
        Self::Malformed(error)
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a server counts beside its drops.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum ServerCounter {
    /// Datagrams that came in, of whatever kind.
    Requests = 0,
    /// Answers that the kernel took, with synchronised time.
    Answers = 1,
    /// Answers that the kernel took, which said "not synchronised".
    AnswersUnsynchronised = 2,
    /// Answers that the kernel refused: no route back, or a full send buffer.
    SendFailed = 3,
    /// Requests without a kernel stamp, stamped by the worker itself: a little late.
    StampMissing = 4,
    /// Batches answered from an earlier copy of the snapshot, because it was being written at every try.
    SnapshotTorn = 5,
    /// Batches answered as unsynchronised, because the stamping clock was set since the snapshot.
    ClockSet = 6,
    /// Errors of the receiving call.
    ReceiveFailed = 7,
    /// Answers with a receive stamp of the card, whether the kernel took them or not.
    HardwareStamps = 8,
    /// Answers with a receive stamp of the kernel, whether the kernel took them or not.
    SoftwareStamps = 9,
    /// Stamps of the card, of requests and of answers, that were not believed ([`HardwareRejected`](super::HardwareRejected)); the kernel's were used.
    HardwareRejected = 10,
    /// Answers that say "you are not served" (kiss code DENY).
    Denied = 11,
    /// Answers that say "you ask too often" (kiss code RATE).
    RateKisses = 12,
    /// Answers in interleaved mode: with the time at which the one before really left.
    Interleaved = 13,
    /// Answers that were asked for in interleaved mode, and of which it is known when they left.
    Departures = 14,
    /// Those of them of which the card has said it.
    HardwareDepartures = 15,
    /// Answers that the kernel took, with a time that nobody vouches for ([`LocalService`](super::LocalService)).
    AnswersLocal = 16,
}

impl CounterSet for ServerCounter {
    const ALL: &'static [Self] = &[
        Self::Requests,
        Self::Answers,
        Self::AnswersUnsynchronised,
        Self::SendFailed,
        Self::StampMissing,
        Self::SnapshotTorn,
        Self::ClockSet,
        Self::ReceiveFailed,
        Self::HardwareStamps,
        Self::SoftwareStamps,
        Self::HardwareRejected,
        Self::Denied,
        Self::RateKisses,
        Self::Interleaved,
        Self::Departures,
        Self::HardwareDepartures,
        Self::AnswersLocal,
    ];

    fn index(self) -> usize {
        self as usize
    }

    fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Answers => "answers",
            Self::AnswersUnsynchronised => "answers_unsynchronised",
            Self::SendFailed => "send_failed",
            Self::StampMissing => "stamp_missing",
            Self::SnapshotTorn => "snapshot_torn",
            Self::ClockSet => "clock_set",
            Self::ReceiveFailed => "receive_failed",
            Self::HardwareStamps => "hardware_stamps",
            Self::SoftwareStamps => "software_stamps",
            Self::HardwareRejected => "hardware_rejected",
            Self::Denied => "denied",
            Self::RateKisses => "rate_kisses",
            Self::Interleaved => "interleaved",
            Self::Departures => "departures",
            Self::HardwareDepartures => "hardware_departures",
            Self::AnswersLocal => "answers_local",
        }
    }
}
