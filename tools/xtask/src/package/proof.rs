//! The packages are tried as an administrator would: in a bare Debian that has never seen Rust, and without its clock.
//!
//! The bare Debian is made by debootstrap once, and kept as a tar file in the target directory. Here nothing is started as a service: there is no
//! init. Every command there has a network and processes of its own. At the end the same Debian is booted ([`booted`]).

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::tree::CONFIGURATION;
use super::{Format, NAME, PROGRAMS, VERSION, booted, breakages, fresh, make, man, read, rpm, said, write};
use crate::ci::{Outcome, Run, show};

/// Where programs are in it.
pub(super) const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
/// What is in it besides what every Debian has: what boots it, and a grandmaster.
const INCLUDED: &str = "systemd,systemd-sysv,systemd-timesyncd,udev,iproute2,kmod,linuxptp";
/// Where its packages come from, unless DEBIAN_MIRROR says otherwise.
const MIRROR: &str = "http://deb.debian.org/debian";
/// What an installation leaves behind by Debian's custom: its records, and the user.
const RECORDS: [&str; 16] = [
    "dev",
    "proc",
    "sys",
    "tmp",
    "run/systemd",
    "var/cache",
    "var/lib/dpkg",
    "var/log",
    "etc/passwd",
    "etc/group",
    "etc/shadow",
    "etc/gshadow",
    "etc/passwd-",
    "etc/group-",
    "etc/shadow-",
    "etc/gshadow-",
];
/// Scripts that others run.
const SCRIPTS: [&str; 4] = ["hooks/metered", "debian/postinst", "debian/prerm", "debian/postrm"];

/// The step of `cargo xtask ci`.
pub fn run(run: &mut Run) -> Outcome {
    let out = crate::target().join("package");
    crate::build(&PROGRAMS)?;
    let scripts = SCRIPTS.map(|script| run.root.join("packaging").join(script)).into_iter();
    let scripts = scripts.chain([run.root.join(booted::SCRIPT)]).chain(rpm_scripts(&run.root, &out)?);
    show(run.command("shellcheck").args(["-s", "sh"]).args(scripts))?;
    let made = make(&run.root, &out, &[Format::Deb, Format::Rpm])?;
    let [deb, rpm] = made.as_slice() else { return Err("two packages were asked for".to_owned()) };
    show(run.command("lintian").args(["--fail-on", "error", "--tag-display-limit", "0", "--allow-root"]).arg(deb))?;
    try_rpm(&out, rpm)?;
    Bare::unpack(&out)?.try_rpm_scripts(rpm)?;
    Bare::unpack(&out)?.try_deb(deb)?;
    let bare = Bare::unpack(&out)?;
    booted::try_out(&run.root, &bare.0, deb, &out)
}

/// Those of the rpm, as files.
fn rpm_scripts(root: &Path, out: &Path) -> Result<Vec<PathBuf>, String> {
    let folder = fresh(&out.join("rpm-scripts"))?;
    let mut files = Vec::new();
    for (name, script) in rpm::scripts(root)? {
        let file = folder.join(name);
        write(&file, &script)?;
        files.push(file);
    }
    Ok(files)
}

/// How rpm installs where there is nothing else.
const ALONE: [&str; 2] = ["--nodeps", "--noscripts"];

/// Installed into an empty directory and removed again, without its scripts: these are systemd's.
fn try_rpm(out: &Path, rpm: &Path) -> Outcome {
    let root = fresh(&out.join("rpm-root"))?;
    let call = || {
        let mut command = Command::new("rpm");
        command.arg("--root").arg(&root);
        command
    };
    said(call().arg("--initdb"))?;
    said(call().arg("--install").args(ALONE).arg(rpm))?;
    for program in PROGRAMS {
        let says = said(Command::new(root.join("usr/bin").join(program)).arg("--version"))?;
        expect(says == format!("{program} {VERSION}\n"), &format!("the rpm's {program} is of this version: {says}"))?;
    }
    expect(said(call().args(["--query", "--configfiles", NAME]))?.contains(CONFIGURATION), "its configuration is one")?;
    said(call().arg("--erase").args(ALONE).arg(NAME))?;
    // Directories like /usr/share/man are other packages' too.
    let is_ours = |line: &&String| line.split(' ').next().is_some_and(|path| path.contains(NAME));
    let left: Vec<_> = listing(&root)?.into_iter().filter(|line| is_ours(&line)).collect();
    expect(left.is_empty(), &format!("the rpm leaves {left:?}"))?;
    fs::remove_dir_all(&root).map_err(|error| format!("{}: {error}", root.display()))
}

/// A bare Debian, removed when it is dropped.
struct Bare(PathBuf);

