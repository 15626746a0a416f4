//! The protocol of the unix socket: lines of JSON.
//!
//! ```text
//! server: {"synchronome":"0.1.0","schema":1,"requests":["status"]}
//! client: status
//! server: {"schema":1,"version":"0.1.0",...}        and closes
//! ```
//! What is not understood is answered by `{"error":"..."}`.

use serde_json::json;

use super::Asked;
use super::connection::{REQUEST_BYTES_MAX, Reply};
use crate::observe::status::SCHEMA;

/// What the server says first.
pub(super) fn hello() -> Vec<u8> {
    line(&json!({"synchronome": env!("CARGO_PKG_VERSION"), "schema": SCHEMA, "requests": ["status"]}))
}

/// What to answer to the bytes so far.
pub(super) fn reply(input: &[u8], asked: &mut Asked<'_>) -> Reply {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else { return Reply::More };
    let request = input[..end].strip_suffix(b"\r").unwrap_or(&input[..end]);
    Reply::Done(if request == b"status" {
        line(asked.status())
    } else {
        let request = String::from_utf8_lossy(&request[..request.len().min(64)]);
        line(&json!({"error": format!("unknown request `{}`; there is: status", request.escape_debug())}))
    })
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
