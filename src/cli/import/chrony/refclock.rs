//! `refclock` of `chrony.conf`.

use super::super::document::{Document, Kind, Line, SectionId};
use super::super::files::Files;
use super::super::refclocks::clock;
use super::super::table::{Row, Taken, alone, apply_options, changed, missing, needless, same};
use super::super::text::{integer, seconds};
use super::Chrony;
use crate::config::Value;
use crate::time::Duration;

/// The drivers that there are, each with its first three letters: a refid that is not said is made of them.
const DRIVERS: [&str; 4] = ["SHM", "SOCK", "PHC", "PPS"];
/// The refid's octets.
const REFID_MAX: usize = 4;

/// The reference clocks that a file has named.
#[derive(Clone, Debug, Default)]
pub struct Refclocks {
    all: Vec<Refclock>,
}

#[derive(Clone, Debug)]
struct Refclock {
    section: SectionId,
    line: Line,
    /// As others name it to lock to it.
    refid: String,
    lock: Option<String>,
    /// A hardware clock's device.
    device: Option<String>,
    is_pps: bool,
}

/// Takes a line.
pub fn line(chrony: &mut Chrony, line: &Line) -> Taken {
    let driver = line.needed(1, "the driver")?.to_ascii_uppercase();
    let mut parameters = line.needed(2, "the driver's parameter")?.split(':');
    let parameter = parameters.next().unwrap_or_default();
    let Some(number) = DRIVERS.iter().position(|known| *known == driver) else {
        return match driver.as_str() {
            "RTC" => {
                chrony.document.note(Kind::Missing, line, "an RTC is no reference clock here");
                Ok(())
            }
            _ => Err(format!("{driver:?} is no driver that is known")),
        };
    };
    let document = &mut chrony.document;
    let section = document.add("refclock", Some(line));
    let mut set = |name, value| document.set_in(section, name, value, Some(line));
    let mut device = None;
    match DRIVERS[number] {
        "SHM" => {
            set("kind", Value::Word("shm"));
            set("unit", Value::Integer(integer(parameter)?));
        }
        "SOCK" => {
            set("kind", Value::Word("sock"));
            set("path", Value::Text(parameter.to_owned()));
        }
        "PPS" => {
            set("kind", Value::Word("pps"));
            set("path", Value::Text(parameter.to_owned()));
        }
        _ => {
            device = Some(parameter.to_owned());
            set("kind", Value::Word("phc"));
        }
    }
    let mut channel = None;
    for option in parameters {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match (DRIVERS[number], name) {
            ("PPS" | "PHC", "clear") => set("edge", Value::Word("clear")),
            ("PHC", "extpps") => set("kind", Value::Word("pps")),
            ("PHC", "pin") if value == "-1" => {}
            ("PHC", "pin") => set("pin", Value::Text(value.to_owned())),
            ("PHC", "channel") => channel = Some(integer(value)?),
            // The most precise way to read the clock is taken anyway; the segment is found with the rights that it has.
            ("PHC", "nocrossts") | ("SHM", "perm") => {}
            _ => return Err(format!("{option:?} is no option of this driver")),
        }
    }
    if let Some(channel) = channel {
        set("channel", Value::Integer(channel));
    }
    let refid = format!("{}{}", &driver[..3], chrony.refclocks.all.len());
    chrony.refclocks.all.push(Refclock { section, line: line.clone(), refid, lock: None, device, is_pps: false });
    apply_options(REFCLOCK, chrony, line, 3);
    Ok(())
}

fn with_last(chrony: &mut Chrony, take: impl FnOnce(&mut Refclock, &mut Document) -> Taken) -> Taken {
    match chrony.refclocks.all.last_mut() {
        Some(last) => take(last, &mut chrony.document),
        None => Ok(()),
    }
}

fn set(chrony: &mut Chrony, name: &'static str, value: Value, line: &Line) -> Taken {
    with_last(chrony, |last, document| {
        document.set_in(last.section, name, value, Some(line));
        Ok(())
    })
}

