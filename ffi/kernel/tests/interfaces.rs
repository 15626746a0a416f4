//! Interfaces that a test makes, in a network namespace of its own: what stands on what.
//!
//! Needs root or user namespaces for everybody, and `ip` of iproute2. VLANs and bonds need kernel modules that not every
//! machine has; a macvlan asks the same question.

use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use nix::net::if_::if_nametoindex;
use synchronome_kernel::nic::{lower_interface, mac_address, master_index, timestamping_info};

/// Set in the process that runs inside a namespace.
const IN_NAMESPACE: &str = "SYNCHRONOME_TEST_IN_NAMESPACE";

/// Runs one test of this program again in a network namespace of its own.
fn in_namespace(test: &str) {
    let mut command = Command::new("unshare");
    // The owner of one's own process, which is whom one acts for.
    let user = std::fs::metadata("/proc/self").expect("/proc").uid();
    if user != 0 {
        command.arg("--map-root-user");
    }
    let this = std::env::current_exe().expect("a program");
    command.arg("--net").arg(this).args(["--exact", test, "--nocapture"]).env(IN_NAMESPACE, "1");
    let output = command.output().expect("unshare of util-linux");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "in a namespace: {said}");
}

fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split(' ')).output().expect("`ip` of iproute2");
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_macvlan_stands_on_its_interface_and_a_veth_on_nothing() {
    if std::env::var_os(IN_NAMESPACE).is_none() {
        return in_namespace("a_macvlan_stands_on_its_interface_and_a_veth_on_nothing");
    }
    ip("link add va address 02:00:00:00:00:0a type veth peer name vb");
    ip("link add link va name m0 address 02:00:00:00:00:0b type macvlan");
    assert_eq!(lower_interface("m0").as_deref(), Some("va"));
    // Its IFLA_LINK is the other end of the cable.
    assert_eq!(lower_interface("va"), None);
    assert_eq!(mac_address("va").expect("a veth"), [2, 0, 0, 0, 0, 0x0a]);
    assert_eq!(mac_address("m0").expect("a macvlan"), [2, 0, 0, 0, 0, 0x0b]);
    ip("link add b0 type bridge");
    assert_eq!(master_index("va"), None);
    ip("link set vb master b0");
    assert_eq!(master_index("vb"), if_nametoindex("b0").ok());
    let stamps = timestamping_info("va").expect("a veth");
    assert!(stamps.can_stamp_tx_software() && !stamps.can_stamp_tx_hardware(), "{stamps:?}");
}
