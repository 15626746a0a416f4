//! PTP ports and their profiles.

use synchronome::config::options::OPTIONS;
use synchronome::config::profile::PROFILES;
use synchronome::config::{
    DelayMechanism, EthernetGroup, Fault, Origin, PtpMarks, PtpTransport, Setting, load, load_file,
};
use synchronome::ptp::{AcceptableMaster, GptpCapableConfig};
use synchronome::time::{Duration, LogInterval};
use synchronome::wire::ptp::{ClockIdentity, PortIdentity};

use super::{complaints, repository};

#[test]
fn unicast_masters_are_hosts_of_the_transports_family_and_answer_delay_req() {
    let faults = |options: &str| {
        let errors = load(&format!("[[ptp]]\ninterface = 'lo'\n{options}\n"), "t.toml").expect_err(options).errors;
        errors.into_iter().map(|error| format!("{}: {}", error.path, error.message)).collect::<Vec<_>>()
    };
    let one = |message: &str| vec![format!("ptp[0].unicast_masters: {message}")];
    let v4 = "unicast_masters = ['192.0.2.1']";
    assert_eq!(faults(&format!("{v4}\ntransport = 'udp6'")), one("192.0.2.1 cannot be reached by transport \"udp6\""));
    assert_eq!(faults(&format!("{v4}\ntransport = 'ethernet'")), one("masters are asked by UDP only"));
    assert_eq!(
        faults(&format!("{v4}\ndelay = 'p2p'")),
        one("masters are asked for Delay_Resp, and the peer delay mechanism has none")
    );
    assert_eq!(faults(&format!("{v4}\nrole = 'master'")), one("a port of role \"master\" follows nobody"));
    for (list, fault) in [
        ("'224.0.1.129'", "\"224.0.1.129\" is no IP address of one host"),
        ("'0.0.0.0'", "\"0.0.0.0\" is no IP address of one host"),
        ("'gm.example.net'", "\"gm.example.net\" is no IP address of one host"),
    ] {
        let found = faults(&format!("unicast_masters = [{list}]"));
        assert!(found.len() == 1 && found[0].ends_with(fault), "{found:?}");
    }
    assert_eq!(faults("unicast_masters = ['192.0.2.1', '192.0.2.1']").len(), 1);
    let clients = |message: &str| vec![format!("ptp[0].unicast_clients: {message}")];
    let by_master = "role = 'master'\nunicast_clients = 4";
    assert_eq!(faults("unicast_clients = 4"), clients("a port of role \"slave\" serves nobody"));
    assert_eq!(
        faults(&format!("{by_master}\ndelay = 'p2p'")),
        clients("clients ask for Delay_Resp, and the peer delay mechanism has none")
    );
    assert_eq!(faults(&format!("{by_master}\ntransport = 'ethernet'")), clients("clients ask by UDP only"));
    assert_eq!(
        faults("profile = 'g8275.2'"),
        ["ptp[0].profile: the profile is by unicast alone: nobody is asked here, and nobody may ask"]
    );
    assert_eq!(
        faults("profile = 'g8265.1'"),
        ["ptp[0].profile: the profile is by unicast alone: nobody is asked here, and nobody may ask"]
    );
    assert_eq!(
        faults("profile = 'g8265.1'\nrole = 'auto'\nunicast_clients = 4"),
        ["ptp[0].role: by G.8265.1 masters do not compete, and a slave is none"]
    );
    assert_eq!(faults(&format!("profile = 'g8275.2'\n{by_master}\nx = 1")).len(), 1, "only what is unknown");
    let all =
        load(&format!("[[ptp]]\ninterface = 'lo'\n{v4}\nunicast_duration = '60s'\n"), "t.toml").expect("it is right");
    let port = &all.config.ptp[0];
    assert_eq!(port.unicast_masters[0], Some(std::net::IpAddr::from([192, 0, 2, 1])));
    assert_eq!((port.unicast_masters[1], port.unicast_duration_s), (None, 60));
}

