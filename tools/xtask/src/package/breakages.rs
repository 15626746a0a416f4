//! A fresh Debian, found, watched and broken in one way after the other: `doctor` names each.
//!
//! What a new user does, in the bare Debian with the package in it: `probe` writes a configuration, the daemon runs with it as its unit starts it,
//! something breaks, `doctor` says what, it is mended as the finding says, and the next thing breaks. Beside it is a network with a grandmaster
//! and two NTP servers. Both are namespaces that go with this value, and nobody in them has the right to touch a clock.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::proof::{PATH, as_the_unit_does, child_of, expect};
use super::tree::CONFIGURATION;
use super::{NAME, read, said, write};
use crate::ci::Outcome;

/// The interface of the machine, the other end of its cable, and what is there: a grandmaster, and an NTP server with two addresses.
const INTERFACE: &str = "eth0";
const BEYOND: &str = "lan0";
const SERVERS: [&str; 2] = ["10.71.0.1", "10.71.0.3"];
/// Where the server has its time from: what follows nobody is a finding of its own.
const UPSTREAM_PORT: &str = "11123";
/// As long as a few Announce and Sync take, and answers.
const LISTEN: &str = "3s";
/// From its start to a good health.
const HEALTHY_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// What a fresh Debian may be told from the beginning: its list of leap seconds is as old as the release.
const FROM_THE_BEGINNING: [&str; 1] = ["leap-table"];
/// What follows from many a breakage, and is named beside its reason.
const CONSEQUENCES: [&str; 2] = ["health", "daemon-lacks"];

/// Nobody who is started here may set a clock.
const POWERLESS: [&str; 5] = ["setpriv", "--bounding-set", "-sys_time", "--inh-caps", "-sys_time"];

/// A check, of what, and how bad that is.
type Told = (String, String, String);

/// So often it is looked at before it counts as not named.
const LOOKS_MAX: usize = 3;

/// One way in which it breaks.
struct Breakage {
    /// What has happened, in words.
    what: &'static str,
    /// Makes it happen.
    happen: fn(&mut Town) -> Outcome,
    /// The check that names it, of what, and how bad that is.
    named: (&'static str, &'static str, &'static str),
    /// What `doctor` says besides.
    beside: &'static [&'static str],
    /// Undoes it.
    mend: fn(&mut Town) -> Outcome,
}

const BREAKAGES: [Breakage; 6] = [
    Breakage {
        what: "started without CAP_SYS_TIME, to discipline the clock",
        happen: |_| Ok(()),
        named: ("capabilities", "CAP_SYS_TIME", "FAIL"),
        beside: &[],
        // As the remedy says it.
        mend: |town| {
            town.stop_daemon()?;
            town.configure(|text| text.replace("system = \"discipline\"", "system = \"observe\""))?;
            town.start_daemon()
        },
    },
    Breakage {
        what: "nftables of the host drops PTP",
        happen: |town| filter(&town.own, "udp dport { 319, 320 } drop"),
        named: ("ptp-firewall", INTERFACE, "FAIL"),
        beside: &["ptp-silence", "ptp-no-sync"],
        mend: |town| unfilter(&town.own),
    },
    Breakage {
        what: "the grandmaster is in another domain",
        happen: |town| town.start_grandmaster("24"),
        named: ("ptp-domain", INTERFACE, "FAIL"),
        beside: &["ptp-silence", "ptp-no-sync"],
        mend: |town| town.start_grandmaster("0"),
    },
    Breakage {
        what: "UDP 123 is blocked on the way",
        happen: |town| filter(&town.beyond, "udp dport 123 drop"),
        named: ("ntp-answer", SERVERS[0], "FAIL"),
        beside: &["ntp-answer"],
        mend: |town| unfilter(&town.beyond),
    },
    Breakage {
        what: "a server's name does not resolve",
        happen: |town| town.configure(|text| format!("{text}\n[[ntp.source]]\naddress = \"nowhere.invalid\"\n")),
        named: ("dns", "nowhere.invalid", "FAIL"),
        beside: &[],
        mend: |town| town.configure(|text| text.replace("[[ntp.source]]\naddress = \"nowhere.invalid\"\n", "")),
    },
    Breakage {
        what: "ptp4l runs on the same card",
        happen: Town::start_rival,
        named: ("rival", "ptp4l", "WARN"),
        beside: &[],
        mend: Town::stop_rival,
    },
];

