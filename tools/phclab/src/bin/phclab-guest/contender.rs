//! The programs of a run: the grandmaster in one namespace, the contender in the other.

use std::fmt::Write;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use phclab::scenario::{Contender, Leap, Scenario, Steer};

use super::process::{Process, call};
use super::world::{CONTENDER_SIDE, MASTER_SIDE, TAI_UTC, within};
use super::{LAB, Outcome, because};

/// What both ends of ptp4l agree on: four Syncs a second, an Announce each second.
const PTP4L: &str = "-E -H -m -q --logSyncInterval=-2 --logMinDelayReqInterval=-2 --logAnnounceInterval=0 \
                     --summary_interval=0 --tx_timestamp_timeout=10";
/// Where the sockets of linuxptp are.
const SOCKETS: &str = "/run/linuxptp";
/// Where a scenario's list of leap seconds is.
const LEAP_LIST: &str = "/run/leap-seconds.list";
/// Who watches NTP servers asks each so often, as the logarithm to base 2 of seconds.
const NTP_POLL: i8 = 6;
/// Where chronyd is asked.
const CHRONY_SOCKET: &str = "/run/chrony/chronyd.sock";
/// Where our daemon shows its metrics to who collects them.
const METRICS: &str = "127.0.0.1:9319";
/// Where our daemon answers who would ask ptp4l.
const MANAGEMENT: &str = "/run/synchronome/ptp.sock";
/// Where our daemon's socket is.
pub const STATUS_SOCKET: &str = "/run/synchronome/status.sock";

/// Starts the grandmaster.
///
/// # Errors
/// What could not be done.
pub fn start_master(scenario: &Scenario, folder: &Path) -> Outcome<Process> {
    fs::create_dir_all(SOCKETS).map_err(because(SOCKETS))?;
    let mut words = ptp4l(scenario, "master");
    words.push("--priority1=10".to_owned());
    let pairs = scenario.pairs - u32::from(scenario.behind);
    for number in 0..pairs {
        words.extend(["-i".to_owned(), scenario.interface(number * 2)]);
    }
    if pairs > 1 {
        words.push("--boundary_clock_jbod=1".to_owned());
    }
    words.extend(scenario.master.options.iter().cloned());
    Process::start("master", MASTER_SIDE, &words, folder)
}

/// Makes the grandmaster one that a daemon may believe: class 6, TAI, and TAI - UTC known.
///
/// # Errors
/// What could not be done.
pub fn enthrone_master(tai_utc: i64, leap: Leap, folder: &Path) -> Outcome<()> {
    let (insert, delete) = (u8::from(leap == Leap::Insert), u8::from(leap == Leap::Delete));
    let request = format!(
        "SET GRANDMASTER_SETTINGS_NP clockClass 6 clockAccuracy 0x20 offsetScaledLogVariance 0x4e5d \
         currentUtcOffset {tai_utc} leap61 {insert} leap59 {delete} currentUtcOffsetValid 1 ptpTimescale 1 \
         timeTraceable 1 frequencyTraceable 1 timeSource 0x20"
    );
    let (socket, mine) = (format!("{SOCKETS}/master"), format!("{SOCKETS}/pmc"));
    let said = call("pmc", &["-u", "-b", "0", "-s", &socket, "-i", &mine, &request])?;
    fs::write(folder.join("pmc.log"), &said).map_err(because("pmc.log"))?;
    if said.contains("clockClass") { Ok(()) } else { Err(format!("pmc: the master did not answer: {said}")) }
}

