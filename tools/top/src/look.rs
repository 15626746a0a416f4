//! How it looks: tones with colour or without, characters of Unicode or ASCII.
//!
//! Nothing is said by colour alone: each tone stands beside a word or a mark that says the same.

use ratatui::style::{Color, Modifier, Style};
use synchronome::observe::{render, words};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// What a piece of text means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    /// Nothing in particular.
    Plain,
    /// As it should be.
    Good,
    /// Look here when there is time.
    Doubtful,
    /// Look here now.
    Bad,
    /// What is to be read first.
    Strong,
    /// What is read last.
    Faint,
}

impl From<words::Tone> for Tone {
    fn from(tone: words::Tone) -> Self {
        match tone {
            words::Tone::Good => Self::Good,
            words::Tone::Doubtful => Self::Doubtful,
            words::Tone::Bad => Self::Bad,
            words::Tone::Strong => Self::Strong,
            words::Tone::Faint => Self::Faint,
        }
    }
}

/// The characters that pictures are made of.
#[derive(Debug)]
pub struct Glyphs {
    /// Before the headline.
    pub mark: &'static str,
    /// Where a text was cut.
    pub cut: char,
    /// A rule beside a title.
    pub rule: &'static str,
    /// Inside the bound.
    pub band: &'static str,
    /// No offset at all.
    pub zero: &'static str,
    /// Our clock, on the axis of the sources.
    pub axis: &'static str,
    /// A measured offset, where there are no finer dots.
    pub offset: &'static str,
    /// The true error.
    pub truth: &'static str,
    /// Above what is shown.
    pub above: &'static str,
    /// Below what is shown.
    pub below: &'static str,
    /// The interval of the source that steers, of one that agrees, of one that does not.
    pub steers: &'static str,
    /// See [`Glyphs::steers`].
    pub guards: &'static str,
    /// See [`Glyphs::steers`].
    pub falseticker: &'static str,
    /// A part of a bar, and what is left of its whole.
    pub bar: [&'static str; 2],
    /// The branch to one of several, to the last, and what passes by on the left of them.
    pub branches: [&'static str; 3],
}

const UNICODE: Glyphs = Glyphs {
    mark: "●",
    cut: '…',
    rule: "─",
    band: "░",
    zero: "─",
    axis: "│",
    offset: "•",
    truth: "×",
    above: "▲",
    below: "▼",
    steers: "█",
    guards: "▒",
    falseticker: "×",
    bar: ["━", "·"],
    branches: ["├─ ", "└─ ", "│  "],
};

const ASCII: Glyphs = Glyphs {
    mark: "*",
    cut: '~',
    rule: "-",
    band: ":",
    zero: "-",
    axis: "|",
    offset: "o",
    truth: "x",
    above: "^",
    below: "v",
    steers: "#",
    guards: "=",
    falseticker: "x",
    bar: ["#", "."],
    branches: ["|- ", "`- ", "|  "],
};

/// What the terminal can do, and so how things look on it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Look {
    /// Colours may be used.
    pub colour: bool,
    /// Characters beyond ASCII may be used.
    pub unicode: bool,
}

impl From<render::Style> for Look {
    fn from(style: render::Style) -> Self {
        Self { colour: style.colour, unicode: style.unicode }
    }
}

impl Look {
    /// The characters.
    pub const fn glyphs(self) -> &'static Glyphs {
        if self.unicode { &UNICODE } else { &ASCII }
    }

    /// A tone as a style; without colours bold and dim are left.
    pub fn style(self, tone: Tone) -> Style {
        let plain = Style::new();
        let colour = |colour| if self.colour { plain.fg(colour) } else { plain };
        match tone {
            Tone::Plain => plain,
            Tone::Good => colour(Color::Green),
            Tone::Doubtful => colour(Color::Yellow),
            Tone::Bad => colour(Color::Red).add_modifier(Modifier::BOLD),
            Tone::Strong => plain.add_modifier(Modifier::BOLD),
            Tone::Faint => plain.add_modifier(Modifier::DIM),
        }
    }

    /// The text as this terminal can show it, cut to so many columns where it is wider, with a mark that it was.
    pub fn fit(self, text: &str, columns: usize) -> String {
        let shown: String = if self.unicode {
            text.to_owned()
        } else {
            text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
        };
        if shown.width() <= columns {
            return shown;
        }
        let (mut cut, mut width) = (String::new(), 0);
        for c in shown.chars() {
            width += c.width().unwrap_or(0);
            if width >= columns {
                break;
            }
            cut.push(c);
        }
        if columns > 0 {
            cut.push(self.glyphs().cut);
        }
        cut
    }

    /// The text in exactly so many columns.
    pub fn cell(self, text: &str, columns: usize) -> String {
        let mut cell = self.fit(text, columns);
        cell.extend(std::iter::repeat_n(' ', columns.saturating_sub(cell.width())));
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Look = Look { colour: true, unicode: true };
    const PLAIN: Look = Look { colour: false, unicode: false };

    #[test]
    fn a_text_is_cut_where_its_place_ends_with_a_mark() {
        assert_eq!(FULL.fit("grandmaster", 11), "grandmaster");
        assert_eq!(FULL.fit("grandmaster", 10), "grandmast…");
        assert_eq!(PLAIN.fit("grandmaster", 6), "grand~");
        assert_eq!(FULL.fit("時計時計", 6), "時計…", "two columns each");
        assert_eq!((FULL.fit("x", 0), FULL.fit("", 0)), (String::new(), String::new()));
        assert_eq!(FULL.cell("ab", 4), "ab  ");
        assert_eq!(PLAIN.cell("Zürich", 6), "Z?rich");
    }

    #[test]
    fn without_colour_no_tone_has_one() {
        let tones = [Tone::Plain, Tone::Good, Tone::Doubtful, Tone::Bad, Tone::Strong, Tone::Faint];
        assert!(tones.iter().all(|tone| PLAIN.style(*tone).fg.is_none()));
        assert_eq!(FULL.style(Tone::Bad).fg, Some(Color::Red));
    }
}
