//! Which ports are one-step: those whose card is to write its time into each Sync, and into each Pdelay_Resp what that took, and
//! has kept to it.
//!
//! What the card is told is the card's, one for all programs and for all of our ports on it. If another program tells it
//! otherwise, each Sync leaves with the time that it was to be written over: none. So a port that finds its card changed is
//! opened again at once; and where that happens again soon, all is two-step from then on, which needs nobody's restraint.

use super::Daemon;
use crate::config::{DelayMechanism, PTP_PORTS_MAX, PtpConfig};
use crate::net::{Card, OneStep, Stamping, device_below};
use crate::observe::{Level, Topic};
use crate::ptp::Role;
use crate::time::{Duration, Mono, Timestamp};

/// What another program did once it may do once; twice within so long it will do again.
const LOST_AGAIN: Duration = Duration::from_secs(600);

/// A card that has not kept to one-step.
#[derive(Debug)]
struct Lapse {
    device: String,
    lost_at: Timestamp<Mono>,
    is_given_up: bool,
}

/// The cards that have not kept to one-step, by the names of their interfaces.
#[derive(Debug, Default)]
pub(super) struct OneStepCards(Vec<Lapse>);

impl OneStepCards {
    /// Somebody has told the card otherwise; whether that was once too often.
    pub(super) fn lost(&mut self, device: &str, now: Timestamp<Mono>) -> bool {
        let lapse = self.lapse(device, now - LOST_AGAIN);
        lapse.is_given_up |= now - lapse.lost_at < LOST_AGAIN;
        lapse.lost_at = now;
        lapse.is_given_up
    }

    /// It cannot do it beside what else is needed of it.
    pub(super) fn give_up(&mut self, device: &str, now: Timestamp<Mono>) {
        self.lapse(device, now).is_given_up = true;
    }

    fn is_given_up(&self, device: &str) -> bool {
        self.0.iter().any(|lapse| lapse.is_given_up && lapse.device == device)
    }

    fn lapse(&mut self, device: &str, lost_at: Timestamp<Mono>) -> &mut Lapse {
        let place = self.0.iter().position(|lapse| lapse.device == device).unwrap_or_else(|| {
            if self.0.len() == PTP_PORTS_MAX {
                // Of a card that has gone, or more names than ports.
                self.0.remove(0);
            }
            self.0.push(Lapse { device: device.to_owned(), lost_at, is_given_up: false });
            self.0.len() - 1
        });
        &mut self.0[place]
    }
}

impl Daemon {
    /// Why the Sync of a port of this configuration is not to be one-step, although it says so: a clause.
    pub(super) fn against_one_step(&self, port: usize) -> Option<String> {
        let device = device_below(&self.config.ptp[port].interface);
        if self.one_step.is_given_up(&device) {
            return Some(format!("{device} did not keep to it"));
        }
        let is_against = |other: &&PtpConfig| other.two_step && device_below(&other.interface) == device;
        let other = self.config.ptp.iter().find(is_against)?;
        Some(format!("{device} is told once, and the [[ptp]] of {} says two_step = true", other.interface))
    }

    /// What the card of a port should write its time into by the configuration of all ports on it.
    pub(super) fn one_step_wanted(&self, port: usize) -> OneStep {
        if self.config.ptp[port].two_step {
            return OneStep::Nothing;
        }
        let device = device_below(&self.config.ptp[port].interface);
        let mut beside = self.config.ptp.iter().filter(|other| device_below(&other.interface) == device);
        if beside.any(|other| other.delay == DelayMechanism::P2p) { OneStep::SyncAndAnswers } else { OneStep::Sync }
    }

