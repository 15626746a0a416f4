//! What the page says of the time: `T = time + period (counter - counter_value)`, and how far off that may be (UAPI.13, "Calculating time").
//!
//! All of it is exact: a period is a fraction of 2^-(64 + shift) s, the product with the ticks that have passed has 128 bits, and only the sum is rounded, to
//! 2^-16 ns.
//!
//! A page whose scale is TAI is easy. One that counts UTC was written before a leap second perhaps and is read after it: what it gives then is a second off, and
//! nothing at all while the leap second lasts, which has no number of its own. So it is for TAI - UTC, of a page that says that.

use super::{Page, ParseError, SIZE, field, parse};
use crate::time::{Duration, LeapIndicator, Local, TaiUtc, Timestamp, civil_from_days};

const COUNTER_ID: usize = 10;
const TIME_TYPE: usize = 11;
const STATUS: usize = 34;
const SMEARING: usize = 35;
const TAI_OFFSET: usize = 36;
const LEAP: usize = 38;
const PERIOD_SHIFT: usize = 39;
const COUNTER_VALUE: usize = 40;
const PERIOD: usize = 48;
const PERIOD_EST_ERROR: usize = 56;
const PERIOD_MAX_ERROR: usize = 64;
const TIME_SEC: usize = 72;
const TIME_FRACTION: usize = 80;
const TIME_EST_ERROR: usize = 88;
const TIME_MAX_ERROR: usize = 96;

const HAS_TAI_OFFSET: u64 = 1 << 0;
const HAS_PERIOD_EST_ERROR: u64 = 1 << 3;
const HAS_PERIOD_MAX_ERROR: u64 = 1 << 4;
const HAS_TIME_EST_ERROR: u64 = 1 << 5;
const HAS_TIME_MAX_ERROR: u64 = 1 << 6;

/// A period of 2^-(64 + 63) s is no counter's.
const SHIFT_MAX: u8 = 63;
/// The end of the years that a date has: some 34,000 years.
const SECONDS_MAX: u64 = 1 << 40;
/// TAI - UTC, either way: 37 s in 2026, and a second more every few years.
const TAI_OFFSET_MAX: u16 = 1_000;
const DAY_S: i64 = 86_400;
/// An error that is only estimated is taken this many times: what is wanted is one that holds.
const ESTIMATED: i64 = 4;
/// How far off a time may be at its instant that does not say: as of hardware clocks that do not.
const TIME_UNSAID: Duration = Duration::from_micros(1);
/// How far off a period may be that does not say, in parts of 2^20: 50 ppm and a little, what counters are made to.
const PERIOD_UNSAID: u128 = 53;

/// Whose ticks are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CounterId {
    /// ARM's virtual counter.
    ArmVirtual,
    /// x86's time stamp counter.
    Tsc,
    /// Another one, of a later version.
    Other(u8),
}

/// How far the hypervisor's own clock can be relied on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// It is synchronised.
    Synchronised,
    /// It was, and runs on by what it has learnt; its error grows.
    FreeRunning,
}

/// How the clocks around smear leap seconds, by the hypervisor's word. Its own time is never smeared.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Smearing {
    /// They do not, or it does not say.
    #[default]
    Strict,
    /// From noon to noon, evenly.
    NoonLinear,
    /// UTC-SLS: over the last 1000 s of the day.
    UtcSls,
    /// In another way, of a later version.
    Other(u8),
}

/// Where a leap second is, seen from the reference time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Leap {
    None,
    /// One is inserted at the end of the month.
    Before,
    /// One is deleted at the end of the month.
    BeforeDelete,
    /// It is now.
    Now,
}

/// Why there is no time to be had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoTime {
    /// It is no page, or written just now.
    Page(ParseError),
    /// This page tells of disruptions only: it names no counter, or ends before the time.
    Absent,
    /// What it counts has no epoch, or is smeared: its `time_type`.
    Scale(u8),
    /// The hypervisor's clock is not synchronised, or broken: its `clock_status`.
    Status(u8),
    /// It runs free, and does not say how far off it may be.
    Unbounded,
    /// A field is outside of its range.
    Field,
}

/// What relates a counter to the time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimePage {
    /// What it says of disruptions.
    pub page: Page,
    /// Whose ticks.
    pub counter: CounterId,
    /// It counts TAI; else UTC.
    pub is_tai: bool,
    /// The hypervisor's clock.
    pub status: Status,
    /// What the clocks around do at a leap second.
    pub smearing: Smearing,
    /// At the reference time.
    tai_utc: Option<TaiUtc>,
    leap: Leap,
    shift: u8,
    counter_value: u64,
    period: u64,
    /// At most, if it says so; in units of the period.
    period_error: Option<u64>,
    seconds: i64,
    fraction: u64,
    error: Duration,
}

