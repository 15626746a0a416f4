//! Batches on loopback, with real sockets: whole, truncated, from whom, to whom, and from which address back.

mod support;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::net::if_::if_nametoindex;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockAddr, Socket, Type};
use support::{loopback_v4, loopback_v6, next_item, receive, settle};
use synchronome_kernel::socket::{
    BATCH_MAX, RecvBatch, SendBatch, SendRefused, SendReport, busy_poll, enable_packet_info, set_busy_poll,
    set_multicast_all, set_multicast_interface_v4, set_select_error_queue,
};
use synchronome_kernel::timestamping::{ErrorQueueItem, TxKeying, enable_software_timestamps};

fn loopback_index() -> u32 {
    if_nametoindex("lo").expect("every namespace has a loopback")
}

fn port(socket: &UdpSocket) -> u16 {
    socket.local_addr().expect("bound").port()
}

#[test]
fn thirty_two_datagrams_go_out_and_come_in_in_one_call_each() {
    let (receiver, sender) = (loopback_v4(), loopback_v4());
    let (from, to) = (sender.local_addr().expect("bound"), receiver.local_addr().expect("bound"));
    let mut out = SendBatch::new(32, 48);
    for number in 0..32_u8 {
        out.push(&[number; 48][..=usize::from(number)], to, None, None).expect("room");
    }
    assert_eq!(out.push(b"x", to, None, None), Err(SendRefused::Full));
    assert_eq!(out.flush(&sender).expect("a socket"), SendReport { sent: 32, failed: 0, last_errno: None });
    assert!(out.is_empty());

    let mut batch = RecvBatch::new(32, 48);
    receive(&mut batch, &receiver, 32);
    for (number, datagram) in (0..32_u8).zip(batch.iter()) {
        assert_eq!(datagram.data, &[number; 48][..=usize::from(number)]);
        assert_eq!(datagram.from, from);
        assert!(!datagram.truncated);
        assert_eq!((datagram.local, datagram.interface_index), (None, None), "not asked for");
    }
    assert_eq!(batch.recv(&receiver).expect("a socket"), 0);
    assert!(batch.is_empty());
}

#[test]
fn a_batch_as_large_as_may_be_works_and_leaves_the_rest_for_the_next_call() {
    let (receiver, sender) = (loopback_v4(), loopback_v4());
    let to = receiver.local_addr().expect("bound");
    let mut out = SendBatch::new(BATCH_MAX, 8);
    for _ in 0..2 {
        for number in 0..BATCH_MAX {
            out.push(&number.to_be_bytes(), to, None, None).expect("room");
        }
        assert_eq!(out.flush(&sender).expect("a socket").sent, BATCH_MAX);
    }
    let mut batch = RecvBatch::new(BATCH_MAX, 8);
    for _ in 0..2 {
        receive(&mut batch, &receiver, BATCH_MAX);
        assert!(batch.iter().enumerate().all(|(number, datagram)| datagram.data == number.to_be_bytes()));
    }
}

#[test]
fn a_datagram_longer_than_its_room_is_flagged() {
    let (receiver, sender) = (loopback_v4(), loopback_v4());
    let to = receiver.local_addr().expect("bound");
    for length in [15, 16, 17, 1000] {
        sender.send_to(&[5; 1000][..length], to).expect("loopback");
    }
    let mut batch = RecvBatch::new(4, 16);
    receive(&mut batch, &receiver, 4);
    let seen: Vec<_> = batch.iter().map(|datagram| (datagram.data.len(), datagram.truncated)).collect();
    assert_eq!(seen, [(15, false), (16, false), (16, true), (16, true)]);
}

#[test]
fn an_empty_datagram_is_a_datagram() {
    let (receiver, sender) = (loopback_v4(), loopback_v4());
    sender.send_to(&[], receiver.local_addr().expect("bound")).expect("loopback");
    let mut batch = RecvBatch::new(4, 16);
    receive(&mut batch, &receiver, 1);
    assert!(batch.get(0).data.is_empty());
}

