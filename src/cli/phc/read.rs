//! `synchronome phc read`.

use std::process::ExitCode;

use serde_json::{Value as Json, json};
use synchronome_kernel::adjtimex;
use synchronome_kernel::phc::CrossingMethod;

use super::{Told, clocks, exactly, trouble, word};
use crate::cli::print;
use crate::clock::comparison::{Against, cross, working_methods};
use crate::clock::inventory::{HardwareClock, find};
use crate::observe::rfc3339;
use crate::time::{Duration, Local, TaiUtc, Timestamp};

/// Read hardware clocks, and say how far they are from the system clock.
///
/// What a clock's scale is, no clock says. It is told from the distance to the system clock, which is on UTC: nothing, or
/// the kernel's TAI - UTC, to within half a second. The uncertainty is half the window of the narrowest of ten readings.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  synchronome phc read
  synchronome phc read eth0 eth1 --json")]
pub struct Args {
    /// Clocks, by interface or clock_name [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What a clock's reading means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scale {
    Utc,
    Tai(TaiUtc),
    /// It is this many whole seconds from UTC, which is what TAI is near; the kernel was not told TAI - UTC.
    MaybeTai(i64),
    Unknown,
}

/// TAI - UTC has been within these since 2012, and is not expected to leave them.
const LIKELY_TAI_UTC: std::ops::RangeInclusive<i64> = 34..=40;

impl Scale {
    /// By the clock's distance to UTC, and TAI - UTC if the kernel knows it.
    fn of(offset: Duration, tai_utc: Option<TaiUtc>) -> Self {
        const NEAR: Duration = Duration::from_millis(500);
        let is_near = |seconds: i64| (offset - Duration::from_secs(seconds)).abs() < NEAR;
        let whole = offset.as_secs_f64().round() as i64;
        match tai_utc {
            _ if is_near(0) => Self::Utc,
            Some(tai_utc) if is_near(tai_utc.0.into()) => Self::Tai(tai_utc),
            None if LIKELY_TAI_UTC.contains(&whole) && is_near(whole) => Self::MaybeTai(whole),
            _ => Self::Unknown,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Utc => "UTC",
            Self::Tai(_) => "TAI",
            Self::MaybeTai(_) => "TAI?",
            Self::Unknown => "no known scale",
        }
    }

    /// What the clock would read if it were right, minus UTC.
    fn expected(self) -> Option<Duration> {
        match self {
            Self::Utc => Some(Duration::ZERO),
            Self::Tai(tai_utc) => Some(tai_utc.duration()),
            Self::MaybeTai(seconds) => Some(Duration::from_secs(seconds)),
            Self::Unknown => None,
        }
    }
}

