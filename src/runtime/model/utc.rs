//! TAI - UTC, as the control thread tells of it: who says what, and what follows.
//!
//! A difference of whole seconds has few causes, and people know their numbers: TAI - UTC, GPS - UTC, TAI - GPS, one leap
//! second. So they are named wherever one is met.

use super::{Model, PortModel};
use crate::clock::{ArbPolicy, LeapDispute, Ruling, UtcDispute, UtcNews};
use crate::discipline::Notice;
use crate::observe::event::UTC_DISPUTE;
use crate::observe::{Change, EventKind, Level, Topic};
use crate::ptp::ParentInfo;
use crate::time::{Duration, LeapIndicator, Mono, TaiUtc, Timestamp, Utc};

/// TAI - GPS: GPS counts TAI from where UTC was in 1980 (IS-GPS-200).
const TAI_GPS_S: i64 = 19;
/// Another offset within so much of whole seconds comes from their count.
const WHOLE: Duration = Duration::from_millis(50);

impl Model {
    /// What this host knows of TAI - UTC, and who says so.
    pub fn knows_utc(&mut self, tai_utc: Option<TaiUtc>, by: &'static str) {
        self.tai_utc = tai_utc.or(self.tai_utc);
        self.utc_known_by = by;
    }

    /// Something is new about it.
    pub(super) fn utc_news(&mut self, at: (Timestamp<Mono>, Timestamp<Utc>), news: UtcNews) {
        if !matches!(news, UtcNews::Leap(_)) {
            self.utc_dispute = None;
        }
        let (level, text) = match news {
            UtcNews::Leap(Some(dispute)) => {
                let text = leap_dispute_text(dispute);
                self.leap_dispute = Some(text.clone());
                (Level::Warn, text)
            }
            UtcNews::Leap(None) => {
                self.leap_dispute = None;
                (Level::Info, "the list of leap seconds is contradicted no more".to_owned())
            }
            UtcNews::Disputed(dispute) => {
                self.utc_dispute = Some(dispute);
                (Level::Error, self.dispute_text(dispute))
            }
            UtcNews::Settled(tai_utc) => (Level::Info, format!("{UTC_DISPUTE} = {} s, as is known", tai_utc.0)),
            UtcNews::Changed { from, to } => {
                self.tai_utc = Some(to);
                let text = format!(
                    "the source says TAI - UTC = {} s, not {} s any more: believed, as a leap second that nobody has announced",
                    to.0, from.0
                );
                (Level::Warn, text)
            }
        };
        let change = Change::of(EventKind::Leap, "tai_utc");
        self.events.record_change(at, (level, Topic::Clock), change, text, &[]);
    }

    /// Why the system clock does not follow the source, if that is why.
    pub(super) fn utc_refused(&self) -> Option<String> {
        let dispute = self.utc_dispute.filter(|dispute| dispute.ruling == Ruling::Refused)?;
        Some(self.dispute_text(dispute))
    }

    /// TAI - UTC that counts at the moment.
    pub(super) fn tai_utc_in_force(&self) -> Option<TaiUtc> {
        match self.utc_dispute {
            Some(UtcDispute { ruling: Ruling::Refused, .. }) => None,
            Some(UtcDispute { ruling: Ruling::Believed, stated, .. }) => Some(stated),
            Some(UtcDispute { ruling: Ruling::Ignored, known, .. }) => Some(known),
            None => {
                let stated = self.followed().and_then(|(_, parent)| parent.time_properties.current_utc_offset);
                stated.or(self.tai_utc)
            }
        }
    }

    fn dispute_text(&self, UtcDispute { stated, known, ruling }: UtcDispute) -> String {
        let by = if self.tai_utc == Some(known) && self.utc_known_by != "nobody" {
            self.utc_known_by
        } else {
            "what sources have said before"
        };
        let what = format!("{UTC_DISPUTE} = {} s, {by} {} s{}", stated.0, known.0, likely_cause(stated, known));
        let follows = match ruling {
            Ruling::Refused => {
                "the system clock does not follow it until that is settled (clock.utc_offset can settle it); hardware clocks, which \
                 count TAI, do"
            }
            Ruling::Ignored => "its word is ignored",
            Ruling::Believed => "it is believed, as clock.utc_offset demands",
        };
        format!("{what}: {follows}")
    }
}

