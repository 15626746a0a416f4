//! One PTP port: packets and stamps in, engine, packets and observations out.
//!
//! It owns its sockets, and nobody else touches them. It goes round on a thread of its own ([`spawn_port`]), or as a guest
//! on that of the discipline. A round reads what the last sleep found ready, runs the engine's
//! timers, and sleeps until a packet, a stamp, a word from the discipline or the next deadline.
//!
//! Stamps are taken when messages pass, not when they are read, so there is no hurry to read. While the port is SLAVE of
//! a two-step master it is not woken by the event socket at all: a Sync says nothing without its Follow_Up, and is
//! read when that has come; the transmit stamp of a Delay_Req is fetched when its answer is there. That is one waking
//! for a Sync and two for a delay measurement, instead of five. Over Ethernet, where the answer is queued with the event
//! messages, it is read with the next Sync, in the order of their arrival: one for each. With the peer delay mechanism there is no such
//! rest: the neighbour waits for answers. And in a calm, where not each Sync is used, it sleeps by the clock alone ([`lull`]).

mod answers;
#[cfg(test)]
mod at_work;
mod crowd;
mod lull;
mod management;
mod outlet;
mod reading;
mod served;

use std::io;
use std::thread::JoinHandle;

use self::answers::Answers;
use self::crowd::Crowd;
use self::lull::Lull;
pub use self::management::{MANAGEMENT_RING, ManagementLinks, ManagementPacket};
use self::outlet::{Effects, Outlet, SENDS_MAX};
pub use self::served::Served;
use super::events::{
    CONTRACTS_REPORTED_MAX, Event, FOREIGN_REPORTED_MAX, MetadataReport, PATH_REPORTED_MAX, PortReport,
};
use super::privileges::ThreadKind;
use super::thread::{Refusal, spawn_timing};
use super::wake::{Ready, Sleeper};
use crate::clock::HostClock;
use crate::config::ThreadConfig;
use crate::engine::{Emit, Engine, Taped};
use crate::net::{Gone, LEDGER_MAX, PtpSockets, Undelivered};
use crate::ptp::{
    Address, Channel, ClockReport, Counter, DataSet, Decision, Effect, Forwarded, Grandmaster, Input, ParentInfo,
    PlainAnswer, Port, TxToken, UnicastMasterStatus,
};
use crate::sharing::{Counters, Flag, Latch, Pulse, RingReader, RingWriter};
use crate::time::{ClockId, Duration, LogInterval, Mono, Observation, Stamp, Timestamp};
use crate::wire::ptp::PathTrace;

/// Messages from a port to the discipline that fit into the ring: two seconds at 128 exchanges a second.
pub const PORT_RING: usize = 512;
/// What of the parent's Announce is handed on, as often as it may change until the discipline has looked.
pub const FORWARDS_RING: usize = 4;
/// Reports from the discipline to a port that fit into the ring.
pub const REPORT_RING: usize = 16;
/// A port goes round at least this often.
const ROUND_MAX: Duration = Duration::SECOND;
/// How often it reports what it sees.
const REPORT_EVERY: Duration = Duration::SECOND;
/// Rounds of one socket before the other gets its turn.
const BATCHES_MAX: usize = 8;
/// The event socket is read at least this often, also where it does not wake us.
const LOOK_EVERY: Duration = Duration::SECOND;
/// A timer of the engine's is not believed before what came until so long ago has been read: it may be an Announce.
const LOOK_BEFORE_TIMERS: Duration = Duration::from_millis(300);
/// A general socket that is ready again so soon holds more than one message: they are taken in batches.
const CROWDED: Duration = Duration::from_micros(200);
/// So many messages of the event socket at one Sync are a crowd, which might fill the socket until the next Sync.
const CROWD: usize = 64;
/// After one the event socket wakes us for so long, like any other.
const CROWDED_FOR: Duration = Duration::SECOND;
/// What arrives so soon after the link went may have been on its way through the kernel, and proves no link.
const LINK_AFTERMATH: Duration = Duration::from_millis(100);
/// Batches of contracts that are served before packets are looked at.
const TICKS_MAX: usize = 16;
/// So long after a send has failed the next failure belongs to the same trouble.
const FAILING_FOR: Duration = Duration::from_secs(60);
/// A socket that polls for an error and has none to show is left alone for so long.
const REST: Duration = Duration::from_millis(10);

