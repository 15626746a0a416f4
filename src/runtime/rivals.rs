//! Other programs on this machine that steer its clocks.
//!
//! Two servos on one clock fight: each takes what the other has done for the oscillator's, and the clock swings. It is the
//! commonest mistake of all, since distributions start a time daemon by themselves. So they are looked for by name in
//! /proc (proc(5)); a program that has no right to set a clock, or was told not to, is none.
//!
//! What a hypervisor has in its guests (VMware Tools, qemu-ga, Hyper-V's `hv_utils` in the kernel) is another thing: it sets
//! the clock now and then, after a pause or a move, or never, by settings that are not seen from here. It is named as a
//! suspect when somebody has set the clock, and until then it is no more than worth knowing.
//!
//! The kernel does not say who has set its clock. That somebody did is seen in what is read back; who it was, only here.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::host::{CAP_SYS_TIME, effective};

mod told;

/// What a program of this name steers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Steers {
    /// CLOCK_REALTIME, for which it needs CAP_SYS_TIME.
    System,
    /// PHCs too, for which a device that it may write is enough; those of its own network namespace.
    Cards,
    /// CLOCK_REALTIME, set or slewed now and then if it is told to.
    NowAndThen,
    /// CLOCK_REALTIME, set only, if it is told to.
    SetsNowAndThen,
}

/// The programs, by the name that the kernel has of them: 15 bytes at most.
const PROGRAMS: [(&str, Steers); 12] = [
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
    (VMTOOLSD, Steers::NowAndThen),
    (QEMU_GA, Steers::SetsNowAndThen),
];
/// VMware Tools.
pub const VMTOOLSD: &str = "vmtoolsd";
/// The guest agent of QEMU; a host sets its guest's time by the command `guest-set-time`.
pub const QEMU_GA: &str = "qemu-ga";
/// Hyper-V's module, which is no process: it sets the clock when the host says so.
pub const HV_UTILS: &str = "hv_utils";
/// What the host offers it if time synchronisation is on: a device of this class on the VMBus.
const HYPERV_TIMESYNC: &str = "9527e630-d0ae-497b-adce-e80ab0175caf";
/// No configuration of linuxptp is longer; so much is looked at.
const FILE_BYTES_MAX: u64 = 65_536;
/// Where phc2sys asks if it is not told another place.
const PTP4L_SOCKET: &str = "/var/run/ptp4l";

/// A program that steers a clock of this machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rival {
    /// Its name.
    pub program: String,
    /// Its process; `None`: it is the kernel's own.
    pub pid: Option<u32>,
    /// The unit of systemd that it belongs to, like `chrony.service`.
    pub unit: Option<String>,
}

impl Rival {
    /// Whether it is one that steers cards.
    pub fn steers_cards(&self) -> bool {
        self.steers() == Steers::Cards || self.program == "phc2sys"
    }

    /// Whether it is a phc2sys that asks at this socket which clock to follow (`-a`): to it the only card there is that of a port that follows, and
    /// that it does not touch.
    pub fn asks_at(&self, socket: &Path) -> bool {
        let command = self.pid.and_then(|pid| fs::read_to_string(format!("/proc/{pid}/cmdline")).ok());
        self.program == "phc2sys" && command.is_some_and(|command| asks_at(&command, socket))
    }

    /// Whether it steers the system clock all the time.
    pub fn steers_system(&self) -> bool {
        self.steers() == Steers::System
    }

    /// Whether it sets the clock now and then at most, and may never do it: no rival until it has.
    pub fn is_occasional(&self) -> bool {
        matches!(self.steers(), Steers::NowAndThen | Steers::SetsNowAndThen)
    }

    /// Whether it may change a clock's frequency.
    pub fn may_slew(&self) -> bool {
        self.steers() != Steers::SetsNowAndThen
    }

    fn steers(&self) -> Steers {
        if self.program == HV_UTILS {
            return Steers::SetsNowAndThen;
        }
        PROGRAMS.iter().find(|(name, _)| *name == self.program).map_or(Steers::System, |(_, steers)| *steers)
    }

