//! The course of one run: what happens when, what is sampled, and the figures that come of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use phclab::heard::{self, Standing, Word};
use phclab::judge::{Claim, Claims, Sample, Stats, locked_at, outage_s};
use phclab::kernel::{self, KernelClaims, KernelSample};
use phclab::report::{Cost, Memory, RunReport, ThreadCost, Window, costs_between};
use phclab::scenario::{Clock, Contender, Fault, Leap, Scenario, TRIGGERS};
use synchronome_kernel::adjtimex;

use super::contender::{enthrone_master, faulty, scrape, selected_at, start, start_master, summaries};
use super::process::{Process, call};
use super::servers::Servers;
use super::world::{CONTENDER_SIDE, TAI_UTC, Truth, World, connect, monotonic, turn, value_of};
use super::{Outcome, because, daemon};

/// The kernel's clock is asked so often.
const KERNEL_EVERY_S: f64 = 0.5;
/// The cost is counted from this part of the run on.
const COST_FROM: f64 = 1.0 / 3.0;
/// The master's settings are written so long after its start.
const ENTHRONE_AFTER_S: f64 = 2.0;
/// The master announces the new TAI - UTC so long after the leap second began, within two Announces as it should.
const AFTER_LEAP_S: f64 = 1.2;

/// Something that is due at a moment.
enum Event {
    Begin(usize),
    End(usize),
    StartMaster,
    EnthroneMaster,
    AfterLeap,
    CountCost,
}

/// What a command of the scenario says behind this is shown in the report.
const FIGURE_MARK: &str = "figure:";

/// A run under way.
struct Course<'s> {
    scenario: &'s Scenario,
    world: &'s World,
    folder: &'s Path,
    begin: f64,
    master: Option<Process>,
    contender: Vec<Process>,
    saved: BTreeMap<(String, String), i64>,
    samples: Vec<Sample>,
    kernel: Vec<KernelSample>,
    claims: BTreeMap<Clock, Vec<Claim>>,
    words: Vec<Word>,
    selected_at: Option<f64>,
    claimed_lock_s: Option<f64>,
    costs_before: Vec<ThreadCost>,
    costs: Vec<ThreadCost>,
    memory: Vec<Memory>,
    measured: Vec<String>,
    failures: Vec<String>,
    diary: String,
}

/// Runs a contender through a scenario.
///
/// # Errors
/// What could not be done; what the contender did wrong is in the report.
pub fn run(scenario: &Scenario, contender: Contender, world: &World, folder: &Path) -> Outcome<RunReport> {
    let mut master = None;
    let lead = scenario.master.lead;
    if lead >= 0.0 {
        let started = master.insert(start_master(scenario, folder)?);
        sleep(Duration::from_secs_f64(ENTHRONE_AFTER_S.min(lead)));
        if let Some(failure) = started.failure() {
            return Err(failure);
        }
        enthrone_master(TAI_UTC, scenario.master.leap, folder)?;
        sleep(Duration::from_secs_f64((lead - ENTHRONE_AFTER_S).max(0.0)));
    }
    let servers = Servers::start(scenario)?;
    World::set_clocks(scenario.start.phc_ns, scenario.start.real_ns)?;
    let mut course = Course {
        scenario,
        world,
        folder,
        begin: monotonic(),
        master,
        contender: start(scenario, contender, folder)?,
        saved: BTreeMap::new(),
        samples: Vec::new(),
        kernel: Vec::new(),
        claims: BTreeMap::new(),
        words: Vec::new(),
        selected_at: None,
        claimed_lock_s: None,
        costs_before: Vec::new(),
        costs: Vec::new(),
        memory: Vec::new(),
        measured: Vec::new(),
        failures: Vec::new(),
        diary: String::new(),
    };
    course.go(contender)?;
    let report = course.end(contender);
    drop(servers);
    report
}

