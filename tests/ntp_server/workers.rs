//! The threads that answer: who gets which requests, how they wait, and what becomes of one that ends.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration as Timeout, Instant};

use nix::sched::{CloneFlags, setns, unshare};
use synchronome::clock::HostClock;
use synchronome::engine::{Asks, Recorder, Tape};
use synchronome::ntp::server::ServerCounter;
use synchronome::runtime::server::{ServerNotice, ServerOptions, WorkerHandle};
use synchronome::sharing::Latch;
use synchronome::time::Duration;
use synchronome::wire::ntp::{Header, parse};
use synchronome_kernel::sched;

use super::LOCALHOST;
use super::support::{self, Served, ask, client, eventually, in_namespace, is_in_namespace, output_of};

/// Two cores; in the reverse order, so that a worker's place among the sockets is not its core's number.
fn two_cores_in_reverse() -> Vec<usize> {
    let cores: Vec<_> = sched::available_cpus().expect("a set of cores").into_iter().take(2).rev().collect();
    assert_eq!(cores.len(), 2, "this test needs two cores");
    cores
}

fn on_core(core: usize, body: impl FnOnce() + Send + 'static) {
    let pinned = move || {
        let mut set = nix::sched::CpuSet::new();
        set.set(core).expect("a core");
        nix::sched::sched_setaffinity(nix::unistd::Pid::from_raw(0), &set).expect("may be pinned");
        body();
    };
    std::thread::spawn(pinned).join().expect("it does not panic");
}

/// One request, whose answer nobody waits for.
fn send_from(core: usize, address: SocketAddr) {
    on_core(core, move || assert_eq!(client(address).send(&support::request(1)).ok(), Some(48)));
}

/// Asks from each of these cores: its worker alone gets it. The loopback receives on the core that sends.
fn assert_steered(served: &Served, cores: &[usize]) {
    assert_steered_at(served, served.address(), cores, || {});
}

/// The same at one of its addresses, asked from where `enter` leads.
fn assert_steered_at(served: &Served, address: SocketAddr, cores: &[usize], enter: impl Fn() + Clone + Send + 'static) {
    let requests = |worker: usize| served.server.workers()[worker].figures().counts.get(ServerCounter::Requests);
    for core in cores.iter().copied() {
        let before: Vec<_> = (0..cores.len()).map(requests).collect();
        let enter = enter.clone();
        on_core(core, move || {
            enter();
            for _ in 0..50 {
                // Another port each time: by address they would be spread over both.
                let _ = ask(&client(address));
            }
        });
        for (worker, before) in before.into_iter().enumerate() {
            let got = requests(worker) - before;
            let is_its_own = cores[worker] == core;
            assert!(if is_its_own { got >= 50 } else { got == 0 }, "{address}, core {core}: worker {worker} got {got}");
        }
    }
}

#[test]
fn each_worker_gets_what_came_in_on_its_own_core() {
    let cores = two_cores_in_reverse();
    let options =
        ServerOptions { listen: vec![(LOCALHOST, 0).into()], cores: cores.clone(), ..ServerOptions::default() };
    let mut served = Served::with(&options);
    assert!(!served.server.take_notices().iter().any(|notice| matches!(notice, ServerNotice::NotSteered { .. })));
    assert_steered(&served, &cores);
}

#[test]
fn each_worker_gets_what_came_in_on_its_own_core_over_ipv6() {
    if !is_in_namespace() {
        return in_namespace("workers::each_worker_gets_what_came_in_on_its_own_core_over_ipv6", &[]);
    }
    let cores = two_cores_in_reverse();
    let v6: SocketAddr = "[::1]:0".parse().expect("an address");
    let options =
        ServerOptions { listen: vec![v6, (LOCALHOST, 0).into()], cores: cores.clone(), ..ServerOptions::default() };
    let mut served = Served::with(&options);
    assert!(!served.server.take_notices().iter().any(|notice| matches!(notice, ServerNotice::NotSteered { .. })));
    let listening = served.server.listening().to_vec();
    assert_eq!(listening.len(), 2, "needs IPv6 (net.ipv6.conf.all.disable_ipv6=0): {listening:?}");
    for address in listening {
        assert_steered_at(&served, address, &cores, || {});
    }
}

