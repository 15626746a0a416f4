//! SUBSCRIBE_EVENTS_NP of linuxptp: who has subscribed is told what has changed, as if it had asked.
//!
//! `phc2sys -a` and Kubernetes' daemons of PTP do so by the local socket. A notification is a RESPONSE with the data set that has changed,
//! numbered by the subscription and not by a request.

use super::{ManagedClock, Reply, answer};
use crate::time::{Duration, Mono, Timestamp};
use crate::wire::ptp::{ManagementData, ManagementErrorId, ManagementId, PortIdentity};

/// Octets of the mask of events.
const MASK: usize = 64;
/// Octets of the data set: the duration in seconds, and the mask.
pub(super) const LENGTH: usize = 2 + MASK;
/// Sync are at least 2^-7 s apart. The time of the last one is put together anew from two clocks each time that it is asked for, and differs by
/// less without another one having come.
const ANOTHER_SYNC_NS: u64 = 5_000_000;
/// A duration that never ends, in seconds.
const FOREVER: u16 = u16::MAX;

/// What can be subscribed to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ManagedEvents(u8);

impl ManagedEvents {
    /// A port has changed its state: its PORT_DATA_SET.
    pub const PORT_STATE: Self = Self(1);
    /// The clock was compared with its master: TIME_STATUS_NP.
    pub const TIME_SYNC: Self = Self(1 << 1);
    /// The parent or what it says of its grandmaster has changed: PARENT_DATA_SET.
    pub const PARENT_DATA_SET: Self = Self(1 << 2);
    /// Those that there are.
    const ALL: u8 = Self::PORT_STATE.0 | Self::TIME_SYNC.0 | Self::PARENT_DATA_SET.0;

    /// Whether these are among them.
    pub const fn contains(self, events: Self) -> bool {
        self.0 & events.0 == events.0
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What somebody wants to be told, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Subscription {
    /// In seconds; 65535: until it is cancelled.
    pub duration_s: u16,
    /// None at all: nothing any more.
    pub events: ManagedEvents,
}

impl Subscription {
    /// As a SET carries it. Events of later versions are left out, and the response shows that.
    pub(super) fn read(data: &ManagementData<'_>) -> Result<Self, ManagementErrorId> {
        let ManagementData::Other(octets) = data else { return Err(ManagementErrorId::WRONG_LENGTH) };
        let octets: &[u8; LENGTH] = (*octets).try_into().map_err(|_| ManagementErrorId::WRONG_LENGTH)?;
        let duration_s = u16::from_be_bytes([octets[0], octets[1]]);
        Ok(Self { duration_s, events: ManagedEvents(octets[2] & ManagedEvents::ALL) })
    }

    pub(super) fn octets(self) -> [u8; LENGTH] {
        let mut octets = [0; LENGTH];
        octets[..2].copy_from_slice(&self.duration_s.to_be_bytes());
        octets[2] = self.events.0;
        octets
    }

    /// When it ends; `None`: never.
    pub fn ends_at(self, now: Timestamp<Mono>) -> Option<Timestamp<Mono>> {
        (self.duration_s != FOREVER).then(|| now + Duration::from_secs(i64::from(self.duration_s)))
    }

    /// What is left of it.
    pub fn left(events: ManagedEvents, ends_at: Option<Timestamp<Mono>>, now: Timestamp<Mono>) -> Self {
        let seconds = |at: Timestamp<Mono>| (at - now).as_secs_f64().ceil().clamp(0.0, f64::from(FOREVER - 1)) as u16;
        Self { duration_s: ends_at.map_or(FOREVER, seconds), events }
    }
}

/// What of a clock has changed since `before`, of these events: each notification is handed to `send`, for `subscriber`, with the
/// sequenceIds from `sequence_id` on.
pub fn notify(
    before: &ManagedClock,
    clock: &ManagedClock,
    events: ManagedEvents,
    subscriber: PortIdentity,
    sequence_id: &mut u16,
    send: &mut impl FnMut(&[u8]),
) {
    let itself = PortIdentity { clock_identity: clock.default_ds.clock_identity, port_number: 0 };
    let mut tell = |id: ManagementId, from: PortIdentity, data: ManagementData<'_>| {
        let reply = Reply { id, to: subscriber, sequence_id: *sequence_id, ..Reply::default() };
        *sequence_id = sequence_id.wrapping_add(1);
        answer(clock, &reply, from, &Ok(data), send);
    };
    if events.contains(ManagedEvents::PORT_STATE) {
        for port in &clock.ports {
            let (identity, state) = (port.port_ds.port_identity, port.port_ds.port_state);
            if before.port(identity.port_number).is_none_or(|before| before.port_ds.port_state != state) {
                tell(ManagementId::PORT_DATA_SET, identity, ManagementData::PortDataSet(port.port_ds));
            }
        }
    }
    if events.contains(ManagedEvents::PARENT_DATA_SET) && before.parent_ds != clock.parent_ds {
        tell(ManagementId::PARENT_DATA_SET, itself, ManagementData::ParentDataSet(clock.parent_ds));
    }
    let status = clock.time_status;
    let since_before = status.ingress_time_ns.abs_diff(before.time_status.ingress_time_ns);
    if events.contains(ManagedEvents::TIME_SYNC) && status.gm_present && since_before >= ANOTHER_SYNC_NS {
        tell(ManagementId::TIME_STATUS_NP, itself, ManagementData::TimeStatusNp(status));
    }
}
