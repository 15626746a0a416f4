//! The configuration from outside: samples, messages, ranges, the manual and `check`.

#[path = "config/ptp.rs"]
mod ptp;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use synchronome::config::options::{Default, Kind, OPTIONS, OptionSpec};
use synchronome::config::{
    Config, Fault, Origin, PTP_PORTS_MAX, REFCLOCK_SOURCE, SystemClock, Value, load, load_file, reference_manual,
};
use synchronome::time::{Duration, FrequencyPpb, SourceId};
use synchronome::wire::ptp::TimeSource;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A hook with this option, if it is one of a hook.
fn hook(option: &OptionSpec, value: &str) -> Option<String> {
    let name = option.path.strip_prefix("hook.")?;
    let others = [("events", "events = [\"step\"]\n"), ("exec", "exec = [\"/bin/true\"]\n")];
    let others: String = others.iter().filter(|(other, _)| *other != name).map(|(_, line)| *line).collect();
    Some(format!("[[hook]]\n{others}{name} = {value}\n"))
}

/// The messages of a wrong file.
fn complaints(text: &str) -> String {
    load(text, "t.toml").expect_err("must be refused").to_string()
}

/// A file that sets one option, with what else it needs.
fn setting(option: &OptionSpec, value: &str) -> String {
    match option.path.strip_prefix("ptp.") {
        Some("interface") => format!("[[ptp]]\ninterface = {value}\n"),
        Some(name) => {
            // The two UDP ports must differ, whichever end of the range is tried.
            let other = match name {
                "event_port" => "general_port = 2\n",
                "general_port" => "event_port = 2\n",
                "gptp_capable" => "delay = \"p2p\"\nas_capable = true\n",
                "as_capable" => "delay = \"p2p\"\n",
                "unicast_clients" => "role = \"master\"\n",
                "profile" if ["\"g8275.2\"", "\"g8265.1\""].contains(&value) => "unicast_masters = [\"192.0.2.1\"]\n",
                _ => "",
            };
            format!("[[ptp]]\ninterface = \"lo\"\n{other}{name} = {value}\n")
        }
        None => match option.path.strip_prefix("ntp.source.") {
            Some("address") => format!("[[ntp.source]]\naddress = {value}\n"),
            Some(name) => format!("[[ntp.source]]\naddress = \"ntp.example.net\"\n{name} = {value}\n"),
            None => match option.path.strip_prefix("refclock.") {
                Some("kind") => {
                    let needs = refclock(value.trim_matches('"')).unwrap_or_default();
                    format!("[[refclock]]\nkind = {value}\n{needs}")
                }
                Some(name) => {
                    let (kind, needs) = match name {
                        "path" => ("sock", ""),
                        "address" | "device" => ("gpsd", ""),
                        "edge" | "phc" => ("pps", ""),
                        "pin" | "channel" => ("pps", "phc = \"eth1\"\n"),
                        // Who is named must be there: any text that may be a name is one.
                        "lock" => return locked(value),
                        "clock" => ("phc", ""),
                        _ => ("shm", ""),
                    };
                    format!("[[refclock]]\nkind = \"{kind}\"\n{needs}{name} = {value}\n")
                }
                // It means nothing by itself.
                None if option.path == "ntp.server.local.orphan" => {
                    format!(
                        "[ntp.server.local]\nstratum = 10\norphan = {value}\n[[ntp.source]]\naddress = \"ntp.example.net\"\n"
                    )
                }
                None if option.path == "ntp.server.local.distance" => {
                    format!("[ntp.server.local]\nstratum = 10\ndistance = {value}\n")
                }
                None => hook(option, value).unwrap_or_else(|| format!("{} = {value}\n", option.path)),
            },
        },
    }
}

/// What a kind of reference clock needs beside its kind.
fn refclock(kind: &str) -> Option<&'static str> {
    match kind {
        "sock" => Some("path = \"/run/chrony.ttyS0.sock\"\n"),
        "phc" => Some("clock = \"KVM virtual PTP\"\n"),
        _ => None,
    }
}

