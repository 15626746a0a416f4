//! All that was found, and the configuration that follows from it.

use std::fmt::Write as _;
use std::path::Path;

use synchronome_kernel::nic;

use super::servers::configured;
use super::stamps;
use crate::cli::doctor::heard::{Heard, Manner, Talker};
use crate::cli::doctor::network::observe;
use crate::clock::inventory::{HardwareClock, hardware_clocks};
use crate::config::load;
use crate::discipline::helm::HELM_SOURCES_MAX;
use crate::net::{InWords, StampTrial, Transport, cannot_stamp, clocks_to_select, phc_behind};
use crate::observe::Status;
use crate::observe::why::{explain, sources};
use crate::runtime::host::ethernet_interfaces;
use crate::runtime::rivals::{Rival, rivals};
use crate::time::Duration;
use crate::wire::ptp::VERSION_PTP;

/// An interface that could carry PTP.
#[derive(Clone, Debug)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// What is known of it, in words.
    pub about: String,
    /// What was heard there.
    pub heard: Heard,
    /// What the self-test has shown, or why there was none; `None`: nobody has asked for it.
    pub stamps: Option<Result<StampTrial, String>>,
}

/// A server that was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Server {
    /// Its name or address.
    pub name: String,
    /// Who names it.
    pub named_by: String,
    /// What is wrong with it; `None`: it answers.
    pub problem: Option<String>,
}

/// All that was found.
#[derive(Clone, Default, Debug)]
pub struct Found {
    /// The interfaces.
    pub interfaces: Vec<Interface>,
    /// The hardware clocks.
    pub clocks: Vec<HardwareClock>,
    /// The servers.
    pub servers: Vec<Server>,
    /// Other programs that set the time.
    pub rivals: Vec<Rival>,
}

impl Found {
    /// Looks at this machine, and listens and asks for a while, all at once; then the stamps are tried, if they shall be.
    pub fn look(given: &[String], during: Duration, self_test: bool) -> Self {
        let names = ethernet_interfaces().unwrap_or_default();
        std::thread::scope(|scope| {
            let listening: Vec<_> = names.iter().map(|name| scope.spawn(move || Heard::listen(name, during))).collect();
            let servers = ask(given, during);
            let heard = listening.into_iter().map(|listening| listening.join().unwrap_or_default());
            let heard: Vec<_> = heard.collect();
            // Not sooner, or they would be heard by another interface of this host.
            let stamps = if self_test { stamps::try_all(&names) } else { vec![None; names.len()] };
            let interfaces = names.iter().zip(heard).zip(stamps);
            let interfaces = interfaces
                .map(|((name, heard), stamps)| Interface { name: name.clone(), about: about(name), heard, stamps })
                .collect();
            Self { interfaces, clocks: hardware_clocks().unwrap_or_default(), servers, rivals: rivals() }
        })
    }

    /// A configuration, with what was found beside it.
    pub fn configuration(&self) -> String {
        let mut text = "# What `synchronome probe` has found on this machine; `synchronome check FILE --explain` says what it means.\n".to_owned();
        for rival in &self.rivals {
            let _ = writeln!(text, "# {rival} sets the time here too: `{}` stops it", rival.stop_with());
        }
        text += "\n[clock]\n# \"observe\" measures and serves, and leaves the system clock alone.\nsystem = \"discipline\"\n";
        let mut free = HELM_SOURCES_MAX;
        for interface in &self.interfaces {
            text += &port(interface, &mut free);
        }
        for clock in &self.clocks {
            text += &of_clock(clock, &mut free);
        }
        for server in &self.servers {
            text += &of_server(server, &mut free);
        }
        if self.servers.iter().all(|server| server.problem.is_some()) {
            text += "\n# No NTP server answers: three of them would guard PTP, and keep the time without it.\n#[[ntp.source]]\n#address = \"ntp1.example.net\"\n";
        }
        text
    }
}

/// Asks the servers given and those of other programs, about once a second.
fn ask(given: &[String], during: Duration) -> Vec<Server> {
    let given = given.iter().map(|name| (name.clone(), "the command line".to_owned()));
    let mut servers = to_ask(given.chain(configured(Path::new("/"))));
    let mut asked: Vec<&mut Server> = servers.iter_mut().filter(|server| server.problem.is_none()).collect();
    let rows: String = asked.iter().map(|server| row(&server.name)).collect();
    let config = load(&rows, "the servers").map(|loaded| loaded.config);
    match config.map_err(|errors| errors.to_string()).and_then(|config| observe(&config, during)) {
        Ok(status) => judge(&mut asked, &status),
        Err(error) => asked.iter_mut().for_each(|server| server.problem = Some(error.clone())),
    }
    servers
}

