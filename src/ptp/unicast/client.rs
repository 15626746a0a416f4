//! The side that asks: contracts with the masters of a table (IEEE 1588-2019 16.1).
//!
//! Each master is asked for Announce, always: the one that takes over must be known before it is needed. The one that the
//! port follows is asked for Sync and Delay_Resp too. Three things end a contract that is wanted: its time, a master that
//! cancels it, and a master that has forgotten it, which is how one looks that was restarted. The last is the reason to
//! watch what comes, and not only what was granted: otherwise a master that was back in a second would be missed for
//! the rest of the contract.
//!
//! What a master sends that nobody asked for is not used, and answered with a cancellation: at most once a second, or a
//! forged address could make us send as much as the forger does.

use super::fitness::Fitness;
use super::signal::{SignalConfig, SignalFail, SignalFails};
use super::told::UnicastMasterStatus;
use super::{ANYBODY, Address, ContractsOf, Effect, HEEDED_MAX, Service, Signaling, UNICAST_MASTERS_MAX};
use crate::coding::Coded;
use crate::engine::Sink;
use crate::ptp::counters::{Counter, count};
use crate::time::{Duration, LogInterval, Mono, Timestamp};
use crate::wire::ptp::{
    CancelUnicast, Extension, GrantUnicast, Header, Message, MessageType, PortIdentity, RequestUnicast, Sender,
};

/// How long the first request waits for its answer ([`UNICAST_LOG_QUERY_INTERVAL`](super::UNICAST_LOG_QUERY_INTERVAL)); twice as long each further one, but no longer than the last.
const QUERY_FIRST: Duration = Duration::SECOND;
const QUERY_LAST: Duration = Duration::from_secs(16);
/// A contract is renewed when this part of it is over, and so many requests in all have room in the rest.
const RENEW_AFTER: i64 = 2;
const RENEWALS: i64 = 3;
/// A master that sends nothing for so many intervals, and at least for so long, has forgotten the contract.
const SILENT_INTERVALS: i64 = 5;
const SILENT_MIN: Duration = Duration::from_secs(2);
/// And one that does not answer more requests than this for as long sends no Delay_Resp.
const UNANSWERED_MAX: u8 = 5;
/// How often what is unwanted is cancelled.
const COMPLAINT_EVERY: Duration = Duration::SECOND;

/// Whom a port asks, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub struct UnicastClientConfig {
    /// The masters; none at all: the port hears the group.
    pub masters: [Option<Address>; UNICAST_MASTERS_MAX],
    /// For how many seconds each message is asked for: durationField (16.1.4.1), 10 ..= 1,000.
    pub duration_s: u32,
    /// How often Announce, Sync and Delay_Resp are asked for: logInterMessagePeriod (16.1.4.1), -7 ..= 4.
    pub intervals: [LogInterval; 3],
    /// For so long a master that has failed is not followed where there is another: waitToRestore (ITU-T G.8265.1).
    pub wait_to_restore: Duration,
    /// When a master is left since its signal fails; `None`: not before it has failed some times (ITU-T G.8265.1: packet timing signal fail).
    pub signal: Option<SignalConfig>,
}

impl UnicastClientConfig {
    /// Nobody is asked. The rest is the standard's: 300 s, an Announce each 2 s, one Sync and one Delay_Resp a second.
    pub const NOBODY: Self = Self {
        masters: [None; UNICAST_MASTERS_MAX],
        duration_s: 300,
        intervals: [LogInterval::new(1), LogInterval::new(0), LogInterval::new(0)],
        wait_to_restore: Duration::from_secs(16),
        signal: None,
    };
}

/// A contract as the master has granted it.
#[derive(Clone, Copy, Debug, Coded)]
struct Granted {
    until: Timestamp<Mono>,
    duration: Duration,
    interval: LogInterval,
    heard_at: Timestamp<Mono>,
}

impl Granted {
    /// From when on the master has forgotten it. Delay_Resp come when they are asked for, and a master forgets all or none.
    fn forgotten_at(&self, service: Service) -> Option<Timestamp<Mono>> {
        (service != Service::DelayResp).then(|| self.heard_at + self.silence())
    }

