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
//! answers have belongs to neither. When our clock is stepped all is forgotten: what is remembered is of a scale that is over.
//!
//! The kernel's stamp comes first, and the card's, where it makes one, some microseconds later; whichever is the latest when the
//! client asks again is sent, so that a card that is late or silent delays nothing.
//!
//! Read: RFC 9769 2.

use super::{Answer, DropReason, Request, ResponseConfig, respond};
use crate::sharing::TimeSnapshot;
use crate::time::{ClockEpoch, Duration, NtpShort, NtpTimestamp, Timestamp, Utc};
use crate::wire::ntp::{Header, Mode, Packet, parse, write};

/// Answers of which the transmit stamp is remembered, of newcomers and of those who have come back; 16 s at 256 requests a second.
pub const REMEMBERED_MAX: usize = 4_096;

/// When an answer left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Departure {
    transmit: NtpTimestamp,
    /// Its greatest error, rounded up.
    error_ns: u64,
}

impl Departure {
    /// At this time, which is wrong by `error` at most.
    pub fn new(at: Timestamp<Utc>, error: Duration) -> Self {
        // The lowest bit of a transmit stamp is 0: see `Stamps`.
        let transmit = NtpTimestamp::from_bits(NtpTimestamp::from_utc(at).to_bits() & !1);
        Self { transmit, error_ns: (error.as_nanos() + 1).max(0) as u64 }
    }

    /// What goes out as the transmit timestamp.
    pub fn transmit(self) -> NtpTimestamp {
        self.transmit
    }

    /// The root dispersion with which an answer that has this root delay and precision covers the error.
    fn root_dispersion(self, root_delay: NtpShort, precision: i8) -> NtpShort {
        let resolution = ResponseConfig { precision, ..ResponseConfig::default() }.resolution();
        let error = Duration::from_nanos(i64::try_from(self.error_ns).unwrap_or(i64::MAX));
        NtpShort::from_duration_rounded_up(error + resolution - root_delay.to_duration().half())
    }
}

/// One answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Remembered {
    receive: NtpTimestamp,
    /// `None` until it is known, and where two answers have the same receive stamp.
    departure: Option<Departure>,
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
        self.places[Self::place(receive)] = (!is_taken).then_some(Remembered { receive, departure: None });
    }

    fn departed(&mut self, receive: NtpTimestamp, departure: Departure) {
        let place = self.places[Self::place(receive)].as_mut();
        if let Some(remembered) = place.filter(|remembered| remembered.receive == receive) {
            remembered.departure = Some(departure);
        }
    }

    /// Returns how many that were.
    fn forget_damaged(&mut self) -> usize {
        let mut forgotten = 0;
        for (number, place) in self.places.iter_mut().enumerate() {
            let is_damaged = place.is_some_and(|remembered| {
                let departed = remembered.departure.map_or(0, |departure| departure.transmit.to_bits());
                Self::place(remembered.receive) != number || remembered.receive.to_bits() & 1 == 0 || departed & 1 == 1
            });
            if is_damaged {
                *place = None;
                forgotten += 1;
            }
        }
        forgotten
    }
}

/// Which answers left when, of those who ask for it.
#[derive(Clone, Debug, Default)]
pub struct Departures {
    newcomers: Half,
    known: Half,
    epoch: ClockEpoch,
}

impl Departures {
    /// The answer with this receive stamp left then: as far as is known by now.
    pub fn departed(&mut self, receive: NtpTimestamp, departure: Departure) {
        self.newcomers.departed(receive, departure);
        self.known.departed(receive, departure);
    }

    /// Forgets what cannot be right, of what is taken over from who has come to grief: a place that is not its stamp's, stamps that none of ours
    /// can be. Returns how many that were.
    pub fn forget_damaged(&mut self) -> usize {
        self.newcomers.forget_damaged() + self.known.forget_damaged()
    }

    /// Our clock is in this epoch; if it is another one than before, nothing is remembered any more.
    pub fn in_epoch(&mut self, epoch: ClockEpoch) {
        if epoch != self.epoch {
            self.newcomers.places.fill(None);
            self.known.places.fill(None);
            self.epoch = epoch;
        }
    }

