//! What the driver says of itself and of its link (linux/ethtool.h).

use std::io;

use super::ask;
use crate::sys::{self, Argument};
use crate::uapi::field;
use crate::uapi::interface::{self as at, drvinfo, link_settings};

/// The driver of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverInfo {
    /// Its name, as `igb`.
    pub driver: String,
    /// Its version; for most drivers that of the kernel.
    pub version: String,
    /// Where the card is: `0000:01:00.0` on PCI; empty or the driver's own word elsewhere.
    pub bus_info: String,
}

/// A text that ends with a zero or with its room.
fn text(bytes: &[u8]) -> String {
    let length = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

/// The driver of an interface (`ETHTOOL_GDRVINFO`). Allocates.
///
/// # Errors
/// `ENODEV`; `EOPNOTSUPP` where the driver does not say.
pub fn driver(interface: &str) -> io::Result<DriverInfo> {
    let mut info = Argument::<{ drvinfo::SIZE }>::ZERO;
    info.0[..4].copy_from_slice(&at::ETHTOOL_GDRVINFO.to_ne_bytes());
    ask(|socket| sys::interface_ioctl(socket, at::SIOCETHTOOL, interface, &mut info))?;
    let text = |offset: usize| text(&info.0[offset..][..drvinfo::TEXT]);
    Ok(DriverInfo { driver: text(drvinfo::DRIVER), version: text(drvinfo::VERSION), bus_info: text(drvinfo::BUS_INFO) })
}

/// The speed of an interface's link in bit/s (`ETHTOOL_GLINKSETTINGS`, Linux 4.6); `None` if it is not known, as without a
/// link.
///
/// The kernel wants to be asked twice: first it says how many words its masks of link modes have, then it answers.
///
/// # Errors
/// `ENODEV`; `EOPNOTSUPP` where the driver does not say.
pub fn link_speed(interface: &str) -> io::Result<Option<u64>> {
    let mut settings = Argument::<{ link_settings::SIZE }>::ZERO;
    let mut words = 0_i8;
    for _ in 0..2 {
        settings = Argument::ZERO;
        settings.0[..4].copy_from_slice(&at::ETHTOOL_GLINKSETTINGS.to_ne_bytes());
        settings.0[link_settings::LINK_MODE_MASKS_NWORDS] = words.cast_unsigned();
        ask(|socket| sys::interface_ioctl(socket, at::SIOCETHTOOL, interface, &mut settings))?;
        let answered = settings.0[link_settings::LINK_MODE_MASKS_NWORDS].cast_signed();
        if answered >= 0 {
            break;
        }
        words = answered.saturating_neg();
    }
    Ok(speed(&settings.0))
}

fn speed(settings: &[u8]) -> Option<u64> {
    let megabits = field(settings, link_settings::SPEED).map(u32::from_ne_bytes)?;
    // SPEED_UNKNOWN is -1; some drivers say 0.
    (megabits != 0 && megabits != u32::MAX).then(|| u64::from(megabits) * 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_ends_at_its_zero_or_its_room() {
        assert_eq!(text(b"igb\0rest"), "igb");
        assert_eq!(text(b"full"), "full");
        assert_eq!(text(b"\0"), "");
    }

    #[test]
    fn an_unknown_speed_is_none() {
        let settings = |megabits: u32| {
            let mut settings = [0; 48];
            settings[4..8].copy_from_slice(&megabits.to_ne_bytes());
            settings
        };
        assert_eq!(speed(&settings(u32::MAX)), None);
        assert_eq!(speed(&settings(0)), None);
        assert_eq!(speed(&settings(2500)), Some(2_500_000_000));
        assert_eq!(speed(&settings(800_000)), Some(800_000_000_000));
    }

    #[test]
    fn an_interface_that_is_not_there_is_no_device() {
        for name in ["nosuchif0", "", "a-name-that-is-much-too-long"] {
            assert_eq!(driver(name).expect_err("none").raw_os_error(), Some(libc::ENODEV), "{name:?}");
            assert_eq!(link_speed(name).expect_err("none").raw_os_error(), Some(libc::ENODEV), "{name:?}");
        }
    }

    #[test]
    fn the_loopback_has_no_speed() {
        assert!(matches!(link_speed("lo"), Ok(None) | Err(_)));
        assert_eq!(link_speed("lo").err().map(|error| error.raw_os_error()), Some(Some(libc::EOPNOTSUPP)));
    }
}
