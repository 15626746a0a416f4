//! Hosts without a source that agree on one of them.
//!
//! Three of our daemons ask each other and a server that is not there at first. Their simulated clocks are seconds apart, and what each of them serves is
//! compared with the machine's clock.

use std::time::{Duration as Timeout, Instant};

use synchronome::clock::HostClock;
use synchronome::observe::Status;
use synchronome::observe::status::NtpServedStatus;
use synchronome::time::{Duration, NtpTimestamp, Timestamp, Utc};

use super::daemon::{Daemon, Options};
use super::embedded::ask_ntp;
use super::lab::{End, Lab, Space, connect};
use super::ntp::{chronyd_server, source};

/// A switch, and hosts 1, 2, 3 at it.
fn network(lab: &mut Lab) -> (Space, [Space; 3]) {
    let switch = lab.space();
    switch.ip("link add br0 type bridge");
    switch.ip("link set br0 up");
    switch.ip("address add 10.71.0.9/24 dev br0");
    let hosts = [1, 2, 3].map(|host: u8| {
        let (space, port) = (lab.space(), format!("sw{host}"));
        let here = End { space: &switch, interface: &port, host: None };
        connect(here, End { space: &space, interface: "vb", host: Some(host) });
        switch.ip(&format!("link set {port} master br0"));
        space
    });
    (switch, hosts)
}

fn daemon(lab: &Lab, space: &Space, host: u8, offset: &str) -> Daemon {
    let others = [1, 2, 3, 9].into_iter().filter(|other| *other != host);
    let sources = others.map(|other| format!("[[ntp.source]]\naddress = \"10.71.0.{other}\"\npoll = 0\n"));
    let more = format!(
        "[ntp.server]\nlisten = [\"0.0.0.0:123\"]\n[ntp.server.local]\nstratum = 10\norphan = true\n{}",
        sources.collect::<String>()
    );
    Daemon::start(lab, space, Options { offset, more: &more, ..Options::default() })
}

fn served(status: &Status) -> &NtpServedStatus {
    status.ntp_server.as_ref().and_then(|server| server.served.as_ref()).expect("it serves")
}

fn serves(status: &Status, stratum: u8, reference_id: &str) -> bool {
    let served = served(status);
    (served.leap, served.stratum, served.reference_id.as_str()) == (0, stratum, reference_id)
}

/// What a host serves is ahead of the machine's clock by this.
fn ahead(switch: &Space, host: u8) -> Duration {
    let transmit: NtpTimestamp = ask_ntp(switch, &format!("10.71.0.{host}"), 4, 3).transmit_timestamp;
    let now: Timestamp<Utc> = HostClock.stamping().read_as();
    transmit.to_utc(now) - now
}

/// Two hosts serve the same time, to the milliseconds that asking one after the other takes.
fn assert_agree(switch: &Space, hosts: [u8; 2]) -> Duration {
    let [one, other] = hosts.map(|host| ahead(switch, host));
    println!("orphans: hosts {hosts:?} are ahead by {one} and {other}");
    assert!((one - other).abs() < Duration::from_millis(20), "{one} and {other}");
    one
}

/// It waits for what happens within seconds, and what it measures is milliseconds.
mod beside {
    use super::*;

    #[test]
    fn of_hosts_without_a_source_the_first_is_followed_then_the_next_and_none_when_there_is_a_source() {
        let mut lab = Lab::beside_others();
        let (switch, hosts) = network(&mut lab);
        let start = Instant::now();
        let mut first = daemon(&lab, &hosts[0], 1, "1s");
        let mut second = daemon(&lab, &hosts[1], 2, "3s");
        let mut third = daemon(&lab, &hosts[2], 3, "-2s");

        for follower in [&mut second, &mut third] {
            follower.wait("it follows the first", |status| serves(status, 11, "10.71.0.1"));
        }
        println!("orphans: the first is followed {:.1} s after the start", start.elapsed().as_secs_f64());
        let status = first.status();
        assert!(serves(&status, 10, "127.127.1.1"), "{status:#?}");
        assert_eq!(status.clock.steps, 0, "it follows nobody");
        assert!(assert_agree(&switch, [1, 2]) > Duration::from_millis(900), "none of them knows the time");
        assert_agree(&switch, [1, 3]);
        for daemon in [&mut first, &mut second, &mut third] {
            let status = daemon.status();
            assert!(!status.state.is_synchronised() && status.clock.bound_s.is_none(), "{status:#?}");
            let (word, code) = daemon.command(&["health"]);
            assert_ne!(code, 0, "{word}");
        }
        let status = second.wait("the first steers", |status| source(status, "10.71.0.1").is_steering);
        assert!(status.reason.contains("has no source itself"), "{status:#?}");
        let distance = served(&status).root_delay_s / 2.0 + served(&status).root_dispersion_s;
        assert!(distance >= 1.0, "no more sure than the one that it follows: {distance} s");

        first.end();
        let ended = Instant::now();
        second.wait("the second leads", |status| serves(status, 10, "127.127.1.1"));
        third.wait("the third follows it", |status| serves(status, 11, "10.71.0.2"));
        println!("orphans: the second is followed {:.1} s after the first has ended", ended.elapsed().as_secs_f64());
        assert_agree(&switch, [2, 3]);

        let _server = chronyd_server(&lab, &switch, "10.71.0.9");
        let begun = Instant::now();
        for daemon in [&mut second, &mut third] {
            let status = daemon.wait("it has a source", |status| {
                status.state.is_synchronised() && source(status, "10.71.0.9").is_steering
            });
            assert!(serves(&status, 2, "10.71.0.9"), "{status:#?}");
        }
        println!("orphans: all have a source {:.1} s after it is there", begun.elapsed().as_secs_f64());
        std::thread::sleep(Timeout::from_secs(1));
        assert!(assert_agree(&switch, [2, 3]).abs() < Duration::from_millis(20), "and know the time");
        third.end();
        second.end();
    }
}
