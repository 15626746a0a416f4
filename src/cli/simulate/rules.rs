//! The rules between the keys of a scenario: what needs what, what can happen to whom, and what a run has room for.

use std::collections::BTreeSet;
use std::ops::Range;

use super::keys::SCENARIO;
use super::scenario::{day_of, maybe_duration, maybe_float, maybe_integer, maybe_text, maybe_word};
use super::segments::{self, members_of, names_of};
use crate::config::{Checked, ConfigError, Fault, Reader, Source, Value};
use crate::discipline::helm::HELM_SOURCES_MAX;
use crate::observe::rfc3339;
use crate::ptp::UNICAST_MASTERS_MAX;
use crate::sim::{EVENTS_MAX, HELD_MAX, SAMPLES_MAX};
use crate::time::{Duration, LogInterval};

/// The keys that an event of each kind must have, and to whom it can happen.
const EVENT_RULES: &[(&str, &[&str], Whom)] = &[
    ("link_down", &[], Whom::Anybody),
    ("names_gone", &[], Whom::Host),
    ("path", &[], Whom::Source),
    ("block", &[], Whom::Asked),
    ("master_step", &["by"], Whom::Master),
    ("server_step", &["by"], Whom::Server),
    ("source_lost", &[], Whom::Server),
    ("announce", &[], Whom::Master),
    ("stall", &["for"], Whom::Host),
    ("set_clock", &["by"], Whom::Host),
    ("set_frequency", &["frequency"], Whom::Host),
    ("phc_jump", &["by"], Whom::Host),
    ("phc_reset", &[], Whom::Host),
    ("nic", &[], Whom::Host),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Whom {
    Anybody,
    Master,
    /// A master, or a host that others ask.
    Asked,
    Server,
    /// A master, a server, or a host that others ask.
    Source,
    Host,
}

/// The rules between keys.
pub(super) fn conflicts(source: &Source<'_>, checked: &Checked) -> Vec<ConfigError> {
    let read = Reader::new(&SCENARIO, checked);
    let mut errors = Vec::new();
    let mut tell = |path: String, span: Option<&Range<usize>>, fault, message: String, suggestion: String| {
        let place = span.map(|span| source.place(span));
        errors.push(ConfigError { place, path, fault, message, allowed: None, suggestion: Some(suggestion) });
    };
    for name in ["about", "duration"] {
        if !checked.is_set(name) {
            let example = if name == "about" { "\"...\"" } else { "\"30min\"" };
            let (message, suggestion) = (format!("`{name}` is missing"), format!("add `{name} = {example}`"));
            tell(name.to_owned(), None, Fault::Missing, message, suggestion);
        }
    }
    let has_receiver =
        (0..checked.repeated("host").len()).any(|index| read.switch(&format!("host[{index}]"), "receiver"));
    for section in ["master", "host"] {
        let is_replaced = section == "master" && (!checked.repeated("ntp").is_empty() || has_receiver);
        if checked.repeated(section).is_empty() && !is_replaced {
            let message = format!("there is no {section}");
            tell(section.to_owned(), None, Fault::Missing, message, format!("add a [[{section}]]"));
        }
    }
    if let Some(header) = checked.repeated("ntp").get(HELM_SOURCES_MAX - 1) {
        let message = format!("a host has {HELM_SOURCES_MAX} sources at most, its port among them");
        let suggestion = format!("take {} servers", HELM_SOURCES_MAX - 1);
        tell("ntp".to_owned(), Some(header), Fault::Conflict, message, suggestion);
    }
    let servers = 0..checked.repeated("ntp").len();
    let behind = |index: usize| maybe_text(&read, &format!("ntp[{index}]"), "behind");
    for index in servers.clone() {
        let Some(name) = behind(index) else { continue };
        let is_it = |other: usize| {
            let section = format!("ntp[{other}]");
            maybe_text(&read, &section, "name").as_ref() == Some(&name) && read.switch(&section, "by_name")
        };
        let is_last = (index..servers.end).all(|other| behind(other).is_some());
        if !is_last || !(0..index).any(|other| is_it(other) && behind(other).is_none()) {
            let section = format!("ntp[{index}]");
            let span = read.span(&section, "behind");
            let message = format!("{name:?} is no server with by_name before all that stand behind one");
            let suggestion = "give that by_name = true, and put this one after all others".to_owned();
            tell(format!("{section}.behind"), span.as_ref(), Fault::Conflict, message, suggestion);
        }
    }
    let count = |path: &str, section: &str| {
        let count = if section == "host" { maybe_integer(&read, path, "count") } else { None };
        count.map_or(1, |count| count.unsigned_abs() as usize)
    };
    let mut names: Vec<(String, &str)> = Vec::new();
    let mut seen = BTreeSet::new();
    for section in ["master", "host", "ntp"] {
        for index in 0..checked.repeated(section).len() {
            let path = format!("{section}[{index}]");
            let Some(Value::Text(name)) = read.value(&path, "name") else { continue };
            for name in names_of(&name, count(&path, section)) {
                if !seen.insert(name.clone()) {
                    let span = read.span(&path, "name");
                    let message = format!("{name:?} is a name already");
                    let at = format!("{path}.name");
                    tell(at, span.as_ref(), Fault::Conflict, message, "give it another name".to_owned());
                }
                names.push((name, section));
            }
        }
    }
    let asks = |index: usize| maybe_text(&read, &format!("host[{index}]"), "asks").map(|text| members_of(&text));
    let mut asked = BTreeSet::new();
    for (index, whom) in (0..checked.repeated("host").len()).filter_map(|index| Some((index, asks(index)?))) {
        let section = format!("host[{index}]");
        let own = maybe_text(&read, &section, "name").map(|name| names_of(&name, count(&section, "host")));
        let is_host = |name: &String| names.iter().any(|(known, section)| known == name && *section == "host");
        let cannot = whom.iter().find(|name| !is_host(name) || own.as_ref().is_some_and(|own| own.contains(name)));
        if let Some(wrong) =
            cannot.cloned().or_else(|| (whom.len() > UNICAST_MASTERS_MAX).then(|| "so many".to_owned()))
        {
            let span = read.span(&section, "asks");
            let message = format!("{wrong:?} cannot be asked");
            let suggestion = format!("name other hosts, {UNICAST_MASTERS_MAX} at most");
            tell(format!("{section}.asks"), span.as_ref(), Fault::Conflict, message, suggestion);
        }
        asked.extend(whom);
    }
    let duration = maybe_duration(&read, "", "duration");
    for index in 0..checked.repeated("event").len() {
        let section = format!("event[{index}]");
        let header = &checked.repeated("event")[index];
        if let (Some(at), Some(duration)) = (maybe_duration(&read, &section, "at"), duration)
            && at > duration
        {
            let span = read.span(&section, "at");
            let suggestion = "make the run longer, or let it happen earlier".to_owned();
            let message = "after the end of the run".to_owned();
            tell(format!("{section}.at"), span.as_ref(), Fault::Conflict, message, suggestion);
        }
        let Some(rule) =
            maybe_word(&read, &section, "what").and_then(|what| EVENT_RULES.iter().find(|(name, ..)| *name == what))
        else {
            continue;
        };
        for key in rule.1 {
            if !checked.is_set(&format!("{section}.{key}")) {
                let message = format!("{:?} needs `{key}`", rule.0);
                tell(section.clone(), Some(header), Fault::Missing, message, format!("add `{key} = \"...\"`"));
            }
        }
        let Some(who) = maybe_text(&read, &section, "who") else { continue };
        let span = read.span(&section, "who");
        let fits = |name: &String, section: &str| match rule.2 {
            Whom::Anybody => true,
            Whom::Master => section == "master",
            Whom::Server => section == "ntp",
            Whom::Source => section != "host" || asked.contains(name),
            Whom::Asked => section == "master" || asked.contains(name),
            Whom::Host => section == "host",
        };
        let possible: Vec<_> =
            names.iter().filter(|(name, section)| fits(name, section)).map(|(name, _)| name).collect();
        if !possible.contains(&&who) {
            let all: Vec<_> = possible.iter().map(|name| format!("{name:?}")).collect();
            let message = format!("{:?} cannot happen to {who:?}", rule.0);
            let suggestion = format!("it can to {}", all.join(", "));
            tell(format!("{section}.who"), span.as_ref(), Fault::Conflict, message, suggestion);
        }
    }
    for index in 0..checked.repeated("window").len() {
        let section = format!("window[{index}]");
        let (Some(duration), Some(from)) = (duration, maybe_duration(&read, &section, "from")) else { continue };
        let until = maybe_duration(&read, &section, "until").unwrap_or(duration);
        if from >= until || until > duration {
            let span = read.span(&section, "from").unwrap_or(checked.repeated("window")[index].clone());
            let message = "not a part of the run".to_owned();
            let suggestion = "from must be before until, and until not after the end of the run".to_owned();
            tell(section, Some(&span), Fault::Conflict, message, suggestion);
        }
    }
    if let (Some(duration), Some(sample)) = (duration, maybe_duration(&read, "", "sample"))
        && duration.as_secs_f64() > sample.as_secs_f64() * SAMPLES_MAX as f64
    {
        let span = read.span("", "sample").or(read.span("", "duration"));
        let message = format!("{duration} has more than {SAMPLES_MAX} samples, and no more are kept");
        let millis = (duration.as_secs_f64() * 1e3 / SAMPLES_MAX as f64).ceil();
        tell(
            "sample".to_owned(),
            span.as_ref(),
            Fault::Conflict,
            message,
            format!("sample = \"{millis}ms\" is enough"),
        );
    }
    if let Some(date) = maybe_text(&read, "", "date") {
        let has_leap = maybe_word(&read, "", "leap").is_some_and(|leap| leap != "none");
        let next_day = day_of(&date).map(|day| rfc3339(day + Duration::from_secs(86_400)));
        let wrong = match next_day {
            None => Some(("no such day", "YYYY-MM-DD")),
            Some(next) if has_leap && next.get(8..10) != Some("01") => {
                Some(("leap seconds are made at the end of a month", "take the last day of one"))
            }
            Some(_) => None,
        };
        if let Some((message, suggestion)) = wrong {
            let span = read.span("", "date");
            tell("date".to_owned(), span.as_ref(), Fault::Conflict, message.to_owned(), suggestion.to_owned());
        }
    }
    let (under_way, room) = (under_way(&read), EVENTS_MAX as f64);
    if 2.0 * under_way > room {
        let message = format!("some {under_way:.0} messages would be under way at once, and {room:.0} are too many");
        let suggestion = "take fewer hosts, shorter delays or a longer sync_interval".to_owned();
        tell("master".to_owned(), None, Fault::Conflict, message, suggestion);
    }
    errors.extend(segments::conflicts(source, checked, &names));
    errors
}

/// How many messages and stamps wait at once, about: what leaves in a second times how long it takes.
///
/// All is multicast. Every master hears every Delay_Req, and every host every Delay_Resp.
fn under_way(read: &Reader<'_>) -> f64 {
    let count = |section: &str| read.checked().repeated(section).len();
    let all = |section: &'static str| (0..count(section)).map(move |index| format!("{section}[{index}]"));
    let interval = |section: &str, name: &str| LogInterval::new(read.integer(section, name) as i8).duration();
    let a_second = |section: &str, name: &str| 1.0 / interval(section, name).as_secs_f64();
    let hosts: f64 = all("host").map(|host| read.integer(&host, "count") as f64).sum();
    let requests = hosts * all("master").map(|master| a_second(&master, "sync_interval")).fold(0.0, f64::max);
    let of_masters = all("master").map(|master| {
        let syncs = a_second(&master, "sync_interval") * if read.switch(&master, "two_step") { 2.0 } else { 1.0 };
        let there = hosts * (syncs + a_second(&master, "announce_interval") + requests);
        let copies = 1.0 + read.float(&format!("{master}.path"), "duplication");
        let replay = maybe_duration(read, &format!("{master}.path"), "replay").unwrap_or(Duration::ZERO);
        (there + requests) * copies * delay_s(read, &master) + there * replay.as_secs_f64()
    });
    let of_stamps = all("host").map(|host| {
        let nic = format!("{host}.nic");
        let takes = read.duration(&nic, "tx_latency") + read.duration(&nic, "tx_late_by");
        requests / hosts * takes.as_secs_f64()
    });
    let is_stall = |event: &String| maybe_word(read, event, "what") == Some("stall");
    let held = if all("event").any(|event| is_stall(&event)) { hosts * HELD_MAX as f64 } else { 0.0 };
    of_masters.sum::<f64>() + of_stamps.sum::<f64>() + held
}

/// What a message takes to or from a master, generously, whatever happens to the path.
fn delay_s(read: &Reader<'_>, master: &str) -> f64 {
    let (path, back) = (format!("{master}.path"), format!("{master}.back"));
    let seconds = |name| read.duration(&path, name).as_secs_f64();
    let back_jitter = maybe_duration(read, &back, "jitter").map_or(0.0, Duration::as_secs_f64);
    let burst = if read.span(&path, "burst_every").is_some() { seconds("burst_jitter") } else { 0.0 };
    let loads = [read.float(&path, "load"), maybe_float(read, &back, "load").unwrap_or_default()];
    let events = (0..read.checked().repeated("event").len()).map(|index| format!("event[{index}]"));
    let events: Vec<_> =
        events.filter(|event| maybe_text(read, event, "who") == maybe_text(read, master, "name")).collect();
    let most = |name, from: f64| {
        let changed = events.iter().filter_map(|event| maybe_duration(read, event, name)).map(Duration::as_secs_f64);
        changed.fold(from, f64::max)
    };
    let load = events.iter().filter_map(|event| maybe_float(read, event, "load")).chain(loads).fold(0.0, f64::max);
    let switch = seconds("residence") + seconds("packet") * load / (1.0 - load);
    let asymmetry = most("asymmetry", seconds("asymmetry").abs()) / 2.0;
    let jitter = most("jitter", seconds("jitter").max(back_jitter)).max(burst);
    most("delay", seconds("delay")) + asymmetry + 2.0 * jitter + read.integer(&path, "switches") as f64 * switch
}
