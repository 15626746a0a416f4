//! What was learnt of an oscillator, kept from one run to the next.
//!
//! A restart then corrects the frequency at once instead of measuring it, is as sure of it as the time that has passed allows, expects it to wander as it did, and
//! holds better if the source is away: how far it strays by itself took hours to learn. One line of JSON, written beside and renamed, so that a crash leaves the old one.
//!
//! What is in a file need not be true any more. A counter's rate is measured anew at each boot (the TSC's is off by up to a ppm or so): then the frequency
//! is believed to within that. How long ago it was saved is told by CLOCK_BOOTTIME, which nobody sets; after a boot by the date, which may be wrong: beyond
//! [`AGE_MAX`], or in the future, the wander is not believed. The file of another machine (a cloned disk) is none. One of an earlier version has the
//! frequency alone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use md5::{Digest as _, Md5};
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::clock::HostClock;
use crate::discipline::{LAGS, SavedOscillator, SavedStability, WANDER_LEVELS};
use crate::time::{Duration, FrequencyPpb, Timestamp, Utc};

/// The version of the files that are written.
const VERSION: u32 = 2;
/// After a boot nothing is believed of how an oscillator wandered longer ago than this.
const AGE_MAX: Duration = Duration::from_secs(30 * 86_400);

/// Which machine it is, which boot of it, and when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moment {
    /// A digest of machine-id(5), which is nobody else's business; `None` without one.
    machine: Option<String>,
    /// The kernel's random name of this boot.
    boot: Option<String>,
    since_boot: Duration,
    date: Timestamp<Utc>,
}

impl Moment {
    /// Here and now.
    pub fn now() -> Self {
        let machine = fs::read("/etc/machine-id").ok().filter(|id| !id.is_empty());
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        let since = clock_gettime(ClockId::CLOCK_BOOTTIME).ok();
        let since =
            since.map_or(Duration::ZERO, |at| Duration::from_secs(at.tv_sec()) + Duration::from_nanos(at.tv_nsec()));
        Self {
            machine: machine.map(|id| format!("{:x}", u128::from_be_bytes(Md5::digest(id).into()))),
            boot: boot.map(|boot| boot.trim().to_owned()),
            since_boot: since,
            date: HostClock.stamping().read_as(),
        }
    }
}

/// The file.
#[derive(Serialize, Deserialize)]
struct Record {
    version: u32,
    frequency_ppb: f64,
    deviation_ppb: f64,
    wanders: [f64; WANDER_LEVELS],
    /// How far it strays; files of before have none of that.
    #[serde(default)]
    strays: Option<Strays>,
    machine: Option<String>,
    boot: Option<String>,
    /// CLOCK_BOOTTIME, in seconds.
    since_boot_s: i64,
    /// Seconds since 1970.
    date_s: i64,
}

/// See [`SavedStability`].
#[derive(Serialize, Deserialize)]
struct Strays {
    lags: [(f64, f64); LAGS],
    restless: (f64, f64),
    caution: f64,
}

/// The file in the state directory, one for each kind of clock.
#[derive(Clone, Debug)]
pub struct SavedFrequency {
    path: PathBuf,
}

impl SavedFrequency {
    /// For the clock called `clock`.
    pub fn new(directory: &Path, clock: &str) -> Self {
        Self { path: directory.join(format!("frequency-{clock}")) }
    }

    /// What was saved, as much as it is still worth `now`; `None` if nothing was, or nothing plausible.
    pub fn load(&self, now: &Moment) -> Option<SavedOscillator> {
        let text = fs::read_to_string(&self.path).ok()?;
        let saved = match text.strip_suffix(" ppb\n") {
            Some(number) => SavedOscillator::of_frequency(FrequencyPpb::new(number.parse().ok()?)),
            None => worth(&serde_json::from_str(&text).ok()?, now)?,
        };
        Some(saved).filter(SavedOscillator::is_plausible)
    }

    /// Saves what is known `now`; makes the directory if it is missing.
    ///
    /// # Errors
    /// The file system's, with the path.
    pub fn save(&self, oscillator: &SavedOscillator, now: &Moment) -> io::Result<()> {
        let with_path = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", self.path.display()));
        if let Some(directory) = self.path.parent() {
            fs::create_dir_all(directory).map_err(with_path)?;
        }
        let Moment { machine, boot, since_boot, date } = now.clone();
        let record = Record {
            version: VERSION,
            frequency_ppb: oscillator.frequency.ppb(),
            deviation_ppb: oscillator.deviation.ppb(),
            wanders: oscillator.wanders,
            strays: oscillator.stability.map(|SavedStability { lags, restless, caution }| Strays {
                lags,
                restless,
                caution,
            }),
            machine,
            boot,
            since_boot_s: since_boot.as_nanos().div_euclid(1_000_000_000),
            date_s: date.seconds(),
        };
        let text = serde_json::to_string(&record).map_err(io::Error::other).map_err(with_path)?;
        let beside = self.path.with_extension("new");
        fs::write(&beside, text + "\n").map_err(with_path)?;
        fs::rename(&beside, &self.path).map_err(with_path)
    }
}

