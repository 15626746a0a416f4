//! What was refused.

use crate::observe::status::Status;

/// What has been refused, one sentence each.
pub(super) fn troubles(status: &Status) -> impl Iterator<Item = String> {
    let refused = status.security.iter().flat_map(|security| &security.refused);
    refused.map(|refused| {
        format!(
            "thread {} was refused the system call {} ({}x): a bug of ours, or somebody who has got into it",
            refused.thread, refused.call, refused.times
        )
    })
}