/// A pulse that is numbered by somebody of this name.
fn locked(name: &str) -> String {
    let other =
        if name.starts_with('"') { format!("[[refclock]]\nkind = \"gpsd\"\nname = {name}\n") } else { String::new() };
    format!("[[refclock]]\nkind = \"pps\"\nlock = {name}\n{other}")
}

/// The values just outside of a range; the second is missing where no larger number can be written.
fn beyond((min, max): (Value, Value)) -> Vec<Value> {
    let nanosecond = Duration::from_nanos(1);
    match (min, max) {
        (Value::Integer(min), Value::Integer(max)) => {
            [min.checked_sub(1), max.checked_add(1)].into_iter().flatten().map(Value::Integer).collect()
        }
        (Value::Float(min), Value::Float(max)) => vec![Value::Float(min.next_down()), Value::Float(max.next_up())],
        (Value::Duration(min), Value::Duration(max)) => {
            vec![Value::Duration(min - nanosecond), Value::Duration(max + nanosecond)]
        }
        (Value::Frequency(min), Value::Frequency(max)) => {
            [min.ppb().next_down(), max.ppb().next_up()].map(|ppb| Value::Frequency(FrequencyPpb::new(ppb))).into()
        }
        other => panic!("no range: {other:?}"),
    }
}

#[test]
fn both_ends_of_every_range_are_accepted_and_one_beyond_is_refused() {
    let mut tried = 0;
    for option in OPTIONS {
        let Some((min, max)) = option.kind.ends() else { continue };
        tried += 1;
        for end in [&min, &max] {
            let text = setting(option, &end.to_string());
            let loaded = load(&text, "t.toml").unwrap_or_else(|errors| panic!("{text}\n{errors}"));
            let set = loaded.origins.iter().find(|set| set.option.path == option.path).expect("explained");
            assert_eq!(set.value.as_ref(), Some(end), "{}", option.path);
        }
        for outside in beyond((min, max)) {
            let text = setting(option, &outside.to_string());
            let errors = load(&text, "t.toml").expect_err(&text).errors;
            assert_eq!((errors.len(), errors[0].fault), (1, Fault::OutOfRange), "{text}");
            assert_eq!(errors[0].allowed.as_deref(), Some(option.kind.allowed().as_str()));
        }
    }
    assert!(tried > 20, "only {tried} options have a range");
}

#[test]
fn every_word_is_accepted_and_another_one_is_not() {
    for option in OPTIONS {
        let Kind::Word(words) = option.kind else { continue };
        for word in words {
            let text = setting(option, &format!("\"{word}\""));
            load(&text, "t.toml").unwrap_or_else(|errors| panic!("{text}: {errors}"));
        }
        let errors = load(&setting(option, "\"zzzzzzzz\""), "t.toml").expect_err(option.path);
        assert_eq!(errors.errors[0].fault, Fault::UnknownWord);
    }
}

#[test]
fn every_option_refuses_a_date() {
    for option in OPTIONS {
        let errors = load(&setting(option, "2024-01-01"), "t.toml").expect_err(option.path);
        assert_eq!(errors.errors[0].fault, Fault::WrongType, "{errors}");
    }
}

#[test]
fn every_option_of_a_wrong_type_ends_with_one_message() {
    for option in OPTIONS {
        for value in ["1", "1.5", "\"1\"", "true", "[]", "[1]", "{ a = 1 }", "\"\u{b5}\"", "nan", "inf", "0xff"] {
            if let Err(errors) = load(&setting(option, value), "t.toml") {
                assert_eq!(errors.errors.len(), 1, "{} = {value}: {errors}", option.path);
                let path = &errors.errors[0].path;
                let is_of_several = path.starts_with("ptp[0].")
                    || path.starts_with("ntp.source[0].")
                    || path.starts_with("refclock[0].")
                    || path.starts_with("hook[0].");
                assert!(is_of_several || path.starts_with(option.path), "{path}");
            }
        }
    }
}

