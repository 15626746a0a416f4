//! The emulated machine: how QEMU boots it.
//!
//! `-icount` makes virtual time a count of instructions, so that a loaded host makes a guest slower and never different.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The emulator.
pub const QEMU: &str = "qemu-system-x86_64";
/// Fixed, so that the guest does not depend on the host's clock.
const RTC: &str = "base=2026-01-01T00:00:00,clock=vm";
/// The kernel's own command line; each word saves boot time or keeps the host out.
const KERNEL_WORDS: &str = "console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off random.trust_cpu=on \
                            net.ifnames=0 norandmaps cryptomgr.notests \
                            initcall_blacklist=load_system_certificate_list,init_blk_tracer";

/// A machine without a network and without a disk, whose console is stdout.
#[derive(Clone, Copy, Debug)]
pub struct Machine<'a> {
    /// Where [`setup`] has put the kernel.
    pub folder: &'a Path,
    /// Seed of its random numbers.
    pub seed: u32,
    /// Its memory, in MiB; the initramfs lies in it.
    pub memory_mb: u32,
    /// More words for the kernel.
    pub words: &'a str,
}

impl Machine<'_> {
    /// The command that boots it with such an initramfs, and ends when it is switched off.
    pub fn command(&self, initramfs: &Path) -> Command {
        let mut command = Command::new(QEMU);
        command
            .args(["-M", "q35,usb=off", "-accel", "tcg,thread=single", "-icount", "shift=2,sleep=off"])
            .args(["-cpu", "max,la57=off", "-smp", "1", "-nodefaults", "-no-user-config"])
            .args(["-display", "none", "-no-reboot", "-nic", "none", "-serial", "stdio", "-rtc", RTC])
            .args(["-m", &self.memory_mb.to_string(), "-seed", &self.seed.to_string()])
            .arg("-kernel")
            .arg(self.folder.join("vmlinux"))
            .arg("-initrd")
            .arg(initramfs)
            .args(["-append", &format!("{KERNEL_WORDS} {}", self.words)]);
        command
    }
}

/// The suites of Debian whose kernels guests can be booted with; the first is the usual one.
pub const KERNELS: [&str; 3] = ["bookworm", "trixie", "trixie-backports"];

/// Makes what guests with a suite's kernel are booted from, if it is not there yet; returns its folder. `None`: what the
/// environment says (`PHCLAB_KERNEL`), else the first of [`KERNELS`].
///
/// # Errors
/// That it failed; it has said why.
pub fn setup(kernel: Option<&str>) -> Result<PathBuf, String> {
    let setup = Path::new(env!("CARGO_MANIFEST_DIR")).join("setup");
    let problem = |what: String| format!("{}: {what}", setup.display());
    let mut command = Command::new(&setup);
    command.arg("--print").stdin(Stdio::null()).stderr(Stdio::inherit());
    if let Some(kernel) = kernel {
        command.env("PHCLAB_KERNEL", kernel);
    }
    let output = command.output().map_err(|error| problem(error.to_string()))?;
    if !output.status.success() {
        return Err(problem(output.status.to_string()));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines().last().map(PathBuf::from).ok_or_else(|| problem("it names no folder".to_owned()))
}
