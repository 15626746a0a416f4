//! What the daemon can still do once it runs, as the kernel says it.

pub mod beside {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::path::{Path, PathBuf};
    use std::time::Instant;

    use nix::sys::signal::Signal;
    use synchronome::observe::client::ask;
    use synchronome::observe::status::Status;

    use super::super::daemon::PATIENCE;
    use super::super::lab::{End, Lab, Space, connect, installed, text};
    use super::super::running::Running;

    const SYNCHRONOME: &str = env!("CARGO_BIN_EXE_synchronome");
    /// A user of every machine, who owns nothing.
    const USER: &str = "nobody";
    const NUMBER: u32 = 65_534;

    /// One that was started by root, and has all that there is to give up.
    struct Guarded {
        process: Running,
        run: PathBuf,
    }

    fn start(lab: &Lab, space: &Space, more: &str) -> Guarded {
        let place = lab.directory().join("guarded");
        // He shall come to his directories, which are made by the daemon.
        fs::set_permissions(lab.directory(), fs::Permissions::from_mode(0o755)).expect("our own directory");
        fs::create_dir(&place).expect("a directory");
        let (run, state) = (place.join("run"), place.join("state"));
        fs::create_dir(&state).expect("a directory");
        fs::write(state.join("frequency-simulated"), "12.5 ppb\n").expect("a file of an earlier run");
        let config = place.join("synchronome.toml");
        let text = format!(
            "[clock]\nsystem = {{ simulated = {{ offset = \"1ms\" }} }}\n\
             [[ptp]]\ninterface = \"va\"\ntransport = \"ethernet\"\n\
             [[ptp]]\ninterface = \"va\"\ndomain = 1\n\
             [[ntp.source]]\naddress = \"localhost\"\n\
             [[refclock]]\nkind = \"shm\"\n\
             [ntp.server]\nlisten = [\"127.0.0.1:123\"]\ncores = [0, 1]\n\
             [threads]\nlock_memory = false\n\
             [threads.server]\npriority = 5\n\
             [observe]\nhttp = \"127.0.0.1:9319\"\nruntime_directory = \"{}\"\nstate_directory = \"{}\"\n\
             {more}\n",
            run.display(),
            state.display()
        );
        fs::write(&config, text).expect("a file");
        let mut command = space.command(SYNCHRONOME, "nothing: cargo builds it");
        let process = Running::start(lab, "guarded", command.arg("run").arg(config));
        let mut guarded = Guarded { process, run };
        let start = Instant::now();
        while ask(&guarded.socket()).is_err() {
            guarded.process.assert_alive();
            assert!(start.elapsed() < PATIENCE, "the daemon does not answer");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        guarded
    }

    impl Guarded {
        fn socket(&self) -> PathBuf {
            self.run.join("status.sock")
        }

        fn status(&self) -> Status {
            ask(&self.socket()).expect("it answers").1
        }

        /// What the kernel says of each thread, by its name: some fields of proc_pid_status(5).
        fn threads(&self) -> BTreeMap<String, BTreeMap<String, String>> {
            let threads = fs::read_dir(format!("/proc/{}/task", self.process.id())).expect("it runs");
            let read = |thread: &Path| fs::read_to_string(thread.join("status")).expect("it runs");
            let field =
                |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
            let all = threads.flatten().map(|thread| read(&thread.path()).lines().filter_map(field).collect());
            all.map(|fields: BTreeMap<String, String>| (fields["Name"].clone(), fields)).collect()
        }

        fn end(mut self) {
            let status = self.process.end_by(Signal::SIGTERM);
            assert!(status.success(), "{status}: {}", self.process.printed());
        }
    }

    fn laboratory(lab: &mut Lab) -> Space {
        let (ours, theirs) = (lab.space(), lab.space());
        connect(
            End { space: &ours, interface: "va", host: Some(1) },
            End { space: &theirs, interface: "vb", host: Some(2) },
        );
        ours.ip("link set lo up");
        ours
    }

    fn bits(names: &[&str]) -> u64 {
        const NUMBERS: [(&str, u32); 5] =
            [("NET_BIND_SERVICE", 10), ("NET_ADMIN", 12), ("NET_RAW", 13), ("IPC_OWNER", 15), ("SYS_NICE", 23)];
        let bit = |name: &&str| NUMBERS.iter().find(|(known, _)| known == name).expect("one of these").1;
        names.iter().map(|name| 1 << bit(name)).sum()
    }

    #[test]
    fn each_thread_keeps_what_it_needs_of_roots_rights_and_nothing_else() {
        let mut lab = Lab::beside_others();
        let space = laboratory(&mut lab);
        let daemon = start(&lab, &space, &format!("[security]\nuser = \"{USER}\""));
        // The ports run, and so do their threads.
        let begun = Instant::now();
        while daemon.threads().len() < 10 {
            assert!(begun.elapsed() < PATIENCE, "{:?}", daemon.threads().keys());
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let threads = daemon.threads();
        // Whoever may not raise the limit keeps the right to a priority where threads are started.
        let nice = if daemon
            .status()
            .security
            .expect("it has entered")
            .threads
            .iter()
            .any(|thread| thread.capabilities.contains(&"CAP_SYS_NICE".to_owned()))
        {
            bits(&["SYS_NICE"])
        } else {
            0
        };
        for (name, fields) in &threads {
            let expected = match name.as_str() {
                "synchronome" => bits(&["NET_BIND_SERVICE", "NET_ADMIN", "NET_RAW"]) | nice,
                "refclock" => bits(&["IPC_OWNER"]),
                _ => 0,
            };
            for set in ["CapEff", "CapPrm"] {
                assert_eq!(fields[set], format!("{expected:016x}"), "{set} of {name}");
            }
            for set in ["CapInh", "CapAmb"] {
                assert_eq!(fields[set], "0000000000000000", "{set} of {name}");
            }
            let ids = format!("{NUMBER}\t{NUMBER}\t{NUMBER}\t{NUMBER}");
            assert_eq!(
                (&fields["Uid"], &fields["NoNewPrivs"], &fields["Seccomp"]),
                (&ids, &"1".to_owned(), &"2".to_owned()),
                "{name}"
            );
            let own = u32::from(name != "synchronome-dev");
            assert!(
                fields["Seccomp_filters"].parse::<u32>().expect("a number") >= 2 + own,
                "{name} has a filter of its own"
            );
        }
        for name in
            ["synchronome", "discipline", "ptp-0", "ptp-1", "ntp-0", "ntp-1", "ntp-client", "resolver", "refclock"]
        {
            assert!(threads.contains_key(name), "{name} is not among {:?}", threads.keys());
        }
        // The same is said by itself.
        let security = daemon.status().security.expect("it has entered");
        assert_eq!((security.user.as_str(), security.seccomp.as_str()), (USER, "enforce"));
        assert_eq!(security.refused, [], "nobody has run against his filter");
        let worker = security.threads.iter().find(|thread| thread.name == "ntp-0").expect("a worker");
        assert!(worker.capabilities.is_empty() && worker.is_filtered);
        // Its directories are his, those that were there and those that were not; and he may write there.
        let state = daemon.run.with_file_name("state");
        for path in [&daemon.run, &state, &state.join("frequency-simulated"), &daemon.run.join("control.sock")] {
            assert_eq!(fs::metadata(path).expect("it is there").uid(), NUMBER, "{}", path.display());
        }
        assert_eq!(fs::metadata(daemon.run.join("control.sock")).expect("it is there").mode() & 0o777, 0o600);
        daemon.end();
    }

    #[test]
    fn a_new_configuration_is_read_by_the_user_and_what_it_needs_beyond_takes_a_restart() {
        let mut lab = Lab::beside_others();
        let space = laboratory(&mut lab);
        let mut daemon = start(&lab, &space, &format!("[security]\nuser = \"{USER}\""));
        let config = daemon.run.with_file_name("synchronome.toml");
        let text = fs::read_to_string(&config).expect("it was written");
        let hardware = text.replace("address = \"localhost\"", "address = \"localhost\"\ntimestamps = \"hardware\"");
        let list = hardware.replace("[clock]", "[clock]\nleap_file = \"/srv/leap-seconds.list\"");
        // As an editor does it: another file of the same name.
        fs::write(config.with_extension("new"), list).expect("a file");
        fs::rename(config.with_extension("new"), &config).expect("beside it");
        daemon.process.signal(Signal::SIGHUP);
        daemon.process.wait_until_printed("is in force");
        daemon.process.wait_until_printed("it needs CAP_NET_ADMIN, which was given up at the start");
        daemon.process.wait_until_printed("it needs /srv/leap-seconds.list, which landlock keeps out of reach");
        daemon.end();
    }

    #[test]
    fn the_control_socket_obeys_its_owner_and_nobody_else_though_the_file_were_open_to_all() {
        let mut lab = Lab::beside_others();
        let space = laboratory(&mut lab);
        // It stays root: then everybody else is somebody else.
        let daemon = start(&lab, &space, "[security]\nuser = \"root\"");
        let control = daemon.run.join("control.sock");
        let order = |as_user: Option<&str>| {
            let mut command = std::process::Command::new(installed("setpriv", "util-linux"));
            if let Some(user) = as_user {
                command.args(["--reuid", user, "--clear-groups"]);
            }
            let output =
                command.arg(SYNCHRONOME).args(["offline", "--socket"]).arg(&control).output().expect("it runs");
            (output.status.success(), text(&output))
        };
        assert!(order(None).0, "{}", order(None).1);
        assert!(!order(Some("65534")).0, "the file's mode keeps him out");
        fs::set_permissions(&control, fs::Permissions::from_mode(0o666)).expect("root may");
        assert!(!order(Some("65534")).0, "and so does the daemon");
        assert!(order(None).0);
        daemon.end();
    }
}
