//! Hardware clocks and receivers, as devices that other daemons name.

use super::files::Files;

/// Devices that the kernel's drivers of hypervisors are known by, with their `clock_name`s.
const KNOWN: [(&str, &str); 2] = [("/dev/ptp_hyperv", "hyperv"), ("/dev/ptp_kvm", "KVM virtual PTP")];

/// The name of a hardware clock from what another daemon calls it: an interface, or a device, which is looked up here.
///
/// # Errors
/// That a device has a number, and no such clock is here to be named.
pub fn clock(device: &str, files: &dyn Files) -> Result<String, String> {
    if let Some((_, name)) = KNOWN.iter().find(|(known, _)| *known == device) {
        return Ok((*name).to_owned());
    }
    if !device.starts_with('/') {
        return Ok(device.to_owned());
    }
    files.clock_of(device).ok_or_else(|| {
        format!(
            "{device} is a number that changes from boot to boot, and there is no such clock here: name an interface \
             that it stamps for, or its clock_name (`synchronome phc list`)"
        )
    })
}
