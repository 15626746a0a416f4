//! The part of the lab that runs on the host: boots guests, two at a time, and prints what they report.

mod guest;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use clap::Parser;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use phclab::linux::Linux;
use phclab::machine::{KERNELS, setup};
use phclab::report::ScenarioReport;
use phclab::scenario::{Contender, Scenario};

use guest::Boot;

/// `all` takes at most so long where two cores are free.
const ALL_TIME_MAX: Duration = Duration::from_mins(12);

/// A boot takes about so many seconds of virtual time's worth of work: groups are made with it in mind.
const BOOT_COST: f64 = 150.0;

/// PTP hardware clocks without hardware: scenarios in QEMU guests, judged by a truth that is exact.
///
/// Exit codes: 0 all passed, 1 a scenario failed, 2 wrong arguments or no guest to boot.
#[derive(Parser)]
#[command(name = "tools/phclab/run", max_term_width = 100)]
struct Arguments {
    /// Names of scenarios, or `all`
    #[arg(value_name = "SCENARIO", required_unless_present = "list")]
    scenarios: Vec<String>,
    /// Print the scenarios and what they are about; those with a * are not part of `all`
    #[arg(long)]
    list: bool,
    /// Only these contenders (demands on who is absent are not made)
    #[arg(long = "only", value_name = "CONTENDER", value_parser = contender)]
    only: Vec<Contender>,
    /// Guests at a time
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    jobs: u8,
    /// Seed of all that programs in the guest draw: another one lets each message come at another time
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u32,
    /// The suite of Debian whose kernel is booted: 6.1, 6.12, or the newest [default: $PHCLAB_KERNEL, else bookworm]
    #[arg(long, value_name = "SUITE", value_parser = KERNELS)]
    kernel: Option<String>,
    /// Print every demand, met or not, and the guests' consoles
    #[arg(long, short)]
    verbose: bool,
    /// The daemon to test [default: the one that was built beside this program]
    #[arg(long, value_name = "FILE")]
    daemon: Option<PathBuf>,
    /// Where logs and samples go [default: phclab in the target folder]
    #[arg(long, value_name = "FOLDER")]
    results: Option<PathBuf>,
}

fn contender(name: &str) -> Result<Contender, String> {
    let names = || Contender::ALL.map(Contender::name).join(", ");
    Contender::named(name).ok_or_else(|| format!("the contenders are {}", names()))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("phclab: {problem}");
            ExitCode::from(2)
        }
    }
}

/// Whether all passed.
fn run(arguments: &Arguments) -> Result<bool, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let known = scenarios(&folder)?;
    if arguments.list {
        for scenario in &known {
            let mark = if scenario.by_hand { "*" } else { "" };
            println!("{:<20} {}", format!("{}{mark}", scenario.name), scenario.about);
        }
        return Ok(true);
    }
    let cache = setup(arguments.kernel.as_deref())?;
    let kernel = kernel_in(&cache)?;
    let mut wanted = chosen(known, &arguments.scenarios)?;
    for scenario in wanted.extract_if(.., |scenario| scenario.kernel_min.is_some_and(|least| kernel < least)) {
        println!("skip {}: it is about what Linux {kernel} does not have", scenario.name);
    }
    let only = &arguments.only;
    let runs = |scenario: &Scenario| {
        let all = &scenario.contenders;
        only.is_empty() || all.is_empty() || all.iter().any(|contender| only.contains(contender))
    };
    for scenario in wanted.extract_if(.., |scenario| !runs(scenario)) {
        println!("skip {}: none of its contenders is wanted", scenario.name);
    }
    let programs = std::env::current_exe().map_err(|error| format!("our own path: {error}"))?;
    let programs = programs.parent().expect("a program lies in a folder");
    let results = arguments.results.clone().unwrap_or_else(|| programs.with_file_name("phclab"));
    let boot = Boot {
        cache,
        guest: programs.join("phclab-guest"),
        daemon: arguments.daemon.clone().unwrap_or_else(|| programs.join("synchronome")),
        scenarios: folder,
        results: results.clone(),
        only: arguments.only.clone(),
        seed: arguments.seed,
        verbose: arguments.verbose,
    };
    let count = wanted.len();
    // From here on: the first call of the setup fetches and builds.
    let (begin, used_before) = (Instant::now(), used_by_children());
    let passed = run_groups(&boot, groups(wanted, usize::from(arguments.jobs)), arguments);
    println!("logs and samples: {}", results.display());
    let taken = Taken { elapsed: begin.elapsed(), used: used_by_children().saturating_sub(used_before) };
    println!("{passed} passed, {} failed in {:.0} s", count - passed, taken.elapsed.as_secs_f64());
    let is_all = only.is_empty() && arguments.scenarios.iter().any(|name| name == "all");
    let is_in_time = !is_all || taken.is_in_time(arguments.jobs);
    Ok(passed == count && is_in_time)
}

/// The kernel that guests are booted with.
fn kernel_in(cache: &Path) -> Result<Linux, String> {
    let path = cache.join("release");
    let release = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Linux::of_release(&release).ok_or_else(|| format!("{}: {release}", path.display()))
}

/// What a run has taken.
#[derive(Clone, Copy)]
struct Taken {
    /// By the clock on the wall.
    elapsed: Duration,
    /// On CPUs, all guests together.
    used: Duration,
}

