//! What a run yields, as the guest writes it and the host prints it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::heard::Standing;
use crate::judge::{Claims, Stats};
use crate::kernel::KernelClaims;
use crate::scenario::{Clock, Contender};

/// A line of the console that carries a [`ScenarioReport`] as JSON begins with this.
pub const REPORT_MARK: &str = "@report ";

/// A line of the console that says that all scenarios of the guest were run.
pub const END_MARK: &str = "@end";

/// The errors of one clock in one window.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Window {
    /// Which clock.
    pub clock: Clock,
    /// From when, in seconds after the contender's start.
    pub from: f64,
    /// Until when.
    pub to: f64,
    /// What was subtracted from the errors, in ns.
    #[serde(default)]
    pub about_ns: f64,
    /// The errors, less that.
    pub stats: Stats,
    /// What our daemon said of the clock meanwhile; `None` of others.
    pub standing: Option<Standing>,
}

/// What it cost, all processes and threads together.
#[derive(Clone, Copy, Default, Debug, Serialize, Deserialize)]
pub struct Cost {
    /// Over how many seconds.
    pub seconds: f64,
    /// Time on the CPU, user and system, in ns. Virtual time passes with instructions (4 ns each), so this counts them.
    pub cpu_ns: u64,
    /// Context switches that the processes asked for: each is a sleep, and so a wake-up.
    pub voluntary: u64,
    /// Context switches that they did not.
    pub involuntary: u64,
}

impl Cost {
    /// The cost between two readings of the totals.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            seconds: self.seconds - before.seconds,
            cpu_ns: self.cpu_ns.saturating_sub(before.cpu_ns),
            voluntary: self.voluntary.saturating_sub(before.voluntary),
            involuntary: self.involuntary.saturating_sub(before.involuntary),
        }
    }

    /// Of all threads together, over the same time.
    pub fn of_all(threads: &[ThreadCost]) -> Self {
        threads.iter().fold(Self::default(), |sum, ThreadCost { cost, .. }| Self {
            seconds: cost.seconds,
            cpu_ns: sum.cpu_ns + cost.cpu_ns,
            voluntary: sum.voluntary + cost.voluntary,
            involuntary: sum.involuntary + cost.involuntary,
        })
    }

    /// CPU time in us for each second.
    pub fn cpu_us_per_s(&self) -> f64 {
        self.cpu_ns as f64 / 1e3 / self.seconds.max(1e-9)
    }

    /// Context switches of both kinds for each second.
    pub fn switches_per_s(&self) -> f64 {
        (self.voluntary + self.involuntary) as f64 / self.seconds.max(1e-9)
    }
}

/// What one thread cost.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub struct ThreadCost {
    /// The kernel's number of the thread.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// What it cost.
    pub cost: Cost,
}

/// What one process holds of the memory, in kB, as procfs says.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub struct Memory {
    /// The name of its program or what it calls itself.
    pub name: String,
    /// What is resident (Rss).
    pub rss_kb: u64,
    /// The same, with pages that others hold too divided by how many they are (Pss).
    pub pss_kb: u64,
}

impl Memory {
    /// Of all processes together.
    pub fn of_all(processes: &[Self]) -> Self {
        let sum = |figure: fn(&Self) -> u64| processes.iter().map(figure).sum();
        Self { name: "all".to_owned(), rss_kb: sum(|process| process.rss_kb), pss_kb: sum(|process| process.pss_kb) }
    }
}

/// The cost of each thread between two readings of the totals; those that have ended are not among them.
pub fn costs_between(before: &[ThreadCost], after: &[ThreadCost]) -> Vec<ThreadCost> {
    let so_far = |id| before.iter().find(|thread| thread.id == id).map(|thread| thread.cost);
    let since = |thread: &ThreadCost| {
        let none = Cost { seconds: before.first().map_or(0.0, |first| first.cost.seconds), ..Cost::default() };
        ThreadCost { cost: thread.cost.since(&so_far(thread.id).unwrap_or(none)), ..thread.clone() }
    };
    after.iter().map(since).collect()
}

