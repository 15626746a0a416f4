//! `[[refclock]]`: each kind has its own key for the device, and those of others say nothing of it.

use std::ops::Range;
use std::path::PathBuf;

use super::super::error::{ConfigError, Fault, Source};
use super::super::options::{DAEMON, OPTIONS};
use super::super::read::Reader;
use super::super::resolved::{RefclockConfig, RefclockDevice};
use super::super::walk::Checked;
use crate::discipline::helm::{SourceKind, SourceOptions};
use crate::time::LogInterval;

/// The longest poll interval with a PI servo, which pairs messages that are less than 8 s apart.
const PI_POLL_MAX: i64 = 2;
/// The keys that are of some kinds only.
const KEYS: &[(&str, &[&str])] = &[
    ("unit", &["shm"]),
    ("path", &["sock", "pps", "vmclock"]),
    ("address", &["gpsd"]),
    ("device", &["gpsd"]),
    ("phc", &["pps"]),
    ("pin", &["pps"]),
    ("channel", &["pps"]),
    ("edge", &["pps"]),
    ("lock", &["pps"]),
    ("clock", &["phc"]),
    ("scale", &["shm", "sock", "phc"]),
];
/// What a kind cannot do without, and what to write.
const NEEDED: &[(&str, &str, &str)] = &[
    ("sock", "path", "path = \"/run/chrony.ttyS0.sock\" is where gpsd looks for it"),
    ("phc", "clock", "`synchronome phc list` shows them; clock = \"KVM virtual PTP\" is the host's of a guest of KVM"),
];

pub(super) fn refclock(read: &Reader<'_>, section: &str) -> RefclockConfig {
    let switch = |name| read.switch(section, name);
    let text = |name| read.value(section, name).map(|_| read.text(section, name));
    let device = device(read, section);
    let (name, reference_id) = match &device {
        RefclockDevice::Shm { unit } => (format!("SHM {unit}"), format!("SHM{unit}")),
        RefclockDevice::Sock { path } => (format!("SOCK {}", path.display()), "SOCK".to_owned()),
        RefclockDevice::Gpsd { address, device } => {
            (format!("gpsd {}", device.clone().unwrap_or_else(|| address.to_string())), "GPSD".to_owned())
        }
        RefclockDevice::Pps { path, .. } => (format!("PPS {}", path.display()), "PPS".to_owned()),
        RefclockDevice::Extts { clock, .. } => (format!("PPS {clock}"), "PPS".to_owned()),
        RefclockDevice::Phc { name } => (format!("PHC {name}"), "PHC".to_owned()),
        RefclockDevice::VmClock { path } => (format!("vmclock {}", path.display()), "VMC".to_owned()),
    };
    let kind = if device.is_pulse() { SourceKind::Pulse } else { SourceKind::Refclock };
    RefclockConfig {
        device,
        name: text("name").unwrap_or(name),
        poll: LogInterval::new(read.integer(section, "poll") as i8),
        samples: read.integer(section, "samples") as u8,
        offset: read.duration(section, "offset"),
        delay: read.duration(section, "delay"),
        precision: read.value(section, "precision").map(|_| read.duration(section, "precision")),
        is_tai: read.word(section, "scale") == "tai",
        lock: text("lock"),
        stratum: read.integer(section, "stratum") as u8,
        reference_id: four_octets(&text("refid").unwrap_or(reference_id)),
        options: SourceOptions {
            prefer: switch("prefer"),
            trust: switch("trust"),
            require: switch("require"),
            noselect: switch("noselect"),
            max_distance: read.duration(section, "max_distance"),
            ..SourceOptions::of(kind)
        },
    }
}

/// A key that is missing was complained about by [`conflicts`].
fn device(read: &Reader<'_>, section: &str) -> RefclockDevice {
    let text = |name| read.value(section, name).map(|_| read.text(section, name));
    match read.word(section, "kind") {
        "sock" => RefclockDevice::Sock { path: PathBuf::from(text("path").unwrap_or_default()) },
        "gpsd" => RefclockDevice::Gpsd { address: read.address(section, "address"), device: text("device") },
        "pps" if read.span(section, "phc").is_some() => RefclockDevice::Extts {
            clock: read.text(section, "phc"),
            pin: text("pin"),
            channel: read.integer(section, "channel") as u8,
            is_clear: read.word(section, "edge") == "clear",
        },
        "pps" => RefclockDevice::Pps {
            path: PathBuf::from(text("path").unwrap_or_else(|| "/dev/pps0".to_owned())),
            is_clear: read.word(section, "edge") == "clear",
        },
        "phc" => RefclockDevice::Phc { name: text("clock").unwrap_or_default() },
        "vmclock" => {
            RefclockDevice::VmClock { path: PathBuf::from(text("path").unwrap_or_else(|| "/dev/vmclock0".to_owned())) }
        }
        _ => RefclockDevice::Shm { unit: read.integer(section, "unit") as u8 },
    }
}

/// The first four octets, filled up with zeros.
fn four_octets(text: &str) -> [u8; 4] {
    let mut octets = [0; 4];
    for (octet, byte) in octets.iter_mut().zip(text.bytes()) {
        *octet = byte;
    }
    octets
}

