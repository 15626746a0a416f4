//! The picture: the offset of the clock over time, and the bound as a band around zero.
//!
//! The clock was wrong by no more than the bound: at each time the truth is somewhere in the band, whose middle is a clock without error.
//! The measured offsets are dots in it. A column is a stretch of time, with the greatest bound in it; a stretch without an answer is
//! empty. What is beyond the axis is marked at its edge.

use std::ops::RangeInclusive;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use synchronome::observe::units::seconds;

use crate::history::{History, Range, Slot};
use crate::look::{Look, Tone};

/// Columns for the figures of the vertical axis.
const LABEL_WIDTH: u16 = 9;
/// A finer grid in a cell of Braille patterns: columns and rows.
const DOTS: (usize, usize) = (2, 4);
/// The axis reaches so many times the latest bound at most, so that the seconds before LOCKED do not flatten the days after.
const REACH_MAX: f64 = 4.0;
/// The last column reaches beyond now by so much of itself.
const NOW_SHARE: f64 = 1e-3;
/// What is said in a gap.
const GAP: &str = "no answer";
/// What is said where there was no bound.
const UNBOUNDED: &str = "no bound";

/// What is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Plot<'a> {
    /// Of what.
    pub history: &'a History,
    /// The right edge.
    pub now: f64,
    /// The left edge is so long ago, in seconds and in words.
    pub span: (f64, &'a str),
    /// How it looks.
    pub look: Look,
    /// Whether the true error is drawn too, where it is known.
    pub with_truth: bool,
}

impl Plot<'_> {
    /// Draws it: the axis of time is the last row.
    pub fn draw(&self, area: Rect, buffer: &mut Buffer) {
        let field = Rect {
            x: area.x + LABEL_WIDTH,
            width: area.width.saturating_sub(LABEL_WIDTH),
            height: area.height.saturating_sub(1),
            ..area
        };
        if field.is_empty() {
            return;
        }
        let columns = usize::from(field.width);
        let width = self.span.0 / columns as f64;
        // What came just now belongs to the last column, not to one to come.
        let from = self.now - self.span.0 + width * NOW_SHARE;
        let slots = self.history.slots(from, width, columns);
        let Some(reach) = reach(&slots) else {
            self.words(&slots, field, buffer);
            return self.times(area, field, buffer);
        };
        let scale = Scale { reach, rows: usize::from(field.height) };
        let pen = Pen { field, look: self.look };
        for (column, slot) in slots.iter().enumerate().filter(|(_, slot)| slot.is_known) {
            pen.band(column, slot, scale, buffer);
        }
        let finer = self.history.slots(from, width / DOTS.0 as f64, columns * DOTS.0);
        pen.offsets(&finer, scale, buffer);
        if self.with_truth {
            pen.truths(&slots, scale, buffer);
        }
        self.words(&slots, field, buffer);
        self.figures(area, scale, buffer);
        self.times(area, field, buffer);
    }

    fn figures(&self, area: Rect, scale: Scale, buffer: &mut Buffer) {
        let edge = round_seconds(scale.reach);
        let faint = self.look.style(Tone::Faint);
        let width = usize::from(LABEL_WIDTH) - 1;
        let rows = scale.rows as u16;
        let mut labels = vec![(0, format!("+{edge}"))];
        if rows >= 3 {
            labels.extend([(rows / 2, "0".to_owned()), (rows - 1, format!("-{edge}"))]);
        }
        for (row, label) in labels {
            buffer.set_string(area.x, area.y + row, format!("{label:>width$}"), faint);
        }
    }

    fn times(&self, area: Rect, field: Rect, buffer: &mut Buffer) {
        let faint = self.look.style(Tone::Faint);
        let row = area.y + area.height - 1;
        let (begin, end) = (format!("{} ago", self.span.1), "now");
        buffer.set_string(field.x, row, self.look.fit(&begin, usize::from(field.width)), faint);
        if usize::from(field.width) > begin.len() + end.len() {
            buffer.set_string(field.right() - end.len() as u16, row, end, faint);
        }
    }

    /// Says in words what is no picture: a gap, and that there was no bound.
    fn words(&self, slots: &[Slot], field: Rect, buffer: &mut Buffer) {
        let begins = self.history.begins().map_or(slots.len(), |begins| {
            let column = (begins - self.now + self.span.0) / self.span.0 * slots.len() as f64;
            column.max(0.0) as usize
        });
        let row = field.y + field.height / 2;
        let mut say = |(from, to): (usize, usize), text: &str| {
            // One blank at either side.
            if to - from >= text.len() + 2 {
                let at = from + (to - from - text.len()) / 2;
                buffer.set_string(field.x + at as u16, row, text, self.look.style(Tone::Doubtful));
            }
        };
        let shown = begins.min(slots.len());
        for stretch in stretches(&slots[shown..], |slot| !slot.is_known) {
            say((stretch.0 + shown, stretch.1 + shown), GAP);
        }
        for stretch in stretches(slots, |slot| slot.is_known && slot.bound_s.is_none()) {
            say(stretch, UNBOUNDED);
        }
    }
}

