//! A clock as hardware: it runs on an oscillator, it obeys as well as its kind does, and others can set it too.
//!
//! A [`SoftwareClock`](crate::clock::SoftwareClock) is a function of a clock that nobody touches. A real clock is touched:
//! stamps are its readings, a step takes the stamps along, a driver rounds the frequency without a word and loses some
//! microseconds of a step, a foreign hand or a reset sets it. This is that clock, for the star of a host
//! ([`Cascade`](crate::clock::Cascade)): what CLOCK_REALTIME and a PHC are to the daemon.

use crate::clock::{Adjusted, Clock, ClockError, Oscillator, OscillatorModel, RateWatch, Tampering};
use crate::discipline::Adjustment;
use crate::engine::Random;
use crate::time::{ClockEpoch, ClockId, Duration, FrequencyPpb, Local, Mono, Stamp, Timestamp};

/// The kernel counts frequency in 2^-16 parts per million.
const SCALED_PPM_PER_PPB: f64 = 65.536;

/// What a clock is like.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct DeviceModel {
    /// What it is ahead of the truth by at the start.
    pub offset: Duration,
    /// What it runs on.
    pub oscillator: OscillatorModel,
    /// The greatest correction that it can do.
    pub max_adjustment: FrequencyPpb,
    /// It does multiples of this only, and does not say so; zero: as fine as the kernel counts.
    pub quantum: FrequencyPpb,
    /// A step falls short by up to this: a driver that reads, adds and writes.
    pub step_error: Duration,
}

impl DeviceModel {
    /// A clock without error, 500 ppm at most.
    pub const PERFECT: Self = Self {
        offset: Duration::ZERO,
        oscillator: OscillatorModel::PERFECT,
        max_adjustment: FrequencyPpb::new(500_000.0),
        quantum: FrequencyPpb::ZERO,
        step_error: Duration::ZERO,
    };
}

/// See the module's text. It is always at one instant of virtual time, which only goes on.
#[derive(Clone, Debug)]
pub struct Device {
    id: ClockId,
    model: DeviceModel,
    oscillator: Oscillator,
    random: Random,
    now: Timestamp<Mono>,
    reading: Timestamp<Local>,
    /// The reading without corrections and steps: CLOCK_MONOTONIC_RAW of the system clock.
    raw: Timestamp<Local>,
    next_grid: Timestamp<Mono>,
    /// What it was told, and what it does.
    frequency: FrequencyPpb,
    in_force: FrequencyPpb,
    watch: RateWatch<FrequencyPpb>,
    /// Whether anything was commanded yet: before that whatever it does is as it was found.
    is_ours: bool,
    rate: FrequencyPpb,
    /// All that was added to the reading at once, by whom ever.
    set: Duration,
    /// Its rate is somebody else's work.
    is_detuned: bool,
    epoch: ClockEpoch,
}

impl Device {
    /// A clock that should read `right` at `now`.
    pub fn new(id: ClockId, model: DeviceModel, now: Timestamp<Mono>, right: Timestamp<Local>) -> Self {
        let oscillator = Oscillator::new(model.oscillator);
        Self {
            id,
            random: Random::seeded(model.oscillator.seed).branch(77),
            now,
            reading: right + model.offset,
            raw: right,
            next_grid: now + oscillator.grid(),
            frequency: FrequencyPpb::ZERO,
            in_force: FrequencyPpb::ZERO,
            watch: RateWatch::new(FrequencyPpb::ZERO),
            is_ours: false,
            rate: oscillator.frequency(),
            set: Duration::ZERO,
            is_detuned: false,
            epoch: ClockEpoch::default(),
            oscillator,
            model,
        }
    }

    /// Time goes on until `now`.
    pub fn advance(&mut self, now: Timestamp<Mono>) {
        if self.oscillator.wanders() {
            while self.next_grid <= now {
                self.run_to(self.next_grid);
                self.oscillator.advance();
                self.next_grid = self.next_grid + self.oscillator.grid();
                self.find_rate();
            }
        }
        self.run_to(now);
    }

    fn run_to(&mut self, now: Timestamp<Mono>) {
        let elapsed = now - self.now;
        if elapsed <= Duration::ZERO {
            return;
        }
        self.reading = self.reading + elapsed + self.rate.drift(elapsed);
        self.raw = self.raw + elapsed + self.oscillator.frequency().drift(elapsed);
        self.now = now;
    }

    fn find_rate(&mut self) {
        let own = self.oscillator.frequency();
        let product = FrequencyPpb::from_ratio(own.ratio() * self.in_force.ratio());
        self.rate = own + self.in_force + product;
    }

    /// What it reads.
    pub fn reading(&self) -> Timestamp<Local> {
        self.reading
    }

    /// What it read `ago`, a moment of microseconds.
    pub fn reading_before(&self, ago: Duration) -> Timestamp<Local> {
        self.reading - ago - self.rate.drift(ago)
    }

    /// What it would read had nobody ever corrected it.
    pub fn raw(&self) -> Timestamp<Local> {
        self.raw
    }

