//! Who may ask, as tables of other daemons say it, in three lists.

use super::document::{Document, Line};
use crate::config::Value;
use crate::ntp::server::{Prefix, PrefixError};

/// What a rule says of those it fits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// They are answered.
    Allow,
    /// They are told that they are not.
    Deny,
    /// They are not answered.
    Ignore,
}

/// Rules of which the one for the longest prefix counts, and of two for the same one the later.
#[derive(Clone, Debug, Default)]
pub struct AccessRules {
    /// For all of IPv4 and of IPv6, and for less than that.
    rules: Vec<(Prefix, Answer, Option<Line>)>,
}

impl AccessRules {
    /// Adds a rule.
    pub fn set(&mut self, prefix: Prefix, answer: Answer, line: Option<&Line>) {
        self.rules.retain(|(known, _, _)| *known != prefix);
        self.rules.push((prefix, answer, line.cloned()));
    }

    /// Adds a rule for everybody.
    pub fn set_all(&mut self, answer: Answer, line: Option<&Line>) {
        for prefix in everybody() {
            self.set(prefix, answer, line);
        }
    }

    /// Removes what is said of a prefix and of parts of it.
    pub fn clear_within(&mut self, prefix: Prefix) {
        self.rules.retain(|(known, _, _)| !prefix.encloses(known));
    }

    /// Whether anybody is answered.
    pub fn any_allowed(&self) -> bool {
        self.rules.iter().any(|(_, answer, _)| *answer == Answer::Allow)
    }

    /// Writes the lists: empty ones are not, and where everybody is answered there is none.
    pub fn write(&self, document: &mut Document) {
        if self.rules.iter().all(|(_, answer, _)| *answer == Answer::Allow) && self.allows_everybody() {
            return;
        }
        let whole = everybody();
        // Without an inner rule that allows, `allow` may stay empty: everybody who is not in another list.
        let is_plain = self.allows_everybody()
            && self.rules.iter().all(|(prefix, answer, _)| whole.contains(prefix) || *answer != Answer::Allow);
        for (path, meant) in [
            ("ntp.server.allow", Answer::Allow),
            ("ntp.server.deny", Answer::Deny),
            ("ntp.server.ignore", Answer::Ignore),
        ] {
            let rules: Vec<_> = self.rules.iter().filter(|(_, answer, _)| *answer == meant).collect();
            // Who is in no list while `allow` has some is ignored anyway.
            let is_said = |prefix: &Prefix| match meant {
                Answer::Allow => !is_plain,
                Answer::Deny => true,
                Answer::Ignore => !whole.contains(prefix) || !self.any_allowed(),
            };
            let prefixes: Vec<_> = rules.iter().map(|rule| rule.0).filter(is_said).collect();
            if let Some(last) = rules.last().filter(|_| !prefixes.is_empty()) {
                let from = if prefixes.len() == 1 { last.2.as_ref() } else { None };
                document.set(path, Value::Prefixes(prefixes), from);
            }
        }
    }

    fn allows_everybody(&self) -> bool {
        let is_allowed =
            |prefix| self.rules.iter().any(|(known, answer, _)| *known == prefix && *answer == Answer::Allow);
        everybody().into_iter().all(is_allowed)
    }
}

/// All of IPv4 and all of IPv6.
pub fn everybody() -> [Prefix; 2] {
    ["0.0.0.0/0", "::/0"].map(|text| text.parse().expect("a prefix"))
}

/// A prefix of some bits of an address, whatever its other bits are.
///
/// # Errors
/// That it is no address, or has not so many bits.
pub fn prefix(text: &str) -> Result<Prefix, String> {
    match text.parse::<Prefix>() {
        Ok(prefix) | Err(PrefixError::HostBits(prefix)) => Ok(prefix),
        Err(error) => Err(format!("{text:?} is no address or prefix: {error}")),
    }
}
