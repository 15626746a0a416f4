//! The network card as the stamper of our own requests.
//!
//! The card's clock is not the one that is measured: that is the system clock. So each exchange is taken between two crossings of the
//! two ([`PhcReader`]): one just before the request is sent, which the departure is brought over by, and one just after the answer, for the
//! arrival. They lie within a moment of the stamps, so that the rates of both clocks hardly matter ([`RATE_MAX`] is allowed for), and the two
//! must agree: a step of either clock in between is seen by that, whoever made it, and then nothing is measured.
//!
//! What a stamp of the card's means is the server's knowledge ([`crate::ntp::server`]): the end of an arriving frame, the beginning of a leaving one,
//! and plausible beside the kernel's stamp of the same frame. Here the line is of the system clock's own time instead of UTC.

use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_nametoindex;
use synchronome_kernel::nic::link_speed;
use synchronome_kernel::phc::Phc;

use crate::clock::{Crossing, PhcReader};
use crate::config::TimestampMode;
use crate::net::{Card, CardArrival, card_behind, stamps_ntp};
use crate::ntp::server::{CardStamp, HardwareStamp, hardware_departure, hardware_stamp};
use crate::sharing::{PhcLine, StampingInterface, TimeSnapshot};
use crate::time::{Duration, FrequencyPpb, Local, Mono, Stamp, StampSource, SyncState, Timestamp};

/// Cards that stamp for our requests, at most.
const CARDS_MAX: usize = 8;
/// Addresses of ours whose way is remembered.
const WAYS_MAX: usize = 8;
/// How often it is seen by which card the requests from an address of ours leave, and what that is told to stamp: for all servers at once.
const LOOK_AT_CARD: Duration = Duration::from_secs(16);
/// An address of ours that requests leave from is looked for on all interfaces this often: the kernel writes down all that it knows of each of them
/// for that.
const LOOK_AT_ADDRESS: Duration = Duration::from_secs(64);
/// How much faster or slower the card's clock may run than the system clock: each is corrected by 500 ppm at most.
const RATE_MAX: FrequencyPpb = FrequencyPpb::new(1_000_000.0);
/// Readings of both clocks are whole nanoseconds.
const RESOLUTION: Duration = Duration::from_nanos(2);

/// Why the stamps of requests are the kernel's, though a card's would be better.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoCard {
    /// Nothing was sent yet.
    Untried,
    /// `ntp.source.timestamps = "software"`.
    Unwanted,
    /// No interface has our address of it.
    NoInterface,
    /// The interface has no clock of its own, or is a bond.
    NoClock,
    /// The card is not told to stamp NTP.
    NotTold,
    /// It was to be told, and refuses.
    Refuses,
    /// Its clock cannot be read.
    Unreadable,
    /// It does not stamp what it should.
    Silent,
}

impl NoCard {
    /// In words, a clause.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Untried => "nothing was sent yet",
            Self::Unwanted => "so it is configured",
            Self::NoInterface => "no interface has the address that requests leave from",
            Self::NoClock => "the interface has no clock of its own",
            Self::NotTold => "the card is not told to stamp NTP: ntp.source.timestamps = \"hardware\"",
            Self::Refuses => "the card does not take the order to stamp NTP",
            Self::Unreadable => "the card's clock cannot be read: /dev/ptp* is root's",
            Self::Silent => "the card stamps none of the packets that it should",
        }
    }
}

/// Who stamps the exchanges with a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientStamping {
    /// The card, with this clock (`/dev/ptpN`).
    Card(u32),
    /// The kernel.
    Kernel(NoCard),
}

/// A card that stamps.
#[derive(Debug)]
struct ClientCard {
    interface: String,
    /// The interface that has the card: this one, or one below it.
    device: String,
    index: u32,
    phc_index: u32,
    reader: PhcReader,
    bits_per_second: Option<u64>,
    /// It does so because we have told it.
    told: Option<Card>,
}

/// Who stamps what leaves from an address of ours, as it was seen last.
#[derive(Debug)]
struct Way {
    address: IpAddr,
    mode: TimestampMode,
    at: Timestamp<Mono>,
    card: Result<usize, NoCard>,
    /// The interface that has the address, and when that was seen.
    interface: Option<(String, Timestamp<Mono>)>,
}

