//! What the NTP daemons have in common: a server that is asked, and where requests are answered.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::document::{Document, Line, SectionId};
use super::table::Taken;
use super::text::{host, integer};
use crate::config::{Listen, ListenInterface, Value};
use crate::time::Duration;

/// The `[[ntp.source]]` that is being made.
#[derive(Clone, Debug, Default)]
pub struct Server {
    section: Option<SectionId>,
    name: String,
    line: Option<Line>,
    /// Its UDP port, where the line says another than 123.
    pub port: Option<i64>,
}

impl Server {
    /// From a line that names it first.
    pub fn new(section: SectionId, line: &Line) -> Self {
        let name = line.argument(1).unwrap_or_default().to_owned();
        Self { section: Some(section), name, line: Some(line.clone()), port: None }
    }

    /// The same under another name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Sets an option of it.
    pub fn set(&self, name: &'static str, value: Value, line: &Line, document: &mut Document) -> Taken {
        if let Some(section) = self.section {
            document.set_in(section, name, value, Some(line));
        }
        Ok(())
    }

    /// Switches an option of it on.
    pub fn switch(&self, name: &'static str, line: &Line, document: &mut Document) -> Taken {
        self.set(name, Value::Switch(true), line, document)
    }

    /// Sets an option of it to the whole number that a line has.
    pub fn integer(&self, name: &'static str, line: &Line, document: &mut Document) -> Taken {
        self.set(name, Value::Integer(integer(line.needed(1, "the number")?)?), line, document)
    }

    /// Names it.
    pub fn finish(self, document: &mut Document) {
        if let Some(section) = self.section {
            document.set_in(section, "address", Value::Text(host(&self.name, self.port)), self.line.as_ref());
        }
    }
}

/// Where requests are answered.
#[derive(Clone, Debug)]
pub struct Listening {
    port: u16,
    places: Vec<Listen>,
}

impl Listening {
    /// At this UDP port; of one that is none, at NTP's.
    pub fn new(port: i64) -> Self {
        Self { port: u16::try_from(port).ok().filter(|port| *port > 0).unwrap_or(123), places: Vec::new() }
    }

    /// On an address, or the addresses of an interface.
    ///
    /// # Errors
    /// That it is neither.
    pub fn add(&mut self, place: &str) -> Taken {
        let listen = match place.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(address) => Listen::Address(SocketAddr::new(address, self.port)),
            Err(_) if crate::config::is_interface(place) => {
                Listen::Interface(ListenInterface { name: place.to_owned(), port: self.port })
            }
            Err(_) => return Err(format!("{place:?} is neither an address nor an interface")),
        };
        if !self.places.contains(&listen) {
            self.places.push(listen);
        }
        Ok(())
    }

    /// All places; everywhere if none was named.
    pub fn places(self) -> Vec<Listen> {
        if !self.places.is_empty() {
            return self.places;
        }
        let all = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
        all.map(|address| Listen::Address(SocketAddr::new(address, self.port))).to_vec()
    }
}

/// 2^n seconds.
///
/// # Errors
/// That no clock counts in such steps.
pub fn log_seconds(log: i64) -> Result<Duration, String> {
    match log {
        0..=30 => Ok(Duration::from_secs(1 << log)),
        -30..0 => Ok(Duration::from_ticks(Duration::SECOND.ticks() >> -log)),
        _ => Err(format!("2^{log} s is out of range")),
    }
}

/// All that are judged may leave so much open.
pub fn limit_distance(document: &mut Document, distance: &Value, line: &Line) {
    for path in ["ntp.source", "refclock"] {
        for section in document.all(path) {
            document.set_in(section, "max_distance", distance.clone(), Some(line));
        }
    }
}

/// Limits how often each address may ask, to 2^n s.
pub fn rate_limit(document: &mut Document, log: i64, burst: Option<i64>, line: &Line) {
    match log_seconds(log) {
        Ok(interval) => document.set("ntp.server.rate_interval", Value::Duration(interval), Some(line)),
        Err(why) => document.note(super::document::Kind::Wrong, line, why),
    }
    if let Some(burst) = burst {
        document.set("ntp.server.rate_burst", Value::Integer(burst), Some(line));
    }
}
