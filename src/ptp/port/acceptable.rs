//! Whose Announce are heeded (IEEE 1588-2019 17.5): by the grandmaster that they speak of, and by the port that sends them.
//!
//! The standard's table names ports, with a priority1 that counts instead of the grandmaster's where it is not 0; it counts in the
//! comparison and in what this clock announces in turn. (A boundary clock that chose by the one and announced the other would be at odds
//! with its neighbours about who is the better master.) A list of grandmasters is what a slave behind other clocks needs
//! whose ports nobody knows.

use super::Port;
use crate::engine::Sink;
use crate::ptp::Effect;
use crate::ptp::counters::{Counter, count};
use crate::ptp::{AcceptableMaster, RefusedMaster};
use crate::time::{Mono, Timestamp};
use crate::wire::ptp::{ClockIdentity, PortIdentity};

impl Port {
    /// What to take for the priority1 of a grandmaster that a port announces with this one; `None`: neither may be followed.
    pub(super) fn acceptable_priority1(
        &mut self,
        now: Timestamp<Mono>,
        (port, grandmaster): (PortIdentity, ClockIdentity),
        priority1: u8,
        out: &mut impl Sink<Effect>,
    ) -> Option<u8> {
        let grandmasters = &self.config.grandmasters;
        if grandmasters.iter().any(Option::is_some) && !grandmasters.contains(&Some(grandmaster)) {
            self.refused_master.hear(now, RefusedMaster::Grandmaster(grandmaster));
            count(out, Counter::GrandmasterRefused);
            return None;
        }
        let mut acceptable = self.config.acceptable_masters.iter().flatten().peekable();
        if acceptable.peek().is_none() {
            return Some(priority1);
        }
        let Some(AcceptableMaster { alternate_priority1, .. }) = acceptable.find(|known| known.port == port) else {
            self.refused_master.hear(now, RefusedMaster::Port(port));
            count(out, Counter::MasterRefused);
            return None;
        };
        Some(if *alternate_priority1 == 0 { priority1 } else { *alternate_priority1 })
    }
}

#[cfg(test)]
mod tests {
    use crate::ptp::script::{Script, config};
    use crate::ptp::{AcceptableMaster, Config, RefusedMaster};
    use crate::time::Timestamp;
    use crate::wire::ptp::{ClockIdentity, PortIdentity};

    fn port(letter: u8, port_number: u16) -> PortIdentity {
        PortIdentity { clock_identity: ClockIdentity([letter; 8]), port_number }
    }

    fn accepting(table: &[(PortIdentity, u8)]) -> Script {
        let mut acceptable_masters = config().acceptable_masters;
        for (place, (port, alternate_priority1)) in acceptable_masters.iter_mut().zip(table) {
            *place = Some(AcceptableMaster { port: *port, alternate_priority1: *alternate_priority1 });
        }
        Script::new(Config { acceptable_masters, ..config() })
    }

    #[test]
    fn only_ports_of_the_table_are_heeded_whatever_grandmaster_they_announce() {
        let mut script = accepting(&[(port(b'C', 2), 0), (port(b'B', 1), 0)]);
        script.play(
            "0 announce A seq=1                 => state INITIALIZING->LISTENING (started); master_refused
             1 announce C seq=2                 => master_refused
             2 announce B gm=A seq=1 steps=1    => -
             3 announce B gm=A seq=2 steps=1    => -
             4 announce B gm=A seq=3 steps=1    => parent_changed; parent B gm=A steps=2; state LISTENING->UNCALIBRATED (parent selected)",
        );
        let at = |seconds| Timestamp::from_secs(seconds);
        let refused = Some(RefusedMaster::Port(port(b'C', 1)));
        assert_eq!(script.port.refused_master(at(5)), refused, "the port of another number");
        assert_eq!(script.port.refused_master(at(65)), refused);
        assert_eq!(script.port.refused_master(at(66)), None, "it is no reason for a silence of now");
    }

    #[test]
    fn the_priority1_of_the_table_counts_and_not_the_announced_one_but_where_it_is_0() {
        let mut script = accepting(&[(port(b'A', 1), 0), (port(b'B', 1), 7)]);
        script.play(
            "0 announce A seq=1 p1=10
             0 announce B seq=1 p1=200
             1 announce A seq=2 p1=10
             1 announce B seq=2 p1=200
             2 announce A seq=3 p1=10
             2 announce B seq=3 p1=200",
        );
        let parent = script.port.parent().expect("one of them");
        assert_eq!((parent.port, parent.priority1), (port(b'B', 1), 7));
        let mut script = accepting(&[(port(b'A', 1), 0), (port(b'B', 1), 11)]);
        script.play(
            "0 announce A seq=1 p1=10\n0 announce B seq=1 p1=5\n1 announce A seq=2 p1=10\n1 announce B seq=2 p1=5",
        );
        script.play("2 announce A seq=3 p1=10\n2 announce B seq=3 p1=5");
        let parent = script.port.parent().expect("one of them");
        assert_eq!((parent.port, parent.priority1), (port(b'A', 1), 10));
    }
}
