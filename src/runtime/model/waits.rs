//! How late transmit stamps come, as a status says it.

use crate::net::{StampWaits, WAIT_LIMITS};
use crate::observe::status::StampWaitsStatus;

/// `None` before the first stamp.
pub(super) fn waits_status(waits: &StampWaits) -> Option<StampWaitsStatus> {
    let counts = waits.counts();
    let count = *counts.within.last().filter(|count| **count > 0)?;
    let within = WAIT_LIMITS.iter().zip(counts.within).map(|(limit, n)| (limit.as_secs_f64(), n)).collect();
    let (sum_s, max_s) = (counts.sum.as_secs_f64(), counts.longest.as_secs_f64());
    Some(StampWaitsStatus { count, sum_s, max_s, within })
}
