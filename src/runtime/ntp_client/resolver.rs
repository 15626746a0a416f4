//! Names become addresses on a thread of its own: getaddrinfo(3) may take a minute, and nobody waits for it.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::thread::Builder;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::super::privileges::{ThreadKind, confine};
use crate::config::AddressFamily;
use crate::discipline::helm::HELM_SOURCES_MAX;
use crate::sharing::Doorbell;

/// The most addresses of one name that are looked at.
const ADDRESSES_MAX: usize = 16;
/// The most octets of a reason; those of gai_strerror(3) have up to 42.
const REASON_MAX: usize = 44;
/// What the standard library puts before the resolver's own words.
const BEFORE_REASON: &str = "failed to lookup address information: ";

/// Why a name has no address: gai_strerror(3)'s words, or our own. Small enough for a ring; what is longer is cut.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NoAddress {
    octets: [u8; REASON_MAX],
    length: u8,
}

impl NoAddress {
    /// There are addresses, and none of them may be asked.
    pub const FAMILY: &'static str = "it has none of ntp.source.family";

    /// In these words.
    pub fn new(words: &str) -> Self {
        let mut octets = [0; REASON_MAX];
        let mut length = words.len().min(REASON_MAX);
        while !words.is_char_boundary(length) {
            length -= 1;
        }
        octets[..length].copy_from_slice(&words.as_bytes()[..length]);
        Self { octets, length: length as u8 }
    }

    fn of(error: &io::Error) -> Self {
        let words = error.to_string();
        Self::new(words.strip_prefix(BEFORE_REASON).unwrap_or(&words))
    }

    /// The words.
    pub fn words(&self) -> &str {
        str::from_utf8(&self.octets[..usize::from(self.length)]).expect("cut between two characters")
    }
}

impl std::fmt::Debug for NoAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.words().fmt(f)
    }
}

/// The addresses behind a name, at least one of them, or why there is none.
pub type Found = Result<Vec<SocketAddr>, NoAddress>;

/// A name to look up.
pub struct Lookup {
    /// For whom.
    pub place: usize,
    /// The name.
    pub host: String,
    /// The port of the addresses.
    pub port: u16,
    /// Which of them.
    pub family: AddressFamily,
}

/// The way to the thread and back.
#[derive(Debug)]
pub struct Lookups {
    to: Sender<Lookup>,
    from: Receiver<(usize, Found)>,
}

impl std::fmt::Debug for Lookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Lookups {
    /// Wants the addresses of a name. Each client asks for one at a time, so there is room.
    pub fn ask(&self, lookup: Lookup) {
        _ = self.to.try_send(lookup);
    }

    /// Whether something has been found, or not.
    pub fn has_found(&self) -> bool {
        !self.from.is_empty()
    }

    /// What was found, and for whom.
    pub fn take(&self) -> Option<(usize, Found)> {
        self.from.try_recv().ok()
    }
}

/// Those of a family, each once, the preferred ones first, else in the order of the resolver.
fn of_family(all: impl Iterator<Item = SocketAddr>, family: AddressFamily) -> Vec<SocketAddr> {
    let mut admitted = Vec::new();
    for address in all.filter(|address| family.admits(address.ip())) {
        // A file of hosts may name one twice.
        if !admitted.contains(&address) {
            admitted.push(address);
        }
    }
    admitted.sort_by_key(|address| family.is_second_choice(address.ip()));
    admitted.truncate(ADDRESSES_MAX);
    admitted
}

fn look_up(host: &str, port: u16, family: AddressFamily) -> Found {
    let all = (host, port).to_socket_addrs().map_err(|error| NoAddress::of(&error))?;
    let admitted = of_family(all, family);
    if admitted.is_empty() { Err(NoAddress::new(NoAddress::FAMILY)) } else { Ok(admitted) }
}

