//! The ports of the daemon: where each goes round, and how it begins and ends.

use std::thread::JoinHandle;

use crossbeam_channel::Receiver;
use synchronome_kernel::nic::master_index;

use super::super::discipline::{Command, Guest, PortInlet, PortPlace};
use super::super::events::{EVENTS_RING, Event};
use super::super::host::{clock_identity_of, has_link};
use super::super::model::arb_policy;
use super::super::phcs::User;
use super::super::port::{
    FORWARDS_RING, MANAGEMENT_RING, ManagementLinks, OwnThread, PORT_RING, PortLinks, PortLoop, REPORT_RING, Served,
    spawn_port,
};
use super::super::wake::Sleeper;
use super::cards::CardWish;
use super::management::NetworkManagement;
use super::{Daemon, join};
use crate::config::{DelayMechanism, EthernetGroup, PtpConfig, PtpTransport, TimestampMode};
use crate::engine::{EngineKind, Taped};
use crate::net::{Card, LOOK_EVERY, Marks, OneStep, PtpSockets, SocketOptions, StampMode, Stamping, Transport};
use crate::observe::{Change, EventKind, Level, Topic};
use crate::ptp::{
    Address, PeerDelayConfig, Port, Role, ServingConfig, StaticRole, SyncOrigin, UnicastClientConfig,
    UnicastServerConfig,
};
use crate::sharing::{Doorbell, Drops, Flag, Latch, Pulse, Ring, RingReader};
use crate::time::{Duration, Local, LogInterval, Mono, SourceId, Timestamp};
use crate::wire::ptp::ClockIdentity;

/// Until the master has stated its own logMinDelayReqInterval, in its first answer: the profile's 1 s would only delay
/// that answer.
const FIRST_DELAY_REQ_INTERVAL: LogInterval = LogInterval::new(-2);

/// How long the discipline may take to give a port back.
const GIVE_BACK_MAX: Duration = Duration::from_secs(2);

/// Where a port goes round.
#[derive(Debug)]
pub(super) enum Place {
    /// On a thread of its own.
    Own { thread: JoinHandle<()>, stop: Latch },
    /// On the discipline's, from which it comes back this way.
    Shared(Receiver<Box<PortLoop<Taped<Port>>>>),
}

impl Place {
    /// Whether it goes round no more, without having been asked to end.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Own { thread, .. } => thread.is_finished(),
            Self::Shared(back) => !back.is_empty(),
        }
    }
}

/// A running port.
#[derive(Debug)]
pub(super) struct RunningPort {
    pub(super) place: Place,
    pub(super) link: Flag,
    pub(super) doorbell: Doorbell,
    pub(super) events: RingReader<Event>,
    /// Management over the network, where it is wanted of this port.
    pub(super) management: Option<NetworkManagement>,
    /// What the rings to and from the discipline have dropped.
    pub(super) dropped: [Drops; 2],
    pub(super) interface_index: u32,
    /// The bond or bridge that it was a member of when its sockets were opened, which hear that one's frames too.
    pub(super) master_index: Option<u32>,
    /// The card that stamps for it, and when its setting is looked at next.
    pub(super) card: Option<Card>,
    /// The card's stamps would be welcome, and could not be had.
    pub(super) card_wish: Option<CardWish>,
    pub(super) look_at: Timestamp<Mono>,
    /// Messages that were sent got no stamps of it.
    pub(super) is_unstamped: bool,
}

impl RunningPort {
    /// Whether management messages have arrived.
    pub(super) fn is_asked(&self) -> bool {
        self.management.as_ref().is_some_and(NetworkManagement::is_asked)
    }

    /// Something is the matter with its card: it is looked at now, and thoroughly.
    pub(super) fn suspect_its_card(&mut self, now: Timestamp<Mono>) {
        self.look_at = now;
        self.card.iter_mut().for_each(Card::suspect_a_move);
    }
}

