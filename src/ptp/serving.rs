//! What a master port sends and answers: Announce, Sync with its Follow_Up, Delay_Resp (9.5, 11.3).
//!
//! Whose time it is, and how good, is not known here. A stamp is a reading of the clock that stamps this port, and what
//! that means is a line ([`Line`]): a network card that counts TAI, a system clock that counts UTC, or a clock that
//! nobody steers at all and whose readings are put right here. Without a line nothing is sent that names a time: a stamp
//! that nobody understands is no origin.
//!
//! Nothing waits. The Sync whose transmit stamp has not come lies in a small table until it has, and costs its Follow_Up
//! only if it never does.

mod to_one;

use super::counters::{Counter, count};
use super::forward::{ANNOUNCE_TLVS_MAX, Forwarded};
use super::gate::frame;
use super::intervals::Wanted;
use super::{Address, Channel, Effect, TimeProperties, TxToken};
use crate::coding::Coded;
use crate::engine::{Sink, TimerKind, TimerTable};
use crate::time::{Duration, FrequencyPpb, LeapIndicator, Local, LogInterval, Mono, Stamp, TaiUtc, Timestamp};
use crate::wire::ptp::{
    Announce, Body, ClockIdentity, ClockQuality, DELAY_RESP_LENGTH, Extension, Flags, FollowUpInformation, Header,
    Message, OrganizationExtension, PlainDelayReq, PowerProfile, ScaledNs, Sender, Tlvs, WireTimestamp, is_gptp,
};

/// Sync whose transmit stamp may be awaited at once, as many as contracts make due in one round; the oldest gives way.
pub const FOLLOW_UP_PENDING_MAX: usize = 256;
/// Octets of the Follow_Up information TLV.
const FOLLOW_UP_INFORMATION_LENGTH: usize = 32;
/// The card's own time may be so far from the time that is served, where the card itself writes it into a Sync: the rest goes into
/// correctionField, which is for what happens on the way, and of which some slaves believe a second at most.
const AHEAD_OF_CARD_MAX: Duration = Duration::SECOND;
/// So many Sync are sent at the interval before when a longer one was asked for (IEEE 802.1AS-2020 10.7.3.1, syncReceiptTimeout).
const SYNC_RECEIPT_TIMEOUT: u8 = 3;
/// totalTimeInaccuracy that is unknown, or beyond its field.
const UNKNOWN_INACCURACY: u32 = u32::MAX;
/// The unit of cumulativeScaledRateOffset: 2^-41.
const SCALED_RATE: f64 = (1_u64 << 41) as f64;

/// What a reading of the clock that stamps a port means: the time that is served is a line over it.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub struct Line {
    /// A reading of the stamping clock.
    pub anchor: Timestamp<Local>,
    /// The served time at the anchor: UTC, or that of an ARB timescale.
    pub time: Timestamp<Local>,
    /// What TAI is ahead of it by, where that is known.
    pub tai_utc: Option<TaiUtc>,
    /// How much faster the served time runs than the stamping clock.
    pub rate: FrequencyPpb,
    /// How far from the anchor the line holds, on either side.
    pub reach: Duration,
    /// The first reading that it holds for: those of before a step of the stamping clock mean something else.
    pub since: Timestamp<Local>,
    /// The stamping clock is the card's, which can write it into a message that leaves.
    pub is_of_card: bool,
    /// The greatest error of that time until the line is renewed.
    pub error: Duration,
}

impl Line {
    /// The stamping clock's own reading plus this, for ever.
    pub const fn ahead_by(offset: Duration) -> Self {
        Self {
            anchor: Timestamp::EPOCH,
            time: Timestamp::from_ticks(offset.ticks()),
            tai_utc: None,
            rate: FrequencyPpb::ZERO,
            reach: Duration::MAX,
            since: Timestamp::from_ticks(i128::MIN),
            is_of_card: false,
            error: Duration::ZERO,
        }
    }

