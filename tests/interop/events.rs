//! Events of a real daemon, followed by the command: each kind that people act on appears, with what was before and why.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration as Timeout;

use nix::sys::signal::Signal;
use synchronome::observe::EventRecord;
use synchronome::time::SyncState;

use super::daemon::{Daemon, Options};
use super::lab::Lab;
use super::ntp::{Liar, chronyd_server, source};
use super::running::Running;

mod beside {
    use super::*;

    #[test]
    fn a_state_a_step_a_hand_over_a_falseticker_and_a_disruption_are_each_told_as_they_happen() {
        let mut lab = Lab::beside_others();
        let (master, slave) = lab.pair_with(&[3, 4]);
        let mut first = chronyd_server(&lab, &master, "10.71.0.1");
        let _second = chronyd_server(&lab, &master, "10.71.0.3");
        let _liar = Liar::start(&master, Ipv4Addr::new(10, 71, 0, 4));
        let more = "[[ntp.source]]\naddress = \"10.71.0.1\"\npoll = 0\nprefer = true\n\
                    [[ntp.source]]\naddress = \"10.71.0.3\"\npoll = 0\n\
                    [[ntp.source]]\naddress = \"10.71.0.4\"\npoll = 0\n";
        let mut daemon = Daemon::start(&lab, &slave, Options { more, ..Options::default() });
        let mut command = Command::new(super::super::daemon::SYNCHRONOME);
        command.args(["events", "--follow", "--since", "1h", "--json", "--socket"]).arg(daemon.socket());
        let mut follower = Running::start(&lab, "follower", &mut command);
        daemon.wait("it is LOCKED by the first server", |status| {
            status.state == SyncState::Locked && source(status, "10.71.0.1").is_steering
        });
        daemon.wait("the liar is found out", |status| source(status, "10.71.0.4").verdict == "falseticker");
        first.end_by(Signal::SIGTERM);
        daemon.wait("the second server steers", |status| source(status, "10.71.0.3").is_steering);
        daemon.stop_for(Timeout::from_millis(2_500));
        follower.wait_until_printed("\"kind\":\"disruption\"");
        daemon.set_clock(60_000);
        follower.wait_until_printed("\"kind\":\"clock_set\"");
        follower.wait_until_printed("\"new\":\"DISRUPTED\"");
        let status = daemon.status();

        let printed = follower.printed();
        let events: Vec<EventRecord> =
            printed.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect();
        let told = |kind: &str, subject: &str| {
            let found = events.iter().find(|event| event.kind == kind && event.subject.contains(subject));
            let found = found.unwrap_or_else(|| panic!("no {kind} of {subject} in {events:#?}"));
            let why = found.reason.clone().unwrap_or_default();
            println!("events: {kind}: {} -> {}: {why}", old(found), new(found));
            (old(found).to_owned(), new(found).to_owned(), why)
        };
        assert_eq!((told("state", "simulated").0, told("state", "simulated").1), words("NEVER_SYNCED", "ACQUIRING"));
        let (before, after, why) = told("step", "simulated");
        assert!(["1.0", "999.", "1000 "].iter().any(|start| before.starts_with(start)), "the offset was 1 s: {before}");
        assert!(after == "0 s" && !why.is_empty(), "{after} {why}");
        let (_, after, why) = told("falseticker", "10.71.0.4");
        assert!(after == "falseticker" && why.contains("ahead of all that the majority allows"), "{after} {why}");
        let handovers: Vec<_> = events.iter().filter(|event| event.kind == "handover").collect();
        let last = handovers.last().expect("one steers after the other");
        assert!(old(last).contains("10.71.0.1") && new(last).contains("10.71.0.3"), "{last:#?}");
        assert!(!told("disruption", "machine").2.is_empty());
        let (before, after, _) = told("clock_set", "simulated");
        assert!(before < after && before.ends_with('Z'), "{before} {after}: RFC 3339, and a minute later");
        let numbers: Vec<_> = events.iter().map(|event| event.number).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "each once, in order");

        // The counts are what the metrics show.
        let mut counts = BTreeMap::new();
        for event in &events {
            *counts.entry(event.kind.clone()).or_insert(0) += 1;
        }
        for kind in ["step", "falseticker", "handover", "disruption", "clock_set"] {
            assert_eq!(status.event_counts.get(kind), counts.get(kind), "{kind}");
        }

        let (text, code) = daemon.command(&["events", "--kind", "step,handover"]);
        assert_eq!((text.lines().count(), code), (1 + handovers.len(), 0), "{text}");
        assert!(text.contains(" step        stepped the clock by -"), "{text}");
        daemon.end();
        assert_eq!(follower.wait_for_end().code(), Some(1), "the daemon has ended, and that is told");
    }

    fn words(old: &str, new: &str) -> (String, String) {
        (old.to_owned(), new.to_owned())
    }
}

/// What was, or nothing.
fn old(event: &EventRecord) -> &str {
    event.old.as_deref().unwrap_or_default()
}

/// What is, or nothing.
fn new(event: &EventRecord) -> &str {
    event.new.as_deref().unwrap_or_default()
}
