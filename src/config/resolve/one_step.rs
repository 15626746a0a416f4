//! What a port with one-step Sync cannot be at the same time.

use std::ops::Range;

use super::refusing;
use crate::config::read::Reader;
use crate::wire::ptp::is_gptp;

/// The rules between `two_step = false` and the rest of the `[[ptp]]` of this index, and of those before it.
pub(super) fn conflicts(
    read: &Reader<'_>,
    index: usize,
    conflict: &mut impl FnMut(String, &Range<usize>, String, &str),
) {
    let section = format!("ptp[{index}]");
    let mut refuse = refusing(read, &section, conflict);
    let is_same = |other: &String, name| read.value(&section, name) == read.value(other, name);
    let others = (0..index).map(|other| format!("ptp[{other}]"));
    if others.into_iter().any(|other| is_same(&other, "interface") && !is_same(&other, "two_step")) {
        let message = "one card is told once: its other [[ptp]] says otherwise whether Sync is two-step";
        refuse(&["two_step", "interface"], message, "give both the same `two_step`");
    }
    if read.switch(&section, "two_step") {
        return;
    }
    if read.word(&section, "timestamps") == "software" {
        let message = "only a card can write the time into a Sync as it leaves: one-step not with software time stamps";
        refuse(&["two_step", "timestamps"], message, "two_step = true");
    }
    if is_gptp(read.integer(&section, "sdo_id") as u16) {
        let message = "IEEE 802.1AS has one-step only for neighbours that have agreed to it, which is not done here";
        refuse(&["two_step", "sdo_id", "profile"], message, "two_step = true");
    }
}
