//! What a port with hybrid E2E cannot be at the same time.

use std::ops::Range;

use crate::config::read::Reader;

/// The rules between `hybrid` and the rest of its `[[ptp]]`.
pub(super) fn conflicts(
    read: &Reader<'_>,
    section: &str,
    conflict: &mut impl FnMut(String, &Range<usize>, String, &str),
) {
    let Some(span) = read.span(section, "hybrid").filter(|_| read.switch(section, "hybrid")) else { return };
    let mut refuse = |message: &str, suggestion: &str| {
        conflict(format!("{section}.hybrid"), &span, message.to_owned(), suggestion);
    };
    if read.word(section, "delay") == "p2p" {
        refuse("the peer delay mechanism sends no Delay_Req", "delay = \"e2e\"");
    }
    if !read.addresses(section, "unicast_masters").is_empty() {
        refuse("unicast masters are sent Delay_Req alone anyway", "remove it");
    }
}
