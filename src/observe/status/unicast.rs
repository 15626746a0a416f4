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