    /// When the answer with this receive stamp left, if that is known.
    pub fn of(&self, receive: NtpTimestamp) -> Option<Departure> {
        self.known.get(receive).or(self.newcomers.get(receive))?.departure
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
    if let Some(departure) = departed {
        header.origin_timestamp = asked.receive_timestamp;
        header.transmit_timestamp = departure.transmit;
        // The stamp is of then, and so is its error.
        let covering = departure.root_dispersion(header.root_delay, header.precision);
        if covering.to_bits() > header.root_dispersion.to_bits() {
            header.root_dispersion = covering;
        }
        write(&Packet::plain(header), out).expect("as long as before");
    }
    departures.answered(header.receive_timestamp, asked.origin_timestamp);
    Ok(InterleavedAnswer { answer, is_interleaved: departed.is_some(), awaited: Some(header.receive_timestamp) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ntp::server::ANSWER_LENGTH_MAX;
    use crate::time::{FrequencyPpb, LeapIndicator, Local, SyncState};

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

    /// Exactly then.
    const fn departure(transmit: NtpTimestamp) -> Departure {
        Departure { transmit, error_ns: 0 }
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
        departures.departed(second.receive_timestamp, departure(left));
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
        let (second, left) = introduce(&mut departures, 0, 12_346);
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
        let (second, _) = introduce(&mut departures, 0, 8);
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
        departures.departed(first.receive_timestamp, departure(stamp(8)));
        let second = ask(&mut departures, 0, [stamp(1), stamp(3), stamp(78)]);
        assert_eq!(first.receive_timestamp, second.receive_timestamp);
        departures.departed(second.receive_timestamp, departure(stamp(12)));
        assert_eq!(departures.of(first.receive_timestamp), None);
    }

    #[test]
    fn a_better_stamp_that_comes_later_counts_and_its_error_is_covered() {
        let mut departures = Departures::default();
        let (second, left) = introduce(&mut departures, 0, 12_346);
        let card = CLOCK.read_as() + Duration::from_micros(104);
        departures.departed(second.receive_timestamp, Departure::new(card, Duration::from_millis(3)));
        let third = ask(&mut departures, 900, [second.receive_timestamp, stamp(6), stamp(79)]);
        assert_ne!(third.transmit_timestamp, left);
        let transmit = third.transmit_timestamp;
        assert!((transmit.since(NtpTimestamp::from_utc(card))).abs() < Duration::from_nanos(1));
        assert_eq!(transmit.to_bits() & 1, 0, "who sends it back does not ask for interleaved mode");
        let claimed = third.root_delay.to_duration().half() + third.root_dispersion.to_duration();
        assert!((Duration::from_millis(3)..Duration::from_micros(3_032)).contains(&claimed), "{claimed}");
        // An exact one leaves the claim as it was.
        departures.departed(second.receive_timestamp, departure(left));
        let again = ask(&mut departures, 1_800, [second.receive_timestamp, stamp(7), stamp(80)]);
        assert_eq!(again.root_dispersion, second.root_dispersion);
    }

    #[test]
    fn what_was_stamped_before_a_step_of_our_clock_is_forgotten() {
        let mut departures = Departures::default();
        let (second, _) = introduce(&mut departures, 0, 8);
        departures.in_epoch(ClockEpoch::default());
        assert!(departures.of(second.receive_timestamp).is_some(), "the same epoch");
        departures.in_epoch(ClockEpoch(1));
        assert_eq!(departures.of(second.receive_timestamp), None);
    }

    #[test]
    fn what_is_taken_over_is_still_known_and_what_is_damaged_is_forgotten() {
        let mut departures = Departures::default();
        let remembered: Vec<_> = (0..4).map(|n| introduce(&mut departures, 1_000 * n, 8).0.receive_timestamp).collect();
        assert_eq!(departures.forget_damaged(), 0);
        let [whole, moved, even, odd] = remembered[..] else { panic!("four") };
        let place = |receive| Half::place(receive);
        let known = &mut departures.newcomers.places;
        let empty = (0..REMEMBERED_MAX).find(|number| known[*number].is_none()).unwrap();
        known.swap(place(moved), empty);
        known[place(even)].as_mut().unwrap().receive = stamp(even.to_bits() ^ 1);
        known[place(odd)].as_mut().unwrap().departure = Some(departure(stamp(9)));
        assert_eq!(departures.forget_damaged(), 3);
        assert!(departures.of(whole).is_some());
        let known = [moved, even, odd].iter().filter(|receive| departures.of(**receive).is_some()).count();
        assert_eq!((known, departures.forget_damaged()), (0, 0));
    }

    /// RFC 9769 has the client take the difference of a receive stamp of now and a transmit stamp of the answer before: what our clock was
    /// slewed by between them must not be in it.
    #[test]
    fn a_departure_that_is_remembered_is_right_after_the_hosts_clock_was_slewed() {
        for (ppm, seconds) in [(500.0, 16), (-500.0, 16), (83_333.0, 64)] {
            let mut departures = Departures::default();
            let (second, left) = introduce(&mut departures, 0, 12_346);
            // Meanwhile the host's clock, which stamps, is slewed: it runs so much faster than the time that is served, which is what is right.
            let passed = Duration::from_secs(seconds);
            let shown = passed.scaled(1.0 + ppm * 1e-6);
            let before = snapshot();
            let after = TimeSnapshot {
                anchor_local: before.anchor_local + shown,
                anchor_utc: before.anchor_utc + passed,
                anchor_mono: before.anchor_mono + shown,
                rate: FrequencyPpb::from_ppm(-ppm),
                ..before
            };
            departures.in_epoch(after.epoch);
            let mut data = [0; ANSWER_LENGTH_MAX];
            let asked = Header {
                mode: Mode::Client,
                origin_timestamp: second.receive_timestamp,
                receive_timestamp: stamp(6),
                transmit_timestamp: stamp(79),
                ..Header::default()
            };
            write(&Packet::plain(asked), &mut data).unwrap();
            let now = after.anchor_local + Duration::from_micros(100);
            let request = Request { data: &data, from_port: 40_000, received: now, hardware: None, now };
            let mut out = [0; ANSWER_LENGTH_MAX];
            let config = ResponseConfig::default();
            let made = respond_interleaved(&request, &after, config, &mut departures, &mut out).unwrap();
            let third = parse(&out).unwrap().header;
            assert_eq!((made.is_interleaved, third.transmit_timestamp), (true, left));
            // It left 100 us and 12,346 units of 2^-32 s after the clock's first moment.
            let expected = after.utc_at(now) - CLOCK.read_as() - Duration::from_nanos(102_874);
            let between = third.receive_timestamp.since(third.transmit_timestamp);
            assert!((between - expected).abs() < Duration::from_nanos(10), "{between}, not {expected}");
        }
    }

    #[test]
    fn forged_requests_take_nothing_from_those_who_have_come_back() {
        let mut departures = Departures::default();
        let clients: Vec<_> = (0..100)
            .map(|n| {
                let (second, _) = introduce(&mut departures, 1_000 * n, 8);
                let third = ask(&mut departures, 1_000 * n + 200, [second.receive_timestamp, stamp(6), stamp(79)]);
                departures.departed(third.receive_timestamp, departure(third.transmit_timestamp));
                third.receive_timestamp
            })
            .collect();
        for n in 0..50_000 {
            let forged = stamp(0x1234_5678_9abc_def1_u64.wrapping_mul(2 * n as u64 + 1) | 1);
            let (answer, _) = asked(&mut departures, 200_000 + n, [forged, stamp(5), stamp(7)]);
            departures.departed(answer.receive_timestamp, departure(answer.transmit_timestamp));
        }
        // A few share a place with each other.
        let known = clients.iter().filter(|receive| departures.of(**receive).is_some()).count();
        assert!(known >= 97, "{known} of 100");
        assert_eq!(departures.newcomers.places.len() + departures.known.places.len(), 2 * REMEMBERED_MAX);
    }
}
