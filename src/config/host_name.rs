//! A name by which people ask for this machine: `"time.example.net"`, or `"*.example.net"` for all below a domain.

use std::fmt;
use std::net::IpAddr;

/// RFC 1035 2.3.4, without the final dot.
const BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// One name, or all below one. In lower case, without a final dot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostName(String);

impl HostName {
    /// Whether a name, in lower case and without a final dot, is the one, or one of those below.
    pub fn covers(&self, name: &str) -> bool {
        match self.0.strip_prefix('*') {
            Some(below) => name.strip_suffix(below).is_some_and(|first| !first.is_empty()),
            None => self.0 == name,
        }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads one.
///
/// # Errors
/// What is wrong, a clause, and what to do.
pub fn parse(text: &str) -> Result<HostName, (String, String)> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let plain = name.strip_prefix("*.").unwrap_or(&name);
    let is_octet = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_';
    let is_label = |label: &str| (1..=LABEL_BYTES_MAX).contains(&label.len()) && label.bytes().all(is_octet);
    if text.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return Err((
            format!("{text:?} is an address"),
            "leave it out: whoever asks by address is answered".to_owned(),
        ));
    }
    if name.len() > BYTES_MAX || !plain.split('.').all(is_label) {
        let what = format!("{text:?} is no name of a host");
        return Err((what, "write it like \"time.example.net\", without port, or \"*.example.net\"".to_owned()));
    }
    Ok(HostName(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_covers_itself_and_a_star_all_below_and_not_the_domain() {
        let name = parse("Time.Example.NET.").unwrap();
        assert_eq!(name.to_string(), "time.example.net");
        assert!(name.covers("time.example.net"));
        assert!(!name.covers("a.time.example.net") && !name.covers("example.net"));
        let all = parse("*.example.net").unwrap();
        assert!(all.covers("a.example.net") && all.covers("a.b.example.net"));
        assert!(!all.covers("example.net") && !all.covers(".example.net") && !all.covers("aexample.net"));
    }

    #[test]
    fn what_is_no_name_is_refused_with_what_to_write() {
        for text in
            ["", ".", "a..b", "time.example.net:9319", "http://a", "*", "a.*.b", "*a.b", "a b", &"a.".repeat(200)]
        {
            let (what, remedy) = parse(text).unwrap_err();
            assert!(what.contains("is no name of a host") && remedy.contains("without port"), "{text}: {what}");
        }
        for text in ["192.0.2.1", "2001:db8::1", "[2001:db8::1]"] {
            assert!(parse(text).unwrap_err().1.contains("leave it out"), "{text}");
        }
    }
}