#[test]
fn receiving_never_waits_even_on_a_blocking_socket() {
    let mut batch = RecvBatch::new(32, 48);
    assert_eq!(batch.recv(loopback_v4()).expect("a socket"), 0);
}

/// Sends one request to `asked`, echoes it from the address that was asked, and says who answered.
fn answered_from(server: &UdpSocket, client: &UdpSocket, asked: SocketAddr) -> SocketAddr {
    client.send_to(b"request", asked).expect("loopback");
    let mut batch = RecvBatch::new(4, 48);
    receive(&mut batch, server, 1);
    let request = batch.get(0);
    let canonical = |ip: IpAddr| ip.to_canonical();
    assert_eq!(request.local.map(canonical), Some(asked.ip()));
    assert_eq!(request.destination.map(canonical), Some(asked.ip()));
    assert_eq!(request.interface_index, Some(loopback_index()));

    let mut answers = SendBatch::new(4, 48);
    answers.push(b"answer", request.from, request.local, None).expect("room");
    assert_eq!(answers.flush(server).expect("a socket").sent, 1);
    let mut received = RecvBatch::new(4, 48);
    receive(&mut received, client, 1);
    assert_eq!(received.get(0).data, b"answer");
    received.get(0).from
}

#[test]
fn the_answer_comes_from_the_address_that_was_asked() {
    let server = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("bound");
    enable_packet_info(&server).expect("IP_PKTINFO");
    // With stamps beside the packet info, as in the server.
    enable_software_timestamps(&server, false).expect("stamps");
    let client = loopback_v4();
    for host in [2, 1, 77] {
        let asked = SocketAddr::from(([127, 0, 0, host], port(&server)));
        assert_eq!(answered_from(&server, &client, asked), asked);
    }
}

#[test]
fn the_answer_comes_from_the_address_that_was_asked_over_ipv6() {
    let server = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).expect("bound");
    enable_packet_info(&server).expect("IPV6_RECVPKTINFO");
    let asked = SocketAddr::from((Ipv6Addr::LOCALHOST, port(&server)));
    assert_eq!(answered_from(&server, &loopback_v6(), asked), asked);
}

#[test]
fn a_dual_stack_server_answers_ipv4_from_the_address_that_was_asked() {
    let server = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP)).expect("a socket");
    server.set_only_v6(false).expect("dual stack");
    server.bind(&SockAddr::from(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)))).expect("bound");
    let server = UdpSocket::from(server);
    enable_packet_info(&server).expect("IPV6_RECVPKTINFO");
    let asked = SocketAddr::from(([127, 0, 0, 2], port(&server)));
    assert_eq!(answered_from(&server, &loopback_v4(), asked), asked);
}

#[test]
fn a_source_of_the_other_family_or_a_message_too_long_is_refused_and_leaves_no_trace() {
    let mut out = SendBatch::new(2, 8);
    let v4 = SocketAddr::from(([127, 0, 0, 1], 9));
    let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, 9));
    let localhost_v6 = Some(IpAddr::from(Ipv6Addr::LOCALHOST));
    assert_eq!(out.push(b"x", v4, localhost_v6, None), Err(SendRefused::Family));
    assert_eq!(out.push(b"x", v6, Some(Ipv4Addr::LOCALHOST.into()), None), Err(SendRefused::Family));
    assert_eq!(out.push(&[0; 9], v4, None, None), Err(SendRefused::TooLong));
    assert!(out.is_empty());
    assert_eq!(out.flush(loopback_v4()).expect("a socket"), SendReport::default());
}

