//! Outstanding Delay_Req, and when to send the next one (IEEE 1588-2019 9.5.11.2, 11.3).
//!
//! Of each request two things are awaited: its transmit stamp t3 from our own kernel, and the Delay_Resp with t4 from the
//! master. Either may come first, either may be late, either may never come; a master in the same room is often faster
//! than the stamp. So several requests may be outstanding, each keeps the half that came, and the second half completes
//! it. What never comes costs its own exchange and nothing else.

use super::counters::{Counter, count};
use super::{Effect, TxToken};
use crate::coding::Coded;
use crate::engine::{Random, Sink};
use crate::time::{Duration, Local, LogInterval, Mono, Stamp, Timestamp};

/// Requests that may be outstanding; the oldest gives way.
pub const DELAY_OUTSTANDING_MAX: usize = 32;

/// How long a request stays outstanding.
const OUTSTANDING_AGE_MAX: Duration = Duration::from_secs(5);

/// The longest mean spacing that a master can make us keep: 256 s. A wrong or forged 2^22 would stop the measurement for
/// good, since its correction could only come in the answer to the next request.
pub const LOG_DELAY_REQ_INTERVAL_MAX: LogInterval = LogInterval::new(8);

/// t3 and t4 of one Delay_Req.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct DelayExchange {
    pub sequence_id: u16,
    /// t3.
    pub departed: Stamp,
    /// t4 and the correctionField of the Delay_Resp.
    pub answer: Answer,
}

/// What a Delay_Resp says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Coded)]
pub(super) struct Answer {
    /// t4: receiveTimestamp.
    pub arrived: Timestamp<Local>,
    /// correctionField: residence times on the way there, our delayAsymmetry, less the part of t4 below a nanosecond.
    pub correction: Duration,
}

#[derive(Clone, Copy, Debug, Coded)]
struct Outstanding {
    sequence_id: u16,
    token: TxToken,
    since: Timestamp<Mono>,
    departed: Option<Stamp>,
    answer: Option<Answer>,
}

impl Outstanding {
    fn exchange(&self) -> Option<DelayExchange> {
        let (departed, answer) = (self.departed?, self.answer?);
        Some(DelayExchange { sequence_id: self.sequence_id, departed, answer })
    }

    /// What to count if it is given up.
    const fn missing(&self) -> Counter {
        if self.answer.is_none() { Counter::DelayRespMissing } else { Counter::TxStampMissing }
    }
}

/// What became of a Delay_Resp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answered {
    /// It answers none of the outstanding requests, or one that was answered before.
    Unexpected,
    /// It does; the transmit stamp is still awaited.
    Waiting,
    /// It completes its exchange.
    Complete(DelayExchange),
}

/// The requests that are outstanding, and the sequenceId of the next one.
#[derive(Clone, Debug, Coded)]
pub(super) struct DelayRequests {
    table: [Option<Outstanding>; DELAY_OUTSTANDING_MAX],
    next_sequence_id: u16,
}

impl DelayRequests {
    /// None outstanding; the next one gets this sequenceId.
    pub const fn new(next_sequence_id: u16) -> Self {
        Self { table: [None; DELAY_OUTSTANDING_MAX], next_sequence_id }
    }

    /// A request is about to be sent; returns its sequenceId.
    pub fn open(&mut self, now: Timestamp<Mono>, token: TxToken, out: &mut impl Sink<Effect>) -> u16 {
        let place = self.free_place(now, out);
        let sequence_id = self.next_sequence_id;
        self.next_sequence_id = sequence_id.wrapping_add(1);
        self.table[place] = Some(Outstanding { sequence_id, token, since: now, departed: None, answer: None });
        sequence_id
    }

    /// Gives up what is too old, and the oldest if there is no room then.
    fn free_place(&mut self, now: Timestamp<Mono>, out: &mut impl Sink<Effect>) -> usize {
        let is_old = |outstanding: &mut Outstanding| now - outstanding.since > OUTSTANDING_AGE_MAX;
        for outstanding in self.table.iter_mut().filter_map(|place| place.take_if(is_old)) {
            count(out, outstanding.missing());
        }
        self.table.iter().position(Option::is_none).unwrap_or_else(|| {
            let age = |index: &usize| self.table[*index].map(|outstanding| outstanding.since);
            let oldest = (0..DELAY_OUTSTANDING_MAX).min_by_key(age).unwrap_or(0);
            if let Some(outstanding) = self.table[oldest].take() {
                count(out, outstanding.missing());
            }
            oldest
        })
    }

    /// The transmit stamp of a request has come, or never will.
    pub fn departed(
        &mut self,
        token: TxToken,
        stamp: Option<Stamp>,
        out: &mut impl Sink<Effect>,
    ) -> Option<DelayExchange> {
        let Some(place) = self.table.iter_mut().find(|p| p.is_some_and(|o| o.token == token)) else {
            count(out, if stamp.is_some() { Counter::TxStampUnexpected } else { Counter::TxStampMissing });
            return None;
        };
        if stamp.is_none() {
            *place = None;
            count(out, Counter::TxStampMissing);
            return None;
        }
        let outstanding = place.as_mut()?;
        outstanding.departed = stamp;
        let exchange = outstanding.exchange();
        place.take_if(|_| exchange.is_some());
        exchange
    }

    /// A Delay_Resp of our parent to us.
    pub fn answered(&mut self, sequence_id: u16, answer: Answer) -> Answered {
        let asked = |o: &Outstanding| o.sequence_id == sequence_id && o.answer.is_none();
        let Some(place) = self.table.iter_mut().find(|p| p.as_ref().is_some_and(asked)) else {
            return Answered::Unexpected;
        };
        let Some(outstanding) = place.as_mut() else { return Answered::Unexpected };
        outstanding.answer = Some(answer);
        match outstanding.exchange() {
            Some(exchange) => {
                *place = None;
                Answered::Complete(exchange)
            }
            None => Answered::Waiting,
        }
    }

    /// A request did not get out.
    pub fn abandon(&mut self, token: TxToken) {
        for place in &mut self.table {
            place.take_if(|o| o.token == token);
        }
    }

    /// Throws all requests away.
    pub fn flush(&mut self, out: &mut impl Sink<Effect>) {
        for place in &mut self.table {
            if place.take().is_some() {
                count(out, Counter::HalfFlushed);
            }
        }
    }
}

/// The time to the next Delay_Req: uniform in 0 to 2 * 2^n, so with a mean of 2^n, drawn anew each time (9.5.11.2). At most
/// [`LOG_DELAY_REQ_INTERVAL_MAX`].
///
/// A fixed period would let the slaves of one master fall into step, and all ask at once.
pub(super) fn spacing(mean: LogInterval, random: &mut Random) -> Duration {
    let limit = mean.min(LOG_DELAY_REQ_INTERVAL_MAX).duration().times(2).ticks();
    Duration::from_ticks(i128::from(random.below(limit as u64)))
}

/// What we make of the logMinDelayReqInterval in a Delay_Resp: `None` if it is not stated (0x7F, unicast), else the
/// interval that we keep to and whether it had to be limited.
pub(super) fn honoured(stated: LogInterval) -> Option<(LogInterval, bool)> {
    let limited = stated.clamped()?.min(LOG_DELAY_REQ_INTERVAL_MAX);
    Some((limited, limited != stated))
}

#[cfg(test)]
mod tests;
