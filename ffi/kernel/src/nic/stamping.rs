//! Which packets an interface stamps: `ETHTOOL_GET_TS_INFO`, `SIOCGHWTSTAMP`, `SIOCSHWTSTAMP`.

use std::io;

use super::ask;
use crate::sys::{self, Argument};
use crate::uapi::interface::{self as at, hwtstamp_config as config, ts_info};
use crate::uapi::{field, sof};

/// Which received packets an interface stamps: `enum hwtstamp_rx_filters` (linux/net_tstamp.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RxFilter {
    /// None.
    None,
    /// All packets: what an NTP server needs.
    All,
    /// All packets of NTP.
    NtpAll,
    /// Event messages of PTP version 2, by Ethernet, UDP over IPv4 and over IPv6.
    PtpV2Event,
    /// Event messages of PTP version 2 by Ethernet.
    PtpV2L2Event,
    /// Event messages of PTP version 2 by UDP.
    PtpV2L4Event,
    /// Another of the header's, by its number.
    Other(i32),
}

impl RxFilter {
    const fn from_raw(raw: i32) -> Self {
        match raw {
            config::FILTER_NONE => Self::None,
            config::FILTER_ALL => Self::All,
            config::FILTER_NTP_ALL => Self::NtpAll,
            config::FILTER_PTP_V2_EVENT => Self::PtpV2Event,
            config::FILTER_PTP_V2_L2_EVENT => Self::PtpV2L2Event,
            config::FILTER_PTP_V2_L4_EVENT => Self::PtpV2L4Event,
            other => Self::Other(other),
        }
    }

    const fn raw(self) -> i32 {
        match self {
            Self::None => config::FILTER_NONE,
            Self::All => config::FILTER_ALL,
            Self::NtpAll => config::FILTER_NTP_ALL,
            Self::PtpV2Event => config::FILTER_PTP_V2_EVENT,
            Self::PtpV2L2Event => config::FILTER_PTP_V2_L2_EVENT,
            Self::PtpV2L4Event => config::FILTER_PTP_V2_L4_EVENT,
            Self::Other(raw) => raw,
        }
    }
}

/// What hardware does with packets that are sent: `enum hwtstamp_tx_types` (linux/net_tstamp.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TxStamps {
    /// Nothing.
    Off,
    /// Those whose socket asks for it get a stamp.
    On,
    /// A PTP Sync without twoStepFlag gets the time written into it as it leaves, and no stamp; others as with `On`. With some
    /// drivers (lan8814, lan887x) one with the flag gets no stamp either.
    OneStepSync,
    /// The same, and what an answer took is written into the correctionField of a PTP Pdelay_Resp without twoStepFlag (Linux 5.6). That of
    /// its Pdelay_Req must be repeated in it bit by bit: some drivers (KSZ switches) subtract the time of arrival from that, so
    /// that it is no correction any more.
    OneStepP2p,
    /// Another of the header's, by its number: it stamps too.
    Other(i32),
}

impl TxStamps {
    const fn from_raw(raw: i32) -> Self {
        match raw {
            config::TX_OFF => Self::Off,
            config::TX_ON => Self::On,
            config::TX_ONESTEP_SYNC => Self::OneStepSync,
            config::TX_ONESTEP_P2P => Self::OneStepP2p,
            other => Self::Other(other),
        }
    }

    const fn raw(self) -> i32 {
        match self {
            Self::Off => config::TX_OFF,
            Self::On => config::TX_ON,
            Self::OneStepSync => config::TX_ONESTEP_SYNC,
            Self::OneStepP2p => config::TX_ONESTEP_P2P,
            Self::Other(raw) => raw,
        }
    }

    /// Packets that ask for a stamp get one.
    pub const fn stamps(self) -> bool {
        !matches!(self, Self::Off)
    }
}

/// What an interface says it can stamp: `struct ethtool_ts_info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampingInfo {
    /// Bits `SOF_TIMESTAMPING_*`.
    pub so_timestamping: u32,
    /// N of `/dev/ptpN`, whose clock the hardware stamps are of.
    pub phc_index: Option<u32>,
    /// Bits `1 << HWTSTAMP_TX_*`.
    pub tx_types: u32,
    /// Bits `1 << HWTSTAMP_FILTER_*`.
    pub rx_filters: u32,
}

impl TimestampingInfo {
    fn from_bytes(bytes: &[u8; ts_info::SIZE]) -> Self {
        let word = |offset| field(bytes, offset).map_or(0, u32::from_ne_bytes);
        Self {
            so_timestamping: word(ts_info::SO_TIMESTAMPING),
            // A signed number, -1 for none.
            phc_index: Some(word(ts_info::PHC_INDEX)).filter(|&index| index.cast_signed() >= 0),
            tx_types: word(ts_info::TX_TYPES),
            rx_filters: word(ts_info::RX_FILTERS),
        }
    }

