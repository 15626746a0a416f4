//! `ptp4l.conf` and the options of phc2sys, line by line.

use super::*;
use crate::config::{
    DelayMechanism, EthernetGroup, PhcChoice, PtpTransport, RefclockDevice, SystemClock, TimestampMode,
};
use crate::discipline::policy::StepRule;
use crate::discipline::servo;
use crate::ptp::{ComparisonRule, Role};
use crate::time::LogInterval;

fn ptp4l(text: &str) -> Config {
    config_of("ptp4l.conf", text)
}

fn phc2sys(options: &str) -> Config {
    config_of("x", &format!("phc2sys {options}\n"))
}

#[test]
fn a_port_has_what_is_its_own_and_else_what_is_said_of_all() {
    let config = ptp4l(
        "[global]\ndomainNumber 7\nlogSyncInterval -3\nnetwork_transport L2\n[eth1]\n[eth2]\nlogSyncInterval -4\nserverOnly 1\n\
         delayAsymmetry 120\negressLatency 35\nptp_dst_mac 01:80:c2:00:00:0e\n",
    );
    let [one, two] = config.ptp.as_slice() else { panic!("{config:?}") };
    assert_eq!(
        (one.interface.as_str(), one.domain, one.role),
        ("eth1", 7, Role::Auto),
        "either may become master there"
    );
    assert_eq!((two.domain, two.role, two.transport), (7, Role::Master, PtpTransport::Ethernet));
    assert_eq!((one.log_sync_interval, two.log_sync_interval), (LogInterval::new(-3), LogInterval::new(-4)));
    assert_eq!((two.delay_asymmetry, two.egress_latency), (Duration::from_nanos(120), Duration::from_nanos(35)));
    assert_eq!((one.ethernet_group, two.ethernet_group), (EthernetGroup::Forwardable, EthernetGroup::Link));
    assert_eq!(
        (config.clock.phc, config.clock.system),
        (PhcChoice::OfPorts, SystemClock::Observe),
        "as phc2sys is not there"
    );
    assert!(ptp4l("[global]\nslaveOnly 1\n[eth0]\n").ptp.iter().all(|port| port.role == Role::Slave));
}

#[test]
fn thresholds_are_in_seconds_and_zero_is_never() {
    let step = |text: &str| ptp4l(&format!("[global]\n{text}\n[eth0]\n")).clock.step;
    assert_eq!(step("step_threshold 0.00002").later, StepRule::Above(Duration::from_micros(20)));
    assert_eq!(step("step_threshold 0.0").later, StepRule::Never);
    assert_eq!(step("first_step_threshold 0.00002").first, StepRule::Above(Duration::from_micros(20)));
    let by_option = phc2sys("-s eth0 -w -S 0.5 -F 0").clock.step;
    assert_eq!((by_option.later, by_option.first), (StepRule::Above(Duration::from_millis(500)), StepRule::Never));
}

/// There the integral gain is of each sample; here it is of a second.
#[test]
fn the_integral_gain_is_divided_by_the_interval() {
    let servo = ptp4l("[global]\npi_proportional_const 0.7\npi_integral_const 0.3\nlogSyncInterval -3\n[eth0]\n").servo;
    assert_eq!((servo.kind, servo.proportional, servo.integral), (servo::Kind::Pi, Some(0.7), Some(2.4)));
    let servo = phc2sys("-a -r -P 0.5 -I 0.25 -R 4").servo;
    assert_eq!((servo.proportional, servo.integral), (Some(0.5), Some(1.0)));
    let plain = ptp4l("[global]\nclock_servo pi\npi_proportional_const 0.0\n[eth0]\n").servo;
    assert_eq!(plain.kind, servo::Kind::Estimator, "no gain of one's own");
}

