//! L2: NTP (RFC 5905). Today the server's answer; the client and the rest of the server come with their own issues.

pub mod server;