impl Daemon {
    /// Starts the ports that can start, and ends those whose interface is gone.
    pub(super) fn look_after_ports(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>) {
        for port in 0..self.ports.len() {
            let interface = self.config.ptp[port].interface.clone();
            let index = nix::net::if_::if_nametoindex(interface.as_str()).ok();
            if let Some(running) = &self.ports[port] {
                let is_same =
                    index == Some(running.interface_index) && master_index(&interface) == running.master_index;
                if is_same && !running.place.is_over() {
                    if running.link.set(has_link(&interface)) {
                        running.doorbell.ring();
                        // With the link came its speed.
                        self.tell_interfaces();
                    }
                    continue;
                }
                let (level, text) = if running.place.is_over() {
                    (Level::Error, format!("port {interface}: it has ended by itself; starting it again"))
                } else if index == Some(running.interface_index) {
                    (
                        Level::Warn,
                        format!("port {interface}: it belongs to another bond or bridge now; opening it again"),
                    )
                } else {
                    (Level::Warn, format!("port {interface}: its interface is gone; waiting for it"))
                };
                self.stop_port(port);
                let change = Change::of(EventKind::Port, interface).to("stopped");
                self.model.events.record_change((now, local.read_as()), (level, Topic::Ptp), change, text, &[]);
            }
            self.try_start_port(port, now, local);
        }
    }

    pub(super) fn try_start_port(&mut self, port: usize, now: Timestamp<Mono>, local: Timestamp<Local>) {
        let at = (now, local.read_as());
        let config = self.config.ptp[port].clone();
        let problem = self.start_port(port, &config, now).err();
        let model = &mut self.model.ports[port];
        if problem == model.waiting_for {
            return;
        }
        let interface = &config.interface;
        let (level, text) = match &problem {
            Some(problem) => (Level::Warn, format!("port {interface}: waiting: {problem}")),
            None => (Level::Info, format!("port {interface}: started")),
        };
        let change = Change::of(EventKind::Port, &**interface);
        let change = match &problem {
            Some(problem) => change.to("waiting").because(&**problem),
            None => change.to("started"),
        };
        model.waiting_for = problem;
        self.model.events.record_change(at, (level, Topic::Ptp), change, text, &[]);
    }

    pub(super) fn start_port(&mut self, port: usize, config: &PtpConfig, now: Timestamp<Mono>) -> Result<(), String> {
        let mut sockets = PtpSockets::open(&self.socket_options(port)).map_err(|error| error.to_string())?;
        sockets.count_waits(self.model.ports[port].waits.clone());
        let interface_index = sockets.interface_index();
        let master_index = master_index(&config.interface);
        let stamping = self.use_phc(port, config, &mut sockets)?;
        let mut card = sockets.take_card();
        let is_in_vain = config.timestamps == TimestampMode::Auto && matches!(stamping, Stamping::Software(_));
        let card_wish = is_in_vain.then(|| CardWish::new(now));
        if is_in_vain && let Some(card) = card.take() {
            self.give_back(card);
        }
        let mut engine_config = self.engine_config(port, config);
        let one_step = match (&stamping, &card) {
            (Stamping::Hardware { .. }, Some(card)) => card.one_step(),
            _ => OneStep::Nothing,
        };
        if one_step >= OneStep::Sync {
            engine_config.serving.origin = SyncOrigin::Card;
        }
        if let Some(peer_delay) = &mut engine_config.peer_delay {
            peer_delay.one_step = one_step >= OneStep::SyncAndAnswers;
        }
        let mut engine = Taped::new(Port::new(engine_config));
        engine.record_by(self.traces.stream(port_name(port), EngineKind::PtpPort));
        let own = if self.shares_a_thread() {
            None
        } else {
            let sleeper = Sleeper::new().map_err(|error| error.to_string())?;
            Some(OwnThread { pulse: Pulse::new(now), stop: Latch::default(), sleeper })
        };
        let doorbell = own.as_ref().map_or_else(|| self.discipline.doorbell.clone(), |own| own.sleeper.doorbell());
        let (to_discipline, messages) = Ring::with_capacity(PORT_RING, self.discipline.doorbell.clone());
        let (forward, forwards) = Ring::with_capacity(FORWARDS_RING, self.discipline.doorbell.clone());
        let (reports, from_discipline) = Ring::with_capacity(REPORT_RING, doorbell.clone());
        let (events, inbox) = Ring::with_capacity(EVENTS_RING, self.sleeper.doorbell());
        let (management, asked) = if config.management {
            let (to_control, requests) = Ring::with_capacity(MANAGEMENT_RING, self.sleeper.doorbell());
            let (responses, from_control) = Ring::with_capacity(MANAGEMENT_RING, doorbell.clone());
            (Some(ManagementLinks { to_control, from_control }), Some(NetworkManagement::new(now, requests, responses)))
        } else {
            (None, None)
        };
        let link = Flag::new(has_link(&config.interface));
        let links = PortLinks {
            port: port as u8,
            to_discipline: Some(to_discipline),
            forwards: Some(forward),
            from_discipline: Some(from_discipline),
            served: (config.role != Role::Slave).then(|| Served::new(self.snapshot.clone(), self.lines.clone())),
            management,
            events,
            counters: self.model.ports[port].counters(),
            link: link.clone(),
        };
        let dropped = [messages.drops(), links.from_discipline.as_ref().map_or(inbox.drops(), RingReader::drops)];
        let arb_timescale = arb_policy(config.arb_timescale);
        let place = PortPlace {
            identity: engine_config.port_identity(),
            domain: (config.domain, config.sdo_id),
            role: engine_config.role,
            comparison: engine_config.comparison,
        };
        let inlet = PortInlet::new((messages, forwards), reports, place, arb_timescale);
        let place = self.set_going(port, PortLoop::new(engine, sockets, links), own, inlet)?;
        self.model.ports[port].started(stamping.clone(), one_step >= OneStep::Sync);
        let look_at = now + LOOK_EVERY;
        let running = RunningPort {
            place,
            link,
            doorbell,
            events: inbox,
            management: asked,
            dropped,
            interface_index,
            master_index,
            card,
            card_wish,
            look_at,
            is_unstamped: false,
        };
        self.ports[port] = Some(running);
        self.tell_interfaces();
        self.say_stamping(port, &stamping);
        Ok(())
    }

