//! The sources: who steers, who guards, who is wrong, with their intervals side by side on one axis.
//!
//! A source's interval is where our clock's offset lies as that source has it: around its offset, its distance to either side. Our
//! clock is 0. A card may be known to 100 ns and a server to 10 ms, so the axis is the inverse hyperbolic sine: even near 0 on the scale of
//! the narrowest interval, logarithmic beyond. It keeps the order, so what overlaps there overlaps here.

use synchronome::observe::status::{SourceStatus, Status};
use synchronome::observe::units::{rate, seconds, span};
use synchronome::observe::why;
use synchronome::observe::words::SourceWords;
use unicode_width::UnicodeWidthStr as _;

use super::Moment;
use crate::look::{Look, Tone};
use crate::model::Known;
use crate::plot::round_seconds;
use crate::sheet::{Sheet, Toned, wrapped};

/// The column of the standing: its longest word and a blank.
const STANDING_WIDTH: usize = 12;
/// The column of the figures, where there is room for it.
const FIGURES_WIDTH: usize = 20;
/// From this width on there is.
const FIGURES_COLUMNS_MIN: usize = 70;
/// The longest name.
const NAME_WIDTH_MAX: usize = 34;
/// What stands below a source is so far to the right.
const INDENT: usize = STANDING_WIDTH;
/// A name where nothing else is known of it.
const NONE: &str = "there is no source: add a [[ptp]] or an [[ntp.source]]";

/// The lines of all sources, and what stands above their pictures.
pub(super) struct Brief {
    pub(super) axis: String,
    pub(super) lines: Vec<Toned>,
}

/// A line for each, those first that matter most.
pub(super) fn brief(known: &Known, sheet: &Sheet) -> Brief {
    let sources = ranked(&known.status);
    let table = Table::of(&sources, sheet);
    let mut lines: Vec<_> = sources.iter().map(|source| table.line(source, &source.reason)).collect();
    if lines.is_empty() {
        lines.push(vec![(Tone::Doubtful, NONE.to_owned())]);
    }
    Brief { axis: table.labels(), lines }
}

/// Each with its figures, and if it is not right its reason and what to do.
pub(super) fn draw(moment: &Moment, known: &Known, sheet: &mut Sheet) -> usize {
    let sources = ranked(&known.status);
    let table = Table::of(&sources, sheet);
    sheet.title(&moment.title("sources"), &table.labels());
    let mut lines = Vec::new();
    for source in &sources {
        // The reason stands below.
        lines.push(table.line(source, ""));
        lines.extend(details(&known.status, source, sheet.columns()));
    }
    if lines.is_empty() {
        lines.push(vec![(Tone::Doubtful, NONE.to_owned())]);
    }
    sheet.scrolled(&lines, moment.model.scroll)
}

/// Who steers first, then those of whom something is to be said.
fn ranked(status: &Status) -> Vec<SourceStatus> {
    let mut sources = why::sources(status);
    let rank = |source: &SourceStatus| match SourceWords::of(source).word {
        "steers" => 0,
        "FALSETICKER" => 1,
        "undecided" => 2,
        "guards" => 3,
        _ => 4,
    };
    sources.sort_by_key(rank); // stable
    sources
}

fn interval(source: &SourceStatus) -> Option<(f64, f64)> {
    let (offset, distance) = source.offset_s.zip(source.distance_s)?;
    Some((offset - distance, offset + distance))
}

/// How wide the columns are, and how long the axis.
struct Table {
    look: Look,
    columns: usize,
    name: usize,
    figures: usize,
    picture: usize,
    /// The end of the axis, and the half width of the narrowest interval.
    axis: Option<(f64, f64)>,
}

impl Table {
    fn of(sources: &[SourceStatus], sheet: &Sheet) -> Self {
        let columns = sheet.columns();
        let figures = if columns >= FIGURES_COLUMNS_MIN { FIGURES_WIDTH } else { 0 };
        let left = columns.saturating_sub(STANDING_WIDTH + figures);
        let longest = sources.iter().map(|source| source.kind.width() + source.name.width() + 2).max().unwrap_or(0);
        let name = longest.min(left * 9 / 20).min(NAME_WIDTH_MAX);
        let ends = sources.iter().filter_map(interval);
        let edge = ends.fold(0.0_f64, |edge, (low, high)| edge.max(low.abs()).max(high.abs()));
        let distances = sources.iter().filter_map(|source| source.distance_s.filter(|distance| *distance > 0.0));
        let narrowest = distances.fold(f64::INFINITY, f64::min).min(edge);
        let axis = (edge > 0.0).then_some((edge, narrowest));
        Self { look: sheet.look(), columns, name, figures, picture: left - name.min(left), axis }
    }

