//! Pulses at the input of a network card, stamped by its PHC.
//!
//! The stamp is the card's, good to nanoseconds, and says when the edge came on the card's clock. What is wanted is the system clock at that
//! instant. So as soon as the stamp is fetched the card is crossed with the system clock, and what has passed on the card since the edge is taken back,
//! at the rate of the two clocks between the last two crossings. What the card shows means nothing here: it may be ours, or nobody's.
//!
//! Somebody may set the card's clock between the edge and the crossing. That is seen by the rate, which is then another one than it was before: such a
//! stamp is left out. A frequency that is corrected by less costs what it makes in the time since the edge, and that counts in the sample's error.
//!
//! Some cards stamp both edges and do not say which is which. The pulse begins the second, and is shorter than what is between two: so the
//! edge that comes after the longer time is the one.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::libc;
use synchronome_kernel::phc::{EXTERNAL_STAMPS_MAX, Edges, ExternalStamp, Phc};

use super::{Driver, Taken, failed};
use crate::clock::inventory::{find, hardware_clocks};
use crate::clock::{ClockError, Crossing, PhcReader};
use crate::refclock::{ClockCounter, Sample};
use crate::time::{Duration, FrequencyPpb, LeapIndicator, Local, StampSource, Timestamp};

/// What a card's stamp of an edge may be off by: a few ticks of its clock, and its input stage.
pub(super) const STAMP_ERROR: Duration = Duration::from_nanos(100);
/// Where the rate changes by more than this from one pulse to the next, somebody has set a clock.
const RATE_CHANGE_MAX: f64 = 20e-6;
/// What the rate may be off by before there were two to compare.
const RATE_UNKNOWN: f64 = 100e-6;
/// Clocks that run further apart than this have not run: one was set.
const APART_MAX: f64 = 2e-3;
/// Of edges that come as late as this after the one before, one begins a second. Between the two it cannot be told.
const LONGER: Duration = Duration::from_millis(550);
const SHORTER: Duration = Duration::from_millis(450);

/// A card with an input.
pub(super) trait Card: Send {
    /// Fetches the stamps that there are, and says how many; never waits.
    fn stamps(&mut self, out: &mut [ExternalStamp; EXTERNAL_STAMPS_MAX]) -> io::Result<usize>;
    /// Reads its clock beside the system clock.
    fn cross(&mut self) -> Result<Crossing, ClockError>;
    /// What tells that there are stamps.
    fn descriptor(&self) -> Option<BorrowedFd<'_>>;
}

/// A card of this machine, whose input is ours until it is dropped.
#[derive(Debug)]
pub(super) struct Input {
    reader: PhcReader,
    channel: u32,
}

impl Input {
    /// Finds the card, makes the pin the input, and switches its stamps on: of one edge where it can, else of both.
    ///
    /// # Errors
    /// `ENODEV`: there is no such card. `EOPNOTSUPP`: it has no such input. `ENXIO`: none of its pins is that input, or is called so. `EACCES`: it may only be read.
    fn open(name: &str, pin: Option<&str>, channel: u8, is_clear: bool) -> io::Result<Self> {
        let clocks = hardware_clocks()?;
        let clock = find(&clocks, name).map_err(|_| io::Error::from_raw_os_error(libc::ENODEV))?;
        let device = clock.open()?;
        let capabilities = device.capabilities()?;
        let channel = u32::from(channel);
        let errno = if capabilities.external_stamps <= channel {
            Some(libc::EOPNOTSUPP)
        } else if !device.is_writable() {
            Some(libc::EACCES)
        } else {
            None
        };
        if let Some(errno) = errno {
            return Err(io::Error::from_raw_os_error(errno));
        }
        assign(&device, capabilities.pins, pin, channel)?;
        let edge = if is_clear { Edges::Falling } else { Edges::Rising };
        if let Err(error) = device.stamp_edges(channel, Some(edge)) {
            // The i210 has both or none.
            device.stamp_edges(channel, Some(Edges::Both)).map_err(|_| error)?;
        }
        let input = Self { reader: PhcReader::new(device)?, channel };
        // What is there already may be of long ago.
        let mut stale = [ExternalStamp::EMPTY; EXTERNAL_STAMPS_MAX];
        while input.reader.device().external_stamps(&mut stale)? == EXTERNAL_STAMPS_MAX {}
        Ok(input)
    }
}