/// Starts the thread; it ends by itself when nobody can ask any more. It is not waited for: it may hang in a lookup.
///
/// # Errors
/// The system's, if there can be no more threads.
pub fn spawn_resolver(doorbell: Doorbell) -> io::Result<Lookups> {
    let (to, asked) = bounded::<Lookup>(HELM_SOURCES_MAX);
    let (found, from) = bounded(HELM_SOURCES_MAX);
    Builder::new().name("resolver".to_owned()).spawn(move || {
        confine(ThreadKind::Resolver);
        for Lookup { place, host, port, family } in asked {
            if found.send((place, look_up(&host, port, family))).is_err() {
                return;
            }
            doorbell.ring();
        }
    })?;
    Ok(Lookups { to, from })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::HostClock;
    use crate::runtime::wake::Sleeper;
    use crate::time::Duration;

    /// What the thread finds of these, in their order.
    fn found_by_the_thread(asked: &[(&str, AddressFamily)]) -> Vec<Found> {
        let sleeper = Sleeper::new().unwrap();
        let lookups = spawn_resolver(sleeper.doorbell()).unwrap();
        for (place, (host, family)) in asked.iter().enumerate() {
            lookups.ask(Lookup { place, host: (*host).to_owned(), port: 123, family: *family });
        }
        let begun = HostClock.mono();
        let mut all = Vec::new();
        while all.len() < asked.len() {
            let now = HostClock.mono();
            assert!(now - begun < Duration::from_secs(60), "{} of {} were looked up", all.len(), asked.len());
            sleeper.sleep_on_the_bell(now, now + Duration::from_secs(60), || lookups.has_found());
            while let Some((place, found)) = lookups.take() {
                assert_eq!(place, all.len(), "in the order in which they were asked for");
                all.push(found);
            }
        }
        all
    }

    #[test]
    fn the_thread_rings_with_the_addresses_or_with_why_there_are_none() {
        let all = [
            ("127.0.0.1", AddressFamily::Any),
            ("127.0.0.1", AddressFamily::V6),
            ("no-such-host.invalid", AddressFamily::Any),
        ];
        let found = found_by_the_thread(&all);
        assert_eq!(found[0], Ok(vec![SocketAddr::from(([127, 0, 0, 1], 123))]));
        assert_eq!(found[1], Err(NoAddress::new(NoAddress::FAMILY)));
        // Which it is says whether there is a name server.
        let words = found[2].as_ref().expect_err("RFC 6761: there are no names below invalid").words();
        let known = ["Name or service not known", "Temporary failure in name resolution", "No address associated"];
        assert!(known.iter().any(|known| words.starts_with(known)), "{words}");
    }

    #[test]
    fn a_long_reason_is_cut_between_two_characters() {
        let long = "\u{e9}".repeat(60);
        assert_eq!(NoAddress::new(&long).words(), "\u{e9}".repeat(22));
        assert_eq!(NoAddress::new(&format!("x{long}")).words(), format!("x{}", "\u{e9}".repeat(21)));
        assert!(NoAddress::FAMILY.len() <= REASON_MAX);
    }

    #[test]
    fn only_addresses_of_the_family_are_asked_and_in_the_resolvers_order() {
        let all = ["[2001:db8::2]:123", "192.0.2.9:123", "[2001:db8::1]:123", "192.0.2.1:123"];
        let all: Vec<SocketAddr> = all.iter().map(|address| address.parse().unwrap()).collect();
        let found = |family| of_family(all.iter().copied(), family);
        assert_eq!(found(AddressFamily::Any), all);
        assert_eq!(found(AddressFamily::V4), [all[1], all[3]]);
        assert_eq!(found(AddressFamily::V6), [all[0], all[2]]);
        assert_eq!(of_family(all.iter().chain(&all).copied(), AddressFamily::Any), all, "each once");
    }

    #[test]
    fn the_preferred_family_comes_first_and_the_other_is_asked_where_there_is_none() {
        let parse = |all: &[&str]| all.iter().map(|address| address.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let all = parse(&["[2001:db8::2]:123", "192.0.2.9:123", "[2001:db8::1]:123", "192.0.2.1:123"]);
        let found = |family| of_family(all.iter().copied(), family);
        assert_eq!(found(AddressFamily::Prefer4), [all[1], all[3], all[0], all[2]]);
        assert_eq!(found(AddressFamily::Prefer6), [all[0], all[2], all[1], all[3]]);
        let only_v6 = parse(&["[2001:db8::2]:123", "[2001:db8::1]:123"]);
        assert_eq!(of_family(only_v6.iter().copied(), AddressFamily::Prefer4), only_v6);
        // Of so many that not all are kept, the preferred ones are.
        let mut many: Vec<SocketAddr> =
            (1..40_u16).map(|n| SocketAddr::from(([0x2001, 0, 0, 0, 0, 0, 0, n], 123))).collect();
        many.push(all[1]);
        let kept = of_family(many.iter().copied(), AddressFamily::Prefer4);
        assert_eq!((kept.len(), kept[0]), (ADDRESSES_MAX, all[1]));
    }
}
