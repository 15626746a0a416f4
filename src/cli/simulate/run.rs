//! One run of a scenario: the world is made, things happen to it, and what came of it is kept.

use super::figures::Figures;
use super::scenario::{AnnounceChange, EventPlan, HostPlan, MasterPlan, PathChange, Scenario, What, Window};
use crate::engine::Random;
use crate::sim::{Checker, LinkModel, NodeId, StampModel, Violation, World};
use crate::time::{Duration, LeapIndicator, Mono, SyncState, Timestamp};

/// Points of a plot.
const POINTS: i64 = 1_200;
/// A master says the new TAI - UTC so long after a leap second.
const ANNOUNCED_AFTER: Duration = Duration::from_secs(1);
/// A trace has the last so many octets of what the engines were told.
const TRACE_BYTES_MAX: usize = 16 << 20;
/// It goes on so long after the first rule was broken.
const TRACE_AFTER: Duration = Duration::SECOND;

/// A host at one instant, for the plot.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// Since the beginning, in seconds.
    pub at_s: f64,
    /// Its true error, in seconds.
    pub error_s: f64,
    /// Its published bound, in seconds; infinite without one.
    pub bound_s: f64,
    /// Its frequency correction in ppb.
    pub frequency_ppb: f64,
    /// Its state.
    pub state: SyncState,
}

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
    /// Jumps of the card's clock that were found.
    pub jumps_found: u64,
    /// Settings of the system clock that were found.
    pub sets_found: u64,
    /// How often a master was selected.
    pub parents: u64,
    /// How often the proofs of the bound contradicted each other.
    pub contradictions: u32,
    /// The state at the end.
    pub end_state: SyncState,
    /// For the plot.
    pub points: Vec<Point>,
}

/// What came of one run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// Of each host.
    pub hosts: Vec<HostOutcome>,
    /// What the checker found.
    pub checker: Checker,
    /// The name of the host of its first finding.
    pub first_at: Option<(Duration, String, Violation)>,
    /// Events.
    pub events: u64,
    /// Hash of the run.
    pub digest: u64,
    /// The limits that were broken, in words.
    pub broken: Vec<String>,
}

/// Something to be done to the world.
#[derive(Clone, Debug)]
enum Action {
    Begin(EventPlan),
    End(EventPlan),
    /// The masters that know announce what is true now.
    Leap,
}

struct Run<'s> {
    scenario: &'s Scenario,
    world: World,
    masters: Vec<NodeId>,
    hosts: Vec<NodeId>,
}

/// Runs a scenario once.
pub fn run(scenario: &Scenario, seed: u64) -> Outcome {
    let mut run = Run::new(scenario, seed);
    let points = run.go_on_until(scenario.duration);
    run.outcome(seed, points)
}

/// Runs it again until just after its first broken rule, recording; the bytes of a trace file, or nothing if none breaks.
pub fn trace(scenario: &Scenario, seed: u64, outcome: &Outcome) -> Option<Vec<u8>> {
    let (at, ..) = outcome.first_at.as_ref()?;
    let mut run = Run::new(scenario, seed);
    run.world.record(TRACE_BYTES_MAX);
    run.go_on_until((*at + TRACE_AFTER).min(scenario.duration));
    run.world.trace()
}

impl<'s> Run<'s> {
    fn new(scenario: &'s Scenario, seed: u64) -> Self {
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
            .map(|(index, HostPlan { config, stamps, .. })| {
                let mut config = config.clone();
                config.ptp.seed = seed_of(100 + index);
                config.system.oscillator.seed = seed_of(200 + index);
                config.phcs.iter_mut().for_each(|phc| phc.oscillator.seed = seed_of(300 + index));
                world.add_host(config, *stamps)
            })
            .collect();
        for (master, MasterPlan { links: [there, back], .. }) in masters.iter().zip(&scenario.masters) {
            for host in &hosts {
                world.connect(*master, *host, *there, *back);
            }
        }
        world.sample(scenario.sample);
        Self { scenario, world, masters, hosts }
    }

