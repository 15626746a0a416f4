//! The NTP clients: one thread that asks every server of the configuration, and one that looks up names.
//!
//! ```text
//! ntp-client  fresh socket per request -> ntp::client::Client, one a server --SourceMessage ring--> discipline
//! resolver    names -> addresses; a name server may take its time, and nobody waits for it
//! ```
//!
//! A server without an address is waited for, however long, and so is a member of a pool whose name has fewer addresses than members; one that does not answer any more, or has refused us, is looked up
//! again, and another address behind its name takes its place. So it is with a member of a pool that is a falseticker, or too far from the true time, at eight
//! polls in a row; one at a time, and not where no other is left that is good. Requests are stamped by the kernel both ways, and by the card where
//! it does (see the file `card`). The stamps say after how many steps of the system clock they were taken: of a measurement across one nothing is used.

mod card;
mod resolver;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use self::card::{Arrived, ByCard, ClientCards};
pub use self::card::{ClientStamping, NoCard};
pub use self::resolver::NoAddress;
use self::resolver::{Found, Lookup, Lookups, spawn_resolver};
use super::events::Event;
use super::measured::{SourceLinks, SourceMessage};
use super::privileges::ThreadKind;
use super::thread::spawn_timing;
use crate::clock::{HostClock, reference_of_server};
use crate::config::{NTP_SOURCE, NtpSourceConfig, ThreadConfig};
use crate::discipline::Reference;
use crate::engine::{Emit, Engine, Recorder, Taped};
use crate::net::{CardArrival, Departed, ExchangeBuffer, ExchangeSocket};
use crate::ntp::client::{
    Client, ClientCounter, ClientState, Config, Demand, Effect, Input, Name, Orphan, OwnIdentity, Refusal,
    RequestToken, SourceInfo, reference_id_of,
};
use crate::ntp::server::LocalService;
use crate::sharing::Counters;
use crate::time::{ClockEpoch, ClockId, Duration, LogInterval, Mono, Observation, SourceId, Stamp, Timestamp};

/// The thread goes round at least this often.
const ROUND_MAX: Duration = Duration::SECOND;
/// How often it reports what it sees, if that is another thing than the last time; that a server is not heard any more, or again, it says at once.
const REPORT_EVERY: Duration = Duration::SECOND;
/// A member of a pool whose time was of no use at so many polls in a row is replaced.
const UNFIT_MAX: u32 = 8;
/// How often it is looked whether there is a way to a server again.
const LOOK_FOR_A_WAY: Duration = Duration::from_millis(500);
/// For so long the card's stamp of a request is waited for, after the kernel's.
const CARD_WAIT: Duration = Duration::from_millis(20);
/// So many stamps of the card in a row were missing: it does not keep its word.
const CARD_MISSING_MAX: u32 = 3;

/// What one client sees.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct NtpReport {
    /// Its row among the servers.
    pub place: u8,
    /// Whom it asks; `None`: the name is not looked up yet.
    pub address: Option<SocketAddr>,
    /// Why the name could not be looked up the last time.
    pub no_address: Option<NoAddress>,
    /// It has no address because so many are behind its name, and all of them are asked already.
    pub all_asked: Option<u8>,
    /// In so many seconds its name is looked up again, while it has no address; a minute or so at most.
    pub look_up_in: Option<u8>,
    /// Where it stands.
    pub state: ClientState,
    /// Of the last eight requests, which were answered.
    pub reach: u8,
    /// How often it asks.
    pub interval: LogInterval,
    /// What the server says of its time.
    pub info: Option<SourceInfo>,
    /// The last round trip.
    pub round_trip: Option<Duration>,
    /// How many requests in a row were not answered, the present one included.
    pub unanswered: u32,
    /// Why nothing was measured by the latest answer.
    pub refusal: Option<Refusal>,
    /// errno of the latest request, if it could not be sent.
    pub send_error: Option<i32>,
    /// Who stamps.
    pub stamping: ClientStamping,
}

/// A server that is to be asked, and who takes the steps of its client if somebody asks for them.
#[derive(Debug)]
pub struct Wanted {
    /// The server.
    pub config: NtpSourceConfig,
    /// The seed of its requests.
    pub seed: u64,
    /// What its client counts.
    pub counters: Counters<ClientCounter>,
    /// Takes its steps.
    pub recorder: Option<Recorder>,
    /// What our own server serves while there is no source, where several agree on one of them.
    pub orphan: Option<LocalService>,
}