#[test]
fn a_profile_says_what_its_options_are_where_the_file_does_not() {
    let text = "[[ptp]]\ninterface = \"lo\"\nprofile = \"gptp\"\nsync_interval = -4\n[[ptp]]\ninterface = \"eth0\"\n";
    let loaded = load(text, "t.toml").expect("a good configuration");
    let [gptp, plain] = [&loaded.config.ptp[0], &loaded.config.ptp[1]];
    assert_eq!((gptp.sdo_id, gptp.transport, gptp.delay), (0x100, PtpTransport::Ethernet, DelayMechanism::P2p));
    assert_eq!((gptp.ethernet_group, gptp.as_capable), (EthernetGroup::Link, true));
    assert_eq!((gptp.log_announce_interval, gptp.log_sync_interval), (LogInterval::new(0), LogInterval::new(-4)));
    assert_eq!((plain.sdo_id, plain.transport), (0, PtpTransport::Udp4));
    let origin = |path: &str| loaded.origins.iter().find(|setting| setting.path == path).expect(path).origin;
    assert_eq!(origin("ptp[0].sdo_id"), Origin::Profile("gptp"));
    assert_eq!(origin("ptp[0].sync_interval"), Origin::File { line: 4, column: 17 });
    assert_eq!(origin("ptp[0].domain"), Origin::Default);
    assert_eq!(origin("ptp[1].sdo_id"), Origin::Default);
}

#[test]
fn the_ports_of_each_clock_are_counted_from_one() {
    let ports = ["", "domain = 3", "", "domain = 3\nsdo_id = 256", "domain = 3"].into_iter().enumerate();
    let texts: Vec<_> = ports.map(|(row, more)| format!("[[ptp]]\ninterface = \"eth{row}\"\n{more}\n")).collect();
    let config = load(&texts.concat(), "t.toml").expect("it is right").config;
    assert_eq!([0, 1, 2, 3, 4].map(|row| config.ptp_port_number(row)), [1, 1, 2, 1, 2]);
}

#[test]
fn the_signal_of_a_master_is_judged_by_g8265_1_alone() {
    let signal = |more: &str| {
        let text = format!("[[ptp]]\ninterface = \"lo\"\nunicast_masters = [\"192.0.2.1\"]\n{more}\n");
        load(&text, "t.toml").expect("it is right").config.ptp[0].signal
    };
    assert_eq!(signal("profile = \"g8275.2\"\nhold_off = \"3s\""), None);
    let by_profile = signal("profile = \"g8265.1\"").expect("it is judged");
    assert_eq!(by_profile.hold_off, Duration::SECOND);
    assert_eq!(by_profile.delay_variation_max, Some(Duration::from_micros(150)));
    let lax = signal("comparison = \"g8265\"\nhold_off = \"0s\"\ndelay_variation_max = \"any\"").expect("it is judged");
    assert_eq!((lax.hold_off, lax.delay_variation_max), (Duration::ZERO, None));
}

#[test]
fn one_step_needs_a_card_that_is_told_one_thing_and_neighbours_that_take_it() {
    assert_eq!(
        complaints(
            "[[ptp]]\ninterface = \"lo\"\ntimestamps = \"software\"\ntwo_step = false\n[[ptp]]\ninterface = \"lo\"\ndomain = 1\n"
        ),
        r#"t.toml:4:12: ptp[0].two_step: only a card can write the time into a Sync as it leaves: one-step not with software time stamps
    4 | two_step = false
      |            ^^^^^
    two_step = true
t.toml:6:13: ptp[1].interface: one card is told once: its other [[ptp]] says otherwise whether Sync is two-step
    6 | interface = "lo"
      |             ^^^^
    give both the same `two_step`
"#
    );
    let gptp = complaints("[[ptp]]\ninterface = \"lo\"\nprofile = \"gptp\"\nrole = \"master\"\ntwo_step = false\n");
    assert!(gptp.contains("t.toml:5:12: ptp[0].two_step: IEEE 802.1AS has one-step only for neighbours"), "{gptp}");
    let loaded = load("[[ptp]]\ninterface = \"lo\"\nrole = \"master\"\ntwo_step = false\n", "t.toml").expect("good");
    assert!(!loaded.config.ptp[0].two_step);
}

