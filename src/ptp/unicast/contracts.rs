//! Who has which contract, and which is due next.
//!
//! All room is made at the start. A client is found by its address in a hash table whose key nobody outside knows. What is
//! due stands in a wheel of 4,096 slots of 1/128 s, each the head of a list through the contracts themselves: to begin, end
//! or renew one, and to find the next, takes the same time for one contract as for a hundred thousand.
//!
//! Who has a place keeps it: a full table refuses newcomers, and evicts nobody. So a flood of invented clients can
//! keep out who is not yet served, and not throw out who is. One address has one place, by the identity that asked first.

use super::{Address, ContractsOf, Service};
use crate::coding::Coded;
use crate::time::{Duration, LogInterval, Mono, TICKS_PER_S, Timestamp};
use crate::wire::ptp::PortIdentity;

/// Slots of the wheel in a second.
const SLOTS_PER_S: i128 = 128;
/// The shortest interval is a slot.
pub const LOG_INTERVAL_MIN: LogInterval = LogInterval::new(-7);
/// The longest: half of the wheel.
pub const LOG_INTERVAL_MAX: LogInterval = LogInterval::new(4);
const WHEEL: u64 = 4_096;
const WORD: u64 = u64::BITS as u64;
/// No client, no contract, no slot.
const NONE: u32 = u32::MAX;

/// A time in slots since the epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Coded)]
pub struct Slot(pub u64);

impl Slot {
    /// The one that a time is in.
    pub fn of(at: Timestamp<Mono>) -> Self {
        let elapsed = at - Timestamp::EPOCH;
        Self(u64::try_from(elapsed.ticks() * SLOTS_PER_S / TICKS_PER_S).unwrap_or(0))
    }

    /// When it begins.
    pub fn begin(self) -> Timestamp<Mono> {
        Timestamp::EPOCH + Duration::from_ticks(i128::from(self.0) * (TICKS_PER_S / SLOTS_PER_S))
    }

    /// So many seconds later.
    pub const fn after_s(self, seconds: u32) -> Self {
        Self(self.0 + seconds as u64 * SLOTS_PER_S as u64)
    }

    fn after(self, interval: LogInterval) -> Self {
        let exponent =
            interval.clamp(LOG_INTERVAL_MIN, LOG_INTERVAL_MAX).log2_seconds() - LOG_INTERVAL_MIN.log2_seconds();
        Self(self.0 + (1 << exponent))
    }
}

/// One message for one client: a place that lasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContractId(u32);

impl ContractId {
    const fn new(client: u32, service: Service) -> Self {
        Self(client * 3 + service as u32)
    }

    const fn client(self) -> usize {
        (self.0 / 3) as usize
    }

    /// Which message.
    pub const fn service(self) -> Service {
        Service::ALL[(self.0 % 3) as usize]
    }
}

#[derive(Clone, Copy, Debug, Coded)]
struct Contract {
    is_granted: bool,
    interval: LogInterval,
    sequence_id: u16,
    /// Its list, if it is in one.
    slot: u32,
    before: u32,
    after: u32,
    until: Slot,
}

#[derive(Clone, Copy, Debug, Coded)]
struct Client {
    address: Address,
    identity: PortIdentity,
    /// The next one of the same bucket, or the next free place.
    next: u32,
    contracts: [Contract; 3],
}

/// What has to be sent now.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    /// The contract.
    pub id: ContractId,
    /// For whom.
    pub to: Address,
    /// By whom it was asked for.
    pub identity: PortIdentity,
    /// How often it is sent.
    pub interval: LogInterval,
    /// It has ended.
    pub is_over: bool,
}

/// See the module's text.
#[derive(Clone, Debug, Coded)]
pub struct Contracts {
    clients: Vec<Client>,
    buckets: Vec<u32>,
    free: u32,
    key: u64,
    heads: Vec<u32>,
    /// A bit for each slot that has a list.
    occupied: Vec<u64>,
    /// The slot that is looked at.
    at: Slot,
    granted: u32,
}

