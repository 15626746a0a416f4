//! Who asks whom for other message intervals, and what goes against it.

use std::ops::Range;

use super::refusing;
use crate::config::read::Reader;
use crate::config::value::Value;
use crate::ptp::IntervalConfig;
use crate::time::LogInterval;

/// The options of a `[[ptp]]` about message interval requests.
pub(super) fn resolved(read: &Reader<'_>, section: &str) -> IntervalConfig {
    let interval = |name| match read.value(section, name) {
        Some(Value::Integer(interval)) => Some(LogInterval::new(interval as i8)),
        _ => None,
    };
    // A master follows nobody whom it could ask.
    let follows = read.word(section, "role") != "master";
    IntervalConfig {
        heeded_min: interval("interval_request_min").filter(|_| read.switch(section, "interval_requests")),
        sync: interval("oper_sync_interval").filter(|_| follows),
        pdelay_req: interval("oper_pdelay_req_interval").filter(|_| follows && read.word(section, "delay") == "p2p"),
    }
}

/// The rules between these and the rest of its `[[ptp]]`.
pub(super) fn conflicts(
    read: &Reader<'_>,
    section: &str,
    conflict: &mut impl FnMut(String, &Range<usize>, String, &str),
) {
    let mut refuse = refusing(read, section, conflict);
    let is_asking = read.value(section, "oper_sync_interval").is_some();
    if is_asking && !read.addresses(section, "unicast_masters").is_empty() {
        let message = "unicast masters are asked for Sync by contract: not with `oper_sync_interval`";
        refuse(&["oper_sync_interval", "unicast_masters"], message, "sync_interval");
    }
}
