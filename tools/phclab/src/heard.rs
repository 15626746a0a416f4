//! What our daemon has said of itself in a run, and whether that is what it should have said.
//!
//! An answer of its status socket becomes a [`Word`]. That the time was right is for the truth to say; here it is about the
//! daemon's own claims: that it calls its clocks what a scenario wants, that it does so because samples come, and why not if
//! not.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::scenario::{Clock, Expect};

/// What it said of one clock.
#[derive(Clone, PartialEq, Debug)]
pub struct ClockWord {
    /// The word for its state.
    pub state: String,
    /// Whether it is steered. If not, what is claimed is not that it is right: the daemon knows what it is off by.
    pub is_steered: bool,
    /// The bound that it claims, in ns.
    pub bound_ns: Option<f64>,
    /// How long ago the last usable sample came, in seconds.
    pub sample_age_s: Option<f64>,
    /// How a PHC is read beside the system clock.
    pub method: Option<String>,
}

/// What our daemon answered at one moment.
#[derive(Clone, PartialEq, Debug)]
pub struct Word {
    /// Seconds after its start.
    pub at: f64,
    /// When its state began, or a moment later: it answered before `at`.
    pub since: Option<f64>,
    /// Of each clock that it knows.
    pub clocks: BTreeMap<Clock, ClockWord>,
    /// Whose stamps each port has that has any.
    pub stamps: Vec<String>,
    /// Syncs that all ports have received so far and could measure with; `None` where it has no port.
    pub syncs: Option<u64>,
    /// The reason for its state.
    pub reason: String,
    /// All that it says in words, in lower case; of its events only the latest.
    pub text: String,
}

impl Word {
    /// Of the answer to `status`; of its events those of the last `events_s` seconds count.
    pub fn of(at: f64, answer: &Value, events_s: f64) -> Self {
        let mut text = String::new();
        collect(answer, events_s, &mut text);
        let ports = answer["ptp"].as_array().map(Vec::as_slice).unwrap_or_default();
        let syncs = ports.iter().map(|port| {
            let count = |name: &str| port["counters"][name].as_u64().unwrap_or(0);
            count("received_sync").saturating_sub(count("sync_unpaired") + count("rx_stamp_missing"))
        });
        Self {
            at,
            since: answer["state_since_s"].as_f64().map(|ago| at - ago),
            clocks: clocks(answer),
            stamps: ports.iter().filter_map(|port| port["timestamps"].as_str().map(str::to_owned)).collect(),
            syncs: (!ports.is_empty()).then(|| syncs.sum()),
            reason: answer["reason"].as_str().unwrap_or_default().to_owned(),
            text: text.to_lowercase(),
        }
    }

    /// The state of a clock; empty if the daemon does not know the clock.
    pub fn state(&self, clock: Clock) -> &str {
        self.clocks.get(&clock).map_or("", |word| &word.state)
    }

    fn bound_ns(&self, clock: Clock) -> Option<f64> {
        self.clocks.get(&clock)?.bound_ns
    }
}

fn clocks(answer: &Value) -> BTreeMap<Clock, ClockWord> {
    let word = |state: &Value, clock: &Value| ClockWord {
        state: state.as_str().unwrap_or_default().to_owned(),
        is_steered: clock["is_steered"] == true || clock["kind"] == "system",
        bound_ns: clock["bound_s"].as_f64().map(|seconds| seconds * 1e9),
        sample_age_s: clock["last_sample_age_s"].as_f64(),
        method: clock["crossing_method"].as_str().map(str::to_owned),
    };
    let phcs = answer["phcs"].as_array().map(Vec::as_slice).unwrap_or_default().iter();
    let phcs = phcs.filter_map(|phc| Some((Clock::of_interface(phc["name"].as_str()?)?, word(&phc["state"], phc))));
    phcs.chain([(Clock::System, word(&answer["state"], &answer["clock"]))]).collect()
}

/// All words of an answer but those of events that are older than `events_s`.
fn collect(value: &Value, events_s: f64, words: &mut String) {
    let is_old = value.get("age_s").and_then(Value::as_f64).is_some_and(|age| age > events_s);
    match value {
        Value::String(text) => {
            words.push_str(text);
            words.push('\n');
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, events_s, words)),
        Value::Object(fields) if !is_old => fields.values().for_each(|value| collect(value, events_s, words)),
        _ => {}
    }
}