/// Starts both threads. A bit in `offline` says of each server that it is not to be asked; whoever changes it rings.
///
/// # Errors
/// The system's, if there can be no more threads or descriptors.
pub fn spawn_ntp_client(
    wanted: Vec<Wanted>,
    offline: Arc<AtomicU64>,
    links: SourceLinks,
) -> io::Result<JoinHandle<()>> {
    let lookups = spawn_resolver(links.sleeper.doorbell())?;
    // While somebody wants stamps the kernel takes them: a first socket that asks for some may get none for its first message.
    // Without a loopback there is none, and that first message is measured without.
    let keeper = ExchangeSocket::open(SocketAddr::from(([127, 0, 0, 1], 9))).ok();
    let thread = ThreadConfig { core: None, priority: None };
    spawn_timing("ntp-client", ThreadKind::NtpClient, thread, move |_| {
        let _keeper = keeper;
        let now = HostClock.mono();
        let asked = wanted.into_iter().enumerate().map(|(place, wanted)| Asked::new(place, wanted, now)).collect();
        let buffer = ExchangeBuffer::default();
        let outlet = Outlet { links, cards: ClientCards::default() };
        let mut thread = NtpClientThread {
            asked,
            outlet,
            lookups,
            buffer,
            offline,
            losses: 0,
            demand: Demand::Full,
            report_at: now,
        };
        while !thread.outlet.links.stop.is_set() {
            thread.round();
            thread.sleep();
        }
    })
}

/// What all clients share.
struct Outlet {
    links: SourceLinks,
    cards: ClientCards,
}

impl Outlet {
    fn tell(&mut self, message: SourceMessage) {
        self.links.tell(message);
    }

    fn steps(&self) -> ClockEpoch {
        self.links.steps()
    }
}

struct NtpClientThread {
    asked: Vec<Asked>,
    outlet: Outlet,
    lookups: Lookups,
    buffer: ExchangeBuffer,
    offline: Arc<AtomicU64>,
    /// How often the clock was lost, as far as the clients know.
    losses: u32,
    /// How much is asked, as far as they know.
    demand: Demand,
    report_at: Timestamp<Mono>,
}

impl NtpClientThread {
    fn round(&mut self) {
        let now = HostClock.mono();
        self.outlet.links.pulse.beat(now);
        while let Some((place, found)) = self.lookups.take() {
            let taken: Vec<_> = self.asked.iter().filter_map(|asked| asked.address).collect();
            self.asked[place].found(now, &found, &taken, &mut self.outlet);
        }
        let offline = self.offline.load(Ordering::Acquire);
        let losses = self.outlet.links.losses();
        let is_lost = std::mem::replace(&mut self.losses, losses) != losses;
        let demand = self.outlet.links.demand();
        let is_other_demand = std::mem::replace(&mut self.demand, demand) != demand;
        for asked in &mut self.asked {
            asked.look_at_network(HostClock.mono(), offline >> asked.place & 1 == 0, &mut self.outlet);
            if is_lost {
                asked.step(HostClock.mono(), Input::Hurry, &mut self.outlet);
            }
            if is_other_demand {
                asked.step(HostClock.mono(), Input::Demand(demand), &mut self.outlet);
            }
            asked.round(HostClock.mono(), &mut self.buffer, &mut self.outlet);
            if asked.wants_lookup(now) {
                self.lookups.ask(asked.lookup());
            }
        }
        if let Some(place) = to_replace(&self.asked, now) {
            self.asked[place].name.looks_up();
            self.lookups.ask(self.asked[place].lookup());
        }
        let is_due = now >= self.report_at;
        if is_due {
            // Not a period after this round: requests come as often, and would be told of every other time.
            self.report_at = (self.report_at + REPORT_EVERY).max(now);
        }
        for asked in &mut self.asked {
            let answers = asked.client.answered_of_late();
            if std::mem::replace(&mut asked.answered, answers) != answers || is_due {
                let report = asked.report(now, &self.outlet.cards);
                // Of a server that is asked once a minute there is nothing new most of the time. What finds no room is told the next time.
                if asked.told != Some(report) && self.outlet.links.events.push_quietly(Event::Ntp(report)) {
                    asked.told = Some(report);
                }
            }
        }
    }

