//! The NTP server on real sockets: what clients see of a clock that is 12.5 s away from the host's.
//!
//! Foreign clients (chronyd, ntpdig) must be installed: a test that cannot run says which package it wants, and fails.
//! They may look at the host's clock and never set it. ntpdig asks port 123 only, so it runs with a server of its own
//! in a network namespace, as do the tests that add addresses or take capabilities away.

#[path = "ntp_server/interfaces.rs"]
mod interfaces;
#[path = "ntp_server/support.rs"]
mod support;
#[path = "ntp_server/workers.rs"]
mod workers;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration as Timeout, Instant};

use support::{
    Ask, BOUND, OFFSET, Served, ask, client, eventually, in_namespace, is_in_namespace, output_of, unsynchronised,
};
use synchronome::clock::HostClock;
use synchronome::ntp::server::{AccessList, DropReason, LocalService, RateLimit, ServerCounter};
use synchronome::runtime::server::{ServerError, ServerNotice, ServerOptions};
use synchronome::sharing::TimeSnapshot;
use synchronome::time::{Duration, LeapIndicator, NtpShort, NtpTimestamp, SyncState};
use synchronome::wire::ntp::{Header, Mode, ParseError, parse};
use synchronome_kernel::sched;

const LOCALHOST: Ipv4Addr = Ipv4Addr::LOCALHOST;

#[cfg(feature = "count-allocations")]
#[global_allocator]
static ALLOCATOR: synchronome_kernel::alloc::CountingAllocator = synchronome_kernel::alloc::CountingAllocator;

fn asked(client: &UdpSocket, times: usize) {
    for _ in 0..times {
        ask(client);
    }
}

#[test]
fn a_client_sees_the_served_clock_within_the_bound() {
    let served = Served::on((LOCALHOST, 0));
    let client = client(served.address());
    let seen = Ask::best_of(20, &client);
    let error = seen.offset - OFFSET;
    assert!(seen.delay < Duration::from_millis(500), "a delay of {} shows nothing", seen.delay);
    assert!(error.abs() <= BOUND + seen.delay.half(), "{} away from {OFFSET}: off by {error}", seen.offset);

    let header = seen.header;
    assert_eq!((header.version, header.mode, header.leap), (4, Mode::Server, LeapIndicator::NoWarning));
    assert_eq!((header.stratum, &header.reference_id), (2, b"PTP\0"));
    let claimed = header.root_delay.to_duration().half() + header.root_dispersion.to_duration();
    assert!(claimed >= BOUND && claimed <= BOUND + Duration::from_millis(2), "root distance {claimed}");
    let since_reference = header.transmit_timestamp.since(header.reference_timestamp);
    assert!(!since_reference.is_negative() && since_reference < Duration::from_secs(5), "{since_reference}");
    assert!((-29..=-6).contains(&header.precision), "precision {}", header.precision);
}

#[test]
fn requests_are_stamped_by_the_kernel_and_their_latency_is_counted() {
    let mut served = Served::on((LOCALHOST, 0));
    let client = client(served.address());
    // The kernel begins to stamp a moment after the first socket on the machine asks for it.
    let all_stamped = eventually(|| {
        let before = served.server.count(ServerCounter::StampMissing);
        asked(&client, 10);
        served.server.count(ServerCounter::StampMissing) == before
    });
    assert!(all_stamped, "{} without a stamp", served.server.count(ServerCounter::StampMissing));
    let answers = served.server.count(ServerCounter::Answers) - served.server.count(ServerCounter::StampMissing);
    let all_counted = eventually(|| {
        served.server.gather_latencies();
        served.server.latencies().count() >= answers
    });
    let latencies = served.server.latencies();
    assert!(all_counted, "{latencies:?} of {answers}");
    let [mean, half, most, max] =
        [latencies.mean(), latencies.quantile(0.5), latencies.quantile(0.99), Some(latencies.max())]
            .map(|figure| figure.expect("answers were measured"));
    assert!(Duration::ZERO < half && half <= most && most <= max && mean <= max, "{latencies:?}");
    assert_eq!(latencies.count_within(max), latencies.count());
}

