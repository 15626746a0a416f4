//! What is the matter by the daemon's own word: its status, judged as `health` and `why` judge it.

use super::checks::{
    Check, Finding, HEALTH, LACKS, LEAP_SMEAR, NTP_ANSWER, NTP_LOCAL_CLOCK, NTP_ROOT_DISTANCE, NTP_SEND, NTP_SERVER,
    PHC_OF_PORT, PHC_TROUBLE, PTP_DOMAIN, PTP_NO_ANNOUNCE, PTP_NO_DELAY_RESP, PTP_NO_SYNC, PTP_NOT_FOLLOWED, PTP_PORT,
    PTP_SDO_ID, PTP_SILENCE, PTP_UTC_OFFSET, PTP_VERSION, SECOND_WRITER, SOURCE, SOURCE_AGREES, STAMPS, STAMPS_LATE,
    STAMPS_MISSING, TAI_UTC,
};
use super::checks::{DNS, Grade};
use crate::discipline::helm::mistaken_for;
use crate::observe::event::{CLOCK_SET, FREQUENCY_SET, UTC_DISPUTE};
use crate::observe::health::{self, Code, Thresholds};
use crate::observe::render::headline;
use crate::observe::status::{
    HEARD_ANNOUNCE, HEARD_OTHER_DOMAIN, NOT_QUALIFIED, PhcStatus, PortStatus, SourceStatus, Status,
};
use crate::observe::why::{Outcome, Test, explain, sources};
use crate::time::Duration;

/// So many of the messages of a kind may lack their stamp, or their answer, before it is told.
const MISSING_SHARE: f64 = 0.01;
const UNANSWERED_SHARE: f64 = 0.5;
/// Fewer messages than this prove nothing.
const ENOUGH: u64 = 8;
/// A server that says it may be further off than this does not know the time (RFC 5905 11.2.1: MAXDIST).
const ROOT_DISTANCE_MAX_S: f64 = 1.5;
/// Where the last Sync is longer ago than this, it is not Announce alone that is missing.
const GONE_S: f64 = 3.0;
/// From this on a transmit stamp is late, and so many of them may be.
const LATE_S: f64 = 0.01;
const LATE_SHARE: f64 = 0.01;

/// All that a status shows. `phc_of` says which PHC stamps for an interface, by the kernel.
pub fn findings(status: &Status, phc_of: &dyn Fn(&str) -> Option<u32>) -> Vec<Finding> {
    let mut found = verdict(status);
    found.extend(status.lacks.iter().map(|lack| LACKS.warn(lack, "The daemon does without.")));
    if status.lacks.is_empty() {
        found.push(LACKS.ok("nothing"));
    }
    for port in &status.ptp {
        found.extend(of_port(status, port, phc_of));
    }
    for source in sources(status).iter().filter(|source| source.kind != "ptp" || !status.sources.is_empty()) {
        found.extend(of_source(status, source));
    }
    found.extend(timescales(status));
    found.extend(status.phcs.iter().map(of_phc));
    found.push(second_writer(status));
    found
}

fn verdict(status: &Status) -> Vec<Finding> {
    let judged = health::findings(status, &Thresholds::default());
    if judged.is_empty() {
        return vec![HEALTH.ok(headline(status))];
    }
    let finding = |finding: &health::Finding| match finding.code {
        Code::Ok => HEALTH.ok(&finding.text),
        Code::Warning => HEALTH.warn(&finding.text, "It works, and will not go on so."),
        Code::Critical | Code::Unknown => HEALTH.fail(&finding.text, "Nobody vouches for the time."),
    };
    judged.iter().map(finding).collect()
}

// ---- PTP ----