impl Course<'_> {
    /// What is due, in its order.
    fn events(&self) -> Outcome<Vec<(f64, Event)>> {
        let mut events = vec![(self.scenario.seconds * COST_FROM, Event::CountCost)];
        for (number, fault) in self.scenario.fault.iter().enumerate() {
            events.push((fault.at, Event::Begin(number)));
            events.extend(fault.lasts.map(|lasts| (fault.at + lasts, Event::End(number))));
        }
        let lead = self.scenario.master.lead;
        if lead < 0.0 {
            events.push((-lead, Event::StartMaster));
            events.push((-lead + ENTHRONE_AFTER_S, Event::EnthroneMaster));
        }
        if self.scenario.master.leap != Leap::None {
            events.push((self.world.seconds_to_leap()? + AFTER_LEAP_S, Event::AfterLeap));
        }
        events.sort_by(|one, other| one.0.total_cmp(&other.0));
        Ok(events)
    }

    fn go(&mut self, contender: Contender) -> Outcome<()> {
        let mut events = self.events()?.into_iter().peekable();
        let seconds = self.scenario.seconds;
        let (mut next_sample, mut next_kernel, mut next_word) = (0.0, 0.0, self.scenario.bound.every_s);
        // Not before there is anything to fetch.
        let scrape_every_s = self.scenario.scrape_every_s.unwrap_or(f64::INFINITY);
        let mut next_scrape = seconds * COST_FROM + scrape_every_s;
        loop {
            let due = events.peek().map_or(f64::INFINITY, |event| event.0).min(next_sample);
            if due > seconds {
                break;
            }
            sleep(Duration::from_secs_f64((due - self.now()).max(0.0)));
            while let Some((_, event)) = events.next_if(|event| event.0 <= self.now()) {
                self.happen(&event)?;
            }
            if self.now() < next_sample {
                continue;
            }
            if self.now() >= next_scrape {
                next_scrape += scrape_every_s;
                self.failures.extend(scrape(contender).err());
            }
            let truth = Truth::read()?;
            let now = self.now();
            self.sample(now, &truth);
            // After a long interruption the samples go on from there.
            next_sample = (next_sample + self.scenario.sample_every_s).max(now);
            if contender.is_ours() && now >= next_word {
                next_word = now + self.scenario.bound.every_s;
                self.ask_daemon(&truth)?;
            }
            if now >= next_kernel {
                next_kernel = now + KERNEL_EVERY_S;
                self.ask_kernel()?;
            }
        }
        self.costs = costs_between(&self.costs_before, &self.costs_so_far());
        self.memory = self.contender.iter().flat_map(Process::memory).collect();
        Ok(())
    }

    /// Seconds after the contender's start.
    fn now(&self) -> f64 {
        monotonic() - self.begin
    }

    fn costs_so_far(&self) -> Vec<ThreadCost> {
        let now = self.now();
        self.contender.iter().flat_map(|process| process.costs(now)).collect()
    }

    fn happen(&mut self, event: &Event) -> Outcome<()> {
        let note = match event {
            Event::Begin(number) => self.break_something(&self.scenario.fault[*number])?,
            Event::End(number) => self.mend(&self.scenario.fault[*number])?,
            Event::StartMaster => {
                self.master = Some(start_master(self.scenario, self.folder)?);
                "the master starts".to_owned()
            }
            Event::EnthroneMaster => {
                enthrone_master(TAI_UTC, self.scenario.master.leap, self.folder)?;
                "the master has its settings".to_owned()
            }
            Event::AfterLeap => {
                enthrone_master(TAI_UTC + self.scenario.master.leap.seconds(), Leap::None, self.folder)?;
                "the master announces the new TAI - UTC".to_owned()
            }
            Event::CountCost => {
                self.costs_before = self.costs_so_far();
                "the cost counts from here".to_owned()
            }
        };
        let _ = writeln!(self.diary, "{:9.3} {note}", self.now());
        Ok(())
    }

    fn break_something(&mut self, fault: &Fault) -> Outcome<String> {
        for (port, knobs) in &fault.set {
            for knob in knobs.keys().filter(|knob| fault.lasts.is_some() && !TRIGGERS.contains(&knob.as_str())) {
                self.saved.insert((port.clone(), knob.clone()), value_of(port, knob)?);
            }
        }
        for (port, knobs) in &fault.set {
            knobs.iter().try_for_each(|(knob, value)| self.turn(port, knob, *value))?;
        }
        let mut note = format!("fault: {:?}", fault.set);
        if let Some(line) = &fault.run {
            let said = self.command(line)?;
            let _ = write!(note, " `{line}`: {said}");
        }
        Ok(note)
    }

    /// Runs a scenario's command where the contender is; returns what it said.
    fn command(&mut self, line: &str) -> Outcome<String> {
        let words: Vec<_> = ["netns", "exec", CONTENDER_SIDE].into_iter().chain(line.split_whitespace()).collect();
        let said = call("ip", &words)?;
        let figures = said.lines().filter_map(|line| line.strip_prefix(FIGURE_MARK));
        self.measured.extend(figures.map(|figure| figure.split_whitespace().collect::<Vec<_>>().join(" ")));
        Ok(said)
    }

    /// What our daemon has left behind, which has ended.
    fn look_after(&mut self) {
        for line in &self.scenario.synchronome.after {
            let said = self.command(line);
            let _ = writeln!(self.diary, "{:9.3} after the end `{line}`: {said:?}", self.now());
            self.failures.extend(said.err());
        }
    }

    /// Turns a knob; a net device that is there again is connected as it was.
    fn turn(&self, port: &str, knob: &str, value: i64) -> Outcome<()> {
        let was_pulled = knob == "card" && value_of(port, knob)? == 0;
        turn(port, knob, value)?;
        match self.scenario.ports().position(|known| known == port) {
            Some(number) if was_pulled && value != 0 => connect(self.scenario, number),
            _ => Ok(()),
        }
    }

    fn mend(&mut self, fault: &Fault) -> Outcome<String> {
        for (port, knobs) in &fault.set {
            for knob in knobs.keys() {
                if let Some(value) = self.saved.remove(&(port.clone(), knob.clone())) {
                    self.turn(port, knob, value)?;
                }
            }
        }
        Ok(format!("over: {:?}", fault.set))
    }

    fn sample(&mut self, at: f64, truth: &Truth) {
        let system_ns = self.world.system_error_ns(truth);
        self.samples.push(Sample { at, phcs_ns: truth.phc_errors_ns().collect(), system_ns });
    }

    /// Just after our daemon was: what both say is then of one moment.
    fn ask_kernel(&mut self) -> Outcome<()> {
        let timex = adjtimex::read().map_err(because("adjtimex"))?;
        let error_ns = self.world.system_error_ns(&Truth::read()?);
        self.kernel.push(KernelSample::of(self.now(), &timex, error_ns));
        Ok(())
    }

    fn error_ns(&self, clock: Clock, truth: &Truth) -> Option<f64> {
        match clock {
            Clock::Phc(port) => truth.phc_errors_ns().nth((port as usize).checked_sub(1)?),
            Clock::System => self.world.system_error_ns(truth),
        }
    }

    fn ask_daemon(&mut self, before: &Truth) -> Outcome<()> {
        let Some(answer) = daemon::ask() else { return Ok(()) };
        let after = Truth::read()?;
        let at = self.now();
        let word = answer.word(at, self.scenario.bound.every_s + 1.0);
        for (clock, said) in word.clocks.iter().filter(|(_, said)| said.is_steered) {
            if let (Some(bound_ns), Some(before_ns), Some(after_ns)) =
                (said.bound_ns, self.error_ns(*clock, before), self.error_ns(*clock, &after))
            {
                self.claims.entry(*clock).or_default().push(Claim { at, bound_ns, before_ns, after_ns });
            }
        }
        let selected = answer.selected_ago_s().map(|ago| at - ago);
        if self.selected_at.is_none() || answer.lock_s().is_some() {
            self.selected_at = selected.or(self.selected_at);
        }
        self.claimed_lock_s = self.claimed_lock_s.or(answer.lock_s());
        let _ = writeln!(self.diary, "{at:9.3} status {}", answer.line());
        self.words.push(word);
        Ok(())
    }

    /// Ends all processes and makes the report.
    fn end(mut self, contender: Contender) -> Outcome<RunReport> {
        self.failures.extend(self.master.as_mut().and_then(Process::failure));
        let ended: Vec<_> = self.contender.iter_mut().filter_map(Process::failure).collect();
        let may_end = self.scenario.linuxptp.may_end && !contender.is_ours();
        let deaths = if may_end {
            ended
        } else {
            self.failures.extend(ended);
            Vec::new()
        };
        let log = self.contender[0].said();
        let words = if contender.is_ours() { self.words.len() as u64 } else { summaries(&log) };
        if !contender.is_ours() {
            self.selected_at = selected_at(&log).map(|at| at - self.begin);
        }
        if contender.is_ours() {
            for expect in &self.scenario.expect {
                self.failures.extend(heard::unmet(expect, &self.words));
                self.failures.extend(kernel::unmet(expect, &self.kernel));
            }
        }
        for process in self.contender.drain(..).chain(self.master.take()) {
            self.failures.extend(process.end().err());
        }
        if contender.is_ours() {
            self.look_after();
        }
        self.write_down()?;
        let scenario = self.scenario;
        let faults: Vec<_> = scenario.fault.iter().map(|fault| fault.at).collect();
        let first_fault = faults.iter().copied().fold(f64::INFINITY, f64::min);
        let lock_s = scenario.lock.and_then(|lock| {
            let at = locked_at(&self.samples, lock.clock, lock.limit_ns, first_fault.min(scenario.seconds))?;
            Some((at - self.selected_at?).max(0.0))
        });
        let outage = scenario.outage.map(|outage| outage_s(&self.samples, outage.clock, outage.limit_ns, first_fault));
        let windows = scenario.judge.iter().map(|judge| {
            let (from, to) = judge.window(scenario.seconds);
            let stats = Stats::in_window(&self.samples, judge.clock, (from, to), judge.mean_ns);
            // What is behind us is not ours.
            let standing = (contender.is_ours() && !judge.clock.is_behind())
                .then(|| Standing::of(&self.words, judge.clock, (from, to)));
            Window { clock: judge.clock, from, to, about_ns: judge.mean_ns, stats, standing }
        });
        let mut states: Vec<(f64, String)> = Vec::new();
        for word in &self.words {
            let state = word.state(Clock::System);
            if states.last().is_none_or(|last| last.1 != state) {
                states.push((word.at, state.to_owned()));
            }
        }
        let held =
            |(clock, claims): (&Clock, &Vec<Claim>)| (*clock, Claims::of(claims, &faults, scenario.bound.grace_s));
        Ok(RunReport {
            contender,
            phc_drift_ppb: self.world.free_drift_ppb[0],
            system_drift_ppb: self.world.free_drift_ppb[1],
            windows: windows.collect(),
            lock_s,
            claimed_lock_s: self.claimed_lock_s,
            outage_s: outage,
            faulty: faulty(&log),
            words,
            claims: self.claims.iter().map(held).collect(),
            kernel: Some(KernelClaims::of(&self.kernel, &self.words)),
            states,
            reason: self.words.last().map(|word| word.reason.clone()),
            cost: Cost::of_all(&self.costs),
            threads: self.costs,
            memory: self.memory,
            failures: self.failures,
            deaths,
            measured: self.measured,
        })
    }

    /// The samples and the diary, for people.
    fn write_down(&self) -> Outcome<()> {
        let mut text = "seconds system_error_ns phc_error_ns...\n".to_owned();
        for sample in &self.samples {
            let system = sample.system_ns.map_or_else(|| "-".to_owned(), |error| format!("{error:.3}"));
            let _ = write!(text, "{:.6} {system}", sample.at);
            sample.phcs_ns.iter().try_for_each(|error| write!(text, " {error:.3}")).expect("a string takes it");
            text.push('\n');
        }
        fs::write(self.folder.join("truth.txt"), text).map_err(because("truth.txt"))?;
        let mut text = "seconds unsync maxerror_us esterror_us tai tick leap\n".to_owned();
        for sample in &self.kernel {
            let KernelSample { at, unsync, max_error_us, est_error_us, tai, tick, leap, .. } = sample;
            let _ = writeln!(text, "{at:.3} {unsync} {max_error_us} {est_error_us} {tai} {tick} {leap:?}");
        }
        fs::write(self.folder.join("kernel.txt"), text).map_err(because("kernel.txt"))?;
        fs::write(self.folder.join("diary.txt"), &self.diary).map_err(because("diary.txt"))
    }
}
