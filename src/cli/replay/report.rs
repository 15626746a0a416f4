//! What a repetition came to: as text, as JSON, as a picture.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::grid::Grid;
use crate::cli::simulate::figures::{Figures, INTERVALS_S, written};
use crate::cli::simulate::plot::{Row, picture};
use crate::cli::simulate::report::figures_to_json;
use crate::engine::EngineKind;
use crate::time::{Duration, Mono, Timestamp};
use crate::trace::{self, Course, Origin, Replayed};

/// One clock, as it went, and as it would have gone.
pub(super) struct Clock {
    pub(super) name: String,
    pub(super) recorded: Course,
    pub(super) otherwise: Option<Course>,
}

/// All of it.
pub(super) struct Report {
    pub(super) program: String,
    pub(super) origin: Origin,
    pub(super) replayed: Vec<Replayed>,
    pub(super) clocks: Vec<Clock>,
    pub(super) with: Vec<String>,
}

const fn word(kind: EngineKind) -> &'static str {
    match kind {
        EngineKind::PtpPort => "PTP port",
        EngineKind::Grandmaster => "grandmaster",
        EngineKind::Discipline => "discipline",
        EngineKind::NtpServer => "NTP server",
        EngineKind::NtpClient => "NTP client",
        EngineKind::Helm => "helm",
        EngineKind::Refclock => "reference clock",
    }
}

impl Report {
    /// Whether every effect is the recorded one.
    pub(super) fn is_identical(&self) -> bool {
        self.replayed.iter().all(|stream| stream.difference.is_none())
    }

    fn begins(&self) -> Timestamp<Mono> {
        let firsts = self.replayed.iter().filter_map(|stream| stream.span).map(|(first, _)| first);
        firsts.min().unwrap_or(Timestamp::EPOCH)
    }

    pub(super) fn text(&self) -> String {
        let from = if self.origin == Origin::Host { "a host" } else { "a simulation" };
        let mut out = format!("A trace of synchronome {}, of {from}.\n\n", self.program);
        let begins = self.begins();
        for stream in &self.replayed {
            let lasted = stream.span.map_or(Duration::ZERO, |(first, last)| last - first);
            let verdict = if stream.difference.is_some() { "DIFFERS" } else { "identical" };
            // Writing into a String cannot fail.
            let _ = writeln!(
                out,
                "{:<16} {:<10} {:>8} steps in {:>9}   {verdict}{}",
                stream.name,
                word(stream.kind),
                stream.steps,
                lasted.to_string(),
                if stream.gaps > 0 { format!(" ({} gaps: steps were lost)", stream.gaps) } else { String::new() },
            );
            if let Some(difference) = &stream.difference {
                let _ = writeln!(
                    out,
                    "  step {}, {} after the beginning (CLOCK_MONOTONIC {}):\n    heard     {}\n    did       {}\n    does now  {}",
                    difference.step,
                    difference.at - begins,
                    difference.at,
                    difference.input,
                    difference.recorded,
                    difference.replayed,
                );
            }
        }
        for clock in &self.clocks {
            out.push('\n');
            self.clock_text(&mut out, clock);
        }
        out
    }

