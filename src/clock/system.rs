//! The system clock, CLOCK_REALTIME, that we steer (adjtimex(2)).
//!
//! The kernel offers a phase-locked loop of its own, slews by adjtime, and a plain frequency. The plain frequency is used
//! alone: whoever reads the clock then sees one line after the other and never a loop inside the loop. It reaches
//! 500 ppm; beyond that the tick is made longer or shorter, 100 ppm for each microsecond.
//!
//! What the kernel tells every program that asks (`adjtimex`, `ntp_gettime`, `timedatectl`) is told the truth about once a
//! second: STA_UNSYNC unless the time is bounded, maxerror the bound, esterror the last offset, TAI - UTC, leap second. What it
//! was told does not wait for its second once it is not true any more.

use synchronome_kernel::adjtimex::{LeapState, Timex};
use synchronome_kernel::steer::{StatusWrite, SystemClock as Kernel};

use super::kernel_leap::KernelLeap;
use super::phc::{failed, from_scaled_ppm, scaled_ppm};
use super::rate_step::RateStep;
use super::tampering::{FRESH, Tampering, Watch};
use super::{Adjusted, Clock, ClockError};
use crate::discipline::Adjustment;
use crate::sharing::TimeSnapshot;
use crate::time::{ClockEpoch, ClockId, Duration, FrequencyPpb, LeapIndicator, Local, Stamp, TaiUtc, Timestamp};

/// Beyond this the tick does the coarse part; the kernel takes 500 ppm.
const FINE_MAX: FrequencyPpb = FrequencyPpb::new(450_000.0);
/// The nominal tick, in us (`USER_HZ` is 100 everywhere).
const TICK_US: i64 = 10_000;
/// One microsecond of tick more is so much faster.
const TICK_STEP: FrequencyPpb = FrequencyPpb::new(100_000.0);

/// What the kernel takes for "not known": from 16 s on it says STA_UNSYNC by itself.
const MAX_ERROR_US: i64 = 16_000_000;

/// See the module's text.
#[derive(Debug)]
pub struct SystemClock {
    kernel: Kernel,
    epoch: ClockEpoch,
    frequency_max: FrequencyPpb,
    frequency: FrequencyPpb,
    /// Tick and frequency. What adjtime(3) does leaves both alone, and stays unseen.
    watch: Watch<(i64, i64)>,
    /// Whether anything was commanded yet: before that the clock is left as it was found.
    is_ours: bool,
    /// The kernel is never told that the clock is synchronised: then it writes it into no RTC.
    keeps_from_rtc: bool,
    /// What the kernel was told of the time last, if it still says so.
    told: Option<StatusWrite>,
    /// Who announced a leap second to it beside us.
    leap: KernelLeap,
    /// The clock's reading when the kernel's word on that was seen last.
    leap_seen_at: Option<Timestamp<Local>>,
    step: RateStep,
}

/// How a clock is corrected by somebody who does not steer it; positive puts it forward.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Correction {
    /// At once.
    Step(Duration),
    /// By the kernel, 500 us a second (adjtime(3)), in whole microseconds.
    Slew(Duration),
}

/// A frequency as the kernel takes it: tick in us, and 2^-16 ppm.
fn split(frequency: FrequencyPpb) -> (i64, i64) {
    let ticks = if frequency.abs() <= FINE_MAX { 0 } else { (frequency.ppb() / TICK_STEP.ppb()).round() as i64 };
    let fine = FrequencyPpb::new(frequency.ppb() - ticks as f64 * TICK_STEP.ppb());
    (TICK_US + ticks, scaled_ppm(fine))
}

/// A multiple of the kernel's step, as [`split`]: the least that the kernel, which rounds down, takes for this one and not for the one before. What it was told
/// too much, up to 0.016 ns a second, it adds up, and makes up for with one step more from one waking to the next when it has a nanosecond or so: by up to 10 ns. So
/// it is told no more than it needs to be.
fn split_multiple(frequency: FrequencyPpb) -> (i64, i64) {
    let (tick_us, _) = split(frequency);
    let fine = frequency.ppb() - (tick_us - TICK_US) as f64 * TICK_STEP.ppb();
    (tick_us, (fine * 65.536 + ROUNDING).ceil() as i64)
}

