//! The page at `/`, and what it asks for: the status as figures and words, the events, the last minutes.
//!
//! The page is one answer, its style and its script within it, and asks for nothing from elsewhere. Its Content-Security-Policy lets
//! a browser run these two alone, which it names by their hash: what may come in by a name or a sentence from the network (the
//! script inserts all of it as text) would neither run nor reach anybody.
//!
//! The page reads; there is nothing that it could change.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::Asked;
use crate::observe::history::Past;
use crate::observe::status::{ClockStatus, EventRecord, NtpServerStatus, SourceStatus, Status};
use crate::observe::words::Words;

const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");
const DOCUMENT: &str = include_str!("page/page.html");

/// So many events are handed out at once.
const EVENTS_AT_ONCE_MAX: usize = 100;

/// The page as it is sent.
#[derive(Debug)]
pub(super) struct Page {
    /// The document with its style and its script.
    pub(super) text: String,
    /// Its Content-Security-Policy.
    pub(super) policy: String,
}

/// The page, made when somebody asks for it first.
pub(super) fn page() -> &'static Page {
    static PAGE: LazyLock<Page> = LazyLock::new(|| {
        let [style, script] = [STYLE, SCRIPT].map(|text| STANDARD.encode(Sha256::digest(text)));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; connect-src 'self'; \
             img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        Page { text: DOCUMENT.replace("{style}", STYLE).replace("{script}", SCRIPT), policy }
    });
    &PAGE
}

/// What the page asks for each second.
#[derive(Serialize)]
struct Now<'a> {
    /// The names of the daemon's run: after a restart the events count from 1 again.
    host: &'a str,
    pid: u32,
    uptime_s: f64,
    generated_at: &'a str,
    state: &'static str,
    words: Words,
    clock: &'a ClockStatus,
    sources: &'a [SourceStatus],
    ntp_server: Option<&'a NtpServerStatus>,
    event_count: u64,
}

/// The status of now, in figures and in words.
pub(super) fn now(asked: &mut Asked<'_>) -> String {
    let event_count = asked.answers.event_count();
    let status: &Status = asked.status();
    json(&Now {
        host: &status.host,
        pid: status.pid,
        uptime_s: status.uptime_s,
        generated_at: &status.generated_at,
        state: status.state.word(),
        words: Words::of(status),
        clock: &status.clock,
        sources: &status.sources,
        ntp_server: status.ntp_server.as_ref(),
        event_count,
    })
}

/// The last minutes, the oldest first.
pub(super) fn history(asked: &mut Asked<'_>) -> String {
    #[derive(Serialize)]
    struct History {
        /// Age in s, offset from the master in s, bound in s, state.
        points: Vec<Past>,
    }
    json(&History { points: asked.answers.history() })
}

/// The events from the number in `from=` on, at most so many; without it from the first that is kept.
pub(super) fn events(query: &str, asked: &mut Asked<'_>) -> String {
    #[derive(Serialize)]
    struct Events {
        /// The oldest first.
        events: Vec<EventRecord>,
    }
    let from = query.split('&').find_map(|pair| pair.strip_prefix("from=")?.parse().ok()).unwrap_or(0);
    json(&Events { events: asked.answers.events_since(from, EVENTS_AT_ONCE_MAX) })
}

/// With its line ended.
pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain data with names as keys") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small_and_asks_nobody_else() {
        let page = &page().text;
        assert!(page.len() < 40_000, "{} bytes", page.len());
        assert!(page.contains(STYLE) && page.contains(SCRIPT));
        // The name of the namespace of SVG is no address that is asked.
        let text = page.replace("http://www.w3.org/2000/svg", "");
        for elsewhere in ["http:", "https:", "//cdn", "url(h", "url(/", "@import", "src=\"", "<link rel=\"stylesheet"] {
            assert!(!text.contains(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn the_script_makes_no_markup_of_what_it_is_told_and_changes_nothing() {
        for danger in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "srcdoc",
            "DOMParser",
            "createContextualFragment",
            "setHTML",
            "method:",
            "XMLHttpRequest",
            "WebSocket",
            "sendBeacon",
        ] {
            assert!(!SCRIPT.contains(danger), "{danger}");
        }
        // What is not in the style's own text the policy forbids.
        let is_handler = |word: &str| word.starts_with("on") && word.contains('=');
        assert!(!DOCUMENT.contains("style=") && !DOCUMENT.split_whitespace().any(is_handler));
    }
}
