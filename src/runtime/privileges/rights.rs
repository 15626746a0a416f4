//! Which thread needs which capability (capabilities(7)), and what for.

use std::fmt;
use std::path::Path;

use caps::Capability;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

use crate::config::{Config, PtpTransport, RefclockDevice, RtcPolicy, SystemClock, TimestampMode};
use crate::time::Duration;

/// The lowest port that is opened by default: NTP's.
const LOWEST_PORT: u16 = 123;

/// A kind of thread: all of a kind have the same rights.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ThreadKind {
    /// The main thread: opens everything, writes files, answers.
    Control,
    /// Steers the clocks; a single port goes round on it.
    Discipline,
    /// A PTP port's.
    Port,
    /// A worker of the NTP server.
    NtpServer,
    /// Asks NTP servers.
    NtpClient,
    /// Looks up names.
    Resolver,
    /// Reads reference clocks.
    Refclock,
    /// Writes a trace.
    Trace,
    /// Knows the truth of a simulated clock, or is the demo's grandmaster.
    Simulation,
}

impl ThreadKind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Control,
        Self::Discipline,
        Self::Port,
        Self::NtpServer,
        Self::NtpClient,
        Self::Resolver,
        Self::Refclock,
        Self::Trace,
        Self::Simulation,
    ];

    /// As people call it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Discipline => "discipline",
            Self::Port => "ptp",
            Self::NtpServer => "ntp-server",
            Self::NtpClient => "ntp-client",
            Self::Resolver => "resolver",
            Self::Refclock => "refclock",
            Self::Trace => "trace",
            Self::Simulation => "simulation",
        }
    }
}

/// A set of capabilities.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights(u64);

impl Rights {
    /// None.
    pub const NONE: Self = Self(0);

    /// This one alone.
    pub fn of(capability: Capability) -> Self {
        Self(capability.bitmask())
    }

    /// By the bits of `CapEff` (proc_pid_status(5)).
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits of `CapEff`.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn within(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is here and not there.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this one is among them.
    pub fn has(self, capability: Capability) -> bool {
        self.0 & capability.bitmask() != 0
    }

    /// Each.
    pub fn capabilities(self) -> impl Iterator<Item = Capability> {
        let mut all: Vec<_> = caps::all().into_iter().collect();
        all.sort_by_key(Capability::index);
        all.into_iter().filter(move |capability| self.has(*capability))
    }

    /// Their names, as `CAP_SYS_TIME`.
    pub fn names(self) -> Vec<String> {
        self.capabilities().map(|capability| capability.to_string()).collect()
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

impl fmt::Display for Rights {
    /// `CAP_SYS_TIME, CAP_NET_RAW`, or `none`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() { f.write_str("none") } else { f.write_str(&self.names().join(", ")) }
    }
}

/// A right that somebody needs, and what for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Need {
    /// Which thread.
    pub kind: ThreadKind,
    /// The capability.
    pub capability: Capability,
    /// What for: a clause.
    pub reason: &'static str,
}

/// What the machine lets everybody do, and so needs no right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Freedom {
    /// The first UDP and TCP port that everybody may open.
    pub first_port: u16,
    /// Everybody may have his own packets back with the stamps of them (`net.core.tstamp_allow_data`).
    pub stamps: bool,
    /// Everybody may lock memory.
    pub may_lock: bool,
    /// The highest real-time priority that everybody may take.
    pub priority: u8,
}

impl Freedom {
    /// Of this process on this machine.
    pub fn here() -> Self {
        let soft = |resource| getrlimit(resource).map_or(0, |(soft, _)| soft);
        Self {
            first_port: super::super::host::first_free_port(),
            stamps: super::super::host::packets_may_come_back(),
            may_lock: soft(Resource::RLIMIT_MEMLOCK) == RLIM_INFINITY,
            priority: soft(Resource::RLIMIT_RTPRIO).min(99) as u8,
        }
    }

    /// Of a daemon that is started from here: who may raise limits (CAP_SYS_RESOURCE) has raised them by the time that it counts.
    pub fn at_start() -> Self {
        let raises = super::held().is_ok_and(|held| held.has(Capability::CAP_SYS_RESOURCE));
        if raises { Self { may_lock: true, priority: 99, ..Self::here() } } else { Self::here() }
    }
}

