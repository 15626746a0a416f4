//! `ntp.conf` of ntpd (4.2.8) and of ntpsec, with the files that it includes.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use self::interface::Interfaces;
use self::refclock::{FUDGE, OPTIONS, Refclocks};
use super::access::{AccessRules, Answer, prefix};
use super::document::{Document, Kind, Line};
use super::files::{Files, Input, matching};
use super::sources::{self, Server};
use super::table::{
    Importer, OtherDefault, Row, Taken, alone, apply, apply_options, changed, manual_defaults, manual_table, missing,
    needless, same, tell_defaults,
};
use super::text::{directive, integer, lines, seconds, threshold};
use crate::config::Value;
use crate::ntp::server::Prefix;

mod interface;
mod refclock;

/// How deep files may include files.
const DEPTH_MAX: usize = 8;
/// How many servers ntpd takes from pools, unless told.
const POOL_MAX: i64 = 10;
/// The most members of a pool here.
const MEMBERS_MAX: i64 = 7;

/// An `ntp.conf` on its way.
pub struct Ntp {
    document: Document,
    files: Rc<dyn Files>,
    depth: usize,
    /// The words that there were.
    said: Vec<String>,
    server: Server,
    refclocks: Refclocks,
    interfaces: Interfaces,
    access: AccessRules,
    rule: Rule,
    /// The line that limits how often somebody may ask, and each what interval.
    limited: Option<Line>,
    average: i64,
    max_distance: Option<(Value, Line)>,
    max_clock: i64,
    orphan: Option<(i64, Line)>,
}

/// The `restrict` that is being read.
#[derive(Clone, Copy, Debug, Default)]
struct Rule {
    ignored: bool,
    unserved: bool,
    told: bool,
    limited: bool,
}

impl Importer for Ntp {
    fn document(&mut self) -> &mut Document {
        &mut self.document
    }
}

/// Takes an `ntp.conf` into a document.
pub fn import(input: &Input, files: Rc<dyn Files>, document: Document) -> Document {
    import_by(files, document, |ntp| ntp.file(input))
}

/// Takes lines of one that stand in another file.
pub fn import_lines(lines: &[Line], files: Rc<dyn Files>, document: Document) -> Document {
    import_by(files, document, |ntp| lines.iter().for_each(|line| ntp.line(line.clone())))
}

fn import_by(files: Rc<dyn Files>, document: Document, read: impl FnOnce(&mut Ntp)) -> Document {
    let mut access = AccessRules::default();
    access.set_all(Answer::Allow, None);
    let mut ntp = Ntp {
        document,
        files,
        depth: 0,
        said: Vec::new(),
        server: Server::default(),
        refclocks: Refclocks::default(),
        interfaces: Interfaces::default(),
        access,
        rule: Rule::default(),
        limited: None,
        average: 3,
        max_distance: None,
        max_clock: POOL_MAX,
        orphan: None,
    };
    read(&mut ntp);
    ntp.finish()
}

impl Ntp {
    fn file(&mut self, input: &Input) {
        for (number, text) in lines(&input.text, "#") {
            self.line(directive(&input.name, number, text, false));
        }
    }

    fn line(&mut self, mut line: Line) {
        // A comment may stand behind a directive.
        if let Some(at) = line.words.iter().skip(1).position(|word| word.starts_with('#')) {
            line.words.truncate(at + 1);
        }
        self.said.extend(line.words.iter().cloned());
        apply(DIRECTIVES, self, &line);
    }

