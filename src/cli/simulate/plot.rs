//! A picture of a run: truth, error and bound, the bound by itself, the frequency, the state; plain SVG.
//!
//! Written by hand: four polylines and their axes are less than what a drawing library needs to be told, and nothing asks
//! for a font of this machine.

use std::fmt::Write as _;

use super::figures::written;
use super::points::{Extremes, Point};
use super::run::Outcome;
use super::scenario::Scenario;
use crate::time::{SyncState, Timestamp};

const WIDTH: f64 = 1_000.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 20.0;
const PANEL: f64 = 170.0;
const GAP: f64 = 34.0;
const TOP: f64 = 60.0;
const BAR: f64 = 14.0;

/// One panel: its place, and what its scale goes from and to.
struct Panel {
    top: f64,
    from: f64,
    to: f64,
    span_s: f64,
}

impl Panel {
    fn x(&self, at_s: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * at_s / self.span_s
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value.clamp(self.from, self.to) - self.from) / (self.to - self.from);
        self.top + PANEL * (1.0 - share)
    }

    fn frame(&self, svg: &mut String, title: &str, label: impl Fn(f64) -> String) {
        let (top, width) = (self.top, WIDTH - LEFT - RIGHT);
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(
            svg,
            r##"<rect x="{LEFT}" y="{top:.1}" width="{width}" height="{PANEL}" fill="#fff" stroke="#999"/>"##
        );
        let _ = writeln!(svg, r#"<text x="{LEFT}" y="{:.1}" class="t">{title}</text>"#, top - 6.0);
        for quarter in 0..=4 {
            let value = self.from + (self.to - self.from) * f64::from(quarter) / 4.0;
            let y = self.y(value);
            let _ = writeln!(
                svg,
                r##"<line x1="{LEFT}" x2="{:.1}" y1="{y:.1}" y2="{y:.1}" stroke="#eee"/>"##,
                LEFT + width
            );
            let _ =
                writeln!(svg, r#"<text x="{:.1}" y="{:.1}" class="l">{}</text>"#, LEFT - 6.0, y + 4.0, label(value));
        }
    }

    /// From the least to the greatest of each point, so that nothing in between is lost.
    fn curve(&self, svg: &mut String, points: &[Point], colour: &str, value: impl Fn(&Point) -> Extremes) {
        let is_there = |point: &Point| value(point).0.is_finite() && value(point).1.is_finite();
        // A gap where there is nothing to draw.
        for part in points.split(|point| !is_there(point)).filter(|part| !part.is_empty()) {
            let _ = write!(svg, r#"<polyline fill="none" stroke="{colour}" stroke-width="1.2" points=""#);
            for point in part {
                let (x, (least, most)) = (self.x(point.at_s), value(point));
                let _ = write!(svg, "{x:.1},{:.1} ", self.y(least));
                if most > least {
                    let _ = write!(svg, "{x:.1},{:.1} ", self.y(most));
                }
            }
            svg.push_str("\"/>\n");
        }
    }
}

fn colour_of(state: SyncState) -> &'static str {
    match state {
        SyncState::Locked => "#2a9d4a",
        SyncState::Holdover => "#e9a820",
        SyncState::Acquiring => "#4a90d9",
        SyncState::NeverSynced => "#999",
        SyncState::Freerun | SyncState::Disrupted => "#c0392b",
    }
}

/// The percentile that a scale is made by: a few outliers should not flatten the rest. They are drawn at its edge.
fn scale(values: impl Iterator<Item = Extremes>) -> f64 {
    let mut all: Vec<_> = values.map(|x| magnitude(x).1).filter(|value| value.is_finite()).collect();
    all.sort_by(f64::total_cmp);
    let most = all.get(all.len() * 98 / 100).copied().unwrap_or_default();
    if most > 0.0 { most * 1.15 } else { 1e-9 }
}

fn magnitude((least, most): Extremes) -> Extremes {
    let is_between = least < 0.0 && most > 0.0;
    (if is_between { 0.0 } else { least.abs().min(most.abs()) }, least.abs().max(most.abs()))
}

fn negative((least, most): Extremes) -> Extremes {
    (-most, -least)
}

/// What is drawn below each other of one clock.
pub struct Row<'a> {
    /// Whose it is.
    pub name: &'a str,
    /// Its curves.
    pub points: &'a [Point],
    /// Its states, with when each began, in seconds.
    pub states: &'a [(f64, SyncState)],
    /// Whether the truth is known: where it is not, the offset as it was measured stands in its place.
    pub has_truth: bool,
}

