//! What is the matter with the configuration: by itself, on this machine, and with what it asks for.

use super::checks::{CONFIG, CONFIG_MACHINE, Finding, LEAP_SMEAR, SOURCES_ENOUGH};
use crate::cli::check::{Machine, lacks};
use crate::config::{Config, ConfigErrors, NtpSourceConfig};

/// As many sources find out one that lies.
const SOURCES_MIN: usize = 3;
/// Who smears leap seconds, by their own documentation.
const SMEARING: [&str; 15] = [
    "time.google.com",
    "time1.google.com",
    "time2.google.com",
    "time3.google.com",
    "time4.google.com",
    "metadata.google.internal",
    "time.aws.com",
    "169.254.169.123",
    "fd00:ec2::123",
    "time.facebook.com",
    "time1.facebook.com",
    "time2.facebook.com",
    "time3.facebook.com",
    "time4.facebook.com",
    "time5.facebook.com",
];

/// What is found of a file that was read, or could not be.
pub fn findings(loaded: Result<&Config, &ConfigErrors>, machine: &Machine) -> Vec<Finding> {
    let config = match loaded {
        Ok(config) => config,
        Err(errors) => {
            let fault = |error: &crate::config::ConfigError| {
                let place = error.place.as_ref().map_or(String::new(), |place| format!(":{}", place.line));
                let value = format!("{}{place}: {}", errors.file, error.message);
                CONFIG.fail(value, "The daemon does not start with it.").of(error.path.clone())
            };
            return errors.errors.iter().map(fault).collect();
        }
    };
    let mut found = vec![CONFIG.ok("no error")];
    let lacking = lacks(config, machine);
    found.extend(lacking.into_iter().map(|warning| {
        let message = "The daemon waits for it, or does without.";
        CONFIG_MACHINE.warn(warning.message, message).of(warning.path).remedy(warning.remedy)
    }));
    if found.len() == 1 {
        found.push(CONFIG_MACHINE.ok("this machine has all that it names"));
    }
    found.push(sources_enough(config));
    found.push(leap_smear(config));
    found
}

/// Those that have a vote.
fn sources_enough(config: &Config) -> Finding {
    let voting = config.ntp_sources.iter().filter(|source| !source.options.noselect);
    let servers = voting.map(|source| usize::from(source.pool)).sum::<usize>();
    let voting = config.refclocks.iter().filter(|clock| !clock.options.noselect);
    let clocks = voting.filter(|clock| !clock.device.is_pulse()).count();
    let all = config.source_ports().count() + servers + clocks;
    match all {
        0 => SOURCES_ENOUGH.fail("none", "Nobody says what time it is."),
        1 => SOURCES_ENOUGH.warn("1", "If it is wrong nobody sees it."),
        _ if all < SOURCES_MIN => {
            SOURCES_ENOUGH.warn(all.to_string(), "If they contradict each other there is no majority.")
        }
        _ => SOURCES_ENOUGH.ok(all.to_string()),
    }
}

/// By what is known of names; what a server says of itself is seen while it smears.
fn leap_smear(config: &Config) -> Finding {
    let is_smearing = |source: &&NtpSourceConfig| {
        let host = source.host.trim_end_matches('.').to_ascii_lowercase();
        SMEARING.contains(&host.as_str())
    };
    let named = |sources: Vec<&NtpSourceConfig>| {
        sources.iter().map(|source| source.host.clone()).collect::<Vec<_>>().join(", ")
    };
    let (smearing, honest): (Vec<_>, Vec<_>) = config.ntp_sources.iter().partition(is_smearing);
    let mut others = vec![named(honest)];
    others.retain(|names| !names.is_empty());
    others.extend(config.source_ports().map(|(_, port)| format!("PTP on {}", port.interface)));
    others.extend(config.refclocks.iter().map(|clock| clock.name.clone()));
    if smearing.is_empty() || others.is_empty() {
        return LEAP_SMEAR.ok(if smearing.is_empty() { "none is known to" } else { "all do" });
    }
    let value = format!("{} smear, beside {}", named(smearing), others.join(", "));
    LEAP_SMEAR.warn(value, "Around a leap second they contradict each other.")
}
