//! Who of this machine is told what changes of the PTP clocks (SUBSCRIBE_EVENTS_NP).

use super::LocalRequest;
use crate::ptp::{ManagedClock, ManagedEvents, Subscription, notify};
use crate::time::{Mono, Timestamp};
use crate::wire::ptp::{ClockIdentity, PortIdentity};

/// So many are told at once; who comes then is refused.
pub const SUBSCRIBERS_MAX: usize = 16;

/// By which clocks are told apart: domain, sdoId, and identity.
type ClockKey = (u8, u16, ClockIdentity);

fn key_of(clock: &ManagedClock) -> ClockKey {
    (clock.default_ds.domain_number, clock.sdo_id, clock.default_ds.clock_identity)
}

#[derive(Clone, Debug)]
struct Subscriber {
    clock: ClockKey,
    identity: PortIdentity,
    /// Where its request came from.
    from: LocalRequest,
    events: ManagedEvents,
    ends_at: Option<Timestamp<Mono>>,
    sequence_id: u16,
}

impl Subscriber {
    fn is_over(&self, now: Timestamp<Mono>) -> bool {
        self.ends_at.is_some_and(|ends_at| ends_at <= now)
    }
}

/// Those who are told, and what they have been told.
#[derive(Debug, Default)]
pub struct Subscribers {
    all: Vec<Subscriber>,
    told: Vec<ManagedClock>,
}

impl Subscribers {
    /// Nobody is told anything.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What is left at `now` of the subscription of who has this identity.
    pub fn of(&self, clock: &ManagedClock, identity: PortIdentity, now: Timestamp<Mono>) -> Subscription {
        let its = self.all.iter().find(|its| its.identity == identity && its.clock == key_of(clock));
        its.map_or_else(Subscription::default, |its| Subscription::left(its.events, its.ends_at, now))
    }

    /// Whether who has this identity is told already, or there is room for one more at `now`.
    pub fn has_room(&self, clock: &ManagedClock, identity: PortIdentity, now: Timestamp<Mono>) -> bool {
        let is_its = |its: &Subscriber| its.identity == identity && its.clock == key_of(clock);
        let others = self.all.iter().filter(|its| !its.is_over(now) && !is_its(its));
        others.count() < SUBSCRIBERS_MAX
    }

    /// Somebody wants to be told of this clock, something else than before, or nothing any more. What changes from now on is told.
    /// Where there is no room ([`Subscribers::has_room`]) nothing is.
    pub fn put(
        &mut self,
        clock: &ManagedClock,
        identity: PortIdentity,
        from: &LocalRequest,
        wanted: Subscription,
        now: Timestamp<Mono>,
    ) {
        let clock_key = key_of(clock);
        self.all.retain(|its| !its.is_over(now));
        let before = self.all.iter().position(|its| its.identity == identity && its.clock == clock_key);
        let sequence_id = before.map_or(0, |place| self.all.swap_remove(place).sequence_id);
        if wanted.events.is_empty() || self.all.len() == SUBSCRIBERS_MAX {
            return;
        }
        if !self.told.iter().any(|told| key_of(told) == clock_key) {
            self.told.push(clock.clone());
        }
        let (from, events, ends_at) = (from.clone(), wanted.events, wanted.ends_at(now));
        self.all.push(Subscriber { clock: clock_key, identity, from, events, ends_at, sequence_id });
    }

