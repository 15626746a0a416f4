use super::super::examples::{locked, never_synced, several};
use super::super::status::GrandmasterChangeStatus;
use super::*;

fn server(source: &SourceStatus) -> Explanation {
    explain(&several(), source)
}

/// A server that answers and agrees, as the examples have it.
fn guard() -> SourceStatus {
    SourceStatus {
        reference_id: Some("GNSS".to_owned()),
        client_state: Some("reachable".to_owned()),
        max_distance_s: Some(3.0),
        counters: [("requests".to_owned(), 12)].into(),
        ..several().sources[1].clone()
    }
}

fn refused(reason: &str, root_dispersion_s: f64) -> SourceStatus {
    let refusal = RefusalStatus {
        reason: reason.to_owned(),
        leap: "none".to_owned(),
        stratum: 3,
        reference_id: "192.0.2.9".to_owned(),
        root_delay_s: 0.0,
        root_dispersion_s,
    };
    SourceStatus { refusal: Some(refusal), verdict: "silent".to_owned(), reach: Some(0), distance_s: None, ..guard() }
}

/// What fails, its value, the limit and the remedy.
fn failed(explanation: &Explanation) -> (&'static str, &str, &str, &str) {
    let test = explanation.failed().unwrap_or_else(|| panic!("nothing fails: {explanation:#?}"));
    assert_eq!(explanation.tests.last(), Some(test), "nothing is said after the reason");
    (test.test, &test.value, &test.limit, &test.remedy)
}

#[test]
fn who_steers_has_passed_every_test() {
    let status = several();
    let explanation = explain(&status, &status.sources[0]);
    assert_eq!((explanation.standing, explanation.failed()), ("steers", None));
    let names: Vec<_> = explanation.tests.iter().map(|test| test.test).collect();
    assert_eq!(names, ["port", "master", "syncs", "distance", "agreement", "selection"]);
}

#[test]
fn what_sources_announce_against_the_list_of_leap_seconds_is_noted_with_what_to_do() {
    let mut status = several();
    status.clock.leap_dispute = Some("the sources announce a leap second".to_owned());
    let explanation = explain(&status, &status.sources[0]);
    let noted = explanation.tests.iter().find(|test| test.test == "leap second").expect("it is noted");
    assert_eq!((explanation.failed(), noted.value.as_str()), (None, "the sources announce a leap second"));
    assert!(noted.remedy.contains("clock.leap_file"));
}

#[test]
fn who_guards_is_told_what_it_would_take_to_steer() {
    let explanation = server(&guard());
    assert_eq!((explanation.standing, explanation.failed()), ("guards", None));
    let last = explanation.tests.last().unwrap();
    assert_eq!(last.outcome, Outcome::Note);
    assert!(last.value.contains("ptp vb0 steers") && last.remedy.contains("ntp.source.prefer"), "{last:?}");
    let waits = server(&SourceStatus { good_for_s: Some(3.0), hold_off_s: Some(30.0), ..guard() });
    assert_eq!(waits.tests.last().unwrap().remedy, "selection.hold_off");
}

#[test]
fn a_name_that_is_unknown_comes_first() {
    let name_error = Some("Temporary failure in name resolution".to_owned());
    let explanation = server(&SourceStatus { address: None, name_error: name_error.clone(), ..guard() });
    assert_eq!(failed(&explanation).0, "name");
    assert_eq!(failed(&explanation).1, "cannot be looked up: Temporary failure in name resolution");
    // Who answers at the address from before does so without a name.
    let explanation = server(&SourceStatus { name_error, ..guard() });
    assert_eq!(explanation.failed(), None);
    let noted = &explanation.tests[0];
    assert_eq!((noted.test, noted.outcome), ("name", Outcome::Note));
    assert!(noted.value.contains("Temporary failure in name resolution"), "{noted:?}");
}

#[test]
fn a_member_for_whom_a_pool_has_no_address_is_told_what_would_give_it_one_and_when_it_is_tried_again() {
    let reason = "all 2 addresses of its name are asked already".to_owned();
    let spare = SourceStatus {
        address: None,
        all_asked: Some(2),
        look_up_in_s: Some(42.4),
        verdict: "silent".to_owned(),
        reason,
        offset_s: None,
        distance_s: None,
        ..guard()
    };
    let explanation = server(&spare);
    let (test, value, limit, remedy) = failed(&explanation);
    let shown = "all 2 addresses of its name are asked already; it is tried again in 42 s";
    assert_eq!((test, value, limit), ("name", shown, "an address that nobody else asks"));
    assert!(remedy.contains("ntp.source.pool"), "{remedy}");
    // The same in the two other views.
    let mut status = several();
    status.sources.push(spare);
    let table = crate::observe::render::sources_table(&status.sources);
    let line = table.lines().last().unwrap_or_default();
    assert!(line.starts_with("spare ") && line.ends_with(shown), "{table}");
    let page = crate::observe::render::render(&status, crate::observe::render::Style::default());
    assert!(page.contains(shown), "{page}");
}

