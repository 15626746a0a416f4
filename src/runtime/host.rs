//! What the daemon finds out about the machine that it runs on; nothing here changes it.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::{SockaddrIn, SockaddrIn6, SockaddrStorage};

use crate::clock::{HostUtc, LeapList};
use crate::ptp::clock_identity;
use crate::time::{LeapTable, TaiUtc, Timestamp, Utc};
use crate::wire::ptp::ClockIdentity;

mod names;

pub use names::is_own_name;

/// The machine.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Host {
    /// Its name.
    pub name: String,
}

impl Host {
    /// This machine.
    pub fn this() -> Self {
        let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self { name: name.trim().to_owned() }
    }
}

/// TAI - UTC as the kernel knows it (adjtimex(2)); 0 means that nobody has told it.
pub fn kernel_tai_utc() -> Option<TaiUtc> {
    let offset = synchronome_kernel::adjtimex::read().ok()?.tai_offset_s;
    i16::try_from(offset).ok().filter(|offset| *offset != 0).map(TaiUtc)
}

/// What this host knows of TAI - UTC.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnownUtc {
    /// For the clocks.
    pub utc: HostUtc,
    /// Who knows it, in words.
    pub by: &'static str,
    /// What is the matter with that.
    pub problem: Option<String>,
}

/// The list of leap seconds; `None` if it is not there.
///
/// # Errors
/// What is the matter with it, in words.
pub fn leap_list(list: &Path) -> Result<Option<LeapTable>, String> {
    let name = list.display();
    match fs::read_to_string(list) {
        Ok(text) => LeapTable::parse(&text).map(Some).map_err(|error| format!("{name}: {error}; it is done without")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{name} cannot be read ({error}); it is done without")),
    }
}

/// What the kernel and the list of leap seconds say of TAI - UTC. Where they differ the list is right, since the kernel only
/// repeats what some program has told it; unless the list has expired.
pub fn host_utc(list: &Path, kernel: Option<TaiUtc>, now: Timestamp<Utc>) -> KnownUtc {
    let name = list.display();
    let (list, problem) = match leap_list(list) {
        Ok(list) => (list, None),
        Err(problem) => (None, Some(problem)),
    };
    let is_old = list.as_ref().is_some_and(|list| list.is_expired(now));
    let reach = list.as_ref().map(|list| LeapList::of(list, now));
    let listed = list.and_then(|list| list.offset_today(now));
    let expired = is_old.then(|| {
        format!("the list of leap seconds {name} has expired: of those to come it may lack some (update it: tzdata)")
    });
    let known = |tai_utc: Option<TaiUtc>, is_old, by| KnownUtc {
        utc: HostUtc { tai_utc, is_old, list: reach },
        by,
        problem: expired.clone(),
    };
    match (kernel, listed) {
        (Some(kernel), Some(listed)) if kernel == listed => {
            known(Some(listed), false, "the kernel and the list of leap seconds")
        }
        (Some(kernel), Some(listed)) => {
            let (taken, by) = if is_old { (kernel, "the kernel") } else { (listed, "the list of leap seconds") };
            let age = if is_old { " (expired)" } else { "" };
            let problem = format!(
                "TAI - UTC is {} s for the kernel and {} s in the list of leap seconds {name}{age}: {by} is believed",
                kernel.0, listed.0
            );
            KnownUtc { problem: Some(problem), ..known(Some(taken), false, by) }
        }
        (Some(kernel), None) => KnownUtc { problem, ..known(Some(kernel), false, "the kernel") },
        (None, Some(listed)) if is_old => known(Some(listed), true, "the list of leap seconds, which has expired,"),
        (None, Some(listed)) => known(Some(listed), false, "the list of leap seconds"),
        (None, None) => KnownUtc { problem, ..known(None, false, "nobody") },
    }
}

/// The clockIdentity of an instance whose first port is on `interface`.
///
/// The EUI-48 of the interface followed by two zero octets (IEEE 1588-2019 7.5.2.2.2: an EUI-48 is extended, not split
/// with FFFE as in 2008). An interface without a hardware address, as `lo`, gives a locally administered random one.
pub fn clock_identity_of(interface: &str, random: u64) -> ClockIdentity {
    mac_of(interface).map_or_else(|| random_identity(random), clock_identity)
}

/// Bits that nobody can guess: hashed with keys from the operating system's randomness.
pub fn random_bits() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}

