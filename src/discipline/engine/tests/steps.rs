//! A kernel's clock, whose rate goes in steps, seen through a card without error.

use super::*;
use crate::discipline::Ruler;

const STEP: FrequencyPpb = FrequencyPpb::new(119.209);

/// What `timekeeping_adjust` does (kernel/time/timekeeping.c).
struct Kernel {
    told: FrequencyPpb,
    rate: FrequencyPpb,
    /// What it is behind by of what it was told, in ns.
    error: f64,
    /// How long the CPU sleeps.
    sleeps: Duration,
    wakes: Timestamp<Mono>,
}

impl Kernel {
    fn adjust(&mut self) {
        let multiples = self.told.ppb() / STEP.ppb();
        let is_multiple = (multiples - multiples.round()).abs() < 1e-6;
        let lower = if is_multiple { multiples.round() } else { multiples.floor() };
        self.rate = FrequencyPpb::new((lower + if self.error > 0.0 { 1.0 } else { 0.0 }) * STEP.ppb());
    }
}

struct Host {
    bench: Bench,
    kernel: Kernel,
    sample_at: Timestamp<Mono>,
    samples: u32,
    /// What was commanded, and of that what was no multiple.
    commands: u32,
    others: u32,
}

impl Host {
    /// An oscillator that runs off by so many steps, and a kernel that sleeps so long. `step` is what the discipline knows.
    fn new(parts: f64, sleeps: Duration, step: Option<FrequencyPpb>) -> Self {
        let ppm = parts * STEP.ppm();
        let mut bench = Bench::new(Config { servo: Kind::Estimator, ..config() }, Duration::from_micros(3), ppm);
        bench.discipline.set_rate_step(step);
        let ruler = Ruler {
            clock: ClockId::Phc(0),
            since: bench.now,
            at: bench.reading(),
            offset: Duration::ZERO,
            deviation: Duration::ZERO,
            asymmetry: Duration::ZERO,
            frequency: FrequencyPpb::ZERO,
            frequency_deviation: FrequencyPpb::ZERO,
            interval: LogInterval::new(-2),
        };
        bench.step(Input::Reference(Some(Reference { ruler: Some(ruler), ..reference() })));
        bench.step(Input::Interval(LogInterval::new(-2)));
        let told = FrequencyPpb::ZERO;
        let kernel = Kernel { told, rate: told, error: 0.0, sleeps, wakes: bench.now };
        Self { sample_at: bench.now, samples: 0, bench, kernel, commands: 0, others: 0 }
    }

    /// Reading the card at one instant, in whole nanoseconds: told by both halves at first, then by one of them three times of four.
    fn sample(&mut self) {
        let whole = |at: Timestamp<Local>| {
            Timestamp::EPOCH + Duration::from_nanos(((at - Timestamp::EPOCH).ticks() >> 16) as i64)
        };
        let ours = Bench::stamp(whole(self.bench.reading()), ClockId::Disciplined, self.bench.epoch);
        let theirs = Bench::stamp(whole(self.bench.now.read_as()), ClockId::Remote(SOURCE), ClockEpoch(0));
        let edge =
            |sent, received| Observation { source: SOURCE, sent, received, correction: Duration::ZERO, exchange: 0 };
        self.samples += 1;
        if self.bench.discipline.state() != SyncState::Locked || self.samples.is_multiple_of(4) {
            self.step(Input::Observation(&edge(ours, theirs)));
        }
        self.step(Input::Observation(&edge(theirs, ours)));
    }

    fn step(&mut self, input: Input<'_>) {
        // The bench obeys by telling what it was told; what the kernel does is seen to in `pass`.
        let before = self.bench.correction;
        self.bench.correction = self.kernel.told;
        self.bench.step(input);
        let told = std::mem::replace(&mut self.bench.correction, before);
        if told != self.kernel.told {
            self.kernel.told = told;
            self.kernel.adjust();
            self.commands += 1;
            let multiples = told.ppb() / STEP.ppb();
            self.others += u32::from((multiples - multiples.round()).abs() > 1e-6);
        }
    }

    fn until(&mut self, at: Timestamp<Mono>) {
        let time = at - self.bench.now;
        self.bench.correction = self.kernel.rate;
        self.kernel.error += (self.kernel.told.ppb() - self.kernel.rate.ppb()) * time.as_secs_f64();
        self.bench.pass(time);
    }

