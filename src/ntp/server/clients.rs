//! Who has asked: a table of fixed size that strangers cannot flush, and how often each of them may ask.
//!
//! A server needs nothing of its clients. What it keeps of them is for others: so that one does not take what all
//! share, and so that the operator sees who asks. The obvious table, a map that forgets the oldest, is a weapon: who sends
//! forged requests from a million addresses makes it forget everybody, and with them how often they have asked. Here a client has
//! [`WAYS`] places, at two hashes of its address with a key that nobody outside knows. It takes an empty one, or that of a client who has
//! not been heard for a while. Where all of them are of clients who were heard of late it takes the place of the one who has asked
//! least, with one chance in [`LEAK`], so that a newcomer gets in while a flood lasts; and with one in its square if that client has
//! come back at least once, which forged addresses do not.
//!
//! An address counts as one client; of IPv6 it is the first 64 bits, since each host there has as many addresses as it likes.
//!
//! How often one may ask is a bucket of tokens, kept as one time: that at which it would be full again (the generic cell rate
//! algorithm). And because addresses are forged, being over the limit must not mean silence: whoever wants to cut off another one
//! would only have to ask in its name. One in [`LEAK`] of the requests that are too many is answered all the same, with the time; and one in as many
//! of the rest with the kiss code RATE, so that an honest client slows down.
//!
//! Read: RFC 8633 5.3 and 8.1; RFC 9109; ITU-T I.371 Annex A.

use std::net::{IpAddr, Ipv6Addr};

use crate::engine::Random;
use crate::time::{Duration, Mono, Timestamp};

/// The places of a client.
pub const WAYS: usize = 4;
/// A leak lets one of so many through.
pub const LEAK: u64 = 16;
/// Who was not heard for so long gives its place to a new one.
pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(1_024);
/// The smallest table.
pub const CLIENTS_MIN: usize = 64;
/// The largest table, of each worker.
pub const CLIENTS_MAX: usize = 1 << 20;

/// How often a client may ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RateLimit {
    /// Once in this, on average.
    pub interval: Duration,
    /// So many at once.
    pub burst: u16,
}

impl RateLimit {
    /// In which an empty bucket fills.
    fn whole(self) -> Duration {
        self.interval.times(i64::from(self.burst))
    }

    /// The shortest poll interval that stays within it, as log2 of seconds; at least 0.
    pub fn poll_min(self) -> i8 {
        let mut poll = 0;
        while poll < i8::MAX / 2 && Duration::SECOND.times(1 << poll) < self.interval {
            poll += 1;
        }
        poll
    }
}

/// What is to be done with a request, by how often its sender has asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// It is answered.
    Answer,
    /// It is told to slow down.
    Kiss,
    /// It is not answered.
    Drop,
}

/// One client.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Client {
    key: u128,
    /// When it asked last.
    pub heard: Timestamp<Mono>,
    /// When it asked first, as far as is remembered.
    pub since: Timestamp<Mono>,
    /// When its bucket is full again.
    full_at: Timestamp<Mono>,
    /// Its requests.
    pub requests: u32,
    /// Those of them that were too many, and got no time.
    pub limited: u32,
    /// The version of its last request.
    pub version: u8,
}

impl Client {
    /// Its address; of IPv6 the first of its network.
    pub fn address(&self) -> IpAddr {
        IpAddr::V6(Ipv6Addr::from_bits(self.key)).to_canonical()
    }

    /// The mean of its intervals.
    pub fn interval(&self) -> Option<Duration> {
        let spans = self.requests.checked_sub(1).filter(|spans| *spans > 0)?;
        Some((self.heard - self.since).scaled(1.0 / f64::from(spans)))
    }
}

/// See the module's text.
#[derive(Clone, Debug)]
pub struct Clients {
    places: Vec<Option<Client>>,
    /// One less than a power of two.
    mask: usize,
    secrets: [u64; 3],
    random: Random,
    limit: Option<RateLimit>,
}