/// What sources announce for the end of the day against the list of leap seconds, and what follows.
fn leap_dispute_text(LeapDispute { announced, listed, taken }: LeapDispute) -> String {
    let words = |leap| match leap {
        LeapIndicator::Insert => "one inserted",
        LeapIndicator::Delete => "one deleted",
        LeapIndicator::NoWarning | LeapIndicator::Unknown => "none",
    };
    let follows = match (taken == listed, listed) {
        (true, LeapIndicator::NoWarning) => {
            "none is made, as the list is good for that day (clock.utc_offset = \"source\" believes the sources)"
        }
        (true, _) => "it is made as the list has it",
        (false, _) => "they are believed, as clock.utc_offset demands",
    };
    format!(
        "for the end of this UTC day the sources announce a leap second: {}, the list of leap seconds has: {}; {follows}",
        words(announced),
        words(listed)
    )
}

/// What follows from a wrong word, in a few words.
pub(super) const fn ruling_text(ruling: Ruling) -> &'static str {
    match ruling {
        Ruling::Refused => "refused",
        Ruling::Ignored => "ignored",
        Ruling::Believed => "believed against what is known",
    }
}

/// What makes a source say this, most likely.
fn likely_cause(stated: TaiUtc, known: TaiUtc) -> &'static str {
    match (i64::from(stated.0), i64::from(known.0) - i64::from(stated.0)) {
        (0, _) => " (it counts TAI as UTC, or sends UTC as TAI)",
        (_, TAI_GPS_S) => " (that is GPS - UTC: it sends GPS time as TAI)",
        (_, 1 | -1) => " (one leap second: it has an old list, or they have)",
        _ => "",
    }
}

/// What a correction by whole seconds looks like, as an addition to a sentence; empty if it looks like nothing known.
pub(super) fn named_of(notice: Notice, tai_utc: Option<TaiUtc>) -> String {
    let (Notice::Stepped(by) | Notice::Panic(by)) = notice else { return String::new() };
    let Some(tai_utc) = tai_utc.map(|tai_utc| i64::from(tai_utc.0)) else { return String::new() };
    let names = [(tai_utc, "TAI - UTC"), (tai_utc - TAI_GPS_S, "GPS - UTC"), (TAI_GPS_S, "TAI - GPS")];
    let is_that = |(seconds, _): &&(i64, &str)| (by.abs() - Duration::from_secs(*seconds)).abs() <= WHOLE;
    let named = names.iter().find(is_that);
    named.map_or(String::new(), |(seconds, name)| {
        format!(" ({name} is {seconds} s: one of the two counted the other's time)")
    })
}

/// How the time of a port's parent is read.
pub(super) fn timescale_text(port: &PortModel, parent: &ParentInfo, (fallback, by): (Option<TaiUtc>, &str)) -> String {
    let properties = &parent.time_properties;
    if !properties.ptp_timescale {
        return match port.arb_policy() {
            ArbPolicy::Utc => "timescale ARB, taken as UTC".to_owned(),
            ArbPolicy::Tai => "timescale ARB, taken as TAI".to_owned(),
            ArbPolicy::Refuse => "timescale ARB, refused".to_owned(),
        };
    }
    match (properties.current_utc_offset, fallback) {
        (Some(offset), _) => format!("timescale PTP (TAI), TAI-UTC {} s from the grandmaster", offset.0),
        (None, Some(offset)) => format!("timescale PTP (TAI), TAI-UTC {} s from {by}", offset.0),
        (None, None) => "timescale PTP (TAI), TAI-UTC unknown".to_owned(),
    }
}

