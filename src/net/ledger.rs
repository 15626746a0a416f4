//! Which transmit stamp belongs to which message.
//!
//! The kernel hands transmit stamps back on the socket's error queue: later, sometimes much later, sometimes never.
//! ptp4l waits for each one and takes the port down when it does not come in time. Here nobody waits: the ledger
//! remembers what was sent under which key, the stamp finds its message whenever it comes, and what never comes is
//! given up after [`STAMP_WAIT_MAX`] and costs one exchange.
//!
//! Two ways of keys. On Linux 6.13 and later each message carries its own (SCM_TS_OPT_ID). Before, the kernel counts
//! the messages of the socket (SOF_TIMESTAMPING_OPT_ID), and a send that fails may or may not have been counted: after
//! one, the count is started again and what was in flight is given up. Its stamps may still come, under numbers that
//! are given out once more: until that is over no stamp is believed.

use crate::time::{Duration, Mono, Timestamp};

/// The most messages whose stamps are awaited: as many as contracts make due in one round.
pub const LEDGER_MAX: usize = 256;

/// After this long a stamp is given up. Drivers have been seen to deliver a second late (USERS P27).
pub const STAMP_WAIT_MAX: Duration = Duration::from_secs(4);

/// So many stamps lost while another one was awaited, and the card is taken for one that holds a single stamp.
const LOST_IN_COMPANY: u32 = 2;
/// So many that came although another one was awaited: it holds more than one, and what was lost was lost by chance.
const KEPT_IN_COMPANY: u32 = 4;
/// On a card that is taken for one that holds a single stamp company is tried again after so many that came; twice as many
/// each time that it was right not to.
const TRIAL_FIRST: u32 = 64;
/// The most of these.
const TRIAL_MAX: u32 = 4_096;

/// A message whose stamp is awaited.
#[derive(Clone, Copy, Debug)]
struct Entry<T> {
    key: u32,
    token: T,
    sent_at: Timestamp<Mono>,
    /// The stamp of another message was awaited when this one was sent.
    has_company: bool,
}

/// See the module's text. `T` is the sender's own name for a message.
#[derive(Clone, Debug)]
pub struct Ledger<T> {
    /// Each at the place of its key, which are given out in turn.
    entries: [Option<Entry<T>>; LEDGER_MAX],
    in_flight: usize,
    next_key: u32,
    is_counted_by_kernel: bool,
    lost_in_company: u32,
    kept_in_company: u32,
    /// How many have come since one was lost in company, and how many must until that is tried again.
    kept: u32,
    trial_after: u32,
    /// Until then stamps of before the last start of the count may come.
    distrust_until: Option<Timestamp<Mono>>,
    /// When the oldest and the latest of those in flight were sent.
    sent: Option<(Timestamp<Mono>, Timestamp<Mono>)>,
}

impl<T: Copy> Ledger<T> {
    /// An empty ledger; `is_counted_by_kernel` where messages cannot carry their own keys.
    pub fn new(is_counted_by_kernel: bool) -> Self {
        Self {
            entries: [None; LEDGER_MAX],
            in_flight: 0,
            next_key: 0,
            is_counted_by_kernel,
            lost_in_company: 0,
            kept_in_company: 0,
            kept: 0,
            trial_after: TRIAL_FIRST,
            distrust_until: None,
            sent: None,
        }
    }

    /// The key of the next message.
    pub fn next_key(&self) -> u32 {
        self.next_key
    }

    /// The next message was sent under [`Ledger::next_key`]; `token` is `None` if its stamp is not wanted. Returns the
    /// token of an entry that had to make room, or its own if its stamp could not be told from others.
    pub fn sent(&mut self, token: Option<T>, now: Timestamp<Mono>) -> Option<T> {
        let key = self.next_key;
        self.next_key = self.next_key.wrapping_add(1);
        let token = token?;
        if self.distrust_until.is_some_and(|until| now < until) {
            return Some(token);
        }
        let place = place(key);
        let has_company = self.in_flight > 0;
        let evicted = self.take(place).map(|entry| entry.token);
        self.entries[place] = Some(Entry { key, token, sent_at: now, has_company });
        self.in_flight += 1;
        self.sent = Some((self.sent.map_or(now, |(oldest, _)| oldest), now));
        evicted
    }

