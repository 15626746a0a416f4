//! What the self-test of an interface has shown, in words and for programs.

use serde_json::{Value, json};

use crate::clock::HostClock;
use crate::net::{InWords, StampTrial, Waits, try_stamps};

/// Tries each interface, all at once.
pub(super) fn try_all(names: &[String]) -> Vec<Option<Result<StampTrial, String>>> {
    std::thread::scope(|scope| {
        let trials: Vec<_> = names.iter().map(|name| scope.spawn(|| try_stamps(name, || HostClock.mono()))).collect();
        trials.into_iter().map(|trial| trial.join().ok()).collect()
    })
}

/// A line for each thing that is worth knowing.
pub(super) fn in_words(trial: &Result<StampTrial, String>) -> Vec<String> {
    let trial = match trial {
        Ok(trial) => trial,
        Err(problem) => return vec![format!("nothing could be sent: {problem}")],
    };
    let StampTrial { sent, hardware, software, told, is_lent, refusal } = trial;
    let of = |whose: &str, waits: &Waits| {
        let figure = |percent| waits.percentile(percent).map_or_else(String::new, |wait| wait.to_string());
        format!(
            "{whose} stamps {} of {sent} messages sent, after {} (median), {} (99 %), {} (longest)",
            waits.count(),
            figure(50),
            figure(99),
            figure(100)
        )
    };
    let mut lines = Vec::new();
    if hardware.count() > 0 {
        lines.push(of("the card", hardware));
    } else if told.is_some_and(|told| told.tx.stamps()) {
        lines.push(format!(
            "the card stamps none of {sent} messages sent, though it was told to: its driver or firmware"
        ));
    }
    lines.push(match software.count() {
        0 => format!("the kernel stamps none of {sent} messages sent: its driver does not say when they leave"),
        _ => of("the kernel", software),
    });
    if let Some(told) = told {
        let lent = if *is_lent { ", for this test alone" } else { ", by somebody else" };
        lines.push(format!("the card was told: {}{lent}", InWords(*told)));
    }
    lines.extend(refusal.iter().map(|refusal| format!("the card was told nothing: {refusal}")));
    lines
}

/// For programs.
pub(super) fn object(trial: &Result<StampTrial, String>) -> Value {
    let seconds = |waits: &Waits, percent| waits.percentile(percent).map(crate::time::Duration::as_secs_f64);
    let of = |waits: &Waits| {
        json!({
            "count": waits.count(),
            "median_s": seconds(waits, 50),
            "p99_s": seconds(waits, 99),
            "max_s": seconds(waits, 100),
        })
    };
    match trial {
        Ok(trial) => json!({
            "sent": trial.sent,
            "hardware": of(&trial.hardware),
            "software": of(&trial.software),
            "told": trial.told.map(|told| InWords(told).to_string()),
            "is_lent": trial.is_lent,
            "problem": trial.refusal,
        }),
        Err(problem) => json!({ "sent": 0, "problem": problem }),
    }
}

#[cfg(test)]
mod tests {
    use synchronome_kernel::nic::{HardwareTimestamping, RxFilter, TxStamps};

    use super::*;
    use crate::time::Duration;

    fn waits(micros: &[i64]) -> Waits {
        Waits::new(micros.iter().copied().map(Duration::from_micros).collect())
    }

    #[test]
    fn a_card_that_keeps_its_word_is_told_with_how_late_and_one_that_does_not_by_what_is_missing() {
        let told = Some(HardwareTimestamping { tx: TxStamps::On, rx_filter: RxFilter::All });
        let (hardware, software) = (waits(&[50, 60, 9_000]), waits(&[10, 10, 12]));
        let good = StampTrial { sent: 3, hardware, software, told, is_lent: true, refusal: None };
        let lines = in_words(&Ok(good.clone()));
        assert!(
            lines[0].starts_with("the card stamps 3 of 3 messages sent, after 60.0 us (median), 9.00 ms"),
            "{lines:?}"
        );
        assert_eq!(lines[2], "the card was told: tx on, rx all, for this test alone");
        let object = object(&Ok(good.clone()));
        assert_eq!(
            (object["hardware"]["count"].as_u64(), object["hardware"]["max_s"].as_f64()),
            (Some(3), Some(0.009))
        );
        let mute = StampTrial { hardware: Waits::default(), ..good };
        assert!(in_words(&Ok(mute))[0].contains("none of 3"));
        assert_eq!(in_words(&Err("EPERM".to_owned())), ["nothing could be sent: EPERM"]);
    }
}
