//! `import` from outside: where things are printed, the exit codes, and what cannot be read.

use std::io::Write as _;
use std::process::{Output, Stdio};

use crate::child::{output, printed, program};

fn import(arguments: &[&str]) -> Output {
    output(&[&["import"], arguments].concat())
}

#[test]
fn what_is_imported_passes_check_and_remarks_go_to_stderr() {
    let directory = tempfile::tempdir().unwrap();
    let foreign = directory.path().join("chrony.conf");
    std::fs::write(&foreign, "pool ntp.example.net iburst\nmakestep 1 3\nkeyfile /etc/keys\n").unwrap();
    let done = import(&[foreign.to_str().unwrap()]);
    assert_eq!(done.status.code(), Some(0), "{}", printed(&done));
    let told = String::from_utf8(done.stderr).unwrap();
    assert!(told.contains("no equivalent: ") && told.contains("chrony.conf:3: keyfile"), "{told}");
    let ours = directory.path().join("ours.toml");
    std::fs::write(&ours, &done.stdout).unwrap();
    let checked = output(&["check", ours.to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(0), "{}", printed(&checked));
    let json = import(&["--json", foreign.to_str().unwrap()]);
    let object: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(object["toml"].as_str().unwrap().as_bytes(), done.stdout);
    assert!(json.stderr.is_empty(), "one object, and nothing beside it");
    let notes = object["notes"].as_array().unwrap();
    let keys = notes.iter().find(|note| note["directive"] == "keyfile").unwrap();
    assert_eq!((keys["kind"].as_str(), keys["places"][0]["line"].as_u64()), (Some("missing"), Some(3)));
}

#[test]
fn a_line_that_is_wrong_or_unknown_is_an_exit_code_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let foreign = directory.path().join("ntp.conf");
    std::fs::write(&foreign, "server a.example.net\nsevrer b.example.net\n").unwrap();
    let done = import(&[foreign.to_str().unwrap()]);
    assert_eq!(done.status.code(), Some(1), "{}", printed(&done));
    assert!(String::from_utf8_lossy(&done.stderr).contains("ntp.conf:2: sevrer"), "{}", printed(&done));
    assert!(String::from_utf8_lossy(&done.stdout).contains("address = \"a.example.net\""), "the rest is there");
}

#[test]
fn stdin_is_a_file_whose_format_is_told_by_its_lines_or_by_an_option() {
    let run = |arguments: &[&str], text: &str| {
        let mut child = program()
            .args(["import", "-"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let told = run(&[], "server a.example.net\nrtcsync\n");
    assert_eq!(told.status.code(), Some(0), "{}", printed(&told));
    assert!(String::from_utf8_lossy(&told.stdout).contains("rtc = \"kernel\""), "{}", printed(&told));
    let forced = run(&["--format", "ntp"], "server a.example.net\nrtcsync\n");
    assert_eq!(forced.status.code(), Some(1), "ntpd knows no rtcsync: {}", printed(&forced));
}

#[test]
fn what_cannot_be_read_is_said_and_nothing_is_made_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str, octets: &[u8]| {
        let path = directory.path().join(name);
        std::fs::write(&path, octets).unwrap();
        path.to_str().unwrap().to_owned()
    };
    for (file, expected) in [
        (path("empty.conf", b""), "empty"),
        (path("chrony.conf", b"server a\0b\n"), "not a text file"),
        (path("escape.conf", b"server \x1b[31ma\n"), "control characters in line 1"),
        (path("latin.conf", b"server caf\xe9\n"), "not UTF-8 in line 1"),
        (path("prose.conf", b"hello world\n"), "no format that is known"),
        (directory.path().to_str().unwrap().to_owned(), "directory"),
        ("/nowhere/chrony.conf".to_owned(), "No such file"),
    ] {
        let done = import(&[&file]);
        assert_eq!(done.status.code(), Some(2), "{file}: {}", printed(&done));
        assert!(done.stdout.is_empty(), "{file}");
        assert!(String::from_utf8_lossy(&done.stderr).contains(expected), "{file}: {}", printed(&done));
    }
    assert_eq!(import(&[]).status.code(), Some(2), "without a file");
}
