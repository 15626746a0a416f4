//! Our NTP server under load: a thousand guests, and more than it can do.
//!
//! The clients are those of `tools/ntpload`: they ask when it is time to, whether they were answered or not.

use std::fs;
use std::time::{Duration as Timeout, Instant};

use synchronome::observe::Status;
use synchronome::time::SyncState;
use synchronome_ntpload::{Held, Hold, Load, Mode, Report, Target};

use super::daemon::{Daemon, Options, truth};
use super::embedded::{Embedded, ask_ntp, config};
use super::lab::{Lab, Space};

/// Our server, and where the clients seem to be: that network is routed to their end of the cable.
const SERVER: &str = "10.71.0.2:123";
const CLIENTS: &str = "10.96.0.1";
const CLIENTS_PREFIX: &str = "10.96.0.0/16";

/// So many clients there are.
const GUESTS: u32 = 1_000;

/// How long the last answers are waited for, where a request is to be answered.
const PATIENCE: Timeout = Timeout::from_secs(2);

/// The part of a core that the worker gets when it is held.
const SHARE: f64 = 0.2;

/// Our daemon, locked to a grandmaster at the other end of a cable, and serving; and clients at that end.
struct Serving {
    daemon: Daemon,
    server: Space,
    clients: Clients,
    /// The worker's.
    core: usize,
    _grandmaster: Embedded,
}

/// Clients at their end of the cable, with a core of their own.
struct Clients {
    space: Space,
    core: usize,
}

impl Serving {
    fn start(lab: &mut Lab) -> Self {
        let cores = synchronome_kernel::sched::available_cpus().expect("a set of cores");
        let [clients_core, server_core, ..] = cores[..] else { panic!("this test needs two cores") };
        let (clients, server) = lab.pair();
        clients.ip(&format!("route add local {CLIENTS_PREFIX} dev lo"));
        server.ip(&format!("route add {CLIENTS_PREFIX} via 10.71.0.1"));
        // A flood may drown the answer of who is asked for his MAC address, and then nobody is asked anything for some seconds.
        for (space, end, peer) in [(&clients, "va", 2), (&server, "vb", 1)] {
            space.ip(&format!("neigh replace 10.71.0.{peer} lladdr 02:00:0a:47:00:{peer:02x} dev {end}"));
        }
        let grandmaster = Embedded::start(&clients, "va", config(1));
        let more = format!("[ntp.server]\nlisten = [\"{SERVER}\"]\ncores = [{server_core}]\n");
        let mut daemon = Daemon::start(lab, &server, Options { more: &more, ..Options::default() });
        daemon.wait_for_lock(&grandmaster.identity);
        let clients = Clients { space: clients, core: clients_core };
        Self { daemon, server, clients, core: server_core, _grandmaster: grandmaster }
    }

    /// Datagrams that found no room: in a socket of either end (`RcvbufErrors` of /proc/net/snmp), or in what a core of this machine had not
    /// come to yet (the second column of /proc/net/softnet_stat).
    fn without_room(&self) -> u64 {
        let sockets = [&self.clients.space, &self.server].into_iter().map(|space| space.inside(datagrams_without_room));
        let cores = fs::read_to_string("/proc/net/softnet_stat").expect("proc(5)");
        let dropped = |line: &str| u64::from_str_radix(line.split(' ').nth(1)?, 16).ok();
        sockets.sum::<u64>() + cores.lines().map(|line| dropped(line).expect("hexadecimal")).sum::<u64>()
    }

    /// One of its threads.
    fn thread(&self, name: &str) -> u32 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.daemon.id())).expect("it lives").flatten();
        let mut named =
            tasks.filter(|task| fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name));
        named.next().and_then(|task| task.file_name().to_str()?.parse().ok()).expect("a thread of that name")
    }
}

