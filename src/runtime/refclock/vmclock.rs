//! The time in the hypervisor's page: see [`VmClockReader`].

use std::io;
use std::path::Path;

use nix::libc;

use super::{Driver, Taken};
use crate::clock::{Disruption, NoReading, VmClockReader, VmScale};
use crate::refclock::{ClockCounter, Sample};
use crate::time::StampSource;
use crate::wire::vmclock::Smearing;

#[derive(Debug)]
pub(super) struct VmClockPage {
    reader: VmClockReader,
    scale: Option<VmScale>,
    smearing: Smearing,
}

/// What to do where the page cannot be used for this reason; see [`NoReading::Unusable`].
pub const fn vmclock_remedy(errno: i32) -> &'static str {
    match errno {
        libc::ENOENT => {
            ": the hypervisor has none, or the kernel no driver for it (Linux 6.13, `modprobe ptp_vmclock`)"
        }
        libc::EACCES | libc::EPERM => ": run as root, or give this user the right to read the device",
        libc::ENODATA => {
            ": this page tells of disruptions only (QEMU's does, clock.vmclock reads that), or its time is neither UTC nor TAI; another source is needed"
        }
        libc::EOPNOTSUPP => {
            ": its time is by a counter that is not this CPU's, or that the kernel has found to be unstable (`dmesg | grep -i tsc`)"
        }
        libc::EBADMSG | libc::EINVAL => ": it is no page of time, or one of a version that is not known",
        _ => "",
    }
}

impl VmClockPage {
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { reader: VmClockReader::open(path)?, scale: None, smearing: Smearing::Strict })
    }
}

impl Driver for VmClockPage {
    fn read(&mut self, take: &mut dyn FnMut(Taken)) -> io::Result<()> {
        let reading = match self.reader.cross() {
            Ok(reading) => reading,
            Err(NoReading::Unusable(errno)) => return Err(io::Error::from_raw_os_error(errno)),
            Err(NoReading::Torn) => {
                take(Err(ClockCounter::Torn));
                return Ok(());
            }
            Err(NoReading::NoTime) => {
                take(Err(ClockCounter::Unsynchronised));
                return Ok(());
            }
        };
        (self.scale, self.smearing) = (Some(reading.scale), reading.smearing);
        take(Ok(Sample {
            before: reading.crossing.before,
            after: reading.crossing.after,
            reference: reading.crossing.device,
            error: Some(reading.error),
            leap: reading.leap,
            is_pulse: false,
            stamped: StampSource::Program,
        }));
        Ok(())
    }

    fn disruption(&mut self) -> Option<Disruption> {
        self.reader.disruption()
    }

    fn scale(&self) -> Option<VmScale> {
        self.scale
    }

    fn smearing(&self) -> Smearing {
        self.smearing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::HostClock;
    use crate::time::{Duration, LeapIndicator};
    use crate::wire::vmclock::tests::Fields;

    /// What one look at a page takes.
    fn read(page: &mut VmClockPage) -> Option<Taken> {
        let mut taken = Vec::new();
        page.read(&mut |one| taken.push(one)).expect("it can be used");
        assert!(taken.len() <= 1);
        taken.pop()
    }

    #[test]
    fn a_page_is_a_sample_with_its_own_error_and_without_a_time_a_reason() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let now = HostClock.stamping();
        let counter_id = u8::from(cfg!(target_arch = "x86_64"));
        let fields = Fields {
            counter_id,
            counter_value: synchronome_kernel::counter::read().expect("a counter"),
            seconds: now.seconds() as u64 + 37,
            max_error_ns: 3_000_000_000,
            leap: 2,
            ..Fields::default()
        };
        let write = |fields: Fields| std::fs::write(&path, fields.octets()).unwrap();
        write(fields);
        let mut page = VmClockPage::open(&path).unwrap();
        assert_eq!(page.scale(), None, "nothing was read yet");
        let sample = read(&mut page).expect("one").expect("a sample");
        assert!(sample.before <= sample.after && sample.error > Some(Duration::from_secs(3)));
        assert_eq!((sample.leap, sample.is_pulse), (LeapIndicator::Delete, false));
        let off = sample.reference - Duration::from_secs(37) - sample.before;
        assert!(off.abs() < Duration::from_secs(3), "{off}");
        assert!(page.scale().is_some_and(|scale| scale.is_tai));
        write(Fields { status: 1, ..fields });
        assert_eq!(read(&mut page), Some(Err(ClockCounter::Unsynchronised)));
        write(Fields { sequence: 3, ..fields });
        assert_eq!(read(&mut page), Some(Err(ClockCounter::Torn)));
        write(Fields { marker: 2, ..fields });
        assert!(read(&mut page).is_some_and(|taken| taken.is_ok()));
        assert_eq!((page.disruption(), page.disruption()), (Some(Disruption::Counter), None));
    }

    #[test]
    fn each_reason_why_a_page_cannot_be_used_has_a_remedy() {
        for errno in [libc::ENOENT, libc::EACCES, libc::ENODATA, libc::EOPNOTSUPP, libc::EBADMSG, libc::EINVAL] {
            assert!(vmclock_remedy(errno).len() > 20, "{errno}");
        }
    }
}