#[test]
fn profiles_are_named_and_what_differs_from_them_is_written() {
    let word = |text: &str| {
        let toml = import_with("ptp4l.conf", text, &[]).toml;
        let line = toml.lines().find(|line| line.starts_with("profile = "));
        line.unwrap_or_default().trim_start_matches("profile = ").trim_matches('"').to_owned()
    };
    let gptp = "[global]\nfollow_up_info 1\ntransportSpecific 0x1\nnetwork_transport L2\ndelay_mechanism P2P\n[eth0]\n";
    assert_eq!(word(gptp), "gptp");
    let port = &ptp4l(gptp).ptp[0];
    assert_eq!((port.sdo_id, port.delay, port.as_capable), (0x100, DelayMechanism::P2p, true));
    assert_eq!(port.log_sync_interval, LogInterval::new(0), "ptp4l's default, not the profile's");
    assert!(!port.path_trace);
    let telecom = "[global]\ndataset_comparison G.8275.x\nnetwork_transport L2\ndomainNumber 24\n[eth0]\n";
    assert_eq!(word(telecom), "g8275.1");
    assert!(matches!(ptp4l(telecom).ptp[0].comparison, ComparisonRule::G8275 { .. }));
    assert_eq!(word("[global]\ndataset_comparison G.8275.x\nunicast_listen 1\n[eth0]\n"), "g8275.2");
    assert_eq!(
        word("[global]\nnetwork_transport L2\ndelay_mechanism P2P\npower_profile.version 2017\n[eth0]\n"),
        "c37.238"
    );
    assert_eq!(word("[global]\ndelay_mechanism P2P\n[eth0]\n"), "");
    let power = "[global]\nnetwork_transport L2\ndelay_mechanism P2P\nlogAnnounceInterval 0\n";
    assert_eq!(word(&format!("{power}[eth0]\n")), "iec61850-9-3");
    assert_eq!(word(&format!("{power}domainNumber 254\n[eth0]\n")), "c37.238");
    assert_eq!(word(&format!("{power}logSyncInterval -3\n[eth0]\n")), "", "61850-9-3 has one Sync a second");
    assert_eq!(word("[global]\nhybrid_e2e 1\nlogAnnounceInterval 0\n[eth0]\n"), "enterprise");
    assert_eq!(word("[global]\nhybrid_e2e 1\n[eth0]\n"), "");
    let broadcast = "[global]\ndomainNumber 127\nlogAnnounceInterval -2\nlogSyncInterval -3\n[eth0]\n";
    assert_eq!(word(broadcast), "smpte2059-2");
    assert_eq!(
        ptp4l(broadcast).ptp[0].log_min_delay_req_interval,
        LogInterval::new(0),
        "ptp4l's default, not the profile's"
    );
    assert_eq!(word("[global]\nlogSyncInterval -3\ndscp_event 46\n[eth0]\n"), "aes67");
    assert_eq!(word("[global]\nlogSyncInterval -3\n[eth0]\n"), "", "anybody may have eight a second");
    let fixed = gptp.replace("[eth0]", "BMCA noop\n[eth0]");
    assert_eq!(word(&fixed), "automotive");
    let port = &ptp4l(&fixed).ptp[0];
    assert!(port.static_role && port.sdo_id == 0x100);
    assert_eq!((port.log_sync_interval, port.delay), (LogInterval::new(0), DelayMechanism::P2p));
}

#[test]
fn unicast_masters_are_those_of_the_ports_table() {
    let text = "[unicast_master_table]\ntable_id 2\nUDPv4 192.0.2.9\nUDPv4 192.0.2.10\n[eth0]\nunicast_master_table 2\n[eth1]\n";
    let config = ptp4l(text);
    let masters: Vec<_> = config.ptp[0].unicast_masters.iter().flatten().map(ToString::to_string).collect();
    assert_eq!(masters, ["192.0.2.9", "192.0.2.10"]);
    assert!(config.ptp[1].unicast_masters.iter().all(Option::is_none));
    tells("ptp4l.conf", "[eth0]\nunicast_master_table 3\n", "there is no [unicast_master_table] of table_id 3");
    assert_eq!(ptp4l("[global]\nunicast_listen 1\n[eth0]\n").ptp[0].unicast_clients, 1_000);
}

