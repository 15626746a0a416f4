//! `synchronome events`: what has happened, and what happens.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use super::{STATUS_SOCKET, positive_duration};
use crate::observe::client::{Ask, Told, events};
use crate::observe::{EventKind, EventRecord, parse_rfc3339};
use crate::time::{Duration, Timestamp, Utc};

/// Show what has happened: each change of state, step, hand-over, falseticker, disruption, with what was before and why.
///
/// The daemon keeps its last 1024 events. With --follow it hands on each new one at once; whoever reads too slowly is told
/// how many he has lost. Any user may ask.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  synchronome events --since 1h
  synchronome events --follow --kind state,step,handover
  synchronome events --follow --json | jq -c '[.at, .kind, .subject, .old, .new, .reason]'

Kinds: state, step, panic, clock_set, foreign, handover, falseticker, verdict, disruption, phc_jump, port, master,
stamps, source, leap, thread, clock, hook, note. The chapter `watching` of the manual says what each means.

Exit codes:
  0  all was shown
  1  the daemon does not answer: it is not running, or listens elsewhere (see --socket); or it ended while followed
  2  wrong arguments")]
pub struct Args {
    /// Go on with those that happen, until Ctrl-C; without --since only those
    #[arg(long, short)]
    pub follow: bool,
    /// Print each as one line of JSON
    #[arg(long)]
    pub json: bool,
    /// Only those since: a duration ago (10min, 2h), or a time in UTC (2026-02-28T12:00:00Z)
    #[arg(long, value_name = "WHEN", value_parser = since)]
    pub since: Option<Since>,
    /// Only those of these kinds
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kind)]
    pub kind: Vec<EventKind>,
    /// The daemon's status socket
    #[arg(long, value_name = "PATH", default_value = STATUS_SOCKET)]
    pub socket: PathBuf,
}

/// From when on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Since {
    /// So long ago, also where the clock was stepped since.
    Ago(Duration),
    /// A time of the clock as it was then.
    At(Timestamp<Utc>),
}

fn since(text: &str) -> Result<Since, String> {
    if let Ok(ago) = positive_duration(text) {
        return Ok(Since::Ago(ago));
    }
    let whole = text.strip_suffix('Z').filter(|text| !text.contains('.')).map(|text| format!("{text}.000Z"));
    parse_rfc3339(whole.as_deref().unwrap_or(text))
        .map(Since::At)
        .ok_or_else(|| "neither a duration like 10min nor a time like 2026-02-28T12:00:00Z".to_owned())
}

fn kind(word: &str) -> Result<EventKind, String> {
    let known = || EventKind::ALL.map(EventKind::word).join(", ");
    EventKind::of(word).ok_or_else(|| format!("there is: {}", known()))
}

/// Asks the daemon and prints its events.
pub fn run(args: &Args) -> ExitCode {
    let asked = match (args.follow, args.since) {
        (false, _) => Ask::Kept,
        (true, None) => Ask::Coming,
        (true, Some(_)) => Ask::KeptAndComing,
    };
    let mut stdout = std::io::stdout();
    let mut is_closed = false;
    let outcome = events(&args.socket, asked, |line, told| {
        let text = match told {
            Told::Event(event) if !is_wanted(args, &event) => return true,
            _ if args.json => format!("{line}\n"),
            Told::Event(event) => in_words(&event),
            Told::Lost(lost) => format!("{lost} events are lost: they were read too late\n"),
        };
        is_closed = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).is_err();
        !is_closed
    });
    match outcome {
        Ok(()) if args.follow && !is_closed => {
            eprintln!("synchronome events: the daemon has ended");
            ExitCode::FAILURE
        }
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("synchronome events: {error}");
            ExitCode::FAILURE
        }
    }
}

fn is_wanted(args: &Args, event: &EventRecord) -> bool {
    let is_recent = args.since.is_none_or(|since| match since {
        Since::Ago(ago) => event.age_s <= ago.as_secs_f64(),
        Since::At(at) => parse_rfc3339(&event.at).is_some_and(|happened| happened >= at),
    });
    is_recent && (args.kind.is_empty() || args.kind.iter().any(|kind| kind.word() == event.kind))
}

/// `2026-02-28T12:00:00.000Z warn  state       LOCKED -> HOLDOVER: no sample came`.
fn in_words(event: &EventRecord) -> String {
    let EventRecord { at, level, kind, text, .. } = event;
    let mut line = String::new();
    let _ = writeln!(line, "{at} {level:<5} {kind:<11} {}", text.replace('\n', " "));
    line
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::EXIT_USAGE;

    #[derive(Parser, Debug)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn args(line: &str) -> Result<Args, clap::Error> {
        Line::try_parse_from(std::iter::once("events").chain(line.split_whitespace())).map(|line| line.args)
    }

    fn event(kind: &str, at: &str, age_s: f64) -> EventRecord {
        EventRecord {
            at: at.to_owned(),
            age_s,
            level: "warn".to_owned(),
            kind: kind.to_owned(),
            text: "LOCKED -> HOLDOVER: no sample came".to_owned(),
            ..EventRecord::default()
        }
    }

    #[test]
    fn events_are_chosen_by_age_by_time_and_by_kind() {
        let happened = event("state", "2026-02-28T12:00:00.000Z", 90.0);
        for (line, is_wanted) in [
            ("", true),
            ("--since 2min", true),
            ("--since 1min", false),
            ("--since 2026-02-28T12:00:00Z", true),
            ("--since 2026-02-28T12:00:00.001Z", false),
            ("--kind step,state", true),
            ("--kind step --kind port", false),
            ("--since 1min --kind state", false),
        ] {
            assert_eq!(super::is_wanted(&args(line).unwrap(), &happened), is_wanted, "{line}");
        }
        for wrong in ["--since yesterday", "--since -1s", "--kind statte", "--since 2026-02-30T00:00:00Z"] {
            assert_eq!(args(wrong).unwrap_err().exit_code(), i32::from(EXIT_USAGE), "{wrong}");
        }
    }

    #[test]
    fn an_event_is_one_line() {
        let happened = event("state", "2026-02-28T12:00:00.000Z", 90.0);
        let expected = "2026-02-28T12:00:00.000Z warn  state       LOCKED -> HOLDOVER: no sample came\n";
        assert_eq!(in_words(&happened), expected);
    }

    #[test]
    fn the_help_names_every_kind() {
        use clap::CommandFactory;
        let help = Line::command().render_long_help().to_string();
        for kind in EventKind::ALL {
            assert!(help.contains(kind.word()), "{}", kind.word());
        }
    }
}
