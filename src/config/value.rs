//! One TOML value against one row of the option table.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::acceptable::{self, Acceptable};
use super::address::{self, AddressFault};
use super::error::Fault;
use super::host_name::{self, HostName};
use super::options::{Kind, OptionSpec};
use super::quantity::{QuantityError, parse_duration, parse_frequency, write_duration, write_frequency};
use super::suggest::nearest;
use super::{CORES_MAX, INTERFACE_BYTES_MAX, Listen, ListenException};
use crate::ntp::server::{Prefix, PrefixError};
use crate::time::{Duration, FrequencyPpb};

/// The longest argument of a program.
const ARGUMENT_BYTES_MAX: usize = 1_024;

/// A checked value. Prints as TOML.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// For [`Kind::Switch`].
    Switch(bool),
    /// For [`Kind::Integer`].
    Integer(i64),
    /// For [`Kind::Float`].
    Float(f64),
    /// For [`Kind::Duration`].
    Duration(Duration),
    /// For [`Kind::Frequency`].
    Frequency(FrequencyPpb),
    /// For [`Kind::Word`], the words of [`Kind::Duration`] and [`Kind::PathOr`], and the `"off"` of [`Kind::AddressOrOff`].
    Word(&'static str),
    /// For [`Kind::Interface`], [`Kind::Directory`], [`Kind::PathOr`], [`Kind::Text`] and [`Kind::Clock`].
    Text(String),
    /// For [`Kind::ClockIdentity`].
    Identity([u8; 8]),
    /// For [`Kind::ClockIdentities`].
    Identities(Vec<[u8; 8]>),
    /// For [`Kind::AcceptableMasters`].
    Masters(Vec<Acceptable>),
    /// For [`Kind::Addresses`].
    Addresses(Vec<IpAddr>),
    /// For [`Kind::HostNames`].
    HostNames(Vec<HostName>),
    /// For [`Kind::AddressOrOff`] and [`Kind::Address`].
    Address(SocketAddr),
    /// For [`Kind::Places`].
    Places(Vec<Listen>),
    /// For [`Kind::Exceptions`].
    Exceptions(Vec<ListenException>),
    /// For [`Kind::Prefixes`].
    Prefixes(Vec<Prefix>),
    /// For [`Kind::Cores`].
    Cores(Vec<usize>),
    /// The names of [`Kind::WordOrClocks`].
    Clocks(Vec<String>),
    /// For [`Kind::Words`].
    Words(Vec<&'static str>),
    /// For [`Kind::Command`].
    Command(Vec<String>),
}

/// What is wrong with a value, before its path and place are known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The bytes that are meant.
    pub span: Range<usize>,
    /// Its kind.
    pub fault: Fault,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub suggestion: Option<String>,
}

impl Problem {
    fn new(value: &Spanned<DeValue<'_>>, fault: Fault, message: impl Into<String>) -> Self {
        Self { span: value.span(), fault, message: message.into(), suggestion: None }
    }

    fn suggesting(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }

    fn did_you_mean(self, value: impl fmt::Display) -> Self {
        self.suggesting(format!("did you mean `{value}`?"))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |items: Vec<String>| format!("[{}]", items.join(", "));
        match self {
            Self::Switch(on) => write!(f, "{on}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Duration(duration) => write!(f, "\"{}\"", write_duration(*duration)),
            Self::Frequency(frequency) => write!(f, "\"{}\"", write_frequency(*frequency)),
            Self::Word(word) => write!(f, "\"{word}\""),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Identity(bytes) => write!(f, "\"{:016x}\"", u64::from_be_bytes(*bytes)),
            Self::Identities(all) => {
                let written = |bytes: &[u8; 8]| format!("\"{:016x}\"", u64::from_be_bytes(*bytes));
                f.write_str(&list(all.iter().map(written).collect()))
            }
            Self::Masters(all) => f.write_str(&list(all.iter().map(|one| format!("\"{one}\"")).collect())),
            Self::Addresses(all) => f.write_str(&list(all.iter().map(|one| format!("\"{one}\"")).collect())),
            Self::HostNames(all) => f.write_str(&list(all.iter().map(|one| format!("\"{one}\"")).collect())),
            Self::Address(address) => write!(f, "\"{address}\""),
            Self::Places(all) => f.write_str(&list(all.iter().map(|one| format!("\"{one}\"")).collect())),
            Self::Exceptions(all) => f.write_str(&list(all.iter().map(|one| format!("\"{one}\"")).collect())),
            Self::Prefixes(all) => f.write_str(&list(all.iter().map(|one| format!("\"{one}\"")).collect())),
            Self::Words(all) => f.write_str(&list(all.iter().map(|one| format!("\"{one}\"")).collect())),
            Self::Clocks(all) | Self::Command(all) => {
                f.write_str(&list(all.iter().map(|one| format!("{one:?}")).collect()))
            }
            Self::Cores(all) => f.write_str(&list(all.iter().map(ToString::to_string).collect())),
        }
    }
}

