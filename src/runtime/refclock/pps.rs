//! Pulses that the kernel has stamped: `/dev/ppsN`.
//!
//! The stamp is taken in the interrupt's handler: later than the edge by what that takes, never earlier. It is fetched some time after, which
//! makes it no worse.

use std::io;
use std::path::Path;

use synchronome_kernel::pps::{Edge, Pps as Device, Pulse};

use super::{Driver, Taken};
use crate::refclock::Sample;
use crate::time::{LeapIndicator, StampSource, Timestamp};

/// What stamps pulses.
pub(super) trait Pulses: Send {
    /// The latest one; `None` before the first.
    fn latest(&self) -> io::Result<Option<Pulse>>;
}

impl Pulses for Device {
    fn latest(&self) -> io::Result<Option<Pulse>> {
        Self::latest(self)
    }
}

#[derive(Debug)]
pub(super) struct Pps<P> {
    device: P,
    sequence: Option<u32>,
}

impl Pps<Device> {
    pub fn open(path: &Path, is_clear: bool) -> io::Result<Self> {
        Self::new(Device::open(path, if is_clear { Edge::Clear } else { Edge::Assert })?)
    }
}

impl<P: Pulses> Pps<P> {
    fn new(device: P) -> io::Result<Self> {
        // The latest one may be of long ago.
        let sequence = device.latest()?.map(|pulse| pulse.sequence);
        Ok(Self { device, sequence })
    }
}

impl<P: Pulses> Driver for Pps<P> {
    fn read(&mut self, take: &mut dyn FnMut(Taken)) -> io::Result<()> {
        let Some(pulse) = self.device.latest()? else { return Ok(()) };
        if self.sequence == Some(pulse.sequence) {
            return Ok(());
        }
        self.sequence = Some(pulse.sequence);
        let at = Timestamp::from_parts(pulse.at.seconds, pulse.at.nanoseconds);
        take(Ok(Sample {
            before: at,
            after: at,
            reference: Timestamp::EPOCH,
            error: None,
            leap: LeapIndicator::NoWarning,
            is_pulse: true,
            stamped: StampSource::Kernel,
        }));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use nix::libc;
    use synchronome_kernel::timestamping::KernelTime;

    #[derive(Default)]
    struct Fake {
        latest: Cell<Option<Pulse>>,
        is_gone: Cell<bool>,
    }

    impl Pulses for Fake {
        fn latest(&self) -> io::Result<Option<Pulse>> {
            if self.is_gone.get() { Err(io::Error::from_raw_os_error(libc::ENODEV)) } else { Ok(self.latest.get()) }
        }
    }

    impl Fake {
        fn pulse(&self, sequence: u32, seconds: i64) {
            let at = KernelTime { seconds, nanoseconds: 999_999_900 };
            self.latest.set(Some(Pulse { sequence, at }));
        }
    }

    fn read(pps: &mut Pps<Fake>) -> io::Result<Vec<Taken>> {
        let mut taken = Vec::new();
        pps.read(&mut |one| taken.push(one)).map(|()| taken)
    }

    #[test]
    fn each_pulse_is_taken_once_and_the_one_that_was_there_before_is_not() {
        let device = Fake::default();
        device.pulse(7, 1_700_000_000);
        let mut pps = Pps::new(device).unwrap();
        assert_eq!(read(&mut pps).unwrap(), []);
        pps.device.pulse(8, 1_800_000_000);
        let taken = read(&mut pps).unwrap();
        let [Ok(sample)] = taken[..] else { panic!("{taken:?}") };
        assert_eq!(sample.before, Timestamp::from_parts(1_800_000_000, 999_999_900));
        assert_eq!((sample.after, sample.stamped, sample.is_pulse), (sample.before, StampSource::Kernel, true));
        assert_eq!(read(&mut pps).unwrap(), [], "it is the same still");
        // Some were missed: the latest counts. And the count begins anew when it is full.
        for sequence in [12, 0] {
            pps.device.pulse(sequence, 1_800_000_004);
            assert_eq!(read(&mut pps).unwrap().len(), 1);
        }
    }

    #[test]
    fn a_source_that_has_never_seen_a_pulse_gives_its_first_one_and_one_that_goes_says_so() {
        let mut pps = Pps::new(Fake::default()).unwrap();
        assert_eq!(read(&mut pps).unwrap(), []);
        pps.device.pulse(1, 1_800_000_000);
        assert_eq!(read(&mut pps).unwrap().len(), 1);
        pps.device.is_gone.set(true);
        assert_eq!(read(&mut pps).unwrap_err().raw_os_error(), Some(libc::ENODEV));
    }
}