    /// So long after the last one more must have come.
    fn silence(&self) -> Duration {
        self.interval.duration().times(SILENT_INTERVALS).max(SILENT_MIN)
    }
}

/// One message of one master's.
#[derive(Clone, Copy, Debug, Coded)]
struct Contract {
    is_wanted: bool,
    /// A request is on its way.
    is_asked: bool,
    /// When the next request is sent, if it is wanted.
    ask_at: Timestamp<Mono>,
    /// Requests since the last one that was granted.
    tries: u8,
    granted: Option<Granted>,
    /// When what is unwanted may be cancelled next.
    complain_at: Timestamp<Mono>,
}

impl Contract {
    const NONE: Self = Self {
        is_wanted: false,
        is_asked: false,
        ask_at: Timestamp::EPOCH,
        tries: 0,
        granted: None,
        complain_at: Timestamp::EPOCH,
    };

    fn want(&mut self, now: Timestamp<Mono>) {
        if !self.is_wanted {
            *self = Self { is_wanted: true, ask_at: now, ..*self };
        }
    }

    fn deadline(&self, service: Service) -> Option<Timestamp<Mono>> {
        if !self.is_wanted {
            return None;
        }
        let Some(granted) = &self.granted else { return Some(self.ask_at) };
        Some(self.ask_at.min(granted.until).min(granted.forgotten_at(service).unwrap_or(granted.until)))
    }

    /// A request leaves now.
    fn ask(&mut self, now: Timestamp<Mono>) {
        self.is_asked = true;
        let wait = match &self.granted {
            Some(granted) => part(part(granted.duration, RENEW_AFTER), RENEWALS).max(QUERY_FIRST),
            None => QUERY_FIRST.times(1 << self.tries.min(16)).min(QUERY_LAST),
        };
        self.ask_at = now + wait;
        self.tries = self.tries.saturating_add(1);
    }

    /// It is over before its time: another try follows soon.
    fn lose(&mut self, now: Timestamp<Mono>) {
        self.granted = None;
        self.is_asked = false;
        self.tries = 0;
        self.ask_at = now;
    }
}

/// The n-th part of a time.
const fn part(of: Duration, n: i64) -> Duration {
    Duration::from_ticks(of.ticks() / n as i128)
}

/// One line of the table.
#[derive(Clone, Copy, Debug, Coded)]
struct Master {
    address: Address,
    /// Who was there last, by its own word.
    identity: Option<PortIdentity>,
    sequence_id: u16,
    contracts: [Contract; 3],
    fitness: Fitness,
    /// Delay_Req since the last answer, and when the first of them left.
    unanswered: (u8, Timestamp<Mono>),
}

impl Master {
    fn contract(&mut self, service: Service) -> &mut Contract {
        &mut self.contracts[service as usize]
    }

    /// What is due now: contracts that have ended, and requests. Whether it is to be followed no more where there is another.
    fn tick(
        &mut self,
        now: Timestamp<Mono>,
        config: &UnicastClientConfig,
        sender: &Sender,
        out: &mut impl Sink<Effect>,
    ) -> bool {
        self.review(now, config, out);
        let counts_at = self.counts_at(config);
        let has_failed = counts_at.is_some_and(|at| at <= now);
        if has_failed {
            self.fitness.is_missing(now, config.wait_to_restore);
            count(out, Counter::UnicastUnfit);
        }
        let mut message = Signaling::new(sender, ANYBODY, self.address, &mut self.sequence_id);
        for (service, contract) in Service::ALL.into_iter().zip(&mut self.contracts) {
            if contract.is_wanted && contract.ask_at <= now {
                if service != Service::Announce
                    && contract.granted.is_none()
                    && self.fitness.tried(now, service, config.wait_to_restore)
                {
                    count(out, Counter::UnicastUnfit);
                }
                contract.ask(now);
                let request = RequestUnicast {
                    message_type: service.message_type(),
                    log_inter_message_period: config.intervals[service as usize],
                    duration_s: config.duration_s,
                };
                message.add(&Extension::RequestUnicast(request), out);
            }
        }
        message.send(out);
        has_failed
    }

