//! Reading a PTP hardware clock beside the system clock.
//!
//! A reading takes microseconds over the bus, so it is taken between two readings of the system clock, and a few times (see
//! [`sharpest`]); where the hardware latches both clocks at one instant (PTP_SYS_OFFSET_PRECISE) there is nothing between them.
//!
//! The best method of a device is no promise either: drivers say that they latch and then do not, always or for a while (the
//! root port has lost PTM, the firmware is busy). So each failure is bridged by the next method at once, and who fails again
//! and again is tried again only now and then ([`Methods`]). A device that fails by every method is another matter, and is
//! told as it is.

use nix::libc;
use synchronome_kernel::phc::{Crossing as Latched, CrossingMethod, Phc};
use synchronome_kernel::timestamping::KernelTime;

use super::failed;
use crate::clock::comparison::{Asymmetry, asymmetry};
use crate::clock::{ClockError, Crossing, HostClock, Reading, sharpest};
use crate::time::{Duration, Local, Mono, Timestamp};

/// Readings for one crossing, where the hardware does not latch both clocks at once.
pub const READINGS: usize = 5;
/// After so many failures in a row a method is left for a while.
const FAILURES_MAX: u32 = 4;
/// For so long at first; each time that it fails again, twice as long.
const RETRY_FIRST: Duration = Duration::from_secs(16);
/// The longest of these times.
const RETRY_MAX: Duration = Duration::from_secs(1_024);

fn local(time: KernelTime) -> Timestamp<Local> {
    Timestamp::from_parts(time.seconds, time.nanoseconds)
}

/// The next best method.
const fn below(method: CrossingMethod) -> Option<CrossingMethod> {
    match method {
        CrossingMethod::Precise => Some(CrossingMethod::Extended),
        CrossingMethod::Extended => Some(CrossingMethod::Basic),
        CrossingMethod::Basic => None,
    }
}

/// Whether this error says that the driver or the kernel does not have a method at all.
const fn is_unknown(errno: i32) -> bool {
    matches!(errno, libc::EOPNOTSUPP | libc::ENOTTY | libc::EINVAL)
}

/// By which method a device is read.
#[derive(Clone, Copy, Debug)]
struct Methods {
    /// The best that it has, as far as is known.
    best: CrossingMethod,
    /// Left aside until then, for the one below it, because of this error.
    aside: Option<(Timestamp<Mono>, i32)>,
    /// For how long it is left aside the next time.
    pause: Duration,
    failures: u32,
}

impl Methods {
    const fn new(best: CrossingMethod) -> Self {
        Self { best, aside: None, pause: RETRY_FIRST, failures: 0 }
    }

    /// The one of the next reading.
    fn next(&self, now: Timestamp<Mono>) -> CrossingMethod {
        let is_aside = self.aside.is_some_and(|(until, _)| now < until);
        below(self.best).filter(|_| is_aside).unwrap_or(self.best)
    }

    /// The device has been read by a method, others that were tried before having failed with `error`.
    fn worked(&mut self, now: Timestamp<Mono>, method: CrossingMethod, error: Option<i32>) {
        if method == self.best {
            *self = Self::new(self.best);
        } else if let Some(errno) = error {
            self.failures += 1;
            if self.failures >= FAILURES_MAX {
                self.aside = Some((now + self.pause, errno));
                self.pause = self.pause.times(2).min(RETRY_MAX);
            }
        }
    }

    /// A method has failed; which one to try at once.
    fn failed(&mut self, method: CrossingMethod, errno: i32) -> Option<CrossingMethod> {
        let next = below(method)?;
        if is_unknown(errno) {
            *self = Self::new(next);
        }
        // What has no window is bridged by what has one. Below that it is the device that fails.
        (is_unknown(errno) || method == CrossingMethod::Precise).then_some(next)
    }
}

/// Takes crossings of one device.
#[derive(Debug)]
pub struct PhcReader {
    device: Phc,
    methods: Methods,
    /// The method of the last reading that worked.
    method: CrossingMethod,
    readings: [Latched; READINGS],
}