#[test]
fn marks_are_of_what_carries_them_and_a_link_has_a_least_delay_below_its_greatest() {
    let port = |options: &str| format!("[[ptp]]\ninterface = \"lo\"\n{options}\n");
    let marks = |options: &str| load(&port(options), "t.toml").expect(options).config.ptp[0].marks;
    let none = PtpMarks { hop_limit: 1, dscp: [0, 0], priority: 0 };
    assert_eq!(marks(""), none);
    assert_eq!(marks("profile = \"aes67\""), PtpMarks { dscp: [46, 46], ..none });
    let all = "hop_limit = 16\ndscp_event = 46\ndscp_general = 34\nsocket_priority = 6";
    assert_eq!(marks(all), PtpMarks { hop_limit: 16, dscp: [46, 34], priority: 6 });
    assert_eq!(marks("transport = \"ethernet\"\nsocket_priority = 6"), PtpMarks { priority: 6, ..none });
    let found = complaints(&port("transport = \"ethernet\"\nhop_limit = 2\ndscp_general = 34"));
    for name in ["4:13: ptp[0].hop_limit", "5:16: ptp[0].dscp_general"] {
        assert!(found.contains(&format!("{name}: a frame over Ethernet has no header of IP")), "{found}");
    }
    let found = complaints(&port("delay = \"p2p\"\nhop_limit = 2"));
    assert!(found.contains("4:13: ptp[0].hop_limit: with peer delay each link is measured"), "{found}");
    let found = complaints(&port("profile = \"gptp\"\nneighbor_delay_min = \"1us\""));
    assert!(found.contains("4:22: ptp[0].neighbor_delay_min: no delay of a link is at least this"), "{found}");
    let least = load(&port("delay = \"p2p\"\nneighbor_delay_min = \"1us\""), "t.toml").expect("good").config;
    assert_eq!(least.ptp[0].neighbor_delay_min, Duration::from_micros(1));
}