    /// The served time when the stamping clock read this; `None` where the line does not hold.
    pub fn time_at(&self, reading: Timestamp<Local>) -> Option<Timestamp<Local>> {
        let elapsed = reading - self.anchor;
        (elapsed.abs() <= self.reach && reading >= self.since).then(|| self.time + elapsed + self.rate.drift(elapsed))
    }
}

/// How a port serves: portDS as far as a master needs it (8.2.15).
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub struct ServingConfig {
    /// logAnnounceInterval.
    pub log_announce_interval: LogInterval,
    /// logSyncInterval.
    pub log_sync_interval: LogInterval,
    /// logMinDelayReqInterval.
    pub log_min_delay_req_interval: LogInterval,
    /// Where the origin of a Sync is said.
    pub origin: SyncOrigin,
    /// Announce have the TLV of IEEE C37.238, with this grandmasterID where the clock is the grandmaster itself, and the parent's else.
    pub power: Option<u16>,
}

/// Where a master says when a Sync has left (9.5.9, 9.5.10).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub enum SyncOrigin {
    /// Two-step: in a Follow_Up, by the transmit stamp.
    FollowUp,
    /// One-step, in software: in the Sync, by the reading of the clock at its [`Tick`](crate::ptp::Input::Tick), which is as late
    /// as the way to the wire is long.
    Tick,
    /// One-step: in the Sync, into which the card writes what its clock reads as it leaves. Two-step where that is not the time that
    /// is served.
    Card,
}

impl ServingConfig {
    /// The default profile (annex I.3): an Announce each 2 s, one Sync and one Delay_Req a second; two-step.
    pub const DEFAULT: Self = Self {
        log_announce_interval: LogInterval::new(1),
        log_sync_interval: LogInterval::new(0),
        log_min_delay_req_interval: LogInterval::new(0),
        origin: SyncOrigin::FollowUp,
        power: None,
    };

    /// Of each [`Paced`].
    const fn intervals(self) -> [LogInterval; 2] {
        [self.log_announce_interval, self.log_sync_interval]
    }
}

/// What stamps are off by against the connector.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub(super) struct Latencies {
    /// From the connector to where receive stamps are taken; subtracted from them.
    pub ingress: Duration,
    /// From where transmit stamps are taken to the connector; added to them.
    pub egress: Duration,
}

/// What a master announces: of whom it has its time, and how good that is (parentDS, currentDS, timePropertiesDS; tables
/// 30 and 33 of 9.3.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub struct Announcement {
    /// grandmasterIdentity.
    pub grandmaster: ClockIdentity,
    /// grandmasterPriority1.
    pub priority1: u8,
    /// grandmasterClockQuality.
    pub quality: ClockQuality,
    /// grandmasterPriority2.
    pub priority2: u8,
    /// stepsRemoved of this clock: 0 of a grandmaster.
    pub steps_removed: u16,
    /// Without a currentUtcOffset the field is sent as 0 and marked as not valid.
    pub time_properties: TimeProperties,
    /// synchronizationUncertain; never said to those who know only the edition of 2008.
    pub synchronization_uncertain: bool,
}

/// What is sent at an interval.
#[derive(Clone, Copy, Debug, Coded)]
pub(super) enum Paced {
    Announce,
    Sync,
}

impl TimerKind for Paced {
    const ALL: &'static [Self] = &[Self::Announce, Self::Sync];
    fn index(self) -> usize {
        self as usize
    }
}

#[derive(Clone, Copy, Debug, Coded)]
struct SentSync {
    token: TxToken,
    sequence_id: u16,
    interval: LogInterval,
    to: Option<Address>,
}

const fn place(token: TxToken) -> usize {
    token.0 as usize % FOLLOW_UP_PENDING_MAX
}

