//! The discipline as it is recorded: the bytes of its inputs.

use super::{Discipline, Effect, Input, Reference};
use crate::coding::{Coded, Decoder, Encoder, Malformed, layout};
use crate::engine::{Engine, EngineKind, Recordable};
use crate::time::{ClockEpoch, Duration, FrequencyPpb, LogInterval, Mono, Observation, SourceId, Timestamp};

impl Recordable for Discipline {
    const KIND: EngineKind = EngineKind::Discipline;
    const INPUT_LAYOUT: u64 = layout(
        "discipline::Input",
        &[
            ("observation", Observation::LAYOUT),
            ("reference", <Option<Reference>>::LAYOUT),
            ("slewed", Duration::LAYOUT),
            ("guard", <(SourceId, Option<Reference>)>::LAYOUT),
            ("replaced", ClockEpoch::LAYOUT),
        ],
    );

    fn encode_input(input: &Input<'_>, out: &mut Encoder) {
        match *input {
            Input::Observation(observation) => {
                out.byte(0);
                observation.encode(out);
            }
            Input::Reference(reference) => {
                out.byte(1);
                reference.encode(out);
            }
            Input::Interval(interval) => {
                out.byte(2);
                interval.encode(out);
            }
            Input::Adjusted { before, after, epoch, frequency } => {
                out.byte(3);
                before.encode(out);
                after.encode(out);
                epoch.encode(out);
                frequency.encode(out);
            }
            Input::Refused => out.byte(4),
            Input::Disturbed { reading, epoch } => {
                out.byte(5);
                reading.encode(out);
                epoch.encode(out);
            }
            Input::Tick { reading } => {
                out.byte(6);
                reading.encode(out);
            }
            Input::Slewed { reading, ahead, behind } => {
                out.byte(7);
                reading.encode(out);
                ahead.encode(out);
                behind.encode(out);
            }
            Input::Guard(source, reference) => {
                out.byte(8);
                source.encode(out);
                reference.encode(out);
            }
            Input::Replaced { reading, epoch } => {
                out.byte(9);
                reading.encode(out);
                epoch.encode(out);
            }
            Input::Unsure { by } => {
                out.byte(10);
                by.encode(out);
            }
        }
    }

    fn repeat(&mut self, now: Timestamp<Mono>, input: &Input<'_>, out: &mut Vec<Effect>) {
        self.step(now, *input, out);
    }

    fn show(input: &Input<'_>) -> String {
        format!("{input:?}")
    }

    fn with_input<R>(from: &mut Decoder<'_>, act: impl FnOnce(&Input<'_>) -> R) -> Result<R, Malformed> {
        let observation;
        let input = match from.byte()? {
            0 => {
                observation = Observation::decode(from)?;
                Input::Observation(&observation)
            }
            1 => Input::Reference(Option::decode(from)?),
            2 => Input::Interval(LogInterval::decode(from)?),
            3 => Input::Adjusted {
                before: Timestamp::decode(from)?,
                after: Timestamp::decode(from)?,
                epoch: ClockEpoch::decode(from)?,
                frequency: FrequencyPpb::decode(from)?,
            },
            4 => Input::Refused,
            5 => Input::Disturbed { reading: Timestamp::decode(from)?, epoch: ClockEpoch::decode(from)? },
            6 => Input::Tick { reading: Timestamp::decode(from)? },
            7 => Input::Slewed {
                reading: Timestamp::decode(from)?,
                ahead: Duration::decode(from)?,
                behind: Duration::decode(from)?,
            },
            8 => Input::Guard(SourceId::decode(from)?, Option::decode(from)?),
            9 => Input::Replaced { reading: Timestamp::decode(from)?, epoch: ClockEpoch::decode(from)? },
            10 => Input::Unsure { by: Duration::decode(from)? },
            _ => return Err(Malformed),
        };
        Ok(act(&input))
    }
}
