//! Keeping the daemon's memory resident.

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use synchronome_kernel::memory::{give_back_free, let_go_of_code, let_go_of_stack, lock_all};

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
    // The start has read a configuration, and what it was read by is gone.
    give_back_free();
    lock_all().err().map(|error| format!("memory is not locked: {error} (a page fault may delay an answer)"))
}

/// Lets go of the memory, the stack and the code that only the start has needed; what is used comes back within a round or two of each thread, and is locked then as before.
///
/// Where that is not possible (a kernel before 5.18, with locked memory) it stays, which does no harm.
pub fn let_go_of_the_start() {
    give_back_free();
    let _ = (let_go_of_stack(), let_go_of_code());
}

fn may_lock() -> bool {
    const CAP_IPC_LOCK: u32 = 14;
    super::host::has_capability(CAP_IPC_LOCK)
}
