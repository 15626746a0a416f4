//! The options of `phc2sys` (linuxptp 3.1 to 4.4).

use super::super::ptp4l::rows::{set_gains, set_log, set_max_frequency};
use super::{
    Commands, Document, Duration, Files, Kind, Line, OtherDefault, Place, REALTIME, Row, Value, alone, changed, clock,
    duration, missing, needless, number, same, threshold,
};

/// What phc2sys is told.
#[derive(Clone, Debug, Default)]
pub struct Phc2sys {
    place: Option<Place>,
    is_automatic: Option<Line>,
    with_system: usize,
    source: Option<Line>,
    sinks: Vec<Line>,
    pulses: Option<Line>,
    is_waiting: bool,
    offset: Option<(Duration, Line)>,
    rate: Option<f64>,
    proportional: Option<(f64, Line)>,
    integral: Option<(f64, Line)>,
}

const fn hidden(name: &'static str) -> Row<Commands> {
    alone(needless(name, "the log goes to stderr, and so to the journal"))
}

fn value(line: &Line) -> Result<&str, String> {
    line.needed(1, "its value")
}

fn gain(line: &Line) -> Result<(f64, Line), String> {
    Ok((number(value(line)?)?, line.clone()))
}

/// The options of phc2sys.
pub const OPTIONS: &[Row<Commands>] = &[
    alone(same("-a", "clock.phc", |c, line| {
        c.phc2sys.is_automatic = Some(line.clone());
        Ok(())
    })),
    alone(same("-r", "clock.system", |c, _| {
        c.phc2sys.with_system += 1;
        Ok(())
    })),
    same("-s", "ptp.interface, refclock", |c, line| {
        value(line)?;
        c.phc2sys.source = Some(line.clone());
        Ok(())
    }),
    same("-i", "ptp.interface, refclock", |c, line| {
        value(line)?;
        c.phc2sys.source = Some(line.clone());
        Ok(())
    }),
    same("-c", "clock.system, clock.phc", |c, line| {
        value(line)?;
        c.phc2sys.sinks.push(line.clone());
        Ok(())
    }),
    same("-d", "refclock.kind, refclock.path", |c, line| {
        value(line)?;
        c.phc2sys.pulses = Some(line.clone());
        Ok(())
    }),
    alone(same("-w", "ptp.interface", |c, _| {
        c.phc2sys.is_waiting = true;
        Ok(())
    })),
    changed(
        "-O",
        "refclock.scale, refclock.offset",
        |c, line| {
            c.phc2sys.offset = Some((duration(value(line)?, "s")?, line.clone()));
            Ok(())
        },
        "of a PTP port TAI - UTC is from the grandmaster and the list in clock.leap_file, and checked; of a [[refclock]] some 37 s are scale = \"tai\"",
    ),
    same("-S", "clock.step.later", |c, line| {
        let value = threshold(value(line)?)?;
        c.document.set("clock.step.later", value, Some(line));
        Ok(())
    }),
    same("-F", "clock.step.first", |c, line| {
        let value = threshold(value(line)?)?;
        c.document.set("clock.step.first", value, Some(line));
        Ok(())
    }),
    missing("-E", "the servo is \"estimator\" or \"pi\" (servo.kind); other programs are not handed the time"),
    same("-P", "servo.kind, servo.proportional", |c, line| {
        c.phc2sys.proportional = Some(gain(line)?);
        Ok(())
    }),
    changed(
        "-I",
        "servo.kind, servo.integral",
        |c, line| {
            c.phc2sys.integral = Some(gain(line)?);
            Ok(())
        },
        "in 1/s^2: there it is of each sample, and so multiplied by -R",
    ),
    changed(
        "-R",
        "",
        |c, line| {
            c.phc2sys.rate = Some(number(value(line)?)?).filter(|rate| *rate > 0.0);
            Ok(())
        },
        "clocks are compared as often as it pays",
    ),
    needless("-N", "the best of several readings is taken, and what it leaves open is known"),
    same("-L", "clock.max_frequency", |c, line| set_max_frequency(&mut c.document, line)),
    missing("-M", "the time is not handed to ntpd or chronyd: NTP is served here ([ntp.server])"),
    needless("-u", "`synchronome status` and metrics have rms and maximum"),
    needless("-n", "the port that is followed has its domain in its [[ptp]] section"),
    alone(same("-x", "clock.leap", |c, line| {
        c.document.set("clock.leap", Value::Word("slew"), Some(line));
        Ok(())
    })),
    needless("-z", "ports and clocks are one program"),
    same("-l", "observe.log", |c, line| set_log(&mut c.document, line)),
    needless("-t", "the log goes to stderr, and so to the journal"),
    missing("-f", "a file of settings: import it as ptp4l.conf"),
    hidden("-m"),
    hidden("-q"),
    same("--step_threshold", "clock.step.later", |c, line| {
        let value = threshold(value(line)?)?;
        c.document.set("clock.step.later", value, Some(line));
        Ok(())
    }),
    same("--first_step_threshold", "clock.step.first", |c, line| {
        let value = threshold(value(line)?)?;
        c.document.set("clock.step.first", value, Some(line));
        Ok(())
    }),
    needless("--transportSpecific", "the port that is followed has its sdo_id in its [[ptp]] section"),
    needless("--domainNumber", "the port that is followed has its domain in its [[ptp]] section"),
];

