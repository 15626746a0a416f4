//! L2: NTP (RFC 5905), without I/O, clock or ambient randomness.
//!
//! The server's half is one function, since it keeps nothing ([`server::respond`]); the client's half is an engine with
//! timers ([`client::Client`]).

pub mod client;
pub mod server;
