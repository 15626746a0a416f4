//! What an answer says of its sender, as pure functions of its header (RFC 5905 7.4 and 11.2).

use super::{ClientCounter, Orphan, OwnIdentity, SourceInfo};
use crate::ntp::server::ROOT_DISTANCE_MAX;
use crate::time::{Duration, LeapIndicator, NtpTimestamp};
use crate::wire::ntp::Header;

/// No server of a higher stratum is followed.
const STRATUM_MAX: u8 = 15;

/// A kiss-o'-death: the server has an order for us instead of the time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kiss {
    /// Ask less often.
    Rate,
    /// We are not served.
    Deny,
    /// The same, by a local rule of the server.
    Restrict,
}

/// The order in an answer: stratum 0 and leap 3 together, with one of the three codes that ask for something. Other codes
/// (`INIT`, `STEP`) only tell why there is no time.
pub(super) fn kiss(header: &Header) -> Option<Kiss> {
    if header.stratum != 0 || header.leap != LeapIndicator::Unknown {
        return None;
    }
    match &header.reference_id {
        b"RATE" => Some(Kiss::Rate),
        b"DENY" => Some(Kiss::Deny),
        b"RSTR" => Some(Kiss::Restrict),
        _ => None,
    }
}

/// What a header says of its sender's time, whatever that is worth.
pub(super) fn said(header: &Header) -> SourceInfo {
    SourceInfo {
        leap: header.leap,
        stratum: header.stratum,
        reference_id: header.reference_id,
        root_delay: header.root_delay.to_duration(),
        root_dispersion: header.root_dispersion.to_duration(),
    }
}

/// What the server says of its time, if that is fit to be followed.
///
/// `Err` is the first reason against it, in this order: synchronised, stratum 1..=15, root distance
/// `root_delay / 2 + root_dispersion < 16 s`, stamps that are set and in order, no loop through us, and none of those without a source that
/// are not to be followed.
pub(super) fn standing(
    header: &Header,
    own: &OwnIdentity,
    orphan: Option<Orphan>,
) -> Result<SourceInfo, ClientCounter> {
    let info = said(header);
    let before = |a: NtpTimestamp, b: NtpTimestamp| a.since(b).is_negative();
    let (received, transmitted) = (header.receive_timestamp, header.transmit_timestamp);
    // Servers fill the bits below their precision with random ones: of two stamps so close the later may be the smaller.
    let is_out_of_order = received.since(transmitted) > resolution(header.precision);
    let against = [
        (header.leap == LeapIndicator::Unknown || header.stratum == 0, ClientCounter::Unsynchronised),
        (header.stratum > STRATUM_MAX, ClientCounter::StratumExcessive),
        (info.root_distance() >= ROOT_DISTANCE_MAX, ClientCounter::RootDistanceExcessive),
        (received.is_unset() || transmitted.is_unset(), ClientCounter::TimestampUnset),
        (is_out_of_order, ClientCounter::AnswerBeforeRequest),
        (
            !header.reference_timestamp.is_unset() && before(transmitted, header.reference_timestamp),
            ClientCounter::ReferenceLater,
        ),
        (own.is_followed_by(header), ClientCounter::FollowsUs),
        (own.is(header), ClientCounter::OurselvesAnswered),
        (orphan.is_some_and(|orphan| header.stratum > orphan.stratum), ClientCounter::OrphanFollows),
        (orphan.is_some_and(|orphan| orphan.is_after_us(header, own)), ClientCounter::OrphanAfterUs),
    ];
    match against.into_iter().find(|(is_unfit, _)| *is_unfit) {
        Some((_, reason)) => Err(reason),
        None => Ok(info),
    }
}

/// What the server's stamps resolve, by the precision that it states (log2 of seconds; absurd values limited).
pub(super) fn resolution(precision: i8) -> Duration {
    if precision >= 0 {
        Duration::SECOND
    } else {
        Duration::from_ticks(Duration::SECOND.ticks() >> -i32::from(precision.max(-40)))
    }
}