    /// How many messages are in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// When the oldest of the messages in flight was sent.
    pub fn first_sent(&self) -> Option<Timestamp<Mono>> {
        self.sent.map(|(oldest, _)| oldest)
    }

    /// When the latest of the messages in flight was sent.
    pub fn last_sent(&self) -> Option<Timestamp<Mono>> {
        self.sent.map(|(_, latest)| latest)
    }

    /// Whether the card seems to hold one stamp at a time: stamps of messages that were sent while that of another one was
    /// awaited never came. Other cards lose some by chance, and what comes in company speaks for them; and now and then it
    /// is tried again.
    pub fn holds_one_stamp(&self) -> bool {
        self.lost_in_company >= LOST_IN_COMPANY
    }

    /// The message under this key was not sent after all, which is no fault of the card's; whether its stamp was still awaited. Not where
    /// the kernel counts.
    pub fn unsend(&mut self, key: u32) -> bool {
        self.take_key(key).is_some()
    }

    /// The message under this key may never have left: its stamp says nothing of how many the card holds.
    pub fn excuse(&mut self, key: u32) {
        if let Some(entry) = self.entry(key) {
            entry.has_company = false;
        }
    }

    fn was_lost(&mut self, has_company: bool) {
        if !has_company {
            return;
        }
        self.lost_in_company += 1;
        (self.kept, self.kept_in_company) = (0, 0);
    }

    fn was_kept(&mut self, has_company: bool) {
        self.kept = self.kept.saturating_add(1);
        if has_company {
            self.kept_in_company += 1;
            if self.kept_in_company >= KEPT_IN_COMPANY {
                (self.lost_in_company, self.kept_in_company) = (0, 0);
            }
        }
        if self.holds_one_stamp() && self.kept >= self.trial_after {
            // One more that is lost in company, and it holds one again.
            (self.lost_in_company, self.kept) = (LOST_IN_COMPANY - 1, 0);
            self.trial_after = self.trial_after.saturating_mul(2).min(TRIAL_MAX);
        }
    }

    /// The next message could not be sent. Where the kernel counts, the caller must start its count again, and all
    /// that was in flight is given up: take it with [`Ledger::take_any`].
    #[must_use = "true: start the kernel's count again"]
    pub fn send_failed(&mut self, now: Timestamp<Mono>) -> bool {
        self.start_again(now);
        self.is_counted_by_kernel
    }

    /// The kernel's count has been started again.
    pub fn start_again(&mut self, now: Timestamp<Mono>) {
        if self.is_counted_by_kernel {
            self.next_key = 0;
            if self.in_flight > 0 {
                self.distrust_until = Some(now + STAMP_WAIT_MAX);
            }
        } else {
            // A key of its own that was never on the wire: harmless, and never used again.
            self.next_key = self.next_key.wrapping_add(1);
        }
    }

    /// A stamp came under `key`: whose is it? `None` for a message that was given up, or whose stamp was not wanted.
    pub fn stamped(&mut self, key: u32) -> Option<T> {
        self.stamped_since(key).map(|(token, _)| token)
    }

    /// As [`Ledger::stamped`], with when that message was sent.
    pub fn stamped_since(&mut self, key: u32) -> Option<(T, Timestamp<Mono>)> {
        let entry = self.take_key(key)?;
        self.was_kept(entry.has_company);
        Some((entry.token, entry.sent_at))
    }