/// Tries it; prints a table.
pub fn try_out(root: &Path, scratch: &Path) -> Outcome {
    let began = Instant::now();
    let mut town = Town::new(root, scratch)?;
    let outcome = town.first_hour();
    if outcome.is_err() {
        eprint!("{}", town.logs());
    }
    drop(town);
    println!("package: a fresh Debian, broken in {} ways: {:.0} s", BREAKAGES.len(), began.elapsed().as_secs_f64());
    outcome
}

/// A network of two namespaces, and a fresh machine in one of them.
struct Town {
    root: PathBuf,
    scratch: PathBuf,
    own: String,
    beyond: String,
    /// Holds the machine's processes together: all end with it.
    init: Option<Child>,
    grandmaster: Option<Child>,
    rival: Option<Child>,
    daemon: Option<Child>,
}

impl Town {
    fn new(root: &Path, scratch: &Path) -> Result<Self, String> {
        let name = |end: &str| format!("{NAME}-proof-{}-{end}", std::process::id());
        let (own, beyond) = (name("own"), name("beyond"));
        let (root, scratch) = (root.to_owned(), super::fresh(scratch)?);
        let mut town = Self { root, scratch, own, beyond, init: None, grandmaster: None, rival: None, daemon: None };
        for space in [&town.own, &town.beyond] {
            ip(&format!("netns add {space}"))?;
            ip(&format!("-n {space} link set lo up"))?;
        }
        ip(&format!("link add {INTERFACE} netns {} type veth peer name {BEYOND} netns {}", town.own, town.beyond))?;
        ip(&format!("-n {} address add 10.71.0.2/24 dev {INTERFACE}", town.own))?;
        ip(&format!("-n {} link set {INTERFACE} up", town.own))?;
        for server in SERVERS {
            ip(&format!("-n {} address add {server}/24 dev {BEYOND}", town.beyond))?;
        }
        ip(&format!("-n {} link set {BEYOND} up", town.beyond))?;
        let script = "mount -t proc proc \"$0/proc\" && exec chroot \"$0\" sleep infinity";
        let mut init = Command::new("nsenter");
        init.arg(format!("--net=/run/netns/{}", town.own)).args([
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
        ]);
        town.init = Some(town.start("init", init.args(["sh", "-c", script]).arg(&town.root))?);
        // Its processes are there once /proc is: the programs of everybody else are looked for in it.
        town.await_that("the machine is there", |town| {
            town.inside(["test", "-d", "/proc/1"]).is_ok_and(|mut test| test.status().is_ok_and(|code| code.success()))
        })?;
        Ok(town)
    }

