//! PTP profiles: what the options of a `[[ptp]]` are where the file names a profile and not the option itself.

use toml::de::DeValue;

use super::options::OptionSpec;
use super::value::{self, Value};

/// A PTP profile (IEEE 1588-2019 20.3): a name for many options at once.
#[derive(Debug)]
pub struct Profile {
    /// The word of `ptp.profile`.
    pub word: &'static str,
    /// What it is, and who says so.
    pub title: &'static str,
    /// Options of `[[ptp]]` with their values as TOML, where they differ from the option table's defaults.
    pub presets: &'static [(&'static str, &'static str)],
}

/// All that this version knows.
pub const PROFILES: &[Profile] = &[
    Profile {
        word: "default-e2e",
        title: "the default profile with delay requests to the master (IEEE 1588-2019 I.3)",
        presets: &[],
    },
    Profile {
        word: "default-p2p",
        title: "the default profile with the peer delay mechanism (IEEE 1588-2019 I.4)",
        presets: &[("delay", "\"p2p\"")],
    },
    Profile {
        word: "gptp",
        title: "generalized PTP (IEEE 802.1AS-2020, one domain)",
        presets: &[
            ("sdo_id", "256"),
            ("transport", "\"ethernet\""),
            ("ethernet_group", "\"link\""),
            ("delay", "\"p2p\""),
            ("neighbor_delay_max", "\"800ns\""),
            ("as_capable", "true"),
            ("announce_interval", "0"),
            ("sync_interval", "-3"),
            ("path_trace", "true"),
            ("interval_requests", "true"),
            ("gptp_capable", "\"tell\""),
        ],
    },
    Profile {
        word: "g8275.1",
        title: "telecom with timing support of the whole network (ITU-T G.8275.1)",
        presets: &[
            ("domain", "24"),
            ("transport", "\"ethernet\""),
            ("comparison", "\"g8275\""),
            ("announce_interval", "-3"),
            ("sync_interval", "-4"),
            ("delay_req_interval", "-4"),
        ],
    },
    Profile {
        word: "g8275.2",
        title: "telecom by unicast (ITU-T G.8275.2)",
        presets: &[
            ("domain", "44"),
            ("comparison", "\"g8275\""),
            ("announce_interval", "0"),
            ("sync_interval", "-4"),
            ("delay_req_interval", "-4"),
        ],
    },
    Profile {
        word: "g8265.1",
        title: "telecom, the frequency by unicast (ITU-T G.8265.1)",
        presets: &[
            ("domain", "4"),
            ("arb_timescale", "\"refuse\""),
            ("comparison", "\"g8265\""),
            ("wait_to_restore", "\"300s\""),
            ("sync_interval", "-4"),
            ("delay_req_interval", "-4"),
        ],
    },
    Profile {
        word: "iec61850-9-3",
        title: "power utility automation (IEC/IEEE 61850-9-3)",
        presets: &[("transport", "\"ethernet\""), ("delay", "\"p2p\""), ("announce_interval", "0")],
    },
    Profile {
        word: "c37.238",
        title: "power systems (IEEE C37.238-2017)",
        presets: &[
            ("domain", "254"),
            ("transport", "\"ethernet\""),
            ("delay", "\"p2p\""),
            ("announce_interval", "0"),
            ("power_tlv", "true"),
        ],
    },
    Profile {
        word: "enterprise",
        title: "enterprise networks (RFC 9760)",
        presets: &[("hybrid", "true"), ("announce_interval", "0")],
    },
    Profile {
        word: "smpte2059-2",
        title: "broadcast (SMPTE ST 2059-2)",
        presets: &[
            ("domain", "127"),
            ("announce_interval", "-2"),
            ("sync_interval", "-3"),
            ("delay_req_interval", "-3"),
        ],
    },
    Profile {
        word: "aes67",
        title: "the media profile of audio over IP (AES67 annex A)",
        presets: &[("sync_interval", "-3"), ("dscp_event", "46"), ("dscp_general", "46")],
    },
    Profile {
        word: "automotive",
        title: "802.1AS in a car, with fixed roles (Avnu Alliance, automotive profile)",
        presets: &[
            ("sdo_id", "256"),
            ("transport", "\"ethernet\""),
            ("ethernet_group", "\"link\""),
            ("delay", "\"p2p\""),
            ("neighbor_delay_max", "\"800ns\""),
            ("sync_interval", "-3"),
            ("static_role", "true"),
            ("interval_requests", "true"),
            ("oper_sync_interval", "0"),
            ("oper_pdelay_req_interval", "2"),
        ],
    },
];

/// The profile of this word.
pub fn find(word: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|profile| profile.word == word)
}

impl Profile {
    /// What it makes of an option of `[[ptp]]`, if it says anything of it.
    pub fn preset(&self, option: &OptionSpec) -> Option<Value> {
        let name = option.path.strip_prefix("ptp.")?;
        let (_, text) = self.presets.iter().find(|(preset, _)| *preset == name)?;
        let parsed = DeValue::parse(text).unwrap_or_else(|error| panic!("{name} of {}: {error}", self.word));
        Some(value::check(option, &parsed).unwrap_or_else(|problems| panic!("{name} of {}: {problems:?}", self.word)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::options::{DAEMON, Default};

    #[test]
    fn each_preset_is_a_value_of_its_option_and_not_its_default_anyway() {
        for profile in PROFILES {
            for (name, text) in profile.presets {
                let option = DAEMON.find(&format!("ptp.{name}")).unwrap_or_else(|| panic!("{}: {name}", profile.word));
                assert!(profile.preset(option).is_some(), "{}: {name}", profile.word);
                assert!(
                    !matches!(option.default, Default::Toml(default) if default == *text),
                    "{}: {name}",
                    profile.word
                );
            }
        }
    }
}