impl Clients {
    /// They all ask, as often as that together.
    fn ask(&self, rate: f64, seconds: f64) -> Report {
        let target = Target {
            server: SERVER.parse().expect("an address"),
            clients: GUESTS,
            sources: Some(CLIENTS.parse().expect("an address")),
            sockets: 4,
            mode: Mode::Basic,
            core: Some(self.core),
            json: false,
        };
        self.space.inside(|| {
            synchronome_ntpload::pin(target.core).expect("the core is there");
            let mut load = Load::new(&target).expect("sockets").patient(PATIENCE);
            load.run(rate, Timeout::from_secs_f64(seconds)).expect("the cable is there")
        })
    }
}

fn datagrams_without_room() -> u64 {
    let figures = fs::read_to_string("/proc/thread-self/net/snmp").expect("proc(5)");
    let lines: Vec<Vec<&str>> =
        figures.lines().filter(|line| line.starts_with("Udp:")).map(|line| line.split(' ').collect()).collect();
    let [names, values] = &lines[..] else { panic!("two lines of UDP in\n{figures}") };
    let column = names.iter().position(|name| *name == "RcvbufErrors").expect("since Linux 2.6");
    values[column].parse().expect("a number")
}

#[test]
fn a_thousand_guests_that_ask_each_second_are_all_answered() {
    let mut lab = Lab::new();
    let serving = Serving::start(&mut lab);
    let us = |seconds: Option<f64>| seconds.expect("some were answered") * 1e6;
    // Once more where the machine was too busy to take what was sent, which is counted.
    for tries_left in (0..3).rev() {
        let before = serving.without_room();
        let report = serving.clients.ask(f64::from(GUESTS), 8.0);
        let (without_room, unanswered) = (serving.without_room() - before, report.sent - report.answered);
        println!(
            "{unanswered} of {} were not answered, {without_room} datagrams found no room; offsets from {:.1} to {:.1} us, of 98 in a hundred within {:.1} us",
            report.sent,
            us(report.offset_min_s),
            us(report.offset_max_s),
            us(report.offset_p1_to_p99_s),
        );
        assert_eq!((report.strange, report.refused), (0, 0), "all of them got time: {report:?}");
        assert!(unanswered <= without_room, "{report:?}");
        if (report.sent, unanswered) == (8 * u64::from(GUESTS), 0) {
            break;
        }
        assert!(tries_left > 0, "{report:?}");
    }
    serving.daemon.end();
}

/// How the thread that steers is doing.
#[derive(Clone, Copy, Debug)]
struct Steering {
    /// Between two awakenings of it, on average, in s.
    cycle_s: f64,
    /// The longest that it has not said that it is alive, in s.
    silent_s: f64,
}

/// Looks at it for so long.
fn steering(daemon: &mut Daemon, thread: u32, span: Timeout) -> Steering {
    let awakenings = |daemon: &Daemon| -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/task/{thread}/status", daemon.id())).expect("it lives");
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.and_then(|number| number.trim().parse().ok()).expect("proc(5)")
    };
    let (start, before) = (Instant::now(), awakenings(daemon));
    let mut silent_s = 0.0_f64;
    while start.elapsed() < span {
        let status: Status = daemon.status();
        let discipline = status.threads.iter().find(|thread| thread.name == "discipline");
        silent_s = silent_s.max(discipline.and_then(|thread| thread.alive_age_s).expect("it is watched"));
        std::thread::sleep(Timeout::from_millis(20));
    }
    let cycles = awakenings(daemon) - before;
    Steering { cycle_s: start.elapsed().as_secs_f64() / cycles.max(1) as f64, silent_s }
}

/// How long a thread has run, in s (`/proc/PID/task/TID/schedstat`, Documentation/scheduler/sched-stats.rst).
fn ran_s(process: u32, thread: u32) -> f64 {
    let path = format!("/proc/{process}/task/{thread}/schedstat");
    let figures = fs::read_to_string(path).expect("a kernel with CONFIG_SCHED_INFO");
    let nanos = figures.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("a number");
    Timeout::from_nanos(nanos).as_secs_f64()
}