    /// What it would read had nobody ever set or stepped it: CLOCK_MONOTONIC, but for its beginning.
    pub fn slewed(&self) -> Timestamp<Local> {
        self.reading - self.set
    }

    /// How fast it runs, all in all.
    pub fn rate(&self) -> FrequencyPpb {
        self.rate
    }

    /// What it was made with.
    pub fn model(&self) -> &DeviceModel {
        &self.model
    }

    /// Somebody sets it; the daemon is not told.
    pub fn set(&mut self, by: Duration) {
        self.reading = self.reading + by;
        self.set += by;
    }

    /// It stands still until then, and with it what counts its ticks: a virtual machine that does not run.
    pub fn freeze(&mut self, until: Timestamp<Mono>) {
        self.now = self.now.max(until);
    }

    /// It starts anew: from a reading of `to`, without its frequency correction.
    pub fn reset(&mut self, to: Timestamp<Local>) {
        self.set(to - self.reading);
        self.detune(FrequencyPpb::ZERO);
    }

    /// Its frequency is no longer what it was told.
    pub fn detune(&mut self, to: FrequencyPpb) {
        self.in_force = to;
        self.is_detuned = true;
        self.find_rate();
    }

    /// Sees whether its rate is ours, and makes it so; what was done to it since the last look.
    pub fn look(&mut self) -> Option<Tampering> {
        if self.is_ours && self.watch.look(self.reading, self.in_force, |rate| rate) {
            self.obey(self.frequency);
        }
        self.watch.take()
    }

    /// The correction that it does; and the one that it was told, unless somebody else has changed it since.
    pub fn correction(&self) -> (FrequencyPpb, Option<FrequencyPpb>) {
        (self.in_force, (!self.is_detuned).then_some(self.frequency))
    }

    fn obey(&mut self, frequency: FrequencyPpb) {
        let counted = (frequency.ppb() * SCALED_PPM_PER_PPB).round() / SCALED_PPM_PER_PPB;
        self.frequency = FrequencyPpb::new(counted);
        self.is_detuned = false;
        let quantum = self.model.quantum.ppb();
        // Drivers cut off what is less than their quantum.
        self.in_force =
            if quantum > 0.0 { FrequencyPpb::new((counted / quantum).trunc() * quantum) } else { self.frequency };
        self.watch.written = self.in_force;
        self.find_rate();
    }
}

impl Clock for Device {
    fn locate(&mut self, raw: &Stamp) -> Option<Stamp> {
        let is_ours = raw.clock == self.id;
        is_ours.then_some(Stamp { clock: ClockId::Disciplined, epoch: self.epoch, ..*raw })
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
        if !frequency.is_finite() {
            return Err(ClockError::OutOfRange);
        }
        let is_phc = matches!(self.id, ClockId::Phc(_));
        if !is_phc && frequency.abs() > self.model.max_adjustment {
            return Err(ClockError::OutOfRange);
        }
        // A command would wipe away what somebody has done to the rate since the last look.
        if self.is_ours && !self.watch.is_fresh(at) && self.watch.look(at, self.in_force, |rate| rate) {
            self.obey(self.frequency);
        }
        self.is_ours = true;
        self.watch.begin(at);
        // The kernel steps by whole nanoseconds.
        let step = Duration::from_ticks((step.ticks() >> 16) << 16);
        if step != Duration::ZERO {
            let short = self.model.step_error.scaled(self.random.unit());
            self.set(step - short);
            self.watch.stepped(step - short);
            self.epoch = self.epoch.next();
        }
        self.obey(frequency.clamp(self.model.max_adjustment));
        let after = at + step;
        Ok(Adjusted { before: at, after, epoch: self.epoch, frequency: self.frequency, between: None })
    }

    fn is_stamping(&self) -> bool {
        true
    }

    fn restart(&mut self, _: Timestamp<Local>) -> ClockEpoch {
        self.epoch = self.epoch.next();
        // All that was known of its time is void, and so is what was done to it. Whoever set it may have changed its rate too.
        self.watch = RateWatch::new(self.in_force);
        self.obey(self.frequency);
        self.epoch
    }

    fn frequency(&self) -> FrequencyPpb {
        self.frequency
    }

    fn frequency_max(&self) -> Option<FrequencyPpb> {
        matches!(self.id, ClockId::Phc(_)).then_some(self.model.max_adjustment)
    }

