use super::*;
use crate::clock::HostClock;
use crate::net::WAIT_LIMITS;
use crate::ptp::FRAME_MAX;
use crate::time::Duration;

fn on_lo(event_port: u16, transport: Transport) -> SocketOptions {
    SocketOptions { transport, ..SocketOptions::new("lo", event_port, event_port + 1) }
}

/// Sends event messages until one has arrived with its receive stamp, and returns that one.
fn comes_back_with_both_stamps(options: &SocketOptions) -> Vec<u8> {
    let mut sender = PtpSockets::open(options).unwrap();
    let mut receiver = PtpSockets::open(options).unwrap();
    assert_eq!((sender.clock(), sender.awaits_stamps()), (ClockId::System, false));
    let before = HostClock.stamping();
    let (mut seen, mut gone) = (Vec::new(), Vec::new());
    // The kernel turns its stamping on a moment after it was asked: the first packets may lack the stamp.
    for round in 0..200_u8 {
        let frame = Frame::new([round; FRAME_MAX], 44);
        sender.send(&to_all(&frame), Some(TxToken(u32::from(round))), HostClock.mono(), |_| {}).unwrap();
        assert!(sender.awaits_stamps() && sender.deadline().is_some());
        std::thread::sleep(std::time::Duration::from_millis(5));
        sender.drain_stamps(HostClock.mono(), false, |g| gone.push(g));
        while receiver.receive_one(Channel::Event, |a| seen.push((a.bytes.to_vec(), a.stamp))).unwrap() {}
        if seen.iter().any(|(_, stamp)| stamp.is_some()) && gone.len() > 2 {
            break;
        }
    }
    let (bytes, stamp) = seen.iter().rev().find(|(_, stamp)| stamp.is_some()).expect("a stamped arrival");
    assert!(stamp.unwrap().at > before && stamp.unwrap().at < HostClock.stamping());
    let sent = gone.iter().find(|g| g.token == TxToken(u32::from(bytes[0]))).expect("its transmit stamp");
    assert!(sent.stamp.unwrap().at <= stamp.unwrap().at, "it left before it arrived");
    bytes.clone()
}

fn to_all(frame: &Frame) -> Outgoing {
    Outgoing { frame: *frame, channel: Channel::Event, to: None }
}

#[test]
fn over_ipv4_a_message_to_the_group_comes_back_on_loopback_with_both_stamps() {
    assert_eq!(comes_back_with_both_stamps(&on_lo(41_319, Transport::Udp4)).len(), 44);
}

#[test]
fn an_absent_interface_is_named_and_may_come() {
    for transport in [Transport::Udp4, Transport::Udp6 { scope: 14 }, Transport::Ethernet] {
        let options = SocketOptions { interface: "nope0".to_owned(), ..on_lo(41_329, transport) };
        let error = PtpSockets::open(&options).unwrap_err();
        assert!(error.is_transient());
        assert!(error.to_string().contains("nope0"), "{error}");
    }
}

#[test]
fn over_ethernet_a_message_to_the_group_comes_back_on_loopback_with_both_stamps() {
    assert_eq!(comes_back_with_both_stamps(&on_lo(41_349, Transport::Ethernet)).len(), 44);
}

#[test]
fn without_a_clock_on_the_card_the_stamps_are_the_kernels_or_the_port_waits_and_the_reason_is_named() {
    let with = |timestamps| SocketOptions { timestamps, ..on_lo(41_359, Transport::Udp4) };
    let mut sockets = PtpSockets::open(&with(StampMode::Auto)).unwrap();
    assert_eq!(*sockets.stamping(), Stamping::Software("interface lo has no PTP hardware clock".to_owned()));
    assert!(sockets.take_card().is_none());
    sockets.use_clock(ClockId::Phc(1)).unwrap();
    assert_eq!(sockets.clock(), ClockId::System, "there is no card to use");
    assert_eq!(sockets.review(HostClock.mono(), |_| panic!("nothing is in flight")), None);
    let error = PtpSockets::open(&with(StampMode::Hardware)).unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("lo has no PTP hardware clock"), "{error}");
}

