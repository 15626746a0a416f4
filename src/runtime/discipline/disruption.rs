//! A machine that was paused, moved or restored, as the hypervisor tells it.

use super::{DisciplineThread, telling};
use crate::clock::{Clock, Disruption, DisruptionWatch, GenerationNews, PHCS_MAX};
use crate::runtime::events::Event;
use crate::runtime::measured::SourceInlet;
use crate::time::{ClockId, Duration, Local, Mono, Timestamp};

/// How often the hypervisor's page is looked at: this thread goes round for other reasons at least once a second, and as a rule
/// much more often.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// What two of the hypervisor's ways tell within this time is the same pause: its clock is read less often than its page.
const SAME_WITHIN: Duration = Duration::from_secs(2);

impl DisciplineThread {
    /// Whether this machine was paused, moved or restored since the last look: before anything that came in meanwhile is judged.
    pub(super) fn look_at_vmclock(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>) {
        if now < self.look_at_vmclock_at {
            return;
        }
        self.look_at_vmclock_at = now + LOOK_EVERY;
        let page = self.links.vmclock.as_mut().map_or(Ok(None), DisruptionWatch::look);
        let fault = page.err();
        if fault != std::mem::replace(&mut self.vmclock_fault, fault) {
            self.links.events.push(Event::VmClock(fault));
        }
        let is_another = self.links.generation.as_mut().is_some_and(GenerationNews::look);
        let disruption = page.ok().flatten().or(is_another.then_some(Disruption::Snapshot));
        if let Some(disruption) = disruption {
            self.machine_was_disrupted(now, local, disruption);
        }
    }

    /// A clock of the hypervisor's, which is a source, shows it.
    pub(super) fn clock_shows_disruption(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        disruption: Disruption,
    ) {
        // The page may have it already, and says more.
        self.look_at_vmclock_at = now;
        self.look_at_vmclock(now, local);
        if self.disrupted_at.is_none_or(|at| now - at > SAME_WITHIN) {
            self.machine_was_disrupted(now, local, disruption);
        }
    }

    fn machine_was_disrupted(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>, disruption: Disruption) {
        self.cascade.machine_was_disrupted(now, local, disruption, &mut telling(&mut self.links.events));
        // What is in flight has one stamp from before and one from after, of whichever clock.
        self.inlets.stepped(ClockId::System);
        (0..PHCS_MAX as u8).for_each(|index| self.inlets.stepped(ClockId::Phc(index)));
        self.links.sources.iter().for_each(SourceInlet::stepped);
        self.links.sources.iter().for_each(SourceInlet::lost);
        self.disrupted_at = Some(now);
        self.jumps.restart();
        self.told = (false, false);
        self.system_epoch = self.cascade.system().clock().epoch();
        self.phc_epochs = self.cascade.phc_epochs();
        self.vouch_at = now;
        self.publish();
    }
}
