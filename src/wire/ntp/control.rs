//! Control messages, mode 6: RFC 9327, which ntpq and ntpstat speak.
//!
//! ```text
//! | 0 0 VN 6 | R E M opcode | sequence 16 | status 16 | association 16 | offset 16 | count 16 | data, to whole words |
//! ```
//!
//! A question is one datagram. An answer may be longer than one: each fragment says its place among the octets of the whole, and M that more
//! follow. The text of variables is `name=value, name="words"`; what reads it takes the names for what they are and no order for granted.

use crate::wire::octets::Reader;

/// Octets of the header.
pub const CONTROL_HEADER_LENGTH: usize = 12;
/// The most octets of data in a fragment (RFC 9327 2).
pub const CONTROL_DATA_MAX: usize = 468;

/// The mode, in the lowest three bits of the first octet.
const MODE: u8 = 6;
const RESPONSE: u8 = 0x80;
const ERROR: u8 = 0x40;
const MORE: u8 = 0x20;
const OPCODE: u8 = 0x1f;

/// What is asked for; those that change something, and those of later inventions, are not told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// 1: the status of all associations, or of one.
    ReadStatus,
    /// 2: variables of the system or of an association.
    ReadVariables,
    /// 3, 5, 6, 8 and 9: to change something, or to be told of events.
    Write,
    /// Any other.
    Other,
}

/// Why a question is not answered (RFC 9327 3, error codes).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ControlError {
    /// The message is malformed.
    Format = 2,
    /// There is no such operation.
    Operation = 3,
    /// There is no such association.
    Association = 4,
    /// There is no such variable.
    Variable = 5,
    /// It may not be done by this.
    Prohibited = 7,
}

/// A question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ControlRequest<'a> {
    version: u8,
    opcode: u8,
    sequence: u16,
    /// Whom it concerns; 0 is the system.
    pub association: u16,
    /// Names of variables, separated by commas; empty: all.
    pub data: &'a [u8],
}

/// Whether a datagram is of mode 6 at all.
pub fn is_control(octets: &[u8]) -> bool {
    octets.first().is_some_and(|first| first & 7 == MODE)
}

impl<'a> ControlRequest<'a> {
    /// Reads a question; `None` if it is none: another mode, an answer, or cut off.
    pub fn parse(octets: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(octets);
        let (first, second) = (reader.u8()?, reader.u8()?);
        if first & 7 != MODE || second & (RESPONSE | ERROR | MORE) != 0 {
            return None;
        }
        let sequence = reader.u16()?;
        let _status = reader.u16()?;
        let (association, offset, count) = (reader.u16()?, reader.u16()?, reader.u16()?);
        let data = reader.slice(usize::from(count)).filter(|_| offset == 0)?;
        Some(Self { version: first >> 3 & 7, opcode: second & OPCODE, sequence, association, data })
    }

    /// What is asked for.
    pub const fn operation(&self) -> Operation {
        match self.opcode {
            1 => Operation::ReadStatus,
            2 => Operation::ReadVariables,
            3 | 5 | 6 | 8 | 9 => Operation::Write,
            _ => Operation::Other,
        }
    }

    /// The answer with this status word, in as many fragments as it needs.
    pub fn answer(&self, status: u16, data: &[u8]) -> Vec<Vec<u8>> {
        if data.is_empty() {
            return vec![self.fragment(0, status, 0, data)];
        }
        let count = data.len().div_ceil(CONTROL_DATA_MAX);
        let parts = data.chunks(CONTROL_DATA_MAX).enumerate();
        let more = |part: usize| if part + 1 < count { MORE } else { 0 };
        parts.map(|(part, octets)| self.fragment(more(part), status, part * CONTROL_DATA_MAX, octets)).collect()
    }

    /// The answer that there is none.
    pub fn refuse(&self, error: ControlError) -> Vec<u8> {
        self.fragment(ERROR, u16::from(error as u8) << 8, 0, &[])
    }

    fn fragment(&self, flags: u8, status: u16, offset: usize, data: &[u8]) -> Vec<u8> {
        let mut octets = Vec::with_capacity(CONTROL_HEADER_LENGTH + CONTROL_DATA_MAX);
        octets.extend([self.version << 3 | MODE, RESPONSE | flags | self.opcode]);
        // No answer of ours has 64 KiB.
        for word in [self.sequence, status, self.association, offset as u16, data.len() as u16] {
            octets.extend(word.to_be_bytes());
        }
        octets.extend(data);
        octets.resize(octets.len().next_multiple_of(4), 0);
        octets
    }
}

#[cfg(test)]
mod tests {
    use super::Operation::{Other, ReadStatus, ReadVariables, Write};
    use super::*;

    /// `ntpq -c rv`, as ntpsec 1.2.2 asks it.
    const READ_VARIABLES: [u8; 12] = [0x16, 0x02, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];

    #[test]
    fn a_question_is_read_and_its_answer_repeats_what_it_came_with() {
        let request = ControlRequest::parse(&READ_VARIABLES).expect("a question");
        assert_eq!((request.operation(), request.association), (Operation::ReadVariables, 0));
        let answer = request.answer(0x0615, b"leap=00");
        assert_eq!(answer, [b"\x16\x82\x00\x01\x06\x15\x00\x00\x00\x00\x00\x07leap=00\x00"]);
        assert_eq!(request.refuse(ControlError::Association), b"\x16\xc2\x00\x01\x04\x00\x00\x00\x00\x00\x00\x00");
    }

    #[test]
    fn a_long_answer_comes_in_fragments_that_say_their_place() {
        let request = ControlRequest::parse(&READ_VARIABLES).expect("a question");
        let text = vec![b'x'; CONTROL_DATA_MAX + 3];
        let [first, second] = &request.answer(0, &text)[..] else { panic!("two fragments") };
        assert_eq!((first[1], &first[8..12], first.len()), (0xa2, &[0, 0, 1, 0xd4][..], 480));
        assert_eq!((second[1], &second[8..], second.len()), (0x82, &b"\x01\xd4\x00\x03xxx\x00"[..], 16));
        let whole = request.answer(0, &text[..CONTROL_DATA_MAX]);
        assert_eq!((whole.len(), whole[0][1]), (1, 0x82));
    }

    #[test]
    fn what_is_no_question_is_left_alone() {
        for cut in 0..READ_VARIABLES.len() {
            assert_eq!(ControlRequest::parse(&READ_VARIABLES[..cut]), None);
        }
        for (place, octet) in [(0, 0x23), (1, 0x82), (1, 0x42), (1, 0x22), (9, 4), (11, 1)] {
            let mut octets = READ_VARIABLES;
            octets[place] = octet;
            assert_eq!(ControlRequest::parse(&octets), None, "{octets:x?}");
        }
        let operations: Vec<_> =
            [1, 2, 3, 8, 10, 31].map(|opcode| ControlRequest { opcode, ..parsed() }.operation()).into();
        assert_eq!(operations, [ReadStatus, ReadVariables, Write, Write, Other, Other]);
    }

    fn parsed() -> ControlRequest<'static> {
        ControlRequest::parse(&READ_VARIABLES).expect("a question")
    }
}
