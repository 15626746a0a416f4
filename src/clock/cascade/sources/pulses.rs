//! Which second a pulse begins.
//!
//! A pulse says when a second begins, to the nanosecond, and not which. To number it by our own clock is the obvious way, and fails at
//! the worst moment: a clock that has followed a liar by whole seconds would have the pulse bear witness for him. So others say it, where there
//! are any: the source that the configuration names, or what the majority of all that are no pulses has in common. Only while none is heard
//! the pulse goes on from its own last second, or from what is proven of our clock.
//!
//! Whoever numbers must be right to within 0.4 s: then only one second can be meant. (The drift of the system clock between two pulses
//! is nothing beside that.)

use super::super::{Cascade, Clock};
use crate::discipline::helm::{HELM_SOURCES_MAX, SourceKind};
use crate::discipline::select::select;
use crate::discipline::{Span, Whereabouts};
use crate::time::{ClockId, Duration, Local, Mono, Observation, SourceId, Timestamp};

/// Whoever numbers the seconds leaves no more open than this on either side.
const NUMBERS_WITHIN: Duration = Duration::from_millis(400);

impl<C: Clock> Cascade<C> {
    /// The seconds of a pulse are numbered by this source, or by the majority of the others.
    pub fn number_by(&mut self, pulse: SourceId, by: SourceId) {
        if let Some(row) = self.sources.as_mut().and_then(|sources| sources.row(pulse)) {
            row.numbered_by = Some(by);
        }
    }

    /// The observation, of a pulse with the second that it begins; `None`: nobody can say which that is.
    pub(in crate::clock::cascade) fn numbered(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        observation: &Observation,
    ) -> Option<Observation> {
        let row = self.sources.as_mut().and_then(|sources| sources.row(observation.source).copied());
        let Some(row) = row.filter(|row| row.kind == SourceKind::Pulse) else { return Some(*observation) };
        let found = self.numbering_span(now, local, row.source, row.numbered_by);
        let good = found.filter(|span| span.half_width().abs() <= NUMBERS_WITHIN && span.low <= span.high);
        if let Some(row) = self.sources.as_mut().and_then(|sources| sources.row(observation.source)) {
            row.is_unnumbered = good.is_none();
        }
        let expected = good?.centre();
        let mut numbered = *observation;
        let is_from = matches!(observation.sent.clock, ClockId::Remote(_));
        let (ours, theirs) = if is_from {
            (observation.received.at, &mut numbered.sent.at)
        } else {
            (observation.sent.at, &mut numbered.received.at)
        };
        // What the clock that is steered is ahead by, if the pulse begins the second that it was taken for.
        let utc = self.system.reading(ours) - self.system.ahead().duration();
        let excess = (utc - *theirs) - expected;
        let seconds = (excess.as_secs_f64() + 0.5).floor() as i64;
        *theirs = *theirs + Duration::from_secs(seconds);
        Some(numbered)
    }

    /// Where the system clock's offset lies, by whoever may number a pulse.
    fn numbering_span(
        &mut self,
        now: Timestamp<Mono>,
        local: Timestamp<Local>,
        pulse: SourceId,
        by: Option<SourceId>,
    ) -> Option<Span<Duration>> {
        let Self { sources: Some(sources), system, .. } = self else { return None };
        let spans: [Option<Span<Duration>>; HELM_SOURCES_MAX] = std::array::from_fn(|place| {
            let row = sources.rows.get(place)?;
            let is_named = by == Some(row.source);
            let may_number = if by.is_some() { is_named } else { row.kind != SourceKind::Pulse && !row.is_watched };
            let heard = row.heard.filter(|heard| now - *heard < row.kind.lost_after(row.interval));
            heard.filter(|_| may_number && row.reference.is_some())?;
            match row.stamped_by {
                ClockId::System => system.span_of(row.source, local),
                _ => row.seen.and_then(|seen| seen.at_present(now, system.stepped())),
            }
        });
        if by.is_some() || spans.iter().any(Option::is_some) {
            return select(&spans).common;
        }
        let own = system.span_of(pulse, local);
        own.or_else(|| {
            let Whereabouts { offset, error, .. } =
                system.whereabouts(local).filter(|_| system.state().is_synchronised())?;
            Some(Span { low: offset - error, high: offset + error })
        })
    }
}
