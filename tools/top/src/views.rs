//! What is drawn: one pure function of the model and the time.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::look::Tone;
use crate::model::{Known, Model, View};
use crate::sheet::Sheet;

mod clocks;
mod events;
mod header;
mod help;
mod offset;
mod sources;

/// What is left of the rows for a view without a line of keys below it.
const ROWS_FOR_KEYS_MIN: u16 = 18;

/// Draws the frame of this moment; returns how many of its lines can be scrolled by.
pub fn draw(model: &Model, now: f64, area: Rect, buffer: &mut Buffer) -> usize {
    if area.is_empty() {
        return 0;
    }
    let has_keys = area.height >= ROWS_FOR_KEYS_MIN;
    let body = Rect { height: area.height - u16::from(has_keys), ..area };
    let mut sheet = Sheet::new(body, model.look, buffer);
    header::draw(model, now, &mut sheet);
    let moment = Moment { model, now };
    let scroll_max = match &model.known {
        _ if model.is_helping => help::draw(&mut sheet),
        None => 0,
        Some(known) => match model.view {
            View::All => moment.all(known, &mut sheet),
            View::Offset => offset::draw(&moment, known, &mut sheet),
            View::Sources => sources::draw(&moment, known, &mut sheet),
            View::Clocks => clocks::draw(&moment, known, &mut sheet),
            View::Events => events::draw(&moment, known, &mut sheet),
        },
    };
    if has_keys {
        let last = Rect { y: area.bottom() - 1, height: 1, ..area };
        Sheet::new(last, model.look, buffer).text(Tone::Faint, help::KEYS_IN_BRIEF);
    }
    scroll_max
}

/// A model at a time.
struct Moment<'m> {
    model: &'m Model,
    now: f64,
}

impl Moment<'_> {
    /// The title of a panel, with the age of what is in it where that is not of now.
    fn title(&self, title: &str) -> String {
        let age = self.model.out_of_date_for(self.now);
        age.map_or(title.to_owned(), |age| format!("{title}, as of {} ago", synchronome::observe::units::span(age)))
    }

    /// Something of everything. The picture gives way before the lists do.
    fn all(&self, known: &Known, sheet: &mut Sheet) -> usize {
        let sources = sources::brief(known, sheet);
        let clocks = clocks::brief(known, sheet);
        let events = events::lines(self, known, sheet.columns());
        let listed = |lines: usize, at_least: usize| Want { min: 1 + lines.min(at_least), most: 1 + lines };
        let wants = [
            Want { min: PICTURE_ROWS_MIN[usize::from(sheet.rows() >= ROWS_FOR_PICTURE_MIN)], most: usize::MAX },
            listed(sources.lines.len(), 3),
            listed(clocks.len(), 3),
            Want { min: 2, most: 1 + events.len().clamp(1, EVENTS_BRIEF_MAX) },
        ];
        let [picture, for_sources, for_clocks, for_events] = shared(sheet.rows(), wants);
        offset::picture(self, false, &mut sheet.part(picture));
        let mut part = sheet.part(for_sources);
        part.title(&self.title("sources"), &sources.axis);
        part.lines(&sources.lines, ": press 3");
        let mut part = sheet.part(for_clocks);
        part.title(&self.title("clocks"), "");
        part.lines(&clocks, ": press 4");
        let mut part = sheet.part(for_events);
        part.title(&self.title("events"), "");
        let shown = part.rows().min(events.len());
        part.lines(&events[..shown], "");
        if events.is_empty() {
            part.text(Tone::Faint, events::NONE);
        }
        0
    }
}

/// The rows of the picture at least, its title included: where there are few, and otherwise.
const PICTURE_ROWS_MIN: [usize; 2] = [5, 7];
/// So many rows are not few.
const ROWS_FOR_PICTURE_MIN: usize = 17;
/// How many events are shown beside everything else.
const EVENTS_BRIEF_MAX: usize = 8;

/// How many rows a panel needs, and of how many it makes use.
#[derive(Clone, Copy)]
struct Want {
    min: usize,
    most: usize,
}

/// Shares rows: each panel has what it needs, the first ones first; then each has one more in turn while it makes use of it.
fn shared<const N: usize>(rows: usize, wants: [Want; N]) -> [usize; N] {
    let (mut shares, mut left) = ([0; N], rows);
    for (share, want) in shares.iter_mut().zip(wants) {
        if want.min <= left {
            *share = want.min;
            left -= want.min;
        }
    }
    let mut is_wanted = true;
    while left > 0 && is_wanted {
        is_wanted = false;
        for (share, want) in shares.iter_mut().zip(wants) {
            if *share > 0 && *share < want.most && left > 0 {
                *share += 1;
                left -= 1;
                is_wanted = true;
            }
        }
    }
    shares
}

#[cfg(test)]
mod tests;
