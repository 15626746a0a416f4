//! Several sources at once: how right the estimate of all is beside that of the best one alone.
//!
//! One free-running clock, W = 1e-9, that is heard over two to four paths, each with a jitter, an interval and an asymmetry
//! of its own. Each source has an estimator and an envelope, as a discipline has; every second what the sources prove is
//! selected from ([`select`]), and the estimates of those that agree are combined ([`Combiner`]). Constants are taken out
//! of all errors: no estimator can see an asymmetry, and whose constant is kept is the leader's. The first quarter of the
//! run does not count; and where a source lies, what is before that, and ten times what the constant of a new leader
//! fades in.

use crate::discipline::combine::{Combiner, FADE_TIME, Opinion, SOURCES_MAX};
use crate::discipline::estimator::Bank;
use crate::discipline::select::{Verdict, select};
use crate::discipline::{Envelope, Span};
use crate::engine::Random;
use crate::time::{Duration, FrequencyPpb, Local, Timestamp};

/// W of the clock.
const WANDER: f64 = 1e-9;
/// The least delay of one way, in seconds.
const PATH_S: f64 = 1e-4;
/// The most that the clock may be off, and how fast that may change.
const FREQUENCY_MAX_PPM: f64 = 500.0;
const DRIFT_MAX_PPM: f64 = 1.0;
/// What the ways to the sources differ by: the forward ones are longer by this, the ways back shorter.
const ASYMMETRIES_S: [f64; SOURCES_MAX] = [0.0, 3e-6, -2e-6, 7e-6];

/// A source.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CombinedSource {
    /// J: the mean of the exponential jitter of one way, in seconds.
    pub jitter_s: f64,
    /// Between two messages in the same direction, in seconds.
    pub interval_s: f64,
    /// What its clock is wrong by, in seconds, from a third of the run on.
    pub lie_s: f64,
}

/// Sources that are heard together.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Combination {
    /// Its name in tables and JSON.
    pub name: &'static str,
    /// Up to four.
    pub sources: &'static [CombinedSource],
    /// What the RMS of all together, as a share of the best one's alone, must not exceed.
    pub ratio_max: f64,
}

const fn source(jitter_s: f64, interval_s: f64) -> CombinedSource {
    CombinedSource { jitter_s, interval_s, lie_s: 0.0 }
}

const fn liar(jitter_s: f64, interval_s: f64, lie_s: f64) -> CombinedSource {
    CombinedSource { jitter_s, interval_s, lie_s }
}

/// Sources of different quality, sources that are alike, and some of which one lies.
pub const COMBINATIONS: [Combination; 8] = [
    Combination { name: "two_of_two_kinds", sources: &[source(1e-7, 0.125), source(1e-6, 1.0)], ratio_max: 1.05 },
    Combination {
        name: "three_of_three_kinds",
        sources: &[source(1e-6, 1.0), source(3e-6, 1.0), source(1e-5, 1.0)],
        ratio_max: 1.05,
    },
    Combination {
        name: "four_of_four_kinds",
        sources: &[source(1e-7, 1.0), source(2e-7, 0.5), source(1e-6, 0.125), source(1e-4, 16.0)],
        ratio_max: 1.05,
    },
    Combination { name: "ptp_and_wan", sources: &[source(1e-7, 0.125), source(1e-3, 16.0)], ratio_max: 1.05 },
    Combination { name: "two_alike", sources: &[source(1e-6, 1.0); 2], ratio_max: 0.95 },
    Combination { name: "four_alike", sources: &[source(1e-6, 1.0); 4], ratio_max: 0.9 },
    Combination {
        name: "one_of_four_lies_1_ms",
        sources: &[source(1e-5, 1.0), source(1e-5, 1.0), source(1e-5, 1.0), liar(1e-5, 1.0, 1e-3)],
        ratio_max: 0.95,
    },
    Combination {
        name: "the_best_of_three_lies_1_s",
        sources: &[liar(1e-7, 0.125, 1.0), source(1e-6, 1.0), source(1e-5, 1.0)],
        ratio_max: 1.05,
    },
];

