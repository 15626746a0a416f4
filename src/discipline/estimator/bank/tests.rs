//! The bank against scripted paths, with the truth known.

use super::*;
use crate::engine::Random;

/// A master, an oscillator that walks, and a path.
struct Path {
    bank: Bank,
    random: Random,
    at: Timestamp<Local>,
    offset: f64,
    frequency: f64,
    wander: f64,
    base: [f64; 2],
    jitter: f64,
    interval: f64,
}

impl Path {
    fn new(jitter: f64, wander: f64, interval: f64) -> Self {
        Self {
            bank: Bank::new(FrequencyPpb::from_ppm(500.0), Duration::from_nanos(1)),
            random: Random::seeded(5),
            at: Timestamp::from_secs(1_000),
            offset: 0.7,
            frequency: 40e-6,
            wander,
            base: [1e-6; 2],
            jitter,
            interval,
        }
    }

    fn pass(&mut self, seconds: f64) {
        self.at = self.at + Duration::from_secs_f64(seconds);
        self.offset += self.frequency * seconds;
        self.frequency += self.wander * seconds.sqrt() * self.random.normal();
    }

    /// One Sync and one Delay_Req; returns the error of the estimate after it, in seconds.
    fn exchange(&mut self) -> Option<f64> {
        let forth = self.base[0] + self.jitter * self.random.exponential();
        self.bank.forward(self.at, Duration::from_secs_f64(self.offset + forth));
        self.pass(self.interval / 2.0);
        let back = self.base[1] + self.jitter * self.random.exponential();
        self.bank.backward(self.at, Duration::from_secs_f64(back - self.offset));
        let error = self.bank.estimate().map(|estimate| estimate.offset.as_secs_f64() - self.offset);
        self.pass(self.interval / 2.0);
        error
    }

    fn settle(&mut self, exchanges: usize) {
        (0..exchanges).for_each(|_| _ = self.exchange());
    }

    fn rms(&mut self, exchanges: usize) -> f64 {
        let sum: f64 = (0..exchanges).map(|_| self.exchange().unwrap()).map(|error| error * error).sum();
        (sum / exchanges as f64).sqrt()
    }
}

/// Another measure of the same time, which is not the same to within so much.
fn doubt(deviation: Duration) -> Shift {
    let (frequency, frequency_deviation) = (FrequencyPpb::ZERO, FrequencyPpb::ZERO);
    Shift { offset: Duration::ZERO, frequency, deviation, frequency_deviation }
}

#[test]
fn it_is_far_below_the_jitter_without_being_told_anything() {
    for (jitter, limit) in [(1e-7, 0.12), (1e-5, 0.03)] {
        let mut path = Path::new(jitter, 1e-9, 0.125);
        path.settle(2_000);
        let rms = path.rms(8_000);
        assert!(rms < limit * jitter, "{rms} at {jitter}");
    }
}

#[test]
fn a_quiet_path_becomes_calm_until_anything_unusual_and_a_loud_one_never() {
    let mut path = Path::new(1e-9, 1e-11, 0.25);
    path.settle(120);
    assert!(!path.bank.is_calm());
    path.settle(200);
    assert!(path.bank.is_calm());
    // One message that comes 50 ns late is enough.
    path.base[0] += 5e-8;
    path.settle(1);
    assert!(!path.bank.is_calm());
    path.base[0] -= 5e-8;
    path.settle(120);
    assert!(!path.bank.is_calm());
    path.settle(40);
    assert!(path.bank.is_calm());
    path.bank.change_path();
    assert!(!path.bank.is_calm());

    let mut loud = Path::new(1e-7, 1e-9, 0.25);
    loud.settle(2_000);
    assert!(!loud.bank.is_calm());
}

