//! The table of checks: what `doctor` looks at, what must be so, and what to do where it is not.
//!
//! It is the one truth: findings take their limit and remedy from it unless they know better, the manual's table is made from it, and a
//! test asserts that each row has a case that provokes it.

use serde::Serialize;

/// How a check went.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Debug)]
#[serde(rename_all = "UPPERCASE")]
pub enum Grade {
    /// As it should be.
    Ok,
    /// It works, and may not go on working, or not as well as it could.
    Warn,
    /// It does not work.
    Fail,
}

impl Grade {
    /// Six characters, as in the text.
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Ok => "[ OK ]",
            Self::Warn => "[WARN]",
            Self::Fail => "[FAIL]",
        }
    }
}

/// A row of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Check {
    /// Its name, the same in every version.
    pub name: &'static str,
    /// What is looked at.
    pub looks_at: &'static str,
    /// What must be.
    pub limit: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// What a check has found.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct Finding {
    /// The check's name.
    pub check: &'static str,
    /// How it went.
    pub status: Grade,
    /// Which of several it is about: an interface, a source, an option.
    pub about: Option<String>,
    /// What was found.
    pub value: String,
    /// What must be.
    pub limit: String,
    /// What it means, one sentence; empty where all is well.
    pub message: String,
    /// What to do; empty where nothing need be done.
    pub remedy: String,
}

impl Check {
    /// As it should be.
    pub fn ok(&self, value: impl Into<String>) -> Finding {
        self.finding(Grade::Ok, value.into(), String::new(), "")
    }

    /// It may not go on working.
    pub fn warn(&self, value: impl Into<String>, message: impl Into<String>) -> Finding {
        self.finding(Grade::Warn, value.into(), message.into(), self.remedy)
    }

    /// It does not work.
    pub fn fail(&self, value: impl Into<String>, message: impl Into<String>) -> Finding {
        self.finding(Grade::Fail, value.into(), message.into(), self.remedy)
    }

    fn finding(&self, status: Grade, value: String, message: String, remedy: &str) -> Finding {
        let (limit, remedy) = (self.limit.to_owned(), remedy.to_owned());
        Finding { check: self.name, status, about: None, value, limit, message, remedy }
    }
}

impl Finding {
    /// It is about one of several.
    pub fn of(self, about: impl Into<String>) -> Self {
        Self { about: Some(about.into()), ..self }
    }

    /// More is known of what must be.
    pub fn limit(self, limit: impl Into<String>) -> Self {
        Self { limit: limit.into(), ..self }
    }

    /// More is known of what to do.
    pub fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: remedy.into(), ..self }
    }
}

/// Writes each row as a constant, and all of them as one table.
macro_rules! checks {
    ($($row:ident = $name:literal, $looks_at:literal, $limit:literal, $remedy:literal;)*) => {
        $(pub const $row: Check = Check { name: $name, looks_at: $looks_at, limit: $limit, remedy: $remedy };)*

        /// All rows, in the order of the manual.
        #[cfg(test)]
        pub const CHECKS: &[Check] = &[$($row),*];
    };
}

