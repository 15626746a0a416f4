//! Pages in files, related to the real counter of this CPU.

use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::time::{Local, Timestamp};
use crate::wire::vmclock::tests::Fields;

/// A page in a file, and a hypervisor that knows the system clock, a day ahead of it.
struct Hypervisor {
    path: tempfile::TempPath,
    fields: Fields,
}

const AHEAD: Duration = Duration::from_secs(86_400);

/// This CPU's own counter, as a page names it.
fn our_id() -> u8 {
    match counter::OURS {
        Some(Counter::Tsc) => 1,
        Some(Counter::ArmVirtual) => 0,
        None => panic!("these tests need a counter that we know: x86_64 or aarch64"),
    }
}

/// The period of this counter by CLOCK_MONOTONIC_RAW, in 2^-(64 + 29) s, within 10 ppm or so.
fn measured_period() -> u64 {
    let pair = || {
        let all = (0..20).map(|_| {
            let (before, ticks, after) = (HostClock.raw(), counter::read().expect("a counter"), HostClock.raw());
            (after - before, before + (after - before).half(), ticks)
        });
        let (_, at, ticks) = all.min_by_key(|(window, ..)| *window).expect("twenty");
        (at, ticks)
    };
    let first = pair();
    std::thread::sleep(std::time::Duration::from_millis(50));
    let second = pair();
    let (span, ticks) = (second.0 - first.0, second.1 - first.1);
    (span.as_secs_f64() / ticks as f64 * 2f64.powi(93)) as u64
}

impl Hypervisor {
    fn new() -> Self {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let fields = Fields { counter_id: our_id(), period: measured_period(), shift: 29, ..Fields::default() };
        let mut hypervisor = Self { path, fields };
        hypervisor.relate();
        hypervisor
    }

    /// Relates the counter to its time, now: to the reading of the narrowest of some windows.
    fn relate(&mut self) {
        let all = (0..20).map(|_| {
            let (before, ticks, after) =
                (HostClock.stamping(), counter::read().expect("a counter"), HostClock.stamping());
            (after - before, before + (after - before).half(), ticks)
        });
        let (window, at, ticks) = all.min_by_key(|(window, ..)| *window).expect("twenty");
        let time = at + AHEAD;
        self.fields.counter_value = ticks;
        self.fields.seconds = time.seconds() as u64;
        self.fields.fraction = (u128::from(time.subsec_nanos()) * (1 << 64) / 1_000_000_000) as u64;
        // Half of the window, and 20 ppm of the period for some milliseconds.
        self.fields.max_error_ns = window.half().as_nanos() as u64 + 1;
        self.fields.period_max_error = self.fields.period / 50_000;
        self.write();
    }

    fn write(&self) {
        std::fs::write(&self.path, self.fields.octets()).unwrap();
    }

    fn change(&mut self, change: impl Fn(&mut Fields)) {
        change(&mut self.fields);
        self.write();
    }

    fn open(&self) -> VmClockReader {
        VmClockReader::open(&self.path).unwrap()
    }

    fn errno(&self) -> Option<i32> {
        VmClockReader::open(&self.path).err().and_then(|error| error.raw_os_error())
    }
}

#[test]
fn the_page_is_read_between_two_readings_of_the_system_clock_and_its_bound_holds() {
    let mut hypervisor = Hypervisor::new();
    let mut reader = hypervisor.open();
    for _ in 0..20 {
        hypervisor.relate();
        let reading = reader.cross().unwrap();
        let Crossing { before, device, after, window, .. } = reading.crossing;
        assert_eq!(window, after - before);
        assert!(before <= after && window < Duration::from_millis(1), "{window}");
        // The page's time is the system clock's and a day: so it lies in the window, give or take what it says.
        assert!(device - AHEAD >= before - reading.error, "{} early", before - (device - AHEAD));
        assert!(device - AHEAD <= after + reading.error, "{} late", device - AHEAD - after);
        assert!(reading.error < Duration::from_millis(1), "{}", reading.error);
        assert_eq!(reading.scale, VmScale { is_tai: true, tai_utc: Some(TaiUtc(37)) });
    }
    assert_eq!(reader.disruption(), None);
}

#[test]
fn what_the_page_says_of_its_error_its_leap_second_and_its_scale_is_in_the_reading() {
    let mut hypervisor = Hypervisor::new();
    let mut reader = hypervisor.open();
    hypervisor.change(|page| (page.max_error_ns, page.leap, page.smearing) = (40_000_000, 1, 1));
    let reading = reader.cross().unwrap();
    assert!(reading.error >= Duration::from_millis(40) && reading.error < Duration::from_millis(80));
    assert_eq!((reading.leap, reading.smearing), (LeapIndicator::Insert, Smearing::NoonLinear));
    hypervisor.change(|page| page.flags &= !1);
    assert_eq!(reader.cross().unwrap().scale, VmScale { is_tai: true, tai_utc: None });
}

#[test]
fn a_clock_that_is_not_synchronised_has_no_time_until_it_is_and_is_no_reason_to_give_the_page_up() {
    let mut hypervisor = Hypervisor::new();
    hypervisor.change(|page| page.status = 1);
    let mut reader = hypervisor.open();
    assert_eq!(reader.cross(), Err(NoReading::NoTime));
    hypervisor.change(|page| page.status = 2);
    assert!(reader.cross().is_ok());
    hypervisor.change(|page| page.status = 4);
    assert_eq!(reader.cross(), Err(NoReading::NoTime));
}