#[test]
fn a_pause_that_messages_waited_through_does_not_make_it_run_away() {
    for pause in [1.0, 60.0, 3_600.0] {
        let mut path = Path::new(5e-6, 1e-9, 0.125);
        path.settle(1_000);
        let frequency = path.frequency;
        // The clock stood still; eight Syncs have waited, for up to a second, and are stamped at once.
        path.offset -= pause;
        for k in 0..8 {
            let waited = 0.97 - 0.125 * f64::from(k);
            path.bank.forward(path.at, Duration::from_secs_f64(path.offset + path.base[0] + waited));
        }
        for exchange in 0..40 {
            let error = path.exchange().unwrap();
            assert!(error.abs() <= 1.1 * pause, "{pause} s: off by {error} after {exchange} exchanges");
            assert!(exchange < 8 || error.abs() < 1e-5, "{pause} s: off by {error} after {exchange} exchanges");
        }
        let estimate = path.bank.estimate().unwrap();
        assert!((estimate.frequency.ratio() - frequency).abs() < 1e-7, "{pause} s: {estimate:?}");
        assert!(estimate.deviation < Duration::from_micros(5), "{pause} s: {estimate:?}");
    }
}

#[test]
fn it_says_how_wrong_it_is() {
    let mut path = Path::new(1e-6, 1e-9, 1.0);
    path.settle(1_000);
    let mut outside = 0;
    for _ in 0..4_000 {
        let error = path.exchange().unwrap();
        let deviation = path.bank.estimate().unwrap().deviation.as_secs_f64();
        outside += u32::from(error.abs() > 3.0 * deviation);
    }
    assert!(outside < 80, "{outside} of 4000 beyond three deviations");
}

#[test]
fn it_knows_the_frequency_within_a_second() {
    let mut path = Path::new(1e-7, 1e-9, 0.125);
    path.settle(9);
    let frequency = path.bank.estimate().unwrap().frequency.ratio();
    assert!((frequency - path.frequency).abs() < 1e-6, "{frequency}");
}

#[test]
fn a_request_that_is_heard_two_seconds_late_still_measures_the_clock_of_then() {
    let mut path = Path::new(1e-7, 1e-9, 0.125);
    path.settle(2_000);
    for _ in 0..200 {
        let back = path.base[1] + path.jitter * path.random.exponential();
        let (at, transit) = (path.at, Duration::from_secs_f64(back - path.offset));
        path.settle(16);
        path.bank.backward(at, transit);
    }
    let rms = path.rms(100);
    assert!(rms < 2e-8, "{rms}");
}

#[test]
fn a_burst_of_late_messages_does_not_move_it() {
    let mut path = Path::new(1e-7, 1e-9, 0.125);
    path.settle(2_000);
    path.base = [31e-7; 2];
    for _ in 0..6 {
        let error = path.exchange().unwrap();
        assert!(error.abs() < 5e-8, "{error}");
    }
}

#[test]
fn a_longer_path_is_found_and_the_offset_is_kept() {
    let mut path = Path::new(1e-7, 1e-9, 0.125);
    path.settle(2_000);
    path.base = [4e-6; 2];
    path.settle(400);
    let rms = path.rms(1_000);
    assert!(rms < 3e-8, "{rms}");
    assert!((path.bank.estimate().unwrap().delay.as_secs_f64() - 4e-6).abs() < 1e-7);
}

#[test]
fn a_master_that_steps_is_followed_at_once() {
    for by in [1e-3, -3e-6] {
        let mut path = Path::new(1e-7, 1e-9, 0.125);
        path.settle(2_000);
        path.offset += by;
        path.settle(60);
        let rms = path.rms(400);
        assert!(rms < 5e-8, "{rms} after {by}");
    }
}

