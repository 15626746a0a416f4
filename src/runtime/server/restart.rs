//! A worker that has ended unasked is replaced.
//!
//! A worker has no reason to end but the latch. If it does all the same (a fault of ours, a socket that the kernel has broken) its core would go
//! unserved: the program that steers still gives that core's requests to a socket that nobody reads. So the control thread, which is woken by
//! the end, closes its sockets, has the others serve its core, and starts another worker with new sockets: at once, and if that does not live long
//! either, after a time that doubles. Those who ask notice a lost request at most.
//!
//! What it remembered of those who ask goes to the one in its place: who may ask how often, and when the answers of interleaved mode left. An entry
//! that contradicts itself is forgotten. If the heir does not live long, what it inherited may be what it died of: the next one begins with nothing.

use super::listen::Change;
use super::{Server, ServerNotice, worker_name};
use crate::engine::Recorder;
use crate::sharing::{Doorbell, Latch};
use crate::time::{Duration, Mono, Timestamp};

/// A worker that has lived so long is not held to be one that ends soon.
const STEADY_AFTER: Duration = Duration::from_secs(60);

/// The longest time until the next one is started is this many doublings of a second.
const DOUBLINGS_MAX: u32 = 6;

/// When the next worker of one place is started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comeback {
    started: Timestamp<Mono>,
    /// So many in a row have ended soon.
    in_a_row: u32,
    due: Option<Timestamp<Mono>>,
}

impl Comeback {
    /// The first one has been started.
    pub(super) fn new(now: Timestamp<Mono>) -> Self {
        Self { started: now, in_a_row: 0, due: None }
    }

    /// It has ended, or could not be started. Returns after what time the next one is due.
    pub(super) fn ended(&mut self, now: Timestamp<Mono>) -> Duration {
        if now - self.started >= STEADY_AFTER {
            self.in_a_row = 0;
        }
        let after = match self.in_a_row.checked_sub(1) {
            None => Duration::ZERO,
            Some(doublings) => Duration::SECOND.times(1 << doublings.min(DOUBLINGS_MAX)),
        };
        self.in_a_row += 1;
        self.due = Some(now + after);
        after
    }

    /// Whether the next one is due.
    pub(super) fn is_due(&self, now: Timestamp<Mono>) -> bool {
        self.due.is_some_and(|due| now >= due)
    }

    /// The next one has been started.
    pub(super) fn started(&mut self, now: Timestamp<Mono>) {
        (self.started, self.due) = (now, None);
    }
}

/// Held by a worker's thread, and let go of when it ends, however it does.
#[derive(Debug)]
pub(super) struct Farewell {
    pub(super) ended: Latch,
    /// Wakes the control thread.
    pub(super) bell: Option<Doorbell>,
}

impl Drop for Farewell {
    fn drop(&mut self) {
        self.ended.set();
        if let Some(bell) = &self.bell {
            bell.ring();
        }
    }
}

impl Server {
    /// Whether a worker has ended unasked: then [`Server::look_after_workers`] has something to do.
    pub fn has_lost_a_worker(&self) -> bool {
        !self.stop.is_set() && self.workers.iter().any(|worker| worker.thread.is_some() && worker.ended.is_set())
    }

    /// Replaces workers that have ended unasked: for the control thread, when it is woken and at least once a second. Until then, and until
    /// another one is due, the others serve the core of one that has. `recorders` as for [`Server::spawn_attended`]. [`Server::take_notices`] says
    /// what has happened.
    pub fn look_after_workers(&mut self, now: Timestamp<Mono>, recorders: &mut dyn FnMut(&str) -> Option<Recorder>) {
        // They are ending because they shall.
        if self.stop.is_set() {
            return;
        }
        for index in 0..self.workers.len() {
            let worker = &mut self.workers[index];
            if let Some(thread) = worker.thread.take_if(|_| worker.ended.is_set()) {
                // A panic was reported by the panic hook.
                let ended = thread.join().ok();
                let errno = ended.as_ref().and_then(|ended| ended.errno);
                let again_after = worker.comeback.ended(now);
                worker.left = ended.map(|ended| ended.memory).filter(|_| again_after == Duration::ZERO);
                self.retire(index);
                self.notices.push(ServerNotice::WorkerEnded { worker: index, errno, again_after });
            }
            if self.workers[index].thread.is_none() && self.workers[index].comeback.is_due(now) {
                self.restart(index, now, recorders);
            }
        }
    }

    /// So many workers were started in the place of one that had ended.
    pub fn restarts(&self) -> u64 {
        self.restarts
    }

    /// Closes the sockets of a worker that has ended: its requests go to the others.
    pub(super) fn retire(&mut self, index: usize) {
        let cores = self.cores();
        for group in &mut self.groups {
            group.leave(index);
            self.notices.extend(group.steer(&cores));
        }
        self.lend();
    }

    fn restart(&mut self, index: usize, now: Timestamp<Mono>, recorders: &mut dyn FnMut(&str) -> Option<Recorder>) {
        let old = &mut self.workers[index];
        let mut left = old.left.take();
        let forgotten = left.as_mut().map_or(0, |memory| memory.forget_damaged(now));
        let clients = left.as_ref().map_or(0, |memory| memory.clients.busiest(&mut []));
        let (core, figures, pulse, mut comeback) = (old.core, old.figures.clone(), old.pulse.clone(), old.comeback);
        match self.start_worker(index, core, figures, pulse, recorders(&worker_name(index)), left) {
            Ok(mut worker) => {
                comeback.started(now);
                worker.comeback = comeback;
                self.workers[index] = worker;
            }
            Err(error) => {
                self.workers[index].comeback.ended(now);
                self.notices.push(ServerNotice::Waiting(error));
                return;
            }
        }
        self.restarts += 1;
        let cores = self.cores();
        let mut failed = Vec::new();
        for group in &mut self.groups {
            match group.join(index) {
                Ok(notice) => self.notices.extend(notice.into_iter().chain(group.steer(&cores))),
                Err(error) => failed.push((group.address, error)),
            }
        }
        for group in &self.groups {
            if let Some((_, socket)) = group.sockets().find(|(worker, _)| *worker == index) {
                self.workers[index].tell(Change::Take(socket.clone()));
            }
        }
        self.lend();
        // It cannot be opened any more, as the interface has lost it: it is left by all, and taken again by all when it comes back.
        for (address, error) in failed {
            if let Some(index) = self.listening.iter().position(|one| *one == address) {
                self.leave(index);
            }
            if !self.following.gave_up(address) {
                self.missing.push((address, error.clone()));
            }
            self.notices.push(ServerNotice::Waiting(error));
        }
        self.notices.push(ServerNotice::WorkerReplaced { worker: index, clients, forgotten });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp<Mono> {
        Timestamp::from_secs(seconds)
    }

    #[test]
    fn the_next_worker_is_started_at_once_and_then_after_times_that_double() {
        let mut comeback = Comeback::new(at(0));
        assert!(!comeback.is_due(at(1_000)), "it runs");
        let mut now = at(1_000);
        let mut waits = Vec::new();
        for _ in 0..9 {
            let after = comeback.ended(now);
            assert!(comeback.is_due(now + after) && (after == Duration::ZERO || !comeback.is_due(now)));
            now = now + after;
            comeback.started(now);
            assert!(!comeback.is_due(at(1_000_000)));
            waits.push(after.as_nanos() / 1_000_000_000);
        }
        assert_eq!(waits, [0, 1, 2, 4, 8, 16, 32, 64, 64]);
        assert_eq!(comeback.ended(now + STEADY_AFTER), Duration::ZERO, "this one had lived long");
    }
}
