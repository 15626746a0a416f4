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
//! Remembering costs memory, and a stamp for each answer costs time, so neither is spent on those who never ask for it. Our receive
//! stamps have their lowest bit set and our transmit stamps have not (see `Stamps`): an origin with that bit is a receive stamp that
//! somebody sends back, and so asks for interleaved mode, whether it is remembered or not. The answer to that is stamped and remembered; the
//! next one is interleaved. A request of basic mode leaves no trace.
//!
//! What is remembered has two halves of [`REMEMBERED_MAX`] each. In one are the answers to who only asks, which anybody can do in
//! anybody's name. In the other are those to who came back with the receive stamp of an answer that was remembered: that is 64 bits
//! which only its receiver knows. So a flood of forged requests can keep newcomers in basic mode, and takes nothing from those who are in
//! interleaved mode already. What is forgotten is answered in basic mode, which every client takes as well. A receive stamp that two
//! answers have belongs to neither.
//!
//! Read: RFC 9769 2.

use super::{Answer, DropReason, Request, ResponseConfig, respond};
use crate::sharing::TimeSnapshot;
use crate::time::NtpTimestamp;
use crate::wire::ntp::{Header, Mode, Packet, parse, write};

/// Answers of which the transmit stamp is remembered, of newcomers and of those who have come back; 16 s at 256 requests a second.
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
struct Half {
    /// By a hash of the receive stamp, which no client chooses.
    places: Vec<Option<Remembered>>,
}

impl Default for Half {
    fn default() -> Self {
        Self { places: vec![None; REMEMBERED_MAX] }
    }
}

impl Half {
    fn place(receive: NtpTimestamp) -> usize {
        // Fibonacci hashing: nanoseconds that are alike in their low bits come apart.
        (receive.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52) as usize % REMEMBERED_MAX
    }

    fn get(&self, receive: NtpTimestamp) -> Option<Remembered> {
        self.places[Self::place(receive)].filter(|remembered| remembered.receive == receive)
    }

    fn answered(&mut self, receive: NtpTimestamp) {
        // Of two with one stamp nobody knows who asks: neither departs.
        let is_taken = self.get(receive).is_some();
        self.places[Self::place(receive)] = (!is_taken).then_some(Remembered { receive, transmit: None });
    }

    fn departed(&mut self, receive: NtpTimestamp, transmit: NtpTimestamp) {
        let place = self.places[Self::place(receive)].as_mut();
        if let Some(remembered) = place.filter(|remembered| remembered.receive == receive) {
            remembered.transmit = Some(transmit);
        }
    }
}

/// Which answers left when, of those who ask for it.
#[derive(Clone, Debug, Default)]
pub struct Departures {
    newcomers: Half,
    known: Half,
}

impl Departures {
    /// The answer with this receive stamp left at this time.
    pub fn departed(&mut self, receive: NtpTimestamp, transmit: NtpTimestamp) {
        self.newcomers.departed(receive, transmit);
        self.known.departed(receive, transmit);
    }

    /// When the answer with this receive stamp left, if that is known.
    pub fn of(&self, receive: NtpTimestamp) -> Option<NtpTimestamp> {
        self.known.get(receive).or(self.newcomers.get(receive))?.transmit
    }

    /// An answer with this receive stamp is about to leave, to somebody who came with that one.
    fn answered(&mut self, receive: NtpTimestamp, came_with: NtpTimestamp) {
        let is_known = self.known.get(came_with).or(self.newcomers.get(came_with)).is_some();
        let half = if is_known { &mut self.known } else { &mut self.newcomers };
        half.answered(receive);
    }
}

/// An answer that may be in interleaved mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InterleavedAnswer {
    /// What was written.
    pub answer: Answer,
    /// It says when the answer before left.
    pub is_interleaved: bool,
    /// Its receive stamp, if it is to be known when it left: [`Departures::departed`].
    pub awaited: Option<NtpTimestamp>,
}