/// All of them; places stay what they are.
#[derive(Debug, Default)]
pub(super) struct ClientCards {
    cards: Vec<ClientCard>,
    ways: Vec<Way>,
}

/// By which card an exchange is stamped, and the crossing just before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct ByCard {
    place: usize,
    crossing: Crossing,
}

/// An answer's stamp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Arrived {
    Card(Stamp),
    Kernel(Option<Stamp>),
    /// One of the clocks was set since the request: nothing can be measured.
    Set,
}

impl ClientCards {
    /// The card that stamps what leaves from this address of ours; looked at anew every [`LOOK_AT_CARD`], whoever asks.
    pub(super) fn behind(
        &mut self,
        now: Timestamp<Mono>,
        address: IpAddr,
        mode: TimestampMode,
    ) -> Result<usize, NoCard> {
        if mode == TimestampMode::Software {
            return Err(NoCard::Unwanted);
        }
        let place = self.ways.iter().position(|way| (way.address, way.mode) == (address, mode));
        if let Some(way) = place.map(|place| &self.ways[place]).filter(|way| now - way.at < LOOK_AT_CARD) {
            return way.card;
        }
        let known = place.and_then(|place| self.ways.swap_remove(place).interface);
        let known = known.filter(|(_, at)| now - *at < LOOK_AT_ADDRESS);
        let interface = known.or_else(|| Some((interface_of(address)?, now)));
        let card = match &interface {
            Some((interface, _)) => self.of_interface(now, interface, mode),
            None => Err(NoCard::NoInterface),
        };
        if self.ways.len() >= WAYS_MAX {
            self.ways.remove(0);
        }
        // Where there is no card, that may be because the address is another interface's now.
        let interface = interface.filter(|_| !matches!(card, Err(NoCard::NoClock | NoCard::NoInterface)));
        self.ways.push(Way { address, mode, at: now, card, interface });
        card
    }

    fn of_interface(&mut self, now: Timestamp<Mono>, interface: &str, mode: TimestampMode) -> Result<usize, NoCard> {
        let (device, phc_index) = card_behind(interface).ok_or(NoCard::NoClock)?;
        let place = self.cards.iter().position(|card| card.interface == interface);
        let known = place.filter(|place| {
            let card = &self.cards[*place];
            (card.phc_index, &card.device) == (phc_index, &device)
        });
        if let Some(told) = known.and_then(|place| self.cards[place].told.as_mut()) {
            told.look(now);
        }
        let stamps = stamps_ntp(&device);
        if !stamps && mode == TimestampMode::Auto {
            return Err(NoCard::NotTold);
        }
        let told = if stamps { None } else { Some(Card::set_up_for_ntp(interface).map_err(|_| NoCard::Refuses)?) };
        if let Some(place) = known {
            self.cards[place].told = told.or(self.cards[place].told.take());
            return Ok(place);
        }
        let clock = Phc::open(phc_index).map_err(|_| NoCard::Unreadable)?;
        let mut reader = PhcReader::new(clock).map_err(|_| NoCard::Unreadable)?;
        reader.cross().map_err(|_| NoCard::Unreadable)?;
        reader.hold_against_the_bus();
        let index = if_nametoindex(device.as_str()).map_err(|_| NoCard::NoInterface)?;
        let bits_per_second = link_speed(&device).ok().flatten();
        let interface = interface.to_owned();
        let card = ClientCard { interface, device, index, phc_index, reader, bits_per_second, told };
        match place {
            Some(place) => self.cards[place] = card,
            None if self.cards.len() < CARDS_MAX => self.cards.push(card),
            None => return Err(NoCard::NoClock),
        }
        Ok(place.unwrap_or(self.cards.len() - 1))
    }

    /// The kernel's number of its clock.
    pub(super) fn phc_index(&self, place: usize) -> u32 {
        self.cards[place].phc_index
    }

    /// A request is about to leave.
    pub(super) fn before(&mut self, place: usize) -> Option<ByCard> {
        let crossing = self.cards.get_mut(place)?.reader.cross().ok()?;
        Some(ByCard { place, crossing })
    }

