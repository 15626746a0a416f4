//! The status as text for a terminal.
//!
//! From the top: one line that answers the question, what is wrong, what the bound is made of, the way that time
//! takes (grandmaster, port, clock, NTP clients), what happened. A reader in a hurry stops early. Pure: the same
//! [`Status`] and [`Style`] give the same bytes.

use std::fmt::Write as _;

use super::status::Status;
use super::units::{count, seconds, span};
pub use super::words::headline;
use super::words::{Node, Said, SourceWords, Tone, about, bound, clock, percent, tree, troubles, truth};

mod clients;
mod ptp;
mod security;
mod sources;

pub use clients::clients_table;
pub use ptp::ptp_text;
pub(super) use ptp::{contracts_in_brief, metadata_in_words};
pub use sources::sources_table;

/// How many of the last events are shown.
const EVENTS_SHOWN_MAX: usize = 5;
/// Width of the tree's left column in characters.
const NAME_WIDTH: usize = 28;
/// Width of the bars in characters.
const BAR_WIDTH: usize = 32;

/// What the terminal can do.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Style {
    /// Colours may be used.
    pub colour: bool,
    /// Characters beyond ASCII may be used.
    pub unicode: bool,
}

/// The whole status as text, each line ended.
pub fn render(status: &Status, style: Style) -> String {
    let mut page = Page { text: String::new(), style };
    page.title(status);
    page.troubles(status);
    page.bound(status);
    page.clock(status);
    page.tree(status);
    page.sources(status);
    page.truth(status);
    page.threads(status);
    page.security(status);
    page.events(status);
    page.text
}

/// SGR parameters (ECMA-48 8.3.117).
const fn sgr(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "32",
        Tone::Doubtful => "33",
        Tone::Bad => "31",
        Tone::Strong => "1",
        Tone::Faint => "2",
    }
}

