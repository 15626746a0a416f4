//! Why a source is used, or not: its tests in the order in which they are made, up to the first that fails.
//!
//! A source must pass all of them to count: its name is looked up, a request leaves, an answer comes, the server has the
//! time, both stamps are there, what is left open is small enough, the majority agrees. The first that fails is the reason; those after
//! it cannot be known. Each says its value, the limit, and what would change it: an option by its full name where there is one. Pure
//! functions of the [`Status`], so that a daemon elsewhere is explained as well as this one.

use std::fmt::Write as _;

use serde::Serialize;

use super::status::{PortStatus, RefusalStatus, SCHEMA, SourceStatus, Status};
use super::units::{count, seconds, span};
use crate::discipline::helm::{PTP_LOST_INTERVALS, mistaken_at_a_leap, mistaken_for};
use crate::time::Duration;

/// Of so many requests one must have been answered, as long as the source is still heard.
const REQUESTS_ANSWERED_OF: u32 = 3;
/// A server whose own word is more than this part of what is open is itself the reason for it.
const OWN_WORD_SHARE: f64 = 0.5;
/// How a server is described that is smearing a leap second.
pub(super) const SMEARED: &str = "a smeared leap second";
/// A leap second of so long ago may still be smeared, or missing.
const LEAP_NEAR_S: f64 = 86_400.0;
/// A new grandmaster may be behind what is wrong for so long.
const GRANDMASTER_NEW_S: f64 = 3_600.0;
/// What a server says that it follows which has nobody but its own clock.
const LOCAL_CLOCKS: [&str; 4] = ["LOCL", "LOCAL", "127.127.1.0", "127.127.1.1"];

/// How a test went.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Debug)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As it should be.
    Ok,
    /// The reason why the source does not count.
    Fail,
    /// Nothing against the source, and worth knowing.
    Note,
}

impl Outcome {
    const fn mark(self) -> &'static str {
        match self {
            Self::Ok => "[ OK ]",
            Self::Fail => "[FAIL]",
            Self::Note => "[NOTE]",
        }
    }
}

/// One test of a source.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct Test {
    /// What is tested.
    pub test: &'static str,
    /// How it went.
    pub outcome: Outcome,
    /// What was found.
    pub value: String,
    /// What it must be; empty where it passed.
    pub limit: String,
    /// What would change it; empty where nothing need be done.
    pub remedy: String,
}

/// A source and its tests.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct Explanation {
    /// `ptp` or `ntp`.
    pub kind: String,
    /// Its name, as configured.
    pub source: String,
    /// Its address, where it has one.
    pub address: Option<String>,
    /// `steers`, `guards`, or why it does neither: `lost` (it steers, and that will end), `falseticker`, `undecided`, `silent`,
    /// `unfit`.
    pub standing: &'static str,
    /// The tests, up to the first that failed.
    pub tests: Vec<Test>,
}

impl Explanation {
    /// The test that failed.
    pub fn failed(&self) -> Option<&Test> {
        self.tests.iter().find(|test| test.outcome == Outcome::Fail)
    }
}

/// All sources: those that are judged, or the ports alone where there is nothing to judge.
pub fn sources(status: &Status) -> Vec<SourceStatus> {
    if !status.sources.is_empty() {
        return status.sources.clone();
    }
    let followed = status.followed().filter(|port| port.parent.is_some());
    let alone = |port: &PortStatus| {
        let is_followed = followed.is_some_and(|followed| std::ptr::eq(followed, port));
        SourceStatus {
            kind: "ptp".to_owned(),
            name: port.interface.clone(),
            is_steering: is_followed,
            verdict: if is_followed { "agrees" } else { "silent" }.to_owned(),
            reason: if is_followed { "there is no other source" } else { "it has no master that can be followed" }
                .to_owned(),
            offset_s: status.clock.offset_from_master_s.filter(|_| is_followed),
            distance_s: status.clock.bound_s.filter(|_| is_followed),
            interval_s: port.sync_interval_s,
            last_sample_age_s: port.last_sync_age_s,
            ..SourceStatus::default()
        }
    };
    status.ptp.iter().map(alone).collect()
}

