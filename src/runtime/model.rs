//! What the control thread knows, put together from what the timing threads told it.

use super::events::{Event, PortReport};
use super::host::Host;
use super::phcs::words;
use super::rivals::{Rival, as_lacks};
use crate::clock::{ArbPolicy, CascadeNotice, LOCK_LIMIT_HARDWARE, LOCK_LIMIT_NTP, LOCK_LIMIT_SOFTWARE, UtcDispute};
use crate::config::{Config, PtpConfig, PtpTransport};
use crate::discipline::{Notice, SavedOscillator, StateEvent};
use crate::net::{StampWaits, Stamping, StampingChange};
use crate::observe::event::CLOCK_SET;
use crate::observe::history::History;
use crate::observe::status::{
    BoundPartsStatus, ClockKind, ClockStatus, GrandmasterChangeStatus, HEARD_ANNOUNCE, HEARD_OTHER_DOMAIN,
    HoldoverStatus, NOT_QUALIFIED, PortStatus, SCHEMA, bound_s,
};
use crate::observe::{Change, EventKind, Events, Level, Status, Topic, rfc3339};
use crate::ptp::{Announcement, Counter, ParentInfo, PortState, RefusedMaster, Role, StateReason, UnicastMasterStatus};
use crate::sharing::{Counters, LIMITS, SNAPSHOT_AGE_MAX, TimeSnapshot};
use crate::time::{ClockId, Duration, Local, LogInterval, Mono, StampSource, SyncState, TaiUtc, Timestamp};
use crate::wire::ptp::ClockIdentity;
pub use management::Moment;
pub use sources::SourcesModel;

use neighbor::{
    announced_status, grandmaster_status, metadata_status, neighbor_status, neighbor_trouble, path_in_words,
    power_status,
};
use notice::{notice_change, notice_text};
use others::{foreign_text, kernel_leap_text, suspected};
use phcs::PhcsModel;
use reason::{StampWatch, SystemTrouble, reason_of, vmclock_text};
use unicast::unicast_status;
use utc::{leap_word, named_of, ruling_text, timescale_text};
use waits::waits_status;

mod management;
mod neighbor;
mod notice;
mod others;
mod past;
mod phcs;
mod reason;
mod refclocks;
mod sources;
mod unicast;
mod utc;
mod waits;

/// One PTP port, as the control thread knows it.
#[derive(Debug)]
pub struct PortModel {
    /// Its row of the configuration.
    pub config: PtpConfig,
    counters: Counters<Counter>,
    /// How late its transmit stamps come.
    pub waits: StampWaits,
    state: PortState,
    state_reason: Option<StateReason>,
    stamp_watch: StampWatch,
    parent: Option<ParentInfo>,
    /// The last grandmaster, also while there is none.
    last_grandmaster: Option<ClockIdentity>,
    /// When it was another one than before, and which.
    grandmaster_change: Option<(Timestamp<Mono>, ClockIdentity)>,
    report: Option<PortReport>,
    masters_asked: Vec<UnicastMasterStatus>,
    /// Why the port does not run, if it does not.
    pub waiting_for: Option<String>,
    /// Our number of the PHC that stamps for it.
    pub phc: Option<u8>,
    stamping: Option<Stamping>,
    /// The card writes its time into Sync.
    one_step: bool,
    change: Option<StampingChange>,
    /// Why the card may not do what it was told, if the control thread has seen it.
    card_trouble: Option<String>,
    syncs: (u64, Timestamp<Mono>),
    sync_interval: Option<LogInterval>,
}

impl PortModel {
    /// A port that does not run yet.
    pub fn new(config: PtpConfig, counters: Counters<Counter>) -> Self {
        Self {
            config,
            counters,
            waits: StampWaits::default(),
            state: PortState::Initializing,
            state_reason: None,
            stamp_watch: StampWatch::default(),
            parent: None,
            last_grandmaster: None,
            grandmaster_change: None,
            report: None,
            masters_asked: Vec::new(),
            waiting_for: None,
            phc: None,
            stamping: None,
            one_step: false,
            change: None,
            card_trouble: None,
            syncs: (0, Timestamp::EPOCH),
            sync_interval: None,
        }
    }

