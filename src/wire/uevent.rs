//! What the kernel tells of its devices (`NETLINK_KOBJECT_UEVENT`, lib/kobject_uevent.c), as far as it is that this machine is another one.
//!
//! A message is text in pieces that end with a zero: first `change@/devices/platform/VMGENCTR:00`, then `KEY=value` each. The driver of the virtual machine's
//! generation ID says `ACTION=change` and `NEW_VMGENID=1` when the hypervisor has given the machine another ID (drivers/virt/vmgenid.c, Linux 6.10): it was
//! loaded from a snapshot, or copied.

/// The longest message (`UEVENT_BUFFER_SIZE`).
pub const SIZE_MAX: usize = 2_048;

/// Whether a message says that the machine has another generation ID. Messages of udev, which look alike, do not count.
pub fn is_new_generation(message: &[u8]) -> bool {
    let mut pieces = message.split(|octet| *octet == 0);
    let is_kernels = pieces.next().is_some_and(|head| head.starts_with(b"change@/"));
    let (mut is_change, mut is_new) = (false, false);
    for piece in pieces {
        is_change |= piece == b"ACTION=change";
        is_new |= piece == b"NEW_VMGENID=1";
    }
    is_kernels && is_change && is_new
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What the driver says.
    pub(crate) const NEW_GENERATION: &[u8] = b"change@/devices/platform/VMGENCTR:00\0ACTION=change\0DEVPATH=/devices/platform/VMGENCTR:00\0SUBSYSTEM=platform\0NEW_VMGENID=1\0DRIVER=vmgenid\0MODALIAS=acpi:VMGENCTR:\0SEQNUM=1234\0";

    #[test]
    fn the_drivers_word_is_understood_and_nothing_else_is() {
        assert!(is_new_generation(NEW_GENERATION));
        let other = |from: &str, to: &str| {
            let text = String::from_utf8(NEW_GENERATION.to_vec()).expect("text");
            assert!(text.contains(from));
            text.replace(from, to).into_bytes()
        };
        for wrong in [
            other("NEW_VMGENID=1", "NEW_VMGENID=0"),
            other("NEW_VMGENID=1", "OLD=NEW_VMGENID=1"),
            other("NEW_VMGENID=1\0", ""),
            other("ACTION=change", "ACTION=add"),
            other("change@/", "libudev\0"),
            b"".to_vec(),
        ] {
            assert!(!is_new_generation(&wrong), "{}", String::from_utf8_lossy(&wrong));
        }
    }

    #[test]
    fn a_message_that_was_cut_off_before_the_word_says_nothing() {
        let end = NEW_GENERATION.windows(13).position(|piece| piece == b"NEW_VMGENID=1").expect("there") + 13;
        for length in 0..NEW_GENERATION.len() {
            assert_eq!(is_new_generation(&NEW_GENERATION[..length]), length >= end, "{length}");
        }
    }
}
