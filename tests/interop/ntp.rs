//! The NTP client against chronyd servers, with a liar among them.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;
use std::time::Duration as Timeout;

use nix::sys::signal::Signal;
use synchronome::clock::HostClock;
use synchronome::observe::Status;
use synchronome::observe::health::Thresholds;
use synchronome::observe::status::SourceStatus;
use synchronome::runtime::server::{ServedTime, Server, ServerOptions};
use synchronome::sharing::{Latch, PhcLines, Seqlock, StampingInterfaces, TimeSnapshot};
use synchronome::time::{Duration, LeapIndicator, SyncState};

use super::daemon::{Daemon, Options, assert_bound_held, print_figures, truth};
use super::lab::{Lab, Space};
use super::running::{Running, unique_path};

/// What the liar is ahead by.
const LIE: Duration = Duration::from_millis(50);

/// A chronyd that serves the machine's clock, which it never touches.
pub(super) fn chronyd_server(lab: &Lab, space: &Space, address: &str) -> Running {
    let pid = unique_path(lab, "chronyd", "pid");
    let text = format!(
        "local stratum 1\nallow\nbindaddress {address}\ncmdport 0\nbindcmdaddress /\npidfile {}\n",
        pid.display()
    );
    chronyd(lab, space, &text)
}

/// A chronyd that follows one chronyd and serves what it has from it, `offset_s` off, without a touch on any clock: what it would correct its own
/// by is in what it serves.
pub(super) fn chronyd_off_by(lab: &Lab, space: &Space, address: &str, offset_s: f64) -> Running {
    let pid = unique_path(lab, "chronyd", "pid");
    let text = format!(
        "server 10.71.0.1 iburst minpoll 0 maxpoll 0 offset {offset_s}\nallow\nbindaddress {address}\ncmdport 0\n\
         bindcmdaddress /\npidfile {}\n",
        pid.display()
    );
    chronyd(lab, space, &text)
}

fn chronyd(lab: &Lab, space: &Space, text: &str) -> Running {
    let config = unique_path(lab, "chronyd", "conf");
    std::fs::write(&config, text).expect("a file");
    let mut command = space.command("chronyd", "chrony");
    command.args(["-x", "-d", "-u", "root", "-f"]).arg(&config);
    Running::start(lab, "chronyd", &mut command)
}

/// What a chronyd client says of itself, in the line of its `log tracking` that it wrote last.
#[derive(Clone, Copy, Debug)]
struct Claim {
    /// By how much it may have the server's frequency wrong.
    skew_ppm: f64,
    /// The standard deviation of its offset.
    sd_s: f64,
    /// Half of the root delay, the root dispersion and the offset that is left: it cannot be further off.
    error_max_s: f64,
}

/// A chronyd client, and where it keeps its log.
struct Client {
    _process: Running,
    log: std::path::PathBuf,
}

impl Client {
    fn start(lab: &Lab, space: &Space, server: &str) -> Self {
        let directory = unique_path(lab, "chronyd", "d");
        std::fs::create_dir(&directory).expect("a directory");
        let pid = unique_path(lab, "chronyd", "pid");
        let text = format!(
            "server {server} iburst minpoll 0 maxpoll 0\nport 0\ncmdport 0\nbindcmdaddress /\nlogdir {}\nlog tracking\n\
             pidfile {}\n",
            directory.display(),
            pid.display()
        );
        Self { _process: chronyd(lab, space, &text), log: directory.join("tracking.log") }
    }

    /// Its claims, the latest last. The columns (chrony.conf(5), `log`): day, time, address, stratum, frequency, skew, offset, leap, combined
    /// sources, standard deviation, remaining correction, root delay, root dispersion, maximum error since the last line.
    fn claims(&self) -> Vec<Claim> {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let claim = |line: &str| {
            let columns: Vec<_> = line.split_whitespace().collect();
            let number = |column: usize| columns.get(column)?.parse::<f64>().ok();
            Some(Claim { skew_ppm: number(5)?, sd_s: number(9)?, error_max_s: number(13)? })
        };
        text.lines().filter(|line| line.contains("10.71.")).filter_map(claim).collect()
    }
}

/// A server of our own that lies.
pub(super) struct Liar {
    latch: Latch,
    renewal: Option<JoinHandle<()>>,
    _server: Server,
}