impl Clients {
    /// An empty table with room for `size` clients, or up to twice as many; `seed` is the operating system's randomness.
    ///
    /// # Panics
    /// Unless `size` is in [`CLIENTS_MIN`] ..= [`CLIENTS_MAX`].
    pub fn new(size: usize, limit: Option<RateLimit>, seed: u64) -> Self {
        assert!((CLIENTS_MIN..=CLIENTS_MAX).contains(&size), "a table for {size} clients");
        let mut random = Random::seeded(seed);
        let secrets = std::array::from_fn(|_| random.next_u64() | 1);
        let places = vec![None; size.next_power_of_two()];
        Self { mask: places.len() - 1, places, secrets, random, limit }
    }

    /// A request came.
    pub fn heard(&mut self, now: Timestamp<Mono>, from: IpAddr, version: u8) -> Pace {
        let key = key_of(from);
        let Some(place) = self.place_for(now, key) else {
            // There is no room: it is served as if nobody counted.
            return Pace::Answer;
        };
        let new = Client { key, heard: now, since: now, full_at: now, requests: 0, limited: 0, version };
        let client = self.places[place].filter(|client| client.key == key).unwrap_or(new);
        let mut client = Client { heard: now, version, requests: client.requests.saturating_add(1), ..client };
        let mut pace = Pace::Answer;
        if let Some(limit) = self.limit {
            let full_at = client.full_at.max(now) + limit.interval;
            if full_at - now > limit.whole() {
                pace = self.over_the_limit();
            } else {
                client.full_at = full_at;
            }
        }
        client.limited = client.limited.saturating_add(u32::from(pace != Pace::Answer));
        self.places[place] = Some(client);
        pace
    }

    fn over_the_limit(&mut self) -> Pace {
        match self.random.below(LEAK) {
            0 => Pace::Answer,
            1 => Pace::Kiss,
            _ => Pace::Drop,
        }
    }

    /// Its place, or one that it may take.
    fn place_for(&mut self, now: Timestamp<Mono>, key: u128) -> Option<usize> {
        let ways = self.ways(key);
        if let Some(place) = ways.into_iter().find(|place| self.places[*place].is_some_and(|client| client.key == key))
        {
            return Some(place);
        }
        let is_free = |place: &usize| self.places[*place].is_none_or(|client| now - client.heard > FORGOTTEN_AFTER);
        if let Some(place) = ways.into_iter().find(is_free) {
            return Some(place);
        }
        let requests = |place: usize| self.places[place].map_or(0, |client| client.requests);
        let least = ways.into_iter().min_by_key(|place| requests(*place))?;
        let chances = if requests(least) > 1 { LEAK * LEAK } else { LEAK };
        (self.random.below(chances) == 0).then_some(least)
    }

    /// Two neighbours at each of two hashes: two lines of memory.
    fn ways(&self, key: u128) -> [usize; WAYS] {
        // Secret odd factors: who does not know them cannot aim. Folding between them spreads addresses that follow each other.
        let [a, b, c] = self.secrets;
        let mixed = (key as u64).wrapping_mul(a) ^ ((key >> 64) as u64).wrapping_mul(b);
        let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(c);
        let mixed = mixed ^ (mixed >> 29);
        let (one, other) = (mixed as usize & self.mask, (mixed >> 32) as usize & self.mask);
        [one, one ^ 1, other, other ^ 1]
    }

    /// Forgets what cannot be right, of a table that is taken over from who has come to grief: a place that is not its client's, a time that has
    /// not been, counts that contradict each other. Returns how many that were.
    pub fn forget_damaged(&mut self, now: Timestamp<Mono>) -> usize {
        let mut forgotten = 0;
        for place in 0..self.places.len() {
            let Some(client) = self.places[place] else { continue };
            let is_whole = self.ways(client.key).contains(&place)
                && client.since <= client.heard
                && client.heard <= now
                && client.full_at - now <= self.limit.map_or(Duration::ZERO, RateLimit::whole)
                && client.requests > 0
                && client.limited <= client.requests;
            if !is_whole {
                self.places[place] = None;
                forgotten += 1;
            }
        }
        forgotten
    }