    /// When what does not come counts against it, where that is the rule.
    fn counts_at(&self, config: &UnicastClientConfig) -> Option<Timestamp<Mono>> {
        self.fitness.counts_at(config.signal?.hold_off)
    }

    /// Whether contracts are over, or forgotten.
    fn review(&mut self, now: Timestamp<Mono>, config: &UnicastClientConfig, out: &mut impl Sink<Effect>) {
        let mut has_forgotten = false;
        for (service, contract) in Service::ALL.into_iter().zip(&mut self.contracts) {
            let Some(granted) = contract.granted else { continue };
            if now >= granted.until {
                count(out, Counter::UnicastExpired);
                contract.lose(now);
            } else if contract.is_wanted && granted.forgotten_at(service).is_some_and(|at| now >= at) {
                count(out, Counter::UnicastForgotten);
                contract.lose(now);
                has_forgotten |= service == Service::Sync;
                // One that is not followed is missed too, where its signal is judged.
                if service == Service::Announce && config.signal.is_some() && self.fitness.fell_silent() {
                    count(out, Counter::SignalLossAnnounce);
                }
            }
        }
        if has_forgotten {
            if self.fitness.misses(now, Service::Sync) {
                count(out, Counter::SignalLossSync);
            }
            if self.fitness.tried(now, Service::Sync, config.wait_to_restore) {
                count(out, Counter::UnicastUnfit);
            }
            self.contract(Service::DelayResp).lose(now);
        }
    }

    /// What it was asked for and nobody wants any more.
    fn cancel(&mut self, now: Timestamp<Mono>, services: &[Service], sender: &Sender, out: &mut impl Sink<Effect>) {
        let target = self.identity.unwrap_or(ANYBODY);
        let mut message = Signaling::new(sender, target, self.address, &mut self.sequence_id);
        for service in services {
            let contract = &mut self.contracts[*service as usize];
            contract.complain_at = now + COMPLAINT_EVERY;
            message.add(&Extension::CancelUnicast(cancellation(*service)), out);
        }
        message.send(out);
    }

    /// Something came that is not wanted.
    fn complain(&mut self, now: Timestamp<Mono>, service: Service, sender: &Sender, out: &mut impl Sink<Effect>) {
        count(out, Counter::UnicastUnwanted);
        if now >= self.contract(service).complain_at {
            self.cancel(now, &[service], sender, out);
        }
    }
}

/// By whom has asked for the message: what it grants itself stays.
const fn cancellation(service: Service) -> CancelUnicast {
    CancelUnicast { message_type: service.message_type(), maintain_request: false, maintain_grant: true }
}

/// See the module's text.
#[derive(Clone, Debug, Coded)]
pub struct Client {
    config: UnicastClientConfig,
    sender: Sender,
    masters: [Option<Master>; UNICAST_MASTERS_MAX],
    /// Whom the port follows.
    followed: Option<PortIdentity>,
}

impl Client {
    /// `None` without a master to ask.
    pub fn new(config: UnicastClientConfig, sender: Sender) -> Option<Self> {
        let master = |address| Master {
            address,
            identity: None,
            sequence_id: 0,
            contracts: [Contract::NONE; 3],
            fitness: Fitness::default(),
            unanswered: (0, Timestamp::EPOCH),
        };
        let masters = config.masters.map(|address| address.map(master));
        masters.iter().any(Option::is_some).then_some(Self { config, sender, masters, followed: None })
    }

    /// Messages can pass: everybody is asked for Announce.
    pub fn start(&mut self, now: Timestamp<Mono>) {
        for master in self.masters.iter_mut().flatten() {
            master.contract(Service::Announce).want(now);
        }
    }

    /// No message can pass, and nobody can be told: what was granted is forgotten.
    pub fn stop(&mut self) {
        self.followed = None;
        for master in self.masters.iter_mut().flatten() {
            master.contracts = [Contract::NONE; 3];
        }
    }