impl Bare {
    fn unpack(out: &Path) -> Result<Self, String> {
        let release = read(Path::new("/etc/os-release"))?;
        let suite = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
        let suite = suite.ok_or("a Debian with a name is needed (VERSION_CODENAME in /etc/os-release)")?;
        // Named by what is in it, so that an older one is not taken for it.
        let tar = out.join(format!("bare-{suite}-{INCLUDED}.tar"));
        let bare = Self(fresh(&out.join("bare"))?);
        if tar.exists() {
            said(Command::new("tar").arg("-C").arg(&bare.0).arg("-xpf").arg(&tar))?;
            return Ok(bare);
        }
        println!("package: a bare {suite} is made");
        let mirror = std::env::var("DEBIAN_MIRROR").unwrap_or_else(|_| MIRROR.to_owned());
        let mut debootstrap = Command::new("debootstrap");
        debootstrap.args(["--variant=minbase", &format!("--include={INCLUDED}"), suite]).arg(&bare.0).arg(mirror);
        said(&mut debootstrap)?;
        for folder in ["var/cache/apt/archives", "var/lib/apt/lists"] {
            fs::remove_dir_all(bare.0.join(folder)).map_err(|error| error.to_string())?;
        }
        // Under another name until it is whole.
        let part = out.join("bare.part");
        said(Command::new("tar").arg("-C").arg(&bare.0).arg("-cpf").arg(&part).arg("."))?;
        fs::rename(part, tar).map_err(|error| error.to_string())?;
        Ok(bare)
    }

