//! All that was found, for programs.

use serde_json::{Value, json};

use super::found::{Found, Interface, Server};
use super::stamps;
use crate::cli::doctor::heard::Talker;
use crate::clock::inventory::HardwareClock;
use crate::runtime::rivals::Rival;

/// One object: what was found, and the configuration that follows from it.
pub fn object(found: &Found) -> Value {
    json!({
        "interfaces": found.interfaces.iter().map(interface).collect::<Vec<_>>(),
        "clocks": found.clocks.iter().map(clock).collect::<Vec<_>>(),
        "servers": found.servers.iter().map(server).collect::<Vec<_>>(),
        "rivals": found.rivals.iter().map(rival).collect::<Vec<_>>(),
        "toml": found.configuration(),
    })
}

fn interface(interface: &Interface) -> Value {
    let heard = &interface.heard;
    json!({
        "name": interface.name,
        "about": interface.about,
        "problem": heard.problem,
        "heard": heard.talkers.iter().map(talker).collect::<Vec<_>>(),
        "self_test": interface.stamps.as_ref().map(stamps::object),
    })
}

fn talker(talker: &Talker) -> Value {
    let manner = &talker.manner;
    let announced = talker.announced.as_ref().map(|announced| {
        json!({
            "grandmaster": announced.grandmaster,
            "class": announced.class,
            "steps_removed": announced.steps_removed,
            "ptp_timescale": announced.ptp_timescale,
            "utc_offset": announced.utc_offset,
        })
    });
    json!({
        "port": talker.port,
        "transport": manner.transport,
        "vlan": manner.vlan,
        "version": manner.version,
        "minor_version": talker.minor_version,
        "domain": manner.domain,
        "sdo_id": manner.sdo_id,
        "announces": talker.announces,
        "syncs": talker.syncs,
        "announced": announced,
    })
}

fn clock(clock: &HardwareClock) -> Value {
    json!({
        "device": format!("/dev/ptp{}", clock.info.index),
        "clock_name": clock.info.name,
        "driver": clock.driver,
        "bus": clock.bus,
        "interfaces": clock.interfaces,
    })
}

fn server(server: &Server) -> Value {
    json!({
        "name": server.name,
        "named_by": server.named_by,
        "answers": server.problem.is_none(),
        "problem": server.problem,
    })
}

fn rival(rival: &Rival) -> Value {
    json!({ "program": rival.program, "pid": rival.pid, "unit": rival.unit, "stop_with": rival.stop_with() })
}
