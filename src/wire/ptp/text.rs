//! Text on the wire.

use super::TlvError;
use crate::wire::octets::{Reader, Writer};

/// PTPText: an octet that says how many follow, then those (IEEE 1588-2019 5.3.9). They are meant to be UTF-8 and may be
/// anything.
#[doc(alias = "PTPText")]
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct PtpText<'a>(&'a [u8]);

impl<'a> PtpText<'a> {
    /// The longest one, in octets.
    pub const LENGTH_MAX: usize = 255;
    /// No text.
    pub const EMPTY: Self = Self(&[]);

    /// `None` beyond [`LENGTH_MAX`](Self::LENGTH_MAX).
    pub const fn new(octets: &'a [u8]) -> Option<Self> {
        if octets.len() <= Self::LENGTH_MAX { Some(Self(octets)) } else { None }
    }

    /// The text, without its length.
    pub const fn octets(self) -> &'a [u8] {
        self.0
    }

    /// Octets on the wire.
    pub(super) const fn length(self) -> usize {
        1 + self.0.len()
    }

    pub(super) fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let length = reader.u8()?;
        reader.slice(usize::from(length)).map(Self)
    }

    pub(super) fn write(self, writer: &mut Writer<'_>) {
        writer.u8(self.0.len() as u8);
        writer.octets(self.0);
    }
}

/// As UTF-8, what is none replaced.
impl std::fmt::Debug for PtpText<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(self.0))
    }
}

/// Octets with one of pad behind them if they are odd in number (IEEE 1588-2019 14.1.1).
pub(super) const fn even(length: usize) -> usize {
    length + length % 2
}

/// All octets as one value, with nothing left over.
pub(super) fn exactly<'a, T>(octets: &'a [u8], read: impl FnOnce(&mut Reader<'a>) -> Option<T>) -> Result<T, TlvError> {
    let mut reader = Reader::new(octets);
    let value = read(&mut reader).ok_or(TlvError::WrongLength)?;
    if reader.rest().is_empty() { Ok(value) } else { Err(TlvError::WrongLength) }
}

/// The same, for a value that may be odd in length: then one octet of pad is left over, whatever it holds.
pub(super) fn padded<'a, T>(octets: &'a [u8], read: impl FnOnce(&mut Reader<'a>) -> Option<T>) -> Result<T, TlvError> {
    let mut reader = Reader::new(octets);
    let value = read(&mut reader).ok_or(TlvError::WrongLength)?;
    let taken = octets.len() - reader.rest().len();
    if even(taken) == octets.len() { Ok(value) } else { Err(TlvError::WrongLength) }
}