#[test]
fn another_marker_is_told_once_also_while_there_is_no_time() {
    let mut hypervisor = Hypervisor::new();
    let mut reader = hypervisor.open();
    assert!(reader.cross().is_ok());
    hypervisor.change(|page| (page.marker, page.status) = (2, 1));
    assert_eq!(reader.cross(), Err(NoReading::NoTime));
    assert_eq!((reader.disruption(), reader.disruption()), (Some(Disruption::Counter), None));
    // Its time is a minute further than before: that is the same news.
    hypervisor.change(|page| (page.status, page.seconds) = (2, page.seconds + 60));
    assert!(reader.cross().is_ok());
    assert_eq!(reader.disruption(), None);
    // Without a marker it is news.
    hypervisor.change(|page| page.seconds += 5);
    assert!(reader.cross().is_ok());
    let Some(Disruption::HostRanOn(by)) = reader.disruption() else { panic!("it ran on by five seconds") };
    assert!((by - Duration::from_secs(5)).abs() < Duration::from_millis(50), "{by}");
}

#[test]
fn a_page_that_is_being_written_is_torn() {
    let mut hypervisor = Hypervisor::new();
    let mut reader = hypervisor.open();
    hypervisor.change(|page| page.sequence = 9);
    assert_eq!(reader.cross(), Err(NoReading::Torn));
    hypervisor.change(|page| page.sequence = 10);
    assert!(reader.cross().is_ok());
}

#[test]
fn no_half_of_a_page_is_taken_while_it_is_rewritten_all_the_time() {
    // Two pages that fit only by themselves: half of one and half of the other is a time that is days off.
    let mut hypervisor = Hypervisor::new();
    hypervisor.change(|page| page.max_error_ns = 1_000_000_000);
    let other = Fields {
        counter_value: hypervisor.fields.counter_value.wrapping_sub(1 << 50),
        seconds: hypervisor.fields.seconds - (hypervisor.fields.period as f64 * 2f64.powi(50 - 93)) as u64,
        ..hypervisor.fields
    };
    let (path, pages) = (PathBuf::from(&*hypervisor.path), [hypervisor.fields, other]);
    let mut reader = hypervisor.open();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = std::fs::File::options().write(true).open(&path).unwrap();
            let mut put = |offset: u64, octets: &[u8]| {
                file.seek(SeekFrom::Start(offset)).unwrap();
                file.write_all(octets).unwrap();
            };
            let mut sequence = 8_u32;
            while !is_over.load(Ordering::Relaxed) {
                for page in &pages {
                    put(12, &(sequence + 1).to_le_bytes());
                    put(16, &page.octets()[16..]);
                    sequence = sequence.wrapping_add(2);
                    put(12, &sequence.to_le_bytes());
                }
            }
        });
        let (mut whole, mut torn) = (0, 0);
        let start = std::time::Instant::now();
        while (whole < 200 || torn < 1) && start.elapsed() < std::time::Duration::from_secs(20) {
            match reader.cross() {
                Ok(reading) => {
                    let middle: Timestamp<Local> = reading.crossing.before + reading.crossing.window.half();
                    let off = reading.crossing.device - AHEAD - middle;
                    // A page in binary floating point is a second off at most.
                    assert!(off.abs() < Duration::from_secs(2), "{off}");
                    whole += 1;
                }
                Err(NoReading::Torn) => torn += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
        is_over.store(true, Ordering::Relaxed);
        println!("{whole} whole, {torn} torn");
        assert!(whole >= 200, "{whole} whole, {torn} torn");
    });
}

#[test]
fn what_cannot_be_used_says_why_by_its_errno() {
    let mut hypervisor = Hypervisor::new();
    assert_eq!(hypervisor.errno(), None);
    let good = hypervisor.fields;
    let errno = |hypervisor: &mut Hypervisor, change: fn(&mut Fields)| {
        hypervisor.fields = good;
        hypervisor.change(change);
        hypervisor.errno()
    };
    assert_eq!(errno(&mut hypervisor, |page| page.counter_id = 1 - our_id()), Some(libc::EOPNOTSUPP));
    assert_eq!(errno(&mut hypervisor, |page| page.counter_id = 7), Some(libc::EOPNOTSUPP));
    assert_eq!(errno(&mut hypervisor, |page| page.counter_id = 0xff), Some(libc::ENODATA), "QEMU's");
    assert_eq!(errno(&mut hypervisor, |page| page.time_type = 2), Some(libc::ENODATA));
    assert_eq!(errno(&mut hypervisor, |page| page.period = 0), Some(libc::EBADMSG));
    std::fs::write(&hypervisor.path, [0; SIZE]).unwrap();
    assert_eq!(hypervisor.errno(), Some(libc::EBADMSG));
    std::fs::write(&hypervisor.path, b"VCLK").unwrap();
    assert_eq!(hypervisor.errno(), Some(libc::EINVAL));
    let error = VmClockReader::open(Path::new("/no/vmclock0")).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
}

#[test]
fn a_counter_that_the_kernel_has_taken_off_its_list_is_unstable() {
    assert!(!is_unstable("kvm-clock tsc hpet acpi_pm \n") && !is_unstable("tsc-early hpet\n"));
    assert!(is_unstable("hpet acpi_pm\n") && is_unstable("hyperv_clocksource_tsc_page\n"));
}
