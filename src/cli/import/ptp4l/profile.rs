//! Which PTP profile a port's settings are those of.

use super::super::document::{Document, Line, SectionId};
use crate::config::profile::find;
use crate::config::{Value, load};

/// What is said beside the options of the section.
pub struct Said<'l> {
    /// That Follow_Up has the information of IEEE 802.1AS.
    pub follow_up_info: Option<&'l Line>,
    /// That the C37.238 TLV of 2017 is sent.
    pub is_power: bool,
    /// That event messages are marked as AES67 wants it: DSCP 46.
    pub is_expedited: bool,
}

/// Names the profile, and writes what ptp4l has otherwise: its defaults are those of our option table.
pub fn detect(document: &mut Document, section: SectionId, said: &Said<'_>) {
    let Said { follow_up_info, is_power, is_expedited } = *said;
    let is = |name: &str, word: &'static str| document.value_in(section, name) == Some(&Value::Word(word));
    let is_log = |name: &str, log: i64| document.value_in(section, name) == Some(&Value::Integer(log));
    let is_default = |name: &str, log: i64| document.value_in(section, name).is_none() || is_log(name, log);
    let is_ethernet = is("transport", "ethernet");
    let is_p2p = is("delay", "p2p");
    let is_gptp = document.value_in(section, "sdo_id") == Some(&Value::Integer(0x100));
    let is_fixed = document.value_in(section, "static_role") == Some(&Value::Switch(true));
    let is_unicast =
        ["unicast_masters", "unicast_clients"].iter().any(|name| document.value_in(section, name).is_some());
    let is_hybrid = document.value_in(section, "hybrid") == Some(&Value::Switch(true));
    let is_power = is_power || is_log("domain", 254) && is_log("announce_interval", 0);
    let word = if is_ethernet && is_p2p && is_power {
        "c37.238"
    } else if is_ethernet && is_p2p && (is_gptp || follow_up_info.is_some()) {
        if is_fixed { "automotive" } else { "gptp" }
    } else if is("comparison", "g8275") && is_ethernet {
        "g8275.1"
    } else if is("comparison", "g8275") && is_unicast {
        "g8275.2"
    } else if is_ethernet && is_p2p && is_log("announce_interval", 0) && is_default("sync_interval", 0) {
        "iec61850-9-3"
    } else if is_ethernet || is_p2p || is_unicast {
        return;
    } else if is_hybrid && is_log("announce_interval", 0) {
        "enterprise"
    } else if is_log("domain", 127) && is_log("announce_interval", -2) && is_log("sync_interval", -3) {
        "smpte2059-2"
    } else if is_expedited && is_default("announce_interval", 1) && is_log("sync_interval", -3) {
        "aes67"
    } else {
        return;
    };
    if matches!(word, "gptp" | "automotive") {
        document.set_in(section, "as_capable", Value::Switch(follow_up_info.is_some()), follow_up_info);
    }
    let Some(profile) = find(word) else { return };
    document.set_in(section, "profile", Value::Word(profile.word), None);
    let plain = load("[[ptp]]\ninterface = \"eth0\"\n", "defaults").expect("a good configuration");
    // ptp4l heeds requests for other intervals whatever it is told.
    for (name, _) in profile.presets.iter().filter(|(name, _)| *name != "interval_requests") {
        let default = plain.origins.iter().find(|setting| setting.option.path.strip_prefix("ptp.") == Some(name));
        if document.value_in(section, name).is_none()
            && let Some(value) = default.and_then(|setting| setting.value.clone())
        {
            document.set_in(section, name, value, None);
        }
    }
}
