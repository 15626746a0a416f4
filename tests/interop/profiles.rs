//! Each profile between our own two ends, and what passes between them read by tshark: every message that the profile sends, and
//! nothing that it does not.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration as Timeout;

use synchronome::config::profile::{PROFILES, Profile};
use synchronome::observe::Status;

use super::COMPLAINTS;
use super::daemon::{Daemon, Options, port};
use super::lab::{Lab, Space, side_by_side};
use super::management::pmc_over;
use super::ntp::chronyd_server;
use super::running::{Capture, dissect};

/// So many run at a time: they wait, mostly.
const AT_A_TIME: usize = 13;

/// messageType (IEEE 1588-2019 table 36).
const SYNC: u8 = 0x0;
const DELAY_REQ: u8 = 0x1;
const PDELAY_REQ: u8 = 0x2;
const PDELAY_RESP: u8 = 0x3;
const FOLLOW_UP: u8 = 0x8;
const DELAY_RESP: u8 = 0x9;
const PDELAY_RESP_FOLLOW_UP: u8 = 0xa;
const ANNOUNCE: u8 = 0xb;
const SIGNALING: u8 = 0xc;
const MANAGEMENT: u8 = 0xd;

/// Names of tshark's.
const TYPE: &str = "ptp.v2.messagetype";
const SDO_ID: &str = "ptp.v2.majorsdoid";
const TLV: &str = "ptp.v2.sig.tlv.tlvType";
const CAPABLE: &str = "ptp.as.sig.tlv.gptpcapablemessageinterval";
const HOST: &str = "eth.src";
/// What is asked for and what is granted.
const NEGOTIATED: [&[(&str, &str)]; 2] = [&[(TYPE, "0x0c"), (TLV, "4")], &[(TYPE, "0x0c"), (TLV, "5")]];

/// How the two ends talk.
#[derive(Debug)]
struct Case {
    name: &'static str,
    transport: &'static str,
    is_p2p: bool,
    is_unicast: bool,
    /// Each says that it speaks IEEE 802.1AS.
    is_telling: bool,
    /// Options of both ports.
    both: String,
    /// Who is master is said by no Announce.
    is_fixed: bool,
    /// With these options `pmc` asks the master too.
    pmc: Option<&'static str>,
    /// More that tshark must find: values of fields, those of one message together.
    found: Vec<&'static [(&'static str, &'static str)]>,
}

impl Case {
    fn of(profile: &'static Profile) -> Self {
        let preset = |name: &str| profile.presets.iter().find(|(preset, _)| *preset == name).map(|(_, value)| *value);
        let is_fixed = preset("static_role") == Some("true");
        let is_gptp = profile.word == "gptp" || is_fixed;
        let mut both = format!("profile = \"{}\"\n", profile.word);
        if is_gptp {
            // The link of two namespaces takes longer than 800 ns.
            both.push_str("neighbor_delay_max = \"20ms\"\n");
        }
        let transport = preset("transport").map_or("udp4", |transport| transport.trim_matches('"'));
        // 802.1AS has no Management messages; pmc has no domains above 127, and ends at a silence of 100 ms, which 16 Syncs a second
        // never leave.
        let number = |name: &str| preset(name).map_or(0, |value| value.parse::<i16>().expect("a number"));
        let is_managed = !is_gptp && number("domain") < 128 && number("sync_interval") > -4;
        let mut found = Vec::new();
        if is_gptp {
            // Of 802.1AS: majorSdoId 1, its information behind Follow_Up, and the path behind Announce.
            found.push(&[(SDO_ID, "0x01"), ("ptp.as.fu.organizationSubType", "1")][..]);
        }
        let is_telling = preset("gptp_capable").is_some();
        if is_telling {
            found.push(&[(TYPE, "0x0c"), (SDO_ID, "0x01"), (CAPABLE, "3")]);
        }
        if preset("path_trace") == Some("true") {
            found.push(&[(TYPE, "0x0b"), ("ptp.v2.an.pathsequence", "0x02000a4700010000")]);
        }
        if profile.word == "aes67" {
            found.extend([
                &[(TYPE, "0x00"), ("ip.dsfield.dscp", "46"), ("ip.ttl", "1")][..],
                &[(TYPE, "0x01"), ("ip.dsfield.dscp", "46"), ("ip.ttl", "1")],
                &[(TYPE, "0x0b"), ("ip.dsfield.dscp", "46"), ("ip.ttl", "1")],
            ]);
        }
        if profile.word == "c37.238" {
            found.push(&[
                (TYPE, "0x0b"),
                ("ptp.v2.an.oe.organizationSubType", "0x000002"),
                ("ptp.v2.an.oe.grandmasterID", "0"),
            ]);
        }
        let is_unicast = ["g8275.2", "g8265.1"].contains(&profile.word);
        if is_unicast {
            found.extend(NEGOTIATED);
        }
        Self {
            name: profile.word,
            transport,
            is_p2p: preset("delay") == Some("\"p2p\""),
            is_unicast,
            is_telling,
            is_fixed,
            both,
            pmc: is_managed.then_some(if transport == "ethernet" { "-2" } else { "-4" }),
            found,
        }
    }

