//! What people are told of contracts.

use super::Service;
use super::client::Client;
use super::contracts::Slot;
use super::server::Server;
use super::signal::SignalFails;
use crate::ptp::{Address, Port};
use crate::time::{Duration, LogInterval, Mono, Timestamp};
use crate::wire::ptp::PortIdentity;

/// Places of the table of clients that are looked at for people: a table may have a hundred thousand.
pub const CLIENTS_LOOKED_AT_MAX: usize = 256;

/// The messages that contracts are for by their names in the standard (table 36), in the order of [`ContractsWith::contracts`].
pub const CONTRACT_MESSAGES: [&str; Service::ALL.len()] = ["Announce", "Sync", "Delay_Resp"];

/// A contract as it is now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContractStatus {
    /// How often, as it was granted.
    pub interval: LogInterval,
    /// How long it still lasts, in whole seconds: 0 ..= 1,000.
    pub left_s: u16,
}

impl ContractStatus {
    pub(super) fn until(interval: LogInterval, until: Timestamp<Mono>, now: Timestamp<Mono>) -> Self {
        let left = (until - now).max(Duration::ZERO).as_nanos() / 1_000_000_000;
        Self { interval, left_s: u16::try_from(left).unwrap_or(u16::MAX) }
    }
}

/// The contracts of a port with one other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContractsWith {
    /// With whom.
    pub address: Address,
    /// That one is sent to, and has asked.
    pub is_client: bool,
    /// By [`CONTRACT_MESSAGES`].
    pub contracts: [Option<ContractStatus>; 3],
}

/// A master of the table, and what of its signal fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnicastMasterStatus {
    /// Its address in the table.
    pub address: Address,
    /// Who is there, if that is known.
    pub identity: Option<PortIdentity>,
    /// clockClass of its last Announce, which is its quality level by ITU-T G.8265.1; `None`: none is heard.
    pub clock_class: Option<u8>,
    /// The port follows it.
    pub is_followed: bool,
    /// What of its signal fails.
    pub fails: SignalFails,
    /// So long it is not followed where there is another.
    pub restores_in: Option<Duration>,
    /// Of the one that is followed: one in a hundred of its Sync came within this of the soonest, in the last window that is over.
    pub delay_variation: Option<Duration>,
}

impl Port {
    /// The masters of its table.
    pub fn unicast_masters(&self, now: Timestamp<Mono>) -> impl Iterator<Item = UnicastMasterStatus> + '_ {
        self.client().into_iter().flat_map(move |client| client.signals(now)).map(|master| UnicastMasterStatus {
            clock_class: master.identity.and_then(|identity| self.heard_class(identity)),
            delay_variation: self.delay_variation().filter(|_| master.is_followed),
            ..master
        })
    }

    /// How many contracts clients have with this port, and how many it has with masters.
    pub fn unicast_contracts(&self) -> [u32; 2] {
        let held = self.client().map_or(0, |client| {
            client.told(Timestamp::EPOCH).map(|with| with.contracts.iter().flatten().count()).sum()
        });
        [self.server().map_or(0, Server::contracts), held as u32]
    }

    /// With whom there are contracts: with masters, then with the clients in the first [`CLIENTS_LOOKED_AT_MAX`] places.
    pub fn contracts(&self, now: Timestamp<Mono>) -> impl Iterator<Item = ContractsWith> + '_ {
        let held = self.client().into_iter().flat_map(move |client| client.told(now));
        held.chain(self.server().into_iter().flat_map(move |server| server.told(now)))
    }
}

impl Client {
    fn told(&self, now: Timestamp<Mono>) -> impl Iterator<Item = ContractsWith> + '_ {
        self.granted_by_masters().filter_map(move |(address, granted)| {
            let contracts =
                granted.map(|granted| granted.map(|(interval, until)| ContractStatus::until(interval, until, now)));
            contracts.iter().any(Option::is_some).then_some(ContractsWith { address, is_client: false, contracts })
        })
    }
}

impl Server {
    fn told(&self, now: Timestamp<Mono>) -> impl Iterator<Item = ContractsWith> + '_ {
        self.first_clients(CLIENTS_LOOKED_AT_MAX).map(move |(address, granted)| {
            let contracts = granted.map(|granted| {
                granted
                    .map(|(interval, until): (LogInterval, Slot)| ContractStatus::until(interval, until.begin(), now))
            });
            ContractsWith { address, is_client: true, contracts }
        })
    }
}
