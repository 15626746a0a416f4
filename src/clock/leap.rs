//! TAI - UTC, through a leap second.
//!
//! A leap second is the one moment at which nobody agrees on the time: the kernel sets its clock back at midnight, a
//! grandmaster says the new currentUtcOffset up to two announce intervals later (IEEE 1588-2019 9.4), some say it
//! early, and leap flags linger. So the change is ours: it was announced during the day, it is made at midnight, and what
//! is said to the contrary within [`GUARD`] of it is not listened to.
//!
//! Which leap seconds there are the list knows (IERS, Bulletin C, half a year ahead), if it is there and good for that day: then what sources
//! announce, or leave out, does not count, and is told ([`LeapDispute`]). Without such a list most of those count who agree on the time. A leap second
//! is at the end of a month, whoever announces it when: NTP servers may do so for all of that month (RFC 5905 figure 9 says the day,
//! RFC 1305 said so of the month, and servers do both), and in mid-month it is a stuck bit.
//!
//! And a source can be wrong about it on all other days: a table of years ago, a grandmaster that sends UTC and calls it TAI,
//! one that sends GPS time. Whoever takes its word moves the system clock by whole seconds; whoever takes the host's word
//! does too, if it was the readings that were wrong. From what it sends alone the two cannot be told apart. So where its
//! word is not that of those who know (the kernel, the list of leap seconds, the same source until a moment ago), nobody
//! takes UTC from it until the operator has said which ([`UtcPolicy`]). TAI, which PHCs count, is not in question.

use crate::time::{Duration, LeapIndicator, LeapStep, LeapTable, TaiUtc, Timestamp, Utc, civil_from_days};

/// For so long before and after a leap second what sources say of TAI - UTC is not listened to.
pub const GUARD: Duration = Duration::from_secs(60);
/// For so long before and after it readings of a clock that counts UTC are ambiguous.
pub const AMBIGUOUS: Duration = Duration::from_millis(1_500);

/// A leap second that nobody announces is missed within so long before it: PTP does not announce it for longer than 12 h (IEEE 1588-2019 9.4).
const MISSED_WITHIN: Duration = Duration::from_secs(6 * 3_600);

const DAY_S: i64 = 86_400;

/// A leap second to come, or just past.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leap {
    /// The UTC, counted on with TAI - UTC of before, at which it happens.
    pub at: Timestamp<Utc>,
    /// TAI - UTC before.
    pub before: TaiUtc,
    /// TAI - UTC after.
    pub after: TaiUtc,
}

/// Whose word on TAI - UTC counts where a source says another than is known.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum UtcPolicy {
    /// Nobody's: UTC is not taken from that source.
    #[default]
    Check,
    /// The source's.
    Source,
    /// What is known: its readings are taken for TAI.
    Host,
}

/// How the system clock goes through a leap second.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum LeapPolicy {
    /// The kernel is told of it, and sets its clock; what it does not do in time is done by us.
    #[default]
    Kernel,
    /// We step the clock at its instant, and the kernel is told nothing.
    Step,
    /// Nobody steps it: from then on it is a second off, and that is slewed away as fast as the clock may be corrected.
    Slew,
    /// Nothing is done: from then on it is a second off, and that is corrected as any other offset.
    Ignore,
}

/// What follows from a source's wrong word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ruling {
    /// The system clock does not follow it.
    Refused,
    /// What was known goes on: it is the very source that has said so until now, or [`UtcPolicy::Host`] holds.
    Ignored,
    /// [`UtcPolicy::Source`] holds.
    Believed,
}

/// A source's TAI - UTC is not the one that is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UtcDispute {
    /// What it says.
    pub stated: TaiUtc,
    /// What is known.
    pub known: TaiUtc,
    /// What follows.
    pub ruling: Ruling,
}

/// What sources announce for the end of this UTC day is not what the list of leap seconds has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeapDispute {
    /// What they announce.
    pub announced: LeapIndicator,
    /// What the list has.
    pub listed: LeapIndicator,
    /// What will be done.
    pub taken: LeapIndicator,
}

