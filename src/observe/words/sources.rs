//! What is thought of each of several sources.

use serde::Serialize;

use super::Tone;
use crate::observe::status::SourceStatus;
use crate::observe::units::{seconds, span};
use crate::observe::why::look_up_again;

/// A source, and what is thought of it.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct SourceWords {
    /// `steers`, `guards`, `FALSETICKER`, `undecided`, `spare`, `offline` or `silent`.
    pub word: &'static str,
    /// What that means.
    pub tone: Tone,
    /// Its kind, its name, and its address where it has one.
    pub name: String,
    /// Its figures, in one line; may be empty.
    pub figures: String,
    /// Why it is not simply right, a line each.
    pub remarks: Vec<String>,
}

impl SourceWords {
    /// The words for a source.
    pub fn of(source: &SourceStatus) -> Self {
        let (word, tone) = word(source);
        let mut figures = Vec::new();
        if let (Some(offset), Some(distance)) = (source.offset_s, source.distance_s) {
            figures.push(format!("offset {} +- {}", seconds(offset), seconds(distance)));
        }
        figures.extend(source.stratum.map(|stratum| format!("stratum {stratum}")));
        figures.extend(source.reach.map(|reach| format!("reach {reach:03o}")));
        figures.extend(source.interval_s.map(|interval| format!("each {}", seconds(interval))));
        figures.extend(source.last_sample_age_s.map(|age| format!("{} ago", span(age))));
        let address = source.address.as_ref().map_or(String::new(), |address| format!(" ({address})"));
        let mut remarks = Vec::new();
        if source.verdict != "agrees" {
            remarks.push(format!("{}{}", source.reason, look_up_again(source)));
        }
        if let (Some(why), Some(_)) = (&source.name_error, &source.address) {
            remarks.push(format!("its name cannot be looked up any more: {why}"));
        }
        let name = format!("{} {}{address}", source.kind, source.name);
        Self { word, tone, name, figures: figures.join(", "), remarks }
    }
}

fn word(source: &SourceStatus) -> (&'static str, Tone) {
    match (source.is_steering, source.verdict.as_str()) {
        (true, _) => ("steers", Tone::Good),
        (false, "agrees") => ("guards", Tone::Good),
        (false, "falseticker") => ("FALSETICKER", Tone::Bad),
        (false, "undecided") => ("undecided", Tone::Doubtful),
        _ if source.all_asked.is_some() => ("spare", Tone::Doubtful),
        _ if source.client_state.as_deref() == Some("offline") => ("offline", Tone::Doubtful),
        _ => ("silent", Tone::Doubtful),
    }
}