fn lie() -> TimeSnapshot {
    let (mono, local, _) = HostClock.both();
    TimeSnapshot {
        state: SyncState::Locked,
        leap: LeapIndicator::NoWarning,
        stratum: 1,
        reference_id: *b"LIES",
        anchor_local: local,
        anchor_utc: (local + LIE).read_as(),
        is_bounded: true,
        reference_time: (local + LIE).read_as(),
        last_sample: Some(mono),
        ..TimeSnapshot::unsynchronised(mono)
    }
}

impl Liar {
    pub(super) fn start(space: &Space, address: Ipv4Addr) -> Self {
        let latch = Latch::default();
        let (mut writer, snapshot) = Seqlock::new(&lie());
        let (_, lines) = Seqlock::new(&PhcLines::default());
        let (_, interfaces) = Seqlock::new(&StampingInterfaces::default());
        let options = ServerOptions { listen: vec![SocketAddr::from((address, 123))], ..ServerOptions::default() };
        let (_, leap) = Seqlock::new(&None);
        let time = ServedTime { snapshot, lines, interfaces, leap };
        let server = space.inside(|| Server::spawn(&options, &time, latch.clone())).expect("a server");
        let ended = latch.clone();
        let renewal = std::thread::spawn(move || {
            while !ended.is_set() {
                writer.write(&lie());
                std::thread::sleep(Timeout::from_millis(50));
            }
        });
        Self { latch, renewal: Some(renewal), _server: server }
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.latch.set();
        self.renewal.take().map(JoinHandle::join);
    }
}

pub(super) fn source<'s>(status: &'s Status, name: &str) -> &'s SourceStatus {
    status.sources.iter().find(|source| source.name == name).unwrap_or_else(|| panic!("no {name} in {status:#?}"))
}

/// It measures microseconds.
mod alone {
    use super::*;

    #[test]
    fn of_three_servers_the_liar_is_named_one_steers_and_when_that_ends_another_goes_on() {
        let mut lab = Lab::new();
        let (master, slave) = lab.pair_with(&[3, 4]);
        let mut first = chronyd_server(&lab, &master, "10.71.0.1");
        let _second = chronyd_server(&lab, &master, "10.71.0.3");
        let _liar = Liar::start(&master, Ipv4Addr::new(10, 71, 0, 4));
        let chronyd = Client::start(&lab, &slave, "10.71.0.1");
        let more = "[[ntp.source]]\naddress = \"10.71.0.1\"\npoll = 0\nprefer = true\n\
                    [[ntp.source]]\naddress = \"10.71.0.3\"\npoll = 0\ninterleaved = true\n\
                    [[ntp.source]]\naddress = \"10.71.0.4\"\npoll = 0\n\
                    [[ntp.source]]\naddress = \"no-such-host.invalid\"\npoll = 0\n";
        // The port of PTP hears nothing here.
        let mut daemon = Daemon::start(&lab, &slave, Options { more, ..Options::default() });
        let status = daemon.wait("it is LOCKED by the first server", |status| {
            status.state == SyncState::Locked && source(status, "10.71.0.1").is_steering
        });
        println!("ntp: LOCKED {:.1} s after the start", status.uptime_s);
        let status =
            daemon.wait("the liar is found out", |status| source(status, "10.71.0.4").verdict == "falseticker");
        let liar = source(&status, "10.71.0.4");
        println!("ntp: {}", liar.reason);
        assert!(liar.reason.contains("ahead of all that the majority allows"), "{liar:#?}");
        assert_eq!(source(&status, "no-such-host.invalid").verdict, "silent");

        daemon.wait("the statistics begin", |status| truth(status).samples > 0);
        std::thread::sleep(Timeout::from_secs(15));
        let status = daemon.status_by_command();
        print_figures("chronyd servers, polls of 1 s", &status);
        let claims = chronyd.claims();
        let claim = claims.last().expect("chronyd follows the same server, and says how well");
        println!(
            "ntp: beside it a chronyd of the same server claims, after {} updates: standard deviation {:.2} us, skew {:.3} ppm, at most \
             {:.1} us off; our true error is {:.2} us RMS, {:.2} us at most, and our bound {:.1} us",
            claims.len(),
            claim.sd_s * 1e6,
            claim.skew_ppm,
            claim.error_max_s * 1e6,
            truth(&status).rms_s.unwrap_or_default() * 1e6,
            truth(&status).max_s.unwrap_or_default() * 1e6,
            status.clock.bound_s.unwrap_or_default() * 1e6
        );
        assert!(claims.len() > 5 && claim.sd_s > 0.0 && claim.error_max_s > 0.0, "{claims:?}");
        assert_bound_held(&status);
        assert!(truth(&status).rms_s.is_some_and(|rms| rms < 100e-6), "{status:#?}");
        daemon.wait("the second server agrees", |status| source(status, "10.71.0.3").verdict == "agrees");

        first.end_by(Signal::SIGTERM);
        let ended = std::time::Instant::now();
        let status = daemon.wait("the second server steers", |status| source(status, "10.71.0.3").is_steering);
        println!("ntp: the second server steers {:.1} s after the first has ended", ended.elapsed().as_secs_f64());
        assert!(status.state.is_synchronised(), "{status:#?}");
        std::thread::sleep(Timeout::from_secs(5));
        let status = daemon.status_by_command();
        print_figures("the second server", &status);
        assert_bound_held(&status);
        assert_eq!((status.state, status.clock.steps), (SyncState::Locked, 1), "{status:#?}");
        assert!(truth(&status).max_s.is_some_and(|max| max < 2e-3), "{status:#?}");
        assert!(!source(&status, "10.71.0.4").is_steering);
        // It is measured by when its answers really left (RFC 9769).
        let count = |what: &str| source(&status, "10.71.0.3").counters.get(what).copied().unwrap_or_default();
        println!("ntp: of {} answers of the second server {} were interleaved", count("answers"), count("interleaved"));
        assert!(count("interleaved") * 2 > count("requests"), "{status:#?}");
        daemon.end();
    }
}

