//! From the document to a file that `synchronome check` finds good.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::document::{Document, Kind, Note, Place, Section, Setting};
use crate::config::options::{DAEMON, OPTIONS, SECTIONS};
use crate::config::{ConfigErrors, Value, load};
use crate::discipline::helm::HELM_SOURCES_MAX;

/// The sections that take one of the places of the selection, or of the ports.
const OF_SEVERAL: [&str; 3] = ["ptp", "refclock", "ntp.source"];
/// The column of the comments that say where a setting comes from.
const COMMENT_COLUMN: usize = 40;
/// The most octets of a foreign line that are shown beside a setting.
const SHOWN_MAX: usize = 100;

/// Writes the configuration, without what its own check refuses, which is then told.
///
/// # Errors
/// If it is refused for something that is in no setting, or in a comment: then the import is wrong, not the file.
pub fn settle(document: &mut Document, title: &str) -> Result<String, ConfigErrors> {
    fit(document);
    loop {
        document.notes.sort_by_key(|note| note.kind);
        let text = format!("{title}{}{}", configuration(document), remarks(&document.notes));
        match load(&text, "the imported configuration") {
            Ok(_) => return Ok(text),
            Err(errors) if !remove(document, &errors) => return Err(errors),
            Err(_) => {}
        }
    }
}

/// Where something comes from, and the directive there.
fn origin(from: Option<(Place, String)>) -> (Option<Place>, String) {
    let (place, written) = from.unzip();
    (place, written.and_then(|written| written.split(' ').next().map(str::to_owned)).unwrap_or_default())
}

/// Takes out what the check refuses; whether there was any of it.
fn remove(document: &mut Document, errors: &ConfigErrors) -> bool {
    let mut gone = BTreeSet::new();
    let mut notes = Vec::new();
    for error in &errors.errors {
        let (section, name) = split(&error.path);
        let Some(index) = index_of(document, section) else { continue };
        let setting = document.sections[index].settings.iter().position(|setting| setting.name == name);
        let from = match setting {
            Some(setting) => document.sections[index].settings[setting].from.clone(),
            None => None,
        };
        let from = from.or_else(|| document.sections[index].from.clone());
        let allowed = error.allowed.iter().map(|allowed| format!("; allowed: {allowed}"));
        let message = std::iter::once(format!("not taken: {}: {}", error.path, error.message)).chain(allowed).collect();
        if gone.insert((index, setting)) {
            notes.push((from, message));
        }
    }
    for (from, message) in notes {
        let (place, directive) = origin(from);
        document.tell(Kind::Wrong, place, &directive, message);
    }
    // From behind, so that the places before stay what they are.
    for (index, setting) in gone.iter().rev() {
        match setting {
            Some(setting) => {
                document.sections[*index].settings.remove(*setting);
            }
            None => {
                document.sections.remove(*index);
            }
        }
    }
    !gone.is_empty()
}

/// The section and the name of a path; of a section's own path an empty name.
fn split(path: &str) -> (&str, &str) {
    let is_section = path.ends_with(']') || SECTIONS.iter().any(|section| section.path == path);
    if is_section { (path, "") } else { path.rsplit_once('.').unwrap_or((path, "")) }
}

/// The section that a path `ntp.source[2]` or `clock` means.
fn index_of(document: &Document, path: &str) -> Option<usize> {
    let (path, number) = match path.split_once('[') {
        Some((path, number)) => (path, number.trim_end_matches(']').parse().ok()?),
        None => (path, 0),
    };
    let is_meant = |(_, section): &(usize, &Section)| section.path == path && !section.is_draft;
    document.sections.iter().enumerate().filter(is_meant).nth(number).map(|(index, _)| index)
}

