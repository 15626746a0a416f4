//! What is known of the source's time: the estimator's word, and that of the clock through which the source is seen.

use super::Discipline;
use crate::discipline::Reference;
use crate::discipline::estimator::{Bank, Estimate, Shift};
use crate::discipline::ruler::{Ruler, both};
use crate::time::{ClockId, Duration, FrequencyPpb, Local, Observation, Timestamp};

impl Discipline {
    /// What is believed of the source at the estimator's last message.
    pub(super) fn estimate(&self) -> Option<Estimate> {
        let bank = self.estimator()?;
        let own = bank.estimate()?;
        Some(self.ruler.map_or(own, |ruler| ruler.from_source(own, bank.at())))
    }

    /// The offset of `V` from the source at `at`, by what is believed at the last message.
    pub(super) fn estimate_at(&self, at: Timestamp<Local>) -> Option<Duration> {
        let estimate = self.estimate()?;
        Some(estimate.offset + estimate.frequency.drift(at - self.bank.at()))
    }

    /// How much later a message of the source came than it should by the path's delay and what is known of the clock, or how much earlier
    /// one to the source left: what the clock has been put ahead by meanwhile. Without a path, or an estimate of one that keeps it, `None`.
    pub fn surprise(&self, observation: &Observation) -> Option<Duration> {
        let reference = self.reference.filter(|reference| reference.source == observation.source)?;
        let is_forward = observation.received.clock == ClockId::Disciplined;
        let (ours, theirs) = if is_forward {
            (&observation.received, observation.sent)
        } else {
            (&observation.sent, observation.received)
        };
        let ahead = self.timeline.free_at(ours)? - reference.timescale.to_utc(theirs.at)?;
        let delay = self.link.mean_path_delay()? + observation.correction;
        let expected = self.estimated_offset(ours.at)? - (ours.at - self.timeline.free_now(ours.at));
        Some(ahead - expected - if is_forward { delay } else { -delay })
    }

    /// The standard deviation of that.
    pub(super) fn deviation_at(&self, at: Timestamp<Local>) -> Option<Duration> {
        let own = self.estimator()?.deviation_at(at)?;
        Some(self.ruler.map_or(own, |ruler| both(own, ruler.deviation_at(at))))
    }

    /// What `V` runs off by, as far as the estimator knows anything of it.
    pub(super) fn estimated_frequency(&self) -> Option<FrequencyPpb> {
        let own = self.estimator().and_then(Bank::frequency)?;
        Some(self.ruler.map_or(own, |ruler| ruler.frequency_from_source(own)))
    }

    /// This clock, which reads `reading` and is thought to be ahead of its source by `offset` ([`Discipline::whereabouts`]), as the
    /// ruler of those who see the source through it; `None` while an estimator knows nothing. `at` is on its own `V`.
    pub fn ruler(&self, clock: ClockId, reading: Timestamp<Local>, offset: Duration) -> Option<Ruler> {
        let at = self.timeline.free_now(reading);
        let ruler = Ruler {
            clock,
            since: self.since,
            at,
            offset: offset - (reading - at),
            deviation: self.wobble,
            asymmetry: Duration::ZERO,
            frequency: self.runs_off_by(),
            frequency_deviation: FrequencyPpb::ZERO,
            interval: self.interval,
        };
        let Some(bank) = self.estimator() else { return Some(ruler) };
        let of_ruler = self.ruler.map_or(FrequencyPpb::ZERO, |ruler| ruler.frequency_deviation);
        Some(Ruler {
            deviation: self.deviation_at(at)?,
            asymmetry: bank.asymmetry(),
            frequency: self.estimate()?.frequency,
            frequency_deviation: of_both(bank.frequency_deviation(), of_ruler),
            ..ruler
        })
    }

    /// The source is seen through this from now on, or not through any other clock. What was known of its time stays known, as
    /// sure as all who knew it: the estimator's word is put from the one ruler on the other.
    pub(super) fn lay(&mut self, ruler: Option<Ruler>) {
        let before = std::mem::replace(&mut self.ruler, ruler);
        if before.map(|before| before.interval) != ruler.map(|ruler| ruler.interval) {
            self.servo.set_interval(self.interval, ruler.map(|ruler| ruler.interval));
        }
        let is_same = match (&before, &ruler) {
            (Some(before), Some(ruler)) => before.is_same(ruler),
            (None, None) => true,
            _ => false,
        };
        if is_same {
            return;
        }
        let bank = &mut self.bank;
        let at = bank.at();
        let Some(own) = bank.estimate().or_else(|| bank.frequency().map(frequency_alone)) else { return };
        let of_source = before.map_or(own, |before| before.from_source(own, at));
        let now = ruler.map_or(of_source, |ruler| ruler.from_ruler(of_source, at));
        let doubts = [before, ruler].into_iter().flatten();
        let of_ruler = |ruler: Ruler| both(ruler.deviation_at(at), ruler.asymmetry);
        let deviation = doubts.clone().fold(Duration::ZERO, |sum, ruler| both(sum, of_ruler(ruler)));
        let of_frequency = doubts.map(|ruler| ruler.frequency_deviation).fold(FrequencyPpb::ZERO, of_both);
        bank.shift(Shift {
            offset: now.offset - own.offset,
            frequency: now.frequency - own.frequency,
            deviation,
            frequency_deviation: of_frequency,
        });
    }

    /// What the estimator knows holds for another reference as far as that is the same: of the time if it leads to the same clock,
    /// of the delay if it comes by the same path. On a ruler that goes on nothing has changed at all, whoever is seen through it.
    pub(super) fn hand_over(&mut self, reference: Reference) {
        let before = self.ruler;
        if reference.continues {
            // What was still to drain is the other clock's now.
            self.bank.shift(Shift { offset: -self.bias, ..Shift::NONE });
            self.bias = Duration::ZERO;
        }
        self.lay(reference.ruler);
        let Some(held) = self.held else { return };
        let time = |reference: Reference| (reference.clock, reference.timescale);
        let path = |reference: Reference| (reference.source, reference.path);
        let goes_on = before.zip(reference.ruler).is_some_and(|(before, ruler)| before.is_same(&ruler));
        let is_same_time = goes_on || reference.continues || time(held) == time(reference);
        if !is_same_time {
            self.bias = Duration::ZERO;
        }
        match (is_same_time, path(held) == path(reference)) {
            // If it stepped meanwhile, that is found.
            (true, true) => {}
            (true, false) => self.bank.change_path(),
            (false, true) => self.bank.change_time(),
            (false, false) => self.bank.restart(),
        }
    }
}

/// The standard deviation of a sum of frequencies.
fn of_both(a: FrequencyPpb, b: FrequencyPpb) -> FrequencyPpb {
    FrequencyPpb::from_ratio((a.ratio() * a.ratio() + b.ratio() * b.ratio()).sqrt())
}

/// Nothing but what one runs off by.
fn frequency_alone(frequency: FrequencyPpb) -> Estimate {
    Estimate { offset: Duration::ZERO, frequency, delay: Duration::ZERO, deviation: Duration::ZERO }
}
