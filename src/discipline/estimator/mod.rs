//! An estimator that learns its own noise, and so needs no tuning.
//!
//! A PI servo treats every offset alike: its noise is about the network's jitter, and its gains are a guess at how much
//! of it there is. But the delays of a network are not Gaussian. A message is never faster than its base delay `b` and
//! sometimes much slower: `transit = b + x + late`, `late >= 0`, `x` our offset. So one fast message says nearly
//! everything, ten slow ones nearly nothing, and the *edge* of the distribution is known like `J / n`, not like
//! `J / sqrt(n)`. What knows that is a filter whose measurement noise is one-sided.
//!
//! Three things are not known beforehand: how fast the oscillator wanders (`W`), how long the tail is (`J`), and how
//! sharp the edge (`rho`: Gaussian noise beside the exponential, as its share). `J` is read off the spread of the
//! round trips. For the other two there is a bank of filters, a member for each pair, weighted by how well each
//! foretold the samples so far (Bayes), and mixed a little at each step so that a change is followed (IMM, Blom and
//! Bar-Shalom 1988). The answer is the bank's mean.
//!
//! The filters run on `V`, the clock with our corrections taken out (see [`Timeline`](super::Timeline)), so the loop has
//! no stability question at all: what is estimated does not depend on what is done about it.
//!
//! | file | owns |
//! |---|---|
//! | `special` | the one integral that all of this needs, without calls and branches |
//! | `member` | the filter: its derivation and its equations |
//! | `mixture` | the weights, and what all members say together |
//! | `watch` | which messages are believed at once, and when something must have changed |
//! | `floor` | how early the messages of one way come |
//! | `change` | what it was: a burst, a step, a shift, another path |
//! | `calm` | whether a request now and then is enough |
//! | `memory` | what is kept of an oscillator from one run to the next |
//! | `bank` | all of it, message by message |

mod bank;
mod calm;
mod change;
#[cfg(test)]
mod equations;
mod floor;
mod member;
mod memory;
mod mixture;
mod special;
mod watch;

pub use bank::{Bank, Estimate, Shift};
pub use member::Direction;
pub use memory::{SavedOscillator, WANDER_LEVELS};
pub(crate) use special::decimal_power;
