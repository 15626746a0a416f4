//! The machine's RTC at the daemon's end (`clock.rtc`).

use crate::clock::rtc::{MachineRtc, set_with_the_second};
use crate::clock::{HostClock, Rtc};
use crate::config::RtcPolicy;
use crate::observe::rfc3339;
use crate::observe::status::ClockKind;
use crate::sharing::TimeSnapshot;
use crate::time::{Duration, Local, Timestamp};

/// A clock that may be off by more than this is not written down: the RTC has kept it better, perhaps.
const BOUND_MAX: Duration = Duration::from_millis(100);

/// What is to be said of it at the start, if something stands in its way.
pub(super) fn problem(policy: RtcPolicy, kind: ClockKind) -> Option<String> {
    if policy != RtcPolicy::Exit {
        return None;
    }
    let why = match kind {
        ClockKind::System => MachineRtc::find().err()?,
        ClockKind::Observe | ClockKind::Simulated => "the system clock is not steered here".to_owned(),
    };
    Some(format!("the RTC will not be written at exit (clock.rtc): {why}"))
}

/// Why the clock that a snapshot describes is not written, at `local`.
fn refusal(snapshot: &TimeSnapshot, local: Timestamp<Local>) -> Option<String> {
    let bound = snapshot.bound_at(local).greatest_error();
    if !snapshot.state.is_synchronised() || !snapshot.is_bounded {
        Some(format!("the clock is {}", snapshot.state))
    } else if bound > BOUND_MAX {
        Some(format!("the clock may be off by {bound}, and more than {BOUND_MAX} is not written"))
    } else {
        None
    }
}

/// Writes it, if the clock is good enough: what there is to tell.
pub(super) fn write(policy: RtcPolicy, kind: ClockKind, snapshot: &TimeSnapshot) -> Option<Result<String, String>> {
    if policy != RtcPolicy::Exit || kind != ClockKind::System {
        return None;
    }
    Some(MachineRtc::find().and_then(|mut rtc| write_to(&mut rtc, snapshot)))
}

fn write_to(rtc: &mut impl Rtc, snapshot: &TimeSnapshot) -> Result<String, String> {
    if let Some(why) = refusal(snapshot, HostClock.stamping()) {
        return Err(why);
    }
    let wait = |by: Duration| std::thread::sleep(by.to_std());
    match set_with_the_second(rtc, || HostClock.stamping().read_as(), wait) {
        Ok(shown) => Ok(format!("the RTC was set to {}", rfc3339(shown))),
        Err(error) => Err(format!("{error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use synchronome_kernel::rtc::CivilTime;

    use super::*;
    use crate::sharing::BoundParts;
    use crate::time::SyncState;

    #[derive(Default)]
    struct Fake {
        set: Vec<CivilTime>,
    }

    impl Rtc for Fake {
        fn set(&mut self, time: CivilTime) -> io::Result<()> {
            self.set.push(time);
            Ok(())
        }

        fn next_second_after(&self) -> Duration {
            Duration::SECOND
        }
    }

    fn snapshot(state: SyncState, is_bounded: bool, drift: Duration) -> TimeSnapshot {
        let parts = BoundParts { drift, ..BoundParts::default() };
        let (mono, anchor_local) = (HostClock.mono(), HostClock.stamping());
        TimeSnapshot { state, anchor_local, parts, is_bounded, ..TimeSnapshot::unsynchronised(mono) }
    }

    #[test]
    fn a_clock_that_is_known_is_written_once_and_one_that_is_not_never() {
        let good = Duration::from_micros(7);
        let mut fake = Fake::default();
        for state in SyncState::ALL {
            let wrote = write_to(&mut fake, &snapshot(state, true, good));
            assert_eq!(wrote.is_ok(), state.is_synchronised(), "{state:?} {wrote:?}");
        }
        let written = fake.set.len();
        assert_eq!(written, SyncState::ALL.iter().filter(|state| state.is_synchronised()).count());
        for bad in [snapshot(SyncState::Locked, false, good), snapshot(SyncState::Holdover, true, Duration::SECOND)] {
            assert!(write_to(&mut fake, &bad).is_err());
        }
        assert_eq!(fake.set.len(), written);
    }

    #[test]
    fn nothing_is_written_unless_the_configuration_says_so_and_the_system_clock_is_steered() {
        let good = snapshot(SyncState::Locked, true, Duration::ZERO);
        for policy in [RtcPolicy::Kernel, RtcPolicy::Off] {
            assert_eq!(write(policy, ClockKind::System, &good), None);
            assert_eq!(problem(policy, ClockKind::Observe), None);
        }
        for kind in [ClockKind::Observe, ClockKind::Simulated] {
            assert_eq!(write(RtcPolicy::Exit, kind, &good), None);
            assert!(problem(RtcPolicy::Exit, kind).is_some_and(|said| said.contains("is not steered")));
        }
    }
}
