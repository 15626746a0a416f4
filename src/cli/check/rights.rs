//! What the daemon will keep of its rights, and what for.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use crate::config::{Config, SeccompMode};
use crate::runtime::privileges::rights::{Freedom, Need, ThreadKind, needs};

/// What all threads need for the same reason, once.
fn of_all(needs: &[Need]) -> impl Iterator<Item = (&Need, String)> {
    let mut seen: Vec<(caps::Capability, &str)> = Vec::new();
    needs.iter().filter_map(move |need| {
        let what = (need.capability, need.reason);
        let many = needs.iter().filter(|other| (other.capability, other.reason) == what).count();
        if many < ThreadKind::ALL.len() {
            return Some((need, need.kind.word().to_owned()));
        }
        if seen.contains(&what) {
            return None;
        }
        seen.push(what);
        Some((need, "every".to_owned()))
    })
}

/// A line each.
pub(super) fn text(config: &Config) -> String {
    let needs = needs(config, Freedom::at_start());
    let mut text = String::from("rights that are kept, by thread, if it is started from here:\n");
    for (need, thread) in of_all(&needs) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    {:<10}  {}: {}", thread, need.capability, need.reason);
    }
    if needs.is_empty() {
        text += "    none\n";
    }
    let _ = writeln!(
        text,
        "    user {}; landlock {}; system calls {}",
        config.security.user.as_deref().unwrap_or("synchronome, if root starts it and there is one"),
        if config.security.landlock { "on" } else { "off" },
        match config.security.seccomp {
            SeccompMode::Enforce => "filtered",
            SeccompMode::Log => "logged",
            SeccompMode::Off => "not filtered",
        }
    );
    text
}

/// The same for programs.
pub(super) fn json(config: &Config) -> Json {
    let needs = needs(config, Freedom::at_start());
    let one = |need: &Need| json!({"thread": need.kind.word(), "capability": need.capability.to_string(), "reason": need.reason});
    needs.iter().map(one).collect()
}
