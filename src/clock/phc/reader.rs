//! Reading a PTP hardware clock beside the system clock.
//!
//! A reading takes microseconds over the bus, so it is taken between two readings of the system clock, the narrowest of a
//! few; where the hardware latches both clocks at one instant (PTP_SYS_OFFSET_PRECISE) there is nothing between them.

use nix::libc;
use synchronome_kernel::phc::{Crossing as Reading, CrossingMethod, Phc};
use synchronome_kernel::timestamping::KernelTime;

use super::failed;
use crate::clock::{ClockError, Crossing, HostClock};
use crate::time::{Duration, Local, Mono, Timestamp};

/// Readings of which the narrowest counts, where the hardware does not latch both clocks at once.
pub const READINGS: usize = 5;

fn local(time: KernelTime) -> Timestamp<Local> {
    Timestamp::from_parts(time.seconds, time.nanoseconds)
}

/// Takes crossings of one device.
#[derive(Debug)]
pub struct PhcReader {
    device: Phc,
    method: CrossingMethod,
    readings: [Reading; READINGS],
}

impl PhcReader {
    /// By the best method that the device says it has.
    ///
    /// # Errors
    /// Those of asking the device for its capabilities.
    pub fn new(device: Phc) -> std::io::Result<Self> {
        let capabilities = device.capabilities()?;
        let method = if capabilities.precise_crossing { CrossingMethod::Precise } else { CrossingMethod::Extended };
        Ok(Self { device, method, readings: [Reading::EMPTY; READINGS] })
    }

    /// How crossings are taken at the moment.
    pub fn method(&self) -> CrossingMethod {
        self.method
    }

    /// Reads the device between two readings of the system clock: the narrowest of a few.
    ///
    /// A method that the driver turns out not to have is not tried again.
    ///
    /// # Errors
    /// [`ClockError::Failed`]: ENODEV if the device is gone, EIO or EBUSY as the driver likes.
    pub fn cross(&mut self) -> Result<Crossing, ClockError> {
        let host = HostClock;
        loop {
            let (system, mono, raw) = (host.stamping(), host.mono(), host.raw());
            let gap = host.stamping() - system;
            match self.device.cross(self.method, READINGS as u32, &mut self.readings) {
                Ok(count) => {
                    // A window below zero: somebody set the system clock in it.
                    let sound = self.readings[..count].iter().filter(|reading| reading.window_nanoseconds() >= 0);
                    let narrowest = sound.min_by_key(|reading| reading.window_nanoseconds());
                    let Some(reading) = narrowest else { return Err(ClockError::Failed(libc::EIO)) };
                    return Ok(Crossing { slack: gap.abs(), ..crossing_of(reading, mono, raw, system) });
                }
                Err(error) => match (error.raw_os_error(), self.method) {
                    (Some(libc::EOPNOTSUPP | libc::ENOTTY | libc::EINVAL), CrossingMethod::Precise) => {
                        self.method = CrossingMethod::Extended;
                    }
                    (Some(libc::EOPNOTSUPP | libc::ENOTTY | libc::EINVAL), CrossingMethod::Extended) => {
                        self.method = CrossingMethod::Basic;
                    }
                    _ => return Err(failed(&error)),
                },
            }
        }
    }
}

/// A reading of the kernel's with CLOCK_MONOTONIC and CLOCK_MONOTONIC_RAW at its instant; the three were read just before.
fn crossing_of(reading: &Reading, mono: Timestamp<Mono>, raw: Timestamp<Local>, system: Timestamp<Local>) -> Crossing {
    let (before, after) = (local(reading.before), local(reading.after));
    let since = before + (after - before).half() - system;
    Crossing {
        before,
        device: local(reading.device),
        after,
        raw: reading.monotonic_raw.map_or(raw + since, local),
        mono: mono + since,
        window: after - before,
        slack: Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crossing_knows_when_it_was_taken_on_every_clock() {
        let at = |nanoseconds| KernelTime { seconds: 1_800_000_000, nanoseconds };
        let reading = Reading { before: at(3_000), device: at(77), after: at(5_000), monotonic_raw: None };
        let system = local(at(1_000));
        let crossing = crossing_of(&reading, Timestamp::from_secs(50), Timestamp::from_secs(60), system);
        assert_eq!(crossing.window, Duration::from_micros(2));
        assert_eq!(crossing.mono, Timestamp::from_secs(50) + Duration::from_micros(3));
        assert_eq!(crossing.raw, Timestamp::from_secs(60) + Duration::from_micros(3));
        let latched = Reading { after: at(3_000), monotonic_raw: Some(at(9)), ..reading };
        let crossing = crossing_of(&latched, Timestamp::from_secs(50), Timestamp::from_secs(60), system);
        assert_eq!((crossing.window, crossing.raw), (Duration::ZERO, local(at(9))));
    }
}
