//! IEEE 802.1AS: what is asked of the neighbour, what is said to it, and what these options need.

use std::ops::Range;

use super::refusing;
use crate::config::read::Reader;
use crate::ptp::GptpCapableConfig;
use crate::time::LogInterval;

/// The options of a `[[ptp]]` about the gPTP-capable TLV.
pub(super) fn resolved(read: &Reader<'_>, section: &str) -> GptpCapableConfig {
    let word = read.word(section, "gptp_capable");
    let interval = LogInterval::new(read.integer(section, "gptp_capable_interval") as i8);
    GptpCapableConfig { interval: (word != "off").then_some(interval), is_required: word == "require" }
}

/// The rules between these and the rest of its `[[ptp]]`.
pub(super) fn conflicts(
    read: &Reader<'_>,
    section: &str,
    conflict: &mut impl FnMut(String, &Range<usize>, String, &str),
) {
    let mut refuse = refusing(read, section, conflict);
    let (is_e2e, as_capable) = (read.word(section, "delay") == "e2e", read.switch(section, "as_capable"));
    let gptp_capable = read.word(section, "gptp_capable");
    if is_e2e && as_capable {
        let message = "as_capable needs the peer delay mechanism, or nobody measures this link";
        refuse(&["as_capable", "delay"], message, "write `delay = \"p2p\"`, or `as_capable = false`");
    } else if is_e2e && gptp_capable != "off" {
        let message = "gptp_capable is said between neighbours that measure their link";
        refuse(&["gptp_capable", "delay"], message, "write `delay = \"p2p\"`, or `gptp_capable = \"off\"`");
    } else if !as_capable && gptp_capable == "require" {
        let message = "gptp_capable \"require\" is about whom as_capable believes";
        refuse(&["gptp_capable", "as_capable"], message, "write `as_capable = true`, or `gptp_capable = \"tell\"`");
    }
}
