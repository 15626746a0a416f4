//! The server's answer, as a pure function of the request, its stamps and the snapshot.
//!
//! A client computes `offset = ((T2 - T1) + (T3 - T4)) / 2` from our receive stamp T2 and transmit stamp T3, and asks
//! how far that may be from the truth: `root_delay / 2 + root_dispersion`. So an answer has three duties. The two stamps
//! are readings of one clock, converted by one line: the snapshot's; a card's receive stamp is converted by the line of its
//! own clock, which was made by the same discipline. The root fields are our whole error bound in
//! NTP's coin: twice the path's part as the delay, the rest, aged to the moment of sending, as the dispersion, both
//! rounded up, so that a bound which holds here holds at the client. And whenever the bound does *not* hold (never
//! synchronised, a stale snapshot, a clock that was set under us) the answer says leap 3 and stratum 0, which every client
//! refuses, instead of a time that looks right; unless the operator wants a [`LocalService`].
//!
//! ```text
//! request                              answer
//! version 1..4, mode 3 (client)        same version, mode 4 (server)
//! version 1..4, mode 1 (symmetric)     same version, mode 2: we keep nothing, and never become a peer
//! version 1, mode 0, port not 123      version 1, mode 4: that version had no modes yet (RFC 1059)
//! anything else                        silence, counted by reason
//! ```
//!
//! An answer is 48 octets, and so never longer than its request: a forged source address gains nothing here. Requests
//! with extension fields or a MAC get the same plain answer; their clients decide whether they want it.
//!
//! | file | chapter |
//! |---|---|
//! | `gate` | who is answered at all: `access`, by address; `clients`, by how often |
//! | `interleaved` | the true time of departure of the answer before |
//! | `hardware` | stamps of network cards |
//! | `smear` | leap seconds, spread over a day |
//! | `count` | every figure |
//! | `responder` | the same as an engine, for a trace |
//!
//! Read: RFC 5905 7.3 (fields), 9.2 (modes), 11.2 (root distance); RFC 8633 5 (what a public server should not do).

mod access;
mod clients;
mod count;
mod gate;
mod hardware;
mod interleaved;
mod responder;
mod smear;
#[cfg(test)]
mod tests;

pub use access::{Access, AccessList, PREFIXES_MAX, Prefix, PrefixError};
pub use clients::{CLIENTS_MAX, CLIENTS_MIN, Client, Clients, Pace, RateLimit};
pub use count::{DropReason, ServerCounter};
pub use gate::{Admission, Gate, Kiss, refuse};
pub use hardware::{
    CardStamp, HARDWARE_LAG_MAX, HARDWARE_LEAD_MAX, HardwareRejected, HardwareStamp, hardware_departure, hardware_stamp,
};
pub use interleaved::{Departure, Departures, InterleavedAnswer, REMEMBERED_MAX, interleave, respond_interleaved};
pub use responder::{Reply, Responder, respond_on_tape};
pub use smear::{Smear, SmearShape};

use crate::coding::Coded;
use crate::sharing::TimeSnapshot;
use crate::time::{Duration, LeapIndicator, Local, Mono, NtpShort, NtpTimestamp, SyncState, Timestamp, Utc};
use crate::wire::ntp::{HEADER_LENGTH, Header, Mode, Packet, parse, smear_reference_id, write};

/// The UDP port of NTP.
pub const NTP_PORT: u16 = 123;

/// The longest answer in octets.
pub const ANSWER_LENGTH_MAX: usize = HEADER_LENGTH;

/// How long a request may have waited for us. Clients give up earlier, and take an answer that took longer for a fault
/// of ours.
pub const AGE_MAX: Duration = Duration::from_secs(4);

/// NTP's MAXDISP: a root distance of this or more means "not synchronised" to every client (RFC 5905 11.1).
pub const ROOT_DISTANCE_MAX: Duration = Duration::from_secs(16);

/// A distance of CLOCK_REALTIME to CLOCK_MONOTONIC that changed by more than this since the snapshot means that somebody
/// set the clock which the snapshot's line runs over: slewing moves both alike.
pub const CLOCK_SET_MIN: Duration = Duration::from_millis(2);

