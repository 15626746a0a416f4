//! The servers of the status from outside: real sockets, asked by good and by bad clients.

#[path = "observe/events.rs"]
mod events;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use synchronome::observe::client::{AskError, ask};
use synchronome::observe::render::{Style, render};
use synchronome::observe::status::{ClockStatus, SCHEMA};
use synchronome::observe::{
    Answers, BindError, CONNECTIONS_MAX, Observers, ObserversConfig, Order, REQUEST_BYTES_MAX, REQUEST_TIME_MAX, Status,
};
use synchronome::time::SyncState;
use tempfile::TempDir;

/// A daemon as far as it answers: a thread that polls until it is dropped.
struct Daemon {
    directory: TempDir,
    http: SocketAddr,
    asked: Arc<AtomicUsize>,
    stop: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl Daemon {
    fn start(status: Status) -> Self {
        Self::start_as(status, "")
    }

    /// One that is called so.
    fn start_as(status: Status, name: &'static str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let http = Some("127.0.0.1:0".parse().unwrap());
        let mut observers = Observers::bind(&ObserversConfig { socket: socket_in(&directory), http }).unwrap();
        let (stop, stopped) = UnixStream::pair().unwrap();
        let token = observers.watch(&stopped).unwrap();
        let (http, asked) = (observers.http_address().unwrap(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&asked);
        let thread = std::thread::spawn(move || {
            let mut called = Called { status, count, name };
            while !observers.poll(None, &mut called).unwrap().contains(&token) {}
            drop(stopped);
        });
        Self { directory, http, asked, stop: Some(stop), thread: Some(thread) }
    }

    fn socket(&self) -> PathBuf {
        socket_in(&self.directory)
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.http).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Sends a request and reads to the end.
    fn http(&self, request: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_ref()).unwrap();
        read_to_end(&mut stream)
    }

    fn get(&self, path: &str) -> String {
        self.http(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    }
}

/// Counts how often its status is asked for.
struct Called {
    status: Status,
    count: Arc<AtomicUsize>,
    name: &'static str,
}

impl Answers for Called {
    fn status(&mut self) -> Status {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.status.clone()
    }

    fn is_called(&mut self, name: &str) -> bool {
        name == self.name
    }

    fn obey(&mut self, _: Order) -> Result<Vec<u8>, String> {
        Err("nothing is recorded here".to_owned())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.stop.take());
        let joined = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            joined.unwrap();
        }
    }
}

fn socket_in(directory: &TempDir) -> PathBuf {
    directory.path().join("run/status.sock")
}

fn read_to_end(stream: &mut impl Read) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn status_line(answer: &str) -> &str {
    answer.lines().next().unwrap_or_default()
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no end of the head: {answer:?}")).1
}

fn locked() -> Status {
    Status {
        schema: SCHEMA,
        state: SyncState::Locked,
        state_since_s: 60.0,
        clock: ClockStatus {
            bound_s: Some(840e-9),
            last_sample_age_s: Some(0.25),
            lock_limit_s: 100e-6,
            ..ClockStatus::default()
        },
        ..Status::default()
    }
}

fn config(socket: &Path) -> ObserversConfig {
    ObserversConfig { socket: socket.to_owned(), http: None }
}

#[test]
fn the_status_comes_over_the_unix_socket_as_it_was_made() {
    let daemon = Daemon::start(locked());
    for _ in 0..3 {
        let (line, status) = ask(&daemon.socket()).unwrap();
        assert_eq!(status, locked());
        assert_eq!(serde_json::from_str::<Status>(&line).unwrap(), locked());
    }
    assert_eq!(daemon.asked.load(Ordering::Relaxed), 3);
}

#[test]
fn every_user_may_connect_and_the_hello_comes_unasked() {
    let daemon = Daemon::start(locked());
    let mode = std::fs::metadata(daemon.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o666);
    let mut stream = UnixStream::connect(daemon.socket()).unwrap();
    let mut hello = [0; 256];
    let read = stream.read(&mut hello).unwrap();
    let hello: serde_json::Value = serde_json::from_slice(&hello[..read]).unwrap();
    assert_eq!(hello["schema"], SCHEMA);
    assert_eq!(daemon.asked.load(Ordering::Relaxed), 0, "no status is made before somebody asks");
}