impl Kind {
    /// Both ends of the range, for kinds that have one.
    pub fn ends(&self) -> Option<(Value, Value)> {
        match *self {
            Self::Integer { min, max } => Some((Value::Integer(min), Value::Integer(max))),
            Self::Float { min, max } => Some((Value::Float(min), Value::Float(max))),
            Self::Duration { min, max, .. } => Some((Value::Duration(min), Value::Duration(max))),
            Self::Frequency { min_ppb, max_ppb } => {
                let end = |ppb| Value::Frequency(FrequencyPpb::new(ppb));
                Some((end(min_ppb), end(max_ppb)))
            }
            _ => None,
        }
    }

    /// What is allowed, in words.
    pub fn allowed(&self) -> String {
        let range = self.ends().map(|(min, max)| format!("{min} to {max}"));
        let quoted = |words: &[&str]| words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
        match self {
            Self::Switch => "true or false".to_owned(),
            Self::Integer { .. } | Self::Float { .. } | Self::Frequency { .. } | Self::Duration { or: [], .. } => {
                range.unwrap_or_default()
            }
            Self::Duration { or, .. } => format!("{}, or {}", quoted(or), range.unwrap_or_default()),
            Self::Word(words) => quoted(words),
            Self::WordOrClocks { words, count_max } => format!(
                "{}, or a list of at most {count_max} names of interfaces or clocks, no two alike",
                quoted(words)
            ),
            Self::Words { words } => format!("a list of {}, no two alike", quoted(words)),
            Self::Command { count_max } => {
                format!("a list of at most {count_max} texts on one line, the first of them an absolute path")
            }
            Self::Interface => "1 to 15 characters, no space, `/` or `:`".to_owned(),
            Self::Directory => "an absolute path".to_owned(),
            Self::Text { bytes_max } => format!("text of 1 to {bytes_max} octets on one line"),
            Self::ClockIdentity => "16 hexadecimal digits, neither all 0 nor all f".to_owned(),
            Self::ClockIdentities { count_max } => {
                format!("a list of at most {count_max} times 16 hexadecimal digits, no two alike")
            }
            Self::AcceptableMasters { count_max } => format!(
                "a list of at most {count_max} texts of 16 hexadecimal digits, `-` and a port 1 to 65534, and perhaps ` priority1=` 1 to 255; no port twice"
            ),
            Self::Addresses { count_max } => format!("a list of at most {count_max} IP addresses, no two alike"),
            Self::HostNames { count_max } => format!("a list of at most {count_max} names of hosts, no two alike"),
            Self::PathOr(words) => format!("{}, or an absolute path", quoted(words)),
            Self::AddressOrOff => "an IP address with a port 1 to 65535, or \"off\"".to_owned(),
            Self::Address => "an IP address with a port 1 to 65535".to_owned(),
            Self::Clock => "the name of an interface or of a clock".to_owned(),
            Self::Places { count_max } => format!(
                "a list of at most {count_max} IP addresses with a port 1 to 65535, or interfaces with or without one, no two alike"
            ),
            Self::Exceptions { count_max } => {
                format!("a list of at most {count_max} interfaces, IP addresses or prefixes, no two alike")
            }
            Self::Prefixes { count_max } => {
                format!("a list of at most {count_max} IP addresses or prefixes, no two alike")
            }
            Self::Cores { count_max } => {
                format!("a list of at most {count_max} CPU numbers 0 to {}, no two alike", CORES_MAX - 1)
            }
        }
    }