    /// All that is to be done, by its time.
    fn actions(&self) -> Vec<(Duration, Action)> {
        let mut actions = Vec::new();
        for event in &self.scenario.events {
            actions.push((event.at, Action::Begin(event.clone())));
            if let Some(lasts) = event.lasts {
                actions.push((event.at + lasts, Action::End(event.clone())));
            }
        }
        if let Some(at) = self.scenario.truth.leap_at() {
            actions.push((at - Timestamp::EPOCH + ANNOUNCED_AFTER, Action::Leap));
        }
        actions.sort_by_key(|(at, _)| *at);
        actions
    }

    fn go_on_until(&mut self, end: Duration) -> Vec<Vec<Point>> {
        let mut actions = self.actions().into_iter().peekable();
        let step = self.scenario.duration.scaled(1.0 / POINTS as f64);
        let mut points = vec![Vec::new(); self.hosts.len()];
        for point in 1..=POINTS {
            let until = if point == POINTS { self.scenario.duration } else { step.times(point) }.min(end);
            while let Some((at, action)) = actions.next_if(|(at, _)| *at <= until) {
                self.world.run_until(at);
                self.act(&action);
            }
            self.world.run_until(until);
            for (host, points) in self.hosts.iter().zip(&mut points) {
                points.push(point_of(&mut self.world, *host));
            }
            if until >= end {
                break;
            }
        }
        points
    }

    fn node(&self, who: usize) -> NodeId {
        self.masters.iter().chain(&self.hosts).copied().nth(who).expect("the file was checked")
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Begin(event) => self.begin(event),
            Action::End(event) => self.end(event),
            Action::Leap => {
                let (now, truth) = (Timestamp::EPOCH + self.world.elapsed(), self.scenario.truth);
                for (master, plan) in self.masters.iter().zip(&self.scenario.masters) {
                    if plan.knows_leaps {
                        self.world.announce_as(*master, |_, properties| {
                            properties.current_utc_offset = Some(truth.tai_utc(now));
                            properties.leap = LeapIndicator::NoWarning;
                        });
                    }
                }
            }
        }
    }

    fn begin(&mut self, event: &EventPlan) {
        let node = self.node(event.who);
        let world = &mut self.world;
        match &event.what {
            What::LinkDown => {
                world.set_link(node, false);
                self.change_links(node, |_, link| link.is_down = true);
            }
            What::Path(change) => self.change_links(node, |is_from, link| change_path(link, change, is_from)),
            What::Block(message) => self.change_links(node, |_, link| link.blocked = Some(*message)),
            What::MasterStep(by) => world.step_master(node, *by),
            What::Announce(change) => announce(world, node, *change),
            What::Stall(what) => world.stall(node, *what, event.lasts.unwrap_or(Duration::SECOND)),
            What::SetClock(by) => world.set_system(node, *by),
            What::SetFrequency(to) => world.detune_system(node, *to),
            What::PhcJump(by) => world.set_phc(node, 0, *by),
            What::PhcReset => world.reset_phc(node, 0),
            What::Nic { rx_loss, tx_loss, tx_late_share } => world.change_stamps(node, |stamps| {
                stamps.rx_loss = rx_loss.unwrap_or(stamps.rx_loss);
                stamps.tx.loss = tx_loss.unwrap_or(stamps.tx.loss);
                stamps.tx.late_share = tx_late_share.unwrap_or(stamps.tx.late_share);
            }),
        }
    }

    /// What lasts ends: as it was planned at the beginning.
    fn end(&mut self, event: &EventPlan) {
        let node = self.node(event.who);
        match &event.what {
            What::LinkDown => {
                self.change_links(node, |_, link| link.is_down = false);
                self.world.set_link(node, true);
            }
            What::Path(_) => {
                let planned = &self.scenario.masters[event.who].links;
                self.change_links(node, |is_from, link| {
                    let was = &planned[usize::from(!is_from)];
                    (link.base, link.jitter, link.loss, link.hop) = (was.base, was.jitter, was.loss, was.hop);
                });
            }
            What::Block(_) => self.change_links(node, |_, link| link.blocked = None),
            What::Nic { .. } => {
                let planned = self.scenario.hosts[event.who - self.masters.len()].stamps;
                self.world.change_stamps(node, |stamps: &mut StampModel| *stamps = planned);
            }
            What::MasterStep(_)
            | What::Announce(_)
            | What::Stall(_)
            | What::SetClock(_)
            | What::SetFrequency(_)
            | What::PhcJump(_)
            | What::PhcReset => {}
        }
    }

    /// Changes every link of a node; `true` of those from it.
    fn change_links(&mut self, node: NodeId, change: impl Fn(bool, &mut LinkModel)) {
        for other in self.masters.iter().chain(&self.hosts) {
            self.world.change_link(node, *other, |link| change(true, link));
            self.world.change_link(*other, node, |link| change(false, link));
        }
    }

    fn outcome(self, seed: u64, points: Vec<Vec<Point>>) -> Outcome {
        let Self { scenario, world, hosts, masters } = self;
        let outcomes: Vec<_> = hosts
            .iter()
            .zip(&scenario.hosts)
            .zip(points)
            .map(|((host, plan), points)| {
                let windows = scenario.windows.iter();
                let (node, record) = (world.host(*host), world.host(*host).record());
                HostOutcome {
                    name: plan.name.clone(),
                    figures: windows.map(|window| figures(&world, *host, window, scenario.sample)).collect(),
                    lock_time: node.published().lock_time,
                    steps: record.steps().to_vec(),
                    jumps_found: node.jumped().len() as u64,
                    sets_found: node.was_set().len() as u64,
                    parents: selections(record.parents()),
                    contradictions: record.contradictions(),
                    end_state: node.published().state,
                    points,
                }
            })
            .collect();
        let checker = *world.checker();
        let first_at = checker.first().map(|(at, node, violation)| {
            let name = scenario.hosts[node.0.saturating_sub(masters.len())].name.clone();
            (at - Timestamp::EPOCH, name, violation)
        });
        let mut outcome = Outcome {
            seed,
            hosts: outcomes,
            checker,
            first_at,
            events: world.events(),
            digest: world.digest(),
            broken: Vec::new(),
        };
        outcome.broken = super::limits::broken(scenario, &outcome);
        outcome
    }
}