    /// What no profile has by itself.
    fn others() -> [Self; 2] {
        let of = |name, is_unicast, both: &str, found| Self {
            name,
            transport: "udp6",
            is_p2p: false,
            is_fixed: false,
            is_unicast,
            is_telling: false,
            both: format!("transport = \"udp6\"\n{both}"),
            pmc: Some("-6"),
            found,
        };
        [
            of("udp6, by contract", true, "announce_interval = 0\n", NEGOTIATED.to_vec()),
            of(
                "udp6, hybrid, path trace, marked",
                false,
                "announce_interval = 0\nhybrid = true\npath_trace = true\nhop_limit = 7\ndscp_event = 46\ndscp_general = 34\n",
                vec![
                    &[(TYPE, "0x01"), ("ipv6.dst", "fd71::1"), ("ipv6.tclass.dscp", "46")],
                    &[(TYPE, "0x09"), ("ipv6.dst", "fd71::2"), ("ipv6.tclass.dscp", "34")],
                    &[(TYPE, "0x00"), ("ipv6.hlim", "7"), ("ipv6.tclass.dscp", "46")],
                    &[(TYPE, "0x0b"), ("ipv6.hlim", "7"), ("ipv6.tclass.dscp", "34")],
                ],
            ),
        ]
    }

    /// What each of the two ends sends: the master and the slave.
    fn sent(&self) -> [BTreeSet<u8>; 2] {
        if self.is_fixed {
            // Without Announce, and a master that does not ask how long the link takes. Once LOCKED for a while the slave asks for fewer
            // Sync.
            let by_master = BTreeSet::from([SYNC, FOLLOW_UP, PDELAY_RESP, PDELAY_RESP_FOLLOW_UP]);
            return [by_master, BTreeSet::from([PDELAY_REQ, SIGNALING])];
        }
        let mut sent = [BTreeSet::from([ANNOUNCE, SYNC, FOLLOW_UP]), BTreeSet::new()];
        if self.is_p2p {
            for sent in &mut sent {
                sent.extend([PDELAY_REQ, PDELAY_RESP, PDELAY_RESP_FOLLOW_UP]);
            }
        } else {
            sent[0].insert(DELAY_RESP);
            sent[1].insert(DELAY_REQ);
        }
        if self.is_unicast || self.is_telling {
            for sent in &mut sent {
                sent.insert(SIGNALING);
            }
        }
        sent
    }
}

/// The counter of what is sent of a kind.
fn counter(message_type: u8) -> &'static str {
    match message_type {
        SYNC => "sent_sync",
        DELAY_REQ => "sent_delay_req",
        PDELAY_REQ => "sent_pdelay_req",
        PDELAY_RESP => "sent_pdelay_resp",
        FOLLOW_UP => "sent_follow_up",
        DELAY_RESP => "sent_delay_resp",
        PDELAY_RESP_FOLLOW_UP => "sent_pdelay_resp_follow_up",
        ANNOUNCE => "sent_announce",
        SIGNALING => "sent_signaling",
        other => panic!("who counts {other:#x}?"),
    }
}

/// It has sent each of them, and twice what is sent again and again.
fn has_sent(status: &Status, message_types: &BTreeSet<u8>) -> bool {
    let counters = &port(status).counters;
    let count = |message_type: &u8| counters.get(counter(*message_type)).copied().unwrap_or(0);
    message_types.iter().all(|kind| count(kind) >= if *kind == SIGNALING { 1 } else { 2 })
}

