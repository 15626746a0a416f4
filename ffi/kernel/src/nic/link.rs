//! What an interface is made of, by rtnetlink(7): one question, one answer, walked as byte ranges.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use nix::net::if_::if_indextoname;
use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket};

use super::attributes::{attribute, push};
use crate::uapi::field;
use crate::uapi::rtnetlink::{self as at, ifinfomsg, nlmsghdr};

/// Room for an answer: about 2 KiB without the counters.
const ANSWER_MAX: usize = 32 * 1024;

/// What we want to know of an interface.
#[derive(Debug, Default, PartialEq, Eq)]
struct Link {
    /// The hardware address, if it is an Ethernet one.
    mac: Option<[u8; 6]>,
    /// The index of the interface below, which has the clock.
    lower: Option<u32>,
    /// Whether it is a bond, whose interface below is another one when the link of that one goes.
    is_bond: bool,
    /// The index of the bond or bridge of which it is a member.
    master: Option<u32>,
}

/// The Ethernet address of an interface; all zero on the loopback.
///
/// # Errors
/// `ENODEV`; `InvalidData` for an interface without an Ethernet address (a tunnel).
pub fn mac_address(interface: &str) -> io::Result<[u8; 6]> {
    ask(interface)?.mac.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The interface below this one, whose clock stamps its packets: the active slave of a bond, the real device of a VLAN or
/// a macvlan. One step only: below a VLAN there may be a bond.
///
/// `None` if there is none below, none is active, it is in another network namespace, or there is no such interface.
/// Allocates.
pub fn lower_interface(interface: &str) -> Option<String> {
    let lower = ask(interface).ok()?.lower?;
    if_indextoname(lower).ok()?.into_string().ok()
}

/// Whether an interface is a bond, and the interface below it, as [`is_bond`] and [`lower_interface`]: with one question.
pub fn layer(interface: &str) -> (bool, Option<String>) {
    let Ok(link) = ask(interface) else { return (false, None) };
    let lower = link.lower.and_then(|lower| if_indextoname(lower).ok()?.into_string().ok());
    (link.is_bond, lower)
}

/// Whether an interface is a bond: its packets, and their stamps, are those of now one member and now another. `false` too if
/// there is no such interface. Allocates.
pub fn is_bond(interface: &str) -> bool {
    ask(interface).is_ok_and(|link| link.is_bond)
}

/// The index of the bond or bridge of which an interface is a member; `None` too if there is no such interface. Allocates.
pub fn master_index(interface: &str) -> Option<u32> {
    ask(interface).ok()?.master
}

fn ask(interface: &str) -> io::Result<Link> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)?;
    let kernel = NetlinkAddr::new(0, 0);
    sendto(socket.as_fd().as_raw_fd(), &question(interface), &kernel, MsgFlags::empty())?;
    // The kernel has answered before sendto returns, so there is nothing to wait for.
    let mut answer = vec![0; ANSWER_MAX];
    let length = recv(socket.as_fd().as_raw_fd(), &mut answer, MsgFlags::MSG_DONTWAIT)?;
    read(&answer[..length])
}

fn question(interface: &str) -> Vec<u8> {
    let mut message = vec![0; nlmsghdr::SIZE + ifinfomsg::SIZE];
    message[nlmsghdr::TYPE..][..2].copy_from_slice(&at::RTM_GETLINK.to_ne_bytes());
    message[nlmsghdr::FLAGS..][..2].copy_from_slice(&(at::NLM_F_REQUEST as u16).to_ne_bytes());
    push(&mut message, at::IFLA_IFNAME, &[interface.as_bytes(), b"\0"].concat());
    push(&mut message, at::IFLA_EXT_MASK, &at::SKIP_STATS.to_ne_bytes());
    let length = message.len() as u32;
    message[..4].copy_from_slice(&length.to_ne_bytes());
    message
}

fn read(answer: &[u8]) -> io::Result<Link> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidData);
    let length = field(answer, 0).map(u32::from_ne_bytes).ok_or_else(invalid)? as usize;
    let body = answer.get(nlmsghdr::SIZE..length).ok_or_else(invalid)?;
    match field(answer, nlmsghdr::TYPE).map(u16::from_ne_bytes) {
        Some(at::RTM_NEWLINK) => Ok(link(body.get(ifinfomsg::SIZE..).ok_or_else(invalid)?)),
        Some(kind) if i32::from(kind) == at::NLMSG_ERROR => {
            let errno = field(body, 0).map(i32::from_ne_bytes).ok_or_else(invalid)?;
            Err(io::Error::from_raw_os_error(match errno.saturating_neg() {
                // A name that is too long.
                libc::ERANGE | libc::EINVAL => libc::ENODEV,
                errno => errno,
            }))
        }
        _ => Err(invalid()),
    }
}