#[test]
fn thirty_two_clients_at_once_all_get_their_own_answers() {
    const CLIENTS: usize = 32;
    const REQUESTS: usize = 20;
    let cores = sched::available_cpus().expect("a set of cores");
    let served = Served::with(&ServerOptions {
        listen: vec![(LOCALHOST, 0).into()],
        cores: cores.into_iter().take(2).collect(),
        ..ServerOptions::default()
    });
    let address = served.address();
    let threads: Vec<_> = (0..CLIENTS)
        .map(|_| {
            std::thread::spawn(move || {
                let client = client(address);
                // `ask` checks that each answer is that to its own request.
                (0..REQUESTS).map(|_| ask(&client)).filter(|seen| seen.header.stratum == 2).count()
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().expect("a client"), REQUESTS);
    }
    let expected = (CLIENTS * REQUESTS) as u64;
    // An answer that was late may have been asked for twice.
    assert!(eventually(|| served.server.count(ServerCounter::Answers) >= expected));
    assert_eq!(served.server.dropped_total(), 0);
}

#[test]
fn malformed_packets_are_counted_by_reason_and_the_server_goes_on() {
    let served = Served::on((LOCALHOST, 0));
    let client = client(served.address());
    let with_first = |first: u8, length: usize| {
        let mut data = vec![0; length];
        if let Some(octet) = data.first_mut() {
            *octet = first;
        }
        data
    };
    let cases = [
        (with_first(0x23, 0), DropReason::Malformed(ParseError::HeaderTruncated)),
        (with_first(0x23, 47), DropReason::Malformed(ParseError::HeaderTruncated)),
        (with_first(0x26, 48), DropReason::Malformed(ParseError::ControlMode)),
        (with_first(0x27, 192), DropReason::Malformed(ParseError::ControlMode)),
        (with_first(0x2b, 48), DropReason::Malformed(ParseError::Version)),
        (with_first(0x23, 50), DropReason::Malformed(ParseError::MacLength)),
        (with_first(0x23, 80), DropReason::Malformed(ParseError::ExtensionFieldLength)),
        (with_first(0x24, 48), DropReason::Mode),
        (with_first(0x25, 48), DropReason::Mode),
        (with_first(0x23, 1_500), DropReason::TooLong),
    ];
    for (data, reason) in cases {
        let before = served.server.dropped(reason);
        client.send(&data).expect("loopback");
        assert!(eventually(|| served.server.dropped(reason) == before + 1), "{reason}: {:02x?}", data.first());
    }
    assert_eq!(served.server.dropped_total(), 10);
    assert_eq!(ask(&client).header.stratum, 2);
    assert_eq!(served.server.count(ServerCounter::ReceiveFailed), 0);
}

#[test]
fn a_server_with_a_rate_limit_asks_for_a_poll_interval_that_stays_within_it() {
    let limit = Some(RateLimit { interval: Duration::from_secs(5), burst: 100 });
    let options = ServerOptions { listen: vec![(LOCALHOST, 0).into()], limit, ..ServerOptions::default() };
    assert_eq!(ask(&client(Served::with(&options).address())).header.poll, 3);
    assert_eq!(ask(&client(Served::on((LOCALHOST, 0)).address())).header.poll, 0);
}

#[test]
fn requests_to_a_broadcast_address_are_not_answered() {
    let served = Served::on((Ipv4Addr::UNSPECIFIED, 0));
    let client = UdpSocket::bind((LOCALHOST, 0)).expect("loopback");
    client.set_broadcast(true).expect("SO_BROADCAST");
    let to = (Ipv4Addr::new(127, 255, 255, 255), served.address().port());
    client.send_to(&support::request(1), to).expect("loopback has a broadcast address");
    assert!(eventually(|| served.server.dropped(DropReason::NotUnicast) == 1));
    assert_eq!(served.server.count(ServerCounter::Answers), 0);
}

#[test]
fn the_answer_comes_from_the_address_that_was_asked() {
    let served = Served::on((Ipv4Addr::UNSPECIFIED, 0));
    for host in [2, 1, 77] {
        // A connected socket takes nothing from any other address.
        let client = client((Ipv4Addr::new(127, 0, 0, host), served.address().port()));
        assert_eq!(ask(&client).header.stratum, 2);
    }
}

#[test]
fn ipv6_is_served_beside_ipv4_or_waited_for() {
    let v6: SocketAddr = "[::1]:0".parse().expect("an address");
    let served = Served::with(&ServerOptions { listen: vec![(LOCALHOST, 0).into(), v6], ..ServerOptions::default() });
    match served.server.listening() {
        [v4, v6] => {
            assert_eq!(ask(&client(*v4)).header.stratum, 2);
            assert_eq!(ask(&client(*v6)).header.stratum, 2);
        }
        _ => assert_eq!(served.server.missing().map(|(address, _)| address).collect::<Vec<_>>(), [v6]),
    }
}

#[test]
fn an_unsynchronised_server_says_so() {
    let served = Served::saying((LOCALHOST, 0), unsynchronised);
    let header = ask(&client(served.address())).header;
    assert_eq!((header.leap, header.stratum, &header.reference_id), (LeapIndicator::Unknown, 0, b"INIT"));
    assert_eq!(header.root_dispersion, NtpShort::MAX);
    assert!(eventually(|| served.server.count(ServerCounter::AnswersUnsynchronised) >= 1));
    assert_eq!(served.server.count(ServerCounter::Answers), 0);
}

#[test]
fn a_snapshot_that_nobody_renews_is_not_served_as_synchronised() {
    let served = Served::saying((LOCALHOST, 0), || {
        let fresh = support::synchronised();
        let age = Duration::from_secs(5);
        TimeSnapshot { anchor_local: fresh.anchor_local - age, anchor_mono: fresh.anchor_mono - age, ..fresh }
    });
    let header = ask(&client(served.address())).header;
    assert_eq!((header.leap, header.stratum, &header.reference_id), (LeapIndicator::Unknown, 0, b"XOLD"));
}

#[test]
fn a_clock_that_was_set_under_us_is_not_served_as_synchronised() {
    let served = Served::saying((LOCALHOST, 0), || {
        let fresh = support::synchronised();
        // As after a step of the host's clock by 2 s: CLOCK_MONOTONIC does not know of it.
        TimeSnapshot { anchor_local: fresh.anchor_local - Duration::from_secs(2), ..fresh }
    });
    let header = ask(&client(served.address())).header;
    assert_eq!((header.leap, header.stratum, &header.reference_id), (LeapIndicator::Unknown, 0, b"STEP"));
    assert!(served.server.count(ServerCounter::ClockSet) >= 1);
}

#[test]
fn a_busy_port_is_an_error_with_its_remedy() {
    let other = UdpSocket::bind((LOCALHOST, 0)).expect("loopback");
    let busy = other.local_addr().expect("bound");
    let error = Served::try_with(&ServerOptions { listen: vec![busy], ..ServerOptions::default() });
    let error = error.expect_err("the port is taken");
    assert_eq!(error, ServerError::Busy(busy));
    let text = error.to_string();
    assert!(text.contains(&busy.to_string()) && text.contains("another NTP server runs"), "{text}");
}

#[test]
fn a_second_server_does_not_share_the_port_without_a_sign() {
    let first = Served::on((LOCALHOST, 0));
    let options = ServerOptions { listen: vec![first.address()], ..ServerOptions::default() };
    assert_eq!(Served::try_with(&options).expect_err("taken"), ServerError::Busy(first.address()));
}

#[test]
fn a_core_that_does_not_exist_is_a_notice_and_no_reason_to_stop() {
    let options = ServerOptions {
        listen: vec![(LOCALHOST, 0).into()],
        cores: vec![1_000],
        priority: Some(1),
        ..ServerOptions::default()
    };
    let mut served = Served::with(&options);
    let notices = served.server.take_notices();
    let is_pinning = |notice: &ServerNotice| matches!(notice, ServerNotice::NotPinned { core: 1_000, .. });
    assert!(notices.iter().any(is_pinning), "{notices:?}");
    assert!(served.server.take_notices().is_empty(), "told once");
    assert_eq!(ask(&client(served.address())).header.stratum, 2);
}

#[test]
fn an_address_that_comes_later_is_served_from_then_on() {
    if !is_in_namespace() {
        return in_namespace("an_address_that_comes_later_is_served_from_then_on", &[]);
    }
    let late: SocketAddr = "192.0.2.7:123".parse().expect("an address");
    let listen = vec![(LOCALHOST, 123).into(), late];
    let mut served = Served::with(&ServerOptions { listen, ..ServerOptions::default() });
    assert_eq!(served.server.listening(), [(LOCALHOST, 123).into()]);
    assert_eq!(
        served.server.missing().map(|(address, error)| (address, error.clone())).collect::<Vec<_>>(),
        [(late, ServerError::Absent(late))]
    );
    assert!(served.server.take_notices().contains(&ServerNotice::Waiting(ServerError::Absent(late))));
    assert!(!served.server.retry_missing(), "nothing has changed");

    output_of("ip", "iproute2", &["address", "add", "192.0.2.7/32", "dev", "lo"]);
    assert!(served.server.retry_missing());
    assert_eq!(served.server.take_notices(), [ServerNotice::Listening(late)]);
    assert_eq!(served.server.missing().count(), 0);
    assert_eq!(ask(&client(late)).header.stratum, 2);
    assert_eq!(ask(&client((LOCALHOST, 123))).header.stratum, 2);
}

#[test]
fn a_port_below_1024_without_the_capability_is_an_error_with_its_remedy() {
    if !is_in_namespace() {
        let without = ["setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service"];
        return in_namespace("a_port_below_1024_without_the_capability_is_an_error_with_its_remedy", &without);
    }
    let address: SocketAddr = (LOCALHOST, 123).into();
    let error = Served::try_with(&ServerOptions { listen: vec![address], ..ServerOptions::default() });
    let error = error.expect_err("the capability is gone");
    assert_eq!(error, ServerError::Permission(address));
    assert!(error.to_string().contains("CAP_NET_BIND_SERVICE"), "{error}");
}

#[test]
fn who_may_not_ask_is_told_or_gets_no_answer() {
    let prefix = |text: &str| text.parse().expect("a prefix");
    let with = |access| ServerOptions { listen: vec![(LOCALHOST, 0).into()], access, ..ServerOptions::default() };
    let denying = Served::with(&with(AccessList::new(&[], &[prefix("127.0.0.0/8")], &[])));
    let header = ask(&client(denying.address())).header;
    assert_eq!((header.stratum, header.leap, header.reference_id), (0, LeapIndicator::Unknown, *b"DENY"));
    assert!(eventually(|| denying.server.count(ServerCounter::Denied) > 0));

    let ignoring = Served::with(&with(AccessList::new(&[prefix("192.0.2.0/24")], &[], &[])));
    let stranger = client(ignoring.address());
    stranger.send(&support::request(7)).expect("loopback");
    assert!(eventually(|| ignoring.server.dropped(DropReason::Ignored) == 1));
    assert_eq!(ignoring.server.count(ServerCounter::Answers), 0);
}

#[test]
fn who_asks_too_often_is_told_so_now_and_then_and_is_never_cut_off() {
    let limit = Some(RateLimit { interval: Duration::from_secs(60), burst: 4 });
    let options = ServerOptions { listen: vec![(LOCALHOST, 0).into()], limit, ..ServerOptions::default() };
    let mut served = Served::with(&options);
    let client = client(served.address());
    client.set_read_timeout(Some(Timeout::from_millis(20))).expect("a timeout");
    let (mut times, mut kisses) = (0, 0);
    for number in 1..=400 {
        client.send(&support::request(number)).expect("loopback");
        let mut data = [0; 64];
        while let Ok(length) = client.recv(&mut data) {
            let header = parse(&data[..length]).expect("an NTP packet").header;
            assert_eq!(length, 48, "never longer than the request");
            match &header.reference_id {
                b"RATE" => kisses += 1,
                _ => times += 1,
            }
            if header.origin_timestamp.to_bits() == number {
                break;
            }
        }
    }
    println!("of 400 requests at once {times} were answered, and {kisses} with RATE");
    assert!((4 + 5..100).contains(&times) && (5..80).contains(&kisses), "{times} answers, {kisses} kisses");
    assert_eq!(served.server.dropped(DropReason::TooOften), 400 - times - kisses);
    // Of when it was asked the time before.
    served.server.busiest_clients();
    let begin = Instant::now();
    let busiest = loop {
        let (all, busiest) = served.server.busiest_clients();
        if all > 0 || begin.elapsed() > Timeout::from_secs(10) {
            break busiest;
        }
        std::thread::sleep(Timeout::from_millis(10));
    };
    let [client] = busiest[..] else { panic!("{busiest:?}") };
    assert_eq!((client.address(), client.requests, client.version), (LOCALHOST.into(), 400, 4));
    assert_eq!(u64::from(client.limited), 400 - times, "the answers by luck are within the limit");
}

#[test]
fn in_interleaved_mode_the_next_answer_says_when_the_one_before_left() {
    let served = Served::on((LOCALHOST, 0));
    let client = client(served.address());
    let mut request = support::request(1);
    let mut before: Option<Header> = None;
    let mut departures = Vec::new();
    for number in 1..200_u64 {
        let (receive, transmit) = (2 * number, 2 * number + 1);
        request[24..32].copy_from_slice(&before.map_or(0, |answer| answer.receive_timestamp.to_bits()).to_be_bytes());
        request[32..40].copy_from_slice(&receive.to_be_bytes());
        request[40..48].copy_from_slice(&transmit.to_be_bytes());
        client.send(&request).expect("loopback");
        let mut data = [0; 64];
        let length = client.recv(&mut data).expect("an answer");
        let arrived = HostClock.stamping();
        let answer = parse(&data[..length]).expect("an NTP packet").header;
        if answer.origin_timestamp.to_bits() == receive {
            let before = before.expect("interleaved answers are about an earlier one");
            // The same moment by the kernel, which cannot be earlier than what was written into the answer.
            departures.push(answer.transmit_timestamp.since(before.transmit_timestamp));
        } else {
            assert_eq!(answer.origin_timestamp.to_bits(), transmit);
        }
        let shown = NtpTimestamp::from_utc((arrived + OFFSET).read_as());
        assert!(!shown.since(answer.receive_timestamp).is_negative());
        before = Some(Header { transmit_timestamp: answer.transmit_timestamp, ..answer });
        std::thread::sleep(Timeout::from_millis(2));
    }
    let interleaved = served.server.count(ServerCounter::Interleaved);
    println!("{interleaved} of 199 answers were interleaved");
    assert!(interleaved > 150 && departures.len() as u64 == interleaved, "{interleaved}");
    // In a row of interleaved answers each says when the one before left, and that one said the same of the one before it.
    assert!(departures.iter().all(|gap| !gap.is_negative()), "{departures:?}");
}

/// CPU time of a thread of this process, in clock ticks.
fn cpu_ticks(thread: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).expect("the thread lives");
    let after_name = stat.rsplit_once(')').expect("a name in brackets").1;
    let field = |number: usize| after_name.split_whitespace().nth(number - 3).and_then(|text| text.parse::<u64>().ok());
    field(14).zip(field(15)).map(|(user, system)| user + system).expect("utime and stime, proc(5)")
}

#[test]
fn a_stamp_that_nobody_waits_for_any_more_does_not_keep_a_worker_awake() {
    if !is_in_namespace() {
        return in_namespace("a_stamp_that_nobody_waits_for_any_more_does_not_keep_a_worker_awake", &[]);
    }
    // The firewall refuses the answers to one of two clients: after a failed send the stamps of the others are given up, and come all the same.
    let refused = UdpSocket::bind((LOCALHOST, 5_555)).expect("a socket");
    for rule in ["add table inet t", "add chain inet t o { type filter hook output priority 0; }"] {
        output_of("nft", "nftables", &[rule]);
    }
    output_of("nft", "nftables", &["add rule inet t o udp dport 5555 drop"]);
    let served = Served::on((LOCALHOST, 0));
    refused.connect(served.address()).expect("a route");
    let answered = client(served.address());
    // They ask when an answer left that is not remembered: the present one is stamped.
    let mut request = support::request(8);
    request[24..32].copy_from_slice(&7_u64.to_be_bytes());
    request[32..40].copy_from_slice(&9_u64.to_be_bytes());
    for _ in 0..200 {
        answered.send(&request).expect("loopback");
        refused.send(&request).expect("loopback");
    }
    assert!(eventually(|| served.server.count(ServerCounter::Answers) >= 200));
    assert!(served.server.count(ServerCounter::SendFailed) > 0, "the firewall refuses");
    std::thread::sleep(Timeout::from_millis(200));
    let worker = served.server.workers()[0].thread_id();
    let before = cpu_ticks(worker);
    std::thread::sleep(Timeout::from_secs(1));
    let used = cpu_ticks(worker) - before;
    assert!(used < 10, "{used} ticks of CPU in a second in which nobody asks");
}

/// A request in the manner of Windows: leap 3, version 3, a poll interval of its own, a root dispersion of a second; symmetric active, unless it is told to be a
/// client (`0x8` in its list of peers).
fn windows_request(mode: u8, transmit: u64) -> [u8; 48] {
    let mut data = [0; 48];
    data[..4].copy_from_slice(&[0xc0 | 3 << 3 | mode, 0, 17, 0xe9]);
    data[8..12].copy_from_slice(&[0, 1, 0x08, 0]); // a root dispersion of 1.03 s
    data[16..24].copy_from_slice(&(transmit - (1 << 40)).to_be_bytes());
    data[40..].copy_from_slice(&transmit.to_be_bytes());
    data
}

#[test]
fn windows_is_answered_in_its_own_version_and_mode() {
    let served = Served::on((LOCALHOST, 0));
    let client = client(served.address());
    for (asked, answered, number) in [(1, Mode::SymmetricPassive, 1_u64), (3, Mode::Server, 2)] {
        let transmit = 0xed4d_ffff_0000_0000 + number;
        client.send(&windows_request(asked, transmit)).expect("it is sent");
        let mut answer = [0; 100];
        let length = client.recv(&mut answer).expect("an answer");
        let header = parse(&answer[..length]).expect("a packet").header;
        assert_eq!((length, header.version, header.mode), (48, 3, answered));
        assert_eq!(header.origin_timestamp.to_bits(), transmit, "or Windows takes it for somebody else's");
        assert_eq!((header.leap, header.stratum), (LeapIndicator::NoWarning, 2));
        let served_for = header.transmit_timestamp.since(header.receive_timestamp);
        assert!(!served_for.is_negative() && served_for < Duration::SECOND, "{served_for}");
        // Windows wants a root dispersion that is small beside its own limits.
        let claimed = header.root_delay.to_duration().half() + header.root_dispersion.to_duration();
        assert!(claimed < Duration::SECOND, "{claimed}");
    }
}

#[test]
fn chronyd_in_interleaved_mode_is_answered_so() {
    let served = Served::on((LOCALHOST, 0));
    let options = "xleave minpoll -4 maxpoll -4";
    let output = support::chronyd_with(served.address().port(), options, 20);
    let wrong_by = support::number_after(&output, "System clock wrong by ");
    assert!((wrong_by - OFFSET).abs() <= BOUND, "chronyd sees {wrong_by}:\n{output}");
    let (interleaved, all) =
        (served.server.count(ServerCounter::Interleaved), served.server.count(ServerCounter::Answers));
    println!("chronyd: {interleaved} of {all} answers were interleaved; it sees {wrong_by}, the truth is {OFFSET}");
    assert!(interleaved > 0, "{output}");
}

#[test]
fn chronyd_sees_the_served_clock_within_the_bound_and_refuses_an_unsynchronised_one() {
    let unsynchronised = Served::saying((LOCALHOST, 0), support::unsynchronised);
    let port = unsynchronised.address().port();
    // Beside the other one: it asks again until its time is over.
    let refusing = std::thread::spawn(move || support::chronyd(port, 10));

    let synchronised = Served::on((LOCALHOST, 0));
    let output = support::chronyd(synchronised.address().port(), 20);
    let wrong_by = support::number_after(&output, "System clock wrong by ");
    assert!((wrong_by - OFFSET).abs() <= BOUND, "chronyd sees {wrong_by}:\n{output}");

    let output = refusing.join().expect("chronyd ran");
    assert!(unsynchronised.server.count(ServerCounter::AnswersUnsynchronised) > 0, "it did not ask:\n{output}");
    assert!(!output.contains("System clock wrong by"), "chronyd believes it:\n{output}");
    assert!(output.contains("No suitable source") || output.contains("Timeout reached"), "{output}");
}

#[test]
fn what_the_server_says_that_it_serves_is_what_a_client_gets() {
    let local = LocalService { stratum: 10, distance: Duration::SECOND, is_orphan: false };
    let options = ServerOptions { listen: vec![(LOCALHOST, 0).into()], local: Some(local), ..ServerOptions::default() };
    let of = |header: &Header| (header.leap, header.stratum, header.reference_id, header.root_delay);
    // Looked after, and nobody vouches for its time.
    let lost = || TimeSnapshot { state: SyncState::Freerun, ..support::synchronised() };
    for (snapshot, stratum) in [(support::synchronised as fn() -> TimeSnapshot, 2), (lost, 10), (unsynchronised, 0)] {
        let served = Served::with_saying(&options, snapshot);
        let told = served.server.served(None, &snapshot(), HostClock.stamping()).expect("a client's request");
        let got = ask(&client(served.address())).header;
        assert_eq!((of(&told), told.stratum), (of(&got), stratum));
    }
}

#[test]
fn chronyd_follows_a_local_clock_which_is_counted_apart() {
    let local = LocalService { stratum: 10, distance: Duration::SECOND, is_orphan: false };
    let options = ServerOptions { listen: vec![(LOCALHOST, 0).into()], local: Some(local), ..ServerOptions::default() };
    let served = Served::with_saying(&options, || {
        let (mono, local, _) = HostClock.both();
        let anchor_utc = (local + OFFSET).read_as();
        TimeSnapshot { anchor_local: local, anchor_utc, ..TimeSnapshot::unsynchronised(mono) }
    });
    let output = support::chronyd(served.address().port(), 20);
    let wrong_by = support::number_after(&output, "System clock wrong by ");
    assert!((wrong_by - OFFSET).abs() <= BOUND, "chronyd sees {wrong_by}:\n{output}");
    let count = |counter| served.server.count(counter);
    assert!(count(ServerCounter::AnswersLocal) > 0);
    assert_eq!((count(ServerCounter::Answers), count(ServerCounter::AnswersUnsynchronised)), (0, 0));
}

#[test]
fn ntpdig_sees_the_served_clock_within_the_bound_and_refuses_an_unsynchronised_one() {
    if !is_in_namespace() {
        return in_namespace("ntpdig_sees_the_served_clock_within_the_bound_and_refuses_an_unsynchronised_one", &[]);
    }
    let _synchronised = Served::on((LOCALHOST, 123));
    let (worked, output) = support::ntpdig("127.0.0.1");
    assert!(worked, "{output}");
    let offset = support::number_after(&output, "\"offset\":");
    assert!((offset - OFFSET).abs() <= BOUND, "ntpdig sees {offset}: {output}");
    assert!(output.contains("\"stratum\":2,\"leap\":\"no-leap\""), "{output}");

    let unsynchronised = Served::saying((Ipv4Addr::new(127, 0, 0, 2), 123), support::unsynchronised);
    let (worked, output) = support::ntpdig("127.0.0.2");
    assert!(unsynchronised.server.count(ServerCounter::AnswersUnsynchronised) > 0, "it did not ask: {output}");
    assert!(!worked && output.contains("no eligible servers"), "{output}");
}

#[cfg(feature = "count-allocations")]
#[test]
fn a_worker_at_work_does_not_allocate() {
    let served = Served::on((LOCALHOST, 0));
    let client = client(served.address());
    ask(&client);
    synchronome_kernel::alloc::arm();
    asked(&client, 200);
    client.send(&[0; 7]).expect("loopback");
    assert!(eventually(|| served.server.dropped_total() == 1));
    // Workers of other tests in this process are counted too, and held to the same.
    let mut workers = 0;
    for (name, calls) in synchronome_kernel::alloc::counts().filter(|(name, _)| name.starts_with("ntp-")) {
        assert_eq!(calls, 0, "{name}");
        workers += 1;
    }
    assert!(workers > 0);
}

#[test]
fn the_state_word_decides_what_is_served() {
    for state in SyncState::ALL {
        let served = Served::saying((LOCALHOST, 0), move || TimeSnapshot { state, ..support::synchronised() });
        let stratum = ask(&client(served.address())).header.stratum;
        assert_eq!(stratum, if state.is_synchronised() { 2 } else { 0 }, "{state}");
    }
}
