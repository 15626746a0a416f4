//! What the timing threads promise, on a daemon that runs: no allocation, no lock, a place and a priority, a watchdog,
//! and no packet that could stop them.
//!
//! Some of these tests measure threads, or know those of this process by their names: they run one at a time, whatever `--test-threads` says,
//! and best on a quiet machine. Those that wait for what a program of its own does run side by side.
//! The allocations are counted only with `--features count-allocations`.

#[path = "realtime/child.rs"]
mod child;
#[path = "realtime/live.rs"]
mod live;
#[path = "realtime/mutation.rs"]
mod mutation;
#[path = "realtime/supervised.rs"]
mod supervised;
#[path = "realtime/syscalls.rs"]
mod syscalls;

use std::net::UdpSocket;
use std::process::Command;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use child::{Demo, Open, Running, events, eventually, free_ports, status, until_state};
#[cfg(feature = "count-allocations")]
use live::apart;
use live::{Live, TIMING, is_locked, threads_of};
use mutation::{Captured, throw};
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use serde_json::Value;
use synchronome::engine::Random;
use synchronome::observe::Status;

#[cfg(feature = "count-allocations")]
#[global_allocator]
static ALLOCATOR: synchronome_kernel::alloc::CountingAllocator = synchronome_kernel::alloc::CountingAllocator;

static ALONE: RwLock<()> = RwLock::new(());

/// Only this test.
fn alone() -> RwLockWriteGuard<'static, ()> {
    ALONE.write().unwrap_or_else(PoisonError::into_inner)
}

/// Beside others, but for those that are alone.
fn beside_others() -> RwLockReadGuard<'static, ()> {
    ALONE.read().unwrap_or_else(PoisonError::into_inner)
}

/// A request of NTP version 4, and what is none.
fn ntp_datagrams() -> [Vec<u8>; 3] {
    let mut request = vec![0; 48];
    request[0] = 0x23;
    request[40..].copy_from_slice(&[0x5a; 8]);
    [request.clone(), request[..20].to_vec(), vec![0xff; 90]]
}

#[cfg(not(feature = "count-allocations"))]
#[test]
#[ignore = "allocations are counted with --features count-allocations only"]
fn timing_threads_do_not_allocate_after_their_start() {
    panic!("run with --features count-allocations");
}

#[cfg(feature = "count-allocations")]
#[test]
fn timing_threads_do_not_allocate_after_their_start() {
    let _alone = alone();
    assert_no_allocations("", &TIMING);
    let (more, names) = apart();
    assert_no_allocations(&more, &names);
}

#[cfg(feature = "count-allocations")]
fn assert_no_allocations(more: &str, names: &[&str]) {
    use synchronome::runtime::privileges::ThreadKind;
    use synchronome::runtime::thread::spawn_timing;
    use synchronome_kernel::alloc::{arm, counts, disarm};

    // Recorded, too: that is done by the same threads.
    let mut live = Live::start(&format!("trace.keep = 16\n{more}"));
    live.until_locked();
    let captured = Captured::from(&mut live);
    let (client, mut random) = (live.ntp_client(), Random::seeded(1));

    arm();
    let mut answered = 0;
    throw(&mut live, 2_000, 200, || {
        let datagrams = ntp_datagrams();
        let _ = client.send(&datagrams[random.below(3) as usize]);
        answered += usize::from(client.recv(&mut [0; 128]).is_ok());
        captured.damaged(&mut random)
    });
    let status = live.daemon.status();
    // To see that the counting works: a timing thread that does what none should.
    let config = synchronome::config::ThreadConfig::default();
    let careless =
        spawn_timing("careless", ThreadKind::Simulation, config, |_| drop(std::hint::black_box(vec![1_u8; 100])))
            .unwrap();
    careless.join().unwrap();
    disarm();

    let counts: Vec<_> = counts().collect();
    assert!(counts.iter().any(|(name, calls)| *name == "careless" && *calls >= 2), "{counts:?}");
    for name in names {
        let found: Vec<_> = counts.iter().filter(|(other, _)| other == name).collect();
        assert!(!found.is_empty() && found.iter().all(|(_, calls)| *calls == 0), "{name}: {counts:?}");
        let told = status.threads.iter().find(|thread| thread.name == *name).expect("a thread of the status");
        assert_eq!(told.allocations, Some(0), "{name}");
    }
    assert!(answered > 200, "the server was at work: {answered} answers");
    assert!(is_locked(&status), "the others were at work: {status:#?}");
}

