//! Whose stamp a card's is, and what it means: asked once for a batch of requests, and only if a card has stamped one.

use synchronome_kernel::socket::Received;
use synchronome_kernel::timestamping::KernelTime;

use super::ServedTime;
use super::worker::local_time;
use crate::ntp::server::{
    CardStamp, HardwareRejected, HardwareStamp, ServerCounter, hardware_departure, hardware_stamp,
};
use crate::sharing::{Counters, PhcLine, PhcLines, StampingInterface, StampingInterfaces, TimeSnapshot};
use crate::time::{Local, Timestamp};

/// For one batch of requests, or of departures: all of its stamps come from one line for each PHC.
pub(super) struct Cards<'a> {
    time: &'a ServedTime,
    counts: &'a Counters<ServerCounter>,
    read: Option<(StampingInterfaces, PhcLines)>,
}

impl<'a> Cards<'a> {
    pub(super) fn unread(time: &'a ServedTime, counts: &'a Counters<ServerCounter>) -> Self {
        Self { time, counts, read: None }
    }

    /// The card's stamp of a request that the kernel stamped `arrived`; `None`: the kernel's is to be used.
    pub(super) fn stamp(
        &mut self,
        received: &Received<'_>,
        arrived: Timestamp<Local>,
        snapshot: &TimeSnapshot,
    ) -> Option<HardwareStamp> {
        let (at, origin) = (received.hardware?, received.origin?);
        // Without time that can be served nothing is gained, and there is nothing to hold the stamp against.
        if !snapshot.is_served_at(arrived) {
            return None;
        }
        let heard_by = received.interface_index;
        // A driver that does not say which interface it is can still be known by the one that heard the request, unless that
        // is one above: its index is none of the cards'.
        let (interface, line) = self.of(origin.interface_index.or(heard_by)?)?;
        let stamp = CardStamp {
            at: local_time(at),
            frame_length: origin.frame_length,
            is_perhaps_tagged: heard_by != Some(interface.index),
        };
        self.counted(hardware_stamp(&stamp, &interface, &line, arrived, snapshot))
    }

    /// What the card's stamp of an answer says that left by this interface, and that the kernel let go of at `kernel`; `None`: the
    /// kernel's is to be used.
    pub(super) fn departure(
        &mut self,
        at: KernelTime,
        interface_index: u32,
        kernel: Timestamp<Local>,
        snapshot: &TimeSnapshot,
    ) -> Option<HardwareStamp> {
        if !snapshot.is_served_at(kernel) {
            return None;
        }
        let (interface, line) = self.of(interface_index)?;
        self.counted(hardware_departure(local_time(at), &interface, &line, kernel, snapshot))
    }

    /// The card's interface of this index, if it is one, and the line of its PHC, if there is one.
    fn of(&mut self, interface_index: u32) -> Option<(StampingInterface, PhcLine)> {
        let time = self.time;
        let (interfaces, lines) = self.read.get_or_insert_with(|| {
            let read = time.interfaces.read().and_then(|interfaces| Ok((interfaces, time.lines.read()?)));
            // Being written at every try: what is not known is not used.
            read.unwrap_or_default()
        });
        let interface = interfaces.of(interface_index)?;
        Some((*interface, (*lines.0.get(usize::from(interface.phc))?)?))
    }

    fn counted(&self, converted: Result<HardwareStamp, HardwareRejected>) -> Option<HardwareStamp> {
        if converted.is_err() {
            self.counts.count(ServerCounter::HardwareRejected);
        }
        converted.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use synchronome_kernel::timestamping::StampOrigin;

    use super::*;
    use crate::sharing::{BoundParts, PhcLine, Seqlock, SeqlockWriter, StampingInterface};
    use crate::time::{Duration, FrequencyPpb, SyncState};

    const SECOND: i64 = 1_767_225_600;
    /// The card's interface, a VLAN above it, and one of another card.
    const CARD: u32 = 2;
    const VLAN: u32 = 5;
    const STRANGER: u32 = 9;

    struct World {
        time: ServedTime,
        counts: Counters<ServerCounter>,
        snapshot: TimeSnapshot,
        lines: SeqlockWriter<PhcLines>,
    }

    fn lines(at: i64) -> PhcLines {
        let mut lines = PhcLines::default();
        lines.0[3] = Some(PhcLine {
            anchor: Timestamp::from_secs(at + 37),
            utc: Timestamp::from_secs(at),
            rate: FrequencyPpb::ZERO,
            bound: Duration::from_nanos(50),
            drift_rate: FrequencyPpb::ZERO,
            since: Timestamp::EPOCH,
        });
        lines
    }

    impl World {
        /// PHC 3 is 37 s ahead of the kernel's clock, which is right.
        fn new() -> Self {
            let snapshot = TimeSnapshot {
                state: SyncState::Locked,
                anchor_local: Timestamp::from_secs(SECOND),
                anchor_utc: Timestamp::from_secs(SECOND),
                parts: BoundParts { path: Duration::from_micros(1), ..BoundParts::default() },
                is_bounded: true,
                ..TimeSnapshot::unsynchronised(Timestamp::EPOCH)
            };
            let mut interfaces = StampingInterfaces::default();
            interfaces.0[0] = Some(StampingInterface {
                index: CARD,
                phc: 3,
                bits_per_second: Some(1_000_000_000),
                ingress_latency: Duration::ZERO,
                egress_latency: Duration::ZERO,
            });
            let (lines, reader) = Seqlock::new(&lines(SECOND));
            let (_, served) = Seqlock::new(&snapshot);
            let (_, interfaces) = Seqlock::new(&interfaces);
            let (_, leap) = Seqlock::new(&None);
            let time = ServedTime { snapshot: served, lines: reader, interfaces, leap };
            Self { time, counts: Counters::default(), snapshot, lines }
        }

        fn stamp(&self, received: &Received<'_>) -> Option<HardwareStamp> {
            let arrived = Timestamp::from_parts(SECOND, 100_020_000);
            Cards::unread(&self.time, &self.counts).stamp(received, arrived, &self.snapshot)
        }

        fn rejected(&self) -> u64 {
            self.counts.get(ServerCounter::HardwareRejected)
        }
    }

    /// A frame of 94 octets: 20 us before the kernel's stamp the card began to hear it.
    fn received(origin: Option<u32>, heard_by: u32) -> Received<'static> {
        Received {
            data: &[0; 52],
            from: SocketAddr::from(([192, 0, 2, 1], 123)),
            local: None,
            destination: None,
            interface_index: Some(heard_by),
            truncated: false,
            software: None,
            hardware: Some(KernelTime { seconds: SECOND + 37, nanoseconds: 100_000_000 }),
            origin: Some(StampOrigin { interface_index: origin, frame_length: 94 }),
        }
    }