    /// Mean and RMS of what it is off by when the CPU wakes up, in ns, over so many seconds. `is_heard`: samples come.
    fn run(&mut self, seconds: i64, is_heard: bool) -> (f64, f64) {
        let end = self.bench.now + Duration::from_secs(seconds);
        let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
        while self.bench.now < end {
            let due = self.sample_at.min(self.kernel.wakes);
            let deadline = self.bench.discipline.deadline().filter(|at| *at > self.bench.now);
            self.until(deadline.map_or(due, |at| at.min(due)));
            let now = self.bench.now;
            if now >= self.kernel.wakes {
                let off = self.bench.offset.as_secs_f64() * 1e9;
                (count, sum, squares) = (count + 1.0, sum + off, squares + off * off);
                self.kernel.adjust();
                self.kernel.wakes = now + self.kernel.sleeps;
            }
            if now >= self.sample_at {
                self.kernel.adjust();
                let interval = if self.bench.discipline.goes_by_steps() { -1 } else { -2 };
                self.sample_at = now + LogInterval::new(interval).duration();
                if is_heard {
                    self.step(Input::Interval(LogInterval::new(interval)));
                    self.sample();
                }
            }
            self.step(Input::Tick { reading: self.bench.reading() });
        }
        (sum / count, f64::sqrt(squares / count))
    }
}

const SLEEPS: Duration = Duration::from_millis(83);

#[test]
fn where_the_kernel_sleeps_multiples_are_better_than_what_it_makes_of_the_rest() {
    for part in [0.02, 0.15, 0.436, 0.5, 0.75, 0.99] {
        let mut kernels = Host::new(-268.0 - part, SLEEPS, None);
        kernels.run(30, true);
        let (_, theirs) = kernels.run(100, true);
        let mut host = Host::new(-268.0 - part, SLEEPS, Some(STEP));
        host.run(100, true);
        assert!(host.bench.discipline.goes_by_steps(), "{part}: {:?}", host.bench.discipline.steps);
        (host.commands, host.others) = (0, 0);
        let (mean, ours) = host.run(100, true);
        // A triangle's; what whole nanoseconds leave over, of the delay too; and what is not worth an awakening.
        let height = 0.25 * STEP.ppb() * part * (1.0 - part);
        let expected = 1.15 * (height * height / 12.0 + 1.3).sqrt();
        assert!(ours < expected && ours < 0.9 * theirs, "{part}: {ours} where {expected}, and {theirs}");
        assert!(mean.abs() < 1.0, "{part}: {mean}");
        assert_eq!(host.others, 0, "{part}: of {}", host.commands);
        assert!(host.commands <= 8 * 100 + 8, "{part}: {}", host.commands);
    }
}

#[test]
fn a_busy_kernel_is_left_to_make_up_for_it_itself_and_one_that_falls_asleep_is_not() {
    let mut host = Host::new(-268.436, Duration::from_millis(4), Some(STEP));
    host.run(60, true);
    assert!(!host.bench.discipline.goes_by_steps());
    let (_, off) = host.run(60, true);
    assert!(off < 0.8, "{off}");
    host.kernel.sleeps = SLEEPS;
    host.run(2_048 / 4 + 120, true);
    assert!(host.bench.discipline.goes_by_steps(), "it is looked again");
    host.kernel.sleeps = Duration::from_millis(4);
    host.run(2_048 / 2 + 120, true);
    assert!(!host.bench.discipline.goes_by_steps());
}

#[test]
fn without_a_next_sample_the_rate_is_that_of_the_oscillator() {
    let mut host = Host::new(-268.436, SLEEPS, Some(STEP));
    host.run(100, true);
    host.run(1, false);
    let own = 268.436 * STEP.ppb();
    assert!((host.kernel.told.ppb() - own).abs() < 1.0, "{} where {own}", host.kernel.told);
    assert_eq!(host.bench.discipline.state(), SyncState::Locked);
}

#[test]
fn an_offset_of_more_than_a_step_is_taken_away_as_ever() {
    let mut host = Host::new(-268.436, SLEEPS, Some(STEP));
    host.run(100, true);
    host.bench.offset += Duration::from_nanos(900);
    host.run(8, true);
    host.others = 0;
    let (_, off) = host.run(60, true);
    assert!(off < 3.0 && host.others == 0, "{off}, {}", host.others);
}