#[test]
fn a_card_with_room_for_one_stamp_gets_one_message_at_a_time() {
    let mut sockets = PtpSockets::open(&on_lo(41_369, Transport::Udp4)).unwrap();
    // The loopback never gives a stamp of a card's, so that every message stays in flight.
    sockets.stamps.use_card(ClockId::Phc(0));
    let start = HostClock.mono();
    let frame = Frame::new([0; FRAME_MAX], 44);
    let send = |sockets: &mut PtpSockets, number, at| {
        sockets.send(&to_all(&frame), Some(TxToken(number)), at, |_| {}).unwrap();
    };
    for number in 0..3 {
        send(&mut sockets, number, start);
    }
    assert_eq!(sockets.ledger.in_flight(), 3, "nothing is known against it yet");
    let mut lost = Vec::new();
    let later = start + Duration::from_secs(4);
    sockets.drain_stamps(later, false, |gone| lost.push(gone));
    assert!(lost.len() == 3 && lost.iter().all(|gone| gone.stamp.is_none()));
    send(&mut sockets, 3, later);
    send(&mut sockets, 4, later);
    assert_eq!(sockets.ledger.in_flight(), 1, "the second one waits");
    assert_eq!(sockets.deadline(), Some(later + SLOT_WAIT_MAX));
    sockets.drain_stamps(later + Duration::from_millis(10), false, |_| {});
    assert_eq!(sockets.ledger.in_flight(), 1);
    sockets.drain_stamps(later + SLOT_WAIT_MAX, false, |_| {});
    assert_eq!((sockets.ledger.in_flight(), sockets.held.is_none()), (2, true), "but not for ever");
}

#[test]
fn only_a_sync_of_version_2_is_owed_a_stamp() {
    assert!(is_sync(&[0x00, 0x02]) && is_sync(&[0x10, 0x12]), "of any majorSdoId and minor version");
    assert!(!is_sync(&[0x01, 0x02]), "a Delay_Req");
    assert!(!is_sync(&[0x00, 0x01]) && !is_sync(&[0x10, 0x01]), "version 1");
    assert!(!is_sync(&[0x00]) && !is_sync(&[]));
}

#[test]
fn a_card_is_not_judged_by_syncs_of_version_1_nor_by_those_that_came_before_it_was_told() {
    let options = on_lo(41_379, Transport::Udp4);
    let mut sender = PtpSockets::open(&options).unwrap();
    let mut receiver = PtpSockets::open(&options).unwrap();
    receiver.stamping = Stamping::Hardware { phc_index: 0 };
    let mut send = |version: u8| {
        let mut message = [0; FRAME_MAX];
        message[1] = version;
        sender.send(&to_all(&Frame::new(message, 44)), None, HostClock.mono(), |_| {}).unwrap();
    };
    // On a busy machine a datagram takes its time even on the loopback.
    let pause = || std::thread::sleep(std::time::Duration::from_millis(50));
    let hear = |receiver: &mut PtpSockets| {
        let mut versions = Vec::new();
        for _ in 0..40 {
            pause();
            while receiver.receive_one(Channel::Event, |arrived| versions.push(arrived.bytes[1])).unwrap() {}
            if !versions.is_empty() {
                break;
            }
        }
        versions
    };
    send(2);
    pause();
    receiver.use_clock(ClockId::Phc(0)).unwrap();
    send(1);
    assert_eq!(hear(&mut receiver), [1], "what came before is not looked at");
    assert_eq!(receiver.review(HostClock.mono(), |_| {}), None);
    send(2);
    assert_eq!(hear(&mut receiver), [2]);
    let change = receiver.review(HostClock.mono(), |_| {}).expect("a Sync without the card's stamp");
    assert_eq!((change.missing, change.clock), (Some(Missing::Receive), ClockId::System));
}

