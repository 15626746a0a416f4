//! The hypervisor's page of time read as a clock: the CPU's counter between two readings of the system clock, and what the page makes of it.
//!
//! The page is mapped and not read by read(2): the counter has to be read while the page says what it does, and between two looks at its sequence number
//! nothing may have been written. The kernel's `ptp_vmclock` does the same and gives whole nanoseconds and no error; the page itself says how far off it may be,
//! whether it is synchronised, what TAI - UTC is, and when a leap second comes.
//!
//! Whoever writes does so for a few instructions; who meets that every time ([`TRIES`]) is told by the next look.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use nix::libc;
use synchronome_kernel::counter::{self, Counter};
use synchronome_kernel::doorman::open_device;
use synchronome_kernel::page::Page as Mapped;

use super::disruption::between;
use super::phc::crossing_of;
use super::{Crossing, Disruption, HostClock, PauseWatch, Reading, sharpest};
use crate::time::{Duration, LeapIndicator, TaiUtc};
use crate::wire::vmclock::{
    CounterId, NoTime, Page, ParseError, SEQUENCE_END, SIZE, Smearing, TimePage, parse, parse_time, sequence,
};

/// Readings of the counter for one crossing.
const READINGS: usize = 5;
/// So often it is begun anew because the page was written meanwhile.
const TRIES: usize = 8;
/// The system clock is read in whole nanoseconds, rounded down.
const READING_ERROR: Duration = Duration::from_nanos(1);
/// The kernel takes a time stamp counter off this list that it has found to be unstable.
const CLOCKSOURCES: &str = "/sys/devices/system/clocksource/clocksource0/available_clocksource";

/// Why there is no reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoReading {
    /// It was written each time that we looked.
    Torn,
    /// The hypervisor's clock is not synchronised, or it is a leap second, of which a page in UTC has no number.
    NoTime,
    /// It cannot be used: `EBADMSG`: it is no page of time, or says what cannot be; `ENODATA`: one without a time, or with one that is no TAI or UTC;
    /// `EOPNOTSUPP`: by a counter that is not this CPU's, or is not stable.
    Unusable(i32),
}

/// One reading of the page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VmReading {
    /// The page's time between two readings of the system clock.
    pub crossing: Crossing,
    /// How far off it may be, by the page's own word.
    pub error: Duration,
    /// Whether a leap second is at the end of this month.
    pub leap: LeapIndicator,
    /// What it counts.
    pub scale: VmScale,
    /// What the clocks around do at a leap second.
    pub smearing: Smearing,
}

/// What a page counts, and what it says of the other scale.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VmScale {
    /// TAI; else UTC.
    pub is_tai: bool,
    /// TAI - UTC, if it says so.
    pub tai_utc: Option<TaiUtc>,
}

/// A page that is mapped. See the module's text.
#[derive(Debug)]
pub struct VmClockReader {
    page: Mapped,
    /// What was said of disruptions at the last look; `None`: the first one is to come.
    seen: Option<Page>,
    pauses: PauseWatch,
    disruption: Option<Disruption>,
}

/// What makes a page unusable for good; a status may change.
fn unusable(fault: NoTime) -> NoReading {
    match fault {
        NoTime::Page(ParseError::Torn) => NoReading::Torn,
        NoTime::Page(_) | NoTime::Field => NoReading::Unusable(libc::EBADMSG),
        NoTime::Absent | NoTime::Scale(_) => NoReading::Unusable(libc::ENODATA),
        NoTime::Status(_) | NoTime::Unbounded => NoReading::NoTime,
    }
}

/// The time of a copy of the page, if it is by the counter of this CPU.
fn time_of(octets: &[u8; SIZE], ours: Option<Counter>) -> Result<TimePage, NoReading> {
    let page = parse_time(octets).map_err(unusable)?;
    let is_ours = match page.counter {
        CounterId::Tsc => ours == Some(Counter::Tsc),
        CounterId::ArmVirtual => ours == Some(Counter::ArmVirtual),
        CounterId::Other(_) => false,
    };
    if is_ours { Ok(page) } else { Err(NoReading::Unusable(libc::EOPNOTSUPP)) }
}

/// Whether the kernel has found the time stamp counter unstable, by its list of clock sources.
fn is_unstable(clocksources: &str) -> bool {
    !clocksources.split_whitespace().any(|name| name.starts_with("tsc"))
}

impl VmClockReader {
    /// Maps the page of this device. One whose clock is not synchronised yet is taken.
    ///
    /// # Errors
    /// Those of open(2) and mmap(2), `EINVAL` for a file that is too short, and those of [`NoReading::Unusable`].
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut reader = Self {
            page: Mapped::map(open_device(path, false)?.as_fd(), SIZE)?,
            seen: None,
            pauses: PauseWatch::default(),
            disruption: None,
        };
        if counter::OURS == Some(Counter::Tsc)
            && std::fs::read_to_string(CLOCKSOURCES).is_ok_and(|list| is_unstable(&list))
        {
            return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP));
        }
        match reader.cross() {
            Err(NoReading::Unusable(errno)) => Err(io::Error::from_raw_os_error(errno)),
            _ => Ok(reader),
        }
    }

    /// What has become of the machine, by the page's marker or because its time ran on alone; told once.
    pub fn disruption(&mut self) -> Option<Disruption> {
        self.disruption.take()
    }

    /// Reads the counter between two readings of the system clock, a few times: what they say together.
    ///
    /// # Errors
    /// [`NoReading`].
    pub fn cross(&mut self) -> Result<VmReading, NoReading> {
        let host = HostClock;
        for _ in 0..TRIES {
            let octets = self.page.copy::<SIZE>();
            let (system, mono, raw) = (host.stamping(), host.mono(), host.raw());
            let gap = host.stamping() - system;
            let taken = [(); READINGS].map(|()| (host.stamping(), counter::read(), host.stamping()));
            // Whatever was written since the copy was begun, it was not before the last reading of the counter.
            if sequence(&self.page.copy::<SEQUENCE_END>()) != sequence(&octets) {
                continue;
            }
            let page = match parse(&octets) {
                Err(ParseError::Torn) => continue,
                Err(fault) => return Err(unusable(NoTime::Page(fault))),
                Ok(page) => page,
            };
            let disruption = self.seen.replace(page).and_then(|seen| between(&seen, &page));
            if disruption.is_some() {
                // The marker says it all: what was before is another time's.
                (self.disruption, self.pauses) = (disruption, PauseWatch::default());
            }
            let time = time_of(&octets, counter::OURS)?;
            let mut told = None;
            let readings = taken.map(|(before, counter, after)| {
                let at = time.at(counter?)?;
                told = Some(at);
                Some(Reading { before, device: at.time, after })
            });
            // A window below zero: somebody set the system clock in it.
            let sound = readings.iter().flatten().filter(|reading| !reading.window().is_negative());
            let Some((reading, told)) = sharpest(sound.copied()).zip(told) else { return Err(NoReading::NoTime) };
            let crossing = Crossing { slack: gap.abs(), ..crossing_of((reading, None), mono, raw, system) };
            self.disruption = self.disruption.or(self.pauses.look(&crossing).map(Disruption::HostRanOn));
            return Ok(VmReading {
                crossing,
                error: told.error + READING_ERROR,
                leap: told.leap,
                scale: VmScale { is_tai: time.is_tai, tai_utc: told.tai_utc },
                smearing: time.smearing,
            });
        }
        Err(NoReading::Torn)
    }
}

#[cfg(test)]
mod tests;
