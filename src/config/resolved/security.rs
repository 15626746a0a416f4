//! `[security]`.

/// What the daemon may do once it runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SecurityConfig {
    /// The user that it runs as; `None`: [`SecurityConfig::USER`] where there is such a user, else whoever started it.
    pub user: Option<String>,
    /// Whether files are out of reach that it has nothing to do with.
    pub landlock: bool,
    /// What becomes of system calls that a thread has no business with.
    pub seccomp: SeccompMode,
}

impl SecurityConfig {
    /// The user that a package makes.
    pub const USER: &'static str = "synchronome";
}

/// See [`SecurityConfig::seccomp`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SeccompMode {
    /// They fail, and it is told.
    Enforce,
    /// They are made, and the kernel logs them.
    Log,
    /// They are made.
    Off,
}

impl SeccompMode {
    /// As in the configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Log => "log",
            Self::Off => "off",
        }
    }
}
