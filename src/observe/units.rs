//! Figures as people read them.

use crate::time::{Duration, FrequencyPpb};

/// A time difference with three digits in the unit that a reader expects: `840 ns`, `-1.24 us`.
pub fn seconds(seconds: f64) -> String {
    Duration::from_secs_f64(seconds).to_string()
}

/// A frequency: `+40.012 ppm`, `-3.1 ppb`.
pub fn ppb(ppb: f64) -> String {
    FrequencyPpb::new(ppb).to_string()
}

/// An age or a span of time, two units at most: `0.3 s`, `42 s`, `12m04s`, `3h12m`, `2d04h`.
///
/// Rounded down, so that an age never reads as more than it is. Negative and NaN read as `0.0 s`.
pub fn span(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    let whole = seconds as u64;
    match whole {
        0..10 => format!("{:.1} s", (seconds * 10.0).floor() / 10.0),
        10..60 => format!("{whole} s"),
        60..3_600 => format!("{}m{:02}s", whole / 60, whole % 60),
        3_600..86_400 => format!("{}h{:02}m", whole / 3_600, whole / 60 % 60),
        _ => format!("{}d{:02}h", whole / 86_400, whole / 3_600 % 24),
    }
}

/// A message interval as a rate where that reads better: `8/s`, `each 2.00 s`.
pub fn rate(interval_s: f64) -> String {
    if interval_s > 0.0 && interval_s <= 1.0 {
        format!("{}/s", ((1.0 / interval_s) * 10.0).round() / 10.0)
    } else {
        format!("each {}", seconds(interval_s))
    }
}

/// A count with its noun: `1 step`, `2 steps`.
pub fn count(n: u64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_take_two_units_at_most() {
        let shown = [0.0, 0.39, 9.99, 42.7, 60.0, 724.9, 11_520.0, 187_200.0, -1.0, f64::NAN].map(span);
        assert_eq!(shown, ["0.0 s", "0.3 s", "9.9 s", "42 s", "1m00s", "12m04s", "3h12m", "2d04h", "0.0 s", "0.0 s"]);
        assert_eq!(span(f64::INFINITY), "213503982334601d07h", "saturates");
    }

    #[test]
    fn short_intervals_read_as_rates() {
        assert_eq!([0.125, 1.0, 2.0, 0.0].map(rate), ["8/s", "1/s", "each 2.00 s", "each 0 ns"]);
    }

    #[test]
    fn one_is_singular() {
        assert_eq!([0, 1, 2].map(|n| count(n, "step")), ["0 steps", "1 step", "2 steps"]);
    }
}
