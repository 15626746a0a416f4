//! IEEE 802.1AS: who says that he is capable, who is believed only then, and ptp4l, which says no such thing.

use super::daemon::{Daemon, Options, assert_bound_held, follows, port};
use super::lab::Lab;
use super::ntp::chronyd_server;
use super::ptp4l_identity;
use super::running::{always_master, installed_configuration, ptp4l_of_file};

/// The link of two namespaces takes longer than 800 ns.
const GPTP: &str = "profile = \"gptp\"\nneighbor_delay_max = \"20ms\"\narb_timescale = \"utc\"\n";

#[test]
fn with_require_a_neighbour_of_ours_is_followed_and_ptp4l_is_not_and_without_it_ptp4l_is() {
    let mut lab = Lab::beside_others();
    let [with_ours, with_ptp4l, told] = [lab.pair(), lab.pair(), lab.pair()];
    let require = format!("{GPTP}gptp_capable = \"require\"\ngptp_capable_interval = -1\n");

    let _upstream = chronyd_server(&lab, &with_ours.0, "127.0.0.1");
    let source = "[[ntp.source]]\naddress = \"127.0.0.1\"\npoll = 0\n";
    let by_master = format!("role = \"master\"\n{require}");
    let options = Options { interface: "va", port: &by_master, more: source, ..Options::default() };
    let mut master = Daemon::start(&lab, &with_ours.0, options);
    let mut slave = Daemon::start(&lab, &with_ours.1, Options { port: &require, ..Options::default() });

    let file = installed_configuration("gPTP");
    let options = ["-f", &file, "--neighborPropDelayThresh=20000000", always_master()];
    let [mut first, mut second] = [&with_ptp4l, &told].map(|pair| ptp4l_of_file(&lab, &pair.0, "va", &options));
    let mut strict = Daemon::start(&lab, &with_ptp4l.1, Options { port: &require, ..Options::default() });
    let mut lenient = Daemon::start(&lab, &told.1, Options { port: GPTP, ..Options::default() });

    let status = slave.wait("it follows the master of ours", |status| port(status).grandmaster.is_some());
    assert!(port(&status).neighbor.as_ref().is_some_and(|neighbor| neighbor.gptp_capable), "{status:#?}");
    master.wait("the slave says so too", |status| {
        port(status).neighbor.as_ref().is_some_and(|neighbor| neighbor.gptp_capable)
    });

    let status = lenient.wait_for_lock(&ptp4l_identity(1));
    assert!(port(&status).neighbor.as_ref().is_some_and(|neighbor| !neighbor.gptp_capable), "{status:#?}");
    assert_bound_held(&status);

    let status = strict.wait("it is told why ptp4l is not believed", |status| {
        port(status).heard.iter().any(|line| line.starts_with("no gPTP-capable TLV of neighbour 0200"))
    });
    assert!(!follows(&status, &ptp4l_identity(1)) && port(&status).parent.is_none(), "{status:#?}");
    // Both heard it for as long.
    let refused = port(&status).counters.get("not_capable").copied().unwrap_or(0);
    assert!(refused > 8, "{refused} messages of it");

    for daemon in [master, slave, strict, lenient] {
        daemon.end();
    }
    first.assert_alive();
    second.assert_alive();
}
