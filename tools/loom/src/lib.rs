//! The lock-free code of `src/sharing`, built against loom's atomics: `cargo test -p synchronome-loom` runs its tests
//! in every interleaving and with every value that the memory model lets a load see.
//!
//! The files are the daemon's own, included by their paths; their `#[cfg(loom)]` lines swap the atomics, and their
//! `#[cfg(loom)]` tests are the models.

#[path = "../../../src/sharing/seqlock.rs"]
pub mod seqlock;
