//! How a port of the acceptable master table is written: `"001b21.fffe.aabbcc-1"`, or with what its priority1 is taken for:
//! `"001b21.fffe.aabbcc-1 priority1=10"`.

use std::fmt;

use crate::ptp::AcceptableMaster;
use crate::wire::ptp::{ClockIdentity, PortIdentity};

/// An element of the table. Two of the same port are the same.
#[derive(Clone, Copy, Debug)]
pub struct Acceptable(pub AcceptableMaster);

impl PartialEq for Acceptable {
    fn eq(&self, other: &Self) -> bool {
        self.0.port == other.0.port
    }
}

impl fmt::Display for Acceptable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AcceptableMaster { port, alternate_priority1 } = self.0;
        write!(f, "{:016x}-{}", u64::from_be_bytes(port.clock_identity.0), port.port_number)?;
        if alternate_priority1 != 0 { write!(f, " priority1={alternate_priority1}") } else { Ok(()) }
    }
}

/// Reads one; the identity is read by `clock_identity`.
///
/// # Errors
/// What is wrong with the rest, a clause; or what `clock_identity` says.
pub fn parse<E>(
    text: &str,
    clock_identity: impl FnOnce(&str) -> Result<[u8; 8], E>,
    wrong: impl FnOnce(String) -> E,
) -> Result<Acceptable, E> {
    let (port, priority) = text.split_once(' ').map_or((text, None), |(port, rest)| (port, Some(rest.trim())));
    let number = |text: &str| text.bytes().all(|c| c.is_ascii_digit()).then(|| text.parse::<u16>().ok()).flatten();
    let read = port.rsplit_once('-').and_then(|(identity, port)| Some((identity, number(port)?)));
    let Some((identity, port_number @ 1..=0xfffe)) = read else {
        return Err(wrong(format!("{text:?} does not end with the number of a port, 1 to 65534")));
    };
    let alternate_priority1 = match priority.map(|priority| priority.strip_prefix("priority1=").and_then(number)) {
        None => 0,
        Some(Some(priority @ 1..=255)) => priority as u8,
        Some(_) => return Err(wrong(format!("after the port of {text:?} there is no priority1 of 1 to 255"))),
    };
    let port = PortIdentity { clock_identity: ClockIdentity(clock_identity(identity)?), port_number };
    Ok(Acceptable(AcceptableMaster { port, alternate_priority1 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Acceptable, String> {
        let identity = |text: &str| {
            let digits: String = text.chars().filter(|c| !matches!(c, '.' | ':' | '-')).collect();
            let number = u64::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 16);
            number.map(u64::to_be_bytes).ok_or_else(|| format!("no identity: {text}"))
        };
        parse(text, identity, |why| why)
    }

    #[test]
    fn a_port_is_read_as_it_is_shown_and_written_as_it_is_read() {
        for (text, written) in [
            ("001b21.fffe.aabbcc-1", "001b21fffeaabbcc-1"),
            ("00-1b-21-ff-fe-aa-bb-cc-65534", "001b21fffeaabbcc-65534"),
            ("001b21fffeaabbcc-7  priority1=255", "001b21fffeaabbcc-7 priority1=255"),
        ] {
            let acceptable = read(text).unwrap();
            assert_eq!(acceptable.to_string(), written);
            assert_eq!(read(written).unwrap().0, acceptable.0);
        }
        assert_eq!(read("001b21fffeaabbcc-7 priority1=2"), read("001b21fffeaabbcc-7"), "the same port");
        assert_ne!(read("001b21fffeaabbcc-7"), read("001b21fffeaabbcc-8"));
    }

    #[test]
    fn what_is_no_port_or_no_priority_is_named() {
        for (text, why) in [
            ("001b21fffeaabbcc", "does not end with the number of a port"),
            ("001b21fffeaabbcc-0", "does not end with the number of a port"),
            ("001b21fffeaabbcc-65535", "does not end with the number of a port"),
            ("001b21fffeaabbcc-+1", "does not end with the number of a port"),
            ("001b21fffeaabbcc-1 priority1=0", "no priority1 of 1 to 255"),
            ("001b21fffeaabbcc-1 priority1=256", "no priority1 of 1 to 255"),
            ("001b21fffeaabbcc-1 priority2=1", "no priority1 of 1 to 255"),
            ("001b21-1", "no identity: 001b21"),
            ("00-1b-21-ff-fe-aa-bb-11", "no identity"),
        ] {
            let said = read(text).unwrap_err();
            assert!(said.contains(why), "{text}: {said}");
        }
    }
}