/// What it said of one clock throughout a window.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
pub struct Standing {
    /// How often it was asked.
    pub answers: u64,
    /// The states that it named, each once.
    pub states: BTreeSet<String>,
    /// How old its last sample was at most while it said LOCKED, in seconds; infinite if there was none.
    pub sample_age_s: f64,
    /// Syncs a second that it received and could measure with; `None` if it was asked once only, or has no port.
    pub syncs_per_s: Option<f64>,
}

impl Standing {
    /// In the window from one time to another.
    pub fn of(words: &[Word], clock: Clock, (from, to): (f64, f64)) -> Self {
        let inside: Vec<_> = words.iter().filter(|word| (from..=to).contains(&word.at)).collect();
        let mut found = Self { answers: inside.len() as u64, ..Self::default() };
        for word in &inside {
            found.states.insert(word.state(clock).to_owned());
            if let Some(said) = word.clocks.get(&clock).filter(|said| said.state == "LOCKED") {
                // No number of JSON is infinite.
                found.sample_age_s = found.sample_age_s.max(said.sample_age_s.unwrap_or(f64::MAX));
            }
        }
        let counted: Vec<_> = inside.iter().filter_map(|word| Some((word.at, word.syncs?))).collect();
        if let [first, .., last] = counted[..] {
            // A port that starts anew counts from nothing.
            let more = counted.windows(2).map(|pair| pair[1].1.saturating_sub(pair[0].1));
            found.syncs_per_s = Some(more.sum::<u64>() as f64 / (last.0 - first.0));
        }
        found
    }
}

/// What was not said in its window as it should have been.
pub fn unmet(expect: &Expect, words: &[Word]) -> Vec<String> {
    if !expect.is_of_the_daemon() {
        return Vec::new();
    }
    let when = format!("between {} and {} s", expect.from, expect.to);
    let words: Vec<_> = words.iter().filter(|word| (expect.from..=expect.to).contains(&word.at)).collect();
    let Some(last) = words.last() else { return vec![format!("no answer {when}")] };
    let mut found = Vec::new();
    let mut each = |what: &str, shown: &dyn Fn(&Word) -> String, is_met: &dyn Fn(&Word) -> bool| {
        if let Some(word) = words.iter().find(|word| !is_met(word)) {
            found.push(format!("{} at {:.1} s, wanted {what} {when}", shown(word), word.at));
        }
    };
    if !expect.state.is_empty() {
        let state = |word: &Word| word.state(Clock::System).to_owned();
        each(&format!("{:?}", expect.state), &|word| format!("state {}", state(word)), &|word| {
            expect.state.contains(&state(word))
        });
    }
    if let Some(wanted) = &expect.stamps {
        each(wanted, &|word| format!("stamps {:?}", word.stamps), &|word| {
            !word.stamps.is_empty() && word.stamps.iter().all(|stamps| stamps == wanted)
        });
    }
    if let Some(wanted) = &expect.method {
        let method = |word: &Word| word.clocks.get(&Clock::PHC).and_then(|phc| phc.method.clone());
        each(wanted, &|word| format!("method {:?}", method(word)), &|word| method(word).as_ref() == Some(wanted));
    }
    for width in &expect.bound {
        let wanted = format!("at least {} ns of {}", width.min_ns, width.clock);
        each(&wanted, &|word| format!("a bound of {:?} ns", word.bound_ns(width.clock)), &|word| {
            word.bound_ns(width.clock).is_some_and(|bound| bound >= width.min_ns)
        });
    }
    let is_said = |wanted: &String| words.iter().any(|word| word.text.contains(&wanted.to_lowercase()));
    for wanted in expect.says.iter().filter(|wanted| !is_said(wanted)) {
        found.push(format!("`{wanted}` is not said {when}; the last reason is `{}`", last.reason));
    }
    for wrong in expect.never.iter().filter(|wrong| is_said(wrong)) {
        found.push(format!("`{wrong}` is said {when}"));
    }
    found
}

#[cfg(test)]
mod tests;