fn of_port(status: &Status, port: &PortStatus, phc_of: &dyn Fn(&str) -> Option<u32>) -> Vec<Finding> {
    let mut found = Vec::new();
    match &port.waiting_for {
        Some(waiting_for) => found.push(PTP_PORT.fail(waiting_for, "The port does not run.")),
        None => found.push(PTP_PORT.ok(&port.port_state)),
    }
    let serves = matches!(port.port_state.as_str(), "MASTER" | "PRE_MASTER" | "PASSIVE") || port.role == "master";
    if port.waiting_for.is_none() && !serves {
        found.push(heard(port));
        found.extend(port.parent.is_some().then(|| unanswered(port)).flatten());
        found.extend(port.parent.is_some().then(|| utc_offset(status, port)).flatten());
    }
    found.extend(stamps(port));
    found.extend(stamps_late(port));
    found.extend(phc_of_port(port, phc_of));
    found.into_iter().map(|finding| finding.of(port.interface.clone())).collect()
}

/// What it means that only what is not for the port is heard.
const NOT_HEARD: &str = "A master is there, and it is not heard by this port.";

fn count(port: &PortStatus, name: &str) -> u64 {
    port.counters.get(name).copied().unwrap_or(0)
}

/// Whom a port hears that may follow, and why it does not.
fn heard(port: &PortStatus) -> Finding {
    let said = || port.heard.join("; ");
    if let Some(parent) = &port.parent {
        return match explain_port(port) {
            Some(late) => PTP_NO_SYNC.fail(late, "The master is there and sends no time."),
            None => PTP_SILENCE.ok(format!("{parent} is followed")),
        };
    }
    let announced: Vec<_> = port.heard.iter().filter(|line| line.starts_with(HEARD_ANNOUNCE)).collect();
    if !announced.is_empty() && announced.iter().all(|line| line.ends_with(NOT_QUALIFIED)) {
        return PTP_NOT_FOLLOWED
            .warn(said(), "A master has begun to announce itself: it is followed after two more Announce.")
            .remedy("ask again after a few seconds; if it stays so, Announce is lost on the way");
    }
    // Counters tell of before, too.
    let has_followed = count(port, "parent_changed") > 0;
    if let Some(age) = port.last_sync_age_s.filter(|_| has_followed) {
        return lost(port, age);
    }
    if count(port, "received_announce") > 0 {
        let value = format!("{} Announce, none to follow; {}", count(port, "received_announce"), said());
        return PTP_NOT_FOLLOWED
            .fail(value.trim_end_matches("; "), "A master announces itself, and it may not be followed.");
    }
    if count(port, "received_sync") + count(port, "received_follow_up") > 0 {
        let value = format!("{} Sync, no Announce", count(port, "received_sync"));
        return PTP_NO_ANNOUNCE.fail(value, "Without Announce nobody says which clock that is.");
    }
    if let Some(other) = other_domain(port) {
        return other.found(said());
    }
    let of_version = count(port, "malformed_version");
    if of_version > 0 {
        let value = format!("{of_version} messages of another version; {}", said());
        return PTP_VERSION.fail(value.trim_end_matches("; "), NOT_HEARD);
    }
    PTP_SILENCE.fail("nothing", "No PTP message arrives.")
}

/// Messages are heard that are not for this port.
struct OtherDomain<'a> {
    check: &'a Check,
    /// What this port would hear.
    limit: String,
    line: &'a str,
}

impl OtherDomain<'_> {
    fn found(&self, value: impl Into<String>) -> Finding {
        self.check.fail(value, NOT_HEARD).limit(self.limit.clone())
    }
}

/// What is heard of another domain or sdoId: of late, which the counters do not tell.
fn other_domain(port: &PortStatus) -> Option<OtherDomain<'_>> {
    let line = port.heard.iter().find(|line| line.starts_with(HEARD_OTHER_DOMAIN))?;
    let is_our_domain = line.starts_with(&format!("{HEARD_OTHER_DOMAIN}{}, ", port.domain));
    let (check, limit) = if is_our_domain {
        (&PTP_SDO_ID, format!("sdoId {:#05x}", port.sdo_id))
    } else {
        (&PTP_DOMAIN, format!("domain {}", port.domain))
    };
    Some(OtherDomain { check, limit, line })
}

