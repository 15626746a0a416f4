//! Interleaved mode, the server's half: the stamp of when an answer really left goes out with the next one.
//!
//! A server writes T3 into an answer before it leaves, so T3 is too early by all that the kernel and the card do with it; they
//! say when it left only afterwards. In interleaved mode (RFC 9769) the client asks again with the receive stamp of the
//! answer before as its origin timestamp; a server that remembers the two together sends the true T3 of that answer in
//! the place of the new one's.
//!
//! ```text
//!   request   origin = T2 of the answer before   receive = a number of the client's   transmit = another one
//!   answer    origin = that number               receive = T2 of this request         transmit = T3 of the answer before
//! ```
//!
//! A server keeps nothing of its clients otherwise, and here it keeps little: which receive stamp belongs to which transmit stamp,
//! for the last [`REMEMBERED_MAX`] answers of all clients together. What is forgotten is answered in basic mode, which every
//! client takes as well. A receive stamp that two answers have belongs to neither.
//!
//! Read: RFC 9769 2.

use super::{Answer, DropReason, Request, ResponseConfig, respond};
use crate::sharing::TimeSnapshot;
use crate::time::NtpTimestamp;
use crate::wire::ntp::{Mode, Packet, parse, write};

/// Answers of which the transmit stamp is remembered; 16 s at 256 requests a second.
pub const REMEMBERED_MAX: usize = 4_096;

/// One answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Remembered {
    receive: NtpTimestamp,
    /// `None` until it is known, and where two answers have the same receive stamp.
    transmit: Option<NtpTimestamp>,
}

/// Which answers left when. The oldest gives way to the newest.
#[derive(Clone, Debug)]
pub struct Departures {
    /// By a hash of the receive stamp, which no client chooses.
    places: Vec<Option<Remembered>>,
}

impl Default for Departures {
    fn default() -> Self {
        Self { places: vec![None; REMEMBERED_MAX] }
    }
}

impl Departures {
    fn place(receive: NtpTimestamp) -> usize {
        // Fibonacci hashing: nanoseconds that are alike in their low bits come apart.
        (receive.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52) as usize % REMEMBERED_MAX
    }

    /// An answer with this receive stamp is about to leave.
    pub fn answered(&mut self, receive: NtpTimestamp) {
        let place = &mut self.places[Self::place(receive)];
        let is_taken = place.is_some_and(|remembered| remembered.receive == receive);
        // Of two with one stamp nobody knows who asks: neither departs.
        *place = (!is_taken).then_some(Remembered { receive, transmit: None });
    }

    /// It left at this time.
    pub fn departed(&mut self, receive: NtpTimestamp, transmit: NtpTimestamp) {
        let place = self.places[Self::place(receive)].as_mut();
        if let Some(remembered) = place.filter(|remembered| remembered.receive == receive) {
            remembered.transmit = Some(transmit);
        }
    }

    /// When the answer with this receive stamp left.
    pub fn of(&self, receive: NtpTimestamp) -> Option<NtpTimestamp> {
        let remembered = self.places[Self::place(receive)].filter(|remembered| remembered.receive == receive)?;
        remembered.transmit
    }
}

