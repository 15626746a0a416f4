//! The segments of a scenario: who is on which, and what cables that makes.
//!
//! A segment is a hub: what one of its members sends all others hear. A host has a port for each segment that it is on, so
//! that whoever is on two is a boundary clock, and a chain is a row of segments of two.

use std::ops::Range;

use super::keys::SCENARIO;
use super::scenario::{HostPlan, MasterPlan, maybe_duration, maybe_integer, maybe_text};
use crate::config::{Checked, ConfigError, Fault, Reader, Source};
use crate::ptp::{Role, ServingConfig};
use crate::sim::{LinkModel, StormModel};
use crate::time::{Duration, LogInterval};

/// The most ports of a host.
const PORTS_MAX: usize = 16;

/// A segment.
#[derive(Clone, Debug)]
pub struct SegmentPlan {
    /// Its members, by their places among all masters and then all hosts, and their ports, counted from 0.
    pub members: Vec<(usize, u8)>,
    /// From any to any other.
    pub link: LinkModel,
}

impl SegmentPlan {
    /// All pairs of its members, each once.
    pub fn pairs(&self) -> impl Iterator<Item = [(usize, u8); 2]> + '_ {
        let after = |place: usize| self.members[place + 1..].iter();
        self.members.iter().enumerate().flat_map(move |(place, one)| {
            after(place).map(move |other| if one.0 < other.0 { [*one, *other] } else { [*other, *one] })
        })
    }
}

/// The names of those that a section `[[host]]` describes.
pub(super) fn names_of(name: &str, count: usize) -> Vec<String> {
    if count == 1 { vec![name.to_owned()] } else { (1..=count).map(|number| format!("{name}-{number}")).collect() }
}

/// The names that a list of members means: `a b-2..4` is a, b-2, b-3 and b-4.
pub(super) fn members_of(text: &str) -> Vec<String> {
    let one = |word: &str| {
        let (start, last) = word.split_once("..")?;
        let (name, first) = start.rsplit_once('-')?;
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        Some((first..=last.min(first + 1_000)).map(|number| format!("{name}-{number}")).collect::<Vec<_>>())
    };
    text.split_whitespace().flat_map(|word| one(word).unwrap_or_else(|| vec![word.to_owned()])).collect()
}

/// All segments; the hosts get their ports.
pub(super) fn segments(read: &Reader<'_>, masters: &[MasterPlan], hosts: &mut [HostPlan]) -> Vec<SegmentPlan> {
    let names: Vec<String> =
        masters.iter().map(|master| &master.name).chain(hosts.iter().map(|host| &host.name)).cloned().collect();
    let mut ports = vec![0; names.len()];
    let mut plan = |index: usize| {
        let section = format!("segment[{index}]");
        let path = format!("{section}.path");
        let place = |name: &String| names.iter().position(|other| other == name);
        let named = members_of(&read.text(&section, "members"));
        let plugged = named.iter().filter_map(place).map(|place| {
            ports[place] += 1;
            (place, ports[place] - 1)
        });
        let members = plugged.collect();
        let link = LinkModel {
            loss: read.float(&path, "loss"),
            ..LinkModel::new(read.duration(&path, "delay"), read.duration(&path, "jitter"))
        };
        SegmentPlan { members, link }
    };
    let segments: Vec<_> = (0..read.checked().repeated("segment").len()).map(&mut plan).collect();
    if !segments.is_empty() {
        for (host, ports) in hosts.iter_mut().zip(&ports[masters.len()..]) {
            host.config.ptp.role = Role::Auto;
            host.config.more_ports = vec![host.config.ptp; usize::from(*ports).saturating_sub(1)];
        }
    }
    segments
}

/// Forged Announce on a segment.
#[derive(Clone, Copy, Debug)]
pub struct StormPlan {
    /// On which, counted from 0.
    pub segment: usize,
    /// When it begins.
    pub from: Duration,
    /// What is forged.
    pub model: StormModel,
}

/// All storms.
pub(super) fn storms(read: &Reader<'_>) -> Vec<StormPlan> {
    let plan = |index: usize| {
        let section = format!("storm[{index}]");
        let number = |name| read.integer(&section, name).unsigned_abs();
        let every = Duration::from_secs_f64(1.0 / number("rate") as f64);
        let (lasts, priority1) = (read.duration(&section, "for"), number("priority1") as u8);
        StormPlan {
            segment: number("segment").saturating_sub(1) as usize,
            from: read.duration(&section, "from"),
            model: StormModel { every, lasts, priority1, clocks: number("clocks") },
        }
    };
    (0..read.checked().repeated("storm").len()).map(plan).collect()
}

/// How a host serves.
pub(super) fn serving(read: &Reader<'_>, host: &str) -> ServingConfig {
    let interval = |name| LogInterval::new(read.integer(host, name) as i8);
    ServingConfig {
        log_announce_interval: interval("announce_interval"),
        log_sync_interval: interval("sync_interval"),
        log_min_delay_req_interval: interval("sync_interval"),
        ..ServingConfig::DEFAULT
    }
}