    /// What a value of the right type looks like.
    fn expected(&self) -> &'static str {
        match self {
            Self::Switch => "true or false",
            Self::Integer { .. } => "a whole number",
            Self::Float { .. } => "a number",
            Self::Duration { .. } => "a duration in quotes",
            Self::Frequency { .. } => "a frequency in quotes",
            Self::Word(_)
            | Self::Interface
            | Self::Directory
            | Self::Text { .. }
            | Self::ClockIdentity
            | Self::PathOr(_)
            | Self::AddressOrOff
            | Self::Address
            | Self::Clock => "text in quotes",
            Self::WordOrClocks { .. } => "text in quotes or a list",
            Self::Words { .. }
            | Self::Command { .. }
            | Self::Addresses { .. }
            | Self::HostNames { .. }
            | Self::Places { .. }
            | Self::Exceptions { .. }
            | Self::Prefixes { .. }
            | Self::Cores { .. }
            | Self::ClockIdentities { .. }
            | Self::AcceptableMasters { .. } => "a list",
        }
    }
}

/// Checks one value; in lists every element is checked.
pub fn check(option: &OptionSpec, value: &Spanned<DeValue<'_>>) -> Result<Value, Vec<Problem>> {
    check_typed(option, value).unwrap_or_else(|| Err(vec![mistyped(option, value)]))
}

