//! The port state machine (IEEE 1588-2019 9.2.5, figures 30 and 31), as pure functions.
//!
//! Which event happens is decided elsewhere (the data set comparison, the timers, the servo), and what a state does is
//! done elsewhere; here is only what becomes of a state. All nine states are written down although a slave-only port
//! uses five of them, because a table with holes is no table.

use std::fmt;

use crate::coding::Coded;

/// portState (table 20), numbered as there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Coded)]
#[repr(u8)]
pub enum PortState {
    /// Not yet ready; sends nothing.
    Initializing = 1,
    /// Something is wrong with the port or its link; sends nothing.
    Faulty = 2,
    /// Switched off by management.
    Disabled = 3,
    /// Waits for an Announce.
    Listening = 4,
    /// Would be master, but waits a while whether a better one speaks up.
    PreMaster = 5,
    /// Sends Announce and Sync, answers Delay_Req.
    Master = 6,
    /// A better clock is reached by another way: neither master nor slave.
    Passive = 7,
    /// Follows a master whose time it has not yet taken over.
    Uncalibrated = 8,
    /// Follows a master.
    Slave = 9,
}

impl PortState {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Initializing,
        Self::Faulty,
        Self::Disabled,
        Self::Listening,
        Self::PreMaster,
        Self::Master,
        Self::Passive,
        Self::Uncalibrated,
        Self::Slave,
    ];

    /// The standard's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Initializing => "INITIALIZING",
            Self::Faulty => "FAULTY",
            Self::Disabled => "DISABLED",
            Self::Listening => "LISTENING",
            Self::PreMaster => "PRE_MASTER",
            Self::Master => "MASTER",
            Self::Passive => "PASSIVE",
            Self::Uncalibrated => "UNCALIBRATED",
            Self::Slave => "SLAVE",
        }
    }

    /// Whether event messages of the master are processed and Delay_Req are sent (9.2.5).
    pub const fn follows(self) -> bool {
        matches!(self, Self::Uncalibrated | Self::Slave)
    }
}

impl fmt::Display for PortState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// The events of 9.2.6 that change states.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Event {
    /// INITIALIZE, or power up.
    Initialize,
    /// Initialisation is complete.
    Initialized,
    /// FAULT_DETECTED.
    FaultDetected,
    /// FAULT_CLEARED.
    FaultCleared,
    /// DESIGNATED_ENABLED.
    DesignatedEnabled,
    /// DESIGNATED_DISABLED.
    DesignatedDisabled,
    /// ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES, and no other foreign master is qualified.
    AnnounceReceiptTimeout,
    /// QUALIFICATION_TIMEOUT_EXPIRES.
    QualificationTimeout,
    /// The state decision recommends BMC_MASTER (M1, M2, M3).
    RecommendedMaster,
    /// The state decision recommends BMC_SLAVE (S1), with the parent that we have.
    RecommendedSlave,
    /// The state decision recommends BMC_SLAVE (S1), with a parent that we did not have.
    RecommendedSlaveOfNewParent,
    /// The state decision recommends BMC_PASSIVE (P1, P2).
    RecommendedPassive,
    /// MASTER_CLOCK_SELECTED: the local clock follows the master.
    MasterClockSelected,
    /// SYNCHRONIZATION_FAULT: the local clock no longer follows the master.
    SynchronizationFault,
}

impl Event {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Initialize,
        Self::Initialized,
        Self::FaultDetected,
        Self::FaultCleared,
        Self::DesignatedEnabled,
        Self::DesignatedDisabled,
        Self::AnnounceReceiptTimeout,
        Self::QualificationTimeout,
        Self::RecommendedMaster,
        Self::RecommendedSlave,
        Self::RecommendedSlaveOfNewParent,
        Self::RecommendedPassive,
        Self::MasterClockSelected,
        Self::SynchronizationFault,
    ];
}

