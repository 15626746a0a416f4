//! An NTP client of one server, and the discipline of the main clock.

use serde_json::{Value, json};
use synchronome::clock::{Counts as Scale, SteeringConfig, reference_of_server};
use synchronome::engine::{Engine, Random};
use synchronome::ntp::client::{Client, Config, Effect, Input, RequestToken};
use synchronome::ntp::server::NTP_PORT;
use synchronome::time::{Mono, Stamp, StampSource, Timestamp};

use super::disciplined::Disciplined;
use super::{Counts, Role, merged};
use crate::connection::Fault;
use crate::host::{Datagram, Host, Instant};

/// The ports of requests (RFC 6335 6).
const PORTS: std::ops::RangeInclusive<u16> = 49_152..=65_535;

/// What it is made of.
#[derive(Clone, Copy, Debug)]
pub struct NtpClientConfig {
    /// The client.
    pub ntp: Config,
    /// Whom it asks, from 0.
    pub server: u32,
    /// The discipline.
    pub steering: SteeringConfig,
}

/// See the module's text.
#[derive(Debug)]
pub struct NtpClient {
    host: Host,
    config: NtpClientConfig,
    client: Client,
    clock: Disciplined,
    random: Random,
    /// The request that is answered now, and its port.
    open: Option<(RequestToken, u16)>,
    selected_at: Option<Timestamp<Mono>>,
    counts: Counts,
}

impl NtpClient {
    /// One that begins with its first tick.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn new(host: Host, config: NtpClientConfig) -> Result<Self, Fault> {
        Ok(Self {
            clock: Disciplined::new(host.clone(), Scale::Utc, &config.steering)?,
            client: Client::new(config.ntp),
            random: Random::seeded(config.ntp.seed).branch(1),
            config,
            open: None,
            selected_at: None,
            counts: Counts::default(),
            host,
        })
    }

    fn step(&mut self, instant: &Instant, input: Input<'_>) -> Result<(), Fault> {
        let mut effects = Vec::new();
        let mut left: Option<(RequestToken, Stamp)> = None;
        self.client.step(instant.mono, input, &mut effects);
        for effect in &effects {
            match effect {
                Effect::Send { frame, token } => {
                    let port = self.fresh_port();
                    self.open = Some((*token, port));
                    self.host.send(self.config.server, port, NTP_PORT, frame)?;
                    left = Some((*token, self.host.transmit_stamp(instant, StampSource::Kernel)));
                }
                Effect::Close(token) => self.open = self.open.filter(|(open, _)| open != token),
                Effect::Observe(observation) => self.clock.observe(observation)?,
                Effect::Source(source) => {
                    let since = source.map(|_| self.selected_at.unwrap_or(instant.mono));
                    self.selected_at = since;
                    let address = [192, 168, 123, self.config.server as u8 + 1];
                    let row = self.config.ntp.source;
                    let reference = source.zip(since).map(|(info, at)| reference_of_server(row, &info, address, at));
                    self.clock.follow(reference)?;
                }
                Effect::Interval(interval) => self.clock.set_interval(*interval)?,
                Effect::State { .. } => {}
                Effect::Count(counter) => self.counts.add(*counter),
            }
        }
        match left {
            Some((token, stamp)) => self.step(instant, Input::Sent { token, stamp: Some(stamp) }),
            None => Ok(()),
        }
    }

    fn fresh_port(&mut self) -> u16 {
        let choices = u64::from(PORTS.end() - PORTS.start()) + 1;
        PORTS.start() + self.random.below(choices) as u16
    }
}

impl Role for NtpClient {
    fn received(&mut self, datagram: &Datagram) -> Result<(), Fault> {
        let Some((token, port)) = self.open else { return Ok(()) };
        if datagram.from != self.config.server || datagram.to_port != u32::from(port) {
            return Ok(());
        }
        let instant = self.host.now()?;
        let bytes = &datagram.data;
        let stamp = Some(self.host.receive_stamp(&instant, StampSource::Kernel, bytes.len()));
        self.step(&instant, Input::Received { token, bytes, stamp })
    }

    fn tick(&mut self) -> Result<(), Fault> {
        let instant = self.host.now()?;
        if self.client.deadline().is_some_and(|deadline| deadline <= instant.mono) {
            self.step(&instant, Input::Tick)?;
        }
        self.clock.tick()
    }

    fn deadline(&self) -> Option<Timestamp<Mono>> {
        let clock = self.clock.deadline();
        Some(self.client.deadline().map_or(clock, |deadline| deadline.min(clock)))
    }

    fn settled(&mut self, instant: &Instant) {
        self.clock.judge(instant);
    }

    fn report(&mut self, instant: &Instant) -> Value {
        let own = json!({
            "role": "ntp-client",
            "client_state": format!("{:?}", self.client.state()),
            "reach": self.client.reach(),
            "counts": self.counts.0,
        });
        merged(own, self.clock.report(instant))
    }
}
