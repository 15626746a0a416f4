//! One pair of ports in the first namespace, and sockets that see the hardware's stamps.

use std::fs;
use std::io::IoSliceMut;
use std::net::{Ipv6Addr, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd;
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, TimestampingFlag, recvmsg, setsockopt, sockopt,
};
use synchronome_kernel::nic::{HardwareTimestamping, RxFilter, TxStamps, set_hardware_timestamping};

use super::super::process::{call, ip};
use super::super::world::{Truth, turn};
use super::super::{LAB, Outcome, because};

/// All PTP nodes of the link (IEEE 1588-2019 D.3).
const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x181);
/// The port of PTP's event messages.
pub const EVENT_PORT: u16 = 319;
/// A port of nobody.
pub const OTHER_PORT: u16 = 31_900;
/// The filters of linux/net_tstamp.h.
pub const FILTER_ALL: u32 = 1;
pub const FILTER_PTP_V2_EVENT: u32 = 12;
/// twoStepFlag in the first octet of the flags.
const TWO_STEP: u8 = 2;

/// A loaded module with both ports up and stamping.
pub struct Bench {
    index: [u32; 2],
}

/// A frame that arrived.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// What was sent in it.
    pub number: u32,
    /// The bits of its correctionField.
    pub correction: i64,
    /// The stamp of the hardware, in ns.
    pub stamp: Option<i64>,
}

/// The sockets at the two ends of the wire: frames go from `phv0` to `phv1`.
pub struct Ends {
    sender: UdpSocket,
    receiver: UdpSocket,
    to: SocketAddrV6,
}

impl Bench {
    pub fn load(seed: u32) -> Outcome<Self> {
        call("insmod", &[&format!("{LAB}/phcveth.ko"), "pairs=1", &format!("seed={seed}")])?;
        let mut index = [0; 2];
        for (port, index) in ["phv0", "phv1"].iter().zip(&mut index) {
            fs::write(format!("/proc/sys/net/ipv6/conf/{port}/accept_dad"), "0").map_err(because(port))?;
            ip(&format!("link set {port} up"))?;
            let text = fs::read_to_string(format!("/sys/class/net/{port}/ifindex")).map_err(because(port))?;
            *index = text.trim().parse().map_err(|error| format!("ifindex {text}: {error}"))?;
        }
        wait_for_addresses()?;
        filter("phv0", FILTER_PTP_V2_EVENT)?;
        filter("phv1", FILTER_PTP_V2_EVENT)?;
        Ok(Self { index })
    }

    /// Sockets for frames to a port.
    pub fn ends(&self, port: u16) -> Outcome<Ends> {
        let any = |port| UdpSocket::bind((Ipv6Addr::UNSPECIFIED, port)).map_err(because("bind"));
        let (sender, receiver) = (any(0)?, any(port)?);
        receiver.join_multicast_v6(&GROUP, self.index[1]).map_err(because("multicast"))?;
        let raw = TimestampingFlag::SOF_TIMESTAMPING_RAW_HARDWARE;
        let software = TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE | TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE;
        let rx = raw | TimestampingFlag::SOF_TIMESTAMPING_RX_HARDWARE | software;
        let tx = raw | TimestampingFlag::SOF_TIMESTAMPING_TX_HARDWARE;
        setsockopt(&sender, sockopt::Timestamping, &tx).map_err(|error| format!("timestamping: {error}"))?;
        setsockopt(&receiver, sockopt::Timestamping, &rx).map_err(|error| format!("timestamping: {error}"))?;
        Ok(Ends { sender, receiver, to: SocketAddrV6::new(GROUP, port, 0, self.index[0]) })
    }
}

/// Waits until both ports may send: the kernel takes up to a second to notice a carrier.
fn wait_for_addresses() -> Outcome<()> {
    for _ in 0..25 {
        let said = ip("-6 -o addr show scope link up")?;
        let has = |port| said.lines().any(|line| line.contains(port) && !line.contains("tentative"));
        if has("phv0") && has("phv1") {
            return Ok(());
        }
        pause_ms(200);
    }
    Err("the ports got no address within 5 s".to_owned())
}

/// Switches the stamps on.
pub fn filter(port: &str, filter: u32) -> Outcome<()> {
    call("hwstamp_ctl", &["-i", port, "-t", "1", "-r", &filter.to_string()]).map(drop)
}

/// Lets a port write its time into messages without twoStepFlag, which hwstamp_ctl cannot ask for in each way.
pub fn one_step(port: &str, tx: TxStamps) -> Outcome<()> {
    let wanted = HardwareTimestamping { tx, rx_filter: RxFilter::PtpV2Event };
    set_hardware_timestamping(port, wanted).map(drop).map_err(because(port))
}