    fn include(&mut self, line: &Line) -> Taken {
        let pattern = line.needed(1, "the file")?;
        let mut paths = matching(self.files.as_ref(), pattern);
        if !pattern.starts_with('/') {
            let beside = Path::new(&*line.place.file).parent().unwrap_or_else(|| Path::new("")).join(pattern);
            paths = matching(self.files.as_ref(), &beside.display().to_string());
        }
        // ntpsec reads a directory's files that end so.
        let listed: Vec<Vec<PathBuf>> = paths.iter().map(|path| self.files.list(path)).collect();
        let is_read = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "conf");
        let paths: Vec<PathBuf> = paths
            .into_iter()
            .zip(listed)
            .flat_map(
                |(path, inside)| {
                    if inside.is_empty() { vec![path] } else { inside.into_iter().filter(is_read).collect() }
                },
            )
            .collect();
        if self.depth == DEPTH_MAX {
            return Err(format!("not read: files include files {DEPTH_MAX} deep"));
        }
        self.depth += 1;
        for path in paths {
            let files = Rc::clone(&self.files);
            match files.read(&path) {
                Ok(input) => self.file(&input),
                Err(why) => self.document.note(Kind::Wrong, line, format!("not read: {why}")),
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// A server, a pool or a peer: also a reference clock, by an address that is none.
    fn source(&mut self, line: &Line) -> Taken {
        let flag = line.argument(1).filter(|word| matches!(*word, "-4" | "-6"));
        let at = 1 + usize::from(flag.is_some());
        let name = line.needed(at, "the server's name or address")?.to_owned();
        if let Some(driver) = refclock::driver(&name) {
            return self.refclocks.add(driver?, line, &mut self.document).map(|()| {
                apply_options(OPTIONS, self, line, at + 1);
            });
        }
        let section = self.document.add("ntp.source", Some(line));
        self.server = Server::new(section, line).named(&name);
        if let Some(flag) = flag {
            let family = if flag == "-4" { "4" } else { "6" };
            self.server.set("family", Value::Word(family), line, &mut self.document)?;
        }
        apply_options(SERVER, self, line, at + 1);
        std::mem::take(&mut self.server).finish(&mut self.document);
        Ok(())
    }

    fn pool(&mut self, line: &Line) -> Taken {
        let before = self.document.all("ntp.source").len();
        self.source(line)?;
        if let Some(section) = self.document.all("ntp.source").get(before) {
            // How many each gets is known when all are.
            self.document.set_in(*section, "pool", Value::Integer(MEMBERS_MAX), Some(line));
        }
        Ok(())
    }

    fn restrict(&mut self, line: &Line) -> Taken {
        let family = line.argument(1).filter(|word| matches!(*word, "-4" | "-6"));
        let at = 1 + usize::from(family.is_some());
        let who = line.needed(at, "who is meant")?.to_owned();
        let (prefixes, at) = match (who.as_str(), line.argument(at + 1)) {
            ("source", _) => {
                let text = "sources are not restricted: nothing that they send changes anything but the time";
                self.document.note(Kind::Needless, line, text);
                return Ok(());
            }
            ("default", _) => (defaults(family)?, at + 1),
            (address, Some("mask")) => {
                let mask = line.needed(at + 2, "the mask")?;
                (vec![masked(address, mask)?], at + 3)
            }
            (address, _) => {
                (vec![prefix(address).map_err(|why| format!("{why}; names of hosts are not looked up here"))?], at + 1)
            }
        };
        self.rule = Rule::default();
        apply_options(RESTRICT, self, line, at);
        let answer = match self.rule {
            Rule { ignored: true, .. } => Answer::Ignore,
            Rule { unserved: true, told: true, .. } => Answer::Deny,
            Rule { unserved: true, .. } => Answer::Ignore,
            _ => Answer::Allow,
        };
        for prefix in prefixes {
            self.access.set(prefix, answer, Some(line));
        }
        if self.rule.limited {
            self.limited = Some(line.clone());
        }
        Ok(())
    }

    fn set(&mut self, path: &'static str, value: Value, line: &Line) -> Taken {
        self.document.set(path, value, Some(line));
        Ok(())
    }

    /// What is made of several lines together.
    fn finish(mut self) -> Document {
        self.refclocks.finish(&mut self.document);
        if let Some((distance, line)) = &self.max_distance {
            sources::limit_distance(&mut self.document, distance, line);
        }
        self.share_pools();
        if let Some((stratum, line)) = self.orphan.take() {
            self.document.set("ntp.server.local.stratum", Value::Integer(stratum), Some(&line));
            if self.document.all("ntp.source").is_empty() {
                self.document.note(
                    Kind::Changed,
                    &line,
                    "there is no other server to agree with: the clock's own time alone",
                );
            } else {
                self.document.set("ntp.server.local.orphan", Value::Switch(true), Some(&line));
            }
        }
        self.interfaces.write(&mut self.document);
        if self.access.any_allowed() {
            self.access.write(&mut self.document);
        }
        if let Some(line) = self.limited.take() {
            sources::rate_limit(&mut self.document, self.average, None, &line);
        }
        self.document.set("clock.system", Value::Word("discipline"), None);
        let said = |directive: &str| directive.split(' ').all(|word| self.said.iter().any(|said| said == word));
        tell_defaults(DEFAULTS, &mut self.document, &said);
        self.document
    }

    /// ntpd takes so many servers of all pools together.
    fn share_pools(&mut self) {
        let pools: Vec<_> = self.document.all("ntp.source");
        let pools: Vec<_> =
            pools.into_iter().filter(|section| self.document.value_in(*section, "pool").is_some()).collect();
        if pools.is_empty() {
            return;
        }
        let each = (self.max_clock / pools.len() as i64).clamp(1, MEMBERS_MAX);
        for section in pools {
            self.document.set_in(section, "pool", Value::Integer(each), None);
        }
    }
}

fn defaults(family: Option<&str>) -> Result<Vec<Prefix>, String> {
    let all = |text| prefix(text);
    match family {
        Some("-4") => Ok(vec![all("0.0.0.0/0")?]),
        Some(_) => Ok(vec![all("::/0")?]),
        None => Ok(vec![all("0.0.0.0/0")?, all("::/0")?]),
    }
}

/// A prefix from an address and a mask of ones and then zeros.
fn masked(address: &str, mask: &str) -> Result<Prefix, String> {
    let mask: std::net::IpAddr = mask.parse().map_err(|_| format!("{mask:?} is not a mask"))?;
    let (bits, width) = match mask {
        std::net::IpAddr::V4(mask) => (u128::from(mask.to_bits()) << 96, 32),
        std::net::IpAddr::V6(mask) => (mask.to_bits(), 128),
    };
    let length = bits.leading_ones();
    if length > width || bits != u128::MAX.checked_shl(128 - length).unwrap_or(0) {
        return Err(format!("{mask} is not a mask of a prefix"));
    }
    prefix(&format!("{address}/{length}"))
}

const fn statistics(name: &'static str) -> Row<Ntp> {
    missing(
        name,
        "there are no logs of measurements: `synchronome record` and [trace] keep all that the engines hear, metrics the rest",
    )
}

const fn keys(name: &'static str) -> Row<Ntp> {
    missing(name, "keys, Autokey and NTS are not there: nobody is authenticated yet")
}

const fn crowd(name: &'static str) -> Row<Ntp> {
    missing(name, "servers are named and asked: there is no broadcast, multicast or manycast")
}

const fn questions(name: &'static str) -> Row<Ntp> {
    alone(needless(
        name,
        "no packet changes anything here, ntpq is answered on this host alone, and there are no traps and no peers",
    ))
}

/// The directives of `ntp.conf`.
pub const DIRECTIVES: &[Row<Ntp>] = &[
    same("server", "ntp.source.address", Ntp::source),
    changed(
        "pool",
        "ntp.source.address, ntp.source.pool",
        Ntp::pool,
        "ntpd takes 10 servers of all pools together (tos maxclock); here each pool has its number, and at most 8 sources are judged",
    ),
    changed("peer", "ntp.source.address", Ntp::source, "it is asked as a server: there is no symmetric mode"),
    same("refclock", "refclock", |n, line| {
        let name = line.needed(1, "the driver")?;
        let driver = refclock::named(name, line)?;
        n.refclocks.add(driver, line, &mut n.document)?;
        apply_options(OPTIONS, n, line, 2);
        Ok(())
    }),
    same("fudge", "refclock, ntp.server.local.stratum", |n, line| {
        n.refclocks.fudge(line)?;
        apply_options(FUDGE, n, line, 2);
        Ok(())
    }),
    crowd("broadcast"),
    crowd("broadcastclient"),
    crowd("broadcastdelay"),
    crowd("multicastclient"),
    crowd("manycastclient"),
    crowd("manycastserver"),
    crowd("ttl"),
    needless("driftfile", "what is learnt of the oscillators is in observe.state_directory; ntpd's file is not read"),
    same("restrict", "ntp.server.allow, ntp.server.deny, ntp.server.ignore, ntp.server.rate_interval", |n, line| {
        n.restrict(line)
    }),
    missing("unrestrict", "it takes a rule back, which has to be done by hand"),
    changed(
        "discard",
        "ntp.server.rate_interval",
        |n, line| {
            apply_options(DISCARD, n, line, 1);
            Ok(())
        },
        "with `restrict ... limited`: so long may pass between requests on average; ntp.server.rate_burst may come at once",
    ),
    missing("mru", "ntp.server.clients says how many clients are remembered"),
    same("interface", "ntp.server.listen, ntp.server.listen_except", |n, line| n.interfaces.add(line)),
    same("nic", "ntp.server.listen, ntp.server.listen_except", |n, line| n.interfaces.add(line)),
    same("tos", "ntp.source.max_distance, ntp.server.local.orphan", |n, line| {
        apply_options(TOS, n, line, 1);
        Ok(())
    }),
    same("tinker", "clock.step.first, clock.step.later, clock.step.panic", |n, line| {
        apply_options(TINKER, n, line, 1);
        Ok(())
    }),
    same("leapfile", "clock.leap_file", |n, line| {
        let path = line.needed(1, "the file")?.to_owned();
        n.set("clock.leap_file", Value::Text(path), line)
    }),
    changed(
        "leapsmearinterval",
        "ntp.server.smear, ntp.server.smear_duration",
        |n, line| {
            let length = seconds(line.needed(1, "the interval")?)?;
            if length != Value::Duration(crate::time::Duration::ZERO) {
                n.set("ntp.server.smear", Value::Word("cosine"), line)?;
                n.set("ntp.server.smear_duration", length, line)?;
            }
            Ok(())
        },
        "one half of the smear is before the leap second and one after it; all of it is before there",
    ),
    same("includefile", "", Ntp::include),
    keys("keys"),
    keys("keysdir"),
    keys("trustedkey"),
    keys("requestkey"),
    keys("controlkey"),
    keys("crypto"),
    keys("autokey"),
    keys("automax"),
    keys("revoke"),
    keys("nts"),
    statistics("statsdir"),
    statistics("statistics"),
    statistics("filegen"),
    needless("logfile", "the log goes to stderr, and so to the journal"),
    needless("logconfig", "observe.log says what is logged"),
    missing("enable", "what is enabled there is so here, or has an option of its own"),
    missing("disable", "what is disabled there has an option of its own here, or none"),
    missing("rlimit", "threads.lock_memory and the unit of systemd are for that"),
    missing("phone", "there are no modems"),
    missing("calldelay", "there are no modems"),
    missing("setvar", "there are no such variables"),
    missing("trap", "there are no traps: events and metrics are for that"),
    missing("tick", "the kernel's tick is left as it is"),
    missing("dscp", "packets carry no DSCP"),
    missing("qos", "packets carry no DSCP"),
    missing("saveconfigdir", "nothing is configured while it runs"),
    missing("ntpsigndsocket", "MS-SNTP is not signed"),
    missing("mssntp", "MS-SNTP is not signed"),
    needless("pidfile", "systemd knows the process"),
    needless("mdnstries", "nothing is announced by mDNS"),
    missing("device", "a reference clock has its device in its own section"),
    missing("pollskewlist", "polls are spread by themselves"),
    needless("basedate", "the era is told by the system clock"),
    alone(needless("end", "nothing is read from behind it")),
];

/// What may stand behind a server, a pool or a peer.
pub const SERVER: &[Row<Ntp>] = &[
    same("minpoll", "ntp.source.poll", |n, line| n.server.integer("poll", line, &mut n.document)),
    changed(
        "maxpoll",
        "ntp.source.poll_max",
        |n, line| n.server.integer("poll_max", line, &mut n.document),
        "it becomes longer while the clock is LOCKED, all agree and answers say little that is new, else it stays at poll",
    ),
    alone(same("iburst", "ntp.source.iburst", |n, line| n.server.switch("iburst", line, &mut n.document))),
    alone(same("burst", "ntp.source.burst", |n, line| n.server.switch("burst", line, &mut n.document))),
    alone(same("prefer", "ntp.source.prefer", |n, line| n.server.switch("prefer", line, &mut n.document))),
    alone(same("noselect", "ntp.source.noselect", |n, line| n.server.switch("noselect", line, &mut n.document))),
    alone(changed(
        "true",
        "ntp.source.trust",
        |n, line| n.server.switch("trust", line, &mut n.document),
        "those that are trusted have the only votes; there one is kept whatever the others say",
    )),
    alone(same("xleave", "ntp.source.interleaved", |n, line| n.server.switch("interleaved", line, &mut n.document))),
    missing("key", "keys are not there yet: this source is asked without, and may be forged"),
    alone(missing("autokey", "keys are not there yet: this source is asked without, and may be forged")),
    alone(missing("nts", "NTS is not there yet: this source is asked without, and may be forged")),
    missing("ask", "NTS is not there yet"),
    missing("require", "NTS is not there yet"),
    alone(missing("noval", "NTS is not there yet")),
    missing("expire", "NTS is not there yet"),
    missing("cert", "NTS is not there yet"),
    missing("ca", "NTS is not there yet"),
    missing("bias", "time_offset is what a server is known to be ahead by"),
    alone(needless("preempt", "who is not selected stays, and is watched")),
    missing("version", "version 4 is asked"),
    missing("mode", "version 4 is asked, as a client"),
    missing("ttl", "nothing is sent by multicast"),
    missing("subtype", "there are no such drivers"),
];

/// What may stand behind whom a `restrict` is of.
pub const RESTRICT: &[Row<Ntp>] = &[
    alone(same("ignore", "ntp.server.ignore", |n, _| {
        n.rule.ignored = true;
        Ok(())
    })),
    alone(same("noserve", "ntp.server.ignore, ntp.server.deny", |n, _| {
        n.rule.unserved = true;
        Ok(())
    })),
    alone(same("kod", "ntp.server.deny, ntp.server.rate_interval", |n, _| {
        n.rule.told = true;
        Ok(())
    })),
    alone(changed(
        "limited",
        "ntp.server.rate_interval",
        |n, _| {
            n.rule.limited = true;
            Ok(())
        },
        "the limit is for everybody; of what is too much one request in sixteen is answered, and one told so (RATE)",
    )),
    alone(missing("notrust", "keys are not there yet: it is served, and believed, without")),
    questions("nomodify"),
    questions("noquery"),
    questions("nopeer"),
    questions("noepeer"),
    questions("notrap"),
    questions("lowpriotrap"),
    alone(missing("ntpport", "whatever port a request comes from, it is answered")),
    alone(missing("nomrulist", "there is no such list for others")),
    alone(missing("flake", "no packet is thrown away by chance")),
    alone(missing("version", "versions 1 to 4 are answered")),
    alone(missing("mssntp", "MS-SNTP is not signed")),
    missing("serverresponse", "an answer is the clock's time"),
    missing("ippeerlimit", "there are no peers"),
];

const DISCARD: &[Row<Ntp>] = &[
    same("average", "ntp.server.rate_interval", |n, line| {
        n.average = integer(line.needed(1, "the interval")?)?;
        Ok(())
    }),
    missing("minimum", "the average and ntp.server.rate_burst limit it"),
    missing("monitor", "a client that is forgotten is not chosen by chance"),
];

const TOS: &[Row<Ntp>] = &[
    same("maxdist", "ntp.source.max_distance, refclock.max_distance", |n, line| {
        n.max_distance = Some((seconds(line.needed(1, "the distance")?)?, line.clone()));
        Ok(())
    }),
    same("orphan", "ntp.server.local.stratum, ntp.server.local.orphan", |n, line| {
        n.orphan = Some((integer(line.needed(1, "the stratum")?)?, line.clone())).filter(|(stratum, _)| *stratum < 16);
        Ok(())
    }),
    missing("orphanwait", "it is served as soon as nobody vouches for the time"),
    missing(
        "minsane",
        "the majority of the sources that are heard decides, of one source that one: ntp.source.require names one that must agree",
    ),
    missing("minclock", "all that agree count, by how little they leave open"),
    same("maxclock", "ntp.source.pool", |n, line| {
        n.max_clock = integer(line.needed(1, "the number")?)?;
        Ok(())
    }),
    missing("mindist", "sources are judged by intervals that the truth lies in, which has no such figure"),
    missing("ceiling", "strata are not compared: what a source leaves open is"),
    missing("floor", "strata are not compared: what a source leaves open is"),
    missing("cohort", "there is no manycast"),
    missing("beacon", "there is no manycast"),
    missing("bcpollbstep", "there is no broadcast"),
    missing("basedate", "the era is told by the system clock"),
];

/// ntpd's first correction is no other than the later ones.
const fn step(name: &'static str) -> Row<Ntp> {
    same(name, "clock.step.first, clock.step.later", |n, line| {
        let threshold = threshold(line.needed(1, "the threshold")?)?;
        n.set("clock.step.first", threshold.clone(), line)?;
        n.set("clock.step.later", threshold, line)
    })
}

const TINKER: &[Row<Ntp>] = &[
    step("step"),
    step("stepfwd"),
    missing("stepback", "one threshold is for both directions"),
    changed(
        "panic",
        "clock.step.panic",
        |n, line| n.set("clock.step.panic", threshold(line.needed(1, "the threshold")?)?, line),
        "what is off by more is reported and not corrected, once the clock was right; the daemon never ends for it",
    ),
    missing("stepout", "a step is made when the sources agree on it"),
    missing("allan", "the servo knows by itself for how long the oscillator is to be believed"),
    missing("dispersion", "clock.max_drift is the frequency error that may appear unseen"),
    missing("freq", "what is learnt of the oscillators is in observe.state_directory"),
    missing("huffpuff", "a longer delay leaves more open, and counts for less by itself"),
    missing("tick", "the kernel's tick is left as it is"),
];

/// What ntpd does where its file says nothing, and we do something else.
pub const DEFAULTS: &[OtherDefault] = &[
    OtherDefault {
        unless: &["tinker step", "tinker stepfwd"],
        needs: None,
        text: "ntpd steps whenever it is off by more than 128 ms; here the first correction alone may be a step: clock.step.later = \"128ms\" is as there",
    },
    OtherDefault {
        unless: &["tinker panic"],
        needs: None,
        text: "ntpd without -g ends where the clock is off by more than 1000 s at the start; here the first correction may be of any size",
    },
    OtherDefault {
        unless: &["tos maxdist"],
        needs: Some("ntp.source"),
        text: "ntpd does not take a source that leaves more than 1.5 s open; here ntp.source.max_distance is 3 s",
    },
    OtherDefault {
        unless: &["maxpoll"],
        needs: Some("ntp.source"),
        text: "ntpd asks a server each 64 s at first and each 1024 s at last; here it stays at 64 s unless ntp.source.poll_max is longer: be polite to servers that are not yours",
    },
    OtherDefault {
        unless: &["iburst"],
        needs: Some("ntp.source"),
        text: "ntpd waits for its interval from the first request on; here ntp.source.iburst asks more often at first",
    },
];

/// Whether a directive is one of `ntp.conf`.
pub fn knows(directive: &str) -> bool {
    DIRECTIVES.iter().any(|row| row.name == directive)
}

/// What the manual says of all this.
pub fn manual() -> String {
    [
        "\n## ntp.conf\n".to_owned(),
        manual_defaults(DEFAULTS),
        manual_table("Directives:", DIRECTIVES),
        manual_table("Options of `server`, `pool` and `peer`:", SERVER),
        manual_table("Options of a reference clock, behind `server 127.127.t.u` or ntpsec's `refclock`:", OPTIONS),
        manual_table("Options of `fudge`:", FUDGE),
        manual_table("Options of `restrict`:", RESTRICT),
        manual_table("Options of `discard`:", DISCARD),
        manual_table("Options of `tos`:", TOS),
        manual_table("Options of `tinker`:", TINKER),
    ]
    .concat()
}
