//! Who speaks PTP on a wire, and why a port would not hear him.

use std::fmt;
use std::time::Duration as Wait;

use super::checks::{
    Finding, Grade, PTP_DOMAIN, PTP_FIREWALL, PTP_NO_ANNOUNCE, PTP_NO_SYNC, PTP_SDO_ID, PTP_SILENCE, PTP_TRANSPORT,
    PTP_UTC_OFFSET, PTP_VERSION, PTP_VLAN,
};
use crate::clock::HostClock;
use crate::net::{Carried, Listener, Transport};
use crate::time::Duration;
use crate::wire::ptp::{Body, VERSION_PTP, parse};

/// So many clocks on one wire are told apart.
const TALKERS_MAX: usize = 64;
/// Frames taken before time is looked at again.
const FRAMES_MAX: usize = 256;
/// Fewer messages than this prove no firewall.
const ENOUGH: u64 = 3;
/// Between two looks at the socket: nothing here needs to be quick.
const LOOK_EVERY: Wait = Wait::from_millis(20);

/// How somebody speaks: who does not speak so too does not hear him.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Manner {
    /// As in the configuration: `udp4`, `udp6`, `ethernet`.
    pub transport: &'static str,
    /// The VLAN of the tag; `None`: there is none.
    pub vlan: Option<u16>,
    /// versionPTP.
    pub version: u8,
    /// domainNumber.
    pub domain: u8,
    /// sdoId.
    pub sdo_id: u16,
}

impl fmt::Display for Manner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transport, vlan, version, domain, sdo_id } = self;
        write!(f, "{transport}")?;
        if let Some(vlan) = vlan {
            write!(f, ", VLAN {vlan}")?;
        }
        if *version != VERSION_PTP {
            return write!(f, ", PTP version {version}");
        }
        write!(f, ", domain {domain}, sdoId {sdo_id:#05x}")
    }
}

/// What an Announce says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Announced {
    /// grandmasterIdentity.
    pub grandmaster: String,
    /// clockClass.
    pub class: u8,
    /// stepsRemoved.
    pub steps_removed: u16,
    /// ptpTimescale: it sends TAI.
    pub ptp_timescale: bool,
    /// currentUtcOffset, where it is valid.
    pub utc_offset: Option<i16>,
}

/// Somebody on the wire.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Talker {
    /// How he speaks.
    pub manner: Manner,
    /// sourcePortIdentity; empty of another version.
    pub port: String,
    /// minorVersionPTP.
    pub minor_version: u8,
    /// His Announce.
    pub announces: u64,
    /// The last of them.
    pub announced: Option<Announced>,
    /// His Sync.
    pub syncs: u64,
    /// All else.
    pub others: u64,
}

impl Talker {
    /// Whether he gives time, or says so; of another version that is not known.
    pub fn is_master(&self) -> bool {
        self.announces > 0 || self.syncs > 0 || self.manner.version != VERSION_PTP
    }
}

/// All that was heard on an interface.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Heard {
    /// Everybody.
    pub talkers: Vec<Talker>,
    /// Messages by UDP over IPv4 without a tag that arrived at the interface.
    pub arrived: u64,
    /// And were delivered by the host, to us or to a daemon of ours; `None`: that could not be seen, since somebody else has PTP's ports.
    pub delivered: Option<u64>,
    /// Why nothing could be heard.
    pub problem: Option<String>,
    /// For so long it was listened.
    pub during: Duration,
}

