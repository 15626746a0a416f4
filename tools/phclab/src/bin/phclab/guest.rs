//! One guest: what is baked into its initramfs, how QEMU boots it, and what it prints.
//!
//! `-icount` makes virtual time a count of instructions, so that a loaded host makes a guest slower and never different.
//! No host input reaches it while it runs: all files ride in the initramfs, results are fetched after the end.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use phclab::GUEST_WORD;
use phclab::cpio::Archive;
use phclab::report::{END_MARK, REPORT_MARK, ScenarioReport};
use phclab::scenario::Contender;

/// The emulator.
const QEMU: &str = "qemu-system-x86_64";
/// How long a boot and the end of a guest may take.
const BOOT_TIME_MAX: Duration = Duration::from_mins(2);
/// How long a second of virtual time may take, on a loaded host.
const SECONDS_PER_VIRTUAL_MAX: f64 = 0.5;
/// Fixed, so that the guest does not depend on the host's clock.
const RTC: &str = "base=2026-01-01T00:00:00,clock=vm";
/// The kernel's own command line; each word saves boot time or keeps the host out.
const KERNEL_WORDS: &str = "console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off random.trust_cpu=on \
                            net.ifnames=0 norandmaps cryptomgr.notests \
                            initcall_blacklist=load_system_certificate_list,init_blk_tracer";

/// How guests are booted.
pub struct Boot {
    /// Where `setup` has put what guests are booted from.
    pub cache: PathBuf,
    /// `phclab-guest`.
    pub guest: PathBuf,
    /// The daemon under test.
    pub daemon: PathBuf,
    /// The folder of the scenarios.
    pub scenarios: PathBuf,
    /// Where results go.
    pub results: PathBuf,
    /// Only these contenders; empty: all.
    pub only: Vec<Contender>,
    /// Seed of QEMU's random numbers, which are the guest's only ones.
    pub seed: u32,
    /// Whether the consoles are shown.
    pub verbose: bool,
}

