use serde_json::json;

use super::*;

/// An answer `at` seconds after the start, of a daemon with two PHCs.
fn word(at: f64, state: &str, age_s: f64) -> Word {
    let counters = json!({"received_sync": (at * 4.0) as u64 + 3, "sync_unpaired": 1, "rx_stamp_missing": 2});
    let answer = json!({
        "state": state,
        "reason": "The card delivers no receive stamps",
        "clock": {"kind": "system", "bound_s": 8.4e-7, "last_sample_age_s": age_s},
        "phcs": [
            {"name": "phv1", "state": "LOCKED", "is_steered": true, "bound_s": 1.2e-7, "last_sample_age_s": 0.2, "crossing_method": "basic"},
            {"name": "phv3.5", "state": "ACQUIRING", "bound_s": null, "crossing_method": ""},
        ],
        "ptp": [{"timestamps": "hardware", "counters": counters}, {"timestamps": null}],
        "events": [{"age_s": 50.0, "text": "Old"}, {"age_s": 5.0, "text": "New"}],
    });
    Word::of(at, &answer, 10.0)
}

fn expect(rest: &str) -> Expect {
    toml::from_str(&format!("from = 10\nto = 20\n{rest}")).unwrap()
}

fn unmet_of(rest: &str, words: &[Word]) -> String {
    unmet(&expect(rest), words).join("; ")
}

#[test]
fn an_answer_is_understood_by_its_clocks() {
    let word = word(60.0, "LOCKED", 0.5);
    let states = [Clock::PHC, Clock::Phc(3), Clock::System, Clock::Phc(5)].map(|clock| word.state(clock));
    assert_eq!(states, ["LOCKED", "ACQUIRING", "LOCKED", ""]);
    assert!((word.bound_ns(Clock::System).unwrap() - 840.0).abs() < 1e-6);
    assert_eq!((word.bound_ns(Clock::Phc(3)), word.syncs, word.stamps.len()), (None, Some(240), 1));
    let steered: Vec<_> = word.clocks.values().map(|said| said.is_steered).collect();
    assert_eq!(steered, [true, false, true]);
    assert!(word.text.contains("no receive stamps") && word.text.contains("new"));
    assert!(!word.text.contains("old"), "old events are not news");
}

#[test]
fn a_standing_is_what_was_said_throughout_a_window() {
    let words = [word(5.0, "HOLDOVER", 9.0), word(10.0, "LOCKED", 0.1), word(12.0, "LOCKED", 0.7)];
    let standing = Standing::of(&words, Clock::System, (8.0, 20.0));
    assert_eq!((standing.answers, standing.states.len()), (2, 1));
    assert!((standing.sample_age_s - 0.7).abs() < 1e-12 && (standing.syncs_per_s.unwrap() - 4.0).abs() < 1e-12);
    let all = Standing::of(&words, Clock::System, (0.0, 20.0));
    assert_eq!(all.states.len(), 2);
    assert!((all.sample_age_s - 0.7).abs() < 1e-12, "a clock that holds over has no new samples, and says so");
    assert_eq!(Standing::of(&words, Clock::System, (11.0, 20.0)).syncs_per_s, None, "one answer has no rate");
    assert_eq!(Standing::of(&words, Clock::System, (20.0, 30.0)), Standing::default());
    let portless = words.map(|word| Word { syncs: None, ..word });
    assert_eq!(Standing::of(&portless, Clock::System, (0.0, 20.0)).syncs_per_s, None, "who has no port hears no Syncs");
}

#[test]
fn what_is_expected_is_expected_of_each_answer_of_the_window() {
    let words = [word(5.0, "NEVER_SYNCED", 0.1), word(10.0, "LOCKED", 0.1), word(15.0, "HOLDOVER", 0.1)];
    assert_eq!(unmet_of("state = ['LOCKED', 'HOLDOVER']\nstamps = 'hardware'\nmethod = 'basic'", &words), "");
    assert!(unmet_of("state = ['LOCKED']", &words).contains("HOLDOVER at 15.0 s"));
    assert!(unmet_of("stamps = 'software'", &words).contains("hardware"));
    assert!(unmet_of("method = 'precise'", &words).contains("basic"));
    assert_eq!(unmet_of("[[bound]]\nclock = 'system'\nmin_ns = 800", &words), "");
    assert!(unmet_of("[[bound]]\nclock = 'system'\nmin_ns = 900", &words).contains("840"));
    assert!(unmet_of("[[bound]]\nclock = 'phv3'\nmin_ns = 1", &words).contains("None"));
    assert!(unmet_of("state = ['LOCKED']", &[]).contains("no answer"));
    assert_eq!(unmet_of("unsync = true", &[]), "", "that is the kernel's");
}

#[test]
fn all_that_should_be_said_is_said_and_nothing_that_should_not() {
    let words = [word(10.0, "LOCKED", 0.1)];
    assert_eq!(unmet_of("says = ['No Receive Stamps', 'new']\nnever = ['contradict']", &words), "");
    assert!(unmet_of("says = ['no receive stamps', 'software']", &words).contains("`software` is not said"));
    assert!(unmet_of("never = ['receive']", &words).contains("`receive` is said"));
}
