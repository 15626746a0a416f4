//! How often the neighbour is asked to send: the message interval request of IEEE 802.1AS-2020 (10.6.4.3).
//!
//! Until a clock is locked it wants many Sync, and later a few would do: by this it says so to the master of its link. Asked is
//! only by a clock that has been locked for a while; one that has lost its lock asks for the initial interval again, and so does one
//! that has just found its master, who may remember what somebody before has asked for. What stands in the next Sync is the
//! answer: there is no other, and it is asked again until that is right, ever more rarely.

use crate::coding::Coded;
use crate::time::{Duration, LogInterval, Mono, Timestamp};
use crate::wire::ptp::PortIdentity;

/// A clock that has been locked for so long asks for the operational intervals. (Avnu's automotive profile allows a minute.)
pub const LOCKED_FOR: Duration = Duration::from_secs(16);
/// Not heeded, it is asked again after so long, and then twice as long each time.
const AGAIN_FIRST: Duration = Duration::from_secs(4);
/// The longest of these times.
const AGAIN_MAX: Duration = Duration::from_secs(256);
/// The longest interval that somebody else can make us send at: 2^4 s.
pub const LOG_REQUESTED_MAX: LogInterval = LogInterval::new(4);
/// Intervals on the wire are of -24 to 24, but for three that mean something else (table 10-17).
const LOG_MAX: i8 = 24;

/// "As initially".
pub const INITIAL: LogInterval = LogInterval::new(126);
/// "Stop".
pub const STOP: LogInterval = LogInterval::new(127);
/// "As it is".
pub const UNCHANGED: LogInterval = LogInterval::new(-128);

/// What a port asks for, and what it lets itself be asked for.
#[derive(Clone, Copy, PartialEq, Debug, Default, Coded)]
pub struct IntervalConfig {
    /// Requests are heeded, and no message is then sent more often than this, as log2 of seconds (-7 to 4); `None`: they are not.
    pub heeded_min: Option<LogInterval>,
    /// What a slave that has been locked for a while asks its master's Sync for, likewise (-7 to 4): operLogSyncInterval; `None`: nothing is asked.
    pub sync: Option<LogInterval>,
    /// The interval of its own Pdelay_Req then, likewise (-7 to 7): operLogPdelayReqInterval; `None`: the same as ever.
    pub pdelay_req: Option<LogInterval>,
}

/// What is wanted of the interval of one message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// As configured.
    Initial,
    /// None is to be sent.
    Stop,
    /// This one.
    Each(LogInterval),
}

/// What an interval on the wire asks for, no shorter than `min` and no longer than [`LOG_REQUESTED_MAX`]; `None`: nothing, or what is
/// reserved.
pub fn wanted(asked: LogInterval, min: LogInterval) -> Option<Wanted> {
    match asked {
        INITIAL => Some(Wanted::Initial),
        STOP => Some(Wanted::Stop),
        _ if (-LOG_MAX..=LOG_MAX).contains(&asked.log2_seconds()) => {
            Some(Wanted::Each(asked.max(min).min(LOG_REQUESTED_MAX)))
        }
        _ => None,
    }
}

/// The side that asks.
#[derive(Clone, Debug, Coded)]
pub struct Asking {
    config: IntervalConfig,
    /// The master that all this is about.
    master: Option<PortIdentity>,
    locked_since: Option<Timestamp<Mono>>,
    /// It has been asked for the operational interval: when it is asked again, and how long after that.
    asked: Option<(Timestamp<Mono>, Duration)>,
}

impl Asking {
    /// Of a port that asks for anything.
    pub fn new(config: IntervalConfig) -> Option<Self> {
        (config.sync.is_some() || config.pdelay_req.is_some()).then_some(Self {
            config,
            master: None,
            locked_since: None,
            asked: None,
        })
    }

    /// Whether the clock has been locked for long enough.
    pub fn is_operational(&self, now: Timestamp<Mono>) -> bool {
        self.locked_since.is_some_and(|since| now - since >= LOCKED_FOR)
    }

    /// There is no link, and so nobody who could be asked.
    pub const fn stop(&mut self) {
        (self.master, self.locked_since, self.asked) = (None, None, None);
    }

