//! Names become addresses on a thread of its own: getaddrinfo(3) may take a minute, and nobody waits for it.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::thread::Builder;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::discipline::helm::HELM_SOURCES_MAX;
use crate::sharing::Doorbell;

/// The most addresses of one name that are looked at.
const ADDRESSES_MAX: usize = 16;

struct Lookup {
    place: usize,
    host: String,
    port: u16,
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
    pub fn ask(&self, place: usize, host: &str, port: u16) {
        _ = self.to.try_send(Lookup { place, host: host.to_owned(), port });
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

/// Starts the thread; it ends by itself when nobody can ask any more. It is not waited for: it may hang in a lookup.
///
/// # Errors
/// The system's, if there can be no more threads.
pub fn spawn_resolver(doorbell: Doorbell) -> io::Result<Lookups> {
    let (to, asked) = bounded::<Lookup>(HELM_SOURCES_MAX);
    let (found, from) = bounded(HELM_SOURCES_MAX);
    Builder::new().name("resolver".to_owned()).spawn(move || {
        for Lookup { place, host, port } in asked {
            let addresses = (host.as_str(), port).to_socket_addrs();
            let addresses: Vec<_> = addresses.map(|all| all.take(ADDRESSES_MAX).collect()).unwrap_or_default();
            if found.send((place, addresses)).is_err() {
                return;
            }
            doorbell.ring();
        }
    })?;
    Ok(Lookups { to, from })
}
