//! What is between TAI and UTC.

use std::fmt;

use super::{Duration, NTP_UNIX_OFFSET_S, Tai, Timestamp, Utc};
use crate::coding::Coded;

/// TAI - UTC in whole seconds.
///
/// 37 s since 2017, and not ours to know by heart: it comes from a source, the kernel or a leap-second table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Coded)]
pub struct TaiUtc(pub i16);

impl TaiUtc {
    /// As a duration.
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0 as i64)
    }

    /// `UTC = TAI - (TAI - UTC)`.
    pub fn to_utc(self, at: Timestamp<Tai>) -> Timestamp<Utc> {
        (at - self.duration()).read_as()
    }

    /// `TAI = UTC + (TAI - UTC)`.
    pub fn to_tai(self, at: Timestamp<Utc>) -> Timestamp<Tai> {
        (at + self.duration()).read_as()
    }
}

/// The two leap bits of NTP (RFC 5905 figure 9); PTP's leap61 and leap59 say the same of the current UTC day.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug, Coded)]
#[repr(u8)]
pub enum LeapIndicator {
    /// No leap second today.
    NoWarning = 0,
    /// The last minute of the day has 61 seconds.
    Insert = 1,
    /// The last minute of the day has 59 seconds.
    Delete = 2,
    /// Not synchronised.
    #[default]
    Unknown = 3,
}

impl LeapIndicator {
    /// From the two bits; higher bits are ignored.
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::NoWarning,
            1 => Self::Insert,
            2 => Self::Delete,
            _ => Self::Unknown,
        }
    }
}

/// A leap second, from a list of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub struct LeapStep {
    /// The midnight from which TAI - UTC is another.
    pub from: Timestamp<Utc>,
    /// TAI - UTC until then.
    pub before: TaiUtc,
    /// TAI - UTC from then on.
    pub after: TaiUtc,
}

/// The most rows that a [`LeapTable`] takes: the list of 2025 has 28.
pub const LEAP_TABLE_ROWS_MAX: usize = 256;

/// A leap-second table in the format of IERS and NIST (`leap-seconds.list`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeapTable {
    rows: Vec<(Timestamp<Utc>, TaiUtc)>,
    expires: Option<Timestamp<Utc>>,
    updated: Option<Timestamp<Utc>>,
}

/// Why a leap-second table is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LeapTableError {
    /// A line is not two numbers; its number from 1.
    Line(usize),
    /// Rows are not in ascending order; the line's number from 1.
    Order(usize),
    /// There is no row at all, or more than 256.
    Rows(usize),
}

impl fmt::Display for LeapTableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}: expected 'NTP-seconds TAI-UTC'"),
            Self::Order(line) => write!(f, "line {line}: not later than the line before it"),
            Self::Rows(rows) => write!(f, "{rows} rows, expected 1 to {LEAP_TABLE_ROWS_MAX}"),
        }
    }
}

