//! That this machine is another one than a moment ago, as its kernel tells: a new generation ID.
//!
//! A hypervisor that has no page of time may still have a generation ID (`vmgenid`: Hyper-V, QEMU, VMware, Firecracker), and gives the machine another one when it is
//! loaded from a snapshot. The kernel needs that for its random numbers, and since Linux 6.10 tells it to whoever listens (netlink(7), NETLINK_KOBJECT_UEVENT).
//! A pause and a migration leave the ID alone, and are not told.
//!
//! The messages of all devices come the same way: they are read now and then, and those of the generation ID counted. What was lost because too much
//! came at once is lost. In a network namespace of another user namespace, as in some containers, nothing is told.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recvfrom, socket};

use crate::wire::uevent::{SIZE_MAX, is_new_generation};

/// Where the driver's devices are: since the version that tells it is one of the platform's.
const DRIVER: &str = "/sys/bus/platform/drivers/vmgenid";
/// The multicast group of the kernel's own messages; udev's have another one.
const KERNEL: u32 = 1;
/// The most messages read in one look.
const MESSAGES_MAX: usize = 256;

/// Hears the news.
#[derive(Debug)]
pub struct GenerationNews {
    socket: OwnedFd,
}

impl GenerationNews {
    /// Listens from now on; `None`: this machine has no generation ID, or a kernel that does not tell.
    ///
    /// # Errors
    /// The system's: no more descriptors, or a sandbox without netlink.
    pub fn open() -> io::Result<Option<Self>> {
        if has_device(Path::new(DRIVER)) { Self::listen().map(Some) } else { Ok(None) }
    }

    fn listen() -> io::Result<Self> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Netlink, SockType::Datagram, flags, SockProtocol::NetlinkKObjectUEvent)?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, KERNEL))?;
        Ok(Self { socket })
    }

    /// Whether the machine has another generation ID since the last look.
    pub fn look(&mut self) -> bool {
        let mut is_new = false;
        let mut message = [0; SIZE_MAX];
        for _ in 0..MESSAGES_MAX {
            match recvfrom::<NetlinkAddr>(self.socket.as_raw_fd(), &mut message) {
                Ok((length, from)) => {
                    let is_kernels = from.is_some_and(|from| from.pid() == 0);
                    is_new |= is_kernels && is_new_generation(&message[..length]);
                }
                // Some were lost; those that are there can be read.
                Err(Errno::ENOBUFS | Errno::EINTR) => {}
                Err(_) => break,
            }
        }
        is_new
    }
}

/// Whether a driver has a device: a link in its folder that is not to its module.
fn has_device(driver: &Path) -> bool {
    let entries = fs::read_dir(driver).into_iter().flatten().flatten();
    let is_device =
        |entry: &fs::DirEntry| entry.file_name() != "module" && entry.file_type().is_ok_and(|kind| kind.is_symlink());
    entries.filter(is_device).count() > 0
}

#[cfg(test)]
mod tests {
    use std::thread::{sleep, spawn};
    use std::time::Duration;

    use nix::sched::{CloneFlags, unshare};
    use nix::sys::socket::{MsgFlags, sendto};

    use super::*;
    use crate::wire::uevent::tests::NEW_GENERATION;

    /// Has the kernel tell something to the network namespace of this thread, as it does of its own accord (since Linux 4.18).
    fn tell(text: &[u8]) {
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkKObjectUEvent).unwrap();
        // struct nlmsghdr: length, type (NLMSG_MIN_TYPE), NLM_F_REQUEST | NLM_F_ACK, sequence, port.
        let mut message = Vec::new();
        message.extend((16 + text.len() as u32).to_ne_bytes());
        message.extend(0x10_u16.to_ne_bytes());
        message.extend(0x05_u16.to_ne_bytes());
        message.extend([0; 8]);
        message.extend(text);
        let sent = sendto(socket.as_raw_fd(), &message, &NetlinkAddr::new(0, 0), MsgFlags::empty());
        assert_eq!(sent, Ok(message.len()));
    }

    /// Looks for up to a second.
    fn looks(news: &mut GenerationNews) -> bool {
        (0..100).any(|_| {
            sleep(Duration::from_millis(10));
            news.look()
        })
    }

    #[test]
    fn what_the_kernel_tells_of_a_new_generation_is_heard_once_and_of_nothing_else() {
        assert!(
            nix::unistd::geteuid().is_root(),
            "this test makes a network namespace: run it as root, with CAP_SYS_ADMIN"
        );
        // A namespace of its own, which goes with the thread: other programs of this machine hear nothing of it.
        let test = spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("CAP_SYS_ADMIN");
            let mut news = GenerationNews::listen().expect("netlink");
            assert!(!news.look());
            // The kernel appends the number itself.
            let said = NEW_GENERATION.strip_suffix(b"SEQNUM=1234\0").expect("it has one");
            let other = String::from_utf8(said.to_vec()).unwrap().replace("NEW_VMGENID=1", "NEW_VMGENID=0");
            tell(other.as_bytes());
            tell(said);
            assert!(looks(&mut news));
            tell(other.as_bytes());
            sleep(Duration::from_millis(50));
            assert!(!news.look());
            for _ in 0..3 {
                tell(said);
            }
            assert!(looks(&mut news));
            sleep(Duration::from_millis(50));
            assert!(!news.look(), "three in a row are one");
        });
        test.join().expect("the test");
    }

    #[test]
    fn a_driver_without_a_device_has_nothing_to_tell() {
        let driver = tempfile::tempdir().unwrap();
        assert!(!has_device(driver.path()) && !has_device(Path::new("/no/such/driver")));
        fs::write(driver.path().join("bind"), "").unwrap();
        std::os::unix::fs::symlink("/sys/module/vmgenid", driver.path().join("module")).unwrap();
        assert!(!has_device(driver.path()));
        std::os::unix::fs::symlink("/sys/devices/platform/VMGENCTR:00", driver.path().join("VMGENCTR:00")).unwrap();
        assert!(has_device(driver.path()));
    }
}