/// What is heard by a port whose masters have gone; so many seconds ago came the last Sync.
fn lost(port: &PortStatus, age_s: f64) -> Finding {
    let since = format!("the last Sync came {} ago", Duration::from_secs_f64(age_s));
    if let Some(other) = port.heard.iter().find(|line| line.starts_with(HEARD_ANNOUNCE)) {
        return PTP_NOT_FOLLOWED
            .fail(format!("{since}; {other}"), "A master announces itself, and it is not followed.");
    }
    if age_s <= GONE_S {
        return PTP_NO_ANNOUNCE
            .fail(format!("no Announce any more; {since}"), "A master was followed, and announces itself no more.")
            .remedy(format!("the master has just gone, or {}", PTP_NO_ANNOUNCE.remedy));
    }
    match other_domain(port) {
        Some(other) => other.found(format!("{since}; {}", other.line)),
        None => PTP_SILENCE.fail(since, "A master was followed, and nothing comes any more."),
    }
}

/// How long ago the last Sync came, if that is too long.
fn explain_port(port: &PortStatus) -> Option<String> {
    let alone = Status { ptp: vec![port.clone()], ..Status::default() };
    let explanation = explain(&alone, sources(&alone).first()?);
    explanation.failed().filter(|test| test.test == "syncs").map(|test| test.value.clone())
}

fn unanswered(port: &PortStatus) -> Option<Finding> {
    let pairs = [("sent_delay_req", "delay_resp_missing"), ("sent_pdelay_req", "pdelay_resp_missing")];
    let worst = pairs.into_iter().find(|(sent, missing)| {
        let (sent, missing) = (count(port, sent), count(port, missing));
        sent >= ENOUGH && missing as f64 > sent as f64 * UNANSWERED_SHARE
    });
    let (sent, missing) = worst?;
    let value = format!("{} sent, {} not answered", count(port, sent), count(port, missing));
    Some(PTP_NO_DELAY_RESP.fail(value, "The path's delay cannot be measured."))
}

fn utc_offset(status: &Status, port: &PortStatus) -> Option<Finding> {
    let clock = status
        .ptp_clocks
        .iter()
        .find(|clock| clock.ports.iter().any(|own| own.interface == port.interface && own.port_state == "SLAVE"))?;
    let time = &clock.time_properties_ds;
    if !time.ptp_timescale {
        return None;
    }
    Some(match (time.current_utc_offset_s, status.clock.tai_utc_s) {
        (Some(offset), _) => PTP_UTC_OFFSET.ok(format!("{offset} s")),
        (None, Some(known)) => PTP_UTC_OFFSET.warn(
            format!("not set; {known} s is known otherwise"),
            "The grandmaster sends TAI and does not say what UTC is.",
        ),
        (None, None) => PTP_UTC_OFFSET
            .fail("not set", "The grandmaster sends TAI, and nobody knows what UTC is: it is not guessed."),
    })
}

fn stamps(port: &PortStatus) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(whose) = &port.timestamps {
        found.push(match &port.timestamps_reason {
            Some(reason) if port.phc.is_some() || !reason.contains("has no PTP hardware clock") => STAMPS
                .warn(format!("{whose}: {reason}"), "The kernel's stamps are tens of times worse than the card's."),
            Some(reason) => STAMPS.ok(format!("{whose}: {reason}")),
            None => STAMPS.ok(whose),
        });
    }
    let received = ["received_sync", "received_delay_req", "received_pdelay_req", "received_pdelay_resp"];
    let sent = ["sent_delay_req", "sent_sync", "sent_pdelay_req", "sent_pdelay_resp"];
    for (direction, all, missing) in [("received", received, "rx_stamp_missing"), ("sent", sent, "tx_stamp_missing")] {
        let (all, missing) = (all.into_iter().map(|name| count(port, name)).sum::<u64>(), count(port, missing));
        if all < ENOUGH {
            continue;
        }
        let value = format!("{missing} of {all} {direction}");
        found.push(if missing >= all {
            let message = "None of them is ever stamped: the driver or its filter leaves them out.";
            STAMPS_MISSING.fail(value, message)
        } else if missing as f64 > all as f64 * MISSING_SHARE {
            let message = "Some are not stamped: the card or its driver is too busy; those messages measure nothing.";
            STAMPS_MISSING.warn(value, message)
        } else {
            STAMPS_MISSING.ok(value)
        });
    }
    found
}