#[test]
fn a_request_that_cannot_leave_says_why() {
    let explanation = server(&SourceStatus { send_error: Some("Network is unreachable".to_owned()), ..guard() });
    assert_eq!(failed(&explanation).0, "request");
    assert_eq!(failed(&explanation).1, "Network is unreachable");
}

#[test]
fn a_closed_port_is_named_after_three_requests() {
    let closed = SourceStatus { reach: Some(0b1111_1000), unanswered: Some(3), ..guard() };
    let explanation = server(&closed);
    let (test, value, limit, remedy) = failed(&explanation);
    assert_eq!((test, value, limit), ("answer", "none to the last 3 requests", "one to the last 3"));
    assert!(remedy.contains("port 123"), "{remedy}");
    let steers = server(&SourceStatus { is_steering: true, ..closed.clone() });
    assert_eq!(steers.standing, "lost");
    let early = server(&SourceStatus { reach: Some(0b1111_1100), unanswered: Some(2), ..closed.clone() });
    assert_eq!(early.failed(), None);
    let silent =
        SourceStatus { verdict: "silent".to_owned(), reach: Some(0b1111_1100), unanswered: Some(2), ..closed.clone() };
    let (test, value, limit) = (server(&silent), "none to the last 2 requests", "one within four polls");
    let (failed_test, its_value, its_limit, _) = failed(&test);
    assert_eq!((failed_test, its_value, its_limit), ("answer", value, limit));
    let forged = [("requests".to_owned(), 9), ("origin_mismatch".to_owned(), 4)].into();
    let explanation = server(&SourceStatus { counters: forged, ..closed });
    assert!(failed(&explanation).1.contains("origin_mismatch 4"), "{explanation:#?}");
}

#[test]
fn an_answer_that_is_of_no_use_is_no_silence() {
    for (reason, test) in [
        ("kiss_deny", "service"),
        ("unsynchronised", "server"),
        ("stratum_excessive", "server"),
        ("root_distance_excessive", "server"),
        ("follows_us", "loop"),
        ("tx_stamp_missing", "stamps"),
        ("round_trip_excessive", "round trip"),
        ("timestamp_unset", "server"),
    ] {
        assert_eq!(failed(&server(&refused(reason, 0.1))).0, test, "{reason}");
    }
}

#[test]
fn a_windows_server_is_told_on_both_sides_what_to_do() {
    let explanation = server(&refused("root_distance_excessive", 20.0));
    let (_, value, limit, remedy) = failed(&explanation);
    assert!(value.contains("20") && limit.contains("16 s"), "{value}; {limit}");
    assert!(remedy.contains("LocalClockDispersion") && remedy.contains("max_distance"), "{remedy}");
    let believed = SourceStatus { distance_s: Some(10.3), root_distance_s: Some(10.2), ..guard() };
    let explanation = server(&believed);
    let (test, _, limit, remedy) = failed(&explanation);
    assert_eq!((test, limit), ("distance", "to within 3.00 s (ntp.source.max_distance)"));
    assert!(remedy.contains("LocalClockDispersion"), "{remedy}");
    let explanation = server(&SourceStatus { distance_s: Some(4.0), root_distance_s: Some(0.1), ..guard() });
    assert!(failed(&explanation).3.contains("the way to it"), "{explanation:#?}");
}

#[test]
fn a_falseticker_that_forgot_leap_seconds_hears_which() {
    let liar = SourceStatus { verdict: "falseticker".to_owned(), beyond_s: Some(37.0), ..guard() };
    let explanation = server(&liar);
    let (test, _, _, remedy) = failed(&explanation);
    assert_eq!((explanation.standing, test), ("falseticker", "agreement"));
    assert!(remedy.contains("TAI is taken for UTC"), "{remedy}");
}

#[test]
fn of_a_grandmaster_that_is_wrong_its_claim_and_that_it_is_new_are_told() {
    let mut status = several();
    status.sources[0] = SourceStatus {
        verdict: "falseticker".to_owned(),
        is_steering: false,
        beyond_s: Some(0.05),
        ..status.sources[0].clone()
    };
    let remedy = |status: &Status| failed(&explain(status, &status.sources[0])).3.to_owned();
    assert!(
        remedy(&status).starts_with("look at that source first"),
        "it claims nothing (248), and has always been there"
    );
    status.ptp[0].grandmaster.as_mut().unwrap().class = 6;
    let (from, to) = ("001b21.fffe.000001".to_owned(), "001b21.fffe.aabbcc".to_owned());
    status.ptp[0].grandmaster_change = Some(GrandmasterChangeStatus { from, to, age_s: 12.0 });
    let expected = "its grandmaster changed from 001b21.fffe.000001 to 001b21.fffe.aabbcc 12 s ago. its grandmaster claims \
                    clockClass 6 (locked to a primary reference) and is at least 50.0 ms off. look at";
    assert!(remedy(&status).starts_with(expected), "{}", remedy(&status));
    status.ptp[0].grandmaster_change.as_mut().unwrap().age_s = 4_000.0;
    assert!(!remedy(&status).contains("changed"), "long ago");
}

