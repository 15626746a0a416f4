//! What the messages of a port carry for those who forward them, and what goes against it.

use std::ops::Range;

use super::refusing;
use crate::config::PtpMarks;
use crate::config::read::Reader;

/// The options of a `[[ptp]]` about hops, DSCP and priority.
pub(super) fn resolved(read: &Reader<'_>, section: &str) -> PtpMarks {
    let octet = |name| read.integer(section, name) as u8;
    PtpMarks {
        hop_limit: octet("hop_limit"),
        dscp: ["dscp_event", "dscp_general"].map(octet),
        priority: octet("socket_priority"),
    }
}

/// The rules between these and the rest of its `[[ptp]]`, and of the limits of a link's delay.
pub(super) fn conflicts(
    read: &Reader<'_>,
    section: &str,
    conflict: &mut impl FnMut(String, &Range<usize>, String, &str),
) {
    let mut refuse = refusing(read, section, conflict);
    if read.word(section, "transport") == "ethernet" {
        for (name, without) in [("hop_limit", 1), ("dscp_event", 0), ("dscp_general", 0)] {
            if read.integer(section, name) != without {
                let message = "a frame over Ethernet has no header of IP, which this is in";
                refuse(&[name, "transport"], message, "socket_priority is for the priority in a VLAN's tag");
            }
        }
    }
    if read.word(section, "delay") != "p2p" {
        return;
    }
    if read.integer(section, "hop_limit") > 1 {
        let message = "with peer delay each link is measured, and behind a router is another one (IEEE 1588-2019 C.3)";
        refuse(&["hop_limit", "delay", "profile"], message, "hop_limit = 1");
    }
    if read.duration(section, "neighbor_delay_min") > read.duration(section, "neighbor_delay_max") {
        let message = "no delay of a link is at least this and at most neighbor_delay_max";
        refuse(&["neighbor_delay_min", "neighbor_delay_max"], message, "neighbor_delay_min = \"0ns\"");
    }
}
