//! Who is at the other end of a message that goes to one receiver only.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::coding::Coded;

/// The address of a port in its transport. The UDP ports belong to the channel, and the scope of an address that holds on
/// the link only to the interface.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Coded)]
pub enum Address {
    /// Of IPv4.
    V4([u8; 4]),
    /// Of IPv6.
    V6([u8; 16]),
    /// Of Ethernet.
    Ethernet([u8; 6]),
}

impl Address {
    /// The IP address; `None` over Ethernet.
    pub const fn ip(self) -> Option<IpAddr> {
        match self {
            Self::V4(octets) => Some(IpAddr::V4(Ipv4Addr::from_octets(octets))),
            Self::V6(octets) => Some(IpAddr::V6(Ipv6Addr::from_octets(octets))),
            Self::Ethernet(_) => None,
        }
    }
}

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => Self::V6(address.octets()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(_) | Self::V6(_) => self.ip().map_or(Ok(()), |address| address.fmt(f)),
            Self::Ethernet(octets) => octets
                .iter()
                .enumerate()
                .try_for_each(|(place, octet)| write!(f, "{}{octet:02x}", if place == 0 { "" } else { ":" })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_people_write_them() {
        assert_eq!(Address::from(IpAddr::from([192, 0, 2, 1])).to_string(), "192.0.2.1");
        assert_eq!(Address::from(IpAddr::from(Ipv6Addr::LOCALHOST)).to_string(), "::1");
        assert_eq!(Address::Ethernet([2, 0, 0x0a, 0x47, 0, 0xfe]).to_string(), "02:00:0a:47:00:fe");
    }
}
