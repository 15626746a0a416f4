//! What `uapi` says, against what the C compiler says of this machine's kernel headers.
//!
//! One C program prints every number by name. A macro that the headers are too old for is printed as `absent`; then
//! the checked-in value stands, which names the kernel version that defined it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::{Command, Stdio};

use super::*;
use crate::sys::Envelope;

const INCLUDES: &str = "
#define _GNU_SOURCE
#include <stdio.h>
#include <stddef.h>
#include <time.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <sys/timex.h>
#include <asm/socket.h>
#include <linux/net_tstamp.h>
#include <linux/errqueue.h>
#include <linux/ptp_clock.h>
#include <linux/pps.h>
#include <linux/rtc.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <linux/genetlink.h>
#include <linux/ethtool_netlink.h>
#include <linux/if_link.h>
#include <net/if.h>
";

/// Every expression that the program shall print, with our value for it.
fn expectations() -> Vec<(&'static str, u64)> {
    let mut rows = vec![
        ("PPS_GETPARAMS", pps::GETPARAMS as usize),
        ("PPS_SETPARAMS", pps::SETPARAMS as usize),
        ("PPS_GETCAP", pps::GETCAP as usize),
        ("PPS_FETCH", pps::FETCH as usize),
        ("RTC_RD_TIME", rtc::RD_TIME as usize),
        ("RTC_SET_TIME", rtc::SET_TIME as usize),
        ("sizeof(struct rtc_time)", rtc::time::SIZE),
        ("offsetof(struct rtc_time, tm_sec)", 0),
        ("offsetof(struct rtc_time, tm_min)", 4),
        ("offsetof(struct rtc_time, tm_hour)", 8),
        ("offsetof(struct rtc_time, tm_mday)", 12),
        ("offsetof(struct rtc_time, tm_mon)", 16),
        ("offsetof(struct rtc_time, tm_year)", 20),
        ("PPS_API_VERS_1", pps::API_VERSION as usize),
        ("PPS_CAPTUREASSERT", pps::CAPTUREASSERT as usize),
        ("PPS_CAPTURECLEAR", pps::CAPTURECLEAR as usize),
        ("PPS_TSFMT_TSPEC", pps::TSFMT_TSPEC as usize),
        ("offsetof(struct pps_ktime, nsec)", pps::ktime::NSEC),
        ("sizeof(struct pps_kparams)", pps::kparams::SIZE),
        ("offsetof(struct pps_kparams, mode)", pps::kparams::MODE),
        ("sizeof(struct pps_fdata)", pps::fdata::SIZE),
        ("offsetof(struct pps_fdata, info.assert_sequence)", pps::fdata::ASSERT_SEQUENCE),
        ("offsetof(struct pps_fdata, info.clear_sequence)", pps::fdata::CLEAR_SEQUENCE),
        ("offsetof(struct pps_fdata, info.assert_tu)", pps::fdata::ASSERT),
        ("offsetof(struct pps_fdata, info.clear_tu)", pps::fdata::CLEAR),
        ("sizeof(struct cmsghdr)", cmsghdr::SIZE),
        ("offsetof(struct cmsghdr, cmsg_len)", 0),
        ("sizeof(((struct cmsghdr *)0)->cmsg_len)", size_of::<usize>()),
        ("offsetof(struct cmsghdr, cmsg_level)", cmsghdr::LEVEL),
        ("offsetof(struct cmsghdr, cmsg_type)", cmsghdr::TYPE),
        ("CMSG_ALIGN(1)", cmsghdr::ALIGN),
        ("CMSG_LEN(0)", cmsghdr::SIZE),
        ("CMSG_SPACE(4)", cmsghdr::SIZE + 4_usize.next_multiple_of(cmsghdr::ALIGN)),
        ("sizeof(struct scm_timestamping64)", scm_timestamping64::SIZE),
        ("offsetof(struct scm_timestamping64, ts[0])", scm_timestamping64::SOFTWARE),
        ("offsetof(struct scm_timestamping64, ts[2])", scm_timestamping64::RAW_HARDWARE),
        ("offsetof(struct __kernel_timespec, tv_sec)", 0),
        ("offsetof(struct __kernel_timespec, tv_nsec)", scm_timestamping64::NANOSECONDS),
        ("sizeof(struct __kernel_timespec)", 16),
        ("sizeof(struct sock_extended_err)", sock_extended_err::SIZE),
        ("offsetof(struct sock_extended_err, ee_errno)", sock_extended_err::ERRNO),
        ("offsetof(struct sock_extended_err, ee_origin)", sock_extended_err::ORIGIN),
        ("offsetof(struct sock_extended_err, ee_info)", sock_extended_err::INFO),
        ("offsetof(struct sock_extended_err, ee_data)", sock_extended_err::DATA),
        ("sizeof(struct scm_ts_pktinfo)", scm_ts_pktinfo::SIZE),
        ("offsetof(struct scm_ts_pktinfo, if_index)", scm_ts_pktinfo::IF_INDEX),
        ("offsetof(struct scm_ts_pktinfo, pkt_length)", scm_ts_pktinfo::PKT_LENGTH),
        ("sizeof(struct in_pktinfo)", in_pktinfo::SIZE),
        ("offsetof(struct in_pktinfo, ipi_ifindex)", in_pktinfo::IFINDEX),
        ("offsetof(struct in_pktinfo, ipi_spec_dst)", in_pktinfo::SPEC_DST),
        ("offsetof(struct in_pktinfo, ipi_addr)", in_pktinfo::ADDR),
        ("sizeof(struct in6_pktinfo)", in6_pktinfo::SIZE),
        ("offsetof(struct in6_pktinfo, ipi6_addr)", in6_pktinfo::ADDR),
        ("offsetof(struct in6_pktinfo, ipi6_ifindex)", in6_pktinfo::IFINDEX),
        ("sizeof(struct ip_mreqn)", ip_mreqn::SIZE),
        ("offsetof(struct ip_mreqn, imr_ifindex)", ip_mreqn::IFINDEX),
        ("sizeof(struct sockaddr_in)", sockaddr_in::SIZE),
        ("offsetof(struct sockaddr_in, sin_family)", 0),
        ("offsetof(struct sockaddr_in, sin_port)", sockaddr_in::PORT),
        ("offsetof(struct sockaddr_in, sin_addr)", sockaddr_in::ADDR),
        ("sizeof(struct sockaddr_in6)", sockaddr_in6::SIZE),
        ("offsetof(struct sockaddr_in6, sin6_port)", sockaddr_in6::PORT),
        ("offsetof(struct sockaddr_in6, sin6_flowinfo)", sockaddr_in6::FLOWINFO),
        ("offsetof(struct sockaddr_in6, sin6_addr)", sockaddr_in6::ADDR),
        ("offsetof(struct sockaddr_in6, sin6_scope_id)", sockaddr_in6::SCOPE_ID),
        // libc's own structs, for which it vouches: checked where a mistake would be ours to explain.
        ("sizeof(struct timex)", size_of::<libc::timex>()),
        ("offsetof(struct timex, freq)", std::mem::offset_of!(libc::timex, freq)),
        ("offsetof(struct timex, status)", std::mem::offset_of!(libc::timex, status)),
        ("offsetof(struct timex, time)", std::mem::offset_of!(libc::timex, time)),
        ("offsetof(struct timex, tick)", std::mem::offset_of!(libc::timex, tick)),
        ("offsetof(struct timex, tai)", std::mem::offset_of!(libc::timex, tai)),
        ("offsetof(struct timex, modes)", std::mem::offset_of!(libc::timex, modes)),
        ("offsetof(struct timex, maxerror)", std::mem::offset_of!(libc::timex, maxerror)),
        ("offsetof(struct timex, esterror)", std::mem::offset_of!(libc::timex, esterror)),
        ("offsetof(struct timex, constant)", std::mem::offset_of!(libc::timex, constant)),
        ("sizeof(struct msghdr)", size_of::<libc::msghdr>()),
        ("sizeof(struct mmsghdr)", size_of::<libc::mmsghdr>()),
    ]
    .into_iter()
    .map(|(expression, value)| (expression, value as u64))
    .collect::<Vec<_>>();
    rows.extend(PTP.into_iter().chain(LINK).map(|(expression, value)| (expression, value as u64)));
    rows.extend(
        [
            ("ADJ_FREQUENCY", libc::ADJ_FREQUENCY),
            ("ADJ_MAXERROR", libc::ADJ_MAXERROR),
            ("ADJ_ESTERROR", libc::ADJ_ESTERROR),
            ("ADJ_STATUS", libc::ADJ_STATUS),
            ("ADJ_TAI", libc::ADJ_TAI),
            ("ADJ_SETOFFSET", libc::ADJ_SETOFFSET),
            ("ADJ_NANO", libc::ADJ_NANO),
            ("ADJ_TICK", libc::ADJ_TICK),
            ("SOF_TIMESTAMPING_TX_HARDWARE", sof::TX_HARDWARE),
            ("SOF_TIMESTAMPING_TX_SOFTWARE", sof::TX_SOFTWARE),
            ("SOF_TIMESTAMPING_RX_HARDWARE", sof::RX_HARDWARE),
            ("SOF_TIMESTAMPING_RX_SOFTWARE", sof::RX_SOFTWARE),
            ("SOF_TIMESTAMPING_SOFTWARE", sof::SOFTWARE),
            ("SOF_TIMESTAMPING_RAW_HARDWARE", sof::RAW_HARDWARE),
            ("SOF_TIMESTAMPING_OPT_ID", sof::OPT_ID),
            ("SOF_TIMESTAMPING_OPT_CMSG", sof::OPT_CMSG),
            ("SOF_TIMESTAMPING_OPT_TSONLY", sof::OPT_TSONLY),
            ("SOF_TIMESTAMPING_OPT_PKTINFO", sof::OPT_PKTINFO),
            ("SOF_TIMESTAMPING_OPT_TX_SWHW", sof::OPT_TX_SWHW),
            ("SCM_TSTAMP_SND", sock_extended_err::INFO_SENT),
            ("SO_EE_ORIGIN_LOCAL", sock_extended_err::ORIGIN_LOCAL.into()),
            ("SO_EE_ORIGIN_ICMP", sock_extended_err::ORIGIN_ICMP.into()),
            ("SO_EE_ORIGIN_ICMP6", sock_extended_err::ORIGIN_ICMP6.into()),
            ("SO_EE_ORIGIN_TIMESTAMPING", sock_extended_err::ORIGIN_TIMESTAMPING.into()),
            ("SO_TIMESTAMPING_NEW", SO_TIMESTAMPING_NEW.cast_unsigned()),
            ("SCM_TIMESTAMPING_PKTINFO", SCM_TIMESTAMPING_PKTINFO.cast_unsigned()),
            ("SO_SELECT_ERR_QUEUE", SO_SELECT_ERR_QUEUE.cast_unsigned()),
        ]
        .map(|(name, value)| (name, value.into())),
    );
    rows.extend(
        [
            ("PTP_CLOCK_GETCAPS", ptp::GETCAPS),
            ("PTP_SYS_OFFSET", ptp::SYS_OFFSET),
            ("PTP_SYS_OFFSET_EXTENDED", ptp::SYS_OFFSET_EXTENDED),
            ("PTP_SYS_OFFSET_PRECISE", ptp::SYS_OFFSET_PRECISE),
            ("PTP_EXTTS_REQUEST", ptp::EXTTS_REQUEST),
            ("PTP_EXTTS_REQUEST2", ptp::EXTTS_REQUEST2),
            ("PTP_PIN_GETFUNC", ptp::PIN_GETFUNC),
            ("PTP_PIN_SETFUNC", ptp::PIN_SETFUNC),
        ]
        .map(|(name, value)| (name, u64::from(value as u32))),
    );
    rows
}

