//! Dates: `YYYY-MM-DDThh:mm:ssZ` to seconds since 1970 (POSIX, no leap seconds), and no more than that.

/// Seconds since 1970-01-01T00:00:00Z of a date in UTC; `None` if it is not exactly of the form
/// `2026-03-01T12:00:00Z` or names no second of the calendar.
pub fn seconds_of(date: &str) -> Option<i64> {
    let form = date.bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
    if !form.eq(*b"0000-00-00T00:00:00Z") {
        return None;
    }
    let number = |at: usize, length: usize| date[at..at + length].parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    let is_valid =
        (1..=12).contains(&month) && (1..=month_days(year, month)).contains(&day) && hour < 24 && minute < 60;
    (is_valid && second < 60).then(|| days_to(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

const fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date, counted in years that begin in March: the leap day is then the last.
const fn days_to(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (153 * month + 2) / 5 + day
        - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_posix_seconds() {
        for (date, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T00:00:00Z", 951_782_400),
            ("2026-03-01T12:00:00Z", 1_772_366_400),
            ("2026-12-31T23:59:59Z", 1_798_761_599),
            ("2038-01-19T03:14:08Z", 2_147_483_648),
        ] {
            assert_eq!(seconds_of(date), Some(seconds), "{date}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for date in [
            "",
            "2026-03-01",
            "2026-03-01T12:00:00",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-03-00T00:00:00Z",
            "2026-03-01T24:00:00Z",
            "2026-03-01T12:60:00Z",
            "2026-03-01T12:00:60Z",
            "2026-03-01 12:00:00Z",
            "2026-03-01T12:00:00.0Z",
        ] {
            assert_eq!(seconds_of(date), None, "{date}");
        }
    }
}