#[test]
fn the_samples_are_good() {
    let mut seen = 0;
    for entry in std::fs::read_dir(repository("config")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            load_file(&path).unwrap_or_else(|errors| panic!("{errors}"));
            seen += 1;
        }
    }
    assert!(seen >= 3);
    let simulated = load_file(&repository("config/simulated.toml")).unwrap().config;
    let SystemClock::Simulated(clock) = &simulated.clock.system else { panic!("{simulated:?}") };
    assert_eq!((clock.offset, clock.frequency), (Duration::from_secs(2), FrequencyPpb::from_ppm(40.0)));
    assert_eq!((simulated.ptp[0].event_port, simulated.ptp[0].general_port), (10_319, 10_320));
}

#[test]
fn the_commented_sample_changes_nothing() {
    let sample = load_file(&repository("config/synchronome.toml")).unwrap();
    assert_eq!(sample.config, Config::default());
    assert_eq!(load("", "empty").unwrap().config, Config::default());
}

#[test]
fn the_commented_sample_shows_every_option_with_its_default() {
    let text = std::fs::read_to_string(repository("config/synchronome.toml")).unwrap();
    let uncommented =
        |line: &str| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line).to_owned();
    let text: Vec<String> = text.lines().map(uncommented).collect();
    // `clock.system` is a word or a table: one reading of the sample for each.
    let word = text.iter().filter(|line| !line.contains("[clock.system.simulated]"));
    let word: Vec<_> = word
        .filter(|line| {
            !["offset", "frequency", "wander", "seed", "reference_offset"]
                .iter()
                .any(|name| line.starts_with(&format!("{name} =")))
        })
        .cloned()
        .collect();
    let table: Vec<_> = text.iter().filter(|line| !line.starts_with("system =")).cloned().collect();
    let mut shown: Vec<&str> = Vec::new();
    for reading in [word.join("\n"), table.join("\n")] {
        for set in load(&reading, "sample").unwrap_or_else(|errors| panic!("{errors}")).origins {
            // Of several reference clocks one shows what is common to all; a key of its own may be called as one of a clock in software.
            if set.origin == Origin::Default && set.path.starts_with("refclock[") {
                continue;
            }
            assert_ne!(set.origin, Origin::Default, "{} is not in the sample", set.path);
            if let Default::Toml(default) = set.option.default {
                let expected = load(&setting(set.option, default), "default").unwrap();
                let expected = expected.origins.iter().find(|other| other.option.path == set.option.path);
                assert_eq!(set.value, expected.unwrap().value, "{}", set.path);
            }
            shown.push(set.option.path);
        }
    }
    assert!(OPTIONS.iter().all(|option| shown.contains(&option.path)));
}

