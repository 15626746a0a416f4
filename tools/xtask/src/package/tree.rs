//! What is installed where.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap_complete::Shell;

use super::{PROGRAMS, man, read, said, write};

/// Whose customs are followed where they differ.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Distribution {
    Debian,
    Fedora,
}

impl Distribution {
    /// Where zsh looks for the completions of packages.
    const fn zsh(self) -> &'static str {
        match self {
            Self::Debian => "usr/share/zsh/vendor-completions",
            Self::Fedora => "usr/share/zsh/site-functions",
        }
    }
}

/// The configuration: what an administrator edits, and what an upgrade leaves alone.
pub const CONFIGURATION: &str = "etc/synchronome/synchronome.toml";

/// Files of the repository that are installed as they are, with their modes.
const FILES: &[(&str, &str, u32)] = &[
    ("config/synchronome.toml", CONFIGURATION, 0o644),
    ("packaging/systemd/synchronome.service", "usr/lib/systemd/system/synchronome.service", 0o644),
    ("packaging/systemd/synchronome-wait-sync.service", "usr/lib/systemd/system/synchronome-wait-sync.service", 0o644),
    ("packaging/sysusers.d/synchronome.conf", "usr/lib/sysusers.d/synchronome.conf", 0o644),
    ("packaging/tmpfiles.d/synchronome.conf", "usr/lib/tmpfiles.d/synchronome.conf", 0o644),
    ("packaging/udev/60-synchronome.rules", "usr/lib/udev/rules.d/60-synchronome.rules", 0o644),
    ("packaging/hooks/metered", "usr/lib/NetworkManager/dispatcher.d/20-synchronome-metered", 0o755),
    ("packaging/hooks/metered", "usr/lib/networkd-dispatcher/routable.d/synchronome-metered", 0o755),
    ("packaging/hooks/metered", "usr/lib/networkd-dispatcher/off.d/synchronome-metered", 0o755),
    ("packaging/container/Containerfile", "usr/share/doc/synchronome/examples/Containerfile", 0o644),
    ("packaging/kubernetes/synchronome.yaml", "usr/share/doc/synchronome/examples/kubernetes.yaml", 0o644),
    ("config/prometheus/synchronome.rules.yml", "usr/share/doc/synchronome/examples/prometheus.rules.yml", 0o644),
    ("config/grafana/synchronome.json", "usr/share/doc/synchronome/examples/grafana.json", 0o644),
    ("README.md", "usr/share/doc/synchronome/README.md", 0o644),
];

/// Folders of the repository of which every configuration is installed as an example.
const EXAMPLES: &[(&str, &str)] = &[
    ("config", "usr/share/doc/synchronome/examples"),
    ("config/profiles", "usr/share/doc/synchronome/examples/profiles"),
    ("config/scenarios", "usr/share/doc/synchronome/examples/scenarios"),
];

/// Lays the tree, of the release binaries, below a folder.
pub fn lay(root: &Path, tree: &Path, distribution: Distribution) -> Result<PathBuf, String> {
    for (from, to, mode) in FILES {
        install(&root.join(from), &tree.join(to), *mode)?;
    }
    for (folder, to) in EXAMPLES {
        for file in configurations(&root.join(folder))? {
            let name = file.file_name().expect("a file of a folder");
            install(&file, &tree.join(to).join(name), 0o644)?;
        }
    }
    for program in PROGRAMS {
        let binary = tree.join("usr/bin").join(program);
        install(&crate::target().join("release").join(program), &binary, 0o755)?;
        said(Command::new("strip").arg("--strip-unneeded").arg(&binary))?;
    }
    man::write_pages(&tree.join("usr/share/man"))?;
    completions(tree, distribution)?;
    write(&tree.join("usr/share/doc/synchronome/crates.txt"), &crates(root)?)?;
    Ok(tree.to_owned())
}

fn configurations(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    Ok(files)
}

fn completions(tree: &Path, distribution: Distribution) -> Result<(), String> {
    for mut command in man::programs() {
        let program = command.get_name().to_owned();
        let places = [
            (Shell::Bash, "usr/share/bash-completion/completions", program.clone()),
            (Shell::Zsh, distribution.zsh(), format!("_{program}")),
            (Shell::Fish, "usr/share/fish/vendor_completions.d", format!("{program}.fish")),
        ];
        for (shell, folder, name) in places {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut command, &program, &mut text);
            let file = tree.join(folder).join(name);
            make_room(&file)?;
            write(&file, &String::from_utf8(text).map_err(|error| error.to_string())?)?;
        }
    }
    Ok(())
}

/// The crates that the programs are linked with, and their licences.
fn crates(root: &Path) -> Result<String, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["tree", "--offline", "-e", "normal", "--prefix", "none", "--no-dedupe", "-f", "{p}\t{l}\t{r}"];
    let of = PROGRAMS.iter().flat_map(|program| ["-p", program]);
    let text = said(Command::new(cargo).current_dir(root).args(arguments).args(of))?;
    let mut lines: Vec<_> =
        text.lines().filter(|line| !line.contains(" (/") && !line.contains("(proc-macro)")).collect();
    lines.sort_unstable();
    lines.dedup();
    if lines.len() < 10 {
        return Err(format!("cargo names {} crates: {text}", lines.len()));
    }
    Ok(lines.join("\n") + "\n")
}

fn install(from: &Path, to: &Path, mode: u32) -> Result<(), String> {
    make_room(to)?;
    fs::copy(from, to).map_err(|error| format!("{}: {error}", from.display()))?;
    fs::set_permissions(to, Permissions::from_mode(mode)).map_err(|error| format!("{}: {error}", to.display()))
}

/// Folders that everybody may read, whatever the builder's umask.
fn make_room(file: &Path) -> Result<(), String> {
    let folder = file.parent().expect("a file lies in a folder");
    let missing: Vec<_> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
    let made = fs::create_dir_all(folder).and_then(|()| {
        missing.into_iter().try_for_each(|folder| fs::set_permissions(folder, Permissions::from_mode(0o755)))
    });
    made.map_err(|error| format!("{}: {error}", folder.display()))
}

/// Compresses files in the way that does not depend on when it is done.
pub fn compress(files: &[PathBuf]) -> Result<(), String> {
    if files.is_empty() {
        return Ok(());
    }
    said(Command::new("gzip").args(["-9", "--no-name", "--force"]).args(files)).map(|_| ())
}

/// All files below a folder, in order.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            found.append(&mut files(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

/// The text of a file of the repository.
pub fn text(root: &Path, file: &str) -> Result<String, String> {
    read(&root.join(file))
}
