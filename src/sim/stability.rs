//! What a row of time errors says of a clock's stability: Allan deviation, time deviation, maximum time interval error.
//!
//! `x` are time errors in seconds, `tau0` apart; each figure is over an interval of `n` of these (ITU-T G.810).
//!
//! | figure | definition |
//! |---|---|
//! | ADEV | `sqrt(mean((x[i + 2n] - 2 x[i + n] + x[i])^2) / (2 tau^2))` |
//! | TDEV | `tau / sqrt(3)` times the modified Allan deviation: the same with means over `n` instead of single `x` |
//! | MTIE | the greatest `max - min` in any window of `n` intervals |

use std::collections::VecDeque;

/// Overlapping Allan deviation at `n * tau0`; `None` if the row is too short.
pub fn allan_deviation(x: &[f64], tau0: f64, n: usize) -> Option<f64> {
    let count = x.len().checked_sub(2 * n).filter(|count| *count > 0 && n > 0)?;
    let second = |i: usize| x[i + 2 * n] - 2.0 * x[i + n] + x[i];
    let squares: f64 = (0..count).map(|i| second(i) * second(i)).sum();
    let tau = tau0 * n as f64;
    Some((squares / (2.0 * tau * tau * count as f64)).sqrt())
}

/// Time deviation at `n * tau0`; `None` if the row is too short.
pub fn time_deviation(x: &[f64], n: usize) -> Option<f64> {
    // The sum of n second differences, moved on by one each time.
    let count = x.len().checked_sub(3 * n).filter(|count| *count > 0 && n > 0)?;
    let second = |i: usize| x[i + 2 * n] - 2.0 * x[i + n] + x[i];
    let mut sum: f64 = (0..n).map(second).sum();
    let mut squares = sum * sum;
    for i in 1..count {
        sum += second(i + n - 1) - second(i - 1);
        squares += sum * sum;
    }
    let n = n as f64;
    Some((squares / (6.0 * n * n * count as f64)).sqrt())
}

/// Maximum time interval error over `n` intervals; `None` if the row is too short.
pub fn mtie(x: &[f64], n: usize) -> Option<f64> {
    if x.len() <= n {
        return None;
    }
    let (mut greatest, mut least) = (VecDeque::new(), VecDeque::new());
    let mut found = 0.0;
    for (i, value) in x.iter().enumerate() {
        enter(&mut greatest, i, n, |other| x[other] <= *value);
        enter(&mut least, i, n, |other| x[other] >= *value);
        if let (Some(high), Some(low)) = (greatest.front(), least.front()) {
            let range = x[*high] - x[*low];
            found = if range > found { range } else { found };
        }
    }
    Some(found)
}

/// Keeps the candidates of a moving extreme in order: the best in front, no older than `n`.
fn enter(candidates: &mut VecDeque<usize>, i: usize, n: usize, is_beaten: impl Fn(usize) -> bool) {
    while candidates.back().is_some_and(|back| is_beaten(*back)) {
        candidates.pop_back();
    }
    candidates.push_back(i);
    while candidates.front().is_some_and(|front| front + n < i) {
        candidates.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Random;

    #[test]
    fn white_phase_noise_falls_with_tau() {
        let mut random = Random::seeded(6);
        let x: Vec<f64> = (0..50_000).map(|_| 1e-9 * random.normal()).collect();
        for n in [1, 4, 16] {
            // ADEV = sqrt(3) s / tau, TDEV = s / sqrt(n) with tau0 = 1 s.
            let adev = allan_deviation(&x, 1.0, n).unwrap() * n as f64 / (3.0_f64.sqrt() * 1e-9);
            let tdev = time_deviation(&x, n).unwrap() * (n as f64).sqrt() / 1e-9;
            assert!((adev - 1.0).abs() < 0.03 && (tdev - 1.0).abs() < 0.05, "{adev} {tdev} at {n}");
        }
    }

    #[test]
    fn a_constant_frequency_error_has_no_deviation_and_an_mtie() {
        let x: Vec<f64> = (0..1_000).map(|i| 1e-6 * f64::from(i)).collect();
        assert!(allan_deviation(&x, 1.0, 10).unwrap() < 1e-12);
        assert!(time_deviation(&x, 10).unwrap() < 1e-12);
        assert!((mtie(&x, 10).unwrap() - 1e-5).abs() < 1e-12);
    }

    #[test]
    fn mtie_is_the_greatest_range_in_any_window() {
        let x = [0.0, 5.0, 1.0, 1.0, 1.0, -4.0, 0.0];
        for (n, expected) in [(1, 5.0), (2, 5.0), (3, 5.0), (4, 9.0), (6, 9.0)] {
            assert!((mtie(&x, n).unwrap() - expected).abs() < 1e-12, "{n}");
        }
    }

    #[test]
    fn a_row_that_is_too_short_says_nothing() {
        let x = [0.0; 6];
        assert!(allan_deviation(&x, 1.0, 3).is_none() && time_deviation(&x, 3).is_none() && mtie(&x, 6).is_none());
        assert!(allan_deviation(&x, 1.0, 0).is_none() && time_deviation(&x, 0).is_none());
    }
}
