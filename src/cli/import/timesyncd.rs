//! `timesyncd.conf` of systemd-timesyncd, with the drop-ins beside it.

use std::path::Path;
use std::rc::Rc;

use super::document::{Document, Kind, Line};
use super::files::{Files, Input};
use super::sections;
use super::table::{
    Importer, OtherDefault, Row, apply, changed, manual_defaults, manual_table, missing, needless, tell_defaults,
};
use crate::config::Value;
use crate::time::Duration;

/// How often timesyncd asks at first.
const POLL_MIN: Duration = Duration::from_secs(32);
/// How often a server is asked here, unless told.
const OUR_POLL: Duration = Duration::from_secs(64);

/// A `timesyncd.conf` on its way.
#[derive(Default)]
pub struct Timesyncd {
    document: Document,
    servers: Vec<(String, Line)>,
    fallback: Vec<(String, Line)>,
    distance: Option<(Duration, Line)>,
    poll: Option<(Duration, Line)>,
    poll_max: Option<(Duration, Line)>,
    said: Vec<String>,
}

impl Importer for Timesyncd {
    fn document(&mut self) -> &mut Document {
        &mut self.document
    }
}

/// Takes a `timesyncd.conf` into a document.
pub fn import(input: &Input, files: &Rc<dyn Files>, document: Document) -> Document {
    let mut timesyncd = Timesyncd { document, ..Timesyncd::default() };
    timesyncd.file(input);
    let directory = format!("{}.d", input.name);
    for path in files.list(Path::new(&directory)) {
        if path.extension().is_some_and(|extension| extension == "conf") {
            match files.read(&path) {
                Ok(input) => timesyncd.file(&input),
                Err(why) => timesyncd.document.note_of(Kind::Wrong, "drop-in", format!("not read: {why}")),
            }
        }
    }
    timesyncd.finish()
}

/// Whether a text is such a file.
pub fn is_meant(text: &str) -> bool {
    text.lines().any(|line| line.trim() == "[Time]")
}

impl Timesyncd {
    fn file(&mut self, input: &Input) {
        let read = sections::read(input, "#;", true);
        for stray in &read.strays {
            self.document.note(Kind::Wrong, stray, "it stands in no section");
        }
        for block in read.blocks {
            if block.name != "Time" {
                self.document.note(Kind::Unknown, &block.header, "");
                continue;
            }
            for line in block.settings {
                self.said.push(line.name().to_owned());
                apply(SETTINGS, self, &line);
            }
        }
    }

    /// Where the longest interval is shorter than ours, it says how often is asked at all.
    fn polls(&mut self) {
        let shortest = self.poll.as_ref().map_or(POLL_MIN, |(shortest, _)| *shortest);
        if let Some((_, line)) = self.poll_max.take_if(|(longest, _)| *longest < shortest) {
            let text = "it is shorter than PollIntervalMinSec (32 s unless said): timesyncd takes its own 2048 s then";
            self.document.note(Kind::Wrong, &line, text);
        }
        if let Some((longest, line)) = &self.poll_max
            && *longest < OUR_POLL
        {
            self.poll.get_or_insert_with(|| (POLL_MIN, line.clone()));
        }
    }

    fn finish(mut self) -> Document {
        let is_fallback = self.servers.is_empty();
        let named = if is_fallback { std::mem::take(&mut self.fallback) } else { std::mem::take(&mut self.servers) };
        if let Some((_, line)) = self.fallback.first() {
            let line = line.clone();
            self.document.note(Kind::Needless, &line, "it counts where NTP= names no server, and is left out");
        }
        if named.is_empty() {
            let text = "the servers are of the network's configuration (DHCP), or built into the program: name some in [[ntp.source]]";
            self.document.note_of(Kind::Missing, "without NTP", text);
        }
        self.polls();
        for (name, line) in named {
            let section = self.document.add("ntp.source", Some(&line));
            self.document.set_in(section, "address", Value::Text(name), Some(&line));
            for (option, limit) in [("poll", &self.poll), ("poll_max", &self.poll_max)] {
                if let Some((duration, line)) = limit {
                    self.document.set_in(section, option, Value::Integer(log2(*duration)), Some(line));
                }
            }
            if let Some((distance, line)) = &self.distance {
                self.document.set_in(section, "max_distance", Value::Duration(*distance), Some(line));
            }
        }
        self.document.set("clock.system", Value::Word("discipline"), None);
        let said = std::mem::take(&mut self.said);
        tell_defaults(DEFAULTS, &mut self.document, &|name| said.iter().any(|said| said == name));
        self.document
    }
}