/// How late transmit stamps are, and whom that points to.
fn stamps_late(port: &PortStatus) -> Option<Finding> {
    let waits = port.tx_stamp_waits.as_ref()?;
    let late = waits.later_than(LATE_S);
    let [median, p99] = [0.5, 0.99].map(|share| in_time(waits.quantile(share).unwrap_or(0.0)));
    let longest = in_time(waits.max_s);
    let value = format!("{late} of {} late; median {median}, 99 % {p99}, longest {longest}", waits.count);
    if late as f64 <= waits.count as f64 * LATE_SHARE {
        return Some(STAMPS_LATE.ok(value));
    }
    let most_are_late = late > waits.count / 2;
    let message = if most_are_late {
        "Nearly all are late: the driver looks for them on a timer, or its worker is always behind."
    } else {
        "Most come at once and some do not: the driver's worker waits for a CPU, or the CPU sleeps too deeply."
    };
    let finding = STAMPS_LATE.warn(value, message);
    Some(if most_are_late {
        finding.remedy(
            "a newer driver; stop other programs that read or steer the card's clock (phc2sys, ts2phc); the stamps are used all the same",
        )
    } else {
        finding
    })
}

/// A limit of the counts, or nothing to speak of.
fn in_time(seconds: f64) -> String {
    if seconds > 0.0 { Duration::from_secs_f64(seconds).to_string() } else { "at once".to_owned() }
}

fn phc_of_port(port: &PortStatus, phc_of: &dyn Fn(&str) -> Option<u32>) -> Option<Finding> {
    let ours = port.phc.as_ref()?;
    let own = format!("/dev/ptp{}", phc_of(&port.interface)?);
    Some(if own == *ours {
        PHC_OF_PORT.ok(own)
    } else {
        PHC_OF_PORT.fail(format!("{ours}, and the card has {own}"), "The stamps are not of the clock that is read.")
    })
}

fn of_phc(phc: &PhcStatus) -> Finding {
    let finding = match &phc.problem {
        Some(problem) => PHC_TROUBLE.fail(format!("{}: {problem}", phc.device), "It cannot be relied on."),
        None if phc.jumps > 0 => {
            PHC_TROUBLE.warn(format!("{}: {} jumps", phc.device, phc.jumps), "Card, driver or another program set it.")
        }
        None => PHC_TROUBLE.ok(format!("{}: {}", phc.device, phc.state)),
    };
    finding.of(phc.name.clone())
}

// ---- Sources ----

pub fn of_source(status: &Status, source: &SourceStatus) -> Vec<Finding> {
    let explanation = explain(status, source);
    let mut found: Vec<_> = explanation.tests.iter().filter_map(noted).collect();
    let own = source.root_distance_s.unwrap_or(0.0);
    match explanation.failed() {
        // A port's own tests are those above.
        Some(Test { test: "port" | "master" | "syncs", .. }) => {}
        Some(test) => found.push(failed(source, test)),
        None if own > ROOT_DISTANCE_MAX_S => {
            let value = format!("{own:.1} s");
            found.push(NTP_ROOT_DISTANCE.warn(value, "It is believed, and hardly knows the time itself."));
        }
        None => found.push(SOURCE.ok(explanation.standing)),
    }
    found.into_iter().map(|finding| finding.of(source.name.clone())).collect()
}

/// What `why` says beside, that somebody should act on.
fn noted(test: &Test) -> Option<Finding> {
    if test.outcome != Outcome::Note {
        return None;
    }
    let (check, message) = match test.test {
        "name" => (DNS, "It is asked at the address of before."),
        "upstream" => (NTP_LOCAL_CLOCK, "Nobody keeps that clock right."),
        "leap second" => (LEAP_SMEAR, "Its time is not the others' around a leap second."),
        _ => return None,
    };
    Some(check.warn(&test.value, message).remedy(&test.remedy))
}