    /// What a new user does.
    fn first_hour(&mut self) -> Outcome {
        self.start_servers()?;
        self.start_grandmaster("0")?;
        let configuration = format!("/{CONFIGURATION}");
        let probe = [NAME, "probe", "--for", LISTEN, SERVERS[0], SERVERS[1], "--write", "/tmp/probed.toml"];
        said(&mut self.inside(probe)?)?;
        let probed = read(&self.root.join("tmp/probed.toml"))?;
        let found =
            [format!("[[ptp]]\ninterface = \"{INTERFACE}\""), format!("[[ntp.source]]\naddress = \"{}\"", SERVERS[1])];
        expect(found.iter().all(|section| probed.contains(section)), &format!("probe finds what there is: {probed}"))?;
        // LimitMEMLOCK= is not everybody's to raise.
        write(&self.root.join(CONFIGURATION), &format!("{probed}\n[threads]\nlock_memory = false\n"))?;
        said(&mut self.inside([NAME, "check", configuration.as_str()])?)?;
        self.start_daemon()?;

        println!("  {:<54} {:<34} exit", "broken", "doctor says");
        for breakage in &BREAKAGES {
            (breakage.happen)(self)?;
            // What has just happened may not be seen whole, and a slow machine may lose a message.
            let mut looked = self.is_named(breakage);
            for _ in 1..LOOKS_MAX {
                looked = looked.or_else(|_| self.is_named(breakage));
            }
            let code = looked?;
            let (check, about, status) = breakage.named;
            println!("  {:<54} {:<34} {code}", breakage.what, format!("{status} {check}: {about}"));
            (breakage.mend)(self)?;
        }
        self.await_that("the daemon is healthy again", |town| {
            town.inside([NAME, "health"]).is_ok_and(|mut health| said(&mut health).is_ok())
        })?;
        let (found, code, whole) = self.doctor()?;
        let rest: Vec<_> = found.iter().filter(|(check, ..)| !FROM_THE_BEGINNING.contains(&check.as_str())).collect();
        expect(rest.is_empty() && code < 2, &format!("all is mended: {whole:#}"))?;
        println!("  {:<54} {:<34} {code}", "all mended", if code == 0 { "OK" } else { "WARN leap-table" });
        self.stop_daemon()
    }

    /// Looks once: `doctor` names it, and nothing that does not follow from it; its exit status.
    fn is_named(&self, breakage: &Breakage) -> Result<i32, String> {
        let (check, about, status) = breakage.named;
        let (found, code, whole) = self.doctor()?;
        let told = |problem: &str| format!("{}: {problem}: {whole:#}", breakage.what);
        let is_named = found.contains(&(check.to_owned(), about.to_owned(), status.to_owned()));
        expect(is_named, &told(&format!("doctor says {check} {status} of {about}")))?;
        let is_expected = |(said, ..): &&Told| {
            said == check || [breakage.beside, &CONSEQUENCES, &FROM_THE_BEGINNING].concat().contains(&said.as_str())
        };
        let others: Vec<_> = found.iter().filter(|found| !is_expected(found)).collect();
        expect(others.is_empty(), &told(&format!("it says nothing else, as {others:?}")))?;
        expect(code == worst(&found), &told(&format!("its exit status is of what it says, and not {code}")))?;
        Ok(code)
    }

    /// What is not as it should be: check, of what, how bad; the exit status; all that was said.
    fn doctor(&self) -> Result<(BTreeSet<Told>, i32, Value), String> {
        let configuration = format!("/{CONFIGURATION}");
        let arguments = [NAME, "doctor", "--json", "--probe", "--for", LISTEN, configuration.as_str()];
        let Output { status, stdout, stderr } = self.inside(arguments)?.output().map_err(|error| error.to_string())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let whole: Value = serde_json::from_slice(&stdout)
            .map_err(|error| format!("doctor: {error}: {}{}", text(&stdout), text(&stderr)))?;
        let mut whole = whole["findings"].clone();
        let word = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
        whole.as_array_mut().ok_or("doctor has no findings")?.retain(|finding| finding["status"] != "OK");
        let found = whole.as_array().into_iter().flatten();
        let found = found.map(|finding| (word(finding, "check"), word(finding, "about"), word(finding, "status")));
        Ok((found.collect(), status.code().unwrap_or(-1), whole))
    }

    // ---- The machine ----

    /// A command in the machine.
    fn inside<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<Command, String> {
        let init = self.init.as_ref().and_then(|init| child_of(init.id())).ok_or("the machine is gone")?;
        let mut command = Command::new(POWERLESS[0]);
        command.args(&POWERLESS[1..]);
        command.args(["nsenter", "--target", &init, "--mount", "--net", "--pid", "--root", "--wd"]).args(arguments);
        command.env_clear().env("PATH", PATH);
        Ok(command)
    }

