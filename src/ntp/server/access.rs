//! Who may ask: addresses and prefixes, of which the longest that fits decides.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The most prefixes of one list.
pub const PREFIXES_MAX: usize = 64;

/// The bits that an IPv4 address has before its own as an IPv6 address (RFC 4291 2.5.5.2).
const MAPPED_BITS: u8 = 96;

/// An address with the number of bits that count: `192.0.2.0/24`, `2001:db8::/32`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Prefix {
    /// As of IPv6, in its mapped form where it is of IPv4; all other bits are 0.
    bits: u128,
    /// 0 ..= 128, in that form.
    length: u8,
}

/// Why a text is no prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PrefixError {
    /// What stands before the slash is no address.
    Address,
    /// What stands after it is no length that such an address has.
    Length,
    /// There are bits beyond the length; this is the prefix without them.
    HostBits(Prefix),
}

impl fmt::Display for PrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => f.write_str("it does not begin with an IP address"),
            Self::Length => f.write_str("what follows the slash is a number of bits: 0 to 32, of IPv6 0 to 128"),
            Self::HostBits(_) => f.write_str("it has bits beyond its length"),
        }
    }
}

impl std::error::Error for PrefixError {}

/// As of IPv6.
fn bits_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The first `length` of 128 bits.
const fn mask(length: u8) -> u128 {
    if length == 0 { 0 } else { u128::MAX << (128 - length) }
}

impl Prefix {
    /// Whether an address begins with it; an IPv4 address in its mapped form is one of IPv4, and no prefix of IPv6 covers it.
    pub fn covers(&self, address: IpAddr) -> bool {
        let is_of_ipv4 = address.to_canonical().is_ipv4();
        (self.length >= MAPPED_BITS || !is_of_ipv4) && bits_of(address) & mask(self.length) == self.bits
    }

    /// Whether all that another one covers is covered by it.
    pub fn encloses(&self, inner: &Self) -> bool {
        inner.length >= self.length && self.covers(IpAddr::V6(Ipv6Addr::from_bits(inner.bits)))
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    /// An address alone is itself and nothing beside it.
    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let address: IpAddr = address.parse().map_err(|_| PrefixError::Address)?;
        let (before, own) = if address.is_ipv4() { (MAPPED_BITS, 32) } else { (0, 128) };
        let length = match length {
            Some(length) => length.parse::<u8>().ok().filter(|length| *length <= own).ok_or(PrefixError::Length)?,
            None => own,
        };
        let length = before + length;
        let bits = bits_of(address);
        let prefix = Self { bits: bits & mask(length), length };
        if prefix.bits == bits { Ok(prefix) } else { Err(PrefixError::HostBits(prefix)) }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Ipv6Addr::from_bits(self.bits);
        let of_ipv4: Option<Ipv4Addr> = address.to_ipv4_mapped().filter(|_| self.length >= MAPPED_BITS);
        match of_ipv4 {
            Some(address) => write!(f, "{address}/{}", self.length - MAPPED_BITS),
            None => write!(f, "{address}/{}", self.length),
        }
    }
}

/// What is done with a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// It is answered.
    Allow,
    /// It is told that it is not (kiss code DENY, RFC 5905 7.4).
    Deny,
    /// It is not answered.
    Ignore,
}

/// Who may ask. Of several prefixes that fit the longest decides; where none fits, whether there is anybody who is allowed by name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AccessList {
    /// The longest first.
    rules: Vec<(Prefix, Access)>,
    is_closed: bool,
}