    const fn has_all(&self, flags: u32) -> bool {
        self.so_timestamping & flags == flags
    }

    /// The hardware stamps sent packets, or those that it does not write the time into ([`TimestampingInfo::has_tx`]).
    pub const fn can_stamp_tx_hardware(&self) -> bool {
        self.has_all(sof::TX_HARDWARE | sof::RAW_HARDWARE) && self.tx_types & !(1 << config::TX_OFF) != 0
    }

    /// The hardware offers this for what is sent.
    pub const fn has_tx(&self, tx: TxStamps) -> bool {
        let raw = tx.raw();
        raw >= 0 && raw < 32 && self.tx_types & (1 << raw) != 0
    }

    /// The hardware stamps some received packets; [`TimestampingInfo::has_filter`] says which.
    pub const fn can_stamp_rx_hardware(&self) -> bool {
        self.has_all(sof::RX_HARDWARE | sof::RAW_HARDWARE) && self.rx_filters & !(1 << config::FILTER_NONE) != 0
    }

    /// The driver stamps sent packets with CLOCK_REALTIME. (On receive the kernel can for every interface.)
    pub const fn can_stamp_tx_software(&self) -> bool {
        self.has_all(sof::TX_SOFTWARE | sof::SOFTWARE)
    }

    /// The interface offers this filter.
    pub const fn has_filter(&self, filter: RxFilter) -> bool {
        let raw = filter.raw();
        raw >= 0 && raw < 32 && self.rx_filters & (1 << raw) != 0
    }
}

/// Asks an interface what it can stamp.
///
/// # Errors
/// `ENODEV`.
pub fn timestamping_info(interface: &str) -> io::Result<TimestampingInfo> {
    let mut info = Argument::<{ ts_info::SIZE }>::ZERO;
    info.0[..4].copy_from_slice(&at::ETHTOOL_GET_TS_INFO.to_ne_bytes());
    ask(|socket| sys::interface_ioctl(socket, at::SIOCETHTOOL, interface, &mut info))?;
    Ok(TimestampingInfo::from_bytes(&info.0))
}

/// What an interface's hardware is told to stamp: `struct hwtstamp_config`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HardwareTimestamping {
    /// Sent packets whose socket asks for it.
    pub tx: TxStamps,
    /// Received packets.
    pub rx_filter: RxFilter,
}

impl HardwareTimestamping {
    fn from_bytes(bytes: &[u8; config::SIZE]) -> Self {
        let int = |offset| field(bytes, offset).map_or(0, i32::from_ne_bytes);
        Self { tx: TxStamps::from_raw(int(config::TX_TYPE)), rx_filter: RxFilter::from_raw(int(config::RX_FILTER)) }
    }

    fn to_argument(self) -> Argument<{ config::SIZE }> {
        let mut argument = Argument::ZERO;
        argument.0[config::TX_TYPE..][..4].copy_from_slice(&self.tx.raw().to_ne_bytes());
        argument.0[config::RX_FILTER..][..4].copy_from_slice(&self.rx_filter.raw().to_ne_bytes());
        argument
    }
}

/// What an interface's hardware is told to stamp at the moment (`SIOCGHWTSTAMP`, Linux 3.14).
///
/// # Errors
/// `ENODEV`; `EOPNOTSUPP` without such hardware, and from drivers that can be told and not asked.
pub fn hardware_timestamping(interface: &str) -> io::Result<HardwareTimestamping> {
    let mut argument = Argument::ZERO;
    ask(|socket| sys::interface_ioctl(socket, at::SIOCGHWTSTAMP, interface, &mut argument))?;
    Ok(HardwareTimestamping::from_bytes(&argument.0))
}