fn failed(source: &SourceStatus, test: &Test) -> Finding {
    let own = source.root_distance_s.unwrap_or(0.0);
    let refusal = source.refusal.as_ref().map(|refusal| refusal.reason.as_str());
    let beyond = source.beyond_s.map(Duration::from_secs_f64).unwrap_or_default();
    let (check, grade, message) = match test.test {
        "name" if source.all_asked.is_some() => (SOURCE, Grade::Warn, "The pool is smaller than asked for."),
        "name" if source.name_error.is_some() => (DNS, Grade::Fail, "Nobody can be asked by that name."),
        "request" => (NTP_SEND, Grade::Fail, "Requests do not leave this host."),
        "answer" => (NTP_ANSWER, Grade::Fail, "A firewall on the way, or no server there."),
        "service" => (NTP_ANSWER, Grade::Fail, "The server does not want to serve this host."),
        "server" if refusal == Some("root_distance_excessive") => {
            (NTP_ROOT_DISTANCE, Grade::Fail, "It says itself that it does not know the time, as Windows servers do.")
        }
        "distance" if own > ROOT_DISTANCE_MAX_S => {
            (NTP_ROOT_DISTANCE, Grade::Fail, "It says itself that it hardly knows the time, as Windows servers do.")
        }
        "server" | "loop" | "source" => (NTP_SERVER, Grade::Fail, "It has no time of its own to give."),
        "stamps" => (STAMPS_MISSING, Grade::Fail, "Without both stamps nothing is measured."),
        "agreement" if source.verdict == "falseticker" && mistaken_for(beyond).is_some() => {
            (TAI_UTC, Grade::Fail, "That is the difference of two timescales, and no error of a clock.")
        }
        "agreement" if source.verdict == "falseticker" => (SOURCE_AGREES, Grade::Fail, "It is not believed."),
        "agreement" if source.verdict == "undecided" => {
            (SOURCE_AGREES, Grade::Fail, "They contradict each other, and none has a majority.")
        }
        _ => (SOURCE, Grade::Warn, "It does not count at the moment."),
    };
    // The table knows the fix on both sides; `why` knows the rest.
    let remedy = if check == NTP_ROOT_DISTANCE { check.remedy } else { &test.remedy };
    let limit = if test.limit.is_empty() { check.limit } else { &test.limit };
    let finding =
        if grade == Grade::Fail { check.fail(&test.value, message) } else { check.warn(&test.value, message) };
    let finding = finding.limit(limit);
    if remedy.is_empty() { finding } else { finding.remedy(remedy) }
}

// ---- Timescales, and other programs ----

/// Whole seconds that people make of TAI, GPS time and UTC, where they are not a source's.
pub fn timescales(status: &Status) -> Option<Finding> {
    if status.reason.starts_with(UTC_DISPUTE) {
        return Some(TAI_UTC.fail(&status.reason, "Until that is settled the system clock does not follow it."));
    }
    let offset = Duration::from_secs_f64(status.clock.offset_from_master_s?);
    let words = mistaken_for(offset)?;
    Some(TAI_UTC.fail(format!("the clock is {offset} off: {words}"), "That is no error of a clock."))
}

fn second_writer(status: &Status) -> Finding {
    let is_told = |text: &str| text.starts_with(CLOCK_SET) || text.starts_with(FREQUENCY_SET);
    let Some(event) = status.events.iter().rev().find(|event| is_told(&event.text)) else {
        return SECOND_WRITER.ok("nobody has been seen to");
    };
    let (what, who) = event.text.split_once(": ").unwrap_or((&event.text, SECOND_WRITER.remedy));
    let (what, who) = event.text.split_once("; suspected: ").unwrap_or((what, who));
    SECOND_WRITER.fail(format!("{}: {what}", event.at), "Another program steers this clock.").remedy(who)
}