/// Both ends until each has sent all that it has to say, and pmc then; what passed meanwhile.
fn talk(case: &Case, lab: &Lab, [at_master, at_slave]: &[Space; 2]) -> std::path::PathBuf {
    let capture = Capture::start(lab, at_master, "va");
    let _upstream = chronyd_server(lab, at_master, "127.0.0.1");
    let Case { both, is_unicast, .. } = case;
    let clients = if *is_unicast { "unicast_clients = 4\n" } else { "" };
    let managed = if case.pmc.is_some() { "management = true\n" } else { "" };
    let options = format!("role = \"master\"\n{both}{clients}{managed}");
    // A quality level that somebody vouches for: without one nobody follows by G.8265.1.
    let level = if case.name == "g8265.1" { "[clock.ptp]\nclass = 90\n" } else { "" };
    let more = &format!("{level}[[ntp.source]]\naddress = \"127.0.0.1\"\npoll = 0\n");
    let options = Options { interface: "va", port: &options, more, ..Options::default() };
    let mut master = Daemon::start(lab, at_master, options);
    let address = if case.transport == "udp6" { "fd71::1" } else { "10.71.0.1" };
    let asked = if *is_unicast { format!("unicast_masters = [\"{address}\"]\n") } else { String::new() };
    let mut slave = Daemon::start(lab, at_slave, Options { port: &format!("{both}{asked}"), ..Options::default() });
    let [by_master, by_slave] = case.sent();
    slave.wait("it follows and has said all", |status| {
        port(status).grandmaster.is_some() && has_sent(status, &by_slave)
    });
    master.wait("it has said all", |status| has_sent(status, &by_master));
    slave.end();
    if let Some(network) = case.pmc {
        let domain = master.status().ptp[0].domain.to_string();
        // And an error, for this is not what anybody may do over the network.
        let asked = ["GET DEFAULT_DATA_SET", "GET PORT_DATA_SET", "GET CLOCK_DESCRIPTION", "SET PRIORITY1 7"];
        let asked = asked.map(str::to_owned);
        let answered = pmc_over(&[network, "-d", &domain], at_slave, "vb", 0, &asked);
        assert_eq!(answered.len(), asked.len(), "{answered:#?}");
    }
    // What the kernel still holds when the capture ends is lost.
    std::thread::sleep(Timeout::from_millis(1_500));
    master.end();
    capture.finish_after(&[0x02, 0x00, 0x0a, 0x47, 0x00, 0x01, 0x00, 0x00])
}

fn judge(case: &Case, capture: &Path) {
    let unread = format!("{COMPLAINTS} || (udp.port in {{319, 320}} || eth.type == 0x88f7) && !ptp");
    let unread = dissect(capture, &unread, &["frame.number", "_ws.expert.message"]);
    assert!(unread.is_empty(), "{unread:#?}");
    let found = case.found.iter().flat_map(|fields| fields.iter().map(|(name, _)| *name));
    // Of a name that is there twice tshark fills one column.
    let names: Vec<&str> = [HOST, TYPE].into_iter().chain(found).collect::<BTreeSet<_>>().into_iter().collect();
    // What is sent to a port that has just closed comes back inside an ICMP message.
    let rows = dissect(capture, "ptp && !icmp && !icmpv6", &names);
    let value = |row: &str, name: &str| -> String {
        let column = names.iter().position(|known| *known == name).expect("it was asked for");
        row.split('|').nth(column).unwrap_or_default().split(',').next().unwrap_or_default().to_owned()
    };
    let mut expected = case.sent();
    if case.pmc.is_some() {
        for sent in &mut expected {
            // The slave's host is pmc's too.
            sent.insert(MANAGEMENT);
        }
    }
    let number = |text: &str| u8::from_str_radix(text.trim_start_matches("0x"), 16).expect("a hexadecimal number");
    let of_host = |row: &&String, host: u8| value(row, HOST) == format!("02:00:0a:47:00:{host:02x}");
    let types = |host| -> BTreeSet<u8> {
        rows.iter().filter(|row| of_host(row, host)).map(|row| number(&value(row, TYPE))).collect()
    };
    assert_eq!([types(1), types(2)], expected);
    for fields in &case.found {
        let has_all = |row: &String| fields.iter().all(|(name, expected)| value(row, name) == *expected);
        assert!(rows.iter().any(has_all), "no message has {fields:?}: {rows:#?}");
    }
    println!("{:24} {} messages", case.name, rows.len());
}

#[test]
fn every_message_that_a_profile_sends_is_read_by_tshark_and_none_is_missing() {
    let mut lab = Lab::beside_others();
    let cases: Vec<_> = PROFILES.iter().map(Case::of).chain(Case::others()).map(|case| (case, lab.pair6())).collect();
    let wrong = side_by_side(&cases, AT_A_TIME, |(case, spaces)| {
        let capture = talk(case, &lab, spaces);
        judge(case, &capture);
    });
    let wrong: Vec<_> =
        cases.iter().zip(wrong).filter_map(|((case, _), (done, _))| Some((case.name, done.err()?))).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
