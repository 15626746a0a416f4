//! A cursor over the octets of a C struct, reading and writing.

use super::Malformed;

/// Reads from the front.
pub(super) struct Take<'a> {
    rest: &'a [u8],
}

impl<'a> Take<'a> {
    pub(super) const fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Malformed::Length)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn slice(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Malformed::Length)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Octets that mean nothing.
    pub(super) fn skip(&mut self, len: usize) -> Result<(), Malformed> {
        self.slice(len).map(|_| ())
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, Malformed> {
        self.array().map(i64::from_le_bytes)
    }

    pub(super) fn f64(&mut self) -> Result<f64, Malformed> {
        self.array().map(f64::from_le_bytes)
    }

    pub(super) fn words<const N: usize>(&mut self) -> Result<[u32; N], Malformed> {
        let mut words = [0; N];
        for word in &mut words {
            *word = self.u32()?;
        }
        Ok(words)
    }

    /// There is nothing after the message.
    pub(super) const fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed::Length) }
    }
}

/// Writes into a buffer that is emptied first.
pub(super) struct Put<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Put<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        out.clear();
        Self { out }
    }

    pub(super) fn slice(&mut self, octets: &[u8]) {
        self.out.extend_from_slice(octets);
    }

    pub(super) fn words(&mut self, words: &[u32]) {
        for word in words {
            self.slice(&word.to_le_bytes());
        }
    }

    pub(super) fn i64(&mut self, number: i64) {
        self.slice(&number.to_le_bytes());
    }

    pub(super) fn f64(&mut self, number: f64) {
        self.slice(&number.to_le_bytes());
    }
}