/// Makes what is judged fit the places that there are: pools become smaller, and what is left over is told.
fn fit(document: &mut Document) {
    let mut free = HELM_SOURCES_MAX;
    let mut pools: Vec<(usize, i64)> = Vec::new();
    let mut kept = Vec::with_capacity(document.sections.len());
    let mut dropped = Vec::new();
    for section in std::mem::take(&mut document.sections) {
        let takes_place = OF_SEVERAL.contains(&section.path) && !section.is_draft;
        if takes_place && free == 0 {
            dropped.push(section.from);
            continue;
        }
        free -= usize::from(takes_place);
        if takes_place && let Some(pool) = pool_size(&section).filter(|size| *size > 1) {
            pools.push((kept.len(), pool));
        }
        kept.push(section);
    }
    document.sections = kept;
    for from in dropped {
        let (place, directive) = origin(from);
        let message = format!("not taken: at most {HELM_SOURCES_MAX} sources and ports are judged");
        document.tell(Kind::Missing, place, &directive, message);
    }
    // Each pool has one place already; the others go round.
    let mut sizes = vec![1_i64; pools.len()];
    while free > 0 && sizes.iter().zip(&pools).any(|(size, (_, wanted))| size < wanted) {
        for (size, (_, wanted)) in sizes.iter_mut().zip(&pools) {
            if *size < *wanted && free > 0 {
                *size += 1;
                free -= 1;
            }
        }
    }
    for (size, (index, wanted)) in sizes.into_iter().zip(pools) {
        if size == wanted {
            continue;
        }
        let section = &mut document.sections[index];
        if let Some(pool) = section.settings.iter_mut().find(|setting| setting.name == "pool") {
            pool.value = Value::Integer(size);
        }
        let (place, directive) = origin(section.from.clone());
        let message =
            format!("{size} of the {wanted} addresses: at most {HELM_SOURCES_MAX} sources and ports are judged");
        document.tell(Kind::Changed, place, &directive, message);
    }
}

fn pool_size(section: &Section) -> Option<i64> {
    section.settings.iter().find(|setting| setting.name == "pool").and_then(|setting| match setting.value {
        Value::Integer(size) => Some(size),
        _ => None,
    })
}

/// The sections in the order of the manual.
fn configuration(document: &Document) -> String {
    let mut text = String::new();
    for known in SECTIONS {
        for section in document.sections.iter().filter(|section| section.path == known.path) {
            write_section(&mut text, section);
        }
    }
    text
}

fn write_section(text: &mut String, section: &Section) {
    // Writing to a String cannot fail.
    if let Some((place, written)) = &section.from {
        let _ = write!(text, "\n# {place}: {}", shown(written));
    }
    let (open, close) = if DAEMON.is_repeated(section.path) { ("[[", "]]") } else { ("[", "]") };
    let draft = if section.is_draft { "#" } else { "" };
    let _ = writeln!(text, "\n{draft}{open}{}{close}", section.path);
    let place_of = |setting: &Setting| {
        OPTIONS.iter().position(|option| option.path.rsplit_once('.') == Some((section.path, setting.name)))
    };
    let mut settings: Vec<_> = section.settings.iter().collect();
    settings.sort_by_key(|setting| place_of(setting));
    for setting in settings {
        let said = format!("{draft}{} = {}", setting.name, toml(&setting.value));
        let is_elsewhere = |from: &&(Place, String)| section.from.as_ref().is_none_or(|own| own.0 != from.0);
        let _ = match setting.from.as_ref().filter(is_elsewhere) {
            Some((place, written)) => writeln!(text, "{said:COMMENT_COLUMN$} # {place}: {}", shown(written)),
            None => writeln!(text, "{said}"),
        };
    }
}

/// A foreign line, not longer than is worth reading.
fn shown(written: &str) -> String {
    match written.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}...", &written[..end]),
        None => written.to_owned(),
    }
}

/// A value as TOML. Foreign texts may hold what Rust escapes otherwise than TOML.
fn toml(value: &Value) -> String {
    let quoted = |text: &String| serde_json::Value::from(text.as_str()).to_string();
    match value {
        Value::Text(text) => quoted(text),
        Value::Clocks(names) => format!("[{}]", names.iter().map(quoted).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// A note as one line of text.
pub fn in_words(note: &Note) -> String {
    let places: Vec<_> = note
        .places
        .iter()
        .enumerate()
        .map(|(index, place)| {
            // Of several in one file its name is said once.
            let before = index.checked_sub(1).and_then(|before| note.places.get(before));
            if before.is_some_and(|before| before.file == place.file) {
                place.line.to_string()
            } else {
                place.to_string()
            }
        })
        .collect();
    let place = if places.is_empty() { String::new() } else { format!("{}: ", places.join(", ")) };
    let text = if note.text.is_empty() { String::new() } else { format!(": {}", note.text) };
    format!("{place}{}{text}", note.directive)
}

/// What did not become an option of the same meaning, as comments at the end of the file.
fn remarks(notes: &[Note]) -> String {
    let mut text = String::new();
    for kind in Kind::ALL {
        let of_kind: Vec<_> = notes.iter().filter(|note| note.kind == kind).collect();
        if of_kind.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n# {}:", kind.title());
        for note in of_kind {
            let _ = writeln!(text, "#   {}", in_words(note));
        }
    }
    text
}