    /// The clock follows this master, locked or not, whose Sync state this interval: what it is to be asked for now.
    pub fn review(
        &mut self,
        now: Timestamp<Mono>,
        master: PortIdentity,
        is_locked: bool,
        stated: Option<LogInterval>,
    ) -> Option<LogInterval> {
        let is_new = self.master != Some(master);
        if is_new {
            self.stop();
            self.master = Some(master);
        }
        if !is_locked {
            let was_locked = self.locked_since.take().is_some();
            let was_asked = self.asked.take().is_some();
            return self.config.sync.and((is_new || was_locked && was_asked).then_some(INITIAL));
        }
        self.locked_since.get_or_insert(now);
        let sync = self.config.sync.filter(|_| self.is_operational(now))?;
        let pause = match self.asked {
            Some((again_at, _)) if now < again_at => return None,
            _ if stated == Some(sync) => {
                // Heeded. Who forgets it later is asked at once, and as often as at first.
                self.asked = self.asked.map(|_| (now, Duration::ZERO));
                return None;
            }
            Some((_, pause)) => pause.times(2).clamp(AGAIN_FIRST, AGAIN_MAX),
            None => AGAIN_FIRST,
        };
        self.asked = Some((now + pause, pause));
        Some(sync)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ptp::ClockIdentity;

    #[test]
    fn an_interval_is_kept_within_its_limits_and_what_is_reserved_asks_for_nothing() {
        let min = LogInterval::new(-5);
        for (asked, expected) in [
            (-128, None),
            (-127, None),
            (-25, None),
            (-24, Some(Wanted::Each(min))),
            (-6, Some(Wanted::Each(min))),
            (-5, Some(Wanted::Each(min))),
            (0, Some(Wanted::Each(LogInterval::new(0)))),
            (4, Some(Wanted::Each(LogInterval::new(4)))),
            (24, Some(Wanted::Each(LogInterval::new(4)))),
            (25, None),
            (125, None),
            (126, Some(Wanted::Initial)),
            (127, Some(Wanted::Stop)),
        ] {
            assert_eq!(wanted(LogInterval::new(asked), min), expected, "{asked}");
        }
    }

    fn master(number: u8) -> PortIdentity {
        PortIdentity { clock_identity: ClockIdentity([number; 8]), port_number: 1 }
    }

    const FAST: LogInterval = LogInterval::new(-3);
    const SLOW: LogInterval = LogInterval::new(0);

    /// What is asked, and when, of a clock that is locked from second 2 on; the master's Sync state what `stated` says.
    fn asks(asking: &mut Asking, seconds: std::ops::Range<i64>, stated: impl Fn(i64) -> LogInterval) -> Vec<(i64, i8)> {
        let mut asks = Vec::new();
        for second in seconds {
            let now = Timestamp::from_secs(1_000 + second);
            let asked = asking.review(now, master(1), second >= 2, Some(stated(second)));
            asks.extend(asked.map(|asked| (second, asked.log2_seconds())));
        }
        asks
    }

    fn asking() -> Asking {
        let config = IntervalConfig { heeded_min: None, sync: Some(SLOW), pdelay_req: None };
        Asking::new(config).expect("it asks for Sync")
    }

    #[test]
    fn a_clock_asks_for_the_initial_interval_first_and_for_the_operational_one_once_it_is_locked_for_a_while() {
        let mut asking = asking();
        assert_eq!(asks(&mut asking, 0..100, |second| if second < 19 { FAST } else { SLOW }), [(0, 126), (18, 0)]);
        // A master that was restarted has forgotten it.
        assert_eq!(asks(&mut asking, 100..102, |_| FAST), [(100, 0)]);
    }

    #[test]
    fn who_does_not_heed_is_asked_ever_more_rarely() {
        let asked = asks(&mut asking(), 0..1_200, |_| FAST);
        let when: Vec<i64> = asked.iter().map(|(second, _)| *second).collect();
        assert_eq!(when, [0, 18, 22, 30, 46, 78, 142, 270, 526, 782, 1_038]);
    }

    #[test]
    fn a_lock_that_is_lost_asks_for_the_initial_interval_and_another_master_is_asked_anew() {
        let mut asking = asking();
        asks(&mut asking, 0..30, |_| SLOW);
        let at = |second: i64| Timestamp::from_secs(1_000 + second);
        assert_eq!(asking.review(at(30), master(1), true, Some(FAST)), Some(SLOW));
        assert_eq!(asking.review(at(31), master(1), false, Some(SLOW)), Some(INITIAL));
        assert_eq!(asking.review(at(32), master(1), false, Some(SLOW)), None, "once");
        assert!(!asking.is_operational(at(32)));
        assert_eq!(asking.review(at(33), master(2), false, Some(FAST)), Some(INITIAL));
        assert_eq!(asking.review(at(34), master(2), true, Some(FAST)), None);
        assert_eq!(asking.review(at(50), master(2), true, Some(FAST)), Some(SLOW));
        // One that follows another master while locked waits too.
        assert_eq!(asking.review(at(51), master(1), true, Some(FAST)), None);
        assert!(Asking::new(IntervalConfig::default()).is_none());
    }
}
