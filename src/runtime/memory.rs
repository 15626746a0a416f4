//! Keeping the daemon's memory resident.

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use synchronome_kernel::memory::lock_all;

/// Locks all memory; returns a sentence if that was not possible.
///
/// Without CAP_IPC_LOCK there is a limit, and a process that locks all of its future memory under a limit can no longer
/// start threads once it is reached: better not to lock then.
pub fn lock() -> Option<String> {
    let is_unlimited = getrlimit(Resource::RLIMIT_MEMLOCK).is_ok_and(|(soft, _)| soft == RLIM_INFINITY);
    if !is_unlimited && !may_lock() {
        return Some(
            "memory is not locked: it needs CAP_IPC_LOCK or LimitMEMLOCK=infinity (a page fault may delay an answer)"
                .to_owned(),
        );
    }
    lock_all().err().map(|error| format!("memory is not locked: {error} (a page fault may delay an answer)"))
}

fn may_lock() -> bool {
    const CAP_IPC_LOCK: u32 = 14;
    super::host::has_capability(CAP_IPC_LOCK)
}