/// As in the status; `None`: not known.
pub(super) const fn leap_word(leap: LeapIndicator) -> Option<&'static str> {
    match leap {
        LeapIndicator::NoWarning => Some("none"),
        LeapIndicator::Insert => Some("insert"),
        LeapIndicator::Delete => Some("delete"),
        LeapIndicator::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::status::ClockKind;
    use crate::runtime::host::Host;

    fn model() -> Model {
        let mut model = Model::new(Host::default(), Timestamp::from_secs(1), Some(TaiUtc(37)), ClockKind::System);
        model.knows_utc(Some(TaiUtc(37)), "the kernel");
        model
    }

    fn told(stated: i16, known: i16, ruling: Ruling) -> (Model, String) {
        let mut model = model();
        let at = Timestamp::from_secs(5);
        let dispute = UtcDispute { stated: TaiUtc(stated), known: TaiUtc(known), ruling };
        model.utc_news((at, Timestamp::EPOCH), UtcNews::Disputed(dispute));
        let text = model.events.records(at).pop().expect("an event").text;
        (model, text)
    }

    #[test]
    fn a_wrong_word_is_told_with_its_numbers_its_likely_cause_and_what_follows() {
        let (model, text) = told(0, 37, Ruling::Refused);
        assert!(text.starts_with("the source says TAI - UTC = 0 s, the kernel 37 s (it counts TAI as UTC"), "{text}");
        assert!(text.contains("the system clock does not follow it") && text.contains("clock.utc_offset"), "{text}");
        assert_eq!((model.utc_refused(), model.tai_utc_in_force()), (Some(text), None));
        let (model, text) = told(18, 37, Ruling::Ignored);
        assert!(text.contains("GPS - UTC") && text.ends_with("its word is ignored"), "{text}");
        assert_eq!((model.utc_refused(), model.tai_utc_in_force()), (None, Some(TaiUtc(37))));
        let (model, text) = told(36, 37, Ruling::Believed);
        assert!(text.contains("one leap second") && text.contains("believed"), "{text}");
        assert_eq!(model.tai_utc_in_force(), Some(TaiUtc(36)));
        assert!(told(36, 38, Ruling::Refused).1.contains("what sources have said before 38 s"));
    }

    #[test]
    fn a_leap_second_that_the_list_does_not_have_is_told_with_what_follows_until_it_is_over() {
        let mut model = model();
        let at = (Timestamp::from_secs(5), Timestamp::EPOCH);
        let (announced, listed) = (LeapIndicator::Insert, LeapIndicator::NoWarning);
        model.utc_news(at, UtcNews::Leap(Some(LeapDispute { announced, listed, taken: listed })));
        let told = model.events.records(at.0).pop().expect("an event");
        assert!(told.text.contains("one inserted") && told.text.contains("none is made"), "{}", told.text);
        assert_eq!((told.level.as_str(), model.leap_dispute.as_ref()), ("warn", Some(&told.text)));
        model.utc_news(at, UtcNews::Leap(None));
        assert_eq!(model.leap_dispute, None);
        let missed = LeapDispute { announced: listed, listed: announced, taken: announced };
        assert!(leap_dispute_text(missed).ends_with("it is made as the list has it"));
    }

    #[test]
    fn what_is_settled_is_no_reason_any_more() {
        let (mut model, _) = told(0, 37, Ruling::Refused);
        model.utc_news((Timestamp::from_secs(6), Timestamp::EPOCH), UtcNews::Settled(TaiUtc(37)));
        assert_eq!((model.utc_refused(), model.tai_utc_in_force()), (None, Some(TaiUtc(37))));
    }

    #[test]
    fn a_step_by_whole_seconds_is_named() {
        let step = |by| named_of(Notice::Stepped(by), Some(TaiUtc(37)));
        assert!(step(Duration::from_millis(37_004)).contains("TAI - UTC is 37 s"));
        assert!(step(Duration::from_millis(-37_004)).contains("TAI - UTC is 37 s"));
        assert!(
            step(Duration::from_secs(18)).contains("GPS - UTC") && step(Duration::from_secs(19)).contains("TAI - GPS")
        );
        assert_eq!((step(Duration::from_millis(37_100)), step(Duration::ZERO)), (String::new(), String::new()));
        assert_eq!(named_of(Notice::Stepped(Duration::from_secs(37)), None), "");
    }
}
