//! A server's name: when it is looked up, and which of the addresses behind it is asked.
//!
//! It is looked up while there is no address, again when the server has not answered for a while or has refused us, and soon again, at times that double, when that was in
//! vain: because nobody can be asked for names, or because all addresses behind it are asked already. An address that there is stays until there is another one.

use super::ClientState;
use crate::time::{Duration, Mono, Timestamp};

/// A server that has not answered for so long is looked up again.
pub const LOOK_UP_AGAIN: Duration = Duration::from_secs(64);
/// The first wait after a name was looked up in vain; it doubles,
const RETRY_FIRST: Duration = Duration::from_secs(2);
/// up to this.
pub const RETRY_MAX: Duration = Duration::from_secs(64);

/// See the module's text. Whoever asks the server knows its address.
#[derive(Clone, Copy, Debug)]
pub struct Name {
    /// When it was looked up, or has answered, last.
    settled_at: Timestamp<Mono>,
    look_up_at: Timestamp<Mono>,
    retry_after: Duration,
    is_looking_up: bool,
    left_over: Option<u8>,
}

impl Name {
    /// It is to be looked up at once.
    pub fn new(now: Timestamp<Mono>) -> Self {
        let (settled_at, look_up_at, retry_after) = (now, now, RETRY_FIRST);
        Self { settled_at, look_up_at, retry_after, is_looking_up: false, left_over: None }
    }

    /// The server has said something.
    pub fn answered(&mut self, now: Timestamp<Mono>) {
        self.settled_at = now;
    }

    /// Whether it is being looked up.
    pub const fn is_looking_up(&self) -> bool {
        self.is_looking_up
    }

    /// Not before this it is looked up again.
    pub const fn look_up_at(&self) -> Timestamp<Mono> {
        self.look_up_at
    }

    /// So many addresses are behind it, and all of them are asked by others.
    pub const fn left_over(&self) -> Option<u8> {
        self.left_over
    }

    /// Whether it is to be looked up now, by what became of the server at the `address` that there is.
    pub fn wants_lookup(&self, now: Timestamp<Mono>, has_address: bool, state: ClientState) -> bool {
        let is_lost = state != ClientState::Reachable && now - self.settled_at >= LOOK_UP_AGAIN;
        let is_needed = !has_address || is_lost || state == ClientState::Denied;
        is_needed && !self.is_looking_up && now >= self.look_up_at
    }

    /// Somebody is asked for it.
    pub fn looks_up(&mut self) {
        self.is_looking_up = true;
    }

    /// The addresses behind it, or `None`; `taken` are asked already, `present` among them. Returns another one that is to be asked from now on.
    pub fn found<A: Copy + PartialEq>(
        &mut self,
        now: Timestamp<Mono>,
        found: Option<&[A]>,
        taken: &[A],
        present: Option<A>,
    ) -> Option<A> {
        self.is_looking_up = false;
        let free = found.into_iter().flatten().find(|address| !taken.contains(address)).copied();
        let is_left_over = |addresses: &&[A]| free.is_none() && present.is_none() && !addresses.is_empty();
        self.left_over = found.filter(is_left_over).map(|addresses| addresses.len() as u8);
        let is_in_vain = found.is_none() || self.left_over.is_some();
        self.retry_after = if is_in_vain { self.retry_after.times(2).min(RETRY_MAX) } else { RETRY_FIRST };
        self.look_up_at = now + self.retry_after;
        if found.is_some() {
            self.settled_at = now;
        }
        free.filter(|address| Some(*address) != present)
    }
}
