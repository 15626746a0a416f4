//! What our daemon says of itself: its status socket, read as any other program would.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::Value;

use super::contender::STATUS_SOCKET;
use phclab::scenario::Clock;

/// How long the daemon may take to answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);

/// An answer.
pub struct Answer(Value);

/// Asks the daemon; `None` if it does not answer.
pub fn ask() -> Option<Answer> {
    let mut stream = UnixStream::connect(STATUS_SOCKET).ok()?;
    stream.set_read_timeout(Some(ANSWER_TIME_MAX)).ok()?;
    stream.set_write_timeout(Some(ANSWER_TIME_MAX)).ok()?;
    stream.write_all(b"status\n").ok()?;
    let mut lines = BufReader::new(stream).lines();
    lines.next()?.ok()?; // its greeting
    serde_json::from_str(&lines.next()?.ok()?).ok().map(Answer)
}

impl Answer {
    fn number(&self, path: &str) -> Option<f64> {
        self.0.pointer(path)?.as_f64()
    }

    /// The word for its state.
    pub fn state(&self) -> &str {
        self.0["state"].as_str().unwrap_or_default()
    }

    /// The reason for its state.
    pub fn reason(&self) -> &str {
        self.0["reason"].as_str().unwrap_or_default()
    }

    /// The bound that it claims of a clock, in ns.
    pub fn bound_ns(&self, clock: Clock) -> Option<f64> {
        let path = match clock {
            Clock::System => "/clock/bound_s",
            Clock::Phc => "/phcs/0/bound_s",
        };
        self.number(path).map(|seconds| seconds * 1e9)
    }

    /// From selecting the parent to LOCKED, in seconds.
    pub fn lock_s(&self) -> Option<f64> {
        self.number("/clock/lock_time_s")
    }

    /// How long ago the parent was selected, in seconds; `None` if it does not follow any.
    pub fn selected_ago_s(&self) -> Option<f64> {
        let exact = || {
            let since_start = self.number("/clock/lock_time_since_start_s")?;
            Some(self.number("/uptime_s")? - since_start + self.lock_s()?)
        };
        let ports = self.0["ptp"].as_array()?;
        let has_parent = ports.iter().any(|port| port["parent"].is_string());
        exact().or(has_parent.then_some(0.0))
    }

    /// All that it says in words, in lower case; of its events only those of the last `seconds`.
    pub fn words(&self, seconds: f64) -> String {
        let mut words = String::new();
        collect(&self.0, seconds, &mut words);
        words.to_lowercase()
    }

    /// The whole answer as one line of JSON.
    pub fn line(&self) -> String {
        self.0.to_string()
    }
}

fn collect(value: &Value, seconds: f64, words: &mut String) {
    let is_old = value.get("age_s").and_then(Value::as_f64).is_some_and(|age| age > seconds);
    match value {
        Value::String(text) => {
            words.push_str(text);
            words.push('\n');
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, seconds, words)),
        Value::Object(fields) if !is_old => fields.values().for_each(|value| collect(value, seconds, words)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selection_is_reckoned_from_the_lock() {
        let clock = json!({"lock_time_s": 2.0, "lock_time_since_start_s": 5.0, "bound_s": 8.4e-7});
        let phcs = json!([{"bound_s": 1.2e-7}]);
        let answer = Answer(json!({"uptime_s": 60.0, "state": "LOCKED", "ptp": [], "clock": clock, "phcs": phcs}));
        assert_eq!((answer.selected_ago_s(), answer.lock_s()), (Some(57.0), Some(2.0)));
        assert!((answer.bound_ns(Clock::System).unwrap() - 840.0).abs() < 1e-6);
        assert!((answer.bound_ns(Clock::Phc).unwrap() - 120.0).abs() < 1e-6);
        let waits = Answer(json!({"uptime_s": 60.0, "ptp": [{"parent": null}], "clock": {}}));
        assert_eq!((waits.selected_ago_s(), waits.bound_ns(Clock::Phc)), (None, None));
        let follows = Answer(json!({"uptime_s": 60.0, "ptp": [{"parent": "x-1"}], "clock": {}}));
        assert_eq!(follows.selected_ago_s(), Some(0.0));
    }

    #[test]
    fn old_events_are_not_news() {
        let events = json!([{"age_s": 50.0, "text": "Old"}, {"age_s": 5.0, "text": "New"}]);
        let words = Answer(json!({"reason": "TX stamps are late", "events": events})).words(10.0);
        assert!(words.contains("tx stamps are late") && words.contains("new") && !words.contains("old"));
    }
}
