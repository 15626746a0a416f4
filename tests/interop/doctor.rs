//! `synchronome doctor` on networks that are broken in one way each: it names which.
//!
//! Each case has namespaces of its own, and all run at once, since each listens for some seconds.

use std::collections::BTreeSet;
use std::process::{Child, Stdio};

use serde_json::Value;
use synchronome_kernel::socket::packet::{FirstOctets, open_packet_socket, send_frame};

use super::*;
use crate::lab::text;
use crate::running::unique_path;

/// As long as default profiles need for two Announce.
const LISTEN: &str = "5s";
const SYNCHRONOME: &str = env!("CARGO_BIN_EXE_synchronome");

/// A doctor at work.
struct Doctor(Child);

impl Doctor {
    /// Looks at a network by a configuration.
    fn start(lab: &Lab, space: &Space, config: &str) -> Self {
        let directory = unique_path(lab, "doctor", "d");
        std::fs::create_dir(&directory).expect("a directory");
        let file = directory.join("synchronome.toml");
        let path = directory.display();
        let observe = format!("[observe]\nruntime_directory = \"{path}\"\nstate_directory = \"{path}\"\n");
        std::fs::write(&file, format!("{config}\n{observe}")).expect("a file");
        let mut command = space.command(SYNCHRONOME, "nothing: cargo builds it");
        command.args(["doctor", "--json", "--for", LISTEN]).arg(file);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("our own binary runs");
        Self(child)
    }

    /// What it has found, and its exit code.
    fn finish(self) -> (Vec<Value>, i32) {
        let output = self.0.wait_with_output().expect("our own child");
        let object: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
        (object["findings"].as_array().expect("findings").clone(), output.status.code().expect("no signal"))
    }

    /// One of its findings.
    fn names(self, check: &str, status: &str) -> Value {
        let (found, code) = self.finish();
        let is_it = |finding: &&Value| finding["check"] == check && finding["status"] == status;
        let finding = found.iter().find(is_it).unwrap_or_else(|| panic!("no {check} {status}: {found:#?}")).clone();
        if status == "FAIL" {
            assert_eq!(code, 2, "{found:#?}");
        }
        finding
    }
}

fn nft(space: &Space, rules: &str) {
    let mut command = space.command("nft", "nftables");
    let table = "add table inet t; add chain inet t in { type filter hook input priority 0; }; \
                 add chain inet t out { type filter hook output priority 0; };";
    let output = command.arg(format!("{table} {rules}")).output().expect("nft runs");
    assert!(output.status.success(), "{}", text(&output));
}

/// Sync, and Announce if it shall be, over Ethernet, with a VLAN's tag if there is one, for some seconds: not every kernel has interfaces
/// for VLANs, and no program leaves Announce out.
fn send_by_hand(interface: &str, vlan: Option<u16>, announces: bool) {
    let index = nix::net::if_::if_nametoindex(interface).expect("the interface exists");
    let socket = open_packet_socket(index, None, 0x88f7, FirstOctets::ALL).expect("CAP_NET_RAW");
    let tag = vlan.map_or(Vec::new(), |vlan| [&[0x81, 0][..], &vlan.to_be_bytes()].concat());
    let frame = |message_type: u8, length: u8| {
        let mut message = vec![0; length.into()];
        (message[0], message[1], message[3]) = (message_type, 2, length);
        let addresses = [0x01, 0x1b, 0x19, 0, 0, 0, 2, 0, 0, 0, 0, 9];
        [&addresses[..], &tag, &[0x88, 0xf7], &message].concat()
    };
    for _ in 0..20 {
        send_frame(&socket, &frame(0x0, 44), None).expect("sent");
        if announces {
            send_frame(&socket, &frame(0xb, 64), None).expect("sent");
        }
        std::thread::sleep(Timeout::from_millis(200));
    }
}

const PORT: &str = "[[ptp]]\ninterface = \"vb\"\nrole = \"slave\"\ntimestamps = \"software\"\n";

mod beside {
    use super::*;