impl Heard {
    /// Listens for a while, and sends nothing but what joins the groups.
    pub fn listen(interface: &str, during: Duration) -> Self {
        let mut heard = Self { during, ..Self::default() };
        let mut listener = match Listener::open(interface) {
            Ok(listener) => listener,
            Err(error) => return Self { problem: Some(error.to_string()), ..heard },
        };
        let until = HostClock.mono() + during;
        while HostClock.mono() < until {
            for _ in 0..FRAMES_MAX {
                match listener.receive(|carried| heard.take(&carried)) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => return Self { problem: Some(error.to_string()), ..heard },
                }
            }
            if listener.sees_delivery() {
                *heard.delivered.get_or_insert(0) += listener.take_delivered();
            }
            std::thread::sleep(LOOK_EVERY);
        }
        heard
    }

    /// A message.
    pub fn take(&mut self, carried: &Carried<'_>) {
        let transport = match carried.transport {
            Transport::Udp4 => "udp4",
            Transport::Udp6 { .. } => "udp6",
            Transport::Ethernet => "ethernet",
        };
        let vlan = carried.vlan;
        self.arrived += u64::from(carried.transport == Transport::Udp4 && vlan.is_none());
        let manner = Manner { transport, vlan, version: VERSION_PTP, domain: 0, sdo_id: 0 };
        let Ok(message) = parse(carried.message) else {
            // Of the first version there is this much to tell (IEEE 1588-2002: versionPTP is the second octet).
            let version = carried.message.get(1).map_or(0, |octet| octet & 0x0f);
            if (1..VERSION_PTP).contains(&version)
                && let Some(talker) = self.talker(Manner { version, ..manner }, String::new())
            {
                talker.others += 1;
            }
            return;
        };
        let header = &message.header;
        let manner = Manner { domain: header.domain_number, sdo_id: header.sdo_id, ..manner };
        let Some(talker) = self.talker(manner, header.source_port_identity.to_string()) else { return };
        talker.minor_version = header.minor_version_ptp;
        match &message.body {
            Body::Announce(announce) => {
                talker.announces += 1;
                talker.announced = Some(Announced {
                    grandmaster: announce.grandmaster_identity.to_string(),
                    class: announce.grandmaster_clock_quality.clock_class,
                    steps_removed: announce.steps_removed,
                    ptp_timescale: header.flags.ptp_timescale(),
                    utc_offset: header.flags.current_utc_offset_valid().then_some(announce.current_utc_offset),
                });
            }
            Body::Sync(_) => talker.syncs += 1,
            _ => talker.others += 1,
        }
    }

    fn talker(&mut self, manner: Manner, port: String) -> Option<&mut Talker> {
        let known = self.talkers.iter().position(|talker| talker.manner == manner && talker.port == port);
        if known.is_none() && self.talkers.len() < TALKERS_MAX {
            let (minor_version, announces, announced, syncs, others) = (0, 0, None, 0, 0);
            self.talkers.push(Talker { manner, port, minor_version, announces, announced, syncs, others });
            return self.talkers.last_mut();
        }
        self.talkers.get_mut(known?)
    }

    /// What a port finds here that would hear only who speaks in its own manner.
    pub fn judge(&self, ours: &Manner) -> Vec<Finding> {
        if let Some(problem) = &self.problem {
            let message = "It was not listened for PTP, so that nothing is known of it.";
            let remedy = "run doctor as root, or with CAP_NET_RAW; the interface must be up";
            return vec![PTP_SILENCE.warn(problem, message).remedy(remedy)];
        }
        let masters: Vec<_> = self.talkers.iter().filter(|talker| talker.is_master()).collect();
        let same: Vec<_> = masters.iter().copied().filter(|talker| talker.manner == *ours).collect();
        if let Some(nearest) = masters.iter().min_by_key(|talker| differences(&talker.manner, ours).len())
            && same.is_empty()
        {
            return differences(&nearest.manner, ours);
        }
        if same.is_empty() {
            let requests: u64 = self.talkers.iter().map(|talker| talker.others).sum();
            let during = self.during;
            return vec![if requests > 0 {
                let value = format!("no Announce and no Sync in {during}, and {requests} other messages");
                PTP_SILENCE.fail(value, "Others ask for the time here too, and nobody gives it.")
            } else {
                PTP_SILENCE.fail(format!("nothing in {during}"), "No PTP message arrives, by whatever transport.")
            }];
        }
        let (of_masters, firewall) = (self.of_masters(&same), self.firewall(ours));
        // That the card hears a master is no comfort where the host does not.
        let is_kept_out = firewall.as_ref().is_some_and(|finding| finding.status != Grade::Ok);
        let mut found: Vec<_> =
            Some(of_masters).filter(|heard| heard.status != Grade::Ok || !is_kept_out).into_iter().collect();
        found.extend(firewall);
        found.extend(same.iter().filter_map(|talker| utc_offset(talker)));
        found
    }

    /// Whether one of them gives all that a master gives.
    fn of_masters(&self, same: &[&Talker]) -> Finding {
        let count = |count: fn(&Talker) -> u64| same.iter().copied().map(count).sum::<u64>();
        let (announces, syncs) = (count(|talker| talker.announces), count(|talker| talker.syncs));
        let value = format!("{announces} Announce, {syncs} Sync in {}", self.during);
        if announces == 0 {
            return PTP_NO_ANNOUNCE.fail(value, "Without Announce nobody says which clock that is.");
        }
        if syncs == 0 {
            return PTP_NO_SYNC.fail(value, "A master is there and sends no time.");
        }
        let named = same.iter().find_map(|talker| Some((talker.port.as_str(), talker.announced.as_ref()?)));
        let (port, grandmaster) = named.map_or(("", ""), |(port, announced)| (port, &announced.grandmaster));
        PTP_SILENCE.ok(format!("{value}, from {port}, grandmaster {grandmaster}"))
    }

    fn firewall(&self, ours: &Manner) -> Option<Finding> {
        let delivered = self.delivered.filter(|_| ours.transport == "udp4" && self.arrived >= ENOUGH)?;
        let value = format!("{} messages arrived, {delivered} were delivered", self.arrived);
        Some(if delivered == 0 {
            PTP_FIREWALL.fail(value, "A firewall of this host drops them.")
        } else {
            PTP_FIREWALL.ok(value)
        })
    }
}