    /// The column of the picture in which a value lies.
    fn place(&self, value: f64) -> usize {
        let Some((edge, narrowest)) = self.axis else { return 0 };
        let of_half = (value / narrowest).asinh() / (edge / narrowest).asinh();
        let half = self.picture.saturating_sub(1) as f64 / 2.0;
        (half + half * of_half).round().max(0.0) as usize
    }

    /// The ends of the axis and its middle, as wide as the picture.
    fn labels(&self) -> String {
        let Some((edge, _)) = self.axis else { return String::new() };
        let (low, high) = (format!("-{}", round_seconds(edge)), format!("+{}", round_seconds(edge)));
        let zero = self.place(0.0);
        if low.width() + 1 > zero || zero + 2 + high.width() > self.picture {
            return String::new();
        }
        let rule = |columns: usize| self.look.glyphs().rule.repeat(columns);
        let (before, after) = (rule(zero - low.width()), rule(self.picture - zero - 1 - high.width()));
        format!("{low}{before}0{after}{high}")
    }

    /// A line of a source; `instead` stands where its interval would, if it has none.
    fn line(&self, source: &SourceStatus, instead: &str) -> Toned {
        let SourceWords { word, tone, .. } = SourceWords::of(source);
        let name = format!("{} {}", source.kind, source.name);
        let mut line = vec![
            (tone.into(), self.look.cell(word, STANDING_WIDTH)),
            (Tone::Plain, self.look.cell(&name, self.name.saturating_sub(1)) + " "),
        ];
        match (interval(source), source.offset_s, source.distance_s) {
            (Some(ends), Some(offset), Some(distance)) => {
                if self.figures > 0 {
                    let figures = format!("{} +-{}", seconds(offset), seconds(distance));
                    line.push((Tone::Plain, self.look.cell(&figures, self.figures)));
                }
                line.push((tone.into(), self.drawn(word, ends)));
            }
            _ => line.push((Tone::Faint, self.look.fit(instead, self.columns))),
        }
        line
    }

    fn drawn(&self, word: &str, (low, high): (f64, f64)) -> String {
        let glyphs = self.look.glyphs();
        let symbol = match word {
            "steers" => glyphs.steers,
            "guards" => glyphs.guards,
            "FALSETICKER" => glyphs.falseticker,
            _ => "?",
        };
        let (low, high, zero) = (self.place(low), self.place(high), self.place(0.0));
        let cell = |at: usize| match at {
            _ if (low..=high).contains(&at) => symbol,
            _ if at == zero => glyphs.axis,
            _ => " ",
        };
        (0..self.picture).map(cell).collect()
    }
}

fn details(status: &Status, source: &SourceStatus, columns: usize) -> Vec<Toned> {
    let mut figures = Vec::new();
    figures.extend(source.address.clone());
    figures.extend(source.stratum.map(|stratum| format!("stratum {stratum}")));
    figures.extend(source.reference_id.as_ref().map(|whom| format!("follows {whom}")));
    figures.extend(source.reach.map(|reach| format!("reach {reach:03o}")));
    let interval = source.interval_s.filter(|_| source.last_sample_age_s.is_some());
    figures.extend(interval.map(|interval| format!("measured {}", rate(interval))));
    figures.extend(source.last_sample_age_s.map(|age| format!("heard {} ago", span(age))));
    figures.extend(source.round_trip_s.map(|trip| format!("round trip {}", seconds(trip))));
    figures.extend(source.root_distance_s.map(|distance| format!("root distance {}", seconds(distance))));
    figures.extend(source.stamps.as_ref().map(|stamps| format!("{stamps} stamps")));
    figures.extend((!source.options.is_empty()).then(|| source.options.join(" ")));
    let mut lines = Vec::new();
    let mut below = |tone, text: &str| {
        let rows = wrapped(text, columns.saturating_sub(INDENT));
        lines.extend(rows.into_iter().map(|row| vec![(tone, " ".repeat(INDENT) + &row)]));
    };
    below(Tone::Faint, &figures.join(", "));
    let explanation = why::explain(status, source);
    let failed = explanation.failed();
    // The test may say it in the same words.
    let remarks = SourceWords::of(source).remarks;
    for remark in remarks.iter().filter(|remark| failed.is_none_or(|test| !test.value.ends_with(*remark))) {
        below(Tone::Plain, remark);
    }
    if let Some(test) = failed {
        let limit = if test.limit.is_empty() { String::new() } else { format!("; must be: {}", test.limit) };
        below(Tone::Plain, &format!("{}: {}{limit}", test.test, test.value));
        below(Tone::Strong, &format!("-> {}", test.remedy));
    }
    lines
}
