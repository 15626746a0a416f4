//! `chrony.conf`, directive by directive: values keep their unit and their sign.

use super::*;
use crate::config::RefclockDevice;
use crate::discipline::policy::StepRule;
use crate::time::{FrequencyPpb, LogInterval};

fn config(text: &str) -> Config {
    config_of("chrony.conf", text)
}

/// Who is answered, by addresses.
fn access(text: &str, from: &str) -> Access {
    config(text).ntp_server.expect("a server").access.of(from.parse().unwrap())
}

#[test]
fn a_server_keeps_its_options() {
    let config = config(
        "SERVER a.example.net minpoll -2 maxpoll 3 iburst prefer trust require xleave port 1123\nserver 2001:db8::1 port 9\n",
    );
    let source = &config.ntp_sources[0];
    assert_eq!((source.host.as_str(), source.port), ("a.example.net", 1123));
    assert_eq!((source.poll, source.poll_longest), (LogInterval::new(-2), LogInterval::new(3)));
    assert!(source.options.prefer && source.options.trust && source.options.require && source.interleaved);
    assert_eq!((config.ntp_sources[1].host.as_str(), config.ntp_sources[1].port), ("2001:db8::1", 9));
    assert_eq!(config.clock.system, crate::config::SystemClock::Discipline, "chronyd steers the clock");
    assert!(config.ntp_server.is_none(), "without allow chronyd serves nobody");
}

/// chronyd adds its offset to what the server is ahead by; ours is what the server is known to be ahead by.
#[test]
fn an_offset_changes_its_sign_and_keeps_its_digits() {
    let config = config("server a offset -0.00005\nserver b offset 1.34e-7\n");
    assert_eq!(config.ntp_sources[0].time_offset, Duration::from_micros(50));
    assert_eq!(config.ntp_sources[1].time_offset, Duration::from_nanos(-134));
}

#[test]
fn a_pool_has_four_members_unless_it_says_how_many() {
    let sizes: Vec<_> = config("pool a\npool b maxsources 2\n").ntp_sources.iter().map(|source| source.pool).collect();
    assert_eq!(sizes, [4, 2]);
}

#[test]
fn steps_are_of_the_first_correction_or_of_all() {
    let step = |text| config(text).clock.step;
    let above = StepRule::Above(Duration::from_millis(100));
    assert_eq!((step("makestep 0.1 1").first, step("makestep 0.1 1").later), (above, StepRule::Never));
    assert_eq!((step("makestep 0.1 -1").first, step("makestep 0.1 -1").later), (above, above));
    tells("chrony.conf", "makestep 0.1 3", "the first 3 corrections may be steps there");
    tells("chrony.conf", "server a", "without makestep, initstepslew");
    tells("chrony.conf", "makestep x 3", "wrong: chrony.conf:1: makestep: \"x\" is not a number");
    assert_eq!(step("makestep 1 0").first, StepRule::Never);
    assert_eq!(step("maxchange 100 1 2").panic, Some(Duration::from_secs(100)));
}

#[test]
fn who_may_ask_is_who_might_there() {
    assert_eq!(access("allow", "192.0.2.1"), Access::Allow);
    assert_eq!(access("allow 10.0.0.0/8", "192.0.2.1"), Access::Ignore, "chronyd answers nobody else");
    let nested = "allow 1.2.3.4\ndeny 1.2.3\nallow 1.2.0.0/16\n";
    assert_eq!(access(nested, "1.2.3.4"), Access::Allow);
    assert_eq!(access(nested, "1.2.3.5"), Access::Ignore);
    assert_eq!(access(nested, "1.2.4.5"), Access::Allow);
    let wiped = "allow 1.2.3.4\ndeny 1.2.3.0/24\nallow all 1.2.0.0/16\n";
    assert_eq!(access(wiped, "1.2.3.5"), Access::Allow);
    let all_but = "allow\ndeny 10.0.0.0/8\nallow 10.1.0.0/16\n";
    assert_eq!(access(all_but, "192.0.2.1"), Access::Allow);
    assert_eq!(access(all_but, "2001:db8::1"), Access::Allow);
    assert_eq!(access(all_but, "10.2.0.1"), Access::Ignore);
    assert_eq!(access(all_but, "10.1.0.1"), Access::Allow);
    assert_eq!(access("allow 0/0", "2001:db8::1"), Access::Ignore);
    tells("chrony.conf", "allow host.example.net", "names of hosts are not looked up here");
    assert!(config("allow\nport 0\n").ntp_server.is_none());
    assert!(config("allow\ndeny all\n").ntp_server.is_none(), "nobody is left");
}