    /// The port follows this one from now on, or nobody.
    pub fn follow(&mut self, now: Timestamp<Mono>, parent: Option<PortIdentity>, out: &mut impl Sink<Effect>) {
        if parent == self.followed {
            return;
        }
        self.followed = parent;
        let mut is_found = false;
        for master in self.masters.iter_mut().flatten() {
            // One that has two places in the table is asked at the first.
            let is_followed = parent.is_some() && master.identity == parent && !is_found;
            is_found |= is_followed;
            if is_followed {
                master.fitness.begins();
                master.unanswered.0 = 0;
            }
            let mut unwanted = [Service::Sync; 2];
            let mut count = 0;
            for service in [Service::Sync, Service::DelayResp] {
                let contract = master.contract(service);
                if is_followed {
                    contract.want(now);
                } else if contract.is_wanted {
                    if contract.is_asked || contract.granted.is_some() {
                        unwanted[count] = service;
                        count += 1;
                    }
                    *contract = Contract::NONE;
                }
            }
            master.cancel(now, &unwanted[..count], &self.sender, out);
        }
    }

    /// This one is not heard any more: it may have forgotten us, and is asked again.
    pub fn silent(&mut self, now: Timestamp<Mono>, identity: PortIdentity, out: &mut impl Sink<Effect>) {
        for master in self.masters.iter_mut().flatten().filter(|master| master.identity == Some(identity)) {
            if master.fitness.fell_silent() {
                count(out, Counter::SignalLossAnnounce);
            }
            let contract = master.contract(Service::Announce);
            // A master that does not answer either is asked ever more rarely.
            if contract.granted.is_some() {
                contract.lose(now);
            }
        }
    }

    /// This one says of itself that it is not to be followed.
    pub fn unusable(&mut self, now: Timestamp<Mono>, identity: PortIdentity) {
        for master in self.masters.iter_mut().flatten().filter(|master| master.identity == Some(identity)) {
            master.fitness.failed(now, self.config.wait_to_restore);
        }
    }

    /// A Delay_Req leaves to the one that is followed: it may be one too many that gets no answer.
    pub fn requests_delay(&mut self, now: Timestamp<Mono>, out: &mut impl Sink<Effect>) {
        let Some(followed) = self.followed else { return };
        for master in self.masters.iter_mut().flatten().filter(|master| master.identity == Some(followed)) {
            let Some(granted) = master.contracts[Service::DelayResp as usize].granted else { continue };
            let (count_of, since) = &mut master.unanswered;
            if *count_of == 0 {
                *since = now;
            }
            *count_of = count_of.saturating_add(1);
            if *count_of > UNANSWERED_MAX
                && now - *since >= granted.silence()
                && master.fitness.misses(now, Service::DelayResp)
            {
                count(out, Counter::SignalLossSync);
            }
        }
    }

    /// How the delay of the Sync of the one that is followed was found; whether it is to be followed no more where there is another.
    pub fn judged(&mut self, now: Timestamp<Mono>, is_usable: bool, out: &mut impl Sink<Effect>) -> bool {
        let Self { masters, config, followed, .. } = self;
        let Some(followed) = *followed else { return false };
        for master in masters.iter_mut().flatten().filter(|master| master.identity == Some(followed)) {
            if master.fitness.judged(now, is_usable, config.wait_to_restore) {
                count(out, Counter::SignalUnusable);
            }
        }
        !is_usable
    }

    /// So long a quality level that became worse does not count; `None`: it does at once.
    pub fn hold_off(&self) -> Option<Duration> {
        self.config.signal.map(|signal| signal.hold_off).filter(|hold_off| *hold_off > Duration::ZERO)
    }

