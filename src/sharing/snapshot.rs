//! The time as it is served: one value that says what the time is, how wrong at most, and why.

use super::Words;
use super::words::{Fields, Put};
use crate::coding::Coded;
use crate::time::{
    ClockEpoch, Duration, ErrorBound, FrequencyPpb, LeapIndicator, Local, Mono, SyncState, TaiUtc, Timestamp, Utc,
};

/// What the error bound is made of; each part is a greatest error, none negative.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Coded)]
pub struct BoundParts {
    /// What the source says of itself (PTP clockAccuracy); zero where it says nothing.
    pub source: Duration,
    /// What the path's asymmetry can hide: half of the round trip, or what is left of it where it was calibrated.
    pub path: Duration,
    /// What the noise of the samples leaves open.
    pub noise: Duration,
    /// How far we believe to be off at the moment.
    pub offset: Duration,
    /// Quantisation and read windows of the stamps.
    pub stamps: Duration,
    /// What the clock may have drifted unseen since the samples that the bound rests on.
    pub drift: Duration,
}

impl BoundParts {
    /// The sum of all parts.
    pub fn total(&self) -> ErrorBound {
        ErrorBound::new(self.source + self.path + self.noise + self.offset + self.stamps + self.drift)
    }
}

/// How many [`LIMITS`] there are.
pub const LIMITS_COUNT: usize = 2;

/// It is foretold when the bound will exceed these: what LOCKED asks for with stamps of a card, and of the kernel.
pub const LIMITS: [Duration; LIMITS_COUNT] = [Duration::from_micros(1), Duration::from_micros(100)];

/// What the discipline thread publishes after every sample and at least a few times a second.
///
/// The served time is a line over the clock that stamps packets: at its reading `anchor_local` the time is
/// `anchor_utc`, and it advances by `1 + rate` per second of that clock.
#[derive(Clone, Copy, PartialEq, Debug, Coded)]
pub struct TimeSnapshot {
    /// The state of the served clock.
    pub state: SyncState,
    /// Leap warning of the current UTC day; [`LeapIndicator::Unknown`] while not synchronised.
    pub leap: LeapIndicator,
    /// The TAI - UTC with which our time is counted, as far as that is known.
    pub tai_utc: Option<TaiUtc>,
    /// NTP stratum as served: 1..=15; 16 while not synchronised, but where another's local clock is followed (`orphan`).
    pub stratum: u8,
    /// NTP reference ID as served (RFC 5905 7.3).
    pub reference_id: [u8; 4],
    /// Reading of the stamping clock at the anchor.
    pub anchor_local: Timestamp<Local>,
    /// Our time at the anchor.
    pub anchor_utc: Timestamp<Utc>,
    /// CLOCK_MONOTONIC at the anchor.
    pub anchor_mono: Timestamp<Mono>,
    /// How much faster our time runs than the stamping clock.
    pub rate: FrequencyPpb,
    /// The bound's parts at the anchor.
    pub parts: BoundParts,
    /// False while nothing is known: the bound is then unbounded whatever its parts.
    pub is_bounded: bool,
    /// How fast the bound grows after the anchor, for [`SNAPSHOT_AGE_MAX`].
    pub drift_rate: FrequencyPpb,
    /// And after that: whoever should look after the clock does not.
    pub stale_rate: FrequencyPpb,
    /// When the bound will exceed each of [`LIMITS`] if no sample comes any more (CLOCK_MONOTONIC); `None` while there is none.
    // As many as LIMITS_COUNT says. By that name in its place rustc fails at a struct update in a closure.
    pub exceeded_at: [Option<Timestamp<Mono>>; 2],
    /// Our time at the last usable sample (NTP's reference timestamp).
    pub reference_time: Timestamp<Utc>,
    /// CLOCK_MONOTONIC at the last usable sample; `None` if there was none.
    pub last_sample: Option<Timestamp<Mono>>,
    /// CLOCK_MONOTONIC when the state began.
    pub state_since: Timestamp<Mono>,
    /// The last measured offset from the master; positive is ahead.
    pub offset_from_master: Duration,
    /// The filtered one-way delay of the path.
    pub mean_path_delay: Duration,
    /// The frequency correction that is in force.
    pub frequency: FrequencyPpb,
    /// Counts the steps of the clock.
    pub epoch: ClockEpoch,
    /// Time from selecting the parent to LOCKED, if it has ever been.
    pub lock_time: Option<Duration>,
}

/// After this long without a new snapshot the time is no longer served as synchronised: the thread that writes it
/// is dead or starved, and so nobody watches the clock.
pub const SNAPSHOT_AGE_MAX: Duration = Duration::from_secs(4);

