//! Reading what was checked, by path: from the file, else the profile that it names, else the table's default.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use toml::de::DeValue;

use super::acceptable::Acceptable;
use super::host_name::HostName;
use super::options::{Default, OptionSpec, OptionTable};
use super::profile::{self, Profile};
use super::value::{self, Value};
use super::walk::Checked;
use super::{Listen, ListenException};
use crate::ntp::server::Prefix;
use crate::time::{Duration, FrequencyPpb};

/// The default of an option, from the table's own text.
pub fn default_value(option: &OptionSpec) -> Option<Value> {
    let Default::Toml(text) = option.default else { return None };
    let parsed = DeValue::parse(text).unwrap_or_else(|error| panic!("default of {}: {error}", option.path));
    Some(value::check(option, &parsed).unwrap_or_else(|problems| panic!("default of {}: {problems:?}", option.path)))
}

/// The profile that a section names, if it does.
pub fn profile_of(checked: &Checked, section: &str) -> Option<&'static Profile> {
    match checked.set.get(&join(section, "profile"))?.value {
        Value::Word(word) => profile::find(word),
        _ => None,
    }
}

/// Reads settings by path. A missing or mistyped one is a fault of the option table, not of the user's file.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'c> {
    table: &'static OptionTable,
    checked: &'c Checked,
}

impl<'c> Reader<'c> {
    /// Of a file that was checked against `table`.
    pub fn new(table: &'static OptionTable, checked: &'c Checked) -> Self {
        Self { table, checked }
    }

    /// What the file says.
    pub fn checked(&self) -> &'c Checked {
        self.checked
    }

    /// The value in the file, else that of the section's profile, else the default, else `None`.
    pub fn value(&self, section: &str, name: &str) -> Option<Value> {
        if let Some(set) = self.checked.set.get(&join(section, name)) {
            return Some(set.value.clone());
        }
        let path = general(&join(section, name));
        let option = self.table.find(&path).unwrap_or_else(|| panic!("{path} is not in the option table"));
        profile_of(self.checked, section).and_then(|profile| profile.preset(option)).or_else(|| default_value(option))
    }

    /// The first of these options that the file has, and where: a profile may say the others.
    pub fn said_by(&self, section: &str, names: &[&str]) -> Option<(String, Range<usize>)> {
        names.iter().find_map(|name| Some((join(section, name), self.span(section, name)?)))
    }

    /// Where the file says it, if it does.
    pub fn span(&self, section: &str, name: &str) -> Option<Range<usize>> {
        self.checked.set.get(&join(section, name)).map(|set| set.span.clone())
    }
}

/// A path from its section, which is empty for what stands above all sections.
fn join(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

/// A path as the table has it: `ptp.domain` of `ptp[0].domain`.
fn general(path: &str) -> String {
    let mut general = String::new();
    let mut is_inside = false;
    for character in path.chars() {
        match character {
            '[' => is_inside = true,
            ']' => is_inside = false,
            other if !is_inside => general.push(other),
            _ => {}
        }
    }
    general
}

/// One typed read for each kind of value.
macro_rules! typed_reads {
    ($($name:ident: $variant:ident -> $type:ty;)*) => {
        impl Reader<'_> {
            $(
            /// The value of an option that has one of this kind, always.
            pub fn $name(&self, section: &str, name: &str) -> $type {
                match self.value(section, name) {
                    Some(Value::$variant(value)) => value,
                    other => panic!("{} is {other:?} in the option table", join(section, name)),
                }
            }
            )*
        }
    };
}

typed_reads! {
    switch: Switch -> bool;
    integer: Integer -> i64;
    float: Float -> f64;
    duration: Duration -> Duration;
    frequency: Frequency -> FrequencyPpb;
    word: Word -> &'static str;
    text: Text -> String;
    address: Address -> SocketAddr;
    places: Places -> Vec<Listen>;
    exceptions: Exceptions -> Vec<ListenException>;
    prefixes: Prefixes -> Vec<Prefix>;
    cores: Cores -> Vec<usize>;
    addresses: Addresses -> Vec<IpAddr>;
    host_names: HostNames -> Vec<HostName>;
    words: Words -> Vec<&'static str>;
    command: Command -> Vec<String>;
    identities: Identities -> Vec<[u8; 8]>;
    masters: Masters -> Vec<Acceptable>;
}