#[test]
fn messages_that_fail_are_skipped_and_the_rest_goes() {
    let (receiver, sender) = (loopback_v4(), loopback_v4());
    let good = receiver.local_addr().expect("bound");
    let forbidden: SocketAddr = "127.255.255.255:9".parse().expect("an address");
    let mut out = SendBatch::new(8, 48);
    for (text, to, source) in [
        (&b"bad 1"[..], forbidden, None),
        (b"one", good, None),
        (b"bad 2", forbidden, None),
        // Not an address of this host (RFC 5737): refused by the kernel.
        (b"bad 3", good, Some(IpAddr::from([192, 0, 2, 1]))),
        (b"two", good, None),
        (b"three", good, None),
        (b"bad 4", forbidden, None),
    ] {
        out.push(text, to, source, None).expect("room");
    }
    let report = out.flush(&sender).expect("a socket");
    assert_eq!(report, SendReport { sent: 3, failed: 4, last_errno: Some(libc::EACCES) });
    let mut batch = RecvBatch::new(8, 48);
    receive(&mut batch, &receiver, 3);
    let texts: Vec<_> = batch.iter().map(|datagram| datagram.data).collect();
    assert_eq!(texts, [&b"one"[..], b"two", b"three"]);
}

#[test]
fn an_icmp_error_for_one_client_costs_no_answer_to_another() {
    let (receiver, server, closed) = (loopback_v4(), loopback_v4(), loopback_v4());
    let gone = closed.local_addr().expect("bound");
    drop(closed);
    setsockopt(&server.as_fd(), sockopt::Ipv4RecvErr, &true).expect("IP_RECVERR");
    let mut out = SendBatch::new(4, 48);
    let somebody = receiver.local_addr().expect("bound");
    // In the middle of a batch the kernel eats the error with the message that it stops at; at the start it reports it.
    out.push(b"to nobody", gone, None, None).expect("room");
    out.push(b"to somebody", somebody, None, None).expect("room");
    out.push(b"to nobody", gone, None, None).expect("room");
    assert_eq!(out.flush(&server).expect("a socket"), SendReport { sent: 3, failed: 0, last_errno: None });
    settle();
    out.push(b"to somebody", somebody, None, None).expect("room");
    assert_eq!(out.flush(&server).expect("a socket"), SendReport { sent: 1, failed: 0, last_errno: None });
    assert!(matches!(next_item(&server), Some(ErrorQueueItem::IcmpError { errno: libc::ECONNREFUSED, .. })));
    let mut batch = RecvBatch::new(4, 48);
    receive(&mut batch, &receiver, 2);
    assert!(batch.iter().all(|datagram| datagram.data == b"to somebody"));
}

#[test]
fn it_is_told_of_each_message_what_became_of_it() {
    let (receiver, sender) = (loopback_v4(), loopback_v4());
    let good = receiver.local_addr().expect("bound");
    let forbidden: SocketAddr = "127.255.255.255:9".parse().expect("an address");
    let mut out = SendBatch::new(8, 48);
    for to in [forbidden, good, forbidden, forbidden, good] {
        out.push(b"x", to, None, None).expect("room");
    }
    let mut told = Vec::new();
    out.flush_each(&sender, |number, errno| told.push((number, errno))).expect("a socket");
    let refused = Some(libc::EACCES);
    assert_eq!(told, [(0, refused), (1, None), (2, refused), (3, refused), (4, None)]);
}

/// Sends datagrams of these lengths in one batch that makes rows, and returns the lengths in which they come to one that takes
/// rows as they are (`UDP_GRO`).
fn rows_of(lengths: &[usize]) -> Vec<usize> {
    let (receiver, sender) = (loopback_v4(), loopback_v4());
    setsockopt(&receiver, sockopt::UdpGroSegment, &true).expect("UDP_GRO, Linux 5.0");
    let to = receiver.local_addr().expect("bound");
    let mut out = SendBatch::new(16, 48);
    out.make_rows(&sender);
    for (number, length) in lengths.iter().enumerate() {
        out.push(&[number as u8; 48][..*length], to, None, None).expect("room");
    }
    assert_eq!(out.flush(&sender).expect("a socket").sent, lengths.len(), "each counts");
    let (mut batch, mut came, mut bytes) = (RecvBatch::new(16, 1_024), Vec::new(), Vec::new());
    let began = Instant::now();
    while came.iter().sum::<usize>() < lengths.iter().sum() && began.elapsed() < Duration::from_secs(5) {
        batch.recv(&receiver).expect("a socket");
        for datagram in batch.iter() {
            came.push(datagram.data.len());
            bytes.extend_from_slice(datagram.data);
        }
    }
    let sent: Vec<u8> = lengths.iter().enumerate().flat_map(|(number, length)| vec![number as u8; *length]).collect();
    assert_eq!(bytes, sent, "in the order of pushes");
    came
}

