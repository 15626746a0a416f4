//! The hypervisor's page of time, where the configuration and the machine have one.

use std::io;
use std::path::{Path, PathBuf};

use crate::clock::DisruptionWatch;
use crate::config::VmClock;

/// The first one: there is one of a machine.
const DEVICE: &str = "/dev/vmclock0";

/// Opens it; `Err` says in words why there is none though there should be.
pub(super) fn vmclock_of(config: &VmClock) -> Result<Option<(DisruptionWatch, PathBuf)>, String> {
    let (path, is_wanted) = match config {
        VmClock::Off => return Ok(None),
        VmClock::Auto => (Path::new(DEVICE), false),
        VmClock::Path(path) => (path.as_path(), true),
    };
    match DisruptionWatch::open(path) {
        Ok(watch) => Ok(Some((watch, path.to_owned()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_wanted => Ok(None),
        Err(error) => Err(format!(
            "the hypervisor's page of time {} cannot be used ({error}): that this machine was paused, moved or restored is seen by its sources only (clock.vmclock)",
            path.display()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_not_there_is_a_problem_only_if_it_was_asked_for() {
        assert!(vmclock_of(&VmClock::Off).unwrap().is_none());
        let problem = vmclock_of(&VmClock::Path(PathBuf::from("/no/vmclock0"))).unwrap_err();
        assert!(problem.contains("/no/vmclock0") && problem.contains("clock.vmclock"), "{problem}");
    }
}
