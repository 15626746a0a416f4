//! The commands from outside, as an operator meets them: what is wrong is named with its remedy, what is absent is
//! waited for, signals do what they should.
//!
//! Every test has its own ports, directories and processes. What needs another network runs in a namespace of its own.

#[path = "realtime/child.rs"]
mod child;
#[path = "cli/import.rs"]
mod import;
#[path = "cli/network.rs"]
mod network;

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use child::{Demo, Open, Running, eventually, free_ports, get, get_as, output, printed, program, status, until_state};
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

/// How long a daemon may take to end.
const END_MAX: Duration = Duration::from_secs(1);

/// What a test's daemon is configured with.
struct Setup {
    directory: TempDir,
    event_port: u16,
    general_port: u16,
    ntp: String,
    http: String,
    interface: &'static str,
    more: String,
}

impl Setup {
    fn new() -> Self {
        let [event_port, general_port, ntp] = free_ports();
        Self {
            directory: tempfile::tempdir().expect("a directory"),
            event_port,
            general_port,
            ntp: format!("\"127.0.0.1:{ntp}\""),
            http: "off".to_owned(),
            interface: "lo",
            more: String::new(),
        }
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("run/status.sock")
    }

    fn text(&self) -> String {
        let directory = self.directory.path().display();
        let Self { event_port, general_port, ntp, http, interface, more, .. } = self;
        format!(
            "clock.system = {{ simulated = {{ offset = '1s' }} }}\nntp.server.listen = [{ntp}]\n\
             threads.lock_memory = false\nobserve.http = '{http}'\nobserve.runtime_directory = '{directory}/run'\n\
             observe.state_directory = '{directory}/state'\n{more}\n[[ptp]]\ninterface = '{interface}'\n\
             event_port = {event_port}\ngeneral_port = {general_port}\n"
        )
    }

    /// Writes the file, as it is now.
    fn write(&self) -> PathBuf {
        let file = self.directory.path().join("synchronome.toml");
        std::fs::write(&file, self.text()).expect("written");
        file
    }

    fn start(&self) -> Running {
        let running = Running::daemon(&self.write());
        status(&self.socket());
        running
    }
}

