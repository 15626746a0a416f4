//! The status in words, as the terminal and the page both say it.
//!
//! What a clock, a port or a source is called, how figures read and in which order things are told is decided here, once.
//! [`render`](super::render) sets the words with indents and colours, the page with boxes and shapes; neither has words of its own for these.

use std::fmt::Write as _;

use serde::Serialize;

use super::health::{self, Code, Thresholds};
use super::status::Status;
use super::units::{count, ppb, seconds, span};
use crate::time::SyncState;

mod security;
mod sources;
mod tree;

pub use sources::SourceWords;
pub use tree::Node;

/// What a piece of text means, for its colour.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Debug)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// All is well.
    Good,
    /// It may not stay well.
    Doubtful,
    /// It is not well.
    Bad,
    /// To be seen first.
    Strong,
    /// To be seen last.
    Faint,
}

impl Tone {
    /// The tone of a state.
    pub const fn of(state: SyncState) -> Self {
        match state {
            SyncState::Locked => Self::Good,
            SyncState::Holdover | SyncState::Acquiring => Self::Doubtful,
            SyncState::NeverSynced | SyncState::Freerun | SyncState::Disrupted => Self::Bad,
        }
    }

    /// The tone of an event's level.
    pub fn of_level(level: &str) -> Self {
        match level {
            "error" => Self::Bad,
            "warn" => Self::Doubtful,
            _ => Self::Faint,
        }
    }
}

/// A sentence, and what it means.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct Said {
    /// What it means.
    pub tone: Tone,
    /// The sentence, without its full stop.
    pub text: String,
}

/// The parts of the status that are words.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct Words {
    /// What the state means.
    pub tone: Tone,
    /// [`headline`].
    pub headline: String,
    /// [`about`].
    pub about: String,
    /// [`troubles`].
    pub troubles: Vec<Said>,
    /// [`bound`].
    pub bound: Option<String>,
    /// [`clock`].
    pub clock: Vec<String>,
    /// [`truth`].
    pub truth: Vec<Said>,
    /// [`tree`].
    pub tree: Vec<Node>,
    /// What is thought of each source, in the order of the status.
    pub sources: Vec<SourceWords>,
}

impl Words {
    /// All of them.
    pub fn of(status: &Status) -> Self {
        Self {
            tone: Tone::of(status.state),
            headline: headline(status),
            about: about(status),
            troubles: troubles(status),
            bound: bound(status),
            clock: clock(status),
            truth: truth(status),
            tree: tree(status),
            sources: status.sources.iter().map(SourceWords::of).collect(),
        }
    }
}

/// The state of the time in one line, the same in `status`, `health` and the log.
///
/// `time correct to within 840 ns (limit 100 us), LOCKED 3h12m, gm 001b21.fffe.aabbcc, last sample 0.3 s ago`
pub fn headline(status: &Status) -> String {
    let clock = &status.clock;
    let since = span(status.state_since_s);
    let mut line = match clock.bound_s {
        Some(bound) if status.state.is_synchronised() => {
            let limit = seconds(clock.lock_limit_s);
            format!("time correct to within {} (limit {limit}), {} {since}", seconds(bound), status.state)
        }
        Some(bound) => format!("time not synchronised, {} {since}, correct to within {}", status.state, seconds(bound)),
        None => format!("time not synchronised, {} {since}, error unknown", status.state),
    };
    if let Some(grandmaster) = status.grandmaster() {
        let _ = write!(line, ", gm {}", grandmaster.identity);
    }
    match clock.last_sample_age_s {
        Some(age) => {
            let _ = write!(line, ", last sample {} ago", span(age));
        }
        None => line += ", no sample yet",
    }
    line
}

/// Whose status it is, and of when.
pub fn about(status: &Status) -> String {
    format!(
        "synchronome {} on {}, up {}, pid {}, {}",
        status.version,
        status.host,
        span(status.uptime_s),
        status.pid,
        status.generated_at
    )
}

/// What is wrong, the worst first, then what is missing.
pub fn troubles(status: &Status) -> Vec<Said> {
    let mut troubles: Vec<(Tone, String)> = Vec::new();
    for finding in health::findings(status, &Thresholds::default()) {
        troubles.push((if finding.code == Code::Critical { Tone::Bad } else { Tone::Doubtful }, finding.text));
    }
    for port in &status.ptp {
        if let Some(waiting_for) = &port.waiting_for {
            troubles.push((Tone::Doubtful, format!("{} waits: {waiting_for}", port.interface)));
        }
    }
    for phc in &status.phcs {
        if let Some(problem) = &phc.problem {
            troubles.push((Tone::Bad, format!("clock of {} ({}): {problem}", phc.name, phc.device)));
        }
    }
    if status.ptp.is_empty() && status.sources.is_empty() {
        troubles.push((Tone::Doubtful, "there is no PTP port, so there is no source of time".to_owned()));
    }
    troubles.extend(security::troubles(status).map(|trouble| (Tone::Bad, trouble)));
    troubles.extend(status.lacks.iter().map(|lack| (Tone::Doubtful, lack.clone())));
    for (ring, dropped) in status.rings_dropped.iter().filter(|(_, dropped)| **dropped > 0) {
        troubles.push((Tone::Doubtful, format!("{} lost in the full ring {ring}", count(*dropped, "record"))));
    }
    troubles.into_iter().map(|(tone, text)| Said { tone, text }).collect()
}

