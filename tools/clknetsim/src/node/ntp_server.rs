//! An NTP server: the daemon's answers, from a clock that is right by declaration.
//!
//! Who serves time by a clock that nobody steers, says by configuration how right it is; so it is here.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use synchronome::ntp::server::{ANSWER_LENGTH_MAX, NTP_PORT, Request, ResponseConfig, respond};
use synchronome::sharing::{BoundParts, TimeSnapshot};
use synchronome::time::{Duration, FrequencyPpb, LeapIndicator, Mono, SyncState, Timestamp};

use super::Role;
use crate::connection::Fault;
use crate::host::{Datagram, Host, Instant};
use crate::judge::Judge;

/// What is told of the clock.
#[derive(Clone, Copy, Debug)]
pub struct NtpServerConfig {
    /// How right it is at the beginning.
    pub accuracy: Duration,
    /// How much that grows.
    pub drift: FrequencyPpb,
    /// The stratum that is served, 1 to 15.
    pub stratum: u8,
}

/// See the module's text.
#[derive(Debug)]
pub struct NtpServer {
    host: Host,
    config: NtpServerConfig,
    begun: Instant,
    answers: u64,
    dropped: BTreeMap<String, u64>,
    judge: Judge,
}

impl NtpServer {
    /// One that begins now.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn new(host: Host, config: NtpServerConfig) -> Result<Self, Fault> {
        let begun = host.now()?;
        Ok(Self { host, config, begun, answers: 0, dropped: BTreeMap::new(), judge: Judge::default() })
    }

    /// The time that is served at `instant`.
    fn snapshot(&self, instant: &Instant) -> TimeSnapshot {
        let NtpServerConfig { accuracy, drift, stratum } = self.config;
        let parts = BoundParts {
            source: accuracy,
            drift: drift.drift(instant.mono - self.begun.mono),
            stamps: Duration::from_nanos(1),
            ..BoundParts::default()
        };
        TimeSnapshot {
            state: SyncState::Locked,
            leap: LeapIndicator::NoWarning,
            stratum,
            reference_id: *b"LOCL",
            anchor_local: instant.local,
            anchor_utc: instant.local.read_as(),
            parts,
            is_bounded: true,
            drift_rate: drift,
            reference_time: instant.local.read_as(),
            last_sample: Some(instant.mono),
            state_since: self.begun.mono,
            lock_time: Some(Duration::ZERO),
            ..TimeSnapshot::unsynchronised(instant.mono)
        }
    }
}

impl Role for NtpServer {
    fn received(&mut self, datagram: &Datagram) -> Result<(), Fault> {
        if datagram.to_port != u32::from(NTP_PORT) {
            return Ok(());
        }
        let instant = self.host.now()?;
        let from_port = datagram.from_port as u16;
        let at = instant.local;
        let request = Request { data: &datagram.data, from_port, received: at, hardware: None, now: at };
        let mut out = [0; ANSWER_LENGTH_MAX];
        match respond(
            &request,
            &self.snapshot(&instant),
            ResponseConfig { precision: -29, ..ResponseConfig::PLAIN },
            &mut out,
        ) {
            Ok(answer) => {
                self.answers += 1;
                self.host.send(datagram.from, NTP_PORT, from_port, &out[..answer.length])?;
            }
            Err(reason) => *self.dropped.entry(format!("{reason:?}")).or_default() += 1,
        }
        Ok(())
    }

    fn tick(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    fn deadline(&self) -> Option<Timestamp<Mono>> {
        None
    }

    fn settled(&mut self, instant: &Instant) {
        self.judge.look(instant, &self.snapshot(instant));
    }

    fn report(&mut self, instant: &Instant) -> Value {
        let bound = self.snapshot(instant).bound_at(instant.local).greatest_error();
        json!({
            "role": "ntp-server",
            "state": SyncState::Locked.word(),
            "bound_s": bound.as_secs_f64(),
            "answers": self.answers,
            "dropped": self.dropped,
            "judge": self.judge.report(),
        })
    }
}
