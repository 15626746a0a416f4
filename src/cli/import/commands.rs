//! Command lines of `phc2sys` and `ptp4l`: as typed, in a unit of systemd, or in `/etc/default`.

use std::path::Path;
use std::rc::Rc;

use super::document::{Document, Kind, Line, Place};
use super::files::{Files, Input};
use super::ptp4l::Ptp4l;
use super::refclocks::clock;
use super::table::{
    Importer, OtherDefault, Row, alone, apply, changed, manual_defaults, manual_table, missing, needless, same,
    tell_defaults,
};
use super::text::{duration, lines, number, threshold, words};
use crate::config::Value;
use crate::time::Duration;

mod phc2sys;

use phc2sys::{DEFAULTS, OPTIONS};

/// The system clock, as phc2sys names it.
const REALTIME: &str = "CLOCK_REALTIME";

/// Options of phc2sys that an interface may stand behind.
const NAMES_A_CLOCK: [&str; 3] = ["-s", "-i", "-c"];

/// What command lines say, on its way.
pub struct Commands {
    document: Document,
    files: Rc<dyn Files>,
    /// The ports that the user names.
    interfaces: Vec<String>,
    ptp4l: Option<Ptp4l>,
    phc2sys: phc2sys::Phc2sys,
    said: Vec<String>,
}

impl Importer for Commands {
    fn document(&mut self) -> &mut Document {
        &mut self.document
    }
}

/// Takes the command lines of a text into a document.
pub fn import(input: &Input, interfaces: &[String], files: Rc<dyn Files>, document: Document) -> Document {
    let (interfaces, phc2sys) = (interfaces.to_vec(), phc2sys::Phc2sys::default());
    let mut commands = Commands { document, files, interfaces, ptp4l: None, phc2sys, said: Vec::new() };
    for (number, text) in lines(&input.text, "#;[") {
        let place = Place { file: Rc::clone(&input.name), line: number };
        match command(text) {
            Some((Program::Phc2sys, words)) => commands.phc2sys(&place, &words),
            Some((Program::Ptp4l, words)) => commands.ptp4l(&place, &words),
            None => {}
        }
    }
    commands.finish()
}

/// Whether a text has such a command line.
pub fn is_meant(text: &str) -> bool {
    lines(text, "#;[").any(|(_, line)| command(line).is_some())
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Program {
    Phc2sys,
    Ptp4l,
}

/// A program and its arguments: `phc2sys -a`, `ExecStart=/usr/sbin/phc2sys -a`, `OPTIONS="-a"` of phc2sys.
fn command(text: &str) -> Option<(Program, Vec<String>)> {
    let text = match text.split_once('=') {
        Some((name, value)) if name.trim().chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => value.trim(),
        _ => text,
    };
    let text = text.trim_matches(['"', '\'']).trim_start_matches(['-', '@', ':', '+', '!']).trim_start();
    let all = words(text);
    let first = all.first()?;
    let program = match Path::new(first).file_name()?.to_str()? {
        "phc2sys" => Program::Phc2sys,
        "ptp4l" => Program::Ptp4l,
        _ => return None,
    };
    Some((program, all[1..].to_vec()))
}

/// Options as getopt takes them apart: `-arn 24` is `-a -r -n 24`, `--name=value` is `--name value`.
fn options(place: &Place, program: &str, words: &[String], takes_value: &dyn Fn(&str) -> bool) -> Vec<Line> {
    let mut found = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut push = |name: String, value: Option<String>| {
            let label = format!("{program} {name}");
            let words = std::iter::once(name).chain(value).collect();
            found.push(Line { place: place.clone(), label, words });
        };
        if let Some(long) = word.strip_prefix("--") {
            match long.split_once('=') {
                Some((name, value)) => push(format!("--{name}"), Some(value.to_owned())),
                None => push(format!("--{long}"), words.next().cloned()),
            }
            continue;
        }
        let Some(cluster) = word.strip_prefix('-').filter(|cluster| !cluster.is_empty()) else {
            push(word.clone(), None);
            continue;
        };
        for (at, letter) in cluster.char_indices() {
            let name = format!("-{letter}");
            if takes_value(&name) {
                let rest = &cluster[at + letter.len_utf8()..];
                push(name, if rest.is_empty() { words.next().cloned() } else { Some(rest.to_owned()) });
                break;
            }
            push(name, None);
        }
    }
    found
}

/// Whether systemd or a shell puts the word in: `%I`, `$IFACE`.
fn is_put_in_later(word: &str) -> bool {
    word.contains(['%', '$'])
}