    /// The command that stops it, or the option that tells it to leave the clock alone.
    pub fn stop_with(&self) -> String {
        match (self.program.as_str(), &self.unit, self.pid) {
            (VMTOOLSD, ..) => "vmware-toolbox-cmd timesync disable".to_owned(),
            (QEMU_GA, ..) => "qemu-ga --block-rpcs=guest-set-time".to_owned(),
            (HV_UTILS, ..) => "Disable-VMIntegrationService -VMName NAME -Name \"Time Synchronization\"".to_owned(),
            (_, Some(unit), _) => format!("systemctl disable --now {unit}"),
            (_, None, Some(pid)) => format!("kill {pid}"),
            (program, None, None) => format!("rmmod {program}"),
        }
    }

    /// When one that is [occasional](Self::is_occasional) sets the clock, and what there is to know of its setting.
    pub fn habit(&self) -> &'static str {
        match self.program.as_str() {
            VMTOOLSD => {
                "if its time synchronisation is on (`vmware-toolbox-cmd timesync status`); at a resume or a move also if it is \
                 off, unless the machine's time.synchronize.* are FALSE"
            }
            QEMU_GA => "when its host asks for it (guest-set-time; before QEMU 7.2 the option is --blacklist)",
            HV_UTILS => {
                "when its host says so, at the start and after a pause; without this integration service, which is switched \
                 off on the host, there is no PHC of the hypervisor's either"
            }
            _ => "all the time",
        }
    }

    /// `chronyd (pid 812): `systemctl disable --now chrony.service``.
    pub fn with_remedy(&self) -> String {
        format!("{self}: `{}`", self.stop_with())
    }
}

impl fmt::Display for Rival {
    /// `chronyd (pid 812)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "{} (pid {pid})", self.program),
            None => write!(f, "{} (of the kernel)", self.program),
        }
    }
}

/// The programs that steer clocks of this machine, by process; empty if /proc does not say.
pub fn rivals() -> Vec<Rival> {
    rivals_below(Path::new("/"))
}

/// The same of the machine whose `/proc` and `/sys` are below this directory.
pub fn rivals_below(root: &Path) -> Vec<Rival> {
    let mut found = rivals_in(&root.join("proc"));
    found.extend(hyperv_in(&root.join("sys/bus/vmbus/devices")));
    found
}

/// Hyper-V's, if the host offers time synchronisation and the module has taken it.
fn hyperv_in(devices: &Path) -> Option<Rival> {
    let is_timesync = |device: &Path| {
        let class = fs::read_to_string(device.join("class_id")).unwrap_or_default();
        let driver = fs::read_link(device.join("driver")).unwrap_or_default();
        class.contains(HYPERV_TIMESYNC) && driver.ends_with(HV_UTILS)
    };
    let mut devices = fs::read_dir(devices).into_iter().flatten().flatten();
    let is_there = devices.any(|device| is_timesync(&device.path()));
    is_there.then(|| Rival { program: HV_UTILS.to_owned(), pid: None, unit: None })
}

fn rivals_in(proc: &Path) -> Vec<Rival> {
    let ours = network_of(&proc.join("self"));
    let mut found = Vec::new();
    for entry in fs::read_dir(proc).into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let read = |file: &str| fs::read_to_string(entry.path().join(file)).unwrap_or_default();
        let comm = read("comm");
        let Some((name, steers)) = PROGRAMS.iter().find(|(name, _)| *name == comm.trim_end()) else { continue };
        // What cannot be read is taken for the worse.
        let theirs = network_of(&entry.path());
        let is_elsewhere = ours.is_some() && theirs.is_some() && ours != theirs;
        let is_able = match steers {
            Steers::System | Steers::NowAndThen | Steers::SetsNowAndThen => may_set_time(&read("status")),
            Steers::Cards => !is_elsewhere,
        };
        let command = read("cmdline");
        let program = if *name == "systemd-timesyn" { "systemd-timesyncd" } else { *name };
        if is_able && !told::leaves_clocks_alone(name, &command, &|file| read_of(&entry.path(), file)) {
            found.push(Rival { program: program.to_owned(), pid: Some(pid), unit: unit_of(&read("cgroup")) });
        }
    }
    found.sort_by_key(|rival| rival.pid);
    found
}

