//! The verdict: is the time good, in one line and one code, as monitoring plugins say it.
//!
//! | code | word | when |
//! |---|---|---|
//! | 0 | OK | synchronised, the bound at most `warn`, the last sample younger than `max_age` |
//! | 1 | WARNING | the bound exceeds `warn`; or the clock is in HOLDOVER; or a source is a falseticker, or sources contradict each other without a majority, or one smears a leap second and another one does not |
//! | 2 | CRITICAL | not synchronised; the bound exceeds `crit`; the last sample is older than `max_age`; of several sources none is heard; a thread is silent; a simulated clock's truth left its bound |
//! | 3 | UNKNOWN | the daemon does not answer |
//!
//! `warn` is the clock's own `lock_limit` unless said otherwise, `crit` ten times `warn`. Why ten: LOCKED is left at
//! twice the limit while samples come, which is CRITICAL by its state; what remains between the two limits is a clock
//! in holdover whose proven bound grows, and there a factor of ten leaves time to act before it is an outage.

use std::fmt::Write as _;

use serde::Serialize;

use super::render::headline;
use super::status::{SourceStatus, Status};
use super::units::{count, span};
use super::why::{SMEARED, SMEARED_REMEDY, at_a_leap};
use crate::ntp::client::REQUESTS_OF_LATE;
use crate::time::{Duration, SyncState};

/// `crit` is this many times `warn` unless said otherwise.
pub const CRITICAL_FACTOR: i64 = 10;

/// A sample older than this is too old unless said otherwise.
pub const MAX_AGE: Duration = Duration::from_secs(60);

/// A thread that has not said for this long that it is alive is stalled.
pub const THREAD_SILENT_MAX: Duration = Duration::from_secs(10);

/// Why a server of which no request of late was answered is not heard.
pub const NOT_ANSWERED_OF_LATE: &str = "its last three requests were not answered";

/// The exit code of a monitoring plugin.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Code {
    /// All is good.
    Ok = 0,
    /// It will not stay good.
    Warning = 1,
    /// It is not good.
    Critical = 2,
    /// Nobody could be asked.
    Unknown = 3,
}

impl Code {
    /// The word of monitoring plugins.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// What is still good.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Thresholds {
    /// The greatest bound that is OK; `None`: the clock's `lock_limit`.
    pub warn: Option<Duration>,
    /// The greatest bound that is not CRITICAL; `None`: [`CRITICAL_FACTOR`] times `warn`.
    pub crit: Option<Duration>,
    /// The greatest age of the last sample.
    pub max_age: Duration,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { warn: None, crit: None, max_age: MAX_AGE }
    }
}

impl Thresholds {
    /// `warn` and `crit` for a clock; `warn` is never above `crit`.
    fn limits(&self, status: &Status) -> (Duration, Duration) {
        let warn = self.warn.unwrap_or(Duration::from_secs_f64(status.clock.lock_limit_s));
        let crit = self.crit.unwrap_or(warn.times(CRITICAL_FACTOR));
        (warn.min(crit), crit)
    }
}

/// Something that is not good.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// How bad it is.
    pub code: Code,
    /// What it is, with its figure and its limit.
    pub text: String,
}

/// Whether the time is good.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// The worst of the findings.
    pub code: Code,
    /// One line for people: the word, what is wrong, the headline.
    pub line: String,
    /// The figures as performance data; empty if nobody answered.
    pub perfdata: String,
}

impl Verdict {
    /// Nobody could be asked; `why` says what to do.
    pub fn unknown(why: &str) -> Self {
        let why = why.lines().collect::<Vec<_>>().join("; ");
        Self { code: Code::Unknown, line: format!("{}: {why}", Code::Unknown.word()), perfdata: String::new() }
    }

    /// The one line of a monitoring plugin, `text | perfdata`.
    pub fn plugin_line(&self) -> String {
        // What stands before the bar is text, whatever is in it.
        let line = self.line.replace('|', "/");
        if self.perfdata.is_empty() { line } else { format!("{line} | {}", self.perfdata) }
    }

