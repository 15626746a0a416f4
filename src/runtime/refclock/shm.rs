//! A segment of shared memory, as gpsd and ntpd write it.
//!
//! It is attached read-only: for the units that only root may write (0 and 1, by gpsd's habit) the right to read is enough, and nobody
//! else's reader is disturbed. Who writes makes the segment; until he has, it is waited for.

use std::io;

use synchronome_kernel::page::Page;

use super::{Driver, Taken, sample_of};
use crate::clock::HostClock;
use crate::refclock::ClockCounter;
use crate::time::{Duration, Mono, Timestamp};
use crate::wire::refclock::shm::{KEY, Mark, SIZE, is_torn, is_valid, mark, parse};

/// A segment in which nothing happens for so long may be one that its writer has left for a new one: it is attached anew.
const ATTACH_AGAIN: Duration = Duration::from_secs(16);

#[derive(Debug)]
pub(super) struct Shm {
    page: Page,
    unit: u8,
    /// The latest sample.
    mark: Mark,
    fresh_at: Timestamp<Mono>,
}

impl Shm {
    pub fn attach(unit: u8) -> io::Result<Self> {
        let page = Page::attach(KEY + i32::from(unit), SIZE)?;
        // What is there already was written at an unknown time, perhaps years ago.
        let mark = mark(&page.copy());
        Ok(Self { page, unit, mark, fresh_at: HostClock.mono() })
    }
}

impl Driver for Shm {
    fn read(&mut self, take: &mut dyn FnMut(Taken)) -> io::Result<()> {
        let (first, second) = (self.page.copy::<SIZE>(), self.page.copy::<SIZE>());
        if is_torn(&first, &second) {
            // The next look finds it whole.
            take(Err(ClockCounter::Torn));
            return Ok(());
        }
        let now = HostClock.mono();
        let found = mark(&first);
        if found == self.mark || !is_valid(&first) {
            if now - self.fresh_at >= ATTACH_AGAIN {
                let mark = self.mark;
                *self = Self { mark, ..Self::attach(self.unit)? };
            }
            return Ok(());
        }
        self.mark = found;
        self.fresh_at = now;
        take(parse(&first).map(|written| sample_of(&written)).map_err(ClockCounter::from));
        Ok(())
    }
}
