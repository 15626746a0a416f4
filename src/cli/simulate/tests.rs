//! Files in, figures out.

use std::path::{Path, PathBuf};

use super::scenario::{is_meant, load};
use super::*;

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
    let broken = |more: &str| run::run(&small(more), 1).broken.join("; ");
    assert_eq!(broken(""), "");
    for (more, wanted) in [
        ("[[window]]\nfrom = \"20s\"\nrms = \"1ns\"\n", "rms"),
        ("[[window]]\nfrom = \"20s\"\nbound_median = \"100ns\"\n", "bound_median"),
        ("[[window]]\nfrom = \"0s\"\nbounded = 1.0\n", "a bound for"),
        ("[limits]\nlock_time = \"10ms\"\n", "LOCKED after"),
        ("[limits]\nsteps = 0\n", "1 steps"),
        ("[limits]\njumps_found = 3\n", "0 jumps"),
        ("[limits]\nparents = 2\n", "1 selections"),
        ("[limits]\nend_state = \"HOLDOVER\"\n", "LOCKED at the end"),
        ("[limits]\nfound_out = true\n", "should have found"),
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
    assert!(outcome.broken[0].contains("server: after") && outcome.broken[0].contains("Bound"), "{:?}", outcome.broken);
    assert!(run::trace(&scenario, 1, &outcome).expect("a rule was broken").len() > 1_000);
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
