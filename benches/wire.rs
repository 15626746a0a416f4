//! How long each message takes to parse and to write.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use synchronome::wire::{ntp, ptp};

/// The golden messages of the codecs' tests, which are also the fuzz targets' seeds.
const PTP: [(&str, &[u8]); 5] = [
    ("announce_with_path_trace", include_bytes!("../tools/fuzz/seeds/ptp_message/announce")),
    ("sync", include_bytes!("../tools/fuzz/seeds/ptp_message/sync")),
    ("follow_up", include_bytes!("../tools/fuzz/seeds/ptp_message/follow_up")),
    ("delay_req", include_bytes!("../tools/fuzz/seeds/ptp_message/delay_req")),
    ("delay_resp", include_bytes!("../tools/fuzz/seeds/ptp_message/delay_resp")),
];

const NTP: [(&str, &[u8]); 5] = [
    ("request", include_bytes!("../tools/fuzz/seeds/ntp_packet/request")),
    ("request_md5", include_bytes!("../tools/fuzz/seeds/ntp_packet/request_md5")),
    ("request_version_3", include_bytes!("../tools/fuzz/seeds/ntp_packet/request_version_3")),
    ("answer", include_bytes!("../tools/fuzz/seeds/ntp_packet/answer")),
    ("answer_extended", include_bytes!("../tools/fuzz/seeds/ntp_packet/answer_extended")),
];

fn ptp_messages(criterion: &mut Criterion) {
    for (name, octets) in PTP {
        let message = ptp::parse(octets).expect("a golden message");
        let mut out = [0; 128];
        criterion.bench_function(&format!("wire/ptp/parse/{name}"), |b| b.iter(|| ptp::parse(black_box(octets))));
        criterion.bench_function(&format!("wire/ptp/write/{name}"), |b| {
            b.iter(|| ptp::write(black_box(&message), black_box(&mut out)));
        });
    }
}

fn ntp_packets(criterion: &mut Criterion) {
    for (name, octets) in NTP {
        let packet = ntp::parse(octets).expect("a golden packet");
        let mut out = [0; 128];
        criterion.bench_function(&format!("wire/ntp/parse/{name}"), |b| b.iter(|| ntp::parse(black_box(octets))));
        criterion.bench_function(&format!("wire/ntp/write/{name}"), |b| {
            b.iter(|| ntp::write(black_box(&packet), black_box(&mut out)));
        });
    }
}

criterion_group!(benches, ptp_messages, ntp_packets);
criterion_main!(benches);
