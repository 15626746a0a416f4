//! Reading what is to be imported, with the files that it names.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::config::read_text;

/// The most files that one import reads: one that includes itself ends here.
pub const FILES_MAX: usize = 256;

/// A file's text, and what it is called.
#[derive(Clone, Debug)]
pub struct Input {
    /// As the user or another file named it.
    pub name: Rc<str>,
    /// Its text.
    pub text: String,
}

/// Where files are read from.
pub trait Files {
    /// The text of a file.
    ///
    /// # Errors
    /// Why it cannot be read, or is no text.
    fn read(&self, path: &Path) -> Result<Input, String>;

    /// The names in a directory, sorted; empty if it is not there.
    fn list(&self, directory: &Path) -> Vec<PathBuf>;

    /// What a link in `/sys` or `/dev` leads to, or a one-line file in `/sys` says: of hardware clocks.
    fn clock_of(&self, device: &str) -> Option<String>;
}

/// The files of this machine.
#[derive(Debug, Default)]
pub struct Machine {
    count: Cell<usize>,
}

impl Files for Machine {
    fn read(&self, path: &Path) -> Result<Input, String> {
        self.count.set(self.count.get() + 1);
        if self.count.get() > FILES_MAX {
            return Err(format!("{}: more than {FILES_MAX} files: does one include itself?", path.display()));
        }
        let text = read_text(path).map_err(|errors| {
            let reasons: Vec<_> = errors.errors.iter().map(|error| error.message.clone()).collect();
            format!("{}: {}", path.display(), reasons.join("; "))
        })?;
        text_of(&path.display().to_string(), text)
    }

    fn list(&self, directory: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.path()).collect();
        names.sort();
        names
    }

    fn clock_of(&self, device: &str) -> Option<String> {
        let device = std::fs::canonicalize(device).ok()?;
        let number = device.file_name()?.to_str()?.to_owned();
        let class = Path::new("/sys/class/ptp").join(number);
        let interfaces = std::fs::read_dir(class.join("device/net")).into_iter().flatten().flatten();
        let first = interfaces.filter_map(|entry| entry.file_name().into_string().ok()).min();
        first.or_else(|| Some(std::fs::read_to_string(class.join("clock_name")).ok()?.trim().to_owned()))
    }
}

/// No files: nothing that a text names is there.
#[derive(Debug)]
pub struct Nothing;

impl Files for Nothing {
    fn read(&self, path: &Path) -> Result<Input, String> {
        Err(format!("{}: not there", path.display()))
    }

    fn list(&self, _: &Path) -> Vec<PathBuf> {
        Vec::new()
    }

    fn clock_of(&self, _: &str) -> Option<String> {
        None
    }
}

/// Text that is one: no octets that no editor writes.
///
/// # Errors
/// What it is else.
pub fn text_of(name: &str, text: String) -> Result<Input, String> {
    if text.contains('\0') {
        return Err(format!("{name}: not a text file"));
    }
    let is_odd = |c: char| c.is_control() && c != '\t';
    if let Some(line) = text.lines().position(|line| line.trim_end().contains(is_odd)) {
        return Err(format!("{name}: control characters in line {}: not a text file", line + 1));
    }
    Ok(Input { name: Rc::from(name), text })
}

/// The most `*` of a pattern: each more multiplies the ways to try.
const STARS_MAX: usize = 4;

/// Whether a file's name fits a pattern of the shell with `*`, `?` and `[...]`.
fn fits(name: &str, pattern: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return name.is_empty() };
    let rest = &pattern[first.len_utf8()..];
    let mut others = name.chars();
    match (first, others.next()) {
        ('*', None) => fits(name, rest),
        ('*', Some(_)) => fits(name, rest) || fits(others.as_str(), pattern),
        (_, None) => false,
        ('?', Some(_)) => fits(others.as_str(), rest),
        ('[', Some(c)) if rest.contains(']') => {
            let (set, behind) = rest.split_once(']').unwrap_or((rest, ""));
            let (set, is_meant) = set.strip_prefix('!').map_or((set, true), |set| (set, false));
            let chars: Vec<_> = set.chars().collect();
            let is_in = chars.contains(&c)
                || chars.windows(3).any(|range| range[1] == '-' && (range[0]..=range[2]).contains(&c));
            is_in == is_meant && fits(others.as_str(), behind)
        }
        (literal, Some(c)) => literal == c && fits(others.as_str(), rest),
    }
}

/// The files that a pattern names: its last part may hold `*`, `?` and `[...]`.
pub fn matching(files: &dyn Files, pattern: &str) -> Vec<PathBuf> {
    let path = Path::new(pattern);
    if !pattern.contains(['*', '?', '[']) {
        return vec![path.to_owned()];
    }
    if pattern.matches('*').count() > STARS_MAX {
        return Vec::new();
    }
    let (Some(directory), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let is_meant = |path: &PathBuf| {
        path.file_name()
            .and_then(|found| found.to_str())
            .is_some_and(|found| !found.starts_with('.') && found.len() <= 255 && fits(found, name))
    };
    files.list(directory).into_iter().filter(is_meant).collect()
}
