//! The data set comparison (IEEE 1588-2019 9.3.4, figures 34 and 35), as pure functions.
//!
//! Two Announce messages are compared, each with where it came from and where it came in. Part A asks which
//! grandmaster is better; only if both tell of the same one does part B ask which way to it is. Identities compare as
//! unsigned octets, the clock's before the port's (7.5.2.4). The identity of a sender is its whole portIdentity, as
//! table 30 has it (sourcePortIdentity): of two ports of one boundary clock on our link the lower number wins.

use std::cmp::Ordering;

use crate::coding::Coded;
use crate::wire::ptp::{ClockIdentity, ClockQuality, PortIdentity};

/// How masters are compared.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Coded)]
pub enum ComparisonRule {
    /// IEEE 1588-2019 9.3.4.
    #[default]
    Ieee1588,
    /// The alternate best master clock algorithm of ITU-T G.8275.1 (6.3.7) and G.8275.2: without priority1, and with a
    /// priority that nobody else is told of.
    G8275 {
        /// portDS.localPriority: of those who are heard by the port.
        port: u8,
        /// defaultDS.localPriority: of the clock itself.
        clock: u8,
    },
    /// ITU-T G.8265.1: by the quality of the frequency, which is in the class, and then by the order of the table of masters.
    G8265,
}

/// What a data set ranks by that no message says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub enum LocalRank {
    /// Nothing: IEEE 1588.
    None,
    /// localPriority of G.8275.
    G8275(u8),
    /// Its place in the table of masters, of G.8265.1.
    G8265(u8),
}

impl ComparisonRule {
    /// Of who is heard by the port, `place` of whose table it has.
    pub const fn of_heard(self, place: u8) -> LocalRank {
        match self {
            Self::Ieee1588 => LocalRank::None,
            Self::G8275 { port, .. } => LocalRank::G8275(port),
            Self::G8265 => LocalRank::G8265(place),
        }
    }

    /// Of the clock itself.
    pub const fn of_own(self) -> LocalRank {
        match self {
            Self::Ieee1588 => LocalRank::None,
            Self::G8275 { clock, .. } => LocalRank::G8275(clock),
            Self::G8265 => LocalRank::G8265(u8::MAX),
        }
    }
}

/// The highest clockClass of a grandmaster whose identity does not matter by G.8275: any of them will do, and the nearest is
/// followed.
const CLOCK_CLASS_ANY_WILL_DO_MAX: u8 = 127;

/// What is compared (table 30).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub struct DataSet {
    /// grandmasterPriority1.
    pub priority1: u8,
    /// grandmasterIdentity.
    pub grandmaster: ClockIdentity,
    /// grandmasterClockQuality.
    pub quality: ClockQuality,
    /// grandmasterPriority2.
    pub priority2: u8,
    /// stepsRemoved, as announced.
    pub steps_removed: u16,
    /// Identity of the sender: sourcePortIdentity.
    pub sender: PortIdentity,
    /// Identity of the receiver: portIdentity of the port that it came in by.
    pub receiver: PortIdentity,
    /// What it ranks by among those that are compared by a rule of its own.
    pub local_rank: LocalRank,
}

/// How the first data set stands to the second.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Comparison {
    /// It tells of a better grandmaster, or of a clearly shorter way to the same one.
    Better,
    /// The same grandmaster by a way that is preferred only to avoid loops.
    BetterByTopology,
    /// Error-2: both are one message.
    Same,
    /// Error-1: the farther one was sent by the port that received it.
    FromSelf,
    /// The reverse of [`Comparison::BetterByTopology`].
    WorseByTopology,
    /// The reverse of [`Comparison::Better`].
    Worse,
}

impl Comparison {
    /// Whether the first one wins, by whatever reason.
    pub const fn is_better(self) -> bool {
        matches!(self, Self::Better | Self::BetterByTopology)
    }

