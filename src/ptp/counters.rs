//! Every figure that the engines count.

use crate::coding::Coded;
use crate::engine::Sink;
use crate::ptp::Effect;
use crate::sharing::CounterSet;
use crate::wire::ptp::{MessageType, ParseError};

/// Writes the enum, its order and its names from one list.
macro_rules! counters {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What a PTP engine counts. Of each datagram exactly one of `Malformed`, a reason of the header, or `Received...`
        /// is counted; a received message that is then not used gets its reason in addition.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Coded)]
        pub enum Counter {
            $($(#[$doc])* $variant,)*
            /// Not a PTP message of version 2.
            Malformed(ParseError),
        }

        #[derive(Clone, Copy)]
        enum Place {
            $($variant,)*
        }

        const PLAIN: &[Counter] = &[$(Counter::$variant,)*];

        impl CounterSet for Counter {
            const ALL: &'static [Self] = &ALL;

            fn index(self) -> usize {
                match self {
                    $(Self::$variant => Place::$variant as usize,)*
                    Self::Malformed(error) => PLAIN.len() + error.index(),
                }
            }

            fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Malformed(error) => malformed(error),
                }
            }
        }
    };
}

counters! {
    /// Announce of our domain.
    ReceivedAnnounce = "received_announce",
    /// Sync of our domain.
    ReceivedSync = "received_sync",
    /// Follow_Up of our domain.
    ReceivedFollowUp = "received_follow_up",
    /// Delay_Req of our domain.
    ReceivedDelayReq = "received_delay_req",
    /// Delay_Resp of our domain, to whomever.
    ReceivedDelayResp = "received_delay_resp",
    /// Pdelay_Req of our domain.
    ReceivedPdelayReq = "received_pdelay_req",
    /// Pdelay_Resp of our domain, to whomever.
    ReceivedPdelayResp = "received_pdelay_resp",
    /// Pdelay_Resp_Follow_Up of our domain, to whomever.
    ReceivedPdelayRespFollowUp = "received_pdelay_resp_follow_up",
    /// Signaling of our domain.
    ReceivedSignaling = "received_signaling",
    /// Management of our domain, whether or not it is answered.
    ReceivedOther = "received_other",
    /// Announce sent.
    SentAnnounce = "sent_announce",
    /// Sync sent.
    SentSync = "sent_sync",
    /// Follow_Up sent.
    SentFollowUp = "sent_follow_up",
    /// Delay_Req sent.
    SentDelayReq = "sent_delay_req",
    /// Delay_Resp sent.
    SentDelayResp = "sent_delay_resp",
    /// Pdelay_Req sent.
    SentPdelayReq = "sent_pdelay_req",
    /// Pdelay_Resp sent.
    SentPdelayResp = "sent_pdelay_resp",
    /// Pdelay_Resp_Follow_Up sent.
    SentPdelayRespFollowUp = "sent_pdelay_resp_follow_up",
    /// Signaling sent.
    SentSignaling = "sent_signaling",
    /// The socket refused a message.
    SendFailed = "send_failed",
    /// Another domainNumber.
    DomainMismatch = "domain_mismatch",
    /// Another sdoId.
    SdoIdMismatch = "sdo_id_mismatch",
    /// From our own clockIdentity: multicast looped back, a loop in the network, or an identity in use twice.
    OwnMessage = "own_message",
    /// An Announce of another port of our own clock, which goes before this one on the link that they share.
    OwnPortHeard = "own_port_heard",
    /// An event message on the general channel.
    WrongChannel = "wrong_channel",
    /// The state of the port has no use for this message.
    WrongState = "wrong_state",
    /// alternateMasterFlag is set.
    AlternateMaster = "alternate_master",
    /// Sync, Follow_Up or Delay_Resp of someone else than the parent.
    NotFromParent = "not_from_parent",
    /// correctionField says that the correction does not fit it.
    CorrectionTooBig = "correction_too_big",
    /// correctionField beyond the configured limit.
    CorrectionExcessive = "correction_excessive",
    /// Announce, Sync or Follow_Up by a link whose neighbour has not shown that it measures it (asCapable).
    NotCapable = "not_capable",
    /// An Announce with stepsRemoved of 255 or more.
    StepsRemovedExcessive = "steps_removed_excessive",
    /// An Announce that has passed our clock before, as its PATH_TRACE says: there is a loop.
    PathTraceLoop = "path_trace_loop",
    /// A TLV of the parent's Announce that should be handed on and does not fit.
    TlvNotForwarded = "tlv_not_forwarded",
    /// An Announce of a grandmaster that is not among those that may be followed.
    GrandmasterRefused = "grandmaster_refused",
    /// An Announce of a port that is not among those that may be followed.
    MasterRefused = "master_refused",
    /// An Announce whose sequenceId is not newer than the last one's.
    AnnounceNotNewer = "announce_not_newer",
    /// An Announce of a new master that found no place in the foreign-master table.
    ForeignMasterRefused = "foreign_master_refused",
    /// A foreign master that lost its place to a better one.
    ForeignMasterDisplaced = "foreign_master_displaced",
    /// A foreign master that fell silent.
    ForeignMasterExpired = "foreign_master_expired",
    /// The parent fell silent.
    AnnounceReceiptTimeout = "announce_receipt_timeout",
    /// A port that served, or would have, stopped since the clock has no time to serve.
    Silenced = "silenced",
    /// Delay_Req to the master alone stayed without an answer: they go to the group for a while.
    HybridFallback = "hybrid_fallback",
    /// The parent changed, was first selected, or follows another grandmaster.
    ParentChanged = "parent_changed",
    /// Sync or Follow_Up that is a duplicate, or late behind a newer one.
    SyncNotNewer = "sync_not_newer",
    /// Sync were lost between two that came.
    SyncGap = "sync_gap",
    /// A Sync whose Follow_Up never came.
    SyncUnpaired = "sync_unpaired",
    /// A Follow_Up whose Sync never came.
    FollowUpUnpaired = "follow_up_unpaired",
    /// An event message without a receive stamp.
    RxStampMissing = "rx_stamp_missing",
    /// A sent event message whose transmit stamp never came.
    TxStampMissing = "tx_stamp_missing",
    /// A transmit stamp that nobody waits for any more.
    TxStampUnexpected = "tx_stamp_unexpected",
    /// A Delay_Resp to another slave.
    DelayRespForOther = "delay_resp_for_other",
    /// A Delay_Resp to none of the outstanding requests: a duplicate, or too late.
    DelayRespUnexpected = "delay_resp_unexpected",
    /// A Delay_Req that was never answered.
    DelayRespMissing = "delay_resp_missing",
    /// A Pdelay_Resp or its Follow_Up to another neighbour.
    PdelayRespForOther = "pdelay_resp_for_other",
    /// A Pdelay_Resp or its Follow_Up to none of the last requests, or once more: a duplicate, or too late.
    PdelayRespUnexpected = "pdelay_resp_unexpected",
    /// A Pdelay_Req that was never answered, or not completely.
    PdelayRespMissing = "pdelay_resp_missing",
    /// Two neighbours have answered one Pdelay_Req: nothing is measured for 16 s.
    PeerMultiple = "peer_multiple",
    /// The neighbour has not answered three Pdelay_Req in a row.
    NeighborLost = "neighbor_lost",
    /// The link would have taken longer than is allowed, or less than nothing.
    NeighborDelayRefused = "neighbor_delay_refused",
    /// The master's logMinDelayReqInterval was absurd and has been limited.
    DelayReqIntervalLimited = "delay_req_interval_limited",
    /// A unicast message, or one to all, of somebody who is not among the unicast masters, or says to be another than before.
    UnicastStranger = "unicast_stranger",
    /// A unicast master has sent or granted what it was not asked for.
    UnicastUnwanted = "unicast_unwanted",
    /// A TLV of a negotiation that means nothing.
    UnicastMalformed = "unicast_malformed",
    /// A unicast master has granted what it was asked for.
    UnicastGranted = "unicast_granted",
    /// A unicast master has refused it.
    UnicastDenied = "unicast_denied",
    /// A unicast master has cancelled what it had granted.
    UnicastCancelled = "unicast_cancelled",
    /// A contract with a unicast master has ended before it was renewed.
    UnicastExpired = "unicast_expired",
    /// A client was granted what it has asked for.
    UnicastServed = "unicast_served",
    /// A client was refused it: too often, the table is full, its address somebody else's, or the port is no master.
    UnicastRefused = "unicast_refused",
    /// A client's contract has ended.
    UnicastEnded = "unicast_ended",
    /// A client has cancelled its contract.
    UnicastLeft = "unicast_left",
    /// A unicast Delay_Req of somebody without a contract for the answer, where there are contracts.
    UnicastNoContract = "unicast_no_contract",
    /// A unicast master sends nothing any more of what it has granted.
    UnicastForgotten = "unicast_forgotten",
    /// A unicast master has failed: it refuses Sync or Delay_Resp, or grants them and sends nothing.
    UnicastUnfit = "unicast_unfit",
    /// The Announce of a master of ours stopped (PTSF-lossAnnounce).
    SignalLossAnnounce = "signal_loss_announce",
    /// The Sync or Delay_Resp of the master that is followed stopped (PTSF-lossSync).
    SignalLossSync = "signal_loss_sync",
    /// The delay of its Sync varies too much (PTSF-unusable).
    SignalUnusable = "signal_unusable",
    /// Its quality level became worse, which does not count yet.
    QualityLevelHeldOff = "quality_level_held_off",
    /// A master was asked for another Sync interval (IEEE 802.1AS).
    IntervalAsked = "interval_asked",
    /// What somebody has asked our intervals to be, they are, within the limits; or nothing was wanted of them.
    IntervalHeeded = "interval_heeded",
    /// Somebody has asked for other intervals who is not the neighbour, or of a port that is no master, or that Pdelay_Req be stopped.
    IntervalRefused = "interval_refused",
    /// An Announce of a quality level that is not to be followed (ITU-T G.8265.1).
    QualityLevelRefused = "quality_level_refused",
    /// Half a measurement was thrown away, because the clock was stepped or the parent changed.
    HalfFlushed = "half_flushed",
    /// A time that the wire cannot hold (before the epoch) was to be sent.
    TimeNotRepresentable = "time_not_representable",
    /// An Announce came to a port whose role is fixed.
    AnnounceUnwanted = "announce_unwanted",
    /// A Sync went out two-step though the card writes its time into it: that is not the time that is served.
    OneStepUnfit = "one_step_unfit",
}

