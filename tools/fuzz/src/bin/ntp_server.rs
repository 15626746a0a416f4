#![cfg_attr(not(test), no_main)]
//! Any datagram, from any port, under any state of the clock.

use synchronome::ntp::server::{ANSWER_LENGTH_MAX, Request, ResponseConfig, respond};
use synchronome::sharing::{BoundParts, TimeSnapshot};
use synchronome::time::{Duration, FrequencyPpb, LeapIndicator, SyncState, Timestamp};
use synchronome::wire::ntp::{Mode, parse};

synchronome_fuzz::target!(check);

/// Octets that make the state of the clock and the stamps.
const PROLOGUE: usize = 40;

/// The next octets of the prologue, as a number.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn next<const N: usize>(&mut self) -> i64 {
        let (octets, rest) = self.0.split_at(N);
        self.0 = rest;
        let mut word = [0; 8];
        word[..N].copy_from_slice(octets);
        i64::from_le_bytes(word)
    }
}

fn snapshot(numbers: &mut Numbers<'_>) -> TimeSnapshot {
    let mut duration = || Duration::from_nanos(numbers.next::<5>());
    let parts = BoundParts { path: duration(), offset: duration(), drift: duration(), ..BoundParts::default() };
    TimeSnapshot {
        parts,
        state: SyncState::from_number(numbers.next::<1>() as u8),
        stratum: numbers.next::<1>() as u8,
        leap: LeapIndicator::from_bits(numbers.next::<1>() as u8),
        is_bounded: numbers.next::<1>() != 0,
        // As far as 2106: over the era's end too.
        anchor_local: Timestamp::from_secs(numbers.next::<4>()),
        anchor_utc: Timestamp::from_secs(numbers.next::<4>()),
        rate: FrequencyPpb::new(numbers.next::<3>() as f64),
        drift_rate: FrequencyPpb::new(numbers.next::<3>() as f64),
        last_sample: Some(Timestamp::EPOCH),
        ..TimeSnapshot::unsynchronised(Timestamp::EPOCH)
    }
}

/// An answer is a whole one, never longer than its request, and claims no less than the bound.
fn check(octets: &[u8]) {
    let Some((prologue, data)) = octets.split_at_checked(PROLOGUE) else { return };
    let mut numbers = Numbers(prologue);
    let snapshot = snapshot(&mut numbers);
    let from_port = numbers.next::<2>() as u16;
    let received = snapshot.anchor_local + Duration::from_micros(numbers.next::<3>());
    let now = received + Duration::from_nanos(numbers.next::<2>());
    let mut out = [0; ANSWER_LENGTH_MAX];
    let request = Request { data, from_port, received, hardware: None, now };
    let Ok(answer) = respond(&request, &snapshot, ResponseConfig::default(), &mut out) else { return };

    assert!(answer.length <= data.len());
    let header = parse(&out[..answer.length]).expect("our own answer parses").header;
    assert!(matches!(header.mode, Mode::Server | Mode::SymmetricPassive));
    assert_eq!(header.origin_timestamp.to_bits().to_be_bytes(), data[40..48]);
    assert!(!header.transmit_timestamp.is_unset() && header.transmit_timestamp != header.receive_timestamp);
    assert_eq!(answer.is_synchronised, header.leap != LeapIndicator::Unknown && header.stratum != 0);
    if answer.is_synchronised {
        let claimed = header.root_delay.to_duration().half() + header.root_dispersion.to_duration();
        // `to_duration` rounds down, twice.
        assert!(claimed + Duration::from_ticks(2) >= snapshot.bound_at(now).greatest_error());
    }
}