/// A rule of a packet filter in a namespace, for as long as this lives.
pub(super) struct Closed<'s>(&'s Space);

impl<'s> Closed<'s> {
    /// Nothing to UDP port 123 passes this hook any more.
    pub(super) fn at(space: &'s Space, hook: &str) -> Self {
        Self::ports(space, hook, "123")
    }

    /// As above, to these ports.
    pub(super) fn ports(space: &'s Space, hook: &str, ports: &str) -> Self {
        for rule in [
            "add table inet closed".to_owned(),
            format!("add chain inet closed way {{ type filter hook {hook} priority 0; }}"),
            format!("add rule inet closed way udp dport {ports} drop"),
        ] {
            nft(space, &rule);
        }
        Self(space)
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        nft(self.0, "delete table inet closed");
    }
}

fn nft(space: &Space, rule: &str) {
    let output = space.command("nft", "nftables").arg(rule).output().expect("nft runs");
    assert!(output.status.success(), "nft {rule}: {}", super::lab::text(&output));
}

/// `synchronome set` of this namespace, without the right to set anything.
fn set(space: &Space, arguments: &[&str]) -> (String, i32) {
    let mut command = space.command(env!("CARGO_BIN_EXE_synchronome"), "nothing: cargo builds it");
    let output = command.arg("set").args(arguments).output().expect("our own binary runs");
    (super::lab::text(&output), output.status.code().expect("no signal"))
}

/// What a program of this namespace prints, which must succeed.
fn printed(space: &Space, program: &str, package: &str, arguments: &[&str]) -> String {
    let output = space.command(program, package).args(arguments).output().expect("it runs");
    let text = super::lab::text(&output);
    println!("{program} {}\n{text}", arguments.join(" "));
    assert!(output.status.success(), "{program} {arguments:?}: {}", output.status);
    text
}

/// Whether anything answers these octets within a second.
fn is_answered(space: &Space, to: &str, octets: &[u8]) -> bool {
    space.inside(|| {
        let socket = std::net::UdpSocket::bind("0.0.0.0:0").expect("a socket");
        socket.set_read_timeout(Some(Timeout::from_secs(1))).expect("a timeout");
        socket.send_to(octets, to).expect("it is sent");
        socket.recv(&mut [0; 1500]).is_ok()
    })
}

const NAME: &str = "time.example.net";

/// They wait for what happens within seconds, and measure nothing finer.
mod beside {
    use super::*;