#[test]
fn timing_threads_make_no_futex_call_and_few_others() {
    // ppoll waits, the rest moves packets and stamps; `read` empties an eventfd that was rung, `write` rings one. `recvfrom` asks
    // whether the kernel has told of a new generation ID.
    const EXPECTED: [&str; 9] =
        ["ppoll", "recvmmsg", "recvmsg", "recvfrom", "sendmmsg", "sendmsg", "sendto", "read", "write"];
    let _beside = beside_others();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("trace");
    let [event, general, ntp] = free_ports();
    let mut command = Command::new("strace");
    command.args(["-f", "-ttt", "-s", "16", "-o"]).arg(&file).arg(env!("CARGO_BIN_EXE_synchronome"));
    command.args(["demo", "--for", "16s", "--ptp-ports", &format!("{event},{general}")]);
    let mut running = Running::start(command.args(["--ntp-port", &ntp.to_string()]));
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    while running.is_running() {
        let _ = client.send_to(&ntp_datagrams()[0], ("127.0.0.1", ntp));
        std::thread::sleep(Duration::from_millis(20));
    }
    let said = running.lines().join("\n");
    assert!(said.contains("LOCKED"), "strace of the package strace must be allowed to trace: {said}");

    let trace = std::fs::read_to_string(&file).unwrap();
    let calls = syscalls::calls_between(&trace, 5.0, 15.0);
    println!("calls in 10 s: {calls:#?}");
    for name in TIMING {
        let calls = calls.get(name).unwrap_or_else(|| panic!("no calls of {name}: {said}"));
        assert!(calls["ppoll"] >= 50, "{name} was at work: {calls:?}");
        assert_eq!(calls.get("futex"), None, "{name}: {calls:?}");
        for call in calls.keys() {
            assert!(EXPECTED.contains(&call.as_str()), "{name} calls {call}: {calls:?}");
        }
    }
    // One at a time, as these requests come, or several.
    let sent = ["sendmsg", "sendmmsg"].map(|call| calls["ntp-0"].get(call).copied().unwrap_or_default());
    assert!(sent.iter().sum::<u64>() > 100, "the server answered: {calls:?}");
    // That the trace would have shown a lock: the main thread waits for the others by one.
    assert!(syscalls::calls_between(&trace, 0.0, 60.0)["main"].contains_key("futex"));
}

#[test]
fn a_hundred_thousand_mutated_packets_do_not_stop_a_port() {
    const THROWN: usize = 100_000;
    let _alone = alone();
    let mut live = Live::start("");
    live.until_locked();
    let captured = Captured::from(&mut live);
    let (before, threads) = (live.daemon.status(), threads_of("self"));
    let mut random = Random::seeded(7);
    throw(&mut live, THROWN, 8_000, || captured.damaged(&mut random));
    live.turn();
    let after = live.daemon.status();

    let counted = total(&after) - total(&before);
    assert!(counted > THROWN as u64 * 8 / 10, "the port has seen {counted} of {THROWN}");
    let grown = reasons_grown(&before, &after);
    println!("{counted} datagrams were counted, by reason: {grown:#?}");
    assert!(grown.len() >= 8, "{grown:#?}");
    assert!(is_locked(&after), "{after:#?}");
    assert!(after.state_since_s > 5.0, "it stayed locked: {:#?}", after.events);
    assert_eq!(after.ptp[0].parent, before.ptp[0].parent);
    assert_same_threads(&threads);
    let truth = live.truth();
    assert_eq!(truth.violations, 0, "the truth left the bound by {}", truth.worst_excess);
    assert!(truth.bounded_samples > 500, "{truth:?}");
}

#[test]
fn forged_packets_in_the_masters_name_disturb_and_the_port_recovers() {
    let _alone = alone();
    let mut live = Live::start("");
    live.until_locked();
    let captured = Captured::from(&mut live);
    let (before, threads) = (live.daemon.status(), threads_of("self"));
    let mut random = Random::seeded(11);
    throw(&mut live, 2_000, 1_000, || captured.forged(&mut random));
    let during = live.daemon.status();
    let truth = live.truth();
    println!(
        "after 2 s of forgeries: {} {}, {} violations in {} samples (worst excess {}); by reason {:#?}; events {:#?}",
        during.state,
        during.ptp[0].port_state,
        truth.violations,
        truth.bounded_samples,
        truth.worst_excess,
        reasons_grown(&before, &during),
        during.events.iter().map(|event| &event.text).collect::<Vec<_>>(),
    );
    assert!(total(&during) > total(&before) + 1_000);
    let start = Instant::now();
    live.until_locked();
    // Long enough that what was forged is out of every filter; then the claim must hold again.
    while start.elapsed() < Duration::from_secs(8) {
        live.turn();
    }
    live.until_locked();
    let violations = live.truth().violations;
    let quiet = Instant::now();
    while quiet.elapsed() < Duration::from_secs(2) {
        live.turn();
    }
    assert_eq!(live.truth().violations, violations, "the truth is inside the bound again");
    assert!(is_locked(&live.daemon.status()));
    assert_same_threads(&threads);
}

