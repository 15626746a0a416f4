use std::fmt::Write;

use super::*;

/// Every state with every event, as lines `STATE: Event->STATE ...`; events that change nothing are left out.
fn table(next: impl Fn(PortState, Event) -> PortState) -> String {
    let mut text = String::new();
    for state in PortState::ALL {
        let changes: Vec<String> = Event::ALL
            .into_iter()
            .filter(|event| next(state, *event) != state)
            .map(|event| format!("{event:?}->{}", next(state, event)))
            .collect();
        writeln!(text, "{state}: {}", changes.join(" ")).unwrap();
    }
    text
}

#[test]
fn the_state_machine_is_figure_30() {
    assert_eq!(table(next), FIGURE_30);
}

#[test]
fn a_slave_only_port_is_figure_31_and_never_becomes_master() {
    assert_eq!(table(next_slave_only), FIGURE_31);
    for state in [PortState::Initializing, PortState::Listening, PortState::Uncalibrated, PortState::Slave] {
        for event in Event::ALL {
            let to = next_slave_only(state, event);
            assert!(!matches!(to, PortState::PreMaster | PortState::Master | PortState::Passive), "{state} {event:?}");
        }
    }
}

#[test]
fn states_are_numbered_as_in_table_20() {
    for (index, state) in PortState::ALL.into_iter().enumerate() {
        assert_eq!(state as usize, index + 1);
    }
}

const FIGURE_30: &str = "\
INITIALIZING: Initialized->LISTENING FaultDetected->FAULTY DesignatedDisabled->DISABLED
FAULTY: Initialize->INITIALIZING FaultCleared->INITIALIZING DesignatedDisabled->DISABLED
DISABLED: Initialize->INITIALIZING DesignatedEnabled->INITIALIZING
LISTENING: Initialize->INITIALIZING FaultDetected->FAULTY DesignatedDisabled->DISABLED AnnounceReceiptTimeout->MASTER RecommendedMaster->PRE_MASTER RecommendedSlave->UNCALIBRATED RecommendedSlaveOfNewParent->UNCALIBRATED RecommendedPassive->PASSIVE
PRE_MASTER: Initialize->INITIALIZING FaultDetected->FAULTY DesignatedDisabled->DISABLED QualificationTimeout->MASTER RecommendedSlave->UNCALIBRATED RecommendedSlaveOfNewParent->UNCALIBRATED RecommendedPassive->PASSIVE
MASTER: Initialize->INITIALIZING FaultDetected->FAULTY DesignatedDisabled->DISABLED RecommendedSlave->UNCALIBRATED RecommendedSlaveOfNewParent->UNCALIBRATED RecommendedPassive->PASSIVE
PASSIVE: Initialize->INITIALIZING FaultDetected->FAULTY DesignatedDisabled->DISABLED AnnounceReceiptTimeout->MASTER RecommendedMaster->PRE_MASTER RecommendedSlave->UNCALIBRATED RecommendedSlaveOfNewParent->UNCALIBRATED
UNCALIBRATED: Initialize->INITIALIZING FaultDetected->FAULTY DesignatedDisabled->DISABLED AnnounceReceiptTimeout->MASTER RecommendedMaster->PRE_MASTER RecommendedPassive->PASSIVE MasterClockSelected->SLAVE
SLAVE: Initialize->INITIALIZING FaultDetected->FAULTY DesignatedDisabled->DISABLED AnnounceReceiptTimeout->MASTER RecommendedMaster->PRE_MASTER RecommendedSlaveOfNewParent->UNCALIBRATED RecommendedPassive->PASSIVE SynchronizationFault->UNCALIBRATED
";
const FIGURE_31: &str = "\
INITIALIZING: Initialized->LISTENING FaultDetected->FAULTY DesignatedDisabled->DISABLED
FAULTY: Initialize->INITIALIZING FaultCleared->INITIALIZING DesignatedDisabled->DISABLED
DISABLED: Initialize->INITIALIZING DesignatedEnabled->INITIALIZING
LISTENING: Initialize->INITIALIZING FaultDetected->FAULTY DesignatedDisabled->DISABLED RecommendedSlave->UNCALIBRATED RecommendedSlaveOfNewParent->UNCALIBRATED
PRE_MASTER: Initialize->INITIALIZING Initialized->LISTENING FaultDetected->FAULTY FaultCleared->LISTENING DesignatedEnabled->LISTENING DesignatedDisabled->DISABLED AnnounceReceiptTimeout->LISTENING QualificationTimeout->LISTENING RecommendedMaster->LISTENING RecommendedSlave->UNCALIBRATED RecommendedSlaveOfNewParent->UNCALIBRATED RecommendedPassive->LISTENING MasterClockSelected->LISTENING SynchronizationFault->LISTENING
MASTER: Initialize->INITIALIZING Initialized->LISTENING FaultDetected->FAULTY FaultCleared->LISTENING DesignatedEnabled->LISTENING DesignatedDisabled->DISABLED AnnounceReceiptTimeout->LISTENING QualificationTimeout->LISTENING RecommendedMaster->LISTENING RecommendedSlave->UNCALIBRATED RecommendedSlaveOfNewParent->UNCALIBRATED RecommendedPassive->LISTENING MasterClockSelected->LISTENING SynchronizationFault->LISTENING
PASSIVE: Initialize->INITIALIZING Initialized->LISTENING FaultDetected->FAULTY FaultCleared->LISTENING DesignatedEnabled->LISTENING DesignatedDisabled->DISABLED AnnounceReceiptTimeout->LISTENING QualificationTimeout->LISTENING RecommendedMaster->LISTENING RecommendedSlave->UNCALIBRATED RecommendedSlaveOfNewParent->UNCALIBRATED RecommendedPassive->LISTENING MasterClockSelected->LISTENING SynchronizationFault->LISTENING
UNCALIBRATED: Initialize->INITIALIZING FaultDetected->FAULTY DesignatedDisabled->DISABLED AnnounceReceiptTimeout->LISTENING RecommendedMaster->LISTENING RecommendedPassive->LISTENING MasterClockSelected->SLAVE
SLAVE: Initialize->INITIALIZING FaultDetected->FAULTY DesignatedDisabled->DISABLED AnnounceReceiptTimeout->LISTENING RecommendedMaster->LISTENING RecommendedSlaveOfNewParent->UNCALIBRATED RecommendedPassive->LISTENING SynchronizationFault->UNCALIBRATED
";
