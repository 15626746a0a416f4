//! How a clock went: what a report and a plot are made of.

use crate::time::{Duration, FrequencyPpb, Mono, SyncState, Timestamp};

/// A clock at one moment.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Moment {
    /// When.
    pub at: Timestamp<Mono>,
    /// What one message said of its offset: the path's median delay taken off, its jitter still in it. `None`: none came.
    pub offset: Option<Duration>,
    /// Its true error, where the truth is known.
    pub true_error: Option<Duration>,
    /// How wrong it claimed to be at most.
    pub bound: Option<Duration>,
    /// The frequency correction in force.
    pub frequency: FrequencyPpb,
    /// Its state.
    pub state: SyncState,
}

/// All moments of a clock, in their order.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Course(pub Vec<Moment>);

/// RMS, greatest and 99th percentile of absolute values, in seconds.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Figures {
    /// How many there were.
    pub count: usize,
    /// Root of the mean square.
    pub rms_s: f64,
    /// The greatest.
    pub max_s: f64,
    /// 99 of 100 are not greater.
    pub p99_s: f64,
}

impl Figures {
    /// Of any number of them; all zero for none.
    pub fn of(values: impl Iterator<Item = Duration>) -> Self {
        let mut sizes: Vec<f64> = values.map(|value| value.abs().as_secs_f64()).collect();
        sizes.sort_by(f64::total_cmp);
        let Some(&max_s) = sizes.last() else { return Self::default() };
        let squares: f64 = sizes.iter().map(|size| size * size).sum();
        let rank = (sizes.len() * 99).div_ceil(100).max(1);
        Self { count: sizes.len(), rms_s: (squares / sizes.len() as f64).sqrt(), max_s, p99_s: sizes[rank - 1] }
    }
}

impl Course {
    /// Since when it is settled: LOCKED for the first time, or the first moment if it never was.
    pub fn settled_at(&self) -> Option<Timestamp<Mono>> {
        let locked = self.0.iter().find(|moment| moment.state == SyncState::Locked);
        locked.or(self.0.first()).map(|moment| moment.at)
    }

    fn settled(&self) -> impl Iterator<Item = &Moment> {
        let from = self.settled_at();
        self.0.iter().filter(move |moment| from.is_some_and(|from| moment.at >= from))
    }

    /// Of the offsets as measured, once settled.
    pub fn offsets(&self) -> Figures {
        Figures::of(self.settled().filter_map(|moment| moment.offset))
    }

    /// Of the true errors, once settled; `None` where the truth is not known.
    pub fn true_errors(&self) -> Option<Figures> {
        let figures = Figures::of(self.settled().filter_map(|moment| moment.true_error));
        (figures.count > 0).then_some(figures)
    }

    /// Of the bounds, once settled.
    pub fn bounds(&self) -> Figures {
        Figures::of(self.settled().filter_map(|moment| moment.bound))
    }

    /// How often the true error lay outside of the bound.
    pub fn violations(&self) -> usize {
        let is_outside =
            |moment: &&Moment| moment.true_error.zip(moment.bound).is_some_and(|(error, bound)| error.abs() > bound);
        self.0.iter().filter(is_outside).count()
    }

    /// Mean and greatest deviation from it of the frequency correction, once settled, in parts per 10^9.
    pub fn frequency(&self) -> (f64, f64) {
        let ppb: Vec<f64> = self.settled().map(|moment| moment.frequency.ppb()).collect();
        let mean = ppb.iter().sum::<f64>() / (ppb.len().max(1) as f64);
        (mean, ppb.iter().fold(0.0, |most, ppb| f64::max(most, (ppb - mean).abs())))
    }
}
