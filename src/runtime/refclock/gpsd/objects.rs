//! What gpsd says, line by line.
//!
//! `serde_json` reads it: it is there for the status, knows its limits, and borrows what it can.

use serde::Deserialize;

use crate::refclock::ClockCounter;
use crate::time::{LeapIndicator, Timestamp};
use crate::wire::refclock::Sample;

/// How exact a `TOFF` is that does not say: half a second, as gpsd says of NMEA.
const TOFF_PRECISION: i8 = -1;
/// How exact a `PPS` is that does not say: a microsecond, as gpsd says of pulses that the kernel stamps.
const PPS_PRECISION: i8 = -20;
/// Less than this is no fix: `mode` of a `TPV` is 2 or 3 with one.
const MODE_FIX: u8 = 2;

/// What a line means.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Heard {
    /// Nothing to us: another object, another receiver.
    Nothing,
    /// Whether there is a fix.
    Fix(bool),
    /// A time.
    Time {
        /// Which.
        sample: Sample,
        /// By a pulse.
        is_by_pulse: bool,
    },
}

/// The members that we look at, of any object.
#[derive(Deserialize, Debug)]
struct Object<'a> {
    class: &'a str,
    #[serde(default)]
    device: Option<std::borrow::Cow<'a, str>>,
    mode: Option<u8>,
    real_sec: Option<i64>,
    real_nsec: Option<u32>,
    clock_sec: Option<i64>,
    clock_nsec: Option<u32>,
    precision: Option<i8>,
}

impl Object<'_> {
    fn sample(&self, precision: i8) -> Option<Sample> {
        const BILLION: u32 = 1_000_000_000;
        let instant = |seconds: Option<i64>, nanoseconds: Option<u32>| {
            Some(Timestamp::from_parts(seconds?, nanoseconds.filter(|nanoseconds| *nanoseconds < BILLION)?))
        };
        Some(Sample {
            received: instant(self.clock_sec, self.clock_nsec)?,
            reference: instant(self.real_sec, self.real_nsec)?,
            precision: Some(self.precision.unwrap_or(precision)),
            leap: LeapIndicator::NoWarning,
            is_pulse: false,
        })
    }
}

/// What a line says; of `device` alone, if one is named.
///
/// # Errors
/// Why it is no object, or no time though it is called one.
pub(super) fn hear(line: &[u8], device: Option<&str>) -> Result<Heard, ClockCounter> {
    let object: Object<'_> = serde_json::from_slice(line).map_err(|_| ClockCounter::Magic)?;
    if device.is_some() && object.device.as_deref() != device && matches!(object.class, "TPV" | "TOFF" | "PPS") {
        return Ok(Heard::Nothing);
    }
    let time = |precision, is_by_pulse| {
        let sample = object.sample(precision).ok_or(ClockCounter::Field)?;
        Ok(Heard::Time { sample, is_by_pulse })
    };
    match object.class {
        "TPV" => Ok(object.mode.map_or(Heard::Nothing, |mode| Heard::Fix(mode >= MODE_FIX))),
        "TOFF" => time(TOFF_PRECISION, false),
        "PPS" => time(PPS_PRECISION, true),
        _ => Ok(Heard::Nothing),
    }
}
