//! What the daemon and its spawner tell each other: JSON, a datagram each.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::observe::status::EventRecord;

/// What is told once.
#[derive(Serialize, Deserialize, Debug)]
pub(super) struct Instructions {
    /// As whom programs run; `None`: as who started the daemon.
    pub(super) user: Option<String>,
    /// What may be run.
    pub(super) tasks: Vec<Task>,
}

/// What may be run.
#[derive(Serialize, Deserialize, Debug)]
pub(super) struct Task {
    /// The program and its arguments.
    pub(super) exec: Vec<String>,
    /// How long it may take.
    pub(super) timeout_ms: u64,
}

/// One is to be run.
#[derive(Serialize, Deserialize, Debug)]
pub(super) struct Order {
    /// Which, by its place.
    pub(super) hook: usize,
    /// For how many events since its last run it was not.
    pub(super) left_out: u64,
    /// For which.
    pub(super) event: EventRecord,
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub(super) enum Outcome {
    /// With exit code 0.
    Succeeded,
    /// Otherwise, or it did not begin.
    Failed,
    /// It took too long.
    Killed,
}

/// A run has ended.
#[derive(Serialize, Deserialize, Debug)]
pub(super) struct Report {
    /// Whose, by its place.
    pub(super) hook: usize,
    /// How.
    pub(super) outcome: Outcome,
    /// What there is to say of that.
    pub(super) text: String,
}

pub(super) fn encode(message: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(message).expect("plain data with names as keys")
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}
