//! raw -> checked: a walk over the spanned TOML tree against the option table.
//!
//! serde would stop at the first fault and know nothing of ranges. A person with five typing errors wants to hear of
//! all five, each with its line; so the walk notes a fault, leaves that value out and goes on.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Fault, Source};
use super::options::{Default, OptionSpec, OptionTable};
use super::suggest::nearest;
use super::value::{self, Problem, Value};

/// One option that the file sets.
#[derive(Debug)]
pub struct Set {
    /// Its value.
    pub value: Value,
    /// The bytes of the value.
    pub span: Range<usize>,
}

/// What the file says, as far as it is right.
#[derive(Default, Debug)]
pub struct Checked {
    /// Options by their full path, `ptp[0].domain`.
    pub set: BTreeMap<String, Set>,
    /// Header of each `[[…]]`, by the path of the section.
    repeated: BTreeMap<String, Vec<Range<usize>>>,
    /// Whether `system = { simulated = ... }` is there.
    pub simulated: bool,
}

impl Checked {
    /// Whether the file says something, and rightly, at this path.
    pub fn is_set(&self, path: &str) -> bool {
        self.set.contains_key(path)
    }

    /// The headers of all `[[section]]`.
    pub fn repeated(&self, section: &str) -> &[Range<usize>] {
        self.repeated.get(section).map_or(&[], Vec::as_slice)
    }
}

/// Where the walk is: the path as the table knows it, and as the user counts it.
#[derive(Clone, Copy)]
struct At<'p> {
    /// `ptp`
    spec: &'p str,
    /// `ptp[0]`
    full: &'p str,
}

struct Walk<'t> {
    table: &'static OptionTable,
    source: &'t Source<'t>,
    checked: Checked,
    errors: Vec<ConfigError>,
}

/// Checks a file against its table, as far as it parses.
pub fn walk(table: &'static OptionTable, source: &Source<'_>) -> (Checked, Vec<ConfigError>) {
    let (document, syntax) = DeTable::parse_recoverable(source.text());
    let mut walk = Walk { table, source, checked: Checked::default(), errors: Vec::new() };
    walk.table(At { spec: "", full: "" }, document.get_ref());
    let syntax: Vec<_> = syntax.iter().map(|error| syntax_error(source, error)).collect();
    drop_echoes(source, &syntax, &mut walk.errors);
    walk.errors.extend(syntax);
    (walk.checked, walk.errors)
}

fn syntax_error(source: &Source<'_>, error: &toml::de::Error) -> ConfigError {
    let span = error.span().unwrap_or(0..0);
    let found = &source.text()[span.clone()];
    let (message, suggestion) = match error.message() {
        quotes if quotes.starts_with("string values must be quoted") && found.is_empty() => {
            ("a value is missing".to_owned(), None)
        }
        quotes if quotes.starts_with("string values must be quoted") => {
            ("text must stand in quotes".to_owned(), Some(format!("did you mean `{found:?}`?")))
        }
        boolean if boolean.starts_with("invalid boolean") => {
            let lower = found.to_ascii_lowercase();
            ("not true or false".to_owned(), Some(format!("did you mean `{lower}`?")))
        }
        other => (other.to_owned(), None),
    };
    ConfigError {
        place: Some(source.place(&span)),
        path: String::new(),
        fault: Fault::Syntax,
        message: format!("not TOML: {message}"),
        allowed: None,
        suggestion,
    }
}

/// Removes the faults that only echo a syntax error: those of its own line; and if it has broken the structure (a
/// header, a list that is not closed), all that follow it, because what is read from there on is guesswork.
fn drop_echoes(source: &Source<'_>, syntax: &[ConfigError], errors: &mut Vec<ConfigError>) {
    let lines = || syntax.iter().filter_map(|error| error.place.as_ref().map(|place| place.line));
    let broken = lines().filter(|line| !stands_alone(source.line_text(*line))).min();
    errors.retain(|error| {
        let line = error.place.as_ref().map_or(0, |place| place.line);
        // A value that was left out because of its syntax is not missing.
        let missing = error.fault == Fault::Missing && !syntax.is_empty();
        !missing && lines().all(|other| other != line) && broken.is_none_or(|broken| line < broken)
    });
}

/// Whether a fault in this line can have spoiled only this line: `key = value` with a value that ends where it must.
fn stands_alone(line: &str) -> bool {
    let Some((key, value)) = line.split_once('=') else { return false };
    let plain_key = key.trim().chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
    plain_key && !value.trim_start().starts_with(['[', '{']) && !value.contains("\"\"\"") && !value.contains("'''")
}

