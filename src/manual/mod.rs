//! The manual: how the house is built and why, and what an operator can set.
//!
//! | chapter | for |
//! |---|---|
//! | this page | whoever reads the code for the first time |
//! | [`first_hour`] | who has just installed it: look, watch, take over, break it on purpose |
//! | [`bound`] | whoever must say how wrong a clock can be: what the figure is made of, what makes it smaller, what to alert on |
//! | [`options`] | the operator: every option, its default and its range |
//! | [`migration`] | the operator of another daemon: what becomes of its configuration, and how to move |
//! | [`accuracy`] | whoever wants to know how right the clocks are: our figures beside other daemons' |
//! | [`simulator`] | the operator: worlds in which the daemon can be tried, and how to describe one |
//! | [`hardware`] | the operator of a card with a clock: what the states and lines of `status` mean, and what to do |
//! | [`ptp`] | the operator whose ports serve: roles, what a clock announces of itself, when it is silent |
//! | [`sources`] | the operator with more than one source: how they are judged, what the verdicts mean, and when another one steers |
//! | [`server`] | the operator who serves time: leap seconds, no source, who may ask and how often, interleaved mode, stamps of the card, cores, load |
//! | [`guests`] | the operator of virtual machines: the host that gives time, the guest that takes it |
//! | [`service`] | the operator who installs it: packages, systemd, what it may do, containers |
//! | [`troubleshooting`] | the operator whose time is wrong: what `doctor` looks at, by symptom |
//! | [`watching`] | the operator who wants to be told: events, metrics, board, alerts, hooks |
//! | [`traces`] | the operator who wants to know what happened: recording, replaying, and what another servo would have done |
//! | [`adr`] | whoever wonders why: the decisions that close doors, a page each |
//!
//! The reference of the code is the rest of this documentation; each module begins with the problem that it solves.
//!
//! # The floors
//!
//! Layers point one way. `tests/architecture.rs` reads the sources and enforces this table.
//!
//! | floor | modules | may use | what it is |
//! |---|---|---|---|
//! | L0 | [`coding`](crate::coding) | itself | the bytes of a value, for traces |
//! | L0 | [`time`](crate::time) | `coding` | values: instants, durations, stamps, observations |
//! | L0 | [`engine`](crate::engine), [`sharing`](crate::sharing) | `coding`, `time` | the contract of everything that has behaviour; how threads meet |
//! | L1 | [`wire`](crate::wire) | `coding`, `time` | bytes to values and back |
//! | L2 | [`ptp`](crate::ptp), [`ntp`](crate::ntp), [`refclock`](crate::refclock), [`discipline`](crate::discipline) | L0, L1, not each other | the protocols, and from observations to adjustments |
//! | L3 | [`clock`](crate::clock), [`net`](crate::net), [`observe`](crate::observe), [`config`](crate::config) | L0 to L2, not each other | what touches the machine, what is shown, what is set |
//! | L4'' | [`trace`](crate::trace) | L0 to L2, `clock` | what the engines heard and did, written down and repeated |
//! | L4 | [`runtime`](crate::runtime) | L0 to L3, `trace` | the threads |
//! | L4' | [`sim`](crate::sim) | L0 to L2, `clock`, `trace` | the same engines in virtual time |
//! | L5 | [`cli`](crate::cli) | all | one file per command |
//!
//! Below L3, and in `sim` and `trace`, nobody reads a clock, starts a thread, opens a file or a socket, prints, locks, or iterates
//! over a hash table. Floats know + - * / and sqrt; the logarithm of the samplers and the cosine of a smear are `libm`'s. So the same input gives the
//! same output, bit by bit, on any machine.
//!
//! All `unsafe` is in `ffi/`.
//!
//! # From a packet to a packet
//!
//! ```text
//! the card stamps the packet (its PHC), or the kernel does (CLOCK_REALTIME)
//!   -> port thread: net::PtpSockets -> ptp::Port::step -> Effect::Observe
//!   -> ring -> discipline thread: clock::Cascade
//!        the hub, the clock that stamped:      clock::Steering
//!          clock.locate(stamp)      the stamp on the clock that we steer
//!          Discipline::step         bound, filter, servo
//!          clock.adjust(..)         step or frequency
//!        the others, by crossings with the hub: clock::Steering, the same
//!   -> seqlock<TimeSnapshot>      time = anchor + (reading - anchor) * (1 + rate), with its error bound
//!   -> server workers: kernel's stamp of the request -> snapshot.utc_at(stamp) -> answer
//! ```
//!
//! # How it is tested
//!
//! | what | where |
//! |---|---|
//! | values and codecs: both ways, every truncation, fuzzed | beside the code, `tools/fuzz` |
//! | engines: input by input | `tests.rs` beside each |
//! | the whole in virtual time, a checker that the truth lies in the bound after every event | `tests/simulator.rs` |
//! | the lock-free code, in every interleaving | `tools/loom` |
//! | a recorded world is repeated bit for bit, and damage to a trace is found | `tests/trace.rs` |
//! | scenarios with limits, and random worlds | `synchronome simulate`, `config/scenarios`, `cargo xtask ci scenarios campaign` |
//! | accuracy against published figures | `cargo xtask accuracy` |
//! | the engines beside the real chronyd and ptp4l, in another simulator's virtual time | `tools/clknetsim/run all` |
//! | what an NTP answer costs, beside other servers and a bare echo | `cargo xtask ntpbench`, `tools/ntpload` |
//! | the daemon on real sockets, with the truth known | `synchronome demo` |
//! | the daemon on real hardware clocks and the real system clock, in an emulated machine | `tools/phclab/run all` |
//! | all of it | `cargo xtask ci` |

pub mod adr;

#[doc = include_str!("first_hour.md")]
pub mod first_hour {}

#[doc = include_str!("bound.md")]
pub mod bound {}

#[doc = include_str!("guests.md")]
pub mod guests {}

#[doc = include_str!("accuracy.md")]
pub mod accuracy {}

#[doc = include_str!("simulator.md")]
pub mod simulator {}

#[doc = include_str!("hardware.md")]
pub mod hardware {}

#[doc = include_str!("ptp.md")]
pub mod ptp {}

#[doc = include_str!("server.md")]
pub mod server {}

#[doc = include_str!("options.md")]
pub mod options {}

#[doc = include_str!("migration.md")]
pub mod migration {}

#[doc = include_str!("privileges.md")]
pub mod privileges {}

#[doc = include_str!("sources.md")]
pub mod sources {}

#[doc = include_str!("service.md")]
pub mod service {}

#[doc = include_str!("traces.md")]
pub mod traces {}

#[doc = include_str!("troubleshooting.md")]
pub mod troubleshooting {}

#[doc = include_str!("watching.md")]
pub mod watching {}
