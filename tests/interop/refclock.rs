//! Reference clocks, written by a program that knows nothing of ours.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration as Timeout;

use nix::sys::signal::Signal;
use synchronome::clock::HostClock;
use synchronome::observe::status::SourceStatus;
use synchronome::observe::{Status, rfc3339};
use synchronome::sharing::Latch;
use synchronome::time::{Duration, SyncState, Timestamp};

use super::daemon::{Daemon, Options, assert_bound_held, print_figures, truth};
use super::lab::{Lab, Space, installed, text};
use super::ntp::chronyd_server;
use super::running::{Running, unique_path};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/refclock.c");

/// Compiles the writer.
fn writer(lab: &Lab) -> PathBuf {
    let program = lab.directory().join("refclock");
    let mut compile = Command::new(installed("cc", "gcc"));
    let output = compile.args(["-O2", "-Wall", "-Werror", "-o"]).arg(&program).arg(SOURCE).output();
    let output = output.expect("the C compiler runs");
    assert!(output.status.success(), "{}", text(&output));
    program
}

fn write(lab: &Lab, space: &Space, program: &Path, arguments: &[&str]) -> Running {
    let mut command = space.command(program.to_str().expect("a path"), "nothing: the test compiles it");
    Running::start(lab, "refclock", command.args(arguments))
}

/// A segment of shared memory that nobody has made yet. What its writer leaves is removed: the kernel would keep it until it is restarted, and
/// the next test would find a clock that has died.
struct Segment {
    unit: String,
    key: u32,
}

impl Segment {
    fn unused() -> Self {
        // Each test of this process has another one: they run side by side.
        static NEXT: AtomicU32 = AtomicU32::new(FIRST_UNIT);
        let there = std::fs::read_to_string("/proc/sysvipc/shm").expect("the kernel's list of segments");
        let keys: Vec<u32> = there.lines().skip(1).filter_map(key_in).collect();
        let mut next = || Some(NEXT.fetch_add(1, Ordering::Relaxed)).filter(|unit| *unit <= 255);
        let unit = std::iter::from_fn(&mut next).find(|unit| !keys.contains(&(KEY + unit)));
        let unit = unit.expect("one that is not used");
        Self { unit: unit.to_string(), key: KEY + unit }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // Fails if its writer removed it.
        let _ = Command::new("ipcrm").args(["--shmem-key", &self.key.to_string()]).output();
    }
}

/// Of those that gpsd does not use.
const FIRST_UNIT: u32 = 100;
/// The key of unit 0, as ntpd and gpsd have it.
const KEY: u32 = 0x4e54_5030;

/// The first column of proc(5)'s sysvipc/shm is the key, as a signed number.
fn key_in(line: &str) -> Option<u32> {
    let key: i32 = line.split_whitespace().next()?.parse().ok()?;
    Some(key as u32)
}

fn source<'s>(status: &'s Status, name: &str) -> &'s SourceStatus {
    status.sources.iter().find(|source| source.name == name).unwrap_or_else(|| panic!("no {name} in {status:#?}"))
}

fn count(status: &Status, name: &str, outcome: &str) -> u64 {
    source(status, name).counters.get(outcome).copied().unwrap_or(0)
}

/// The hypervisor's page of time, in its own file. Written as a whole: nobody sees a half of it.
fn write_vmclock(path: &Path, marker: u64) {
    let mut page = [0; 112];
    let mut put = |offset: usize, bytes: &[u8]| page[offset..offset + bytes.len()].copy_from_slice(bytes);
    put(0, b"VCLK");
    put(8, &1_u16.to_le_bytes());
    put(16, &marker.to_le_bytes());
    let mut file = std::fs::File::options().write(true).create(true).truncate(false).open(path).expect("a file");
    std::io::Write::write_all(&mut file, &page).expect("a file");
}

