//! How a port sleeps while all is calm.
//!
//! In a calm the discipline uses only some of the Syncs that come ([`USED_EVERY`]), and the time of each is in its stamps, not in when it is
//! read. So the port of such a clock does not wait at its sockets: it sleeps until the second Sync from now and its Follow_Up must have
//! come, and reads what is there. That is one waking where there were two, and no socket to be watched in it.
//!
//! When that will be is known from when the last ones came. One that has not come by then is waited for at the sockets, as without a calm,
//! and the time of the next look is reckoned from its coming.

use crate::discipline::USED_EVERY;
use crate::time::{Duration, LogInterval, Mono, Timestamp};

/// So many Syncs are slept through. A look fails now and then, and fewer intervals than make a silence must lie between two.
const SYNCS: usize = 2;
/// So long after a Sync was waited for the next ones are looked for: masters do not send at even intervals.
const LATER: Duration = Duration::from_millis(2);
/// Each look that has found what it was for is followed by one that comes so much earlier, so that a master whose intervals are a little
/// short is not read later and later.
const EARLIER: Duration = Duration::from_micros(20);

/// See the module's text.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Lull {
    is_calm: bool,
    /// When to look, where that is known.
    look_at: Option<Timestamp<Mono>>,
}

impl Lull {
    /// The discipline says whether there is a calm.
    pub fn set_calm(&mut self, is_calm: bool) {
        self.is_calm = is_calm;
        self.look_at = self.look_at.filter(|_| is_calm);
    }

    /// Until when to sleep without an eye on the sockets; `None`: they are to be watched.
    pub fn until(&self, now: Timestamp<Mono>) -> Option<Timestamp<Mono>> {
        self.look_at.filter(|at| *at > now)
    }

    /// Whether it is time to look.
    pub fn is_over(&self, now: Timestamp<Mono>) -> bool {
        self.look_at.is_some_and(|at| at <= now)
    }

    /// The sockets were watched, and a Follow_Up has just come, of a master that sends a Sync each `interval`.
    pub fn came(&mut self, now: Timestamp<Mono>, interval: LogInterval) {
        self.look_at = self.spacing(interval).map(|spacing| now + spacing + LATER);
    }

    /// It was time to look, and so many Follow_Up were there.
    pub fn found(&mut self, now: Timestamp<Mono>, interval: LogInterval, follow_ups: usize) {
        // One more than was waited for: the last one has come long before, and its successor comes an interval sooner.
        let surplus = follow_ups.saturating_sub(SYNCS).min(SYNCS - 1) as i64;
        self.look_at = (self.look_at.zip(self.spacing(interval)))
            .filter(|_| follow_ups >= SYNCS)
            .map(|(at, spacing)| at + spacing - interval.duration().times(surplus) - EARLIER)
            .filter(|next| *next > now);
    }

    /// What lies between two looks, if Syncs come so often that some are not used.
    fn spacing(&self, interval: LogInterval) -> Option<Duration> {
        let interval = interval.duration();
        (self.is_calm && interval < USED_EVERY).then(|| interval.times(SYNCS as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: LogInterval = LogInterval::new(-3);

    fn at(micros: i64) -> Timestamp<Mono> {
        Timestamp::from_secs(1_000) + Duration::from_micros(micros)
    }

    fn calm() -> Lull {
        let mut lull = Lull::default();
        lull.set_calm(true);
        lull
    }

    /// A master that sends the Follow_Up of number `n` at `n` times so many microseconds: how often the port wakes up for them in a minute, how
    /// many of them it waited for at its sockets, and the longest that one lay there, in microseconds.
    fn a_minute(mut lull: Lull, every_us: i64) -> (usize, usize, i64) {
        let (mut read, mut wakings, mut waited, mut longest) = (0, 0, 0, 0);
        let mut now = at(0);
        while now < at(60_000_000) {
            let next = at((read + 1) * every_us);
            wakings += 1;
            if let Some(until) = lull.until(now) {
                now = until;
                assert!(lull.is_over(now));
                let count = ((now - at(read * every_us)).as_nanos() / (1_000 * every_us)).max(0);
                if count > 0 {
                    longest = longest.max((now - next).as_nanos() / 1_000);
                }
                read += count;
                lull.found(now, INTERVAL, count as usize);
            } else {
                now = next;
                read += 1;
                waited += 1;
                lull.came(now, INTERVAL);
            }
        }
        (wakings, waited, longest)
    }

    #[test]
    fn in_a_calm_it_wakes_up_for_every_second_sync_and_watches_no_socket() {
        let (wakings, waited, longest) = a_minute(calm(), 125_000);
        assert!((239..=245).contains(&wakings), "{wakings}");
        assert!(waited <= 3, "{waited}");
        assert!(longest <= 127_000, "{longest}");
    }

    #[test]
    fn a_master_whose_intervals_are_not_what_it_says_is_followed() {
        // 100 us more, as of one that sets its timer anew each time.
        let (wakings, waited, longest) = a_minute(calm(), 125_100);
        assert!(wakings <= 270 && waited <= 30, "{wakings} {waited}");
        assert!(longest <= 130_000, "{longest}");
        // And less: another is there already then, now and then.
        let (wakings, _, longest) = a_minute(calm(), 124_900);
        assert!(wakings <= 250, "{wakings}");
        assert!(longest <= 260_000, "{longest}");
    }

    #[test]
    fn without_a_calm_or_with_rare_syncs_the_sockets_are_watched() {
        let mut lull = Lull::default();
        lull.came(at(0), INTERVAL);
        assert_eq!(lull.until(at(0)), None);
        let mut rare = calm();
        rare.came(at(0), LogInterval::new(-2));
        assert_eq!(rare.until(at(0)), None);
    }

    #[test]
    fn the_end_of_a_calm_ends_the_sleep() {
        let mut lull = calm();
        lull.came(at(0), INTERVAL);
        let until = lull.until(at(0));
        assert!(until.is_some());
        lull.set_calm(true);
        assert_eq!(lull.until(at(0)), until, "told once more");
        lull.set_calm(false);
        assert_eq!(lull.until(at(0)), None);
    }

    #[test]
    fn a_sync_that_is_not_there_is_waited_for_at_the_sockets() {
        for count in [0, 1] {
            let mut lull = calm();
            lull.came(at(0), INTERVAL);
            let now = lull.until(at(0)).unwrap();
            lull.found(now, INTERVAL, count);
            assert_eq!(lull.until(now), None, "{count}");
            assert!(!lull.is_over(now), "{count}");
        }
    }
}
