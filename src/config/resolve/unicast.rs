//! What a port with unicast masters cannot be at the same time.

use std::ops::Range;

use crate::config::read::Reader;
use crate::config::value::Value;
use crate::ptp::SignalConfig;

/// By G.8265.1 a master is left when its signal fails.
pub(super) fn signal(read: &Reader<'_>, section: &str) -> Option<SignalConfig> {
    (read.word(section, "comparison") == "g8265").then(|| SignalConfig {
        hold_off: read.duration(section, "hold_off"),
        delay_variation_max: match read.value(section, "delay_variation_max") {
            Some(Value::Duration(max)) => Some(max),
            _ => None,
        },
        reverts: read.switch(section, "revertive"),
    })
}

/// The rules between `unicast_masters` and the rest of its `[[ptp]]`.
pub(super) fn conflicts(
    read: &Reader<'_>,
    section: &str,
    conflict: &mut impl FnMut(String, &Range<usize>, String, &str),
) {
    let clients = read.integer(section, "unicast_clients");
    if let Some(span) = read.span(section, "unicast_clients").filter(|_| clients > 0) {
        let mut refuse = |message: &str, suggestion: &str| {
            conflict(format!("{section}.unicast_clients"), &span, message.to_owned(), suggestion);
        };
        if read.word(section, "role") == "slave" {
            refuse("a port of role \"slave\" serves nobody", "role = \"master\" or \"auto\", or remove the clients");
        }
        if read.word(section, "delay") == "p2p" {
            refuse("clients ask for Delay_Resp, and the peer delay mechanism has none", "delay = \"e2e\"");
        }
        if read.word(section, "transport") == "ethernet" {
            refuse("clients ask by UDP only", "transport = \"udp4\" or \"udp6\"");
        }
    }
    if let Some(span) = read.span(section, "comparison").or_else(|| read.span(section, "profile"))
        && (read.word(section, "comparison"), read.word(section, "role")) == ("g8265", "auto")
    {
        let message = "by G.8265.1 masters do not compete, and a slave is none".to_owned();
        conflict(format!("{section}.role"), &span, message, "role = \"slave\" or \"master\"");
    }
    // The profile has no group: who neither asks nor is asked would hear and say nothing of it.
    if let Some(span) = read.span(section, "profile")
        && ["g8275.2", "g8265.1"].contains(&read.word(section, "profile"))
        && read.addresses(section, "unicast_masters").is_empty()
        && clients == 0
    {
        let message = "the profile is by unicast alone: nobody is asked here, and nobody may ask".to_owned();
        let suggestion = "add `unicast_masters`, or `unicast_clients` where it may be master";
        conflict(format!("{section}.profile"), &span, message, suggestion);
    }
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