/// Those that somebody may mean by this: by name, by address, or by both with the kind before.
pub fn named<'s>(sources: &'s [SourceStatus], name: &str) -> Vec<&'s SourceStatus> {
    let is_meant = |source: &&SourceStatus| {
        let host = source.address.as_deref().and_then(|address| address.rsplit_once(':')).map(|(host, _)| host);
        let host = host.map(|host| host.trim_matches(['[', ']']));
        source.name == name
            || source.address.as_deref() == Some(name)
            || host == Some(name)
            || name.split_once(' ') == Some((&source.kind, &source.name))
    };
    sources.iter().filter(is_meant).collect()
}

/// The tests of one source.
pub fn explain(status: &Status, source: &SourceStatus) -> Explanation {
    let mut chain = Chain::default();
    match status.ptp.iter().find(|port| source.kind == "ptp" && port.interface == source.name) {
        Some(port) => chain.port(port),
        None if source.kind == "refclock" => chain.clock(source),
        None => chain.client(source),
    }
    chain.measured(source);
    chain.judged(status, source);
    let is_sound = !chain.has_failed();
    Explanation {
        kind: source.kind.clone(),
        source: source.name.clone(),
        address: source.address.clone(),
        standing: match source.verdict.as_str() {
            _ if source.is_steering && is_sound => "steers",
            _ if source.is_steering => "lost",
            "agrees" if is_sound => "guards",
            "agrees" => "unfit",
            "falseticker" => "falseticker",
            "undecided" => "undecided",
            _ => "silent",
        },
        tests: chain.tests,
    }
}

/// Where the options of a source stand.
fn section(source: &SourceStatus) -> &'static str {
    match source.kind.as_str() {
        "ptp" => "ptp",
        "refclock" => "refclock",
        _ => "ntp.source",
    }
}

/// As text, each line ended.
pub fn render(explanation: &Explanation) -> String {
    let Explanation { kind, source, standing, .. } = explanation;
    let address = explanation.address.as_ref().filter(|address| !address.starts_with(source.as_str()));
    let address = address.map_or(String::new(), |address| format!(" ({address})"));
    let mut text = format!("{kind} {source}{address}: {standing}\n");
    for Test { test, outcome, value, limit, remedy } in &explanation.tests {
        let limit = if limit.is_empty() { String::new() } else { format!("; must be: {limit}") };
        let _ = writeln!(text, "  {} {test:<13} {value}{limit}", outcome.mark());
        if !remedy.is_empty() {
            let _ = writeln!(text, "  {:>20} {remedy}", "->");
        }
    }
    text
}

/// As one JSON object.
pub fn to_json(explanations: &[Explanation]) -> String {
    #[derive(Serialize)]
    struct Json<'a> {
        schema: u32,
        sources: &'a [Explanation],
    }
    serde_json::to_string(&Json { schema: SCHEMA, sources: explanations }).expect("plain data")
}

/// Tests, until one fails.
#[derive(Default)]
struct Chain {
    tests: Vec<Test>,
}

impl Chain {
    fn has_failed(&self) -> bool {
        self.tests.iter().any(|test| test.outcome == Outcome::Fail)
    }

    fn push(&mut self, test: Test) {
        if !self.has_failed() {
            self.tests.push(test);
        }
    }

    fn ok(&mut self, test: &'static str, value: impl Into<String>) {
        let (limit, remedy) = (String::new(), String::new());
        self.push(Test { test, outcome: Outcome::Ok, value: value.into(), limit, remedy });
    }

    fn note(&mut self, test: &'static str, value: impl Into<String>, remedy: impl Into<String>) {
        let (value, limit, remedy) = (value.into(), String::new(), remedy.into());
        self.push(Test { test, outcome: Outcome::Note, value, limit, remedy });
    }

