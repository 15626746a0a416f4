//! Whole scenarios: clknetsim's server, a daemon of somebody else's, and our node beside it.

mod laboratory;
mod scenario;
mod statistics;

pub use laboratory::{Laboratory, Missing};
pub use scenario::{Player, SCENARIOS, Scenario, Span};
pub use statistics::{Figures, figures_of};

use serde_json::{Value, json};

/// What one run gave.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The seed of everything that is random.
    pub seed: u64,
    /// The true errors of both nodes' clocks, from the server; as many as the scenario has clocks in all.
    pub figures: Vec<Figures>,
    /// What our node said at the end.
    pub ours: Value,
    /// Which demands were not met.
    pub unmet: Vec<String>,
}

impl Outcome {
    /// Judges a run.
    pub fn new(scenario: &Scenario, seed: u64, figures: Vec<Figures>, ours: Value) -> Self {
        let mut unmet = Vec::new();
        let judged = figures[scenario.judged_clock()];
        if judged.rms_s.is_nan() || judged.rms_s > scenario.rms_max_s {
            unmet.push(format!("RMS {:.3e} s, at most {:.3e} s", judged.rms_s, scenario.rms_max_s));
        }
        let judge = &ours["judge"];
        if ours["state"].as_str().is_some_and(|state| state != "LOCKED") {
            unmet.push(format!("our node is {}", ours["state"]));
        }
        if judge["violations"].as_u64().is_some_and(|violations| violations > 0) {
            unmet.push(format!(
                "{} violations of the bound, the first at {}",
                judge["violations"], judge["first_violation"]
            ));
        }
        for (member, least) in scenario.at_least {
            let found = member.split('.').fold(&ours, |value, name| &value[name]);
            if found.as_u64().is_none_or(|found| found < *least) {
                unmet.push(format!("{member} is {found}, at least {least}"));
            }
        }
        Self { seed, figures, ours, unmet }
    }

    /// As one JSON object.
    pub fn to_json(&self, scenario: &Scenario) -> Value {
        let judged = self.figures[scenario.judged_clock()];
        json!({
            "scenario": scenario.name,
            "seed": self.seed,
            "judged": scenario.judged_name(),
            "rms_s": judged.rms_s,
            "max_s": judged.greatest_s,
            "rms_max_s": scenario.rms_max_s,
            "ours": self.ours,
            "unmet": self.unmet,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(scenario: &Scenario, rms_s: f64, ours: Value) -> Vec<String> {
        let figures = vec![Figures { rms_s, greatest_s: 1.0 }; 2 * scenario.clocks_each()];
        Outcome::new(scenario, 1, figures, ours).unmet
    }

    #[test]
    fn each_demand_can_fail_by_itself() {
        let scenario = &SCENARIOS[0];
        let good = json!({
            "state": "LOCKED",
            "judge": { "violations": 0, "bounded": 20_000 },
            "counts": { "received_delay_resp": 2_500 },
        });
        let limit = scenario.rms_max_s;
        assert_eq!(judged(scenario, limit, good.clone()), Vec::<String>::new());
        for rms_s in [limit * 1.001, f64::NAN, f64::INFINITY] {
            assert_eq!(judged(scenario, rms_s, good.clone()).len(), 1, "{rms_s}");
        }
        let change = |pointer: &str, to: Value| {
            let mut ours = good.clone();
            *ours.pointer_mut(pointer).expect("it is there") = to;
            judged(scenario, limit, ours)
        };
        assert_eq!(change("/state", json!("HOLDOVER")), ["our node is \"HOLDOVER\""]);
        assert_eq!(change("/judge/violations", json!(2)).len(), 1);
        assert_eq!(change("/judge/bounded", json!(999)), ["judge.bounded is 999, at least 1000"]);
        assert_eq!(change("/counts", json!({})), ["counts.received_delay_resp is null, at least 1000"]);
    }
}