#[test]
fn requests_of_before_a_step_whose_stamps_come_late_do_not_speak_against_it() {
    for by in [5e-7, -5e-7] {
        let mut path = Path::new(1e-8, 1e-9, 0.25);
        path.settle(500);
        // Two requests left, and their stamps are not known yet.
        let late = [(); 2].map(|()| {
            path.pass(0.1);
            (path.at, Duration::from_secs_f64(path.base[1] + path.jitter - path.offset))
        });
        path.pass(0.1);
        path.offset += by;
        for (at, transit) in late {
            path.settle(2);
            path.bank.backward(at, transit);
        }
        path.settle(4);
        let rms = path.rms(8);
        assert!(rms < 2e-8, "{rms} after {by}");
    }
}

#[test]
fn a_restart_keeps_what_is_known_of_the_oscillator() {
    let mut path = Path::new(1e-7, 1e-9, 0.125);
    path.settle(500);
    path.bank.restart();
    assert_eq!(path.bank.estimate(), None);
    let kept = path.bank.frequency().expect("the oscillator is the same").ratio();
    assert!((kept - path.frequency).abs() < 1e-7, "{kept}");
    path.settle(3);
    let frequency = path.bank.estimate().unwrap().frequency.ratio();
    assert!((frequency - path.frequency).abs() < 2e-6, "{frequency}");
}

#[test]
fn what_is_forgotten_is_still_the_best_guess_of_the_frequency() {
    let mut path = Path::new(1e-7, 1e-9, 0.125);
    path.settle(500);
    path.bank.forget();
    path.bank.forget();
    let guess = path.bank.frequency().expect("the last belief").ratio();
    assert!((guess - path.frequency).abs() < 1e-7, "{guess}");
    assert_eq!(Bank::new(FrequencyPpb::from_ppm(500.0), Duration::from_nanos(1)).frequency(), None);
}

#[test]
fn an_oscillator_that_shifts_on_a_path_without_jitter_is_followed() {
    // The picture that was once taken for a shorter way: noiseless transits, and all at once a frequency of another kind.
    for (shift, interval) in [(200e-9, 0.25), (-200e-9, 0.25), (30e-6, 0.125), (-5e-6, 1.0)] {
        let mut path = Path::new(0.0, 0.0, interval);
        path.settle(120);
        path.frequency += shift;
        path.settle(60);
        let rms = path.rms(60);
        assert!(rms < 2e-9, "{rms} after {shift} at {interval} s");
        let delay = path.bank.estimate().unwrap().delay.as_secs_f64();
        assert!((delay - 1e-6).abs() < 5e-9, "{delay}");
    }
}

#[test]
fn a_clock_that_was_slewed_while_a_message_was_under_way_is_found_on_the_same_path() {
    // By another program, on a path without jitter: one request, or a Sync and a request, shows a part of it.
    for (by, part, with_sync) in
        [(2.3e-6, 0.42, false), (0.85e-6, 0.3, false), (-0.85e-6, 0.5, true), (13e-6, 0.7, true)]
    {
        let mut path = Path::new(0.0, 0.0, 0.25);
        path.settle(400);
        path.offset += by * part;
        if with_sync {
            path.bank.forward(path.at, Duration::from_secs_f64(path.offset + 1e-6));
        }
        path.bank.backward(path.at, Duration::from_secs_f64(1e-6 - path.offset));
        path.offset += by * (1.0 - part);
        path.pass(0.1);
        path.settle(12);
        let rms = path.rms(60);
        assert!(rms < 2e-9, "{rms:e} after {by:e}, with a Sync: {with_sync}");
        let delay = path.bank.estimate().unwrap().delay.as_secs_f64();
        assert!((delay - 1e-6).abs() < 5e-9, "{delay:e} after {by:e}");
    }
}

#[test]
fn more_requests_than_syncs_do_not_make_a_shift_look_like_a_shorter_way() {
    let mut path = Path::new(0.0, 0.0, 0.25);
    path.settle(120);
    path.frequency += 200e-9;
    for _ in 0..8 {
        for _ in 0..6 {
            path.bank.backward(path.at, Duration::from_secs_f64(1e-6 - path.offset));
            path.pass(0.04);
        }
        path.exchange();
    }
    path.settle(40);
    let rms = path.rms(40);
    assert!(rms < 2e-9, "{rms}");
}

