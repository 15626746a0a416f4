//! Several sources, as the control thread knows them.

use std::collections::BTreeMap;

use nix::errno::Errno;

use super::super::ntp_client::{ClientStamping, NoAddress, NoCard, NtpReport};
use super::super::refclock::RefclockReport;
use super::{leap_word, refclocks};
use crate::clock::{CascadeNotice, LOCK_LIMIT_SOFTWARE, Standing};
use crate::config::{Config, NTP_SOURCE, REFCLOCK_SOURCE, RefclockConfig};
use crate::discipline::helm::{SourceKind, SourceOptions, Verdict};
use crate::ntp::client::{ClientCounter, ClientState, REQUESTS_OF_LATE, Refusal, SourceInfo};
use crate::observe::health::NOT_ANSWERED_OF_LATE;
use crate::observe::status::{RefusalStatus, SourceStatus};
use crate::observe::{Change, EventKind, Events, Level, Topic};
use crate::refclock::ClockState;
use crate::sharing::{CounterSet, Counters};
use crate::time::{Duration, Mono, SourceId, Timestamp, Utc};
use crate::wire::ntp::smear_of;

/// One source.
#[derive(Debug)]
struct Source {
    row: SourceId,
    kind: SourceKind,
    name: String,
    options: SourceOptions,
    counters: Option<Counters<ClientCounter>>,
    report: Option<NtpReport>,
    /// Of a reference clock.
    clock: Option<(RefclockConfig, Option<RefclockReport>)>,
    standing: Option<Standing>,
    /// What was thought of it when that was told last.
    told: Option<Verdict>,
}

/// All of them, in the order of their rows; none where there is nothing to judge.
#[derive(Debug, Default)]
pub struct SourcesModel(Vec<Source>);

type At = (Timestamp<Mono>, Timestamp<Utc>);

impl SourcesModel {
    /// Nothing is known of them yet; `counters` are those of the clients, in the order of the servers.
    pub fn new(config: &Config, counters: &[Counters<ClientCounter>]) -> Self {
        let ports = config.source_ports().map(|(_, ptp)| (SourceKind::Ptp, ptp.interface.clone(), None));
        let clocks = config.refclocks.iter();
        let clocks = clocks.map(|clock| (clock.options.kind, clock.name.clone(), Some((clock.clone(), None))));
        let servers = config.ntp_sources.iter();
        let servers = servers.flat_map(|server| (0..server.pool).map(|_| (SourceKind::Ntp, server.host.clone(), None)));
        let named = ports.chain(clocks).chain(servers);
        let rows = config.judged();
        let of_client = |source: SourceId| counters.get(usize::from(source.0.checked_sub(NTP_SOURCE.0)?)).cloned();
        let all = named.zip(&rows).map(|((kind, name, clock), (source, options))| Source {
            row: *source,
            kind,
            name,
            options: *options,
            counters: of_client(*source),
            report: None,
            clock,
            standing: None,
            told: None,
        });
        Self(all.collect())
    }

    fn get(&mut self, source: SourceId) -> Option<&mut Source> {
        self.0.iter_mut().find(|known| known.row == source)
    }

    fn name_of(&self, source: Option<SourceId>) -> String {
        let known = source.and_then(|source| self.0.iter().find(|known| known.row == source));
        known.map_or_else(|| "nobody".to_owned(), Source::shown)
    }

    /// The NTP servers that somebody may mean by this, with their places; all of them without a name.
    pub fn servers(&self, name: Option<&str>) -> impl Iterator<Item = (u16, String)> {
        let servers = self.0.iter().filter(|source| source.kind == SourceKind::Ntp);
        let servers = servers.filter_map(|source| Some((source.row.0.checked_sub(NTP_SOURCE.0)?, source)));
        let is_meant = move |source: &Source| {
            let address = source.report.and_then(|report| report.address);
            name.is_none_or(|name| {
                let is_address =
                    address.is_some_and(|address| address.to_string() == name || address.ip().to_string() == name);
                source.name == name || name.strip_prefix("ntp ") == Some(&source.name) || is_address
            })
        };
        servers.filter(move |(_, source)| is_meant(source)).map(|(place, source)| (place, source.shown()))
    }

    /// Whether there is nothing to judge.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one steers that cannot be expected to be as exact as PTP: an NTP server, or a reference clock that leaves more open.
    pub fn is_steered_laxly(&self) -> bool {
        let steers =
            self.0.iter().find_map(|source| Some((source.kind, source.standing?)).filter(|(_, s)| s.is_steering));
        steers.is_some_and(|(kind, standing)| match kind {
            SourceKind::Ntp => true,
            SourceKind::Refclock => standing.span.is_some_and(|span| span.half_width() > LOCK_LIMIT_SOFTWARE),
            SourceKind::Ptp | SourceKind::Pulse => false,
        })
    }

