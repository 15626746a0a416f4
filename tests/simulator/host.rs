//! Machines with real clocks: a card and the system clock behind it, steered as a star.

use super::*;

/// A server with a card: the PHC 1 s and 20 ppm off, the system clock -3 s and -30 ppm, each on a cheap crystal.
fn host_config(seed: u64) -> HostConfig {
    let device = |offset, ppm, seed| DeviceModel {
        offset,
        oscillator: OscillatorModel {
            frequency: FrequencyPpb::from_ppm(ppm),
            wander: 1e-9,
            seed,
            ..OscillatorModel::PERFECT
        },
        ..DeviceModel::PERFECT
    };
    HostConfig {
        system: device(secs(-3), -30.0, seed),
        phcs: vec![device(secs(1), 20.0, seed + 1_000)],
        ..HostConfig::new(2, seed)
    }
}

/// One grandmaster and one server over a quiet switch.
fn star(seed: u64, host: HostConfig, stamps: StampModel) -> Pair {
    let mut world = World::new(seed);
    let master = world.add_master(master_config(1, INTERVAL, seed), StampModel::IDEAL, Duration::from_millis(137));
    let slave = world.add_host(host, stamps);
    let way = LinkModel::new(us(2), Duration::from_nanos(100));
    world.connect(master, slave, way, way);
    world.sample(Duration::from_millis(125));
    Pair { world, master, slave }
}

#[test]
fn a_hub_and_the_system_clock_behind_it_are_both_right() {
    for seed in SEEDS {
        let mut star = star(seed, host_config(seed), StampModel::IDEAL);
        star.world.run_until(secs(30));
        assert_eq!(star.world.host(star.slave).published().state, SyncState::Locked, "seed {seed}");
        star.world.clear_statistics();
        star.world.run_until(secs(330));
        let system = star.world.statistics(star.slave).rms();
        let phc = star.world.phc_statistics(star.slave, 0).unwrap().rms();
        assert!(phc < 2e-8 && system < 5e-8, "seed {seed}: PHC {phc}, system clock {system}");
        assert_eq!(star.world.host(star.slave).ring().1, 0, "nothing was lost between the threads");
        assert_sound(&star.world);
    }
}

#[test]
fn a_system_clock_behind_a_hub_locks_within_two_seconds_of_selecting_the_parent() {
    const FOUR_A_SECOND: LogInterval = LogInterval::new(-2);
    for (seed, jitter) in SEEDS.flat_map(|seed| [(seed, Duration::ZERO), (seed, Duration::from_nanos(100))]) {
        let mut world = World::new(seed);
        let master =
            world.add_master(master_config(1, FOUR_A_SECOND, seed), StampModel::IDEAL, Duration::from_millis(137));
        let slave = world.add_host(host_config(seed), StampModel::IDEAL);
        let way = LinkModel::new(us(1), jitter);
        world.connect(master, slave, way, way);
        world.sample(Duration::from_millis(10));
        world.run_until(secs(12));
        let lock_time = world.host(slave).published().lock_time.expect("it locks");
        assert!(lock_time <= secs(2), "seed {seed}, jitter {jitter}: {lock_time}");
        assert_sound(&world);
    }
}

#[test]
fn where_the_kernel_stamps_the_system_clock_is_the_hub() {
    let host = HostConfig { phcs: Vec::new(), ..host_config(1) };
    let mut star = star(1, host, KERNEL);
    star.world.run_until(secs(30));
    assert_eq!(star.world.host(star.slave).published().state, SyncState::Locked);
    star.world.clear_statistics();
    star.world.run_until(secs(330));
    let rms = star.world.statistics(star.slave).rms();
    assert!(rms < 5e-8, "{rms}");
    assert_sound(&star.world);
}

