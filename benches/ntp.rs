//! What one answer costs a server worker, without its system calls.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use synchronome::ntp::server::{ANSWER_LENGTH_MAX, Request, ResponseConfig, respond};
use synchronome::sharing::{BoundParts, TimeSnapshot};
use synchronome::time::{Duration, FrequencyPpb, LeapIndicator, SyncState, Timestamp};

fn snapshot() -> TimeSnapshot {
    let local = Timestamp::from_secs(1_700_000_000);
    TimeSnapshot {
        state: SyncState::Locked,
        leap: LeapIndicator::NoWarning,
        stratum: 2,
        reference_id: *b"PTP\0",
        anchor_local: local,
        anchor_utc: Timestamp::from_secs(1_700_000_012),
        rate: FrequencyPpb::from_ppm(40.0),
        parts: BoundParts { path: Duration::from_micros(4), ..BoundParts::default() },
        is_bounded: true,
        drift_rate: FrequencyPpb::from_ppm(1.0),
        last_sample: Some(Timestamp::EPOCH),
        ..TimeSnapshot::unsynchronised(Timestamp::EPOCH)
    }
}

fn answers(criterion: &mut Criterion) {
    let synchronised = snapshot();
    let unsynchronised = TimeSnapshot { state: SyncState::Acquiring, ..synchronised };
    let mut plain = vec![0; 48];
    plain[0] = 0x23;
    plain[40..].copy_from_slice(&[0x5a; 8]);
    let mut with_fields = [plain.clone(), vec![0; 64]].concat();
    for field in [48, 80] {
        with_fields[field..][..4].copy_from_slice(&[0x01, 0x04, 0x00, 0x20]);
    }
    let mut answer_to_nobody = plain.clone();
    answer_to_nobody[0] = 0x24;

    let mut group = criterion.benchmark_group("ntp_respond");
    group.throughput(Throughput::Elements(1));
    for (name, data, snapshot) in [
        ("synchronised", &plain, &synchronised),
        ("unsynchronised", &plain, &unsynchronised),
        ("extension_fields", &with_fields, &synchronised),
        ("dropped", &answer_to_nobody, &synchronised),
    ] {
        let received = snapshot.anchor_local + Duration::from_millis(50);
        let now = received + Duration::from_micros(20);
        let mut out = [0; ANSWER_LENGTH_MAX];
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let request = Request { data: black_box(data), from_port: 50_000, received, hardware: None, now };
                black_box(respond(&request, black_box(snapshot), ResponseConfig::default(), &mut out))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, answers);
criterion_main!(benches);
