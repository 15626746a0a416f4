//! What is the matter with the machine, whatever the daemon does on it.
//!
//! All is read below a root directory, which is `/` unless a test has made one. Nothing is changed, and no process is touched.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use caps::Capability;

use super::checks::{
    CAPABILITIES, CLOCKSOURCE, Finding, HYPERV_TIMESYNC, LEAP_TABLE, PHC_DEVICE, PORT_TAKEN, QEMU_GUEST_AGENT, RIVAL,
    VMWARE_ONE_OFF, VMWARE_PERIODIC,
};
use crate::config::Config;
use crate::runtime::host::{effective, first_free_port_in, host_utc, leap_list};
use crate::runtime::privileges::rights::{Freedom, Lack, Rights, wanted};
use crate::runtime::rivals::{HV_UTILS, QEMU_GA, Rival, VMTOOLSD, rivals_below};
use crate::time::{Duration, TaiUtc, Timestamp, Utc};

/// A list of leap seconds that is good for less than this should be renewed.
const LEAP_TABLE_SOON: Duration = Duration::from_secs(28 * 86_400);
/// Counters that are read by way of a bus, or that only count ticks; every other one is the processor's or the hypervisor's.
const SLOW_CLOCKSOURCES: [&str; 5] = ["hpet", "acpi_pm", "pit", "jiffies", "refined-jiffies"];

/// The machine, and what is wanted of it.
pub struct Machine<'a> {
    /// Below this directory is what is looked at.
    pub root: &'a Path,
    /// The daemon's process, if one runs.
    pub daemon: Option<u32>,
    /// What it is, or will be, run with.
    pub config: Option<&'a Config>,
    /// Whether it has given up the rights that it does not need: what it lacks of the others it says itself.
    pub has_given_up: bool,
    /// Whether the system clock is to be steered; `None`: nobody has said it.
    pub is_steered: Option<bool>,
    /// UDP ports that are to be opened here; `None`: nobody has said it.
    pub ports: Option<Vec<u16>>,
    /// The list of leap seconds.
    pub leap_file: &'a Path,
    /// TAI - UTC of the kernel.
    pub kernel_tai_utc: Option<TaiUtc>,
    /// Now.
    pub now: Timestamp<Utc>,
}