    /// What the comparison says with its two sides exchanged.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::Better => Self::Worse,
            Self::BetterByTopology => Self::WorseByTopology,
            Self::Same => Self::Same,
            Self::FromSelf => Self::FromSelf,
            Self::WorseByTopology => Self::BetterByTopology,
            Self::Worse => Self::Better,
        }
    }

    const fn by_data(ordering: Ordering) -> Self {
        match ordering {
            Ordering::Less => Self::Better,
            Ordering::Equal => Self::Same,
            Ordering::Greater => Self::Worse,
        }
    }

    const fn by_topology(ordering: Ordering) -> Self {
        match ordering {
            Ordering::Less => Self::BetterByTopology,
            Ordering::Equal => Self::Same,
            Ordering::Greater => Self::WorseByTopology,
        }
    }
}

/// How `a` stands to `b`: part A (figure 34), and part B if both tell of one grandmaster.
///
/// Two sets with a rank of ITU-T G.8275 or G.8265.1 are compared as that has it.
pub fn compare(a: &DataSet, b: &DataSet) -> Comparison {
    match (a.local_rank, b.local_rank) {
        (LocalRank::G8275(of_a), LocalRank::G8275(of_b)) => return compare_by_g8275((a, of_a), (b, of_b)),
        (LocalRank::G8265(of_a), LocalRank::G8265(of_b)) => {
            let rank = |set: &DataSet, place| (set.quality.clock_class, place, set.sender);
            return Comparison::by_data(rank(a, of_a).cmp(&rank(b, of_b)));
        }
        _ => {}
    }
    if a.grandmaster == b.grandmaster {
        return compare_ways(a, b);
    }
    let rank = |d: &DataSet| {
        let q = d.quality;
        (d.priority1, q.clock_class, q.clock_accuracy, q.offset_scaled_log_variance, d.priority2, d.grandmaster)
    };
    Comparison::by_data(rank(a).cmp(&rank(b)))
}

/// The alternate algorithm's part A: several grandmasters of a class that is traceable are as good as one another, so the way
/// decides between these.
fn compare_by_g8275((a, of_a): (&DataSet, u8), (b, of_b): (&DataSet, u8)) -> Comparison {
    let rank = |d: &DataSet, local_priority: u8| {
        let q = d.quality;
        (q.clock_class, q.clock_accuracy, q.offset_scaled_log_variance, d.priority2, local_priority)
    };
    match rank(a, of_a).cmp(&rank(b, of_b)) {
        Ordering::Equal if a.quality.clock_class <= CLOCK_CLASS_ANY_WILL_DO_MAX => compare_ways(a, b),
        Ordering::Equal if a.grandmaster == b.grandmaster => compare_ways(a, b),
        Ordering::Equal => Comparison::by_data(a.grandmaster.cmp(&b.grandmaster)),
        unequal => Comparison::by_data(unequal),
    }
}

/// Part B (figure 35): two ways to one grandmaster.
fn compare_ways(a: &DataSet, b: &DataSet) -> Comparison {
    let (steps_a, steps_b) = (a.steps_removed, b.steps_removed);
    if steps_a.abs_diff(steps_b) > 1 {
        return Comparison::by_data(steps_a.cmp(&steps_b));
    }
    match steps_a.cmp(&steps_b) {
        Ordering::Less => nearer_by_one(b),
        Ordering::Greater => nearer_by_one(a).reversed(),
        Ordering::Equal => {
            let ways = (a.sender, a.receiver.port_number).cmp(&(b.sender, b.receiver.port_number));
            Comparison::by_topology(ways)
        }
    }
}

/// How the nearer set stands to the `farther` one, one step behind it: the identities of the farther one's ends say
/// whether its sender could have its time from us.
fn nearer_by_one(farther: &DataSet) -> Comparison {
    match farther.receiver.cmp(&farther.sender) {
        Ordering::Less => Comparison::Better,
        Ordering::Equal => Comparison::FromSelf,
        Ordering::Greater => Comparison::BetterByTopology,
    }
}

#[cfg(test)]
mod tests;