    /// Takes one message whose stamp is not to be expected any more.
    pub fn take_expired(&mut self, now: Timestamp<Mono>) -> Option<T> {
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return None;
        }
        let is_late = |entry: &Option<Entry<T>>| entry.is_some_and(|entry| now - entry.sent_at >= STAMP_WAIT_MAX);
        let place = self.places().position(is_late)?;
        let entry = self.take(place)?;
        self.was_lost(entry.has_company);
        Some(entry.token)
    }

    /// Takes any message that is in flight.
    pub fn take_any(&mut self) -> Option<T> {
        let place = self.places().position(Option::is_some)?;
        self.take(place).map(|entry| entry.token)
    }

    /// When the next message is given up.
    pub fn deadline(&self) -> Option<Timestamp<Mono>> {
        self.first_sent().map(|oldest| oldest + STAMP_WAIT_MAX)
    }

    /// The entries; none if nothing is in flight, which is so most of the time.
    fn places(&self) -> std::slice::Iter<'_, Option<Entry<T>>> {
        let end = if self.in_flight == 0 { 0 } else { LEDGER_MAX };
        self.entries[..end].iter()
    }

    fn take(&mut self, place: usize) -> Option<Entry<T>> {
        let entry = self.entries[place].take()?;
        self.in_flight -= 1;
        // All are looked through only where an end is gone, and then not if it was the last one.
        if self.sent.is_none_or(|(oldest, latest)| entry.sent_at <= oldest || entry.sent_at >= latest) {
            let sent = self.places().flatten().map(|entry| entry.sent_at);
            self.sent = sent.fold(None, |range, at| {
                let (oldest, latest) = range.unwrap_or((at, at));
                Some((at.min(oldest), at.max(latest)))
            });
        }
        Some(entry)
    }

    /// The entry under this key.
    fn entry(&mut self, key: u32) -> Option<&mut Entry<T>> {
        self.entries[place(key)].as_mut().filter(|entry| entry.key == key)
    }

    fn take_key(&mut self, key: u32) -> Option<Entry<T>> {
        self.entry(key).is_some().then(|| self.take(place(key))).flatten()
    }
}