/// The contender's interfaces.
fn interfaces(scenario: &Scenario) -> impl Iterator<Item = String> {
    (0..scenario.pairs).map(|number| scenario.interface(number * 2 + 1))
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

fn ptp4l(scenario: &Scenario, name: &str) -> Vec<String> {
    let transport = scenario.transport.of_ptp4l();
    let sockets = format!("--uds_address={SOCKETS}/{name} --uds_ro_address={SOCKETS}/{name}.ro");
    words(&format!("ptp4l {PTP4L} {transport} {sockets}"))
}

/// Starts a contender's processes.
///
/// # Errors
/// What could not be done.
pub fn start(scenario: &Scenario, contender: Contender, folder: &Path) -> Outcome<Vec<Process>> {
    let mut processes = start_contender(scenario, contender, folder)?;
    if scenario.behind {
        let mut slave = ptp4l(scenario, "behind");
        slave.extend(["-s".to_owned(), "-i".to_owned(), scenario.interface(scenario.pairs * 2 - 2)]);
        slave.extend(scenario.linuxptp.behind.iter().cloned());
        processes.push(Process::start("behind", MASTER_SIDE, &slave, folder)?);
    }
    Ok(processes)
}

fn start_contender(scenario: &Scenario, contender: Contender, folder: &Path) -> Outcome<Vec<Process>> {
    if contender.is_ours() {
        return start_ours(scenario, folder);
    }
    let mut slave = ptp4l(scenario, "slave");
    slave.push(if scenario.behind { "--boundary_clock_jbod=1" } else { "-s" }.to_owned());
    if contender == Contender::Ptp4lLinreg {
        slave.push("--clock_servo=linreg".to_owned());
    }
    slave.extend(interfaces(scenario).flat_map(|interface| ["-i".to_owned(), interface]));
    slave.extend(scenario.linuxptp.ptp4l.iter().cloned());
    let mut processes = vec![Process::start("ptp4l", CONTENDER_SIDE, &slave, folder)?];
    match contender {
        Contender::Phc2sys | Contender::Phc2sysChrony => {
            let socket = format!("{SOCKETS}/slave");
            let mut line = match scenario.steer {
                Steer::System => words(&format!("phc2sys -s phv1 -c CLOCK_REALTIME -w -m -q -R 4 -u 4 -z {socket}")),
                Steer::Phc => words(&format!("phc2sys -a -m -q -R 4 -u 4 -z {socket}")),
            };
            line.extend(scenario.linuxptp.phc2sys.iter().cloned());
            processes.push(Process::start("phc2sys", CONTENDER_SIDE, &line, folder)?);
            if contender == Contender::Phc2sysChrony {
                processes.push(start_chrony(folder, &watching(scenario))?);
            }
        }
        Contender::Chrony => processes.push(start_chrony(folder, &following(folder)?)?),
        Contender::Ptp4l | Contender::Ptp4lLinreg | Contender::Synchronome => {}
    }
    Ok(processes)
}

/// A chronyd with the PHC as its only source; it is told TAI - UTC, for which it would want a list of leap seconds.
fn following(folder: &Path) -> Outcome<String> {
    // A PHC is named by its device only; it is the last one that the module made.
    let device = phc_of(CONTENDER_SIDE, "phv1")?;
    Ok(format!(
        "refclock PHC {device} offset -{TAI_UTC} poll 0 dpoll -2 precision 1e-8\nmakestep 0.0001 3\nmaxclockerror 200\n\
         logdir {}\nlog tracking\n",
        folder.display()
    ))
}

/// One that watches the NTP servers and steers nothing: `-x` is among the words that it is started with.
fn watching(scenario: &Scenario) -> String {
    let interval = format!("minpoll {NTP_POLL} maxpoll {NTP_POLL}");
    let lines = scenario.ntp_servers().map(|address| format!("server {address} iburst {interval}"));
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

/// chronyd in the contender's namespace. It corrects the clock if it has one to follow, and only then.
fn start_chrony(folder: &Path, config: &str) -> Outcome<Process> {
    let rest = format!("user root\ncmdport 0\nbindcmdaddress {CHRONY_SOCKET}\npidfile /run/chrony/chronyd.pid\n");
    let file = folder.join("chrony.conf");
    fs::write(&file, config.to_owned() + &rest).map_err(because(file.display()))?;
    let hands_off = if config.contains("refclock") { "" } else { "-x" };
    let line = words(&format!("chronyd -d {hands_off} -f {} -L 0", file.display()));
    Process::start("chronyd", CONTENDER_SIDE, &line, folder)
}

/// Fetches what a contender measures, as who collects figures does; what is wrong with the answers is an error.
///
/// # Errors
/// As said, or that nobody answers.
pub fn scrape(contender: Contender) -> Outcome<()> {
    let whole = |said: String, word: &str| {
        if said.contains(word) { Ok(()) } else { Err(format!("asked for its figures: no {word} in: {said}")) }
    };
    if contender.is_ours() {
        return whole(get(METRICS, "/metrics")?, "synchronome_clock_error_bound_seconds{");
    }
    let (socket, mine) = (format!("{SOCKETS}/slave"), format!("{SOCKETS}/pmc"));
    let ask = ["GET TIME_STATUS_NP", "GET CURRENT_DATA_SET", "GET PORT_DATA_SET", "GET PORT_STATS_NP"];
    let words = ["-u", "-b", "0", "-s", &socket, "-i", &mine].into_iter().chain(ask).collect::<Vec<_>>();
    whole(call("pmc", &words)?, "master_offset")?;
    if contender == Contender::Phc2sysChrony {
        let ask = "tracking\nsources\nsourcestats\n";
        let said = call("sh", &["-c", &format!("printf '{ask}' | chronyc -n -c -h {CHRONY_SOCKET}")])?;
        whole(said, "10.0.0.11")?;
    }
    Ok(())
}

/// The page of a web server in the contender's namespace.
fn get(address: &str, path: &str) -> Outcome<String> {
    let ask = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes())?;
        let mut said = String::new();
        stream.read_to_string(&mut said).map(|_| said)
    };
    let said = within(CONTENDER_SIDE, ask)?.map_err(because(address))?;
    if said.starts_with("HTTP/1.1 200 ") { Ok(said) } else { Err(format!("{address}{path}: {said}")) }
}

