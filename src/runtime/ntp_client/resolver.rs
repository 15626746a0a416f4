//! Names become addresses on a thread of its own: getaddrinfo(3) may take a minute, and nobody waits for it.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::thread::Builder;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::config::AddressFamily;
use crate::discipline::helm::HELM_SOURCES_MAX;
use crate::sharing::Doorbell;

/// The most addresses of one name that are looked at.
const ADDRESSES_MAX: usize = 16;

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
    from: Receiver<(usize, Vec<SocketAddr>)>,
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

    /// What was found, and for whom; nothing if there is no such name, or nobody who knows.
    pub fn take(&self) -> Option<(usize, Vec<SocketAddr>)> {
        self.from.try_recv().ok()
    }
}

/// Those of a family, the preferred ones first, else in the order of the resolver.
fn of_family(all: impl Iterator<Item = SocketAddr>, family: AddressFamily) -> Vec<SocketAddr> {
    let mut admitted: Vec<_> = all.filter(|address| family.admits(address.ip())).collect();
    admitted.sort_by_key(|address| family.is_second_choice(address.ip()));
    admitted.truncate(ADDRESSES_MAX);
    admitted
}

/// Starts the thread; it ends by itself when nobody can ask any more. It is not waited for: it may hang in a lookup.
///
/// # Errors
/// The system's, if there can be no more threads.
pub fn spawn_resolver(doorbell: Doorbell) -> io::Result<Lookups> {
    let (to, asked) = bounded::<Lookup>(HELM_SOURCES_MAX);
    let (found, from) = bounded(HELM_SOURCES_MAX);
    Builder::new().name("resolver".to_owned()).spawn(move || {
        for Lookup { place, host, port, family } in asked {
            let addresses = (host.as_str(), port).to_socket_addrs();
            let addresses = addresses.map(|all| of_family(all, family)).unwrap_or_default();
            if found.send((place, addresses)).is_err() {
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

    #[test]
    fn only_addresses_of_the_family_are_asked_and_in_the_resolvers_order() {
        let all = ["[2001:db8::2]:123", "192.0.2.9:123", "[2001:db8::1]:123", "192.0.2.1:123"];
        let all: Vec<SocketAddr> = all.iter().map(|address| address.parse().unwrap()).collect();
        let found = |family| of_family(all.iter().copied(), family);
        assert_eq!(found(AddressFamily::Any), all);
        assert_eq!(found(AddressFamily::V4), [all[1], all[3]]);
        assert_eq!(found(AddressFamily::V6), [all[0], all[2]]);
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
