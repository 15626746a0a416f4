//! Two ports of our own clock on one link (IEEE 1588-2019 9.5.2.3).
//!
//! Each would be its master: what they announce is one data set, and the state decision, which asks who hears whom, has no
//! place for a port that hears itself. So of all ports of one clock on a link only the one of the lowest number serves it, and the others are
//! PASSIVE for as long as they hear it. One Announce is enough to know: it is nobody's claim to be better, and a port that waited for
//! the second one would be a second master meanwhile. A forged one can silence a port, as one of a better grandmaster can;
//! port 1, the only one of an ordinary clock, never.

use super::{Port, Timer};
use crate::engine::Sink;
use crate::ptp::counters::{Counter, count};
use crate::ptp::{Effect, PortState, Recommendation, Role, StateReason};
use crate::time::{Mono, Timestamp};
use crate::wire::ptp::Header;

impl Port {
    /// A port of our clock with a lower number announces on this link. One that can only follow does not follow itself.
    pub(super) fn hear_own_port(&mut self, now: Timestamp<Mono>, header: &Header, out: &mut impl Sink<Effect>) {
        count(out, Counter::OwnPortHeard);
        if self.config.role == Role::Slave {
            return;
        }
        let timeouts = i64::from(self.config.announce_receipt_timeout);
        self.timers.set(Timer::OwnPort, now + self.announce_interval(header).duration().times(timeouts));
        if matches!(self.recommended, Recommendation::Master(_)) {
            self.be_as_recommended(now, out);
        }
    }

    /// Whether one was heard lately.
    pub(super) fn own_port_serves(&self) -> bool {
        self.timers.get(Timer::OwnPort).is_some()
    }

    /// Where this port would be master.
    pub(super) fn leave_the_link_to_the_own_port(&mut self, out: &mut impl Sink<Effect>) {
        if self.state != PortState::Passive {
            self.be_passive(StateReason::OwnPortServes, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ptp::Config;
    use crate::ptp::script::{Script, config};

    /// Port 3 of our clock.
    fn third(role: Role) -> Script {
        let mut script = Script::new(Config { role, port_number: 3, ..config() });
        script.line("0 link up");
        script.line("0 line ahead=0");
        script
    }

    /// It is told that the clock is the best, and is master at 9 s.
    fn third_as_master(role: Role) -> Script {
        let mut script = third(role);
        script.line("0 decide m2");
        script.line("9 run");
        assert_eq!(script.port.state(), PortState::Master);
        script
    }

    #[test]
    fn of_two_ports_of_one_clock_on_a_link_the_lower_number_serves_and_the_other_is_passive() {
        for (role, why) in [(Role::Auto, "the clock is the best here"), (Role::Master, "configured as master")] {
            let mut script = third_as_master(role);
            script.play(&format!(
                "9.5 announce _1 seq=1  => own_port_heard; state MASTER->PASSIVE (another port of this clock serves the link)
                 10.5 announce _1 seq=2 => own_port_heard
                 11 decide m2 class=6   => -
                 13.4 run               => -
                 13.6 run               => state PASSIVE->PRE_MASTER ({why}); state PRE_MASTER->MASTER ({why}); send Announce; send Sync"
            ));
        }
    }

    #[test]
    fn a_port_of_a_higher_number_and_our_own_echo_change_nothing() {
        let mut script = third_as_master(Role::Auto);
        script.play(
            "9.5 announce _4 seq=1 => own_message
             9.6 announce _3 seq=2 => own_message
             9.7 announce _0 seq=3 => own_message
             9.8 sync _1 seq=4     => own_message",
        );
        assert_eq!(script.port.state(), PortState::Master);
        assert_eq!(script.port.foreign_masters(script.now).count(), 0);
    }

    #[test]
    fn a_port_that_listens_does_not_become_master_beside_another_one_of_its_clock() {
        let mut script = third(Role::Auto);
        script.play(
            "0.5 announce _2 seq=1  => own_port_heard
             0.6 decide m3 steps=1  => state LISTENING->PASSIVE (another port of this clock serves the link)
             0.7 decide slave       => -",
        );
        script.play(
            "1 announce A seq=1 p1=10
             1.5 announce _2 seq=2   => own_port_heard
             2 announce A seq=2 p1=10
             3 announce A seq=3 p1=10 => best A; parent_changed; parent A gm=A steps=1; state PASSIVE->UNCALIBRATED (parent selected)",
        );
    }

    #[test]
    fn a_port_that_can_only_follow_does_not_follow_its_own_clock() {
        let mut script = third(Role::Slave);
        for second in 1..6 {
            script.play(&format!("{second} announce _1 seq={second} => own_port_heard"));
        }
        assert_eq!(script.port.foreign_masters(script.now).count(), 0);
        assert_eq!(script.port.state(), PortState::Listening);
    }
}
