//! The protocol of the unix socket: lines of JSON.
//!
//! ```text
//! server: {"synchronome":"0.1.0","schema":1,"requests":["status","events","follow"]}
//! client: status
//! server: {"schema":1,"version":"0.1.0",...}        and closes
//! client: events                     or follow 17; follow: from event 17 on, or those to come
//! server: {"number":17,"kind":...}   a line each; {"lost":3} in the place of those that were taken too late;
//!                                    closes after the last one, or, asked to follow, goes on
//! ```
//!
//! On the control socket:
//!
//! ```text
//! client: record 60000               for so many milliseconds
//! server: {"recording_ms":60000}     and closes
//! client: fetch
//! server: {"trace_bytes":123456}     those bytes, and closes
//! client: offline ntp1.example.net   or online; without a name all NTP servers
//! server: {"sources":"NTP ntp1.example.net"}   those that it concerns, and closes
//! client: set_simulated 300000       a simulated clock, as if another program had set it by so many milliseconds
//! server: {"set_ms":300000}          and closes
//! ```
//! What is not understood is answered by `{"error":"..."}`.

use serde_json::json;

use super::connection::{REQUEST_BYTES_MAX, Reply};
use super::{Asked, FOLLOWERS_MAX, Order};
use crate::observe::status::{EventRecord, SCHEMA};

/// What can be asked for.
const REQUESTS: [&str; 3] = ["status", "events", "follow"];

/// What the server says first.
pub(super) fn hello() -> Vec<u8> {
    line(&json!({"synchronome": env!("CARGO_PKG_VERSION"), "schema": SCHEMA, "requests": REQUESTS}))
}

/// What to answer to the bytes so far.
pub(super) fn reply(input: &[u8], asked: &mut Asked<'_>) -> Reply {
    let Some(request) = request(input) else { return Reply::More };
    let number = request.strip_prefix(b"follow ").and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
    let next = match request {
        b"status" => return Reply::Done(line(asked.status())),
        b"events" => return Reply::Events { next: 0, goes_on: false },
        b"follow" => asked.answers.event_count() + 1,
        _ => match number {
            Some(number) => number,
            None => return Reply::Done(unknown(request, &REQUESTS.join(", "))),
        },
    };
    if asked.followers >= FOLLOWERS_MAX {
        let why = format!("{FOLLOWERS_MAX} others follow the events already: that is the most");
        return Reply::Done(line(&json!({"error": why})));
    }
    asked.followers += 1;
    Reply::Events { next, goes_on: true }
}

/// Some events, and before them how many were lost since `next`; `next` becomes the number after the last of them.
pub(super) fn events(next: &mut u64, events: &[EventRecord]) -> Vec<u8> {
    let (Some(first), Some(last)) = (events.first(), events.last()) else { return Vec::new() };
    // Who asks for all from the first on has lost nothing that he was promised.
    let lost = if *next == 0 { 0 } else { first.number.saturating_sub(*next) };
    let lost = if lost == 0 { Vec::new() } else { line(&json!({"lost": lost})) };
    *next = last.number + 1;
    std::iter::once(lost).chain(events.iter().map(line)).flatten().collect()
}

/// What the server says first on the control socket.
pub(super) fn hello_of_control() -> Vec<u8> {
    line(
        &json!({"synchronome": env!("CARGO_PKG_VERSION"), "schema": SCHEMA, "requests": ["record", "fetch", "offline", "online", "set_simulated"]}),
    )
}

/// What to answer to the bytes so far, on the control socket.
pub(super) fn reply_of_control(input: &[u8], asked: &mut Asked<'_>) -> Reply {
    let Some(request) = request(input) else { return Reply::More };
    let duration = request.strip_prefix(b"record ").and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
    let set = request.strip_prefix(b"set_simulated ").and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
    if let Some(milliseconds) = set {
        return Reply::Done(match asked.answers.obey(Order::SetSimulated(milliseconds)) {
            Ok(_) => line(&json!({"set_ms": milliseconds})),
            Err(error) => line(&json!({"error": error})),
        });
    }
    if let Some(order) = online(request) {
        return Reply::Done(match asked.answers.obey(order) {
            Ok(sources) => line(&json!({"sources": String::from_utf8_lossy(&sources)})),
            Err(error) => line(&json!({"error": error})),
        });
    }
    Reply::Done(match duration {
        Some(duration) => match asked.answers.obey(Order::Record(duration)) {
            Ok(_) => line(&json!({"recording_ms": duration})),
            Err(error) => line(&json!({"error": error})),
        },
        None if request == b"fetch" => match asked.answers.obey(Order::Fetch) {
            Ok(trace) => [line(&json!({"trace_bytes": trace.len()})), trace].concat(),
            Err(error) => line(&json!({"error": error})),
        },
        None => unknown(
            request,
            "record MILLISECONDS, fetch, offline [SOURCE], online [SOURCE], set_simulated MILLISECONDS",
        ),
    })
}

/// `offline`, `online ntp1.example.net`.
fn online(request: &[u8]) -> Option<Order> {
    let (word, source) = match std::str::from_utf8(request).ok()?.split_once(' ') {
        Some((word, source)) => (word, Some(source.to_owned())),
        None => (std::str::from_utf8(request).ok()?, None),
    };
    let is_online = match word {
        "online" => true,
        "offline" => false,
        _ => return None,
    };
    Some(Order::Online { is_online, source })
}

/// The first line, if it has ended.
fn request(input: &[u8]) -> Option<&[u8]> {
    let end = input.iter().position(|byte| *byte == b'\n')?;
    Some(input[..end].strip_suffix(b"\r").unwrap_or(&input[..end]))
}

fn unknown(request: &[u8], known: &str) -> Vec<u8> {
    let request = String::from_utf8_lossy(&request[..request.len().min(64)]);
    line(&json!({"error": format!("unknown request `{}`; there is: {known}", request.escape_debug())}))
}

/// The answer to a line without an end.
pub(super) fn too_long() -> Vec<u8> {
    line(&json!({"error": format!("a request has at most {REQUEST_BYTES_MAX} bytes")}))
}

fn line(value: &impl serde::Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).expect("plain data with names as keys");
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_is_told_once_and_before_what_follows() {
        let events = |numbers: &[u64]| -> Vec<EventRecord> {
            numbers.iter().map(|number| EventRecord { number: *number, ..EventRecord::default() }).collect()
        };
        let told = |next: &mut u64, numbers: &[u64]| -> Vec<serde_json::Value> {
            let text = String::from_utf8(super::events(next, &events(numbers))).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        let mut next = 5;
        assert_eq!(told(&mut next, &[]).len(), 0);
        let lines = told(&mut next, &[8, 9]);
        assert_eq!((&lines[0], &lines[1]["number"], lines.len()), (&json!({"lost": 3}), &json!(8), 3));
        assert_eq!((told(&mut next, &[10]).len(), next), (1, 11));
        let mut all = 0;
        assert_eq!((told(&mut all, &[8]).len(), all), (1, 9), "nothing was promised of those before");
    }

    #[test]
    fn servers_are_taken_offline_and_back_by_name_or_all_together() {
        let order =
            |is_online, source: Option<&str>| Some(Order::Online { is_online, source: source.map(str::to_owned) });
        assert_eq!(online(b"offline"), order(false, None));
        assert_eq!(online(b"online ntp1.example.net"), order(true, Some("ntp1.example.net")));
        assert_eq!(online(b"offline ntp 192.0.2.1"), order(false, Some("ntp 192.0.2.1")));
        assert_eq!([online(b"onlin"), online(b"status"), online(b"\xff")], [None, None, None]);
    }
}
