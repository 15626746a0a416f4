//! In which steps the system clock's rate goes.
//!
//! What NTP tells the kernel is fine, 2^-16 ppm; the clock that comes of it is not. Time is `cycles * mult >> shift`, `mult` is a whole number, and so
//! the rate is a multiple of about `1 / mult`: 0.06 to 0.24 ppm. What lies between two of them the kernel makes up for by taking now the one and
//! now the other, and it decides which when it is awake (`timekeeping_adjust`, kernel/time/timekeeping.c). An idle CPU sleeps for 80 ms, and
//! the clock is off by up to 10 ns then; nobody can read by how much.
//!
//! Who knows the step can command rates that are a multiple of it, which the kernel has nothing to make up for, and knows at each moment
//! what the clock does. But the kernel does not tell the step. It follows from the counter's frequency in kHz, a whole number by which the counter is
//! registered (`clocksource_register_khz`), and that from the counter and CLOCK_MONOTONIC_RAW, which is nothing but `cycles * mult >> shift` with the
//! `mult` that is no multiple off (`clocks_calc_mult_shift`: the largest with which 600 s do not overflow 64 bits).
//!
//! To be exact it is a multiple of `1 / mult` rounded so that a tick of the kernel, 1 to 10 ms, is a whole number of cycles: at 30 ppm that makes a few
//! thousandths of a part in a thousand million, which the kernel adds up, and makes up for by a jump of one sleep's length when it has enough. How long a tick
//! is the coarse clocks say.
//!
//! A clock source that is not this counter, as the HPET, is not a whole number of kHz by it, but for one in ten by chance. Whoever commands multiples
//! of a wrong step has an average that is right all the same, and what the kernel does between two of its own.

use nix::time::{ClockId, clock_getres};
use synchronome_kernel::counter;

use super::HostClock;
use crate::time::{Duration, FrequencyPpb, Local, Timestamp};

/// How far apart two readings are at least that say the frequency; where that is not enough, twice as far the next time.
const APART: Duration = Duration::from_secs(4);
/// By so many kHz their windows may allow it to be off. (Both are alike, so that it is off by far less.)
const UNSURE_MAX: f64 = 0.1;
/// And by so many it may be off from a whole number.
const OFF_MAX: f64 = 0.05;
/// Where it is known to this, and is no whole number, there is no more to find out.
const SURE: f64 = 0.02;
/// What the frequency may be, in kHz.
const KHZ: std::ops::RangeInclusive<f64> = 1_000.0..=20e6;
/// Over so many seconds a clock must not overflow.
const WITHOUT_OVERFLOW: u64 = 600;
/// A finer step is nothing to see: in 80 ms it makes less than a nanosecond.
const COARSE: FrequencyPpb = FrequencyPpb::new(10.0);
/// Tries to read both without being interrupted.
const TRIES: usize = 8;

/// One reading of the counter between two of CLOCK_MONOTONIC_RAW.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    ticks: u64,
    raw: Timestamp<Local>,
    window: Duration,
}

impl Taken {
    /// The sharpest of a few; `None` without a counter.
    fn now() -> Option<Self> {
        let host = HostClock;
        let one = || {
            let (before, ticks, after) = (host.raw(), counter::read()?, host.raw());
            Some(Self { ticks, raw: before + (after - before).half(), window: after - before })
        };
        (0..TRIES).filter_map(|_| one()).min_by_key(|taken| taken.window)
    }
}

/// See the module's text.
#[derive(Clone, Copy, Debug)]
pub enum RateStep {
    /// Being measured since that reading, and looked at again after this time; with the length of a tick, in ns.
    Measuring(Taken, Duration, u32),
    /// This.
    Known(FrequencyPpb),
    /// Nobody knows, or it is too fine to matter.
    Unknown,
}

impl RateStep {
    /// Begins to measure.
    pub fn new() -> Self {
        let begin = || Some(Self::Measuring(Taken::now()?, APART, tick_ns()?));
        begin().unwrap_or(Self::Unknown)
    }

    /// What is known by now.
    pub fn look(&mut self) -> Option<FrequencyPpb> {
        if let Self::Measuring(first, apart, tick_ns) = *self
            && HostClock.raw() - first.raw >= apart
            && let Some(last) = Taken::now()
        {
            *self = match khz_by(&first, &last) {
                Khz::Whole(khz) => {
                    Some(step_of(khz, tick_ns)).filter(|step| *step >= COARSE).map_or(Self::Unknown, Self::Known)
                }
                Khz::Unsure => Self::Measuring(first, apart.times(2), tick_ns),
                Khz::Other => Self::Unknown,
            };
        }
        self.known()
    }

    /// What was known when it was looked at last.
    pub fn known(&self) -> Option<FrequencyPpb> {
        match *self {
            Self::Known(step) => Some(step),
            _ => None,
        }
    }
}

/// The counter's frequency by CLOCK_MONOTONIC_RAW.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Khz {
    Whole(u64),
    Unsure,
    /// No whole number, or none that a counter would have.
    Other,
}