/// More than what the kernel's arithmetic and ours round away, in 2^-16 ppm.
const ROUNDING: f64 = 0.02;

/// Whether it is a multiple of the kernel's step.
fn is_multiple(frequency: FrequencyPpb, step: FrequencyPpb) -> bool {
    let multiples = frequency.ppb() / step.ppb();
    (multiples - multiples.round()).abs() < 1e-6
}

fn joined((tick_us, scaled): (i64, i64)) -> FrequencyPpb {
    from_scaled_ppm(scaled) + FrequencyPpb::new((tick_us - TICK_US) as f64 * TICK_STEP.ppb())
}

/// Tick and frequency of what the kernel says.
fn rate_of(found: &Timex) -> (i64, i64) {
    (found.tick_us, found.frequency_scaled_ppm)
}

/// The leap second that the kernel was told to make; `None` while it makes it, and after it: then the bits say nothing.
fn leap_of(found: &Timex) -> Option<LeapIndicator> {
    let is_over = matches!(found.state, LeapState::InProgress | LeapState::Over);
    // With both it inserts one (`second_overflow`).
    (!is_over).then(|| leap_by(found.status.insert_leap(), found.status.delete_leap()))
}

const fn leap_by(is_inserted: bool, is_deleted: bool) -> LeapIndicator {
    match (is_inserted, is_deleted) {
        (true, _) => LeapIndicator::Insert,
        (false, true) => LeapIndicator::Delete,
        (false, false) => LeapIndicator::NoWarning,
    }
}

/// The kernel is told how good its time is about so often, and must be right until the next time: its own growth of maxerror
/// comes at the turn of its seconds only.
const VOUCHED_FOR: Duration = Duration::SECOND;
/// A command is obeyed within this after the clock was read, or somebody has set it in between.
const OBEYS_WITHIN: Duration = Duration::from_secs(10);

/// When a command was obeyed for which the clock had read `at`, by the kernel's own word (`time` of adjtimex(2)).
fn obeyed_at(told: Timestamp<Local>, at: Timestamp<Local>) -> Timestamp<Local> {
    let is_soon = (Duration::ZERO..OBEYS_WITHIN).contains(&(told - at));
    if is_soon { told } else { at }
}

/// Rounded up.
fn micros(duration: Duration) -> i64 {
    duration.as_nanos().max(0).saturating_add(999) / 1_000
}

/// Whether the kernel may call it synchronised.
fn is_good(snapshot: &TimeSnapshot) -> bool {
    snapshot.state.is_synchronised() && snapshot.is_bounded
}

/// The bound at the snapshot's anchor, in us.
fn bound_of(snapshot: &TimeSnapshot) -> i64 {
    micros(snapshot.parts.total().greatest_error())
}

/// What the kernel shall say of a clock that is served like this.
pub(crate) fn kernel_status(snapshot: &TimeSnapshot, tai_utc: Option<TaiUtc>, indicator: LeapIndicator) -> StatusWrite {
    let is_good = is_good(snapshot);
    let bound = micros(snapshot.parts.total().greatest_error() + snapshot.drift_rate.abs().drift(VOUCHED_FOR));
    StatusWrite {
        unsync: !is_good,
        insert_leap: is_good && indicator == LeapIndicator::Insert,
        delete_leap: is_good && indicator == LeapIndicator::Delete,
        max_error_us: if is_good { bound.min(MAX_ERROR_US - 1) } else { MAX_ERROR_US },
        est_error_us: if is_good { micros(snapshot.offset_from_master.abs()).min(bound) } else { MAX_ERROR_US },
        tai_utc: tai_utc.filter(|_| is_good).map(|tai_utc| i32::from(tai_utc.0)),
    }
}

/// The same status without the word that the clock is synchronised, where the kernel is not to hear it.
fn denied(status: StatusWrite, is_denied: bool) -> StatusWrite {
    StatusWrite { unsync: status.unsync || is_denied, ..status }
}