    #[test]
    fn without_a_loopback_or_a_way_to_any_server_it_runs_and_says_so() {
        let mut lab = Lab::beside_others();
        let space = lab.space();
        space.ip("link set lo down");
        let more = "[[ntp.source]]\naddress = \"10.71.0.1\"\npoll = 0\n";
        let mut daemon = Daemon::start(&lab, &space, Options { more, ..Options::default() });
        let status = daemon.wait("it says why nothing leaves", |status| {
            source(status, "10.71.0.1").reason == "there is no network to it: Network is unreachable"
        });
        assert_eq!((status.state, source(&status, "10.71.0.1").verdict.as_str()), (SyncState::NeverSynced, "silent"));
        daemon.end();
    }

    #[test]
    fn a_closed_port_is_named_within_three_polls_and_found_open_again() {
        let mut lab = Lab::beside_others();
        let (master, slave) = lab.pair();
        let _server = chronyd_server(&lab, &master, "10.71.0.1");
        let more = "[[ntp.source]]\naddress = \"10.71.0.1\"\npoll = 0\n";
        let mut daemon = Daemon::start(&lab, &slave, Options { more, ..Options::default() });
        daemon.wait("it is LOCKED by the server", |status| status.state == SyncState::Locked);
        let (why, code) = daemon.command(&["why", "10.71.0.1"]);
        assert!(code == 0 && why.contains("steers"), "{code}\n{why}");
        let (table, code) = daemon.command(&["sources"]);
        println!("ntp: sources\n{table}");
        assert!(code == 0 && table.contains("ntp 10.71.0.1"), "{table}");

        // On the way: requests leave and no answer comes. Here: they do not even leave.
        for (space, hook, test, reason) in
            [(&master, "input", "answer", "must be: one "), (&slave, "output", "request", "Operation not permitted")]
        {
            let closed = Closed::at(space, hook);
            let began = std::time::Instant::now();
            let found = daemon.wait("health has noticed", |status| {
                let findings = synchronome::observe::health::findings(status, &Thresholds::default());
                findings.iter().any(|finding| finding.text.starts_with("no source is heard"))
            });
            let noticed = began.elapsed().as_secs_f64();
            println!("ntp: closed at the {hook}, noticed after {noticed:.1} s in {}", found.state);
            let polls = source(&found, "10.71.0.1").unanswered.expect("it asks");
            assert!(polls <= 4, "{polls} polls: {found:#?}");
            let (health, code) = daemon.command(&["health"]);
            assert!(code == 2 && health.contains("no source is heard"), "{code}: {health}");
            let (why, code) = daemon.command(&["why", "10.71.0.1"]);
            println!("{why}");
            assert!(code == 1 && why.contains(&format!("[FAIL] {test}")) && why.contains(reason), "{code}\n{why}");
            drop(closed);
            let began = std::time::Instant::now();
            daemon.wait("it is answered again, and LOCKED", |status| {
                let source = source(status, "10.71.0.1");
                let is_answered = source.reach.is_some_and(|reach| reach & 0b111 == 0b111);
                status.state == SyncState::Locked && source.is_steering && is_answered
            });
            println!("ntp: open again, LOCKED after {:.1} s", began.elapsed().as_secs_f64());
        }
        let status = daemon.status();
        assert_bound_held(&status);
        assert_eq!(status.clock.steps, 1, "{status:#?}");
        daemon.end();
    }