    /// What the port was configured as.
    pub fn config(&self) -> &PtpConfig {
        &self.config
    }

    /// What its engine counts.
    pub fn counters(&self) -> Counters<Counter> {
        self.counters.clone()
    }

    /// The port's thread runs, with these stamps.
    pub fn started(&mut self, stamping: Stamping, one_step: bool) {
        (self.stamping, self.one_step) = (Some(stamping), one_step);
        (self.change, self.card_trouble) = (None, None);
    }

    /// Somebody else changes what the card stamps.
    pub fn card_is_disturbed(&mut self, trouble: String) {
        self.card_trouble = Some(trouble);
    }

    /// The port's thread has ended.
    pub fn ended(&mut self) {
        self.stamping = None;
        self.change = None;
        self.phc = None;
        self.state = PortState::Initializing;
        self.state_reason = None;
        self.parent = None;
        self.report = None;
        self.masters_asked.clear();
    }

    fn status(&self, now: Timestamp<Mono>, snapshot: &TimeSnapshot, phcs: &PhcsModel) -> PortStatus {
        let parent = self.parent.as_ref();
        let delay = phcs.mean_path_delay(self.phc).unwrap_or(snapshot.mean_path_delay);
        PortStatus {
            interface: self.config.interface.clone(),
            role: self.config.role.word().to_owned(),
            port_state: self.state.to_string(),
            domain: self.config.domain,
            sdo_id: self.config.sdo_id,
            identity: self.report.map(|report| report.identity.to_string()),
            transport: self.config.transport.word().to_owned(),
            timestamps: self.stamping.as_ref().map(|_| self.timestamps().0.to_owned()),
            timestamps_reason: self.stamping.as_ref().and_then(|_| self.timestamps().1),
            phc: self.phc().map(|index| format!("/dev/ptp{index}")),
            parent: parent.map(|parent| parent.port.to_string()),
            grandmaster: parent.map(grandmaster_status),
            announces: self.report.and_then(|report| report.announces).map(|announced| announced_status(&announced)),
            path: self.report.map(|report| path_in_words(report.path)).unwrap_or_default(),
            power: self.report.and_then(|report| report.power).map(power_status),
            metadata: self.report.and_then(|report| report.metadata).map(metadata_status),
            grandmaster_change: self.grandmaster_change.zip(self.last_grandmaster).map(|((at, from), to)| {
                let age_s = (now - at).as_secs_f64().max(0.0);
                GrandmasterChangeStatus { from: from.to_string(), to: to.to_string(), age_s }
            }),
            sync_interval_s: parent.and(self.sync_interval).map(|interval| interval.duration().as_secs_f64()),
            mean_path_delay_s: parent.map(|_| delay.as_secs_f64()),
            neighbor: self.report.and_then(|report| neighbor_status(report.neighbor?, report.is_neighbor_gptp_capable)),
            unicast: self.report.and_then(|report| unicast_status(&report, &self.masters_asked)),
            last_sync_age_s: (self.syncs.0 > 0).then(|| (now - self.syncs.1).as_secs_f64().max(0.0)),
            tx_stamp_waits: waits_status(&self.waits),
            waiting_for: self.waiting_for.clone(),
            heard: self.heard(),
            counters: self.counters.iter().filter(|(_, n)| *n > 0).map(|(k, n)| (name_of(k), n)).collect(),
        }
    }