impl Machine<'_> {
    /// All that is looked at.
    pub fn findings(&self) -> Vec<Finding> {
        let mut found = vec![self.clocksource()];
        found.extend(self.rivals());
        found.extend(self.capabilities());
        found.extend(self.phc_devices());
        found.extend(self.leap_table());
        found.extend(self.ports_taken());
        found
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap_or_default().trim().to_owned()
    }

    fn clocksource(&self) -> Finding {
        let folder = "sys/devices/system/clocksource/clocksource0";
        let current = self.text(&format!("{folder}/current_clocksource"));
        let available = self.text(&format!("{folder}/available_clocksource"));
        if !SLOW_CLOCKSOURCES.contains(&current.as_str()) {
            return CLOCKSOURCE.ok(if current.is_empty() { "not known".to_owned() } else { current });
        }
        let message = "Each reading of it takes a microsecond and more, and its rate is not the processor's.";
        let finding = CLOCKSOURCE.warn(format!("{current} (available: {available})"), message);
        if available.split_whitespace().any(|name| name == "tsc") {
            return finding.remedy("echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource");
        }
        finding
    }

    fn rivals(&self) -> Vec<Finding> {
        let is_ours = |rival: &Rival| rival.pid.is_some() && rival.pid == self.daemon;
        let rivals: Vec<_> = rivals_below(self.root).into_iter().filter(|rival| !is_ours(rival)).collect();
        let (occasional, steering): (Vec<_>, Vec<_>) = rivals.iter().partition(|rival| rival.is_occasional());
        let mut found: Vec<_> = occasional.into_iter().flat_map(|rival| self.occasional(rival)).collect();
        let steers_system = |rival: &&Rival| rival.steers_system();
        let are_fighting = steering.iter().copied().filter(steers_system).count() > 1;
        for rival in &steering {
            let is_welcome = self.is_steered == Some(false) && !rival.steers_cards();
            let finding = if is_welcome {
                RIVAL.ok(format!("{rival} steers the system clock, and the daemon does not"))
            } else if are_fighting {
                RIVAL.fail(rival.to_string(), "Several programs steer the system clock: they fight, and it swings.")
            } else if self.is_steered == Some(true) {
                RIVAL.fail(rival.to_string(), "Two programs that steer one clock fight, and the clock swings.")
            } else {
                RIVAL.warn(rival.to_string(), "It steers clocks: the daemon must not do that beside it.")
            };
            let remedy = if is_welcome { String::new() } else { rival.stop_with() };
            found.push(finding.of(rival.program.clone()).remedy(remedy));
        }
        if found.is_empty() {
            found.push(RIVAL.ok("no other program steers clocks"));
        }
        found
    }

    /// What a hypervisor has in this machine.
    fn occasional(&self, rival: &Rival) -> Vec<Finding> {
        let sets = format!("It sets the clock now and then: {}.", rival.habit());
        match rival.program.as_str() {
            VMTOOLSD => {
                let periodic = match self.vmware_periodic().as_deref() {
                    Some("Disabled") => VMWARE_PERIODIC.ok("Disabled"),
                    Some("Enabled") => VMWARE_PERIODIC
                        .fail("Enabled", "It corrects the clock once a minute, against whoever else steers it."),
                    Some(other) => VMWARE_PERIODIC.warn(other, "Whether it corrects the clock is not known."),
                    None => VMWARE_PERIODIC.warn(
                        "vmware-toolbox-cmd says nothing",
                        "Whether it corrects the clock once a minute is not known.",
                    ),
                };
                let one_off = "It is on by default, cannot be seen from here, and is seen as a step by somebody else.";
                vec![periodic, VMWARE_ONE_OFF.warn(format!("{rival} runs"), one_off)]
            }
            HV_UTILS => vec![HYPERV_TIMESYNC.warn("on", sets)],
            QEMU_GA => vec![QEMU_GUEST_AGENT.warn(format!("{rival} may"), sets)],
            _ => vec![RIVAL.warn(rival.to_string(), sets).of(rival.program.clone()).remedy(rival.stop_with())],
        }
    }

    /// What VMware's own command says of the periodic synchronisation, in one word.
    fn vmware_periodic(&self) -> Option<String> {
        let output = Command::new(self.root.join("usr/bin/vmware-toolbox-cmd")).args(["timesync", "status"]).output();
        let word = String::from_utf8_lossy(&output.ok()?.stdout).trim().to_owned();
        (!word.is_empty()).then_some(word)
    }

    /// The kind of container that this is; `None`: none that shows it.
    fn container(&self) -> Option<&'static str> {
        let marks = [
            (".dockerenv", "docker"),
            ("run/.containerenv", "podman"),
            ("var/run/secrets/kubernetes.io", "Kubernetes"),
            ("run/systemd/container", "a container"),
        ];
        marks.into_iter().find_map(|(path, kind)| self.root.join(path).exists().then_some(kind))
    }

    fn capabilities(&self) -> Vec<Finding> {
        let process = self.daemon.map_or("self".to_owned(), |pid| pid.to_string());
        let whose = if self.daemon.is_some() { "the daemon" } else { "this user" };
        // Of the threads of a daemon each has what it needs alone.
        let threads = self.root.join(format!("proc/{process}/task"));
        let of_threads =
            names(&threads).into_iter().map(|thread| self.text(&format!("proc/{process}/task/{thread}/status")));
        let own = self.text(&format!("proc/{process}/status"));
        // What is not known is not missing.
        let had = all_effective(of_threads.chain([own])).unwrap_or(Rights::from_bits(u64::MAX));
        let first_port = first_free_port_in(&self.text("proc/sys/net/ipv4/ip_unprivileged_port_start"));
        let mut missing = wanted(self.config, Freedom { first_port, ..Freedom::at_start() });
        missing.retain(|lack| !had.has(lack.capability));
        let steers = |lack: &Lack| lack.capability == Capability::CAP_SYS_TIME && self.is_steered == Some(true);
        missing.retain(|lack| !self.has_given_up || steers(lack));
        if missing.is_empty() {
            return vec![CAPABILITIES.ok(format!("{whose} has them"))];
        }
        let container = self.container();
        let finding = |lack: Lack| {
            let Lack { capability, without } = lack;
            let name = capability.to_string();
            let value = format!("{whose} lacks {name}");
            let message = format!("Without it {without}.");
            // An ordinary user may look; the daemon has its own rights.
            let is_fatal = steers(&lack) && self.daemon.is_some();
            let finding = if is_fatal || container.is_some() && capability == Capability::CAP_SYS_TIME {
                CAPABILITIES.fail(value, message)
            } else {
                CAPABILITIES.warn(value, message)
            };
            let finding = finding.of(&name).limit(&name);
            let Some(container) = container else { return finding };
            let short = name.trim_start_matches("CAP_");
            let how = if container == "Kubernetes" {
                format!("securityContext: capabilities: add: [\"{short}\"]")
            } else {
                format!("start the container with --cap-add {short}")
            };
            finding.remedy(format!("{how}; with clock.system = \"observe\" it is served without"))
        };
        missing.into_iter().map(finding).collect()
    }

    fn phc_devices(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut good = Vec::new();
        for name in names(&self.root.join("sys/class/ptp")) {
            let device = self.root.join("dev").join(&name);
            let clock = self.text(&format!("sys/class/ptp/{name}/clock_name"));
            match fs::File::open(&device) {
                Ok(_) => good.push(format!("/dev/{name} ({clock})")),
                Err(error) => {
                    let value = format!("/dev/{name} cannot be opened: {error}");
                    let message = format!("The kernel has the clock {clock:?}, and nobody can read it here.");
                    let is_inside = self.container().is_some();
                    let finding =
                        if is_inside { PHC_DEVICE.fail(value, message) } else { PHC_DEVICE.warn(value, message) };
                    let give = format!("start the container with --device /dev/{name} (Kubernetes: a hostPath volume)");
                    let remedy = if is_inside { give } else { finding.remedy.clone() };
                    found.push(finding.of(name).remedy(remedy));
                }
            }
        }
        if found.is_empty() {
            found.push(PHC_DEVICE.ok(if good.is_empty() { "no PHC".to_owned() } else { good.join(", ") }));
        }
        found
    }

    fn leap_table(&self) -> Vec<Finding> {
        let below = self.leap_file.strip_prefix("/").unwrap_or(self.leap_file);
        let path = if self.leap_file.as_os_str().is_empty() { PathBuf::new() } else { self.root.join(below) };
        let known = host_utc(&path, self.kernel_tai_utc, self.now);
        let offset = known.utc.tai_utc.map_or("not known".to_owned(), |offset| format!("{} s", offset.0));
        let value = format!("TAI - UTC is {offset}, by {}", known.by);
        if let Some(problem) = known.problem {
            let message = "Leap seconds to come may be missed, and a source's word on TAI - UTC cannot be checked.";
            return vec![LEAP_TABLE.warn(problem, message)];
        }
        let good_until = leap_list(&path).ok().flatten().and_then(|list| list.expires());
        match good_until {
            Some(until) if until - self.now < LEAP_TABLE_SOON => {
                let message = "It expires within four weeks.";
                vec![LEAP_TABLE.warn(format!("good for {} more", until - self.now), message)]
            }
            None if path.as_os_str().is_empty() || path.exists() => vec![LEAP_TABLE.ok(value)],
            None => {
                let message = "Without it nobody sees that a source announces a leap second that is none.";
                vec![LEAP_TABLE.warn(format!("{} is not there; {value}", self.leap_file.display()), message)]
            }
            Some(_) => vec![LEAP_TABLE.ok(value)],
        }
    }

    fn ports_taken(&self) -> Vec<Finding> {
        let mut open: BTreeMap<u64, u16> = BTreeMap::new();
        for file in ["proc/net/udp", "proc/net/udp6"] {
            open.extend(self.text(file).lines().filter_map(open_port).map(|(port, inode)| (inode, port)));
        }
        let wanted = self.ports.clone().unwrap_or_else(|| vec![123, 319, 320]);
        open.retain(|_, port| wanted.contains(port));
        let mut found = Vec::new();
        let held = if open.is_empty() { Vec::new() } else { sockets_below(&self.root.join("proc")) };
        for (pid, inode) in &held {
            let Some(port) = open.get(inode).filter(|_| Some(*pid) != self.daemon) else { continue };
            let value = format!("UDP {port}: {} (pid {pid})", self.text(&format!("proc/{pid}/comm")));
            let finding = if self.ports.is_some() {
                PORT_TAKEN.fail(value, "The daemon cannot open it, or shares its messages.")
            } else {
                PORT_TAKEN.warn(value, "A daemon that serves there cannot open it.")
            };
            let finding = finding.of(port.to_string());
            if !found.contains(&finding) {
                found.push(finding);
            }
        }
        // Of processes that may not be looked into the sockets are seen, and not whose they are.
        open.retain(|inode, _| held.iter().all(|(_, known)| known != inode));
        let unowned: BTreeSet<u16> = open.into_values().collect();
        if !self.is_daemon_hidden() {
            found.extend(unowned.iter().map(|port| {
                let value = format!("UDP {port} is open, and whose it is cannot be seen");
                let finding = PORT_TAKEN.warn(value, "A daemon that serves there cannot open it.");
                finding.of(port.to_string()).remedy("run this as root, or `ss -ulpn`: they say whose it is")
            }));
        }
        if found.is_empty() {
            let list = |ports: &mut dyn Iterator<Item = &u16>| ports.map(u16::to_string).collect::<Vec<_>>().join(", ");
            found.push(PORT_TAKEN.ok(if wanted.is_empty() {
                "no port is configured".to_owned()
            } else if !unowned.is_empty() {
                format!("UDP {}: the daemon's, as far as this user can see", list(&mut unowned.iter()))
            } else {
                format!("nobody else has UDP {} open", list(&mut wanted.iter()))
            }));
        }
        found
    }

    /// Whether a daemon runs whose sockets this user may not see.
    fn is_daemon_hidden(&self) -> bool {
        self.daemon.is_some_and(|pid| fs::read_dir(self.root.join(format!("proc/{pid}/fd"))).is_err())
    }
}

