//! A server with a hand-written snapshot, a client, and the foreign programs.

use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration as Timeout, Instant};

use synchronome::clock::HostClock;
use synchronome::engine::Recorder;
use synchronome::runtime::server::{ServedTime, Server, ServerError, ServerOptions};
use synchronome::sharing::{BoundParts, Latch, PhcLines, Seqlock, StampingInterfaces, TimeSnapshot};
use synchronome::time::{Duration, FrequencyPpb, LeapIndicator, NtpTimestamp, SyncState, Timestamp, Utc};
use synchronome::wire::ntp::{Header, parse};

/// What the served clock is ahead of the host's.
pub const OFFSET: Duration = Duration::from_millis(12_500);

/// What the server claims to be wrong by at most; in truth it is right, so this is what a busy machine may add.
pub const BOUND: Duration = Duration::from_millis(20);

/// How long anything may take here before it counts as not happening.
const PATIENCE: Timeout = Timeout::from_secs(20);

/// Renews the snapshot as the discipline thread would.
const RENEWAL: Timeout = Timeout::from_millis(50);

/// Set in the process that runs inside a namespace.
const IN_NAMESPACE: &str = "SYNCHRONOME_TEST_IN_NAMESPACE";

/// Locked, and right: [`OFFSET`] ahead of the host's clock.
pub fn synchronised() -> TimeSnapshot {
    let (mono, local, _) = HostClock.both();
    let utc: Timestamp<Utc> = (local + OFFSET).read_as();
    TimeSnapshot {
        state: SyncState::Locked,
        leap: LeapIndicator::NoWarning,
        stratum: 2,
        reference_id: *b"PTP\0",
        anchor_local: local,
        anchor_utc: utc,
        parts: BoundParts { path: BOUND.half(), offset: BOUND.half(), ..BoundParts::default() },
        is_bounded: true,
        drift_rate: FrequencyPpb::from_ppm(1.0),
        reference_time: utc,
        last_sample: Some(mono),
        ..TimeSnapshot::unsynchronised(mono)
    }
}

/// As a daemon that has just started.
pub fn unsynchronised() -> TimeSnapshot {
    TimeSnapshot::unsynchronised(HostClock.mono())
}

/// A running server and the thread that renews its snapshot.
#[derive(Debug)]
pub struct Served {
    pub server: Server,
    pub latch: Latch,
    renewal: Option<JoinHandle<()>>,
}

impl Served {
    /// On one address, synchronised.
    pub fn on(address: impl Into<SocketAddr>) -> Self {
        Self::saying(address, synchronised)
    }

    /// On one address, with what `snapshot` says.
    pub fn saying(address: impl Into<SocketAddr>, snapshot: impl Fn() -> TimeSnapshot + Send + 'static) -> Self {
        let options = ServerOptions { listen: vec![address.into()], ..ServerOptions::default() };
        Self::start(&options, snapshot).expect("a server")
    }

    /// Synchronised.
    pub fn with(options: &ServerOptions) -> Self {
        Self::try_with(options).expect("a server")
    }

    /// With what `snapshot` says.
    pub fn with_saying(options: &ServerOptions, snapshot: impl Fn() -> TimeSnapshot + Send + 'static) -> Self {
        Self::start(options, snapshot).expect("a server")
    }

    /// Synchronised, if it starts.
    pub fn try_with(options: &ServerOptions) -> Result<Self, ServerError> {
        Self::start(options, synchronised)
    }

    /// Synchronised, with these recorders.
    pub fn attended(options: &ServerOptions, recorders: &mut dyn FnMut(&str) -> Option<Recorder>) -> Self {
        Self::start_attended(options, synchronised, recorders).expect("a server")
    }

    fn start(
        options: &ServerOptions,
        snapshot: impl Fn() -> TimeSnapshot + Send + 'static,
    ) -> Result<Self, ServerError> {
        Self::start_attended(options, snapshot, &mut |_| None)
    }

    fn start_attended(
        options: &ServerOptions,
        snapshot: impl Fn() -> TimeSnapshot + Send + 'static,
        recorders: &mut dyn FnMut(&str) -> Option<Recorder>,
    ) -> Result<Self, ServerError> {
        let latch = Latch::default();
        let (mut writer, reader) = Seqlock::new(&snapshot());
        // Neither a card nor a PHC: only the kernel stamps here.
        let (_, lines) = Seqlock::new(&PhcLines::default());
        let (_, interfaces) = Seqlock::new(&StampingInterfaces::default());
        let (_, leap) = Seqlock::new(&None);
        let time = ServedTime { snapshot: reader, lines, interfaces, leap };
        let server = Server::spawn_attended(options, &time, latch.clone(), None, recorders)?;
        let ended = latch.clone();
        let renewal = std::thread::spawn(move || {
            while !ended.is_set() {
                writer.write(&snapshot());
                std::thread::sleep(RENEWAL);
            }
        });
        Ok(Self { server, latch, renewal: Some(renewal) })
    }

    /// The first address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.server.listening()[0]
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.latch.set();
        if let Some(renewal) = self.renewal.take() {
            renewal.join().expect("the renewal ends");
        }
    }
}

/// A socket that takes answers from this address alone.
pub fn client(server: impl ToSocketAddrs) -> UdpSocket {
    let server = server.to_socket_addrs().expect("an address").next().expect("one");
    let any: SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { "[::]:0".parse().expect("any") };
    let socket = UdpSocket::bind(any).expect("a socket");
    socket.connect(server).expect("a route");
    socket.set_read_timeout(Some(Timeout::from_secs(2))).expect("a timeout");
    socket
}

