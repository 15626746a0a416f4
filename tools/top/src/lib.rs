//! `synchronome-top`: a live view of the daemon in a terminal.
//!
//! It is a client like any other: it asks the status socket for what `synchronome status --json` prints, and nothing in the daemon knows
//! of it. That is why it is a program of its own, and why what draws on terminals is no part of the daemon.
//!
//! ```text
//! asking  --answers-->  model (+ history)  --(now)-->  views  -->  terminal | text
//! keys, signals  ------^                               header, offset (plot), sources, clocks, events
//! ```
//!
//! A frame is a pure function of the [`model`] and the time ([`views::draw`]), so that frames are tested without a terminal, and
//! printed by `--once`. Reading order: [`model`], [`history`], [`views`], [`watch`].
#![forbid(unsafe_code)]

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser as _;
use clap::ValueEnum as _;
use synchronome::cli::status::style;

pub mod arguments;
pub mod asking;
pub mod clean;
pub mod history;
pub mod look;
pub mod model;
pub mod once;
pub mod plot;
pub mod sheet;
pub mod terminal;
pub mod views;
pub mod watch;

use arguments::{Arguments, Size};
use model::{Model, View};

/// Runs the program.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let view = View::from_str(&arguments.view, true).unwrap_or_default();
    let model = Model::new(style().into(), arguments.interval.as_secs_f64(), view);
    if arguments.once {
        return print_once(&arguments, model);
    }
    if !io::stdout().is_terminal() {
        return failed("standard output is no terminal; --once prints one frame as text");
    }
    match watch::watch(&arguments, model) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&format!("the terminal: {error}; --once prints one frame as text")),
    }
}

fn print_once(arguments: &Arguments, mut model: Model) -> ExitCode {
    let began = Instant::now();
    let answer = match asking::once(&arguments.socket) {
        Ok(status) => status,
        Err(why) => return failed(&why.join("\n")),
    };
    let now = began.elapsed().as_secs_f64();
    model.answered(now, Ok(answer));
    let of_terminal = || ratatui::crossterm::terminal::size().ok().filter(|_| io::stdout().is_terminal());
    let of_terminal = || of_terminal().map(|(columns, rows)| Size { columns, rows });
    let size = arguments.size.or_else(of_terminal).unwrap_or(Size::USUAL);
    // Whoever closed the pipe early has what he wanted.
    let _ = io::stdout().write_all(once::text(&once::frame(&model, now, size)).as_bytes());
    ExitCode::SUCCESS
}

fn failed(why: &str) -> ExitCode {
    eprintln!("synchronome-top: {why}");
    ExitCode::FAILURE
}
