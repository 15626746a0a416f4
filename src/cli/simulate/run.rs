//! One run of a scenario: the world is made, things happen to it, and what came of it is kept.

use std::collections::VecDeque;

use super::alarms::{Alarm, alarms};
use super::churn::{Churning, Round};
use super::figures::{Figures, Series};
use super::limits::Broken;
use super::points::{Curves, Point, points};
use super::scenario::{HostPlan, MasterPlan, Scenario, ServerPlan, What, Window};
use crate::discipline::helm::{Verdict, Why};
use crate::discipline::servo::Kind;
use crate::engine::Random;
use crate::ntp::client::Orphan;
use crate::sim::{
    Checker, GNSS_SOURCE, Host, HostConfig, NTP_SOURCE, NodeId, ORPHAN_STRATUM, Statistics, Steered, Violation, World,
};
use crate::time::{Duration, FrequencyPpb, Mono, SourceId, SyncState, Timestamp};

/// A master says the new TAI - UTC so long after a leap second.
pub(super) const ANNOUNCED_AFTER: Duration = Duration::from_secs(1);
/// A trace has the last so many octets of what the engines were told.
const TRACE_BYTES_MAX: usize = 16 << 20;
/// It goes on so long after the first limit or rule was broken.
const TRACE_AFTER: Duration = Duration::SECOND;

/// What came of one host.
#[derive(Clone, Debug)]
pub struct HostOutcome {
    /// Its name.
    pub name: String,
    /// Of each window.
    pub figures: Vec<Figures>,
    /// From selecting the parent to LOCKED.
    pub lock_time: Option<Duration>,
    /// Steps of the system clock by the daemon.
    pub steps: Vec<(Timestamp<Mono>, Duration)>,
    /// When jumps of the card's clock were found.
    pub jumps_found: Vec<Timestamp<Mono>>,
    /// When settings of the system clock were found.
    pub sets_found: Vec<Timestamp<Mono>>,
    /// When another master than before was selected.
    pub parents: Vec<Timestamp<Mono>>,
    /// Who of several sources steered, by name, since when, and how long after the last message of a source that was lost or wrong.
    pub steered: Vec<Handover>,
    /// Who was found to be a falseticker.
    pub falsetickers: Vec<Vetoed>,
    /// When health said that sources contradict each other.
    pub alarms: Vec<Alarm>,
    /// When each pause of the machine ended, or somebody else touched its clock; and for how long after that wrong time was served as right.
    pub unnoticed: Vec<(Timestamp<Mono>, Duration)>,
    /// How often the proofs of the bound contradicted each other.
    pub contradictions: u32,
    /// The state at the end.
    pub end_state: SyncState,
    /// The states, with when each began.
    pub states: Vec<(Timestamp<Mono>, SyncState)>,
    /// For the plot.
    pub points: Vec<Point>,
}

impl HostOutcome {
    /// When another source than before steered, or nobody any more.
    pub fn handovers(&self) -> impl Iterator<Item = &Handover> {
        self.steered.iter().filter(|handover| !handover.is_first)
    }

    /// How long wrong time was served as right, after each pause of the machine and after each time that somebody else touched its clock.
    pub fn noticed_after(&self) -> impl Iterator<Item = Duration> {
        self.unnoticed.iter().map(|(_, lasted)| *lasted)
    }

    /// How long it took until each alarm.
    pub fn alarmed_after(&self) -> impl Iterator<Item = Duration> {
        self.alarms.iter().map(|alarm| alarm.took)
    }

    /// How long it took to find each falseticker.
    pub fn vetoed_after(&self) -> impl Iterator<Item = Duration> {
        self.falsetickers.iter().map(|found| found.took)
    }
}

/// A source is found to be a falseticker for the first time.
#[derive(Clone, Debug)]
pub struct Vetoed {
    /// When.
    pub at: Timestamp<Mono>,
    /// Its name.
    pub name: String,
    /// How long after it began, or something last happened to its time or its path, or to the clock that it is measured by.
    pub took: Duration,
}

/// Another source steers.
#[derive(Clone, Debug)]
pub struct Handover {
    /// Since when.
    pub at: Timestamp<Mono>,
    /// Who; `None`: nobody.
    pub to: Option<String>,
    /// Whether it is the first choice, or the first after nobody.
    pub is_first: bool,
    /// Why.
    pub why: Why,
    /// How long after the last message of the one before, if that was lost or wrong.
    pub took: Option<Duration>,
    /// How the clock went through it.
    pub seam: Seam,
}