impl Contracts {
    /// Room for so many clients.
    pub fn new(clients_max: u32, key: u64) -> Self {
        let contract = Contract {
            is_granted: false,
            interval: LOG_INTERVAL_MAX,
            sequence_id: 0,
            slot: NONE,
            before: NONE,
            after: NONE,
            until: Slot(0),
        };
        let place = |index: u32| Client {
            address: Address::V4([0; 4]),
            identity: PortIdentity::default(),
            next: if index + 1 < clients_max { index + 1 } else { NONE },
            contracts: [contract; 3],
        };
        Self {
            clients: (0..clients_max).map(place).collect(),
            buckets: vec![NONE; clients_max.next_power_of_two() as usize],
            free: if clients_max > 0 { 0 } else { NONE },
            key,
            heads: vec![NONE; WHEEL as usize],
            occupied: vec![0; (WHEEL / WORD) as usize],
            at: Slot(0),
            granted: 0,
        }
    }

    /// How many contracts there are.
    pub const fn granted(&self) -> u32 {
        self.granted
    }

    fn bucket(&self, address: Address) -> usize {
        let octets: u128 = match address {
            Address::V4(octets) => u32::from_be_bytes(octets).into(),
            Address::V6(octets) => u128::from_be_bytes(octets),
            Address::Ethernet([a, b, rest @ ..]) => {
                u128::from(u16::from_be_bytes([a, b])) << 32 | u128::from(u32::from_be_bytes(rest))
            }
        };
        // Each half is folded with a key that nobody outside knows, and so is what that gives.
        let fold = |half: u64, key: u64| {
            let product = u128::from(half ^ key) * u128::from(key.rotate_left(32) | 1);
            product as u64 ^ (product >> 64) as u64
        };
        let hash = fold(fold(octets as u64, self.key) ^ (octets >> 64) as u64, self.key.rotate_left(17));
        hash as usize & (self.buckets.len() - 1)
    }

    fn find(&self, address: Address) -> Option<u32> {
        let mut index = self.buckets[self.bucket(address)];
        while let Some(client) = self.clients.get(index as usize) {
            if client.address == address {
                return Some(index);
            }
            index = client.next;
        }
        None
    }

    /// Whether this client has a contract for a message that has not ended.
    pub fn has(&self, address: Address, identity: PortIdentity, service: Service, now: Slot) -> bool {
        let client = self.find(address).map(|index| &self.clients[index as usize]);
        client.is_some_and(|client| {
            let contract = &client.contracts[service as usize];
            client.identity == identity && contract.is_granted && now < contract.until
        })
    }

    /// Begins a contract, or renews it; `false` if there is no room, or the address is somebody else's.
    pub fn grant(
        &mut self,
        (address, identity): (Address, PortIdentity),
        service: Service,
        interval: LogInterval,
        now: Slot,
        until: Slot,
    ) -> bool {
        let client = match self.find(address) {
            Some(client) if self.clients[client as usize].identity == identity => client,
            Some(_) => return false,
            None => {
                let Some(client) = self.take_place(address, identity) else { return false };
                client
            }
        };
        if self.granted == 0 {
            self.at = now;
        }
        let id = ContractId::new(client, service);
        let contract = &mut self.clients[client as usize].contracts[service as usize];
        let is_new = !contract.is_granted;
        let is_due = is_new || contract.interval != interval;
        (contract.is_granted, contract.interval, contract.until) = (true, interval, until);
        self.granted += u32::from(is_new);
        if is_due {
            self.unlink(id);
            self.link(id, now);
        }
        true
    }

    fn take_place(&mut self, address: Address, identity: PortIdentity) -> Option<u32> {
        let index = self.free;
        let bucket = self.bucket(address);
        let place = self.clients.get_mut(index as usize)?;
        self.free = place.next;
        (place.address, place.identity, place.next) = (address, identity, self.buckets[bucket]);
        self.buckets[bucket] = index;
        Some(index)
    }

    /// A client wants a message no more; whether it had it.
    pub fn cancel(&mut self, address: Address, identity: PortIdentity, service: Service) -> bool {
        let Some(client) = self.find(address).filter(|client| self.clients[*client as usize].identity == identity)
        else {
            return false;
        };
        let id = ContractId::new(client, service);
        self.clients[client as usize].contracts[service as usize].is_granted && {
            self.end(id);
            true
        }
    }

    /// Ends a contract; a client without any has no place any more.
    pub fn end(&mut self, id: ContractId) {
        self.unlink(id);
        let index = id.client();
        self.clients[index].contracts[id.service() as usize].is_granted = false;
        self.granted -= 1;
        if self.clients[index].contracts.iter().any(|contract| contract.is_granted) {
            return;
        }
        let bucket = self.bucket(self.clients[index].address);
        let after = self.clients[index].next;
        let mut place = self.buckets[bucket];
        if place as usize == index {
            self.buckets[bucket] = after;
        } else {
            while self.clients[place as usize].next as usize != index {
                place = self.clients[place as usize].next;
            }
            self.clients[place as usize].next = after;
        }
        self.clients[index].next = self.free;
        self.free = index as u32;
    }

