//! Values as the words of a [`Seqlock`](super::Seqlock).

use crate::time::{Duration, FrequencyPpb, Timestamp};

/// Writes values as words, in the order in which [`Fields`] takes them back.
pub(super) struct Put<'a>(&'a mut [u64], usize);

impl<'a> Put<'a> {
    pub(super) fn new(words: &'a mut [u64]) -> Self {
        Self(words, 0)
    }
    pub(super) fn len(&self) -> usize {
        self.1
    }
    pub(super) fn word(&mut self, word: u64) {
        self.0[self.1] = word;
        self.1 += 1;
    }
    pub(super) fn wide(&mut self, value: i128) {
        self.word(value as u64);
        self.word((value >> 64) as u64);
    }
    pub(super) fn optional(&mut self, value: Option<i128>) {
        // i128::MIN is no instant or duration that any clock can produce.
        self.wide(value.unwrap_or(i128::MIN));
    }
    pub(super) fn frequency(&mut self, value: FrequencyPpb) {
        self.word(value.ppb().to_bits());
    }
}

/// Takes values back from words.
pub(super) struct Fields<'a>(std::slice::Iter<'a, u64>);

impl<'a> Fields<'a> {
    pub(super) fn new(words: &'a [u64]) -> Self {
        Self(words.iter())
    }
    pub(super) fn word(&mut self) -> u64 {
        self.0.next().copied().unwrap_or_default()
    }
    pub(super) fn wide(&mut self) -> i128 {
        let low = self.word();
        i128::from(low) | (i128::from(self.word() as i64) << 64)
    }
    pub(super) fn optional(&mut self) -> Option<i128> {
        Some(self.wide()).filter(|value| *value != i128::MIN)
    }
    pub(super) fn frequency(&mut self) -> FrequencyPpb {
        FrequencyPpb::new(f64::from_bits(self.word()))
    }
    pub(super) fn duration(&mut self) -> Duration {
        Duration::from_ticks(self.wide())
    }
    pub(super) fn instant<S>(&mut self) -> Timestamp<S> {
        Timestamp::from_ticks(self.wide())
    }
}
