//! Two clocks compared by hand: each against CLOCK_REALTIME, as exactly as the machine allows.
//!
//! No call reads two PHCs at once. But each can be crossed with CLOCK_REALTIME, and CLOCK_REALTIME then drops out, as long
//! as nobody sets it in between. It also drifts in between, by whatever frequency error it has; so a round crosses the
//! first clock, the second, and the first again, and puts the first on a line through its two crossings.
//!
//! A crossing by software is an interval: the PHC was read somewhere between two readings of CLOCK_REALTIME. Of several
//! the narrowest says most, and half its width is what it leaves open, whatever the bus does. (That the middle is the most
//! likely place is the usual assumption, and asymmetric buses are its usual failure; the bound holds all the same.)
//! Averages over wide windows have no such bound, so the result of a run is that of its narrowest round, and the median
//! stands beside it.

use std::io;

use synchronome_kernel::phc::{Crossing, CrossingMethod, Phc};
use synchronome_kernel::timestamping::KernelTime;

use crate::time::{Duration, FrequencyPpb, Local, Timestamp};

/// Readings that the kernel makes for one crossing; the narrowest is taken.
pub const READINGS: usize = 10;

/// Both readings of a crossing are whole nanoseconds.
const RESOLUTION: Duration = Duration::from_nanos(1);

/// How far a clock's rate may be from CLOCK_REALTIME's for a round to count as undisturbed: more than any oscillator and
/// any correction in use, less than any step that matters.
const RATE_MAX: FrequencyPpb = FrequencyPpb::new(100_000_000.0);

/// A clock against CLOCK_REALTIME at one instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Against {
    /// CLOCK_REALTIME at the instant.
    pub at: Timestamp<Local>,
    /// The clock minus CLOCK_REALTIME.
    pub offset: Duration,
    /// The offset is that, more or less this at most.
    pub uncertainty: Duration,
}

impl Against {
    /// What the clock itself read.
    pub fn reading(&self) -> Timestamp<Local> {
        self.at + self.offset
    }
}

fn timestamp(time: KernelTime) -> Timestamp<Local> {
    Timestamp::from_parts(time.seconds, time.nanoseconds)
}

/// The narrowest of these readings; `None` if there is none in which CLOCK_REALTIME went forward.
fn narrowest(crossings: &[Crossing]) -> Option<Against> {
    let forward = crossings.iter().filter(|crossing| crossing.window_nanoseconds() >= 0);
    let crossing = forward.min_by_key(|crossing| crossing.window_nanoseconds())?;
    let before = timestamp(crossing.before);
    let half = (timestamp(crossing.after) - before).half();
    let at = before + half;
    Some(Against { at, offset: timestamp(crossing.device) - at, uncertainty: half + RESOLUTION })
}

/// Crosses a PHC with CLOCK_REALTIME.
///
/// # Errors
/// Those of the PHC; `InvalidData` if CLOCK_REALTIME was set back during each of the readings.
pub fn cross(phc: &Phc, method: CrossingMethod) -> io::Result<Against> {
    let mut crossings = [Crossing::EMPTY; READINGS];
    let count = phc.cross(method, READINGS as u32, &mut crossings)?;
    narrowest(&crossings[..count]).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The methods that this PHC can, the best first.
///
/// # Errors
/// That of the PHC if it can none.
pub fn working_methods(phc: &Phc) -> io::Result<Vec<CrossingMethod>> {
    let mut working = Vec::new();
    let mut refused = None;
    for method in CrossingMethod::BEST_FIRST {
        match cross(phc, method) {
            Ok(_) => working.push(method),
            Err(error) => refused = Some(error),
        }
    }
    match refused {
        Some(error) if working.is_empty() => Err(error),
        _ => Ok(working),
    }
}

/// One of two clocks to be compared.
#[derive(Debug)]
pub enum Side {
    /// CLOCK_REALTIME itself.
    System,
    /// A PHC, and how it is crossed.
    Phc(Phc, CrossingMethod),
}

impl Side {
    /// Against CLOCK_REALTIME; for CLOCK_REALTIME itself, at `now`, exactly nothing.
    fn cross(&self, now: Option<Timestamp<Local>>) -> io::Result<Option<Against>> {
        match self {
            Self::System => Ok(now.map(|at| Against { at, offset: Duration::ZERO, uncertainty: Duration::ZERO })),
            Self::Phc(phc, method) => cross(phc, *method).map(Some),
        }
    }
}

/// One comparison of two clocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Round {
    /// CLOCK_REALTIME at the instant.
    pub at: Timestamp<Local>,
    /// The first clock minus the second.
    pub offset: Duration,
    /// The offset is that, more or less this at most.
    pub uncertainty: Duration,
}

/// Compares two clocks once; `None` if CLOCK_REALTIME (or the first clock) was set meanwhile.
///
/// # Errors
/// Those of the PHCs.
pub fn compare(first: &Side, second: &Side) -> io::Result<Option<Round>> {
    let before = first.cross(None)?;
    let Some(middle) = second.cross(before.map(|before| before.at))? else {
        // Two times the system clock: nothing to compare, and the caller says so.
        return Ok(None);
    };
    let Some(after) = first.cross(Some(middle.at))? else { return Ok(None) };
    Ok(round(before.unwrap_or(after), middle, after))
}

