//! Several sources, as the control thread knows them.

use super::super::ntp_client::NtpReport;
use crate::clock::{CascadeNotice, Standing};
use crate::config::{Config, NTP_SOURCE};
use crate::discipline::helm::{SourceKind, Verdict, mistaken_for};
use crate::ntp::client::ClientState;
use crate::observe::status::SourceStatus;
use crate::observe::{Events, Level, Topic};
use crate::time::{Duration, Mono, SourceId, Timestamp, Utc};

/// One source.
#[derive(Debug)]
struct Source {
    row: SourceId,
    kind: SourceKind,
    name: String,
    report: Option<NtpReport>,
    standing: Option<Standing>,
}

/// All of them, in the order of their rows; none where there is nothing to judge.
#[derive(Debug, Default)]
pub struct SourcesModel(Vec<Source>);

type At = (Timestamp<Mono>, Timestamp<Utc>);

impl SourcesModel {
    /// Nothing is known of them yet.
    pub fn new(config: &Config) -> Self {
        let ports = config.ptp.iter().map(|ptp| (SourceKind::Ptp, ptp.interface.clone()));
        let servers = config
            .ntp_sources
            .iter()
            .flat_map(|server| (0..server.pool).map(|_| (SourceKind::Ntp, server.host.clone())));
        let named = ports.chain(servers);
        let rows = config.judged();
        let source = |((kind, name), (source, _)): ((SourceKind, String), &(SourceId, _))| Source {
            row: *source,
            kind,
            name,
            report: None,
            standing: None,
        };
        Self(named.zip(&rows).map(source).collect())
    }

    fn get(&mut self, source: SourceId) -> Option<&mut Source> {
        self.0.iter_mut().find(|known| known.row == source)
    }

    fn name_of(&self, source: Option<SourceId>) -> String {
        let known = source.and_then(|source| self.0.iter().find(|known| known.row == source));
        known.map_or_else(|| "nobody".to_owned(), Source::shown)
    }

    /// Whether there is nothing to judge.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an NTP server steers.
    pub fn is_steered_by_ntp(&self) -> bool {
        self.0.iter().any(|source| source.kind == SourceKind::Ntp && source.standing.is_some_and(|s| s.is_steering))
    }

    /// What a client sees.
    pub fn report(&mut self, events: &mut Events, at: At, report: NtpReport) {
        let Some(source) = self.get(SourceId(NTP_SOURCE.0 + u16::from(report.place))) else { return };
        let before = source.report.replace(report);
        let shown = source.shown();
        let state = |report: &NtpReport| (report.state, report.address, report.is_unknown);
        if before.as_ref().map(state) == Some(state(&report)) {
            return;
        }
        let (level, text) = match (report.address, report.state) {
            (None, _) if report.is_unknown => (Level::Warn, "its name cannot be looked up; trying again"),
            (Some(_), ClientState::Reachable) => (Level::Info, "it answers"),
            (Some(_), ClientState::Denied) => (Level::Warn, "it refuses us"),
            (Some(_), ClientState::Waiting) if before.is_some_and(|before| before.state == ClientState::Reachable) => {
                (Level::Warn, "it does not answer any more")
            }
            _ => return,
        };
        events.record(at, level, Topic::Ntp, format!("{shown}: {text}"), &[]);
    }

    /// What is thought of a source.
    pub fn standing(&mut self, standing: Standing) {
        if let Some(source) = self.get(standing.source) {
            source.standing = Some(standing);
        }
    }

    /// Takes in what the helm says; `false`: it was something else.
    pub fn hear(&mut self, events: &mut Events, at: At, notice: &CascadeNotice) -> bool {
        let (level, text) = match notice {
            CascadeNotice::Helm { from, to, why, .. } => {
                let (from, to) = (self.name_of(*from), self.name_of(*to));
                let level = if to == "nobody" { Level::Error } else { Level::Info };
                (level, format!("{to} steers, no longer {from}: {}", why.reason()))
            }
            CascadeNotice::Verdict(source, verdict) => {
                let name = self.name_of(Some(*source));
                let level = if matches!(verdict, Verdict::Falseticker { .. }) { Level::Warn } else { Level::Info };
                (level, format!("{name}: {}", in_words(*verdict)))
            }
            _ => return false,
        };
        events.record(at, level, Topic::Clock, text, &[]);
        true
    }

