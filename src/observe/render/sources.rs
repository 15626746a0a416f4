//! Several sources: who steers, and what is thought of the others.

use std::fmt::Write as _;

use super::super::status::SourceStatus;
use super::super::units::{seconds, span};
use super::super::why::look_up_again;
use super::super::words::SourceWords;

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
        SourceWords::of(source).word.to_owned(),
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
