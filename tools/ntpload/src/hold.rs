//! A thread of a process held to a share of a core, whatever it would like.
//!
//! | means | how | where |
//! |---|---|---|
//! | control groups, version 2 | a threaded group with `cpu.max` (Documentation/admin-guide/cgroup-v2.rst) | systemd's hosts |
//! | control groups, version 1 | `cpu.cfs_quota_us`, where a thread can be alone in a group whatever its process is in | older ones, small guests |
//! | neighbours | loops of the same class on the same core, of which each gets as much | anywhere |
//!
//! The first that this machine grants is taken, and it says which it was. Groups are made for this and removed with it; no existing one is changed.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

/// In which the share is given anew, in us.
const PERIOD_US: u32 = 20_000;

/// Where the hierarchy of version 1 is found.
const VERSION_1: &str = "/sys/fs/cgroup/cpu";

/// What holds a thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Means {
    /// `cpu.max`.
    GroupV2,
    /// `cpu.cfs_quota_us`.
    GroupV1,
    /// Loops on its core.
    Neighbours,
}

impl Means {
    /// In the order in which they are tried.
    pub const ALL: [Self; 3] = [Self::GroupV2, Self::GroupV1, Self::Neighbours];
}

impl fmt::Display for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GroupV2 => "a control group of version 2",
            Self::GroupV1 => "a control group of version 1",
            Self::Neighbours => "loops beside it on its core, for want of a control group",
        })
    }
}

/// Which thread, and to what.
#[derive(Clone, Copy, Debug)]
pub struct Hold {
    /// Its process,
    pub process: u32,
    /// and its own number.
    pub thread: u32,
    /// The core that it runs on.
    pub core: usize,
    /// The part of that core that it gets, above 0 and below 1; neighbours give the nearest `1 / n`.
    pub share: f64,
}

/// A thread that is held; let go when this is dropped.
#[derive(Debug)]
pub struct Held {
    means: Means,
    kept: Kept,
}

#[derive(Debug)]
enum Kept {
    Group { _groups: Vec<Group> },
    Neighbours(Neighbours),
}

impl Held {
    /// By the first means that this machine grants.
    ///
    /// # Errors
    /// Not even a thread can be started on that core.
    pub fn new(hold: Hold) -> io::Result<Self> {
        let [groups @ .., neighbours] = Means::ALL;
        groups.into_iter().find_map(|means| Self::by(means, hold).ok()).map_or_else(|| Self::by(neighbours, hold), Ok)
    }

    /// By these means.
    ///
    /// # Errors
    /// The machine does not grant it: no such controller, no right to it.
    pub fn by(means: Means, hold: Hold) -> io::Result<Self> {
        let kept = match means {
            Means::GroupV2 => Kept::Group { _groups: version_2(hold)? },
            Means::GroupV1 => Kept::Group { _groups: version_1(hold)? },
            Means::Neighbours => Kept::Neighbours(Neighbours::new(hold)?),
        };
        Ok(Self { means, kept })
    }

    /// What holds it.
    pub fn means(&self) -> Means {
        self.means
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Kept::Neighbours(neighbours) = &mut self.kept {
            neighbours.end();
        }
    }
}

fn quota_us(share: f64) -> u32 {
    (f64::from(PERIOD_US) * share) as u32
}

/// The process moves to a group of its own below the root, since its own may have no controller to give; the thread to a threaded one below that.
fn version_2(hold: Hold) -> io::Result<Vec<Group>> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let mount = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let root =
        mount.into_iter().find(|fields| fields.get(2) == Some(&"cgroup2")).map(|fields| PathBuf::from(fields[1]));
    let root = root.ok_or_else(|| io::Error::other("no control groups of version 2"))?;
    let groups = fs::read_to_string(format!("/proc/{}/cgroup", hold.process))?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    if !fs::read_to_string(root.join("cgroup.subtree_control"))?.split_whitespace().any(|name| name == "cpu") {
        return Err(io::Error::other("no CPU controller of version 2 for groups below the root"));
    }
    let whole = Group::make(&root, "", "cgroup.procs", root.join(own))?;
    let (process, quota) = (hold.process.to_string(), format!("{} {PERIOD_US}", quota_us(hold.share)));
    whole.write("cgroup.procs", &process)?;
    let held = Group::make(&whole.path, "-held", "cgroup.threads", whole.path.clone())?;
    held.write("cgroup.type", "threaded")?;
    whole.write("cgroup.subtree_control", "+cpu")?;
    held.write("cpu.max", &quota)?;
    held.write("cgroup.threads", &hold.thread.to_string())?;
    // In the order in which they are removed.
    Ok(vec![held, whole])
}

