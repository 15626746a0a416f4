//! The server as an engine, for those who record it: what it answers from is its state, a request is a step.
//!
//! The workers call [`respond`] itself; this is the same with both stamps and the snapshot in one place.

use super::{ANSWER_LENGTH_MAX, Answer, DropReason, Request, ResponseConfig, respond};
use crate::coding::{Coded, Decoder, Encoder, Malformed, layout};
use crate::engine::{Engine, EngineKind, Recordable, Sink, Taped};
use crate::sharing::TimeSnapshot;
use crate::time::{Local, Mono, Timestamp};

/// What requests are answered from: the same for a batch.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub struct Responder {
    /// The time.
    pub snapshot: TimeSnapshot,
    /// What is the same for all answers.
    pub config: ResponseConfig,
}

/// What became of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub enum Reply {
    /// It is answered.
    Answer {
        /// Whether somebody vouches for the answer's time.
        is_synchronised: bool,
        /// Whether it says one that nobody vouches for.
        is_local: bool,
        /// Its octets.
        octets: [u8; ANSWER_LENGTH_MAX],
    },
    /// It is not.
    Drop(DropReason),
}

impl Engine for Responder {
    type Input<'a> = Request<'a>;
    type Effect = Reply;

    fn step(&mut self, _: Timestamp<Mono>, request: Request<'_>, out: &mut impl Sink<Reply>) {
        let mut octets = [0; ANSWER_LENGTH_MAX];
        out.emit(match respond(&request, &self.snapshot, self.config, &mut octets) {
            Ok(Answer { is_synchronised, is_local, .. }) => Reply::Answer { is_synchronised, is_local, octets },
            Err(reason) => Reply::Drop(reason),
        });
    }

    fn deadline(&self) -> Option<Timestamp<Mono>> {
        None
    }
}

/// As [`respond`], by the engine and so on its tape.
///
/// # Errors
/// The [`DropReason`].
pub fn respond_on_tape(
    responder: &mut Taped<Responder>,
    request: &Request<'_>,
    out: &mut [u8; ANSWER_LENGTH_MAX],
) -> Result<Answer, DropReason> {
    let mono = responder.snapshot.anchor_mono + (request.now - responder.snapshot.anchor_local);
    let mut reply = None;
    responder.step(mono, *request, &mut crate::engine::Emit(|made| reply = Some(made)));
    match reply.expect("a request has a reply") {
        Reply::Answer { is_synchronised, is_local, octets } => {
            *out = octets;
            Ok(Answer { length: ANSWER_LENGTH_MAX, is_synchronised, is_local })
        }
        Reply::Drop(reason) => Err(reason),
    }
}

impl Recordable for Responder {
    const KIND: EngineKind = EngineKind::NtpServer;
    const INPUT_LAYOUT: u64 = layout(
        "ntp::Request",
        &[("local", <Timestamp<Local>>::LAYOUT), ("hardware", <Option<super::HardwareStamp>>::LAYOUT)],
    );

    fn encode_input(request: &Request<'_>, out: &mut Encoder) {
        out.bytes(request.data);
        request.from_port.encode(out);
        request.received.encode(out);
        request.hardware.encode(out);
        request.now.encode(out);
    }

    fn repeat(&mut self, now: Timestamp<Mono>, request: &Request<'_>, out: &mut Vec<Reply>) {
        self.step(now, *request, out);
    }

    fn show(request: &Request<'_>) -> String {
        format!("{request:?}")
    }

    fn with_input<R>(from: &mut Decoder<'_>, act: impl FnOnce(&Request<'_>) -> R) -> Result<R, Malformed> {
        let request = Request {
            data: from.bytes()?,
            from_port: u16::decode(from)?,
            received: Timestamp::decode(from)?,
            hardware: Option::decode(from)?,
            now: Timestamp::decode(from)?,
        };
        Ok(act(&request))
    }
}
