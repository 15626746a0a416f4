//! Which stamps of a port are used, and whether the card keeps its word.
//!
//! A card that says that it stamps, and was told to, may still not do it: drivers grant filters that they do not have,
//! firmware loses transmit stamps, another program switches stamping off. Whoever takes what comes then mixes two clocks
//! that differ by seconds, or waits for ever. So the claim is tested, at the start and for ever: [`Judge`] counts what
//! was owed and did not come. While hardware stamps are in use a message without one has no stamp at all; when too many
//! are missing the port goes over to the kernel's stamps as a whole, says so, and looks after a while whether the
//! card has come round.

use synchronome_kernel::timestamping::KernelTime;

use crate::ptp::Address;
use crate::time::{ClockEpoch, ClockId, Duration, Mono, Stamp, StampSource, Timestamp};

/// What a software stamp is off by, beside the delay between wire and stack, which counts as the path's.
const KERNEL_STAMP_ERROR: Duration = Duration::from_nanos(1);
/// What a stamp of a card's is off by, beside its quantisation.
const HARDWARE_STAMP_ERROR: Duration = Duration::from_nanos(1);

/// So many requests in a row without a stamp, at the start, and the card is not believed: a driver may be late with the
/// first, whose stamp may come after the next one was sent.
const TX_MISSING_MAX_UNPROVEN: u32 = 3;
/// So many Sync. What a filter passes by it passes by at once, and a good card that has lost just that one stamp is believed
/// again a few messages later.
const RX_MISSING_MAX_UNPROVEN: u32 = 1;
/// So long without any transmit stamp that was owed. Drivers have been seen to deliver a second late (USERS P27).
const TX_PATIENCE: Duration = Duration::from_secs(2);
/// A card that has shown that it can is given up after so many stamps in a row in one direction that were owed, and so long without any: its
/// clock holds over better for a while than the kernel's stamps could follow. Good cards lose single stamps, and all of a burst: of one
/// that loses three in ten without rule, twelve in a row are lost once in two million messages.
const PROVEN: (u32, Duration) = (12, Duration::from_secs(2));
/// Where messages are too few for that, after these.
const PROVEN_SELDOM: (u32, Duration) = (8, Duration::from_secs(8));
/// After so many in a row it is time to look whether another program has switched the stamps off.
const SUSPICIOUS: u32 = 2;
/// So many in a row in each direction, and the card is believed again.
const PROOF: u32 = 4;
/// Not before this is the card believed again; the time doubles each time that it fails. Both stamps are asked for
/// meanwhile, so that it is seen whether the card's come: believing it again is no trial.
const RETRY_FIRST: Duration = Duration::from_secs(2);
/// The longest of these times.
const RETRY_MAX: Duration = Duration::from_secs(960);

/// So many of those that were heard last are remembered.
const HEARD_MAX: usize = 8;
/// So many messages to one of them count for each that was heard from it: fewer than are held against a card.
const CREDIT: u8 = 2;

/// A card that has kept its word for so long starts with a clean slate.
const RETRY_FORGOTTEN: Duration = Duration::from_secs(600);

/// What a card did not do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missing {
    /// Messages that were sent got no hardware stamps.
    Transmit,
    /// Messages that arrived had no hardware stamps, although the filter covers them.
    Receive,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Transmit => "the card stamps no messages that are sent",
            Self::Receive => "the card stamps no messages that arrive, though it said that it would",
        })
    }
}

/// What a review has found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The card's stamps are used no more.
    Degrade(Missing),
    /// They are used again.
    Restore,
}

/// What is wrong with single transmit stamps; the port goes on all the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TxTrouble {
    /// It came so long after its message.
    Late(Duration),
    /// It never came, and its message measured nothing.
    Lost,
}

impl std::fmt::Display for TxTrouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Late(by) => write!(f, "a transmit stamp came {by} late; it is used all the same"),
            Self::Lost => f.write_str("a transmit stamp never came; that measurement is lost"),
        }
    }
}

/// From this on a stamp is late.
const LATE: Duration = Duration::from_millis(10);
/// The same trouble is told once in so long.
const COMPLAINT_PAUSE: Duration = Duration::from_secs(60);

/// What has been told of single transmit stamps, and what must be.
#[derive(Clone, Copy, Default, Debug)]
pub struct Complaints {
    told: [Option<Timestamp<Mono>>; 2],
    due: [Option<TxTrouble>; 2],
}

impl Complaints {
    /// A stamp was found this long after its message, having been looked for in vain before.
    pub fn waited(&mut self, now: Timestamp<Mono>, by: Duration) {
        if by >= LATE {
            self.complain(0, now, TxTrouble::Late(by));
        }
    }

    /// A stamp was given up.
    pub fn lost(&mut self, now: Timestamp<Mono>) {
        self.complain(1, now, TxTrouble::Lost);
    }