    /// Whether the port goes round on the discipline's thread: the only one, asked to run where that does. Then a
    /// message wakes one thread and not two. Not one that sends to many, each by a system call.
    pub(super) fn shares_a_thread(&self) -> bool {
        let is_for_many = |port: &PtpConfig| port.unicast_clients > 0;
        self.config.ptp.len() == 1
            && !self.config.ptp.iter().any(is_for_many)
            && self.config.threads.ptp == self.config.threads.discipline
    }

    /// The discipline hears of a port, which goes round from now on.
    pub(super) fn set_going(
        &mut self,
        port: usize,
        body: PortLoop<Taped<Port>>,
        own: Option<OwnThread>,
        inlet: PortInlet,
    ) -> Result<Place, String> {
        let stalled = || Err("the discipline thread does not answer".to_owned());
        if !self.command(Command::AddPort(port, Box::new(inlet))) {
            return stalled();
        }
        let Some(own) = own else {
            let (back, returned) = crossbeam_channel::bounded(1);
            let is_taken = self.command(Command::Host(Guest { row: port, port: Box::new(body), back }));
            return if is_taken { Ok(Place::Shared(returned)) } else { stalled() };
        };
        let (stop, pulse, config) = (own.stop.clone(), own.pulse.clone(), self.config.threads.ptp);
        let thread = spawn_port(port_name(port), config, body, own).map_err(|error| error.to_string())?;
        self.watchdog.add(port_name(port), config, pulse);
        Ok(Place::Own { thread, stop })
    }

