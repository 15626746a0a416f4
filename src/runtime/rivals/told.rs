//! What another program was told: its options, and for those of linuxptp its configuration file, may say that it is to leave the clocks alone.
//!
//! Options are taken apart as getopt_long(3) does it, since people write `chronyd -nx` and `ptp4l -mf FILE`. A file that cannot be read says nothing,
//! and a program that is told nothing steers.

use std::path::Path;

use super::QEMU_GA;

/// The short options that a value follows, by program; those of linuxptp 3.1 to 4.4 and chrony 4.
const WITH_VALUE: [(&str, &str); 4] =
    [(CHRONYD, "fFlLPtu"), ("ptp4l", "filp"), ("phc2sys", "cdDfsEPISFRNOLMiunzlt"), ("ts2phc", "cfils")];
const CHRONYD: &str = "chronyd";
/// `-x`: it does not control the clock; `-Q` measures once, `-p` prints the configuration.
const CHRONYD_HARMLESS: [&str; 3] = ["-x", "-Q", "-p"];
/// linuxptp's option and setting: the clocks are measured, and not adjusted, if it is not 0.
const FREE_RUNNING: &str = "free_running";

/// Whether the command line, as in proc_pid_cmdline(5), or the file that it names tells the program not to touch a clock. `read` has the text of
/// a file that the program names.
pub(super) fn leaves_clocks_alone(program: &str, command: &str, read: &dyn Fn(&Path) -> Option<String>) -> bool {
    if program == QEMU_GA {
        return is_setting_blocked(command);
    }
    let Some((_, with_value)) = WITH_VALUE.iter().find(|(name, _)| *name == program) else { return false };
    let options = options(command, with_value, program != CHRONYD);
    if program == CHRONYD {
        return options.iter().any(|(name, _)| CHRONYD_HARMLESS.contains(&name.as_str()));
    }
    // The last one counts, and the command line before the file.
    let last = |wanted: &str| options.iter().rev().find(|(name, _)| name == wanted)?.1;
    if let Some(value) = last(&format!("--{FREE_RUNNING}")) {
        return is_on(value);
    }
    let text = last("-f").and_then(|file| read(Path::new(file)));
    text.is_some_and(|text| runs_freely(&text))
}

/// The options of a command line, each with its value; `--name=value` is `--name value` where long options have one.
fn options<'a>(command: &'a str, with_value: &str, long_have_value: bool) -> Vec<(String, Option<&'a str>)> {
    let mut found = Vec::new();
    let mut arguments = command.split_terminator('\0').skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            break;
        }
        if argument.starts_with("--") {
            found.push(match argument.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value)),
                None => (argument.to_owned(), if long_have_value { arguments.next() } else { None }),
            });
            continue;
        }
        let Some(cluster) = argument.strip_prefix('-') else { continue };
        for (at, letter) in cluster.char_indices() {
            let name = format!("-{letter}");
            if with_value.contains(letter) {
                let rest = &cluster[at + letter.len_utf8()..];
                found.push((name, if rest.is_empty() { arguments.next() } else { Some(rest) }));
                break;
            }
            found.push((name, None));
        }
    }
    found
}

/// Whether a configuration of linuxptp has `free_running 1`: it counts in `[global]`, where nothing else stands before the first section, and the
/// last one counts.
fn runs_freely(text: &str) -> bool {
    let mut is_global = true;
    let mut runs_freely = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            is_global = line.eq_ignore_ascii_case("[global]");
        } else if let Some((FREE_RUNNING, value)) = line.split_once(char::is_whitespace)
            && is_global
        {
            runs_freely = is_on(value.trim());
        }
    }
    runs_freely
}

/// A number as strtol(3) reads it, that is not 0.
fn is_on(value: &str) -> bool {
    let digits = value.trim_start_matches("0x");
    let radix = if digits.len() < value.len() { 16 } else { 10 };
    u32::from_str_radix(digits, radix).is_ok_and(|number| number != 0)
}

/// qemu-ga is told by `-b LIST`, `--block-rpcs=LIST`, or `--blacklist=LIST` of old what its host may not do.
fn is_setting_blocked(command: &str) -> bool {
    let is_block = |argument: &str| argument.starts_with("-b") || argument.starts_with("--b");
    let arguments: Vec<_> = command.split('\0').collect();
    let is_list = |pair: &[&str]| pair[1].contains("guest-set-time") && (is_block(pair[0]) || is_block(pair[1]));
    arguments.windows(2).any(is_list)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a command line, with a blank between its arguments, tells the program so; its file, by whatever name, says this.
    fn told(command: &str, file: Option<&str>) -> bool {
        let program = command.split(' ').next().unwrap();
        let command = command.replace(' ', "\0") + "\0";
        leaves_clocks_alone(program, &command, &|name| {
            assert_eq!(name, Path::new("/etc/linuxptp/x.conf"));
            file.map(str::to_owned)
        })
    }

    #[test]
    fn chronyd_is_told_by_a_letter_among_others() {
        for command in ["chronyd -x", "chronyd -nx", "chronyd -4nxf /etc/c.conf", "chronyd -Q", "chronyd -u x -x"] {
            assert!(told(command, None), "{command}");
        }
        for command in ["chronyd", "chronyd -n", "chronyd -fx", "chronyd -nu x", "chronyd -n -- -x", "chronyd -l -x"] {
            assert!(!told(command, None), "{command}");
        }
    }

    #[test]
    fn linuxptp_is_told_by_an_option_or_by_its_file_and_the_option_counts() {
        let (on, off) = (Some("# ours\n[global]\nfree_running\t\t1\n"), Some("[global]\nfree_running 0\n"));
        for (command, file, expected) in [
            ("ptp4l -f /etc/linuxptp/x.conf", on, true),
            ("ptp4l -i eth0 -mf/etc/linuxptp/x.conf", on, true),
            ("ptp4l -f /etc/linuxptp/x.conf", off, false),
            ("ptp4l -f /etc/linuxptp/x.conf", None, false),
            ("ptp4l -i eth0", on, false),
            ("ptp4l -f /etc/linuxptp/x.conf --free_running 0", on, false),
            ("ptp4l --free_running=1 -f /etc/linuxptp/x.conf", off, true),
            ("phc2sys -s eth0 -wf /etc/linuxptp/x.conf", on, true),
            ("phc2sys -s eth0 -w", on, false),
            ("ts2phc -s generic -mf /etc/linuxptp/x.conf", on, true),
            ("ptpd -f /etc/linuxptp/x.conf", on, false),
        ] {
            assert_eq!(told(command, file), expected, "{command} {file:?}");
        }
    }

    #[test]
    fn a_setting_of_a_port_or_in_a_comment_is_none() {
        for (file, expected) in [
            ("free_running 1", true),
            ("[global]\n  free_running 0x1  ", true),
            ("[global]\n#free_running 1", false),
            ("[global]\nfree_running_x 1", false),
            ("[eth0]\nfree_running 1", false),
            ("[eth0]\n[global]\nfree_running 1\nfree_running 0", false),
        ] {
            assert_eq!(runs_freely(file), expected, "{file}");
        }
    }
}