/// The logarithm to base 2 of a duration in seconds, rounded down.
fn log2(duration: Duration) -> i64 {
    (-30..=30_i64).rev().find(|log| super::sources::log_seconds(*log).is_ok_and(|step| step <= duration)).unwrap_or(-30)
}

/// A span of time as systemd writes it: `5`, `1min 20s`, `500ms`.
fn span(line: &Line) -> Result<Duration, String> {
    line.needed(1, "the time")?;
    let text = line.words[1..].concat();
    let mut total = Duration::ZERO;
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, behind) = rest.split_at(end);
        let end = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(end);
        let unit = match unit.trim() {
            "" | "s" | "sec" | "second" | "seconds" => "s",
            "ms" | "msec" => "ms",
            "us" | "usec" => "us",
            "m" | "min" | "minute" | "minutes" => "min",
            "h" | "hr" | "hour" | "hours" => "h",
            other => return Err(format!("{other:?} is no unit that is known")),
        };
        total += super::text::duration(number, unit)?;
        rest = behind;
    }
    Ok(total)
}

fn servers(line: &Line) -> Vec<(String, Line)> {
    line.words[1..].iter().map(|name| (name.clone(), line.clone())).collect()
}

/// The settings of `[Time]`.
pub const SETTINGS: &[Row<Timesyncd>] = &[
    changed(
        "NTP",
        "ntp.source.address",
        |t, line| {
            // Without a value it takes back what was said before.
            if line.words.len() == 1 {
                t.servers.clear();
            } else {
                t.servers.extend(servers(line));
            }
            Ok(())
        },
        "all are asked and judged together; timesyncd asks one, and the next one where that does not answer",
    ),
    changed(
        "FallbackNTP",
        "ntp.source.address",
        |t, line| {
            if line.words.len() == 1 {
                t.fallback.clear();
            } else {
                t.fallback.extend(servers(line));
            }
            Ok(())
        },
        "servers of the network's configuration (DHCP) are not known here; these count where NTP= names none",
    ),
    changed(
        "RootDistanceMaxSec",
        "ntp.source.max_distance",
        |t, line| {
            t.distance = Some((span(line)?, line.clone()));
            Ok(())
        },
        "what the way to the server leaves open counts too",
    ),
    changed(
        "PollIntervalMinSec",
        "ntp.source.poll",
        |t, line| {
            t.poll = Some((span(line)?, line.clone()));
            Ok(())
        },
        "a power of two of seconds",
    ),
    changed(
        "PollIntervalMaxSec",
        "ntp.source.poll_max",
        |t, line| {
            t.poll_max = Some((span(line)?, line.clone()));
            Ok(())
        },
        "a power of two of seconds; it becomes longer while the clock is LOCKED, all agree and answers say little that is new",
    ),
    missing("ConnectionRetrySec", "a server that does not answer is asked at its interval"),
    needless("SaveIntervalSec", "the time of before a restart is the RTC's: clock.rtc"),
];

/// What timesyncd does where its file says nothing, and we do something else.
pub const DEFAULTS: &[OtherDefault] = &[
    OtherDefault {
        unless: &["PollIntervalMinSec", "PollIntervalMaxSec"],
        needs: Some("ntp.source"),
        text: "timesyncd asks each 32 s at first and each 2048 s at last; here it stays at 64 s unless ntp.source.poll_max is longer: be polite to servers that are not yours",
    },
    OtherDefault {
        unless: &["RootDistanceMaxSec"],
        needs: Some("ntp.source"),
        text: "timesyncd takes a server that leaves up to 5 s open; here ntp.source.max_distance is 3 s",
    },
];

/// What the manual says of all this.
pub fn manual() -> String {
    ["\n## timesyncd.conf\n".to_owned(), manual_defaults(DEFAULTS), manual_table("In `[Time]`:", SETTINGS)].concat()
}
