//! The arguments. No other module of this program is needed to read them: the manual page is made of this file.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Parser;
use synchronome::cli::{STATUS_SOCKET, positive_duration};
use synchronome::time::Duration;

/// Watch the daemon live: the error bound and the offset over time, the sources, the clocks, what happens.
///
/// It asks the daemon's status socket, as any user may, and changes nothing. While the daemon is away it says so and goes on asking.
/// Colours are left out where NO_COLOR is set; pictures are drawn in ASCII where the locale has no UTF-8.
#[derive(Parser, Debug)]
#[command(
    name = "synchronome-top",
    version,
    max_term_width = 100,
    after_long_help = "\
Keys:
  q, Ctrl-C      quit
  1 to 5, Tab    views: all, offset, sources, clocks, events
  + -            less or more time in the picture
  Up, Down       scroll
  Space          ask now
  ?              all keys, and what the signs mean

Examples:
  synchronome-top
  synchronome-top --view sources --interval 200ms
  synchronome-top --once --size 120x40 | mail -s clock ops
  synchronome-top --socket /tmp/synchronome/status.sock

Exit codes:
  0  it was ended; with --once: the daemon answered
  1  there is no terminal; with --once: the daemon did not answer
  2  wrong arguments"
)]
pub struct Arguments {
    /// The view to begin with
    #[arg(long, value_name = "VIEW", default_value = "all", value_parser = ["all", "offset", "sources", "clocks", "events"])]
    pub view: String,
    /// How often the daemon is asked
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = interval)]
    pub interval: Duration,
    /// Print one frame as text, and end
    #[arg(long)]
    pub once: bool,
    /// The frame of --once in characters [default: the terminal's, or 80x24]
    #[arg(long, value_name = "COLUMNSxROWS", requires = "once")]
    pub size: Option<Size>,
    /// The daemon's status socket
    #[arg(long, value_name = "PATH", default_value = STATUS_SOCKET)]
    pub socket: PathBuf,
}

/// How large a frame is, in characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Size {
    /// Its width.
    pub columns: u16,
    /// Its height.
    pub rows: u16,
}

impl Size {
    /// What a terminal has at least.
    pub const USUAL: Self = Self { columns: 80, rows: 24 };
    /// The widest and the highest.
    pub const MAX: u16 = 1_000;
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let side = |text: &str| text.parse().ok().filter(|side| (1..=Self::MAX).contains(side));
        let sides = text.split_once('x').and_then(|(columns, rows)| side(columns).zip(side(rows)));
        let (columns, rows) = sides.ok_or(format!("write it like 80x24, each from 1 to {}", Self::MAX))?;
        Ok(Self { columns, rows })
    }
}

/// The shortest interval: what a person can see, and what costs the daemon nothing to speak of.
const INTERVAL_MIN: Duration = Duration::from_millis(100);
/// The longest.
const INTERVAL_MAX: Duration = Duration::from_secs(3_600);

fn interval(text: &str) -> Result<Duration, String> {
    let interval = positive_duration(text)?;
    let is_fit = (INTERVAL_MIN..=INTERVAL_MAX).contains(&interval);
    if is_fit { Ok(interval) } else { Err(format!("from {INTERVAL_MIN} to an hour")) }
}