/// The bound, its share of the limit, and when it exceeds certain limits if no sample comes; `None` while there is none.
pub fn bound(status: &Status) -> Option<String> {
    let clock = &status.clock;
    let bound = clock.bound_s?;
    let limit = clock.lock_limit_s;
    let share = if limit > 0.0 { format!(", {} of the limit", percent(bound / limit)) } else { String::new() };
    let to_come = clock.holdover.iter().filter(|holdover| holdover.exceeded_in_s > 0.0);
    let to_come: Vec<_> = to_come
        .map(|holdover| format!("{} after {}", seconds(holdover.limit_s), span(holdover.exceeded_in_s)))
        .collect();
    let to_come =
        if to_come.is_empty() { String::new() } else { format!("; without samples beyond {}", to_come.join(", ")) };
    Some(format!("{}{share}{to_come}", seconds(bound)))
}

/// What the clock does: its figures, its timescale, how it came to be locked; a line each.
pub fn clock(status: &Status) -> Vec<String> {
    let clock = &status.clock;
    let mut figures = Vec::new();
    figures.extend(clock.offset_from_master_s.map(|offset| format!("offset {}", seconds(offset))));
    figures.extend(clock.mean_path_delay_s.map(|delay| format!("path delay {}", seconds(delay))));
    figures.extend(clock.frequency_ppb.map(|frequency| format!("correction {}", ppb(frequency))));
    figures.extend(clock.oscillator_frequency_ppb.map(|frequency| format!("oscillator {}", ppb(frequency))));
    figures.push(count(clock.steps, "step"));
    let mut lines = vec![figures.join(", ")];
    let mut scale = Vec::new();
    scale.extend(clock.timescale.clone());
    // The timescale's words may have said it, and by whose word.
    let is_said = clock.timescale.as_ref().is_some_and(|words| words.contains("TAI-UTC"));
    scale.extend(clock.tai_utc_s.filter(|_| !is_said).map(|offset| format!("TAI-UTC {offset} s")));
    scale.extend(clock.leap.as_deref().map(|leap| match leap {
        "none" => "no leap second today".to_owned(),
        "insert" => "LEAP SECOND INSERTED at the end of this UTC day".to_owned(),
        "delete" => "LEAP SECOND DELETED at the end of this UTC day".to_owned(),
        other => format!("leap {other}"),
    }));
    scale.extend(clock.leap_dispute.clone());
    if !scale.is_empty() {
        lines.push(scale.join(", "));
    }
    if let Some(lock_time) = clock.lock_time_s {
        let mut since = vec![format!("{} from selecting its parent", short(lock_time))];
        since.extend(clock.lock_time_since_first_announce_s.map(|s| format!("{} from the first Announce", short(s))));
        since.extend(clock.lock_time_since_start_s.map(|s| format!("{} from the start", short(s))));
        lines.push(format!("locked in {}", since.join(", ")));
    }
    lines
}

/// The true error of a simulated clock beside what was claimed, then its figures; empty of any other clock.
pub fn truth(status: &Status) -> Vec<Said> {
    let Some(truth) = &status.truth else { return Vec::new() };
    let mut lines = Vec::new();
    if let Some((error, bound)) = truth.error_s.zip(truth.bound_s) {
        let (tone, place) = if error.abs() <= bound { (Tone::Good, "inside") } else { (Tone::Bad, "OUTSIDE") };
        lines.push(Said {
            tone,
            text: format!("true error {}, {place} the claimed {}", seconds(error), seconds(bound)),
        });
    }
    let figure = |name: &str, value: Option<f64>| value.map(|value| format!("{name} {}", seconds(value)));
    let mut figures = Vec::new();
    figures.extend(figure("rms", truth.rms_s));
    figures.extend(figure("99%", truth.p99_s));
    figures.extend(figure("max", truth.max_s));
    figures.push(format!("{} in {}", count(truth.violations, "violation"), count(truth.samples, "sample")));
    lines.push(Said { tone: Tone::Faint, text: figures.join(", ") });
    lines
}

/// The way that time takes, from the grandmaster to the NTP server, from the top.
pub fn tree(status: &Status) -> Vec<Node> {
    tree::tree(status)
}

/// A span that is short as a rule, with its three digits then.
fn short(s: f64) -> String {
    if s < 60.0 { seconds(s) } else { span(s) }
}

/// A share in percent, two digits.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 9.95 { format!("{percent:.1}%") } else { format!("{percent:.0}%") }
}
