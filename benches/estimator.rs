//! What the estimator costs: one exchange (a Sync and a Delay_Req), 18 members. The aim is 5 us on one core; it takes 10,400
//! instructions (x86-64 without AVX), some 3 us.

use criterion::{Criterion, criterion_group, criterion_main};
use synchronome::discipline::estimator::Bank;
use synchronome::engine::Random;
use synchronome::time::{Duration, FrequencyPpb, Timestamp};

/// Exchanges at 8 a second over 100 ns of jitter, long settled.
fn exchange(criterion: &mut Criterion) {
    let mut bank = Bank::new(FrequencyPpb::from_ppm(500.0), Duration::from_nanos(1));
    let mut random = Random::seeded(1);
    let mut at = Timestamp::from_secs(1_000);
    let mut run = || {
        let mut delay = || Duration::from_secs_f64(1e-6 + 1e-7 * random.exponential());
        bank.forward(at, delay());
        at = at + Duration::from_micros(62_500);
        bank.backward(at, delay());
        at = at + Duration::from_micros(62_500);
        bank.estimate()
    };
    (0..1_000).for_each(|_| _ = run());
    criterion.bench_function("estimator/exchange", |bencher| bencher.iter(&mut run));
}

criterion_group!(benches, exchange);
criterion_main!(benches);