/// The serving half of a port: idle until it is started.
#[derive(Clone, Debug, Coded)]
pub(super) struct Serving {
    config: ServingConfig,
    latencies: Latencies,
    sender: Sender,
    line: Option<Line>,
    announcement: Option<Announcement>,
    /// What is due is not sent.
    is_held: bool,
    /// What it sends is TAI, and not what the line says.
    counts_tai: bool,
    /// The path of Announce is traced.
    traces_path: bool,
    /// No Announce is sent.
    is_unannounced: bool,
    forwarded: Forwarded,
    timers: TimerTable<Paced, 2>,
    /// Of each [`Paced`]; `None`: somebody has asked for none.
    intervals: [Option<LogInterval>; 2],
    /// So many Sync are still sent at this interval, so that a longer one is known before the silence is.
    slowdown: (u8, LogInterval),
    /// Each at the place of its token, which are given out in turn.
    pending: [Option<SentSync>; FOLLOW_UP_PENDING_MAX],
    announce_sequence_id: u16,
    sync_sequence_id: u16,
}

impl Serving {
    /// With the first sequenceIds of Announce and Sync.
    pub fn new(config: ServingConfig, latencies: Latencies, sender: Sender, [announce, sync]: [u16; 2]) -> Self {
        Self {
            config,
            latencies,
            sender,
            line: None,
            announcement: None,
            is_held: false,
            counts_tai: false,
            traces_path: false,
            is_unannounced: false,
            forwarded: Forwarded::NONE,
            timers: TimerTable::default(),
            intervals: config.intervals().map(Some),
            slowdown: (0, config.log_sync_interval),
            pending: [None; FOLLOW_UP_PENDING_MAX],
            announce_sequence_id: announce,
            sync_sequence_id: sync,
        }
    }

    /// What stamps mean from now on. Those that are on their way from before a step of the clock mean nothing any more.
    pub fn set_line(&mut self, line: Option<Line>) {
        if let (Some(old), Some(new)) = (&self.line, &line)
            && (new.since > old.anchor || new.anchor < old.anchor)
        {
            self.pending = [None; FOLLOW_UP_PENDING_MAX];
        }
        self.line = line;
    }

    /// What the next Announce says; `None`: nothing is sent.
    pub const fn announce_as(&mut self, announcement: Option<Announcement>) {
        self.announcement = announcement;
    }

    /// Whether nothing is sent for now, by who is at the other end.
    pub const fn hold(&mut self, is_held: bool) {
        self.is_held = is_held;
    }

    /// Whether the time that is sent is TAI. Where that is not known then, none is sent.
    pub const fn count_tai(&mut self, counts_tai: bool) {
        self.counts_tai = counts_tai;
    }

    /// Each Announce says which clocks it has passed.
    pub const fn trace_path(mut self, traces_path: bool) -> Self {
        self.traces_path = traces_path;
        self
    }

    /// No Announce is sent.
    pub const fn without_announce(mut self, is_unannounced: bool) -> Self {
        self.is_unannounced = is_unannounced;
        self
    }

    /// What the next Announce hands on of the parent's.
    pub const fn hand_on(&mut self, forwarded: Forwarded) {
        self.forwarded = forwarded;
    }

    /// What is sent for a reading of the stamping clock.
    pub fn time_at(&self, reading: Timestamp<Local>) -> Option<Timestamp<Local>> {
        let line = self.line?;
        let ahead = if self.counts_tai { line.tai_utc?.duration() } else { Duration::ZERO };
        line.time_at(reading).map(|time| time + ahead)
    }

    /// What the served time is ahead of the card's own; `None` where that changes, or is more than a correction should be.
    fn ahead_of_card(&self) -> Option<Duration> {
        let line = self.line.filter(|line| line.is_of_card && line.rate == FrequencyPpb::ZERO)?;
        let ahead = self.time_at(line.anchor)? - line.anchor;
        (ahead.abs() <= AHEAD_OF_CARD_MAX).then_some(ahead)
    }

    /// What the last Announce said, or the next one will.
    pub const fn announcement(&self) -> Option<&Announcement> {
        self.announcement.as_ref()
    }