#[test]
fn one_way_that_becomes_longer_keeps_the_offset() {
    let mut path = Path::new(1e-7, 1e-9, 0.125);
    path.settle(2_000);
    path.base[1] = 4e-6;
    path.settle(400);
    let rms = path.rms(1_000);
    assert!(rms < 5e-8, "{rms}: half of the change would be 1.5 us");
}

#[test]
fn what_one_way_grew_by_is_learnt_to_far_less_than_the_jitter() {
    // The least of the late messages that it is first taken for is off by J / 24 on average.
    let mut sum = 0.0;
    for seed in 0..10 {
        let mut path = Path::new(1e-5, 1e-9, 0.125);
        path.random = Random::seeded(seed);
        path.settle(2_000);
        path.base[0] = 3e-4;
        path.settle(400);
        sum += path.rms(1_000).powi(2);
    }
    let rms = (sum / 10.0).sqrt();
    assert!(rms < 1.1e-7, "{rms}: the nominal path has 6.4e-8");
}

#[test]
fn stamps_without_any_jitter_and_with_a_coarse_quantum_keep_it_stable() {
    let mut path = Path::new(0.0, 1e-10, 1.0 / 128.0);
    for step in 0..50_000 {
        let quantum = |seconds: f64| (seconds / 8e-9).round() * 8e-9;
        let forward = quantum(path.offset + 1e-6);
        path.bank.forward(path.at, Duration::from_secs_f64(forward));
        path.pass(path.interval / 2.0);
        path.bank.backward(path.at, Duration::from_secs_f64(quantum(1e-6 - path.offset)));
        let estimate = path.bank.estimate().unwrap();
        let error = estimate.offset.as_secs_f64() - path.offset;
        path.pass(path.interval / 2.0);
        assert!(estimate.deviation.as_secs_f64().is_finite() && (step < 200 || error.abs() < 3e-8), "{step}: {error}");
    }
}

#[test]
fn by_another_path_the_offset_is_what_it_was_and_the_delay_is_learnt() {
    let mut path = Path::new(1e-7, 1e-9, 0.125);
    path.settle(400);
    path.bank.shift(doubt(Duration::from_nanos(20)));
    path.bank.change_path();
    path.base = [9e-6; 2];
    assert!(!path.bank.knows_delay());
    let greatest = (0..400).map(|_| path.exchange().unwrap().abs()).fold(0.0, f64::max);
    assert!(greatest < 3e-7, "{greatest}");
    assert!(path.bank.knows_delay());
    let delay = path.bank.estimate().unwrap().delay.as_secs_f64();
    assert!((delay - 9e-6).abs() < 5e-8, "{delay}");
}

#[test]
fn another_path_that_contradicts_what_was_known_is_believed() {
    let mut path = Path::new(1e-7, 1e-9, 0.125);
    path.settle(400);
    path.bank.shift(doubt(Duration::from_nanos(20)));
    path.bank.change_path();
    path.offset += 0.01;
    path.settle(60);
    let error = path.exchange().unwrap().abs();
    assert!(error < 2e-7, "{error}");
}

/// The kernel's stamps put the offset wrong by 4 us; then the card stamps again, on a path of 1 us, and the oscillator runs off by 35 ppm, as is known.
#[test]
fn another_path_contradicts_what_was_known_though_its_halves_are_apart() {
    let mut path = Path::new(1e-9, 1e-10, 0.25);
    path.frequency = 35e-6;
    path.settle(400);
    path.bank.shift(doubt(Duration::from_nanos(4)));
    path.bank.change_path();
    path.base = [1e-6; 2];
    path.offset += 4e-6;
    path.settle(1);
    let found: Vec<_> = (0..40).map(|_| path.exchange().unwrap().abs()).collect();
    assert!(found[..4].iter().all(|error| *error < 1e-6), "not further off than the path is long: {found:?}");
    assert!(found[8..].iter().all(|error| *error < 2e-8), "{found:?}");
}

