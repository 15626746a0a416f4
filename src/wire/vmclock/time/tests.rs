//! Pages as a hypervisor writes them, each from what it has to say.

use super::*;

/// A page that says all; what is said is changed field by field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields {
    pub size: u32,
    pub counter_id: u8,
    pub time_type: u8,
    pub sequence: u32,
    pub marker: u64,
    pub flags: u64,
    pub status: u8,
    pub smearing: u8,
    pub tai_offset: i16,
    pub leap: u8,
    pub shift: u8,
    pub counter_value: u64,
    pub period: u64,
    pub period_est_error: u64,
    pub period_max_error: u64,
    pub seconds: u64,
    pub fraction: u64,
    pub est_error_ns: u64,
    pub max_error_ns: u64,
}

/// 2026-11-28 00:00:00 UTC.
pub(crate) const DAY: u64 = 1_795_824_000;
/// 1 ns, as the specification has it: `0x89705F4136B4A597 / 2^(64 + 29)` s.
const NANOSECOND: (u64, u8) = (0x8970_5f41_36b4_a597, 29);

impl Default for Fields {
    /// TAI, by a counter of 1 GHz that was 1000 at the reference, right to 500 ns and to 1 ppm.
    fn default() -> Self {
        Self {
            size: 4_096,
            counter_id: 1,
            time_type: 1,
            sequence: 8,
            marker: 1,
            flags: HAS_TAI_OFFSET | HAS_PERIOD_MAX_ERROR | HAS_TIME_MAX_ERROR,
            status: 2,
            smearing: 0,
            tai_offset: 37,
            leap: 0,
            shift: NANOSECOND.1,
            counter_value: 1_000,
            period: NANOSECOND.0,
            period_est_error: 0,
            period_max_error: NANOSECOND.0 / 1_000_000,
            seconds: DAY + 37,
            fraction: 0,
            est_error_ns: 0,
            max_error_ns: 500,
        }
    }
}

impl Fields {
    pub fn octets(&self) -> [u8; SIZE] {
        let mut octets = [0; SIZE];
        let mut put = |offset: usize, bytes: &[u8]| octets[offset..offset + bytes.len()].copy_from_slice(bytes);
        put(0, b"VCLK");
        put(4, &self.size.to_le_bytes());
        put(8, &[1, 0, self.counter_id, self.time_type]);
        put(12, &self.sequence.to_le_bytes());
        put(16, &self.marker.to_le_bytes());
        put(24, &self.flags.to_le_bytes());
        put(34, &[self.status, self.smearing]);
        put(36, &self.tai_offset.to_le_bytes());
        put(38, &[self.leap, self.shift]);
        let words = [
            self.counter_value,
            self.period,
            self.period_est_error,
            self.period_max_error,
            self.seconds,
            self.fraction,
            self.est_error_ns,
            self.max_error_ns,
        ];
        put(40, &words.map(u64::to_le_bytes).concat());
        octets
    }

    fn page(&self) -> TimePage {
        parse_time(&self.octets()).expect("it has the time")
    }
}

fn fault(change: impl Fn(&mut Fields)) -> Option<NoTime> {
    let mut fields = Fields::default();
    change(&mut fields);
    parse_time(&fields.octets()).err()
}

fn ns(nanos: i64) -> Duration {
    Duration::from_nanos(nanos)
}

#[test]
fn the_fields_are_where_the_header_has_them() {
    // Bytes by hand, so that reader and writer are not wrong alike.
    let mut octets = [0; SIZE];
    octets[0..4].copy_from_slice(b"VCLK");
    octets[4..14].copy_from_slice(&[0, 16, 0, 0, 1, 0, 0, 0, 2, 0]);
    octets[24] = 0x59;
    octets[34..40].copy_from_slice(&[3, 2, 0xdb, 0xff, 1, 7]);
    for (index, octet) in octets[40..104].iter_mut().enumerate() {
        *octet = if index % 8 == 0 { 0x10 + index as u8 / 8 } else { 0 };
    }
    let page = parse_time(&octets).unwrap();
    assert_eq!((page.counter, page.is_tai, page.status), (CounterId::ArmVirtual, false, Status::FreeRunning));
    assert_eq!((page.smearing, page.tai_utc, page.leap), (Smearing::UtcSls, Some(TaiUtc(-37)), Leap::Before));
    assert_eq!((page.shift, page.counter_value, page.period), (7, 0x10, 0x11));
    assert_eq!((page.period_error, page.seconds, page.fraction), (Some(0x13), 0x14, 0x15));
    assert_eq!(page.error, ns(0x17));
}