/// What is wrong with the segments; `names` are those of all masters and hosts, with their sections.
pub(super) fn conflicts(source: &Source<'_>, checked: &Checked, names: &[(String, &str)]) -> Vec<ConfigError> {
    let read = Reader::new(&SCENARIO, checked);
    let mut errors = Vec::new();
    let mut tell = |path: String, span: Option<&Range<usize>>, message: String, suggestion: &str| {
        let place = span.map(|span| source.place(span));
        let suggestion = Some(suggestion.to_owned());
        errors.push(ConfigError { place, path, fault: Fault::Conflict, message, allowed: None, suggestion });
    };
    let headers = checked.repeated("segment");
    let mut ports = vec![0; names.len()];
    for index in 0..headers.len() {
        let section = format!("segment[{index}]");
        let Some(text) = maybe_text(&read, &section, "members") else { continue };
        let span = read.span(&section, "members");
        let path = format!("{section}.members");
        let members = members_of(&text);
        for (place, name) in members.iter().enumerate() {
            let known = names.iter().position(|(known, of)| known == name && matches!(*of, "master" | "host"));
            match known {
                None => tell(path.clone(), span.as_ref(), format!("{name:?} is no master and no host"), "declare it"),
                Some(_) if members[..place].contains(name) => {
                    tell(path.clone(), span.as_ref(), format!("{name:?} is named twice"), "name it once");
                }
                Some(known) => ports[known] += 1,
            }
        }
        if members.len() < 2 {
            tell(path, span.as_ref(), "nobody to talk to".to_owned(), "name two members or more");
        }
    }
    if headers.is_empty() {
        if let Some(header) = checked.repeated("storm").first() {
            tell("storm".to_owned(), Some(header), "there is no segment".to_owned(), "add a [[segment]]");
        }
        errors.extend(churn_conflicts(source, &read, names));
        return errors;
    }
    for ((name, section), ports) in names.iter().zip(&ports).filter(|((_, section), _)| *section != "ntp") {
        let most = if *section == "master" { 1 } else { PORTS_MAX };
        if *ports == 0 || *ports > most {
            let message = format!("{name:?} is on {ports} segments, and 1 to {most} are possible");
            tell("segment".to_owned(), headers.first(), message, "change the members of the segments");
        }
    }
    let hosts = (0..checked.repeated("host").len()).map(|index| format!("host[{index}]"));
    for host in hosts.filter(|host| read.switch(host, "receiver")) {
        let name = maybe_text(&read, &host, "name").unwrap_or_default();
        let his = names_of(&name, read.integer(&host, "count") as usize);
        let is_his = |(_, (known, _)): &(usize, &(String, &str))| his.contains(known);
        if names.iter().enumerate().filter(is_his).any(|(place, _)| ports[place] > 1) {
            let span = read.span(&host, "receiver");
            let message = format!("{name:?} has a receiver and never follows, so that it hands on nobody's time");
            tell(format!("{host}.receiver"), span.as_ref(), message, "name it on one segment");
        }
    }
    for (index, header) in checked.repeated("storm").iter().enumerate() {
        let section = format!("storm[{index}]");
        if maybe_integer(&read, &section, "segment").is_some_and(|number| number > headers.len() as i64) {
            tell(format!("{section}.segment"), Some(header), "there is no such segment".to_owned(), "count from 1");
        }
    }
    errors.extend(churn_conflicts(source, &read, names));
    errors
}

/// What is wrong with the churn.
fn churn_conflicts(source: &Source<'_>, read: &Reader<'_>, names: &[(String, &str)]) -> Vec<ConfigError> {
    let given =
        ["every", "from", "settle", "changes", "who", "what"].into_iter().find(|key| read.span("churn", key).is_some());
    let Some(given) = given else { return Vec::new() };
    let mut errors = Vec::new();
    let mut tell = |key: &str, message: String, suggestion: &str| {
        let place = read.span("churn", key).map(|span| source.place(&span));
        let (path, suggestion) = (format!("churn.{key}"), Some(suggestion.to_owned()));
        errors.push(ConfigError { place, path, fault: Fault::Conflict, message, allowed: None, suggestion });
    };
    if read.checked().repeated("segment").is_empty() {
        tell(given, "there is no segment".to_owned(), "add a [[segment]]");
    }
    let Some(every) = maybe_duration(read, "churn", "every") else {
        tell(given, "nothing happens without `every`".to_owned(), "say how long a round is");
        return errors;
    };
    if read.duration("churn", "settle") >= every {
        tell("settle", "not before the next round".to_owned(), "make it shorter, or the rounds longer");
    }
    let is_host = |name: &String| names.iter().any(|(known, section)| known == name && *section == "host");
    let named = maybe_text(read, "churn", "who").map(|text| members_of(&text));
    if named.as_ref().is_some_and(Vec::is_empty) || !names.iter().any(|(_, section)| *section == "host") {
        tell(
            if named.is_some() { "who" } else { given },
            "there is no host that it could happen to".to_owned(),
            "name hosts",
        );
    }
    let who = named.unwrap_or_default();
    for unknown in who.iter().filter(|name| !is_host(name)) {
        tell("who", format!("{unknown:?} is no host"), "name hosts");
    }
    errors
}
