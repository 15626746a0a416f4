//! What the discipline of a clock says: for people, and for programs.

use crate::discipline::Notice;
use crate::observe::{Change, EventKind, Level};
use crate::time::SyncState;

/// What the discipline of a clock says, for people.
pub(super) fn notice_text(notice: Notice) -> (Level, String) {
    match notice {
        Notice::State { from, to, why } => {
            let level = if to.is_synchronised() || to == SyncState::Acquiring { Level::Info } else { Level::Warn };
            (level, format!("{from} -> {to}: {}", why.reason()))
        }
        Notice::Measured(frequency) => (Level::Info, format!("the oscillator runs off by {frequency}")),
        Notice::Stepped(by) => (Level::Info, format!("stepped the clock by {by}")),
        Notice::Panic(offset) => {
            let text = format!(
                "the offset of {offset} exceeds the panic limit (clock.step.panic); nothing is corrected until it is smaller"
            );
            (Level::Error, text)
        }
        Notice::Contradiction => (
            Level::Warn,
            "the master's messages contradict each other (it stepped, or a stamp is wrong); measuring again".to_owned(),
        ),
        Notice::Refused { errno: 0 } => {
            (Level::Error, "the clock was told something beyond what it can do; it goes on as it did".to_owned())
        }
        Notice::Refused { errno } => {
            let error = std::io::Error::from_raw_os_error(errno);
            (Level::Error, format!("the clock refuses to be adjusted ({error}); it goes on as it did"))
        }
        Notice::Unheld { most } => {
            let text = format!(
                "the oscillator runs off by more than the clock can be corrected by, {most}: it is not held, and drifts away"
            );
            (Level::Error, text)
        }
        Notice::Obeys => (Level::Info, "the clock obeys again".to_owned()),
        Notice::Ineffective { commanded, found } => {
            (Level::Error, format!("the clock was told {commanded} and does {found}"))
        }
    }
}

/// What has become what, of the clock of this name.
///
/// Of a step: the offset from the source before, and after.
pub(super) fn notice_change(clock: &str, notice: Notice) -> Change {
    let kind = match notice {
        Notice::State { .. } => EventKind::State,
        Notice::Stepped(_) => EventKind::Step,
        Notice::Panic(_) => EventKind::Panic,
        Notice::Measured(_) | Notice::Contradiction => EventKind::Note,
        Notice::Refused { .. } | Notice::Unheld { .. } | Notice::Obeys | Notice::Ineffective { .. } => EventKind::Clock,
    };
    let change = Change::of(kind, clock);
    match notice {
        Notice::State { from, to, why } => change.from_to(from, to).because(why.reason()),
        Notice::Stepped(by) => change.from_to(-by, "0 s").because("the offset was too large to be slewed (clock.step)"),
        Notice::Panic(offset) => change.to(offset).because("it exceeds clock.step.panic"),
        Notice::Measured(frequency) => change.to(frequency),
        Notice::Refused { errno } if errno != 0 => {
            change.from_to("obeys", "refuses").because(std::io::Error::from_raw_os_error(errno).to_string())
        }
        Notice::Refused { .. } => change.from_to("obeys", "refuses"),
        Notice::Obeys => change.from_to("refuses", "obeys"),
        Notice::Ineffective { commanded, found } => {
            change.from_to(commanded, found).because("it does not do what it was told")
        }
        Notice::Contradiction => change.because("the master's messages contradict each other"),
        Notice::Unheld { .. } => change.because("the oscillator runs off by more than the clock can be corrected by"),
    }
}
