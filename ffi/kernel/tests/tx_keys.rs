//! What a failed send does to the keys of transmit stamps: the table in the header of `timestamping`, on this kernel.

mod support;

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};

use nix::sys::socket::{setsockopt, sockopt};
use support::{Client, drained, linux_version, loopback_v4, next_item, next_stamp, settle};
use synchronome_kernel::timestamping::{ErrorQueueItem, TxKeying, reset_tx_counter, send_timestamped};

/// More than UDP can carry: refused before anything is built.
static TOO_LONG: [u8; 65_508] = [0; 65_508];

/// A destination that is not permitted without `SO_BROADCAST`: refused after the route is found.
const BROADCAST: &str = "127.255.255.255:9";

fn errno(result: io::Result<usize>) -> i32 {
    result.expect_err("this send fails").raw_os_error().expect("a system error")
}

fn broadcast() -> SocketAddr {
    BROADCAST.parse().expect("an address")
}

/// A client with a pending ICMP error: its next send fails while the packet is being built.
fn refuse_next_send(client: &Client, key: Option<u32>) {
    let closed = loopback_v4();
    let nobody = closed.local_addr().expect("bound");
    drop(closed);
    setsockopt(&client.as_fd(), sockopt::Ipv4RecvErr, &true).expect("IP_RECVERR");
    send_timestamped(client, b"anyone?", nobody, key).expect("the first one goes");
    settle();
}

fn receiver() -> (UdpSocket, SocketAddr) {
    let receiver = loopback_v4();
    let to = receiver.local_addr().expect("bound");
    (receiver, to)
}

#[test]
fn with_a_key_per_message_failed_sends_of_every_kind_leave_the_others_alone() {
    let client = Client::new(loopback_v4());
    if client.keying != TxKeying::PerMessage {
        println!("this kernel takes no keys (Linux 6.13 does)");
        return;
    }
    let (_receiver, to) = receiver();
    client.send(b"one", to, 11).expect("loopback");
    assert_eq!(errno(client.send(&TOO_LONG, to, 12)), libc::EMSGSIZE);
    client.send(b"two", to, 13).expect("loopback");
    assert_eq!(errno(client.send(b"all", broadcast(), 14)), libc::EACCES);
    client.send(b"three", to, 15).expect("loopback");
    refuse_next_send(&client, Some(16));
    assert_eq!(errno(client.send(b"innocent", to, 17)), libc::ECONNREFUSED);
    client.send(b"four", to, 18).expect("loopback");
    assert_eq!(refused_when_built(&client, to), libc::EINVAL);
    client.send(b"five", to, 19).expect("loopback");
    let keys: Vec<u32> = drained(&client).iter().map(|stamp| stamp.key).collect();
    assert_eq!(keys, [11, 13, 15, 16, 18, 19]);
}

#[test]
fn the_counter_starts_at_0_and_counts_the_sends() {
    let client = Client::counting(loopback_v4());
    let (_receiver, to) = receiver();
    for expected in 0..5 {
        client.send(b"count", to, 99).expect("loopback");
        assert_eq!(next_stamp(&client).key, expected);
    }
}

#[test]
fn the_counter_stays_when_a_send_fails_before_the_packet_is_built() {
    let client = Client::counting(loopback_v4());
    let (_receiver, to) = receiver();
    client.send(b"one", to, 0).expect("loopback");
    assert_eq!(errno(client.send(&TOO_LONG, to, 0)), libc::EMSGSIZE);
    assert_eq!(errno(client.send(b"all", broadcast(), 0)), libc::EACCES);
    client.send(b"two", to, 0).expect("loopback");
    let keys: Vec<u32> = drained(&client).iter().map(|stamp| stamp.key).collect();
    assert_eq!(keys, [0, 1]);
}

#[test]
fn the_counter_stays_or_not_by_the_kernels_version_when_a_send_fails_while_the_packet_is_built() {
    let client = Client::counting(loopback_v4());
    let (_receiver, to) = receiver();
    refuse_next_send(&client, None);
    assert_eq!(errno(client.send(b"innocent", to, 0)), libc::ECONNREFUSED);
    client.send(b"two", to, 0).expect("loopback");
    let keys: Vec<u32> = drained(&client).iter().map(|stamp| stamp.key).collect();
    let after = if linux_version() >= (6, 9) { 1 } else { 2 };
    assert_eq!(keys, [0, after], "Linux {:?}", linux_version());
}