/// What is the same for all answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub struct ResponseConfig {
    /// log2 of the seconds that reading the clock resolves or takes; -29 ..= -6.
    pub precision: i8,
    /// The shortest poll interval that we ask of clients, as log2 of seconds.
    pub poll_min: i8,
    /// What is served while nobody vouches for the time; `None`: that it is not known.
    pub local: Option<LocalService>,
    /// How leap seconds are smeared; `None`: they are announced and served as they are.
    pub smear: Option<Smear>,
}

/// The clock's own time, served although nobody vouches for it: for networks that would rather agree with each other than know
/// that they are wrong.
///
/// It looks to clients like any other time, of this stratum; that nothing stands behind it is in the reference ID.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub struct LocalService {
    /// 1 ..= 15; so low that nobody with a real source comes to follow it.
    pub stratum: u8,
    /// It takes over when the error bound is beyond this, or there is none; and this is what it claims then.
    pub distance: Duration,
    /// Several hosts serve their clocks so, and agree on one of them: whoever has this stratum has no source.
    pub is_orphan: bool,
}

impl LocalService {
    /// Whether the clock follows that of another one who has no source either: then it is one stratum further, and says whom it follows.
    pub fn is_following(self, snapshot: &TimeSnapshot) -> bool {
        self.is_orphan && snapshot.stratum == self.stratum.saturating_add(1)
    }

    /// `LOCL` (RFC 5905 figure 12), and below stratum 1, where a name has no place, the address of ntpd's driver for a local clock.
    pub const fn reference_id(self) -> [u8; 4] {
        if self.stratum == 1 { *b"LOCL" } else { [127, 127, 1, 1] }
    }

    /// Whether it is what is served when the stamping clock reads `now`.
    ///
    /// Not while nobody looks after the clock, and not just after it was set: then nobody knows of what time it is.
    pub fn is_served_at(self, snapshot: &TimeSnapshot, now: Timestamp<Local>) -> bool {
        let is_vouched_for = snapshot.is_served_at(now) && snapshot.bound_at(now).greatest_error() <= self.distance;
        !is_vouched_for && !snapshot.is_stale_at(now) && snapshot.state != SyncState::Disrupted
    }
}

impl Default for ResponseConfig {
    /// [`ResponseConfig::PLAIN`].
    fn default() -> Self {
        Self::PLAIN
    }
}

impl ResponseConfig {
    /// A microsecond, and a poll each second.
    pub const PLAIN: Self = Self { precision: -20, poll_min: 0, local: None, smear: None };

    /// What is served in the place of this UTC, and what it is ahead of it while a leap second is smeared.
    pub fn served(&self, at: Timestamp<Utc>, snapshot: &TimeSnapshot) -> (Timestamp<Utc>, Option<Duration>) {
        let ahead = self.smear.and_then(|smear| smear.ahead_at(at, snapshot.tai_utc));
        (at + ahead.unwrap_or_default(), ahead)
    }

    fn resolution(self) -> Duration {
        Duration::from_ticks(Duration::SECOND.ticks() >> self.precision.clamp(-29, 0).unsigned_abs())
    }
}

/// A datagram that may be a request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Its payload.
    pub data: &'a [u8],
    /// The port that it came from.
    pub from_port: u16,
    /// The stamping clock when it came in.
    pub received: Timestamp<Local>,
    /// When it came in by the card's clock, if that is known better; of the same moment as `received`.
    pub hardware: Option<HardwareStamp>,
    /// The stamping clock now, just before the answer leaves.
    pub now: Timestamp<Local>,
}

/// What was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Its octets, from the start of the buffer.
    pub length: usize,
    /// Whether somebody vouches for its time.
    pub is_synchronised: bool,
    /// Whether it says a time that nobody vouches for: [`LocalService`].
    pub is_local: bool,
}

