//! Network interfaces: who stamps their packets and with which clock, and how that is switched on.
//!
//! # Two switches
//! Hardware stamps need two consents. The *interface* must be told to make them ([`set_hardware_timestamping`],
//! `SIOCSHWTSTAMP`): one setting for all programs, kept until somebody sets another, which needs CAP_NET_ADMIN. The
//! *socket* must ask for them ([`crate::timestamping::enable_timestamps`]). Whoever sets the interface last wins, and nobody
//! is told: read it again from time to time ([`hardware_timestamping`]).
//!
//! # What a driver says and what it does
//! It may grant more than was asked (a filter for all packets instead of PTP's), and writes back what it granted. It may
//! list a filter in its capabilities and refuse it, or grant one and stamp nothing. Only stamps prove stamps.
//!
//! # Interfaces on interfaces
//! A VLAN, a macvlan and a bond have no clock: [`lower_interface`] says which interface below has it. The kernel passes
//! the questions through by itself for most of them, but for a bond only to the slave that is active at the moment.
//!
//! # Several clocks behind one interface
//! The card and its PHY may each have a clock that stamps, and a card may stamp at two places (a *provider* each). One of them
//! is selected, and all questions above are about that one. Since Linux 6.14 the others can be seen and selected ([`providers`]).
//!
//! Everything here is asked through a socket, so it is about the network namespace in which the calling thread first asked; sysfs, which shows the
//! namespace of whoever mounted it, is not used. Errors without an interface of that name are `ENODEV`.
//!
//! Read: Documentation/networking/timestamping.rst and ethtool-netlink.rst, netdevice(7), linux/ethtool.h, rtnetlink(7).

mod attributes;
mod ethtool;
mod link;
mod provider;
mod stamping;

use std::cell::OnceCell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

pub use ethtool::{DriverInfo, driver, link_speed};
pub use link::{is_bond, layer, lower_interface, mac_address, master_index};
pub use provider::{Offered, Provider, Qualifier, providers, select_provider, selected_provider};
pub use stamping::{
    HardwareTimestamping, RxFilter, TimestampingInfo, TxStamps, hardware_timestamping, set_hardware_timestamping,
    timestamping_info,
};

/// Asks through a socket, which is kept for the next question of this thread: questions come every few seconds for ever, and
/// opening and closing cost far more than asking.
fn ask<R>(question: impl FnOnce(BorrowedFd<'_>) -> io::Result<R>) -> io::Result<R> {
    thread_local! {
        static SOCKET: OnceCell<OwnedFd> = const { OnceCell::new() };
    }
    SOCKET.with(|kept| {
        if let Some(socket) = kept.get() {
            return question(socket.as_fd());
        }
        let opened = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
        question(kept.get_or_init(|| opened).as_fd())
    })
}