/// Makes the pin of this name (or number) the input of the channel; without a name one must be it already, where there are pins.
fn assign(device: &Phc, pins: u32, wanted: Option<&str>, channel: u32) -> io::Result<()> {
    let number = wanted.and_then(|wanted| wanted.parse().ok());
    for index in 0..pins {
        let pin = device.pin(index)?;
        let is_wanted = match wanted {
            Some(wanted) => pin.name() == wanted || number == Some(index),
            None => pin.input_of == Some(channel),
        };
        if is_wanted {
            let is_input = pin.input_of == Some(channel);
            return if is_input { Ok(()) } else { device.set_pin_to_input(index, channel) };
        }
    }
    if pins == 0 && wanted.is_none() { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::ENXIO)) }
}

impl Card for Input {
    fn stamps(&mut self, out: &mut [ExternalStamp; EXTERNAL_STAMPS_MAX]) -> io::Result<usize> {
        let count = self.reader.device().external_stamps(out)?;
        let mut kept = 0;
        for place in 0..count {
            if out[place].channel == self.channel {
                out[kept] = out[place];
                kept += 1;
            }
        }
        Ok(kept)
    }

    fn cross(&mut self) -> Result<Crossing, ClockError> {
        self.reader.cross()
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.reader.device().as_fd())
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        // A card that is gone has no stamps to be switched off.
        _ = self.reader.device().stamp_edges(self.channel, None);
    }
}

/// A crossing, as far as it says how two clocks run.
#[derive(Clone, Copy, Debug)]
struct Known {
    system: Timestamp<Local>,
    device: Timestamp<Local>,
    /// What the system clock runs faster by than the card's.
    rate: Option<f64>,
}

/// Pulses at a card's input.
#[derive(Debug)]
pub(super) struct Extts<C> {
    card: C,
    known: Known,
    /// The edge before, on the card's clock.
    edge: Option<Timestamp<Local>>,
}

impl Extts<Input> {
    pub fn open(name: &str, pin: Option<&str>, channel: u8, is_clear: bool) -> io::Result<Self> {
        Self::new(Input::open(name, pin, channel, is_clear)?)
    }
}

impl<C: Card> Extts<C> {
    fn new(mut card: C) -> io::Result<Self> {
        let crossing = card.cross().map_err(failed)?;
        Ok(Self { known: Known { rate: None, ..known(&crossing) }, card, edge: None })
    }

    /// Whether this edge begins a second; `None`: it cannot be told.
    fn begins(&mut self, at: Timestamp<Local>) -> Option<bool> {
        let before = self.edge.replace(at)?;
        let apart = at - before;
        if apart >= LONGER {
            Some(true)
        } else if apart <= SHORTER {
            Some(false)
        } else {
            None
        }
    }

    /// The system clock at an edge; `apart` is how the rate has changed.
    fn placed(&self, at: Timestamp<Local>, crossing: &Crossing, apart: f64) -> Taken {
        let since = crossing.device - at;
        if since.is_negative() {
            return Err(ClockCounter::Future);
        }
        let rate = FrequencyPpb::from_ratio(self.known.rate.unwrap_or(0.0));
        let passed = since + rate.drift(since);
        Ok(Sample {
            before: crossing.before - passed,
            after: crossing.after - passed,
            reference: Timestamp::EPOCH,
            error: Some(STAMP_ERROR + since.scaled(apart)),
            leap: LeapIndicator::NoWarning,
            is_pulse: true,
            stamped: StampSource::Hardware,
        })
    }

