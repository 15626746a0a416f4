//! L2: from observations to adjustments, and to a bound that holds.
//!
//! ```text
//! Observation (on the disciplined clock)
//!   -> timeline   takes our own corrections out again: V, the clock as it would run by itself
//!   -> envelope   what a message's delay being positive proves: an interval that holds the truth
//!   -> link       path delay from both directions, its median; the offset of each Sync
//!   -> estimator what is likely: offset, frequency, delay, and how sure that is
//!   -> stability what the oscillator does over hours, learnt by rehearsing holdovers
//!   -> grain      whether a card's stamps have shown that they resolve a nanosecond
//!   -> gate       holds back a sample that arrived late through somebody's fault
//!   -> servo      the estimator, fed with each message; or link, gate and a PI loop
//!   -> Adjustment, and the state machine (NEVER_SYNCED .. LOCKED .. FREERUN)
//! ```
//!
//! Of several sources each discipline measures those that do not steer as guards; `helm` judges them all, by `select`, and says who
//! steers. (`combine` makes one estimate of several sources alike.)
//!
//! Signs, stated once: `offset_from_master > 0` means that we are ahead; an [`Adjustment`] is what is added.

pub mod combine;
mod engine;
mod envelope;
pub mod estimator;
mod gate;
mod grain;
pub mod helm;
mod link;
mod median;
pub mod policy;
mod recorded;
mod reference;
mod ruler;
pub mod select;
pub mod servo;
mod stability;
mod state;
mod timeline;

pub use engine::{Config, DRAIN, Discipline, Effect, Input, LOCK_SAMPLES, Notice, USED_EVERY, Whereabouts};
pub use envelope::{Contradiction, Envelope, Span};
pub use estimator::{SavedOscillator, WANDER_LEVELS};
pub use gate::SpikeGate;
pub use link::{Link, OffsetSample};
pub use median::MovingMedian;
pub use reference::{Reference, Timescale};
pub use ruler::Ruler;
pub use stability::{LAG_MIN, LAGS, SavedStability, Stability, Walk};
pub use state::{StateEvent, next};
pub use timeline::Timeline;

use crate::coding::Coded;
use crate::time::{Duration, FrequencyPpb};

/// What a clock is told.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub enum Adjustment {
    /// Set the frequency correction to this, from now on.
    Frequency(FrequencyPpb),
    /// Add this to the reading at once, and set the frequency correction.
    Step(Duration, FrequencyPpb),
    /// Leave it as it is.
    Hold,
}