/// The same; `None` if the value is of another type than the option.
fn check_typed(option: &OptionSpec, value: &Spanned<DeValue<'_>>) -> Option<Result<Value, Vec<Problem>>> {
    let one = |result: Result<Value, Problem>| result.map_err(|problem| vec![problem]);
    Some(match (&option.kind, value.get_ref()) {
        (Kind::Switch, DeValue::Boolean(on)) => Ok(Value::Switch(*on)),
        (Kind::Integer { min, max }, DeValue::Integer(_)) => {
            one(whole_number(value).and_then(|number| in_range(value, number, *min, *max)).map(Value::Integer))
        }
        (Kind::Float { min, max }, DeValue::Integer(_) | DeValue::Float(_)) => {
            one(number(value).and_then(|number| in_range(value, number, *min, *max)).map(Value::Float))
        }
        (Kind::Duration { .. } | Kind::Frequency { .. }, DeValue::Integer(_) | DeValue::Float(_)) => {
            let written = number_text(value);
            one(Err(missing_unit(value, &option.kind).did_you_mean(format!("\"{written}{}\"", offered_unit(option)))))
        }
        (Kind::Duration { min, max, or }, DeValue::String(text)) => one(duration(option, value, text, *min, *max, or)),
        (Kind::Frequency { min_ppb, max_ppb }, DeValue::String(text)) => {
            one(frequency(option, value, text, *min_ppb, *max_ppb))
        }
        (Kind::Word(words) | Kind::WordOrClocks { words, .. }, DeValue::String(text)) => one(word(value, text, words)),
        (Kind::WordOrClocks { count_max, .. }, DeValue::Array(_)) => {
            list(value, *count_max, |element| match element.get_ref() {
                DeValue::String(text) => clock_name(element, text),
                _ => Err(wrong_type(element, "a name in quotes")),
            })
            .map(Value::Clocks)
        }
        (Kind::Words { words }, DeValue::Array(_)) => list(value, words.len(), |element| match element.get_ref() {
            DeValue::String(text) => match word(element, text, words)? {
                Value::Word(word) => Ok(word),
                _ => Err(wrong_type(element, "a word in quotes")),
            },
            _ => Err(wrong_type(element, "a word in quotes")),
        })
        .map(Value::Words),
        (Kind::Command { count_max }, DeValue::Array(elements)) => command(value, elements, *count_max),
        (Kind::Interface, DeValue::String(text)) => one(interface(value, text)),
        (Kind::PathOr(words), DeValue::String(text)) => {
            let word = words.iter().find(|word| *word == text);
            word.map_or_else(|| one(directory(value, text)), |word| Ok(Value::Word(word)))
        }
        (Kind::Directory, DeValue::String(text)) => one(directory(value, text)),
        (Kind::Text { bytes_max }, DeValue::String(text)) => one(line_of_text(value, text, *bytes_max)),
        (Kind::ClockIdentity, DeValue::String(text)) => one(clock_identity(value, text).map(Value::Identity)),
        (Kind::ClockIdentities { count_max }, DeValue::Array(_)) => {
            list(value, *count_max, |element| match element.get_ref() {
                DeValue::String(text) => clock_identity(element, text),
                _ => Err(wrong_type(element, "a clock identity in quotes")),
            })
            .map(Value::Identities)
        }
        (Kind::AcceptableMasters { count_max }, DeValue::Array(_)) => {
            list(value, *count_max, |element| match element.get_ref() {
                DeValue::String(text) => acceptable_master(element, text),
                _ => Err(wrong_type(element, "a port of a clock in quotes")),
            })
            .map(Value::Masters)
        }
        (Kind::Addresses { count_max }, DeValue::Array(_)) => {
            list(value, *count_max, |element| match element.get_ref() {
                DeValue::String(text) => ip_address(element, text),
                _ => Err(wrong_type(element, "an IP address in quotes")),
            })
            .map(Value::Addresses)
        }
        (Kind::HostNames { count_max }, DeValue::Array(_)) => {
            list(value, *count_max, |element| match element.get_ref() {
                DeValue::String(text) => host_name::parse(text).map_err(|(message, suggestion)| {
                    Problem::new(element, Fault::Malformed, message).suggesting(suggestion)
                }),
                _ => Err(wrong_type(element, "the name of a host in quotes")),
            })
            .map(Value::HostNames)
        }
        (Kind::AddressOrOff, DeValue::String(text)) if text == "off" => Ok(Value::Word("off")),
        (Kind::Clock, DeValue::String(text)) => one(clock_name(value, text).map(Value::Text)),
        (Kind::AddressOrOff | Kind::Address, DeValue::String(text)) => {
            one(socket_address(value, text).map(Value::Address))
        }
        (Kind::Places { count_max }, DeValue::Array(_)) => list(value, *count_max, |element| match element.get_ref() {
            DeValue::String(text) => address::parse_listen(text).map_err(|fault| no_address(element, fault)),
            _ => Err(wrong_type(element, "an address or an interface in quotes")),
        })
        .map(Value::Places),
        (Kind::Exceptions { count_max }, DeValue::Array(_)) => {
            list(value, *count_max, |element| match element.get_ref() {
                DeValue::String(text) if address::is_interface(text) => {
                    Ok(ListenException::Interface(text.to_string()))
                }
                DeValue::String(text) => prefix(element, text).map(ListenException::Addresses),
                _ => Err(wrong_type(element, "an interface, an address or a prefix in quotes")),
            })
            .map(Value::Exceptions)
        }
        (Kind::Prefixes { count_max }, DeValue::Array(_)) => {
            list(value, *count_max, |element| match element.get_ref() {
                DeValue::String(text) => prefix(element, text),
                _ => Err(wrong_type(element, "an address or a prefix in quotes")),
            })
            .map(Value::Prefixes)
        }
        (Kind::Cores { count_max }, DeValue::Array(_)) => list(value, *count_max, |element| match element.get_ref() {
            DeValue::Integer(_) => {
                let number = whole_number(element).and_then(|n| in_range(element, n, 0, CORES_MAX as i64 - 1))?;
                Ok(number as usize)
            }
            _ => Err(wrong_type(element, "a CPU number")),
        })
        .map(Value::Cores),
        _ => return None,
    })
}

/// A value of the wrong type; where it would be right if only written otherwise, says so.
fn mistyped(option: &OptionSpec, value: &Spanned<DeValue<'_>>) -> Problem {
    let problem = wrong_type(value, option.kind.expected());
    let text = match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(_) | DeValue::Float(_) => number_text(value),
        _ => return problem,
    };
    // The same without quotes, with quotes, or as a list of one.
    for rewritten in [text.clone(), format!("{text:?}"), format!("[{text}]"), format!("[{text:?}]")] {
        let Ok(parsed) = DeValue::parse(&rewritten) else { continue };
        if matches!(check_typed(option, &parsed), Some(Ok(_))) {
            return problem.did_you_mean(rewritten);
        }
    }
    problem
}