impl Walk<'_> {
    fn table(&mut self, at: At<'_>, table: &DeTable<'_>) {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let join = |path: &str| {
                if path.is_empty() { key.get_ref().to_string() } else { format!("{path}.{}", key.get_ref()) }
            };
            let (spec, full) = (join(at.spec), join(at.full));
            let here = At { spec: &spec, full: &full };
            if let Some(option) = self.table.find(&spec) {
                self.option(here, option, value);
            } else if self.table.section_exists(&spec) {
                self.section(here, key.span(), value);
            } else if let Some(what) = self.table.planned(&spec) {
                self.error(&full, &key.span(), Fault::NotAvailable, format!("{what} is not available in this version"));
            } else {
                self.unknown(at, &full, key);
            }
        }
    }

    fn option(&mut self, at: At<'_>, option: &'static OptionSpec, value: &Spanned<DeValue<'_>>) {
        let allowed = self.table.allowed(option);
        // `clock.system` is a word or a table, so it is an option and a section.
        if let (DeValue::Table(table), true) = (value.get_ref(), self.table.section_exists(at.spec)) {
            if table.is_empty() {
                let error =
                    self.error(at.full, &value.span(), Fault::Missing, "an empty table says nothing".to_owned());
                error.allowed = Some(allowed.clone());
            }
            return self.table(at, table);
        }
        match value::check(option, value) {
            Ok(good) => {
                self.checked.set.insert(at.full.to_owned(), Set { value: good, span: value.span() });
            }
            Err(problems) => {
                for Problem { span, fault, message, suggestion } in problems {
                    let error = self.error(at.full, &span, fault, message);
                    error.allowed = Some(allowed.clone());
                    error.suggestion = suggestion;
                }
            }
        }
    }

    fn section(&mut self, at: At<'_>, key: Range<usize>, value: &Spanned<DeValue<'_>>) {
        let repeated = self.table.is_repeated(at.spec);
        match value.get_ref() {
            DeValue::Array(elements) if repeated && elements.iter().all(|one| one.get_ref().is_table()) => {
                let tables = elements.iter().filter_map(|one| Some((one.span(), one.get_ref().as_table()?)));
                for (index, (header, table)) in tables.enumerate() {
                    self.one_of_several(at, index, header, table);
                }
            }
            DeValue::Table(table) if repeated => {
                let error = self.error(at.full, &key, Fault::WrongType, "there may be several of these".to_owned());
                error.suggestion = Some(format!("did you mean `[[{}]]`?", at.spec));
                self.one_of_several(at, 0, key, table);
            }
            DeValue::Table(table) => {
                self.checked.simulated |= at.spec == "clock.system.simulated";
                self.table(at, table);
            }
            _ => {
                let brackets = if repeated { format!("[[{}]]", at.spec) } else { format!("[{}]", at.spec) };
                let names = self.table.names_in(at.spec).join(", ");
                let error =
                    self.error(at.full, &value.span(), Fault::WrongType, format!("expected the section {brackets}"));
                error.allowed = Some(format!("a section with {names}"));
            }
        }
    }

    fn one_of_several(&mut self, at: At<'_>, index: usize, header: Range<usize>, table: &DeTable<'_>) {
        let full = format!("{}[{index}]", at.full);
        let most = self.table.repeated_max;
        if index == most {
            let error = self.error(&full, &header, Fault::OutOfRange, "too many sections".to_owned());
            error.allowed = Some(format!("at most {most} [[{}]]", at.spec));
        }
        self.table(At { spec: at.spec, full: &full }, table);
        for option in self.table.options.iter().filter(|option| matches!(option.default, Default::Required)) {
            let ours = option.path.rsplit_once('.').is_some_and(|(section, _)| section == at.spec);
            if ours && !table.contains_key(option.name()) {
                let message = format!("`{}` is missing", option.name());
                let error = self.error(&full, &header, Fault::Missing, message);
                error.suggestion = Some(format!("add `{} = \"...\"`", option.name()));
            }
        }
        self.checked.repeated.entry(at.spec.to_owned()).or_default().push(header);
    }

    fn unknown(&mut self, at: At<'_>, full: &str, key: &Spanned<std::borrow::Cow<'_, str>>) {
        let names = self.table.names_in(at.spec);
        let elsewhere = self.table.options.iter().find(|option| option.name() == key.get_ref().as_ref());
        let suggestion = if let Some(elsewhere) = elsewhere {
            let (section, name) = elsewhere.path.rsplit_once('.').unwrap_or(("", elsewhere.path));
            format!("`{name}` is an option of [{section}]")
        } else if let Some(name) = nearest(key.get_ref(), names.iter().copied()) {
            format!("did you mean `{name}`?")
        } else {
            format!("known here: {}", names.join(", "))
        };
        let what = if at.spec.is_empty() { "unknown section" } else { "unknown option" };
        self.error(full, &key.span(), Fault::UnknownOption, what.to_owned()).suggestion = Some(suggestion);
    }

    fn error(&mut self, path: &str, span: &Range<usize>, fault: Fault, message: String) -> &mut ConfigError {
        let place = Some(self.source.place(span));
        let error = ConfigError { place, path: path.to_owned(), fault, message, allowed: None, suggestion: None };
        self.errors.push(error);
        self.errors.last_mut().expect("just pushed")
    }
}