fn link(within: &[u8]) -> Link {
    let info = attribute(within, at::IFLA_LINKINFO).unwrap_or_default();
    let kind = attribute(info, at::IFLA_INFO_KIND).unwrap_or_default();
    let index = |payload: &[u8]| field(payload, 0).map(u32::from_ne_bytes);
    let kind = kind.strip_suffix(b"\0").unwrap_or(kind);
    let lower = match kind {
        // IFLA_LINK means the lower interface only for some kinds: for a veth it is the peer.
        b"vlan" | b"macvlan" if attribute(within, at::IFLA_LINK_NETNSID).is_none() => {
            attribute(within, at::IFLA_LINK).and_then(index)
        }
        b"bond" => {
            let data = attribute(info, at::IFLA_INFO_DATA).unwrap_or_default();
            attribute(data, at::IFLA_BOND_ACTIVE_SLAVE).and_then(index)
        }
        _ => None,
    };
    Link {
        mac: attribute(within, at::IFLA_ADDRESS).and_then(|address| address.try_into().ok()),
        lower: lower.filter(|&index| index != 0),
        is_bond: kind == b"bond",
        master: attribute(within, at::IFLA_MASTER).and_then(index).filter(|&index| index != 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut message = vec![0; nlmsghdr::SIZE];
        message[..4].copy_from_slice(&((nlmsghdr::SIZE + body.len()) as u32).to_ne_bytes());
        message[nlmsghdr::TYPE..][..2].copy_from_slice(&kind.to_ne_bytes());
        message.extend(body);
        message
    }

    /// An interface of this kind over the index 7, with its peer or whatever else IFLA_LINK may be, and 9 as active slave.
    fn newlink(kind: &[u8], is_elsewhere: bool) -> Vec<u8> {
        let mut body = vec![0; ifinfomsg::SIZE];
        push(&mut body, at::IFLA_IFNAME, b"x0\0");
        push(&mut body, at::IFLA_ADDRESS, &[2, 0, 0, 0, 0, 1]);
        push(&mut body, at::IFLA_LINK, &7_u32.to_ne_bytes());
        push(&mut body, at::IFLA_MASTER, &11_u32.to_ne_bytes());
        if is_elsewhere {
            push(&mut body, at::IFLA_LINK_NETNSID, &0_u32.to_ne_bytes());
        }
        let (mut info, mut data) = (Vec::new(), Vec::new());
        push(&mut info, at::IFLA_INFO_KIND, kind);
        push(&mut data, 1, &[1]);
        push(&mut data, at::IFLA_BOND_ACTIVE_SLAVE, &9_u32.to_ne_bytes());
        // The flag for nesting, which some kernels set.
        push(&mut info, at::IFLA_INFO_DATA | 0x8000, &data);
        push(&mut body, at::IFLA_LINKINFO, &info);
        answer(at::RTM_NEWLINK, &body)
    }

    #[test]
    fn only_a_vlan_a_macvlan_and_a_bond_have_an_interface_below() {
        for (kind, lower) in
            [(&b"vlan\0"[..], Some(7)), (b"macvlan", Some(7)), (b"bond\0", Some(9)), (b"veth\0", None), (b"", None)]
        {
            let link = read(&newlink(kind, false)).expect("valid");
            let is_bond = kind.starts_with(b"bond");
            assert_eq!(link, Link { mac: Some([2, 0, 0, 0, 0, 1]), lower, is_bond, master: Some(11) }, "{kind:?}");
        }
    }

    #[test]
    fn an_index_of_another_namespace_is_none_of_ours() {
        assert_eq!(read(&newlink(b"vlan\0", true)).expect("valid").lower, None);
    }

    #[test]
    fn every_truncation_is_refused_or_says_less() {
        let whole = newlink(b"vlan\0", false);
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_err(), "{length}: shorter than its own length");
            let mut cut = whole[..length].to_vec();
            if length >= 4 {
                cut[..4].copy_from_slice(&(length as u32).to_ne_bytes());
                assert!(read(&cut).map_or(true, |link| link.lower.is_none()), "{length}");
            }
        }
    }

    #[test]
    fn a_refusal_is_its_errno() {
        let refused = answer(at::NLMSG_ERROR as u16, &(-libc::ENODEV).to_ne_bytes());
        assert_eq!(read(&refused).expect_err("refused").raw_os_error(), Some(libc::ENODEV));
        assert_eq!(read(&answer(3, &[])).expect_err("not an answer").kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn the_kernel_answers_for_the_loopback() {
        assert_eq!(mac_address("lo").expect("the loopback"), [0; 6]);
        assert_eq!(lower_interface("lo"), None);
        for name in ["nosuchif0", "", "a-name-that-is-much-too-long"] {
            assert_eq!(mac_address(name).expect_err("none").raw_os_error(), Some(libc::ENODEV), "{name:?}");
            assert_eq!(lower_interface(name), None);
            assert!(!is_bond(name) && master_index(name).is_none());
            assert_eq!(layer(name), (false, None));
        }
    }
}
