//! What the kernel's clock claims, held against the truth and against what our daemon claims at the same moment.
//!
//! The kernel lets its maxerror grow by 500 us at the turn of each of its seconds, for ever. So a maxerror that stays near
//! the daemon's bound shows that it is rewritten all the time, and is not a wide one that was written once.

use serde::{Deserialize, Serialize};
use synchronome_kernel::adjtimex::{LeapState, Timex};

use crate::heard::Word;
use crate::scenario::{Clock, Expect};

/// A claim of the daemon's is of the same moment if it is not older than this.
const SAME_MOMENT_S: f64 = 0.1;
/// Our daemon tells the kernel at least this often.
const TOLD_EVERY_MAX_S: f64 = 1.6;
/// So long after the daemon has said LOCKED first, the kernel must have heard of its present bound: it is told once a second.
const TOLD_AFTER_S: f64 = 1.5;

/// What the kernel's clock said at one moment.
#[derive(Clone, Copy, Debug)]
pub struct KernelSample {
    /// Seconds after the contender's start.
    pub at: f64,
    /// Whether it is not synchronised.
    pub unsync: bool,
    /// maxerror, in us.
    pub max_error_us: i64,
    /// esterror, in us.
    pub est_error_us: i64,
    /// TAI - UTC, in seconds.
    pub tai: i32,
    /// Its tick, in us.
    pub tick: i64,
    /// The leap second that it knows of.
    pub leap: LeapState,
    /// The true error, in ns; `None` within a leap second.
    pub error_ns: Option<f64>,
}

impl KernelSample {
    /// What adjtimex says, beside the truth.
    pub const fn of(at: f64, timex: &Timex, error_ns: Option<f64>) -> Self {
        Self {
            at,
            unsync: timex.status.unsync(),
            max_error_us: timex.max_error_us,
            est_error_us: timex.est_error_us,
            tai: timex.tai_offset_s,
            tick: timex.tick_us,
            leap: timex.state,
            error_ns,
        }
    }

    const fn leap_word(&self) -> &'static str {
        match self.leap {
            LeapState::Insert => "insert",
            LeapState::Delete => "delete",
            LeapState::None | LeapState::InProgress | LeapState::Over | LeapState::Unsynchronised => "none",
        }
    }
}

/// The kernel's claims in a run.
#[derive(Clone, Copy, PartialEq, Default, Debug, Serialize, Deserialize)]
pub struct KernelClaims {
    /// How often it was asked.
    pub asked: u64,
    /// How often it claimed to be synchronised.
    pub claimed: u64,
    /// How often the true error was then outside of `maxerror`.
    pub lies: u64,
    /// How often its esterror was then greater than its maxerror.
    pub odd: u64,
    /// The mean of `maxerror` while it claimed, in us.
    pub mean_maxerror_us: f64,
    /// The mean of `esterror` while it claimed, in us.
    pub mean_esterror_us: f64,
    /// How often it claimed not to be synchronised although our daemon had said LOCKED, and was so without a break until it said so again.
    pub denied: u64,
    /// How often its maxerror was held against our daemon's bound, while that said LOCKED.
    pub compared: u64,
    /// By how much maxerror was greater than that bound at most, in us.
    pub excess_us: f64,
}

impl KernelClaims {
    /// Of samples, and of what our daemon said; of others `words` is empty.
    pub fn of(samples: &[KernelSample], words: &[Word]) -> Self {
        let mut found = Self { asked: samples.len() as u64, ..Self::default() };
        for sample in samples.iter().filter(|sample| !sample.unsync) {
            found.claimed += 1;
            let max_ns = sample.max_error_us as f64 * 1e3;
            found.lies += u64::from(sample.error_ns.is_some_and(|error| error.abs() > max_ns));
            found.odd += u64::from(sample.est_error_us > sample.max_error_us);
            found.mean_maxerror_us += sample.max_error_us as f64;
            found.mean_esterror_us += sample.est_error_us as f64;
        }
        found.mean_maxerror_us /= found.claimed.max(1) as f64;
        found.mean_esterror_us /= found.claimed.max(1) as f64;
        let mut locked_since = None;
        let all = words;
        let mut words = words.iter().peekable();
        for sample in samples {
            let mut last: Option<&Word> = None;
            while let Some(word) = words.next_if(|word| word.at <= sample.at) {
                locked_since = match word.state(Clock::System) {
                    "LOCKED" => locked_since.or(Some(word.at)),
                    _ => None,
                };
                last = Some(word);
            }
            let same = last.filter(|word| sample.at - word.at <= SAME_MOMENT_S);
            let (Some(since), Some(said)) = (locked_since, same.and_then(|word| word.clocks.get(&Clock::System)))
            else {
                continue;
            };
            // LOCKED before the kernel was asked and LOCKED since: what is left again between two answers shows in its age.
            let is_locked_still = same.zip(words.peek()).is_some_and(|(before, after)| {
                after.state(Clock::System) == "LOCKED" && after.since.is_some_and(|since| since <= before.at)
            });
            found.denied += u64::from(sample.unsync && is_locked_still);
            if sample.at - since < TOLD_AFTER_S {
                continue;
            }
            if said.bound_ns.is_some() && !sample.unsync {
                found.compared += 1;
                // What it was told last is of up to so long ago, and the bound may have fallen since.
                let is_recent = |word: &&Word| (sample.at - TOLD_EVERY_MAX_S..=sample.at).contains(&word.at);
                let bounds = all.iter().filter(is_recent).filter_map(|word| word.clocks.get(&Clock::System)?.bound_ns);
                let bound_ns = bounds.fold(0.0, f64::max);
                found.excess_us = found.excess_us.max(sample.max_error_us as f64 - bound_ns / 1e3);
            }
        }
        found
    }
}