    fn sleep(&self) {
        let now = HostClock.mono();
        let deadlines = self.asked.iter().filter_map(Asked::deadline);
        let deadline = deadlines.fold(now + ROUND_MAX, Timestamp::min);
        let sockets = self.asked.iter().filter_map(|asked| asked.exchange.as_ref()).map(|exchange| &exchange.socket);
        self.outlet.links.sleeper.sleep_on_many(sockets, now, deadline, || self.lookups.has_found());
    }
}

/// Which member of a pool is given up for another one; each name has one at a time, and one that is good must be left.
fn to_replace(asked: &[Asked], now: Timestamp<Mono>) -> Option<usize> {
    asked.iter().position(|one| {
        let mut others = asked.iter().filter(|other| other.place != one.place && other.config.host == one.config.host);
        let is_good = |other: &Asked| other.client.state() == ClientState::Reachable && other.unfit == 0;
        let is_coming = |other: &Asked| other.name.is_looking_up() || other.info.is_none();
        let is_due =
            one.unfit >= UNFIT_MAX && !one.name.is_looking_up() && one.is_wanted && now >= one.name.look_up_at();
        is_due && !one.is_literal && others.clone().any(is_good) && !others.any(is_coming)
    })
}

/// The socket of the latest request.
#[derive(Debug)]
struct Exchange {
    token: RequestToken,
    socket: ExchangeSocket,
    /// The steps before it was sent.
    steps: ClockEpoch,
    is_stamped: bool,
    departed: Departed,
    /// Until when the card's stamp is waited for.
    waits_until: Option<Timestamp<Mono>>,
    /// The card stamps it too.
    by: Option<ByCard>,
}

struct Asked {
    place: usize,
    config: NtpSourceConfig,
    orphan: Option<LocalService>,
    seed: u64,
    client: Taped<Client>,
    counters: Counters<ClientCounter>,
    address: Option<SocketAddr>,
    is_literal: bool,
    no_address: Option<NoAddress>,
    name: Name,
    exchange: Option<Exchange>,
    own: OwnIdentity,
    info: Option<SourceInfo>,
    selected_at: Option<Timestamp<Mono>>,
    /// At so many polls in a row its time was of no use.
    unfit: u32,
    /// One of its last three requests was answered, as far as that was told.
    answered: bool,
    /// What was reported last.
    told: Option<NtpReport>,
    departed: Option<(Timestamp<crate::time::Local>, Timestamp<crate::time::Local>)>,
    round_trip: Option<Duration>,
    send_error: Option<i32>,
    /// The operator wants it asked.
    is_wanted: bool,
    /// There is no way to it; when it is looked for one again.
    cut_until: Option<Timestamp<Mono>>,
    /// The card that stamps, by its place.
    card: Result<usize, NoCard>,
    /// How many stamps of the card were missing in a row: of requests, of answers.
    missing: [u32; 2],
    effects: Vec<Effect>,
}

impl Asked {
    fn new(place: usize, wanted: Wanted, now: Timestamp<Mono>) -> Self {
        let Wanted { config, seed, counters, recorder, orphan } = wanted;
        let written = config.host.parse::<IpAddr>().ok();
        let literal = written.filter(|ip| config.family.admits(*ip)).map(|ip| SocketAddr::new(ip, config.port));
        let mut asked = Self {
            place,
            client: Taped::new(Client::new(client_config(&config, place, seed, orphan_of(orphan, literal)))),
            orphan,
            counters,
            config,
            seed,
            address: literal,
            is_literal: written.is_some(),
            no_address: (written.is_some() && literal.is_none()).then(|| NoAddress::new(NoAddress::FAMILY)),
            name: Name::new(now),
            exchange: None,
            own: OwnIdentity::default(),
            info: None,
            selected_at: None,
            unfit: 0,
            answered: false,
            told: None,
            departed: None,
            round_trip: None,
            send_error: None,
            is_wanted: true,
            cut_until: None,
            card: Err(NoCard::Untried),
            missing: [0; 2],
            effects: Vec::with_capacity(16),
        };
        if let Some(recorder) = recorder {
            asked.client.record_by(recorder);
        }
        asked
    }

    fn source(&self) -> SourceId {
        SourceId(NTP_SOURCE.0 + self.place as u16)
    }

    // ---- Names ----

    fn lookup(&self) -> Lookup {
        let NtpSourceConfig { host, port, family, .. } = &self.config;
        Lookup { place: self.place, host: host.clone(), port: *port, family: *family }
    }

