//! Gathers what the engines say, and keeps the last of it.

use std::collections::VecDeque;

use super::file::{Origin, write};
use crate::coding::{Coded, Decoder, Malformed};
use crate::engine::{Asks, BEGINNING, Cause, EngineKind, RECORD_BYTES_MAX, Recorder, Tape};
use crate::sharing::{ByteReader, ByteRing, ByteWriter, Drops, Request};
use crate::time::{Duration, Mono, Timestamp};

/// The most engines of one trace.
pub const STREAMS_MAX: usize = 32;
/// Room for what an engine says until somebody comes round: two states, or ten seconds at 128 exchanges each.
const RING_BYTES: usize = 2 * RECORD_BYTES_MAX;
/// All segments begin anew when one has grown to this share of what is kept.
const SEGMENT_SHARE: usize = 8;
/// What NTP servers say may be this share of what is kept: they may say more in a second than all others in an hour.
const SERVERS_SHARE: usize = 4;
/// But not before it is worth its own state several times over.
const SEGMENT_BYTES_MIN: usize = 1 << 18;

/// The tape of an engine: a ring of bytes, and the wish that is looked at.
#[derive(Debug)]
struct RingTape {
    writer: ByteWriter,
    request: Request,
    seen: Option<u32>,
}

impl Tape for RingTape {
    fn asks(&mut self) -> Asks {
        let number = self.request.number();
        if number == self.seen {
            return if number.is_some() { Asks::Steps } else { Asks::Nothing };
        }
        let before = std::mem::replace(&mut self.seen, number);
        match (before, number) {
            (_, None) => Asks::Nothing,
            (None, Some(_)) => Asks::Beginning(Cause::First),
            (Some(_), Some(_)) => Asks::Beginning(Cause::Periodic),
        }
    }

    fn write(&mut self, record: &[u8]) -> bool {
        self.writer.push(record)
    }
}

/// Records from a state on, each behind its length.
#[derive(Debug)]
pub(super) struct Segment {
    began: Timestamp<Mono>,
    pub(super) records: u64,
    pub(super) bytes: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Collected {
    pub(super) name: String,
    pub(super) kind: EngineKind,
    reader: ByteReader,
    pub(super) segments: VecDeque<Segment>,
}

/// See the module's text. It belongs to the control thread, or to a simulated world.
#[derive(Debug)]
pub struct Collector {
    request: Request,
    bytes_max: usize,
    bytes: usize,
    streams: Vec<Collected>,
    /// A new beginning was asked for, and none has come yet.
    is_renewing: bool,
    record: Vec<u8>,
}

impl Collector {
    /// Keeps about `bytes_max` bytes; nothing is asked for yet.
    pub fn new(bytes_max: usize) -> Self {
        let (request, record) = (Request::default(), Vec::new());
        Self { request, bytes_max, bytes: 0, streams: Vec::new(), is_renewing: false, record }
    }

    /// For the engine of this name: what it writes comes here. Beyond [`STREAMS_MAX`] those that have ended are forgotten.
    pub fn stream(&mut self, name: &str, kind: EngineKind) -> Recorder {
        if self.streams.len() >= STREAMS_MAX
            && let Some(over) = self.streams.iter().position(|stream| stream.reader.is_over())
        {
            let over = self.streams.remove(over);
            self.bytes -= over.segments.iter().map(|segment| segment.bytes.len()).sum::<usize>();
        }
        let (writer, reader) = ByteRing::with_capacity(RING_BYTES);
        if self.streams.len() < STREAMS_MAX {
            self.streams.push(Collected { name: name.to_owned(), kind, reader, segments: VecDeque::new() });
        }
        Recorder::new(Box::new(RingTape { writer, request: self.request.clone(), seen: None }))
    }

    /// Asks the engines for their steps from now on, and forgets what was kept.
    pub fn start(&mut self) {
        self.forget();
        self.request.end();
        self.request.begin();
    }

    /// Asks for nothing any more; what is kept stays.
    pub fn stop(&mut self) {
        self.request.end();
    }

    /// Whether the engines are asked.
    pub fn is_on(&self) -> bool {
        self.request.number().is_some()
    }

    /// Forgets what is kept.
    pub fn forget(&mut self) {
        self.collect();
        self.streams.iter_mut().for_each(|stream| stream.segments.clear());
        self.bytes = 0;
        self.is_renewing = false;
    }

    /// How many bytes are kept.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Records that found no room in their ring so far.
    pub fn lost(&self) -> u64 {
        self.streams.iter().map(|stream| stream.reader.drops()).map(|drops: Drops| drops.count()).sum()
    }

    /// Since when everything that is still kept goes back at least; `None` if nothing is kept.
    pub fn reach(&self) -> Option<Timestamp<Mono>> {
        self.streams.iter().filter_map(|stream| stream.segments.front()).map(|segment| segment.began).max()
    }