    fn fail(&mut self, test: &'static str, value: impl Into<String>, limit: &str, remedy: impl Into<String>) {
        let (value, limit, remedy) = (value.into(), limit.to_owned(), remedy.into());
        self.push(Test { test, outcome: Outcome::Fail, value, limit, remedy });
    }

    // ---- A port ----

    fn port(&mut self, port: &PortStatus) {
        match &port.waiting_for {
            Some(waiting_for) => {
                self.fail("port", waiting_for, "running", "bring the interface up, or name another one: ptp.interface");
            }
            None => self.ok("port", format!("{} {}", port.interface, port.port_state)),
        }
        match (&port.parent, port.heard.first()) {
            (Some(parent), _) => self.ok("master", parent),
            (None, Some(heard)) => self.fail("master", heard, "an Announce that can be followed", MASTER_REMEDY),
            (None, None) => self.fail("master", "none is heard", "an Announce that can be followed", MASTER_REMEDY),
        }
        match (port.last_sync_age_s, port.sync_interval_s) {
            (None, _) => self.fail("syncs", "none has come", "one each Sync interval", SYNCS_REMEDY),
            (Some(age), Some(interval)) if age > (interval * PTP_LOST_INTERVALS as f64).max(1.0) => {
                let limit = format!("each {}", seconds(interval));
                self.fail("syncs", format!("the last came {} ago", span(age)), &limit, SYNCS_REMEDY);
            }
            (Some(age), _) => self.ok("syncs", format!("the last came {} ago", span(age))),
        }
    }

    // ---- A server ----

    fn client(&mut self, source: &SourceStatus) {
        let remedy = || format!("getent ahosts {}: {NAME_REMEDY}", source.name);
        let again = look_up_again(source);
        match (&source.address, &source.name_error) {
            (Some(address), None) => self.ok("name", address),
            // Whoever answers there does so without a name.
            (Some(address), Some(why)) => {
                self.note("name", format!("cannot be looked up any more ({why}); {address} is still asked"), remedy());
            }
            (None, Some(why)) => {
                let value = format!("cannot be looked up: {why}{again}");
                self.fail("name", value, "a name that is known", remedy());
            }
            (None, None) if source.all_asked.is_some() => {
                self.fail(
                    "name",
                    format!("{}{again}", source.reason),
                    "an address that nobody else asks",
                    SPARE_REMEDY,
                );
            }
            (None, None) => self.fail("name", "is being looked up", "an address", "wait a moment"),
        }
        if source.client_state.as_deref() == Some("offline") && source.send_error.is_none() {
            self.fail("online", "it was taken offline", "online", format!("synchronome online {}", source.name));
        }
        let requests = source.counters.get("requests").copied().unwrap_or(0);
        match &source.send_error {
            Some(error) => self.fail("request", error, "sent", REQUEST_REMEDY),
            None => self.ok("request", format!("{} sent", count(requests, "request"))),
        }
        self.answers(source);
        if let Some((stamps, reason)) = source.stamps.as_ref().zip(source.stamps_reason.as_ref())
            && source.refusal.is_none()
        {
            self.ok("stamps", format!("{stamps}: {reason}"));
        }
        if let Some(refusal) = &source.refusal {
            self.refused(source, refusal);
        } else if let Some((stratum, reference_id)) = source.stratum.zip(source.reference_id.as_ref()) {
            self.ok("server", format!("stratum {stratum}, follows {reference_id}"));
            if reference_id.starts_with(SMEARED) {
                self.note("leap second", "its time is not UTC while it smears a leap second", SMEARED_REMEDY);
            }
            if LOCAL_CLOCKS.contains(&reference_id.as_str()) {
                self.note("upstream", "it follows its own clock", UPSTREAM_REMEDY);
            }
        }
    }