/// Whether the kernel still says what it was `told`, and that is not so: it denies a time that is good, or calls one good that is not,
/// or is nearer to the truth than it knows to be. (What it was told is good has a maxerror, also where it shall not call it so.)
fn is_untrue(told: &StatusWrite, snapshot: &TimeSnapshot) -> bool {
    let (was_good, is_good) = (told.max_error_us < MAX_ERROR_US, is_good(snapshot));
    was_good != is_good || is_good && told.max_error_us < bound_of(snapshot).min(MAX_ERROR_US - 1)
}

impl SystemClock {
    /// The system clock as it is: its frequency correction stays until it is told another.
    ///
    /// # Errors
    /// EPERM without CAP_SYS_TIME.
    pub fn acquire(frequency_max: FrequencyPpb) -> std::io::Result<Self> {
        let kernel = Kernel::acquire()?;
        let found = kernel.read()?;
        let written = (found.tick_us, found.frequency_scaled_ppm);
        Ok(Self {
            kernel,
            epoch: ClockEpoch::default(),
            frequency_max,
            frequency: joined(written),
            watch: Watch::new(written),
            is_ours: false,
            keeps_from_rtc: false,
            told: None,
            leap: KernelLeap::new(),
            leap_seen_at: None,
            step: RateStep::Unknown,
        })
    }

    /// The same, of which the kernel is never told that it is synchronised. That alone keeps it from writing the time into the RTC.
    #[must_use]
    pub fn kept_from_the_rtc(self) -> Self {
        Self { keeps_from_rtc: true, ..self }
    }

    /// The same, which finds out in which steps its rate goes and tells that ([`Clock::rate_step`]).
    #[must_use]
    pub fn telling_its_rate_step(self) -> Self {
        Self { step: RateStep::new(), ..self }
    }

    /// Corrects the clock once, for somebody who does not steer it: its frequency is left as it is, and nobody vouches for it
    /// afterwards.
    ///
    /// # Errors
    /// [`ClockError::Failed`].
    pub fn correct(&self, correction: Correction) -> Result<(), ClockError> {
        let done = match correction {
            Correction::Step(by) => self.kernel.step(by.ticks() >> 16),
            Correction::Slew(by) => self.kernel.slew(by.as_nanos() / 1_000),
        };
        done.map(drop).map_err(|error| failed(&error))
    }

    /// Tells the kernel how good the time is; once a second is right (its maxerror grows by 500 us a second meanwhile). If
    /// another program has changed the frequency, ours is in force again then.
    ///
    /// # Errors
    /// [`ClockError::Failed`].
    pub fn vouch(
        &mut self,
        snapshot: &TimeSnapshot,
        tai_utc: Option<TaiUtc>,
        indicator: LeapIndicator,
    ) -> Result<(), ClockError> {
        let status = denied(kernel_status(snapshot, tai_utc, indicator), self.keeps_from_rtc);
        // The bits are written as a whole: what another program has set must be seen before. As a rule a command of a moment ago has brought it.
        let at = snapshot.anchor_local;
        if self.leap_seen_at.is_none_or(|seen| (at - seen).abs() > FRESH)
            && let Ok(found) = self.kernel.read()
        {
            self.see_leap(at, &found);
        }
        let found = self.kernel.set_status(status).map_err(|error| failed(&error))?;
        self.told = Some(status);
        self.leap.wrote(leap_by(status.insert_leap, status.delete_leap));
        if self.is_ours { self.compare(snapshot.anchor_local, rate_of(&found)) } else { Ok(()) }
    }

    /// The leap second of this UTC day that another program has told the kernel of since this was asked last, or taken back. What was found first is another
    /// program's.
    pub fn take_leap_of_others(&mut self) -> Option<LeapIndicator> {
        self.leap.take()
    }

    /// Whether this is to be vouched for at once, for what the kernel says of its time is not true any more.
    pub fn is_to_be_told(&self, snapshot: &TimeSnapshot) -> bool {
        self.told.as_ref().is_none_or(|told| is_untrue(told, snapshot))
    }