/// One contender's run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunReport {
    /// Who.
    pub contender: Contender,
    /// How fast the PHCs drift apart while nobody steers, in ppb.
    pub phc_drift_ppb: f64,
    /// How fast CLOCK_REALTIME drifts off the master's PHC while nobody steers, in ppb.
    pub system_drift_ppb: f64,
    /// The true errors in the windows of the scenario, in its order.
    pub windows: Vec<Window>,
    /// From selecting the parent until the true error stays below the limit, in seconds.
    pub lock_s: Option<f64>,
    /// From selecting the parent until it says so itself, in seconds.
    pub claimed_lock_s: Option<f64>,
    /// How long the true error was outside of the limit after the first fault, in seconds.
    pub outage_s: Option<f64>,
    /// How often a port became FAULTY.
    pub faulty: u64,
    /// Summaries in its log, or answers of its status socket.
    pub words: u64,
    /// Its bounds against the truth.
    pub claims: BTreeMap<Clock, Claims>,
    /// The kernel's maxerror against the truth.
    pub kernel: Option<KernelClaims>,
    /// The states that it claimed: when, which.
    pub states: Vec<(f64, String)>,
    /// The last reason that it gave for its state.
    pub reason: Option<String>,
    /// What it cost in the last two thirds.
    pub cost: Cost,
    /// The same for each thread.
    #[serde(default)]
    pub threads: Vec<ThreadCost>,
    /// What each of its processes holds of the memory at the end.
    #[serde(default)]
    pub memory: Vec<Memory>,
    /// What commands of the scenario measured.
    #[serde(default)]
    pub measured: Vec<String>,
    /// What went wrong with the run itself.
    pub failures: Vec<String>,
    /// Those of its programs that ended by themselves where that is allowed, with their last words.
    #[serde(default)]
    pub deaths: Vec<String>,
}

/// One demand and whether it is met.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Check {
    /// The demand with the figures.
    pub what: String,
    /// Whether it is met.
    pub is_met: bool,
    /// Whether it is about how we compare with the others: that is always shown.
    #[serde(default)]
    pub is_ratio: bool,
}

impl Check {
    /// A demand.
    pub fn new(is_met: bool, what: impl Into<String>) -> Self {
        Self { what: what.into(), is_met, is_ratio: false }
    }

    /// A demand on how we compare with the others.
    pub fn ratio(is_met: bool, what: impl Into<String>) -> Self {
        Self { is_ratio: true, ..Self::new(is_met, what) }
    }
}

/// A scenario that was run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScenarioReport {
    /// Its name.
    pub name: String,
    /// How long it took, in seconds of virtual time.
    pub seconds: f64,
    /// The runs, in their order.
    pub runs: Vec<RunReport>,
    /// The demands.
    pub checks: Vec<Check>,
    /// How many demands on ratios were not made, since nobody else ran.
    #[serde(default)]
    pub unmade: usize,
}

impl ScenarioReport {
    /// Whether all demands are met, and there are some.
    pub fn is_passed(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(|check| check.is_met)
    }

    /// The report as a few lines of text.
    pub fn to_text(&self, all_checks: bool) -> String {
        let mut text = String::new();
        let verdict = if self.is_passed() { "pass" } else { "FAIL" };
        let _ = writeln!(text, "{verdict} {} ({:.0} s virtual)", self.name, self.seconds);
        for run in &self.runs {
            let _ = writeln!(text, "  {:<14} {}", run.contender.name(), run.figures());
            for measured in &run.measured {
                let _ = writeln!(text, "    {measured}");
            }
            for Memory { name, rss_kb, pss_kb } in run.memory.iter().filter(|_| all_checks) {
                let _ = writeln!(text, "    process {name:<15} RSS {rss_kb} kB, PSS {pss_kb} kB");
            }
            for ThreadCost { name, cost, .. } in run.threads.iter().filter(|_| all_checks) {
                let (cpu, switches) = (cost.cpu_us_per_s(), cost.switches_per_s());
                let _ = writeln!(text, "    thread {name:<15} CPU {cpu:.0} us/s, {switches:.1} switches/s");
            }
        }
        for check in self.checks.iter().filter(|check| all_checks || check.is_ratio || !check.is_met) {
            let _ = writeln!(text, "  {} {}", if check.is_met { "ok  " } else { "FAIL" }, check.what);
        }
        if self.unmade > 0 {
            let _ = writeln!(text, "  nobody else ran: {} demands on ratios were not made", self.unmade);
        }
        text
    }
}