    /// When the request left; `None`: the card's stamp is not plausible beside the kernel's.
    pub(super) fn departed(&self, by: &ByCard, at: Timestamp<Local>, kernel: Stamp) -> Option<Stamp> {
        let interface = self.cards[by.place].stamping();
        let left = hardware_departure(at, &interface, &line_of(&by.crossing), kernel.at, &system_time(kernel.at));
        left.ok().map(|left| of_card(left, kernel))
    }

    /// When the answer came.
    pub(super) fn arrived(&mut self, by: &ByCard, arrival: Option<CardArrival>, kernel: Option<Stamp>) -> Arrived {
        let card = &mut self.cards[by.place];
        let Ok(after) = card.reader.cross() else { return Arrived::Kernel(kernel) };
        if !is_undisturbed(&by.crossing, &after) {
            return Arrived::Set;
        }
        let is_its_own = |arrival: &CardArrival| arrival.interface_index.is_none_or(|index| index == card.index);
        let Some((arrival, kernel)) = arrival.filter(is_its_own).zip(kernel) else { return Arrived::Kernel(kernel) };
        let stamp = CardStamp {
            at: arrival.at,
            frame_length: arrival.frame_length,
            is_perhaps_tagged: card.device != card.interface,
        };
        let came = hardware_stamp(&stamp, &card.stamping(), &line_of(&after), kernel.at, &system_time(kernel.at));
        came.map_or(Arrived::Kernel(Some(kernel)), |came| Arrived::Card(of_card(came, kernel)))
    }
}

impl ClientCard {
    fn stamping(&self) -> StampingInterface {
        StampingInterface {
            index: self.index,
            phc: 0,
            bits_per_second: self.bits_per_second,
            ingress_latency: Duration::ZERO,
            egress_latency: Duration::ZERO,
        }
    }
}

fn of_card(stamp: HardwareStamp, kernel: Stamp) -> Stamp {
    Stamp { at: stamp.at.read_as(), source: StampSource::Hardware, error: stamp.bound, ..kernel }
}

fn middle(crossing: &Crossing) -> Timestamp<Local> {
    crossing.before + (crossing.after - crossing.before).half()
}

/// The system clock by readings of the card's clock, shortly before and after a crossing.
fn line_of(crossing: &Crossing) -> PhcLine {
    PhcLine {
        anchor: crossing.device,
        utc: middle(crossing).read_as(),
        rate: FrequencyPpb::ZERO,
        bound: (crossing.after - crossing.before).half() + RESOLUTION,
        drift_rate: RATE_MAX,
        since: Timestamp::EPOCH,
    }
}

/// The kernel's stamps are the system clock's time, exactly.
fn system_time(at: Timestamp<Local>) -> TimeSnapshot {
    TimeSnapshot {
        state: SyncState::Locked,
        anchor_local: at,
        anchor_utc: at.read_as(),
        is_bounded: true,
        ..TimeSnapshot::unsynchronised(Timestamp::EPOCH)
    }
}

/// Whether both clocks have run on between two crossings.
fn is_undisturbed(before: &Crossing, after: &Crossing) -> bool {
    let by_card = after.device - before.device;
    let by_system = middle(after) - middle(before);
    let windows = (after.after - after.before).half() + (before.after - before.before).half();
    (by_card - by_system).abs() <= windows + RESOLUTION.times(2) + RATE_MAX.drift(by_system.abs()).abs()
}

