//! The threads that measure sources, as the daemon has them: that of the NTP clients, and that of the reference clocks.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use super::super::discipline::Judged;
use super::super::events::{EVENTS_RING, Event};
use super::super::host::random_bits;
use super::super::measured::{MEASURED_RING, SourceInlet, SourceLinks};
use super::super::ntp_client::{Wanted, spawn_ntp_client};
use super::super::recorder::Traces;
use super::super::refclock::{WantedClock, spawn_refclocks};
use super::super::wake::Sleeper;
use super::Daemon;
use crate::clock::HostClock;
use crate::config::{Config, RefclockConfig};
use crate::discipline::helm::HELM_SOURCES_MAX;
use crate::engine::{EngineKind, Random};
use crate::ntp::client::ClientCounter;
use crate::observe::{Level, Topic};
use crate::sharing::{Counters, Doorbell, Drops, Latch, Pulse, Ring, RingReader};

/// A thread and the ways to it.
#[derive(Debug)]
pub(super) struct SourceThread {
    pub name: &'static str,
    pub thread: JoinHandle<()>,
    pub doorbell: Doorbell,
    pub events: RingReader<Event>,
    pub dropped: Drops,
    pub pulse: Pulse,
    /// What each NTP client counts.
    pub counters: Vec<Counters<ClientCounter>>,
    /// Which NTP servers are not to be asked, a bit each; none in another thread.
    pub offline: Option<Arc<AtomicU64>>,
}

/// Whom they tell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends<'s> {
    pub discipline: &'s Sleeper,
    pub control: &'s Sleeper,
    pub stop: &'s Latch,
}

impl Ends<'_> {
    /// A thread of that name, and the discipline's ends of it.
    fn start(
        self,
        name: &'static str,
        spawn: impl FnOnce(SourceLinks) -> io::Result<JoinHandle<()>>,
    ) -> io::Result<(SourceThread, SourceInlet)> {
        let sleeper = Sleeper::new()?;
        let (to_discipline, messages) = Ring::with_capacity(MEASURED_RING, self.discipline.doorbell());
        let (events, inbox) = Ring::with_capacity(EVENTS_RING, self.control.doorbell());
        let (doorbell, dropped) = (sleeper.doorbell(), messages.drops());
        let (steps, losses, falsetickers, demand) = (Arc::default(), Arc::default(), Arc::default(), Arc::default());
        let pulse = Pulse::new(HostClock.mono());
        let links = SourceLinks {
            to_discipline,
            events,
            steps: Arc::clone(&steps),
            losses: Arc::clone(&losses),
            falsetickers: Arc::clone(&falsetickers),
            demand: Arc::clone(&demand),
            pulse: pulse.clone(),
            stop: self.stop.clone(),
            sleeper,
        };
        let thread = spawn(links)?;
        let inlet = SourceInlet { messages, steps, losses, falsetickers, demand, doorbell: doorbell.clone() };
        let counters = Vec::new();
        let thread = SourceThread { name, thread, doorbell, events: inbox, dropped, pulse, counters, offline: None };
        Ok((thread, inlet))
    }

    /// All of them for which there is something to measure.
    pub fn start_all(self, config: &Config, traces: &mut Traces) -> io::Result<(Vec<SourceThread>, Vec<SourceInlet>)> {
        let mut all = Vec::new();
        if !config.refclocks.is_empty() {
            let wanted = |(place, config): (usize, &RefclockConfig)| WantedClock {
                config: config.clone(),
                recorder: traces.stream(&format!("refclock-{place}"), EngineKind::Refclock),
            };
            let clocks = config.refclocks.iter().enumerate().map(wanted).collect();
            all.push(self.start("refclock", |links| spawn_refclocks(clocks, links))?);
        }
        if !config.ntp_sources.is_empty() {
            let wanted = servers_of(config, traces);
            let counters = wanted.iter().map(|wanted| wanted.counters.clone()).collect();
            let offline = Arc::new(AtomicU64::new(0));
            let shared = Arc::clone(&offline);
            let (thread, inlet) = self.start("ntp-client", |links| spawn_ntp_client(wanted, shared, links))?;
            all.push((SourceThread { counters, offline: Some(offline), ..thread }, inlet));
        }
        Ok(all.into_iter().unzip())
    }
}

impl Daemon {
    /// NTP servers are asked from now on, or not; without a name all of them. Returns which.
    ///
    /// # Errors
    /// There is no such server.
    pub(in crate::runtime) fn ask_online(&mut self, is_online: bool, source: Option<&str>) -> Result<String, String> {
        let found: Vec<_> = self.model.sources.servers(source).collect();
        if found.is_empty() {
            return Err(
                source.map_or("there is no NTP server".to_owned(), |name| format!("no NTP server is called {name}"))
            );
        }
        let bits = found.iter().fold(0, |bits, (place, _)| bits | 1_u64 << place);
        for thread in &self.measuring {
            let Some(offline) = &thread.offline else { continue };
            _ = if is_online {
                offline.fetch_and(!bits, Ordering::AcqRel)
            } else {
                offline.fetch_or(bits, Ordering::AcqRel)
            };
            thread.doorbell.ring();
        }
        let names: Vec<_> = found.into_iter().map(|(_, name)| name).collect();
        let names = names.join(", ");
        let word = if is_online { "online" } else { "offline" };
        self.record(Level::Info, Topic::Ntp, format!("{names}: {word}, as was asked for"));
        Ok(names)
    }
}

const _: () = assert!(HELM_SOURCES_MAX <= u64::BITS as usize, "a bit for each server");

/// The servers that are asked, as far as there is room for them.
fn servers_of(config: &Config, traces: &mut Traces) -> Vec<Wanted> {
    // What tells an answer from a forgery.
    let mut random = Random::seeded(random_bits());
    let all = config.ntp_sources.iter().flat_map(|source| (0..source.pool).map(move |_| source.clone()));
    let places = HELM_SOURCES_MAX.saturating_sub(config.source_ports().count() + config.refclocks.len());
    let orphan = config.ntp_server.as_ref().and_then(|server| server.local).filter(|local| local.is_orphan);
    let wanted = all.take(places).enumerate().map(|(place, config)| Wanted {
        config,
        orphan,
        seed: random.next_u64(),
        counters: Counters::default(),
        recorder: Some(traces.stream(&format!("ntp-client-{place}"), EngineKind::NtpClient)),
    });
    wanted.collect()
}

/// How several sources are judged, if there are several.
pub(super) fn judged_of(config: &Config, traces: &mut Traces) -> Option<Judged> {
    let sources = config.judged();
    let recorder = (!sources.is_empty()).then(|| traces.stream("helm", EngineKind::Helm))?;
    Some(Judged { helm: config.selection.helm, sources, locks: config.locks(), recorder })
}
