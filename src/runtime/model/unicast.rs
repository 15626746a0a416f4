//! The contracts of a port, and what of the signals of its masters fails, for people.

use super::Model;
use crate::observe::status::{ContractStatus, UnicastMasterStatus, UnicastStatus};
use crate::observe::{Change, EventKind, Level, Topic};
use crate::ptp::{self, CONTRACT_MESSAGES, SignalFail};
use crate::runtime::events::PortReport;
use crate::time::{Mono, Timestamp, Utc};

/// When something was, on both clocks.
type At = (Timestamp<Mono>, Timestamp<Utc>);

/// `None` for a port that has none, and asks nobody.
pub(super) fn unicast_status(report: &PortReport, masters: &[ptp::UnicastMasterStatus]) -> Option<UnicastStatus> {
    let [for_clients, by_masters] = report.contracts;
    let masters: Vec<_> = masters.iter().map(master_status).collect();
    if for_clients + by_masters == 0 && masters.is_empty() {
        return None;
    }
    let mut contracts = Vec::new();
    for with in report.contracts_with.iter().flatten() {
        for (message, contract) in CONTRACT_MESSAGES.into_iter().zip(with.contracts) {
            let Some(contract) = contract else { continue };
            contracts.push(ContractStatus {
                address: with.address.to_string(),
                role: if with.is_client { "client" } else { "master" }.to_owned(),
                message: message.to_owned(),
                interval_s: contract.interval.duration().as_secs_f64(),
                left_s: contract.left_s,
            });
        }
    }
    Some(UnicastStatus { for_clients, by_masters, contracts, masters })
}

fn master_status(master: &ptp::UnicastMasterStatus) -> UnicastMasterStatus {
    UnicastMasterStatus {
        address: master.address.to_string(),
        identity: master.identity.map(|identity| identity.to_string()),
        clock_class: master.clock_class,
        is_followed: master.is_followed,
        signal_fails: master.fails.iter().map(|fail| fail.name().to_owned()).collect(),
        restores_in_s: master.restores_in.map(crate::time::Duration::as_secs_f64),
        delay_variation_s: master.delay_variation.map(crate::time::Duration::as_secs_f64),
    }
}

impl Model {
    /// A master of a port's table; what of its signal fails now and did not before, and what is over, is told.
    pub(super) fn signal(&mut self, at: At, port: u8, place: usize, master: ptp::UnicastMasterStatus) {
        let Some(model) = self.ports.get_mut(usize::from(port)) else { return };
        let Some(before) = model.masters_asked.get_mut(place) else { return model.masters_asked.push(master) };
        let before = std::mem::replace(before, master);
        let interface = &model.config.interface;
        for fail in SignalFail::ALL.into_iter().filter(|fail| before.fails.has(*fail) != master.fails.has(*fail)) {
            let (address, name, what) = (master.address, fail.name(), fail.in_words());
            let (level, text) = if master.fails.has(fail) {
                (Level::Warn, format!("port {interface}: master {address} fails, {name}: {what}"))
            } else {
                (Level::Info, format!("port {interface}: master {address}: {name} is over"))
            };
            let (from, to) = if master.fails.has(fail) { ("well", name) } else { (name, "well") };
            let change = Change::of(EventKind::Source, address.to_string()).from_to(from, to).because(what);
            self.events.record_change(at, (level, Topic::Ptp), change, text, &[]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;
    use crate::observe::status::ClockKind;
    use crate::ptp::{Address, Config, Port, SignalFails, UnicastClientConfig};
    use crate::runtime::events::Event;
    use crate::runtime::host::Host;
    use crate::runtime::model::PortModel;
    use crate::runtime::port::PtpEngine;
    use crate::sharing::Counters;
    use crate::time::SourceId;
    use crate::wire::ptp::ClockIdentity;

    #[test]
    fn a_signal_that_fails_and_does_no_more_is_told_once_each_and_shown() {
        let now = Timestamp::from_parts(100, 0);
        let config = load("[[ptp]]\ninterface = 'eth0'\n", "test").unwrap().config;
        let mut model = Model::new(Host::default(), now, None, ClockKind::System);
        model.ports.push(PortModel::new(config.ptp[0].clone(), Counters::default()));
        let mut masters = UnicastClientConfig::NOBODY.masters;
        masters[0] = Some(Address::V4([192, 0, 2, 1]));
        let unicast = UnicastClientConfig { masters, ..UnicastClientConfig::NOBODY };
        let port = Port::new(Config { unicast, ..Config::new(SourceId(0), ClockIdentity([1; 8]), 1) });
        let report = PtpEngine::report(&port, now).expect("a port has one");
        let mut master = PtpEngine::masters_asked(&port, now).next().expect("it asks one");
        let mut said = Vec::new();
        for fails in [SignalFails::NONE, SignalFails::NONE.with(SignalFail::LossSync, true), SignalFails::NONE] {
            master.fails = fails;
            for _ in 0..2 {
                model.take(now, Timestamp::EPOCH, Event::UnicastMaster { port: 0, place: 0, master });
            }
            let shown = unicast_status(&report, &model.ports[0].masters_asked).expect("it asks one").masters;
            said.push(shown[0].signal_fails.join(","));
        }
        assert_eq!(said, ["", "PTSF-lossSync", ""]);
        let texts: Vec<_> = model.events.records(now).into_iter().map(|record| record.text).collect();
        assert_eq!(
            texts,
            [
                "port eth0: master 192.0.2.1 fails, PTSF-lossSync: its Sync or Delay_Resp do not come",
                "port eth0: master 192.0.2.1: PTSF-lossSync is over",
            ]
        );
    }
}
