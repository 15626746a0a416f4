//! A role by configuration alone: the best master clock algorithm is off (automotive profile of the Avnu Alliance, 6.2).
//!
//! A car starts within seconds and nobody is ever plugged in: who is master is known beforehand, and two Announce to learn it are time lost.
//! So none is sent and none heeded. What they would say is missed too: whose the time is, how good it is, what it counts. A slave takes
//! the sender of the first Sync that it hears for its parent, and another one when that has been silent; it takes the time
//! for TAI, as IEEE 802.1AS has it, unless it is told another.

use super::{Port, Timer};
use crate::engine::Sink;
use crate::ptp::foreign::{Announced, LOG_ANNOUNCE_INTERVAL_MAX};
use crate::ptp::{DataSet, Effect, PortState, Role, StateReason, TimeProperties};
use crate::time::{Duration, LeapIndicator, LogInterval, Mono, Timestamp};
use crate::wire::ptp::{ClockAccuracy, ClockQuality, Header, TimeSource};

/// A master that sends many Sync is not given up sooner, whatever the count of intervals.
const SILENCE_MIN: Duration = Duration::SECOND;

impl Port {
    /// Whether it sends and heeds no Announce.
    pub(super) const fn is_static(&self) -> bool {
        self.config.static_role.is_some()
    }

    /// A Sync has come: to a port that is a slave by configuration the sender is its parent, if it has none.
    pub(super) fn follow_whoever_sends(&mut self, now: Timestamp<Mono>, header: &Header, out: &mut impl Sink<Effect>) {
        let Some(role) = self.config.static_role.filter(|_| self.config.role == Role::Slave) else { return };
        let sender = header.source_port_identity;
        if header.flags.alternate_master()
            || self.acceptable_priority1(now, (sender, sender.clock_identity), u8::MAX, out).is_none()
        {
            return;
        }
        // What no master sends at would keep a forger's Sync for a parent for months.
        let stated = header.log_message_interval.clamped().filter(|stated| *stated <= LOG_ANNOUNCE_INTERVAL_MAX);
        let interval = stated.unwrap_or(self.config.serving.log_sync_interval);
        if self.parent.is_none() && self.state == PortState::Listening {
            self.select(now, &self.unannounced(header, role.ptp_timescale), StateReason::ParentSelected, out);
        }
        if self.parent_port() == Some(sender) {
            let silence = interval.duration().times(i64::from(self.config.announce_receipt_timeout));
            self.timers.set(Timer::AnnounceReceipt, now + silence.max(SILENCE_MIN));
        }
    }

