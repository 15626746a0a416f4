//! Hardware clocks, on their way from a port's card to the discipline.

use super::Daemon;
use crate::config::{PtpConfig, TimestampMode};
use crate::engine::EngineKind;
use crate::net::{PtpSockets, Stamping};
use crate::observe::{Level, Topic};
use crate::runtime::discipline::Command;
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
        let opened = self.phcs.open(phc_index, port, &self.config, config)?;
        let index = opened.index;
        if let Some(mut inlet) = opened.inlet {
            inlet.recorder = Some(self.traces.stream(&format!("phc-{index}"), EngineKind::Discipline));
            self.model.phcs.add(index, &config.interface, phc_index);
            if !self.command(Command::AddPhc(index, inlet)) {
                self.release_phc(port);
                return Err("the discipline thread does not answer".to_owned());
            }
        }
        for (level, text) in opened.notes {
            self.record(level, Topic::Clock, text);
        }
        if let Err(error) = sockets.use_clock(ClockId::Phc(index)) {
            self.release_phc(port);
            return Err(format!("the card's stamps cannot be asked for ({error})"));
        }
        self.model.ports[port].phc = Some(index);
        Ok(())
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
        for index in self.phcs.with_other_virtual_clocks().collect::<Vec<_>>() {
            let text =
                "virtual clocks were made on a hardware clock, or taken from it: its ports start again".to_owned();
            self.record(Level::Warn, Topic::Clock, text);
            self.stop_ports_of(index);
        }
    }

    fn stop_ports_of(&mut self, phc: u8) {
        for port in 0..self.ports.len() {
            if self.model.ports[port].phc == Some(phc) {
                self.stop_port(port);
            }
        }
    }

    /// A port has ended: its PHC goes with the last one that used it.
    pub(super) fn release_phc(&mut self, port: usize) {
        if !self.config.servo.hold {
            for (index, frequency) in self.model.phcs.oscillators() {
                // The next start measures it if it cannot be saved.
                _ = self.phcs.save(index, frequency);
            }
        }
        if let Some(index) = self.phcs.release(port) {
            self.model.phcs.remove(index);
            _ = self.command(Command::RemovePhc(index));
        }
    }
}