    /// What of the signal of each master fails, who it is, whether it is followed, and how long it waits to be restored.
    pub fn signals(&self, now: Timestamp<Mono>) -> impl Iterator<Item = UnicastMasterStatus> + '_ {
        self.masters.iter().flatten().map(move |master| {
            let is_followed = master.identity.is_some() && master.identity == self.followed;
            let restores_in = master.fitness.restores_in(now);
            let fails = master.fitness.fails();
            // What was seen of one that may be followed again, and is not, is over.
            let is_seen = is_followed || restores_in.is_some();
            let only_silent = SignalFails::NONE.with(SignalFail::LossAnnounce, fails.has(SignalFail::LossAnnounce));
            UnicastMasterStatus {
                address: master.address,
                identity: master.identity,
                clock_class: None,
                is_followed,
                fails: if is_seen { fails } else { only_silent },
                restores_in,
                delay_variation: None,
            }
        })
    }

    /// Whether it may be followed where there are others.
    pub fn is_fit(&self, now: Timestamp<Mono>, identity: PortIdentity) -> bool {
        let mut places = self.masters.iter().flatten().filter(|master| master.identity == Some(identity));
        places.all(|master| master.fitness.is_fit(now))
    }

    /// Its place in the table, from 0.
    pub fn place(&self, identity: PortIdentity) -> Option<u8> {
        let is_its = |master: &Option<Master>| master.is_some_and(|master| master.identity == Some(identity));
        self.masters.iter().position(is_its).map(|place| place as u8)
    }

    /// Whether this is one of the table.
    pub fn knows(&self, address: Address) -> bool {
        self.masters.iter().flatten().any(|master| master.address == address)
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Timestamp<Mono>> {
        let of = |master: &Master| {
            Service::ALL
                .into_iter()
                .zip(&master.contracts)
                .filter_map(|(service, contract)| contract.deadline(service))
                .chain(master.counts_at(&self.config))
                .min()
        };
        self.masters.iter().flatten().filter_map(of).min()
    }

    /// Sends what is due, and ends what is over; whether somebody is to be followed no more where there is another.
    pub fn tick(&mut self, now: Timestamp<Mono>, out: &mut impl Sink<Effect>) -> bool {
        let mut has_failed = false;
        for master in self.masters.iter_mut().flatten() {
            has_failed |= master.tick(now, &self.config, &self.sender, out);
        }
        has_failed
    }

    fn followed(&self) -> Option<&Master> {
        let followed = self.followed?;
        self.masters.iter().flatten().find(|master| master.identity == Some(followed))
    }

    /// The interval that the one who is followed has granted; `None` without a contract.
    pub fn granted(&self, service: Service) -> Option<LogInterval> {
        self.followed()?.contracts[service as usize].granted.map(|granted| granted.interval)
    }

    /// What each master of the table has granted, and until when.
    pub fn granted_by_masters(&self) -> impl Iterator<Item = ContractsOf<Timestamp<Mono>>> + '_ {
        self.masters.iter().flatten().map(|master| {
            let of = |contract: Contract| contract.granted.map(|granted| (granted.interval, granted.until));
            (master.address, master.contracts.map(of))
        })
    }

    /// Where Delay_Req go; `None` while nobody would answer.
    pub fn delay_req_to(&self) -> Option<Address> {
        self.followed()
            .filter(|master| master.contracts[Service::DelayResp as usize].granted.is_some())
            .map(|m| m.address)
    }

    /// Whether an Announce, Sync, Follow_Up or Delay_Resp is one that was asked for, by whom it should come.
    pub fn admit(
        &mut self,
        now: Timestamp<Mono>,
        header: &Header,
        from: Option<Address>,
        out: &mut impl Sink<Effect>,
    ) -> bool {
        let Self { masters, sender, config, .. } = self;
        let master = masters.iter_mut().flatten().find(|master| Some(master.address) == from);
        let Some(master) = master else {
            count(out, Counter::UnicastStranger);
            return false;
        };
        if !header.flags.unicast() {
            count(out, Counter::UnicastUnwanted);
            return false;
        }
        let service = match header.message_type {
            MessageType::FollowUp => Service::Sync,
            of => match Service::of(of) {
                Some(service) => service,
                None => return true,
            },
        };
        if !master.contract(service).is_wanted {
            master.complain(now, service, sender, out);
            return false;
        }
        let identity = *master.identity.get_or_insert(header.source_port_identity);
        if identity != header.source_port_identity {
            count(out, Counter::UnicastStranger);
            return false;
        }
        if header.message_type == MessageType::FollowUp {
            // By another port than Sync, and without it worth nothing.
            return true;
        }
        if let Some(granted) = &mut master.contract(service).granted {
            granted.heard_at = now;
        }
        match service {
            Service::Announce => master.fitness.announced(now, config.wait_to_restore),
            Service::Sync | Service::DelayResp => master.fitness.served(service),
        }
        if service == Service::DelayResp {
            master.unanswered.0 = 0;
        }
        true
    }

    /// The interval at which a master has granted its Announce.
    pub fn announce_interval(&self, identity: PortIdentity) -> Option<LogInterval> {
        let master = self.masters.iter().flatten().find(|master| master.identity == Some(identity))?;
        master.contracts[Service::Announce as usize].granted.map(|granted| granted.interval)
    }

    /// A Signaling message: what a master grants, refuses or cancels. What others want of us, and what is malformed, is passed over.
    pub fn signaling(
        &mut self,
        now: Timestamp<Mono>,
        message: &Message<'_>,
        from: Option<Address>,
        out: &mut impl Sink<Effect>,
    ) {
        let Self { masters, sender, config, followed } = self;
        let Some(master) = masters.iter_mut().flatten().find(|master| Some(master.address) == from) else {
            return count(out, Counter::UnicastStranger);
        };
        let source = message.header.source_port_identity;
        for tlv in message.tlvs.iter().take(HEEDED_MAX) {
            match tlv.extension() {
                Ok(Extension::GrantUnicast(grant)) => {
                    let is_another = master.granted(now, grant, source, config.duration_s, out);
                    if is_another {
                        // Somebody else is there now: what the one before has granted is worth nothing.
                        if followed.is_some() && *followed == master.identity {
                            *followed = None;
                        }
                        master.identity = Some(source);
                        master.fitness = Fitness::default();
                    }
                }
                Ok(Extension::CancelUnicast(cancel)) if !cancel.maintain_grant => {
                    let Some(service) = Service::of(cancel.message_type) else { continue };
                    if master.identity != Some(source) {
                        count(out, Counter::UnicastStranger);
                        continue;
                    }
                    let contract = master.contract(service);
                    if contract.granted.is_some() {
                        count(out, Counter::UnicastCancelled);
                        contract.lose(now + QUERY_FIRST);
                    }
                    let mut answer = Signaling::new(sender, source, master.address, &mut master.sequence_id);
                    answer.add(&Extension::AcknowledgeCancelUnicast(cancel), out);
                    answer.send(out);
                }
                _ => {}
            }
        }
    }
}

