//! The data sets of the PTP clocks, for people.

use std::fmt::Write as _;

use super::super::status::{
    ContractStatus, MetadataStatus, PortDs, PortStatus, PtpClockStatus, Quality, TimePropertiesDs, UnicastMasterStatus,
    UnicastStatus,
};
use super::super::units::{count, seconds};

/// Width of the left column in characters.
const NAME_WIDTH: usize = 18;

/// All data sets of all clocks, a line for each, and the contracts of their ports, or why there is none; each line ended.
pub fn ptp_text(clocks: &[PtpClockStatus], ports: &[PortStatus]) -> String {
    if clocks.is_empty() {
        return "there is no PTP clock: add a [[ptp]], or wait for its interface\n".to_owned();
    }
    clocks.iter().map(|one| clock(one, ports)).collect::<Vec<_>>().join("\n")
}

/// How many contracts there are with whom.
pub(in crate::observe) fn contracts_in_brief(unicast: &UnicastStatus) -> String {
    let with = |n: u32, whom: &str| (n > 0).then(|| format!("{} with {whom}", count(n.into(), "contract")));
    let both = [with(unicast.by_masters, "masters"), with(unicast.for_clients, "clients")];
    let failing = unicast.masters.iter().filter(|master| !master.signal_fails.is_empty());
    let failing = failing.map(|master| format!("{} fails ({})", master.address, master.signal_fails.join(", ")));
    let said: Vec<_> = both.into_iter().flatten().chain(failing).collect();
    format!("unicast: {}", if said.is_empty() { "no contract".to_owned() } else { said.join(", ") })
}

/// What a grandmaster says for television: of its frames, of local time, and of itself.
pub(in crate::observe) fn metadata_in_words(said: &MetadataStatus) -> String {
    let at = |at: u64| format!("at {at} s of its time");
    let drop_frame = if said.drop_frame { ", drop frame" } else { "" };
    let season = if said.daylight_saving { " (daylight saving)" } else { "" };
    let jump = said.time_of_next_jump_s.map(|when| format!(", jumps by {} s {}", said.jump_s, at(when)));
    let jam = said.time_of_next_jam_s.map(|when| format!(", next daily jam {}", at(when)));
    format!(
        "SMPTE: {} frames/s{drop_frame}, {}, local time is ahead by {} s{season}{}{}",
        said.frame_rate,
        said.locking_status,
        said.current_local_offset_s,
        jump.unwrap_or_default(),
        jam.unwrap_or_default()
    )
}

/// A line for each other one that there are contracts with, and how many are not shown.
fn contracts(unicast: &UnicastStatus) -> Vec<(String, String)> {
    let mut rows: Vec<(String, String)> = Vec::new();
    for contract in &unicast.contracts {
        let ContractStatus { address, role, message, interval_s, left_s } = contract;
        let name = format!("{role} {address}:");
        let what = format!("{message} each {} (for {left_s} s)", seconds(*interval_s));
        match rows.last_mut().filter(|(last, _)| *last == name) {
            Some((_, about)) => *about = format!("{about}, {what}"),
            None => rows.push((name, what)),
        }
    }
    for master in &unicast.masters {
        let name = format!("master {}:", master.address);
        let signal = signal(master);
        if signal.is_empty() {
            continue;
        }
        match rows.iter_mut().find(|(known, _)| *known == name) {
            Some((_, about)) => *about = format!("{about}; {signal}"),
            None => rows.push((name, signal)),
        }
    }
    let unlisted = (unicast.for_clients + unicast.by_masters).saturating_sub(unicast.contracts.len() as u32);
    if unlisted > 0 {
        rows.push(("and".to_owned(), count(unlisted.into(), "more contract")));
    }
    rows
}

