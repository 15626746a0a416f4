//! The kernel's side of a clock: what it is told of the time, and what other programs have told it.
//!
//! Both are asked and told by the same calls, and none is free: what other evidence proves is not asked for.

use super::DisciplineThread;
use crate::clock::{AnyClock, Crossing, Proof};
use crate::runtime::events::Event;
use crate::sharing::TimeSnapshot;
use crate::time::{ClockId, Duration, Local, Mono, Timestamp};

/// How often it is told that another program changes the system clock's rate.
const TELL_FOREIGN_EVERY: Duration = Duration::from_secs(10);
/// What is over when it is seen is told if it has moved the clock by so much: the bound covers less without a word,
const WORTH_TELLING: Duration = Duration::from_nanos(200);
/// and more is no rate, but the clock was set, which is told by itself.
const RATE_IMPLAUSIBLE: Duration = Duration::from_millis(500);

impl DisciplineThread {
    /// Whether what the kernel says of its time is not true any more.
    pub(super) fn is_to_be_told(&mut self, snapshot: &TimeSnapshot) -> bool {
        match self.cascade.system().clock().inner() {
            AnyClock::System(clock) => clock.is_to_be_told(snapshot),
            _ => false,
        }
    }

    /// Tells the kernel how good its time is, and sees whether another program steers it too.
    pub(super) fn vouch(&mut self, snapshot: &TimeSnapshot) {
        let (tai_utc, indicator) = (self.cascade.leap().tai_utc(), self.cascade.leap_for_the_kernel());
        let AnyClock::System(clock) = self.cascade.system().clock().inner() else { return };
        let vouched = clock.vouch(snapshot, tai_utc, indicator);
        let of_others = clock.take_leap_of_others();
        match vouched {
            Ok(()) => self.is_vouching = true,
            Err(error) => {
                if std::mem::take(&mut self.is_vouching) {
                    self.links.events.push(Event::VouchFailed(error));
                }
            }
        }
        if let Some(leap) = of_others {
            let (now, local) = self.moments.now();
            self.cascade.kernel_was_told(now, local, leap);
            self.links.events.push(Event::KernelLeap(leap));
        }
    }

    /// Whether another program has changed the system clock's rate since the last look: then less is known of its time, and
    /// that must be known before anything that it has stamped is judged. True if so.
    pub(super) fn look_at_rate(&mut self, local: Timestamp<Local>) -> bool {
        let AnyClock::System(clock) = self.cascade.system().clock().inner() else { return false };
        clock.look(local);
        self.tell_tampering()
    }

    /// The same before a crossing is judged, which may itself prove that the rate is ours: to ask the kernel is dear.
    pub(super) fn look_at_rate_by(&mut self, crossing: &Crossing) {
        let proof = self.cascade.system_proof(crossing);
        let AnyClock::System(clock) = self.cascade.system().clock().inner() else { return };
        if proof == Proof::Given {
            return clock.trust(crossing.after);
        }
        let has_found = self.look_at_rate(crossing.after);
        if let Proof::Contrary(by) = proof
            && !has_found
        {
            // Whatever it was, it is over: a rate that a command of ours has taken back meanwhile, or a slew of the kernel's.
            let (ahead, behind) = (by.max(Duration::ZERO), by.min(Duration::ZERO));
            self.cascade.system_was_slewed(crossing.mono, crossing.after, ahead, behind);
            if (WORTH_TELLING..RATE_IMPLAUSIBLE).contains(&by.abs()) && crossing.mono >= self.tell_foreign_at {
                self.tell_foreign_at = crossing.mono + TELL_FOREIGN_EVERY;
                self.links.events.push(Event::ForeignIsOver(by));
            }
        }
    }

    /// What another program was found to have done to the system clock, if it was.
    pub(super) fn tell_tampering(&mut self) -> bool {
        let AnyClock::System(clock) = self.cascade.system().clock().inner() else { return false };
        let Some(tampering) = clock.take_tampering() else { return false };
        let (now, local) = self.moments.now();
        self.cascade.system_was_slewed(now, local, tampering.ahead, tampering.behind);
        self.publish_at = now;
        if now >= self.tell_foreign_at {
            self.tell_foreign_at = now + TELL_FOREIGN_EVERY;
            self.links.events.push(Event::Foreign(ClockId::System, tampering));
        }
        true
    }

    /// The same for a PHC.
    pub(super) fn look_at_rate_of(&mut self, index: u8, now: Timestamp<Mono>) {
        let Some((steering, reading, _)) = self.cascade.phc(index, now) else { return };
        let AnyClock::Phc(clock) = steering.clock().inner() else { return };
        clock.look(reading);
        let Some(tampering) = clock.take_tampering() else { return };
        steering.slewed(now, reading, tampering.ahead, tampering.behind);
        self.publish_at = now;
        let tell_at = &mut self.tell_foreign_phc_at[usize::from(index)];
        if now >= *tell_at {
            *tell_at = now + TELL_FOREIGN_EVERY;
            self.links.events.push(Event::Foreign(ClockId::Phc(index), tampering));
        }
    }
}
