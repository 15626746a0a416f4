//! A reference clock as it is recorded: the bytes of its inputs, which are whole samples.

use super::{Effect, Input, Refclock};
use crate::coding::{Coded, Decoder, Encoder, Malformed, layout};
use crate::engine::{Engine, EngineKind, Recordable};
use crate::time::{Mono, Timestamp};

impl Recordable for Refclock {
    const KIND: EngineKind = EngineKind::Refclock;
    const INPUT_LAYOUT: u64 = layout("refclock::Input", &[("input", Input::LAYOUT)]);

    fn encode_input(input: &Input, out: &mut Encoder) {
        input.encode(out);
    }

    fn repeat(&mut self, now: Timestamp<Mono>, input: &Input, out: &mut Vec<Effect>) {
        self.step(now, *input, out);
    }

    fn show(input: &Input) -> String {
        format!("{input:?}")
    }

    fn with_input<R>(from: &mut Decoder<'_>, act: impl FnOnce(&Input) -> R) -> Result<R, Malformed> {
        Ok(act(&Input::decode(from)?))
    }
}