    /// Takes what the engines have said since the last time.
    pub fn collect(&mut self) {
        let segment_max = (self.bytes_max / SEGMENT_SHARE).max(SEGMENT_BYTES_MIN);
        let mut is_grown = false;
        for stream in &mut self.streams {
            loop {
                self.record.clear();
                if stream.reader.pop(&mut self.record).is_none() {
                    break;
                }
                if let Ok(beginning) = Beginning::of(&self.record) {
                    self.is_renewing &= beginning.cause != Cause::Periodic;
                    let began = beginning.now;
                    stream.segments.push_back(Segment { began, records: 0, bytes: Vec::new() });
                }
                // What was under way when it was forgotten has no state to go on from.
                let Some(segment) = stream.segments.back_mut() else { continue };
                let before = segment.bytes.len();
                append(&mut segment.bytes, &self.record);
                segment.records += 1;
                self.bytes += segment.bytes.len() - before;
            }
            // A server begins anew with each snapshot anyway.
            let is_server = stream.kind == EngineKind::NtpServer;
            is_grown |= !is_server && stream.segments.back().is_some_and(|segment| segment.bytes.len() > segment_max);
        }
        if is_grown && !self.is_renewing && self.is_on() {
            self.is_renewing = true;
            self.request.begin();
        }
        self.trim();
    }

    /// Forgets the oldest segments that are not an engine's only one.
    fn trim(&mut self) {
        let of_servers = |stream: &Collected| match stream.kind {
            EngineKind::NtpServer => stream.segments.iter().map(|segment| segment.bytes.len()).sum(),
            EngineKind::PtpPort
            | EngineKind::Grandmaster
            | EngineKind::Discipline
            | EngineKind::NtpClient
            | EngineKind::Helm
            | EngineKind::Refclock => 0,
        };
        let mut servers: usize = self.streams.iter().map(of_servers).sum();
        loop {
            let servers_only = servers > self.bytes_max / SERVERS_SHARE;
            if !servers_only && self.bytes <= self.bytes_max {
                return;
            }
            let old = self
                .streams
                .iter_mut()
                .filter(|stream| stream.segments.len() > 1 && (!servers_only || stream.kind == EngineKind::NtpServer));
            let oldest = old.min_by_key(|stream| stream.segments.front().map(|segment| segment.began));
            let Some(stream) = oldest else { return };
            let Some(segment) = stream.segments.pop_front() else { return };
            self.bytes -= segment.bytes.len();
            if stream.kind == EngineKind::NtpServer {
                servers -= segment.bytes.len();
            }
        }
    }

