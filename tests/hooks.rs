//! Hooks of a real daemon: programs that are run when something happens, with their limits.

#[path = "realtime/child.rs"]
mod child;

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use child::{Running, events, eventually, free_ports, status};
use serde_json::Value;
use synchronome::observe::client::order;
use tempfile::TempDir;

/// A daemon with a simulated clock and some hooks.
struct Setup {
    directory: TempDir,
    hooks: String,
}

impl Setup {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory"), hooks: String::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A hook that is a script of the shell; `@/` in it is the directory.
    fn script(&mut self, events: &str, script: &str, more: &str) -> PathBuf {
        let file = self.path(&format!("hook{}.sh", self.hooks.matches("[[hook]]").count()));
        let script = script.replace("@/", &format!("{}/", self.directory.path().display()));
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).expect("written");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("executable");
        self.hook(events, &file, more);
        file
    }

    fn hook(&mut self, events: &str, program: &Path, more: &str) {
        let _ = writeln!(
            self.hooks,
            "[[hook]]\nevents = [{events}]\nexec = ['{}', 'an argument', '$HOME; exit 7']\n{more}",
            program.display()
        );
    }

    fn start(&self) -> Running {
        let [event, general] = free_ports();
        let folder = self.directory.path().display();
        let text = format!(
            "clock.system = {{ simulated = {{ offset = '1s' }} }}\nthreads.lock_memory = false\n\
             [observe]\nhttp = 'off'\nruntime_directory = '{folder}/run'\nstate_directory = '{folder}/state'\n{}\
             [[ptp]]\ninterface = 'lo'\nevent_port = {event}\ngeneral_port = {general}\n",
            self.hooks
        );
        let file = self.path("synchronome.toml");
        std::fs::write(&file, text).expect("written");
        let running = Running::daemon(&file);
        status(&self.socket());
        running
    }

    fn socket(&self) -> PathBuf {
        self.path("run/status.sock")
    }

    /// As if another program had set the clock: an event of kind `clock_set`.
    fn set_clock(&self) {
        order(&self.path("run/control.sock"), "set_simulated 60000").expect("the clock is a simulated one");
    }

    /// The hook of this place, once this is so.
    fn until(&self, hook: usize, is_so: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let found = eventually(|| {
            last = status(&self.socket())["hooks"][hook].clone();
            is_so(&last)
        });
        assert!(found, "{last:#}\n{:#?}", events(&status(&self.socket())));
        last
    }
}

fn count(hook: &Value, name: &str) -> u64 {
    hook[name].as_u64().unwrap_or_else(|| panic!("no {name} in {hook}"))
}

#[test]
fn a_hook_is_told_what_has_happened_and_has_no_right_and_nothing_of_ours() {
    let mut setup = Setup::new();
    let script = "env > @/env; cat > @/event; printf '%s\\n' \"$@\" > @/args; cat /proc/self/status > @/status\n\
                  ls -l /proc/$$/fd > @/fds; pwd > @/pwd; mv @/pwd @/done";
    setup.script("'clock_set'", script, "");
    let running = setup.start();
    setup.set_clock();
    setup.until(0, |hook| count(hook, "succeeded") == 1);
    let read = |name: &str| std::fs::read_to_string(setup.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(
        (read("done").as_str(), read("args").as_str()),
        ("/\n", "an argument\n$HOME; exit 7\n"),
        "no shell reads them"
    );
    let told: Value = serde_json::from_str(&read("event")).expect("JSON");
    assert_eq!(
        (&told["kind"], &told["subject"], &told["level"]),
        (&"clock_set".into(), &"simulated".into(), &"warn".into())
    );
    let environment = read("env");
    for (name, value) in [("KIND", "clock_set"), ("SUBJECT", "simulated"), ("LEFT_OUT", "0"), ("TOPIC", "clock")] {
        assert!(environment.lines().any(|line| line == format!("SYNCHRONOME_EVENT_{name}={value}")), "{environment}");
    }
    for name in ["NUMBER", "AT", "LEVEL", "OLD", "NEW", "REASON", "TEXT"] {
        let start = format!("SYNCHRONOME_EVENT_{name}=");
        assert!(environment.lines().any(|line| line.starts_with(&start)), "{name}: {environment}");
    }
    let foreign = environment.lines().filter(|line| !line.starts_with("SYNCHRONOME_EVENT_"));
    let foreign: Vec<_> = foreign.map(|line| line.split('=').next().unwrap_or_default()).collect();
    // The shell sets PWD and _ itself.
    assert!(foreign.iter().all(|name| ["PATH", "PWD", "_", "OLDPWD", "SHLVL"].contains(name)), "{foreign:?}");
    let state = read("status");
    let line = |name: &str| state.lines().find_map(|line| line.strip_prefix(name)).map(str::trim).unwrap_or_default();
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        // Only who is root may empty the bounding set; without new privileges it gives nothing.
        if set != "CapBnd:" || nix::unistd::geteuid().is_root() {
            assert_eq!(line(set), "0000000000000000", "{set}\n{state}");
        }
    }
    assert_eq!(line("NoNewPrivs:"), "1");
    // 32 and 33 are the C library's own.
    let mask = |name: &str| u64::from_str_radix(line(name), 16).expect("hexadecimal") & !(0b11 << 31);
    assert_eq!([mask("SigBlk:"), mask("SigIgn:")], [0; 2], "{state}");
    let descriptors = read("fds");
    assert!(!descriptors.contains("socket:"), "{descriptors}");
    running.end();
}

