//! L4: threads, and what they own.

pub mod server;
