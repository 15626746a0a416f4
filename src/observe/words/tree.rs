//! The way that time takes: a port that is followed hangs below its grandmaster, the clocks below that port; or below the server, or the
//! reference clock, that steers in its place.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Tone, short};
use crate::observe::render::{contracts_in_brief, metadata_in_words};
use crate::observe::status::{
    ClockKind, GrandmasterStatus, NtpQuestionsStatus, NtpServerStatus, PhcStatus, PortStatus, SourceStatus, Status,
};
use crate::observe::units::{count, ppb, rate, seconds, span};

/// A grandmaster, a port, a clock or a server.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct Node {
    /// How many there are above it.
    pub depth: usize,
    /// Whether others hang beside it, below the same one, after it.
    pub has_next: bool,
    /// What its state means.
    pub tone: Tone,
    /// What it is called, and its state.
    pub name: String,
    /// What it is and does, in one line.
    pub about: String,
    /// Its figures, a line each.
    pub figures: Vec<String>,
    /// What else there is to say, a line each.
    pub remarks: Vec<String>,
}

impl Node {
    fn new(depth: usize, name: String, tone: Tone, about: String) -> Self {
        Self { depth, has_next: false, tone, name, about, figures: Vec::new(), remarks: Vec::new() }
    }
}

pub(super) fn tree(status: &Status) -> Vec<Node> {
    let mut nodes = Vec::new();
    let steering = status.sources.iter().find(|source| source.is_steering && source.kind != "ptp");
    if let Some(source) = steering {
        nodes.push(server_or_clock(source));
        clocks(status, 1, &mut nodes);
    }
    let followed = status.followed().filter(|port| port.parent.is_some() || port.grandmaster.is_some());
    for status_of_port in &status.ptp {
        let is_followed = followed.is_some_and(|followed| std::ptr::eq(followed, status_of_port));
        if !is_followed {
            nodes.push(port(status_of_port, 0));
            continue;
        }
        let mut depth = 0;
        if let Some(gm) = &status_of_port.grandmaster {
            nodes.push(grandmaster(gm));
            depth = 1;
        }
        nodes.push(port(status_of_port, depth));
        if steering.is_none() {
            clocks(status, depth + 1, &mut nodes);
        }
    }
    if followed.is_none() && steering.is_none() {
        clocks(status, 0, &mut nodes);
    }
    nodes
}

/// A source of its own clock that is no port.
fn server_or_clock(source: &SourceStatus) -> Node {
    let mut about = Vec::new();
    about.extend(source.stratum.map(|stratum| format!("stratum {stratum}")));
    about.extend(source.reference_id.as_ref().map(|whom| format!("follows {whom}")));
    about.extend(source.round_trip_s.map(|trip| format!("round trip {}", seconds(trip))));
    about.extend(source.interval_s.map(|interval| format!("measured {}", rate(interval))));
    Node::new(0, format!("{} {}", source.kind, source.name), Tone::Strong, about.join(", "))
}

fn grandmaster(gm: &GrandmasterStatus) -> Node {
    let steps = if gm.steps_removed == 0 { "direct".to_owned() } else { count(gm.steps_removed.into(), "step") };
    let about = format!(
        "class {}, accuracy {}, {}, priority {}/{}, {steps}{}",
        gm.class,
        gm.accuracy,
        gm.time_source,
        gm.priority1,
        gm.priority2,
        uncertain(gm)
    );
    Node::new(0, gm.identity.clone(), Tone::Strong, about)
}

/// That an Announce is not sure of the time that it tells of.
const fn uncertain(gm: &GrandmasterStatus) -> &'static str {
    if gm.synchronization_uncertain { ", synchronization uncertain" } else { "" }
}