/// linux/ptp_clock.h.
const PTP: [(&str, usize); 41] = [
    ("PTP_ENABLE_FEATURE", ptp::ENABLE_FEATURE as usize),
    ("PTP_RISING_EDGE", ptp::RISING_EDGE as usize),
    ("PTP_FALLING_EDGE", ptp::FALLING_EDGE as usize),
    ("PTP_PF_EXTTS", ptp::PF_EXTTS as usize),
    ("sizeof(struct ptp_extts_request)", ptp::extts_request::SIZE),
    ("offsetof(struct ptp_extts_request, index)", 0),
    ("offsetof(struct ptp_extts_request, flags)", ptp::extts_request::FLAGS),
    ("sizeof(struct ptp_extts_event)", ptp::extts_event::SIZE),
    ("offsetof(struct ptp_extts_event, t)", 0),
    ("offsetof(struct ptp_extts_event, index)", ptp::extts_event::INDEX),
    ("sizeof(struct ptp_pin_desc)", ptp::pin_desc::SIZE),
    ("sizeof(((struct ptp_pin_desc *)0)->name)", ptp::pin_desc::NAME_SIZE),
    ("offsetof(struct ptp_pin_desc, index)", ptp::pin_desc::INDEX),
    ("offsetof(struct ptp_pin_desc, func)", ptp::pin_desc::FUNC),
    ("offsetof(struct ptp_pin_desc, chan)", ptp::pin_desc::CHAN),
    ("sizeof(struct ptp_clock_time)", ptp::clock_time::SIZE),
    ("offsetof(struct ptp_clock_time, sec)", 0),
    ("offsetof(struct ptp_clock_time, nsec)", ptp::clock_time::NANOSECONDS),
    ("sizeof(struct ptp_clock_caps)", ptp::clock_caps::SIZE),
    ("offsetof(struct ptp_clock_caps, max_adj)", ptp::clock_caps::MAX_ADJ),
    ("offsetof(struct ptp_clock_caps, n_alarm)", ptp::clock_caps::N_ALARM),
    ("offsetof(struct ptp_clock_caps, n_ext_ts)", ptp::clock_caps::N_EXT_TS),
    ("offsetof(struct ptp_clock_caps, n_per_out)", ptp::clock_caps::N_PER_OUT),
    ("offsetof(struct ptp_clock_caps, pps)", ptp::clock_caps::PPS),
    ("offsetof(struct ptp_clock_caps, n_pins)", ptp::clock_caps::N_PINS),
    ("offsetof(struct ptp_clock_caps, cross_timestamping)", ptp::clock_caps::CROSS_TIMESTAMPING),
    ("offsetof(struct ptp_clock_caps, adjust_phase)", ptp::clock_caps::ADJUST_PHASE),
    ("PTP_MAX_SAMPLES", ptp::SAMPLES_MAX),
    ("sizeof(struct ptp_sys_offset)", ptp::sys_offset::SIZE),
    ("offsetof(struct ptp_sys_offset, n_samples)", ptp::sys_offset::N_SAMPLES),
    ("offsetof(struct ptp_sys_offset, ts)", ptp::sys_offset::TS),
    ("sizeof(struct ptp_sys_offset_extended)", ptp::sys_offset_extended::SIZE),
    ("offsetof(struct ptp_sys_offset_extended, n_samples)", ptp::sys_offset_extended::N_SAMPLES),
    ("offsetof(struct ptp_sys_offset_extended, ts)", ptp::sys_offset_extended::TS),
    ("sizeof(struct ptp_sys_offset_precise)", ptp::sys_offset_precise::SIZE),
    ("offsetof(struct ptp_sys_offset_precise, device)", ptp::sys_offset_precise::DEVICE),
    ("offsetof(struct ptp_sys_offset_precise, sys_realtime)", ptp::sys_offset_precise::SYS_REALTIME),
    ("offsetof(struct ptp_sys_offset_precise, sys_monoraw)", ptp::sys_offset_precise::SYS_MONORAW),
    ("sizeof(((struct ptp_sys_offset *)0)->ts[0])", ptp::clock_time::SIZE),
    ("sizeof(((struct ptp_sys_offset_extended *)0)->ts[0])", 3 * ptp::clock_time::SIZE),
    ("sizeof(((struct ptp_clock_time *)0)->nsec)", 4),
];

