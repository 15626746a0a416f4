//! A hardware clock that somebody else keeps right: the hypervisor (`ptp_kvm`, `hyperv`, `vmw`), the card's own firmware (ENA), another daemon.
//!
//! It is only read, between two readings of the system clock, as those that we steer are. It is found by its name each time that it is
//! opened: numbers move.
//!
//! The hypervisor's clock runs on while this machine is paused. That is told to the discipline ([`PauseWatch`]) where the clock is no network card's: a card's
//! clock is set by whoever keeps it right, when he starts.

use std::fs;
use std::io;
use std::path::PathBuf;

use nix::libc;

use super::{Driver, Taken, failed};
use crate::clock::inventory::{find, hardware_clocks};
use crate::clock::{ClockError, Crossing, Disruption, PauseWatch, PhcReader};
use crate::refclock::Sample;
use crate::time::{Duration, LeapIndicator, StampSource};

/// What a reading is off by beside its window: hardware clocks count whole nanoseconds.
const READING_ERROR: Duration = Duration::from_nanos(1);
/// What ENA's driver says in place of an error bound that it does not know.
const UNKNOWN_BOUND: i64 = 0xffff_ffff;

/// A clock that can be read beside the system clock.
pub(super) trait Readable: Send {
    /// Reads both.
    fn cross(&mut self) -> Result<Crossing, ClockError>;
}

impl Readable for PhcReader {
    fn cross(&mut self) -> Result<Crossing, ClockError> {
        Self::cross(self)
    }
}

#[derive(Debug)]
pub(super) struct Phc<R> {
    reader: R,
    /// Where its driver says how wrong it may be (ENA: `phc_error_bound`, in ns).
    error_bound: Option<PathBuf>,
    /// It is the hypervisor's.
    pauses: Option<PauseWatch>,
    ran_on: Option<Duration>,
}

impl Phc<PhcReader> {
    pub fn open(name: &str) -> io::Result<Self> {
        let clocks = hardware_clocks()?;
        let clock = find(&clocks, name).map_err(|_| io::Error::from_raw_os_error(libc::ENODEV))?;
        let error_bound = clock.info.device.as_ref().map(|device| device.join("phc_error_bound"));
        let reader = PhcReader::new(clock.open()?)?;
        let pauses = clock.interfaces.is_empty().then(PauseWatch::default);
        Ok(Self { reader, error_bound: error_bound.filter(|path| path.exists()), pauses, ran_on: None })
    }
}

/// An error bound in sysfs, as ENA's driver writes it. `Err`: the clock does not know how wrong it is.
fn bound_in(text: &str) -> Result<Duration, ()> {
    let bound = text.trim().parse().map_err(|_| ())?;
    if (0..UNKNOWN_BOUND).contains(&bound) { Ok(Duration::from_nanos(bound)) } else { Err(()) }
}

impl<R: Readable> Driver for Phc<R> {
    fn read(&mut self, take: &mut dyn FnMut(Taken)) -> io::Result<()> {
        let crossing = self.reader.cross().map_err(failed)?;
        self.ran_on = self.pauses.as_mut().and_then(|pauses| pauses.look(&crossing));
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

    fn disruption(&mut self) -> Option<Disruption> {
        self.ran_on.take().map(Disruption::HostRanOn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Local, Timestamp};

    /// A clock that is 37 s ahead; readings that fail say why.
    struct Fake {
        raw: Timestamp<Local>,
        ahead: Duration,
        fails: Option<ClockError>,
    }

    impl Readable for Fake {
        fn cross(&mut self) -> Result<Crossing, ClockError> {
            if let Some(error) = self.fails {
                return Err(error);
            }
            self.raw = self.raw + Duration::from_millis(500);
            let window = Duration::from_nanos(400);
            let system = Timestamp::from_secs(1_800_000_000) + (self.raw - Timestamp::from_secs(100));
            Ok(Crossing {
                before: system - window.half(),
                device: system + self.ahead,
                after: system + window.half(),
                raw: self.raw,
                mono: Timestamp::from_secs(1),
                window,
                slack: Duration::ZERO,
            })
        }
    }

    fn fake(error_bound: Option<PathBuf>) -> Phc<Fake> {
        let reader = Fake { raw: Timestamp::from_secs(100), ahead: Duration::from_secs(37), fails: None };
        Phc { reader, error_bound, pauses: Some(PauseWatch::default()), ran_on: None }
    }

    fn read(phc: &mut Phc<Fake>) -> io::Result<Sample> {
        let mut taken = Vec::new();
        phc.read(&mut |one| taken.push(one))?;
        assert_eq!(taken.len(), 1);
        Ok(taken.remove(0).expect("a sample"))
    }

    #[test]
    fn a_reading_is_a_sample_between_two_of_the_system_clock() {
        let sample = read(&mut fake(None)).unwrap();
        assert_eq!(sample.after - sample.before, Duration::from_nanos(400));
        let middle = sample.before + Duration::from_nanos(200);
        assert_eq!(sample.reference - middle, Duration::from_secs(37));
        assert_eq!((sample.error, sample.leap, sample.is_pulse), (None, LeapIndicator::NoWarning, false));
    }

    #[test]
    fn the_error_that_its_driver_states_is_the_samples_and_without_one_it_has_no_time() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let mut phc = fake(Some(path.to_path_buf()));
        for (text, error, leap) in [
            ("24567\n", Some(Duration::from_nanos(24_568)), LeapIndicator::NoWarning),
            ("4294967295\n", None, LeapIndicator::Unknown),
            ("", None, LeapIndicator::Unknown),
        ] {
            fs::write(&path, text).unwrap();
            let sample = read(&mut phc).unwrap();
            assert_eq!((sample.error, sample.leap), (error, leap), "{text:?}");
        }
    }

    #[test]
    fn what_fails_is_told_with_its_errno() {
        let mut phc = fake(None);
        for (error, errno) in [(ClockError::Failed(libc::ENODEV), libc::ENODEV), (ClockError::OutOfRange, libc::ERANGE)]
        {
            phc.reader.fails = Some(error);
            assert_eq!(read(&mut phc).unwrap_err().raw_os_error(), Some(errno));
        }
    }

    #[test]
    fn a_clock_that_ran_on_is_told_once_and_only_where_it_is_the_hypervisors() {
        let by = Disruption::HostRanOn(Duration::from_secs(2));
        for (is_the_hypervisors, told) in [(true, Some(by)), (false, None)] {
            let mut phc = fake(None);
            phc.pauses = phc.pauses.filter(|_| is_the_hypervisors);
            for _ in 0..3 {
                read(&mut phc).unwrap();
                assert_eq!(phc.disruption(), None);
            }
            phc.reader.ahead = Duration::from_secs(39);
            read(&mut phc).unwrap();
            assert_eq!((phc.disruption(), phc.disruption()), (told, None));
            read(&mut phc).unwrap();
            assert_eq!(phc.disruption(), None);
        }
    }

    #[test]
    fn an_error_bound_is_nanoseconds_and_one_that_is_not_known_is_none() {
        assert_eq!(bound_in("24567\n"), Ok(Duration::from_nanos(24_567)));
        for text in ["4294967295\n", "-1", "", "n/a"] {
            assert_eq!(bound_in(text), Err(()), "{text:?}");
        }
    }

    #[test]
    fn a_clock_that_is_not_there_is_no_device() {
        let error = Phc::open("no-such-clock").map(|_| ()).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
    }
}
