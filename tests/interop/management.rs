//! `pmc` of linuxptp asks our daemon for all data sets, and they are what `status` says.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use synchronome::observe::Status;
use synchronome::ptp::PortState;
use synchronome::time::{LogInterval, SyncState};
use synchronome::wire::ptp::{
    Action, Body, ClockIdentity, CorrectionField, Extension, Flags, Header, Management, ManagementData,
    ManagementErrorId, ManagementId, ManagementTlv, Message, MessageType, PortIdentity, Tlvs, VERSION_PTP, parse,
    write,
};

use super::daemon::{Daemon, Options, port};
use super::lab::{Lab, Space, text};
use super::ptp4l_identity;
use super::running::{always_master, ptp4l};

/// All that `pmc` of linuxptp 3.1.1 can ask for and we have: of the clock, and of each port.
const OF_CLOCK: [&str; 17] = [
    "USER_DESCRIPTION",
    "DEFAULT_DATA_SET",
    "CURRENT_DATA_SET",
    "PARENT_DATA_SET",
    "TIME_PROPERTIES_DATA_SET",
    "PRIORITY1",
    "PRIORITY2",
    "DOMAIN",
    "SLAVE_ONLY",
    "CLOCK_ACCURACY",
    "TRACEABILITY_PROPERTIES",
    "TIMESCALE_PROPERTIES",
    "TIME_STATUS_NP",
    "SUBSCRIBE_EVENTS_NP",
    "SYNCHRONIZATION_UNCERTAIN_NP",
    "GRANDMASTER_SETTINGS_NP",
    "NULL_MANAGEMENT",
];
const OF_PORT: [&str; 11] = [
    "CLOCK_DESCRIPTION",
    "PORT_DATA_SET",
    "LOG_ANNOUNCE_INTERVAL",
    "ANNOUNCE_RECEIPT_TIMEOUT",
    "LOG_SYNC_INTERVAL",
    "VERSION_NUMBER",
    "DELAY_MECHANISM",
    "LOG_MIN_PDELAY_REQ_INTERVAL",
    "PORT_DATA_SET_NP",
    "PORT_PROPERTIES_NP",
    "PORT_STATS_NP",
];

/// What was answered: who (`001b21.aabb.cc0000-1`), what (`PRIORITY1`, or `` of an error), and its values by name.
#[derive(Debug)]
pub(super) struct Answer {
    who: String,
    what: String,
    is_error: bool,
    values: BTreeMap<String, String>,
}

impl Answer {
    pub(super) fn who(&self) -> &str {
        &self.who
    }

    pub(super) fn value(&self, name: &str) -> &str {
        self.values.get(name).unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }

    fn number(&self, name: &str) -> f64 {
        let value = self.value(name);
        value.parse().unwrap_or_else(|_| panic!("{name} is no number: {self:?}"))
    }
}

/// What `pmc` printed.
fn answers(printed: &str) -> Vec<Answer> {
    let mut answers: Vec<Answer> = Vec::new();
    for line in printed.lines() {
        if let Some((who, what)) = line.split_once(" seq ") {
            let what = what.split_once("RESPONSE MANAGEMENT").expect("a response").1.trim();
            let is_error = what.starts_with("_ERROR_STATUS");
            let what = if is_error { String::new() } else { what.to_owned() };
            answers.push(Answer { who: who.trim().to_owned(), what, is_error, values: BTreeMap::new() });
        } else if let Some((name, value)) = line.strip_prefix("\t\t").and_then(|line| line.split_once(' ')) {
            let answer = answers.last_mut().expect("after a response");
            answer.values.insert(name.to_owned(), value.trim().to_owned());
        }
    }
    answers
}

/// Asks by the daemon's socket, as a user of this number.
fn pmc_as(user: u32, space: &Space, directory: &Path, commands: &[String]) -> Vec<Answer> {
    let mut command = space.command("setpriv", "util-linux");
    command.args([&format!("--reuid={user}"), "--clear-groups", "timeout", "20", "pmc", "-u", "-b", "0", "-i"]);
    command.arg(directory.join(format!("pmc-{user}"))).arg("-s").arg(directory.join("ptp")).args(commands);
    let output = command.output().expect("pmc runs: apt-get install linuxptp");
    let printed = text(&output);
    assert!(output.status.success(), "{printed}");
    answers(&printed)
}

