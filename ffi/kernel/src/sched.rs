//! Scheduling of the calling thread: what a timing thread sets once, before it starts to work.
//!
//! Pinning (`sched_setaffinity`) and locking memory (`mlockall`) are `nix`'s. What is here is the real-time class, which
//! `nix` has not, and a few questions in the units that the configuration uses.
//!
//! `SCHED_FIFO` runs a thread until it waits by itself. A timing thread that spins for ever with it takes the core from
//! everyone, the kernel's own threads included; the kernel's brake is `sched_rt_runtime_us` (95 % by default). So the
//! thread must sleep in `poll`, and the daemon has a watchdog.

use std::ffi::c_int;
use std::io;

use nix::sched::{CpuSet, sched_getaffinity, sched_getcpu};
use nix::sys::prctl;
use nix::unistd::{self, Pid};

/// The lowest and the highest priority of `SCHED_FIFO` on Linux (sched(7)).
pub const FIFO_PRIORITY: std::ops::RangeInclusive<u8> = 1..=99;

/// Puts the calling thread into the real-time class `SCHED_FIFO` (sched(7)); its children start as ordinary ones.
///
/// # Errors
/// `EINVAL` for a priority outside [`FIFO_PRIORITY`]; `EPERM` without `CAP_SYS_NICE` or a sufficient `RLIMIT_RTPRIO`.
pub fn set_fifo(priority: u8) -> io::Result<()> {
    set_scheduler(libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, priority)
}

/// Puts the calling thread back into the ordinary class `SCHED_OTHER`.
pub fn set_other() -> io::Result<()> {
    set_scheduler(libc::SCHED_OTHER, 0)
}

/// Puts the calling thread into the class `SCHED_IDLE` (sched(7)): it runs when nobody else wants its CPU.
pub fn set_idle() -> io::Result<()> {
    set_scheduler(libc::SCHED_IDLE, 0)
}

fn set_scheduler(policy: c_int, priority: u8) -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: priority.into() };
    // SAFETY: sched_setscheduler(2) reads one struct sched_param, which lives through the call; 0 is the calling thread.
    let result = unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The priority of the calling thread if it is in `SCHED_FIFO`, else `None`.