/// Where one source ends and another one begins.
#[derive(Clone, Copy, Default, Debug)]
pub struct Seam {
    /// What the true error changed by between the samples around it, in seconds.
    pub moved: f64,
    /// The greatest step of the clock in the second after it.
    pub stepped: Option<Duration>,
    /// The bounds of before and after together, in seconds; infinite if there was none, or if the one of before did not hold: after a
    /// pause that nobody has told of the clock goes back to where it should be.
    pub bounds: f64,
}

/// What came of one run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// Of each host.
    pub hosts: Vec<HostOutcome>,
    /// The RMS of each host's true error in each window in the same world with the PI servo, in seconds; if it was asked for.
    pub with_pi: Option<Vec<Vec<f64>>>,
    /// The rounds of the churn, the time before the first one among them.
    pub rounds: Vec<Round>,
    /// What the checker found.
    pub checker: Checker,
    /// The name of the host of its first finding.
    pub first_at: Option<(Duration, String, Violation)>,
    /// Events.
    pub events: u64,
    /// Forged Announce.
    pub forged: u64,
    /// Hash of the run.
    pub digest: u64,
    /// The limits and rules that were broken.
    pub broken: Vec<Broken>,
}

impl Outcome {
    /// The RMS of each host in each window in terms of what it is with the PI servo.
    pub fn pi_ratios(&self) -> Vec<Vec<f64>> {
        let of_host = |(host, pi): (&HostOutcome, &Vec<f64>)| {
            host.figures.iter().zip(pi).map(|(figures, pi)| figures.rms / pi).collect()
        };
        self.hosts.iter().zip(self.with_pi.iter().flatten()).map(of_host).collect()
    }
}

/// Something to be done to the world.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    /// An event of the scenario begins, by its number.
    Begin(usize),
    /// It ends.
    End(usize),
    /// The masters that know announce what is true now.
    Leap,
    /// A storm begins, by its number.
    Storm(usize),
}

/// A scenario on its way.
pub(super) struct Run<'s> {
    pub scenario: &'s Scenario,
    pub world: World,
    pub masters: Vec<NodeId>,
    pub hosts: Vec<NodeId>,
    pub servers: Vec<NodeId>,
    /// The numbers of the events that last at present, in the order in which they began.
    pub in_force: Vec<usize>,
    /// Who leaves, returns and changes.
    pub churning: Option<Churning>,
    /// All that is still to be done, by its time.
    actions: VecDeque<(Duration, Action)>,
}

/// Runs a scenario once.
pub fn run(scenario: &Scenario, seed: u64) -> Outcome {
    let mut outcome = once(scenario, seed);
    if scenario.limits.pi_ratio.is_some() {
        let mut twin = scenario.clone();
        twin.hosts.iter_mut().for_each(|host| host.config.cascade.steering.servo = Kind::Pi);
        let of_host = |host: &HostOutcome| host.figures.iter().map(|figures| figures.rms).collect();
        outcome.with_pi = Some(once(&twin, seed).hosts.iter().map(of_host).collect());
    }
    outcome.broken = super::limits::broken(scenario, &outcome);
    outcome
}

fn once(scenario: &Scenario, seed: u64) -> Outcome {
    let mut run = Run::new(scenario, seed);
    run.go_on_until(scenario.duration);
    run.outcome(seed)
}

/// Runs it again until just after the first limit or rule is broken, recording; the bytes of a trace file, or nothing if
/// none breaks.
pub fn trace(scenario: &Scenario, seed: u64, outcome: &Outcome) -> Option<Vec<u8>> {
    let at = outcome.broken.iter().map(|broken| broken.at).min()?;
    let mut run = Run::new(scenario, seed);
    run.world.record(TRACE_BYTES_MAX);
    run.go_on_until((at + TRACE_AFTER).min(scenario.duration));
    run.world.trace()
}