    /// How often Announce and Sync are sent, as they state it: what the neighbour wants, or the configuration; 127: not at all.
    pub fn intervals(&self) -> [LogInterval; 2] {
        self.intervals.map(|interval| interval.unwrap_or(LogInterval::UNSTATED))
    }

    /// Somebody wants another interval.
    pub fn pace(&mut self, now: Timestamp<Mono>, paced: Paced, wanted: Wanted) {
        let place = paced as usize;
        let interval = match wanted {
            Wanted::Initial => Some(self.config.intervals()[place]),
            Wanted::Stop => None,
            Wanted::Each(interval) => Some(interval),
        };
        let before = std::mem::replace(&mut self.intervals[place], interval);
        let Some(interval) = interval else { return self.timers.clear(paced) };
        if matches!(paced, Paced::Announce) && self.is_unannounced {
            return;
        }
        match before {
            Some(before) if interval > before && matches!(paced, Paced::Sync) => {
                self.slowdown = (SYNC_RECEIPT_TIMEOUT, before);
            }
            Some(before) if interval >= before => {}
            _ => {
                if matches!(paced, Paced::Sync) {
                    self.slowdown.0 = 0;
                }
                let soon = if before.is_none() { now } else { now + interval.duration() };
                self.timers.set(paced, self.timers.get(paced).map_or(soon, |due| due.min(soon)));
            }
        }
    }

    /// The port is master from now on, or hands another grandmaster's name on: it says so at once, but for what the neighbour wants none of.
    pub fn start(&mut self, now: Timestamp<Mono>) {
        for paced in Paced::ALL {
            let is_sent = !(matches!(paced, Paced::Announce) && self.is_unannounced);
            if is_sent && self.intervals[*paced as usize].is_some() {
                self.timers.set(*paced, now);
            }
        }
    }

    /// The port is master no more, and nobody's wishes of before count when it is again.
    pub fn stop(&mut self) {
        self.intervals = self.config.intervals().map(Some);
        self.slowdown.0 = 0;
        self.timers = TimerTable::default();
        self.pending = [None; FOLLOW_UP_PENDING_MAX];
    }

    /// The next message; `None` while it does not serve.
    pub fn deadline(&self) -> Option<Timestamp<Mono>> {
        self.timers.deadline()
    }

    /// Sends what is due.
    pub fn tick(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        next_token: &mut u32,
        out: &mut impl Sink<Effect>,
    ) {
        for timer in Paced::ALL {
            let Some(due) = self.timers.get(*timer).filter(|due| *due <= now) else { continue };
            let Some(interval) = self.intervals[*timer as usize] else { continue };
            let spacing = match (timer, &mut self.slowdown) {
                (Paced::Sync, (count @ 1.., before)) => {
                    *count -= 1;
                    if *count > 0 { *before } else { interval }
                }
                _ => interval,
            };
            self.timers.set(*timer, next_due(due, spacing, now));
            match timer {
                _ if self.is_held => {}
                Paced::Announce => self.send_announce(interval, out),
                Paced::Sync => self.send_sync(interval, local, next_token, out),
            }
        }
    }

    fn send_announce(&mut self, interval: LogInterval, out: &mut impl Sink<Effect>) {
        let sequence_id = self.announce_sequence_id;
        if self.announce((sequence_id, interval, None), out) {
            self.announce_sequence_id = sequence_id.wrapping_add(1);
        }
    }