struct Page {
    text: String,
    style: Style,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text += line.trim_end();
        self.text.push('\n');
    }

    fn blank(&mut self) {
        self.text.push('\n');
    }

    /// `label` in the left column, the rest beside it.
    fn row(&mut self, label: &str, rest: &str) {
        let label = self.paint(Tone::Faint, &format!("{label:<9}"));
        self.line(&format!("  {label}{rest}"));
    }

    fn paint(&self, tone: Tone, text: &str) -> String {
        if self.style.colour { format!("\x1b[{}m{text}\x1b[0m", sgr(tone)) } else { text.to_owned() }
    }

    const fn glyph(&self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.style.unicode { unicode } else { ascii }
    }

    fn title(&mut self, status: &Status) {
        let mark = self.paint(Tone::of(status.state), self.glyph("●", "*"));
        let headline = self.paint(Tone::Strong, &headline(status));
        self.line(&format!("{mark} {headline}"));
        let about = format!("  {}", about(status));
        let about = self.paint(Tone::Faint, &about);
        self.line(&about);
    }

    /// What is wrong, the worst first, then what is missing.
    fn troubles(&mut self, status: &Status) {
        let troubles = troubles(status);
        if troubles.is_empty() {
            return;
        }
        self.blank();
        for Said { tone, text } in troubles {
            let mark = self.paint(tone, "!");
            self.line(&format!("  {mark} {text}"));
        }
    }

    /// The bound: its share of the limit, then its parts.
    fn bound(&mut self, status: &Status) {
        let Some(bound) = bound(status) else { return };
        self.blank();
        self.row("bound", &bound);
        let Some(parts) = status.clock.bound_parts else { return };
        let mut parts = parts.named();
        parts.sort_by(|a, b| b.1.total_cmp(&a.1)); // stable
        let sum: f64 = parts.iter().map(|(_, part)| part).sum();
        for (name, part) in parts.into_iter().filter(|(_, part)| *part > 0.0) {
            let bar = self.bar(part / sum);
            self.row("", &format!("{name:<7} {:>8}  {bar} {:>4}", seconds(part), percent(part / sum)));
        }
    }

    fn bar(&self, share: f64) -> String {
        let cells = (share * BAR_WIDTH as f64).round().clamp(0.0, BAR_WIDTH as f64) as usize;
        let (full, empty) = (self.glyph("━", "#"), self.glyph("·", "."));
        full.repeat(cells) + &self.paint(Tone::Faint, &empty.repeat(BAR_WIDTH - cells))
    }

    /// What the clock does.
    fn clock(&mut self, status: &Status) {
        self.blank();
        for (index, line) in clock(status).iter().enumerate() {
            self.row(if index == 0 { "clock" } else { "" }, line);
        }
    }

    /// The way that time takes.
    fn tree(&mut self, status: &Status) {
        self.blank();
        for node in tree(status) {
            self.node(&node);
        }
    }

    fn node(&mut self, node: &Node) {
        let twig = if node.has_next { self.glyph("├─ ", "|- ") } else { self.glyph("└─ ", "`- ") };
        let branch = if node.depth == 0 { String::new() } else { "   ".repeat(node.depth - 1) + twig };
        let width = NAME_WIDTH.saturating_sub(branch.chars().count());
        let name = self.paint(node.tone, &format!("{:<width$}", node.name));
        self.line(&format!("  {branch}{name} {}", node.about));
        for figures in &node.figures {
            self.line(&format!("  {:NAME_WIDTH$} {figures}", ""));
        }
        let indent = "   ".repeat(node.depth + 1);
        for remark in &node.remarks {
            let remark = self.paint(Tone::Faint, remark);
            self.line(&format!("  {indent}{remark}"));
        }
    }

    /// A line for each source, with the reason below where it is not simply right.
    fn sources(&mut self, status: &Status) {
        if status.sources.is_empty() {
            return;
        }
        self.blank();
        for SourceWords { word, tone, name, figures, remarks } in status.sources.iter().map(SourceWords::of) {
            let word = self.paint(tone, &format!("{word:<12}"));
            self.row("source", &format!("{word}{name}: {figures}"));
            for remark in remarks {
                self.row("", &format!("{:12}{remark}", ""));
            }
        }
    }

    fn truth(&mut self, status: &Status) {
        let lines = truth(status);
        if !lines.is_empty() {
            self.blank();
        }
        for (index, Said { tone, text }) in lines.iter().enumerate() {
            let text = if *tone == Tone::Faint { text.clone() } else { self.paint(*tone, text) };
            self.row(if index == 0 { "truth" } else { "" }, &text);
        }
    }

    fn threads(&mut self, status: &Status) {
        if !status.threads.is_empty() {
            self.blank();
        }
        let width = status.threads.iter().map(|thread| thread.name.len()).max().unwrap_or(0);
        for (index, thread) in status.threads.iter().enumerate() {
            let core = thread.core.map_or("any cpu".to_owned(), |core| format!("cpu {core}"));
            let priority = thread.priority.map_or("normal".to_owned(), |priority| format!("fifo {priority}"));
            let mut about = format!("{:<width$}  {core:<7}  {priority:<7}", thread.name);
            if let Some(age) = thread.alive_age_s {
                let _ = write!(about, "  alive {} ago", span(age));
            }
            if let Some(allocations) = thread.allocations {
                let _ = write!(about, "  {}", count(allocations, "allocation"));
            }
            self.row(if index == 0 { "threads" } else { "" }, &about);
        }
    }

    fn events(&mut self, status: &Status) {
        if !status.events.is_empty() {
            self.blank();
        }
        let first = status.events.len().saturating_sub(EVENTS_SHOWN_MAX);
        for (index, event) in status.events[first..].iter().enumerate() {
            let tone = Tone::of_level(&event.level);
            let about =
                self.paint(tone, &format!("{:>7} ago  {:<5}  {:<6}", span(event.age_s), event.level, event.topic));
            let mut fields = String::new();
            for (name, value) in &event.fields {
                let _ = write!(fields, " {name}={value}");
            }
            let fields = self.paint(Tone::Faint, &fields);
            self.row(if index == 0 { "events" } else { "" }, &format!("{about}  {}{fields}", event.text));
        }
    }
}

#[cfg(test)]
mod tests;
