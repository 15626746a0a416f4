//! By what name the daemon is asked, and why that matters for a page that only shows.
//!
//! A browser lets a page read what comes from the same name and port, and asks nobody whether that is the same machine. So whoever owns
//! `evil.example` can serve a page there, let the name lead to 127.0.0.1 a moment later, and read from within an operator's browser whatever answers
//! on that machine (DNS rebinding). The browser says by which name it asks: in the Host field, which no script can set. What is asked for by a name
//! that is not ours was meant for somebody else (421, RFC 9110 15.5.20).
//!
//! An address needs no name, `localhost` leads nowhere else (RFC 6761 6.3), and who names nothing is no browser.

use std::net::{Ipv4Addr, Ipv6Addr};

/// How somebody asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Asks {
    /// By an address, by `localhost`, or by nothing.
    Plainly,
    /// By another name: in lower case, without a final dot.
    ByName(String),
}

/// What an authority without user, or a Host field, says (RFC 9110 7.2: `uri-host [ ":" port ]`, perhaps empty); `None`: it is none.
pub(super) fn of(said: Option<&[u8]>) -> Option<Asks> {
    let Some(said) = said else { return Some(Asks::Plainly) };
    let said = std::str::from_utf8(said).ok()?.trim();
    let (host, port) = match said.rfind(']') {
        Some(end) => said.split_at(end + 1),
        None => said.split_at(said.find(':').unwrap_or(said.len())),
    };
    let is_port =
        port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.bytes().all(|c| c.is_ascii_digit()));
    if !is_port {
        return None;
    }
    if let Some(literal) = host.strip_prefix('[') {
        // The zone of a link-local address (RFC 6874), which some programs send.
        let address = literal.strip_suffix(']')?.split('%').next()?;
        return address.parse::<Ipv6Addr>().ok().map(|_| Asks::Plainly);
    }
    // RFC 3986 3.2.2: reg-name.
    let is_in_a_name = |c: u8| c.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&c);
    if !host.bytes().all(is_in_a_name) {
        return None;
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let leads_nowhere = name.is_empty() || name == "localhost" || name.ends_with(".localhost");
    let is_address = name.parse::<Ipv4Addr>().is_ok();
    Some(if leads_nowhere || is_address { Asks::Plainly } else { Asks::ByName(name) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_and_localhost_ask_plainly_and_all_else_by_name() {
        for plain in [
            "",
            "127.0.0.1",
            "192.0.2.7:9319",
            "192.0.2.7:",
            "[::1]",
            "[2001:db8::1]:9319",
            "[fe80::1%eth0]:9319",
            "localhost",
            "LocalHost:9319",
            "localhost.",
            "a.localhost",
            " 127.0.0.1 ",
        ] {
            assert_eq!(of(Some(plain.as_bytes())), Some(Asks::Plainly), "{plain}");
        }
        assert_eq!(of(None), Some(Asks::Plainly));
        for (name, expected) in [
            ("evil.example:9319", "evil.example"),
            ("Web1.Example.NET.", "web1.example.net"),
            ("127.0.0.1.evil.example", "127.0.0.1.evil.example"),
            ("localhost.evil.example", "localhost.evil.example"),
            ("mylocalhost", "mylocalhost"),
            ("127.1", "127.1"),
            ("%31", "%31"),
        ] {
            assert_eq!(of(Some(name.as_bytes())), Some(Asks::ByName(expected.to_owned())), "{name}");
        }
    }

    #[test]
    fn what_is_neither_is_none() {
        for wrong in
            ["a b", "a:b", "a:1:2", "::1", "[::1", "[evil.example]", "[::1]x", "user@a", "a/b", "<a>", "\u{e4}"]
        {
            assert_eq!(of(Some(wrong.as_bytes())), None, "{wrong}");
        }
        assert_eq!(of(Some(b"\xff")), None);
    }
}