/// What phc2sys does where its options say nothing, and we do something else.
pub const DEFAULTS: &[OtherDefault] = &[
    OtherDefault {
        unless: &["-F", "--first_step_threshold"],
        needs: None,
        text: "phc2sys slews what is off by less than 20 us at the start; here the first correction may be a step of any size: clock.step.first = \"20us\" is as there",
    },
    OtherDefault {
        unless: &["-E", "-P", "-I"],
        needs: None,
        text: "phc2sys has a PI servo; here the servo \"estimator\" learns the noise, and servo.kind = \"pi\" is as there",
    },
];

impl Phc2sys {
    /// Notes where it was called.
    pub fn seen(&mut self, place: &Place) {
        self.place.get_or_insert_with(|| place.clone());
    }

    /// Whether it was called.
    pub fn is_seen(&self) -> bool {
        self.place.is_some()
    }

    /// What is made of the options together.
    pub fn finish(&self, document: &mut Document, files: &dyn Files) {
        if !self.is_seen() {
            return;
        }
        let interval = 1.0 / self.rate.unwrap_or(1.0);
        set_gains(document, self.proportional.clone(), self.integral.clone(), interval);
        if let Some(line) = &self.is_automatic {
            document.set("clock.phc", Value::Word("all"), Some(line));
            if self.with_system > 0 {
                document.set("clock.system", Value::Word("discipline"), Some(line));
            }
            if self.with_system > 1 {
                let text = "the system clock is no source for the cards' clocks by itself: [[ntp.source]] and [[refclock]] are, \
                            and role = \"auto\" serves it";
                document.note(Kind::Changed, line, text);
            }
            if document.value("clock.system").is_none() {
                document.set("clock.system", Value::Word("observe"), Some(line));
            }
            if document.all("ptp").is_empty() {
                draft(document, "eth0", line);
            }
            return;
        }
        self.pulses(document);
        self.by_hand(document, files);
    }

    fn pulses(&self, document: &mut Document) {
        if let Some(line) = &self.pulses {
            let section = document.add("refclock", Some(line));
            let path = line.argument(1).unwrap_or_default().to_owned();
            document.set_in(section, "kind", Value::Word("pps"), Some(line));
            document.set_in(section, "path", Value::Text(path), Some(line));
            document.set("clock.system", Value::Word("discipline"), None);
        }
    }

    /// From a source to sinks that are named.
    fn by_hand(&self, document: &mut Document, files: &dyn Files) {
        let sinks: Vec<&str> = self.sinks.iter().filter_map(|line| line.argument(1)).collect();
        let to_system = sinks.is_empty() || sinks.contains(&REALTIME);
        let mut cards = Vec::new();
        for line in self.sinks.iter().filter(|line| line.argument(1) != Some(REALTIME)) {
            match clock(line.argument(1).unwrap_or_default(), files) {
                Ok(name) => cards.push(name),
                Err(why) => document.note(Kind::Wrong, line, why),
            }
        }
        if !cards.is_empty() {
            document.set("clock.phc", Value::Clocks(cards), self.sinks.first());
        }
        if to_system {
            document.set("clock.system", Value::Word("discipline"), self.sinks.first().or(self.source.as_ref()));
        }
        if document.value("clock.system").is_none() {
            document.set("clock.system", Value::Word("observe"), self.sinks.first());
        }
        let Some(source) = &self.source else { return };
        let device = source.argument(1).unwrap_or_default();
        if device == REALTIME {
            let text = "cards' clocks follow the system clock where that is steered: by a [[ptp]], an [[ntp.source]] or a [[refclock]]";
            document.note(Kind::Changed, source, text);
            document.set("clock.system", Value::Word("discipline"), Some(source));
            return;
        }
        let name = match clock(device, files) {
            Ok(name) => name,
            Err(why) => return document.note(Kind::Wrong, source, why),
        };
        let is_port = document
            .all("ptp")
            .iter()
            .any(|section| document.value_in(*section, "interface") == Some(&Value::Text(name.clone())));
        if is_port {
            return;
        }
        if self.is_waiting {
            return draft(document, &name, source);
        }
        let section = document.add("refclock", Some(source));
        document.set_in(section, "kind", Value::Word("phc"), Some(source));
        document.set_in(section, "clock", Value::Text(name), Some(source));
        if let Some((offset, line)) = &self.offset {
            let is_tai = *offset <= Duration::from_secs(-30) && *offset > Duration::from_secs(-60);
            if is_tai {
                document.set_in(section, "scale", Value::Word("tai"), Some(line));
            } else if *offset != Duration::ZERO {
                document.set_in(section, "offset", Value::Duration(*offset), Some(line));
            }
        }
        let text = "without -w somebody else keeps this clock right: it is a [[refclock]]; if that is ptp4l, its file in the same import makes it a [[ptp]] port";
        document.note(Kind::Changed, source, text);
    }
}

/// A port that only ptp4l's own file can say more of.
fn draft(document: &mut Document, interface: &str, line: &Line) {
    let section = document.add("ptp", Some(line));
    document.set_in(section, "interface", Value::Text(interface.to_owned()), Some(line));
    document.draft(section);
    let text = "the ports are ptp4l's: import its file too (`synchronome import ptp4l.conf phc2sys.txt`), or complete the [[ptp]] section";
    document.note(Kind::Wrong, line, text);
}