    /// The verdict as a JSON object.
    pub fn to_json(&self, status: Option<&Status>) -> String {
        #[derive(Serialize)]
        struct Json<'a> {
            schema: u32,
            code: u8,
            word: &'static str,
            line: &'a str,
            state: Option<&'static str>,
            bound_s: Option<f64>,
            offset_from_master_s: Option<f64>,
            last_sample_age_s: Option<f64>,
        }
        let json = Json {
            schema: super::status::SCHEMA,
            code: self.code as u8,
            word: self.code.word(),
            line: &self.line,
            state: status.map(|status| status.state.word()),
            bound_s: status.and_then(|status| status.clock.bound_s),
            offset_from_master_s: status.and_then(|status| status.clock.offset_from_master_s),
            last_sample_age_s: status.and_then(|status| status.clock.last_sample_age_s),
        };
        serde_json::to_string(&json).expect("plain data")
    }
}

/// All that is not good, the worst first.
pub fn findings(status: &Status, thresholds: &Thresholds) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |code, text| findings.push(Finding { code, text });
    let (warn, crit) = thresholds.limits(status);
    let clock = &status.clock;
    // The headline says the state and since when; here is why.
    let why = || if status.reason.is_empty() { status.state.to_string() } else { status.reason.clone() };
    if !status.state.is_synchronised() {
        find(Code::Critical, why());
    } else if status.state == SyncState::Holdover {
        find(Code::Warning, why());
    }
    match clock.bound_s.map(Duration::from_secs_f64) {
        Some(bound) if bound > crit => find(Code::Critical, format!("error bound {bound} exceeds {crit}")),
        Some(bound) if bound > warn => find(Code::Warning, format!("error bound {bound} exceeds {warn}")),
        // Said once is enough: without synchronisation there need not be a bound.
        None if status.state.is_synchronised() => find(Code::Critical, "there is no error bound".to_owned()),
        Some(_) | None => {}
    }
    match clock.last_sample_age_s {
        Some(age) if Duration::from_secs_f64(age) > thresholds.max_age => {
            find(Code::Critical, format!("last sample {} ago, more than {}", span(age), thresholds.max_age));
        }
        None if status.state.is_synchronised() => find(Code::Critical, "no sample has ever come".to_owned()),
        _ => {}
    }
    if let Some(text) = none_is_heard(&status.sources) {
        find(Code::Critical, text);
    }
    for text in contradictions(status).into_iter().chain(smears_and_does_not(&status.sources)) {
        find(Code::Warning, text);
    }
    for thread in &status.threads {
        if let Some(age) = thread.alive_age_s.filter(|age| Duration::from_secs_f64(*age) > THREAD_SILENT_MAX) {
            find(Code::Critical, format!("thread {} has been silent for {}", thread.name, span(age)));
        }
    }
    if let Some(truth) = status.truth.as_ref().filter(|truth| truth.violations > 0) {
        let times = count(truth.violations, "time");
        find(
            Code::Critical,
            format!("the true error left the claimed bound {times} in {}", count(truth.samples, "sample")),
        );
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.code)); // stable
    findings
}

/// Where several sources are judged and none is heard any more: that, and why of each. A clock in holdover is right for a while, and
/// whoever closed the way to all of them should hear of it before that ends.
fn none_is_heard(sources: &[SourceStatus]) -> Option<String> {
    let is_lost = |source: &SourceStatus| {
        source.verdict == "silent" || source.reach.is_some_and(|reach| reach & REQUESTS_OF_LATE == 0)
    };
    if sources.is_empty() || !sources.iter().all(is_lost) {
        return None;
    }
    let why = |source: &SourceStatus| {
        let reason = if source.verdict == "silent" { &source.reason } else { NOT_ANSWERED_OF_LATE };
        format!("{} {}: {reason}", source.kind, source.name)
    };
    let whys: Vec<_> = sources.iter().map(why).collect();
    Some(format!("no source is heard ({}); see `synchronome why`", whys.join(", ")))
}