/// All that the threads of a configuration need once they run.
pub fn needs(config: &Config, freedom: Freedom) -> Vec<Need> {
    let mut needs = Vec::new();
    let mut need = |is_needed: bool, kind, capability, reason| {
        if is_needed {
            needs.push(Need { kind, capability, reason });
        }
    };
    let disciplines = config.clock.system == SystemClock::Discipline;
    need(disciplines, ThreadKind::Discipline, Capability::CAP_SYS_TIME, "steers the system clock");
    need(
        disciplines && config.clock.rtc == RtcPolicy::Exit,
        ThreadKind::Control,
        Capability::CAP_SYS_TIME,
        "sets the RTC at the end (clock.rtc)",
    );
    let is_low = |port: u16| port != 0 && port < freedom.first_port;
    let is_udp = |transport| transport != PtpTransport::Ethernet;
    let mut ports = config.ptp.iter().filter(|port| is_udp(port.transport));
    let has_low_port = ports.any(|port| is_low(port.event_port) || is_low(port.general_port))
        || config.ntp_server.iter().flat_map(|server| &server.listen).any(|address| is_low(address.port()))
        || config.observe.http.is_some_and(|address| is_low(address.port()));
    need(
        has_low_port,
        ThreadKind::Control,
        Capability::CAP_NET_BIND_SERVICE,
        "opens ports below 1024 again when an interface or an address comes back",
    );
    need(
        config.ptp.iter().any(|port| port.transport == PtpTransport::Ethernet),
        ThreadKind::Control,
        Capability::CAP_NET_RAW,
        "opens packet sockets (ptp.transport = \"ethernet\")",
    );
    // It is whoever has opened the socket who needs it.
    let stamped = "has its own packets back with their stamps (net.core.tstamp_allow_data = 1 does without)";
    let sends = !config.ptp.is_empty();
    need(!freedom.stamps && sends, ThreadKind::Control, Capability::CAP_NET_RAW, stamped);
    need(!freedom.stamps && !config.ntp_sources.is_empty(), ThreadKind::NtpClient, Capability::CAP_NET_RAW, stamped);
    let sets_cards = config.ptp.iter().any(|port| port.timestamps != TimestampMode::Software);
    need(
        sets_cards,
        ThreadKind::Control,
        Capability::CAP_NET_ADMIN,
        "tells network cards what to stamp (ptp.timestamps = \"software\" does without)",
    );
    let polls = config.ntp_server.as_ref().is_some_and(|server| server.busy_poll > Duration::ZERO);
    need(
        polls && !sets_cards,
        ThreadKind::Control,
        Capability::CAP_NET_ADMIN,
        "looks into the cards' queues (ntp.server.busy_poll)",
    );
    need(
        config.ntp_sources.iter().any(|source| source.timestamps == TimestampMode::Hardware),
        ThreadKind::NtpClient,
        Capability::CAP_NET_ADMIN,
        "tells network cards to stamp NTP (ntp.source.timestamps = \"hardware\")",
    );
    let has = |is_it: fn(&RefclockDevice) -> bool| config.refclocks.iter().any(|clock| is_it(&clock.device));
    need(
        has(|device| matches!(device, RefclockDevice::Pps { .. })),
        ThreadKind::Refclock,
        Capability::CAP_SYS_TIME,
        "has the kernel stamp pulses (refclock of pps)",
    );
    need(
        has(|device| matches!(device, RefclockDevice::Shm { .. })),
        ThreadKind::Refclock,
        Capability::CAP_IPC_OWNER,
        "reads root's shared memory (refclock of shm, units 0 and 1)",
    );
    let is_elsewhere = |path: &Path| !path.starts_with(&config.observe.runtime_directory);
    need(
        config
            .refclocks
            .iter()
            .any(|clock| matches!(&clock.device, RefclockDevice::Sock { path } if is_elsewhere(path))),
        ThreadKind::Refclock,
        Capability::CAP_DAC_OVERRIDE,
        "makes its socket where only root may (refclock.path outside of observe.runtime_directory)",
    );
    need(
        config.observe.ptp_management.is_some(),
        ThreadKind::Control,
        Capability::CAP_DAC_OVERRIDE,
        "answers root's pmc, into whose socket nobody else may write (observe.ptp_management)",
    );
    let priorities =
        [config.threads.ptp, config.threads.discipline, config.threads.server].map(|thread| thread.priority);
    need(
        priorities.into_iter().flatten().max().is_some_and(|most| most > freedom.priority),
        ThreadKind::Control,
        Capability::CAP_SYS_NICE,
        "starts threads with a real-time priority (LimitRTPRIO= does without)",
    );
    if config.threads.lock_memory && !freedom.may_lock {
        for kind in ThreadKind::ALL {
            need(
                true,
                kind,
                Capability::CAP_IPC_LOCK,
                "keeps new memory resident too (LimitMEMLOCK=infinity does without)",
            );
        }
    }
    needs
}

