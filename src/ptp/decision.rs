//! The state decision (IEEE 1588-2019 9.3.3, figure 33): what each port of a clock should be, as one pure function.
//!
//! Each port knows the best master that it hears, Erbest. Which of them is the best of all, Ebest, and whether the clock
//! itself, D0, is better still, only the clock as a whole can say; and so it says to each port what to be. A port that
//! cannot be told for a moment stays what it is, and a decision that is repeated changes nothing.
//!
//! Here is one thing that the standard leaves to the implementation: a clock whose own time is not known has nothing to
//! serve, and does not pretend to ([`Recommendation::Silent`]). Without that rule a boundary clock hands on the name of a
//! grandmaster whose time it does not have yet.

use super::ParentInfo;
use super::bmca::{Comparison, ComparisonRule, DataSet, compare};
use super::forward::Forwarded;
use super::frequency;
use super::serving::Announcement;
use crate::coding::Coded;
use crate::wire::ptp::{ClockAccuracy, ClockIdentity, ClockQuality, PortIdentity};

/// The highest clockClass of a clock that never becomes a slave (7.6.2.5).
pub const CLOCK_CLASS_NEVER_SLAVE_MAX: u8 = 127;

/// What a port may become (portDS.masterOnly, defaultDS.slaveOnly; 8.2.15.5.2, 8.2.1.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug, Coded)]
pub enum Role {
    /// It follows and never sends Announce or Sync.
    #[default]
    Slave,
    /// It serves and follows nobody.
    Master,
    /// What the state decision says.
    Auto,
}

impl Role {
    /// As it stands in the configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Slave => "slave",
            Self::Master => "master",
            Self::Auto => "auto",
        }
    }
}

/// By which branch of figure 33 a port is to be master.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Coded)]
pub enum MasterBy {
    /// M1: D0 never follows, and is better than what the port hears.
    M1,
    /// M2: D0 is the best of all.
    M2,
    /// M3: the clock follows by another port, and by this one nobody better is heard.
    M3,
}

/// What the state decision recommends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Coded)]
pub enum Recommendation {
    /// The clock has no time to serve: listen, and say nothing.
    Silent,
    /// BMC_MASTER.
    Master(MasterBy),
    /// BMC_SLAVE (S1) of the best that the port hears.
    Slave,
    /// BMC_PASSIVE (P1, P2).
    Passive,
}

/// What a port is told to be, and what it says if it is master.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub struct Decision {
    /// What to be.
    pub recommendation: Recommendation,
    /// What to announce as master.
    pub announcement: Announcement,
    /// Whether the time to send is TAI: as the parent's is, also where that does not say so (an ARB timescale that is read
    /// as TAI), or of a grandmaster that knows it.
    pub counts_tai: bool,
    /// What to hand on of the parent's Announce beside that.
    pub forwarded: Forwarded,
}

impl Decision {
    /// The announce intervals that a new master waits whether a better one speaks up (9.2.6.11): none by M1 and M2, one
    /// more than there are clocks before it by M3.
    pub fn qualification_intervals(&self) -> u16 {
        match self.recommendation {
            Recommendation::Master(MasterBy::M3) => self.announcement.steps_removed.saturating_add(1),
            _ => 0,
        }
    }
}

/// D0: the clock itself as a data set (table 30), to be compared with what is heard.
pub fn own_data_set(identity: ClockIdentity, own: &Announcement, rule: ComparisonRule) -> DataSet {
    let itself = PortIdentity { clock_identity: identity, port_number: 0 };
    DataSet {
        priority1: own.priority1,
        grandmaster: identity,
        quality: own.quality,
        priority2: own.priority2,
        steps_removed: 0,
        sender: itself,
        receiver: itself,
        local_rank: rule.of_own(),
    }
}

/// A port of a clock, as the decision sees it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PortView {
    /// Who it is.
    pub identity: PortIdentity,
    /// domainNumber and sdoId: ports of different domains are of different clocks, which have one time.
    pub domain: (u8, u16),
    /// What it may become.
    pub role: Role,
    /// How it compares; the ports of a domain compare alike.
    pub comparison: ComparisonRule,
    /// The best that it hears; of a port that can only follow its parent.
    pub heard: Option<DataSet>,
    /// Whom it follows.
    pub parent: Option<ParentInfo>,
    /// What it measures steers the clock.
    pub steers: bool,
    /// The parent's time is TAI, or is read as that.
    pub counts_tai: bool,
    /// What there is to be handed on of the parent's Announce.
    pub forwarded: Forwarded,
}

