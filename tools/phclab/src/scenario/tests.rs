use super::*;

const LEAST: &str = "about = 'x'\n[[judge]]\n";

#[test]
fn a_short_file_gets_the_usual_world() {
    let scenario = Scenario::parse("x", LEAST).unwrap();
    assert_eq!((scenario.seconds, scenario.pairs, scenario.master.lead), (60.0, 1, 20.0));
    assert_eq!(scenario.contenders, [Contender::Ptp4l, Contender::Synchronome]);
    assert_eq!(scenario.judge[0].window(60.0), (30.0, 60.0));
    assert_eq!(scenario.claimed_clocks(), [Clock::PHC].into());
    assert_eq!(scenario.judge[0].state, ["LOCKED"]);
    assert_eq!(scenario.epoch(), 1_772_366_400);
    let system = Scenario::parse("x", "about = 'x'\nsteer = 'system'\n[[judge]]\n").unwrap();
    assert_eq!(system.contenders, [Contender::Phc2sys, Contender::Synchronome]);
    assert_eq!(system.claimed_clocks(), [Clock::PHC].into(), "what is judged is what is claimed");
    let beside = "about = 'x'\n[[judge]]\n[[judge]]\nclock = 'system'\n";
    assert_eq!(Scenario::parse("x", beside).unwrap().claimed_clocks(), [Clock::PHC, Clock::System].into());
    let beside = format!("{beside}[synchronome]\nphc2sys = ['-a']\n");
    assert_eq!(Scenario::parse("x", &beside).unwrap().claimed_clocks(), [Clock::PHC].into());
    let unjudged = "about = 'x'\nsteer = 'system'\n[[expect]]\nfrom = 1\nto = 2\n";
    assert_eq!(Scenario::parse("x", unjudged).unwrap().claimed_clocks(), [Clock::PHC, Clock::System].into());
}

#[test]
fn what_is_misspelt_or_impossible_is_refused_with_its_name() {
    for (text, named) in [
        ("[[judge]]\n", "about"),
        ("about = 'x'\n", "nothing is judged"),
        ("about = 'x'\nsecond = 5\n[[judge]]\n", "second"),
        ("about = 'x'\nseconds = 0\n[[judge]]\n", "seconds"),
        ("about = 'x'\nsample_every_s = 0\n[[judge]]\n", "sample_every_s"),
        ("about = 'x'\ndate = '2026'\n[[judge]]\n", "date"),
        ("about = 'x'\ncontenders = ['ntpd']\n[[judge]]\n", "ntpd"),
        ("about = 'x'\n[[judge]]\n[knobs.phv0]\nosc_ppm = 1\n", "osc_ppm"),
        ("about = 'x'\n[[judge]]\n[knobs.phv2]\nosc_ppb = 1\n", "phv2"),
        ("about = 'x'\n[[judge]]\n[[fault]]\nat = 70\nrun = 'x'\n", "fault.at"),
        ("about = 'x'\n[[judge]]\n[[fault]]\nat = 50\nfor = 20\nrun = 'x'\n", "fault.for"),
        ("about = 'x'\n[[judge]]\n[[fault]]\nat = 5\n", "does nothing"),
        ("about = 'x'\n[[judge]]\nfrom = 50\nto = 40\n", "judge.to"),
        ("about = 'x'\nbond = true\n[[judge]]\n", "two members"),
        ("about = 'x'\nlacp = true\n[[judge]]\n", "lacp is of a bond"),
        ("about = 'x'\n[[judge]]\n[outage]\nlimit_ns = 1\nmax_s = 1\n", "first fault"),
        ("about = 'x'\n[[expect]]\nfrom = 1\nto = 2\nleap = 'maybe'\n", "leap"),
        ("about = 'x'\n[[judge]]\nclock = 'phv3'\n", "no clock phv3"),
        ("about = 'x'\n[[judge]]\nclock = 'phv0'\n", "no clock phv0"),
        ("about = 'x'\n[[judge]]\nclock = 'eth0'\n", "eth0 is no clock"),
        (
            "about = 'x'\n[[judge]]\n[[expect]]\nfrom = 1\nto = 2\n[[expect.bound]]\nclock = 'phv5'\nmin_ns = 1\n",
            "phv5",
        ),
    ] {
        let error = Scenario::parse("name", text).unwrap_err();
        assert!(error.starts_with("name: ") && error.contains(named), "{text}: {error}");
    }
}

#[test]
fn every_scenario_of_the_project_is_valid() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let scenario = Scenario::parse(name, &std::fs::read_to_string(&path).unwrap()).unwrap();
        assert!(scenario.cost() > 0.0);
        count += 1;
    }
    assert!(count > 20, "{count}");
}

#[test]
fn the_knobs_are_those_of_the_module() {
    let module = include_str!("../../module/phcveth.c");
    let rows = module.lines().filter_map(|line| line.strip_prefix("\tX(")?.split_once(',').map(|(name, _)| name));
    let rows: Vec<_> = rows.collect();
    assert_eq!(rows, KNOBS);
}

#[test]
fn contenders_have_one_name_each() {
    for contender in Contender::ALL {
        assert_eq!(Contender::named(contender.name()), Some(contender));
        assert_eq!(serde_json::to_value(contender).unwrap(), contender.name());
    }
    assert_eq!(Contender::named("ntpd"), None);
}

#[test]
fn another_kernel_than_that_of_the_limits_may_cost_a_tenth_more_and_nothing_else() {
    let parse = || {
        Scenario::parse("x", "about = 'x'\nkernel_min = '6.14'\n[cpu]\nratio = 0.5\nswitches_ratio = 0.4\n[[judge]]\n")
            .unwrap()
    };
    let limits = |kernel| {
        let mut scenario = parse();
        scenario.on(kernel);
        scenario.cpu.map(|cpu| (cpu.ratio, cpu.switches_ratio)).unwrap()
    };
    assert_eq!(limits(Linux::OF_LIMITS), (0.5, 0.4));
    assert_eq!(limits(Linux(7, 3)), (0.55, 0.4));
    assert_eq!(parse().kernel_min, Some(Linux(6, 14)));
}