    /// What is known of a master that says nothing of itself.
    fn unannounced(&self, header: &Header, ptp_timescale: bool) -> Announced {
        let sender = header.source_port_identity;
        Announced {
            data: DataSet {
                priority1: u8::MAX,
                grandmaster: sender.clock_identity,
                quality: ClockQuality {
                    clock_class: 248,
                    clock_accuracy: ClockAccuracy::UNKNOWN,
                    offset_scaled_log_variance: 0xffff,
                },
                priority2: u8::MAX,
                steps_removed: 0,
                sender,
                receiver: self.config.port_identity(),
                local_rank: self.config.comparison.of_heard(0),
            },
            time_properties: TimeProperties {
                current_utc_offset: None,
                leap: LeapIndicator::NoWarning,
                ptp_timescale,
                time_traceable: false,
                frequency_traceable: false,
                time_source: TimeSource::INTERNAL_OSCILLATOR,
            },
            synchronization_uncertain: false,
            sequence_id: 0,
            interval: LogInterval::new(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::ptp::peer::NeighborStatus;
    use crate::ptp::script::{Script, config};
    use crate::ptp::{Config, PeerDelayConfig, StaticRole};
    use crate::wire::ptp::{Body, parse};

    fn port(role: Role) -> Script {
        let static_role = Some(StaticRole { ptp_timescale: true });
        let mut script =
            Script::new(Config { role, static_role, peer_delay: Some(PeerDelayConfig::default()), ..config() });
        script.line("0 link up");
        script
    }

    #[test]
    fn a_slave_by_configuration_follows_the_first_who_sends_sync_without_any_announce() {
        let mut script = port(Role::Slave);
        script.line("0 announce B seq=1 p1=1");
        script.line("1 announce B seq=2 p1=1");
        script.line("2 announce B seq=3 p1=1");
        assert_eq!(script.port.state(), PortState::Listening, "no Announce is heeded");
        script.line("2 sync A seq=7 t1=100 t2=100 int=-3");
        assert_eq!(script.port.state(), PortState::Uncalibrated);
        let parent = script.port.parent().expect("A");
        assert!(parent.time_properties.ptp_timescale && parent.time_properties.current_utc_offset.is_none());
        assert_eq!((parent.quality.clock_class, parent.steps_removed), (248, 1));
        let before = parent.port;
        let observed = script.line("2.125 sync A seq=8 t1=100.125 t2=100.125 int=-3");
        assert!(observed.iter().any(|effect| matches!(effect, Effect::Observe(_))), "{observed:?}");
        // Another one is not heard while the first one is.
        script.line("2.2 sync B seq=1 t1=5 t2=100.2 int=-3");
        assert_eq!(script.port.parent().map(|parent| parent.port), Some(before));
    }

    #[test]
    fn a_master_that_sends_no_sync_is_given_up_and_the_next_one_that_does_is_followed() {
        let mut script = port(Role::Slave);
        script.line("2 sync A seq=7 t1=100 t2=100 int=-3");
        script.line("2.9 run");
        assert_eq!(script.port.state(), PortState::Uncalibrated, "a second of silence is none");
        script.line("3.1 run");
        assert_eq!((script.port.state(), script.port.parent()), (PortState::Listening, None));
        script.line("3.2 sync B seq=1 t1=5 t2=100.2 int=0");
        assert_eq!(script.port.state(), PortState::Uncalibrated);
        script.line("6 run");
        assert_eq!(script.port.state(), PortState::Uncalibrated, "three intervals of a second");
        script.line("6.3 run");
        assert_eq!(script.port.state(), PortState::Listening);
    }

    #[test]
    fn a_sync_that_states_an_absurd_interval_keeps_no_parent() {
        for (interval, silent_from) in [(5, 3), (22, 3), (126, 3), (4, 48)] {
            let mut script = port(Role::Slave);
            script.line(&format!("2 sync A seq=7 t1=100 t2=100 int={interval}"));
            script.line(&format!("{} run", 2 + silent_from - 1));
            assert_eq!(script.port.state(), PortState::Uncalibrated, "{interval}");
            script.line(&format!("{} run", 2 + silent_from + 1));
            assert_eq!(script.port.state(), PortState::Listening, "{interval}");
        }
    }

    #[test]
    fn a_master_by_configuration_sends_sync_and_no_announce_and_asks_no_neighbour() {
        let mut script = port(Role::Master);
        script.line("0 line ahead=5");
        script.line("0 decide m2");
        let effects = script.line("5 run");
        let kinds: Vec<&str> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Send { frame, .. } => Some(match parse(frame.as_bytes()).expect("ours").body {
                    Body::Sync(_) => "sync",
                    Body::Announce(_) => "announce",
                    Body::PdelayReq(_) => "pdelay_req",
                    _ => "other",
                }),
                _ => None,
            })
            .collect();
        assert!(kinds.len() >= 5 && kinds.iter().all(|kind| *kind == "sync"), "{kinds:?}");
        assert!(matches!(script.port.neighbor(), Some(NeighborStatus::Silent)), "{:?}", script.port.neighbor());
        let answer = script.line("5 preq A seq=1 t2=100");
        let sends = answer.iter().filter(|effect| matches!(effect, Effect::Send { .. })).count();
        assert_eq!(sends, 1, "it answers: {answer:?}");
        assert!(script.port.deadline().is_some());
    }
}
