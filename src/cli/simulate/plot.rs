//! A picture of a run: truth, error and bound, the bound by itself, the frequency, the state; plain SVG.
//!
//! Written by hand: four polylines and their axes are less than what a drawing library needs to be told, and nothing asks
//! for a font of this machine.

use std::fmt::Write as _;

use super::figures::written;
use super::run::{HostOutcome, Outcome, Point};
use super::scenario::Scenario;
use crate::time::SyncState;

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

    fn curve(&self, svg: &mut String, points: &[Point], colour: &str, value: impl Fn(&Point) -> f64) {
        // A gap where there is nothing to draw.
        for part in points.split(|point| !value(point).is_finite()).filter(|part| !part.is_empty()) {
            let _ = write!(svg, r#"<polyline fill="none" stroke="{colour}" stroke-width="1.2" points=""#);
            for point in part {
                let _ = write!(svg, "{:.1},{:.1} ", self.x(point.at_s), self.y(value(point)));
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

/// The percentile that a scale is made by: a few outliers should not flatten the rest.
fn scale(values: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<_> = values.map(f64::abs).filter(|value| value.is_finite()).collect();
    all.sort_by(f64::total_cmp);
    let most = all.get(all.len() * 98 / 100).copied().unwrap_or_default();
    if most > 0.0 { most * 1.15 } else { 1e-9 }
}

/// The picture of one run.
pub fn svg(scenario: &Scenario, outcome: &Outcome) -> String {
    let one = 3.0 * (PANEL + GAP) + BAR + 2.0 * GAP;
    let height = TOP + one * outcome.hosts.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" font-family=\"sans-serif\">\n\
         <style>.t{{font-size:13px}}.l{{font-size:11px;text-anchor:end;fill:#555}}.m{{font-size:11px;fill:#555;text-anchor:middle}}\
         .h{{font-size:16px}}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fafafa\"/>\n"
    );
    let about = scenario.about.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(svg, r#"<text x="{LEFT}" y="26" class="h">{about} (seed {})</text>"#, outcome.seed);
    for (index, host) in outcome.hosts.iter().enumerate() {
        draw(&mut svg, scenario, host, TOP + one * index as f64);
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw(svg: &mut String, scenario: &Scenario, host: &HostOutcome, top: f64) {
    let span_s = scenario.duration.as_secs_f64();
    let points = &host.points;
    let next = |index: f64| top + GAP + index * (PANEL + GAP);

    let most = scale(points.iter().map(|point| point.error_s));
    let error = Panel { top: next(0.0), from: -most, to: most, span_s };
    error.frame(svg, &format!("{}: true error (black), truth (green), bound (red)", host.name), written);
    error.curve(svg, points, "#2a9d4a", |_| 0.0);
    error.curve(svg, points, "#c0392b", |point| point.bound_s);
    error.curve(svg, points, "#c0392b", |point| -point.bound_s);
    error.curve(svg, points, "#222", |point| point.error_s);

    let bound = Panel { top: next(1.0), from: 0.0, to: scale(points.iter().map(|point| point.bound_s)), span_s };
    bound.frame(svg, "bound (red) and magnitude of the true error (black)", written);
    bound.curve(svg, points, "#c0392b", |point| point.bound_s);
    bound.curve(svg, points, "#222", |point| point.error_s.abs());

    let middle = points.last().map_or(0.0, |point| point.frequency_ppb);
    let spread = scale(points.iter().map(|point| point.frequency_ppb - middle));
    let frequency = Panel { top: next(2.0), from: middle - spread, to: middle + spread, span_s };
    frequency.frame(svg, "frequency correction", |ppb| format!("{ppb:.1} ppb"));
    frequency.curve(svg, points, "#1f5fa8", |point| point.frequency_ppb);

    let y = next(3.0) - GAP + 10.0;
    let mut from = 0.0;
    for point in points {
        let (x, until) = (frequency.x(from), frequency.x(point.at_s));
        let colour = colour_of(point.state);
        let _ = writeln!(
            svg,
            r#"<rect x="{x:.2}" y="{y:.1}" width="{:.2}" height="{BAR}" fill="{colour}"/>"#,
            until - x + 0.3
        );
        from = point.at_s;
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
