//! The steps, in their order.

use std::fs;
use std::path::Path;

use clap::builder::PossibleValuesParser;

use super::{Outcome, Run, Step, demo, fuzz, show, suite};
use crate::clients;
use crate::package::proof;

/// All steps.
pub const STEPS: &[Step] = &[
    Step::new("fmt", "the sources are formatted", fmt),
    Step::new("clippy", "no lint fires, in any target (benchmarks too) with any feature", clippy),
    Step::new("docs", "the manual and the interface documentation build without warnings", docs),
    Step::new("configs", "`synchronome check` accepts every sample configuration", configs),
    Step::new("fuzz", "every fuzz target finds nothing in 10 s, with coverage", fuzz::run),
    Step::new(
        "accuracy",
        "PTP, NTP, chain, robustness and convergence in short runs stay within their limits",
        accuracy,
    ),
    Step::new("scenarios", "every scenario in config/scenarios keeps its limits with its first 8 seeds", scenarios),
    Step::new("campaign", "a simulated week of random worlds: no rule of the checker is broken", campaign),
    Step::new(
        "package",
        "deb and rpm: lintian finds no error; installed, tried and purged in a bare Debian and in a booted one",
        proof::run,
    )
    .beside("scenarios"),
    Step::new("demo", "`synchronome demo` locks, as an ordinary user", demo::run),
    Step::new("clients", "ntpd-rs and rtimed see the time that we serve", clients),
    Step::new(
        "lab",
        "hardware clocks in an emulated guest, ours beside linuxptp: every scenario; some on the newest kernel",
        lab,
    ),
    Step::new("tests", "the tests, the models of loom and the examples of the documentation", suite::run),
    Step::new(
        "realtime",
        "the tests in real time: those that wait for seconds side by side, the rest alone",
        suite::run_realtime,
    ),
];

/// For clap: the names of the steps.
pub fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(STEPS.iter().map(|step| step.name))
}

fn fmt(run: &mut Run) -> Outcome {
    show(&mut run.cargo(&["fmt", "--all", "--check"])).map_err(|problem| format!("{problem}; `cargo fmt` mends it"))
}

/// The other architecture whose counter and system calls are written for.
const OTHER: &str = "aarch64-unknown-linux-gnu";

fn clippy(run: &mut Run) -> Outcome {
    show(&mut run.cargo(&["clippy", "-q", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]))?;
    // What differs between architectures is all in this crate. rustc names a folder that is not there for a target that is not installed.
    let asked = run.command("rustc").args(["--print", "target-libdir", "--target", OTHER]).output();
    let folder = asked.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    if folder.is_empty() || !Path::new(&folder).exists() {
        println!("ci: clippy: NOT CHECKED for {OTHER}: `rustup target add {OTHER}` installs it");
        return Ok(());
    }
    show(&mut run.cargo(&["clippy", "-q", "-p", "synchronome-kernel", "--target", OTHER, "--", "-D", "warnings"]))
}

fn docs(run: &mut Run) -> Outcome {
    show(run.cargo(&["doc", "-q", "--workspace", "--no-deps", "--all-features"]).env("RUSTDOCFLAGS", "-D warnings"))
}

/// Also builds the release binary that `demo` runs.
fn configs(run: &mut Run) -> Outcome {
    crate::build(&["synchronome"])?;
    let folder = run.root.join("config");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    if files.is_empty() {
        return Err(format!("{}: no sample configuration", folder.display()));
    }
    for file in files {
        // As the readme says it, so that the words there are tried too.
        show(run.cargo(&["run", "-q", "--release", "--", "check"]).arg(file))?;
    }
    Ok(())
}

/// Others' code that cannot be had, or is not built by this compiler any more, is no fault of a change here; it is said.
fn clients(run: &mut Run) -> Outcome {
    match clients::build(&run.root) {
        Ok(peers) => clients::ask(&run.root, &peers),
        Err(problem) => {
            println!("ci: clients: NOT ASKED: {problem}");
            Ok(())
        }
    }
}

/// Run on the newest kernel that Debian has, too: what asks the kernel about cards and clocks.
const ON_NEWEST: [&str; 7] =
    ["module", "hwtstamp", "provider-other", "provider-place", "provider-switched", "card-pulled", "precise-fails"];
/// The lab's exit code where there is no guest to boot.
const NO_GUEST: i32 = 2;

/// Installs what the guest needs, the first time. That the newest kernel cannot be had, or cannot be built for any more, is no fault of a
/// change here; it is said.
fn lab(run: &mut Run) -> Outcome {
    let program = run.root.join("tools/phclab/run");
    show(run.command(&program).arg("all"))?;
    let mut newest = run.command(&program);
    newest.args(["--kernel", "trixie-backports", "--only", "synchronome"]).args(ON_NEWEST);
    match newest.status().map_err(|error| format!("{}: {error}", program.display()))? {
        status if status.success() => Ok(()),
        status if status.code() == Some(NO_GUEST) => {
            println!("ci: lab: NOT RUN on the newest kernel");
            Ok(())
        }
        status => Err(format!("on the newest kernel: {status}")),
    }
}

/// The full form has runs four times as long, and is run by hand.
fn accuracy(run: &mut Run) -> Outcome {
    let ourselves = std::env::current_exe().map_err(|error| format!("our own path: {error}"))?;
    show(run.command(ourselves).args(["accuracy", "--short"]))
}

/// Seeds of a scenario that wants more; all of them are run by hand.
const SCENARIO_SEEDS_MAX: &str = "8";

fn scenarios(run: &mut Run) -> Outcome {
    let ourselves = std::env::current_exe().map_err(|error| format!("our own path: {error}"))?;
    show(run.command(ourselves).args(["scenarios", "--at-most", SCENARIO_SEEDS_MAX]))
}

/// The first seeds: a week, always the same; by hand it runs for a year.
fn campaign(run: &mut Run) -> Outcome {
    let out = crate::target();
    let arguments = ["simulate", "--campaign", "336", "--hours", "0.5", "--out"];
    crate::build(&["synchronome"])?;
    show(run.command(out.join("release/synchronome")).args(arguments).arg(&out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_beside_begins_with_a_step_before_it() {
        for (at, step) in STEPS.iter().enumerate() {
            let other = step.beside.map(|other| STEPS.iter().position(|step| step.name == other));
            assert!(other.is_none_or(|other| other.is_some_and(|other| other < at)), "{}", step.name);
        }
    }

    #[test]
    fn what_runs_on_the_newest_kernel_exists() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../phclab/scenarios");
        for name in ON_NEWEST {
            assert!(folder.join(format!("{name}.toml")).is_file(), "{name}");
        }
    }
}