#[test]
fn each_worker_gets_what_came_over_a_cable_to_its_own_core() {
    if !is_in_namespace() {
        return in_namespace("workers::each_worker_gets_what_came_over_a_cable_to_its_own_core", &[]);
    }
    // Another host, as long as somebody has it open. A cable hands a packet over on the core that it was sent from.
    let apart = || {
        unshare(CloneFlags::CLONE_NEWNET).expect("root of a user namespace");
        File::open("/proc/thread-self/ns/net").expect("proc(5)")
    };
    let far = Arc::new(std::thread::spawn(apart).join().expect("no panic"));
    let enter = {
        let far = Arc::clone(&far);
        move || setns(&*far, CloneFlags::CLONE_NEWNET).expect("ours")
    };
    let ip = |arguments: &str| output_of("ip", "iproute2", &arguments.split(' ').collect::<Vec<_>>());
    let far_path = format!("/proc/{}/fd/{}", std::process::id(), far.as_raw_fd());
    ip(&format!("link add va type veth peer name vb netns {far_path}"));
    let configure = |interface: &str, host: u8| {
        ip(&format!("address add 192.0.2.{host}/24 dev {interface}"));
        ip(&format!("address add 2001:db8::{host}/64 dev {interface} nodad"));
        ip(&format!("link set {interface} up"));
    };
    configure("va", 1);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            enter();
            configure("vb", 2);
        });
    });
    let cores = two_cores_in_reverse();
    let listen: Vec<SocketAddr> =
        ["192.0.2.1:123", "[2001:db8::1]:123"].map(|text| text.parse().expect("an address")).into();
    let mut served =
        Served::with(&ServerOptions { listen: listen.clone(), cores: cores.clone(), ..ServerOptions::default() });
    assert_eq!(served.server.listening(), listen);
    assert!(!served.server.take_notices().iter().any(|notice| matches!(notice, ServerNotice::NotSteered { .. })));
    for address in listen {
        assert_steered_at(&served, address, &cores, enter.clone());
    }
}

/// A tape that breaks down when it is told to: its worker panics with the next request.
#[derive(Debug)]
struct Faulty(Latch);

impl Tape for Faulty {
    fn asks(&mut self) -> Asks {
        assert!(!self.0.is_set(), "a fault that a test has made");
        Asks::Nothing
    }

    fn write(&mut self, _: &[u8]) -> bool {
        false
    }
}

#[test]
fn a_worker_that_dies_is_replaced_and_each_core_has_its_own_again() {
    let cores = two_cores_in_reverse();
    let options = ServerOptions {
        listen: vec![(LOCALHOST, 0).into(), (Ipv4Addr::new(127, 0, 0, 2), 0).into()],
        cores: cores.clone(),
        ..ServerOptions::default()
    };
    let faults = [Latch::default(), Latch::default()];
    let mut faulty = faults.to_vec();
    let mut recorders = |_: &str| Some(Recorder::new(Box::new(Faulty(faulty.remove(0)))));
    let mut served = Served::attended(&options, &mut recorders);
    assert_steered(&served, &cores);
    served.server.take_notices();
    let requests = served.server.count(ServerCounter::Requests);

    // The first one: its socket's number is not the last.
    faults[0].set();
    assert!(eventually(|| {
        send_from(cores[0], served.address());
        served.server.has_lost_a_worker()
    }));
    served.server.look_after_workers(HostClock.mono(), &mut |_| None);
    assert_eq!(
        served.server.take_notices(),
        [
            ServerNotice::WorkerEnded { worker: 0, errno: None, again_after: Duration::ZERO },
            ServerNotice::WorkerReplaced { worker: 0, clients: 1, forgotten: 0 }
        ]
    );
    assert_eq!((served.server.restarts(), served.server.has_lost_a_worker()), (1, false));
    assert!(served.server.count(ServerCounter::Requests) >= requests, "what was counted stays");
    assert_steered(&served, &cores);

    // The other one, which soon gets nobody in its place: the first answers for both until then.
    faults[1].set();
    assert!(eventually(|| {
        send_from(cores[1], served.address());
        served.server.has_lost_a_worker()
    }));
    let again = Latch::default();
    again.set();
    served.server.look_after_workers(HostClock.mono(), &mut |_| Some(Recorder::new(Box::new(Faulty(again.clone())))));
    assert_eq!(served.server.restarts(), 2);
    assert!(eventually(|| {
        send_from(cores[1], served.address());
        served.server.has_lost_a_worker()
    }));
    let now = HostClock.mono();
    served.server.look_after_workers(now, &mut |_| None);
    let ended = ServerNotice::WorkerEnded { worker: 1, errno: None, again_after: Duration::SECOND };
    assert!(served.server.take_notices().contains(&ended));
    assert_eq!(served.server.restarts(), 2, "it ended soon: not at once again");
    for address in served.server.listening().to_vec() {
        for _ in 0..20 {
            assert_eq!(ask(&client(address)).header.stratum, 2);
        }
    }
    served.server.look_after_workers(now + Duration::SECOND, &mut |_| None);
    assert_eq!(served.server.restarts(), 3);
    assert_steered(&served, &cores);
}

