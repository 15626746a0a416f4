//! The directives of another program: what becomes of each, for the import and for the manual.

use std::fmt::Write as _;

use super::document::{Document, Kind, Line};

/// What has become of a directive's arguments.
pub type Taken = Result<(), String>;

/// A program's configuration on its way into ours.
pub trait Importer {
    /// What has been made so far.
    fn document(&mut self) -> &mut Document;
}

/// What becomes of a directive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// An option that means the same.
    Same,
    /// An option that means something else.
    Changed,
    /// It is so anyway.
    Needless,
    /// Nothing.
    Missing,
}

/// One directive, or one of its options.
#[derive(Clone, Copy)]
pub struct Row<S: 'static> {
    /// As it is written there.
    pub name: &'static str,
    /// How many words follow that belong to an option; a directive takes the whole line.
    pub arguments: usize,
    /// Our options, for the manual.
    pub becomes: &'static str,
    /// What becomes of it.
    pub fate: Fate,
    /// What the reader should know. Empty where it is the same.
    pub note: &'static str,
    /// Takes it.
    pub take: fn(&mut S, &Line) -> Taken,
}

/// A directive that becomes an option of the same meaning.
pub const fn same<S>(name: &'static str, becomes: &'static str, take: fn(&mut S, &Line) -> Taken) -> Row<S> {
    Row { name, arguments: 1, becomes, fate: Fate::Same, note: "", take }
}

/// A directive that becomes an option of another meaning.
pub const fn changed<S>(
    name: &'static str,
    becomes: &'static str,
    take: fn(&mut S, &Line) -> Taken,
    note: &'static str,
) -> Row<S> {
    Row { name, arguments: 1, becomes, fate: Fate::Changed, note, take }
}

fn nothing<S>(_: &mut S, _: &Line) -> Taken {
    Ok(())
}

/// A directive for what is so anyway.
pub const fn needless<S>(name: &'static str, note: &'static str) -> Row<S> {
    Row { name, arguments: 1, becomes: "", fate: Fate::Needless, note, take: nothing }
}

/// A directive for what we do not have.
pub const fn missing<S>(name: &'static str, note: &'static str) -> Row<S> {
    Row { name, arguments: 1, becomes: "", fate: Fate::Missing, note, take: nothing }
}

/// The same without a word that belongs to it: a switch among options.
pub const fn alone<S>(mut row: Row<S>) -> Row<S> {
    row.arguments = 0;
    row
}

/// Takes one directive.
pub fn apply<S: Importer>(table: &[Row<S>], importer: &mut S, line: &Line) {
    let Some(row) = table.iter().find(|row| row.name == line.name()) else {
        importer.document().note(Kind::Unknown, line, "");
        return;
    };
    if let Err(why) = (row.take)(importer, line) {
        importer.document().note(Kind::Wrong, line, why);
        return;
    }
    let kind = match row.fate {
        Fate::Same => return,
        Fate::Changed => Kind::Changed,
        Fate::Needless => Kind::Needless,
        Fate::Missing => Kind::Missing,
    };
    importer.document().note(kind, line, row.note);
}

/// Takes the options that stand behind one another from some word of a line on: `minpoll 4 maxpoll 6 iburst`.
pub fn apply_options<S: Importer>(table: &[Row<S>], importer: &mut S, line: &Line, from: usize) {
    let mut at = from;
    while let Some(name) = line.argument(at) {
        let name = name.to_ascii_lowercase();
        let arguments = table.iter().find(|row| row.name == name).map_or(0, |row| row.arguments);
        let end = (at + 1 + arguments).min(line.words.len());
        let mut words = line.words[at..end].to_vec();
        words[0].clone_from(&name);
        let option = Line { place: line.place.clone(), label: format!("{} {name}", line.label), words };
        if option.words.len() <= arguments {
            importer.document().note(Kind::Wrong, &option, "its value is missing");
        } else {
            apply(table, importer, &option);
        }
        at = end;
    }
}

/// What the other program does where nothing is said, and we do something else.
#[derive(Clone, Copy, Debug)]
pub struct OtherDefault {
    /// The directives that say it; one of them in the file, and it is nothing to tell.
    pub unless: &'static [&'static str],
    /// The section or option that must have been made for it to matter.
    pub needs: Option<&'static str>,
    /// What is different.
    pub text: &'static str,
}

/// Tells which defaults are others, of the directives that were not said.
pub fn tell_defaults(defaults: &[OtherDefault], document: &mut Document, said: &dyn Fn(&str) -> bool) {
    for default in defaults {
        let is_there = |path: &'static str| {
            let (section, name) = path.rsplit_once('.').unwrap_or((path, ""));
            let is_option = document.all(section).iter().any(|of| document.value_in(*of, name).is_some());
            is_option || !document.all(path).is_empty()
        };
        if !default.unless.iter().any(|directive| said(directive)) && default.needs.is_none_or(is_there) {
            document.note_of(Kind::Changed, &format!("without {}", default.unless.join(", ")), default.text);
        }
    }
}

/// A table as it stands in the manual.
pub fn manual_table<S>(title: &str, table: &[Row<S>]) -> String {
    // Writing to a String cannot fail.
    let mut text = format!("\n{title}\n\n| There | Here | |\n|---|---|---|\n");
    for row in table {
        let here = match row.fate {
            Fate::Missing => "nothing".to_owned(),
            Fate::Needless => "not needed".to_owned(),
            Fate::Same | Fate::Changed => {
                let options = row.becomes.split(", ").map(|option| format!("`{option}`"));
                options.collect::<Vec<_>>().join(", ")
            }
        };
        let _ = writeln!(text, "| `{}` | {here} | {} |", row.name, without_links(row.note));
    }
    text
}

/// A section's name in brackets is a link to rustdoc.
fn without_links(text: &str) -> String {
    text.replace('[', r"\[").replace(']', r"\]")
}

/// The other defaults as they stand in the manual.
pub fn manual_defaults(defaults: &[OtherDefault]) -> String {
    let mut text = "\nWhere nothing is said:\n\n".to_owned();
    for default in defaults {
        let directives: Vec<_> = default.unless.iter().map(|directive| format!("`{directive}`")).collect();
        let _ = writeln!(text, "- without {}: {}", directives.join(", "), without_links(default.text));
    }
    text
}
