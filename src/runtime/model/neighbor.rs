//! The other end of the link, as the peer delay mechanism has it, and what is beyond it.

use crate::observe::status::{GrandmasterStatus, MetadataStatus, NeighborStatus, PowerStatus};
use crate::ptp::{Announcement, GptpCapableConfig, NeighborStatus as Neighbor, ParentInfo};
use crate::runtime::events::{MetadataReport, PATH_REPORTED_MAX, PortReport};
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

/// What the grandmaster says by SMPTE ST 2059-2.
pub(super) fn metadata_status(said: MetadataReport) -> MetadataStatus {
    let locking = ["not in use", "free run", "cold locking", "warm locking", "locked"];
    let [numerator, denominator] = said.frame_rate;
    MetadataStatus {
        frame_rate: if denominator == 1 { numerator.to_string() } else { format!("{numerator}/{denominator}") },
        locking_status: locking.get(usize::from(said.locking_status)).unwrap_or(&"reserved").to_string(),
        drop_frame: said.drop_frame,
        daylight_saving: said.daylight_saving,
        current_local_offset_s: said.current_local_offset_s,
        jump_s: said.jump_s,
        time_of_next_jump_s: Some(said.time_of_next_jump_s).filter(|at| *at != 0),
        time_of_next_jam_s: Some(said.time_of_next_jam_s).filter(|at| *at != 0),
    }
}

/// The clock at the root, as the parent announces it.
pub(super) fn grandmaster_status(parent: &ParentInfo) -> GrandmasterStatus {
    GrandmasterStatus {
        identity: parent.grandmaster.to_string(),
        class: parent.quality.clock_class,
        accuracy: parent.quality.clock_accuracy.bound().map_or("unknown".to_owned(), |bound| bound.to_string()),
        priority1: parent.priority1,
        priority2: parent.priority2,
        // Ours is one more than in the parent's Announce, which counts the clocks between.
        steps_removed: parent.steps_removed.saturating_sub(1),
        time_source: parent.time_properties.time_source.to_string(),
        synchronization_uncertain: parent.synchronization_uncertain,
    }
}

/// What we announce ourselves.
pub(super) fn announced_status(announced: &Announcement) -> GrandmasterStatus {
    GrandmasterStatus {
        identity: announced.grandmaster.to_string(),
        class: announced.quality.clock_class,
        accuracy: announced.quality.clock_accuracy.bound().map_or("unknown".to_owned(), |bound| bound.to_string()),
        priority1: announced.priority1,
        priority2: announced.priority2,
        steps_removed: announced.steps_removed,
        time_source: announced.time_properties.time_source.to_string(),
        synchronization_uncertain: announced.synchronization_uncertain,
    }
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
