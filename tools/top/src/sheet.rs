//! A page that is written from the top: lines of toned text, titles, room for pictures.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr as _;

use crate::look::{Look, Tone};

/// A line: pieces of text with their tones.
pub type Toned = Vec<(Tone, String)>;

/// What is left of a page, to be written from its top. What does not fit is cut, and a line below the last row is not written.
#[derive(Debug)]
pub struct Sheet<'b> {
    buffer: &'b mut Buffer,
    left: Rect,
    look: Look,
}

impl<'b> Sheet<'b> {
    /// All of an area.
    pub const fn new(area: Rect, look: Look, buffer: &'b mut Buffer) -> Self {
        Self { buffer, left: area, look }
    }

    /// How it looks.
    pub const fn look(&self) -> Look {
        self.look
    }

    /// How wide it is.
    pub fn columns(&self) -> usize {
        self.left.width.into()
    }

    /// How many rows are left.
    pub fn rows(&self) -> usize {
        self.left.height.into()
    }

    /// Takes rows from the top, fewer where fewer are left.
    pub fn take(&mut self, rows: usize) -> Rect {
        let height = rows.min(self.rows()) as u16;
        let taken = Rect { height, ..self.left };
        self.left = Rect { y: self.left.y + height, height: self.left.height - height, ..self.left };
        taken
    }

    /// A page of its own from the next rows.
    pub fn part(&mut self, rows: usize) -> Sheet<'_> {
        let area = self.take(rows);
        Sheet::new(area, self.look, self.buffer)
    }

    /// What pictures are drawn into.
    pub const fn buffer(&mut self) -> &mut Buffer {
        self.buffer
    }

    /// Writes a line.
    pub fn line(&mut self, pieces: &[(Tone, String)]) {
        let area = self.take(1);
        if area.is_empty() {
            return;
        }
        let (mut column, right) = (area.x, area.right());
        for (tone, text) in pieces {
            let shown = self.look.fit(text, (right - column).into());
            (column, _) =
                self.buffer.set_stringn(column, area.y, shown, (right - column).into(), self.look.style(*tone));
            if column >= right {
                break;
            }
        }
    }

    /// Writes a line in one tone.
    pub fn text(&mut self, tone: Tone, text: &str) {
        self.line(&[(tone, text.to_owned())]);
    }

    /// A title with a rule to the right of it; `beside` stands at the right end, if there is room for all of it.
    pub fn title(&mut self, title: &str, beside: &str) {
        let columns = self.columns();
        let title = self.look.fit(&format!("{title} "), columns);
        let beside = if title.width() + beside.width() <= columns { beside } else { "" };
        let rule = self.look.glyphs().rule.repeat(columns.saturating_sub(title.width() + beside.width()));
        self.line(&[(Tone::Strong, title), (Tone::Faint, rule), (Tone::Faint, beside.to_owned())]);
    }

    /// Writes lines, the first of them those at the top; where more follow than there are rows, the last says how many.
    pub fn lines(&mut self, lines: &[Toned], more: &str) {
        let shown = if lines.len() > self.rows() { self.rows().saturating_sub(1) } else { lines.len() };
        lines[..shown].iter().for_each(|line| self.line(line));
        if shown < lines.len() {
            self.text(Tone::Faint, &format!("and {} more{more}", lines.len() - shown));
        }
    }

    /// The same of lines of which so many have been scrolled by; returns of how many that can be: then the last line stands in the last row.
    pub fn scrolled(&mut self, lines: &[Toned], scroll: usize) -> usize {
        let most = lines.len().saturating_sub(self.rows());
        self.lines(&lines[scroll.min(most)..], ": scroll");
        most
    }
}

/// The text in lines of at most so many columns, broken between words; a longer word is left as it is.
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Look = Look { colour: false, unicode: true };

    fn shown(columns: u16, rows: u16, write: impl FnOnce(&mut Sheet)) -> Vec<String> {
        let area = Rect::new(0, 0, columns, rows);
        let mut buffer = Buffer::empty(area);
        write(&mut Sheet::new(area, LOOK, &mut buffer));
        crate::once::lines(&buffer)
    }

    #[test]
    fn what_does_not_fit_is_cut_and_what_is_below_is_not_written() {
        let lines = shown(6, 2, |sheet| {
            sheet.line(&[(Tone::Good, "abc".to_owned()), (Tone::Bad, "defgh".to_owned())]);
            sheet.text(Tone::Plain, "two");
            sheet.text(Tone::Plain, "three");
        });
        assert_eq!(lines, ["abcde…", "two"]);
    }

    #[test]
    fn the_last_line_says_how_many_more_there_are() {
        let lines: Vec<Toned> = "abcde".chars().map(|c| vec![(Tone::Plain, c.to_string())]).collect();
        assert_eq!(shown(20, 3, |sheet| sheet.lines(&lines, ": press 3")), ["a", "b", "and 3 more: press 3"]);
        assert_eq!(shown(20, 5, |sheet| sheet.lines(&lines, "")), ["a", "b", "c", "d", "e"]);
    }

    #[test]
    fn scrolling_ends_with_the_last_line_in_the_last_row() {
        let lines: Vec<Toned> = "abcde".chars().map(|c| vec![(Tone::Plain, c.to_string())]).collect();
        for (scroll, expected) in [(1, ["b", "c", "and 2 more: scroll"]), (2, ["c", "d", "e"]), (9, ["c", "d", "e"])] {
            let scrolled = |sheet: &mut Sheet| assert_eq!(sheet.scrolled(&lines, scroll), 2);
            assert_eq!(shown(20, 3, scrolled), expected);
        }
    }

    #[test]
    fn a_title_has_its_rule_up_to_what_is_beside_it() {
        assert_eq!(shown(16, 1, |sheet| sheet.title("events", " now")), ["events ───── now"]);
        assert_eq!(shown(4, 1, |sheet| sheet.title("events", " now")), ["eve…"]);
    }

    #[test]
    fn text_is_broken_between_words() {
        assert_eq!(wrapped("time correct to within 840 ns", 12), ["time correct", "to within", "840 ns"]);
        assert_eq!(wrapped("", 12), [""; 0]);
    }
}
