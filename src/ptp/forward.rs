//! What a boundary clock hands on of its parent's Announce beside the data set: its TLVs (IEEE 1588-2019 14.2.2, table 52), and the
//! path that it has come (16.2).
//!
//! Which TLVs are handed on is in their type, so that a clock can do so with those of the future: 0x4000 to 0x7FFF are, 0x8000
//! and more are not, and of those below only PATH_TRACE and ALTERNATE_TIME_OFFSET_INDICATOR. They go as they came, in their order. But
//! PATH_TRACE: a clock that traces the path puts its own identity to the end, and one that finds itself in it throws the Announce
//! away, since it has come round a loop.
//!
//! Nothing is allocated for them, so there is a bound: what does not fit any more is left out as a whole, and counted. A path that
//! does not fit ends here (16.2.4): half a path would hide a loop.
//!
//! The TLV of IEEE C37.238 is of none of these types. It is no word of the grandmaster's that is handed on, but what each clock says of the
//! time that it sends; ours is made of the parent's.

use super::counters::{Counter, count};
use super::{Effect, FRAME_MAX};
use crate::coding::{Coded, Decoder, Encoder, Malformed, layout};
use crate::engine::Sink;
use crate::wire::ptp::{
    ClockIdentity, Extension, OrganizationExtension, PLAIN_MESSAGE_LENGTH_MAX, PathTrace, PowerProfile, Tlv, TlvType,
    Tlvs,
};

/// Octets of TLVs in an Announce of ours.
pub const ANNOUNCE_TLVS_MAX: usize = FRAME_MAX - PLAIN_MESSAGE_LENGTH_MAX;
/// What a clock's own entry in the path takes at most: an identity, and the type and length of a TLV that was not there.
const OWN_ENTRY: usize = 4 + 8;
/// Octets of TLVs that are handed on: a path of 22 clocks fits.
pub const FORWARDED_MAX: usize = ANNOUNCE_TLVS_MAX - OWN_ENTRY;

/// TLVs of the parent's Announce that are handed on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Forwarded {
    octets: [u8; FORWARDED_MAX],
    len: u8,
    /// There was a path, and it did not fit.
    is_cut: bool,
    /// What the parent says of the time that it sends.
    power: Option<PowerProfile>,
}

impl Forwarded {
    /// Nothing.
    pub const NONE: Self = Self { octets: [0; FORWARDED_MAX], len: 0, is_cut: false, power: None };

    /// What is to be handed on of these.
    pub(super) fn of(tlvs: Tlvs<'_>, out: &mut impl Sink<Effect>) -> Self {
        let power = tlvs.iter().find_map(|tlv| match tlv.extension() {
            Ok(Extension::Organization(OrganizationExtension::PowerProfile(power))) => Some(power),
            _ => None,
        });
        let mut forwarded = Self { power, ..Self::NONE };
        for tlv in tlvs.iter().filter(|tlv| tlv.tlv_type.is_propagated()) {
            let is_path = tlv.tlv_type == TlvType::PATH_TRACE;
            let is_nonsense = is_path && (tlv.extension().is_err() || forwarded.path().is_some());
            if is_nonsense {
                continue;
            }
            let len = usize::from(forwarded.len);
            if let Ok(written) = Extension::Other(tlv).write(&mut forwarded.octets[len..]) {
                forwarded.len += written as u8;
            } else {
                forwarded.is_cut |= is_path;
                count(out, Counter::TlvNotForwarded);
            }
        }
        forwarded
    }

    fn tlvs(&self) -> impl Iterator<Item = Tlv<'_>> {
        // They were written here one by one: there is nothing wrong with them.
        let octets = &self.octets[..usize::from(self.len)];
        Tlvs::from_octets(octets).into_iter().flatten()
    }

    /// The path that the parent's Announce has come, the grandmaster first; `None` if it has none.
    pub fn path(&self) -> Option<PathTrace<'_>> {
        path_of(self.tlvs())
    }

    /// What the parent says by IEEE C37.238 of the time that it sends; `None` if it says nothing.
    pub const fn power(&self) -> Option<PowerProfile> {
        self.power
    }

    /// The TLVs of an Announce of ours, written to the start of `out`; returns how many octets. With `own` the path is traced.
    pub(super) fn write(&self, own: Option<ClockIdentity>, out: &mut [u8; ANNOUNCE_TLVS_MAX]) -> usize {
        let mut len = 0;
        let mut put = |tlv: Tlv<'_>| {
            if let Ok(written) = Extension::Other(tlv).write(&mut out[len..]) {
                len += written;
            }
        };
        if let Some(own) = own.filter(|_| !self.is_cut) {
            let known = self.tlvs().find(|tlv| tlv.tlv_type == TlvType::PATH_TRACE).map_or(&[][..], |tlv| tlv.value);
            let mut path = [0; FORWARDED_MAX + OWN_ENTRY];
            let whole = known.len() + own.0.len();
            path[..known.len()].copy_from_slice(known);
            path[known.len()..whole].copy_from_slice(&own.0);
            put(Tlv { tlv_type: TlvType::PATH_TRACE, value: &path[..whole] });
        }
        self.tlvs().filter(|tlv| own.is_none() || tlv.tlv_type != TlvType::PATH_TRACE).for_each(put);
        len
    }
}

/// The path in the TLVs of an Announce.
fn path_of<'a>(mut tlvs: impl Iterator<Item = Tlv<'a>>) -> Option<PathTrace<'a>> {
    tlvs.find_map(|tlv| match tlv.extension() {
        Ok(Extension::PathTrace(path)) => Some(path),
        _ => None,
    })
}

/// Whether an Announce with these has passed this clock before.
pub(super) fn has_passed(tlvs: Tlvs<'_>, own: ClockIdentity) -> bool {
    path_of(tlvs.iter()).is_some_and(|path| path.iter().any(|passed| passed == own))
}

impl Default for Forwarded {
    fn default() -> Self {
        Self::NONE
    }
}

impl std::fmt::Debug for Forwarded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.tlvs()).entries(self.power).finish()
    }
}

impl Coded for Forwarded {
    const LAYOUT: u64 = layout("Forwarded", &[("", bool::LAYOUT), ("power", <Option<(u16, u32)>>::LAYOUT)]);
    fn encode(&self, out: &mut Encoder) {
        out.bytes(&self.octets[..usize::from(self.len)]);
        self.is_cut.encode(out);
        self.power.map(|power| (power.grandmaster_id, power.total_time_inaccuracy)).encode(out);
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Malformed> {
        let written = from.bytes()?;
        let mut octets = [0; FORWARDED_MAX];
        octets.get_mut(..written.len()).ok_or(Malformed)?.copy_from_slice(written);
        Tlvs::from_octets(written).map_err(|_| Malformed)?;
        let is_cut = bool::decode(from)?;
        let power = <Option<(u16, u32)>>::decode(from)?
            .map(|(grandmaster_id, total_time_inaccuracy)| PowerProfile { grandmaster_id, total_time_inaccuracy });
        Ok(Self { octets, len: written.len() as u8, is_cut, power })
    }
}

#[cfg(test)]
mod tests;
