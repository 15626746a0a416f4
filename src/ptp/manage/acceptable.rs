//! The acceptable master table as management shows it (IEEE 1588-2019 17.5, 15.5.3): one of the clock, which its ports heed or not.

use super::ManagedPort;
use crate::ptp::{ACCEPTABLE_MASTERS_MAX, AcceptableMaster};

/// ACCEPTABLE_MASTER_TABLE: how many, and a portIdentity and an alternatePriority1 of each. What several ports heed is in it once; one
/// that has another alternatePriority1 for the same master has an entry of its own.
pub(super) fn table(ports: &[ManagedPort]) -> Vec<u8> {
    let mut entries: Vec<AcceptableMaster> = Vec::new();
    for entry in ports.iter().flat_map(|port| &port.acceptable_masters) {
        if !entries.contains(entry) {
            entries.push(*entry);
        }
    }
    let mut octets = (entries.len() as u16).to_be_bytes().to_vec();
    for AcceptableMaster { port, alternate_priority1 } in entries {
        octets.extend(port.clock_identity.0);
        octets.extend(port.port_number.to_be_bytes());
        octets.push(alternate_priority1);
    }
    octets
}

/// ACCEPTABLE_MASTER_MAX_TABLE_SIZE: as many as all ports can be told.
pub(super) fn size_max(ports: &[ManagedPort]) -> u16 {
    (ports.len() * ACCEPTABLE_MASTERS_MAX) as u16
}
