//! The configuration as the daemon uses it: every option present, every value in its range.
//!
//! Plain values without behaviour. They come from [`load`](super::load), which has checked them; code that builds
//! one by hand starts from [`Config::default`], which is the configuration of an empty file.

mod ptp;
mod security;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

pub use self::ptp::{DelayMechanism, EthernetGroup, PtpConfig, PtpMarks};
pub use self::security::{SeccompMode, SecurityConfig};

use super::HostName;
use crate::discipline::helm::{HELM_SOURCES_MAX, HelmConfig, SourceKind, SourceOptions};
use crate::discipline::policy::StepPolicy;
use crate::discipline::servo::Kind;
use crate::ntp::server::{AccessList, LocalService, Prefix, RateLimit, SmearShape};
use crate::ptp::{PtpClockConfig, Role};
use crate::time::{Duration, FrequencyPpb, LogInterval, SourceId};
use crate::wire::ptp::TimeSource;

/// The most `[[ptp]]` sections in one file.
pub const PTP_PORTS_MAX: usize = 8;
/// The most addresses that the NTP server listens on.
pub const LISTEN_MAX: usize = 16;
/// The most further names by which the page may be asked for.
pub const ALLOWED_HOSTS_MAX: usize = 32;
/// The most CPUs that the NTP server's workers are spread over.
pub const SERVER_CORES_MAX: usize = 64;
/// The longest name of a network interface, in bytes (IFNAMSIZ - 1).
pub const INTERFACE_BYTES_MAX: usize = 15;
/// The most hardware clocks that can be named.
pub const PHCS_MAX: usize = 8;
/// CPU numbers are below this: what the kernel's cpu_set_t holds.
pub const CORES_MAX: usize = 1_024;

/// Everything that can be configured.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// The clock, and what may be done to it.
    pub clock: ClockConfig,
    /// The loop that corrects it.
    pub servo: ServoConfig,
    /// The PTP ports, in the order of the file; at most [`PTP_PORTS_MAX`].
    pub ptp: Vec<PtpConfig>,
    /// The NTP servers that are asked, in the order of the file.
    pub ntp_sources: Vec<NtpSourceConfig>,
    /// The reference clocks, in the order of the file.
    pub refclocks: Vec<RefclockConfig>,
    /// How several sources are judged.
    pub selection: SelectionConfig,
    /// The NTP server; `None` if it listens nowhere.
    pub ntp_server: Option<NtpServerConfig>,
    /// Cores and priorities of the threads.
    pub threads: ThreadsConfig,
    /// Logs, metrics and directories.
    pub observe: ObserveConfig,
    /// What the daemon may do once it runs.
    pub security: SecurityConfig,
    /// What is run when something happens.
    pub hooks: Vec<HookConfig>,
    /// What is kept of what the engines do.
    pub trace: TraceConfig,
}

impl Config {
    /// How each source is judged, by its row: the ports first, then the reference clocks and the NTP servers. Empty where there are
    /// ports only, and nothing to judge.
    pub fn judged(&self) -> Vec<(SourceId, SourceOptions)> {
        if self.ntp_sources.is_empty() && self.refclocks.is_empty() {
            return Vec::new();
        }
        let port = |ptp: &PtpConfig| SourceOptions {
            prefer: ptp.prefer,
            trust: ptp.trust,
            ..SourceOptions::of(SourceKind::Ptp)
        };
        let ports = self.source_ports().map(|(row, ptp)| (SourceId(row as u16), port(ptp)));
        let servers = self.ntp_sources.iter().flat_map(|source| (0..source.pool).map(|_| source.options));
        let servers = servers.enumerate().map(|(place, options)| (SourceId(NTP_SOURCE.0 + place as u16), options));
        let clocks = self.refclocks.iter().enumerate();
        let clocks = clocks.map(|(place, clock)| (SourceId(REFCLOCK_SOURCE.0 + place as u16), clock.options));
        ports.chain(clocks).chain(servers).take(HELM_SOURCES_MAX).collect()
    }
}

impl Config {
    /// The ports that may follow somebody, with their rows: one that only serves is no source.
    pub fn source_ports(&self) -> impl Iterator<Item = (usize, &PtpConfig)> {
        self.ptp.iter().enumerate().filter(|(_, port)| port.role != Role::Master)
    }

