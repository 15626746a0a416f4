//! Which addresses are served where the configuration names interfaces.
//!
//! Interfaces come and go under the running server, and so do their addresses: by DHCP, by router advertisements, by a cable. A socket bound to the
//! wildcard address would not mind; but then everything is served, also where nobody should ask. So each address has a socket of its own, and
//! once a second it is looked which ones there are: getifaddrs(3) costs some tens of microseconds, on a thread that has the time. A subscription to
//! the kernel's news would be quicker by that second, and would have to be kept right through every lost message.
//!
//! An IPv6 address that is still being looked for on other hosts is among those that an interface has, but cannot be bound: it is tried again.

use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

use nix::ifaddrs::getifaddrs;

use super::ServerError;
use crate::config::{ListenException, ListenInterface};

/// An address of an interface, with the scope that it has there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct InterfaceAddress {
    /// The interface's name.
    pub(super) interface: String,
    /// Its port means nothing.
    pub(super) address: SocketAddr,
}

/// All addresses of this host; none where the kernel does not tell.
pub(super) fn present() -> Vec<InterfaceAddress> {
    let all = getifaddrs().into_iter().flatten();
    all.filter_map(|one| {
        let storage = one.address.as_ref()?;
        let v4 = || storage.as_sockaddr_in().map(|v4| SocketAddr::V4(SocketAddrV4::new(v4.ip(), 0)));
        let v6 = || storage.as_sockaddr_in6().map(|v6| SocketAddr::V6(SocketAddrV6::new(v6.ip(), 0, 0, v6.scope_id())));
        let address = v4().or_else(v6)?;
        // A second IPv4 address may have a label of its own: `eth0:1`.
        let interface = one.interface_name.split(':').next().unwrap_or_default().to_owned();
        Some(InterfaceAddress { interface, address })
    })
    .collect()
}

/// What is followed, and what came of it.
#[derive(Debug, Default)]
pub(super) struct Following {
    interfaces: Vec<ListenInterface>,
    /// Of all interfaces, with the port: where something is left out of 0.0.0.0 or ::.
    wildcards: Vec<SocketAddr>,
    except: Vec<ListenException>,
    /// What was taken, and not lost since.
    taken: Vec<SocketAddr>,
    /// What was waited for last.
    waiting: Vec<ServerError>,
}

impl Following {
    /// What is to be followed, and those of `listen` that are simply opened.
    pub(super) fn new(
        listen: &[SocketAddr],
        interfaces: &[ListenInterface],
        except: &[ListenException],
    ) -> (Self, Vec<SocketAddr>) {
        let is_followed = |address: &SocketAddr| address.ip().is_unspecified() && !except.is_empty();
        let (wildcards, fixed) = listen.iter().partition(|address| is_followed(address));
        let following = Self { interfaces: interfaces.to_vec(), wildcards, except: except.to_vec(), ..Self::default() };
        (following, fixed)
    }

    /// Whether there is nothing to follow.
    pub(super) fn is_idle(&self) -> bool {
        self.interfaces.is_empty() && self.wildcards.is_empty()
    }

    /// The addresses that are to be served, no two alike.
    pub(super) fn wanted(&self, present: &[InterfaceAddress]) -> Vec<SocketAddr> {
        let mut wanted = Vec::new();
        for one in present.iter().filter(|one| !self.is_left_out(one)) {
            let named = self.interfaces.iter().filter(|followed| followed.name == one.interface);
            let wide = self.wildcards.iter().filter(|wildcard| wildcard.is_ipv4() == one.address.is_ipv4());
            for port in named.map(|followed| followed.port).chain(wide.map(SocketAddr::port)) {
                let mut address = one.address;
                address.set_port(port);
                if !wanted.contains(&address) {
                    wanted.push(address);
                }
            }
        }
        wanted
    }

    fn is_left_out(&self, one: &InterfaceAddress) -> bool {
        self.except.iter().any(|exception| match exception {
            ListenException::Interface(name) => *name == one.interface,
            ListenException::Addresses(prefix) => prefix.covers(one.address.ip()),
        })
    }

