//! Curves over time as a picture (SVG 1.1), without any library: lines, dots, two axes.

use std::fmt::Write as _;

/// One curve.
pub(super) struct Curve {
    /// What it is.
    pub label: String,
    /// As in CSS.
    pub colour: &'static str,
    /// Seconds, and values in the panel's unit.
    pub points: Vec<(f64, f64)>,
    /// A cloud of dots instead of a line.
    pub is_dotted: bool,
}

/// Curves over one axis of time.
pub(super) struct Panel {
    /// What is shown, with its unit.
    pub title: String,
    /// From the one at the back to the one in front.
    pub curves: Vec<Curve>,
}

/// More points than this of a curve are thinned.
const POINTS_MAX: usize = 4_000;
const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 90.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 30.0;
/// What lies outside of the middle of the values by more than this, as a share of them, may lie outside of the picture.
const OUTLIERS: f64 = 0.01;

/// The panels, one below the other.
pub(super) fn svg(panels: &[Panel]) -> String {
    let height = HEIGHT * panels.len() as f64;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (index, panel) in panels.iter().enumerate() {
        draw(&mut out, index, panel);
    }
    out.push_str("</svg>\n");
    out
}

/// From the least to the greatest of all but the outliers, with some air.
fn range(mut values: Vec<f64>, outliers: f64) -> (f64, f64) {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    let cut = (last as f64 * outliers) as usize;
    let (low, high) = match (values.get(cut), values.get(last - cut)) {
        (Some(low), Some(high)) => (*low, *high),
        _ => (0.0, 1.0),
    };
    let air = if high > low { 0.1 * (high - low) } else { 1.0 };
    (low - air, high + air)
}

fn draw(out: &mut String, index: usize, panel: &Panel) {
    let all = || panel.curves.iter().flat_map(|curve| &curve.points);
    let (x0, x1) = range(all().map(|point| point.0).collect(), 0.0);
    let (y0, y1) = range(all().map(|point| point.1).collect(), OUTLIERS);
    let (top, bottom) = (HEIGHT * index as f64 + TOP, HEIGHT * (index + 1) as f64 - BOTTOM);
    let x = |seconds: f64| LEFT + (seconds - x0) / (x1 - x0) * (WIDTH - LEFT - 20.0);
    let y = |value: f64| bottom - (value - y0) / (y1 - y0) * (bottom - top);
    let (left, right) = (LEFT, WIDTH - 20.0);
    // Writing into a String cannot fail.
    let _ = writeln!(
        out,
        "<clipPath id=\"panel{index}\"><rect x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\"/></clipPath>\n\
         <text x=\"{left}\" y=\"{}\" font-weight=\"bold\">{}</text>\n\
         <rect x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#999\"/>",
        right - left,
        bottom - top,
        top - 18.0,
        escaped(&panel.title),
        right - left,
        bottom - top,
    );
    for tick in 0..=4 {
        let share = f64::from(tick) / 4.0;
        let (value, seconds) = (y0 + share * (y1 - y0), x0 + share * (x1 - x0));
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n\
             <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{seconds:.1} s</text>",
            left - 6.0,
            y(value) + 4.0,
            short(value),
            x(seconds),
            bottom + 16.0,
        );
    }
    for (place, curve) in panel.curves.iter().enumerate() {
        let step = curve.points.len().div_ceil(POINTS_MAX).max(1);
        let points = curve.points.iter().step_by(step).map(|(seconds, value)| (x(*seconds), y(*value)));
        if curve.is_dotted {
            let _ = write!(out, "<g clip-path=\"url(#panel{index})\" fill=\"{}\">", curve.colour);
            for (px, py) in points {
                let _ = write!(out, "<circle cx=\"{px:.1}\" cy=\"{py:.1}\" r=\"1.2\"/>");
            }
            out.push_str("</g>\n");
        } else {
            let _ = write!(
                out,
                "<polyline clip-path=\"url(#panel{index})\" fill=\"none\" stroke=\"{}\" points=\"",
                curve.colour
            );
            for (px, py) in points {
                let _ = write!(out, "{px:.1},{py:.1} ");
            }
            out.push_str("\"/>\n");
        }
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" fill=\"{}\">{}</text>",
            left + 10.0 + 190.0 * place as f64,
            top - 4.0,
            curve.colour,
            escaped(&curve.label),
        );
    }
}

/// Three digits that matter.
fn short(value: f64) -> String {
    let size = value.abs();
    if size >= 100.0 || size == 0.0 {
        format!("{value:.0}")
    } else if size >= 1.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}")
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_its_panels_curves_and_labels_and_no_number_that_is_none() {
        let points: Vec<_> = (0..10_000).map(|n| (f64::from(n), f64::from(n % 7))).collect();
        let line = Curve { label: "a < b".into(), colour: "red", points: points.clone(), is_dotted: false };
        let dots = Curve { label: "c".into(), colour: "blue", points, is_dotted: true };
        let nothing = Curve { label: "d".into(), colour: "blue", points: Vec::new(), is_dotted: true };
        let picture = svg(&[
            Panel { title: "first".into(), curves: vec![line, dots] },
            Panel { title: "second".into(), curves: vec![nothing] },
        ]);
        assert!(picture.starts_with("<svg") && picture.ends_with("</svg>\n"));
        assert!(picture.contains("a &lt; b") && picture.contains("second"));
        assert!(!picture.contains("NaN") && !picture.contains("inf"));
        assert!(picture.matches("<circle").count() <= POINTS_MAX);
    }
}
