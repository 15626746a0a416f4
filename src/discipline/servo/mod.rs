//! From offsets to frequency commands.

use crate::coding::Coded;

mod pi;

pub use pi::{Gains, Pi, Verdict};

/// How offsets become frequency commands.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Coded)]
pub enum Kind {
    /// A proportional-integral loop on the offset of each Sync.
    Pi,
    /// An estimator that learns its own noise (see [`Bank`](super::estimator::Bank)); the command is what it believes.
    #[default]
    Estimator,
}