/// Rounds for [`asymmetry`].
const ASYMMETRY_ROUNDS: usize = 5;
/// An asymmetry below that is not worth a word.
const ASYMMETRY_MIN: Duration = Duration::from_nanos(50);

/// The two ways to read a device held against each other: see [`asymmetry`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asymmetry {
    /// Reads over the bus take the device's time about in the middle of their window.
    Fair,
    /// They take it by so much before the middle (negative: after it), inside of half a window of so much. Half the window is
    /// part of the bound wherever such reads are used.
    Lopsided(Duration, Duration),
    /// The device was latched by so much outside of the window of reads over the bus, which no bus can do: what is latched is
    /// not what it should be.
    Impossible(Duration),
}

/// Where the hardware latches both clocks, and can be read over the bus too: whether the two agree.
///
/// It is the one case in which an asymmetric bus can be seen. A device that is read over the bus alone gives no sign of a
/// constant asymmetry; what varies from read to read is the estimator's matter, to which both halves of the window are paths
/// of their own.
///
/// `None` where the device cannot be read both ways.
pub fn asymmetry(phc: &Phc) -> Option<Asymmetry> {
    let round = |_| {
        let before = cross(phc, CrossingMethod::Precise).ok()?;
        let middle = cross(phc, CrossingMethod::Extended).ok()?;
        round(before, middle, cross(phc, CrossingMethod::Precise).ok()?)
    };
    let rounds = (0..ASYMMETRY_ROUNDS).filter_map(round);
    rounds.min_by_key(|round| round.uncertainty).map(asymmetry_of)
}

/// What the narrowest round says: the first clock is the device as it is latched, the second one as it is read.
fn asymmetry_of(round: Round) -> Asymmetry {
    if round.offset.abs() > round.uncertainty + RESOLUTION {
        Asymmetry::Impossible(round.offset)
    } else if round.offset.abs() > round.uncertainty.scaled(0.25).max(ASYMMETRY_MIN) {
        Asymmetry::Lopsided(round.offset, round.uncertainty)
    } else {
        Asymmetry::Fair
    }
}

fn round(before: Against, middle: Against, after: Against) -> Option<Round> {
    let (elapsed, change) = (after.at - before.at, after.offset - before.offset);
    let allowed = before.uncertainty + after.uncertainty + RATE_MAX.drift(elapsed);
    if elapsed.is_negative() || change.abs() > allowed {
        return None;
    }
    let part = (middle.at - before.at).as_secs_f64() / elapsed.as_secs_f64();
    // Where nothing elapsed there is nothing to interpolate.
    let moved = if part.is_finite() { change.scaled(part) } else { Duration::ZERO };
    Some(Round {
        at: middle.at,
        offset: before.offset + moved - middle.offset,
        uncertainty: before.uncertainty.max(after.uncertainty) + middle.uncertainty,
    })
}

/// What a row of rounds says.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Summary {
    /// The round with the least uncertainty; the last one of equals.
    pub narrowest: Round,
    /// The median of the offsets.
    pub median: Duration,
    /// How much faster than the second clock the first one runs, and the standard error of that: a line through all
    /// offsets by least squares. `None` for fewer than three rounds.
    pub drift: Option<(FrequencyPpb, FrequencyPpb)>,
}

impl Summary {
    /// Of these rounds; `None` without any.
    pub fn of(rounds: &[Round]) -> Option<Self> {
        let narrowest = *rounds.iter().rev().min_by_key(|round| round.uncertainty)?;
        let mut offsets: Vec<_> = rounds.iter().map(|round| round.offset).collect();
        offsets.sort_unstable();
        let (lower, upper) = (offsets[(offsets.len() - 1) / 2], offsets[offsets.len() / 2]);
        Some(Self { narrowest, median: lower + (upper - lower).half(), drift: drift(rounds) })
    }
}