    /// portNumber of the port of this row: the ports of one clock are counted from 1 (IEEE 1588-2019 7.5.2.3), and those of another domain are another
    /// clock's.
    pub fn ptp_port_number(&self, row: usize) -> u16 {
        let clock = |port: &PtpConfig| (port.domain, port.sdo_id, port.clock_identity);
        let of = clock(&self.ptp[row]);
        self.ptp[..=row].iter().filter(|port| clock(port) == of).count() as u16
    }

    /// The reference clocks that are primary references, as PTP has it, and what they are: receivers and pulses of stratum 0. A hardware clock that
    /// somebody else keeps right is none.
    pub fn primary_references(&self) -> Vec<(SourceId, TimeSource)> {
        let is_primary = |clock: &RefclockConfig| clock.stratum == 0 && !clock.device.is_a_machines();
        let of = |clock: &RefclockConfig| match clock.device {
            RefclockDevice::Gpsd { .. } => TimeSource::GNSS,
            _ => TimeSource::OTHER,
        };
        let clocks = self.refclocks.iter().enumerate().filter(|(_, clock)| is_primary(clock));
        clocks.map(|(place, clock)| (SourceId(REFCLOCK_SOURCE.0 + place as u16), of(clock))).collect()
    }

    /// Whether a port may be master.
    pub fn serves_ptp(&self) -> bool {
        self.ptp.iter().any(|port| port.role != Role::Slave)
    }

    /// Whose seconds are numbered by whom, by their rows, where the configuration says it.
    pub fn locks(&self) -> Vec<(SourceId, SourceId)> {
        let row = |place: usize| SourceId(REFCLOCK_SOURCE.0 + place as u16);
        let named = |name: &String| self.refclocks.iter().position(|clock| clock.name == *name);
        let of = |(place, clock): (usize, &RefclockConfig)| Some((row(place), row(named(clock.lock.as_ref()?)?)));
        self.refclocks.iter().enumerate().filter_map(of).collect()
    }
}

/// The row of the first NTP server; further ones follow.
pub const NTP_SOURCE: SourceId = SourceId(0x100);
/// The row of the first reference clock.
pub const REFCLOCK_SOURCE: SourceId = SourceId(0x200);

/// Who writes the time into the machine's RTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RtcPolicy {
    /// The kernel, every eleven minutes.
    Kernel,
    /// It, and we at our end.
    Exit,
    /// Nobody: the kernel is kept from it.
    Off,
}

/// `[clock]`.
#[derive(Clone, PartialEq, Debug)]
pub struct ClockConfig {
    /// Which clock is ours.
    pub system: SystemClock,
    /// Which hardware clocks are steered. Resolved: `auto` has become one or the other.
    pub phc: PhcChoice,
    /// Whose TAI - UTC counts where a source's is not the one that is known.
    pub utc_offset: UtcOffset,
    /// How it goes through a leap second.
    pub leap: LeapMode,
    /// The list of leap seconds; empty: none.
    pub leap_file: PathBuf,
    /// What it says of itself as a PTP clock.
    pub ptp: PtpClockConfig,
    /// The hypervisor's page of time.
    pub vmclock: VmClock,
    /// Who writes the RTC.
    pub rtc: RtcPolicy,
    /// The system clock is commanded multiples of the step in which its rate goes, where that is better.
    pub dithers_itself: bool,
    /// When it may step.
    pub step: StepPolicy,
    /// LOCKED means that the error bound is at most this; 1 ns ..= 1 s. `None`: by who takes the stamps.
    pub lock_limit: Option<Duration>,
    /// The frequency error that may appear unseen while a bound ages; 0 ..= 1000 ppm.
    pub max_drift: FrequencyPpb,
    /// The largest frequency correction, either sign; 1 ppb ..= 100,000 ppm.
    pub max_frequency: FrequencyPpb,
}

/// Which clock is ours.
#[derive(Clone, PartialEq, Debug)]
pub enum SystemClock {
    /// CLOCK_REALTIME, measured and never touched.
    Observe,
    /// CLOCK_REALTIME, steered.
    Discipline,
    /// A clock in software, a function of CLOCK_REALTIME, wrong as told.
    Simulated(Simulated),
}

