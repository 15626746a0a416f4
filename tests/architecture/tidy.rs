//! What holds for every file, tests included.

use std::path::Path;

use super::Violation;
use super::source::{Source, attribute};

/// The longest file.
pub const LINES_MAX: usize = 700;

/// Where crates come from.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Macros that are no code yet, or not any more.
const UNFINISHED: &[&str] = &["todo", "unimplemented", "dbg"];

/// Checks a Rust file.
pub fn check_rust(path: &str, source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    let text = |index: usize| source.all.get(index).map_or("", |token| token.text.as_str());
    for (at, token) in source.all.iter().enumerate() {
        if UNFINISHED.contains(&token.text.as_str()) && text(at + 1) == "!" {
            found.push(Violation::new(path, token.line, "unfinished", format!("`{}!`", token.text)));
        }
        if token.text == "unsafe" && !path.starts_with("ffi/") {
            found.push(Violation::new(path, token.line, "unsafe", "`unsafe` belongs in ffi/".to_owned()));
        }
        let Some(attribute) = attribute(&source.all, at) else { continue };
        let has = |word: &str| attribute.iter().any(|token| token.text == word);
        let opens = |word: &str| attribute.windows(2).any(|pair| pair[0].text == word && pair[1].text == "(");
        // A file that several test binaries include leaves a different part unused in each: no `expect` fits all.
        let is_shared_by_tests = is_for_tests(path) && has("reason");
        if opens("allow") && !is_shared_by_tests {
            let what = "write `#[expect(lint, reason = \"..\")]` instead of `allow`".to_owned();
            found.push(Violation::new(path, token.line, "lints", what));
        } else if opens("expect") && !has("reason") {
            found.push(Violation::new(path, token.line, "lints", "`expect` without a reason".to_owned()));
        }
    }
    found
}

/// Checks any file that is text.
pub fn check_text(path: &str, text: &str) -> Vec<Violation> {
    // Split, so that this file does not break its own rule.
    let private = [concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("bash_", "jobs")];
    let mirrors = [concat!("replace", "-with"), concat!("[regis", "tries"), concat!("spa", "rse+"), "registry+"];
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if let Some(word) = private.iter().find(|word| line.contains(*word)) {
            found.push(Violation::new(path, index + 1, "private", format!("`{word}`: a path of somebody's machine")));
        }
        let is_settings = path == "Cargo.lock" || ends_in(path, "toml");
        if is_settings && mirrors.iter().any(|word| line.contains(word)) && !line.contains(CRATES_IO) {
            found.push(Violation::new(path, index + 1, "private", "a registry other than crates.io".to_owned()));
        }
    }
    let lines = text.lines().count();
    if ends_in(path, "rs") && lines > LINES_MAX {
        found.push(Violation::new(path, lines, "size", format!("{lines} lines, at most {LINES_MAX}: split by owner")));
    }
    found
}

/// Whether a file is of this kind.
pub fn ends_in(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

/// Whether a file is nothing but tests.
pub fn is_for_tests(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.split('/').any(|folder| folder == "tests" || folder == "benches")
}

#[cfg(test)]
mod tests {
    use super::super::rules_broken;
    use super::*;

    #[test]
    fn unfinished_code_is_caught_in_tests_too() {
        for text in ["fn f() { todo!() }", "fn f() { unimplemented!(\"x\") }", "#[test] fn f() { dbg!(x); }"] {
            assert_eq!(rules_broken("src/ptp/port.rs", text), ["unfinished"]);
            assert_eq!(rules_broken("tests/any.rs", text), ["unfinished"]);
        }
        assert!(rules_broken("src/ptp/port.rs", "// todo!()\nfn todo() {}").is_empty());
    }

    #[test]
    fn unsafe_is_caught_outside_of_ffi() {
        let text = "fn f() { unsafe { g() } }";
        assert_eq!(rules_broken("src/net/udp.rs", text), ["unsafe"]);
        assert_eq!(rules_broken("tests/any.rs", text), ["unsafe"]);
        assert!(rules_broken("ffi/kernel/src/sys.rs", text).is_empty());
    }

    #[test]
    fn a_lint_is_expected_with_a_reason_and_never_allowed() {
        for text in [
            "#[allow(dead_code)] fn f() {}",
            "#![allow(dead_code)]",
            "#[cfg_attr(loom, allow(unused))] fn f() {}",
            "#[allow(dead_code, reason = \"x\")] fn f() {}",
            "#[expect(dead_code)] fn f() {}",
        ] {
            assert_eq!(rules_broken("src/net/udp.rs", text), ["lints"], "{text}");
        }
        assert!(rules_broken("src/net/udp.rs", "#[expect(dead_code, reason = \"x\")] fn f() {}").is_empty());
        assert!(rules_broken("ffi/kernel/tests/support/mod.rs", "#![allow(dead_code, reason = \"x\")]").is_empty());
        assert_eq!(rules_broken("ffi/kernel/tests/support/mod.rs", "#![allow(dead_code)]"), ["lints"]);
    }

    #[test]
    fn a_file_that_has_grown_too_long_is_caught() {
        assert!(rules_broken("src/net/udp.rs", &"\n".repeat(LINES_MAX)).is_empty());
        assert_eq!(rules_broken("src/net/udp.rs", &"\n".repeat(LINES_MAX + 1)), ["size"]);
        assert!(rules_broken("Cargo.lock", &"\n".repeat(LINES_MAX + 1)).is_empty());
    }

    #[test]
    fn paths_and_registries_of_somebodys_machine_are_caught() {
        let line = format!("see {}x/notes", concat!("/wo", "rk/"));
        for path in ["README.md", "src/net/udp.rs", "config/simulated.toml", ".ci/run"] {
            assert_eq!(rules_broken(path, &format!("// {line}")), ["private"]);
        }
        let other = "source = \"registry+https://mirror.example/index\"";
        assert_eq!(rules_broken("Cargo.lock", other), ["private"]);
        assert_eq!(rules_broken(".cargo/config.toml", "[registries.mirror]"), ["private"]);
        let usual = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
        assert!(rules_broken("Cargo.lock", usual).is_empty());
    }
}