/// The local port and the inode in a line of proc_pid_net(5)'s udp; of sockets that wait for anybody.
fn open_port(line: &str) -> Option<(u16, u64)> {
    let columns: Vec<_> = line.split_whitespace().collect();
    let port = u16::from_str_radix(columns.get(1)?.rsplit_once(':')?.1, 16).ok()?;
    let is_for_anybody = columns.get(2)?.rsplit_once(':')?.1 == "0000";
    Some((port, columns.get(9)?.parse().ok()?)).filter(|_| is_for_anybody)
}

/// Each process with the inodes of its sockets.
fn sockets_below(proc: &Path) -> Vec<(u32, u64)> {
    let mut found = Vec::new();
    for pid in names(proc).iter().filter_map(|name| name.parse().ok()) {
        let descriptors = proc.join(format!("{pid}/fd"));
        for entry in fs::read_dir(descriptors).into_iter().flatten().flatten() {
            let link = fs::read_link(entry.path()).unwrap_or_default();
            let inode = link.to_str().and_then(|link| link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
            found.extend(inode.map(|inode| (pid, inode)));
        }
    }
    found
}

/// The effective capabilities of all these threads together, by their status (proc_pid_status(5)); `None` if none says them.
fn all_effective(threads: impl Iterator<Item = String>) -> Option<Rights> {
    threads.filter_map(|status| effective(&status)).reduce(|all, one| all | one).map(Rights::from_bits)
}

/// The names in a directory, in order; none if there is no such directory.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}