    /// Whose stamps are used, and why not the card's.
    fn timestamps(&self) -> (&'static str, Option<String>) {
        match (&self.stamping, self.change.and_then(|change| change.missing)) {
            (Some(Stamping::Hardware { .. }), None) => ("hardware", None),
            (_, Some(missing)) => ("software", Some(self.card_trouble.clone().unwrap_or_else(|| missing.to_string()))),
            (Some(Stamping::Software(reason)), None) => ("software", Some(reason.clone())),
            (None, None) => ("software", None),
        }
    }

    /// The kernel's number of the PHC whose stamps are used.
    fn phc(&self) -> Option<u32> {
        match self.stamping {
            Some(Stamping::Hardware { phc_index }) if self.timestamps().0 == "hardware" => Some(phc_index),
            _ => None,
        }
    }

    /// How ARB time is read.
    fn arb_policy(&self) -> ArbPolicy {
        let stamps = if self.timestamps().0 == "hardware" { StampSource::Hardware } else { StampSource::Kernel };
        arb_policy(self.config.arb_timescale).unwrap_or(ArbPolicy::automatic(stamps))
    }

    /// What it hears and does not use, and why.
    pub fn heard(&self) -> Vec<String> {
        let Some(report) = &self.report else { return Vec::new() };
        let followed = self.parent.map(|parent| parent.port);
        let mut heard: Vec<_> = report
            .foreign
            .iter()
            .flatten()
            .filter(|foreign| Some(foreign.data.sender) != followed)
            .map(|foreign| {
                let data = &foreign.data;
                let why = match (foreign.is_qualified, foreign.is_fit) {
                    (false, _) => NOT_QUALIFIED,
                    (true, false) => "it has failed: ptp.wait_to_restore",
                    (true, true) => "not the best",
                };
                format!(
                    "{HEARD_ANNOUNCE}from {} (grandmaster {}, class {}, priority1 {}): {why}",
                    data.sender, data.grandmaster, data.quality.clock_class, data.priority1
                )
            })
            .collect();
        // A master with a fixed role does not ask its neighbour.
        let asks = !(self.config.static_role && self.config.role == Role::Master);
        heard.extend(asks.then(|| neighbor_trouble(report, self.config.gptp_capable)).flatten());
        heard.extend(report.refused_master.map(|refused| match refused {
            RefusedMaster::Grandmaster(clock) => {
                format!("{HEARD_ANNOUNCE}of grandmaster {clock}: it is not among ptp.grandmasters")
            }
            RefusedMaster::Port(port) => format!("{HEARD_ANNOUNCE}from {port}: it is not among ptp.acceptable_masters"),
        }));
        if let Some((domain, sdo_id)) = report.other_domain {
            let (ours, our_sdo_id) = (self.config.domain, self.config.sdo_id);
            heard.push(format!(
                "{HEARD_OTHER_DOMAIN}{domain}, sdoId {sdo_id:#05x}: this port is in domain {ours}, sdoId {our_sdo_id:#05x}"
            ));
        }
        let should_hear = self.config.role == Role::Slave;
        if should_hear && heard.is_empty() && followed.is_none() && self.waiting_for.is_none() {
            let (event, general) = (self.config.event_port, self.config.general_port);
            let where_from = match self.config.transport {
                PtpTransport::Udp4 => {
                    format!("multicast 224.0.1.129, UDP {event}/{general}: firewall, IGMP snooping, VLAN?")
                }
                PtpTransport::Udp6 => {
                    format!("multicast FF0x::181, UDP {event}/{general}: scope, firewall, MLD snooping, VLAN?")
                }
                PtpTransport::Ethernet => {
                    format!("multicast {}, EtherType 88F7: switch, VLAN?", self.config.ethernet_group.address())
                }
            };
            heard.push(format!("nothing: no PTP message has arrived of late ({where_from})"));
        }
        heard
    }
}

fn name_of(counter: Counter) -> String {
    crate::sharing::CounterSet::name(counter).to_owned()
}

