//! The NTP clients of a host: as the daemon's, one for each server, stamped by the system clock.

use super::{Host, Message};
use crate::clock::{Clock as _, reference_of_server};
use crate::discipline::Reference;
use crate::discipline::helm::{SourceOptions, Why};
use crate::engine::{Engine, Taped};
use crate::ntp::client::{Client, Config, Demand, Effect, Input, Name, Orphan, OwnIdentity};
use crate::sim::node::{StampModel, Way};
use crate::sim::{NodeId, ORPHAN_DISTANCE};
use crate::time::{ClockId, LogInterval, Mono, Observation, SourceId, Stamp, Timestamp};

/// The row of the first server; further ones follow.
pub const NTP_SOURCE: SourceId = SourceId(0x100);

/// One server that is asked.
#[derive(Debug)]
pub(in crate::sim) struct Asked {
    /// Whom it asks; `None`: its name is not looked up yet.
    server: Option<NodeId>,
    /// Where it is known by a name: that, and the servers behind it.
    name: Option<(Name, Vec<NodeId>)>,
    /// How it asks.
    config: Config,
    pub client: Taped<Client>,
    /// Whether it has said that it has no source, if it is there.
    is_orphan: Option<bool>,
    /// When it has become reachable.
    selected_at: Option<Timestamp<Mono>>,
    interval: LogInterval,
}

/// What the discipline wants of the clients.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Wanted {
    /// They are to ask at once: nothing is known of the system clock any more.
    pub(super) hurries: bool,
    /// How much is to be asked, and what they were told of that.
    demand: Demand,
    told: Demand,
}

/// Another source steers.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Steered {
    /// Who did.
    pub from: Option<SourceId>,
    /// Who does.
    pub to: Option<SourceId>,
    /// Why.
    pub why: Why,
    /// When the one before was measured last.
    pub heard: Option<Timestamp<Mono>>,
}

/// Who is asked, and as what.
#[derive(Clone, Copy, Debug)]
pub struct ClientConfig {
    /// How it asks; its source is set by its place.
    pub client: Config,
    /// How it is judged.
    pub options: SourceOptions,
}

/// What the server sees of a host whose order among those without a source matters: the last one.
const OWN_ADDRESS: [u8; 4] = [192, 0, 2, 254];

const fn address_of(place: usize) -> [u8; 4] {
    [192, 0, 2, place as u8 + 1]
}

/// The row of a client, by its place.
pub(in crate::sim) fn source_of(place: usize) -> SourceId {
    SourceId(NTP_SOURCE.0 + place as u16)
}

impl Host {
    /// One server, or a name with these behind it, which has to be looked up.
    pub(in crate::sim) fn ask(
        &mut self,
        now: Timestamp<Mono>,
        servers: &[NodeId],
        by_name: bool,
        config: ClientConfig,
    ) {
        let source = source_of(self.clients.len());
        assert!(self.cascade.add_source(source, config.options), "the helm of a host has too few places");
        let address = address_of(self.clients.len());
        let orphan = config.client.orphan.map(|orphan| Orphan { server: address, ..orphan });
        let (asked, interval) = (Config { source, orphan, ..config.client }, config.client.poll);
        self.clients.push(Asked {
            server: servers.first().copied().filter(|_| !by_name),
            name: by_name.then(|| (Name::new(now), servers.to_vec())),
            config: asked,
            client: Taped::new(Client::new(asked)),
            is_orphan: None,
            selected_at: None,
            interval,
        });
        if orphan.is_some() {
            let mut own = OwnIdentity::default();
            own.reference_ids[0] = Some(OWN_ADDRESS);
            let mono = self.mono(now);
            if let Some(asked) = self.clients.last_mut() {
                asked.client.step(mono, Input::Identity(own), &mut Vec::new());
            }
        }
    }

    /// Whether the name of a client is to be looked up now: then it is.
    pub(in crate::sim) fn looks_up(&mut self, now: Timestamp<Mono>, place: usize) -> bool {
        let mono = self.mono(now);
        let Asked { server, name, client, .. } = &mut self.clients[place];
        let Some((name, _)) = name else { return false };
        let wants = name.wants_lookup(mono, server.is_some(), client.state());
        if wants {
            name.looks_up();
        }
        wants
    }

    /// What was found behind a name, if anybody could be asked; a client of another server is a new one, as in the daemon.
    pub(in crate::sim) fn found(&mut self, now: Timestamp<Mono>, place: usize) {
        let (mono, has_names) = (self.mono(now), self.has_names);
        let taken: Vec<_> = self.clients.iter().filter_map(|asked| asked.server).collect();
        let Asked { server, name, config, client, .. } = &mut self.clients[place];
        let Some((name, behind)) = name else { return };
        let Some(another) = name.found(mono, has_names.then_some(&behind[..]), &taken, *server) else { return };
        *server = Some(another);
        config.seed = config.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
        client.change(|client| *client = Client::new(*config));
        self.apply_client(now, place, &Effect::Source(None));
    }

    /// From now on its name server answers, or does not.
    pub(in crate::sim) fn set_names(&mut self, there: bool) {
        self.has_names = there;
    }

    /// Whether its name server answers.
    pub(in crate::sim) fn has_names(&self) -> bool {
        self.has_names
    }

    /// Which server is asked at a place.
    pub(in crate::sim) fn asked(&self, place: usize) -> Option<NodeId> {
        self.clients.get(place).and_then(|asked| asked.server)
    }

    /// How many servers are asked.
    pub(in crate::sim) fn clients(&self) -> usize {
        self.clients.len()
    }

    /// One input of a client.
    pub(in crate::sim) fn step_client(
        &mut self,
        now: Timestamp<Mono>,
        place: usize,
        input: Input<'_>,
        out: &mut Vec<Effect>,
    ) {
        let mono = self.mono(now);
        self.clients[place].client.step(mono, input, out);
    }