impl RunReport {
    fn figures(&self) -> String {
        let mut words = Vec::new();
        for window in &self.windows {
            let Stats { mean_ns, rms_ns, max_ns, .. } = window.stats;
            let clock = window.clock;
            let span = format!("{:.0}..{:.0} s", window.from, window.to);
            let about = if window.about_ns == 0.0 { String::new() } else { format!(" about {}", ns(window.about_ns)) };
            words.push(format!("{clock} {span}{about}: rms {} mean {} max {}", ns(rms_ns), ns(mean_ns), ns(max_ns)));
        }
        if let Some(seconds) = self.lock_s {
            words.push(format!("lock {seconds:.2} s"));
        }
        if let Some(seconds) = self.claimed_lock_s {
            words.push(format!("says LOCKED {seconds:.2} s"));
        }
        if let Some(seconds) = self.outage_s {
            words.push(format!("outside {seconds:.1} s"));
        }
        if self.faulty > 0 {
            words.push(format!("FAULTY {} times", self.faulty));
        }
        words.extend(self.deaths.iter().map(|death| death.split(':').next().unwrap_or_default().to_owned()));
        for (clock, claims) in &self.claims {
            words.push(format!(
                "bound of {clock} {}, {} lies of {}",
                ns(claims.mean_bound_ns),
                claims.lies,
                claims.made
            ));
        }
        if let Some(kernel) = self.kernel.filter(|kernel| kernel.claimed > 0) {
            let KernelClaims { lies, claimed, mean_maxerror_us, mean_esterror_us, .. } = kernel;
            words.push(format!(
                "maxerror {mean_maxerror_us:.0} us, {lies} lies of {claimed}; esterror {mean_esterror_us:.0} us"
            ));
        }
        let Cost { seconds, .. } = self.cost;
        if seconds > 0.0 {
            let (cpu, switches) = (self.cost.cpu_us_per_s(), self.cost.switches_per_s());
            words.push(format!("CPU {cpu:.0} us/s, {switches:.1} switches/s"));
        }
        let Memory { rss_kb, pss_kb, .. } = Memory::of_all(&self.memory);
        if rss_kb > 0 {
            words.push(format!("RSS {rss_kb} kB, PSS {pss_kb} kB"));
        }
        words.join("; ")
    }
}

/// A figure in ns with a unit that fits.
pub fn ns(value: f64) -> String {
    match value.abs() {
        large if large >= 1e9 => format!("{:.3} s", value / 1e9),
        large if large >= 1e6 => format!("{:.2} ms", value / 1e6),
        large if large >= 1e4 => format!("{:.1} us", value / 1e3),
        large if large >= 100.0 => format!("{value:.0} ns"),
        _ => format!("{value:.1} ns"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_a_unit_that_fits() {
        let shown: Vec<_> = [0.44, -25.04, 132.4, 12_345.0, 3e6, -1.5e9].into_iter().map(ns).collect();
        assert_eq!(shown, ["0.4 ns", "-25.0 ns", "132 ns", "12.3 us", "3.00 ms", "-1.500 s"]);
    }

    #[test]
    fn a_report_without_checks_is_no_pass() {
        let mut report = ScenarioReport { name: "x".to_owned(), seconds: 1.0, runs: vec![], checks: vec![], unmade: 0 };
        assert!(!report.is_passed());
        report.checks.push(Check::new(true, "a"));
        assert!(report.is_passed());
        report.checks.push(Check::new(false, "b"));
        assert!(!report.is_passed());
        assert!(report.to_text(false).contains("FAIL b") && !report.to_text(false).contains(" a"));
        report.checks.push(Check::ratio(true, "c over d"));
        assert!(report.to_text(false).contains("ok   c over d"), "ratios are always shown");
    }

    #[test]
    fn a_cost_is_a_difference() {
        let at = |seconds, cpu_ns| Cost { seconds, cpu_ns, voluntary: cpu_ns / 1_000, involuntary: 0 };
        let cost = at(30.0, 50_000).since(&at(10.0, 10_000));
        assert!((cost.cpu_us_per_s() - 2.0).abs() < 1e-12 && (cost.switches_per_s() - 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_thread_that_came_later_has_cost_nothing_before() {
        let thread = |id, seconds, cpu_ns| {
            let cost = Cost { seconds, cpu_ns, ..Cost::default() };
            ThreadCost { id, name: format!("t{id}"), cost }
        };
        let between =
            costs_between(&[thread(1, 10.0, 500), thread(2, 10.0, 9)], &[thread(1, 30.0, 700), thread(3, 30.0, 4)]);
        let shown: Vec<_> =
            between.iter().map(|it| (it.name.as_str(), it.cost.cpu_ns, it.cost.seconds as u64)).collect();
        assert_eq!(shown, [("t1", 200, 20), ("t3", 4, 20)]);
    }
}
