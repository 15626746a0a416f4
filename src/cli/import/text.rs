//! Lines, words and numbers, as daemons read them.

use std::rc::Rc;

use super::document::{Line, Place};
use crate::config::Value;
use crate::config::quantity::{parse_duration, parse_frequency};
use crate::time::Duration;

/// The lines of a file that say something, with their numbers, without what stands behind a comment sign; one that
/// begins with one of `signs` says nothing.
pub fn lines<'t>(text: &'t str, signs: &str) -> impl Iterator<Item = (usize, &'t str)> {
    let signs: Vec<char> = signs.chars().collect();
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()))
        .filter(move |(_, line)| !line.is_empty() && !line.starts_with(signs.as_slice()))
}

/// A line's words, by white space; `"` holds some together.
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let (word, behind) = match rest.strip_prefix('"').and_then(|inner| inner.split_once('"')) {
            Some(quoted) => quoted,
            None => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        words.push(word.to_owned());
        rest = behind.trim_start();
    }
    words
}

/// A directive from a line; its name in lower case if the program does not care.
pub fn directive(file: &Rc<str>, number: usize, line: &str, any_case: bool) -> Line {
    let mut words = words(line);
    if words.is_empty() {
        words.push(String::new());
    }
    if any_case {
        words[0].make_ascii_lowercase();
    }
    Line { place: Place { file: Rc::clone(file), line: number }, label: words[0].clone(), words }
}

/// A whole number.
///
/// # Errors
/// That it is none.
pub fn integer(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| format!("{text:?} is not a whole number"))
}

/// A number as C reads it: `0.5`, `1e-6`.
///
/// # Errors
/// That it is none, or not finite.
pub fn number(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(|| format!("{text:?} is not a number"))
}

/// A duration from a number of some unit, as its decimal digits say it.
///
/// # Errors
/// That it is no number, or longer than any clock runs.
pub fn duration(text: &str, unit: &str) -> Result<Duration, String> {
    // Displayed without an exponent.
    parse_duration(&format!("{}{unit}", number(text)?)).map_err(|error| format!("{text:?}: {error}"))
}

/// A number of seconds as an option's value.
///
/// # Errors
/// As [`duration`].
pub fn seconds(text: &str) -> Result<Value, String> {
    duration(text, "s").map(Value::Duration)
}

/// A threshold in seconds, of which 0 is never.
///
/// # Errors
/// As [`duration`].
pub fn threshold(text: &str) -> Result<Value, String> {
    if number(text)? == 0.0 { Ok(Value::Word("never")) } else { seconds(text) }
}

/// A frequency as an option's value.
///
/// # Errors
/// That it is no number.
pub fn frequency(text: &str, unit: &str) -> Result<Value, String> {
    let read = parse_frequency(&format!("{}{unit}", number(text)?));
    read.map(Value::Frequency).map_err(|error| format!("{text:?}: {error}"))
}

/// A host, or with its port where that is not NTP's.
pub fn host(name: &str, port: Option<i64>) -> String {
    let name = name.trim_matches(['[', ']']);
    match port.filter(|port| *port != 123) {
        None => name.to_owned(),
        Some(port) if name.contains(':') => format!("[{name}]:{port}"),
        Some(port) => format!("{name}:{port}"),
    }
}