#[test]
fn the_time_is_exact_to_the_last_bit_of_the_period_however_long_ago_the_reference_was() {
    let page = Fields { fraction: 1 << 63, ..Fields::default() }.page();
    assert_eq!(page.exactly_at(1_000), (DAY as i64 + 37, 1 << 63));
    // The product by hand, in pieces that nothing is lost of: 10^18 ticks are 31 years, of a nanosecond each to 2^-93 s.
    let ticks: u64 = 1_000_000_000_000_000_000;
    let (high, low) = (u128::from(NANOSECOND.0 >> 32) * u128::from(ticks), u128::from(NANOSECOND.0 & 0xffff_ffff));
    let product = (high << 32).checked_add(low * u128::from(ticks)).unwrap() >> 29;
    let (seconds, fraction) = ((product >> 64) as i64, product as u64);
    assert_eq!(seconds, 999_999_999, "the period is a little less than 1 ns");
    assert!(fraction > u64::MAX - (1 << 34), "by less than 1 ns in 31 years: {fraction:x}");
    assert_eq!(
        page.exactly_at(1_000 + ticks),
        (DAY as i64 + 37 + seconds + 1, fraction.wrapping_add(1 << 63)),
        "half a second more carries"
    );
    // A coarse period, and a counter that has gone round.
    let coarse = Fields { shift: 0, period: 1 << 62, counter_value: u64::MAX - 2, ..Fields::default() }.page();
    assert_eq!(coarse.exactly_at(3), (DAY as i64 + 38, 1 << 63), "six ticks of a quarter of a second");
}

#[test]
fn a_counter_from_just_before_the_reference_gives_a_time_before_it() {
    let page = Fields { shift: 0, period: 1 << 62, ..Fields::default() }.page();
    assert_eq!(page.exactly_at(999), (DAY as i64 + 36, 3 << 62));
    let told = Fields::default().page().at(0).unwrap();
    let reference = Timestamp::from_secs(DAY as i64 + 37);
    assert!((reference - told.time - ns(1_000)).abs() <= Duration::from_ticks(2), "{told:?}");
}

#[test]
fn a_counter_from_ages_away_gives_a_time_as_far_off_and_not_one_on_the_other_side() {
    let coarse = Fields { shift: 0, period: u64::MAX, counter_value: 0, ..Fields::default() };
    let ages = 1_u64 << 63;
    for (fields, counter, is_before) in
        [(coarse, ages, true), (coarse, ages - 1, false), (Fields { counter_value: 1, ..coarse }, ages + 2, true)]
    {
        let page = fields.page();
        let told = page.at(counter).unwrap();
        assert_eq!(
            told.time < Timestamp::from_secs(DAY as i64),
            is_before,
            "{:?} at {counter}",
            page.exactly_at(counter)
        );
        assert!(told.error > Duration::from_secs(i64::from(u32::MAX)), "{told:?}");
    }
    let announced = Fields { leap: 1, ..coarse }.page();
    assert_eq!(announced.at(ages).map(|told| told.leap), Some(LeapIndicator::Insert));
}

#[test]
fn the_error_is_that_of_the_time_and_grows_by_that_of_the_period() {
    let hour = 3_600 * 1_000_000_000;
    let error = |fields: Fields, ticks: u64| fields.page().error_at(1_000 + ticks);
    let near = |found: Duration, wanted: Duration| {
        assert!(found >= wanted && found - wanted < ns(2) + wanted.scaled(0.02), "{found} for {wanted}");
    };
    let all = Fields::default();
    near(error(all, 0), ns(500));
    near(error(all, hour), ns(500) + Duration::from_micros(3_600));
    // Of estimates four times as much; where a limit is said it counts, whatever is estimated.
    let estimates = Fields {
        flags: HAS_TAI_OFFSET | HAS_PERIOD_EST_ERROR | HAS_TIME_EST_ERROR,
        period_est_error: all.period_max_error,
        est_error_ns: 500,
        ..all
    };
    near(error(estimates, hour), ns(2_000) + Duration::from_micros(4 * 3_600));
    near(
        error(Fields { flags: estimates.flags | all.flags, ..estimates }, hour),
        ns(500) + Duration::from_micros(3_600),
    );
    // What nobody says.
    let silent = Fields { flags: HAS_TAI_OFFSET, ..all };
    near(error(silent, 0), Duration::from_micros(1));
    near(error(silent, hour), Duration::from_micros(1) + Duration::from_millis(180));
    // The page ends before it: the flags of a later version are not for this one.
    near(error(Fields { size: 96, ..all }, 0), Duration::from_micros(1));
}

