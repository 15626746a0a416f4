//! The hypervisor says that the machine was paused, moved or restored.

use super::*;
use crate::clock::Disruption;

fn disrupt(world: &mut World) {
    let (now, utc, notices) = (world.now, world.utc(), &mut world.notices);
    world.cascade.machine_was_disrupted(now, utc, Disruption::Counter, &mut |notice| notices.push(notice));
}

fn is_bounded(world: &mut World) -> bool {
    let (now, utc) = (world.now, world.utc());
    world.cascade.snapshot(now, utc).is_bounded
}

#[test]
fn after_a_pause_that_the_hypervisor_tells_nothing_is_claimed_until_it_is_measured_and_one_step_puts_it_right() {
    for kind in [Kind::Pi, Kind::Estimator] {
        for hub in [ClockId::System, ClockId::Phc(0)] {
            for pause in [Duration::from_millis(200), Duration::from_secs(60), Duration::from_secs(3_600)] {
                let mut world = World::new(hub, kind);
                world.run(20);
                assert!(is_bounded(&mut world));
                world.notices.clear();
                // The cards of this world run on, which the daemon cannot know.
                world.paused = pause;
                disrupt(&mut world);
                assert!(!is_bounded(&mut world), "{kind:?} {hub:?} {pause}");
                for clock in ALL {
                    assert_eq!(world.state(clock), SyncState::Disrupted, "{kind:?} {hub:?} {pause}: {clock:?}");
                }
                world.run(20);
                let steps = |notice: &&CascadeNotice| {
                    matches!(notice, CascadeNotice::Discipline(ClockId::System, Notice::Stepped(_)))
                };
                assert_eq!(world.notices.iter().filter(steps).count(), 1, "{kind:?} {hub:?} {pause}");
                let accused = |notice: &CascadeNotice| {
                    matches!(
                        notice,
                        CascadeNotice::Jumped(..)
                            | CascadeNotice::StoodStill(_)
                            | CascadeNotice::Discipline(_, Notice::Contradiction | Notice::Panic(_))
                    )
                };
                assert!(!world.notices.iter().any(accused), "{:?}", world.notices);
                let error = world.error(ClockId::System);
                assert!(error.abs() < Duration::from_micros(1), "{kind:?} {hub:?} {pause}: off by {error}");
            }
        }
    }
}

#[test]
fn what_was_learnt_of_the_oscillator_is_not_believed_of_another_host() {
    let mut world = World::new(ClockId::System, Kind::Estimator);
    world.run(300);
    let spread = |world: &mut World| {
        let (now, utc) = (world.now, world.utc());
        world.cascade.snapshot(now, utc).drift_rate
    };
    let known = spread(&mut world);
    assert!(known <= FrequencyPpb::from_ppm(2.0), "{known:?}");
    disrupt(&mut world);
    // Two messages: bounded again, by an oscillator of which nothing is known.
    while !is_bounded(&mut world) {
        world.run_ticks(1);
    }
    let unknown = spread(&mut world);
    assert!(unknown >= FrequencyPpb::from_ppm(100.0), "{unknown:?}");
}
