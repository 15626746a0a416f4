//! Hosts that ask others for what they send, by unicast and ITU-T G.8265.1.
//!
//! Who asks only follows, and who is asked only serves: by that recommendation masters do not compete.

use super::scenario::{HostPlan, maybe_text};
use super::segments::members_of;
use crate::config::{Reader, Value};
use crate::ptp::{ComparisonRule, Role, SignalConfig, UNICAST_MASTERS_MAX, UnicastClientConfig, UnicastServerConfig};
use crate::sim::{NodeId, address_of};
use crate::time::{Duration, LogInterval};

/// So many clients each of those who are asked serves.
const CLIENTS_MAX: u32 = 100;

/// Whom a host asks, and how it judges them.
#[derive(Clone, Debug)]
pub struct AskPlan {
    /// By their names, the first one before others of its level.
    pub whom: Vec<String>,
    wait_to_restore: Duration,
    signal: SignalConfig,
}

/// `None`: it hears the group.
pub(super) fn plan(read: &Reader<'_>, host: &str) -> Option<AskPlan> {
    Some(AskPlan {
        whom: members_of(&maybe_text(read, host, "asks")?),
        wait_to_restore: read.duration(host, "wait_to_restore"),
        signal: SignalConfig {
            hold_off: read.duration(host, "signal_hold_off"),
            delay_variation_max: match read.value(host, "delay_variation_max") {
                Some(Value::Duration(max)) => Some(max),
                _ => None,
            },
            reverts: read.switch(host, "revertive"),
        },
    })
}

/// Those who ask get their tables, and those who are asked serve. The hosts are the nodes of the world behind `masters` others.
pub(super) fn put(masters: usize, hosts: &mut [HostPlan]) {
    let names: Vec<_> = hosts.iter().map(|host| host.name.clone()).collect();
    let mut asked = Vec::new();
    for host in hosts.iter_mut() {
        let Some(asks) = &host.asks else { continue };
        let places: Vec<_> = asks.whom.iter().filter_map(|name| names.iter().position(|other| other == name)).collect();
        let mut table = [None; UNICAST_MASTERS_MAX];
        for (line, place) in table.iter_mut().zip(&places) {
            *line = Some(address_of(NodeId(masters + place)));
        }
        asked.extend(places);
        let serving = host.config.ptp.serving;
        host.config.ptp.role = Role::Slave;
        host.config.ptp.comparison = ComparisonRule::G8265;
        host.config.ptp.unicast = UnicastClientConfig {
            masters: table,
            intervals: [serving.log_announce_interval, serving.log_sync_interval, serving.log_sync_interval],
            wait_to_restore: asks.wait_to_restore,
            signal: Some(asks.signal),
            ..UnicastClientConfig::NOBODY
        };
    }
    for place in asked {
        let ptp = &mut hosts[place].config.ptp;
        ptp.role = Role::Master;
        ptp.comparison = ComparisonRule::G8265;
        let intervals_min = [LogInterval::new(-7); 3];
        ptp.unicast_server =
            UnicastServerConfig { clients_max: CLIENTS_MAX, intervals_min, ..UnicastServerConfig::NOBODY };
    }
}