    /// Forgets everybody.
    pub fn clear(&mut self) {
        for client in 0..self.clients.len() as u32 {
            for service in Service::ALL {
                if self.clients[client as usize].contracts[service as usize].is_granted {
                    self.end(ContractId::new(client, service));
                }
            }
        }
    }

    /// Those of the first so many places that have a contract, and until when of each.
    pub fn first_clients(&self, places: usize) -> impl Iterator<Item = ContractsOf<Slot>> + '_ {
        self.clients.iter().take(places).filter_map(|client| {
            let of = |contract: Contract| contract.is_granted.then_some((contract.interval, contract.until));
            let contracts = client.contracts.map(of);
            contracts.iter().any(Option::is_some).then_some((client.address, contracts))
        })
    }

    fn contract(&mut self, id: u32) -> &mut Contract {
        &mut self.clients[(id / 3) as usize].contracts[(id % 3) as usize]
    }

    fn link(&mut self, id: ContractId, due: Slot) {
        let due = due.0.clamp(self.at.0, self.at.0 + WHEEL - 1) % WHEEL;
        let after = std::mem::replace(&mut self.heads[due as usize], id.0);
        self.occupied[(due / WORD) as usize] |= 1 << (due % WORD);
        let contract = self.contract(id.0);
        (contract.slot, contract.before, contract.after) = (due as u32, NONE, after);
        if after != NONE {
            self.contract(after).before = id.0;
        }
    }

    fn unlink(&mut self, id: ContractId) {
        let Contract { slot, before, after, .. } = *self.contract(id.0);
        if slot == NONE {
            return;
        }
        self.contract(id.0).slot = NONE;
        if after != NONE {
            self.contract(after).before = before;
        }
        if before == NONE {
            self.heads[slot as usize] = after;
            if after == NONE {
                let slot = u64::from(slot);
                self.occupied[(slot / WORD) as usize] &= !(1 << (slot % WORD));
            }
        } else {
            self.contract(before).after = after;
        }
    }

    /// The first slot from `at` on that has a list.
    fn next_occupied(&self) -> Option<Slot> {
        let first = self.at.0 % WHEEL;
        let words = WHEEL / WORD;
        for step in 0..=words {
            let word = (first / WORD + step) % words;
            let mut bits = self.occupied[word as usize];
            if step == 0 {
                bits &= u64::MAX << (first % WORD);
            } else if step == words {
                bits &= !(u64::MAX << (first % WORD));
            }
            if bits != 0 {
                let slot = word * WORD + u64::from(bits.trailing_zeros());
                return Some(Slot(self.at.0 + (slot + WHEEL - first) % WHEEL));
            }
        }
        None
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Timestamp<Mono>> {
        if self.granted == 0 {
            return None;
        }
        self.next_occupied().map(Slot::begin)
    }

    /// The next contract that is due. What a pause has missed is not made up for, but for one message in each turn of the
    /// wheel, 32 s.
    pub fn take_due(&mut self, now: Slot) -> Option<Due> {
        let due = self.next_occupied().filter(|due| self.granted > 0 && *due <= now)?;
        self.at = due;
        let id = ContractId(self.heads[(due.0 % WHEEL) as usize]);
        self.unlink(id);
        let client = &self.clients[id.client()];
        let Contract { interval, until, .. } = client.contracts[id.service() as usize];
        let (to, identity) = (client.address, client.identity);
        let is_over = now >= until;
        // An answer has no time of its own: its contract is looked at when it ends.
        let next = if id.service() == Service::DelayResp {
            due.after(LOG_INTERVAL_MAX).min(until)
        } else {
            due.after(interval)
        };
        let next = if next > now { next } else { now.after(interval) };
        self.link(id, next);
        Some(Due { id, to, identity, interval, is_over })
    }

    /// sequenceId of the next message of a contract.
    pub fn next_sequence_id(&mut self, id: ContractId) -> u16 {
        let contract = self.contract(id.0);
        contract.sequence_id = contract.sequence_id.wrapping_add(1);
        contract.sequence_id
    }
}

#[cfg(test)]
mod tests;
