//! Time stamps on loopback, with real sockets: that they come, that they are right, and whose they are.

mod support;

use std::net::UdpSocket;
use std::os::fd::AsFd;

use nix::sys::socket::{setsockopt, sockopt};
use support::{Client, close_to_now, drained, loopback_v4, loopback_v6, next_item, next_stamp, realtime, receive};
use synchronome_kernel::socket::{RecvBatch, SendBatch, enable_packet_info};
use synchronome_kernel::timestamping::{
    ErrorQueueBuffer, ErrorQueueItem, TimestampRequest, TxKeying, enable_software_timestamps, enable_timestamps,
    read_error_queue, reset_tx_counter, send_timestamped,
};

/// Waits until the kernel stamps received packets: it begins a moment after the first socket asked (a static key).
fn until_stamped(receiver: &UdpSocket, sender: &UdpSocket) {
    let to = receiver.local_addr().expect("bound");
    let mut batch = RecvBatch::new(1, 64);
    for _ in 0..1000 {
        sender.send_to(b"warm-up", to).expect("loopback");
        receive(&mut batch, receiver, 1);
        if batch.get(0).software.is_some() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    panic!("no receive stamp within a second");
}

#[test]
fn a_received_packet_has_a_software_stamp_of_the_realtime_clock() {
    for (receiver, sender) in [(loopback_v4(), loopback_v4()), (loopback_v6(), loopback_v6())] {
        assert_eq!(enable_software_timestamps(&receiver, false).expect("stamps"), TxKeying::Off);
        until_stamped(&receiver, &sender);
        let before = realtime();
        sender.send_to(b"stamp me", receiver.local_addr().expect("bound")).expect("loopback");
        let mut batch = RecvBatch::new(4, 64);
        receive(&mut batch, &receiver, 1);
        let after = realtime();
        let stamp = batch.get(0).software.expect("a stamp");
        assert!(before <= stamp && stamp <= after, "{before:?} <= {stamp:?} <= {after:?}");
        assert_eq!(batch.get(0).hardware, None, "the loopback has no clock");
    }
}

#[test]
fn without_asking_there_is_no_stamp() {
    let (receiver, sender) = (loopback_v4(), loopback_v4());
    // Another socket of the host asks, so that the kernel does stamp the packets.
    let other = loopback_v4();
    enable_software_timestamps(&other, true).expect("stamps");
    until_stamped(&other, &sender);
    sender.send_to(b"plain", receiver.local_addr().expect("bound")).expect("loopback");
    let mut batch = RecvBatch::new(1, 64);
    receive(&mut batch, &receiver, 1);
    assert_eq!((batch.get(0).software, batch.get(0).hardware), (None, None));
    assert_eq!(next_item(&sender), None);
}

#[test]
fn an_empty_error_queue_is_none_at_once_even_on_a_blocking_socket() {
    let socket = loopback_v4();
    enable_software_timestamps(&socket, true).expect("stamps");
    let mut buffer = ErrorQueueBuffer::new();
    assert_eq!(read_error_queue(&socket, &mut buffer).expect("a socket"), None);
}

#[test]
fn a_transmit_stamp_comes_with_our_key() {
    let (receiver, v6) = (loopback_v4(), loopback_v6());
    for (client, to) in [
        (Client::new(loopback_v4()), receiver.local_addr().expect("bound")),
        (Client::new(loopback_v6()), v6.local_addr().expect("bound")),
    ] {
        if client.keying != TxKeying::PerMessage {
            println!("this kernel takes no keys (Linux 6.13 does): the test of the counter stands for it");
            return;
        }
        for key in [7, u32::MAX, 0, 123_456_789] {
            let before = realtime();
            assert_eq!(send_timestamped(&client, b"t3", to, Some(key)).expect("loopback"), 2);
            let stamp = next_stamp(&client);
            assert_eq!(stamp.key, key);
            assert_eq!(stamp.hardware, None);
            let software = stamp.software.expect("a software stamp");
            assert!(before <= software && software <= realtime(), "{software:?}");
            assert_eq!(next_item(&client), None, "one stamp per message");
        }
    }
}

#[test]
fn stamps_of_a_burst_keep_their_keys_apart() {
    let receiver = loopback_v4();
    let to = receiver.local_addr().expect("bound");
    let client = Client::new(loopback_v4());
    for number in 0..20 {
        client.send(b"burst", to, 1000 - number).expect("loopback");
    }
    let stamps = drained(&client);
    let keys: Vec<u32> = stamps.iter().map(|stamp| stamp.key).collect();
    let expected: Vec<u32> = match client.keying {
        TxKeying::PerMessage => (0..20).map(|number| 1000 - number).collect(),
        _ => (0..20).collect(),
    };
    assert_eq!(keys, expected);
    assert!(stamps.is_sorted_by_key(|stamp| stamp.software), "{stamps:?}");
}

#[test]
fn a_key_without_transmit_stamps_is_refused() {
    let (receiver, client) = (loopback_v4(), loopback_v4());
    let to = receiver.local_addr().expect("bound");
    enable_software_timestamps(&client, false).expect("stamps");
    let error = send_timestamped(&client, b"t3", to, Some(1)).expect_err("no OPT_ID");
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
    send_timestamped(&client, b"t3", to, None).expect("without a key it goes");
    assert_eq!(next_item(&client), None);
}

#[test]
fn enabling_again_replaces_the_request() {
    let receiver = loopback_v4();
    let to = receiver.local_addr().expect("bound");
    let client = Client::new(loopback_v4());
    let keying = enable_timestamps(&client, TimestampRequest::default()).expect("stamps off");
    assert_eq!(keying, TxKeying::Off);
    send_timestamped(&client, b"quiet", to, None).expect("loopback");
    assert_eq!(next_item(&client), None);
    assert_ne!(enable_software_timestamps(&client, true).expect("stamps"), TxKeying::Off);
    send_timestamped(&client, b"again", to, None).expect("loopback");
    assert_eq!(next_stamp(&client).key, 0, "the counter starts again too");
}

#[test]
fn the_hardware_flags_are_accepted_and_bring_nothing_on_loopback() {
    let (receiver, client) = (loopback_v4(), loopback_v4());
    let all = TimestampRequest {
        origin: true,
        rx_software: true,
        tx_software: true,
        rx_hardware: true,
        tx_hardware: true,
        tx_on_demand: false,
        tx_hardware_on_demand: false,
        tx_software_beside_hardware: true,
        bind_phc: None,
    };
    enable_timestamps(&client, all).expect("flags that the kernel knows");
    send_timestamped(&client, b"t3", receiver.local_addr().expect("bound"), None).expect("loopback");
    let stamp = next_stamp(&client);
    assert!(stamp.software.is_some_and(close_to_now), "{stamp:?}");
    assert_eq!(stamp.hardware, None);
}

#[test]
fn of_a_batch_only_those_are_stamped_that_ask_for_it_and_only_they_are_counted() {
    let (receiver, client) = (loopback_v4(), Client::new(loopback_v4()));
    let to = receiver.local_addr().expect("bound");
    let on_demand = TimestampRequest { tx_on_demand: true, ..TimestampRequest::default() };
    enable_timestamps(&client, on_demand).expect("flags that the kernel knows");
    let mut batch = SendBatch::new(8, 16);
    let from = Some(to.ip());
    for number in 0..6_u8 {
        batch.push(&[number], to, from, None).expect("room");
        if number % 2 == 1 {
            batch.stamp_last();
        }
    }
    assert_eq!(batch.flush(&client).expect("loopback").sent, 6);
    let keys = [0, 1, 2].map(|_| next_stamp(&client)).map(|stamp| {
        assert!(stamp.software.is_some_and(close_to_now), "{stamp:?}");
        stamp.key
    });
    assert_eq!((keys, next_item(&client)), ([0, 1, 2], None));
}

#[test]
fn a_stamp_that_the_card_is_asked_for_says_by_which_interface_the_message_left() {
    for (receiver, client) in [(loopback_v4(), loopback_v4()), (loopback_v6(), loopback_v6())] {
        let client = Client::new(client);
        let to = receiver.local_addr().expect("bound");
        let by_card = TimestampRequest { tx_on_demand: true, tx_hardware_on_demand: true, ..Default::default() };
        enable_timestamps(&client, by_card).expect("flags that the kernel knows");
        enable_packet_info(&client).expect("packet info");
        let mut batch = SendBatch::new(2, 16);
        for number in 0..2_u8 {
            batch.push(&[number], to, Some(to.ip()), None).expect("room");
            if number == 0 {
                batch.stamp_last_by_card();
            } else {
                batch.stamp_last();
            }
        }
        assert_eq!(batch.flush(&client).expect("loopback").sent, 2);
        for key in 0..2 {
            let stamp = next_stamp(&client);
            assert!(stamp.software.is_some_and(close_to_now), "{stamp:?}");
            // The loopback is the first interface of every namespace, and no card.
            assert_eq!((stamp.key, stamp.hardware, stamp.interface_index), (key, None, Some(1)));
        }
        assert_eq!(next_item(&client), None);
    }
}

#[test]
fn a_port_unreachable_does_not_look_like_a_stamp() {
    for (client, closed) in [(loopback_v4(), loopback_v4()), (loopback_v6(), loopback_v6())] {
        let to = closed.local_addr().expect("bound");
        drop(closed);
        if to.is_ipv4() {
            setsockopt(&client.as_fd(), sockopt::Ipv4RecvErr, &true).expect("IP_RECVERR");
        } else {
            setsockopt(&client.as_fd(), sockopt::Ipv6RecvErr, &true).expect("IPV6_RECVERR");
        }
        let client = Client::new(client);
        client.send(b"anyone?", to, 41).expect("loopback");
        let (mut stamps, mut errors) = (0, Vec::new());
        while let Some(item) = next_item(&client) {
            match item {
                ErrorQueueItem::TxStamp(_) => stamps += 1,
                other => errors.push(other),
            }
        }
        assert_eq!(stamps, 1);
        assert_eq!(errors, [ErrorQueueItem::IcmpError { errno: libc::ECONNREFUSED, destination: Some(to) }]);
    }
}

#[test]
fn resetting_a_counter_that_does_not_run_is_an_error() {
    let socket = loopback_v4();
    assert_eq!(reset_tx_counter(&socket).expect_err("nothing enabled").kind(), std::io::ErrorKind::InvalidInput);
    enable_software_timestamps(&socket, false).expect("stamps");
    assert_eq!(reset_tx_counter(&socket).expect_err("receive only").kind(), std::io::ErrorKind::InvalidInput);
}

#[test]
fn a_request_that_is_refused_leaves_what_was_asked_before() {
    let (receiver, client) = (loopback_v4(), Client::new(loopback_v4()));
    // No interface has this clock, and the socket is bound to none.
    let refused = TimestampRequest { tx_hardware: true, bind_phc: Some(9_999), ..TimestampRequest::default() };
    enable_timestamps(&client, refused).expect_err("no such clock");
    client.send(b"stamp me", receiver.local_addr().expect("bound"), 7).expect("loopback");
    assert!(next_stamp(&client).software.is_some_and(close_to_now));
}
