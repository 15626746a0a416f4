//! Who a clock is, and which of its ports.

use std::fmt;

use crate::coding::Coded;

/// A clock's identity: an EUI-64 or another unique eight octets (IEEE 1588-2019 7.5.2.2).
///
/// Ordered as unsigned octets, most significant first, as the best master clock algorithm compares them.
#[doc(alias = "clockIdentity")]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Coded)]
pub struct ClockIdentity(pub [u8; 8]);

impl ClockIdentity {
    /// All clocks, as the target of management messages (IEEE 1588-2019 7.5.2.2).
    pub const WILDCARD: Self = Self([0xff; 8]);
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The way people write it: `001b21.fffe.aabbcc`.
impl fmt::Display for ClockIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Octet by octet through `write!` takes many times as long, and each scrape of the metrics writes several.
        let mut text = [b'.'; 18];
        for (octet, at) in self.0.into_iter().zip([0, 2, 4, 7, 9, 12, 14, 16]) {
            text[at] = DIGITS[usize::from(octet >> 4)];
            text[at + 1] = DIGITS[usize::from(octet & 0xF)];
        }
        f.write_str(str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for ClockIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A port of a clock (IEEE 1588-2019 7.5.2.1). Ordered by clock, then by number (7.5.2.4).
#[doc(alias = "portIdentity")]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Coded)]
pub struct PortIdentity {
    /// Whose port it is.
    pub clock_identity: ClockIdentity,
    /// 1 to 0xFFFE; 0 stands for the clock itself, 0xFFFF for all its ports.
    pub port_number: u16,
}

/// `001b21.fffe.aabbcc-1`
impl fmt::Display for PortIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.clock_identity, self.port_number)
    }
}

impl fmt::Debug for PortIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_compare_as_unsigned_octets() {
        let low = ClockIdentity([0x7f, 0xff, 0, 0, 0, 0, 0, 0]);
        let high = ClockIdentity([0x80, 0, 0, 0, 0, 0, 0, 0]);
        assert!(low < high);
        let port = |clock_identity, port_number| PortIdentity { clock_identity, port_number };
        assert!(port(low, 0xffff) < port(high, 0), "the clock decides first");
        assert!(port(low, 0x7fff) < port(low, 0x8000));
    }

    #[test]
    fn identities_print_as_people_write_them() {
        let clock_identity = ClockIdentity([0x00, 0x1b, 0x21, 0xff, 0xfe, 0xaa, 0xbb, 0xcc]);
        assert_eq!(clock_identity.to_string(), "001b21.fffe.aabbcc");
        assert_eq!(PortIdentity { clock_identity, port_number: 1 }.to_string(), "001b21.fffe.aabbcc-1");
    }
}