    /// A command in there, with a loopback of its own.
    fn inside<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--net", "--pid", "--fork", "--kill-child"]);
        let script = "ip link set lo up && mount -t proc proc \"$0/proc\" && exec chroot \"$0\" \"$@\"";
        command.args(["sh", "-c", script]).arg(&self.0).args(arguments);
        command.env_clear().envs([("PATH", PATH), ("DEBIAN_FRONTEND", "noninteractive")]);
        command
    }

    fn has(&self, path: &str) -> bool {
        self.0.join(path).exists()
    }

    /// The rpm with its scripts, which do here what they can do without an init: the user is made, the units are preset as Debian presets them, and
    /// disabled at the end.
    fn try_rpm_scripts(&self, package: &Path) -> Outcome {
        fs::create_dir_all(self.0.join("run/systemd/system")).map_err(|error| error.to_string())?;
        let rpm = |arguments: &[&str]| -> Outcome {
            let mut command = Command::new("unshare");
            command.args(["--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c"]);
            command.arg("mount -t proc proc \"$0/proc\" && exec rpm --root \"$0\" \"$@\"").arg(&self.0).args(arguments);
            let output = command.env("SYSTEMD_OFFLINE", "1").output().map_err(|error| format!("rpm: {error}"))?;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            // A script that fails is a warning to rpm.
            expect(output.status.success() && !said.contains("scriptlet failed"), &format!("rpm {arguments:?}: {said}"))
        };
        let is_enabled = || self.0.join("etc/systemd/system/multi-user.target.wants/synchronome.service").is_symlink();
        rpm(&["--initdb"])?;
        rpm(&["--install", "--nodeps", &package.display().to_string()])?;
        expect(said(&mut self.inside(["id", "-un", NAME]))?.trim() == NAME, "the rpm makes the user")?;
        expect(is_enabled(), "it presets the units")?;
        rpm(&["--erase", "--nodeps", NAME])?;
        expect(!is_enabled(), "and disables them at the end")
    }

    fn try_deb(&self, deb: &Path) -> Outcome {
        let package = self.0.join("tmp/synchronome.deb");
        fs::copy(deb, &package).map_err(|error| format!("{}: {error}", deb.display()))?;
        let before = listing(&self.0)?;
        let install = || said(&mut self.inside(["dpkg", "--install", "/tmp/synchronome.deb"]));
        install()?;
        for program in PROGRAMS {
            let says = said(&mut self.inside([program, "--version"]))?;
            expect(says == format!("{program} {VERSION}\n"), &format!("the version of {program} is ours: {says}"))?;
        }
        let checked = said(&mut self.inside([NAME, "check", "/etc/synchronome/synchronome.toml"]))?;
        expect(checked.contains("good:"), "the configuration that comes along is good")?;
        expect(said(&mut self.inside(["id", "-un", NAME]))?.trim() == NAME, "the user is there")?;
        said(&mut self.inside(["systemd-tmpfiles", "--create", "synchronome.conf"]))?;
        let owner =
            |path: &str| fs::metadata(self.0.join(path)).map(|metadata| (metadata.uid(), metadata.mode() & 0o777));
        let made = owner("run/synchronome").and_then(|run| Ok((run, owner("var/lib/synchronome")?)));
        let is_made = made
            .is_ok_and(|((run, open), (state, closed))| run > 0 && run == state && (open, closed) == (0o755, 0o750));
        expect(is_made, "the user has its directories")?;
        self.verify_units()?;
        self.demonstrate()?;
        self.serve()?;
        self.break_it()?;
        self.read_pages()?;
        said(&mut self.inside(["systemctl", "enable", "synchronome.service", "synchronome-wait-sync.service"]))?;
        let link = self.0.join("etc/systemd/system/multi-user.target.wants/synchronome.service");
        expect(link.is_symlink(), "it can be enabled")?;

        // What an administrator has written outlives another installation, and the removal too.
        let edited = self.0.join(CONFIGURATION);
        write(&edited, "[clock]\nlock_limit = \"200us\"\n")?;
        install()?;
        said(&mut self.inside(["dpkg", "--remove", NAME]))?;
        expect(read(&edited)?.contains("200us"), "the configuration is the administrator's")?;
        let is_there = |program: &&str| self.has(&format!("usr/bin/{program}"));
        expect(!PROGRAMS.iter().any(is_there), "the programs go with the package")?;
        said(&mut self.inside(["dpkg", "--purge", NAME]))?;
        let left: Vec<_> = listing(&self.0)?.symmetric_difference(&before).cloned().collect();
        expect(left.is_empty(), &format!("nothing is left, and nothing missing: {left:?}"))
    }

    /// The daemon as its unit starts it: the same user and capabilities, less the one that could touch a clock; until it says that it is ready, and
    /// ends when it is told to.
    fn serve(&self) -> Outcome {
        // LimitMEMLOCK= is not everybody's to raise.
        let text = "threads.lock_memory = false\n[[ptp]]\ninterface = \"lo\"\n[ntp.server]\nlisten = [\"127.0.0.1:123\"]\n[observe]\nhttp = \"off\"\n";
        write(&self.0.join("tmp/serve.toml"), text)?;
        let path = self.0.join("tmp/notify");
        let problem = |error: std::io::Error| format!("{}: {error}", path.display());
        let ear = UnixDatagram::bind(&path).map_err(problem)?;
        fs::set_permissions(&path, Permissions::from_mode(0o666)).map_err(problem)?;
        ear.set_read_timeout(Some(Duration::from_secs(20))).map_err(problem)?;
        let run = [NAME, "run", "--config", "/tmp/serve.toml"].map(str::to_owned);
        let mut command = self.inside(as_the_unit_does(&self.0)?.into_iter().chain(run));
        let mut daemon = command.env("NOTIFY_SOCKET", "/tmp/notify").spawn().map_err(|error| error.to_string())?;
        let is_ready = hears(&ear, "READY=1");
        let ask = || said(&mut self.inside([NAME, "status", "--json"])).unwrap_or_else(|problem| problem);
        // Its port is opened in a moment.
        let is_open = |answer: &Value| answer["ptp"][0]["port_state"] == "LISTENING";
        let start = Instant::now();
        let answers = std::iter::from_fn(|| {
            std::thread::sleep(Duration::from_millis(100));
            (start.elapsed() < Duration::from_secs(20)).then(ask)
        });
        let asked = answers.filter_map(|answer| serde_json::from_str::<Value>(&answer).ok()).find(is_open);
        let looked = said(&mut self.inside([PROGRAMS[1], "--once", "--view", "clocks"]));
        let seen = looked.unwrap_or_else(|problem| problem);
        // The first process of its namespace: the daemon's end is that of `unshare`.
        let pid = child_of(daemon.id());
        let is_told = pid.is_some_and(|pid| said(Command::new("kill").args(["-TERM", &pid])).is_ok());
        let is_stopping = is_told && hears(&ear, "STOPPING=1");
        if !is_stopping {
            _ = daemon.kill();
        }
        let ended = daemon.wait().map_err(|error| error.to_string())?;
        expect(is_ready, "the daemon says that it is ready")?;
        let status = asked.ok_or("it answers, and its port listens: not so")?;
        let lacks = status["lacks"].as_array().cloned().unwrap_or_default();
        expect(lacks.is_empty(), &format!("it has what it needs: {lacks:?}"))?;
        expect(seen.contains("lo LISTENING"), &format!("the live view shows its port: {seen}"))?;
        expect(is_stopping && ended.success(), "it ends when it is told to")
    }

    /// Found, run, broken and mended; the configuration that came along is back then.
    fn break_it(&self) -> Outcome {
        let file = self.0.join(CONFIGURATION);
        let came_along = read(&file)?;
        breakages::try_out(&self.0, &self.0.with_extension("town"))?;
        write(&file, &came_along)
    }

    fn verify_units(&self) -> Outcome {
        let units = ["synchronome.service", "synchronome-wait-sync.service"];
        let verify = ["systemd-analyze", "verify", "--man=no"].into_iter().chain(units);
        let output = self.inside(verify).output().map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stderr);
        let ours: Vec<_> = text.lines().filter(|line| line.contains(NAME)).collect();
        expect(ours.is_empty() && output.status.success(), &format!("systemd understands the units: {text}"))
    }

    /// As man(1) formats them, without a complaint of groff's; and the completions, as bash reads them.
    fn read_pages(&self) -> Outcome {
        let pages = man::commands().into_iter().map(|(name, _)| format!("man1/{name}.1.gz"));
        for page in pages.chain(["man5/synchronome.toml.5.gz".to_owned()]) {
            let file = self.0.join("usr/share/man").join(&page);
            let mut man = Command::new("man");
            man.args(["--warnings", "--encoding=UTF-8", "--troff-device=utf8", "--ditroff", "--local-file"]).arg(file);
            let output = man.env("LC_ALL", "C.UTF-8").output().map_err(|error| format!("man: {error}"))?;
            let complaint = String::from_utf8_lossy(&output.stderr);
            expect(output.status.success() && complaint.is_empty(), &format!("{page} is well formed: {complaint}"))?;
        }
        let completions = PROGRAMS.map(|program| format!("/usr/share/bash-completion/completions/{program}"));
        completions.iter().try_for_each(|file| said(&mut self.inside(["bash", "-n", file])).map(|_| ()))
    }

    /// As the user of the package, who has no right whatever here.
    fn demonstrate(&self) -> Outcome {
        let arguments = [
            "setpriv",
            "--reuid",
            NAME,
            "--regid",
            NAME,
            "--clear-groups",
            "--bounding-set=-all",
            NAME,
            "demo",
            "--for",
            "5s",
        ];
        let text = said(&mut self.inside(arguments.into_iter().chain(["--json"])))?;
        let last = text.lines().last().unwrap_or_default();
        let parsed: Value =
            serde_json::from_str(last).map_err(|error| format!("no summary at the end ({error}): {text}"))?;
        let summary = &parsed["summary"];
        expect(
            summary["state"] == "LOCKED" && summary["bound_violations"] == 0,
            &format!("the demonstration locks: {last}"),
        )
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{}: {error}", self.0.display());
        }
    }
}

