use super::super::examples::{holdover, locked, never_synced, several};
use super::*;

fn code(status: &Status) -> Code {
    verdict(status, &Thresholds::default()).code
}

#[test]
fn a_locked_clock_is_ok_in_one_line_with_its_figures() {
    let verdict = verdict(&locked(), &Thresholds::default());
    assert_eq!(verdict.code, Code::Ok);
    assert_eq!(
        verdict.plugin_line(),
        "OK: time correct to within 840 ns (limit 100 us), LOCKED 3h12m, gm 001b21.fffe.aabbcc, last sample 0.3 s ago \
         | bound=0.00000084s;0.0001;0.001;0 offset=-0.00000012s path_delay=0.00000122s last_sample_age=0.3s;;60;0"
    );
}

#[test]
fn holdover_is_a_warning_until_its_last_sample_is_too_old() {
    let mut status = holdover();
    let found = verdict(&status, &Thresholds::default());
    assert_eq!(found.code, Code::Warning);
    assert!(
        found.line.starts_with("WARNING: no sample for four intervals; time correct to within 46.4 us"),
        "{found:?}"
    );
    status.clock.last_sample_age_s = Some(60.1);
    assert_eq!(code(&status), Code::Critical);
    let patient = Thresholds { max_age: Duration::from_secs(600), ..Thresholds::default() };
    assert_eq!(verdict(&status, &patient).code, Code::Warning);
}

#[test]
fn every_state_without_synchronisation_is_critical() {
    for state in SyncState::ALL {
        let expected = match state {
            SyncState::Locked => Code::Ok,
            SyncState::Holdover => Code::Warning,
            _ => Code::Critical,
        };
        assert_eq!(code(&Status { state, ..locked() }), expected, "{state}");
    }
}

#[test]
fn a_clock_that_was_never_synchronised_gives_no_figures() {
    let verdict = verdict(&never_synced(), &Thresholds::default());
    assert_eq!(verdict.code, Code::Critical);
    assert_eq!(
        verdict.plugin_line(),
        "CRITICAL: no Announce was heard on vb0 in domain 0; time not synchronised, NEVER_SYNCED 12 s, error unknown, no \
         sample yet"
    );
}

#[test]
fn the_bound_is_judged_by_the_lock_limit_and_ten_times_it() {
    let mut status = locked();
    for (bound_s, expected) in
        [(100e-6, Code::Ok), (101e-6, Code::Warning), (999e-6, Code::Warning), (1_001e-6, Code::Critical)]
    {
        status.clock.bound_s = Some(bound_s);
        assert_eq!(code(&status), expected, "{bound_s}");
    }
    status.clock.bound_s = None;
    assert_eq!(code(&status), Code::Critical, "synchronised without a bound cannot be");
}

#[test]
fn limits_can_be_given_and_the_lower_one_counts() {
    let mut status = locked();
    let micros = |micros| Some(Duration::from_micros(micros));
    let tight = Thresholds { warn: micros(500), crit: micros(50), ..Thresholds::default() };
    status.clock.bound_s = Some(51e-6);
    assert_eq!(verdict(&status, &tight).code, Code::Critical);
    status.clock.bound_s = Some(49e-6);
    assert_eq!(verdict(&status, &tight).code, Code::Ok);
    let loose = Thresholds { warn: micros(1_000), crit: None, ..Thresholds::default() };
    status.clock.bound_s = Some(9_999e-6);
    assert_eq!(verdict(&status, &loose).code, Code::Warning, "ten times the given warning");
}

#[test]
fn a_silent_thread_and_a_broken_bound_are_critical() {
    let mut status = locked();
    status.threads[1].alive_age_s = Some(10.5);
    let found = findings(&status, &Thresholds::default());
    assert_eq!(
        found,
        [Finding { code: Code::Critical, text: "thread discipline has been silent for 10 s".to_owned() }]
    );
    let mut status = locked();
    status.truth.as_mut().unwrap().violations = 1;
    let found = findings(&status, &Thresholds::default());
    assert_eq!(found[0].text, "the true error left the claimed bound 1 time in 1000 samples");
}

#[test]
fn the_worst_comes_first() {
    let mut status = holdover();
    status.threads[0].alive_age_s = Some(99.0);
    let codes: Vec<_> = findings(&status, &Thresholds::default()).iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [Code::Critical, Code::Warning]);
}