    fn wants_lookup(&mut self, now: Timestamp<Mono>) -> bool {
        let is_asked_for = !self.is_literal && self.is_wanted;
        if !is_asked_for || !self.name.wants_lookup(now, self.address.is_some(), self.client.state()) {
            return false;
        }
        self.name.looks_up();
        true
    }

    /// The addresses behind the name; `taken` are asked already. Without any the present one stays, and soon the name is looked up again: so it is
    /// where there are some and all of them are taken, for the next time there may be others.
    fn found(&mut self, now: Timestamp<Mono>, found: &Found, taken: &[SocketAddr], outlet: &mut Outlet) {
        self.unfit = 0;
        self.no_address = found.as_ref().err().copied();
        // A new address, if there is one: the present one does not answer.
        let addresses = found.as_deref().ok();
        let Some(address) = self.name.found(now, addresses, taken, self.address) else { return };
        self.address = Some(address);
        self.exchange = None;
        self.seed = self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
        let orphan = orphan_of(self.orphan, self.address);
        let config = client_config(&self.config, self.place, self.seed, orphan);
        self.client.change(|client| *client = Client::new(config));
        self.cut_until = None;
        if self.info.take().is_some() {
            self.selected_at = None;
            outlet.tell(SourceMessage::Reference(self.source(), None));
        }
    }

    // ---- The network ----

    /// Who is not wanted, or cannot be reached by any way, is not asked. That no way leads there is not the server's fault: nothing is
    /// counted against it, and as soon as there is one it is asked, at once and as one that is new.
    fn look_at_network(&mut self, now: Timestamp<Mono>, is_wanted: bool, outlet: &mut Outlet) {
        self.is_wanted = is_wanted;
        if let (Some(address), Some(until)) = (self.address, self.cut_until)
            && now >= until
        {
            let open = ExchangeSocket::open(address);
            self.send_error = open.as_ref().err().and_then(io::Error::raw_os_error);
            self.cut_until = self.send_error.filter(|errno| is_no_way(*errno)).map(|_| now + LOOK_FOR_A_WAY);
        }
        let is_online = is_wanted && self.cut_until.is_none();
        if is_online != (self.client.state() != ClientState::Offline) {
            if !is_wanted {
                self.send_error = None;
            }
            self.exchange = None;
            self.step(now, Input::Online(is_online), outlet);
        }
    }

    // ---- Exchanges ----

    fn deadline(&self) -> Option<Timestamp<Mono>> {
        let waits_until = self.exchange.as_ref().and_then(|exchange| exchange.waits_until);
        self.address.and_then(|_| self.client.deadline().into_iter().chain(waits_until).min())
    }

    fn round(&mut self, now: Timestamp<Mono>, buffer: &mut ExchangeBuffer, outlet: &mut Outlet) {
        if self.address.is_none() {
            return;
        }
        self.take_stamp(now, buffer, outlet);
        self.take_answers(now, buffer, outlet);
        if self.client.deadline().is_some_and(|deadline| deadline <= now) {
            self.step(now, Input::Tick, outlet);
        }
    }

    fn take_stamp(&mut self, now: Timestamp<Mono>, buffer: &mut ExchangeBuffer, outlet: &mut Outlet) {
        let Some(exchange) = self.exchange.as_mut() else { return };
        let (token, epoch) = (exchange.token, exchange.steps);
        exchange.socket.take_stamps(buffer, &mut exchange.departed);
        let Some(kernel) = exchange.departed.kernel.filter(|_| !exchange.is_stamped) else { return };
        let kernel = Stamp { epoch, ..kernel };
        let stamp = match (&exchange.by, exchange.departed.card) {
            (None, _) => kernel,
            (Some(_), None) if now < *exchange.waits_until.get_or_insert(now + CARD_WAIT) => return,
            (Some(by), card) => {
                let by_card = card.and_then(|at| outlet.cards.departed(by, at, kernel));
                self.missing[0] = if by_card.is_some() { 0 } else { self.missing[0].saturating_add(1) };
                by_card.unwrap_or(kernel)
            }
        };
        exchange.is_stamped = true;
        exchange.waits_until = None;
        self.step(now, Input::Sent { token, stamp: Some(stamp) }, outlet);
    }

