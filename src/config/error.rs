//! What is wrong with a configuration: where, what, what is allowed, what was probably meant.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

/// The kinds of fault, for programs that read `check --json`.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The file cannot be read.
    Unreadable,
    /// It is not TOML.
    Syntax,
    /// No such option or section.
    UnknownOption,
    /// Known, and not built yet.
    NotAvailable,
    /// Text for a number, and the like.
    WrongType,
    /// A duration or frequency without its unit.
    MissingUnit,
    /// A number beyond its limits, or too many of something.
    OutOfRange,
    /// None of the words that the option takes.
    UnknownWord,
    /// Text that is not of the form that the option takes.
    Malformed,
    /// A required option is absent.
    Missing,
    /// Two settings exclude each other.
    Conflict,
}

/// A place in the file, with what is needed to show it.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// How many characters to underline; at least 1.
    pub width: usize,
    /// The line's text.
    pub text: String,
}

/// One fault.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct ConfigError {
    /// Where it is; `None` if the file as a whole is meant.
    #[serde(flatten)]
    pub place: Option<Place>,
    /// The option or section, `clock.lock_limit`; empty if the file's syntax is broken.
    pub path: String,
    /// Its kind.
    pub fault: Fault,
    /// What is wrong.
    pub message: String,
    /// What is allowed here.
    pub allowed: Option<String>,
    /// What to do, or what was probably meant.
    pub suggestion: Option<String>,
}

/// All faults of one file, in the order of the file. Never empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigErrors {
    /// The file's name as the user gave it.
    pub file: String,
    /// The faults.
    pub errors: Vec<ConfigError>,
}

/// The most faults that are printed; a file with more is not a configuration.
const PRINTED_MAX: usize = 50;

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for error in self.errors.iter().take(PRINTED_MAX) {
            error.write(f, &self.file)?;
        }
        if self.errors.len() > PRINTED_MAX {
            writeln!(f, "{}: and {} more", self.file, self.errors.len() - PRINTED_MAX)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl ConfigError {
    fn write(&self, f: &mut fmt::Formatter<'_>, file: &str) -> fmt::Result {
        write!(f, "{file}:")?;
        if let Some(place) = &self.place {
            write!(f, "{}:{}:", place.line, place.column)?;
        }
        if !self.path.is_empty() {
            write!(f, " {}:", self.path)?;
        }
        writeln!(f, " {}", self.message)?;
        if let Some(place) = &self.place {
            place.write(f)?;
        }
        for line in self.allowed.iter().map(|allowed| format!("allowed: {allowed}")).chain(self.suggestion.clone()) {
            writeln!(f, "    {line}")?;
        }
        Ok(())
    }
}

impl Place {
    /// The line with what is meant underlined. Tabs stay tabs in both lines, so that they line up.
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.text.chars().take(self.column - 1).map(|c| if c == '\t' { '\t' } else { ' ' });
        let before: String = before.collect();
        writeln!(f, "{:>5} | {}", self.line, self.text)?;
        writeln!(f, "      | {before}{}", "^".repeat(self.width))
    }
}

/// Text whose byte offsets can be turned into places.
pub struct Source<'t> {
    text: &'t str,
    line_starts: Vec<usize>,
}

impl<'t> Source<'t> {
    /// Finds the lines.
    pub fn new(text: &'t str) -> Self {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, line_starts }
    }

    /// The whole text.
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// The line that a byte offset lies in, from 1.
    pub fn line(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at)
    }

    /// A line's text without its end; lines count from 1.
    pub fn line_text(&self, line: usize) -> &'t str {
        let start = self.line_starts[line - 1];
        let end = self.line_starts.get(line).map_or(self.text.len(), |next| next - 1);
        self.text[start..end].trim_end_matches('\r')
    }

    /// Where a span of bytes is; one of several lines is underlined to the end of its first.
    pub fn place(&self, span: &Range<usize>) -> Place {
        let start = self.boundary(span.start);
        let line = self.line(start);
        let text = self.line_text(line);
        let line_start = self.line_starts[line - 1];
        let from = (start - line_start).min(text.len());
        let to = (self.boundary(span.end).max(start) - line_start).min(text.len());
        let width = text[from..to.max(from)].chars().count().max(1);
        Place { line, column: text[..from].chars().count() + 1, width, text: text.to_owned() }
    }

    /// The offset itself, or the start of the character that it is inside of.
    fn boundary(&self, at: usize) -> usize {
        (0..=at.min(self.text.len())).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_from_one() {
        let source = Source::new("a\n\tb\u{b5} = 1\r\nc");
        let at = |span| {
            let place = source.place(&span);
            (place.line, place.column, place.width, place.text)
        };
        assert_eq!(at(0..1), (1, 1, 1, "a".into()));
        assert_eq!(at(3..6), (2, 2, 2, "\tb\u{b5} = 1".into()));
        assert_eq!(at(9..13), (2, 7, 1, "\tb\u{b5} = 1".into()), "cut at the line's end");
        assert_eq!(at(12..13), (3, 1, 1, "c".into()));
        assert_eq!(at(99..120), (3, 2, 1, "c".into()), "past the end");
        assert_eq!(at(5..5), (2, 3, 1, "\tb\u{b5} = 1".into()), "inside a character");
    }
}