#[test]
fn messages_alike_go_as_one_and_others_by_themselves() {
    assert_eq!(rows_of(&[10; 5]), [50]);
    assert_eq!(rows_of(&[10; 3]), [10; 3], "too few");
    assert_eq!(rows_of(&[7, 10, 10, 10, 10, 7, 10, 10, 10, 10]), [7, 40, 7, 40]);
}

#[test]
fn a_row_comes_to_others_as_datagrams_and_one_that_fails_takes_no_other_along() {
    let (receiver, sender) = (loopback_v4(), loopback_v4());
    let good = receiver.local_addr().expect("bound");
    let forbidden: SocketAddr = "127.255.255.255:9".parse().expect("an address");
    let mut out = SendBatch::new(16, 48);
    out.make_rows(&sender);
    for to in [[forbidden; 5], [good; 5]].concat() {
        out.push(b"alike", to, None, None).expect("room");
    }
    let report = out.flush(&sender).expect("a socket");
    assert_eq!(report, SendReport { sent: 5, failed: 5, last_errno: Some(libc::EACCES) });
    let mut batch = RecvBatch::new(16, 48);
    receive(&mut batch, &receiver, 5);
    assert!(batch.iter().all(|datagram| datagram.data == b"alike"));
}

#[test]
fn messages_of_a_batch_have_their_own_keys_where_the_kernel_takes_them() {
    let (receiver, sender) = (loopback_v4(), loopback_v4());
    let to = receiver.local_addr().expect("bound");
    if enable_software_timestamps(&sender, true).expect("stamps") != TxKeying::PerMessage {
        return;
    }
    let mut out = SendBatch::new(4, 48);
    for key in [70, 3, 9] {
        out.push(b"Sync", to, None, None).expect("room");
        out.key_last(key);
    }
    assert_eq!(out.flush(&sender).expect("a socket").sent, 3);
    let mut keys = Vec::new();
    while keys.len() < 3 {
        match next_item(&sender) {
            Some(ErrorQueueItem::TxStamp(stamp)) => keys.push(stamp.key),
            other => panic!("a stamp, and not {other:?}"),
        }
    }
    assert_eq!(keys, [70, 3, 9]);
}

#[test]
fn what_is_not_a_socket_is_an_error() {
    let file = std::fs::File::open("/dev/null").expect("a file");
    let mut out = SendBatch::new(1, 8);
    out.push(b"x", SocketAddr::from(([127, 0, 0, 1], 9)), None, None).expect("room");
    assert_eq!(out.flush(&file).expect_err("not a socket").raw_os_error(), Some(libc::ENOTSOCK));
    assert_eq!(RecvBatch::new(1, 8).recv(&file).expect_err("not a socket").raw_os_error(), Some(libc::ENOTSOCK));
    assert_eq!(enable_packet_info(&file).expect_err("not a socket").raw_os_error(), Some(libc::ENOTSOCK));
}

#[test]
#[should_panic(expected = "batch capacity 65")]
fn a_batch_beyond_the_limit_is_our_own_bug() {
    let _ = RecvBatch::new(BATCH_MAX + 1, 48);
}

/// A receiver on the port of all, joined to the PTP group on the loopback or not.
fn group_receiver(join: bool) -> (UdpSocket, SocketAddr) {
    let group = Ipv4Addr::new(224, 0, 1, 129);
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("bound");
    let to = SocketAddr::from((group, port(&socket)));
    if join {
        let lo = InterfaceIndexOrAddress::Index(loopback_index());
        socket2::SockRef::from(&socket).join_multicast_v4_n(&group, &lo).expect("joined");
    }
    (socket, to)
}