/// What is new about TAI - UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UtcNews {
    /// Sources and the list of leap seconds do not agree on today's leap second; `None`: they do again, or the day is over.
    Leap(Option<LeapDispute>),
    /// A source says something else than is known.
    Disputed(UtcDispute),
    /// It says what is known again, or another one is followed that does.
    Settled(TaiUtc),
    /// It was believed: a leap second that nobody had announced, at the end of a month, or one that an old list lacks.
    Changed {
        /// What was known.
        from: TaiUtc,
        /// What is known now.
        to: TaiUtc,
    },
}

/// What a list of leap seconds says of those to come.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct LeapList {
    /// The next one, or one that was a moment ago.
    pub next: Option<LeapStep>,
    /// It has all of them until then; `None`: it does not say.
    pub good_until: Option<Timestamp<Utc>>,
}

impl LeapList {
    /// What a whole list says at `now`.
    pub fn of(table: &LeapTable, now: Timestamp<Utc>) -> Self {
        Self { next: table.step_near(now, Duration::from_secs(DAY_S)), good_until: table.expires() }
    }

    /// The leap second of the day that ends at `midnight`; `None`: it does not reach so far. One that it has is one, however old it is.
    fn says(&self, midnight: Timestamp<Utc>) -> Option<LeapIndicator> {
        match self.next.filter(|next| next.from == midnight) {
            Some(next) if next.after > next.before => Some(LeapIndicator::Insert),
            Some(_) => Some(LeapIndicator::Delete),
            None => self.good_until.is_none_or(|until| midnight <= until).then_some(LeapIndicator::NoWarning),
        }
    }
}

/// What the host itself knows of TAI - UTC: from the kernel, or a list of leap seconds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct HostUtc {
    /// What it is; `None`: nobody has told it.
    pub tai_utc: Option<TaiUtc>,
    /// It comes from a list that has expired: there may have been a leap second since.
    pub is_old: bool,
    /// The list, if there is one.
    pub list: Option<LeapList>,
}

impl From<TaiUtc> for HostUtc {
    fn from(tai_utc: TaiUtc) -> Self {
        Self { tai_utc: Some(tai_utc), ..Self::default() }
    }
}

/// What a source says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UtcWord {
    /// Which clock it is.
    pub clock: u64,
    /// TAI - UTC, if it says that.
    pub stated: Option<TaiUtc>,
    /// The leap second that it announces for the current UTC day.
    pub warning: LeapIndicator,
}

/// See the module's text. UTC here is counted on with [`LeapWatch::tai_utc`].
#[derive(Clone, Copy, Debug)]
pub struct LeapWatch {
    policy: UtcPolicy,
    host: HostUtc,
    known: Option<TaiUtc>,
    /// The clock whose word that was last.
    known_by: Option<u64>,
    dispute: Option<UtcDispute>,
    /// What stands for TAI - UTC while nobody has said it: leap seconds change that too.
    stand_in: TaiUtc,
    /// What was announced last.
    announced: Option<LeapIndicator>,
    /// It is not what the list has.
    leap_dispute: Option<LeapDispute>,
    /// And that has not been told yet.
    is_untold: bool,
    leap: Option<Leap>,
    is_done: bool,
}

impl LeapWatch {
    /// Starts with what the host knows.
    pub fn new(host: HostUtc, policy: UtcPolicy) -> Self {
        Self {
            policy,
            host,
            known: host.tai_utc,
            known_by: None,
            dispute: None,
            stand_in: TaiUtc(0),
            announced: None,
            leap_dispute: None,
            is_untold: false,
            leap: None,
            is_done: false,
        }
    }

    /// The host knows something else by now, or another policy holds: from the next word of a source on.
    pub fn configure(&mut self, host: HostUtc, policy: UtcPolicy) {
        let of_offset = |host: HostUtc| (host.tai_utc, host.is_old);
        if of_offset(host) != of_offset(self.host) && !host.is_old && host.tai_utc.is_some() {
            (self.known, self.known_by) = (host.tai_utc, None);
        }
        (self.host, self.policy) = (host, policy);
    }

    /// TAI - UTC in force; `None` if nobody has said it, or what the source says of it is refused.
    pub fn tai_utc(&self) -> Option<TaiUtc> {
        match self.dispute {
            Some(UtcDispute { ruling: Ruling::Refused, .. }) => None,
            Some(UtcDispute { ruling: Ruling::Believed, stated, .. }) => Some(stated),
            Some(UtcDispute { ruling: Ruling::Ignored, .. }) | None => self.known,
        }
    }

