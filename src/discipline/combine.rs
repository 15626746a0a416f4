//! Several sources at once: one offset of two to four.
//!
//! Each source has an estimator of its own, which says an offset and how sure it is. Weighing by the inverse variance is
//! best if the errors are independent, their mean is zero and the variances are true:
//!
//! ```text
//! x = sum(x_i / v_i) / sum(1 / v_i)        v = 1 / sum(1 / v_i)
//! ```
//!
//! None of that holds by itself. Every path has an asymmetry, which no estimator sees: the sources disagree by constants, and a
//! source that comes or goes would be a step. An estimator that does not know its path says too small a variance, and then
//! the worse source spoils the better one. So the surest source *leads*: the others are brought to it, each by the slow mean of its difference, and counted
//! only once that is known. And the differences say how sure they really are: what exceeds the variance of both is
//! the follower's.
//!
//! When another source comes to lead, nothing jumps: its difference is kept, and fades.
//!
//! Constants, not noise, is what the leader is trusted with: whoever knows an asymmetry should say so in the source's
//! configuration.

use crate::coding::Coded;
use crate::time::Duration;

/// The most sources that are combined.
pub const SOURCES_MAX: usize = 4;
/// The time constant of the mean of a difference.
pub const BIAS_TIME: Duration = Duration::from_secs(1_800);
/// A source counts once its difference was heard for so long.
pub const BIAS_LEARNT: Duration = Duration::from_secs(60);
/// The time constant in which the constant of a new leader fades.
pub const FADE_TIME: Duration = Duration::from_secs(30);
/// The time constant of the mean sureness that leading goes by (s).
const SURENESS_TIME: f64 = 300.0;
/// Another source leads if it is so many times as sure as the leader.
const LEADS_ABOVE: f64 = 2.0;

/// What one source, or all together, say of our clock at an instant.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Opinion {
    /// Of our clock from the source.
    pub offset: Duration,
    /// One standard deviation of it, without what nobody can see; above zero.
    pub deviation: Duration,
}

/// The mean of opinions whose errors are independent, weighed by their inverse variances. `None` of none.
pub fn weighed(opinions: impl IntoIterator<Item = Opinion>) -> Option<Opinion> {
    let mut sums: Option<(Duration, f64, f64)> = None;
    for Opinion { offset, deviation } in opinions {
        // Relative to the first, so that an `f64` holds the offsets.
        let (origin, weights, moments) = sums.get_or_insert((offset, 0.0, 0.0));
        let weight = 1.0 / variance(deviation);
        *weights += weight;
        *moments += weight * (offset - *origin).as_secs_f64();
    }
    sums.map(|(origin, weights, moments)| Opinion {
        offset: origin + Duration::from_secs_f64(moments / weights),
        deviation: Duration::from_secs_f64((1.0 / weights).sqrt()),
    })
}

fn variance(deviation: Duration) -> f64 {
    // No source is surer than a picosecond.
    let seconds = deviation.as_secs_f64().max(1e-12);
    seconds * seconds
}

/// What is known of a source beside its present opinion.
#[derive(Clone, Copy, Default, Debug, Coded)]
struct Difference {
    /// The mean of its offset less the combined time (s).
    bias: f64,
    /// The mean square of what is left after that (s^2).
    scatter: f64,
    /// For how long it was heard beside a leader (s).
    heard: f64,
    /// The weight of the mean: time over variance, fading (1/s).
    weight: f64,
    /// The mean of one over its deviation (1/s): the first opinions, which are unsure of everything, do not count in it.
    sureness: f64,
}

/// See the module's text. Sources are known by their place, 0 to [`SOURCES_MAX`] less one.
#[derive(Clone, Debug, Default, Coded)]
pub struct Combiner {
    differences: [Difference; SOURCES_MAX],
    leader: Option<usize>,
}

impl Combiner {
    /// Who leads.
    pub fn leader(&self) -> Option<usize> {
        self.leader
    }

