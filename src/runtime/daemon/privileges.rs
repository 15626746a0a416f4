//! What the threads have given up, and what becomes of it: told, where somebody runs against it.

use std::fs;

use synchronome_kernel::refusal::refused;

use super::super::host::effective;
use super::super::privileges::rights::Rights;
use super::super::privileges::{Reach, failures, name_of_call, standing};
use super::Daemon;
use crate::config::SeccompMode;
use crate::observe::status::{RefusalOfCall, SecurityStatus, ThreadRights};
use crate::observe::{Level, Topic};
use crate::time::{Duration, Mono, Timestamp};

/// So long what the kernel says of the threads is taken for true: a file of each is read for it.
const THREADS_AGE_MAX: Duration = Duration::from_secs(5);

/// What was told already, and what the threads have.
#[derive(Clone, Default, Debug)]
pub(super) struct PrivilegeWatch {
    told: usize,
    threads: Option<(Timestamp<Mono>, Vec<ThreadRights>)>,
}

impl PrivilegeWatch {
    /// What the threads have; `look` is called where that is not known, or is old.
    fn threads(&mut self, now: Timestamp<Mono>, look: impl FnOnce() -> Vec<ThreadRights>) -> Vec<ThreadRights> {
        match &self.threads {
            Some((at, threads)) if now - *at < THREADS_AGE_MAX => threads.clone(),
            _ => self.threads.insert((now, look())).1.clone(),
        }
    }
}

impl Daemon {
    /// Tells of system calls that a filter has refused, each of a thread once.
    pub(super) fn look_after_privileges(&mut self) {
        for problem in failures() {
            self.record(Level::Warn, Topic::Daemon, problem);
        }
        let new: Vec<_> = refused().skip(self.privileges.told).collect();
        self.privileges.told += new.len();
        for call in new {
            let text = format!(
                "thread {} was refused the system call {}: it is none of its business (security.seccomp); that is a bug of ours, or of somebody \
                 who has got into it; \"log\" lets it through",
                name_of_thread(call.thread),
                name_of_call(call.call)
            );
            self.record(Level::Error, Topic::Daemon, text);
        }
    }

    /// What may be done, and by which thread; `None` where nothing was given up.
    pub(super) fn security_status(&mut self, now: Timestamp<Mono>) -> Option<SecurityStatus> {
        let standing = standing()?;
        let threads = self.privileges.threads(now, threads_of_ours);
        let (landlock, landlock_lacks) = match &standing.reach {
            Some(Reach::Limited(version)) => (Some(version.clone()), None),
            Some(Reach::Unlimited(why)) => (None, Some(why.clone())),
            None => (None, None),
        };
        let mode = standing.seccomp.as_ref().map_or(SeccompMode::Off, |mode| *mode);
        Some(SecurityStatus {
            user: standing.user.clone(),
            landlock,
            landlock_lacks,
            seccomp: mode.word().to_owned(),
            seccomp_lacks: standing.seccomp.as_ref().err().cloned(),
            threads,
            refused: refused()
                .map(|call| RefusalOfCall {
                    call: name_of_call(call.call),
                    thread: name_of_thread(call.thread),
                    times: call.times,
                })
                .collect(),
        })
    }
}

/// By its number, as long as it runs.
fn name_of_thread(thread: u32) -> String {
    let name = fs::read_to_string(format!("/proc/self/task/{thread}/comm"));
    name.map_or_else(|_| thread.to_string(), |name| name.trim_end().to_owned())
}

/// All threads, by what the kernel says of them.
fn threads_of_ours() -> Vec<ThreadRights> {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let status = threads.filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok());
    status.map(|status| rights_in(&status)).collect()
}

fn rights_in(status: &str) -> ThreadRights {
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    ThreadRights {
        name: field("Name:").unwrap_or_default().to_owned(),
        capabilities: Rights::from_bits(effective(status).unwrap_or(0)).names(),
        is_filtered: field("Seccomp:") == Some("2"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_often_hears_of_a_new_thread_too() {
        let (mut watch, mut looks) = (PrivilegeWatch::default(), Vec::new());
        for second in [0, 2, 4, 6, 8] {
            watch.threads(Timestamp::from_secs(100 + second), || {
                looks.push(second);
                Vec::new()
            });
        }
        assert_eq!(looks, [0, 6]);
    }

    #[test]
    fn what_a_thread_has_is_what_the_kernel_says() {
        let status = "Name:\tdiscipline\nCapEff:\t0000000002000400\nSeccomp:\t2\nSeccomp_filters:\t3\n";
        let rights = rights_in(status);
        assert_eq!(rights.name, "discipline");
        assert_eq!(rights.capabilities, ["CAP_NET_BIND_SERVICE", "CAP_SYS_TIME"]);
        assert!(rights.is_filtered && !rights_in("Name:\tx\nSeccomp:\t0\n").is_filtered);
    }
}