/// linux/net_tstamp.h, linux/ethtool.h, linux/if_packet.h, linux/rtnetlink.h and linux/if_link.h.
const LINK: [(&str, usize); 81] = [
    ("SIOCETHTOOL", interface::SIOCETHTOOL as usize),
    ("SIOCSHWTSTAMP", interface::SIOCSHWTSTAMP as usize),
    ("SIOCGHWTSTAMP", interface::SIOCGHWTSTAMP as usize),
    ("ETHTOOL_GDRVINFO", interface::ETHTOOL_GDRVINFO as usize),
    ("ETHTOOL_GET_TS_INFO", interface::ETHTOOL_GET_TS_INFO as usize),
    ("ETHTOOL_GLINKSETTINGS", interface::ETHTOOL_GLINKSETTINGS as usize),
    ("sizeof(struct hwtstamp_config)", interface::hwtstamp_config::SIZE),
    ("offsetof(struct hwtstamp_config, tx_type)", interface::hwtstamp_config::TX_TYPE),
    ("offsetof(struct hwtstamp_config, rx_filter)", interface::hwtstamp_config::RX_FILTER),
    ("HWTSTAMP_TX_OFF", interface::hwtstamp_config::TX_OFF as usize),
    ("HWTSTAMP_TX_ON", interface::hwtstamp_config::TX_ON as usize),
    ("HWTSTAMP_TX_ONESTEP_SYNC", interface::hwtstamp_config::TX_ONESTEP_SYNC as usize),
    ("HWTSTAMP_TX_ONESTEP_P2P", interface::hwtstamp_config::TX_ONESTEP_P2P as usize),
    ("HWTSTAMP_FILTER_NONE", interface::hwtstamp_config::FILTER_NONE as usize),
    ("HWTSTAMP_FILTER_ALL", interface::hwtstamp_config::FILTER_ALL as usize),
    ("HWTSTAMP_FILTER_NTP_ALL", interface::hwtstamp_config::FILTER_NTP_ALL as usize),
    ("HWTSTAMP_FILTER_PTP_V2_L4_EVENT", interface::hwtstamp_config::FILTER_PTP_V2_L4_EVENT as usize),
    ("HWTSTAMP_FILTER_PTP_V2_L2_EVENT", interface::hwtstamp_config::FILTER_PTP_V2_L2_EVENT as usize),
    ("HWTSTAMP_FILTER_PTP_V2_EVENT", interface::hwtstamp_config::FILTER_PTP_V2_EVENT as usize),
    ("sizeof(struct ethtool_ts_info)", interface::ts_info::SIZE),
    ("offsetof(struct ethtool_ts_info, so_timestamping)", interface::ts_info::SO_TIMESTAMPING),
    ("offsetof(struct ethtool_ts_info, phc_index)", interface::ts_info::PHC_INDEX),
    ("offsetof(struct ethtool_ts_info, tx_types)", interface::ts_info::TX_TYPES),
    ("offsetof(struct ethtool_ts_info, rx_filters)", interface::ts_info::RX_FILTERS),
    ("sizeof(struct ethtool_drvinfo)", interface::drvinfo::SIZE),
    ("offsetof(struct ethtool_drvinfo, driver)", interface::drvinfo::DRIVER),
    ("offsetof(struct ethtool_drvinfo, version)", interface::drvinfo::VERSION),
    ("offsetof(struct ethtool_drvinfo, bus_info)", interface::drvinfo::BUS_INFO),
    ("sizeof(((struct ethtool_drvinfo *)0)->bus_info)", interface::drvinfo::TEXT),
    ("offsetof(struct ethtool_link_settings, speed)", interface::link_settings::SPEED),
    (
        "offsetof(struct ethtool_link_settings, link_mode_masks_nwords)",
        interface::link_settings::LINK_MODE_MASKS_NWORDS,
    ),
    ("sizeof(struct ethtool_link_settings)", interface::link_settings::LINK_MODE_MASKS),
    ("sizeof(struct ifreq)", size_of::<libc::ifreq>()),
    ("offsetof(struct ifreq, ifr_data)", std::mem::offset_of!(libc::ifreq, ifr_ifru)),
    ("SOL_PACKET", packet::SOL_PACKET as usize),
    ("PACKET_ADD_MEMBERSHIP", packet::PACKET_ADD_MEMBERSHIP as usize),
    ("PACKET_TX_TIMESTAMP", packet::TX_TIMESTAMP as usize),
    ("PACKET_AUXDATA", packet::AUXDATA as usize),
    ("TP_STATUS_VLAN_VALID", packet::auxdata::VLAN_VALID as usize),
    ("sizeof(struct tpacket_auxdata)", packet::auxdata::SIZE),
    ("offsetof(struct tpacket_auxdata, tp_status)", 0),
    ("offsetof(struct tpacket_auxdata, tp_vlan_tci)", packet::auxdata::VLAN_TCI),
    ("PACKET_MR_MULTICAST", packet::MR_MULTICAST as usize),
    ("sizeof(struct sockaddr_ll)", packet::sockaddr_ll::SIZE),
    ("offsetof(struct sockaddr_ll, sll_protocol)", packet::sockaddr_ll::PROTOCOL),
    ("offsetof(struct sockaddr_ll, sll_ifindex)", packet::sockaddr_ll::IFINDEX),
    ("sizeof(struct packet_mreq)", packet::mreq::SIZE),
    ("offsetof(struct packet_mreq, mr_ifindex)", packet::mreq::IFINDEX),
    ("offsetof(struct packet_mreq, mr_type)", packet::mreq::TYPE),
    ("offsetof(struct packet_mreq, mr_alen)", packet::mreq::ALEN),
    ("offsetof(struct packet_mreq, mr_address)", packet::mreq::ADDRESS),
    ("sizeof(struct nlmsghdr)", rtnetlink::nlmsghdr::SIZE),
    ("offsetof(struct nlmsghdr, nlmsg_type)", rtnetlink::nlmsghdr::TYPE),
    ("offsetof(struct nlmsghdr, nlmsg_flags)", rtnetlink::nlmsghdr::FLAGS),
    ("sizeof(struct ifinfomsg)", rtnetlink::ifinfomsg::SIZE),
    ("sizeof(struct rtattr)", rtnetlink::rtattr::SIZE),
    ("RTA_ALIGNTO", rtnetlink::rtattr::ALIGN),
    ("NLA_TYPE_MASK & 0xffff", rtnetlink::rtattr::TYPE_MASK as usize),
    ("IFLA_ADDRESS", rtnetlink::IFLA_ADDRESS as usize),
    ("IFLA_IFNAME", rtnetlink::IFLA_IFNAME as usize),
    ("IFLA_LINK", rtnetlink::IFLA_LINK as usize),
    ("IFLA_MASTER", rtnetlink::IFLA_MASTER as usize),
    ("IFLA_LINKINFO", rtnetlink::IFLA_LINKINFO as usize),
    ("IFLA_EXT_MASK", rtnetlink::IFLA_EXT_MASK as usize),
    ("IFLA_LINK_NETNSID", rtnetlink::IFLA_LINK_NETNSID as usize),
    ("IFLA_INFO_KIND", rtnetlink::IFLA_INFO_KIND as usize),
    ("IFLA_INFO_DATA", rtnetlink::IFLA_INFO_DATA as usize),
    ("IFLA_BOND_ACTIVE_SLAVE", rtnetlink::IFLA_BOND_ACTIVE_SLAVE as usize),
    ("RTEXT_FILTER_SKIP_STATS", rtnetlink::SKIP_STATS as usize),
    ("SOF_TIMESTAMPING_BIND_PHC", sof::BIND_PHC as usize),
    ("sizeof(struct genlmsghdr)", ethtool_netlink::genlmsghdr::SIZE),
    ("sizeof(ETHTOOL_GENL_NAME)", ethtool_netlink::FAMILY.len()),
    ("ETHTOOL_MSG_TSINFO_GET", ethtool_netlink::MSG_TSINFO_GET as usize),
    ("ETHTOOL_A_TSINFO_HEADER", ethtool_netlink::HEADER as usize),
    ("ETHTOOL_A_HEADER_DEV_NAME", ethtool_netlink::HEADER_DEV_NAME as usize),
    ("ETHTOOL_A_HEADER_FLAGS", ethtool_netlink::HEADER_FLAGS as usize),
    ("ETHTOOL_FLAG_COMPACT_BITSETS", ethtool_netlink::FLAG_COMPACT_BITSETS as usize),
    ("ETHTOOL_A_BITSET_VALUE", ethtool_netlink::BITSET_VALUE as usize),
    ("ETHTOOL_A_TSINFO_TIMESTAMPING", ethtool_netlink::TSINFO_TIMESTAMPING as usize),
    ("ETHTOOL_A_TSINFO_TX_TYPES", ethtool_netlink::TSINFO_TX_TYPES as usize),
    ("ETHTOOL_A_TSINFO_RX_FILTERS", ethtool_netlink::TSINFO_RX_FILTERS as usize),
];

