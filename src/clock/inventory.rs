//! The hardware clocks (PHC) of this machine, by names that mean something.
//!
//! `/dev/ptp0` is whichever driver came first at this boot. A person means a clock by the interface that it stamps for, or
//! by its driver's `clock_name`; so does a configuration. The number is what the name leads to.
//!
//! Which interfaces share a clock is what their drivers say (`ETHTOOL_GET_TS_INFO`): nothing is disturbed to find it out. A card may have
//! several that can stamp for it (its own, its PHY's; Linux 6.14), of which one is selected: the others are listed as what they are.
//! Interfaces in other network namespaces are not seen, but their clocks are.

use std::fmt;
use std::io;

use nix::net::if_::if_nameindex;
use synchronome_kernel::nic::{self, DriverInfo};
use synchronome_kernel::phc::{Phc, PhcInfo, phc_list};

/// Clocks of hypervisors, by how their clock_name begins: what their host keeps right, and a guest can only read. Drivers ptp_kvm, hv_utils, ptp_vmw,
/// ptp_vmclock, ena.
const OF_HYPERVISORS: [&str; 5] = ["KVM virtual PTP", "hyperv", "ptp_vmw", "vmclock", "ena-ptp"];

/// A hardware clock, and what it belongs to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HardwareClock {
    /// What sysfs says of it.
    pub info: PhcInfo,
    /// The interfaces of this network namespace whose packets it stamps: the ports of the card (several may share a clock),
    /// then what stands on them (VLANs, a bond).
    pub interfaces: Vec<String>,
    /// The interfaces whose packets it would stamp if it were selected for them, in place of another clock that is (Linux 6.14).
    pub selectable_for: Vec<String>,
    /// The driver of the device, or of the first of the interfaces.
    pub driver: Option<String>,
    /// Where the device is: a PCI address, or what else names it in sysfs.
    pub bus: Option<String>,
}

impl HardwareClock {
    /// The name by which a person would call it: its first interface, else its `clock_name`.
    pub fn name(&self) -> &str {
        self.interfaces.first().unwrap_or(&self.info.name)
    }

    /// Whether a hypervisor has it: its host keeps it right.
    pub fn is_of_a_hypervisor(&self) -> bool {
        OF_HYPERVISORS.iter().any(|known| self.info.name.starts_with(known))
    }

    /// Opens it.
    ///
    /// # Errors
    /// Those of [`Phc::open`].
    pub fn open(&self) -> io::Result<Phc> {
        Phc::open(self.info.index)
    }
}

impl fmt::Display for HardwareClock {
    /// `eth0 (igb, /dev/ptp0)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second = if self.interfaces.is_empty() { None } else { Some(&self.info.name) };
        let second = second.map(|name| format!("{name}, ")).unwrap_or_default();
        write!(f, "{} ({second}/dev/ptp{})", self.name(), self.info.index)
    }
}

/// All hardware clocks, by number.
///
/// # Errors
/// Those of reading sysfs or of listing the interfaces.
pub fn hardware_clocks() -> io::Result<Vec<HardwareClock>> {
    let mut found = Vec::new();
    let mut offered = Vec::new();
    for interface in &if_nameindex()? {
        let name = interface.name().to_string_lossy().into_owned();
        if let Some(index) = clock_of(&name) {
            // A card's own port names its clock; a bond or a VLAN above it has the clock only for now.
            found.push((nic::lower_interface(&name).is_some(), name.clone(), index));
        }
        // A kernel that knows of one clock for each card names none here.
        let all = nic::providers(&name).unwrap_or_default();
        offered.extend(all.into_iter().map(|offered| (name.clone(), offered.provider.phc_index)));
    }
    found.sort();
    let stamped: Vec<_> = found.into_iter().map(|(_, name, index)| (name, index)).collect();
    Ok(phc_list()?.into_iter().map(|info| describe(info, &stamped, &offered, nic::driver)).collect())
}

