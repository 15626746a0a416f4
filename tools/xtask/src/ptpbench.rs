//! `cargo xtask ptpbench`: what a Delay_Req costs a master, beside ptp4l.
//!
//! Two namespaces with a cable, a core for the master and one for the generator. The masters take turns within a round, each alone,
//! and the median of the rounds' ratios counts. What counts is the CPU time of the master's whole process (all its threads, to a nanosecond:
//! `schedstat` of proc(5)), divided by what it *answered*. At the end our memory is looked at before and after a flood of requests, each by a
//! clock identity that was never seen.
//!
//! Neither touches a clock: `ptp4l` is free running, and ours observes, which is its default. Both stamp in software; nothing of either is
//! switched off.
//!
//! What is in the figure beside the master: a packet that a socket sends over a veth is received by the other end in the sender's time (`veth_xmit`
//! hands it to the backlog, and not to the other end's NAPI thread, as long as a receiver has nothing to gain from it), so that a third of
//! what remains to us is the *generator's* receiving, and a good part of what `ptp4l` takes. The least that a master could take here is that of
//! a program without any state that sleeps 2 ms, reads what came with its stamps (`recvmmsg`) and answers in a row (`UDP_SEGMENT`): at 20,000 a
//! second 1.9 to 2.5 us, 0.24 to 0.27 of `ptp4l`'s in the same runs.

mod generator;

use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

pub use generator::{Options as GeneratorOptions, run as generate};

use crate::ntpbench::contender::installed;
use crate::ntpbench::space::{Bench, CLIENT, SERVER, ip, output};

/// So long a master may take until it answers.
const PATIENCE: Duration = Duration::from_mins(1);
/// Different clocks that ask.
const CLOCKS: u32 = 1_000;
/// What our cost may be of ptp4l's.
const RATIO_MAX: f64 = 1.0 / 3.0;
/// What our memory may grow by in a flood of requests, each of a clock that was never seen.
const GROWTH_MAX: u64 = 4 << 20;

/// Measure what a Delay_Req costs a master, beside ptp4l.
///
/// Exit codes: 0 measured, 1 something failed, or with --check the target was missed.
#[derive(clap::Args)]
pub struct Options {
    /// Rounds, of which the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Requests per second.
    #[arg(long, default_value_t = 20_000)]
    rate: u32,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Fail where our cost is more than a third of ptp4l's, or a flood of new clocks needs more than 4 MiB.
    #[arg(long)]
    check: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Master {
    Ours,
    Ptp4l,
}

/// One measurement.
#[derive(Clone, Copy)]
struct Cost {
    sent: u64,
    answered: u64,
    cpu_s: f64,
}

impl Cost {
    fn micros(&self) -> f64 {
        self.cpu_s * 1e6 / self.answered.max(1) as f64
    }