/// The stretches in which something holds: from a column to the one after the last.
fn stretches(slots: &[Slot], holds: impl Fn(&Slot) -> bool) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (at, _) in slots.iter().enumerate().filter(|(_, slot)| holds(slot)) {
        match found.last_mut() {
            Some((_, end)) if *end == at => *end += 1,
            _ => found.push((at, at + 1)),
        }
    }
    found
}

/// The end of the vertical axis: all that was, or a few times the latest bound if that is less. `None`: there is nothing to draw.
fn reach(slots: &[Slot]) -> Option<f64> {
    let of_offset = |slot: &Slot| slot.offset_s.map(|(low, high)| low.abs().max(high.abs()));
    let all = slots.iter().flat_map(|slot| [slot.bound_s, of_offset(slot)]).flatten();
    let greatest = all.fold(0.0, f64::max);
    let latest = slots.iter().rev().find_map(|slot| slot.bound_s);
    let reach = latest.map_or(greatest, |bound| greatest.min(bound * REACH_MAX));
    (reach > 0.0).then(|| nice(reach * 1.1))
}

/// The next of 1, 2, 5 times a power of ten.
fn nice(value: f64) -> f64 {
    let power = 10.0_f64.powf(value.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().find(|step| step * power >= value * (1.0 - 1e-9)).unwrap_or(10.0);
    step * power
}

/// A time difference of few digits: `500 ns`, `2 us`.
pub fn round_seconds(value: f64) -> String {
    let text = seconds(value);
    let Some((figure, unit)) = text.split_once(' ') else { return text };
    let figure = if figure.contains('.') { figure.trim_end_matches('0').trim_end_matches('.') } else { figure };
    format!("{figure} {unit}")
}

/// The vertical axis: from `reach` at the top to its opposite at the bottom.
#[derive(Clone, Copy)]
struct Scale {
    reach: f64,
    rows: usize,
}

impl Scale {
    /// Where a value is from the top, in rows.
    fn place(self, value: f64) -> f64 {
        (1.0 - value / self.reach) / 2.0 * self.rows as f64
    }

    /// The row of a value; what is beyond the axis is in the first or in the last.
    fn row(self, value: f64) -> usize {
        (self.place(value).max(0.0) as usize).min(self.rows - 1)
    }

    /// The rows of which something is between two values.
    fn between(self, (low, high): Range) -> RangeInclusive<usize> {
        let top = self.row(high);
        // What ends at the edge of a row has nothing of the next one.
        let bottom = ((self.place(low) - 1e-9).ceil() - 1.0).max(0.0) as usize;
        top..=bottom.clamp(top, self.rows - 1)
    }

    /// The same axis with rows that are so many times finer.
    const fn finer(self, times: usize) -> Self {
        Self { rows: self.rows * times, ..self }
    }
}

struct Pen {
    field: Rect,
    look: Look,
}

impl Pen {
    fn put(&self, (column, row): (usize, usize), symbol: &str, style: Style, buffer: &mut Buffer) {
        let at = (self.field.x + column as u16, self.field.y + row as u16);
        if let Some(cell) = buffer.cell_mut(at) {
            cell.set_symbol(symbol).set_style(style);
        }
    }

    fn band(&self, column: usize, slot: &Slot, scale: Scale, buffer: &mut Buffer) {
        let glyphs = self.look.glyphs();
        let (good, faint) = (self.look.style(Tone::Good), self.look.style(Tone::Faint));
        let zero = scale.row(0.0);
        if let Some(bound) = slot.bound_s {
            scale.between((-bound, bound)).for_each(|row| self.put((column, row), glyphs.band, good, buffer));
            if bound > scale.reach {
                self.put((column, 0), glyphs.above, faint, buffer);
                self.put((column, scale.rows - 1), glyphs.below, faint, buffer);
            }
        }
        self.put((column, zero), glyphs.zero, faint, buffer);
    }

    fn offsets(&self, finer: &[Slot], scale: Scale, buffer: &mut Buffer) {
        let strong = self.look.style(Tone::Strong);
        for (column, pair) in finer.chunks(DOTS.0).enumerate() {
            let ranges: Vec<_> = pair.iter().map(|slot| slot.offset_s).collect();
            for row in 0..scale.rows {
                let symbol = if self.look.unicode {
                    braille(&ranges, row, scale).map(String::from)
                } else {
                    let is_here = |range: &Range| scale.between(*range).contains(&row);
                    ranges.iter().flatten().any(is_here).then(|| self.look.glyphs().offset.to_owned())
                };
                if let Some(symbol) = symbol {
                    self.put((column, row), &symbol, strong, buffer);
                }
            }
            self.beyond(column, &ranges, scale, buffer);
        }
    }

    /// Marks offsets that the axis does not reach.
    fn beyond(&self, column: usize, ranges: &[Option<Range>], scale: Scale, buffer: &mut Buffer) {
        let (glyphs, strong) = (self.look.glyphs(), self.look.style(Tone::Strong));
        let mut all = ranges.iter().flatten();
        if all.clone().any(|(_, high)| *high > scale.reach) {
            self.put((column, 0), glyphs.above, strong, buffer);
        }
        if all.any(|(low, _)| *low < -scale.reach) {
            self.put((column, scale.rows - 1), glyphs.below, strong, buffer);
        }
    }

    fn truths(&self, slots: &[Slot], scale: Scale, buffer: &mut Buffer) {
        let (truth, style) = (self.look.glyphs().truth, self.look.style(Tone::Doubtful));
        for (column, slot) in slots.iter().enumerate() {
            if let Some((low, high)) = slot.truth_s {
                let rows = [scale.row(high), scale.row(low)];
                for row in rows {
                    self.put((column, row), truth, style, buffer);
                }
            }
        }
    }
}

/// The dots of a cell as a Braille pattern; `None` where there is none. The order of its bits is that of Unicode's block 2800.
fn braille(ranges: &[Option<Range>], row: usize, scale: Scale) -> Option<char> {
    const BITS: [[u32; DOTS.1]; DOTS.0] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
    let mut bits = 0;
    for (column, range) in ranges.iter().enumerate() {
        let Some(range) = range else { continue };
        let rows = scale.finer(DOTS.1).between(*range);
        for (dot, bit) in BITS[column].iter().enumerate() {
            let place = row * DOTS.1 + dot;
            bits |= if rows.contains(&place) { *bit } else { 0 };
        }
    }
    (bits != 0).then(|| char::from_u32(0x2800 + bits).expect("a pattern"))
}

#[cfg(test)]
mod tests;