    /// Takes note of a crossing: by how much the rate has changed, unless a clock was set.
    fn note(&mut self, crossing: &Crossing) -> Option<f64> {
        let now = known(crossing);
        let (system, device) = (now.system - self.known.system, now.device - self.known.device);
        let rate = (system - device).as_secs_f64() / device.as_secs_f64();
        if device <= Duration::ZERO || rate.abs() > APART_MAX {
            self.known = now;
            return None;
        }
        let apart = self.known.rate.map_or(RATE_UNKNOWN, |known| (rate - known).abs());
        let is_steady = apart <= RATE_CHANGE_MAX || self.known.rate.is_none();
        self.known = Known { rate: Some(rate), ..now };
        is_steady.then_some(apart)
    }
}

fn known(crossing: &Crossing) -> Known {
    let system = crossing.before + (crossing.after - crossing.before).half();
    Known { system, device: crossing.device, rate: None }
}

impl<C: Card> Driver for Extts<C> {
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.card.descriptor()
    }

    fn read(&mut self, take: &mut dyn FnMut(Taken)) -> io::Result<()> {
        let mut stamps = [ExternalStamp::EMPTY; EXTERNAL_STAMPS_MAX];
        let count = self.card.stamps(&mut stamps)?;
        if count == 0 {
            return Ok(());
        }
        let crossing = self.card.cross().map_err(failed)?;
        let steady = self.note(&crossing);
        for stamp in &stamps[..count] {
            let at = Timestamp::from_parts(stamp.at.seconds, stamp.at.nanoseconds);
            match (self.begins(at), steady) {
                // The end of a pulse, or the first edge of all.
                (Some(false), _) => {}
                (None, _) => take(Err(ClockCounter::Edge)),
                (Some(true), None) => take(Err(ClockCounter::Stepped)),
                (Some(true), Some(apart)) => take(self.placed(at, &crossing, apart)),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use synchronome_kernel::timestamping::KernelTime;

    /// A card whose clock is `ahead` of the system clock and runs slower by `slower` (a ratio).
    #[derive(Debug)]
    struct Fake {
        system: Timestamp<Local>,
        device: Timestamp<Local>,
        slower: f64,
        pending: Vec<Timestamp<Local>>,
    }

    impl Fake {
        fn new() -> Self {
            let system = Timestamp::from_secs(1_800_000_000);
            Self { system, device: Timestamp::from_secs(5_000), slower: 35e-6, pending: Vec::new() }
        }

        fn pass(&mut self, time: Duration) {
            self.system = self.system + time;
            self.device = self.device + time - time.scaled(self.slower);
        }
    }

    impl Card for Fake {
        fn stamps(&mut self, out: &mut [ExternalStamp; EXTERNAL_STAMPS_MAX]) -> io::Result<usize> {
            let count = self.pending.len();
            for (slot, at) in out.iter_mut().zip(self.pending.drain(..)) {
                let at = KernelTime { seconds: at.seconds(), nanoseconds: at.subsec_nanos() };
                *slot = ExternalStamp { channel: 0, at };
            }
            Ok(count)
        }

        fn cross(&mut self) -> Result<Crossing, ClockError> {
            let window = Duration::from_nanos(400);
            let edge = window.half();
            Ok(Crossing {
                before: self.system - edge,
                device: self.device,
                after: self.system + edge,
                raw: self.system,
                mono: Timestamp::from_secs(1),
                window,
                slack: Duration::ZERO,
            })
        }

        fn descriptor(&self) -> Option<BorrowedFd<'_>> {
            None
        }
    }

    /// An edge now, fetched `late`; what is handed on, and the system clock at the edge.
    fn pulse(extts: &mut Extts<Fake>, late: Duration) -> (Option<Taken>, Timestamp<Local>) {
        let at = extts.card.system;
        extts.card.pending.push(extts.card.device);
        extts.card.pass(late);
        let mut taken = Vec::new();
        extts.read(&mut |one| taken.push(one)).expect("a fake does not fail");
        assert!(taken.len() <= 1, "{taken:?}");
        (taken.pop(), at)
    }

    const LATE: Duration = Duration::from_millis(2);

    /// Three good ones.
    fn pulses(extts: &mut Extts<Fake>) {
        for _ in 0..3 {
            extts.card.pass(rest());
            pulse(extts, LATE);
        }
    }

    fn rest() -> Duration {
        Duration::SECOND - LATE
    }

    #[test]
    fn the_system_clock_at_an_edge_is_found_however_late_the_stamp_is_fetched() {
        let mut extts = Extts::new(Fake::new()).expect("a fake opens");
        for second in 0..6 {
            extts.card.pass(rest());
            let (taken, at) = pulse(&mut extts, LATE);
            if second == 0 {
                assert_eq!(taken, Some(Err(ClockCounter::Edge)), "what is before the first edge is not known");
                continue;
            }
            let sample = taken.expect("a sample").expect("a good one");
            let middle = sample.before + (sample.after - sample.before).half();
            // Of 70 ns that the clocks ran apart by since the edge, none is left.
            assert!((middle - at).abs() <= Duration::from_nanos(1), "{}", middle - at);
            assert_eq!(sample.after - sample.before, Duration::from_nanos(400));
            assert!(sample.error.expect("known") < STAMP_ERROR + Duration::from_nanos(2), "{:?}", sample.error);
        }
    }

    #[test]
    fn of_a_card_that_stamps_both_edges_the_one_after_the_longer_time_begins_the_second() {
        for width in [10, 100, 400].map(Duration::from_millis) {
            let mut extts = Extts::new(Fake::new()).expect("a fake opens");
            let mut good = 0;
            for _ in 0..10 {
                let (rising, at) = pulse(&mut extts, Duration::ZERO);
                if let Some(Ok(sample)) = rising {
                    good += 1;
                    let middle = sample.before + (sample.after - sample.before).half();
                    assert!((middle - at).abs() <= Duration::from_nanos(1), "{}", middle - at);
                }
                extts.card.pass(width);
                let (falling, _) = pulse(&mut extts, Duration::ZERO);
                assert_eq!(falling, None, "{width}");
                extts.card.pass(Duration::SECOND - width);
            }
            assert_eq!(good, 9);
        }
        let mut extts = Extts::new(Fake::new()).expect("a fake opens");
        for _ in 0..4 {
            let (taken, _) = pulse(&mut extts, Duration::ZERO);
            assert_eq!(
                taken,
                Some(Err(ClockCounter::Edge)),
                "of a pulse of half a second nobody knows where it begins"
            );
            extts.card.pass(Duration::from_millis(500));
        }
    }

    #[test]
    fn a_card_that_was_set_between_the_edge_and_the_crossing_says_nothing() {
        let mut extts = Extts::new(Fake::new()).expect("a fake opens");
        pulses(&mut extts);
        for by in [Duration::from_micros(50), Duration::from_micros(-50), Duration::from_secs(37)] {
            extts.card.pass(rest());
            extts.card.pending.push(extts.card.device);
            extts.card.pass(LATE);
            extts.card.device = extts.card.device + by;
            let mut taken = Vec::new();
            extts.read(&mut |one| taken.push(one)).expect("a fake does not fail");
            assert_eq!(taken, [Err(ClockCounter::Stepped)], "{by}");
            pulses(&mut extts);
        }
        extts.card.pass(rest());
        assert!(matches!(pulse(&mut extts, LATE), (Some(Ok(_)), _)), "and it is good again");
    }

    #[test]
    fn a_frequency_that_was_corrected_counts_in_the_error_of_the_sample() {
        let mut extts = Extts::new(Fake::new()).expect("a fake opens");
        pulses(&mut extts);
        extts.card.slower += 10e-6;
        extts.card.pass(rest());
        let (taken, at) = pulse(&mut extts, LATE);
        let sample = taken.expect("a sample").expect("a good one");
        let middle = sample.before + (sample.after - sample.before).half();
        let error = sample.error.expect("known") - STAMP_ERROR;
        assert!(error >= Duration::from_nanos(18), "{error}");
        assert!((middle - at).abs() <= error + Duration::from_nanos(1), "{} {error}", middle - at);
    }

    #[test]
    fn a_card_that_is_not_there_is_no_device() {
        let error = Extts::open("no-such-card", None, 0, false).map(drop).expect_err("no such card");
        assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
    }
}