fn row(name: &str) -> String {
    format!("[[ntp.source]]\naddress = {name:?}\n")
}

/// Those that are named, none twice; each with what is wrong with its own row, or that there is no place for it.
fn to_ask(named: impl Iterator<Item = (String, String)>) -> Vec<Server> {
    let mut servers: Vec<Server> = Vec::new();
    for (name, named_by) in named {
        if servers.iter().any(|known| known.name == name) {
            continue;
        }
        let messages = |errors: crate::config::ConfigErrors| {
            errors.errors.into_iter().map(|error| error.message).collect::<Vec<_>>().join("; ")
        };
        let asked = servers.iter().filter(|server| server.problem.is_none()).count();
        let full = (asked == HELM_SOURCES_MAX).then(|| format!("not asked: {HELM_SOURCES_MAX} are at most"));
        let problem = load(&row(&name), "the server").err().map(messages).or(full);
        servers.push(Server { name, named_by, problem });
    }
    servers
}

/// What the daemon that has asked them says: of each in the order in which it was given them, by a name without its port.
fn judge(asked: &mut [&mut Server], status: &Status) {
    let told = sources(status);
    for (place, server) in asked.iter_mut().enumerate() {
        let Some(source) = told.get(place) else {
            server.problem = Some("nothing is known of it".to_owned());
            continue;
        };
        let failed = explain(status, source).failed().map(|test| format!("{}: {}", test.test, test.value));
        server.problem = failed.filter(|_| source.distance_s.is_none());
    }
}

/// A section, or comments where all places are taken.
fn section(text: &str, free: &mut usize) -> String {
    if *free > 0 {
        *free -= 1;
        return text.to_owned();
    }
    let commented = text.trim_end().replace('\n', "\n#");
    format!("# left out: at most {HELM_SOURCES_MAX} sources are judged\n#{commented}\n")
}

/// As it can stand in a comment.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Driver, clock, and who could stamp.
fn about(interface: &str) -> String {
    let driver = nic::driver(interface).map_or("unknown".to_owned(), |info| info.driver);
    let clock = phc_behind(interface).map_or("no hardware clock".to_owned(), |index| format!("clock /dev/ptp{index}"));
    let stamps = cannot_stamp(interface, Transport::Udp4).unwrap_or_else(|| "its card says that it stamps".to_owned());
    let told = nic::hardware_timestamping(interface).ok().map(|told| format!("; it is told: {}", InWords(told)));
    let others = clocks_to_select(interface).map(|clocks| format!("; {clocks}"));
    format!("driver {driver}, {clock}; {stamps}{}{}", told.unwrap_or_default(), others.unwrap_or_default())
}

fn in_words(talker: &Talker) -> String {
    let Talker { manner, port, announced, .. } = talker;
    let grandmaster = announced.as_ref().map_or("no Announce".to_owned(), |announced| {
        format!(
            "grandmaster {}, class {}, {} steps away",
            announced.grandmaster, announced.class, announced.steps_removed
        )
    });
    format!("{port}: {manner}, PTP 2.{}: {grandmaster}", talker.minor_version)
}

/// A section for the master that says to be the best, and comments on the others.
fn port(interface: &Interface, free: &mut usize) -> String {
    let Interface { name, about, heard, stamps } = interface;
    let mut text = format!("\n# {name}: {about}\n");
    for line in stamps.iter().flat_map(stamps::in_words) {
        let _ = writeln!(text, "# self-test: {}", one_line(&line));
    }
    if let Some(problem) = &heard.problem {
        let _ = writeln!(text, "# PTP cannot be listened to: {}", one_line(problem));
    }
    let masters: Vec<_> = heard.talkers.iter().filter(|talker| talker.is_master()).collect();
    for talker in &masters {
        let _ = writeln!(text, "# heard: {}", in_words(talker));
    }
    let is_usable = |talker: &&&Talker| {
        talker.manner.version == VERSION_PTP && talker.manner.vlan.is_none() && talker.announced.is_some()
    };
    let class = |talker: &&&Talker| talker.announced.as_ref().map_or(u8::MAX, |announced| announced.class);
    let Some(best) = masters.iter().filter(is_usable).min_by_key(class) else {
        let _ = writeln!(text, "# no master that a port could follow was heard in {}", heard.during);
        let _ = writeln!(text, "#[[ptp]]\n#interface = {name:?}");
        return text;
    };
    let Manner { transport, domain, sdo_id, .. } = best.manner;
    let sdo_id = if sdo_id == 0 { String::new() } else { format!("sdo_id = {sdo_id:#05x}\n") };
    let ptp = format!("[[ptp]]\ninterface = {name:?}\ntransport = {transport:?}\ndomain = {domain}\n{sdo_id}");
    text + &section(&ptp, free)
}