#[test]
fn multicast_leaves_by_the_interface_that_was_set() {
    let (receiver, to) = group_receiver(true);
    enable_packet_info(&receiver).expect("IP_PKTINFO");
    let sender = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("bound");
    set_multicast_interface_v4(&sender, loopback_index()).expect("there is a loopback");
    sender.send_to(b"Sync", to).expect("no route is needed");
    let mut batch = RecvBatch::new(4, 48);
    receive(&mut batch, &receiver, 1);
    let sync = batch.get(0);
    assert_eq!(sync.destination, Some(to.ip()));
    assert_eq!(sync.interface_index, Some(loopback_index()));
    let local = sync.local.expect("the kernel knows whence it would answer");
    assert!(!local.is_multicast(), "a group is no source for an answer: {local}");
    let error = set_multicast_interface_v4(&sender, 999_999).expect_err("no such interface");
    assert_eq!(error.raw_os_error(), Some(libc::EADDRNOTAVAIL));
}

#[test]
fn a_batch_sends_multicast_by_the_interface_of_each_message() {
    let (receiver, to) = group_receiver(true);
    let sender = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("bound");
    let mut out = SendBatch::new(1, 48);
    out.push(b"Sync", to, None, Some(loopback_index())).expect("room");
    assert_eq!(out.flush(&sender).expect("a socket").sent, 1);
    let mut batch = RecvBatch::new(4, 48);
    receive(&mut batch, &receiver, 1);
    assert_eq!(batch.get(0).data, b"Sync");
}

#[test]
fn with_multicast_all_off_a_socket_hears_only_the_groups_that_it_joined() {
    let (joined, _) = group_receiver(true);
    let (bystander, to) = group_receiver(false);
    let sender = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("bound");
    set_multicast_interface_v4(&sender, loopback_index()).expect("there is a loopback");
    let mut batch = RecvBatch::new(4, 48);

    sender.send_to(b"overheard", to).expect("loopback");
    receive(&mut batch, &bystander, 1);

    set_multicast_all(&bystander, false).expect("IP_MULTICAST_ALL");
    sender.send_to(b"not for us", to).expect("loopback");
    sender.send_to(b"for us", (Ipv4Addr::LOCALHOST, to.port())).expect("loopback");
    receive(&mut batch, &bystander, 1);
    assert_eq!(batch.get(0).data, b"for us");
    drop(joined);
}

#[test]
fn multicast_all_can_be_switched_off_for_ipv6() {
    let socket = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).expect("bound");
    set_multicast_all(&socket, false).expect("IPV6_MULTICAST_ALL");
}

#[test]
fn a_filled_error_queue_wakes_a_poll_for_priority_data_where_asked() {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let (receiver, sender) = (loopback_v4(), loopback_v4());
    enable_software_timestamps(&sender, true).expect("stamps");
    sender.send_to(b"t3", receiver.local_addr().expect("bound")).expect("loopback");
    let polled = || {
        let mut fds = [PollFd::new(sender.as_fd(), PollFlags::POLLPRI)];
        poll(&mut fds, PollTimeout::from(1000_u16)).expect("polled");
        fds[0].revents().expect("known flags")
    };
    let start = Instant::now();
    assert_eq!(polled(), PollFlags::POLLERR, "POLLERR comes always");
    set_select_error_queue(&sender, true).expect("SO_SELECT_ERR_QUEUE");
    assert_eq!(polled(), PollFlags::POLLERR | PollFlags::POLLPRI);
    assert!(start.elapsed() < Duration::from_secs(1), "the stamp was there");
}

#[test]
fn a_busy_poll_is_set_and_switched_off_or_refused_for_want_of_a_capability() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    match set_busy_poll(&socket, 50) {
        Ok(()) => assert_eq!(busy_poll(&socket).expect("readable"), 50),
        Err(error) => assert_eq!(error.raw_os_error(), Some(libc::EPERM)),
    }
    set_busy_poll(&socket, 0).expect("less needs no privilege");
    assert_eq!(busy_poll(&socket).expect("readable"), 0);
}
