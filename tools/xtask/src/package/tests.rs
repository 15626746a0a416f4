//! What is packaged agrees with the program and with the manual.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use clap::Command as Clap;
use serde_json::Value;
use synchronome::cli;
use synchronome::config::{Config, load, options::DAEMON};
use synchronome::runtime::privileges::rights::{Freedom, wanted as wanted_rights};

use super::{NAME, PROGRAMS, man, read, write};

type Names = BTreeSet<String>;

fn file(path: &str) -> String {
    read(&crate::root().join(path)).unwrap()
}

/// The values of a setting of a unit, those of all its lines.
fn setting(unit: &str, name: &str) -> Names {
    let lines = unit.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    lines.flat_map(str::split_whitespace).map(str::to_owned).collect()
}

/// The capabilities that have a `yes` in the manual's table, in this column.
fn in_manual(column: &str) -> Names {
    let manual = file("src/manual/service.md");
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let head = manual.lines().find(|line| line.starts_with("| capability |")).expect("a table of capabilities");
    let at = cells(head).iter().position(|cell| cell == column).expect("a column");
    let rows = manual.lines().filter(|line| line.starts_with("| `CAP_")).map(cells);
    rows.filter(|cells| cells[at] == "yes").map(|cells| cells[1].trim_matches('`').to_owned()).collect()
}

/// What the program itself says that it lacks when it has nothing.
fn wanted() -> Names {
    let freedom = Freedom { first_port: 1024, stamps: true, may_lock: false, priority: 0 };
    wanted_rights(None, freedom).into_iter().map(|lack| lack.capability.to_string()).collect()
}

fn long(names: &[&str]) -> Names {
    names.iter().map(|name| format!("CAP_{name}")).collect()
}

fn manifest() -> Vec<Value> {
    let text = file("packaging/kubernetes/synchronome.yaml");
    text.split("\n---\n").map(|part| serde_yaml_ng::from_str(part).expect("YAML")).collect()
}

fn of_kind(kind: &str) -> Value {
    manifest().into_iter().find(|object| object["kind"] == kind).expect("an object of this kind")
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|item| item.as_str().expect("a text")).collect()
}

#[test]
fn unit_containers_manual_and_program_name_the_same_capabilities() {
    let unit = file("packaging/systemd/synchronome.service");
    assert_eq!(setting(&unit, "AmbientCapabilities"), in_manual("unit"));
    assert_eq!(setting(&unit, "CapabilityBoundingSet"), in_manual("unit"));
    assert!(unit.contains("LimitMEMLOCK=infinity"), "in place of CAP_IPC_LOCK");
    assert!(wanted().is_subset(&in_manual("unit")), "{:?}", wanted());
    let container = of_kind("DaemonSet")["spec"]["template"]["spec"]["containers"][0].clone();
    let security = &container["securityContext"];
    assert_eq!(long(&texts(&security["capabilities"]["add"])), in_manual("container"));
    assert_eq!(texts(&security["capabilities"]["drop"]), ["ALL"]);
    assert_eq!((&security["privileged"], &security["readOnlyRootFilesystem"]), (&false.into(), &true.into()));
    for recipe in ["packaging/container/Containerfile", "src/manual/service.md"] {
        let text = file(recipe);
        let after = text.split_whitespace().zip(text.split_whitespace().skip(1));
        let added: Vec<_> = after.filter(|(word, _)| *word == "--cap-add").map(|(_, name)| name).collect();
        assert_eq!(long(&added), in_manual("container"), "{recipe}");
    }
}

#[test]
fn the_daemon_set_has_the_nodes_network_and_processes_and_a_good_configuration() {
    let daemon_set = of_kind("DaemonSet");
    let pod = &daemon_set["spec"]["template"]["spec"];
    assert_eq!((&pod["hostNetwork"], &pod["hostPID"]), (&true.into(), &true.into()));
    let map = of_kind("ConfigMap");
    let text = map["data"]["synchronome.toml"].as_str().expect("a configuration");
    let config = load(text, "the manifest").expect("a good configuration").config;
    let port = &pod["containers"][0]["readinessProbe"]["httpGet"]["port"];
    assert_eq!(port.as_u64(), config.observe.http.map(|http| http.port().into()), "the probe asks where it is served");
    let mounted: Names = pod["containers"][0]["volumeMounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mount| mount["mountPath"].as_str().unwrap().to_owned())
        .collect();
    let observe = Config::default().observe;
    for directory in [observe.runtime_directory, observe.state_directory] {
        let directory = directory.to_str().unwrap();
        assert!(mounted.contains(directory), "{directory} of a read-only root");
        // On a node with the package it belongs to that one's user, and root without CAP_DAC_OVERRIDE may not write there.
        let volumes = pod["volumes"].as_array().unwrap();
        assert!(volumes.iter().all(|volume| volume["hostPath"]["path"] != directory), "{directory} is the package's");
    }
    let arguments = texts(&pod["containers"][0]["args"]);
    cli::command()
        .try_get_matches_from(["synchronome"].iter().chain(&arguments))
        .expect("the program takes its arguments");
}

#[test]
fn the_units_start_what_there_is_with_the_directories_of_the_default_configuration() {
    let observe = Config::default().observe;
    let unit = file("packaging/systemd/synchronome.service");
    let directory = |name: &str| setting(&unit, name).into_iter().next().expect("a directory");
    assert_eq!(observe.runtime_directory, Path::new("/run").join(directory("RuntimeDirectory")));
    assert_eq!(observe.state_directory, Path::new("/var/lib").join(directory("StateDirectory")));
    let conf = file("packaging/tmpfiles.d/synchronome.conf");
    for directory in [observe.runtime_directory, observe.state_directory] {
        assert!(conf.contains(&format!("d {} ", directory.display())), "{conf}");
    }
    assert!(unit.contains(&format!("--config {}\n", cli::run::DEFAULT_CONFIG)));
    for unit in ["synchronome", "synchronome-wait-sync"] {
        let text = file(&format!("packaging/systemd/{unit}.service"));
        let start =
            text.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/")).expect("it starts something");
        cli::command().try_get_matches_from(start.split(' ')).unwrap_or_else(|error| panic!("{unit}: {error}"));
    }
}

fn long_options(command: &Clap) -> Vec<String> {
    command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set())
        .filter_map(|argument| argument.get_long())
        .map(|name| name.replace('-', "\\-"))
        .collect()
}

