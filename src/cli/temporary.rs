//! A directory for a daemon that lives as long as a command.

use std::io;
use std::path::{Path, PathBuf};

/// Goes when this is dropped.
pub(super) struct TemporaryDirectory(PathBuf);

impl TemporaryDirectory {
    /// `purpose` is a part of its name.
    pub(super) fn new(purpose: &str) -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("synchronome-{purpose}-{}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        // What cannot be removed is in a temporary directory.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