/// The device of an interface's PHC, `/dev/ptp1`.
///
/// # Errors
/// That it has none.
pub fn phc_of(namespace: &str, interface: &str) -> Outcome<String> {
    phc_in(interface, &call("ip", &["netns", "exec", namespace, "ethtool", "-T", interface])?)
}

/// The same in the namespace where we are.
///
/// # Errors
/// As [`phc_of`].
pub fn phc_of_here(interface: &str) -> Outcome<String> {
    phc_in(interface, &call("ethtool", &["-T", interface])?)
}

fn phc_in(interface: &str, said: &str) -> Outcome<String> {
    let line = said.lines().find(|line| line.contains("PTP Hardware Clock") || line.contains("provider index"));
    let number = line.and_then(|line| line.split_whitespace().last()?.parse::<u32>().ok());
    number.map(|number| format!("/dev/ptp{number}")).ok_or_else(|| format!("{interface} has no PHC: {said}"))
}

fn start_ours(scenario: &Scenario, folder: &Path) -> Outcome<Vec<Process>> {
    let state = folder.join("state");
    let runtime = Path::new(STATUS_SOCKET).parent().expect("it has a folder");
    for folder in [&state, runtime] {
        fs::create_dir_all(folder).map_err(because(folder.display()))?;
    }
    // What an earlier scenario left is not this one's.
    let _ = fs::remove_file(LEAP_LIST);
    if let Some(list) = &scenario.synchronome.leap_list {
        fs::write(LEAP_LIST, list).map_err(because(LEAP_LIST))?;
    }
    let config = configuration(scenario);
    let http = if scenario.scrape_every_s.is_some() { METRICS } else { "off" };
    let mut observe = format!(
        "\n[observe]\nhttp = \"{http}\"\nruntime_directory = \"{}\"\nstate_directory = \"{}\"\n",
        runtime.display(),
        state.display()
    );
    let phc2sys = &scenario.synchronome.phc2sys;
    if !phc2sys.is_empty() {
        let _ = writeln!(observe, "ptp_management = \"{MANAGEMENT}\"");
    }
    let file = folder.join("synchronome.toml");
    fs::write(&file, config + &observe).map_err(because(file.display()))?;
    let line = words(&format!("{LAB}/synchronome run --config {}", file.display()));
    let mut processes = vec![Process::start("synchronome", CONTENDER_SIDE, &line, folder)?];
    if !phc2sys.is_empty() {
        // It waits for who it asks, as it does for ptp4l.
        let mut line = words(&format!("phc2sys -m -q -z {MANAGEMENT}"));
        line.extend(phc2sys.iter().cloned());
        processes.push(Process::start("phc2sys", CONTENDER_SIDE, &line, folder)?);
    }
    Ok(processes)
}

