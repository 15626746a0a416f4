//! Events: what happened, for the log and for the status.
//!
//! Timing threads never format or log. They put small values into a ring; the control thread turns each into a
//! sentence and hands it to [`Events::record`], which writes the log line and keeps the last ones for the status.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use super::change::{Change, EventKind};
use super::status::EventRecord;
use crate::time::{Mono, Timestamp, Utc, civil_from_days};

/// How many of the last events the status shows.
pub const EVENTS_MAX: usize = 64;
/// How many of the last events are kept, for who asks for them and for followers that are slow.
pub const EVENTS_KEPT_MAX: usize = 1_024;

/// So begins what is told of another program that has set a clock's frequency.
pub const FREQUENCY_SET: &str = "another program has set the frequency of";
/// So begins what is told of somebody who has set the system clock.
pub const CLOCK_SET: &str = "somebody set the system clock";
/// So begins what is told of a source whose TAI - UTC is not the one that is known.
pub const UTC_DISPUTE: &str = "the source says TAI - UTC";

/// How much an event matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// An operator is needed now.
    Error,
    /// Something is wrong, though the daemon goes on.
    Warn,
    /// A change that is good to know of.
    Info,
}

impl Level {
    /// The word in status and log.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
        }
    }
}

/// What an event is about; the log's target is `synchronome::` and this word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Topic {
    /// The clock and what steers it.
    Clock,
    /// PTP ports.
    Ptp,
    /// The NTP server.
    Ntp,
    /// The process: threads, configuration, signals.
    Daemon,
}

impl Topic {
    /// The word in status and log.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Clock => "clock",
            Self::Ptp => "ptp",
            Self::Ntp => "ntp",
            Self::Daemon => "daemon",
        }
    }
}

/// The last events, at most [`EVENTS_KEPT_MAX`]; older ones are forgotten, which shows by their numbers.
#[derive(Default, Debug)]
pub struct Events {
    last: VecDeque<(Timestamp<Mono>, EventRecord)>,
    /// How many there were.
    count: u64,
    counts: BTreeMap<&'static str, u64>,
    /// Disruptions, by what has become of the machine.
    disruptions: BTreeMap<String, u64>,
}

impl Events {
    /// Logs an event that is of no particular kind, and keeps it. See [`Events::record_change`].
    pub fn record(
        &mut self,
        at: (Timestamp<Mono>, Timestamp<Utc>),
        level: Level,
        topic: Topic,
        text: impl Into<String>,
        fields: &[(&str, &dyn fmt::Display)],
    ) {
        let change = Change::of(EventKind::Note, topic.word());
        self.record_change(at, (level, topic), change, text, fields);
    }

    /// Logs an event and keeps it.
    ///
    /// `text` is one sentence without its full stop; `fields` are its figures with units in their names. `at` is
    /// CLOCK_REALTIME of the host, for people; `now` is for the age.
    pub fn record_change(
        &mut self,
        (now, at): (Timestamp<Mono>, Timestamp<Utc>),
        (level, topic): (Level, Topic),
        change: Change,
        text: impl Into<String>,
        fields: &[(&str, &dyn fmt::Display)],
    ) {
        let fields: BTreeMap<_, _> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect();
        let text = text.into();
        log(level, topic, &text, &fields);
        if self.last.len() == EVENTS_KEPT_MAX {
            self.last.pop_front();
        }
        self.count += 1;
        *self.counts.entry(change.kind.word()).or_default() += 1;
        if change.kind == EventKind::Disruption {
            *self.disruptions.entry(change.new.clone().unwrap_or_default()).or_default() += 1;
        }
        let record = EventRecord {
            number: self.count,
            at: rfc3339(at),
            age_s: 0.0,
            level: level.word().to_owned(),
            topic: topic.word().to_owned(),
            kind: change.kind.word().to_owned(),
            subject: change.subject,
            old: change.old,
            new: change.new,
            reason: change.reason,
            text,
            fields,
        };
        self.last.push_back((now, record));
    }

    /// The events as the status shows them, the latest last.
    pub fn records(&self, now: Timestamp<Mono>) -> Vec<EventRecord> {
        let first = self.last.len().saturating_sub(EVENTS_MAX);
        self.last.iter().skip(first).map(|event| aged(event, now)).collect()
    }

    /// At most `most` of the events from this number on, the latest last. A first one with a higher number shows that those
    /// between are kept no more.
    pub fn since(&self, number: u64, most: usize, now: Timestamp<Mono>) -> Vec<EventRecord> {
        let first = self.last.front().map_or(0, |(_, first)| number.saturating_sub(first.number));
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        self.last.iter().skip(first).take(most).map(|event| aged(event, now)).collect()
    }

