//! Votes on a leap second: of several servers that agree on the time, one that announces a leap second alone makes none.

use super::*;
use crate::clock::{LeapList, reference_of_server};
use crate::discipline::helm::{HelmConfig, SourceKind, SourceOptions};
use crate::ntp::client::SourceInfo;
use crate::time::{ClockEpoch, Stamp, StampSource};

/// 2026-12-31, noon.
const NOON: i64 = 1_798_718_400;

struct Bench {
    cascade: Cascade<SoftwareClock>,
    now: Timestamp<Mono>,
}

impl Bench {
    fn new(servers: u16) -> Self {
        let (now, local) = (Timestamp::from_secs(500), Timestamp::from_secs(NOON));
        let config = CascadeConfig {
            steering: steering(Kind::Estimator),
            lock_limit: None,
            utc: HostUtc::from(TaiUtc(37)),
            utc_policy: UtcPolicy::Check,
            leap: LeapPolicy::Kernel,
        };
        let mut cascade = Cascade::new(software(local, Duration::ZERO, 20.0), config, now, local);
        cascade.judge_by(HelmConfig::default(), now);
        for server in 0..servers {
            cascade.add_source(SourceId(server), SourceOptions::of(SourceKind::Ntp));
        }
        Self { cascade, now }
    }

    fn local(&self) -> Timestamp<Local> {
        Timestamp::from_secs(NOON) + (self.now - Timestamp::from_secs(500))
    }

    /// All of them answer for so many seconds, and announce this.
    fn run(&mut self, seconds: i64, announced: &[LeapIndicator]) {
        for _ in 0..seconds {
            self.now = self.now + Duration::SECOND;
            let (now, local) = (self.now, self.local());
            for (server, leap) in (0..).zip(announced) {
                let source = SourceId(server);
                let info = SourceInfo {
                    leap: *leap,
                    stratum: 1,
                    reference_id: *b"GPS\0",
                    root_delay: Duration::ZERO,
                    root_dispersion: Duration::from_micros(10),
                };
                let reference = reference_of_server(source, &info, [0, 0, 0, server as u8], Timestamp::from_secs(500));
                let whom = (source, ClockId::System);
                let interval = Some(LogInterval::new(0));
                self.cascade.introduce(now, local, whom, Some(reference), interval, &mut |_| ());
                let stamp = |after: i64, clock| Stamp {
                    at: local - Duration::from_micros(200 - after),
                    clock,
                    epoch: ClockEpoch::default(),
                    source: StampSource::Kernel,
                    error: Duration::ZERO,
                };
                let (ours, theirs) = (ClockId::System, ClockId::Remote(source));
                let edge =
                    |sent, received| Observation { source, sent, received, correction: Duration::ZERO, exchange: 0 };
                self.cascade.observe(now, local, &edge(stamp(0, ours), stamp(100, theirs)), &mut |_| ());
                self.cascade.observe(now, local, &edge(stamp(100, theirs), stamp(200, ours)), &mut |_| ());
            }
            self.cascade.tick(now, local, &mut |_| ());
        }
    }
}

#[test]
fn one_server_alone_makes_no_leap_second_and_most_of_them_do() {
    use LeapIndicator::{Delete, Insert, NoWarning};
    for (announced, expected) in [
        ([Insert, NoWarning, NoWarning], NoWarning),
        ([NoWarning, Insert, NoWarning], NoWarning),
        ([Insert, Delete, NoWarning], NoWarning),
        ([Insert, Insert, NoWarning], Insert),
        ([NoWarning, Insert, Insert], Insert),
        ([Delete, Delete, Delete], Delete),
    ] {
        let mut bench = Bench::new(3);
        bench.run(20, &announced);
        assert!(bench.cascade.steered_by().is_some());
        assert_eq!(bench.cascade.leap().indicator(), expected, "{announced:?}");
    }
}

#[test]
fn a_vote_that_comes_later_counts_and_one_that_is_withdrawn_does_not() {
    use LeapIndicator::{Insert, NoWarning};
    let mut bench = Bench::new(3);
    bench.run(20, &[Insert, NoWarning, NoWarning]);
    assert_eq!(bench.cascade.leap().indicator(), NoWarning);
    bench.run(3, &[Insert, Insert, NoWarning]);
    assert_eq!(bench.cascade.leap().indicator(), Insert);
    bench.run(3, &[Insert, NoWarning, NoWarning]);
    assert_eq!(bench.cascade.leap().indicator(), NoWarning);
}

