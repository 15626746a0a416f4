//! When a clock will be too wrong, if no sample comes any more.
//!
//! It is for people and alarms, and costs some thirty questions to the bound: so it is foretold only now and then. In between it is
//! told from the last sample on, for each sample puts it off by as much as it came after the one before.

use crate::sharing::{LIMITS, LIMITS_COUNT};
use crate::time::{Duration, Mono, Timestamp};

/// How often it is foretold anew.
const FORETELL_EVERY: Duration = Duration::from_secs(4);

/// When each of [`LIMITS`] will be exceeded.
pub(super) type ExceededAt = [Option<Timestamp<Mono>>; LIMITS_COUNT];

/// What was foretold of one clock.
#[derive(Debug, Default)]
pub(super) struct Foretold {
    anew_at: Option<Timestamp<Mono>>,
    /// The last sample then.
    last_sample: Option<Timestamp<Mono>>,
    exceeded_at: ExceededAt,
}

impl Foretold {
    /// When the limits will be exceeded, by what was foretold a moment ago; `None`: it is time to do so anew.
    pub(super) fn told(&self, now: Timestamp<Mono>, last_sample: Option<Timestamp<Mono>>) -> Option<ExceededAt> {
        let put_off = match (last_sample, self.last_sample) {
            (Some(last), Some(then)) => last - then,
            _ => Duration::ZERO,
        };
        // After a longer silence it is not what it was.
        let is_known = self.exceeded_at.iter().all(Option::is_some) && put_off <= FORETELL_EVERY;
        let is_fresh = self.anew_at.is_some_and(|at| now < at);
        (is_known && is_fresh).then(|| self.exceeded_at.map(|at| at.map(|at| at + put_off)))
    }

    /// Foretells it anew: `time_until` a bound says how long it is, `None` if there is none.
    pub(super) fn foretell(
        &mut self,
        now: Timestamp<Mono>,
        last_sample: Option<Timestamp<Mono>>,
        time_until: impl Fn(Duration) -> Option<Duration>,
    ) -> ExceededAt {
        let exceeded_at = LIMITS.map(|limit| time_until(limit).map(|after| now + after));
        *self = Self { anew_at: Some(now + FORETELL_EVERY), last_sample, exceeded_at };
        exceeded_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_foretold_now_and_then_and_put_off_by_each_sample_in_between() {
        let at = Timestamp::<Mono>::from_secs;
        let told = |foretold: &Foretold, now, last| foretold.told(at(now), Some(at(last))).map(|told| told[0]);
        let mut foretold = Foretold::default();
        assert_eq!(told(&foretold, 100, 100), None);
        foretold.foretell(at(100), Some(at(100)), |_| Some(Duration::from_secs(20)));
        // No sample since: the time comes nearer. Then one, and it is put off.
        assert_eq!(told(&foretold, 102, 100), Some(Some(at(120))));
        assert_eq!(told(&foretold, 103, 102), Some(Some(at(122))));
        assert_eq!(told(&foretold, 104, 103), None, "it is time");
        assert_eq!(told(&foretold, 103, 105), None, "after a silence");
    }

    #[test]
    fn a_bound_that_comes_late_is_asked_at_once() {
        let at = Timestamp::<Mono>::from_secs;
        let mut foretold = Foretold::default();
        assert_eq!(foretold.foretell(at(1), None, |_| None), [None; LIMITS_COUNT]);
        assert_eq!(foretold.told(at(2), None), None);
    }
}
