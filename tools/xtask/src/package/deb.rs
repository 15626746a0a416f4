//! The package for Debian.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::tree::{CONFIGURATION, Distribution, compress, files, lay, text};
use super::{DESCRIPTION, NAME, PROGRAMS, SUMMARY, VERSION, fresh, maintainer, said, source_date, write};

/// The version of the packaging.
const REVISION: u32 = 1;
const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];
/// Who makes the user: systemd, or its tool alone in a container.
const SYSUSERS: &str = "systemd | systemd-standalone-sysusers | systemd-sysusers";

/// Makes it; returns the file.
pub fn pack(root: &Path, out: &Path) -> Result<PathBuf, String> {
    let date = source_date(root)?;
    let work = fresh(&out.join("deb"))?;
    let tree = lay(root, &work.join("tree"), Distribution::Debian)?;
    let docs = tree.join("usr/share/doc").join(NAME);
    write(&docs.join("copyright"), &text(root, "packaging/debian/copyright")?)?;
    write(&docs.join("changelog"), &text(root, "CHANGELOG.md")?)?;
    write(&docs.join("changelog.Debian"), &changelog(&date)?)?;
    compress(&[docs.join("changelog"), docs.join("changelog.Debian")])?;
    compress(&files(&tree.join("usr/share/man"))?)?;
    let architecture = said(Command::new("dpkg").arg("--print-architecture"))?.trim().to_owned();
    let needs = needs(&work, &tree)?;
    let meta = tree.join("DEBIAN");
    let installed = files(&tree)?;
    fs::create_dir(&meta).map_err(|error| format!("{}: {error}", meta.display()))?;
    write(&meta.join("control"), &control(&architecture, &needs, &installed)?)?;
    write(&meta.join("conffiles"), &format!("/{CONFIGURATION}\n"))?;
    write(&meta.join("md5sums"), &sums(&tree, &installed)?)?;
    for script in SCRIPTS {
        let to = meta.join(script);
        write(&to, &text(root, &format!("packaging/debian/{script}"))?)?;
        fs::set_permissions(&to, Permissions::from_mode(0o755)).map_err(|error| error.to_string())?;
    }
    let deb = out.join(format!("{NAME}_{VERSION}-{REVISION}_{architecture}.deb"));
    let mut build = Command::new("dpkg-deb");
    build.env("SOURCE_DATE_EPOCH", date).args(["--root-owner-group", "-Zxz", "--build"]).arg(&tree).arg(&deb);
    said(&mut build)?;
    Ok(deb)
}

/// The libraries that the programs need, as packages: dpkg-shlibdeps knows, and wants to stand beside a `debian/control`.
fn needs(work: &Path, tree: &Path) -> Result<String, String> {
    let folder = fresh(&work.join("debian"))?;
    write(&folder.join("control"), &format!("Source: {NAME}\n\nPackage: {NAME}\nArchitecture: any\n"))?;
    let programs = PROGRAMS.map(|program| tree.join("usr/bin").join(program));
    let text = said(Command::new("dpkg-shlibdeps").current_dir(work).arg("-O").args(programs))?;
    let needs = text.lines().find_map(|line| line.strip_prefix("shlibs:Depends="));
    needs.map(str::to_owned).ok_or_else(|| format!("dpkg-shlibdeps says nothing of libraries: {text}"))
}

fn control(architecture: &str, needs: &str, installed: &[PathBuf]) -> Result<String, String> {
    let mut bytes = 0;
    for file in installed {
        bytes += fs::metadata(file).map_err(|error| format!("{}: {error}", file.display()))?.len();
    }
    let description: String = DESCRIPTION.lines().fold(String::new(), |mut text, line| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, " {}", if line.is_empty() { "." } else { line });
        text
    });
    Ok(format!(
        "Package: {NAME}\nVersion: {VERSION}-{REVISION}\nArchitecture: {architecture}\nMaintainer: {}\nInstalled-Size: {}\n\
         Depends: {needs}, {SYSUSERS}\nRecommends: tzdata\nSuggests: gpsd, linuxptp\nSection: net\nPriority: optional\n\
         Description: {SUMMARY}\n{description}",
        maintainer(),
        bytes.div_ceil(1024),
    ))
}

/// One entry: what has changed in the program is in its own changelog.
fn changelog(date: &str) -> Result<String, String> {
    let when = said(Command::new("date").args(["-u", "-R", "-d", &format!("@{date}")]))?;
    Ok(format!(
        "{NAME} ({VERSION}-{REVISION}) unstable; urgency=medium\n\n  * Packaged by `cargo xtask package`; what is new is in changelog.gz.\n\n \
         -- {}  {}\n",
        maintainer(),
        when.trim()
    ))
}

fn sums(tree: &Path, installed: &[PathBuf]) -> Result<String, String> {
    let inside: Vec<_> = installed.iter().filter_map(|file| file.strip_prefix(tree).ok()).collect();
    said(Command::new("md5sum").current_dir(tree).args(inside))
}
