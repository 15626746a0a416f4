//! The package in a Debian that systemd has booted: what only a whole machine can show.
//!
//! An emulated one, of the lab's kernel and with the lab's cards, so that the daemon steers a real kernel's clocks as the user, with the rights
//! and under the limits of its unit, and nobody else's. What is done there is a script, [`SCRIPT`]: an administrator's commands. Time there is
//! virtual: a minute of the watchdog's passes in a second, and a loaded host changes nothing.

use std::fs::{self, File, Permissions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use phclab::machine::{Machine, setup};

use super::{read, said, write};
use crate::ci::Outcome;

/// What is done there.
pub const SCRIPT: &str = "tools/xtask/src/package/booted.sh";
/// All of it, in a machine whose host has other work.
const TIME_MAX: Duration = Duration::from_mins(10);
/// Its files are in it.
const MEMORY_MB: u32 = 1_280;
/// What begins a line of the script, and what its last one is.
const MARK: &str = "proof: ";
const LAST: &str = "passed";
/// The script's place in systemd: when all else is up.
const UNIT: &str = "\
[Unit]
After=multi-user.target
[Service]
Type=idle
ExecStart=/proof/run
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
";
/// What nobody reads there.
const LEFT_OUT: [&str; 3] = ["usr/share/locale", "usr/share/doc", "usr/share/man"];

/// Boots a bare Debian, and tries the package there. `root` is the repository's, `out` where files may be left.
pub fn try_out(root: &Path, debian: &Path, deb: &Path, out: &Path) -> Outcome {
    let began = Instant::now();
    let lab = setup(None)?;
    let problem = |error: std::io::Error| format!("{}: {error}", debian.display());
    for folder in LEFT_OUT {
        fs::remove_dir_all(debian.join(folder)).map_err(problem)?;
    }
    let proof = debian.join("proof");
    fs::create_dir(&proof).map_err(problem)?;
    fs::copy(lab.join("phcveth.ko"), proof.join("phcveth.ko")).map_err(problem)?;
    fs::copy(deb, proof.join("synchronome.deb")).map_err(problem)?;
    write(&proof.join("run"), &read(&root.join(SCRIPT))?)?;
    fs::set_permissions(proof.join("run"), Permissions::from_mode(0o755)).map_err(problem)?;
    let units = debian.join("etc/systemd/system");
    write(&units.join("proof.service"), UNIT)?;
    fs::create_dir_all(units.join("graphical.target.wants")).map_err(problem)?;
    std::os::unix::fs::symlink("../proof.service", units.join("graphical.target.wants/proof.service"))
        .map_err(problem)?;

    let initramfs = out.join("booted.cpio");
    let mut pack = Command::new("sh");
    pack.current_dir(debian).args(["-c", "find . -print0 | cpio --null --create --format=newc --quiet >\"$0\""]);
    said(pack.arg(&initramfs))?;
    let words = "rdinit=/sbin/init systemd.show_status=0";
    let machine = Machine { folder: &lab, seed: 1, memory_mb: MEMORY_MB, words };
    let console = out.join("booted-console.txt");
    let outcome = listen(machine.command(&initramfs), &console);
    fs::remove_file(&initramfs).map_err(|error| format!("{}: {error}", initramfs.display()))?;
    let found = outcome?;
    println!(
        "package: in a booted Debian: {found} things found as they should be: {:.0} s",
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Runs it until it is switched off; returns how many things were found right.
fn listen(mut machine: Command, console: &Path) -> Result<usize, String> {
    let problem = |error: std::io::Error| format!("{}: {error}", console.display());
    let mut log = File::create(console).map_err(problem)?;
    let mut machine = machine
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", machine.get_program().display()))?;
    let stdout = machine.stdout.take().expect("it was asked for");
    let (send, lines) = channel();
    // It ends with the pipe, which ends with the machine.
    thread::spawn(move || {
        let lines = BufReader::new(stdout).split(b'\n').map_while(Result::ok);
        let _ = lines.map(|line| send.send(line)).take_while(Result::is_ok).count();
    });
    let began = Instant::now();
    let mut said = String::new();
    let mut heard = Heard::default();
    while let Ok(line) = lines.recv_timeout(TIME_MAX.saturating_sub(began.elapsed())) {
        let line = String::from_utf8_lossy(&line);
        writeln!(log, "{}", line.trim_end()).map_err(problem)?;
        said += line.trim_end();
        said.push('\n');
        heard.hear(line.trim_end());
    }
    let _ = machine.kill();
    let _ = machine.wait();
    heard.outcome().map_err(|reason| format!("{said}in a booted Debian: {reason}"))
}

/// What the script has said.
#[derive(Default)]
struct Heard {
    found: usize,
    last: Option<String>,
}

impl Heard {
    /// A line of the console; the prompt of a terminal may stand before what the script says.
    fn hear(&mut self, line: &str) {
        if let Some((_, text)) = line.split_once(MARK) {
            self.found += usize::from(text != LAST);
            self.last = Some(text.to_owned());
        }
    }

    fn outcome(self) -> Result<usize, String> {
        match self.last {
            Some(last) if last == LAST && self.found > 0 => Ok(self.found),
            Some(last) => Err(format!("the last that was heard is `{last}`")),
            None => Err("it said nothing".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(lines: &[&str]) -> Result<usize, String> {
        let mut heard = Heard::default();
        for line in lines {
            heard.hear(line);
        }
        heard.outcome()
    }

    #[test]
    fn only_what_was_said_to_have_passed_has_passed() {
        assert_eq!(heard(&["booting", "vm login: proof: it runs", "proof: it is LOCKED", "proof: passed"]), Ok(2));
        assert!(
            heard(&["proof: it runs", "proof: FAILED: it is LOCKED"]).unwrap_err().contains("FAILED: it is LOCKED")
        );
        assert!(heard(&["proof: it runs"]).is_err(), "it was cut off");
        assert!(heard(&["proof: passed"]).is_err(), "nothing was looked at");
        assert!(heard(&["Kernel panic"]).is_err());
    }
}