/// The quality of a clock that has no time to serve: that of a slave-only one, which is never better than any other.
const NO_TIME: ClockQuality =
    ClockQuality { clock_class: 255, clock_accuracy: ClockAccuracy::UNKNOWN, offset_scaled_log_variance: 0xffff };

impl PortView {
    /// What is announced by the other ports if the clock has its time by this one.
    fn handed_on(&self, own: &Announcement) -> Option<Announcement> {
        let parent = self.parent.filter(|_| self.steers && self.role != Role::Master)?;
        Some(Announcement {
            grandmaster: parent.grandmaster,
            priority1: parent.priority1,
            quality: parent.quality,
            priority2: parent.priority2,
            steps_removed: parent.steps_removed,
            time_properties: parent.time_properties,
            // Whoever is behind us cannot be surer than the parent, nor than we are.
            synchronization_uncertain: parent.synchronization_uncertain || own.synchronization_uncertain,
        })
    }
}

const fn never_follows(d0: &DataSet) -> bool {
    d0.quality.clock_class <= CLOCK_CLASS_NEVER_SLAVE_MAX
}

/// Which port of a domain follows: the one that hears the best of what can be followed.
///
/// A port that can only follow does so whatever D0 is. One that may be master as well follows only what is better than D0,
/// and never if D0 is of a class that does not follow.
fn follower<'a>(d0: &DataSet, domain: (u8, u16), ports: &'a [Option<PortView>]) -> Option<(&'a PortView, DataSet)> {
    let mut best: Option<(&PortView, DataSet)> = None;
    for port in ports.iter().flatten().filter(|port| port.domain == domain) {
        let Some(heard) = port.heard else { continue };
        let may_follow = match port.role {
            Role::Slave => true,
            Role::Master => false,
            Role::Auto => !never_follows(d0) && !compare(d0, &heard).is_better(),
        };
        if may_follow && best.as_ref().is_none_or(|(_, best)| compare(&heard, best).is_better()) {
            best = Some((port, heard));
        }
    }
    best
}

/// What a port should be that is not the one that follows (figure 33); `ebest` is what that one hears, if there is one.
fn decide(d0: &DataSet, heard: Option<&DataSet>, ebest: Option<&DataSet>) -> Recommendation {
    match (heard, ebest) {
        (Some(heard), _) if never_follows(d0) && !compare(d0, heard).is_better() => Recommendation::Passive,
        (_, None) if never_follows(d0) => Recommendation::Master(MasterBy::M1),
        (_, None) => Recommendation::Master(MasterBy::M2),
        (Some(heard), Some(ebest)) if compare(ebest, heard) == Comparison::BetterByTopology => Recommendation::Passive,
        (_, Some(_)) => Recommendation::Master(MasterBy::M3),
    }
}

/// What the port `of` should be, among all `ports` of the daemon. `own` is what the clock announces as a grandmaster, and
/// `has_time` whether it has any time to serve.
///
/// As master it announces by whom the clock is steered, whatever the comparison of data sets makes of that: a clock that
/// has found its parent to be wrong, and follows somebody else, does not hand on the parent's name.
pub fn decide_for(of: &PortView, ports: &[Option<PortView>], own: &Announcement, has_time: bool) -> Decision {
    let mut d0 = own_data_set(of.identity.clock_identity, own, of.comparison);
    if !has_time {
        (d0.priority1, d0.quality) = (u8::MAX, NO_TIME);
    }
    let follower = follower(&d0, of.domain, ports);
    let handed_on = follower.and_then(|(port, _)| port.handed_on(own));
    let recommendation = match &follower {
        Some((port, _)) if port.identity == of.identity => Recommendation::Slave,
        _ => {
            let heard = of.heard.as_ref().filter(|_| of.role == Role::Auto);
            match decide(&d0, heard, follower.as_ref().map(|(_, ebest)| ebest)) {
                Recommendation::Master(_) if !has_time => Recommendation::Silent,
                recommended => recommended,
            }
        }
    };
    let (counts_tai, forwarded) = match &follower {
        Some((port, _)) if handed_on.is_some() => (port.counts_tai, port.forwarded),
        _ => (own.time_properties.ptp_timescale, Forwarded::NONE),
    };
    let announcement = match of.comparison {
        ComparisonRule::G8265 => frequency::announced(own),
        _ => handed_on.unwrap_or(*own),
    };
    Decision { recommendation, announcement, counts_tai, forwarded }
}

#[cfg(test)]
pub(super) mod tests;