/// The number of the clock that stamps an interface's packets. A bond's is its active slave's, which not every kernel says
/// by itself.
fn clock_of(interface: &str) -> Option<u32> {
    /// A VLAN on a bond is two; nobody stacks many.
    const DEPTH_MAX: usize = 4;
    let mut name = interface.to_owned();
    for _ in 0..DEPTH_MAX {
        if let Some(index) = nic::timestamping_info(&name).ok().and_then(|info| info.phc_index) {
            return Some(index);
        }
        name = nic::lower_interface(&name)?;
    }
    None
}

fn describe(
    info: PhcInfo,
    stamped: &[(String, u32)],
    offered: &[(String, u32)],
    driver_of: impl Fn(&str) -> io::Result<DriverInfo>,
) -> HardwareClock {
    let of_it = |all: &[(String, u32)]| -> Vec<String> {
        all.iter().filter(|(_, index)| *index == info.index).map(|(name, _)| name.clone()).collect()
    };
    let interfaces = of_it(stamped);
    let mut selectable_for = of_it(offered);
    selectable_for.retain(|name| !interfaces.contains(name));
    // It may stamp for one interface at two places.
    selectable_for.dedup();
    let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
    let device = info.device.as_deref().filter(|_| !info.is_virtual());
    let linked = device.and_then(|device| std::fs::read_link(device.join("driver")).ok());
    let asked = interfaces.first().and_then(|name| driver_of(name).ok());
    HardwareClock {
        driver: linked
            .and_then(|link| link.file_name().map(text))
            .or_else(|| asked.map(|info| info.driver))
            .filter(|driver| !driver.is_empty()),
        bus: device.and_then(std::path::Path::file_name).map(text),
        interfaces,
        selectable_for,
        info,
    }
}

/// Why a name leads to no clock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoSuchClock {
    /// It is an interface's name, and the interface has no clock.
    WithoutClock(String),
    /// Nothing is called that; these names there are.
    Unknown(String, Vec<String>),
    /// It is the `clock_name` of several; these are their own names.
    Ambiguous(String, Vec<String>),
}

impl fmt::Display for NoSuchClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WithoutClock(name) => {
                write!(f, "interface {name} has no hardware clock (`ethtool -T {name}` shows what its driver offers)")
            }
            Self::Unknown(name, names) => {
                write!(f, "no clock is called {name:?}; there are: {}", names.join(", "))
            }
            Self::Ambiguous(name, names) => {
                write!(f, "several clocks are called {name:?}; name one by its interface: {}", names.join(", "))
            }
        }
    }
}

/// The clock of this name: an interface, a `clock_name`, or `ptpN` (with `/dev/` or without).
///
/// A number is good for a question that is asked now, since nothing is set by it and the answer shows whose clock that is.
/// A configuration, which is read again after the next boot, does not take one.
///
/// # Errors
/// [`NoSuchClock`].
pub fn find<'a>(clocks: &'a [HardwareClock], name: &str) -> Result<&'a HardwareClock, NoSuchClock> {
    if let Some(clock) = clocks.iter().find(|clock| clock.interfaces.iter().any(|interface| interface == name)) {
        return Ok(clock);
    }
    let called: Vec<_> = clocks.iter().filter(|clock| clock.info.name == name).collect();
    match called[..] {
        [clock] => return Ok(clock),
        [] => {}
        _ => {
            let names = called.iter().map(|clock| own_name(clock)).collect();
            return Err(NoSuchClock::Ambiguous(name.to_owned(), names));
        }
    }
    let number = name.strip_prefix("/dev/").unwrap_or(name).strip_prefix("ptp").and_then(|n| n.parse().ok());
    if let Some(clock) = clocks.iter().find(|clock| Some(clock.info.index) == number) {
        return Ok(clock);
    }
    if nic::mac_address(name).is_ok() {
        return Err(NoSuchClock::WithoutClock(name.to_owned()));
    }
    Err(NoSuchClock::Unknown(name.to_owned(), clocks.iter().map(own_name).collect()))
}

