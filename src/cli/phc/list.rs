//! `synchronome phc list`.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::{Value as Json, json};
use synchronome_kernel::phc::{CrossingMethod, PhcCapabilities};

use super::{NO_PHC, Told, trouble, word};
use crate::cli::print;
use crate::clock::comparison::working_methods;
use crate::clock::inventory::{HardwareClock, hardware_clocks};
use crate::time::FrequencyPpb;

/// List the hardware clocks: whose they are, what they can.
///
/// A clock that several interfaces share is listed once. The ways to compare it with the system clock are tried, not taken
/// from its capabilities.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What an open clock says of itself.
struct Found {
    capabilities: PhcCapabilities,
    methods: Vec<CrossingMethod>,
    is_writable: bool,
}

pub fn run(args: &Args) -> Told<ExitCode> {
    let clocks = hardware_clocks().map_err(|error| format!("the clocks cannot be listed: {error}"))?;
    let rows: Vec<_> = clocks.iter().map(|clock| (clock, ask(clock))).collect();
    if args.json {
        let clocks: Vec<_> = rows.iter().map(|(clock, found)| object(clock, found)).collect();
        print(&format!("{}\n", json!({ "phcs": clocks })));
    } else {
        print(&rows.iter().map(|(clock, found)| text(clock, found)).collect::<String>());
    }
    if rows.is_empty() { Err(NO_PHC.to_owned()) } else { Ok(ExitCode::SUCCESS) }
}

fn ask(clock: &HardwareClock) -> Told<Found> {
    let told = |error| trouble(clock, &error);
    let phc = clock.open().map_err(told)?;
    Ok(Found {
        capabilities: phc.capabilities().map_err(told)?,
        methods: working_methods(&phc).map_err(told)?,
        is_writable: phc.is_writable(),
    })
}

fn text(clock: &HardwareClock, found: &Told<Found>) -> String {
    let mut text = format!("{}\n", clock.name());
    let info = &clock.info;
    // Writing to a String cannot fail.
    let mut line = |what: &str, value: &str| {
        let _ = writeln!(text, "  {what:<12}{value}");
    };
    line("device", &format!("/dev/ptp{}, clock_name {:?}", info.index, info.name));
    if let Some(parent) = info.virtual_of {
        line("virtual", &format!("it runs on the counter of /dev/ptp{parent}"));
    }
    let on = clock.bus.as_ref().map(|bus| format!(" on {bus}")).unwrap_or_default();
    line("driver", &format!("{}{on}", clock.driver.as_deref().unwrap_or("unknown")));
    match &clock.interfaces[..] {
        [] if clock.is_of_a_hypervisor() => line("interfaces", "none: a hypervisor's, kept right by its host"),
        [] => line("interfaces", "none in this network namespace"),
        [one] => line("interfaces", one),
        several => line("interfaces", &format!("{} (they share it)", several.join(", "))),
    }
    if !clock.selectable_for.is_empty() {
        let names = clock.selectable_for.join(", ");
        line(
            "could stamp",
            &format!("for {names} instead of the clock that is selected (ethtool --set-hwtimestamp-cfg)"),
        );
    }
    match found {
        Ok(found) => {
            line("adjusts", &adjusts(found));
            line("crossings", &found.methods.iter().map(|&method| word(method)).collect::<Vec<_>>().join(", "));
            line("signals", &signals(&found.capabilities));
        }
        Err(trouble) => line("error", trouble),
    }
    if info.max_vclocks > 0 {
        line("vclocks", &format!("{} of at most {} clocks run on it", info.n_vclocks, info.max_vclocks));
    }
    text
}

fn adjusts(found: &Found) -> String {
    let most = found.capabilities.max_adjustment_ppb;
    if most <= 0 {
        return "never: it can only be read".to_owned();
    }
    // FrequencyPpb shows its sign; this one goes both ways.
    let most = FrequencyPpb::new(most.into()).to_string().replace('+', "+-");
    let phase = if found.capabilities.adjust_phase { ", and takes phase offsets" } else { "" };
    let locked = if found.is_writable { "" } else { " (not for this user: the device may only be read)" };
    format!("by {most} at most{phase}{locked}")
}