/// The configuration of our daemon without `[observe]`.
fn configuration(scenario: &Scenario) -> String {
    if let Some(config) = &scenario.synchronome.config {
        return config.clone();
    }
    let system = match scenario.steer {
        Steer::Phc => "observe",
        Steer::System => "discipline",
    };
    let ours = &scenario.synchronome;
    let mut config =
        format!("[clock]\nsystem = \"{system}\"\nphc = \"all\"\n{}\n[servo]\n{}\n", ours.clock, ours.servo);
    for interface in interfaces(scenario) {
        let (transport, more) = (scenario.transport.word(), &scenario.synchronome.ptp);
        let _ = write!(config, "\n[[ptp]]\ninterface = \"{interface}\"\ntransport = \"{transport}\"\n");
        let role = if scenario.behind { "auto" } else { "slave" };
        let _ = write!(config, "timestamps = \"hardware\"\nrole = \"{role}\"\n{more}\n");
    }
    for address in scenario.ntp_servers() {
        let _ = write!(config, "\n[[ntp.source]]\naddress = \"{address}\"\npoll = {NTP_POLL}\n");
    }
    config
}

/// When ptp4l first selected a foreign master, in seconds of CLOCK_MONOTONIC: `ptp4l[13.285]: selected best master`.
pub fn selected_at(log: &str) -> Option<f64> {
    let line = log.lines().find(|line| line.contains("selected best master clock"))?;
    line.split_once('[')?.1.split_once(']')?.0.parse().ok()
}

/// How often a port of ptp4l became FAULTY.
pub fn faulty(log: &str) -> u64 {
    log.lines().filter(|line| line.contains(" to FAULTY")).count() as u64
}

/// How many summaries or measurements of linuxptp there are.
pub fn summaries(log: &str) -> u64 {
    log.lines().filter(|line| line.contains(" rms ") || line.contains("master offset")).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
ptp4l[11.772]: selected local clock 027068.fffe.630001 as best master
ptp4l[13.285]: selected best master clock 027068.fffe.630000
ptp4l[14.535]: port 1 (phv1): UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED
ptp4l[63.796]: rms    0 max   -0 freq -35000 +/-   0 delay  1000 +/-   0
ptp4l[64.000]: port 1 (phv1): SLAVE to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)
ptp4l[80.000]: selected best master clock 027068.fffe.630000
";

    #[test]
    fn a_log_of_ptp4l_is_understood() {
        assert_eq!((selected_at(LOG), faulty(LOG), summaries(LOG)), (Some(13.285), 1, 1));
        assert_eq!((selected_at(""), faulty(""), summaries("")), (None, 0, 0));
    }

    #[test]
    fn the_master_sends_as_many_syncs_as_are_demanded_of_us() {
        let interval = PTP4L.split_whitespace().find_map(|word| word.strip_prefix("--logSyncInterval="));
        let interval: i32 = interval.unwrap().parse().unwrap();
        assert!((2_f64.powi(-interval) - phclab::verdict::SYNCS_PER_S).abs() < 1e-12);
    }

    #[test]
    fn our_configuration_follows_the_scenario() {
        let text = "about = 'x'\nsteer = 'system'\ntransport = 'udp6'\n[[judge]]\n[synchronome]\nptp = 'domain = 3'\n";
        let config = configuration(&Scenario::parse("x", text).unwrap());
        for part in ["system = \"discipline\"", "transport = \"udp6\"", "interface = \"phv1\"", "domain = 3"] {
            assert!(config.contains(part), "{config}");
        }
        let text = "about = 'x'\nntp_servers = 2\n[[judge]]\n";
        let config = configuration(&Scenario::parse("x", text).unwrap());
        assert!(
            config.matches("[[ntp.source]]").count() == 2 && config.contains("\"10.0.0.12\"\npoll = 6"),
            "{config}"
        );
        let text = "about = 'x'\n[[judge]]\n[synchronome]\nconfig = '[clock]'\n";
        assert_eq!(configuration(&Scenario::parse("x", text).unwrap()), "[clock]");
    }
}
