//! `sfptpd.cfg`, setting by setting.

use super::*;
use crate::config::{DelayMechanism, PhcChoice, PtpTransport, RefclockDevice, SystemClock};
use crate::discipline::policy::StepRule;
use crate::ptp::Role;

fn sfptpd(text: &str) -> Config {
    config_of("sfptpd.cfg", text)
}

/// A PTP instance of an interface, with more of both sections.
fn with_port(general: &str, ptp: &str) -> Config {
    sfptpd(&format!("[general]\nsync_module ptp ptp1\n{general}\n[ptp1]\ninterface eth0\n{ptp}\n"))
}

#[test]
fn an_instance_has_what_is_its_own_and_else_what_is_said_of_its_module() {
    let config = sfptpd(
        "[general]\nsync_module ptp a b\n[a]\ninterface eth1\nptp_domain 7\nptp_mode master\n[b]\ninterface eth2\n\
         ptp_mode master-only\n[ptp]\nptp_domain 9\nptp_delay_mechanism peer-to-peer\nptp_delayreq_interval -2\n",
    );
    let [a, b] = config.ptp.as_slice() else { panic!("{config:?}") };
    assert_eq!((a.interface.as_str(), a.domain, a.role), ("eth1", 7, Role::Auto), "wherever [ptp] stands");
    assert_eq!((b.interface.as_str(), b.domain, b.role), ("eth2", 9, Role::Master));
    assert_eq!((a.delay, b.log_min_pdelay_req_interval), (DelayMechanism::P2p, -2));
    assert_eq!(with_port("", "").ptp[0].role, Role::Slave, "its default");
}

#[test]
fn steps_are_by_a_threshold_and_by_who_may() {
    let step = |general: &str| with_port(general, "").clock.step;
    let above = |ms| StepRule::Above(Duration::from_millis(ms));
    for (general, first, later) in [
        ("clock_control slew-and-step", above(900), above(900)),
        ("step_threshold 0.25", above(250), above(250)),
        ("clock_control step-at-startup", above(900), StepRule::Never),
        ("clock_control step-on-first-lock\nstep_threshold 2", above(2_000), StepRule::Never),
        ("clock_control no-step", StepRule::Never, StepRule::Never),
    ] {
        assert_eq!((step(general).first, step(general).later), (first, later), "{general}");
    }
    let config = with_port("clock_control no-adjust", "");
    assert_eq!((config.clock.system, config.clock.phc), (SystemClock::Observe, PhcChoice::None));
    tells("sfptpd.cfg", "[general]\nsync_module ptp\nclock_control step-forward\n", "may be stepped back too");
}

#[test]
fn the_clocks_that_are_steered_are_those_that_are_not_left_out() {
    let clocks = |general: &str| {
        let config = with_port(general, "");
        (config.clock.system, config.clock.phc)
    };
    let named = |names: &[&str]| PhcChoice::Named(names.iter().map(|name| (*name).to_owned()).collect());
    assert_eq!(clocks(""), (SystemClock::Discipline, PhcChoice::OfPorts));
    assert_eq!(clocks("clock_readonly system"), (SystemClock::Observe, PhcChoice::OfPorts));
    assert_eq!(clocks("clock_list system eth5 phc1"), (SystemClock::Discipline, named(&["eth5", "eth1"])));
    assert_eq!(clocks("clock_list eth5 eth6\nclock_readonly eth6"), (SystemClock::Observe, named(&["eth5"])));
    let text = "[general]\nsync_module ptp\nclock_list 000f:53ff:fe01:98ac phc7\n";
    tells("sfptpd.cfg", text, "wrong: sfptpd.cfg:3: clock_list: 000f:53ff:fe01:98ac: name an interface");
    tells("sfptpd.cfg", text, "/dev/ptp7 is a number that changes from boot to boot");
}