/// The hypervisor's page of time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum VmClock {
    /// Where there is one.
    Auto,
    /// None is looked at.
    Off,
    /// This device.
    Path(PathBuf),
}

/// Which hardware clocks are steered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PhcChoice {
    /// None: those of the ports are read.
    None,
    /// Those of the ports.
    OfPorts,
    /// These, by the names of interfaces or their `clock_name`; those of other ports are read. At most [`PHCS_MAX`].
    Named(Vec<String>),
}

/// Whose TAI - UTC counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UtcOffset {
    /// Nobody's: no UTC is taken from such a source.
    Check,
    /// The source's.
    Source,
    /// What the host knows.
    Host,
}

/// How the system clock goes through a leap second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LeapMode {
    /// The kernel makes it.
    Kernel,
    /// The daemon steps the clock.
    Step,
    /// The second is slewed away afterwards.
    Slew,
    /// Nothing is done; the offset is found and corrected.
    Ignore,
}

/// How a simulated clock is wrong.
#[derive(Clone, PartialEq, Debug)]
pub struct Simulated {
    /// What it is ahead of CLOCK_REALTIME at the start.
    pub offset: Duration,
    /// What it runs fast by.
    pub frequency: FrequencyPpb,
    /// Random walk of the frequency: s/s per square root of a second.
    pub wander: f64,
    /// Seed of the random walk.
    pub seed: u64,
    /// What the source's clock is ahead of this host's CLOCK_REALTIME, to judge the truth.
    pub reference_offset: Duration,
}

/// `[servo]`: the PI loop.
#[derive(Clone, PartialEq, Debug)]
pub struct ServoConfig {
    /// Which servo.
    pub kind: Kind,
    /// Proportional gain, 1/s; `None`: from the table by the sync interval.
    pub proportional: Option<f64>,
    /// Integral gain, 1/s^2; `None`: from the table by the sync interval.
    pub integral: Option<f64>,
    /// Measure and never correct: shows that a clock drifts.
    pub hold: bool,
}

/// One `[[ntp.source]]`.
#[derive(Clone, PartialEq, Debug)]
pub struct NtpSourceConfig {
    /// A name or an IP address.
    pub host: String,
    /// Its UDP port.
    pub port: u16,
    /// So many of its addresses are asked.
    pub pool: u8,
    /// How they are asked.
    pub poll: LogInterval,
    /// The longest that they can make us wait.
    pub poll_max: LogInterval,
    /// And the longest that we wait by ourselves; `poll` if that is not to be.
    pub poll_longest: LogInterval,
    /// More often at first.
    pub iburst: bool,
    /// A burst at each poll.
    pub burst: bool,
    /// RFC 9769.
    pub interleaved: bool,
    /// By which family of addresses.
    pub family: AddressFamily,
    /// Who takes the stamps; the card is told to only where they are wanted of it by name.
    pub timestamps: TimestampMode,
    /// How they are judged.
    pub options: SourceOptions,
    /// What is taken off the server's time.
    pub time_offset: Duration,
    /// Half of what the way from the server is longer.
    pub delay_asymmetry: Duration,
}

/// One `[[refclock]]`.
#[derive(Clone, PartialEq, Debug)]
pub struct RefclockConfig {
    /// What is read.
    pub device: RefclockDevice,
    /// What it is called.
    pub name: String,
    /// How often it is measured.
    pub poll: LogInterval,
    /// Of so many samples the median is a measurement; 1 ..= 64.
    pub samples: u8,
    /// What it is behind by.
    pub offset: Duration,
    /// Half of it is left open on either side.
    pub delay: Duration,
    /// How far off a sample may be; `None`: what it says itself, or what is usual of its kind.
    pub precision: Option<Duration>,
    /// It counts TAI.
    pub is_tai: bool,
    /// The name of the one that says which second its pulses begin.
    pub lock: Option<String>,
    /// Its stratum; 0 ..= 14.
    pub stratum: u8,
    /// The reference ID of those who follow it.
    pub reference_id: [u8; 4],
    /// How it is judged.
    pub options: SourceOptions,
}

