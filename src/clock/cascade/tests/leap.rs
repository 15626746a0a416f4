//! How the system clock goes through a leap second that the kernel does not make.

use super::*;

#[test]
fn a_leap_second_is_one_second_also_where_the_first_source_counted_utc() {
    for (leap, left_ms) in [(LeapPolicy::Step, 0), (LeapPolicy::Slew, 1_000), (LeapPolicy::Ignore, 1_000)] {
        let start = Timestamp::from_secs(1_798_761_600 - 30);
        let mut world = World::at(ClockId::System, Kind::Pi, start);
        // TAI - UTC is known, but what the system clock has followed from the beginning does not say it.
        let config = CascadeConfig { utc: HostUtc::from(TAI_UTC), leap, ..world.cascade.config };
        world.cascade = Cascade::new(software(start, Duration::from_millis(3), 32.0), config, world.now, start);
        world.phcs = 0;
        let (timescale, leap) = (Timescale::Utc, LeapIndicator::Insert);
        world.reference = world.reference.map(|reference| Reference { timescale, tai_utc: None, leap, ..reference });
        world.master_ahead = -TAI_UTC.duration();
        world.follow();
        world.run(30);
        assert_eq!(world.cascade.leap().pending().map(|leap| leap.before), Some(TAI_UTC));
        world.leapt = -Duration::SECOND;
        let (now, local) = (world.now, world.utc());
        assert!(world.cascade.look_at_leap(now, local, false, &mut |_| {}));
        let (ahead, bound) = ahead_of_utc(&mut world);
        assert!((ahead - Duration::from_millis(left_ms)).abs() < Duration::from_millis(1), "{leap:?}: {ahead}");
        assert!(ahead.abs() <= bound && bound < Duration::from_millis(1_001), "{leap:?}: {ahead} {bound}");
    }
}

/// A second is gone in 50 s by that.
const LEAP_SLEW: FrequencyPpb = FrequencyPpb::new(20_000_000.0);

/// A second is inserted at the end of 2026, a moment ago, and the clock goes through it like this.
fn through_a_leap(leap: LeapPolicy, later: StepRule) -> World {
    let start = Timestamp::from_secs(1_798_761_600 - 30);
    let mut world = World::corrected_by(ClockId::Phc(0), Kind::Estimator, start, LEAP_SLEW);
    let config = world.cascade.config;
    let step = StepPolicy { later, ..config.steering.step };
    world.cascade.configure(CascadeConfig { leap, steering: SteeringConfig { step, ..config.steering }, ..config });
    world.reference = world.reference.map(|reference| Reference { leap: LeapIndicator::Insert, ..reference });
    world.follow();
    world.run(29);
    assert_eq!(world.cascade.leap().indicator(), LeapIndicator::Insert);
    assert_eq!(world.cascade.leap_for_the_kernel(), LeapIndicator::NoWarning);
    let due = world.cascade.deadline(world.now).expect("there is something to do");
    assert!(due <= world.now + Duration::SECOND);
    world.run(1);
    world.notices.clear();
    world.leapt = -Duration::SECOND;
    let (now, local) = (world.now, world.utc());
    let World { cascade, notices, .. } = &mut world;
    assert!(cascade.look_at_leap(now, local, true, &mut |notice| notices.push(notice)), "it leaves it to nobody");
    assert_eq!(notices[..1], [CascadeNotice::Leap(Some(TaiUtc(38)), leap)]);
    world
}

/// What the system clock is ahead of UTC, and how far it may be by its own word.
fn ahead_of_utc(world: &mut World) -> (Duration, Duration) {
    let at = world.utc() + A_MOMENT;
    let bound = world.cascade.system().bound(at).expect("it is bounded").total().greatest_error();
    (world.error(ClockId::System), bound)
}

#[test]
fn a_clock_that_is_stepped_at_a_leap_second_is_right_at_once() {
    let mut world = through_a_leap(LeapPolicy::Step, StepRule::Never);
    for _ in 0..5 {
        let (ahead, bound) = ahead_of_utc(&mut world);
        assert!(ahead.abs() < bound && bound < Duration::from_micros(10), "{ahead} {bound}");
        world.run(1);
    }
}

#[test]
fn a_leap_second_that_is_slewed_is_in_the_bound_until_it_is_gone_and_the_clock_locked_all_the_while() {
    let mut world = through_a_leap(LeapPolicy::Slew, StepRule::Any);
    for second in 0..60 {
        let (ahead, bound) = ahead_of_utc(&mut world);
        assert!(ahead.abs() <= bound && bound <= ahead.abs() + Duration::from_micros(20), "{second}: {ahead} {bound}");
        // Around midnight nothing is measured for a moment.
        let state = world.state(ClockId::System);
        assert!(state == SyncState::Locked || second < 3 && state == SyncState::Holdover, "{second}: {state}");
        if second == 20 {
            assert_eq!(line_of(&mut world, 0), None, "what arrives is not stamped by a better clock than what leaves");
        }
        world.run(1);
    }
    assert!(world.notices.contains(&CascadeNotice::LeapWorkedOff));
    let is_step = |notice: &CascadeNotice| matches!(notice, CascadeNotice::Discipline(_, Notice::Stepped(_)));
    assert!(!world.notices.iter().any(is_step));
    assert!(ahead_of_utc(&mut world).0.abs() < Duration::from_micros(1));
    assert!(line_of(&mut world, 0).is_some());
}

#[test]
fn a_leap_second_that_is_ignored_is_an_offset_like_any_other() {
    for (later, after, is_right) in [(StepRule::Any, 5, true), (StepRule::Never, 5, false), (StepRule::Never, 60, true)]
    {
        let mut world = through_a_leap(LeapPolicy::Ignore, later);
        let (ahead, bound) = ahead_of_utc(&mut world);
        assert!(ahead > Duration::from_millis(999) && bound >= ahead, "{ahead} {bound}");
        world.run(after);
        let (ahead, bound) = ahead_of_utc(&mut world);
        assert!(ahead.abs() <= bound);
        assert_eq!(ahead.abs() < Duration::from_micros(1), is_right, "{later:?} {ahead}");
        assert_eq!(world.state(ClockId::System) == SyncState::Locked, is_right);
    }
}
