//! What management messages are answered (IEEE 1588-2019 15), as a pure function of the data sets.
//!
//! The data sets live in several threads: states in the ports, the offset in the discipline, the configuration in the
//! thread that answers. The obvious way is to let each port answer for itself, as the standard describes it; then timing
//! threads format texts, and no two answers are of one moment. Here one thread puts all values together ([`ManagedClock`]),
//! and what is asked is answered from that: by a GET over the network as by `pmc` on this machine.
//!
//! ```text
//! request -> for this clock? -> one MANAGEMENT TLV -> GET: a response for the clock, or of each port that is meant
//!                                                    SET, COMMAND: an error, but for the owner on this machine
//! ```
//!
//! What is refused says why by the standard's own numbers (15.5.4): a managementId that is none is NO_SUCH_ID, one that is
//! known and not offered NOT_SUPPORTED, one that cannot be set NOT_SETABLE, an absent port WRONG_VALUE. A response is never
//! sent to more than asked: one for each port that a GET means.

mod acceptable;
mod subscription;

pub use subscription::{ManagedEvents, Subscription, notify};

use std::net::IpAddr;

use super::{AcceptableMaster, PortState};
use crate::time::LogInterval;
use crate::wire::ptp::{
    Action, Body, ClockDescription, ClockIdentity, CorrectionField, CurrentDataSet, DefaultDataSet, Extension, Flags,
    GrandmasterSettingsNp, Header, Management, ManagementData, ManagementErrorId, ManagementErrorStatus, ManagementId,
    ManagementTlv, Message, MessageType, ParentDataSet, PortDataSet, PortDataSetNp, PortIdentity, PortPropertiesNp,
    PortStatsNp, PtpText, TimePropertiesDataSet, TimeStatusNp, TlvType, Tlvs, VERSION_PTP, WireTimestamp, write,
};

/// The longest response, in octets: PORT_STATS_NP has 320. What does not fit is RESPONSE_TOO_BIG.
pub const MANAGEMENT_MAX: usize = 512;

/// portNumber of all ports of a clock (7.5.2.3).
const ALL_PORTS: u16 = 0xffff;

/// delayMechanism (table 21).
const E2E: u8 = 1;
const P2P: u8 = 2;

/// networkProtocol (table 3).
const UDP_IPV4: u16 = 1;
const UDP_IPV6: u16 = 2;

/// clockType (15.5.3.1.2.1).
const ORDINARY_CLOCK: u16 = 0x8000;
const BOUNDARY_CLOCK: u16 = 0x4000;

/// SYNCHRONIZATION_UNCERTAIN_NP of linuxptp: nobody has set the flag from outside ("don't care"), and a reserved octet.
const UNCERTAINTY_BY_ITSELF: [u8; 2] = [0xff, 0];

/// The flags of UTC_PROPERTIES, TRACEABILITY_PROPERTIES and TIMESCALE_PROPERTIES among those of the time properties.
const UTC: u16 = Flags::LEAP61.0 | Flags::LEAP59.0 | Flags::CURRENT_UTC_OFFSET_VALID.0;
const TRACEABILITY: u16 = Flags::TIME_TRACEABLE.0 | Flags::FREQUENCY_TRACEABLE.0;
const TIMESCALE: u16 = Flags::PTP_TIMESCALE.0;

/// A PTP clock as management sees it: its data sets of one moment.
#[derive(Clone, PartialEq, Debug)]
pub struct ManagedClock {
    /// sdoId, 12 bits.
    pub sdo_id: u16,
    /// minorVersionPTP of what we send.
    pub minor_version: u8,
    /// defaultDS.
    pub default_ds: DefaultDataSet,
    /// currentDS.
    pub current_ds: CurrentDataSet,
    /// parentDS.
    pub parent_ds: ParentDataSet,
    /// timePropertiesDS.
    pub time_properties_ds: TimePropertiesDataSet,
    /// What the clock shows, in the timescale of its time properties; `None`: nobody vouches for it.
    pub time: Option<WireTimestamp>,
    /// linuxptp's view of the same.
    pub time_status: TimeStatusNp,
    /// What the clock says of itself where it is the grandmaster.
    pub grandmaster_settings: GrandmasterSettingsNp,
    /// pathTraceDS.enable.
    pub traces_path: bool,
    /// pathTraceDS.list: the clocks that the parent's Announce has passed, the grandmaster first; `None`: more than are kept.
    pub path: Option<Vec<ClockIdentity>>,
    /// What who asks has subscribed to.
    pub subscription: Subscription,
    /// Who asks has a place among those who are told, or there is one for it.
    pub may_subscribe: bool,
    /// What the operator calls it; beyond 128 octets it is cut off.
    pub user_description: String,
    /// Manufacturer, model and instance, separated by semicolons; at most 64 octets.
    pub product_description: String,
    /// Revisions of hardware, firmware and software, separated by semicolons; at most 32 octets.
    pub revision_data: String,
    /// Its ports, in the order of their numbers.
    pub ports: Vec<ManagedPort>,
}

