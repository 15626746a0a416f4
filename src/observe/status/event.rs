//! Something that happened, as it is told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Something that happened.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct EventRecord {
    /// Counts the events of this run of the daemon, from 1.
    #[serde(default)]
    pub number: u64,
    /// When, by CLOCK_REALTIME of the host; RFC 3339 in UTC.
    pub at: String,
    /// How long ago.
    pub age_s: f64,
    /// `error`, `warn` or `info`.
    pub level: String,
    /// What it is about: `clock`, `ptp`, `ntp` or `daemon`.
    pub topic: String,
    /// What kind of thing has happened, a word of [`EventKind`](crate::observe::EventKind).
    #[serde(default)]
    pub kind: String,
    /// Of what: a clock, a port, a source, a thread, by its name.
    #[serde(default)]
    pub subject: String,
    /// What it was before.
    #[serde(default)]
    pub old: Option<String>,
    /// What it is now.
    #[serde(default)]
    pub new: Option<String>,
    /// Why, a clause.
    #[serde(default)]
    pub reason: Option<String>,
    /// One sentence, without its full stop.
    pub text: String,
    /// Its figures and names.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
}

/// A program that is run when something happens, and what became of its runs.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, Debug)]
pub struct HookStatus {
    /// The program.
    pub program: String,
    /// The kinds of events.
    pub events: Vec<String>,
    /// Runs that are under way.
    pub running: u32,
    /// Runs that ended with exit code 0.
    pub succeeded: u64,
    /// Runs that could not begin, or ended otherwise.
    pub failed: u64,
    /// Runs that took too long, and were killed.
    pub killed: u64,
    /// Events for which it was not run, because too much happened at once.
    pub left_out: u64,
}
