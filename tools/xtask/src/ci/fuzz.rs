//! Every fuzz target for 10 s, as tools/fuzz/README.md says.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;

use super::{Outcome, Run, show};

/// Switches the compiler's coverage pass on, which libFuzzer steers by.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// What libFuzzer says when it sees the coverage; without it, 10 s of fuzzing are 10 s of noise.
const INSTRUMENTED: &str = "inline 8-bit counters";

/// Lines of a log that are shown when its target failed.
const LOG_LINES_SHOWN: usize = 40;

pub fn run(run: &mut Run) -> Outcome {
    let targets = targets(&run.root)?;
    let host = host(run)?;
    let target_directory = crate::target().join("fuzz");
    let mut build = run.cargo(&["build", "-q", "--profile", "fuzz", "-p", "synchronome-fuzz", "--bins"]);
    build.args(["--target", &host, "--target-dir"]).arg(&target_directory).env("RUSTFLAGS", COVERAGE);
    show(&mut build)?;
    let binaries = target_directory.join(host).join("fuzz");
    let at_once = thread::available_parallelism().map_or(1, usize::from);
    for group in targets.chunks(at_once) {
        let running: Vec<_> = group.iter().map(|name| start(run, &binaries, name)).collect::<Result<_, String>>()?;
        for target in running {
            target.finish()?;
        }
    }
    Ok(())
}

struct Running {
    name: String,
    child: Child,
    log: PathBuf,
}

fn start(run: &Run, binaries: &Path, name: &str) -> Result<Running, String> {
    let problem = |error| format!("{name}: {error}");
    let fuzz = run.root.join("tools/fuzz");
    let (corpus, artifacts) = (fuzz.join("corpus").join(name), fuzz.join("artifacts"));
    fs::create_dir_all(&corpus).and_then(|()| fs::create_dir_all(&artifacts)).map_err(problem)?;
    let log = binaries.join(format!("{name}.log"));
    let output = File::create(&log).map_err(problem)?;
    let child = run
        .command(binaries.join(name))
        .args(["-max_total_time=10", "-max_len=1500", "-timeout=5"])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(corpus)
        .arg(fuzz.join("seeds").join(name))
        .stdout(Stdio::null())
        .stderr(output)
        .spawn()
        .map_err(problem)?;
    Ok(Running { name: name.to_owned(), child, log })
}

impl Running {
    fn finish(mut self) -> Outcome {
        let name = &self.name;
        let status = self.child.wait().map_err(|error| format!("{name}: {error}"))?;
        let log = fs::read(&self.log).map_err(|error| format!("{}: {error}", self.log.display()))?;
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        if !status.success() {
            println!("{}", lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n"));
            return Err(format!("{name}: {status}; the input is in tools/fuzz/artifacts"));
        }
        if !lines.iter().any(|line| line.contains(INSTRUMENTED)) {
            return Err(format!("{name}: built without coverage: no \"{INSTRUMENTED}\" in {}", self.log.display()));
        }
        let done = lines.iter().rfind(|line| line.starts_with("Done ")).unwrap_or(&"ended without a count");
        println!("{name}: {done}");
        Ok(())
    }
}

/// A file in `src/bin` each.
fn targets(root: &Path) -> Result<Vec<String>, String> {
    let folder = root.join("tools/fuzz/src/bin");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut names: Vec<_> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str().and_then(|name| name.strip_suffix(".rs")).map(str::to_owned))
        .collect();
    names.sort();
    if names.is_empty() { Err(format!("{}: no target", folder.display())) } else { Ok(names) }
}

/// The platform's name, which has to be given: it keeps the flags away from build scripts.
fn host(run: &Run) -> Result<String, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = run.command(rustc).arg("-vV").output().map_err(|error| format!("rustc: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc does not say what it runs on".to_owned())
}
