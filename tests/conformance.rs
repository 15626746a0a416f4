//! Which test shows which rule of the standards. A rule whose test is renamed or gone is found here.

#[path = "conformance/ntp_server.rs"]
mod ntp_server;
#[path = "conformance/ptp.rs"]
mod ptp;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What the standard says, and the names of its tests.
type Rule = (&'static str, &'static [&'static str]);

/// The names of all tests below a folder.
fn tests_below(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder of ours").flatten() {
        let path = entry.path();
        if path.is_dir() {
            tests_below(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).expect("a source of ours");
            for after in source.split("#[test]").skip(1) {
                let name = after.split_once("fn ").map(|(_, rest)| rest.split('(').next().unwrap_or_default());
                names.extend(name.map(str::to_owned));
            }
        }
    }
}

fn have_their_tests(rules: &[Rule]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = BTreeSet::new();
    for folder in ["src", "tests"] {
        tests_below(&root.join(folder), &mut names);
    }
    for (rule, tests) in rules {
        assert!(!tests.is_empty(), "no test of: {rule}");
        for test in *tests {
            assert!(names.contains(*test), "{test} is not there any more: what shows that {rule}?");
        }
    }
}

#[test]
fn every_rule_of_the_ntp_server_has_its_tests_by_name() {
    have_their_tests(ntp_server::RULES);
}

#[test]
fn every_fact_of_ieee_1588_has_its_tests_by_name() {
    have_their_tests(ptp::RULES);
}
