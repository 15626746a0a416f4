//! A queue of byte strings from one thread to one other, without an allocation on either side of it.
//!
//! Records of a trace are of 20 bytes or of 60,000, so a queue of slots would be mostly air. Here each one lies in a ring of
//! bytes behind its length, written as a whole or not at all. Nobody is woken: the reader comes round by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Drops;

/// Bytes before each string: its length.
const HEAD: usize = 4;

/// A queue of byte strings.
#[derive(Debug)]
pub struct ByteRing;

impl ByteRing {
    /// With room for `capacity` bytes, 4 more for each string included.
    pub fn with_capacity(capacity: usize) -> (ByteWriter, ByteReader) {
        let (producer, consumer) = rtrb::RingBuffer::new(capacity);
        let dropped = Arc::new(AtomicU64::new(0));
        (ByteWriter { producer, dropped: Arc::clone(&dropped) }, ByteReader { consumer, dropped })
    }
}

/// The producer's end.
#[derive(Debug)]
pub struct ByteWriter {
    producer: rtrb::Producer<u8>,
    dropped: Arc<AtomicU64>,
}

impl ByteWriter {
    /// Appends a string; without room for all of it, it is dropped and counted. Never waits.
    pub fn push(&mut self, bytes: &[u8]) -> bool {
        let is_taken = u32::try_from(bytes.len()).is_ok_and(|length| {
            self.producer.slots() >= HEAD + bytes.len()
                // Nobody else writes: the room that there was is still there.
                && self.producer.push_entire_slice(&length.to_le_bytes()).is_ok()
                && self.producer.push_entire_slice(bytes).is_ok()
        });
        if !is_taken {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        is_taken
    }
}

/// The consumer's end.
#[derive(Debug)]
pub struct ByteReader {
    consumer: rtrb::Consumer<u8>,
    dropped: Arc<AtomicU64>,
}

impl ByteReader {
    /// Appends the oldest string to `out` and returns its length, if there is one.
    pub fn pop(&mut self, out: &mut Vec<u8>) -> Option<usize> {
        let length = self.length()?;
        // The string follows its length a moment later; until then there is none.
        let chunk = self.consumer.read_chunk(HEAD + length).ok()?;
        let (first, second) = chunk.as_slices();
        let skipped = HEAD.min(first.len());
        out.extend_from_slice(&first[skipped..]);
        out.extend_from_slice(&second[HEAD - skipped..]);
        chunk.commit_all();
        Some(length)
    }

    /// The length of the oldest string.
    fn length(&mut self) -> Option<usize> {
        let chunk = self.consumer.read_chunk(HEAD).ok()?;
        let mut head = [0; HEAD];
        let (first, second) = chunk.as_slices();
        head[..first.len()].copy_from_slice(first);
        head[first.len()..].copy_from_slice(second);
        Some(u32::from_le_bytes(head) as usize)
    }

    /// Whether the producer is gone, and nothing of it is left to read.
    pub fn is_over(&self) -> bool {
        self.consumer.is_abandoned() && self.consumer.is_empty()
    }

    /// Counts what was dropped for want of room.
    pub fn drops(&self) -> Drops {
        Drops(Arc::clone(&self.dropped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_come_out_whole_and_in_order_wherever_the_ring_wraps() {
        let (mut writer, mut reader) = ByteRing::with_capacity(23);
        let mut out = Vec::new();
        for round in 0..200_u8 {
            let string = vec![round; usize::from(round % 19)];
            assert!(writer.push(&string), "{round}");
            out.clear();
            assert_eq!(reader.pop(&mut out), Some(string.len()));
            assert_eq!(out, string);
        }
        assert_eq!(reader.pop(&mut out), None);
    }

    #[test]
    fn what_has_no_room_is_dropped_as_a_whole_and_counted() {
        let (mut writer, mut reader) = ByteRing::with_capacity(12);
        assert!(writer.push(b"house"));
        assert!(!writer.push(b"x"), "three bytes are left, and it wants five");
        assert_eq!(reader.drops().count(), 1);
        let mut out = Vec::new();
        assert_eq!((reader.pop(&mut out), reader.pop(&mut out)), (Some(5), None));
        assert_eq!(out, b"house");
        assert!(writer.push(b"12345678"));
    }

    #[test]
    fn two_threads_see_each_string_once() {
        let (mut writer, mut reader) = ByteRing::with_capacity(64);
        let producer = std::thread::spawn(move || {
            for number in 0..20_000_u32 {
                let string = number.to_le_bytes();
                while !writer.push(&string[..=(number % 4) as usize]) {
                    std::thread::yield_now();
                }
            }
        });
        let mut out = Vec::new();
        for number in 0..20_000_u32 {
            out.clear();
            while reader.pop(&mut out).is_none() {
                std::thread::yield_now();
            }
            assert_eq!(out, number.to_le_bytes()[..=(number % 4) as usize]);
        }
        producer.join().unwrap();
    }
}