#[test]
fn a_message_to_one_address_arrives_there_and_says_whose_it_is() {
    for (port, transport, address) in [
        (42_611, Transport::Udp4, Address::V4([127, 0, 0, 1])),
        (42_621, Transport::Udp6 { scope: 2 }, Address::V6(std::net::Ipv6Addr::LOCALHOST.octets())),
    ] {
        let mut sockets = PtpSockets::open(&on_lo(port, transport)).unwrap();
        for channel in [Channel::Event, Channel::General] {
            let outgoing = Outgoing { frame: Frame::new([0; FRAME_MAX], 44), channel, to: Some(address) };
            sockets.send(&outgoing, None, HostClock.mono(), |_| {}).unwrap();
            let mut from = Vec::new();
            let begin = std::time::Instant::now();
            while from.is_empty() && begin.elapsed() < std::time::Duration::from_secs(5) {
                _ = sockets.receive(channel, |arrived| from.push((arrived.channel, arrived.from)));
            }
            assert_eq!(from, [(channel, Some(address))], "{transport:?}");
        }
        let elsewhere = Outgoing {
            frame: Frame::new([0; FRAME_MAX], 44),
            channel: Channel::General,
            to: Some(Address::Ethernet([2; 6])),
        };
        let refused = sockets.send(&elsewhere, None, HostClock.mono(), |_| {}).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::Unsupported);
    }
}

#[test]
fn of_a_batch_each_message_has_its_own_stamp_also_behind_one_that_was_not_sent() {
    let mut sockets = PtpSockets::open(&on_lo(42_631, Transport::Udp4)).unwrap();
    let message = |channel, to| Outgoing { frame: Frame::new([0; FRAME_MAX], 44), channel, to: Some(to) };
    let (good, forbidden) = (Address::V4([127, 0, 0, 1]), Address::V4([127, 255, 255, 255]));
    let mut batch = Vec::new();
    for (number, to) in [good, forbidden, good, Address::Ethernet([2; 6]), good].into_iter().enumerate() {
        batch.push((message(Channel::Event, to), Some(TxToken(number as u32))));
        batch.push((message(Channel::General, to), None));
    }
    let mut untold = Vec::new();
    sockets.send_all(&batch, HostClock.mono(), |undelivered| untold.push(undelivered));
    if sockets.keying == TxKeying::PerMessage {
        let mut failed: Vec<_> = untold
            .iter()
            .map(|undelivered| match undelivered {
                Undelivered::Failed { token, .. } => token.map(|token| token.0),
                Undelivered::Gone(gone) => panic!("{gone:?}"),
            })
            .collect();
        failed.sort_unstable();
        assert_eq!(failed, [None, None, Some(1), Some(3)]);
    }
    let mut stamped = Vec::new();
    let begin = std::time::Instant::now();
    while sockets.awaits_stamps() && begin.elapsed() < std::time::Duration::from_secs(5) {
        sockets.drain_stamps(HostClock.mono(), false, |gone| {
            stamped.push((gone.token.0, gone.stamp.map(|stamp| stamp.at)));
        });
    }
    let numbers: Vec<_> = stamped.iter().map(|(number, _)| *number).collect();
    let expected = if sockets.keying == TxKeying::PerMessage { &[0, 2, 4][..] } else { &[4] };
    assert_eq!(numbers, expected, "in the order in which they were sent");
    assert!(stamped.windows(2).all(|two| two[0].1.unwrap() < two[1].1.unwrap()));
    let mut came = 0;
    for channel in [Channel::Event, Channel::General] {
        while let Ok(more) = sockets.receive(channel, |_| came += 1) {
            if !more {
                break;
            }
        }
    }
    assert_eq!(came, 6);
}

