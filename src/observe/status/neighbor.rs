//! What a port knows of the link and of its parent beside the time.

use serde::{Deserialize, Serialize};

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
