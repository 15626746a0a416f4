//! The live view: three threads that wait, for keys, for the daemon, for signals, and one that draws when one of them has heard something.
//!
//! Nothing runs in a circle: a frame is drawn for each message, and once a second for the ages in it.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};
use std::{io, process};

use nix::sys::signal::{SigSet, Signal};
use ratatui::crossterm::event::{self, Event};
use synchronome::time::Duration as Interval;

use crate::arguments::Arguments;
use crate::asking::{self, Answer};
use crate::model::{Model, Wish};
use crate::terminal::Screen;
use crate::views;

/// A frame is at most so old.
const FRAME_AGE_MAX: Duration = Duration::from_secs(1);

/// What a thread has heard.
#[derive(Debug)]
enum Message {
    /// Of the daemon.
    Answer(Box<Answer>),
    /// Of the terminal: a key, or another size.
    Terminal(Event),
    /// That it is to end.
    End,
}

/// Watches until it is ended.
///
/// # Errors
/// There is no terminal, or it went.
pub fn watch(arguments: &Arguments, mut model: Model) -> io::Result<()> {
    let (tell, heard) = channel();
    let (ask_now, asked) = channel();
    hear_signals(tell.clone())?;
    let mut screen = Screen::open()?;
    hear_keys(tell.clone());
    let (socket, interval) = (arguments.socket.clone(), std_duration(arguments.interval));
    thread::spawn(move || {
        asking::again_and_again(&socket, interval, &asked, &tell, |answer| Message::Answer(Box::new(answer)));
    });
    let began = Instant::now();
    loop {
        let now = began.elapsed().as_secs_f64();
        let mut scroll_max = 0;
        screen.draw(|frame| scroll_max = views::draw(&model, now, frame.area(), frame.buffer_mut()))?;
        model.scroll = model.scroll.min(scroll_max);
        for message in next(&heard) {
            let now = began.elapsed().as_secs_f64();
            let wish = match message {
                Message::Answer(answer) => {
                    model.answered(now, *answer);
                    None
                }
                Message::Terminal(Event::Key(key)) => model.key(key),
                // The next frame has the size of then.
                Message::Terminal(_) => None,
                Message::End => return Ok(()),
            };
            match wish {
                None => {}
                Some(Wish::Quit) => return Ok(()),
                Some(Wish::Suspend) => screen.suspend()?,
                Some(Wish::Ask) => {
                    screen.clear()?;
                    // It listens as long as we do.
                    let _ = ask_now.send(());
                }
            }
        }
    }
}

/// Waits for a message, and takes those that wait behind it, so that a held key does not draw frames that nobody sees. None: it is time for a frame.
fn next(heard: &Receiver<Message>) -> Vec<Message> {
    match heard.recv_timeout(FRAME_AGE_MAX) {
        Ok(first) => std::iter::once(first).chain(heard.try_iter()).collect(),
        Err(RecvTimeoutError::Timeout) => Vec::new(),
        Err(RecvTimeoutError::Disconnected) => vec![Message::End],
    }
}

/// The terminal is restored before a signal ends us: so it comes as a message. Before any other thread begins, which would else take it.
fn hear_signals(tell: Sender<Message>) -> io::Result<()> {
    let signals = SigSet::from_iter([Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT]);
    signals.thread_block()?;
    thread::spawn(move || {
        let _ = signals.wait();
        let _ = tell.send(Message::End);
        // A loop that does not hear, because its terminal does not take what it writes, must end too.
        let _ = signals.wait();
        process::exit(1);
    });
    Ok(())
}

fn hear_keys(tell: Sender<Message>) {
    thread::spawn(move || {
        loop {
            let message = event::read().map_or(Message::End, Message::Terminal);
            let is_last = matches!(message, Message::End);
            if tell.send(message).is_err() || is_last {
                return;
            }
        }
    });
}

/// The interval as the standard library has it; it is between limits that both have.
fn std_duration(interval: Interval) -> Duration {
    Duration::from_secs_f64(interval.as_secs_f64())
}
