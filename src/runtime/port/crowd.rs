//! When many ask a master at once.
//!
//! A waking costs more than an answer, and ten messages of one batch little more than one. So a master that is asked
//! thousands of times a second does not wait for the next request, but looks at set times. The stamps are taken when the
//! messages pass: all that such an answer loses is the time until it comes, at most [`PACE`]. Who is asked less answers
//! at once.
//!
//! And what surrounds such a look, a round of the whole thread with its poll of everything that may want it, costs as much as ten
//! answers, for caches that others have filled in between. So a round is followed by up to [`LOOKS_MAX`] looks at the requests
//! alone: what else comes waits for at most 8 ms, which nothing minds that can be told to a thread. What has a time of its own is
//! not waited over, and neither is a transmit stamp that is to come.

#[cfg(test)]
mod at_work;

use super::{PortLoop, PtpEngine};
use crate::ptp::Channel;
use crate::runtime::wake::Sleeper;
use crate::time::{Duration, Mono, Timestamp};

/// So long a crowd waits.
const PACE: Duration = Duration::from_millis(2);
/// They are counted over so long at least.
const WINDOW: Duration = Duration::from_millis(8);
/// So many in a window are a crowd: two thousand a second.
const CROWD: u32 = 16;
/// So many at once fill a good part of the socket: the next come too soon to wait for them.
const FULL: u32 = 128;

/// So many looks at the requests alone follow a round.
const LOOKS_MAX: usize = 4;

/// See the module's text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crowd {
    /// When the window began, and how many have come since.
    since: Timestamp<Mono>,
    count: u32,
    /// A crowd until then.
    until: Timestamp<Mono>,
    /// When to look for more, if not as soon as one comes.
    look_at: Option<Timestamp<Mono>>,
}

impl Default for Crowd {
    fn default() -> Self {
        Self { since: Timestamp::EPOCH, count: 0, until: Timestamp::EPOCH, look_at: None }
    }
}

impl Crowd {
    /// So many messages were found; when to look for more, if not as soon as one comes.
    pub fn arrived(&mut self, now: Timestamp<Mono>, count: u32) -> Option<Timestamp<Mono>> {
        if now - self.since >= WINDOW {
            (self.since, self.count) = (now, 0);
        }
        self.count = self.count.saturating_add(count);
        if self.count >= CROWD {
            self.until = now + WINDOW;
        }
        self.look_at = (now < self.until && count < FULL).then(|| now + PACE);
        self.look_at
    }

    /// The next look, if it is only for requests and comes before `deadline`.
    fn next_look(&self, deadline: Timestamp<Mono>) -> Option<Timestamp<Mono>> {
        self.look_at.filter(|look_at| *look_at < deadline)
    }
}

impl<E: PtpEngine> PortLoop<E> {
    /// Between two rounds: looks for requests, and for nothing else, until `latest` or something else came up.
    pub(super) fn serve_the_crowd(&mut self, latest: Timestamp<Mono>, has_work: impl FnOnce() -> bool) {
        let deadlines = [self.engine.deadline(), self.sockets.deadline(), Some(latest)];
        let deadline = deadlines.into_iter().flatten().min().unwrap_or(latest);
        let may_begin = self.crowd.next_look(deadline).is_some() && self.outlet.is_master();
        if !may_begin || self.sockets.awaits_stamps() || has_work() {
            return;
        }
        for _ in 0..LOOKS_MAX {
            let Some(look_at) = self.crowd.next_look(deadline) else { return };
            Sleeper::nap(self.clock.mono(), look_at);
            let now = self.clock.mono();
            self.look_at_the_time(now);
            self.take_packets(Channel::Event, now);
            if !self.answers.were_all || self.outlet.has_told {
                // A step may have led to anything.
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The times of looking, in microseconds, when a message comes every so many, for so long.
    fn looks(every_us: i64, for_us: i64) -> Vec<i64> {
        let at = |micros| Timestamp::from_secs(1_000) + Duration::from_micros(micros);
        let (mut crowd, mut looks, mut next, mut resting) = (Crowd::default(), Vec::new(), 0, None);
        while next < for_us {
            let now = resting.unwrap_or(next).max(next);
            let count = (now - next) / every_us + 1;
            next += count * every_us;
            looks.push(now);
            resting = crowd.arrived(at(now), count as u32).map(|until| (until - at(0)).as_nanos() / 1_000);
        }
        looks
    }

    #[test]
    fn who_is_asked_now_and_then_answers_at_once() {
        // A thousand slaves at one a second, and one at 128.
        assert_eq!(looks(1_000, 100_000).len(), 100);
        assert_eq!(looks(7_813, 1_000_000).len(), 128);
    }

    #[test]
    fn a_crowd_is_answered_each_two_milliseconds() {
        let looks = looks(50, 1_000_000);
        assert!((500..550).contains(&looks.len()), "20,000 messages in {} looks", looks.len());
        assert!(looks.windows(2).all(|two| two[1] - two[0] <= 2_050));
    }

    #[test]
    fn a_look_for_requests_alone_is_due_in_a_crowd_and_before_everything_else() {
        let (mut crowd, now) = (Crowd::default(), Timestamp::from_secs(1_000));
        assert_eq!(crowd.next_look(now + Duration::SECOND), None);
        crowd.arrived(now, CROWD - 1);
        assert_eq!(crowd.next_look(now + Duration::SECOND), None, "no crowd yet");
        crowd.arrived(now, 1);
        assert_eq!(crowd.next_look(now + Duration::SECOND), Some(now + PACE));
        assert_eq!(crowd.next_look(now + PACE), None, "something else is due");
        crowd.arrived(now + WINDOW, 0);
        assert_eq!(crowd.next_look(now + Duration::SECOND), None, "it has gone");
    }

    #[test]
    fn who_would_fill_the_socket_is_not_waited_for() {
        let mut crowd = Crowd::default();
        let now = Timestamp::from_secs(1_000);
        assert_eq!(crowd.arrived(now, FULL), None);
        assert_eq!(crowd.arrived(now, FULL - 1), Some(now + PACE));
    }
}