/// Asks over the network that these options of pmc name, from an interface of this namespace.
pub(super) fn pmc_over(network: &[&str], space: &Space, interface: &str, hops: u8, commands: &[String]) -> Vec<Answer> {
    let mut command = space.command("timeout", "coreutils");
    command.args(["20", "pmc", "-b", &hops.to_string(), "-i", interface]).args(network).args(commands);
    let mut ask = || {
        let output = command.output().expect("pmc runs: apt-get install linuxptp");
        let printed = text(&output);
        assert!(output.status.success(), "{printed}");
        answers(&printed)
    };
    // It ends at a silence of 100 ms, which a busy machine may make.
    let answered = ask();
    if answered.len() < commands.len() { ask() } else { answered }
}

fn gets(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| format!("GET {id}")).collect()
}

/// The one answer about this, of `who` if that is said.
fn one<'a>(answers: &'a [Answer], what: &str, who: Option<&str>) -> &'a Answer {
    let what = if what == "NULL_MANAGEMENT" { "" } else { what };
    let is_it = |answer: &&Answer| answer.what == what && !answer.is_error && who.is_none_or(|who| answer.who == who);
    let mut found = answers.iter().filter(is_it);
    match (found.next(), found.next()) {
        (Some(answer), None) => answer,
        _ => panic!("not one answer about {what} of {who:?}: {answers:#?}"),
    }
}

/// What everybody may enter, and the daemon's option for a socket in it.
fn open_directory() -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::set_permissions(directory.path(), Permissions::from_mode(0o777)).expect("it is ours");
    let option = format!("ptp_management = \"{}\"\n", directory.path().join("ptp").display());
    (directory, option)
}

/// Each data set parses, comes from whom it should, and says what the status says.
fn assert_agreement(before: &Status, answers: &[Answer], after: &Status) {
    let followed = before.followed().expect("it follows");
    let (grandmaster, parent) = (followed.grandmaster.as_ref().expect("one"), followed.parent.as_ref().expect("one"));
    let identities: Vec<_> = after.ptp.iter().map(|port| port.identity.clone().expect("it runs")).collect();
    let (clock, _) = identities[0].rsplit_once('-').expect("portIdentity");
    let itself = format!("{clock}-0");
    for what in OF_CLOCK.iter().filter(|what| **what != "NULL_MANAGEMENT") {
        assert_eq!(one(answers, what, None).who, itself, "{what}");
    }
    for (identity, port) in identities.iter().zip(&after.ptp) {
        for what in OF_PORT {
            one(answers, what, Some(identity));
        }
        let set = one(answers, "PORT_DATA_SET", Some(identity));
        assert_eq!((set.value("portIdentity"), set.value("portState")), (identity.as_str(), port.port_state.as_str()));
        assert_eq!((set.value("delayMechanism"), set.value("versionNumber")), ("1", "2"));
        let properties = one(answers, "PORT_PROPERTIES_NP", Some(identity));
        assert_eq!(properties.value("interface"), port.interface);
        assert_eq!(properties.value("timestamping"), "SOFTWARE");
        let stats = one(answers, "PORT_STATS_NP", Some(identity));
        let earlier = before.ptp.iter().find(|earlier| earlier.interface == port.interface).expect("the same");
        for (name, counter) in [
            ("rx_Sync", "received_sync"),
            ("rx_Announce", "received_announce"),
            ("tx_Delay_Req", "sent_delay_req"),
            ("tx_Announce", "sent_announce"),
            ("tx_Sync", "sent_sync"),
        ] {
            let at = |status: &synchronome::observe::status::PortStatus| {
                status.counters.get(counter).copied().unwrap_or(0) as f64
            };
            let shown = stats.number(name);
            assert!((at(earlier)..=at(port)).contains(&shown), "{name} {shown}: {} to {}", at(earlier), at(port));
        }
        let description = one(answers, "CLOCK_DESCRIPTION", Some(identity));
        assert_eq!(description.value("profileId"), "00:1b:19:00:01:00");
    }
    let own = one(answers, "DEFAULT_DATA_SET", None);
    assert_eq!(own.value("clockIdentity"), clock);
    assert_eq!(own.number("numberPorts") as usize, identities.len());
    assert_eq!(own.value("slaveOnly"), if before.ptp.iter().all(|port| port.role == "slave") { "1" } else { "0" });
    let set = one(answers, "PARENT_DATA_SET", None);
    assert_eq!(set.value("parentPortIdentity"), parent);
    assert_eq!(set.value("grandmasterIdentity"), grandmaster.identity);
    assert_eq!(set.number("gm.ClockClass") as u8, grandmaster.class);
    assert_eq!(set.number("grandmasterPriority1") as u8, grandmaster.priority1);
    let current = one(answers, "CURRENT_DATA_SET", None);
    assert_eq!(current.number("stepsRemoved") as u16, grandmaster.steps_removed + 1);
    let between = |name: &str, shown_s: f64, known: [Option<f64>; 2]| {
        let known = known.map(|known| known.expect("it is measured"));
        let near = 1e-9 + (known[0] - known[1]).abs();
        assert!(known.iter().any(|known| (known - shown_s).abs() <= near), "{name}: {shown_s}, and {known:?}");
    };
    let figures = |status: &Status| (status.clock.offset_from_master_s, status.clock.mean_path_delay_s);
    let (earlier, later) = (figures(before), figures(after));
    between("meanPathDelay", current.number("meanPathDelay") * 1e-9, [earlier.1, later.1]);
    // Many have been measured between the two.
    let offset_s = current.number("offsetFromMaster") * 1e-9;
    assert!(offset_s.abs() < 1e-3, "{offset_s}");
    let np = one(answers, "TIME_STATUS_NP", None);
    assert_eq!((np.value("gmPresent"), np.value("gmIdentity")), ("true", grandmaster.identity.as_str()));
    assert!((np.number("master_offset") * 1e-9).abs() < 1e-3);
    // As ptp4l says it of itself: by nobody's hand.
    assert_eq!(one(answers, "SYNCHRONIZATION_UNCERTAIN_NP", None).value("uncertain"), "255");
    let properties = one(answers, "TIME_PROPERTIES_DATA_SET", None);
    assert_eq!(properties.value("ptpTimescale"), one(answers, "TIMESCALE_PROPERTIES", None).value("ptpTimescale"));
}

