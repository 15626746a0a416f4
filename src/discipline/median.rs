//! The median of the last samples.

use crate::coding::Coded;
use crate::time::Duration;

/// How far out the tail is that [`MovingMedian::limited_mean`] cuts.
pub const TAIL: i64 = 5;

/// A moving median over the last `N` samples.
///
/// Delays have a long tail on one side only; a mean follows the tail, a median hardly does. Each sample costs one
/// removal and one insertion in a sorted array.
#[derive(Clone, Debug, Coded)]
#[coded(sound)]
pub struct MovingMedian<const N: usize> {
    arrived: [Duration; N],
    sorted: [Duration; N],
    /// Of all samples, in ticks. It wraps: what is told of it are distances from the least sample, whose sum fits.
    sum: i128,
    len: usize,
    next: usize,
}

impl<const N: usize> Default for MovingMedian<N> {
    fn default() -> Self {
        Self { arrived: [Duration::ZERO; N], sorted: [Duration::ZERO; N], sum: 0, len: 0, next: 0 }
    }
}

impl<const N: usize> MovingMedian<N> {
    /// Takes a sample, and drops the oldest once there are `N`.
    pub fn push(&mut self, sample: Duration) {
        if self.len == N {
            let oldest = self.arrived[self.next];
            let place = self.sorted[..self.len].partition_point(|s| *s < oldest);
            self.sorted.copy_within(place + 1..self.len, place);
            self.sum = self.sum.wrapping_sub(oldest.ticks());
            self.len -= 1;
        }
        let place = self.sorted[..self.len].partition_point(|s| *s < sample);
        self.sorted.copy_within(place..self.len, place + 1);
        self.sorted[place] = sample;
        self.sum = self.sum.wrapping_add(sample.ticks());
        self.len += 1;
        self.arrived[self.next] = sample;
        self.next = (self.next + 1) % N;
    }

    /// The median; of an even number of samples the mean of the middle two.
    pub fn median(&self) -> Option<Duration> {
        let upper = *self.sorted[..self.len].get(self.len / 2)?;
        let lower = self.sorted[(self.len - 1) / 2];
        Some(lower + (upper - lower).half())
    }

    /// The mean, with samples far out in the upper tail taken as [`TAIL`] times as far above the median as the least
    /// sample lies below it.
    ///
    /// Delays are skewed: their median lies below their mean, by 0.16 of the one-way jitter's mean for the half round
    /// trip of two exponential delays. Whoever subtracts a median from a mean is off by that much for ever. The mean alone
    /// would follow every preempted virtual CPU; of those exponential delays the limit changes one in a thousand.
    pub fn limited_mean(&self) -> Option<Duration> {
        let (median, least) = (self.median()?, self.least()?);
        let limit = median + (median - least).times(TAIL);
        // Relative to the least, so that no sum of long delays overflows. Few if any are beyond the limit.
        let beyond = self.sorted[..self.len].iter().rev().take_while(|sample| **sample > limit);
        let cut = beyond.fold(Duration::ZERO, |cut, sample| cut + (*sample - limit));
        let sum = self.sum.wrapping_sub(least.ticks().wrapping_mul(self.len as i128));
        let sum = Duration::from_ticks(sum) - cut;
        Some(least + Duration::from_ticks(sum.ticks() / self.len as i128))
    }

    /// The value below which the part `fraction` (0..=1) of the samples lies, between two samples linearly.
    pub fn quantile(&self, fraction: f64) -> Option<Duration> {
        let last = self.len.checked_sub(1)?;
        let place = fraction.clamp(0.0, 1.0) * last as f64;
        let below = (place as usize).min(last);
        let (low, high) = (self.sorted[below], self.sorted[(below + 1).min(last)]);
        Some(low + (high - low).scaled(place - below as f64))
    }

    /// The least of the samples.
    pub fn least(&self) -> Option<Duration> {
        self.sorted[..self.len].first().copied()
    }

    /// The greatest of the samples.
    pub fn greatest(&self) -> Option<Duration> {
        self.sorted[..self.len].last().copied()
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The samples are there twice: as they came, and sorted.
    fn is_sound(&self) -> bool {
        let has_places = self.len <= N && self.next == if self.len < N { self.len } else { self.next % N };
        if !has_places {
            return false;
        }
        let mut arrived = self.arrived;
        let arrived = &mut arrived[..self.len];
        arrived.sort_unstable();
        let sum = arrived.iter().fold(0, |sum: i128, sample| sum.wrapping_add(sample.ticks()));
        *arrived == self.sorted[..self.len] && sum == self.sum
    }

    /// Forgets all samples.
    pub fn clear(&mut self) {
        self.sum = 0;
        self.len = 0;
        self.next = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Random;

    #[test]
    fn the_limited_mean_is_the_mean_of_exponential_delays_and_a_spike_hardly_moves_it() {
        let mut random = Random::seeded(6);
        let mut window = MovingMedian::<4096>::default();
        assert_eq!(window.limited_mean(), None);
        for _ in 0..4_096 {
            let half_round_trip = 5e-5 + 5e-7 * (random.exponential() + random.exponential());
            window.push(Duration::from_secs_f64(half_round_trip));
        }
        let (mean, median) = (window.limited_mean().unwrap(), window.median().unwrap());
        assert!((mean - Duration::from_micros(51)).abs() < Duration::from_nanos(30), "{mean}");
        assert!((mean - median - Duration::from_nanos(160)).abs() < Duration::from_nanos(30), "{median}");
        for _ in 0..64 {
            window.push(Duration::from_millis(1));
        }
        assert!((window.limited_mean().unwrap() - mean).abs() < Duration::from_nanos(150));
    }

    #[test]
    fn agrees_with_sorting_the_last_samples() {
        let mut random = Random::seeded(5);
        let mut median = MovingMedian::<10>::default();
        let mut all = Vec::new();
        assert_eq!(median.median(), None);
        for _ in 0..500 {
            let sample = Duration::from_nanos(random.below(40) as i64);
            median.push(sample);
            all.push(sample);
            let mut last: Vec<_> = all.iter().rev().take(10).copied().collect();
            last.sort();
            let expected = last[(last.len() - 1) / 2] + (last[last.len() / 2] - last[(last.len() - 1) / 2]).half();
            assert_eq!(median.median(), Some(expected));
            assert_eq!((median.least(), median.greatest()), (last.first().copied(), last.last().copied()));
        }
    }
}