fn drift(rounds: &[Round]) -> Option<(FrequencyPpb, FrequencyPpb)> {
    let first = rounds.first().filter(|_| rounds.len() >= 3)?;
    let count = rounds.len() as f64;
    // Relative to the first round, so that nothing is lost in the size of the numbers.
    let points: Vec<(f64, f64)> = rounds
        .iter()
        .map(|round| ((round.at - first.at).as_secs_f64(), (round.offset - first.offset).as_secs_f64()))
        .collect();
    let (x_mean, y_mean) =
        (points.iter().map(|(x, _)| x).sum::<f64>() / count, points.iter().map(|(_, y)| y).sum::<f64>() / count);
    let spread: f64 = points.iter().map(|(x, _)| (x - x_mean) * (x - x_mean)).sum();
    if spread <= 0.0 {
        return None;
    }
    let slope = points.iter().map(|(x, y)| (x - x_mean) * (y - y_mean)).sum::<f64>() / spread;
    let residual = |&(x, y): &(f64, f64)| y - y_mean - slope * (x - x_mean);
    let squares: f64 = points.iter().map(|point| residual(point) * residual(point)).sum();
    let error = (squares / (count - 2.0) / spread).sqrt();
    Some((FrequencyPpb::from_ratio(slope), FrequencyPpb::from_ratio(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ns(nanos: i64) -> Duration {
        Duration::from_nanos(nanos)
    }

    fn at(nanos: i64) -> Timestamp<Local> {
        Timestamp::from_secs(1_767_225_600) + ns(nanos)
    }

    fn crossing(before: u32, device: u32, after: u32) -> Crossing {
        let time = |nanoseconds| KernelTime { seconds: 1_767_225_600, nanoseconds };
        Crossing { before: time(before), device: time(device), after: time(after), monotonic_raw: None }
    }

    #[test]
    fn the_narrowest_reading_is_taken_and_half_its_window_is_open() {
        let wide = crossing(1000, 9000, 5000);
        let narrow = crossing(7000, 8500, 8000);
        let found = narrowest(&[wide, narrow, wide]).expect("readings");
        assert_eq!((found.at, found.offset, found.uncertainty), (at(7500), ns(1000), ns(501)));
        assert_eq!(found.reading(), at(8500));
    }

    #[test]
    fn a_clock_that_is_set_back_during_a_reading_makes_it_none() {
        let back = crossing(8000, 0, 1000);
        assert_eq!(narrowest(&[back]), None);
        assert_eq!(narrowest(&[back, crossing(0, 5, 10)]).map(|found| found.offset), Some(ns(0)));
        assert_eq!(narrowest(&[]), None);
    }

    fn against(at_ns: i64, offset: i64, uncertainty: i64) -> Against {
        Against { at: at(at_ns), offset: ns(offset), uncertainty: ns(uncertainty) }
    }

    #[test]
    fn the_first_clock_is_put_on_a_line_through_its_crossings() {
        // 1 % fast, as a clock during a large correction: 10 us later it is 100 ns ahead.
        let round = round(against(0, 500, 20), against(4_000, 30, 7), against(10_000, 600, 30)).expect("undisturbed");
        assert_eq!(round, Round { at: at(4_000), offset: ns(500 + 40 - 30), uncertainty: ns(37) });
    }

    #[test]
    fn a_step_in_between_spoils_a_round() {
        let after_a_step = against(10_000, 500 + 5_000, 20);
        assert_eq!(round(against(0, 500, 20), against(4_000, 30, 7), after_a_step), None);
        assert_eq!(round(against(0, 500, 20), against(-40, 30, 7), against(-10, 500, 20)), None, "time went back");
    }

    #[test]
    fn against_the_system_clock_a_clock_is_what_its_crossing_says() {
        let (phc, system) = (against(0, 500, 20), against(0, 0, 0));
        let swapped = round(system, phc, against(0, 0, 0)).expect("undisturbed");
        assert_eq!((swapped.offset, swapped.uncertainty), (ns(-500), ns(20)));
    }

    #[test]
    fn a_lopsided_bus_is_told_from_a_latch_that_lies() {
        let found =
            |offset, uncertainty| asymmetry_of(Round { at: at(0), offset: ns(offset), uncertainty: ns(uncertainty) });
        assert_eq!((found(40, 43), found(-200, 1_000)), (Asymmetry::Fair, Asymmetry::Fair));
        assert_eq!(found(-950, 1_000), Asymmetry::Lopsided(ns(-950), ns(1_000)));
        assert_eq!(found(1_002, 1_000), Asymmetry::Impossible(ns(1_002)));
    }

    #[test]
    fn a_run_is_summed_up_by_its_narrowest_round_its_median_and_its_slope() {
        let rounds: Vec<_> = (0..11)
            .map(|index| Round {
                at: at(index * 100_000_000),
                // 35 ppm, and a wide window that lies once.
                offset: ns(1_000 + 3_500 * index + if index == 4 { 9_000 } else { 0 }),
                uncertainty: ns(if index == 4 { 9_000 } else { 300 - index }),
            })
            .collect();
        let summary = Summary::of(&rounds).expect("rounds");
        assert_eq!(summary.narrowest, rounds[10]);
        assert_eq!(summary.median, rounds[6].offset, "the liar moved it by one");
        let (drift, error) = summary.drift.expect("enough");
        assert!((drift.ppb() - 35_000.0).abs() < 3.0 * error.ppb(), "{drift} +- {error}");
        let honest: Vec<_> = rounds.iter().copied().filter(|round| round.uncertainty < ns(1_000)).collect();
        let (drift, error) = Summary::of(&honest).and_then(|summary| summary.drift).expect("enough");
        assert!((drift.ppb() - 35_000.0).abs() < 1e-3 && error.ppb() < 1e-3, "{drift} +- {error}");
    }

    #[test]
    fn too_few_rounds_have_no_drift() {
        let round = Round { at: at(0), offset: ns(5), uncertainty: ns(1) };
        assert_eq!(Summary::of(&[]), None);
        assert_eq!(Summary::of(&[round, round]).and_then(|summary| summary.drift), None);
        assert_eq!(Summary::of(&[round; 5]).and_then(|summary| summary.drift), None, "all at one instant");
    }
}