    fn answers(&mut self, source: &SourceStatus) {
        let (reach, unanswered) = (source.reach.unwrap_or(0), source.unanswered.unwrap_or(0));
        let is_recent = reach & ((1 << REQUESTS_ANSWERED_OF) - 1) != 0;
        // Nothing was measured for four polls, and what was asked last is open: then it is this, however few were asked.
        let is_silent = source.verdict == "silent" && source.last_sample_age_s.is_some() && unanswered > 0;
        if source.refusal.is_some() || is_recent && !is_silent {
            return self.ok("answer", format!("reach {reach:03o}"));
        }
        let strange: Vec<_> = ["unexpected", "origin_unset", "origin_mismatch", "mode", "duplicate"]
            .into_iter()
            .filter_map(|name| Some(format!("{name} {}", source.counters.get(name)?)))
            .collect();
        let strange = if strange.is_empty() {
            String::new()
        } else {
            format!("; what came was no answer to them ({})", strange.join(", "))
        };
        let value = format!("none to the last {}{strange}", count(unanswered.into(), "request"));
        let limit = if is_recent {
            "one within four polls".to_owned()
        } else {
            format!("one to the last {REQUESTS_ANSWERED_OF}")
        };
        self.fail("answer", value, &limit, ANSWER_REMEDY);
    }

    fn refused(&mut self, source: &SourceStatus, refusal: &RefusalStatus) {
        let distance = refusal.root_delay_s / 2.0 + refusal.root_dispersion_s;
        let said = format!("leap {}, stratum {}, reference ID {}", refusal.leap, refusal.stratum, refusal.reference_id);
        match refusal.reason.as_str() {
            "kiss_rate" => self.note("service", "it wants to be asked less often (RATE)", "raise ntp.source.poll"),
            "kiss_deny" | "kiss_restrict" => {
                let value = format!("it refuses us ({})", refusal.reference_id);
                self.fail("service", value, "the time", "its operator must allow this host's address");
            }
            "unsynchronised" => self.fail(
                "server",
                format!("it says that it has no time: {said}"),
                "synchronised",
                UNSYNCHRONISED_REMEDY,
            ),
            "stratum_excessive" => self.fail("server", said, "stratum 1 to 15", "the server has lost its source"),
            "root_distance_excessive" => {
                let value = format!("it says of itself that it may be {} off", seconds(distance));
                self.fail("server", value, "less than 16 s (RFC 5905)", W32TIME_REMEDY);
            }
            "follows_us" | "ourselves_answered" => {
                let value = format!("it has its time from us: {said}");
                self.fail("loop", value, "another origin", LOOP_REMEDY);
            }
            "orphan_after_us" | "orphan_follows" => {
                let value = format!("it has no source itself: {said}");
                self.fail("source", value, "one with a source, or the first of those without", ORPHAN_REMEDY);
            }
            "rx_stamp_missing" | "tx_stamp_missing" => {
                let value = format!("the kernel gave no stamp ({})", refusal.reason);
                self.fail("stamps", value, "both", STAMPS_REMEDY);
            }
            "clock_stepped" => {
                self.note("stamps", "our clock was stepped between the two", "the next answer counts again");
            }
            "round_trip_excessive" => self.fail(
                "round trip",
                "more than 4 s",
                "less than 4 s",
                "the way to it is jammed: ask a server that is nearer",
            ),
            reason => {
                let value = format!("its answer contradicts itself ({reason})");
                let named = format!("count of such answers: {}", source.counters.get(reason).copied().unwrap_or(1));
                self.fail("server", value, "stamps in order", named);
            }
        }
    }

    // ---- Every source ----

    fn measured(&mut self, source: &SourceStatus) {
        let Some(distance) = source.distance_s else {
            return self.fail(
                "measured",
                "not enough yet, or it contradicts itself",
                "an interval",
                "wait for a few messages more",
            );
        };
        let value = format!(
            "our clock is {} off by it, to within {}",
            seconds(source.offset_s.unwrap_or(0.0)),
            seconds(distance)
        );
        let Some(limit) = source.max_distance_s.filter(|limit| distance > *limit) else {
            return self.ok("distance", value);
        };
        let own = source.root_distance_s.unwrap_or(0.0);
        let remedy = if source.kind == "refclock" {
            "refclock.precision and refclock.delay are what is left open; raise refclock.max_distance if they are right"
                .to_owned()
        } else if own > distance * OWN_WORD_SHARE {
            format!("the server says so itself ({}). {W32TIME_REMEDY}", seconds(own))
        } else {
            format!(
                "{} is the way to it: ask a server that is nearer, or raise ntp.source.max_distance",
                seconds(distance - own)
            )
        };
        let limit = format!("to within {} ({}.max_distance)", seconds(limit), section(source));
        self.fail("distance", value, &limit, remedy);
    }

