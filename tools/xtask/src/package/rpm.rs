//! The package for Fedora, RHEL, SUSE and their like.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::tree::{CONFIGURATION, Distribution, compress, files, lay, text};
use super::{DESCRIPTION, NAME, SUMMARY, VERSION, fresh, maintainer, said, source_date, write};

/// They are a part of the spec.
const SCRIPTS: &str = "packaging/rpm/scripts.spec";

/// Makes it; returns the file.
pub fn pack(root: &Path, out: &Path) -> Result<PathBuf, String> {
    let date = source_date(root)?;
    let work = fresh(&out.join("rpm"))?;
    let tree = lay(root, &work.join("tree"), Distribution::Fedora)?;
    let docs = tree.join("usr/share/doc").join(NAME);
    for (from, to) in [("CHANGELOG.md", "CHANGELOG.md"), ("LICENSE", "LICENSE")] {
        write(&docs.join(to), &text(root, from)?)?;
    }
    compress(&files(&tree.join("usr/share/man"))?)?;
    let spec = work.join("synchronome.spec");
    write(&spec, &self::spec(root, &tree)?)?;
    let mut build = Command::new("rpmbuild");
    build.arg("-bb").env("SOURCE_DATE_EPOCH", date);
    for (name, value) in [
        ("_topdir", work.join("build").display().to_string()),
        ("_rpmdir", work.display().to_string()),
        ("_rpmfilename", "%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm".to_owned()),
        ("use_source_date_epoch_as_buildtime", "1".to_owned()),
        ("clamp_mtime_to_source_date_epoch", "1".to_owned()),
        ("_buildhost", "localhost".to_owned()),
        ("_binary_payload", "w19.zstdio".to_owned()),
        // The tree is as it shall be: nothing is stripped, compressed or checked a second time.
        ("__os_install_post", "%{nil}".to_owned()),
        ("debug_package", "%{nil}".to_owned()),
        ("_build_id_links", "none".to_owned()),
    ] {
        build.arg("--define").arg(format!("{name} {value}"));
    }
    said(build.arg(&spec))?;
    let made = files(&work)?.into_iter().find(|file| file.parent() == Some(work.as_path()) && has_ending(file));
    let made = made.ok_or("rpmbuild has left no package")?;
    let rpm = out.join(made.file_name().expect("a file"));
    fs::rename(&made, &rpm).map_err(|error| format!("{}: {error}", made.display()))?;
    Ok(rpm)
}

/// The scripts that rpm runs, each with its name: what stands below `%post` and its like.
pub fn scripts(root: &Path) -> Result<Vec<(String, String)>, String> {
    let mut scripts: Vec<(String, String)> = Vec::new();
    for line in text(root, SCRIPTS)?.lines() {
        match (line.strip_prefix('%'), scripts.last_mut()) {
            (Some(name), _) => scripts.push((name.to_owned(), String::new())),
            (None, Some((_, script))) => script.extend([line, "\n"]),
            (None, None) => return Err(format!("{SCRIPTS}: {line:?} is of no script")),
        }
    }
    Ok(scripts)
}

fn has_ending(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "rpm")
}

fn spec(root: &Path, tree: &Path) -> Result<String, String> {
    let mut list = String::new();
    for file in files(tree)? {
        let inside = file.strip_prefix(tree).expect("below the tree").display().to_string();
        let kind = match inside.as_str() {
            CONFIGURATION => "%config(noreplace) ",
            name if name.ends_with("/LICENSE") => "%license ",
            name if name.starts_with("usr/share/doc/") => "%doc ",
            _ => "",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(list, "{kind}/{inside}");
    }
    Ok(format!(
        "Name: {NAME}\nVersion: {VERSION}\nRelease: 1\nSummary: {SUMMARY}\nLicense: Apache-2.0\nPackager: {packager}\n\
         Requires(post): systemd\nRequires(preun): systemd\nRequires(postun): systemd\nRecommends: tzdata\n\n\
         %description\n{DESCRIPTION}\n\n%install\ncp -a {tree}/. %{{buildroot}}/\n\n{scripts}\n\
         %files\n%dir /etc/{NAME}\n%dir /usr/share/doc/{NAME}\n%dir /usr/share/doc/{NAME}/examples\n\
         %dir /usr/share/doc/{NAME}/examples/profiles\n%dir /usr/share/doc/{NAME}/examples/scenarios\n{list}",
        packager = maintainer(),
        tree = tree.display(),
        scripts = text(root, SCRIPTS)?,
    ))
}
