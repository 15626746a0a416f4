//! What comes and goes on a network: tests with interfaces of their own, each in a namespace.

use std::path::Path;
use std::process::Command;

use synchronome::net::SocketOptions;
use synchronome::ptp::GrandmasterConfig;
use synchronome::runtime::grandmaster::GrandmasterThread;
use synchronome::wire::ptp::ClockIdentity;

use super::Setup;
use crate::child::{Open, Running, events, eventually, printed, status};

/// Set in the process that runs inside a namespace.
const IN_NAMESPACE: &str = "SYNCHRONOME_TEST_IN_NAMESPACE";

/// Runs one test of this program again in a network namespace of its own.
fn in_namespace(test: &str) {
    let mut command = Command::new("unshare");
    if !nix::unistd::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    let this = std::env::current_exe().expect("a program");
    command.arg("--net").arg(this).args(["--exact", test, "--nocapture"]).env(IN_NAMESPACE, "1");
    let output = command.output().expect("unshare of util-linux");
    let said = printed(&output);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "in a namespace (needs root, or user namespaces for everybody; and `ip` of iproute2): {said}"
    );
}

fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split(' ')).output().expect("`ip` of iproute2");
    assert!(output.status.success(), "ip {arguments}: {}", printed(&output));
}

/// Two ends of a cable in one namespace, which the kernel would otherwise take for forged addresses.
fn veth() {
    ip("link set lo up");
    ip("link add va type veth peer name vb");
    for setting in ["ipv4/conf/all/rp_filter", "ipv4/conf/va/rp_filter", "ipv4/conf/vb/rp_filter"] {
        std::fs::write(format!("/proc/sys/net/{setting}"), "0").expect("our own namespace");
    }
    for setting in ["ipv4/conf/va/accept_local", "ipv4/conf/vb/accept_local"] {
        std::fs::write(format!("/proc/sys/net/{setting}"), "1").expect("our own namespace");
    }
    std::fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0").expect("our own namespace");
    ip("link set vb up");
}

#[test]
fn without_a_configuration_it_finds_interfaces_and_says_what_it_hears() {
    if std::env::var_os(IN_NAMESPACE).is_none() {
        assert!(!Path::new(synchronome::cli::run::DEFAULT_CONFIG).exists(), "this test wants a host without it");
        return in_namespace("network::without_a_configuration_it_finds_interfaces_and_says_what_it_hears");
    }
    veth();
    let open = Open::new();
    let mut running = Running::start(open.ordinary_user().arg("run"));
    running.line("no interface can carry PTP: it needs to be up, with multicast and an IPv4 address; looking again");
    running.line("the system clock is observed and never touched");
    ip("address add 10.77.0.1/24 dev va");
    ip("link set va up");
    running.line("PTP on va, which is new");
    assert!(!running.has_said("CAP_NET_BIND_SERVICE"), "here everybody may open any port");
    assert!(!running.has_said("CAP_SYS_TIME"), "who observes sets no clock");
    running.line("port va: INITIALIZING -> LISTENING: started");
    running.line("port va: hears nothing: no PTP message has arrived");

    ip("address add 10.77.0.2/24 dev vb");
    let sockets = SocketOptions::new("vb", 319, 320);
    let grandmaster = |domain| GrandmasterConfig {
        domain,
        ..GrandmasterConfig::new(ClockIdentity([2, 0, 0, 0, 0, 0, 0, domain]), 1)
    };
    let other = GrandmasterThread::start(&sockets, grandmaster(5)).expect("a grandmaster");
    running.line("port va: hears messages of domain 5");
    drop(other);
    let _ours = GrandmasterThread::start(&sockets, grandmaster(0)).expect("a grandmaster");
    running.line("port va: follows 020000.0000.000000-1");
    assert!(running.is_running());
    running.end();
}

#[test]
fn what_is_absent_is_waited_for_and_used_when_it_comes() {
    if std::env::var_os(IN_NAMESPACE).is_none() {
        return in_namespace("network::what_is_absent_is_waited_for_and_used_when_it_comes");
    }
    ip("link set lo up");
    let mut setup = Setup { interface: "va", ..Setup::new() };
    setup.ntp += ", \"10.78.0.1:11123\"";
    let mut running = setup.start();
    running.line("port va: waiting: interface va does not exist yet; `ip link` lists those that do");
    let absent = running.line("no interface of this host has the address 10.78.0.1 yet");
    assert!(absent.contains("it is served as soon as one has"), "{absent}");
    assert!(running.is_running());

    veth();
    running.line("interface va cannot send yet (it is down); it needs to be up and to have an IPv4 address");
    ip("link set va up");
    running.line("interface va cannot send yet (it has no IPv4 address)");
    ip("address add 10.78.0.1/24 dev va");
    running.line("port va: started");
    running.line("NTP server listens on 10.78.0.1:11123");

    ip("link delete va");
    running.line("port va: its interface is gone; waiting for it");
    veth();
    ip("address add 10.78.0.1/24 dev va");
    ip("link set va up");
    let starts = || running.lines().iter().filter(|line| line.contains("port va: started")).count();
    assert!(eventually(|| starts() == 2), "{}", running.lines().join("\n"));
    assert!(events(&status(&setup.socket())).iter().any(|event| event.contains("its interface is gone")));
    running.end();
}
