//! L0: a value as bytes, and back, bit for bit.
//!
//! What an engine was, heard and did is recorded, to be repeated on another machine. The obvious way, a line of text for
//! each step, costs a timing thread more than the step itself, and a float that was printed is another float. So every
//! type of an engine's state, of its inputs and of its effects has bytes, derived from its fields:
//!
//! | value | bytes |
//! |---|---|
//! | `u8`, `i8`, `bool` | one; a `bool` is 0 or 1 |
//! | other integers | 7 bits a byte, the lowest first, the top bit set while more follow; signed ones folded (0, -1, 1, -2 are 0, 1, 2, 3) |
//! | `f64` | its 8 bytes, lowest first |
//! | `Option` | 0, or 1 and the value |
//! | array, tuple, struct | its elements |
//! | `Vec`, `VecDeque`, bytes, text | how many, then the elements |
//! | enum | the variant's place, one byte, then its fields |
//!
//! Writing goes into a buffer of fixed size and never allocates; what does not fit is told once, at the end. Reading is
//! total: any bytes give a value or [`Malformed`].

mod decoder;
mod encoder;
mod values;

pub use decoder::{Decoder, Malformed};
pub use encoder::Encoder;
pub use synchronome_derive::Coded;

/// A value with bytes.
pub trait Coded: Sized {
    /// Tells types with other bytes apart, and fields of another meaning: a hash of names and of the fields' layouts.
    const LAYOUT: u64;

    /// Appends its bytes.
    fn encode(&self, out: &mut Encoder);

    /// Takes it back.
    ///
    /// # Errors
    /// [`Malformed`]: these bytes are of no such value, or end too soon.
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed>;
}

/// The layout of a type called `name`, from the names and layouts of its parts: FNV-1a over 64-bit words.
pub const fn layout(name: &str, parts: &[(&str, u64)]) -> u64 {
    let mut hash = hash_name(0xcbf2_9ce4_8422_2325, name);
    let mut index = 0;
    while index < parts.len() {
        hash = mixed(hash_name(hash, parts[index].0), parts[index].1);
        index += 1;
    }
    hash
}

const fn hash_name(mut hash: u64, name: &str) -> u64 {
    let bytes = name.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        hash = mixed(hash, bytes[index] as u64);
        index += 1;
    }
    // So that "ab", "c" is not "a", "bc".
    mixed(hash, 0x100)
}

const fn mixed(hash: u64, word: u64) -> u64 {
    (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29)
}

#[cfg(test)]
mod tests;