    /// What a client wants of the discipline.
    pub(in crate::sim) fn apply_client(&mut self, now: Timestamp<Mono>, place: usize, effect: &Effect) {
        let mono = self.mono(now);
        let asked = &mut self.clients[place];
        match effect {
            Effect::Observe(observation) => self.tell_discipline(now, Message::OfServer(*observation)),
            Effect::Interval(interval) => {
                asked.interval = *interval;
                let source = source_of(place);
                self.tell_discipline(now, Message::ServerInterval(source, *interval));
            }
            Effect::Source(info) => {
                if let Some((name, _)) = asked.name.as_mut().filter(|_| info.is_some()) {
                    name.answered(mono);
                }
                let orphan = asked.config.orphan.map(|orphan| orphan.stratum);
                let is_orphan = info.map(|info| Some(info.stratum) == orphan);
                if std::mem::replace(&mut asked.is_orphan, is_orphan) != is_orphan {
                    // With a source and without one it has two times that have nothing to do with each other.
                    asked.selected_at = None;
                }
                asked.selected_at = info.map(|_| asked.selected_at.unwrap_or(mono));
                let selected_at = asked.selected_at.unwrap_or(mono);
                let source = source_of(place);
                let reference = info.map(|info| {
                    let reference = reference_of_server(source, &info, address_of(place), selected_at);
                    let is_orphan = is_orphan == Some(true);
                    let distance = is_orphan.then_some(ORPHAN_DISTANCE);
                    Reference { is_orphan, accuracy: reference.accuracy.max(distance), ..reference }
                });
                self.tell_discipline(now, Message::Server(source, reference));
            }
            Effect::Send { .. } | Effect::Close(_) | Effect::State { .. } | Effect::Count(_) => {}
        }
    }

    /// A stamp of the system clock, in software.
    pub(in crate::sim) fn stamp_of_kernel(&mut self, now: Timestamp<Mono>, way: Way) -> Stamp {
        let model =
            StampModel { source: crate::time::StampSource::Kernel, noise: self.config.ntp_noise, ..StampModel::IDEAL };
        let reading = (ClockId::System, self.system(now).reading());
        let epoch = self.cascade.system().clock().epoch();
        Stamp { epoch, ..model.stamp(way, reading, &mut self.random_of_clients) }
    }

    pub(super) fn clients_deadline(&self) -> Option<Timestamp<Mono>> {
        let with_address = self.clients.iter().filter(|asked| asked.server.is_some());
        let due = with_address.filter_map(|asked| asked.client.deadline()).min();
        let at_once = self.wanted.hurries.then_some(self.ticked_at);
        at_once.or(due).map(|at| at + self.paused)
    }

    /// Whether all clients are to ask at once, told once.
    pub(in crate::sim) fn take_hurry(&mut self) -> bool {
        std::mem::take(&mut self.wanted.hurries)
    }

    /// Sees how much is to be asked of the servers.
    pub(super) fn look_at_demand(&mut self) {
        if !self.clients.is_empty() {
            let local = self.cascade.system().clock().reading();
            self.wanted.demand = self.cascade.demand(local);
        }
    }

    /// How much is to be asked of the servers, told once.
    pub(in crate::sim) fn take_demand(&mut self) -> Option<Demand> {
        let Wanted { demand, told, .. } = &mut self.wanted;
        (std::mem::replace(told, *demand) != *demand).then_some(*demand)
    }

    /// The interval that is in force for a server.
    #[cfg(test)]
    pub(in crate::sim) fn poll_interval(&self, place: usize) -> LogInterval {
        self.clients[place].client.interval()
    }

    /// The clients whose timers are due.
    pub(in crate::sim) fn is_client_due(&self, now: Timestamp<Mono>, place: usize) -> bool {
        let mono = self.mono(now);
        let asked = &self.clients[place];
        asked.server.is_some() && asked.client.deadline().is_some_and(|at| at <= mono)
    }

    /// Whether a measurement is of before the last step of the system clock, by which nobody can be judged now.
    pub(super) fn is_of_before(&mut self, observation: &Observation) -> bool {
        let epoch = self.cascade.system().clock().epoch();
        let is_old = |stamp: &Stamp| stamp.clock == ClockId::System && stamp.epoch != epoch;
        is_old(&observation.sent) || is_old(&observation.received)
    }

    // ---- On the discipline's thread ----

    pub(super) fn server_says(&mut self, now: Timestamp<Mono>, source: SourceId, reference: Option<Reference>) {
        let (said, interval) = self.server(source);
        *said = reference;
        let interval = *interval;
        self.introduce(now, (source, ClockId::System), reference, Some(interval));
    }

    pub(super) fn server_is_asked(&mut self, now: Timestamp<Mono>, source: SourceId, interval: LogInterval) {
        let (said, asked) = self.server(source);
        *asked = interval;
        let reference = *said;
        self.introduce(now, (source, ClockId::System), reference, Some(interval));
    }

    fn server(&mut self, source: SourceId) -> &mut (Option<Reference>, LogInterval) {
        let place = usize::from(source.0 - NTP_SOURCE.0);
        self.servers.resize(self.clients.len(), (None, LogInterval::new(0)));
        &mut self.servers[place]
    }

    pub(super) fn introduce(
        &mut self,
        now: Timestamp<Mono>,
        whom: (SourceId, ClockId),
        reference: Option<Reference>,
        interval: Option<LogInterval>,
    ) {
        self.steer(now, |cascade, local, notices| {
            cascade.introduce(now, local, whom, reference, interval, &mut |notice| notices.push(notice));
        });
    }
}