impl<'s> Run<'s> {
    pub(super) fn new(scenario: &'s Scenario, seed: u64) -> Self {
        let mut world = World::with_truth(seed, scenario.truth);
        let random = Random::seeded(seed);
        let seed_of = |part: u64| random.branch(10_000 + part).next_u64();
        let masters: Vec<_> = (0..)
            .zip(&scenario.masters)
            .map(|(index, MasterPlan { config, stamps, starts, error, .. })| {
                let config = crate::ptp::GrandmasterConfig { seed: seed_of(index), ..*config };
                // When within an interval the Sync comes is drawn: a daemon starts when it starts.
                let phase = config.log_sync_interval.duration().scaled(random.branch(20_000 + index).unit());
                let master = world.add_master(config, *stamps, *starts + phase);
                world.step_master(master, *error);
                master
            })
            .collect();
        let hosts: Vec<_> = (0..)
            .zip(&scenario.hosts)
            .map(|(index, plan): (u64, &HostPlan)| {
                let mut config = plan.config.clone();
                config.ptp.seed = seed_of(100 + index);
                config.system.oscillator.seed = seed_of(200 + index);
                config.phcs.iter_mut().for_each(|phc| phc.oscillator.seed = seed_of(300 + index));
                config.more_ports.iter_mut().zip(0..).for_each(|(port, of)| port.seed = seed_of(500 + 16 * index + of));
                if plan.is_one_of_many {
                    draw_frequencies(&mut config, &mut random.branch(30_000 + index));
                }
                world.add_host(config, plan.stamps)
            })
            .collect();
        for segment in &scenario.segments {
            for pair in segment.pairs() {
                let plug = |(place, port): (usize, u8)| {
                    (masters.iter().chain(&hosts).copied().nth(place).expect("the file was checked"), port)
                };
                world.connect_ports(plug(pair[0]), plug(pair[1]), segment.link, segment.link);
            }
        }
        let is_star = scenario.segments.is_empty();
        for (master, MasterPlan { links: [there, back], .. }) in masters.iter().zip(&scenario.masters) {
            for host in hosts.iter().filter(|_| is_star) {
                world.connect(*master, *host, *there, *back);
            }
        }
        let (has_names, mut clients) = (scenario.servers.iter().any(|server| server.by_name), Vec::new());
        let servers: Vec<_> = (0..)
            .zip(&scenario.servers)
            .map(|(index, plan)| {
                let server = world.add_server(plan.config, plan.starts);
                for (of_host, host) in (0..).zip(&hosts) {
                    let [there, back] = plan.links;
                    world.connect(server, *host, there, back);
                    let mut client = plan.client;
                    client.client.seed = seed_of(400 + 100 * of_host + index);
                    let is_orphan = scenario.hosts[of_host as usize].orphan;
                    client.client.orphan = is_orphan.then_some(Orphan { stratum: ORPHAN_STRATUM, server: [0; 4] });
                    if has_names {
                        clients.push((*host, index as usize, client));
                    } else {
                        world.ask(*host, server, client);
                    }
                }
                server
            })
            .collect();
        // Who is asked by a name is so by all addresses behind it, which are known by now.
        for (host, index, client) in clients {
            let plans = || servers.iter().zip(&scenario.servers);
            let others = plans().filter(|(_, plan)| plan.behind == Some(index)).map(|(server, _)| *server);
            match &scenario.servers[index] {
                ServerPlan { behind: Some(_), .. } => {}
                ServerPlan { by_name: false, .. } => world.ask(host, servers[index], client),
                ServerPlan { .. } => {
                    let all: Vec<_> = std::iter::once(servers[index]).chain(others).collect();
                    world.ask_by_name(host, &all, client);
                }
            }
        }
        world.sample(scenario.sample);
        let churning = scenario.churn.as_ref().map(|plan| Churning::new(plan, hosts.len(), random.branch(40_000)));
        Self { scenario, world, masters, hosts, servers, in_force: Vec::new(), churning, actions: actions(scenario) }
    }

    pub(super) fn go_on_until(&mut self, end: Duration) {
        loop {
            let churn = self.churning.as_ref().map(Churning::deadline).filter(|at| *at <= end);
            let is_first = |(at, _): &mut (Duration, Action)| *at <= churn.unwrap_or(end);
            if let Some((at, action)) = self.actions.pop_front_if(is_first) {
                self.world.run_until(at);
                self.act(action);
            } else if let Some(at) = churn {
                self.world.run_until(at);
                self.churn(at);
            } else {
                break;
            }
        }
        self.world.run_until(end);
    }

