use std::net::UdpSocket;

use nix::errno::Errno;

use super::listen::Listener;
use super::*;
use crate::sharing::PhcLines;

fn served_time() -> ServedTime {
    let (_, snapshot) = Seqlock::new(&TimeSnapshot::unsynchronised(HostClock.mono()));
    let (_, lines) = Seqlock::new(&PhcLines::default());
    let (_, interfaces) = Seqlock::new(&StampingInterfaces::default());
    let (_, leap) = Seqlock::new(&None);
    ServedTime { snapshot, lines, interfaces, leap }
}

fn is_answered(address: SocketAddr) -> bool {
    let client = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    client.connect(address).expect("loopback");
    client.set_read_timeout(Some(Timeout::from_secs(5))).expect("a timeout");
    let mut request = [0; HEADER_LENGTH];
    request[0] = PLAIN_REQUEST;
    client.send(&request).is_ok() && client.recv(&mut [0; 64]).is_ok()
}

#[test]
fn a_worker_whose_socket_is_broken_ends_and_another_one_serves_with_new_sockets() {
    let options = ServerOptions { listen: vec!["127.0.0.1:0".parse().expect("an address")], ..Default::default() };
    let mut server = Server::spawn(&options, &served_time(), Latch::default()).expect("a server");
    let address = server.listening()[0];
    assert!(is_answered(address));
    server.take_notices();
    server.workers[0].tell(Change::Take(Listener::broken(1)));
    let start = std::time::Instant::now();
    while !server.has_lost_a_worker() {
        assert!(start.elapsed() < Timeout::from_secs(20), "it goes on with a broken socket");
        std::thread::sleep(Timeout::from_millis(1));
    }
    let pulse = server.workers()[0].pulse().clone();
    server.look_after_workers(HostClock.mono(), &mut |_| None);
    let ended = ServerNotice::WorkerEnded { worker: 0, errno: Some(Errno::ENOTCONN), again_after: Duration::ZERO };
    assert_eq!(server.take_notices(), [ended, ServerNotice::WorkerReplaced { worker: 0, clients: 1, forgotten: 0 }]);
    assert!(is_answered(address));
    assert_eq!((server.listening(), server.restarts()), (&[address][..], 1));
    // Whoever watches the old one watches the new one.
    let now = HostClock.mono();
    while pulse.age(HostClock.mono()) >= HostClock.mono() - now {
        assert!(start.elapsed() < Timeout::from_secs(20), "no sign of life");
        std::thread::sleep(Timeout::from_millis(1));
    }
}

#[test]
fn an_address_that_cannot_be_opened_again_for_a_new_worker_is_waited_for() {
    let options = ServerOptions { listen: vec!["127.0.0.1:0".parse().expect("an address")], ..Default::default() };
    let mut server = Server::spawn(&options, &served_time(), Latch::default()).expect("a server");
    let address = server.listening()[0];
    server.workers[0].tell(Change::Take(Listener::broken(1)));
    let start = std::time::Instant::now();
    while !server.has_lost_a_worker() {
        assert!(start.elapsed() < Timeout::from_secs(20), "it goes on with a broken socket");
        std::thread::sleep(Timeout::from_millis(1));
    }
    // Between the end of the one and the start of the other somebody else takes the port.
    server.retire(0);
    let other = UdpSocket::bind(address).expect("the port is free");
    server.look_after_workers(HostClock.mono(), &mut |_| None);
    assert!(server.listening().is_empty());
    assert_eq!(server.missing().collect::<Vec<_>>(), [(address, &ServerError::Busy(address))]);
    drop(other);
    assert!(server.retry_missing());
    assert_eq!(server.listening(), [address]);
    assert!(is_answered(address));
}

#[test]
fn workers_that_end_because_they_shall_are_not_replaced() {
    let options = ServerOptions { listen: vec!["127.0.0.1:0".parse().expect("an address")], ..Default::default() };
    let latch = Latch::default();
    let mut server = Server::spawn(&options, &served_time(), latch.clone()).expect("a server");
    latch.set();
    server.workers[0].wake();
    while !server.workers[0].ended.is_set() {
        std::thread::sleep(Timeout::from_millis(1));
    }
    assert!(!server.has_lost_a_worker());
    server.look_after_workers(HostClock.mono(), &mut |_| None);
    assert_eq!(server.restarts(), 0);
}
