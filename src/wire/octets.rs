//! A cursor over octets in network byte order, reading and writing.

use std::fmt;

/// The buffer given to a `write` cannot hold the message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BufferTooSmall {
    /// How many octets the message has. Beyond 65 535 no buffer helps: the length field of PTP has 16 bits.
    pub needed: usize,
}

impl fmt::Display for BufferTooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the buffer is too small for a message of {} octets", self.needed)
    }
}

impl std::error::Error for BufferTooSmall {}

/// Reads integers from the front of a slice; `None` where it ends.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// At the first octet.
    pub const fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    /// What has not been read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `N` octets.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }

    /// The next `length` octets, borrowed.
    pub fn slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    /// The next octet.
    pub fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    /// The next octet, signed.
    pub fn i8(&mut self) -> Option<i8> {
        self.array().map(i8::from_be_bytes)
    }

    /// The next two octets.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// The next two octets, signed.
    pub fn i16(&mut self) -> Option<i16> {
        self.array().map(i16::from_be_bytes)
    }

    /// The next four octets.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// The next six octets: PTP's UInteger48.
    pub fn u48(&mut self) -> Option<u64> {
        let mut octets = [0; 8];
        octets[2..].copy_from_slice(&self.array::<6>()?);
        Some(u64::from_be_bytes(octets))
    }

    /// The next eight octets.
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// The next eight octets, signed.
    pub fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }
}

/// Writes integers into a slice whose length was settled before.
///
/// Writing past that length panics: it would be a bug of ours, since the length comes from the same message.
#[derive(Debug)]
pub struct Writer<'a> {
    rest: &'a mut [u8],
}

impl<'a> Writer<'a> {
    /// Over the first `needed` octets of `out`.
    ///
    /// # Errors
    /// [`BufferTooSmall`] if `out` is shorter.
    pub fn new(out: &'a mut [u8], needed: usize) -> Result<Self, BufferTooSmall> {
        out.get_mut(..needed).map(|rest| Self { rest }).ok_or(BufferTooSmall { needed })
    }

    /// The octets as they are.
    pub fn octets(&mut self, octets: &[u8]) {
        let rest = std::mem::take(&mut self.rest);
        let (here, rest) = rest.split_at_mut(octets.len());
        here.copy_from_slice(octets);
        self.rest = rest;
    }

    /// One octet.
    pub fn u8(&mut self, value: u8) {
        self.octets(&[value]);
    }

    /// Two octets.
    pub fn u16(&mut self, value: u16) {
        self.octets(&value.to_be_bytes());
    }

    /// Four octets.
    pub fn u32(&mut self, value: u32) {
        self.octets(&value.to_be_bytes());
    }

    /// Six octets, PTP's UInteger48: the low 48 bits.
    pub fn u48(&mut self, value: u64) {
        let [_, _, low @ ..] = value.to_be_bytes();
        self.octets(&low);
    }

    /// Eight octets.
    pub fn u64(&mut self, value: u64) {
        self.octets(&value.to_be_bytes());
    }

    /// How many octets are still to be written.
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_come_back_in_network_order() {
        let mut out = [0_u8; 21];
        let mut writer = Writer::new(&mut out, 21).unwrap();
        writer.u8(0x80);
        writer.u16(0x0102);
        writer.u32(0x0304_0506);
        writer.u48(0xdead_0708_090a_0b0c);
        writer.u64(0x8000_0000_0000_0001);
        assert_eq!(writer.remaining(), 0);
        assert_eq!(out[..13], [0x80, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], "UInteger48 keeps the low six octets");

        let mut reader = Reader::new(&out);
        assert_eq!(reader.i8(), Some(-128));
        assert_eq!(reader.i16(), Some(0x0102));
        assert_eq!(reader.u32(), Some(0x0304_0506));
        assert_eq!(reader.u48(), Some(0x0708_090a_0b0c));
        assert_eq!(reader.i64(), Some(i64::MIN + 1));
        assert_eq!(reader.u8(), None);
    }

    #[test]
    fn a_short_slice_is_left_as_it_was() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(reader.u32(), None);
        assert_eq!(reader.slice(4), None);
        assert_eq!(reader.rest(), [1, 2, 3]);
        assert_eq!(Writer::new(&mut [0; 3], 4).err(), Some(BufferTooSmall { needed: 4 }));
    }
}
