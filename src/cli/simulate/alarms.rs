//! When `synchronome health` would say of a host that its sources contradict each other.
//!
//! The verdicts of the run go the same way as those of the daemon: into the rows of a [`Status`], and from there to
//! [`health`](crate::observe::health), so that what is limited is what an operator is told.

use crate::discipline::helm::Verdict;
use crate::observe::health::contradictions;
use crate::observe::status::{SourceStatus, Status};
use crate::time::{Duration, Mono, Timestamp};

/// A time for which health is at least WARNING because of what the sources say.
#[derive(Clone, PartialEq, Debug)]
pub struct Alarm {
    /// Since when.
    pub at: Timestamp<Mono>,
    /// Until when; `None`: until the end of the run.
    pub until: Option<Timestamp<Mono>>,
    /// How long after a source began, or something last happened to the time or the path of any of them, or to the host's own clock.
    pub took: Duration,
    /// What health says first.
    pub says: String,
}

/// All of them, by the `verdicts` on each source, by kind and name, in the order in which they were found; `changed` is when something last happened.
pub fn alarms(
    verdicts: impl Iterator<Item = (Timestamp<Mono>, (&'static str, String), Verdict)>,
    changed: impl Fn(Timestamp<Mono>) -> Timestamp<Mono>,
) -> Vec<Alarm> {
    let mut status = Status::default();
    let mut alarms: Vec<Alarm> = Vec::new();
    let mut verdicts = verdicts.peekable();
    while let Some((at, (kind, name), verdict)) = verdicts.next() {
        let place = status.sources.iter().position(|source| source.kind == kind && source.name == name);
        let place = place.unwrap_or_else(|| {
            status.sources.push(SourceStatus { kind: kind.to_owned(), name, ..SourceStatus::default() });
            status.sources.len() - 1
        });
        let source = &mut status.sources[place];
        verdict.word().clone_into(&mut source.verdict);
        source.reason = verdict.in_words();
        source.beyond_s = match verdict {
            Verdict::Falseticker { beyond } => Some(beyond.as_secs_f64()),
            Verdict::Silent | Verdict::Agrees | Verdict::Undecided => None,
        };
        // What is found at one instant is said together.
        if verdicts.peek().is_some_and(|(next, ..)| *next == at) {
            continue;
        }
        let lasts = alarms.last_mut().filter(|alarm| alarm.until.is_none());
        match (contradictions(&status).into_iter().next(), lasts) {
            (Some(says), None) => alarms.push(Alarm { at, until: None, took: at - changed(at), says }),
            (None, Some(alarm)) => alarm.until = Some(at),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
    alarms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp<Mono> {
        Timestamp::from_secs(seconds)
    }

    #[test]
    fn an_alarm_is_from_the_first_contradiction_until_all_agree_again_and_says_what_health_does() {
        let verdict = |seconds, name: &str, verdict| (at(seconds), ("ntp", name.to_owned()), verdict);
        let beyond = Duration::from_millis(200);
        let found = alarms(
            [
                verdict(2, "one", Verdict::Agrees),
                verdict(2, "two", Verdict::Agrees),
                verdict(60, "one", Verdict::Undecided),
                verdict(60, "two", Verdict::Undecided),
                verdict(70, "one", Verdict::Agrees),
                verdict(70, "two", Verdict::Falseticker { beyond }),
                verdict(90, "two", Verdict::Agrees),
                verdict(95, "two", Verdict::Undecided),
            ]
            .into_iter(),
            |_| at(50),
        );
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!((found[0].at, found[0].until, found[0].took), (at(60), Some(at(90)), Duration::from_secs(10)));
        assert_eq!((found[1].at, found[1].until), (at(95), None));
        assert_eq!(found[0].says, "contradicted, without a majority: ntp one, ntp two; see `synchronome why`");
    }
}