/// What does not work without a right, and what does: of those without which the daemon runs all the same. Of others who misses one says so himself.
const WITHOUT: [(Capability, &str); 3] = [
    (Capability::CAP_NET_BIND_SERVICE, "ports below 1024 (PTP 319/320, NTP 123) cannot be opened; ports above can"),
    (
        Capability::CAP_SYS_TIME,
        "no clock of this machine may be adjusted; everything is measured, and the right time is served all the same",
    ),
    (Capability::CAP_SYS_NICE, "no real-time priority; the threads run at normal priority"),
];

/// A right that is wanted and not there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lack {
    /// The capability.
    pub capability: Capability,
    /// What does not work without it, and what does: a clause.
    pub without: &'static str,
}

/// The rights without which less works, of a configuration; `None`: of any.
pub fn wanted(config: Option<&Config>, freedom: Freedom) -> Vec<Lack> {
    let needs = config.map(|config| needs(config, freedom));
    let is_wanted = |capability| match &needs {
        Some(needs) => needs.iter().any(|need| need.capability == capability),
        None => capability != Capability::CAP_NET_BIND_SERVICE || freedom.first_port > LOWEST_PORT,
    };
    let all = WITHOUT.map(|(capability, without)| Lack { capability, without });
    all.into_iter().filter(|lack| is_wanted(lack.capability)).collect()
}

/// Those of them that this process had not at its start, each in a sentence.
pub fn lacking(config: &Config) -> Vec<String> {
    let had = match super::standing() {
        Some(standing) => standing.had,
        // What is not known is not missing.
        None => super::held().unwrap_or(Rights::from_bits(u64::MAX)),
    };
    let lacks = wanted(Some(config), Freedom::at_start()).into_iter().filter(|lack| !had.has(lack.capability));
    lacks.map(|Lack { capability, without }| format!("{capability}: {without}")).collect()
}