/// Whether a request asks for interleaved mode: it comes from a client that is no other than itself, with two numbers that differ and
/// are not "unset" (RFC 9769 2), and with an origin that is a receive stamp of ours.
fn asks_for_departure(asked: &Header) -> bool {
    asked.mode == Mode::Client
        && asked.origin_timestamp.to_bits() & 1 == 1
        && !asked.receive_timestamp.is_unset()
        && asked.receive_timestamp != asked.transmit_timestamp
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
) -> Result<InterleavedAnswer, DropReason> {
    let answer = respond(request, snapshot, config, out)?;
    interleave(request, answer, departures, out)
}

/// Makes an interleaved answer of a basic one that was written, where the request asks for it and the stamp is remembered.
///
/// # Errors
/// The [`DropReason`] of what is no request.
pub fn interleave(
    request: &Request<'_>,
    answer: Answer,
    departures: &mut Departures,
    out: &mut [u8],
) -> Result<InterleavedAnswer, DropReason> {
    let asked = parse(request.data)?.header;
    if !answer.is_synchronised || !asks_for_departure(&asked) {
        return Ok(InterleavedAnswer { answer, is_interleaved: false, awaited: None });
    }
    let mut header = parse(&out[..answer.length])?.header;
    let departed = departures.of(asked.origin_timestamp);
    if let Some(transmit) = departed {
        header.origin_timestamp = asked.receive_timestamp;
        header.transmit_timestamp = transmit;
        write(&Packet::plain(header), out).expect("as long as before");
    }
    departures.answered(header.receive_timestamp, asked.origin_timestamp);
    Ok(InterleavedAnswer { answer, is_interleaved: departed.is_some(), awaited: Some(header.receive_timestamp) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ntp::server::ANSWER_LENGTH_MAX;
    use crate::time::{Duration, LeapIndicator, Local, SyncState, Timestamp};

    const CLOCK: Timestamp<Local> = Timestamp::from_secs(1_790_000_000);
    const NONE: NtpTimestamp = NtpTimestamp::UNSET;

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

    /// The answer to a request with these three stamps, `micros` after [`CLOCK`], and whether its departure is awaited.
    fn asked(departures: &mut Departures, micros: i64, stamps: [NtpTimestamp; 3]) -> (Header, InterleavedAnswer) {
        let [origin_timestamp, receive_timestamp, transmit_timestamp] = stamps;
        let mode = Mode::Client;
        let asked = Header { mode, origin_timestamp, receive_timestamp, transmit_timestamp, ..Header::default() };
        let mut data = [0; ANSWER_LENGTH_MAX];
        write(&Packet::plain(asked), &mut data).unwrap();
        let now = CLOCK + Duration::from_micros(micros);
        let request = Request { data: &data, from_port: 40_000, received: now, hardware: None, now };
        let mut out = [0; ANSWER_LENGTH_MAX];
        let made = respond_interleaved(&request, &snapshot(), ResponseConfig::default(), departures, &mut out).unwrap();
        (parse(&out).unwrap().header, made)
    }

    fn ask(departures: &mut Departures, micros: i64, stamps: [NtpTimestamp; 3]) -> Header {
        asked(departures, micros, stamps).0
    }

    /// A client that has come back once: the last answer to it, which has left at its transmit stamp and `late` more.
    fn introduce(departures: &mut Departures, micros: i64, late: u64) -> (Header, NtpTimestamp) {
        let first = ask(departures, micros, [NONE, NONE, stamp(77)]);
        let second = ask(departures, micros + 100, [first.receive_timestamp, stamp(5), stamp(78)]);
        assert_eq!(second.origin_timestamp, stamp(78), "its departure was not asked for: basic");
        let left = stamp(second.transmit_timestamp.to_bits() + late);
        departures.departed(second.receive_timestamp, left);
        (second, left)
    }

    #[test]
    fn who_never_asks_for_it_leaves_no_trace() {
        let mut departures = Departures::default();
        let (_, made) = asked(&mut departures, 0, [NONE, NONE, stamp(77)]);
        assert_eq!((made.awaited, made.is_interleaved), (None, false));
        // As old clients do, which send back the transmit stamp and their own receive stamp.
        let (header, _) = asked(&mut departures, 1, [NONE, NONE, stamp(78)]);
        let (_, made) = asked(&mut departures, 2, [header.transmit_timestamp, stamp(4), stamp(79)]);
        assert_eq!((made.awaited, made.is_interleaved), (None, false));
        let all = [&departures.newcomers, &departures.known];
        assert!(all.iter().all(|half| half.places.iter().all(Option::is_none)));
    }

    #[test]
    fn the_next_answer_has_the_true_departure_of_the_one_before() {
        let mut departures = Departures::default();
        let (second, left) = introduce(&mut departures, 0, 12_345);
        let (third, made) = asked(&mut departures, 900, [second.receive_timestamp, stamp(6), stamp(79)]);
        assert_eq!((third.origin_timestamp, third.transmit_timestamp), (stamp(6), left));
        assert!(third.receive_timestamp.since(left) > Duration::ZERO, "its own receive stamp");
        assert_eq!((made.is_interleaved, made.awaited), (true, Some(third.receive_timestamp)));
        // The answer was lost: the client asks for the same one again.
        let again = ask(&mut departures, 1_800, [second.receive_timestamp, stamp(7), stamp(80)]);
        assert_eq!((again.origin_timestamp, again.transmit_timestamp), (stamp(7), left));
    }

    #[test]
    fn what_is_not_known_or_not_asked_for_rightly_is_answered_in_basic_mode() {
        let mut departures = Departures::default();
        let (second, _) = introduce(&mut departures, 0, 9);
        let receive = second.receive_timestamp;
        let basic = |departures: &mut Departures, micros, stamps: [NtpTimestamp; 3]| {
            let answer = ask(departures, micros, stamps);
            assert_eq!(answer.origin_timestamp, stamps[2]);
            assert!(answer.transmit_timestamp.since(answer.receive_timestamp) > Duration::ZERO);
        };
        basic(&mut departures, 202, [stamp(receive.to_bits() ^ 2), stamp(5), stamp(79)]);
        basic(&mut departures, 203, [receive, stamp(80), stamp(80)]);
        basic(&mut departures, 204, [receive, NONE, stamp(81)]);
        basic(&mut Departures::default(), 205, [receive, stamp(5), stamp(82)]);
    }

    #[test]
    fn a_receive_stamp_that_two_answers_have_belongs_to_neither() {
        let mut departures = Departures::default();
        let first = ask(&mut departures, 0, [stamp(1), stamp(3), stamp(77)]);
        departures.departed(first.receive_timestamp, stamp(9));
        let second = ask(&mut departures, 0, [stamp(1), stamp(3), stamp(78)]);
        assert_eq!(first.receive_timestamp, second.receive_timestamp);
        departures.departed(second.receive_timestamp, stamp(11));
        assert_eq!(departures.of(first.receive_timestamp), None);
    }

    #[test]
    fn forged_requests_take_nothing_from_those_who_have_come_back() {
        let mut departures = Departures::default();
        let clients: Vec<_> = (0..100)
            .map(|n| {
                let (second, _) = introduce(&mut departures, 1_000 * n, 9);
                let third = ask(&mut departures, 1_000 * n + 200, [second.receive_timestamp, stamp(6), stamp(79)]);
                departures.departed(third.receive_timestamp, third.transmit_timestamp);
                third.receive_timestamp
            })
            .collect();
        for n in 0..50_000 {
            let forged = stamp(0x1234_5678_9abc_def1_u64.wrapping_mul(2 * n as u64 + 1) | 1);
            let (answer, _) = asked(&mut departures, 200_000 + n, [forged, stamp(5), stamp(7)]);
            departures.departed(answer.receive_timestamp, answer.transmit_timestamp);
        }
        // A few share a place with each other.
        let known = clients.iter().filter(|receive| departures.of(**receive).is_some()).count();
        assert!(known >= 97, "{known} of 100");
        assert_eq!(departures.newcomers.places.len() + departures.known.places.len(), 2 * REMEMBERED_MAX);
    }
}