    /// Those that were taken and are wanted no more; they are forgotten.
    pub(super) fn lost(&mut self, wanted: &[SocketAddr]) -> Vec<SocketAddr> {
        self.taken.extract_if(.., |address| !wanted.contains(address)).collect()
    }

    /// This one is served now.
    pub(super) fn took(&mut self, address: SocketAddr) {
        self.taken.push(address);
    }

    /// This one was taken, and is not served any more although it was not lost; `false`: it is not followed.
    pub(super) fn gave_up(&mut self, address: SocketAddr) -> bool {
        let before = self.taken.len();
        self.taken.retain(|one| *one != address);
        self.taken.len() < before
    }

    /// The interfaces that are not there, or have no address.
    pub(super) fn without_address(&self, present: &[InterfaceAddress]) -> Vec<ServerError> {
        let is_there = |name: &str| present.iter().any(|one| one.interface == name);
        let absent = self.interfaces.iter().filter(|followed| !is_there(&followed.name));
        absent.map(|followed| ServerError::NoInterface(followed.name.clone())).collect()
    }

    /// What of this was not waited for the time before.
    pub(super) fn news(&mut self, waiting: Vec<ServerError>) -> Vec<ServerError> {
        let news = waiting.iter().filter(|error| !self.waiting.contains(error)).cloned().collect();
        self.waiting = waiting;
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(interface: &str, address: &str) -> InterfaceAddress {
        let address = SocketAddr::new(address.parse().expect("an address"), 0);
        InterfaceAddress { interface: interface.to_owned(), address }
    }

    fn host() -> Vec<InterfaceAddress> {
        vec![
            at("lo", "127.0.0.1"),
            at("eth0", "192.0.2.7"),
            at("eth1", "10.0.0.7"),
            at("lo", "::1"),
            at("eth0", "2001:db8::7"),
        ]
    }

    fn of(wanted: &[SocketAddr]) -> Vec<String> {
        wanted.iter().map(ToString::to_string).collect()
    }

    fn eth0(port: u16) -> ListenInterface {
        ListenInterface { name: "eth0".to_owned(), port }
    }

    #[test]
    fn an_interface_is_all_its_addresses_but_those_left_out() {
        let (following, fixed) = Following::new(&["10.0.0.7:123".parse().unwrap()], &[eth0(123)], &[]);
        assert_eq!(of(&fixed), ["10.0.0.7:123"]);
        assert_eq!(of(&following.wanted(&host())), ["192.0.2.7:123", "[2001:db8::7]:123"]);
        let v6 = [ListenException::Addresses("2001:db8::/32".parse().unwrap())];
        let (following, _) = Following::new(&[], &[eth0(123), eth0(1123)], &v6);
        assert_eq!(of(&following.wanted(&host())), ["192.0.2.7:123", "192.0.2.7:1123"]);
    }

    #[test]
    fn all_addresses_with_an_exception_are_those_of_the_other_interfaces() {
        let listen = ["0.0.0.0:123".parse().unwrap(), "[::]:123".parse().unwrap()];
        let (following, fixed) = Following::new(&listen, &[], &[]);
        assert!(following.is_idle() && fixed == listen, "the wildcard address itself, where nothing is left out");
        let (following, fixed) = Following::new(&listen, &[], &[ListenException::Interface("eth0".to_owned())]);
        assert!(!following.is_idle() && fixed.is_empty());
        assert_eq!(of(&following.wanted(&host())), ["127.0.0.1:123", "10.0.0.7:123", "[::1]:123"]);
    }

    #[test]
    fn what_is_lost_and_what_is_waited_for_is_told_once() {
        let (mut following, _) = Following::new(&[], &[eth0(123)], &[]);
        for address in following.wanted(&host()) {
            following.took(address);
        }
        let left = following.wanted(&host()[..4]);
        assert_eq!(of(&following.lost(&left)), ["[2001:db8::7]:123"]);
        assert!(following.lost(&left).is_empty());
        assert!(following.without_address(&host()).is_empty());
        let waiting = following.without_address(&[]);
        assert_eq!(waiting, [ServerError::NoInterface("eth0".to_owned())]);
        assert_eq!(following.news(waiting.clone()), waiting);
        assert!(following.news(waiting).is_empty());
    }
}