    #[test]
    fn doctor_names_why_no_master_is_heard() {
        let mut lab = Lab::beside_others();
        let announce = "--logAnnounceInterval=-2";
        let mut running = Vec::new();
        let mut doctors = Vec::new();
        // What the master does, what is broken, what is said.
        let cases: [(&[&str], &str, &str); 6] = [
            (&[announce], "", "ptp-silence"),
            (&[announce, "--domainNumber=24"], "", "ptp-domain"),
            (&[announce, "--transportSpecific=1"], "", "ptp-sdo-id"),
            (&[announce, "-2"], "", "ptp-transport"),
            (&[announce], "add rule inet t in udp dport { 319, 320 } drop", "ptp-firewall"),
            (&[announce], "master: add rule inet t out udp dport 319 drop", "ptp-no-sync"),
        ];
        for (options, broken, check) in cases {
            let (master, slave) = lab.pair();
            match broken.strip_prefix("master: ") {
                Some(rules) => nft(&master, rules),
                None if !broken.is_empty() => nft(&slave, broken),
                None => {}
            }
            running.push(ptp4l(&lab, &master, "va", options));
            doctors.push((Doctor::start(&lab, &slave, PORT), check));
        }
        // Nobody is there.
        let (_nobody, slave) = lab.pair();
        doctors.push((Doctor::start(&lab, &slave, PORT), "ptp-silence of nobody"));
        // The master is in a VLAN, and the port is not told; one sends no Announce.
        let by_ethernet = format!("{PORT}transport = \"ethernet\"\n");
        let (in_a_vlan, slave) = lab.pair();
        doctors.push((Doctor::start(&lab, &slave, &by_ethernet), "ptp-vlan"));
        let (mute, slave) = lab.pair();
        doctors.push((Doctor::start(&lab, &slave, &by_ethernet), "ptp-no-announce"));
        std::thread::scope(|scope| {
            scope.spawn(|| in_a_vlan.inside(|| send_by_hand("va", Some(5), true)));
            scope.spawn(|| mute.inside(|| send_by_hand("va", None, false)));
        });

        for (doctor, check) in doctors {
            match check {
                "ptp-silence" => {
                    let finding = doctor.names("ptp-silence", "OK");
                    let value = finding["value"].as_str().expect("text");
                    assert!(value.contains(&format!("grandmaster {}", ptp4l_identity(1))), "{value}");
                }
                "ptp-silence of nobody" => {
                    let finding = doctor.names("ptp-silence", "FAIL");
                    assert_eq!((&finding["value"], &finding["about"]), (&"nothing in 5.00 s".into(), &"vb".into()));
                }
                check => {
                    let finding = doctor.names(check, "FAIL");
                    let value = finding["value"].as_str().expect("text");
                    let part = match check {
                        "ptp-domain" => "domain 24",
                        "ptp-sdo-id" => "sdoId 0x100",
                        "ptp-transport" => "ethernet",
                        "ptp-vlan" => "VLAN 5",
                        "ptp-firewall" => ", 0 were delivered",
                        "ptp-no-sync" => ", 0 Sync",
                        _ => "0 Announce, ",
                    };
                    assert!(value.contains(part), "{finding:#}");
                }
            }
        }
    }

    #[test]
    fn probe_writes_a_configuration_that_follows_what_is_heard_and_overwrites_none() {
        let mut lab = Lab::beside_others();
        let (master, slave) = lab.pair();
        let _master = ptp4l(&lab, &master, "va", &["--logAnnounceInterval=-2", "--domainNumber=24"]);
        let file = lab.directory().join("probed.toml");
        let run = |arguments: &[&str]| {
            let mut command = slave.command(SYNCHRONOME, "nothing: cargo builds it");
            let output = command.args(arguments).arg(&file).output().expect("our own binary runs");
            (text(&output), output.status.code())
        };
        let probe = ["probe", "--for", LISTEN, "10.71.0.99", "--write"];
        let (said, code) = run(&probe);
        assert_eq!(code, Some(0), "{said}");
        let (said, code) = run(&["check", "--json"]);
        let checked: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"));
        assert_eq!((code, &checked["ok"]), (Some(0), &true.into()), "{said}");
        let written = std::fs::read_to_string(&file).expect("it is written");
        println!("{written}");
        let port = "[[ptp]]\ninterface = \"vb\"\ntransport = \"udp4\"\ndomain = 24\n";
        assert!(written.contains(port) && written.contains("#address = \"10.71.0.99\""), "{written}");
        assert!(written.contains(&format!("grandmaster {}", ptp4l_identity(1))), "{written}");
        let (said, code) = run(&probe);
        assert!(code == Some(1) && said.contains("not overwritten"), "{said}");
        assert_eq!(std::fs::read_to_string(&file).ok(), Some(written));
    }

