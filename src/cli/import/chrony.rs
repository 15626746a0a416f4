//! `chrony.conf` of chronyd (up to 4.8), with the files that it includes.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::access::{AccessRules, Answer, everybody, prefix};
use super::document::{Document, Kind, Line};
use super::files::{Files, Input, matching};
use super::sources::{self, Server};
use super::table::{
    Importer, OtherDefault, Row, Taken, alone, apply, apply_options, changed, manual_defaults, manual_table, missing,
    needless, same, tell_defaults,
};
use super::text::{directive, frequency, integer, lines, seconds};
use crate::config::Value;
use crate::ntp::server::Prefix;

mod refclock;

pub use refclock::REFCLOCK;

/// Signs that a comment begins with.
const COMMENTS: &str = "#!;%";
/// How deep files may include files.
const DEPTH_MAX: usize = 8;

/// A `chrony.conf` on its way.
pub struct Chrony {
    document: Document,
    files: Rc<dyn Files>,
    depth: usize,
    /// The directives that there were.
    said: Vec<String>,
    server: Server,
    refclocks: refclock::Refclocks,
    access: AccessRules,
    bind: Vec<(String, Line)>,
    port: Option<(i64, Line)>,
    /// The line that has cards stamp NTP.
    hardware: Option<Line>,
    max_distance: Option<(Value, Line)>,
    /// The interval and the burst of a limit of the rate.
    limit: Option<(i64, i64, Line)>,
    local: Vec<(&'static str, Value)>,
}

impl Importer for Chrony {
    fn document(&mut self) -> &mut Document {
        &mut self.document
    }
}

/// Takes a `chrony.conf` into a document.
pub fn import(input: &Input, files: Rc<dyn Files>, document: Document) -> Document {
    import_by(files, document, |chrony| chrony.file(input))
}

/// Takes lines of one that stand in another file; `meant` are directives that are said though there is no line of them.
pub fn import_lines(lines: &[Line], meant: &[&str], files: Rc<dyn Files>, document: Document) -> Document {
    import_by(files, document, |chrony| {
        chrony.said.extend(meant.iter().map(|name| (*name).to_owned()));
        for line in lines.iter().filter(|line| !line.name().starts_with(|sign| COMMENTS.contains(sign))) {
            let mut line = line.clone();
            line.words[0].make_ascii_lowercase();
            chrony.line(&line);
        }
    })
}

fn import_by(files: Rc<dyn Files>, document: Document, read: impl FnOnce(&mut Chrony)) -> Document {
    let mut chrony = Chrony {
        document,
        files,
        depth: 0,
        said: Vec::new(),
        server: Server::default(),
        refclocks: refclock::Refclocks::default(),
        access: AccessRules::default(),
        bind: Vec::new(),
        port: None,
        hardware: None,
        max_distance: None,
        limit: None,
        local: Vec::new(),
    };
    read(&mut chrony);
    chrony.finish()
}

impl Chrony {
    fn file(&mut self, input: &Input) {
        for (number, text) in lines(&input.text, COMMENTS) {
            self.line(&directive(&input.name, number, text, true));
        }
    }

    fn line(&mut self, line: &Line) {
        apply(DIRECTIVES, self, line);
        self.said.extend(line.words.iter().map(|word| word.to_ascii_lowercase()));
    }

    fn include(&mut self, paths: &[PathBuf], line: &Line) {
        if self.depth == DEPTH_MAX {
            self.document.note(Kind::Wrong, line, format!("not read: files include files {DEPTH_MAX} deep"));
            return;
        }
        self.depth += 1;
        for path in paths {
            let files = Rc::clone(&self.files);
            match files.read(path) {
                Ok(input) => self.file(&input),
                Err(why) => self.document.note(Kind::Wrong, line, format!("not read: {why}")),
            }
        }
        self.depth -= 1;
    }