/// Makes a send fail once its packet is built, as a firewall's refusal does: segments without checksums are refused
/// there (udp_send_skb). Returns the errno.
fn refused_when_built(client: &Client, to: SocketAddr) -> i32 {
    setsockopt(&client.as_fd(), sockopt::UdpGsoSegment, &100).expect("UDP_SEGMENT");
    let yes: libc::c_int = 1;
    // SAFETY: setsockopt(2) reads one int at `yes`, which lives through the call; SO_NO_CHECK takes an int (socket.h).
    let result = unsafe {
        libc::setsockopt(
            client.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NO_CHECK,
            (&raw const yes).cast(),
            size_of_val(&yes) as libc::socklen_t,
        )
    };
    assert_eq!(result, 0, "SO_NO_CHECK");
    let errno = errno(client.send(&[0; 300], to, 77));
    setsockopt(&client.as_fd(), sockopt::UdpGsoSegment, &0).expect("UDP_SEGMENT");
    errno
}

#[test]
fn the_counter_has_advanced_when_a_send_fails_after_the_packet_was_built() {
    let client = Client::counting(loopback_v4());
    let (_receiver, to) = receiver();
    client.send(b"one", to, 0).expect("loopback");
    assert_eq!(refused_when_built(&client, to), libc::EINVAL);
    client.send(b"two", to, 0).expect("loopback");
    let keys: Vec<u32> = drained(&client).iter().map(|stamp| stamp.key).collect();
    assert_eq!(keys, [0, 2], "a sender that counts only its successes is off by one from here on");
    reset_tx_counter(&client).expect("transmit stamps are on");
    client.send(b"three", to, 0).expect("loopback");
    assert_eq!(next_stamp(&client).key, 0);
}

#[test]
fn after_a_reset_the_next_send_is_0_whatever_failed_before() {
    let client = Client::counting(loopback_v4());
    let (_receiver, to) = receiver();
    client.send(b"one", to, 0).expect("loopback");
    refuse_next_send(&client, None);
    assert_eq!(errno(client.send(b"innocent", to, 0)), libc::ECONNREFUSED);
    drained(&client);
    reset_tx_counter(&client).expect("transmit stamps are on");
    for expected in 0..3 {
        client.send(b"again", to, 0).expect("loopback");
        let stamp = next_stamp(&client);
        assert_eq!(stamp.key, expected);
        assert!(stamp.software.is_some(), "the reset keeps the rest of the request");
    }
}

#[test]
fn a_stamp_under_way_keeps_its_old_number_over_a_reset() {
    let client = Client::counting(loopback_v4());
    let (_receiver, to) = receiver();
    for _ in 0..3 {
        client.send(b"before", to, 0).expect("loopback");
    }
    reset_tx_counter(&client).expect("transmit stamps are on");
    client.send(b"after", to, 0).expect("loopback");
    let keys: Vec<u32> = drained(&client).iter().map(|stamp| stamp.key).collect();
    assert_eq!(keys, [0, 1, 2, 0], "which is why exchanges in flight are given up at a reset");
}

#[test]
fn keys_of_our_own_do_not_advance_the_counter() {
    let client = Client::new(loopback_v4());
    if client.keying != TxKeying::PerMessage {
        println!("this kernel takes no keys (Linux 6.13 does)");
        return;
    }
    let (_receiver, to) = receiver();
    send_timestamped(&client, b"counted", to, None).expect("loopback");
    send_timestamped(&client, b"ours", to, Some(500)).expect("loopback");
    send_timestamped(&client, b"counted", to, None).expect("loopback");
    let keys: Vec<u32> = drained(&client).iter().map(|stamp| stamp.key).collect();
    assert_eq!(keys, [0, 500, 1]);
}

#[test]
fn a_datagram_that_nobody_receives_is_stamped_and_counted_all_the_same() {
    let client = Client::counting(loopback_v4());
    let (receiver, to) = receiver();
    drop(receiver);
    client.send(b"lost", to, 0).expect("loopback");
    client.send(b"lost", to, 0).expect("loopback");
    let mut keys = Vec::new();
    while let Some(item) = next_item(&client) {
        match item {
            ErrorQueueItem::TxStamp(stamp) => keys.push(stamp.key),
            other => panic!("without IP_RECVERR there are no ICMP errors: {other:?}"),
        }
    }
    assert_eq!(keys, [0, 1]);
}
