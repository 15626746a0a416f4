//! System calls that a filter has refused (seccomp(2)): who made them, and which.
//!
//! A filter that answers `SECCOMP_RET_TRAP` does not run the call, and sends the thread SIGSYS. The handler here writes down the call's number and
//! the thread, and lets the call fail with EPERM, so that the thread goes on as if the kernel had said so. It is kept in a table without locks; who
//! may log asks for it now and then. To log in the handler is out of the question: it may have interrupted the allocator.

use std::ffi::{c_int, c_long, c_void};
use std::io;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// Different calls, or the same of different threads, that are kept.
pub const REFUSALS_MAX: usize = 32;

/// A call that was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused {
    /// Its number, as `SYS_socket`.
    pub call: u32,
    /// The thread that made it.
    pub thread: u32,
    /// How often.
    pub times: u32,
}

struct Row {
    /// The number plus one in the upper half, the thread in the lower; 0: free.
    key: AtomicU64,
    times: AtomicU32,
}

static TABLE: [Row; REFUSALS_MAX] = [const { Row { key: AtomicU64::new(0), times: AtomicU32::new(0) } }; REFUSALS_MAX];

fn note(call: u32, thread: u32) {
    let key = (u64::from(call) + 1) << 32 | u64::from(thread);
    for row in &TABLE {
        let found = row.key.compare_exchange(0, key, Ordering::AcqRel, Ordering::Acquire);
        if found.is_ok() || found == Err(key) {
            row.times.fetch_add(1, Ordering::AcqRel);
            return;
        }
    }
}

/// All that were refused since the start, the first one first; at most [`REFUSALS_MAX`].
pub fn refused() -> impl Iterator<Item = Refused> {
    TABLE.iter().map_while(|row| {
        let key = row.key.load(Ordering::Acquire);
        let call = ((key >> 32) as u32).checked_sub(1)?;
        Some(Refused { call, thread: key as u32, times: row.times.load(Ordering::Acquire) })
    })
}

/// The first words of a `siginfo_t` of SIGSYS on 64-bit machines (asm-generic/siginfo.h): signal, errno, code, padding, an address of two, the call.
type Words = [c_int; 7];
const CODE_AT: usize = 2;
const SYSCALL_AT: usize = 6;
/// `SYS_SECCOMP` of asm-generic/siginfo.h.
const SYS_SECCOMP: c_int = 1;

extern "C" fn on_refusal(_: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel hands a whole siginfo_t, 128 octets, to a handler with SA_SIGINFO (sigaction(2)); any bits are integers.
    let words = unsafe { info.cast::<Words>().read() };
    if words[CODE_AT] != SYS_SECCOMP {
        return;
    }
    let call = words[SYSCALL_AT];
    // SAFETY: gettid(2) takes no pointer and cannot fail, so that errno stays.
    let thread = unsafe { libc::syscall(libc::SYS_gettid) };
    note(call as u32, thread as u32);
    let answer = c_long::from(-libc::EPERM);
    // SAFETY: the third argument of such a handler is a ucontext_t, whose registers are taken back when it returns.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    #[cfg(target_arch = "x86_64")]
    {
        context.uc_mcontext.gregs[libc::REG_RAX as usize] = answer;
    }
    #[cfg(target_arch = "aarch64")]
    {
        context.uc_mcontext.regs[0] = answer as u64;
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        // No filter is put on here (runtime::privileges).
        let _ = (context, answer);
    }
}

/// From now on refused calls are written down, in all threads, and fail with EPERM. Without this such a call ends the process.
///
/// # Errors
/// sigaction(2)'s: our own bugs.
pub fn write_down() -> io::Result<()> {
    let action = SigAction::new(SigHandler::SigAction(on_refusal), SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: sigaction(2); the handler makes one system call and touches atomics and its own arguments, which is safe at any place.
    unsafe { sigaction(Signal::SIGSYS, &action) }?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_is_counted_for_each_call_and_thread() {
        note(41, 7);
        note(59, 7);
        note(41, 7);
        let seen: Vec<_> = refused().collect();
        assert_eq!(seen[0], Refused { call: 41, thread: 7, times: 2 });
        assert_eq!(seen[1], Refused { call: 59, thread: 7, times: 1 });
        for thread in 0..100 {
            note(0, thread);
        }
        assert_eq!(refused().count(), REFUSALS_MAX, "and no more are kept");
    }
}