/// Whether this is among what comes soon.
fn hears(ear: &UnixDatagram, text: &str) -> bool {
    let mut bytes = [0; 4096];
    std::iter::from_fn(|| ear.recv(&mut bytes).ok().map(|length| bytes[..length] == *text.as_bytes()))
        .any(|is_it| is_it)
}

/// How to become what the installed unit makes of a program: its user, and its capabilities but the one that could touch a clock.
pub(super) fn as_the_unit_does(root: &Path) -> Result<Vec<String>, String> {
    let unit = read(&root.join("usr/lib/systemd/system/synchronome.service"))?;
    let granted = unit.lines().find_map(|line| line.strip_prefix("AmbientCapabilities=")).unwrap_or_default();
    let granted = granted.split(' ').filter_map(|name| name.strip_prefix("CAP_")).filter(|name| *name != "SYS_TIME");
    let granted = granted.fold("-all".to_owned(), |list, name| format!("{list},+{}", name.to_lowercase()));
    let user = ["setpriv", "--reuid", NAME, "--regid", NAME, "--clear-groups"].map(str::to_owned);
    let sets = ["bounding-set", "inh-caps", "ambient-caps"].map(|set| format!("--{set}={granted}"));
    Ok(user.into_iter().chain(sets).collect())
}

/// The process of the only child of a process.
pub(super) fn child_of(process: u32) -> Option<String> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).ok()?;
    children.split_whitespace().next().map(str::to_owned)
}

pub(super) fn expect(is_so: bool, what: &str) -> Outcome {
    if is_so { Ok(()) } else { Err(format!("not so: {what}")) }
}

/// Everything below a directory but the [`RECORDS`], with its mode and, of a file, its size.
fn listing(root: &Path) -> Result<BTreeSet<String>, String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            let inside = path.strip_prefix(root).expect("below the root").display().to_string();
            if RECORDS.contains(&inside.as_str()) {
                continue;
            }
            let metadata = path.symlink_metadata().map_err(|error| format!("{}: {error}", path.display()))?;
            let size = if metadata.is_file() { metadata.len() } else { 0 };
            if metadata.is_dir() {
                folders.push(path);
            }
            found.insert(format!("{inside} {:o} {size}", metadata.permissions().mode()));
        }
    }
    Ok(found)
}