/// A request of interleaved mode with these three stamps, and the answer to it.
fn ask_interleaved(client: &UdpSocket, stamps: [u64; 3]) -> Header {
    let mut request = support::request(0);
    for (at, stamp) in [24, 32, 40].into_iter().zip(stamps) {
        request[at..at + 8].copy_from_slice(&stamp.to_be_bytes());
    }
    client.send(&request).expect("loopback");
    let mut data = [0; 64];
    let length = client.recv(&mut data).expect("an answer");
    parse(&data[..length]).expect("an NTP packet").header
}

#[test]
fn a_worker_in_another_ones_place_knows_its_clients_and_one_in_the_place_of_an_heir_that_died_soon_knows_nobody() {
    let options = ServerOptions { listen: vec![(LOCALHOST, 0).into()], ..ServerOptions::default() };
    let faults = [Latch::default(), Latch::default()];
    let recorder = |fault: &Latch| Some(Recorder::new(Box::new(Faulty(fault.clone()))));
    let mut served = Served::attended(&options, &mut |_| recorder(&faults[0]));
    let client = client(served.address());
    let requests = |served: &mut Served| {
        // As the worker has it after the first call.
        served.server.busiest_clients();
        assert!(eventually(|| served.server.busiest_clients().0 > 0));
        served.server.busiest_clients().1[0].requests
    };
    let dies = |served: &Served, fault: &Latch| {
        fault.set();
        assert!(eventually(|| {
            client.send(&support::request(1)).expect("loopback");
            served.server.has_lost_a_worker()
        }));
    };
    let is_awaited =
        |served: &Served, departures| eventually(|| served.server.count(ServerCounter::Departures) > departures);
    let first = ask_interleaved(&client, [0, 2, 3]);
    let second = ask_interleaved(&client, [first.receive_timestamp.to_bits(), 4, 5]);
    assert!(is_awaited(&served, 0), "when it left is known");
    let before = requests(&mut served);
    assert!(before >= 2, "{before}");

    dies(&served, &faults[0]);
    let now = HostClock.mono();
    served.server.look_after_workers(now, &mut |_| recorder(&faults[1]));
    let replaced = ServerNotice::WorkerReplaced { worker: 0, clients: 1, forgotten: 0 };
    assert!(served.server.take_notices().contains(&replaced));
    let departures = served.server.count(ServerCounter::Departures);
    let third = ask_interleaved(&client, [second.receive_timestamp.to_bits(), 6, 7]);
    assert_eq!(third.origin_timestamp.to_bits(), 6, "it is interleaved: the answer before is remembered");
    assert!(third.transmit_timestamp.since(second.transmit_timestamp) >= Duration::ZERO);
    assert!(is_awaited(&served, departures));
    let after = requests(&mut served);
    assert!(after > before, "{after} requests, of which {before} were the other one's");

    // The heir ends soon: nobody takes over what it may have died of.
    dies(&served, &faults[1]);
    served.server.look_after_workers(now, &mut |_| None);
    served.server.look_after_workers(now + Duration::SECOND, &mut |_| None);
    assert_eq!(served.server.restarts(), 2);
    let replaced = ServerNotice::WorkerReplaced { worker: 0, clients: 0, forgotten: 0 };
    assert!(served.server.take_notices().contains(&replaced));
    let fourth = ask_interleaved(&client, [third.receive_timestamp.to_bits(), 8, 9]);
    assert_eq!(fourth.origin_timestamp.to_bits(), 9, "in basic mode, as with anybody who is not known");
    assert_eq!(requests(&mut served), 1);
}

