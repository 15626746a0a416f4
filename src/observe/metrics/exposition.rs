//! A writer of the text exposition format that cannot write an invalid one.
//!
//! A scrape each few seconds is most of what a daemon does that has nothing to do. So a series is written into the text at once, and taken back if it is
//! there already.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::net::IpAddr;
use std::ops::Range;

/// Whether it is escaped in a label; all of that is ASCII, so that octets can be looked at one by one.
const fn is_escaped(octet: u8) -> bool {
    matches!(octet, b'\\' | b'\n' | b'"')
}

/// What every name begins with.
const PREFIX: &str = "synchronome_";
/// About what a daemon with a port and a few sources has to say, in octets.
const TEXT_OCTETS: usize = 32 * 1024;

/// Whole numbers below this are written digit by digit.
const WHOLE_MAX: f64 = 1e15;

/// What can stand in a label. Most is text, which is written without asking how it wants to be formatted.
pub(super) trait Label {
    /// Appends it, escaped.
    fn write(&self, out: &mut Escaping<'_>);
}

impl Label for &str {
    fn write(&self, out: &mut Escaping<'_>) {
        out.push(self);
    }
}

impl Label for String {
    fn write(&self, out: &mut Escaping<'_>) {
        out.push(self);
    }
}

/// Those that say themselves how they are written.
macro_rules! formatted {
    ($($kind:ty),*) => {$(
        impl Label for $kind {
            fn write(&self, out: &mut Escaping<'_>) {
                // A string takes everything.
                let _ = write!(out, "{self}");
            }
        }
    )*};
}

formatted!(f64, IpAddr);

/// A word of ours, in which there is nothing to escape.
pub(super) struct Word(pub &'static str);

impl Label for Word {
    fn write(&self, out: &mut Escaping<'_>) {
        debug_assert!(!self.0.bytes().any(is_escaped), "{}", self.0);
        out.text.push_str(self.0);
    }
}

/// Whole numbers, which have nothing to escape.
macro_rules! whole {
    ($($kind:ty),*) => {$(
        impl Label for $kind {
            fn write(&self, out: &mut Escaping<'_>) {
                out.text.push_str(itoa::Buffer::new().format(*self));
            }
        }
    )*};
}

whole!(u8, u32, usize);

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
    /// Where in it the name of the present family is.
    name: Range<usize>,
    /// Where the names and labels of its series are.
    series: Vec<Range<usize>>,
}

impl Default for Exposition {
    fn default() -> Self {
        Self { text: String::with_capacity(TEXT_OCTETS), name: 0..0, series: Vec::new() }
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
    pub(super) fn sample(&mut self, labels: &[(&str, &dyn Label)], value: Option<f64>) {
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

    fn series(&mut self, suffix: &str, labels: &[(&str, &dyn Label)], value: Option<f64>) {
        let Some(value) = value.filter(|value| value.is_finite()) else { return };
        if self.out.series.is_empty() {
            self.header();
        }
        let Exposition { text, name, series } = &mut *self.out;
        let begin = text.len();
        text.extend_from_within(name.clone());
        text.push_str(suffix);
        for (place, (label, value)) in labels.iter().enumerate() {
            text.push(if place == 0 { '{' } else { ',' });
            text.push_str(label);
            text.push('=');
            text.push('"');
            value.write(&mut Escaping { text });
            text.push('"');
        }
        if !labels.is_empty() {
            text.push('}');
        }
        let written = begin..text.len();
        let octets = text.as_bytes();
        let is_same = |known: &Range<usize>| known.len() == written.len() && is_same(octets, known, &written);
        if series.iter().any(is_same) {
            text.truncate(begin);
            return;
        }
        series.push(written);
        text.push(' ');
        write_number(text, value);
        text.push('\n');
    }

    fn header(&mut self) {
        let word = match self.kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
        };
        let Exposition { text, name, .. } = &mut *self.out;
        text.push_str("# HELP ");
        let begin = text.len();
        text.push_str(self.prefix);
        text.push_str(&self.name);
        *name = begin..text.len();
        text.push(' ');
        // Words of ours, which the tests of the whole look at.
        debug_assert!(!self.help.contains(['\n', '\\']), "{}", self.help);
        text.push_str(self.help);
        text.push_str("\n# TYPE ");
        text.extend_from_within(name.clone());
        text.push(' ');
        text.push_str(word);
        text.push('\n');
    }
}

/// Writes what would end a line or a label, or else has a meaning there, escaped.
pub(super) struct Escaping<'a> {
    text: &'a mut String,
}

impl Escaping<'_> {
    fn push(&mut self, piece: &str) {
        // As a rule nothing is, and all are looked at at once.
        if !piece.bytes().fold(false, |found, octet| found | is_escaped(octet)) {
            self.text.push_str(piece);
            return;
        }
        let mut rest = piece;
        while let Some(at) = rest.bytes().position(is_escaped) {
            let (plain, from) = rest.split_at(at);
            self.text.push_str(plain);
            self.text.push_str(match from.as_bytes()[0] {
                b'\n' => "\\n",
                b'"' => "\\\"",
                _ => "\\\\",
            });
            rest = &from[1..];
        }
        self.text.push_str(rest);
    }
}

impl Write for Escaping<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.push(piece);
        Ok(())
    }
}

/// Whether two series of one family have the same labels: those that differ do so at the end as a rule, behind a name that they share.
fn is_same(octets: &[u8], known: &Range<usize>, written: &Range<usize>) -> bool {
    octets[known.clone()].iter().rev().eq(octets[written.clone()].iter().rev())
}

/// A finite number: the shortest text that reads back as the same one. Most here count something, and have no fraction to look for.
fn write_number(text: &mut String, value: f64) {
    let whole = value as u64;
    if value >= WHOLE_MAX || (whole as f64).to_bits() != value.to_bits() {
        text.push_str(zmij::Buffer::new().format_finite(value));
        return;
    }
    text.push_str(itoa::Buffer::new().format(whole));
    text.push('.');
    text.push('0');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Random;

    /// Those that count, wherever the point is.
    fn digits(number: &str) -> String {
        let mantissa = number.split('e').next().unwrap_or_default();
        mantissa.replace(['.', '-'], "").trim_matches('0').to_owned()
    }

    #[test]
    fn a_number_reads_back_as_the_same_one() {
        let mut random = Random::seeded(7);
        let any = (0..4_000).map(|step| (random.unit() - 0.1) * 10_f64.powi(step % 40 - 20));
        let whole = (0..400).map(|step| 10_f64.powi(step % 20).floor() * f64::from(step - 3));
        let edges =
            [0.0, -0.0, 1.0, -1.0, 9.0, 10.0, 1e14, 1e15 - 1.0, 1e15, 1e16, 1e17, u64::MAX as f64, f64::MAX, 5e-324];
        for value in any.chain(whole).chain(edges) {
            let mut text = String::new();
            write_number(&mut text, value);
            assert_eq!(text.parse().map(f64::to_bits), Ok(value.to_bits()), "{text}");
            assert!(digits(&text).len() <= digits(&format!("{value:e}")).len(), "{text} has more digits than it takes");
        }
    }

    #[test]
    fn what_ends_a_line_or_a_label_is_escaped_wherever_it_stands() {
        let escaped = |piece: &str| {
            let mut text = String::new();
            Escaping { text: &mut text }.push(piece);
            text
        };
        let quoted = escaped("\"\u{e9}\\ \n\"\"x\u{1f551}");
        assert_eq!(quoted, "\\\"\u{e9}\\\\ \\n\\\"\\\"x\u{1f551}");
        assert_eq!(escaped(""), "");
    }
}
