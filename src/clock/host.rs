//! The host's clocks, read only.

use nix::time::{ClockId as Id, clock_gettime};

use crate::time::{Duration, Local, Mono, Timestamp};

/// A jump of CLOCK_REALTIME against CLOCK_MONOTONIC of at least this is somebody setting the clock.
pub const JUMP_MIN: Duration = Duration::from_millis(1);

/// Reads CLOCK_MONOTONIC and CLOCK_REALTIME (clock_gettime(2)).
#[derive(Clone, Copy, Debug, Default)]
pub struct HostClock;

fn read<S>(id: Id) -> Timestamp<S> {
    let time = clock_gettime(id).expect("CLOCK_REALTIME and CLOCK_MONOTONIC exist on every Linux");
    Timestamp::from_parts(time.tv_sec(), time.tv_nsec() as u32)
}

impl HostClock {
    /// CLOCK_MONOTONIC, for timers and ages.
    pub fn mono(self) -> Timestamp<Mono> {
        read(Id::CLOCK_MONOTONIC)
    }

    /// CLOCK_REALTIME, the clock that the kernel stamps packets with.
    pub fn stamping(self) -> Timestamp<Local> {
        read(Id::CLOCK_REALTIME)
    }

    /// CLOCK_MONOTONIC_RAW, which nobody steers.
    pub fn raw(self) -> Timestamp<Local> {
        read(Id::CLOCK_MONOTONIC_RAW)
    }

    /// Both at one instant, to within the returned window: the narrowest of a few tries.
    pub fn both(self) -> (Timestamp<Mono>, Timestamp<Local>, Duration) {
        const TRIES: usize = 3;
        const GOOD_ENOUGH: Duration = Duration::from_micros(20);
        let mut best: Option<(Timestamp<Mono>, Timestamp<Local>, Duration)> = None;
        for _ in 0..TRIES {
            let before = self.mono();
            let stamping = self.stamping();
            let window = self.mono() - before;
            if best.is_none_or(|(_, _, narrowest)| window < narrowest) {
                best = Some((before + window.half(), stamping, window));
            }
            if window < GOOD_ENOUGH {
                break;
            }
        }
        best.unwrap_or((self.mono(), self.stamping(), Duration::MAX))
    }
}

/// CLOCK_REALTIME by a reading of CLOCK_MONOTONIC.
///
/// Slewing moves both alike, and only setting the clock changes their distance (clock_gettime(2)): so it is measured now and
/// then, and whenever the clock was set, and each moment takes one reading instead of two.
#[derive(Clone, Copy, Debug)]
pub struct Moments {
    host: HostClock,
    distance: Duration,
}

impl Moments {
    /// Measures the distance.
    pub fn new(host: HostClock) -> Self {
        let mut moments = Self { host, distance: Duration::ZERO };
        moments.measure();
        moments
    }

    /// Measures the distance anew. As [`HostClock::both`].
    pub fn measure(&mut self) -> (Timestamp<Mono>, Timestamp<Local>, Duration) {
        let (now, local, window) = self.host.both();
        self.distance = local.read_as::<Mono>() - now;
        (now, local, window)
    }

    /// Both clocks now.
    pub fn now(self) -> (Timestamp<Mono>, Timestamp<Local>) {
        let now = self.host.mono();
        (now, (now + self.distance).read_as())
    }
}

/// Notices that somebody set the stamping clock, by its distance to CLOCK_MONOTONIC.
#[derive(Clone, Copy, Debug, Default)]
pub struct JumpDetector {
    last: Option<Duration>,
}

impl JumpDetector {
    /// We have set the clock ourselves: what was seen before counts no more.
    pub fn restart(&mut self) {
        self.last = None;
    }

    /// A pair of readings; returns by how much the stamping clock jumped, if it did by at least [`JUMP_MIN`].
    ///
    /// Slewing moves both clocks alike (clock_gettime(2)): their distance changes only when the clock is set.
    pub fn jump(&mut self, mono: Timestamp<Mono>, stamping: Timestamp<Local>, window: Duration) -> Option<Duration> {
        let distance = stamping.read_as::<Mono>() - mono;
        let Some(before) = self.last else {
            self.last = Some(distance);
            return None;
        };
        let change = distance - before;
        if window > JUMP_MIN {
            return None;
        }
        self.last = Some(distance);
        (change.abs() >= JUMP_MIN + window).then_some(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_clock_is_noticed_and_a_slewed_one_is_not() {
        let mut detector = JumpDetector::default();
        let at = |ms: i64| Timestamp::<Mono>::from_secs(10) + Duration::from_millis(ms);
        let wall =
            |ms: i64, extra: Duration| Timestamp::<Local>::from_secs(1_700_000_000) + Duration::from_millis(ms) + extra;
        assert_eq!(detector.jump(at(0), wall(0, Duration::ZERO), Duration::ZERO), None);
        assert_eq!(detector.jump(at(100), wall(100, Duration::from_micros(900)), Duration::ZERO), None);
        let set = Duration::from_secs(-3);
        let jump = detector.jump(at(200), wall(200, set), Duration::ZERO).unwrap();
        assert!((jump - set).abs() < Duration::from_millis(1));
        assert_eq!(detector.jump(at(300), wall(300, set), Duration::ZERO), None, "told once");
    }

    #[test]
    fn readings_that_were_interrupted_accuse_nobody() {
        let mut detector = JumpDetector::default();
        detector.jump(Timestamp::from_secs(1), Timestamp::from_secs(100), Duration::ZERO);
        let late = Timestamp::from_secs(100) + Duration::from_millis(900);
        assert_eq!(detector.jump(Timestamp::from_secs(1), late, Duration::from_millis(900)), None);
    }

    #[test]
    fn a_moment_is_of_both_clocks() {
        let mut moments = Moments::new(HostClock);
        let (_, _, window) = moments.measure();
        let (before, (now, local), after) = (HostClock.stamping(), moments.now(), HostClock.stamping());
        assert!(before - window <= local && local <= after + window, "{before:?} {local:?} {after:?}");
        assert!(now <= HostClock.mono());
    }

    #[test]
    fn the_host_has_both_clocks() {
        let (mono, stamping, window) = HostClock.both();
        assert!(mono > Timestamp::EPOCH && stamping > Timestamp::from_secs(1_600_000_000) && !window.is_negative());
    }
}