impl LeapTable {
    /// Reads the text of a `leap-seconds.list`: `NTP-seconds TAI-UTC` lines, `#@ NTP-seconds` for the expiry, `#$ NTP-seconds`
    /// for the last change.
    ///
    /// # Errors
    /// [`LeapTableError`] names the line.
    pub fn parse(text: &str) -> Result<Self, LeapTableError> {
        let unix =
            |ntp: &str| ntp.parse::<i64>().ok().map(|s| Timestamp::from_secs(s.saturating_sub(NTP_UNIX_OFFSET_S)));
        let mut rows: Vec<(Timestamp<Utc>, TaiUtc)> = Vec::new();
        let (mut expires, mut updated) = (None, None);
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            if let Some(rest) = line.strip_prefix("#@") {
                expires = Some(unix(rest.trim()).ok_or(LeapTableError::Line(number))?);
                continue;
            }
            if let Some(rest) = line.strip_prefix("#$") {
                updated = Some(unix(rest.trim()).ok_or(LeapTableError::Line(number))?);
                continue;
            }
            let content = line.split('#').next().unwrap_or_default();
            let mut words = content.split_whitespace();
            let Some(from) = words.next() else { continue };
            let from = unix(from).ok_or(LeapTableError::Line(number))?;
            let offset = words.next().and_then(|w| w.parse().ok()).ok_or(LeapTableError::Line(number))?;
            if rows.last().is_some_and(|(last, _)| *last >= from) {
                return Err(LeapTableError::Order(number));
            }
            rows.push((from, TaiUtc(offset)));
        }
        if rows.is_empty() || rows.len() > LEAP_TABLE_ROWS_MAX {
            return Err(LeapTableError::Rows(rows.len()));
        }
        Ok(Self { rows, expires, updated })
    }

    /// TAI - UTC at an instant; `None` before the first row (1972). An expired table still answers: the last offset
    /// stays right until IERS says otherwise.
    pub fn offset_at(&self, at: Timestamp<Utc>) -> Option<TaiUtc> {
        let after = self.rows.partition_point(|(from, _)| *from <= at);
        after.checked_sub(1).map(|row| self.rows[row].1)
    }

    /// As [`LeapTable::offset_at`] where the clock may be wrong: it is not earlier than when the table was made.
    pub fn offset_today(&self, now: Timestamp<Utc>) -> Option<TaiUtc> {
        self.offset_at(self.updated.map_or(now, |updated| updated.max(now)))
    }

    /// The leap second that is `reach` past at most, or else the next one.
    pub fn step_near(&self, now: Timestamp<Utc>, reach: Duration) -> Option<LeapStep> {
        let step =
            |pair: &[(Timestamp<Utc>, TaiUtc)]| LeapStep { from: pair[1].0, before: pair[0].1, after: pair[1].1 };
        // A list may repeat what holds.
        let steps = self.rows.windows(2).map(step).filter(|step| step.before != step.after);
        steps.into_iter().find(|step| step.from + reach >= now)
    }

    /// When IERS may have said more than this; `None`: the table does not say.
    pub fn expires(&self) -> Option<Timestamp<Utc>> {
        self.expires
    }

    /// Whether the table's own expiry has passed: worth a warning, never a stop.
    pub fn is_expired(&self, now: Timestamp<Utc>) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// Whether the UTC day of `now` ends with a leap second.
    pub fn indicator_at(&self, now: Timestamp<Utc>) -> LeapIndicator {
        const DAY_S: i64 = 86_400;
        let midnight = Timestamp::from_secs((now.seconds().div_euclid(DAY_S) + 1) * DAY_S);
        match (self.offset_at(now), self.offset_at(midnight)) {
            (Some(today), Some(tomorrow)) if tomorrow > today => LeapIndicator::Insert,
            (Some(today), Some(tomorrow)) if tomorrow < today => LeapIndicator::Delete,
            _ => LeapIndicator::NoWarning,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "#$ 3960489600\n#@ 3991766400\n2272060800 10 # 1 Jan 1972\n2287785600 11\n\n3644697600\t36 # 1 Jul 2015\n3692217600\t37 # 1 Jan 2017\n#h 16edd0f0 3666784f\n";

    #[test]
    fn the_list_of_iers_is_read() {
        let table = LeapTable::parse(TABLE).unwrap();
        let last = Timestamp::from_secs(1_483_228_800);
        assert_eq!(table.offset_at(last - Duration::SECOND), Some(TaiUtc(36)));
        assert_eq!(table.offset_at(last), Some(TaiUtc(37)));
        assert_eq!(table.offset_at(Timestamp::from_secs(0)), None);
        assert_eq!(table.indicator_at(last - Duration::from_secs(3_600)), LeapIndicator::Insert);
        assert_eq!(table.indicator_at(last), LeapIndicator::NoWarning);
        assert_eq!(table.indicator_at(last - Duration::from_secs(90_000)), LeapIndicator::NoWarning);
    }

    #[test]
    fn a_clock_that_is_behind_the_table_itself_is_not_asked_for_the_date() {
        let table = LeapTable::parse(TABLE).unwrap();
        let power_up = Timestamp::from_secs(0);
        assert_eq!((table.offset_at(power_up), table.offset_today(power_up)), (None, Some(TaiUtc(37))));
        assert_eq!(table.offset_today(Timestamp::from_secs(4_000_000_000)), Some(TaiUtc(37)));
    }

    #[test]
    fn the_leap_second_that_is_near_is_the_one_just_past_or_the_next() {
        let table = LeapTable::parse(TABLE).unwrap();
        let last = Timestamp::from_secs(1_483_228_800);
        let step = LeapStep { from: last, before: TaiUtc(36), after: TaiUtc(37) };
        let day = Duration::from_secs(86_400);
        for now in [last - day.times(300), last, last + day] {
            assert_eq!(table.step_near(now, day), Some(step), "{now:?}");
        }
        assert_eq!(table.step_near(last + day + Duration::SECOND, day), None, "no other is known");
        assert_eq!(table.step_near(last - day.times(900), day).map(|step| step.after), Some(TaiUtc(36)));
    }

    #[test]
    fn an_expired_table_still_answers() {
        let table = LeapTable::parse(TABLE).unwrap();
        let late = Timestamp::from_secs(2_000_000_000);
        assert!(table.is_expired(late));
        assert_eq!(table.offset_at(late), Some(TaiUtc(37)));
    }

    #[test]
    fn wrong_tables_are_refused_with_their_line() {
        assert_eq!(LeapTable::parse("2272060800 ten"), Err(LeapTableError::Line(1)));
        assert_eq!(LeapTable::parse("2272060800 10\n2272060800 11"), Err(LeapTableError::Order(2)));
        assert_eq!(LeapTable::parse("# nothing"), Err(LeapTableError::Rows(0)));
    }

    #[test]
    fn tai_is_ahead_of_utc() {
        let offset = TaiUtc(37);
        let utc = Timestamp::<Utc>::from_secs(1_700_000_000);
        assert_eq!(offset.to_tai(utc).seconds(), 1_700_000_037);
        assert_eq!(offset.to_utc(offset.to_tai(utc)), utc);
    }
}
