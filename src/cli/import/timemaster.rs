//! `timemaster.conf` of linuxptp (up to 4.4): NTP servers and PTP domains, with parts of other programs' files in it.

use std::rc::Rc;

use super::document::{Document, Kind, Line};
use super::files::{Files, Input};
use super::sections::{self, Block};
use super::table::{Importer, Row, apply, manual_table, missing, needless, same};
use super::text::integer;
use super::{chrony, ntp, ptp4l};
use crate::config::Value;
use crate::time::Duration;

/// What chronyd is told of steps where there is no `[chrony.conf]`: from 1 s on, the first ones.
const STEP_WITHOUT_A_PART: Duration = Duration::SECOND;

/// ptp4l's settings of steps.
const STEPS: [&str; 2] = ["first_step_threshold", "step_threshold"];

/// A `timemaster.conf` on its way.
#[derive(Default)]
pub struct Timemaster {
    document: Document,
    is_ntpd: bool,
    /// The server that is being read, as a directive of the other program.
    server: Vec<String>,
    domain: Domain,
}

/// The PTP domain that is being read.
#[derive(Clone, Debug, Default)]
struct Domain {
    interfaces: Vec<(String, Line)>,
    ptp4l: Vec<Line>,
    switches: Vec<(&'static str, Line)>,
}

impl Importer for Timemaster {
    fn document(&mut self) -> &mut Document {
        &mut self.document
    }
}

/// Takes a `timemaster.conf` into a document.
pub fn import(input: &Input, files: &Rc<dyn Files>, document: Document) -> Document {
    let mut timemaster = Timemaster { document, ..Timemaster::default() };
    let read = sections::read(input, "#", false);
    for stray in &read.strays {
        timemaster.document.note(Kind::Wrong, stray, "it stands in no section");
    }
    let of = |name: &str| read.blocks.iter().filter(|block| block.name.eq_ignore_ascii_case(name)).collect::<Vec<_>>();
    for block in of("timemaster") {
        timemaster.settings(TIMEMASTER, block);
    }
    for name in ["chronyd", "ntpd", "phc2sys", "ptp4l"] {
        for block in of(name) {
            timemaster.settings(PROGRAM, block);
        }
    }
    let (named, other) = if timemaster.is_ntpd { ("ntp.conf", "chrony.conf") } else { ("chrony.conf", "ntp.conf") };
    for block in of(other) {
        timemaster.document.note(Kind::Needless, &block.header, "ntp_program names the other program");
    }
    // Of parts of one name the last one counts.
    let part =
        |name: &str| of(name).last().map_or_else(Vec::new, |block| block.settings.iter().map(unescaped).collect());
    let common: Vec<Line> = part("ptp4l.conf");
    let mut servers = Vec::new();
    for block in &read.blocks {
        let (kind, parameter) = block.name.split_once(char::is_whitespace).unwrap_or((&block.name, ""));
        match kind.to_ascii_lowercase().as_str() {
            "ptp_domain" => timemaster.domain(block, parameter.trim(), &common),
            "ntp_server" => servers.push(timemaster.server(block, parameter.trim())),
            "timemaster" | "chronyd" | "ntpd" | "phc2sys" | "ptp4l" | "chrony.conf" | "ntp.conf" | "ptp4l.conf" => {}
            _ => timemaster.document.note(Kind::Unknown, &block.header, ""),
        }
    }
    let lines: Vec<Line> = part(named).into_iter().chain(servers).collect();
    let document = timemaster.document;
    if timemaster.is_ntpd {
        return ntp::import_lines(&lines, Rc::clone(files), document);
    }
    let is_without = of(named).is_empty();
    let meant: &[&str] = if is_without { &["makestep"] } else { &[] };
    let mut document = chrony::import_lines(&lines, meant, Rc::clone(files), document);
    if is_without {
        document.set("clock.step.first", Value::Duration(STEP_WITHOUT_A_PART), None);
        document.note_of(
            Kind::Changed,
            "without [chrony.conf]",
            "makestep 1 3, of which the first correction alone may be a step here",
        );
    }
    document
}

/// A line of a part whose brackets would have begun a section.
fn unescaped(line: &Line) -> Line {
    let mut line = line.clone();
    match line.words[0].strip_prefix('>').map(str::to_owned) {
        Some(rest) if rest.is_empty() && line.words.len() > 1 => {
            line.words.remove(0);
        }
        Some(rest) => line.words[0] = rest,
        None => {}
    }
    line.label.clone_from(&line.words[0]);
    line
}

impl Timemaster {
    /// Names of settings are read in any case.
    fn settings(&mut self, table: &[Row<Self>], block: &Block) {
        for line in &block.settings {
            let mut line = line.clone();
            line.words[0].make_ascii_lowercase();
            line.label.clone_from(&line.words[0]);
            apply(table, self, &line);
        }
    }