checks! {
    CLOCKSOURCE = "clocksource",
        "the counter under all clocks of the kernel (`/sys/devices/system/clocksource`)",
        "tsc, the hypervisor's, or the counter of the architecture",
        "`dmesg | grep -i tsc` says why the kernel gave it up; boot with `tsc=reliable` only if the processor's is, or update firmware and kernel";
    RIVAL = "rival",
        "running programs that steer clocks, by name and right (`/proc`)",
        "none beside the daemon",
        "stop it, and keep it from starting again";
    VMWARE_PERIODIC = "vmware-periodic-sync",
        "the periodic synchronisation of VMware Tools (`vmware-toolbox-cmd timesync status`)",
        "Disabled",
        "vmware-toolbox-cmd timesync disable";
    VMWARE_ONE_OFF = "vmware-one-off-sync",
        "whether VMware Tools run, which set the clock at a resume, a move, a restored snapshot or their own start also where the periodic synchronisation is off",
        "known and wanted, or off",
        "in the machine's .vmx: tools.syncTime, time.synchronize.continue, .restore, .resume.disk, .resume.host, .shrink, .tools.startup and .tools.enable = \"FALSE\"";
    HYPERV_TIMESYNC = "hyperv-timesync",
        "Hyper-V's time synchronisation, taken by hv_utils (`/sys/bus/vmbus`)",
        "known and wanted, or off",
        "on the host: Disable-VMIntegrationService -VMName NAME -Name \"Time Synchronization\"; the PHC of the hypervisor goes with it";
    QEMU_GUEST_AGENT = "qemu-guest-agent",
        "whether a host may set this machine's clock by qemu-ga",
        "guest-set-time blocked",
        "start it with --block-rpcs=guest-set-time (before QEMU 7.2: --blacklist)";
    CAPABILITIES = "capabilities",
        "the rights of the daemon's threads together, or of this command where none runs (`CapEff`)",
        "CAP_SYS_TIME, CAP_NET_BIND_SERVICE, CAP_SYS_NICE; with a configuration those of them that it needs",
        "run it as root, or give them with AmbientCapabilities= in its unit";
    PHC_DEVICE = "phc-device",
        "whether each PHC of the kernel has its device",
        "/dev/ptpN of each, to be opened",
        "a container is given it with `--device /dev/ptpN`; elsewhere udev makes it, and its group may open it";
    LEAP_TABLE = "leap-table",
        "the list of leap seconds (`clock.leap_file`) and TAI - UTC of the kernel",
        "there, of today, and the same",
        "update tzdata, or name a newer list: clock.leap_file";
    PORT_TAKEN = "port-taken",
        "who has UDP ports 123, 319 and 320 open (`/proc/net/udp`)",
        "nobody but the daemon",
        "stop that program";
    CONFIG = "config",
        "the configuration by itself, its profiles included",
        "no error",
        "`synchronome check FILE` shows each error with its line";
    CONFIG_MACHINE = "config-machine",
        "what the configuration names and the machine has: interfaces, cards that stamp, bonds, addresses, CPUs, devices",
        "all of it there",
        "name what there is, or bring it up";
    SOURCES_ENOUGH = "sources-enough",
        "how many sources are judged together",
        "3 or more: two may contradict each other, and nobody knows which lies",
        "name more servers of different operators: ntp.source";
    LEAP_SMEAR = "leap-smear",
        "servers that are known to smear leap seconds, beside sources that do not",
        "all smear, or none",
        "ask only the ones or the others: for a day around a leap second they differ by up to a second";
    DAEMON = "daemon",
        "whether the daemon answers on its socket",
        "it answers, where there is a socket",
        "look at its log; `systemctl restart synchronome`";
    HEALTH = "health",
        "the verdict of `synchronome health`: state, error bound, age of the last sample, threads",
        "synchronised, and the bound inside the limit",
        "the other findings say what is behind it; `synchronome why`";
    LACKS = "daemon-lacks",
        "what the daemon says that it does without",
        "nothing",
        "give it what it names";
    PTP_PORT = "ptp-port",
        "whether each PTP port runs",
        "an interface that is up, with an address and a link",
        "bring the interface up, or name another one: ptp.interface";
    PTP_SILENCE = "ptp-silence",
        "whether any PTP message arrives at a port that may follow",
        "some",
        "let UDP 319 and 320 in (nft list ruleset), let the switch forward the group (IGMP snooping, VLAN), compare ptp.transport with the master's";
    PTP_FIREWALL = "ptp-firewall",
        "PTP messages that reach the card, and not the sockets of this host",
        "what reaches the card is delivered",
        "let UDP ports 319 and 320 in on that interface: `nft insert rule inet filter input udp dport { 319, 320 } accept`";
    PTP_TRANSPORT = "ptp-transport",
        "PTP messages by another transport than the port's",
        "the port's (ptp.transport)",
        "set ptp.transport to the one that is heard, or the master's to ours";
    PTP_VLAN = "ptp-vlan",
        "PTP messages with a VLAN tag, on an interface that is to hear them without",
        "none",
        "name the VLAN's interface: `ip link add link IF name IF.ID type vlan id ID`, and ptp.interface = \"IF.ID\"";
    PTP_VERSION = "ptp-version",
        "PTP messages of another version",
        "versionPTP 2",
        "let the master speak PTPv2 (IEEE 1588-2008 or later): version 1 is not understood";
    PTP_DOMAIN = "ptp-domain",
        "PTP messages of another domain, where none of ours is heard",
        "the port's (ptp.domain)",
        "set ptp.domain to the one that is heard";
    PTP_SDO_ID = "ptp-sdo-id",
        "PTP messages of another sdoId (transportSpecific), where none of ours is heard",
        "the port's (ptp.sdo_id)",
        "set ptp.sdo_id to the one that is heard: 0x100 is gPTP (ptp.profile = \"gptp\")";
    PTP_NO_ANNOUNCE = "ptp-no-announce",
        "Sync without Announce",
        "Announce of our domain that can be followed",
        "UDP port 320 or the general group is closed on the way, or the master is configured not to announce";
    PTP_NOT_FOLLOWED = "ptp-not-followed",
        "Announce that is heard and not followed",
        "a grandmaster that may be followed",
        "compare ptp.grandmasters, ptp.acceptable_masters, stepsRemoved and the path trace; `synchronome why` has the reason";
    PTP_NO_SYNC = "ptp-no-sync",
        "Announce without Sync",
        "Sync at the master's interval",
        "UDP port 319 or the event group is closed on the way, or the master is not synchronised";
    PTP_NO_DELAY_RESP = "ptp-no-delay-resp",
        "requests for the path's delay that are not answered",
        "most are",
        "compare ptp.delay (\"e2e\" or \"p2p\") with the master's and the switches'; our requests may not arrive: UDP port 319 out";
    PTP_UTC_OFFSET = "ptp-utc-offset",
        "currentUtcOffsetValid of a grandmaster that sends TAI",
        "set",
        "let the grandmaster set it (ptp4l: utc_offset, currentUtcOffsetValid by its time source), or say whose word counts: clock.utc_offset";
    TAI_UTC = "tai-utc",
        "offsets of 37, 36, 19, 18 or 1 s between sources, and of the clock",
        "no source off by the difference of two timescales",
        "mend the source that is wrong by it: TAI, GPS time and UTC are not the same; never step it away";
    PHC_OF_PORT = "phc-of-port",
        "whether the PHC that a port's stamps are taken for is its own card's",
        "the clock of the port's card",
        "name clocks by interface, never by number; restart the daemon after cards were changed";
    PHC_TROUBLE = "phc-trouble",
        "PHCs that jump, refuse, or cannot be read",
        "none",
        "stop other programs that use the card, update its firmware and driver, or leave it out: clock.phc";
    STAMPS = "stamps",
        "who takes the stamps of each port, and why not the card",
        "the card, where it has a clock",
        "`synchronome phc list` shows what each card can do";
    STAMPS_MISSING = "stamps-missing",
        "event messages without a stamp, of those received and those sent",
        "at most 1 in 100",
        "none of one kind at all: driver or filter (`ethtool -T IF`, `hwstamp_ctl -i IF`); a few: a busy machine or card";
    STAMPS_LATE = "stamps-late",
        "transmit stamps that came 10 ms or more after their message",
        "within 10 ms",
        "the driver's worker waits for a CPU: raise its priority (`chrt -f -p 20 PID` of the ptp or igb kworker), or isolate one; the stamps are used all the same";
    SECOND_WRITER = "second-writer",
        "clocks that were set, or whose frequency was set, by another program while the daemon ran",
        "never",
        "stop it; only one program may steer a clock";
    DNS = "dns",
        "names of sources",
        "each has an address",
        "`getent ahosts NAME`: /etc/resolv.conf and the network's name server, or the name is wrong";
    NTP_SEND = "ntp-send",
        "whether requests leave this host",
        "sent",
        "`ip route get ADDRESS`: no route, or a firewall of this host forbids UDP port 123 out (nft list ruleset)";
    NTP_ANSWER = "ntp-answer",
        "whether a server answers",
        "an answer",
        "let UDP port 123 out and its answers in; the server must run, and serve this network (chrony: allow)";
    NTP_SERVER = "ntp-server",
        "what a server says of itself: synchronised, its stratum, whom it follows",
        "synchronised, and not by us",
        "on the server: chronyc tracking, ntpq -p or w32tm /query /status say whom it has lost";
    NTP_ROOT_DISTANCE = "ntp-root-distance",
        "how wrong a server says that it may be; seconds are a Windows server's",
        "less than 1.5 s",
        "on the server: LocalClockDispersion = 0 (registry, HKLM\\SYSTEM\\CurrentControlSet\\Services\\W32Time\\Config) or `w32tm /config /manualpeerlist:SERVER /syncfromflags:manual /update`; here: ntp.source.max_distance, up to 16 s";
    NTP_LOCAL_CLOCK = "ntp-local-clock",
        "servers that follow nobody but their own clock",
        "none",
        "let that server follow a source, or ask another one";
    SOURCE_AGREES = "source-agrees",
        "sources that contradict the majority, or that have none",
        "all agree",
        "look at that source first; `synchronome why` shows by how much it is off";
    SOURCE = "source",
        "every other test of `synchronome why`",
        "all pass",
        "`synchronome why`";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_has_a_name_of_its_own_in_kebab_case_and_says_everything() {
        let mut names = BTreeSet::new();
        for Check { name, looks_at, limit, remedy } in CHECKS {
            assert!(names.insert(name), "{name}");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}");
            assert!(!looks_at.is_empty() && !limit.is_empty() && !remedy.is_empty(), "{name}");
        }
    }
}
