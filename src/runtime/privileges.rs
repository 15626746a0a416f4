//! What the daemon may do: all that it needs when it starts, and from then on each thread what it needs itself.
//!
//! ```text
//! root                     forks the doorman, who alone may open clocks again (CAP_DAC_OVERRIDE)
//!   locks memory, hands its directories over, becomes the user
//!   landlock, seccomp: for all threads to come
//! starts the threads       each gives up what its kind does not need, and puts on its own filter
//! opens the sockets        then the control thread does the same
//! ```
//!
//! Capabilities, landlock and filters belong to threads, not to the process (capabilities(7), landlock(7), seccomp(2)): a thread has those of who
//! started it. So what all shall have is put in place before there is a second one; and a thread that hears strangers (an NTP worker, a
//! port) has no right at all, while the one next to it steers the clock.
//!
//! What is put in place is for good. What a new configuration needs beyond it takes a restart ([`lacking_for`]).
//!
//! A process that does not [`enter`] is not concerned: the threads find no policy, and do nothing.
//!
//! The decision: [ADR 13](crate::manual::adr::privileges).

pub mod calls;
mod doorman;
mod files;
mod filter;
pub mod rights;
pub(in crate::runtime) mod user;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, OnceLock};

use caps::{CapSet, CapsHashSet};
use nix::sys::prctl;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::unistd::geteuid;
use seccompiler::BpfProgram;
use synchronome_kernel::refusal;

pub use self::files::Reach;
pub use self::rights::ThreadKind;
use self::rights::{Freedom, Need, Rights, needs, rights_of};
use super::memory;
use crate::config::{Config, SeccompMode};
use crate::observe::Level;

/// What was put in place, for the status.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Who we are.
    pub user: String,
    /// Whether landlock limits the files.
    pub reach: Option<Reach>,
    /// What the filters do; `None`: there are none, and why.
    pub seccomp: Result<SeccompMode, String>,
    /// What we had at the start.
    pub had: Rights,
    /// What each kind of thread keeps, as far as we had it.
    pub rights: Vec<(ThreadKind, Rights)>,
    /// What is needed.
    pub needs: Vec<Need>,
    /// For which configuration.
    pub started_with: Config,
}

/// What the threads have to do with themselves.
struct Policy {
    standing: Standing,
    filters: BTreeMap<ThreadKind, BpfProgram>,
}

static POLICY: OnceLock<Policy> = OnceLock::new();
/// What threads could not do with themselves.
static FAILURES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// What there is to say of it.
pub type News = Vec<(Level, String)>;

/// Gives up everything that is not needed, before any thread is started. `file` is the configuration's. Memory is locked on the way, while we may.
///
/// # Errors
/// The user cannot be become: a sentence. Where the kernel lacks something it is done without, and said.
pub fn enter(config: &Config, file: Option<&Path>) -> Result<News, String> {
    let mut news = News::new();
    let held = held().unwrap_or_default();
    let whom = user::wanted(&config.security)?;
    free_limits(config);
    doorman::employ(config)?;
    if config.threads.lock_memory
        && let Some(problem) = memory::lock()
    {
        news.push((Level::Warn, problem));
    }
    let needs = needs(config, Freedom::here());
    let all = ThreadKind::ALL.into_iter().fold(Rights::NONE, |all, kind| all.with(rights_of(kind, &needs)));
    if let Some(user) = &whom {
        for directory in files::written(config) {
            // The clock is steered all the same.
            if let Err(problem) = user::hand_over(&directory, user) {
                news.push((Level::Warn, problem));
            }
        }
        prctl::set_keepcaps(true).map_err(|errno| format!("PR_SET_KEEPCAPS: {errno}"))?;
        user::become_user(user)?;
    } else {
        let root = geteuid().is_root().then(|| nix::unistd::User::from_uid(geteuid()).ok().flatten()).flatten();
        for directory in files::written(config) {
            // So that there can be a rule for it; who cannot make it says so when he writes there.
            let _ = std::fs::create_dir_all(&directory);
            // Once it was another user's, and root will not have the right any more to write everywhere.
            if let Some(Err(problem)) = root.as_ref().map(|root| user::hand_over(&directory, root)) {
                news.push((Level::Warn, problem));
            }
        }
    }
    give_up_all_but(all)?;
    let user = whom.as_ref().map_or_else(own_name, |user| user.name.clone());
    if whom.is_none() && geteuid().is_root() && config.security.user.is_none() {
        let why = if user::may_change() {
            "there is no user \"synchronome\" (useradd --system synchronome; or security.user)"
        } else {
            "it may not become another user (CAP_SETUID, CAP_SETGID)"
        };
        news.push((Level::Info, format!("it stays root, with few rights: {why}")));
    }
    if let Err(errno) = prctl::set_no_new_privs() {
        news.push((Level::Warn, format!("PR_SET_NO_NEW_PRIVS: {errno}")));
    }
    let reach = config.security.landlock.then(|| files::limit(config, file).unwrap_or_else(Reach::Unlimited));
    if let Some(Reach::Unlimited(why)) = &reach {
        news.push((Level::Warn, format!("landlock does not limit which files are within reach: {why}")));
    }
    let (seccomp, filters) = match filters(config, all) {
        Ok(filters) => (Ok(config.security.seccomp), filters),
        Err(why) => {
            news.push((Level::Warn, format!("system calls are not filtered: {why}")));
            (Err(why), BTreeMap::new())
        }
    };
    let rights = ThreadKind::ALL.map(|kind| (kind, rights_of(kind, &needs).within(held))).to_vec();
    let standing = Standing { user, had: held, reach, seccomp, rights, needs, started_with: config.clone() };
    let _ = POLICY.set(Policy { standing, filters });
    Ok(news)
}

