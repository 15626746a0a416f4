//! What is given up is gone: in a process of its own, since it is for good.
//!
//! A test starts this program again, which then gives up its rights as the daemon does, and tries things from a thread of each kind.

use std::fs::{self, File};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;

use nix::errno::Errno;
use synchronome::config::load;
use synchronome::runtime::privileges::{Reach, ThreadKind, confine, enter, name_of_call, standing};
use synchronome_kernel::doorman::open_device;
use synchronome_kernel::refusal::refused;

/// Says that this is the process that shall do it, and where.
const CHILD: &str = "SYNCHRONOME_TEST_DIRECTORY";

/// Runs the test of this name again as a process of its own; its rights are gone then.
fn again(name: &str, directory: &Path) -> Output {
    let own = std::env::current_exe().expect("this program");
    let child =
        Command::new(own).args(["--exact", name, "--nocapture", "--test-threads=1"]).env(CHILD, directory).output();
    child.expect("this program runs")
}

fn in_a_process_of_its_own(name: &str, given_up: fn(&Path)) {
    if let Some(directory) = std::env::var_os(CHILD) {
        given_up(Path::new(&directory));
        println!("all of it was tried");
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let output = again(name, directory.path());
    let said = format!(
        "{}: {}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success() && said.contains("all of it was tried"), "{said}");
}

/// Gives up what a daemon of this configuration does, whose directories are in this one.
fn give_up(directory: &Path, more: &str) {
    let (run, state) = (directory.join("run"), directory.join("state"));
    let text = format!(
        "[threads]\nlock_memory = false\n\
         [observe]\nhttp = \"off\"\nruntime_directory = \"{}\"\nstate_directory = \"{}\"\n{more}",
        run.display(),
        state.display()
    );
    let config = load(&text, "test").expect("a configuration").config;
    enter(&config, None).expect("nothing is in the way");
}

/// On a thread of this kind.
fn on<T: Send + 'static>(kind: ThreadKind, act: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = thread::spawn(move || {
        confine(kind);
        act()
    });
    thread.join().expect("it goes on after it was refused")
}

fn is_refused<T>(result: Result<T, std::io::Error>) -> bool {
    result.err().and_then(|error| error.raw_os_error()) == Some(libc::EPERM)
}

/// How often the call of this name was refused.
fn refusals_of(call: &str) -> u32 {
    refused().filter(|refused| name_of_call(refused.call) == call).map(|refused| refused.times).sum()
}

#[test]
fn no_thread_becomes_another_program_or_makes_a_call_that_is_none_of_its_business() {
    in_a_process_of_its_own(
        "no_thread_becomes_another_program_or_makes_a_call_that_is_none_of_its_business",
        |directory| {
            give_up(directory, "");
            for (tried, kind) in ThreadKind::ALL.into_iter().enumerate() {
                let became =
                    on(kind, || nix::unistd::execv(c"/bin/true", &[c"true"]).expect_err("it would not come back"));
                assert_eq!(became, Errno::EPERM, "{kind:?}");
                assert_eq!(refusals_of("execve") as usize, tried + 1, "and it is written down: {kind:?}");
                assert!(on(kind, || is_refused(Command::new("/bin/true").spawn())), "nor does it make one: {kind:?}");
                assert_eq!(on(kind, || nix::unistd::chroot("/")), Err(Errno::EPERM), "{kind:?}");
            }
            let opens_sockets =
                [ThreadKind::Control, ThreadKind::NtpClient, ThreadKind::Resolver, ThreadKind::Refclock];
            let reads_files = [opens_sockets.as_slice(), &[ThreadKind::Trace]].concat();
            for kind in ThreadKind::ALL {
                let socket = on(kind, || UdpSocket::bind("127.0.0.1:0"));
                assert_eq!(is_refused(socket), !opens_sockets.contains(&kind), "a socket for {kind:?}");
                let file = on(kind, || File::open("/proc/self/status"));
                assert_eq!(is_refused(file), !reads_files.contains(&kind), "a file for {kind:?}");
            }
            // A packet socket is for who needs one, and here is none.
            let packets = on(ThreadKind::Control, || {
                use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
                socket(AddressFamily::Packet, SockType::Datagram, SockFlag::empty(), None).map(|_| ())
            });
            assert_eq!(packets, Err(Errno::EPERM));
            assert!(refusals_of("socket") > 0 && refusals_of("openat") > 0);
        },
    );
}

#[test]
fn a_call_is_let_through_where_it_is_only_logged() {
    in_a_process_of_its_own("a_call_is_let_through_where_it_is_only_logged", |directory| {
        give_up(directory, "[security]\nseccomp = \"log\"\n");
        assert!(on(ThreadKind::NtpServer, || UdpSocket::bind("127.0.0.1:0")).is_ok());
        assert_eq!(refused().count(), 0);
    });
}

#[test]
fn only_files_are_within_reach_that_the_daemon_has_to_do_with_and_devices_by_the_doorman() {
    in_a_process_of_its_own(
        "only_files_are_within_reach_that_the_daemon_has_to_do_with_and_devices_by_the_doorman",
        |directory| {
            let (page, other) = (directory.join("page"), directory.join("other"));
            fs::write(&page, "page").expect("our own directory");
            fs::write(&other, "other").expect("our own directory");
            give_up(directory, &format!("[clock]\nvmclock = \"{}\"\n", page.display()));
            let reach = standing().expect("it has entered").reach.clone();
            assert!(
                matches!(reach, Some(Reach::Limited(_))),
                "this test needs a kernel with landlock (CONFIG_SECURITY_LANDLOCK, lsm=landlock): {reach:?}"
            );
            on(ThreadKind::Control, move || {
                let denied = |path: PathBuf| File::open(path).map(|_| ()).map_err(|error| error.raw_os_error());
                assert_eq!(denied(page.clone()), Err(Some(libc::EACCES)));
                assert_eq!(denied(other.clone()), Err(Some(libc::EACCES)));
                assert_eq!(denied(PathBuf::from("/dev/zero")), Err(Some(libc::EACCES)));
                let state = other.with_file_name("state");
                fs::write(state.join("frequency-system.new"), "x").expect("its own directory");
                fs::rename(state.join("frequency-system.new"), state.join("frequency-system"))
                    .expect("its own directory");
                fs::remove_file(state.join("frequency-system")).expect("its own directory");
                assert!(fs::read_to_string("/proc/self/status").is_ok() && fs::read_dir("/sys/class/net").is_ok());
                assert!(fs::write("/proc/self/comm", "x").is_err(), "to be read, and not to be written");
                // What the configuration names is handed in; what it does not name is not, nor what is no clock.
                let mut text = String::new();
                std::io::Read::read_to_string(&mut open_device(&page, false).expect("it is named"), &mut text)
                    .expect("a file");
                assert_eq!(text, "page");
                for path in [other.as_path(), Path::new("/dev/zero"), Path::new("/dev/mem"), Path::new("/etc/shadow")] {
                    assert!(open_device(path, false).is_err(), "{}", path.display());
                }
                let absent = open_device(Path::new("/dev/ptp987"), true).expect_err("there are not so many");
                assert_eq!(absent.raw_os_error(), Some(libc::ENOENT));
            });
        },
    );
}
