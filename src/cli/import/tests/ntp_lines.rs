//! `ntp.conf`, directive by directive.

use super::*;
use crate::config::{Listen, RefclockDevice};
use crate::discipline::policy::StepRule;
use crate::time::LogInterval;

fn config(text: &str) -> Config {
    config_of("ntp.conf", text)
}

fn access(text: &str, from: &str) -> Access {
    config(text).ntp_server.expect("a server").access.of(from.parse().unwrap())
}

/// Where requests are answered, as the file says it.
fn listen(text: &str) -> String {
    let toml = import_with("ntp.conf", text, &[]).toml;
    let line = toml.lines().find(|line| line.starts_with("listen = ")).unwrap_or_default();
    line.split('#').next().unwrap().trim().trim_start_matches("listen = ").to_owned()
}

#[test]
fn ntpd_serves_everybody_unless_told() {
    assert_eq!(listen("server a"), "[\"0.0.0.0:123\", \"[::]:123\"]");
    assert_eq!(access("server a", "192.0.2.1"), Access::Allow);
    assert_eq!(access("restrict default ignore\nrestrict 10.0.0.0 mask 255.0.0.0", "192.0.2.1"), Access::Ignore);
    assert_eq!(access("restrict default ignore\nrestrict 10.0.0.0 mask 255.0.0.0", "10.9.9.9"), Access::Allow);
    assert_eq!(access("restrict 192.0.2.0/24 noserve kod", "192.0.2.1"), Access::Deny, "kod tells them");
    assert_eq!(access("restrict 192.0.2.0/24 noserve", "192.0.2.1"), Access::Ignore);
    assert_eq!(access("restrict 192.0.2.0/24 noserve", "198.51.100.1"), Access::Allow);
    assert_eq!(access("restrict -6 default ignore", "2001:db8::1"), Access::Ignore);
    assert_eq!(access("restrict -6 default ignore", "192.0.2.1"), Access::Allow);
    tells("ntp.conf", "restrict 10.0.0.1 mask 255.0.255.0", "255.0.255.0 is not a mask of a prefix");
    tells("ntp.conf", "restrict ntp.example.net", "names of hosts are not looked up here");
}

#[test]
fn a_limit_is_by_the_average_interval() {
    let limit = |text| config(text).ntp_server.unwrap().limit;
    assert_eq!(limit("restrict default kod nomodify"), None);
    assert_eq!(limit("restrict default kod limited").unwrap().interval, Duration::from_secs(8));
    assert_eq!(limit("restrict default limited\ndiscard average 5").unwrap().interval, Duration::from_secs(32));
}

#[test]
fn the_last_rule_that_fits_an_interface_counts() {
    assert_eq!(
        listen("interface ignore wildcard\ninterface listen 10.0.0.1"),
        "[\"10.0.0.1:123\", \"127.0.0.1:123\", \"[::1]:123\"]"
    );
    assert_eq!(listen("interface listen all"), "[\"0.0.0.0:123\", \"[::]:123\"]");
    assert_eq!(listen("nic listen ipv4"), "[\"0.0.0.0:123\", \"[::1]:123\"]");
    assert_eq!(listen("interface listen eth0\ninterface ignore all"), "[\"127.0.0.1:123\", \"[::1]:123\"]");
    let server =
        config("interface listen all\ninterface ignore eth1\ninterface drop 203.0.113.0/24").ntp_server.unwrap();
    let except: Vec<_> = server.except.iter().map(ToString::to_string).collect();
    assert_eq!(except, ["eth1", "203.0.113.0/24"]);
    tells("ntp.conf", "interface listen 10.0.0.0/8", "addresses of a prefix are named one by one");
    let on = config("interface listen eth0").ntp_server.unwrap();
    assert_eq!(
        on.interfaces.iter().map(|on| Listen::Interface(on.clone()).to_string()).collect::<Vec<_>>(),
        ["eth0:123"]
    );
}

