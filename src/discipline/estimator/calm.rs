//! Whether a request now and then is enough.
//!
//! Once the base delay is known a request tells the offset no better than a message of the master's does. Where both oscillator and
//! network are quiet the offset is known to less than stamps resolve, and more requests would improve it by a part of that; each of them
//! is sent, stamped, answered and taken in by two machines.
//!
//! They are asked for to see that the path stays what it was. A change at once is the [watch](super::watch)'s to see. One that creeps is
//! not seen there, and a base delay that was learnt from many messages follows it slowly. Of as many messages one way as the other
//! each two cancel what the delay is wrong by; of four to one they do not. But then those of one way come later than
//! foretold, and those of the other do not: so what both are late by on average is compared.
//!
//! Nor is each Sync used then, where there are more than five a second: [`Bank::is_as_foretold`](super::Bank::is_as_foretold).
//!
//! At the first sign of anything all requests and Syncs are wanted again, and for as long as it took to become calm at the beginning.

use super::member::Direction;
use crate::coding::Coded;

/// So many messages without anything unusual make a calm.
const MESSAGES: u32 = 256;
/// What the messages of a way are late by is the mean of about so many.
const MEAN_OF: f64 = 32.0;
/// It is calm where the offset is as sure as this part of what stamps resolve (one standard deviation), by a restless oscillator it never is,
const SURE: f64 = 0.25;
/// and where what the ways differ by is no more than this part of it.
const ALIKE: f64 = 0.5;
/// It goes on until the offset is so many times less sure: of the messages that made it so sure fewer are asked for and used in a calm,
const LESS_SURE: f64 = 2.0;
/// and until the ways differ by so many times as much.
const LESS_ALIKE: f64 = 1.5;

/// See the module's text.
#[derive(Clone, Copy, Default, Debug, Coded)]
pub struct Calm {
    /// What messages of each way were later by than foretold, on average (s).
    late: [f64; 2],
    /// How many came since something unusual.
    messages: u32,
    lasts: bool,
}

impl Calm {
    /// A message that was used came `late` (s) after what was foretold; `deviation` (s) is how sure the offset is with it.
    pub fn note(&mut self, direction: Direction, late: f64, deviation: f64, resolution: f64) {
        let mean = &mut self.late[direction.index()];
        *mean += (late - *mean) * (1.0 / MEAN_OF);
        self.messages = self.messages.saturating_add(1);
        let differ = (self.late[0] - self.late[1]).abs();
        let (less_sure, less_alike) = if self.lasts { (LESS_SURE, LESS_ALIKE) } else { (1.0, 1.0) };
        let (is_sure, are_alike) = (SURE * less_sure * resolution, ALIKE * less_alike * resolution);
        self.lasts = self.messages >= MESSAGES && deviation <= is_sure && differ <= are_alike;
    }

    /// Something changed, or may have.
    pub fn disturb(&mut self) {
        *self = Self::default();
    }

    /// Whether requests may be rare, and not each Sync be used.
    pub fn is_calm(&self) -> bool {
        self.lasts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESOLUTION: f64 = 1e-9;

    /// So many exchanges by which the offset is known to `deviation` and the ways are late by these.
    fn hear(calm: &mut Calm, exchanges: u32, late: [f64; 2], deviation: f64) {
        for _ in 0..exchanges {
            calm.note(Direction::Forward, late[0], deviation, RESOLUTION);
            calm.note(Direction::Backward, late[1], deviation, RESOLUTION);
        }
    }

    #[test]
    fn calm_needs_many_messages_without_anything_unusual() {
        let mut calm = Calm::default();
        hear(&mut calm, MESSAGES / 2 - 1, [5e-9, 5e-9], 2e-10);
        assert!(!calm.is_calm());
        hear(&mut calm, 1, [5e-9, 5e-9], 2e-10);
        assert!(calm.is_calm(), "a tail is late both ways");
        calm.disturb();
        assert!(!calm.is_calm());
        hear(&mut calm, MESSAGES / 2 - 1, [0.0; 2], 2e-10);
        assert!(!calm.is_calm());
    }

    #[test]
    fn an_offset_that_stamps_could_tell_better_is_asked_for() {
        let mut calm = Calm::default();
        hear(&mut calm, 2 * MESSAGES, [0.0; 2], 0.3e-9);
        assert!(!calm.is_calm());
        hear(&mut calm, 1, [0.0; 2], 0.24e-9);
        assert!(calm.is_calm());
        // Rarer requests alone do not end it.
        hear(&mut calm, 1, [0.0; 2], 0.49e-9);
        assert!(calm.is_calm());
        hear(&mut calm, 1, [0.0; 2], 0.51e-9);
        assert!(!calm.is_calm());
    }

    #[test]
    fn a_delay_that_creeps_ends_it() {
        let mut calm = Calm::default();
        hear(&mut calm, MESSAGES, [0.0; 2], 2e-10);
        assert!(calm.is_calm());
        hear(&mut calm, 4 * MEAN_OF as u32, [0.4e-9, 1.1e-9], 2e-10);
        assert!(calm.is_calm());
        hear(&mut calm, 4 * MEAN_OF as u32, [0.4e-9, 1.4e-9], 2e-10);
        assert!(!calm.is_calm());
    }
}
