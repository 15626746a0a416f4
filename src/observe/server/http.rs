//! As much HTTP/1.1 as reading a few pages takes: GET and HEAD, no body, one request a connection.
//!
//! Written by hand around `httparse`, because servers to be had either bring an executor and threads of their own or
//! block; what is left for us is a table of pages and a few status codes.

use std::borrow::Cow;

use super::Asked;
use super::authority::{self, Asks};
use super::connection::{REQUEST_BYTES_MAX, Reply};
use super::page;
use crate::observe::health::{Code, Thresholds, verdict};
use crate::observe::metrics;

/// The most header fields of a request.
const HEADERS_MAX: usize = 64;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";

/// What there is.
const INDEX: &str = "\
synchronome

/         a page for a browser
/metrics  Prometheus metrics
/healthz  200 while the time is good, 503 while it is not, with the reason
/status   all that the daemon says of itself, as JSON
";

/// What to answer to the bytes so far.
pub(super) fn reply(input: &[u8], asked: &mut Asked<'_>) -> Reply {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(input) {
        Ok(httparse::Status::Partial) => return Reply::More,
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Reply::Done(too_long()),
        Err(error) => return Reply::Done(refusal("400 Bad Request", &format!("not HTTP/1.x: {error}"))),
    }
    // A complete request has all three.
    let (method, target) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
    let hosts = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("host")).count();
    if hosts > 1 || (hosts == 0 && request.version == Some(1)) {
        return Reply::Done(refusal("400 Bad Request", "one Host field is needed (RFC 9112 3.2)"));
    }
    // What is written into the target counts, and not the field (RFC 9112 3.2.2).
    let host = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("host"));
    let said = authority_of(target).map(str::as_bytes).or_else(|| host.map(|host| host.value));
    let Some(asks) = authority::of(said) else {
        return Reply::Done(refusal(
            "400 Bad Request",
            "the Host field is not a host with or without a port (RFC 9112 3.2)",
        ));
    };
    if !matches!(method, "GET" | "HEAD") {
        return Reply::Done(refusal("405 Method Not Allowed", "this can be read only: GET or HEAD"));
    }
    let (path, query) = path_and_query(target);
    if let Asks::ByName(name) = &asks
        && !is_open(path)
        && !asked.answers.is_called(name)
    {
        let why = format!(
            "this machine is not known by the name {name}: ask by its address, or list the name in observe.allowed_hosts"
        );
        return Reply::Done(refusal("421 Misdirected Request", &why));
    }
    let mut answer = answer_to(path, query, asked);
    if method == "HEAD" {
        answer.body_sent = false;
    }
    Reply::Done(answer.to_bytes())
}

/// The answer to a request that is too long.
pub(super) fn too_long() -> Vec<u8> {
    let why = format!("a request has at most {REQUEST_BYTES_MAX} bytes and {HEADERS_MAX} header fields");
    refusal("431 Request Header Fields Too Large", &why)
}

/// The authority of a target in absolute form (RFC 9112 3.2.2).
fn authority_of(target: &str) -> Option<&str> {
    let (_, rest) = target.split_once("://").filter(|_| !target.starts_with('/'))?;
    rest.split(['/', '?']).next()
}

/// Whether a path is answered by whatever name it is asked for. Programs ask for these, by the name that somebody gave them, and what is refused
/// to them is missed when it is needed; there is least in them that somebody elsewhere could want.
fn is_open(path: &str) -> bool {
    matches!(path, "/metrics" | "/healthz")
}

/// The path and the query of a target in origin form or absolute form (RFC 9112 3.2).
fn path_and_query(target: &str) -> (&str, &str) {
    let target = match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => rest.find('/').map_or("/", |slash| &rest[slash..]),
        _ => target,
    };
    target.split_once('?').unwrap_or((target, ""))
}

struct Answer {
    status: &'static str,
    content_type: &'static str,
    body: Cow<'static, str>,
    body_sent: bool,
    /// Content-Security-Policy; of what is no document it says that nothing may be made of it.
    policy: &'static str,
}

impl Answer {
    fn new(status: &'static str, content_type: &'static str, body: impl Into<Cow<'static, str>>) -> Self {
        Self { status, content_type, body: body.into(), body_sent: true, policy: "default-src 'none'" }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let Self { status, content_type, body, body_sent, policy } = self;
        let allow = if status.starts_with("405") { "Allow: GET, HEAD\r\n" } else { "" };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n{allow}\
             Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
             Cross-Origin-Resource-Policy: same-origin\r\nContent-Security-Policy: {policy}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let mut bytes = head.into_bytes();
        if *body_sent {
            bytes.extend_from_slice(body.as_bytes());
        }
        bytes
    }
}

fn refusal(status: &'static str, why: &str) -> Vec<u8> {
    Answer::new(status, TEXT, format!("{why}\n")).to_bytes()
}

fn exposition(asked: &mut Asked<'_>) -> String {
    let dialects = asked.answers.dialects();
    metrics::metrics(asked.figures(), &dialects)
}

/// The pages.
fn answer_to(path: &str, query: &str, asked: &mut Asked<'_>) -> Answer {
    match path {
        "/" => {
            let page::Page { text, policy } = page::page();
            Answer { policy, ..Answer::new("200 OK", HTML, text.as_str()) }
        }
        "/page.json" => Answer::new("200 OK", JSON, page::now(asked)),
        "/history.json" => Answer::new("200 OK", JSON, page::history(asked)),
        "/events.json" => Answer::new("200 OK", JSON, page::events(query, asked)),
        "/metrics" => Answer::new("200 OK", metrics::CONTENT_TYPE, exposition(asked)),
        "/status" => Answer::new("200 OK", JSON, page::json(asked.status())),
        "/healthz" => {
            let verdict = verdict(asked.figures(), &Thresholds::default());
            let is_good = matches!(verdict.code, Code::Ok | Code::Warning);
            let status = if is_good { "200 OK" } else { "503 Service Unavailable" };
            Answer::new(status, TEXT, verdict.line + "\n")
        }
        _ => Answer::new("404 Not Found", TEXT, format!("there is nothing here\n\n{INDEX}")),
    }
}