    /// Sends an Announce, to all or to one; whether it could.
    fn announce(
        &self,
        (sequence_id, interval, to): (u16, LogInterval, Option<Address>),
        out: &mut impl Sink<Effect>,
    ) -> bool {
        // Whose stamps mean nothing, because nobody renews the line, is no master that anybody should follow.
        let (Some(announced), Some(line)) = (&self.announcement, &self.line) else { return false };
        let properties = &announced.time_properties;
        let announce = Announce {
            origin_timestamp: WireTimestamp::ZERO,
            current_utc_offset: properties.current_utc_offset.map_or(0, |offset| offset.0),
            grandmaster_priority1: announced.priority1,
            grandmaster_clock_quality: announced.quality,
            grandmaster_priority2: announced.priority2,
            grandmaster_identity: announced.grandmaster,
            steps_removed: announced.steps_removed,
            time_source: properties.time_source,
        };
        let is_uncertain = announced.synchronization_uncertain && self.sender.minor_version_ptp > 0;
        let flags = properties.flags().with(Flags::SYNCHRONIZATION_UNCERTAIN, is_uncertain);
        let own = self.traces_path.then_some(self.sender.source_port_identity.clock_identity);
        let mut tlvs = [0; ANNOUNCE_TLVS_MAX];
        let mut len = self.forwarded.write(own, &mut tlvs);
        if let Some(power) = self.power_profile(announced, line) {
            // A path that leaves no room for it goes before.
            let written = Extension::Organization(OrganizationExtension::PowerProfile(power)).write(&mut tlvs[len..]);
            len += written.unwrap_or(0);
        }
        let message = self.sender.announce(sequence_id, interval, flags, announce);
        send(&Message { tlvs: Tlvs::from_octets(&tlvs[..len]).unwrap_or_default(), ..message }, None, to, out);
        true
    }

    /// How wrong the time is that goes out here, by this line, for IEEE C37.238. The error has in it what the grandmaster says of itself
    /// (clockAccuracy); where that says nothing, nobody knows.
    ///
    /// A parent that has the TLV says it itself: of which grandmaster, and how wrong the time is that it sends. Then the total is
    /// that, and what we add: the error without the grandmaster's part.
    fn power_profile(&self, announced: &Announcement, line: &Line) -> Option<PowerProfile> {
        let own_id = self.config.power?;
        let accuracy = announced.quality.clock_accuracy.bound();
        let is_grandmaster = announced.steps_removed == 0;
        let (grandmaster_id, total) = match self.forwarded.power().filter(|_| !is_grandmaster) {
            // Unknown is the greatest value, and stays that.
            Some(PowerProfile { grandmaster_id, total_time_inaccuracy }) => {
                let added = (line.error - accuracy.unwrap_or_default()).max(Duration::ZERO);
                (grandmaster_id, Some(added + Duration::from_nanos(i64::from(total_time_inaccuracy))))
            }
            None => (if is_grandmaster { own_id } else { 0 }, accuracy.map(|_| line.error)),
        };
        // Rounded up.
        let nanos = total.map(|total| (total + Duration::from_nanos(1) - Duration::from_ticks(1)).as_nanos());
        let total_time_inaccuracy = nanos.and_then(|nanos| u32::try_from(nanos).ok()).unwrap_or(UNKNOWN_INACCURACY);
        Some(PowerProfile { grandmaster_id, total_time_inaccuracy })
    }

    fn send_sync(
        &mut self,
        interval: LogInterval,
        local: Timestamp<Local>,
        next_token: &mut u32,
        out: &mut impl Sink<Effect>,
    ) {
        let sequence_id = self.sync_sequence_id;
        if self.sync((sequence_id, interval, None), local, next_token, out) {
            self.sync_sequence_id = sequence_id.wrapping_add(1);
        }
    }

    /// Sends a Sync, to all or to one; whether it could.
    fn sync(
        &mut self,
        (sequence_id, interval, to): (u16, LogInterval, Option<Address>),
        local: Timestamp<Local>,
        next_token: &mut u32,
        out: &mut impl Sink<Effect>,
    ) -> bool {
        if self.line.is_none() || self.announcement.is_none() {
            return false;
        }
        match self.config.origin {
            SyncOrigin::Tick => {
                let origin = self.time_at(local + self.latencies.egress);
                let message = origin.and_then(|origin| self.sender.one_step_sync(sequence_id, interval, origin));
                let Some(message) = message else {
                    count(out, Counter::TimeNotRepresentable);
                    return false;
                };
                send(&message, None, to, out);
                return true;
            }
            SyncOrigin::Card => {
                if let Some(ahead) = self.ahead_of_card() {
                    let message = self.sender.sync_for_the_card(sequence_id, interval, ahead + self.latencies.egress);
                    send(&message, None, to, out);
                    return true;
                }
                count(out, Counter::OneStepUnfit);
            }
            SyncOrigin::FollowUp => {}
        }
        let token = TxToken(*next_token);
        *next_token = next_token.wrapping_add(1);
        self.await_stamp(SentSync { token, sequence_id, interval, to }, out);
        send(&self.sender.two_step_sync(sequence_id, interval), Some(token), to, out);
        true
    }