/// What is said of such a word that cannot be told.
fn later(word: &str) -> String {
    format!("{word} is put in later: say --interface, or the command itself behind --")
}

impl Commands {
    fn phc2sys(&mut self, place: &Place, words: &[String]) {
        let takes_value = |name: &str| OPTIONS.iter().any(|row| row.name == name && row.arguments > 0);
        for line in options(place, "phc2sys", words, &takes_value) {
            self.said.push(line.name().to_owned());
            match line.words.iter().position(|word| is_put_in_later(word)) {
                None => apply(OPTIONS, self, &line),
                Some(at) => match self.interfaces.first().filter(|_| at == 1 && NAMES_A_CLOCK.contains(&line.name())) {
                    Some(interface) => {
                        let words = vec![line.name().to_owned(), interface.clone()];
                        apply(OPTIONS, self, &Line { words, ..line.clone() });
                    }
                    None => self.document.note(Kind::Wrong, &line, later(&line.words[at])),
                },
            }
        }
        self.phc2sys.seen(place);
    }

    fn ptp4l(&mut self, place: &Place, words: &[String]) {
        let mut ptp4l = self.ptp4l.take().unwrap_or_default();
        let takes_value = |name: &str| matches!(name, "-f" | "-i" | "-p" | "-l" | "-t");
        let mut settings = Vec::new();
        for line in options(place, "ptp4l", words, &takes_value) {
            let mut say = |name: &str, value: &str| {
                let words = vec![name.to_owned(), value.to_owned()];
                settings.push(Line { place: place.clone(), label: line.label.clone(), words });
            };
            match (line.name(), line.argument(1)) {
                ("-A", _) => say("delay_mechanism", "Auto"),
                ("-E", _) => say("delay_mechanism", "E2E"),
                ("-P", _) => say("delay_mechanism", "P2P"),
                ("-2", _) => say("network_transport", "L2"),
                ("-4", _) => say("network_transport", "UDPv4"),
                ("-6", _) => say("network_transport", "UDPv6"),
                ("-H", _) => say("time_stamping", "hardware"),
                ("-S", _) => say("time_stamping", "software"),
                ("-L", _) => say("time_stamping", "legacy"),
                ("-s", _) => say("clientOnly", "1"),
                ("-l", Some(level)) => say("logging_level", level),
                ("-m" | "-q", _) | ("-t" | "-p", Some(_)) => {
                    self.document.note(
                        Kind::Needless,
                        &line,
                        "the log goes to stderr; the card's clock is found by its interface",
                    );
                }
                ("-i", Some(interface)) if is_put_in_later(interface) => match self.interfaces.as_slice() {
                    [] => ptp4l.nameless(&line, later(interface)),
                    named => named.iter().for_each(|name| ptp4l.port_of(name, Some(&line), Vec::new())),
                },
                ("-i", Some(interface)) => ptp4l.port_of(interface, Some(&line), Vec::new()),
                (word, value) if is_put_in_later(value.unwrap_or(word)) => {
                    self.document.note(Kind::Wrong, &line, later(value.unwrap_or(word)));
                }
                ("-f", Some(file)) => match self.files.read(Path::new(file)) {
                    Ok(input) => ptp4l.file(&input),
                    Err(why) => self.document.note(Kind::Wrong, &line, format!("not read: {why}")),
                },
                (long, Some(value)) if long.starts_with("--") => say(&long[2..], value),
                _ => self.document.note(Kind::Unknown, &line, ""),
            }
        }
        for line in settings {
            ptp4l.say(line);
        }
        self.ptp4l = Some(ptp4l);
    }

    /// What is made of several options together.
    fn finish(mut self) -> Document {
        if let Some(mut ptp4l) = self.ptp4l.take() {
            if ptp4l.has_no_port() {
                self.interfaces.iter().for_each(|name| ptp4l.port_of(name, None, Vec::new()));
            }
            std::mem::swap(ptp4l.document(), &mut self.document);
            self.document = ptp4l.finish();
        }
        let phc2sys = std::mem::take(&mut self.phc2sys);
        phc2sys.finish(&mut self.document, self.files.as_ref());
        if phc2sys.is_seen() {
            let said = std::mem::take(&mut self.said);
            tell_defaults(DEFAULTS, &mut self.document, &|name| said.iter().any(|said| said == name));
        }
        self.document
    }
}

/// What the manual says of all this.
pub fn manual() -> String {
    ["\n## phc2sys\n".to_owned(), manual_defaults(DEFAULTS), manual_table("Options:", OPTIONS)].concat()
}