#[test]
fn a_file_without_a_port_is_a_draft_unless_a_port_is_named() {
    let text = "[global]\nclientOnly 1\ntime_stamping software\n";
    let draft = import_with("ptp4l.conf", text, &[]);
    assert!(draft.toml.contains("\n#[[ptp]]\n#interface = \"eth0\"\n"), "{}", draft.toml);
    assert!(draft.notes.iter().any(|note| note.kind == Kind::Wrong), "{:?}", draft.notes);
    let input = Input { name: Rc::from("ptp4l.conf"), text: text.to_owned() };
    let named = import(&[input], None, &["eth7".to_owned()], &few(&[])).unwrap();
    let config = load(&named.toml, "t").unwrap().config;
    assert_eq!((config.ptp[0].interface.as_str(), config.ptp[0].timestamps), ("eth7", TimestampMode::Software));
    assert_eq!(config.clock.system, SystemClock::Discipline, "software stamps are of the system clock");
}

#[test]
fn phc2sys_says_which_clocks_are_steered() {
    let unit = |text: &str| config_of("any.service", text);
    let both = unit("ExecStart=/usr/sbin/ptp4l -i eth0 -s\nExecStart=/usr/sbin/phc2sys -a -r\n");
    assert_eq!((&both.clock.system, &both.clock.phc), (&SystemClock::Discipline, &PhcChoice::OfPorts));
    assert_eq!(unit("ptp4l -i eth0\nphc2sys -a\n").clock.system, SystemClock::Observe);
    let to_card = phc2sys("-s CLOCK_REALTIME -c eth1 -O 37");
    assert_eq!(to_card.clock.phc, PhcChoice::Named(vec!["eth1".to_owned()]));
    let from_card = phc2sys("-s eth1 -O -37");
    let RefclockDevice::Phc { .. } = &from_card.refclocks[0].device else { panic!("{from_card:?}") };
    assert!(from_card.refclocks[0].is_tai && from_card.clock.system == SystemClock::Discipline);
    assert!(!phc2sys("-s /dev/ptp1 -O 0").refclocks[0].is_tai);
    tells("x", "phc2sys -s /dev/ptp9 -w\n", "is a number that changes from boot to boot");
    tells("x", "phc2sys -a -r\n", "the ports are ptp4l's");
    let pulses = phc2sys("-d /dev/pps0 -s eth0 -w");
    assert!(matches!(pulses.refclocks[0].device, RefclockDevice::Pps { .. }), "{pulses:?}");
}

/// What systemd or a shell puts in is no interface.
#[test]
fn an_interface_that_is_put_in_later_has_to_be_named() {
    for unit in ["ExecStart=/usr/sbin/ptp4l -i %I -s\n", "/usr/sbin/ptp4l -i \"$IFACE\" -s\n"] {
        let draft = import_with("any.service", unit, &[]);
        assert!(draft.toml.contains("\n#[[ptp]]\n#interface = \"eth0\"\n"), "{}", draft.toml);
        assert!(load(&draft.toml, "t").unwrap().config.ptp.is_empty(), "{}", draft.toml);
        tells("any.service", unit, "say --interface");
        let input = Input { name: Rc::from("any.service"), text: unit.to_owned() };
        let named = import(&[input], None, &["eth7".to_owned()], &few(&[])).unwrap();
        let config = load(&named.toml, "t").unwrap().config;
        assert_eq!((config.ptp[0].interface.as_str(), config.ptp[0].role), ("eth7", Role::Slave), "{}", named.toml);
        assert!(named.notes.iter().all(|note| note.kind != Kind::Wrong), "{:?}", named.notes);
    }
    let unit = "ExecStart=/usr/sbin/phc2sys -w -s %I -c $OTHER\n";
    let imported = import_with("any.service", unit, &[]);
    assert!(
        !imported.toml.lines().any(|line| line.contains("\"%I\"") || line.contains("\"$OTHER\"")),
        "{}",
        imported.toml
    );
    tells("any.service", unit, "wrong: any.service:1: phc2sys -s: %I is put in later");
    tells("any.service", unit, "wrong: any.service:1: phc2sys -c: $OTHER is put in later");
    tells(
        "any.service",
        "ExecStart=/usr/sbin/ptp4l $OPTIONS -i eth0\n",
        "wrong: any.service:1: ptp4l $OPTIONS: $OPTIONS is put in later",
    );
    let inputs =
        [("ptp4l.conf", "[global]\nclientOnly 1\n"), ("phc2sys@.service", "ExecStart=/usr/sbin/phc2sys -w -s %I\n")];
    let inputs = inputs.map(|(name, text)| Input { name: Rc::from(name), text: text.to_owned() });
    let both = import(&inputs, None, &["eth7".to_owned()], &few(&[])).unwrap();
    let config = load(&both.toml, "t").unwrap().config;
    assert_eq!((config.ptp.len(), config.refclocks.len()), (1, 0), "{}", both.toml);
    assert!(both.notes.iter().all(|note| note.kind != Kind::Wrong), "{:?}", both.notes);
}