#[test]
fn a_path_is_as_asymmetric_as_it_is_long_and_as_its_ways_have_moved_apart() {
    let mut path = Path::new(1e-8, 1e-10, 0.25);
    assert_eq!(path.bank.asymmetry(), Duration::ZERO, "nothing is known");
    path.base = [1e-5; 2];
    path.settle(400);
    let by_length = path.bank.asymmetry().as_secs_f64();
    assert!((by_length - 0.03 * 1e-5).abs() < 1e-8, "{by_length}");
    path.base[0] += 4e-6;
    path.settle(400);
    let moved = path.bank.asymmetry().as_secs_f64();
    assert!((moved - 2e-6).abs() < 2e-7, "{moved}");
    path.bank.change_path();
    assert_eq!(path.bank.asymmetry(), Duration::ZERO);
}

#[test]
fn a_clock_that_was_set_is_known_from_the_first_message_on() {
    for is_sync in [true, false] {
        let mut path = Path::new(1e-7, 1e-9, 0.125);
        path.settle(400);
        path.bank.lose_offset();
        path.offset -= 1e6;
        path.frequency += 1e-8;
        assert!(path.bank.estimate().is_none());
        assert!((path.bank.frequency().unwrap().ratio() - path.frequency).abs() < 3e-8, "the oscillator is the same");
        if is_sync {
            path.bank.forward(path.at, Duration::from_secs_f64(path.offset + path.base[0] + path.jitter));
        } else {
            path.bank.backward(path.at, Duration::from_secs_f64(path.base[1] + path.jitter - path.offset));
        }
        let estimate = path.bank.estimate().unwrap();
        assert!((estimate.offset.as_secs_f64() - path.offset).abs() < 1e-7);
        assert!(estimate.deviation < Duration::from_nanos(200), "{}", estimate.deviation);
        let greatest = (0..200).map(|_| path.exchange().unwrap().abs()).fold(0.0, f64::max);
        assert!(greatest < 3e-7, "{greatest}");
    }
}

#[test]
fn without_a_delay_or_an_offset_there_is_nothing_to_keep() {
    let mut path = Path::new(1e-7, 1e-9, 0.125);
    path.bank.change_path();
    path.bank.lose_offset();
    assert!(path.bank.estimate().is_none() && path.exchange().is_some());
}

#[test]
fn by_another_measure_of_the_same_time_nothing_is_lost() {
    let mut path = Path::new(1e-7, 1e-9, 0.125);
    path.settle(400);
    // The bank's instant is that of its last message; the path has gone on since.
    let since = (path.at - path.bank.at()).as_secs_f64();
    let (offset, frequency) = (Duration::from_secs(-40), FrequencyPpb::from_ppm(-70.0));
    let (deviation, frequency_deviation) = (Duration::from_nanos(5), FrequencyPpb::new(0.5));
    path.bank.shift(Shift { offset, frequency, deviation, frequency_deviation });
    path.offset += offset.as_secs_f64() + frequency.ratio() * since;
    path.frequency += frequency.ratio();
    let found = path.bank.estimate_at(path.at).expect("it is known").as_secs_f64();
    assert!((found - path.offset).abs() < 3e-8, "{}", found - path.offset);
    let greatest = (0..200).map(|_| path.exchange().unwrap().abs()).fold(0.0, f64::max);
    assert!(greatest < 5e-8, "{greatest}");
}

/// A run of an NTP client, polls of 16 s; what it has learnt, and where the oscillator was left.
fn learnt() -> (SavedOscillator, f64) {
    let mut path = Path::new(1e-4, 1e-10, 16.0);
    path.settle(2_000);
    let frequency = path.bank.frequency().unwrap();
    (path.bank.remember(frequency), path.frequency)
}