    /// What there is to see of a reference clock.
    pub fn refclock(&mut self, events: &mut Events, at: At, report: RefclockReport) {
        let Some(source) = self.get(SourceId(REFCLOCK_SOURCE.0 + u16::from(report.place))) else { return };
        let shown = source.shown();
        let Some((config, before)) = &mut source.clock else { return };
        let before = before.replace(report);
        let news = refclocks::news(config, before.as_ref(), &report);
        for (level, text) in news.into_iter().chain(refclocks::hint(before.as_ref(), &report)) {
            let change = Change::of(EventKind::Source, &*shown).because(&*text);
            events.record_change(at, (level, Topic::Clock), change, format!("{shown}: {text}"), &[]);
        }
    }

    /// What a client sees.
    pub fn report(&mut self, events: &mut Events, at: At, report: NtpReport) {
        let Some(source) = self.get(SourceId(NTP_SOURCE.0 + u16::from(report.place))) else { return };
        let before = source.report.replace(report);
        let shown = source.shown();
        let untried = ClientStamping::Kernel(NoCard::Untried);
        let unwanted = ClientStamping::Kernel(NoCard::Unwanted);
        if before.map_or(untried, |before| before.stamping) != report.stamping && report.stamping != unwanted {
            let (stamps, reason) = stamps_of(report.stamping);
            let text = format!("{shown}: {stamps} time stamps: {reason}");
            let change = Change::of(EventKind::Stamps, &*shown).to(stamps).because(reason);
            events.record_change(at, (Level::Info, Topic::Ntp), change, text, &[]);
        }
        for (level, text) in news(before.as_ref(), &report).into_iter().flatten() {
            let change = Change::of(EventKind::Source, &*shown).because(&*text);
            let state = |report: NtpReport| state_word(report.state).to_owned();
            let change = Change { old: before.map(state), new: Some(state(report)), ..change };
            events.record_change(at, (level, Topic::Ntp), change, format!("{shown}: {text}"), &[]);
        }
    }

    /// What is thought of a source.
    pub fn standing(&mut self, standing: Standing) {
        if let Some(source) = self.get(standing.source) {
            source.standing = Some(standing);
        }
    }

    /// Takes in what the helm says; `false`: it was something else.
    pub fn hear(&mut self, events: &mut Events, at: At, notice: &CascadeNotice) -> bool {
        let (level, text, change) = match notice {
            CascadeNotice::Helm { from, to, why, .. } => {
                let (from, to) = (self.name_of(*from), self.name_of(*to));
                let level = if to == "nobody" { Level::Error } else { Level::Info };
                let change = Change::of(EventKind::Handover, "clock").from_to(&from, &to).because(why.reason());
                (level, format!("{to} steers, no longer {from}: {}", why.reason()), change)
            }
            CascadeNotice::Verdict(source, verdict) => {
                let name = self.name_of(Some(*source));
                let told = self.get(*source).and_then(|source| source.told.replace(*verdict));
                let (level, kind) = match verdict {
                    Verdict::Falseticker { .. } => (Level::Warn, EventKind::Falseticker),
                    Verdict::Undecided => (Level::Warn, EventKind::Verdict),
                    Verdict::Agrees | Verdict::Silent => (Level::Info, EventKind::Verdict),
                };
                let before = told.unwrap_or(Verdict::Silent).word();
                let change = Change::of(kind, &*name).from_to(before, verdict.word()).because(verdict.in_words());
                (level, format!("{name}: {}", verdict.in_words()), change)
            }
            _ => return false,
        };
        events.record_change(at, (level, Topic::Clock), change, text, &[]);
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
            SourceKind::Refclock | SourceKind::Pulse => format!("reference clock {}", self.name),
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
        let clock = self.clock.as_ref().map(|(config, _)| config);
        let of_clock = self.clock.as_ref().and_then(|(_, report)| *report);
        let info = report.and_then(|report| report.info);
        let span = standing.and_then(|standing| standing.span);
        let verdict = standing.map_or(Verdict::Silent, |standing| standing.verdict);
        SourceStatus {
            kind: kind_word(self.kind).to_owned(),
            name: self.name.clone(),
            address: report.and_then(|report| report.address).map(|address| address.to_string()),
            is_steering: standing.is_some_and(|standing| standing.is_steering),
            verdict: verdict.word().to_owned(),
            reason: self.reason(verdict),
            offset_s: span.map(|span| seconds(span.centre())),
            distance_s: span.map(|span| seconds(span.half_width())),
            reach: report.map(|report| report.reach).or(of_clock.map(|report| report.reach)),
            interval_s: match clock {
                Some(clock) => Some(seconds(clock.poll.duration())),
                None => standing.map(|standing| seconds(standing.interval.duration())),
            },
            last_sample_age_s: standing.and_then(|standing| standing.heard).map(|heard| seconds(now - heard).max(0.0)),
            round_trip_s: report.and_then(|report| report.round_trip).map(seconds),
            stratum: info.map(|info| info.stratum).or(clock.map(|clock| clock.stratum)),
            root_distance_s: info.map(|info| seconds(info.root_distance())),
            reference_id: info.map(|info| reference_in_words(&info)),
            client_state: match of_clock {
                Some(clock) => Some(refclocks::state_word(&clock).to_owned()),
                None => report.map(|report| state_word(report.state).to_owned()),
            },
            name_error: report.and_then(|report| report.no_address).map(|why| why.words().to_owned()),
            all_asked: report.and_then(|report| report.all_asked),
            look_up_in_s: report.and_then(|report| report.look_up_in).map(f64::from),
            send_error: report
                .and_then(|report| report.send_error)
                .map(|errno| Errno::from_raw(errno).desc().to_owned()),
            stamps: report.map(|report| stamps_of(report.stamping).0.to_owned()),
            stamps_reason: report.map(|report| stamps_of(report.stamping).1),
            unanswered: report.map(|report| report.unanswered),
            refusal: report.and_then(|report| report.refusal).map(|refusal| refusal_status(&refusal)),
            beyond_s: match verdict {
                Verdict::Falseticker { beyond } => Some(seconds(beyond)),
                _ => None,
            },
            max_distance_s: Some(seconds(self.options.max_distance)),
            good_for_s: standing.and_then(|standing| standing.good_since).map(|since| seconds(now - since).max(0.0)),
            hold_off_s: standing.map(|standing| seconds(standing.hold_off)),
            options: self.options_set(),
            counters: self.counts(),
        }
    }

