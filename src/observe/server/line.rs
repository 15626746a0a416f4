//! The protocol of the unix socket: lines of JSON.
//!
//! ```text
//! server: {"synchronome":"0.1.0","schema":1,"requests":["status"]}
//! client: status
//! server: {"schema":1,"version":"0.1.0",...}        and closes
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
use super::{Asked, Order};
use crate::observe::status::SCHEMA;

/// What the server says first.
pub(super) fn hello() -> Vec<u8> {
    line(&json!({"synchronome": env!("CARGO_PKG_VERSION"), "schema": SCHEMA, "requests": ["status"]}))
}

/// What to answer to the bytes so far.
pub(super) fn reply(input: &[u8], asked: &mut Asked<'_>) -> Reply {
    let Some(request) = request(input) else { return Reply::More };
    Reply::Done(if request == b"status" { line(asked.status()) } else { unknown(request, "status") })
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
    fn servers_are_taken_offline_and_back_by_name_or_all_together() {
        let order =
            |is_online, source: Option<&str>| Some(Order::Online { is_online, source: source.map(str::to_owned) });
        assert_eq!(online(b"offline"), order(false, None));
        assert_eq!(online(b"online ntp1.example.net"), order(true, Some("ntp1.example.net")));
        assert_eq!(online(b"offline ntp 192.0.2.1"), order(false, Some("ntp 192.0.2.1")));
        assert_eq!([online(b"onlin"), online(b"status"), online(b"\xff")], [None, None, None]);
    }
}
