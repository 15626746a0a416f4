//! `synchronome import`: what other daemons are told, as our configuration.
//!
//! ```text
//! files --text--> directives --a format's table--> Document: settings, notes --write--> TOML that `check` finds good
//! ```
//!
//! Each format is a table of its directives ([`table::Row`]): what becomes of each, and what the reader should know. The
//! manual's tables are made from the same rows. A directive that is there sets an option; a default that is another one is
//! told. What our own check refuses is taken out again, and told with the check's words: so what comes out can be run.

#![expect(clippy::unnecessary_wraps, reason = "the rows of all tables are functions of one type")]

mod access;
mod chrony;
mod commands;
mod document;
mod files;
mod ntp;
mod ptp4l;
mod refclocks;
mod sections;
mod sfptpd;
mod sources;
mod table;
mod text;
mod timemaster;
mod timesyncd;
mod write;

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use clap::ValueEnum;
use serde_json::json;

use self::document::{Document, Kind, Note};
use self::files::{Files, Input, Machine, Nothing, text_of};
use super::{EXIT_USAGE, print};
use crate::config::FILE_BYTES_MAX;

/// What options are called that stand behind `--`.
const COMMAND_LINE: &str = "command line";

/// What an error begins with that no file is to blame for.
pub const OWN_FAULT: &str = "a fault of the import itself";

/// Exit code where a line is wrong or unknown, and the rest was imported.
const EXIT_LINES: u8 = 1;

/// Make a configuration from that of another daemon.
///
/// Prints ours on stdout, with the line that each option comes from, and on stderr what is wrong, unknown, changed in
/// meaning, without an equivalent or not needed (also as comments at the end). Files that a file includes are read too,
/// and a directory of drop-ins beside it. Several files make one configuration: ptp4l's before phc2sys' options.
/// Nothing is started and nothing written.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  synchronome import /etc/chrony/chrony.conf > synchronome.toml
  synchronome import --format ntp - < ntp.conf.old
  synchronome import --json /etc/ntp.conf
  synchronome import --interface eth1 /etc/linuxptp/ptp4l.conf /lib/systemd/system/phc2sys.service
  synchronome import --format phc2sys -- -a -r -n 24

Exit codes:
  0  imported; what is told is for reading
  1  imported, but for lines that are wrong or unknown
  2  nothing can be read, or its format is not known")]