#[test]
fn a_phc_that_jumps_or_is_reset_is_found_out_and_the_time_goes_on() {
    for reset in [false, true] {
        let mut star = star(1, host_config(1), StampModel::IDEAL);
        star.world.run_until(secs(60));
        if reset {
            star.world.reset_phc(star.slave, 0);
        } else {
            star.world.set_phc(star.slave, 0, Duration::from_millis(5));
        }
        star.world.run_until(secs(62));
        assert!(!star.world.host(star.slave).jumped().is_empty());
        star.world.clear_statistics();
        star.world.run_until(secs(120));
        assert_eq!(star.world.host(star.slave).published().state, SyncState::Locked);
        let greatest = star.world.statistics(star.slave).greatest();
        assert!(greatest < 3e-7, "{greatest}");
        assert_sound(&star.world);
    }
}

#[test]
fn a_foreign_hand_on_the_system_clock_is_seen_and_mended() {
    for by in [Duration::from_millis(20), secs(-5)] {
        let mut star = star(1, host_config(1), StampModel::IDEAL);
        star.world.run_until(secs(60));
        star.world.set_system(star.slave, by);
        star.world.run_until(secs(62));
        assert_eq!(star.world.host(star.slave).was_set().len(), 1);
        star.world.run_until(secs(180));
        let error = star.world.true_error(star.slave);
        assert!(error.abs() < us(1), "{error} after {by}");
        assert_sound(&star.world);
    }
}

#[test]
fn threads_that_do_not_run_and_machines_that_stand_still_come_back() {
    for what in [Stall::Port, Stall::Discipline, Stall::Machine, Stall::Clocks] {
        for kernel in [false, true] {
            if kernel && what == Stall::Clocks {
                continue;
            }
            let mut host = host_config(1);
            if kernel {
                host.phcs = Vec::new();
            }
            if what == Stall::Clocks {
                // Four seconds would take hours to slew away.
                host.cascade.steering.step.later = StepRule::Above(Duration::from_millis(100));
            }
            let mut star = star(1, host, if kernel { KERNEL } else { StampModel::IDEAL });
            star.world.run_until(secs(60));
            star.world.stall(star.slave, what, secs(4));
            star.world.run_until(secs(120));
            star.world.clear_statistics();
            star.world.run_until(secs(180));
            let (state, error) =
                (star.world.host(star.slave).published().state, star.world.statistics(star.slave).greatest());
            assert_eq!(state, SyncState::Locked, "{what:?}, kernel {kernel}");
            assert!(error < 5e-6, "{what:?}, kernel {kernel}: {error}");
            assert_eq!(star.world.checker().violations(), 0, "{what:?}, {kernel}: {:?}", star.world.checker().first());
        }
    }
}

#[test]
fn who_was_paused_knows_nothing_of_it_until_a_message_comes() {
    let mut host = HostConfig { phcs: Vec::new(), ..host_config(1) };
    host.cascade.steering.step.later = StepRule::Above(Duration::from_millis(100));
    let mut star = star(1, host, KERNEL);
    star.world.run_until(secs(60));
    star.change_links(|link| link.is_down = true);
    star.world.run_until(us(60_100_000));
    star.world.stall(star.slave, Stall::Clocks, secs(100));
    let state = |star: &Pair| star.world.host(star.slave).published().state;
    for (at, behind, expected) in [(110_000, 49_900, SyncState::Locked), (160_200, 100_000, SyncState::Locked)] {
        star.world.run_until(Duration::from_millis(at));
        let error = star.world.true_error(star.slave) + Duration::from_millis(behind);
        assert!(error.abs() < us(10), "after {at} ms: {error}");
        assert_eq!(state(&star), expected, "no timer of its own has run while it stood still");
    }
    star.world.run_until(secs(170));
    assert_eq!(state(&star), SyncState::Holdover);
    star.change_links(|link| link.is_down = false);
    star.world.run_until(secs(240));
    assert_eq!(state(&star), SyncState::Locked);
    assert!(star.world.true_error(star.slave).abs() < us(1));
    assert_eq!(star.world.host(star.slave).was_set(), [], "nobody has set its clock");
    assert_sound(&star.world);
}

