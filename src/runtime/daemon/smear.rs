//! The list of leap seconds, for a server that smears them: which one is near.

use super::Daemon;
use crate::observe::{Level, Topic};
use crate::runtime::host::leap_list;
use crate::sharing::SeqlockWriter;
use crate::time::{Duration, LeapStep, LeapTable, Local, Mono, Timestamp};

/// How often the list is read: a new leap second is announced half a year before.
const READ_EVERY: Duration = Duration::from_secs(3_600);

/// A leap second is near for so long after its smear has ended.
const NEAR_AFTER: Duration = Duration::from_secs(86_400);

/// What the daemon keeps for it.
#[derive(Debug)]
pub(super) struct SmearWatch {
    /// Tells the workers.
    writer: SeqlockWriter<Option<LeapStep>>,
    pub(super) step: Option<LeapStep>,
    list: Option<LeapTable>,
    read_at: Timestamp<Mono>,
    /// What was said last of the list.
    problem: Option<String>,
}

impl SmearWatch {
    /// Which reads the list with the next look.
    pub(super) fn new(writer: SeqlockWriter<Option<LeapStep>>, now: Timestamp<Mono>) -> Self {
        Self { writer, step: None, list: None, read_at: now, problem: None }
    }

    /// The list may be another one.
    pub(super) fn read_again(&mut self, now: Timestamp<Mono>) {
        self.read_at = now;
    }
}

impl Daemon {
    /// About once a second: a clock that was wrong until now is in another year.
    pub(super) fn look_after_smear(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>) {
        let Some((_, duration)) = self.config.ntp_server.as_ref().and_then(|server| server.smear) else { return };
        let utc = self.snapshot().utc_at(local);
        if now >= self.smear.read_at {
            self.smear.read_at = now + READ_EVERY;
            let path = self.config.clock.leap_file.clone();
            let name = path.display();
            let (list, problem) = match leap_list(&path) {
                Ok(Some(list)) if list.is_expired(utc) => (
                    Some(list),
                    Some(format!(
                        "the list of leap seconds {name} has expired: one that it does not know will not be smeared"
                    )),
                ),
                Ok(Some(list)) => (Some(list), None),
                Ok(None) => {
                    (None, Some(format!("no leap second can be smeared: the list of them, {name}, is not there")))
                }
                Err(problem) => (None, Some(format!("no leap second can be smeared: {problem}"))),
            };
            self.smear.list = list;
            if self.smear.problem != problem {
                self.smear.problem.clone_from(&problem);
                if let Some(problem) = problem {
                    self.record(Level::Warn, Topic::Ntp, problem);
                }
            }
        }
        let reach = duration.half() + NEAR_AFTER;
        let step = self.smear.list.as_ref().and_then(|list| list.step_near(utc, reach));
        if step != self.smear.step {
            self.smear.step = step;
            self.smear.writer.write(&step);
        }
    }
}
