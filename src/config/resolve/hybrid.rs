//! What a port with hybrid E2E cannot be at the same time.

use std::ops::Range;

use crate::config::read::Reader;

/// The rules between `hybrid` and the rest of its `[[ptp]]`.
pub(super) fn conflicts(
    read: &Reader<'_>,
    section: &str,
    conflict: &mut impl FnMut(String, &Range<usize>, String, &str),
) {
    if !read.switch(section, "hybrid") {
        return;
    }
    let mut refuse = |with: &str, message: &str, suggestion: &str| {
        if let Some((path, span)) = read.said_by(section, &["hybrid", with]) {
            conflict(path, &span, message.to_owned(), suggestion);
        }
    };
    if read.word(section, "delay") == "p2p" {
        refuse("delay", "the peer delay mechanism sends no Delay_Req: not with `hybrid`", "delay = \"e2e\"");
    }
    if !read.addresses(section, "unicast_masters").is_empty() {
        refuse(
            "unicast_masters",
            "unicast masters are sent Delay_Req alone anyway: not with `hybrid`",
            "hybrid = false",
        );
    }
}