/// The time at a reading of the counter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Told {
    /// TAI or UTC since 1970.
    pub time: Timestamp<Local>,
    /// How far off it may be.
    pub error: Duration,
    /// TAI - UTC then; `None`: the page does not say.
    pub tai_utc: Option<TaiUtc>,
    /// Whether this month ends with a leap second.
    pub leap: LeapIndicator,
}

/// What a copy of the page says of the time.
///
/// # Errors
/// [`NoTime`].
pub fn parse_time(octets: &[u8; SIZE]) -> Result<TimePage, NoTime> {
    let page = parse(octets).map_err(NoTime::Page)?;
    let number = |offset| field(octets, offset).map_or(0, u64::from_le_bytes);
    let flags = number(24);
    let size = field(octets, 4).map_or(0, u32::from_le_bytes);
    let counter = match octets[COUNTER_ID] {
        _ if size < (TIME_FRACTION + 8) as u32 => return Err(NoTime::Absent),
        0 => CounterId::ArmVirtual,
        1 => CounterId::Tsc,
        0xff => return Err(NoTime::Absent),
        other => CounterId::Other(other),
    };
    let is_tai = match octets[TIME_TYPE] {
        0 => false,
        1 => true,
        other => return Err(NoTime::Scale(other)),
    };
    let status = match octets[STATUS] {
        2 => Status::Synchronised,
        3 => Status::FreeRunning,
        other => return Err(NoTime::Status(other)),
    };
    // What the page has no room for it does not say, whatever its flags.
    let said = |flag: u64, offset: usize| (flags & flag != 0 && size as usize >= offset + 8).then(|| number(offset));
    let estimated = |value: Option<u64>| value.map(|value| value.saturating_mul(ESTIMATED as u64));
    let time_error = said(HAS_TIME_MAX_ERROR, TIME_MAX_ERROR);
    let error = time_error.or(estimated(said(HAS_TIME_EST_ERROR, TIME_EST_ERROR)));
    if status == Status::FreeRunning && error.is_none() {
        return Err(NoTime::Unbounded);
    }
    let error = error.map_or(TIME_UNSAID, |error| Duration::from_nanos(i64::try_from(error).unwrap_or(i64::MAX)));
    let period_error = said(HAS_PERIOD_MAX_ERROR, PERIOD_MAX_ERROR);
    let (period, shift, seconds) = (number(PERIOD), octets[PERIOD_SHIFT], number(TIME_SEC));
    if period == 0 || shift > SHIFT_MAX || seconds > SECONDS_MAX {
        return Err(NoTime::Field);
    }
    let tai_offset = (flags & HAS_TAI_OFFSET != 0).then(|| field(octets, TAI_OFFSET).map_or(0, i16::from_le_bytes));
    if tai_offset.is_some_and(|offset| offset.unsigned_abs() > TAI_OFFSET_MAX) {
        return Err(NoTime::Field);
    }
    Ok(TimePage {
        page,
        counter,
        is_tai,
        status,
        smearing: match octets[SMEARING] {
            0 => Smearing::Strict,
            1 => Smearing::NoonLinear,
            2 => Smearing::UtcSls,
            other => Smearing::Other(other),
        },
        tai_utc: tai_offset.map(TaiUtc),
        leap: match octets[LEAP] {
            1 => Leap::Before,
            2 => Leap::BeforeDelete,
            3 => Leap::Now,
            // None, or one that is over; what a later version may say is none that is announced.
            _ => Leap::None,
        },
        shift,
        counter_value: number(COUNTER_VALUE),
        period,
        period_error: period_error.or(estimated(said(HAS_PERIOD_EST_ERROR, PERIOD_EST_ERROR))),
        seconds: seconds as i64,
        fraction: number(TIME_FRACTION),
        error,
    })
}

/// 2^-64 s as ticks of 2^-16 ns: 10^9 / 2^48 of them. Rounded down.
fn ticks_of(units: u128) -> i128 {
    let (seconds, fraction) = (units >> 64, units & u128::from(u64::MAX));
    let whole = Duration::SECOND.ticks().saturating_mul(seconds as i128);
    whole.saturating_add(((fraction * 1_000_000_000) >> 48) as i128)
}

