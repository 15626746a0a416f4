//! What is known of the daemon, and what is looked at: everything that a frame is a function of.
//!
//! Nothing in here reads a clock, asks or draws. Times are in seconds since this program began, by a clock that nobody sets.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use synchronome::observe::Status;

use crate::history::History;
use crate::look::Look;

/// How much time the picture of the offset shows, in seconds and in words; the first is the shortest.
pub const SPANS: [(f64, &str); 5] =
    [(60.0, "1 min"), (300.0, "5 min"), (900.0, "15 min"), (3_600.0, "1 h"), (7_200.0, "2 h")];
/// The one at the start.
const SPAN_AT_START: usize = 1;
/// An answer that is older than so many intervals is told as what it is.
const OLD_AFTER_INTERVALS: f64 = 3.0;
/// Lines of a page up or down.
const PAGE_LINES: usize = 10;

/// What is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, Debug)]
pub enum View {
    /// Something of everything
    #[default]
    All,
    /// The offset and the bound over time, and what the bound is made of
    Offset,
    /// The sources, each with its interval and its reason
    Sources,
    /// The way that time takes, from the grandmaster to the clients
    Clocks,
    /// What happened of late
    Events,
}

impl View {
    /// All, in the order of their digits.
    pub const ALL: [Self; 5] = [Self::All, Self::Offset, Self::Sources, Self::Clocks, Self::Events];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Offset => "offset",
            Self::Sources => "sources",
            Self::Clocks => "clocks",
            Self::Events => "events",
        }
    }

    fn shifted(self, by: usize) -> Self {
        let at = Self::ALL.iter().position(|view| *view == self).unwrap_or(0);
        Self::ALL[(at + by) % Self::ALL.len()]
    }
}

/// The last status, and when it came.
#[derive(Clone, Debug)]
pub struct Known {
    /// What the daemon said.
    pub status: Status,
    /// When.
    pub at: f64,
}

/// The daemon does not answer.
#[derive(Clone, PartialEq, Debug)]
pub struct Silence {
    /// Since when, as far as we have asked.
    pub since: f64,
    /// Why, and what to do: a line each.
    pub why: Vec<String>,
}

/// What a key asks for beyond the model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    /// The end.
    Quit,
    /// An answer at once.
    Ask,
    /// The shell, until it lets us go on.
    Suspend,
}

/// All that a frame shows.
#[derive(Clone, Debug)]
pub struct Model {
    /// How it looks.
    pub look: Look,
    /// How often the daemon is asked, in seconds.
    pub interval_s: f64,
    /// What it said last; `None` before the first answer.
    pub known: Option<Known>,
    /// That it does not answer; `None` while it does.
    pub silence: Option<Silence>,
    /// What it said before.
    pub history: History,
    /// What is looked at.
    pub view: View,
    /// How many lines of it have gone by.
    pub scroll: usize,
    /// Which of [`SPANS`].
    pub span: usize,
    /// Whether the keys are explained.
    pub is_helping: bool,
}

impl Model {
    /// Before the first answer.
    pub const fn new(look: Look, interval_s: f64, view: View) -> Self {
        Self {
            look,
            interval_s,
            known: None,
            silence: None,
            history: History::new(interval_s),
            view,
            scroll: 0,
            span: SPAN_AT_START,
            is_helping: false,
        }
    }

    /// The daemon has answered, or not: then why.
    pub fn answered(&mut self, now: f64, answer: Result<Status, Vec<String>>) {
        match answer {
            Ok(status) => {
                self.history.add(now, &status);
                self.known = Some(Known { status, at: now });
                self.silence = None;
            }
            Err(why) => {
                let since = self.silence.as_ref().map_or(now, |silence| silence.since);
                self.silence = Some(Silence { since, why });
            }
        }
    }

    /// How old the last status is, where that is so old that its figures are not those of now.
    pub fn out_of_date_for(&self, now: f64) -> Option<f64> {
        let age = now - self.known.as_ref()?.at;
        (self.silence.is_some() || age > self.interval_s * OLD_AFTER_INTERVALS).then_some(age)
    }

    /// How much time the picture shows.
    pub const fn span(&self) -> (f64, &'static str) {
        SPANS[self.span]
    }

