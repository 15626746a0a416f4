//! The network cards that stamp for our ports: their settings are looked at from time to time.

use nix::net::if_::if_nametoindex;
use synchronome_kernel::nic::link_speed;

use super::Daemon;
use crate::net::{
    Card, Found, InWords, LOOK_EVERY, OneStep, SocketOptions, Stamping, cannot_stamp, clocks_to_select, phc_for,
};
use crate::observe::{Change, EventKind, Level, Topic};
use crate::runtime::phcs::can_be_read;
use crate::sharing::{STAMPING_INTERFACES_MAX, StampingInterface, StampingInterfaces};
use crate::time::{Duration, Local, Mono, Timestamp};

/// The longest pause between two attempts to have a card stamp for a port that runs without it.
const WISH_PAUSE_MAX: Duration = Duration::from_secs(256);

/// The card's stamps would be welcome to a port, and could not be had when it started.
#[derive(Clone, Copy, Debug)]
pub(super) struct CardWish {
    try_at: Timestamp<Mono>,
    pause: Duration,
}

impl CardWish {
    /// Of a port that started at `now`.
    pub(super) fn new(now: Timestamp<Mono>) -> Self {
        Self { try_at: now, pause: LOOK_EVERY }
    }

    /// Whether it is time to try again; the next time is then twice as far away.
    fn is_due(&mut self, now: Timestamp<Mono>) -> bool {
        if now < self.try_at {
            return false;
        }
        self.try_at = now + self.pause;
        self.pause = self.pause.times(2).min(WISH_PAUSE_MAX);
        true
    }
}

impl Daemon {
    /// Tells the NTP server whose stamps are of which PHC, and how fast their links are.
    pub(super) fn tell_interfaces(&mut self) {
        if self.server.is_none() {
            return;
        }
        let mut told = StampingInterfaces::default();
        let mut places = told.0.iter_mut();
        for (port, running) in self.ports.iter().enumerate() {
            let Some(card) = running.as_ref().and_then(|running| running.card.as_ref()) else { continue };
            let phc = self.model.ports[port].phc;
            let index = if_nametoindex(card.device()).ok();
            let (Some(phc), Some(index)) = (phc, index) else { continue };
            let Some(place) = places.next() else { break };
            *place = Some(StampingInterface {
                index,
                phc,
                // Nobody says: a card without a link, or a driver that has none.
                bits_per_second: link_speed(card.device()).ok().flatten(),
                ingress_latency: self.config.ptp[port].ingress_latency,
                egress_latency: self.config.ptp[port].egress_latency,
            });
        }
        self.interfaces.write(&told);
    }

    /// Looks at the settings whose turn it is, and at those of ports that miss stamps.
    pub(super) fn look_after_cards(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>) {
        let mut has_looked = false;
        for port in 0..self.ports.len() {
            if let Some(card) = self.card_that_has_come(port, now) {
                let interface = &self.config.ptp[port].interface;
                let text = format!("port {interface}: its interface has a card that stamps now; opening it again");
                self.model.events.record((now, local.read_as()), Level::Info, Topic::Ptp, text, &[]);
                let wish = self.ports[port].as_ref().and_then(|running| running.card_wish);
                self.stop_port(port);
                self.try_start_port(port, now, local);
                if let Some(again) = self.ports[port].as_mut().and_then(|running| running.card_wish.as_mut()) {
                    // It was in vain once more: what was learned of its hurry stays.
                    *again = wish.unwrap_or(*again);
                }
                // Only now, so that a card that restarts its link when it is told anything is told once.
                self.give_back(card);
            }
            let Some(running) = &mut self.ports[port] else { continue };
            let Some(card) = running.card.as_mut().filter(|_| now >= running.look_at) else { continue };
            running.look_at = now + LOOK_EVERY;
            has_looked = true;
            let found = card.look(now);
            let is_unstamped = std::mem::take(&mut running.is_unstamped) && card.one_step() != OneStep::Nothing;
            let mut is_given_up = false;
            let text = match &found {
                // Some drivers stamp no Sync at all then, also not those that are two-step for once (lan8814, lan887x).
                Found::Nothing if is_unstamped => {
                    self.one_step.give_up(card.device(), now);
                    format!("{} writes its time into Sync and stamps none; opening it again, two-step", card.device())
                }
                Found::Nothing => continue,
                Found::NotOneStep { from } => {
                    is_given_up = self.one_step.lost(card.device(), now);
                    format!(
                        "another program has changed what {} stamps to \"{}\", so that it writes no time into {}; opening it again{}",
                        card.device(),
                        InWords(*from),
                        if OneStep::of(from.tx) == OneStep::Nothing { "Sync" } else { "Pdelay_Resp" },
                        if is_given_up { ", two-step from now on, since that is not the first time" } else { "" }
                    )
                }
                // With the interface of a VLAN the way to its card goes.
                Found::Moved if if_nametoindex(self.config.ptp[port].interface.as_str()).is_err() => {
                    "its interface is gone; waiting for it".to_owned()
                }
                Found::Moved => "another clock is behind its interface now; opening it again".to_owned(),
                Found::Restored { from, to, is_fight } => changed(card, InWords(*from), InWords(*to), *is_fight),
                Found::Lost { from, error } => format!(
                    "another program has changed what {} stamps to \"{}\", and it cannot be set again: {error}",
                    card.device(),
                    InWords(*from)
                ),
            };
            let level = match &found {
                Found::Restored { is_fight: true, .. } | Found::Lost { .. } => Level::Error,
                Found::NotOneStep { .. } if is_given_up => Level::Error,
                Found::Nothing | Found::Moved | Found::Restored { .. } | Found::NotOneStep { .. } => Level::Warn,
            };
            if level == Level::Error {
                let device = card.device();
                let trouble = format!("another program keeps changing what {device} stamps");
                self.model.ports[port].card_is_disturbed(trouble);
            }
            let interface = &self.config.ptp[port].interface;
            let change = Change::of(EventKind::Stamps, &**interface).because(&*text);
            let text = format!("port {interface}: {text}");
            self.model.events.record_change((now, local.read_as()), (level, Topic::Ptp), change, text, &[]);
            if matches!(found, Found::Nothing | Found::Moved | Found::NotOneStep { .. }) {
                self.stop_port(port);
                self.retry_at = now;
            }
        }
        if has_looked {
            // A link may have another speed than when it came up.
            self.tell_interfaces();
        }
    }