/// The RMS error after a restart by a path of this base delay, and that of the standard deviation that was claimed (s): within the first two
/// minutes, and from three to eleven.
fn after_a_restart(saved: &SavedOscillator, frequency: f64, base: f64) -> [(f64, f64); 2] {
    let mut squares = [(0.0, 0.0); 2];
    for seed in 0..20 {
        let mut path = Path::new(1e-4, 1e-10, 16.0);
        (path.random, path.frequency, path.base) = (Random::seeded(100 + seed), frequency, [base; 2]);
        path.bank.expect(saved);
        for exchange in 0..40 {
            let error = path.exchange().unwrap();
            let at = match exchange {
                0..8 => 0,
                8..10 => continue,
                _ => 1,
            };
            squares[at].0 += square(error);
            squares[at].1 += square(path.bank.estimate().unwrap().deviation.as_secs_f64());
        }
    }
    let mean = |(error, claim): (f64, f64), n: f64| ((error / n).sqrt(), (claim / n).sqrt());
    [mean(squares[0], 160.0), mean(squares[1], 600.0)]
}

#[test]
fn after_a_restart_what_was_learnt_of_the_oscillator_makes_the_first_minutes_better() {
    let (saved, frequency) = learnt();
    assert!(saved.is_plausible(), "{saved:?}");
    // The jitter is 100 us: a fiftieth of the base delay, and a hundred times as much.
    for base in [5e-3, 1e-6] {
        // Ten minutes later, and the number alone.
        let [(first, _), (error, claim)] = after_a_restart(&saved.aged(Duration::from_secs(600)), frequency, base);
        let alone = SavedOscillator::of_frequency(saved.frequency);
        let [(first_alone, _), (error_alone, claim_alone)] = after_a_restart(&alone, frequency, base);
        println!(
            "base {base:.0e} s: RMS {first:.2e} s, then {error:.2e} s, claimed {claim:.2e} s; with the frequency alone \
             {first_alone:.2e} s, then {error_alone:.2e} s, {claim_alone:.2e} s"
        );
        assert!(first < 1.02 * first_alone, "{first} {first_alone}");
        assert!(
            error < 0.85 * error_alone && claim < 0.75 * claim_alone,
            "{error} {error_alone} {claim} {claim_alone}"
        );
        assert!(error < claim, "it says how wrong it is: {error} {claim}");
    }
}

#[test]
fn what_the_clock_runs_off_by_between_the_first_two_messages_is_taken_out_if_it_is_known() {
    for apart in [1e-3, 0.1, 16.0] {
        let mut path = Path::new(0.0, 0.0, 2.0 * apart);
        path.bank.expect(&SavedOscillator::of_frequency(FrequencyPpb::from_ratio(path.frequency)));
        let error = path.exchange().unwrap();
        let estimate = path.bank.estimate().unwrap();
        assert!(error.abs() < 1e-9, "{apart}: {error}");
        assert!((estimate.delay.as_secs_f64() - 1e-6).abs() < 1e-9, "{apart}: {}", estimate.delay);
    }
}

#[test]
fn what_was_learnt_of_another_oscillator_is_unlearnt() {
    let (saved, frequency) = learnt();
    // It is 5 ppm off, and wanders a thousand times as much; the bank was as good as certain of both.
    let mut path = Path::new(1e-6, 1e-7, 1.0);
    path.frequency = frequency + 5e-6;
    path.bank.expect(&saved.aged(Duration::ZERO));
    path.settle(300);
    let mut fresh = Path::new(1e-6, 1e-7, 1.0);
    fresh.frequency = frequency + 5e-6;
    fresh.settle(300);
    let (rms, without) = (path.rms(1_000), fresh.rms(1_000));
    assert!(rms < 1.05 * without, "{rms}, and without any memory {without}");
}
