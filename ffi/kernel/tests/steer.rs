//! Who may steer the system clock. Nothing here can: it runs where nobody has the right.

use std::process::Command;

use synchronome_kernel::steer::SystemClock;

/// Set in the process that runs inside a namespace.
const IN_NAMESPACE: &str = "SYNCHRONOME_TEST_IN_NAMESPACE";
const TEST: &str = "the_capability_in_a_user_namespace_is_not_the_right";

#[test]
fn the_capability_in_a_user_namespace_is_not_the_right() {
    if std::env::var_os(IN_NAMESPACE).is_none() {
        let this = std::env::current_exe().expect("a program");
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user"]).arg(this).args(["--exact", TEST, "--nocapture"]);
        let output = command.env(IN_NAMESPACE, "1").output().expect("unshare of util-linux");
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        let passed = output.status.success() && said.contains("1 passed");
        assert!(passed, "in a user namespace (needs root, or user namespaces for everybody): {said}");
        return;
    }
    // One user is mapped, so that this is no initial namespace: the kernel asks for the capability there.
    let map = std::fs::read_to_string("/proc/self/uid_map").expect("/proc");
    assert_eq!(map.split_whitespace().last(), Some("1"), "{map}");
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc");
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).expect("CapEff").trim();
    let effective = u64::from_str_radix(effective, 16).expect("a mask");
    assert_ne!(effective & (1 << 25), 0, "CAP_SYS_TIME is there");
    let error = SystemClock::acquire().expect_err("and is no right");
    assert_eq!(error.raw_os_error(), Some(nix::libc::EPERM));
}
