#![cfg_attr(not(test), no_main)]
//! Any bytes as a trace, and as each part of its records; and repeated, as whoever forges a trace would have them.

use std::panic::{set_hook, take_hook};

use synchronome::coding::{Coded, Decoder, Encoder};
use synchronome::discipline::Discipline;
use synchronome::engine::{BEGINNING, Cause, Engine, EngineKind, RECORD_BYTES_MAX, Recordable, STEP, engine_layout};
use synchronome::ntp::client::Client;
use synchronome::ntp::server::Responder;
use synchronome::ptp::Port;
use synchronome::time::{Duration, Mono, Timestamp};
use synchronome::trace::{Origin, Trace, replay, what_if};

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

/// A trace of one engine whose state and whose steps are these: with the right layout and checksum, so that all of it is
/// looked at. The first two octets say how long the state is, and before each step one says how long that is.
fn forged<E: Recordable>(octets: &[u8]) -> Option<Trace> {
    let mut from = Decoder::new(octets);
    let length = u16::from_le_bytes(from.raw(2).ok()?.try_into().ok()?);
    let mut beginning = Encoder::with_limit(RECORD_BYTES_MAX);
    beginning.byte(BEGINNING);
    E::KIND.encode(&mut beginning);
    Cause::First.encode(&mut beginning);
    beginning.raw(&engine_layout::<E>().to_le_bytes());
    Timestamp::<Mono>::from_secs(1).encode(&mut beginning);
    Duration::ZERO.encode(&mut beginning);
    beginning.raw(from.raw(usize::from(length)).ok()?);
    let mut records = vec![beginning.written()?.to_vec()];
    while let Some(step) = from.byte().ok().and_then(|length| from.raw(usize::from(length)).ok()) {
        records.push([&[STEP], step].concat());
    }
    let mut content = Encoder::with_limit(1 << 18);
    content.bytes(b"forged");
    Origin::Host.encode(&mut content);
    content.unsigned(1);
    content.bytes(b"engine");
    E::KIND.encode(&mut content);
    content.unsigned(records.len() as u128);
    for record in &records {
        content.bytes(record);
    }
    Trace::read(Trace::sealed(content.written()?)).ok()
}

/// The repetition ends, with a word about it. A panic of the engine is one: it must not be the end of the program.
fn repeated<E: Recordable>(octets: &[u8]) {
    let Some(trace) = forged::<E>(octets) else { return };
    let loud = take_hook();
    set_hook(Box::new(|_| ()));
    _ = replay(&trace);
    if E::KIND == EngineKind::Discipline {
        _ = what_if(&trace, &trace.streams()[0], Some(&|_| ()));
    }
    set_hook(loud);
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
        9 => repeated::<Port>(rest),
        10 => repeated::<Discipline>(rest),
        11 => repeated::<Client>(rest),
        12 => repeated::<Responder>(rest),
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
