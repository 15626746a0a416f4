#![cfg_attr(not(test), no_main)]
//! Any bytes as a trace, and as each part of its records.

use synchronome::coding::{Coded, Decoder, Encoder};
use synchronome::discipline::Discipline;
use synchronome::engine::{Engine, RECORD_BYTES_MAX, Recordable};
use synchronome::ntp::client::Client;
use synchronome::ntp::server::Responder;
use synchronome::ptp::Port;
use synchronome::trace::Trace;

synchronome_fuzz::target!(check);

/// A value or an error; and a value's own bytes are that value again.
fn value<T: Coded>(octets: &[u8]) {
    let Ok(value) = T::decode(&mut Decoder::new(octets)) else { return };
    let first = bytes_of(&value);
    let again = T::decode(&mut Decoder::new(&first)).expect("our own bytes");
    assert_eq!(bytes_of(&again), first);
}

fn bytes_of(value: &impl Coded) -> Vec<u8> {
    let mut encoder = Encoder::with_limit(RECORD_BYTES_MAX);
    value.encode(&mut encoder);
    encoder.written().expect("room").to_vec()
}

/// An input and what follows it.
fn step<E: Recordable>(octets: &[u8]) {
    let mut from = Decoder::new(octets);
    if E::with_input(&mut from, |input| assert!(!E::show(input).is_empty())).is_ok() {
        value::<<E as Engine>::Effect>(from.rest());
    }
}

fn check(octets: &[u8]) {
    let Some((&part, rest)) = octets.split_first() else { return };
    match part {
        0 => value::<Port>(rest),
        1 => value::<Discipline>(rest),
        2 => step::<Port>(rest),
        3 => step::<Discipline>(rest),
        5 => value::<Responder>(rest),
        6 => step::<Responder>(rest),
        7 => value::<Client>(rest),
        8 => step::<Client>(rest),
        4 => {
            // As a file it is damaged, whatever it is; with the right checksum its content decides.
            assert!(Trace::read(rest.to_vec()).is_err() || rest.starts_with(b"SYNTRACE"));
            if let Ok(trace) = Trace::read(Trace::sealed(rest)) {
                let records = trace.streams().iter().flat_map(|stream| trace.records(stream));
                assert!(records.map(<[u8]>::len).sum::<usize>() < rest.len());
            }
        }
        _ => {}
    }
}
