//! Which system calls each kind of thread makes: all others are none of its business.
//!
//! The lists hold what glibc and musl make of a function, on x86-64 and on arm64, which has only the younger of two calls that do the same. What
//! a call is asked for is looked at where that tells a harmless use from another one: the family of a socket, the request of an ioctl, memory
//! that may be executed, a clone that is no thread.
//!
//! A call that is allowed whatever its arguments costs nothing to speak of: the kernel knows it from a bitmap (Linux 5.11) and does not run the filter.

use libc::c_long;
use seccompiler::{SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};

use super::rights::{Rights, ThreadKind};

/// A call, and the arguments with which it may be made; none: any.
pub type Allowed = (c_long, Vec<SeccompRule>);

/// What every thread does: memory, waiting, its end, and saying why it panics.
const ANY: &[c_long] = &[
    libc::SYS_brk,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_clone, // see `processes`
    libc::SYS_clone3,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_getcpu,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_ppoll,
    libc::SYS_read,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    libc::SYS_tkill,
    libc::SYS_write,
    libc::SYS_writev,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
];

/// To send and receive on sockets that are open.
const TALK: &[c_long] = &[
    libc::SYS_getsockopt,
    libc::SYS_recvfrom,
    libc::SYS_recvmmsg,
    libc::SYS_recvmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
];

/// To open sockets; which families is looked at.
const CONNECT: &[c_long] = &[
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_fcntl,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_shutdown,
];

/// To steer clocks. It takes CAP_SYS_TIME, or a PHC that is open for writing.
const STEER: &[c_long] = &[
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_pread64,
    libc::SYS_timerfd_settime,
];

/// To read files, where landlock lets us.
const LOOK: &[c_long] = &[
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fcntl,
    libc::SYS_fstat,
    libc::SYS_getdents64,
    libc::SYS_lseek,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_pread64,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_statx,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_access,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lstat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
];

/// To write files, where landlock lets us.
const KEEP: &[c_long] = &[
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fdatasync,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_mkdirat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_unlinkat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rmdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
];

/// What the control thread does beside all that.
const MANAGE: &[c_long] = &[
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_capget,
    libc::SYS_capset,
    libc::SYS_dup3,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getuid,
    libc::SYS_listen,
    libc::SYS_prctl,
    libc::SYS_prlimit64,
    libc::SYS_sched_get_priority_max,
    libc::SYS_sched_get_priority_min,
    libc::SYS_sched_getattr,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_setattr,
    libc::SYS_sched_setscheduler,
    libc::SYS_seccomp,
    libc::SYS_signalfd4,
    libc::SYS_socketpair,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_uname,
    libc::SYS_wait4,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
];

/// What a resolver may do beside: it loads modules and asks whatever nsswitch.conf(5) names.
const RESOLVE: &[c_long] = &[
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getuid,
    libc::SYS_prlimit64,
    libc::SYS_sysinfo,
    libc::SYS_uname,
];

/// Memory that others write (gpsd).
const SHARE: &[c_long] = &[libc::SYS_shmat, libc::SYS_shmctl, libc::SYS_shmdt, libc::SYS_shmget];

/// Requests to network interfaces (linux/sockios.h).
const INTERFACES: &[u32] = &[
    0x8910, // SIOCGIFNAME
    0x8913, // SIOCGIFFLAGS
    0x8915, // SIOCGIFADDR
    0x8921, // SIOCGIFMTU
    0x8927, // SIOCGIFHWADDR
    0x8933, // SIOCGIFINDEX
    0x8946, // SIOCETHTOOL
    0x89b0, // SIOCSHWTSTAMP
    0x89b1, // SIOCGHWTSTAMP
];
/// Of any descriptor: FIONREAD, FIONBIO, FIOCLEX; of a terminal: TCGETS, TIOCGWINSZ.
const PLAIN: &[u32] = &[0x541b, 0x5421, 0x5451, 0x5401, 0x5413];
/// The magic octets of all requests to a PHC ('='), and to a PPS source or an RTC ('p').
const CLOCKS: &[u32] = &[0x3d00, 0x7000];
/// Where they are in a request.
const MAGIC: u64 = 0xff00;

/// if_nametoindex(3) asks by a socket of the first.
const FAMILIES: &[i32] = &[libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

fn when(argument: u8, how: SeccompCmpOp, value: u64) -> SeccompRule {
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, how, value).expect("an argument's number");
    SeccompRule::new(vec![condition]).expect("a condition")
}

fn requests(exact: &[&[u32]], by_magic: &[u32]) -> Allowed {
    let exact = exact.iter().copied().flatten().map(|request| when(1, SeccompCmpOp::Eq, u64::from(*request)));
    let by_magic = by_magic.iter().map(|magic| when(1, SeccompCmpOp::MaskedEq(MAGIC), u64::from(*magic)));
    // In the order in which they are compared: clocks are asked many times a second.
    (libc::SYS_ioctl, by_magic.chain(exact).collect())
}

