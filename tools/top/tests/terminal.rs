//! The program as a user has it: in a terminal, beside a daemon that runs. What is looked at is the screen, as a terminal makes it of what is
//! written to it.
//!
//! The daemon is the library's demonstration (a simulated clock, an embedded grandmaster on loopback, no right of any kind). It and a
//! program that panics are this test program itself, started again: a test that does nothing unless it is told its part.

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::net::UdpSocket;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::process::{Child as Process, Command, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use tempfile::TempDir;

/// How long anything may take on a busy machine before it counts as not happening.
const PATIENCE: Duration = Duration::from_mins(1);
/// Tells this program its part.
const PART: &str = "SYNCHRONOME_TOP_TEST_PART";
/// The arguments of the part that is a daemon, by blanks.
const ARGUMENTS: &str = "SYNCHRONOME_TOP_TEST_ARGUMENTS";

/// Not a test unless it is started as one of the parts.
#[test]
fn part() {
    match std::env::var(PART).as_deref() {
        Ok("daemon") => {
            let arguments = std::env::var(ARGUMENTS).expect("its arguments");
            let _ = synchronome::cli::run(arguments.split(' ').map(Into::into));
        }
        Ok("panic") => {
            let _screen = synchronome_top::terminal::Screen::open().expect("a terminal");
            panic!("on purpose");
        }
        Ok("panic_elsewhere") => {
            let _screen = synchronome_top::terminal::Screen::open().expect("a terminal");
            let _ = std::thread::spawn(|| panic!("on purpose")).join();
            std::thread::sleep(PATIENCE);
        }
        _ => {}
    }
}

fn myself() -> PathBuf {
    std::env::current_exe().expect("our path")
}

/// Whether it becomes true in time.
fn eventually(mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    condition()
}

/// A demonstration that runs until it is dropped.
struct Daemon {
    process: Process,
    directory: TempDir,
}

impl Daemon {
    fn start() -> Self {
        let sockets: [UdpSocket; 3] = std::array::from_fn(|_| UdpSocket::bind("0.0.0.0:0").expect("a free port"));
        let [event, general, ntp] = sockets.map(|socket| socket.local_addr().expect("bound").port());
        let directory = tempfile::tempdir().expect("a directory");
        let arguments = format!("synchronome demo --json --ptp-ports {event},{general} --ntp-port {ntp}");
        let mut command = Command::new(myself());
        command.args(["--exact", "part"]).env(PART, "daemon").env(ARGUMENTS, arguments).env("TMPDIR", directory.path());
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let daemon = Self { process: process.expect("ourselves"), directory };
        assert!(eventually(|| daemon.found().is_some()), "the daemon has no socket");
        daemon
    }

    fn found(&self) -> Option<PathBuf> {
        let folders = std::fs::read_dir(self.directory.path()).ok()?;
        folders.flatten().map(|folder| folder.path().join("status.sock")).find(|path| path.exists())
    }

    fn socket(&self) -> PathBuf {
        self.found().expect("a socket")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A terminal in which something runs.
struct Terminal {
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn std::io::Write + Send>,
    screen: Arc<Mutex<vt100::Parser>>,
    /// How the terminal was before.
    before: String,
}

impl Terminal {
    fn start(program: &Path, arguments: &[&OsStr], variables: &[(&str, &str)]) -> Self {
        let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a terminal");
        let before = settings(pair.master.as_ref());
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.env("TERM", "xterm-256color");
        command.env("LC_ALL", "C.UTF-8");
        command.env_remove("NO_COLOR");
        for (name, value) in variables {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).expect("it was built");
        let screen = Arc::new(Mutex::new(vt100::Parser::new(side(24), side(80), 0)));
        let mut written = pair.master.try_clone_reader().expect("a reader");
        let shown = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = written.read(&mut bytes) {
                shown.lock().unwrap_or_else(PoisonError::into_inner).process(&bytes[..read]);
            }
        });
        let keys = pair.master.take_writer().expect("a writer");
        Self { master: pair.master, child, keys, screen, before }
    }

    fn top(socket: &Path, variables: &[(&str, &str)]) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_synchronome-top"));
        let arguments = ["--interval", "100ms", "--socket"].map(OsStr::new);
        Self::start(program, &[&arguments[..], &[socket.as_os_str()]].concat(), variables)
    }

    fn with<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.screen.lock().unwrap_or_else(PoisonError::into_inner).screen())
    }

    fn text(&self) -> String {
        self.with(vt100::Screen::contents)
    }

    #[track_caller]
    fn shows(&self, words: &str) -> String {
        assert!(eventually(|| self.text().contains(words)), "no {words:?} on:\n{}", self.text());
        self.text()
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).and_then(|()| self.keys.flush()).expect("it reads");
    }

    fn resize(&self, rows: u16, columns: u16) {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner).screen_mut().set_size(side(rows), side(columns));
        self.master.resize(PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }).expect("a terminal");
    }

    /// Waits for its end; the terminal must be as it was, with the cursor, outside of the alternate screen. Returns the exit code.
    #[track_caller]
    fn ended(&mut self) -> u32 {
        let mut status = None;
        eventually(|| {
            status = self.child.try_wait().expect("our child");
            status.is_some()
        });
        let status = status.unwrap_or_else(|| panic!("it does not end:\n{}", self.text()));
        let is_restored = || self.with(|screen| !screen.alternate_screen() && !screen.hide_cursor());
        assert!(eventually(is_restored), "the terminal is not restored:\n{}", self.text());
        assert_eq!(settings(self.master.as_ref()), self.before, "echo, line editing, signals");
        status.exit_code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn side(cells: u16) -> NonZeroU16 {
    NonZeroU16::new(cells).expect("a terminal has cells")
}

/// How a terminal treats what is typed.
fn settings(master: &dyn MasterPty) -> String {
    let termios = master.get_termios().expect("a terminal");
    format!("{:?} {:?}", termios.local_flags, termios.input_flags)
}

#[test]
fn it_shows_a_daemon_that_locks_in_every_view_at_any_size_and_leaves_the_terminal_as_it_was() {
    let daemon = Daemon::start();
    let mut terminal = Terminal::top(&daemon.socket(), &[]);
    // The port is a slave a moment after the clock is LOCKED.
    for words in [
        "LOCKED",
        "time correct to within",
        "[1 all]",
        "sources",
        "steers",
        "ptp lo",
        "SLAVE",
        "clock LOCKED",
        "q quit",
    ] {
        terminal.shows(words);
    }
    assert!(terminal.with(vt100::Screen::alternate_screen), "what was on the screen before comes back");
    assert_ne!(settings(terminal.master.as_ref()), terminal.before, "keys come one by one");
    for (key, words) in
        [("2", "true error"), ("3", "measured 8/s"), ("4", "priority"), ("5", "ACQUIRING -> LOCKED"), ("\t", "[1 all]")]
    {
        terminal.press(key);
        terminal.shows(words);
    }
    // Asks at once, and draws all of it anew.
    terminal.press(" ");
    terminal.press("?");
    terminal.shows("back to the shell");
    terminal.press("?");
    terminal.resize(40, 120);
    // The line of keys is the last one of the new size.
    assert!(
        eventually(|| terminal.text().lines().nth(39).is_some_and(|line| line.starts_with("q quit"))),
        "{}",
        terminal.text()
    );
    terminal.resize(15, 40);
    assert!(
        eventually(|| terminal.text().contains("[1] 2  3") && !terminal.text().contains("q quit")),
        "{}",
        terminal.text()
    );
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn a_daemon_that_ends_is_told_of_and_another_one_is_shown_with_the_gap_between() {
    let path = tempfile::tempdir().expect("a directory");
    let socket = path.path().join("status.sock");
    let mut terminal = Terminal::top(&socket, &[]);
    let screen = terminal.shows("no answer for");
    assert!(screen.contains("the daemon is not running") && screen.contains("asked again each 100 ms"), "{screen}");
    let link = |daemon: &Daemon| std::os::unix::fs::symlink(daemon.socket(), &socket).expect("a link");
    let daemon = Daemon::start();
    link(&daemon);
    terminal.press("+");
    terminal.shows("1 min ago");
    terminal.shows("LOCKED");
    drop(daemon);
    std::fs::remove_file(&socket).expect("a link");
    terminal.shows("all below is of");
    terminal.shows("sources, as of");
    // As wide as its words are.
    std::thread::sleep(Duration::from_secs(12));
    let daemon = Daemon::start();
    link(&daemon);
    let is_back = || terminal.text().contains(" no answer ") && !terminal.text().contains("as of");
    assert!(eventually(is_back), "{}", terminal.text());
    terminal.press("\x03");
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn it_goes_back_to_the_shell_and_on_again() {
    let mut terminal = Terminal::start(Path::new("bash"), &["--norc", "-i"].map(OsStr::new), &[("PS1", "ready> ")]);
    terminal.shows("ready>");
    let program = env!("CARGO_BIN_EXE_synchronome-top");
    terminal.press(&format!("{program} --socket /nonexistent/status.sock\n"));
    terminal.shows("no answer for");
    terminal.press("\x1a");
    terminal.shows("Stopped");
    assert!(terminal.with(|screen| !screen.alternate_screen() && !screen.hide_cursor()));
    terminal.press("echo $((20 + 22)) is typed\n");
    terminal.shows("42 is typed");
    terminal.press("fg\n");
    let screen = terminal.shows("no answer for");
    assert!(screen.contains("q quit") && !screen.contains("42 is typed"), "{screen}");
    terminal.press("q");
    terminal.shows("42 is typed");
    terminal.press("exit 7\n");
    assert_eq!(terminal.ended(), 7);
}

#[test]
fn a_signal_ends_it_and_the_terminal_is_as_it_was() {
    let mut terminal = Terminal::top(Path::new("/nonexistent/status.sock"), &[]);
    terminal.shows("no answer for");
    let pid = terminal.child.process_id().expect("it runs").to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn a_panic_of_any_thread_gives_the_terminal_back_before_it_is_told() {
    for part in ["panic", "panic_elsewhere"] {
        let arguments = ["--exact", "part", "--nocapture"].map(OsStr::new);
        let mut terminal = Terminal::start(&myself(), &arguments, &[(PART, part)]);
        assert_eq!(terminal.ended(), 101, "{part}");
        let screen = terminal.shows("on purpose");
        assert!(screen.contains("panicked at"), "{screen}");
    }
}

#[test]
fn no_color_is_obeyed_and_colours_are_there_otherwise() {
    let daemon = Daemon::start();
    for (variables, is_coloured) in [(&[][..], true), (&[("NO_COLOR", "1")][..], false)] {
        let terminal = Terminal::top(&daemon.socket(), variables);
        terminal.shows("time ");
        let colours = terminal.with(|screen| {
            let cells = (0..24).flat_map(|row| (0..80).filter_map(move |column| screen.cell(row, column)));
            cells
                .filter(|cell| cell.fgcolor() != vt100::Color::Default || cell.bgcolor() != vt100::Color::Default)
                .count()
        });
        assert_eq!(colours > 0, is_coloured, "{colours} cells");
    }
}

fn output(arguments: &[&OsStr]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_synchronome-top"));
    command.args(arguments).env("LC_ALL", "C.UTF-8").output().expect("it was built")
}

#[test]
fn once_prints_a_frame_as_text_and_fails_where_no_daemon_answers() {
    let daemon = Daemon::start();
    let socket = daemon.socket();
    let done = output(
        &["--once", "--size", "100x30", "--view", "clocks", "--socket"]
            .map(OsStr::new)
            .iter()
            .copied()
            .chain([socket.as_os_str()])
            .collect::<Vec<_>>(),
    );
    let text = String::from_utf8(done.stdout).expect("text");
    assert!(done.status.success() && text.contains("[4 clocks]") && text.contains("simulated clock"), "{text}");
    assert!(text.lines().count() <= 30 && !text.contains('\x1b'), "{text}");
    let failed = output(&["--once", "--socket", "/nonexistent/status.sock"].map(OsStr::new));
    let said = String::from_utf8(failed.stderr).expect("text");
    assert_eq!((failed.status.code(), failed.stdout.len()), (Some(1), 0));
    assert!(said.starts_with("synchronome-top: the daemon is not running"), "{said}");
}

#[test]
fn without_a_terminal_it_names_the_way_to_have_text_and_wrong_arguments_are_two() {
    let failed = output(&[]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&failed.stderr).contains("--once prints one frame"));
    for wrong in [&["--interval", "1ms"][..], &["--view", "clock"], &["--size", "80x24"], &["--once", "--size", "0x3"]]
    {
        let arguments: Vec<_> = wrong.iter().map(OsStr::new).collect();
        assert_eq!(output(&arguments).status.code(), Some(2), "{wrong:?}");
    }
}