    /// Everything that is kept, as a file.
    pub fn file(&self, origin: Origin) -> Vec<u8> {
        write(origin, &self.streams)
    }
}

/// A record behind its length.
fn append(bytes: &mut Vec<u8>, record: &[u8]) {
    let mut rest = record.len();
    while rest > 0x7f {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes.extend_from_slice(record);
}

/// A record of an engine's state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beginning<'a> {
    pub(super) kind: EngineKind,
    pub(super) cause: Cause,
    pub(super) layout: u64,
    pub(super) now: Timestamp<Mono>,
    pub(super) annotation: Duration,
    pub(super) state: &'a [u8],
}

impl<'a> Beginning<'a> {
    /// From a whole record.
    pub(super) fn of(record: &'a [u8]) -> Result<Self, Malformed> {
        let mut from = Decoder::new(record);
        if from.byte()? != BEGINNING {
            return Err(Malformed);
        }
        Ok(Self {
            kind: EngineKind::decode(&mut from)?,
            cause: Cause::decode(&mut from)?,
            layout: u64::from_le_bytes(from.raw(8)?.try_into().map_err(|_| Malformed)?),
            now: Timestamp::decode(&mut from)?,
            annotation: Duration::decode(&mut from)?,
            state: from.rest(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Engine, Taped};
    use crate::ntp::server::{Request, Responder, ResponseConfig};
    use crate::ptp::{Config, Input, Port};
    use crate::sharing::TimeSnapshot;
    use crate::time::SourceId;
    use crate::trace::{Trace, replay};
    use crate::wire::ptp::ClockIdentity;

    fn at(millis: i64) -> Timestamp<Mono> {
        Timestamp::EPOCH + Duration::from_millis(millis)
    }

    fn port(collector: &mut Collector) -> Taped<Port> {
        let mut port = Taped::new(Port::new(Config::new(SourceId(0), ClockIdentity([1; 8]), 1)));
        port.record_by(collector.stream("port", EngineKind::PtpPort));
        port
    }

    fn step(port: &mut Taped<Port>, millis: i64) {
        port.step(at(millis), Input::Tick { local: Timestamp::from_secs(millis) }, &mut Vec::new());
    }

    fn trace(collector: &Collector) -> Trace {
        Trace::read(collector.file(Origin::Host)).expect("a trace")
    }

    #[test]
    fn nothing_is_kept_before_it_is_asked_for_and_after_it_is_enough() {
        let mut collector = Collector::new(1 << 20);
        let mut port = port(&mut collector);
        step(&mut port, 1);
        collector.collect();
        assert_eq!((collector.bytes(), collector.reach()), (0, None));
        collector.start();
        step(&mut port, 2);
        collector.stop();
        step(&mut port, 3);
        collector.collect();
        assert_eq!(collector.reach(), Some(at(2)));
        let replayed = replay(&trace(&collector)).unwrap();
        assert_eq!((replayed.len(), replayed[0].steps), (1, 1));
        collector.forget();
        assert!(trace(&collector).streams().is_empty());
    }

    #[test]
    fn steps_that_find_no_room_are_a_gap_and_the_repetition_goes_on_behind_it() {
        let mut collector = Collector::new(64 << 20);
        let mut port = port(&mut collector);
        collector.start();
        for millis in 0..100_000 {
            step(&mut port, millis);
        }
        assert!(collector.lost() > 0);
        collector.collect();
        for millis in 100_000..101_000 {
            step(&mut port, millis);
        }
        collector.collect();
        let replayed = replay(&trace(&collector)).unwrap();
        assert_eq!((replayed[0].gaps, &replayed[0].difference), (1, &None));
        assert_eq!(replayed[0].span, Some((at(0), at(100_999))));
    }

    #[test]
    fn a_busy_server_does_not_push_out_what_the_others_said() {
        let mut collector = Collector::new(1 << 20);
        let mut port = port(&mut collector);
        let snapshot = TimeSnapshot::unsynchronised(at(0));
        let mut server = Taped::new(Responder { snapshot, config: ResponseConfig::default() });
        server.record_by(collector.stream("ntp-0", EngineKind::NtpServer));
        collector.start();
        for millis in 0..20_000 {
            if millis % 100 == 0 {
                step(&mut port, millis);
                server.change(|server| server.snapshot.anchor_mono = at(millis));
                collector.collect();
            }
            let (received, now) = (Timestamp::from_secs(millis), Timestamp::from_secs(millis));
            let request = Request { data: &[0x23; 48], from_port: 5_000, received, hardware: None, now };
            server.step(at(millis), request, &mut Vec::new());
        }
        collector.collect();
        let replayed = replay(&trace(&collector)).unwrap();
        let [port, server] = replayed.as_slice() else { panic!("{replayed:?}") };
        assert_eq!((port.span, port.steps), (Some((at(0), at(19_900))), 200), "all of it");
        assert!(server.steps > 500 && server.steps < 19_000 && server.difference.is_none(), "{server:?}");
        assert!(collector.bytes() < 1 << 19, "{}", collector.bytes());
    }

    #[test]
    fn a_reference_clock_is_repeated_with_what_it_refused() {
        use crate::refclock::{ClockCounter, Config, Input, Refclock, Sample};
        use crate::time::{ClockEpoch, Duration, LeapIndicator, Local, SourceId, StampSource};
        let mut collector = Collector::new(1 << 20);
        let mut clock = Taped::new(Refclock::new(Config { samples: 3, ..Config::new(SourceId(7)) }, at(0)));
        clock.record_by(collector.stream("refclock-0", EngineKind::Refclock));
        collector.start();
        let mut effects = Vec::new();
        for n in 0..400_i64 {
            let local = Timestamp::<Local>::from_secs(1_800_000_000) + Duration::from_millis(n * 250);
            // Every tenth is from long ago.
            let taken = if n % 10 == 0 { local - Duration::from_secs(9) } else { local };
            let sample = Sample {
                before: taken,
                after: taken,
                reference: taken + Duration::from_micros(n * 37 % 101),
                error: None,
                leap: LeapIndicator::NoWarning,
                is_pulse: false,
                stamped: StampSource::Program,
            };
            clock.step(at(n * 250), Input::Sample { sample, local }, &mut effects);
            if n % 100 == 99 {
                clock.step(at(n * 250), Input::Stepped(ClockEpoch(n as u32)), &mut effects);
                clock.step(at(n * 250), Input::Refused(ClockCounter::Torn), &mut effects);
                collector.collect();
            }
        }
        clock.step(at(200_000), Input::Tick, &mut effects);
        collector.collect();
        let replayed = replay(&trace(&collector)).unwrap();
        assert!(effects.len() > 500, "{}", effects.len());
        assert_eq!((replayed[0].steps, &replayed[0].difference, replayed[0].gaps), (409, &None, 0));
    }

    #[test]
    fn engines_that_have_ended_make_room_for_new_ones() {
        let mut collector = Collector::new(1 << 20);
        for _ in 0..STREAMS_MAX {
            drop(port(&mut collector));
        }
        let mut last = port(&mut collector);
        collector.start();
        step(&mut last, 5);
        collector.collect();
        assert_eq!(trace(&collector).streams().len(), 1);
    }
}