#[test]
fn every_command_and_option_is_in_the_manual_pages() {
    let pages = man::commands();
    let page =
        |name: &str| pages.iter().find(|(of, _)| of == name).map_or_else(|| panic!("no {name}(1)"), |(_, text)| text);
    let [root, top] = man::programs();
    let named = root.get_subcommands().map(|command| (format!("{NAME}-{}", command.get_name()), command));
    for (name, command) in named.chain([(PROGRAMS[1].to_owned(), &top)]) {
        let text = page(&name);
        for option in long_options(command) {
            assert!(text.contains(&format!("\\-\\-{option}")), "{}: no --{option}: {text}", command.get_name());
        }
        assert!(text.contains("\n.SH EXAMPLES\n.nf\n") && text.contains("\n.SH \"EXIT CODES\"\n.nf\n"), "{text}");
    }
    assert!(pages.iter().any(|(name, _)| name == "synchronome-phc-list"), "commands of commands too");
    let text = man::configuration();
    for option in DAEMON.options {
        assert!(text.contains(&format!("\\fB{}\\fR", option.name())), "{}", option.path);
    }
    for section in DAEMON.sections {
        assert!(text.contains(section.path), "{}", section.path);
    }
}

/// A folder with programs of our own, which write down how they are called.
struct Stage(tempfile::TempDir);

impl Stage {
    fn new(way_out: &str) -> Self {
        let stage = Self(tempfile::tempdir().expect("a folder"));
        let route = if way_out.is_empty() {
            String::new()
        } else {
            format!("echo 'default via 192.0.2.1 dev {way_out} proto dhcp'")
        };
        stage.program("ip", &route);
        stage.program("nmcli", "case \"$5\" in phone0) echo 'yes (guessed)' ;; *) echo no ;; esac");
        stage.program("synchronome", &format!("echo \"$1\" >>'{}/called'", stage.0.path().display()));
        write(&stage.0.path().join("defaults"), "METERED='wwan0 ppp0'\n").unwrap();
        stage
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.0.path().join(name);
        write(&path, &format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs the hook for each of these events; returns what it has told the daemon.
    fn told(&self, events: &[&[&str]]) -> Vec<String> {
        let path = self.0.path();
        for event in events {
            let mut hook = Command::new(crate::root().join("packaging/hooks/metered"));
            hook.args(*event).env("PATH", format!("{}:/usr/bin:/bin", path.display()));
            hook.env("SYNCHRONOME_MARK", path.join("mark")).env("SYNCHRONOME_DEFAULTS", path.join("defaults"));
            assert!(hook.status().expect("the hook").success());
        }
        fs::read_to_string(path.join("called")).unwrap_or_default().lines().map(str::to_owned).collect()
    }
}

#[test]
fn the_hook_takes_servers_offline_on_a_metered_line_and_asks_them_again_only_if_it_did() {
    let stage = Stage::new("eth0");
    assert_eq!(
        stage.told(&[&["eth0", "up"], &["eth0", "down"], &[]]),
        [""; 0],
        "what the operator took offline stays so"
    );
    for metered in ["wwan0", "phone0"] {
        let stage = Stage::new(metered);
        assert_eq!(stage.told(&[&[metered, "hostname"]]), [""; 0], "no event of the network's");
        assert_eq!(stage.told(&[&[metered, "up"]]), ["offline"]);
        stage.program("ip", "");
        assert_eq!(stage.told(&[&[metered, "down"]]), ["offline"], "there is no network: the daemon sees that itself");
        stage.program("ip", "echo 'default via 192.0.2.1 dev eth0 proto dhcp'");
        assert_eq!(stage.told(&[&["eth0", "up"], &["eth0", "up"]]), ["offline", "online"]);
    }
    let by_networkd = Stage::new("ppp0");
    assert_eq!(by_networkd.told(&[&[]]), ["offline"], "networkd-dispatcher gives no arguments");
}
