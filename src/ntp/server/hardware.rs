//! The stamps of a network card, as NTP wants them.
//!
//! A kernel's stamp is late by the interrupt and the driver, microseconds that vary with load. A card's stamp has none of
//! that, but it is of another clock and of another moment. The clock is the card's PHC: its line ([`PhcLine`]) says
//! what UTC it read. The moment is the frame's first bit behind its preamble, which is what PTP measures with; an NTP
//! server's receive stamp is of the last bit, since that is what all software stamps are about and what the client's
//! transmit stamp, also of the first bit, allows for. Two ends that disagree on it are apart by half of a frame's
//! length in time: 0.34 us for 94 octets between 10 Gb/s and 1 Gb/s.
//!
//! `receive = line(stamp - ingress latency) + (frame length + checksum) * 8 / link speed`
//!
//! The transmit stamp is of the frame's beginning, as NTP wants it, and of the answer before the one that carries it:
//! `transmit = line(stamp + egress latency)`.
//!
//! No line is trusted further than the kernel's own stamp of the same frame: what it makes of the card's stamp must be shortly
//! before that ([`HARDWARE_LEAD_MAX`]), and not after it. A PHC that another program has just set fails that, and so does
//! a stamp of another clock than we think.

use crate::coding::Coded;
use crate::sharing::{PhcLine, StampingInterface, TimeSnapshot};
use crate::time::{Duration, Local, Timestamp, Utc};

/// The frame check sequence, which no length of a received frame includes (IEEE 802.3 3.1.1).
const CHECKSUM_OCTETS: u64 = 4;

/// A VLAN tag, which may have been taken off before the length was measured (IEEE 802.1Q 9.3).
const TAG_OCTETS: u64 = 4;

/// The slowest Ethernet, for a link of unknown speed, in bit/s.
const LINK_SPEED_MIN: u64 = 10_000_000;

/// How much earlier than the kernel the card may have stamped: a burst, with interrupts moderated.
pub const HARDWARE_LEAD_MAX: Duration = Duration::from_millis(5);

/// How much later than the kernel handed it over the card may have sent a frame: what waits before it in the card's queue.
pub const HARDWARE_LAG_MAX: Duration = Duration::from_millis(5);

/// What a card said of an arriving frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CardStamp {
    /// The PHC when the frame began.
    pub at: Timestamp<Local>,
    /// Octets of the frame as the kernel has it: without checksum, and without a tag that was taken off.
    pub frame_length: u32,
    /// It came to an interface above the card's, which may be a VLAN: a tag was perhaps taken off.
    pub is_perhaps_tagged: bool,
}

/// A stamp from hardware, on the served scale.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub struct HardwareStamp {
    /// UTC when an arriving frame ended, or a leaving one began.
    pub at: Timestamp<Utc>,
    /// The greatest error of that.
    pub bound: Duration,
}

/// Why a card's stamp is not used although its PHC is one of ours and has a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HardwareRejected {
    /// The line does not reach there: it is of before a step, or of another clock.
    OffTheLine,
    /// It is earlier than the kernel's stamp of the same frame: much, if it arrived, and by more than both can be wrong, if it left.
    Early,
    /// It is later than the kernel's stamp: by more than both can be wrong, if it arrived, and much, if it left.
    Late,
}

/// How long `octets` take on the wire: exact at every speed of Ethernet, to a 65,536th of a nanosecond else.
fn time_on_wire(octets: u64, bits_per_second: u64) -> Duration {
    let ticks = i128::from(octets) * 8 * Duration::SECOND.ticks() / i128::from(bits_per_second.max(1));
    Duration::from_ticks(ticks)
}

/// From the stamp of a card to that of the server; `kernel` is the kernel's stamp of the same frame.
///
/// # Errors
/// [`HardwareRejected`]; the kernel's stamp is to be used then.
pub fn hardware_stamp(
    stamp: &CardStamp,
    interface: &StampingInterface,
    line: &PhcLine,
    kernel: Timestamp<Local>,
    snapshot: &TimeSnapshot,
) -> Result<HardwareStamp, HardwareRejected> {
    let begun = line.utc_at(stamp.at - interface.ingress_latency);
    let (begun, line_bound) = begun.ok_or(HardwareRejected::OffTheLine)?;
    let octets = u64::from(stamp.frame_length) + CHECKSUM_OCTETS;
    let tag = if stamp.is_perhaps_tagged { TAG_OCTETS } else { 0 };
    let (lasted, unknown) = match interface.bits_per_second {
        Some(speed) => (time_on_wire(octets, speed), time_on_wire(tag, speed)),
        None => (Duration::ZERO, time_on_wire(octets + tag, LINK_SPEED_MIN)),
    };
    let found = HardwareStamp { at: begun + lasted, bound: line_bound + unknown };
    let after_kernel = found.at - snapshot.utc_at(kernel);
    let served_bound = snapshot.bound_at(kernel).greatest_error();
    if after_kernel > found.bound + served_bound {
        Err(HardwareRejected::Late)
    } else if after_kernel < Duration::ZERO - HARDWARE_LEAD_MAX {
        Err(HardwareRejected::Early)
    } else {
        Ok(found)
    }
}

