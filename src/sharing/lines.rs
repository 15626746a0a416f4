//! What a reading of a network card's clock means, for whoever gets stamps of it.
//!
//! A hardware stamp is a reading of a PHC, which nobody but the discipline thread understands: it knows which timescale
//! the PHC counts, how far off it is, and since when. The obvious ways out are to compare the PHC with the system clock
//! once more, as every program does that has no part in steering it (noise of its own, and none of the knowledge), or to
//! take a PHC for right because it should be. Here the discipline says it, as a line for each PHC ([`PhcLines`]), and takes the
//! line back the moment when it does not hold any more. The control thread says whose stamps they are: an interface, its
//! PHC and its speed ([`StampingInterfaces`]).
//!
//! A line stays right between two publications although the PHC's frequency is corrected all the time: what is corrected
//! is the PHC itself, and a second of it is a second. A step is another matter. Stamps of before it read less than
//! [`PhcLine::since`] if it went forward, and lie in the future if it went back.

use super::Words;
use super::words::{Fields, Put};
use crate::time::{Duration, FrequencyPpb, Local, Timestamp, Utc};

/// The most PHCs with a line: our own numbers for them are below this.
pub const PHC_LINES_MAX: usize = 8;

/// The most interfaces whose stamps are understood.
pub const STAMPING_INTERFACES_MAX: usize = 8;

/// A line is for stamps that are at most so far from its anchor: it is renewed at least once a second, and whoever does
/// not renew it may be dead, and the PHC anywhere.
pub const PHC_LINE_AGE_MAX: Duration = Duration::from_secs(2);

/// UTC from the readings of one PHC.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PhcLine {
    /// A reading of the PHC, about now.
    pub anchor: Timestamp<Local>,
    /// UTC at the anchor.
    pub utc: Timestamp<Utc>,
    /// How much faster UTC runs than the PHC: nothing, unless the PHC is only read and a clock in software is right.
    pub rate: FrequencyPpb,
    /// The greatest error of that UTC at the anchor.
    pub bound: Duration,
    /// How fast the bound grows, on either side of the anchor.
    pub drift_rate: FrequencyPpb,
    /// The first reading since the last step; the line does not know what is before it.
    pub since: Timestamp<Local>,
}

impl PhcLine {
    /// UTC when the PHC read `stamp`, and its greatest error; `None` if the line does not reach there.
    pub fn utc_at(&self, stamp: Timestamp<Local>) -> Option<(Timestamp<Utc>, Duration)> {
        let elapsed = stamp - self.anchor;
        if elapsed.abs() > PHC_LINE_AGE_MAX || stamp < self.since {
            return None;
        }
        let bound = self.bound + self.drift_rate.drift(elapsed.abs()).abs();
        Some((self.utc + elapsed + self.rate.drift(elapsed), bound))
    }
}

/// The lines of all PHCs, by our own numbers; `None`: its stamps mean nothing at the moment.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct PhcLines(pub [Option<PhcLine>; PHC_LINES_MAX]);

/// Words of one line.
const LINE_WORDS: usize = 8;

/// In the place of the bound: there is no line.
const NO_LINE: u64 = u64::MAX;

/// Ticks that fit a word; 39 hours are as good as ever.
fn narrow(duration: Duration) -> u64 {
    u64::try_from(duration.ticks().max(0)).map_or(NO_LINE - 1, |ticks| ticks.min(NO_LINE - 1))
}

fn widen(word: u64) -> Duration {
    Duration::from_ticks(i128::from(word))
}

impl Words for PhcLines {
    const LEN: usize = PHC_LINES_MAX * LINE_WORDS;

    fn store(&self, words: &mut [u64]) {
        for (line, words) in self.0.iter().zip(words.chunks_exact_mut(LINE_WORDS)) {
            let mut put = Put::new(words);
            let Some(line) = line else {
                put.word(NO_LINE);
                continue;
            };
            put.word(narrow(line.bound));
            put.wide(line.anchor.ticks());
            put.wide(line.utc.ticks());
            put.frequency(line.rate);
            put.frequency(line.drift_rate);
            put.word(narrow(line.anchor - line.since));
        }
    }

    fn load(words: &[u64]) -> Self {
        let mut lines = Self::default();
        for (line, words) in lines.0.iter_mut().zip(words.chunks_exact(LINE_WORDS)) {
            let mut fields = Fields::new(words);
            let bound = fields.word();
            if bound == NO_LINE {
                continue;
            }
            let (anchor, utc) = (fields.instant(), fields.instant());
            let (rate, drift_rate) = (fields.frequency(), fields.frequency());
            let since = anchor - widen(fields.word());
            *line = Some(PhcLine { anchor, utc, rate, bound: widen(bound), drift_rate, since });
        }
        lines
    }
}

/// An interface whose card makes stamps with a PHC of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StampingInterface {
    /// The kernel's index of the card's interface (netdevice(7)), not that of a VLAN or a bond above it.
    pub index: u32,
    /// Our own number of its PHC.
    pub phc: u8,
    /// Speed of its link in bit/s; `None` where nobody says.
    pub bits_per_second: Option<u64>,
    /// What its stamps of arriving frames are too late by (IEEE 1588-2019 7.3.4.2 ingressLatency).
    pub ingress_latency: Duration,
    /// What its stamps of leaving frames are too early by (IEEE 1588-2019 7.3.4.2 egressLatency).
    pub egress_latency: Duration,
}

/// All of them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct StampingInterfaces(pub [Option<StampingInterface>; STAMPING_INTERFACES_MAX]);

