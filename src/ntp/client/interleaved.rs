//! Interleaved mode, the client's half (RFC 9769).
//!
//! An answer says when it left before it has left. In interleaved mode the next answer says when that was, by the stamp of the
//! server's kernel or card: so an exchange is measured when the answer of the next one has come. A request asks for it by
//! the receive stamp of the answer that it wants to know more of; the answer then returns not the request's transmit
//! timestamp but its receive timestamp as its origin, and that is how the two modes are told apart. Both are 64 random bits.
//!
//! ```text
//!   request n+1    origin = T2 of answer n     receive = R, random       transmit = X, random
//!   answer n+1     origin = R                  receive = T2 of n+1       transmit = T3 of answer n, as it was
//!   or, basic      origin = X                  receive = T2 of n+1       transmit = T3 of n+1, as it was planned
//! ```
//!
//! Whoever forgets, server or client, falls back to basic mode, and no exchange is measured twice: a basic answer is measured at
//! once, and its true T3, if that still comes, is not used.

use super::{Client, RequestToken, UNANSWERED_INTERLEAVED_MAX};
use crate::coding::Coded;
use crate::time::{Duration, NtpTimestamp, Stamp};

#[cfg(test)]
mod tests;

/// An exchange of which everything is known, or everything but T3.
#[derive(Clone, Copy, Debug, Coded)]
pub(super) struct Exchange {
    pub token: RequestToken,
    /// T1.
    pub departed: Stamp,
    /// T2.
    pub receive: NtpTimestamp,
    /// T4.
    pub received: Stamp,
    /// What the server's stamps resolve.
    pub resolution: Duration,
}

/// The latest answer that was one.
#[derive(Clone, Copy, Debug, Coded)]
pub(super) struct Latest {
    /// Its receive stamp: by this the server knows it.
    pub receive: NtpTimestamp,
    /// Its exchange, while that waits for its T3.
    pub waits: Option<Exchange>,
}

impl Client {
    /// The origin and the receive timestamp of the next request, if it is to be an interleaved one.
    pub(super) fn ask_for_departure(&mut self) -> Option<(NtpTimestamp, NtpTimestamp)> {
        if !self.config.interleaved {
            return None;
        }
        if self.unanswered >= UNANSWERED_INTERLEAVED_MAX {
            // A server that drops what it does not know would never be heard of again.
            self.latest = None;
        }
        let origin = self.latest?.receive;
        Some((origin, self.unpredictable()))
    }
}