/// See the module's text.
#[derive(Debug)]
pub struct Model {
    host: Host,
    started: Timestamp<Mono>,
    /// The ports in the order of the configuration.
    pub ports: Vec<PortModel>,
    /// What happened.
    pub events: Events,
    /// How the clock was of late.
    pub history: History,
    /// What is missing on this machine, and what works without it.
    pub lacks: Vec<String>,
    /// Who else steers.
    pub rivals: Vec<Rival>,
    /// Who may set the system clock, whatever we do to it ourselves.
    pub suspects: Vec<Rival>,
    oscillator: Option<SavedOscillator>,
    steps: u64,
    /// Why the clock is in its state: what comes before the cause, and what after it.
    reason: (&'static str, &'static str),
    trouble: SystemTrouble,
    first_announce: Option<Timestamp<Mono>>,
    /// The port that steers.
    followed: Option<usize>,
    /// The last one that did.
    last_followed: Option<usize>,
    locked_at: Option<Timestamp<Mono>>,
    /// TAI - UTC as it is known, by whom, and which source contradicts that.
    tai_utc: Option<TaiUtc>,
    utc_known_by: &'static str,
    utc_dispute: Option<UtcDispute>,
    /// When a leap second was made.
    leap_made: Option<Timestamp<Mono>>,
    /// Sources and the list of leap seconds do not agree on today's, in words.
    leap_dispute: Option<String>,
    /// What the clock says of itself where it is the grandmaster, if it has ports that may be master.
    announced: Option<Announcement>,
    /// What is done to the system clock.
    kind: ClockKind,
    /// The hardware clocks.
    pub phcs: PhcsModel,
    /// Several sources, where they are judged.
    pub sources: SourcesModel,
}

impl Model {
    /// Nothing is known yet.
    pub fn new(host: Host, started: Timestamp<Mono>, tai_utc: Option<TaiUtc>, kind: ClockKind) -> Self {
        Self {
            host,
            started,
            ports: Vec::new(),
            events: Events::default(),
            history: History::default(),
            lacks: Vec::new(),
            rivals: Vec::new(),
            suspects: Vec::new(),
            oscillator: None,
            steps: 0,
            reason: reason_of(SyncState::NeverSynced, StateEvent::SourceSelected),
            trouble: SystemTrouble::default(),
            first_announce: None,
            followed: None,
            last_followed: None,
            locked_at: None,
            tai_utc,
            utc_known_by: "nobody",
            utc_dispute: None,
            leap_made: None,
            leap_dispute: None,
            announced: None,
            kind,
            phcs: PhcsModel::default(),
            sources: SourcesModel::default(),
        }
    }

    /// What is done to the system clock.
    pub fn kind(&self) -> ClockKind {
        self.kind
    }

    /// What is known of the oscillator, as last told.
    pub fn oscillator(&self) -> Option<SavedOscillator> {
        self.oscillator
    }

