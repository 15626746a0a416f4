//! Decisions that close doors, and what they cost. The design is the target; where building showed a better way, the
//! page here says what and why.

#[doc = include_str!("0001-contract-on-the-ground-floor.md")]
pub mod contract_on_the_ground_floor {}

#[doc = include_str!("0002-bound-from-causality.md")]
pub mod bound_from_causality {}

#[doc = include_str!("0003-clock-as-a-function.md")]
pub mod clock_as_a_function {}

#[doc = include_str!("0004-crates.md")]
pub mod crates {}

#[doc = include_str!("0005-estimator.md")]
pub mod estimator {}

#[doc = include_str!("0006-one-star.md")]
pub mod one_star {}

#[doc = include_str!("0007-system-clock-counts-tai.md")]
pub mod system_clock_counts_tai {}

#[doc = include_str!("0008-emulated-guest.md")]
pub mod emulated_guest {}

#[doc = include_str!("0009-one-thread-for-one-port.md")]
pub mod one_thread_for_one_port {}

#[doc = include_str!("0010-traces.md")]
pub mod traces {}

#[doc = include_str!("0011-proof-and-statistics.md")]
pub mod proof_and_statistics {}

#[doc = include_str!("0012-helm.md")]
pub mod helm {}

#[doc = include_str!("0013-privileges.md")]
pub mod privileges {}

#[doc = include_str!("0014-no-one-way.md")]
pub mod no_one_way {}
