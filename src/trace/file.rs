//! A trace as a file: written once, read as a whole.

use std::ops::Range;
use std::{fmt, iter};

use super::collector::{Collected, STREAMS_MAX};
use crate::coding::{Coded, Decoder, Encoder, Malformed};
use crate::engine::{EngineKind, RECORD_BYTES_MAX};
use crate::time::{Local, Timestamp};

/// The version of the format that is written and read.
pub const VERSION: u16 = 1;

const MAGIC: &[u8; 8] = b"SYNTRACE";
/// Magic, version and checksum.
const HEAD: usize = 14;

/// Where a trace comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub enum Origin {
    /// A host: nobody knows the truth.
    Host,
    /// A simulation, whose true time counts UTC and read `truth` when CLOCK_MONOTONIC read 0.
    Simulation {
        /// True time at CLOCK_MONOTONIC 0.
        truth: Timestamp<Local>,
    },
}

/// The steps of one engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stream {
    /// Whose: `ptp-0`, `system`, `phc-1`.
    pub name: String,
    /// Which engine.
    pub kind: EngineKind,
    /// Where they stand in the file, each behind its length.
    records: Range<usize>,
    count: usize,
}

/// A trace that was read.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The version of the program that wrote it.
    pub program: String,
    /// Where it comes from.
    pub origin: Origin,
    streams: Vec<Stream>,
    bytes: Vec<u8>,
}

/// Why a file is not a trace that can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TraceError {
    /// It does not begin as one.
    NotATrace,
    /// It is of another version of the format.
    Version(u16),
    /// It is damaged: a bit flipped, or a part is missing.
    Checksum,
    /// Its checksum is right, and its content is not: it was not written by this program.
    Malformed {
        /// Which byte of the file is the first that does not fit.
        at: usize,
    },
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotATrace => f.write_str("not a trace of synchronome"),
            Self::Version(version) => {
                write!(
                    f,
                    "a trace of format {version}, and this program reads format {VERSION}: use the one that wrote it"
                )
            }
            Self::Checksum => f.write_str("damaged: it is not what was written (cut off, or changed on the way)"),
            Self::Malformed { at } => {
                write!(f, "not written by this program: its content does not fit the format, from byte {at} on")
            }
        }
    }
}

impl std::error::Error for TraceError {}

/// Puts the head before a trace's content.
pub(super) fn sealed(content: &[u8]) -> Vec<u8> {
    let mut file = Vec::with_capacity(HEAD + content.len());
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&VERSION.to_le_bytes());
    file.extend_from_slice(&crc32fast::hash(content).to_le_bytes());
    file.extend_from_slice(content);
    file
}

/// What the engines have said, as a file.
pub(super) fn write(origin: Origin, streams: &[Collected]) -> Vec<u8> {
    let spoken = || streams.iter().filter(|stream| !stream.segments.is_empty());
    let segments = || spoken().flat_map(|stream| &stream.segments);
    // Room for the names and numbers beside the records.
    let names: usize = spoken().map(|stream| stream.name.len() + 32).sum();
    let room = segments().map(|segment| segment.bytes.len()).sum::<usize>() + names + 256;
    let mut out = Encoder::with_limit(room);
    out.bytes(env!("CARGO_PKG_VERSION").as_bytes());
    origin.encode(&mut out);
    out.unsigned(spoken().count() as u128);
    for stream in spoken() {
        out.bytes(stream.name.as_bytes());
        stream.kind.encode(&mut out);
        out.unsigned(stream.segments.iter().map(|segment| u128::from(segment.records)).sum());
        stream.segments.iter().for_each(|segment| out.raw(&segment.bytes));
    }
    sealed(out.written().expect("room for all of it"))
}

impl Trace {
    /// Reads a file.
    ///
    /// # Errors
    /// [`TraceError`]; nothing of it can be used then.
    pub fn read(bytes: Vec<u8>) -> Result<Self, TraceError> {
        let content = bytes.strip_prefix(MAGIC).ok_or(TraceError::NotATrace)?;
        let (version, content) = content.split_first_chunk().ok_or(TraceError::NotATrace)?;
        match u16::from_le_bytes(*version) {
            VERSION => {}
            other => return Err(TraceError::Version(other)),
        }
        let (checksum, content) = content.split_first_chunk().ok_or(TraceError::Checksum)?;
        if u32::from_le_bytes(*checksum) != crc32fast::hash(content) {
            return Err(TraceError::Checksum);
        }
        let length = bytes.len();
        let mut from = Decoder::new(content);
        let decoded = content_of(&mut from, length);
        let at = length - from.rest().len();
        let (program, origin, streams) = decoded.map_err(|_| TraceError::Malformed { at })?;
        Ok(Self { program, origin, streams, bytes })
    }

    /// Makes a file of any content, for tests of [`Trace::read`].
    pub fn sealed(content: &[u8]) -> Vec<u8> {
        sealed(content)
    }

    /// The engines.
    pub fn streams(&self) -> &[Stream] {
        &self.streams
    }

    /// The records of one of them, in their order.
    pub fn records<'a>(&'a self, stream: &'a Stream) -> impl Iterator<Item = &'a [u8]> {
        let mut from = Decoder::new(&self.bytes[stream.records.clone()]);
        // What was read once ends only at its end.
        iter::from_fn(move || from.bytes().ok())
    }
}

/// What stands behind the head of a file of `length` bytes, to its end.
fn content_of(from: &mut Decoder<'_>, length: usize) -> Result<(String, Origin, Vec<Stream>), Malformed> {
    let (program, origin) = (String::decode(from)?, Origin::decode(from)?);
    let count = from.count()?;
    if count > STREAMS_MAX {
        return Err(Malformed);
    }
    let streams = (0..count).map(|_| Stream::decode(from, length)).collect::<Result<_, _>>()?;
    if from.rest().is_empty() { Ok((program, origin, streams)) } else { Err(Malformed) }
}

impl Stream {
    /// From a file of `length` bytes.
    fn decode(from: &mut Decoder<'_>, length: usize) -> Result<Self, Malformed> {
        let (name, kind) = (String::decode(from)?, EngineKind::decode(from)?);
        let count = from.count()?;
        let begin = length - from.rest().len();
        for _ in 0..count {
            if from.bytes()?.len() > RECORD_BYTES_MAX {
                return Err(Malformed);
            }
        }
        Ok(Self { name, kind, records: begin..length - from.rest().len(), count })
    }

    /// How many records it has.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}
