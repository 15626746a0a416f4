//! The terminal: taken, and given back as it was however this ends.
//!
//! A program that draws takes three things of a terminal: the alternate screen, the cursor, and raw mode, in which no key is echoed and
//! Ctrl-C is a key. A shell without them is of no use, so they are given back in every case: when the [`Screen`] is dropped, when any
//! thread panics (the message is printed after that, where it can be read, and the program ends), and at a signal, which
//! the loop hears as a message ([`crate::watch`]).

use std::io::{self, Stdout, stdout};
use std::panic;

use nix::sys::signal::{Signal, raise};
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::{Frame, Terminal};

/// The exit code of a program in Rust that has panicked.
const EXIT_PANIC: i32 = 101;

/// The terminal while it is ours.
#[derive(Debug)]
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Takes it.
    ///
    /// # Errors
    /// There is none, or it refuses.
    pub fn open() -> io::Result<Self> {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            give_back();
            print(info);
            std::process::exit(EXIT_PANIC);
        }));
        take()?;
        Ok(Self { terminal: blank()? })
    }

    /// Draws a frame: what differs from the one before is written.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame)) -> io::Result<()> {
        self.terminal.draw(draw).map(|_| ())
    }

    /// Gives it back to the shell until that lets us go on, then takes it again.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn suspend(&mut self) -> io::Result<()> {
        give_back();
        raise(Signal::SIGTSTP)?;
        take()?;
        self.clear()
    }

    /// Forgets what is on it, for who finds it disturbed: the next frame is written as a whole.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn clear(&mut self) -> io::Result<()> {
        execute!(stdout(), Clear(ClearType::All))?;
        // Not `Terminal::clear`: that asks the terminal where its cursor is, and whoever reads the keys would take the answer for some.
        self.terminal = blank()?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// A terminal on which nothing is.
fn blank() -> io::Result<Terminal<CrosstermBackend<Stdout>>> {
    Terminal::new(CrosstermBackend::new(stdout()))
}

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    execute!(stdout(), EnterAlternateScreen)
}

/// What cannot be given back because the terminal is gone need not be.
fn give_back() {
    let _ = disable_raw_mode();
    let _ = execute!(stdout(), LeaveAlternateScreen, Show);
}
