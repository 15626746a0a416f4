//! The rules of the house, enforced by reading the sources: which floor may use which, what the lower floors may not
//! touch, and what holds for every file.
//!
//! [`check`] is a function of a path and a text. Each rule is shown to catch a violation in the tests beside it.

#[path = "architecture/layers.rs"]
mod layers;
#[path = "architecture/source.rs"]
mod source;
#[path = "architecture/tidy.rs"]
mod tidy;

use std::fmt;
use std::fs;
use std::path::Path;

use source::{Source, module_of};

/// A rule that a line breaks.
#[derive(Debug)]
struct Violation {
    path: String,
    line: usize,
    rule: &'static str,
    what: String,
}

impl Violation {
    fn new(path: &str, line: usize, rule: &'static str, what: String) -> Self {
        Self { path: path.to_owned(), line, rule, what }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.rule, self.what)
    }
}

/// Every rule, for one file; `test_modules` are the modules of the root crate that only tests have.
fn check(path: &str, text: &str, test_modules: &[Vec<String>]) -> Vec<Violation> {
    let mut found = tidy::check_text(path, text);
    if tidy::ends_in(path, "rs") {
        let source = Source::read(path, text);
        found.extend(tidy::check_rust(path, &source));
        let module = module_of(path);
        let is_for_tests = tidy::is_for_tests(path) || test_modules.iter().any(|tests| module.starts_with(tests));
        if path.starts_with("src/") && !is_for_tests {
            found.extend(layers::check(path, &source));
        }
    }
    found
}

/// The rules that a text breaks as the file at `path`, each once.
fn rules_broken(path: &str, text: &str) -> Vec<&'static str> {
    let mut rules: Vec<_> = check(path, text, &[]).iter().map(|violation| violation.rule).collect();
    rules.dedup();
    rules
}

/// All files of the repository that are text, by their paths from its root, sorted.
fn files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    collect(root, root, &mut found);
    found.sort();
    found
}

/// Folders that are made, not written.
const MADE: [&str; 4] = ["target", ".git", "corpus", "artifacts"];

fn collect(root: &Path, folder: &Path, found: &mut Vec<(String, String)>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let entry = entry.expect("a directory entry");
        let (path, kind) = (entry.path(), entry.file_type().expect("a file type"));
        if MADE.contains(&entry.file_name().to_string_lossy().as_ref()) {
            continue;
        }
        if kind.is_dir() {
            collect(root, &path, found);
        } else if kind.is_file()
            && let Ok(text) = fs::read_to_string(&path)
        {
            let inner = path.strip_prefix(root).expect("below the root");
            found.push((inner.to_string_lossy().into_owned(), text));
        }
    }
}

#[test]
fn the_house_keeps_its_rules() {
    let files = files();
    let test_modules: Vec<Vec<String>> = files
        .iter()
        .filter(|(path, _)| path.starts_with("src/") && tidy::ends_in(path, "rs"))
        .flat_map(|(path, text)| {
            let module = module_of(path);
            let names = Source::read(path, text).test_modules;
            names.into_iter().map(move |name| [module.as_slice(), &[name]].concat())
        })
        .collect();
    let violations: Vec<_> =
        files.iter().flat_map(|(path, text)| check(path, text, &test_modules)).map(|found| found.to_string()).collect();
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

#[test]
fn the_walk_sees_the_sources_it_judges() {
    let files = files();
    let has = |wanted: &str| files.iter().any(|(path, _)| path == wanted);
    for wanted in ["src/lib.rs", "src/ptp/port.rs", "ffi/kernel/src/lib.rs", "tools/xtask/src/main.rs", "Cargo.lock"] {
        assert!(has(wanted), "{wanted}");
    }
    let (path, text) = files.iter().find(|(path, _)| path == "src/ptp/port.rs").expect("it is there");
    let imports = Source::read(path, text).paths;
    assert!(imports.iter().filter(|import| import.written().starts_with("crate::time::")).count() > 1, "{imports:?}");
}
