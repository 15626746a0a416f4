//! Packet sockets on the loopback, with real frames: what passes the filter, and whose the stamps are.
//!
//! They need CAP_NET_RAW. Each test has an ethertype of its own, of those that IEEE 802 leaves to experiments, so that
//! the tests do not hear each other.

mod support;

use std::os::fd::{AsFd, OwnedFd};

use nix::net::if_::if_nametoindex;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use support::{close_to_now, linux_version, next_stamp};
use synchronome_kernel::socket::packet::{
    ETHERNET_HEADER, FirstOctets, FrameBatch, FrameReceiver, ReceivedFrame, join_link_group, open_packet_socket,
    send_frame,
};
use synchronome_kernel::timestamping::{TxKeying, enable_software_timestamps, reset_tx_counter};

const ROOM: usize = 256;

fn loopback() -> u32 {
    if_nametoindex("lo").expect("the loopback")
}

fn open(ethertype: u16) -> OwnedFd {
    open_packet_socket(loopback(), None, ethertype, FirstOctets::ALL)
        .expect("these tests need CAP_NET_RAW, and the loopback up")
}

fn frame(tags: &[u16], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 12];
    for tag in tags {
        frame.extend(tag.to_be_bytes());
        frame.extend(5_u16.to_be_bytes());
    }
    frame.extend(ethertype.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The next frame; `None` if none comes within 100 ms.
fn next(socket: &OwnedFd, room: usize) -> Option<(ReceivedFrame, Vec<u8>)> {
    poll(&mut [PollFd::new(socket.as_fd(), PollFlags::POLLIN)], PollTimeout::from(100_u8)).expect("polled");
    let mut buffer = vec![0; room];
    let received = FrameReceiver::new().receive(socket, &mut buffer).expect("a socket")?;
    buffer.truncate(received.length);
    Some((received, buffer))
}

#[test]
fn a_frame_arrives_whole_and_only_if_it_is_of_the_protocol() {
    let (socket, other) = (open(0x88b5), open(0x88b6));
    send_frame(&other, &frame(&[], 0x88b6, b"not for you"), None).expect("sent");
    let sent = frame(&[], 0x88b5, b"for you");
    assert_eq!(send_frame(&socket, &sent, None).expect("sent"), sent.len());
    let (received, data) = next(&socket, ROOM).expect("a frame");
    assert_eq!(data, sent);
    assert!(!received.truncated);
    assert_eq!(next(&socket, ROOM), None, "neither the other protocol's nor our own outgoing one");
}

#[test]
fn a_vlan_tag_does_not_hide_a_frame() {
    let socket = open(0x8401);
    for tag in [0x8100, 0x88a8] {
        send_frame(&socket, &frame(&[tag], 0x8401, b"tagged"), None).expect("sent");
        let (_, data) = next(&socket, ROOM).expect("a frame");
        // The kernel has taken the tag off.
        assert_eq!(data, frame(&[], 0x8401, b"tagged"));
    }
    send_frame(&socket, &frame(&[0x88a8, 0x8100, 0x8100], 0x8401, b"too deep"), None).expect("sent");
    assert_eq!(next(&socket, ROOM), None);
}

#[test]
fn two_sockets_share_a_protocol_by_the_first_octet() {
    let halves = [FirstOctets(0x00ff), FirstOctets(0xff00)];
    let sockets = halves.map(|half| open_packet_socket(loopback(), None, 0x8407, half).expect("CAP_NET_RAW"));
    let sent = [[0x07, 1], [0x1b, 2], [0xf8, 3], [0xf0, 4]].map(|payload| frame(&[], 0x8407, &payload));
    for frame in &sent {
        send_frame(&sockets[0], frame, None).expect("sent");
    }
    let heard = sockets.each_ref().map(|socket| [(); 2].map(|()| next(socket, ROOM).expect("a frame").1));
    assert_eq!(heard, [[sent[0].clone(), sent[3].clone()], [sent[1].clone(), sent[2].clone()]]);
    assert!(sockets.iter().all(|socket| next(socket, ROOM).is_none()));
}

#[test]
fn a_frame_that_does_not_fit_says_so() {
    let socket = open(0x8402);
    send_frame(&socket, &frame(&[], 0x8402, &[7; 100]), None).expect("sent");
    let (received, data) = next(&socket, ETHERNET_HEADER + 10).expect("a frame");
    assert!(received.truncated);
    assert_eq!(data.len(), ETHERNET_HEADER + 10);
}

#[test]
fn as_many_frames_as_there_is_room_for_come_in_one_call_each_with_its_own_stamp() {
    let socket = open(0x8408);
    enable_software_timestamps(&socket, true).expect("stamps");
    // The kernel begins to stamp received packets a moment after the first socket asked.
    std::thread::sleep(std::time::Duration::from_millis(50));
    let mut batch = FrameBatch::new(4, ETHERNET_HEADER + 8);
    assert_eq!((batch.recv(&socket).expect("a socket"), batch.iter().count()), (0, 0));
    // The sixth does not fit.
    let sent: Vec<_> =
        (1..=6_u8).map(|number| frame(&[], 0x8408, &vec![number; usize::from(2 * number) - 1])).collect();
    for frame in &sent {
        send_frame(&socket, frame, None).expect("sent");
    }
    let (mut seen, mut stamps) = (Vec::new(), Vec::new());
    for expected in [4, 2, 0] {
        let mut waited = 0;
        while batch.recv(&socket).expect("a socket") == 0 && expected > 0 && waited < 100 {
            std::thread::sleep(std::time::Duration::from_millis(1));
            waited += 1;
        }
        assert_eq!(batch.iter().count(), expected);
        for (received, data) in batch.iter() {
            seen.push((data.to_vec(), received.truncated));
            stamps.push(received.software.expect("a stamp"));
        }
    }
    let cut = sent[5][..ETHERNET_HEADER + 8].to_vec();
    let whole = sent[..5]
        .iter()
        .map(|frame| (frame[..frame.len().min(ETHERNET_HEADER + 8)].to_vec(), frame.len() > ETHERNET_HEADER + 8));
    let expected: Vec<_> = whole.chain([(cut, true)]).collect();
    assert_eq!(seen, expected);
    assert!(stamps.is_sorted() && stamps.iter().all(|stamp| close_to_now(*stamp)), "{stamps:?}");
    // And one by itself, where more are there.
    for frame in &sent[..2] {
        send_frame(&socket, frame, None).expect("sent");
    }
    for frame in &sent[..2] {
        assert_eq!(batch.recv_one(&socket).expect("a socket"), 1);
        assert_eq!(batch.iter().map(|(_, data)| data.to_vec()).collect::<Vec<_>>(), std::slice::from_ref(frame));
    }
    assert_eq!(batch.recv_one(&socket).expect("a socket"), 0);
}

#[test]
fn sent_frames_are_stamped_under_their_keys_and_received_ones_too() {
    let socket = open(0x8403);
    let keying = enable_software_timestamps(&socket, true).expect("stamps");
    let is_new = linux_version() >= (6, 13);
    assert!(keying == TxKeying::PerMessage || !is_new, "Linux 6.13 takes keys");
    let mut is_stamped = false;
    for count in 0..1000_u32 {
        let key = if keying == TxKeying::PerMessage { Some(1000 + 7 * count) } else { None };
        send_frame(&socket, &frame(&[], 0x8403, b"t3"), key).expect("sent");
        let stamp = next_stamp(&socket);
        assert_eq!(stamp.key, key.unwrap_or(count));
        assert!(stamp.software.is_some_and(close_to_now), "{stamp:?}");
        assert_eq!(stamp.hardware, None);
        let (received, _) = next(&socket, ROOM).expect("a frame");
        if let Some(received) = received.software {
            assert!(stamp.software.is_some_and(|sent| sent <= received), "{stamp:?} {received:?}");
            is_stamped = true;
            break;
        }
        // The kernel begins to stamp received packets a moment after the first socket asked.
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert!(is_stamped, "no receive stamp within a second");
    reset_tx_counter(&socket).expect("a counter");
}

#[test]
fn groups_are_joined_where_there_is_an_interface() {
    let group = [0x01, 0x1b, 0x19, 0, 0, 0];
    let socket = open(0x8404);
    join_link_group(&socket, loopback(), group).expect("the loopback takes any");
    let error = join_link_group(&socket, 0x7fff_fff0, group).expect_err("no such interface");
    assert_eq!(error.raw_os_error(), Some(nix::libc::ENODEV));
    let error = open_packet_socket(0x7fff_fff0, None, 0x8404, FirstOctets::ALL).expect_err("no such interface");
    assert_eq!(error.raw_os_error(), Some(nix::libc::ENODEV));
}