pub fn fifo_priority() -> io::Result<Option<u8>> {
    // SAFETY: sched_getscheduler(2) takes no pointer; 0 is the calling thread.
    let policy = unsafe { libc::sched_getscheduler(0) };
    if policy < 0 {
        return Err(io::Error::last_os_error());
    }
    if policy & !libc::SCHED_RESET_ON_FORK != libc::SCHED_FIFO {
        return Ok(None);
    }
    let mut parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: sched_getparam(2) writes one struct sched_param, which lives through the call; 0 is the calling thread.
    let result = unsafe { libc::sched_getparam(0, &raw mut parameters) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(u8::try_from(parameters.sched_priority).ok())
}

/// How long the calling thread, of the ordinary class, runs before others of that class have their turn, in ns: 100,000 to 100,000,000, to
/// which the kernel brings what is beyond.
///
/// It gets no more of the CPU by a shorter one, but sooner: when it wakes it need not wait for the end of a turn that is longer (EEVDF;
/// `sched_runtime` of sched_setattr(2) for `SCHED_OTHER`, Linux 6.12). Kernels before take it and do nothing. Needs no privilege.
///
/// # Errors
/// Those of sched_setattr(2); `EINVAL` for a thread that is not in the ordinary class.
pub fn set_slice(nanoseconds: u64) -> io::Result<()> {
    let mut attributes = attributes()?;
    if attributes.sched_policy.cast_signed() != libc::SCHED_OTHER {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    attributes.sched_runtime = nanoseconds;
    // SAFETY: sched_setattr(2) reads one struct sched_attr, whose size is in it and which lives through the call; 0 is the calling thread.
    let result = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// How long the calling thread runs before others have their turn, in ns; 0 by kernels that do not know (before Linux 6.12).
///
/// # Errors
/// Those of sched_getattr(2).
pub fn slice() -> io::Result<u64> {
    Ok(attributes()?.sched_runtime)
}

fn attributes() -> io::Result<libc::sched_attr> {
    const SIZE: u32 = size_of::<libc::sched_attr>() as u32;
    let mut attributes = libc::sched_attr {
        size: SIZE,
        sched_policy: 0,
        sched_flags: 0,
        sched_nice: 0,
        sched_priority: 0,
        sched_runtime: 0,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: sched_getattr(2) writes at most the size that it is told, of a struct that lives through the call; 0 is the calling thread.
    let result = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, SIZE, 0) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(attributes) }
}

/// The CPU that the calling thread runs on at this moment; without pinning it may be another one by the next line.
pub fn current_cpu() -> io::Result<usize> {
    Ok(sched_getcpu()?)
}

/// The CPUs that the calling thread may run on, in ascending order: those to which a thread can be pinned.
///
/// Not all of the machine's: containers and `taskset` narrow them, and the numbers may have gaps.
pub fn available_cpus() -> io::Result<Vec<usize>> {
    let allowed = sched_getaffinity(Pid::from_raw(0))?;
    Ok((0..CpuSet::count()).filter(|&cpu| allowed.is_set(cpu).unwrap_or(false)).collect())
}

/// The kernel's number of the calling thread, as `ps -L` and `/proc/self/task` show it (gettid(2)).
pub fn thread_id() -> u32 {
    unistd::gettid().as_raw().cast_unsigned()
}

/// How late the kernel may wake the calling thread from a timed wait, to save power; in ns, at least 1.
///
/// The default is 50,000: it is added to the latency of every `poll` with a deadline. Threads in `SCHED_FIFO` have none
/// whatever is set (PR_SET_TIMERSLACK(2const)).
///
/// # Errors
/// `EINVAL` for 0, which the kernel would take for "back to the default".
pub fn set_timer_slack(nanoseconds: u32) -> io::Result<()> {
    if nanoseconds == 0 {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    Ok(prctl::set_timerslack(nanoseconds.into())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_cpu_is_one_of_the_available() {
        let available = available_cpus().expect("a set");
        assert!(available.contains(&current_cpu().expect("a CPU")), "{available:?}");
        assert!(available.is_sorted());
    }

    #[test]
    fn each_thread_has_its_own_id() {
        let here = thread_id();
        let there = std::thread::spawn(thread_id).join().expect("the thread ends");
        assert_ne!(here, there);
        assert_eq!(here, thread_id());
    }

    #[test]
    fn a_priority_out_of_range_is_refused() {
        for priority in [0, 100, 255] {
            let error = set_fifo(priority).expect_err("out of range");
            assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
        }
        assert_eq!(fifo_priority().expect("readable"), None);
    }

    #[test]
    fn fifo_is_set_for_this_thread_or_refused_for_want_of_a_capability() {
        let worker = || match set_fifo(3) {
            Ok(()) => {
                assert_eq!(fifo_priority().expect("readable"), Some(3));
                set_other().expect("the way back needs no privilege");
                assert_eq!(fifo_priority().expect("readable"), None);
            }
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(libc::EPERM));
                assert_eq!(fifo_priority().expect("readable"), None);
            }
        };
        std::thread::spawn(worker).join().expect("the thread ends");
        assert_eq!(fifo_priority().expect("readable"), None, "other threads stay as they were");
    }

    #[test]
    fn a_slice_is_set_for_this_thread_and_kept_in_its_range() {
        let worker = || {
            let before = slice().expect("readable");
            set_slice(200_000).expect("no privilege needed");
            let after = slice().expect("readable");
            // A kernel that does not know of slices says 0 before and after.
            assert!(after == 200_000 || (before, after) == (0, 0), "{before} {after}");
            set_slice(1).expect("brought into the range");
            assert!(matches!(slice().expect("readable"), 0 | 100_000));
        };
        std::thread::spawn(worker).join().expect("the thread ends");
        assert!(!matches!(slice().expect("readable"), 100_000 | 200_000), "other threads stay as they were");
    }

    #[test]
    fn a_slice_is_not_for_threads_of_another_class() {
        let worker = || {
            set_idle().expect("no privilege needed");
            assert_eq!(set_slice(200_000).expect_err("not ordinary").raw_os_error(), Some(libc::EINVAL));
        };
        std::thread::spawn(worker).join().expect("the thread ends");
    }

    #[test]
    fn timer_slack_is_set_and_zero_is_refused() {
        let worker = || {
            set_timer_slack(1).expect("no privilege needed");
            assert_eq!(prctl::get_timerslack().expect("readable"), 1);
            assert!(set_timer_slack(0).is_err());
            assert_eq!(prctl::get_timerslack().expect("readable"), 1);
        };
        std::thread::spawn(worker).join().expect("the thread ends");
    }
}
