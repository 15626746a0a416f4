//! Whoever supervises the daemon as a service: systemd, or what speaks its protocol, sd_notify(3).
//!
//! The daemon says when it is ready, what state the clock is in, that it reads its configuration again, that it ends; and,
//! where the supervisor wants to hear it, that it lives. It says that only while every timing thread goes round: a daemon
//! whose control thread is well and whose clocks nobody steers is not alive.
//!
//! All of it is said by the control thread. The socket does not block: a supervisor that does not listen delays nothing.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::time::{Duration, Mono, Timestamp};

/// What the supervisor has put into our environment.
#[derive(Clone, Copy, Default, Debug)]
pub struct Environment<'a> {
    /// `NOTIFY_SOCKET`: a path, or a name in the abstract namespace after an `@`.
    pub notify_socket: Option<&'a OsStr>,
    /// `WATCHDOG_USEC`: who has not said for so long that he lives is killed.
    pub watchdog_usec: Option<&'a OsStr>,
    /// `WATCHDOG_PID`: whom that is meant for; us, if it is not there.
    pub watchdog_pid: Option<&'a OsStr>,
}

/// The way to the supervisor; without one, everything is said to nobody.
#[derive(Default, Debug)]
pub struct Supervisor {
    socket: Option<UnixDatagram>,
    /// How often it wants to hear that we live.
    feed_every: Option<Duration>,
    feed_at: Option<Timestamp<Mono>>,
    said: String,
}

impl Supervisor {
    /// The one that started us, by the environment of this process.
    ///
    /// # Errors
    /// There is one, and it cannot be reached: its socket's error.
    pub fn of_this_process() -> io::Result<Self> {
        let [socket, usec, pid] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"].map(std::env::var_os);
        Self::new(
            &Environment {
                notify_socket: socket.as_deref(),
                watchdog_usec: usec.as_deref(),
                watchdog_pid: pid.as_deref(),
            },
            std::process::id(),
        )
    }

    /// The one that such an environment names, for a process.
    ///
    /// # Errors
    /// As [`Supervisor::of_this_process`].
    pub fn new(environment: &Environment<'_>, process: u32) -> io::Result<Self> {
        let Some(name) = environment.notify_socket.filter(|name| !name.is_empty()) else { return Ok(Self::default()) };
        let address = match name.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(name)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        socket.set_nonblocking(true)?;
        let number = |text: Option<&OsStr>| text.and_then(OsStr::to_str).and_then(|text| text.parse::<i64>().ok());
        let is_ours = environment.watchdog_pid.is_none() || number(environment.watchdog_pid) == Some(process.into());
        let limit = number(environment.watchdog_usec).filter(|usec| is_ours && *usec > 0);
        // Half of the limit, as sd_watchdog_enabled(3) recommends.
        let feed_every = limit.map(|usec| Duration::from_micros(usec).half());
        Ok(Self { socket: Some(socket), feed_every, feed_at: None, said: String::new() })
    }

    /// How often [`Supervisor::lives`] wants to be called at least; `None` if nobody waits for it.
    pub fn feed_every(&self) -> Option<Duration> {
        self.feed_every
    }

    /// The sockets are open and the threads run; said again when a [reload](Self::reloads) is over.
    pub fn is_ready(&self) {
        self.say("READY=1");
    }

    /// The configuration is read again.
    pub fn reloads(&self, now: Timestamp<Mono>) {
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={}", now.nanos() / 1_000));
    }

    /// The daemon ends.
    pub fn stops(&self) {
        self.say("STOPPING=1");
    }

    /// Whether there is one.
    pub fn is_there(&self) -> bool {
        self.socket.is_some()
    }

    /// What the daemon does, one sentence; goes out if it is another one than last time.
    pub fn hears(&mut self, words: &str) {
        if self.socket.is_some() && self.said != words {
            words.clone_into(&mut self.said);
            // A line end would begin another assignment.
            self.say(&format!("STATUS={}", words.replace('\n', " ")));
        }
    }

    /// Every thread went round of late; goes out as often as the supervisor wants it.
    pub fn lives(&mut self, now: Timestamp<Mono>) {
        if let Some(every) = self.feed_every.filter(|_| self.feed_at.is_none_or(|at| now >= at)) {
            self.feed_at = Some(now + every);
            self.say("WATCHDOG=1");
        }
    }

