//! Each check is provoked, by a machine made of files, by a configuration, or by what a daemon would say.

mod now;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use super::checks::{CHECKS, Check};
use super::heard::{Announced, Heard, Manner, Talker};
use super::*;
use crate::config::load;
use crate::net::{Carried, Transport};
use crate::observe::event::{CLOCK_SET, FREQUENCY_SET, UTC_DISPUTE};
use crate::observe::status::{
    ClockStatus, EventRecord, PhcStatus, PortDs, PortStatus, PtpClockStatus, RefusalStatus, SourceStatus,
    TimePropertiesDs,
};
use crate::time::{SyncState, Timestamp};

const LEAP_LIST: &str = "usr/share/zoneinfo/leap-seconds.list";
const ABLE: &str = "Name:\tx\nCapEff:\t000001ffffffffff\n";
const UNABLE: &str = "Name:\tx\nCapEff:\t0000000000000000\n";

/// A machine made of files, on which all is well.
struct Root(tempfile::TempDir);

impl Root {
    fn new() -> Self {
        let root = Self(tempfile::tempdir().unwrap());
        root.put("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n")
            .put("sys/devices/system/clocksource/clocksource0/available_clocksource", "tsc hpet\n")
            .put("proc/self/status", ABLE)
            .put("proc/sys/net/ipv4/ip_unprivileged_port_start", "1024\n")
            // Until 2027.
            .put(LEAP_LIST, "#@ 4010000000\n3692217600 37\n")
    }

