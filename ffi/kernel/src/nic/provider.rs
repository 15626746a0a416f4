//! Which of the clocks behind an interface stamps for it: `ETHTOOL_MSG_TSINFO_GET`, `ETHTOOL_MSG_TSCONFIG_GET` and `_SET` (Linux 6.14).
//!
//! `TSCONFIG_SET` could also say what is stamped. It is not used for that: in the kernel it ends in the same function as `SIOCSHWTSTAMP`,
//! for the same selected clock, is refused for drivers that know the ioctl only, and tells nobody else either. Selecting is what it alone can.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket};

use super::attributes::{attribute, push};
use super::stamping::TimestampingInfo;
use crate::uapi::ethtool_netlink::{self as at, genlmsghdr};
use crate::uapi::field;
use crate::uapi::rtnetlink::{NLM_F_REQUEST, NLMSG_ERROR, nlmsghdr};

/// Room for what the kernel hands out at once: a page or two.
const ANSWER_MAX: usize = 32 * 1024;
/// Of that so many for one question: an interface has a handful of clocks.
const ANSWERS_MAX: usize = 64;

/// How good a provider's stamps are: `enum hwtstamp_provider_qualifier` (linux/net_tstamp.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qualifier {
    /// Taken at the wire: what PTP needs.
    Precise,
    /// Taken somewhere on the way, as at the card's DMA.
    Approximate,
    /// Another of the header's, by its number.
    Other(u32),
}

impl Qualifier {
    const fn from_raw(raw: u32) -> Self {
        match raw {
            0 => Self::Precise,
            1 => Self::Approximate,
            other => Self::Other(other),
        }
    }

    const fn raw(self) -> u32 {
        match self {
            Self::Precise => 0,
            Self::Approximate => 1,
            Self::Other(raw) => raw,
        }
    }
}

/// A clock that can stamp an interface's packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provider {
    /// N of `/dev/ptpN`.
    pub phc_index: u32,
    /// How good its stamps are.
    pub qualifier: Qualifier,
}

/// A provider, and what it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offered {
    /// Which.
    pub provider: Provider,
    /// The number of the PHY that has it, where it is not the card's own; the kernel counts from 1, and 0 is one that it has not numbered.
    pub phy: Option<u32>,
    /// What it can stamp.
    pub info: TimestampingInfo,
}

/// The clocks that can stamp an interface's packets, the card's own before those of its PHYs. Allocates.
///
/// # Errors
/// `ENODEV`; `EOPNOTSUPP` or `ENOENT` of a kernel before 5.6. One before 6.14 names none.
pub fn providers(interface: &str) -> io::Result<Vec<Offered>> {
    let replies = Asking::new()?.ask(at::MSG_TSINFO_GET, at::NLM_F_DUMP as u16, &header(interface))?;
    // Kernels before 6.14 tell of all interfaces, whichever is named, and of none what it is.
    Ok(replies.iter().filter(|reply| is_of(reply, interface)).filter_map(|reply| offered(reply)).collect())
}

