//! The status as text for a terminal.
//!
//! From the top: one line that answers the question, what is wrong, what the bound is made of, the way that time
//! takes (grandmaster, port, clock, NTP clients), what happened. A reader in a hurry stops early. Pure: the same
//! [`Status`] and [`Style`] give the same bytes.

use std::fmt::Write as _;

use super::health::{self, Code, Thresholds};
use super::status::{ClockKind, GrandmasterStatus, NtpQuestionsStatus, NtpServerStatus, PortStatus, Status};
use super::units::{count, ppb, rate, seconds, span};
use crate::time::SyncState;

mod clients;
mod phcs;
mod ptp;
mod sources;

pub use clients::clients_table;
pub use ptp::ptp_text;
pub use sources::sources_table;

/// How many of the last events are shown.
const EVENTS_SHOWN_MAX: usize = 5;
/// Width of the tree's left column in characters.
const NAME_WIDTH: usize = 28;
/// Width of the bars in characters.
const BAR_WIDTH: usize = 32;

/// What the terminal can do.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Style {
    /// Colours may be used.
    pub colour: bool,
    /// Characters beyond ASCII may be used.
    pub unicode: bool,
}

/// The state of the time in one line, the same in `status`, `health` and the log.
///
/// `time correct to within 840 ns (limit 100 us), LOCKED 3h12m, gm 001b21.fffe.aabbcc, last sample 0.3 s ago`
pub fn headline(status: &Status) -> String {
    let clock = &status.clock;
    let since = span(status.state_since_s);
    let mut line = match clock.bound_s {
        Some(bound) if status.state.is_synchronised() => {
            let limit = seconds(clock.lock_limit_s);
            format!("time correct to within {} (limit {limit}), {} {since}", seconds(bound), status.state)
        }
        Some(bound) => format!("time not synchronised, {} {since}, correct to within {}", status.state, seconds(bound)),
        None => format!("time not synchronised, {} {since}, error unknown", status.state),
    };
    if let Some(grandmaster) = status.grandmaster() {
        let _ = write!(line, ", gm {}", grandmaster.identity);
    }
    match clock.last_sample_age_s {
        Some(age) => {
            let _ = write!(line, ", last sample {} ago", span(age));
        }
        None => line += ", no sample yet",
    }
    line
}

/// The whole status as text, each line ended.
pub fn render(status: &Status, style: Style) -> String {
    let mut page = Page { text: String::new(), style };
    page.title(status);
    page.troubles(status);
    page.bound(status);
    page.clock(status);
    page.tree(status);
    page.sources(status);
    page.truth(status);
    page.threads(status);
    page.events(status);
    page.text
}

/// What a piece of text means, for its colour.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tone {
    Good,
    Doubtful,
    Bad,
    Strong,
    Faint,
}

impl Tone {
    /// The tone of a state.
    const fn of(state: SyncState) -> Self {
        match state {
            SyncState::Locked => Self::Good,
            SyncState::Holdover | SyncState::Acquiring => Self::Doubtful,
            SyncState::NeverSynced | SyncState::Freerun | SyncState::Disrupted => Self::Bad,
        }
    }

    /// SGR parameters (ECMA-48 8.3.117).
    const fn sgr(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Doubtful => "33",
            Self::Bad => "31",
            Self::Strong => "1",
            Self::Faint => "2",
        }
    }
}