mod beside {
    use super::*;

    #[test]
    fn pmc_reads_all_data_sets_of_a_slave_by_its_socket_and_only_the_owner_sets_anything() {
        let mut lab = Lab::beside_others();
        let (master, slave) = lab.pair();
        let _grandmaster = ptp4l(&lab, &master, "va", &["--logAnnounceInterval=-1", always_master()]);
        let (directory, more) = open_directory();
        let mut daemon = Daemon::start(&lab, &slave, Options { more: &more, ..Options::default() });
        let before = daemon.wait_for_lock(&ptp4l_identity(1));
        let all = gets(&[&OF_CLOCK[..], &OF_PORT[..]].concat());
        let answered = pmc_as(0, &slave, directory.path(), &all);
        let after = daemon.status_by_command();
        assert_eq!(answered.len(), OF_CLOCK.len() + OF_PORT.len(), "{answered:#?}");
        assert_agreement(&before, &answered, &after);
        assert_eq!(one(&answered, "DEFAULT_DATA_SET", None).value("clockClass"), "255");
        let clock = &after.ptp_clocks[0];
        let np = one(&answered, "PORT_DATA_SET", None);
        assert_eq!(np.value("logMinDelayReqInterval"), "-3", "the master's");
        assert_eq!(clock.ports[0].log_min_delay_req_interval, -3);
        assert_eq!(np.value("logSyncInterval"), "-3", "the master's, not that of the option");
        assert_eq!(clock.ports[0].log_sync_interval, -3);
        let (json, code) = daemon.command(&["ptp", "--json"]);
        let json: serde_json::Value = serde_json::from_str(&json).expect("one JSON object");
        let first = &json["clocks"][0];
        let parent = one(&answered, "PARENT_DATA_SET", None);
        assert_eq!((code, &first["default_ds"]["slave_only"]), (0, &true.into()));
        assert_eq!(first["parent_ds"]["parent_port_identity"], parent.value("parentPortIdentity"));
        assert_eq!(first["ports"][0]["port_state"], "SLAVE");
        let (shown, code) = daemon.command(&["ptp"]);
        assert!(code == 0 && shown.contains("portDS 1 vb       SLAVE, e2e, "), "{shown}");
        println!("{shown}");

        // Who else is on this machine reads, and no more.
        let somebody = 65_534;
        let both = [gets(&["PRIORITY1"]), vec!["SET PRIORITY1 7".to_owned()]].concat();
        let answered = pmc_as(somebody, &slave, directory.path(), &both);
        assert_eq!(one(&answered, "PRIORITY1", None).value("priority1"), "128");
        assert_eq!(answered.iter().filter(|answer| answer.is_error).count(), 1, "{answered:#?}");
        let commands =
            ["SET PRIORITY1 7", "SET PRIORITY2 9", "SET PORT_DATA_SET_NP neighborPropDelayThresh 4 asCapable 1"];
        let answered = pmc_as(0, &slave, directory.path(), &commands.map(str::to_owned));
        assert_eq!(answered.iter().filter(|answer| answer.is_error).count(), 1, "{answered:#?}");
        let answered = pmc_as(somebody, &slave, directory.path(), &gets(&["DEFAULT_DATA_SET"]));
        let set = one(&answered, "DEFAULT_DATA_SET", None);
        assert_eq!((set.value("priority1"), set.value("priority2")), ("7", "9"));
        assert_eq!(port(&daemon.status()).port_state, "SLAVE", "nothing else has changed");
        daemon.end();
        assert!(!directory.path().join("ptp").exists(), "the socket's file goes with the daemon");
    }