/// Has the kernel tell this network namespace that the machine has another generation ID, as its driver would (Linux 4.18).
fn tell_of_another_generation() {
    use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, sendto, socket};
    let text = b"change@/devices/platform/VMGENCTR:00\0ACTION=change\0SUBSYSTEM=platform\0NEW_VMGENID=1\0";
    let uevent = SockProtocol::NetlinkKObjectUEvent;
    let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, uevent).expect("netlink");
    // struct nlmsghdr: length, type, flags (a request), sequence, port.
    let mut message = (16 + text.len() as u32).to_ne_bytes().to_vec();
    message.extend([0x10_u16, 0x01].map(u16::to_ne_bytes).concat());
    message.extend([0; 8]);
    message.extend(text);
    let kernel = NetlinkAddr::new(0, 0);
    sendto(std::os::fd::AsRawFd::as_raw_fd(&socket), &message, &kernel, MsgFlags::empty()).expect("CAP_SYS_ADMIN");
}

/// A receiver whose sentences reach gpsd by UDP, a tenth of a second after the second that they name.
struct Receiver {
    latch: Latch,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    fn start(space: &Space, port: u16) -> Self {
        let latch = Latch::default();
        let ended = latch.clone();
        let socket = space.inside(|| std::net::UdpSocket::bind("127.0.0.1:0")).expect("a socket");
        let thread = std::thread::spawn(move || {
            while !ended.is_set() {
                let now = HostClock.stamping();
                let second = now.seconds() + 1;
                let due = Timestamp::from_secs(second) + Duration::from_millis(100);
                std::thread::sleep((due - now).to_std());
                // One that nobody waits for is lost, as on a serial line.
                let _ = socket.send_to(sentences(second).as_bytes(), ("127.0.0.1", port));
            }
        });
        Self { latch, thread: Some(thread) }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.latch.set();
        self.thread.take().map(JoinHandle::join);
    }
}

/// A fix at this second of UTC (NMEA 0183: GGA, RMC).
fn sentences(second: i64) -> String {
    let sentence = |body: String| {
        let sum = body.bytes().fold(0, |sum, byte| sum ^ byte);
        format!("${body}*{sum:02X}\r\n")
    };
    let (hours, minutes, seconds) = (second / 3_600 % 24, second / 60 % 60, second % 60);
    let time = format!("{hours:02}{minutes:02}{seconds:02}.00");
    let place = "4807.038,N,01131.000,E";
    let date = rfc3339(Timestamp::from_secs(second));
    let date = format!("{}{}{}", &date[8..10], &date[5..7], &date[2..4]);
    sentence(format!("GPGGA,{time},{place},1,08,0.9,545.4,M,46.9,M,,"))
        + &sentence(format!("GPRMC,{time},A,{place},0.0,0.0,{date},,,A"))
}

/// Its receiver is a thread of ours, and as late as the machine makes it.
mod alone {
    use super::*;

    #[test]
    fn the_real_gpsd_is_read_by_its_json_and_its_shared_memory_alike() {
        const NMEA_PORT: u16 = 5_555;
        let mut lab = Lab::new();
        let space = lab.space();
        let mut command = space.command("gpsd", "gpsd");
        command.args(["-N", "-n", "-S", "2947"]).arg(format!("udp://127.0.0.1:{NMEA_PORT}"));
        let _gpsd = Running::start(&lab, "gpsd", &mut command);
        let _receiver = Receiver::start(&space, NMEA_PORT);
        // What gpsd says of NMEA is half a second; this one is known better. As root gpsd writes to unit 0.
        let usual = "offset = \"100ms\"\nprecision = \"50ms\"\n";
        let more = format!(
            "[[refclock]]\nkind = \"gpsd\"\nname = \"JSON\"\n{usual}\
             [[refclock]]\nkind = \"shm\"\nunit = 0\nname = \"SHM\"\n{usual}"
        );
        let mut daemon = Daemon::start(&lab, &space, Options { more: &more, ..Options::default() });
        let status = daemon.wait("both agree and one steers", |status| {
            let both = ["JSON", "SHM"].map(|name| source(status, name));
            both.iter().all(|source| source.verdict == "agrees") && both.iter().any(|source| source.is_steering)
        });
        println!("gpsd: both agree {:.1} s after the start", status.uptime_s);
        let status = daemon.wait("it is LOCKED", |status| status.state == SyncState::Locked);
        for name in ["JSON", "SHM"] {
            println!("gpsd: {name}: {:?}", source(&status, name).counters);
        }
        daemon.wait("the statistics begin", |status| truth(status).samples > 0);
        std::thread::sleep(Timeout::from_secs(8));
        let status = daemon.status_by_command();
        print_figures("gpsd, NMEA by UDP", &status);
        assert_bound_held(&status);
        assert!(truth(&status).max_s.is_some_and(|max| max < 2e-3), "{status:#?}");
        daemon.end();
    }
}