/// The folder from which guests are booted: `setup` makes it if it is not there yet.
///
/// # Errors
/// That `setup` failed; it has said why.
pub fn cache() -> Result<PathBuf, String> {
    let setup = Path::new(env!("CARGO_MANIFEST_DIR")).join("setup");
    let problem = |what: String| format!("{}: {what}", setup.display());
    let output = Command::new(&setup).arg("--print").stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| problem(error.to_string()))?;
    if !output.status.success() {
        return Err(problem(output.status.to_string()));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines().last().map(PathBuf::from).ok_or_else(|| problem("it names no folder".to_owned()))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

impl Boot {
    /// Boots a guest that runs these scenarios and calls `hear` with each report.
    ///
    /// # Errors
    /// That the guest could not be booted or did not end as it should.
    pub fn run(&self, number: usize, names: &[&str], cost: f64, hear: &impl Fn(&ScenarioReport)) -> Result<(), String> {
        let folder = self.results.join(format!("guest-{number}"));
        let problem = |error| format!("{}: {error}", folder.display());
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(problem)?;
        }
        fs::create_dir_all(folder.join("results")).map_err(problem)?;
        let initramfs = folder.join("initramfs");
        fs::write(&initramfs, self.bake(names)?).map_err(problem)?;
        let time_max = BOOT_TIME_MAX + Duration::from_secs_f64(cost * SECONDS_PER_VIRTUAL_MAX);
        let mut console = File::create(folder.join("console.txt")).map_err(problem)?;
        let mut qemu = self.qemu(&initramfs, &folder.join("results"))?;
        let outcome = self.listen(number, &mut qemu, time_max, &mut console, hear);
        let _ = qemu.kill();
        let _ = qemu.wait();
        let _ = fs::remove_file(&initramfs);
        for name in names {
            let (from, to) = (folder.join("results").join(name), self.results.join(name));
            let _ = fs::remove_dir_all(&to);
            if from.exists() {
                fs::rename(&from, &to).map_err(|error| format!("{}: {error}", to.display()))?;
            }
        }
        outcome
    }

    /// The initramfs: the system, and behind it what this run adds.
    fn bake(&self, names: &[&str]) -> Result<Vec<u8>, String> {
        let mut archive = Archive::default();
        archive.folder("lab");
        archive.folder("lab/scenarios");
        let only: Vec<_> = self.only.iter().map(|contender| contender.name()).collect();
        archive.file("lab/plan", format!("{}\n{}\n", only.join(" "), names.join("\n")).as_bytes());
        for name in names {
            let file = format!("{name}.toml");
            archive.file(&format!("lab/scenarios/{file}"), &read(&self.scenarios.join(&file))?);
        }
        archive.program("init", &read(&self.cache.join("init"))?);
        archive.program("lab/phcveth.ko", &read(&self.cache.join("phcveth.ko"))?);
        archive.program("lab/labclock", &read(&self.cache.join("labclock"))?);
        archive.program("lab/phclab-guest", &read(&self.guest)?);
        archive.program("lab/synchronome", &read(&self.daemon)?);
        let mut bytes = read(&self.cache.join("system.cpio"))?;
        bytes.extend(archive.finish());
        Ok(bytes)
    }

    fn qemu(&self, initramfs: &Path, results: &Path) -> Result<Child, String> {
        let share = format!("local,path={},mount_tag=results,security_model=none,multidevs=remap", results.display());
        let mut command = Command::new(QEMU);
        command
            .args(["-M", "q35,usb=off", "-accel", "tcg,thread=single", "-icount", "shift=2,sleep=off"])
            .args(["-cpu", "max,la57=off", "-smp", "1", "-m", "512", "-nodefaults", "-no-user-config"])
            .args(["-display", "none", "-no-reboot", "-nic", "none", "-serial", "stdio", "-rtc", RTC])
            .args(["-seed", &self.seed.to_string()])
            .arg("-kernel")
            .arg(self.cache.join("vmlinux"))
            .arg("-initrd")
            .arg(initramfs)
            .args(["-append", &format!("{KERNEL_WORDS} {GUEST_WORD}")])
            .args(["-virtfs", &share])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        command.spawn().map_err(|error| format!("{QEMU}: {error}"))
    }

    /// Hears the guest until it ends or its time is over.
    fn listen(
        &self,
        number: usize,
        qemu: &mut Child,
        time_max: Duration,
        console: &mut File,
        hear: &impl Fn(&ScenarioReport),
    ) -> Result<(), String> {
        let stdout = qemu.stdout.take().expect("it was asked for");
        let (send, lines) = channel();
        // It ends with the pipe, which ends with QEMU.
        thread::spawn(move || {
            let lines = BufReader::new(stdout).split(b'\n').map_while(Result::ok);
            let _ = lines.map(|line| send.send(line)).take_while(Result::is_ok).count();
        });
        let begin = Instant::now();
        let mut is_over = false;
        loop {
            let line = match lines.recv_timeout(time_max.saturating_sub(begin.elapsed())) {
                Ok(line) => String::from_utf8_lossy(&line).trim_end().to_owned(),
                Err(RecvTimeoutError::Disconnected) if is_over => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => return Err("it ended before its scenarios did".to_owned()),
                Err(RecvTimeoutError::Timeout) => return Err(format!("it did not end within {time_max:?}")),
            };
            let seconds = begin.elapsed().as_secs_f64();
            writeln!(console, "[{seconds:7.2}] {line}").map_err(|error| format!("console.txt: {error}"))?;
            is_over |= line == END_MARK;
            if let Some(json) = line.strip_prefix(REPORT_MARK) {
                let report = serde_json::from_str(json).map_err(|error| format!("{error} in {json}"))?;
                hear(&report);
            } else if self.verbose && !line.is_empty() {
                println!("[guest {number} {seconds:7.2}] {line}");
            }
        }
    }
}