#[test]
fn a_wrong_configuration_is_told_as_a_whole_and_nothing_is_started() {
    let setup = Setup::new();
    let [ntp] = free_ports();
    let file = setup.directory.path().join("wrong.toml");
    let run = setup.directory.path().join("run");
    let mut text = "[clock]\nlock_limt = '1us'\nmax_drift = '2000ppm'\n[[ptp]]\ninterface = 'lo'\n".to_owned();
    text += "event_port = 20319\ngeneral_port = 20319\n[[ptp]]\nrole = 'slaev'\n[ntp.server]\n";
    writeln!(text, "listen = ['127.0.0.1:{ntp}', '127.0.0.256:123', '127.0.0.1:{ntp}']").unwrap();
    writeln!(text, "[observe]\nlog = 1\nruntime_directory = '{}'", run.display()).unwrap();
    std::fs::write(&file, text).unwrap();
    let output = output(&["run", file.to_str().unwrap()]);
    let said = printed(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for expected in [
        "wrong.toml:2:1: clock.lock_limt: unknown option",
        "did you mean `lock_limit`?",
        "wrong.toml:3:13: clock.max_drift: \"2000ppm\" is out of range",
        "allowed: \"0ppb\" to \"1000ppm\"",
        "wrong.toml:7:16: ptp[0].general_port: event messages and general messages cannot share port 20319",
        "wrong.toml:8:1: ptp[1]: `interface` is missing",
        "did you mean `\"slave\"`?",
        "\"127.0.0.256\" is not an IP address",
        "the same as element 1 of this list",
        "observe.log:",
    ] {
        assert!(said.contains(expected), "no {expected:?} in:\n{said}");
    }
    assert!(!run.exists(), "nothing was started");
    UdpSocket::bind(("127.0.0.1", ntp)).expect("nobody listens");
}

#[test]
fn a_file_that_is_named_and_absent_is_an_error() {
    let output = output(&["run", "/nonexistent/synchronome.toml"]);
    let said = printed(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("/nonexistent/synchronome.toml") && said.contains("No such file"), "{said}");
}

#[test]
fn a_busy_ntp_port_ends_the_start_and_is_named_with_its_remedy() {
    let setup = Setup::new();
    let _busy = UdpSocket::bind(setup.ntp.trim_matches('"')).unwrap();
    let mut running = Running::daemon(&setup.write());
    let (ended, _) = running.wait();
    let said = running.lines().join("\n");
    assert_eq!(ended.code(), Some(1), "{said}");
    let address = setup.ntp.trim_matches('"');
    assert!(said.contains(&format!("{address} is in use")), "{said}");
    assert!(said.contains("ss -ulpn") && said.contains("ntp.server.listen"), "{said}");
    assert_eq!(said.matches("NTP server:").count(), 1, "said once: {said}");
    assert!(!setup.socket().exists());
}

#[test]
fn a_busy_ptp_port_is_waited_for_until_it_is_free() {
    let setup = Setup::new();
    let busy = UdpSocket::bind(("0.0.0.0", setup.event_port)).unwrap();
    let mut running = setup.start();
    let line = running.line("waiting: UDP port");
    assert!(line.contains(&format!("UDP port {} is taken by another program", setup.event_port)), "{line}");
    assert!(line.contains("ss -ulpn"), "{line}");
    let waiting = status(&setup.socket());
    assert!(waiting["ptp"][0]["waiting_for"].as_str().unwrap().contains("is taken"), "{waiting:#}");
    assert!(running.is_running());
    drop(busy);
    running.line("port lo: INITIALIZING -> LISTENING: started");
    assert_eq!(status(&setup.socket())["ptp"][0]["waiting_for"], Value::Null);
    running.end();
}

#[test]
fn a_busy_http_port_is_named_and_the_daemon_runs_without_it() {
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = busy.local_addr().unwrap().to_string();
    let setup = Setup { http: address.clone(), ..Setup::new() };
    let mut running = setup.start();
    let line = running.line("cannot serve HTTP");
    assert!(line.contains(&address) && line.contains("observe.http") && line.contains("ss -ltnp"), "{line}");
    assert!(running.is_running());
    running.end();
}

#[test]
fn the_status_socket_of_a_running_daemon_is_not_taken_from_it() {
    let first = Setup::new();
    let running = first.start();
    let [event_port, general_port, ntp] = free_ports();
    let second = Setup { event_port, general_port, ntp: format!("\"127.0.0.1:{ntp}\""), ..first };
    let mut late = Running::daemon(&second.write());
    let (ended, _) = late.wait();
    let said = late.lines().join("\n");
    assert_eq!(ended.code(), Some(1), "{said}");
    assert!(said.contains("a running daemon answers there"), "{said}");
    assert!(said.contains("observe.runtime_directory"), "{said}");
    assert_eq!(status(&second.socket())["pid"], running.pid().as_raw(), "the first one still answers");
    running.end();
    assert!(!second.socket().exists(), "the socket goes with its daemon");
}

#[test]
fn an_ordinary_user_is_told_what_he_lacks_and_what_to_do() {
    let open = Open::new();
    let [ntp] = free_ports();
    let file = open.directory.path().join("user.toml");
    let directory = open.directory.path().display();
    let text = |ntp: &str| {
        format!(
            "clock.system = {{ simulated = {{ }} }}\nntp.server.listen = ['{ntp}']\nobserve.http = 'off'\n\
             observe.runtime_directory = '{directory}/run'\nobserve.state_directory = '{directory}/state'\n\
             threads.discipline.priority = 41\n[[ptp]]\ninterface = 'lo'\n"
        )
    };
    // Whether ports below 1024 need a privilege is the machine's choice.
    let first: u16 = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start")
        .map_or(1024, |text| text.trim().parse().unwrap());
    if first > 320 {
        std::fs::write(&file, text("127.0.0.1:123")).unwrap();
        let ended = open.ordinary_user().arg("run").arg(&file).output().expect("setpriv of util-linux");
        let said = printed(&ended);
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(said.contains("127.0.0.1:123: ports below 1024 need CAP_NET_BIND_SERVICE"), "{said}");
    }
    std::fs::write(&file, text(&format!("127.0.0.1:{ntp}"))).unwrap();
    let mut running = Running::start(open.ordinary_user().arg("run").arg(&file));
    running.line("ask it: synchronome status");
    for expected in [
        "without CAP_NET_BIND_SERVICE: ports below 1024",
        "without CAP_SYS_NICE: no real-time priority",
        "memory is not locked: it needs CAP_IPC_LOCK",
    ] {
        running.line(expected);
    }
    let refused = running.line("thread discipline: SCHED_FIFO 41 was refused");
    assert!(refused.contains("WARN") && refused.contains("LimitRTPRIO="), "{refused}");
    if first > 320 {
        running.line("port lo: waiting: not allowed to open UDP port 319 on lo");
    }
    assert!(running.is_running(), "all of that is no reason to end");
    running.end();
}

#[test]
fn every_command_teaches_with_help() {
    let overview = printed(&output(&["--help"]));
    for command in ["run", "demo", "check", "status", "health", "record", "replay"] {
        assert!(overview.contains(&format!("\n  {command} ")), "{overview}");
        let help = output(&[command, "--help"]);
        let text = printed(&help);
        assert!(help.status.success() && help.stderr.is_empty(), "{text}");
        for part in ["Usage: synchronome", "Examples:", "Exit codes:", "Options:"] {
            assert!(text.contains(part), "{command}: no {part:?} in:\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{command}: a line is too long:\n{text}");
        let wrong = output(&[command, "--nonsense"]);
        assert_eq!(wrong.status.code(), Some(2), "{command}");
        assert!(wrong.stdout.is_empty());
    }
    assert_eq!(output(&[]).status.code(), Some(2), "no command is a wrong one");
    let version = output(&["--version"]);
    assert_eq!(printed(&version), concat!("synchronome ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn sigterm_ends_it_within_a_second_though_http_clients_hang() {
    let http = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let setup = Setup { http: http.to_string(), ..Setup::new() };
    let mut running = setup.start();
    let hanging: Vec<TcpStream> = (0..40)
        .map(|number| {
            let mut stream = TcpStream::connect(http).expect("it serves HTTP");
            if number % 2 == 0 {
                stream.write_all(b"GET /metrics HTTP/1.1\r\nHost:").expect("half a request");
            }
            stream
        })
        .collect();
    std::thread::sleep(Duration::from_millis(100));
    running.signal(Signal::SIGTERM);
    // Another one meanwhile changes nothing; by then it may have ended.
    let _ = nix::sys::signal::kill(running.pid(), Signal::SIGTERM);
    let (ended, took) = running.wait();
    assert!(ended.success(), "{ended}");
    assert!(took < END_MAX, "it took {took:?}");
    assert!(running.has_said("ending"));
    assert!(!setup.socket().exists(), "its socket goes with it");
    drop(hanging);
}

#[test]
fn sigint_ends_it_like_sigterm() {
    let setup = Setup::new();
    let mut running = setup.start();
    running.signal(Signal::SIGINT);
    let (ended, took) = running.wait();
    assert!(ended.success() && took < END_MAX, "{ended} after {took:?}");
}

#[test]
fn a_configuration_without_a_source_is_told_as_that() {
    let directory = tempfile::tempdir().expect("a directory");
    let (file, path) = (directory.path().join("synchronome.toml"), directory.path().display());
    let text = format!(
        "threads.lock_memory = false\nobserve.http = 'off'\nobserve.runtime_directory = '{path}/run'\n\
         observe.state_directory = '{path}/state'\n"
    );
    std::fs::write(&file, text).expect("written");
    let running = Running::daemon(&file);
    running.line("the configuration names no source: no [[ptp]], [[ntp.source]] or [[refclock]]");
    let reason = status(&directory.path().join("run/status.sock"))["reason"].clone();
    assert!(reason.as_str().is_some_and(|reason| reason.starts_with("there is no source: no [[ptp]]")), "{reason}");
    assert!(!running.has_said("no interface can carry PTP"));
}

#[test]
fn the_page_is_for_who_asks_by_a_name_of_this_host_and_names_are_read_again() {
    let http = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut setup = Setup { http: http.to_string(), ..Setup::new() };
    let running = setup.start();
    let own = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
    let own = own.trim();
    let is_answered = |host: &str| get_as(http.port(), "/status", host).0.starts_with("HTTP/1.1 200 ");
    assert!(is_answered(own) && is_answered("127.0.0.1:9319"));
    assert!(!is_answered("time.example.net") && get_as(http.port(), "/", "time.example.net").0.contains(" 421 "));
    setup.more = "observe.allowed_hosts = ['time.example.net', '*.clocks.example']".to_owned();
    setup.write();
    running.signal(Signal::SIGHUP);
    assert!(eventually(|| is_answered("time.example.net:9319")));
    assert!(is_answered("a.clocks.example") && !is_answered("evil.example"));
}

#[test]
fn sighup_takes_a_good_configuration_and_keeps_the_old_one_over_a_bad_one() {
    let mut setup = Setup { more: "observe.log = 'warn'\nclock.lock_limit = '200us'".to_owned(), ..Setup::new() };
    let running = setup.start();
    let before = status(&setup.socket());
    assert_eq!((&before["clock"]["lock_limit_s"], &before["ptp"][0]["domain"]), (&200e-6.into(), &0.into()));
    assert!(!running.has_said("INFO"), "only warnings are logged");
    setup.more = "observe.log = 'info'\nclock.lock_limit = '300us'\nservo.hold = true".to_owned();
    let file = setup.directory.path().join("synchronome.toml");
    std::fs::write(&file, setup.text() + "domain = 7\n").unwrap();
    running.signal(Signal::SIGHUP);
    running.line("INFO synchronome::daemon: SIGHUP:");
    let after = status(&setup.socket());
    assert_eq!((&after["clock"]["lock_limit_s"], &after["ptp"][0]["domain"]), (&300e-6.into(), &7.into()));
    running.line("port lo: INITIALIZING -> LISTENING: started");

    std::fs::write(&file, setup.text() + "domain = 256\n[clok]\n").unwrap();
    running.signal(Signal::SIGHUP);
    running.line("SIGHUP: the configuration is wrong, the old one stays in force");
    running.line("ptp[0].domain: 256 is out of range");
    running.line("did you mean `clock`?");
    let kept = status(&setup.socket());
    assert_eq!((&kept["clock"]["lock_limit_s"], &kept["ptp"][0]["domain"]), (&300e-6.into(), &7.into()));

    setup.ntp = "\"127.0.0.1:1\"".to_owned();
    std::fs::write(&file, setup.text() + "domain = 7\n").unwrap();
    running.signal(Signal::SIGHUP);
    running.line("ntp.server has changed: that needs a restart");
    running.end();
}

#[test]
fn a_demo_ends_with_its_summary_as_json_while_another_runs_beside_it() {
    let beside = Demo::start(&[]);
    let [event, general, ntp] = free_ports::<3>().map(|port| port.to_string());
    let ports = format!("{event},{general}");
    let arguments = ["demo", "--for", "8s", "--json", "--ptp-ports", &ports, "--ntp-port", &ntp];
    let ended = output(&arguments);
    let said = printed(&ended);
    assert!(ended.status.success(), "{said}");
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert!(lines.len() >= 8, "a line a second, and the summary: {said}");
    let summary = lines.last().and_then(|last| last.get("summary")).expect("the last object is the summary");
    assert_eq!(summary["state"], "LOCKED");
    assert_eq!(summary["bound_violations"], 0);
    for figure in ["lock_time_s", "true_error_rms_s", "true_error_max_s", "bound_s", "ntp_requests"] {
        assert!(summary[figure].as_f64().is_some_and(|figure| figure > 0.0), "{figure}: {summary}");
    }
    let time = |line: &Value| line["time_s"].as_f64().expect("every line has its time");
    let (seconds, _) = lines.split_at(lines.len() - 1);
    assert!(seconds.windows(2).all(|pair| time(&pair[0]) < time(&pair[1])), "{said}");
    assert!(seconds.iter().all(|line| line["state"].is_string() && line.get("bound_s").is_some()), "{said}");

    until_state(&beside.socket, "LOCKED");
    answers_of_a_running_daemon(&beside.socket);
    let mut beside = beside;
    beside.running.signal(Signal::SIGINT);
    let (status, _) = beside.running.wait();
    assert!(status.success(), "the other locked too: {}", beside.running.lines().join("\n"));
    beside.running.line("It locked, and the truth stayed inside the bound.");
    assert!(!beside.socket.exists(), "its directory is gone");
}

#[test]
fn a_demo_has_a_page_with_its_past_and_says_where() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let http = taken.local_addr().expect("bound").port();
    let [event, general, ntp] = free_ports::<3>().map(|port| port.to_string());
    let (ports, page) = (format!("{event},{general}"), http.to_string());
    let arguments = ["demo", "--ptp-ports", &ports, "--ntp-port", &ntp, "--http-port", &page];
    let refused = output(&arguments);
    assert_eq!(refused.status.code(), Some(1));
    assert!(printed(&refused).contains("another one: --http-port"), "{}", printed(&refused));
    drop(taken);

    let running = Running::start(program().args(arguments));
    running.line(&format!("http://127.0.0.1:{http}/"));
    assert!(get(http, "/").contains("<script>"));
    let past = || -> Value { serde_json::from_str(&get(http, "/history.json")).expect("JSON") };
    let is_locked = || past()["points"].as_array().is_some_and(|all| all.iter().any(|point| point[3] == "LOCKED"));
    assert!(eventually(is_locked), "{}", past());
    let points = past()["points"].as_array().expect("a list").clone();
    let ages: Vec<f64> = points.iter().map(|point| point[0].as_f64().expect("an age")).collect();
    // The daemon goes round at least each second, and keeps no more than a point a second.
    assert!(ages.windows(2).all(|pair| (0.99..2.5).contains(&(pair[0] - pair[1]))), "{ages:?}");
    let last = points.last().expect("there are some");
    assert!(last[1].is_f64() && last[2].as_f64().is_some_and(|bound| bound < 1.0), "{last}");
    let events: Value = serde_json::from_str(&get(http, "/events.json?from=3")).expect("JSON");
    assert_eq!(events["events"][0]["number"], 3);
}

/// Asks an NTP server on this host, a fifth of a second long.
fn answers(port: u16) -> bool {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback");
    socket.set_read_timeout(Some(Duration::from_millis(500))).expect("a socket");
    let mut request = [0; 48];
    request[0] = 0x23;
    request[40] = 1;
    socket.send_to(&request, ("127.0.0.1", port)).expect("loopback");
    let is_answered = socket.recv(&mut request).is_ok_and(|length| length == 48);
    std::thread::sleep(Duration::from_millis(200));
    is_answered
}

/// The engines of a trace, by name, and whether all of them came to the same.
fn replayed(trace: &Path, more: &[&str]) -> (Value, Option<i32>) {
    let trace = trace.to_str().expect("text");
    let ended = output(&[&["replay", trace, "--json"], more].concat());
    let said = printed(&ended);
    (serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}")), ended.status.code())
}

#[test]
fn what_a_running_daemon_did_is_recorded_and_repeated_bit_for_bit() {
    let demo = Demo::start(&[]);
    until_state(&demo.socket, "LOCKED");
    let control = demo.socket.with_file_name("control.sock");
    let mode = std::fs::metadata(&control).expect("the control socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "for the owner alone");
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("some.trace");
    let [socket, out] = [&control, &file].map(|path| path.to_str().expect("text"));
    let nothing = output(&["record", "--kept", "--socket", socket, "--out", out]);
    assert_eq!(nothing.status.code(), Some(1), "nothing is kept by default: {}", printed(&nothing));
    let asking = std::thread::spawn({
        let ntp = demo.ntp_port;
        move || (0..20).filter(|_| answers(ntp)).count()
    });
    let recorded = output(&["record", "--for", "4s", "--socket", socket, "--out", out]);
    assert!(asking.join().expect("a client") >= 10, "the NTP server answers");
    assert!(recorded.status.success(), "{}", printed(&recorded));

    let (report, code) = replayed(&file, &[]);
    assert_eq!((code, &report["identical"]), (Some(0), &Value::Bool(true)), "{report}");
    let streams = report["streams"].as_array().expect("streams");
    let steps = |name: &str| {
        let stream = streams.iter().find(|stream| stream["name"] == name);
        stream.and_then(|stream| stream["steps"].as_u64()).unwrap_or_else(|| panic!("no {name}: {report}"))
    };
    // 8 Sync and about as many Delay_Req a second.
    assert!(steps("ptp-0") > 60 && steps("system") > 60, "{report}");
    assert!(steps("ntp-0") >= 8, "{report}");

    let (report, code) = replayed(&file, &["--with", "servo.kind=pi"]);
    assert_eq!(code, Some(0));
    let clock = &report["clocks"][0];
    let rms = |course: &str| clock[course]["offset"]["rms_s"].as_f64().expect("a figure");
    assert!(rms("recorded") < 1e-3 && rms("otherwise") < 1e-3, "{clock}");
    let frequency = |course: &str| clock[course]["frequency_mean_ppb"].as_f64().expect("a figure");
    assert!((frequency("recorded") - frequency("otherwise")).abs() < 10_000.0, "the same oscillator: {clock}");
    assert_ne!(frequency("recorded").to_bits(), frequency("otherwise").to_bits(), "and another servo");
    let text = printed(&output(&["replay", out, "--with", "servo.kind=pi"]));
    for part in ["identical", "as recorded", "with servo.kind=pi", "offset as measured"] {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}

#[test]
fn a_demo_that_is_recorded_is_repeated_bit_for_bit_and_a_damaged_file_is_not_believed() {
    let directory = tempfile::tempdir().expect("a directory");
    let [file, picture] = ["demo.trace", "demo.svg"].map(|name| directory.path().join(name));
    let [event, general, ntp] = free_ports::<3>().map(|port| port.to_string());
    let (ports, out) = (format!("{event},{general}"), file.to_str().expect("text"));
    let demo = output(&["demo", "--for", "6s", "--ptp-ports", &ports, "--ntp-port", &ntp, "--record", out]);
    assert!(file.exists(), "{}", printed(&demo));
    let (report, code) = replayed(&file, &["--plot", picture.to_str().expect("text")]);
    assert_eq!((code, &report["identical"]), (Some(0), &Value::Bool(true)), "{report}");
    assert!(std::fs::read_to_string(&picture).expect("a picture").contains("<polyline"));

    let mut bytes = std::fs::read(&file).expect("a trace");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(&file, &bytes).expect("a directory of our own");
    let damaged = output(&["replay", out]);
    assert_eq!(damaged.status.code(), Some(1));
    assert!(printed(&damaged).contains("damaged"), "{}", printed(&damaged));
    let wrong = output(&["replay", out, "--with", "servo.kind=pid"]);
    assert_eq!(wrong.status.code(), Some(2), "{}", printed(&wrong));
}

/// `status` and `health` of a daemon that is LOCKED.
fn answers_of_a_running_daemon(socket: &Path) {
    let socket = socket.to_str().expect("text");
    let text = output(&["status", "--socket", socket]);
    let said = printed(&text);
    assert!(text.status.success(), "{said}");
    for part in ["LOCKED", "lo SLAVE", "gm ", "NTP", "truth", "discipline", "ntp-0"] {
        assert!(said.contains(part), "no {part:?} in:\n{said}");
    }
    assert!(!said.contains('\x1b'), "no colour into a pipe: {said}");
    let status = status(Path::new(socket));
    assert_eq!((&status["ptp"][0]["port_state"], &status["clock"]["kind"]), (&"SLAVE".into(), &"simulated".into()));

    let health = |more: &[&str]| {
        let output = output(&[&["health", "--socket", socket], more].concat());
        (output.status.code(), printed(&output))
    };
    for (code, word, more) in [
        // A busy machine may lift the bound of software stamps over the limit for a moment.
        (0, "OK: ", &["--warn", "500ms"][..]),
        (1, "WARNING: error bound ", &["--warn", "1ns", "--crit", "1s"]),
        (2, "CRITICAL: error bound ", &["--crit", "1ns"]),
    ] {
        let (found, line) = health(more);
        assert!(found == Some(code) && line.starts_with(word) && line.lines().count() == 1, "{found:?}: {line}");
        assert!(line.contains(" | bound="), "performance data: {line}");
    }
    let json: Value = serde_json::from_str(&health(&["--json", "--warn", "500ms"]).1).expect("one object");
    assert_eq!((&json["code"], &json["word"], &json["state"]), (&0.into(), &"OK".into(), &"LOCKED".into()));
}

#[test]
fn without_a_daemon_status_fails_and_health_does_not_know() {
    let socket = "/nonexistent/status.sock";
    let status = output(&["status", "--socket", socket]);
    let said = printed(&status);
    assert_eq!((status.status.code(), status.stdout.len()), (Some(1), 0), "{said}");
    assert!(said.contains("is not running") && said.contains(socket) && said.contains("synchronome run"), "{said}");
    let health = output(&["health", "--socket", socket]);
    let said = printed(&health);
    assert_eq!(health.status.code(), Some(3), "{said}");
    assert!(said.starts_with("UNKNOWN: ") && said.lines().count() == 1, "{said}");
    let json: Value = serde_json::from_slice(&output(&["health", "--json", "--socket", socket]).stdout).unwrap();
    assert_eq!((&json["code"], &json["state"]), (&3.into(), &Value::Null));
}

#[test]
fn a_demo_that_finds_its_ports_busy_names_the_option() {
    let [event, general, ntp] = free_ports();
    let demo = |ntp: u16| {
        let (ports, ntp) = (format!("{event},{general}"), ntp.to_string());
        output(&["demo", "--for", "8s", "--ptp-ports", &ports, "--ntp-port", &ntp])
    };
    let busy = UdpSocket::bind(("127.0.0.1", ntp)).unwrap();
    let ended = demo(ntp);
    let said = printed(&ended);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("--ntp-port") && said.contains(&format!("127.0.0.1:{ntp} is in use")), "{said}");
    drop(busy);
    for port in [event, general] {
        let _busy = UdpSocket::bind(("0.0.0.0", port)).unwrap();
        let ended = demo(ntp);
        let said = printed(&ended);
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(said.contains("--ptp-ports") && said.contains(&format!("UDP port {port} is taken")), "{said}");
    }
}

#[test]
fn a_machine_without_a_phc_says_so_and_one_with_lists_it() {
    let has_phc = Path::new("/sys/class/ptp").read_dir().is_ok_and(|mut entries| entries.next().is_some());
    for arguments in [&["phc", "list"][..], &["phc", "read"], &["phc", "compare", "lo", "system"]] {
        let output = output(arguments);
        let said = printed(&output);
        if has_phc {
            assert!(!said.contains("no PHC on this machine"), "{said}");
            continue;
        }
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{said}");
        assert!(said.starts_with("synchronome phc: no PHC on this machine: "), "{said}");
        assert!(said.contains("ethtool -T") && said.contains("ptp_kvm") && said.lines().count() == 1, "{said}");
    }
    let output = output(&["phc", "list", "--json"]);
    let json: Value = serde_json::from_slice(&output.stdout).expect("one JSON object either way");
    assert_eq!(json["phcs"].as_array().map(Vec::is_empty), Some(!has_phc), "{json}");
    assert_eq!(output.status.code(), Some(i32::from(!has_phc)));
}

#[test]
fn a_phc_command_with_wrong_arguments_names_what_is_wrong() {
    for (arguments, expected) in [
        (&["phc"][..], "Usage: synchronome phc"),
        (&["phc", "set", "eth0"], "unrecognized subcommand 'set'"),
        (&["phc", "compare", "eth0"], "<B>"),
        (&["phc", "compare", "eth0", "system", "--count", "0"], "0 is not in 1..=1000000"),
        (&["phc", "compare", "eth0", "system", "--interval", "100"], "write it like 20s"),
        (&["phc", "compare", "eth0", "system", "--interval", "0s"], "must be more than nothing"),
    ] {
        let output = output(arguments);
        let said = printed(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: no {expected:?} in:\n{said}");
    }
    let output = output(&["phc", "compare", "system", "system"]);
    let said = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("not compared with itself"), "{said}");
}

#[test]
fn set_without_a_server_and_without_a_configuration_says_what_to_do() {
    if Path::new("/etc/synchronome/synchronome.toml").exists() {
        return; // It would measure by that one.
    }
    let output = output(&["set", "--dry-run"]);
    let said = printed(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("`synchronome set SERVER...`") && said.contains("--config FILE"), "{said}");
}

#[test]
fn a_closed_pipe_is_no_reason_to_panic() {
    let mut command = program();
    command.args(["check", "config/simulated.toml", "--explain"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn wait_sync_waits_for_the_daemon_and_for_its_clock_and_says_why_it_gives_up() {
    let directory = tempfile::tempdir().unwrap();
    let absent = directory.path().join("status.sock").display().to_string();
    let ended = output(&["wait-sync", "--timeout", "300ms", "--socket", &absent]);
    assert_eq!(ended.status.code(), Some(3), "{}", printed(&ended));
    let demo = Demo::start(&[]);
    let socket = demo.socket.display().to_string();
    let ended = output(&["wait-sync", "--socket", &socket]);
    assert_eq!(ended.status.code(), Some(1), "a simulated clock is no system clock");
    assert!(printed(&ended).contains("does not steer the system clock"), "{}", printed(&ended));
    let ended = output(&["wait-sync", "--any-clock", "--timeout", "30s", "--socket", &socket]);
    assert!(ended.status.success() && printed(&ended).contains("LOCKED"), "{}", printed(&ended));
    let ended = output(&["wait-sync", "--any-clock", "--max-bound", "1ns", "--timeout", "300ms", "--socket", &socket]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(printed(&ended).contains("given up: time correct to within"), "{}", printed(&ended));
}