fn signals(capabilities: &PhcCapabilities) -> String {
    let mut all = Vec::new();
    for (number, noun) in [
        (capabilities.pins, "pin"),
        (capabilities.external_stamps, "input"),
        (capabilities.periodic_outputs, "output"),
        (capabilities.alarms, "alarm"),
    ] {
        if number > 0 {
            all.push(format!("{number} {noun}{}", if number == 1 { "" } else { "s" }));
        }
    }
    if capabilities.pps {
        all.push("PPS to the kernel".to_owned());
    }
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

fn object(clock: &HardwareClock, found: &Told<Found>) -> Json {
    let info = &clock.info;
    let mut object = json!({
        "name": clock.name(),
        "clock_name": info.name,
        "index": info.index,
        "device": format!("/dev/ptp{}", info.index),
        "driver": clock.driver,
        "bus": clock.bus,
        "interfaces": clock.interfaces,
        "selectable_for": clock.selectable_for,
        "of_hypervisor": clock.is_of_a_hypervisor(),
        "virtual_of": info.virtual_of,
        "n_vclocks": info.n_vclocks,
        "max_vclocks": info.max_vclocks,
    });
    match found {
        Ok(Found { capabilities, methods, is_writable }) => {
            object["writable"] = json!(is_writable);
            object["max_adjustment_ppb"] = json!(capabilities.max_adjustment_ppb);
            object["adjust_phase"] = json!(capabilities.adjust_phase);
            object["pins"] = json!(capabilities.pins);
            object["external_stamps"] = json!(capabilities.external_stamps);
            object["periodic_outputs"] = json!(capabilities.periodic_outputs);
            object["alarms"] = json!(capabilities.alarms);
            object["pps"] = json!(capabilities.pps);
            object["crossings"] = methods.iter().map(|&method| word(method)).collect();
        }
        Err(trouble) => object["error"] = json!(trouble),
    }
    object
}

#[cfg(test)]
mod tests {
    use synchronome_kernel::phc::PhcInfo;

    use super::*;

    fn shared() -> HardwareClock {
        let info =
            PhcInfo { index: 1, name: "igb".into(), device: None, n_vclocks: 2, max_vclocks: 20, virtual_of: None };
        let interfaces = vec!["eth0".to_owned(), "eth1".to_owned()];
        HardwareClock {
            info,
            interfaces,
            selectable_for: Vec::new(),
            driver: Some("igb".into()),
            bus: Some("0000:01:00.0".into()),
        }
    }

    /// A clock without an interface and without a device in sysfs.
    fn alone(index: u32, name: &str) -> HardwareClock {
        let info = PhcInfo { index, name: name.into(), device: None, n_vclocks: 0, max_vclocks: 0, virtual_of: None };
        HardwareClock { info, interfaces: Vec::new(), selectable_for: Vec::new(), driver: None, bus: None }
    }

    fn found() -> Found {
        let capabilities = PhcCapabilities {
            max_adjustment_ppb: 62_499_999,
            alarms: 0,
            external_stamps: 2,
            periodic_outputs: 1,
            pins: 4,
            pps: true,
            precise_crossing: false,
            adjust_phase: false,
        };
        Found { capabilities, methods: vec![CrossingMethod::Extended, CrossingMethod::Basic], is_writable: true }
    }

    #[test]
    fn a_shared_clock_is_listed_once_with_all_that_it_can() {
        let text = text(&shared(), &Ok(found()));
        assert_eq!(text.lines().filter(|line| !line.starts_with(' ')).collect::<Vec<_>>(), ["eth0"]);
        for part in [
            "/dev/ptp1, clock_name \"igb\"",
            "igb on 0000:01:00.0",
            "eth0, eth1 (they share it)",
            "by +-62499.999 ppm at most\n",
            "extended, basic\n",
            "4 pins, 2 inputs, 1 output, PPS to the kernel",
            "2 of at most 20 clocks",
        ] {
            assert!(text.contains(part), "no {part:?} in:\n{text}");
        }
        let json = object(&shared(), &Ok(found()));
        assert_eq!((&json["interfaces"][1], &json["crossings"][0]), (&json!("eth1"), &json!("extended")));
    }

    #[test]
    fn hypervisors_clocks_beside_a_cards_are_told_from_it_and_from_a_card_elsewhere() {
        let mut fixed = found();
        fixed.capabilities = PhcCapabilities {
            max_adjustment_ppb: 0,
            external_stamps: 0,
            periodic_outputs: 0,
            pins: 0,
            pps: false,
            ..fixed.capabilities
        };
        let fixed = Ok(fixed);
        for name in ["KVM virtual PTP", "hyperv", "ptp_vmw", "vmclock0"] {
            let clock = alone(7, name);
            let text = text(&clock, &fixed);
            assert_eq!(text.lines().next(), Some(name));
            for part in [
                "a hypervisor's, kept right by its host",
                "driver      unknown",
                "never: it can only be read",
                "signals     none",
            ] {
                assert!(text.contains(part), "no {part:?} in:\n{text}");
            }
            let json = object(&clock, &fixed);
            assert_eq!((&json["of_hypervisor"], &json["name"]), (&json!(true), &json!(name)));
        }
        let elsewhere = alone(3, "igb");
        assert!(text(&elsewhere, &Ok(found())).contains("none in this network namespace"));
        assert_eq!(object(&shared(), &Ok(found()))["of_hypervisor"], json!(false));
    }

    #[test]
    fn a_clock_that_another_ones_port_could_select_says_whose() {
        let phy = HardwareClock { selectable_for: vec!["eth0".to_owned()], ..alone(4, "phy") };
        assert!(text(&phy, &Ok(found())).contains("for eth0 instead of the clock that is selected"));
        assert_eq!(object(&phy, &Ok(found()))["selectable_for"], json!(["eth0"]));
        assert!(!text(&shared(), &Ok(found())).contains("could stamp"));
    }

    #[test]
    fn a_clock_that_cannot_be_opened_says_why() {
        let error = trouble(&shared(), &std::io::Error::from_raw_os_error(13));
        assert!(text(&shared(), &Err(error.clone())).contains("as root"), "{error}");
        assert!(object(&shared(), &Err(error))["error"].is_string());
    }

    #[test]
    fn a_clock_that_cannot_be_steered_is_only_read() {
        let mut fixed = found();
        fixed.capabilities.max_adjustment_ppb = 0;
        assert_eq!(adjusts(&fixed), "never: it can only be read");
    }
}
