//! In a calm not all Syncs are used.

use super::*;

/// A clock that has become calm at eight Syncs a second, and uses each second one.
fn calm(jitter: f64) -> Bench {
    let mut bench = Bench::new(Config { servo: Kind::Estimator, ..config() }, Duration::from_millis(3), 20.0);
    bench.jitter = jitter;
    (0..4_000).for_each(|_| bench.exchange(Duration::ZERO));
    bench
}

impl Bench {
    /// How many messages of an exchange were used.
    fn used(&mut self) -> u32 {
        let before = self.discipline.bank.heard();
        self.exchange(Duration::ZERO);
        self.discipline.bank.heard() - before
    }
}

#[test]
fn each_second_sync_is_left_out_where_all_is_quiet_and_none_where_it_is_not() {
    let mut quiet = calm(1e-10);
    assert!(quiet.discipline.is_calm());
    let used: u32 = (0..80).map(|_| quiet.used()).sum();
    assert_eq!(used, 120, "all requests, and half of the Syncs");
    assert!(quiet.offset.abs() < Duration::from_nanos(1), "{}", quiet.offset);
    assert_eq!(quiet.discipline.state(), SyncState::Locked);
    let mut loud = calm(1e-7);
    assert_eq!((0..80).map(|_| loud.used()).sum::<u32>(), 160);
}

#[test]
fn a_sync_that_says_something_else_than_was_foretold_is_used_at_once() {
    for ahead in [Duration::from_nanos(-200), Duration::from_nanos(200)] {
        let mut bench = calm(1e-10);
        while bench.used() != 2 {}
        // The next one would be left out.
        bench.ahead = ahead;
        assert_eq!(bench.used(), 2, "{ahead}");
        assert!(!bench.discipline.is_calm());
        assert_eq!((0..8).map(|_| bench.used()).sum::<u32>(), 16, "all are wanted from now on");
    }
}

#[test]
fn syncs_that_are_left_out_are_no_silence() {
    let mut bench = calm(1e-10);
    while bench.used() != 1 {}
    let heard = bench.discipline.last_sample().unwrap();
    assert_eq!(bench.now - heard, T, "the one that was left out");
}
