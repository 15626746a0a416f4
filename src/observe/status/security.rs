//! What the daemon may do.

use serde::{Deserialize, Serialize};

/// What was given up, and what was kept.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct SecurityStatus {
    /// The user that it runs as.
    pub user: String,
    /// What limits the files within its reach, as `version 6`; `None`: nothing does.
    pub landlock: Option<String>,
    /// Why nothing does.
    pub landlock_lacks: Option<String>,
    /// What becomes of system calls that are none of a thread's business: `enforce`, `log` or `off`.
    pub seccomp: String,
    /// Why they are not filtered though they should be.
    pub seccomp_lacks: Option<String>,
    /// What each thread keeps.
    #[serde(default)]
    pub threads: Vec<ThreadRights>,
    /// System calls that were refused.
    #[serde(default)]
    pub refused: Vec<RefusalOfCall>,
}

/// What the kernel says of a thread (proc_pid_status(5)).
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, Debug)]
pub struct ThreadRights {
    /// Its name.
    pub name: String,
    /// The capabilities that it has.
    pub capabilities: Vec<String>,
    /// Whether its system calls are filtered.
    pub is_filtered: bool,
}

/// A system call that was refused.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, Debug)]
pub struct RefusalOfCall {
    /// Its name.
    pub call: String,
    /// The thread that made it.
    pub thread: String,
    /// How often.
    pub times: u32,
}