fn version_1(hold: Hold) -> io::Result<Vec<Group>> {
    let root = PathBuf::from(VERSION_1);
    if !root.join("cpu.cfs_period_us").exists() {
        return Err(io::Error::other(format!("no CPU controller of version 1 at {VERSION_1}")));
    }
    let group = Group::make(&root, "", "tasks", root.clone())?;
    group.write("cpu.cfs_period_us", &PERIOD_US.to_string())?;
    group.write("cpu.cfs_quota_us", &quota_us(hold.share).to_string())?;
    group.write("tasks", &hold.thread.to_string())?;
    Ok(vec![group])
}

/// A control group of ours.
#[derive(Debug)]
struct Group {
    path: PathBuf,
    /// Its file that has who is in it.
    members: &'static str,
    /// Where they go when it is removed.
    back: PathBuf,
}

impl Group {
    fn make(parent: &Path, end: &str, members: &'static str, back: PathBuf) -> io::Result<Self> {
        let name = format!("ntpload-{}-{:?}{end}", std::process::id(), std::thread::current().id());
        let path = parent.join(name.replace(['(', ')'], ""));
        fs::create_dir(&path)?;
        Ok(Self { path, members, back })
    }

    fn write(&self, file: &str, value: &str) -> io::Result<()> {
        fs::write(self.path.join(file), value)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let inside = fs::read_to_string(self.path.join(self.members)).unwrap_or_default();
        for one in inside.lines() {
            // Who has ended meanwhile is in no group.
            let _ = fs::write(self.back.join(self.members), one);
        }
        if let Err(error) = fs::remove_dir(&self.path) {
            eprintln!("could not remove {0} ({error}): `rmdir {0}` will", self.path.display());
        }
    }
}

/// Threads that turn without end.
#[derive(Debug)]
struct Neighbours {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Neighbours {
    fn new(hold: Hold) -> io::Result<Self> {
        let mut core = CpuSet::new();
        core.set(hold.core)?;
        sched_setaffinity(Pid::from_raw(hold.thread as i32), &core)?;
        let count = (1.0 / hold.share).round() as usize - 1;
        let mut neighbours = Self { stop: Arc::default(), threads: Vec::with_capacity(count) };
        for _ in 0..count {
            let stop = Arc::clone(&neighbours.stop);
            let turn = move || {
                // One that is not pinned takes less from whom it shall take it from: no reason to stop.
                let _ = sched_setaffinity(Pid::from_raw(0), &core);
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            };
            neighbours.threads.push(std::thread::Builder::new().name("neighbour".to_owned()).spawn(turn)?);
        }
        Ok(neighbours)
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// The part of a core that a thread gets which turns without end and is held to a fifth, and what held it.
    fn share(means: Means) -> io::Result<f64> {
        let core = synchronome_kernel::sched::available_cpus()?[0];
        let (stop, (tell, told)) = (Arc::new(AtomicBool::new(false)), std::sync::mpsc::channel());
        let ended = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            tell.send(synchronome_kernel::sched::thread_id()).expect("somebody waits for it");
            while !ended.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        let thread_id = told.recv().expect("it says so at once");
        let ran = || {
            let path = format!("/proc/self/task/{thread_id}/schedstat");
            let figures = fs::read_to_string(path).expect("a kernel with CONFIG_SCHED_INFO");
            figures.split_whitespace().next().and_then(|nanos| nanos.parse::<u64>().ok()).expect("a number")
        };
        let held = Held::by(means, Hold { process: std::process::id(), thread: thread_id, core, share: 0.2 });
        let (start, before) = (Instant::now(), ran());
        std::thread::sleep(Duration::from_millis(600));
        let share = (ran() - before) as f64 / start.elapsed().as_nanos() as f64;
        stop.store(true, Ordering::Relaxed);
        let held = held.inspect(|held| assert_eq!(held.means(), means));
        drop(held?);
        thread.join().expect("it ends");
        Ok(share)
    }

    #[test]
    fn a_thread_gets_about_a_fifth_of_a_core_by_whatever_means() {
        for means in Means::ALL {
            match share(means) {
                Ok(share) => {
                    println!("{share:.3} of a core by {means}");
                    assert!(share > 0.0 && share < 0.3, "{share} by {means}");
                }
                Err(error) => {
                    println!("not by {means}: {error}");
                    assert_ne!(means, Means::Neighbours, "{error}: these are always to be had");
                }
            }
        }
    }
}