    /// The words of the configuration about it.
    fn options_set(&self) -> Vec<String> {
        let SourceOptions { prefer, trust, require, noselect, .. } = self.options;
        let all = [("prefer", prefer), ("trust", trust), ("require", require), ("noselect", noselect)];
        all.into_iter().filter(|(_, is_set)| *is_set).map(|(word, _)| word.to_owned()).collect()
    }

    fn counts(&self) -> BTreeMap<String, u64> {
        if let Some((_, report)) = &self.clock {
            return report.as_ref().map(refclocks::counts).unwrap_or_default();
        }
        let counted = self.counters.iter().flat_map(Counters::iter).filter(|(_, n)| *n > 0);
        counted.map(|(counter, n)| (counter.name().to_owned(), n)).collect()
    }

    fn reason(&self, verdict: Verdict) -> String {
        if let (Verdict::Silent, Some((config, Some(report)))) = (verdict, &self.clock) {
            let standing = self.standing.filter(|_| report.state == ClockState::Delivering);
            return match standing {
                Some(standing) if standing.is_unnumbered => refclocks::UNNUMBERED.to_owned(),
                Some(standing) if standing.lacks_utc => refclocks::WITHOUT_UTC.to_owned(),
                _ => refclocks::why_silent(config, report),
            };
        }
        let unknown = self.report.and_then(|report| report.no_address).map(|why| unknown_in_words(&why));
        match (verdict, self.report) {
            (Verdict::Silent, Some(NtpReport { address: None, .. })) if unknown.is_some() => {
                unknown.unwrap_or_default()
            }
            (Verdict::Silent, Some(report)) => match (report.address, report.state) {
                (None, _) => report.all_asked.map_or("its name is being looked up".to_owned(), all_asked_in_words),
                (Some(_), ClientState::Denied) => "it refuses us".to_owned(),
                (Some(_), ClientState::Offline) => match report.send_error {
                    Some(errno) => format!("there is no network to it: {}", Errno::from_raw(errno).desc()),
                    None => "the operator has taken it offline (synchronome online)".to_owned(),
                },
                (Some(_), ClientState::Waiting | ClientState::Reachable) if report.refusal.is_some() => {
                    match report.refusal.map(|refusal| refusal.reason) {
                        Some(ClientCounter::OrphanAfterUs) => "it has no source, and is to follow us".to_owned(),
                        Some(ClientCounter::OrphanFollows) => "it follows a host that has no source".to_owned(),
                        reason => format!("its answers are of no use ({})", reason.map_or("", CounterSet::name)),
                    }
                }
                (Some(_), ClientState::Waiting) if report.send_error.is_some() => {
                    let error = report.send_error.map_or("", |errno| Errno::from_raw(errno).desc());
                    format!("nothing can be sent to it: {error}")
                }
                (Some(_), ClientState::Waiting) => "it does not answer: is UDP port 123 open on the way?".to_owned(),
                (Some(_), ClientState::Reachable) if report.reach & REQUESTS_OF_LATE == 0 => {
                    NOT_ANSWERED_OF_LATE.to_owned()
                }
                (Some(_), ClientState::Reachable) if report.info.is_some_and(|info| is_local(&info)) => {
                    "it serves nothing but its own clock, and is followed only where no other source is heard"
                        .to_owned()
                }
                (Some(_), ClientState::Reachable) => "it says too little, or is too far away (max_distance)".to_owned(),
            },
            (verdict, _) => verdict.in_words(),
        }
    }
}

