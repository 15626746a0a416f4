//! Filters of system calls (seccomp(2)).

use std::collections::BTreeMap;
use std::io;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, SeccompRule, TargetArch, apply_filter};

use super::calls::{Allowed, CLONE3, processes};
use crate::config::SeccompMode;

/// The machine, if there are filters for it.
const fn arch() -> Option<TargetArch> {
    if cfg!(target_arch = "x86_64") {
        Some(TargetArch::x86_64)
    } else if cfg!(target_arch = "aarch64") {
        Some(TargetArch::aarch64)
    } else {
        None
    }
}

fn program(calls: Vec<Allowed>, otherwise: SeccompAction, then: SeccompAction) -> Result<BpfProgram, String> {
    let arch = arch().ok_or("there are none for this kind of machine")?;
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for (call, when) in calls {
        rules
            .entry(call)
            .and_modify(|known| {
                // Allowed whatever its arguments, by one of the two.
                if known.is_empty() || when.is_empty() {
                    known.clear();
                } else {
                    known.extend(when.iter().filter(|rule| !known.contains(rule)).cloned().collect::<Vec<_>>());
                }
            })
            .or_insert(when);
    }
    let filter = SeccompFilter::new(rules, otherwise, then, arch).map_err(|error| error.to_string())?;
    filter.try_into().map_err(|error: seccompiler::BackendError| error.to_string())
}

/// Lets these calls through, and treats others as the mode says; `None` where they are let through too.
///
/// # Errors
/// There is none for this machine.
pub fn allowing(calls: Vec<Allowed>, mode: SeccompMode) -> Result<Option<BpfProgram>, String> {
    let otherwise = match mode {
        SeccompMode::Enforce => SeccompAction::Trap,
        SeccompMode::Log => SeccompAction::Log,
        SeccompMode::Off => return Ok(None),
    };
    program(calls, otherwise, SeccompAction::Allow).map(Some)
}

/// The same for a process of few words: what is not let through fails with EPERM.
pub fn allowing_silently(calls: Vec<Allowed>) -> Result<BpfProgram, String> {
    program(calls, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow)
}

/// No more processes, and as if clone3(2) did not exist.
pub fn without_processes() -> Result<[BpfProgram; 2], String> {
    let fails =
        |call: Allowed, errno: i32| program(vec![call], SeccompAction::Allow, SeccompAction::Errno(errno as u32));
    Ok([fails(processes(), libc::EPERM)?, fails((CLONE3, Vec::new()), libc::ENOSYS)?])
}

/// Puts a filter on the calling thread, and on those that it will start; for good.
///
/// # Errors
/// seccomp(2)'s: a kernel without filters.
pub fn put_on(program: &BpfProgram) -> io::Result<()> {
    apply_filter(program).map_err(|error| match error {
        seccompiler::Error::Prctl(error) | seccompiler::Error::Seccomp(error) => error,
        other => io::Error::other(other.to_string()),
    })
}
