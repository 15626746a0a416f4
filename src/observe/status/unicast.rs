//! Contracts for messages by unicast (IEEE 1588-2019 16.1).

use serde::{Deserialize, Serialize};

/// The contracts of a port.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct UnicastStatus {
    /// How many contracts clients have with this port: one for each message.
    pub for_clients: u32,
    /// How many this port has with masters.
    pub by_masters: u32,
    /// Some of them: with masters all, with clients those of a few.
    pub contracts: Vec<ContractStatus>,
    /// The masters of its table.
    #[serde(default)]
    pub masters: Vec<UnicastMasterStatus>,
}

/// A master that is asked.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct UnicastMasterStatus {
    /// Its address in the table.
    pub address: String,
    /// Who is there, if that is known.
    pub identity: Option<String>,
    /// clockClass of its last Announce: by ITU-T G.8265.1 its quality level.
    pub clock_class: Option<u8>,
    /// The port follows it.
    pub is_followed: bool,
    /// What of its signal fails: `PTSF-lossAnnounce`, `PTSF-lossSync`, `PTSF-unusable` (ITU-T G.8265.1 6.7.3.2).
    pub signal_fails: Vec<String>,
    /// So long it is followed only where there is no other.
    pub restores_in_s: Option<f64>,
    /// Of the one that is followed, where that is judged: one in a hundred of its Sync came within this of the soonest.
    pub delay_variation_s: Option<f64>,
}

/// One contract.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct ContractStatus {
    /// With whom.
    pub address: String,
    /// What that one is: `client` or `master`.
    pub role: String,
    /// For which message, by its name in the standard: `Announce`, `Sync` or `Delay_Resp`.
    pub message: String,
    /// How often it is sent, or at most.
    pub interval_s: f64,
    /// How long the contract lasts unless it is renewed, in whole seconds.
    pub left_s: u16,
}