#[test]
fn the_local_clock_is_served_while_nobody_vouches_and_is_no_source() {
    let config = config("server 127.127.1.0\nfudge 127.127.1.0 stratum 12\n");
    let local = config.ntp_server.unwrap().local.unwrap();
    assert_eq!((local.stratum, local.is_orphan), (12, false));
    assert!(config.ntp_sources.is_empty() && config.refclocks.is_empty());
    let unsaid = config_of("ntp.conf", "server 127.127.1.0\n");
    assert_eq!(unsaid.ntp_server.unwrap().local.unwrap().stratum, 5, "the driver's own");
    let orphan = config_of("ntp.conf", "server a\ntos orphan 7\n").ntp_server.unwrap().local.unwrap();
    assert_eq!((orphan.stratum, orphan.is_orphan), (7, true));
}

#[test]
fn drivers_become_reference_clocks_and_fudge_is_theirs() {
    let text = "server 127.127.28.2 minpoll 4 prefer\nfudge 127.127.28.2 time1 0.42 refid GPS stratum 1\n\
                server 127.127.22.1\nfudge 127.127.22.1 flag2 1\nserver 127.127.46.0\nrefclock pps path /dev/pps7\n";
    let config = config(text);
    let shm = &config.refclocks[0];
    assert!(matches!(shm.device, RefclockDevice::Shm { .. }), "{shm:?}");
    assert_eq!((shm.poll, shm.stratum, shm.offset), (LogInterval::new(4), 1, Duration::from_millis(420)));
    assert!(shm.options.prefer && &shm.reference_id[..3] == b"GPS");
    assert_eq!(config.refclocks.len(), 4);
    let toml = import_with("ntp.conf", text, &[]).toml;
    for part in
        ["edge = \"clear\"", "path = \"/dev/pps1\"", "device = \"/dev/gps0\"", "path = \"/dev/pps7\"", "unit = 2"]
    {
        assert!(toml.contains(part), "{part}: {toml}");
    }
    tells("ntp.conf", "server 127.127.8.0 mode 2", "there is no driver of type 8");
    tells("ntp.conf", "fudge 127.127.28.0 time1 0.1", "no server 127.127.28.0 stands before it");
    tells("ntp.conf", "server 127.127.20.0", "here gpsd has to");
    tells("ntp.conf", "server 127.127.x", "is not 127.127.t.u");
}

#[test]
fn thresholds_keep_their_unit_and_zero_is_never() {
    let step = config("tinker step 0.5 panic 0").clock.step;
    assert_eq!((step.later, step.panic), (StepRule::Above(Duration::from_millis(500)), None));
    let half = StepRule::Above(Duration::from_millis(500));
    assert_eq!(step.first, half, "there the first one is no other");
    let never = config("tinker step 0").clock.step;
    assert_eq!((never.first, never.later), (StepRule::Never, StepRule::Never));
    let forward = config("tinker stepfwd 0.5").clock.step;
    assert_eq!((forward.first, forward.later), (half, half));
    assert_eq!(config("tinker panic 5").clock.step.panic, Some(Duration::from_secs(5)));
    let far = config("server a\nserver b\ntos maxdist 16");
    assert!(far.ntp_sources.iter().all(|source| source.options.max_distance == Duration::from_secs(16)));
    tells("ntp.conf", "server a", "without tinker step");
}

#[test]
fn a_comment_may_stand_behind_a_directive_and_files_are_included() {
    let files = [("/etc/ntp.d/more.conf", "server b.example.net\n"), ("/etc/ntp.d/not.txt", "server c\n")];
    let text = "server a.example.net iburst # ours\nincludefile /etc/ntp.d\n";
    let imported = import_with("/etc/ntp.conf", text, &files);
    let config = load(&imported.toml, "t").unwrap().config;
    let hosts: Vec<_> = config.ntp_sources.iter().map(|source| source.host.as_str()).collect();
    assert_eq!(hosts, ["a.example.net", "b.example.net"]);
}

#[test]
fn pools_share_what_ntpd_takes_of_all() {
    let sizes = |text| config(text).ntp_sources.iter().map(|source| source.pool).collect::<Vec<_>>();
    assert_eq!(sizes("pool a\npool b\n"), [4, 4], "five of each there, and eight places here");
    assert_eq!(sizes("tos maxclock 4\npool a\npool b\n"), [2, 2]);
    assert_eq!(sizes("pool a\npool b\npool c\npool d\n"), [2, 2, 2, 2]);
}