struct Page {
    text: String,
    style: Style,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text += line.trim_end();
        self.text.push('\n');
    }

    fn blank(&mut self) {
        self.text.push('\n');
    }

    /// `label` in the left column, the rest beside it.
    fn row(&mut self, label: &str, rest: &str) {
        let label = self.paint(Tone::Faint, &format!("{label:<9}"));
        self.line(&format!("  {label}{rest}"));
    }

    fn paint(&self, tone: Tone, text: &str) -> String {
        if self.style.colour { format!("\x1b[{}m{text}\x1b[0m", tone.sgr()) } else { text.to_owned() }
    }

    const fn glyph(&self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.style.unicode { unicode } else { ascii }
    }

    fn title(&mut self, status: &Status) {
        let mark = self.paint(Tone::of(status.state), self.glyph("●", "*"));
        let headline = self.paint(Tone::Strong, &headline(status));
        self.line(&format!("{mark} {headline}"));
        let about = format!(
            "  synchronome {} on {}, up {}, pid {}, {}",
            status.version,
            status.host,
            span(status.uptime_s),
            status.pid,
            status.generated_at
        );
        let about = self.paint(Tone::Faint, &about);
        self.line(&about);
    }

    /// What is wrong, the worst first, then what is missing.
    fn troubles(&mut self, status: &Status) {
        let mut troubles: Vec<(Tone, String)> = Vec::new();
        for finding in health::findings(status, &Thresholds::default()) {
            troubles.push((if finding.code == Code::Critical { Tone::Bad } else { Tone::Doubtful }, finding.text));
        }
        for port in &status.ptp {
            if let Some(waiting_for) = &port.waiting_for {
                troubles.push((Tone::Doubtful, format!("{} waits: {waiting_for}", port.interface)));
            }
        }
        for phc in &status.phcs {
            if let Some(problem) = &phc.problem {
                troubles.push((Tone::Bad, format!("clock of {} ({}): {problem}", phc.name, phc.device)));
            }
        }
        if status.ptp.is_empty() && status.sources.is_empty() {
            troubles.push((Tone::Doubtful, "there is no PTP port, so there is no source of time".to_owned()));
        }
        troubles.extend(status.lacks.iter().map(|lack| (Tone::Doubtful, lack.clone())));
        for (ring, dropped) in status.rings_dropped.iter().filter(|(_, dropped)| **dropped > 0) {
            troubles.push((Tone::Doubtful, format!("{} lost in the full ring {ring}", count(*dropped, "record"))));
        }
        if troubles.is_empty() {
            return;
        }
        self.blank();
        for (tone, text) in troubles {
            let mark = self.paint(tone, "!");
            self.line(&format!("  {mark} {text}"));
        }
    }

    /// The bound: its share of the limit, then its parts.
    fn bound(&mut self, status: &Status) {
        let clock = &status.clock;
        let Some(bound) = clock.bound_s else { return };
        self.blank();
        let limit = clock.lock_limit_s;
        let share = if limit > 0.0 { format!(", {} of the limit", percent(bound / limit)) } else { String::new() };
        let to_come = clock.holdover.iter().filter(|holdover| holdover.exceeded_in_s > 0.0);
        let to_come: Vec<_> = to_come
            .map(|holdover| format!("{} after {}", seconds(holdover.limit_s), span(holdover.exceeded_in_s)))
            .collect();
        let to_come =
            if to_come.is_empty() { String::new() } else { format!("; without samples beyond {}", to_come.join(", ")) };
        self.row("bound", &format!("{}{share}{to_come}", seconds(bound)));
        let Some(parts) = clock.bound_parts else { return };
        let mut parts = parts.named();
        parts.sort_by(|a, b| b.1.total_cmp(&a.1)); // stable
        let sum: f64 = parts.iter().map(|(_, part)| part).sum();
        for (name, part) in parts.into_iter().filter(|(_, part)| *part > 0.0) {
            let bar = self.bar(part / sum);
            self.row("", &format!("{name:<7} {:>8}  {bar} {:>4}", seconds(part), percent(part / sum)));
        }
    }

    fn bar(&self, share: f64) -> String {
        let cells = (share * BAR_WIDTH as f64).round().clamp(0.0, BAR_WIDTH as f64) as usize;
        let (full, empty) = (self.glyph("━", "#"), self.glyph("·", "."));
        full.repeat(cells) + &self.paint(Tone::Faint, &empty.repeat(BAR_WIDTH - cells))
    }

    /// What the clock does.
    fn clock(&mut self, status: &Status) {
        let clock = &status.clock;
        self.blank();
        let mut figures = Vec::new();
        figures.extend(clock.offset_from_master_s.map(|offset| format!("offset {}", seconds(offset))));
        figures.extend(clock.mean_path_delay_s.map(|delay| format!("path delay {}", seconds(delay))));
        figures.extend(clock.frequency_ppb.map(|frequency| format!("correction {}", ppb(frequency))));
        figures.extend(clock.oscillator_frequency_ppb.map(|frequency| format!("oscillator {}", ppb(frequency))));
        figures.push(count(clock.steps, "step"));
        self.row("clock", &figures.join(", "));
        let mut scale = Vec::new();
        scale.extend(clock.timescale.clone());
        // The timescale's words may have said it, and by whose word.
        let is_said = clock.timescale.as_ref().is_some_and(|words| words.contains("TAI-UTC"));
        scale.extend(clock.tai_utc_s.filter(|_| !is_said).map(|offset| format!("TAI-UTC {offset} s")));
        scale.extend(clock.leap.as_deref().map(|leap| match leap {
            "none" => "no leap second today".to_owned(),
            "insert" => "LEAP SECOND INSERTED at the end of this UTC day".to_owned(),
            "delete" => "LEAP SECOND DELETED at the end of this UTC day".to_owned(),
            other => format!("leap {other}"),
        }));
        scale.extend(clock.leap_dispute.clone());
        if !scale.is_empty() {
            self.row("", &scale.join(", "));
        }
        if let Some(lock_time) = clock.lock_time_s {
            let mut since = vec![format!("{} from selecting its parent", short(lock_time))];
            since.extend(
                clock.lock_time_since_first_announce_s.map(|s| format!("{} from the first Announce", short(s))),
            );
            since.extend(clock.lock_time_since_start_s.map(|s| format!("{} from the start", short(s))));
            self.row("", &format!("locked in {}", since.join(", ")));
        }
    }

    /// The way that time takes: a port that is followed hangs below its grandmaster, the clock below that port.
    fn tree(&mut self, status: &Status) {
        self.blank();
        let followed = status.followed().filter(|port| port.parent.is_some() || port.grandmaster.is_some());
        for port in &status.ptp {
            let is_followed = followed.is_some_and(|followed| std::ptr::eq(followed, port));
            if !is_followed {
                self.port(port, 0);
                continue;
            }
            let mut depth = 0;
            if let Some(gm) = &port.grandmaster {
                let steps =
                    if gm.steps_removed == 0 { "direct".to_owned() } else { count(gm.steps_removed.into(), "step") };
                let text = format!(
                    "class {}, accuracy {}, {}, priority {}/{}, {steps}{}",
                    gm.class,
                    gm.accuracy,
                    gm.time_source,
                    gm.priority1,
                    gm.priority2,
                    uncertain(gm)
                );
                self.node(0, &gm.identity, Tone::Strong, &text);
                depth = 1;
            }
            self.port(port, depth);
            self.clocks(status, depth + 1);
        }
        if followed.is_none() {
            self.clocks(status, 0);
        }
    }

    fn port(&mut self, port: &PortStatus, depth: usize) {
        let mut about = vec![format!("PTP {}, domain {}", port.role, port.domain)];
        if port.sdo_id != 0 {
            about.push(format!("sdoId {:#05x}", port.sdo_id));
        }
        about.extend(port.timestamps.as_ref().map(|timestamps| match &port.phc {
            Some(phc) => format!("timestamps: {timestamps} ({phc})"),
            None => format!("timestamps: {timestamps}"),
        }));
        about.extend(port.sync_interval_s.map(|interval| format!("Sync {}", rate(interval))));
        about.extend(port.last_sync_age_s.map(|age| format!("last {} ago", span(age))));
        // A grandmaster that speaks to us itself stands above already.
        let gm = port.grandmaster.as_ref().map_or("", |gm| gm.identity.as_str());
        let other = port.parent.as_ref().filter(|parent| gm.is_empty() || !parent.starts_with(gm));
        about.extend(other.map(|parent| format!("from {parent}")));
        about.extend(port.announces.as_ref().map(|gm| {
            let whose = match gm.steps_removed {
                0 => "announces itself".to_owned(),
                steps => format!("hands on {}, {}", gm.identity, count(steps.into(), "step")),
            };
            let about =
                format!("class {}, accuracy {}, priority {}/{}", gm.class, gm.accuracy, gm.priority1, gm.priority2);
            format!("{whose}: {about}{}", uncertain(gm))
        }));
        let tone = if matches!(port.port_state.as_str(), "SLAVE" | "MASTER") { Tone::Good } else { Tone::Doubtful };
        self.node(depth, &format!("{} {}", port.interface, port.port_state), tone, &about.join(", "));
        let indent = "   ".repeat(depth + 1);
        if let Some(reason) = &port.timestamps_reason {
            let reason = self.paint(Tone::Faint, &format!("no hardware timestamps: {reason}"));
            self.line(&format!("  {indent}{reason}"));
        }
        if !port.path.is_empty() {
            let path = self.paint(Tone::Faint, &format!("path {}", port.path.join(" > ")));
            self.line(&format!("  {indent}{path}"));
        }
        if let Some(neighbor) = &port.neighbor {
            let mut about = format!("neighbour {}: link {}", neighbor.identity, seconds(neighbor.mean_link_delay_s));
            about.extend(neighbor.rate_ppb.map(|rate| format!(", runs off by {}", ppb(rate))));
            let about = self.paint(Tone::Faint, &about);
            self.line(&format!("  {indent}{about}"));
        }
        for heard in &port.heard {
            let heard = self.paint(Tone::Faint, &format!("hears {heard}"));
            self.line(&format!("  {indent}{heard}"));
        }
    }

    /// The hub, then what follows it.
    fn clocks(&mut self, status: &Status, depth: usize) {
        let depth = self.hub(status, depth);
        self.followers(status, depth);
        self.clock_node(status, depth);
    }

    fn clock_node(&mut self, status: &Status, depth: usize) {
        let what = match status.clock.kind {
            ClockKind::Observe => "the system clock, observed and never touched",
            ClockKind::Simulated => "a simulated clock, disciplined; the system clock is not touched",
            ClockKind::System => "the system clock, disciplined",
        };
        self.node(depth, &format!("clock {}", status.state), Tone::of(status.state), what);
        if let Some(server) = &status.ntp_server {
            self.server(server, depth + 1);
        }
    }

    fn server(&mut self, server: &NtpServerStatus, depth: usize) {
        let (name, tone) = match (server.stratum, server.local_stratum) {
            (Some(stratum), _) => (format!("NTP stratum {stratum}"), Tone::Good),
            (None, Some(stratum)) => (format!("NTP local, stratum {stratum}"), Tone::Doubtful),
            (None, None) => ("NTP unsynchronised".to_owned(), Tone::Doubtful),
        };
        self.node(
            depth,
            &name,
            tone,
            &format!("{}, {}", server.listen.join(" "), count(server.workers.into(), "worker")),
        );
        if server.worker_restarts > 0 {
            let ended = count(server.worker_restarts, "worker");
            let were = if server.worker_restarts == 1 { "was" } else { "were" };
            self.line(&format!("  {:NAME_WIDTH$} {ended} ended unasked and {were} replaced: see events", ""));
        }
        let mut packets = format!("{}, {} answered", count(server.requests, "request"), server.answered);
        let dropped: Vec<_> = server.dropped.iter().filter(|(_, n)| **n > 0).collect();
        for (index, (reason, n)) in dropped.into_iter().enumerate() {
            let _ = write!(packets, "{}{n} {reason}", if index == 0 { ", dropped: " } else { ", " });
        }
        self.line(&format!("  {:NAME_WIDTH$} {packets}", ""));
        let NtpQuestionsStatus { answered, dropped } = &server.questions;
        if *answered > 0 || !dropped.is_empty() {
            let mut questions = format!("{} of ntpq answered", count(*answered, "question"));
            for (index, (reason, n)) in dropped.iter().enumerate() {
                let _ = write!(questions, "{}{n} {reason}", if index == 0 { ", dropped: " } else { ", " });
            }
            self.line(&format!("  {:NAME_WIDTH$} {questions}", ""));
        }
        if let Some(ahead) = server.smeared_s {
            let (way, by) = if ahead < 0.0 { ("behind", -ahead) } else { ("ahead of", ahead) };
            self.line(&format!("  {:NAME_WIDTH$} smears a leap second: {} {way} UTC", "", seconds(by)));
        }
        if let Some(latency) = &server.latency {
            let [half, most, longest] = [latency.p50_s, latency.p99_s, latency.max_s].map(seconds);
            self.line(&format!("  {:NAME_WIDTH$} answered within {half} (50 %), {most} (99 %), {longest} (all)", ""));
        }
        if server.hardware_stamps + server.hardware_stamps_rejected > 0 {
            let (by_card, by_kernel) = (server.hardware_stamps, server.software_stamps);
            let refused = server.hardware_stamps_rejected;
            let out = server.hardware_departures;
            let stamps = format!(
                "stamped by the card {by_card} in {out} out, by the kernel {by_kernel} in {} out, card not believed {refused}",
                server.departures.saturating_sub(out),
            );
            self.line(&format!("  {:NAME_WIDTH$} {stamps}", ""));
        }
    }

    /// The last, or the only one, of those that hang there.
    fn node(&mut self, depth: usize, name: &str, tone: Tone, about: &str) {
        self.branch(self.glyph("└─ ", "`- "), depth, name, tone, about);
    }

    fn branch(&mut self, twig: &str, depth: usize, name: &str, tone: Tone, about: &str) {
        let branch = if depth == 0 { String::new() } else { "   ".repeat(depth - 1) + twig };
        let width = NAME_WIDTH.saturating_sub(branch.chars().count());
        let name = self.paint(tone, &format!("{name:<width$}"));
        self.line(&format!("  {branch}{name} {about}"));
    }

    fn truth(&mut self, status: &Status) {
        let Some(truth) = &status.truth else { return };
        self.blank();
        let last = truth.error_s.zip(truth.bound_s);
        if let Some((error, bound)) = last {
            let (tone, place) = if error.abs() <= bound { (Tone::Good, "inside") } else { (Tone::Bad, "OUTSIDE") };
            let place = self.paint(tone, place);
            self.row("truth", &format!("true error {}, {place} the claimed {}", seconds(error), seconds(bound)));
        }
        let figure = |name: &str, value: Option<f64>| value.map(|value| format!("{name} {}", seconds(value)));
        let mut figures = Vec::new();
        figures.extend(figure("rms", truth.rms_s));
        figures.extend(figure("99%", truth.p99_s));
        figures.extend(figure("max", truth.max_s));
        figures.push(format!("{} in {}", count(truth.violations, "violation"), count(truth.samples, "sample")));
        self.row(if last.is_some() { "" } else { "truth" }, &figures.join(", "));
    }

    fn threads(&mut self, status: &Status) {
        if !status.threads.is_empty() {
            self.blank();
        }
        let width = status.threads.iter().map(|thread| thread.name.len()).max().unwrap_or(0);
        for (index, thread) in status.threads.iter().enumerate() {
            let core = thread.core.map_or("any cpu".to_owned(), |core| format!("cpu {core}"));
            let priority = thread.priority.map_or("normal".to_owned(), |priority| format!("fifo {priority}"));
            let mut about = format!("{:<width$}  {core:<7}  {priority:<7}", thread.name);
            if let Some(age) = thread.alive_age_s {
                let _ = write!(about, "  alive {} ago", span(age));
            }
            if let Some(allocations) = thread.allocations {
                let _ = write!(about, "  {}", count(allocations, "allocation"));
            }
            self.row(if index == 0 { "threads" } else { "" }, &about);
        }
    }

    fn events(&mut self, status: &Status) {
        if !status.events.is_empty() {
            self.blank();
        }
        let first = status.events.len().saturating_sub(EVENTS_SHOWN_MAX);
        for (index, event) in status.events[first..].iter().enumerate() {
            let tone = match event.level.as_str() {
                "error" => Tone::Bad,
                "warn" => Tone::Doubtful,
                _ => Tone::Faint,
            };
            let about =
                self.paint(tone, &format!("{:>7} ago  {:<5}  {:<6}", span(event.age_s), event.level, event.topic));
            let mut fields = String::new();
            for (name, value) in &event.fields {
                let _ = write!(fields, " {name}={value}");
            }
            let fields = self.paint(Tone::Faint, &fields);
            self.row(if index == 0 { "events" } else { "" }, &format!("{about}  {}{fields}", event.text));
        }
    }
}

/// A span that is short as a rule, with its three digits then.
fn short(s: f64) -> String {
    if s < 60.0 { seconds(s) } else { span(s) }
}

/// A share in percent, two digits.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 9.95 { format!("{percent:.1}%") } else { format!("{percent:.0}%") }
}

/// That an Announce is not sure of the time that it tells of.
const fn uncertain(gm: &GrandmasterStatus) -> &'static str {
    if gm.synchronization_uncertain { ", synchronization uncertain" } else { "" }
}

#[cfg(test)]
mod tests;
