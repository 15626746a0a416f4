//! Whether a master keeps what it promises, as far as that is seen from here (ITU-T G.8265.1 calls it a packet timing signal
//! fail).
//!
//! Announce alone make no master. One that announces itself well and then refuses Sync, or grants it and sends nothing,
//! would be the parent for ever, beside others that would serve; and one that comes and goes would take the clock along
//! each time. So who has failed is followed only where there is nobody else, for a while after it works again
//! (waitToRestore). Twice as long for each time that it has failed to serve what it is asked for since its last Sync: that is seen only by
//! following it, and one that never serves would take the clock along after each wait.

use super::Service;
use super::signal::{SignalFail, SignalFails};
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
    /// Since when what it has granted does not come, by service.
    missing_since: [Option<Timestamp<Mono>>; Service::ALL.len()],
    /// What is missing was held against it.
    is_missed: bool,
    /// The delay of its Sync varies too much.
    varies: bool,
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
        self.failed_to_serve(now, wait_to_restore);
        true
    }

    fn failed_to_serve(&mut self, now: Timestamp<Mono>, wait_to_restore: Duration) {
        self.failed(now, wait_to_restore.times(1 << self.doublings));
        self.doublings = (self.doublings + 1).min(DOUBLINGS_MAX);
    }

    /// What it has granted does not come, from now on; `true` where its signal failed by that.
    pub fn misses(&mut self, now: Timestamp<Mono>, service: Service) -> bool {
        let failed = self.fails().has(SignalFail::LossSync);
        self.missing_since[service as usize].get_or_insert(now);
        !failed
    }

    /// When what is missing counts against it; `None`: nothing is, or it has counted.
    pub fn counts_at(&self, hold_off: Duration) -> Option<Timestamp<Mono>> {
        let since = self.missing_since.into_iter().flatten().min();
        since.filter(|_| !self.is_missed).map(|since| since + hold_off)
    }

    /// What is missing counts against it now.
    pub fn is_missing(&mut self, now: Timestamp<Mono>, wait_to_restore: Duration) {
        self.is_missed = true;
        self.failed_to_serve(now, wait_to_restore);
    }

    /// How the delay of its Sync was found; `true` where its signal failed by that.
    pub fn judged(&mut self, now: Timestamp<Mono>, is_usable: bool, wait_to_restore: Duration) -> bool {
        let failed = self.varies;
        self.varies = !is_usable;
        if !is_usable {
            self.failed(now, wait_to_restore);
        }
        !is_usable && !failed
    }

    /// What of its signal fails, as it was seen last.
    pub const fn fails(&self) -> SignalFails {
        let [_, sync, delay_resp] = self.missing_since;
        SignalFails::NONE
            .with(SignalFail::LossAnnounce, self.is_silent)
            .with(SignalFail::LossSync, sync.is_some() || delay_resp.is_some())
            .with(SignalFail::Unusable, self.varies)
    }

    /// How long it is not followed still where there are others.
    pub fn restores_in(&self, now: Timestamp<Mono>) -> Option<Duration> {
        self.unfit_until.map(|until| until - now).filter(|left| *left > Duration::ZERO)
    }

    /// It is followed from now on.
    pub const fn begins(&mut self) {
        self.tries = [0; Service::ALL.len()];
        self.missing_since = [None; Service::ALL.len()];
        (self.is_missed, self.varies) = (false, false);
    }

    /// It has granted this.
    pub const fn granted(&mut self, service: Service) {
        self.tries[service as usize] = 0;
    }

    /// What was asked for has come.
    pub const fn served(&mut self, service: Service) {
        self.granted(service);
        self.missing_since[service as usize] = None;
        self.is_missed &= self.fails().has(SignalFail::LossSync);
        if matches!(service, Service::Sync) {
            self.doublings = 0;
        }
    }

    /// It says itself that it is not to be used, or does not do as it has granted: not before a longer wait is over.
    pub fn failed(&mut self, now: Timestamp<Mono>, wait_to_restore: Duration) {
        self.unfit_until = self.unfit_until.max(Some(now + wait_to_restore));
    }

    /// Its Announce have stopped; `true` where they came before.
    pub const fn fell_silent(&mut self) -> bool {
        !std::mem::replace(&mut self.is_silent, true)
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
            assert!(fitness.fell_silent() && !fitness.fell_silent());
            fitness.announced(at(now + 50), wait);
            assert!(!fitness.is_fit(at(now + 65)) && fitness.is_fit(at(now + 66)), "{n}");
        }
        (0..8).for_each(|_| _ = fitness.tried(at(1_000), Service::Sync, wait));
        fitness.failed(at(1_001), wait);
        assert!(!fitness.is_fit(at(1_031)) && fitness.is_fit(at(1_032)), "it shortens no longer wait");
    }
}