fn wrong_type(value: &Spanned<DeValue<'_>>, expected: &str) -> Problem {
    let found = match value.get_ref() {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    };
    Problem::new(value, Fault::WrongType, format!("expected {expected}, found {found}"))
}

fn number_text(value: &Spanned<DeValue<'_>>) -> String {
    match value.get_ref() {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
        DeValue::Integer(_) => whole_number(value).map_or_else(|_| String::new(), |number| number.to_string()),
        DeValue::Float(number) => number.as_str().to_owned(),
        _ => String::new(),
    }
}

fn whole_number(value: &Spanned<DeValue<'_>>) -> Result<i64, Problem> {
    let DeValue::Integer(number) = value.get_ref() else { return Err(wrong_type(value, "a whole number")) };
    i64::from_str_radix(number.as_str(), number.radix())
        .map_err(|_| Problem::new(value, Fault::OutOfRange, format!("{number} is out of range")))
}

fn number(value: &Spanned<DeValue<'_>>) -> Result<f64, Problem> {
    number_text(value).parse().map_err(|_| wrong_type(value, "a number"))
}

fn in_range<T: Copy + PartialOrd + fmt::Debug>(
    value: &Spanned<DeValue<'_>>,
    found: T,
    min: T,
    max: T,
) -> Result<T, Problem> {
    // NaN is in no range.
    if found >= min && found <= max {
        return Ok(found);
    }
    Err(Problem::new(value, Fault::OutOfRange, format!("{found:?} is out of range")))
}

fn offered_unit(option: &OptionSpec) -> &'static str {
    match (option.unit, &option.kind) {
        ("", Kind::Frequency { .. }) => "ppm",
        ("", _) => "s",
        (unit, _) => unit,
    }
}

fn missing_unit(value: &Spanned<DeValue<'_>>, kind: &Kind) -> Problem {
    let message = if matches!(kind, Kind::Frequency { .. }) {
        "a frequency needs its unit: ppb, ppm"
    } else {
        "a duration needs its unit: ns, us, ms, s, min, h"
    };
    Problem::new(value, Fault::MissingUnit, message)
}

/// The fault of a text that should have been a quantity.
fn no_quantity(option: &OptionSpec, value: &Spanned<DeValue<'_>>, text: &str, error: &QuantityError) -> Problem {
    match error {
        QuantityError::NoUnit => {
            missing_unit(value, &option.kind).did_you_mean(format!("\"{}{}\"", text.trim(), offered_unit(option)))
        }
        QuantityError::NoNumber => {
            let expected = if matches!(option.kind, Kind::Frequency { .. }) { "frequency" } else { "duration" };
            let example = if expected == "frequency" { "40ppm" } else { "1.5ms" };
            Problem::new(value, Fault::Malformed, format!("{text:?} is not a {expected}"))
                .suggesting(format!("write it as a number and its unit: \"{example}\""))
        }
        other => Problem::new(value, Fault::Malformed, other.to_string()),
    }
}

fn duration(
    option: &OptionSpec,
    value: &Spanned<DeValue<'_>>,
    text: &str,
    min: Duration,
    max: Duration,
    words: &'static [&'static str],
) -> Result<Value, Problem> {
    if let Some(word) = words.iter().find(|word| **word == text) {
        return Ok(Value::Word(word));
    }
    match parse_duration(text) {
        Ok(duration) if duration >= min && duration <= max => Ok(Value::Duration(duration)),
        Ok(_) => Err(Problem::new(value, Fault::OutOfRange, format!("{text:?} is out of range"))),
        Err(QuantityError::NoNumber) if !words.is_empty() => {
            let problem =
                Problem::new(value, Fault::UnknownWord, format!("{text:?} is neither one of the words nor a duration"));
            Err(match nearest(text, words.iter().copied()) {
                Some(word) => problem.did_you_mean(format!("\"{word}\"")),
                None => problem,
            })
        }
        Err(error) => Err(no_quantity(option, value, text, &error)),
    }
}

fn frequency(
    option: &OptionSpec,
    value: &Spanned<DeValue<'_>>,
    text: &str,
    min_ppb: f64,
    max_ppb: f64,
) -> Result<Value, Problem> {
    let frequency = parse_frequency(text).map_err(|error| no_quantity(option, value, text, &error))?;
    if frequency.ppb() >= min_ppb && frequency.ppb() <= max_ppb {
        return Ok(Value::Frequency(frequency));
    }
    Err(Problem::new(value, Fault::OutOfRange, format!("{text:?} is out of range")))
}

