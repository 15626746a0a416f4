//! Stamps in every order, without a socket.

use synchronome_kernel::timestamping::KernelTime;

use super::*;
use crate::runtime::server::ServedTime;
use crate::sharing::{BoundParts, PhcLine, PhcLines, Seqlock, StampingInterface, StampingInterfaces};
use crate::time::{FrequencyPpb, SyncState};

const SECOND: i64 = 1_767_225_600;
const CARD: u32 = 2;

/// An answer that was written at the second, and may have been stamped by PHC 1, which is 37 s ahead.
struct World {
    time: ServedTime,
    snapshot: TimeSnapshot,
    counts: Counters<ServerCounter>,
    departures: Departures,
    departing: Departing,
}

const RECEIVE: NtpTimestamp = NtpTimestamp::from_bits(0xe900_0000_0000_0001);

impl World {
    fn new(is_by_card: bool) -> Self {
        let written = Timestamp::from_secs(SECOND);
        let snapshot = TimeSnapshot {
            state: SyncState::Locked,
            anchor_local: written,
            anchor_utc: written.read_as(),
            parts: BoundParts { path: Duration::from_micros(1), ..BoundParts::default() },
            is_bounded: true,
            ..TimeSnapshot::unsynchronised(Timestamp::EPOCH)
        };
        let (mut interfaces, mut lines) = (StampingInterfaces::default(), PhcLines::default());
        let (ingress_latency, egress_latency) = (Duration::ZERO, Duration::ZERO);
        interfaces.0[0] =
            Some(StampingInterface { index: CARD, phc: 1, bits_per_second: None, ingress_latency, egress_latency });
        let anchor = Timestamp::from_secs(SECOND + 37);
        lines.0[1] = Some(PhcLine {
            anchor,
            utc: Timestamp::from_secs(SECOND),
            rate: FrequencyPpb::ZERO,
            bound: Duration::from_nanos(50),
            drift_rate: FrequencyPpb::ZERO,
            since: anchor - Duration::SECOND,
        });
        let (_, served) = Seqlock::new(&snapshot);
        let (_, interfaces) = Seqlock::new(&interfaces);
        let (_, lines) = Seqlock::new(&lines);
        let (_, leap) = Seqlock::new(&None);
        let time = ServedTime { snapshot: served, lines, interfaces, leap };
        let mut world = Self {
            time,
            snapshot,
            counts: Counters::default(),
            departures: Departures::default(),
            departing: Departing::default(),
        };
        world.departing.leaves(&Leaving { receive: RECEIVE, written, is_by_card });
        world
    }

    fn take(&mut self, stamp: TxStamp) {
        let cards = Cards::unread(&self.time, &self.counts);
        let (snapshot, departures) = (&self.snapshot, &mut self.departures);
        let config = &ResponseConfig::PLAIN;
        self.departing.take(&stamp, &mut Told { snapshot, config, cards, departures, counts: &self.counts });
    }

    /// Departures that are known, and those of them that the card has told.
    fn counted(&self) -> (u64, u64) {
        (self.counts.get(ServerCounter::Departures), self.counts.get(ServerCounter::HardwareDepartures))
    }

    fn is_over(&self) -> bool {
        self.departing.under_way.iter().all(Option::is_none)
    }
}

const fn at(seconds: i64, nanoseconds: u32) -> KernelTime {
    KernelTime { seconds, nanoseconds }
}

const NOTHING: TxStamp = TxStamp { key: 0, software: None, hardware: None, interface_index: None };

fn by_kernel() -> TxStamp {
    TxStamp { software: Some(at(SECOND, 2_000)), interface_index: Some(CARD), ..NOTHING }
}

fn by_card() -> TxStamp {
    TxStamp { hardware: Some(at(SECOND + 37, 5_000)), interface_index: Some(CARD), ..NOTHING }
}

#[test]
fn the_cards_stamp_comes_after_the_kernels_and_nobody_waits_for_it() {
    let mut world = World::new(true);
    assert!(world.departing.is_waiting());
    world.take(by_kernel());
    assert_eq!((world.counted(), world.departing.is_waiting(), world.is_over()), ((1, 0), false, false));
    world.take(by_card());
    assert_eq!((world.counted(), world.is_over()), ((1, 1), true));
    world.take(by_card());
    assert_eq!(world.counted(), (1, 1), "once");
}

#[test]
fn where_the_cards_stamp_comes_first_it_is_the_last_word() {
    let mut world = World::new(true);
    world.take(by_card());
    assert_eq!((world.counted(), world.departing.is_waiting(), world.is_over()), ((1, 1), false, true));
    world.take(by_kernel());
    assert_eq!(world.counted(), (1, 1));
}

#[test]
fn a_card_that_was_not_asked_is_not_heard() {
    let mut world = World::new(false);
    world.take(by_card());
    assert_eq!((world.counted(), world.departing.is_waiting()), ((0, 0), true));
    world.take(by_kernel());
    assert_eq!((world.counted(), world.is_over()), ((1, 0), true));
}

#[test]
fn a_card_that_lies_or_is_not_ours_leaves_the_kernels_stamp_in_force() {
    let before_it_was_written = TxStamp { hardware: Some(at(SECOND + 36, 999_990_000)), ..by_card() };
    let of_a_stranger = TxStamp { interface_index: Some(CARD + 1), ..by_card() };
    let of_nobody = TxStamp { interface_index: None, ..by_card() };
    for (stamp, rejected) in [(before_it_was_written, 1), (of_a_stranger, 0), (of_nobody, 0)] {
        let mut world = World::new(true);
        world.take(stamp);
        world.take(by_kernel());
        assert_eq!((world.counted(), world.departing.is_waiting()), ((1, 0), false), "{stamp:?}");
        assert_eq!(world.counts.get(ServerCounter::HardwareRejected), rejected, "{stamp:?}");
    }
}

#[test]
fn a_card_may_be_asked_a_thousand_times_a_second() {
    let start = Timestamp::from_secs(5);
    let mut pace = CardPace::new(start);
    let asked = |pace: &mut CardPace, now| (0..100).filter(|_| pace.take(now)).count();
    assert_eq!(asked(&mut pace, start), 16);
    assert_eq!(asked(&mut pace, start + Duration::from_micros(2_500)), 2);
    assert_eq!(asked(&mut pace, start + Duration::from_micros(2_900)), 0);
    assert_eq!(asked(&mut pace, start + Duration::from_micros(3_000)), 1, "no part of a millisecond is lost");
    assert_eq!(asked(&mut pace, start + Duration::from_secs(9)), 16);
}
