//! Why the clock is in its state: one sentence, with the cause in it where it is known.
//!
//! The state alone says what follows ("no sample comes"), not what is to be done. The cause is looked for on the way that
//! time takes, backwards: the system clock itself, the PHC that hears the source, the port that it comes by.

use super::Model;
use crate::clock::{ArbPolicy, Disruption, PageFault};
use crate::discipline::StateEvent;
use crate::observe::Level;
use crate::observe::event::CLOCK_SET;
use crate::ptp::{Counter, PortState, StateReason};
use crate::runtime::phcs::words;
use crate::sharing::TimeSnapshot;
use crate::time::{Duration, Mono, SyncState, Timestamp};

/// A clock was disturbed, if no more is known of it.
const DISTURBED: &str = CLOCK_SET;

/// What the system clock's discipline has said of it, until it says the contrary.
#[derive(Clone, Default, Debug)]
pub(super) struct SystemTrouble {
    /// It does not obey.
    refuses: Option<i32>,
    /// The offset that exceeds the panic limit.
    panic: Option<Duration>,
    /// It was set: by how much, from when to when, and perhaps by whom.
    set: Option<String>,
    /// It stood still for so long, with the whole machine.
    stood_still: Option<Duration>,
    /// The hypervisor has said this of the machine.
    disrupted: Option<Disruption>,
}

impl SystemTrouble {
    /// What a notice of its discipline changes.
    pub(super) fn hear(&mut self, notice: crate::discipline::Notice) {
        use crate::discipline::Notice;
        match notice {
            Notice::Refused { errno } => self.refuses = Some(errno),
            Notice::Obeys => self.refuses = None,
            Notice::Panic(offset) => self.panic = Some(offset),
            Notice::Stepped(_) => self.panic = None,
            Notice::State { to: SyncState::Locked, .. } => {
                self.panic = None;
                self.is_understood();
            }
            _ => {}
        }
    }

    /// Somebody set it, in words.
    pub(super) fn was_set(&mut self, how: String) {
        self.is_understood();
        self.set = Some(how);
    }

    /// The machine stood still.
    pub(super) fn stood_still(&mut self, by: Duration) {
        self.is_understood();
        self.stood_still = Some(by);
    }

    /// The hypervisor says that the machine was paused, moved or restored.
    pub(super) fn was_disrupted(&mut self, disruption: Disruption) {
        self.is_understood();
        self.disrupted = Some(disruption);
    }

    /// What disturbed it last is not the reason any more.
    fn is_understood(&mut self) {
        (self.set, self.stood_still, self.disrupted) = (None, None, None);
    }

    /// What has disturbed it, after the state's own words for that.
    fn disturbance(&self, head: &str) -> String {
        match (&self.set, self.stood_still, self.disrupted) {
            (_, _, Some(disruption)) => disruption_text(disruption),
            (_, Some(by), None) => format!("this machine stood still for {by}, and its clock with it"),
            (Some(how), None, None) => format!("{head} {how}"),
            (None, None, None) => head.to_owned(),
        }
    }

    fn clause(&self) -> Option<String> {
        if let Some(errno) = self.refuses {
            return Some(format!("the system clock refuses to be adjusted ({})", words(errno.into())));
        }
        let offset = self.panic?;
        Some(format!("the offset of {offset} exceeds the panic limit (clock.step.panic), and is not corrected"))
    }
}

/// The word for what has become of the machine, which stays.
pub(super) const fn disruption_word(disruption: Disruption) -> &'static str {
    match disruption {
        Disruption::Counter => "paused_or_moved",
        Disruption::Snapshot => "restored",
        Disruption::HostRanOn(_) => "host_ran_on",
    }
}

/// What has become of the machine.
pub(in crate::runtime) fn disruption_text(disruption: Disruption) -> String {
    let known = match disruption {
        Disruption::Counter => "the hypervisor says that this machine was paused, or moved to another host",
        Disruption::Snapshot => "the hypervisor says that this machine was loaded from a snapshot",
        Disruption::HostRanOn(by) => {
            return format!(
                "the hypervisor's clock ran on by {by} alone: this machine was paused, or that clock was set"
            );
        }
    };
    known.to_owned()
}

/// What is the matter with the hypervisor's page.
pub(super) fn vmclock_text(fault: Option<PageFault>) -> (Level, String) {
    let why = match fault {
        None => return (Level::Info, "the hypervisor's page of time can be read again".to_owned()),
        Some(PageFault::Read(errno)) => words(errno.into()),
        Some(PageFault::Format(fault)) => fault.words().to_owned(),
    };
    (Level::Warn, format!("the hypervisor's page of time says nothing ({why}): a pause or a move is not seen by it"))
}

/// Why a clock is in a state: what comes before the cause, and what after it.
pub(super) const fn reason_of(state: SyncState, why: StateEvent) -> (&'static str, &'static str) {
    match (state, why) {
        (SyncState::Acquiring, StateEvent::BoundExceeded) => ("the error bound grew beyond twice the limit", ""),
        (SyncState::Acquiring, StateEvent::MeasuredAgain) => {
            (DISTURBED, "; it was measured again, and is not yet inside its limit")
        }
        (SyncState::Acquiring, _) => ("a source is followed; the clock is not yet inside its limit", ""),
        (SyncState::Locked, _) => ("the error bound is inside its limit, and the last samples lie inside it", ""),
        (SyncState::Holdover, _) => {
            ("no sample comes", "; the clock runs on with what it has learnt, and the bound grows")
        }
        (SyncState::Freerun, _) => ("the source is lost, and the error bound is beyond use", ""),
        (SyncState::Disrupted, _) => (DISTURBED, "; it is being measured again"),
        (SyncState::NeverSynced, _) => ("no source has given a usable time yet", ""),
    }
}

