//! Several sources: who steers, and what is thought of the others.

use super::super::status::{SourceStatus, Status};
use super::super::units::{seconds, span};
use super::{Page, Tone};

impl Page {
    /// A line for each source, with the reason below where it is not simply right.
    pub(super) fn sources(&mut self, status: &Status) {
        if status.sources.is_empty() {
            return;
        }
        self.blank();
        for source in &status.sources {
            self.source(source);
        }
    }

    fn source(&mut self, source: &SourceStatus) {
        let (word, tone) = match (source.is_steering, source.verdict.as_str()) {
            (true, _) => ("steers", Tone::Good),
            (false, "agrees") => ("guards", Tone::Good),
            (false, "falseticker") => ("FALSETICKER", Tone::Bad),
            (false, "undecided") => ("undecided", Tone::Doubtful),
            _ => ("silent", Tone::Doubtful),
        };
        let mut figures = Vec::new();
        if let (Some(offset), Some(distance)) = (source.offset_s, source.distance_s) {
            figures.push(format!("offset {} +- {}", seconds(offset), seconds(distance)));
        }
        figures.extend(source.stratum.map(|stratum| format!("stratum {stratum}")));
        figures.extend(source.reach.map(|reach| format!("reach {reach:03o}")));
        figures.extend(source.interval_s.map(|interval| format!("each {}", seconds(interval))));
        figures.extend(source.last_sample_age_s.map(|age| format!("{} ago", span(age))));
        let address = source.address.as_ref().map_or(String::new(), |address| format!(" ({address})"));
        let name = format!("{} {}{address}", source.kind, source.name);
        let word = self.paint(tone, &format!("{word:<12}"));
        self.row("source", &format!("{word}{name}: {}", figures.join(", ")));
        if source.verdict != "agrees" {
            self.row("", &format!("{:12}{}", "", source.reason));
        }
    }
}