/// What may stand behind a driver and its parameter.
pub const REFCLOCK: &[Row<Chrony>] = &[
    same("poll", "refclock.poll", |c, line| {
        set(c, "poll", Value::Integer(integer(line.needed(1, "the poll")?)?), line)
    }),
    needless("dpoll", "a clock is read as often as it pays"),
    same("refid", "refclock.refid, refclock.name", |c, line| {
        let refid = line.needed(1, "the refid")?.to_owned();
        if refid.len() > REFID_MAX {
            return Err(format!("{refid:?} has more than {REFID_MAX} octets"));
        }
        with_last(c, |last, document| {
            last.refid.clone_from(&refid);
            document.set_in(last.section, "refid", Value::Text(refid), Some(line));
            Ok(())
        })
    }),
    same("lock", "refclock.lock", |c, line| {
        let refid = line.needed(1, "the refid")?.to_owned();
        with_last(c, |last, _| {
            last.lock = Some(refid);
            Ok(())
        })
    }),
    missing("rate", "one pulse a second is expected"),
    needless("maxlockage", "a pulse is numbered by the second that the other clock is in"),
    missing("width", "the edge that begins the second is said by edge, and the other one is not taken"),
    alone(changed(
        "pps",
        "refclock.kind",
        |c, _| {
            with_last(c, |last, _| {
                last.is_pps = true;
                Ok(())
            })
        },
        "only pulses are without the second's number here: of a hardware clock that counts TAI say scale = \"tai\"",
    )),
    same("offset", "refclock.offset", |c, line| set(c, "offset", seconds(line.needed(1, "the offset")?)?, line)),
    same("delay", "refclock.delay", |c, line| set(c, "delay", seconds(line.needed(1, "the delay")?)?, line)),
    same("stratum", "refclock.stratum", |c, line| {
        set(c, "stratum", Value::Integer(integer(line.needed(1, "the stratum")?)?), line)
    }),
    same("precision", "refclock.precision", |c, line| {
        set(c, "precision", seconds(line.needed(1, "the precision")?)?, line)
    }),
    missing("maxdispersion", "a sample that leaves more open counts for less by itself"),
    changed(
        "filter",
        "refclock.samples",
        |c, line| set(c, "samples", Value::Integer(integer(line.needed(1, "the samples")?)?), line),
        "the median of so many samples, of those since the measurement before",
    ),
    alone(same("prefer", "refclock.prefer", |c, line| set(c, "prefer", Value::Switch(true), line))),
    alone(same("noselect", "refclock.noselect", |c, line| set(c, "noselect", Value::Switch(true), line))),
    alone(same("trust", "refclock.trust", |c, line| set(c, "trust", Value::Switch(true), line))),
    alone(same("require", "refclock.require", |c, line| set(c, "require", Value::Switch(true), line))),
    alone(same("tai", "refclock.scale", |c, line| set(c, "scale", Value::Word("tai"), line))),
    alone(missing("local", "a source that only says how fast time goes is not there: it is judged as any other")),
    missing("minsamples", "the servo \"estimator\" decides how much of the past counts"),
    missing("maxsamples", "the servo \"estimator\" decides how much of the past counts"),
];

impl Refclocks {
    /// What is known when all have been named: whom pulses lock to, and which card a device is.
    pub fn finish(&self, document: &mut Document, files: &dyn Files) {
        for refclock in &self.all {
            let Refclock { section, line, .. } = refclock;
            if let Some(device) = &refclock.device {
                let is_pps = document.value_in(*section, "kind") == Some(&Value::Word("pps"));
                match clock(device, files) {
                    Ok(name) => {
                        let option = if is_pps { "phc" } else { "clock" };
                        document.set_in(*section, option, Value::Text(name), Some(line));
                    }
                    Err(why) => {
                        document.note(Kind::Wrong, line, why);
                        document.draft(*section);
                    }
                }
                Self::scale(refclock, document, is_pps);
            }
            let is_locked_to = self.all.iter().any(|other| other.lock.as_ref() == Some(&refclock.refid));
            if is_locked_to || document.value_in(*section, "refid").is_some() {
                document.set_in(*section, "name", Value::Text(refclock.refid.clone()), Some(line));
            }
            if let Some(lock) = &refclock.lock {
                document.set_in(*section, "lock", Value::Text(lock.clone()), Some(line));
            }
            if document.value_in(*section, "poll").is_none() {
                let text = "chronyd takes the median of 16 s of samples; here refclock.poll is 0: a sample each second";
                document.note_of(Kind::Changed, "refclock without poll", text);
            }
        }
    }

    /// A hardware clock that counts TAI is said to by an offset of so many seconds there.
    fn scale(refclock: &Refclock, document: &mut Document, is_extpps: bool) {
        if is_extpps {
            return;
        }
        let Refclock { section, line, .. } = refclock;
        let whole = match document.value_in(*section, "offset") {
            Some(Value::Duration(offset)) => *offset <= Duration::from_secs(-30) && *offset > Duration::from_secs(-60),
            _ => false,
        };
        if refclock.is_pps || whole {
            document.set_in(*section, "scale", Value::Word("tai"), Some(line));
        }
        if let (true, Some(Value::Duration(offset))) = (whole, document.value_in(*section, "offset").cloned()) {
            // What is left of it once TAI - UTC is known by itself.
            let seconds = (offset.as_secs_f64() - 0.5).ceil() as i64;
            document.set_in(*section, "offset", Value::Duration(offset - Duration::from_secs(seconds)), Some(line));
            let text = "a whole number of seconds is TAI - UTC: scale = \"tai\" takes it from what the host knows";
            document.note(Kind::Changed, line, text);
        }
    }
}