    /// How many there were: the number of the latest.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// How many disruptions there were, by what has become of the machine.
    pub const fn disruptions(&self) -> &BTreeMap<String, u64> {
        &self.disruptions
    }

    /// How many there were of each kind, by its word.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.counts.iter().map(|(kind, count)| (*kind, *count))
    }
}

/// An event with its age.
fn aged((at, record): &(Timestamp<Mono>, EventRecord), now: Timestamp<Mono>) -> EventRecord {
    EventRecord { age_s: (now - *at).as_secs_f64().max(0.0), ..record.clone() }
}

/// One log line; the target lets a filter choose by topic.
fn log(level: Level, topic: Topic, text: &str, fields: &BTreeMap<String, String>) {
    // tracing wants target and level to be constants, hence a call for each pair.
    macro_rules! log_to {
        ($target:literal) => {
            match level {
                Level::Error => tracing::error!(target: $target, "{text}{}", Trailer(fields)),
                Level::Warn => tracing::warn!(target: $target, "{text}{}", Trailer(fields)),
                Level::Info => tracing::info!(target: $target, "{text}{}", Trailer(fields)),
            }
        };
    }
    match topic {
        Topic::Clock => log_to!("synchronome::clock"),
        Topic::Ptp => log_to!("synchronome::ptp"),
        Topic::Ntp => log_to!("synchronome::ntp"),
        Topic::Daemon => log_to!("synchronome::daemon"),
    }
}

/// ` name=value` for each field; values with blanks are quoted.
struct Trailer<'a>(&'a BTreeMap<String, String>);

impl fmt::Display for Trailer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.0 {
            if value.contains(|c: char| c.is_whitespace() || c == '"' || c.is_control()) || value.is_empty() {
                write!(f, " {name}={value:?}")?;
            } else {
                write!(f, " {name}={value}")?;
            }
        }
        Ok(())
    }
}

/// An instant as RFC 3339 has it, in UTC with milliseconds: `2026-02-28T23:59:59.123Z`.
///
/// Years are those of the Gregorian calendar, also before it was in use; beyond 9999 they take more digits. A leap
/// second reads as POSIX counts it: as the second after it.
pub fn rfc3339(at: Timestamp<Utc>) -> String {
    const DAY_S: i64 = 86_400;
    let (days, second) = (at.seconds().div_euclid(DAY_S), at.seconds().rem_euclid(DAY_S));
    let (year, month, day) = civil_from_days(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let millis = at.subsec_nanos() / 1_000_000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Reads what [`rfc3339`] writes; `None` if it is anything else.
pub fn parse_rfc3339(text: &str) -> Option<Timestamp<Utc>> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<i64>().ok())?;
    let mut date = date.splitn(3, '-').map(number);
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (whole, millis) = time.split_once('.')?;
    let mut whole = whole.splitn(3, ':').map(number);
    let (hour, minute, second) = (whole.next()??, whole.next()??, whole.next()??);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_from_civil(year, month, day)?;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    let at = Timestamp::from_parts(seconds, u32::try_from(number(millis)?).ok()?.checked_mul(1_000_000)?);
    (rfc3339(at) == text).then_some(at)
}

