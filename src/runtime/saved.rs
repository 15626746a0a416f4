//! The oscillator's frequency error, kept from one run to the next.
//!
//! A restart then corrects the frequency at once instead of measuring it for a second, and holds better if the source is
//! away. One line of text, written beside and renamed, so that a crash leaves the old one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::time::FrequencyPpb;

/// A saved frequency beyond this is a damaged file, not an oscillator.
const PLAUSIBLE: FrequencyPpb = FrequencyPpb::new(1_000_000.0);

/// The file in the state directory, one for each kind of clock.
#[derive(Clone, Debug)]
pub struct SavedFrequency {
    path: PathBuf,
}

impl SavedFrequency {
    /// For the clock called `clock`.
    pub fn new(directory: &Path, clock: &str) -> Self {
        Self { path: directory.join(format!("frequency-{clock}")) }
    }

    /// What was saved; `None` if nothing was, or nothing plausible.
    pub fn load(&self) -> Option<FrequencyPpb> {
        let text = fs::read_to_string(&self.path).ok()?;
        let ppb = text.strip_suffix(" ppb\n")?.parse().ok()?;
        Some(FrequencyPpb::new(ppb)).filter(|frequency| frequency.is_finite() && frequency.abs() <= PLAUSIBLE)
    }

    /// Saves a frequency error; makes the directory if it is missing.
    ///
    /// # Errors
    /// The file system's, with the path.
    pub fn save(&self, frequency: FrequencyPpb) -> io::Result<()> {
        let with_path = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", self.path.display()));
        if let Some(directory) = self.path.parent() {
            fs::create_dir_all(directory).map_err(with_path)?;
        }
        let beside = self.path.with_extension("new");
        fs::write(&beside, format!("{} ppb\n", frequency.ppb())).map_err(with_path)?;
        fs::rename(&beside, &self.path).map_err(with_path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frequency_comes_back_exactly_and_damage_is_not_believed() {
        let directory = tempfile::tempdir().unwrap();
        let saved = SavedFrequency::new(&directory.path().join("new"), "simulated");
        assert_eq!(saved.load(), None);
        let frequency = FrequencyPpb::new(-40_123.456_789);
        saved.save(frequency).unwrap();
        assert_eq!(saved.load(), Some(frequency));
        for damage in ["", "40", "NaN ppb\n", "1e99 ppb\n", "40 ppb"] {
            fs::write(&saved.path, damage).unwrap();
            assert_eq!(saved.load(), None, "{damage:?}");
        }
    }
}