/// Writes the answer to a request.
///
/// # Errors
/// The [`DropReason`]; nothing is to be sent then.
///
/// # Panics
/// If `out` is shorter than [`ANSWER_LENGTH_MAX`].
pub fn respond(
    request: &Request<'_>,
    snapshot: &TimeSnapshot,
    config: ResponseConfig,
    out: &mut [u8],
) -> Result<Answer, DropReason> {
    let asked = parse(request.data)?.header;
    let mode = answer_mode(&asked, request.from_port)?;
    let waited = request.now - request.received;
    if waited.is_negative() || waited > AGE_MAX {
        return Err(DropReason::Age);
    }
    let standing = Standing::of(snapshot, request, config);
    let (transmit, smeared) = config.served(snapshot.utc_at(request.now), snapshot);
    let received = request.hardware.map_or_else(|| snapshot.utc_at(request.received), |stamp| stamp.at);
    let (received, _) = config.served(received, snapshot);
    let stamps = Stamps::new(received, transmit, asked.transmit_timestamp);
    let answer = Header {
        leap: match standing.leap {
            LeapIndicator::Insert | LeapIndicator::Delete if config.smear.is_some() => LeapIndicator::NoWarning,
            leap => leap,
        },
        version: asked.version,
        mode,
        stratum: standing.stratum,
        poll: asked.poll.max(config.poll_min),
        precision: config.precision,
        root_delay: standing.root_delay,
        root_dispersion: standing.root_dispersion,
        reference_id: smeared.filter(|_| standing.stratum > 0).map_or(standing.reference_id, smear_reference_id),
        // A local clock is its own reference.
        reference_timestamp: if standing.is_local {
            stamps.transmit
        } else {
            reference_timestamp(snapshot, config, transmit)
        },
        origin_timestamp: asked.transmit_timestamp,
        receive_timestamp: stamps.receive,
        transmit_timestamp: stamps.transmit,
    };
    let length = write(&Packet::plain(answer), out).expect("room for the longest answer");
    let is_synchronised = standing.stratum != 0 && !standing.is_local;
    Ok(Answer { length, is_synchronised, is_local: standing.is_local })
}

/// The mode of the answer, if the request may expect one.
fn answer_mode(asked: &Header, from_port: u16) -> Result<Mode, DropReason> {
    if from_port == 0 {
        return Err(DropReason::SourcePort);
    }
    match asked.mode {
        Mode::SymmetricActive => Ok(Mode::SymmetricPassive),
        Mode::Client => Ok(Mode::Server),
        // From port 123 it would be another server of that version: two could answer each other for ever.
        Mode::Reserved if asked.version == 1 && from_port != NTP_PORT => Ok(Mode::Server),
        _ => Err(DropReason::Mode),
    }
}

/// Whether the stamping clock was set since the snapshot: its advance does not agree with CLOCK_MONOTONIC's.
///
/// The two clocks are read within `window` of each other. Slewing moves both alike (clock_gettime(2)).
pub fn is_clock_set(snapshot: &TimeSnapshot, mono: Timestamp<Mono>, local: Timestamp<Local>, window: Duration) -> bool {
    let by_mono = mono - snapshot.anchor_mono;
    let apart = ((local - snapshot.anchor_local) - by_mono).abs();
    apart > CLOCK_SET_MIN + window
}

/// What the answer says of the quality of its time.
struct Standing {
    leap: LeapIndicator,
    stratum: u8,
    root_delay: NtpShort,
    root_dispersion: NtpShort,
    reference_id: [u8; 4],
    is_local: bool,
}

impl Standing {
    fn of(snapshot: &TimeSnapshot, request: &Request<'_>, config: ResponseConfig) -> Self {
        Self::synchronised(snapshot, request, config)
            .or_else(|| Self::local(snapshot, request, config))
            .unwrap_or_else(|| Self::unsynchronised(snapshot, request))
    }

    /// `root_delay / 2 + root_dispersion >= bound + precision`, at either stamp, whoever made it.
    fn synchronised(snapshot: &TimeSnapshot, request: &Request<'_>, config: ResponseConfig) -> Option<Self> {
        let is_served = snapshot.is_served_at(request.received) && snapshot.is_served_at(request.now);
        let says_so = snapshot.leap != LeapIndicator::Unknown && (1..=15).contains(&snapshot.stratum);
        let bound = snapshot.bound_at(request.received).max(snapshot.bound_at(request.now)).greatest_error();
        let bound = request.hardware.map_or(bound, |stamp| bound.max(stamp.bound));
        let is_beyond = config.local.is_some_and(|local| bound > local.distance) || bound >= ROOT_DISTANCE_MAX;
        if !is_served || !says_so || is_beyond {
            return None;
        }
        let path = snapshot.parts.path.max(Duration::ZERO);
        Some(Self {
            leap: snapshot.leap,
            stratum: snapshot.stratum,
            root_delay: NtpShort::from_duration_rounded_up(path.times(2)),
            root_dispersion: NtpShort::from_duration_rounded_up(bound - path + config.resolution()),
            reference_id: snapshot.reference_id,
            is_local: false,
        })
    }

