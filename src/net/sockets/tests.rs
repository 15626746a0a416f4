use super::*;
use crate::clock::HostClock;

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
        sender.send(&frame, Channel::Event, Some(TxToken(u32::from(round))), HostClock.mono(), |_| {}).unwrap();
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

#[test]
fn over_ipv4_a_message_to_the_group_comes_back_on_loopback_with_both_stamps() {
    assert_eq!(comes_back_with_both_stamps(&on_lo(41_319, Transport::Udp4)).len(), 44);
}

#[test]
fn over_ipv6_two_octets_follow_the_message() {
    // Interface-local: no route of the machine has a say.
    let bytes = comes_back_with_both_stamps(&on_lo(41_339, Transport::Udp6 { scope: 1 }));
    assert_eq!((bytes.len(), &bytes[44..]), (46, &[0, 0][..]));
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