    fn judged(&mut self, status: &Status, source: &SourceStatus) {
        let has = |source: &SourceStatus, option: &str| source.options.iter().any(|set| set == option);
        match source.verdict.as_str() {
            "falseticker" => {
                let beyond = source.beyond_s.map(Duration::from_secs_f64).unwrap_or_default();
                let at_a_leap = at_a_leap(status, beyond);
                let port = status.ptp.iter().find(|port| source.kind == "ptp" && port.interface == source.name);
                let named = mistaken_for(beyond).into_iter().chain(at_a_leap).map(str::to_owned);
                let named = named.chain(port.into_iter().flat_map(|port| behind(port, beyond)));
                let named = named.fold(String::new(), |text, words| text + &words + ". ");
                self.fail(
                    "agreement",
                    &source.reason,
                    "inside of what the majority has in common",
                    format!("{named}{FALSETICKER_REMEDY}"),
                );
            }
            "undecided" => self.fail("agreement", &source.reason, "a majority", CONFLICT_REMEDY),
            "agrees" => {
                self.ok("agreement", &source.reason);
                if let Some(dispute) = &status.clock.leap_dispute {
                    self.note("leap second", dispute, LEAP_REMEDY);
                }
            }
            // Its last message is too old, or it has just come.
            _ => self.fail("agreement", &source.reason, "heard of late, and enough of it", "wait for its next message"),
        }
        if has(source, "noselect") {
            return self.fail(
                "selection",
                "it is only watched",
                "noselect = false",
                format!("{}.noselect", section(source)),
            );
        }
        let mut required = status.sources.iter().filter(|other| has(other, "require")).peekable();
        if required.peek().is_some() && !required.any(|other| other.verdict == "agrees") {
            self.fail(
                "selection",
                "none of those that are required agrees",
                "one of them",
                format!("{}.require", section(source)),
            );
        }
        if source.is_steering {
            return self.ok("selection", "it steers");
        }
        let Some(other) = status.sources.iter().find(|other| other.is_steering) else {
            return self.note("selection", "nobody steers yet", "");
        };
        let name = format!("{} {}", other.kind, other.name);
        if has(other, "prefer") && !has(source, "prefer") {
            return self.note("selection", format!("{name} steers, and is preferred"), "ntp.source.prefer, ptp.prefer");
        }
        if let Some((good_for, hold_off)) = source.good_for_s.zip(source.hold_off_s).filter(|(good, hold)| good < hold)
        {
            let value = format!(
                "{name} steers, and this one has agreed for {} of the {} that it must before it may",
                span(good_for),
                span(hold_off)
            );
            return self.note("selection", value, "selection.hold_off");
        }
        let widths = [source.distance_s, other.distance_s].map(|width| width.map_or("?".to_owned(), seconds));
        let value = format!("{name} steers and is right to within {}, this one to within {}", widths[1], widths[0]);
        self.note("selection", value, "less than half of it would take over; ntp.source.prefer, ptp.prefer");
    }
}

/// When a name that gave no address is looked up again: `; it is tried again in 42 s`, or nothing where it need not be.
pub(super) fn look_up_again(source: &SourceStatus) -> String {
    let is_in_vain = source.name_error.is_some() || source.all_asked.is_some();
    let again = source.look_up_in_s.filter(|_| is_in_vain);
    again.map_or(String::new(), |again| format!("; it is tried again in {}", span(again)))
}

