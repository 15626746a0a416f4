//! The contracts of a port, for people.

use crate::observe::status::{ContractStatus, UnicastStatus};
use crate::ptp::CONTRACT_MESSAGES;
use crate::runtime::events::PortReport;

/// `None` for a port that has none.
pub(super) fn unicast_status(report: &PortReport) -> Option<UnicastStatus> {
    let [for_clients, by_masters] = report.contracts;
    if for_clients + by_masters == 0 {
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
    Some(UnicastStatus { for_clients, by_masters, contracts })
}