    fn await_stamp(&mut self, sent: SentSync, out: &mut impl Sink<Effect>) {
        if self.pending[place(sent.token)].replace(sent).is_some() {
            count(out, Counter::TxStampMissing);
        }
    }

    /// Whether this is a Sync of ours whose stamp is awaited.
    pub fn awaits(&self, token: TxToken) -> bool {
        self.pending[place(token)].is_some_and(|sync| sync.token == token)
    }

    /// Waits for this stamp no more; whether it did.
    pub fn forget(&mut self, token: TxToken) -> bool {
        self.take(token).is_some()
    }

    fn take(&mut self, token: TxToken) -> Option<SentSync> {
        self.pending[place(token)].take_if(|sync| sync.token == token)
    }

    /// The transmit stamp of a Sync has come, or will not.
    pub fn sent(&mut self, token: TxToken, stamp: Option<Stamp>, out: &mut impl Sink<Effect>) {
        let sync = self.take(token);
        match (sync, stamp) {
            (_, None) => count(out, Counter::TxStampMissing),
            (None, Some(_)) => count(out, Counter::TxStampUnexpected),
            (Some(sync), Some(stamp)) => {
                let origin = self.time_at(stamp.at + self.latencies.egress);
                let message = origin.and_then(|origin| self.sender.follow_up(sync.sequence_id, sync.interval, origin));
                let mut room = [0; FOLLOW_UP_INFORMATION_LENGTH];
                match message {
                    Some(message) if is_gptp(self.sender.sdo_id) => {
                        send(&self.with_information(message, &mut room), None, sync.to, out);
                    }
                    Some(message) => send(&message, None, sync.to, out),
                    None => count(out, Counter::TimeNotRepresentable),
                }
            }
        }
    }

    /// A Follow_Up with what IEEE 802.1AS wants to be in each (802.1AS-2020 11.4.4.3): by how much the time that is served is faster
    /// than the clock that stamps. Of changes of the grandmaster's source nothing is said.
    fn with_information<'a>(
        &self,
        message: Message<'_>,
        room: &'a mut [u8; FOLLOW_UP_INFORMATION_LENGTH],
    ) -> Message<'a> {
        let rate = self.line.map_or(FrequencyPpb::ZERO, |line| line.rate);
        let information = FollowUpInformation {
            // Saturates at 976 ppm.
            cumulative_scaled_rate_offset: (rate.ratio() * SCALED_RATE) as i32,
            gm_time_base_indicator: 0,
            last_gm_phase_change: ScaledNs::default(),
            scaled_last_gm_freq_change: 0,
        };
        let extension = Extension::Organization(OrganizationExtension::FollowUpInformation(information));
        let written = extension.write(room).expect("it is as long as that");
        let tlvs = Tlvs::from_octets(&room[..written]).expect("it is one");
        Message { header: message.header, body: message.body, tlvs }
    }

    /// Answers a Delay_Req, whose correctionField was found usable: one that came to us alone to its sender alone.
    pub fn answer(
        &self,
        request: &Header,
        (stamp, from): (Option<Stamp>, Option<Address>),
        out: &mut impl Sink<Effect>,
    ) {
        let Some(stamp) = stamp else { return count(out, Counter::RxStampMissing) };
        let arrived = self.time_at(stamp.at - self.latencies.ingress);
        let to = from.filter(|_| request.flags.unicast());
        let request = Header { flags: request.flags.with(Flags::UNICAST, to.is_some()), ..*request };
        let message = arrived
            .and_then(|arrived| self.sender.delay_resp(&request, self.config.log_min_delay_req_interval, arrived));
        match message {
            Some(message) => send(&message, None, to, out),
            None => count(out, Counter::TimeNotRepresentable),
        }
    }

    /// What [`Serving::answer`] sends for such a request, to all or to one; `None` if nothing.
    pub fn plain_answer(
        &self,
        request: PlainDelayReq<'_>,
        stamp: Option<Stamp>,
        to: Option<Address>,
    ) -> Option<PlainAnswer> {
        let arrived = self.time_at(stamp?.at - self.latencies.ingress)?;
        let interval = self.config.log_min_delay_req_interval;
        let octets = self.sender.plain_delay_resp(request, interval, arrived, to.is_some())?;
        Some(PlainAnswer { octets, to })
    }
}