/// The stamps that a port was owed in the last second and did not get.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct StampWatch {
    seen: [u64; 4],
    missing: Option<&'static str>,
}

impl StampWatch {
    /// The counters, about once a second: sent and not stamped, received and not stamped.
    pub(super) fn look(&mut self, count: impl Fn(Counter) -> u64) {
        let counters = [Counter::SentDelayReq, Counter::TxStampMissing, Counter::ReceivedSync, Counter::RxStampMissing];
        let seen = counters.map(count);
        let more: [u64; 4] = std::array::from_fn(|index| seen[index].saturating_sub(self.seen[index]));
        self.seen = seen;
        let [sent, not_sent_stamped, received, not_received_stamped] = more;
        self.missing = if not_received_stamped > 0 && not_received_stamped >= received {
            Some("no receive stamps")
        } else if not_sent_stamped > 0 && not_sent_stamped >= sent {
            Some("no transmit stamps")
        } else {
            None
        };
    }

    /// What is not delivered at all.
    pub(super) fn missing(&self) -> Option<&'static str> {
        self.missing
    }
}

impl Model {
    /// Why the state is what it is.
    pub(in crate::runtime) fn reason(&self, now: Timestamp<Mono>, snapshot: &TimeSnapshot) -> String {
        if super::is_silent(now, snapshot) {
            return "the discipline thread is silent: what is shown is old, and nobody watches the clock".to_owned();
        }
        if snapshot.state == SyncState::NeverSynced && self.ports.is_empty() && self.sources.is_empty() {
            return "there is no source: no [[ptp]], [[ntp.source]] or [[refclock]], and no interface that is listened on without a configuration".to_owned();
        }
        if let Some(text) = self.timescale_problem() {
            return text;
        }
        if !snapshot.state.is_synchronised() && snapshot.stratum < 16 {
            return "the host that is followed has no source itself: all of them agree, and none knows the time (ntp.server.local.orphan)".to_owned();
        }
        let (head, tail) = self.reason;
        match self.cause(snapshot.state) {
            Some(cause) => format!("{head}: {cause}{tail}"),
            None if head == DISTURBED => format!("{}{tail}", self.trouble.disturbance(head)),
            None => format!("{head}{tail}"),
        }
    }

    /// The cause of a state that is not as it should be, as a clause.
    fn cause(&self, state: SyncState) -> Option<String> {
        if matches!(state, SyncState::Locked | SyncState::Disrupted) {
            return None;
        }
        let by_clocks = || self.trouble.clause().or_else(|| self.phcs.hub_trouble());
        by_clocks().or_else(|| self.port_trouble()).or_else(|| self.phcs.hub_is_not_ready())
    }

    /// What is wrong with the port that steers, or did; with the only one, if none ever has.
    fn port_trouble(&self) -> Option<String> {
        let port = match (self.followed.or(self.last_followed), &self.ports[..]) {
            (Some(index), ports) => ports.get(index)?,
            (None, [only]) => only,
            (None, _) => return None,
        };
        let interface = &port.config.interface;
        if let Some(waiting_for) = &port.waiting_for {
            return Some(format!("port {interface} waits: {waiting_for}"));
        }
        if port.state_reason == Some(StateReason::LinkDown) {
            return Some(format!("port {interface} has no link"));
        }
        let (whose, why) = port.timestamps();
        let was_degraded = port.change.is_some_and(|change| change.missing.is_some());
        let degraded =
            why.filter(|_| was_degraded).map(|why| format!("port {interface} uses {whose} stamps, since {why}"));
        if let Some(missing) = port.stamp_watch.missing() {
            let who = if whose == "hardware" { "the card" } else { "the kernel" };
            // What is missing just after a card was given up is what that one still owed.
            return Some(degraded.unwrap_or_else(|| format!("{who} delivers {missing} on {interface}")));
        }
        if port.parent.is_none() && port.state == PortState::Listening && self.last_followed.is_some() {
            return Some(format!("port {interface} has no master any more"));
        }
        degraded
    }

    fn timescale_problem(&self) -> Option<String> {
        let (port, parent) = self.followed()?;
        let properties = &parent.time_properties;
        if !properties.ptp_timescale && port.arb_policy() == ArbPolicy::Refuse {
            return Some("the grandmaster is on the ARB timescale, which ptp.arb_timescale refuses".to_owned());
        }
        if let Some(refused) = self.utc_refused() {
            return Some(refused);
        }
        let needs_utc = properties.ptp_timescale && properties.current_utc_offset.is_none();
        (needs_utc && self.tai_utc.is_none()).then(|| {
            "the grandmaster does not say TAI-UTC (currentUtcOffsetValid), nor does this kernel: it sends TAI, and UTC is not guessed"
                .to_owned()
        })
    }
}

#[cfg(test)]
mod tests;
