//! One frame as plain text: for pipes, for reports, for tests.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::arguments::Size;
use crate::model::Model;
use crate::views;

/// The frame of this moment as a picture in memory.
pub fn frame(model: &Model, now: f64, size: Size) -> Buffer {
    let area = Rect::new(0, 0, size.columns, size.rows);
    let mut buffer = Buffer::empty(area);
    views::draw(model, now, area, &mut buffer);
    buffer
}

/// Its lines, without their blanks at the end.
pub fn lines(buffer: &Buffer) -> Vec<String> {
    let width = usize::from(buffer.area.width).max(1);
    let mut lines = Vec::new();
    for row in buffer.content.chunks(width) {
        let (mut line, mut covered) = (String::new(), 0_usize);
        for cell in row {
            // The second column of a wide character is a cell that is not shown.
            if covered == 0 {
                line += cell.symbol();
                covered = unicode_width::UnicodeWidthStr::width(cell.symbol());
            }
            covered = covered.saturating_sub(1);
        }
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// The frame as text, each line ended; empty lines at the end are left out.
pub fn text(buffer: &Buffer) -> String {
    let mut lines = lines(buffer);
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines.into_iter().map(|line| line + "\n").collect()
}