/// What tells the network namespace of a process from others. `ns/net` is only for who may trace it, which we may not once we have given up our
/// rights; but a file of /proc/net is another one in each namespace (proc_pid_net(5)), and everybody may see which.
fn network_of(process: &Path) -> Option<u64> {
    fs::metadata(process.join("net/dev")).ok().map(|file| file.ino())
}

/// Whether the effective capabilities (`CapEff` of proc_pid_status(5)) hold CAP_SYS_TIME; true if they are not known.
fn may_set_time(status: &str) -> bool {
    effective(status).is_none_or(|effective| effective & (1 << CAP_SYS_TIME) != 0)
}

/// What begins a file, by the name that a process has for it, in its own root and working directory; `None`: it cannot be read, for which one must be
/// allowed to trace the process, or is no regular file: whoever named it could make us wait at a FIFO, or open a device.
fn read_of(process: &Path, file: &Path) -> Option<String> {
    let file = match file.strip_prefix("/") {
        Ok(below) => process.join("root").join(below),
        Err(_) => process.join("cwd").join(file),
    };
    if !fs::metadata(&file).ok()?.is_file() {
        return None;
    }
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(file).ok()?;
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Whether the options of phc2sys, as in proc_pid_cmdline(5), say that it goes by who answers at this socket.
fn asks_at(command: &str, socket: &Path) -> bool {
    let Some(socket) = socket.to_str() else { return false };
    let mut arguments = command.split('\0').skip(1);
    let is_automatic = arguments.clone().any(|argument| argument.starts_with("-a"));
    let named = arguments.clone().any(|argument| argument.ends_with(socket));
    let names_another = arguments.any(|argument| argument.starts_with("-z") || argument.starts_with("--uds_address"));
    is_automatic && (named || !names_another && socket == PTP4L_SOCKET)
}

/// The service in the last part of a cgroup's path: `0::/system.slice/chrony.service`.
fn unit_of(cgroup: &str) -> Option<String> {
    let last = |line: &str| line.rsplit('/').next().filter(|unit| unit.ends_with(".service")).map(str::to_owned);
    cgroup.lines().find_map(last)
}

/// Each of them as something that is lacking, like a capability; who sets the clock now and then at most is none.
pub fn as_lacks(rivals: &[Rival]) -> Vec<String> {
    rivals
        .iter()
        .filter(|rival| !rival.is_occasional())
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
        assert_eq!(found("chronyd", &[("status", ABLE), ("cmdline", "chronyd\0-nx\0")]), [""; 0]);
        assert_eq!(found("cron", &[("status", ABLE)]), [""; 0]);
        assert_eq!(found("chronyd", &[]), ["chronyd (pid 812)"], "what is not known is taken for the worse");
    }

    #[test]
    fn a_configuration_file_is_read_where_the_process_has_it() {
        let command = |file: &str| format!("ptp4l\0-mf\0{file}\0");
        for (place, file) in [("root/etc", "/etc/ptp4l.conf"), ("cwd/etc", "etc/ptp4l.conf")] {
            let proc = process("ptp4l", &[("cmdline", &command(file))]);
            assert_eq!(rivals_in(proc.path()).len(), 1, "what cannot be read is taken for the worse");
            let place = proc.path().join("812").join(place);
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join("ptp4l.conf"), "[global]\nfree_running 1\n").unwrap();
            assert_eq!(rivals_in(proc.path()), [], "{file}");
            fs::write(place.join("ptp4l.conf"), "[global]\nfree_running 0\n").unwrap();
            assert_eq!(rivals_in(proc.path()).len(), 1, "{file}");
            fs::remove_file(place.join("ptp4l.conf")).unwrap();
            nix::unistd::mkfifo(&place.join("ptp4l.conf"), nix::sys::stat::Mode::S_IRWXU).unwrap();
            assert_eq!(rivals_in(proc.path()).len(), 1, "nobody waits for what will not come");
        }
    }

    #[test]
    fn a_phc2sys_that_goes_by_what_we_say_is_known_by_the_socket_that_it_is_told() {
        let (ours, usual) = (Path::new("/run/synchronome/ptp.sock"), Path::new(PTP4L_SOCKET));
        for (command, asks_ours, asks_usual) in [
            ("phc2sys\0-a\0-r\0-z\0/run/synchronome/ptp.sock\0", true, false),
            ("phc2sys\0-arr\0--uds_address=/run/synchronome/ptp.sock\0", true, false),
            ("phc2sys\0-a\0-r\0", false, true),
            ("phc2sys\0-s\0eth0\0-w\0-z\0/run/synchronome/ptp.sock\0", false, false),
        ] {
            assert_eq!((asks_at(command, ours), asks_at(command, usual)), (asks_ours, asks_usual), "{command}");
        }
        assert!(!Rival { program: "phc2sys".to_owned(), pid: None, unit: None }.asks_at(ours));
    }

    #[test]
    fn what_a_hypervisor_has_in_its_guest_is_known_with_its_own_remedy_and_is_nothing_that_is_lacking() {
        let proc = process("vmtoolsd", &[("status", ABLE), ("cgroup", "0::/system.slice/open-vm-tools.service\n")]);
        let rivals = rivals_in(proc.path());
        assert_eq!(rivals[0].stop_with(), "vmware-toolbox-cmd timesync disable", "the tools do more than that");
        assert!(rivals[0].is_occasional() && rivals[0].may_slew() && as_lacks(&rivals).is_empty());
        let proc = process("qemu-ga", &[("status", ABLE), ("cmdline", "/usr/bin/qemu-ga\0-b\0guest-exec\0")]);
        let rivals = rivals_in(proc.path());
        assert_eq!(rivals[0].with_remedy(), "qemu-ga (pid 812): `qemu-ga --block-rpcs=guest-set-time`");
        assert!(rivals[0].is_occasional() && !rivals[0].may_slew());
        for told in ["--block-rpcs=guest-exec,guest-set-time\0", "-b\0guest-set-time\0", "--blacklist=guest-set-time\0"]
        {
            let command = format!("/usr/bin/qemu-ga\0{told}");
            assert_eq!(found("qemu-ga", &[("status", ABLE), ("cmdline", &command)]), [""; 0], "{told}");
        }
        let allowed = ("cmdline", "/usr/bin/qemu-ga\0--allow-rpcs=guest-set-time\0");
        assert_eq!(found("qemu-ga", &[("status", ABLE), allowed]).len(), 1);
    }

    #[test]
    fn hyper_v_is_suspected_where_the_host_offers_its_time() {
        let devices = tempfile::tempdir().unwrap();
        assert_eq!(hyperv_in(&devices.path().join("absent")), None);
        let device = |name: &str, class: &str| {
            let device = devices.path().join(name);
            fs::create_dir(&device).unwrap();
            fs::write(device.join("class_id"), format!("{{{class}}}\n")).unwrap();
            std::os::unix::fs::symlink("../../../../bus/vmbus/drivers/hv_utils", device.join("driver")).unwrap();
        };
        device("heartbeat", "57164f39-9115-4e78-ab55-382f3bd5422d");
        assert_eq!(hyperv_in(devices.path()), None, "the module has other devices too");
        device("2dd1ce17", HYPERV_TIMESYNC);
        let rival = hyperv_in(devices.path()).unwrap();
        assert_eq!(rival.to_string(), "hv_utils (of the kernel)");
        assert!(rival.is_occasional() && rival.stop_with().contains("Time Synchronization"));
        fs::remove_file(devices.path().join("2dd1ce17/driver")).unwrap();
        assert_eq!(hyperv_in(devices.path()), None, "nobody listens to it");
    }

    #[test]
    fn whoever_steers_cards_needs_no_capability_but_the_same_network() {
        let unable = ("status", "CapEff:\t0000000000000000\n");
        let proc = process("ptp4l", &[unable]);
        let [ours, theirs] = ["self", "812"].map(|pid| proc.path().join(pid).join("net/dev"));
        for file in [&ours, &theirs] {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
        }
        fs::write(&ours, "").unwrap();
        fs::hard_link(&ours, &theirs).unwrap();
        assert_eq!(rivals_in(proc.path()).len(), 1);
        fs::remove_file(&theirs).unwrap();
        fs::write(&theirs, "").unwrap();
        assert_eq!(rivals_in(proc.path()), []);
    }
}