#[test]
fn a_hook_that_hangs_is_killed_with_what_it_has_started_and_that_is_told() {
    let mut setup = Setup::new();
    setup.script("'clock_set'", "sleep 1000 & echo $! > @/pid; echo it waits >&2; wait", "timeout = '300ms'\n");
    let running = setup.start();
    setup.set_clock();
    let hook = setup.until(0, |hook| count(hook, "killed") == 1);
    assert_eq!((count(&hook, "running"), count(&hook, "succeeded")), (0, 0));
    assert!(eventually(|| events(&status(&setup.socket()))
        .iter()
        .any(|text| text.contains("it was killed: it took longer than 300ms: it waits"))));
    let pid = std::fs::read_to_string(setup.path("pid")).expect("it was begun");
    let state = || std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    assert!(eventually(|| state().is_empty() || state().contains(") Z ")), "{}", state());
    running.end();
}

#[test]
fn a_flood_of_events_runs_no_more_than_is_allowed_and_the_rest_is_counted_and_told() {
    let mut setup = Setup::new();
    setup.script("'clock_set', 'state'", "echo $SYNCHRONOME_EVENT_LEFT_OUT >> @/left; sleep 0.4", "running = 1\n");
    setup.script("'clock_set'", "echo x >> @/runs", "rate = 3\nrunning = 16\n");
    let running = setup.start();
    for n in 0..8 {
        setup.set_clock();
        let seen = eventually(|| status(&setup.socket())["event_counts"]["clock_set"].as_u64() == Some(n + 1));
        assert!(seen, "{:#?}", events(&status(&setup.socket())));
    }
    let rated = setup.until(1, |hook| count(hook, "succeeded") == 3);
    assert_eq!((count(&rated, "left_out"), count(&rated, "running")), (5, 0));
    assert_eq!(std::fs::read_to_string(setup.path("runs")).expect("written").lines().count(), 3);
    let hook = setup.until(0, |hook| count(hook, "running") == 0 && count(hook, "left_out") > 0);
    let told = || events(&status(&setup.socket())).iter().filter(|text| text.contains("it was not run for")).count();
    assert!(eventually(|| told() == 2), "{hook:#}");
    // The next run hears how many there were before it.
    setup.set_clock();
    let left = || std::fs::read_to_string(setup.path("left")).unwrap_or_default();
    assert!(eventually(|| left().lines().any(|line| line.parse::<u64>().is_ok_and(|n| n > 0))), "{}", left());
    running.end();
}

#[test]
fn a_hook_that_does_not_exist_or_fails_is_told_with_what_it_printed() {
    let mut setup = Setup::new();
    setup.hook("'clock_set'", Path::new("/no/such/program"), "");
    setup.script("'clock_set'", "echo no mail server >&2; exit 3", "");
    let running = setup.start();
    setup.set_clock();
    setup.until(0, |hook| count(hook, "failed") == 1);
    setup.until(1, |hook| count(hook, "failed") == 1);
    let texts = events(&status(&setup.socket()));
    for expected in
        ["hook /no/such/program: it cannot be run: No such file", "it ended with exit code 3: no mail server"]
    {
        assert!(texts.iter().any(|text| text.contains(expected)), "{expected} in {texts:#?}");
    }
    running.end();
}

#[test]
fn the_spawner_ends_with_the_daemon_and_a_daemon_without_hooks_has_none() {
    let spawners = |running: &Running| -> Vec<String> {
        let pid = running.pid();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let line = |child: &str| std::fs::read_to_string(format!("/proc/{child}/cmdline")).unwrap_or_default();
        let spawners = children.split_whitespace().filter(|child| line(child).contains("hook-spawner"));
        spawners.map(str::to_owned).collect()
    };
    let setup = Setup::new();
    let running = setup.start();
    assert!(spawners(&running).is_empty());
    running.end();

    let mut setup = Setup::new();
    setup.script("'clock_set'", "sleep 1000", "");
    let running = setup.start();
    let [spawner] = &spawners(&running)[..] else { panic!("one, beside whom else the daemon has started") };
    setup.set_clock();
    setup.until(0, |hook| count(hook, "running") == 1);
    let start = Instant::now();
    running.end();
    // A run may take 10 s until it is killed.
    assert!(start.elapsed() < Duration::from_secs(5), "a run does not hold it up");
    assert!(eventually(|| !Path::new(&format!("/proc/{spawner}")).exists()), "it goes with the daemon");
}
