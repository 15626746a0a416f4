//! Becoming a user that is nobody's, and what is his then.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use caps::Capability;
use nix::fcntl::AtFlags;
use nix::unistd::{Gid, Uid, User, chown, fchownat, geteuid, initgroups, setresgid, setresuid};

use crate::config::SecurityConfig;

/// Whom to become; `None`: it stays as it is.
///
/// # Errors
/// The configuration names a user that there is not, or one that only root can become.
pub fn wanted(security: &SecurityConfig) -> Result<Option<User>, String> {
    let is_root = geteuid().is_root();
    let look_up =
        |name: &str| User::from_name(name).map_err(|errno| format!("the user {name:?} cannot be looked up ({errno})"));
    match security.user.as_deref() {
        // Without a list of users, as in a small container, there is none.
        None if is_root && may_change() => Ok(look_up(SecurityConfig::USER).unwrap_or(None)),
        None => Ok(None),
        Some(name) => match look_up(name)? {
            Some(user) if user.uid == geteuid() => Ok(None),
            Some(user) if is_root => Ok(Some(user)),
            Some(_) => Err(format!(
                "security.user is {name:?}: only root can become another user; leave it out, or start it as root"
            )),
            None => Err(format!(
                "security.user is {name:?}, and there is no such user; make it (useradd --system --shell /usr/sbin/nologin {name}), or write \"root\""
            )),
        },
    }
}

/// Whether we may become another user at all: a container's root may not, mostly.
pub fn may_change() -> bool {
    let held = super::held().unwrap_or_default();
    [Capability::CAP_SETUID, Capability::CAP_SETGID].into_iter().all(|capability| held.has(capability))
}

/// Becomes him, for good; the caller has asked to keep the capabilities of before (`PR_SET_KEEPCAPS`).
///
/// # Errors
/// The system's, in words.
pub fn become_user(user: &User) -> Result<(), String> {
    let said =
        |what: &'static str| move |errno: nix::Error| format!("cannot become the user {}: {what}: {errno}", user.name);
    let name = std::ffi::CString::new(user.name.as_str()).map_err(|error| error.to_string())?;
    initgroups(&name, user.gid).map_err(said("his groups"))?;
    setresgid(user.gid, user.gid, user.gid).map_err(said("his group"))?;
    setresuid(user.uid, user.uid, user.uid).map_err(said("his number"))
}

/// What is found in a directory of ours.
fn is_ours(name: &str) -> bool {
    matches!(name, "status.sock" | "control.sock" | "traces")
        || name.starts_with("frequency-")
        || Path::new(name).extension().is_some_and(|kind| kind == "trace")
}

/// Makes a directory, or hands one over that root has made, with what is in it: to him who writes there from now on. Root takes it from whoever
/// has it, who wrote there before.
///
/// Only what is root's alone is handed over, so that nobody can have put a link there; only files that are ours; and no directory in which
/// there is something else: somebody may have named one of the system's.
///
/// # Errors
/// Why he cannot write there, in words.
pub fn hand_over(directory: &Path, user: &User) -> Result<(), String> {
    let said = |error: &dyn std::fmt::Display| {
        format!("{} cannot be given to the user {}: {error}", directory.display(), user.name)
    };
    match fs::symlink_metadata(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(directory).map_err(|error| said(&error))?;
            return chown(directory, Some(user.uid), Some(user.gid)).map_err(|error| said(&error));
        }
        Err(error) => return Err(said(&error)),
        Ok(found) if found.uid() == user.uid.as_raw() => return Ok(()),
        Ok(found) if !found.is_dir() => return Err(said(&"it is no directory")),
        Ok(found) if !user.uid.is_root() && (found.uid() != 0 || found.permissions().mode() & 0o022 != 0) => {
            // His group's, or everybody's: then he may write there as it is.
            let may_write = found.permissions().mode() & 0o002 != 0
                || found.gid() == user.gid.as_raw() && found.permissions().mode() & 0o020 != 0;
            return if may_write { Ok(()) } else { Err(said(&"it is neither his nor root's alone")) };
        }
        Ok(_) => {}
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(|error| said(&error))?.flatten() {
        if !is_ours(&entry.file_name().to_string_lossy()) {
            return Err(said(&format!("{} is in it, which is not ours", entry.file_name().display())));
        }
        let found = entry.metadata().map_err(|error| said(&error))?;
        if found.is_dir() || found.is_file() && found.nlink() == 1 {
            files.push(entry.path());
        }
    }
    for path in files.iter().map(std::path::PathBuf::as_path).chain([directory]) {
        give(path, user.uid, user.gid).map_err(|error| said(&error))?;
    }
    Ok(())
}

fn give(path: &Path, user: Uid, group: Gid) -> nix::Result<()> {
    fchownat(nix::fcntl::AT_FDCWD, path, Some(user), Some(group), AtFlags::AT_SYMLINK_NOFOLLOW)
}
