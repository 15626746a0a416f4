#![cfg_attr(not(test), no_main)]
//! Any octets as what a reference clock's writer leaves: a segment of shared memory, a datagram, lines of gpsd's JSON, a hypervisor's page, a
//! message of the kernel's;
//! and what parses as samples to the engine.
//!
//! ```text
//! input: what u8 | by what:
//!   0 segments   96 octets each
//!   1 datagrams  40 octets each
//!   2 gpsd       lines
//!   3.. a page of time
//!   4 a message of the kernel's about a device
//! ```

use synchronome::engine::{Engine, Sink};
use synchronome::refclock::{ClockState, Config, Effect, Input, Refclock, SAMPLES_MAX, Sample};
use synchronome::runtime::refclock::{sample_in_json, sample_of};
use synchronome::time::{Duration, SourceId, Timestamp};
use synchronome::wire::refclock::{shm, sock};
use synchronome::wire::{uevent, vmclock};

synchronome_fuzz::target!(check);

/// More effects than one sample can have.
const EFFECTS_MAX: u32 = 8;

/// What the effects of one input must hold.
#[derive(Default)]
struct Watch {
    effects: u32,
}

impl Sink<Effect> for Watch {
    fn emit(&mut self, effect: Effect) {
        self.effects += 1;
        assert!(self.effects <= EFFECTS_MAX, "the effects of one input are bounded");
        if let Effect::Observe(observation) = effect {
            assert_eq!(observation.source, SourceId(3));
        }
    }
}

fn check(octets: &[u8]) {
    let Some((what, rest)) = octets.split_first() else { return };
    let samples: Vec<Sample> = match what {
        0 => rest.chunks_exact(shm::SIZE).filter_map(segment).collect(),
        1 => rest.chunks(sock::SIZE).filter_map(|datagram| Some(sample_of(&sock::parse(datagram).ok()?))).collect(),
        2 => rest.split(|octet| *octet == b'\n').filter_map(sample_in_json).collect(),
        4 => {
            if uevent::is_new_generation(rest) {
                assert!(rest.windows(13).any(|piece| piece == b"NEW_VMGENID=1"));
            }
            return;
        }
        _ => {
            if let Ok(page) = vmclock::parse(rest) {
                assert!(rest.starts_with(b"VCLK") && page.vm_generation.is_none_or(|_| rest.len() >= vmclock::SIZE));
            }
            time_in(rest);
            return;
        }
    };
    // By the writer's own stamps and by ours.
    for ours in [None, Some(Timestamp::from_secs(1_800_000_000))] {
        feed(&samples, ours);
    }
}

/// The time of a page at some readings of the counter: never off by less than nothing, and in whole fractions of a second.
fn time_in(octets: &[u8]) {
    let Some((page, counters)) = octets.split_first_chunk() else { return };
    let Ok(page) = vmclock::parse_time(page) else { return };
    let counters = counters.chunks_exact(8).filter_map(|piece| Some(u64::from_le_bytes(*piece.first_chunk()?)));
    for counter in counters.chain([0, u64::MAX, 1 << 63]) {
        let error = page.error_at(counter);
        assert!(!error.is_negative() && error > Duration::ZERO);
        let (seconds, _) = page.exactly_at(counter);
        if let Some(told) = page.at(counter) {
            assert!((told.time.seconds() - seconds).abs() <= 1 && told.error == error);
        }
    }
}

fn segment(octets: &[u8]) -> Option<Sample> {
    let octets = octets.first_chunk()?;
    _ = (shm::mark(octets), shm::is_valid(octets));
    assert!(!shm::is_torn(octets, octets));
    Some(sample_of(&shm::parse(octets).ok()?))
}

/// The samples, a quarter of a second between them; a clock that was given nothing for a minute is silent.
fn feed(samples: &[Sample], ours: Option<Timestamp<synchronome::time::Local>>) {
    let mut now = Timestamp::from_secs(1_000);
    let mut clock = Refclock::new(Config { samples: 3, ..Config::new(SourceId(3)) }, now);
    for (place, sample) in samples.iter().enumerate() {
        now = now + Duration::from_millis(250);
        let local = ours.map_or(sample.after, |first| first + Duration::from_millis(250).times(place as i64));
        let taken = ours.map_or(*sample, |_| Sample { before: local, after: local, ..*sample });
        clock.step(now, Input::Sample { sample: taken, local }, &mut Watch::default());
    }
    assert!(samples.len() <= SAMPLES_MAX || clock.deadline().is_some());
    for _ in 0..64 {
        now = clock.deadline().expect("it always has one").max(now);
        clock.step(now, Input::Tick, &mut Watch::default());
    }
    assert_ne!(clock.state(), ClockState::Delivering);
}
