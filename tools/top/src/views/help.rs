//! The keys, and what the signs mean.

use crate::look::Tone;
use crate::sheet::Sheet;

pub(super) const KEYS_IN_BRIEF: &str = "q quit  Tab or 1-5 view  + - time  up down scroll  Space ask now  ? help";

const KEYS: &[(&str, &str)] = &[
    ("q, Ctrl-C", "quit"),
    ("1 to 5", "views: all, offset, sources, clocks, events"),
    ("Tab, right", "the next view; Shift-Tab, left: the one before"),
    ("+ -", "less or more time in the picture: 1 min to 2 h"),
    ("up down", "scroll; also k and j, Page Up and Page Down, Home"),
    ("Space, r", "ask the daemon now"),
    ("Ctrl-Z", "back to the shell; fg goes on"),
    ("?, h", "this, and away again"),
];

pub(super) fn draw(sheet: &mut Sheet) -> usize {
    sheet.title("keys", "");
    for (key, what) in KEYS {
        sheet.line(&[(Tone::Strong, format!("  {key:<12}")), (Tone::Plain, (*what).to_owned())]);
    }
    let glyphs = sheet.look().glyphs();
    sheet.title("signs", "");
    let dots = if sheet.look().unicode { "⠒⠤" } else { glyphs.offset };
    let signs = [
        (glyphs.band, "the clock was wrong by no more than this: its published bound"),
        (dots, "an offset that was measured"),
        (glyphs.truth, "the true error of a simulated clock; the interval of a falseticker"),
        (glyphs.above, "beyond what the axis shows"),
        (glyphs.steers, "the interval of the source that steers; our clock is 0"),
        (glyphs.guards, "of one that agrees, and guards"),
        ("?", "of one of which nobody knows whether it agrees"),
    ];
    for (sign, what) in signs {
        sheet.line(&[(Tone::Strong, format!("  {sign:<12}")), (Tone::Plain, what.to_owned())]);
    }
    0
}