    fn complain(&mut self, kind: usize, now: Timestamp<Mono>, trouble: TxTrouble) {
        if self.told[kind].is_none_or(|told| now - told >= COMPLAINT_PAUSE) {
            self.told[kind] = Some(now);
            self.due[kind] = Some(trouble);
        }
    }

    /// What is to be told now.
    pub fn take(&mut self) -> Option<TxTrouble> {
        self.due.iter_mut().find_map(Option::take)
    }
}

/// One direction's account.
#[derive(Clone, Copy, Default, Debug)]
struct Account {
    /// Owed and not delivered, in a row.
    missing: u32,
    /// Since when, as the first review afterwards knew it.
    since: Option<Timestamp<Mono>>,
    /// Delivered in a row.
    delivered: u32,
    is_proven: bool,
}

impl Account {
    /// Whether it is as good as it has to be to be believed again: what was owed came, if anything was.
    const fn is_good(&self) -> bool {
        self.delivered >= PROOF || self.delivered == 0 && self.missing == 0
    }

    fn owed(&mut self) {
        self.missing = self.missing.saturating_add(1);
        self.delivered = 0;
    }

    fn delivered(&mut self) {
        self.missing = 0;
        self.since = None;
        self.delivered = self.delivered.saturating_add(1);
        self.is_proven = true;
    }

    /// For how long something has been owed.
    fn owed_for(&mut self, now: Timestamp<Mono>) -> Duration {
        if self.missing == 0 {
            return Duration::ZERO;
        }
        now - *self.since.get_or_insert(now)
    }

    /// Whether so many stamps have been owed for so long that the card is not believed any more; how many and how long
    /// before it has shown that it can is `unproven`.
    fn is_lost(&self, owed_for: Duration, unproven: (u32, Duration)) -> bool {
        let limits = if self.is_proven { [PROVEN, PROVEN_SELDOM] } else { [unproven; 2] };
        limits.into_iter().any(|(missing, patience)| self.missing >= missing && owed_for >= patience)
    }
}

/// Judges a card that says that it stamps. Counts come as they happen; what they mean is looked at once a round.
///
/// What is sent to one receiver that cannot be reached never leaves, and no stamp of it is owed; the kernel takes the message all the same. So
/// such messages count for those alone from whom something was heard, a few for each that came.
#[derive(Clone, Debug)]
pub struct Judge {
    tx: Account,
    rx: Account,
    degraded_since: Option<(Timestamp<Mono>, Missing)>,
    restored_at: Option<Timestamp<Mono>>,
    retry_after: Duration,
    was_suspicious: bool,
    heard: [Option<(Address, u8)>; HEARD_MAX],
    heard_next: usize,
}

impl Default for Judge {
    fn default() -> Self {
        Self {
            tx: Account::default(),
            rx: Account::default(),
            degraded_since: None,
            restored_at: None,
            retry_after: RETRY_FIRST,
            was_suspicious: false,
            heard: [None; HEARD_MAX],
            heard_next: 0,
        }
    }
}

impl Judge {
    /// Something was heard from this one.
    pub fn heard(&mut self, from: Address) {
        let known = self.heard.iter().position(|heard| heard.is_some_and(|(who, _)| who == from));
        let place = known.unwrap_or(self.heard_next);
        if known.is_none() {
            self.heard_next = (place + 1) % HEARD_MAX;
        }
        self.heard[place] = Some((from, CREDIT));
    }

    /// An event message was sent, to all (`None`) or to one; whether its stamp is owed, since it has left for sure.
    pub fn sent(&mut self, to: Option<Address>) -> bool {
        if let Some(to) = to {
            let credit = self.heard.iter_mut().flatten().find(|(who, credit)| *who == to && *credit > 0);
            let Some((_, credit)) = credit else { return false };
            *credit -= 1;
        }
        // What was delivered in a row is a matter of the answers: this one may still get its stamp.
        self.tx.missing = self.tx.missing.saturating_add(1);
        if self.tx.missing > PROVEN_SELDOM.0 {
            self.tx.delivered = 0;
        }
        true
    }

    /// A transmit stamp of the card's has come, of whichever message.
    pub fn left(&mut self) {
        self.tx.delivered();
    }

    /// A Sync has arrived.
    pub fn arrived(&mut self, has_hardware_stamp: bool) {
        if has_hardware_stamp { self.rx.delivered() } else { self.rx.owed() }
    }

    /// Whether the card's stamps are not in use.
    pub fn is_degraded(&self) -> bool {
        self.degraded_since.is_some()
    }

    /// True once whenever stamps begin to be missing: somebody should look at the card's configuration.
    pub fn take_suspicion(&mut self) -> bool {
        // A stamp of a message that was just sent is not late yet.
        let is_suspicious = self.rx.missing >= SUSPICIOUS || self.tx.missing > SUSPICIOUS;
        let is_new = is_suspicious && !self.was_suspicious;
        self.was_suspicious = is_suspicious;
        is_new
    }

