//! Writing: into a buffer that is made once.

/// A buffer of fixed size that values are appended to.
#[derive(Clone, Debug)]
pub struct Encoder {
    bytes: Vec<u8>,
    limit: usize,
    is_full: bool,
}

impl Encoder {
    /// With room for `limit` bytes; the only allocation that it makes.
    pub fn with_limit(limit: usize) -> Self {
        Self { bytes: Vec::with_capacity(limit), limit, is_full: false }
    }

    /// Forgets what was written.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.is_full = false;
    }

    /// Appends one byte.
    pub fn byte(&mut self, byte: u8) {
        if self.bytes.len() < self.limit {
            self.bytes.push(byte);
        } else {
            self.is_full = true;
        }
    }

    /// Appends bytes as they are, without how many.
    pub fn raw(&mut self, bytes: &[u8]) {
        if bytes.len() <= self.limit - self.bytes.len() {
            self.bytes.extend_from_slice(bytes);
        } else {
            self.is_full = true;
        }
    }

    /// Appends how many bytes, then the bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.unsigned(bytes.len() as u128);
        self.raw(bytes);
    }

    /// Appends an integer, 7 bits a byte, the lowest first.
    pub fn unsigned(&mut self, value: u128) {
        let mut rest = value;
        // 128 bits cost several times what 64 do, and hardly any value needs them to its end.
        while rest > u128::from(u64::MAX) {
            self.byte(rest as u8 | 0x80);
            rest >>= 7;
        }
        let mut rest = rest as u64;
        while rest > 0x7f {
            self.byte(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.byte(rest as u8);
    }

    /// Appends an integer of either sign, folded: 0, -1, 1, -2 become 0, 1, 2, 3.
    pub fn signed(&mut self, value: i128) {
        self.unsigned(((value << 1) ^ (value >> 127)).cast_unsigned());
    }

    /// What was written; `None` if not all of it found room.
    pub fn written(&self) -> Option<&[u8]> {
        (!self.is_full).then_some(&self.bytes)
    }
}