    /// The files of directories with some extension; of several with one name the first directory's.
    fn include_directories(&mut self, line: &Line, extension: &str) -> Taken {
        line.needed(1, "the directory")?;
        let mut paths: Vec<PathBuf> = Vec::new();
        for directory in &line.words[1..] {
            let found = self.files.list(Path::new(directory));
            let found = found.into_iter().filter(|path| path.extension().is_some_and(|other| other == extension));
            let others = found.filter(|path| paths.iter().all(|known| known.file_name() != path.file_name()));
            let others: Vec<_> = others.collect();
            paths.extend(others);
        }
        paths.sort_by(|one, other| one.file_name().cmp(&other.file_name()));
        self.include(&paths, line);
        Ok(())
    }

    fn source(&mut self, line: &Line) -> Taken {
        line.needed(1, "the server's name or address")?;
        let section = self.document.add("ntp.source", Some(line));
        self.server = Server::new(section, line);
        apply_options(SERVER, self, line, 2);
        let server = std::mem::take(&mut self.server);
        server.finish(&mut self.document);
        Ok(())
    }

    fn rule(&mut self, line: &Line, answer: Answer) -> Taken {
        let is_all = line.argument(1).is_some_and(|word| word.eq_ignore_ascii_case("all"));
        match line.argument(1 + usize::from(is_all)) {
            None => {
                if is_all {
                    for prefix in everybody() {
                        self.access.clear_within(prefix);
                    }
                }
                self.access.set_all(answer, Some(line));
            }
            Some(text) => {
                let subnet = subnet(text)?;
                if is_all {
                    self.access.clear_within(subnet);
                }
                self.access.set(subnet, answer, Some(line));
            }
        }
        Ok(())
    }

    fn set(&mut self, path: &'static str, value: Value, line: &Line) -> Taken {
        self.document.set(path, value, Some(line));
        Ok(())
    }

    fn step(&mut self, line: &Line) -> Taken {
        let threshold = seconds(line.needed(1, "the threshold")?)?;
        let limit = integer(line.needed(2, "the limit")?)?;
        let first = if limit == 0 { Value::Word("never") } else { threshold.clone() };
        self.document.set("clock.step.first", first, Some(line));
        if limit < 0 {
            self.document.set("clock.step.later", threshold, Some(line));
        } else if limit > 1 {
            let text = format!(
                "the first {limit} corrections may be steps there, here the first one alone: clock.step.later is for the others"
            );
            self.document.note(Kind::Changed, line, text);
        }
        Ok(())
    }

    fn leap_mode(&mut self, line: &Line) -> Taken {
        let mode = match line.needed(1, "the mode")?.to_ascii_lowercase().as_str() {
            "system" => "kernel",
            "step" => "step",
            "slew" => "slew",
            "ignore" => "ignore",
            other => return Err(format!("{other:?} is no mode")),
        };
        self.set("clock.leap", Value::Word(mode), line)
    }

    fn local(&mut self, line: &Line) -> Taken {
        self.local = vec![("stratum", Value::Integer(10))];
        apply_options(LOCAL, self, line, 1);
        for (name, value) in std::mem::take(&mut self.local) {
            let path = match name {
                "stratum" => "ntp.server.local.stratum",
                "distance" => "ntp.server.local.distance",
                _ => "ntp.server.local.orphan",
            };
            self.document.set(path, value, Some(line));
        }
        Ok(())
    }

    fn rate_limit(&mut self, line: &Line) {
        self.limit = Some((3, 8, line.clone()));
        apply_options(RATELIMIT, self, line, 1);
    }

    /// What is made of several lines together.
    fn finish(mut self) -> Document {
        self.refclocks.finish(&mut self.document, self.files.as_ref());
        if let Some(line) = &self.hardware {
            for section in self.document.all("ntp.source") {
                self.document.set_in(section, "timestamps", Value::Word("hardware"), Some(line));
            }
        }
        if let Some((distance, line)) = &self.max_distance {
            sources::limit_distance(&mut self.document, distance, line);
        }
        self.serve();
        self.document.set("clock.system", Value::Word("discipline"), None);
        let said = |directive: &str| self.said.iter().any(|said| said == directive);
        tell_defaults(DEFAULTS, &mut self.document, &said);
        self.document
    }