/// A port of it.
#[derive(Clone, PartialEq, Debug)]
pub struct ManagedPort {
    /// portDS.
    pub port_ds: PortDataSet,
    /// portDS.masterOnly.
    pub master_only: bool,
    /// The network interface.
    pub interface: String,
    /// Its MAC address; empty if it has none.
    pub physical_address: Vec<u8>,
    /// networkProtocol: 1 UDP/IPv4, 2 UDP/IPv6, 3 Ethernet (table 3).
    pub network_protocol: u16,
    /// Its address of that protocol.
    pub protocol_address: Vec<u8>,
    /// 0: the kernel takes the stamps, 1: the card.
    pub timestamping: u8,
    /// The kernel's number of the hardware clock that takes them: N of `/dev/ptpN`.
    pub phc_index: Option<u32>,
    /// The peer delay mechanism.
    pub peer: PortDataSetNp,
    /// The unicast negotiation; `None`: the port does not take part.
    pub unicast: Option<ManagedUnicast>,
    /// Whose Announce it heeds; empty: anybody's.
    pub acceptable_masters: Vec<AcceptableMaster>,
    /// Messages received, by messageType.
    pub received: [u64; 16],
    /// Messages sent, by messageType.
    pub sent: [u64; 16],
}

/// The unicast negotiation of a port (IEEE 1588-2019 17.4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ManagedUnicast {
    /// logQueryInterval: how often a master is asked that does not answer.
    pub log_query_interval: LogInterval,
    /// The masters' addresses; a master itself has none.
    pub masters: Vec<IpAddr>,
    /// How many there may be.
    pub masters_max: u16,
}

impl ManagedUnicast {
    /// UNICAST_MASTER_TABLE (15.5.3.7.14): logQueryInterval, how many, and a PortAddress of each.
    fn table(&self) -> Vec<u8> {
        let mut octets = vec![self.log_query_interval.log2_seconds() as u8];
        octets.extend((self.masters.len() as u16).to_be_bytes());
        for master in &self.masters {
            let (network_protocol, address) = match master {
                IpAddr::V4(address) => (UDP_IPV4, address.octets().to_vec()),
                IpAddr::V6(address) => (UDP_IPV6, address.octets().to_vec()),
            };
            octets.extend(network_protocol.to_be_bytes());
            octets.extend((address.len() as u16).to_be_bytes());
            octets.extend(address);
        }
        octets
    }
}

impl ManagedPort {
    /// delayMechanism by whether the delay of the link is measured.
    pub const fn delay_mechanism(is_peer_delay: bool) -> u8 {
        if is_peer_delay { P2P } else { E2E }
    }

    /// PORT_HWCLOCK_NP of linuxptp: portIdentity, the number of the hardware clock (-1: none), no flags, and a reserved octet.
    fn hardware_clock(&self) -> Vec<u8> {
        let PortIdentity { clock_identity, port_number } = self.port_ds.port_identity;
        let index = self.phc_index.and_then(|index| i32::try_from(index).ok()).unwrap_or(-1);
        [&clock_identity.0[..], &port_number.to_be_bytes(), &index.to_be_bytes(), &[0; 2]].concat()
    }

    /// The data sets of the port that are lists, or linuxptp's own.
    fn list(&self, id: ManagementId) -> Option<Vec<u8>> {
        let unicast = self.unicast.as_ref();
        match id {
            ManagementId::PORT_HWCLOCK_NP => Some(self.hardware_clock()),
            ManagementId::UNICAST_MASTER_TABLE => Some(unicast.map_or_else(|| vec![0; 3], ManagedUnicast::table)),
            ManagementId::UNICAST_MASTER_MAX_TABLE_SIZE => {
                Some(unicast.map_or(0, |unicast| unicast.masters_max).to_be_bytes().to_vec())
            }
            _ => None,
        }
    }
}

