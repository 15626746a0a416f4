//! The clock of the same host that a source is seen through.
//!
//! A clock that does not hear the source itself follows one that does, its hub. The obvious way is to take what the hub thinks
//! of the source's time for a master's, and the crossings for messages. But that time moves: a little with each message from
//! which the hub learns, and by the whole when the hub is given another master or finds that its own has stepped. Who follows
//! takes the first for the frequency of its own oscillator, which is worse the noisier the network is, and the last for
//! whatever explains it best, a longer way perhaps, for good.
//!
//! What does not move is the hub's own oscillator: `V` of the hub, its reading with all corrections taken out. So that is the ruler on
//! which a follower's estimator finds its own `V`, from crossings alone; and what the hub thinks of the ruler is added to that,
//! fresh at each crossing. What the hub learns of its source the others then know too, at once and whole, and what the network does
//! is filtered once.
//!
//! A PI servo has no estimate, and no use for a ruler: it follows the hub's time as it is. That it need not go along with all that the
//! hub's own servo does it is told by the interval at which the hub hears its source.
//!
//! With `x`, `f` of our `V` from the ruler, and `X`, `F` of the ruler from the source: the offset from the source is `x + X`, and what we
//! run off by is `f + F - f F`, as the ruler advances by `1 - f` for each second of ours.

use super::estimator::Estimate;
use crate::coding::Coded;
use crate::time::{ClockId, Duration, FrequencyPpb, Local, LogInterval, Mono, Timestamp};

/// See the module's text.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub struct Ruler {
    /// Whose it is.
    pub clock: ClockId,
    /// When it was begun, as anew after a jump: since another instant it is another ruler.
    pub since: Timestamp<Mono>,
    /// When the rest was so, on the `V` of the clock that follows.
    pub at: Timestamp<Local>,
    /// What it is ahead of the source.
    pub offset: Duration,
    /// How sure that is, one standard deviation.
    pub deviation: Duration,
    /// What the path by which it is heard may make that wrong by for good, one standard deviation: of no matter to who sees the source through it all the
    /// time, and to be reckoned with by who changes to another ruler.
    pub asymmetry: Duration,
    /// What it runs off by.
    pub frequency: FrequencyPpb,
    /// How sure that is, one standard deviation.
    pub frequency_deviation: FrequencyPpb,
    /// How often its clock hears the source.
    pub interval: LogInterval,
}

impl Ruler {
    /// Whether both are the same piece of the same oscillator's time.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.clock, self.since) == (other.clock, other.since)
    }

    /// What is known of the source's time, by what is known of the ruler at `at`.
    pub fn from_source(&self, of_ruler: Estimate, at: Timestamp<Local>) -> Estimate {
        let ours = self.ours(of_ruler.frequency);
        Estimate {
            offset: of_ruler.offset + self.offset + ours.drift(at - self.at),
            frequency: of_ruler.frequency + ours,
            deviation: both(of_ruler.deviation, self.deviation_at(at)),
            ..of_ruler
        }
    }

    /// What `V` runs off by, if that is so much from the ruler.
    pub fn frequency_from_source(&self, of_ruler: FrequencyPpb) -> FrequencyPpb {
        of_ruler + self.ours(of_ruler)
    }

    /// What the ruler runs off by in each second of a clock that runs off from it by `own`.
    fn ours(&self, own: FrequencyPpb) -> FrequencyPpb {
        FrequencyPpb::from_ratio(self.frequency.ratio() * (1.0 - own.ratio()))
    }

    /// The other way round: offset and frequency from the ruler, if `of_source` is true of the source at `at`.
    pub fn from_ruler(&self, of_source: Estimate, at: Timestamp<Local>) -> Estimate {
        let known = self.frequency.ratio();
        let own = (of_source.frequency.ratio() - known) / (1.0 - known);
        let ours = FrequencyPpb::from_ratio(known * (1.0 - own));
        Estimate {
            offset: of_source.offset - self.offset - ours.drift(at - self.at),
            frequency: FrequencyPpb::from_ratio(own),
            ..of_source
        }
    }

    /// How sure its offset still is at `at`, one standard deviation.
    pub fn deviation_at(&self, at: Timestamp<Local>) -> Duration {
        both(self.deviation, self.frequency_deviation.drift((at - self.at).abs()))
    }
}

/// The standard deviation of a sum.
pub fn both(a: Duration, b: Duration) -> Duration {
    let (a, b) = (a.as_secs_f64(), b.as_secs_f64());
    Duration::from_secs_f64((a * a + b * b).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULER: Ruler = Ruler {
        clock: ClockId::Phc(0),
        since: Timestamp::EPOCH,
        at: Timestamp::from_secs(100),
        offset: Duration::from_secs(-40),
        deviation: Duration::from_nanos(3),
        asymmetry: Duration::ZERO,
        frequency: FrequencyPpb::new(80_000.0),
        frequency_deviation: FrequencyPpb::new(1.0),
        interval: LogInterval::new(0),
    };

    fn estimate(offset: Duration, ppm: f64) -> Estimate {
        let frequency = FrequencyPpb::from_ppm(ppm);
        Estimate { offset, frequency, delay: Duration::from_micros(1), deviation: Duration::from_nanos(4) }
    }

    #[test]
    fn the_source_is_as_far_as_the_ruler_and_from_there() {
        // Ten seconds of ours are ten of the ruler's less 0.5 ms: with 80 ppm, 800 us less 40 ns.
        let seen = RULER.from_source(estimate(Duration::from_secs(3), 50.0), Timestamp::from_secs(110));
        let expected = Duration::from_secs(-37) + Duration::from_micros(800) - Duration::from_nanos(40);
        assert!((seen.offset - expected).abs() < Duration::from_nanos(1), "{}", seen.offset);
        assert!((seen.frequency.ppb() - 129_996.0).abs() < 1e-3, "{}", seen.frequency);
        // 3 ns and ten times 1 ns of the ruler, 4 ns of our own.
        assert!((seen.deviation.as_secs_f64() * 1e9 - 125.0_f64.sqrt()).abs() < 0.01, "{}", seen.deviation);
    }

    #[test]
    fn there_and_back_is_where_one_was() {
        let at = Timestamp::from_secs(92);
        let own = estimate(Duration::from_micros(7), -120.0);
        let back = RULER.from_ruler(RULER.from_source(own, at), at);
        assert!((back.offset - own.offset).abs() <= Duration::from_ticks(2), "{}", back.offset);
        assert!((back.frequency.ppb() - own.frequency.ppb()).abs() < 1e-6, "{}", back.frequency);
    }
}