    fn clock_text(&self, out: &mut String, clock: &Clock) {
        let courses = self.courses(clock);
        let grids: Vec<Grid> = courses.iter().map(|(_, course)| Grid::of(course)).collect();
        let figures: Vec<Figures> = grids.iter().map(|grid| grid.figures(self.begins())).collect();
        let mut row = |title: &str, cells: Vec<String>| {
            let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:>16}")).collect();
            let _ = writeln!(out, "{title:<34}{}", cells.join("  "));
        };
        let of_each = |cell: &dyn Fn(&Figures) -> String| figures.iter().map(cell).collect::<Vec<_>>();
        row(&clock.name, courses.iter().map(|(head, _)| head.clone()).collect());
        let locked = grids.iter().map(|grid| grid.lock_time().map_or("never".to_owned(), |time| time.to_string()));
        row("LOCKED after", locked.collect());
        let measured: Vec<_> = courses.iter().map(|(_, course)| course.offsets()).collect();
        row("offset as measured, RMS", measured.iter().map(|offset| written(offset.rms_s)).collect());
        row("offset as measured, 99 %", measured.iter().map(|offset| written(offset.p99_s)).collect());
        row("offset as measured, greatest", measured.iter().map(|offset| written(offset.max_s)).collect());
        let has_truth = grids.iter().all(|grid| grid.has_truth);
        if has_truth {
            row("true error, RMS", of_each(&|figures| written(figures.rms)));
            row("true error, 99 %", of_each(&|figures| written(figures.p99)));
            row("true error, greatest", of_each(&|figures| written(figures.max.value)));
            row("true error, mean", of_each(&|figures| written(figures.mean)));
            let outside = courses.iter().map(|(_, course)| course.violations().to_string());
            row("truth outside of the bound", outside.collect());
        }
        let of = if has_truth { "true error" } else { "offset" };
        row("bound, median", of_each(&|figures| written(figures.bound_median)));
        row("bound, greatest", of_each(&|figures| written(figures.bound_max.value)));
        row("bound, there for", of_each(&|figures| format!("{:.2} %", 100.0 * figures.bounded)));
        let ratio = |figures: &Figures| figures.tightness().map_or("-".to_owned(), |ratio| format!("{ratio:.1}"));
        row(&format!("bound over 99.9 % of the {of}"), of_each(&ratio));
        for (place, tau) in INTERVALS_S.iter().enumerate() {
            // Shorter intervals come first, and all are there that fit.
            let at = |figures: &Figures| figures.stability.get(place).copied();
            if figures.iter().all(|figures| at(figures).is_none()) {
                break;
            }
            let cell = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
            row(
                &format!("{of}, ADEV over {tau} s"),
                of_each(&|f| cell(at(f).map(|(_, adev, ..)| format!("{adev:.2e}")))),
            );
            row(&format!("{of}, TDEV over {tau} s"), of_each(&|f| cell(at(f).map(|(.., tdev, _)| written(tdev)))));
            row(&format!("{of}, MTIE over {tau} s"), of_each(&|f| cell(at(f).map(|(.., mtie)| written(mtie)))));
        }
        let frequencies = || courses.iter().map(|(_, course)| course.frequency());
        row("frequency, mean", frequencies().map(|(mean, _)| format!("{mean:+.1} ppb")).collect());
        row("frequency, moves by", frequencies().map(|(_, moves)| format!("{moves:.1} ppb")).collect());
        row("state at the end", courses.iter().map(|(_, course)| last_state(course)).collect());
    }

    /// A clock as it went, and as it would have gone; what to call each.
    fn courses<'c>(&self, clock: &'c Clock) -> Vec<(String, &'c Course)> {
        let recorded = [("as recorded".to_owned(), &clock.recorded)].into_iter();
        recorded
            .chain(clock.otherwise.as_ref().map(|course| (format!("with {}", self.with.join(" ")), course)))
            .collect()
    }

    pub(super) fn json(&self) -> Value {
        let begins = self.begins();
        let streams: Vec<Value> = self
            .replayed
            .iter()
            .map(|stream| {
                json!({
                    "name": stream.name,
                    "engine": word(stream.kind),
                    "steps": stream.steps,
                    "states_compared": stream.states,
                    "gaps": stream.gaps,
                    "identical": stream.difference.is_none(),
                    "difference": stream.difference.as_ref().map(|difference| json!({
                        "step": difference.step,
                        "after_s": (difference.at - begins).as_secs_f64(),
                        "input": difference.input,
                        "recorded": difference.recorded,
                        "replayed": difference.replayed,
                    })),
                })
            })
            .collect();
        let clocks: Vec<Value> = self
            .clocks
            .iter()
            .map(|clock| {
                json!({
                    "name": clock.name,
                    "recorded": course_json(&clock.recorded, begins),
                    "otherwise": clock.otherwise.as_ref().map(|course| course_json(course, begins)),
                })
            })
            .collect();
        json!({
            "version": self.program,
            "simulated": self.origin != Origin::Host,
            "identical": self.is_identical(),
            "with": self.with,
            "streams": streams,
            "clocks": clocks,
        })
    }

    /// The simulator's picture, of every clock as it went and as it would have gone.
    pub(super) fn picture(&self) -> String {
        let begins = self.begins();
        let since = |at: Timestamp<Mono>| (at - begins).as_secs_f64();
        let courses: Vec<_> = self
            .clocks
            .iter()
            .flat_map(|clock| {
                self.courses(clock).into_iter().map(|(head, course)| (format!("{}, {head}", clock.name), course))
            })
            .map(|(name, course)| (name, Grid::of(course)))
            .collect();
        let drawn: Vec<_> = courses
            .iter()
            .map(|(name, grid)| {
                let states: Vec<_> = grid.states.iter().map(|(at, state)| (since(*at), *state)).collect();
                (name, grid.points(begins), states, grid.has_truth)
            })
            .collect();
        let rows: Vec<_> = drawn
            .iter()
            .map(|(name, points, states, has_truth)| Row { name, points, states, has_truth: *has_truth })
            .collect();
        let lasts = self.replayed.iter().filter_map(|stream| stream.span).map(|(_, last)| last);
        let span_s = since(lasts.max().unwrap_or(begins)).max(1e-3);
        picture(&format!("A trace of synchronome {}", self.program), span_s, &rows)
    }
}

fn last_state(course: &Course) -> String {
    course.0.last().map_or("-".to_owned(), |moment| moment.state.to_string())
}

fn figures_json(figures: trace::Figures) -> Value {
    json!({ "count": figures.count, "rms_s": figures.rms_s, "p99_s": figures.p99_s, "max_s": figures.max_s })
}

fn course_json(course: &Course, begins: Timestamp<Mono>) -> Value {
    let (mean_ppb, deviation_ppb) = course.frequency();
    let grid = Grid::of(course);
    json!({
        "lock_time_s": grid.lock_time().map(Duration::as_secs_f64),
        "figures_of": if grid.has_truth { "true_error" } else { "offset" },
        "figures": figures_to_json(&grid.figures(begins)),
        "offset": figures_json(course.offsets()),
        "true_error": course.true_errors().map(figures_json),
        "violations": course.true_errors().map(|_| course.violations()),
        "bound": figures_json(course.bounds()),
        "frequency_mean_ppb": mean_ppb,
        "frequency_moves_by_ppb": deviation_ppb,
        "state": course.0.last().map(|moment| moment.state.word()),
    })
}