/// By which way a request came, and so what it may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asker {
    /// Over the network, by the port of this number: it may GET.
    Network {
        /// portNumber.
        port: u16,
    },
    /// From this machine.
    Local {
        /// The user that the daemon runs as, or root: it may SET too.
        is_owner: bool,
    },
}

/// What the owner has set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Setting {
    /// priority1.
    Priority1(u8),
    /// priority2.
    Priority2(u8),
    /// What who asks is to be told of from now on, which anybody on this machine may ask for.
    Subscription(Subscription),
}

/// What an id is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scope {
    Clock,
    Port,
    /// It is known, and not offered.
    Refused(ManagementErrorId),
}

impl Scope {
    const fn of(id: ManagementId) -> Self {
        use ManagementId as Id;
        match id {
            Id::USER_DESCRIPTION
            | Id::DEFAULT_DATA_SET
            | Id::CURRENT_DATA_SET
            | Id::PARENT_DATA_SET
            | Id::TIME_PROPERTIES_DATA_SET
            | Id::PRIORITY1
            | Id::PRIORITY2
            | Id::DOMAIN
            | Id::SLAVE_ONLY
            | Id::TIME
            | Id::CLOCK_ACCURACY
            | Id::UTC_PROPERTIES
            | Id::TRACEABILITY_PROPERTIES
            | Id::TIMESCALE_PROPERTIES
            | Id::PATH_TRACE_LIST
            | Id::PATH_TRACE_ENABLE
            | Id::ACCEPTABLE_MASTER_TABLE
            | Id::ACCEPTABLE_MASTER_MAX_TABLE_SIZE
            | Id::TIME_STATUS_NP
            | Id::SUBSCRIBE_EVENTS_NP
            | Id::SYNCHRONIZATION_UNCERTAIN_NP
            | Id::GRANDMASTER_SETTINGS_NP => Self::Clock,
            Id::NULL_PTP_MANAGEMENT
            | Id::CLOCK_DESCRIPTION
            | Id::PORT_DATA_SET
            | Id::LOG_ANNOUNCE_INTERVAL
            | Id::ANNOUNCE_RECEIPT_TIMEOUT
            | Id::LOG_SYNC_INTERVAL
            | Id::VERSION_NUMBER
            | Id::MASTER_ONLY
            | Id::UNICAST_NEGOTIATION_ENABLE
            | Id::UNICAST_MASTER_TABLE
            | Id::UNICAST_MASTER_MAX_TABLE_SIZE
            | Id::ACCEPTABLE_MASTER_TABLE_ENABLED
            | Id::DELAY_MECHANISM
            | Id::LOG_MIN_PDELAY_REQ_INTERVAL
            | Id::PORT_DATA_SET_NP
            | Id::PORT_PROPERTIES_NP
            | Id::PORT_HWCLOCK_NP
            | Id::PORT_STATS_NP => Self::Port,
            _ if id.name().is_some() => Self::Refused(ManagementErrorId::NOT_SUPPORTED),
            _ => Self::Refused(ManagementErrorId::NO_SUCH_ID),
        }
    }
}

/// A request that is for this clock, as far as its answers need it.
#[derive(Clone, Copy, Debug)]
struct Request<'a> {
    header: Header,
    body: Management,
    id: ManagementId,
    /// What a SET carries.
    data: Result<ManagementData<'a>, ManagementErrorId>,
}

impl<'a> Request<'a> {
    /// `None`: no request, or one that is not for this clock.
    fn of(message: &Message<'a>, clock: &ManagedClock) -> Option<Self> {
        let Body::Management(body) = message.body else { return None };
        let header = message.header;
        let target = body.target_port_identity.clock_identity;
        let identity = clock.default_ds.clock_identity;
        let is_for_us = header.domain_number == clock.default_ds.domain_number
            && header.sdo_id == clock.sdo_id
            && header.source_port_identity.clock_identity != identity
            && (target == identity || target == ClockIdentity::WILDCARD);
        let is_request = matches!(body.action, Action::GET | Action::SET | Action::COMMAND);
        // Exactly one TLV, of this type (15.4.1).
        let mut tlvs = message.tlvs.iter();
        let (tlv, None) = (tlvs.next()?, tlvs.next()) else { return None };
        if !is_for_us || !is_request || tlv.tlv_type != TlvType::MANAGEMENT {
            return None;
        }
        let id = ManagementId(u16::from_be_bytes(*tlv.value.first_chunk()?));
        // Some clients send a GET with as many zeros as the answer will have octets.
        let data = match tlv.extension() {
            _ if body.action == Action::GET => Ok(ManagementData::Empty),
            Ok(Extension::Management(management)) => Ok(management.data),
            Ok(_) => return None,
            Err(error) => Err(error.into()),
        };
        Some(Self { header, body, id, data })
    }
}

