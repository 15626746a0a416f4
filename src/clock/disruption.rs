//! What the hypervisor says of pauses, migrations and snapshots: the marker of its page of time, `/dev/vmclock0`, and its clock, which runs on.
//!
//! A machine that was paused finds no trace of that in itself: all its clocks stood still together. One that was moved runs by another
//! counter, at another rate, and finds no trace of that either. The page tells: its marker is another one afterwards. Until then nothing
//! that was measured before is believed less; from then on nothing of it is believed.
//!
//! The page is read by read(2), half a microsecond or so, and not mapped: so the kernel sees to it that the copy is whole, and a
//! file in its place that becomes shorter is an error and no signal.
//!
//! Where there is no page, a clock of the hypervisor's (`ptp_kvm` and the like) that is read now and then shows a pause too: it is ahead all at once of what
//! this machine's counter says has passed.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use synchronome_kernel::doorman::open_device;

use super::Crossing;
use crate::time::{Duration, Local, Timestamp};
use crate::wire::vmclock::{Page, ParseError, SIZE, parse};

/// So many looks in a row at a page that is being written, and it counts as broken.
const TORN_MAX: u32 = 8;
/// A clock that is ahead by less than this of what has passed was not stopped beside: no machine is paused for a shorter time to speak of.
const PAUSE_MIN: Duration = Duration::from_millis(10);
/// Nor one that is ahead at a rate that counters are off by, or clocks slewed at,
const RATE_MAX: f64 = 1e-3;
/// or at the rate it had until now, if that is one at which a host's clock may be slewed (chrony's `maxslewrate` ends there).
const SLEW_MAX: f64 = 0.1;

/// What has become of the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disruption {
    /// It was paused, or moved to another host.
    Counter,
    /// It was loaded from a snapshot.
    Snapshot,
    /// A clock of the hypervisor's is ahead by so much all at once: the machine was paused, or somebody set the host's clock.
    HostRanOn(Duration),
}

/// Why the page does not say anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PageFault {
    /// It cannot be read: errno, or 0.
    Read(i32),
    /// It is no page of time, or of another version.
    Format(ParseError),
}

/// Looks at the page now and then.
#[derive(Debug)]
pub struct DisruptionWatch {
    file: File,
    seen: Page,
    torn: u32,
}

impl DisruptionWatch {
    /// Of the page in this device, which is as it is at first.
    ///
    /// # Errors
    /// Those of open(2) and read(2); `InvalidData` for what is no page of time.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = open_device(path, false)?;
        let mut looks = 0;
        loop {
            match read(&file) {
                Ok(seen) => return Ok(Self { file, seen, torn: 0 }),
                Err(PageFault::Format(ParseError::Torn)) if looks < TORN_MAX => looks += 1,
                Err(PageFault::Read(errno)) => return Err(io::Error::from_raw_os_error(errno)),
                Err(PageFault::Format(fault)) => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, fault.words()));
                }
            }
        }
    }

    /// Whether it tells apart that the machine was loaded from a snapshot.
    pub fn tells_of_snapshots(&self) -> bool {
        self.seen.vm_generation.is_some()
    }

    /// Whether the machine was disrupted since the last look.
    ///
    /// # Errors
    /// [`PageFault`]; the next look compares with what was seen last.
    pub fn look(&mut self) -> Result<Option<Disruption>, PageFault> {
        let page = match read(&self.file) {
            Err(PageFault::Format(ParseError::Torn)) if self.torn < TORN_MAX => {
                self.torn += 1;
                return Ok(None);
            }
            read => read?,
        };
        self.torn = 0;
        let before = std::mem::replace(&mut self.seen, page);
        Ok(between(&before, &page))
    }
}

/// What has become of the machine between two looks at its page.
pub(super) fn between(before: &Page, now: &Page) -> Option<Disruption> {
    if before.vm_generation != now.vm_generation && now.vm_generation.is_some() {
        Some(Disruption::Snapshot)
    } else {
        (before.disruption_marker != now.disruption_marker).then_some(Disruption::Counter)
    }
}

/// Looks whether a clock of the hypervisor's has run on while this machine stood still.
#[derive(Debug, Default)]
pub struct PauseWatch {
    last: Option<Shown>,
    /// What it was ahead at last, per second.
    rate: f64,
}

/// What it showed at a time of CLOCK_MONOTONIC_RAW, which stands still with the machine and is never set.
#[derive(Clone, Copy, Debug)]
struct Shown {
    raw: Timestamp<Local>,
    device: Timestamp<Local>,
}

impl PauseWatch {
    /// The clock was read: for how long it ran on alone since the reading before, if it did.
    ///
    /// A clock that is behind shows no pause: somebody has set it, which its offset tells.
    pub fn look(&mut self, crossing: &Crossing) -> Option<Duration> {
        let shown = Shown { raw: crossing.raw, device: crossing.device };
        let last = self.last.replace(shown)?;
        let passed = shown.raw - last.raw;
        let ahead = (shown.device - last.device) - passed;
        let rate = std::mem::take(&mut self.rate);
        let known = PAUSE_MIN + crossing.window + crossing.slack + passed.scaled(RATE_MAX.max(rate * 1.5));
        let found = (ahead > known).then_some(ahead);
        let now = ahead.as_secs_f64() / passed.as_secs_f64().max(f64::MIN_POSITIVE);
        self.rate = if (0.0..=SLEW_MAX).contains(&now) { now } else { 0.0 };
        found
    }
}