fn of_clock(clock: &HardwareClock, free: &mut usize) -> String {
    let shared = if clock.interfaces.len() > 1 { " (they share it)" } else { "" };
    let of = if clock.interfaces.is_empty() { "no interface".to_owned() } else { clock.interfaces.join(", ") };
    let driver = clock.driver.as_deref().unwrap_or("unknown");
    let on = clock.bus.as_ref().map_or(String::new(), |bus| format!(" on {bus}"));
    let mut text =
        format!("\n# /dev/ptp{}: {:?}, driver {driver}{on}, of {of}{shared}\n", clock.info.index, clock.info.name);
    if clock.is_of_a_hypervisor() {
        text += "# the hypervisor's: its host keeps it\n";
        text += &section(&format!("[[refclock]]\nkind = \"phc\"\nclock = {:?}\n", clock.info.name), free);
    }
    text
}

fn of_server(server: &Server, free: &mut usize) -> String {
    let Server { name, named_by, problem } = server;
    match problem {
        Some(problem) => {
            let said = one_line(&format!("{name} (named by {named_by}): {problem}"));
            format!("\n# {said}\n#[[ntp.source]]\n#address = {name:?}\n")
        }
        None => format!("\n# answers; named by {named_by}\n{}", section(&row(name), free)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::heard::Announced;
    use crate::config::{RefclockDevice, load};
    use crate::observe::status::SourceStatus;
    use synchronome_kernel::phc::PhcInfo;

    fn master(manner: Manner, class: u8) -> Talker {
        let announced = Announced {
            grandmaster: "001b21.fffe.aabbcc".to_owned(),
            class,
            steps_removed: 1,
            ptp_timescale: true,
            utc_offset: Some(37),
        };
        let port = "001b21.fffe.aabbcc-1".to_owned();
        Talker { manner, port, minor_version: 0, announces: 4, announced: Some(announced), syncs: 30, others: 0 }
    }

    fn found() -> Found {
        let manner = Manner { transport: "ethernet", vlan: None, version: VERSION_PTP, domain: 24, sdo_id: 0x100 };
        let heard =
            Heard { talkers: vec![master(Manner { domain: 0, ..manner }, 248), master(manner, 6)], ..Heard::default() };
        let interface = |name: &str, heard| Interface {
            name: name.to_owned(),
            about: "driver igb".to_owned(),
            heard,
            stamps: None,
        };
        let server = |name: &str, problem: Option<&str>| Server {
            name: name.to_owned(),
            named_by: "/etc/ntp.conf".to_owned(),
            problem: problem.map(str::to_owned),
        };
        let info = |index, name: &str| PhcInfo {
            index,
            name: name.into(),
            device: None,
            n_vclocks: 0,
            max_vclocks: 0,
            virtual_of: None,
        };
        let clock = |index, name: &str, interfaces: &[&str]| HardwareClock {
            info: info(index, name),
            interfaces: interfaces.iter().map(|name| (*name).to_owned()).collect(),
            selectable_for: Vec::new(),
            driver: None,
            bus: None,
        };
        Found {
            interfaces: vec![interface("eth0", heard), interface("eth1", Heard::default())],
            clocks: vec![clock(0, "igb", &["eth0", "eth1"]), clock(1, "KVM virtual PTP", &[])],
            servers: vec![server("a.example", None), server("b.example", Some("answer: none to the last 8 requests"))],
            rivals: vec![Rival { program: "chronyd".to_owned(), pid: Some(812), unit: None }],
        }
    }

    #[test]
    fn what_was_found_becomes_a_configuration_that_is_right() {
        let text = found().configuration();
        let config = load(&text, "probe").unwrap_or_else(|errors| panic!("{errors}\n{text}")).config;
        let [port] = &config.ptp[..] else { panic!("{text}") };
        assert_eq!((port.interface.as_str(), port.domain, port.sdo_id), ("eth0", 24, 0x100), "the better class");
        assert_eq!(port.transport.word(), "ethernet");
        let hosts: Vec<_> = config.ntp_sources.iter().map(|source| source.host.as_str()).collect();
        assert_eq!(hosts, ["a.example"], "who does not answer is a comment");
        let [clock] = &config.refclocks[..] else { panic!("{text}") };
        assert_eq!(clock.device, RefclockDevice::Phc { name: "KVM virtual PTP".to_owned() });
        for part in
            ["chronyd (pid 812)", "kill 812", "eth0, eth1 (they share it)", "answer: none to the last 8 requests"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn programs_are_told_the_same() {
        let found = found();
        let object = super::super::json::object(&found);
        let interface = &object["interfaces"][0];
        assert_eq!((interface["name"].as_str(), interface["problem"].as_str()), (Some("eth0"), None));
        let best = &interface["heard"][1];
        assert_eq!((best["transport"].as_str(), best["domain"].as_u64()), (Some("ethernet"), Some(24)));
        assert_eq!((best["sdo_id"].as_u64(), best["announced"]["class"].as_u64()), (Some(0x100), Some(6)));
        assert_eq!(object["clocks"][0]["interfaces"][1], "eth1");
        assert_eq!((&object["servers"][0]["answers"], &object["servers"][1]["answers"]), (&true.into(), &false.into()));
        assert_eq!(
            (object["rivals"][0]["pid"].as_u64(), object["rivals"][0]["stop_with"].as_str()),
            (Some(812), Some("kill 812"))
        );
        assert_eq!(object["toml"].as_str(), Some(found.configuration().as_str()));
    }

    /// A port and a clock have two of the eight places.
    #[test]
    fn more_than_there_are_places_for_stand_as_comments() {
        let mut found = found();
        let server = |number| Server { name: format!("s{number}.example"), named_by: "x".to_owned(), problem: None };
        found.servers = (0..9).map(server).collect();
        let text = found.configuration();
        let config = load(&text, "probe").unwrap_or_else(|errors| panic!("{errors}\n{text}")).config;
        assert_eq!((config.ptp.len(), config.refclocks.len(), config.ntp_sources.len()), (1, 1, 6));
        assert!(text.contains("at most 8 sources are judged\n#[[ntp.source]]\n#address = \"s6.example\""), "{text}");
    }

    #[test]
    fn a_problem_of_several_lines_is_a_comment_of_one() {
        let problem = Some("one:\n  two\nthree = 3".to_owned());
        let server = Server { name: "a\nb".to_owned(), named_by: "x".to_owned(), problem };
        let text = Found { servers: vec![server], ..Found::default() }.configuration();
        assert!(load(&text, "probe").is_ok(), "{text}");
        assert!(text.contains("# a b (named by x): one: two three = 3\n"), "{text}");
    }

    #[test]
    fn each_name_is_judged_by_its_own_row() {
        let names = ["a.example", "b\nc", "a.example"].map(str::to_owned).into_iter();
        let many = (0..9).map(|number| format!("s{number}.example"));
        let servers = to_ask(names.chain(many).map(|name| (name, "x".to_owned())));
        assert_eq!(servers.len(), 11, "none twice");
        assert_eq!(servers[0].problem, None);
        assert!(servers[1].problem.as_ref().is_some_and(|problem| !problem.contains('\n')), "{servers:?}");
        let asked: Vec<_> = servers.iter().filter(|server| server.problem.is_none()).collect();
        assert_eq!((asked.len(), asked[7].name.as_str()), (8, "s6.example"));
        assert_eq!(servers[9].problem.as_deref(), Some("not asked: 8 are at most"));
    }

    /// The daemon knows a server by its host alone.
    #[test]
    fn a_server_with_a_port_or_in_brackets_is_judged_too() {
        let silent = |name: &str| SourceStatus {
            kind: "ntp".to_owned(),
            name: name.to_owned(),
            address: Some("192.0.2.1:123".to_owned()),
            verdict: "silent".to_owned(),
            reach: Some(0),
            unanswered: Some(8),
            ..SourceStatus::default()
        };
        let status = Status { sources: vec![silent("a.example"), silent("2001:db8::1")], ..Status::default() };
        let names = ["a.example:1123", "[2001:db8::1]", "c.example"].map(str::to_owned).into_iter();
        let mut servers = to_ask(names.map(|name| (name, "x".to_owned())));
        judge(&mut servers.iter_mut().collect::<Vec<_>>(), &status);
        assert!(servers.iter().all(|server| server.problem.is_some()), "{servers:?}");
        assert!(servers[0].problem.as_ref().unwrap().starts_with("answer"), "{servers:?}");
    }

    #[test]
    fn where_nothing_was_found_the_configuration_is_right_too_and_says_what_is_missing() {
        let text = Found::default().configuration();
        assert!(load(&text, "probe").is_ok(), "{text}");
        assert!(text.contains("No NTP server answers"), "{text}");
    }
}