/// What a reference clock is, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RefclockDevice {
    /// A segment of shared memory.
    Shm {
        /// Its key is 0x4e545030 and this.
        unit: u8,
    },
    /// A datagram socket that we make.
    Sock {
        /// Where.
        path: PathBuf,
    },
    /// gpsd's JSON.
    Gpsd {
        /// Where it listens.
        address: SocketAddr,
        /// The receiver that counts; `None`: any.
        device: Option<String>,
    },
    /// Pulses that the kernel stamps.
    Pps {
        /// The device.
        path: PathBuf,
        /// The falling edge begins the second.
        is_clear: bool,
    },
    /// Pulses at the input of a network card, which its PHC stamps.
    Extts {
        /// The card: an interface, or its `clock_name`.
        clock: String,
        /// The pin that shall be the input; `None`: one is it already, or the card has no pins.
        pin: Option<String>,
        /// The channel of external stamps.
        channel: u8,
        /// The falling edge begins the second.
        is_clear: bool,
    },
    /// A hardware clock.
    Phc {
        /// An interface, or its `clock_name`.
        name: String,
    },
    /// The time in the hypervisor's page.
    VmClock {
        /// The device.
        path: PathBuf,
    },
}

impl RefclockDevice {
    /// Whether it gives pulses: others say which second they begin.
    pub const fn is_pulse(&self) -> bool {
        matches!(self, Self::Pps { .. } | Self::Extts { .. })
    }

    /// Whether it is a clock that some machine keeps, and no receiver of a primary source.
    pub const fn is_a_machines(&self) -> bool {
        matches!(self, Self::Phc { .. } | Self::VmClock { .. })
    }
}

/// `[selection]`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SelectionConfig {
    /// How the helm judges.
    pub helm: HelmConfig,
    /// How fast a disagreement is slewed away.
    pub drain: FrequencyPpb,
}

/// What carries PTP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PtpTransport {
    /// UDP over IPv4 (IEEE 1588-2019 Annex C).
    Udp4,
    /// UDP over IPv6 (Annex D).
    Udp6,
    /// Directly over Ethernet (Annex E).
    Ethernet,
}

impl PtpTransport {
    /// As it stands in the configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Udp4 => "udp4",
            Self::Udp6 => "udp6",
            Self::Ethernet => "ethernet",
        }
    }
}

/// Which addresses of a name are asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AddressFamily {
    /// All, in the order of the resolver.
    Any,
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
    /// All, those of IPv4 first.
    Prefer4,
    /// All, those of IPv6 first.
    Prefer6,
}

impl AddressFamily {
    /// Whether an address is of it.
    pub const fn admits(self, address: std::net::IpAddr) -> bool {
        match self {
            Self::Any | Self::Prefer4 | Self::Prefer6 => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }

    /// Whether an address, of those that it admits, comes after the others.
    pub const fn is_second_choice(self, address: std::net::IpAddr) -> bool {
        match self {
            Self::Any | Self::V4 | Self::V6 => false,
            Self::Prefer4 => address.is_ipv6(),
            Self::Prefer6 => address.is_ipv4(),
        }
    }
}

/// Who takes a PTP port's stamps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimestampMode {
    /// The card's where it can, else the kernel's.
    Auto,
    /// The card's: a port without is waited for.
    Hardware,
    /// The kernel's, even where the card could.
    Software,
}

/// How the time of a grandmaster with ptpTimescale FALSE is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArbTimescale {
    /// As UTC.
    Utc,
    /// As TAI.
    Tai,
    /// Not at all: such a grandmaster is not followed.
    Refuse,
}

/// A place to listen on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Listen {
    /// One address, or all of one IP version (0.0.0.0, ::).
    Address(SocketAddr),
    /// All addresses of an interface.
    Interface(ListenInterface),
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Interface(interface) => write!(f, "{}:{}", interface.name, interface.port),
        }
    }
}

/// All addresses that an interface has at the time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListenInterface {
    /// Its name.
    pub name: String,
    /// The UDP port, not 0.
    pub port: u16,
}

/// What is left out of the addresses of interfaces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ListenException {
    /// All addresses of the interface of this name.
    Interface(String),
    /// Those that begin so.
    Addresses(Prefix),
}

impl fmt::Display for ListenException {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface(name) => f.write_str(name),
            Self::Addresses(prefix) => prefix.fmt(f),
        }
    }
}

