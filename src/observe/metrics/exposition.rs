//! A writer of the text exposition format that cannot write an invalid one.
//!
//! A scrape each few seconds is most of what a daemon does that has nothing to do. So a series is written into the text at once, and taken back if it is
//! there already.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};
use std::ops::Range;

/// What every name begins with.
const PREFIX: &str = "synchronome_";
/// About what a daemon with a port and a few sources has to say, in octets.
const TEXT_OCTETS: usize = 32 * 1024;

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
#[derive(Debug)]
pub(super) struct Exposition {
    text: String,
    /// Where in it the names and labels of the present family's series are.
    series: Vec<Range<usize>>,
}

impl Default for Exposition {
    fn default() -> Self {
        Self { text: String::with_capacity(TEXT_OCTETS), series: Vec::new() }
    }
}

impl Exposition {
    /// Begins a family, of which there is one of this name; its header is written with its first sample.
    pub(super) fn family<'a>(&'a mut self, name: &'a str, kind: Kind, help: &'a str) -> Family<'a> {
        self.begin(PREFIX, Cow::Borrowed(name), kind, help)
    }

    /// The same under another program's name.
    pub(super) fn foreign_family<'a>(&'a mut self, name: String, kind: Kind, help: &'a str) -> Family<'a> {
        self.begin("", Cow::Owned(name), kind, help)
    }

    fn begin<'a>(&'a mut self, prefix: &'static str, name: Cow<'a, str>, kind: Kind, help: &'a str) -> Family<'a> {
        self.series.clear();
        Family { prefix, name, kind, help, out: self }
    }

    /// All that was written.
    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// A family that takes samples.
pub(super) struct Family<'a> {
    prefix: &'static str,
    name: Cow<'a, str>,
    kind: Kind,
    help: &'a str,
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
        if self.out.series.is_empty() {
            self.header();
        }
        let Exposition { text, series } = &mut *self.out;
        let begin = text.len();
        text.extend([self.prefix, &self.name, suffix]);
        let mut mark = "{";
        for (label, value) in labels {
            text.extend([mark, label, "=\""]);
            // A string takes everything.
            let _ = write!(Escaping { text, also: Some('"') }, "{value}");
            text.push('"');
            mark = ",";
        }
        if !labels.is_empty() {
            text.push('}');
        }
        let written = begin..text.len();
        if series.iter().any(|known| text[known.clone()] == text[written.clone()]) {
            text.truncate(begin);
            return;
        }
        series.push(written);
        // `{:?}` prints the shortest text that reads back as the same number, with an exponent where that is shorter.
        let _ = writeln!(text, " {value:?}");
    }

    fn header(&mut self) {
        let word = match self.kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
        };
        let text = &mut self.out.text;
        text.extend(["# HELP ", self.prefix, &self.name, " "]);
        let _ = Escaping { text, also: None }.write_str(self.help);
        text.extend(["\n# TYPE ", self.prefix, &self.name, " ", word, "\n"]);
    }
}

/// Writes what would end a line, or else has a meaning there, escaped.
struct Escaping<'a> {
    text: &'a mut String,
    also: Option<char>,
}

impl Write for Escaping<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let mut rest = piece;
        while let Some(at) = rest.find(|c| matches!(c, '\\' | '\n') || Some(c) == self.also) {
            let (plain, from) = rest.split_at(at);
            let mut octets = from.chars();
            let escaped = match octets.next() {
                Some('\n') => "\\n",
                Some('"') => "\\\"",
                _ => "\\\\",
            };
            self.text.extend([plain, escaped]);
            rest = octets.as_str();
        }
        self.text.push_str(rest);
        Ok(())
    }
}
