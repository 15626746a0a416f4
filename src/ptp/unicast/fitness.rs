//! Whether a master keeps what it promises, as far as that is seen from here (ITU-T G.8265.1 calls it a packet timing signal
//! fail).
//!
//! Announce alone make no master. One that announces itself well and then refuses Sync, or grants it and sends nothing,
//! would be the parent for ever, beside others that would serve; and one that comes and goes would take the clock along
//! each time. So who has failed is followed only where there is nobody else, for a while after it works again
//! (waitToRestore). Twice as long for each time that it has failed to serve what it is asked for since its last Sync: that is seen only by
//! following it, and one that never serves would take the clock along after each wait.

use super::Service;
use crate::coding::Coded;
use crate::time::{Duration, Mono, Timestamp};

/// Requests that were refused or not answered, and contracts that were granted and forgotten, without one message of that
/// kind between: so many are a failure. Requests leave after 1, 2 and 4 s, so that a refusal is one after 7 s.
const TRIES_MAX: u8 = 4;

/// The wait is doubled so often at most: 64 times as long, 17 minutes of 16 s.
const DOUBLINGS_MAX: u8 = 6;

/// What is known of one master.
#[derive(Clone, Copy, Default, Debug, Coded)]
pub(super) struct Fitness {
    /// In vain, since the last message of each kind.
    tries: [u8; Service::ALL.len()],
    /// Nothing is heard of it.
    is_silent: bool,
    unfit_until: Option<Timestamp<Mono>>,
    /// Doublings of the wait, since the last Sync.
    doublings: u8,
}

impl Fitness {
    /// A request leaves, or a contract was forgotten; `true` if that was once too often.
    pub fn tried(&mut self, now: Timestamp<Mono>, service: Service, wait_to_restore: Duration) -> bool {
        let tries = &mut self.tries[service as usize];
        *tries = tries.saturating_add(1);
        if *tries < TRIES_MAX {
            return false;
        }
        *tries = 0;
        self.failed(now, wait_to_restore.times(1 << self.doublings));
        self.doublings = (self.doublings + 1).min(DOUBLINGS_MAX);
        true
    }

    /// It is followed from now on.
    pub const fn begins(&mut self) {
        self.tries = [0; Service::ALL.len()];
    }

    /// What was asked for has come.
    pub const fn served(&mut self, service: Service) {
        self.tries[service as usize] = 0;
        if matches!(service, Service::Sync) {
            self.doublings = 0;
        }
    }

    /// It says itself that it is not to be used, or does not do as it has granted: not before a longer wait is over.
    pub fn failed(&mut self, now: Timestamp<Mono>, wait_to_restore: Duration) {
        self.unfit_until = self.unfit_until.max(Some(now + wait_to_restore));
    }

    /// Its Announce have stopped.
    pub const fn fell_silent(&mut self) {
        self.is_silent = true;
    }

    /// An Announce has come.
    pub fn announced(&mut self, now: Timestamp<Mono>, wait_to_restore: Duration) {
        if self.is_silent {
            self.is_silent = false;
            self.failed(now, wait_to_restore);
        }
    }

    /// Whether it may be followed where there are others.
    pub fn is_fit(&self, now: Timestamp<Mono>) -> bool {
        self.unfit_until.is_none_or(|until| now >= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_fails_to_serve_waits_twice_as_long_each_time_until_it_has_sent_a_sync() {
        let wait = Duration::from_secs(16);
        let at = |seconds: i64| Timestamp::from_secs(1_000 + seconds);
        let mut fitness = Fitness::default();
        let mut now = 0;
        let mut waits = Vec::new();
        let mut fail = |fitness: &mut Fitness| {
            let tried: Vec<bool> = (0..4).map(|_| fitness.tried(at(now), Service::Sync, wait)).collect();
            assert_eq!(tried, [false, false, false, true]);
            let begun = now;
            while !fitness.is_fit(at(now)) {
                now += 1;
            }
            now - begun
        };
        for _ in 0..9 {
            waits.push(fail(&mut fitness));
            // Answers to Delay_Req alone are no service, nor is an Announce after a silence a longer failure.
            fitness.begins();
            fitness.served(Service::DelayResp);
        }
        assert_eq!(waits, [16, 32, 64, 128, 256, 512, 1_024, 1_024, 1_024]);
        fitness.served(Service::Sync);
        assert_eq!(fail(&mut fitness), 16);
        assert_eq!(fail(&mut fitness), 32);
    }

    #[test]
    fn what_it_says_of_itself_and_a_silence_are_waited_for_as_long_as_ever() {
        let wait = Duration::from_secs(16);
        let at = |seconds: i64| Timestamp::from_secs(1_000 + seconds);
        let mut fitness = Fitness::default();
        for n in 0..4 {
            let now = n * 100;
            fitness.failed(at(now), wait);
            assert!(!fitness.is_fit(at(now + 15)) && fitness.is_fit(at(now + 16)), "{n}");
            fitness.fell_silent();
            fitness.announced(at(now + 50), wait);
            assert!(!fitness.is_fit(at(now + 65)) && fitness.is_fit(at(now + 66)), "{n}");
        }
        (0..8).for_each(|_| _ = fitness.tried(at(1_000), Service::Sync, wait));
        fitness.failed(at(1_001), wait);
        assert!(!fitness.is_fit(at(1_031)) && fitness.is_fit(at(1_032)), "it shortens no longer wait");
    }
}