/// They wait for what happens within seconds. What they measure is as exact as the stamps of who writes, however late it is read.
mod beside {
    use super::*;

    #[test]
    fn shared_memory_steers_what_is_torn_is_refused_and_a_writer_that_goes_and_comes_is_followed_again() {
        let mut lab = Lab::beside_others();
        let space = lab.space();
        let program = writer(&lab);
        let segment = Segment::unused();
        let unit = &segment.unit;
        let more = format!("[[refclock]]\nkind = \"shm\"\nunit = {unit}\nname = \"GPS\"\npoll = -2\nsamples = 2\n");
        let mut daemon = Daemon::start(&lab, &space, Options { more: &more, ..Options::default() });
        let status =
            daemon.wait("the segment is missed", |status| source(status, "GPS").reason.contains("cannot be opened"));
        assert_eq!(status.state, SyncState::NeverSynced);

        let mut gps = write(&lab, &space, &program, &["shm", unit]);
        let status = daemon.wait("it is LOCKED", |status| status.state == SyncState::Locked);
        println!("shm: LOCKED {:.1} s after the start", status.uptime_s);
        daemon.wait("the statistics begin", |status| truth(status).samples > 0);
        std::thread::sleep(Timeout::from_secs(15));
        let status = daemon.status_by_command();
        print_figures("shared memory, 30 us of even noise", &status);
        println!("shm: {:?}", source(&status, "GPS").counters);
        assert!(source(&status, "GPS").is_steering, "{status:#?}");
        assert_bound_held(&status);
        // It is never further off than a sample can be.
        assert!(truth(&status).rms_s.is_some_and(|rms| rms < 30e-6), "{status:#?}");
        assert_eq!(count(&status, "GPS", "stale") + count(&status, "GPS", "future"), 0, "{status:#?}");

        daemon.wait("a look has met a write", |status| count(status, "GPS", "torn") > 0);

        assert!(gps.end_by(Signal::SIGTERM).success());
        daemon.wait("it holds over", |status| status.state == SyncState::Holdover);
        let _gps = write(&lab, &space, &program, &["shm", unit]);
        // The segment is a new one.
        daemon.wait("it is LOCKED again", |status| status.state == SyncState::Locked);
        let status = daemon.status_by_command();
        assert_bound_held(&status);
        assert_eq!(status.clock.steps, 1, "{status:#?}");
        daemon.end();
    }

    #[test]
    fn a_socket_steers_and_each_wrong_datagram_is_counted_for_what_it_is() {
        let mut lab = Lab::beside_others();
        let space = lab.space();
        let program = writer(&lab);
        let path = unique_path(&lab, "chrony.gps", "sock");
        let path = path.to_str().expect("a path");
        let more = format!(
            "[[refclock]]\nkind = \"sock\"\npath = \"{path}\"\nname = \"SOCK\"\nprecision = \"31us\"\nsamples = 5\npoll = -1\n"
        );
        let _gps = write(&lab, &space, &program, &["sock", path]);
        let mut daemon = Daemon::start(&lab, &space, Options { more: &more, ..Options::default() });
        let status = daemon.wait("it is LOCKED", |status| status.state == SyncState::Locked);
        println!("sock: LOCKED {:.1} s after the start", status.uptime_s);
        daemon.wait("the statistics begin", |status| truth(status).samples > 0);
        std::thread::sleep(Timeout::from_secs(12));
        let status = daemon.status_by_command();
        print_figures("a socket, 30 us of even noise, the median of five", &status);
        println!("sock: {:?}", source(&status, "SOCK").counters);
        assert_bound_held(&status);
        assert!(truth(&status).rms_s.is_some_and(|rms| rms < 30e-6), "{status:#?}");
        for outcome in ["magic", "length", "field", "unsynchronised", "stale"] {
            assert!(count(&status, "SOCK", outcome) > 0, "no {outcome} in {status:#?}");
        }
        daemon.end();
    }

