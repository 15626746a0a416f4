//! What the client counts: each datagram exactly once, and what became of each request.

use crate::coding::Coded;
use crate::sharing::CounterSet;
use crate::wire::ntp::ParseError;

/// Writes the enum, its order and its names from one list.
macro_rules! counters {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What a client counts.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Coded)]
        pub enum ClientCounter {
            $($(#[$doc])* $variant,)*
            /// Not an NTP packet.
            Malformed(ParseError),
        }

        #[derive(Clone, Copy)]
        enum Place {
            $($variant,)*
        }

        const PLAIN: &[ClientCounter] = &[$(ClientCounter::$variant,)*];

        impl CounterSet for ClientCounter {
            const ALL: &'static [Self] = &ALL;

            fn index(self) -> usize {
                match self {
                    $(Self::$variant => Place::$variant as usize,)*
                    Self::Malformed(error) => PLAIN.len() + error.index(),
                }
            }

            fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Malformed(error) => error.name(),
                }
            }
        }
    };
}

counters! {
    /// Requests sent.
    Requests = "requests",
    /// Requests that the socket refused.
    SendFailed = "send_failed",
    /// Requests that nobody answered in time.
    Unanswered = "unanswered",
    /// Answers of a synchronised server.
    Answers = "answers",
    /// Exchanges of which all four stamps came, and were plausible.
    Measured = "measured",
    /// Not an answer: another mode than 4 (server).
    Mode = "mode",
    /// The server could not verify a MAC; we sent none.
    CryptoNak = "crypto_nak",
    /// Both stamps of the server are those of the answer before.
    Duplicate = "duplicate",
    /// Nobody asked: to none of our requests, or to one that was answered or given up.
    Unexpected = "unexpected",
    /// The origin timestamp is zero: whoever sent it has not seen our request.
    OriginUnset = "origin_unset",
    /// The origin timestamp is not that of our request.
    OriginMismatch = "origin_mismatch",
    /// Kiss code RATE: we ask too often.
    KissRate = "kiss_rate",
    /// Kiss code DENY: we are not served.
    KissDeny = "kiss_deny",
    /// Kiss code RSTR: we are not served.
    KissRestrict = "kiss_restrict",
    /// The server says that it has no time: leap 3, or stratum 0 with another code.
    Unsynchronised = "unsynchronised",
    /// Stratum 16 or more.
    StratumExcessive = "stratum_excessive",
    /// Root distance of 16 s or more.
    RootDistanceExcessive = "root_distance_excessive",
    /// The receive or the transmit timestamp is zero.
    TimestampUnset = "timestamp_unset",
    /// The answer left before its request came.
    AnswerBeforeRequest = "answer_before_request",
    /// The server's clock was last set after the answer left.
    ReferenceLater = "reference_later",
    /// The server follows us.
    FollowsUs = "follows_us",
    /// It has no source, and follows the clock of another one that has none (`ntp.server.local.orphan`).
    OrphanFollows = "orphan_follows",
    /// It serves its own clock, and comes after us among those who do: it is to follow us.
    OrphanAfterUs = "orphan_after_us",
    /// The server is we ourselves.
    OurselvesAnswered = "ourselves_answered",
    /// An answer without a receive stamp.
    RxStampMissing = "rx_stamp_missing",
    /// An answer in interleaved mode: it says when the one before left.
    Interleaved = "interleaved",
    /// The same, and nothing waited for it: the one before was measured, or cannot be.
    InterleavedUnused = "interleaved_unused",
    /// A request whose transmit stamp never came.
    TxStampMissing = "tx_stamp_missing",
    /// A transmit stamp that nobody waits for any more.
    TxStampUnexpected = "tx_stamp_unexpected",
    /// Our clock was stepped between the two stamps of an exchange.
    ClockStepped = "clock_stepped",
    /// The server held the request for longer than the exchange took.
    RoundTripNegative = "round_trip_negative",
    /// The round trip took longer than an answer is waited for.
    RoundTripExcessive = "round_trip_excessive",
}

const ALL: [ClientCounter; PLAIN.len() + ParseError::ALL.len()] = {
    let mut all = [ClientCounter::Requests; PLAIN.len() + ParseError::ALL.len()];
    let mut i = 0;
    while i < all.len() {
        all[i] = if i < PLAIN.len() { PLAIN[i] } else { ClientCounter::Malformed(ParseError::ALL[i - PLAIN.len()]) };
        i += 1;
    }
    all
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_counter_has_its_own_place_and_name() {
        let mut names: Vec<_> = ClientCounter::ALL.iter().map(|counter| counter.name()).collect();
        assert!(ClientCounter::ALL.iter().enumerate().all(|(index, counter)| counter.index() == index));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ClientCounter::ALL.len());
    }
}
