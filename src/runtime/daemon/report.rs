//! The daemon's status, put together from all that it owns.

use super::Daemon;
use crate::ntp::server::{Client, DropReason, ServerCounter};
use crate::observe::history::Past;
use crate::observe::status::{
    NtpClientStatus, NtpLatencyStatus, NtpQuestionsStatus, NtpServedStatus, NtpServerStatus, PtpClockStatus,
    ThreadStatus, TruthStatus,
};
use crate::observe::{Status, ntpq};
use crate::runtime::server::{Latencies, QuestionCounter, Server};
use crate::runtime::truth::TruthReport;
use crate::sharing::{CounterSet, Counters, TimeSnapshot};
use crate::time::{Duration, Local, Mono, Timestamp};
use crate::wire::ntp::Header;

impl Daemon {
    /// The status of now.
    pub fn status(&mut self) -> Status {
        let mut status = self.figures();
        let now = self.host.mono();
        status.events = self.model.events.records(now);
        status.ptp_clocks = self.ptp_clocks().iter().map(PtpClockStatus::of).collect();
        status.security = self.security_status(now);
        status
    }

    /// The same without the last events, the PTP clocks and what the threads may do: none of it is a figure.
    pub fn figures(&mut self) -> Status {
        let (now, local) = (self.host.mono(), self.host.stamping());
        // Who asks wakes us, and what the threads have told since the last turn may say that what was said then is not true any more.
        self.hear(now, local);
        let snapshot = self.snapshot();
        let mut status = self.model.figures(&self.config, now, local, &snapshot);
        status.ntp_server = self.server.as_mut().map(|server| {
            let smeared_by = server.smeared_by(self.smear.step, &snapshot, local);
            NtpServerStatus {
                smeared_s: smeared_by.map(Duration::as_secs_f64),
                served: server.served(self.smear.step, &snapshot, local).map(|header| served_status(&header)),
                ..server_status(server, &snapshot, now, local)
            }
        });
        status.threads = self.thread_status(now);
        status.truth = self.truth.as_ref().map(|(truth, _)| truth_status(&truth.report()));
        status.rings_dropped = self.dropped();
        status.hooks = self.hooks.as_ref().map(|(hooks, _)| hooks.statuses()).unwrap_or_default();
        let expires = self.known_utc.utc.list.and_then(|list| list.good_until);
        status.leap_list_expires_in_s = expires.map(|expires| (expires - local.read_as()).as_secs_f64());
        status
    }

    /// Keeps how the clock is for [`Daemon::history`], if it is time for that.
    pub fn keep_history(&mut self) {
        let now = self.host.mono();
        if self.model.history.is_due(now) {
            let snapshot = self.snapshot();
            self.model.keep_history(now, &snapshot);
        }
    }

    /// How the clock was of late, where [`Daemon::keep_history`] was called.
    pub fn history(&self) -> Vec<Past> {
        self.model.history.points(self.host.mono())
    }

    /// The state of the clock and why it is so, in one sentence; or which thread has stalled.
    pub fn in_words(&mut self) -> String {
        let stalled: Vec<_> = self.watchdog.stalled().collect();
        if !stalled.is_empty() {
            return format!("stalled: thread {}", stalled.join(", "));
        }
        let snapshot = self.snapshot();
        format!("{}: {}", snapshot.state, self.model.reason(self.host.mono(), &snapshot))
    }

    /// Whether every timing thread went round of late.
    pub fn all_go_round(&self) -> bool {
        self.watchdog.stalled().next().is_none()
    }

    /// Answers what ntpq and ntpstat of this host have asked.
    pub(super) fn answer_questions(&mut self) {
        if !self.server.as_ref().is_some_and(Server::is_asked) {
            return;
        }
        let (status, snapshot) = (self.status(), self.snapshot());
        let now = snapshot.utc_at(self.host.stamping());
        if let Some(server) = &self.server {
            server.answer_questions(|question| ntpq::answers(question, &status, now));
        }
    }

    /// Of each port its interface, and what it hears and does not follow: one sentence each.
    pub fn heard(&self) -> impl Iterator<Item = (&str, Vec<String>)> {
        self.model.ports.iter().map(|port| (port.config.interface.as_str(), port.heard()))
    }

    fn thread_status(&self, now: Timestamp<Mono>) -> Vec<ThreadStatus> {
        let threads = self.watchdog.threads().iter();
        let threads = threads.map(|watched| ThreadStatus {
            name: watched.name.clone(),
            core: watched.config.core.and_then(|core| u32::try_from(core).ok()),
            priority: watched.config.priority,
            alive_age_s: Some(watched.age(now).as_secs_f64()),
            allocations: allocations_of(&watched.name),
        });
        threads.collect()
    }

    fn dropped(&self) -> std::collections::BTreeMap<String, u64> {
        let mut rings = vec![("discipline.events".to_owned(), self.discipline.events.dropped())];
        for (index, port) in self.ports.iter().enumerate() {
            if let Some(port) = port {
                let [to_discipline, from_discipline] = &port.dropped;
                rings.push((format!("ptp-{index}.events"), port.events.dropped()));
                rings.push((format!("ptp-{index}.to_discipline"), to_discipline.count()));
                rings.push((format!("ptp-{index}.from_discipline"), from_discipline.count()));
            }
        }
        for thread in &self.measuring {
            rings.push((format!("{}.events", thread.name), thread.events.dropped()));
            rings.push((format!("{}.to_discipline", thread.name), thread.dropped.count()));
        }
        rings.into_iter().filter(|(_, dropped)| *dropped > 0).collect()
    }
}