impl PhcReader {
    /// By the best method that the device says it has.
    ///
    /// # Errors
    /// Those of asking the device for its capabilities.
    pub fn new(device: Phc) -> std::io::Result<Self> {
        let capabilities = device.capabilities()?;
        let method = if capabilities.precise_crossing { CrossingMethod::Precise } else { CrossingMethod::Extended };
        Ok(Self { device, methods: Methods::new(method), method, readings: [Latched::EMPTY; READINGS] })
    }

    /// Where the device can be latched and read over the bus: whether the two agree. If they cannot both be right, it is read
    /// over the bus from now on: that its time was taken inside of the window needs no trust in a device.
    pub fn hold_against_the_bus(&mut self) -> Option<Asymmetry> {
        let found = if self.method == CrossingMethod::Precise { asymmetry(&self.device) } else { None };
        if matches!(found, Some(Asymmetry::Impossible(_))) {
            self.methods = Methods::new(CrossingMethod::Extended);
            self.method = CrossingMethod::Extended;
        }
        found
    }

    /// The device, for what else it can do.
    pub(crate) fn device(&self) -> &Phc {
        &self.device
    }

    /// How the last crossing was taken.
    pub fn method(&self) -> CrossingMethod {
        self.method
    }

    /// The errno for which a better method is left aside at the moment.
    pub fn aside(&self) -> Option<i32> {
        self.methods.aside.map(|(_, errno)| errno)
    }

    /// Reads the device between two readings of the system clock, a few times: what they say together.
    ///
    /// A method that the driver turns out not to have is not tried again; one that fails is bridged by the next.
    ///
    /// # Errors
    /// [`ClockError::Failed`]: ENODEV if the device is gone, EIO or EBUSY as the driver likes.
    pub fn cross(&mut self) -> Result<Crossing, ClockError> {
        let host = HostClock;
        let mut method = self.methods.next(host.mono());
        let mut bridged = None;
        loop {
            let (system, mono, raw) = (host.stamping(), host.mono(), host.raw());
            let gap = host.stamping() - system;
            match self.device.cross(method, READINGS as u32, &mut self.readings) {
                Ok(count) => {
                    // A window below zero: somebody set the system clock in it.
                    let sound = self.readings[..count].iter().filter(|reading| reading.window_nanoseconds() >= 0);
                    let Some((reading, raw_at, narrowed)) = together(sound) else {
                        return Err(ClockError::Failed(libc::EIO));
                    };
                    self.methods.worked(mono, method, bridged);
                    self.method = method;
                    let slack = if raw_at.is_some() { narrowed } else { gap.abs() };
                    return Ok(Crossing { slack, ..crossing_of((reading, raw_at), mono, raw, system) });
                }
                Err(error) => {
                    let errno = error.raw_os_error().unwrap_or(libc::EIO);
                    let Some(next) = self.methods.failed(method, errno) else { return Err(failed(&error)) };
                    bridged = (!is_unknown(errno)).then_some(errno).or(bridged);
                    method = next;
                }
            }
        }
    }
}

/// What these readings of the kernel's say together; CLOCK_MONOTONIC_RAW where that was latched too, in the middle of a window that
/// was wider by so much. `None` without any.
fn together<'a>(
    readings: impl Iterator<Item = &'a Latched> + Clone,
) -> Option<(Reading, Option<Timestamp<Local>>, Duration)> {
    let reading = |latched: &Latched| {
        let [before, device, after] = [latched.before, latched.device, latched.after].map(local);
        Reading { before, device, after }
    };
    let sharpest = sharpest(readings.clone().map(reading))?;
    let mut narrowest = readings.filter(|latched| local(latched.device) == sharpest.device);
    let narrowest = narrowest.next()?;
    Some((sharpest, narrowest.monotonic_raw.map(local), reading(narrowest).window() - sharpest.window()))
}

