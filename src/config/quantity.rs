//! Durations and frequencies as people write them: `"840ns"`, `"-1.5 ms"`, `"40ppm"`.
//!
//! A bare number is never a quantity: the reader of a configuration must not have to know which unit we like.

use std::fmt;

use crate::time::{Duration, FrequencyPpb};

/// Units of durations with their lengths, the shortest first.
const DURATION_UNITS: [(&str, Duration); 8] = [
    ("ns", Duration::from_nanos(1)),
    ("us", Duration::from_micros(1)),
    ("\u{b5}s", Duration::from_micros(1)),
    ("\u{3bc}s", Duration::from_micros(1)),
    ("ms", Duration::from_millis(1)),
    ("s", Duration::SECOND),
    ("min", Duration::from_secs(60)),
    ("h", Duration::from_secs(3_600)),
];

/// Units of frequencies in ppb.
const FREQUENCY_UNITS: [(&str, f64); 2] = [("ppb", 1.0), ("ppm", 1e3)];

/// Units that people write and that are not ours, with what they mean.
const OTHER_UNITS: [(&[&str], &str); 9] = [
    (&["nsec", "nsecs", "nanos", "nanoseconds"], "ns"),
    (&["usec", "usecs", "micros", "microseconds"], "us"),
    (&["msec", "msecs", "millis", "milliseconds"], "ms"),
    (&["sec", "secs", "second", "seconds", "S"], "s"),
    (&["minute", "minutes", "mins"], "min"),
    (&["hr", "hrs", "hour", "hours", "H"], "h"),
    (&["NS", "Ns"], "ns"),
    (&["PPM"], "ppm"),
    (&["PPB"], "ppb"),
];

/// Why a text is no quantity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum QuantityError {
    /// There is no number in front.
    NoNumber,
    /// A number, and nothing behind it.
    NoUnit,
    /// Something behind the number that is no unit of this quantity; with the unit that was probably meant.
    UnknownUnit {
        /// What stands there.
        unit: String,
        /// What was probably meant.
        meant: Option<&'static str>,
        /// The units there are.
        units: &'static str,
    },
    /// More digits than any clock has.
    TooLong,
}

impl fmt::Display for QuantityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoNumber => f.write_str("no number"),
            Self::NoUnit => f.write_str("a unit is missing"),
            Self::UnknownUnit { unit, meant, units } => {
                write!(f, "`{unit}` is not a unit here (units: {units})")?;
                meant.map_or(Ok(()), |meant| write!(f, "; did you mean `{meant}`?"))
            }
            Self::TooLong => f.write_str("too many digits"),
        }
    }
}

impl std::error::Error for QuantityError {}

/// A decimal number and what stands behind it.
struct Measured<'t> {
    number: &'t str,
    unit: &'t str,
}

fn split(text: &str) -> Result<Measured<'_>, QuantityError> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '+' | '-'))).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let digits = number.strip_prefix(['+', '-']).unwrap_or(number);
    let plain = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.ends_with(|c: char| c.is_ascii_digit())
        && !digits.contains(['+', '-'])
        && digits.matches('.').count() <= 1;
    match (plain, unit.trim()) {
        (false, _) => Err(QuantityError::NoNumber),
        (true, "") => Err(QuantityError::NoUnit),
        (true, unit) => Ok(Measured { number, unit }),
    }
}

fn unknown_unit(unit: &str, units: &'static str) -> QuantityError {
    let ours = |meant: &&'static str| units.split(' ').any(|one| one == *meant);
    let meant = OTHER_UNITS.iter().find(|(others, _)| others.contains(&unit)).map(|(_, meant)| *meant).filter(ours);
    QuantityError::UnknownUnit { unit: unit.to_owned(), meant, units }
}

/// Reads a duration such as `"840ns"`, `"-1.5ms"` or `"10min"`; exact to half a tick of 2^-16 ns.
///
/// # Errors
/// [`QuantityError`] says what is wrong with the text; ranges are the caller's to check.
pub fn parse_duration(text: &str) -> Result<Duration, QuantityError> {
    let measured = split(text)?;
    let Some((_, length)) = DURATION_UNITS.iter().find(|(name, _)| *name == measured.unit) else {
        return Err(unknown_unit(measured.unit, "ns us ms s min h"));
    };
    let (whole, fraction) = measured.number.split_once('.').unwrap_or((measured.number, ""));
    let too_long = |_| QuantityError::TooLong;
    let digits = format!("{whole}{fraction}").parse::<i128>().map_err(too_long)?;
    let scale = u32::try_from(fraction.len()).ok().and_then(|places| 10_i128.checked_pow(places));
    let scale = scale.ok_or(QuantityError::TooLong)?;
    let scaled = digits.checked_mul(length.ticks()).ok_or(QuantityError::TooLong)?;
    let half = if scaled < 0 { -scale / 2 } else { scale / 2 };
    Ok(Duration::from_ticks((scaled + half) / scale))
}

