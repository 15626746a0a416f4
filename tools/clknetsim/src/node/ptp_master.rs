//! A PTP grandmaster whose time is its clock's, which nobody steers.

use serde_json::{Value, json};
use synchronome::engine::Engine;
use synchronome::ptp::{Effect, Grandmaster, GrandmasterConfig, Input};
use synchronome::time::{Mono, StampSource, Timestamp};

use super::{Counts, Role, channel_of, send_ptp};
use crate::connection::Fault;
use crate::host::{Datagram, Host, Instant};

/// See the module's text.
#[derive(Debug)]
pub struct PtpMaster {
    host: Host,
    engine: Grandmaster,
    effects: Vec<Effect>,
    counts: Counts,
}

impl PtpMaster {
    /// One that begins with its first tick.
    pub fn new(host: Host, config: GrandmasterConfig) -> Self {
        Self { host, engine: Grandmaster::new(config), effects: Vec::new(), counts: Counts::default() }
    }

    fn step(&mut self, instant: &Instant, input: Input<'_>) -> Result<(), Fault> {
        self.engine.step(instant.mono, input, &mut self.effects);
        let mut done = 0;
        // A stamp is there at once, and what it leads to comes after all that led to it.
        while let Some(effect) = self.effects.get(done).copied() {
            done += 1;
            self.counts.hear(&effect);
            if let Effect::Send { frame, channel, token, .. } = effect {
                send_ptp(&self.host, frame.as_bytes(), channel)?;
                if let Some(token) = token {
                    let stamp = Some(self.host.transmit_stamp(instant, StampSource::Hardware));
                    self.engine.step(instant.mono, Input::Sent { token, stamp }, &mut self.effects);
                }
            }
        }
        self.effects.clear();
        Ok(())
    }
}

impl Role for PtpMaster {
    fn received(&mut self, datagram: &Datagram) -> Result<(), Fault> {
        let Some(channel) = channel_of(datagram.to_port) else { return Ok(()) };
        let instant = self.host.now()?;
        let bytes = &datagram.data;
        let stamp = Some(self.host.receive_stamp(&instant, StampSource::Hardware, bytes.len()));
        self.step(&instant, Input::Received { bytes, channel, stamp, from: None })
    }

    fn tick(&mut self) -> Result<(), Fault> {
        let instant = self.host.now()?;
        if self.engine.deadline().is_none_or(|deadline| deadline <= instant.mono) {
            self.step(&instant, Input::Tick { local: instant.local })?;
        }
        Ok(())
    }

    fn deadline(&self) -> Option<Timestamp<Mono>> {
        self.engine.deadline()
    }

    fn settled(&mut self, _: &Instant) {}

    fn report(&mut self, _: &Instant) -> Value {
        json!({
            "role": "ptp-master",
            "port_state": format!("{:?}", self.engine.state()),
            "counts": self.counts.0,
        })
    }
}
