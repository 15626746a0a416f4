//! A writer of the text exposition format that cannot write an invalid one.

use std::collections::BTreeSet;
use std::fmt::{Display, Write as _};

/// What every name begins with.
const PREFIX: &str = "synchronome_";

/// The type of a family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only goes up, while the daemon runs.
    Counter,
    /// How many observations were not above each of some limits.
    Histogram,
}

/// The exposition as it grows.
#[derive(Default, Debug)]
pub(super) struct Exposition {
    text: String,
    series: BTreeSet<String>,
}

impl Exposition {
    /// Begins a family; its header is written with its first sample.
    pub(super) fn family(&mut self, name: &str, kind: Kind, help: &str) -> Family<'_> {
        let name = format!("{PREFIX}{name}");
        let word = match kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
        };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let header = format!("# HELP {name} {help}\n# TYPE {name} {word}\n");
        Family { header: Some(header), name, out: self }
    }

    /// All that was written.
    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// A family that takes samples.
pub(super) struct Family<'a> {
    name: String,
    header: Option<String>,
    out: &'a mut Exposition,
}

impl Family<'_> {
    /// Writes a series, unless its value is not known or not finite, or a series of these labels is there already:
    /// a duplicate would make readers refuse the whole.
    pub(super) fn sample(&mut self, labels: &[(&str, &dyn Display)], value: Option<f64>) {
        self.series("", labels, value);
    }

    /// Writes the series of a histogram: for each limit how many observations were not above it, in rising order, then the sum of all
    /// of them and how many there are.
    pub(super) fn histogram(&mut self, within: &[(f64, u64)], sum: f64, count: u64) {
        for (limit, n) in within {
            self.series("_bucket", &[("le", limit)], Some((*n).min(count) as f64));
        }
        self.series("_bucket", &[("le", &"+Inf")], Some(count as f64));
        self.series("_sum", &[], Some(sum));
        self.series("_count", &[], Some(count as f64));
    }

    fn series(&mut self, suffix: &str, labels: &[(&str, &dyn Display)], value: Option<f64>) {
        let Some(value) = value.filter(|value| value.is_finite()) else { return };
        let mut series = self.name.clone() + suffix;
        if !labels.is_empty() {
            let labels: Vec<_> =
                labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(&value.to_string()))).collect();
            let _ = write!(series, "{{{}}}", labels.join(","));
        }
        if !self.out.series.insert(series.clone()) {
            return;
        }
        self.out.text += &self.header.take().unwrap_or_default();
        // `{:?}` prints the shortest text that reads back as the same number, with an exponent where that is shorter.
        let _ = writeln!(self.out.text, "{series} {value:?}");
    }
}

/// A label's value with what would end it escaped.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