impl TimeSnapshot {
    /// What there is to say before anything is known.
    pub fn unsynchronised(now: Timestamp<Mono>) -> Self {
        Self {
            state: SyncState::NeverSynced,
            leap: LeapIndicator::Unknown,
            tai_utc: None,
            stratum: 16,
            reference_id: *b"INIT",
            anchor_local: Timestamp::EPOCH,
            anchor_utc: Timestamp::EPOCH,
            anchor_mono: now,
            rate: FrequencyPpb::ZERO,
            parts: BoundParts::default(),
            is_bounded: false,
            drift_rate: FrequencyPpb::ZERO,
            stale_rate: FrequencyPpb::ZERO,
            exceeded_at: [None; LIMITS_COUNT],
            reference_time: Timestamp::EPOCH,
            last_sample: None,
            state_since: now,
            offset_from_master: Duration::ZERO,
            mean_path_delay: Duration::ZERO,
            frequency: FrequencyPpb::ZERO,
            epoch: ClockEpoch::default(),
            lock_time: None,
        }
    }

    /// Our time when the stamping clock reads `local`.
    pub fn utc_at(&self, local: Timestamp<Local>) -> Timestamp<Utc> {
        let elapsed = local - self.anchor_local;
        self.anchor_utc + elapsed + self.rate.drift(elapsed)
    }

    /// The error bound `age` after the anchor.
    pub fn bound_after(&self, age: Duration) -> ErrorBound {
        if self.is_bounded {
            self.parts.total() + ErrorBound::new(self.growth_after(age))
        } else {
            ErrorBound::UNBOUNDED
        }
    }

    /// What has been added to the bound `age` after the anchor; a negative age does not shrink it.
    pub fn growth_after(&self, age: Duration) -> Duration {
        let age = age.max(Duration::ZERO);
        let fresh = age.min(SNAPSHOT_AGE_MAX);
        self.drift_rate.abs().drift(fresh) + self.stale_rate.abs().drift(age - fresh)
    }

    /// The error bound when the stamping clock reads `local`.
    pub fn bound_at(&self, local: Timestamp<Local>) -> ErrorBound {
        self.bound_after((local - self.anchor_local).abs())
    }

    /// Whether the snapshot itself is too old to be served (see [`SNAPSHOT_AGE_MAX`]), or from the future.
    pub fn is_stale_at(&self, local: Timestamp<Local>) -> bool {
        (local - self.anchor_local).abs() > SNAPSHOT_AGE_MAX
    }

    /// Whether it may be served as synchronised time when the stamping clock reads `local`.
    pub fn is_served_at(&self, local: Timestamp<Local>) -> bool {
        self.state.is_synchronised() && self.is_bounded && !self.is_stale_at(local)
    }
}

impl Words for TimeSnapshot {
    const LEN: usize = 46;

    fn store(&self, words: &mut [u64]) {
        let mut put = Put::new(words);
        let [a, b, c, d] = self.reference_id;
        put.word(u64::from_be_bytes([
            self.state as u8,
            self.leap as u8,
            self.stratum,
            self.is_bounded.into(),
            a,
            b,
            c,
            d,
        ]));
        put.word(u64::from(self.epoch.0));
        put.word(self.tai_utc.map_or(u64::MAX, |tai_utc| u64::from(tai_utc.0.cast_unsigned())));
        for instant in [self.anchor_local.ticks(), self.anchor_utc.ticks(), self.anchor_mono.ticks()] {
            put.wide(instant);
        }
        put.wide(self.reference_time.ticks());
        put.optional(self.last_sample.map(Timestamp::ticks));
        put.wide(self.state_since.ticks());
        for frequency in [self.rate, self.drift_rate, self.stale_rate, self.frequency] {
            put.frequency(frequency);
        }
        let parts = &self.parts;
        for duration in [parts.source, parts.path, parts.noise, parts.offset, parts.stamps, parts.drift] {
            put.wide(duration.ticks());
        }
        for exceeded in self.exceeded_at {
            put.optional(exceeded.map(Timestamp::ticks));
        }
        put.wide(self.offset_from_master.ticks());
        put.wide(self.mean_path_delay.ticks());
        put.optional(self.lock_time.map(Duration::ticks));
        debug_assert!(put.len() <= Self::LEN);
    }