    fn take_answers(&mut self, now: Timestamp<Mono>, buffer: &mut ExchangeBuffer, outlet: &mut Outlet) {
        // An exchange that is over is closed by the first good answer.
        let Some(exchange) = self.exchange.take() else { return };
        let token = exchange.token;
        let mut is_over = false;
        exchange.socket.receive(buffer, |bytes, kernel, card| {
            let kernel = kernel.map(|stamp| Stamp { epoch: outlet.steps(), ..stamp });
            let stamp = self.arrived(exchange.by.as_ref(), kernel, card, outlet);
            self.step(now, Input::Received { token, bytes, stamp }, outlet);
            is_over |= self.effects_closed(token);
        });
        if !is_over && self.exchange.is_none() {
            self.exchange = Some(exchange);
        }
    }

    fn arrived(
        &mut self,
        by: Option<&ByCard>,
        kernel: Option<Stamp>,
        card: Option<CardArrival>,
        outlet: &mut Outlet,
    ) -> Option<Stamp> {
        let Some(by) = by else { return kernel };
        match outlet.cards.arrived(by, card, kernel) {
            Arrived::Card(stamp) => {
                self.missing[1] = 0;
                Some(stamp)
            }
            Arrived::Kernel(stamp) => {
                self.missing[1] = self.missing[1].saturating_add(1);
                stamp
            }
            Arrived::Set => None,
        }
    }

    fn effects_closed(&self, token: RequestToken) -> bool {
        self.effects.contains(&Effect::Close(token))
    }

    fn step(&mut self, now: Timestamp<Mono>, input: Input<'_>, outlet: &mut Outlet) {
        let mut effects = std::mem::take(&mut self.effects);
        effects.clear();
        self.client.step(now, input, &mut effects);
        let mut failed = None;
        for effect in &effects {
            match effect {
                Effect::Send { frame, token } => {
                    if !self.send(now, *token, frame, outlet) {
                        failed = Some(*token);
                    }
                }
                Effect::Close(token) => {
                    self.exchange = self.exchange.take().filter(|exchange| exchange.token != *token);
                }
                Effect::Observe(observation) => self.observe(*observation, outlet),
                Effect::Source(info) => self.says(now, *info, outlet),
                Effect::Interval(interval) => outlet.tell(SourceMessage::Interval(self.source(), *interval)),
                Effect::Count(counter) => self.counters.count(*counter),
                Effect::State { .. } => {}
            }
        }
        self.effects = effects;
        if let Some(token) = failed {
            self.step(now, Input::SendFailed { token }, outlet);
        }
    }

    fn send(&mut self, now: Timestamp<Mono>, token: RequestToken, frame: &[u8], outlet: &mut Outlet) -> bool {
        self.exchange = None;
        let Some(address) = self.address else { return false };
        let sent = ExchangeSocket::open(address).and_then(|socket| {
            self.know_ourselves(now, &socket);
            let by = self.ask_card(now, &socket, &mut outlet.cards);
            let steps = outlet.steps();
            socket.send(frame)?;
            let departed = Departed::default();
            Ok(Exchange { token, socket, steps, is_stamped: false, departed, waits_until: None, by })
        });
        self.send_error = sent.as_ref().err().and_then(io::Error::raw_os_error);
        self.cut_until = self.send_error.filter(|errno| is_no_way(*errno)).map(|_| now + LOOK_FOR_A_WAY);
        self.exchange = sent.ok();
        self.exchange.is_some()
    }

    /// Has the card stamp as well, if there is one that does, and crosses its clock with the system clock.
    fn ask_card(&mut self, now: Timestamp<Mono>, socket: &ExchangeSocket, cards: &mut ClientCards) -> Option<ByCard> {
        let from = socket.local_address().map(|address| address.ip());
        let mode = self.config.timestamps;
        self.card = from.ok_or(NoCard::NoInterface).and_then(|from| cards.behind(now, from, mode));
        let place = self.card.ok()?;
        socket.ask_card().ok()?;
        cards.before(place)
    }

    /// Who follows the address that the server sees of us has its time from us.
    fn know_ourselves(&mut self, now: Timestamp<Mono>, socket: &ExchangeSocket) {
        let Some(address) = socket.local_address() else { return };
        let seen = Some(reference_id_of(address.ip()));
        if self.own.reference_ids[0] != seen {
            self.own.reference_ids[0] = seen;
            self.client.step(now, Input::Identity(self.own), &mut Emit(|_| ()));
        }
    }