#[test]
fn other_requests_are_answered_by_an_error() {
    let daemon = Daemon::start(locked());
    let long = vec![b'x'; REQUEST_BYTES_MAX + 100];
    for (request, expected) in [
        (&b"frobnicate\n"[..], "unknown request `frobnicate`"),
        (b"\n", "unknown request ``"),
        (b"\xff\x00\x1b[2J\n", "unknown request `"),
        (&long, "at most 4096 bytes"),
    ] {
        let mut stream = UnixStream::connect(daemon.socket()).unwrap();
        stream.write_all(request).unwrap();
        let answer = read_to_end(&mut stream);
        let error: serde_json::Value = serde_json::from_str(answer.lines().nth(1).unwrap()).unwrap();
        let error = error["error"].as_str().unwrap();
        assert!(error.contains(expected) && !error.contains('\x1b'), "{error}");
    }
}

#[test]
fn a_request_may_come_byte_by_byte_and_with_a_carriage_return() {
    let daemon = Daemon::start(locked());
    let mut stream = UnixStream::connect(daemon.socket()).unwrap();
    for byte in b"status\r\n" {
        stream.write_all(&[*byte]).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    let answer = read_to_end(&mut stream);
    assert_eq!(serde_json::from_str::<Status>(answer.lines().nth(1).unwrap()).unwrap(), locked());
}

#[test]
fn the_socket_file_of_a_dead_daemon_is_replaced_and_of_a_living_one_not() {
    let daemon = Daemon::start(locked());
    let socket = daemon.socket();
    let error = Observers::bind(&config(&socket)).unwrap_err();
    assert!(matches!(&error, BindError::Running(path) if *path == socket), "{error}");
    assert!(error.to_string().contains("status.sock") && error.to_string().contains("observe.runtime_directory"));
    assert!(ask(&socket).is_ok(), "the living one goes on");
    drop(daemon);

    let directory = tempfile::tempdir().unwrap();
    let stale = directory.path().join("status.sock");
    drop(UnixListener::bind(&stale).unwrap());
    assert!(matches!(ask(&stale), Err(AskError::NotRunning(_))));
    drop(Observers::bind(&config(&stale)).unwrap());
    assert!(!stale.exists(), "its file goes with it");

    std::fs::write(&stale, "precious").unwrap();
    let error = Observers::bind(&config(&stale)).unwrap_err();
    assert!(matches!(error, BindError::Occupied(_)), "{error}");
    assert_eq!(std::fs::read_to_string(&stale).unwrap(), "precious");
}

#[test]
fn the_socket_file_of_a_successor_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("status.sock");
    let first = Observers::bind(&config(&path)).unwrap();
    std::fs::remove_file(&path).unwrap();
    let second = Observers::bind(&config(&path)).unwrap();
    drop(first);
    assert!(path.exists());
    drop(second);
    assert!(!path.exists());
}

#[test]
fn an_address_that_is_taken_or_absent_is_named_with_the_remedy() {
    let daemon = Daemon::start(locked());
    let directory = tempfile::tempdir().unwrap();
    let bind = |address: &str| {
        let http = Some(address.parse().unwrap());
        Observers::bind(&ObserversConfig { socket: directory.path().join("status.sock"), http }).unwrap_err()
    };
    let taken = daemon.http.to_string();
    for (address, expected) in [(taken.as_str(), "another process"), ("192.0.2.1:9319", "no such address")] {
        let error = bind(address).to_string();
        assert!(error.contains(address) && error.contains(expected) && error.contains("observe.http"), "{error}");
    }
    assert!(!directory.path().join("status.sock").exists(), "nothing is left of a start that failed");
}