pub struct Args {
    /// The files; `-` is stdin
    #[arg(value_name = "FILE", required_unless_present = "arguments")]
    pub files: Vec<PathBuf>,
    /// The options of phc2sys (or ptp4l, behind its name), instead of a file that has them
    #[arg(value_name = "ARGUMENT", last = true)]
    pub arguments: Vec<String>,
    /// What they are, where neither name nor content says it
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// A port that ptp4l or sfptpd is told by -i and its file does not name, or that systemd puts in (%I); may be repeated
    #[arg(long, value_name = "NAME")]
    pub interface: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Whose configuration it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Format {
    /// chrony.conf of chronyd
    Chrony,
    /// ntp.conf of ntpd (ntp.org, ntpsec)
    Ntp,
    /// ptp4l.conf of linuxptp
    Ptp4l,
    /// Command lines of phc2sys and ptp4l: as typed, or in a unit of systemd
    Phc2sys,
    /// timesyncd.conf of systemd
    Timesyncd,
    /// timemaster.conf of linuxptp
    Timemaster,
    /// sfptpd.cfg of sfptpd
    Sfptpd,
}

/// What an import has made.
#[derive(Debug)]
pub struct Imported {
    /// Our configuration; it passes our check.
    pub toml: String,
    /// What is to be told, what matters most first.
    pub notes: Vec<Note>,
}

/// Imports the files and prints what they become.
pub fn run(args: &Args) -> ExitCode {
    let machine: Rc<dyn Files> = Rc::new(Machine::default());
    let imported = inputs(args).and_then(|inputs| import(&inputs, args.format, &args.interface, &machine));
    let names = args.files.iter().map(|file| file.display().to_string());
    match imported {
        Ok(imported) => {
            let wrong = imported.notes.iter().any(|note| matches!(note.kind, Kind::Wrong | Kind::Unknown));
            if args.json {
                let object = json!({
                    "files": names.collect::<Vec<_>>(),
                    "ok": !wrong,
                    "toml": imported.toml,
                    "notes": imported.notes.iter().map(note_json).collect::<Vec<_>>(),
                });
                print(&format!("{object}\n"));
            } else {
                eprint!("{}", told(&imported.notes));
                print(&imported.toml);
            }
            ExitCode::from(if wrong { EXIT_LINES } else { 0 })
        }
        Err(why) => {
            if args.json {
                print(&format!("{}\n", json!({"files": names.collect::<Vec<_>>(), "ok": false, "error": why})));
            } else {
                eprintln!("synchronome import: {why}");
            }
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn note_json(note: &Note) -> serde_json::Value {
    let places = note.places.iter().map(|place| json!({"file": &*place.file, "line": place.line}));
    json!({
        "kind": note.kind.word(),
        "directive": note.directive,
        "text": note.text,
        "places": places.collect::<Vec<_>>(),
    })
}

/// The notes for stderr, each with its kind.
fn told(notes: &[Note]) -> String {
    let mut text = String::new();
    for note in notes {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}: {}", note.kind.title(), write::in_words(note));
    }
    text
}

/// What the arguments name.
fn inputs(args: &Args) -> Result<Vec<Input>, String> {
    let machine = Machine::default();
    let read = |path: &PathBuf| {
        if path.as_os_str() != "-" {
            return machine.read(path);
        }
        let mut bytes = Vec::new();
        let limited = std::io::stdin().take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
        limited.map_err(|error| format!("stdin: {error}"))?;
        if bytes.len() > FILE_BYTES_MAX {
            return Err("stdin: too long: a configuration has at most 1 MiB".to_owned());
        }
        let text = String::from_utf8(bytes).map_err(|_| "stdin: not UTF-8: not a text file".to_owned())?;
        text_of("stdin", text)
    };
    let mut inputs = args.files.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    if let Some(first) = args.arguments.first() {
        let program = if first.starts_with('-') { "phc2sys " } else { "" };
        inputs.push(text_of(COMMAND_LINE, format!("{program}{}\n", args.arguments.join(" ")))?);
    }
    Ok(inputs)
}

/// Makes one configuration of some files; `interfaces` are the ports of a `ptp4l.conf` that names none.
///
/// # Errors
/// That the format of one is not known, or that there is nothing in it.
pub fn import(
    inputs: &[Input],
    format: Option<Format>,
    interfaces: &[String],
    files: &Rc<dyn Files>,
) -> Result<Imported, String> {
    let mut document = Document::default();
    let mut read = Vec::new();
    for input in inputs {
        // What stands behind `--` is a command line whatever the files are.
        let format =
            if &*input.name == COMMAND_LINE { Some(Format::Phc2sys) } else { format.or_else(|| detect(input)) };
        read.push((input, format.ok_or_else(|| unknown_format(input))?));
    }
    // phc2sys follows the ports that are ptp4l's.
    read.sort_by_key(|(_, format)| *format == Format::Phc2sys);
    for (input, format) in &read {
        document = match format {
            Format::Chrony => chrony::import(input, Rc::clone(files), document),
            Format::Ntp => ntp::import(input, Rc::clone(files), document),
            Format::Ptp4l => ptp4l::import(input, interfaces, document),
            Format::Phc2sys => commands::import(input, interfaces, Rc::clone(files), document),
            Format::Timesyncd => timesyncd::import(input, files, document),
            Format::Timemaster => timemaster::import(input, files, document),
            Format::Sfptpd => sfptpd::import(input, interfaces, Rc::clone(files), document),
        };
    }
    if read.iter().any(|(_, format)| matches!(format, Format::Ptp4l | Format::Phc2sys)) {
        ptp4l::tell_system(&mut document);
    }
    let names: Vec<_> = inputs.iter().map(|input| &*input.name).collect();
    let title = format!("# Made by `synchronome import` of {}. Read the remarks at the end.\n", names.join(", "));
    let toml = write::settle(&mut document, &title).map_err(|errors| format!("{OWN_FAULT}:\n{errors}"))?;
    Ok(Imported { toml, notes: document.notes })
}

/// All formats, in the order of the help.
pub fn formats() -> &'static [Format] {
    Format::value_variants()
}

/// Makes a configuration of a text alone: no file that it names is read.
///
/// # Errors
/// As [`import`], and that it is no text.
pub fn import_text(format: Format, text: &str) -> Result<Imported, String> {
    let input = text_of("text", text.to_owned())?;
    import(&[input], Some(format), &[], &(Rc::new(Nothing) as Rc<dyn Files>))
}

fn unknown_format(input: &Input) -> String {
    if input.text.trim().is_empty() {
        return format!("{}: empty", input.name);
    }
    let formats: Vec<_> = formats().iter().filter_map(ValueEnum::to_possible_value).collect();
    let formats: Vec<_> = formats.iter().map(clap::builder::PossibleValue::get_name).collect();
    format!("{}: no format that is known: say which with --format ({})", input.name, formats.join(", "))
}

/// Parts of names of files, with the format of such a file.
const NAMES: [(&str, Format); 8] = [
    ("sfptpd", Format::Sfptpd),
    ("timemaster", Format::Timemaster),
    ("chrony", Format::Chrony),
    ("timesyncd", Format::Timesyncd),
    ("ptp4l", Format::Ptp4l),
    ("phc2sys", Format::Phc2sys),
    ("ntp.conf", Format::Ntp),
    ("ntpd.conf", Format::Ntp),
];

/// A format from the name of a file, else from the directives in it.
fn detect(input: &Input) -> Option<Format> {
    let name = Path::new(&*input.name).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if input.text.trim().is_empty() {
        return None;
    }
    // A unit of systemd, or a script, whatever its name is.
    if commands::is_meant(&input.text) {
        return Some(Format::Phc2sys);
    }
    if let Some((_, format)) = NAMES.iter().find(|(part, _)| name.contains(part)) {
        return Some(*format);
    }
    if timesyncd::is_meant(&input.text) {
        return Some(Format::Timesyncd);
    }
    if timemaster::is_meant(&input.text) {
        return Some(Format::Timemaster);
    }
    if sfptpd::is_meant(&input.text) {
        return Some(Format::Sfptpd);
    }
    let count = |is_known: &dyn Fn(&str) -> bool| {
        let words = text::lines(&input.text, "#!;%").filter_map(|(_, line)| line.split_whitespace().next());
        words.filter(|word| is_known(word)).count()
    };
    let is_chrony = |word: &str| chrony::knows(&word.to_ascii_lowercase());
    // The directives of one program that the other does not have decide.
    let of_chrony = count(&|word| is_chrony(word) && !ntp::knows(word));
    let of_ntp = count(&|word| ntp::knows(word) && !is_chrony(word));
    let of_ptp4l = count(&ptp4l::knows);
    if of_ptp4l > of_chrony.max(of_ntp) {
        return Some(Format::Ptp4l);
    }
    match of_chrony.cmp(&of_ntp) {
        std::cmp::Ordering::Greater => Some(Format::Chrony),
        std::cmp::Ordering::Less => Some(Format::Ntp),
        std::cmp::Ordering::Equal => (count(&is_chrony) > 0).then_some(Format::Chrony),
    }
}

/// The tables of the manual's chapter on migration.
pub fn manual_tables() -> String {
    [
        chrony::manual(),
        ntp::manual(),
        ptp4l::manual(),
        commands::manual(),
        timesyncd::manual(),
        timemaster::manual(),
        sfptpd::manual(),
    ]
    .concat()
}

#[cfg(test)]
mod tests;
