//! What a scenario demands: limits of true errors, times and cost, and what must be said.

use serde::Deserialize;

use super::Clock;

/// Limits of a true error in a window, and what our daemon must say of that clock meanwhile.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judge {
    /// Which error.
    #[serde(default)]
    pub clock: Clock,
    /// From when; absent: the second half of the run.
    pub from: Option<f64>,
    /// Until when; absent: the end.
    pub to: Option<f64>,
    /// What the error must be about; subtracted before all else.
    #[serde(default)]
    pub mean_ns: f64,
    /// The greatest distance of the mean from `mean_ns` (ours).
    pub mean_within_ns: Option<f64>,
    /// The greatest root of the mean square (ours).
    pub rms_ns: Option<f64>,
    /// The greatest error (ours).
    pub max_ns: Option<f64>,
    /// The greatest ratio of our RMS to the best RMS of the others.
    pub ratio: Option<f64>,
    /// The greatest RMS of the best of the others: guards the physics itself.
    pub theirs_rms_ns: Option<f64>,
    /// In each answer of the window our daemon says that this clock is in one of these states; empty: no demand.
    #[serde(default = "locked")]
    pub state: Vec<String>,
}

impl Judge {
    /// The window, from and to, of a run of this length.
    pub fn window(&self, seconds: f64) -> (f64, f64) {
        (self.from.unwrap_or(seconds / 2.0), self.to.unwrap_or(seconds))
    }
}

fn locked() -> Vec<String> {
    vec!["LOCKED".to_owned()]
}

/// Limits of the time from selecting the parent until the true error stays below a limit.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// Which error.
    #[serde(default)]
    pub clock: Clock,
    /// Below this it is locked.
    pub limit_ns: f64,
    /// The longest (ours).
    pub max_s: Option<f64>,
    /// The greatest ratio of ours to the best of the others.
    pub ratio: Option<f64>,
    /// The greatest ratio of ours to that of `ptp4l` as it comes, with its PI servo.
    pub ptp4l_ratio: Option<f64>,
    /// The longest until our daemon says that it is LOCKED.
    pub says_max_s: Option<f64>,
}

/// Limits of the time that the true error is outside of a limit once the first fault has begun.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// Which error.
    #[serde(default)]
    pub clock: Clock,
    /// Inside is at most this.
    pub limit_ns: f64,
    /// The longest (ours), all together.
    pub max_s: f64,
    /// The shortest of the others: shows that the fault is felt.
    pub theirs_min_s: Option<f64>,
}

/// Limits of CPU time and context switches between two moments, and of the memory at the end.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cpu {
    /// The greatest ratio of our CPU time to the least of the others.
    pub ratio: f64,
    /// The greatest ratio of our context switches to the fewest of the others.
    pub switches_ratio: f64,
    /// The greatest ratio of our resident memory to the least of the others, all processes together.
    pub rss_ratio: Option<f64>,
}

/// How the bounds that our daemon claims, of the system clock and of each PHC, are held against the truth.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bound {
    /// Whether they are checked at all.
    pub check: bool,
    /// How often the daemon is asked.
    pub every_s: f64,
    /// For how long after a fault began a lie is excused: the daemon cannot know before it reads the clock again.
    pub grace_s: f64,
    /// The least number of claims of each clock that is judged.
    pub claims_min: u64,
}

impl Default for Bound {
    fn default() -> Self {
        Self { check: true, every_s: 0.5, grace_s: 0.0, claims_min: 20 }
    }
}

/// What our daemon and the kernel must say in a window.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// From when.
    pub from: f64,
    /// Until when.
    pub to: f64,
    /// In each answer the state is one of these.
    #[serde(default)]
    pub state: Vec<String>,
    /// Each of these is in the reason, the lacks, the events or the ports of some answer; case does not matter.
    #[serde(default)]
    pub says: Vec<String>,
    /// None of these is in any answer.
    #[serde(default)]
    pub never: Vec<String>,
    /// In each answer some port has these stamps, and none has others: `hardware`, `software`.
    pub stamps: Option<String>,
    /// In each answer the PHC of `phv1` is read in this way: `precise`, `extended`, `basic`.
    pub method: Option<String>,
    /// In each answer the bound of this clock is at least so wide.
    #[serde(default)]
    pub bound: Vec<Width>,
    /// `STA_UNSYNC` of adjtimex is so throughout.
    pub unsync: Option<bool>,
    /// TAI - UTC of adjtimex is so throughout.
    pub tai: Option<i32>,
    /// The tick of adjtimex is so throughout, in us.
    pub tick: Option<i64>,
    /// Whether the leap second that adjtimex announces is so throughout: `none`, `insert`, `delete`.
    pub leap: Option<String>,
}

/// How wide a bound must be.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Width {
    /// Of which clock.
    pub clock: Clock,
    /// At least so wide.
    pub min_ns: f64,
}

impl Expect {
    /// Whether our daemon must have answered for it.
    pub fn is_of_the_daemon(&self) -> bool {
        let words = [&self.state, &self.says, &self.never];
        words.iter().any(|words| !words.is_empty())
            || self.stamps.is_some()
            || self.method.is_some()
            || !self.bound.is_empty()
    }
}