    /// What is known of TAI - UTC, whatever the source says of it.
    pub fn known(&self) -> Option<TaiUtc> {
        self.known
    }

    /// The leap second to come; `None` if there is none, or it is past.
    pub fn pending(&self) -> Option<Leap> {
        self.leap.filter(|_| !self.is_done)
    }

    /// The warning of the current UTC day.
    pub fn indicator(&self) -> LeapIndicator {
        match self.pending() {
            Some(leap) if leap.after > leap.before => LeapIndicator::Insert,
            Some(_) => LeapIndicator::Delete,
            None => LeapIndicator::NoWarning,
        }
    }

    /// The source says this at `now`.
    pub fn hear(&mut self, now: Timestamp<Utc>, word: UtcWord) -> Option<UtcNews> {
        if self.is_guarded(now) {
            return None;
        }
        let news = word.stated.and_then(|stated| self.compare(now, word.clock, stated));
        self.announced = (word.warning != LeapIndicator::Unknown).then_some(word.warning);
        self.look(now);
        news
    }

    /// What is new about the leap second of this day, told once.
    pub fn take_leap_news(&mut self) -> Option<UtcNews> {
        std::mem::take(&mut self.is_untold).then_some(UtcNews::Leap(self.leap_dispute))
    }

    /// This is announced now; it counts with the next look.
    pub fn announce(&mut self, warning: LeapIndicator) {
        self.announced = Some(warning);
    }

    /// What was announced last, if anything was.
    pub fn announced(&self) -> Option<LeapIndicator> {
        self.announced
    }

    /// Time has passed: is there a leap second at the end of this UTC day?
    pub fn look(&mut self, now: Timestamp<Utc>) {
        if self.is_guarded(now) {
            return;
        }
        self.leap = None;
        self.is_done = false;
        let midnight = Timestamp::from_secs((now.seconds().div_euclid(DAY_S) + 1) * DAY_S);
        let (.., day) = civil_from_days(midnight.seconds().div_euclid(DAY_S));
        let warning = if day == 1 { self.settle(now, midnight) } else { self.agree() };
        // A second more or less is one, whatever TAI - UTC is; unless the source's is refused, whose UTC is not ours.
        let Some(before) = self.tai_utc().or_else(|| self.known.is_none().then_some(self.stand_in)) else { return };
        let (at, after) = match warning {
            LeapIndicator::Insert => (midnight, before.0.saturating_add(1)),
            LeapIndicator::Delete => (midnight - Duration::SECOND, before.0.saturating_sub(1)),
            LeapIndicator::NoWarning | LeapIndicator::Unknown => return,
        };
        self.leap = Some(Leap { at, before, after: TaiUtc(after) });
    }

    /// What is announced for the end of a month, held against the list.
    fn settle(&mut self, now: Timestamp<Utc>, midnight: Timestamp<Utc>) -> LeapIndicator {
        let announced = self.announced.unwrap_or(LeapIndicator::NoWarning);
        let Some(listed) = self.host.list.and_then(|list| list.says(midnight)) else {
            self.agree();
            return announced;
        };
        let is_believed = self.policy == UtcPolicy::Source && self.announced.is_some();
        let taken = if is_believed { announced } else { listed };
        let is_missed = announced == LeapIndicator::NoWarning;
        if announced == listed || self.announced.is_none() || is_missed && midnight - now > MISSED_WITHIN {
            self.agree();
            return taken;
        }
        let dispute = LeapDispute { announced, listed, taken };
        self.is_untold |= self.leap_dispute.replace(dispute) != Some(dispute);
        taken
    }

    /// There is nothing to dispute, and no leap second by that.
    fn agree(&mut self) -> LeapIndicator {
        self.is_untold |= self.leap_dispute.take().is_some();
        LeapIndicator::NoWarning
    }

