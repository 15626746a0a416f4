//! What stands above every view: who it is, the one line that answers the question, what is wrong.

use synchronome::observe::units::{seconds, span};
use synchronome::observe::words::{self, headline, troubles};
use unicode_width::UnicodeWidthStr as _;

use crate::look::Tone;
use crate::model::{Known, Model, Silence, View};
use crate::sheet::{Sheet, wrapped};

/// From this width on the views have their names beside their digits.
const NAMES_COLUMNS_MIN: usize = 70;
/// How many troubles are shown: in so few rows, and otherwise.
const TROUBLES_MAX: [usize; 2] = [1, 4];
/// So few rows are few.
const ROWS_FEW: usize = 30;
/// The most lines of the headline.
const HEADLINE_LINES_MAX: usize = 3;

pub(super) fn draw(model: &Model, now: f64, sheet: &mut Sheet) {
    let is_low = sheet.rows() < ROWS_FEW;
    title(model, now, sheet);
    match (&model.silence, &model.known) {
        (Some(silence), known) => silent(model, silence, known.as_ref(), now, sheet),
        (None, None) => sheet.text(Tone::Doubtful, "the daemon is asked; it has not answered yet"),
        (None, Some(known)) => answering(model, known, now, is_low, sheet),
    }
}

/// `synchronome on tick, up 3h12m          [1 all] 2 offset  3 sources  4 clocks  5 events`
fn title(model: &Model, now: f64, sheet: &mut Sheet) {
    let columns = sheet.columns();
    let mut tabs = Vec::new();
    for (place, view) in View::ALL.into_iter().enumerate() {
        let digit = place + 1;
        let text = if columns >= NAMES_COLUMNS_MIN { format!("{digit} {}", view.name()) } else { digit.to_string() };
        let (tone, open, close) = if view == model.view { (Tone::Strong, '[', ']') } else { (Tone::Plain, ' ', ' ') };
        tabs.push((tone, format!("{open}{text}{close}")));
    }
    let width: usize = tabs.iter().map(|(_, text)| text.width()).sum();
    let who = model.known.as_ref().map_or("synchronome".to_owned(), |known| {
        if columns < NAMES_COLUMNS_MIN {
            return format!("synchronome on {}", known.status.host);
        }
        let up = known.status.uptime_s + if model.silence.is_none() { now - known.at } else { 0.0 };
        format!("synchronome on {}, up {}", known.status.host, span(up))
    });
    let mut line = vec![(Tone::Strong, sheet.look().cell(&who, columns.saturating_sub(width)))];
    line.append(&mut tabs);
    sheet.line(&line);
}

fn answering(model: &Model, known: &Known, now: f64, is_low: bool, sheet: &mut Sheet) {
    let status = &known.status;
    let mark = format!("{} ", sheet.look().glyphs().mark);
    let tone = words::Tone::of(status.state).into();
    for (place, line) in wrapped(&headline(status), sheet.columns().saturating_sub(2)).into_iter().enumerate() {
        if place < HEADLINE_LINES_MAX {
            let mark = if place == 0 { mark.clone() } else { "  ".to_owned() };
            sheet.line(&[(tone, mark), (Tone::Strong, line)]);
        }
    }
    if let Some(age) = model.out_of_date_for(now) {
        sheet.line(&[
            (Tone::Bad, "! ".to_owned()),
            (Tone::Plain, format!("that is of {} ago: it is slow to answer", span(age))),
        ]);
    }
    let troubles = troubles(status);
    let shown = TROUBLES_MAX[usize::from(!is_low)].min(troubles.len());
    for (place, trouble) in troubles[..shown].iter().enumerate() {
        let rest = troubles.len() - shown;
        let more = if place + 1 == shown && rest > 0 { format!(" (and {rest} more)") } else { String::new() };
        // The end tells how many more there are: the text before it gives way.
        let room = sheet.columns().saturating_sub(2 + more.width());
        let text = sheet.look().fit(&trouble.text, room);
        sheet.line(&[(trouble.tone.into(), "! ".to_owned()), (Tone::Plain, text), (Tone::Faint, more)]);
    }
}

/// The daemon does not answer: that first, and then of when the rest is.
fn silent(model: &Model, silence: &Silence, known: Option<&Known>, now: f64, sheet: &mut Sheet) {
    let columns = sheet.columns().saturating_sub(2);
    let mut why = silence.why.iter();
    let what = format!("no answer for {}: {}", span(now - silence.since), why.next().map_or("", String::as_str));
    for (place, line) in wrapped(&what, columns).into_iter().enumerate() {
        sheet.line(&[(Tone::Bad, if place == 0 { "! " } else { "  " }.to_owned()), (Tone::Strong, line)]);
    }
    let again = format!("asked again each {}", seconds(model.interval_s));
    let remedy = why.cloned().chain([again]).collect::<Vec<_>>().join("; ");
    for line in wrapped(&remedy, columns) {
        sheet.text(Tone::Plain, &format!("  {line}"));
    }
    if let Some(known) = known {
        let was = format!("  all below is of {} ago, when it was {}", span(now - known.at), known.status.state);
        sheet.text(Tone::Doubtful, &was);
    }
}