#[test]
fn near_a_leap_second_a_difference_of_less_than_a_second_may_be_a_smear() {
    let liar = |beyond_s| SourceStatus { verdict: "falseticker".to_owned(), beyond_s: Some(beyond_s), ..guard() };
    let mut status = several();
    let says_so = |status: &Status, beyond_s| {
        let explanation = explain(status, &liar(beyond_s));
        failed(&explanation).3.contains("a smeared and an unsmeared source differ like this")
    };
    assert!(!says_so(&status, -0.4), "no leap second is near");
    status.clock.leap = Some("insert".to_owned());
    assert!(says_so(&status, -0.4) && !says_so(&status, 2.0));
    status.clock.leap = Some("none".to_owned());
    status.clock.leap_age_s = Some(3_600.0);
    assert!(says_so(&status, 0.9));
    status.clock.leap_age_s = Some(90_000.0);
    assert!(!says_so(&status, 0.9), "it is over");
}

#[test]
fn two_that_contradict_each_other_are_told_how_to_decide() {
    let explanation = server(&SourceStatus { verdict: "undecided".to_owned(), ..guard() });
    assert!(failed(&explanation).3.contains("selection.conflict = \"prefer\""), "{explanation:#?}");
}

#[test]
fn an_upstream_that_follows_its_own_clock_is_noted() {
    let explanation = server(&SourceStatus { reference_id: Some("LOCL".to_owned()), ..guard() });
    let note = explanation.tests.iter().find(|test| test.test == "upstream").expect("a note");
    assert_eq!((note.outcome, explanation.failed()), (Outcome::Note, None));
}

#[test]
fn a_server_that_smears_a_leap_second_is_noted() {
    let reference_id = Some("a smeared leap second (-0.250 s)".to_owned());
    let explanation = server(&SourceStatus { reference_id, ..guard() });
    let note = explanation.tests.iter().find(|test| test.test == "leap second").expect("a note");
    assert_eq!((note.outcome, explanation.failed()), (Outcome::Note, None));
}

#[test]
fn who_is_only_watched_is_unfit_by_an_option() {
    let explanation = server(&SourceStatus { options: vec!["noselect".to_owned()], ..guard() });
    assert_eq!((explanation.standing, failed(&explanation).3), ("unfit", "ntp.source.noselect"));
}

#[test]
fn without_those_that_are_required_nobody_counts() {
    let mut status = several();
    status.sources[2].options = vec!["require".to_owned()];
    let explanation = explain(&status, &guard());
    assert_eq!(failed(&explanation).3, "ntp.source.require");
}

#[test]
fn a_port_alone_is_explained_too() {
    let status = locked();
    let all = sources(&status);
    assert_eq!(all.len(), 1);
    assert_eq!(explain(&status, &all[0]).standing, "steers");
    let status = never_synced();
    let all = sources(&status);
    let explanation = explain(&status, &all[0]);
    let (test, _, limit, remedy) = failed(&explanation);
    assert_eq!((test, limit), ("master", "an Announce that can be followed"));
    assert!(remedy.contains("ptp.domain"), "{remedy}");
}

#[test]
fn a_source_is_meant_by_its_name_its_address_or_both() {
    let all = several().sources;
    for name in ["ntp1.example.net", "192.0.2.1", "192.0.2.1:123", "ntp ntp1.example.net"] {
        let meant = named(&all, name);
        assert_eq!(meant.len(), 1, "{name}");
        assert_eq!(meant[0].name, "ntp1.example.net");
    }
    assert!(named(&all, "ntp1").is_empty());
}

#[test]
fn the_text_marks_each_test_and_says_the_remedy_below() {
    let explanation = server(&SourceStatus { options: vec!["noselect".to_owned()], ..guard() });
    assert_eq!(
        render(&explanation),
        "\
ntp ntp1.example.net (192.0.2.1:123): unfit
  [ OK ] name          192.0.2.1:123
  [ OK ] request       12 requests sent
  [ OK ] answer        reach 377
  [ OK ] server        stratum 1, follows GNSS
  [ OK ] distance      our clock is 2.00 us off by it, to within 240 us
  [ OK ] agreement     it agrees with the majority
  [FAIL] selection     it is only watched; must be: noselect = false
                    -> ntp.source.noselect
"
    );
}