impl TimePage {
    /// Ticks since the reference, with their sign: a counter may be read on one CPU and have been noted on another.
    fn passed(&self, counter: u64) -> i64 {
        counter.wrapping_sub(self.counter_value) as i64
    }

    /// So many ticks of `period` (2^-(64 + shift) s) in units of 2^-64 s.
    fn product(&self, ticks: u64, period: u64) -> u128 {
        (u128::from(ticks) * u128::from(period)) >> self.shift
    }

    /// Seconds and 2^-64 s at a reading of the counter, as the page has them, without a thought of leap seconds.
    pub fn exactly_at(&self, counter: u64) -> (i64, u64) {
        let passed = self.passed(counter);
        let span = i128::try_from(self.product(passed.unsigned_abs(), self.period)).unwrap_or(i128::MAX);
        let reference = i128::from(self.seconds) << 64 | i128::from(self.fraction);
        let time = if passed < 0 { reference.saturating_sub(span) } else { reference.saturating_add(span) };
        ((time >> 64) as i64, time as u64)
    }

    /// How far off that may be.
    ///
    /// `time_maxerror + period_maxerror |counter - counter_value|`. Of an error that is only estimated four times; 1 us where the page says nothing of its time,
    /// 50 ppm where it says nothing of its period.
    pub fn error_at(&self, counter: u64) -> Duration {
        let passed = self.passed(counter).unsigned_abs();
        let of_period = match self.period_error {
            Some(error) => self.product(passed, error),
            None => (self.product(passed, self.period) >> 20).saturating_mul(PERIOD_UNSAID),
        };
        // One for what was rounded down, one for what the time was.
        self.error + Duration::from_ticks(ticks_of(of_period).saturating_add(2))
    }

    /// The time when the counter read so much; `None` in a leap second of a page that counts UTC.
    pub fn at(&self, counter: u64) -> Option<Told> {
        let (seconds, fraction) = self.exactly_at(counter);
        let time = Timestamp::from_secs(seconds) + Duration::from_ticks(ticks_of(u128::from(fraction)));
        let error = self.error_at(counter);
        let told = |passed_leap: Option<i64>, leap| {
            let tai_utc = self.tai_utc.zip(passed_leap).map(|(TaiUtc(offset), by)| TaiUtc(offset + by as i16));
            let time = if self.is_tai { time } else { time - Duration::from_secs(passed_leap.unwrap_or(0)) };
            Some(Told { time, error, tai_utc, leap })
        };
        // UTC by its own offset, as if there were no leap second.
        let scale = if self.is_tai { self.tai_utc.map(|TaiUtc(offset)| i64::from(offset)) } else { Some(0) };
        let utc = scale.map(|offset| seconds.saturating_sub(offset));
        let midnight = scale.map(|offset| month_after(self.seconds - offset));
        match (self.leap, utc.zip(midnight)) {
            (Leap::None, _) => told(Some(0), LeapIndicator::NoWarning),
            // Who counts TAI says no UTC: nothing of it moves.
            (Leap::Before, None) => told(None, LeapIndicator::Insert),
            (Leap::BeforeDelete, None) => told(None, LeapIndicator::Delete),
            (Leap::Before, Some((utc, midnight))) if utc < midnight => told(Some(0), LeapIndicator::Insert),
            (Leap::Before, Some((utc, midnight))) if utc == midnight && !self.is_tai => None,
            (Leap::Before, Some(_)) => told(Some(1), LeapIndicator::NoWarning),
            (Leap::BeforeDelete, Some((utc, midnight))) if utc < midnight - 1 => told(Some(0), LeapIndicator::Delete),
            (Leap::BeforeDelete, Some(_)) => told(Some(-1), LeapIndicator::NoWarning),
            // Which of the two seconds it has the number of, and which of the two offsets, it does not say.
            (Leap::Now, _) if !self.is_tai => None,
            (Leap::Now, _) => {
                told(None, if self.passed_a_second(counter) { LeapIndicator::NoWarning } else { LeapIndicator::Insert })
            }
        }
    }

    fn passed_a_second(&self, counter: u64) -> bool {
        self.product(self.passed(counter).unsigned_abs(), self.period) >= 1 << 64
    }
}

/// The midnight at which the month ends that this second of UTC is in.
fn month_after(seconds: i64) -> i64 {
    let today = seconds.div_euclid(DAY_S);
    let first = (today + 1..=today + 31).find(|day| civil_from_days(*day).2 == 1);
    first.unwrap_or(today + 31) * DAY_S
}

#[cfg(test)]
pub(crate) mod tests;
