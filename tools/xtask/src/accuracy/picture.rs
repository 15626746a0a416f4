//! The tables as one picture: the ratio of each cell on a logarithmic scale, and the lines that it must not cross.
//!
//! Written by hand, as the pictures of `synchronome simulate` are: dots, lines and words need no library, and the same
//! figures give the same bytes.

use std::fmt::Write as _;

use synchronome::discipline::servo::Kind;

use super::case::{Row, geometric_mean};
use super::{Result, limits, servo_name};

const WIDTH: f64 = 1_000.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 40.0;
const PANEL: f64 = 240.0;
/// Below each panel, for the names of its cells.
const NAMES: f64 = 120.0;
/// What the scale goes from and to.
const RATIO_MIN: f64 = 0.05;
const RATIO_MAX: f64 = 20.0;
/// Where it is labelled.
const RATIOS: [f64; 8] = [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 20.0];

/// How high above the bottom of its panel a ratio lies, as a share of it.
fn height(ratio: f64) -> f64 {
    let share = (ratio.ln() - RATIO_MIN.ln()) / (RATIO_MAX.ln() - RATIO_MIN.ln());
    // What is no number lies at the top, where it is seen.
    if share.is_nan() { 1.0 } else { share.clamp(0.0, 1.0) }
}

/// A panel for each result that has a rival to be compared with, as SVG 1.1.
pub fn svg(results: &[Result]) -> String {
    let tall = TOP + (PANEL + NAMES + TOP) * results.len() as f64;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{tall}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (index, result) in results.iter().enumerate() {
        draw(&mut out, TOP + (PANEL + NAMES + TOP) * index as f64, result);
    }
    out.push_str("</svg>\n");
    out
}

fn draw(out: &mut String, top: f64, result: &Result) {
    let y = |ratio: f64| top + PANEL * (1.0 - height(ratio));
    let right = WIDTH - RIGHT;
    let (name, servo) = (result.table.name(), result.servo);
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        out,
        "<text x=\"{LEFT}\" y=\"{:.1}\" font-weight=\"bold\">{name}, {servo}: our RMS over the rival's</text>\n\
         <rect x=\"{LEFT}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{PANEL}\" fill=\"none\" stroke=\"#999\"/>",
        top - 12.0,
        right - LEFT,
    );
    for ratio in RATIOS {
        let _ = writeln!(out, "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{ratio}</text>", LEFT - 6.0, y(ratio));
    }
    let mut line = |ratio: f64, colour: &str, dashes: &str, what: &str| {
        let at = y(ratio);
        let _ = writeln!(
            out,
            "<line x1=\"{LEFT}\" x2=\"{right:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"{colour}\" stroke-dasharray=\"{dashes}\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" fill=\"{colour}\">{what}</text>",
            right + 6.0,
            at + 4.0,
        );
    };
    line(1.0, "#666", "none", "as the rival");
    let kind = if result.servo == servo_name(Kind::Pi) { Kind::Pi } else { Kind::Estimator };
    if let Some((mean_max, ratio_max)) = limits(result.table, kind) {
        line(ratio_max, "#c00", "none", &format!("{ratio_max}: no cell above"));
        line(mean_max, "#c60", "6 3", &format!("{mean_max}: nor the mean"));
    }
    let mean = geometric_mean(&result.rows);
    line(mean, "#06c", "2 3", &format!("{mean:.3}: the mean"));
    let step = (right - LEFT) / result.rows.len().max(1) as f64;
    for (place, row) in result.rows.iter().enumerate() {
        cell(out, LEFT + step * (place as f64 + 0.5), y(row.ratio), top + PANEL + 10.0, row);
    }
}

/// A dot for the ratio, and the name of the cell below the panel, from `below` on downwards.
fn cell(out: &mut String, x: f64, y: f64, below: f64, row: &Row) {
    let case = &row.case;
    let _ = writeln!(
        out,
        "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"#06c\"><title>{}: {:.3}</title></circle>\n\
         <text x=\"{x:.1}\" y=\"{below:.1}\" text-anchor=\"end\" transform=\"rotate(-60 {x:.1} {below:.1})\">{}</text>",
        super::text::name(row),
        row.ratio,
        format_args!("{:e} {:e} {} s", case.wander, case.jitter_s, case.interval_s),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accuracy::case::{Case, Figures, Table};

    fn result(ratios: &[f64]) -> Result {
        let cases = Case::all(Table::Ptp, Kind::Estimator);
        let rows = cases.iter().zip(ratios).map(|(case, ratio)| {
            let figures = Figures { rms_s: ratio * case.rival_rms_s(), ..Figures::default() };
            Row::new(*case, &[figures])
        });
        Result { table: Table::Ptp, servo: servo_name(Kind::Estimator), rows: rows.collect(), faults: Vec::new() }
    }

    #[test]
    fn the_scale_is_logarithmic_and_holds_what_is_outside_of_it() {
        assert_eq!((height(RATIO_MIN), height(RATIO_MAX)), (0.0, 1.0));
        assert!((height(1.0) - 0.5).abs() < 1e-12, "as far from a twentieth as from twenty");
        assert_eq!((height(1e-9), height(1e9), height(f64::NAN)), (0.0, 1.0, 1.0));
    }

    #[test]
    fn each_cell_is_a_dot_and_the_lines_are_those_that_are_checked() {
        let picture = svg(&[result(&[0.3, 0.7, 0.2]), result(&[0.5])]);
        assert_eq!(picture.matches("<circle").count(), 4);
        assert_eq!(picture.matches("0.75: no cell above").count(), 2);
        assert_eq!(picture.matches("0.32: nor the mean").count(), 2);
        // The third root of 0.3 * 0.7 * 0.2.
        assert!(picture.contains("0.348: the mean") && picture.contains("0.500: the mean"));
        assert!(!picture.contains("NaN") && picture.ends_with("</svg>\n"));
        assert_eq!(picture, svg(&[result(&[0.3, 0.7, 0.2]), result(&[0.5])]), "the same figures, the same bytes");
    }
}
