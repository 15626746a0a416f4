//! Own samples with what they become, and single directives with what they must mean.

use super::*;
use crate::config::{Config, load};
use crate::ntp::server::Access;
use crate::time::Duration;

mod chrony_lines;
mod linuxptp_lines;
mod ntp_lines;
mod sfptpd_lines;
mod timemaster_lines;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Files that are not there, and some that are.
struct Few {
    files: Vec<(&'static str, &'static str)>,
}

impl Files for Few {
    fn read(&self, path: &Path) -> Result<Input, String> {
        let found = self.files.iter().find(|(name, _)| Path::new(name) == path);
        let (name, text) = found.ok_or_else(|| format!("{}: not there", path.display()))?;
        text_of(name, (*text).to_owned())
    }

    fn list(&self, directory: &Path) -> Vec<PathBuf> {
        let inside = self.files.iter().map(|(name, _)| PathBuf::from(name));
        let mut inside: Vec<_> = inside.filter(|path| path.parent() == Some(directory)).collect();
        inside.sort();
        inside
    }

    fn clock_of(&self, device: &str) -> Option<String> {
        (device == "/dev/ptp1").then(|| "eth1".to_owned())
    }
}

fn few(files: &[(&'static str, &'static str)]) -> Rc<dyn Files> {
    Rc::new(Few { files: files.to_vec() })
}

fn import_with(name: &str, text: &str, files: &[(&'static str, &'static str)]) -> Imported {
    let input = Input { name: Rc::from(name), text: text.to_owned() };
    import(&[input], None, &[], &few(files)).unwrap_or_else(|why| panic!("{why}"))
}

fn config_of(name: &str, text: &str) -> Config {
    let imported = import_with(name, text, &[]);
    load(&imported.toml, name).unwrap_or_else(|errors| panic!("{errors}\n{}", imported.toml)).config
}

/// What is told, in words.
fn notes_of(name: &str, text: &str) -> Vec<String> {
    let notes = import_with(name, text, &[]).notes;
    notes.iter().map(|note| format!("{}: {}", note.kind.title(), write::in_words(note))).collect()
}

#[track_caller]
fn tells(name: &str, text: &str, expected: &str) {
    let notes = notes_of(name, text);
    assert!(notes.iter().any(|note| note.contains(expected)), "{expected:?} is not in {notes:#?}");
}

/// Each sample is beside the configuration that it becomes.
#[test]
fn samples_become_what_stands_beside_them() {
    let is_written = std::env::var_os("SYNCHRONOME_WRITE_MANUAL").is_some();
    let mut seen = 0;
    for entry in std::fs::read_dir(repository("tests/import")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            continue;
        }
        seen += 1;
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let imported = import_with(&name, &std::fs::read_to_string(&path).unwrap(), &[]);
        load(&imported.toml, &name).unwrap_or_else(|errors| panic!("{name}: {errors}"));
        let golden = repository("tests/import").join(format!("{name}.toml"));
        if is_written {
            std::fs::write(&golden, &imported.toml).unwrap();
        }
        let found = std::fs::read_to_string(&golden).unwrap_or_default();
        assert!(
            found == imported.toml,
            "{name}: run SYNCHRONOME_WRITE_MANUAL=1 cargo test --lib import, and look at the difference:\n{}",
            imported.toml
        );
    }
    assert!(seen >= 4, "{seen}");
}

#[test]
fn the_manual_is_current() {
    const MARK: &str = "<!-- The rest is made from the tables in src/cli/import. -->\n";
    let path = repository("src/manual/migration.md");
    let found = std::fs::read_to_string(&path).unwrap();
    let (prose, _) = found.split_once(MARK).expect("a mark");
    let expected = format!("{prose}{MARK}{}", manual_tables());
    if std::env::var_os("SYNCHRONOME_WRITE_MANUAL").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(found == expected, "run: SYNCHRONOME_WRITE_MANUAL=1 cargo test --lib import");
}

/// What a table promises in the manual is an option that there is.
#[test]
fn tables_name_options_that_there_are() {
    use crate::config::options::DAEMON;
    let mut seen = 0;
    for line in manual_tables().lines().filter(|line| line.starts_with("| `")) {
        let here = line.split(" | ").nth(1).unwrap();
        for option in here.split(", ").filter_map(|cell| cell.strip_prefix('`')?.strip_suffix('`')) {
            if option.is_empty() {
                continue;
            }
            seen += 1;
            assert!(DAEMON.find(option).is_some() || DAEMON.section_exists(option), "{line}");
        }
    }
    assert!(seen > 50, "{seen}");
}

