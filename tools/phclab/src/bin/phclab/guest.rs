//! One guest: what is baked into its initramfs, and what it prints.
//!
//! No host input reaches it while it runs: all files ride in the initramfs, results are fetched after the end.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use phclab::GUEST_WORD;
use phclab::cpio::Archive;
use phclab::machine::{Machine, QEMU};
use phclab::report::{END_MARK, REPORT_MARK, ScenarioReport};
use phclab::scenario::Contender;

/// How long a boot and the end of a guest may take.
const BOOT_TIME_MAX: Duration = Duration::from_mins(2);
/// How long a second of virtual time may take, on a loaded host.
const SECONDS_PER_VIRTUAL_MAX: f64 = 0.5;

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
        let machine = Machine { folder: &self.cache, seed: self.seed, memory_mb: 512, words: GUEST_WORD };
        let mut command = machine.command(initramfs);
        command.args(["-virtfs", &share]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
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
