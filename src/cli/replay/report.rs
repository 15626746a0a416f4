//! What a repetition came to: as text, as JSON, as a picture.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::super::plot::{Curve, Panel, svg};
use crate::engine::EngineKind;
use crate::time::{Duration, Mono, Timestamp};
use crate::trace::{Course, Figures, Moment, Origin, Replayed};

/// One clock, as it went, and as it would have gone.
pub(super) struct Clock {
    pub(super) name: String,
    pub(super) recorded: Course,
    pub(super) otherwise: Option<Course>,
}

/// One of the figures.
type Figure = fn(&Figures) -> f64;

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
        EngineKind::Discipline => "discipline",
        EngineKind::NtpServer => "NTP server",
        EngineKind::NtpClient => "NTP client",
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
        let courses: Vec<&Course> = [Some(&clock.recorded), clock.otherwise.as_ref()].into_iter().flatten().collect();
        let heads = ["as recorded".to_owned(), format!("with {}", self.with.join(" "))];
        let mut row = |title: &str, cells: Vec<String>| {
            let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:>16}")).collect();
            let _ = writeln!(out, "{title:<28}{}", cells.join("  "));
        };
        row(&clock.name, heads.into_iter().take(courses.len()).collect());
        let rows: [(&str, Figure); 3] = [("RMS", |f| f.rms_s), ("99 %", |f| f.p99_s), ("greatest", |f| f.max_s)];
        for (name, figure) in rows {
            let offsets = courses.iter().map(|course| seconds(figure(&course.offsets())));
            row(&format!("offset as measured, {name}"), offsets.collect());
        }
        if clock.recorded.true_errors().is_some() {
            for (name, figure) in rows {
                let errors =
                    courses.iter().map(|course| course.true_errors().map_or("-".into(), |e| seconds(figure(&e))));
                row(&format!("true error, {name}"), errors.collect());
            }
            row("truth outside of the bound", courses.iter().map(|course| course.violations().to_string()).collect());
        }
        row("bound, RMS", courses.iter().map(|course| seconds(course.bounds().rms_s)).collect());
        row("frequency, mean", courses.iter().map(|course| format!("{:+.1} ppb", course.frequency().0)).collect());
        row("frequency, moves by", courses.iter().map(|course| format!("{:.1} ppb", course.frequency().1)).collect());
        row("state at the end", courses.iter().map(|course| last_state(course)).collect());
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
                    "recorded": course_json(&clock.recorded),
                    "otherwise": clock.otherwise.as_ref().map(course_json),
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

    pub(super) fn picture(&self) -> String {
        let begins = self.begins();
        let panels: Vec<Panel> = self.clocks.iter().flat_map(|clock| self.panels(clock, begins)).collect();
        svg(&panels)
    }

    fn panels(&self, clock: &Clock, begins: Timestamp<Mono>) -> [Panel; 2] {
        let with = self.with.join(" ");
        let both =
            [(&clock.recorded, String::new(), 0), (clock.otherwise.as_ref().unwrap_or(&clock.recorded), with, 1)];
        let courses = &both[..if clock.otherwise.is_some() { 2 } else { 1 }];
        let mut offsets = Vec::new();
        let mut frequencies = Vec::new();
        for (course, with, place) in courses {
            let label = |what: &str| if with.is_empty() { what.to_owned() } else { format!("{what}, {with}") };
            let colours = [["#bbb", "#1f5fa8", "#2a9d4a"], ["#f0c9a0", "#c8501e", "#a02cc0"]][*place];
            let curve = |what: &str, colour, is_dotted, value: &dyn Fn(&Moment) -> Option<f64>| Curve {
                label: label(what),
                colour,
                points: course.0.iter().filter_map(|m| Some(((m.at - begins).as_secs_f64(), value(m)?))).collect(),
                is_dotted,
            };
            let ns = |duration: Duration| duration.as_secs_f64() * 1e9;
            offsets.push(curve("offset", colours[0], true, &|moment| moment.offset.map(ns)));
            offsets.push(curve("bound", colours[2], false, &|moment| moment.bound.map(ns)));
            if course.true_errors().is_some() {
                offsets.push(curve("truth", colours[1], false, &|moment| moment.true_error.map(ns)));
            }
            frequencies.push(curve("frequency", colours[1], false, &|moment| Some(moment.frequency.ppb())));
        }
        [
            Panel { title: format!("{}: offset and bound (ns)", clock.name), curves: offsets },
            Panel { title: format!("{}: frequency correction (ppb)", clock.name), curves: frequencies },
        ]
    }
}

fn seconds(value: f64) -> String {
    Duration::from_secs_f64(value).to_string()
}

fn last_state(course: &Course) -> String {
    course.0.last().map_or("-".to_owned(), |moment| moment.state.to_string())
}

fn figures_json(figures: Figures) -> Value {
    json!({ "count": figures.count, "rms_s": figures.rms_s, "p99_s": figures.p99_s, "max_s": figures.max_s })
}

fn course_json(course: &Course) -> Value {
    let (mean_ppb, deviation_ppb) = course.frequency();
    json!({
        "offset": figures_json(course.offsets()),
        "true_error": course.true_errors().map(figures_json),
        "violations": course.true_errors().map(|_| course.violations()),
        "bound": figures_json(course.bounds()),
        "frequency_mean_ppb": mean_ppb,
        "frequency_moves_by_ppb": deviation_ppb,
        "state": course.0.last().map(|moment| moment.state.word()),
    })
}
