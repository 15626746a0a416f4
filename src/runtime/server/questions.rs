//! Questions of mode 6: a worker hands them over, the control thread answers.
//!
//! The status is the control thread's, and takes its time; the worker goes on meanwhile. Only this host is answered, where the answer may be longer
//! than the question: from another one it would be a gift to those who forge addresses.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Weak;

use crossbeam_channel::{Receiver, Sender, bounded};
use synchronome_kernel::socket::Received;

use crate::config::LISTEN_MAX;
use crate::sharing::Doorbell;
use crate::wire::ntp::is_control;

/// Octets of the longest question: some names of variables, or the 576 that ntpstat sends.
const QUESTION_LENGTH_MAX: usize = 1024;
/// Questions that can wait; those who ask ask again.
const QUESTIONS_MAX: usize = 8;

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
}

impl Asking {
    /// Whether a datagram is such a question; it is handed over then, if there is room.
    pub(super) fn takes(&self, received: &Received<'_>, place: usize) -> bool {
        let is_meant = is_control(received.data) && received.from.ip().is_loopback() && !received.truncated;
        if !is_meant || received.data.len() > QUESTION_LENGTH_MAX {
            return false;
        }
        let mut octets = [0; QUESTION_LENGTH_MAX];
        octets[..received.data.len()].copy_from_slice(received.data);
        let question = Question { octets, length: received.data.len(), from: received.from, place };
        // Full: it was asked more than can be answered, and is asked again.
        if self.questions.try_send(question).is_ok() {
            self.bell.ring();
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
}

impl Answering {
    /// Both ends; `bell` wakes the control thread.
    pub(super) fn pair(bell: Doorbell) -> (Asking, Self) {
        let (questions, asked) = bounded(QUESTIONS_MAX);
        (Asking { questions, bell }, Self { questions: asked, sockets: Default::default() })
    }

    /// One more address is served, where there was none or one that is served no more.
    pub(super) fn set(&mut self, place: usize, socket: Weak<UdpSocket>) {
        self.sockets[place] = socket;
    }

    pub(super) fn is_asked(&self) -> bool {
        !self.questions.is_empty()
    }

    /// Answers all that waits, by what `answers` makes of a question.
    pub(super) fn answer(&self, mut answers: impl FnMut(&[u8]) -> Vec<Vec<u8>>) {
        for question in self.questions.try_iter().take(QUESTIONS_MAX) {
            let Some(socket) = self.sockets[question.place].upgrade() else { continue };
            for datagram in answers(&question.octets[..question.length]) {
                // Whoever asked may have gone.
                let _ = socket.send_to(&datagram, question.from);
            }
        }
    }
}
