//! Synchronome: one daemon that owns every clock of a Linux server.
#![forbid(unsafe_code)]
pub mod cli;
pub mod clock;
pub mod config;
pub mod discipline;
pub mod engine;
pub mod manual;
pub mod net;
pub mod ntp;
pub mod observe;
pub mod ptp;
pub mod runtime;
pub mod sharing;
pub mod sim;
pub mod time;
pub mod wire;