    #[test]
    fn a_machine_that_the_hypervisor_moved_is_told_so_within_a_second_and_measured_again() {
        const TOLD: &str = "the hypervisor says that this machine was paused, or moved to another host";
        let mut lab = Lab::beside_others();
        let space = lab.space();
        let program = writer(&lab);
        let path = unique_path(&lab, "vmclock", "page");
        write_vmclock(&path, 1);
        let segment = Segment::unused();
        let unit = &segment.unit;
        let more = format!("[[refclock]]\nkind = \"shm\"\nunit = {unit}\nname = \"GPS\"\npoll = -2\nsamples = 2\n");
        let clock = format!("vmclock = \"{}\"\n", path.display());
        let _gps = write(&lab, &space, &program, &["shm", unit]);
        let mut daemon = Daemon::start(&lab, &space, Options { clock: &clock, more: &more, ..Options::default() });
        let is_told = |status: &Status| status.events.iter().any(|event| event.text.starts_with(TOLD));
        let status = daemon.wait("it is LOCKED", |status| status.state == SyncState::Locked);
        assert!(!is_told(&status), "{status:#?}");
        let written = std::time::Instant::now();
        write_vmclock(&path, 2);
        let status = daemon.wait("it is told", is_told);
        println!("vmclock: told after {:.2} s, {:?}", written.elapsed().as_secs_f64(), status.state);
        assert!(written.elapsed() < Timeout::from_millis(1_500), "the marker is seen within a second");
        daemon.wait("it is LOCKED again", |status| status.state == SyncState::Locked);
        println!("vmclock: LOCKED again after {:.2} s", written.elapsed().as_secs_f64());
        let status = daemon.status_by_command();
        assert_bound_held(&status);
        let disrupted = |event: &&synchronome::observe::status::EventRecord| event.text.contains("-> DISRUPTED");
        assert_eq!(status.events.iter().filter(disrupted).count(), 1, "{status:#?}");

        // This page does not tell of snapshots: the kernel does, where the machine has a generation ID.
        let is_restored =
            |status: &Status| status.events.iter().any(|event| event.text.contains("loaded from a snapshot"));
        assert!(!is_restored(&status), "{status:#?}");
        let has_generation =
            status.events.iter().any(|event| event.text.starts_with("the kernel tells by the generation ID"));
        if has_generation {
            let told = std::time::Instant::now();
            space.inside(tell_of_another_generation);
            daemon.wait("it is told", is_restored);
            println!("vmgenid: told after {:.2} s", told.elapsed().as_secs_f64());
            assert!(told.elapsed() < Timeout::from_millis(1_500), "it is heard within a second");
            daemon.wait("it is LOCKED again", |status| status.state == SyncState::Locked);
            assert_bound_held(&daemon.status_by_command());
        } else {
            println!("vmgenid: this machine has no generation ID, or a kernel before 6.10");
        }
        daemon.end();
    }

    #[test]
    fn who_was_moved_asks_its_servers_at_once_and_in_a_burst() {
        let mut lab = Lab::beside_others();
        let space = lab.space();
        let path = unique_path(&lab, "vmclock", "page");
        write_vmclock(&path, 1);
        let _server = chronyd_server(&lab, &space, "127.0.0.1");
        let clock = format!("vmclock = \"{}\"\n", path.display());
        let more = "[[ntp.source]]\naddress = \"127.0.0.1\"\npoll = 6\n";
        let mut daemon = Daemon::start(&lab, &space, Options { clock: &clock, more, ..Options::default() });
        let requests = |status: &Status| count(status, "127.0.0.1", "requests");
        // After the first burst the gaps grow: the next request is seconds away.
        daemon.wait("the first burst is over", |status| requests(status) >= 9);
        let before = requests(&daemon.wait("the clock is known", |status| status.state.is_synchronised()));
        write_vmclock(&path, 2);
        let written = std::time::Instant::now();
        daemon.wait("it is asked three times", |status| requests(status) >= before + 3);
        let asked = written.elapsed().as_secs_f64();
        daemon.wait("it is known again", |status| status.state.is_synchronised());
        let known = written.elapsed().as_secs_f64();
        println!(
            "vmclock: three requests after {asked:.1} s, the clock is known again after {known:.1} s, with polls of 64 s"
        );
        assert!(asked < 8.0 && known < 45.0, "a burst is a request in two seconds, and less than one poll");
        assert_bound_held(&daemon.status());
        daemon.end();
    }
}
