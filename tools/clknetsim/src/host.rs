//! What a node sees of its world: one clock that stamps, the network, and an instant at which both are looked at.

use std::cell::{Cell, RefCell, RefMut};
use std::rc::Rc;

use synchronome::ptp::clock_identity;
use synchronome::time::{ClockEpoch, ClockId, Duration, Local, Mono, Stamp, StampSource, Timestamp};
use synchronome::wire::ptp::ClockIdentity;

use crate::connection::{Connection, Fault};
use crate::protocol::{Packet, PacketKind, Times, Timex, Wake};

/// What clknetsim's library adds to the readings of its clocks: 2010-01-01.
pub const BEGINNING: Timestamp<Local> = Timestamp::from_secs(1_262_304_000);

/// A timeout is never shorter: half a unit of the server's arithmetic in vain, and the world stands still for ever.
const TIMEOUT_MIN: Duration = Duration::from_nanos(1);
/// Nor longer, though nothing is due.
const TIMEOUT_MAX: Duration = Duration::from_secs(1_000);

/// What an Ethernet frame with a UDP datagram has beside the datagram's payload, its check sequence included.
const FRAME_OVERHEAD: usize = 46;

/// What is told of the node.
#[derive(Clone, Copy, Debug)]
pub struct HostConfig {
    /// From 0.
    pub node: u32,
    /// The clock that stamps, from 0; 0 is the main one, the others are PHCs.
    pub clock: u32,
    /// The network, from 0.
    pub subnet: u32,
    /// In Mb/s, as `CLKNETSIM_LINK_SPEED` has it.
    pub link_speed: u32,
}

/// An instant.
#[derive(Clone, Copy, Debug)]
pub struct Instant {
    /// The node's CLOCK_MONOTONIC.
    pub mono: Timestamp<Mono>,
    /// The stamping clock as programs read it: in whole nanoseconds.
    pub local: Timestamp<Local>,
    /// The same as the simulation knows it.
    pub exact: Timestamp<Local>,
    /// What the stamping clock ought to read.
    pub truth: Timestamp<Local>,
}

/// A datagram that came in.
#[derive(Clone, Debug)]
pub struct Datagram {
    /// Who sent it, from 0.
    pub from: u32,
    /// From which port.
    pub from_port: u32,
    /// To which port.
    pub to_port: u32,
    /// Its payload.
    pub data: Vec<u8>,
}

impl Instant {
    fn new(main: &Times, stamping: &Times) -> Self {
        let exact = BEGINNING + Duration::from_secs_f64(stamping.real);
        Self {
            mono: Timestamp::EPOCH + Duration::from_secs_f64(main.monotonic),
            local: nearest_nanosecond(exact),
            exact,
            truth: BEGINNING + Duration::from_secs_f64(stamping.network),
        }
    }

    /// What the stamping clock is ahead of the truth.
    pub fn true_error(&self) -> Duration {
        self.exact - self.truth
    }
}

/// See the module's text. Clones are of the same node.
#[derive(Clone, Debug)]
pub struct Host {
    shared: Rc<Shared>,
    config: HostConfig,
}

#[derive(Debug)]
struct Shared {
    connection: RefCell<Connection>,
    /// What the clocks read, until time goes on or one of them is adjusted.
    instant: Cell<Option<Instant>>,
    /// Counts the steps of the stamping clock.
    epoch: Cell<ClockEpoch>,
}

impl Host {
    /// A node whose time has begun.
    ///
    /// # Errors
    /// [`Fault::Missing`].
    pub fn new(connection: Connection, config: HostConfig) -> Result<Self, Fault> {
        if config.clock >= connection.clocks() {
            return Err(Fault::Missing("clock"));
        }
        if config.subnet >= connection.subnets() {
            return Err(Fault::Missing("network"));
        }
        let shared = Shared { connection: RefCell::new(connection), instant: Cell::new(None), epoch: Cell::default() };
        Ok(Self { shared: Rc::new(shared), config })
    }

    /// What it was made with.
    pub const fn config(&self) -> &HostConfig {
        &self.config
    }