#[test]
fn a_page_without_a_counter_a_scale_or_a_synchronised_clock_has_no_time() {
    assert_eq!(fault(|_| ()), None);
    assert_eq!(fault(|page| page.sequence = 9), Some(NoTime::Page(ParseError::Torn)));
    assert_eq!(fault(|page| page.counter_id = 0xff), Some(NoTime::Absent), "QEMU's");
    assert_eq!(fault(|page| page.size = 80), Some(NoTime::Absent));
    for scale in 2..=4 {
        assert_eq!(fault(|page| page.time_type = scale), Some(NoTime::Scale(scale)));
    }
    for status in [0, 1, 4, 5] {
        assert_eq!(fault(|page| page.status = status), Some(NoTime::Status(status)));
    }
    assert_eq!(fault(|page| page.status = 3), None, "its error says how far off it may be");
    assert_eq!(fault(|page| (page.status, page.flags) = (3, 0)), Some(NoTime::Unbounded));
    assert_eq!(fault(|page| page.period = 0), Some(NoTime::Field));
    assert_eq!(fault(|page| page.shift = 64), Some(NoTime::Field));
    assert_eq!(fault(|page| page.seconds = u64::MAX), Some(NoTime::Field));
    for offset in [1_001, -1_001, i16::MAX, i16::MIN] {
        assert_eq!(fault(|page| page.tai_offset = offset), Some(NoTime::Field), "a leap second more would be too much");
        assert_eq!(fault(|page| (page.tai_offset, page.flags) = (offset, page.flags & !HAS_TAI_OFFSET)), None);
    }
    assert_eq!(fault(|page| page.tai_offset = -1_000), None);
}

/// What a page that was written an hour before the end of November says so long after that midnight: the time after the midnight of the page's scale, in
/// seconds, and TAI - UTC.
fn around(time_type: u8, leap: u8, after_s: i64) -> Option<(i64, Option<i16>, LeapIndicator)> {
    const MIDNIGHT: i64 = DAY as i64 + 3 * 86_400;
    let scale = if time_type == 1 { 37 } else { 0 };
    let page = Fields { time_type, leap, seconds: (MIDNIGHT - 3_600 + scale) as u64, ..Fields::default() }.page();
    // In the middle of a second.
    let ticks = (3_600 + after_s) as u64 * 1_000_000_000 + 500_000_000;
    let told = page.at(1_000 + ticks)?;
    Some((told.time.seconds() - MIDNIGHT - scale, told.tai_utc.map(|offset| offset.0), told.leap))
}

#[test]
fn a_page_in_tai_goes_through_a_leap_second_and_its_offset_to_utc_with_it() {
    use LeapIndicator::{Delete, Insert, NoWarning};
    assert_eq!(around(1, 1, -1), Some((-1, Some(37), Insert)));
    assert_eq!(around(1, 1, 0), Some((0, Some(38), NoWarning)), "in the leap second");
    assert_eq!(around(1, 1, 1), Some((1, Some(38), NoWarning)));
    assert_eq!(around(1, 2, -2), Some((-2, Some(37), Delete)));
    assert_eq!(around(1, 2, -1), Some((-1, Some(36), NoWarning)));
    assert_eq!(around(1, 4, -1), Some((-1, Some(37), NoWarning)), "it was at the end of the month before");
    let silent = Fields { flags: 0, leap: 1, ..Fields::default() }.page().at(1_000).unwrap();
    assert_eq!((silent.tai_utc, silent.leap), (None, Insert));
}

#[test]
fn a_page_in_utc_is_a_second_off_after_a_leap_second_which_is_taken_off_and_has_no_time_in_it() {
    use LeapIndicator::{Delete, Insert, NoWarning};
    assert_eq!(around(0, 0, 0), Some((0, Some(37), NoWarning)));
    assert_eq!(around(0, 1, -1), Some((-1, Some(37), Insert)));
    assert_eq!(around(0, 1, 0), None, "23:59:60");
    assert_eq!(around(0, 1, 1), Some((0, Some(38), NoWarning)));
    assert_eq!(around(0, 2, -2), Some((-2, Some(37), Delete)));
    assert_eq!(around(0, 2, -1), Some((0, Some(36), NoWarning)), "23:59:59 is left out");
    let inside = |time_type| Fields { leap: 3, time_type, ..Fields::default() }.page().at(1_000);
    assert_eq!(inside(0), None);
    assert_eq!(inside(1).map(|told| (told.tai_utc, told.leap)), Some((None, Insert)));
}

#[test]
fn a_month_ends_at_the_midnight_before_the_first_of_the_next() {
    for (second, after) in [
        (DAY as i64, DAY as i64 + 3 * 86_400),
        // The last second of November, the first of December.
        (DAY as i64 + 3 * 86_400 - 1, DAY as i64 + 3 * 86_400),
        (DAY as i64 + 3 * 86_400, DAY as i64 + 34 * 86_400),
        (0, 31 * 86_400),
    ] {
        assert_eq!(month_after(second), after, "{second}");
    }
}