    #[test]
    fn a_clock_can_be_measured_once_and_is_not_set_without_the_right_or_by_sources_that_disagree() {
        let mut lab = Lab::beside_others();
        let space = lab.space();
        let _first = chronyd_server(&lab, &space, "127.0.0.1");
        let _second = chronyd_server(&lab, &space, "127.0.0.2");
        let liar = Liar::start(&space, Ipv4Addr::new(127, 0, 0, 3));
        // The liar alone is believed, and says that the clock is 50 ms behind.
        let (said, code) = set(&space, &["--dry-run", "--json", "127.0.0.3"]);
        println!("set: {said}");
        let measured: serde_json::Value = serde_json::from_str(&said).expect("one JSON object");
        let offset = measured["offset_s"].as_f64().expect("it was measured");
        let bound = measured["bound_s"].as_f64().expect("with its bound");
        assert!(code == 0 && (offset + LIE.as_secs_f64()).abs() <= bound && bound < 10e-3, "{said}");
        // Of three it is outvoted; of two nobody knows who lies.
        let (said, code) = set(&space, &["--dry-run", "127.0.0.1", "127.0.0.2", "127.0.0.3"]);
        println!("set: {said}");
        assert!(code == 0 && !said.contains(" 50.") && said.contains("us"), "{said}");
        let (said, code) = set(&space, &["--dry-run", "--timeout", "6s", "127.0.0.1", "127.0.0.3"]);
        println!("set: {said}");
        assert!(code == 1 && said.contains("the sources contradict each other; nothing was changed"), "{code} {said}");
        let (said, code) = set(&space, &["127.0.0.1"]);
        assert!(code == 1 && said.contains("CAP_SYS_TIME"), "{code} {said}");
        drop(liar);
        let (said, code) = set(&space, &["--dry-run", "--timeout", "5s", "127.0.0.3"]);
        assert!(code == 1 && said.contains("none to the last"), "{code} {said}");
    }

