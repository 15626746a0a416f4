//! The network cards that stamp for our ports: their settings are looked at from time to time.

use synchronome_kernel::nic::link_speed;

use super::Daemon;
use crate::net::{Card, Found, InWords, LOOK_EVERY, Stamping, cannot_stamp};
use crate::observe::{Level, Topic};
use crate::sharing::{STAMPING_INTERFACES_MAX, StampingInterface, StampingInterfaces};
use crate::time::{Local, Mono, Timestamp};

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
            let index = nix::net::if_::if_nametoindex(card.device()).ok();
            let (Some(phc), Some(index)) = (phc, index) else { continue };
            let Some(place) = places.next() else { break };
            *place = Some(StampingInterface {
                index,
                phc,
                // Nobody says: a card without a link, or a driver that has none.
                bits_per_second: link_speed(card.device()).ok().flatten(),
                ingress_latency: self.config.ptp[port].ingress_latency,
            });
        }
        self.interfaces.write(&told);
    }

    /// Looks at the settings whose turn it is, and at those of ports that miss stamps.
    pub(super) fn look_after_cards(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>) {
        let mut has_looked = false;
        for port in 0..self.ports.len() {
            if self.has_got_a_card(port, now) {
                let interface = &self.config.ptp[port].interface;
                let text = format!("port {interface}: its interface has a card that stamps now; opening it again");
                self.model.events.record((now, local.read_as()), Level::Info, Topic::Ptp, text, &[]);
                self.stop_port(port);
                self.retry_at = now;
            }
            let Some(running) = &mut self.ports[port] else { continue };
            let Some(card) = running.card.as_mut().filter(|_| now >= running.look_at) else { continue };
            running.look_at = now + LOOK_EVERY;
            has_looked = true;
            let found = card.look(now);
            let text = match &found {
                Found::Nothing => continue,
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
                Found::Nothing | Found::Moved | Found::Restored { .. } => Level::Warn,
            };
            if level == Level::Error {
                let device = card.device();
                let trouble = format!("another program keeps changing what {device} stamps");
                self.model.ports[port].card_is_disturbed(trouble);
            }
            let interface = &self.config.ptp[port].interface;
            let text = format!("port {interface}: {text}");
            self.model.events.record((now, local.read_as()), level, Topic::Ptp, text, &[]);
            if matches!(found, Found::Moved) {
                self.stop_port(port);
                self.retry_at = now;
            }
        }
        if has_looked {
            // A link may have another speed than when it came up.
            self.tell_interfaces();
        }
    }

    /// Whether the card behind a port's interface offers no stamps that the port needs.
    pub(super) fn cannot_stamp(&self, port: usize) -> bool {
        let config = &self.config.ptp[port];
        cannot_stamp(&config.interface, super::ports::socket_options(config).transport).is_some()
    }

    /// Whether a port that had to begin without a card could have one now: drivers may register the interface first, and its
    /// clock a moment later.
    fn has_got_a_card(&mut self, port: usize, now: Timestamp<Mono>) -> bool {
        let Some(running) = self.ports[port].as_mut().filter(|running| running.wants_card) else { return false };
        if now < running.look_at {
            return false;
        }
        running.look_at = now + LOOK_EVERY;
        !self.cannot_stamp(port)
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
                "port {interface}: hardware time stamps of /dev/ptp{phc_index}; {} stamps \"{}\"",
                card.device(),
                InWords(card.setting())
            ),
            (Stamping::Hardware { phc_index }, None) => {
                format!("port {interface}: hardware time stamps of /dev/ptp{phc_index}")
            }
        };
        self.record(Level::Info, Topic::Ptp, text);
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
