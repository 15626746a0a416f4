//! What a port with a fixed role cannot be at the same time.

use std::ops::Range;

use crate::config::read::Reader;

/// The rules between `static_role` and the rest of its `[[ptp]]`.
pub(super) fn conflicts(
    read: &Reader<'_>,
    section: &str,
    conflict: &mut impl FnMut(String, &Range<usize>, String, &str),
) {
    if !read.switch(section, "static_role") {
        return;
    }
    let mut refuse = |with: &str, message: &str, suggestion: &str| {
        if let Some((path, span)) = read.said_by(section, &[with, "static_role", "profile"]) {
            conflict(path, &span, message.to_owned(), suggestion);
        }
    };
    if read.word(section, "role") == "auto" {
        refuse("role", "a fixed role is that of a master or of a slave", "role = \"master\" or \"slave\"");
    }
    if read.switch(section, "as_capable") {
        let message = "a master with a fixed role does not measure the link, which as_capable asks for";
        refuse("as_capable", message, "as_capable = false");
    }
    if !read.addresses(section, "unicast_masters").is_empty() || read.integer(section, "unicast_clients") > 0 {
        let with = if read.integer(section, "unicast_clients") > 0 { "unicast_clients" } else { "unicast_masters" };
        refuse(with, "contracts are for Announce too, which a fixed role has none of", "static_role = false");
    }
}