    /// What the operator wants to be served instead. Its distance grows as our bound does, where there is one.
    fn local(snapshot: &TimeSnapshot, request: &Request<'_>, config: ResponseConfig) -> Option<Self> {
        let local = config.local.filter(|local| local.is_served_at(snapshot, request.now))?;
        let bound = snapshot.bound_at(request.received).max(snapshot.bound_at(request.now)).greatest_error();
        if local.is_following(snapshot) {
            // What the one that is followed claims, and the way to it.
            return Some(Self {
                leap: LeapIndicator::NoWarning,
                stratum: snapshot.stratum,
                root_delay: NtpShort::from_duration_rounded_up(snapshot.mean_path_delay.max(Duration::ZERO).times(2)),
                root_dispersion: NtpShort::from_duration_rounded_up(local.distance + config.resolution()),
                reference_id: snapshot.reference_id,
                is_local: true,
            });
        }
        Some(Self {
            leap: LeapIndicator::NoWarning,
            stratum: local.stratum,
            root_delay: NtpShort::default(),
            root_dispersion: NtpShort::from_duration_rounded_up(bound.min(local.distance) + config.resolution()),
            reference_id: local.reference_id(),
            is_local: true,
        })
    }

    /// What every client refuses, with the reason where a reader of packets looks for it.
    ///
    /// `INIT` and `STEP` are codes of RFC 5905 figure 13; codes with X are for private use (7.4).
    fn unsynchronised(snapshot: &TimeSnapshot, request: &Request<'_>) -> Self {
        let reference_id = match snapshot.state {
            SyncState::NeverSynced | SyncState::Acquiring => *b"INIT",
            SyncState::Disrupted => *b"STEP",
            SyncState::Locked | SyncState::Holdover if snapshot.is_stale_at(request.now) => *b"XOLD",
            SyncState::Locked | SyncState::Holdover | SyncState::Freerun => *b"XBND",
        };
        Self {
            leap: LeapIndicator::Unknown,
            stratum: 0,
            root_delay: NtpShort::default(),
            root_dispersion: NtpShort::MAX,
            reference_id,
            is_local: false,
        }
    }
}

/// When our clock was last corrected; "unset" if it never was, and never later than the answer itself.
fn reference_timestamp(snapshot: &TimeSnapshot, config: ResponseConfig, transmit: Timestamp<Utc>) -> NtpTimestamp {
    if snapshot.last_sample.is_some() {
        NtpTimestamp::from_utc(config.served(snapshot.reference_time, snapshot).0.min(transmit))
    } else {
        NtpTimestamp::UNSET
    }
}

/// The two stamps of an answer.
///
/// Receivers recognise packets by their stamps, so no two of one exchange may be equal: the lowest bit (233 ps, below
/// any precision) is 1 in the receive stamp and 0 in the transmit stamp, the transmit stamp is later, and neither is
/// the client's own. Zero would mean "unset".
struct Stamps {
    receive: NtpTimestamp,
    transmit: NtpTimestamp,
}

impl Stamps {
    fn new(received: Timestamp<Utc>, sent: Timestamp<Utc>, origin: NtpTimestamp) -> Self {
        let origin = origin.to_bits();
        let mut receive = NtpTimestamp::from_utc(received).to_bits() | 1;
        if receive == origin {
            receive = receive.wrapping_add(2);
        }
        let mut transmit = NtpTimestamp::from_utc(sent).to_bits() & !1;
        // Modular: right across the era, too.
        if (transmit.wrapping_sub(receive) as i64) < 0 {
            transmit = receive.wrapping_add(1);
        }
        while transmit == 0 || transmit == origin {
            transmit = transmit.wrapping_add(2);
        }
        Self { receive: NtpTimestamp::from_bits(receive), transmit: NtpTimestamp::from_bits(transmit) }
    }
}