    fn expected(bound: i64) -> HardwareStamp {
        let at = Timestamp::from_parts(SECOND, 100_000_784);
        HardwareStamp { at, bound: Duration::from_nanos(bound) }
    }

    #[test]
    fn a_stamp_of_our_card_is_converted_by_the_line_of_its_phc() {
        let world = World::new();
        assert_eq!(world.stamp(&received(Some(CARD), CARD)), Some(expected(50)));
        assert_eq!(world.stamp(&received(Some(CARD), VLAN)), Some(expected(50 + 32)), "a tag was taken off");
        assert_eq!(world.stamp(&received(None, CARD)), Some(expected(50)), "the driver does not say whose it is");
        assert_eq!(world.rejected(), 0);
    }

    #[test]
    fn a_stamp_of_a_clock_that_is_not_ours_is_never_used() {
        let world = World::new();
        assert_eq!(world.stamp(&received(Some(STRANGER), STRANGER)), None);
        assert_eq!(world.stamp(&received(Some(STRANGER), CARD)), None);
        assert_eq!(world.stamp(&received(None, VLAN)), None, "it may be of any card below");
        assert_eq!(world.stamp(&Received { origin: None, ..received(None, CARD) }), None);
        assert_eq!(world.stamp(&Received { hardware: None, ..received(Some(CARD), CARD) }), None);
        assert_eq!(world.rejected(), 0, "nothing was wrong with them");
    }

    #[test]
    fn without_a_line_or_a_time_to_serve_the_kernels_stamp_is_used() {
        let mut world = World::new();
        world.snapshot.state = SyncState::Disrupted;
        assert_eq!(world.stamp(&received(Some(CARD), CARD)), None);
        world.snapshot.state = SyncState::Locked;
        world.lines.write(&PhcLines::default());
        assert_eq!(world.stamp(&received(Some(CARD), CARD)), None);
        assert_eq!(world.rejected(), 0);
    }

    #[test]
    fn a_stamp_that_contradicts_the_kernels_is_counted_and_not_used() {
        let mut world = World::new();
        let mut wrong = lines(SECOND);
        if let Some(line) = &mut wrong.0[3] {
            line.utc = line.utc + Duration::from_micros(50);
        }
        world.lines.write(&wrong);
        assert_eq!(world.stamp(&received(Some(CARD), CARD)), None);
        assert_eq!(world.rejected(), 1);
    }

    #[test]
    fn an_answers_departure_is_told_by_the_card_of_the_interface_that_it_left_by() {
        let world = World::new();
        let kernel = Timestamp::from_parts(SECOND, 100_000_000) - Duration::from_micros(3);
        let departure = |snapshot: &TimeSnapshot, interface_index| {
            let at = KernelTime { seconds: SECOND + 37, nanoseconds: 100_000_000 };
            Cards::unread(&world.time, &world.counts).departure(at, interface_index, kernel, snapshot)
        };
        let at = Timestamp::from_parts(SECOND, 100_000_000);
        let expected = HardwareStamp { at, bound: Duration::from_nanos(50) };
        assert_eq!(departure(&world.snapshot, CARD), Some(expected));
        assert_eq!(departure(&world.snapshot, STRANGER), None, "the answer went another way than the request came");
        let disrupted = TimeSnapshot { state: SyncState::Disrupted, ..world.snapshot };
        assert_eq!((departure(&disrupted, CARD), world.rejected()), (None, 0));
        let behind =
            TimeSnapshot { anchor_utc: world.snapshot.anchor_utc + Duration::from_micros(50), ..world.snapshot };
        assert_eq!((departure(&behind, CARD), world.rejected()), (None, 1), "it left before the kernel let go of it");
    }

    #[test]
    fn one_batch_is_answered_from_one_line() {
        let mut world = World::new();
        let arrived = Timestamp::from_parts(SECOND, 100_020_000);
        let mut cards = Cards::unread(&world.time, &world.counts);
        assert_eq!(cards.stamp(&received(Some(CARD), CARD), arrived, &world.snapshot), Some(expected(50)));
        world.lines.write(&PhcLines::default());
        assert_eq!(cards.stamp(&received(Some(CARD), CARD), arrived, &world.snapshot), Some(expected(50)));
    }
}