/// Readings with CLOCK_MONOTONIC and CLOCK_MONOTONIC_RAW at their instant; the three were read just before.
pub(in crate::clock) fn crossing_of(
    (reading, latched_raw): (Reading, Option<Timestamp<Local>>),
    mono: Timestamp<Mono>,
    raw: Timestamp<Local>,
    system: Timestamp<Local>,
) -> Crossing {
    let Reading { before, device, after } = reading;
    let since = before + (after - before).half() - system;
    Crossing {
        before,
        device,
        after,
        raw: latched_raw.unwrap_or(raw + since),
        mono: mono + since,
        window: after - before,
        slack: Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::CrossingMethod::{Basic, Extended, Precise};
    use super::*;

    /// Reads every quarter of a second from `from` on, `is_latching` saying whether PRECISE works; the methods that worked.
    fn read(methods: &mut Methods, seconds: std::ops::Range<i64>, is_latching: bool) -> Vec<CrossingMethod> {
        let mut worked = Vec::new();
        for quarter in seconds.start * 4..seconds.end * 4 {
            let now = Timestamp::from_secs(1_000) + Duration::from_millis(quarter * 250);
            let mut method = methods.next(now);
            let mut error = None;
            if method == Precise && !is_latching {
                error = Some(libc::EAGAIN);
                method = methods.failed(method, libc::EAGAIN).expect("another one");
            }
            methods.worked(now, method, error);
            worked.push(method);
        }
        worked
    }

    #[test]
    fn a_method_that_fails_is_bridged_at_once_and_left_aside_after_four_failures() {
        let mut methods = Methods::new(Precise);
        assert!(read(&mut methods, 0..2, true).iter().all(|method| *method == Precise));
        assert!(read(&mut methods, 2..3, false).iter().all(|method| *method == Extended), "no reading is lost");
        let now = Timestamp::from_secs(1_003);
        assert_eq!((methods.next(now), methods.aside.map(|(_, errno)| errno)), (Extended, Some(libc::EAGAIN)));
        // It works again, and is found to when its time has come.
        let worked = read(&mut methods, 3..30, true);
        let back = worked.iter().position(|method| *method == Precise).expect("it is tried again");
        assert_eq!(back, 63, "16 s after the last failure");
        assert!(worked[back..].iter().all(|method| *method == Precise) && methods.aside.is_none());
    }

    #[test]
    fn a_method_that_goes_on_failing_is_tried_less_and_less_often() {
        let mut methods = Methods::new(Precise);
        let mut tried = Vec::new();
        for second in 0..4_000 {
            let now = Timestamp::from_secs(1_000 + second);
            if methods.next(now) == Precise {
                tried.push(second);
                assert_eq!(methods.failed(Precise, libc::ETIMEDOUT), Some(Extended));
                methods.worked(now, Extended, Some(libc::ETIMEDOUT));
            } else {
                methods.worked(now, Extended, None);
            }
        }
        assert_eq!(tried, [0, 1, 2, 3, 19, 51, 115, 243, 499, 1_011, 2_035, 3_059]);
    }

    #[test]
    fn a_method_that_the_driver_does_not_have_is_not_tried_again_and_an_error_of_the_device_is_told() {
        let mut methods = Methods::new(Precise);
        assert_eq!(methods.failed(Precise, libc::EOPNOTSUPP), Some(Extended));
        assert_eq!((methods.best, methods.failed(Extended, libc::EIO)), (Extended, None));
        assert_eq!(methods.failed(Extended, libc::ENOTTY), Some(Basic));
        assert_eq!((methods.best, methods.failed(Basic, libc::ENODEV)), (Basic, None));
    }

    #[test]
    fn a_crossing_knows_when_it_was_taken_on_every_clock() {
        let at = |nanoseconds| KernelTime { seconds: 1_800_000_000, nanoseconds };
        let reading = Latched { before: at(3_000), device: at(77), after: at(5_000), monotonic_raw: None };
        let system = local(at(1_000));
        let of = |latched: Latched| {
            let (reading, raw, _) = together([latched].iter()).expect("a reading");
            (reading, raw)
        };
        let crossing = crossing_of(of(reading), Timestamp::from_secs(50), Timestamp::from_secs(60), system);
        assert_eq!(crossing.window, Duration::from_micros(2));
        assert_eq!(crossing.mono, Timestamp::from_secs(50) + Duration::from_micros(3));
        assert_eq!(crossing.raw, Timestamp::from_secs(60) + Duration::from_micros(3));
        let latched = Latched { after: at(3_000), monotonic_raw: Some(at(9)), ..reading };
        let crossing = crossing_of(of(latched), Timestamp::from_secs(50), Timestamp::from_secs(60), system);
        assert_eq!((crossing.window, crossing.raw), (Duration::ZERO, local(at(9))));
    }
}
