//! `cargo xtask ntpbench`: what an answer costs, beside other servers and beside the least that sockets allow.
//!
//! Two namespaces with a cable, and two cores: one for the server and all receive work of its end of the cable (its NAPI thread is pinned
//! there), the other for the generator. What an answer costs is what a loop of the lowest priority loses on the server's core, so that the
//! kernel's work for it counts too, divided by what was *answered*. All contenders take turns within a round, and the median of the
//! rounds counts: what the machine does beside disturbs all alike. The figures are ratios of one run; nothing here compares with another day.

pub mod contender;
mod overload;
pub mod space;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use contender::{Contender, Running};
use overload::Overload;
use space::{Bench, Load, Report};

/// For `p99`, of all requests: this part of what chronyd can answer.
const SHARE_OF_SATURATION: f64 = 0.8;
/// And for the cost: where the core is full nothing can be told apart.
const SHARE_FOR_COST: f64 = 0.5;
/// Guests that ask once a second each.
const GUESTS: u32 = 1_000;
/// Clients of the run after which the resident memory is looked at.
const MANY_CLIENTS: u32 = 1 << 20;

/// Measure what an NTP answer costs, beside chronyd and a bare echo.
#[derive(clap::Args)]
pub struct Options {
    /// Rounds, of which the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Requests per second for the cost [default: half of what chronyd can answer]
    #[arg(long)]
    rate: Option<f64>,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Seconds in which a thousand guests ask once a second each.
    #[arg(long, default_value_t = 60.0)]
    guests_for: f64,
    /// `ntp.server.busy_poll` of our server.
    #[arg(long)]
    busy_poll: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(options: &Options) -> ExitCode {
    match crate::build(&["synchronome", "synchronome-ntpload"]).and_then(|()| measure(options)) {
        Ok(found) => {
            println!("{}", if options.json { found.to_json() } else { found.to_text() });
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("ntpbench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Of one contender, in each round.
#[derive(Default)]
struct Rounds {
    cpu_per_answer_s: Vec<f64>,
    p99_s: Vec<f64>,
}

struct Found {
    rounds: BTreeMap<Contender, Rounds>,
    missing: Vec<String>,
    saturation_per_s: f64,
    resident_bytes: u64,
    guests: Report,
    overload: Option<Overload>,
}

fn measure(options: &Options) -> Result<Found, String> {
    let bench = Bench::new(options.busy_poll.clone())?;
    let mut rounds: BTreeMap<Contender, Rounds> = BTreeMap::new();
    let mut missing = Vec::new();
    let mut contenders = Vec::new();
    for contender in Contender::ALL {
        match contender.program() {
            // Others are there to be measured with; this one may have its own ideas of whom it answers.
            Ok(_) if contender == Contender::Ntpd => match Running::start(&bench, contender) {
                Ok(_) => contenders.push(contender),
                Err(why) => missing.push(why),
            },
            Ok(_) => contenders.push(contender),
            Err(why) => missing.push(why),
        }
    }
    let saturation_per_s = {
        let _chronyd = Running::start(&bench, Contender::Chronyd)?;
        bench.saturation()?
    };
    eprintln!("ntpbench: chronyd answers {saturation_per_s:.0}/s at most");
    let rate = options.rate.unwrap_or(SHARE_FOR_COST * saturation_per_s);
    for round in 1..=options.rounds {
        for contender in &contenders {
            let server = Running::start(&bench, *contender)?;
            let quiet = bench.idle_turns(options.seconds, None)?;
            let load = Load { rate, seconds: options.seconds, clients: 1_000 };
            let (busy, report) = bench.loaded(&load)?;
            let used = (1.0 - busy / quiet).max(0.0);
            let cost = used / report.answered_per_s.max(1.0);
            let load = Load { rate: SHARE_OF_SATURATION * saturation_per_s, ..load };
            let late = bench.load(&load)?;
            let p99 = late.latency_p99_s.unwrap_or(f64::INFINITY);
            eprintln!(
                "ntpbench: round {round}: {:<8} {:.2} us of CPU an answer at {:.0}/s; p99 {:.1} us at {:.0}/s, {:.2} % lost",
                contender.name(),
                cost * 1e6,
                report.answered_per_s,
                p99 * 1e6,
                late.sent_per_s,
                late.loss() * 100.0
            );
            let of_it = rounds.entry(*contender).or_default();
            of_it.cpu_per_answer_s.push(cost);
            of_it.p99_s.push(p99);
            drop(server);
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    let (resident_bytes, guests) = {
        let ours = Running::start(&bench, Contender::Ours)?;
        let guests = bench.load(&Load { rate: f64::from(GUESTS), seconds: options.guests_for, clients: GUESTS })?;
        bench.load(&Load { rate: 100_000.0, seconds: f64::from(MANY_CLIENTS) / 100_000.0, clients: MANY_CLIENTS })?;
        (ours.resident_bytes()?, guests)
    };
    let overload =
        overload::measure(&bench, options.seconds).map_err(|why| missing.push(format!("overload: {why}"))).ok();
    Ok(Found { rounds, missing, saturation_per_s, resident_bytes, guests, overload })
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Found {
    fn cpu(&self, contender: Contender) -> f64 {
        self.rounds.get(&contender).map_or(f64::NAN, |rounds| median(&rounds.cpu_per_answer_s))
    }

    fn p99(&self, contender: Contender) -> f64 {
        self.rounds.get(&contender).map_or(f64::NAN, |rounds| median(&rounds.p99_s))
    }

    fn ratios(&self) -> [(&'static str, f64, f64); 3] {
        let (ours, chronyd, echo) = (Contender::Ours, Contender::Chronyd, Contender::Echo);
        [
            ("ratio_cpu_per_request_to_echo", self.cpu(ours) / self.cpu(echo), 1.15),
            ("ratio_cpu_per_request_to_chronyd", self.cpu(ours) / self.cpu(chronyd), 1.0),
            ("ratio_p99_to_chronyd", self.p99(ours) / self.p99(chronyd), 0.7),
        ]
    }

    fn to_text(&self) -> String {
        let mut lines = vec![format!("{:<10} {:>16} {:>12}", "server", "CPU an answer", "p99")];
        for contender in self.rounds.keys() {
            let (cpu, p99) = (self.cpu(*contender) * 1e6, self.p99(*contender) * 1e6);
            lines.push(format!("{:<10} {cpu:>13.2} us {p99:>9.1} us", contender.name()));
        }
        for (name, ratio, aim) in self.ratios() {
            lines.push(format!("{name}: {ratio:.2} (aim: at most {aim})"));
        }
        let mib = self.resident_bytes as f64 / f64::from(1 << 20);
        lines.push(format!("resident with {MANY_CLIENTS} clients seen: {mib:.1} MiB (aim: at most 20)"));
        let (guests, us) = (&self.guests, |seconds: Option<f64>| seconds.unwrap_or(f64::NAN) * 1e6);
        lines.push(format!(
            "{GUESTS} guests, one request a second each: {} of {} unanswered; 98 of 100 see offsets within {:.1} us, all from {:.1} to {:.1} us",
            guests.sent - guests.answered,
            guests.sent,
            us(guests.offset_p1_to_p99_s),
            us(guests.offset_min_s),
            us(guests.offset_max_s),
        ));
        if let Some(overload) = &self.overload {
            lines.push(format!(
                "a worker with a fifth of a core (by {}) answers {:.0}/s, and {:.0}/s when asked for three times that; the thread that steers is silent for {:.0} \
                 and {:.0} ms at most; resident {:.1} and {:.1} MiB",
                overload.held_by,
                overload.answered_per_s,
                overload.answered_per_s_overloaded,
                overload.silent_s[0] * 1e3,
                overload.silent_s[1] * 1e3,
                overload.resident_bytes[0] as f64 / f64::from(1 << 20),
                overload.resident_bytes[1] as f64 / f64::from(1 << 20),
            ));
        }
        lines.push(format!("chronyd answers {:.0}/s at most", self.saturation_per_s));
        lines.extend(self.missing.iter().map(|why| format!("not measured: {why}")));
        lines.join("\n")
    }

    fn to_json(&self) -> String {
        let servers: BTreeMap<_, _> = self
            .rounds
            .keys()
            .map(|contender| {
                let figures = serde_json::json!({
                    "cpu_per_answer_s": self.cpu(*contender), "p99_s": self.p99(*contender),
                });
                (contender.name(), figures)
            })
            .collect();
        let mut all = serde_json::json!({
            "servers": servers,
            "chronyd_saturation_per_s": self.saturation_per_s,
            "resident_bytes": self.resident_bytes,
            "missing": self.missing,
            "guests": {
                "sent": self.guests.sent, "answered": self.guests.answered,
                "offset_p1_to_p99_s": self.guests.offset_p1_to_p99_s,
            },
            "overload": self.overload.as_ref().map(|overload| serde_json::json!({
                "held_by": overload.held_by,
                "answered_per_s": overload.answered_per_s,
                "answered_per_s_overloaded": overload.answered_per_s_overloaded,
                "silent_s": overload.silent_s,
                "resident_bytes": overload.resident_bytes,
            })),
        });
        for (name, ratio, _) in self.ratios() {
            all[name] = ratio.into();
        }
        all.to_string()
    }
}