/// The PHC of `phv1` ahead of that of `phv0`, in ns: constant, since neither oscillator has an error.
pub fn between() -> Outcome<f64> {
    Truth::read().map(|truth| truth.phc_error_ns())
}

/// Turns a knob of `phv0`, the sender.
pub fn send_knob(knob: &str, value: i64) -> Outcome<()> {
    turn("phv0", knob, value)
}

/// Turns a knob of `phv1`, the receiver.
pub fn receive_knob(knob: &str, value: i64) -> Outcome<()> {
    turn("phv1", knob, value)
}

/// Unloads the module.
pub fn unload() -> Outcome<()> {
    call("rmmod", &["phcveth"]).map(drop)
}

/// A pause in virtual time.
pub fn pause_ms(time: u64) {
    sleep(Duration::from_millis(time));
}

/// A PTP message of this type (0 is Sync, 2 and 3 are Pdelay_Req and its answer, 11 is Announce) that carries a number.
fn message(kind: u8, number: u32) -> [u8; 44] {
    let mut message = [0; 44];
    message[0] = kind;
    message[1] = 2;
    message[3] = 44;
    message[40..].copy_from_slice(&number.to_be_bytes());
    message
}

impl Ends {
    /// Sends a Sync.
    pub fn send(&self, number: u32) -> Outcome<()> {
        self.send_message(0, number)
    }

    /// Sends a message of a type.
    pub fn send_message(&self, kind: u8, number: u32) -> Outcome<()> {
        self.sender.send_to(&message(kind, number), self.to).map(drop).map_err(because("send"))
    }

    /// Sends a message of a type with a correctionField.
    pub fn send_corrected(&self, kind: u8, correction: i64) -> Outcome<()> {
        let mut message = message(kind, 0);
        message[8..16].copy_from_slice(&correction.to_be_bytes());
        self.sender.send_to(&message, self.to).map(drop).map_err(because("send"))
    }

    /// Sends a message that a second one would complete.
    pub fn send_two_step(&self, kind: u8, number: u32) -> Outcome<()> {
        let mut message = message(kind, number);
        message[6] = TWO_STEP;
        self.sender.send_to(&message, self.to).map(drop).map_err(because("send"))
    }

    /// The stamps of what was sent, in ns, in the order in which they came.
    pub fn sent(&self) -> Outcome<Vec<i64>> {
        let all = drain(&self.sender, MsgFlags::MSG_ERRQUEUE)?;
        Ok(all.into_iter().filter_map(|arrival| arrival.stamp).collect())
    }

    /// What has arrived, in the order in which it came.
    pub fn received(&self) -> Outcome<Vec<Arrival>> {
        drain(&self.receiver, MsgFlags::empty())
    }

    /// Sends one Sync and waits for it: its TX stamp and its RX stamp, as far as there are any.
    pub fn exchange(&self) -> Outcome<(Option<i64>, Option<i64>)> {
        self.send(0)?;
        pause_ms(2);
        let received = self.received()?;
        Ok((self.sent()?.first().copied(), received.first().and_then(|arrival| arrival.stamp)))
    }

    /// Sends one Sync that must be stamped at both ends.
    pub fn stamps(&self) -> Outcome<(i64, i64)> {
        match self.exchange()? {
            (Some(sent), Some(received)) => Ok((sent, received)),
            other => Err(format!("no stamp at one end: {other:?}")),
        }
    }
}

fn drain(socket: &UdpSocket, flags: MsgFlags) -> Outcome<Vec<Arrival>> {
    let mut found = Vec::new();
    loop {
        let (mut bytes, mut space) = ([0; 256], nix::cmsg_space!([u8; 256]));
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let flags = flags | MsgFlags::MSG_DONTWAIT;
        let message = match recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(&mut space), flags) {
            Ok(message) => message,
            Err(Errno::EAGAIN) => return Ok(found),
            Err(error) => return Err(format!("recvmsg: {error}")),
        };
        let mut stamp = None;
        for part in message.cmsgs().map_err(|error| format!("control messages: {error}"))? {
            if let ControlMessageOwned::ScmTimestampsns(stamps) = part {
                let raw = stamps.hw_raw;
                let ns = raw.tv_sec() * 1_000_000_000 + raw.tv_nsec();
                stamp = (ns != 0).then_some(ns);
            }
        }
        let length = message.bytes;
        let tail = length.checked_sub(4).and_then(|from| bytes[from..length].try_into().ok());
        let correction = bytes[8..16].try_into().map_or(0, i64::from_be_bytes);
        found.push(Arrival { number: tail.map_or(0, u32::from_be_bytes), correction, stamp });
    }
}