#[test]
fn each_page_is_served_with_its_type() {
    let daemon = Daemon::start(locked());
    for (path, content_type, expected) in [
        ("/", "text/html; charset=utf-8", "<!doctype html>"),
        ("/page.json", "application/json", "\"headline\":\"time correct to within 840 ns"),
        ("/history.json", "application/json", "{\"points\":[]}"),
        ("/events.json?from=7", "application/json", "{\"events\":[]}"),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8", "synchronome_clock_error_bound_seconds"),
        ("/metrics?name=x", "text/plain; version=0.0.4; charset=utf-8", "synchronome_uptime_seconds"),
        ("/status", "application/json", "\"state\":\"LOCKED\""),
        ("/healthz", "text/plain; charset=utf-8", "OK: time correct to within 840 ns"),
        ("http://somewhere/healthz", "text/plain; charset=utf-8", "OK: time correct to within 840 ns"),
        ("http://192.0.2.1:9319", "text/html; charset=utf-8", "<!doctype html>"),
    ] {
        let answer = daemon.get(path);
        assert_eq!(status_line(&answer), "HTTP/1.1 200 OK", "{path}");
        assert!(answer.contains(&format!("\r\nContent-Type: {content_type}\r\n")), "{answer}");
        assert!(answer.contains(&format!("\r\nContent-Length: {}\r\n", body(&answer).len())), "{answer}");
        for always in [
            "Connection: close",
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
            "Content-Security-Policy: default-src 'none'",
        ] {
            assert!(answer.contains(&format!("\r\n{always}")), "{answer}");
        }
        assert!(body(&answer).contains(expected), "{answer}");
    }
}

/// What stands between a start and an end that come once each.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    assert_eq!((text.matches(start).count(), text.matches(end).count()), (1, 1), "{start}");
    text.split_once(start).unwrap().1.split_once(end).unwrap().0
}

#[test]
fn of_the_page_its_own_style_and_script_may_run_and_nothing_else() {
    let daemon = Daemon::start(locked());
    let page = daemon.get("/");
    let policy = between(&page, "Content-Security-Policy: ", "\r\nConnection:");
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    let (style, script) = (between(&page, "<style>", "</style>"), between(&page, "<script>", "</script>"));
    let mut parts = policy.split("; ");
    assert_eq!(parts.next(), Some("default-src 'none'"));
    assert!(policy.contains(&format!("; style-src 'sha256-{}';", hash(style))), "{policy}");
    assert!(policy.contains(&format!("; script-src 'sha256-{}';", hash(script))), "{policy}");
    assert!(policy.contains("; connect-src 'self';") && policy.ends_with("; frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"), "{policy}");
    assert!(page.len() < 40_000, "{} bytes", page.len());
}

#[test]
fn the_page_is_told_the_words_of_the_status_and_the_figures_that_it_draws() {
    let status = Status { generated_at: "2026-02-28T23:59:59.000Z".to_owned(), ..locked() };
    let daemon = Daemon::start(status.clone());
    let told: serde_json::Value = serde_json::from_str(body(&daemon.get("/page.json"))).unwrap();
    let text = render(&status, Style { colour: false, unicode: true });
    for words in
        [&told["words"]["headline"], &told["words"]["bound"], &told["words"]["clock"][0], &told["words"]["about"]]
    {
        assert!(text.contains(words.as_str().unwrap()), "{words} in\n{text}");
    }
    assert_eq!(told["state"], "LOCKED");
    assert_eq!(told["clock"], serde_json::to_value(&status.clock).unwrap());
    assert_eq!(told["event_count"], 0);
}

#[test]
fn the_probe_fails_while_the_time_is_not_good() {
    let lost = Status { state: SyncState::Freerun, reason: "the bound is beyond use".to_owned(), ..locked() };
    let daemon = Daemon::start(lost);
    let answer = daemon.get("/healthz");
    assert_eq!(status_line(&answer), "HTTP/1.1 503 Service Unavailable");
    assert!(body(&answer).starts_with("CRITICAL: the bound is beyond use; "), "{answer}");
    let holdover = Daemon::start(Status { state: SyncState::Holdover, ..locked() });
    assert_eq!(status_line(&holdover.get("/healthz")), "HTTP/1.1 200 OK", "a warning is no reason to restart");
}

