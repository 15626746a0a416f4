//! A hardware clock that somebody else keeps right: the hypervisor (`ptp_kvm`, `hyperv`, `vmw`), the card's own firmware (ENA), another daemon.
//!
//! It is only read, between two readings of the system clock, as those that we steer are. It is found by its name each time that it is
//! opened: numbers move.

use std::fs;
use std::io;
use std::path::PathBuf;

use nix::libc;

use super::{Driver, Taken};
use crate::clock::inventory::{find, hardware_clocks};
use crate::clock::{ClockError, PhcReader};
use crate::refclock::Sample;
use crate::time::{Duration, LeapIndicator, StampSource};

/// What a reading is off by beside its window: hardware clocks count whole nanoseconds.
const READING_ERROR: Duration = Duration::from_nanos(1);
/// What ENA's driver says in place of an error bound that it does not know.
const UNKNOWN_BOUND: i64 = 0xffff_ffff;

#[derive(Debug)]
pub(super) struct Phc {
    reader: PhcReader,
    /// Where its driver says how wrong it may be (ENA: `phc_error_bound`, in ns).
    error_bound: Option<PathBuf>,
}

impl Phc {
    pub fn open(name: &str) -> io::Result<Self> {
        let clocks = hardware_clocks()?;
        let clock = find(&clocks, name).map_err(|_| io::Error::from_raw_os_error(libc::ENODEV))?;
        let error_bound = clock.info.device.as_ref().map(|device| device.join("phc_error_bound"));
        let reader = PhcReader::new(clock.open()?)?;
        Ok(Self { reader, error_bound: error_bound.filter(|path| path.exists()) })
    }
}

/// An error bound in sysfs, as ENA's driver writes it. `Err`: the clock does not know how wrong it is.
fn bound_in(text: &str) -> Result<Duration, ()> {
    let bound = text.trim().parse().map_err(|_| ())?;
    if (0..UNKNOWN_BOUND).contains(&bound) { Ok(Duration::from_nanos(bound)) } else { Err(()) }
}

impl Driver for Phc {
    fn read(&mut self, take: &mut dyn FnMut(Taken)) -> io::Result<()> {
        let crossing = match self.reader.cross() {
            Ok(crossing) => crossing,
            Err(ClockError::Failed(errno)) => return Err(io::Error::from_raw_os_error(errno)),
            Err(ClockError::OutOfRange) => return Err(io::Error::from_raw_os_error(libc::ERANGE)),
        };
        let bound = match &self.error_bound {
            None => Ok(None),
            Some(path) => fs::read_to_string(path).map_err(|_| ()).and_then(|text| bound_in(&text)).map(Some),
        };
        take(Ok(Sample {
            before: crossing.before,
            after: crossing.after,
            reference: crossing.device,
            error: bound.ok().flatten().map(|bound| bound + READING_ERROR),
            // A clock that does not know how wrong it is has no time.
            leap: if bound.is_ok() { LeapIndicator::NoWarning } else { LeapIndicator::Unknown },
            is_pulse: false,
            stamped: StampSource::Program,
        }));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_bound_is_nanoseconds_and_one_that_is_not_known_is_none() {
        assert_eq!(bound_in("24567\n"), Ok(Duration::from_nanos(24_567)));
        for text in ["4294967295\n", "-1", "", "n/a"] {
            assert_eq!(bound_in(text), Err(()), "{text:?}");
        }
    }

    #[test]
    fn a_clock_that_is_not_there_is_no_device() {
        let error = Phc::open("no-such-clock").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
    }
}
