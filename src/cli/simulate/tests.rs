//! Files in, figures out.

use std::path::{Path, PathBuf};

use super::scenario::{is_meant, load};
use super::*;
use crate::time::SyncState;

const SMALL: &str = "about = \"A test.\"\nduration = \"40s\"\n[[master]]\nname = \"gm\"\n[[host]]\nname = \"server\"\n";

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn small(more: &str) -> Scenario {
    load(&format!("{SMALL}{more}"), "t.toml").unwrap_or_else(|errors| panic!("{errors}"))
}

fn complaints(text: &str) -> String {
    load(text, "t.toml").expect_err("must be refused").to_string()
}

fn in_words(outcome: &Outcome) -> String {
    outcome.broken.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[test]
fn the_manual_is_current() {
    let path = repository("src/manual/simulator.md");
    if std::env::var_os("SYNCHRONOME_WRITE_MANUAL").is_some() {
        std::fs::write(&path, manual()).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(found == manual(), "run: SYNCHRONOME_WRITE_MANUAL=1 cargo test --lib simulate");
}

#[test]
fn every_sample_scenario_is_right_and_says_what_it_shows() {
    let files: Vec<_> =
        std::fs::read_dir(repository("config/scenarios")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 15, "{files:?}");
    for file in files {
        let scenario = scenario::load_file(&file).unwrap_or_else(|errors| panic!("{errors}"));
        assert!(scenario.about.ends_with('.'), "{}", file.display());
        assert!(is_meant(&std::fs::read_to_string(file).unwrap()));
    }
}

#[test]
fn all_that_is_wrong_with_a_file_is_told_at_once() {
    let text = "duration = \"1min\"\n[[master]]\nname = \"gm\"\n[master.path]\ndelay = 5\nlos = 0.1\n\
                [[host]]\nname = \"gm\"\n[[event]]\nat = \"2min\"\nwhat = \"set_clock\"\nwho = \"gn\"\n\
                [[window]]\nfrom = \"50s\"\nuntil = \"40s\"\n";
    let told = complaints(text);
    for wanted in [
        "`about` is missing",
        "master[0].path.delay: a duration needs its unit",
        "did you mean `\"5us\"`?",
        "did you mean `loss`?",
        "\"gm\" is a name already",
        "after the end of the run",
        "\"set_clock\" needs `by`",
        "\"set_clock\" cannot happen to \"gn\"",
        "not a part of the run",
    ] {
        assert!(told.contains(wanted), "{wanted} is not in:\n{told}");
    }
    let told = complaints("about = \"Nobody.\"\nduration = \"1min\"\n");
    assert!(told.contains("add a [[master]]") && told.contains("add a [[host]]"), "{told}");
}

#[test]
fn whoever_is_on_two_segments_has_two_ports_and_hands_the_time_on() {
    let text = "about = \"A row.\"\nduration = \"60s\"\n[[master]]\nname = \"gm\"\n[[host]]\nname = \"bc\"\ncount = 3\n\
                [[segment]]\nmembers = \"gm bc-1\"\n[[segment]]\nmembers = \"bc-1..2\"\n\
                [[segment]]\nmembers = \"bc-2 bc-3\"\n[segment.path]\nloss = 0.01\n\
                [[event]]\nat = \"40s\"\nwho = \"bc-2\"\nwhat = \"link_down\"\n\
                [[window]]\nfrom = \"20s\"\nuntil = \"40s\"\nmax = \"1us\"\nbounded = 1.0\n[limits]\nend_state = \"any\"\n";
    let scenario = load(text, "t.toml").unwrap_or_else(|errors| panic!("{errors}"));
    let ports: Vec<_> = scenario.hosts.iter().map(|host| (&*host.name, 1 + host.config.more_ports.len())).collect();
    assert_eq!(ports, [("bc-1", 2), ("bc-2", 2), ("bc-3", 1)]);
    let outcome = run::run(&scenario, 1);
    assert_eq!(in_words(&outcome), "");
    let ends: Vec<_> = outcome.hosts.iter().map(|host| host.end_state).collect();
    assert_eq!(
        ends,
        [SyncState::Locked, SyncState::Holdover, SyncState::Holdover],
        "its cables are pulled on both sides"
    );
    assert_eq!(outcome.hosts[2].parents.len(), 1, "bc-3 has its time by two boundary clocks");
}

/// A grandmaster with a receiver, two boundary clocks between two segments, and a slave.
const RING: &str = "about = \"A ring.\"\nduration = \"70s\"\n[[host]]\nname = \"gnss\"\nreceiver = true\ntai_utc = 37\nlock_limit = \"1ms\"\n\
    announce_interval = -2\n[[host]]\nname = \"bc\"\ncount = 2\nlock_limit = \"1ms\"\nannounce_interval = -2\n[[host]]\nname = \"end\"\n\
    lock_limit = \"1ms\"\nannounce_interval = -2\n[[segment]]\nmembers = \"gnss bc-1..2\"\n[[segment]]\nmembers = \"bc-1..2 end\"\n";

#[test]
fn after_each_round_of_a_churn_the_tree_is_what_the_data_sets_say() {
    let churned = |more: &str| {
        let text = format!("{RING}[churn]\nfrom = \"40s\"\nevery = \"10s\"\n{more}[limits]\nend_state = \"any\"\n");
        let scenario = load(&text, "t.toml").unwrap_or_else(|errors| panic!("{errors}"));
        let outcome = run::run(&scenario, 1);
        let told = report::text("t", &scenario, &outcome);
        (outcome, told)
    };
    let (good, told) = churned("settle = \"8s\"\nchanges = 1\n");
    assert_eq!((good.rounds.len(), in_words(&good)), (5, String::new()), "{told}");
    assert!(told.contains("rounds, the tree right after"), "{told}");
    let (bad, _) = churned("settle = \"1ms\"\nwho = \"gnss\"\nwhat = \"leave\"\n");
    assert!(in_words(&bad).contains("where it should be"), "{}", in_words(&bad));
}

#[test]
fn a_storm_of_better_clocks_that_are_heard_once_moves_nobody() {
    let text =
        format!("{RING}[[storm]]\nsegment = 2\nrate = 200\nfrom = \"40s\"\nfor = \"10s\"\n[limits]\nparents = 1\n");
    let text = text.replace(
        "[[host]]\nname = \"gnss\"\nreceiver = true\ntai_utc = 37",
        "[[master]]\nname = \"gm\"\n[[host]]\nname = \"gnss\"",
    );
    let text = text.replace("\"gnss bc-1..2\"", "\"gm gnss bc-1..2\"");
    let scenario = load(&text, "t.toml").unwrap_or_else(|errors| panic!("{errors}"));
    let outcome = run::run(&scenario, 1);
    assert_eq!((outcome.forged, in_words(&outcome)), (2_000, String::new()));
    let twice = text.replace("rate = 200", "clocks = 3\nrate = 12");
    let outcome = run::run(&load(&twice, "t.toml").unwrap(), 1);
    assert!(in_words(&outcome).contains("Stranger"), "heard again and again it is followed: {}", in_words(&outcome));
}

#[test]
fn what_is_wrong_with_segments_is_told() {
    let told = complaints(
        "about = \"Wrong.\"\nduration = \"1min\"\n[[master]]\nname = \"gm\"\n[[host]]\nname = \"a\"\n[[host]]\nname = \"b\"\n\
         [[segment]]\nmembers = \"gm a c a\"\n[[segment]]\nmembers = \"gm\"\n",
    );
    for wanted in [
        "\"c\" is no master and no host",
        "\"a\" is named twice",
        "nobody to talk to",
        "\"gm\" is on 2 segments, and 1 to 1 are possible",
        "\"b\" is on 0 segments, and 1 to 16 are possible",
    ] {
        assert!(told.contains(wanted), "{wanted} is not in:\n{told}");
    }
}

#[test]
fn what_is_wrong_with_a_churn_is_told() {
    let churned = |text: &str, churn: &str| complaints(&format!("{text}[churn]\n{churn}"));
    let lone = "about = \"Wrong.\"\nduration = \"1min\"\n[[master]]\nname = \"gm\"\n[[host]]\nname = \"a\"\n";
    for (text, churn, wanted) in [
        (lone, "every = \"1min\"\n", "there is no segment"),
        (RING, "settle = \"1s\"\n", "nothing happens without `every`"),
        (RING, "every = \"1min\"\nwho = \" \"\n", "there is no host that it could happen to"),
        (RING, "every = \"1min\"\nwho = \"bc-2..1\"\n", "there is no host that it could happen to"),
        (RING, "every = \"1min\"\nwho = \"bc\"\n", "\"bc\" is no host"),
        (RING, "every = \"1s\"\n", "not before the next round"),
    ] {
        let told = churned(text, churn);
        assert!(told.contains(wanted), "{wanted} is not in:\n{told}");
    }
    // Another host's name may begin as one with a receiver does.
    let text = RING.replace("bc", "gnss-bc");
    assert!(load(&text, "t.toml").is_ok(), "{:?}", load(&text, "t.toml").err().map(|errors| errors.to_string()));
}

#[test]
fn a_cable_that_an_event_has_pulled_is_not_plugged_in_by_a_churn() {
    let event = "[[event]]\nat = \"41s\"\nwho = \"end\"\nwhat = \"link_down\"\n";
    let churn = "[churn]\nfrom = \"45s\"\nevery = \"10s\"\nsettle = \"6s\"\nwho = \"bc-1\"\nwhat = \"priority\"\n";
    let text = format!("{RING}{event}{churn}[limits]\nend_state = \"any\"\n");
    let scenario = load(&text, "t.toml").unwrap_or_else(|errors| panic!("{errors}"));
    let outcome = run::run(&scenario, 1);
    assert_eq!(outcome.hosts[3].end_state, SyncState::Holdover, "it has heard nobody since");
    assert_eq!((outcome.rounds.len(), in_words(&outcome)), (4, String::new()), "nor does the tree want it in it");
}

#[test]
fn a_chain_beside_the_same_with_the_pi_servo_can_break_its_limit() {
    let chain = "[[segment]]\nmembers = \"gm server\"\n[[window]]\nfrom = \"20s\"\n[limits]\npi_ratio = ";
    let (good, bad) = (run::run(&small(&format!("{chain}1.0\n")), 1), run::run(&small(&format!("{chain}0.001\n")), 1));
    assert_eq!((good.pi_ratios().len(), in_words(&good)), (1, String::new()));
    assert!(in_words(&bad).contains("of what it is with servo"), "{}", in_words(&bad));
    assert!(report::text("t", &small(""), &good).contains("ratio 0."));
}

#[test]
fn a_configuration_of_the_daemon_is_no_scenario() {
    assert!(!is_meant(&std::fs::read_to_string(repository("config/synchronome.toml")).unwrap()));
    assert!(is_meant(SMALL));
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_one_others() {
    let scenario = small(
        "[host.nic]\ntx_loss = 0.2\n[[event]]\nat = \"30s\"\nwhat = \"phc_jump\"\nwho = \"server\"\nby = \"1ms\"\n",
    );
    let (first, again, other) = (run::run(&scenario, 1), run::run(&scenario, 1), run::run(&scenario, 2));
    assert_eq!((first.digest, first.events), (again.digest, again.events));
    assert_eq!(report::text("t", &scenario, &first), report::text("t", &scenario, &again));
    assert_eq!(plot::svg(&scenario, &first), plot::svg(&scenario, &again));
    assert_ne!(first.digest, other.digest);
}

#[test]
fn each_limit_can_be_broken() {
    let broken = |more: &str| in_words(&run::run(&small(more), 1));
    assert_eq!(broken(""), "");
    for (more, wanted) in [
        ("[[window]]\nfrom = \"20s\"\nrms = \"1ns\"\n", "rms"),
        ("[[window]]\nfrom = \"20s\"\nbound_median = \"100ns\"\n", "bound_median"),
        ("[[window]]\nfrom = \"0s\"\nbounded = 1.0\n", "a bound for"),
        ("[[window]]\nfrom = \"20s\"\nmoved = \"1ns\"\n", "moved"),
        ("[limits]\nlock_time = \"10ms\"\n", "LOCKED after"),
        ("[limits]\nsteps = 0\n", "1 steps"),
        ("[limits]\njumps_found = 3\n", "0 jumps"),
        ("[limits]\nparents = 2\n", "1 selections"),
        ("[limits]\nend_state = \"HOLDOVER\"\n", "LOCKED at the end"),
        ("[limits]\nfound_out = \"Bound\"\n", "server: the checker should have found Bound broken"),
    ] {
        let found = broken(more);
        assert!(found.contains(wanted), "{wanted:?} is not in {found:?}");
    }
}

#[test]
fn a_lie_is_found_out_and_leaves_a_trace() {
    let text = SMALL.replace("name = \"gm\"", "name = \"gm\"\nlie = \"1ms\"");
    let scenario = load(&text, "t.toml").unwrap();
    let outcome = run::run(&scenario, 1);
    assert!(
        in_words(&outcome).starts_with("after ") && in_words(&outcome).contains("s: server: Bound"),
        "{:?}",
        outcome.broken
    );
    assert!(run::trace(&scenario, 1, &outcome).expect("a rule was broken").len() > 1_000);
    let meant = |rule: &str| {
        in_words(&run::run(&load(&format!("{text}[limits]\nfound_out = \"{rule}\"\n"), "t.toml").unwrap(), 1))
    };
    assert_eq!(meant("Bound"), "");
    assert!(meant("PhcBound").contains("server: Bound"), "only the rule that is named may be broken");
    let honest = small("");
    assert!(run::trace(&honest, 1, &run::run(&honest, 1)).is_none());
}

#[test]
fn every_random_world_is_a_right_file_and_a_seed_means_the_same_world() {
    for seed in 0..300 {
        let text = campaign::text(seed, 1.0);
        assert_eq!(text, campaign::text(seed, 1.0));
        load(&text, "campaign").unwrap_or_else(|errors| panic!("{errors}{text}"));
    }
}

#[test]
fn seeds_are_read_with_both_ends() {
    assert_eq!(seeds("1..100"), Ok((1, 100)));
    assert_eq!(seeds("7..=7"), Ok((7, 7)));
    for wrong in ["", "5", "2..1", "a..b", "1..9999999"] {
        assert!(seeds(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_picture_is_well_formed_and_shows_every_host() {
    let scenario = small("");
    let outcome = run::run(&scenario, 1);
    let svg = plot::svg(&scenario, &outcome);
    assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n") && svg.contains("server: true error"));
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "no point is nowhere");
    assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
}

#[test]
fn a_limit_on_what_is_not_there_is_broken() {
    let silent = |more: &str| {
        let text = format!("{SMALL}{more}").replace("name = \"gm\"", "name = \"gm\"\nstarts = \"39s\"");
        in_words(&run::run(&load(&text, "t.toml").unwrap(), 1))
    };
    for limit in ["bound_median = \"1s\"", "bound_max = \"1s\"", "bounded = 0.1"] {
        let found = silent(&format!("[[window]]\nfrom = \"10s\"\n{limit}\n[limits]\nend_state = \"any\"\n"));
        assert!(found.starts_with("after 40.0 s: server, window 1: "), "{limit}: {found:?}");
    }
    let found = in_words(&run::run(
        &small("stamps = \"kernel\"\ntai_utc = 37\n[[window]]\nphc_max = \"1s\"\nfrom = \"20s\"\n"),
        1,
    ));
    assert!(found.contains("there is nothing to make phc_max of (limit 1 s)"), "{found:?}");
    let found = in_words(&run::run(&small("[[window]]\nfrom = \"20.01s\"\nuntil = \"20.02s\"\nrms = \"1s\"\n"), 1));
    assert!(found.contains("there is nothing to make rms of"), "{found:?}");
}

#[test]
fn what_a_run_has_no_room_for_is_refused() {
    let long = SMALL.replace("\"40s\"", "\"37h\"");
    assert!(complaints(&long).contains("sample = \"128ms\" is enough"), "{}", complaints(&long));
    load(&format!("sample = \"128ms\"\n{long}"), "t.toml").unwrap();

    let crowd = |hosts: usize, delay: &str| {
        let more =
            (1..hosts).map(|index| format!("[[host]]\nname = \"server-{index}\"\n")).collect::<Vec<_>>().concat();
        let master = format!("name = \"gm\"\nsync_interval = -7\n[master.path]\ndelay = \"{delay}\"");
        format!("{}{more}", SMALL.replace("name = \"gm\"", &master))
    };
    let told = complaints(&crowd(64, "10s"));
    assert!(told.contains("messages would be under way at once"), "{told}");
    load(&crowd(64, "1ms"), "t.toml").unwrap();
    // The most that is let through is indeed not too much.
    let text = crowd(12, "1s");
    let scenario = load(&text.replace("\"40s\"", "\"5s\""), "t.toml").unwrap_or_else(|errors| panic!("{errors}"));
    run::run(&scenario, 1);
}

#[test]
fn a_broken_limit_says_when_and_leaves_a_trace_until_then() {
    let text = "[[event]]\nat = \"25s\"\nwhat = \"set_clock\"\nwho = \"server\"\nby = \"1ms\"\n\
                [[window]]\nfrom = \"20s\"\nmax = \"100us\"\n";
    let scenario = load(&format!("sample = \"1ms\"\n{SMALL}{text}"), "t.toml").unwrap();
    let outcome = run::run(&scenario, 1);
    let [broken] = &outcome.broken[..] else { panic!("{:?}", outcome.broken) };
    assert!((Duration::from_secs(25)..Duration::from_secs(26)).contains(&broken.at), "{broken}");
    let bytes = run::trace(&scenario, 1, &outcome).expect("a limit was broken");
    let trace = crate::trace::Trace::read(bytes).unwrap();
    let ends =
        crate::trace::replay(&trace).unwrap().into_iter().filter_map(|stream| stream.span).map(|(_, last)| last).max();
    let ends = ends.expect("something was recorded") - crate::time::Timestamp::EPOCH;
    assert!((broken.at..broken.at + Duration::from_secs(2)).contains(&ends), "{ends}");
}

#[test]
fn what_lasts_a_moment_is_seen_in_a_picture_of_a_day() {
    let spike = "[[event]]\nat = \"25s\"\nwhat = \"set_clock\"\nwho = \"server\"\nby = \"1ms\"\n";
    let text = format!("sample = \"1ms\"\n{SMALL}{spike}");
    let outcome = run::run(&load(&text, "t.toml").unwrap(), 1);
    let points = &outcome.hosts[0].points;
    assert!(points.len() <= 1_200, "{}", points.len());
    let most = points.iter().filter(|point| point.at_s > 20.0).map(|point| point.error_s.1).fold(0.0, f64::max);
    let figures = outcome.hosts[0].figures[0].max.value;
    assert!(most > 0.9e-3 && most <= figures + 1e-12, "{most} of {figures}");
}

#[test]
fn how_soon_a_pause_or_a_foreign_hand_is_noticed_is_told_and_can_be_limited() {
    for (stamps, what) in [("hardware", "set_clock"), ("hardware", "stall"), ("kernel", "stall")] {
        let text = format!(
            "{SMALL}stamps = \"{stamps}\"\n[[event]]\nat = \"25s\"\nwhat = \"{what}\"\nwho = \"server\"\n{}\n",
            if what == "stall" { "thread = \"clocks\"\nfor = \"30ms\"" } else { "by = \"50ms\"" }
        );
        let run = |limit: &str| {
            let limits = format!("[limits]\nend_state = \"any\"\nnotice_time = \"{limit}\"\n");
            let scenario = load(&format!("{text}{limits}"), "t.toml").unwrap_or_else(|errors| panic!("{errors}"));
            (run::run(&scenario, 1), scenario)
        };
        let (outcome, scenario) = run("1s");
        assert_eq!(in_words(&outcome), "", "{stamps}, {what}");
        let noticed: Vec<_> = outcome.hosts[0].noticed_after().collect();
        assert!(noticed.len() == 1 && noticed[0] > Duration::ZERO, "{stamps}, {what}: {noticed:?}");
        let text = report::text("t", &scenario, &outcome);
        assert!(text.contains("wrong time served as right after pauses and settings by others: "), "{text}");
        let broken = in_words(&run("1ns").0);
        assert!(broken.contains("server: wrong time was served as right for "), "{stamps}, {what}: {broken}");
    }
}

#[test]
fn who_steps_at_a_hand_over_by_more_than_both_bounds_has_broken_a_limit() {
    let servers = "[[ntp]]\nname = \"one\"\npoll = 0\n[[event]]\nat = \"25s\"\nwhat = \"link_down\"\nwho = \"gm\"\n\
        [limits]\nhandover_time = \"10s\"\n";
    let scenario = small(servers);
    let mut outcome = run::run(&scenario, 1);
    let place = outcome.hosts[0].steered.iter().position(|handover| !handover.is_first).expect("it is handed over");
    let seam = &mut outcome.hosts[0].steered[place].seam;
    assert!(seam.stepped.is_none() && seam.bounds > 0.0 && seam.bounds < 1e-2, "{seam:?}");
    assert!(seam.moved.abs() <= seam.bounds, "{seam:?}");
    let bounds = Duration::from_secs_f64(seam.bounds);
    let told = |by: Duration, outcome: &mut Outcome| {
        outcome.hosts[0].steered[place].seam.stepped = Some(by);
        limits::broken(&scenario, outcome).iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(told(bounds.half(), &mut outcome), "");
    let broken = told(bounds.times(2), &mut outcome);
    assert!(broken.contains("server: ptp steers after a step of"), "{broken}");
}

#[test]
fn a_broken_limit_of_the_helm_is_told_and_one_that_is_kept_is_not() {
    let servers = "[[ntp]]\nname = \"one\"\npoll = 0\n[[ntp]]\nname = \"two\"\npoll = 0\nlie = \"500ms\"\n\
        [[event]]\nat = \"25s\"\nwhat = \"link_down\"\nwho = \"gm\"\n";
    let told = |limits: &str| {
        in_words(&run::run(&load(&format!("{SMALL}{servers}[limits]\n{limits}\n"), "t.toml").unwrap(), 1))
    };
    for kept in [
        "handovers = 1",
        "handover_time = \"5s\"",
        "steered_by = \"one\"",
        "never_by = \"two\"",
        "falsetickers = \"two\"",
        "veto_time = \"10s\"",
        "alarm_time = \"10s\"",
        "alarm = true",
    ] {
        assert_eq!(told(kept), "", "{kept}");
    }
    for (broken, wanted) in [
        ("handovers = 0", "server: 1 hand-overs, not 0 (ptp after"),
        ("handovers = 2", "after 40.0 s: server: 1 hand-overs, not 2"),
        ("handover_time = \"1ms\"", "(limit 1.00 ms): the one before is silent"),
        ("steered_by = \"ptp\"", "after 40.0 s: server: one steers at the end, not ptp"),
        ("never_by = \"ptp\"", "server: ptp steers"),
        ("veto_time = \"1ns\"", "server: two is a falseticker after "),
        ("alarm_time = \"1ns\"", "(limit 1.00 ns): ntp two is a falseticker: it is "),
        ("alarm = false", "after 40.0 s: server: health says at the end: ntp two is a falseticker"),
        ("falsetickers = \"none\"", "server: two was found to be a falseticker"),
        ("falsetickers = \"one two\"", "after 40.0 s: server: one was never found to be a falseticker"),
    ] {
        let told = told(broken);
        assert!(told.contains(wanted), "{broken}: {wanted:?} is not in {told:?}");
    }
}

#[test]
fn no_alarm_where_one_must_be_is_a_broken_limit() {
    let told = |limit: &str| in_words(&run::run(&small(&format!("[[ntp]]\nname = \"one\"\n[limits]\n{limit}\n")), 1));
    assert_eq!(told("alarm = false"), "");
    assert_eq!(
        told("alarm = true"),
        "after 40.0 s: server: health does not say at the end that sources contradict each other"
    );
    let never = told("alarm_time = \"10s\"");
    assert_eq!(never, "after 40.0 s: server: health never says that sources contradict each other");
}

#[test]
fn a_campaign_has_neither_json_nor_a_picture_nor_a_range_of_seeds() {
    for argument in ["--json", "--plot=x.svg", "--seeds=1..2", "--hours=0.25"] {
        use clap::Parser as _;
        let asked = crate::cli::Arguments::try_parse_from(["synchronome", "simulate", "--campaign=1", argument]);
        assert!(asked.is_err(), "{argument}");
    }
}

#[test]
fn many_seeds_are_told_in_lines_and_then_together() {
    let scenario = small("");
    let outcomes: Vec<_> = (1..=3).map(|seed| run::run(&scenario, seed)).collect();
    let line = report::line("t", &outcomes[0]);
    for wanted in ["seed    1", "LOCKED", "violations 0", "x p99.9)", "good"] {
        assert!(line.contains(wanted), "{wanted:?} is not in {line}");
    }
    let summary = report::summary("t", &scenario, &outcomes);
    for wanted in
        ["LOCKED after", "true error, max", "ADEV over 1 s", "MTIE over 1 s", "bound over p99.9", "violations 0"]
    {
        assert!(summary.contains(wanted), "{wanted:?} is not in {summary}");
    }
    assert!(report::text("t", &scenario, &outcomes[0]).contains("violations 0"));
}

#[test]
fn a_name_that_nobody_knows_is_looked_up_until_it_is_known_and_leads_to_another_address_when_the_server_is_gone() {
    let names = "about = \"A test.\"\nduration = \"10min\"\n[[ntp]]\nname = \"one\"\nby_name = true\npoll = 0\n\
        [[ntp]]\nname = \"elsewhere\"\nbehind = \"one\"\npoll = 0\n[[host]]\nname = \"server\"\nstamps = \"kernel\"\n\
        [[event]]\nat = \"0s\"\nwhat = \"names_gone\"\nwho = \"server\"\nfor = \"20s\"\n\
        [[event]]\nat = \"2min\"\nwhat = \"link_down\"\nwho = \"one\"\n";
    let run = |more: &str| run::run(&load(&format!("{names}{more}"), "t.toml").unwrap_or_else(|e| panic!("{e}")), 1);
    let outcome = run("");
    assert_eq!(in_words(&outcome), "");
    let host = &outcome.hosts[0];
    let first = host.steered.first().expect("it was found").at - crate::time::Timestamp::EPOCH;
    assert!((Duration::from_secs(20)..Duration::from_secs(60)).contains(&first), "{first}");
    let locked: Vec<_> = host.states.iter().filter(|(_, state)| *state == SyncState::Locked).collect();
    assert!(locked.len() == 2 && locked[1].0 - locked[0].0 > Duration::from_secs(120), "{:?}", host.states);
    // With the name server away as well there is nobody else to ask.
    let gone = run("[[event]]\nat = \"2min\"\nwhat = \"names_gone\"\nwho = \"server\"\n");
    assert_eq!(in_words(&gone), "after 600 s: server: HOLDOVER at the end, not LOCKED");
    let wrong = names.replace("by_name = true\n", "");
    assert!(complaints(&wrong).contains("is no server with by_name"), "{}", complaints(&wrong));
}