#[test]
fn who_cannot_be_asked_is_unknown_in_one_line() {
    let verdict = Verdict::unknown("the daemon is not running\nstart it | now");
    assert_eq!(verdict.code as u8, 3);
    assert_eq!(verdict.plugin_line(), "UNKNOWN: the daemon is not running; start it / now");
    let json: serde_json::Value = serde_json::from_str(&verdict.to_json(None)).unwrap();
    assert_eq!((&json["code"], &json["bound_s"]), (&3.into(), &serde_json::Value::Null));
}

#[test]
fn performance_data_has_no_exponent() {
    assert_eq!([1e-12, -2.5e-10, 0.0, 1e6].map(decimal), ["0.000000000001", "-0.00000000025", "0", "1000000"]);
}

#[test]
fn a_falseticker_is_a_warning_that_names_it_and_so_are_sources_without_a_majority() {
    let mut status = several();
    let found = findings(&status, &Thresholds::default());
    let text = "ntp 198.51.100.7 is a falseticker: it is 49.7 ms ahead of all that the majority allows".to_owned();
    assert_eq!(
        found,
        [Finding { code: Code::Warning, text }],
        "one of four: the clock is right, and who lies is to be mended"
    );
    status.sources.retain(|source| source.verdict != "falseticker");
    assert_eq!(code(&status), Code::Ok, "a name that is unknown is none");
    for source in &mut status.sources[..2] {
        source.verdict = "undecided".to_owned();
    }
    let found = verdict(&status, &Thresholds::default());
    assert_eq!(found.code, Code::Warning);
    assert!(found.line.contains("contradicted, without a majority: ptp vb0, ntp ntp1.example.net;"), "{found:?}");
}

#[test]
fn when_no_source_is_heard_any_more_it_is_critical_while_the_clock_still_holds() {
    let mut status = Status { sources: several().sources, ..holdover() };
    assert_eq!(code(&status), Code::Warning);
    status.sources.retain(|source| source.kind == "ntp");
    for source in &mut status.sources {
        source.reach = source.reach.map(|reach| reach << 2);
    }
    assert_eq!(code(&status), Code::Warning, "two requests may be lost");
    for source in &mut status.sources {
        source.reach = source.reach.map(|reach| reach << 1);
    }
    let found = verdict(&status, &Thresholds::default());
    assert_eq!(found.code, Code::Critical);
    assert!(found.line.contains("ntp ntp1.example.net: its last three requests were not answered"), "{found:?}");
    assert!(found.line.contains("ntp ntp9.example.net: its name cannot be looked up"), "{found:?}");
}

#[test]
fn who_smears_beside_who_does_not_is_a_warning_with_what_to_do_also_while_they_agree() {
    let mut status = several();
    status.sources.retain(|source| source.verdict != "falseticker");
    assert_eq!(code(&status), Code::Ok, "{:#?}", findings(&status, &Thresholds::default()));
    let smeared = Some("a smeared leap second (+0.001 s)".to_owned());
    let last = status.sources.iter().rposition(|source| source.verdict == "agrees").expect("one");
    status.sources[last].reference_id.clone_from(&smeared);
    let found = findings(&status, &Thresholds::default());
    let name = named(&status.sources[last]);
    assert_eq!((found.len(), found[0].code), (1, Code::Warning), "{found:#?}");
    assert!(found[0].text.starts_with(&format!("a leap second is smeared by {name}, and not by ")), "{found:#?}");
    assert!(found[0].text.ends_with("ask only the ones or the others"), "{found:#?}");
    // If all do, or all others are silent, nobody disagrees.
    for source in &mut status.sources {
        source.reference_id.clone_from(&smeared);
    }
    assert_eq!(code(&status), Code::Ok);
    status.sources[0].reference_id = None;
    assert_eq!(code(&status), Code::Warning);
    status.sources[0].verdict = "silent".to_owned();
    assert_eq!(code(&status), Code::Ok);
}

#[test]
fn near_a_leap_second_a_falsetickers_warning_says_that_it_may_be_a_smear() {
    let mut status = several();
    let liar = status.sources.iter_mut().find(|source| source.verdict == "falseticker").expect("one");
    liar.beyond_s = Some(-0.4);
    let text = |status: &Status| findings(status, &Thresholds::default())[0].text.clone();
    assert!(!text(&status).contains("unsmeared"), "no leap second is near");
    status.clock.leap_age_s = Some(3_600.0);
    assert!(text(&status).contains("a smeared and an unsmeared source differ like this"), "{}", text(&status));
    assert!(text(&status).contains("ask only the ones or the others"), "{}", text(&status));
}