/// Tells an interface's hardware what to stamp, for all programs, and returns what it will do: at least that
/// (`SIOCSHWTSTAMP`).
///
/// Some cards restart their link or forget their clock at this: tell them only what is new to them.
///
/// # Errors
/// `ENODEV`; `EPERM` without CAP_NET_ADMIN; `ERANGE` for what it cannot; `EOPNOTSUPP` without such hardware; `EBUSY` and
/// others of the driver. Nothing has changed then.
pub fn set_hardware_timestamping(interface: &str, wanted: HardwareTimestamping) -> io::Result<HardwareTimestamping> {
    let mut argument = wanted.to_argument();
    ask(|socket| sys::interface_ioctl(socket, at::SIOCSHWTSTAMP, interface, &mut argument))?;
    Ok(HardwareTimestamping::from_bytes(&argument.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(so_timestamping: u32, phc_index: i32, tx_types: u32, rx_filters: u32) -> TimestampingInfo {
        let mut bytes = [0; ts_info::SIZE];
        for (offset, word) in [(4, so_timestamping), (8, phc_index.cast_unsigned()), (12, tx_types), (28, rx_filters)] {
            bytes[offset..][..4].copy_from_slice(&word.to_ne_bytes());
        }
        TimestampingInfo::from_bytes(&bytes)
    }

    #[test]
    fn an_igb_stamps_all_packets_with_its_own_clock() {
        let igb = info(0x5f, 3, 0b11, 0b11);
        assert_eq!(igb.phc_index, Some(3));
        assert!(igb.can_stamp_tx_hardware() && igb.can_stamp_rx_hardware() && igb.can_stamp_tx_software());
        assert!(igb.has_filter(RxFilter::All) && igb.has_filter(RxFilter::None));
        assert!(!igb.has_filter(RxFilter::PtpV2Event) && !igb.has_filter(RxFilter::Other(15)));
    }

    #[test]
    fn what_is_not_all_there_is_not_there() {
        let software = info(0x1a, -1, 0, 0);
        assert_eq!(software.phc_index, None);
        assert!(!software.can_stamp_tx_hardware() && !software.can_stamp_rx_hardware());
        assert!(software.can_stamp_tx_software());
        // The flags without a type to switch on, and without the raw stamp to report.
        assert!(!info(0x5f, 0, 0b01, 0b01).can_stamp_tx_hardware());
        assert!(!info(0x5f, 0, 0b11, 0b01).can_stamp_rx_hardware());
        assert!(!info(0x1f, 0, 0b11, 0b11).can_stamp_tx_hardware());
        assert!(!info(0x1f, 0, 0b11, 0b11).can_stamp_rx_hardware());
    }

    #[test]
    fn a_filter_beyond_the_mask_is_not_offered() {
        let all = info(u32::MAX, 0, u32::MAX, u32::MAX);
        assert!(all.has_filter(RxFilter::Other(31)));
        assert!(!all.has_filter(RxFilter::Other(32)) && !all.has_filter(RxFilter::Other(-1)));
    }

    #[test]
    fn every_filter_survives_the_way_through_the_kernels_bytes() {
        for raw in 0..=15 {
            let wanted = HardwareTimestamping { tx: TxStamps::from_raw(raw % 4), rx_filter: RxFilter::from_raw(raw) };
            assert_eq!((wanted.rx_filter.raw(), wanted.tx.raw()), (raw, raw % 4));
            assert_eq!(HardwareTimestamping::from_bytes(&wanted.to_argument().0), wanted);
        }
    }

    #[test]
    fn the_one_step_types_stamp_too_and_are_offered_by_their_bit() {
        for (raw, stamps) in [(0, false), (1, true), (2, true), (3, true)] {
            let mut bytes = [0; config::SIZE];
            bytes[config::TX_TYPE..][..4].copy_from_slice(&i32::to_ne_bytes(raw));
            assert_eq!(HardwareTimestamping::from_bytes(&bytes).tx.stamps(), stamps, "{raw}");
        }
        for (types, sync, p2p) in [(0b111, true, false), (0b1011, false, true)] {
            let info = info(0x5f, 0, types, 0b11);
            assert_eq!((info.has_tx(TxStamps::OneStepSync), info.has_tx(TxStamps::OneStepP2p)), (sync, p2p));
        }
    }

    #[test]
    fn the_loopback_stamps_in_software_only() {
        let lo = timestamping_info("lo").expect("the loopback");
        assert!(!lo.can_stamp_tx_hardware() && !lo.can_stamp_rx_hardware(), "{lo:?}");
        assert!(lo.can_stamp_tx_software(), "{lo:?}");
        assert_eq!(lo.phc_index, None);
        for result in [
            hardware_timestamping("lo"),
            set_hardware_timestamping("lo", HardwareTimestamping { tx: TxStamps::On, rx_filter: RxFilter::All }),
        ] {
            let errno = result.expect_err("no hardware").raw_os_error();
            assert!(matches!(errno, Some(libc::EOPNOTSUPP | libc::EPERM)), "{errno:?}");
        }
    }

    #[test]
    fn an_interface_that_is_not_there_is_no_device() {
        assert_eq!(timestamping_info("nosuchif0").expect_err("none").raw_os_error(), Some(libc::ENODEV));
        assert_eq!(hardware_timestamping("nosuchif0").expect_err("none").raw_os_error(), Some(libc::ENODEV));
    }
}