    fn answered_share(&self) -> f64 {
        self.answered as f64 / self.sent.max(1) as f64
    }
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, or does now.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn run(options: &Options) -> ExitCode {
    match crate::build(&["synchronome"]).and_then(|()| measure(options)) {
        Ok((text, missed)) => {
            println!("{text}");
            match missed.filter(|_| options.check) {
                None => ExitCode::SUCCESS,
                Some(missed) => {
                    eprintln!("ptpbench: {missed}");
                    ExitCode::FAILURE
                }
            }
        }
        Err(error) => {
            eprintln!("ptpbench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What was measured, and which target was missed.
fn measure(options: &Options) -> Result<(String, Option<String>), String> {
    let bench = Bench::new(None)?;
    for (space, interface) in [(bench.client(), "c0"), (bench.server(), "s0")] {
        ip(space, &format!("route add 224.0.0.0/4 dev {interface}"))?;
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut memory = None;
    for round in 0..options.rounds.max(1) {
        for (master, costs) in [(Master::Ptp4l, &mut theirs), (Master::Ours, &mut ours)] {
            let running = start(&bench, master)?;
            let cost = one(&bench, &running, options)?;
            costs.push(cost);
            if master == Master::Ours && round == 0 {
                let before = resident_bytes(&running)?;
                let flood = load(&bench, options.rate, options.seconds, 0)?;
                memory = Some((before, resident_bytes(&running)?, flood.sent));
            }
        }
    }
    let memory = memory.ok_or("nothing was measured")?;
    let text = if options.json { to_json(&ours, &theirs, memory) } else { to_text(&ours, &theirs, memory) };
    Ok((text, missed(ratio(&ours, &theirs), memory.1.saturating_sub(memory.0))))
}

fn missed(ratio: f64, growth: u64) -> Option<String> {
    if ratio.is_nan() || ratio > RATIO_MAX {
        return Some(format!("{ratio:.2} of ptp4l's cost, and at most {RATIO_MAX:.2} is wanted"));
    }
    (growth > GROWTH_MAX).then(|| format!("{growth} octets more in a flood, and at most {GROWTH_MAX} are allowed"))
}

fn one(bench: &Bench, running: &Running, options: &Options) -> Result<Cost, String> {
    let before = cpu_s(running)?;
    let load = load(bench, options.rate, options.seconds, CLOCKS)?;
    Ok(Cost { cpu_s: cpu_s(running)? - before, ..load })
}

/// Starts a master and waits until it answers.
fn start(bench: &Bench, master: Master) -> Result<Running, String> {
    let directory = bench.directory().display();
    let (program, arguments): (PathBuf, Vec<String>) = match master {
        Master::Ptp4l => {
            let socket = format!("--uds_address={directory}/ptp4l.sock");
            let options = ["-i", "s0", "-4", "-E", "-S", "-q", "--free_running=1", "--masterOnly=1", &socket];
            (installed("ptp4l", "linuxptp")?, options.map(str::to_owned).to_vec())
        }
        Master::Ours => {
            let config = bench.directory().join("ptp.toml");
            let text = format!(
                "[clock]\nsystem = \"observe\"\n[[ptp]]\ninterface = \"s0\"\nrole = \"master\"\n\
                 [[ntp.source]]\naddress = \"{CLIENT}\"\npoll = 0\n[observe]\nhttp = \"off\"\nlog = \"error\"\n\
                 runtime_directory = \"{directory}\"\nstate_directory = \"{directory}\"\n[threads]\nlock_memory = false\n"
            );
            std::fs::write(&config, text).map_err(|error| format!("{}: {error}", config.display()))?;
            let program = std::env::current_exe().unwrap_or_default().with_file_name("synchronome");
            (program, vec!["run".to_owned(), config.display().to_string()])
        }
    };
    let mut command: Command = bench.server_command(&program);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    let mut running = Running(command.spawn().map_err(|error| format!("{}: {error}", program.display()))?);
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Ok(Some(status)) = running.0.try_wait() {
            return Err(format!("{} has ended: {status}", program.display()));
        }
        if load(bench, 20, 0.5, CLOCKS)?.answered > 0 {
            return Ok(running);
        }
    }
    Err(format!("{} at {SERVER} answers no Delay_Req", program.display()))
}

/// Lets the generator ask; of `clocks` clocks, or each request of another one (0).
fn load(bench: &Bench, rate: u32, seconds: f64, clocks: u32) -> Result<Cost, String> {
    let own = std::env::current_exe().map_err(|error| format!("our own path: {error}"))?;
    let mut command = bench.client_command(&own);
    command.arg("ptpload").args(["--address", CLIENT, "--rate", &rate.to_string()]);
    command.args(["--seconds", &seconds.to_string(), "--clocks", &clocks.to_string()]);
    let text = output(&mut command)?;
    let mut numbers = text.split_whitespace().map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(sent)), Some(Ok(answered))) => Ok(Cost { sent, answered, cpu_s: 0.0 }),
        _ => Err(format!("the generator says {text:?}")),
    }
}

/// CPU time of all its threads: the first number of each `schedstat`, in ns (proc_pid_task(5); Documentation/scheduler/sched-stats.rst).
fn cpu_s(running: &Running) -> Result<f64, String> {
    let path = format!("/proc/{}/task", running.0.id());
    let threads = std::fs::read_dir(&path).map_err(|error| format!("{path}: {error}"))?.flatten();
    let mut nanos = 0.0;
    for thread in threads {
        // One that has just ended took nothing to speak of.
        let Ok(text) = std::fs::read_to_string(thread.path().join("schedstat")) else { continue };
        nanos += text.split(' ').next().and_then(|first| first.parse::<f64>().ok()).ok_or("schedstat has no time")?;
    }
    if nanos > 0.0 { Ok(nanos / 1e9) } else { Err(format!("{path}: no thread says its CPU time (CONFIG_SCHED_INFO)")) }
}

fn resident_bytes(running: &Running) -> Result<u64, String> {
    crate::ntpbench::contender::resident_bytes(running.0.id())
}

fn median(costs: &[Cost]) -> f64 {
    middle(costs.iter().map(Cost::micros).collect())
}

/// Ours of theirs, in each round: what else runs on the machine slows both down.
fn ratios(ours: &[Cost], theirs: &[Cost]) -> Vec<f64> {
    ours.iter().zip(theirs).map(|(ours, theirs)| ours.micros() / theirs.micros()).collect()
}

fn ratio(ours: &[Cost], theirs: &[Cost]) -> f64 {
    middle(ratios(ours, theirs))
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn to_text(ours: &[Cost], theirs: &[Cost], (before, after, flood): (u64, u64, u64)) -> String {
    let row = |name: &str, costs: &[Cost]| {
        let each: Vec<String> = costs.iter().map(|cost| format!("{:.1}", cost.micros())).collect();
        let least = costs.iter().map(Cost::answered_share).fold(1.0, f64::min);
        format!(
            "{name:12} {:5.1} us of CPU for an answered Delay_Req ({} us in each round); at least {:.1} % were answered\n",
            median(costs),
            each.join(", "),
            least * 100.0
        )
    };
    let each: Vec<String> = ratios(ours, theirs).iter().map(|ratio| format!("{ratio:.2}")).collect();
    let ratio = ratio(ours, theirs);
    let verdict = if ratio <= RATIO_MAX { "reached" } else { "missed" };
    format!(
        "{}{}ours of ptp4l's: {ratio:.2} ({} in each round; target 0.33: {verdict})\n\
         memory: {:.1} MiB before and {:.1} MiB after {flood} requests, each of another clock",
        row("ptp4l", theirs),
        row("synchronome", ours),
        each.join(", "),
        before as f64 / f64::from(1 << 20),
        after as f64 / f64::from(1 << 20),
    )
}

fn to_json(ours: &[Cost], theirs: &[Cost], (before, after, flood): (u64, u64, u64)) -> String {
    let (ours_us, theirs_us) = (median(ours), median(theirs));
    let json = serde_json::json!({
        "synchronome_us": ours_us, "ptp4l_us": theirs_us, "ratio": ratio(ours, theirs), "ratios": ratios(ours, theirs), "target": RATIO_MAX,
        "flood": { "requests": flood, "resident_before": before, "resident_after": after },
    });
    json.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rounds_are_compared_one_by_one() {
        let cost = |micros: f64| Cost { sent: 1_000_000, answered: 1_000_000, cpu_s: micros };
        // The machine was busy in the second round.
        let (ours, theirs) = ([2.0, 9.0, 2.2].map(cost), [8.0, 30.0, 7.0].map(cost));
        assert!((ratio(&ours, &theirs) - 0.3).abs() < 1e-9, "{}", ratio(&ours, &theirs));
        assert!((median(&ours) - 2.2).abs() < 1e-9);
    }

    #[test]
    fn a_target_is_missed_by_cost_or_by_memory_or_where_nothing_was_measured() {
        assert_eq!(missed(0.33, GROWTH_MAX), None);
        assert!(missed(0.34, 0).is_some_and(|said| said.starts_with("0.34 of")));
        assert!(missed(0.2, GROWTH_MAX + 1).is_some_and(|said| said.contains("in a flood")));
        assert!(missed(f64::NAN, 0).is_some());
    }
}