#[test]
fn formats_are_told_by_name_and_else_by_their_directives() {
    let detect_of = |name: &str, text: &str| detect(&Input { name: Rc::from(name), text: text.to_owned() });
    assert_eq!(detect_of("/etc/chrony/chrony.conf", "server a\n"), Some(Format::Chrony));
    assert_eq!(detect_of("/etc/ntp.conf.old", "server a\n"), Some(Format::Ntp));
    assert_eq!(detect_of("stdin", "server a\nmakestep 1 3\n"), Some(Format::Chrony));
    assert_eq!(detect_of("stdin", "server a\nrestrict default kod\n"), Some(Format::Ntp));
    assert_eq!(detect_of("stdin", "[global]\ndomainNumber 1\n"), Some(Format::Ptp4l));
    assert_eq!(detect_of("ptp4l@.service", "[Service]\nExecStart=/usr/sbin/ptp4l -i %I\n"), Some(Format::Phc2sys));
    assert_eq!(detect_of("x", "[Time]\nNTP=a\n"), Some(Format::Timesyncd));
    assert_eq!(
        detect_of("stdin", "[ptp_domain 0]\ninterfaces eth0\n[ptp4l.conf]\nclientOnly 1\n"),
        Some(Format::Timemaster)
    );
    assert_eq!(detect_of("stdin", "[general]\nsync_module ptp ptp1\n"), Some(Format::Sfptpd));
    assert_eq!(detect_of("stdin", "hello world\n"), None);
    assert_eq!(detect_of("chrony.conf", " \n"), None, "empty");
}

/// What is refused by our own check is taken out and told, wherever it is, and the rest stays.
#[test]
fn what_the_check_refuses_is_told_and_left_out() {
    let text = "server a minpoll 30\nserver b\nmaxslewrate 1e9\nallow 10.0.0.0/8\nbindaddress fe80::1%eth0\n";
    let imported = import_with("chrony.conf", text, &[]);
    let config = load(&imported.toml, "t").unwrap().config;
    assert_eq!(config.ntp_sources.len(), 2);
    tells("chrony.conf", text, "wrong: chrony.conf:1: minpoll: not taken: ntp.source[0].poll: 30 is out of range");
    tells("chrony.conf", text, "wrong: chrony.conf:3: maxslewrate: not taken");
    tells("chrony.conf", text, "chrony.conf:5: bindaddress: \"fe80::1%eth0\" is neither");
}

#[test]
fn more_sources_than_are_judged_are_told() {
    let text = (0..20).map(|number| format!("server s{number}")).collect::<Vec<_>>().join("\n");
    assert_eq!(config_of("chrony.conf", &text).ntp_sources.len(), 8);
    tells("chrony.conf", &text, "chrony.conf:9, 10, 11");
    let pools = "pool a maxsources 4\npool b maxsources 4\npool c maxsources 1\npool d\n";
    let sizes: Vec<_> = config_of("chrony.conf", pools).ntp_sources.iter().map(|source| source.pool).collect();
    assert_eq!(sizes, [3, 2, 1, 2]);
}

/// Whatever a file holds, what comes out passes the check; every line's prefix is tried too.
#[test]
fn no_prefix_of_a_sample_panics_or_makes_a_bad_configuration() {
    for (name, text) in [
        ("chrony.conf", include_str!("../../../tests/import/chrony-server.conf")),
        ("chrony.conf", include_str!("../../../tests/import/chrony-client.conf")),
        ("ntp.conf", include_str!("../../../tests/import/ntp-wiki.conf")),
        ("ntp.conf", include_str!("../../../tests/import/ntp-receivers.conf")),
        ("ptp4l.conf", include_str!("../../../tests/import/ptp4l-boundary.conf")),
        ("ptp4l.conf", include_str!("../../../tests/import/ptp4l-unicast.conf")),
        ("phc2sys.service", include_str!("../../../tests/import/phc2sys-ptp4l.service")),
        ("timesyncd.conf", include_str!("../../../tests/import/timesyncd.conf")),
        ("sfptpd.cfg", include_str!("../../../tests/import/sfptpd.cfg")),
        ("timemaster.conf", include_str!("../../../tests/import/timemaster.conf")),
    ] {
        for line in text.lines() {
            for end in (1..=line.len()).filter(|end| line[..*end].trim().len() == *end) {
                let imported = import_with(name, &line[..end], &[]);
                load(&imported.toml, name).unwrap_or_else(|errors| panic!("{}: {errors}", &line[..end]));
            }
        }
    }
}

/// The files that the packages of this machine have brought, where there are any.
#[test]
fn installed_files_of_packages_can_be_imported() {
    const FILES: [&str; 9] = [
        "/etc/chrony/chrony.conf",
        "/etc/chrony.conf",
        "/etc/ntpsec/ntp.conf",
        "/etc/ntp.conf",
        "/etc/linuxptp/ptp4l.conf",
        "/etc/systemd/timesyncd.conf",
        "/usr/share/doc/linuxptp/configs/gPTP.cfg",
        "/usr/share/doc/linuxptp/configs/G.8275.1.cfg",
        "/usr/share/doc/linuxptp/configs/UNICAST-SLAVE.cfg",
    ];
    for file in FILES.iter().filter(|file| Path::new(file).exists()) {
        let machine = Machine::default();
        let input = machine.read(Path::new(file)).unwrap();
        let imported = import(&[input], None, &["eth9".to_owned()], &(Rc::new(machine) as Rc<dyn Files>)).unwrap();
        let loaded = load(&imported.toml, file).unwrap_or_else(|errors| panic!("{file}: {errors}"));
        assert_eq!(loaded.config.ptp.is_empty(), !file.contains("linuxptp"), "{file}");
        let unknown: Vec<_> =
            imported.notes.iter().filter(|note| matches!(note.kind, Kind::Unknown | Kind::Wrong)).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
}
