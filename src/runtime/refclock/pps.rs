//! Pulses that the kernel has stamped: `/dev/ppsN`.
//!
//! The stamp is taken in the interrupt's handler: later than the edge by what that takes, never earlier. It is fetched some time after, which
//! makes it no worse.

use std::io;
use std::path::Path;

use synchronome_kernel::pps::{Edge, Pps as Device};

use super::{Driver, Taken};
use crate::refclock::Sample;
use crate::time::{LeapIndicator, StampSource, Timestamp};

#[derive(Debug)]
pub(super) struct Pps {
    device: Device,
    sequence: Option<u32>,
}

impl Pps {
    pub fn open(path: &Path, is_clear: bool) -> io::Result<Self> {
        let device = Device::open(path, if is_clear { Edge::Clear } else { Edge::Assert })?;
        // The latest one may be of long ago.
        let sequence = device.latest()?.map(|pulse| pulse.sequence);
        Ok(Self { device, sequence })
    }
}

impl Driver for Pps {
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
