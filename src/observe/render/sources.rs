//! Several sources: who steers, and what is thought of the others.

use std::fmt::Write as _;

use super::super::status::{SourceStatus, Status};
use super::super::units::{seconds, span};
use super::super::why::look_up_again;
use super::{Page, Tone};

/// Width of the picture of the intervals in characters.
const PICTURE_WIDTH: usize = 41;

/// All sources as a table, with their intervals on one axis, or why there is none; each line ended.
pub fn sources_table(sources: &[SourceStatus]) -> String {
    if sources.is_empty() {
        return "there is no source: add a [[ptp]] or an [[ntp.source]]\n".to_owned();
    }
    let rows: Vec<[String; 7]> = sources.iter().map(row).collect();
    let heads = ["", "source", "offset", "+-", "stratum", "reach", "heard"].map(str::to_owned);
    let width = |column: usize| rows.iter().chain([&heads]).map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 7] = std::array::from_fn(width);
    let shown = sources.iter().filter_map(span_of);
    let edge = shown.fold(0.0_f64, |edge, (low, high)| edge.max(low.abs()).max(high.abs()));
    let mut text = String::new();
    for (row, source) in std::iter::once((&heads, None)).chain(rows.iter().zip(sources.iter().map(Some))) {
        let picture = match source {
            None => format!("-{} .. {}", seconds(edge), seconds(edge)),
            Some(source) if span_of(source).is_none() => format!("{}{}", source.reason, look_up_again(source)),
            Some(source) => picture(source, edge),
        };
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let _ = writeln!(text, "{}", format!("{}  {picture}", cells.join("  ")).trim_end());
    }
    text
}

fn row(source: &SourceStatus) -> [String; 7] {
    let address = source.address.as_ref().filter(|address| !address.starts_with(&source.name));
    let address = address.map_or(String::new(), |address| format!(" ({address})"));
    [
        word(source).0.to_owned(),
        format!("{} {}{address}", source.kind, source.name),
        source.offset_s.map_or("-".to_owned(), seconds),
        source.distance_s.map_or("-".to_owned(), seconds),
        source.stratum.map_or("-".to_owned(), |stratum| stratum.to_string()),
        source.reach.map_or("-".to_owned(), |reach| format!("{reach:03o}")),
        source.last_sample_age_s.map_or("-".to_owned(), |age| format!("{} ago", span(age))),
    ]
}

/// The interval in which our clock's offset lies by this source.
fn span_of(source: &SourceStatus) -> Option<(f64, f64)> {
    let (offset, distance) = source.offset_s.zip(source.distance_s)?;
    Some((offset - distance, offset + distance))
}

/// `----|====o====---`: the interval on an axis from `-edge` to `edge`, our clock in the middle.
fn picture(source: &SourceStatus, edge: f64) -> String {
    let Some((low, high)) = span_of(source).filter(|_| edge > 0.0) else { return String::new() };
    let place = |at: f64| ((at / edge + 1.0) * (PICTURE_WIDTH / 2) as f64).round() as usize;
    let (low, high) = (place(low), place(high));
    let cell = |at: usize| match at {
        _ if (low..=high).contains(&at) => '=',
        _ if at == PICTURE_WIDTH / 2 => '|',
        _ => '.',
    };
    (0..PICTURE_WIDTH).map(cell).collect()
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
        let name = format!("{} {}{address}", source.kind, source.name);
        let word = self.paint(tone, &format!("{word:<12}"));
        self.row("source", &format!("{word}{name}: {}", figures.join(", ")));
        if source.verdict != "agrees" {
            self.row("", &format!("{:12}{}{}", "", source.reason, look_up_again(source)));
        }
        if let (Some(why), Some(_)) = (&source.name_error, &source.address) {
            self.row("", &format!("{:12}its name cannot be looked up any more: {why}", ""));
        }
    }
}