    /// What follows from the counts at this time.
    pub fn review(&mut self, now: Timestamp<Mono>) -> Option<Verdict> {
        let tx_owed_for = self.tx.owed_for(now);
        let rx_owed_for = self.rx.owed_for(now);
        if let Some((since, missing)) = self.degraded_since {
            let is_time = now - since >= self.retry_after;
            // A port that only serves hears no Sync.
            let failed = match missing {
                Missing::Transmit => &self.tx,
                Missing::Receive => &self.rx,
            };
            let is_proven = failed.delivered >= PROOF && self.tx.is_good() && self.rx.is_good();
            return (is_time && is_proven).then(|| {
                self.degraded_since = None;
                self.restored_at = Some(now);
                self.retry_after = (self.retry_after.times(2)).min(RETRY_MAX);
                Verdict::Restore
            });
        }
        let missing = if self.tx.is_lost(tx_owed_for, (TX_MISSING_MAX_UNPROVEN, TX_PATIENCE)) {
            Missing::Transmit
        } else if self.rx.is_lost(rx_owed_for, (RX_MISSING_MAX_UNPROVEN, Duration::ZERO)) {
            Missing::Receive
        } else {
            return None;
        };
        if self.restored_at.is_none_or(|restored| now - restored >= RETRY_FORGOTTEN) {
            self.retry_after = RETRY_FIRST;
        }
        self.degraded_since = Some((now, missing));
        // What it has shown before counts no more.
        (self.tx, self.rx) = (Account::default(), Account::default());
        Some(Verdict::Degrade(missing))
    }
}

/// Readings of one block; a common divisor of that many is no accident.
const BLOCK: u32 = 16;
/// What is assumed before enough readings were seen: the coarsest that is common.
const QUANTUM_UNKNOWN: u32 = 40;

/// Learns the step in which a clock's stamps count: the greatest common divisor of their nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quantum {
    block: u32,
    count: u32,
    learned: Option<u32>,
}

impl Quantum {
    /// Another reading, by its nanoseconds.
    pub fn learn(&mut self, nanoseconds: u32) {
        if self.block != 1 {
            self.block = greatest_common_divisor(self.block, nanoseconds);
        }
        self.count += 1;
        if self.count == BLOCK {
            self.learned = Some(self.block.max(1));
            (self.block, self.count) = (0, 0);
        }
    }

    /// The step, by the last complete block of readings and by what has been seen of the next.
    pub fn step(&self) -> Duration {
        let step = self.learned.map_or(QUANTUM_UNKNOWN, |learned| greatest_common_divisor(learned, self.block).max(1));
        Duration::from_nanos(i64::from(step))
    }
}

const fn greatest_common_divisor(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The stamps that a port uses, made of those that the kernel hands over.
#[derive(Clone, Debug)]
pub struct Stamps {
    /// The clock of the card's stamps; `None` if they are not used.
    card: Option<ClockId>,
    judge: Judge,
    quantum: Quantum,
}

impl Stamps {
    /// The kernel's own stamps, until told otherwise.
    pub fn software() -> Self {
        Self { card: None, judge: Judge::default(), quantum: Quantum::default() }
    }

    /// From now on the card's stamps are used, of this clock.
    pub fn use_card(&mut self, clock: ClockId) {
        *self = Self { card: Some(clock), ..Self::software() };
    }

    /// Whether the card's stamps are in use.
    pub fn is_hardware(&self) -> bool {
        self.card.is_some() && !self.judge.is_degraded()
    }

    /// The clock of the stamps in use.
    pub fn clock(&self) -> ClockId {
        self.card.filter(|_| self.is_hardware()).unwrap_or(ClockId::System)
    }

    /// The judge of the card, if there is one.
    pub fn judge(&mut self) -> Option<&mut Judge> {
        self.card.is_some().then_some(&mut self.judge)
    }

    /// Of the two stamps of one message the one of the clock in use; never the other in its place.
    pub fn pick(&mut self, software: Option<KernelTime>, hardware: Option<KernelTime>) -> Option<Stamp> {
        let Some(clock) = self.card.filter(|_| self.is_hardware()) else {
            return software.map(software_stamp);
        };
        let time = hardware?;
        self.quantum.learn(time.nanoseconds);
        Some(Stamp {
            at: Timestamp::from_parts(time.seconds, time.nanoseconds),
            clock,
            epoch: ClockEpoch::default(),
            source: StampSource::Hardware,
            error: HARDWARE_STAMP_ERROR + self.quantum.step(),
        })
    }
}

/// A software stamp of the kernel's as one of ours.
pub fn software_stamp(time: KernelTime) -> Stamp {
    Stamp {
        at: Timestamp::from_parts(time.seconds, time.nanoseconds),
        clock: ClockId::System,
        epoch: ClockEpoch::default(),
        source: StampSource::Kernel,
        error: KERNEL_STAMP_ERROR,
    }
}

#[cfg(test)]
mod tests;