/// Then somebody has said who steers the system clock: nobody.
#[test]
fn phc2sys_between_cards_leaves_the_system_clock_alone() {
    let text = "ptp4l -i eth0 -s\nphc2sys -s eth0 -c eth1\n";
    let imported = import_with("x", text, &[]);
    assert!(!imported.toml.contains("without phc2sys"), "{}", imported.toml);
    let line = "system = \"observe\"                       # x:2: -c eth1";
    assert!(imported.toml.contains(line), "{}", imported.toml);
    assert!(!import_with("x", "ptp4l -i eth0\nphc2sys -a\n", &[]).toml.contains("without phc2sys"));
}

/// Whichever file is named first, the port is ptp4l's, and is not made twice.
#[test]
fn ptp4l_and_phc2sys_make_one_configuration() {
    let inputs =
        [("phc2sys.service", "ExecStart=/usr/sbin/phc2sys -w -s eth0\n"), ("ptp4l.conf", "[eth0]\ndomainNumber 3\n")];
    let inputs = inputs.map(|(name, text)| Input { name: Rc::from(name), text: text.to_owned() });
    let imported = import(&inputs, None, &[], &few(&[])).unwrap();
    let config = load(&imported.toml, "t").unwrap().config;
    assert_eq!((config.ptp.len(), config.ptp[0].domain), (1, 3));
    assert!(config.refclocks.is_empty() && config.clock.system == SystemClock::Discipline);
    assert!(!imported.toml.contains("without phc2sys"), "{}", imported.toml);
}

#[test]
fn options_are_taken_apart_as_getopt_does() {
    let config = config_of("x", "/usr/sbin/phc2sys -arS0.25 -F 0.001\n");
    assert_eq!(config.clock.step.later, StepRule::Above(Duration::from_millis(250)));
    assert_eq!(config.clock.step.first, StepRule::Above(Duration::from_millis(1)));
    tells("x", "phc2sys -a -Q\n", "unknown: x:1: phc2sys -Q");
    let files = [("/etc/ptp.cfg", "[global]\ndomainNumber 5\nlogging_level 7\n")];
    let imported = import_with("x", "ptp4l -f /etc/ptp.cfg -i eth0 --domainNumber=9\n", &files);
    let config = load(&imported.toml, "t").unwrap().config;
    assert_eq!(config.ptp[0].domain, 9, "the command line counts more");
    assert_eq!(config.observe.log, crate::config::LogLevel::Debug);
}

#[test]
fn what_is_in_the_wrong_section_or_unknown_is_named() {
    tells("ptp4l.conf", "[eth0]\npriority1 1\n", "it is of the clock, and stands in [global]");
    tells("ptp4l.conf", "domainNumber 1\n[eth0]\n", "it stands in no section");
    tells("ptp4l.conf", "[global]\nprioritee1 1\n[eth0]\n", "unknown: ptp4l.conf:2: prioritee1");
    tells("ptp4l.conf", "[global]\nclock_type E2E_TC\n[eth0]\n", "there is no transparent clock");
    tells("ptp4l.conf", "[eth0]\n", "without phc2sys");
}