    #[test]
    fn pmc_reads_both_ports_of_a_boundary_clock_and_a_priority_that_is_set_is_announced() {
        let mut lab = Lab::beside_others();
        let (top, between, _inside) = lab.row();
        between.ip("address add 10.72.0.1/24 dev vc");
        let grandmaster = ptp4l(&lab, &top, "va", &["--priority1=10", "--logAnnounceInterval=-1"]);
        let (directory, more) = open_directory();
        let port = "role = \"auto\"\n[[ptp]]\ninterface = \"vc\"\nrole = \"auto\"\nannounce_interval = -2\n";
        let mut daemon = Daemon::start(&lab, &between, Options { port, more: &more, ..Options::default() });
        let before = daemon.wait("the clock is LOCKED and served", |status| {
            status.state == SyncState::Locked && status.ptp[1].port_state == "MASTER"
        });
        let all = gets(&[&OF_CLOCK[..OF_CLOCK.len() - 1], &OF_PORT[..]].concat());
        let answered = pmc_as(0, &between, directory.path(), &all);
        assert_agreement(&before, &answered, &daemon.status_by_command());
        assert_eq!(one(&answered, "DEFAULT_DATA_SET", None).value("clockClass"), "248", "its own, not its parent's");

        // Alone it is the grandmaster, and says what was set.
        drop(grandmaster);
        let set = ["SET PRIORITY1 77".to_owned()];
        assert_eq!(one(&pmc_as(0, &between, directory.path(), &set), "PRIORITY1", None).value("priority1"), "77");
        daemon.wait("both ports announce it", |status| {
            status.ptp.iter().all(|port| port.announces.as_ref().is_some_and(|announced| announced.priority1 == 77))
        });
        let answered = pmc_as(0, &between, directory.path(), &gets(&["PARENT_DATA_SET", "DEFAULT_DATA_SET"]));
        let (parent, own) = (one(&answered, "PARENT_DATA_SET", None), one(&answered, "DEFAULT_DATA_SET", None));
        assert_eq!(parent.value("parentPortIdentity"), format!("{}-0", own.value("clockIdentity")));
        assert_eq!(parent.value("grandmasterPriority1"), "77");
        daemon.end();
    }