    #[test]
    fn probe_hears_on_an_interface_without_an_address_and_leaves_out_what_belongs_to_a_bridge() {
        let mut lab = Lab::beside_others();
        let (master, slave) = lab.pair();
        for line in ["link add br0 type bridge", "link add vc type veth peer name vd", "link set vd master br0"] {
            slave.ip(line);
        }
        for name in ["br0", "vc", "vd"] {
            slave.ip(&format!("link set {name} up"));
        }
        slave.ip("address flush dev vb");
        let _master = ptp4l(&lab, &master, "va", &["-2", "--logAnnounceInterval=-2"]);
        let mut command = slave.command(SYNCHRONOME, "nothing: cargo builds it");
        let output = command.args(["probe", "--json", "--for", LISTEN]).output().expect("our own binary");
        let object: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
        let names = object["interfaces"].as_array().expect("interfaces").iter().map(|port| port["name"].as_str());
        assert_eq!(names.collect::<BTreeSet<_>>(), BTreeSet::from(["br0", "vb", "vc"].map(Some)), "{object:#}");
        let configuration = object["toml"].as_str().expect("text");
        assert!(configuration.contains("[[ptp]]\ninterface = \"vb\"\ntransport = \"ethernet\"\n"), "{configuration}");
    }

    #[test]
    fn a_self_test_says_whose_stamps_come_and_how_late() {
        let mut lab = Lab::beside_others();
        let (_neighbor, space) = lab.pair();
        let mut command = space.command(SYNCHRONOME, "nothing: cargo builds it");
        let output =
            command.args(["probe", "--self-test", "--json", "--for", "200ms"]).output().expect("our own binary");
        let object: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
        let ports = object["interfaces"].as_array().expect("interfaces");
        let trial = &ports.iter().find(|port| port["name"] == "vb").expect("the cable's end")["self_test"];
        println!("{trial:#}");
        assert_eq!((&trial["sent"], &trial["software"]["count"]), (&20.into(), &20.into()), "{trial:#}");
        assert_eq!((&trial["hardware"]["count"], &trial["is_lent"]), (&0.into(), &false.into()), "it has no card");
        let median = trial["software"]["median_s"].as_f64().expect("a number");
        assert!(median > 0.0 && median < 0.1, "{trial:#}");
        let configuration = object["toml"].as_str().expect("text");
        assert!(
            configuration.contains("# self-test: the kernel stamps 20 of 20 messages sent, after "),
            "{configuration}"
        );
    }

    #[test]
    fn doctor_names_why_no_server_answers() {
        let mut lab = Lab::beside_others();
        let server = "[[ntp.source]]\naddress = \"10.71.0.1\"\n";
        // Nobody listens on port 123, and the host refuses by TCP; the way in is closed, the way out is closed, nobody is there.
        let (_server, client) = lab.pair();
        let nobody_serves = Doctor::start(&lab, &client, server);
        let (blocked, client) = lab.pair();
        nft(&blocked, "add rule inet t in udp dport 123 drop");
        let closed_in = Doctor::start(&lab, &client, server);
        let (_server, client) = lab.pair();
        nft(&client, "add rule inet t out udp dport 123 reject");
        let closed_out = Doctor::start(&lab, &client, server);
        let (_server, client) = lab.pair();
        let no_host = Doctor::start(&lab, &client, "[[ntp.source]]\naddress = \"10.71.0.77\"\n");
        // A name that is none.
        let (_server, client) = lab.pair();
        let no_name = Doctor::start(&lab, &client, "[[ntp.source]]\naddress = \"nowhere.invalid\"\n");
        // One that answers, and says that it has only its own clock.
        let (served, client) = lab.pair();
        let local = "[ntp.server]\nlisten = [\"0.0.0.0:123\"]\nlocal = { stratum = 10 }\n";
        let _daemon = Daemon::start(&lab, &served, Options { interface: "va", more: local, ..Options::default() });
        let own_clock = Doctor::start(&lab, &client, server);

        for doctor in [nobody_serves, closed_in] {
            let finding = doctor.names("ntp-answer", "FAIL");
            let value = finding["value"].as_str().expect("text");
            assert!(value.contains(", got 0; its TCP port 123 answers"), "{finding:#}");
        }
        let finding = closed_out.names("ntp-send", "FAIL");
        println!("{finding:#}");
        let finding = no_host.names("ntp-answer", "FAIL");
        assert!(finding["value"].as_str().is_some_and(|value| value.ends_with("nor does TCP reach it")), "{finding:#}");
        let finding = no_name.names("dns", "FAIL");
        assert_eq!(finding["about"], "nowhere.invalid");
        let finding = own_clock.names("ntp-local-clock", "WARN");
        println!("{finding:#}");
    }
}
