//! `interface` (`nic`) of `ntp.conf`: of the rules that fit an address the last one counts.

use super::super::document::{Document, Kind, Line};
use super::super::sources::Listening;
use super::super::table::Taken;
use crate::config::{ListenException, Value, is_interface};

/// The rules, in their order.
#[derive(Clone, Debug, Default)]
pub struct Interfaces {
    rules: Vec<(bool, Line)>,
}

/// The addresses that ntpd listens on whatever the rules are, for ntpq.
const LOOPBACK: [&str; 2] = ["127.0.0.1", "::1"];

impl Interfaces {
    /// Adds a rule.
    ///
    /// # Errors
    /// That it is none.
    pub fn add(&mut self, line: &Line) -> Taken {
        let listens = match line.needed(1, "listen, ignore or drop")? {
            "listen" => true,
            "ignore" | "drop" => false,
            other => return Err(format!("{other:?} is none of listen, ignore and drop")),
        };
        line.needed(2, "which addresses")?;
        self.rules.push((listens, line.clone()));
        Ok(())
    }

    /// Writes where requests are answered: everywhere without a rule; with one, where a rule says it.
    pub fn write(&self, document: &mut Document) {
        let (mut ipv4, mut ipv6) = (self.rules.is_empty(), self.rules.is_empty());
        let mut named: Vec<(&str, &Line)> = Vec::new();
        let mut except: Vec<(&str, &Line)> = Vec::new();
        for (listens, line) in &self.rules {
            let what = line.argument(2).unwrap_or_default();
            match what {
                "all" => {
                    (ipv4, ipv6) = (*listens, *listens);
                    named.clear();
                    except.clear();
                }
                "ipv4" => {
                    ipv4 = *listens;
                    named.retain(|(place, _)| place.parse::<std::net::Ipv4Addr>().is_err());
                }
                "ipv6" => {
                    ipv6 = *listens;
                    named.retain(|(place, _)| place.parse::<std::net::Ipv6Addr>().is_err());
                }
                // What arrives at a socket for all addresses is thrown away anyway.
                "wildcard" => {}
                place => {
                    named.retain(|(other, _)| *other != place);
                    except.retain(|(other, _)| *other != place);
                    if *listens { named.push((place, line)) } else { except.push((place, line)) }
                }
            }
        }
        let mut listen = Listening::new(123);
        let mut from = self.rules.last().map(|(_, line)| line);
        for (is_all, address) in [(ipv4, "0.0.0.0"), (ipv6, "::")] {
            if is_all {
                // An address of our own is one.
                let _ = listen.add(address);
            }
        }
        for (place, line) in named {
            let is_covered = place.parse::<std::net::IpAddr>().map(|one| if one.is_ipv4() { ipv4 } else { ipv6 });
            if is_covered.unwrap_or(ipv4 && ipv6) {
                continue;
            }
            from = Some(line);
            if let Err(why) = listen.add(place) {
                let text = format!("{why}: addresses of a prefix are named one by one, or by their interface");
                document.note(Kind::Wrong, line, text);
            }
        }
        let is_excepted = |address: &str| except.iter().any(|(place, _)| *place == address);
        for (is_all, address) in [(ipv4, LOOPBACK[0]), (ipv6, LOOPBACK[1])] {
            if !is_all && !is_excepted(address) {
                let _ = listen.add(address);
            }
        }
        document.set("ntp.server.listen", Value::Places(listen.places()), from);
        let wide = |place: &str| place.parse::<std::net::IpAddr>().map(|one| if one.is_ipv4() { ipv4 } else { ipv6 });
        let mut exceptions = Vec::new();
        for (place, line) in except {
            if is_interface(place) && (ipv4 || ipv6) {
                exceptions.push(ListenException::Interface(place.to_owned()));
            } else if let Ok(prefix) = super::prefix(place) {
                if wide(place.split('/').next().unwrap_or_default()).unwrap_or(false) {
                    exceptions.push(ListenException::Addresses(prefix));
                }
            } else if !is_interface(place) {
                document.note(Kind::Wrong, line, format!("{place:?} is neither an address nor an interface"));
            }
        }
        if !exceptions.is_empty() {
            document.set("ntp.server.listen_except", Value::Exceptions(exceptions), None);
        }
    }
}