    pub(super) fn engine_config(&mut self, port: usize, config: &PtpConfig) -> crate::ptp::Config {
        // One clockIdentity for all ports of the clock: that of the first.
        let random = self.random.next_u64();
        let own = *self.identity.get_or_insert_with(|| clock_identity_of(&config.interface, random));
        let identity = config.clock_identity.map_or(own, ClockIdentity);
        let seed = self.random.next_u64();
        crate::ptp::Config {
            port_number: self.config.ptp_port_number(port),
            role: config.role,
            serving: ServingConfig {
                log_announce_interval: config.log_announce_interval,
                log_sync_interval: config.log_sync_interval,
                log_min_delay_req_interval: config.log_min_delay_req_interval,
                power: config.power_grandmaster_id,
                ..ServingConfig::DEFAULT
            },
            domain: config.domain,
            sdo_id: config.sdo_id,
            minor_version: config.minor_version,
            // An answer to us alone does not say how often we may ask.
            log_min_delay_req_interval: if config.hybrid {
                config.log_min_delay_req_interval
            } else {
                FIRST_DELAY_REQ_INTERVAL
            },
            peer_delay: (config.delay == DelayMechanism::P2p).then(|| PeerDelayConfig {
                log_min_pdelay_req_interval: LogInterval::new(config.log_min_pdelay_req_interval),
                neighbor_delay_max: config.neighbor_delay_max,
                neighbor_delay_min: config.neighbor_delay_min,
                as_capable: config.as_capable,
                one_step: false,
            }),
            comparison: config.comparison,
            grandmasters: config.grandmasters,
            acceptable_masters: config.acceptable_masters,
            unicast_server: UnicastServerConfig {
                clients_max: config.unicast_clients,
                duration_max_s: config.unicast_duration_max_s,
                intervals_min: [config.unicast_log_interval_min; 3],
            },
            unicast: UnicastClientConfig {
                masters: config.unicast_masters.map(|address| address.map(Address::from)),
                duration_s: config.unicast_duration_s,
                wait_to_restore: config.wait_to_restore,
                signal: config.signal,
                intervals: [config.log_announce_interval, config.log_sync_interval, config.log_min_delay_req_interval],
            },
            path_trace: config.path_trace,
            hybrid: config.hybrid,
            intervals: config.intervals,
            gptp_capable: config.gptp_capable,
            // Nobody says what the master counts: TAI, unless the file does.
            static_role: config.static_role.then(|| StaticRole { ptp_timescale: config.arb_timescale.is_none() }),
            announce_receipt_timeout: config.announce_receipt_timeout,
            delay_asymmetry: config.delay_asymmetry,
            ingress_latency: config.ingress_latency,
            egress_latency: config.egress_latency,
            ..crate::ptp::Config::new(SourceId(port as u16), identity, seed)
        }
    }

    pub(super) fn socket_options(&self, port: usize) -> SocketOptions {
        let config = &self.config.ptp[port];
        SocketOptions {
            interface: config.interface.clone(),
            transport: match config.transport {
                PtpTransport::Udp4 => Transport::Udp4,
                PtpTransport::Udp6 => Transport::Udp6 { scope: config.udp6_scope },
                PtpTransport::Ethernet => Transport::Ethernet,
            },
            event_port: config.event_port,
            general_port: config.general_port,
            one_step: if self.against_one_step(port).is_none() { self.one_step_wanted(port) } else { OneStep::Nothing },
            timestamps: match config.timestamps {
                TimestampMode::Auto => StampMode::Auto,
                TimestampMode::Hardware => StampMode::Hardware,
                TimestampMode::Software => StampMode::Software,
            },
            peer_delay: config.delay == DelayMechanism::P2p,
            link_group: config.ethernet_group == EthernetGroup::Link,
            marks: Marks {
                hop_limit: config.marks.hop_limit,
                dscp: config.marks.dscp,
                priority: config.marks.priority,
            },
        }
    }

    pub(super) fn stop_port(&mut self, port: usize) {
        let Some(running) = self.ports[port].take() else { return };
        match running.place {
            Place::Own { thread, stop } => {
                stop.set();
                running.doorbell.ring();
                join(port_name(port), thread);
                self.watchdog.remove(port_name(port));
                _ = self.command(Command::RemovePort(port));
            }
            Place::Shared(back) => {
                _ = self.command(Command::RemovePort(port));
                // Its sockets are closed here. A discipline that is stalled, or has ended, closes them itself.
                drop(back.recv_timeout(GIVE_BACK_MAX.to_std()));
            }
        }
        if let Some(card) = running.card {
            self.give_back(card);
        }
        self.model.ports[port].ended();
        self.tell_interfaces();
        self.release_phc(User::Port(port));
    }
}

/// Threads want names that live for ever; there are as many as ports.
pub(super) fn port_name(port: usize) -> &'static str {
    const NAMES: [&str; crate::config::PTP_PORTS_MAX] =
        ["ptp-0", "ptp-1", "ptp-2", "ptp-3", "ptp-4", "ptp-5", "ptp-6", "ptp-7"];
    NAMES[port % NAMES.len()]
}