/// Puts the filter of the whole process on, and makes those of the threads.
fn filters(config: &Config, all: Rights) -> Result<BTreeMap<ThreadKind, BpfProgram>, String> {
    let mode = config.security.seccomp;
    let mut filters = BTreeMap::new();
    for kind in ThreadKind::ALL {
        // Who opens packet sockets may not have the right to: then that is what the kernel shall say.
        if let Some(program) = filter::allowing(calls::calls_of(kind, all), mode)? {
            filters.insert(kind, program);
        }
    }
    if let Some(program) = filter::allowing(calls::calls_of_all(all), mode)? {
        refusal::write_down().map_err(|error| error.to_string())?;
        let put_on = |program: &BpfProgram| filter::put_on(program).map_err(|error| format!("seccomp: {error}"));
        if mode == SeccompMode::Enforce {
            filter::without_processes()?.iter().try_for_each(put_on)?;
        }
        put_on(&program)?;
    }
    Ok(filters)
}

/// The calling thread gives up what its kind does not need, and makes no calls but those of its kind; for good. Nothing where nobody has [entered](enter).
pub fn confine(kind: ThreadKind) {
    let Some(policy) = POLICY.get() else { return };
    let rights =
        policy.standing.rights.iter().find(|(known, _)| *known == kind).map_or(Rights::NONE, |(_, rights)| *rights);
    let fail = |what: String| {
        if let Ok(mut failures) = FAILURES.lock() {
            failures.push(format!("thread {}: {what}", kind.word()));
        }
    };
    if let Err(what) = give_up_all_but(rights) {
        fail(what);
    }
    if let Some(program) = policy.filters.get(&kind)
        && let Err(error) = filter::put_on(program)
    {
        fail(format!("its system calls are not filtered by themselves: {error}"));
    }
}

/// What was put in place; `None` where nobody has entered.
pub fn standing() -> Option<&'static Standing> {
    POLICY.get().map(|policy| &policy.standing)
}

/// What threads could not do with themselves since this was asked last.
pub fn failures() -> Vec<String> {
    FAILURES.lock().map(|mut failures| std::mem::take(&mut *failures)).unwrap_or_default()
}

/// What another configuration needs and was given up, each with what for.
pub fn lacking_for(config: &Config) -> Vec<String> {
    let Some(standing) = standing() else { return Vec::new() };
    let kept =
        |kind| standing.rights.iter().find(|(known, _)| *known == kind).map_or(Rights::NONE, |(_, rights)| *rights);
    let was_needed =
        |need: &Need| standing.needs.iter().any(|known| (known.kind, known.capability) == (need.kind, need.capability));
    let rights = needs(config, Freedom::here())
        .into_iter()
        .filter(|need| !was_needed(need) && !kept(need.kind).has(need.capability))
        .map(|need| format!("{}, which was given up at the start ({})", need.capability, need.reason));
    let list = &config.clock.leap_file;
    let is_out_of_reach =
        matches!(standing.reach, Some(Reach::Limited(_))) && !files::is_readable(list, &standing.started_with);
    let list = is_out_of_reach
        .then(|| format!("{}, which landlock keeps out of reach since the start (clock.leap_file)", list.display()));
    rights.chain(list).collect()
}

/// The capabilities that this thread can use or take.
pub fn held() -> Result<Rights, String> {
    let all = caps::read(None, CapSet::Permitted).map_err(|error| error.to_string())?;
    Ok(all.into_iter().fold(Rights::NONE, |rights, capability| rights.with(Rights::of(capability))))
}

/// Keeps of this thread's capabilities these, effective; and of the process's nothing to inherit.
fn give_up_all_but(kept: Rights) -> Result<(), String> {
    let said = |error: caps::errors::CapsError| format!("capabilities cannot be given up: {error}");
    let kept: CapsHashSet = kept.within(held()?).capabilities().collect();
    // Old kernels have no such set.
    let _ = caps::clear(None, CapSet::Ambient);
    caps::set(None, CapSet::Effective, &kept).map_err(said)?;
    caps::set(None, CapSet::Permitted, &kept).map_err(said)?;
    caps::set(None, CapSet::Inheritable, &CapsHashSet::new()).map_err(said)
}

/// Raises the limits that do without a capability, as far as we may.
fn free_limits(config: &Config) {
    let raise = |resource, to| {
        if getrlimit(resource).is_ok_and(|(soft, _)| soft < to) {
            // Only root may; then the capability is kept.
            let _ = setrlimit(resource, to, to);
        }
    };
    let threads = [config.threads.ptp, config.threads.discipline, config.threads.server];
    if let Some(priority) = threads.into_iter().filter_map(|thread| thread.priority).max() {
        raise(Resource::RLIMIT_RTPRIO, u64::from(priority));
    }
    if config.threads.lock_memory {
        raise(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY);
    }
}

fn own_name() -> String {
    let own = geteuid();
    let found = nix::unistd::User::from_uid(own).ok().flatten();
    found.map_or_else(|| own.to_string(), |user| user.name)
}

/// The name of a system call by its number.
pub fn name_of_call(number: u32) -> String {
    let known = syscalls::Sysno::new(number as usize);
    known.map_or_else(|| format!("number {number}"), |call| call.name().to_owned())
}