/// The inverse of [`civil_from_days`]; `None` beyond the year 99999.
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(0..100_000).contains(&year) || !(1..13).contains(&month) || !(1..32).contains(&day) {
        return None;
    }
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Duration;

    #[test]
    fn what_was_printed_reads_back_and_nothing_else_does() {
        for seconds in [0, -1, 951_782_399, 951_782_400, 1_483_228_800, 4_107_542_400, 253_402_300_800, -62_000_000_000]
        {
            let at = Timestamp::from_parts(seconds, 123_000_000);
            assert_eq!(parse_rfc3339(&rfc3339(at)), Some(at), "{seconds}");
        }
        for wrong in [
            "",
            "2026-02-29T00:00:00.000Z",
            "2026-02-28T24:00:00.000Z",
            "2026-02-28T00:00:00Z",
            "2026-02-28 00:00:00.000Z",
            "2026-02-28T00:00:00.000+01:00",
            "99999999999999999999-01-01T00:00:00.000Z",
            "2026-99-01T00:00:00.000Z",
            "2026-01-01T9223372036854775807:00:00.000Z",
        ] {
            assert_eq!(parse_rfc3339(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn instants_print_as_rfc_3339() {
        let shown = |seconds, nanos| rfc3339(Timestamp::from_parts(seconds, nanos));
        assert_eq!(shown(0, 0), "1970-01-01T00:00:00.000Z");
        assert_eq!(shown(-1, 999_999_999), "1969-12-31T23:59:59.999Z");
        assert_eq!(shown(951_782_399, 0), "2000-02-28T23:59:59.000Z");
        assert_eq!(shown(951_782_400, 0), "2000-02-29T00:00:00.000Z");
        assert_eq!(shown(1_483_228_800, 1_000_000), "2017-01-01T00:00:00.001Z");
        assert_eq!(shown(4_107_542_400, 0), "2100-03-01T00:00:00.000Z", "2100 has no leap day");
        assert_eq!(shown(253_402_300_800, 0), "10000-01-01T00:00:00.000Z");
    }

    #[test]
    fn days_follow_each_other_through_four_centuries() {
        let lengths = |year: i64| {
            let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
            [31, 28 + i64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        };
        let mut days = -135_140; // 1600-01-01
        for year in 1600..2001 {
            for (month, length) in lengths(year).into_iter().enumerate() {
                for day in 1..=length {
                    assert_eq!(civil_from_days(days), (year, month as i64 + 1, day));
                    days += 1;
                }
            }
        }
    }

    #[test]
    fn the_oldest_events_are_forgotten_and_the_status_shows_the_latest() {
        let mut events = Events::default();
        let last = EVENTS_KEPT_MAX as i64 + 3;
        for n in 1..=last {
            let now = (Timestamp::from_secs(n), Timestamp::from_secs(n));
            events.record(now, Level::Info, Topic::Clock, format!("event {n}"), &[("n", &n)]);
        }
        let now = Timestamp::from_secs(last) + Duration::from_millis(500);
        let records = events.records(now);
        assert_eq!((records.len(), events.count()), (EVENTS_MAX, last as u64));
        let first = last - EVENTS_MAX as i64 + 1;
        assert_eq!(records[0].text, format!("event {first}"));
        assert_eq!((records[0].age_s, &records[0].fields["n"]), (63.5, &first.to_string()));
        assert_eq!(records[0].at, rfc3339(Timestamp::from_secs(first)));
        assert_eq!(events.since(0, usize::MAX, now)[0].number, 4, "1 to 3 are forgotten");
    }

    #[test]
    fn events_are_handed_out_from_a_number_on() {
        let mut events = Events::default();
        let numbers = |events: &Events, from, most| -> Vec<u64> {
            events.since(from, most, Timestamp::EPOCH).iter().map(|event| event.number).collect()
        };
        assert!(numbers(&events, 1, 9).is_empty(), "there is none yet");
        for kind in [EventKind::Step, EventKind::State, EventKind::State] {
            let change = Change::of(kind, "system").from_to("LOCKED", "HOLDOVER").because("no sample came");
            let at = (Timestamp::EPOCH, Timestamp::EPOCH);
            events.record_change(at, (Level::Info, Topic::Clock), change, "it happened", &[]);
        }
        assert_eq!(numbers(&events, 0, 9), [1, 2, 3]);
        assert_eq!(numbers(&events, 2, 1), [2]);
        assert!(numbers(&events, 4, 9).is_empty(), "nothing has happened since");
        assert_eq!(events.counts().collect::<Vec<_>>(), [("state", 2), ("step", 1)]);
        let last = events.since(3, 9, Timestamp::EPOCH).pop().unwrap();
        let said = (last.kind.as_str(), last.subject.as_str(), last.old.as_deref(), last.new.as_deref());
        assert_eq!(said, ("state", "system", Some("LOCKED"), Some("HOLDOVER")));
        assert_eq!(last.reason.as_deref(), Some("no sample came"));
    }

    #[test]
    fn the_fields_of_a_log_line_can_be_told_apart() {
        let fields = [("a", "1"), ("b", "two words"), ("c", ""), ("d", "new\nline")];
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        assert_eq!(Trailer(&fields).to_string(), r#" a=1 b="two words" c="" d="new\nline""#);
    }

    #[test]
    fn each_level_and_topic_reaches_the_log_under_its_target() {
        use std::io::Write;
        use std::sync::{Arc, Mutex};

        #[derive(Clone, Default)]
        struct Lines(Arc<Mutex<Vec<u8>>>);
        impl Write for Lines {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }

        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            let mut events = Events::default();
            for level in [Level::Error, Level::Warn, Level::Info] {
                for topic in [Topic::Clock, Topic::Ptp, Topic::Ntp, Topic::Daemon] {
                    let now = (Timestamp::from_secs(0), Timestamp::from_secs(0));
                    events.record(now, level, topic, "it happened", &[("offset_s", &1.5)]);
                }
            }
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        for level in ["ERROR", "WARN", "INFO"] {
            for topic in ["clock", "ptp", "ntp", "daemon"] {
                let expected = format!("{level} synchronome::{topic}: it happened offset_s=1.5\n");
                assert_eq!(text.matches(&expected).count(), 1, "{expected} in\n{text}");
            }
        }
    }
}
