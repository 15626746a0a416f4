//! What a scenario wants: the windows whose figures are made, and the limits.

use super::scenario::{maybe_duration, maybe_float, maybe_integer, maybe_switch, maybe_text, maybe_word};
use crate::config::Reader;
use crate::sim::Rule;
use crate::time::Duration;

/// A part of the run, and its limits in seconds.
#[derive(Clone, Debug)]
pub struct Window {
    /// Its name.
    pub name: String,
    /// From when until when.
    pub span: (Duration, Duration),
    /// Name in the file and greatest value of each limit.
    pub most: Vec<(&'static str, f64)>,
    /// The least share of the time with a bound.
    pub bounded: Option<f64>,
}

/// What must hold of the whole.
#[derive(Clone, Debug)]
pub struct Limits {
    /// From selecting the parent to LOCKED.
    pub lock_time: Option<Duration>,
    /// Steps of the system clock, at most.
    pub steps: Option<u64>,
    /// Jumps of the card's clock found, exactly.
    pub jumps_found: Option<u64>,
    /// Settings of the system clock found, exactly.
    pub sets_found: Option<u64>,
    /// Masters selected, exactly.
    pub parents: Option<u64>,
    /// Changes of the source that steers, the first choice not counted, exactly.
    pub handovers: Option<u64>,
    /// From the last message of a source that is lost or wrong until another steers.
    pub handover_time: Option<Duration>,
    /// From when a source goes wrong until it is a falseticker.
    pub veto_time: Option<Duration>,
    /// From a pause's end, or a foreign hand's touch, until wrong time is no longer served as right.
    pub notice_time: Option<Duration>,
    /// From when anything happens to a source until health says that they contradict each other.
    pub alarm_time: Option<Duration>,
    /// Whether it says so at the end.
    pub alarm: Option<bool>,
    /// Who steers at the end.
    pub steered_by: Option<String>,
    /// Who never does.
    pub never_by: Option<String>,
    /// Who is found to be a falseticker, and nobody else.
    pub falsetickers: Option<Vec<String>>,
    /// The RMS of the last host's error in the last window, in terms of that of the same world with the PI servo.
    pub pi_ratio: Option<f64>,
    /// The state at the end; `None`: any.
    pub end_state: Option<String>,
    /// The rule that the checker must find broken on every host.
    pub found_out: Option<Rule>,
}

/// The names of a window's limits that are times.
const WINDOW_LIMITS: [&str; 8] = ["rms", "p99", "max", "moved", "phc_rms", "phc_max", "bound_median", "bound_max"];

pub(super) fn window(read: &Reader<'_>, index: usize, duration: Duration) -> Window {
    let section = format!("window[{index}]");
    let most = |name: &'static str| Some((name, maybe_duration(read, &section, name)?.as_secs_f64()));
    Window {
        name: maybe_text(read, &section, "name").unwrap_or_else(|| (index + 1).to_string()),
        span: (read.duration(&section, "from"), maybe_duration(read, &section, "until").unwrap_or(duration)),
        most: WINDOW_LIMITS.into_iter().filter_map(most).collect(),
        bounded: maybe_float(read, &section, "bounded"),
    }
}

pub(super) fn limits(read: &Reader<'_>) -> Limits {
    let count = |name| maybe_integer(read, "limits", name).map(i64::unsigned_abs);
    Limits {
        lock_time: maybe_duration(read, "limits", "lock_time"),
        steps: count("steps"),
        jumps_found: count("jumps_found"),
        sets_found: count("sets_found"),
        parents: count("parents"),
        handovers: count("handovers"),
        handover_time: maybe_duration(read, "limits", "handover_time"),
        veto_time: maybe_duration(read, "limits", "veto_time"),
        notice_time: maybe_duration(read, "limits", "notice_time"),
        alarm_time: maybe_duration(read, "limits", "alarm_time"),
        alarm: maybe_switch(read, "limits", "alarm"),
        steered_by: maybe_text(read, "limits", "steered_by"),
        never_by: maybe_text(read, "limits", "never_by"),
        falsetickers: maybe_text(read, "limits", "falsetickers")
            .map(|names| names.split_whitespace().filter(|name| *name != "none").map(str::to_owned).collect()),
        pi_ratio: maybe_float(read, "limits", "pi_ratio"),
        end_state: Some(read.word("limits", "end_state")).filter(|word| *word != "any").map(str::to_owned),
        found_out: maybe_word(read, "limits", "found_out")
            .map(|word| if word == "PhcBound" { Rule::PhcBound } else { Rule::Bound }),
    }
}
