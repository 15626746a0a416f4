//! Network namespaces that a test makes and removes, and what connects them.
//!
//! All names and addresses live inside the namespaces; the machine's own network is never touched. Everything that is
//! started there runs without CAP_SYS_TIME, so that nothing can set the machine's clock, and ends with the thread that
//! started it.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};
use tempfile::TempDir;

/// Some tests measure microseconds, and the machine may have two cores: theirs is the only lab then. Those that wait for seconds for something
/// to happen run beside each other.
static ALONE: RwLock<()> = RwLock::new(());

#[derive(Debug)]
enum Turn {
    Alone { _guard: RwLockWriteGuard<'static, ()> },
    Beside { _guard: RwLockReadGuard<'static, ()> },
}

/// Where `ip netns` keeps the namespaces' names.
const NAMESPACES: &str = "/run/netns";

/// The namespaces of one test; removed when this is dropped.
#[derive(Debug)]
pub struct Lab {
    spaces: Vec<Space>,
    directory: TempDir,
    _turn: Turn,
}

/// One network namespace, with `lo` up.
#[derive(Clone, Debug)]
pub struct Space {
    name: String,
}

/// One end of a virtual cable.
#[derive(Clone, Copy, Debug)]
pub struct End<'a> {
    pub space: &'a Space,
    pub interface: &'a str,
    /// Last octet of its addresses: 10.71.0.N/24 and 02:00:0a:47:00:N. `None`: the end has no IPv4 address.
    pub host: Option<u8>,
}

impl Lab {
    /// Waits until no other test has one.
    pub fn new() -> Self {
        Self::in_turn(Turn::Alone { _guard: ALONE.write().unwrap_or_else(PoisonError::into_inner) })
    }

    /// Waits until no test has one that must be alone. CI runs these at the same time: all but the modules called `alone` and those that its step
    /// names.
    pub fn beside_others() -> Self {
        Self::in_turn(Turn::Beside { _guard: ALONE.read().unwrap_or_else(PoisonError::into_inner) })
    }

    fn in_turn(turn: Turn) -> Self {
        assert!(
            nix::unistd::geteuid().is_root(),
            "these tests make network namespaces: run them as root, with CAP_SYS_ADMIN and CAP_NET_ADMIN"
        );
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self { spaces: Vec::new(), directory, _turn: turn }
    }

    /// For configurations, logs, sockets and captures.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A namespace more.
    pub fn space(&mut self) -> Space {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let space = Space { name: format!("synchronome-{}-{number}", std::process::id()) };
        ip(&format!("netns add {}", space.name));
        self.spaces.push(space.clone());
        space.ip("link set lo up");
        space
    }

    /// Two namespaces with a cable between them, as in most tests: a master at `va`, 10.71.0.1, and a slave at `vb`,
    /// 10.71.0.2.
    pub fn pair(&mut self) -> (Space, Space) {
        let (master, slave) = (self.space(), self.space());
        join_pair(&master, &slave);
        (master, slave)
    }

    /// One more behind the second of them, by a cable from `vc` to `vd`, which have no address yet.
    pub fn behind(&mut self, between: &Space) -> Space {
        let inside = self.space();
        let end = |space, interface| End { space, interface, host: None };
        connect(end(between, "vc"), end(&inside, "vd"));
        inside
    }

    /// Three in a row: [`Lab::pair`], and one behind.
    pub fn row(&mut self) -> (Space, Space, Space) {
        let (top, between) = self.pair();
        let inside = self.behind(&between);
        (top, between, inside)
    }

    /// Two, and both have an IPv6 address too: fd71::1 and fd71::2.
    pub fn pair6(&mut self) -> [Space; 2] {
        let (master, slave) = self.pair();
        master.ip("address add fd71::1/64 dev va nodad");
        slave.ip("address add fd71::2/64 dev vb nodad");
        [master, slave]
    }

