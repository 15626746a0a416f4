//! When another hub takes over, or one comes back, what is known of the time is not forgotten.

use super::*;

/// A network, and when something happens: the jitter, a Delay_Req with each so many Syncs, sixty-fourths of a second.
type Circumstances = (Duration, i64, i64);

const CIRCUMSTANCES: [Circumstances; 6] = [
    (Duration::ZERO, 1, 0),
    (Duration::ZERO, 4, 3),
    (Duration::ZERO, 4, 17),
    (Duration::from_nanos(100), 1, 9),
    (Duration::from_nanos(100), 4, 30),
    (Duration::from_nanos(100), 4, 55),
];

/// A clock may be off by this meanwhile: while a hub does not know its path's delay it runs by what it knows of its frequency, and with
/// a request a second, that is for a second or two.
fn limit((jitter, ..): Circumstances) -> Duration {
    Duration::from_nanos(120) + jitter
}

/// Settled, the estimator steering, and just before something happens.
fn settled((jitter, request_every, ticks): Circumstances) -> World {
    let mut world = World::new(ClockId::Phc(0), Kind::Estimator);
    (world.jitter, world.request_every) = (jitter, request_every);
    world.window = Duration::from_nanos(20);
    world.run(40);
    world.run_ticks(ticks);
    world.greatest = [Duration::ZERO; 3];
    world
}

#[test]
fn another_hub_takes_over_and_no_clock_moves() {
    for circumstances in CIRCUMSTANCES {
        let mut world = settled(circumstances);
        for (hub, source) in [(ClockId::Phc(1), SourceId(1)), (ClockId::Phc(0), PORT)] {
            world.hub = hub;
            let selected_at = world.now;
            world.reference = world.reference.map(|reference| Reference { source, selected_at, ..reference });
            world.follow();
            world.run(15);
            let (greatest, limit) = (world.greatest, limit(circumstances));
            assert!(greatest.iter().all(|error| *error <= limit), "{circumstances:?} to {hub:?}: {greatest:?}");
            assert_eq!(world.state(ClockId::System), SyncState::Locked, "{circumstances:?}");
        }
    }
}

#[test]
fn a_hub_that_jumps_takes_nobody_along_and_is_right_again_at_once() {
    for by in [Duration::from_micros(50), Duration::SECOND, Duration::from_secs(-1_800_000_000)] {
        for circumstances in CIRCUMSTANCES {
            let mut world = settled(circumstances);
            world.phc_set_by = by;
            // A Sync, or a Delay_Req where that is rare, and the step that it leads to.
            world.run_ticks(20);
            world.greatest[0] = Duration::ZERO;
            world.run(10);
            let (greatest, limit) = (world.greatest, limit(circumstances));
            assert!(greatest.iter().all(|error| *error <= limit), "{circumstances:?}, {by}: {greatest:?}");
            assert_eq!(world.state(ClockId::System), SyncState::Locked, "{circumstances:?}");
        }
    }
}

#[test]
fn a_card_that_was_replaced_is_right_before_it_hears_the_source() {
    for circumstances in CIRCUMSTANCES {
        let mut world = settled(circumstances);
        world.cascade.remove_phc(0);
        let reference = world.reference.take();
        world.run(5);
        let crossing = world.crossing(0);
        let clock = software(crossing.device, Duration::from_secs(-37), 15.0).on(ClockId::Phc(0));
        world.cascade.add_phc(0, clock, &crossing, None);
        world.run_ticks(32);
        world.greatest[0] = Duration::ZERO;
        world.run_ticks(16);
        world.reference = reference;
        world.follow();
        world.run(10);
        let (greatest, limit) = (world.greatest, limit(circumstances));
        assert!(greatest.iter().all(|error| *error <= limit), "{circumstances:?}: {greatest:?}");
        assert_eq!(world.state(ClockId::System), SyncState::Locked, "{circumstances:?}");
    }
}

/// The master is another one from now on, which is so much ahead, heard by the same card from another neighbour.
fn change_master(world: &mut World, ahead: Duration) {
    world.master_ahead = ahead;
    let selected_at = world.now;
    world.reference =
        world.reference.map(|old| Reference { clock: old.clock + 1, path: old.path + 1, selected_at, ..old });
    world.follow();
}

#[test]
fn another_master_is_followed_by_all_and_no_proof_contradicts_another() {
    for ahead in [Duration::from_micros(1), Duration::from_micros(-20), Duration::from_millis(1)] {
        for circumstances in CIRCUMSTANCES {
            let mut world = settled(circumstances);
            world.notices.clear();
            change_master(&mut world, ahead);
            world.run(20);
            let limit = Duration::from_nanos(30) + circumstances.0.times(2);
            for clock in ALL {
                let error = world.error(clock) - ahead;
                assert!(error.abs() <= limit, "{circumstances:?}, {ahead}: {clock:?} is off by {error}");
            }
            assert_eq!(accused(&world), [], "{circumstances:?}, {ahead}");
        }
    }
}

#[test]
fn what_the_hub_learns_of_another_master_at_first_moves_nobody_else() {
    for circumstances in CIRCUMSTANCES {
        let mut world = settled(circumstances);
        let before = world.error(ClockId::System);
        change_master(&mut world, Duration::from_micros(20));
        world.notices.clear();
        // Until the others follow, they run on; then they know at once what the hub knows.
        while !world.notices.contains(&CascadeNotice::Gate(true)) {
            let moved = world.error(ClockId::System) - before;
            assert!(moved.abs() < Duration::from_nanos(50), "{circumstances:?}: by {moved}");
            world.run_ticks(1);
        }
        world.run_ticks(32);
        let apart = world.error(ClockId::System) - world.error(ClockId::Phc(0));
        assert!(apart.abs() < Duration::from_nanos(50), "{circumstances:?}: {apart} apart");
    }
}