    fn outcome(self, seed: u64) -> Outcome {
        let Self { scenario, world, hosts, masters, churning, .. } = self;
        let outcomes: Vec<_> = hosts
            .iter()
            .zip(&scenario.hosts)
            .map(|(host, plan)| {
                let windows = scenario.windows.iter();
                let (node, record) = (world.host(*host), world.host(*host).record());
                let unnoticed = world.unnoticed(*host);
                HostOutcome {
                    name: plan.name.clone(),
                    figures: windows.map(|window| figures(&world, *host, window, scenario.sample)).collect(),
                    lock_time: node.published().lock_time,
                    steps: record.steps().to_vec(),
                    jumps_found: node.jumped().iter().map(|(at, _)| *at).collect(),
                    sets_found: node.was_set().iter().map(|(at, _)| *at).collect(),
                    parents: selections(record.parents()),
                    steered: handovers(scenario, node, world.statistics(*host)),
                    falsetickers: falsetickers(scenario, node, &unnoticed),
                    alarms: alarmed(scenario, node, &unnoticed),
                    unnoticed,
                    contradictions: record.contradictions(),
                    end_state: node.published().state,
                    states: record.states().to_vec(),
                    points: points(&Curves::of(world.statistics(*host)), scenario.sample, Duration::ZERO),
                }
            })
            .collect();
        let checker = *world.checker();
        let first_at = checker.first().map(|(at, node, violation)| {
            let name = scenario.hosts[node.0.saturating_sub(masters.len())].name.clone();
            (at - Timestamp::EPOCH, name, violation)
        });
        Outcome {
            seed,
            hosts: outcomes,
            with_pi: None,
            rounds: churning.map_or_else(Vec::new, |churning| churning.rounds),
            checker,
            first_at,
            events: world.events(),
            forged: world.forged(),
            digest: world.digest(),
            broken: Vec::new(),
        }
    }
}

/// Each of many hosts alike has clocks of its own.
fn draw_frequencies(config: &mut HostConfig, random: &mut Random) {
    let oscillators = config.phcs.iter_mut().chain([&mut config.system]).map(|device| &mut device.oscillator);
    for oscillator in oscillators {
        let share = 2.0 * random.unit() - 1.0;
        oscillator.frequency = FrequencyPpb::new(oscillator.frequency.ppb() * share);
    }
}

/// All that is to be done, by its time.
fn actions(scenario: &Scenario) -> VecDeque<(Duration, Action)> {
    let mut actions = Vec::new();
    for (index, event) in scenario.events.iter().enumerate() {
        actions.push((event.at, Action::Begin(index)));
        actions.extend(event.lasts.map(|lasts| (event.at + lasts, Action::End(index))));
    }
    actions.extend(scenario.storms.iter().enumerate().map(|(index, storm)| (storm.from, Action::Storm(index))));
    let leap_at = scenario.truth.leap_at();
    actions.extend(leap_at.map(|at| (at - Timestamp::EPOCH + ANNOUNCED_AFTER, Action::Leap)));
    actions.sort_by_key(|(at, _)| *at);
    actions.into()
}

/// The name of a source: "ptp", "gnss", or that of a server.
fn name_of(scenario: &Scenario, source: SourceId) -> String {
    if source == GNSS_SOURCE {
        return "gnss".to_owned();
    }
    let place = source.0.checked_sub(NTP_SOURCE.0).map(usize::from);
    place.and_then(|place| scenario.servers.get(place)).map_or_else(|| "ptp".to_owned(), |server| server.name.clone())
}

fn handovers(scenario: &Scenario, host: &Host, samples: &Statistics) -> Vec<Handover> {
    let handover = |(at, steered): &(Timestamp<Mono>, Steered)| {
        let is_loss = matches!(steered.why, Why::Lost | Why::Contradiction | Why::Falseticker);
        Handover {
            at: *at,
            to: steered.to.map(|source| name_of(scenario, source)),
            is_first: steered.from.is_none(),
            why: steered.why,
            took: steered.heard.filter(|_| is_loss && steered.to.is_some()).map(|heard| *at - heard),
            seam: seam(*at, host.record().steps(), samples, scenario.sample),
        }
    };
    host.steered().iter().map(handover).collect()
}

impl Handover {
    /// What the clock moved by, in seconds, either way; `None` where nothing was claimed before or after.
    pub fn moved(&self) -> Option<f64> {
        Some(self.seam.moved.abs()).filter(|_| self.seam.bounds.is_finite())
    }
}

