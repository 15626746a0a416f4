//! What a reference clock of the configuration needs and this machine does not have.

use synchronome_kernel::page::Page;

use crate::clock::VmClockReader;
use crate::clock::inventory::{find, hardware_clocks};
use crate::config::RefclockDevice;
use crate::runtime::refclock::vmclock_remedy;
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
        RefclockDevice::Pps { path, .. } => {
            let error = std::fs::File::open(path).err()?;
            let remedy =
                "`run` waits for it; `ls /sys/class/pps` shows those that there are (modprobe pps-ldisc, pps-gpio)";
            Some(("path", format!("{} cannot be opened ({error})", path.display()), remedy.to_owned()))
        }
        RefclockDevice::Extts { clock: name, .. } => {
            let clocks = hardware_clocks().unwrap_or_default();
            let error = find(&clocks, name).err()?;
            Some(("phc", error.to_string(), "`run` waits for it; `synchronome phc list` shows them".to_owned()))
        }
        RefclockDevice::Phc { name } => {
            let clocks = hardware_clocks().unwrap_or_default();
            let error = find(&clocks, name).err()?;
            Some(("clock", error.to_string(), "`run` waits for it; `synchronome phc list` shows them".to_owned()))
        }
        RefclockDevice::VmClock { path } => {
            let error = VmClockReader::open(path).err()?;
            let remedy = vmclock_remedy(error.raw_os_error().unwrap_or(0));
            Some((
                "path",
                format!("{} cannot be used ({error})", path.display()),
                format!("`run` waits for it{remedy}"),
            ))
        }
        // Whether somebody listens there is seen when he is asked.
        RefclockDevice::Gpsd { .. } => None,
    }
}
