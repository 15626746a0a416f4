//! An NTP server of the world: it answers at once from a clock that is true time, plus what it is wrong by.
//!
//! One that has lost its own source serves its clock all the same, at [`ORPHAN_STRATUM`], as the daemon's server with `local.orphan` does.

use super::truth::Truth;
use crate::engine::Random;
use crate::ntp::server::{
    ANSWER_LENGTH_MAX, Departure, Departures, LocalService, Request, ResponseConfig, respond_interleaved,
};
use crate::sharing::{BoundParts, TimeSnapshot};
use crate::time::{Duration, LeapIndicator, Mono, SyncState, Timestamp};
use crate::wire::ntp::parse;

/// As fine as the format holds it.
const RESPONSE: ResponseConfig = ResponseConfig { precision: -29, poll_min: -6, ..ResponseConfig::PLAIN };
/// The stratum of those without a source, and what they claim.
pub const ORPHAN_STRATUM: u8 = 10;
/// As above.
pub const ORPHAN_DISTANCE: Duration = Duration::SECOND;
/// The port that requests seem to come from.
const CLIENT_PORT: u16 = 40_000;

/// What a server is, and what it says of itself.
#[derive(Clone, Copy, Debug)]
pub struct ServerConfig {
    /// Its stratum.
    pub stratum: u8,
    /// How wrong it says that it may be: its root dispersion.
    pub root_dispersion: Duration,
    /// What its clock is ahead of the truth by, and everybody may know.
    pub error: Duration,
    /// The same, and nobody is to know: the checker finds those wrong who follow it.
    pub lie: Duration,
    /// The leap second that it announces; `None`: that of the world, while there is one to come.
    pub leap: Option<LeapIndicator>,
    /// The mean of an exponential time for which an answer is still in the server after it was stamped.
    pub departs_late: Duration,
}

impl ServerConfig {
    /// Stratum 1, right to ten microseconds.
    pub const RIGHT: Self = Self {
        stratum: 1,
        root_dispersion: Duration::from_micros(10),
        error: Duration::ZERO,
        lie: Duration::ZERO,
        leap: None,
        departs_late: Duration::ZERO,
    };
}

/// See the module's text.
#[derive(Debug)]
pub struct Server {
    config: ServerConfig,
    departures: Departures,
    random: Random,
    /// It does not answer before.
    starts: Timestamp<Mono>,
    /// It has lost its source, and its clock has been ahead by so much more since.
    orphan: Option<Duration>,
}

impl Server {
    pub(super) fn new(config: ServerConfig, starts: Timestamp<Mono>, random: Random) -> Self {
        Self { config, departures: Departures::default(), random, starts, orphan: None }
    }

    /// What its clock is ahead of the truth by, as everybody may know.
    pub fn error(&self) -> Duration {
        self.config.error
    }

    pub(super) fn step_by(&mut self, by: Duration) {
        self.config.error += by;
    }

    /// It has lost its source, and its clock is ahead by so much more; or it has one again.
    pub(super) fn set_orphan(&mut self, orphan: Option<Duration>) {
        self.orphan = orphan;
    }

    /// The answer to a request, and when it leaves; `None`: it is not there yet.
    pub(super) fn answer(
        &mut self,
        now: Timestamp<Mono>,
        truth: &Truth,
        request: &[u8],
    ) -> Option<([u8; ANSWER_LENGTH_MAX], Timestamp<Mono>)> {
        if now < self.starts {
            return None;
        }
        let off = self.config.error + self.config.lie + self.orphan.unwrap_or_default();
        let at = |now| (truth.utc(now) + off).read_as();
        let local = at(now);
        let good = TimeSnapshot {
            state: SyncState::Locked,
            leap: self.config.leap.unwrap_or_else(|| truth.warning(now)),
            stratum: self.config.stratum,
            reference_id: *b"GPS\0",
            anchor_local: local,
            anchor_utc: local.read_as(),
            is_bounded: true,
            parts: BoundParts { source: self.config.root_dispersion, ..BoundParts::default() },
            last_sample: Some(now),
            reference_time: local.read_as(),
            ..TimeSnapshot::unsynchronised(now)
        };
        let (time, local) = match self.orphan {
            Some(_) => {
                let (stratum, distance) = (ORPHAN_STRATUM, ORPHAN_DISTANCE);
                let lost = TimeSnapshot { state: SyncState::Freerun, is_bounded: false, stratum: 16, ..good };
                (lost, Some(LocalService { stratum, distance, is_orphan: true }))
            }
            None => (good, None),
        };
        let response = ResponseConfig { local, ..RESPONSE };
        let local = at(now);
        let heard = Request { data: request, from_port: CLIENT_PORT, received: local, hardware: None, now: local };
        let mut answer = [0; ANSWER_LENGTH_MAX];
        respond_interleaved(&heard, &time, response, &mut self.departures, &mut answer).ok()?;
        let mean = self.config.departs_late;
        let late = if mean > Duration::ZERO { mean.scaled(self.random.exponential()) } else { Duration::ZERO };
        let leaves = now + late;
        if let Ok(packet) = parse(&answer) {
            let departure = Departure::new(at(leaves).read_as(), self.config.root_dispersion);
            self.departures.departed(packet.header.receive_timestamp, departure);
        }
        Some((answer, leaves))
    }
}