    /// Says why a port that should be one-step is not, or not with all that it sends.
    pub(super) fn say_one_step(&mut self, port: usize, stamping: &Stamping) {
        let config = &self.config.ptp[port];
        let card = self.ports[port].as_ref().and_then(|running| running.card.as_ref());
        let card = card.filter(|_| matches!(stamping, Stamping::Hardware { .. }));
        let does = card.map_or(OneStep::Nothing, Card::one_step);
        let Some(what) = two_step_though(config, does) else { return };
        let why = match card {
            Some(card) => card
                .shortfall()
                .map(str::to_owned)
                .or_else(|| self.against_one_step(port))
                .unwrap_or_else(|| "its card was told otherwise".to_owned()),
            None => "only a card can write the time into a message as it leaves".to_owned(),
        };
        let text = format!("port {}: two_step = false, and {what} two-step: {why}", config.interface);
        self.record(Level::Warn, Topic::Ptp, text);
    }
}

/// Which messages of a port are two-step though it should be one-step, with what its card does; `None`: none.
fn two_step_though(config: &PtpConfig, does: OneStep) -> Option<&'static str> {
    let sends_sync = config.role != Role::Slave && does < OneStep::Sync;
    let answers = config.delay == DelayMechanism::P2p && does < OneStep::SyncAndAnswers;
    match (sends_sync, answers) {
        _ if config.two_step => None,
        (true, true) => Some("Sync and Pdelay_Resp are"),
        (true, false) => Some("Sync is"),
        (false, true) => Some("Pdelay_Resp is"),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_that_loses_one_step_twice_within_minutes_is_given_up_and_one_that_loses_it_now_and_then_is_not() {
        let at = |seconds: i64| Timestamp::from_secs(1_000 + seconds);
        let mut cards = OneStepCards::default();
        assert!(!cards.is_given_up("eth0"));
        assert!(!cards.lost("eth0", at(0)) && !cards.lost("eth0", at(600)) && !cards.lost("eth1", at(700)));
        assert!(!cards.is_given_up("eth0"));
        assert!(cards.lost("eth0", at(1_199)) && cards.is_given_up("eth0"));
        assert!(cards.lost("eth0", at(100_000)), "for good");
        cards.give_up("eth2", at(0));
        assert!(cards.is_given_up("eth2") && !cards.is_given_up("eth1"));
    }

    #[test]
    fn what_is_two_step_though_it_should_not_be_is_named() {
        let two_step = |words: &str, does| {
            let text = format!("[[ptp]]\ninterface = \"lo\"\n{words}\n");
            let config = crate::config::load(&text, "t.toml").expect("good").config;
            two_step_though(&config.ptp[0], does)
        };
        let one = "two_step = false\nrole = \"auto\"";
        let peer = "two_step = false\nrole = \"auto\"\ndelay = \"p2p\"";
        let slave = "two_step = false\ndelay = \"p2p\"";
        assert_eq!(two_step(one, OneStep::Nothing), Some("Sync is"));
        assert_eq!(two_step(one, OneStep::Sync), None);
        assert_eq!(two_step(peer, OneStep::Nothing), Some("Sync and Pdelay_Resp are"));
        assert_eq!(two_step(peer, OneStep::Sync), Some("Pdelay_Resp is"));
        assert_eq!(two_step(peer, OneStep::SyncAndAnswers), None);
        assert_eq!(two_step(slave, OneStep::Nothing), Some("Pdelay_Resp is"), "it sends no Sync");
        assert_eq!(two_step("two_step = false", OneStep::Nothing), None);
        assert_eq!(two_step("delay = \"p2p\"\nrole = \"auto\"", OneStep::Nothing), None, "nobody asked");
    }

    #[test]
    fn of_more_cards_than_there_can_be_ports_the_oldest_is_forgotten() {
        let mut cards = OneStepCards::default();
        for number in 0..=PTP_PORTS_MAX {
            cards.give_up(&format!("eth{number}"), Timestamp::EPOCH);
        }
        assert_eq!((cards.0.len(), cards.is_given_up("eth0"), cards.is_given_up("eth1")), (PTP_PORTS_MAX, false, true));
    }
}