/// What a file is still worth.
fn worth(record: &Record, now: &Moment) -> Option<SavedOscillator> {
    if record.version != VERSION || record.machine != now.machine {
        return None;
    }
    let saved = SavedOscillator {
        frequency: FrequencyPpb::new(record.frequency_ppb),
        deviation: FrequencyPpb::new(record.deviation_ppb),
        wanders: record.wanders,
        stability: record.strays.as_ref().map(|&Strays { lags, restless, caution }| SavedStability {
            lags,
            restless,
            caution,
        }),
    };
    let since_boot = Duration::from_secs(record.since_boot_s);
    if record.boot.is_some() && record.boot == now.boot && since_boot <= now.since_boot {
        return saved.is_plausible().then(|| saved.aged(now.since_boot - since_boot));
    }
    let is_recent = (Duration::ZERO..=AGE_MAX).contains(&(now.date - Timestamp::from_secs(record.date_s)));
    Some(if is_recent { saved.after_a_boot() } else { SavedOscillator::of_frequency(saved.frequency) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn moment() -> Moment {
        let (machine, boot) = (Some("m".to_owned()), Some("b".to_owned()));
        Moment { machine, boot, since_boot: DAY, date: Timestamp::from_secs(1_790_000_000) }
    }

    fn learnt() -> SavedOscillator {
        let wanders = [0.0, 0.25, 0.75, 0.0, 0.0, 0.0];
        let (frequency, deviation) = (FrequencyPpb::new(-40_123.456_789), FrequencyPpb::new(30.0));
        let mut stability = SavedStability { restless: (2.25, 3_600.0), caution: 1.5, ..SavedStability::default() };
        stability.lags[..3].copy_from_slice(&[(1.25e-19, 3_456.0), (2.5e-19, 1_728.0), (5e-19, 12.0)]);
        SavedOscillator { frequency, deviation, wanders, stability: Some(stability) }
    }

    fn file() -> (tempfile::TempDir, SavedFrequency) {
        let directory = tempfile::tempdir().unwrap();
        let saved = SavedFrequency::new(&directory.path().join("new"), "simulated");
        assert_eq!(saved.load(&moment()), None);
        saved.save(&learnt(), &moment()).unwrap();
        (directory, saved)
    }

    #[test]
    fn what_was_learnt_comes_back_as_sure_as_the_time_that_passed_allows() {
        let (_directory, saved) = file();
        assert_eq!(saved.load(&moment()), Some(learnt().aged(Duration::ZERO)));
        let later = Moment { since_boot: DAY + Duration::from_secs(3_600), ..moment() };
        let loaded = saved.load(&later).unwrap();
        assert_eq!(loaded, learnt().aged(Duration::from_secs(3_600)));
        assert!(loaded.deviation > learnt().deviation);
        // The date does not matter within one boot.
        assert_eq!(saved.load(&Moment { date: Timestamp::from_secs(0), ..later }), Some(loaded));
    }

    #[test]
    fn after_a_boot_the_frequency_is_known_roughly_and_of_long_ago_nothing_else() {
        let (_directory, saved) = file();
        let boot = Some("c".to_owned());
        let booted = Moment { boot, since_boot: Duration::from_secs(20), date: moment().date + DAY, ..moment() };
        assert_eq!(saved.load(&booted), Some(learnt().after_a_boot()));
        for days in [-1, 31, 20_000] {
            let wrong = Moment { date: moment().date + DAY.times(days), ..booted.clone() };
            assert_eq!(saved.load(&wrong), Some(SavedOscillator::of_frequency(learnt().frequency)), "{days} days");
        }
    }

    #[test]
    fn another_machines_file_and_a_damaged_one_are_none_and_an_old_one_has_the_frequency() {
        let (_directory, saved) = file();
        for machine in [None, Some("n".to_owned())] {
            assert_eq!(saved.load(&Moment { machine, ..moment() }), None);
        }
        let whole = fs::read_to_string(&saved.path).unwrap();
        for damage in [
            "",
            "40",
            "NaN ppb\n",
            "1e99 ppb\n",
            "40 ppb",
            "{}",
            &whole[..whole.len() / 2],
            &whole.replace("\"version\":2", "\"version\":3"),
            &whole.replace("0.75", "0.7"),
            &whole.replace("30.0", "-30.0"),
            &whole.replace("30.0", "null"),
            &whole.replace("3456.0", "-1.0"),
            &whole.replace("\"caution\":1.5", "\"caution\":0.5"),
        ] {
            fs::write(&saved.path, damage).unwrap();
            assert_eq!(saved.load(&moment()), None, "{damage:?}");
        }
        // One of before how far it strays was kept.
        let (before, strays) = whole.split_once(",\"strays\":{").unwrap();
        let without = format!("{before}{}", &strays[strays.find('}').unwrap() + 1..]);
        fs::write(&saved.path, without).unwrap();
        let alone = SavedOscillator { stability: None, ..learnt() };
        assert_eq!(saved.load(&moment()), Some(alone.aged(Duration::ZERO)));
        fs::write(&saved.path, "-40123.5 ppb\n").unwrap();
        let old = SavedOscillator::of_frequency(FrequencyPpb::new(-40_123.5));
        assert_eq!(saved.load(&moment()), Some(old));
    }

    #[test]
    fn this_machine_is_the_same_a_moment_later() {
        let (before, after) = (Moment::now(), Moment::now());
        assert_eq!((&before.machine, &before.boot), (&after.machine, &after.boot));
        assert!(before.boot.is_some() && before.since_boot > Duration::ZERO && before.since_boot <= after.since_boot);
    }
}