/// Macros that some headers in use are too old for, or keep to the kernel: name, our value, and since when.
const MAYBE_ABSENT: [(&str, u64, &str); 3] = [
    ("SCM_TS_OPT_ID", 81, "Linux 6.13, include/uapi/asm-generic/socket.h"),
    ("IPV6_MULTICAST_ALL", 29, "Linux 4.20, include/uapi/linux/in6.h"),
    ("MSG_PROBE", 0x10, "the kernel's own include/linux/socket.h, which is not installed"),
];

fn c_says(program: &str) -> BTreeMap<String, Option<u64>> {
    let directory = std::env::temp_dir().join(format!("synchronome-layout-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory for the C program");
    let source = directory.join("layout.c");
    let binary = directory.join("layout");
    std::fs::write(&source, program).expect("the C program is written");
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let status = Command::new(&compiler)
        .arg("-o")
        .arg(&binary)
        .arg(&source)
        .stdin(Stdio::null())
        .status()
        .unwrap_or_else(|error| panic!("this test needs a C compiler ({compiler:?}, or set CC): {error}"));
    assert!(status.success(), "this test needs the kernel's headers (Debian: linux-libc-dev, libc6-dev)");
    let output = Command::new(&binary).output().expect("the C program runs");
    std::fs::remove_dir_all(&directory).expect("the directory is ours");
    let text = String::from_utf8(output.stdout).expect("the C program prints ASCII");
    let line = |line: &str| {
        let (value, name) = line.split_once(' ').expect("value and name");
        (name.to_owned(), value.parse().ok())
    };
    text.lines().map(line).collect()
}

#[test]
fn every_number_agrees_with_the_c_compiler_or_is_newer_than_its_headers() {
    let mut program = format!("{INCLUDES}int main(void) {{\n");
    for (expression, _) in expectations() {
        writeln!(program, "printf(\"%llu %s\\n\", (unsigned long long)({expression}), \"{expression}\");")
            .expect("a string grows");
    }
    for (name, ..) in MAYBE_ABSENT {
        writeln!(
            program,
            "#ifdef {name}\nprintf(\"%llu {name}\\n\", (unsigned long long){name});\n#else\nprintf(\"absent {name}\\n\");\n#endif"
        )
        .expect("a string grows");
    }
    program.push_str("return 0; }\n");

    let said = c_says(&program);
    for (expression, ours) in expectations() {
        assert_eq!(said.get(expression), Some(&Some(ours)), "{expression}");
    }
    for (name, ours, since) in MAYBE_ABSENT {
        match said.get(name).expect("printed either way") {
            Some(theirs) => assert_eq!(*theirs, ours, "{name}"),
            None => println!("{name}: not in these headers; {ours} since {since}"),
        }
    }
}

#[test]
fn the_table_of_newer_numbers_is_what_the_code_uses() {
    let used = [SCM_TS_OPT_ID, IPV6_MULTICAST_ALL, MSG_PROBE];
    for ((name, value, _), used) in MAYBE_ABSENT.into_iter().zip(used) {
        assert_eq!(value, u64::from(used.cast_unsigned()), "{name}");
    }
}

#[test]
fn the_buffers_that_the_kernel_fills_are_aligned_for_it() {
    assert_eq!(align_of::<Envelope>() % cmsghdr::ALIGN, 0);
    let mut envelope = Envelope::EMPTY;
    assert_eq!(envelope.control.room().as_ptr().addr() % cmsghdr::ALIGN, 0);
    assert_eq!(envelope.from.room().as_ptr().addr() % align_of::<u64>(), 0);
}