/// Keys that are missing, or say nothing of their kind; devices that are read twice.
pub(super) fn conflicts(source: &Source<'_>, checked: &Checked, errors: &mut Vec<ConfigError>) {
    let read = Reader::new(&DAEMON, checked);
    let mut conflict = |fault, path: String, span: &Range<usize>, message: String, suggestion: String| {
        let place = Some(source.place(span));
        errors.push(ConfigError { place, path, fault, message, allowed: None, suggestion: Some(suggestion) });
    };
    let headers = checked.repeated("refclock");
    for (index, header) in headers.iter().enumerate() {
        let section = format!("refclock[{index}]");
        let Some(kind) = read.span(&section, "kind").map(|_| read.word(&section, "kind")) else { continue };
        for (key, kinds) in KEYS {
            if let Some(span) = read.span(&section, key).filter(|_| !kinds.contains(&kind)) {
                let message = format!("a refclock of kind \"{kind}\" has no {key}");
                let suggestion = format!("{key} is of kind \"{}\"", kinds.join("\", \""));
                conflict(Fault::Conflict, format!("{section}.{key}"), &span, message, suggestion);
            }
        }
        let needed = NEEDED.iter().filter(|(of, key, _)| *of == kind && read.span(&section, key).is_none());
        for (_, key, suggestion) in needed {
            let message = format!("a refclock of kind \"{kind}\" needs its {key}");
            conflict(Fault::Missing, format!("{section}.{key}"), header, message, (*suggestion).to_owned());
        }
        if let Some(span) =
            read.span(&section, "path").filter(|_| kind == "pps" && read.span(&section, "phc").is_some())
        {
            let message = "a pulse comes by a device or by a card's input".to_owned();
            let suggestion = "remove path, or phc".to_owned();
            conflict(Fault::Conflict, format!("{section}.path"), &span, message, suggestion);
        }
        for key in ["pin", "channel"] {
            let lonely = |_: &Range<usize>| kind == "pps" && read.span(&section, "phc").is_none();
            if let Some(span) = read.span(&section, key).filter(lonely) {
                let message = format!("{key} is of a card's input, and no card is named");
                let suggestion = "phc = \"eth1\" names the card by an interface".to_owned();
                conflict(Fault::Conflict, format!("{section}.{key}"), &span, message, suggestion);
            }
        }
        if let Some(span) = read.span(&section, "lock") {
            let wanted = read.text(&section, "lock");
            let others = (0..headers.len()).filter(|other| *other != index).map(|other| format!("refclock[{other}]"));
            let names: Vec<_> = others.map(|other| refclock(&read, &other).name).collect();
            if !names.contains(&wanted) {
                let message = format!("no other [[refclock]] is called {wanted:?}");
                let suggestion = format!("there are: {}", names.join(", "));
                conflict(Fault::Conflict, format!("{section}.lock"), &span, message, suggestion);
            }
        }
        let interfaces = (0..checked.repeated("ptp").len()).map(|port| format!("ptp[{port}]"));
        let steered = interfaces.filter(|port| read.span(port, "interface").is_some());
        if let Some(span) = read.span(&section, "clock")
            && steered.into_iter().any(|port| read.text(&port, "interface") == read.text(&section, "clock"))
        {
            let message = "this clock is steered by a [[ptp]] port, and would be followed by itself".to_owned();
            let suggestion = "name a clock that somebody else keeps right".to_owned();
            conflict(Fault::Conflict, format!("{section}.clock"), &span, message, suggestion);
        }
        let poll = read.integer(&section, "poll");
        if poll > PI_POLL_MAX && read.word("servo", "kind") == "pi" {
            let span = read.span(&section, "poll").unwrap_or_else(|| header.clone());
            let message = format!("the servo \"pi\" needs a measurement each {} s", 1 << PI_POLL_MAX);
            conflict(Fault::Conflict, format!("{section}.poll"), &span, message, format!("poll = {PI_POLL_MAX}"));
        }
        let twin = (0..index).find(|other| is_same_device(&read, &section, &format!("refclock[{other}]")));
        if let Some(other) = twin {
            let message = format!("the same device as the [[refclock]] in line {}", source.line(headers[other].start));
            conflict(Fault::Conflict, section, header, message, "remove one of them".to_owned());
        }
    }
}

fn is_same_device(read: &Reader<'_>, one: &str, other: &str) -> bool {
    let is_good = |section: &str| read.span(section, "kind").is_some();
    let is_named = |section: &str| read.word(section, "kind") != "phc" || read.span(section, "clock").is_some();
    if !(is_good(one) && is_good(other) && is_named(one)) {
        return false;
    }
    match (device(read, one), device(read, other)) {
        // Who reads the stamps of one channel takes away those of the other, before Linux 6.7.
        (RefclockDevice::Extts { clock: one, .. }, RefclockDevice::Extts { clock: other, .. }) => one == other,
        (one, other) => one == other,
    }
}

/// Whether an option says something of the refclock in this section: the keys of other kinds do not.
pub(super) fn applies(read: &Reader<'_>, section: &str, name: &str) -> bool {
    debug_assert!(OPTIONS.iter().any(|option| option.path.strip_prefix("refclock.") == Some(name)));
    if read.word(section, "kind") == "pps" {
        let is_card = read.span(section, "phc").is_some();
        match name {
            "path" => return !is_card,
            "pin" | "channel" => return is_card,
            _ => {}
        }
    }
    let kinds = KEYS.iter().find(|(key, _)| *key == name).map(|(_, kinds)| *kinds);
    kinds.is_none_or(|kinds| kinds.contains(&read.word(section, "kind")))
}