fn word(value: &Spanned<DeValue<'_>>, text: &str, words: &'static [&'static str]) -> Result<Value, Problem> {
    if let Some(word) = words.iter().find(|word| **word == text) {
        return Ok(Value::Word(word));
    }
    let problem = Problem::new(value, Fault::UnknownWord, format!("unknown value {text:?}"));
    Err(match nearest(text, words.iter().copied()) {
        Some(word) => problem.did_you_mean(format!("\"{word}\"")),
        None => problem,
    })
}

/// An absolute path, and arguments, which may be alike.
fn command(
    value: &Spanned<DeValue<'_>>,
    elements: &[Spanned<DeValue<'_>>],
    count_max: usize,
) -> Result<Value, Vec<Problem>> {
    let one = |(at, element): (usize, &Spanned<DeValue<'_>>)| match element.get_ref() {
        DeValue::String(text) if at == 0 => directory(element, text).map(|_| text.to_string()),
        DeValue::String(text) if text.contains('\0') || text.len() > ARGUMENT_BYTES_MAX => {
            Err(Problem::new(element, Fault::Malformed, "too long for an argument, or not a text"))
        }
        DeValue::String(text) => Ok(text.to_string()),
        _ => Err(wrong_type(element, "text in quotes")),
    };
    if elements.is_empty() || elements.len() > count_max {
        return Err(vec![Problem::new(value, Fault::OutOfRange, format!("{} elements", elements.len()))]);
    }
    let (mut good, mut problems) = (Vec::new(), Vec::new());
    for checked in elements.iter().enumerate().map(one) {
        match checked {
            Ok(text) => good.push(text),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(Value::Command(good)) } else { Err(problems) }
}

/// What the kernel takes as a device name (`dev_valid_name`), and nothing else.
fn interface(value: &Spanned<DeValue<'_>>, text: &str) -> Result<Value, Problem> {
    let wrong = |message: &str| Err(Problem::new(value, Fault::Malformed, format!("{text:?} {message}")));
    match text {
        "" => wrong("is not the name of an interface"),
        "." | ".." => wrong("cannot be the name of an interface"),
        long if long.len() > INTERFACE_BYTES_MAX => wrong("is too long for the name of an interface"),
        odd if odd.contains(|c: char| c.is_whitespace() || matches!(c, '/' | ':' | '\0')) => {
            wrong("cannot be the name of an interface")
        }
        name => Ok(Value::Text(name.to_owned())),
    }
}

fn directory(value: &Spanned<DeValue<'_>>, text: &str) -> Result<Value, Problem> {
    if text.starts_with('/') && !text.contains('\0') {
        return Ok(Value::Text(text.to_owned()));
    }
    let problem = Problem::new(value, Fault::Malformed, format!("{text:?} is not an absolute path"));
    Err(if text.is_empty() { problem } else { problem.did_you_mean(format!("\"/{text}\"")) })
}

/// Sixteen digits; also as status and other programs print it, with dots or colons between.
fn clock_identity(value: &Spanned<DeValue<'_>>, text: &str) -> Result<[u8; 8], Problem> {
    let digits: String = text.chars().filter(|c| !matches!(c, '.' | ':' | '-')).collect();
    let number = Some(&digits).filter(|digits| digits.len() == 16 && digits.bytes().all(|c| c.is_ascii_hexdigit()));
    match number.and_then(|digits| u64::from_str_radix(digits, 16).ok()) {
        None => Err(Problem::new(value, Fault::Malformed, format!("{text:?} is not a clock identity"))
            .suggesting("write it like \"001b21fffeaabbcc\"")),
        Some(0 | u64::MAX) => Err(Problem::new(value, Fault::OutOfRange, format!("{text:?} is a reserved identity"))),
        Some(number) => Ok(number.to_be_bytes()),
    }
}

fn acceptable_master(value: &Spanned<DeValue<'_>>, text: &str) -> Result<Acceptable, Problem> {
    let wrong = |message| {
        Problem::new(value, Fault::Malformed, message)
            .suggesting("write it like \"001b21fffeaabbcc-1\" or \"001b21fffeaabbcc-1 priority1=10\"")
    };
    acceptable::parse(text, |identity| clock_identity(value, identity), wrong)
}

/// The name of a hardware clock: never its number, which is another one after the next boot.
fn clock_name(value: &Spanned<DeValue<'_>>, text: &str) -> Result<String, Problem> {
    const BYTES_MAX: usize = 64;
    let number = text.strip_prefix("/dev/").unwrap_or(text).strip_prefix("ptp");
    if number.is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())) {
        return Err(Problem::new(
            value,
            Fault::Malformed,
            format!("{text:?} is a number that changes from boot to boot"),
        )
        .suggesting(
            "name the clock by an interface that it stamps for, or by its clock_name: `synchronome phc list`",
        ));
    }
    if text.is_empty() || text.len() > BYTES_MAX || text.contains(char::is_control) {
        return Err(Problem::new(value, Fault::Malformed, format!("{text:?} is no name of a clock")));
    }
    Ok(text.to_owned())
}

fn line_of_text(value: &Spanned<DeValue<'_>>, text: &str, bytes_max: usize) -> Result<Value, Problem> {
    if text.is_empty() || text.len() > bytes_max || text.contains(char::is_control) {
        return Err(Problem::new(value, Fault::Malformed, "not a short text on one line"));
    }
    Ok(Value::Text(text.to_owned()))
}

fn ip_address(value: &Spanned<DeValue<'_>>, text: &str) -> Result<IpAddr, Problem> {
    let address = text.parse::<IpAddr>().ok();
    let address = address.filter(|ip| !ip.is_unspecified() && !ip.is_multicast());
    address.ok_or_else(|| {
        Problem::new(value, Fault::Malformed, format!("{text:?} is no IP address of one host"))
            .suggesting("write it like \"192.0.2.1\" or \"2001:db8::1\"")
    })
}

fn socket_address(value: &Spanned<DeValue<'_>>, text: &str) -> Result<SocketAddr, Problem> {
    address::parse(text).map_err(|fault| no_address(value, fault))
}

fn no_address(value: &Spanned<DeValue<'_>>, AddressFault { message, suggestion }: AddressFault) -> Problem {
    Problem { span: value.span(), fault: Fault::Malformed, message, suggestion: Some(suggestion) }
}

fn prefix(value: &Spanned<DeValue<'_>>, text: &str) -> Result<Prefix, Problem> {
    text.parse().map_err(|error: PrefixError| {
        let problem = Problem::new(value, Fault::Malformed, format!("{text:?} is no address or prefix: {error}"));
        match error {
            PrefixError::HostBits(prefix) => problem.did_you_mean(format!("\"{prefix}\"")),
            PrefixError::Address | PrefixError::Length => {
                problem.suggesting("write it like \"192.0.2.0/24\" or \"2001:db8::/32\"")
            }
        }
    })
}

/// Every element through `check_one`; an element that was there before is a fault of its own.
fn list<T: PartialEq>(
    value: &Spanned<DeValue<'_>>,
    count_max: usize,
    check_one: impl Fn(&Spanned<DeValue<'_>>) -> Result<T, Problem>,
) -> Result<Vec<T>, Vec<Problem>> {
    let DeValue::Array(elements) = value.get_ref() else { return Err(vec![wrong_type(value, "a list")]) };
    let mut good: Vec<(usize, T)> = Vec::new();
    let mut problems = Vec::new();
    for (at, element) in elements.iter().enumerate() {
        match check_one(element) {
            Err(problem) => problems.push(problem),
            Ok(item) => match good.iter().find(|(_, earlier)| *earlier == item) {
                Some((first, _)) => {
                    let message = format!("the same as element {} of this list", first + 1);
                    problems.push(Problem::new(element, Fault::Conflict, message).suggesting("remove one of them"));
                }
                None => good.push((at, item)),
            },
        }
    }
    if let Some(extra) = elements.get(count_max) {
        let message = format!("{} elements, at most {count_max}", elements.len());
        problems.push(Problem::new(extra, Fault::OutOfRange, message));
    }
    if problems.is_empty() { Ok(good.into_iter().map(|(_, item)| item).collect()) } else { Err(problems) }
}