    /// What is known of the server's error and of the path is taken out.
    fn observe(&mut self, observation: Observation, outlet: &mut Outlet) {
        let Observation { mut sent, mut received, correction, .. } = observation;
        let asymmetry = self.config.delay_asymmetry;
        let is_answer = matches!(sent.clock, ClockId::Remote(_));
        let remote = if is_answer { &mut sent } else { &mut received };
        remote.at = remote.at - self.config.time_offset;
        let correction = if is_answer { correction + asymmetry } else { correction - asymmetry };
        if is_answer {
            self.round_trip = self.departed.map(|(departed, arrived)| (received.at - departed) - (sent.at - arrived));
        } else {
            self.departed = Some((sent.at, received.at));
        }
        outlet.tell(SourceMessage::Observation(Observation { sent, received, correction, ..observation }));
    }

    fn says(&mut self, now: Timestamp<Mono>, info: Option<SourceInfo>, outlet: &mut Outlet) {
        self.name.answered(now);
        let is_false = outlet.links.falsetickers.load(Ordering::Acquire) >> self.place & 1 == 1;
        let is_far = info.is_some_and(|info| info.root_distance() > self.config.options.max_distance);
        self.unfit = if info.is_some() && (is_false || is_far) { self.unfit.saturating_add(1) } else { 0 };
        let local = self.orphan.map(|local| (local.stratum, local.distance));
        // The same server with a source and without one: two times that have nothing to do with each other.
        let is_orphan = |info: SourceInfo| local.is_some_and(|(stratum, _)| info.stratum == stratum);
        if self.info.map(is_orphan) != info.map(is_orphan) {
            self.selected_at = None;
        }
        self.info = info;
        self.selected_at = info.map(|_| self.selected_at.unwrap_or(now));
        let address = self.address.map_or([0; 4], |address| reference_id_of(address.ip()));
        let since = self.selected_at.unwrap_or(now);
        let reference = info.map(|info| {
            let distance = local.filter(|_| is_orphan(info)).map(|(_, distance)| distance);
            let reference = reference_of_server(self.source(), &info, address, since);
            let accuracy = reference.accuracy.max(distance);
            Reference { is_orphan: distance.is_some(), accuracy, ..reference }
        });
        outlet.tell(SourceMessage::Reference(self.source(), reference));
    }

    fn report(&self, now: Timestamp<Mono>, cards: &ClientCards) -> NtpReport {
        let stamping = match self.card {
            Err(why) => ClientStamping::Kernel(why),
            Ok(_) if self.missing.iter().any(|missing| *missing >= CARD_MISSING_MAX) => {
                ClientStamping::Kernel(NoCard::Silent)
            }
            Ok(place) => ClientStamping::Card(cards.phc_index(place)),
        };
        NtpReport {
            stamping,
            place: self.place as u8,
            address: self.address,
            no_address: self.no_address,
            all_asked: self.name.left_over(),
            look_up_in: (self.address.is_none() && !self.is_literal)
                .then(|| (self.name.look_up_at() - now).max(Duration::ZERO).as_secs_f64().ceil() as u8),
            state: self.client.state(),
            reach: self.client.reach(),
            interval: self.client.interval(),
            info: self.info,
            round_trip: self.round_trip,
            unanswered: self.client.unanswered(),
            refusal: self.client.refusal(),
            send_error: self.send_error,
        }
    }
}

/// Whether an error says that no way leads to a host: no route, no address of ours that could be used, no link.
const fn is_no_way(errno: i32) -> bool {
    matches!(errno, libc::ENETUNREACH | libc::EHOSTUNREACH | libc::ENETDOWN | libc::EADDRNOTAVAIL)
}

/// How a server at this address stands to ours, where both have no source.
fn orphan_of(local: Option<LocalService>, address: Option<SocketAddr>) -> Option<Orphan> {
    Some(Orphan { stratum: local?.stratum, server: reference_id_of(address?.ip()) })
}

fn client_config(source: &NtpSourceConfig, place: usize, seed: u64, orphan: Option<Orphan>) -> Config {
    Config {
        poll: source.poll,
        poll_max: source.poll_max,
        poll_longest: source.poll_longest,
        iburst: source.iburst,
        burst: source.burst,
        interleaved: source.interleaved,
        orphan,
        ..Config::new(SourceId(NTP_SOURCE.0 + place as u16), seed)
    }
}
