//! The NTP clients' thread, as the daemon has it.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use super::super::discipline::Judged;
use super::super::events::{EVENTS_RING, Event};
use super::super::host::random_bits;
use super::super::ntp_client::{NTP_RING, NtpInlet, NtpLinks, Wanted, spawn_ntp_client};
use super::super::recorder::Traces;
use super::super::wake::Sleeper;
use crate::clock::HostClock;
use crate::config::Config;
use crate::discipline::helm::HELM_SOURCES_MAX;
use crate::engine::{EngineKind, Random};
use crate::ntp::client::ClientCounter;
use crate::sharing::{Counters, Doorbell, Drops, Latch, Pulse, Ring, RingReader};

/// The thread and the ways to it.
#[derive(Debug)]
pub(super) struct NtpThread {
    pub thread: JoinHandle<()>,
    pub doorbell: Doorbell,
    pub events: RingReader<Event>,
    pub dropped: Drops,
    pub pulse: Pulse,
    /// What each client counts.
    pub counters: Vec<Counters<ClientCounter>>,
}

impl NtpThread {
    /// Starts it, if there is somebody to ask; and the discipline's ends.
    pub fn start(
        config: &Config,
        discipline: &Sleeper,
        control: &Sleeper,
        stop: &Latch,
        traces: &mut Traces,
    ) -> io::Result<Option<(Self, NtpInlet)>> {
        if config.ntp_sources.is_empty() {
            return Ok(None);
        }
        let now = HostClock.mono();
        // What tells an answer from a forgery.
        let mut random = Random::seeded(random_bits());
        let all = config.ntp_sources.iter().flat_map(|source| (0..source.pool).map(move |_| source.clone()));
        let places = HELM_SOURCES_MAX.saturating_sub(config.ptp.len());
        let wanted: Vec<_> = all
            .take(places)
            .enumerate()
            .map(|(place, config)| Wanted {
                config,
                seed: random.next_u64(),
                counters: Counters::default(),
                recorder: Some(traces.stream(&format!("ntp-client-{place}"), EngineKind::NtpClient)),
            })
            .collect();
        let sleeper = Sleeper::new()?;
        let (to_discipline, messages) = Ring::with_capacity(NTP_RING, discipline.doorbell());
        let (events, inbox) = Ring::with_capacity(EVENTS_RING, control.doorbell());
        let (doorbell, dropped, pulse, steps) = (sleeper.doorbell(), messages.drops(), Pulse::new(now), Arc::default());
        let links = NtpLinks {
            to_discipline,
            events,
            steps: Arc::clone(&steps),
            pulse: pulse.clone(),
            stop: stop.clone(),
            sleeper,
        };
        let counters = wanted.iter().map(|wanted| wanted.counters.clone()).collect();
        let thread = spawn_ntp_client(wanted, links)?;
        let thread = Self { thread, doorbell, events: inbox, dropped, pulse, counters };
        Ok(Some((thread, NtpInlet { messages, steps })))
    }
}

/// How several sources are judged, if there are several.
pub(super) fn judged_of(config: &Config, traces: &mut Traces) -> Option<Judged> {
    let sources = config.judged();
    let recorder = (!sources.is_empty()).then(|| traces.stream("helm", EngineKind::Helm))?;
    Some(Judged { helm: config.selection.helm, sources, recorder })
}
