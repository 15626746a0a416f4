//! The lab's values: what a scenario says, what a run yields, and how it is judged.
//!
//! Two programs share them. `phclab` runs on the host: it boots QEMU guests and prints what they report.
//! `phclab-guest` runs inside: it loads the module, makes the namespaces, starts the contenders one after the other on
//! the same physics, turns the knobs by the schedule, samples the truth and judges. See the `README.md` beside this
//! crate for the lab as a whole.

pub mod calendar;
pub mod cpio;
pub mod heard;
pub mod judge;
pub mod kernel;
pub mod linux;
pub mod machine;
pub mod report;
pub mod scenario;
pub mod verdict;

/// The word on the kernel command line that only a guest of the lab has.
///
/// Whatever sets a clock looks for it first: a lab program that is started by mistake on a host does nothing.
pub const GUEST_WORD: &str = "phclab";