/// The answer to a [`PlainDelayReq`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlainAnswer {
    /// A Delay_Resp, by the channel of the general messages.
    pub octets: [u8; DELAY_RESP_LENGTH],
    /// To this one only; `None`: to the group.
    pub to: Option<Address>,
}

fn send(message: &Message<'_>, token: Option<TxToken>, to: Option<Address>, out: &mut impl Sink<Effect>) {
    let (counter, channel) = match message.body {
        Body::Announce(_) => (Counter::SentAnnounce, Channel::General),
        Body::Sync(_) => (Counter::SentSync, Channel::Event),
        Body::FollowUp(_) => (Counter::SentFollowUp, Channel::General),
        Body::DelayResp(_) => (Counter::SentDelayResp, Channel::General),
        _ => unreachable!("a master sends no such message"),
    };
    count(out, counter);
    let flags = message.header.flags.with(Flags::UNICAST, to.is_some());
    let message = Message { header: Header { flags, ..message.header }, ..*message };
    out.emit(Effect::Send { frame: frame(&message), channel, token, to });
}

/// One interval after it was due, so that lateness does not add up; but never in the past, so that a pause is not made up.
fn next_due(due: Timestamp<Mono>, interval: LogInterval, now: Timestamp<Mono>) -> Timestamp<Mono> {
    let next = due + interval.duration();
    if next > now { next } else { now + interval.duration() }
}

impl TimeProperties {
    /// As the flags of an Announce (table 37).
    pub fn flags(&self) -> Flags {
        Flags::NONE
            .with(Flags::LEAP61, self.leap == LeapIndicator::Insert)
            .with(Flags::LEAP59, self.leap == LeapIndicator::Delete)
            .with(Flags::CURRENT_UTC_OFFSET_VALID, self.current_utc_offset.is_some())
            .with(Flags::PTP_TIMESCALE, self.ptp_timescale)
            .with(Flags::TIME_TRACEABLE, self.time_traceable)
            .with(Flags::FREQUENCY_TRACEABLE, self.frequency_traceable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_as_far_as_it_reaches_and_not_before_a_step() {
        let at = Timestamp::<Local>::from_secs;
        let line = Line {
            anchor: at(100),
            time: at(137),
            tai_utc: None,
            rate: FrequencyPpb::from_ppm(-40.0),
            reach: Duration::from_secs(2),
            since: at(99),
            is_of_card: false,
            error: Duration::ZERO,
        };
        let later = line.time_at(at(101)).expect("within reach");
        assert!((later - at(138) + Duration::from_micros(40)).abs() < Duration::from_nanos(1));
        assert_eq!(line.time_at(at(103)), None, "nobody renews it");
        assert_eq!(line.time_at(at(98)), None, "of before the step");
        assert_eq!(Line::ahead_by(Duration::from_secs(-5)).time_at(at(1_700_000_000)), Some(at(1_699_999_995)));
    }
}
