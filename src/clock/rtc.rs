//! The clock that runs while the machine is off, written when the daemon ends.
//!
//! As a rule the kernel does that: every eleven minutes, while it is told that the system clock is synchronised. Not every kernel is built so, and a machine that
//! runs for ten minutes never gets there. An RTC counts whole seconds, and the instant of the write is what its phase is made by: it is
//! waited for, on the system clock, which is right at that moment or it is not written at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use synchronome_kernel::rtc::{self, CivilTime};

use crate::time::{Duration, Timestamp, Utc, civil_from_days};

/// A PC's CMOS clock begins its next second half a second after it was set; others begin one when they are set.
const CMOS_NEXT: Duration = Duration::from_millis(500);
/// A write that comes later than this after its instant is tried again at the next one.
const LATE_MAX: Duration = Duration::from_millis(20);
/// So often, before it is written as late as it is.
const TRIES: u32 = 3;
/// Where `hwclock` notes whether the RTC counts UTC or local time.
const ADJTIME: &str = "/etc/adjtime";

/// An RTC that can be set.
pub trait Rtc {
    /// Sets it at once.
    ///
    /// # Errors
    /// The device's.
    fn set(&mut self, time: CivilTime) -> io::Result<()>;

    /// How long after that it begins its next second; at most a second.
    fn next_second_after(&self) -> Duration;
}

/// The machine's own.
#[derive(Debug)]
pub struct MachineRtc {
    path: PathBuf,
    next_second_after: Duration,
}

impl MachineRtc {
    /// The first one; `Err` says in words why there is none that we may write.
    pub fn find() -> Result<Self, String> {
        let path = PathBuf::from("/dev/rtc0");
        if let Err(error) = fs::metadata(&path) {
            return Err(format!("there is no {} ({error})", path.display()));
        }
        if fs::read_to_string(ADJTIME).is_ok_and(|text| is_local(&text)) {
            return Err(format!("{ADJTIME} says that it counts local time: we write UTC alone"));
        }
        Ok(Self { next_second_after: next_second_of(Path::new("/sys/class/rtc/rtc0")), path })
    }
}

impl Rtc for MachineRtc {
    fn set(&mut self, time: CivilTime) -> io::Result<()> {
        rtc::set(&self.path, time)
    }

    fn next_second_after(&self) -> Duration {
        self.next_second_after
    }
}

/// Whether an `adjtime` file says that the RTC counts local time: its third line (hwclock(8)).
fn is_local(text: &str) -> bool {
    text.lines().nth(2).is_some_and(|line| line.trim() == "LOCAL")
}

fn next_second_of(class: &Path) -> Duration {
    let name = fs::read_to_string(class.join("name")).unwrap_or_default();
    if name.starts_with("rtc_cmos") { CMOS_NEXT } else { Duration::SECOND }
}

/// The whole second of a time, as a person writes it.
fn civil(time: Timestamp<Utc>) -> CivilTime {
    const DAY_S: i64 = 86_400;
    let (days, second) = (time.seconds().div_euclid(DAY_S), time.seconds().rem_euclid(DAY_S));
    let (year, month, day) = civil_from_days(days);
    let [hour, minute, second] = [second / 3_600, second / 60 % 60, second % 60].map(|part| part as u8);
    CivilTime { year: year as i32, month: month as u8, day: day as u8, hour, minute, second }
}