/// Answers a management message, if it asks this clock something: each response is handed to `send`, as it goes on the
/// wire. Returns what was set, which the clock's owner must put into force; the responses say already that it is.
pub fn manage(
    clock: &mut ManagedClock,
    message: &Message<'_>,
    by: Asker,
    send: &mut impl FnMut(&[u8]),
) -> Option<Setting> {
    let request = Request::of(message, clock)?;
    let mut setting = None;
    match Scope::of(request.id) {
        Scope::Refused(why) => refuse(clock, &Reply::to(&request), clock.speaker(by), why, send),
        Scope::Clock => {
            let speaker = clock.speaker(by);
            match allowed(&request, by).and_then(|wanted| clock.has_room(wanted)) {
                Ok(wanted) => {
                    setting = wanted;
                    match wanted {
                        Some(Setting::Priority1(priority)) => clock.default_ds.priority1 = priority,
                        Some(Setting::Priority2(priority)) => clock.default_ds.priority2 = priority,
                        Some(Setting::Subscription(subscription)) => clock.subscription = subscription,
                        None => {}
                    }
                    let reply = Reply::to(&request);
                    match clock.list(request.id) {
                        Some(Ok(octets)) => answer(clock, &reply, speaker, &Ok(ManagementData::Other(&octets)), send),
                        Some(Err(why)) => refuse(clock, &reply, speaker, why, send),
                        None => answer(clock, &reply, speaker, &clock.data(request.id), send),
                    }
                }
                Err(why) => refuse(clock, &Reply::to(&request), speaker, why, send),
            }
        }
        Scope::Port => of_ports(clock, &request, by, send),
    }
    setting
}

/// One response for each port that is meant.
fn of_ports(clock: &ManagedClock, request: &Request<'_>, by: Asker, send: &mut impl FnMut(&[u8])) {
    let number = request.body.target_port_identity.port_number;
    let reply = Reply::to(request);
    let mut found = false;
    for port in &clock.ports {
        let identity = port.port_ds.port_identity;
        if number != ALL_PORTS && number != identity.port_number {
            continue;
        }
        found = true;
        match allowed(request, by) {
            Ok(_) => match port.list(request.id) {
                Some(octets) => answer(clock, &reply, identity, &Ok(ManagementData::Other(&octets)), send),
                None => answer(clock, &reply, identity, &clock.data_of(port, request.id), send),
            },
            Err(why) => refuse(clock, &reply, identity, why, send),
        }
    }
    if !found {
        refuse(clock, &reply, clock.speaker(by), ManagementErrorId::WRONG_VALUE, send);
    }
}

/// Whether this may be done, and what is set by it.
fn allowed(request: &Request<'_>, by: Asker) -> Result<Option<Setting>, ManagementErrorId> {
    match (request.body.action, request.id) {
        (Action::GET, _) | (_, ManagementId::NULL_PTP_MANAGEMENT) => Ok(None),
        (Action::SET, ManagementId::PRIORITY1 | ManagementId::PRIORITY2) => {
            if by != (Asker::Local { is_owner: true }) {
                return Err(ManagementErrorId::NOT_SUPPORTED);
            }
            match request.data? {
                ManagementData::Priority1(priority) => Ok(Some(Setting::Priority1(priority))),
                ManagementData::Priority2(priority) => Ok(Some(Setting::Priority2(priority))),
                _ => Err(ManagementErrorId::WRONG_LENGTH),
            }
        }
        (Action::SET, ManagementId::SUBSCRIBE_EVENTS_NP) => match by {
            Asker::Local { .. } => Subscription::read(&request.data?).map(|wanted| Some(Setting::Subscription(wanted))),
            Asker::Network { .. } => Err(ManagementErrorId::NOT_SUPPORTED),
        },
        (Action::SET, _) => Err(ManagementErrorId::NOT_SETABLE),
        _ => Err(ManagementErrorId::NOT_SUPPORTED),
    }
}

