//! Other programs on this machine that steer its clocks.
//!
//! Two servos on one clock fight: each takes what the other has done for the oscillator's, and the clock swings. It is the
//! commonest mistake of all, since distributions start a time daemon by themselves. So they are looked for by name in
//! /proc (proc(5)); a program that has no right to set a clock, or was told not to, is none.
//!
//! The kernel does not say who has set its clock. That somebody did is seen in what is read back; who it was, only here.

use std::fmt;
use std::fs;
use std::path::Path;

use super::host::{CAP_SYS_TIME, effective};

/// What a program of this name steers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Steers {
    /// CLOCK_REALTIME, for which it needs CAP_SYS_TIME.
    System,
    /// PHCs too, for which a device that it may write is enough; those of its own network namespace.
    Cards,
}

/// The programs, by the name that the kernel has of them: 15 bytes at most.
const PROGRAMS: [(&str, Steers); 10] = [
    ("chronyd", Steers::System),
    ("ntpd", Steers::System),
    ("ntp-daemon", Steers::System),
    ("openntpd", Steers::System),
    ("systemd-timesyn", Steers::System),
    ("phc2sys", Steers::System),
    ("ptpd", Steers::System),
    ("ptp4l", Steers::Cards),
    ("ts2phc", Steers::Cards),
    ("sfptpd", Steers::Cards),
];
/// Options that tell a program to leave the clock alone.
const HARMLESS: [(&str, &str); 3] = [("chronyd", "-x"), ("ptp4l", "--free_running=1"), ("phc2sys", "--free_running=1")];

/// A program that steers a clock of this machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rival {
    /// Its name.
    pub program: String,
    /// Its process.
    pub pid: u32,
    /// The unit of systemd that it belongs to, like `chrony.service`.
    pub unit: Option<String>,
}

impl Rival {
    /// Whether it is one that steers cards.
    pub fn steers_cards(&self) -> bool {
        let steers = PROGRAMS.iter().find(|(name, _)| *name == self.program).map(|(_, steers)| *steers);
        steers == Some(Steers::Cards) || self.program == "phc2sys"
    }

    /// The command that stops it.
    pub fn stop_with(&self) -> String {
        match &self.unit {
            Some(unit) => format!("systemctl disable --now {unit}"),
            None => format!("kill {}", self.pid),
        }
    }
}

impl fmt::Display for Rival {
    /// `chronyd (pid 812)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {})", self.program, self.pid)
    }
}

/// The programs that steer clocks of this machine, by process; empty if /proc does not say.
pub fn rivals() -> Vec<Rival> {
    rivals_in(Path::new("/proc"))
}

fn rivals_in(proc: &Path) -> Vec<Rival> {
    let ours = fs::read_link(proc.join("self/ns/net")).ok();
    let mut found = Vec::new();
    for entry in fs::read_dir(proc).into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let read = |file: &str| fs::read_to_string(entry.path().join(file)).unwrap_or_default();
        let comm = read("comm");
        let Some((name, steers)) = PROGRAMS.iter().find(|(name, _)| *name == comm.trim_end()) else { continue };
        // What cannot be read is taken for the worse.
        let theirs = fs::read_link(entry.path().join("ns/net")).ok();
        let is_elsewhere = ours.is_some() && theirs.is_some() && ours != theirs;
        let is_able = match steers {
            Steers::System => may_set_time(&read("status")),
            Steers::Cards => !is_elsewhere,
        };
        let command = read("cmdline");
        let program = if *name == "systemd-timesyn" { "systemd-timesyncd" } else { *name };
        if is_able && !is_harmless(name, &command) {
            found.push(Rival { program: program.to_owned(), pid, unit: unit_of(&read("cgroup")) });
        }
    }
    found.sort_by_key(|rival| rival.pid);
    found
}

/// Whether the effective capabilities (`CapEff` of proc_pid_status(5)) hold CAP_SYS_TIME; true if they are not known.
fn may_set_time(status: &str) -> bool {
    effective(status).is_none_or(|effective| effective & (1 << CAP_SYS_TIME) != 0)
}

