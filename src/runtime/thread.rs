//! Starting a timing thread.

use std::io;
use std::thread::{Builder, JoinHandle};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use synchronome_kernel::sched::{set_fifo, set_timer_slack};

use super::privileges::{ThreadKind, confine};
use crate::config::ThreadConfig;

/// Stack of a timing thread. They recurse nowhere, but the discipline moves its state of tens of kilobytes into place; what is
/// never touched is never resident.
const STACK_BYTES: usize = 1024 * 1024;
/// The kernel may lump our wake-ups together by this much; its default is 50 us.
const TIMER_SLACK_NS: u32 = 1_000;

/// What a thread could not get of what the configuration asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The core: it does not exist, or is outside of what we may use.
    Core(usize),
    /// SCHED_FIFO: it needs CAP_SYS_NICE or an RLIMIT_RTPRIO.
    Priority(u8),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Core(core) => write!(f, "CPU {core} is not available; the thread runs anywhere"),
            Self::Priority(priority) => write!(
                f,
                "SCHED_FIFO {priority} was refused; it needs CAP_SYS_NICE or LimitRTPRIO= (the thread runs at normal priority)"
            ),
        }
    }
}

/// Starts a thread with its core and priority, and from then on with what its kind may do; `refused` is told, on the new thread, what it could
/// not get.
///
/// # Errors
/// The system's: no memory, too many threads.
pub fn spawn_timing<R: Send + 'static>(
    name: &'static str,
    kind: ThreadKind,
    config: ThreadConfig,
    body: impl FnOnce(&[Option<Refusal>; 2]) -> R + Send + 'static,
) -> io::Result<JoinHandle<R>> {
    Builder::new().name(name.to_owned()).stack_size(STACK_BYTES).spawn(move || {
        let core = config.core.filter(|core| pin(*core).is_err());
        let priority = config.priority.filter(|priority| set_fifo(*priority).is_err());
        // Only a courtesy of the kernel is lost if this fails.
        let _ = set_timer_slack(TIMER_SLACK_NS);
        confine(kind);
        #[cfg(feature = "count-allocations")]
        let _slot = synchronome_kernel::alloc::register_thread(name);
        body(&[core.map(Refusal::Core), priority.map(Refusal::Priority)])
    })
}

/// Pins the calling thread to a CPU (sched_setaffinity(2)).
fn pin(core: usize) -> nix::Result<()> {
    let mut only = CpuSet::new();
    only.set(core)?;
    sched_setaffinity(Pid::from_raw(0), &only)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_thread_cannot_get_is_told_and_it_runs_all_the_same() {
        let config = ThreadConfig { core: Some(100_000), priority: None };
        let told = spawn_timing("test", ThreadKind::Simulation, config, |refused| *refused).unwrap().join().unwrap();
        assert_eq!(told, [Some(Refusal::Core(100_000)), None]);
    }
}
