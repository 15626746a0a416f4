//! Events over the status socket: pushed to who follows, bounded for who is slow.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use synchronome::observe::client::{Ask, AskError, Told, events};
use synchronome::observe::{
    Answers, Change, EVENTS_KEPT_MAX, EventKind, EventRecord, Events, FOLLOWERS_MAX, Level, Observers, ObserversConfig,
    Order, Status, Topic,
};
use synchronome::time::Timestamp;
use tempfile::TempDir;

/// Who knows the events.
#[derive(Default)]
struct Keeper(Events);

impl Answers for Keeper {
    fn status(&mut self) -> Status {
        super::locked()
    }

    fn events_since(&mut self, number: u64, most: usize) -> Vec<EventRecord> {
        self.0.since(number, most, Timestamp::EPOCH)
    }

    fn event_count(&mut self) -> u64 {
        self.0.count()
    }

    fn obey(&mut self, _: Order) -> Result<Vec<u8>, String> {
        Err("not here".to_owned())
    }
}

/// A daemon in which as many events happen as it is told.
struct Daemon {
    directory: TempDir,
    wanted: Arc<AtomicU64>,
    happened: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Daemon {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = super::socket_in(&directory);
        let mut observers = Observers::bind(&ObserversConfig { socket, http: None }).unwrap();
        let (wanted, happened, stop) = <(Arc<AtomicU64>, Arc<AtomicU64>, Arc<AtomicBool>)>::default();
        let (told, done, ended) = (Arc::clone(&wanted), Arc::clone(&happened), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let mut keeper = Keeper::default();
            while !ended.load(Ordering::Acquire) {
                observers.poll(Some(Duration::from_millis(5)), &mut keeper).unwrap();
                while keeper.0.count() < told.load(Ordering::Acquire) {
                    let change = Change::of(EventKind::State, "system").from_to("LOCKED", "HOLDOVER").because("a test");
                    let at = (Timestamp::EPOCH, Timestamp::EPOCH);
                    keeper.0.record_change(at, (Level::Warn, Topic::Clock), change, "it happened", &[]);
                }
                observers.push_events(&mut keeper);
                done.store(keeper.0.count(), Ordering::Release);
            }
        });
        Self { directory, wanted, happened, stop, thread: Some(thread) }
    }

    /// Lets so many more events happen, and returns when they have.
    fn happen(&self, more: u64) {
        let wanted = self.wanted.fetch_add(more, Ordering::AcqRel) + more;
        let start = Instant::now();
        while self.happened.load(Ordering::Acquire) < wanted {
            assert!(start.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn ask(&self, request: &str) -> BufReader<UnixStream> {
        let mut stream = UnixStream::connect(super::socket_in(&self.directory)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(format!("{request}\n").as_bytes()).unwrap();
        let mut lines = BufReader::new(stream);
        let hello = line(&mut lines);
        assert_eq!(hello["requests"], serde_json::json!(["status", "events", "follow"]));
        lines
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let joined = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            joined.unwrap();
        }
    }
}

fn line(lines: &mut BufReader<UnixStream>) -> Value {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
}

/// The golden form of an event: a name that changes here breaks somebody's monitoring.
#[test]
fn an_event_has_the_names_of_the_manual() {
    let daemon = Daemon::start();
    daemon.happen(1);
    let mut text = String::new();
    daemon.ask("events").read_line(&mut text).unwrap();
    let expected = r#"{"number":1,"at":"1970-01-01T00:00:00.000Z","age_s":0.0,"level":"warn","topic":"clock","kind":"state","subject":"system","old":"LOCKED","new":"HOLDOVER","reason":"a test","text":"it happened","fields":{}}"#;
    assert_eq!(text.trim_end(), expected);
}

#[test]
fn all_that_are_kept_are_handed_out_and_the_connection_ends() {
    let daemon = Daemon::start();
    daemon.happen(EVENTS_KEPT_MAX as u64 + 5);
    let mut numbers = Vec::new();
    let socket = super::socket_in(&daemon.directory);
    let outcome = events(&socket, Ask::Kept, |_, told| match told {
        Told::Event(event) => {
            numbers.push(event.number);
            true
        }
        Told::Lost(lost) => panic!("{lost} are lost"),
    });
    outcome.unwrap();
    assert_eq!((numbers.len(), numbers[0], numbers.last()), (EVENTS_KEPT_MAX, 6, Some(&1029)));
    assert!(numbers.is_sorted());
}

#[test]
fn who_follows_is_handed_each_event_as_it_happens() {
    let daemon = Daemon::start();
    daemon.happen(3);
    let [mut new, mut all] = ["follow", "follow 2"].map(|request| daemon.ask(request));
    assert_eq!([line(&mut all)["number"].as_u64(), line(&mut all)["number"].as_u64()], [Some(2), Some(3)]);
    // The status is answered meanwhile.
    super::ask(&super::socket_in(&daemon.directory)).unwrap();
    for number in 4..20 {
        daemon.happen(1);
        assert_eq!([&mut new, &mut all].map(|lines| line(lines)["number"].as_u64()), [Some(number); 2]);
    }
}

#[test]
fn who_reads_too_slowly_is_told_how_many_are_lost_and_costs_no_memory() {
    let daemon = Daemon::start();
    let mut slow = daemon.ask("follow 1");
    // Far more than the kernel keeps of a socket.
    let many = 8 * EVENTS_KEPT_MAX as u64;
    for _ in 0..many / 256 {
        daemon.happen(256);
    }
    let (mut expected, mut lost) = (1, 0);
    while expected <= many {
        let told = line(&mut slow);
        if let Some(number) = told["lost"].as_u64() {
            (expected, lost) = (expected + number, lost + number);
            continue;
        }
        assert_eq!(told["number"].as_u64(), Some(expected), "none is missing beside those that are told");
        expected += 1;
    }
    assert!(lost > 0, "all {many} went through");
}

#[test]
fn only_so_many_follow_and_who_has_gone_leaves_his_place() {
    let daemon = Daemon::start();
    let mut followers: Vec<_> = (0..FOLLOWERS_MAX).map(|_| daemon.ask("follow")).collect();
    let socket = super::socket_in(&daemon.directory);
    let refused = || events(&socket, Ask::Coming, |_, _| false);
    assert!(matches!(refused(), Err(AskError::Refused(why)) if why.contains("follow the events already")));
    super::ask(&socket).unwrap();
    drop(followers.pop());
    // That he has gone is seen in a moment.
    let start = Instant::now();
    loop {
        let mut again = daemon.ask("follow");
        daemon.happen(1);
        let first = line(&mut again);
        if first["number"].is_u64() {
            break;
        }
        assert!(first["error"].is_string() && start.elapsed() < Duration::from_secs(20), "{first}");
    }
}