/// What a port tells the discipline.
#[derive(Clone, Copy, Debug)]
pub enum PortMessage {
    /// A measurement.
    Observation(Observation),
    /// The parent now.
    Parent(Option<ParentInfo>),
    /// The best master that a port hears which may be slave or master.
    Best(Option<DataSet>),
    /// The parent's Sync interval.
    SyncInterval(LogInterval),
    /// The clock of the port's stamps from now on: said at the start and at each change. No observation with a stamp of
    /// the clock before follows.
    Clock(ClockId),
    /// The halves of measurements in flight were thrown away on the report with this [`ClockReport::epoch`]: observations
    /// that follow are of after that step of the clock.
    Flushed(u32),
}

/// What the discipline tells a port.
#[derive(Clone, Copy, PartialEq, Debug)]
#[expect(clippy::large_enum_variant, reason = "goes through a ring by value, a decision rarely")]
pub enum PortOrder {
    /// What it has done to the clock.
    Clock(ClockReport),
    /// What the port is to be.
    Decision(Decision),
}

/// The two engines that can run on a port thread.
pub trait PtpEngine: for<'a> Engine<Input<'a> = Input<'a>, Effect = Effect> + Send + 'static {
    /// What it sees, for people; `None` for an engine that reports nothing.
    fn report(&self, now: Timestamp<Mono>) -> Option<PortReport>;

    /// The masters that it asks by unicast.
    fn masters_asked(&self, now: Timestamp<Mono>) -> impl Iterator<Item = UnicastMasterStatus>;

    /// Whether event messages want an answer at once.
    fn answers(&self) -> bool {
        true
    }

    /// Whether [`PtpEngine::plain_answer`] may be asked for instead of a step: nobody records the steps.
    fn gives_plain_answers(&mut self) -> bool {
        false
    }

    /// As [`Port::plain_answer`].
    fn plain_answer(&self, _bytes: &[u8], _stamp: Option<Stamp>, _from: Option<Address>) -> Option<PlainAnswer> {
        None
    }
}

impl PtpEngine for Port {
    fn report(&self, now: Timestamp<Mono>) -> Option<PortReport> {
        let mut foreign = [None; FOREIGN_REPORTED_MAX];
        for (place, seen) in foreign.iter_mut().zip(self.foreign_masters(now)) {
            *place = Some(seen);
        }
        let config = self.config();
        let (identity, announces) = (config.port_identity(), self.announcement());
        let (neighbor, refused_master) = (self.neighbor(), self.refused_master(now));
        let mut path = ([None; PATH_REPORTED_MAX], 0);
        for passed in self.forwarded().path().into_iter().flat_map(PathTrace::iter) {
            if let Some(place) = path.0.get_mut(usize::from(path.1)) {
                *place = Some(passed);
            }
            path.1 += 1;
        }
        let (state, delay_req_interval) = (self.state(), self.delay_req_interval());
        let (contracts, mut contracts_with) = (self.unicast_contracts(), [None; CONTRACTS_REPORTED_MAX]);
        for (place, with) in contracts_with.iter_mut().zip(self.contracts(now)) {
            *place = Some(with);
        }
        Some(PortReport {
            identity,
            state,
            announces,
            path,
            power: self.forwarded().power(),
            metadata: self.metadata(now).map(MetadataReport::from),
            refused_master,
            delay_req_interval,
            intervals: self.intervals(),
            foreign,
            other_domain: self.foreign_domain(now),
            neighbor,
            is_neighbor_gptp_capable: self.is_neighbor_gptp_capable(now),
            contracts,
            contracts_with,
        })
    }

    fn masters_asked(&self, now: Timestamp<Mono>) -> impl Iterator<Item = UnicastMasterStatus> {
        self.unicast_masters(now)
    }

