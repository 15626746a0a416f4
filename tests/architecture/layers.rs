//! Which floor may use which, and what the lower floors may not touch at all.

use super::Violation;
use super::source::{NamedPath, Source};

const BYTES: &[&str] = &["coding"];
const VALUES: &[&str] = &["coding", "time"];
const ENGINES: &[&str] = &["coding", "time", "engine", "sharing", "wire"];
const BELOW_L3: &[&str] = &["coding", "time", "engine", "sharing", "wire", "ptp", "ntp", "refclock", "discipline"];
const THREADS: &[&str] = &[
    "coding",
    "time",
    "engine",
    "sharing",
    "wire",
    "ptp",
    "ntp",
    "refclock",
    "discipline",
    "clock",
    "net",
    "observe",
    "config",
    "trace",
];
const REPEATED: &[&str] =
    &["coding", "time", "engine", "sharing", "wire", "ptp", "ntp", "refclock", "discipline", "clock"];
const WORLD: &[&str] =
    &["coding", "time", "engine", "sharing", "wire", "ptp", "ntp", "refclock", "discipline", "clock", "trace"];

/// A module of the root crate.
struct Floor {
    module: &'static str,
    /// The modules that it may use, beside itself.
    uses: &'static [&'static str],
    /// The crates that it may use; `None` for any.
    crates: Option<&'static [&'static str]>,
    /// Whether the same input must give the same output: nothing of the machine's may be seen.
    is_pure: bool,
    /// Whether its floats must be bit-exact on any machine.
    is_exact: bool,
}