    /// Takes in one event, and logs what people should know.
    pub fn take(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>, event: Event) {
        let at = (now, local.read_as());
        match event {
            Event::Clock(CascadeNotice::Utc(news)) => self.utc_news(at, news),
            Event::Clock(notice) if self.sources.hear(&mut self.events, at, &notice) => {}
            Event::Ntp(report) => self.sources.report(&mut self.events, at, report),
            Event::Refclock(report) => self.sources.refclock(&mut self.events, at, report),
            Event::Standing(standing) => self.sources.standing(standing),
            Event::Clock(notice) => {
                match notice {
                    CascadeNotice::Leap(tai_utc, _) => {
                        self.tai_utc = tai_utc.or(self.tai_utc);
                        self.leap_made = Some(now);
                    }
                    CascadeNotice::StoodStill(by) => self.trouble.stood_still(by),
                    CascadeNotice::Disrupted(disruption) => self.trouble.was_disrupted(disruption),
                    _ => {}
                }
                if let Some(notice) = self.phcs.cascade(&mut self.events, at, notice, self.tai_utc) {
                    self.notice(at, notice);
                }
            }
            Event::Phc(report) => self.phcs.report(report),
            Event::CrossingFailed { phc, error } => self.phcs.crossing_failed(&mut self.events, at, phc, error),
            Event::CrossingWorks { phc } => self.phcs.crossing_works(&mut self.events, at, phc),
            Event::CrossingMethod { phc, method, aside } => {
                self.phcs.crossing_method(&mut self.events, at, phc, method, aside);
            }
            Event::Foreign(ClockId::Phc(phc), tampering) => {
                self.phcs.foreign(&mut self.events, at, phc, &tampering, &self.rivals);
            }
            Event::Foreign(_, tampering) => {
                let text = foreign_text(Some(tampering.found), tampering.most(), &self.rivals);
                let change = Change::of(EventKind::Foreign, self.kind.word()).to(tampering.found);
                self.events.record_change(at, (Level::Error, Topic::Clock), change, text, &[]);
            }
            Event::ForeignIsOver(by) => {
                let text = foreign_text(None, by.abs(), &self.rivals);
                let change = Change::of(EventKind::Foreign, self.kind.word());
                self.events.record_change(at, (Level::Error, Topic::Clock), change, text, &[]);
            }
            Event::VouchFailed(error) => {
                let text = format!("the kernel does not take what it is told of its time ({})", words(error));
                let change = Change::of(EventKind::Clock, self.kind.word()).because(words(error));
                self.events.record_change(at, (Level::Error, Topic::Clock), change, text, &[]);
            }
            Event::KernelLeap(leap) => {
                let text = kernel_leap_text(leap, &self.rivals);
                let change = Change::of(EventKind::Leap, "kernel").to(leap_word(leap).unwrap_or("none"));
                self.events.record_change(at, (Level::Warn, Topic::Clock), change, text, &[]);
            }
            Event::VmClock(fault) => {
                let (level, text) = vmclock_text(fault);
                self.events.record(at, level, Topic::Clock, text, &[]);
            }
            Event::Late(by) => {
                let text = format!(
                    "nothing ran here for {by} longer than asked for: this machine stood still, or is very busy; NTP servers are asked at once"
                );
                let change =
                    Change::of(EventKind::Disruption, "machine").to("late").because("it stood still, or is very busy");
                self.events.record_change(
                    at,
                    (Level::Warn, Topic::Clock),
                    change,
                    text,
                    &[("by_s", &by.as_secs_f64())],
                );
            }
            Event::ClockSet { by, to } => {
                let (from, to) = (rfc3339((to - by).read_as()), rfc3339(to.read_as()));
                let how = format!("by {by}, from {from} to {to}");
                let text = format!("{CLOCK_SET} {how}; measuring again; {}", suspected(&self.suspects));
                let who: Vec<_> = self.suspects.iter().map(Rival::to_string).collect();
                self.trouble.was_set(match &who[..] {
                    [] => how,
                    who => format!("{how}, perhaps {}", who.join(" or ")),
                });
                let names = who.join(", ");
                let fields: [(&str, &dyn std::fmt::Display); 4] =
                    [("by_s", &by.as_secs_f64()), ("from", &from), ("to", &to), ("suspects", &names)];
                let change = Change::of(EventKind::ClockSet, self.kind.word()).from_to(&from, &to);
                let change = if who.is_empty() { change } else { change.because(format!("perhaps {names}")) };
                let fields = if who.is_empty() { &fields[..3] } else { &fields };
                self.events.record_change(at, (Level::Warn, Topic::Clock), change, text, fields);
            }
            Event::Oscillator(ClockId::Phc(phc), oscillator) => self.phcs.set_oscillator(phc, &oscillator),
            Event::Oscillator(_, oscillator) => self.oscillator = Some(oscillator),
            Event::PortState { port, from, to, reason } => {
                let Some(model) = self.ports.get_mut(usize::from(port)) else { return };
                model.state = to;
                model.state_reason = Some(reason);
                let interface = model.config.interface.clone();
                let text = format!("port {interface}: {from} -> {to}: {reason}");
                let change = Change::of(EventKind::Port, interface).from_to(from, to).because(reason.to_string());
                self.events.record_change(at, (Level::Info, Topic::Ptp), change, text, &[]);
            }
            Event::Followed { port } => {
                self.followed = port.map(usize::from);
                self.last_followed = self.followed.or(self.last_followed);
            }
            Event::FirstAnnounce(heard) => {
                let first = self.first_announce.map_or(heard, |first| first.min(heard));
                self.first_announce = Some(first);
            }
            Event::SyncInterval { port, interval } => {
                if let Some(model) = self.ports.get_mut(usize::from(port)) {
                    model.sync_interval = Some(interval);
                }
            }
            Event::Announced(announced) => self.announced = Some(announced),
            Event::Parent { port, parent } => self.parent(at, usize::from(port), parent),
            Event::UnicastMaster { port, place, master } => self.signal(at, port, usize::from(place), master),
            Event::Report { port, report } => self.report(now, usize::from(port), &report),
            Event::Refused { thread, what } => {
                let text = format!("thread {thread}: {what}");
                self.events.record(at, Level::Warn, Topic::Daemon, text, &[("thread", &thread)]);
            }
            Event::Stamping { port, change } => self.stamping(at, usize::from(port), change),
            Event::TxTrouble { port, trouble } => {
                let Some(model) = self.ports.get(usize::from(port)) else { return };
                let text = format!("port {}: {trouble}", model.config.interface);
                let change = Change::of(EventKind::Stamps, &*model.config.interface).because(trouble.to_string());
                self.events.record_change(at, (Level::Warn, Topic::Ptp), change, text, &[]);
            }
            // For the control thread to act on; what it finds is told.
            Event::StampsMissing { .. } => {}
            Event::SendFailed { port, errno } => {
                let Some(model) = self.ports.get(usize::from(port)) else { return };
                let error = std::io::Error::from_raw_os_error(errno);
                let text = format!("port {}: sending failed: {error}", model.config.interface);
                self.events.record(at, Level::Warn, Topic::Ptp, text, &[("errno", &errno)]);
            }
        }
    }