impl AccessList {
    /// From three lists. One that is in two of them counts where it is stricter.
    pub fn new(allow: &[Prefix], deny: &[Prefix], ignore: &[Prefix]) -> Self {
        let of = |prefixes: &[Prefix], access: Access| -> Vec<_> {
            prefixes.iter().map(|prefix| (*prefix, access)).collect()
        };
        let mut rules = [of(ignore, Access::Ignore), of(deny, Access::Deny), of(allow, Access::Allow)].concat();
        rules.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.length)); // stable
        Self { rules, is_closed: !allow.is_empty() }
    }

    /// What is done with a request from there.
    pub fn of(&self, from: IpAddr) -> Access {
        let found = self.rules.iter().find(|(prefix, _)| prefix.covers(from));
        found.map_or(if self.is_closed { Access::Ignore } else { Access::Allow }, |(_, access)| *access)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_prefix_encloses_itself_and_what_is_longer_within_its_family() {
        for (outer, inner, expected) in [
            ("10.0.0.0/8", "10.0.0.0/8", true),
            ("10.0.0.0/8", "10.1.0.0/16", true),
            ("10.1.0.0/16", "10.0.0.0/8", false),
            ("10.0.0.0/8", "11.0.0.0/16", false),
            ("::/0", "2001:db8::/32", true),
            ("::/0", "10.0.0.0/8", false),
            ("0.0.0.0/0", "::/0", false),
            ("0.0.0.0/0", "192.0.2.1", true),
        ] {
            assert_eq!(prefix(outer).encloses(&prefix(inner)), expected, "{outer} {inner}");
        }
    }

    #[test]
    fn prefixes_of_both_families_are_read_and_written() {
        for text in ["192.0.2.0/24", "0.0.0.0/0", "192.0.2.7/32", "2001:db8::/32", "::/0", "2001:db8::1/128"] {
            assert_eq!(prefix(text).to_string(), text);
        }
        assert_eq!(prefix("192.0.2.7").to_string(), "192.0.2.7/32");
        assert_eq!("ntp.example.net".parse::<Prefix>(), Err(PrefixError::Address));
        assert_eq!("192.0.2.0/33".parse::<Prefix>(), Err(PrefixError::Length));
        assert_eq!("192.0.2.0/x".parse::<Prefix>(), Err(PrefixError::Length));
        assert_eq!("192.0.2.9/24".parse::<Prefix>(), Err(PrefixError::HostBits(prefix("192.0.2.0/24"))));
    }

    #[test]
    fn a_prefix_covers_what_begins_with_it_in_its_own_family() {
        assert!(prefix("192.0.2.0/24").covers(address("192.0.2.255")));
        assert!(!prefix("192.0.2.0/24").covers(address("192.0.3.0")));
        assert!(prefix("192.0.2.0/24").covers(address("::ffff:192.0.2.1")), "as a socket of both families says it");
        assert!(prefix("0.0.0.0/0").covers(address("203.0.113.9")));
        assert!(!prefix("0.0.0.0/0").covers(address("2001:db8::1")));
        assert!(prefix("2001:db8::/32").covers(address("2001:db8:ffff::1")));
        assert!(prefix("::/0").covers(address("2001:db8::1")) && !prefix("::/0").covers(address("192.0.2.1")));
        assert!(!prefix("::/0").covers(address("::ffff:192.0.2.1")));
    }

    #[test]
    fn the_longest_prefix_decides() {
        let list = AccessList::new(
            &[prefix("10.0.0.0/8"), prefix("10.6.6.6")],
            &[prefix("10.6.0.0/16")],
            &[prefix("10.6.6.0/24")],
        );
        let of = |text| list.of(address(text));
        assert_eq!(of("10.1.2.3"), Access::Allow);
        assert_eq!(of("10.6.1.1"), Access::Deny);
        assert_eq!(of("10.6.6.1"), Access::Ignore);
        assert_eq!(of("10.6.6.6"), Access::Allow);
        assert_eq!(of("192.0.2.1"), Access::Ignore, "only those who are allowed by name");
    }

    #[test]
    fn without_a_list_everybody_may_ask_and_exceptions_are_exceptions() {
        assert_eq!(AccessList::default().of(address("203.0.113.9")), Access::Allow);
        let list = AccessList::new(&[], &[prefix("203.0.113.0/24")], &[]);
        assert_eq!(list.of(address("203.0.113.9")), Access::Deny);
        assert_eq!(list.of(address("2001:db8::1")), Access::Allow);
    }

    #[test]
    fn one_that_is_in_two_lists_counts_where_it_is_stricter() {
        let twice = [prefix("192.0.2.0/24")];
        assert_eq!(AccessList::new(&twice, &twice, &[]).of(address("192.0.2.1")), Access::Deny);
        assert_eq!(AccessList::new(&twice, &twice, &twice).of(address("192.0.2.1")), Access::Ignore);
    }
}