#[test]
fn a_rate_is_once_in_a_power_of_two_of_seconds() {
    let limit = |text| config(text).ntp_server.unwrap().limit.unwrap();
    assert_eq!(limit("allow\nratelimit"), crate::ntp::server::RateLimit { interval: Duration::from_secs(8), burst: 8 });
    assert_eq!(limit("allow\nratelimit interval -2 burst 16").interval, Duration::from_millis(250));
    assert_eq!(limit("allow\nratelimit interval -2 burst 16").burst, 16);
}

#[test]
fn a_pulse_locks_to_whom_it_locked() {
    let config = config("refclock SHM 0 offset 0.1\nrefclock PPS /dev/pps1:clear lock SHM0 refid PPS\n");
    assert_eq!(config.refclocks[0].name, "SHM0", "the refid that chronyd makes");
    assert_eq!(config.refclocks[0].offset, Duration::from_millis(100));
    assert_eq!(config.refclocks[1].lock.as_deref(), Some("SHM0"));
}

/// A clock in TAI is told by its offset there, and by its scale here; what is not a whole second stays.
#[test]
fn the_offset_of_a_clock_in_tai_becomes_its_scale() {
    let config = config("refclock PHC eth0 offset -37\nrefclock PHC eth2 offset -36.999\nrefclock PHC /dev/ptp1 tai\n");
    let read: Vec<_> = config.refclocks.iter().map(|clock| (clock.is_tai, clock.offset)).collect();
    assert_eq!(read, [(true, Duration::ZERO), (true, Duration::from_millis(1)), (true, Duration::ZERO)]);
    let RefclockDevice::Phc { .. } = &config.refclocks[2].device else { panic!("{config:?}") };
    tells("chrony.conf", "refclock PHC /dev/ptp7", "is a number that changes from boot to boot");
}

#[test]
fn files_that_a_file_names_are_read_where_they_are_named() {
    let files = [
        ("/etc/chrony/conf.d/b.conf", "maxclockerror 2\n"),
        ("/etc/chrony/conf.d/a.conf", "maxclockerror 3\ninclude /etc/x/*.conf\n"),
        ("/etc/chrony/conf.d/c.old", "maxclockerror 4\n"),
        ("/etc/x/one.conf", "server one.example.net\n"),
        ("/run/dhcp/lan.sources", "server two.example.net\n"),
        ("/etc/sources.d/lan.sources", "server three.example.net\n"),
    ];
    let text = "confdir /etc/chrony/conf.d\nsourcedir /run/dhcp /etc/sources.d\ninclude /nowhere\nconfdir /not/there\n";
    let imported = import_with("chrony.conf", text, &files);
    let config = load(&imported.toml, "t").unwrap().config;
    assert_eq!(config.clock.max_drift, FrequencyPpb::from_ppm(2.0), "the last one counts");
    let hosts: Vec<_> = config.ntp_sources.iter().map(|source| source.host.as_str()).collect();
    assert_eq!(hosts, ["one.example.net", "two.example.net"], "of two files of one name the first directory's counts");
    let wrong: Vec<_> = imported.notes.iter().filter(|note| note.kind == Kind::Wrong).collect();
    assert_eq!(wrong.len(), 1, "a file that is named must be there: {wrong:?}");
    assert!(imported.toml.contains("# /etc/x/one.conf:1: server one.example.net"), "{}", imported.toml);
}

#[test]
fn a_file_that_includes_itself_ends() {
    let files = [("/c.conf", "include /c.conf\nserver a\n")];
    let imported = import_with("chrony.conf", "include /c.conf\n", &files);
    assert!(imported.notes.iter().any(|note| note.text.contains("files include files")), "{:?}", imported.notes);
}

#[test]
fn what_is_unknown_is_named_with_its_line() {
    tells("chrony.conf", "\n\nstratumweigth 1\n", "unknown: chrony.conf:3: stratumweigth");
    tells("chrony.conf", "server a minpol 4", "unknown: chrony.conf:1: server minpol");
    tells("chrony.conf", "server a key 5 nts", "no equivalent: chrony.conf:1: server key: keys are not there yet");
    tells("chrony.conf", "server a minpoll", "server minpoll: its value is missing");
}
