//! What there is to say of a reference clock.

use std::collections::BTreeMap;

use crate::config::{RefclockConfig, RefclockDevice};
use crate::observe::Level;
use crate::refclock::{ClockCounter, ClockState};
use crate::runtime::phcs::words;
use crate::runtime::refclock::{RefclockReport, vmclock_remedy};
use crate::sharing::CounterSet;
use crate::wire::vmclock::Smearing;

/// Of a pulse.
pub(super) const UNNUMBERED: &str =
    "no source says which second its pulses begin: one is needed that leaves 0.4 s open at most";

/// Of a clock that counts TAI.
pub(super) const WITHOUT_UTC: &str =
    "it counts TAI (scale), and what UTC is to that nobody says: a list of leap seconds does (clock.leap_file), or PTP";

/// What has changed and is worth a line.
pub(super) fn news(
    config: &RefclockConfig,
    before: Option<&RefclockReport>,
    report: &RefclockReport,
) -> Option<(Level, String)> {
    let absent_before = before.and_then(|before| before.absent);
    if report.absent.is_some() && absent_before != report.absent {
        return Some((Level::Warn, why_silent(config, report)));
    }
    let state_before = before.map_or(ClockState::Waiting, |before| before.state);
    match (state_before, report.state) {
        (ClockState::Waiting | ClockState::Silent, ClockState::Delivering) => {
            Some((Level::Info, "it gives samples".to_owned()))
        }
        (ClockState::Delivering, ClockState::Silent) => Some((Level::Warn, why_silent(config, report))),
        _ => None,
    }
}

/// What it says of the clocks around it, if it says something else than before.
pub(super) fn hint(before: Option<&RefclockReport>, report: &RefclockReport) -> Option<(Level, String)> {
    let smearing_before = before.map_or(Smearing::Strict, |before| before.smearing);
    let how = match report.smearing {
        _ if report.smearing == smearing_before => return None,
        Smearing::Strict => {
            return Some((Level::Info, "it no longer says that clocks near it smear leap seconds".to_owned()));
        }
        Smearing::NoonLinear => "from noon to noon",
        Smearing::UtcSls => "over the last 1000 s of the day",
        Smearing::Other(_) => "in a way that is not known",
    };
    let text = format!(
        "it says that clocks near it smear leap seconds, {how}: NTP servers of this provider may, and then disagree with it by up to a second on such a day"
    );
    Some((Level::Info, text))
}

/// Why nothing is known of its time.
pub(super) fn why_silent(config: &RefclockConfig, report: &RefclockReport) -> String {
    if let Some(errno) = report.absent {
        return format!("{} cannot be opened ({}){}", device(config), words(errno.into()), remedy(config, errno));
    }
    match (report.refused, report.state) {
        (Some(refused), _) => refused.words().to_owned(),
        (None, ClockState::Waiting) => format!("{}: nothing comes{}", device(config), who_writes(config)),
        (None, ClockState::Silent) => "it gives no samples any more".to_owned(),
        (None, ClockState::Delivering) => {
            "it contradicts itself (precision: how far off is a sample?), or leaves too much open (max_distance)"
                .to_owned()
        }
    }
}

/// Where it stands.
pub(super) const fn state_word(report: &RefclockReport) -> &'static str {
    match (report.absent, report.state) {
        (Some(_), _) => "absent",
        (None, ClockState::Waiting) => "waiting",
        (None, ClockState::Delivering) => "delivering",
        (None, ClockState::Silent) => "silent",
    }
}

/// What was counted, without zeros.
pub(super) fn counts(report: &RefclockReport) -> BTreeMap<String, u64> {
    let all = ClockCounter::ALL.iter().zip(report.counts);
    all.filter(|(_, count)| *count > 0).map(|(what, count)| (what.name().to_owned(), u64::from(count))).collect()
}

fn device(config: &RefclockConfig) -> String {
    match &config.device {
        RefclockDevice::Shm { unit } => format!("shared memory segment 0x{:x}", 0x4e54_5030 + u32::from(*unit)),
        RefclockDevice::Sock { path } => format!("socket {}", path.display()),
        RefclockDevice::Gpsd { address, .. } => format!("gpsd at {address}"),
        RefclockDevice::Pps { path, .. } => path.display().to_string(),
        RefclockDevice::Extts { clock, channel, .. } => format!("input {channel} of {clock}"),
        RefclockDevice::Phc { name } => format!("hardware clock {name:?}"),
        RefclockDevice::VmClock { path } => format!("the hypervisor's page of time {}", path.display()),
    }
}

fn who_writes(config: &RefclockConfig) -> &'static str {
    match config.device {
        RefclockDevice::Shm { .. } => " (`ipcs -m` shows the segments, ntpshmmon what is written there)",
        RefclockDevice::Sock { .. } => " (whoever sends samples looks for the socket when he starts)",
        RefclockDevice::Gpsd { .. } => " (`gpsmon` shows what it hears; TOFF and PPS are its times)",
        RefclockDevice::Pps { .. } => " (`ppstest` shows the pulses: is the other edge the one?)",
        RefclockDevice::Extts { .. } => {
            " (is it the right pin, the other edge, the wire? No other program may read the card's external stamps)"
        }
        RefclockDevice::Phc { .. } | RefclockDevice::VmClock { .. } => "",
    }
}

fn remedy(config: &RefclockConfig, errno: i32) -> &'static str {
    match (&config.device, errno) {
        (RefclockDevice::Shm { .. }, nix::libc::ENOENT) => ": whoever writes there makes it; gpsd does when it starts",
        (RefclockDevice::Shm { .. }, nix::libc::EACCES) => {
            ": units 0 and 1 of gpsd are root's; run as root, or take a unit from 2 on"
        }
        (RefclockDevice::Pps { .. }, nix::libc::EPERM | nix::libc::EACCES) => {
            ": run as root, or give this user the device; to have an edge stamped that is not yet needs CAP_SYS_TIME"
        }
        (RefclockDevice::Extts { .. }, nix::libc::EOPNOTSUPP) => {
            ": the card has no such input, or cannot stamp its edges; `synchronome phc list` shows how many inputs there are"
        }
        (RefclockDevice::Extts { .. }, nix::libc::ENXIO) => {
            ": no pin of the card is this input; name one with `pin`: /sys/class/ptp/ptp*/pins shows them"
        }
        (RefclockDevice::Extts { .. }, nix::libc::EACCES) => {
            ": to use a card's input takes the right to write to /dev/ptp*"
        }
        (RefclockDevice::Phc { .. } | RefclockDevice::Extts { .. }, nix::libc::ENODEV) => {
            ": `synchronome phc list` shows the names that there are"
        }
        (RefclockDevice::VmClock { .. }, errno) => vmclock_remedy(errno),
        (RefclockDevice::Gpsd { .. }, nix::libc::ECONNREFUSED) => ": gpsd does not run, or listens elsewhere",
        (RefclockDevice::Sock { .. }, nix::libc::EEXIST) => ": something that is no socket is in its place",
        _ => "",
    }
}