impl StampingInterfaces {
    /// The interface of this index.
    pub fn of(&self, index: u32) -> Option<&StampingInterface> {
        self.0.iter().flatten().find(|interface| interface.index == index)
    }
}

/// Words of one interface.
const INTERFACE_WORDS: usize = 6;

impl Words for StampingInterfaces {
    const LEN: usize = STAMPING_INTERFACES_MAX * INTERFACE_WORDS;

    fn store(&self, words: &mut [u64]) {
        for (interface, words) in self.0.iter().zip(words.chunks_exact_mut(INTERFACE_WORDS)) {
            // Index 0 is the kernel's "no interface".
            let mut put = Put::new(words);
            let Some(interface) = interface else {
                put.word(0);
                continue;
            };
            put.word(u64::from(interface.index) << 32 | u64::from(interface.phc));
            put.word(interface.bits_per_second.unwrap_or(0));
            put.wide(interface.ingress_latency.ticks());
            put.wide(interface.egress_latency.ticks());
        }
    }

    fn load(words: &[u64]) -> Self {
        let mut interfaces = Self::default();
        for (interface, words) in interfaces.0.iter_mut().zip(words.chunks_exact(INTERFACE_WORDS)) {
            let mut fields = Fields::new(words);
            let (names, speed) = (fields.word(), fields.word());
            let (ingress_latency, egress_latency) = (fields.duration(), fields.duration());
            let (index, phc) = ((names >> 32) as u32, names as u8);
            let bits_per_second = (speed != 0).then_some(speed);
            let card = StampingInterface { index, phc, bits_per_second, ingress_latency, egress_latency };
            *interface = (index != 0).then_some(card);
        }
        interfaces
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sharing::Seqlock;

    /// Of a PHC that counts TAI, 40 ns off at most, renewed now and stepped 1.5 s ago.
    fn line() -> PhcLine {
        let anchor = Timestamp::from_secs(1_767_225_637) + Duration::from_nanos(123);
        PhcLine {
            anchor,
            utc: Timestamp::from_secs(1_767_225_600) + Duration::from_nanos(123),
            rate: FrequencyPpb::ZERO,
            bound: Duration::from_nanos(40),
            drift_rate: FrequencyPpb::from_ppm(1.0),
            since: anchor - Duration::from_millis(1_500),
        }
    }

    #[test]
    fn every_line_and_interface_survives_the_words() {
        let mut lines = PhcLines::default();
        lines.0[0] = Some(line());
        lines.0[7] = Some(PhcLine { rate: FrequencyPpb::from_ppm(-33.0), ..line() });
        let (mut writer, reader) = Seqlock::new(&PhcLines::default());
        assert_eq!(reader.read(), Ok(PhcLines::default()));
        writer.write(&lines);
        assert_eq!(reader.read(), Ok(lines));

        let mut interfaces = StampingInterfaces::default();
        let ingress_latency = Duration::from_nanos(-230);
        let (bits_per_second, egress_latency) = (Some(10_000_000_000), Duration::from_nanos(77));
        let card = StampingInterface { index: 9, phc: 7, bits_per_second, ingress_latency, egress_latency };
        interfaces.0[3] = Some(card);
        interfaces.0[4] = Some(StampingInterface { index: u32::MAX, bits_per_second: None, ..card });
        let (mut writer, reader) = Seqlock::new(&StampingInterfaces::default());
        writer.write(&interfaces);
        let read = reader.read().expect("nobody writes");
        assert_eq!(read, interfaces);
        assert_eq!((read.of(9), read.of(3)), (Some(&card), None));
    }

    #[test]
    fn a_bound_or_an_epoch_of_any_length_survives_as_not_shorter_than_it_can_matter() {
        let mut lines = PhcLines::default();
        let forever = PhcLine { since: Timestamp::EPOCH, bound: Duration::from_secs(1 << 40), ..line() };
        lines.0[2] = Some(forever);
        let mut words = [0; PhcLines::LEN];
        lines.store(&mut words);
        let read = PhcLines::load(&words).0[2].expect("a line");
        assert!(read.bound > Duration::from_secs(100_000) && read.anchor - read.since > Duration::from_secs(100_000));
    }

    #[test]
    fn a_steered_phc_is_read_less_tai_minus_utc_and_the_bound_grows_both_ways() {
        let line = line();
        for elapsed in [Duration::from_millis(-700), Duration::ZERO, Duration::from_millis(700)] {
            let (utc, bound) = line.utc_at(line.anchor + elapsed).expect("within reach");
            assert_eq!(utc - line.utc, elapsed);
            let growth = Duration::from_nanos(if elapsed == Duration::ZERO { 0 } else { 700 });
            assert!((bound - line.bound - growth).abs() < Duration::from_ticks(10), "{bound}");
        }
    }

    #[test]
    fn the_clock_in_software_over_a_phc_that_is_only_read_runs_at_its_own_rate() {
        let line = PhcLine { rate: FrequencyPpb::from_ppm(-40.0), ..line() };
        let (utc, _) = line.utc_at(line.anchor + Duration::SECOND).expect("within reach");
        assert!((utc - line.utc - Duration::from_nanos(999_960_000)).abs() < Duration::from_nanos(1));
    }

    #[test]
    fn what_is_of_before_a_step_or_far_from_the_anchor_means_nothing() {
        let line = line();
        assert!(line.utc_at(line.since).is_some());
        assert_eq!(line.utc_at(line.since - Duration::from_nanos(1)), None, "of before the step");
        assert_eq!(line.utc_at(line.anchor + PHC_LINE_AGE_MAX + Duration::from_nanos(1)), None, "nobody renews it");
        assert_eq!(line.utc_at(Timestamp::from_secs(12)), None, "the PHC was reset");
    }
}
