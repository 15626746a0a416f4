//! A step that runs in a process of its own while others do; what it says is shown in its turn.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use super::{Outcome, Run};

/// Whatever comes of the others, it is waited for: it removes what it has made.
pub struct Beside {
    name: &'static str,
    /// What it says so far.
    log: PathBuf,
    child: Result<Child, String>,
}

impl Beside {
    pub fn begin(run: &Run, name: &'static str) -> Self {
        let log = crate::target().join(format!("ci-{name}.log"));
        let spawn = || {
            let out = File::create(&log)?;
            let errors = out.try_clone()?;
            run.command(std::env::current_exe()?).args(["ci", name]).stdout(Stdio::from(out)).stderr(errors).spawn()
        };
        let child = spawn().map_err(|error| format!("{name}: {error}"));
        Self { name, log, child }
    }

    pub fn is(&self, name: &str) -> bool {
        self.name == name
    }

    /// Waits for its end.
    pub fn finish(mut self) -> Outcome {
        let child = self.child.as_mut().map_err(|error| error.clone())?;
        let status = child.wait().map_err(|error| format!("{}: {error}", self.name))?;
        let said = fs::read(&self.log).map_err(|error| format!("{}: {error}", self.log.display()))?;
        for line in
            String::from_utf8_lossy(&said).lines().filter(|line| !line.starts_with("ci: ") || line.contains("FAILED"))
        {
            println!("{line}");
        }
        if status.success() { Ok(()) } else { Err(format!("beside: {status}")) }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if let Ok(child) = &mut self.child {
            // It has ended already, unless a step before its turn failed.
            let _ = child.wait();
        }
    }
}
