//! Keeping memory resident.
//!
//! A page fault between a packet and its answer costs microseconds, or milliseconds if the page was swapped out. What
//! `nix` offers of mlockall(2) lacks the flag that makes it cheap: with `MCL_ONFAULT` (Linux 4.4) a page is locked when
//! it is first touched, instead of all of every stack and arena at once.

use std::io;

/// Locks all pages of the process, present and future, as they are touched (mlockall(2)).
///
/// # Errors
/// `ENOMEM` where RLIMIT_MEMLOCK does not allow it; `EPERM` where it is 0. Nothing is locked then.
pub fn lock_all() -> io::Result<()> {
    let flags = libc::MCL_CURRENT | libc::MCL_FUTURE | libc::MCL_ONFAULT;
    // SAFETY: mlockall(2) takes flags and no pointer.
    let result = unsafe { libc::mlockall(flags) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
