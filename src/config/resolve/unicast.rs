//! What a port with unicast masters cannot be at the same time.

use std::ops::Range;

use crate::config::read::Reader;

/// The rules between `unicast_masters` and the rest of its `[[ptp]]`.
pub(super) fn conflicts(
    read: &Reader<'_>,
    section: &str,
    conflict: &mut impl FnMut(String, &Range<usize>, String, &str),
) {
    let Some(span) = read.span(section, "unicast_masters") else { return };
    let masters = read.addresses(section, "unicast_masters");
    if masters.is_empty() {
        return;
    }
    let mut refuse = |message: String, suggestion: &str| {
        conflict(format!("{section}.unicast_masters"), &span, message, suggestion);
    };
    let transport = read.word(section, "transport");
    if transport == "ethernet" {
        refuse("masters are asked by UDP only".to_owned(), "transport = \"udp4\"");
    } else if let Some(other) = masters.iter().find(|address| address.is_ipv6() != (transport == "udp6")) {
        refuse(format!("{other} cannot be reached by transport \"{transport}\""), "give both the same family");
    }
    if read.word(section, "delay") == "p2p" {
        refuse("masters are asked for Delay_Resp, and the peer delay mechanism has none".to_owned(), "delay = \"e2e\"");
    }
    if read.word(section, "role") == "master" {
        refuse("a port of role \"master\" follows nobody".to_owned(), "role = \"auto\", or remove the masters");
    }
}