impl ManagedClock {
    /// Its port of this number.
    pub fn port(&self, number: u16) -> Option<&ManagedPort> {
        self.ports.iter().find(|port| port.port_ds.port_identity.port_number == number)
    }

    /// Whether its port of this number forwards management messages, from and to it: those that are part of the tree of masters
    /// and slaves, which has no loop (15.3.3).
    pub fn forwards(&self, number: u16) -> bool {
        let in_tree = [PortState::PreMaster, PortState::Master, PortState::Uncalibrated, PortState::Slave];
        self.port(number).is_some_and(|port| in_tree.iter().any(|state| *state as u8 == port.port_ds.port_state))
    }

    /// Nobody is told that it will be told, and is not: one too many is a GENERAL_ERROR.
    fn has_room(&self, wanted: Option<Setting>) -> Result<Option<Setting>, ManagementErrorId> {
        match wanted {
            Some(Setting::Subscription(its)) if !its.events.is_empty() && !self.may_subscribe => {
                Err(ManagementErrorId::GENERAL_ERROR)
            }
            _ => Ok(wanted),
        }
    }

    /// In whose name the clock itself answers: the port by which it was asked, and port 0 on this machine.
    fn speaker(&self, by: Asker) -> PortIdentity {
        let port_number = match by {
            Asker::Network { port } => port,
            Asker::Local { .. } => 0,
        };
        PortIdentity { clock_identity: self.default_ds.clock_identity, port_number }
    }

