//! What the engines do is kept for a while, and written to a file when something goes wrong, or when somebody asks.
//!
//! All of it on the control thread, which alone touches files; a file is written by a thread of its own, since disks are
//! slow. Kept is as much as the configuration says (`trace.keep`), nothing by default: then an engine's step costs one
//! load more.
//!
//! Who asks (`synchronome record`) gets the file's bytes over the control socket and writes them himself: no path of his
//! is opened with our rights. Where nothing is kept, recording begins with his question, and ends with his fetching it
//! or some time after he should have.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use crate::clock::CascadeNotice;
use crate::config::TraceConfig;
use crate::discipline::Notice;
use crate::engine::{EngineKind, Recorder};
use crate::ptp::PortState;
use crate::runtime::events::Event;
use crate::runtime::privileges::{ThreadKind, confine};
use crate::time::{Duration, Mono, SyncState, Timestamp, Utc};
use crate::trace::{Collector, Origin};

/// Kept while somebody records, if the configuration keeps less.
pub const ASKED_BYTES_MAX: usize = 64 << 20;
/// The longest recording that can be asked for.
pub const ASKED_TIME_MAX: Duration = Duration::from_secs(3_600);
/// A recording that is not fetched so long after its time is over is forgotten.
const FETCH_TIME_MAX: Duration = Duration::from_secs(60);
/// The most files that one run of the daemon writes because of faults.
pub const FAULT_FILES_MAX: u32 = 16;
/// The shortest time between two of them.
const FAULT_PAUSE: Duration = Duration::from_secs(600);
/// What came of the fault is recorded too.
const FAULT_AFTERMATH: Duration = Duration::from_secs(5);

/// A fault whose file is still to be written.
#[derive(Debug)]
struct Fault {
    what: &'static str,
    write_at: Timestamp<Mono>,
}

/// See the module's text.
#[derive(Debug)]
pub struct Traces {
    collector: Collector,
    config: TraceConfig,
    /// Until when somebody's recording is kept for him.
    asked_until: Option<Timestamp<Mono>>,
    fault: Option<Fault>,
    next_fault_at: Timestamp<Mono>,
    files: u32,
    writing: Option<JoinHandle<Result<PathBuf, String>>>,
}

impl Traces {
    /// Keeps what the configuration says, from the first step on.
    pub fn new(config: &TraceConfig, now: Timestamp<Mono>) -> Self {
        let mut collector = Collector::new(kept(config));
        if config.keep_bytes > 0 {
            collector.start();
        }
        Self {
            collector,
            config: config.clone(),
            asked_until: None,
            fault: None,
            next_fault_at: now,
            files: 0,
            writing: None,
        }
    }

    /// For an engine of this name.
    pub fn stream(&mut self, name: &str, kind: EngineKind) -> Recorder {
        self.collector.stream(name, kind)
    }

    /// Whether the engines are recorded at the moment.
    pub fn is_on(&self) -> bool {
        self.collector.is_on()
    }

    /// Somebody wants a recording of `duration`.
    pub fn ask(&mut self, now: Timestamp<Mono>, duration: Duration) {
        self.asked_until = Some(now + duration.min(ASKED_TIME_MAX) + FETCH_TIME_MAX);
        if !self.collector.is_on() {
            self.collector.start();
        }
    }

    /// Everything that is kept, as a file.
    pub fn fetch(&mut self) -> Vec<u8> {
        self.collector.collect();
        let file = self.collector.file(Origin::Host);
        self.asked_until = None;
        self.rest();
        file
    }

    /// Records no more, if it is only for somebody who has gone.
    fn rest(&mut self) {
        if self.config.keep_bytes == 0 {
            self.collector.stop();
            self.collector.forget();
        }
    }

    /// An event that may be a fault. Only the first of several counts.
    pub fn hear(&mut self, now: Timestamp<Mono>, event: &Event) {
        let may_write = self.config.keep_bytes > 0 && self.config.on_fault && self.files < FAULT_FILES_MAX;
        if may_write
            && self.fault.is_none()
            && now >= self.next_fault_at
            && let Some(what) = fault(event)
        {
            self.fault = Some(Fault { what, write_at: now + FAULT_AFTERMATH });
        }
    }

    /// Goes round: takes what was said, writes what is due. Returns what an operator should know.
    pub fn turn(&mut self, now: Timestamp<Mono>, utc: Timestamp<Utc>) -> Option<Result<String, String>> {
        self.collector.collect();
        if self.asked_until.is_some_and(|until| now >= until) {
            self.asked_until = None;
            self.rest();
        }
        if let Some(Fault { what, .. }) = self.fault.take_if(|fault| now >= fault.write_at && self.writing.is_none()) {
            self.next_fault_at = now + FAULT_PAUSE;
            self.files += 1;
            let name = format!("{}-{what}.trace", utc.seconds());
            let (path, file) = (self.config.directory.join(name), self.collector.file(Origin::Host));
            let writing = std::thread::Builder::new().name("trace".to_owned()).spawn(move || {
                confine(ThreadKind::Trace);
                store(&path, &file).map(|()| path.clone()).map_err(|error| format!("{}: {error}", path.display()))
            });
            match writing {
                Ok(writing) => self.writing = Some(writing),
                Err(error) => return Some(Err(format!("no trace of this: {error}"))),
            }
        }
        let written = self.writing.take_if(|writing| writing.is_finished())?.join().ok()?;
        Some(match written {
            Ok(path) => Ok(format!("a trace of what led to this: {} (synchronome replay)", path.display())),
            Err(problem) => Err(format!("no trace of this: {problem}")),
        })
    }
}