    /// The neighbour's Pdelay_Req: what it waits for is in what it measures, times what the clocks part by.
    fn answers(&self) -> bool {
        self.config().peer_delay.is_some()
    }

    fn gives_plain_answers(&mut self) -> bool {
        true
    }

    fn plain_answer(&self, bytes: &[u8], stamp: Option<Stamp>, from: Option<Address>) -> Option<PlainAnswer> {
        Self::plain_answer(self, bytes, stamp, from)
    }
}

impl PtpEngine for Taped<Port> {
    fn report(&self, now: Timestamp<Mono>) -> Option<PortReport> {
        Port::report(self, now)
    }

    fn masters_asked(&self, now: Timestamp<Mono>) -> impl Iterator<Item = UnicastMasterStatus> {
        Port::masters_asked(self, now)
    }

    fn answers(&self) -> bool {
        PtpEngine::answers(&**self)
    }

    fn gives_plain_answers(&mut self) -> bool {
        !self.is_heard()
    }

    fn plain_answer(&self, bytes: &[u8], stamp: Option<Stamp>, from: Option<Address>) -> Option<PlainAnswer> {
        Port::plain_answer(self, bytes, stamp, from)
    }
}

impl PtpEngine for Grandmaster {
    fn report(&self, _: Timestamp<Mono>) -> Option<PortReport> {
        None
    }

    fn masters_asked(&self, _: Timestamp<Mono>) -> impl Iterator<Item = UnicastMasterStatus> {
        std::iter::empty()
    }
}

/// The port's ends of everything that it shares.
#[derive(Debug)]
pub struct PortLinks {
    /// Its row in the configuration.
    pub port: u8,
    /// To the discipline; a grandmaster has none.
    pub to_discipline: Option<RingWriter<PortMessage>>,
    /// To the discipline: what is handed on of the parent's Announce. Of a ring of its own, since it is long and rare.
    pub forwards: Option<RingWriter<Forwarded>>,
    /// From the discipline.
    pub from_discipline: Option<RingReader<PortOrder>>,
    /// What stamps mean, for a port that may be master.
    pub served: Option<Served>,
    /// Management, where it is wanted of this port.
    pub management: Option<ManagementLinks>,
    /// To the control thread.
    pub events: RingWriter<Event>,
    /// What the engine counts.
    pub counters: Counters<Counter>,
    /// Whether the interface has a link, as the control thread sees it.
    pub link: Flag,
}

/// What a port has beside that on a thread of its own.
#[derive(Debug)]
pub struct OwnThread {
    /// A sign of life.
    pub pulse: Pulse,
    /// Asks it to end.
    pub stop: Latch,
    /// What wakes it.
    pub sleeper: Sleeper,
}

/// Starts a thread for a port.
///
/// # Errors
/// The system's, if there can be no more threads.
pub fn spawn_port<E: PtpEngine>(
    name: &'static str,
    config: ThreadConfig,
    mut port: PortLoop<E>,
    own: OwnThread,
) -> io::Result<JoinHandle<()>> {
    spawn_timing(name, ThreadKind::Port, config, move |refused: &[Option<Refusal>; 2]| {
        for what in refused.iter().flatten() {
            port.outlet.links.events.push(Event::Refused { thread: name, what: *what });
        }
        while !own.stop.is_set() {
            let now = HostClock.mono();
            own.pulse.beat(now);
            port.round(now);
            port.sleep(&own.sleeper, now + ROUND_MAX, || false);
        }
    })
}

/// What the engine must still be told: a message is gone, or its send failed.
#[derive(Clone, Copy, Debug)]
enum Told {
    Gone(Gone),
    SendFailed(Option<TxToken>),
}

/// What is remembered of them at once: all stamps that are awaited, and what comes of the sends that they lead to.
const PENDING_MAX: usize = 2 * LEDGER_MAX + SENDS_MAX;