    #[test]
    fn pmc_of_another_host_reads_a_boundary_clock_and_what_is_above_it_and_sets_nothing() {
        for (network, transport, ptp4l_option) in [("-4", "udp4", "-4"), ("-2", "ethernet", "-2")] {
            let mut lab = Lab::beside_others();
            let (top, between, inside) = lab.row();
            between.ip("address add 10.72.0.1/24 dev vc");
            inside.ip("address add 10.72.0.2/24 dev vd");
            let options = [ptp4l_option, "--priority1=10", "--logAnnounceInterval=-1"];
            let _grandmaster = ptp4l(&lab, &top, "va", &options);
            let each = format!("role = \"auto\"\nmanagement = true\ntransport = \"{transport}\"\n");
            let port = format!("{each}[[ptp]]\ninterface = \"vc\"\n{each}announce_interval = -2\n");
            let mut daemon = Daemon::start(&lab, &between, Options { port: &port, ..Options::default() });
            let before = daemon.wait("the clock is LOCKED and served", |status| {
                status.state == SyncState::Locked && status.ptp[1].port_state == "MASTER"
            });
            let identity = before.ptp[1].identity.clone().expect("it runs");
            // Alone, and by the port that was asked.
            let asked = gets(&["DEFAULT_DATA_SET", "PARENT_DATA_SET", "PORT_DATA_SET", "PORT_STATS_NP", "FAULT_LOG"]);
            let answered = pmc_over(&[network], &inside, "vd", 0, &asked);
            let (own, parent) = (one(&answered, "DEFAULT_DATA_SET", None), one(&answered, "PARENT_DATA_SET", None));
            assert_eq!(own.who, identity);
            assert_eq!(own.value("clockIdentity"), before.ptp_clocks[0].default_ds.clock_identity);
            assert_eq!(parent.value("grandmasterIdentity"), ptp4l_identity(1));
            let after = daemon.status();
            for (port, status) in before.ptp_clocks[0].ports.iter().zip(&after.ptp) {
                let set = one(&answered, "PORT_DATA_SET", Some(&port.port_identity));
                assert_eq!(set.value("portState"), status.port_state);
            }
            // With a hop ptp4l's answers come from behind it, by its own boundaryHops.
            let answered = pmc_over(&[network], &inside, "vd", 1, &gets(&["DEFAULT_DATA_SET"]));
            assert_eq!(answered.len(), 2, "{answered:#?}");
            let above = one(&answered, "DEFAULT_DATA_SET", Some(&format!("{}-1", ptp4l_identity(1))));
            assert_eq!((above.value("priority1"), above.value("clockIdentity")), ("10", ptp4l_identity(1).as_str()));
            // SET is refused.
            let answered = pmc_over(&[network], &inside, "vd", 0, &["SET PRIORITY1 7".to_owned()]);
            assert!(matches!(&answered[..], [refused] if refused.is_error), "{answered:#?}");
            assert_eq!(daemon.status().ptp_clocks[0].default_ds.priority1, 128);
            daemon.end();
        }
    }
    /// What `pmc` says and sees of a subscription, and what comes of one: `pmc` itself does not wait for it.
    #[test]
    fn who_subscribes_by_the_socket_is_told_of_each_state_of_a_port() {
        let mut lab = Lab::beside_others();
        let (master, slave) = lab.pair();
        let (directory, more) = open_directory();
        let mut daemon = Daemon::start(&lab, &slave, Options { more: &more, ..Options::default() });
        let identity = daemon.status().ptp[0].identity.clone().expect("it runs");
        let commands = ["SET SUBSCRIBE_EVENTS_NP duration 60 NOTIFY_PORT_STATE on".to_owned()];
        let answered = pmc_as(0, &slave, directory.path(), &[&commands[..], &gets(&["SUBSCRIBE_EVENTS_NP"])].concat());
        assert_eq!(answered.len(), 2, "{answered:#?}");
        for answer in &answered {
            assert!((58.0..=60.0).contains(&answer.number("duration")), "{answer:?}");
            assert_eq!(answer.value("NOTIFY_PORT_STATE"), "on");
        }

        let subscriber = UnixDatagram::bind(directory.path().join("subscriber")).expect("a socket");
        subscriber.set_read_timeout(Some(Duration::from_secs(20))).expect("a time");
        subscriber.send_to(&subscription(60, 1), directory.path().join("ptp")).expect("it listens");
        let heard = || {
            let mut octets = [0; 1_500];
            let length = subscriber.recv(&mut octets).expect("it is told");
            let message = parse(&octets[..length]).expect("a message");
            let Ok(Extension::Management(tlv)) = message.tlvs.iter().next().expect("one TLV").extension() else {
                panic!("{message:?}")
            };
            let who = message.header.source_port_identity.to_string();
            match tlv.data {
                ManagementData::PortDataSet(set) => (who, message.header.sequence_id, set.port_state),
                _ => (who, message.header.sequence_id, 0),
            }
        };
        assert_eq!((heard().1, heard_nothing(&subscriber)), (77, true), "the answer, and no more");
        let grandmaster = ptp4l(&lab, &master, "va", &["--logAnnounceInterval=-1", always_master()]);
        daemon.wait_for_lock(&ptp4l_identity(1));
        let states = [PortState::Uncalibrated, PortState::Slave].map(|state| state as u8);
        assert_eq!([heard(), heard()], [(identity.clone(), 0, states[0]), (identity.clone(), 1, states[1])]);
        drop(grandmaster);
        let states = [PortState::Uncalibrated, PortState::Listening].map(|state| state as u8);
        assert_eq!([heard(), heard()], [(identity.clone(), 2, states[0]), (identity, 3, states[1])]);

        // Sixteen are told, of which `pmc` has gone and this one is here; the one too many is refused, and says so itself.
        let answers: Vec<Option<ManagementErrorId>> = (1..=16)
            .map(|number| {
                subscriber.send_to(&subscription_of(number, 60, 1), directory.path().join("ptp")).expect("it listens");
                let mut octets = [0; 1_500];
                let length = subscriber.recv(&mut octets).expect("it is answered");
                let message = parse(&octets[..length]).expect("a message");
                match message.tlvs.iter().next().expect("one TLV").extension() {
                    Ok(Extension::ManagementErrorStatus(status)) => Some(status.management_error_id),
                    _ => None,
                }
            })
            .collect();
        let refused = [[None; 15].as_slice(), &[Some(ManagementErrorId::GENERAL_ERROR)]].concat();
        assert_eq!(answers, refused);
        daemon.end();
    }