/// The picture of one run.
pub fn svg(scenario: &Scenario, outcome: &Outcome) -> String {
    let states = outcome.hosts.iter().map(|host| {
        let changes = host.states.iter().map(|(at, state)| ((*at - Timestamp::EPOCH).as_secs_f64(), *state));
        std::iter::once((0.0, SyncState::NeverSynced)).chain(changes).collect::<Vec<_>>()
    });
    let states: Vec<_> = states.collect();
    let rows = outcome.hosts.iter().zip(&states);
    let rows: Vec<_> =
        rows.map(|(host, states)| Row { name: &host.name, points: &host.points, states, has_truth: true }).collect();
    picture(&format!("{} (seed {})", scenario.about, outcome.seed), scenario.duration.as_secs_f64(), &rows)
}

/// Clocks over the same time.
pub fn picture(title: &str, span_s: f64, rows: &[Row<'_>]) -> String {
    let one = 3.0 * (PANEL + GAP) + BAR + 2.0 * GAP;
    let height = TOP + one * rows.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" font-family=\"sans-serif\">\n\
         <style>.t{{font-size:13px}}.l{{font-size:11px;text-anchor:end;fill:#555}}.m{{font-size:11px;fill:#555;text-anchor:middle}}\
         .h{{font-size:16px}}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fafafa\"/>\n"
    );
    let _ = writeln!(svg, r#"<text x="{LEFT}" y="26" class="h">{}</text>"#, escaped(title));
    for (index, row) in rows.iter().enumerate() {
        draw(&mut svg, span_s, row, TOP + one * index as f64);
    }
    svg.push_str("</svg>\n");
    svg
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

const RED: &str = "#c0392b";
const GREEN: &str = "#2a9d4a";
const BLACK: &str = "#222";
const BLUE: &str = "#1f5fa8";
const GREY: &str = "#bbb";

fn draw(svg: &mut String, span_s: f64, row: &Row<'_>, top: f64) {
    let Row { points, name, .. } = *row;
    let name = escaped(name);
    let next = |index: f64| top + GAP + index * (PANEL + GAP);
    let error = |point: &Point| if row.has_truth { point.error_s } else { point.offset_s };
    let (title, magnitude_of) = if row.has_truth {
        ("true error (black), truth (green), offset as the daemon has it (grey), bound (red)", "true error")
    } else {
        ("offset as measured (black), master (green), bound (red)", "offset")
    };

    let most = scale(points.iter().map(error));
    let errors = Panel { top: next(0.0), from: -most, to: most, span_s };
    errors.frame(svg, &format!("{name}: {title}"), written);
    errors.curve(svg, points, GREEN, |_| (0.0, 0.0));
    if row.has_truth {
        errors.curve(svg, points, GREY, |point| point.offset_s);
    }
    errors.curve(svg, points, RED, |point| point.bound_s);
    errors.curve(svg, points, RED, |point| negative(point.bound_s));
    errors.curve(svg, points, BLACK, error);

    let bound = Panel { top: next(1.0), from: 0.0, to: scale(points.iter().map(|point| point.bound_s)), span_s };
    bound.frame(svg, &format!("bound (red) and magnitude of the {magnitude_of} (black)"), written);
    bound.curve(svg, points, RED, |point| point.bound_s);
    bound.curve(svg, points, BLACK, |point| magnitude(error(point)));

    let middle = points.last().map_or(0.0, |point| point.frequency_ppb.1);
    let spread = scale(points.iter().map(|point| (point.frequency_ppb.0 - middle, point.frequency_ppb.1 - middle)));
    let frequency = Panel { top: next(2.0), from: middle - spread, to: middle + spread, span_s };
    frequency.frame(svg, "frequency correction", |ppb| format!("{ppb:.1} ppb"));
    frequency.curve(svg, points, BLUE, |point| point.frequency_ppb);

    let y = next(3.0) - GAP + 10.0;
    for (index, (from, state)) in row.states.iter().enumerate() {
        let until = row.states.get(index + 1).map_or(span_s, |(at, _)| *at);
        let (x, colour) = (frequency.x(*from), colour_of(*state));
        // However short it was, it is seen.
        let width = (frequency.x(until) - x).max(0.6);
        let _ = writeln!(
            svg,
            r#"<rect x="{x:.2}" y="{y:.1}" width="{width:.2}" height="{BAR}" fill="{colour}"><title>{state}</title></rect>"#
        );
    }
    for quarter in 0..=4 {
        let at_s = span_s * f64::from(quarter) / 4.0;
        let _ = writeln!(
            svg,
            r#"<text x="{:.1}" y="{:.1}" class="m">{}</text>"#,
            frequency.x(at_s),
            y + BAR + 16.0,
            if span_s >= 600.0 { format!("{:.1} min", at_s / 60.0) } else { format!("{at_s:.0} s") },
        );
    }
}