    /// A source is another one from now on.
    pub fn forget(&mut self, source: usize) {
        if let Some(difference) = self.differences.get_mut(source) {
            *difference = Difference::default();
        }
        if self.leader == Some(source) {
            self.leader = None;
        }
    }

    /// What all say together, `elapsed` after the last time. A source that says nothing at the moment is `None`.
    pub fn combine(&mut self, elapsed: Duration, opinions: &[Option<Opinion>; SOURCES_MAX]) -> Option<Opinion> {
        let elapsed = elapsed.as_secs_f64().max(0.0);
        for (difference, opinion) in self.differences.iter_mut().zip(opinions) {
            difference.note_sureness(elapsed, *opinion);
        }
        let leader = self.lead(opinions)?;
        let lead = opinions[leader]?;
        // The leader's constant fades, and the others' are from the same zero.
        let fades = self.differences[leader].bias * (elapsed / (elapsed + FADE_TIME.as_secs_f64()));
        self.differences.iter_mut().for_each(|difference| difference.bias -= fades);
        let base = lead.offset - Duration::from_secs_f64(self.differences[leader].bias);
        let lead_variance = variance(lead.deviation);
        for (source, opinion) in opinions.iter().enumerate() {
            if let Some(opinion) = opinion.filter(|_| source != leader) {
                let of_both = lead_variance + variance(opinion.deviation);
                self.differences[source].learn(elapsed, (opinion.offset - base).as_secs_f64(), of_both);
            }
        }
        let brought =
            opinions.iter().zip(&self.differences).enumerate().filter_map(|(source, (opinion, difference))| {
                let opinion = (*opinion)?;
                if source == leader {
                    return Some(Opinion { offset: base, ..opinion });
                }
                let is_learnt = difference.heard >= BIAS_LEARNT.as_secs_f64();
                let true_variance = (difference.scatter - lead_variance).max(variance(opinion.deviation));
                is_learnt.then(|| Opinion {
                    offset: opinion.offset - Duration::from_secs_f64(difference.bias),
                    deviation: Duration::from_secs_f64(true_variance.sqrt()),
                })
            });
        weighed(brought)
    }

    /// The leader stays, as long as it is heard and nobody is much surer for some time.
    fn lead(&mut self, opinions: &[Option<Opinion>; SOURCES_MAX]) -> Option<usize> {
        let sureness = |source: usize| self.differences[source].sureness;
        let heard = (0..SOURCES_MAX).rev().filter(|source| opinions[*source].is_some());
        let surest = heard.max_by(|a, b| sureness(*a).total_cmp(&sureness(*b)))?;
        let present = self.leader.filter(|leader| opinions[*leader].is_some());
        let stays = present.filter(|leader| sureness(surest) <= LEADS_ABOVE * sureness(*leader));
        let leader = stays.unwrap_or(surest);
        self.leader = Some(leader);
        Some(leader)
    }
}

impl Difference {
    /// From moment to moment a deviation follows the last few delays: no reason to change the leader.
    fn note_sureness(&mut self, elapsed: f64, opinion: Option<Opinion>) {
        let Some(deviation) = opinion.map(|opinion| opinion.deviation.as_secs_f64().max(1e-12)) else { return };
        let part = (elapsed.max(1e-9) / SURENESS_TIME).min(1.0);
        self.sureness += part * (1.0 / deviation - self.sureness);
    }

    /// A mean over all at first, a sliding one later; what is unsure counts for little.
    fn learn(&mut self, elapsed: f64, difference: f64, variance: f64) {
        let elapsed = elapsed.max(1e-9);
        self.heard += elapsed;
        let weight = elapsed / variance;
        self.weight = self.weight * (1.0 - elapsed / BIAS_TIME.as_secs_f64()).max(0.0) + weight;
        let part = weight / self.weight;
        self.bias += part * (difference - self.bias);
        let left = difference - self.bias;
        self.scatter += part * (left * left - self.scatter);
    }
}

#[cfg(test)]
mod tests;
