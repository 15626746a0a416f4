//! The port and the grandmaster as they are recorded: the bytes of their inputs, which borrow the packets.

use super::{Address, Channel, ClockReport, Decision, Effect, Grandmaster, Input, Line, Port, TxToken};
use crate::coding::{Coded, Decoder, Encoder, Malformed, layout};
use crate::engine::{Engine, EngineKind, Recordable};
use crate::time::{Mono, Stamp, Timestamp};

const INPUT_LAYOUT: u64 = layout(
    "ptp::Input",
    &[
        ("stamp", <Option<Stamp>>::LAYOUT),
        ("channel", Channel::LAYOUT),
        ("from", <Option<Address>>::LAYOUT),
        ("token", TxToken::LAYOUT),
        ("report", ClockReport::LAYOUT),
        ("decision", Decision::LAYOUT),
        ("line", <Option<Line>>::LAYOUT),
    ],
);

fn encode(input: &Input<'_>, out: &mut Encoder) {
    match *input {
        Input::Received { bytes, channel, stamp, from } => {
            out.byte(0);
            out.bytes(bytes);
            channel.encode(out);
            stamp.encode(out);
            from.encode(out);
        }
        Input::Sent { token, stamp } => {
            out.byte(1);
            token.encode(out);
            stamp.encode(out);
        }
        Input::SendFailed { token } => {
            out.byte(2);
            token.encode(out);
        }
        Input::Clock(report) => {
            out.byte(3);
            report.encode(out);
        }
        Input::Link { up } => {
            out.byte(4);
            up.encode(out);
        }
        Input::Tick { local } => {
            out.byte(5);
            local.encode(out);
        }
        Input::Decision(decision) => {
            out.byte(6);
            decision.encode(out);
        }
        Input::Line(line) => {
            out.byte(7);
            line.encode(out);
        }
    }
}

fn decode<'a>(from: &mut Decoder<'a>) -> Result<Input<'a>, Malformed> {
    Ok(match from.byte()? {
        0 => {
            let bytes = from.bytes()?;
            let channel = Channel::decode(from)?;
            Input::Received { bytes, channel, stamp: Option::decode(from)?, from: Option::decode(from)? }
        }
        1 => Input::Sent { token: TxToken::decode(from)?, stamp: Option::decode(from)? },
        2 => Input::SendFailed { token: Option::decode(from)? },
        3 => Input::Clock(ClockReport::decode(from)?),
        4 => Input::Link { up: bool::decode(from)? },
        5 => Input::Tick { local: Timestamp::decode(from)? },
        6 => Input::Decision(Decision::decode(from)?),
        7 => Input::Line(Option::decode(from)?),
        _ => return Err(Malformed),
    })
}

/// Both hear the same inputs and do the same things.
macro_rules! recordable {
    ($engine:ty, $kind:expr) => {
        impl Recordable for $engine {
            const KIND: EngineKind = $kind;
            const INPUT_LAYOUT: u64 = INPUT_LAYOUT;

            fn encode_input(input: &Input<'_>, out: &mut Encoder) {
                encode(input, out);
            }

            fn repeat(&mut self, now: Timestamp<Mono>, input: &Input<'_>, out: &mut Vec<Effect>) {
                self.step(now, *input, out);
            }

            fn show(input: &Input<'_>) -> String {
                format!("{input:?}")
            }

            fn with_input<R>(from: &mut Decoder<'_>, act: impl FnOnce(&Input<'_>) -> R) -> Result<R, Malformed> {
                Ok(act(&decode(from)?))
            }
        }
    };
}

recordable!(Port, EngineKind::PtpPort);
recordable!(Grandmaster, EngineKind::Grandmaster);