/// What the kernel did not say in its window as it should have.
pub fn unmet(expect: &Expect, samples: &[KernelSample]) -> Option<String> {
    let when = format!("between {} and {} s", expect.from, expect.to);
    let mut inside = samples.iter().filter(|sample| (expect.from..=expect.to).contains(&sample.at)).peekable();
    if inside.peek().is_none() {
        return Some(format!("the kernel was not asked {when}"));
    }
    let is_met = |sample: &&KernelSample| {
        expect.unsync.is_none_or(|unsync| unsync == sample.unsync)
            && expect.tai.is_none_or(|tai| tai == sample.tai)
            && expect.tick.is_none_or(|tick| tick == sample.tick)
            && expect.leap.as_deref().is_none_or(|wanted| wanted == sample.leap_word())
    };
    let wrong = inside.find(|sample| !is_met(sample))?;
    let (KernelSample { at, unsync, tai, tick, .. }, leap) = (wrong, wrong.leap_word());
    Some(format!("adjtimex at {at:.1} s: unsync {unsync}, TAI {tai}, tick {tick}, leap {leap}: not as wanted {when}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sample(at: f64, max_error_us: i64) -> KernelSample {
        let leap = LeapState::Insert;
        KernelSample {
            at,
            unsync: false,
            max_error_us,
            est_error_us: 0,
            tai: 37,
            tick: 10_000,
            leap,
            error_ns: Some(900.0),
        }
    }

    fn word(at: f64, state: &str) -> Word {
        Word::of(at, &json!({"state": state, "state_since_s": 0.5, "clock": {"bound_s": 2e-6}}), 1.0)
    }

    #[test]
    fn a_claim_is_a_lie_if_the_truth_is_outside() {
        let unsure = KernelSample { unsync: true, error_ns: Some(1e9), ..sample(3.0, 16_000_000) };
        let odd = KernelSample { est_error_us: 30, ..sample(4.0, 20) };
        let found = KernelClaims::of(&[sample(1.0, 1), sample(2.0, 0), unsure, odd], &[]);
        assert_eq!((found.asked, found.claimed, found.lies, found.odd, found.compared), (4, 3, 1, 1, 0));
        assert!((found.mean_maxerror_us - 7.0).abs() < 1e-12 && (found.mean_esterror_us - 10.0).abs() < 1e-12);
    }

    #[test]
    fn maxerror_is_held_against_the_bound_of_the_same_moment() {
        let samples = [sample(1.0, 9_999), sample(3.01, 502), sample(4.5, 9_999), sample(6.0, 9_999)];
        let words = [word(1.0, "LOCKED"), word(3.0, "LOCKED"), word(6.0, "HOLDOVER")];
        let wider = Word::of(1.5, &json!({"state": "LOCKED", "clock": {"bound_s": 1e-4}}), 1.0);
        let fallen = KernelClaims::of(&samples, &[words[0].clone(), wider, words[1].clone()]);
        assert!((fallen.excess_us - 402.0).abs() < 1e-9, "it was told when the bound was wider");
        let found = KernelClaims::of(&samples, &words);
        assert_eq!((found.compared, found.denied), (1, 0), "not the first, which is fresh, and not without a claim");
        assert!((found.excess_us - 500.0).abs() < 1e-9);
    }

    #[test]
    fn the_kernel_may_not_deny_what_was_so_before_it_was_asked_and_after() {
        let denied = |words: &[Word]| {
            let denied = KernelSample { unsync: true, ..sample(3.01, 16_000_000) };
            let found = KernelClaims::of(&[denied], words);
            assert_eq!(found.compared, 0);
            found.denied
        };
        assert_eq!(denied(&[word(3.0, "LOCKED"), word(3.4, "LOCKED")]), 1, "also a moment after it is LOCKED first");
        assert_eq!(
            denied(&[word(3.0, "LOCKED"), word(3.6, "LOCKED")]),
            0,
            "LOCKED anew: it was something else meanwhile"
        );
        assert_eq!(denied(&[word(3.0, "LOCKED"), word(3.4, "DISRUPTED")]), 0);
        assert_eq!(denied(&[word(3.0, "ACQUIRING"), word(3.4, "LOCKED")]), 0);
        assert_eq!(denied(&[word(2.9, "LOCKED"), word(3.4, "LOCKED")]), 0, "said too long before");
    }

    #[test]
    fn what_is_expected_of_the_kernel_is_expected_throughout() {
        let samples = [sample(9.0, 1), KernelSample { tick: 10_006, ..sample(15.0, 1) }];
        let unmet = |rest: &str| unmet(&toml::from_str(&format!("from = 10\nto = 20\n{rest}")).unwrap(), &samples);
        assert_eq!(unmet("unsync = false\ntai = 37\nleap = 'insert'\ntick = 10006"), None);
        for wrong in ["unsync = true", "tai = 36", "leap = 'none'", "tick = 10000"] {
            assert!(unmet(wrong).unwrap().contains("at 15.0 s"), "{wrong}");
        }
        let none = super::unmet(&toml::from_str("from = 30\nto = 40").unwrap(), &samples);
        assert!(none.unwrap().contains("not asked"));
    }
}
