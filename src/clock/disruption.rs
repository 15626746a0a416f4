//! What the hypervisor says of pauses, migrations and snapshots: the marker of its page of time, `/dev/vmclock0`.
//!
//! A machine that was paused finds no trace of that in itself: all its clocks stood still together. One that was moved runs by another
//! counter, at another rate, and finds no trace of that either. The page tells: its marker is another one afterwards. Until then nothing
//! that was measured before is believed less; from then on nothing of it is believed.
//!
//! The page is read by read(2), half a microsecond or so, and not mapped: so the kernel sees to it that the copy is whole, and a
//! file in its place that becomes shorter is an error and no signal.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::wire::vmclock::{Page, ParseError, SIZE, parse};

/// So many looks in a row at a page that is being written, and it counts as broken.
const TORN_MAX: u32 = 8;

/// What has become of the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disruption {
    /// It was paused, or moved to another host.
    Counter,
    /// It was loaded from a snapshot.
    Snapshot,
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
        let file = File::open(path)?;
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
        let is_restored = before.vm_generation != page.vm_generation && page.vm_generation.is_some();
        Ok(if is_restored {
            Some(Disruption::Snapshot)
        } else {
            (before.disruption_marker != page.disruption_marker).then_some(Disruption::Counter)
        })
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
