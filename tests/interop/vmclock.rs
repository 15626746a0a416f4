//! The time of a hypervisor's page, by the real counter of this CPU. The page is a file that a thread rewrites as a hypervisor does.

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration as Timeout, Instant};

use synchronome::clock::HostClock;
use synchronome::observe::Status;
use synchronome::observe::status::SourceStatus;
use synchronome::sharing::Latch;
use synchronome::time::{Duration, Local, SyncState, Timestamp};
use synchronome_kernel::counter;

use super::daemon::{Daemon, Options, assert_bound_held, print_figures, truth};
use super::lab::Lab;
use super::running::unique_path;

/// How often it is rewritten.
const REWRITE_EVERY: Timeout = Timeout::from_millis(100);
/// The exponent of the period's unit.
const SHIFT: u8 = 29;

/// What a page says.
#[derive(Clone, Copy)]
struct Words {
    status: u8,
    marker: u64,
    smearing: u8,
    /// Its time is ahead of the host's by so much,
    ahead: Duration,
    /// which it admits.
    max_error_ns: u64,
}

/// A page for each of the scales, UTC and TAI.
struct Hypervisor {
    pages: [(PathBuf, Arc<Mutex<Words>>); 2],
    latch: Latch,
    thread: Option<JoinHandle<()>>,
}

/// The counter and the system clock at one instant: the narrowest of some windows.
fn pair() -> (u64, Timestamp<Local>) {
    let all = (0..20).map(|_| {
        let (before, ticks, after) = (HostClock.stamping(), counter::read(), HostClock.stamping());
        (after - before, ticks.expect("x86_64 or aarch64"), before)
    });
    let (window, ticks, before) = all.min_by_key(|(window, ..)| *window).expect("twenty");
    (ticks, before + window.half())
}

impl Hypervisor {
    fn start(lab: &Lab, ahead: [Duration; 2]) -> Self {
        let words = |ahead| Words { status: 1, marker: 1, smearing: 0, ahead, max_error_ns: 25_000 };
        let pages = ["utc", "tai"].map(|scale| unique_path(lab, scale, "page"));
        let mut of = ahead.into_iter();
        let pages = pages.map(|path| (path, Arc::new(Mutex::new(words(of.next().expect("two"))))));
        let (latch, told) = (Latch::default(), pages.clone());
        let mut last = pair();
        std::thread::sleep(REWRITE_EVERY);
        let mut rewrite = move || {
            let now = pair();
            for (is_tai, (path, words)) in told.iter().enumerate() {
                write(path, *words.lock().expect("no panic"), is_tai == 1, last, now);
            }
            last = now;
        };
        // The files are there when the daemon looks.
        rewrite();
        let ended = latch.clone();
        let thread = std::thread::spawn(move || {
            while !ended.is_set() {
                std::thread::sleep(REWRITE_EVERY);
                rewrite();
            }
        });
        Self { pages, latch, thread: Some(thread) }
    }

    fn say(&self, change: impl Fn(&mut Words)) {
        self.pages.iter().for_each(|(_, words)| change(&mut words.lock().expect("no panic")));
    }
}

impl Drop for Hypervisor {
    fn drop(&mut self) {
        self.latch.set();
        self.thread.take().map(JoinHandle::join);
    }
}

/// Odd, the fields, even: as the header asks for.
fn write(path: &Path, words: Words, is_tai: bool, last: (u64, Timestamp<Local>), now: (u64, Timestamp<Local>)) {
    let period = (now.1 - last.1).as_secs_f64() / (now.0 - last.0) as f64 * 2f64.powi(64 + i32::from(SHIFT));
    let time = now.1 + words.ahead + Duration::from_secs(if is_tai { 37 } else { 0 });
    let mut page = [0_u8; 4_096];
    let mut put = |offset: usize, bytes: &[u8]| page[offset..offset + bytes.len()].copy_from_slice(bytes);
    put(0, b"VCLK");
    put(4, &4_096_u32.to_le_bytes());
    let counter_id = u8::from(counter::OURS == Some(counter::Counter::Tsc));
    put(8, &[1, 0, counter_id, u8::from(is_tai)]);
    put(16, &words.marker.to_le_bytes());
    // TAI - UTC, the greatest errors of the period and of the time.
    put(24, &0b0101_0001_u64.to_le_bytes());
    put(34, &[words.status, words.smearing, 37, 0, 0, SHIFT]);
    put(40, &now.0.to_le_bytes());
    put(48, &(period as u64).to_le_bytes());
    // 20 ppm: what two pairs a tenth of a second apart leave open, and what the host's clock is slewed by meanwhile.
    put(64, &(period as u64 / 50_000).to_le_bytes());
    put(72, &(time.seconds() as u64).to_le_bytes());
    put(80, &((u128::from(time.subsec_nanos()) << 64) / 1_000_000_000).to_le_bytes()[..8]);
    put(96, &words.max_error_ns.to_le_bytes());
    let file = std::fs::File::options().read(true).write(true).create(true).truncate(false).open(path).expect("a file");
    let mut sequence = [0; 4];
    let before = file.read_exact_at(&mut sequence, 12).map_or(0, |()| u32::from_le_bytes(sequence));
    let put = |offset: u64, bytes: &[u8]| file.write_all_at(bytes, offset).expect("a file");
    put(12, &(before + 1).to_le_bytes());
    put(16, &page[16..]);
    put(0, &page[..12]);
    put(12, &(before + 2).to_le_bytes());
}