/// `[ntp.server]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NtpServerConfig {
    /// Where it listens; with [`NtpServerConfig::interfaces`] 1 ..= [`LISTEN_MAX`], no two alike.
    pub listen: Vec<SocketAddr>,
    /// The interfaces on all addresses of which it listens.
    pub interfaces: Vec<ListenInterface>,
    /// What is left out of these, and of all addresses where `listen` has them.
    pub except: Vec<ListenException>,
    /// One pinned worker for each; empty: one worker, not pinned. No two alike.
    pub cores: Vec<usize>,
    /// So long after a request a worker looks for the next one without sleeping; zero: it sleeps.
    pub busy_poll: Duration,
    /// Who may ask.
    pub access: AccessList,
    /// How often; `None`: as often as they like.
    pub limit: Option<RateLimit>,
    /// So many clients are remembered by each worker.
    pub clients: usize,
    /// What is served while nobody vouches for the time.
    pub local: Option<LocalService>,
    /// How leap seconds are smeared, and for how long.
    pub smear: Option<(SmearShape, Duration)>,
}

impl NtpServerConfig {
    /// Everybody may ask there, as often as he likes, and one worker answers.
    pub fn open(listen: Vec<SocketAddr>) -> Self {
        let clients = CLIENTS_REMEMBERED;
        Self {
            listen,
            interfaces: Vec::new(),
            except: Vec::new(),
            cores: Vec::new(),
            busy_poll: Duration::ZERO,
            access: AccessList::default(),
            limit: None,
            clients,
            local: None,
            smear: None,
        }
    }
}

/// As many clients as are remembered unless the configuration says otherwise.
pub const CLIENTS_REMEMBERED: usize = 16_384;

/// `[threads]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ThreadsConfig {
    /// The threads of the PTP ports.
    pub ptp: ThreadConfig,
    /// The thread that steers the clock.
    pub discipline: ThreadConfig,
    /// The NTP server's workers; their `core` is `None` where [`NtpServerConfig::cores`] says it.
    pub server: ThreadConfig,
    /// Keep all memory resident (mlockall), so that no page fault comes between a packet and its answer.
    pub lock_memory: bool,
}

/// Where and how one kind of thread runs.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ThreadConfig {
    /// The CPU that it is pinned to; `None`: wherever the kernel likes.
    pub core: Option<usize>,
    /// SCHED_FIFO priority, 1 ..= 99; `None`: the ordinary scheduler.
    pub priority: Option<u8>,
}

/// `[observe]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ObserveConfig {
    /// Where the page, metrics and health are served over HTTP; `None`: nowhere.
    pub http: Option<SocketAddr>,
    /// Further names of this machine, by which the page may be asked for.
    pub allowed_hosts: Vec<HostName>,
    /// What is logged.
    pub log: LogLevel,
    /// Sockets and the bound page.
    pub runtime_directory: PathBuf,
    /// Where management messages of this machine are answered; `None`: nowhere.
    pub ptp_management: Option<PathBuf>,
    /// What outlives a restart: the saved frequency.
    pub state_directory: PathBuf,
    /// Under whose names metrics are shown beside our own: words of the option's row.
    pub compat_metrics: Vec<&'static str>,
}

/// `[[hook]]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HookConfig {
    /// The kinds of events: words of the option's row.
    pub events: Vec<&'static str>,
    /// The program and its arguments.
    pub exec: Vec<String>,
    /// How long a run may take.
    pub timeout: Duration,
    /// How many runs may be under way at once.
    pub running_max: u32,
    /// How many may begin in a minute.
    pub rate_max: u32,
}

/// `[trace]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TraceConfig {
    /// How much is kept in memory, in bytes; 0: nothing.
    pub keep_bytes: usize,
    /// Whether it is written to a file when something goes wrong.
    pub on_fault: bool,
    /// Where to.
    pub directory: PathBuf,
}

/// The least important messages that are logged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LogLevel {
    /// Only what needs an operator now.
    Error,
    /// And what is wrong, though the daemon goes on.
    Warn,
    /// And each change of state.
    Info,
    /// And why decisions were taken.
    Debug,
    /// And each message.
    Trace,
}