const ALL: [Counter; PLAIN.len() + ParseError::ALL.len()] = {
    let mut all = [Counter::ReceivedAnnounce; PLAIN.len() + ParseError::ALL.len()];
    let mut i = 0;
    while i < all.len() {
        all[i] = if i < PLAIN.len() { PLAIN[i] } else { Counter::Malformed(ParseError::ALL[i - PLAIN.len()]) };
        i += 1;
    }
    all
};

const fn malformed(error: ParseError) -> &'static str {
    match error {
        ParseError::HeaderTruncated => "malformed_header_truncated",
        ParseError::Version => "malformed_version",
        ParseError::MessageType => "malformed_message_type",
        ParseError::MessageLengthBelowBody => "malformed_message_length_below_body",
        ParseError::MessageLengthAboveDatagram => "malformed_message_length_above_datagram",
        ParseError::Nanoseconds => "malformed_nanoseconds",
        ParseError::TlvTruncated => "malformed_tlv_truncated",
        ParseError::TlvLengthOdd => "malformed_tlv_length_odd",
    }
}

impl Counter {
    /// A message of this type was received.
    pub(super) const fn received(message_type: MessageType) -> Self {
        match message_type {
            MessageType::Announce => Self::ReceivedAnnounce,
            MessageType::Sync => Self::ReceivedSync,
            MessageType::FollowUp => Self::ReceivedFollowUp,
            MessageType::DelayReq => Self::ReceivedDelayReq,
            MessageType::DelayResp => Self::ReceivedDelayResp,
            MessageType::PdelayReq => Self::ReceivedPdelayReq,
            MessageType::PdelayResp => Self::ReceivedPdelayResp,
            MessageType::PdelayRespFollowUp => Self::ReceivedPdelayRespFollowUp,
            MessageType::Signaling => Self::ReceivedSignaling,
            MessageType::Management => Self::ReceivedOther,
        }
    }
}

/// Counts one.
pub(super) fn count(out: &mut impl Sink<Effect>, counter: Counter) {
    out.emit(Effect::Count(counter));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_counter_has_its_own_place_and_name() {
        let mut names = BTreeSet::new();
        for (place, counter) in Counter::ALL.iter().enumerate() {
            assert_eq!(counter.index(), place);
            assert!(names.insert(counter.name()), "{}", counter.name());
        }
        assert_eq!(Counter::ALL.len(), PLAIN.len() + ParseError::ALL.len());
    }

    #[test]
    fn every_parse_error_is_counted_under_its_own_name() {
        for error in ParseError::ALL {
            assert_eq!(Counter::Malformed(error).name(), format!("malformed_{}", error.name()));
        }
    }
}
