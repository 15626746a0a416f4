//! The configuration in the making: settings with the lines that they come from, and what is to be told.

use std::fmt;
use std::rc::Rc;

use crate::config::Value;

/// A line of a file that is imported.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The file as the user named it.
    pub file: Rc<str>,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// One directive with its arguments.
#[derive(Clone, Debug)]
pub struct Line {
    /// Where it stands.
    pub place: Place,
    /// What it is called when something is told of it: `makestep`, or `server minpoll`.
    pub label: String,
    /// The directive and its arguments. Never empty.
    pub words: Vec<String>,
}

impl Line {
    /// The first word.
    pub fn name(&self) -> &str {
        &self.words[0]
    }

    /// An argument, counted from 1.
    pub fn argument(&self, index: usize) -> Option<&str> {
        self.words.get(index).map(String::as_str)
    }

    /// An argument that must be there.
    ///
    /// # Errors
    /// That it is missing.
    pub fn needed(&self, index: usize, what: &str) -> Result<&str, String> {
        self.argument(index).ok_or_else(|| format!("{what} is missing"))
    }

    /// As it stood, with single spaces.
    pub fn written(&self) -> String {
        self.words.join(" ")
    }
}

/// What has become of a directive that did not simply become an option.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// The line cannot be read, or its value is none that we take.
    Wrong,
    /// No such directive is known.
    Unknown,
    /// It became an option that means something else, or is another default.
    Changed,
    /// We have nothing of the kind.
    Missing,
    /// It is so anyway.
    Needless,
}

impl Kind {
    /// All, the ones that matter most first.
    pub const ALL: [Self; 5] = [Self::Wrong, Self::Unknown, Self::Changed, Self::Missing, Self::Needless];

    /// For people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::Unknown => "unknown",
            Self::Changed => "changed in meaning",
            Self::Missing => "no equivalent",
            Self::Needless => "not needed",
        }
    }

    /// For programs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::Unknown => "unknown",
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::Needless => "needless",
        }
    }
}

/// What is told of a directive, or of one that is not there.
#[derive(Clone, Debug)]
pub struct Note {
    /// Where it stands; none of a default.
    pub places: Vec<Place>,
    /// The directive.
    pub directive: String,
    /// What has become of it.
    pub kind: Kind,
    /// In words; may be empty of what is unknown.
    pub text: String,
}

/// One option.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Its name without its section.
    pub name: &'static str,
    /// Its value.
    pub value: Value,
    /// The line that it comes from, and what stood there; none where the other program means it without saying it.
    pub from: Option<(Place, String)>,
}

/// A section of the configuration.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its path, `ntp.source`.
    pub path: &'static str,
    /// The line that a section of several comes from, and what stood there.
    pub from: Option<(Place, String)>,
    /// Its options, in any order.
    pub settings: Vec<Setting>,
    /// Whether it is written as a comment, for the reader to complete.
    pub is_draft: bool,
}

/// A section of those that there may be several of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SectionId(usize);

/// The configuration in the making.
#[derive(Clone, Default, Debug)]
pub struct Document {
    /// The sections, in no order but that of the lines.
    pub sections: Vec<Section>,
    /// What is to be told.
    pub notes: Vec<Note>,
}

impl Document {
    /// Sets an option of a section that there is one of, by its path `clock.step.first`; the last one counts.
    pub fn set(&mut self, path: &'static str, value: Value, from: Option<&Line>) {
        let (section, name) = path.rsplit_once('.').expect("a path has a section");
        let found = self.sections.iter().position(|known| known.path == section);
        let index = found.unwrap_or_else(|| {
            self.sections.push(Section { path: section, from: None, settings: Vec::new(), is_draft: false });
            self.sections.len() - 1
        });
        self.set_in(SectionId(index), name, value, from);
    }

    /// Begins another section of a path.
    pub fn add(&mut self, path: &'static str, from: Option<&Line>) -> SectionId {
        let from = from.map(|line| (line.place.clone(), line.written()));
        self.sections.push(Section { path, from, settings: Vec::new(), is_draft: false });
        SectionId(self.sections.len() - 1)
    }

    /// Sets an option of such a section.
    pub fn set_in(&mut self, section: SectionId, name: &'static str, value: Value, from: Option<&Line>) {
        let from = from.map(|line| (line.place.clone(), line.written()));
        let setting = Setting { name, value, from };
        let settings = &mut self.sections[section.0].settings;
        match settings.iter_mut().find(|known| known.name == name) {
            Some(known) => *known = setting,
            None => settings.push(setting),
        }
    }

    /// The sections of a path.
    pub fn all(&self, path: &'static str) -> Vec<SectionId> {
        let is_meant = |(_, section): &(usize, &Section)| section.path == path;
        self.sections.iter().enumerate().filter(is_meant).map(|(index, _)| SectionId(index)).collect()
    }

    /// What an option of a section has been set to.
    pub fn value_in(&self, section: SectionId, name: &str) -> Option<&Value> {
        self.sections[section.0].settings.iter().find(|setting| setting.name == name).map(|setting| &setting.value)
    }

    /// What an option of a section that there is one of has been set to.
    pub fn value(&self, path: &str) -> Option<&Value> {
        let (section, name) = path.rsplit_once('.')?;
        let index = self.sections.iter().position(|known| known.path == section)?;
        self.value_in(SectionId(index), name)
    }

    /// Makes a section one that the reader has to complete.
    pub fn draft(&mut self, section: SectionId) {
        self.sections[section.0].is_draft = true;
    }

    /// Tells something of a line; what is told of several lines alike is told once.
    pub fn note(&mut self, kind: Kind, line: &Line, text: impl Into<String>) {
        self.tell(kind, Some(line.place.clone()), &line.label, text.into());
    }

    /// Tells something of a directive that is not there.
    pub fn note_of(&mut self, kind: Kind, directive: &str, text: impl Into<String>) {
        self.tell(kind, None, directive, text.into());
    }

    /// Tells something of a directive in some place.
    pub fn tell(&mut self, kind: Kind, place: Option<Place>, directive: &str, text: String) {
        let is_same = |note: &&mut Note| note.kind == kind && note.directive == directive && note.text == text;
        match self.notes.iter_mut().find(is_same) {
            Some(note) => {
                if let Some(place) = place.filter(|place| !note.places.contains(place)) {
                    note.places.push(place);
                }
            }
            None => self.notes.push(Note {
                places: place.into_iter().collect(),
                directive: directive.to_owned(),
                kind,
                text,
            }),
        }
    }
}