/// What the needs of one kind of thread add up to.
pub fn rights_of(kind: ThreadKind, needs: &[Need]) -> Rights {
    let those = needs.iter().filter(|need| need.kind == kind);
    those.fold(Rights::NONE, |rights, need| rights.with(Rights::of(need.capability)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    const NOTHING_FREE: Freedom = Freedom { first_port: 1_024, stamps: true, may_lock: false, priority: 0 };

    /// What each kind of thread needs, those that need nothing left out.
    fn rights(text: &str, freedom: Freedom) -> Vec<(&'static str, String)> {
        let needs = needs(&load(text, "test").unwrap().config, freedom);
        let all = ThreadKind::ALL.map(|kind| (kind.word(), rights_of(kind, &needs)));
        all.into_iter()
            .filter(|(_, rights)| !rights.is_empty())
            .map(|(word, rights)| (word, rights.to_string()))
            .collect()
    }

    #[test]
    fn each_thread_needs_what_the_configuration_has_it_do_and_those_that_hear_strangers_nothing() {
        let unlocked = "[threads]\nlock_memory = false\n";
        assert_eq!(rights(&format!("[observe]\nhttp = \"off\"\n{unlocked}"), NOTHING_FREE), []);
        let slave = format!("[clock]\nsystem = \"discipline\"\n[[ptp]]\ninterface = \"eth0\"\n{unlocked}");
        let kept = "CAP_NET_BIND_SERVICE, CAP_NET_ADMIN".to_owned();
        assert_eq!(rights(&slave, NOTHING_FREE), [("control", kept), ("discipline", "CAP_SYS_TIME".to_owned())]);
        let free = Freedom { first_port: 0, ..NOTHING_FREE };
        let software = format!("[[ptp]]\ninterface = \"eth0\"\ntimestamps = \"software\"\n{unlocked}");
        assert_eq!(rights(&software, free), []);
        let ethernet =
            format!("[[ptp]]\ninterface = \"eth0\"\ntransport = \"ethernet\"\ntimestamps = \"software\"\n{unlocked}");
        assert_eq!(rights(&ethernet, NOTHING_FREE), [("control", "CAP_NET_RAW".to_owned())]);
        let exit = "[clock]\nsystem = \"discipline\"\nrtc = \"exit\"\n[threads]\nlock_memory = false\ndiscipline = { priority = 5 }\n";
        let kept = "CAP_SYS_NICE, CAP_SYS_TIME".to_owned();
        assert_eq!(rights(exit, NOTHING_FREE), [("control", kept), ("discipline", "CAP_SYS_TIME".to_owned())]);
        let limits = Freedom { priority: 10, ..NOTHING_FREE };
        assert_eq!(rights(exit, limits)[0].1, "CAP_SYS_TIME", "the limit lets everybody have that priority");
        let kept_back = Freedom { stamps: false, ..free };
        assert_eq!(rights(&software, kept_back), [("control", "CAP_NET_RAW".to_owned())]);
        let clocks = format!(
            "[[refclock]]\nkind = \"pps\"\nlock = \"SHM 0\"\n[[refclock]]\nkind = \"shm\"\n\
             [[refclock]]\nkind = \"sock\"\npath = \"/run/chrony.x.sock\"\n{unlocked}"
        );
        assert_eq!(
            rights(&clocks, NOTHING_FREE),
            [("refclock", "CAP_DAC_OVERRIDE, CAP_IPC_OWNER, CAP_SYS_TIME".to_owned())]
        );
        let own = format!("[[refclock]]\nkind = \"sock\"\npath = \"/run/synchronome/x.sock\"\n{unlocked}");
        assert_eq!(rights(&own, NOTHING_FREE), []);
        // Who may not lock memory without the right keeps it in each thread, since each may start another.
        assert_eq!(rights("", NOTHING_FREE).len(), ThreadKind::ALL.len());
        assert_eq!(rights("", Freedom { may_lock: true, ..NOTHING_FREE }), []);
    }

    #[test]
    fn a_set_is_named_in_the_order_of_the_kernels_numbers() {
        let both = Rights::of(Capability::CAP_SYS_TIME).with(Rights::of(Capability::CAP_NET_RAW));
        assert_eq!((both.to_string().as_str(), both.bits()), ("CAP_NET_RAW, CAP_SYS_TIME", 1 << 25 | 1 << 13));
        assert_eq!(both.without(Rights::of(Capability::CAP_SYS_TIME)).names(), ["CAP_NET_RAW"]);
        assert_eq!(Rights::NONE.to_string(), "none");
    }

    #[test]
    fn what_is_wanted_is_what_the_configuration_needs_and_says_what_works_without() {
        let names = |text: Option<&str>, freedom| {
            let config = text.map(|text| load(text, "test").unwrap().config);
            let wanted = wanted(config.as_ref(), freedom);
            assert!(wanted.iter().all(|lack| !lack.without.is_empty()));
            wanted.into_iter().map(|lack| lack.capability.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(names(None, NOTHING_FREE), ["CAP_NET_BIND_SERVICE", "CAP_SYS_TIME", "CAP_SYS_NICE"]);
        assert_eq!(names(None, Freedom { first_port: 0, ..NOTHING_FREE }), ["CAP_SYS_TIME", "CAP_SYS_NICE"]);
        let observing = "[[ptp]]\ninterface = \"eth0\"\n";
        assert_eq!(names(Some(observing), NOTHING_FREE), ["CAP_NET_BIND_SERVICE"], "who observes sets no clock");
        let disciplining = "[clock]\nsystem = \"discipline\"\n[threads]\nptp = { priority = 5 }\n";
        assert_eq!(names(Some(disciplining), NOTHING_FREE), ["CAP_SYS_TIME", "CAP_SYS_NICE"]);
    }
}