    #[test]
    fn ntpq_and_ntpstat_of_this_host_are_answered_and_nobody_else() {
        let mut lab = Lab::beside_others();
        let (master, slave) = lab.pair_with(&[3]);
        let _first = chronyd_server(&lab, &master, "10.71.0.1");
        let _second = chronyd_server(&lab, &master, "10.71.0.3");
        let more = "[[ntp.source]]\naddress = \"10.71.0.1\"\npoll = 0\nprefer = true\n\
                    [[ntp.source]]\naddress = \"10.71.0.3\"\npoll = 0\n\
                    [[ntp.source]]\naddress = \"10.71.0.9\"\npoll = 0\n\
                    [ntp.server]\nlisten = [\"0.0.0.0:123\"]\n";
        let mut daemon = Daemon::start(&lab, &slave, Options { more, ..Options::default() });
        daemon.wait("it is LOCKED by the first server, and hears the second", |status| {
            let [first, second] = ["10.71.0.1", "10.71.0.3"].map(|name| source(status, name));
            status.state == SyncState::Locked && first.is_steering && second.verdict == "agrees"
        });
        // ntpsec's programs; the port that hears nothing is an association too.
        let ntpq = |arguments: &[&str]| printed(&slave, "ntpq", "ntpsec (its /usr/bin/ntpq)", arguments);
        let peers = ntpq(&["-pn"]);
        for begins in ["*10.71.0.1 ", "+10.71.0.3 ", " 10.71.0.9 "] {
            assert!(peers.lines().any(|line| line.starts_with(begins)), "{begins:?}");
        }
        let associations = ntpq(&["-c", "as"]);
        let line = associations.lines().find(|line| line.contains("sys.peer")).expect("one of them steers");
        let steering = line.split_whitespace().nth(1).expect("its number");
        let system = ntpq(&["-c", "rv"]);
        for word in ["leap_none, sync_ntp", "stratum=2", "refid=10.71.0.1", "leap=00", &format!("peer={steering}")] {
            assert!(system.contains(word), "{word}");
        }
        let silent = associations.lines().rev().find(|line| line.contains("reject")).expect("nobody answers there");
        let silent = silent.split_whitespace().nth(1).expect("its number");
        assert!(ntpq(&["-c", &format!("rv {silent} flash,srcadr,reach")]).contains("peer_unreach"));
        assert!(ntpq(&["-c", &format!("rv {steering} flash,srcadr,offset")]).contains("srcadr=10.71.0.1"));
        let stat = printed(&slave, "ntpstat", "ntpstat", &[]);
        assert!(stat.contains("synchronised to NTP server (10.71.0.1) at stratum 2"), "{stat}");

        let mut request = [0; 48];
        request[0] = 0x23;
        let question = [0x16, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(is_answered(&master, "10.71.0.2:123", &request), "others are served the time");
        assert!(!is_answered(&master, "10.71.0.2:123", &question), "and told nothing else");
        assert!(is_answered(&slave, "127.0.0.1:123", &question));
        daemon.wait("questions are counted apart", |status| {
            status.ntp_server.as_ref().is_some_and(|server| server.questions.answered > 5 && server.requests < 5)
        });
        daemon.end();
    }

    #[test]
    fn a_server_that_was_taken_offline_is_not_asked_until_it_is_online_again() {
        let mut lab = Lab::beside_others();
        let (master, slave) = lab.pair();
        let _server = chronyd_server(&lab, &master, "10.71.0.1");
        let more = "[[ntp.source]]\naddress = \"10.71.0.1\"\npoll = 0\n";
        let mut daemon = Daemon::start(&lab, &slave, Options { more, ..Options::default() });
        daemon.wait("it steers", |status| source(status, "10.71.0.1").is_steering);
        assert_eq!(daemon.order(&["offline", "10.71.0.9"]).1, 1, "there is no such server");
        let (said, code) = daemon.order(&["offline", "10.71.0.1"]);
        assert_eq!((said.trim(), code), ("offline: NTP 10.71.0.1", 0));
        let offline = |status: &Status| source(status, "10.71.0.1").client_state.as_deref() == Some("offline");
        let status = daemon.wait("it is offline", offline);
        let asked = source(&status, "10.71.0.1").counters["requests"];
        std::thread::sleep(Timeout::from_secs(3));
        let status = daemon.status();
        assert_eq!(source(&status, "10.71.0.1").counters["requests"], asked, "nobody asks");
        assert!(source(&status, "10.71.0.1").reason.contains("taken it offline"), "{status:#?}");
        assert!(daemon.command(&["sources"]).0.contains("offline"));
        let (why, code) = daemon.command(&["why", "10.71.0.1"]);
        assert!(code == 1 && why.contains("[FAIL] online") && why.contains("synchronome online 10.71.0.1"), "{why}");
        let (said, code) = daemon.order(&["online"]);
        assert_eq!((said.trim(), code), ("online: NTP 10.71.0.1", 0));
        let begun = std::time::Instant::now();
        daemon.wait("it answers again", |status| source(status, "10.71.0.1").reach.is_some_and(|reach| reach != 0));
        println!("ntp: answered {:.2} s after it was online again", begun.elapsed().as_secs_f64());
        assert!(begun.elapsed() < Timeout::from_secs(4), "at once");
        daemon.wait("it steers again", |status| source(status, "10.71.0.1").is_steering);
        daemon.end();
    }

    #[test]
    fn a_network_that_is_gone_is_not_counted_against_a_server_which_is_asked_at_once_when_it_is_back() {
        let mut lab = Lab::beside_others();
        let (master, slave) = lab.pair();
        let _server = chronyd_server(&lab, &master, "10.71.0.1");
        let more = "[[ntp.source]]\naddress = \"10.71.0.1\"\npoll = 4\n";
        let mut daemon = Daemon::start(&lab, &slave, Options { more, ..Options::default() });
        let unanswered =
            |status: &Status| source(status, "10.71.0.1").counters.get("unanswered").copied().unwrap_or_default();
        // The first request may have come before the server was there.
        let before = unanswered(&daemon.wait("it steers", |status| source(status, "10.71.0.1").is_steering));
        slave.ip("address del 10.71.0.2/24 dev vb");
        let status = daemon.wait("there is no way", |status| {
            source(status, "10.71.0.1").reason.starts_with("there is no network to it: ")
        });
        let cut = source(&status, "10.71.0.1").clone();
        assert_eq!(cut.client_state.as_deref(), Some("offline"), "{cut:#?}");
        assert_eq!(unanswered(&status), before, "{cut:#?}");
        std::thread::sleep(Timeout::from_secs(2));
        assert_eq!(source(&daemon.status(), "10.71.0.1").counters["requests"], cut.counters["requests"]);
        slave.ip("address add 10.71.0.2/24 dev vb");
        let back = std::time::Instant::now();
        daemon.wait("it answers", |status| source(status, "10.71.0.1").reach.is_some_and(|reach| reach != 0));
        println!(
            "ntp: answered {:.2} s after the address was back; polls are 16 s apart",
            back.elapsed().as_secs_f64()
        );
        // A quarter of that.
        assert!(back.elapsed() < Timeout::from_secs(4));
        daemon.end();
    }

    #[test]
    fn a_name_that_comes_goes_and_comes_back_with_another_address_is_followed_and_each_is_told() {
        let mut lab = Lab::beside_others();
        let (master, slave) = lab.pair_with(&[3]);
        let first = chronyd_server(&lab, &master, "10.71.0.1");
        let _second = chronyd_server(&lab, &master, "10.71.0.3");
        let hosts = unique_path(&lab, "etc", "hosts");
        // Written anew in its place: the daemon sees this very file.
        let names = |text: &str| std::fs::write(&hosts, format!("127.0.0.1 localhost\n{text}\n")).expect("a file");
        names("");
        let more = "[[ntp.source]]\naddress = \"time.example.net\"\npoll = 0\n";
        let mut daemon = Daemon::start(&lab, &slave, Options { more, hosts: Some(&hosts), ..Options::default() });
        let unknown = "its name cannot be looked up: Temporary failure in name resolution";
        daemon.wait("it runs without names and says why", |status| source(status, NAME).reason == unknown);
        let (why, code) = daemon.command(&["why", NAME]);
        assert!(code == 1 && why.contains("cannot be looked up: Temporary failure in name resolution"), "{why}");
        assert!(daemon.command(&["status"]).0.contains(unknown));

        names("10.71.0.1 time.example.net");
        let at = |status: &Status, address: &str| source(status, NAME).address.as_deref() == Some(address);
        daemon.wait("it steers", |status| source(status, NAME).is_steering && at(status, "10.71.0.1:123"));
        let has_told = |status: &Status, what: &str| status.events.iter().any(|event| event.text.contains(what));
        assert!(has_told(&daemon.status(), "its name can be looked up again"));

        names("");
        drop(first);
        let gone = std::time::Instant::now();
        // A server is looked up again when it has not answered for 64 s.
        std::thread::sleep(Timeout::from_secs(40));
        let status = daemon.wait("the name is gone, and the address stays", |status| {
            at(status, "10.71.0.1:123") && source(status, NAME).name_error.is_some()
        });
        println!("ntp: that the name is gone was found {:.0} s after the server was", gone.elapsed().as_secs_f64());
        assert!(has_told(&status, &format!("{unknown}; the address stays, and it is tried again")), "{status:#?}");
        let shown = daemon.command(&["status"]).0;
        assert!(shown.contains("its name cannot be looked up any more: Temporary failure"), "{shown}");

        names("10.71.0.3 time.example.net");
        let back = std::time::Instant::now();
        let status = daemon.wait("it asks at the other address", |status| at(status, "10.71.0.3:123"));
        println!("ntp: the new address was found {:.1} s after the name was back", back.elapsed().as_secs_f64());
        assert!(has_told(&status, "it is asked at another address, no longer at 10.71.0.1:123"), "{status:#?}");
        daemon.wait("it steers again", |status| {
            source(status, NAME).is_steering && source(status, NAME).reach != Some(0)
        });
        daemon.end();
    }

    #[test]
    fn a_daemon_that_was_stopped_for_seconds_asks_its_servers_at_once_and_takes_nothing_back() {
        let mut lab = Lab::beside_others();
        let (master, slave) = lab.pair();
        let _server = chronyd_server(&lab, &master, "10.71.0.1");
        let more = "[[ntp.source]]\naddress = \"10.71.0.1\"\npoll = 6\niburst = false\n";
        let mut daemon = Daemon::start(&lab, &slave, Options { more, ..Options::default() });
        let requests =
            |status: &Status| source(status, "10.71.0.1").counters.get("requests").copied().unwrap_or_default();
        // Whether the server ran already is the same here.
        let before = requests(&daemon.wait("it was asked once", |status| requests(status) > 0));
        daemon.stop_for(Timeout::from_millis(2_500));
        let running = std::time::Instant::now();
        let status = daemon.wait("it is asked again", |status| requests(status) > before);
        println!("ntp: asked {:.2} s after it ran again; polls are 64 s apart", running.elapsed().as_secs_f64());
        // What is left of a thread's sleep when it is stopped, up to a second, it sleeps afterwards; requests are told of each
        // second. The rest is the machine's: without the sign, the next request were a minute away.
        assert!(running.elapsed() < Timeout::from_secs(16));
        assert!(status.events.iter().any(|event| event.text.starts_with("nothing ran here for ")), "{status:#?}");
        assert!(!status.events.iter().any(|event| event.text.contains("DISRUPTED")), "{status:#?}");
        daemon.end();
    }
}
