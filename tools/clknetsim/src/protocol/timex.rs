//! `struct timex` of Linux with 64-bit `long` (linux/timex.h), 208 octets.

use super::Malformed;
use super::octets::{Put, Take};

/// `struct timeval`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct TimeVal {
    /// Seconds.
    pub seconds: i64,
    /// Microseconds; nanoseconds with [`Timex::NANO`].
    pub fraction: i64,
}

/// What adjtimex(2) takes and gives; units as in its manual.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[expect(missing_docs, reason = "the names are those of adjtimex(2)")]
pub struct Timex {
    pub modes: u32,
    pub offset: i64,
    pub freq: i64,
    pub maxerror: i64,
    pub esterror: i64,
    pub status: i32,
    pub constant: i64,
    pub precision: i64,
    pub tolerance: i64,
    pub time: TimeVal,
    pub tick: i64,
    pub ppsfreq: i64,
    pub jitter: i64,
    pub shift: i32,
    pub stabil: i64,
    pub jitcnt: i64,
    pub calcnt: i64,
    pub errcnt: i64,
    pub stbcnt: i64,
    pub tai: i32,
}

/// Eleven `int` of nothing at the end.
const RESERVED: usize = 44;

impl Timex {
    /// ADJ_FREQUENCY: [`Timex::freq`] is to be set.
    pub const FREQUENCY: u32 = 0x0002;
    /// ADJ_SETOFFSET: [`Timex::time`] is to be added to the clock.
    pub const SET_OFFSET: u32 = 0x0100;
    /// ADJ_NANO: the fraction of [`Timex::time`] counts nanoseconds.
    pub const NANO: u32 = 0x2000;
    /// ADJ_TICK: [`Timex::tick`] is to be set.
    pub const TICK: u32 = 0x4000;

    pub(super) fn take(take: &mut Take<'_>) -> Result<Self, Malformed> {
        let modes = take.u32()?;
        take.skip(4)?;
        let [offset, freq, maxerror, esterror] = longs(take)?;
        let status = take.i32()?;
        take.skip(4)?;
        let [constant, precision, tolerance] = longs(take)?;
        let time = TimeVal::take(take)?;
        let [tick, ppsfreq, jitter] = longs(take)?;
        let shift = take.i32()?;
        take.skip(4)?;
        let [stabil, jitcnt, calcnt, errcnt, stbcnt] = longs(take)?;
        let tai = take.i32()?;
        take.skip(RESERVED)?;
        Ok(Self {
            modes,
            offset,
            freq,
            maxerror,
            esterror,
            status,
            constant,
            precision,
            tolerance,
            time,
            tick,
            ppsfreq,
            jitter,
            shift,
            stabil,
            jitcnt,
            calcnt,
            errcnt,
            stbcnt,
            tai,
        })
    }

    pub(super) fn put(&self, put: &mut Put<'_>) {
        let int = |put: &mut Put<'_>, number: u32| put.words(&[number, 0]);
        let longs = |put: &mut Put<'_>, numbers: &[i64]| {
            for number in numbers {
                put.i64(*number);
            }
        };
        int(put, self.modes);
        longs(put, &[self.offset, self.freq, self.maxerror, self.esterror]);
        int(put, self.status.cast_unsigned());
        longs(put, &[self.constant, self.precision, self.tolerance]);
        self.time.put(put);
        longs(put, &[self.tick, self.ppsfreq, self.jitter]);
        int(put, self.shift.cast_unsigned());
        longs(put, &[self.stabil, self.jitcnt, self.calcnt, self.errcnt, self.stbcnt]);
        put.words(&[self.tai.cast_unsigned()]);
        put.slice(&[0; RESERVED]);
    }
}

impl TimeVal {
    pub(super) fn take(take: &mut Take<'_>) -> Result<Self, Malformed> {
        Ok(Self { seconds: take.i64()?, fraction: take.i64()? })
    }

    pub(super) fn put(self, put: &mut Put<'_>) {
        put.i64(self.seconds);
        put.i64(self.fraction);
    }
}

fn longs<const N: usize>(take: &mut Take<'_>) -> Result<[i64; N], Malformed> {
    let mut longs = [0; N];
    for long in &mut longs {
        *long = take.i64()?;
    }
    Ok(longs)
}
