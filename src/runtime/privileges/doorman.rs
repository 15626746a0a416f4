//! What the doorman opens: see [`synchronome_kernel::doorman`].

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use caps::Capability;
use synchronome_kernel::doorman::{READ, READ_AND_WRITE, start};

use super::rights::Rights;
use super::{calls, filter, give_up_all_but};
use crate::config::{Config, RefclockDevice, SeccompMode};
use crate::runtime::memory;

/// Names of devices that are clocks; a number follows.
const CLOCKS: [&str; 4] = ["ptp", "pps", "rtc", "vmclock"];

/// Whether this is the path of a clock's device.
fn is_clock(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(OsStr::to_str) else { return false };
    let is_number = |rest: &str| !rest.is_empty() && rest.bytes().all(|octet| octet.is_ascii_digit());
    path.parent() == Some(Path::new("/dev")) && CLOCKS.iter().any(|kind| name.strip_prefix(kind).is_some_and(is_number))
}

/// The devices that the configuration names.
fn named(config: &Config) -> Vec<PathBuf> {
    let of_refclocks = config.refclocks.iter().filter_map(|clock| match &clock.device {
        RefclockDevice::Pps { path, .. } | RefclockDevice::VmClock { path } => Some(path.clone()),
        _ => None,
    });
    let page = match &config.clock.vmclock {
        crate::config::VmClock::Path(path) => Some(path.clone()),
        _ => None,
    };
    of_refclocks.chain(page).collect()
}

fn open(question: &[u8], named: &[PathBuf]) -> io::Result<OwnedFd> {
    let refused = || io::Error::from_raw_os_error(libc::EPERM);
    let (how, path) = question.split_first().ok_or_else(refused)?;
    let is_written = match *how {
        READ => false,
        READ_AND_WRITE => true,
        _ => return Err(refused()),
    };
    let path = Path::new(OsStr::from_bytes(path));
    let is_named = || named.iter().any(|known| known == path || known.canonicalize().is_ok_and(|known| known == path));
    let is_clock = is_clock(path);
    if !is_clock && !is_named() {
        return Err(refused());
    }
    if is_clock && !fs::symlink_metadata(path)?.file_type().is_char_device() {
        return Err(refused());
    }
    // Symbolic links were followed by who asks, with his own rights.
    let file = OpenOptions::new().read(true).write(is_written).custom_flags(libc::O_NOFOLLOW).open(path)?;
    Ok(file.into())
}

/// Forks it. What it keeps is the right to open what belongs to others, if we have that; it runs as whoever we are.
///
/// # Errors
/// The system's, in words.
pub(super) fn employ(config: &Config) -> Result<(), String> {
    let named = named(config);
    let program = match config.security.seccomp {
        SeccompMode::Off => None,
        SeccompMode::Enforce | SeccompMode::Log => filter::allowing_silently(calls::calls_of_doorman()).ok(),
    };
    let prepare = || {
        give_up_all_but(Rights::of(Capability::CAP_DAC_OVERRIDE)).map_err(io::Error::other)?;
        // It waits from now on, as a rule for ever.
        memory::let_go_of_the_start();
        program.as_ref().map_or(Ok(()), filter::put_on)
    };
    let started = start("synchronome-dev", prepare, |question| open(question, &named));
    started.map(|_| ()).map_err(|error| format!("the process that opens devices cannot be started: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errno_of(question: &[u8], named: &[PathBuf]) -> Option<i32> {
        open(question, named).err().map(|error| error.raw_os_error().unwrap_or(0))
    }

    #[test]
    fn only_clocks_and_what_the_configuration_names_are_opened() {
        for path in ["/dev/ptp0", "/dev/ptp12", "/dev/pps3", "/dev/rtc0", "/dev/vmclock0"] {
            assert!(is_clock(Path::new(path)), "{path}");
        }
        for path in [
            "/dev/ptp",
            "/dev/ptp0x",
            "/dev/../dev/ptp0",
            "/tmp/ptp0",
            "/dev/sda",
            "/dev/mem",
            "/dev/ptp0/ptp0",
            "ptp0",
        ] {
            assert!(!is_clock(Path::new(path)), "{path}");
        }
        let directory = tempfile::tempdir().unwrap();
        let page = directory.path().canonicalize().unwrap().join("page");
        fs::write(&page, "x").unwrap();
        let link = page.with_file_name("link");
        std::os::unix::fs::symlink(&page, &link).unwrap();
        let ask = |how: u8, path: &Path| [&[how], path.as_os_str().as_bytes()].concat();
        assert_eq!(errno_of(&ask(READ, &page), &[]), Some(libc::EPERM));
        assert_eq!(errno_of(&ask(READ, &page), std::slice::from_ref(&page)), None);
        assert_eq!(errno_of(&ask(READ, &page), std::slice::from_ref(&link)), None, "the name may be a link's");
        assert_eq!(errno_of(&ask(READ, Path::new("/dev/null")), &[]), Some(libc::EPERM));
        assert_eq!(errno_of(&ask(b'x', &page), std::slice::from_ref(&page)), Some(libc::EPERM));
        assert_eq!(errno_of(&[], &[]), Some(libc::EPERM));
        assert_eq!(errno_of(&ask(READ, Path::new("/dev/ptp999")), &[]), Some(libc::ENOENT));
    }
}