/// What a run gave.
#[derive(Clone, Copy, Debug)]
pub struct CombinationRun {
    /// RMS of the best honest source alone, in seconds.
    pub best_rms_s: f64,
    /// RMS of all together.
    pub rms_s: f64,
    /// Seconds at which the true offset was outside of what was selected, or nothing was.
    pub violations: u64,
    /// Seconds at which an honest source was called a liar.
    pub outcast: u64,
    /// How many seconds after its first lie a source was found out, at most; `None` if one never was.
    pub found_out_s: Option<u64>,
}

/// A path to a source, and what is made of its messages.
struct Path {
    source: CombinedSource,
    asymmetry_s: f64,
    bank: Bank,
    envelope: Envelope,
    /// When its next message comes, and whether it is one to us.
    next: (f64, bool),
    random: Random,
    squares: f64,
    found_out: Option<u64>,
}

impl Path {
    fn new(place: usize, source: CombinedSource, random: Random) -> Self {
        let most = FrequencyPpb::from_ppm(FREQUENCY_MAX_PPM);
        Self {
            source,
            asymmetry_s: ASYMMETRIES_S[place],
            bank: Bank::new(most, Duration::from_nanos(1)),
            envelope: Envelope::new(most, FrequencyPpb::from_ppm(DRIFT_MAX_PPM)),
            next: (0.1 * source.interval_s, true),
            random,
            squares: 0.0,
            found_out: None,
        }
    }

    /// Its message of now, when our clock reads `reading` and is ahead of what the source says by `ahead`.
    fn message(&mut self, reading: Timestamp<Local>, ahead: f64) {
        let (due, is_to_us) = self.next;
        let (jitter, asymmetry) = (self.source.jitter_s * self.random.exponential(), self.asymmetry_s);
        // A contradiction begins the envelope anew: what is proven then is what the source says now.
        if is_to_us {
            let transit = Duration::from_secs_f64(PATH_S + asymmetry + jitter + ahead);
            self.bank.forward(reading, transit);
            _ = self.envelope.not_above(reading, transit);
        } else {
            let transit = Duration::from_secs_f64(PATH_S - asymmetry + jitter - ahead);
            self.bank.backward(reading, transit);
            _ = self.envelope.not_below(reading, -transit);
        }
        self.next = (due + self.source.interval_s / 2.0, !is_to_us);
    }

    fn opinion(&self, reading: Timestamp<Local>) -> Option<Opinion> {
        let (estimate, offset) = self.bank.estimate().zip(self.bank.estimate_at(reading))?;
        Some(Opinion { offset, deviation: estimate.deviation })
    }
}

/// Our clock beside true time.
struct Free {
    now: f64,
    offset: f64,
    frequency: f64,
}

impl Free {
    fn until(&mut self, now: f64) {
        self.offset += self.frequency * (now - self.now);
        self.now = now;
    }

    fn reading(&self) -> Timestamp<Local> {
        Timestamp::from_secs(1_000) + Duration::from_secs_f64(self.now + self.offset)
    }
}

