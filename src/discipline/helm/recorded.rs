//! The helm as it is recorded: the bytes of its inputs.

use super::{Claims, Effect, Helm, Input};
use crate::coding::{Coded, Decoder, Encoder, Malformed, layout};
use crate::discipline::Span;
use crate::engine::{Engine, EngineKind, Recordable};
use crate::time::{Duration, Mono, Timestamp};

type Memory = Option<Span<Duration>>;

impl Recordable for Helm {
    const KIND: EngineKind = EngineKind::Helm;
    const INPUT_LAYOUT: u64 = layout("helm::Input", &[("claims", Claims::LAYOUT), ("memory", Memory::LAYOUT)]);

    fn encode_input(input: &Input<'_>, out: &mut Encoder) {
        let Input::Judge { claims, memory } = input;
        claims.encode(out);
        memory.encode(out);
    }

    fn repeat(&mut self, now: Timestamp<Mono>, input: &Input<'_>, out: &mut Vec<Effect>) {
        self.step(now, *input, out);
    }

    fn show(input: &Input<'_>) -> String {
        format!("{input:?}")
    }

    fn with_input<R>(from: &mut Decoder<'_>, act: impl FnOnce(&Input<'_>) -> R) -> Result<R, Malformed> {
        let claims = Claims::decode(from)?;
        let memory = Memory::decode(from)?;
        Ok(act(&Input::Judge { claims: &claims, memory }))
    }
}