/// Reads a frequency such as `"40ppm"` or `"-3.5ppb"`.
///
/// # Errors
/// [`QuantityError`] says what is wrong with the text; ranges are the caller's to check.
pub fn parse_frequency(text: &str) -> Result<FrequencyPpb, QuantityError> {
    let measured = split(text)?;
    let Some((_, ppb)) = FREQUENCY_UNITS.iter().find(|(name, _)| *name == measured.unit) else {
        return Err(unknown_unit(measured.unit, "ppb ppm"));
    };
    let number = measured.number.parse::<f64>().map_err(|_| QuantityError::NoNumber)?;
    Ok(FrequencyPpb::new(number * ppb))
}

/// Writes a duration so that [`parse_duration`] gives the same again, in the largest unit that keeps it whole.
pub fn write_duration(duration: Duration) -> String {
    if duration == Duration::ZERO {
        return "0s".to_owned();
    }
    for (name, length) in DURATION_UNITS.iter().rev().filter(|(name, _)| name.is_ascii()) {
        if duration.ticks() % length.ticks() == 0 {
            return format!("{}{name}", duration.ticks() / length.ticks());
        }
    }
    // A tick is 5^16 of 10^-16 ns.
    let sign = if duration.is_negative() { "-" } else { "" };
    let ticks = duration.ticks().unsigned_abs();
    let fraction = format!("{:016}", (ticks & 0xffff) * 5_u128.pow(16));
    format!("{sign}{}.{}ns", ticks >> 16, fraction.trim_end_matches('0'))
}

/// Writes a frequency so that [`parse_frequency`] gives the same again.
pub fn write_frequency(frequency: FrequencyPpb) -> String {
    let ppb = frequency.ppb() + 0.0; // -0 becomes 0
    let in_ppm = format!("{}ppm", ppb / 1e3);
    if ppb.abs() >= 1e3 && parse_frequency(&in_ppm) == Ok(frequency) { in_ppm } else { format!("{ppb}ppb") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_exactly() {
        let read = |text| parse_duration(text).unwrap();
        assert_eq!(read("840ns"), Duration::from_nanos(840));
        assert_eq!(read("-1.5ms"), Duration::from_micros(-1_500));
        assert_eq!(read("-0.5us"), Duration::from_nanos(-500), "the sign survives a zero in front");
        assert_eq!(read("100 \u{b5}s"), Duration::from_micros(100));
        assert_eq!(read("10min"), Duration::from_secs(600));
        assert_eq!(read("+1h"), Duration::from_secs(3_600));
        assert_eq!(read("0.0000152587890625ns"), Duration::from_ticks(1));
        assert_eq!(read("1700000000.000000001s"), Duration::from_secs(1_700_000_000) + Duration::from_nanos(1));
    }

    #[test]
    fn a_number_without_a_unit_is_not_a_duration() {
        assert_eq!(parse_duration("100"), Err(QuantityError::NoUnit));
        assert_eq!(parse_duration("0"), Err(QuantityError::NoUnit));
        assert_eq!(parse_frequency("40"), Err(QuantityError::NoUnit));
    }

    #[test]
    fn other_spellings_of_units_are_named() {
        let said = parse_duration("3 sec").unwrap_err().to_string();
        assert_eq!(said, "`sec` is not a unit here (units: ns us ms s min h); did you mean `s`?");
        let said = parse_frequency("3 sec").unwrap_err().to_string();
        assert_eq!(said, "`sec` is not a unit here (units: ppb ppm)", "a length of time is no frequency");
    }

    #[test]
    fn nonsense_is_refused_and_never_panics() {
        for text in ["", "s", "-", "-s", ".5s", "5.s", "1.2.3s", "1-2s", "--1s", "nan s", "inf s", "\u{b5}", "1e3s"] {
            assert!(parse_duration(text).is_err(), "{text}");
            assert!(parse_frequency(text).is_err(), "{text}");
        }
        assert_eq!(parse_duration("99999999999999999999999999999h"), Err(QuantityError::TooLong));
        assert_eq!(parse_duration(&format!("0.{}s", "1".repeat(60))), Err(QuantityError::TooLong));
    }

    #[test]
    fn what_is_written_reads_the_same() {
        for ticks in [0, 1, -1, 65_536, 65_537, -98_304, Duration::SECOND.ticks() * 7_200, 65_536_000 * 90] {
            let duration = Duration::from_ticks(ticks);
            assert_eq!(parse_duration(&write_duration(duration)), Ok(duration), "{}", write_duration(duration));
        }
        for ppb in [0.0, 1.0, -3.5, 40_000.0, 1e6_f64.next_up(), -0.1, 1_234_567.891] {
            let frequency = FrequencyPpb::new(ppb);
            assert_eq!(parse_frequency(&write_frequency(frequency)), Ok(frequency), "{ppb}");
        }
        assert_eq!(write_duration(Duration::from_secs(1_000)), "1000s");
        assert_eq!(write_frequency(FrequencyPpb::from_ppm(-40.0)), "-40ppm");
    }
}
