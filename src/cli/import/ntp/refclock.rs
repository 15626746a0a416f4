//! Reference clocks of `ntp.conf`: `server 127.127.t.u` with `fudge`, and ntpsec's `refclock`.

use super::super::document::{Document, Kind, Line, SectionId};
use super::super::table::{Row, Taken, alone, changed, missing, needless, same};
use super::super::text::{integer, seconds};
use super::Ntp;
use crate::config::Value;

/// A driver and its unit: `127.127.t.u`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Driver {
    kind: i64,
    unit: i64,
    /// The device, where ntpsec is told it.
    path: Option<String>,
}

/// The drivers that have an equivalent, with what ntpsec calls them.
const LOCAL: i64 = 1;
const NMEA: i64 = 20;
const PPS: i64 = 22;
const SHM: i64 = 28;
const JSON: i64 = 46;
const NAMES: [(&str, i64); 5] = [("local", LOCAL), ("nmea", NMEA), ("pps", PPS), ("shm", SHM), ("gpsd", JSON)];
/// Stratum of the local clock where nobody says it.
const LOCAL_STRATUM: i64 = 5;

/// The driver that an address means, if it means one.
pub fn driver(address: &str) -> Option<Result<Driver, String>> {
    let rest = address.strip_prefix("127.127.")?;
    let parts = rest.split_once('.').and_then(|(kind, unit)| Some((kind.parse().ok()?, unit.parse().ok()?)));
    let read = |(kind, unit)| Driver { kind, unit, path: None };
    Some(parts.map(read).ok_or_else(|| format!("{address:?} is not 127.127.t.u")))
}

/// The driver that ntpsec calls so.
///
/// # Errors
/// That it has no equivalent.
pub fn named(name: &str, line: &Line) -> Result<Driver, String> {
    let Some((_, kind)) = NAMES.iter().find(|(known, _)| *known == name) else {
        return Err(format!("there is no driver for {name:?}: {WAYS}"));
    };
    let after = |option: &str| {
        let at = line.words.iter().position(|word| word == option)?;
        line.words.get(at + 1)
    };
    let unit = after("unit").map_or(Ok(0), |unit| integer(unit))?;
    Ok(Driver { kind: *kind, unit, path: after("path").or_else(|| after("ppspath")).cloned() })
}

const WAYS: &str = "a receiver reaches us by gpsd, shared memory, a socket (`ntp-refclock -s`) or pulses";

#[derive(Clone, Debug)]
struct Refclock {
    driver: Driver,
    /// None of the local clock, and of what has no equivalent.
    section: Option<SectionId>,
    line: Line,
}

/// The reference clocks that a file has named.
#[derive(Clone, Debug, Default)]
pub struct Refclocks {
    all: Vec<Refclock>,
    /// Whose options are being read.
    current: Option<usize>,
    local_stratum: Option<i64>,
}

impl Refclocks {
    /// Adds one; its options follow.
    ///
    /// # Errors
    /// That its driver has no equivalent.
    pub fn add(&mut self, driver: Driver, line: &Line, document: &mut Document) -> Taken {
        let Driver { kind, unit, .. } = driver;
        let receiver = driver.path.clone().unwrap_or_else(|| format!("/dev/gps{unit}"));
        let settings: Vec<(&'static str, Value)> = match kind {
            LOCAL => Vec::new(),
            SHM => vec![("kind", Value::Word("shm")), ("unit", Value::Integer(unit))],
            PPS => {
                let path = driver.path.clone().unwrap_or_else(|| format!("/dev/pps{unit}"));
                vec![("kind", Value::Word("pps")), ("path", Value::Text(path))]
            }
            NMEA | JSON => vec![("kind", Value::Word("gpsd")), ("device", Value::Text(receiver))],
            other => {
                self.current = None;
                document.note(Kind::Missing, line, format!("there is no driver of type {other}: {WAYS}"));
                return Ok(());
            }
        };
        if kind == NMEA {
            let text = "ntpd reads the receiver itself; here gpsd has to, of the same device";
            document.note(Kind::Changed, line, text);
        }
        let section = (kind != LOCAL).then(|| document.add("refclock", Some(line)));
        for (name, value) in settings {
            if let Some(section) = section {
                document.set_in(section, name, value, Some(line));
            }
        }
        self.all.push(Refclock { driver, section, line: line.clone() });
        self.current = Some(self.all.len() - 1);
        Ok(())
    }

    /// Whose options follow.
    ///
    /// # Errors
    /// That nobody has been named so before.
    pub fn fudge(&mut self, line: &Line) -> Taken {
        let address = line.needed(1, "the clock")?;
        let driver = driver(address).ok_or_else(|| format!("{address:?} is not 127.127.t.u"))??;
        self.current =
            self.all.iter().position(|known| (known.driver.kind, known.driver.unit) == (driver.kind, driver.unit));
        // A driver without an equivalent has been told of already.
        if self.current.is_none() && NAMES.iter().any(|(_, kind)| *kind == driver.kind) {
            return Err(format!("no server {address} stands before it"));
        }
        Ok(())
    }