fn sockets(families: impl IntoIterator<Item = i32>) -> Allowed {
    (libc::SYS_socket, families.into_iter().map(|family| when(0, SeccompCmpOp::Eq, family as u64)).collect())
}

/// Memory, but none that may be executed: code is where the program was loaded.
fn data_only() -> [Allowed; 2] {
    let is_data = || vec![when(2, SeccompCmpOp::MaskedEq(libc::PROT_EXEC as u64), 0)];
    [(libc::SYS_mmap, is_data()), (libc::SYS_mprotect, is_data())]
}

fn any_memory() -> [Allowed; 2] {
    [(libc::SYS_mmap, Vec::new()), (libc::SYS_mprotect, Vec::new())]
}

/// What makes a process, and no thread: it fails without a word. The C library blocks all signals around it, and a refusal that is written
/// down by one ([`synchronome_kernel::refusal`]) would end the daemon.
pub fn processes() -> Allowed {
    (libc::SYS_clone, vec![when(0, SeccompCmpOp::MaskedEq(libc::CLONE_THREAD as u64), 0)])
}

/// The call that does not exist as far as our threads are concerned (ENOSYS), so that the C library makes the older one: this one has its flags
/// in memory, where a filter does not see them.
pub const CLONE3: c_long = libc::SYS_clone3;

/// The calls of a kind of thread with these rights.
pub fn calls_of(kind: ThreadKind, rights: Rights) -> Vec<Allowed> {
    let plain = |lists: &[&[c_long]]| -> Vec<Allowed> {
        lists.iter().copied().flatten().map(|call| (*call, Vec::new())).collect()
    };
    let packet = rights.has(caps::Capability::CAP_NET_RAW).then_some(libc::AF_PACKET);
    match kind {
        ThreadKind::Control => {
            let mut all =
                plain(&[ANY, TALK, CONNECT, LOOK, KEEP, MANAGE, &[libc::SYS_adjtimex, libc::SYS_clock_adjtime]]);
            all.push(requests(&[PLAIN, INTERFACES], CLOCKS));
            all.push(sockets(FAMILIES.iter().copied().chain(packet)));
            all.extend(data_only());
            all
        }
        ThreadKind::Discipline => {
            let mut all = plain(&[ANY, TALK, STEER]);
            all.push(requests(&[INTERFACES], CLOCKS));
            all.extend(data_only());
            all
        }
        ThreadKind::Port => {
            let mut all = plain(&[ANY, TALK]);
            all.push(requests(&[], CLOCKS));
            all.extend(data_only());
            all
        }
        ThreadKind::NtpServer | ThreadKind::Simulation => {
            let mut all = plain(&[ANY, TALK]);
            all.extend(data_only());
            all
        }
        ThreadKind::NtpClient => {
            let mut all = plain(&[ANY, TALK, CONNECT, LOOK]);
            all.push(requests(&[PLAIN, INTERFACES], CLOCKS));
            all.push(sockets(FAMILIES.iter().copied()));
            all.extend(data_only());
            all
        }
        ThreadKind::Resolver => {
            let mut all = plain(&[ANY, TALK, CONNECT, LOOK, RESOLVE]);
            all.push(requests(&[PLAIN, INTERFACES], &[]));
            all.push(sockets(FAMILIES.iter().copied()));
            all.extend(any_memory());
            all
        }
        ThreadKind::Refclock => {
            let mut all = plain(&[ANY, TALK, CONNECT, LOOK, KEEP, SHARE, STEER]);
            all.push(requests(&[PLAIN, INTERFACES], CLOCKS));
            all.push(sockets(FAMILIES.iter().copied()));
            all.extend(data_only());
            all
        }
        ThreadKind::Trace => {
            let mut all = plain(&[ANY, LOOK, KEEP]);
            all.extend(data_only());
            all
        }
    }
}

/// What any of the threads does: the filter of the whole process, within which each kind has its own.
pub fn calls_of_all(rights: Rights) -> Vec<Allowed> {
    let mut all = Vec::new();
    for kind in ThreadKind::ALL {
        all.extend(calls_of(kind, rights));
    }
    // A thread is started by one that has put on nothing but this.
    all.push((libc::SYS_capset, Vec::new()));
    all
}

/// The doorman's: it opens, and passes on.
pub fn calls_of_doorman() -> Vec<Allowed> {
    let lists: [&[c_long]; 3] = [ANY, LOOK, &[libc::SYS_recvfrom, libc::SYS_recvmsg, libc::SYS_sendmsg]];
    let mut all: Vec<Allowed> = lists.iter().copied().flatten().map(|call| (*call, Vec::new())).collect();
    all.extend(data_only());
    all
}