    fn put(self, path: &str, text: &str) -> Self {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn link(self, path: &str, to: &str) -> Self {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(to, path).unwrap();
        self
    }

    /// A process that may set the clock.
    fn process(self, pid: u32, comm: &str) -> Self {
        self.put(&format!("proc/{pid}/comm"), &format!("{comm}\n")).put(&format!("proc/{pid}/status"), ABLE)
    }

    fn machine(&self, look: impl FnOnce(&mut Machine<'_>)) -> Vec<Finding> {
        let leap_file = PathBuf::from("/").join(LEAP_LIST);
        let mut machine = Machine {
            root: self.0.path(),
            daemon: None,
            config: None,
            has_given_up: false,
            is_steered: None,
            ports: None,
            leap_file: &leap_file,
            kernel_tai_utc: None,
            now: Timestamp::from_secs(1_770_000_000),
        };
        look(&mut machine);
        machine.findings()
    }

    fn findings(&self) -> Vec<Finding> {
        self.machine(|_| ())
    }

    /// With VMware Tools, whose command says this.
    fn vmware(self, says: &str) -> Self {
        let command = "usr/bin/vmware-toolbox-cmd";
        let root = self
            .process(9, "vmtoolsd")
            .put(command, &format!("#!/bin/sh\n[ \"$*\" = 'timesync status' ] && echo {says}\n"));
        fs::set_permissions(root.0.path().join(command), fs::Permissions::from_mode(0o755)).unwrap();
        root
    }
}

fn of_config(text: &str) -> Vec<Finding> {
    let loaded = load(text, "test");
    configuration::findings(loaded.as_ref().map(|loaded| &loaded.config), &check::Machine::read())
}

fn of_status(status: &Status) -> Vec<Finding> {
    daemon::findings(status, &|_| Some(0))
}

/// A daemon that has nothing to complain of.
fn good() -> Status {
    Status {
        state: SyncState::Locked,
        clock: ClockStatus {
            kind: ClockKind::System,
            bound_s: Some(1e-6),
            lock_limit_s: 1e-4,
            last_sample_age_s: Some(0.1),
            offset_from_master_s: Some(1e-7),
            ..ClockStatus::default()
        },
        ptp: vec![port()],
        ..Status::default()
    }
}

/// A port that follows a master.
fn port() -> PortStatus {
    PortStatus {
        interface: "eth0".to_owned(),
        role: "slave".to_owned(),
        port_state: "SLAVE".to_owned(),
        parent: Some("001b21.fffe.aabbcc-1".to_owned()),
        timestamps: Some("hardware".to_owned()),
        phc: Some("/dev/ptp0".to_owned()),
        sync_interval_s: Some(0.125),
        last_sync_age_s: Some(0.1),
        counters: counters(&[("received_sync", 800), ("sent_delay_req", 800)]),
        ..PortStatus::default()
    }
}

fn counters(all: &[(&str, u64)]) -> std::collections::BTreeMap<String, u64> {
    all.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

fn with_port(change: impl FnOnce(&mut PortStatus)) -> Vec<Finding> {
    let mut status = good();
    change(&mut status.ptp[0]);
    of_status(&status)
}

/// A port without a master, that has counted this.
fn deaf(counted: &[(&str, u64)]) -> Vec<Finding> {
    with_port(|port| {
        (port.parent, port.port_state, port.counters) = (None, "LISTENING".to_owned(), counters(counted));
    })
}

/// One that never had a master, and hears this now.
fn deaf_but_for(heard: &str) -> Vec<Finding> {
    with_port(|port| {
        (port.parent, port.port_state, port.counters) = (None, "LISTENING".to_owned(), counters(&[]));
        port.heard = vec![heard.to_owned()];
    })
}

/// A server that answers and agrees.
fn server() -> SourceStatus {
    SourceStatus {
        kind: "ntp".to_owned(),
        name: "ntp1.example.net".to_owned(),
        address: Some("192.0.2.1:123".to_owned()),
        verdict: "agrees".to_owned(),
        is_steering: true,
        stratum: Some(1),
        reference_id: Some("GNSS".to_owned()),
        client_state: Some("reachable".to_owned()),
        reach: Some(0o377),
        offset_s: Some(1e-6),
        distance_s: Some(1e-4),
        max_distance_s: Some(3.0),
        root_distance_s: Some(3e-5),
        last_sample_age_s: Some(1.0),
        counters: counters(&[("requests", 8)]),
        ..SourceStatus::default()
    }
}

fn with_server(change: impl FnOnce(&mut SourceStatus)) -> Vec<Finding> {
    let mut source = server();
    change(&mut source);
    of_status(&Status { sources: vec![source], ptp: Vec::new(), ..good() })
}

fn refused(reason: &str) -> Vec<Finding> {
    with_server(|source| {
        source.refusal =
            Some(RefusalStatus { reason: reason.to_owned(), root_dispersion_s: 18.0, ..RefusalStatus::default() });
        (source.verdict, source.distance_s) = ("silent".to_owned(), None);
    })
}

fn with_event(text: String) -> Vec<Finding> {
    let at = "2026-02-28T23:59:59.000Z".to_owned();
    of_status(&Status { events: vec![EventRecord { at, text, ..EventRecord::default() }], ..good() })
}

/// Behind a grandmaster that sends TAI, and says this of UTC.
fn with_utc_offset(stated: Option<i16>, known: Option<i64>) -> Vec<Finding> {
    let time = TimePropertiesDs { current_utc_offset_s: stated, ptp_timescale: true, ..TimePropertiesDs::default() };
    let port = PortDs { interface: "eth0".to_owned(), port_state: "SLAVE".to_owned(), ..PortDs::default() };
    let clock = PtpClockStatus { time_properties_ds: time, ports: vec![port], ..PtpClockStatus::default() };
    let mut status = Status { ptp_clocks: vec![clock], ..good() };
    status.clock.tai_utc_s = known;
    of_status(&status)
}

/// How a port speaks by default.
const WIRE: Manner = Manner { transport: "udp4", vlan: None, version: 2, domain: 0, sdo_id: 0 };

/// Masters that speak in these manners.
fn heard(manners: &[Manner]) -> Heard {
    let master = |manner: &Manner| Talker {
        manner: *manner,
        port: "001b21.fffe.aabbcc-1".to_owned(),
        minor_version: 1,
        announces: 8,
        announced: Some(Announced {
            grandmaster: "001b21.fffe.aabbcc".to_owned(),
            class: 6,
            steps_removed: 0,
            ptp_timescale: true,
            utc_offset: Some(37),
        }),
        syncs: 64,
        others: 64,
    };
    Heard { talkers: manners.iter().map(master).collect(), ..Heard::default() }
}

fn on_the_wire(manners: &[Manner]) -> Vec<Finding> {
    heard(manners).judge(&WIRE)
}

/// A way to provoke a check, and how bad that is.
type Case = (&'static str, Grade, fn() -> Vec<Finding>);

const CASES: &[Case] = &[
    ("clocksource", Grade::Warn, || {
        Root::new().put("sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n").findings()
    }),
    ("rival", Grade::Warn, || Root::new().process(812, "chronyd").findings()),
    ("rival", Grade::Fail, || Root::new().process(812, "chronyd").machine(|machine| machine.is_steered = Some(true))),
    ("rival", Grade::Fail, || Root::new().process(812, "chronyd").process(813, "systemd-timesyn").findings()),
    ("vmware-periodic-sync", Grade::Fail, || Root::new().vmware("Enabled").findings()),
    ("vmware-periodic-sync", Grade::Warn, || Root::new().process(9, "vmtoolsd").findings()),
    ("vmware-one-off-sync", Grade::Warn, || Root::new().vmware("Disabled").findings()),
    ("hyperv-timesync", Grade::Warn, || {
        Root::new()
            .put("sys/bus/vmbus/devices/2dd1ce17/class_id", "{9527e630-d0ae-497b-adce-e80ab0175caf}\n")
            .link("sys/bus/vmbus/devices/2dd1ce17/driver", "../../../../bus/vmbus/drivers/hv_utils")
            .findings()
    }),
    ("qemu-guest-agent", Grade::Warn, || Root::new().process(10, "qemu-ga").findings()),
    ("capabilities", Grade::Warn, || Root::new().put("proc/self/status", UNABLE).findings()),
    ("capabilities", Grade::Fail, || {
        Root::new().put("proc/self/status", UNABLE).put("run/.containerenv", "").findings()
    }),
    ("capabilities", Grade::Fail, || {
        Root::new().put("proc/77/status", UNABLE).machine(|machine| {
            (machine.daemon, machine.is_steered) = (Some(77), Some(true));
        })
    }),
    ("phc-device", Grade::Warn, || Root::new().put("sys/class/ptp/ptp0/clock_name", "igb\n").findings()),
    ("phc-device", Grade::Fail, || {
        Root::new().put("sys/class/ptp/ptp0/clock_name", "igb\n").put(".dockerenv", "").findings()
    }),
    ("leap-table", Grade::Warn, || Root::new().put(LEAP_LIST, "#@ 3771000000\n3692217600 37\n").findings()),
    ("leap-table", Grade::Warn, || {
        Root::new().machine(|machine| machine.kernel_tai_utc = Some(crate::time::TaiUtc(36)))
    }),
    ("leap-table", Grade::Warn, || Root::new().machine(|machine| machine.now = Timestamp::from_secs(1_801_000_000))),
    ("port-taken", Grade::Warn, || with_port_taken().findings()),
    ("port-taken", Grade::Warn, || with_port_open().findings()),
    ("port-taken", Grade::Fail, || with_port_taken().machine(|machine| machine.ports = Some(vec![123]))),
    ("config", Grade::Fail, || of_config("[[ptp]]\ninterfac = 'eth0'\n")),
    // What a profile stands for, and its contrary.
    ("config", Grade::Fail, || {
        of_config("[[ptp]]\ninterface = 'lo'\nprofile = 'gptp'\ndelay = 'e2e'\ntransport = 'udp4'\n")
    }),
    ("config-machine", Grade::Warn, || of_config("ptp = [{ interface = 'absent0' }]")),
    ("config-machine", Grade::Warn, || of_config("ptp = [{ interface = 'lo', timestamps = 'hardware' }]")),
    ("sources-enough", Grade::Fail, || of_config("ntp.server.listen = ['127.0.0.1:123']")),
    ("sources-enough", Grade::Warn, || {
        of_config("ntp.source = [{ address = 'a.example' }, { address = 'b.example' }]")
    }),
    ("leap-smear", Grade::Warn, || {
        of_config(
            "ntp.source = [{ address = 'time1.google.com' }, { address = 'time.google.com' }, { address = 'b.example' }]",
        )
    }),
    ("leap-smear", Grade::Warn, || {
        of_config("ntp.source = [{ address = 'time1.google.com' }, { address = 'b.example' }]")
    }),
    ("leap-smear", Grade::Warn, || {
        of_config("ntp.source = [{ address = 'time5.facebook.com' }, { address = 'b.example' }]")
    }),
    ("leap-smear", Grade::Warn, || {
        with_server(|source| source.reference_id = Some("a smeared leap second".to_owned()))
    }),
    ("daemon", Grade::Fail, || {
        let socket = std::os::unix::net::UnixListener::bind(tempfile::tempdir().unwrap().keep().join("s")).unwrap();
        let path = socket.local_addr().unwrap().as_pathname().unwrap().to_owned();
        drop(socket);
        vec![daemon_of(&arguments(path.clone()), &path).0]
    }),
    ("health", Grade::Fail, || {
        of_status(&Status { state: SyncState::NeverSynced, reason: "no source".to_owned(), ..good() })
    }),
    ("health", Grade::Warn, || of_status(&Status { state: SyncState::Holdover, ..good() })),
    ("daemon-lacks", Grade::Warn, || of_status(&Status { lacks: vec!["CAP_SYS_NICE: x".to_owned()], ..good() })),
    ("ptp-port", Grade::Fail, || with_port(|port| port.waiting_for = Some("interface eth0 does not exist".to_owned()))),
    ("ptp-silence", Grade::Fail, || deaf(&[])),
    ("ptp-silence", Grade::Fail, || on_the_wire(&[])),
    ("ptp-firewall", Grade::Fail, || {
        let mut heard = heard(&[WIRE]);
        (heard.arrived, heard.delivered) = (16, Some(0));
        heard.judge(&WIRE)
    }),
    ("ptp-transport", Grade::Fail, || on_the_wire(&[Manner { transport: "ethernet", ..WIRE }])),
    ("ptp-vlan", Grade::Fail, || on_the_wire(&[Manner { vlan: Some(5), ..WIRE }])),
    ("ptp-version", Grade::Fail, || on_the_wire(&[Manner { version: 1, ..WIRE }])),
    ("ptp-domain", Grade::Fail, || on_the_wire(&[Manner { domain: 24, ..WIRE }])),
    ("ptp-sdo-id", Grade::Fail, || on_the_wire(&[Manner { sdo_id: 0x100, ..WIRE }])),
    ("ptp-no-announce", Grade::Fail, || {
        let mut heard = heard(&[WIRE]);
        (heard.talkers[0].announces, heard.talkers[0].announced) = (0, None);
        heard.judge(&WIRE)
    }),
    ("ptp-no-sync", Grade::Fail, || {
        let mut heard = heard(&[WIRE]);
        heard.talkers[0].syncs = 0;
        heard.judge(&WIRE)
    }),
    ("ptp-utc-offset", Grade::Warn, || {
        let mut heard = heard(&[WIRE]);
        heard.talkers[0].announced.as_mut().unwrap().utc_offset = None;
        heard.judge(&WIRE)
    }),
    ("ptp-version", Grade::Fail, || deaf(&[("malformed_version", 9)])),
    ("ptp-domain", Grade::Fail, || deaf_but_for("messages of domain 24, sdoId 0x000: ...")),
    ("ptp-silence", Grade::Fail, || deaf(&[("domain_mismatch", 9), ("sdo_id_mismatch", 9)])),
    ("ptp-sdo-id", Grade::Fail, || deaf_but_for("messages of domain 0, sdoId 0x100: ...")),
    ("ptp-no-announce", Grade::Fail, || deaf(&[("received_sync", 9), ("domain_mismatch", 9)])),
    ("ptp-not-followed", Grade::Fail, || deaf(&[("received_announce", 9), ("grandmaster_refused", 9)])),
    ("ptp-no-sync", Grade::Fail, || with_port(|port| port.last_sync_age_s = None)),
    ("ptp-no-sync", Grade::Fail, || with_port(|port| port.last_sync_age_s = Some(5.0))),
    ("ptp-no-delay-resp", Grade::Fail, || {
        with_port(|port| port.counters = counters(&[("sent_delay_req", 20), ("delay_resp_missing", 19)]))
    }),
    ("ptp-utc-offset", Grade::Fail, || with_utc_offset(None, None)),
    ("ptp-utc-offset", Grade::Warn, || with_utc_offset(None, Some(37))),
    ("tai-utc", Grade::Fail, || off_by(37.0)),
    ("tai-utc", Grade::Fail, || off_by(-36.0)),
    ("tai-utc", Grade::Fail, || off_by(18.0)),
    ("tai-utc", Grade::Fail, || {
        let reason = format!("{UTC_DISPUTE} = 0 s, the kernel 37 s");
        of_status(&Status { reason, state: SyncState::Acquiring, ..good() })
    }),
    ("tai-utc", Grade::Fail, || {
        let mut status = good();
        status.clock.offset_from_master_s = Some(36.999_9);
        of_status(&status)
    }),
    ("phc-of-port", Grade::Fail, || daemon::findings(&good(), &|_| Some(1))),
    ("phc-trouble", Grade::Fail, || with_phc(Some("it refuses to be adjusted"), 0)),
    ("phc-trouble", Grade::Warn, || with_phc(None, 3)),
    ("stamps", Grade::Warn, || {
        with_port(|port| {
            port.timestamps = Some("software".to_owned());
            port.timestamps_reason = Some("the card delivers no transmit stamps".to_owned());
        })
    }),
    ("stamps-missing", Grade::Fail, || {
        with_port(|port| port.counters = counters(&[("sent_delay_req", 20), ("tx_stamp_missing", 20)]))
    }),
    ("stamps-missing", Grade::Warn, || {
        with_port(|port| port.counters = counters(&[("received_sync", 100), ("rx_stamp_missing", 5)]))
    }),
    ("stamps-late", Grade::Warn, || with_port(|port| port.tx_stamp_waits = Some(now::waits(0, 90, 10)))),
    ("second-writer", Grade::Fail, || {
        with_event(format!(
            "{FREQUENCY_SET} the system clock to 20 ppm, and moved it: stop chronyd (pid 812): `systemctl stop`"
        ))
    }),
    ("second-writer", Grade::Fail, || {
        with_event(format!("{CLOCK_SET} by 37 s; measuring again; suspected: vmtoolsd (pid 9): `vmware-toolbox-cmd`"))
    }),
    ("dns", Grade::Fail, || {
        with_server(|source| {
            (source.address, source.name_error) = (None, Some("Temporary failure in name resolution".to_owned()));
        })
    }),
    ("ntp-send", Grade::Fail, || with_server(|source| source.send_error = Some("Network is unreachable".to_owned()))),
    ("ntp-answer", Grade::Fail, || {
        with_server(|source| {
            (source.reach, source.unanswered) = (Some(0), Some(8));
            (source.verdict, source.last_sample_age_s) = ("silent".to_owned(), None);
        })
    }),
    ("ntp-answer", Grade::Fail, || refused("kiss_deny")),
    ("ntp-server", Grade::Fail, || refused("unsynchronised")),
    ("ntp-server", Grade::Fail, || refused("follows_us")),
    ("ntp-root-distance", Grade::Fail, || refused("root_distance_excessive")),
    ("ntp-root-distance", Grade::Fail, || {
        with_server(|source| (source.distance_s, source.root_distance_s) = (Some(10.2), Some(10.0)))
    }),
    ("ntp-root-distance", Grade::Warn, || {
        with_server(|source| {
            (source.distance_s, source.root_distance_s, source.max_distance_s) = (Some(10.2), Some(10.0), Some(16.0));
        })
    }),
    ("ntp-local-clock", Grade::Warn, || with_server(|source| source.reference_id = Some("LOCL".to_owned()))),
    ("source-agrees", Grade::Fail, || off_by(0.0497)),
    ("source-agrees", Grade::Fail, || {
        with_server(|source| {
            (source.verdict, source.reason) = ("undecided".to_owned(), "no majority".to_owned());
        })
    }),
    ("source", Grade::Warn, || with_server(|source| source.distance_s = None)),
];

fn off_by(seconds: f64) -> Vec<Finding> {
    with_server(|source| {
        (source.verdict, source.beyond_s) = ("falseticker".to_owned(), Some(seconds));
        source.reason = format!("it is {seconds} s off");
    })
}

fn with_phc(problem: Option<&str>, jumps: u64) -> Vec<Finding> {
    let problem = problem.map(str::to_owned);
    let phc =
        PhcStatus { name: "eth0".to_owned(), device: "/dev/ptp0".to_owned(), problem, jumps, ..PhcStatus::default() };
    of_status(&Status { phcs: vec![phc], ..good() })
}

/// ntpd has port 123 of all addresses, and a client of its own that is connected from it.
fn with_port_taken() -> Root {
    with_port_open()
        .put("proc/900/comm", "ntpsec\n")
        .link("proc/900/fd/3", "socket:[4711]")
        .link("proc/900/fd/4", "socket:[4712]")
}

/// The same, and whose the sockets are cannot be seen.
fn with_port_open() -> Root {
    let head =
        "sl local_address rem_address st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode ref pointer drops";
    let line = |local: &str, remote: &str, inode: u32| {
        format!("  1: {local} {remote} 07 00000000:00000000 00:00000000 00000000 0 0 {inode} 2 0 0\n")
    };
    let lines = line("00000000:007B", "00000000:0000", 4711) + &line("0100007F:013F", "0100007F:1234", 4712);
    Root::new().put("proc/net/udp", &format!("{head}\n{lines}"))
}

fn arguments(socket: PathBuf) -> Args {
    Args {
        config: None,
        json: false,
        quiet: false,
        probe: false,
        no_probe: true,
        duration: Duration::from_secs(8),
        socket,
        root: PathBuf::from("/"),
    }
}

#[test]
fn each_check_is_provoked_and_says_what_to_do() {
    for (name, grade, provoke) in CASES {
        let found = provoke();
        let said = found.iter().find(|finding| finding.check == *name && finding.status == *grade);
        let finding = said.unwrap_or_else(|| panic!("{name} {grade:?}: {found:#?}"));
        let Finding { value, limit, message, remedy, .. } = finding;
        assert!(!value.is_empty() && !limit.is_empty() && !remedy.is_empty(), "{finding:?}");
        assert!(message.ends_with('.'), "one sentence: {finding:?}");
    }
}

#[test]
fn no_check_is_without_a_case_and_no_case_without_its_check() {
    let provoked: BTreeSet<_> = CASES.iter().map(|(name, ..)| *name).collect();
    let known: BTreeSet<_> = CHECKS.iter().map(|check| check.name).collect();
    assert_eq!(provoked, known);
}

#[test]
fn where_all_is_well_nothing_is_wrong() {
    let mut found = Root::new().findings();
    found.extend(of_status(&Status { sources: vec![server()], ..good() }));
    found.extend(with_utc_offset(Some(37), Some(37)));
    let sources = "ntp.source = [{ address = 'a.example' }, { address = 'b.example' }, { address = 'c.example' }]";
    found.extend(of_config(sources));
    let wrong: Vec<_> = found.iter().filter(|finding| finding.status != Grade::Ok).collect();
    assert_eq!(wrong, Vec::<&Finding>::new());
}

#[test]
fn only_what_is_provoked_is_found() {
    // Sources, ports and machines are wrong in one way at a time, apart from what follows from it.
    let follows = ["health", "ptp-silence", "source"];
    for (name, _, provoke) in CASES {
        for finding in provoke().iter().filter(|finding| finding.status == Grade::Fail) {
            assert!(finding.check == *name || follows.contains(&finding.check), "{name}: {finding:?}");
        }
    }
}

#[test]
fn a_rival_is_named_with_its_unit_and_who_only_steers_the_system_clock_is_welcome_where_the_daemon_does_not() {
    let cgroup = "0::/system.slice/chrony.service\n";
    let root = Root::new().process(812, "chronyd").put("proc/812/cgroup", cgroup);
    let rival = |found: Vec<Finding>| found.into_iter().find(|finding| finding.check == "rival").unwrap();
    let found = rival(root.findings());
    assert_eq!(
        (found.value.as_str(), found.remedy.as_str()),
        ("chronyd (pid 812)", "systemctl disable --now chrony.service")
    );
    assert_eq!(rival(root.machine(|machine| machine.is_steered = Some(false))).status, Grade::Ok);
    // The daemon itself is none.
    assert_eq!(rival(root.machine(|machine| machine.daemon = Some(812))).value, "no other program steers clocks");
}

#[test]
fn of_a_daemon_whose_threads_have_given_up_their_rights_the_one_that_steers_counts() {
    let capabilities = |root: &Root, is_steered| {
        let found = root.machine(|machine| {
            (machine.daemon, machine.is_steered, machine.has_given_up) = (Some(77), Some(is_steered), true);
        });
        found.iter().filter(|finding| finding.check == "capabilities").map(|finding| finding.status).collect::<Vec<_>>()
    };
    let given_up = |effective: &str| format!("Name:\tx\nCapEff:\t{effective}\n");
    let root = Root::new()
        .put("proc/77/status", &given_up("0000000000000400"))
        .put("proc/77/task/77/status", &given_up("0000000000000400"));
    assert_eq!(capabilities(&root, true), [Grade::Fail], "no thread can set the clock");
    assert_eq!(capabilities(&root, false), [Grade::Ok], "none has to");
    let root = root.put("proc/77/task/78/status", &given_up("0000000002000000"));
    assert_eq!(capabilities(&root, true), [Grade::Ok], "the discipline can");
}

#[test]
fn in_a_container_the_remedy_is_the_containers() {
    let root = Root::new().put("proc/self/status", UNABLE).put("var/run/secrets/kubernetes.io/x", "");
    let found = root.findings();
    let remedies: Vec<_> =
        found.iter().filter(|finding| finding.check == "capabilities").map(|finding| &finding.remedy).collect();
    assert!(remedies.iter().any(|remedy| remedy.contains("add: [\"SYS_TIME\"]")), "{remedies:?}");
}

#[test]
fn of_several_masters_the_one_that_is_nearest_is_told_with_each_difference() {
    let names = |manners: &[Manner]| {
        let found = on_the_wire(manners);
        found.iter().map(|finding| finding.check).collect::<Vec<_>>()
    };
    let other = Manner { domain: 24, transport: "ethernet", ..WIRE };
    assert_eq!(names(&[other]), ["ptp-transport", "ptp-domain"]);
    assert_eq!(names(&[other, Manner { domain: 24, ..WIRE }]), ["ptp-domain"]);
    assert_eq!(names(&[other, WIRE]), ["ptp-silence", "ptp-utc-offset"], "ours is there");
    assert!(on_the_wire(&[other, WIRE]).iter().all(|finding| finding.status == Grade::Ok));
    let found = on_the_wire(&[Manner { domain: 24, ..WIRE }]);
    assert_eq!((found[0].limit.as_str(), found[0].value.as_str()), ("domain 0", "udp4, domain 24, sdoId 0x000"));
    assert!(found[0].remedy.starts_with("ptp.domain = 24"));
}

#[test]
fn who_speaks_is_told_apart_by_manner_and_counted() {
    let mut heard = Heard::default();
    let mut take = |transport, vlan, message: &[u8]| heard.take(&Carried { transport, vlan, message });
    let message = |kind: u8, length: usize, domain: u8, flags: u8| {
        let mut message = vec![0; length];
        (message[0], message[1], message[3], message[4], message[7]) = (kind, 0x12, length as u8, domain, flags);
        message
    };
    // currentUtcOffset is 37, and valid; ptpTimescale.
    let mut announce = message(0xb, 64, 24, 0x0c);
    announce[45] = 37;
    take(Transport::Udp4, None, &announce);
    take(Transport::Udp4, None, &message(0x0, 44, 24, 0));
    take(Transport::Ethernet, Some(5), &message(0x1, 44, 0, 0));
    take(Transport::Udp4, None, &[0, 1, 0, 1, 0, 0]);
    take(Transport::Udp4, None, b"no PTP");
    let [master, client, old] = &heard.talkers[..] else { panic!("{heard:#?}") };
    assert_eq!(master.manner, Manner { domain: 24, ..WIRE });
    assert_eq!((master.announces, master.syncs, master.minor_version), (1, 1, 1));
    assert_eq!(master.announced.as_ref().and_then(|announced| announced.utc_offset), Some(37));
    assert_eq!(client.manner, Manner { transport: "ethernet", vlan: Some(5), ..WIRE });
    assert!(!client.is_master() && old.is_master() && old.manner.version == 1);
    assert_eq!(heard.arrived, 4);
}

#[test]
fn the_socket_of_an_own_client_is_no_server() {
    let found = with_port_taken().findings();
    let taken: Vec<_> = found.iter().filter(|finding| finding.check == "port-taken").collect();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].value, "UDP 123: ntpsec (pid 900)");
}

#[test]
fn a_port_without_an_owner_is_told_unless_it_may_be_the_daemons() {
    let taken = |root: Root, daemon| {
        let found = root.machine(|machine| machine.daemon = daemon);
        found.into_iter().find(|finding| finding.check == "port-taken").unwrap()
    };
    let hidden = taken(with_port_open(), None);
    assert_eq!(
        (hidden.status, hidden.value.as_str()),
        (Grade::Warn, "UDP 123 is open, and whose it is cannot be seen")
    );
    assert!(hidden.remedy.contains("ss -ulpn"), "{hidden:?}");
    assert_eq!(taken(with_port_open(), Some(77)).status, Grade::Ok, "its sockets cannot be seen");
    let elsewhere = with_port_open().link("proc/77/fd/3", "socket:[4800]");
    assert_eq!(taken(elsewhere, Some(77)).status, Grade::Warn, "its sockets are others");
    let own = with_port_open().link("proc/77/fd/3", "socket:[4711]");
    assert_eq!(taken(own, Some(77)).value, "nobody else has UDP 123, 319, 320 open");
}

#[test]
fn only_slow_counters_are_told() {
    let grade = |name: &str| {
        let found = Root::new().put("sys/devices/system/clocksource/clocksource0/current_clocksource", name).findings();
        found.into_iter().find(|finding| finding.check == "clocksource").unwrap().status
    };
    for name in ["xen", "timebase", "tod", "riscv_clocksource", "arch_sys_counter", "tsc"] {
        assert_eq!(grade(name), Grade::Ok, "{name}");
    }
    for name in ["acpi_pm", "hpet", "jiffies", "refined-jiffies", "pit"] {
        assert_eq!(grade(name), Grade::Warn, "{name}");
    }
}

#[test]
fn who_is_only_watched_is_no_source_that_others_can_be_judged_by() {
    let found = of_config(
        "ntp.source = [{ address = 'a' }, { address = 'b', noselect = true }]\nrefclock = [{ kind = 'shm', noselect = true }]",
    );
    let enough = found.iter().find(|finding| finding.check == "sources-enough").unwrap();
    assert_eq!((enough.status, enough.value.as_str()), (Grade::Warn, "1"));
}

#[test]
fn json_has_what_is_promised_and_text_what_to_do() {
    let found = Root::new().process(812, "chronyd").findings();
    let object: serde_json::Value = serde_json::from_str(&json(&found)).unwrap();
    let rival = object["findings"].as_array().unwrap().iter().find(|finding| finding["check"] == "rival").unwrap();
    assert_eq!((&rival["status"], &rival["value"]), (&"WARN".into(), &"chronyd (pid 812)".into()));
    assert!(rival["limit"].is_string() && rival["remedy"] == "kill 812" && object["status"] == "WARN");
    let told = text(&found, false);
    assert!(
        told.contains("[ OK ] clocksource") && told.contains("[WARN] rival") && told.contains("-> kill 812"),
        "{told}"
    );
    assert!(told.ends_with(" 1 WARN, 0 FAIL\n"), "{told}");
    assert!(!text(&found, true).contains("[ OK ]"));
}

/// The table in the manual, made from the checks.
fn table() -> String {
    let mut table = "| check | what is looked at | what must be | what to do |\n|---|---|---|---|\n".to_owned();
    for Check { name, looks_at, limit, remedy } in CHECKS {
        let cell = |text: &str| text.replace('|', "\\|").replace('[', "\\[");
        let _ = writeln!(table, "| `{name}` | {} | {} | {} |", cell(looks_at), cell(limit), cell(remedy));
    }
    table
}

#[test]
fn the_manual_has_the_table_of_checks() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manual/troubleshooting.md");
    let manual = fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- checks -->\n", "<!-- end of checks -->\n");
    let (head, rest) = manual.split_once(begin).expect("where the table begins");
    let (found, tail) = rest.split_once(end).expect("where it ends");
    if std::env::var_os("SYNCHRONOME_WRITE_MANUAL").is_some() {
        fs::write(&path, format!("{head}{begin}{}{end}{tail}", table())).unwrap();
        return;
    }
    assert!(found == table(), "run: SYNCHRONOME_WRITE_MANUAL=1 cargo test --lib doctor");
}