    fn configure(&mut self, change: impl FnOnce(&str) -> String) -> Outcome {
        let file = self.root.join(CONFIGURATION);
        let (before, after) = read(&file).map(|text| (change(&text), text))?;
        expect(before != after, "the configuration is another one")?;
        write(&file, &before)
    }

    fn start_daemon(&mut self) -> Outcome {
        let unit = as_the_unit_does(&self.root)?;
        let run = [NAME, "run", "--config", "/etc/synchronome/synchronome.toml"];
        let mut command = self.inside(unit.iter().map(String::as_str).chain(run))?;
        self.daemon = Some(self.start("daemon", &mut command)?);
        self.await_that("the daemon is healthy", |town| {
            town.inside([NAME, "health"]).is_ok_and(|mut health| said(&mut health).is_ok())
        })
    }

    fn stop_daemon(&mut self) -> Outcome {
        end(&mut self.daemon)
    }

    // ---- What breaks ----

    /// Told in its file to leave the clock alone, which it reads when it starts; what stands there afterwards says that it does not.
    fn start_rival(&mut self) -> Outcome {
        let file = self.scratch.join("rival.conf");
        write(&file, "[global]\nfree_running 1\nslaveOnly 1\n")?;
        let config = file.display().to_string();
        let arguments = ["-f", &config, "-i", INTERFACE, "-2", "-S", "-m", "-q"];
        self.rival = Some(self.ptp4l("rival", &self.own, &arguments)?);
        self.await_printed("rival", "LISTENING")?;
        write(&file, "[global]\nslaveOnly 1\n")
    }

    fn stop_rival(&mut self) -> Outcome {
        end(&mut self.rival)
    }

    // ---- The network ----

    fn start_grandmaster(&mut self, domain: &str) -> Outcome {
        end(&mut self.grandmaster)?;
        let domain = format!("--domainNumber={domain}");
        let all = ["-4", "-E", "-S", "-m", "-q", "--free_running=1", "--tx_timestamp_timeout=1000", &domain];
        let often = ["--logAnnounceInterval=-2", "--logSyncInterval=-3", "--logMinDelayReqInterval=-3"];
        let arguments = [&["-i", BEYOND], &all[..], &often[..]].concat();
        self.grandmaster = Some(self.ptp4l("grandmaster", &self.beyond, &arguments)?);
        self.await_printed("grandmaster", "assuming the grand master role")
    }

    fn ptp4l(&self, name: &str, space: &str, arguments: &[&str]) -> Result<Child, String> {
        let socket =
            |kind: &str| format!("--uds{kind}_address={}", self.scratch.join(format!("{name}{kind}")).display());
        let mut command = self.beside(space, "ptp4l")?;
        command.args(arguments).arg(socket(""));
        // From version 4 on it has a second one.
        if !said(Command::new("ptp4l").arg("-v"))?.trim_start_matches('v').starts_with('3') {
            command.arg(socket("_ro"));
        }
        self.start(name, &mut command)
    }

    /// A server that follows another one.
    fn start_servers(&self) -> Outcome {
        let common = |name: &str| {
            let pid = self.scratch.join(format!("{name}.pid"));
            format!("allow\ncmdport 0\nbindcmdaddress /\npidfile {}\n", pid.display())
        };
        let upstream = format!("local stratum 1\nbindaddress 127.0.0.1\nport {UPSTREAM_PORT}\n");
        let server = format!("server 127.0.0.1 port {UPSTREAM_PORT} iburst minpoll 0 maxpoll 2\n");
        for (name, text) in [("upstream", upstream), ("server", server)] {
            let file = self.scratch.join(format!("{name}.conf"));
            write(&file, &(text + &common(name)))?;
            let mut command = self.beside(&self.beyond, "chronyd")?;
            self.start(name, command.args(["-x", "-d", "-U", "-u", "root", "-f"]).arg(file))?;
        }
        self.await_printed("server", "Selected source")
    }

