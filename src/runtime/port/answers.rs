//! Answers to Delay_Req that are all alike, without the way of all other messages.
//!
//! Of a master that is asked by thousands nearly all that comes is a Delay_Req, and nearly all that it sends the answer to one. What a
//! step of the engine makes of such a request depends on the message and its stamp alone, and changes nothing. So it is asked for the
//! answer itself, which waits in a row with the others of its batch and goes to the kernel from there; what they count is counted for all of
//! them at once. Everything else, and all while somebody records the steps, goes the long way.

use super::{PortLoop, PtpEngine, Told, remember};
use crate::net::{Arrived, BATCH, Undelivered};
use crate::ptp::{Channel, Counter, PlainAnswer};
use crate::time::{Mono, Timestamp};
use crate::wire::ptp::DELAY_RESP_LENGTH;

/// The answers of one batch.
pub(super) struct Answers {
    waiting: Box<[PlainAnswer]>,
    len: usize,
    /// Nobody records the steps, as was looked at when the round began.
    pub are_open: bool,
    /// All messages that were read since this was last set to true were taken here.
    pub were_all: bool,
}

impl Default for Answers {
    fn default() -> Self {
        let none = PlainAnswer { octets: [0; DELAY_RESP_LENGTH], to: None };
        Self { waiting: vec![none; BATCH].into(), len: 0, are_open: false, were_all: true }
    }
}

impl Answers {
    /// Takes the answer to this message, if it is one of those; otherwise it is for a step.
    pub fn take(&mut self, arrived: &Arrived<'_>, engine: &impl PtpEngine) -> bool {
        let Arrived { bytes, channel, stamp, from } = *arrived;
        let Some(place) = self.waiting.get_mut(self.len).filter(|_| channel == Channel::Event) else { return false };
        let Some(answer) = engine.plain_answer(bytes, stamp, from) else { return false };
        *place = answer;
        self.len += 1;
        true
    }
}

impl<E: PtpEngine> PortLoop<E> {
    /// Sends the answers that wait; what became of those that failed is still to be told.
    pub(super) fn send_answers(&mut self, now: Timestamp<Mono>) {
        let answers = &self.answers.waiting[..std::mem::take(&mut self.answers.len)];
        if answers.is_empty() {
            return;
        }
        let counters = &self.outlet.links.counters;
        counters.add(Counter::ReceivedDelayReq, answers.len() as u64);
        counters.add(Counter::SentDelayResp, answers.len() as u64);
        let (pending, len, mut failed) = (&mut self.pending, &mut self.pending_len, None);
        self.sockets.send_answers(answers, |undelivered| {
            if let Undelivered::Failed { errno, .. } = undelivered {
                failed = Some(errno);
                remember(pending, len, Told::SendFailed(None));
            }
        });
        self.tell_of_failure(now, failed);
    }
}
