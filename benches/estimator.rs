//! What the estimator costs: one exchange (a Sync and a Delay_Req), 18 members. The aim is 5 us on one core; it takes 10,400
//! instructions (x86-64 without AVX), 2.8 us.
//!
//! Beside the usual case there is the worst: when something must have changed, every hypothesis takes all transits that
//! were kept again, in one step. Most are kept when one direction is odd for long while nothing is heard of the other.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use synchronome::discipline::estimator::Bank;
use synchronome::engine::Random;
use synchronome::time::{Duration, FrequencyPpb, Local, Timestamp};

/// Transits that a record holds; the next odd one is explained at once.
const TRANSITS_MAX: usize = 256;

/// A bank at 8 exchanges a second over 100 ns of jitter, long settled.
struct Settled {
    bank: Bank,
    random: Random,
    at: Timestamp<Local>,
}

impl Settled {
    fn new() -> Self {
        let bank = Bank::new(FrequencyPpb::from_ppm(500.0), Duration::from_nanos(1));
        let mut settled = Self { bank, random: Random::seeded(1), at: Timestamp::from_secs(1_000) };
        (0..1_000).for_each(|_| settled.exchange());
        settled
    }

    fn delay(&mut self) -> Duration {
        Duration::from_secs_f64(1e-6 + 1e-7 * self.random.exponential())
    }

    fn exchange(&mut self) {
        let (there, back) = (self.delay(), self.delay());
        self.bank.forward(self.at, there);
        self.at = self.at + Duration::from_micros(62_500);
        self.bank.backward(self.at, back);
        self.at = self.at + Duration::from_micros(62_500);
    }

    /// A Sync that is far too late.
    fn late(&mut self) {
        let delay = self.delay() + Duration::from_micros(10);
        self.bank.forward(self.at, delay);
        self.at = self.at + Duration::from_micros(125_000);
    }
}

fn exchange(criterion: &mut Criterion) {
    let mut settled = Settled::new();
    criterion.bench_function("estimator/exchange", |bencher| {
        bencher.iter(|| {
            settled.exchange();
            settled.bank.estimate()
        });
    });
}

/// The last transit that the record holds: all hypotheses on all of them, on the timing thread.
fn change_explained(criterion: &mut Criterion) {
    let mut settled = Settled::new();
    (1..TRANSITS_MAX).for_each(|_| settled.late());
    let Settled { bank, at, .. } = settled;
    let late = Duration::from_micros(11);
    criterion.bench_function("estimator/change explained", |bencher| {
        bencher.iter_batched_ref(|| bank.clone(), |bank| bank.forward(at, late), BatchSize::SmallInput);
    });
}

criterion_group!(benches, exchange, change_explained);
criterion_main!(benches);