/// A request of version 4 with this transmit timestamp.
pub fn request(transmit: u64) -> Vec<u8> {
    let mut data = vec![0; 48];
    data[0] = 0x23;
    data[40..].copy_from_slice(&transmit.to_be_bytes());
    data
}

/// One exchange, as a client sees it.
#[derive(Debug)]
pub struct Ask {
    pub header: Header,
    pub offset: Duration,
    pub delay: Duration,
}

impl Ask {
    /// The exchange with the shortest delay.
    pub fn best_of(count: usize, client: &UdpSocket) -> Self {
        (0..count).map(|_| ask(client)).min_by_key(|seen| seen.delay).expect("at least one")
    }
}

/// Asks until there is an answer to this very request.
pub fn ask(client: &UdpSocket) -> Ask {
    static NUMBER: AtomicU64 = AtomicU64::new(0x1234_5678_0000_0001);
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        // RFC 9769's data minimisation: the transmit timestamp is a number of ours, not the time.
        let number = NUMBER.fetch_add(3, Ordering::Relaxed);
        let t1 = HostClock.stamping();
        client.send(&request(number)).expect("loopback");
        let mut data = [0; 512];
        while let Ok(length) = client.recv(&mut data) {
            let t4 = HostClock.stamping();
            let header = parse(&data[..length]).expect("an NTP packet").header;
            assert_eq!(length, 48);
            if header.origin_timestamp.to_bits() != number {
                continue; // Of an earlier try.
            }
            let on_wire = |at: Timestamp<_>| NtpTimestamp::from_utc(at.read_as());
            let there = header.receive_timestamp.since(on_wire(t1));
            let back = header.transmit_timestamp.since(on_wire(t4));
            let processing = header.transmit_timestamp.since(header.receive_timestamp);
            return Ask { header, offset: (there + back).half(), delay: (t4 - t1) - processing };
        }
    }
    panic!("no answer from {:?} within {PATIENCE:?}", client.peer_addr());
}

/// Whether it becomes true within some seconds.
pub fn eventually(mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if condition() {
            return true;
        }
        std::thread::sleep(Timeout::from_millis(2));
    }
    condition()
}

fn run(program: &str, package: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).env("LC_ALL", "C").output().unwrap_or_else(|error| {
        panic!("this test needs {program} ({error}): install it with `apt-get install {package}`")
    })
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs a program to its end; it must succeed.
pub fn output_of(program: &str, package: &str, arguments: &[&str]) -> String {
    let output = run(program, package, arguments);
    assert!(output.status.success(), "{program} {arguments:?}: {}", text(&output));
    text(&output)
}

/// Measures the server on this port of 127.0.0.1 once, without touching any clock; everything that it printed.
pub fn chronyd(port: u16, timeout_s: u32) -> String {
    chronyd_with(port, "iburst maxsamples 4", timeout_s)
}

/// The same, with these options of its `server`.
pub fn chronyd_with(port: u16, options: &str, timeout_s: u32) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    let server = format!("server 127.0.0.1 port {port} {options}");
    let pidfile = format!("pidfile {}/chronyd.pid", directory.path().display());
    let timeout = timeout_s.to_string();
    let mut arguments = vec!["chronyd", "-U", "-u", "root", "-x", "-Q", "-t", &timeout, &server, &pidfile];
    arguments.extend(["cmdport 0", "port 0", "bindcmdaddress /"]);
    if nix::unistd::geteuid().is_root() {
        // Debian has it in /usr/sbin, which `setpriv` finds by the PATH of root.
        let without = ["--bounding-set", "-sys_time", "--inh-caps", "-sys_time"];
        run("chronyd", "chrony", &["--version"]);
        text(&run("setpriv", "util-linux", &[&without[..], &arguments].concat()))
    } else {
        let program = if std::path::Path::new("/usr/sbin/chronyd").exists() { "/usr/sbin/chronyd" } else { "chronyd" };
        text(&run(program, "chrony", &arguments[1..]))
    }
}

/// One sample from port 123 of an address: whether it was taken, and everything that was printed.
pub fn ntpdig(address: &str) -> (bool, String) {
    let output = run("ntpdig", "ntpsec-ntpdig", &["-j", "-p", "1", "-t", "5", address]);
    (output.status.success(), text(&output))
}

/// The number of seconds after a piece of text.
pub fn number_after(output: &str, before: &str) -> Duration {
    let after = output.split(before).nth(1).unwrap_or_else(|| panic!("no {before:?} in:\n{output}"));
    let end = after.find(|c: char| !(c.is_ascii_digit() || "+-.".contains(c))).unwrap_or(after.len());
    Duration::from_secs_f64(after[..end].parse().unwrap_or_else(|_| panic!("no number after {before:?}:\n{output}")))
}

/// Whether this process is the one inside the namespace.
pub fn is_in_namespace() -> bool {
    std::env::var_os(IN_NAMESPACE).is_some()
}

/// Runs one test of this program again, in a network namespace of its own (as the root of a user namespace, which has
/// no power over the host's clock), through `wrapper`.
pub fn in_namespace(test: &str, wrapper: &[&str]) {
    let program = std::env::current_exe().expect("a program");
    let script = format!(
        "ip link set lo up && exec env {IN_NAMESPACE}=1 {} '{}' --exact {test} --nocapture",
        wrapper.join(" "),
        program.display()
    );
    let arguments = ["--map-root-user", "--net", "sh", "-c", &script];
    let output = run("unshare", "util-linux", &arguments);
    let printed = text(&output);
    assert!(
        output.status.success(),
        "in a namespace (needs `unshare --map-root-user --net`: kernel.unprivileged_userns_clone=1, and `ip` of \
         iproute2): {printed}"
    );
    assert!(printed.contains("1 passed"), "the test did not run: {printed}");
}