    fn stamping(&mut self, at: (Timestamp<Mono>, Timestamp<crate::time::Utc>), port: usize, change: StampingChange) {
        let Some(model) = self.ports.get_mut(port) else { return };
        model.change = Some(change);
        if change.missing.is_none() {
            model.card_trouble = None;
        }
        let interface = model.config.interface.clone();
        let (level, text) = match change.missing {
            Some(missing) => (Level::Warn, format!("port {interface}: software time stamps from now on: {missing}")),
            None => (Level::Info, format!("port {interface}: hardware time stamps again: the card delivers them")),
        };
        let stamps = Change::of(EventKind::Stamps, interface);
        let stamps = match change.missing {
            Some(missing) => stamps.from_to("hardware", "software").because(missing.to_string()),
            None => stamps.from_to("software", "hardware").because("the card delivers them"),
        };
        self.events.record_change(at, (level, Topic::Ptp), stamps, text, &[]);
    }

    fn notice(&mut self, at: (Timestamp<Mono>, Timestamp<crate::time::Utc>), notice: Notice) {
        self.trouble.hear(notice);
        match notice {
            Notice::State { to, why, .. } => {
                self.reason = reason_of(to, why);
                if to == SyncState::Locked {
                    self.locked_at.get_or_insert(at.0);
                }
            }
            Notice::Measured(frequency) => self.oscillator = Some(SavedOscillator::of_frequency(frequency)),
            Notice::Stepped(_) => self.steps += 1,
            _ => {}
        }
        let (level, text) = notice_text(notice);
        let (text, change) = (text + &named_of(notice, self.tai_utc), notice_change(self.kind.word(), notice));
        self.events.record_change(at, (level, Topic::Clock), change, text, &[]);
    }

