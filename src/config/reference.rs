//! The reference manual, made from the option table.

use std::fmt::Write;

use super::options::{DAEMON, Default, OptionSpec, OptionTable};

/// `src/manual/options.md`, as it must be.
pub fn reference_manual() -> String {
    let mut manual = String::from(
        "# Options\n\n\
         Made from the option table in `src/config/options.rs`; a test checks that this file is current.\n\n\
         Durations are text with a unit: `\"840ns\"`, `\"100us\"`, `\"1.5ms\"`, `\"2s\"`, `\"10min\"`, `\"1h\"`. \
         Frequencies likewise: `\"40ppm\"`, `\"-3ppb\"`.\n\
         `synchronome check FILE --explain` prints each option's value and where it came from.\n",
    );
    manual.push_str(&option_tables(&DAEMON));
    manual.push_str("\n## Not available in this version\n\n");
    for (path, what) in DAEMON.later {
        let _ = writeln!(manual, "- `{path}`: {what}");
    }
    manual
}

/// A table for each section.
pub fn option_tables(table: &OptionTable) -> String {
    let mut manual = String::new();
    for section in table.sections {
        let (open, close) = if section.repeated { ("[[", "]]") } else { ("[", "]") };
        let most = if section.repeated { format!(" At most {}.", table.repeated_max) } else { String::new() };
        // Writing to a String cannot fail.
        let _ = write!(manual, "\n## `{open}{}{close}`\n\n{}{most}\n\n", section.path, section.help);
        let own = |option: &&OptionSpec| option.path.rsplit_once('.').is_some_and(|(of, _)| of == section.path);
        if !table.options.iter().any(|option| own(&option)) {
            continue;
        }
        manual.push_str("| Option | Default | Allowed | What it does |\n|---|---|---|---|\n");
        for option in table.options.iter().filter(own) {
            let term = if option.term.is_empty() { String::new() } else { format!(" ({})", option.term) };
            let default = match option.default {
                Default::Required => "required".to_owned(),
                Default::Unset(meaning) => meaning.to_owned(),
                Default::Toml(text) => format!("`{text}`"),
            };
            let allowed = table.allowed(option);
            let _ = writeln!(manual, "| `{}` | {default} | {allowed} | {}{term} |", option.name(), option.help);
        }
    }
    manual
}