/// Who is found to lie, and who may: the clock does not follow them, and with the next one that lies there may be no majority.
pub(crate) fn contradictions(status: &Status) -> Vec<String> {
    let judged = |verdict: &'static str| status.sources.iter().filter(move |source| source.verdict == verdict);
    let lies = |source: &SourceStatus| {
        let beyond = source.beyond_s.map(Duration::from_secs_f64).unwrap_or_default();
        let perhaps = at_a_leap(status, beyond).map_or(String::new(), |words| format!(" ({words}: {SMEARED_REMEDY})"));
        format!("{} is a falseticker: {}{perhaps}", named(source), source.reason)
    };
    let mut texts: Vec<_> = judged("falseticker").map(lies).collect();
    let undecided: Vec<_> = judged("undecided").map(named).collect();
    if !undecided.is_empty() {
        texts.push(format!("contradicted, without a majority: {}; see `synchronome why`", undecided.join(", ")));
    }
    texts
}

/// Of those that are heard some smear a leap second, by their own word, and others do not: while the smear is small they may all agree still.
fn smears_and_does_not(sources: &[SourceStatus]) -> Option<String> {
    let is_smearing =
        |source: &SourceStatus| source.reference_id.as_ref().is_some_and(|reference| reference.starts_with(SMEARED));
    let heard = || sources.iter().filter(|source| source.verdict != "silent");
    let names = |smears: bool| heard().filter(|source| is_smearing(source) == smears).map(named).collect::<Vec<_>>();
    let (smearing, others) = (names(true), names(false));
    (!smearing.is_empty() && !others.is_empty()).then(|| {
        format!(
            "a leap second is smeared by {}, and not by {}: {SMEARED_REMEDY}",
            smearing.join(", "),
            others.join(", ")
        )
    })
}

fn named(source: &SourceStatus) -> String {
    format!("{} {}", source.kind, source.name)
}

/// The verdict over a status.
pub fn verdict(status: &Status, thresholds: &Thresholds) -> Verdict {
    let findings = findings(status, thresholds);
    // The worst is the first.
    let code = findings.first().map_or(Code::Ok, |worst| worst.code);
    let mut line = format!("{}: ", code.word());
    for finding in &findings {
        let _ = write!(line, "{}; ", finding.text);
    }
    line += &headline(status);
    Verdict { code, line, perfdata: perfdata(status, thresholds) }
}

/// Its code alone, without the words that say why.
pub fn code(status: &Status, thresholds: &Thresholds) -> Code {
    findings(status, thresholds).first().map_or(Code::Ok, |worst| worst.code)
}

/// `label=value[s];warn;crit;min` with a blank between, in seconds; what is not known is left out.
fn perfdata(status: &Status, thresholds: &Thresholds) -> String {
    let (warn, crit) = thresholds.limits(status);
    let clock = &status.clock;
    let limits = format!(";{};{};0", decimal(warn.as_secs_f64()), decimal(crit.as_secs_f64()));
    let figures = [
        ("bound", clock.bound_s, limits),
        ("offset", clock.offset_from_master_s, String::new()),
        ("path_delay", clock.mean_path_delay_s, String::new()),
        ("last_sample_age", clock.last_sample_age_s, format!(";;{};0", decimal(thresholds.max_age.as_secs_f64()))),
    ];
    let known =
        figures.iter().filter_map(|(label, value, rest)| Some(format!("{label}={}s{rest}", decimal((*value)?))));
    known.collect::<Vec<_>>().join(" ")
}

/// Picoseconds are the last that matters; no exponent, which some readers of performance data do not know.
fn decimal(seconds: f64) -> String {
    let text = format!("{seconds:.12}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests;
