//! The threads that answer: who gets which requests, how they wait, and what becomes of one that ends.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration as Timeout, Instant};

use synchronome::clock::HostClock;
use synchronome::engine::{Asks, Recorder, Tape};
use synchronome::ntp::server::ServerCounter;
use synchronome::runtime::server::{ServerNotice, ServerOptions, WorkerHandle};
use synchronome::sharing::Latch;
use synchronome::time::Duration;
use synchronome_kernel::sched;

use super::LOCALHOST;
use super::support::{self, Served, ask, client, eventually};

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
    let address = served.address();
    let requests = |worker: usize| served.server.workers()[worker].figures().counts.get(ServerCounter::Requests);
    for core in cores.iter().copied() {
        let before: Vec<_> = (0..cores.len()).map(requests).collect();
        on_core(core, move || {
            for _ in 0..50 {
                // Another port each time: by address they would be spread over both.
                let _ = ask(&client(address));
            }
        });
        for (worker, before) in before.into_iter().enumerate() {
            let got = requests(worker) - before;
            let is_its_own = cores[worker] == core;
            assert!(if is_its_own { got >= 50 } else { got == 0 }, "core {core}: worker {worker} got {got}");
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
            ServerNotice::WorkerReplaced { worker: 0 }
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
