//! What the daemon may do, in two lines.

use super::Page;
use crate::observe::status::{SecurityStatus, Status};

impl Page {
    pub(super) fn security(&mut self, status: &Status) {
        let Some(security) = &status.security else { return };
        self.row("security", &about(security));
        let with: Vec<_> = security.threads.iter().filter(|thread| !thread.capabilities.is_empty()).collect();
        let those = with.iter().map(|thread| format!("{} {}", thread.name, thread.capabilities.join(" ")));
        let others = if with.is_empty() {
            Some("no thread has a capability".to_owned())
        } else {
            (with.len() < security.threads.len()).then(|| "all others none".to_owned())
        };
        let all: Vec<_> = those.chain(others).collect();
        self.row("", &all.join("; "));
    }
}

fn about(security: &SecurityStatus) -> String {
    let files = match (&security.landlock, &security.landlock_lacks) {
        (Some(version), _) => format!("files limited by landlock, {version}"),
        (None, Some(why)) => format!("files not limited: {why}"),
        (None, None) => "files not limited (security.landlock)".to_owned(),
    };
    let calls = match (security.seccomp.as_str(), &security.seccomp_lacks) {
        (_, Some(why)) => format!("system calls not filtered: {why}"),
        ("enforce", _) => "system calls filtered".to_owned(),
        ("log", _) => "unusual system calls logged".to_owned(),
        _ => "system calls not filtered (security.seccomp)".to_owned(),
    };
    format!("user {}; {files}; {calls}", security.user)
}
