//! Questions of mode 6: a worker hands them over, the control thread answers.
//!
//! The status is the control thread's, and takes its time; the worker goes on meanwhile. Only this host is answered, where the answer may be longer
//! than the question: from another one it would be a gift to those who forge addresses.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Weak;

use crossbeam_channel::{Receiver, Sender, bounded};
use synchronome_kernel::socket::Received;

use crate::config::LISTEN_MAX;
use crate::sharing::{CounterSet, Counters, Doorbell};
use crate::wire::ntp::is_control;

/// Octets of the longest question: some names of variables, or the 576 that ntpstat sends.
const QUESTION_LENGTH_MAX: usize = 1024;
/// Questions that can wait; those who ask ask again.
const QUESTIONS_MAX: usize = 8;

/// What became of questions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QuestionCounter {
    /// Answered, if only by what is wrong with it.
    Answered,
    /// More waited already than can.
    Full,
    /// Longer than any question is.
    TooLong,
    /// Of mode 6, but no question: an answer, or cut off.
    Malformed,
    /// The kernel did not take the answer, or the address that was asked has gone meanwhile.
    SendFailed,
}

impl CounterSet for QuestionCounter {
    const ALL: &'static [Self] = &[Self::Answered, Self::Full, Self::TooLong, Self::Malformed, Self::SendFailed];

    fn index(self) -> usize {
        self as usize
    }

    fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Full => "full",
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::SendFailed => "send_failed",
        }
    }
}

/// A question as it came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    octets: [u8; QUESTION_LENGTH_MAX],
    length: usize,
    from: SocketAddr,
    /// The place of the address that was asked among those that are served.
    place: usize,
}

/// A worker's end.
#[derive(Clone, Debug)]
pub(super) struct Asking {
    questions: Sender<Question>,
    bell: Doorbell,
    counts: Counters<QuestionCounter>,
}

impl Asking {
    /// Whether a datagram is such a question, from this host; it is handed over then, or counted.
    pub(super) fn takes(&self, received: &Received<'_>, place: usize) -> bool {
        if !is_control(received.data) || !received.from.ip().is_loopback() {
            return false;
        }
        if received.truncated || received.data.len() > QUESTION_LENGTH_MAX {
            self.counts.count(QuestionCounter::TooLong);
            return true;
        }
        let mut octets = [0; QUESTION_LENGTH_MAX];
        octets[..received.data.len()].copy_from_slice(received.data);
        let question = Question { octets, length: received.data.len(), from: received.from, place };
        // Full: it was asked more than can be answered, and is asked again.
        if self.questions.try_send(question).is_ok() {
            self.bell.ring();
        } else {
            self.counts.count(QuestionCounter::Full);
        }
        true
    }
}

/// The control thread's end.
#[derive(Debug)]
pub(super) struct Answering {
    questions: Receiver<Question>,
    /// A worker's socket of each address that is served, by its place.
    sockets: [Weak<UdpSocket>; LISTEN_MAX],
    counts: Counters<QuestionCounter>,
}

impl Answering {
    /// Both ends; `bell` wakes the control thread.
    pub(super) fn pair(bell: Doorbell) -> (Asking, Self) {
        let (questions, asked) = bounded(QUESTIONS_MAX);
        let counts = Counters::default();
        let asking = Asking { questions, bell, counts: counts.clone() };
        (asking, Self { questions: asked, sockets: Default::default(), counts })
    }

    /// One more address is served, where there was none or one that is served no more.
    pub(super) fn set(&mut self, place: usize, socket: Weak<UdpSocket>) {
        self.sockets[place] = socket;
    }

    /// What became of questions so far.
    pub(super) fn counts(&self) -> &Counters<QuestionCounter> {
        &self.counts
    }

    pub(super) fn is_asked(&self) -> bool {
        !self.questions.is_empty()
    }

    /// Answers all that waits, by what `answers` makes of a question.
    pub(super) fn answer(&self, mut answers: impl FnMut(&[u8]) -> Vec<Vec<u8>>) {
        for question in self.questions.try_iter().take(QUESTIONS_MAX) {
            let datagrams = answers(&question.octets[..question.length]);
            // The address may have gone meanwhile, and whoever asked too.
            let socket = self.sockets[question.place].upgrade();
            let is_sent = |datagram: &Vec<u8>| {
                socket.as_ref().is_some_and(|socket| socket.send_to(datagram, question.from).is_ok())
            };
            self.counts.count(match &datagrams[..] {
                [] => QuestionCounter::Malformed,
                all if all.iter().all(is_sent) => QuestionCounter::Answered,
                _ => QuestionCounter::SendFailed,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::runtime::wake::Sleeper;

    /// `ntpq -c rv`.
    const QUESTION: [u8; 12] = [0x16, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];

    fn received<'a>(data: &'a [u8], from: &str) -> Received<'a> {
        Received {
            data,
            from: from.parse().expect("an address"),
            local: None,
            destination: None,
            interface_index: None,
            truncated: false,
            origin: None,
            software: None,
            hardware: None,
        }
    }

    #[test]
    fn each_question_is_counted_as_answered_or_by_why_it_was_not() {
        let sleeper = Sleeper::new().expect("a doorbell");
        let (asking, mut answering) = Answering::pair(sleeper.doorbell());
        let client = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let from = client.local_addr().expect("its address").to_string();
        assert!(!asking.takes(&received(&[0x23; 48], &from), 0), "a request of the time");
        assert!(!asking.takes(&received(&QUESTION, "192.0.2.1:40000"), 0), "another host's: it is dropped elsewhere");
        assert!(asking.takes(&received(&[0x16; QUESTION_LENGTH_MAX + 1], &from), 0));
        for place in [0, 0, 1] {
            assert!(asking.takes(&received(&QUESTION, &from), place));
        }
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").expect("a socket"));
        answering.set(0, Arc::downgrade(&socket));
        let mut texts = vec![vec![b"late".to_vec()], Vec::new(), vec![b"known".to_vec()]];
        answering.answer(|question| {
            assert_eq!(question, QUESTION);
            texts.pop().expect("three questions")
        });
        let mut octets = [0; 8];
        assert_eq!(client.recv(&mut octets).map(|length| octets[..length].to_vec()).ok(), Some(b"known".to_vec()));
        for _ in 0..=QUESTIONS_MAX {
            assert!(asking.takes(&received(&QUESTION, &from), 0));
        }
        let counted: Vec<_> = answering.counts().iter().map(|(kind, n)| (kind.name(), n)).collect();
        assert_eq!(counted, [("answered", 1), ("full", 1), ("too_long", 1), ("malformed", 1), ("send_failed", 1)]);
    }
}
