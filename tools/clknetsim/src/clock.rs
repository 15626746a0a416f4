//! A clock of the node that is steered through the server, as [`SystemClock`](synchronome::clock::SystemClock) and
//! [`PhcClock`](synchronome::clock::PhcClock) are through the kernel.
//!
//! The simulated clock takes a frequency as the kernel does, 2^-16 ppm up to 500 ppm, and the tick beyond that: 100 ppm for each
//! microsecond. There is no PHC in the protocol; clknetsim's library makes one by setting both, and so is it done here.

use synchronome::clock::{Adjusted, Clock, ClockError};
use synchronome::discipline::Adjustment;
use synchronome::time::{ClockEpoch, ClockId, Duration, FrequencyPpb, Local, Stamp, Timestamp};

use crate::connection::Fault;
use crate::host::Host;
use crate::protocol::{TimeVal, Timex};

/// The nominal tick in microseconds.
const TICK: i64 = 10_000;
/// 2^-16 ppm in a microsecond of tick.
const SCALED_PER_TICK: i64 = 100 * 65_536;
/// 2^-16 ppm in a ppb.
const SCALED_PER_PPB: f64 = 65.536;
/// What the tick can do.
const FREQUENCY_MAX: FrequencyPpb = FrequencyPpb::new(100_000_000.0);
/// errno of a call that the server has not answered, which the node finds out at its next request.
const EIO: i32 = 5;

/// See the module's text.
#[derive(Debug)]
pub struct NodeClock {
    host: Host,
    frequency_max: FrequencyPpb,
    frequency: FrequencyPpb,
}

/// A frequency as tick and 2^-16 ppm, the latter less than a tick's worth.
fn split(frequency: FrequencyPpb) -> (i64, i64) {
    let scaled = (frequency.ppb() * SCALED_PER_PPB).round() as i64;
    (TICK + scaled / SCALED_PER_TICK, scaled % SCALED_PER_TICK)
}

fn joined(tick: i64, scaled: i64) -> FrequencyPpb {
    FrequencyPpb::new(((tick - TICK) * SCALED_PER_TICK + scaled) as f64 / SCALED_PER_PPB)
}

impl NodeClock {
    /// The stamping clock of this node, which has no correction yet; corrections are at most `frequency_max`.
    pub fn new(host: Host, frequency_max: FrequencyPpb) -> Self {
        let frequency_max = frequency_max.clamp(FREQUENCY_MAX);
        Self { host, frequency_max, frequency: FrequencyPpb::ZERO }
    }

    fn id(&self) -> ClockId {
        self.host.clock_id()
    }

    fn command(&self, timex: Timex) -> Result<Timex, ClockError> {
        match self.host.adjust(timex) {
            Ok((state, timex)) if state >= 0 => Ok(timex),
            Ok(_) => Err(ClockError::OutOfRange),
            Err(Fault::Socket(error)) => Err(ClockError::Failed(error.raw_os_error().unwrap_or(EIO))),
            Err(_) => Err(ClockError::Failed(EIO)),
        }
    }
}

impl Clock for NodeClock {
    fn locate(&mut self, raw: &Stamp) -> Option<Stamp> {
        let is_ours = raw.clock == self.id();
        is_ours.then_some(Stamp { clock: ClockId::Disciplined, ..*raw })
    }

    fn line(&mut self, at: Timestamp<Local>) -> (Timestamp<Local>, FrequencyPpb) {
        (at, FrequencyPpb::ZERO)
    }

    fn adjust(&mut self, at: Timestamp<Local>, command: Adjustment) -> Result<Adjusted, ClockError> {
        let (step, frequency) = match command {
            Adjustment::Hold => (Duration::ZERO, self.frequency),
            Adjustment::Frequency(frequency) => (Duration::ZERO, frequency),
            Adjustment::Step(step, frequency) => (step, frequency),
        };
        if !frequency.is_finite() || frequency.abs() > self.frequency_max {
            return Err(ClockError::OutOfRange);
        }
        let nanos = step.as_nanos();
        let (tick, freq) = split(frequency);
        let time = TimeVal { seconds: nanos.div_euclid(1_000_000_000), fraction: nanos.rem_euclid(1_000_000_000) };
        let change = Timex { modes: Timex::FREQUENCY | Timex::TICK | Timex::NANO, freq, tick, ..Timex::default() };
        let change = match nanos {
            0 => change,
            _ => Timex { modes: change.modes | Timex::SET_OFFSET, time, ..change },
        };
        let found = self.command(change)?;
        self.frequency = joined(found.tick, found.freq);
        let after = at + Duration::from_nanos(nanos);
        Ok(Adjusted { before: at, after, epoch: self.host.epoch(), frequency: self.frequency, between: None })
    }

    fn is_stamping(&self) -> bool {
        true
    }

    fn restart(&mut self, _: Timestamp<Local>) -> ClockEpoch {
        // Nobody but us sets a clock here.
        self.host.epoch()
    }

    fn frequency(&self) -> FrequencyPpb {
        self.frequency
    }

    fn epoch(&self) -> ClockEpoch {
        self.host.epoch()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frequency_is_cut_into_ticks_and_put_together_again() {
        assert_eq!(split(FrequencyPpb::from_ppm(-32.0)), (TICK, -32 * 65_536));
        assert_eq!(split(FrequencyPpb::from_ppm(10_030.0)), (TICK + 100, 30 * 65_536));
        for ppm in [-99_999.0, -600.0, -100.0, -0.000_1, 0.0, 99.999, 500.0, 12_345.6] {
            let frequency = FrequencyPpb::from_ppm(ppm);
            let (tick, scaled) = split(frequency);
            assert!((9_000..=11_000).contains(&tick) && scaled.abs() < SCALED_PER_TICK, "{ppm}");
            assert!((joined(tick, scaled) - frequency).abs().ppb() < 0.01, "{ppm}");
        }
    }
}
