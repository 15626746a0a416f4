//! A card that seems to have jumped ahead: did it, or did the machine stand still?

use super::*;

fn stood_still(world: &World) -> Vec<Duration> {
    let by = |notice: &CascadeNotice| match notice {
        CascadeNotice::StoodStill(by) => Some(*by),
        _ => None,
    };
    world.notices.iter().filter_map(by).collect()
}

fn jumped(world: &World) -> bool {
    world.notices.iter().any(|notice| matches!(notice, CascadeNotice::Jumped(..)))
}

fn steps_of(world: &World, clock: ClockId) -> usize {
    let is_step =
        |notice: &&CascadeNotice| matches!(notice, CascadeNotice::Discipline(of, Notice::Stepped(_)) if *of == clock);
    world.notices.iter().filter(is_step).count()
}

/// What is published as the system clock's greatest error; zero if nothing is claimed.
fn claimed(world: &mut World) -> Duration {
    let (now, utc) = (world.now, world.utc());
    let snapshot = world.cascade.snapshot(now, utc);
    if snapshot.is_bounded { snapshot.parts.total().greatest_error() } else { Duration::ZERO }
}

/// Until the card was read once.
fn until_doubted(world: &mut World) {
    for _ in 0..32 {
        world.run_ticks(1);
        if world.cascade.hub_in_doubt().is_some() {
            return;
        }
    }
    panic!("nobody doubts");
}

#[test]
fn a_machine_that_stood_still_is_told_by_its_card_and_the_next_message_and_steps_once() {
    for kind in [Kind::Pi, Kind::Estimator] {
        for pause in [Duration::from_millis(200), Duration::from_secs(8), Duration::from_secs(600)] {
            let mut world = World::new(ClockId::Phc(0), kind);
            world.run(20);
            world.notices.clear();
            world.paused = pause;
            until_doubted(&mut world);
            assert!(claimed(&mut world) >= pause, "the system clock may be behind by {pause}");
            world.run_ticks(48);
            let told = stood_still(&world);
            assert!(
                told.len() == 1 && (told[0] - pause).abs() < pause.scaled(1e-4) + Duration::from_micros(5),
                "{told:?}"
            );
            assert!(!jumped(&world) && accused(&world).is_empty(), "{:?}", world.notices);
            assert_eq!((steps_of(&world, ClockId::Phc(0)), steps_of(&world, ClockId::System)), (0, 1));
            assert_eq!(world.state(ClockId::Phc(0)), SyncState::Locked, "it was right all the time");
            let disrupted = |notice: &CascadeNotice| {
                matches!(
                    notice,
                    CascadeNotice::Discipline(ClockId::System, Notice::State { to: SyncState::Disrupted, .. })
                )
            };
            assert!(world.notices.iter().any(disrupted), "nothing was known of its time");
            let error = world.error(ClockId::System);
            assert!(error.abs() < Duration::from_nanos(500), "off by {error} within a second of {pause}");
            world.run(20);
            for clock in ALL {
                let (error, state) = (world.error(clock), world.state(clock));
                assert!(
                    error.abs() < Duration::from_nanos(500) && state == SyncState::Locked,
                    "{clock:?}: {error}, {state:?}"
                );
            }
        }
    }
}

#[test]
fn a_card_that_has_jumped_ahead_is_found_out_by_the_next_message_and_the_system_clock_goes_on() {
    for kind in [Kind::Pi, Kind::Estimator] {
        let mut world = World::new(ClockId::Phc(0), kind);
        world.run(20);
        world.notices.clear();
        world.phc_set_by = Duration::SECOND;
        until_doubted(&mut world);
        assert!(claimed(&mut world) >= Duration::SECOND && !jumped(&world));
        world.run_ticks(20);
        assert!(jumped(&world) && stood_still(&world).is_empty());
        let disrupted = |notice: &CascadeNotice| {
            matches!(notice, CascadeNotice::Discipline(ClockId::Phc(0), Notice::State { to: SyncState::Disrupted, .. }))
        };
        assert!(world.notices.iter().any(disrupted) && world.state(ClockId::Phc(0)) != SyncState::Locked);
        assert!(world.state(ClockId::System).is_synchronised() && steps_of(&world, ClockId::System) == 0);
        let claimed = claimed(&mut world);
        assert!(claimed > Duration::ZERO && claimed < Duration::from_micros(10), "{claimed}");
    }
}

#[test]
fn what_was_stamped_before_the_card_was_seen_ahead_settles_nothing() {
    let mut world = World::new(ClockId::Phc(0), Kind::Estimator);
    world.run(20);
    let (sync, late) = (world.tai(), world.now);
    world.phc_set_by = Duration::SECOND;
    until_doubted(&mut world);
    let stamp = |at, clock| local_stamp(at, clock);
    let (sent, received) = (stamp(sync - DELAY, ClockId::Remote(PORT)), stamp(sync, ClockId::Phc(0)));
    let edge = Observation { source: PORT, sent, received, correction: Duration::ZERO, exchange: 0 };
    let (now, local, notices) = (world.now, world.utc(), &mut world.notices);
    assert!(now > late);
    world.cascade.observe(now, local, &edge, &mut |notice| notices.push(notice));
    assert!(world.cascade.hub_in_doubt().is_some() && stood_still(&world).is_empty());
}