    /// Copies those who have asked most into `top`, the busiest first; returns how many there are in all.
    pub fn busiest(&self, top: &mut [Option<Client>]) -> usize {
        top.fill(None);
        let mut count = 0;
        for client in self.places.iter().flatten() {
            count += 1;
            let is_less = |other: &Option<Client>| other.is_none_or(|other| other.requests < client.requests);
            // Most are less than the last of them, and need no look at the others.
            if !top.last().is_some_and(is_less) {
                continue;
            }
            if let Some(rank) = top.iter().position(is_less) {
                top[rank..].rotate_right(1);
                top[rank] = Some(*client);
            }
        }
        count
    }
}

/// What is one client.
fn key_of(from: IpAddr) -> u128 {
    match from.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits() & (u128::MAX << 64),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const NOW: Timestamp<Mono> = Timestamp::from_secs(1_000);
    const LIMIT: RateLimit = RateLimit { interval: Duration::SECOND, burst: 4 };

    fn host(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number))
    }

    fn table(limit: Option<RateLimit>) -> Clients {
        Clients::new(1_024, limit, 7)
    }

    fn find(clients: &Clients, from: IpAddr) -> Option<Client> {
        clients.places.iter().flatten().find(|client| client.key == key_of(from)).copied()
    }

    #[test]
    fn the_poll_that_is_asked_for_is_the_shortest_within_the_limit() {
        let of = |millis| RateLimit { interval: Duration::from_millis(millis), burst: 1 }.poll_min();
        let polls = [1, 1_000, 1_001, 2_000, 8_000, 9_000, 3_600_000].map(of);
        assert_eq!(polls, [0, 0, 1, 1, 3, 4, 12]);
    }

    #[test]
    fn a_client_is_remembered_with_how_often_it_asks() {
        let mut clients = table(None);
        for n in 0..5 {
            assert_eq!(clients.heard(NOW + Duration::from_secs(16 * n), host(1), 4), Pace::Answer);
        }
        let client = find(&clients, host(1)).expect("it is there");
        assert_eq!((client.requests, client.limited, client.version), (5, 0, 4));
        assert_eq!(client.interval().map(Duration::as_nanos), Some(16_000_000_000));
        assert_eq!(client.address(), host(1));
    }

    #[test]
    fn a_burst_is_answered_and_then_one_each_interval() {
        let mut clients = table(Some(LIMIT));
        let mut answered = |at: Timestamp<Mono>| clients.heard(at, host(1), 4) == Pace::Answer;
        assert!((0..4).all(|_| answered(NOW)), "the bucket is full");
        let of_many = (0..1_600).filter(|_| answered(NOW)).count();
        assert!((50..200).contains(&of_many), "one in sixteen leaks: {of_many}");
        let later = NOW + Duration::SECOND;
        assert!(answered(later), "a token has come");
        assert!((0..64).filter(|_| answered(later)).count() < 20, "and no more than one");
        let much_later = NOW + Duration::from_secs(100);
        assert!((0..4).all(|_| answered(much_later)), "what was asked too often is not held against it");
    }

    #[test]
    fn a_pace_that_is_within_the_limit_is_never_limited() {
        let mut clients = table(Some(LIMIT));
        for n in 0..1_000 {
            assert_eq!(clients.heard(NOW + Duration::SECOND.times(n), host(1), 4), Pace::Answer);
        }
        assert_eq!(find(&clients, host(1)).map(|client| client.limited), Some(0));
    }

    #[test]
    fn who_is_flooded_in_his_name_still_gets_answers_and_is_told() {
        let mut clients = table(Some(LIMIT));
        let paces: Vec<_> = (0..16_000).map(|n| clients.heard(NOW + Duration::from_micros(n), host(1), 4)).collect();
        let count = |wanted| paces.iter().filter(|pace| **pace == wanted).count();
        assert!((700..1_300).contains(&count(Pace::Answer)), "{}", count(Pace::Answer));
        assert!((700..1_300).contains(&count(Pace::Kiss)), "{}", count(Pace::Kiss));
    }

    #[test]
    fn the_addresses_of_one_network_of_ipv6_are_one_client() {
        let mut clients = table(Some(LIMIT));
        let addresses = (0..1_000_u128).map(|n| IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8_u128 << 96) + n)));
        let answered = addresses.map(|from| clients.heard(NOW, from, 4)).filter(|pace| *pace == Pace::Answer).count();
        assert!(answered < 4 + 120, "{answered}");
        assert_eq!(clients.busiest(&mut []), 1);
    }

    #[test]
    fn a_mapped_address_is_that_of_ipv4() {
        let mut clients = table(None);
        clients.heard(NOW, host(1), 4);
        clients.heard(NOW, IpAddr::V6(Ipv4Addr::from_bits(0x0a00_0001).to_ipv6_mapped()), 4);
        assert_eq!(find(&clients, host(1)).map(|client| client.requests), Some(2));
    }

    #[test]
    fn a_flood_from_forged_addresses_does_not_make_it_forget_its_clients() {
        let mut clients = table(None);
        let known: Vec<_> = (0..400).map(host).collect();
        for round in 0..20 {
            for from in &known {
                clients.heard(NOW + Duration::from_secs(round), *from, 4);
            }
        }
        let mut strangers = Random::seeded(5);
        let mut lost = Vec::new();
        for second in 20..30 {
            for _ in 0..2_000 {
                clients.heard(
                    NOW + Duration::from_secs(second),
                    host(0x10_0000 + strangers.next_u64() as u32 % 0x80_0000),
                    4,
                );
            }
            lost.push(
                known.iter().filter(|from| find(&clients, **from).is_none_or(|client| client.requests < 5)).count(),
            );
            for from in &known {
                clients.heard(NOW + Duration::from_secs(second), *from, 4);
            }
        }
        let worst = lost.iter().max().copied().unwrap_or(0);
        assert!(worst <= known.len() / 20, "of {} {lost:?} were forgotten", known.len());
        assert_eq!(clients.places.len(), 1_024, "and it does not grow");
    }

    #[test]
    fn who_has_not_asked_for_long_gives_way_at_once() {
        let mut clients = Clients::new(CLIENTS_MIN, None, 7);
        for n in 0..1_000 {
            clients.heard(NOW, host(n), 4);
        }
        let later = NOW + FORGOTTEN_AFTER + Duration::SECOND;
        for n in 2_000..2_032 {
            clients.heard(later, host(n), 4);
        }
        let remembered = (2_000..2_032).filter(|n| find(&clients, host(*n)).is_some()).count();
        assert!(remembered >= 28, "{remembered}");
    }

    #[test]
    fn a_table_that_is_taken_over_keeps_its_clients_and_forgets_what_is_damaged() {
        let mut clients = table(Some(LIMIT));
        for n in 0..200 {
            for _ in 0..=n % 6 {
                clients.heard(NOW, host(n), 4);
            }
        }
        let whole = clients.clone();
        assert_eq!((clients.forget_damaged(NOW), clients.busiest(&mut [])), (0, 200));
        assert_eq!(clients.places, whole.places);
        // One in another one's place, and one of each kind that cannot be.
        let damages: [fn(&mut Client); 6] = [
            |client| client.key ^= 0x5a5a_0000,
            |client| client.heard = NOW + Duration::from_nanos(1),
            |client| client.since = client.heard + Duration::SECOND,
            |client| client.full_at = NOW + Duration::from_secs(5),
            |client| client.requests = 0,
            |client| client.limited = client.requests + 1,
        ];
        let taken: Vec<_> = (0..clients.places.len()).filter(|place| clients.places[*place].is_some()).collect();
        for (place, damage) in taken.iter().zip(damages) {
            damage(clients.places[*place].as_mut().unwrap());
        }
        assert_eq!((clients.forget_damaged(NOW), clients.busiest(&mut [])), (6, 194));
        assert!(taken[6..].iter().all(|place| clients.places[*place] == whole.places[*place]));
    }

    #[test]
    fn the_busiest_come_first() {
        let mut clients = table(None);
        for n in 1..=50 {
            for _ in 0..n {
                clients.heard(NOW, host(n), 4);
            }
        }
        let mut top = [None; 3];
        assert!(clients.busiest(&mut top) >= 48, "two may have found no room");
        let requests: Vec<_> = top.iter().flatten().map(|client| client.requests).collect();
        assert_eq!(requests, [50, 49, 48]);
    }
}
