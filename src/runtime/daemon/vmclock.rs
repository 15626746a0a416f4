//! The hypervisor's page of time, where the configuration and the machine have one.

use std::io;
use std::path::{Path, PathBuf};

use crate::clock::{DisruptionWatch, GenerationNews};
use crate::config::VmClock;
use crate::observe::Level;

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

/// The kernel's news of the machine's generation ID, where the page does not tell that the machine was restored; and what there is to say of it.
pub(super) fn generation_of(
    config: &VmClock,
    page: Option<&DisruptionWatch>,
) -> (Option<GenerationNews>, Option<(Level, String)>) {
    if *config == VmClock::Off || page.is_some_and(DisruptionWatch::tells_of_snapshots) {
        return (None, None);
    }
    match GenerationNews::open() {
        Ok(None) => (None, None),
        Ok(news) => {
            let text = "the kernel tells by the generation ID (vmgenid) when this machine was restored from a snapshot";
            (news, Some((Level::Info, text.to_owned())))
        }
        Err(error) => {
            let text = format!(
                "what the kernel tells of the generation ID (vmgenid) cannot be heard ({error}): that this machine was restored from a snapshot is seen by its sources only"
            );
            (None, Some((Level::Warn, text)))
        }
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