pub fn run(args: &Args) -> Told<ExitCode> {
    let clocks = clocks()?;
    let wanted: Vec<&HardwareClock> = if args.names.is_empty() {
        clocks.iter().collect()
    } else {
        let found: Result<Vec<_>, _> = args.names.iter().map(|name| find(&clocks, name)).collect();
        found.map_err(|error| error.to_string())?
    };
    let tai_utc = adjtimex::read().ok().map(|timex| timex.tai_offset_s).filter(|&seconds| seconds != 0);
    let tai_utc = tai_utc.and_then(|seconds| i16::try_from(seconds).ok()).map(TaiUtc);
    let readings: Vec<_> = wanted.into_iter().map(|clock| (clock, read(clock))).collect();
    if args.json {
        let readings: Vec<_> = readings.iter().map(|(clock, reading)| object(clock, reading, tai_utc)).collect();
        print(&format!("{}\n", json!({ "readings": readings })));
    } else {
        for (clock, reading) in &readings {
            match reading {
                Ok((method, against)) => print(&text(clock, *method, against, tai_utc)),
                Err(trouble) => eprintln!("synchronome phc: {trouble}"),
            }
        }
    }
    let is_good = readings.iter().all(|(_, reading)| reading.is_ok());
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(clock: &HardwareClock) -> Told<(CrossingMethod, Against)> {
    let told = |error| trouble(clock, &error);
    let phc = clock.open().map_err(told)?;
    // The best method comes first, and there is one.
    let method = working_methods(&phc).map_err(told)?[0];
    Ok((method, cross(&phc, method).map_err(told)?))
}

/// Date and time of a reading, to the nanosecond, without saying of which scale.
fn date(reading: Timestamp<Local>) -> String {
    let text = rfc3339(reading.read_as());
    let second = text.split('.').next().unwrap_or(&text);
    format!("{second}.{:09}", reading.subsec_nanos())
}

fn text(clock: &HardwareClock, method: CrossingMethod, against: &Against, tai_utc: Option<TaiUtc>) -> String {
    let scale = Scale::of(against.offset, tai_utc);
    let off = match scale.expected() {
        Some(expected) => format!("{} off by the system clock", exactly(against.offset - expected)),
        None => format!("{} from the system clock", exactly(against.offset)),
    };
    let note = match scale {
        Scale::MaybeTai(seconds) => {
            format!("\n  {seconds} s from UTC: TAI, probably; the kernel was not told TAI - UTC")
        }
        Scale::Unknown => "\n  neither UTC nor TAI: it was never set, or wrongly".to_owned(),
        Scale::Utc | Scale::Tai(_) => String::new(),
    };
    format!(
        "{clock}\n  {} {}\n  {off}, +- {} ({}){note}\n",
        date(against.reading()),
        scale.word(),
        against.uncertainty,
        word(method)
    )
}

fn object(clock: &HardwareClock, reading: &Told<(CrossingMethod, Against)>, tai_utc: Option<TaiUtc>) -> Json {
    let mut object = json!({ "name": clock.name(), "clock_name": clock.info.name, "index": clock.info.index });
    match reading {
        Ok((method, against)) => {
            let scale = Scale::of(against.offset, tai_utc);
            object["reading"] = json!(date(against.reading()));
            object["scale"] = match scale {
                Scale::Unknown => Json::Null,
                scale => json!(scale.word()),
            };
            object["offset_from_realtime_ns"] = json!(against.offset.as_nanos());
            object["offset_ns"] = json!(scale.expected().map(|expected| (against.offset - expected).as_nanos()));
            object["uncertainty_ns"] = json!(against.uncertainty.as_nanos());
            object["method"] = json!(word(*method));
        }
        Err(trouble) => object["error"] = json!(trouble),
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: i64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_scale_is_told_from_the_distance_to_utc() {
        let kernel = Some(TaiUtc(37));
        assert_eq!(Scale::of(ms(-499), kernel), Scale::Utc);
        assert_eq!(Scale::of(ms(37_400), kernel), Scale::Tai(TaiUtc(37)));
        assert_eq!(Scale::of(ms(36_400), kernel), Scale::Unknown, "another second than the kernel's");
        assert_eq!(Scale::of(ms(37_010), None), Scale::MaybeTai(37));
        assert_eq!(Scale::of(ms(33_010), None), Scale::Unknown);
        assert_eq!(Scale::of(Duration::from_secs(-1_767_225_600), kernel), Scale::Unknown);
    }

    #[test]
    fn a_reading_has_all_its_nanoseconds() {
        let reading = Timestamp::from_parts(1_767_225_637, 7);
        assert_eq!(date(reading), "2026-01-01T00:00:37.000000007");
    }

    #[test]
    fn what_a_clock_is_off_by_is_against_its_own_scale() {
        let info = synchronome_kernel::phc::PhcInfo {
            index: 0,
            name: "igb".into(),
            device: None,
            n_vclocks: 0,
            max_vclocks: 0,
            virtual_of: None,
        };
        let clock = HardwareClock {
            info,
            interfaces: vec!["eth0".into()],
            selectable_for: Vec::new(),
            driver: None,
            bus: None,
        };
        let against = |offset| Against { at: Timestamp::from_secs(1_767_225_600), offset, uncertainty: ms(0) };
        let tai = text(&clock, CrossingMethod::Extended, &against(ms(37_000)), Some(TaiUtc(37)));
        assert!(tai.contains("2026-01-01T00:00:37.000000000 TAI\n  +0 ns off"), "{tai}");
        let unset =
            text(&clock, CrossingMethod::Basic, &against(Duration::from_secs(-1_767_225_600)), Some(TaiUtc(37)));
        assert!(
            unset.contains("1970-01-01T00:00:00.000000000 no known scale") && unset.contains("never set"),
            "{unset}"
        );
        let json = object(&clock, &Ok((CrossingMethod::Basic, against(ms(37_001)))), None);
        assert_eq!((&json["scale"], &json["offset_ns"]), (&json!("TAI?"), &json!(1_000_000)));
    }
}