    /// Holds a source's word against what is known.
    fn compare(&mut self, now: Timestamp<Utc>, clock: u64, stated: TaiUtc) -> Option<UtcNews> {
        let was_disputed = self.dispute.is_some();
        let Some(known) = self.known.filter(|known| *known != stated) else {
            (self.known, self.known_by, self.dispute) = (Some(stated), Some(clock), None);
            return was_disputed.then_some(UtcNews::Settled(stated));
        };
        if self.is_likely(now, known, stated) {
            (self.known, self.known_by, self.dispute) = (Some(stated), Some(clock), None);
            return Some(UtcNews::Changed { from: known, to: stated });
        }
        let ruling = match self.policy {
            UtcPolicy::Source => Ruling::Believed,
            UtcPolicy::Host => Ruling::Ignored,
            UtcPolicy::Check if self.known_by == Some(clock) => Ruling::Ignored,
            UtcPolicy::Check => Ruling::Refused,
        };
        let dispute = UtcDispute { stated, known, ruling };
        let is_news = self.dispute.replace(dispute) != Some(dispute);
        is_news.then_some(UtcNews::Disputed(dispute))
    }

    /// Whether a source that says another TAI - UTC is likely to be right: one second more or less just when it could have
    /// changed, which nobody has announced; or than an old list has it.
    fn is_likely(&self, now: Timestamp<Utc>, known: TaiUtc, stated: TaiUtc) -> bool {
        let is_one_second = (i32::from(stated.0) - i32::from(known.0)).abs() == 1;
        let is_old = self.host.is_old && self.known_by.is_none();
        is_one_second && (is_old || is_in_the_first_hour_of_a_month(now))
    }

    /// Whether the leap second is due at `now`.
    pub fn is_due(&self, now: Timestamp<Utc>) -> bool {
        self.pending().is_some_and(|leap| now >= leap.at)
    }

    /// It has happened.
    pub fn done(&mut self) {
        let Some(leap) = self.pending() else { return };
        let moved = |tai_utc: TaiUtc| TaiUtc(tai_utc.0 + leap.after.0 - leap.before.0);
        self.known = self.known.map(moved);
        self.stand_in = moved(self.stand_in);
        // Who is believed has changed with it; who is ignored has not said yet what it says now.
        if let Some(dispute) = &mut self.dispute {
            dispute.known = moved(dispute.known);
            if dispute.ruling == Ruling::Believed {
                dispute.stated = moved(dispute.stated);
            }
        }
        self.announced = None;
        self.is_done = true;
    }

    /// Whether a reading of UTC at `now` may be of before or after the leap second.
    pub fn is_ambiguous(&self, now: Timestamp<Utc>) -> bool {
        self.distance(now).is_some_and(|distance| distance <= AMBIGUOUS)
    }

    fn is_guarded(&self, now: Timestamp<Utc>) -> bool {
        self.distance(now).is_some_and(|distance| distance <= GUARD)
    }

    fn distance(&self, now: Timestamp<Utc>) -> Option<Duration> {
        self.leap.map(|leap| (now - leap.at).abs())
    }
}