    /// The card of a port that had to begin without one, if it has one now that stamps and whose clock can be read: drivers
    /// may register the interface first and its clock a moment later, a clock may be busy, a card may refuse to be told.
    ///
    /// What the card says of itself is asked for at each look; that it is told to stamp is tried less and less often, since
    /// where that cannot work (no right to, a driver that errs) it would be tried for ever.
    fn card_that_has_come(&mut self, port: usize, now: Timestamp<Mono>) -> Option<Card> {
        let running = self.ports[port].as_mut()?;
        if running.card_wish.is_none() || now < running.look_at {
            return None;
        }
        running.look_at = now + LOOK_EVERY;
        let SocketOptions { interface, transport, one_step, .. } = self.socket_options(port);
        let wish = self.ports[port].as_mut()?.card_wish.as_mut()?;
        if cannot_stamp(&interface, transport).is_some() || !wish.is_due(now) {
            return None;
        }
        can_be_read(phc_for(&interface, transport)?).then(|| Card::set_up(&interface, transport, one_step).ok())?
    }

    /// A port's card gets back what it was told before, unless another of our ports uses it still.
    pub(super) fn give_back(&mut self, card: Card) {
        let mut others = self.ports.iter_mut().flatten().filter_map(|other| other.card.as_mut());
        if let Some(other) = others.find(|other| other.device() == card.device()) {
            other.inherit(card);
        }
    }

    /// Says whose stamps a port has that has just started.
    pub(super) fn say_stamping(&mut self, port: usize, stamping: &Stamping) {
        let interface = &self.config.ptp[port].interface;
        let text = match (stamping, self.ports[port].as_ref().and_then(|running| running.card.as_ref())) {
            (Stamping::Software(reason), _) => format!("port {interface}: software time stamps: {reason}"),
            (Stamping::Hardware { phc_index }, Some(card)) => format!(
                "port {interface}: hardware time stamps of /dev/ptp{phc_index}; {} stamps \"{}\"{}",
                card.device(),
                InWords(card.setting()),
                clocks_to_select(card.device()).map_or(String::new(), |clocks| format!("; {clocks}"))
            ),
            (Stamping::Hardware { phc_index }, None) => {
                format!("port {interface}: hardware time stamps of /dev/ptp{phc_index}")
            }
        };
        self.record(Level::Info, Topic::Ptp, text);
        self.say_one_step(port, stamping);
    }
}

const _: () = assert!(crate::config::PTP_PORTS_MAX <= STAMPING_INTERFACES_MAX, "a place for each port's card");

fn changed(card: &Card, from: InWords, to: InWords, is_fight: bool) -> String {
    let device = card.device();
    if is_fight {
        format!(
            "another program changes again and again what {device} stamps, now from \"{}\" to \"{from}\"; set to \"{to}\" \
             once more: stop that program, or let it leave the card alone",
            InWords(card.setting())
        )
    } else {
        let ours = InWords(card.setting());
        format!("another program changed what {device} stamps from \"{ours}\" to \"{from}\"; set again to \"{to}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_tried_less_and_less_often_but_never_given_up() {
        let at = |seconds| Timestamp::from_secs(100 + seconds);
        let mut wish = CardWish::new(at(0));
        let tried: Vec<i64> = (0..1_100).step_by(4).filter(|second| wish.is_due(at(*second))).collect();
        assert_eq!(tried, [0, 4, 12, 28, 60, 124, 252, 508, 764, 1_020]);
    }
}