/// Sets an RTC so that its seconds begin with those of `now`, and returns what it was set to: waits for up to a second.
///
/// # Errors
/// The device's.
pub fn set_with_the_second(
    rtc: &mut impl Rtc,
    mut now: impl FnMut() -> Timestamp<Utc>,
    mut wait: impl FnMut(Duration),
) -> io::Result<Timestamp<Utc>> {
    // So long after the beginning of a second that second is written.
    let phase = Duration::SECOND - rtc.next_second_after();
    for tries in 1.. {
        let present = now();
        let whole = present - phase;
        let shown = Timestamp::from_secs(whole.seconds() + i64::from(whole.subsec_nanos() > 0));
        let at = shown + phase;
        wait(at - present);
        if (now() - at).abs() <= LATE_MAX || tries == TRIES {
            // Where this machine is always late, at least the second is right.
            let shown = Timestamp::from_secs((now() - phase + LATE_MAX).seconds());
            rtc.set(civil(shown))?;
            return Ok(shown);
        }
    }
    unreachable!("there is a last try")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// An RTC, and the time; each wait is longer by `late` than it was told, the first so many times.
    struct Fake {
        next_second_after: Duration,
        set: Vec<(CivilTime, Timestamp<Utc>)>,
        now: std::rc::Rc<Cell<Timestamp<Utc>>>,
        fails: bool,
    }

    impl Rtc for Fake {
        fn set(&mut self, time: CivilTime) -> io::Result<()> {
            if self.fails {
                return Err(io::Error::from(io::ErrorKind::ResourceBusy));
            }
            self.set.push((time, self.now.get()));
            Ok(())
        }

        fn next_second_after(&self) -> Duration {
            self.next_second_after
        }
    }

    fn ms(millis: i64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Sets one from this millisecond of 2026-11-27 09:59:58 on; what it was set to and when, and what it waited.
    fn set(next_second_after: Duration, millis: i64, late: &[i64]) -> (CivilTime, Timestamp<Utc>, Duration) {
        let start = Timestamp::from_secs(1_795_773_598) + ms(millis);
        let now = std::rc::Rc::new(Cell::new(start));
        let mut fake = Fake { next_second_after, set: Vec::new(), now: now.clone(), fails: false };
        let mut late = late.iter();
        let wait = |by| now.set(now.get() + by + ms(late.next().copied().unwrap_or(0)));
        let shown = set_with_the_second(&mut fake, || now.get(), wait).expect("it can be set");
        let (time, at) = fake.set[0];
        assert_eq!((fake.set.len(), civil(shown)), (1, time));
        (time, at, at - start)
    }

    #[test]
    fn the_next_second_of_the_rtc_begins_with_that_of_the_clock() {
        for next in [CMOS_NEXT, Duration::SECOND] {
            for millis in [0, 1, 250, 499, 500, 501, 999] {
                let (time, at, waited) = set(next, millis, &[]);
                let begins = at + next;
                assert_eq!(begins.subsec_nanos(), 0, "{millis}");
                assert_eq!(civil(begins - Duration::SECOND), time, "it shows the second before until then");
                assert!(!waited.is_negative() && waited < Duration::SECOND, "{waited}");
            }
        }
    }

    #[test]
    fn a_write_that_comes_late_is_tried_again_and_at_last_the_second_is_right() {
        let (time, at, _) = set(CMOS_NEXT, 100, &[300]);
        assert_eq!((at + CMOS_NEXT).subsec_nanos(), 0);
        assert_eq!((time.hour, time.minute, time.second), (9, 59, 59));
        let (time, at, _) = set(CMOS_NEXT, 100, &[300, 4_300, 300, 300]);
        assert_eq!(at.subsec_nanos(), 800_000_000);
        assert_eq!(civil(at), time, "within half a second");
    }

    #[test]
    fn an_error_of_the_device_is_told() {
        let now = std::rc::Rc::new(Cell::new(Timestamp::from_secs(1_795_773_598)));
        let mut fake = Fake { next_second_after: Duration::SECOND, set: Vec::new(), now: now.clone(), fails: true };
        let error = set_with_the_second(&mut fake, || now.get(), |_| {}).expect_err("it is busy");
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
    }

    #[test]
    fn a_time_is_written_as_a_person_would() {
        let of =
            |year, month, day, [hour, minute, second]: [u8; 3]| CivilTime { year, month, day, hour, minute, second };
        assert_eq!(civil(Timestamp::from_secs(951_782_399)), of(2000, 2, 28, [23, 59, 59]));
        assert_eq!(civil(Timestamp::from_secs(951_782_400)), of(2000, 2, 29, [0, 0, 0]));
        assert_eq!(civil(Timestamp::from_secs(4_107_542_400)), of(2100, 3, 1, [0, 0, 0]), "2100 has no leap day");
    }

    #[test]
    fn an_rtc_in_local_time_is_known_by_the_third_line_of_adjtime() {
        assert!(is_local("0.0 0 0.0\n0\nLOCAL\n"));
        assert!(!is_local("0.0 0 0.0\n0\nUTC\n") && !is_local("") && !is_local("LOCAL\n"));
    }

    #[test]
    fn a_cmos_clock_is_known_by_the_name_of_its_driver() {
        let class = tempfile::tempdir().expect("a directory");
        assert_eq!(next_second_of(class.path()), Duration::SECOND);
        fs::write(class.path().join("name"), "rtc_cmos rtc_cmos\n").expect("written");
        assert_eq!(next_second_of(class.path()), CMOS_NEXT);
    }
}