    /// A server as a line of the other program's file.
    fn server(&mut self, block: &Block, address: &str) -> Line {
        self.server = vec!["server".to_owned(), address.to_owned()];
        self.server.retain(|word| !word.is_empty());
        self.settings(NTP_SERVER, block);
        Line { words: std::mem::take(&mut self.server), ..block.header.clone() }
    }

    fn say(&mut self, name: &str, value: &str) {
        self.server.extend([name, value].map(str::to_owned));
    }

    /// The ports of a domain; ptp4l follows there, and never serves.
    fn domain(&mut self, block: &Block, number: &str, common: &[Line]) {
        self.domain = Domain::default();
        self.settings(PTP_DOMAIN, block);
        let domain = std::mem::take(&mut self.domain);
        if domain.interfaces.is_empty() {
            return self.document.note(Kind::Wrong, &block.header, "it names no interfaces");
        }
        let before = self.document.all("ptp").len();
        let mut ptp4l = ptp4l::Ptp4l::default();
        std::mem::swap(ptp4l.document(), &mut self.document);
        // Which stamps, and the socket, are timemaster's to say.
        ptp4l.meant(&["time_stamping", "uds_address", STEPS[0]]);
        for part in parts_of(common) {
            match part {
                Part::Settings(lines) => lines.into_iter().for_each(|line| say(&mut ptp4l, line)),
                Part::Block(block) => ptp4l.block(block),
            }
        }
        domain.ptp4l.into_iter().for_each(|line| say(&mut ptp4l, line));
        for words in [["clientOnly", "1"], ["domainNumber", number]] {
            ptp4l.say(Line { words: words.map(str::to_owned).to_vec(), ..block.header.clone() });
        }
        for (name, line) in &domain.interfaces {
            ptp4l.port_of(name, Some(line), Vec::new());
        }
        self.document = ptp4l.finish();
        for section in self.document.all("ptp").into_iter().skip(before) {
            for (name, line) in &domain.switches {
                self.document.set_in(section, name, Value::Switch(true), Some(line));
            }
        }
    }
}

/// Says a setting of ptp4l, but for those of steps: they are of cards' clocks there, and of all clocks here.
fn say(ptp4l: &mut ptp4l::Ptp4l, line: Line) {
    if STEPS.contains(&line.name()) {
        let text =
            "cards' clocks alone are stepped by it there; clock.step is of all clocks, and as chronyd or ntpd has it";
        return ptp4l.document().note(Kind::Changed, &line, text);
    }
    ptp4l.say(line);
}

/// What `[ptp4l.conf]` has: settings of all ports, and sections.
enum Part {
    Settings(Vec<Line>),
    Block(Block),
}

fn parts_of(lines: &[Line]) -> Vec<Part> {
    let mut parts = vec![Part::Settings(Vec::new())];
    for line in lines {
        if let Some(name) = line.name().strip_prefix('[').map(|name| name.trim_end_matches(']')) {
            parts.push(Part::Block(Block { name: name.to_owned(), header: line.clone(), settings: Vec::new() }));
            continue;
        }
        match parts.last_mut() {
            Some(Part::Settings(known)) => known.push(line.clone()),
            Some(Part::Block(block)) => block.settings.push(line.clone()),
            None => {}
        }
    }
    parts
}

/// `[timemaster]`.
pub const TIMEMASTER: &[Row<Timemaster>] = &[
    same("ntp_program", "ntp.source", |t, line| {
        t.is_ntpd = match line.needed(1, "the program")?.to_ascii_lowercase().as_str() {
            "chronyd" => false,
            "ntpd" => true,
            other => return Err(format!("{other:?} is neither chronyd nor ntpd")),
        };
        Ok(())
    }),
    needless("rundir", "nothing is made for other programs"),
    missing("user", "the unit of systemd says who runs it; started as root it becomes security.user"),
    needless("first_shm_segment", "ports and clocks are one program"),
    needless("restart_processes", "ports and clocks are one program, which systemd starts again"),
    missing("use_vclocks", "there are no virtual clocks: a card's clock follows one port"),
];

/// `[chronyd]`, `[ntpd]`, `[phc2sys]` and `[ptp4l]`.
pub const PROGRAM: &[Row<Timemaster>] = &[
    needless("path", "one program does what these do"),
    missing(
        "options",
        "options of ptp4l are read as settings of [ptp4l.conf] alone; those of the others are of their processes",
    ),
];

/// `[ntp_server ADDRESS]`.
pub const NTP_SERVER: &[Row<Timemaster>] = &[
    same("minpoll", "ntp.source.poll", |t, line| {
        t.say("minpoll", line.needed(1, "the number")?);
        Ok(())
    }),
    same("maxpoll", "ntp.source.poll_max", |t, line| {
        t.say("maxpoll", line.needed(1, "the number")?);
        Ok(())
    }),
    same("iburst", "ntp.source.iburst", |t, line| {
        if integer(line.needed(1, "0 or 1")?)? != 0 {
            t.server.push("iburst".to_owned());
        }
        Ok(())
    }),
    same("ntp_options", "ntp.source", |t, line| {
        t.server.extend(line.words[1..].iter().cloned());
        Ok(())
    }),
];

/// `[ptp_domain NUMBER]`.
pub const PTP_DOMAIN: &[Row<Timemaster>] = &[
    same("interfaces", "ptp.interface", |t, line| {
        line.needed(1, "the interfaces")?;
        t.domain.interfaces = line.words[1..].iter().map(|name| (name.clone(), line.clone())).collect();
        Ok(())
    }),
    same("ptp4l_option", "ptp", |t, line| {
        line.needed(2, "the option or its value")?;
        let words = line.words[1..].to_vec();
        t.domain.ptp4l.push(Line { label: words[0].clone(), words, ..line.clone() });
        Ok(())
    }),
    same("ntp_options", "ptp.prefer, ptp.trust", |t, line| {
        t.domain.switches.clear();
        for word in &line.words[1..] {
            match word.to_ascii_lowercase().as_str() {
                "prefer" => t.domain.switches.push(("prefer", line.clone())),
                "trust" => t.domain.switches.push(("trust", line.clone())),
                other => {
                    t.document.note(Kind::Missing, line, format!("{other}: a PTP port has prefer and trust alone"));
                }
            }
        }
        Ok(())
    }),
    needless("ntp_poll", "what a port measures counts at once"),
    needless("phc2sys_poll", "clocks are compared as often as it pays"),
    missing("delay", "what the way to the master leaves open is measured: half of the path's delay"),
];

/// Whether a text is such a file.
pub fn is_meant(text: &str) -> bool {
    text.lines().any(|line| line.trim() == "[timemaster]" || line.trim().starts_with("[ptp_domain "))
}

/// What the manual says of all this.
pub fn manual() -> String {
    [
        "\n## timemaster.conf\n\n`[chrony.conf]` or `[ntp.conf]`, and `[ptp4l.conf]`, are read as such files. Every interface is a `[[ptp]]` that follows.\n".to_owned(),
        manual_table("In `[timemaster]`:", TIMEMASTER),
        manual_table("In `[ntp_server ADDRESS]`:", NTP_SERVER),
        manual_table("In `[ptp_domain NUMBER]`:", PTP_DOMAIN),
        manual_table("In `[chronyd]`, `[ntpd]`, `[phc2sys]` and `[ptp4l]`:", PROGRAM),
    ]
    .concat()
}