    fn say(&self, text: &str) {
        if let Some(socket) = &self.socket {
            // One that has gone, or is behind with its reading, hears the next.
            let _ = socket.send(text.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp<Mono> {
        Timestamp::EPOCH + Duration::from_millis(millis)
    }

    /// What has come.
    fn heard(ear: &UnixDatagram) -> Vec<String> {
        ear.set_nonblocking(true).unwrap();
        let mut bytes = [0; 1024];
        let texts = std::iter::from_fn(|| ear.recv(&mut bytes).ok().map(|length| bytes[..length].to_vec()));
        texts.map(|bytes| String::from_utf8(bytes).unwrap()).collect()
    }

    fn watched_by<'a>(name: &'a str, usec: &'a str, pid: &'a str) -> Environment<'a> {
        let [notify_socket, watchdog_usec, watchdog_pid] = [name, usec, pid].map(|text| Some(OsStr::new(text)));
        Environment { notify_socket, watchdog_usec, watchdog_pid }
    }

    #[test]
    fn without_a_supervisor_nothing_is_said() {
        let mut nobody = Supervisor::new(&Environment::default(), 7).unwrap();
        nobody.is_ready();
        nobody.hears("LOCKED");
        nobody.lives(at(0));
        assert_eq!((nobody.feed_every(), nobody.said.as_str()), (None, ""));
        assert!(Supervisor::new(&watched_by("", "1000000", "7"), 7).unwrap().socket.is_none());
    }

    #[test]
    fn one_that_is_named_and_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        Supervisor::new(&watched_by(path.to_str().unwrap(), "", ""), 7).unwrap_err();
    }

    #[test]
    fn the_protocol_is_that_of_sd_notify_by_path_and_by_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("synchronome-supervisor-{}", std::process::id());
        let abstract_ear = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        for (ear, name) in
            [(UnixDatagram::bind(&path).unwrap(), path.to_str().unwrap()), (abstract_ear, &format!("@{name}"))]
        {
            let mut supervisor = Supervisor::new(&watched_by(name, "3000000", "7"), 7).unwrap();
            supervisor.is_ready();
            supervisor.hears("LOCKED: two\nlines");
            supervisor.hears("LOCKED: two\nlines");
            supervisor.reloads(at(12_345));
            supervisor.stops();
            let expected =
                ["READY=1", "STATUS=LOCKED: two lines", "RELOADING=1\nMONOTONIC_USEC=12345000", "STOPPING=1"];
            assert_eq!(heard(&ear), expected);
        }
    }

    #[test]
    fn it_hears_twice_in_its_limit_that_we_live_and_only_if_it_is_meant_for_us() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let ear = UnixDatagram::bind(&path).unwrap();
        let name = path.to_str().unwrap();
        let mut supervisor = Supervisor::new(&watched_by(name, "3000000", "7"), 7).unwrap();
        assert_eq!(supervisor.feed_every(), Some(Duration::from_millis(1_500)));
        for millis in (10_000..=13_000).step_by(500) {
            supervisor.lives(at(millis));
        }
        assert_eq!(heard(&ear), ["WATCHDOG=1"; 3], "at 10 s, 11.5 s and 13 s");
        for environment in [watched_by(name, "3000000", "8"), watched_by(name, "0", "7"), watched_by(name, "x", "7")] {
            let mut supervisor = Supervisor::new(&environment, 7).unwrap();
            supervisor.lives(at(0));
            assert_eq!((supervisor.feed_every(), heard(&ear)), (None, Vec::new()));
        }
    }

    #[test]
    fn one_that_does_not_listen_blocks_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let ear = UnixDatagram::bind(&path).unwrap();
        let supervisor = Supervisor::new(&watched_by(path.to_str().unwrap(), "", ""), 7).unwrap();
        let queue_max = 100_000;
        let is_full = (0..queue_max).any(|_| supervisor.socket.as_ref().unwrap().send(b"READY=1").is_err());
        assert!(is_full, "the queue of a datagram socket has an end");
        supervisor.stops();
        drop(ear);
        supervisor.stops();
    }
}