const fn pure(module: &'static str, uses: &'static [&'static str], crates: &'static [&'static str]) -> Floor {
    Floor { module, uses, crates: Some(crates), is_pure: true, is_exact: true }
}

const fn free(module: &'static str, uses: &'static [&'static str]) -> Floor {
    Floor { module, uses, crates: None, is_pure: false, is_exact: false }
}

/// The house, from the ground up (see `src/manual/mod.rs`).
const HOUSE: &[Floor] = &[
    pure("coding", &[], &["synchronome_derive"]),
    pure("time", BYTES, &[]),
    pure("engine", VALUES, &["libm"]),
    pure("sharing", VALUES, &["rtrb"]),
    pure("wire", VALUES, &[]),
    pure("ptp", ENGINES, &[]),
    pure("ntp", ENGINES, &["libm", "md5"]),
    pure("refclock", ENGINES, &[]),
    pure("discipline", ENGINES, &["libm"]),
    // It reads the host's clocks, and the oscillator in it is the simulator's too.
    Floor { module: "clock", uses: BELOW_L3, crates: None, is_pure: false, is_exact: true },
    free("net", BELOW_L3),
    free("observe", BELOW_L3),
    free("config", BELOW_L3),
    free("runtime", THREADS),
    pure("trace", REPEATED, &["crc32fast"]),
    pure("sim", WORLD, &[]),
    free(
        "cli",
        &[
            "coding",
            "time",
            "engine",
            "sharing",
            "wire",
            "ptp",
            "ntp",
            "refclock",
            "discipline",
            "clock",
            "net",
            "observe",
            "config",
            "runtime",
            "sim",
            "trace",
        ],
    ),
    pure("manual", &[], &[]),
];

/// Where logarithms and their like are drawn, the same on every machine: the samplers and oscillators, the estimator's tail
/// integral, and the cosine of a smeared leap second.
const LIBM_PATHS: [&str; 5] = [
    "src/engine/random.rs",
    "src/discipline/estimator/",
    "src/ntp/server/smear.rs",
    "src/clock/oscillator.rs",
    "src/cli/simulate/campaign.rs",
];
/// The one file that hands a duration to the standard library.
const STD_DURATION_FILE: &str = "src/time/duration.rs";

/// Parts of the standard library that see the machine, block, or differ from run to run.
const AMBIENT: &[&str] = &[
    "std::time",
    "std::thread",
    "std::net",
    "std::fs",
    "std::io",
    "std::env",
    "std::process",
    "std::os",
    "std::collections::hash_map",
    "std::collections::hash_set",
    "std::sync::mpsc",
    "core::time",
    "core::net",
];
/// Names that are as bad wherever they come from.
const AMBIENT_NAMES: &[&str] = &[
    "HashMap",
    "HashSet",
    "RandomState",
    "Mutex",
    "RwLock",
    "Condvar",
    "Barrier",
    "thread_local",
    "print",
    "println",
    "eprint",
    "eprintln",
];
/// What is plain data in `std::net`.
const NET_VALUES: &[&str] = &["IpAddr", "Ipv4Addr", "Ipv6Addr", "SocketAddr", "SocketAddrV4", "SocketAddrV6"];
/// Functions of floats whose last bits depend on the machine's mathematical library.
const INEXACT: &[&str] = &[
    "ln", "ln_1p", "log", "log2", "log10", "exp", "exp2", "exp_m1", "powf", "powi", "cbrt", "hypot", "mul_add", "sin",
    "cos", "tan", "asin", "acos", "atan", "atan2", "sin_cos", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
];

/// Checks one file of the root crate's production code.
pub fn check(path: &str, source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut tell = |line, rule, what: String| found.push(Violation::new(path, line, rule, what));
    match path {
        "src/lib.rs" => check_root(source, &mut tell),
        "src/main.rs" => check_main(source, &mut tell),
        _ => {
            let module = path.trim_start_matches("src/").split(['/', '.']).next().unwrap_or_default();
            match HOUSE.iter().find(|floor| floor.module == module) {
                Some(floor) => check_floor(path, floor, source, &mut tell),
                None => {
                    tell(1, "layers", format!("`{module}` has no floor: give it one in tests/architecture/layers.rs"));
                }
            }
        }
    }
    found
}

fn check_root(source: &Source, tell: &mut impl FnMut(usize, &'static str, String)) {
    let text: String = source.all.iter().map(|token| token.text.as_str()).collect();
    if !text.contains("#![forbid(unsafe_code)]") {
        tell(1, "unsafe", "the root crate must `#![forbid(unsafe_code)]`".to_owned());
    }
    for path in &source.paths {
        tell(path.line, "layers", format!("`{}`: lib.rs declares modules, and nothing else", path.written()));
    }
}

fn check_main(source: &Source, tell: &mut impl FnMut(usize, &'static str, String)) {
    for path in &source.paths {
        let is_ours = path.segments.first().is_some_and(|first| first == "synchronome" || first == "crate");
        if is_ours && path.segments.get(1).is_none_or(|module| module != "cli") {
            tell(path.line, "layers", format!("`{}`: main.rs knows `cli` only", path.written()));
        }
    }
}

fn check_floor(path: &str, floor: &Floor, source: &Source, tell: &mut impl FnMut(usize, &'static str, String)) {
    for named in &source.paths {
        if let Some(inner) = named.in_crate() {
            let target = inner.first().map_or("*", String::as_str);
            if target != floor.module && !floor.uses.contains(&target) {
                tell(named.line, "layers", format!("`{}`: `{}` may not use `{target}`", named.written(), floor.module));
            }
            continue;
        }
        if let Some(name) = external_crate(named, source) {
            let is_allowed = floor.crates.is_none_or(|crates| crates.contains(&name));
            // loom takes the place of std's atomics when the interleavings are explored.
            let is_loom = floor.module == "sharing" && name == "loom";
            if name == "libm" && !LIBM_PATHS.iter().any(|at| path.starts_with(at)) || !is_allowed && !is_loom {
                tell(named.line, "crates", format!("`{}`: `{}` may not use it", named.written(), floor.module));
            }
        }
        if floor.is_pure && is_ambient(path, named) {
            tell(named.line, "pure", format!("`{}`: below L3 nothing sees the machine", named.written()));
        }
    }
    check_words(floor, source, tell);
}

fn check_words(floor: &Floor, source: &Source, tell: &mut impl FnMut(usize, &'static str, String)) {
    let text = |index: usize| source.production.get(index).map_or("", |token| token.text.as_str());
    for (at, token) in source.production.iter().enumerate() {
        let word = token.text.as_str();
        if floor.is_pure && AMBIENT_NAMES.contains(&word) {
            tell(token.line, "pure", format!("`{word}`: below L3 nothing locks, prints or depends on hashes"));
        }
        let before = at.checked_sub(1).map_or("", text);
        let is_float_path = before == "::" && at >= 2 && matches!(text(at - 2), "f64" | "f32");
        let is_call = before == "." && matches!(text(at + 1), "(") || is_float_path;
        if floor.is_exact && is_call && INEXACT.contains(&word) {
            tell(token.line, "exact", format!("`{word}` differs between machines: only + - * / and sqrt"));
        }
    }
}

/// The name of another crate that a path begins with; the standard library does not count.
fn external_crate<'a>(path: &'a NamedPath, source: &Source) -> Option<&'a str> {
    const OURS: &[&str] = &["std", "core", "alloc", "crate", "self", "super", "rustfmt", "clippy", "rustdoc"];
    const PRIMITIVES: &[&str] = &[
        "bool", "char", "str", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64",
        "u128", "usize",
    ];
    let first = path.segments.first()?.as_str();
    let is_module = first.starts_with(|first: char| first.is_lowercase());
    let is_known =
        OURS.contains(&first) || PRIMITIVES.contains(&first) || source.local_names.iter().any(|local| local == first);
    (is_module && !is_known).then_some(first)
}

/// Whether a path leads into [`AMBIENT`], or imports something that does.
fn is_ambient(path: &str, named: &NamedPath) -> bool {
    let begins = |long: &str, short: &str| long == short || long.starts_with(&format!("{short}::"));
    let written = named.written();
    if path == STD_DURATION_FILE && begins(&written, "std::time::Duration") {
        return false;
    }
    if let [standard, net, value, ..] = named.segments.as_slice()
        && matches!(standard.as_str(), "std" | "core")
        && net == "net"
        && NET_VALUES.contains(&value.as_str())
    {
        return false;
    }
    AMBIENT.iter().any(|ambient| begins(&written, ambient))
        || named.is_use && matches!(written.as_str(), "std" | "std::*" | "core" | "core::*" | "std::collections::*")
}

#[cfg(test)]
mod tests {
    use super::super::rules_broken;

    #[track_caller]
    fn breaks(path: &str, text: &str, rule: &str) {
        assert_eq!(rules_broken(path, text), [rule], "{path}: {text}");
    }

    #[track_caller]
    fn keeps(path: &str, text: &str) {
        assert!(rules_broken(path, text).is_empty(), "{path}: {text}");
    }

    #[test]
    fn an_import_upwards_is_caught_however_it_is_written() {
        for import in [
            "use crate::runtime::Daemon;",
            "use crate::{time::Duration, runtime::Daemon};",
            "use crate::{time::{Duration, Stamp}, runtime::{self}};",
            "use super::super::runtime::Daemon;",
            "use crate::runtime as time;",
            "use crate::*;",
            "use crate as everything;",
            "fn f() { crate::runtime::Daemon::start(); }",
            "fn f() -> super::super::runtime::Daemon { todo() }",
            "mod inner { use super::super::super::runtime; }",
            "pub use crate::runtime::Daemon;",
            "fn f() { use crate::runtime; }",
        ] {
            breaks("src/ptp/port.rs", import, "layers");
        }
    }

    #[test]
    fn every_floor_refuses_what_is_not_below_it() {
        for (path, module) in [
            ("src/time/stamp.rs", "engine"),
            ("src/engine/mod.rs", "sharing"),
            ("src/sharing/ring.rs", "engine"),
            ("src/wire/octets.rs", "engine"),
            ("src/ptp/mod.rs", "discipline"),
            ("src/ntp/server.rs", "ptp"),
            ("src/discipline/link.rs", "ptp"),
            ("src/clock/mod.rs", "net"),
            ("src/net/udp.rs", "clock"),
            ("src/observe/status.rs", "config"),
            ("src/config/mod.rs", "observe"),
            ("src/runtime/port.rs", "sim"),
            ("src/sim/world.rs", "runtime"),
            ("src/trace/replay.rs", "sim"),
            ("src/trace/replay.rs", "runtime"),
            ("src/sim/world.rs", "net"),
            ("src/runtime/daemon.rs", "cli"),
            ("src/manual/mod.rs", "time"),
        ] {
            breaks(path, &format!("use crate::{module}::Thing;"), "layers");
        }
    }

    #[test]
    fn what_is_below_is_allowed() {
        for (path, module) in [
            ("src/wire/octets.rs", "time"),
            ("src/discipline/engine.rs", "sharing"),
            ("src/clock/reference.rs", "ptp"),
            ("src/config/mod.rs", "discipline"),
            ("src/sim/world.rs", "clock"),
            ("src/cli/run.rs", "runtime"),
        ] {
            keeps(path, &format!("use crate::{module}::Thing; use self::other;"));
        }
    }

    #[test]
    fn tests_may_use_what_they_like() {
        let text = "use std::thread; use crate::runtime::Daemon; fn f() { let x = 1.0_f64.ln(); }";
        breaks_nothing_in_tests(text);
        keeps("src/ptp/port/tests.rs", text);
        keeps("tests/any.rs", "use synchronome::runtime::Daemon; use std::thread;");
    }

    fn breaks_nothing_in_tests(text: &str) {
        keeps("src/ptp/port.rs", &format!("#[cfg(test)] mod tests {{ {text} }}"));
    }

    #[test]
    fn a_module_without_a_floor_is_caught() {
        breaks("src/traces/mod.rs", "//! Record.", "layers");
        breaks("src/traces.rs", "//! Record.", "layers");
    }

    #[test]
    fn main_and_lib_have_one_task_each() {
        keeps("src/main.rs", "fn main() -> std::process::ExitCode { synchronome::cli::run(std::env::args_os()) }");
        breaks("src/main.rs", "use synchronome::runtime::Daemon;", "layers");
        keeps("src/lib.rs", "#![forbid(unsafe_code)] pub mod time;");
        breaks("src/lib.rs", "pub mod time;", "unsafe");
        breaks("src/lib.rs", "#![forbid(unsafe_code)] pub mod time; pub use time::Stamp;", "layers");
    }

    #[test]
    fn what_sees_the_machine_is_caught_below_l3() {
        for text in [
            "use std::time::Instant;",
            "use std::{fmt, time};",
            "use std::time::{Duration, SystemTime};",
            "fn f() { let now = std::time::Instant::now(); }",
            "fn f() { std::thread::sleep(x); }",
            "use std::net::UdpSocket;",
            "use std::net::*;",
            "use std::net;",
            "fn f() { std::fs::read(x); }",
            "use std::io::Write;",
            "fn f() { std::env::var(x); }",
            "use std as s;",
            "use std::sync::Mutex;",
            "use std::collections::HashMap;",
            "use std::collections::{HashSet, VecDeque};",
            "use std::collections::hash_map::Entry;",
            "fn f() { println!(); }",
        ] {
            for path in ["src/time/stamp.rs", "src/engine/mod.rs", "src/sharing/ring.rs", "src/discipline/link.rs"] {
                breaks(path, text, "pure");
            }
            breaks("src/sim/world.rs", text, "pure");
            keeps("src/runtime/port.rs", text);
        }
    }

    #[test]
    fn plain_values_of_the_standard_library_are_allowed() {
        keeps("src/ntp/server.rs", "use std::net::{IpAddr, SocketAddr}; use std::sync::Arc; use std::fmt;");
        keeps("src/time/duration.rs", "fn f() -> std::time::Duration { std::time::Duration::ZERO }");
        breaks("src/time/stamp.rs", "fn f() -> std::time::Duration { g() }", "pure");
        breaks("src/time/duration.rs", "use std::time::Instant;", "pure");
    }

    #[test]
    fn crates_are_caught_below_l3_unless_the_floor_lists_them() {
        for text in ["use tracing::info;", "fn f() { log::warn!(); }", "use rand::Rng;", "use nix::time::ClockId;"] {
            breaks("src/ptp/port.rs", text, "crates");
            breaks("src/sim/world.rs", text, "crates");
            keeps("src/net/udp.rs", text);
        }
        keeps("src/sharing/ring.rs", "use rtrb::{Consumer, Producer}; #[cfg(loom)] use loom::sync::Arc;");
        breaks("src/ptp/port.rs", "use rtrb::Consumer;", "crates");
        keeps(
            "src/ptp/mod.rs",
            "mod port; use port::Port; use crate::wire::ptp; use ptp::Header; fn f() { u8::from(x) }",
        );
    }

    #[test]
    fn libm_stays_with_the_samplers_the_estimator_and_the_smear() {
        keeps("src/engine/random.rs", "fn f() { libm::log(x) }");
        keeps("src/discipline/estimator/special.rs", "fn f() { libm::erfc(x) }");
        keeps("src/ntp/server/smear.rs", "fn f() { libm::cos(x) }");
        breaks("src/ntp/server/interleaved.rs", "fn f() { libm::cos(x) }", "crates");
        breaks("src/discipline/link.rs", "fn f() { libm::log(x) }", "crates");
        breaks("src/engine/timers.rs", "fn f() { libm::log(x) }", "crates");
        breaks("src/runtime/port.rs", "use libm::sin;", "crates");
    }

    #[test]
    fn inexact_floats_are_caught_where_a_replay_must_be_exact() {
        for text in ["x.ln()", "2.0_f64.powi(3)", "(a + b).sin()", "f64::exp(x)", "y.map(f64::cbrt)", "x.mul_add(y, z)"]
        {
            let text = format!("fn f() {{ {text} }}");
            for path in ["src/time/bound.rs", "src/discipline/link.rs", "src/clock/oscillator.rs", "src/sim/link.rs"] {
                breaks(path, &text, "exact");
            }
            keeps("src/cli/status.rs", &text);
        }
        keeps("src/discipline/link.rs", "fn f() { x.sqrt().abs().min(y).clamp(a, b); let ln = 1; ln(x); }");
    }
}
