//! What the demo shows.

use std::io::{self, IsTerminal, Write};

use serde_json::json;

use super::ask::Answer;
use crate::runtime::truth::TruthReport;
use crate::sharing::TimeSnapshot;
use crate::time::{Duration, Mono, Timestamp};

/// Characters of the bar on each side of its middle.
const BAR_HALF: i64 = 24;

/// One second's view.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Since the start.
    pub elapsed: Duration,
    /// What the daemon publishes.
    pub snapshot: TimeSnapshot,
    /// What is true.
    pub truth: TruthReport,
    /// Requests that the NTP server has answered.
    pub ntp_requests: u64,
    /// What our own client got from it.
    pub answer: Option<Answer>,
}

/// How it ended.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    /// The last view.
    pub view: View,
    /// From the start to LOCKED.
    pub lock_since_start: Option<Duration>,
}

impl Summary {
    /// Whether it locked, and the truth stayed inside the bound.
    pub fn is_success(&self) -> bool {
        self.view.snapshot.lock_time.is_some() && self.view.truth.samples > 0 && self.view.truth.violations == 0
    }

    /// The last object of `--json`.
    pub fn json(&self) -> String {
        let truth = &self.view.truth;
        let settled = |duration: Duration| (truth.samples > 0).then(|| duration.as_secs_f64());
        json!({ "summary": {
            "state": self.view.snapshot.state.word(),
            "lock_time_s": self.view.snapshot.lock_time.map(Duration::as_secs_f64),
            "lock_time_since_start_s": self.lock_since_start.map(Duration::as_secs_f64),
            "true_error_rms_s": settled(truth.rms),
            "true_error_max_s": settled(truth.greatest),
            "true_error_p99_s": settled(truth.p99),
            "bound_s": settled(truth.median_bound),
            "bound_violations": truth.violations,
            "bound_samples": truth.bounded_samples,
            "ntp_requests": self.view.ntp_requests,
        }})
        .to_string()
    }

    /// The last lines for people.
    pub fn text(&self) -> String {
        let truth = &self.view.truth;
        let mut lines = vec![match (self.view.snapshot.lock_time, self.lock_since_start) {
            (Some(time), Some(since_start)) => {
                format!("LOCKED      {time} after the grandmaster was selected ({since_start} after the start)")
            }
            (Some(time), None) => format!("LOCKED      {time} after the grandmaster was selected; not at the end"),
            (None, _) => "LOCKED      never".to_owned(),
        }];
        if truth.samples > 0 {
            lines.push(format!(
                "true error  {} rms, {} at most, over {} samples (from 2 s after LOCKED)",
                truth.rms, truth.greatest, truth.samples
            ));
            lines.push(format!("bound       {} (median)", truth.median_bound));
        }
        lines.push(format!(
            "violations  {} of {} samples outside the claimed bound",
            truth.violations, truth.bounded_samples
        ));
        lines.push(format!("NTP         {} requests answered", self.view.ntp_requests));
        lines.push(if self.is_success() {
            "It locked, and the truth stayed inside the bound.".to_owned()
        } else if self.view.snapshot.lock_time.is_none() {
            "It did not lock.".to_owned()
        } else if truth.samples == 0 {
            "It locked, and ended before its accuracy could be judged (that takes 2 s more).".to_owned()
        } else {
            format!("The truth left the bound, by {} at the worst.", truth.worst_excess)
        });
        lines.join("\n")
    }
}

/// Draws views: in place on a terminal, a line each elsewhere, JSON if asked for.
#[derive(Debug)]
pub struct Screen {
    is_json: bool,
    is_terminal: bool,
    drawn: usize,
}

impl Screen {
    /// For standard output.
    pub fn new(is_json: bool) -> Self {
        Self { is_json, is_terminal: io::stdout().is_terminal(), drawn: 0 }
    }

    /// Shows a view.
    ///
    /// # Errors
    /// Standard output's: it was closed.
    pub fn show(&mut self, view: &View, now: Timestamp<Mono>) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.is_json {
            writeln!(out, "{}", json_line(view, now))?;
        } else if self.is_terminal {
            let lines = panel(view, now);
            if self.drawn > 0 {
                write!(out, "\x1b[{}A", self.drawn)?;
            }
            for line in &lines {
                writeln!(out, "\x1b[2K{line}")?;
            }
            self.drawn = lines.len();
        } else {
            writeln!(out, "{}", text_line(view, now))?;
        }
        out.flush()
    }
}

fn bound_now(view: &View, now: Timestamp<Mono>) -> Option<Duration> {
    let bound = view.snapshot.bound_after(now - view.snapshot.anchor_mono);
    bound.is_bounded().then(|| bound.greatest_error())
}

fn true_error(view: &View) -> Option<Duration> {
    (view.truth.bounded_samples > 0).then_some(view.truth.error)
}

