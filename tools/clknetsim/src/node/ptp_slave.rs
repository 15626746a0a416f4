//! A PTP slave: the port, and the discipline of the clock that stamps its messages.

use serde_json::{Value, json};
use synchronome::clock::{ArbPolicy, Counts as Scale, SteeringConfig, reference_of};
use synchronome::engine::Engine;
use synchronome::ptp::{ClockReport, Config, Effect, Input, Port, TxToken};
use synchronome::time::{ClockEpoch, Duration, Mono, Stamp, StampSource, Timestamp};

use super::disciplined::Disciplined;
use super::{Counts, Role, channel_of, merged, send_ptp};
use crate::connection::Fault;
use crate::host::{Datagram, Host, Instant};

/// How often the port is told that the clock is (still) locked.
const TELL_PORT_EVERY: Duration = Duration::SECOND;

/// What it is made of.
#[derive(Clone, Copy, Debug)]
pub struct PtpSlaveConfig {
    /// The port.
    pub ptp: Config,
    /// The discipline.
    pub steering: SteeringConfig,
}

/// See the module's text.
#[derive(Debug)]
pub struct PtpSlave {
    host: Host,
    config: PtpSlaveConfig,
    port: Port,
    clock: Disciplined,
    counts: Counts,
    tell_at: Timestamp<Mono>,
    told: (bool, bool),
    told_epoch: ClockEpoch,
    parents: u64,
}

impl PtpSlave {
    /// One that begins now. The clock is taken for a card's, which counts TAI, whichever it is.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn new(host: Host, config: PtpSlaveConfig) -> Result<Self, Fault> {
        Ok(Self {
            clock: Disciplined::new(host.clone(), Scale::Tai, &config.steering)?,
            port: Port::new(config.ptp),
            config,
            counts: Counts::default(),
            tell_at: host.now()?.mono,
            told: (false, false),
            told_epoch: ClockEpoch::default(),
            parents: 0,
            host,
        })
    }

    /// One input of the port, and all that follows.
    fn step(&mut self, instant: &Instant, input: Input<'_>) -> Result<(), Fault> {
        let mut effects = Vec::new();
        let mut left: Vec<(TxToken, Stamp)> = Vec::new();
        self.port.step(instant.mono, input, &mut effects);
        let epoch = self.clock.epoch();
        for effect in &effects {
            self.counts.hear(effect);
            match effect {
                Effect::Send { frame, channel, token, .. } => {
                    send_ptp(&self.host, frame.as_bytes(), *channel)?;
                    let stamp = self.host.transmit_stamp(instant, StampSource::Hardware);
                    left.extend(token.map(|token| (token, stamp)));
                }
                // What was measured before the clock was stepped is of before.
                Effect::Observe(observation) if self.clock.epoch() == epoch => self.clock.observe(observation)?,
                Effect::Parent(parent) => {
                    self.parents += u64::from(parent.is_some());
                    let source = self.config.ptp.source;
                    self.clock.follow(parent.map(|parent| reference_of(source, &parent, ArbPolicy::Refuse, None)))?;
                }
                Effect::SyncInterval(interval) => self.clock.set_interval(*interval)?,
                Effect::Observe(_) | Effect::State { .. } | Effect::Best(_) | Effect::Forward(_) | Effect::Count(_) => {
                }
            }
        }
        for (token, stamp) in left {
            self.step(instant, Input::Sent { token, stamp: Some(stamp) })?;
        }
        self.tell_step()
    }

    /// Halves of measurements that wait in the port have a stamp from before a step.
    fn tell_step(&mut self) -> Result<(), Fault> {
        let epoch = self.clock.epoch();
        if epoch == self.told_epoch {
            return Ok(());
        }
        self.told_epoch = epoch;
        self.told = (false, false);
        let now = self.host.now()?;
        self.step(&now, Input::Clock(ClockReport { stepped: true, epoch: epoch.0, ..ClockReport::default() }))
    }

    /// When it changes, and once a second: a port that has changed its parent waits to hear it again.
    fn tell_port(&mut self) -> Result<(), Fault> {
        let instant = self.host.now()?;
        let (locked, calm) = (self.clock.is_locked_to_source(), self.clock.is_calm());
        if (locked, calm) == self.told && instant.mono < self.tell_at {
            return Ok(());
        }
        self.told = (locked, calm);
        self.tell_at = instant.mono + TELL_PORT_EVERY;
        self.step(&instant, Input::Clock(ClockReport { locked, calm, ..ClockReport::default() }))
    }
}

impl Role for PtpSlave {
    fn received(&mut self, datagram: &Datagram) -> Result<(), Fault> {
        let Some(channel) = channel_of(datagram.to_port) else { return Ok(()) };
        let instant = self.host.now()?;
        let bytes = &datagram.data;
        let stamp = Some(self.host.receive_stamp(&instant, StampSource::Hardware, bytes.len()));
        self.step(&instant, Input::Received { bytes, channel, stamp, from: None })
    }

    fn tick(&mut self) -> Result<(), Fault> {
        let instant = self.host.now()?;
        if self.port.deadline().is_some_and(|deadline| deadline <= instant.mono) {
            self.step(&instant, Input::Tick { local: instant.local })?;
        }
        self.clock.tick()?;
        self.tell_step()?;
        self.tell_port()
    }

    fn deadline(&self) -> Option<Timestamp<Mono>> {
        [self.port.deadline(), Some(self.clock.deadline()), Some(self.tell_at)].into_iter().flatten().min()
    }

    fn settled(&mut self, instant: &Instant) {
        self.clock.judge(instant);
    }

    fn report(&mut self, instant: &Instant) -> Value {
        let own = json!({
            "role": "ptp-slave",
            "port_state": format!("{:?}", self.port.state()),
            "parents": self.parents,
            "counts": self.counts.0,
        });
        merged(own, self.clock.report(instant))
    }
}