/// What an offset beyond what is allowed may be near a leap second.
pub(super) fn at_a_leap(status: &Status, beyond: Duration) -> Option<&'static str> {
    let is_leap_near = matches!(status.clock.leap.as_deref(), Some("insert" | "delete"))
        || status.clock.leap_age_s.is_some_and(|age| age < LEAP_NEAR_S);
    mistaken_at_a_leap(beyond).filter(|_| is_leap_near)
}

/// What may be behind a port's falsehood, by what its grandmaster says and when it came.
fn behind(port: &PortStatus, beyond: Duration) -> Vec<String> {
    let change = port.grandmaster_change.as_ref().filter(|change| change.age_s < GRANDMASTER_NEW_S);
    let changed = change.map(|change| {
        format!("its grandmaster changed from {} to {} {} ago", change.from, change.to, span(change.age_s))
    });
    let claimed = port.grandmaster.as_ref().and_then(|grandmaster| {
        // IEEE 1588-2019 table 4.
        let claim = match grandmaster.class {
            6 => "locked to a primary reference",
            7 => "in holdover, and still within its specification",
            13 => "locked to a source of the application's own time",
            14 => "in holdover on the application's own time, and still within its specification",
            _ => return None,
        };
        let class = grandmaster.class;
        Some(format!("its grandmaster claims clockClass {class} ({claim}) and is at least {} off", beyond.abs()))
    });
    changed.into_iter().chain(claimed).collect()
}

// What would change it, where that takes a sentence.

const REQUEST_REMEDY: &str = "\
    ip route get ADDRESS says how it would leave; a firewall of this host may forbid it (nft list ruleset)";
const LEAP_REMEDY: &str =
    "update the list of leap seconds (tzdata; clock.leap_file), or mend the sources that have another one";
pub(super) const SMEARED_REMEDY: &str =
    "servers that smear and servers that do not disagree by up to a second for a day: ask only the ones or the others";
const UPSTREAM_REMEDY: &str = "nobody keeps that right: let that server follow a source, or ask another one";
const ANSWER_REMEDY: &str = "\
    let UDP to its port 123 out and the answers in (this host: nft list ruleset; the network's firewalls); the \
    server must run, and serve this network (chrony: allow)";
const UNSYNCHRONISED_REMEDY: &str = "\
    on the server: chronyc tracking, ntpq -p or w32tm /query /status say whom it has lost";
/// Of servers that agree on one of them.
const ORPHAN_REMEDY: &str = "nothing: of those with ntp.server.local.orphan the others follow the one with the least address, until there is a source";
const LOOP_REMEDY: &str = "name a server that does not follow this host: ntp.source.address";
const STAMPS_REMEDY: &str = "\
    a driver or a container that does not stamp; `synchronome check` says what is missing";
const CONFLICT_REMEDY: &str = "\
    add a third source, or say whom to believe: selection.conflict = \"prefer\", and prefer of one of them";
const FALSETICKER_REMEDY: &str = "\
    look at that source first; if it is the one that is right: ntp.source.trust, ptp.trust; if it is off by a \
    known time: ntp.source.time_offset";
const NAME_REMEDY: &str = "\
    if that fails too, the network or its name server is away; else ntp.source.address is wrong";
const SPARE_REMEDY: &str = "\
    nothing, if these are enough: it is asked as soon as the name has another address; else a smaller \
    ntp.source.pool, or a name with more";
const MASTER_REMEDY: &str = "\
    compare ptp.domain, ptp.sdo_id and ptp.transport with the master's; multicast must arrive (firewall, VLAN, \
    IGMP snooping)";
const SYNCS_REMEDY: &str = "\
    Announce comes and Sync does not: UDP port 319 or the event multicast is closed on the way, or the master is \
    not synchronised";
const W32TIME_REMEDY: &str = "\
    A Windows server says 10 s and more until its LocalClockDispersion is 0 (registry, W32Time\\Config) or it \
    follows a source itself; here ntp.source.max_distance says how much is believed, up to 16 s";

mod refclock;
#[cfg(test)]
mod tests;
