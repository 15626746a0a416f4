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

#[test]
fn a_hub_that_somebody_set_is_not_followed_until_it_is_right_however_soon_it_is_measured() {
    let mut world = World::new(ClockId::System, Kind::Estimator);
    world.run(20);
    assert!(world.cascade.is_gate_open);
    world.notices.clear();
    let by = Duration::from_secs(-2);
    world.paused = -by;
    let (now, local) = (world.now, world.utc());
    assert!(world.cascade.system_was_set(now, local, by, &mut |_| ()));
    assert!(!world.cascade.is_gate_open, "at once, and not with the next crossing");
    while world.state(ClockId::System) != SyncState::Locked {
        world.run_ticks(1);
        let is_disrupted = world.state(ClockId::System) == SyncState::Disrupted;
        assert_eq!(is_disrupted, !is_bounded(&mut world));
        for phc in [ClockId::Phc(0), ClockId::Phc(1)] {
            let error = world.error(phc);
            assert!(error.abs() < Duration::from_micros(10), "{phc:?}: {error}");
        }
    }
    let states = world.notices.iter().filter_map(|notice| match notice {
        CascadeNotice::Discipline(ClockId::System, Notice::State { to, .. }) => Some(*to),
        _ => None,
    });
    assert_eq!(states.collect::<Vec<_>>(), [SyncState::Acquiring, SyncState::Locked]);
    world.run(10);
    assert!(world.cascade.is_gate_open);
}