/// `command` as in proc_pid_cmdline(5): each argument ended by a zero byte.
fn is_harmless(program: &str, command: &str) -> bool {
    let told =
        |(name, option): &(&str, &str)| *name == program && command.split('\0').any(|argument| argument == *option);
    HARMLESS.iter().any(told)
}

/// The service in the last part of a cgroup's path: `0::/system.slice/chrony.service`.
fn unit_of(cgroup: &str) -> Option<String> {
    let last = |line: &str| line.rsplit('/').next().filter(|unit| unit.ends_with(".service")).map(str::to_owned);
    cgroup.lines().find_map(last)
}

/// Each of them as something that is lacking, like a capability.
pub fn as_lacks(rivals: &[Rival]) -> Vec<String> {
    rivals
        .iter()
        .map(|rival| {
            format!(
                "sole command of the clocks: {rival} runs too, and two programs that steer one clock fight; stop it with `{}`",
                rival.stop_with()
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABLE: &str = "CapEff:\t000001ffffffffff\n";

    /// A /proc with one process.
    fn process(comm: &str, files: &[(&str, &str)]) -> tempfile::TempDir {
        let proc = tempfile::tempdir().unwrap();
        let directory = proc.path().join("812");
        fs::create_dir(&directory).unwrap();
        fs::create_dir(proc.path().join("irq")).unwrap();
        fs::write(directory.join("comm"), format!("{comm}\n")).unwrap();
        for (file, text) in files {
            fs::write(directory.join(file), text).unwrap();
        }
        proc
    }

    fn found(comm: &str, files: &[(&str, &str)]) -> Vec<String> {
        let proc = process(comm, files);
        rivals_in(proc.path()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_daemon_that_may_set_the_clock_is_a_rival_and_named_with_its_unit() {
        let cgroup = "12:pids:/\n0::/system.slice/chrony.service\n";
        let proc = process("chronyd", &[("status", ABLE), ("cgroup", cgroup)]);
        let rivals = rivals_in(proc.path());
        assert_eq!(rivals[0].stop_with(), "systemctl disable --now chrony.service");
        let lacks = as_lacks(&rivals);
        assert!(lacks.len() == 1 && lacks[0].contains("chronyd (pid 812)") && lacks[0].contains("chrony.service"));
        let scope = "0::/user.slice/user-0.slice/session-3.scope\n";
        let proc = process("ntpd", &[("status", ABLE), ("cgroup", scope)]);
        assert_eq!(rivals_in(proc.path())[0].stop_with(), "kill 812");
    }

    #[test]
    fn the_kernel_shortens_the_name_and_people_get_the_whole_one() {
        assert_eq!(found("systemd-timesyn", &[("status", ABLE)]), ["systemd-timesyncd (pid 812)"]);
    }

    #[test]
    fn who_may_not_or_was_told_not_to_is_none() {
        let unable = ("status", "CapEff:\t0000000000000000\n");
        assert_eq!(found("chronyd", &[unable]), [""; 0]);
        assert_eq!(found("chronyd", &[("status", ABLE), ("cmdline", "chronyd\0-x\0-f\0c.conf\0")]), [""; 0]);
        assert_eq!(found("ptp4l", &[("cmdline", "ptp4l\0-i\0eth0\0--free_running=1\0")]), [""; 0]);
        assert_eq!(found("cron", &[("status", ABLE)]), [""; 0]);
        assert_eq!(found("chronyd", &[]), ["chronyd (pid 812)"], "what is not known is taken for the worse");
    }

    #[test]
    fn whoever_steers_cards_needs_no_capability_but_the_same_network() {
        let unable = ("status", "CapEff:\t0000000000000000\n");
        let proc = process("ptp4l", &[unable]);
        for (pid, net) in [("self", "net:[1]"), ("812", "net:[1]")] {
            fs::create_dir_all(proc.path().join(pid).join("ns")).unwrap();
            std::os::unix::fs::symlink(net, proc.path().join(pid).join("ns/net")).unwrap();
        }
        assert_eq!(rivals_in(proc.path()).len(), 1);
        fs::remove_file(proc.path().join("812/ns/net")).unwrap();
        std::os::unix::fs::symlink("net:[2]", proc.path().join("812/ns/net")).unwrap();
        assert_eq!(rivals_in(proc.path()), []);
    }
}