    /// Sees whether the rate is ours, and makes it so, when the clock reads `at`: to be called before a message that this clock
    /// stamped is judged.
    pub fn look(&mut self, at: Timestamp<Local>) {
        if !self.is_ours {
            return;
        }
        let Ok(found) = self.kernel.read() else { return };
        // If it is refused now, the next look finds it again, and counts what it has done meanwhile.
        _ = self.compare(at, rate_of(&found));
    }

    /// The clock reads `at`, and runs as it was told by another clock's evidence. (To ask the kernel is dear: it stirs what it is asked
    /// into its random numbers.)
    pub fn trust(&mut self, at: Timestamp<Local>) {
        if self.is_ours {
            self.watch.trust(at);
        }
    }

    fn compare(&mut self, at: Timestamp<Local>, found: (i64, i64)) -> Result<(), ClockError> {
        let ours = self.watch.written;
        if !self.watch.look(at, found, joined) {
            return Ok(());
        }
        let written = self.write(at, self.frequency);
        if written.is_err() {
            self.watch.written = ours;
        }
        written.map(drop)
    }

    /// What another program has done to the rate since this was asked last.
    pub fn take_tampering(&mut self) -> Option<Tampering> {
        self.watch.take()
    }

    /// What the kernel has on a leap second when the clock reads `at`.
    fn see_leap(&mut self, at: Timestamp<Local>, found: &Timex) {
        self.leap_seen_at = Some(at);
        if let Some(leap) = leap_of(found) {
            self.leap.found(at.seconds(), leap);
        }
    }

    /// Writes a frequency when the clock reads about `at`. Returns what it read when it obeyed, which the kernel tells.
    fn write(&mut self, at: Timestamp<Local>, frequency: FrequencyPpb) -> Result<Timestamp<Local>, ClockError> {
        let is_multiple = self.step.look().is_some_and(|step| is_multiple(frequency, step));
        let (tick, scaled) = if is_multiple { split_multiple(frequency) } else { split(frequency) };
        // The tick is written only when it changes, or is another program's.
        let tick_change = (tick != self.watch.written.0).then_some(tick);
        let found = self.kernel.adjust(scaled, tick_change).map_err(|error| failed(&error))?;
        self.see_leap(at, &found);
        self.watch.written = rate_of(&found);
        self.frequency = if is_multiple { frequency } else { joined(self.watch.written) };
        Ok(obeyed_at(Timestamp::from_parts(found.time.seconds, found.time.nanoseconds), at))
    }
}

impl Clock for SystemClock {
    fn locate(&mut self, raw: &Stamp) -> Option<Stamp> {
        let is_ours = raw.clock == ClockId::System;
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
        if !frequency.is_finite() || frequency.abs() > self.frequency_max {
            return Err(ClockError::OutOfRange);
        }
        // A command would wipe away what another program has done since somebody looked: while this machine stood still, perhaps.
        if !self.watch.is_fresh(at) {
            self.look(at);
        }
        self.is_ours = true;
        self.watch.begin(at);
        let step = Duration::from_ticks((step.ticks() >> 16) << 16);
        if step != Duration::ZERO {
            self.kernel.step(step.ticks() >> 16).map_err(|error| failed(&error))?;
            self.watch.stepped(step);
            self.epoch = self.epoch.next();
            // It forgets.
            self.told = None;
        }
        let after = match self.write(at + step, frequency) {
            Ok(obeyed_at) => obeyed_at,
            // The step has happened; the frequency is as it was, and is told so.
            Err(_) if step != Duration::ZERO => at + step,
            Err(error) => return Err(error),
        };
        let before = after - step;
        Ok(Adjusted { before, after, epoch: self.epoch, frequency: self.frequency, between: None })
    }

    fn rate_step(&self) -> Option<FrequencyPpb> {
        self.step.known()
    }

    fn turns_mono(&self) -> bool {
        true
    }

    fn is_stamping(&self) -> bool {
        true
    }

    fn restart(&mut self, at: Timestamp<Local>) -> ClockEpoch {
        self.epoch = self.epoch.next();
        self.told = None;
        // All that was known of its time is void, and so is what was done to it.
        if let Ok(found) = self.kernel.read() {
            self.watch = Watch::new(rate_of(&found));
        }
        // Whoever set the clock may have changed its rate too. If it cannot be set now, the next command does it.
        if self.is_ours {
            _ = self.write(at, self.frequency);
        } else {
            self.frequency = joined(self.watch.written);
        }
        self.epoch
    }