/// What of a master's signal fails, how long it waits, and how much its delay varies; empty where there is nothing to tell.
fn signal(master: &UnicastMasterStatus) -> String {
    let fails = (!master.signal_fails.is_empty()).then(|| master.signal_fails.join(", "));
    let waits = master.restores_in_s.map(|left| format!("for {left:.0} s followed only where there is no other"));
    let varies = master.delay_variation_s.map(|spread| format!("1 % of its Sync within {}", seconds(spread)));
    [fails, waits, varies].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn clock(clock: &PtpClockStatus, statuses: &[PortStatus]) -> String {
    let (own, current, parent) = (&clock.default_ds, &clock.current_ds, &clock.parent_ds);
    let kind = match (own.slave_only, clock.ports.len()) {
        (true, _) => "a clock that only follows",
        (false, 0 | 1) => "an ordinary clock",
        (false, _) => "a boundary clock",
    };
    let sdo_id = if clock.sdo_id == 0 { String::new() } else { format!(", sdoId {:#05x}", clock.sdo_id) };
    let mut text = format!("{}, domain {}{sdo_id}: {kind}\n", own.clock_identity, own.domain_number);
    let mut row = |name: &str, value: &str| _ = writeln!(text, "  {name:<NAME_WIDTH$}{value}");
    let priorities = |first: u8, second: u8| format!("priority1 {first}, priority2 {second}");
    let ports = count(own.number_ports.into(), "port");
    let own_text = format!("{}, {}, {ports}", quality(&own.clock_quality), priorities(own.priority1, own.priority2));
    row("defaultDS", &own_text);
    let is_itself = parent.grandmaster_identity == own.clock_identity;
    if is_itself {
        row("currentDS", "no steps removed: it follows nobody");
        row("parentDS", "the clock itself");
    } else {
        let shown = |value: Option<f64>| value.map_or("of days".to_owned(), seconds);
        let (offset, delay) = (shown(current.offset_from_master_s), shown(current.mean_delay_s));
        let steps = count(current.steps_removed.into(), "step");
        row("currentDS", &format!("offset {offset}, mean delay {delay}, {steps} removed"));
        let grandmaster = format!(
            "{}, grandmaster {}: {}, {}",
            parent.parent_port_identity,
            parent.grandmaster_identity,
            quality(&parent.grandmaster_clock_quality),
            priorities(parent.grandmaster_priority1, parent.grandmaster_priority2)
        );
        row("parentDS", &grandmaster);
    }
    row("timePropertiesDS", &time_properties(&clock.time_properties_ds));
    for port in &clock.ports {
        let number = port.port_identity.rsplit_once('-').map_or("", |(_, number)| number);
        row(&format!("portDS {number} {}", port.interface), &port_text(port));
        let of_it = |status: &&PortStatus| status.identity.as_ref() == Some(&port.port_identity);
        let status = statuses.iter().find(of_it);
        if let Some(metadata) = status.and_then(|status| status.metadata.as_ref()) {
            row("", &metadata_in_words(metadata));
        }
        let unicast = status.and_then(|status| status.unicast.as_ref());
        for (with, about) in unicast.map(contracts).unwrap_or_default() {
            row("", &format!("{with} {about}"));
        }
    }
    text
}

fn quality(quality: &Quality) -> String {
    let accuracy = quality.accuracy_s.map_or("unknown".to_owned(), |within| format!("within {}", seconds(within)));
    let (class, variance) = (quality.clock_class, quality.offset_scaled_log_variance);
    format!("class {class}, accuracy {accuracy}, variance {variance:#06x}")
}

fn time_properties(time: &TimePropertiesDs) -> String {
    let mut words = vec![if time.ptp_timescale { "PTP timescale (TAI)" } else { "ARB timescale" }.to_owned()];
    words.push(time.current_utc_offset_s.map_or("TAI-UTC not known".to_owned(), |s| format!("TAI-UTC {s} s")));
    let told = [
        (time.leap61, "a second is inserted today"),
        (time.leap59, "a second is left out today"),
        (time.time_traceable, "time traceable"),
        (time.frequency_traceable, "frequency traceable"),
    ];
    words.extend(told.iter().filter(|(is_so, _)| *is_so).map(|(_, what)| (*what).to_owned()));
    words.push(format!("source {}", time.time_source));
    words.join(", ")
}

fn port_text(port: &PortDs) -> String {
    let each = |log: i8| seconds(f64::exp2(log.into()));
    let timeout = port.announce_receipt_timeout;
    let announce = format!("Announce each {} (timeout {timeout})", each(port.log_announce_interval));
    let sync = format!("Sync each {}", each(port.log_sync_interval));
    let delay = match port.delay_mechanism.as_str() {
        "p2p" => {
            let link = port.mean_link_delay_s.map_or("not measured".to_owned(), seconds);
            format!("Pdelay_Req each {}, link delay {link}", each(port.log_min_pdelay_req_interval))
        }
        _ => format!("Delay_Req each {}", each(port.log_min_delay_req_interval)),
    };
    let only = if port.master_only { " (master only)" } else { "" };
    format!("{}{only}, {}, {announce}, {sync}, {delay}", port.port_state, port.delay_mechanism)
}

#[cfg(test)]
mod tests {
    use super::super::super::status::{CurrentDs, DefaultDs, ParentDs};
    use super::*;

    fn example() -> PtpClockStatus {
        let primary = Quality {
            clock_class: 6,
            clock_accuracy: 0x21,
            accuracy_s: Some(1e-7),
            offset_scaled_log_variance: 0x4e5d,
        };
        let unknown =
            Quality { clock_class: 255, clock_accuracy: 0xfe, accuracy_s: None, offset_scaled_log_variance: 0xffff };
        PtpClockStatus {
            sdo_id: 0x100,
            default_ds: DefaultDs {
                clock_identity: "001b21.aabb.cc0000".to_owned(),
                domain_number: 24,
                number_ports: 1,
                clock_quality: unknown,
                priority1: 128,
                priority2: 129,
                slave_only: true,
            },
            current_ds: CurrentDs { steps_removed: 2, offset_from_master_s: Some(-12e-9), mean_delay_s: Some(345e-9) },
            parent_ds: ParentDs {
                parent_port_identity: "020000.fffe.000001-3".to_owned(),
                grandmaster_identity: "020000.fffe.000009".to_owned(),
                grandmaster_clock_quality: primary,
                grandmaster_priority1: 10,
                grandmaster_priority2: 11,
            },
            time_properties_ds: TimePropertiesDs {
                current_utc_offset_s: Some(37),
                ptp_timescale: true,
                time_traceable: true,
                time_source: "GNSS".to_owned(),
                ..TimePropertiesDs::default()
            },
            ports: vec![PortDs {
                interface: "eth0".to_owned(),
                port_identity: "001b21.aabb.cc0000-1".to_owned(),
                port_state: "SLAVE".to_owned(),
                delay_mechanism: "p2p".to_owned(),
                mean_link_delay_s: Some(250e-9),
                log_announce_interval: 1,
                announce_receipt_timeout: 3,
                log_sync_interval: -3,
                ..PortDs::default()
            }],
        }
    }

    #[test]
    fn each_data_set_has_its_line() {
        let text = ptp_text(&[example()], &[]);
        let expected = "\
001b21.aabb.cc0000, domain 24, sdoId 0x100: a clock that only follows
  defaultDS         class 255, accuracy unknown, variance 0xffff, priority1 128, priority2 129, 1 port
  currentDS         offset -12.0 ns, mean delay 345 ns, 2 steps removed
  parentDS          020000.fffe.000001-3, grandmaster 020000.fffe.000009: class 6, accuracy within 100 ns, variance 0x4e5d, priority1 10, priority2 11
  timePropertiesDS  PTP timescale (TAI), TAI-UTC 37 s, time traceable, source GNSS
  portDS 1 eth0     SLAVE, p2p, Announce each 2.00 s (timeout 3), Sync each 125 ms, Pdelay_Req each 1.00 s, link delay 250 ns
";
        assert_eq!(text, expected);
        assert!(ptp_text(&[], &[]).contains("no PTP clock"));
    }

    #[test]
    fn a_clock_that_follows_nobody_is_its_own_parent() {
        let mut clock = example();
        clock.parent_ds.grandmaster_identity.clone_from(&clock.default_ds.clock_identity);
        assert!(ptp_text(&[clock], &[]).contains("parentDS          the clock itself"));
    }

    #[test]
    fn contracts_stand_behind_their_port_a_line_for_each_with_whom() {
        let contract = |address: &str, role: &str, message: &str, interval_s| ContractStatus {
            address: address.to_owned(),
            role: role.to_owned(),
            message: message.to_owned(),
            interval_s,
            left_s: 280,
        };
        let unicast = UnicastStatus {
            for_clients: 900,
            by_masters: 1,
            contracts: vec![
                contract("192.0.2.1", "master", "Announce", 1.0),
                contract("192.0.2.7", "client", "Announce", 2.0),
                contract("192.0.2.7", "client", "Sync", 0.125),
            ],
            masters: vec![
                UnicastMasterStatus {
                    address: "192.0.2.1".to_owned(),
                    delay_variation_s: Some(12e-6),
                    ..UnicastMasterStatus::default()
                },
                UnicastMasterStatus {
                    address: "192.0.2.2".to_owned(),
                    signal_fails: vec!["PTSF-lossSync".to_owned()],
                    restores_in_s: Some(280.0),
                    ..UnicastMasterStatus::default()
                },
            ],
        };
        assert_eq!(
            contracts_in_brief(&unicast),
            "unicast: 1 contract with masters, 900 contracts with clients, 192.0.2.2 fails (PTSF-lossSync)"
        );
        assert_eq!(contracts_in_brief(&UnicastStatus::default()), "unicast: no contract");
        let clock = example();
        let identity = Some(clock.ports[0].port_identity.clone());
        let port = PortStatus { identity, unicast: Some(unicast), ..PortStatus::default() };
        let text = ptp_text(&[clock], &[port]);
        let lines: Vec<&str> = text.lines().rev().take(4).map(str::trim).collect();
        assert_eq!(
            lines,
            [
                "and 898 more contracts",
                "master 192.0.2.2: PTSF-lossSync, for 280 s followed only where there is no other",
                "client 192.0.2.7: Announce each 2.00 s (for 280 s), Sync each 125 ms (for 280 s)",
                "master 192.0.2.1: Announce each 1.00 s (for 280 s); 1 % of its Sync within 12.0 us",
            ]
        );
    }

    #[test]
    fn what_a_grandmaster_says_for_television_is_one_line() {
        let said = MetadataStatus {
            frame_rate: "30000/1001".to_owned(),
            locking_status: "locked".to_owned(),
            drop_frame: true,
            daylight_saving: true,
            current_local_offset_s: -14_435,
            jump_s: -3_600,
            time_of_next_jump_s: Some(1_792_000_000),
            time_of_next_jam_s: None,
        };
        assert_eq!(
            metadata_in_words(&said),
            "SMPTE: 30000/1001 frames/s, drop frame, locked, local time is ahead by -14435 s (daylight saving), jumps by -3600 s \
             at 1792000000 s of its time"
        );
    }
}