/// Memory of a process that is in no file, in octets: what grows if something is heaped up.
fn memory_of(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it lives");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("proc(5)");
    1_024 * line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
}

/// What one fill of the worker's share of a core shows, and three times that.
struct Overload {
    full: Report,
    overloaded: Report,
    /// Of a core, that the worker got meanwhile.
    share: f64,
    meanwhile: Steering,
    /// Before and after.
    memory: [u64; 2],
}

fn overload(serving: &mut Serving, able: f64, worker: u32, discipline: u32) -> Overload {
    let full = serving.clients.ask(able, 2.0);
    let Serving { daemon, clients, .. } = serving;
    let (process, memory_before) = (daemon.id(), memory_of(daemon.id()));
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| clients.ask(3.0 * able, 2.0));
        let (start, before) = (Instant::now(), ran_s(process, worker));
        let meanwhile = steering(daemon, discipline, Timeout::from_millis(1_500));
        let share = (ran_s(process, worker) - before) / start.elapsed().as_secs_f64();
        let overloaded = asked.join().expect("no panic");
        Overload { full, overloaded, share, meanwhile, memory: [memory_before, memory_of(process)] }
    })
}

#[test]
fn a_server_that_is_asked_three_times_what_it_can_goes_on_as_before_and_so_does_the_thread_that_steers() {
    let mut lab = Lab::new();
    let mut serving = Serving::start(&mut lab);
    let [worker, discipline] = ["ntp-0", "discipline"].map(|name| serving.thread(name));
    let hold = Hold { process: serving.daemon.id(), thread: worker, core: serving.core, share: SHARE };
    let held = Held::new(hold).expect("a thread can be held");
    println!("the worker is held to {SHARE} of a core by {}", held.means());
    // What is offered beyond what it can do is not answered: that is what it can do.
    let able = serving.clients.ask(30_000.0, 1.0).answered_per_s;
    let before = steering(&mut serving.daemon, discipline, Timeout::from_millis(1_500));

    // Once more where something else wanted this core just then.
    for tries_left in (0..3).rev() {
        let Overload { full, overloaded, share, meanwhile, memory } = overload(&mut serving, able, worker, discipline);
        println!(
            "with {share:.2} of a core: asked for {:.0}/s it answers {:.0}/s, for {:.0}/s {:.0}/s; the discipline: {before:?}, and {meanwhile:?} \
             meanwhile; {memory:?} octets of memory",
            full.sent_per_s, full.answered_per_s, overloaded.sent_per_s, overloaded.answered_per_s
        );
        assert!(share < 0.4, "it was not held: {share}");
        assert_eq!((full.refused, overloaded.refused), (0, 0), "whoever is answered gets time");
        assert!(memory[1] < memory[0] + (1 << 20), "{memory:?} octets");
        assert!(meanwhile.cycle_s < 3.0 * before.cycle_s, "{before:?}, {meanwhile:?}");
        assert!(meanwhile.silent_s < (10.0 * before.silent_s).max(1.0), "{before:?}, {meanwhile:?}");
        let was_overloaded =
            overloaded.sent_per_s > 2.0 * able && overloaded.loss() > 0.2 && full.answered_per_s > 0.2 * able;
        if was_overloaded && overloaded.answered_per_s > 0.5 * full.answered_per_s {
            break;
        }
        assert!(tries_left > 0, "it was overloaded: {was_overloaded}; {full:?}, {overloaded:?}");
    }
    let status = serving.daemon.status();
    assert_eq!((status.state, truth(&status).violations), (SyncState::Locked, 0), "{status:#?}");
    drop(held);
    assert_ne!(ask_ntp(&serving.clients.space, "10.71.0.2", 4, 3).stratum, 0, "it is there for whoever comes next");
    serving.daemon.end();
}