    fn connection(&self) -> RefMut<'_, Connection> {
        self.shared.connection.borrow_mut()
    }

    /// clock_adjtime(2) of the stamping clock: what it returns, and the values in force.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn adjust(&self, timex: Timex) -> Result<(i32, Timex), Fault> {
        self.shared.instant.set(None);
        let (state, found) = self.connection().adjust(self.config.clock, timex)?;
        if state >= 0 && timex.modes & Timex::SET_OFFSET != 0 {
            self.shared.epoch.set(self.epoch().next());
        }
        Ok((state, found))
    }

    /// The epoch of the stamping clock: another one after each step.
    pub fn epoch(&self) -> ClockEpoch {
        self.shared.epoch.get()
    }

    /// The clock that stamps.
    pub const fn clock_id(&self) -> ClockId {
        match self.config.clock {
            0 => ClockId::System,
            index => ClockId::Phc((index - 1) as u8),
        }
    }

    /// clockIdentity by the MAC address that clknetsim's library gives this node.
    pub const fn identity(&self) -> ClockIdentity {
        let HostConfig { node, subnet, .. } = self.config;
        clock_identity([0x12, 0x34, 0x56, 0x78, subnet as u8 + 1, node as u8 + 1])
    }

    /// Now.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn now(&self) -> Result<Instant, Fault> {
        match self.shared.instant.get() {
            Some(instant) => Ok(instant),
            None => self.look(None),
        }
    }

    /// Asks for what is not known yet of this instant.
    fn look(&self, main: Option<Times>) -> Result<Instant, Fault> {
        // Timers run by the main clock, whichever stamps.
        let main = main.map_or_else(|| self.connection().times(0), Ok)?;
        let stamping = match self.config.clock {
            0 => main,
            clock => self.connection().times(clock)?,
        };
        let instant = Instant::new(&main, &stamping);
        self.shared.instant.set(Some(instant));
        Ok(instant)
    }

    /// Lets time go on until `deadline`, or until a packet comes.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn sleep(&self, now: Timestamp<Mono>, deadline: Option<Timestamp<Mono>>) -> Result<Wake, Fault> {
        let timeout = deadline.map_or(TIMEOUT_MAX, |deadline| deadline - now);
        let nanos = timeout.max(TIMEOUT_MIN).min(TIMEOUT_MAX).ticks().div_euclid(TIMEOUT_MIN.ticks()) + 1;
        let selected = self.connection().select(nanos as f64 * 1e-9)?;
        self.look(Some(selected.times))?;
        Ok(selected.wake)
    }

    /// The packet that has woken us; `None` if it is none for us: of another network, or not UDP.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn receive(&self) -> Result<Option<Datagram>, Fault> {
        let mut connection = self.connection();
        let packet = connection.receive()?;
        let is_ours = packet.kind == PacketKind::Udp && packet.subnet == self.config.subnet;
        Ok(is_ours.then(|| Datagram {
            from: packet.peer,
            from_port: packet.from_port,
            to_port: packet.to_port,
            data: packet.data.to_vec(),
        }))
    }

    /// Sends a UDP datagram to a node, or to [`EVERYBODY`](crate::protocol::EVERYBODY).
    ///
    /// # Errors
    /// [`Fault`].
    pub fn send(&self, peer: u32, from_port: u16, to_port: u16, data: &[u8]) -> Result<(), Fault> {
        let (from_port, to_port) = (u32::from(from_port), u32::from(to_port));
        let packet = Packet { kind: PacketKind::Udp, subnet: self.config.subnet, peer, from_port, to_port, data };
        self.connection().send(packet)
    }

    /// The stamp of a packet that leaves at `instant`.
    pub fn transmit_stamp(&self, instant: &Instant, source: StampSource) -> Stamp {
        self.stamp(instant.local, source)
    }

    /// The stamp of a datagram of so many octets that has arrived at `instant`: a card stamps the beginning of a frame, and the
    /// packet is here when its end is.
    pub fn receive_stamp(&self, instant: &Instant, source: StampSource, len: usize) -> Stamp {
        let bits = 8 * (len + FRAME_OVERHEAD);
        let duration = match source {
            StampSource::Hardware => Duration::from_secs_f64(bits as f64 / (1e6 * f64::from(self.config.link_speed))),
            StampSource::Kernel | StampSource::Program | StampSource::Message => Duration::ZERO,
        };
        self.stamp(nearest_nanosecond(instant.local - duration), source)
    }

    fn stamp(&self, at: Timestamp<Local>, source: StampSource) -> Stamp {
        let error = Duration::from_nanos(1);
        Stamp { at, clock: self.clock_id(), epoch: self.epoch(), source, error }
    }
}

fn nearest_nanosecond(at: Timestamp<Local>) -> Timestamp<Local> {
    Timestamp::from_nanos((at + Duration::from_nanos(1).half()).nanos())
}