/// The bytes that are kept at most.
fn kept(config: &TraceConfig) -> usize {
    if config.keep_bytes == 0 { ASKED_BYTES_MAX } else { config.keep_bytes }
}

/// What went wrong, in a word for a file's name; `None` if nothing did.
fn fault(event: &Event) -> Option<&'static str> {
    match event {
        Event::Clock(CascadeNotice::Discipline(_, notice)) => match notice {
            Notice::State { from: SyncState::Locked, .. } => Some("lock-lost"),
            Notice::Contradiction => Some("contradiction"),
            Notice::Panic(_) => Some("panic"),
            _ => None,
        },
        Event::Clock(CascadeNotice::Jumped(..)) => Some("clock-jumped"),
        Event::PortState { to: PortState::Faulty, .. } => Some("port-faulty"),
        _ => None,
    }
}

/// Packets of others are in it: for the owner alone.
fn store(path: &Path, file: &[u8]) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let mut out = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    out.write_all(file)?;
    out.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ptp::StateReason;
    use crate::time::ClockId;

    fn at(seconds: i64) -> Timestamp<Mono> {
        Timestamp::from_secs(seconds)
    }

    fn config(directory: &Path, keep_bytes: usize) -> TraceConfig {
        TraceConfig { keep_bytes, on_fault: true, directory: directory.to_owned() }
    }

    const FAULTY: Event =
        Event::PortState { port: 0, from: PortState::Slave, to: PortState::Faulty, reason: StateReason::LinkDown };

    /// Goes round until a file is written, or nothing is to be expected.
    fn told(traces: &mut Traces, now: Timestamp<Mono>) -> Option<Result<String, String>> {
        (0..500).find_map(|_| {
            let told = traces.turn(now, Timestamp::from_secs(1_800_000_000));
            if told.is_none() && traces.writing.is_none() {
                return Some(None);
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
            told.map(Some)
        })?
    }

    #[test]
    fn a_fault_is_written_once_with_what_came_of_it_and_the_next_one_much_later() {
        let directory = tempfile::tempdir().unwrap();
        let mut traces = Traces::new(&config(directory.path(), 1 << 20), at(0));
        traces.hear(at(100), &FAULTY);
        assert_eq!(told(&mut traces, at(101)), None, "what comes of it is still to be recorded");
        let told_of = told(&mut traces, at(106)).unwrap().unwrap();
        assert!(told_of.contains("1800000000-port-faulty.trace"), "{told_of}");
        let file = fs::read(directory.path().join("1800000000-port-faulty.trace")).unwrap();
        assert!(crate::trace::Trace::read(file).is_ok());
        traces.hear(at(200), &FAULTY);
        assert_eq!(told(&mut traces, at(300)), None, "too soon");
        traces.hear(at(800), &FAULTY);
        assert!(told(&mut traces, at(806)).unwrap().is_ok());
    }

    #[test]
    fn no_run_writes_more_than_its_share_of_files() {
        let directory = tempfile::tempdir().unwrap();
        let mut traces = Traces::new(&config(directory.path(), 1 << 20), at(0));
        let written = (1..40).filter(|hour| {
            traces.hear(at(hour * 3_600), &FAULTY);
            told(&mut traces, at(hour * 3_600 + 10)).is_some()
        });
        assert_eq!(written.count(), FAULT_FILES_MAX as usize);
    }

    #[test]
    fn where_nothing_is_kept_nothing_is_written_and_a_recording_ends_by_itself() {
        let directory = tempfile::tempdir().unwrap();
        let mut traces = Traces::new(&config(directory.path(), 0), at(0));
        traces.hear(at(100), &FAULTY);
        assert_eq!(told(&mut traces, at(200)), None);
        assert!(!traces.is_on());
        traces.ask(at(300), Duration::from_secs(60));
        assert!(traces.is_on());
        assert_eq!(told(&mut traces, at(361)), None);
        assert!(traces.is_on(), "it is to be fetched");
        assert_eq!(told(&mut traces, at(421)), None);
        assert!(!traces.is_on(), "nobody came");
    }

    #[test]
    fn what_is_asked_and_expected_is_no_fault() {
        let state = |from, to| {
            let why = crate::discipline::StateEvent::SamplesStopped;
            Event::Clock(CascadeNotice::Discipline(ClockId::System, Notice::State { from, to, why }))
        };
        assert_eq!(fault(&state(SyncState::Locked, SyncState::Holdover)), Some("lock-lost"));
        assert_eq!(fault(&state(SyncState::Acquiring, SyncState::Locked)), None);
        assert_eq!(fault(&Event::Clock(CascadeNotice::Gate(false))), None);
    }
}