#[test]
fn while_no_message_comes_nobody_knows_of_either_clock() {
    let mut world = World::new(ClockId::Phc(0), Kind::Estimator);
    world.run(20);
    world.notices.clear();
    world.phc_set_by = Duration::SECOND;
    world.reference = None;
    world.run(3);
    assert!(jumped(&world) && world.cascade.hub_in_doubt().is_none());
    assert_eq!(world.state(ClockId::Phc(0)), SyncState::Disrupted);
    let claimed = claimed(&mut world);
    assert!(claimed >= Duration::SECOND, "{claimed}: it may have been the machine");
}

#[test]
fn a_pause_is_told_as_well_by_a_hub_that_has_just_been_given_another_master() {
    for kind in [Kind::Pi, Kind::Estimator] {
        let mut world = World::new(ClockId::Phc(0), kind);
        world.run(20);
        world.reference = world.reference.map(|reference| Reference { clock: 2, ..reference });
        world.follow();
        world.run_ticks(16);
        assert!(!world.cascade.is_gate_open);
        world.notices.clear();
        world.paused = Duration::from_secs(20);
        until_doubted(&mut world);
        assert!(claimed(&mut world) >= world.paused);
        world.run_ticks(64);
        assert!(stood_still(&world).len() == 1 && !jumped(&world), "{:?}", world.notices);
        world.run(20);
        let (error, state) = (world.error(ClockId::System), world.state(ClockId::System));
        assert!(error.abs() < Duration::from_micros(1) && state == SyncState::Locked, "{kind:?}: {error}, {state:?}");
    }
}

#[test]
fn a_pause_before_the_hub_is_known_is_in_the_system_clocks_bound() {
    for is_hub_there in [true, false] {
        let mut world = World::new(ClockId::Phc(0), Kind::Estimator);
        world.run(20);
        if is_hub_there {
            // A reset, and nothing was heard since.
            world.phc_set_by = -Duration::from_secs(1_000_000);
            world.reference = None;
            world.run_ticks(16);
            assert!(jumped(&world));
        } else {
            world.cascade.remove_phc(0);
            world.reference = None;
            world.phcs = 0;
        }
        assert!(world.state(ClockId::System).is_synchronised());
        world.paused = Duration::from_secs(20);
        if is_hub_there {
            world.run_ticks(16);
        } else {
            let crossing = world.crossing(1);
            let notices = &mut world.notices;
            world.cascade.crossing(1, &crossing, &mut |notice| notices.push(notice));
        }
        let (now, utc) = (world.now, world.utc());
        let snapshot = world.cascade.snapshot(now, utc);
        let claimed = snapshot.parts.total().greatest_error();
        assert!(!snapshot.is_bounded || claimed >= world.paused, "{claimed} claimed");
        assert!(stood_still(&world).is_empty(), "nobody can tell");
    }
}

#[test]
fn a_pause_in_which_the_card_was_reset_is_in_the_system_clocks_bound_after_the_first_message_of_either_way() {
    for (kind, is_sync) in [(Kind::Pi, true), (Kind::Estimator, true), (Kind::Pi, false), (Kind::Estimator, false)] {
        let mut world = World::new(ClockId::Phc(0), kind);
        world.cascade.remove_phc(1);
        world.phcs = 1;
        world.run(20);
        world.reference = None;
        world.phc_set_by = -Duration::from_secs(1_790_000_000);
        // One way shows a clock that is behind, the other way one that is ahead, which no pause makes.
        world.paused = if is_sync { Duration::from_secs(20) } else { -Duration::from_secs(20) };
        world.run_ticks(16);
        assert!(jumped(&world) && claimed(&mut world) < Duration::from_micros(10), "nothing shows it yet");
        world.message(is_sync);
        world.run_ticks(5);
        let claimed = claimed(&mut world);
        assert!(claimed >= world.paused.abs() && claimed < Duration::from_secs(22), "{kind:?}: {claimed}");
        assert!(stood_still(&world).is_empty() && world.state(ClockId::Phc(0)) == SyncState::Disrupted);
    }
}

#[test]
fn a_card_that_nobody_has_read_for_too_long_is_read_before_its_messages_are_taken() {
    for kind in [Kind::Pi, Kind::Estimator] {
        let mut world = World::new(ClockId::Phc(0), kind);
        world.run(20);
        let is_overdue = |world: &World| world.cascade.is_crossing_overdue(0, world.now);
        for _ in 0..64 {
            world.run_ticks(1);
            assert!(!is_overdue(&world), "not while somebody is awake");
        }
        world.now = world.now + Duration::from_secs(20);
        assert!(is_overdue(&world));
        world.phc_set_by = Duration::from_secs(-5);
        world.notices.clear();
        let crossing = world.crossing(0);
        let notices = &mut world.notices;
        world.cascade.crossing(0, &crossing, &mut |notice| notices.push(notice));
        world.cascade.schedule_crossing(0, world.now);
        assert!(jumped(&world) && !is_overdue(&world));
        // What was stamped before the jump is of no use any more, whatever it says.
        for at in [crossing.device - Duration::from_secs(2), crossing.device + Duration::from_secs(2)] {
            let (sent, received) = (local_stamp(at - DELAY, ClockId::Remote(PORT)), local_stamp(at, ClockId::Phc(0)));
            let edge = Observation { source: PORT, sent, received, correction: Duration::ZERO, exchange: 0 };
            let (now, local, notices) = (world.now, world.utc(), &mut world.notices);
            world.cascade.observe(now, local, &edge, &mut |notice| notices.push(notice));
        }
        let leaf = world.cascade.phcs[0].as_mut().expect("the card");
        let ends = leaf.steering.own_ends(crossing.device);
        assert_eq!((ends.low, ends.high), (None, None));
    }
}
