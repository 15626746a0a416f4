//! The clock that stamps a node's packets, and its discipline.

use serde_json::{Value, json};
use synchronome::clock::{Clock, Counts, Steering, SteeringConfig};
use synchronome::discipline::{Notice, Reference};
use synchronome::sharing::TimeSnapshot;
use synchronome::time::{ClockEpoch, Duration, LogInterval, Mono, Observation, Timestamp};

use super::seconds;
use crate::clock::NodeClock;
use crate::connection::Fault;
use crate::host::{Host, Instant};
use crate::judge::Judge;

/// How often the discipline gets a tick, and the snapshot is renewed at least.
const TICK: Duration = Duration::from_millis(250);

/// See the module's text.
#[derive(Debug)]
pub(super) struct Disciplined {
    host: Host,
    steering: Steering<NodeClock>,
    published: TimeSnapshot,
    judge: Judge,
    next_tick: Timestamp<Mono>,
    steps: u64,
    contradictions: u64,
    refusals: u64,
}

impl Disciplined {
    /// Begins now; the clock counts this scale.
    pub(super) fn new(host: Host, counts: Counts, config: &SteeringConfig) -> Result<Self, Fault> {
        let instant = host.now()?;
        let clock = NodeClock::new(host.clone(), config.max_frequency);
        let mut steering = Steering::new(clock, counts, *config, instant.mono, instant.local);
        let published = steering.snapshot(instant.mono, instant.local);
        Ok(Self {
            host,
            steering,
            published,
            judge: Judge::default(),
            next_tick: instant.mono,
            steps: 0,
            contradictions: 0,
            refusals: 0,
        })
    }

    pub(super) fn observe(&mut self, observation: &Observation) -> Result<(), Fault> {
        self.steer(|steering, at, notices| {
            steering.observe(at.mono, at.local, observation, &mut |notice| notices.push(notice));
        })
    }

    pub(super) fn follow(&mut self, reference: Option<Reference>) -> Result<(), Fault> {
        self.steer(|steering, at, notices| {
            steering.follow(at.mono, at.local, reference, &mut |notice| notices.push(notice));
        })
    }

    pub(super) fn set_interval(&mut self, interval: LogInterval) -> Result<(), Fault> {
        self.steer(|steering, at, notices| {
            steering.set_interval(at.mono, at.local, interval, &mut |notice| notices.push(notice));
        })
    }

    /// What is due now.
    pub(super) fn tick(&mut self) -> Result<(), Fault> {
        let now = self.host.now()?.mono;
        if self.deadline() > now {
            return Ok(());
        }
        self.next_tick = now + TICK;
        self.steer(|steering, at, notices| steering.tick(at.mono, at.local, &mut |notice| notices.push(notice)))
    }

    pub(super) fn deadline(&self) -> Timestamp<Mono> {
        self.steering.deadline().map_or(self.next_tick, |deadline| deadline.min(self.next_tick))
    }

    /// Changes with each step of the clock.
    pub(super) fn epoch(&mut self) -> ClockEpoch {
        self.steering.clock().epoch()
    }

    pub(super) fn is_calm(&self) -> bool {
        self.steering.is_calm()
    }

    pub(super) fn is_locked_to_source(&self) -> bool {
        self.steering.is_locked_to_source()
    }

    /// Compares what is published with the truth.
    pub(super) fn judge(&mut self, instant: &Instant) {
        self.judge.look(instant, &self.published);
    }

    fn steer(&mut self, act: impl FnOnce(&mut Steering<NodeClock>, &Instant, &mut Vec<Notice>)) -> Result<(), Fault> {
        let before = self.host.now()?;
        let mut notices = Vec::new();
        act(&mut self.steering, &before, &mut notices);
        for notice in notices {
            match notice {
                Notice::Stepped(_) => self.steps += 1,
                Notice::Contradiction => self.contradictions += 1,
                Notice::Refused { .. } => self.refusals += 1,
                _ => {}
            }
        }
        // A step changes what the clock reads.
        let after = self.host.now()?;
        self.published = self.steering.snapshot(after.mono, after.local);
        Ok(())
    }

    pub(super) fn report(&self, instant: &Instant) -> Value {
        let published = &self.published;
        let bound = published.is_bounded.then(|| published.bound_at(instant.local).greatest_error());
        json!({
            "state": published.state.word(),
            "offset_s": published.offset_from_master.as_secs_f64(),
            "mean_path_delay_s": published.mean_path_delay.as_secs_f64(),
            "frequency_ppb": published.frequency.ppb(),
            "bound_s": seconds(bound),
            "lock_time_s": seconds(published.lock_time),
            "steps": self.steps,
            "contradictions": self.contradictions,
            "refusals": self.refusals,
            "judge": self.judge.report(),
        })
    }
}