    fn subscription(duration_s: u16, events: u8) -> Vec<u8> {
        subscription_of(4_711, duration_s, events)
    }

    /// SET SUBSCRIBE_EVENTS_NP by a process of this number, with the sequenceId 77.
    fn subscription_of(port_number: u16, duration_s: u16, events: u8) -> Vec<u8> {
        let nobody = PortIdentity { clock_identity: ClockIdentity([0; 8]), port_number };
        let everybody = PortIdentity { clock_identity: ClockIdentity([0xff; 8]), port_number: 0xffff };
        let body = Management {
            target_port_identity: everybody,
            starting_boundary_hops: 0,
            boundary_hops: 0,
            action: Action::SET,
        };
        let header = Header {
            sdo_id: 0,
            message_type: MessageType::Management,
            version_ptp: VERSION_PTP,
            minor_version_ptp: 0,
            message_length: 0,
            domain_number: 0,
            flags: Flags::NONE,
            correction_field: CorrectionField::ZERO,
            source_port_identity: nobody,
            sequence_id: 77,
            log_message_interval: LogInterval::UNSTATED,
        };
        let data = [&duration_s.to_be_bytes()[..], &[events], &[0; 63]].concat();
        let data = ManagementData::Other(&data);
        let tlv = ManagementTlv { management_id: ManagementId::SUBSCRIBE_EVENTS_NP, data };
        let (mut tlvs, mut octets) = ([0; 100], vec![0; 200]);
        let length = Extension::Management(tlv).write(&mut tlvs).expect("room");
        let tlvs = Tlvs::from_octets(&tlvs[..length]).expect("whole");
        let length = write(&Message { header, body: Body::Management(body), tlvs }, &mut octets).expect("room");
        octets.truncate(length);
        octets
    }

    fn heard_nothing(by: &UnixDatagram) -> bool {
        by.set_nonblocking(true).expect("a socket");
        let result = by.recv(&mut [0; 10]);
        by.set_nonblocking(false).expect("a socket");
        result.is_err()
    }
}
