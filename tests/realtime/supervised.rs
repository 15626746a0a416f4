//! What a supervisor hears of the daemon, by sd_notify(3).

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use super::child::{Running, free_ports, program, status};
use super::live::threads_of;
use super::{Held, beside_others};
use nix::sys::signal::Signal;

/// The supervisor's end.
struct Ear(UnixDatagram);

impl Ear {
    /// What comes until there is a message of which this is true, that one included.
    fn until(&self, is_meant: impl Fn(&str) -> bool) -> Vec<String> {
        self.0.set_read_timeout(Some(Duration::from_secs(20))).expect("a time");
        let mut heard = Vec::new();
        let mut bytes = [0; 4096];
        while heard.last().is_none_or(|last: &String| !is_meant(last)) {
            let length = self.0.recv(&mut bytes).unwrap_or_else(|error| panic!("{error} after {heard:?}"));
            heard.push(String::from_utf8_lossy(&bytes[..length]).into_owned());
        }
        heard
    }

    /// How often it hears in this time that the daemon lives.
    fn beats_in(&self, time: Duration) -> usize {
        let begin = Instant::now();
        let mut bytes = [0; 4096];
        let mut beats = 0;
        while let Some(left) = time.checked_sub(begin.elapsed()).filter(|left| !left.is_zero()) {
            self.0.set_read_timeout(Some(left)).expect("a time");
            beats += usize::from(self.0.recv(&mut bytes).is_ok_and(|length| &bytes[..length] == b"WATCHDOG=1"));
        }
        beats
    }
}

#[test]
fn a_supervisor_hears_that_the_daemon_is_ready_lives_reloads_and_ends_and_nothing_while_a_thread_stands_still() {
    let _beside = beside_others();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let [event, general] = free_ports();
    let file = path.join("synchronome.toml");
    let text = format!(
        "clock.system = {{ simulated = {{ offset = '1s' }} }}\nthreads.lock_memory = false\nobserve.http = 'off'\n\
         observe.runtime_directory = '{run}/run'\nobserve.state_directory = '{run}/state'\n\
         [[ptp]]\ninterface = 'lo'\nevent_port = {event}\ngeneral_port = {general}\n",
        run = path.display()
    );
    std::fs::write(&file, text).expect("written");
    let ear = Ear(UnixDatagram::bind(path.join("notify")).expect("a socket"));
    let mut command = program();
    command.arg("run").arg(&file).env("NOTIFY_SOCKET", path.join("notify")).env("WATCHDOG_USEC", "400000");
    let mut running = Running::start(&mut command);
    let heard = ear.until(|message| message == "READY=1");
    assert!(heard[0].starts_with("STATUS=NEVER_SYNCED: no source has given a usable time yet"), "{heard:?}");
    status(&path.join("run/status.sock"));
    assert!(ear.beats_in(Duration::from_secs(2)) >= 5, "every 200 ms");

    let held = Held::hold(threads_of(running.pid())["discipline"]);
    let heard = ear.until(|message| message.starts_with("STATUS="));
    assert_eq!(heard.last().map(String::as_str), Some("STATUS=stalled: thread discipline"));
    assert_eq!(ear.beats_in(Duration::from_secs(2)), 0, "it would be killed, and started again");
    drop(held);
    ear.until(|message| message == "WATCHDOG=1");

    running.signal(Signal::SIGHUP);
    let heard = ear.until(|message| message == "READY=1");
    let reloading = heard.iter().find(|message| message.starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert!(reloading.is_some(), "{heard:?}");
    running.signal(Signal::SIGTERM);
    ear.until(|message| message == "STOPPING=1");
    assert!(running.wait().0.success());
}

#[test]
fn a_supervisor_that_is_gone_is_named_and_does_not_keep_the_daemon_from_running() {
    let _beside = beside_others();
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("synchronome.toml");
    let text = format!("observe.runtime_directory = '{}'\nobserve.http = 'off'\n", directory.path().display());
    std::fs::write(&file, text + "threads.lock_memory = false\n").expect("written");
    let running = Running::start(program().arg("run").arg(&file).env("NOTIFY_SOCKET", directory.path().join("gone")));
    running.line("cannot be reached (NOTIFY_SOCKET)");
    status(&directory.path().join("status.sock"));
    running.end();
}