/// A locally administered identity from random bits.
pub fn random_identity(random: u64) -> ClockIdentity {
    let mut octets = random.to_be_bytes();
    // Locally administered, and no group address.
    octets[0] = (octets[0] | 0x02) & 0xfe;
    ClockIdentity(octets)
}

/// Whether an interface has a link (its carrier in sysfs); an interface that does not say counts as having one.
pub fn has_link(interface: &str) -> bool {
    let carrier = fs::read_to_string(Path::new("/sys/class/net").join(interface).join("carrier"));
    // EINVAL while the interface is down.
    carrier.map_or_else(|error| error.kind() == io::ErrorKind::NotFound, |carrier| carrier.trim() != "0")
}

fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let mut octets = [0; 6];
    let mut parts = text.split(':');
    for octet in &mut octets {
        *octet = u8::from_str_radix(parts.next()?, 16).ok()?;
    }
    parts.next().is_none().then_some(octets)
}

/// The MAC address of an interface; `None` if it has none, as `lo`.
pub fn mac_of(interface: &str) -> Option<[u8; 6]> {
    let address = fs::read_to_string(Path::new("/sys/class/net").join(interface).join("address")).ok()?;
    parse_mac(address.trim()).filter(|address| *address != [0; 6])
}

/// The first IPv4 and the first IPv6 address of an interface.
///
/// # Errors
/// getifaddrs(3)'s.
pub fn addresses_of(interface: &str) -> io::Result<(Option<Ipv4Addr>, Option<Ipv6Addr>)> {
    let (mut v4, mut v6) = (None, None);
    for found in getifaddrs()?.filter(|found| found.interface_name == interface) {
        let address = found.address.as_ref();
        v4 = v4.or_else(|| address.and_then(|address| address.as_sockaddr_in()).map(SockaddrIn::ip));
        v6 = v6.or_else(|| address.and_then(|address| address.as_sockaddr_in6()).map(SockaddrIn6::ip));
    }
    Ok((v4, v6))
}

/// The interfaces that could carry PTP over UDP/IPv4: up, multicast, with an IPv4 address, not loopback.
///
/// # Errors
/// getifaddrs(3)'s.
pub fn multicast_interfaces() -> io::Result<Vec<String>> {
    usable_interfaces(|address| address.as_sockaddr_in().is_some())
}

/// The interfaces that could carry PTP of any transport: up, multicast, Ethernet, with or without an address, not loopback. Not the ports of a
/// bridge and the members of a bond: what they carry is the bridge's and the bond's.
///
/// # Errors
/// getifaddrs(3)'s.
pub fn ethernet_interfaces() -> io::Result<Vec<String>> {
    let mut names = usable_interfaces(|address| {
        address.as_link_addr().is_some_and(|link| link.hatype() == nix::libc::ARPHRD_ETHER)
    })?;
    let belongs = |name: &String| {
        let folder = Path::new("/sys/class/net").join(name);
        folder.join("brport").exists() || folder.join("bonding_slave").exists()
    };
    names.retain(|name| !belongs(name));
    Ok(names)
}

fn usable_interfaces(is_wanted: impl Fn(&SockaddrStorage) -> bool) -> io::Result<Vec<String>> {
    let mut found: Vec<String> = Vec::new();
    for interface in getifaddrs()? {
        let flags = InterfaceFlags::IFF_UP | InterfaceFlags::IFF_MULTICAST;
        let is_usable = interface.flags.contains(flags) && !interface.flags.contains(InterfaceFlags::IFF_LOOPBACK);
        let is_new = !found.contains(&interface.interface_name);
        if is_usable && is_new && interface.address.as_ref().is_some_and(&is_wanted) {
            found.push(interface.interface_name);
        }
    }
    Ok(found)
}

