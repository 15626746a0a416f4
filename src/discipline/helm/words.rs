//! What is thought of a source, in words.

use super::{Verdict, mistaken_for};

impl Verdict {
    /// One word, as in the status and in the metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Agrees => "agrees",
            Self::Falseticker { .. } => "falseticker",
            Self::Undecided => "undecided",
        }
    }

    /// A sentence without its full stop.
    pub fn in_words(self) -> String {
        match self {
            Self::Silent => "it says nothing".to_owned(),
            Self::Agrees => "it agrees with the majority".to_owned(),
            Self::Undecided => {
                "it is contradicted, by another source or by what the clock knows, and there is no majority".to_owned()
            }
            Self::Falseticker { beyond } => {
                // Positive: by it we are further ahead than we can be, so it is behind.
                let side = if beyond.is_negative() { "ahead of" } else { "behind" };
                let named = mistaken_for(beyond).map_or(String::new(), |words| format!(" ({words})"));
                format!("it is {} {side} all that the majority allows{named}", beyond.abs())
            }
        }
    }
}