#[test]
fn where_the_kernel_counts_a_message_without_a_way_to_its_receiver_costs_no_other_its_stamp() {
    let mut sockets = PtpSockets::open(&on_lo(42_641, Transport::Udp4)).unwrap();
    (sockets.keying, sockets.ledger) = (TxKeying::Counter, Ledger::new(true));
    let mut untold = Vec::new();
    for (number, to) in [[127, 0, 0, 1], [127, 255, 255, 255], [127, 0, 0, 1]].into_iter().enumerate() {
        let frame = Frame::new([0; FRAME_MAX], 44);
        let message = Outgoing { frame, channel: Channel::Event, to: Some(Address::V4(to)) };
        sockets.send_all(&[(message, Some(TxToken(number as u32)))], HostClock.mono(), |undelivered| {
            untold.push(undelivered);
        });
    }
    assert_eq!(untold, [Undelivered::Failed { token: Some(TxToken(1)), errno: libc::EACCES }]);
    let mut stamped = Vec::new();
    let begin = std::time::Instant::now();
    while sockets.awaits_stamps() && begin.elapsed() < std::time::Duration::from_secs(5) {
        sockets.drain_stamps(HostClock.mono(), false, |gone| stamped.push((gone.token.0, gone.stamp.is_some())));
    }
    assert_eq!(stamped, [(0, true), (2, true)]);
}

#[test]
fn the_stamps_of_the_first_messages_are_watched_for_and_counted_and_those_of_others_are_not() {
    let mut sockets = PtpSockets::open(&on_lo(42_641, Transport::Udp4)).unwrap();
    let waits = StampWaits::default();
    sockets.count_waits(waits.clone());
    let message = Outgoing {
        frame: Frame::new([0; FRAME_MAX], 44),
        channel: Channel::Event,
        to: Some(Address::V4([127, 0, 0, 1])),
    };
    let (mut now, mut watched) = (HostClock.mono(), 0);
    for _ in 0..40 {
        now = now + Duration::from_millis(100);
        sockets.send(&message, Some(TxToken(0)), now, |_| {}).unwrap();
        watched += u64::from(sockets.watches_for_stamps());
        let begin = std::time::Instant::now();
        // As if it had come 30 ms after the message, and was not looked for in vain.
        while sockets.awaits_stamps() && begin.elapsed() < std::time::Duration::from_secs(5) {
            std::thread::sleep(std::time::Duration::from_millis(1));
            sockets.drain_stamps(now + Duration::from_millis(30), true, |_| {});
        }
        assert!(!sockets.watches_for_stamps());
    }
    let counts = waits.counts();
    assert_eq!((watched, counts.within[WAIT_LIMITS.len() - 1]), (16, 16), "{counts:?}");
    assert_eq!((counts.longest, counts.within[5]), (Duration::from_millis(30), 0), "{counts:?}");
}

#[test]
fn what_is_sent_carries_the_hops_the_dscp_and_the_priority_that_were_asked_for() {
    use socket2::SockRef;
    let marks = Marks { hop_limit: 9, dscp: [46, 34], priority: 5 };
    let opened = |options: &SocketOptions| PtpSockets::open(options).unwrap();
    let options = on_lo(42_651, Transport::Udp4);
    let (plain, marked) = (opened(&options), opened(&SocketOptions { marks, ..options.clone() }));
    let of = |sockets: &PtpSockets| {
        [sockets.event_fd(), sockets.general_fd()].map(|fd| {
            let socket = SockRef::from(&fd);
            let [hops, class] = [socket.multicast_ttl_v4(), socket.tos_v4()].map(Result::unwrap);
            (hops, class >> 2, socket.priority().unwrap())
        })
    };
    assert_eq!(of(&plain), [(1, 0, 0); 2]);
    assert_eq!(of(&marked), [(9, 46, 5), (9, 34, 5)]);
    // By the DSCP where no priority is said (`ip_tos2prio` of Linux).
    let by_class = opened(&SocketOptions { marks: Marks { priority: 0, ..marks }, ..options });
    assert_eq!(of(&by_class).map(|(.., priority)| priority), [4, 2]);

    let frames = opened(&SocketOptions { marks, ..on_lo(42_661, Transport::Ethernet) });
    let priorities = [frames.event_fd(), frames.general_fd()].map(|fd| SockRef::from(&fd).priority().unwrap());
    assert_eq!(priorities, [5, 5]);
}
