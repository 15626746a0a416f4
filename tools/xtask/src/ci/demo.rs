//! The demonstration, as somebody without any privilege would run it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};

use serde_json::Value;

use super::{Outcome, Run, show_lines};

/// Debian's `nobody` and `nogroup`.
const NOBODY: u32 = 65_534;
/// From selecting the parent to LOCKED.
const LOCK_TIME_MAX_S: f64 = 3.0;
const TRUE_ERROR_RMS_MAX_S: f64 = 2e-5;

pub fn run(run: &mut Run) -> Outcome {
    crate::build(&["synchronome"])?;
    let stage = Stage::new(&crate::target().join("release/synchronome")).map_err(|error| format!("a copy: {error}"))?;
    // Not the default ports, so that a demo that somebody is looking at goes on.
    let mut command = run.command(stage.0.join("synchronome"));
    command.args(["demo", "--for", "12s", "--json", "--ptp-ports", "10419,10420", "--ntp-port", "11223"]);
    command.current_dir(&stage.0).env("TMPDIR", &stage.0).stderr(Stdio::inherit());
    if is_root(&stage.0) {
        command.uid(NOBODY).gid(NOBODY);
    }
    let mut last = String::new();
    let outcome = show_lines(&mut command, |line| line.clone_into(&mut last));
    judge(&last).and(outcome)
}

/// A folder that anybody may use, with a copy of the binary: the repository may lie where only root can read.
struct Stage(PathBuf);

impl Stage {
    fn new(binary: &Path) -> std::io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("synchronome-ci-{}", process::id()));
        fs::create_dir(&folder)?;
        let stage = Self(folder);
        // Sticky, like /tmp.
        fs::set_permissions(&stage.0, Permissions::from_mode(0o1777))?;
        let copy = stage.0.join("synchronome");
        fs::copy(binary, &copy)?;
        fs::set_permissions(copy, Permissions::from_mode(0o755))?;
        Ok(stage)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{}: {error}", self.0.display());
        }
    }
}

/// Whether we are root: what we have just made is then root's.
fn is_root(ours: &Path) -> bool {
    fs::metadata(ours).is_ok_and(|metadata| metadata.uid() == 0)
}

/// Judges the last line of `demo --json`.
fn judge(last: &str) -> Outcome {
    let parsed: Value = serde_json::from_str(last).map_err(|error| format!("no summary at the end: {error}"))?;
    let summary = &parsed["summary"];
    let figure = |name: &str| summary[name].as_f64().ok_or_else(|| format!("the summary has no {name}: {last}"));
    let at_most = |name: &str, limit: f64| match figure(name)? {
        value if value <= limit => Ok(()),
        value => Err(format!("{name} is {value}, at most {limit}")),
    };
    at_most("lock_time_s", LOCK_TIME_MAX_S)?;
    at_most("true_error_rms_s", TRUE_ERROR_RMS_MAX_S)?;
    at_most("bound_violations", 0.0)?;
    if figure("ntp_requests")? < 1.0 { Err("no NTP request was answered".to_owned()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(lock_time: &str, rms: &str, violations: u32, requests: u32) -> String {
        format!(
            r#"{{"summary":{{"state":"LOCKED","lock_time_s":{lock_time},"true_error_rms_s":{rms},"bound_violations":{violations},"ntp_requests":{requests}}}}}"#
        )
    }

    #[test]
    fn a_good_summary_passes_and_each_bad_figure_fails() {
        assert_eq!(judge(&summary("1.5", "3e-6", 0, 12)), Ok(()));
        for bad in [
            summary("3.1", "3e-6", 0, 12),
            summary("null", "3e-6", 0, 12),
            summary("1.5", "2.1e-5", 0, 12),
            summary("1.5", "null", 0, 12),
            summary("1.5", "3e-6", 1, 12),
            summary("1.5", "3e-6", 0, 0),
            "{}".to_owned(),
            "killed".to_owned(),
        ] {
            assert!(judge(&bad).is_err(), "{bad}");
        }
    }
}