/// From the card's stamp of a frame that has left to that of the server; `kernel` is when the kernel handed it to the driver.
///
/// # Errors
/// [`HardwareRejected`]; the kernel's stamp is to be used then.
pub fn hardware_departure(
    at: Timestamp<Local>,
    interface: &StampingInterface,
    line: &PhcLine,
    kernel: Timestamp<Local>,
    snapshot: &TimeSnapshot,
) -> Result<HardwareStamp, HardwareRejected> {
    let (at, bound) = line.utc_at(at + interface.egress_latency).ok_or(HardwareRejected::OffTheLine)?;
    let after_kernel = at - snapshot.utc_at(kernel);
    let served_bound = snapshot.bound_at(kernel).greatest_error();
    if after_kernel < Duration::ZERO - (bound + served_bound) {
        Err(HardwareRejected::Early)
    } else if after_kernel > HARDWARE_LAG_MAX {
        Err(HardwareRejected::Late)
    } else {
        Ok(HardwareStamp { at, bound })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sharing::BoundParts;
    use crate::time::{FrequencyPpb, SyncState};

    const fn ns(nanos: i64) -> Duration {
        Duration::from_nanos(nanos)
    }

    /// The kernel's stamps are UTC, off by 1 us at most.
    fn snapshot() -> TimeSnapshot {
        TimeSnapshot {
            state: SyncState::Locked,
            anchor_local: Timestamp::from_secs(1_767_225_600),
            anchor_utc: Timestamp::from_secs(1_767_225_600),
            parts: BoundParts { path: ns(1_000), ..BoundParts::default() },
            is_bounded: true,
            ..TimeSnapshot::unsynchronised(Timestamp::EPOCH)
        }
    }

    /// The PHC counts TAI, 37 s ahead, off by 50 ns at most; it was stepped 1 s before the anchor.
    fn line() -> PhcLine {
        let anchor = Timestamp::from_secs(1_767_225_637);
        PhcLine {
            anchor,
            utc: Timestamp::from_secs(1_767_225_600),
            rate: FrequencyPpb::ZERO,
            bound: ns(50),
            drift_rate: FrequencyPpb::ZERO,
            since: anchor - Duration::SECOND,
        }
    }

    fn card(bits_per_second: Option<u64>) -> StampingInterface {
        let (ingress_latency, egress_latency) = (Duration::ZERO, Duration::ZERO);
        StampingInterface { index: 2, phc: 0, bits_per_second, ingress_latency, egress_latency }
    }

    /// Stamped 100 ms after the anchor, by the kernel 10 us later.
    fn stamp(frame_length: u32) -> CardStamp {
        CardStamp { at: line().anchor + Duration::from_millis(100), frame_length, is_perhaps_tagged: false }
    }

    fn kernel() -> Timestamp<Local> {
        snapshot().anchor_local + Duration::from_millis(100) + Duration::from_micros(10)
    }

    fn begun() -> Timestamp<Utc> {
        line().utc + Duration::from_millis(100)
    }

    #[test]
    fn the_stamp_is_moved_from_the_beginning_of_the_frame_to_its_end() {
        // (94 + 4) octets of 8 bits.
        for (speed, lasted) in [
            (10_000_000, 78_400),
            (100_000_000, 7_840),
            (1_000_000_000, 784),
            (2_500_000_000, 313),
            (10_000_000_000, 78),
            (100_000_000_000, 7),
        ] {
            let kernel = kernel() + ns(lasted);
            let found =
                hardware_stamp(&stamp(94), &card(Some(speed)), &line(), kernel, &snapshot()).expect("plausible");
            let nanos = (found.at - begun()).as_nanos();
            assert_eq!((nanos, found.bound), (lasted, ns(50)), "{speed} bit/s");
        }
        // 10 Gb/s: 78.4 ns, and the fraction is not lost.
        let found = hardware_stamp(&stamp(94), &card(Some(10_000_000_000)), &line(), kernel(), &snapshot());
        let tenths = (found.expect("plausible").at - begun()).times(10);
        assert!((tenths - ns(784)).abs() < Duration::from_ticks(11), "{tenths}");
    }

    #[test]
    fn without_a_speed_nothing_is_added_and_the_error_is_that_of_the_slowest_link() {
        let found = hardware_stamp(&stamp(94), &card(None), &line(), kernel(), &snapshot()).expect("plausible");
        assert_eq!((found.at, found.bound), (begun(), ns(50 + 78_400)));
    }

    #[test]
    fn a_tag_that_may_have_been_taken_off_goes_into_the_error() {
        let tagged = CardStamp { is_perhaps_tagged: true, ..stamp(94) };
        let found = hardware_stamp(&tagged, &card(Some(1_000_000_000)), &line(), kernel(), &snapshot());
        let found = found.expect("plausible");
        assert_eq!((found.at, found.bound), (begun() + ns(784), ns(50 + 32)));
    }

    #[test]
    fn what_the_card_is_late_by_is_taken_off() {
        let late = StampingInterface { ingress_latency: ns(300), ..card(Some(1_000_000_000)) };
        let found = hardware_stamp(&stamp(94), &late, &line(), kernel(), &snapshot()).expect("plausible");
        assert_eq!(found.at, begun() + ns(784 - 300));
    }

    #[test]
    fn a_stamp_far_before_the_kernels_or_after_it_is_refused() {
        let at = |stamp: CardStamp, by: Duration| {
            let stamp = CardStamp { at: stamp.at + by, ..stamp };
            hardware_stamp(&stamp, &card(Some(1_000_000_000)), &line(), kernel(), &snapshot()).map(|_| ())
        };
        let gap = Duration::from_micros(10) - ns(784);
        assert_eq!(at(stamp(94), gap + ns(1_050)), Ok(()), "both may be wrong by that much together");
        assert_eq!(at(stamp(94), gap + ns(1_051)), Err(HardwareRejected::Late));
        assert_eq!(at(stamp(94), gap - HARDWARE_LEAD_MAX), Ok(()));
        assert_eq!(at(stamp(94), gap - HARDWARE_LEAD_MAX - ns(1)), Err(HardwareRejected::Early));
    }

    #[test]
    fn a_phc_that_was_set_gives_no_stamps() {
        let set = |by: Duration| {
            let stamp = CardStamp { at: stamp(94).at + by, ..stamp(94) };
            hardware_stamp(&stamp, &card(Some(1_000_000_000)), &line(), kernel(), &snapshot()).expect_err("wrong")
        };
        assert_eq!(set(Duration::from_micros(50)), HardwareRejected::Late);
        assert_eq!(set(Duration::from_millis(-50)), HardwareRejected::Early);
        assert_eq!(set(Duration::from_secs(-1_767_225_637)), HardwareRejected::OffTheLine);
        let stepped = PhcLine { since: line().anchor + Duration::from_millis(101), ..line() };
        let before = hardware_stamp(&stamp(94), &card(Some(1_000_000_000)), &stepped, kernel(), &snapshot());
        assert_eq!(before, Err(HardwareRejected::OffTheLine), "taken before our own step");
    }

    #[test]
    fn a_frame_left_when_the_card_says_so_and_not_when_the_kernel_let_go_of_it() {
        let late = StampingInterface { egress_latency: ns(120), ..card(Some(1_000_000_000)) };
        let stamp = line().anchor + Duration::from_millis(100);
        let kernel = snapshot().anchor_local + Duration::from_millis(100) - Duration::from_micros(3);
        let found = hardware_departure(stamp, &late, &line(), kernel, &snapshot()).expect("plausible");
        assert_eq!(
            (found.at, found.bound),
            (begun() + ns(120), ns(50)),
            "its beginning: no length of the frame is added"
        );
    }

    #[test]
    fn a_departure_before_the_kernel_let_go_or_long_after_it_is_refused() {
        let kernel = snapshot().anchor_local + Duration::from_millis(100);
        let at = |after: Duration| {
            let stamp = line().anchor + Duration::from_millis(100) + after;
            hardware_departure(stamp, &card(None), &line(), kernel, &snapshot()).map(|_| ())
        };
        assert_eq!(at(ns(-1_050)), Ok(()), "both may be wrong by that much together");
        assert_eq!(at(ns(-1_051)), Err(HardwareRejected::Early));
        assert_eq!(at(HARDWARE_LAG_MAX), Ok(()));
        assert_eq!(at(HARDWARE_LAG_MAX + ns(1)), Err(HardwareRejected::Late));
        assert_eq!(at(Duration::from_secs(-1_767_225_637)), Err(HardwareRejected::OffTheLine));
    }
}