    fn kind(&self) -> Option<i64> {
        Some(self.all[self.current?].driver.kind)
    }

    fn set(&self, name: &'static str, value: Value, line: &Line, document: &mut Document) {
        if let Some(section) = self.current.and_then(|current| self.all[current].section) {
            document.set_in(section, name, value, Some(line));
        }
    }

    /// The local clock becomes what is served while nobody vouches for the time.
    pub fn finish(&self, document: &mut Document) {
        if let Some(local) = self.all.iter().find(|known| known.driver.kind == LOCAL) {
            let stratum = Value::Integer(self.local_stratum.unwrap_or(LOCAL_STRATUM));
            document.set("ntp.server.local.stratum", stratum, Some(&local.line));
            let text = "the local clock is no source: its time is served with this stratum while nobody vouches for it, \
                        and never counts as synchronised";
            document.note(Kind::Changed, &local.line, text);
        }
    }
}

fn set(ntp: &mut Ntp, name: &'static str, value: Value, line: &Line) -> Taken {
    ntp.refclocks.set(name, value, line, &mut ntp.document);
    Ok(())
}

const FLAGS: &str = "edges are said by refclock.edge; the kernel's PPS discipline and logs of samples are not there";

const fn flag(name: &'static str) -> Row<Ntp> {
    missing(name, FLAGS)
}

const fn stratum() -> Row<Ntp> {
    same("stratum", "refclock.stratum, ntp.server.local.stratum", |n, line| {
        let stratum = integer(line.needed(1, "the stratum")?)?;
        if n.refclocks.kind() == Some(LOCAL) {
            n.refclocks.local_stratum = Some(stratum);
        }
        set(n, "stratum", Value::Integer(stratum), line)
    })
}

const fn refid() -> Row<Ntp> {
    same("refid", "refclock.refid, refclock.name", |n, line| {
        let refid = line.needed(1, "the refid")?.to_owned();
        set(n, "name", Value::Text(refid.clone()), line)?;
        set(n, "refid", Value::Text(refid), line)
    })
}

const fn time1() -> Row<Ntp> {
    same("time1", "refclock.offset", |n, line| {
        if matches!(n.refclocks.kind(), Some(NMEA | JSON)) {
            let text = "it is of the receiver's pulses there, and here of all that gpsd says";
            n.document.note(Kind::Changed, line, text);
        }
        set(n, "offset", seconds(line.needed(1, "the time")?)?, line)
    })
}

const fn time2() -> Row<Ntp> {
    missing(
        "time2",
        "a receiver's serial line has no offset of its own: gpsd's time leaves 0.5 s open, and pulses are better",
    )
}

const fn flag2() -> Row<Ntp> {
    same("flag2", "refclock.edge", |n, line| {
        let value = integer(line.needed(1, "0 or 1")?)?;
        if n.refclocks.kind() == Some(PPS) && value == 1 {
            set(n, "edge", Value::Word("clear"), line)?;
        }
        Ok(())
    })
}

/// Rows, and behind them what ntpd has behind `fudge` and ntpsec behind `refclock` too.
macro_rules! and_of_fudge {
    ($($row:expr),* $(,)?) => {
        &[
            $($row,)*
            time1(),
            time2(),
            stratum(),
            refid(),
            flag("flag1"),
            flag2(),
            flag("flag3"),
            flag("flag4"),
        ]
    };
}

/// What may stand behind a reference clock.
pub const OPTIONS: &[Row<Ntp>] = and_of_fudge![
    alone(same("prefer", "refclock.prefer", |n, line| set(n, "prefer", Value::Switch(true), line))),
    alone(same("noselect", "refclock.noselect", |n, line| set(n, "noselect", Value::Switch(true), line))),
    alone(changed(
        "true",
        "refclock.trust",
        |n, line| set(n, "trust", Value::Switch(true), line),
        "those that are trusted have the only votes; there one is kept whatever the others say",
    )),
    same("minpoll", "refclock.poll", |n, line| {
        set(n, "poll", Value::Integer(integer(line.needed(1, "the poll")?)?), line)
    }),
    needless("maxpoll", "a reference clock's interval stays as it is"),
    missing("mode", "what a receiver speaks is gpsd's to know"),
    missing("subtype", "what a receiver speaks is gpsd's to know"),
    missing("baud", "what a receiver speaks is gpsd's to know"),
    alone(needless("iburst", "there is nobody to be asked more often")),
    alone(needless("burst", "there is nobody to be asked more often")),
    missing("key", "a reference clock is not authenticated"),
    missing("version", "a reference clock has no version"),
    alone(missing("preempt", "who is not selected stays, and is watched")),
    // Read with the driver's name.
    same("unit", "refclock.unit, refclock.path, refclock.device", |_, _| Ok(())),
    same("path", "refclock.path, refclock.device", |_, _| Ok(())),
    same("ppspath", "refclock.path", |_, _| Ok(())),
];

/// What may stand behind `fudge` and its clock.
pub const FUDGE: &[Row<Ntp>] = and_of_fudge![missing("minjitter", FLAGS)];
