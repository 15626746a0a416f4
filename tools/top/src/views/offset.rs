//! The offset and the bound over time, and what the bound is made of.

use synchronome::observe::status::Status;
use synchronome::observe::units::seconds;
use synchronome::observe::words::{bound, clock, truth};

use super::Moment;
use crate::look::Tone;
use crate::model::Known;
use crate::plot::Plot;
use crate::sheet::{Sheet, Toned, wrapped};

/// The longest bar, in characters.
const BAR_WIDTH_MAX: usize = 40;
/// The figures leave the picture so many rows.
const PICTURE_ROWS_MIN: usize = 8;
/// What the first figure is about.
const BOUND: &str = "bound";
/// The column of what a figure is about.
const LABEL_WIDTH: usize = 12;

/// The picture with its title, in all of the sheet.
pub(super) fn picture(moment: &Moment, with_truth: bool, sheet: &mut Sheet) {
    let model = moment.model;
    let glyphs = model.look.glyphs();
    let truth = if with_truth { format!("  {} true error", glyphs.truth) } else { String::new() };
    let dot = if model.look.unicode { "⠒" } else { glyphs.offset };
    let legend = format!(" {dot} offset  {} bound{truth}", glyphs.band);
    sheet.title(&moment.title("offset from the source"), &legend);
    let plot = Plot { history: &model.history, now: moment.now, span: model.span(), look: model.look, with_truth };
    let area = sheet.take(sheet.rows());
    plot.draw(area, sheet.buffer());
}

pub(super) fn draw(moment: &Moment, known: &Known, sheet: &mut Sheet) -> usize {
    let status = &known.status;
    let mut lines = Vec::new();
    for (label, text) in figures(status) {
        let wrapping = sheet.columns().saturating_sub(LABEL_WIDTH);
        for (place, line) in wrapped(&text, wrapping).into_iter().enumerate() {
            let label = if place == 0 { label } else { "" };
            lines.push(vec![(Tone::Faint, format!("{label:<LABEL_WIDTH$}")), (Tone::Plain, line)]);
        }
        if label == BOUND {
            lines.extend(bars(status, sheet));
        }
    }
    let below = (1 + lines.len()).min(sheet.rows().saturating_sub(PICTURE_ROWS_MIN));
    picture(moment, status.truth.is_some(), &mut sheet.part(sheet.rows() - below));
    if below < 2 {
        return 0;
    }
    sheet.title(&moment.title("the bound"), "");
    sheet.scrolled(&lines, moment.model.scroll)
}

/// What the bound is made of, the greatest part first.
fn bars(status: &Status, sheet: &Sheet) -> Vec<Toned> {
    let parts = status.clock.bound_parts.map_or(Vec::new(), |parts| parts.named().to_vec());
    let mut parts: Vec<_> = parts.into_iter().filter(|(_, part)| *part > 0.0).collect();
    parts.sort_by(|a, b| b.1.total_cmp(&a.1)); // stable
    let sum: f64 = parts.iter().map(|(_, part)| part).sum();
    parts.into_iter().map(|(name, part)| bar(name, part, part / sum, sheet)).collect()
}

fn bar(name: &str, part: f64, share: f64, sheet: &Sheet) -> Toned {
    let [full, empty] = sheet.look().glyphs().bar;
    let width = BAR_WIDTH_MAX.min(sheet.columns().saturating_sub(LABEL_WIDTH + 16));
    let cells = ((share * width as f64).round() as usize).min(width);
    vec![
        (Tone::Faint, format!("  {name:<8}")),
        (Tone::Plain, format!("{:>9}  {}", seconds(part), full.repeat(cells))),
        (Tone::Faint, format!("{} {:>3.0}%", empty.repeat(width - cells), share * 100.0)),
    ]
}

fn figures(status: &Status) -> Vec<(&'static str, String)> {
    let of_bound = bound(status).unwrap_or("none: nothing is known of the error".to_owned());
    let clock =
        clock(status).into_iter().enumerate().map(|(place, line)| (if place == 0 { "clock" } else { "" }, line));
    let truth = truth(status).into_iter().take(1).map(|said| ("truth", said.text));
    std::iter::once((BOUND, of_bound)).chain(clock).chain(truth).collect()
}