    fn data(&self, id: ManagementId) -> Result<ManagementData<'_>, ManagementErrorId> {
        use ManagementData as Data;
        let (own, time) = (&self.default_ds, &self.time_properties_ds);
        let only = |flags: u16| Flags(time.flags.0 & flags);
        Ok(match id {
            ManagementId::USER_DESCRIPTION => Data::UserDescription(text(&self.user_description, 128)),
            ManagementId::DEFAULT_DATA_SET => Data::DefaultDataSet(*own),
            ManagementId::CURRENT_DATA_SET => Data::CurrentDataSet(self.current_ds),
            ManagementId::PARENT_DATA_SET => Data::ParentDataSet(self.parent_ds),
            ManagementId::TIME_PROPERTIES_DATA_SET => Data::TimePropertiesDataSet(*time),
            ManagementId::PRIORITY1 => Data::Priority1(own.priority1),
            ManagementId::PRIORITY2 => Data::Priority2(own.priority2),
            ManagementId::DOMAIN => Data::Domain(own.domain_number),
            ManagementId::SLAVE_ONLY => Data::SlaveOnly(own.slave_only),
            ManagementId::TIME => Data::Time(self.time.ok_or(ManagementErrorId::UNPOPULATED)?),
            ManagementId::CLOCK_ACCURACY => Data::ClockAccuracy(own.clock_quality.clock_accuracy),
            ManagementId::UTC_PROPERTIES => Data::UtcProperties(time.current_utc_offset, only(UTC)),
            ManagementId::TRACEABILITY_PROPERTIES => Data::TraceabilityProperties(only(TRACEABILITY)),
            ManagementId::TIMESCALE_PROPERTIES => Data::TimescaleProperties(only(TIMESCALE), time.time_source),
            ManagementId::TIME_STATUS_NP => Data::TimeStatusNp(self.time_status),
            ManagementId::GRANDMASTER_SETTINGS_NP => Data::GrandmasterSettingsNp(self.grandmaster_settings),
            ManagementId::PATH_TRACE_ENABLE => flag(self.traces_path),
            _ => return Err(ManagementErrorId::NOT_SUPPORTED),
        })
    }

    /// The data sets of the clock that are lists.
    fn list(&self, id: ManagementId) -> Option<Result<Vec<u8>, ManagementErrorId>> {
        match id {
            ManagementId::PATH_TRACE_LIST => {
                let path = self.path.as_ref().ok_or(ManagementErrorId::RESPONSE_TOO_BIG);
                Some(path.map(|path| path.iter().flat_map(|clock| clock.0).collect()))
            }
            ManagementId::SUBSCRIBE_EVENTS_NP => Some(Ok(self.subscription.octets().to_vec())),
            ManagementId::SYNCHRONIZATION_UNCERTAIN_NP => Some(Ok(UNCERTAINTY_BY_ITSELF.to_vec())),
            ManagementId::ACCEPTABLE_MASTER_TABLE => Some(Ok(acceptable::table(&self.ports))),
            ManagementId::ACCEPTABLE_MASTER_MAX_TABLE_SIZE => {
                Some(Ok(acceptable::size_max(&self.ports).to_be_bytes().to_vec()))
            }
            _ => None,
        }
    }

    fn data_of<'a>(&'a self, port: &'a ManagedPort, id: ManagementId) -> Result<ManagementData<'a>, ManagementErrorId> {
        use ManagementData as Data;
        let set = &port.port_ds;
        Ok(match id {
            ManagementId::NULL_PTP_MANAGEMENT => Data::Empty,
            ManagementId::CLOCK_DESCRIPTION => Data::ClockDescription(self.description(port)),
            ManagementId::PORT_DATA_SET => Data::PortDataSet(*set),
            ManagementId::LOG_ANNOUNCE_INTERVAL => Data::LogAnnounceInterval(set.log_announce_interval),
            ManagementId::ANNOUNCE_RECEIPT_TIMEOUT => Data::AnnounceReceiptTimeout(set.announce_receipt_timeout),
            ManagementId::LOG_SYNC_INTERVAL => Data::LogSyncInterval(set.log_sync_interval),
            ManagementId::VERSION_NUMBER => Data::VersionNumber(set.version_number),
            ManagementId::MASTER_ONLY => flag(port.master_only),
            ManagementId::UNICAST_NEGOTIATION_ENABLE => flag(port.unicast.is_some()),
            ManagementId::ACCEPTABLE_MASTER_TABLE_ENABLED => flag(!port.acceptable_masters.is_empty()),
            ManagementId::DELAY_MECHANISM => Data::DelayMechanism(set.delay_mechanism),
            ManagementId::LOG_MIN_PDELAY_REQ_INTERVAL => Data::LogMinPdelayReqInterval(set.log_min_pdelay_req_interval),
            ManagementId::PORT_DATA_SET_NP => Data::PortDataSetNp(port.peer),
            ManagementId::PORT_PROPERTIES_NP => Data::PortPropertiesNp(PortPropertiesNp {
                port_identity: set.port_identity,
                port_state: set.port_state,
                timestamping: port.timestamping,
                interface: text(&port.interface, PtpText::LENGTH_MAX),
            }),
            ManagementId::PORT_STATS_NP => Data::PortStatsNp(PortStatsNp {
                port_identity: set.port_identity,
                received: port.received,
                sent: port.sent,
            }),
            _ => return Err(ManagementErrorId::NOT_SUPPORTED),
        })
    }

    fn description<'a>(&'a self, port: &'a ManagedPort) -> ClockDescription<'a> {
        let is_peer_delay = port.port_ds.delay_mechanism == P2P;
        ClockDescription {
            clock_type: if self.ports.len() > 1 { BOUNDARY_CLOCK } else { ORDINARY_CLOCK },
            physical_layer_protocol: text("IEEE 802.3", 32),
            physical_address: &port.physical_address,
            network_protocol: port.network_protocol,
            protocol_address: &port.protocol_address,
            manufacturer_identity: [0; 3],
            product_description: text(&self.product_description, 64),
            revision_data: text(&self.revision_data, 32),
            user_description: text(&self.user_description, 128),
            // Annexes I.3 and I.4.
            profile_identity: [0x00, 0x1b, 0x19, 0x00, if is_peer_delay { 0x02 } else { 0x01 }, 0x00],
        }
    }
}

/// An octet with a flag, and a reserved one.
const fn flag(is_set: bool) -> ManagementData<'static> {
    ManagementData::Other(if is_set { &[1, 0] } else { &[0, 0] })
}

/// At most so many octets of it, cut between characters.
fn text(text: &str, octets_max: usize) -> PtpText<'_> {
    let end = text.floor_char_boundary(octets_max.min(PtpText::LENGTH_MAX));
    PtpText::new(&text.as_bytes()[..end]).unwrap_or(PtpText::EMPTY)
}

/// Where a response goes, and by what it is known.
#[derive(Clone, Copy, Debug)]
struct Reply {
    id: ManagementId,
    to: PortIdentity,
    sequence_id: u16,
    action: Action,
    /// So many boundary clocks it may pass.
    hops: u8,
    is_unicast: bool,
}