#[test]
fn the_acceptable_master_table_is_as_it_is_written_and_has_no_port_twice() {
    let ptp = |table: &str| format!("[[ptp]]\ninterface = \"lo\"\nacceptable_masters = {table}\n");
    let written = r#"["001b21.fffe.aabbcc-1", "001b21fffeaabbcc-2 priority1=10"]"#;
    let loaded = load(&ptp(written), "t.toml").expect("good");
    let port = |port_number| PortIdentity {
        clock_identity: ClockIdentity([0x00, 0x1b, 0x21, 0xff, 0xfe, 0xaa, 0xbb, 0xcc]),
        port_number,
    };
    let table: Vec<_> = loaded.config.ptp[0].acceptable_masters.iter().flatten().copied().collect();
    let entry = |port_number, alternate_priority1| AcceptableMaster { port: port(port_number), alternate_priority1 };
    assert_eq!(table, [entry(1, 0), entry(2, 10)]);
    assert_eq!(
        complaints(&ptp(r#"["001b21fffeaabbcc-1", "001b21fffeaabbcc-1 priority1=7", "001b21fffeaabbcc"]"#)),
        r#"t.toml:3:45: ptp[0].acceptable_masters: the same as element 1 of this list
    3 | acceptable_masters = ["001b21fffeaabbcc-1", "001b21fffeaabbcc-1 priority1=7", "001b21fffeaabbcc"]
      |                                             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    allowed: a list of at most 8 texts of 16 hexadecimal digits, `-` and a port 1 to 65534, and perhaps ` priority1=` 1 to 255; no port twice
    remove one of them
t.toml:3:79: ptp[0].acceptable_masters: "001b21fffeaabbcc" does not end with the number of a port, 1 to 65534
    3 | acceptable_masters = ["001b21fffeaabbcc-1", "001b21fffeaabbcc-1 priority1=7", "001b21fffeaabbcc"]
      |                                                                               ^^^^^^^^^^^^^^^^^^
    allowed: a list of at most 8 texts of 16 hexadecimal digits, `-` and a port 1 to 65534, and perhaps ` priority1=` 1 to 255; no port twice
    write it like "001b21fffeaabbcc-1" or "001b21fffeaabbcc-1 priority1=10"
"#
    );
}

#[test]
fn g8265_reverts_unless_it_is_told_not_to() {
    let reverts = |line: &str| {
        let text =
            format!("[[ptp]]\ninterface = \"lo\"\nprofile = \"g8265.1\"\nunicast_masters = [\"10.0.0.1\"]\n{line}\n");
        let loaded = load(&text, "t.toml").expect("good");
        loaded.config.ptp[0].signal.map(|signal| signal.reverts)
    };
    assert_eq!((reverts(""), reverts("revertive = false")), (Some(true), Some(false)));
}

#[test]
fn what_is_said_of_ieee_802_1as_is_said_between_neighbours_that_measure_their_link() {
    let gptp_capable = |more: &str| {
        let text = format!("[[ptp]]\ninterface = \"lo\"\n{more}\n");
        load(&text, "t.toml").map(|loaded| loaded.config.ptp[0].gptp_capable).map_err(|error| error.to_string())
    };
    let told = |interval| GptpCapableConfig { interval: Some(LogInterval::new(interval)), is_required: false };
    assert_eq!(gptp_capable("").expect("it is right"), GptpCapableConfig::default());
    assert_eq!(gptp_capable("profile = \"gptp\"").expect("it is right"), told(3));
    assert_eq!(gptp_capable("profile = \"gptp\"\ngptp_capable_interval = 0").expect("it is right"), told(0));
    let required = gptp_capable("profile = \"gptp\"\ngptp_capable = \"require\"").expect("it is right");
    assert_eq!(required, GptpCapableConfig { is_required: true, ..told(3) });
    for (more, expected) in [
        ("gptp_capable = \"tell\"", "t.toml:3:16: ptp[0].gptp_capable: gptp_capable is said between neighbours"),
        ("delay = \"p2p\"\ngptp_capable = \"require\"", "t.toml:4:16: ptp[0].gptp_capable: gptp_capable \"require\""),
    ] {
        let said = gptp_capable(more).expect_err("it is wrong");
        assert!(said.starts_with(expected), "{said}");
    }
}

#[test]
fn a_fixed_role_is_one_of_two_and_goes_without_as_capable_and_contracts() {
    let text = "[[ptp]]\ninterface = \"lo\"\nprofile = \"automotive\"\nrole = \"auto\"\nas_capable = true\n";
    let said = complaints(text);
    assert!(said.contains("t.toml:4:8: ptp[0].role: a fixed role is that of a master or of a slave"), "{said}");
    assert!(said.contains("t.toml:5:14: ptp[0].as_capable: a master with a fixed role"), "{said}");
    let contracts = "[[ptp]]\ninterface = \"lo\"\nstatic_role = true\nunicast_masters = [\"192.0.2.1\"]\n";
    let said = complaints(contracts);
    assert!(said.contains("t.toml:4:19: ptp[0].unicast_masters: contracts are for Announce too"), "{said}");
    let loaded =
        load("[[ptp]]\ninterface = \"lo\"\nprofile = \"automotive\"\nrole = \"master\"\n", "t.toml").expect("good");
    assert!(loaded.config.ptp[0].static_role && !loaded.config.ptp[0].as_capable);
}

#[test]
fn ports_of_one_domain_compare_alike_and_only_a_measured_link_can_be_capable() {
    let text = "[[ptp]]\ninterface = \"lo\"\nprofile = \"g8275.1\"\n[[ptp]]\ninterface = \"eth0\"\ndomain = 24\nas_capable = true\n";
    assert_eq!(
        complaints(text),
        r#"t.toml:4:1: ptp[1]: masters are compared otherwise than by the [[ptp]] in line 1, of the same domain
    4 | [[ptp]]
      | ^^^^^^^
    give both the same `comparison`, or another domain
t.toml:7:14: ptp[1].as_capable: as_capable needs the peer delay mechanism, or nobody measures this link
    7 | as_capable = true
      |              ^^^^
    write `delay = "p2p"`, or `as_capable = false`
"#
    );
    // What the profile says contradicts what the file says.
    assert_eq!(
        complaints("[[ptp]]\ninterface = \"lo\"\nprofile = \"gptp\"\ndelay = \"e2e\"\n"),
        r#"t.toml:4:9: ptp[0].delay: as_capable needs the peer delay mechanism, or nobody measures this link
    4 | delay = "e2e"
      |         ^^^^^
    write `delay = "p2p"`, or `as_capable = false`
"#
    );
}

#[test]
fn each_profile_has_its_file_and_its_row_in_the_manual_and_both_say_what_it_stands_for() {
    let manual = std::fs::read_to_string(repository("src/manual/ptp.md")).unwrap();
    let matrix = std::fs::read_to_string(repository("tests/interop/matrix.rs")).unwrap();
    let files = std::fs::read_dir(repository("config/profiles")).unwrap().count();
    assert_eq!(files, PROFILES.len());
    for profile in PROFILES {
        let path = repository("config/profiles").join(format!("{}.toml", profile.word));
        let text = std::fs::read_to_string(&path).unwrap();
        let loaded = load_file(&path).unwrap_or_else(|errors| panic!("{errors}"));
        let preset = |setting: &&Setting| setting.origin == Origin::Profile(profile.word);
        let by_profile: Vec<_> = loaded.origins.iter().filter(preset).map(|setting| setting.option.name()).collect();
        let mut names: Vec<_> = profile.presets.iter().map(|(name, _)| *name).collect();
        names.sort_by_key(|name| OPTIONS.iter().position(|option| option.path == format!("ptp.{name}")));
        assert_eq!(by_profile, names, "{}", profile.word);
        let row = manual.lines().find(|line| line.starts_with(&format!("| `\"{}\"` |", profile.word))).expect("a row");
        assert!(row.contains(profile.title), "{row}");
        // What it is tested with, beside ptp4l in either role.
        let [.., beside, _] = row.split('|').map(str::trim).collect::<Vec<_>>()[..] else { panic!("{row}") };
        for file in beside.split('`').filter_map(|part| part.strip_suffix(".cfg")) {
            assert!(matrix.contains(&format!("\"{file}\"")), "{beside}");
        }
        assert!(beside.contains(".cfg`") || beside.starts_with("these options"), "{beside}");
        for (name, value) in profile.presets {
            assert!(text.contains(&format!("#   {name} = {value}\n")), "{}: {name}", profile.word);
            assert!(row.contains(&format!("`{name} = {value}`")), "{row}");
        }
    }
}

#[test]
fn hybrid_goes_with_neither_peer_delay_nor_unicast_masters_whoever_says_it() {
    let start = "[[ptp]]\ninterface = \"lo\"\n";
    for (text, path) in [
        ("hybrid = true\ndelay = \"p2p\"\n", "ptp[0].hybrid"),
        ("profile = \"enterprise\"\ndelay = \"p2p\"\n", "ptp[0].delay"),
        ("profile = \"enterprise\"\nunicast_masters = [\"192.0.2.1\"]\n", "ptp[0].unicast_masters"),
    ] {
        let errors = load(&format!("{start}{text}"), "t.toml").expect_err("must be refused").errors;
        let paths: Vec<_> = errors.iter().map(|error| (error.path.as_str(), error.fault)).collect();
        assert_eq!(paths, [(path, Fault::Conflict)], "{text}");
    }
    load(&format!("{start}profile = \"enterprise\"\nhybrid = false\ndelay = \"p2p\"\n"), "t.toml").expect("no hybrid");
}