    /// What a key does.
    pub fn key(&mut self, key: KeyEvent) -> Option<Wish> {
        if key.kind == KeyEventKind::Release {
            return None;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c') => Some(Wish::Quit),
                KeyCode::Char('z') => Some(Wish::Suspend),
                KeyCode::Char('l') => Some(Wish::Ask),
                _ => None,
            };
        }
        let was_helping = std::mem::take(&mut self.is_helping);
        match key.code {
            KeyCode::Char('q') => return Some(Wish::Quit),
            KeyCode::Char(' ' | 'r') => return Some(Wish::Ask),
            KeyCode::Char('?' | 'h') | KeyCode::F(1) => self.is_helping = !was_helping,
            KeyCode::Char(digit @ '1'..='9') => {
                let place = digit as usize - '1' as usize;
                View::ALL.get(place).into_iter().for_each(|view| self.look_at(*view));
            }
            KeyCode::Tab | KeyCode::Right => self.look_at(self.view.shifted(1)),
            KeyCode::BackTab | KeyCode::Left => self.look_at(self.view.shifted(View::ALL.len() - 1)),
            KeyCode::Char('+' | '=') => self.span = self.span.saturating_sub(1),
            KeyCode::Char('-') => self.span = (self.span + 1).min(SPANS.len() - 1),
            KeyCode::Up | KeyCode::Char('k') => self.scroll = self.scroll.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.scroll += 1,
            KeyCode::PageUp => self.scroll = self.scroll.saturating_sub(PAGE_LINES),
            KeyCode::PageDown => self.scroll += PAGE_LINES,
            KeyCode::Home => self.scroll = 0,
            _ => {}
        }
        None
    }

    fn look_at(&mut self, view: View) {
        (self.view, self.scroll) = (view, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        Model::new(Look::default(), 1.0, View::All)
    }

    fn press(model: &mut Model, code: KeyCode) -> Option<Wish> {
        model.key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn digits_and_tab_lead_through_the_views_and_round() {
        let mut model = model();
        for (digit, view) in "12345".chars().zip(View::ALL) {
            press(&mut model, KeyCode::Char(digit));
            assert_eq!(model.view, view);
        }
        press(&mut model, KeyCode::Char('9'));
        assert_eq!(model.view, View::Events, "there is no ninth");
        press(&mut model, KeyCode::Tab);
        assert_eq!(model.view, View::All);
        press(&mut model, KeyCode::BackTab);
        assert_eq!(model.view, View::Events);
    }

    #[test]
    fn q_and_ctrl_c_end_it_and_c_does_not() {
        let mut model = model();
        assert_eq!(press(&mut model, KeyCode::Char('q')), Some(Wish::Quit));
        assert_eq!(model.key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Some(Wish::Quit));
        assert_eq!(press(&mut model, KeyCode::Char('c')), None);
    }

    #[test]
    fn another_view_begins_at_its_top_and_the_span_has_ends() {
        let mut model = model();
        press(&mut model, KeyCode::PageDown);
        assert_eq!(model.scroll, PAGE_LINES);
        press(&mut model, KeyCode::Char('5'));
        assert_eq!(model.scroll, 0);
        press(&mut model, KeyCode::Up);
        assert_eq!(model.scroll, 0);
        for (key, span) in [('-', "2 h"), ('+', "1 min")] {
            for _ in 0..9 {
                press(&mut model, KeyCode::Char(key));
            }
            assert_eq!(model.span().1, span);
        }
    }

    #[test]
    fn any_key_but_its_own_ends_the_help_and_does_its_work() {
        let mut model = model();
        press(&mut model, KeyCode::Char('?'));
        assert!(model.is_helping);
        press(&mut model, KeyCode::Char('?'));
        assert!(!model.is_helping);
        press(&mut model, KeyCode::Char('?'));
        press(&mut model, KeyCode::Char('3'));
        assert!(!model.is_helping && model.view == View::Sources);
    }

    #[test]
    fn silence_counts_from_the_first_question_without_an_answer() {
        let mut model = model();
        model.answered(1.0, Ok(Status::default()));
        assert_eq!(model.out_of_date_for(2.0), None);
        assert_eq!(model.out_of_date_for(4.5), Some(3.5), "no answer and no refusal");
        model.answered(2.0, Err(vec!["gone".to_owned()]));
        model.answered(3.0, Err(vec!["still gone".to_owned()]));
        assert_eq!(model.silence, Some(Silence { since: 2.0, why: vec!["still gone".to_owned()] }));
        assert_eq!(model.out_of_date_for(3.0), Some(2.0));
        model.answered(4.0, Ok(Status::default()));
        assert_eq!((model.silence.clone(), model.out_of_date_for(4.0)), (None, None));
    }
}
