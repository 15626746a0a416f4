//! What our daemon says of itself: its status socket, read as any other program would.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::Value;

use super::contender::STATUS_SOCKET;
use phclab::heard::Word;

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

    /// What it says, of its events only those of the last `events_s` seconds; it was asked at this time.
    pub fn word(&self, at: f64, events_s: f64) -> Word {
        Word::of(at, &self.0, events_s)
    }

    /// The whole answer as one line of JSON.
    pub fn line(&self) -> String {
        self.0.to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selection_is_reckoned_from_the_lock() {
        let clock = json!({"lock_time_s": 2.0, "lock_time_since_start_s": 5.0});
        let answer = Answer(json!({"uptime_s": 60.0, "state": "LOCKED", "ptp": [], "clock": clock}));
        assert_eq!((answer.selected_ago_s(), answer.lock_s()), (Some(57.0), Some(2.0)));
        let waits = Answer(json!({"uptime_s": 60.0, "ptp": [{"parent": null}], "clock": {}}));
        assert_eq!(waits.selected_ago_s(), None);
        let follows = Answer(json!({"uptime_s": 60.0, "ptp": [{"parent": "x-1"}], "clock": {}}));
        assert_eq!(follows.selected_ago_s(), Some(0.0));
    }
}