/// A port with its sockets: what goes round.
pub struct PortLoop<E> {
    engine: E,
    outlet: Outlet,
    sockets: PtpSockets,
    clock: HostClock,
    effects: Effects,
    answers: Answers,
    pending: Box<[Option<Told>]>,
    pending_len: usize,
    report_at: Timestamp<Mono>,
    /// When the event socket is read again at the latest.
    look_at: Timestamp<Mono>,
    /// Until then the event socket does not wake us: it polled for nothing.
    rest_until: Timestamp<Mono>,
    /// Until then a crowd is expected in the event socket.
    crowded_until: Timestamp<Mono>,
    /// Of those who ask a master.
    crowd: Crowd,
    lull: Lull,
    /// When the last sleep began.
    slept_at: Timestamp<Mono>,
    /// The round before that found the general socket ready.
    had_general: bool,
    /// When a send last failed.
    failed_at: Option<Timestamp<Mono>>,
    is_up: bool,
    /// When the link went last.
    down_at: Timestamp<Mono>,
    /// What the flag of the link said last.
    had_link: bool,
    /// What the last sleep found on the general and the event socket.
    ready: [Ready; 2],
}

impl<E> std::fmt::Debug for PortLoop<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PortLoop").field("port", &self.outlet.links.port).finish_non_exhaustive()
    }
}

impl<E: PtpEngine> PortLoop<E> {
    /// A port that has not gone round yet.
    pub fn new(engine: E, sockets: PtpSockets, links: PortLinks) -> Self {
        Self {
            engine,
            outlet: Outlet::new(links, sockets.clock()),
            sockets,
            clock: HostClock,
            effects: Effects::default(),
            answers: Answers::default(),
            pending: vec![None; PENDING_MAX].into(),
            pending_len: 0,
            report_at: Timestamp::EPOCH,
            look_at: Timestamp::EPOCH,
            rest_until: Timestamp::EPOCH,
            crowded_until: Timestamp::EPOCH,
            crowd: Crowd::default(),
            lull: Lull::default(),
            slept_at: Timestamp::EPOCH,
            had_general: false,
            failed_at: None,
            is_up: true,
            down_at: Timestamp::EPOCH,
            had_link: true,
            ready: [Ready { readable: true, failed: true }; 2],
        }
    }

    /// Does what there is to do; whether it has told the discipline something that this should look at now.
    pub fn round(&mut self, now: Timestamp<Mono>) -> bool {
        self.outlet.say();
        self.look_at_the_link(now);
        self.look_at_the_time(now);
        self.answers.are_open = self.outlet.is_master() && self.engine.gives_plain_answers();
        let is_lull_over = self.lull.is_over(now);
        let [mut general, event] = std::mem::take(&mut self.ready);
        general.readable |= is_lull_over;
        if event.failed || self.sockets.awaits_stamps() && (general.any() || now >= self.look_at) {
            self.take_stamps(now, event.failed);
        }
        if event.any() || now >= self.look_at {
            self.take_packets(Channel::Event, now);
        }
        // The general socket last: a Follow_Up is worth most when its Sync has been seen.
        let had_general = std::mem::replace(&mut self.had_general, general.any());
        if general.any() {
            self.take_general(now, had_general, is_lull_over);
        }
        while let Some(order) = self.outlet.links.from_discipline.as_mut().and_then(RingReader::pop) {
            match order {
                PortOrder::Decision(decision) => self.step(now, Input::Decision(decision)),
                PortOrder::Clock(report) => {
                    // Whoever manages does not want to wait.
                    self.lull.set_calm(report.calm && self.outlet.links.management.is_none());
                    self.step(now, Input::Clock(report));
                    if report.stepped {
                        self.outlet.flushed(report.epoch);
                    }
                }
            }
        }
        self.send_management();
        if self.engine.deadline().is_none_or(|deadline| deadline <= now) {
            if self.outlet.is_two_step() && now + LOOK_EVERY >= self.look_at + LOOK_BEFORE_TIMERS {
                self.take_packets(Channel::Event, now);
            }
            self.tick(now);
        }
        if self.sockets.deadline().is_some_and(|deadline| deadline <= now) {
            self.take_stamps(now, false);
        }
        self.review(now);
        // Who reads that it follows reads what it follows, too.
        if std::mem::take(&mut self.outlet.has_new_state) || now >= self.report_at {
            self.report_at = now + REPORT_EVERY;
            // The control thread comes round by itself, and nobody waits for this.
            let PortLinks { port, events, .. } = &mut self.outlet.links;
            for (place, master) in (0..).zip(self.engine.masters_asked(now)) {
                events.push_quietly(Event::UnicastMaster { port: *port, place, master });
            }
            if let Some(report) = self.engine.report(now) {
                events.push_quietly(Event::Report { port: *port, report });
            }
        }
        std::mem::take(&mut self.outlet.has_told)
    }