    fn epoch(&self) -> ClockEpoch {
        self.epoch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp<Local> = Timestamp::from_secs(1_800_000_000);

    fn at(seconds: i64) -> Timestamp<Mono> {
        Timestamp::EPOCH + Duration::from_secs(seconds)
    }

    fn fast(ppm: f64) -> DeviceModel {
        let oscillator = OscillatorModel { frequency: FrequencyPpb::from_ppm(ppm), ..OscillatorModel::PERFECT };
        DeviceModel { oscillator, ..DeviceModel::PERFECT }
    }

    fn error(device: &Device, seconds: i64) -> Duration {
        device.reading() - (START + Duration::from_secs(seconds))
    }

    #[test]
    fn it_runs_as_its_oscillator_and_its_correction_say() {
        let mut device = Device::new(ClockId::System, fast(40.0), at(0), START);
        device.advance(at(100));
        assert!((error(&device, 100) - Duration::from_millis(4)).abs() < Duration::from_nanos(1));
        device.adjust(device.reading(), Adjustment::Frequency(FrequencyPpb::from_ppm(-40.0))).unwrap();
        device.advance(at(200));
        assert!((error(&device, 200) - Duration::from_millis(4)).abs() < Duration::from_micros(1));
        let raw = device.raw() - START - Duration::from_secs(200);
        assert!((raw - Duration::from_millis(8)).abs() < Duration::from_nanos(1), "as if nobody steered: {raw}");
    }

    #[test]
    fn a_command_does_not_wipe_away_what_somebody_has_done_to_the_rate() {
        let mut device = Device::new(ClockId::System, DeviceModel::PERFECT, at(0), START);
        device.adjust(device.reading(), Adjustment::Hold).unwrap();
        device.detune(FrequencyPpb::from_ppm(50.0));
        device.advance(at(20));
        device.adjust(device.reading(), Adjustment::Frequency(FrequencyPpb::from_ppm(1.0))).unwrap();
        let tampering = device.look().expect("it was seen");
        assert!((tampering.ahead - Duration::from_millis(1)).abs() < Duration::from_micros(1), "{tampering:?}");
        assert!((device.rate().ppm() - 1.0).abs() < 1e-3, "the command counts: {}", device.rate());
    }

    #[test]
    fn a_coarse_frequency_is_cut_off_and_not_told() {
        let model = DeviceModel { quantum: FrequencyPpb::new(100.0), ..DeviceModel::PERFECT };
        let mut device = Device::new(ClockId::Phc(0), model, at(0), START);
        let adjusted = device.adjust(START, Adjustment::Frequency(FrequencyPpb::new(-280.0))).unwrap();
        assert!((adjusted.frequency.ppb() + 280.0).abs() < 0.01);
        assert!((device.rate().ppb() + 200.0).abs() < 1e-9, "{}", device.rate());
    }

    #[test]
    fn a_phc_does_what_it_can_and_the_system_clock_refuses() {
        let command = Adjustment::Frequency(FrequencyPpb::from_ppm(800.0));
        let mut phc = Device::new(ClockId::Phc(0), DeviceModel::PERFECT, at(0), START);
        assert_eq!(phc.adjust(START, command).unwrap().frequency, FrequencyPpb::from_ppm(500.0));
        assert_eq!(phc.frequency_max(), Some(FrequencyPpb::from_ppm(500.0)), "as drivers tell");
        let mut system = Device::new(ClockId::System, DeviceModel::PERFECT, at(0), START);
        assert_eq!(system.adjust(START, command), Err(ClockError::OutOfRange));
        assert_eq!(system.rate(), FrequencyPpb::ZERO);
    }

    #[test]
    fn a_step_falls_short_by_no_more_than_its_error_and_says_the_whole() {
        let model = DeviceModel { step_error: Duration::from_micros(5), ..DeviceModel::PERFECT };
        let mut device = Device::new(ClockId::System, model, at(0), START);
        let step = Duration::from_secs(-2);
        let adjusted = device.adjust(START, Adjustment::Step(step, FrequencyPpb::ZERO)).unwrap();
        assert_eq!(adjusted.after, START + step);
        let short = adjusted.after - device.reading();
        assert!(short > Duration::ZERO && short < Duration::from_micros(5), "{short}");
        assert_eq!(device.slewed(), START, "CLOCK_MONOTONIC does not step");
    }

    #[test]
    fn who_stands_still_reads_the_same_until_he_runs_again() {
        let mut device = Device::new(ClockId::System, fast(40.0), at(0), START);
        device.advance(at(10));
        let (read, raw) = (device.reading(), device.raw());
        device.freeze(at(18));
        for second in [10, 14, 18] {
            device.advance(at(second));
            assert_eq!((device.reading(), device.raw()), (read, raw), "at {second} s");
        }
        device.advance(at(19));
        assert!(
            (device.reading() - read - Duration::SECOND - Duration::from_micros(40)).abs() < Duration::from_nanos(1)
        );
    }

    #[test]
    fn who_sets_or_resets_it_leaves_the_epoch_as_it_is() {
        let mut device = Device::new(ClockId::Phc(0), fast(10.0), at(0), START);
        device.adjust(START, Adjustment::Frequency(FrequencyPpb::from_ppm(-10.0))).unwrap();
        device.set(Duration::from_secs(3));
        device.reset(Timestamp::EPOCH);
        assert_eq!((device.reading(), device.epoch()), (Timestamp::EPOCH, ClockEpoch::default()));
        assert_eq!(device.rate(), FrequencyPpb::from_ppm(10.0), "its correction is gone");
        device.restart(device.reading());
        assert!(device.rate().abs() < FrequencyPpb::new(1.0), "and is in force again once the daemon knows");
        device.detune(FrequencyPpb::new(7.0));
        assert_eq!(device.correction(), (FrequencyPpb::new(7.0), None), "nobody told it that");
    }
}
