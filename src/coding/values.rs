//! The bytes of what the language has.

use std::collections::VecDeque;
use std::marker::PhantomData;

use super::{Coded, Decoder, Encoder, Malformed, layout};

macro_rules! integers {
    ($($type:ident by $method:ident;)*) => {
        $(impl Coded for $type {
            const LAYOUT: u64 = layout(stringify!($type), &[]);
            fn encode(&self, out: &mut Encoder) {
                out.$method((*self).into());
            }
            fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
                Self::try_from(from.$method()?).map_err(|_| Malformed)
            }
        })*
    };
}

integers! {
    u16 by unsigned;
    u32 by unsigned;
    u64 by unsigned;
    u128 by unsigned;
    i16 by signed;
    i32 by signed;
    i64 by signed;
    i128 by signed;
}

impl Coded for usize {
    const LAYOUT: u64 = layout("usize", &[]);
    fn encode(&self, out: &mut Encoder) {
        out.unsigned(*self as u128);
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        Self::try_from(from.unsigned()?).map_err(|_| Malformed)
    }
}

impl Coded for u8 {
    const LAYOUT: u64 = layout("u8", &[]);
    fn encode(&self, out: &mut Encoder) {
        out.byte(*self);
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        from.byte()
    }
}

impl Coded for i8 {
    const LAYOUT: u64 = layout("i8", &[]);
    fn encode(&self, out: &mut Encoder) {
        out.byte(self.cast_unsigned());
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        from.byte().map(u8::cast_signed)
    }
}

impl Coded for bool {
    const LAYOUT: u64 = layout("bool", &[]);
    fn encode(&self, out: &mut Encoder) {
        out.byte(u8::from(*self));
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        match from.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }
}

impl Coded for f64 {
    const LAYOUT: u64 = layout("f64", &[]);
    fn encode(&self, out: &mut Encoder) {
        out.raw(&self.to_bits().to_le_bytes());
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        let bytes = from.raw(8)?.try_into().map_err(|_| Malformed)?;
        Ok(Self::from_bits(u64::from_le_bytes(bytes)))
    }
}

impl Coded for String {
    const LAYOUT: u64 = layout("String", &[]);
    fn encode(&self, out: &mut Encoder) {
        out.bytes(self.as_bytes());
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        Self::from_utf8(from.bytes()?.to_vec()).map_err(|_| Malformed)
    }
}

impl<T: Coded> Coded for Option<T> {
    const LAYOUT: u64 = layout("Option", &[("", T::LAYOUT)]);
    fn encode(&self, out: &mut Encoder) {
        out.byte(u8::from(self.is_some()));
        if let Some(value) = self {
            value.encode(out);
        }
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        if bool::decode(from)? { T::decode(from).map(Some) } else { Ok(None) }
    }
}

impl<T: Coded> Coded for Box<T> {
    const LAYOUT: u64 = T::LAYOUT;
    fn encode(&self, out: &mut Encoder) {
        T::encode(self, out);
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        T::decode(from).map(Self::new)
    }
}

impl<T: Coded, const N: usize> Coded for [T; N] {
    const LAYOUT: u64 = layout("array", &[("", T::LAYOUT), ("", N as u64)]);
    fn encode(&self, out: &mut Encoder) {
        for element in self {
            element.encode(out);
        }
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        let elements: Vec<T> = (0..N).map(|_| T::decode(from)).collect::<Result<_, _>>()?;
        elements.try_into().map_err(|_| Malformed)
    }
}

macro_rules! sequences {
    ($($type:ident)*) => {
        $(impl<T: Coded> Coded for $type<T> {
            const LAYOUT: u64 = layout("sequence", &[("", T::LAYOUT)]);
            fn encode(&self, out: &mut Encoder) {
                out.unsigned(self.len() as u128);
                for element in self {
                    element.encode(out);
                }
            }
            fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
                let count = from.count()?;
                (0..count).map(|_| T::decode(from)).collect()
            }
        })*
    };
}

sequences! { Vec VecDeque }

impl<A: Coded, B: Coded> Coded for (A, B) {
    const LAYOUT: u64 = layout("pair", &[("0", A::LAYOUT), ("1", B::LAYOUT)]);
    fn encode(&self, out: &mut Encoder) {
        self.0.encode(out);
        self.1.encode(out);
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        Ok((A::decode(from)?, B::decode(from)?))
    }
}

/// No bytes: it is never a value.
impl<T> Coded for PhantomData<T> {
    const LAYOUT: u64 = layout("nothing", &[]);
    fn encode(&self, _: &mut Encoder) {}
    fn decode(_: &mut Decoder<'_>) -> Result<Self, Malformed> {
        Ok(Self)
    }
}