#[cfg(feature = "count-allocations")]
fn allocations_of(thread: &str) -> Option<u64> {
    synchronome_kernel::alloc::counts().find(|(name, _)| *name == thread).map(|(_, count)| count)
}

#[cfg(not(feature = "count-allocations"))]
fn allocations_of(_: &str) -> Option<u64> {
    None
}

fn client_status(client: &Client, now: Timestamp<Mono>) -> NtpClientStatus {
    NtpClientStatus {
        address: client.address().to_string(),
        requests: client.requests.into(),
        limited: client.limited.into(),
        interval_s: client.interval().map(Duration::as_secs_f64),
        last_age_s: (now - client.heard).as_secs_f64().max(0.0),
        version: client.version,
    }
}

/// The limits of the histogram that is shown, in microseconds.
const LATENCY_LIMITS_US: [i64; 15] =
    [5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 1_000_000];

fn latency_status(latencies: &Latencies) -> Option<NtpLatencyStatus> {
    let quantile = |share| latencies.quantile(share).map(Duration::as_secs_f64);
    let within = LATENCY_LIMITS_US.map(Duration::from_micros).map(|limit| {
        let seconds = limit.as_nanos() as f64 / 1e9; // the nearest number, which prints shortly
        (seconds, latencies.count_within(limit))
    });
    Some(NtpLatencyStatus {
        count: latencies.count(),
        sum_s: latencies.sum().as_secs_f64(),
        p50_s: quantile(0.5)?,
        p90_s: quantile(0.9)?,
        p99_s: quantile(0.99)?,
        p999_s: quantile(0.999)?,
        max_s: latencies.max().as_secs_f64(),
        within: within.into(),
    })
}

fn server_status(
    server: &mut Server,
    snapshot: &TimeSnapshot,
    now: Timestamp<Mono>,
    local: Timestamp<Local>,
) -> NtpServerStatus {
    let (clients, busiest) = server.busiest_clients();
    let local_stratum = server.local_stratum(snapshot, local);
    NtpServerStatus {
        listen: server.listening().iter().map(ToString::to_string).collect(),
        workers: server.workers().len() as u32,
        worker_restarts: server.restarts(),
        stratum: (snapshot.stratum < 16 && local_stratum.is_none()).then_some(snapshot.stratum),
        local_stratum,
        smeared_s: None,
        served: None,
        questions: server.questions().map(questions_status).unwrap_or_default(),
        requests: server.count(ServerCounter::Requests),
        answered: [ServerCounter::Answers, ServerCounter::AnswersLocal, ServerCounter::AnswersUnsynchronised]
            .map(|counter| server.count(counter))
            .iter()
            .sum(),
        answered_local: server.count(ServerCounter::AnswersLocal),
        hardware_stamps: server.count(ServerCounter::HardwareStamps),
        software_stamps: server.count(ServerCounter::SoftwareStamps),
        departures: server.count(ServerCounter::Departures),
        hardware_departures: server.count(ServerCounter::HardwareDepartures),
        hardware_stamps_rejected: server.count(ServerCounter::HardwareRejected),
        interleaved: server.count(ServerCounter::Interleaved),
        denied: server.count(ServerCounter::Denied),
        rate_kisses: server.count(ServerCounter::RateKisses),
        latency: latency_status(server.latencies()),
        clients: clients as u64,
        busiest: busiest.iter().map(|client| client_status(client, now)).collect(),
        dropped: DropReason::ALL
            .iter()
            .map(|reason| (reason.name().to_owned(), server.dropped(*reason)))
            .filter(|(_, dropped)| *dropped > 0)
            .collect(),
    }
}

pub(super) fn served_status(header: &Header) -> NtpServedStatus {
    NtpServedStatus {
        leap: header.leap as u8,
        stratum: header.stratum,
        reference_id: reference_in_words(header),
        root_delay_s: header.root_delay.to_duration().as_secs_f64(),
        root_dispersion_s: header.root_dispersion.to_duration().as_secs_f64(),
    }
}

/// At stratum 1, and without a time (0), up to four letters; else as an address: of whom is followed, a hash of it, or how much is smeared.
fn reference_in_words(header: &Header) -> String {
    let octets = header.reference_id;
    if header.stratum <= 1 {
        return String::from_utf8_lossy(&octets).trim_end_matches('\0').to_owned();
    }
    std::net::Ipv4Addr::from(octets).to_string()
}

fn questions_status(counts: &Counters<QuestionCounter>) -> NtpQuestionsStatus {
    let dropped = counts.iter().filter(|(kind, n)| *kind != QuestionCounter::Answered && *n > 0);
    NtpQuestionsStatus {
        answered: counts.get(QuestionCounter::Answered),
        dropped: dropped.map(|(kind, n)| (kind.name().to_owned(), n)).collect(),
    }
}

fn truth_status(report: &TruthReport) -> TruthStatus {
    let settled = |duration: Duration| (report.samples > 0).then(|| duration.as_secs_f64());
    TruthStatus {
        samples: report.samples,
        rms_s: settled(report.rms),
        max_s: settled(report.greatest),
        p99_s: settled(report.p99),
        violations: report.violations,
        error_s: (report.bounded_samples > 0).then(|| report.error.as_secs_f64()),
        bound_s: report.bound.map(Duration::as_secs_f64),
    }
}
