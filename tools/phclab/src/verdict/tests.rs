use super::*;
use crate::heard::Standing;
use crate::judge::{Claims, Stats};
use crate::kernel::KernelClaims;
use crate::report::{Cost, Memory};
use crate::scenario::Clock;

fn run(contender: Contender, rms_ns: f64) -> RunReport {
    let stats = Stats { samples: 300, mean_ns: 0.0, rms_ns, max_ns: 3.0 * rms_ns };
    let claims = Claims { made: 100, lies: 0, worst: 0.5, mean_bound_ns: 900.0 };
    let standing =
        Standing { answers: 60, states: ["LOCKED".to_owned()].into(), sample_age_s: 0.3, syncs_per_s: Some(4.0) };
    let standing = contender.is_ours().then_some(standing);
    RunReport {
        contender,
        phc_drift_ppb: -35_000.0,
        system_drift_ppb: 20_000.0,
        windows: vec![Window { clock: Clock::PHC, from: 30.0, to: 60.0, about_ns: 0.0, stats, standing }],
        lock_s: Some(2.0),
        claimed_lock_s: None,
        outage_s: Some(1.0),
        faulty: 0,
        words: 30,
        claims: contender.is_ours().then_some((Clock::PHC, claims)).into_iter().collect(),
        kernel: Some(KernelClaims {
            asked: 120,
            claimed: 100,
            compared: 50,
            excess_us: 501.0,
            ..KernelClaims::default()
        }),
        states: Vec::new(),
        reason: None,
        cost: Cost { seconds: 40.0, cpu_ns: 4_000_000, voluntary: 400, involuntary: 0 },
        threads: Vec::new(),
        memory: vec![Memory { name: "it".to_owned(), rss_kb: 1_000, pss_kb: 900 }],
        failures: Vec::new(),
        deaths: Vec::new(),
        measured: Vec::new(),
    }
}

fn scenario(rest: &str) -> Scenario {
    Scenario::parse("x", &format!("about = 'x'\n{rest}")).unwrap()
}

fn unmet(scenario: &Scenario, runs: &[RunReport]) -> Vec<String> {
    checks(scenario, runs).into_iter().filter(|check| !check.is_met).map(|check| check.what).collect()
}

#[test]
fn the_ratio_is_to_the_best_of_the_others() {
    let scenario = scenario("[[judge]]\nratio = 0.7\nrms_ns = 6.5\ntheirs_rms_ns = 12.0\n");
    let theirs = [run(Contender::Ptp4l, 20.0), run(Contender::Ptp4lLinreg, 10.0)];
    let with = |ours| [theirs.as_slice(), &[run(Contender::Synchronome, ours)]].concat();
    assert!(unmet(&scenario, &with(6.4)).is_empty());
    let found = unmet(&scenario, &with(7.1));
    assert!(found.len() == 2 && found[0].contains("7.1 ns") && found[1].contains("0.71"), "{found:?}");
    assert!(unmet(&scenario, &theirs).is_empty(), "demands on us need us");
    assert_eq!(unmet(&scenario, &[run(Contender::Ptp4l, 20.0)]).len(), 1, "the physics are guarded");
}

#[test]
fn an_empty_run_fails_whatever_its_figures() {
    let scenario = scenario("steer = 'system'\n[[judge]]\n");
    let change: [fn(&mut RunReport); 14] = [
        |run| run.phc_drift_ppb = 10.0,
        |run| run.words = 0,
        |run| run.windows[0].stats.samples = 3,
        |run| run.failures.push("it ended".to_owned()),
        |run| run.claims.clear(),
        |run| run.claims.get_mut(&Clock::PHC).unwrap().lies = 1,
        |run| _ = run.claims.insert(Clock::System, Claims { lies: 1, ..Claims::default() }),
        |run| of_ours(run).answers = 0,
        |run| _ = of_ours(run).states.insert("HOLDOVER".to_owned()),
        |run| of_ours(run).sample_age_s = 1.8,
        |run| of_ours(run).syncs_per_s = Some(3.0),
        |run| run.kernel.as_mut().unwrap().lies = 1,
        |run| run.kernel.as_mut().unwrap().denied = 1,
        |run| run.kernel.as_mut().unwrap().excess_us = 1_501.0,
    ];
    for change in change {
        let mut ours = run(Contender::Synchronome, 1.0);
        assert!(unmet(&scenario, std::slice::from_ref(&ours)).is_empty());
        change(&mut ours);
        assert_eq!(unmet(&scenario, &[ours]).len(), 1);
    }
}

fn of_ours(run: &mut RunReport) -> &mut Standing {
    run.windows[0].standing.as_mut().unwrap()
}

#[test]
fn a_window_may_ask_for_other_states_or_none() {
    let mut ours = run(Contender::Synchronome, 1.0);
    of_ours(&mut ours).states = ["HOLDOVER".to_owned()].into();
    let unmet = |rest: &str| unmet(&scenario(&format!("[[judge]]\n{rest}")), std::slice::from_ref(&ours)).len();
    assert_eq!((unmet(""), unmet("state = ['LOCKED', 'HOLDOVER']"), unmet("state = []")), (1, 0, 0));
}

#[test]
fn demands_on_ratios_need_the_others_and_are_counted_without_them() {
    let scenario = scenario("[[judge]]\nratio = 1\n[lock]\nlimit_ns = 1\nptp4l_ratio = 0.5\nratio = 1\n");
    let (ours, theirs) = (run(Contender::Synchronome, 1.0), run(Contender::Ptp4l, 1.0));
    assert_eq!(unmade_ratios(&scenario, std::slice::from_ref(&ours)), 3);
    assert_eq!(unmade_ratios(&scenario, &[ours, theirs]), 0);
}

#[test]
fn lock_outage_and_cost_have_their_limits() {
    let rest = "[[judge]]\n[lock]\nlimit_ns = 100\nratio = 0.5\nptp4l_ratio = 0.5\nmax_s = 1.5\nsays_max_s = 2\n[outage]\n\
                limit_ns = 100\nmax_s = 0.5\n\
                theirs_min_s = 3\n[cpu]\nratio = 0.5\nswitches_ratio = 0.5\nrss_ratio = 0.9\n[[fault]]\nat = 1\nrun = 'true'\n";
    let scenario = scenario(rest);
    let (mut theirs, mut ours) = (run(Contender::Ptp4l, 1.0), run(Contender::Synchronome, 1.0));
    assert_eq!(unmet(&scenario, &[theirs.clone(), ours.clone()]).len(), 9);
    (ours.lock_s, ours.outage_s, theirs.outage_s) = (Some(1.0), Some(0.0), Some(16.0));
    ours.claimed_lock_s = Some(1.9);
    ours.memory[0].rss_kb = 800;
    ours.cost = Cost { cpu_ns: 2_000_000, voluntary: 200, ..ours.cost };
    assert!(unmet(&scenario, &[theirs.clone(), ours.clone()]).is_empty());
    ours.memory.clear();
    assert_eq!(unmet(&scenario, &[theirs.clone(), ours.clone()]).len(), 1, "what could not be read is not little");
    ours.memory.clone_from(&theirs.memory);
    ours.memory[0].rss_kb = 800;
    ours.lock_s = None;
    assert!(unmet(&scenario, &[theirs, ours])[0].contains("never"));
}
