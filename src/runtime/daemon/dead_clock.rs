//! A machine that starts with a system clock that nobody has set: its RTC is dead, or it has none.
//!
//! It shows 1970, or the day on which its firmware or its file system was made. No configuration is meant for that: to slew by decades at
//! 500 ppm takes longer than the machine lives. So the first correction is a step then, also where `clock.step.first` has another rule;
//! as soon as the time is known that rule holds again.

use crate::discipline::policy::{StepPolicy, StepRule};
use crate::observe::rfc3339;
use crate::time::{Timestamp, Utc};

/// 2026-01-01: this program is younger, so no clock that is right shows less.
const NOT_BEFORE: Timestamp<Utc> = Timestamp::from_secs(1_767_225_600);

/// Whether the system clock, which shows `utc`, was never set.
pub(super) fn is_dead(utc: Timestamp<Utc>) -> bool {
    utc < NOT_BEFORE
}

/// When it may step until its time is known.
pub(super) fn rule_of_a_dead_clock(policy: StepPolicy) -> StepPolicy {
    StepPolicy { first: StepRule::Any, ..policy }
}

/// What is said of it.
pub(super) fn words(utc: Timestamp<Utc>, policy: StepPolicy) -> String {
    let step = if policy.first == StepRule::Any {
        "the first correction is a step (clock.step.first)"
    } else {
        "the first correction is a step, though clock.step.first has another rule"
    };
    format!(
        "the system clock shows {}, before this program was made: the machine's RTC has lost its time (its battery), or there is none; {step}",
        rfc3339(utc)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_of_1970_is_dead_may_step_and_is_named_with_its_remedy() {
        let (then, now) = (Timestamp::from_secs(12), Timestamp::from_secs(1_800_000_000));
        assert!(is_dead(then) && is_dead(Timestamp::from_secs(1_767_225_599)) && !is_dead(now));
        let strict = StepPolicy { first: StepRule::Never, later: StepRule::Never, panic: None };
        assert_eq!(rule_of_a_dead_clock(strict), StepPolicy { first: StepRule::Any, ..strict });
        let said = words(then, strict);
        assert!(
            said.starts_with("the system clock shows 1970-01-01T00:00:12") && said.contains("another rule"),
            "{said}"
        );
        assert!(!words(then, rule_of_a_dead_clock(strict)).contains("another rule"));
    }
}
