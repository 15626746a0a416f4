//! Socket addresses as the bytes that the kernel reads and writes.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::uapi::{field, sockaddr_in, sockaddr_in6};

/// Room for a `sockaddr_in` or `sockaddr_in6`, the only two that this crate exchanges.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(crate) struct AddressBytes {
    bytes: [u8; AddressBytes::CAPACITY],
    length: usize,
}

impl AddressBytes {
    pub(crate) const CAPACITY: usize = sockaddr_in6::SIZE;

    pub(crate) const EMPTY: Self = Self { bytes: [0; Self::CAPACITY], length: 0 };

    pub(crate) fn from_address(address: SocketAddr) -> Self {
        let mut bytes = [0; Self::CAPACITY];
        let length = match address {
            SocketAddr::V4(v4) => {
                bytes[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
                bytes[sockaddr_in::PORT..][..2].copy_from_slice(&v4.port().to_be_bytes());
                bytes[sockaddr_in::ADDR..][..4].copy_from_slice(&v4.ip().octets());
                sockaddr_in::SIZE
            }
            SocketAddr::V6(v6) => {
                bytes[..2].copy_from_slice(&(libc::AF_INET6 as u16).to_ne_bytes());
                bytes[sockaddr_in6::PORT..][..2].copy_from_slice(&v6.port().to_be_bytes());
                // As in std: the flow label is kept as the kernel stores it.
                bytes[sockaddr_in6::FLOWINFO..][..4].copy_from_slice(&v6.flowinfo().to_ne_bytes());
                bytes[sockaddr_in6::ADDR..][..16].copy_from_slice(&v6.ip().octets());
                bytes[sockaddr_in6::SCOPE_ID..][..4].copy_from_slice(&v6.scope_id().to_ne_bytes());
                sockaddr_in6::SIZE
            }
        };
        Self { bytes, length }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// The whole room, for the kernel to write into; say afterwards how much it wrote.
    pub(crate) fn room(&mut self) -> &mut [u8; Self::CAPACITY] {
        &mut self.bytes
    }

    /// `length` is what the kernel reported: the true length, which may exceed what fitted.
    pub(crate) fn set_length(&mut self, length: usize) {
        self.length = length.min(Self::CAPACITY);
    }

    /// Whether [`AddressBytes::to_address`] gives one.
    pub(crate) fn is_of_ip(&self) -> bool {
        let family = field(self.as_bytes(), 0).map(u16::from_ne_bytes).map(i32::from);
        family == Some(libc::AF_INET) && self.length >= sockaddr_in::SIZE
            || family == Some(libc::AF_INET6) && self.length >= sockaddr_in6::SIZE
    }

    /// The address, if it is one of IPv4 or IPv6.
    #[inline]
    pub(crate) fn to_address(self) -> Option<SocketAddr> {
        let bytes = self.as_bytes();
        match i32::from(u16::from_ne_bytes(field(bytes, 0)?)) {
            libc::AF_INET => {
                let ip = Ipv4Addr::from(field::<4>(bytes, sockaddr_in::ADDR)?);
                let port = u16::from_be_bytes(field(bytes, sockaddr_in::PORT)?);
                Some(SocketAddrV4::new(ip, port).into())
            }
            libc::AF_INET6 => {
                let ip = Ipv6Addr::from(field::<16>(bytes, sockaddr_in6::ADDR)?);
                let port = u16::from_be_bytes(field(bytes, sockaddr_in6::PORT)?);
                let flowinfo = u32::from_ne_bytes(field(bytes, sockaddr_in6::FLOWINFO)?);
                let scope_id = u32::from_ne_bytes(field(bytes, sockaddr_in6::SCOPE_ID)?);
                Some(SocketAddrV6::new(ip, port, flowinfo, scope_id).into())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_survives_the_way_through_the_kernels_bytes() {
        for text in ["192.0.2.7:319", "[2001:db8::7]:123", "[::1]:65535", "0.0.0.0:0"] {
            let address: SocketAddr = text.parse().expect("an address");
            assert_eq!(AddressBytes::from_address(address).to_address(), Some(address));
        }
        let scoped = SocketAddr::V6(SocketAddrV6::new("fe80::1".parse().expect("an address"), 320, 7, 3));
        assert_eq!(AddressBytes::from_address(scoped).to_address(), Some(scoped));
        assert!(AddressBytes::from_address(scoped).is_of_ip());
    }

    #[test]
    fn what_counts_as_of_ip_is_an_address_at_any_length() {
        for text in ["192.0.2.7:319", "[2001:db8::7]:123"] {
            for length in 0..=AddressBytes::CAPACITY {
                let mut address = AddressBytes::from_address(text.parse().expect("an address"));
                address.set_length(length);
                assert!(address.to_address().is_some() || !address.is_of_ip(), "{length} of {text}");
            }
        }
    }

    #[test]
    fn a_cut_off_or_foreign_address_is_none() {
        let mut address = AddressBytes::from_address("192.0.2.7:319".parse().expect("an address"));
        address.set_length(7);
        assert_eq!(address.to_address(), None);
        assert_eq!(AddressBytes::EMPTY.to_address(), None);
        assert!(!address.is_of_ip() && !AddressBytes::EMPTY.is_of_ip());
        let mut unix = AddressBytes::EMPTY;
        unix.room()[..2].copy_from_slice(&(libc::AF_UNIX as u16).to_ne_bytes());
        unix.set_length(2);
        assert_eq!(unix.to_address(), None);
    }
}
