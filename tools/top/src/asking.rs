//! Asking the daemon, on a thread of its own: it may take seconds to answer, and no key waits for that.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use serde_json::Value;
use synchronome::observe::Status;
use synchronome::observe::client::ask;

use crate::clean;

/// What the daemon said; or why it said nothing and what to do, a line each.
pub type Answer = Result<Status, Vec<String>>;

/// Asks once. What comes back is fit for a terminal.
pub fn once(socket: &Path) -> Answer {
    let in_words = |why: String| why.lines().map(clean::text).collect::<Vec<_>>();
    let (line, _) = ask(socket).map_err(|error| in_words(error.to_string()))?;
    let mut value: Value = serde_json::from_str(&line).map_err(|error| in_words(error.to_string()))?;
    clean::value(&mut value);
    serde_json::from_value(value).map_err(|error| in_words(error.to_string()))
}

/// Asks at this interval, and at once when it is told to, until nobody listens any more.
pub fn again_and_again<T>(
    socket: &Path,
    interval: Duration,
    now: &Receiver<()>,
    tell: &Sender<T>,
    wrap: impl Fn(Answer) -> T,
) {
    loop {
        let began = Instant::now();
        if tell.send(wrap(once(socket))).is_err() {
            return;
        }
        match now.recv_timeout(interval.saturating_sub(began.elapsed())) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::os::unix::net::UnixListener;
    use std::path::PathBuf;
    use std::thread;

    use serde_json::json;
    use synchronome::observe::status::SCHEMA;

    use super::*;
    use crate::arguments::Size;
    use crate::look::Look;
    use crate::model::{Model, View};
    use crate::once as frames;

    /// Serves one connection as a daemon does; returns its socket and the directory of it.
    fn served(hello: Value, status: Value) -> (PathBuf, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("status.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            writeln!(stream, "{hello}").unwrap();
            let mut request = String::new();
            BufReader::new(stream.try_clone().unwrap()).read_line(&mut request).unwrap();
            // Who was told that we are another version asks no more.
            let _ = writeln!(stream, "{status}");
        });
        (socket, directory)
    }

    #[test]
    fn what_a_server_is_called_does_not_reach_the_terminal_as_it_is() {
        const BAD: &str = "a\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}b\u{200b}\nc";
        let mut status: Value = serde_json::from_str(include_str!("../tests/statuses/falseticker.json")).unwrap();
        for place in ["/host", "/reason", "/sources/1/name", "/sources/1/reason", "/sources/2/reference_id", "/lacks/0"]
        {
            *status.pointer_mut(place).unwrap_or_else(|| panic!("{place}")) = BAD.into();
        }
        for event in status["events"].as_array_mut().unwrap() {
            event["text"] = BAD.into();
        }
        let (socket, _directory) = served(json!({"synchronome": "0.1.0", "schema": SCHEMA}), status);
        let status = once(&socket).unwrap();
        assert_eq!(status.host, "a\u{fffd}]0;owned\u{fffd}\u{fffd}2J\u{fffd}b\u{fffd} c");
        let mut model = Model::new(Look { colour: false, unicode: true }, 1.0, View::All);
        model.answered(0.0, Ok(status));
        for view in View::ALL {
            model.view = view;
            let text = frames::text(&frames::frame(&model, 0.1, Size { columns: 150, rows: 60 }));
            assert!(!text.contains(|c: char| c != '\n' && clean::is_harmful(c)), "{text:?}");
        }
        assert!(model.known.is_some());
    }

    #[test]
    fn a_refusal_is_fit_for_a_terminal_too() {
        let hello = json!({"synchronome": "9\u{1b}[31m", "schema": SCHEMA + 1});
        let (socket, _directory) = served(hello, Value::Null);
        let why = once(&socket).unwrap_err();
        assert!(why[0].contains("9\u{fffd}[31m") && why.len() == 2, "{why:?}");
        assert!(once(Path::new("/nonexistent/status.sock")).unwrap_err()[0].contains("is not running"));
    }
}