#[test]
fn the_manual_is_current() {
    let path = repository("src/manual/options.md");
    if std::env::var_os("SYNCHRONOME_WRITE_MANUAL").is_some() {
        std::fs::write(&path, reference_manual()).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(found == reference_manual(), "run: SYNCHRONOME_WRITE_MANUAL=1 cargo test --test config manual");
}

#[test]
fn an_unknown_option_gets_the_nearest_name() {
    assert_eq!(
        complaints("[clock]\n# a comment\nlock_limt = \"1us\"\n"),
        r#"t.toml:3:1: clock.lock_limt: unknown option
    3 | lock_limt = "1us"
      | ^^^^^^^^^
    did you mean `lock_limit`?
"#
    );
    assert_eq!(
        complaints("[[ptp]]\ninterface = \"lo\"\nlock_limit = \"1us\"\nxyz = 1\n[klock]\n"),
        r#"t.toml:3:1: ptp[0].lock_limit: unknown option
    3 | lock_limit = "1us"
      | ^^^^^^^^^^
    `lock_limit` is an option of [clock]
t.toml:4:1: ptp[0].xyz: unknown option
    4 | xyz = 1
      | ^^^
    known here: interface, profile, role, domain, sdo_id, transport, udp6_scope, ethernet_group, hop_limit, dscp_event, dscp_general, socket_priority, delay, pdelay_req_interval, neighbor_delay_max, neighbor_delay_min, as_capable, timestamps, frequency_quantum, delay_asymmetry, ingress_latency, egress_latency, arb_timescale, announce_interval, sync_interval, two_step, delay_req_interval, announce_receipt_timeout, grandmasters, acceptable_masters, comparison, local_priority, unicast_masters, unicast_duration, wait_to_restore, hold_off, delay_variation_max, revertive, path_trace, hybrid, static_role, unicast_clients, unicast_duration_max, unicast_interval_min, interval_requests, interval_request_min, oper_sync_interval, oper_pdelay_req_interval, gptp_capable, gptp_capable_interval, power_tlv, power_grandmaster_id, event_port, general_port, management, minor_version, clock_identity, prefer, trust
t.toml:5:2: klock: unknown section
    5 | [klock]
      |  ^^^^^
    did you mean `clock`?
"#
    );
}

#[test]
fn what_is_planned_is_not_called_unknown() {
    assert_eq!(
        complaints("[[ptp]]\ninterface = \"lo\"\nauthentication = true\n"),
        "t.toml:3:1: ptp[0].authentication: authentication of PTP messages is not available in this version
    3 | authentication = true
      | ^^^^^^^^^^^^^^
"
    );
}

#[test]
fn a_missing_unit_is_offered() {
    assert_eq!(
        complaints("clock.lock_limit = 100\nclock.max_drift = \"1\"\nclock.step.panic = \"3 sec\"\n"),
        r#"t.toml:1:20: clock.lock_limit: a duration needs its unit: ns, us, ms, s, min, h
    1 | clock.lock_limit = 100
      |                    ^^^
    allowed: "1ns" to "1s"
    did you mean `"100us"`?
t.toml:2:19: clock.max_drift: a frequency needs its unit: ppb, ppm
    2 | clock.max_drift = "1"
      |                   ^^^
    allowed: "0ppb" to "1000ppm"
    did you mean `"1ppm"`?
t.toml:3:20: clock.step.panic: `sec` is not a unit here (units: ns us ms s min h); did you mean `s`?
    3 | clock.step.panic = "3 sec"
      |                    ^^^^^^^
    allowed: "never", or "1ms" to "100000h"
"#
    );
}

#[test]
fn several_faults_come_at_once_in_the_order_of_the_file() {
    let text = r#"[servo]
hold = "true"
[[ptp]]
role = "slaev"
domain = 300
[[ptp]]
interface = "lo"
[[ptp]]
interface = "lo"
[ntp.server]
listen = ["0.0.0.0", "[::]:123", "ntp.example.net:123", "[::]:123"]
"#;
    assert_eq!(
        complaints(text),
        r#"t.toml:2:8: servo.hold: expected true or false, found text
    2 | hold = "true"
      |        ^^^^^^
    allowed: true or false
    did you mean `true`?
t.toml:3:1: ptp[0]: `interface` is missing
    3 | [[ptp]]
      | ^^^^^^^
    add `interface = "..."`
t.toml:4:8: ptp[0].role: unknown value "slaev"
    4 | role = "slaev"
      |        ^^^^^^^
    allowed: "slave", "master", "auto"
    did you mean `"slave"`?
t.toml:5:10: ptp[0].domain: 300 is out of range
    5 | domain = 300
      |          ^^^
    allowed: 0 to 255
t.toml:8:1: ptp[2]: the same interface, domain and UDP port as the [[ptp]] in line 6
    8 | [[ptp]]
      | ^^^^^^^
    remove one of them, or give it another domain
t.toml:11:11: ntp.server.listen: "0.0.0.0" has no port
   11 | listen = ["0.0.0.0", "[::]:123", "ntp.example.net:123", "[::]:123"]
      |           ^^^^^^^^^
    allowed: a list of at most 16 IP addresses with a port 1 to 65535, or interfaces with or without one, no two alike
    add it: "0.0.0.0:123"
t.toml:11:34: ntp.server.listen: "ntp.example.net:123": "ntp.example.net" is not an IP address
   11 | listen = ["0.0.0.0", "[::]:123", "ntp.example.net:123", "[::]:123"]
      |                                  ^^^^^^^^^^^^^^^^^^^^^
    allowed: a list of at most 16 IP addresses with a port 1 to 65535, or interfaces with or without one, no two alike
    names of hosts are not looked up here; write the address itself, or the name of an interface
t.toml:11:57: ntp.server.listen: the same as element 2 of this list
   11 | listen = ["0.0.0.0", "[::]:123", "ntp.example.net:123", "[::]:123"]
      |                                                         ^^^^^^^^^^
    allowed: a list of at most 16 IP addresses with a port 1 to 65535, or interfaces with or without one, no two alike
    remove one of them
"#
    );
}

#[test]
fn a_syntax_error_has_its_line_and_does_not_hide_the_others() {
    assert_eq!(
        complaints("[clock]\nlock_limit = 100us\nmax_drift = \"2000ppm\"\n[[ptp]]\ninterface = \n[servo\nhold = 3\n"),
        r#"t.toml:2:14: not TOML: text must stand in quotes
    2 | lock_limit = 100us
      |              ^^^^^
    did you mean `"100us"`?
t.toml:3:13: clock.max_drift: "2000ppm" is out of range
    3 | max_drift = "2000ppm"
      |             ^^^^^^^^^
    allowed: "0ppb" to "1000ppm"
t.toml:5:13: not TOML: a value is missing
    5 | interface = 
      |             ^
t.toml:6:7: not TOML: unclosed table, expected `]`
    6 | [servo
      |       ^
"#
    );
}

#[test]
fn options_that_exclude_each_other_are_named_with_both_places() {
    let lines = |text| {
        let errors = load(text, "t.toml").expect_err(text).errors;
        assert!(errors.iter().all(|error| error.fault == Fault::Conflict), "{errors:?}");
        errors.into_iter().map(|error| format!("{}: {}", error.path, error.message)).collect::<Vec<_>>()
    };
    assert_eq!(
        lines("[[ptp]]\ninterface = 'lo'\nevent_port = 320\n"),
        ["ptp[0].event_port: event messages and general messages cannot share port 320"]
    );
    assert_eq!(
        lines("ntp.server = { listen = ['[::]:123'], cores = [1] }\nthreads.server.core = 1\n"),
        ["threads.server.core: ntp.server.cores in line 1 already says where the workers run"]
    );
    assert_eq!(
        lines("ntp.server.listen = ['[::]:319']\n[[ptp]]\ninterface = 'lo'\n"),
        ["ntp.server.listen: UDP port 319 is used for PTP by the [[ptp]] in line 2"]
    );
    assert_eq!(
        lines("ntp.server.listen = ['lo:320']\n[[ptp]]\ninterface = 'lo'\n"),
        ["ntp.server.listen: UDP port 320 is used for PTP by the [[ptp]] in line 2"]
    );
    assert_eq!(
        lines("ntp.server.local.distance = '1s'\n"),
        ["ntp.server.local.distance: without ntp.server.local.stratum nothing of the clock's own is served"]
    );
    assert_eq!(
        lines(
            "ntp.server = { listen = ['eth0', '192.0.2.1:123'], listen_except = ['eth0', 'eth1', '192.0.2.0/24'] }\n"
        ),
        [
            "ntp.server.listen_except: eth0 leaves out \"eth0:123\" of ntp.server.listen",
            "ntp.server.listen_except: 192.0.2.0/24 leaves out \"192.0.2.1:123\" of ntp.server.listen",
        ]
    );
    assert_eq!(
        lines("ntp.server = { listen = ['192.0.2.1:123'], listen_except = ['eth0'] }\n"),
        ["ntp.server.listen_except: ntp.server.listen has neither an interface nor all addresses to leave them out of"]
    );
    let apart = "[[ptp]]\ninterface = 'lo'\n[[ptp]]\ninterface = 'lo'\n";
    for difference in ["domain = 1", "sdo_id = 1", "event_port = 1319\ngeneral_port = 1320"] {
        let text = format!("{apart}{difference}\n");
        assert!(load(&text, "t.toml").is_ok(), "{text}");
    }
}

#[test]
fn there_are_at_most_eight_ptp_ports() {
    let ports = |count: usize| -> String {
        let sections = (0..count).map(|domain| format!("[[ptp]]\ninterface = 'lo'\ndomain = {domain}\n"));
        sections.collect::<Vec<_>>().concat()
    };
    assert_eq!(load(&ports(PTP_PORTS_MAX), "t.toml").unwrap().config.ptp.len(), PTP_PORTS_MAX);
    let errors = load(&ports(PTP_PORTS_MAX + 2), "t.toml").expect_err("too many").errors;
    assert_eq!((errors.len(), errors[0].fault), (1, Fault::OutOfRange), "said once");
    assert_eq!(errors[0].place.as_ref().map(|place| place.line), Some(3 * PTP_PORTS_MAX + 1));
}

#[test]
fn origins_say_where_a_value_came_from() {
    let loaded = load("[clock]\nlock_limit = '1us'\n", "t.toml").unwrap();
    assert_eq!(loaded.config.clock.lock_limit, Some(Duration::from_micros(1)));
    let origin = |path| loaded.origins.iter().find(|set| set.path == path).unwrap().origin;
    assert_eq!(origin("clock.lock_limit"), Origin::File { line: 2, column: 14 });
    assert_eq!(origin("clock.max_drift"), Origin::Default);
}

#[test]
fn no_prefix_of_a_configuration_panics() {
    for name in ["config/synchronome.toml", "config/simulated.toml"] {
        let text = std::fs::read_to_string(repository(name)).unwrap().replace("\n#", "\n");
        for (end, _) in text.char_indices() {
            if let Err(errors) = load(&text[..end], "t.toml") {
                assert!(!errors.to_string().is_empty());
            }
        }
    }
}

fn check(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_synchronome")).arg("check").args(arguments).output().unwrap()
}

#[test]
fn check_says_by_its_exit_code_whether_the_file_is_good() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &[u8]| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = file("good.toml", b"[[ptp]]\ninterface = 'absent0'\n");
    let output = check(&[&good]);
    assert_eq!(output.status.code(), Some(0), "an absent interface is a warning");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("warning: ptp[0].interface: no interface `absent0` on this machine"), "{text}");

    let bad = file("bad.toml", b"[clock]\nlock_limit = '2s'\n");
    let output = check(&[&bad, "--explain"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("bad.toml:2:14: clock.lock_limit: \"2s\" is out of range"), "{text}");
    assert!(text.ends_with("bad.toml: 1 error\n"), "{text}");

    assert_eq!(check(&["/nonexistent/synchronome.toml"]).status.code(), Some(2));
    let latin = file("latin.toml", b"[clock]\n# caf\xe9\n");
    let text = String::from_utf8(check(&[&latin]).stderr).unwrap();
    assert!(text.contains("not UTF-8 in line 2"), "{text}");
    assert_eq!(check(&[]).status.code(), Some(2), "no file named");
}

#[test]
fn check_explains_each_value() {
    let sample = repository("config/simulated.toml");
    let sample = sample.to_str().unwrap();
    let text = String::from_utf8(check(&[sample, "--explain"]).stdout).unwrap();
    let line = |path: &str| text.lines().find(|line| line.starts_with(&format!("{path} "))).unwrap_or("absent");
    assert!(line("clock.system.simulated.offset").ends_with(&format!("# {sample}:4")), "{text}");
    assert!(line("clock.max_drift").contains("= \"1ppm\"") && line("clock.max_drift").ends_with("# default"));

    let json: serde_json::Value = serde_json::from_slice(&check(&[sample, "--explain", "--json"]).stdout).unwrap();
    assert_eq!(json["ok"], true);
    let options = json["options"].as_array().unwrap();
    let seed = options.iter().find(|option| option["path"] == "clock.system.simulated.seed").unwrap();
    assert_eq!((&seed["value"], &seed["line"]), (&"1".into(), &4.into()));
}

#[test]
fn check_gives_errors_as_json_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bad.toml");
    std::fs::write(&path, "[clock]\nlock_limt = 1\n").unwrap();
    let output = check(&[path.to_str().unwrap(), "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &json["ok"]), (Some(2), &false.into()));
    let error = &json["errors"][0];
    assert_eq!((&error["line"], &error["fault"]), (&2.into(), &"unknown_option".into()));
    assert_eq!(error["suggestion"], "did you mean `lock_limit`?");
}

#[test]
fn a_pulse_comes_by_a_device_or_by_a_cards_input_and_a_card_has_one_reader() {
    let of = |keys: &str| format!("[[refclock]]\nkind = \"pps\"\n{keys}\n");
    for good in
        ["phc = \"eth1\"", "phc = \"eth1\"\npin = \"SDP0\"\nchannel = 1\nedge = \"clear\"", "path = \"/dev/pps1\""]
    {
        load(&of(good), "t.toml").unwrap_or_else(|errors| panic!("{good}\n{errors}"));
    }
    for (wrong, said) in [
        (
            "phc = \"eth1\"\npath = \"/dev/pps0\"",
            "t.toml:4:8: refclock[0].path: a pulse comes by a device or by a card's input",
        ),
        ("pin = \"SDP0\"", "t.toml:3:7: refclock[0].pin: pin is of a card's input, and no card is named"),
        ("channel = 0", "t.toml:3:11: refclock[0].channel: channel is of a card's input, and no card is named"),
        ("phc = \"/dev/ptp0\"", "t.toml:3:7: refclock[0].phc"),
    ] {
        assert!(complaints(&of(wrong)).contains(said), "{}", complaints(&of(wrong)));
    }
    let two = format!("{}{}", of("phc = \"eth1\""), of("phc = \"eth1\"\nchannel = 1"));
    assert!(complaints(&two).contains("the same device as the [[refclock]] in line 1"), "{}", complaints(&two));
}

#[test]
fn receivers_and_pulses_of_stratum_0_are_primary_references_and_other_peoples_hardware_clocks_are_not() {
    let text = "[[refclock]]\nkind = \"gpsd\"\n[[refclock]]\nkind = \"phc\"\nclock = \"eth0\"\n[[refclock]]\nkind = \"pps\"\n\
                [[refclock]]\nkind = \"shm\"\nstratum = 1\n[[refclock]]\nkind = \"vmclock\"\n";
    let config = load(text, "t.toml").expect("a good one").config;
    let first = REFCLOCK_SOURCE.0;
    let expected = [(SourceId(first), TimeSource::GNSS), (SourceId(first + 2), TimeSource::OTHER)];
    assert_eq!(config.primary_references(), expected);
}

#[test]
fn every_configuration_in_the_chapters_is_taken() {
    let mut tried = Vec::new();
    for chapter in ["first_hour", "guests", "ptp", "server"] {
        let text = std::fs::read_to_string(repository("src/manual").join(format!("{chapter}.md"))).expect("a chapter");
        for block in text.split("```toml\n").skip(1) {
            let block = block.split("```").next().expect("it ends");
            load(block, "t.toml").unwrap_or_else(|errors| panic!("{chapter}:\n{block}\n{errors}"));
            tried.push(chapter);
        }
    }
    tried.dedup();
    assert_eq!(tried, ["first_hour", "guests", "ptp", "server"]);
}
