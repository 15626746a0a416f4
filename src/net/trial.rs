//! Whether transmit stamps come, whose, and how late: some messages are sent to see.
//!
//! What a card says of itself is a claim. This is how it is put to the test before a daemon relies on it: Delay_Req to the group that
//! no bridge forwards, in a domain that nobody is in, so that whoever hears them has nothing to do with them. A card that another
//! program has told to stamp is left as it was told; one that stamps nothing, neither way, is told to for as long as this takes.
//!
//! Stamps of arriving messages are not tried: for these somebody else has to send.

use std::os::fd::{AsFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use synchronome_kernel::nic::{HardwareTimestamping, RxFilter, hardware_timestamping, mac_address};
use synchronome_kernel::socket::packet::{ETHERNET_HEADER, FirstOctets, open_packet_socket, send_frame};
use synchronome_kernel::timestamping::{
    ErrorQueueBuffer, ErrorQueueItem, TimestampRequest, TxKeying, enable_timestamps, read_error_queue,
};

use super::card::{Card, OneStep, device_below};
use super::ethernet::{ETHERTYPE, PTP_PDELAY};
use super::{STAMP_WAIT_MAX, Transport};
use crate::time::{Duration, Mono, Timestamp};
use crate::wire::ptp::{ClockIdentity, PortIdentity, Sender, write};

/// So many messages are sent.
pub const SENDS: u16 = 20;
/// So far apart: a second of a master's Sync at the most common intervals has fewer.
const PAUSE: Duration = Duration::from_millis(25);
/// Nobody is in this one: the last that profiles may use (IEEE 1588-2019 table 2).
const DOMAIN: u8 = 127;
/// A Delay_Req (11.3), and what sendmsg takes with its header.
const MESSAGE: usize = 44;

/// How long stamps of one kind took, from the send until they could be read, in rising order.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Waits(Vec<Duration>);

impl Waits {
    /// These.
    pub fn new(mut waits: Vec<Duration>) -> Self {
        waits.sort_unstable();
        Self(waits)
    }

    /// How many came.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// So many in a hundred, 1 to 100, took no longer; `None` if none came.
    pub fn percentile(&self, percent: usize) -> Option<Duration> {
        let rank = (self.0.len() * percent).div_ceil(100);
        self.0.get(rank.checked_sub(1)?).copied()
    }
}

/// What has come of it.
#[derive(Clone, Default, Debug)]
pub struct StampTrial {
    /// Messages that were sent.
    pub sent: usize,
    /// Stamps of the card's clock.
    pub hardware: Waits,
    /// Stamps of the kernel's.
    pub software: Waits,
    /// What the card was told while they were sent; `None` if that cannot be asked, or there is no card.
    pub told: Option<HardwareTimestamping>,
    /// It was told so for the trial alone.
    pub is_lent: bool,
    /// Why it could not be told, a clause.
    pub refusal: Option<String>,
}

/// Sends some messages on an interface, and waits for their stamps: half a second, and up to four more for those that are late. `now` is
/// asked again and again.
///
/// # Errors
/// Why nothing could be sent, a clause: without CAP_NET_RAW, or where the interface is down.
pub fn try_stamps(interface: &str, now: impl Fn() -> Timestamp<Mono>) -> Result<StampTrial, String> {
    let in_words = |error: std::io::Error| error.to_string();
    let index = nix::net::if_::if_nametoindex(interface).map_err(|error| error.to_string())?;
    let source = mac_address(interface).map_err(in_words)?;
    // The kernel's stamps need a socket that hears nothing.
    let socket = open_packet_socket(index, None, ETHERTYPE, FirstOctets(0)).map_err(in_words)?;
    let both = TimestampRequest {
        tx_software: true,
        tx_hardware: true,
        tx_software_beside_hardware: true,
        ..TimestampRequest::default()
    };
    let keying = enable_timestamps(&socket, both).map_err(in_words)?;
    let device = device_below(interface);
    let before = hardware_timestamping(&device).ok();
    let is_idle = before.is_some_and(|told| !told.tx.stamps() && told.rx_filter == RxFilter::None);
    // Given back what it was told before when this is dropped.
    let lent = is_idle.then(|| Card::set_up(interface, Transport::Ethernet, OneStep::Nothing));
    let mut trial = Trial::new(socket, &now);
    let mut problem = None;
    for sequence_id in 0..SENDS {
        let key = (keying == TxKeying::PerMessage).then_some(sequence_id.into());
        trial.sent.push(now());
        if let Err(error) = send_frame(&trial.socket, &frame(source, sequence_id), key) {
            trial.sent.pop();
            // The kernel may count it, and then every key behind it is another's.
            problem = Some(error.to_string());
            break;
        }
        trial.await_stamps(now() + PAUSE, false);
    }
    if trial.sent.is_empty() {
        return Err(problem.unwrap_or_default());
    }
    trial.await_stamps(now() + STAMP_WAIT_MAX, true);
    let (is_lent, refusal) = match &lent {
        Some(Ok(_)) => (true, None),
        Some(Err(refusal)) => (false, Some(refusal.clone())),
        None => (false, None),
    };
    let told = hardware_timestamping(&device).ok();
    let [hardware, software] =
        [trial.hardware, trial.software].map(|waits| Waits::new(waits.into_iter().flatten().collect()));
    Ok(StampTrial { sent: trial.sent.len(), hardware, software, told, is_lent, refusal })
}

/// A Delay_Req, in a frame to the neighbour alone.
fn frame(source: [u8; 6], sequence_id: u16) -> [u8; ETHERNET_HEADER + MESSAGE] {
    let mut clock_identity = ClockIdentity([0; 8]);
    clock_identity.0[..source.len()].copy_from_slice(&source);
    let sender = Sender {
        sdo_id: 0,
        minor_version_ptp: 0,
        domain_number: DOMAIN,
        source_port_identity: PortIdentity { clock_identity, port_number: 1 },
    };
    let mut frame = [0; ETHERNET_HEADER + MESSAGE];
    frame[..6].copy_from_slice(&PTP_PDELAY);
    frame[6..12].copy_from_slice(&source);
    frame[12..ETHERNET_HEADER].copy_from_slice(&ETHERTYPE.to_be_bytes());
    write(&sender.delay_req(sequence_id, Duration::ZERO), &mut frame[ETHERNET_HEADER..])
        .expect("a Delay_Req has 44 octets");
    frame
}

/// What is under way.
struct Trial<'a> {
    socket: OwnedFd,
    errors: ErrorQueueBuffer,
    now: &'a dyn Fn() -> Timestamp<Mono>,
    sent: Vec<Timestamp<Mono>>,
    hardware: Vec<Option<Duration>>,
    software: Vec<Option<Duration>>,
}

