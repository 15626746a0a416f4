//! Interfaces in the place of addresses: they and their addresses come and go.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};

use synchronome::config::{ListenException, ListenInterface};
use synchronome::runtime::server::{ServerError, ServerNotice, ServerOptions};

use crate::support::{Served, ask, client, eventually, in_namespace, is_in_namespace, output_of, request};

#[test]
fn the_addresses_of_an_interface_are_served_while_it_has_them() {
    if !is_in_namespace() {
        return in_namespace("interfaces::the_addresses_of_an_interface_are_served_while_it_has_them", &[]);
    }
    let ip = |arguments: &str| output_of("ip", "iproute2", &arguments.split(' ').collect::<Vec<_>>());
    let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
    let interfaces = vec![ListenInterface { name: "va".to_owned(), port: 123 }];
    let except = vec![ListenException::Addresses("198.51.100.0/24".parse().expect("a prefix"))];
    let options = ServerOptions { interfaces, except, ..ServerOptions::default() };
    let mut served = Served::with(&options);
    let absent = ServerNotice::Waiting(ServerError::NoInterface("va".to_owned()));
    assert_eq!(served.server.take_notices(), std::slice::from_ref(&absent));
    assert!(!served.server.retry_missing(), "it is told once");

    // It comes late, and then its addresses.
    ip("link add va type veth peer name vb");
    ip("link set va addrgenmode none");
    ip("link set vb up");
    ip("link set va up");
    ip("address add 192.0.2.7/24 dev va");
    ip("address add 198.51.100.7/24 dev va");
    assert!(served.server.retry_missing());
    assert_eq!(served.server.listening(), [at("192.0.2.7:123")]);
    assert_eq!(ask(&client(at("192.0.2.7:123"))).header.stratum, 2);
    assert!(client(at("198.51.100.7:123")).send(&request(1)).is_ok());
    served.server.take_notices();

    // An IPv6 address that other hosts are asked about first: nobody can be answered from it yet.
    let v6 = at("[2001:db8::7]:123");
    ip("address add 2001:db8::7/64 dev va");
    assert!(ip("address show dev va").contains("tentative"), "needs IPv6 (net.ipv6.conf.all.disable_ipv6=0)");
    assert!(served.server.retry_missing());
    assert!(served.server.take_notices().contains(&ServerNotice::Waiting(ServerError::Tentative(v6))));
    let is_served = |served: &mut Served, address| {
        served.server.retry_missing();
        served.server.listening().contains(&address)
    };
    assert!(eventually(|| is_served(&mut served, v6)), "{:?}", served.server.take_notices());
    assert!(served.server.take_notices().contains(&ServerNotice::Listening(v6)));
    assert_eq!(ask(&client(v6)).header.stratum, 2);
    ip("address add fe80::7/64 dev va nodad");
    assert!(served.server.retry_missing());
    let listening = served.server.listening();
    let link_local = listening.iter().copied().find(|address| address.to_string().starts_with("[fe80:"));
    let Some(SocketAddr::V6(link_local)) = link_local else { panic!("{listening:?}") };
    assert_ne!(link_local.scope_id(), 0, "the kernel must know which link is meant");
    assert_eq!(served.server.take_notices(), [ServerNotice::Listening(SocketAddr::V6(link_local))]);

    // One goes, the others stay; it comes back.
    ip("address del 192.0.2.7/24 dev va");
    assert!(served.server.retry_missing());
    assert_eq!(served.server.take_notices(), [ServerNotice::Left(at("192.0.2.7:123"))]);
    assert_eq!(ask(&client(v6)).header.stratum, 2);
    ip("address add 192.0.2.7/24 dev va");
    assert!(is_served(&mut served, at("192.0.2.7:123")));
    assert_eq!(ask(&client(at("192.0.2.7:123"))).header.stratum, 2);
    served.server.take_notices();

    ip("link del va");
    assert!(served.server.retry_missing());
    assert!(served.server.listening().is_empty());
    assert_eq!(served.server.take_notices().last(), Some(&absent));
}

#[test]
fn what_is_left_out_of_all_addresses_is_not_served() {
    if !is_in_namespace() {
        return in_namespace("interfaces::what_is_left_out_of_all_addresses_is_not_served", &[]);
    }
    output_of("ip", "iproute2", &["link", "add", "inner", "type", "veth", "peer", "name", "other"]);
    output_of("ip", "iproute2", &["address", "add", "192.0.2.7/24", "dev", "inner"]);
    output_of("ip", "iproute2", &["link", "set", "inner", "up"]);
    let except = vec![ListenException::Interface("lo".to_owned())];
    let listen = vec!["0.0.0.0:123".parse().expect("an address")];
    let served = Served::with(&ServerOptions { listen, except, ..ServerOptions::default() });
    let inner: SocketAddr = "192.0.2.7:123".parse().expect("an address");
    assert_eq!(served.server.listening(), [inner]);
    assert_eq!(ask(&client(inner)).header.stratum, 2);
    let outside = client((Ipv4Addr::LOCALHOST, 123));
    outside.send(&request(1)).expect("loopback");
    assert_eq!(outside.recv(&mut [0; 64]).map_err(|error| error.kind()), Err(ErrorKind::ConnectionRefused));
}