    /// What the status shows.
    pub fn statuses(&self, now: Timestamp<Mono>) -> Vec<SourceStatus> {
        self.0.iter().map(|source| source.status(now)).collect()
    }
}

impl Source {
    fn shown(&self) -> String {
        match self.kind {
            SourceKind::Ptp => format!("PTP on {}", self.name),
            SourceKind::Ntp => match self.report.and_then(|report| report.address) {
                Some(address) if address.ip().to_string() != self.name => {
                    format!("NTP {} ({})", self.name, address.ip())
                }
                _ => format!("NTP {}", self.name),
            },
        }
    }

    fn status(&self, now: Timestamp<Mono>) -> SourceStatus {
        let seconds = Duration::as_secs_f64;
        let (standing, report) = (self.standing, self.report);
        let info = report.and_then(|report| report.info);
        let span = standing.and_then(|standing| standing.span);
        let verdict = standing.map_or(Verdict::Silent, |standing| standing.verdict);
        SourceStatus {
            kind: if self.kind == SourceKind::Ptp { "ptp" } else { "ntp" }.to_owned(),
            name: self.name.clone(),
            address: report.and_then(|report| report.address).map(|address| address.to_string()),
            is_steering: standing.is_some_and(|standing| standing.is_steering),
            verdict: word(verdict).to_owned(),
            reason: self.reason(verdict),
            offset_s: span.map(|span| seconds(span.centre())),
            distance_s: span.map(|span| seconds(span.half_width())),
            reach: report.map(|report| report.reach),
            interval_s: standing.map(|standing| seconds(standing.interval.duration())),
            last_sample_age_s: standing.and_then(|standing| standing.heard).map(|heard| seconds(now - heard).max(0.0)),
            round_trip_s: report.and_then(|report| report.round_trip).map(seconds),
            stratum: info.map(|info| info.stratum),
            root_distance_s: info.map(|info| seconds(info.root_distance())),
        }
    }

    fn reason(&self, verdict: Verdict) -> String {
        match (verdict, self.report) {
            (Verdict::Silent, Some(report)) => match (report.address, report.state) {
                (None, _) if report.is_unknown => "its name cannot be looked up".to_owned(),
                (None, _) => "its name is being looked up".to_owned(),
                (Some(_), ClientState::Denied) => "it refuses us".to_owned(),
                (Some(_), ClientState::Offline) => "there is no network".to_owned(),
                (Some(_), ClientState::Waiting) => "it does not answer: is UDP port 123 open on the way?".to_owned(),
                (Some(_), ClientState::Reachable) => "it says too little, or is too far away (max_distance)".to_owned(),
            },
            (verdict, _) => in_words(verdict),
        }
    }
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Silent => "silent",
        Verdict::Agrees => "agrees",
        Verdict::Falseticker { .. } => "falseticker",
        Verdict::Undecided => "undecided",
    }
}

fn in_words(verdict: Verdict) -> String {
    match verdict {
        Verdict::Silent => "it says nothing".to_owned(),
        Verdict::Agrees => "it agrees with the majority".to_owned(),
        Verdict::Undecided => "it is contradicted, and there is no majority".to_owned(),
        Verdict::Falseticker { beyond } => {
            // Positive: by it we are further ahead than we can be, so it is behind.
            let side = if beyond.is_negative() { "ahead of" } else { "behind" };
            let named = mistaken_for(beyond).map_or(String::new(), |words| format!(" ({words})"));
            format!("it is {} {side} all that the majority allows{named}", beyond.abs())
        }
    }
}
