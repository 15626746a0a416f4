//! One daemon in two domains on one interface: two PTP clocks that do not know of each other, and one time.

use std::time::Duration as Timeout;

use synchronome::observe::Status;
use synchronome::time::SyncState;

use super::daemon::{Daemon, Options, assert_bound_held};
use super::lab::Lab;
use super::management::pmc_over;
use super::running::{Capture, always_master, dissect, ptp4l};
use super::{COMPLAINTS, bridged, ptp4l_identity, ptp4l_octets};

/// Our clockIdentity, by the address of the interface.
const SLAVE: &str = "02000a.4700.020000-";

/// The grandmaster that each of the two follows.
fn followed(status: &Status) -> [Option<&str>; 2] {
    [0, 1].map(|port| status.ptp[port].grandmaster.as_ref().map(|grandmaster| grandmaster.identity.as_str()))
}

#[test]
fn a_daemon_in_two_domains_follows_a_grandmaster_in_each_and_goes_on_by_the_other_without_a_step() {
    let mut lab = Lab::beside_others();
    let [first, second, slave] = bridged(&mut lab);
    let capture = Capture::start(&lab, &slave, "vb");
    let start = |space, domain: &str| {
        let domain = format!("--domainNumber={domain}");
        ptp4l(&lab, space, "va", &["--logAnnounceInterval=-1", always_master(), &domain])
    };
    let in_0 = start(&first, "0");
    let mut in_24 = start(&second, "24");
    let port = "management = true\n[[ptp]]\ninterface = \"vb\"\ndomain = 24\nmanagement = true\n";
    let mut daemon = Daemon::start(&lab, &slave, Options { port, ..Options::default() });
    let both = [ptp4l_identity(1), ptp4l_identity(3)];
    let status = daemon.wait("each domain has its grandmaster", |status| {
        status.state == SyncState::Locked && followed(status) == [Some(&*both[0]), Some(&*both[1])]
    });
    assert_eq!(status.ptp_clocks.len(), 2, "{status:#?}");
    std::thread::sleep(Timeout::from_secs(5));
    let status = daemon.status();
    assert_bound_held(&status);
    let count = |status: &Status, port: usize, name: &str| status.ptp[port].counters.get(name).copied().unwrap_or(0);
    for port in [0, 1] {
        assert!(count(&status, port, "received_delay_resp") >= 20, "each is answered: {status:#?}");
        assert!(count(&status, port, "domain_mismatch") > 0, "each hears the other's domain: {status:#?}");
    }

    // Who asks in a domain is answered by the clock of that domain.
    for (domain, grandmaster) in [("0", &both[0]), ("24", &both[1])] {
        let asked = ["GET PARENT_DATA_SET".to_owned()];
        let answered = pmc_over(&["-4", "-d", domain], &first, "va", 0, &asked);
        let ours: Vec<_> = answered.iter().filter(|answer| answer.who().starts_with(SLAVE)).collect();
        assert_eq!(ours.len(), 1, "{answered:#?}");
        assert_eq!(ours[0].value("grandmasterIdentity"), grandmaster);
    }

    drop(in_0);
    let status = daemon.wait("the other domain's goes on alone", |status| {
        followed(status) == [None, Some(&*both[1])] && status.state == SyncState::Locked
    });
    assert_eq!(status.clock.steps, 1, "{status:#?}");
    std::thread::sleep(Timeout::from_secs(5));
    let status = daemon.status();
    assert_eq!((status.state, status.clock.steps), (SyncState::Locked, 1), "{status:#?}");
    assert_bound_held(&status);
    in_24.assert_alive();
    daemon.end();
    let capture = capture.finish_after(ptp4l_octets());
    let ours = |domain: u8| format!("eth.src == 02:00:0a:47:00:02 && ptp.v2.domainnumber == {domain}");
    for domain in [0, 24] {
        let requests = format!("{} && ptp.v2.messagetype == 1", ours(domain));
        assert!(dissect(&capture, &requests, &["frame.number"]).len() >= 20, "domain {domain}");
    }
    let complaints = format!("eth.src == 02:00:0a:47:00:02 && ({COMPLAINTS})");
    assert!(dissect(&capture, &complaints, &["_ws.expert.message"]).is_empty(), "it dissects cleanly");
}
