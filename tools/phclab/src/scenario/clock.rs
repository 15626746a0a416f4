//! Which clock a figure is about.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A clock of the contender whose true error is known. In a scenario it is `"system"`, `"phc"`, which is that of `phv1`, or the
/// port that another one belongs to: `"phv3"`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Clock {
    /// The PHC of the port of this number, minus the master's (`phv0`).
    Phc(u32),
    /// CLOCK_REALTIME minus the master's PHC less TAI-UTC.
    System,
}

impl Clock {
    /// The PHC of the contender's first port.
    pub const PHC: Self = Self::Phc(1);

    /// The PHC of an interface: of the port `phv3` itself or of a VLAN on it.
    pub fn of_interface(name: &str) -> Option<Self> {
        name.strip_prefix("phv")?.split('.').next()?.parse().ok().map(Self::Phc)
    }

    /// Whether it is that of a port of the other side: of a slave behind the contender.
    pub fn is_behind(self) -> bool {
        matches!(self, Self::Phc(port) if port % 2 == 0)
    }

    /// The clock with its article, for a sentence.
    pub fn in_words(self) -> String {
        match self {
            Self::PHC => "the PHC".to_owned(),
            Self::Phc(port) => format!("the PHC of phv{port}"),
            Self::System => "the system clock".to_owned(),
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::PHC
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::PHC => f.write_str("phc"),
            Self::Phc(port) => write!(f, "phv{port}"),
            Self::System => f.write_str("system"),
        }
    }
}

impl From<Clock> for String {
    fn from(clock: Clock) -> Self {
        clock.to_string()
    }
}

impl TryFrom<String> for Clock {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        match name.as_str() {
            "phc" => Ok(Self::PHC),
            "system" => Ok(Self::System),
            _ => {
                Self::of_interface(&name).ok_or_else(|| format!("{name} is no clock: system, phc, or a port like phv3"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_has_one_name_and_is_found_by_it() {
        for (name, clock) in [("phc", Clock::Phc(1)), ("phv3", Clock::Phc(3)), ("system", Clock::System)] {
            assert_eq!(Clock::try_from(name.to_owned()), Ok(clock));
            assert_eq!(String::from(clock), name);
        }
        assert_eq!(Clock::of_interface("phv1.5"), Some(Clock::PHC));
        assert!(Clock::try_from("eth0".to_owned()).unwrap_err().contains("eth0"));
    }
}