    /// Tells what has changed in these clocks. `send` says whether who is told is still there.
    pub fn tell(
        &mut self,
        clocks: Vec<ManagedClock>,
        now: Timestamp<Mono>,
        mut send: impl FnMut(&LocalRequest, &[u8]) -> bool,
    ) {
        let Self { all, told } = self;
        all.retain_mut(|its| {
            if its.is_over(now) {
                return false;
            }
            let find = |clocks: &[ManagedClock]| clocks.iter().position(|clock| key_of(clock) == its.clock);
            let (Some(before), Some(clock)) = (find(told), find(&clocks)) else { return true };
            let mut is_there = true;
            let Subscriber { from, events, identity, sequence_id, .. } = its;
            let mut send = |octets: &[u8]| is_there &= send(from, octets);
            notify(&told[before], &clocks[clock], *events, *identity, sequence_id, &mut send);
            is_there
        });
        *told = if all.is_empty() { Vec::new() } else { clocks };
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::super::{ManagementSocket, REQUEST_MAX};
    use super::*;
    use crate::ptp::managed_clock;
    use crate::time::Duration;
    use crate::wire::ptp::{Body, parse};

    const PORT_STATE: ManagedEvents = ManagedEvents::PORT_STATE;

    fn asker(number: u16) -> PortIdentity {
        PortIdentity { clock_identity: ClockIdentity::default(), port_number: number }
    }

    /// The same clock with its first port in this state.
    fn in_state(port_state: u8) -> Vec<ManagedClock> {
        let mut clock = managed_clock();
        clock.ports[0].port_ds.port_state = port_state;
        vec![clock]
    }

    #[test]
    fn who_has_subscribed_is_told_until_it_is_over_or_it_has_gone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ptp.sock");
        let mut socket = ManagementSocket::bind(&path).unwrap();
        let [stays, goes] = ["stays", "goes"].map(|name| {
            let socket = UnixDatagram::bind(directory.path().join(name)).unwrap();
            socket.set_nonblocking(true).unwrap();
            socket.send_to(b"request", &path).unwrap();
            socket
        });
        let now = Timestamp::from_secs(100);
        let mut buffer = [0; REQUEST_MAX];
        for (number, duration_s) in [(1, 60), (2, u16::MAX)] {
            let from = socket.receive(&mut buffer).unwrap().unwrap();
            let wanted = Subscription { duration_s, events: PORT_STATE };
            socket.subscribers.put(&in_state(4)[0], asker(number), &from, wanted, now);
            assert_eq!(socket.subscribers.of(&in_state(4)[0], asker(number), now), wanted);
        }
        assert_eq!(socket.subscribers.of(&in_state(4)[0], asker(3), now), Subscription::default());
        let mut heard = |by: &UnixDatagram| {
            let mut heard = Vec::new();
            while let Ok(length) = by.recv(&mut buffer) {
                let message = parse(&buffer[..length]).unwrap();
                let Body::Management(body) = message.body else { panic!("{message:?}") };
                heard.push((body.target_port_identity.port_number, message.header.sequence_id));
            }
            heard
        };
        socket.tell(now, in_state(4));
        assert_eq!(heard(&stays), [], "as it was");
        socket.tell(now, in_state(9));
        socket.tell(now, in_state(9));
        assert_eq!((heard(&stays), heard(&goes)), (vec![(1, 0)], vec![(2, 0)]));
        drop(goes);
        socket.tell(now, in_state(8));
        assert_eq!((heard(&stays), socket.subscribers.all.len()), (vec![(1, 1)], 1));
        let over = now + Duration::from_secs(60);
        socket.tell(over, in_state(9));
        assert_eq!(heard(&stays), []);
        assert!(socket.subscribers.is_empty() && socket.subscribers.told.is_empty());
    }

    #[test]
    fn there_is_room_for_so_many_and_who_wants_nothing_more_makes_some() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ptp.sock");
        let socket = ManagementSocket::bind(&path).unwrap();
        let one = UnixDatagram::bind(directory.path().join("one")).unwrap();
        one.send_to(b"request", &path).unwrap();
        let from = socket.receive(&mut [0; REQUEST_MAX]).unwrap().unwrap();
        let now = Timestamp::from_secs(100);
        let mut subscribers = Subscribers::default();
        let clock = managed_clock();
        let mut put = |number, events, at| {
            let has_room = subscribers.has_room(&clock, asker(number), at);
            let wanted = Subscription { duration_s: 9, events };
            subscribers.put(&clock, asker(number), &from, wanted, at);
            assert_eq!(
                subscribers.of(&clock, asker(number), at).events,
                if has_room { events } else { ManagedEvents::default() }
            );
            has_room
        };
        let room = SUBSCRIBERS_MAX as u16;
        assert!((0..room).all(|number| put(number, PORT_STATE, now)));
        assert!(!put(room, PORT_STATE, now));
        assert!(put(3, ManagedEvents::TIME_SYNC, now), "it had one");
        assert!(put(4, ManagedEvents::default(), now) && put(room, PORT_STATE, now) && !put(4, PORT_STATE, now));
        let over = now + Duration::from_secs(9);
        assert!((100..100 + room).all(|number| put(number, PORT_STATE, over)), "what has ended makes room too");
    }
}