fn khz_by(first: &Taken, last: &Taken) -> Khz {
    let apart = (last.raw - first.raw).as_secs_f64();
    let khz = last.ticks.wrapping_sub(first.ticks) as f64 / apart / 1e3;
    let unsure = (first.window + last.window).as_secs_f64() / 2.0 / apart * khz;
    if !KHZ.contains(&khz) {
        return if unsure <= SURE { Khz::Other } else { Khz::Unsure };
    }
    // By a clock whose `mult` is rounded it is a little less or more.
    let whole = khz.round() as u64;
    let (mult, shift) = mult_of(whole);
    let by_clock = 1e6 * (1_u64 << shift) as f64 / mult as f64;
    if unsure <= UNSURE_MAX && (khz - by_clock).abs() <= OFF_MAX {
        Khz::Whole(whole)
    } else if unsure <= SURE {
        Khz::Other
    } else {
        Khz::Unsure
    }
}

/// How long a tick of the kernel is, in ns, if that is known and can be used.
fn tick_ns() -> Option<u32> {
    let tick = clock_getres(ClockId::CLOCK_MONOTONIC_COARSE).ok()?;
    if tick.tv_sec() == 0 { whole_ticks(tick.tv_nsec()) } else { None }
}

/// Ticks of so many ns, if a second is a whole number of them: with others (300 a second) what the kernel takes for no correction lies between two
/// multiples.
fn whole_ticks(ns: i64) -> Option<u32> {
    let ns = u32::try_from(ns).ok()?;
    (ns > 0 && 1_000_000_000_u32.is_multiple_of(ns)).then_some(ns)
}

/// The step of the clock by a counter of so many kHz, with ticks of so many ns (`tk_setup_internals`).
fn step_of(khz: u64, tick_ns: u32) -> FrequencyPpb {
    let (mult, shift) = mult_of(khz);
    let tick = u128::from(tick_ns) << shift;
    let cycles = (tick + mult / 2) / mult;
    FrequencyPpb::from_ratio(cycles as f64 / tick as f64)
}

/// `mult` and `shift` of the clock by a counter of so many kHz.
fn mult_of(khz: u64) -> (u128, u32) {
    let longest = WITHOUT_OVERFLOW * 1_000 * khz;
    let bits = 32 - (u64::BITS - (longest >> 32).leading_zeros()).min(32);
    let mult = |shift: u32| (((1_000_000_u128 << shift) + u128::from(khz / 2)) / u128::from(khz), shift);
    (1..=32).rev().map(mult).find(|(mult, _)| mult >> bits == 0).unwrap_or((1, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(seconds: f64, khz: f64, window_ns: i64) -> Taken {
        let raw = Timestamp::EPOCH + Duration::from_secs_f64(seconds);
        Taken { ticks: (seconds * khz * 1e3).round() as u64, raw, window: Duration::from_nanos(window_ns) }
    }

    #[test]
    fn a_counter_of_whole_khz_is_told_from_another_as_soon_as_readings_are_sharp_enough() {
        // As the clock of a `mult` that is rounded has it.
        let shown = |khz: f64| {
            let (mult, shift) = mult_of(khz as u64);
            khz * (1e6 * (1_u64 << shift) as f64 / mult as f64 / khz.floor())
        };
        let found = |khz, window_ns, apart| {
            let khz = shown(khz);
            khz_by(&taken(9.0, khz, window_ns), &taken(9.0 + apart, khz, window_ns))
        };
        assert_eq!(found(2_099_999.0, 60, 4.0), Khz::Whole(2_099_999));
        assert_eq!(found(999_999.01, 1_000, 4.0), Khz::Unsure, "by such windows it could be anything");
        assert_eq!(found(999_999.01, 1_000, 16.0), Khz::Whole(999_999));
        assert_eq!(found(2_099_999.4, 60, 4.0), Khz::Unsure);
        assert_eq!(found(2_099_999.4, 60, 16.0), Khz::Other);
        assert_eq!(found(12.0, 60, 4.0), Khz::Other, "no counter is as slow");
    }

    #[test]
    fn the_step_is_the_kernels() {
        // dmesg and /proc of machines of these: tsc of a virtual one and of two real ones, kvm-clock, an ARM server's counter.
        for (khz, mult) in
            [(999_999, 8_388_616_u32), (1_000_000, 8_388_608), (2_100_000, 7_989_150), (25_000, 671_088_640)]
        {
            for tick_ns in [1_000_000, 4_000_000, 10_000_000] {
                let step = step_of(khz, tick_ns).ratio();
                // A tick is a whole number of cycles.
                let rounded = 0.5 / (khz as f64 * 1e-6 * f64::from(tick_ns));
                assert!((step * f64::from(mult) - 1.0).abs() <= rounded + 1e-12, "{khz}: {}", 1.0 / step);
            }
        }
        // 21,000,001 cycles, and 2,100,000.
        assert!(step_of(2_100_000, 10_000_000) > step_of(2_100_000, 1_000_000), "it matters how long a tick is");
    }

    #[test]
    fn ticks_of_which_a_second_is_no_whole_number_are_not_used() {
        for (ns, whole) in [(1_000_000, true), (4_000_000, true), (10_000_000, true), (3_333_333, false), (0, false)] {
            assert_eq!(whole_ticks(ns), u32::try_from(ns).ok().filter(|_| whole), "{ns}");
        }
        let tick = clock_getres(ClockId::CLOCK_MONOTONIC_COARSE).expect("Linux 2.6.32").tv_nsec();
        assert!((1_000_000..=10_000_000).contains(&tick), "{tick}: a tick");
    }
}
