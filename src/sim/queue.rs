//! The events to come, by time and then by insertion.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::time::{Mono, Timestamp};

/// The most events that wait at once; a scenario of three nodes has some dozens.
pub const EVENTS_MAX: usize = 65_536;

/// [`EVENTS_MAX`] events wait: something makes events without end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

#[derive(Clone, Debug)]
struct Entry<E> {
    at: Timestamp<Mono>,
    number: u64,
    event: E,
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The greatest is the next: the heap gives the greatest first.
impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

/// Events at one instant come out in the order in which they went in.
#[derive(Clone, Debug)]
pub struct Queue<E> {
    heap: BinaryHeap<Entry<E>>,
    inserted: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), inserted: 0 }
    }
}

impl<E> Queue<E> {
    /// Something happens at `at`.
    ///
    /// # Errors
    /// [`Full`]; the event is dropped then.
    pub fn push(&mut self, at: Timestamp<Mono>, event: E) -> Result<(), Full> {
        if self.heap.len() >= EVENTS_MAX {
            return Err(Full);
        }
        self.heap.push(Entry { at, number: self.inserted, event });
        self.inserted += 1;
        Ok(())
    }

    /// How many events wait.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// The next event, if it is not later than `until`.
    pub fn pop(&mut self, until: Timestamp<Mono>) -> Option<(Timestamp<Mono>, E)> {
        if self.heap.peek()?.at > until {
            return None;
        }
        self.heap.pop().map(|entry| (entry.at, entry.event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_then_in_the_order_in_which_they_were_made() {
        let mut queue = Queue::default();
        for (second, name) in [(3, 'c'), (1, 'a'), (3, 'd'), (2, 'b')] {
            queue.push(Timestamp::from_secs(second), name).unwrap();
        }
        assert_eq!(queue.pop(Timestamp::from_secs(0)), None);
        let order: String = std::iter::from_fn(|| queue.pop(Timestamp::from_secs(9)).map(|(_, name)| name)).collect();
        assert_eq!(order, "abcd");
    }

    #[test]
    fn a_full_queue_says_so() {
        let mut queue = Queue::default();
        for _ in 0..EVENTS_MAX {
            queue.push(Timestamp::EPOCH, ()).unwrap();
        }
        assert_eq!(queue.push(Timestamp::EPOCH, ()), Err(Full));
    }
}
