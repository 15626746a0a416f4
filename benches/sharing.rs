//! What it costs threads to share: the time as served, and a word from one thread to another.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration as Elapsed, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use synchronome::sharing::{
    BoundParts, Doorbell, Ring, RingReader, RingWriter, Seqlock, SeqlockWriter, TimeSnapshot, Wake,
};
use synchronome::time::{Duration, FrequencyPpb, LeapIndicator, SyncState, Timestamp};

/// What a thread of the daemon leaves in the ring at most.
const CAPACITY: usize = 512;

fn snapshot() -> TimeSnapshot {
    TimeSnapshot {
        state: SyncState::Locked,
        leap: LeapIndicator::NoWarning,
        stratum: 2,
        anchor_local: Timestamp::from_secs(1_700_000_000),
        anchor_utc: Timestamp::from_secs(1_700_000_012),
        rate: FrequencyPpb::from_ppm(40.0),
        parts: BoundParts { path: Duration::from_micros(4), ..BoundParts::default() },
        is_bounded: true,
        ..TimeSnapshot::unsynchronised(Timestamp::EPOCH)
    }
}

/// A thread that goes round until this is dropped.
struct Busy {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Busy {
    fn start(mut round: impl FnMut() + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                round();
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("it ends");
        }
    }
}

/// Writes, and then leaves the value alone for `pause`.
fn writer(mut writer: SeqlockWriter<TimeSnapshot>, pause: Elapsed) -> Busy {
    let value = snapshot();
    Busy::start(move || {
        writer.write(black_box(&value));
        let until = Instant::now() + pause;
        while Instant::now() < until {
            std::hint::spin_loop();
        }
    })
}

fn seqlock(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("seqlock");
    let (mut alone, reader) = Seqlock::new(&snapshot());
    group.bench_function("read_quiet", |bencher| bencher.iter(|| black_box(reader.read())));
    let value = snapshot();
    group.bench_function("write", |bencher| bencher.iter(|| alone.write(black_box(&value))));
    // The daemon writes some ten times a second; every 10 us is a thousand times worse, and without a pause the worst.
    for (name, pause) in [("10us", Elapsed::from_micros(10)), ("0", Elapsed::ZERO)] {
        let (to_readers, reader) = Seqlock::new(&snapshot());
        let busy = writer(to_readers, pause);
        let id = BenchmarkId::new("read_under_a_writer_every", name);
        group.bench_function(id, |bencher| bencher.iter(|| black_box(reader.read())));
        drop(busy);
    }
    group.finish();
}

/// Nobody sleeps in these measurements: what a wake-up costs is the kernel's.
struct NoBell;

impl Wake for NoBell {
    fn wake(&self) {}
}

fn ring() -> (RingWriter<[u64; 16]>, RingReader<[u64; 16]>) {
    Ring::with_capacity(CAPACITY, Doorbell::new(NoBell))
}

fn spsc(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("spsc");
    group.throughput(Throughput::Elements(1));
    let message = [7; 16];
    let (mut to, mut from) = ring();
    group.bench_function("push_and_pop_on_one_thread", |bencher| {
        bencher.iter(|| {
            to.push(black_box(message));
            black_box(from.pop())
        });
    });

    // There and back: two hops a turn. With one CPU each turn is two time slices, which says nothing.
    group.throughput(Throughput::Elements(2));
    let (mut there, mut inbox) = ring();
    let (mut outbox, mut back) = ring();
    let echo = Busy::start(move || match inbox.pop() {
        Some(message) => {
            black_box(outbox.push(message));
        }
        None => std::hint::spin_loop(),
    });
    group.bench_function("hop_between_two_threads_and_back", |bencher| {
        bencher.iter(|| {
            there.push(black_box(message));
            loop {
                if let Some(message) = back.pop() {
                    return message;
                }
                std::hint::spin_loop();
            }
        });
    });
    drop(echo);
    group.finish();
}

criterion_group!(benches, seqlock, spsc);
criterion_main!(benches);