    fn load(words: &[u64]) -> Self {
        let mut fields = Fields::new(words);
        let [state, leap, stratum, is_bounded, a, b, c, d] = fields.word().to_be_bytes();
        let epoch = ClockEpoch(fields.word() as u32);
        let tai_utc = Some(fields.word()).filter(|word| *word != u64::MAX);
        let (anchor_local, anchor_utc, anchor_mono) = (fields.instant(), fields.instant(), fields.instant());
        let reference_time = fields.instant();
        let last_sample = fields.optional().map(Timestamp::from_ticks);
        let state_since = fields.instant();
        let (rate, drift_rate) = (fields.frequency(), fields.frequency());
        let (stale_rate, frequency) = (fields.frequency(), fields.frequency());
        let parts = BoundParts {
            source: fields.duration(),
            path: fields.duration(),
            noise: fields.duration(),
            offset: fields.duration(),
            stamps: fields.duration(),
            drift: fields.duration(),
        };
        let exceeded_at = LIMITS.map(|_| fields.optional().map(Timestamp::from_ticks));
        let (offset_from_master, mean_path_delay) = (fields.duration(), fields.duration());
        let lock_time = fields.optional().map(Duration::from_ticks);
        Self {
            state: SyncState::from_number(state),
            leap: LeapIndicator::from_bits(leap),
            tai_utc: tai_utc.map(|word| TaiUtc((word as u16).cast_signed())),
            stratum,
            reference_id: [a, b, c, d],
            anchor_local,
            anchor_utc,
            anchor_mono,
            rate,
            parts,
            is_bounded: is_bounded != 0,
            drift_rate,
            stale_rate,
            exceeded_at,
            reference_time,
            last_sample,
            state_since,
            offset_from_master,
            mean_path_delay,
            frequency,
            epoch,
            lock_time,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> TimeSnapshot {
        TimeSnapshot {
            state: SyncState::Locked,
            leap: LeapIndicator::Insert,
            tai_utc: Some(TaiUtc(-37)),
            stratum: 2,
            reference_id: *b"PTP\0",
            anchor_local: Timestamp::from_secs(1_700_000_000),
            anchor_utc: Timestamp::from_secs(1_700_000_012),
            anchor_mono: Timestamp::from_secs(77),
            rate: FrequencyPpb::from_ppm(40.0),
            parts: BoundParts {
                source: Duration::from_nanos(25),
                path: Duration::from_micros(4),
                noise: Duration::from_nanos(70),
                offset: Duration::from_nanos(300),
                stamps: Duration::from_nanos(2),
                drift: Duration::from_nanos(100),
            },
            is_bounded: true,
            drift_rate: FrequencyPpb::from_ppm(1.0),
            stale_rate: FrequencyPpb::from_ppm(10.0),
            exceeded_at: [None, Some(Timestamp::from_secs(900))],
            reference_time: Timestamp::from_secs(1_700_000_011),
            last_sample: Some(Timestamp::from_secs(76)),
            state_since: Timestamp::from_secs(70),
            offset_from_master: Duration::from_nanos(-300),
            mean_path_delay: Duration::from_micros(4),
            frequency: FrequencyPpb::from_ppm(-40.0),
            epoch: ClockEpoch(3),
            lock_time: Some(Duration::from_millis(2_100)),
        }
    }

    #[test]
    fn every_field_survives_the_words() {
        let mut words = [0; TimeSnapshot::LEN];
        let mut unset = TimeSnapshot::unsynchronised(Timestamp::from_secs(-5));
        for value in [example(), {
            unset.offset_from_master = Duration::MIN + Duration::SECOND;
            unset
        }] {
            value.store(&mut words);
            assert_eq!(TimeSnapshot::load(&words), value);
        }
    }

    #[test]
    fn the_time_is_a_line_and_its_bound_grows_along_it() {
        let snapshot = example();
        let later = snapshot.anchor_local + Duration::SECOND;
        let expected = snapshot.anchor_utc + Duration::SECOND + Duration::from_micros(40);
        assert!((snapshot.utc_at(later) - expected).abs() < Duration::from_nanos(1));
        let growth = snapshot.bound_at(later).greatest_error() - snapshot.parts.total().greatest_error();
        assert!((growth - Duration::from_micros(1)).abs() < Duration::from_nanos(1));
        // 4 s of 1 ppm, then 10 ppm.
        let stale =
            snapshot.bound_after(Duration::from_secs(6)).greatest_error() - snapshot.parts.total().greatest_error();
        assert!((stale - Duration::from_micros(24)).abs() < Duration::from_nanos(1));
        assert_eq!(snapshot.bound_after(-Duration::SECOND), snapshot.parts.total());
    }

    #[test]
    fn a_stale_snapshot_is_not_served_as_synchronised() {
        let snapshot = example();
        assert!(snapshot.is_served_at(snapshot.anchor_local + Duration::SECOND));
        assert!(!snapshot.is_served_at(snapshot.anchor_local + Duration::from_secs(5)));
        assert!(!snapshot.is_served_at(snapshot.anchor_local - Duration::from_secs(5)), "the stamping clock jumped");
    }
}
