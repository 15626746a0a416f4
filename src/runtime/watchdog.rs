//! The watchdog: it notices a timing thread that no longer goes round.
//!
//! Each timing thread beats its [`Pulse`] once a round, and goes round several times a second whatever comes. A pulse
//! that has grown old is a thread that hangs, that was starved of its CPU, or that is dead. The watchdog cannot mend
//! that; it says so, once, and once more when the thread comes back. What such a thread was responsible for degrades
//! by itself: the snapshot ages, and an old one is not served.

use crate::config::ThreadConfig;
use crate::sharing::Pulse;
use crate::time::{Duration, Mono, Timestamp};

/// A thread that has not gone round for this long is stalled.
pub const STALLED_AFTER: Duration = Duration::from_secs(2);

/// A thread under the watchdog.
#[derive(Debug)]
pub struct Watched {
    /// Its name.
    pub name: String,
    /// Where and how it was asked to run.
    pub config: ThreadConfig,
    pulse: Pulse,
    is_stalled: bool,
}

impl Watched {
    /// How long ago it last went round.
    pub fn age(&self, now: Timestamp<Mono>) -> Duration {
        self.pulse.age(now)
    }
}

/// What has changed about a thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// It has not gone round for this long.
    Stalled(Duration),
    /// It goes round again.
    Recovered,
}

/// All the threads that are watched.
#[derive(Debug, Default)]
pub struct Watchdog {
    threads: Vec<Watched>,
}

impl Watchdog {
    /// From now on this thread is watched.
    pub fn add(&mut self, name: impl Into<String>, config: ThreadConfig, pulse: Pulse) {
        self.threads.push(Watched { name: name.into(), config, pulse, is_stalled: false });
    }

    /// The thread was ended on purpose.
    pub fn remove(&mut self, name: &str) {
        self.threads.retain(|watched| watched.name != name);
    }

    /// The watched threads, in the order in which they were added.
    pub fn threads(&self) -> &[Watched] {
        &self.threads
    }

    /// The names of the threads that were stalled at the last look.
    pub fn stalled(&self) -> impl Iterator<Item = &str> {
        self.threads.iter().filter(|watched| watched.is_stalled).map(|watched| watched.name.as_str())
    }

    /// Looks at every pulse; `tell` hears of each thread what has changed since the last look.
    pub fn look(&mut self, now: Timestamp<Mono>, mut tell: impl FnMut(&str, Change)) {
        for watched in &mut self.threads {
            let age = watched.pulse.age(now);
            let is_stalled = age > STALLED_AFTER;
            if is_stalled != watched.is_stalled {
                watched.is_stalled = is_stalled;
                tell(&watched.name, if is_stalled { Change::Stalled(age) } else { Change::Recovered });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp<Mono> {
        Timestamp::EPOCH + Duration::from_millis(millis)
    }

    fn changes(watchdog: &mut Watchdog, now: Timestamp<Mono>) -> Vec<(String, Change)> {
        let mut changes = Vec::new();
        watchdog.look(now, |name, change| changes.push((name.to_owned(), change)));
        changes
    }

    #[test]
    fn a_stalled_thread_is_told_once_and_its_return_too() {
        let (quick, slow) = (Pulse::new(at(0)), Pulse::new(at(0)));
        let mut watchdog = Watchdog::default();
        watchdog.add("quick", ThreadConfig::default(), quick.clone());
        watchdog.add("slow", ThreadConfig::default(), slow.clone());
        quick.beat(at(2_000));
        assert_eq!(changes(&mut watchdog, at(2_000)), [], "two seconds may pass");
        assert_eq!(watchdog.stalled().next(), None);
        let stalled = Change::Stalled(Duration::from_millis(2_100));
        assert_eq!(changes(&mut watchdog, at(2_100)), [("slow".to_owned(), stalled)]);
        quick.beat(at(3_000));
        assert_eq!(changes(&mut watchdog, at(3_000)), [], "told once");
        assert_eq!(watchdog.stalled().collect::<Vec<_>>(), ["slow"]);
        slow.beat(at(3_100));
        assert_eq!(changes(&mut watchdog, at(3_200)), [("slow".to_owned(), Change::Recovered)]);
        assert_eq!(watchdog.stalled().next(), None);
    }

    #[test]
    fn a_thread_that_was_ended_on_purpose_is_not_missed() {
        let mut watchdog = Watchdog::default();
        watchdog.add("ptp-0", ThreadConfig::default(), Pulse::new(at(0)));
        watchdog.remove("ptp-0");
        assert_eq!(changes(&mut watchdog, at(9_000)), []);
        assert!(watchdog.threads().is_empty());
    }
}
