//! What a port knows of the link and of its parent beside the time.

use serde::{Deserialize, Serialize};

/// The synchronization metadata of SMPTE ST 2059-2.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct MetadataStatus {
    /// defaultSystemFrameRate: frames a second, `25` or `30000/1001`.
    pub frame_rate: String,
    /// masterLockingStatus, in words.
    pub locking_status: String,
    /// Time addresses are counted by drop frame.
    pub drop_frame: bool,
    /// Local time is that of summer.
    pub daylight_saving: bool,
    /// currentLocalOffset: what local time is ahead of the grandmaster's.
    pub current_local_offset_s: i32,
    /// By how much that changes next.
    pub jump_s: i32,
    /// When, in seconds of the grandmaster's time; `None`: not at all.
    pub time_of_next_jump_s: Option<u64>,
    /// When time addresses are set anew, likewise.
    pub time_of_next_jam_s: Option<u64>,
}

/// The TLV of IEEE C37.238 in an Announce.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct PowerStatus {
    /// grandmasterID: the number of the grandmaster; 0: none.
    pub grandmaster_id: u16,
    /// totalTimeInaccuracy: how wrong the time may be; `None`: unknown.
    pub total_time_inaccuracy_s: Option<f64>,
}

/// What the peer delay mechanism has measured.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, Debug)]
pub struct NeighborStatus {
    /// portIdentity of who answers.
    pub identity: String,
    /// What the link takes, one way.
    pub mean_link_delay_s: f64,
    /// What its clock gains on the one that stamps our messages; `None` while that is not known.
    pub rate_ppb: Option<f64>,
    /// It says that it is capable of IEEE 802.1AS.
    #[serde(default)]
    pub gptp_capable: bool,
}