fn port(port: &PortStatus, depth: usize) -> Node {
    let mut about = vec![format!("PTP {}, domain {}", port.role, port.domain)];
    if port.sdo_id != 0 {
        about.push(format!("sdoId {:#05x}", port.sdo_id));
    }
    about.extend(port.timestamps.as_ref().map(|timestamps| match &port.phc {
        Some(phc) => format!("timestamps: {timestamps} ({phc})"),
        None => format!("timestamps: {timestamps}"),
    }));
    about.extend(port.sync_interval_s.map(|interval| format!("Sync {}", rate(interval))));
    about.extend(port.last_sync_age_s.map(|age| format!("last {} ago", span(age))));
    // A grandmaster that speaks to us itself stands above already.
    let gm = port.grandmaster.as_ref().map_or("", |gm| gm.identity.as_str());
    let other = port.parent.as_ref().filter(|parent| gm.is_empty() || !parent.starts_with(gm));
    about.extend(other.map(|parent| format!("from {parent}")));
    about.extend(port.announces.as_ref().map(|gm| {
        let whose = match gm.steps_removed {
            0 => "announces itself".to_owned(),
            steps => format!("hands on {}, {}", gm.identity, count(steps.into(), "step")),
        };
        let about = format!("class {}, accuracy {}, priority {}/{}", gm.class, gm.accuracy, gm.priority1, gm.priority2);
        format!("{whose}: {about}{}", uncertain(gm))
    }));
    let tone = if matches!(port.port_state.as_str(), "SLAVE" | "MASTER") { Tone::Good } else { Tone::Doubtful };
    let mut remarks = Vec::new();
    remarks.extend(port.timestamps_reason.as_ref().map(|reason| format!("no hardware timestamps: {reason}")));
    if !port.path.is_empty() {
        remarks.push(format!("path {}", port.path.join(" > ")));
    }
    remarks.extend(port.metadata.as_ref().map(metadata_in_words));
    remarks.extend(port.power.as_ref().map(|power| {
        let total = power.total_time_inaccuracy_s.map_or("unknown".to_owned(), seconds);
        format!("C37.238: grandmaster {}, total inaccuracy {total}", power.grandmaster_id)
    }));
    remarks.extend(port.neighbor.as_ref().map(|neighbor| {
        let about = format!("neighbour {}: link {}", neighbor.identity, seconds(neighbor.mean_link_delay_s));
        let rate = neighbor.rate_ppb.map(|rate| format!("runs off by {}", ppb(rate)));
        let says = neighbor.gptp_capable.then(|| "says that it is capable of gPTP".to_owned());
        [Some(about), rate, says].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }));
    remarks.extend(port.unicast.as_ref().map(contracts_in_brief));
    remarks.extend(port.heard.iter().map(|heard| format!("hears {heard}")));
    Node { remarks, ..Node::new(depth, format!("{} {}", port.interface, port.port_state), tone, about.join(", ")) }
}

/// The clock that hears the source, then those that follow it: the system clock hangs below the hub as the last one.
fn clocks(status: &Status, mut depth: usize, nodes: &mut Vec<Node>) {
    if let Some(hub) = status.phcs.iter().find(|phc| phc.is_hub) {
        nodes.push(phc(hub, depth));
        depth += 1;
    }
    let followers = status.phcs.iter().filter(|phc| !phc.is_hub);
    nodes.extend(followers.map(|follower| Node { has_next: true, ..phc(follower, depth) }));
    let what = match status.clock.kind {
        ClockKind::Observe => "the system clock, observed and never touched",
        ClockKind::Simulated => "a simulated clock, disciplined; the system clock is not touched",
        ClockKind::System => "the system clock, disciplined",
    };
    nodes.push(Node::new(depth, format!("clock {}", status.state), Tone::of(status.state), what.to_owned()));
    nodes.extend(status.ntp_server.as_ref().map(|of_ours| server(of_ours, depth + 1)));
}

fn phc(phc: &PhcStatus, depth: usize) -> Node {
    let about = [
        phc.device.as_str(),
        if phc.is_steered { "steered" } else { "only read" },
        if phc.is_hub { "hub: it hears the source" } else { "follower" },
    ];
    let mut figures = Vec::new();
    figures.extend(phc.offset_from_master_s.map(|offset| format!("offset {}", seconds(offset))));
    figures.push(phc.bound_s.map_or("bound unknown".to_owned(), |bound| format!("bound {}", seconds(bound))));
    figures.extend(phc.frequency_ppb.map(|frequency| format!("correction {}", ppb(frequency))));
    figures.extend(phc.oscillator_frequency_ppb.map(|frequency| format!("oscillator {}", ppb(frequency))));
    let mut reading = Vec::new();
    if !phc.crossing_method.is_empty() {
        reading.push(format!("{} crossings to within {}", phc.crossing_method, seconds(phc.crossing_window_s)));
    }
    reading.extend(phc.last_sample_age_s.map(|age| format!("last sample {} ago", span(age))));
    reading.extend(phc.lock_time_s.map(|time| format!("locked in {}", short(time))));
    reading.push(count(phc.jumps, "jump"));
    let name = format!("phc {} {}", phc.name, phc.state);
    let figures = vec![figures.join(", "), reading.join(", ")];
    Node { figures, ..Node::new(depth, name, Tone::of(phc.state), about.join(", ")) }
}