/// The provider that is selected: the one that all other questions about stamps are about. Allocates.
///
/// # Errors
/// `ENODEV` without an interface of that name, or if none is selected and there is no clock; `EOPNOTSUPP` of kernels before 6.14, and of
/// drivers that know the ioctl only; `ENOENT` of kernels before 5.6.
pub fn selected_provider(interface: &str) -> io::Result<Provider> {
    let replies = Asking::new()?.ask(at::MSG_TSCONFIG_GET, at::NLM_F_ACK as u16, &header(interface))?;
    let told = replies.iter().find_map(|reply| provider(attribute(reply, at::TSCONFIG_HWTSTAMP_PROVIDER)?));
    told.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Selects the provider of an interface's stamps, for all programs. Nothing is stamped afterwards until that is switched on again
/// ([`super::set_hardware_timestamping`]), unless it was the selected one already. Allocates.
///
/// # Errors
/// As [`selected_provider`]; `EPERM` without CAP_NET_ADMIN; `ENODEV` too if the interface has no such provider.
pub fn select_provider(interface: &str, wanted: Provider) -> io::Result<()> {
    Asking::new()?.ask(at::MSG_TSCONFIG_SET, at::NLM_F_ACK as u16, &selection(interface, wanted)).map(drop)
}

fn nested(message: &mut Vec<u8>, kind: u16, attributes: &[(u16, &[u8])]) {
    let mut payload = Vec::new();
    for (kind, of_it) in attributes {
        push(&mut payload, *kind, of_it);
    }
    // Strict about it since 5.2: what has attributes in it says so.
    push(message, kind | libc::NLA_F_NESTED as u16, &payload);
}

fn header(interface: &str) -> Vec<u8> {
    let name = [interface.as_bytes(), b"\0"].concat();
    let mut message = Vec::new();
    let flags = at::FLAG_COMPACT_BITSETS.to_ne_bytes();
    nested(&mut message, at::HEADER, &[(at::HEADER_DEV_NAME, &name), (at::HEADER_FLAGS, &flags)]);
    message
}

fn selection(interface: &str, wanted: Provider) -> Vec<u8> {
    let (index, qualifier) = (wanted.phc_index.to_ne_bytes(), wanted.qualifier.raw().to_ne_bytes());
    let mut message = header(interface);
    let which: [(u16, &[u8]); 2] = [(at::PROVIDER_INDEX, &index), (at::PROVIDER_QUALIFIER, &qualifier)];
    nested(&mut message, at::TSCONFIG_HWTSTAMP_PROVIDER, &which);
    message
}

fn is_of(reply: &[u8], interface: &str) -> bool {
    let name = attribute(reply, at::HEADER).and_then(|header| attribute(header, at::HEADER_DEV_NAME));
    name.is_some_and(|name| name.strip_suffix(b"\0").unwrap_or(name) == interface.as_bytes())
}

fn word(payload: &[u8]) -> Option<u32> {
    field(payload, 0).map(u32::from_ne_bytes)
}

fn provider(nest: &[u8]) -> Option<Provider> {
    let phc_index = attribute(nest, at::PROVIDER_INDEX).and_then(word)?;
    let qualifier = Qualifier::from_raw(attribute(nest, at::PROVIDER_QUALIFIER).and_then(word)?);
    Some(Provider { phc_index, qualifier })
}

/// What a reply to `TSINFO_GET` offers; `None` without a clock, and from kernels that name no providers.
fn offered(reply: &[u8]) -> Option<Offered> {
    let provider = provider(attribute(reply, at::TSINFO_HWTSTAMP_PROVIDER)?)?;
    let is_of_phy = attribute(reply, at::TSINFO_HWTSTAMP_SOURCE).and_then(word) == Some(at::SOURCE_PHYLIB);
    let number = attribute(reply, at::TSINFO_HWTSTAMP_PHYINDEX).and_then(word);
    // An empty set is left out.
    let bits = |kind| {
        let set = attribute(reply, kind).and_then(|set| attribute(set, at::BITSET_VALUE));
        set.and_then(word).unwrap_or(0)
    };
    let info = TimestampingInfo {
        so_timestamping: bits(at::TSINFO_TIMESTAMPING),
        phc_index: Some(provider.phc_index),
        tx_types: bits(at::TSINFO_TX_TYPES),
        rx_filters: bits(at::TSINFO_RX_FILTERS),
    };
    Some(Offered { provider, phy: is_of_phy.then(|| number.unwrap_or(0)), info })
}

/// A socket, and the number that the family of ethtool has on this boot.
struct Asking {
    socket: OwnedFd,
    family: u16,
}

impl Asking {
    fn new() -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkGeneric)?;
        let mut asking = Self { socket, family: at::GENL_ID_CTRL as u16 };
        let mut name = Vec::new();
        push(&mut name, at::CTRL_ATTR_FAMILY_NAME as u16, at::FAMILY);
        let replies = asking.ask(at::CTRL_CMD_GETFAMILY as u8, at::NLM_F_ACK as u16, &name)?;
        let number = replies.iter().find_map(|reply| field(attribute(reply, at::CTRL_ATTR_FAMILY_ID as u16)?, 0));
        asking.family = number.map(u16::from_ne_bytes).ok_or(io::ErrorKind::InvalidData)?;
        Ok(asking)
    }

    /// Asks, and returns the attributes of each reply.
    fn ask(&self, command: u8, flags: u16, attributes: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        let message = message(self.family, command, flags, attributes);
        let descriptor = self.socket.as_fd().as_raw_fd();
        sendto(descriptor, &message, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
        let mut replies = Vec::new();
        let mut answer = vec![0; ANSWER_MAX];
        // The kernel has answered before sendto returns, or answers as we read, so that there is nothing to wait for.
        for _ in 0..ANSWERS_MAX {
            let length = recv(descriptor, &mut answer, MsgFlags::MSG_DONTWAIT)?;
            if read(&answer[..length], &mut replies)? {
                return Ok(replies);
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }
}

fn message(family: u16, command: u8, flags: u16, attributes: &[u8]) -> Vec<u8> {
    let mut message = vec![0; nlmsghdr::SIZE];
    message[nlmsghdr::TYPE..][..2].copy_from_slice(&family.to_ne_bytes());
    message[nlmsghdr::FLAGS..][..2].copy_from_slice(&(flags | NLM_F_REQUEST as u16).to_ne_bytes());
    message.extend([command, 1, 0, 0]);
    message.extend(attributes);
    let length = message.len() as u32;
    message[..4].copy_from_slice(&length.to_ne_bytes());
    message
}

/// Reads what the kernel has handed out at once; whether that was all.
fn read(mut answer: &[u8], replies: &mut Vec<Vec<u8>>) -> io::Result<bool> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidData);
    while !answer.is_empty() {
        let length = field(answer, 0).map(u32::from_ne_bytes).ok_or_else(invalid)? as usize;
        let kind = field(answer, nlmsghdr::TYPE).map(u16::from_ne_bytes).ok_or_else(invalid)?;
        let body = answer.get(nlmsghdr::SIZE..length).ok_or_else(invalid)?;
        match i32::from(kind) {
            // An acknowledgement is an error of 0; both end with a number.
            NLMSG_ERROR | at::NLMSG_DONE => {
                let errno = field(body, 0).map(i32::from_ne_bytes).ok_or_else(invalid)?;
                return if errno == 0 { Ok(true) } else { Err(refusal(errno)) };
            }
            _ => replies.push(body.get(genlmsghdr::SIZE..).ok_or_else(invalid)?.to_vec()),
        }
        answer = answer.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

fn refusal(errno: i32) -> io::Error {
    io::Error::from_raw_os_error(match errno.saturating_neg() {
        // A name that is too long.
        libc::ERANGE => libc::ENODEV,
        errno => errno,
    })
}

#[cfg(test)]
mod tests;
