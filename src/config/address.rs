//! `"192.0.2.1:123"`, `"[2001:db8::1]:123"`, `"eth0"`, `"eth0:123"`: where to listen, and what people write instead.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::{INTERFACE_BYTES_MAX, Listen, ListenInterface};

/// NTP's port.
const NTP_PORT: u16 = 123;

/// Why a text is no address to listen on, and what to write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddressFault {
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub suggestion: String,
}

/// Reads an IP address with a port of 1 ..= 65535.
///
/// # Errors
/// Names, wildcards, missing ports and missing brackets, each with what to write instead.
pub fn parse(text: &str) -> Result<SocketAddr, AddressFault> {
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() != 0 => Ok(address),
        Ok(_) => Err(fault(format!("{text:?}: port 0 is out of range"), "use a port of 1 to 65535".to_owned())),
        Err(_) => Err(explain(text)),
    }
}

/// Reads an address with a port, or the name of an interface with or without one.
///
/// # Errors
/// As [`parse`].
pub fn parse_listen(text: &str) -> Result<Listen, AddressFault> {
    let interface = |name: &str, port| Listen::Interface(ListenInterface { name: name.to_owned(), port });
    if is_interface(text) {
        return Ok(interface(text, NTP_PORT));
    }
    if let Some((name, port)) = text.rsplit_once(':').filter(|(name, _)| is_interface(name))
        && let Ok(port @ 1..) = port.parse()
    {
        return Ok(interface(name, port));
    }
    parse(text).map(Listen::Address)
}

/// Whether a text can be the name of an interface, and is none of a host: `eth0`, or `eth0.100` for a VLAN, but not `ntp.example.net`.
pub fn is_interface(text: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
    let is_vlan = |vlan: &str| vlan.bytes().all(|digit| digit.is_ascii_digit());
    text.len() <= INTERFACE_BYTES_MAX
        && text.chars().all(is_name)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.contains(|c: char| c.is_ascii_alphabetic())
        && text.rsplit_once('.').is_none_or(|(name, vlan)| !name.contains('.') && !vlan.is_empty() && is_vlan(vlan))
}

fn fault(message: String, suggestion: String) -> AddressFault {
    AddressFault { message, suggestion }
}

fn explain(text: &str) -> AddressFault {
    let host_and_port = text.rsplit_once(':');
    if let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        let example = SocketAddr::new(ip, 123);
        let split = host_and_port.and_then(|(host, port)| Some((host.parse::<Ipv6Addr>().ok()?, port.parse().ok()?)));
        let advice = match split {
            Some((host, port)) => format!("write \"{}\" or \"{example}\"", SocketAddr::new(IpAddr::V6(host), port)),
            None => format!("add it: \"{example}\""),
        };
        return fault(format!("{text:?} has no port"), advice);
    }
    let Some((host, port)) = host_and_port else {
        return fault(format!("{text:?} is not an address"), "write it like \"192.0.2.1:123\"".to_owned());
    };
    let Ok(number @ 1..) = port.parse::<u16>() else {
        return fault(format!("{text:?}: {port:?} is not a port"), "use a port of 1 to 65535".to_owned());
    };
    if matches!(host, "" | "*") {
        let both = format!("for every address write \"0.0.0.0:{number}\" (IPv4) or \"[::]:{number}\" (IPv6)");
        return fault(format!("{text:?} has no address"), both);
    }
    if let Ok(ip) = host.parse::<Ipv6Addr>() {
        let bracketed = format!("did you mean `\"[{ip}]:{number}\"`?");
        return fault(format!("{text:?}: an IPv6 address needs brackets"), bracketed);
    }
    if host.contains('%') {
        let advice = format!("write the scope as the interface's number: \"[fe80::1%2]:{number}\"");
        return fault(format!("{text:?}: the scope must be a number"), advice);
    }
    let digits = host.chars().all(|c| c.is_ascii_digit() || c == '.');
    if digits {
        let advice = "an IPv4 address has four numbers of 0 to 255: \"192.0.2.1:123\"";
        return fault(format!("{text:?}: {host:?} is not an IP address"), advice.to_owned());
    }
    fault(
        format!("{text:?}: {host:?} is not an IP address"),
        "names of hosts are not looked up here; write the address itself, or the name of an interface".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_both_families_are_read() {
        assert_eq!(parse("0.0.0.0:123").unwrap().port(), 123);
        assert!(parse("[::]:123").unwrap().is_ipv6());
        assert!(parse("[fe80::1%2]:123").unwrap().is_ipv6());
    }

    #[test]
    fn an_interface_is_told_from_an_address_and_from_the_name_of_a_host() {
        let interface = |name: &str, port| Ok(Listen::Interface(ListenInterface { name: name.to_owned(), port }));
        assert_eq!(parse_listen("eth0"), interface("eth0", 123));
        assert_eq!(parse_listen("eth0:1123"), interface("eth0", 1123));
        assert_eq!(
            parse_listen("enp1s0f0np0.1000:123"),
            parse("enp1s0f0np0.1000:123").map(Listen::Address),
            "too long"
        );
        assert_eq!(parse_listen("bond0.100:123"), interface("bond0.100", 123));
        assert_eq!(parse_listen("br-lan"), interface("br-lan", 123));
        assert_eq!(parse_listen("192.0.2.1:123"), parse("192.0.2.1:123").map(Listen::Address));
        for none in ["192.0.2.1", "::1", "ntp.example.net", "ntp.example.net:123", "eth0:0", "eth0:70000", "*:123", ""]
        {
            assert_eq!(parse_listen(none), parse(none).map(Listen::Address), "{none}");
            assert!(parse_listen(none).is_err(), "{none}");
        }
    }

    #[test]
    fn each_mistake_gets_its_own_advice() {
        let advice = |text| parse(text).unwrap_err().suggestion;
        assert_eq!(advice("0.0.0.0"), "add it: \"0.0.0.0:123\"");
        assert_eq!(advice("[::1]"), "add it: \"[::1]:123\"");
        assert_eq!(advice("::1:123"), "write \"[::1]:123\" or \"[::1:123]:123\"", "nobody can tell which");
        assert_eq!(advice(":::123"), "did you mean `\"[::]:123\"`?");
        assert_eq!(advice(":123"), "for every address write \"0.0.0.0:123\" (IPv4) or \"[::]:123\" (IPv6)");
        assert!(advice("ntp.example.net:123").starts_with("names of hosts are not looked up"));
        assert!(advice("300.0.0.1:123").starts_with("an IPv4 address"));
        assert!(advice("0.0.0.0:70000").contains("65535"));
        assert!(advice("0.0.0.0:0").contains("65535"));
        assert!(advice("[fe80::1%eth0]:123").starts_with("write the scope"));
        assert!(advice("lo").contains("192.0.2.1:123"));
    }
}
