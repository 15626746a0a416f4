//! What a reference clock of the configuration needs and this machine does not have.

use synchronome_kernel::page::Page;

use crate::config::RefclockDevice;
use crate::wire::refclock::shm;

/// What of a reference clock is not there: the key that names it, what, and what to do.
pub(super) fn lacking(device: &RefclockDevice) -> Option<(&'static str, String, String)> {
    match device {
        RefclockDevice::Shm { unit } => {
            let error = Page::attach(shm::KEY + i32::from(*unit), shm::SIZE).err()?;
            let remedy = "`run` waits for it; gpsd makes it when it starts, and units 0 and 1 are root's";
            Some(("unit", format!("shared memory segment {unit} cannot be read ({error})"), remedy.to_owned()))
        }
        RefclockDevice::Sock { path } => {
            let directory = path.parent().filter(|directory| !directory.is_dir())?;
            let message = format!("there is no directory {} to make the socket in", directory.display());
            Some(("path", message, format!("`run` waits for it; make it with `mkdir -p {}`", directory.display())))
        }
    }
}