#[test]
fn the_only_server_is_believed() {
    let mut bench = Bench::new(1);
    bench.run(20, &[LeapIndicator::Insert]);
    assert_eq!(bench.cascade.leap().indicator(), LeapIndicator::Insert);
}

#[test]
fn what_another_program_told_the_kernel_is_one_vote_more_and_makes_no_leap_second_alone() {
    use LeapIndicator::{Delete, Insert, NoWarning};
    for (announced, of_kernel, expected) in [
        // Three servers: one alone is not enough, with the kernel's word it is two of four, and two servers are enough without.
        ([Insert, NoWarning, NoWarning], Insert, NoWarning),
        ([Insert, Insert, NoWarning], Insert, Insert),
        ([NoWarning, NoWarning, NoWarning], Insert, NoWarning),
        ([Insert, Insert, NoWarning], Delete, Insert),
    ] {
        let mut bench = Bench::new(3);
        bench.run(40, &announced);
        let (now, local) = (bench.now, bench.local());
        bench.cascade.kernel_was_told(now, local, of_kernel);
        bench.run(2, &announced);
        assert_eq!(bench.cascade.leap().indicator(), expected, "{announced:?} and {of_kernel:?}");
    }
    // Of two servers one is not the most, and with the kernel it is; taken back, it is not any more.
    let mut bench = Bench::new(2);
    bench.run(40, &[Insert, NoWarning]);
    assert_eq!(bench.cascade.leap().indicator(), NoWarning);
    let (now, local) = (bench.now, bench.local());
    bench.cascade.kernel_was_told(now, local, Insert);
    bench.run(2, &[Insert, NoWarning]);
    assert_eq!(bench.cascade.leap().indicator(), Insert);
    let (now, local) = (bench.now, bench.local());
    bench.cascade.kernel_was_told(now, local, NoWarning);
    bench.run(2, &[Insert, NoWarning]);
    assert_eq!(bench.cascade.leap().indicator(), NoWarning);
}

#[test]
fn without_a_source_that_says_the_same_the_kernels_word_makes_no_leap_second_and_the_list_denies_it() {
    let mut bench = Bench::new(1);
    bench.run(40, &[LeapIndicator::NoWarning]);
    let (now, local) = (bench.now, bench.local());
    bench.cascade.kernel_was_told(now, local, LeapIndicator::Insert);
    bench.run(15, &[LeapIndicator::NoWarning]);
    assert_eq!(bench.cascade.leap().indicator(), LeapIndicator::NoWarning);

    let mut listed = Bench::new(2);
    let list = LeapList { next: None, good_until: Some(Timestamp::from_secs(NOON + 200 * 86_400)) };
    let utc = HostUtc { list: Some(list), ..HostUtc::from(TaiUtc(37)) };
    listed.cascade.leap.configure(utc, UtcPolicy::Check);
    listed.run(40, &[LeapIndicator::Insert, LeapIndicator::NoWarning]);
    let (now, local) = (listed.now, listed.local());
    listed.cascade.kernel_was_told(now, local, LeapIndicator::Insert);
    listed.run(15, &[LeapIndicator::Insert, LeapIndicator::NoWarning]);
    assert_eq!(listed.cascade.leap().indicator(), LeapIndicator::NoWarning);
}

#[test]
fn what_is_announced_long_before_is_served_as_a_warning_on_the_last_day_only() {
    // A source that warns all month, as some do.
    let mut world = World::at(ClockId::Phc(0), Kind::Pi, Timestamp::from_secs(1_798_761_600 - 86_400 - 30));
    world.reference = world.reference.map(|reference| Reference { leap: LeapIndicator::Insert, ..reference });
    world.follow();
    world.run(20);
    assert_eq!(world.cascade.snapshot(world.now, world.utc()).leap, LeapIndicator::NoWarning);
    world.run(20);
    world.follow();
    world.run(1);
    assert_eq!(world.cascade.snapshot(world.now, world.utc()).leap, LeapIndicator::Insert);
}