impl Master {
    /// A grant or a refusal; whether it is by another port than the contracts before.
    fn granted(
        &mut self,
        now: Timestamp<Mono>,
        grant: GrantUnicast,
        source: PortIdentity,
        duration_s: u32,
        out: &mut impl Sink<Effect>,
    ) -> bool {
        let contract = Service::of(grant.message_type).map(|service| self.contract(service));
        let Some(contract) = contract.filter(|contract| contract.is_wanted && contract.is_asked) else {
            count(out, Counter::UnicastUnwanted);
            return false;
        };
        contract.is_asked = false;
        // What was granted before a renewal that is refused holds to its end, and the next request is planned already.
        let interval = grant.log_inter_message_period.clamped();
        let Some(interval) = interval.filter(|_| grant.duration_s > 0) else {
            count(out, Counter::UnicastDenied);
            return false;
        };
        count(out, Counter::UnicastGranted);
        let duration = Duration::from_secs(i64::from(grant.duration_s.min(duration_s)));
        contract.granted = Some(Granted { until: now + duration, duration, interval, heard_at: now });
        contract.tries = 0;
        contract.ask_at = now + part(duration, RENEW_AFTER);
        if grant.message_type == MessageType::DelayResp {
            // They come when they are asked for, which may be rarely.
            self.fitness.granted(Service::DelayResp);
        }
        if self.identity.is_none_or(|identity| identity == source) {
            self.identity = Some(source);
            return false;
        }
        let granted = Service::of(grant.message_type);
        for (service, contract) in Service::ALL.into_iter().zip(&mut self.contracts) {
            if Some(service) != granted && contract.granted.is_some() {
                contract.lose(now);
            }
        }
        true
    }
}