fn source<'s>(status: &'s Status, name: &str) -> &'s SourceStatus {
    status.sources.iter().find(|source| source.name == name).unwrap_or_else(|| panic!("no {name} in {status:#?}"))
}

fn is_told(status: &Status, text: &str) -> bool {
    status.events.iter().any(|event| event.text.contains(text))
}

/// It waits for what happens within seconds.
mod beside {
    use super::*;

    #[test]
    fn the_time_of_the_hypervisors_page_steers_inside_of_the_error_that_it_states() {
        const BIAS: Duration = Duration::from_micros(20);
        const MOVED: &str = "the hypervisor says that this machine was paused, or moved to another host";
        let mut lab = Lab::beside_others();
        let space = lab.space();
        let hypervisor = Hypervisor::start(&lab, [BIAS, Duration::ZERO - BIAS]);
        let [(utc, _), (tai, _)] = &hypervisor.pages;
        let more = [("UTC", utc), ("TAI", tai)].map(|(name, path)| {
            format!("[[refclock]]\nkind = \"vmclock\"\npath = \"{}\"\nname = \"{name}\"\npoll = -2\n", path.display())
        });
        let more = more.concat();
        let mut daemon = Daemon::start(&lab, &space, Options { more: &more, ..Options::default() });

        // A hypervisor whose own clock is not synchronised has no time.
        let status = daemon.wait("both pages are read", |status| {
            ["UTC", "TAI"].iter().all(|name| source(status, name).counters.contains_key("unsynchronised"))
        });
        assert_eq!(status.state, SyncState::NeverSynced);
        assert!(source(&status, "TAI").reason.contains("no time"), "{status:#?}");

        hypervisor.say(|words| words.status = 2);
        let start = Instant::now();
        daemon.wait("it is LOCKED", |status| status.state == SyncState::Locked);
        println!("vmclock: LOCKED {:.1} s after it has the time", start.elapsed().as_secs_f64());
        daemon.wait("both agree", |status| ["UTC", "TAI"].iter().all(|name| source(status, name).verdict == "agrees"));
        daemon.wait("the statistics begin", |status| truth(status).samples > 0);
        std::thread::sleep(Timeout::from_secs(6));
        let status = daemon.status_by_command();
        print_figures("pages of UTC and TAI, 20 us off on either side, which is admitted", &status);
        println!("vmclock: {:?}", source(&status, "TAI").counters);
        // Each says 25 us and is off by 20: who believed either to be right to its reading's window would be outside of its bound.
        assert_bound_held(&status);
        assert!(truth(&status).rms_s.is_some_and(|rms| (5e-6..30e-6).contains(&rms)), "{status:#?}");
        assert!(status.clock.bound_s.is_some_and(|bound| bound < 100e-6), "{status:#?}");
        assert!(!is_told(&status, MOVED) && !is_told(&status, "smear"), "{status:#?}");

        hypervisor.say(|words| words.smearing = 1);
        daemon.wait("its hint is told", |status| is_told(status, "smear leap seconds, from noon to noon"));

        // Nobody watches the page but the clock that is read from it (clock.vmclock is /dev/vmclock0).
        hypervisor.say(|words| words.marker = 2);
        let written = Instant::now();
        daemon.wait("it is told", |status| is_told(status, MOVED));
        println!("vmclock: the marker is told after {:.2} s", written.elapsed().as_secs_f64());
        assert!(written.elapsed() < Timeout::from_millis(1_500), "within a second");
        daemon.wait("it is LOCKED again", |status| status.state == SyncState::Locked);
        println!("vmclock: LOCKED again after {:.2} s", written.elapsed().as_secs_f64());
        let status = daemon.status_by_command();
        let disrupted = status.events.iter().filter(|event| event.text.contains("-> DISRUPTED"));
        assert_eq!(disrupted.count(), 1, "two pages, one pause: {status:#?}");

        hypervisor.say(|words| words.status = 4);
        daemon.wait("it holds over", |status| {
            status.state == SyncState::Holdover && source(status, "UTC").reason.contains("no time")
        });
        hypervisor.say(|words| words.status = 3);
        daemon.wait("it is LOCKED again", |status| status.state == SyncState::Locked);
        assert_bound_held(&daemon.status_by_command());
        daemon.end();
    }
}