/// How the clock goes through what happens at `at`.
fn seam(at: Timestamp<Mono>, steps: &[(Timestamp<Mono>, Duration)], samples: &Statistics, sample: Duration) -> Seam {
    // The first sample is an interval after the beginning.
    let after = ((at - Timestamp::EPOCH).as_secs_f64() / sample.as_secs_f64()) as usize;
    let (Some(before), true) = (after.checked_sub(1), after < samples.len()) else {
        return Seam { bounds: f64::INFINITY, ..Seam::default() };
    };
    let was_right = samples.errors()[before].abs() <= samples.bounds()[before];
    let in_its_second = steps.iter().filter(|(made, _)| *made >= at && *made - at <= Duration::SECOND);
    Seam {
        moved: samples.errors()[after] - samples.errors()[before],
        stepped: in_its_second.map(|(_, by)| by.abs()).max(),
        bounds: if was_right { samples.bounds()[before] + samples.bounds()[after] } else { f64::INFINITY },
    }
}

/// Who was found to be one, and how long after anything had happened to it, or to the host's own clock.
fn falsetickers(scenario: &Scenario, host: &Host, disturbed: &[(Timestamp<Mono>, Duration)]) -> Vec<Vetoed> {
    let mut found: Vec<Vetoed> = Vec::new();
    for (at, (source, verdict)) in host.verdicts() {
        let name = name_of(scenario, *source);
        if matches!(verdict, Verdict::Falseticker { .. }) && !found.iter().any(|other| other.name == name) {
            let changed = Timestamp::EPOCH + changed(scenario, *source, *at - Timestamp::EPOCH);
            let own = disturbed.iter().map(|(own, _)| *own).filter(|own| own <= at);
            let took = *at - own.fold(changed, Timestamp::max);
            found.push(Vetoed { at: *at, name, took });
        }
    }
    found
}

/// When health would have said that the sources contradict each other.
fn alarmed(scenario: &Scenario, host: &Host, disturbed: &[(Timestamp<Mono>, Duration)]) -> Vec<Alarm> {
    let verdicts = host.verdicts().iter().map(|(at, (source, verdict))| {
        let name = name_of(scenario, *source);
        (*at, if name == "ptp" { ("ptp", "port".to_owned()) } else { ("ntp", name) }, *verdict)
    });
    let servers = (0..scenario.servers.len()).map(|server| SourceId(NTP_SOURCE.0 + server as u16));
    let sources: Vec<_> = servers.chain((!scenario.masters.is_empty()).then_some(SourceId(0))).collect();
    alarms(verdicts, |at| {
        let of_sources = sources.iter().map(|source| changed(scenario, *source, at - Timestamp::EPOCH));
        let own = disturbed.iter().map(|(own, _)| *own).filter(|own| *own <= at);
        own.chain(of_sources.map(|changed| Timestamp::EPOCH + changed)).max().unwrap_or(Timestamp::EPOCH)
    })
}

/// When before `by` a source began, or something last happened to its time or to its path.
fn changed(scenario: &Scenario, source: SourceId, by: Duration) -> Duration {
    let server = source.0.checked_sub(NTP_SOURCE.0).map(usize::from);
    let first_server = scenario.masters.len() + scenario.hosts.len();
    let is_it = |who: usize| server.map_or(who < scenario.masters.len(), |server| who == first_server + server);
    let of_masters = || scenario.masters.iter().map(|master| master.starts).min();
    let begins = server.map_or_else(of_masters, |server| scenario.servers.get(server).map(|server| server.starts));
    let matters =
        |what: &What| matches!(what, What::MasterStep(_) | What::ServerStep(_) | What::Path(_) | What::Announce(_));
    let events = scenario.events.iter().filter(|event| is_it(event.who) && matters(&event.what));
    events.map(|event| event.at).chain(begins).filter(|at| *at <= by).max().unwrap_or_default()
}

/// When another master than before was selected.
fn selections(parents: &[(Timestamp<Mono>, Option<crate::wire::ptp::ClockIdentity>)]) -> Vec<Timestamp<Mono>> {
    let mut last = None;
    let mut selections = Vec::new();
    for (at, parent) in parents {
        if parent.is_some() && *parent != last {
            selections.push(*at);
        }
        last = *parent;
    }
    selections
}

fn figures(world: &World, host: NodeId, window: &Window, sample: Duration) -> Figures {
    let statistics = world.statistics(host);
    let at = |time: Duration| ((time.as_secs_f64() / sample.as_secs_f64()) as usize).min(statistics.len());
    let range = at(window.span.0)..at(window.span.1);
    Figures::of(&Series {
        begins: sample.times(range.start as i64),
        sample,
        errors: &statistics.errors()[range.clone()],
        bounds: &statistics.bounds()[range.clone()],
        phc_errors: world.phc_statistics(host, 0).map(|phc| &phc.errors()[range]),
    })
}
