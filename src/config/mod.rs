//! L3: the configuration, from TOML to plain values.
//!
//! ```text
//! text --toml--> raw tree with spans --walk--> checked: path -> value, span --resolve--> Config
//!                       |                          |                            |
//!                   syntax errors        unknown, mistyped, out of range    rules between options
//!                       +--------------------------+----------------------------+--> ConfigErrors, all at once
//! ```
//!
//! [`options::OPTIONS`] is the one table that says what there is; the walk, the defaults, the reference manual and
//! `check --explain` are made from it. A new option is a row there, a field in [`Config`] and a line in `resolve`.

mod acceptable;
mod address;
mod error;
mod host_name;
pub mod options;
pub mod profile;
pub mod quantity;
mod read;
mod reference;
mod resolve;
mod resolved;
mod suggest;
mod value;
mod walk;

use std::fmt;
use std::path::Path;

pub use address::is_interface;
pub use error::{ConfigError, ConfigErrors, Fault, Place, Source};
pub use host_name::HostName;
pub use read::Reader;
pub use reference::{option_tables, reference_manual};
pub use resolved::*;
pub use value::Value;
pub use walk::Checked;

use options::OptionSpec;

/// The largest file that is read, in bytes.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// A configuration, and where each of its values came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Every option that applies, in the order of the table, those of the `[[ptp]]` last.
    pub origins: Vec<Setting>,
}

/// One option as it holds.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Its full path, `ptp[0].domain`.
    pub path: String,
    /// Its value; `None` if it has no default and is not set.
    pub value: Option<Value>,
    /// Where that came from.
    pub origin: Origin,
    /// Its row in the table.
    pub option: &'static OptionSpec,
}

/// Where a value came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The table's default.
    Default,
    /// The PTP profile of this word.
    Profile(&'static str),
    /// The file.
    File {
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
    },
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.value, self.option.default) {
            (Some(value), _) => write!(f, "{value}"),
            (None, options::Default::Unset(meaning)) => write!(f, "({meaning})"),
            (None, _) => f.write_str("(not set)"),
        }
    }
}

/// Checks a file against a table, and by rules between its options; `file_name` is for the messages.
///
/// # Errors
/// All that is wrong with it, in the order of the file.
pub fn check(
    table: &'static options::OptionTable,
    text: &str,
    file_name: &str,
    conflicts: impl FnOnce(&Source<'_>, &Checked) -> Vec<ConfigError>,
) -> Result<Checked, ConfigErrors> {
    let source = Source::new(text);
    let (checked, mut errors) = walk::walk(table, &source);
    // With broken syntax, what is missing here may stand in the part that could not be read.
    if errors.iter().all(|error| error.fault != Fault::Syntax) {
        let conflicts = conflicts(&source, &checked);
        // What is there, and wrong, is not missing.
        let is_echo =
            |fault: &ConfigError| fault.fault == Fault::Missing && errors.iter().any(|error| error.path == fault.path);
        let conflicts: Vec<_> = conflicts.into_iter().filter(|fault| !is_echo(fault)).collect();
        errors.extend(conflicts);
    }
    if errors.is_empty() {
        return Ok(checked);
    }
    errors.sort_by_key(|error| error.place.as_ref().map(|place| (place.line, place.column)));
    Err(ConfigErrors { file: file_name.to_owned(), errors })
}

/// Reads a configuration; `file_name` is for the messages.
///
/// # Errors
/// All that is wrong with it, in the order of the file.
pub fn load(text: &str, file_name: &str) -> Result<Loaded, ConfigErrors> {
    let checked = check(&options::DAEMON, text, file_name, resolve::conflicts)?;
    let origins = resolve::settings(&Source::new(text), &checked);
    Ok(Loaded { config: resolve::resolve(&checked), origins })
}

/// Reads a configuration file.
///
/// # Errors
/// As [`load`] and [`read_text`].
pub fn load_file(path: &Path) -> Result<Loaded, ConfigErrors> {
    load(&read_text(path)?, &path.display().to_string())
}

/// The text of a file.
///
/// # Errors
/// If it cannot be read, is too long or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, ConfigErrors> {
    let file = path.display().to_string();
    let unreadable = |message: String, suggestion: &str| ConfigErrors {
        file: file.clone(),
        errors: vec![ConfigError {
            place: None,
            path: String::new(),
            fault: Fault::Unreadable,
            message,
            allowed: None,
            suggestion: Some(suggestion.to_owned()),
        }],
    };
    let bytes = match read_limited(path) {
        Ok(bytes) if bytes.len() > FILE_BYTES_MAX => {
            return Err(unreadable("too long".to_owned(), "a configuration has at most 1 MiB"));
        }
        Ok(bytes) => bytes,
        Err(error) => return Err(unreadable(format!("cannot be read: {error}"), "check its name and its permissions")),
    };
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + String::from_utf8_lossy(good).matches('\n').count();
        unreadable(format!("not UTF-8 in line {line}"), "save it as UTF-8")
    })
}

/// The file's bytes, at most one more than [`FILE_BYTES_MAX`].
fn read_limited(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Default for Config {
    /// The configuration of an empty file.
    fn default() -> Self {
        resolve::resolve(&walk::Checked::default())
    }
}
