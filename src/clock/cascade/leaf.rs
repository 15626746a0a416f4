//! One PHC, and what it reads between two crossings.
//!
//! A command is obeyed at a reading, and what that is off by stays in all that is compared with readings of before: by the change of the
//! rate, 59 ns of 83 us where a slew of 700 ppm ends. So a reading goes on from the last crossing at the rate in force: that of the oscillator
//! beside CLOCK_MONOTONIC, as it was learned with all corrections taken out of both, and what the two clocks were told since.

use super::doubt::Doubt;
use super::{Clock, Crossing, Steering};
use crate::clock::continuity::Continuity;
use crate::clock::gain::Gain;
use crate::time::{ClockEpoch, Duration, Local, Mono, Timestamp};

/// See the module's text.
#[derive(Debug)]
pub(super) struct Leaf<C> {
    pub steering: Steering<C>,
    pub continuity: Continuity,
    /// The same of the card's reading and CLOCK_MONOTONIC, without what was added to them, for the rate alone.
    pace: Continuity,
    anchor: Anchor,
    /// The epoch of the last reading, and the first reading in it.
    pub since: (ClockEpoch, Timestamp<Local>),
    pub crossing_at: Timestamp<Mono>,
    /// Half of the last window.
    pub window: Duration,
    /// It seems to have jumped.
    pub doubt: Option<Doubt>,
    /// Crossings in a row of which only the half was told that says most.
    pub halves: u32,
}

/// The last crossing, and what commands had added by then.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    mono: Timestamp<Mono>,
    device: Timestamp<Local>,
    /// To the PHC, by steps.
    stepped: Duration,
    /// To the PHC, by its rate.
    turned: Duration,
    /// To CLOCK_MONOTONIC, by the system clock's rate.
    mono_turned: Duration,
    /// What the card gains by itself on CLOCK_MONOTONIC by itself.
    own: Gain,
}

impl Anchor {
    fn of<C: Clock>(crossing: &Crossing, phc: &Steering<C>, system: &Steering<C>) -> Self {
        Self {
            mono: crossing.mono,
            device: crossing.device,
            stepped: phc.stepped(),
            turned: phc.turned(crossing.mono),
            mono_turned: system.turned_mono(crossing.mono),
            own: Gain::default(),
        }
    }
}

impl<C: Clock> Leaf<C> {
    /// A PHC whose first crossing is this.
    pub fn new(steering: Steering<C>, epoch: ClockEpoch, crossing: &Crossing, system: &Steering<C>) -> Self {
        Self {
            anchor: Anchor::of(crossing, &steering, system),
            steering,
            continuity: Continuity::default(),
            pace: Continuity::default(),
            since: (epoch, crossing.device),
            crossing_at: crossing.mono,
            window: crossing.window.half(),
            doubt: None,
            halves: 0,
        }
    }

    /// It was crossed. Returns its reading with all corrections taken out.
    pub fn was_crossed(&mut self, crossing: &Crossing, system: &Steering<C>) -> Timestamp<Local> {
        self.anchor = Anchor::of(crossing, &self.steering, system);
        self.window = crossing.window.half();
        let epoch = self.steering.clock().epoch();
        if epoch != self.since.0 {
            self.since = (epoch, crossing.device);
            // A driver that steps by reading, adding and writing loses some microseconds: no jump of the clock's own.
            self.continuity.restart();
            self.pace.restart();
        }
        let Anchor { device, mono, stepped, turned, mono_turned, .. } = self.anchor;
        let (device, mono) = (device - stepped - turned, mono - mono_turned);
        self.pace.check(mono.read_as(), device, crossing.window + crossing.slack);
        self.anchor.own = Gain::of(self.pace.rate());
        self.steering.free(crossing.device)
    }

    /// How long ago the last crossing was.
    pub fn since_crossing(&self, now: Timestamp<Mono>) -> Duration {
        now - self.anchor.mono
    }

    /// Its reading at `now`, to within what an oscillator's rate changes by since the last crossing.
    pub fn reading(&self, now: Timestamp<Mono>, system: &Steering<C>) -> Timestamp<Local> {
        let anchor = &self.anchor;
        let elapsed = (now - anchor.mono) - (system.turned_mono(now) - anchor.mono_turned);
        let told = (self.steering.turned(now) - anchor.turned) + (self.steering.stepped() - anchor.stepped);
        anchor.device + elapsed + anchor.own.over(elapsed) + told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Adjusted, ClockError, Counts};
    use crate::discipline::Adjustment;
    use crate::discipline::servo::Kind;
    use crate::time::{FrequencyPpb, Stamp};

    /// A clock that is told nothing, and goes at a rate that somebody has told it before.
    struct Dial {
        frequency: FrequencyPpb,
        turns_mono: bool,
    }

    impl Clock for Dial {
        fn locate(&mut self, raw: &Stamp) -> Option<Stamp> {
            Some(*raw)
        }

        fn line(&mut self, at: Timestamp<Local>) -> (Timestamp<Local>, FrequencyPpb) {
            (at, FrequencyPpb::ZERO)
        }

        fn adjust(&mut self, _: Timestamp<Local>, _: Adjustment) -> Result<Adjusted, ClockError> {
            Err(ClockError::OutOfRange)
        }

        fn restart(&mut self, _: Timestamp<Local>) -> ClockEpoch {
            ClockEpoch::default()
        }

        fn is_stamping(&self) -> bool {
            true
        }

        fn turns_mono(&self) -> bool {
            self.turns_mono
        }

        fn frequency(&self) -> FrequencyPpb {
            self.frequency
        }

        fn epoch(&self) -> ClockEpoch {
            ClockEpoch::default()
        }
    }

    const OWN: f64 = 60e-6;
    const PHC: f64 = -300e-6;
    const SYSTEM: f64 = 400e-6;
    const START: Timestamp<Local> = Timestamp::from_secs(1_800_000_000);

    /// What CLOCK_MONOTONIC and the PHC read when CLOCK_MONOTONIC_RAW has advanced by `raw`.
    fn at(raw: Duration) -> (Timestamp<Mono>, Timestamp<Local>) {
        let device = raw + raw.scaled((1.0 + OWN) * (1.0 + PHC) - 1.0);
        (Timestamp::from_secs(500) + raw + raw.scaled(SYSTEM), START + device)
    }

    fn crossing(raw: Duration) -> Crossing {
        let (mono, device) = at(raw);
        let (window, slack) = (Duration::from_nanos(100), Duration::ZERO);
        Crossing { before: START, device, after: START, raw: Timestamp::EPOCH + raw, mono, window, slack }
    }

    #[test]
    fn between_two_crossings_it_goes_on_at_the_rate_in_force() {
        let (now, local) = at(Duration::ZERO);
        let steering = |correction, turns_mono| {
            let clock = Dial { frequency: FrequencyPpb::from_ratio(correction), turns_mono };
            Steering::new(clock, Counts::Tai, crate::clock::cascade::tests::steering(Kind::Estimator), now, local)
        };
        let system = steering(SYSTEM, true);
        let mut leaf = Leaf::new(steering(PHC, false), ClockEpoch::default(), &crossing(Duration::ZERO), &system);
        let quarter = Duration::from_millis(250);
        for n in 1..=40 {
            leaf.was_crossed(&crossing(quarter.times(n)), &system);
        }
        let (now, device) = at(quarter.times(40) + Duration::SECOND);
        let off = leaf.reading(now, &system) - device;
        // 0.64 ms at the rate of CLOCK_MONOTONIC; what is left is the product of two corrections.
        assert!(off.abs() < Duration::from_nanos(300), "{off}");
    }
}