#[test]
fn timesyncd_has_its_servers_or_its_fallback() {
    let hosts = |text: &str| {
        config_of("timesyncd.conf", text).ntp_sources.iter().map(|source| source.host.clone()).collect::<Vec<_>>()
    };
    assert_eq!(hosts("[Time]\nNTP=a b\nFallbackNTP=c\n"), ["a", "b"]);
    assert_eq!(hosts("[Time]\nNTP=\nFallbackNTP=c\n"), ["c"]);
    let files = [("timesyncd.conf.d/9.conf", "[Time]\nNTP=d\nRootDistanceMaxSec=2s 500ms\n")];
    let imported = import_with("timesyncd.conf", "[Time]\nNTP=a\nPollIntervalMaxSec=34min 8s\n", &files);
    let config = load(&imported.toml, "t").unwrap().config;
    let read: Vec<_> = config.ntp_sources.iter().map(|one| (one.host.as_str(), one.options.max_distance)).collect();
    assert_eq!(read, [("a", Duration::from_millis(2_500)), ("d", Duration::from_millis(2_500))]);
    assert_eq!(config.ntp_sources[0].poll_longest, LogInterval::new(11));
    tells("timesyncd.conf", "[Time]\n", "without NTP");
}

/// timesyncd begins at 32 s; an end before the begin does not count there.
#[test]
fn timesyncd_asks_as_often_as_its_longest_interval_wants() {
    let polls = |text: &str| {
        let config = config_of("timesyncd.conf", &format!("[Time]\nNTP=a\n{text}\n"));
        (config.ntp_sources[0].poll, config.ntp_sources[0].poll_longest)
    };
    let log = LogInterval::new;
    assert_eq!(polls("PollIntervalMaxSec=40s"), (log(5), log(5)));
    assert_eq!(polls("PollIntervalMaxSec=64s"), (log(6), log(6)));
    assert_eq!(polls("PollIntervalMinSec=16s\nPollIntervalMaxSec=32s"), (log(4), log(5)));
    assert_eq!(polls("PollIntervalMaxSec=16s"), polls(""));
    tells("timesyncd.conf", "[Time]\nNTP=a\nPollIntervalMaxSec=16s\n", "wrong: timesyncd.conf:3: PollIntervalMaxSec");
}

#[test]
fn one_step_and_fixed_roles_have_options() {
    let port = |text: &str| ptp4l(&format!("[global]\n{text}\n[eth0]\n")).ptp[0].clone();
    assert!(port("twoStepFlag 1").two_step && !port("twoStepFlag 0").two_step);
    assert!(!port("time_stamping onestep").two_step && !port("time_stamping p2p1step").two_step);
    let fixed = port("BMCA noop\nserverOnly 1\ninhibit_announce 1\ninhibit_delay_req 1");
    assert!(fixed.static_role && fixed.role == Role::Master, "{fixed:?}");
    assert!(!port("BMCA ptp").static_role);
}

/// The file that Debian installs names every setting.
#[test]
fn what_ptp4l_does_anyway_is_not_told() {
    let told = |text: &str| {
        let notes = import_with("ptp4l.conf", &format!("[global]\n{text}\n[eth0]\n"), &[]).notes;
        notes.iter().any(|note| note.directive == text.split(' ').next().unwrap())
    };
    assert!(!told("free_running 0") && told("free_running 1"));
    assert!(!told("pi_integral_const 0.0") && told("pi_integral_const 0.3"));
    assert!(!told("clockAccuracy 0xfe") && told("clockAccuracy 0x21"));
    assert!(!told("time_stamping p2p1step"));
    assert!(!told("unicast_req_duration 3600") && told("unicast_req_duration 7200"));
}
