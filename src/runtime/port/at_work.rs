//! A port at work: real sockets, kernel stamps, a grandmaster on another thread. The test is the discipline, and says what that would.
//!
//! No daemon comes to a calm on the stamps of the kernel: it begins where the offset is known to a quarter of a nanosecond, and these scatter by a
//! microsecond, so that it would be the mean of sixteen million Syncs. The cards of the lab do (`tools/phclab/run idle`).

use std::fs;
use std::net::UdpSocket;
use std::thread::{JoinHandle, sleep};
use std::time::{Duration as Wait, Instant};

use super::*;
use crate::net::SocketOptions;
use crate::ptp::{Config, GrandmasterConfig};
use crate::runtime::grandmaster::GrandmasterThread;
use crate::sharing::Ring;
use crate::time::SourceId;
use crate::wire::ptp::ClockIdentity;

const SYNCS_PER_SECOND: u64 = 8;
/// How long is counted, and how long it may take to get there.
const COUNTED: Wait = Wait::from_secs(4);
const PATIENCE: Wait = Wait::from_secs(20);
const WINDOWS_MAX: usize = 5;
/// What the thread is called, by which it is found.
const NAME: &str = "port-at-work";

/// A port that follows, and what the discipline has of it.
struct AtWork {
    orders: RingWriter<PortOrder>,
    messages: RingReader<PortMessage>,
    counters: Counters<Counter>,
    stop: Latch,
    thread: Option<JoinHandle<()>>,
    _master: GrandmasterThread,
}

impl AtWork {
    fn start() -> Self {
        let free = || UdpSocket::bind("127.0.0.1:0").unwrap();
        let [event, general] = [free(), free()].map(|socket| socket.local_addr().unwrap().port());
        let options = SocketOptions::new("lo", event, general);
        let master = GrandmasterConfig {
            log_announce_interval: LogInterval::new(-2),
            log_sync_interval: LogInterval::new(-3),
            ..GrandmasterConfig::new(ClockIdentity([7; 8]), 7)
        };
        let master = GrandmasterThread::start(&options, master).unwrap();

        let (sleeper, ours) = (Sleeper::new().unwrap(), Sleeper::new().unwrap());
        let (to_discipline, messages) = Ring::with_capacity(PORT_RING, ours.doorbell());
        let (forward, _) = Ring::with_capacity(FORWARDS_RING, ours.doorbell());
        let (orders, from_discipline) = Ring::with_capacity(REPORT_RING, sleeper.doorbell());
        let (events, _) = Ring::with_capacity(1, ours.doorbell());
        let (counters, stop) = (Counters::default(), Latch::default());
        let links = PortLinks {
            port: 0,
            to_discipline: Some(to_discipline),
            forwards: Some(forward),
            from_discipline: Some(from_discipline),
            served: None,
            management: None,
            events,
            counters: counters.clone(),
            link: Flag::new(true),
        };
        let engine = Port::new(Config::new(SourceId(0), ClockIdentity([8; 8]), 8));
        let port = PortLoop::new(engine, PtpSockets::open(&options).unwrap(), links);
        let own = OwnThread { pulse: Pulse::new(HostClock.mono()), stop: stop.clone(), sleeper };
        let thread = spawn_port(NAME, ThreadConfig::default(), port, own).unwrap();
        Self { orders, messages, counters, stop, thread: Some(thread), _master: master }
    }

    /// Waits until it has measured something.
    fn measures(&mut self) {
        let start = Instant::now();
        while !std::iter::from_fn(|| self.messages.pop()).any(|said| matches!(said, PortMessage::Observation(_))) {
            assert!(start.elapsed() < PATIENCE, "nothing is measured: {:?}", self.counters);
            sleep(Wait::from_millis(20));
        }
    }

    fn tell(&mut self, calm: bool) {
        assert!(self.orders.push(PortOrder::Clock(ClockReport { locked: true, calm, stepped: false, epoch: 0 })));
    }

    /// How often it sleeps, how many Syncs it takes and how many observations it makes in [`COUNTED`].
    fn count(&mut self) -> [u64; 3] {
        let syncs = || self.counters.get(Counter::ReceivedSync);
        let before = [sleeps(), syncs()];
        let mut observations = 0;
        let end = Instant::now() + COUNTED;
        while Instant::now() < end {
            let said = std::iter::from_fn(|| self.messages.pop());
            observations += said.filter(|said| matches!(said, PortMessage::Observation(_))).count() as u64;
            sleep(Wait::from_millis(20));
        }
        [sleeps() - before[0], syncs() - before[1], observations]
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.stop.set();
        let joined = self.thread.take().unwrap().join();
        assert!(joined.is_ok() || std::thread::panicking());
    }
}

/// How often the port's thread has gone to sleep (voluntary_ctxt_switches of proc_pid_status(5)).
fn sleeps() -> u64 {
    let threads = fs::read_dir("/proc/self/task").unwrap().flatten();
    let mut of_threads = threads.filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok());
    let ours = of_threads.find(|status| status.starts_with(&format!("Name:\t{NAME}\n"))).expect("it runs");
    let count = ours.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    count.and_then(|count| count.trim().parse().ok()).expect("a number")
}

#[test]
fn in_a_calm_it_sleeps_through_every_second_sync_and_loses_none() {
    let mut port = AtWork::start();
    port.measures();
    port.tell(false);
    sleep(Wait::from_millis(500));
    let [wakings, syncs, _] = port.count();
    assert!(syncs >= SYNCS_PER_SECOND * COUNTED.as_secs() - 2 && wakings >= syncs, "{wakings} wakings, {syncs} Syncs");

    port.tell(true);
    sleep(Wait::from_millis(500));
    // Half of the Syncs, and what a Delay_Req now and then takes. On a busy machine it is late now and then, and waits at its sockets for a while.
    let sleeps_through = |[wakings, syncs, _]: [u64; 3]| wakings * 4 < syncs * 3;
    let mut counts = Vec::new();
    while counts.len() < WINDOWS_MAX && !counts.last().copied().is_some_and(sleeps_through) {
        counts.push(port.count());
        let [_, syncs, observations] = counts[counts.len() - 1];
        assert!(syncs >= SYNCS_PER_SECOND * COUNTED.as_secs() - 3, "{syncs} Syncs");
        assert!(observations >= syncs - 3, "{observations} observations of {syncs} Syncs");
    }
    assert!(counts.last().copied().is_some_and(sleeps_through), "wakings, Syncs and observations: {counts:?}");
}