/// Why a port changed its state.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Coded)]
pub enum StateReason {
    /// The port was started.
    Started,
    /// The link or the socket went down.
    LinkDown,
    /// The link or the socket came back.
    LinkUp,
    /// A foreign master is qualified, and the best.
    ParentSelected,
    /// Another foreign master became the best, or the one before fell silent.
    ParentChanged,
    /// The parent follows another grandmaster now, or another timescale.
    GrandmasterChanged,
    /// The parent fell silent, and there is no other.
    AnnounceReceiptTimeout,
    /// The parent says of itself that it is not to be followed, and there is no other.
    ParentRefused,
    /// The servo has locked.
    ClockLocked,
    /// The servo has lost its lock.
    ClockUnlocked,
    /// The clock was stepped.
    ClockStepped,
    /// This port is configured to be master.
    ConfiguredMaster,
    /// The clock itself is the best that there is on this port's link.
    BestClock,
    /// The parent's time is handed on by this port.
    HandsOn,
    /// A better clock, or a better way to it, is heard than this port would be.
    BetterHeard,
    /// Another port of the clock serves this link.
    OwnPortServes,
    /// The clock has no time that could be served.
    NoTime,
}

impl StateReason {
    /// For people.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::LinkDown => "link down",
            Self::LinkUp => "link up",
            Self::ParentSelected => "parent selected",
            Self::ParentChanged => "parent changed",
            Self::GrandmasterChanged => "grandmaster changed",
            Self::AnnounceReceiptTimeout => "announce receipt timeout",
            Self::ParentRefused => "the parent is not to be followed",
            Self::ClockLocked => "clock locked",
            Self::ClockUnlocked => "clock unlocked",
            Self::ClockStepped => "clock stepped",
            Self::ConfiguredMaster => "configured as master",
            Self::BestClock => "the clock is the best here",
            Self::HandsOn => "hands the parent's time on",
            Self::BetterHeard => "a better master is heard",
            Self::OwnPortServes => "another port of this clock serves the link",
            Self::NoTime => "the clock has no time to serve",
        }
    }
}

impl fmt::Display for StateReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

/// What becomes of the state of a port that may be master (figure 30).
///
/// An event that means nothing in a state leaves it as it is.
pub const fn next(state: PortState, event: Event) -> PortState {
    use Event as E;
    use PortState as S;
    // These three take a port out of any state.
    match event {
        E::Initialize => return S::Initializing,
        E::FaultDetected if !matches!(state, S::Disabled) => return S::Faulty,
        E::DesignatedDisabled => return S::Disabled,
        _ => {}
    }
    match state {
        S::Initializing => match event {
            E::Initialized => S::Listening,
            _ => state,
        },
        S::Faulty => match event {
            E::FaultCleared => S::Initializing,
            _ => state,
        },
        S::Disabled => match event {
            E::DesignatedEnabled => S::Initializing,
            _ => state,
        },
        S::Listening => match event {
            E::AnnounceReceiptTimeout => S::Master,
            E::RecommendedMaster => S::PreMaster,
            E::RecommendedSlave | E::RecommendedSlaveOfNewParent => S::Uncalibrated,
            E::RecommendedPassive => S::Passive,
            _ => state,
        },
        S::PreMaster => match event {
            E::QualificationTimeout => S::Master,
            E::RecommendedSlave | E::RecommendedSlaveOfNewParent => S::Uncalibrated,
            E::RecommendedPassive => S::Passive,
            _ => state,
        },
        S::Master => match event {
            E::RecommendedSlave | E::RecommendedSlaveOfNewParent => S::Uncalibrated,
            E::RecommendedPassive => S::Passive,
            _ => state,
        },
        S::Passive => match event {
            E::AnnounceReceiptTimeout => S::Master,
            E::RecommendedMaster => S::PreMaster,
            E::RecommendedSlave | E::RecommendedSlaveOfNewParent => S::Uncalibrated,
            _ => state,
        },
        S::Uncalibrated => match event {
            E::AnnounceReceiptTimeout => S::Master,
            E::RecommendedMaster => S::PreMaster,
            E::RecommendedPassive => S::Passive,
            E::MasterClockSelected => S::Slave,
            _ => state,
        },
        S::Slave => match event {
            E::AnnounceReceiptTimeout => S::Master,
            E::RecommendedMaster => S::PreMaster,
            E::RecommendedSlaveOfNewParent | E::SynchronizationFault => S::Uncalibrated,
            E::RecommendedPassive => S::Passive,
            _ => state,
        },
    }
}

/// What becomes of the state of a slave-only port (figure 31): where another port would become master or passive, it
/// listens.
pub const fn next_slave_only(state: PortState, event: Event) -> PortState {
    use PortState as S;
    match next(state, event) {
        S::PreMaster | S::Master | S::Passive => S::Listening,
        other => other,
    }
}

#[cfg(test)]
mod tests;