    fn parent(&mut self, at: (Timestamp<Mono>, Timestamp<crate::time::Utc>), port: usize, parent: Option<ParentInfo>) {
        let Some(model) = self.ports.get_mut(port) else { return };
        let before = model.parent.map(|parent| (parent.port, parent.grandmaster));
        let in_words = |(port, grandmaster)| format!("{port} (grandmaster {grandmaster})");
        model.parent = parent;
        if let Some(parent) = parent
            && let Some(last) = model.last_grandmaster.replace(parent.grandmaster)
            && last != parent.grandmaster
        {
            model.grandmaster_change = Some((at.0, last));
        }
        let interface = model.config.interface.clone();
        if parent.map(|parent| (parent.port, parent.grandmaster)) == before {
            return;
        }
        let text = match parent {
            Some(parent) => format!(
                "port {interface}: follows {} (grandmaster {}, class {})",
                parent.port, parent.grandmaster, parent.quality.clock_class
            ),
            None => format!("port {interface}: has no master"),
        };
        let now = parent.map(|parent| (parent.port, parent.grandmaster));
        let change =
            Change { old: before.map(in_words), new: now.map(in_words), ..Change::of(EventKind::Master, interface) };
        self.events.record_change(at, (Level::Info, Topic::Ptp), change, text, &[]);
    }

    fn report(&mut self, now: Timestamp<Mono>, port: usize, report: &PortReport) {
        let Some(model) = self.ports.get_mut(port) else { return };
        model.state = report.state;
        model.report = Some(*report);
        let counters = &model.counters;
        model.stamp_watch.look(|counter| counters.get(counter));
        let syncs = model.counters.get(Counter::ReceivedSync);
        if syncs != model.syncs.0 {
            model.syncs = (syncs, now);
        }
    }

    /// The figures of now; events, server, threads, truth and rings are filled in by their owners.
    pub fn figures(
        &self,
        config: &Config,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        snapshot: &TimeSnapshot,
    ) -> Status {
        Status {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: self.host.name.clone(),
            pid: std::process::id(),
            uptime_s: (now - self.started).as_secs_f64(),
            generated_at: rfc3339(local.read_as()),
            state: state_of(now, snapshot),
            state_since_s: (now - snapshot.state_since).as_secs_f64().max(0.0),
            reason: self.reason(now, snapshot),
            clock: self.clock_status(config, now, snapshot),
            phcs: self.phcs.statuses(now),
            sources: self.sources.statuses(now),
            ptp: self.ports.iter().map(|port| port.status(now, snapshot, &self.phcs)).collect(),
            lacks: self.lacks.iter().cloned().chain(as_lacks(&self.rivals)).collect(),
            disruption_counts: self.events.disruptions().clone(),
            event_counts: self.events.counts().map(|(kind, count)| (kind.to_owned(), count)).collect(),
            ..Status::default()
        }
    }

    fn followed(&self) -> Option<(&PortModel, &ParentInfo)> {
        let port = self.ports.get(self.followed?)?;
        Some((port, port.parent.as_ref()?))
    }

    /// LOCKED asks for a bound of at most this, by who takes the stamps of the port that steers.
    fn lock_limit(&self, config: &Config) -> Duration {
        let is_hardware = self.phcs.has_hub();
        let automatic = match (self.sources.is_steered_laxly(), is_hardware) {
            (true, _) => LOCK_LIMIT_NTP,
            (false, true) => LOCK_LIMIT_HARDWARE,
            (false, false) => LOCK_LIMIT_SOFTWARE,
        };
        config.clock.lock_limit.unwrap_or(automatic)
    }

