//! From offsets to frequency commands.

mod pi;

pub use pi::{Gains, Pi, Verdict};
