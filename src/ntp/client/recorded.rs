//! The client as it is recorded: the bytes of its inputs, which borrow the datagrams.

use super::{Client, Demand, Effect, Input, OwnIdentity, RequestToken};
use crate::coding::{Coded, Decoder, Encoder, Malformed, layout};
use crate::engine::{Engine, EngineKind, Recordable};
use crate::time::{Mono, Stamp, Timestamp};

impl Recordable for Client {
    const KIND: EngineKind = EngineKind::NtpClient;
    const INPUT_LAYOUT: u64 = layout(
        "ntp::client::Input",
        &[
            ("token", RequestToken::LAYOUT),
            ("stamp", <Option<Stamp>>::LAYOUT),
            ("identity", OwnIdentity::LAYOUT),
            ("demand", Demand::LAYOUT),
        ],
    );

    fn encode_input(input: &Input<'_>, out: &mut Encoder) {
        match *input {
            Input::Received { token, bytes, stamp } => {
                out.byte(0);
                token.encode(out);
                out.bytes(bytes);
                stamp.encode(out);
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
            Input::Identity(own) => {
                out.byte(3);
                own.encode(out);
            }
            Input::Online(is_online) => {
                out.byte(4);
                is_online.encode(out);
            }
            Input::Tick => out.byte(5),
            Input::Hurry => out.byte(6),
            Input::Demand(demand) => {
                out.byte(7);
                demand.encode(out);
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
        let input = match from.byte()? {
            0 => Input::Received {
                token: RequestToken::decode(from)?,
                bytes: from.bytes()?,
                stamp: Option::decode(from)?,
            },
            1 => Input::Sent { token: RequestToken::decode(from)?, stamp: Option::decode(from)? },
            2 => Input::SendFailed { token: RequestToken::decode(from)? },
            3 => Input::Identity(OwnIdentity::decode(from)?),
            4 => Input::Online(bool::decode(from)?),
            5 => Input::Tick,
            6 => Input::Hurry,
            7 => Input::Demand(Demand::decode(from)?),
            _ => return Err(Malformed),
        };
        Ok(act(&input))
    }
}