const fn place(key: u32) -> usize {
    key as usize % LEDGER_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp<Mono> {
        Timestamp::from_secs(50) + Duration::from_millis(millis)
    }

    #[test]
    fn stamps_find_their_messages_in_any_order_and_however_late() {
        let mut ledger = Ledger::new(false);
        for (n, token) in ['a', 'b', 'c'].into_iter().enumerate() {
            assert_eq!(ledger.sent(Some(token), at(n as i64)), None);
        }
        assert_eq!(ledger.stamped(2), Some('c'));
        assert_eq!(ledger.stamped(0), Some('a'));
        assert_eq!(ledger.take_expired(at(3_000)), None);
        assert_eq!(ledger.stamped(1), Some('b'));
        assert_eq!(ledger.stamped(1), None, "once only");
    }

    #[test]
    fn a_stamp_that_never_comes_costs_its_own_message_only() {
        let mut ledger = Ledger::new(false);
        ledger.sent(Some(1), at(0));
        ledger.sent(Some(2), at(1_000));
        assert_eq!(ledger.deadline(), Some(at(4_000)));
        assert_eq!(ledger.take_expired(at(4_000)), Some(1));
        assert_eq!(ledger.take_expired(at(4_000)), None);
        assert_eq!(ledger.stamped(1), Some(2));
    }

    #[test]
    fn keys_survive_a_failed_send() {
        let mut ledger = Ledger::new(false);
        ledger.sent(Some('a'), at(0));
        assert!(!ledger.send_failed(at(1)));
        let key = ledger.next_key();
        ledger.sent(Some('b'), at(1));
        assert_eq!((ledger.stamped(0), ledger.stamped(key)), (Some('a'), Some('b')));
    }

    #[test]
    fn where_the_kernel_counts_a_failed_send_starts_the_count_again() {
        let mut ledger = Ledger::new(true);
        ledger.sent(Some('a'), at(0));
        ledger.sent(None, at(0));
        assert_eq!(ledger.next_key(), 2, "also unwanted stamps are counted");
        assert!(ledger.send_failed(at(1)));
        assert_eq!(ledger.take_any(), Some('a'));
        assert_eq!(ledger.take_any(), None);
        assert_eq!(ledger.sent(Some('b'), at(2)), Some('b'));
        assert_eq!(ledger.stamped(0), None, "it may be the one of 'a', which is late");
        ledger.sent(Some('c'), at(4_001));
        assert_eq!(ledger.stamped(1), Some('c'));
        assert!(ledger.send_failed(at(5_000)));
        ledger.sent(Some('d'), at(5_001));
        assert_eq!(ledger.stamped(0), Some('d'), "nothing was in flight");
    }

    #[test]
    fn stamps_that_were_lost_beside_another_are_counted() {
        let mut ledger = Ledger::new(false);
        ledger.sent(Some('a'), at(0));
        ledger.sent(Some('b'), at(10));
        assert_eq!((ledger.in_flight(), ledger.last_sent()), (2, Some(at(10))));
        assert_eq!(ledger.first_sent(), Some(at(0)));
        assert_eq!(ledger.stamped(0), Some('a'));
        assert_eq!(ledger.take_expired(at(4_010)), Some('b'));
        ledger.sent(Some('c'), at(5_000));
        assert_eq!(ledger.take_expired(at(9_000)), Some('c'));
        assert_eq!((ledger.in_flight(), ledger.last_sent(), ledger.deadline()), (0, None, None));
        assert_eq!(ledger.lost_in_company, 1, "'c' was alone");
    }

    #[test]
    fn the_oldest_and_the_latest_in_flight_are_right_whichever_goes() {
        // Sent at 0, 1, 2 and 3; what is taken, and who are the ends then.
        let order = [(1, Some((0, 3))), (0, Some((2, 3))), (3, Some((2, 2))), (2, None)];
        let mut ledger = Ledger::new(false);
        for n in 0..4 {
            ledger.sent(Some(n), at(n));
        }
        for (key, ends) in order {
            assert_eq!(ledger.stamped(key), Some(i64::from(key)));
            assert_eq!(ledger.stamped(key), None);
            let sent = ends.map(|(oldest, latest)| (at(oldest), at(latest)));
            assert_eq!((ledger.first_sent(), ledger.last_sent()), (sent.map(|s| s.0), sent.map(|s| s.1)), "{key}");
        }
    }

    /// Two messages a second from `from` on, of which the second gets its stamp or not; whether it seems to hold one only.
    fn pairs(ledger: &mut Ledger<i64>, from: i64, count: i64, is_kept: bool) -> bool {
        for second in from..from + count {
            // The ones before are given up first, so that the first of the pair is alone.
            let now = at(second * 10_000);
            while ledger.take_expired(now).is_some() {}
            let first = ledger.next_key();
            ledger.sent(Some(second), now);
            let other = ledger.next_key();
            ledger.sent(Some(second), now);
            ledger.stamped(first);
            if is_kept {
                ledger.stamped(other);
            }
        }
        while ledger.take_expired(at((from + count) * 10_000)).is_some() {}
        ledger.holds_one_stamp()
    }

    #[test]
    fn a_card_that_loses_some_stamps_by_chance_holds_more_than_one() {
        let mut ledger = Ledger::new(false);
        for round in 0..20 {
            assert!(!pairs(&mut ledger, round * 10, 1, false), "one of six in company is lost");
            assert!(!pairs(&mut ledger, round * 10 + 1, 5, true));
        }
    }

    #[test]
    fn a_card_that_holds_one_stamp_is_tried_again_and_forgiven_if_it_holds_more() {
        let mut ledger = Ledger::new(false);
        assert!(pairs(&mut ledger, 0, 2, false));
        let alone = |ledger: &mut Ledger<i64>, count| {
            for second in 0..count {
                let key = ledger.next_key();
                ledger.sent(Some(0), at(1_000_000 + second));
                ledger.stamped(key);
            }
            ledger.holds_one_stamp()
        };
        assert!(alone(&mut ledger, 63) && !alone(&mut ledger, 1));
        assert!(pairs(&mut ledger, 200, 1, false), "it was right");
        assert!(alone(&mut ledger, 127) && !alone(&mut ledger, 1), "later the next time");
        assert!(!pairs(&mut ledger, 300, 4, true));
        assert!(!pairs(&mut ledger, 310, 1, false), "it has a clean slate");
    }

    #[test]
    fn what_may_never_have_left_is_not_lost_in_company() {
        let mut ledger = Ledger::new(false);
        for second in 0..9 {
            let now = at(second * 10_000);
            while ledger.take_expired(now).is_some() {}
            let first = ledger.next_key();
            ledger.sent(Some(second), now);
            let excused = ledger.next_key();
            ledger.sent(Some(second), now);
            ledger.excuse(excused);
            ledger.stamped(first);
            assert!(!ledger.holds_one_stamp());
        }
    }

    #[test]
    fn a_full_ledger_gives_up_the_oldest() {
        let mut ledger = Ledger::new(false);
        for n in 0..LEDGER_MAX {
            assert_eq!(ledger.sent(Some(n), at(n as i64)), None);
        }
        assert_eq!(ledger.sent(Some(999), at(999)), Some(0));
        assert_eq!(ledger.stamped(LEDGER_MAX as u32), Some(999));
    }
}