/// As [`respond`], in interleaved mode where the request asks for it and the stamp is remembered.
///
/// # Errors
/// The [`DropReason`]; nothing is to be sent then.
///
/// # Panics
/// As [`respond`].
pub fn respond_interleaved(
    request: &Request<'_>,
    snapshot: &TimeSnapshot,
    config: ResponseConfig,
    departures: &mut Departures,
    out: &mut [u8],
) -> Result<Answer, DropReason> {
    let answer = respond(request, snapshot, config, out)?;
    let asked = parse(request.data)?.header;
    let mut header = parse(&out[..answer.length])?.header;
    // A client that is no other than itself: its two numbers differ, and neither is "unset" (RFC 9769 2).
    let asks = asked.mode == Mode::Client
        && !asked.origin_timestamp.is_unset()
        && !asked.receive_timestamp.is_unset()
        && asked.receive_timestamp != asked.transmit_timestamp;
    if let Some(transmit) = departures.of(asked.origin_timestamp).filter(|_| asks && answer.is_synchronised) {
        header.origin_timestamp = asked.receive_timestamp;
        header.transmit_timestamp = transmit;
        write(&Packet::plain(header), out).expect("as long as before");
    }
    departures.answered(header.receive_timestamp);
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ntp::server::ANSWER_LENGTH_MAX;
    use crate::time::{Duration, LeapIndicator, Local, SyncState, Timestamp};
    use crate::wire::ntp::Header;

    const CLOCK: Timestamp<Local> = Timestamp::from_secs(1_790_000_000);

    fn snapshot() -> TimeSnapshot {
        let mono = Timestamp::from_secs(50);
        TimeSnapshot {
            state: SyncState::Locked,
            leap: LeapIndicator::NoWarning,
            stratum: 1,
            anchor_local: CLOCK,
            anchor_utc: CLOCK.read_as(),
            is_bounded: true,
            last_sample: Some(mono),
            ..TimeSnapshot::unsynchronised(mono)
        }
    }

    const fn stamp(bits: u64) -> NtpTimestamp {
        NtpTimestamp::from_bits(bits)
    }

    /// The answer to a request with these three stamps, `micros` after [`CLOCK`].
    fn ask(departures: &mut Departures, micros: i64, [origin, receive, transmit]: [NtpTimestamp; 3]) -> Header {
        let asked = Header {
            mode: Mode::Client,
            origin_timestamp: origin,
            receive_timestamp: receive,
            transmit_timestamp: transmit,
            ..Header::default()
        };
        let mut data = [0; ANSWER_LENGTH_MAX];
        write(&Packet::plain(asked), &mut data).unwrap();
        let now = CLOCK + Duration::from_micros(micros);
        let request = Request { data: &data, from_port: 40_000, received: now, hardware: None, now };
        let mut out = [0; ANSWER_LENGTH_MAX];
        respond_interleaved(&request, &snapshot(), ResponseConfig::default(), departures, &mut out).unwrap();
        parse(&out).unwrap().header
    }

    #[test]
    fn the_second_answer_has_the_true_departure_of_the_first() {
        let mut departures = Departures::default();
        let first = ask(&mut departures, 0, [stamp(0), stamp(0), stamp(77)]);
        assert_eq!(first.origin_timestamp, stamp(77), "basic");
        let left = stamp(first.transmit_timestamp.to_bits() + 12_345);
        departures.departed(first.receive_timestamp, left);
        let second = ask(&mut departures, 900, [first.receive_timestamp, stamp(5), stamp(78)]);
        assert_eq!((second.origin_timestamp, second.transmit_timestamp), (stamp(5), left));
        assert!(second.receive_timestamp.since(left) > Duration::ZERO, "its own receive stamp");
        // The answer was lost: the client asks for the same one again.
        let again = ask(&mut departures, 1_800, [first.receive_timestamp, stamp(6), stamp(79)]);
        assert_eq!((again.origin_timestamp, again.transmit_timestamp), (stamp(6), left));
    }

    #[test]
    fn what_is_not_known_or_not_asked_for_rightly_is_answered_in_basic_mode() {
        let mut departures = Departures::default();
        let first = ask(&mut departures, 0, [stamp(0), stamp(0), stamp(77)]);
        let receive = first.receive_timestamp;
        let basic = |departures: &mut Departures, micros, stamps: [NtpTimestamp; 3]| {
            let answer = ask(departures, micros, stamps);
            assert_eq!(answer.origin_timestamp, stamps[2]);
            assert!(answer.transmit_timestamp.since(answer.receive_timestamp) > Duration::ZERO);
        };
        basic(&mut departures, 1, [receive, stamp(5), stamp(78)]);
        departures.departed(receive, stamp(first.transmit_timestamp.to_bits() + 9));
        basic(&mut departures, 2, [stamp(receive.to_bits() ^ 2), stamp(5), stamp(79)]);
        basic(&mut departures, 3, [receive, stamp(80), stamp(80)]);
        basic(&mut departures, 4, [receive, stamp(0), stamp(81)]);
        basic(&mut Departures::default(), 5, [receive, stamp(5), stamp(82)]);
    }

    #[test]
    fn a_receive_stamp_that_two_answers_have_belongs_to_neither() {
        let mut departures = Departures::default();
        let first = ask(&mut departures, 0, [stamp(0), stamp(0), stamp(77)]);
        departures.departed(first.receive_timestamp, stamp(9));
        let second = ask(&mut departures, 0, [stamp(0), stamp(0), stamp(78)]);
        assert_eq!(first.receive_timestamp, second.receive_timestamp);
        departures.departed(second.receive_timestamp, stamp(11));
        assert_eq!(departures.of(first.receive_timestamp), None);
    }

    #[test]
    fn however_many_ask_no_more_is_kept_than_there_is_room_for_and_the_latest_are() {
        let mut departures = Departures::default();
        let receives: Vec<_> = (0..20_000).map(|n| ask(&mut departures, n, [stamp(0), stamp(0), stamp(7)])).collect();
        for answer in &receives {
            departures.departed(answer.receive_timestamp, answer.transmit_timestamp);
        }
        assert_eq!(departures.places.len(), REMEMBERED_MAX);
        let known =
            |answers: &[Header]| answers.iter().filter(|a| departures.of(a.receive_timestamp).is_some()).count();
        assert!(known(&receives[..10_000]) < 2_000, "{}", known(&receives[..10_000]));
        assert!(known(&receives[19_500..]) > 400, "{}", known(&receives[19_500..]));
    }
}