/// How often another master than before was selected.
fn selections(parents: &[(Timestamp<Mono>, Option<crate::wire::ptp::ClockIdentity>)]) -> u64 {
    let mut last = None;
    let mut count = 0;
    for (_, parent) in parents {
        if parent.is_some() && *parent != last {
            count += 1;
        }
        last = *parent;
    }
    count
}

fn figures(world: &World, host: NodeId, window: &Window, sample: Duration) -> Figures {
    let at = |time: Duration| (time.as_secs_f64() / sample.as_secs_f64()) as usize;
    let statistics = world.statistics(host);
    let range = at(window.span.0).min(statistics.len())..at(window.span.1).min(statistics.len());
    let phc = world.phc_statistics(host, 0).map(|phc| &phc.errors()[range.clone()]);
    Figures::of(&statistics.errors()[range.clone()], &statistics.bounds()[range], phc, sample)
}

fn point_of(world: &mut World, host: NodeId) -> Point {
    let error_s = world.true_error(host).as_secs_f64();
    let at_s = world.elapsed().as_secs_f64();
    let published = world.host(host).published();
    let age = Timestamp::EPOCH + world.elapsed() - published.anchor_mono;
    let bound_s =
        if published.is_bounded { published.bound_after(age).greatest_error().as_secs_f64() } else { f64::INFINITY };
    Point { at_s, error_s, bound_s, frequency_ppb: published.frequency.ppb(), state: published.state }
}

fn change_path(link: &mut LinkModel, change: &PathChange, is_from_master: bool) {
    link.base = change.delay.unwrap_or(link.base);
    if let Some(asymmetry) = change.asymmetry {
        let half = asymmetry.half();
        link.base = if is_from_master { link.base + half } else { link.base - half };
    }
    link.jitter = change.jitter.unwrap_or(link.jitter);
    link.loss = change.loss.unwrap_or(link.loss);
    link.hop.load = change.load.unwrap_or(link.hop.load);
}

fn announce(world: &mut World, node: NodeId, change: AnnounceChange) {
    world.announce_as(node, |quality, properties| {
        quality.clock_class = change.clock_class.unwrap_or(quality.clock_class);
        properties.leap = change.leap.unwrap_or(properties.leap);
        properties.current_utc_offset = change.utc_offset.or(properties.current_utc_offset);
        if change.is_valid == Some(false) {
            properties.current_utc_offset = None;
        } else if change.is_valid == Some(true) && properties.current_utc_offset.is_none() {
            properties.current_utc_offset = Some(crate::sim::TAI_UTC);
        }
    });
}
