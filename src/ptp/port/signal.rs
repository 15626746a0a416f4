//! The packet timing signal of the parent, as ITU-T G.8265.1 judges it: what is held off, and when another master is looked for.

use super::{Port, Timer};
use crate::coding::Coded;
use crate::engine::Sink;
use crate::ptp::counters::{Counter, count};
use crate::ptp::foreign::Announced;
use crate::ptp::sync::SyncPair;
use crate::ptp::unicast::client::Client;
use crate::ptp::variation::DelayVariation;
use crate::ptp::{Config, Effect, Recommendation};
use crate::time::{Duration, Mono, Timestamp};
use crate::wire::ptp::{PortIdentity, Tlvs};

/// What is known of it.
#[derive(Clone, Debug, Coded)]
pub(super) struct Signal {
    /// The last Announce of the parent, of a worse quality level than that which counts still.
    held_off: Option<Announced>,
    /// How much the delay of its Sync varies, where that is judged.
    variation: Option<DelayVariation>,
    /// What that was in the last window that is over.
    spread: Option<Duration>,
}

impl Signal {
    pub fn new(config: &Config) -> Self {
        let max = config.unicast.signal.and_then(|signal| signal.delay_variation_max);
        Self { held_off: None, variation: max.map(DelayVariation::new), spread: None }
    }

    /// Our clock was stepped, or the master's is another one.
    pub fn forget_delays(&mut self) {
        self.variation.iter_mut().for_each(DelayVariation::forget);
    }
}

impl Port {
    /// Whether the parent's quality level has become worse, which does not count before the hold-off time is over.
    pub(super) fn is_held_off(&mut self, now: Timestamp<Mono>, said: &Announced, out: &mut impl Sink<Effect>) -> bool {
        let hold_off = self.client.as_ref().and_then(Client::hold_off);
        let Some(parent) = self.parent.filter(|parent| parent.port == said.data.sender) else { return false };
        let Some(hold_off) = hold_off.filter(|_| said.data.quality.clock_class > parent.quality.clock_class) else {
            self.hold_off_nothing();
            return false;
        };
        if self.signal.held_off.replace(*said).is_none() {
            count(out, Counter::QualityLevelHeldOff);
            self.timers.set(Timer::HoldOff, now + hold_off);
        }
        self.arm_announce_receipt(now, said.interval);
        true
    }

    /// What was held off counts now.
    pub(super) fn hold_off_is_over(&mut self, now: Timestamp<Mono>, out: &mut impl Sink<Effect>) {
        let Some(said) = self.signal.held_off.take() else { return };
        self.announced(now, said, Tlvs::default(), out);
    }

    pub(super) fn hold_off_nothing(&mut self) {
        self.signal.held_off = None;
        self.timers.clear(Timer::HoldOff);
    }

    /// Another parent's signal is another one.
    pub(super) fn forget_signal(&mut self) {
        self.hold_off_nothing();
        self.signal.forget_delays();
        self.signal.spread = None;
    }

    /// A Sync has come.
    pub(super) fn judge_delay(&mut self, now: Timestamp<Mono>, pair: &SyncPair, out: &mut impl Sink<Effect>) {
        let Some(variation) = &mut self.signal.variation else { return };
        let delay = pair.received.at - pair.origin - pair.correction;
        let Some(judged) = variation.hear(now, delay) else { return };
        self.signal.spread = Some(judged.spread);
        if self.client.as_mut().is_some_and(|client| client.judged(now, judged.is_usable, out)) {
            // After all that this Sync has done.
            self.timers.set(Timer::Another, now);
        }
    }

    /// Some master has failed just now.
    pub(super) fn look_for_another(&mut self, now: Timestamp<Mono>, out: &mut impl Sink<Effect>) {
        self.tell_best(now, out);
        if self.parent.is_some() && self.recommended == Recommendation::Slave {
            self.follow_best(now, out);
        }
    }

    /// clockClass of the last Announce of this one that counts.
    pub(in crate::ptp) fn heard_class(&self, identity: PortIdentity) -> Option<u8> {
        let heard = self.foreign.iter().find(|foreign| foreign.last.data.sender == identity);
        heard.map(|foreign| foreign.last.data.quality.clock_class)
    }

    /// One in a hundred of the parent's Sync came within this of the soonest.
    pub(in crate::ptp) const fn delay_variation(&self) -> Option<Duration> {
        self.signal.spread
    }
}

#[cfg(test)]
mod tests;