    fn serve(&mut self) {
        let port = self.port.as_ref().map_or(123, |(port, _)| *port);
        if port == 0 || !self.access.any_allowed() {
            if let Some((_, line)) = self.port.as_ref().filter(|(port, _)| *port == 0 && self.access.any_allowed()) {
                self.document.note(Kind::Needless, line, "the server is off: without ntp.server.listen it is");
            }
            return;
        }
        let mut listen = sources::Listening::new(port);
        for (place, line) in &self.bind {
            if let Err(why) = listen.add(place) {
                self.document.note(Kind::Wrong, line, why);
            }
        }
        let from = self.bind.first().map(|(_, line)| line).or(self.port.as_ref().map(|(_, line)| line));
        let from = from.cloned();
        self.document.set("ntp.server.listen", Value::Places(listen.places()), from.as_ref());
        self.access.write(&mut self.document);
        if let Some((interval, burst, line)) = self.limit.take() {
            sources::rate_limit(&mut self.document, interval, Some(burst), &line);
        }
    }
}

/// A subnet, also in the short form `10.1` for `10.1.0.0/16`.
fn subnet(text: &str) -> Result<Prefix, String> {
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let parts = address.split('.').count();
    let is_short = parts < 4 && !address.is_empty() && address.bytes().all(|c| c.is_ascii_digit() || c == b'.');
    if !is_short {
        return prefix(text).map_err(|why| format!("{why}; names of hosts are not looked up here"));
    }
    let address = format!("{}{}", address.trim_end_matches('.'), ".0".repeat(4 - parts));
    let length = length.map_or_else(|| (8 * parts).to_string(), ToOwned::to_owned);
    prefix(&format!("{address}/{length}"))
}

const fn tool(name: &'static str) -> Row<Chrony> {
    needless(
        name,
        "chronyc is not answered: `synchronome status`, `sources`, `why` ask a socket in observe.runtime_directory",
    )
}

const fn judged(name: &'static str) -> Row<Chrony> {
    missing(name, "sources are judged by intervals that the truth lies in, which has no such figure")
}

const fn nts(name: &'static str) -> Row<Chrony> {
    missing(name, "NTS is not there yet")
}

const fn rtc(name: &'static str) -> Row<Chrony> {
    missing(name, "the RTC's drift is not tracked: clock.rtc says who sets it")
}

/// The directives of `chrony.conf`.
pub const DIRECTIVES: &[Row<Chrony>] = &[
    same("server", "ntp.source.address", Chrony::source),
    same("pool", "ntp.source.address, ntp.source.pool", |c, line| {
        c.source(line)?;
        if let Some(section) = c.document.all("ntp.source").pop()
            && c.document.value_in(section, "pool").is_none()
        {
            c.document.set_in(section, "pool", Value::Integer(4), Some(line));
        }
        Ok(())
    }),
    changed("peer", "ntp.source.address", Chrony::source, "it is asked as a server: there is no symmetric mode"),
    changed(
        "initstepslew",
        "clock.step.first",
        |c, line| {
            let threshold = seconds(line.needed(1, "the threshold")?)?;
            c.set("clock.step.first", threshold, line)
        },
        "the first correction waits for a majority of all sources, and not for the servers named here",
    ),
    same("refclock", "refclock", refclock::line),
    missing("manual", "there is no settime: `synchronome set` sets the clock once, from servers"),
    missing("acquisitionport", "requests leave by a port of their own each"),
    missing("bindacqaddress", "the kernel's routes say by which address a request leaves"),
    missing("bindacqdevice", "the kernel's routes say by which interface a request leaves"),
    missing("dscp", "packets carry no DSCP"),
    needless("dumpdir", "what is learnt of the oscillators is in observe.state_directory"),
    needless("dumponexit", "what is learnt of the oscillators is in observe.state_directory"),
    missing("maxsamples", "the servo \"estimator\" decides how much of the past counts"),
    missing("minsamples", "the servo \"estimator\" decides how much of the past counts"),
    missing("refresh", "a name is looked up again when nobody answers there"),
    changed("authselectmode", "", |_, _| Ok(()), "nobody is authenticated: keys and NTS are not there yet"),
    judged("combinelimit"),
    same("maxdistance", "ntp.source.max_distance, refclock.max_distance", |c, line| {
        c.max_distance = Some((seconds(line.needed(1, "the distance")?)?, line.clone()));
        Ok(())
    }),
    judged("maxjitter"),
    missing(
        "minsources",
        "the majority of the sources that are heard decides, of one source that one: ntp.source.require names one that must agree",
    ),
    judged("reselectdist"),
    judged("stratumweight"),
    needless("clockprecision", "it is measured"),
    needless("corrtimeratio", "the servo decides how fast it corrects, within clock.max_frequency"),
    needless(
        "driftfile",
        "what is learnt of the oscillators is in observe.state_directory; chronyd's file is not read",
    ),
    needless("fallbackdrift", "in holdover the frequency is what the servo has learnt"),
    same("leapsecmode", "clock.leap", Chrony::leap_mode),
    needless("leapsectz", "TAI - UTC and leap seconds are read from the list in clock.leap_file (from tzdata too)"),
    same("leapseclist", "clock.leap_file", |c, line| {
        let path = line.needed(1, "the file")?.to_owned();
        c.set("clock.leap_file", Value::Text(path), line)
    }),
    same("makestep", "clock.step.first, clock.step.later", Chrony::step),
    changed(
        "maxchange",
        "clock.step.panic",
        |c, line| {
            let offset = seconds(line.needed(1, "the offset")?)?;
            c.set("clock.step.panic", offset, line)
        },
        "a larger offset is reported and not corrected, from the first correction on; the daemon never ends for it",
    ),
    same("maxclockerror", "clock.max_drift", |c, line| {
        let drift = frequency(line.needed(1, "the error in ppm")?, "ppm")?;
        c.set("clock.max_drift", drift, line)
    }),
    missing("maxdrift", "clock.max_frequency limits the correction, and the drift is within it"),
    needless(
        "maxupdateskew",
        "the servo \"estimator\" knows how sure it is of the frequency, and takes what that allows",
    ),
    changed(
        "maxslewrate",
        "clock.max_frequency",
        |c, line| {
            let rate = frequency(line.needed(1, "the rate in ppm")?, "ppm")?;
            c.set("clock.max_frequency", rate, line)
        },
        "the limit is on the whole correction, the oscillator's own error in it",
    ),
    missing("tempcomp", "there is no compensation by temperature"),
    same("allow", "ntp.server.listen, ntp.server.allow", |c, line| c.rule(line, Answer::Allow)),
    same("deny", "ntp.server.ignore", |c, line| c.rule(line, Answer::Ignore)),
    same("bindaddress", "ntp.server.listen", |c, line| {
        c.bind.push((line.needed(1, "the address")?.to_owned(), line.clone()));
        Ok(())
    }),
    same("binddevice", "ntp.server.listen", |c, line| {
        c.bind.push((line.needed(1, "the interface")?.to_owned(), line.clone()));
        Ok(())
    }),
    missing("broadcast", "clients ask: nothing is broadcast"),
    changed(
        "clientloglimit",
        "ntp.server.clients",
        |c, line| {
            let bytes = integer(line.needed(1, "the octets")?)?;
            c.set("ntp.server.clients", Value::Integer(bytes / 128), line)
        },
        "it counts clients instead of octets, of each worker: chronyd keeps one in 128 octets",
    ),
    missing(
        "noclientlog",
        "clients are remembered as far as ntp.server.clients goes: the limit of their rate needs it",
    ),
    same("local", "ntp.server.local.stratum, ntp.server.local.distance, ntp.server.local.orphan", |c, line| {
        c.local(line)
    }),
    missing("ntpsigndsocket", "MS-SNTP is not signed"),
    nts("ntsport"),
    nts("ntsservercert"),
    nts("ntsserverkey"),
    nts("ntsprocesses"),
    nts("maxntsconnections"),
    nts("ntsntpserver"),
    nts("ntsrotate"),
    nts("ntsdumpdir"),
    nts("ntsrefresh"),
    nts("ntstrustedcerts"),
    nts("nosystemcert"),
    nts("nocerttimecheck"),
    nts("ntsaeads"),
    nts("ntsratelimit"),
    same("port", "ntp.server.listen", |c, line| {
        c.port = Some((integer(line.needed(1, "the port")?)?, line.clone()));
        Ok(())
    }),
    changed(
        "ratelimit",
        "ntp.server.rate_interval, ntp.server.rate_burst",
        |c, line| {
            c.rate_limit(line);
            Ok(())
        },
        "of what is too much one request in sixteen is answered, and one told so (RATE); IPv6 is counted by /64",
    ),
    missing("smoothtime", "served time is the clock's; leap seconds alone can be smeared: ntp.server.smear"),
    tool("bindcmdaddress"),
    tool("bindcmddevice"),
    tool("cmdallow"),
    tool("cmddeny"),
    tool("cmdport"),
    tool("cmdratelimit"),
    tool("opencommands"),
    needless("hwclockfile", "the kernel knows whether the RTC has UTC"),
    rtc("rtcautotrim"),
    rtc("rtcdevice"),
    rtc("rtcfile"),
    rtc("rtconutc"),
    same("rtcsync", "clock.rtc", |c, line| c.set("clock.rtc", Value::Word("kernel"), line)),
    missing(
        "log",
        "there are no logs of measurements: `synchronome record` and [trace] keep all that the engines hear, metrics the rest",
    ),
    missing("logbanner", "there are no logs of measurements"),
    missing("logchange", "each step is logged, whatever its size"),
    needless("logdir", "the log goes to stderr, and so to the journal"),
    missing("mailonchange", "nobody is sent mail: metrics are for alarms"),
    same("confdir", "", |c, line| c.include_directories(line, "conf")),
    same("sourcedir", "", |c, line| c.include_directories(line, "sources")),
    same("include", "", |c, line| {
        let paths = matching(c.files.as_ref(), line.needed(1, "the file")?);
        if paths.is_empty() {
            return Err("no such file".to_owned());
        }
        c.include(&paths, line);
        Ok(())
    }),
    changed(
        "hwtimestamp",
        "ntp.source.timestamps",
        |c, line| {
            line.needed(1, "the interface")?;
            c.hardware = Some(line.clone());
            apply_options(HWTIMESTAMP, c, line, 2);
            Ok(())
        },
        "said of sources, and not of interfaces: the card that a source is reached by takes the stamps of all its packets",
    ),
    missing("hwtstimeout", "so long as a card takes for a stamp, so late the sample is used"),
    missing("keyfile", "keys are not there yet"),
    same("lock_all", "threads.lock_memory", |c, line| c.set("threads.lock_memory", Value::Switch(true), line)),
    missing("maxtxbuffers", "how many stamps are waited for is fixed"),
    needless("pidfile", "systemd knows the process"),
    missing("ptpport", "there is no NTP over PTP: a [[ptp]] port is PTP itself"),
    missing("ptpdomain", "there is no NTP over PTP"),
    changed(
        "sched_priority",
        "threads.discipline.priority",
        |c, line| match integer(line.needed(1, "the priority")?)? {
            0 => Ok(()),
            priority => c.set("threads.discipline.priority", Value::Integer(priority), line),
        },
        "the other threads have priorities of their own: [threads]",
    ),
    missing("user", "the unit of systemd says who runs it; started as root it becomes security.user"),
];

/// What may stand behind a server, a pool or a peer.
pub const SERVER: &[Row<Chrony>] = &[
    same("minpoll", "ntp.source.poll", |c, line| c.server.integer("poll", line, &mut c.document)),
    changed(
        "maxpoll",
        "ntp.source.poll_max",
        |c, line| c.server.integer("poll_max", line, &mut c.document),
        "it becomes longer while the clock is LOCKED, all agree and answers say little that is new, else it stays at poll",
    ),
    alone(same("iburst", "ntp.source.iburst", |c, line| c.server.switch("iburst", line, &mut c.document))),
    alone(same("burst", "ntp.source.burst", |c, line| c.server.switch("burst", line, &mut c.document))),
    missing("key", "keys are not there yet: this source is asked without, and may be forged"),
    alone(missing("nts", "NTS is not there yet: this source is asked without, and may be forged")),
    nts("certset"),
    nts("ntsport"),
    missing("maxdelay", "a longer delay leaves more open, and counts for less by itself"),
    missing("maxdelayratio", "a longer delay leaves more open, and counts for less by itself"),
    missing("maxdelaydevratio", "a longer delay leaves more open, and counts for less by itself"),
    missing("maxdelayquant", "a longer delay leaves more open, and counts for less by itself"),
    missing("mindelay", "the shortest delay is what has been seen"),
    missing("asymmetry", "the asymmetry of jitter is not estimated: delay_asymmetry is one that is known"),
    same("offset", "ntp.source.time_offset", |c, line| {
        let offset = seconds(line.needed(1, "the offset")?)?;
        let Value::Duration(offset) = offset else { return Ok(()) };
        // Added to what the server is ahead of us there; here the server is said to be ahead by it.
        c.server.set("time_offset", Value::Duration(-offset), line, &mut c.document)
    }),
    missing("minsamples", "the servo \"estimator\" decides how much of the past counts"),
    missing("maxsamples", "the servo \"estimator\" decides how much of the past counts"),
    missing("filter", "the servo \"estimator\" weighs samples by what they leave open"),
    alone(missing("offline", "`synchronome offline` and `online` do that while the daemon runs")),
    alone(missing("auto_offline", "a server that is not reached is asked on")),
    alone(same("prefer", "ntp.source.prefer", |c, line| c.server.switch("prefer", line, &mut c.document))),
    alone(same("noselect", "ntp.source.noselect", |c, line| c.server.switch("noselect", line, &mut c.document))),
    alone(same("trust", "ntp.source.trust", |c, line| c.server.switch("trust", line, &mut c.document))),
    alone(same("require", "ntp.source.require", |c, line| c.server.switch("require", line, &mut c.document))),
    alone(same("xleave", "ntp.source.interleaved", |c, line| c.server.switch("interleaved", line, &mut c.document))),
    missing("polltarget", "it becomes longer as poll_max says"),
    same("port", "ntp.source.address", |c, line| {
        c.server.port = Some(integer(line.needed(1, "the port")?)?);
        Ok(())
    }),
    missing("presend", "nothing is sent ahead of a request"),
    missing("minstratum", "a server's stratum is what it says"),
    missing("version", "version 4 is asked"),
    missing("extfield", "no such extension field is sent"),
    alone(missing("copy", "stratum and reference ID are our own, one more than those of who steers")),
    same("maxsources", "ntp.source.pool", |c, line| c.server.integer("pool", line, &mut c.document)),
    missing("maxunreach", "a member of a pool that does not answer is replaced"),
    alone(same("ipv4", "ntp.source.family", |c, line| c.server.set("family", Value::Word("4"), line, &mut c.document))),
    alone(same("ipv6", "ntp.source.family", |c, line| c.server.set("family", Value::Word("6"), line, &mut c.document))),
];

const LOCAL: &[Row<Chrony>] = &[
    same("stratum", "ntp.server.local.stratum", |c, line| {
        c.local[0].1 = Value::Integer(integer(line.needed(1, "the stratum")?)?);
        Ok(())
    }),
    same("distance", "ntp.server.local.distance", |c, line| {
        c.local.push(("distance", seconds(line.needed(1, "the distance")?)?));
        Ok(())
    }),
    alone(same("orphan", "ntp.server.local.orphan", |c, _| {
        c.local.push(("orphan", Value::Switch(true)));
        Ok(())
    })),
    missing("activate", "it is served from the start"),
    missing("waitsynced", "it is served as soon as nobody vouches for the time"),
    missing("waitunsynced", "it is served as soon as nobody vouches for the time"),
];

const RATELIMIT: &[Row<Chrony>] = &[
    same("interval", "ntp.server.rate_interval", |c, line| {
        let interval = integer(line.needed(1, "the interval")?)?;
        c.limit.iter_mut().for_each(|limit| limit.0 = interval);
        Ok(())
    }),
    same("burst", "ntp.server.rate_burst", |c, line| {
        let burst = integer(line.needed(1, "the burst")?)?;
        c.limit.iter_mut().for_each(|limit| limit.1 = burst);
        Ok(())
    }),
    missing("leak", "of what is too much one request in sixteen is answered"),
    missing("kod", "of what is too much one request in sixteen is told so"),
];

const HWTIMESTAMP: &[Row<Chrony>] = &[
    needless("minpoll", "the card's clock is compared as often as it pays"),
    needless("minsamples", "the card's clock is compared as often as it pays"),
    needless("maxsamples", "the card's clock is compared as often as it pays"),
    needless("precision", "what a comparison leaves open is measured"),
    missing("txcomp", "a card's latency is an option of [[ptp]] alone: time_offset is for the difference of both"),
    missing("rxcomp", "a card's latency is an option of [[ptp]] alone: time_offset is for the difference of both"),
    alone(needless("nocrossts", "the most precise comparison that the card has is taken")),
    needless("rxfilter", "the card is told to stamp all packets, or those that it can"),
];

/// What chronyd does where its file says nothing, and we do something else.
pub const DEFAULTS: &[OtherDefault] = &[
    OtherDefault {
        unless: &["makestep", "initstepslew"],
        needs: None,
        text: "chronyd never steps; here the first correction may be a step of any size: clock.step.first = \"never\" is as there",
    },
    OtherDefault {
        unless: &["rtcsync"],
        needs: None,
        text: "chronyd leaves the RTC alone, and the kernel says that the clock is not synchronised; here the kernel sets the RTC: clock.rtc = \"off\" is as there",
    },
    OtherDefault {
        unless: &["maxslewrate"],
        needs: None,
        text: "chronyd slews by up to 83333 ppm; here clock.max_frequency is 500 ppm, so that what is not stepped takes longer",
    },
    OtherDefault {
        unless: &["maxpoll"],
        needs: Some("ntp.source"),
        text: "chronyd asks a server each 64 s at first and each 1024 s at last; here it stays at 64 s unless ntp.source.poll_max is longer: be polite to servers that are not yours",
    },
    OtherDefault {
        unless: &["iburst"],
        needs: Some("ntp.source"),
        text: "chronyd waits for its interval from the first request on; here ntp.source.iburst asks more often at first",
    },
];

/// Whether a directive is one of `chrony.conf`.
pub fn knows(directive: &str) -> bool {
    DIRECTIVES.iter().any(|row| row.name == directive)
}

/// What the manual says of all this.
pub fn manual() -> String {
    [
        "\n## chrony.conf\n".to_owned(),
        manual_defaults(DEFAULTS),
        manual_table("Directives:", DIRECTIVES),
        manual_table("Options of `server`, `pool` and `peer`:", SERVER),
        manual_table("Options of `refclock`:", REFCLOCK),
        manual_table("Options of `local`:", LOCAL),
        manual_table("Options of `ratelimit`:", RATELIMIT),
        manual_table("Options of `hwtimestamp`:", HWTIMESTAMP),
    ]
    .concat()
}