/// The interface that has this address of ours.
fn interface_of(address: IpAddr) -> Option<String> {
    let is_it = |entry: &nix::ifaddrs::InterfaceAddress| {
        let found = entry.address.as_ref();
        match address {
            IpAddr::V4(address) => {
                found.and_then(|found| found.as_sockaddr_in()).is_some_and(|found| found.ip() == address)
            }
            IpAddr::V6(address) => {
                found.and_then(|found| found.as_sockaddr_in6()).is_some_and(|found| found.ip() == address)
            }
        }
    };
    getifaddrs().ok()?.find(is_it).map(|entry| entry.interface_name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{ClockEpoch, ClockId};

    const SECOND: i64 = 1_767_225_600;

    /// The card reads TAI; its reading took 400 ns.
    fn crossing(after_ms: i64, card_ahead: Duration) -> Crossing {
        let at = Timestamp::from_secs(SECOND) + Duration::from_millis(after_ms);
        let half = Duration::from_nanos(200);
        Crossing {
            before: at - half,
            device: at + Duration::from_secs(37) + card_ahead,
            after: at + half,
            raw: at,
            mono: Timestamp::EPOCH,
            window: half.times(2),
            slack: Duration::ZERO,
        }
    }

    fn kernel(after: Duration) -> Stamp {
        Stamp {
            at: Timestamp::from_secs(SECOND) + after,
            clock: ClockId::System,
            epoch: ClockEpoch(3),
            source: StampSource::Kernel,
            error: Duration::from_nanos(1),
        }
    }

    #[test]
    fn a_stamp_of_the_card_becomes_one_of_the_system_clock_with_what_the_crossing_leaves_open() {
        let (us, ns) = (Duration::from_micros, Duration::from_nanos);
        let line = line_of(&crossing(0, Duration::ZERO));
        let at = line.anchor + us(30);
        let interface = StampingInterface {
            index: 2,
            phc: 0,
            bits_per_second: Some(1_000_000_000),
            ingress_latency: Duration::ZERO,
            egress_latency: Duration::ZERO,
        };
        let handed_over = kernel(us(25));
        let left = hardware_departure(at, &interface, &line, handed_over.at, &system_time(handed_over.at));
        let left = of_card(left.expect("plausible"), handed_over);
        assert_eq!((left.at, left.source), (kernel(us(30)).at, StampSource::Hardware));
        assert_eq!((left.clock, left.epoch), (ClockId::System, ClockEpoch(3)));
        // Half of the reading, two nanoseconds, and 0.1 % of 30 us.
        assert!((left.error - ns(202 + 30)).abs() < ns(1), "{}", left.error);
        let heard = kernel(us(50));
        let stamp = CardStamp { at, frame_length: 94, is_perhaps_tagged: false };
        let came = hardware_stamp(&stamp, &interface, &line, heard.at, &system_time(heard.at)).expect("plausible");
        assert_eq!(of_card(came, heard).at, kernel(us(30) + ns(784)).at, "the end of the frame");
    }

    #[test]
    fn a_clock_that_is_set_during_an_exchange_is_found_out() {
        let before = crossing(0, Duration::ZERO);
        assert!(is_undisturbed(&before, &crossing(20, Duration::ZERO)));
        assert!(is_undisturbed(&before, &crossing(20, Duration::from_micros(20))), "a thousandth faster");
        assert!(!is_undisturbed(&before, &crossing(20, Duration::from_micros(21))));
        assert!(!is_undisturbed(&before, &crossing(20, Duration::from_micros(-21))));
    }

    #[test]
    fn the_loopback_has_no_card_and_says_so() {
        let mut cards = ClientCards::default();
        let now = Timestamp::from_secs(10);
        let loopback = IpAddr::from([127, 0, 0, 1]);
        assert_eq!(cards.behind(now, loopback, TimestampMode::Software), Err(NoCard::Unwanted));
        for mode in [TimestampMode::Auto, TimestampMode::Hardware] {
            assert_eq!(cards.behind(now, loopback, mode), Err(NoCard::NoClock));
            assert_eq!(cards.behind(now, IpAddr::from([192, 0, 2, 77]), mode), Err(NoCard::NoInterface));
        }
    }

    #[test]
    fn what_was_seen_of_a_way_is_good_for_all_servers_for_a_while_and_then_seen_again() {
        let (loopback, mode) = (IpAddr::from([127, 0, 0, 1]), TimestampMode::Auto);
        let mut cards = ClientCards::default();
        let now = Timestamp::from_secs(100);
        assert_eq!(cards.behind(now, loopback, mode), Err(NoCard::NoClock));
        // As if another thing had been found: whoever asks soon is told that.
        cards.ways[0].card = Ok(3);
        assert_eq!(cards.behind(now + Duration::from_secs(15), loopback, mode), Ok(3));
        assert_eq!(
            cards.behind(now + Duration::from_secs(15), loopback, TimestampMode::Hardware),
            Err(NoCard::NoClock)
        );
        assert_eq!(cards.behind(now + Duration::from_secs(16), loopback, mode), Err(NoCard::NoClock));
        for last in 0..2 * WAYS_MAX as u8 {
            assert_eq!(cards.behind(now, IpAddr::from([203, 0, 113, last]), mode), Err(NoCard::NoInterface));
        }
        assert_eq!(cards.ways.len(), WAYS_MAX);
    }
}