impl ParseError {
    /// What is the matter.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Length => "it is too short",
            Self::Magic => "it is no page of time (VCLK)",
            Self::Version(_) => "its version is not known",
            Self::Torn => "it is being written all the time",
        }
    }
}

fn read(file: &File) -> Result<Page, PageFault> {
    let mut octets = [0; SIZE];
    let length = file.read_at(&mut octets, 0).map_err(|error| PageFault::Read(error.raw_os_error().unwrap_or(0)))?;
    parse(octets.get(..length).unwrap_or(&octets)).map_err(PageFault::Format)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::wire::vmclock::tests::page;

    #[test]
    fn another_marker_is_told_once_and_a_new_generation_is_a_snapshot() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        fs::write(&path, page(1, None)).unwrap();
        let mut watch = DisruptionWatch::open(&path).unwrap();
        assert_eq!(watch.look(), Ok(None));
        fs::write(&path, page(2, None)).unwrap();
        assert_eq!((watch.look(), watch.look()), (Ok(Some(Disruption::Counter)), Ok(None)));
        assert!(!watch.tells_of_snapshots());
        fs::write(&path, page(3, Some(1))).unwrap();
        assert_eq!(watch.look(), Ok(Some(Disruption::Snapshot)));
        assert!(watch.tells_of_snapshots());
        fs::write(&path, page(4, Some(2))).unwrap();
        assert_eq!((watch.look(), watch.look()), (Ok(Some(Disruption::Snapshot)), Ok(None)));
    }

    #[test]
    fn what_changed_while_the_page_was_written_is_seen_when_it_is_whole() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        fs::write(&path, page(1, None)).unwrap();
        let mut watch = DisruptionWatch::open(&path).unwrap();
        let mut torn = page(2, None);
        torn[12] = 7;
        fs::write(&path, torn).unwrap();
        for _ in 0..TORN_MAX {
            assert_eq!(watch.look(), Ok(None));
        }
        assert_eq!(watch.look(), Err(PageFault::Format(ParseError::Torn)), "nobody writes for so long");
        fs::write(&path, page(2, None)).unwrap();
        assert_eq!(watch.look(), Ok(Some(Disruption::Counter)));
    }

    fn at(raw: f64, device: f64) -> Crossing {
        let local = |seconds: f64| Timestamp::<Local>::from_secs(1_000) + Duration::from_secs_f64(seconds);
        Crossing {
            before: local(0.0),
            device: local(1e9 + device),
            after: local(0.0),
            raw: local(raw),
            mono: Timestamp::from_secs(0),
            window: Duration::from_micros(2),
            slack: Duration::ZERO,
        }
    }

    fn pauses(readings: &[(f64, f64)]) -> Vec<f64> {
        let mut watch = PauseWatch::default();
        readings
            .iter()
            .filter_map(|&(raw, device)| watch.look(&at(raw, device)))
            .map(|by| (by.as_secs_f64() * 1e3).round() / 1e3)
            .collect()
    }

    #[test]
    fn a_clock_that_ran_on_alone_shows_how_long_this_machine_stood_still() {
        assert_eq!(pauses(&[(0.0, 7.0), (0.5, 7.5), (1.0, 10.0), (1.5, 10.5)]), [2.0]);
        // The downtime of a live migration; again and again.
        assert_eq!(pauses(&[(0.0, 0.0), (0.5, 0.55), (1.0, 1.05), (1.5, 1.62)]), [0.05, 0.07]);
        // However long it was not read.
        assert_eq!(pauses(&[(0.0, 0.0), (0.5, 0.5), (64.5, 124.5)]), [60.0]);
    }

    #[test]
    fn a_clock_that_is_slewed_set_back_or_run_by_another_oscillator_shows_none() {
        assert_eq!(pauses(&[(0.0, 0.0), (64.0, 64.032), (128.0, 128.064)]), [0.0; 0], "500 ppm");
        assert_eq!(pauses(&[(0.0, 0.0), (1.0, 1.0), (2.0, -3600.0), (3.0, -3599.0)]), [0.0; 0], "set back");
        // A host that slews at 8 % is told of once, and not with each reading.
        let slewed: Vec<_> = (0..20).map(|n| (f64::from(n), f64::from(n) * 1.08)).collect();
        assert_eq!(pauses(&slewed), [0.08]);
    }

    #[test]
    fn what_is_no_page_of_time_is_not_opened_and_one_that_breaks_says_so() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        fs::write(&path, b"VCLK").unwrap();
        assert_eq!(DisruptionWatch::open(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(DisruptionWatch::open(Path::new("/no/vmclock")).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::write(&path, page(1, None)).unwrap();
        let mut watch = DisruptionWatch::open(&path).unwrap();
        fs::write(&path, b"").unwrap();
        assert_eq!(watch.look(), Err(PageFault::Format(ParseError::Length)));
    }
}
