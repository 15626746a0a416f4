//! What happened, the latest first.

use synchronome::observe::units::span;
use synchronome::observe::{EventRecord, words};

use super::Moment;
use crate::look::Tone;
use crate::model::Known;
use crate::sheet::{Sheet, Toned, wrapped};

/// Where nothing did.
pub(super) const NONE: &str = "nothing has happened yet";
/// From this width on there is room for the level's and the kind's word; below a mark stands for the level.
const WORDS_COLUMNS_MIN: usize = 70;

pub(super) fn draw(moment: &Moment, known: &Known, sheet: &mut Sheet) -> usize {
    sheet.title(&moment.title("events"), " all of them: synchronome events");
    let mut lines = Vec::new();
    for event in known.status.events.iter().rev() {
        let (tone, before) = before(moment, known, event, sheet.columns());
        let width = before.chars().count();
        for (place, text) in wrapped(&event.text, sheet.columns().saturating_sub(width)).into_iter().enumerate() {
            let before = if place == 0 { before.clone() } else { " ".repeat(width) };
            lines.push(vec![(tone, before), (Tone::Plain, text)]);
        }
    }
    if lines.is_empty() {
        lines.push(vec![(Tone::Faint, NONE.to_owned())]);
    }
    sheet.scrolled(&lines, moment.model.scroll)
}

/// A line for each.
pub(super) fn lines(moment: &Moment, known: &Known, columns: usize) -> Vec<Toned> {
    let line = |event: &EventRecord| {
        let (tone, before) = before(moment, known, event, columns);
        vec![(tone, before), (Tone::Plain, event.text.clone())]
    };
    known.status.events.iter().rev().map(line).collect()
}

/// `12m04s ago warn  falseticker `, or where that is too much ` 12m04s ! `.
fn before(moment: &Moment, known: &Known, event: &EventRecord, columns: usize) -> (Tone, String) {
    let age = span(event.age_s + (moment.now - known.at));
    let tone = words::Tone::of_level(&event.level);
    let mark = match tone {
        words::Tone::Bad => "!!",
        words::Tone::Doubtful => "!",
        _ => "",
    };
    let text = if columns >= WORDS_COLUMNS_MIN {
        format!("{age:>6} ago {:<5} {:<11} ", event.level, event.kind)
    } else {
        format!("{age:>6} {mark:<2} ")
    };
    (tone.into(), text)
}