/// A master that announces a leap second, and a host that follows it.
fn world_before_leap(truth: Truth, leap: LeapIndicator, kernel_leaps: bool) -> (World, NodeId, NodeId) {
    let mut world = World::with_truth(1, truth);
    let mut config = master_config(1, INTERVAL, 1);
    config.time_properties.leap = leap;
    let master = world.add_master(config, StampModel::IDEAL, Duration::ZERO);
    let host = world.add_host(HostConfig { kernel_leaps, ..host_config(1) }, StampModel::IDEAL);
    let way = LinkModel::new(us(2), Duration::from_nanos(100));
    world.connect(master, host, way, way);
    (world, master, host)
}

#[test]
fn a_leap_second_is_made_once_whoever_makes_it() {
    for leap in [LeapIndicator::Insert, LeapIndicator::Delete] {
        for kernel_leaps in [true, false] {
            let truth = Truth::before_midnight(secs(120), leap);
            let (mut world, master, host) = world_before_leap(truth, leap, kernel_leaps);
            world.run_until(secs(121));
            let after = truth.tai_utc(Timestamp::EPOCH + secs(121));
            world.announce_as(master, |_, properties| {
                properties.leap = LeapIndicator::NoWarning;
                properties.current_utc_offset = Some(after);
            });
            world.run_until(secs(300));
            assert_eq!(world.host(host).tai_utc(), Some(after));
            let error = world.true_error(host);
            assert!(error.abs() < us(1), "{leap:?}, by the kernel {kernel_leaps}: {error}");
            assert_eq!(world.host(host).published().state, SyncState::Locked);
            assert_sound(&world);
        }
    }
}

#[test]
fn a_smeared_leap_second_is_served_without_a_step_whoever_makes_it() {
    for (leap, change) in [(LeapIndicator::Insert, 1), (LeapIndicator::Delete, -1)] {
        for kernel_leaps in [true, false] {
            let truth = Truth::before_midnight(secs(120), leap);
            let (mut world, master, host) = world_before_leap(truth, leap, kernel_leaps);
            let before = truth.tai_utc(Timestamp::EPOCH);
            let from = truth.utc(Timestamp::EPOCH + secs(130));
            let from = Timestamp::from_secs(from.seconds() - from.seconds().rem_euclid(86_400));
            let step = Some(LeapStep { from, before, after: TaiUtc(before.0 + change) });
            let smear = Smear { shape: SmearShape::Linear, duration: secs(86_400), step };
            let config = ResponseConfig { smear: Some(smear), ..ResponseConfig::PLAIN };
            let (mut last, mut judged) = (None, 0);
            for quarter in 240..960 {
                world.run_until(Duration::from_millis(250 * quarter));
                if quarter == 484 {
                    world.announce_as(master, |_, properties| {
                        properties.leap = LeapIndicator::NoWarning;
                        properties.current_utc_offset = Some(TaiUtc(before.0 + change));
                    });
                }
                let snapshot = world.host(host).published();
                if snapshot.state != SyncState::Locked {
                    continue;
                }
                let (served, ahead) = config.served(snapshot.anchor_utc, snapshot);
                // What is right is TAI less TAI - UTC of before, less what is smeared by then.
                let tai: Timestamp<Tai> = truth.tai(snapshot.anchor_mono).read_as();
                let share =
                    (tai - before.to_tai(from - secs(43_200))).as_secs_f64() / f64::from(86_400 + i32::from(change));
                let right = before.to_utc(tai) - secs(change.into()).scaled(share);
                let wrong = served - right;
                assert!(wrong.abs() < us(2), "{leap:?}, by the kernel {kernel_leaps}: {wrong} at {quarter}/4 s");
                assert!(ahead.is_some() && last.is_none_or(|last| served >= last), "{ahead:?}");
                last = Some(served);
                judged += 1;
            }
            assert!(judged > 600, "{judged} of 720");
            assert_sound(&world);
        }
    }
}

#[test]
fn a_bound_is_about_the_masters_time_and_follows_it() {
    let mut star = star(1, host_config(1), StampModel::IDEAL);
    star.world.run_until(secs(60));
    star.world.step_master(star.master, Duration::from_millis(2));
    star.world.run_until(secs(400));
    let error = star.world.true_error(star.slave);
    assert!((error - Duration::from_millis(2)).abs() < us(1), "{error}");
    assert_sound(&star.world);
}
