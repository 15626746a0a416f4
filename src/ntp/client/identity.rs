//! How we ourselves look to others, so that nobody who has his time from us is followed.

use std::net::IpAddr;

use md5::{Digest as _, Md5};

use crate::coding::Coded;
use crate::time::{NtpShort, NtpTimestamp};
use crate::wire::ntp::Header;

/// The most addresses of ours that the loop test knows.
pub const OWN_REFERENCE_IDS_MAX: usize = 8;

/// What somebody writes as his reference ID who follows the server at this address: an IPv4 address itself, of an IPv6 address the first four
/// octets of its MD5 (RFC 5905 7.3).
pub fn reference_id_of(address: IpAddr) -> [u8; 4] {
    match address.to_canonical() {
        IpAddr::V4(address) => address.octets(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..]: [u8; 16] = Md5::digest(address.octets()).into();
            [a, b, c, d]
        }
    }
}

/// How we ourselves look to others, for the loop test (RFC 5905 11.2.1, packet test 8).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Coded)]
pub struct OwnIdentity {
    /// What servers write as their reference ID that follow one of our addresses.
    pub reference_ids: [Option<[u8; 4]>; OWN_REFERENCE_IDS_MAX],
    /// What our own server answers with at the moment.
    pub served: Option<Served>,
}

/// The fields by which an answer of our own is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub struct Served {
    /// Our stratum.
    pub stratum: u8,
    /// Whom we follow.
    pub reference_id: [u8; 4],
    /// When our clock was last corrected.
    pub reference_timestamp: NtpTimestamp,
    /// Our root delay.
    pub root_delay: NtpShort,
}

impl OwnIdentity {
    /// The sender has its time from us. At stratum 1 the reference ID is a name, not an address.
    pub(super) fn is_followed_by(&self, header: &Header) -> bool {
        header.stratum > 1 && self.reference_ids.contains(&Some(header.reference_id))
    }

    /// The sender is our own server, reached by another address or through a translation of it.
    pub(super) fn is(&self, header: &Header) -> bool {
        self.served.is_some_and(|served| {
            served.stratum == header.stratum
                && served.reference_id == header.reference_id
                && served.reference_timestamp == header.reference_timestamp
                && served.root_delay == header.root_delay
        })
    }
}

/// How the server stands to us where it has no source, and neither have we: several hosts that serve their own clock at one stratum choose the one whose
/// address makes the least reference ID, and the others follow that.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub struct Orphan {
    /// The stratum at which all of them serve their own clock.
    pub stratum: u8,
    /// What those write as their reference ID who follow the server.
    pub server: [u8; 4],
}

impl Orphan {
    /// Whether somebody serves its own clock who is to follow ours. Both sides see the same two addresses, and come to the same conclusion.
    pub(super) fn is_after_us(self, header: &Header, own: &OwnIdentity) -> bool {
        header.stratum == self.stratum && own.reference_ids[0].is_none_or(|ours| ours <= self.server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_id_of_an_ipv6_address_is_the_beginning_of_its_md5() {
        for (address, id) in [
            ("192.0.2.1", [192, 0, 2, 1]),
            ("::ffff:192.0.2.1", [192, 0, 2, 1]),
            ("::", [0x4a, 0xe7, 0x13, 0x36]),
            ("2001:db8::1", [0x39, 0xab, 0x9b, 0x37]),
        ] {
            assert_eq!(reference_id_of(address.parse().unwrap()), id, "{address}");
        }
    }
}