/// A finding for each way in which another manner is not ours.
fn differences(theirs: &Manner, ours: &Manner) -> Vec<Finding> {
    let mut found = Vec::new();
    if theirs.vlan != ours.vlan {
        found.push(match theirs.vlan {
            Some(vlan) => PTP_VLAN
                .fail(format!("VLAN {vlan}: {theirs}"), "The card hands them to the VLAN, and not to this interface.")
                .remedy(format!(
                    "`ip link add link IF name IF.{vlan} type vlan id {vlan}`, and ptp.interface = \"IF.{vlan}\""
                )),
            None => PTP_VLAN.fail(format!("no VLAN: {theirs}"), "They come without the VLAN's tag."),
        });
    }
    if theirs.transport != ours.transport {
        found.push(
            PTP_TRANSPORT
                .fail(theirs.to_string(), "Its messages come by another transport.")
                .limit(format!("ptp.transport = \"{}\"", ours.transport))
                .remedy(format!("ptp.transport = \"{}\", or let the master use ours", theirs.transport)),
        );
    }
    if theirs.version != ours.version {
        found.push(PTP_VERSION.fail(theirs.to_string(), "A master of another version is there."));
        // What it says beside means something else.
        return found;
    }
    if theirs.domain != ours.domain {
        found.push(
            PTP_DOMAIN
                .fail(theirs.to_string(), "A master is there, in another domain.")
                .limit(format!("domain {}", ours.domain))
                .remedy(format!("ptp.domain = {}, or let the master be in ours", theirs.domain)),
        );
    }
    if theirs.sdo_id != ours.sdo_id {
        found.push(
            PTP_SDO_ID
                .fail(theirs.to_string(), "A master is there, of another sdoId (transportSpecific).")
                .limit(format!("sdoId {:#05x}", ours.sdo_id))
                .remedy(format!("ptp.sdo_id = {:#05x}; 0x100 is gPTP (ptp.profile = \"gptp\")", theirs.sdo_id)),
        );
    }
    found
}

fn utc_offset(talker: &Talker) -> Option<Finding> {
    let announced = talker.announced.as_ref().filter(|announced| announced.ptp_timescale)?;
    let of = announced.grandmaster.clone();
    Some(match announced.utc_offset {
        Some(offset) => PTP_UTC_OFFSET.ok(format!("{of}: {offset} s")),
        None => PTP_UTC_OFFSET.warn(
            format!("{of}: currentUtcOffsetValid is not set"),
            "It sends TAI and does not say what UTC is: the kernel or the list of leap seconds must know it.",
        ),
    })
}