    /// Runs the timers that are due. Many contracts are due in batches: the stamps of each are taken before the next.
    fn tick(&mut self, now: Timestamp<Mono>) {
        for _ in 0..TICKS_MAX {
            self.step(now, Input::Tick { local: self.clock.stamping() });
            if self.engine.deadline().is_none_or(|deadline| deadline > now) {
                break;
            }
            self.take_stamps(now, false);
        }
    }

    fn look_at_the_link(&mut self, now: Timestamp<Mono>) {
        let has_link = self.outlet.links.link.is_set();
        if has_link != self.had_link {
            self.had_link = has_link;
            if !has_link {
                // It came while there was a link.
                self.take_packets(Channel::Event, now);
                self.take_packets(Channel::General, now);
                self.down_at = now;
            }
            self.set_link(now, has_link);
        }
    }

    /// What the stamps mean that are about to be read.
    fn look_at_the_time(&mut self, now: Timestamp<Mono>) {
        let clock = self.sockets.clock();
        let line = self.outlet.links.served.as_mut().and_then(|served| served.news(now, clock));
        if let Some(line) = line {
            self.step(now, Input::Line(line));
        }
    }

    fn set_link(&mut self, now: Timestamp<Mono>, up: bool) {
        if up != self.is_up {
            self.is_up = up;
            self.step(now, Input::Link { up });
        }
    }

    /// Sleeps until there is something to do, or until `latest`; not at all if `has_work` says so.
    pub fn sleep(&mut self, sleeper: &Sleeper, latest: Timestamp<Mono>, has_work: impl Fn() -> bool) {
        self.serve_the_crowd(latest, &has_work);
        let now = self.clock.mono();
        let inbox = self.outlet.links.from_discipline.as_ref();
        let management = self.outlet.links.management.as_ref();
        let has_answer = || management.is_some_and(|links| !links.from_control.is_empty());
        let has_told = self.outlet.has_told;
        let has_work = || has_told || inbox.is_some_and(|inbox| !inbox.is_empty()) || has_answer() || has_work();
        let is_watching = self.sockets.watches_for_stamps();
        let is_resting = self.rest_until > now;
        let rest = is_resting.then_some(self.rest_until);
        let deadlines = [self.engine.deadline(), self.sockets.deadline(), rest, Some(latest)];
        let deadline = deadlines.into_iter().flatten().min().unwrap_or(now);
        self.slept_at = now;
        let is_lazy = self.outlet.is_two_step() && !is_watching && !self.engine.answers() && now >= self.crowded_until;
        let event = (!is_resting && !is_lazy).then(|| self.sockets.event_fd());
        if let Some(until) = self.lull.until(now).filter(|_| is_lazy) {
            self.ready = Default::default();
            sleeper.sleep_on_the_bell(now, deadline.min(until), has_work);
            return;
        }
        self.ready = sleeper.sleep(self.sockets.general_fd(), event, now, deadline, has_work);
    }

    fn take_stamps(&mut self, now: Timestamp<Mono>, is_polled: bool) {
        let (pending, len) = (&mut self.pending, &mut self.pending_len);
        let found = self.sockets.drain_stamps(now, is_polled, |gone| remember(pending, len, Told::Gone(gone)));
        if !found {
            self.rest_until = now + REST;
        }
        self.tell_pending(now);
    }

