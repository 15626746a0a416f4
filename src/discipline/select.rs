//! Who of several sources can be right: each says an interval, and a majority must have a time in common.
//!
//! A source that is wrong says so as surely as one that is right, so no weight and no mean helps against it: a mean of
//! three good clocks and one that is a second off is a quarter of a second off. But every source claims an interval that holds the
//! truth (its proof, and how right it says that it is itself), and the truth is one. Marzullo's observation: if fewer than
//! half of the sources are wrong, the truth lies where more than half of the intervals overlap.
//!
//! ```text
//!   a       |-----------|
//!   b            |-----------|
//!   c         |------|
//!   d                               |-------|        d is outside: a falseticker
//!                |===|                               more than half of four are three
//! ```
//!
//! The common interval is the hull of all points that a majority covers: with two ways in which a majority can be right it
//! holds both, and nobody is called a liar who may be none. A source that does not touch it is wrong, or claims too much, and how
//! far it is outside is told. Where no majority agrees nobody can know who is wrong, and nothing is chosen: two
//! sources that contradict each other are no better than none, whatever they say of themselves.
//!
//! Nothing here knows of protocols: PTP, NTP and reference clocks are intervals alike, of our clock's offset at one instant.
//!
//! Read: K. Marzullo, S. Owicki, "Maintaining the time in a distributed system", 1985; RFC 5905 11.2.1.

use super::Span;
use crate::coding::Coded;
use crate::time::Duration;

/// What is thought of a source.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub enum Verdict {
    /// It says nothing at the moment.
    Silent,
    /// It agrees with the majority: it may count.
    Agrees,
    /// It is outside of what the majority has in common by this much, at least: it must not count.
    Falseticker {
        /// Positive: it says that we are further ahead than we can be.
        beyond: Duration,
    },
    /// There is no majority that agrees.
    Undecided,
}

/// Who agrees, and on what.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Selection<const N: usize> {
    /// Of each source, by its place.
    pub verdicts: [Verdict; N],
    /// Our offset lies in here if the majority is right; `None`: nobody knows.
    pub common: Option<Span<Duration>>,
}

/// Judges the sources by the intervals in which our offset lies as they have it, all at one instant.
///
/// An interval whose `low` is above its `high` contradicts itself and is a falseticker by all of its distance.
pub fn select<const N: usize>(spans: &[Option<Span<Duration>>; N]) -> Selection<N> {
    let heard = spans.iter().flatten().count();
    let majority = heard / 2 + 1;
    let covers = |span: &Span<Duration>, point: Duration| span.low <= point && point <= span.high;
    let is_common = |point: &Duration| spans.iter().flatten().filter(|span| covers(span, *point)).count() >= majority;
    let low = spans.iter().flatten().map(|span| span.low).filter(is_common).min();
    let high = spans.iter().flatten().map(|span| span.high).filter(is_common).max();
    let common = low.zip(high).map(|(low, high)| Span { low, high });
    Selection { verdicts: std::array::from_fn(|place| verdict(spans[place], common)), common }
}

/// What is to be thought of one source, by what those that count have in common.
pub fn verdict(span: Option<Span<Duration>>, common: Option<Span<Duration>>) -> Verdict {
    match (span, common) {
        (None, _) => Verdict::Silent,
        (Some(_), None) => Verdict::Undecided,
        (Some(span), Some(common)) if span.low > span.high => Verdict::Falseticker { beyond: span.low - common.low },
        (Some(span), Some(common)) if span.low > common.high => Verdict::Falseticker { beyond: span.low - common.high },
        (Some(span), Some(common)) if span.high < common.low => Verdict::Falseticker { beyond: span.high - common.low },
        (Some(_), Some(_)) => Verdict::Agrees,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Random;

    const SOURCES_MAX: usize = 4;

    const fn ms(millis: i64) -> Duration {
        Duration::from_millis(millis)
    }

    #[expect(clippy::unnecessary_wraps, reason = "a source may have none")]
    const fn span(low: i64, high: i64) -> Option<Span<Duration>> {
        Some(Span { low: ms(low), high: ms(high) })
    }

    #[test]
    fn one_liar_of_four_is_named_with_how_far_off_it_is() {
        let liar = span(50, 60);
        let found = select(&[span(-10, 10), span(-5, 20), liar, span(-30, 4)]);
        let outside = Verdict::Falseticker { beyond: ms(46) };
        assert_eq!(found.verdicts, [Verdict::Agrees, Verdict::Agrees, outside, Verdict::Agrees]);
        assert_eq!(found.common, Some(Span { low: ms(-5), high: ms(4) }));
        let early = select(&[span(-10, 10), span(-200, -100), span(-5, 20), None]);
        assert_eq!(early.verdicts[1], Verdict::Falseticker { beyond: ms(-95) });
        assert_eq!(early.verdicts[3], Verdict::Silent);
    }

    #[test]
    fn two_that_contradict_each_other_are_no_better_than_none() {
        let found = select(&[span(0, 1), span(5, 6), None, None]);
        assert_eq!(found.common, None);
        assert_eq!(found.verdicts[..3], [Verdict::Undecided, Verdict::Undecided, Verdict::Silent]);
        let halves = select(&[span(0, 1), span(0, 2), span(5, 6), span(5, 7)]);
        assert_eq!(halves.common, None, "two against two");
    }

    #[test]
    fn one_alone_is_believed_and_none_is_nothing() {
        assert_eq!(select(&[None, span(3, 4), None, None]).common, span(3, 4));
        let nobody = select(&[None; SOURCES_MAX]);
        assert_eq!((nobody.common, nobody.verdicts), (None, [Verdict::Silent; SOURCES_MAX]));
    }

    #[test]
    fn touching_is_agreeing_and_an_interval_inside_out_agrees_with_nobody() {
        assert_eq!(select(&[span(0, 5), span(5, 9), None, None]).common, span(5, 5));
        let found = select(&[span(0, 5), span(4, 9), span(5, 4), None]);
        assert_eq!(found.verdicts[2], Verdict::Falseticker { beyond: ms(1) });
    }

    #[test]
    fn where_a_majority_can_be_right_in_two_ways_nobody_is_called_a_liar() {
        let found = select(&[span(0, 100), span(0, 100), span(0, 10), span(90, 100)]);
        assert_eq!(found.verdicts, [Verdict::Agrees; 4]);
        assert_eq!(found.common, span(0, 100));
    }

    #[test]
    fn while_fewer_than_half_are_wrong_the_truth_is_in_the_common_interval_and_no_honest_source_is_outcast() {
        let mut random = Random::seeded(7);
        for _ in 0..20_000 {
            let heard = 1 + random.below(4) as usize;
            let liars = random.below((heard as u64 - 1) / 2 + 1) as usize;
            let mut spans = [None; SOURCES_MAX];
            for (place, span) in spans.iter_mut().enumerate().take(heard) {
                let (below, above) = (random.below(1_000) as i64, random.below(1_000) as i64);
                let lie = if place < liars { random.below(6_000) as i64 - 3_000 } else { 0 };
                *span = Some(Span { low: ms(lie - below), high: ms(lie + above) });
            }
            let found = select(&spans);
            let common = found.common.expect("the honest ones agree on the truth");
            assert!(common.low <= Duration::ZERO && Duration::ZERO <= common.high, "{spans:?}");
            assert!(found.verdicts[liars..heard].iter().all(|verdict| *verdict == Verdict::Agrees), "{spans:?}");
        }
    }
}