fn unknown_in_words(why: &NoAddress) -> String {
    format!("its name cannot be looked up: {}", why.words())
}

fn all_asked_in_words(addresses: u8) -> String {
    match addresses {
        1 => "the only address of its name is asked already".to_owned(),
        _ => format!("all {addresses} addresses of its name are asked already"),
    }
}

/// What changed since the report before: of the name, of the address, of the answers.
fn news(before: Option<&NtpReport>, report: &NtpReport) -> [Option<(Level, String)>; 3] {
    let was_unknown = before.is_some_and(|before| before.no_address.is_some());
    let name = match (&report.no_address, report.address) {
        (Some(why), None) if !was_unknown => Some((Level::Warn, format!("{}; trying again", unknown_in_words(why)))),
        (Some(why), Some(_)) if !was_unknown => {
            Some((Level::Warn, format!("{}; the address stays, and it is tried again", unknown_in_words(why))))
        }
        (None, _) if was_unknown => Some((Level::Info, "its name can be looked up again".to_owned())),
        (None, None) if before.and_then(|before| before.all_asked) != report.all_asked => {
            let text = report.all_asked.map(all_asked_in_words);
            text.map(|text| (Level::Warn, format!("{text}; it is looked up again for others")))
        }
        _ => None,
    };
    let address = before.and_then(|before| before.address).filter(|before| Some(*before) != report.address);
    let address = address.map(|before| (Level::Info, format!("it is asked at another address, no longer at {before}")));
    let state = |report: &NtpReport| (report.state, report.address);
    let answers = match (report.address, report.state) {
        _ if before.map(state) == Some(state(report)) => None,
        (Some(_), ClientState::Reachable) => Some((Level::Info, "it answers".to_owned())),
        (Some(_), ClientState::Denied) => Some((Level::Warn, "it refuses us".to_owned())),
        (Some(_), ClientState::Waiting) if before.is_some_and(|before| before.state == ClientState::Reachable) => {
            Some((Level::Warn, "it does not answer any more".to_owned()))
        }
        _ => None,
    };
    [name, address, answers]
}

/// Whether a server says that its time is its own clock's.
fn is_local(info: &SourceInfo) -> bool {
    info.reference_id == [127, 127, 1, 1] || &info.reference_id == b"LOCL"
}

const fn state_word(state: ClientState) -> &'static str {
    match state {
        ClientState::Offline => "offline",
        ClientState::Waiting => "waiting",
        ClientState::Reachable => "reachable",
        ClientState::Denied => "denied",
    }
}

/// Who stamps, and whose stamps these are or why they are not the card's.
fn stamps_of(stamping: ClientStamping) -> (&'static str, String) {
    match stamping {
        ClientStamping::Card(phc) => ("hardware", format!("of /dev/ptp{phc}")),
        ClientStamping::Kernel(why) => ("software", why.reason().to_owned()),
    }
}

/// At stratum 1, and in a kiss, a reference ID is up to four letters; else the address of whom the server follows, or a hash of it.
fn reference_in_words(info: &SourceInfo) -> String {
    let [a, b, c, d] = info.reference_id;
    if let Some(ahead) = smear_of(info.reference_id).filter(|_| info.stratum > 1) {
        return format!("a smeared leap second ({:+.3} s)", ahead.as_secs_f64());
    }
    if info.stratum > 1 || info.reference_id.iter().any(|byte| !byte.is_ascii_graphic() && *byte != 0) {
        return format!("{a}.{b}.{c}.{d}");
    }
    String::from_utf8_lossy(&info.reference_id).trim_end_matches('\0').to_owned()
}

fn refusal_status(refusal: &Refusal) -> RefusalStatus {
    let said = refusal.said;
    RefusalStatus {
        reason: refusal.reason.name().to_owned(),
        leap: leap_word(said.leap).unwrap_or("unknown").to_owned(),
        stratum: said.stratum,
        reference_id: reference_in_words(&said),
        root_delay_s: said.root_delay.as_secs_f64(),
        root_dispersion_s: said.root_dispersion.as_secs_f64(),
    }
}

const fn kind_word(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Ptp => "ptp",
        SourceKind::Ntp => "ntp",
        SourceKind::Refclock | SourceKind::Pulse => "refclock",
    }
}

#[cfg(test)]
mod tests;