    /// Whether the card keeps its word, and what follows if it does not.
    fn review(&mut self, now: Timestamp<Mono>) {
        let (pending, len) = (&mut self.pending, &mut self.pending_len);
        let change = self.sockets.review(now, |gone| remember(pending, len, Told::Gone(gone)));
        let port = self.outlet.links.port;
        if let Some(change) = change {
            self.outlet.set_clock(change.clock);
            self.outlet.links.events.push(Event::Stamping { port, change });
            self.tell_pending(now);
        }
        if let Some(trouble) = self.sockets.take_trouble() {
            self.outlet.links.events.push(Event::TxTrouble { port, trouble });
        }
        if self.sockets.take_suspicion() {
            self.outlet.links.events.push(Event::StampsMissing { port });
        }
    }

    fn step(&mut self, now: Timestamp<Mono>, input: Input<'_>) {
        let (outlet, effects) = (&mut self.outlet, &mut self.effects);
        self.engine.step(now, input, &mut Emit(|effect| effects.take(&effect, outlet, now)));
        self.send_all(now);
    }

    /// Tells the engine what became of its messages, and sends what it then wants, until there is nothing more to tell.
    fn tell_pending(&mut self, now: Timestamp<Mono>) {
        let mut at = 0;
        while at < self.pending_len {
            let (outlet, effects) = (&mut self.outlet, &mut self.effects);
            while at < self.pending_len && effects.have_room() {
                let input = match self.pending[at].take() {
                    Some(Told::Gone(Gone { token, stamp })) => Some(Input::Sent { token, stamp }),
                    Some(Told::SendFailed(token)) => Some(Input::SendFailed { token }),
                    None => None,
                };
                at += 1;
                if let Some(input) = input {
                    self.engine.step(now, input, &mut Emit(|effect| effects.take(&effect, outlet, now)));
                }
            }
            self.send_waiting(now);
        }
        self.pending_len = 0;
    }

    /// What the control thread has answered; one that does not get out is asked for again, or not.
    fn send_management(&mut self) {
        let Some(links) = &mut self.outlet.links.management else { return };
        while let Some(packet) = links.from_control.pop() {
            _ = self.sockets.send_management(packet.octets(), packet.peer);
        }
    }

    /// Sends what waits, and tells the engine what became of it.
    fn send_all(&mut self, now: Timestamp<Mono>) {
        self.send_waiting(now);
        self.tell_pending(now);
    }

    fn send_waiting(&mut self, now: Timestamp<Mono>) {
        let sends = self.effects.take_sends();
        if sends.is_empty() {
            return;
        }
        let (pending, len, mut failed) = (&mut self.pending, &mut self.pending_len, None);
        self.sockets.send_all(sends, now, |undelivered| {
            let told = match undelivered {
                Undelivered::Gone(gone) => Told::Gone(gone),
                Undelivered::Failed { token, errno } => {
                    failed = Some(errno);
                    Told::SendFailed(token)
                }
            };
            remember(pending, len, told);
        });
        self.tell_of_failure(now, failed);
    }

    fn tell_of_failure(&mut self, now: Timestamp<Mono>, failed: Option<i32>) {
        if let Some(errno) = failed.filter(|_| begins_to_fail(&mut self.failed_at, now)) {
            let event = Event::SendFailed { port: self.outlet.links.port, errno };
            self.outlet.links.events.push(event);
        }
    }
}

/// A send has failed: whether that is news. It is not while others have lately, though some between were sent: to one client
/// that is gone each batch may fail, and to the others none.
fn begins_to_fail(failed_at: &mut Option<Timestamp<Mono>>, now: Timestamp<Mono>) -> bool {
    failed_at.replace(now).is_none_or(|last| now - last >= FAILING_FOR)
}

fn remember(pending: &mut [Option<Told>], len: &mut usize, told: Told) {
    if let Some(place) = pending.get_mut(*len) {
        *place = Some(told);
        *len += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_is_gone_beside_others_is_one_event_and_another_one_after_a_quiet_minute() {
        let mut failed_at = None;
        let failures = (0..600).chain([660, 661, 800]);
        let told: Vec<i64> =
            failures.filter(|second| begins_to_fail(&mut failed_at, Timestamp::from_secs(1_000 + *second))).collect();
        assert_eq!(told, [0, 660, 800]);
    }
}
