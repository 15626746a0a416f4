//! A bridge to clknetsim (github.com/mlichvar/clknetsim), a simulator that runs unmodified time daemons in virtual time.

pub mod connection;
pub mod protocol;
pub mod record;