/// How long a thread has run, or wanted to, in seconds (`/proc/PID/task/TID/schedstat`, Documentation/scheduler/sched-stats.rst).
fn runnable_s(thread: u32) -> f64 {
    let path = format!("/proc/self/task/{thread}/schedstat");
    let figures = std::fs::read_to_string(path).expect("a kernel with CONFIG_SCHED_INFO");
    let nanos = figures.split_whitespace().take(2).map(|figure| figure.parse::<u64>().expect("a number"));
    Timeout::from_nanos(nanos.sum()).as_secs_f64()
}

#[test]
fn a_worker_with_a_busy_poll_does_not_sleep_for_so_long_after_a_request_and_lives_and_ends_as_any_other() {
    let busy_poll = Duration::from_millis(700);
    let options = ServerOptions { listen: vec![(LOCALHOST, 0).into()], busy_poll, ..ServerOptions::default() };
    let mut served = Served::with(&options);
    let refused = |notice: &ServerNotice| matches!(notice, ServerNotice::NoBusyPoll { .. });
    let is_told = served.server.take_notices().iter().any(refused);
    assert!(nix::unistd::geteuid().is_root() || is_told, "without CAP_NET_ADMIN the kernel does not look into queues");
    let worker = served.server.workers()[0].thread_id();
    let within = |what: Timeout| {
        let before = runnable_s(worker);
        std::thread::sleep(what);
        (runnable_s(worker) - before) / what.as_secs_f64()
    };
    let (asleep, client) = (Timeout::from_millis(400), client(served.address()));
    assert!(within(asleep) < 0.5, "it sleeps until the first request");
    for _ in 0..3 {
        assert_eq!(ask(&client).header.stratum, 2);
    }
    let share = within(Timeout::from_millis(400));
    assert!(share > 0.8, "awake for {share} of the time");
    let age = served.server.workers()[0].pulse().age(HostClock.mono());
    assert!(age < Duration::from_millis(300), "no sign of life for {age}");
    // A change of what is listened on, and the questions of the control thread, are heard meanwhile.
    served.server.busiest_clients();
    assert!(eventually(|| served.server.busiest_clients().0 == 1));
    std::thread::sleep(Timeout::from_millis(700));
    assert!(within(asleep) < 0.5, "it sleeps again when nothing has come for so long");
    assert_eq!(ask(&client).header.stratum, 2);
    let start = Instant::now();
    served.latch.set();
    while !served.server.workers()[0].is_finished() {
        assert!(start.elapsed() < Timeout::from_secs(10), "a worker does not end");
        std::thread::sleep(Timeout::from_millis(1));
    }
}

#[test]
fn all_workers_end_within_200_ms_of_the_latch() {
    let cores = sched::available_cpus().expect("a set of cores");
    // The best of a few tries: this machine may be busy with something else.
    let quickest = (0..5)
        .map(|_| {
            let options =
                ServerOptions { listen: vec![(LOCALHOST, 0).into()], cores: cores.clone(), ..ServerOptions::default() };
            let served = Served::with(&options);
            assert!(!served.server.workers().iter().any(WorkerHandle::is_finished));
            let start = Instant::now();
            served.latch.set();
            while !served.server.workers().iter().all(WorkerHandle::is_finished) {
                assert!(start.elapsed() < Timeout::from_secs(10), "a worker does not end");
                std::thread::sleep(Timeout::from_millis(1));
            }
            start.elapsed()
        })
        .min();
    assert!(quickest <= Some(Timeout::from_millis(200)), "{quickest:?}");
}

#[test]
fn a_worker_shows_that_it_lives_while_nobody_asks() {
    let served = Served::on((LOCALHOST, 0));
    let worker = &served.server.workers()[0];
    let start = HostClock.mono();
    std::thread::sleep(Timeout::from_millis(700));
    let beaten_since_start = || worker.pulse().age(HostClock.mono()) < HostClock.mono() - start;
    assert!(eventually(beaten_since_start));
    assert_ne!(worker.thread_id(), sched::thread_id());
    assert!(std::path::Path::new(&format!("/proc/self/task/{}", worker.thread_id())).exists());
}
