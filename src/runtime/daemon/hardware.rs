//! Hardware clocks, on their way from a port's card to the discipline.

use super::Daemon;
use crate::config::{PhcChoice, PtpConfig, TimestampMode};
use crate::engine::EngineKind;
use crate::net::{PtpSockets, Stamping};
use crate::observe::{Level, Topic};
use crate::runtime::discipline::Command;
use crate::runtime::phcs::{User, Wanted, clock_called};
use crate::time::{ClockId, Duration, Mono, Timestamp};

/// A device that is gone for so long is looked for anew.
const GONE_FOR: Duration = Duration::from_secs(2);

impl Daemon {
    /// Lets the card's stamps be those of its PHC, which the discipline is given if it does not have it yet.
    ///
    /// # Errors
    /// Why the port must wait: it asks for hardware stamps, and there are none.
    pub(super) fn use_phc(
        &mut self,
        port: usize,
        config: &PtpConfig,
        sockets: &mut PtpSockets,
    ) -> Result<Stamping, String> {
        let Stamping::Hardware { phc_index } = *sockets.stamping() else { return Ok(sockets.stamping().clone()) };
        let used = self.try_use_phc(port, config, sockets, phc_index);
        match used {
            Ok(()) => Ok(sockets.stamping().clone()),
            Err(why) if config.timestamps == TimestampMode::Hardware => Err(why),
            Err(why) => Ok(Stamping::Software(why)),
        }
    }

    fn try_use_phc(
        &mut self,
        port: usize,
        config: &PtpConfig,
        sockets: &mut PtpSockets,
        phc_index: u32,
    ) -> Result<(), String> {
        let wanted = Wanted { kernel_index: phc_index, name: &config.interface, quantum: config.frequency_quantum };
        let index = self.take_phc(wanted, User::Port(port))?;
        if let Err(error) = sockets.use_clock(ClockId::Phc(index)) {
            self.release_phc(User::Port(port));
            return Err(format!("the card's stamps cannot be asked for ({error})"));
        }
        self.model.ports[port].phc = Some(index);
        Ok(())
    }

    /// The discipline is given a PHC, if it does not have it yet; returns our number of it.
    fn take_phc(&mut self, wanted: Wanted<'_>, user: User) -> Result<u8, String> {
        let opened = self.phcs.open(wanted, user, &self.config)?;
        let index = opened.index;
        if let Some(mut inlet) = opened.inlet {
            inlet.recorder = Some(self.traces.stream(&format!("phc-{index}"), EngineKind::Discipline));
            self.model.phcs.add(index, wanted.name, wanted.kernel_index);
            if !self.command(Command::AddPhc(index, inlet)) {
                self.release_phc(user);
                return Err("the discipline thread does not answer".to_owned());
            }
        }
        for (level, text) in opened.notes {
            self.record(level, Topic::Clock, text);
        }
        Ok(index)
    }

    /// Opens the PHCs that the configuration names and no port has brought in.
    pub(super) fn look_after_named_phcs(&mut self) {
        let PhcChoice::Named(names) = &self.config.clock.phc else { return };
        for (place, name) in names.clone().iter().enumerate() {
            if self.phcs.serves(User::Named(place)) {
                continue;
            }
            // A port on that interface may say more of it.
            let row = self.config.ptp.iter().find(|row| row.interface == *name);
            let quantum = row.and_then(|row| row.frequency_quantum);
            let wanted = |kernel_index| Wanted { kernel_index, name, quantum };
            let problem = clock_called(name).and_then(|number| self.take_phc(wanted(number), User::Named(place))).err();
            let before = &mut self.waiting_for_phcs[place];
            if problem != *before {
                before.clone_from(&problem);
                let (level, text) = match problem {
                    Some(problem) => (Level::Warn, format!("clock {name}: waiting: {problem}")),
                    None => (Level::Info, format!("clock {name}: there, as clock.phc asks for")),
                };
                self.record(level, Topic::Clock, text);
            }
        }
    }

    /// A driver that was reset brings its PHC back as another device, and the one that is open stays dead: then all ports
    /// that use it end, and start again with the new one. (Where the interface goes too, the ports end with that.)
    pub(super) fn look_after_phcs(&mut self, now: Timestamp<Mono>) {
        let gone: Vec<u8> = self.model.phcs.gone_for(now, GONE_FOR).collect();
        for index in gone.into_iter().filter(|index| self.phcs.is_back(*index)).collect::<Vec<_>>() {
            self.record(
                Level::Warn,
                Topic::Clock,
                "a hardware clock came back as another device: its ports start again".into(),
            );
            self.stop_ports_of(index);
        }
    }

    /// Whether a clock can be steered may have changed with the virtual clocks on it.
    pub(super) fn look_after_virtual_clocks(&mut self) {
        for index in self.phcs.with_other_virtual_clocks().collect::<Vec<_>>() {
            let text =
                "virtual clocks were made on a hardware clock, or taken from it: its ports start again".to_owned();
            self.record(Level::Warn, Topic::Clock, text);
            self.stop_ports_of(index);
        }
    }

    fn stop_ports_of(&mut self, phc: u8) {
        for user in self.phcs.users(phc) {
            match user {
                User::Port(port) => self.stop_port(port),
                // It is opened again with the next look.
                User::Named(_) => self.release_phc(user),
            }
        }
    }

    /// Somebody does not use a PHC any more: it goes with the last one that did.
    pub(super) fn release_phc(&mut self, user: User) {
        if !self.config.servo.hold {
            for (index, oscillator) in self.model.phcs.oscillators() {
                // The next start measures it if it cannot be saved.
                _ = self.phcs.save(index, &oscillator);
            }
        }
        if let Some(index) = self.phcs.release(user) {
            self.model.phcs.remove(index);
            _ = self.command(Command::RemovePhc(index));
        }
    }
}