impl<'a> Trial<'a> {
    fn new(socket: OwnedFd, now: &'a dyn Fn() -> Timestamp<Mono>) -> Self {
        let none = || vec![None; SENDS.into()];
        Self { socket, errors: ErrorQueueBuffer::new(), now, sent: Vec::new(), hardware: none(), software: none() }
    }

    /// Takes what comes until then; `is_enough`: until of each kind that has come at all every one has.
    fn await_stamps(&mut self, until: Timestamp<Mono>, is_enough: bool) {
        loop {
            let left = until - (self.now)();
            if left <= Duration::ZERO || is_enough && self.is_complete() {
                return;
            }
            let timeout = PollTimeout::try_from(left.to_std()).unwrap_or(PollTimeout::MAX);
            // The error queue is always polled for.
            let mut ready = [PollFd::new(self.socket.as_fd(), PollFlags::empty())];
            // An interrupted wait ends the loop at its time all the same.
            _ = poll(&mut ready, timeout);
            self.take();
        }
    }

    fn take(&mut self) {
        while let Ok(Some(item)) = read_error_queue(&self.socket, &mut self.errors) {
            let at = (self.now)();
            let ErrorQueueItem::TxStamp(stamp) = item else { continue };
            let place = stamp.key as usize;
            let Some(sent) = self.sent.get(place) else { continue };
            for (is_there, waits) in
                [(stamp.hardware.is_some(), &mut self.hardware), (stamp.software.is_some(), &mut self.software)]
            {
                if is_there {
                    waits[place].get_or_insert(at - *sent);
                }
            }
        }
    }

    fn is_complete(&self) -> bool {
        let came = |waits: &[Option<Duration>]| waits.iter().flatten().count();
        let (hardware, software) = (came(&self.hardware), came(&self.software));
        let all = self.sent.len();
        (hardware, software) != (0, 0) && [hardware, software].iter().all(|came| *came == 0 || *came == all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ptp::{Body, parse};

    #[test]
    fn what_is_sent_goes_to_the_neighbour_alone_and_nobody_answers_it() {
        let frame = frame([2, 0, 0, 0, 0, 9], 7);
        assert_eq!(frame[..6], [0x01, 0x80, 0xc2, 0, 0, 0x0e], "no bridge forwards it");
        let message = parse(&frame[ETHERNET_HEADER..]).unwrap();
        assert!(matches!(message.body, Body::DelayReq(_)));
        assert_eq!((message.header.domain_number, message.header.sequence_id), (DOMAIN, 7));
    }

    #[test]
    fn percentiles_are_of_those_that_came() {
        let waits = Waits::new([30, 10, 20, 40].map(Duration::from_micros).to_vec());
        assert_eq!(waits.percentile(50), Some(Duration::from_micros(20)));
        assert_eq!(
            (waits.percentile(99), waits.percentile(100)),
            (Some(Duration::from_micros(40)), waits.percentile(99))
        );
        assert_eq!((waits.count(), Waits::default().percentile(50)), (4, None));
    }
}