/// All datagrams that the port has counted under any name.
fn total(status: &Status) -> u64 {
    let counters = status.ptp[0].counters.iter();
    let once = counters.filter(|(name, _)| {
        name.starts_with("received_")
            || name.starts_with("malformed_")
            || ["domain_mismatch", "sdo_id_mismatch", "own_message", "wrong_channel"].contains(&name.as_str())
    });
    once.map(|(_, count)| count).sum()
}

/// What the port had a reason to count more of.
fn reasons_grown(before: &Status, after: &Status) -> Vec<(String, u64)> {
    let old = |name: &str| before.ptp[0].counters.get(name).copied().unwrap_or(0);
    let grown = after.ptp[0].counters.iter().filter(|(name, _)| !name.starts_with("sent_"));
    grown.map(|(name, count)| (name.clone(), count - old(name))).filter(|(_, more)| *more > 0).collect()
}

fn assert_same_threads(before: &std::collections::BTreeMap<String, i32>) {
    let now = threads_of("self");
    for name in TIMING {
        assert!(now.contains_key(name) && now.get(name) == before.get(name), "{name} has ended: {now:?}");
    }
}

/// A thread of a child, held as a debugger holds it, until this is dropped.
struct Held(Pid);

impl Held {
    fn hold(thread: i32) -> Self {
        let thread = Pid::from_raw(thread);
        ptrace::seize(thread, ptrace::Options::empty()).expect("a child may be traced (ptrace(2))");
        ptrace::interrupt(thread).expect("it is ours");
        waitpid(thread, Some(WaitPidFlag::__WALL)).expect("it stops");
        Self(thread)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Fails only if the thread is gone, with its process.
        let _ = ptrace::detach(self.0, None);
    }
}

/// Leap indicator and stratum of one answer; `None` if none comes.
fn ask(port: u16) -> Option<(u8, u8)> {
    let client = UdpSocket::bind("127.0.0.1:0").ok()?;
    client.set_read_timeout(Some(Duration::from_millis(500))).ok()?;
    client.send_to(&ntp_datagrams()[0], ("127.0.0.1", port)).ok()?;
    let mut answer = [0; 128];
    let length = client.recv(&mut answer).ok()?;
    (length >= 48).then_some((answer[0] >> 6, answer[1]))
}

fn has_event(demo: &Demo, text: &str) -> bool {
    eventually(|| events(&status(&demo.socket)).iter().any(|event| event.contains(text)))
}

#[test]
fn a_stalled_thread_is_noticed_and_a_stalled_discipline_is_not_served() {
    const SYNCHRONISED: (u8, u8) = (0, 1);
    const UNSYNCHRONISED: (u8, u8) = (3, 0);
    let _beside = beside_others();
    let demo = Demo::start(&[]);
    until_state(&demo.socket, "LOCKED");
    assert!(eventually(|| ask(demo.ntp_port) == Some(SYNCHRONISED)));
    let threads = threads_of(demo.running.pid());

    let held = Held::hold(threads["discipline"]);
    let start = Instant::now();
    assert!(has_event(&demo, "thread discipline has not gone round for"));
    assert!(eventually(|| ask(demo.ntp_port) == Some(UNSYNCHRONISED)), "{:?}", ask(demo.ntp_port));
    let after = start.elapsed();
    assert!(after > Duration::from_secs(3), "not for a short pause: after {after:?}");
    assert!(after < Duration::from_secs(10), "nobody watched the clock for {after:?}");
    drop(held);
    assert!(has_event(&demo, "thread discipline goes round again"));
    assert!(eventually(|| ask(demo.ntp_port) == Some(SYNCHRONISED)), "{:?}", ask(demo.ntp_port));

    let held = Held::hold(threads["ntp-0"]);
    assert!(has_event(&demo, "thread ntp-0 has not gone round for"));
    assert_eq!(ask(demo.ntp_port), None);
    drop(held);
    assert!(has_event(&demo, "thread ntp-0 goes round again"));
    assert!(ask(demo.ntp_port).is_some());
}