    /// A program of this host among the processes of the machine, on a network of ours.
    fn beside(&self, space: &str, program: &str) -> Result<Command, String> {
        let init = self.init.as_ref().and_then(|init| child_of(init.id())).ok_or("the machine is gone")?;
        let mut command = Command::new(POWERLESS[0]);
        command.args(&POWERLESS[1..]).args(["nsenter", "--target", &init, "--pid"]);
        command.arg(format!("--net=/run/netns/{space}")).arg(program);
        Ok(command)
    }

    // ---- Processes ----

    /// Starts it; what it prints is kept.
    fn start(&self, name: &str, command: &mut Command) -> Result<Child, String> {
        let log = self.log(name);
        let file = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let errors = file.try_clone().map_err(|error| error.to_string())?;
        command.stdout(file).stderr(errors).spawn().map_err(|error| format!("{command:?}: {error}"))
    }

    fn log(&self, name: &str) -> PathBuf {
        self.scratch.join(format!("{name}.log"))
    }

    /// All that was printed.
    fn logs(&self) -> String {
        let one = |name: &str| format!("--- {name}:\n{}", read(&self.log(name)).unwrap_or_default());
        ["init", "upstream", "server", "grandmaster", "rival", "daemon"].map(one).concat()
    }

    fn await_printed(&self, name: &str, text: &str) -> Outcome {
        self.await_that(&format!("{name} prints {text:?}"), |town| {
            read(&town.log(name)).is_ok_and(|log| log.contains(text))
        })
    }

    fn await_that(&self, what: &str, is_so: impl Fn(&Self) -> bool) -> Outcome {
        let began = Instant::now();
        while !is_so(self) {
            expect(began.elapsed() < HEALTHY_WITHIN, &format!("{what} within {HEALTHY_WITHIN:?}"))?;
            sleep(LOOK_EVERY);
        }
        Ok(())
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        for child in [&mut self.init, &mut self.daemon, &mut self.grandmaster, &mut self.rival].into_iter().flatten() {
            // Both fail only if it has ended already.
            _ = child.kill();
            _ = child.wait();
        }
        for space in [&self.own, &self.beyond] {
            if let Err(problem) = ip(&format!("netns del {space}")) {
                eprintln!("package: {problem}");
            }
        }
        if let Err(error) = std::fs::remove_dir_all(&self.scratch) {
            eprintln!("{}: {error}", self.scratch.display());
        }
    }
}

/// Ends what was started through `nsenter`, which waits for it.
fn end(child: &mut Option<Child>) -> Outcome {
    let Some(mut child) = child.take() else { return Ok(()) };
    let below = child_of(child.id()).ok_or("it has ended by itself")?;
    said(Command::new("kill").args(["-TERM", &below]))?;
    child.wait().map(|_| ()).map_err(|error| error.to_string())
}

/// What comes in meets this rule.
fn filter(space: &str, rule: &str) -> Outcome {
    let table = "add table inet proof; add chain inet proof in { type filter hook input priority 0; }";
    nft(space, &format!("{table}; add rule inet proof in {rule}"))
}

fn unfilter(space: &str) -> Outcome {
    nft(space, "delete table inet proof")
}

fn nft(space: &str, commands: &str) -> Outcome {
    said(Command::new("ip").args(["netns", "exec", space, "nft", commands])).map(|_| ())
}

fn ip(arguments: &str) -> Outcome {
    said(Command::new("ip").args(arguments.split(' '))).map(|_| ())
}

/// As `doctor` ends by its findings.
fn worst(found: &BTreeSet<Told>) -> i32 {
    let has = |status: &str| found.iter().any(|(.., of)| of == status);
    if has("FAIL") { 2 } else { i32::from(has("WARN")) }
}