impl Combination {
    /// Runs it once, for so many seconds.
    pub fn run(&self, seed: u64, seconds: u32) -> CombinationRun {
        let random = Random::seeded(seed);
        let mut walk = random.branch(99);
        let mut free = Free { now: 0.0, offset: 0.2, frequency: 20e-6 };
        let mut paths: Vec<_> = self
            .sources
            .iter()
            .enumerate()
            .map(|(place, source)| Path::new(place, *source, random.branch(place as u64)))
            .collect();
        let mut combiner = Combiner::default();
        let lies_from = u64::from(seconds / 3);
        let is_honest = self.sources.iter().all(|source| source.lie_s == 0.0);
        let faded = FADE_TIME.times(10).as_secs_f64() as u64;
        let counts_from = if is_honest { u64::from(seconds / 4) } else { lies_from + faded };
        let (mut together, mut n, mut violations, mut outcast) = (0.0, 0.0, 0, 0);
        for second in 1..=u64::from(seconds) {
            let lies = if second > lies_from { 1.0 } else { 0.0 };
            hear(&mut paths, &mut free, second as f64, lies);
            free.frequency += WANDER * walk.normal();
            let reading = free.reading();
            let mut spans: [Option<Span<Duration>>; SOURCES_MAX] = [None; SOURCES_MAX];
            for (span, path) in spans.iter_mut().zip(&paths) {
                *span = path.envelope.at(reading);
            }
            let selection = select(&spans);
            let mut opinions = [None; SOURCES_MAX];
            for (place, path) in paths.iter_mut().enumerate() {
                let is_liar = lies * path.source.lie_s != 0.0;
                match selection.verdicts[place] {
                    Verdict::Agrees => opinions[place] = path.opinion(reading),
                    Verdict::Falseticker { .. } if is_liar => {
                        path.found_out = path.found_out.or(Some(second - lies_from));
                        combiner.forget(place);
                    }
                    Verdict::Falseticker { .. } => outcast += 1,
                    Verdict::Silent | Verdict::Undecided => {}
                }
            }
            let all = combiner.combine(Duration::SECOND, &opinions);
            if second <= counts_from {
                continue;
            }
            n += 1.0;
            let truth = Duration::from_secs_f64(free.offset);
            let holds = |common: Span<Duration>| common.low <= truth && truth <= common.high;
            violations += u64::from(!selection.common.is_some_and(holds));
            for path in &mut paths {
                let alone = path.opinion(reading).map_or(f64::INFINITY, |opinion| opinion.offset.as_secs_f64());
                path.squares += square(alone - free.offset - path.asymmetry_s);
            }
            let constant = combiner.leader().map_or(0.0, |leader| ASYMMETRIES_S[leader]);
            let all = all.map_or(f64::INFINITY, |all| all.offset.as_secs_f64());
            together += square(all - free.offset - constant);
        }
        let honest = paths.iter().filter(|path| path.source.lie_s == 0.0).map(|path| path.squares);
        let found_out = paths.iter().filter(|path| path.source.lie_s != 0.0).map(|path| path.found_out);
        CombinationRun {
            best_rms_s: (honest.fold(f64::INFINITY, f64::min) / n).sqrt(),
            rms_s: (together / n).sqrt(),
            violations,
            outcast,
            found_out_s: found_out.collect::<Option<Vec<_>>>().map(|all| all.into_iter().max().unwrap_or(0)),
        }
    }
}

/// All messages until `end`, in their order.
fn hear(paths: &mut [Path], free: &mut Free, end: f64, lies: f64) {
    while let Some(path) = paths.iter_mut().min_by(|a, b| a.next.0.total_cmp(&b.next.0)).filter(|p| p.next.0 < end) {
        free.until(path.next.0);
        path.message(free.reading(), free.offset - lies * path.source.lie_s);
    }
    free.until(end);
}

fn square(value: f64) -> f64 {
    value * value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_together_are_no_worse_than_the_best_and_a_liar_is_found_out_within_seconds() {
        for combination in COMBINATIONS {
            let run = combination.run(1, 1_600);
            let ratio = run.rms_s / run.best_rms_s;
            // Of a run this short little is left after a lie was found out and its constant has faded.
            let is_honest = combination.sources.iter().all(|source| source.lie_s == 0.0);
            let margin = if is_honest { 1.1 } else { 1.5 };
            assert!(ratio <= margin * combination.ratio_max, "{}: {ratio} {run:?}", combination.name);
            assert_eq!((run.violations, run.outcast), (0, 0), "{}: {run:?}", combination.name);
            assert!(run.found_out_s.is_some_and(|seconds| seconds <= 3), "{}: {run:?}", combination.name);
        }
    }
}
