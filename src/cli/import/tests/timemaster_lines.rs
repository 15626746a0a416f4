//! `timemaster.conf`, section by section.

use super::*;
use crate::discipline::policy::StepRule;
use crate::ptp::Role;
use crate::time::LogInterval;

fn timemaster(text: &str) -> Config {
    config_of("timemaster.conf", text)
}

#[test]
fn the_domain_of_its_section_counts_and_no_port_serves() {
    let config = timemaster(
        "[ptp_domain 5]\ninterfaces eth0 eth1\nptp4l_option logSyncInterval -2\nptp4l_option domainNumber 9\nntp_options PREFER\n\
         [ptp_domain 6]\ninterfaces eth2\n[ptp4l.conf]\nserverOnly 1\ndomainNumber 8\nlogSyncInterval -4\n",
    );
    let read: Vec<_> =
        config.ptp.iter().map(|port| (port.interface.as_str(), port.domain, port.role, port.prefer)).collect();
    let expected = [("eth0", 5, Role::Slave, true), ("eth1", 5, Role::Slave, true), ("eth2", 6, Role::Slave, false)];
    assert_eq!(read, expected);
    let intervals: Vec<_> = config.ptp.iter().map(|port| port.log_sync_interval).collect();
    assert_eq!(intervals, [-2, -2, -4].map(LogInterval::new), "a domain's own option counts more");
    assert_eq!(config.clock.system, crate::config::SystemClock::Discipline);
}

#[test]
fn the_steps_are_those_of_the_program_that_has_the_system_clock() {
    let step = |text: &str| {
        timemaster(&format!(
            "[ptp4l.conf]\nfirst_step_threshold 0.001\nstep_threshold 0.002\n[ptp_domain 0]\ninterfaces eth0\n{text}"
        ))
        .clock
        .step
    };
    let plain = step("");
    assert_eq!((plain.first, plain.later), (StepRule::Above(Duration::SECOND), StepRule::Never), "makestep 1 3");
    assert_eq!(step("[chrony.conf]\nmakestep 0.5 -1\n").later, StepRule::Above(Duration::from_millis(500)));
    assert_eq!(
        step("[timemaster]\nntp_program ntpd\n[ntp.conf]\ntinker step 0.25\n").first,
        StepRule::Above(Duration::from_millis(250))
    );
    let twice = "[chrony.conf]\nmakestep 3 1\n[chrony.conf]\nmakestep 4 1\n";
    assert_eq!(step(twice).first, StepRule::Above(Duration::from_secs(4)), "of two the last one");
}

#[test]
fn servers_have_the_options_of_the_program_that_asks_them() {
    let text = "[ntp_server 192.0.2.1]\nminpoll 3\nIBURST 1\nntp_options xleave\n[ntp_server]\n";
    let config = timemaster(text);
    let source = &config.ntp_sources[0];
    assert_eq!((source.host.as_str(), source.poll), ("192.0.2.1", LogInterval::new(3)));
    assert!(source.iburst && source.interleaved);
    tells("timemaster.conf", text, "wrong: timemaster.conf:5: [ntp_server]: the server's name or address is missing");
    tells("timemaster.conf", "[timemaster]\nntp_program openntpd\n", "\"openntpd\" is neither chronyd nor ntpd");
}

#[test]
fn included_files_and_masters_of_a_domain_are_read() {
    let files = [("/etc/chrony.conf", "server a.example.net\nmaxdistance 2\n")];
    let text = "[chrony.conf]\ninclude /etc/chrony.conf\n[ptp_domain 0]\ninterfaces eth0\nptp4l_option unicast_master_table 3\n\
                [ptp4l.conf]\n> [unicast_master_table]\n>table_id 3\n>UDPv4 198.51.100.7\n";
    let imported = import_with("timemaster.conf", text, &files);
    let config = load(&imported.toml, "t").unwrap_or_else(|errors| panic!("{errors}\n{}", imported.toml)).config;
    assert_eq!(config.ntp_sources[0].host, "a.example.net");
    let masters: Vec<_> = config.ptp[0].unicast_masters.iter().flatten().map(ToString::to_string).collect();
    assert_eq!(masters, ["198.51.100.7"]);
}

#[test]
fn what_is_no_section_of_it_is_told() {
    tells("timemaster.conf", "x 1\n[timemaster]\n", "wrong: timemaster.conf:1: x: it stands in no section");
    tells("timemaster.conf", "[ntpd.conf]\nserver a\n", "unknown: timemaster.conf:1: [ntpd.conf]");
    tells(
        "timemaster.conf",
        "[ptp_domain 3]\ndelay 1\n",
        "wrong: timemaster.conf:1: [ptp_domain 3]: it names no interfaces",
    );
    tells("timemaster.conf", "[ptp_domain x]\ninterfaces eth0\n", "wrong: timemaster.conf:1: [ptp_domain x]");
    tells("timemaster.conf", "[ntp.conf]\nserver a\n", "not needed: timemaster.conf:1: [ntp.conf]");
}