/// CAP_SYS_TIME, which adjusting CLOCK_REALTIME needs.
pub const CAP_SYS_TIME: u32 = 25;
/// Ports below this one need it, unless the host says otherwise (net.ipv4.ip_unprivileged_port_start).
const PRIVILEGED_PORTS: u16 = 1024;
/// Where the host says so.
const FIRST_FREE_PORT: &str = "/proc/sys/net/ipv4/ip_unprivileged_port_start";

/// Whether the kernel lets programs without privileges have their own packets back with the stamps of them: "1", unless somebody set it
/// (Documentation/admin-guide/sysctl/net.rst).
pub fn packets_may_come_back() -> bool {
    fs::read_to_string("/proc/sys/net/core/tstamp_allow_data").map_or(true, |value| value.trim() != "0")
}

/// The first port that everybody may open on this host.
pub fn first_free_port() -> u16 {
    first_free_port_in(&fs::read_to_string(FIRST_FREE_PORT).unwrap_or_default())
}

/// The same by the text of a host's `ip_unprivileged_port_start`.
pub fn first_free_port_in(text: &str) -> u16 {
    text.trim().parse().unwrap_or(PRIVILEGED_PORTS)
}

/// Whether this process has a capability, by its number in capabilities(7), effective.
pub fn has_capability(number: u32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    effective(&status).is_some_and(|effective| effective & (1 << number) != 0)
}

/// The effective capabilities in a process's status (proc_pid_status(5)).
pub fn effective(status: &str) -> Option<u64> {
    let bits = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(bits.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_and_the_list_of_leap_seconds_are_held_against_each_other() {
        let now = Timestamp::from_secs(1_770_000_000);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("leap-seconds.list");
        let known = |kernel: Option<i16>| {
            let known = host_utc(&path, kernel.map(TaiUtc), now);
            (known.utc.tai_utc.map(|tai_utc| tai_utc.0), known.utc.is_old, known.problem)
        };
        assert_eq!(known(None), (None, false, None), "neither");
        assert_eq!(known(Some(37)), (Some(37), false, None), "the kernel alone");
        // Good until 2027.
        fs::write(&path, "#$ 3960489600\n#@ 4010000000\n3692217600 37\n").unwrap();
        assert_eq!((known(None), known(Some(37))), ((Some(37), false, None), (Some(37), false, None)));
        let (taken, is_old, problem) = known(Some(36));
        assert_eq!((taken, is_old), (Some(37), false));
        let problem = problem.unwrap();
        assert!(
            problem.contains("36 s for the kernel and 37 s")
                && problem.ends_with("the list of leap seconds is believed")
        );
        // Until 2019.
        fs::write(&path, "#@ 3771000000\n3692217600 37\n").unwrap();
        let (taken, is_old, problem) = known(None);
        assert_eq!((taken, is_old), (Some(37), true));
        assert!(problem.unwrap().contains("has expired"));
        let (taken, is_old, problem) = known(Some(38));
        assert_eq!((taken, is_old), (Some(38), false));
        assert!(problem.unwrap().contains("(expired): the kernel is believed"));
        fs::write(&path, "nonsense").unwrap();
        let (taken, _, problem) = known(Some(37));
        assert!(taken == Some(37) && problem.unwrap().contains("leap-seconds.list: line 1"));
    }

    #[test]
    fn an_identity_is_the_hardware_address_and_two_zero_octets() {
        assert_eq!(parse_mac("00:1b:21:aa:bb:cc"), Some([0, 0x1b, 0x21, 0xaa, 0xbb, 0xcc]));
        assert_eq!(parse_mac("00:1b:21:aa:bb"), None);
        assert_eq!(parse_mac("00:1b:21:aa:bb:cc:dd"), None);
        let lo = clock_identity_of("lo", 0xffff_ffff_ffff_ffff);
        assert_eq!(lo.0[0] & 0x03, 0x02, "locally administered, not a group");
    }
}
