//! The other end of the link, as the peer delay mechanism has it, and what is beyond it.

use crate::observe::status::{NeighborStatus, PowerStatus};
use crate::ptp::{GptpCapableConfig, NeighborStatus as Neighbor};
use crate::runtime::events::{PATH_REPORTED_MAX, PortReport};
use crate::time::FrequencyPpb;
use crate::wire::ptp::{ClockIdentity, PowerProfile};

/// The clocks that the parent's Announce has passed.
pub(super) fn path_in_words((clocks, count): ([Option<ClockIdentity>; PATH_REPORTED_MAX], u8)) -> Vec<String> {
    let more = usize::from(count).saturating_sub(clocks.len());
    let more = (more > 0).then(|| format!("{more} more"));
    clocks.iter().flatten().map(ToString::to_string).chain(more).collect()
}

/// What the parent says by IEEE C37.238; a total that is unknown is none.
pub(super) fn power_status(power: PowerProfile) -> PowerStatus {
    let nanos = Some(power.total_time_inaccuracy).filter(|nanos| *nanos != u32::MAX);
    let total_time_inaccuracy_s = nanos.map(|nanos| f64::from(nanos) * 1e-9);
    PowerStatus { grandmaster_id: power.grandmaster_id, total_time_inaccuracy_s }
}

/// What was measured, if one answers.
pub(super) fn neighbor_status(neighbor: Neighbor, gptp_capable: bool) -> Option<NeighborStatus> {
    match neighbor {
        Neighbor::Known { identity, mean_link_delay, rate } => Some(NeighborStatus {
            identity: identity.to_string(),
            mean_link_delay_s: mean_link_delay.as_secs_f64(),
            rate_ppb: rate.map(FrequencyPpb::ppb),
            gptp_capable,
        }),
        Neighbor::Silent | Neighbor::Several => None,
    }
}

/// Why the link is not measured, though it should be, or the neighbour not believed that must say that it is capable of IEEE 802.1AS.
pub(super) fn neighbor_trouble(report: &PortReport, config: GptpCapableConfig) -> Option<String> {
    let trouble = match report.neighbor? {
        Neighbor::Known { identity, .. } if config.is_required && !report.is_neighbor_gptp_capable => {
            return Some(format!(
                "no gPTP-capable TLV of neighbour {identity}: with ptp.gptp_capable \"require\" it is not believed"
            ));
        }
        Neighbor::Known { .. } => return None,
        Neighbor::Silent => {
            "no answer to Pdelay_Req: with ptp.delay \"p2p\" the device at the other end of the link must measure it too"
        }
        Neighbor::Several => {
            "two answers to one Pdelay_Req: a switch on the way forwards what is for the neighbour alone; nothing is \
             measured for 16 s"
        }
    };
    Some(trouble.to_owned())
}