#[test]
fn who_has_the_least_number_or_is_selected_by_hand_is_preferred() {
    let preferred = |general: &str, own: &str| {
        let text = format!(
            "[general]\nsync_module ptp a b\nsync_module gps g\n{general}\n[a]\ninterface eth1\n[b]\ninterface eth2\n{own}"
        );
        let config = sfptpd(&text);
        let ports: Vec<_> = config.ptp.iter().map(|port| port.prefer).collect();
        (ports, config.refclocks[0].options.prefer)
    };
    assert_eq!(preferred("", ""), (vec![false, false], false));
    assert_eq!(preferred("", "priority 5\n"), (vec![false, true], false));
    assert_eq!(preferred("", "priority 200\n"), (vec![true, false], true));
    assert_eq!(preferred("selection_policy manual g", "priority 5\n"), (vec![false, false], true));
    tells(
        "sfptpd.cfg",
        "[general]\nsync_module ptp a\nselection_policy manual x\n",
        "no sync_module names an instance \"x\"",
    );
}

#[test]
fn pulses_and_receivers_are_reference_clocks() {
    let config = sfptpd(
        "[general]\nsync_module pps p\nsync_module gps g\n[p]\ninterface eth1\npin 2\nchannel 1\npps_delay 120\n[g]\ngpsd ::1 2948\n",
    );
    let [pulses, receiver] = config.refclocks.as_slice() else { panic!("{config:?}") };
    assert!(matches!(&pulses.device, RefclockDevice::Extts { channel: 1, .. }), "{pulses:?}");
    assert_eq!(pulses.offset, Duration::from_nanos(120));
    let RefclockDevice::Gpsd { address, .. } = &receiver.device else { panic!("{receiver:?}") };
    assert_eq!(address.to_string(), "[::1]:2948");
    let out = "[general]\nsync_module pps p\n[p]\ninterface eth1\nfunction pps-out\n";
    assert!(sfptpd(out).refclocks.is_empty());
    tells("sfptpd.cfg", out, "no equivalent: sfptpd.cfg:5: function: no pulses are put out");
}

#[test]
fn an_instance_without_an_interface_is_a_draft_unless_one_is_named() {
    let text = "[general]\nsync_module ptp\n";
    let draft = import_with("sfptpd.cfg", text, &[]);
    assert!(draft.toml.contains("\n#[[ptp]]\n#interface = \"eth0\"\n"), "{}", draft.toml);
    tells("sfptpd.cfg", text, "say --interface");
    let input = Input { name: Rc::from("sfptpd.cfg"), text: text.to_owned() };
    let named = import(&[input], None, &["eth7".to_owned()], &few(&[])).unwrap();
    assert_eq!(load(&named.toml, "t").unwrap().config.ptp[0].interface, "eth7");
}

#[test]
fn a_comment_may_stand_anywhere_and_a_key_is_told_nowhere() {
    let config = with_port("", "ptp_domain 7# ours\ntransport ipv6 # of the link");
    let port = &config.ptp[0];
    assert_eq!((port.domain, port.transport), (7, PtpTransport::Udp6));
    assert_eq!(with_port("", "transport ipv6\nscope global").ptp[0].transport, PtpTransport::Udp6);
    let toml = import_with("sfptpd.cfg", "[general]\nsync_module ntp n\n[n]\nntp_key 8 Secret\n", &[]).toml;
    assert!(!toml.contains("Secret"), "{toml}");
}

#[test]
fn what_is_not_known_is_named() {
    tells(
        "sfptpd.cfg",
        "[general]\nsync_module ptp a\n[b]\nx 1\n",
        "unknown: sfptpd.cfg:3: [b]: no sync_module names such an instance",
    );
    tells("sfptpd.cfg", "[general]\nsync_module ptq a\n", "\"ptq\" is no module that is known");
    tells("sfptpd.cfg", "[general]\nsync_module ptp a a\n", "\"a\" is there twice");
    tells("sfptpd.cfg", "[general]\nsync_module ptp\n[ptp]\ninterfaec eth0\n", "unknown: sfptpd.cfg:4: interfaec");
    tells("sfptpd.cfg", "[general]\nuser ptp\n", "without sync_module");
}