fn server(server: &NtpServerStatus, depth: usize) -> Node {
    let (name, tone) = match (server.stratum, server.local_stratum) {
        (Some(stratum), _) => (format!("NTP stratum {stratum}"), Tone::Good),
        (None, Some(stratum)) => (format!("NTP local, stratum {stratum}"), Tone::Doubtful),
        (None, None) => ("NTP unsynchronised".to_owned(), Tone::Doubtful),
    };
    let about = format!("{}, {}", server.listen.join(" "), count(server.workers.into(), "worker"));
    let mut figures = Vec::new();
    if server.worker_restarts > 0 {
        let ended = count(server.worker_restarts, "worker");
        let were = if server.worker_restarts == 1 { "was" } else { "were" };
        figures.push(format!("{ended} ended unasked and {were} replaced: see events"));
    }
    let mut packets = format!("{}, {} answered", count(server.requests, "request"), server.answered);
    let dropped: Vec<_> = server.dropped.iter().filter(|(_, n)| **n > 0).collect();
    for (index, (reason, n)) in dropped.into_iter().enumerate() {
        let _ = write!(packets, "{}{n} {reason}", if index == 0 { ", dropped: " } else { ", " });
    }
    figures.push(packets);
    let NtpQuestionsStatus { answered, dropped } = &server.questions;
    if *answered > 0 || !dropped.is_empty() {
        let mut questions = format!("{} of ntpq answered", count(*answered, "question"));
        for (index, (reason, n)) in dropped.iter().enumerate() {
            let _ = write!(questions, "{}{n} {reason}", if index == 0 { ", dropped: " } else { ", " });
        }
        figures.push(questions);
    }
    if let Some(ahead) = server.smeared_s {
        let (way, by) = if ahead < 0.0 { ("behind", -ahead) } else { ("ahead of", ahead) };
        figures.push(format!("smears a leap second: {} {way} UTC", seconds(by)));
    }
    if let Some(latency) = &server.latency {
        let [half, most, longest] = [latency.p50_s, latency.p99_s, latency.max_s].map(seconds);
        figures.push(format!("answered within {half} (50 %), {most} (99 %), {longest} (all)"));
    }
    if server.hardware_stamps + server.hardware_stamps_rejected > 0 {
        let (by_card, by_kernel) = (server.hardware_stamps, server.software_stamps);
        let refused = server.hardware_stamps_rejected;
        let out = server.hardware_departures;
        figures.push(format!(
            "stamped by the card {by_card} in {out} out, by the kernel {by_kernel} in {} out, card not believed {refused}",
            server.departures.saturating_sub(out),
        ));
    }
    Node { figures, ..Node::new(depth, name, tone, about) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::examples::{holdover, several};

    fn drawn(status: &Status) -> Vec<String> {
        tree(status).iter().map(|node| format!("{}{}", ".".repeat(node.depth), node.name)).collect()
    }

    #[test]
    fn the_clock_hangs_below_whoever_steers_it() {
        let mut status = several();
        let by_port = ["001b21.fffe.aabbcc", ".vb0 SLAVE", "..clock LOCKED", "...NTP stratum 1"];
        assert_eq!(drawn(&status), by_port);
        (status.sources[0].is_steering, status.sources[1].is_steering) = (false, true);
        let by_server =
            ["ntp ntp1.example.net", ".clock LOCKED", "..NTP stratum 1", "001b21.fffe.aabbcc", ".vb0 SLAVE"];
        assert_eq!(drawn(&status), by_server);
        assert_eq!(tree(&status)[0].about, "stratum 1, round trip 420 us, measured each 64.0 s");
        assert_eq!(drawn(&holdover()), ["vb0 LISTENING", "clock HOLDOVER", ".NTP stratum 1"], "nobody steers");
    }
}