    fn frequency(&self) -> FrequencyPpb {
        self.frequency
    }

    fn epoch(&self) -> ClockEpoch {
        self.epoch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sharing::BoundParts;
    use crate::time::SyncState;

    #[test]
    fn the_tick_does_the_coarse_part_and_only_then() {
        assert_eq!(split(FrequencyPpb::from_ppm(-32.0)), (TICK_US, -32 * 65_536));
        assert_eq!(split(FrequencyPpb::from_ppm(449.0)).0, TICK_US);
        assert_eq!(split(FrequencyPpb::from_ppm(10_030.0)), (TICK_US + 100, 30 * 65_536));
        for ppm in [-90_000.0, -600.0, -32.0, 0.0, 499.0, 12_345.6] {
            let frequency = FrequencyPpb::from_ppm(ppm);
            let (tick, scaled) = split(frequency);
            assert!(scaled.abs() <= 500 * 65_536 && (joined((tick, scaled)) - frequency).abs().ppb() < 0.01, "{ppm}");
        }
    }

    /// What `mult` the kernel makes of what it is told, and what is left over of a step (`ntp_update_frequency`, `tk_setup_internals`,
    /// `timekeeping_adjust`), with so many ticks a second.
    fn mult_of((tick_us, scaled): (i64, i64), hz: i128, (mult, shift): (i128, u32)) -> (i128, f64) {
        let tick_ns = 1_000_000_000 / hz;
        let second = i128::from(tick_us) * 1_000 * 100 * (1 << 32) + i128::from(scaled) * (1_000 << 32) / (1 << 16);
        let tick = (second / hz) >> (32 - shift);
        let cycles = ((tick_ns << shift) + mult / 2) / mult;
        let remainder = (tick_ns << shift) - cycles * mult;
        let (whole, rest) = ((tick - remainder) / cycles, (tick - remainder) % cycles);
        (whole, rest as f64 / cycles as f64)
    }

    #[test]
    fn a_command_is_obeyed_when_the_kernel_says_unless_the_clock_was_set_meanwhile() {
        let at = Timestamp::from_secs(1_800_000_000);
        for (later, expected) in [
            (Duration::from_micros(40), Duration::from_micros(40)),
            (Duration::from_secs(9), Duration::from_secs(9)),
            (Duration::from_secs(11), Duration::ZERO),
            (Duration::from_nanos(-1), Duration::ZERO),
        ] {
            assert_eq!(obeyed_at(at + later, at) - at, expected, "{later}");
        }
    }

    #[test]
    fn told_a_multiple_of_its_step_the_kernel_takes_that() {
        // Of 999,999 kHz, 2.1 GHz and 3.7 GHz.
        for kernel in [(8_388_616, 23), (7_989_150, 24), (4_534_383, 24)] {
            for hz in [100, 250, 1_000] {
                let tick = (1_000_000_000 / hz) << kernel.1;
                let step = ((tick + kernel.0 / 2) / kernel.0) as f64 / tick as f64;
                // 2^-16 ppm of it.
                let unit = 1e-6 / 65_536.0 / step;
                for multiple in [-4_000, -1_100, -268, -1, 0, 1, 77, 1_999] {
                    let frequency = FrequencyPpb::from_ratio(f64::from(multiple) * step);
                    assert!(is_multiple(frequency, FrequencyPpb::from_ratio(step)));
                    let told = split_multiple(frequency);
                    let (mult, rest) = mult_of(told, hz, kernel);
                    assert_eq!(mult, kernel.0 + i128::from(multiple), "{kernel:?}, {hz}");
                    assert!(rest <= 1.03 * unit, "{kernel:?}, {hz}, {multiple}: {}", rest / unit);
                    let (less, _) = mult_of((told.0, told.1 - 2), hz, kernel);
                    assert_eq!(less, mult - 1, "that is not more than it needs");
                }
                assert!(!is_multiple(FrequencyPpb::from_ratio(2.3 * step), FrequencyPpb::from_ratio(step)));
            }
        }
    }

    fn snapshot(state: SyncState, is_bounded: bool, drift: Duration) -> TimeSnapshot {
        let parts = BoundParts { drift, ..BoundParts::default() };
        let offset_from_master = Duration::from_nanos(1_200);
        TimeSnapshot { state, parts, is_bounded, offset_from_master, ..TimeSnapshot::unsynchronised(Timestamp::EPOCH) }
    }

    #[test]
    fn the_kernel_is_told_a_bound_that_holds_until_it_is_told_again() {
        let drifting = TimeSnapshot {
            drift_rate: FrequencyPpb::from_ppm(-6.0),
            ..snapshot(SyncState::Locked, true, Duration::from_micros(7))
        };
        assert_eq!(kernel_status(&drifting, None, LeapIndicator::NoWarning).max_error_us, 13);
    }

    #[test]
    fn what_the_kernel_was_told_waits_for_no_second_once_it_is_not_true() {
        let good = |us| snapshot(SyncState::Locked, true, Duration::from_micros(us));
        let told = |snapshot: &TimeSnapshot| kernel_status(snapshot, None, LeapIndicator::NoWarning);
        assert!(!is_untrue(&told(&good(7)), &good(7)));
        assert!(!is_untrue(&told(&good(7)), &good(2)), "less than it was told is no lie");
        assert!(is_untrue(&told(&good(7)), &good(8)));
        let unknown = snapshot(SyncState::Locked, false, Duration::ZERO);
        for state in SyncState::ALL {
            let other = snapshot(state, true, Duration::from_micros(7));
            assert_eq!(is_untrue(&told(&good(7)), &other), !state.is_synchronised(), "{state:?}");
            assert_eq!(is_untrue(&told(&other), &good(7)), !state.is_synchronised(), "{state:?}");
            assert_eq!(is_untrue(&told(&unknown), &other), state.is_synchronised(), "{state:?}");
        }
        let far = snapshot(SyncState::Holdover, true, Duration::from_secs(90));
        assert!(!is_untrue(&told(&far), &far), "it takes no more than that");
    }

    #[test]
    fn a_kernel_that_is_to_write_no_rtc_is_told_all_but_that_the_clock_is_synchronised() {
        let good = |us| snapshot(SyncState::Locked, true, Duration::from_micros(us));
        let told =
            |snapshot: &TimeSnapshot| denied(kernel_status(snapshot, Some(TaiUtc(37)), LeapIndicator::Insert), true);
        let status = told(&good(7));
        assert!(status.unsync && status.insert_leap);
        assert_eq!((status.max_error_us, status.tai_utc), (7, Some(37)));
        assert!(!is_untrue(&status, &good(7)), "it is not told again and again");
        assert!(is_untrue(&status, &good(8)));
        let lost = snapshot(SyncState::Freerun, true, Duration::from_micros(7));
        assert!(is_untrue(&status, &lost) && is_untrue(&told(&lost), &good(7)));
        assert!(!is_untrue(&told(&lost), &lost));
    }

    #[test]
    fn the_kernel_is_told_the_truth_in_every_state() {
        let bound = Duration::from_micros(7);
        for state in SyncState::ALL {
            let told = kernel_status(&snapshot(state, true, bound), Some(TaiUtc(37)), LeapIndicator::Insert);
            assert_eq!(told.unsync, !state.is_synchronised(), "{state:?}");
            assert_eq!(told.insert_leap, state.is_synchronised());
            assert_eq!(told.tai_utc.is_some(), state.is_synchronised());
            assert_eq!(told.max_error_us, if told.unsync { MAX_ERROR_US } else { 7 });
            assert!(told.est_error_us <= told.max_error_us);
        }
        assert!(kernel_status(&snapshot(SyncState::Locked, false, bound), None, LeapIndicator::NoWarning).unsync);
        let wide = kernel_status(
            &snapshot(SyncState::Holdover, true, Duration::from_secs(90)),
            None,
            LeapIndicator::NoWarning,
        );
        assert!(!wide.unsync && wide.max_error_us < MAX_ERROR_US);
    }
}