    /// Two by IPv4 alone, and the master's end has the addresses of these hosts too.
    pub fn pair_with(&mut self, hosts: &[u8]) -> (Space, Space) {
        let (master, slave) = self.pair();
        for host in hosts {
            master.ip(&format!("address add 10.71.0.{host}/24 dev va"));
        }
        (master, slave)
    }
}

/// The cable of [`Lab::pair`].
pub fn join_pair(master: &Space, slave: &Space) {
    connect(
        End { space: master, interface: "va", host: Some(1) },
        End { space: slave, interface: "vb", host: Some(2) },
    );
}

impl Drop for Lab {
    fn drop(&mut self) {
        for space in &self.spaces {
            let removed = Command::new(installed("ip", "iproute2")).args(["netns", "del", &space.name]).output();
            if !removed.is_ok_and(|output| output.status.success()) {
                eprintln!("could not remove the namespace {0}: `ip netns del {0}` will", space.name);
            }
        }
    }
}

/// Does the same with each of these, so many at a time: what came of it, in their order, or the first line of why it failed, and how long it took.
pub fn side_by_side<I: Sync, T: Send>(
    items: &[I],
    at_a_time: usize,
    action: impl Fn(&I) -> T + Sync,
) -> Vec<(Result<T, String>, Duration)> {
    let (next, done) = (Mutex::new(items.iter().enumerate()), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let Some((place, item)) = next.lock().expect("nobody panics with it").next() else { return };
            let began = Instant::now();
            let outcome = catch_unwind(AssertUnwindSafe(|| action(item)));
            let outcome = outcome.map_err(|panic| {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
                text.and_then(|text| text.lines().next()).unwrap_or_default().to_owned()
            });
            done.lock().expect("nobody panics with it").push((place, (outcome, began.elapsed())));
        }
    };
    std::thread::scope(|scope| (0..at_a_time).for_each(|_| _ = scope.spawn(work)));
    let mut done = done.into_inner().expect("nobody panics with it");
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Joins two ends by a cable, and sets them up.
pub fn connect(a: End<'_>, b: End<'_>) {
    a.space.ip(&format!("link add {} type veth peer name {} netns {}", a.interface, b.interface, b.space.name));
    for end in [a, b] {
        if let Some(host) = end.host {
            end.space.ip(&format!("link set {} address 02:00:0a:47:00:{host:02x}", end.interface));
            end.space.ip(&format!("address add 10.71.0.{host}/24 dev {}", end.interface));
        }
        end.space.ip(&format!("link set {} up", end.interface));
    }
}

impl Space {
    /// Configures this namespace's network.
    pub fn ip(&self, arguments: &str) {
        ip(&format!("-n {} {arguments}", self.name));
    }

    /// A program in this namespace, without the capability to set a clock; ends with the calling thread.
    pub fn command(&self, program: &str, package: &str) -> Command {
        let mut command = Command::new(installed("ip", "iproute2"));
        command.args(["netns", "exec", &self.name]).arg(installed("setpriv", "util-linux"));
        command.args(["--pdeathsig", "KILL", "--bounding-set", "-sys_time", "--inh-caps", "-sys_time"]);
        command.arg(installed(program, package));
        command.env("LC_ALL", "C");
        command
    }

    /// Does something on a thread of this process that is in this namespace; threads that it starts are there too.
    pub fn inside<T: Send>(&self, action: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(Path::new(NAMESPACES).join(&self.name)).expect("the namespace exists");
        let act = || {
            setns(namespace, CloneFlags::CLONE_NEWNET).expect("CAP_SYS_ADMIN");
            action()
        };
        std::thread::scope(|scope| scope.spawn(act).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    }
}

fn ip(arguments: &str) {
    let output = Command::new(installed("ip", "iproute2")).args(arguments.split(' ')).output().expect("ip runs");
    assert!(
        output.status.success(),
        "`ip {arguments}` failed (network namespaces need root with CAP_SYS_ADMIN and CAP_NET_ADMIN; in a container: \
         --privileged): {}",
        text(&output)
    );
}

/// Where a program is; fails with the package to install if it is missing.
pub fn installed(program: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Daemons live where only root's PATH may lead.
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let mut found = places.map(|place| place.join(program)).filter(|path| path.exists());
    found.next().unwrap_or_else(|| panic!("this test needs {program}: install it with `apt-get install {package}`"))
}

/// Everything that a program printed.
pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