fn json_line(view: &View, now: Timestamp<Mono>) -> String {
    let snapshot = &view.snapshot;
    json!({
        "time_s": view.elapsed.as_secs_f64(),
        "state": snapshot.state.word(),
        "offset_s": snapshot.last_sample.map(|_| snapshot.offset_from_master.as_secs_f64()),
        "true_error_s": true_error(view).map(Duration::as_secs_f64),
        "bound_s": bound_now(view, now).map(Duration::as_secs_f64),
        "bound_violations": view.truth.violations,
        "frequency_ppb": snapshot.frequency.ppb(),
        "mean_path_delay_s": snapshot.mean_path_delay.as_secs_f64(),
        "ntp_requests": view.ntp_requests,
        "ntp_offset_s": view.answer.map(|answer| answer.offset.as_secs_f64()),
        "ntp_stratum": view.answer.map(|answer| answer.stratum),
    })
    .to_string()
}

fn shown(duration: Option<Duration>) -> String {
    duration.map_or("-".to_owned(), |duration| duration.to_string())
}

fn text_line(view: &View, now: Timestamp<Mono>) -> String {
    let snapshot = &view.snapshot;
    format!(
        "{:>5.1} s  {:<12}  offset {:>9}  true error {:>9}  bound {:>9}  frequency {:>11}  ntp {}",
        view.elapsed.as_secs_f64(),
        snapshot.state.word(),
        shown(snapshot.last_sample.map(|_| snapshot.offset_from_master)),
        shown(true_error(view)),
        shown(bound_now(view, now)),
        snapshot.frequency.to_string(),
        view.ntp_requests,
    )
}

fn panel(view: &View, now: Timestamp<Mono>) -> Vec<String> {
    let snapshot = &view.snapshot;
    let bound = bound_now(view, now);
    let answer = view.answer.map_or("no answer yet".to_owned(), |answer| match answer.stratum {
        0 => "not synchronised (leap 3, stratum 0)".to_owned(),
        stratum => format!(
            "our time is {} ahead of this host's clock, right to within {} (stratum {stratum})",
            answer.offset, answer.root_distance
        ),
    });
    vec![
        format!("  {:<12} {:>8.1} s", snapshot.state.word(), view.elapsed.as_secs_f64()),
        format!(
            "  offset       {:>11}   as the servo measures it",
            shown(snapshot.last_sample.map(|_| snapshot.offset_from_master))
        ),
        format!("  true error   {:>11}   known, because this clock is simulated", shown(true_error(view))),
        format!("  bound        {:>11}   what the daemon claims", shown(bound)),
        format!("  {}", bar(true_error(view), bound)),
        format!("  frequency    {:>11}   correction in force", snapshot.frequency.to_string()),
        format!("  path delay   {:>11}   one way, loopback", snapshot.mean_path_delay.to_string()),
        format!("  NTP          {:>11}   requests answered; {answer}", view.ntp_requests),
        format!(
            "  violations   {:>11}   of {} samples outside the bound",
            view.truth.violations, view.truth.bounded_samples
        ),
    ]
}

/// Where the truth lies within the claim: `[-----------|------●----]`.
fn bar(error: Option<Duration>, bound: Option<Duration>) -> String {
    let mut cells = vec!['-'; (2 * BAR_HALF + 1) as usize];
    cells[BAR_HALF as usize] = '|';
    if let (Some(error), Some(bound)) = (error, bound.filter(|bound| *bound > Duration::ZERO)) {
        let place =
            (error.as_secs_f64() / bound.as_secs_f64() * BAR_HALF as f64).clamp(-BAR_HALF as f64, BAR_HALF as f64);
        cells[(BAR_HALF + place as i64) as usize] = '●';
    }
    let cells: String = cells.into_iter().collect();
    format!("-bound [{cells}] +bound")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_shows_the_truth_within_the_claim() {
        let us = Duration::from_micros;
        let place = |error| bar(Some(us(error)), Some(us(10))).chars().position(|c| c == '●').unwrap();
        assert!(place(-10) < place(-3) && place(-3) < place(3) && place(3) < place(10));
        assert_eq!(place(10), place(99), "outside it sticks to the end");
        assert!(!bar(None, None).contains('●'));
    }

    #[test]
    fn success_needs_a_lock_and_no_violation() {
        let truth = TruthReport { samples: 5, bounded_samples: 9, ..TruthReport::default() };
        let snapshot =
            TimeSnapshot { lock_time: Some(Duration::SECOND), ..TimeSnapshot::unsynchronised(Timestamp::EPOCH) };
        let view = View { elapsed: Duration::SECOND, snapshot, truth, ntp_requests: 0, answer: None };
        let summary = |view| Summary { view, lock_since_start: None };
        assert!(summary(view).is_success());
        assert!(!summary(View { truth: TruthReport { violations: 1, ..truth }, ..view }).is_success());
        assert!(!summary(View { snapshot: TimeSnapshot { lock_time: None, ..snapshot }, ..view }).is_success());
        assert!(!summary(View { truth: TruthReport { samples: 0, ..truth }, ..view }).is_success());
    }
}