impl Default for Reply {
    /// A RESPONSE that stays on this machine.
    fn default() -> Self {
        Self {
            id: ManagementId::NULL_PTP_MANAGEMENT,
            to: PortIdentity { clock_identity: ClockIdentity::WILDCARD, port_number: ALL_PORTS },
            sequence_id: 0,
            action: Action::RESPONSE,
            hops: 0,
            is_unicast: false,
        }
    }
}

impl Reply {
    fn to(request: &Request<'_>) -> Self {
        let asked = &request.body;
        Self {
            id: request.id,
            to: request.header.source_port_identity,
            sequence_id: request.header.sequence_id,
            action: if asked.action == Action::COMMAND { Action::ACKNOWLEDGE } else { Action::RESPONSE },
            // So many boundary clocks the request has passed, and as many may be passed on the way back (15.4.1.4).
            hops: asked.starting_boundary_hops.saturating_sub(asked.boundary_hops),
            // A request to one is answered to one.
            is_unicast: request.header.flags.unicast(),
        }
    }
}

fn answer(
    clock: &ManagedClock,
    reply: &Reply,
    from: PortIdentity,
    data: &Result<ManagementData<'_>, ManagementErrorId>,
    send: &mut impl FnMut(&[u8]),
) {
    let sent = match *data {
        Ok(data) => {
            let tlv = Extension::Management(ManagementTlv { management_id: reply.id, data });
            respond(clock, reply, from, &tlv, send).ok_or(ManagementErrorId::RESPONSE_TOO_BIG)
        }
        Err(why) => Err(why),
    };
    if let Err(why) = sent {
        refuse(clock, reply, from, why, send);
    }
}

/// A MANAGEMENT_ERROR_STATUS.
fn refuse(
    clock: &ManagedClock,
    reply: &Reply,
    from: PortIdentity,
    why: ManagementErrorId,
    send: &mut impl FnMut(&[u8]),
) {
    let status = ManagementErrorStatus { management_error_id: why, management_id: reply.id, display_data: None };
    // It always fits.
    _ = respond(clock, reply, from, &Extension::ManagementErrorStatus(status), send);
}

/// `None` if it is too long.
fn respond(
    clock: &ManagedClock,
    reply: &Reply,
    from: PortIdentity,
    tlv: &Extension<'_>,
    send: &mut impl FnMut(&[u8]),
) -> Option<()> {
    let body = Body::Management(Management {
        target_port_identity: reply.to,
        starting_boundary_hops: reply.hops,
        boundary_hops: reply.hops,
        action: reply.action,
    });
    let header = Header {
        sdo_id: clock.sdo_id,
        message_type: MessageType::Management,
        version_ptp: VERSION_PTP,
        minor_version_ptp: clock.minor_version,
        message_length: 0,
        domain_number: clock.default_ds.domain_number,
        flags: Flags::NONE.with(Flags::UNICAST, reply.is_unicast),
        correction_field: CorrectionField::ZERO,
        source_port_identity: from,
        sequence_id: reply.sequence_id,
        log_message_interval: LogInterval::UNSTATED,
    };
    let mut octets = [0; MANAGEMENT_MAX];
    let length = tlv.write(&mut octets).ok()?;
    let tlvs = Tlvs::from_octets(&octets[..length]).ok()?;
    let mut message = [0; MANAGEMENT_MAX];
    let length = write(&Message { header, body, tlvs }, &mut message).ok()?;
    send(&message[..length]);
    Some(())
}

/// Whether the answer has the addresses of a port in it, which cost system calls.
pub fn asks_for_addresses(message: &Message<'_>) -> bool {
    let id = message.tlvs.iter().next().and_then(|tlv| tlv.value.first_chunk().copied());
    id.map(u16::from_be_bytes) == Some(ManagementId::CLOCK_DESCRIPTION.0)
}

/// A management message as it is forwarded to the other ports of a boundary clock: with one hop less (15.3.3). `None`: it
/// goes no further, since no hops are left or since it was for this clock alone.
pub fn forwarded<'a>(message: &Message<'a>, identity: ClockIdentity) -> Option<Message<'a>> {
    let Body::Management(body) = message.body else { return None };
    let is_ours = message.header.source_port_identity.clock_identity == identity
        || body.target_port_identity.clock_identity == identity;
    let boundary_hops = body.boundary_hops.checked_sub(1).filter(|_| !is_ours)?;
    Some(Message { body: Body::Management(Management { boundary_hops, ..body }), ..*message })
}

#[cfg(test)]
pub(super) mod tests;