/// A name that leads to this clock and no other.
fn own_name(clock: &HardwareClock) -> String {
    match clock.interfaces.first() {
        Some(interface) => interface.clone(),
        None => format!("ptp{} ({})", clock.info.index, clock.info.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(index: u32, name: &str) -> PhcInfo {
        PhcInfo { index, name: name.into(), device: None, n_vclocks: 0, max_vclocks: 20, virtual_of: None }
    }

    fn machine() -> Vec<HardwareClock> {
        let stamped = [("eth0".to_owned(), 0), ("eth1".to_owned(), 0), ("eth2".to_owned(), 3)];
        let driver = |_: &str| {
            Ok(DriverInfo { driver: "igb".to_owned(), version: String::new(), bus_info: "0000:01:00.0".to_owned() })
        };
        // The clock of a PHY, which stamps for two ports, and is selected for none.
        let offered = [("eth0", 0), ("eth0", 5), ("eth0", 5), ("eth1", 5), ("eth2", 3)]
            .map(|(name, index)| (name.to_owned(), index));
        [info(0, "igb"), info(2, "KVM virtual PTP"), info(3, "igb"), info(5, "phy")]
            .map(|info| describe(info, &stamped, &offered, driver))
            .to_vec()
    }

    #[test]
    fn a_clock_that_is_not_selected_says_for_whom_it_could_be() {
        let clocks = machine();
        let of = |index: usize| (clocks[index].interfaces.len(), clocks[index].selectable_for.join(" "));
        assert_eq!(of(3), (0, "eth0 eth1".to_owned()));
        assert_eq!(of(0), (2, String::new()), "it is selected");
        assert_eq!(of(1), (0, String::new()));
    }

    #[test]
    fn a_hypervisors_clock_is_known_by_its_name() {
        let of_hypervisors = ["KVM virtual PTP", "hyperv", "ptp_vmw", "vmclock0", "ena-ptp-05"];
        let of_cards = ["igb", "mlx5_ptp", "virtio-ptp", "ptp virtual clock", "vm"];
        let known =
            |name: &&str| describe(info(0, name), &[], &[], |_| Err(io::ErrorKind::Other.into())).is_of_a_hypervisor();
        assert!(of_hypervisors.iter().all(known));
        assert!(!of_cards.iter().any(known));
    }

    #[test]
    fn a_shared_clock_is_one_with_two_interfaces() {
        let clocks = machine();
        assert_eq!(clocks[0].interfaces, ["eth0", "eth1"]);
        assert_eq!(clocks[0].driver.as_deref(), Some("igb"));
        assert_eq!(clocks[0].to_string(), "eth0 (igb, /dev/ptp0)");
        assert_eq!((clocks[1].to_string().as_str(), &clocks[1].driver), ("KVM virtual PTP (/dev/ptp2)", &None));
    }

    #[test]
    fn a_clock_is_found_by_interface_clock_name_and_number() {
        let clocks = machine();
        let number = |name| find(&clocks, name).map(|clock| clock.info.index);
        for (name, index) in
            [("eth1", 0), ("eth2", 3), ("KVM virtual PTP", 2), ("ptp3", 3), ("/dev/ptp2", 2), ("ptp0", 0)]
        {
            assert_eq!(number(name), Ok(index), "{name}");
        }
    }

    #[test]
    fn a_name_that_leads_nowhere_says_where_there_is_one() {
        let clocks = machine();
        let said = |name| find(&clocks, name).expect_err("none").to_string();
        assert!(said("igb").contains("several clocks are called \"igb\"; name one by its interface: eth0, eth2"));
        assert!(
            said("eht0").ends_with("there are: eth0, ptp2 (KVM virtual PTP), eth2, ptp5 (phy)"),
            "{}",
            said("eht0")
        );
        assert!(said("lo").contains("interface lo has no hardware clock"), "{}", said("lo"));
        for name in ["ptp1", "ptp", "/dev/ptp", "ptp-1", "0", ""] {
            assert!(matches!(find(&clocks, name), Err(NoSuchClock::Unknown(..))), "{name}");
        }
    }
}