    fn clock_status(&self, config: &Config, now: Timestamp<Mono>, snapshot: &TimeSnapshot) -> ClockStatus {
        let age = now - snapshot.anchor_mono;
        let bound = snapshot.bound_after(age);
        let was_measured = snapshot.last_sample.is_some();
        let since_lock = |from: Option<Timestamp<Mono>>| Some((self.locked_at? - from?).as_secs_f64());
        ClockStatus {
            kind: self.kind,
            offset_from_master_s: measured_offset(snapshot).map(Duration::as_secs_f64),
            bound_s: bound_s(bound),
            bound_parts: snapshot
                .is_bounded
                .then(|| BoundPartsStatus::aged(&snapshot.parts, snapshot.growth_after(age))),
            bound_growth_ppb: snapshot.is_bounded.then(|| snapshot.drift_rate.ppb()),
            holdover: holdover_status(snapshot, now),
            frequency_ppb: Some(snapshot.frequency.ppb()),
            oscillator_frequency_ppb: self.oscillator.map(|oscillator| oscillator.frequency.ppb()),
            epoch: snapshot.epoch.0,
            steps: self.steps,
            last_sample_age_s: snapshot.last_sample.map(|last| (now - last).as_secs_f64().max(0.0)),
            lock_time_s: snapshot.lock_time.map(Duration::as_secs_f64),
            lock_time_since_start_s: since_lock(Some(self.started)),
            lock_time_since_first_announce_s: since_lock(self.first_announce),
            lock_limit_s: self.lock_limit(config).as_secs_f64(),
            timescale: self.followed().map(|(port, parent)| {
                let text = timescale_text(port, parent, (self.tai_utc, self.utc_known_by));
                self.utc_dispute.map_or(text.clone(), |dispute| format!("{text}, {}", ruling_text(dispute.ruling)))
            }),
            tai_utc_s: self.tai_utc_in_force().map(|offset| i64::from(offset.0)),
            leap: leap_word(snapshot.leap).map(str::to_owned),
            leap_age_s: self.leap_made.map(|made| (now - made).as_secs_f64().max(0.0)),
            leap_dispute: self.leap_dispute.clone(),
            mean_path_delay_s: was_measured.then(|| snapshot.mean_path_delay.as_secs_f64()),
        }
    }
}

/// How long the clock stays right without its source.
fn holdover_status(snapshot: &TimeSnapshot, now: Timestamp<Mono>) -> Vec<HoldoverStatus> {
    let foretold = LIMITS.iter().zip(snapshot.exceeded_at).filter_map(|(limit, at)| Some((limit, at?)));
    let status = |(limit, at): (&Duration, Timestamp<Mono>)| HoldoverStatus {
        limit_s: limit.as_secs_f64(),
        exceeded_in_s: (at - now).as_secs_f64().max(0.0),
    };
    foretold.map(status).collect()
}

/// The offset from the master, once there was a sample.
fn measured_offset(snapshot: &TimeSnapshot) -> Option<Duration> {
    snapshot.last_sample.map(|_| snapshot.offset_from_master)
}

/// The state that is told.
fn state_of(now: Timestamp<Mono>, snapshot: &TimeSnapshot) -> SyncState {
    if is_silent(now, snapshot) { SyncState::Disrupted } else { snapshot.state }
}

/// The thread that publishes has not done so for too long.
fn is_silent(now: Timestamp<Mono>, snapshot: &TimeSnapshot) -> bool {
    now - snapshot.anchor_mono > SNAPSHOT_AGE_MAX
}

/// The configuration's word as the clock layer's; `None`: by who takes the stamps.
pub fn arb_policy(word: Option<crate::config::ArbTimescale>) -> Option<ArbPolicy> {
    word.map(|word| match word {
        crate::config::ArbTimescale::Utc => ArbPolicy::Utc,
        crate::config::ArbTimescale::Tai => ArbPolicy::Tai,
        crate::config::ArbTimescale::Refuse => ArbPolicy::Refuse,
    })
}
