//! The synchronization metadata of SMPTE ST 2059-2: what equipment of television makes its time addresses of.

use crate::coding::Coded;
use crate::wire::octets::{Reader, Writer};

/// The SM TLV (SMPTE ST 2059-2, table 2): an ORGANIZATION_EXTENSION in a Management message, which the grandmaster sends once a second.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Coded)]
pub struct SynchronizationMetadata {
    /// defaultSystemFrameRate: frames a second, as numerator and denominator.
    pub frame_rate: [u32; 2],
    /// masterLockingStatus: 0 not in use, 1 free run, 2 cold locking, 3 warm locking, 4 locked.
    pub locking_status: u8,
    /// timeAddressFlags: bit 0 drop frame, bit 1 color frame identification.
    pub time_address_flags: u8,
    /// currentLocalOffset: what local time is ahead of the grandmaster's, in seconds.
    pub current_local_offset_s: i32,
    /// jumpSeconds: by how much that changes next.
    pub jump_s: i32,
    /// timeOfNextJump: when, in seconds of the grandmaster's time, 48 bits; 0: not at all.
    pub time_of_next_jump_s: u64,
    /// timeOfNextJam: when time addresses are set anew next, likewise.
    pub time_of_next_jam_s: u64,
    /// timeOfPreviousJam: when they were last.
    pub time_of_previous_jam_s: u64,
    /// previousJamLocalOffset: currentLocalOffset at that time.
    pub previous_jam_local_offset_s: i32,
    /// daylightSaving: bit 0 now, bit 1 after the next jump, bit 2 at the previous jam.
    pub daylight_saving: u8,
    /// leapSecondJump: bit 0: the next jump is of a leap second.
    pub leap_second_jump: u8,
}

impl SynchronizationMetadata {
    /// Octets behind the subtype.
    pub(super) const LENGTH: usize = 42;

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            frame_rate: [reader.u32()?, reader.u32()?],
            locking_status: reader.u8()?,
            time_address_flags: reader.u8()?,
            current_local_offset_s: reader.u32()? as i32,
            jump_s: reader.u32()? as i32,
            time_of_next_jump_s: reader.u48()?,
            time_of_next_jam_s: reader.u48()?,
            time_of_previous_jam_s: reader.u48()?,
            previous_jam_local_offset_s: reader.u32()? as i32,
            daylight_saving: reader.u8()?,
            leap_second_jump: reader.u8()?,
        })
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) {
        for number in self.frame_rate {
            writer.u32(number);
        }
        writer.octets(&[self.locking_status, self.time_address_flags]);
        writer.u32(self.current_local_offset_s as u32);
        writer.u32(self.jump_s as u32);
        for seconds in [self.time_of_next_jump_s, self.time_of_next_jam_s, self.time_of_previous_jam_s] {
            writer.u48(seconds);
        }
        writer.u32(self.previous_jam_local_offset_s as u32);
        writer.octets(&[self.daylight_saving, self.leap_second_jump]);
    }
}