#[test]
fn head_gets_the_head_of_the_same_answer() {
    let daemon = Daemon::start(locked());
    for path in ["/", "/page.json", "/history.json", "/status", "/healthz", "/nothing"] {
        let whole = daemon.get(path);
        let head = daemon.http(format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        assert_eq!(head, whole.strip_suffix(body(&whole)).unwrap(), "{path}");
        assert!(!body(&whole).is_empty());
    }
}

#[test]
fn what_is_not_understood_is_refused_by_its_code() {
    let daemon = Daemon::start(locked());
    let many = "h: v\r\n".repeat(100);
    for (request, expected) in [
        ("GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), "404 Not Found"),
        ("GET /page.json/ HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), "404 Not Found"),
        ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".to_owned(), "405 Method Not Allowed"),
        ("PUT /events.json HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), "405 Method Not Allowed"),
        ("OPTIONS /page.json HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), "405 Method Not Allowed"),
        ("GET //metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), "404 Not Found"),
        (
            "POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc".to_owned(),
            "405 Method Not Allowed",
        ),
        ("get / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), "405 Method Not Allowed"),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "400 Bad Request"),
        ("GET /metrics HTTP/1.1\r\nHost: a b\r\n\r\n".to_owned(), "400 Bad Request"),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nhost: y\r\n\r\n".to_owned(), "400 Bad Request"),
        ("GET / HTTP/9.9\r\nHost: localhost\r\n\r\n".to_owned(), "400 Bad Request"),
        ("GET / HTTP/1.1\r\nHost x\r\n\r\n".to_owned(), "400 Bad Request"),
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"), "431 Request Header Fields Too Large"),
        ("GET / HTTP/1.0\r\n\r\n".to_owned(), "200 OK"),
    ] {
        let answer = daemon.http(&request);
        assert_eq!(status_line(&answer), format!("HTTP/1.1 {expected}"), "{request}");
        assert_eq!(expected.starts_with("405"), answer.contains("\r\nAllow: GET, HEAD\r\n"), "{answer}");
    }
}

#[test]
fn a_page_of_elsewhere_that_lets_its_name_lead_here_reads_nothing() {
    let daemon = Daemon::start_as(locked(), "clock.example.net");
    let code = |path: &str, host: &str| {
        let answer = daemon.http(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        (status_line(&answer)["HTTP/1.1 ".len()..][..3].to_owned(), answer)
    };
    for path in ["/", "/page.json", "/history.json", "/events.json", "/events.json?from=1", "/status"] {
        for host in ["evil.example:9319", "127.0.0.1.evil.example", "a.clock.example.net"] {
            let (refused, answer) = code(path, host);
            assert_eq!(refused, "421", "{path} {host}");
            assert!(body(&answer).ends_with("observe.allowed_hosts\n") && !answer.contains("LOCKED"), "{answer}");
        }
        for host in ["127.0.0.1:9319", "[::1]:9319", "localhost:9319", "CLOCK.example.net.:9319", ""] {
            assert_eq!(code(path, host).0, "200", "{path} {host}");
        }
    }
    for path in ["/metrics", "/healthz"] {
        assert_eq!(code(path, "any.name.example").0, "200", "{path}");
    }
    // The target's own word counts, either way.
    assert_eq!(code("http://evil.example/status", "localhost").0, "421");
    assert_eq!(code("http://localhost:9319/status", "evil.example").0, "200");
    assert_eq!(status_line(&daemon.http("GET /status HTTP/1.0\r\n\r\n")), "HTTP/1.1 200 OK");
}

#[test]
fn a_header_of_any_length_gets_its_refusal_whole() {
    let daemon = Daemon::start(locked());
    let head = "GET / HTTP/1.1\r\nHost: localhost\r\nX: ";
    let request = |len: usize| format!("{head}{}\r\n\r\n", "a".repeat(len - head.len() - 4));
    assert_eq!(status_line(&daemon.http(request(REQUEST_BYTES_MAX))), "HTTP/1.1 200 OK");
    for len in [REQUEST_BYTES_MAX + 1, 2 * REQUEST_BYTES_MAX, 40_000] {
        let answer = daemon.http(request(len));
        assert_eq!(status_line(&answer), "HTTP/1.1 431 Request Header Fields Too Large", "{len}");
        assert!(body(&answer).contains("at most 4096 bytes"), "{answer}");
    }
}

#[test]
fn binary_garbage_is_refused_and_harms_nobody() {
    let daemon = Daemon::start(locked());
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..200 {
        let garbage: Vec<u8> = (0..=round * 17 % 600)
            .map(|_| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random as u8
            })
            .collect();
        let mut stream = daemon.connect();
        // The server may refuse and close before all is written, which is its right.
        let _ = stream.write_all(&garbage).and_then(|()| stream.shutdown(std::net::Shutdown::Write));
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    assert_eq!(status_line(&daemon.get("/healthz")), "HTTP/1.1 200 OK");
}

#[test]
fn who_drips_his_request_is_cut_off_while_others_are_answered() {
    let daemon = Daemon::start(locked());
    let start = Instant::now();
    let mut slow = daemon.connect();
    let mut request = b"GET /status HTTP/1.1\r\n".iter().chain(b"X: a\r\n".iter().cycle());
    // Writes fail some time after the server has closed.
    while slow.write_all(&[*request.next().unwrap()]).is_ok() {
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(status_line(&daemon.get("/healthz")), "HTTP/1.1 200 OK");
        assert!(start.elapsed() < 3 * REQUEST_TIME_MAX, "never cut off");
    }
    assert!(start.elapsed() >= REQUEST_TIME_MAX, "cut off too early");
}

#[test]
fn who_finds_no_slot_waits_and_the_other_server_is_not_touched() {
    let daemon = Daemon::start(locked());
    let idle: Vec<_> = (0..CONNECTIONS_MAX).map(|_| daemon.connect()).collect();
    // All are accepted before the next one comes, in the order in which they came.
    std::thread::sleep(Duration::from_millis(200));
    let mut waiting = daemon.connect();
    waiting.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    waiting.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let error = waiting.read(&mut [0; 16]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "no slot, no answer: {error}");
    assert!(ask(&daemon.socket()).is_ok(), "the unix socket has slots of its own");
    waiting.set_read_timeout(Some(2 * REQUEST_TIME_MAX)).unwrap();
    assert_eq!(status_line(&read_to_end(&mut waiting)), "HTTP/1.1 200 OK", "served when the idle ones are cut off");
    drop(idle);
}

#[test]
fn a_crowd_larger_than_the_slots_is_served_to_the_last() {
    let daemon = Daemon::start(locked());
    let mut crowd: Vec<_> = (0..4 * CONNECTIONS_MAX).map(|_| daemon.connect()).collect();
    for stream in crowd.iter_mut().rev() {
        stream.write_all(b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    }
    for stream in &mut crowd {
        assert_eq!(status_line(&read_to_end(stream)), "HTTP/1.1 200 OK");
    }
    assert!(daemon.asked.load(Ordering::Relaxed) <= crowd.len());
}

#[test]
fn an_answer_larger_than_the_buffers_of_the_kernel_arrives_whole() {
    let large = Status { lacks: vec!["x".repeat(1_000); 8_000], ..locked() };
    let daemon = Daemon::start(large.clone());
    let mut stream = daemon.connect();
    stream.write_all(b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    // The server has to wait for us with the rest.
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(status_line(&daemon.get("/")), "HTTP/1.1 200 OK");
    let answer = read_to_end(&mut stream);
    assert_eq!(serde_json::from_str::<Status>(body(&answer)).unwrap(), large);
}

#[test]
fn watched_descriptors_wake_by_their_token_and_the_timeout_by_none() {
    let directory = tempfile::tempdir().unwrap();
    let mut observers = Observers::bind(&config(&directory.path().join("status.sock"))).unwrap();
    let (mut ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    let (_idle, other) = UnixStream::pair().unwrap();
    ours.write_all(b"before").unwrap();
    let token = observers.watch(&theirs).unwrap();
    let other = observers.watch(&other).unwrap();
    assert_ne!(token, other);
    let mut nobody = || -> Status { panic!("nobody asked") };
    for _ in 0..2 {
        let woken = observers.poll(Some(Duration::from_secs(5)), &mut nobody).unwrap();
        assert_eq!(woken, [token], "also by what was there before");
        while theirs.read(&mut [0; 4]).is_ok_and(|read| read > 0) {}
        let start = Instant::now();
        assert_eq!(observers.poll(Some(Duration::from_millis(50)), &mut nobody).unwrap(), []);
        assert!(start.elapsed() >= Duration::from_millis(45));
        ours.write_all(b"again").unwrap();
    }
}

#[test]
fn the_status_is_made_once_for_all_who_ask_together() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("status.sock");
    let mut observers = Observers::bind(&config(&path)).unwrap();
    let mut askers: Vec<_> = (0..5).map(|_| UnixStream::connect(&path).unwrap()).collect();
    for asker in &mut askers {
        asker.write_all(b"status\n").unwrap();
    }
    let mut made = 0;
    let mut make = || {
        made += 1;
        locked()
    };
    observers.poll(Some(Duration::from_secs(5)), &mut make).unwrap();
    for asker in &mut askers {
        assert_eq!(read_to_end(asker).lines().count(), 2);
    }
    assert_eq!(made, 1);
}

#[test]
fn what_answers_wrongly_is_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let serve = |name: &str, says: &'static [u8], wait: Duration| {
        let path = directory.path().join(name);
        let listener = UnixListener::bind(&path).unwrap();
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(says).unwrap();
            std::thread::sleep(wait);
        });
        (path, thread)
    };
    let hello = b"{\"synchronome\":\"9.9\",\"schema\":99}\n";
    let (path, thread) = serve("schema", hello, Duration::ZERO);
    assert!(matches!(ask(&path), Err(AskError::Schema { schema: 99, .. })));
    thread.join().unwrap();
    let (path, thread) = serve("garbage", b"SSH-2.0-x\r\n", Duration::ZERO);
    assert!(matches!(ask(&path), Err(AskError::Garbled { .. })));
    thread.join().unwrap();
    let (path, thread) = serve("short", b"{\"synchronome\"", Duration::ZERO);
    assert!(matches!(ask(&path), Err(AskError::Garbled { .. })));
    thread.join().unwrap();
    let (path, thread) = serve("silent", b"", Duration::from_secs(7));
    let start = Instant::now();
    assert!(matches!(ask(&path), Err(AskError::Silent(_))));
    assert!(start.elapsed() < Duration::from_secs(7), "gives up before a monitoring system does");
    thread.join().unwrap();
}

fn synchronome(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_synchronome"));
    command.args(arguments).env("LC_ALL", "C.UTF-8").output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn the_commands_show_and_judge_a_running_daemon() {
    let daemon = Daemon::start(locked());
    let socket = daemon.socket();
    let socket = socket.to_str().unwrap();
    let status = synchronome(&["status", "--socket", socket]);
    assert_eq!(status.status.code(), Some(0));
    let headline = "time correct to within 840 ns (limit 100 us), LOCKED 1m00s, last sample 0.2 s ago";
    assert_eq!(text(&status.stdout).lines().next(), Some(format!("● {headline}").as_str()));
    let json = synchronome(&["status", "--json", "--socket", socket]);
    assert_eq!(serde_json::from_slice::<Status>(&json.stdout).unwrap(), locked());
    let health = synchronome(&["health", "--socket", socket]);
    assert_eq!(health.status.code(), Some(0));
    let expected = format!("OK: {headline} | bound=0.00000084s;0.0001;0.001;0 last_sample_age=0.25s;;60;0\n");
    assert_eq!(text(&health.stdout), expected);
    let strict = synchronome(&["health", "--warn", "100ns", "--crit", "500ns", "--json", "--socket", socket]);
    assert_eq!(strict.status.code(), Some(2));
    let json: serde_json::Value = serde_json::from_slice(&strict.stdout).unwrap();
    assert_eq!((&json["code"], &json["word"], &json["bound_s"]), (&2.into(), &"CRITICAL".into(), &840e-9.into()));
}

#[test]
fn without_a_daemon_the_commands_say_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("status.sock");
    let socket = socket.to_str().unwrap();
    let status = synchronome(&["status", "--socket", socket]);
    assert_eq!(status.status.code(), Some(1));
    let said = text(&status.stderr);
    assert!(said.contains("not running") && said.contains(socket) && said.contains("synchronome run"), "{said}");
    assert!(status.stdout.is_empty());
    let health = synchronome(&["health", "--socket", socket]);
    assert_eq!(health.status.code(), Some(3));
    assert!(text(&health.stdout).starts_with("UNKNOWN: the daemon is not running"), "{health:?}");
    assert_eq!(text(&health.stdout).lines().count(), 1);
    let json = synchronome(&["health", "--json", "--socket", socket]);
    assert_eq!(json.status.code(), Some(3));
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&json.stdout).unwrap()["word"], "UNKNOWN");
}
