//! Management messages that ask the daemon: from `pmc` of this machine.

use super::Daemon;
use crate::observe::{Level, Topic};
use crate::ptp::{Asker, ManagedClock, Setting, manage};
use crate::runtime::host::{addresses_of, mac_of};
use crate::runtime::management::{ManagementSocket, REQUEST_MAX};
use crate::runtime::model::Moment;
use crate::wire::ptp::{Message, parse};

/// Requests that one turn answers, so that a flood leaves the thread time for its work.
const REQUESTS_MAX: usize = 64;

impl Daemon {
    /// The data sets of the PTP clocks, as of now.
    pub(super) fn ptp_clocks(&mut self) -> Vec<ManagedClock> {
        let snapshot = self.snapshot();
        let at = Moment { now: self.host.mono(), local: self.host.stamping(), snapshot: &snapshot };
        self.model.ptp_clocks(&self.config, self.identity, at)
    }

    /// Answers what `pmc` of this machine asks; whether there may be more.
    pub(in crate::runtime) fn answer_management(&mut self, socket: &mut ManagementSocket) -> bool {
        let mut buffer = [0; REQUEST_MAX];
        let now = self.host.mono();
        socket.try_again(now);
        for _ in 0..REQUESTS_MAX {
            let request = match socket.receive(&mut buffer) {
                Ok(Some(request)) => request,
                Ok(None) => return false,
                Err(error) => {
                    self.record(Level::Warn, Topic::Ptp, format!("PTP management cannot be read: {error}"));
                    return false;
                }
            };
            let Ok(message) = parse(&buffer[..request.length]) else { continue };
            let mut failed = None;
            let by = Asker::Local { is_owner: request.is_owner };
            self.manage(&message, by, &mut |response| {
                failed = failed.take().or(socket.respond(now, &request, response));
            });
            if let Some(error) = failed {
                let text = format!("PTP management: the answer to {} cannot be sent: {error}", request.name());
                self.record(Level::Warn, Topic::Ptp, text);
            }
        }
        true
    }

    /// Answers a management message for each clock that it is for, and does what the owner has set.
    pub(super) fn manage(&mut self, message: &Message<'_>, by: Asker, send: &mut impl FnMut(&[u8])) {
        for mut clock in self.ptp_clocks() {
            for port in &mut clock.ports {
                port.physical_address = mac_of(&port.interface).map(Vec::from).unwrap_or_default();
                let (v4, v6) = addresses_of(&port.interface).unwrap_or_default();
                port.protocol_address = match port.network_protocol {
                    1 => v4.map(|address| address.octets().to_vec()),
                    2 => v6.map(|address| address.octets().to_vec()),
                    _ => Some(port.physical_address.clone()),
                }
                .unwrap_or_default();
            }
            match manage(&mut clock, message, by, send) {
                Some(Setting::Priority1(priority)) => self.config.clock.ptp.priority1 = priority,
                Some(Setting::Priority2(priority)) => self.config.clock.ptp.priority2 = priority,
                None => continue,
            }
            let own = self.config.clock.ptp;
            let (first, second) = (own.priority1, own.priority2);
            let text = format!("PTP management: priority1 is {first} and priority2 {second} from now on");
            self.record(Level::Info, Topic::Ptp, text);
            self.tell_host_utc();
        }
    }
}