impl Taken {
    /// Says how long `all` took, and whether that is in time where as many cores are free as guests run: an emulated CPU is
    /// one thread that never rests, so that what the guests used, shared among the cores, is what they would take then.
    fn is_in_time(self, jobs: u8) -> bool {
        let (most, alone) = (ALL_TIME_MAX.as_secs(), self.used / u32::from(jobs));
        let (elapsed, alone_s) = (self.elapsed.as_secs(), alone.as_secs());
        println!("all took {elapsed} s, and takes about {alone_s} s where {jobs} cores are free: at most {most} s");
        if self.elapsed > ALL_TIME_MAX && alone <= ALL_TIME_MAX {
            println!("warning: this machine was busy with other things");
        } else if alone > ALL_TIME_MAX {
            println!("FAIL all takes too long: shorten scenarios, or let some be by_hand");
        }
        alone <= ALL_TIME_MAX
    }
}

/// The time on CPUs of all programs that were started from here and have ended.
fn used_by_children() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_CHILDREN) else { return Duration::ZERO };
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(micros.unsigned_abs())
}

fn scenarios(folder: &Path) -> Result<Vec<Scenario>, String> {
    let problem = |path: &Path, error| format!("{}: {error}", path.display());
    let entries = fs::read_dir(folder).map_err(|error| problem(folder, error))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).map_err(|error| problem(path, error))?;
        Scenario::parse(&path.file_stem().unwrap_or_default().to_string_lossy(), &text)
    };
    paths.iter().map(read).collect()
}

fn chosen(known: Vec<Scenario>, names: &[String]) -> Result<Vec<Scenario>, String> {
    let is_known = |name: &str| name == "all" || known.iter().any(|scenario| scenario.name == name);
    if let Some(wrong) = names.iter().find(|name| !is_known(name)) {
        return Err(format!("there is no scenario {wrong}; --list prints them"));
    }
    let is_all = names.iter().any(|name| name == "all");
    let is_wanted = |scenario: &Scenario| names.contains(&scenario.name) || is_all && !scenario.by_hand;
    Ok(known.into_iter().filter(is_wanted).collect())
}

/// Scenarios of one boot each: few boots, and yet work for all jobs until the end. Longest first.
fn groups(mut scenarios: Vec<Scenario>, jobs: usize) -> Vec<Vec<Scenario>> {
    scenarios.sort_by(|one, other| other.cost().total_cmp(&one.cost()));
    let total: f64 = scenarios.iter().map(Scenario::cost).sum();
    // Twice as many groups as jobs, unless that would make boots dearer than what they run.
    let count = ((total / BOOT_COST) as usize).clamp(1, jobs * 2).max(jobs).min(scenarios.len());
    let mut groups: Vec<(f64, Vec<Scenario>)> = (0..count).map(|_| (0.0, Vec::new())).collect();
    for scenario in scenarios {
        let least = groups.iter_mut().min_by(|one, other| one.0.total_cmp(&other.0)).expect("at least one");
        least.0 += scenario.cost();
        least.1.push(scenario);
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Runs the groups, `jobs` at a time; how many scenarios passed.
fn run_groups(boot: &Boot, groups: Vec<Vec<Scenario>>, arguments: &Arguments) -> usize {
    let waiting = Mutex::new(groups.into_iter().enumerate().collect::<Vec<_>>());
    let passed = Mutex::new(0);
    let print = |report: &ScenarioReport| {
        let mut passed = passed.lock().expect("no thread panics with it");
        *passed += usize::from(report.is_passed());
        print!("{}", report.to_text(arguments.verbose));
    };
    std::thread::scope(|scope| {
        for _ in 0..arguments.jobs {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().expect("no thread panics with it").pop();
                    let Some((number, group)) = next else { return };
                    let names: Vec<_> = group.iter().map(|scenario| scenario.name.as_str()).collect();
                    let cost = group.iter().map(Scenario::cost).sum();
                    if let Err(problem) = boot.run(number, &names, cost, &print) {
                        println!("FAIL guest {number} ({}): {problem}", names.join(", "));
                    }
                }
            });
        }
    });
    passed.into_inner().expect("no thread panicked with it")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn scenario(name: &str, seconds: u32) -> Scenario {
        Scenario::parse(name, &format!("about = 'x'\nseconds = {seconds}\n[[judge]]\n")).unwrap()
    }

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
        assert_eq!(contender("ptp4l"), Ok(Contender::Ptp4l));
        assert!(contender("ntpd").unwrap_err().contains("synchronome"));
    }

    #[test]
    fn all_is_too_slow_only_if_it_would_be_on_free_cores_too() {
        let minutes = Duration::from_mins;
        for (elapsed, used, is_in_time) in [(11, 22, true), (30, 20, true), (13, 26, false)] {
            assert_eq!(Taken { elapsed: minutes(elapsed), used: minutes(used) }.is_in_time(2), is_in_time, "{elapsed}");
        }
    }

    #[test]
    fn names_choose_and_a_wrong_one_is_named() {
        let known = || vec![scenario("a", 60), scenario("b", 60)];
        assert_eq!(chosen(known(), &["all".to_owned()]).unwrap().len(), 2);
        assert_eq!(chosen(known(), &["b".to_owned()]).unwrap()[0].name, "b");
        assert!(chosen(known(), &["c".to_owned()]).unwrap_err().contains("no scenario c"));
    }

    #[test]
    fn each_scenario_is_in_one_group_and_the_groups_are_even() {
        let all: Vec<_> = (0..20).map(|number| scenario(&format!("s{number}"), 30 + number)).collect();
        let groups = groups(all, 2);
        assert_eq!((groups.len(), groups.iter().map(Vec::len).sum::<usize>()), (4, 20));
        let costs: Vec<f64> = groups.iter().map(|group| group.iter().map(Scenario::cost).sum()).collect();
        let (least, most) = (costs.iter().copied().fold(f64::MAX, f64::min), costs.iter().copied().fold(0.0, f64::max));
        assert!(most / least < 1.2, "{costs:?}");
        assert_eq!(super::groups(vec![scenario("a", 60)], 2).len(), 1);
    }
}
