//! Versions of the kernel that a guest runs.

use std::fmt;

use serde::Deserialize;

/// A version, as far as it matters here: 6.14.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Linux(pub u32, pub u32);

impl Linux {
    /// Where the limits of the scenarios were set.
    pub const OF_LIMITS: Self = Self(6, 1);

    /// Of what a kernel calls itself: `6.12.117+deb13-amd64`.
    pub fn of_release(release: &str) -> Option<Self> {
        let mut numbers = release.trim().split(|next: char| !next.is_ascii_digit()).map(str::parse);
        Some(Self(numbers.next()?.ok()?, numbers.next()?.ok()?))
    }
}

impl fmt::Display for Linux {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl TryFrom<String> for Linux {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let version = Self::of_release(&text).filter(|version| version.to_string() == text);
        version.ok_or_else(|| format!("{text:?} is no version of Linux, as \"6.14\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_has_a_version_and_versions_have_an_order() {
        assert_eq!(Linux::of_release("6.1.0-50-amd64\n"), Some(Linux(6, 1)));
        assert_eq!(Linux::of_release("7.3.4+deb13-amd64"), Some(Linux(7, 3)));
        assert_eq!(Linux::of_release("6.14-rc1"), Some(Linux(6, 14)));
        assert_eq!(Linux::of_release("mainline"), None);
        assert!(Linux(6, 9) < Linux(6, 14) && Linux(6, 14) < Linux(7, 0));
        assert!(Linux::try_from("6.14".to_owned()).is_ok() && Linux::try_from("6.14.1".to_owned()).is_err());
    }
}
