//! A state as its word; a word that is not known is an error.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

use crate::time::SyncState;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
pub fn serialize<S: Serializer>(state: &SyncState, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(state.word())
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SyncState, D::Error> {
    let word = String::deserialize(deserializer)?;
    let state = SyncState::ALL.into_iter().find(|state| state.word() == word);
    state.ok_or_else(|| D::Error::custom(format!("{word} is no state of a clock")))
}
