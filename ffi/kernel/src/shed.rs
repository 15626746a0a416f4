//! What a process sheds before it starts programs that somebody else has named: rights, descriptors, settings of signals.
//!
//! All of it is for good, and for all that the process starts from then on.

use std::io;

use nix::sys::prctl;

/// `_LINUX_CAPABILITY_VERSION_3` (linux/capability.h): two words for each set.
const VERSION_3: u32 = 0x2008_0522;
/// The highest capability that this looks for; the kernel says EINVAL to those that it does not know.
const CAPABILITY_MAX: libc::c_ulong = 63;

/// `struct __user_cap_header_struct`.
#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

/// Empties the bounding set, as far as that may be changed (CAP_SETPCAP): what is not in it, no program brings back.
pub fn bounding_set() {
    for capability in 0..=CAPABILITY_MAX {
        // SAFETY: prctl(2) with PR_CAPBSET_DROP takes numbers alone.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
    }
}

/// Gives up all capabilities, and with them what a program could bring back: no new privileges, nothing ambient, permitted, effective or
/// inheritable (capabilities(7)).
///
/// Root without capabilities is still the owner of root's files.
///
/// # Errors
/// prctl(2)'s and capset(2)'s.
pub fn capabilities() -> io::Result<()> {
    prctl::set_no_new_privs()?;
    // SAFETY: prctl(2) with PR_CAP_AMBIENT takes numbers alone.
    unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) };
    let header = Header { version: VERSION_3, pid: 0 };
    let none = [0_u32; 6];
    // SAFETY: capset(2) reads a header and two structs of three words each, which live through the call.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw const header, none.as_ptr()) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Closes all descriptors from this number on (close_range(2), Linux 5.9). Only for a process that has just begun, and has opened
/// none itself.
///
/// # Errors
/// ENOSYS of an older kernel.
pub fn descriptors_from(first: u32) -> io::Result<()> {
    // SAFETY: close_range(2) takes numbers alone; nobody here owns one of these descriptors yet.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Puts all signals back to what they do by default, and unblocks them; SIGPIPE alone stays ignored, for us.
///
/// # Errors
/// sigprocmask(2)'s.
pub fn signals() -> io::Result<()> {
    for signal in
        (1..=libc::SIGRTMAX()).filter(|signal| ![libc::SIGKILL, libc::SIGSTOP, libc::SIGPIPE].contains(signal))
    {
        // SAFETY: signal(2) with SIG_DFL installs no code of ours. EINVAL of those that are the C library's is no matter.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    Ok(nix::sys::signal::SigSet::empty().thread_set_mask()?)
}
