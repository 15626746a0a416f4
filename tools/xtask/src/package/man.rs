//! Manual pages: of each command by clap, of the configuration by the table of options.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};
use synchronome::config::options::{DAEMON, Default, OptionSpec};

/// Writes all pages below `share/man`.
pub fn write_pages(folder: &Path) -> Result<(), String> {
    for (section, pages) in [(1, commands()), (5, vec![("synchronome.toml".to_owned(), configuration())])] {
        let folder = folder.join(format!("man{section}"));
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for (name, text) in pages {
            super::write(&folder.join(format!("{name}.{section}")), &text)?;
        }
    }
    Ok(())
}

/// What is said of the live view's arguments: the file alone, so that what draws on terminals need not be built for it.
#[path = "../../../top/src/arguments.rs"]
#[expect(dead_code, reason = "only what they are called is of interest here, not what becomes of them")]
mod top;

/// The programs with all that can be said to them.
pub fn programs() -> [Command; 2] {
    [synchronome::cli::command(), top::Arguments::command()]
}

/// The pages of section 1 by their names: of each program and of each command that it has.
pub fn commands() -> Vec<(String, String)> {
    let mut pages = Vec::new();
    for program in programs() {
        let mut root = program.disable_help_subcommand(true);
        root.build();
        gather(&root, &mut pages);
    }
    pages
}

fn gather(command: &Command, pages: &mut Vec<(String, String)>) {
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        gather(sub, pages);
    }
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    pages.push((name, page(command)));
}

fn page(command: &Command) -> String {
    let man = Man::new(command.clone()).source(format!("Synchronome {}", super::VERSION)).manual("Synchronome");
    let mut text = Vec::new();
    let sections = [
        Some(Man::render_title as fn(&Man, &mut dyn std::io::Write) -> std::io::Result<()>),
        Some(Man::render_name_section),
        Some(Man::render_synopsis_section),
        Some(Man::render_description_section),
        command.get_arguments().next().map(|_| Man::render_options_section as _),
        command.get_subcommands().next().map(|_| Man::render_subcommands_section as _),
    ];
    for section in sections.into_iter().flatten() {
        section(&man, &mut text).expect("memory takes everything");
    }
    let mut text = String::from_utf8(text).expect("clap writes text");
    if let Some(more) = command.get_after_long_help().or(command.get_after_help()) {
        text += &after_help(&more.to_string());
    }
    let mut roff = Roff::default();
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold("synchronome"), roman("(1), "), bold("synchronome.toml"), roman("(5)")]);
    text + &roff.render()
}

/// What `--help` ends with: headings at the margin, and below them lines whose columns mean something.
fn after_help(text: &str) -> String {
    let mut roff = Roff::default();
    let mut is_open = false;
    for line in text.lines() {
        if let Some(heading) = line.strip_suffix(':').filter(|line| !line.starts_with(' ')) {
            if is_open {
                roff.control("fi", []);
            }
            roff.control("SH", [heading.to_uppercase().as_str()]);
            roff.control("nf", []);
            is_open = true;
        } else if !line.is_empty() {
            if !line.starts_with(' ') && is_open {
                roff.control("fi", []);
                roff.control("PP", []);
                is_open = false;
            }
            roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
        }
    }
    if is_open {
        roff.control("fi", []);
    }
    roff.render()
}

/// synchronome.toml(5).
pub fn configuration() -> String {
    let mut roff = Roff::default();
    let source = format!("Synchronome {}", super::VERSION);
    roff.control("TH", ["synchronome.toml", "5", "", &source, "Synchronome"]);
    roff.control("SH", ["NAME"]);
    roff.text([roman("synchronome.toml - configuration of the synchronome daemon")]);
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([italic("/etc/synchronome/synchronome.toml")]);
    roff.control("SH", ["DESCRIPTION"]);
    roff.text([roman(
        "The file is TOML: sections in brackets, options as name = value; sections in double brackets may come several times. What is not written \
         has the default that is named here. A name that does not exist, and a value out of range, is an error.",
    )]);
    roff.control("PP", []);
    roff.text([
        roman("Durations are text with a unit (\"840ns\", \"100us\", \"1.5ms\", \"2s\", \"10min\", \"1h\"), frequencies too (\"40ppm\", \"-3ppb\"). "),
        bold("synchronome check FILE --explain"),
        roman(" prints each option's value and where it came from."),
    ]);
    for section in DAEMON.sections {
        let (open, close) = if section.repeated { ("[[", "]]") } else { ("[", "]") };
        roff.control("SH", [format!("{open}{}{close}", section.path).as_str()]);
        roff.text([roman(section.help)]);
        let own = |option: &&OptionSpec| option.path.rsplit_once('.').is_some_and(|(of, _)| of == section.path);
        for option in DAEMON.options.iter().filter(own) {
            roff.control("TP", []);
            roff.text([bold(option.name()), roman(" = "), italic(plain(&DAEMON.allowed(option)))]);
            let mut text = option.help.to_owned();
            match option.default {
                Default::Required => text += " Required.",
                // Writing to a String cannot fail.
                Default::Unset(meaning) => _ = write!(text, " Default: {meaning}."),
                Default::Toml(value) => _ = write!(text, " Default: {value}."),
            }
            roff.text([roman(text)]);
        }
    }
    roff.control("SH", ["FILES"]);
    roff.text([italic("/usr/share/doc/synchronome/examples"), roman(": configurations to begin with.")]);
    roff.control("SH", ["SEE ALSO"]);
    roff.text([
        bold("synchronome"),
        roman("(1), "),
        bold("synchronome-check"),
        roman("(1), "),
        bold("synchronome-probe"),
        roman("(1)"),
    ]);
    roff.render()
}

/// Without the marks of the reference manual, which is Markdown.
fn plain(markdown: &str) -> String {
    markdown.replace('`', "").replace("\\|", "|")
}
