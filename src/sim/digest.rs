//! A hash that tells two runs apart.

use crate::sharing::{TimeSnapshot, Words};

/// FNV-1a over 64-bit words: for telling two runs apart, not for security.
#[derive(Clone, Copy, Debug)]
pub(super) struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    pub fn value(self) -> u64 {
        self.0
    }

    pub fn word(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29);
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
    }

    pub fn snapshot(&mut self, snapshot: &TimeSnapshot) {
        let mut words = [0; TimeSnapshot::LEN];
        snapshot.store(&mut words);
        for word in words {
            self.word(word);
        }
    }
}
