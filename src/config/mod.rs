//! L3: the configuration.

mod resolved;

pub use resolved::*;