/// Leap seconds are made at the ends of months (ITU-R TF.460-6).
fn is_in_the_first_hour_of_a_month(now: Timestamp<Utc>) -> bool {
    const HOUR_S: i64 = 3_600;
    let (_, _, day) = civil_from_days(now.seconds().div_euclid(DAY_S));
    day == 1 && now.seconds().rem_euclid(DAY_S) < HOUR_S
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A word of clock 1.
    fn says(stated: impl Into<Option<i16>>, warning: LeapIndicator) -> UtcWord {
        UtcWord { clock: 1, stated: stated.into().map(TaiUtc), warning }
    }

    /// A word of any clock, without a leap second.
    fn of(clock: u64, stated: i16) -> UtcWord {
        UtcWord { clock, ..says(stated, LeapIndicator::NoWarning) }
    }

    /// Nobody has said it.
    fn untold() -> LeapWatch {
        LeapWatch::new(HostUtc::default(), UtcPolicy::Check)
    }

    fn known(tai_utc: i16) -> LeapWatch {
        LeapWatch::new(HostUtc::from(TaiUtc(tai_utc)), UtcPolicy::Check)
    }

    #[expect(clippy::unnecessary_wraps, reason = "it stands beside what is heard")]
    fn disputed(stated: i16, known: i16, ruling: Ruling) -> Option<UtcNews> {
        Some(UtcNews::Disputed(UtcDispute { stated: TaiUtc(stated), known: TaiUtc(known), ruling }))
    }

    #[test]
    fn a_source_that_says_what_the_host_knows_is_no_news_and_where_nobody_knows_it_is_believed() {
        let mut watch = known(37);
        assert_eq!(watch.hear(before_midnight(40_000), of(1, 37)), None);
        let mut watch = untold();
        assert_eq!(watch.tai_utc(), None);
        assert_eq!(watch.hear(before_midnight(40_000), of(1, 36)), None);
        assert_eq!(watch.tai_utc(), Some(TaiUtc(36)));
    }

    #[test]
    fn a_source_that_contradicts_the_host_gives_no_utc_until_it_agrees() {
        for stated in [0, 18, 36, 38] {
            let mut watch = known(37);
            assert_eq!(watch.hear(before_midnight(40_000), of(1, stated)), disputed(stated, 37, Ruling::Refused));
            assert_eq!((watch.tai_utc(), watch.known()), (None, Some(TaiUtc(37))));
            assert_eq!(watch.hear(before_midnight(39_000), of(1, stated)), None, "told once");
            assert_eq!(watch.hear(before_midnight(38_000), of(1, 37)), Some(UtcNews::Settled(TaiUtc(37))));
            assert_eq!(watch.tai_utc(), Some(TaiUtc(37)));
        }
    }

    #[test]
    fn a_change_in_mid_day_is_ignored_of_the_source_that_was_followed_and_refused_of_another() {
        let mut watch = untold();
        watch.hear(before_midnight(40_000), of(1, 37));
        assert_eq!(watch.hear(before_midnight(39_000), of(1, 38)), disputed(38, 37, Ruling::Ignored));
        assert_eq!(watch.tai_utc(), Some(TaiUtc(37)));
        assert_eq!(watch.hear(before_midnight(38_000), of(2, 0)), disputed(0, 37, Ruling::Refused));
        assert_eq!(watch.tai_utc(), None);
    }

    #[test]
    fn the_policy_decides_whose_word_counts() {
        let at = before_midnight(40_000);
        let mut watch = LeapWatch::new(HostUtc::from(TaiUtc(37)), UtcPolicy::Source);
        assert_eq!(watch.hear(at, of(1, 36)), disputed(36, 37, Ruling::Believed));
        assert_eq!(watch.tai_utc(), Some(TaiUtc(36)));
        watch.configure(HostUtc::from(TaiUtc(37)), UtcPolicy::Host);
        assert_eq!(watch.hear(at, of(1, 36)), disputed(36, 37, Ruling::Ignored));
        assert_eq!(watch.tai_utc(), Some(TaiUtc(37)));
        watch.configure(HostUtc::from(TaiUtc(36)), UtcPolicy::Check);
        assert_eq!(watch.hear(at, of(1, 36)), Some(UtcNews::Settled(TaiUtc(36))), "a new list");
    }

    #[test]
    fn a_leap_second_that_nobody_announced_is_believed_in_the_first_hour_of_a_month_only() {
        let mut watch = known(37);
        assert_eq!(
            watch.hear(before_midnight(-2), of(1, 38)),
            Some(UtcNews::Changed { from: TaiUtc(37), to: TaiUtc(38) })
        );
        assert_eq!(watch.tai_utc(), Some(TaiUtc(38)));
        for (seconds, stated) in [(-3_600, 38), (2, 38), (-2, 39), (-2, 0), (86_398, 38)] {
            let mut watch = known(37);
            assert_eq!(
                watch.hear(before_midnight(seconds), of(1, stated)),
                disputed(stated, 37, Ruling::Refused),
                "{seconds}"
            );
        }
    }

    #[test]
    fn an_expired_list_may_lack_one_leap_second_and_no_more() {
        let old = HostUtc { is_old: true, ..HostUtc::from(TaiUtc(37)) };
        let noon = before_midnight(43_200);
        let mut watch = LeapWatch::new(old, UtcPolicy::Check);
        assert_eq!(watch.hear(noon, of(1, 38)), Some(UtcNews::Changed { from: TaiUtc(37), to: TaiUtc(38) }));
        assert_eq!(watch.hear(noon, of(2, 39)), disputed(39, 38, Ruling::Refused), "now a source has said it");
        assert_eq!(LeapWatch::new(old, UtcPolicy::Check).hear(noon, of(1, 0)), disputed(0, 37, Ruling::Refused));
    }

    #[test]
    fn who_is_believed_by_policy_makes_its_leap_second_too() {
        let mut watch = LeapWatch::new(HostUtc::from(TaiUtc(37)), UtcPolicy::Source);
        watch.hear(before_midnight(7_200), says(36, LeapIndicator::Insert));
        watch.done();
        assert_eq!((watch.tai_utc(), watch.known()), (Some(TaiUtc(37)), Some(TaiUtc(38))));
    }

    /// 2026-12-31, so many seconds before midnight.
    fn before_midnight(seconds: i64) -> Timestamp<Utc> {
        Timestamp::from_secs(1_798_761_600 - seconds)
    }

    /// A host with a list that is good for so long after midnight, and has this leap second.
    fn listed(good_for_s: i64, next: LeapIndicator) -> HostUtc {
        let after = match next {
            LeapIndicator::Insert => 38,
            LeapIndicator::Delete => 36,
            LeapIndicator::NoWarning | LeapIndicator::Unknown => 37,
        };
        let step = LeapStep { from: before_midnight(0), before: TaiUtc(37), after: TaiUtc(after) };
        let next = (after != 37).then_some(step);
        let list = LeapList { next, good_until: Some(before_midnight(-good_for_s)) };
        HostUtc { list: Some(list), ..HostUtc::from(TaiUtc(37)) }
    }

    fn leap_disputed(announced: LeapIndicator, listed: LeapIndicator, taken: LeapIndicator) -> UtcNews {
        UtcNews::Leap(Some(LeapDispute { announced, listed, taken }))
    }

    #[test]
    fn a_list_that_reaches_so_far_wins_against_what_sources_announce_and_that_is_told_once() {
        use LeapIndicator::{Delete, Insert, NoWarning};
        for (announced, has) in [(Insert, NoWarning), (Delete, NoWarning), (Delete, Insert), (NoWarning, Insert)] {
            let mut watch = LeapWatch::new(listed(1, has), UtcPolicy::Check);
            watch.hear(before_midnight(7_200), says(37, announced));
            assert_eq!(watch.indicator(), has);
            assert_eq!(watch.take_leap_news(), Some(leap_disputed(announced, has, has)));
            watch.hear(before_midnight(7_100), says(37, announced));
            assert_eq!(watch.take_leap_news(), None);
            watch.hear(before_midnight(7_000), says(37, has));
            assert_eq!((watch.take_leap_news(), watch.indicator()), (Some(UtcNews::Leap(None)), has));
        }
    }

    #[test]
    fn a_list_that_has_expired_by_then_does_not_deny_a_leap_second_and_one_that_it_has_is_one() {
        use LeapIndicator::{Insert, NoWarning};
        for (announced, has) in [(Insert, NoWarning), (NoWarning, NoWarning), (NoWarning, Insert), (Insert, Insert)] {
            let mut watch = LeapWatch::new(listed(-1, has), UtcPolicy::Check);
            watch.hear(before_midnight(7_200), says(37, announced));
            let expected = if has == Insert { Insert } else { announced };
            assert_eq!(watch.indicator(), expected, "{announced:?} {has:?}");
            assert_eq!(watch.take_leap_news().is_some(), has == Insert && announced == NoWarning);
        }
    }

    #[test]
    fn who_believes_the_source_makes_its_leap_second_against_the_list_and_without_a_source_that_of_the_list() {
        let mut watch = LeapWatch::new(listed(1, LeapIndicator::NoWarning), UtcPolicy::Source);
        watch.hear(before_midnight(7_200), says(37, LeapIndicator::Insert));
        assert_eq!(watch.indicator(), LeapIndicator::Insert);
        assert!(watch.take_leap_news().is_some());
        let mut watch = LeapWatch::new(listed(1, LeapIndicator::Delete), UtcPolicy::Source);
        watch.look(before_midnight(80_000));
        assert_eq!((watch.indicator(), watch.take_leap_news()), (LeapIndicator::Delete, None));
    }

    #[test]
    fn nobody_misses_an_announcement_in_the_morning() {
        let mut watch = LeapWatch::new(listed(1, LeapIndicator::Insert), UtcPolicy::Check);
        watch.hear(before_midnight(40_000), says(37, LeapIndicator::NoWarning));
        assert_eq!((watch.indicator(), watch.take_leap_news()), (LeapIndicator::Insert, None));
        watch.look(before_midnight(20_000));
        assert!(watch.take_leap_news().is_some());
        watch.look(before_midnight(0));
        watch.done();
        watch.look(before_midnight(-61));
        assert_eq!((watch.indicator(), watch.take_leap_news()), (LeapIndicator::NoWarning, Some(UtcNews::Leap(None))));
    }

    #[test]
    fn what_is_announced_for_a_month_is_made_at_its_end_and_not_before() {
        const DAY: i64 = 86_400;
        let mut watch = known(37);
        watch.hear(before_midnight(20 * DAY + 100), says(37, LeapIndicator::Insert));
        for seconds in [20 * DAY + 100, 19 * DAY, DAY + 1] {
            watch.look(before_midnight(seconds));
            assert_eq!(watch.indicator(), LeapIndicator::NoWarning, "{seconds} s before");
        }
        watch.look(before_midnight(DAY));
        assert_eq!(watch.pending().map(|leap| leap.at), Some(before_midnight(0)));
    }

    #[test]
    fn an_inserted_second_changes_the_offset_at_midnight() {
        let mut watch = untold();
        watch.hear(before_midnight(7_200), says(37, LeapIndicator::Insert));
        assert_eq!(watch.pending().unwrap().at, before_midnight(0));
        assert_eq!(watch.indicator(), LeapIndicator::Insert);
        assert!(!watch.is_due(before_midnight(1)) && watch.is_due(before_midnight(0)));
        watch.done();
        assert_eq!((watch.tai_utc(), watch.indicator()), (Some(TaiUtc(38)), LeapIndicator::NoWarning));
        assert!(!watch.is_due(before_midnight(-1)));
    }

    #[test]
    fn a_deleted_second_changes_it_a_second_earlier() {
        let mut watch = known(37);
        watch.hear(before_midnight(7_200), says(None, LeapIndicator::Delete));
        assert!(!watch.is_due(before_midnight(2)) && watch.is_due(before_midnight(1)));
        watch.done();
        assert_eq!(watch.tai_utc(), Some(TaiUtc(36)));
    }

    #[test]
    fn near_the_leap_second_nobody_is_listened_to() {
        let mut watch = untold();
        watch.hear(before_midnight(7_200), says(37, LeapIndicator::Insert));
        // One that changes early, and takes its warning back.
        watch.hear(before_midnight(3), of(1, 38));
        assert_eq!((watch.tai_utc(), watch.indicator()), (Some(TaiUtc(37)), LeapIndicator::Insert));
        watch.done();
        // One that is late, with a warning that lingers.
        watch.hear(before_midnight(-3), says(37, LeapIndicator::Insert));
        assert_eq!((watch.tai_utc(), watch.indicator()), (Some(TaiUtc(38)), LeapIndicator::NoWarning));
        watch.hear(before_midnight(-61), of(1, 38));
        assert_eq!(watch.tai_utc(), Some(TaiUtc(38)));
        assert!(!watch.is_ambiguous(before_midnight(-61)));
    }

    #[test]
    fn a_warning_that_is_taken_back_in_time_is_gone() {
        let mut watch = known(37);
        watch.hear(before_midnight(7_200), says(None, LeapIndicator::Insert));
        watch.hear(before_midnight(7_100), says(None, LeapIndicator::NoWarning));
        assert_eq!(watch.pending(), None);
    }

    #[test]
    fn a_second_is_a_second_where_nobody_knows_tai_minus_utc() {
        let mut watch = untold();
        for (leap, after) in [(LeapIndicator::Insert, 1), (LeapIndicator::Insert, 2), (LeapIndicator::Delete, 1)] {
            watch.hear(before_midnight(100), says(None, leap));
            assert_eq!(watch.indicator(), leap);
            assert_eq!(watch.pending().unwrap().after, TaiUtc(after));
            watch.done();
            assert_eq!((watch.tai_utc(), watch.known()), (None, None));
            watch.hear(before_midnight(-100), says(None, LeapIndicator::NoWarning));
        }
    }

    #[test]
    fn whose_utc_is_refused_makes_no_leap_second() {
        let mut watch = known(37);
        watch.hear(before_midnight(100), says(0, LeapIndicator::Insert));
        assert_eq!(watch.indicator(), LeapIndicator::NoWarning);
    }
}