#[test]
fn one_cpu_is_enough() {
    let _beside = beside_others();
    let cpu = synchronome_kernel::sched::available_cpus().unwrap()[0].to_string();
    let [event, general, ntp] = free_ports::<3>().map(|port| port.to_string());
    let mut command = Command::new("taskset");
    command.args(["-c", &cpu, env!("CARGO_BIN_EXE_synchronome"), "demo", "--for", "9s", "--json"]);
    command.args(["--ptp-ports", &format!("{event},{general}"), "--ntp-port", &ntp]);
    let mut running = Running::start(&mut command);
    let (ended, _) = running.wait();
    let said = running.lines();
    assert!(ended.success(), "{}", said.join("\n"));
    let last: Value = serde_json::from_str(said.last().expect("a summary")).unwrap();
    assert_eq!((&last["summary"]["state"], &last["summary"]["bound_violations"]), (&"LOCKED".into(), &0.into()));
}

/// CPUs that a thread of this process may use, its scheduling policy and its real-time priority.
fn placement(thread: i32) -> (String, u32, u32) {
    let read = |file| std::fs::read_to_string(format!("/proc/self/task/{thread}/{file}")).expect("a thread");
    let status = read("status");
    let cpus = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).expect("its CPUs");
    let stat = read("stat");
    // The name is in brackets and may contain anything; after it come the fields from the third on (proc_pid_stat(5)).
    let fields: Vec<&str> = stat.rsplit_once(')').expect("a name").1.split_ascii_whitespace().collect();
    (cpus.trim().to_owned(), fields[41 - 3].parse().expect("policy"), fields[40 - 3].parse().expect("rt_priority"))
}

#[test]
fn threads_run_on_their_cores_with_their_priorities_or_say_that_they_cannot() {
    const SCHED_OTHER: u32 = 0;
    const SCHED_FIFO: u32 = 1;
    let _alone = alone();
    let cpus = synchronome_kernel::sched::available_cpus().unwrap();
    let (first, last) = (cpus[0], cpus[cpus.len() - 1]);
    let is_allowed = std::thread::spawn(|| synchronome_kernel::sched::set_fifo(3).is_ok()).join().unwrap();
    let mut live = Live::start(&format!(
        "threads.ptp = {{ core = {first}, priority = 5 }}\nthreads.discipline = {{ core = {last}, priority = 6 }}\n\
         threads.server = {{ core = {last}, priority = 4 }}"
    ));
    live.until_locked();
    let threads = threads_of("self");
    for (name, core, priority) in [("ptp-0", first, 5), ("discipline", last, 6), ("ntp-0", last, 4)] {
        let (policy, priority) = if is_allowed { (SCHED_FIFO, priority) } else { (SCHED_OTHER, 0) };
        assert_eq!(placement(threads[name]), (core.to_string(), policy, priority), "{name}");
    }
    assert_eq!(placement(threads["truth"]).1, SCHED_OTHER, "nobody else");
    let status = live.daemon.status();
    let refused = status.events.iter().filter(|event| event.text.contains("SCHED_FIFO")).count();
    assert_eq!(refused, if is_allowed { 0 } else { 3 }, "{:#?}", status.events);
    assert_eq!(live.truth().violations, 0);
}

#[test]
fn a_core_or_a_priority_that_is_not_to_be_had_is_a_warning() {
    let _beside = beside_others();
    let open = Open::new();
    let [event, general, ntp] = free_ports();
    let directory = open.directory.path().display();
    let file = open.directory.path().join("place.toml");
    let text = format!(
        "clock.system = {{ simulated = {{ }} }}\nntp.server.listen = ['127.0.0.1:{ntp}']\nobserve.http = 'off'\n\
         observe.runtime_directory = '{directory}/run'\nobserve.state_directory = '{directory}/state'\n\
         threads.ptp = {{ core = 1000, priority = 5 }}\nthreads.discipline.priority = 6\n\
         threads.server = {{ core = 1001, priority = 4 }}\n\
         [[ptp]]\ninterface = 'lo'\nevent_port = {event}\ngeneral_port = {general}\n"
    );
    std::fs::write(&file, text).unwrap();
    let mut running = Running::start(open.ordinary_user().arg("run").arg(&file));
    for warning in [
        "thread ptp-0: CPU 1000 is not available; the thread runs anywhere",
        "thread ptp-0: SCHED_FIFO 5 was refused; it needs CAP_SYS_NICE or LimitRTPRIO=",
        "thread discipline: SCHED_FIFO 6 was refused",
        "a worker is not pinned to core 1001",
        "a worker runs without SCHED_FIFO 4",
    ] {
        assert!(running.line(warning).contains("WARN"), "{warning}");
    }
    assert!(running.is_running());
    running.signal(Signal::SIGTERM);
    assert!(running.wait().0.success());
}
