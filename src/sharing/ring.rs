//! A bounded queue from one thread to one other, with a doorbell for a consumer that sleeps.
//!
//! The queue itself is `rtrb` (wait-free, made for audio threads). What it lacks is the way to wake a consumer that
//! sleeps in `ppoll`. An eventfd written on every push would cost a system call each; so the consumer says that it is
//! about to sleep, looks once more, and only then sleeps, and the producer rings only when that was said:
//!
//! ```text
//! consumer: asleep = true; fence; ring empty? -> ppoll(eventfd) ; asleep = false
//! producer: push;           fence; asleep?     -> write(eventfd)
//! ```
//!
//! Both fences are sequentially consistent, so at least one side sees the other: no wake-up is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

/// What can wake a sleeping thread: an eventfd in the daemon, nothing in the simulator.
pub trait Wake: Send + Sync {
    /// Wakes the thread; must not block or fail visibly.
    fn wake(&self);
}

struct Bell {
    asleep: AtomicBool,
    wake: Box<dyn Wake>,
    rings: AtomicU64,
}

/// Wakes one consumer thread; shared by all the rings that this thread reads.
#[derive(Clone)]
pub struct Doorbell(Arc<Bell>);

impl Doorbell {
    /// A doorbell that wakes by `wake`.
    pub fn new(wake: impl Wake + 'static) -> Self {
        Self(Arc::new(Bell { asleep: AtomicBool::new(false), wake: Box::new(wake), rings: AtomicU64::new(0) }))
    }

    /// The consumer is about to sleep. It must look at its rings once more after this, before it does.
    pub fn going_to_sleep(&self) {
        self.0.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// The consumer is awake again.
    pub fn awake(&self) {
        self.0.asleep.store(false, Ordering::Relaxed);
    }

    /// Rings if the consumer sleeps; called by producers after a push.
    pub fn ring(&self) {
        fence(Ordering::SeqCst);
        if self.0.asleep.load(Ordering::Relaxed) && self.0.asleep.swap(false, Ordering::Relaxed) {
            self.0.rings.fetch_add(1, Ordering::Relaxed);
            self.0.wake.wake();
        }
    }

    /// How often it was rung.
    pub fn rings(&self) -> u64 {
        self.0.rings.load(Ordering::Relaxed)
    }
}

impl std::fmt::Debug for Doorbell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Doorbell").field("rings", &self.rings()).finish_non_exhaustive()
    }
}

/// Makes the two ends of a ring.
#[derive(Debug)]
pub struct Ring;

impl Ring {
    /// A ring with room for `capacity` elements, whose consumer is woken by `doorbell`.
    pub fn with_capacity<T>(capacity: usize, doorbell: Doorbell) -> (RingWriter<T>, RingReader<T>) {
        let (producer, consumer) = rtrb::RingBuffer::new(capacity);
        let dropped = Arc::new(AtomicU64::new(0));
        (RingWriter { producer, doorbell, dropped: Arc::clone(&dropped) }, RingReader { consumer, dropped })
    }
}

/// The producer's end.
#[derive(Debug)]
pub struct RingWriter<T> {
    producer: rtrb::Producer<T>,
    doorbell: Doorbell,
    dropped: Arc<AtomicU64>,
}

impl<T> RingWriter<T> {
    /// Appends an element; a full ring drops it and counts it. Never waits.
    pub fn push(&mut self, element: T) -> bool {
        let taken = self.push_quietly(element);
        self.doorbell.ring();
        taken
    }

    /// As [`RingWriter::push`] without ringing: for what may wait until the consumer wakes for something else.
    pub fn push_quietly(&mut self, element: T) -> bool {
        let taken = self.producer.push(element).is_ok();
        if !taken {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }
}

/// The consumer's end.
#[derive(Debug)]
pub struct RingReader<T> {
    consumer: rtrb::Consumer<T>,
    dropped: Arc<AtomicU64>,
}

impl<T> RingReader<T> {
    /// The oldest element, if there is one.
    pub fn pop(&mut self) -> Option<T> {
        self.consumer.pop().ok()
    }

    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.consumer.is_empty()
    }

    /// How many elements a full ring has dropped so far.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// The same, for a thread that has neither end.
    pub fn drops(&self) -> Drops {
        Drops(Arc::clone(&self.dropped))
    }
}

/// Counts what a ring has dropped, seen from a third thread.
#[derive(Clone, Debug)]
pub struct Drops(pub(super) Arc<AtomicU64>);

impl Drops {
    /// How many elements so far.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc;

    struct Count(Arc<AtomicUsize>);
    impl Wake for Count {
        fn wake(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn the_bell_rings_only_for_a_sleeper_and_only_once() {
        let rung = Arc::new(AtomicUsize::new(0));
        let bell = Doorbell::new(Count(Arc::clone(&rung)));
        let (mut writer, mut reader) = Ring::with_capacity(4, bell.clone());
        writer.push(1);
        assert_eq!(rung.load(Ordering::Relaxed), 0);
        bell.going_to_sleep();
        writer.push(2);
        writer.push(3);
        assert_eq!(rung.load(Ordering::Relaxed), 1);
        assert_eq!((reader.pop(), reader.pop(), reader.pop(), reader.pop()), (Some(1), Some(2), Some(3), None));
    }

    #[test]
    fn what_is_pushed_quietly_is_there_and_wakes_nobody() {
        let rung = Arc::new(AtomicUsize::new(0));
        let bell = Doorbell::new(Count(Arc::clone(&rung)));
        let (mut writer, mut reader) = Ring::with_capacity(4, bell.clone());
        bell.going_to_sleep();
        assert!(writer.push_quietly(1));
        assert_eq!(rung.load(Ordering::Relaxed), 0);
        assert!(writer.push(2));
        assert_eq!((rung.load(Ordering::Relaxed), reader.pop(), reader.pop()), (1, Some(1), Some(2)));
    }

    #[test]
    fn a_full_ring_drops_the_newest_and_counts() {
        let bell = Doorbell::new(Count(Arc::default()));
        let (mut writer, mut reader) = Ring::with_capacity(2, bell);
        assert!(writer.push(1) && writer.push(2) && !writer.push(3));
        assert_eq!((reader.dropped(), reader.drops().count()), (1, 1));
        assert_eq!(reader.pop(), Some(1));
    }

    const COUNT: u64 = 50_000;

    struct Channel(mpsc::Sender<()>);
    impl Wake for Channel {
        fn wake(&self) {
            let _ = self.0.send(());
        }
    }

    #[test]
    fn no_wake_up_is_lost_between_two_threads() {
        let (wake, woken) = mpsc::channel();
        let bell = Doorbell::new(Channel(wake));
        let (mut writer, mut reader) = Ring::with_capacity(8, bell.clone());
        let producer = std::thread::spawn(move || {
            let mut next = 0;
            while next < COUNT {
                if writer.push(next) {
                    next += 1;
                } else {
                    std::thread::yield_now();
                }
            }
        });
        let mut expected = 0;
        while expected < COUNT {
            bell.going_to_sleep();
            if reader.is_empty() {
                woken.recv_timeout(std::time::Duration::from_secs(20)).expect("a wake-up was lost");
            }
            bell.awake();
            while let Some(got) = reader.pop() {
                assert_eq!(got, expected);
                expected += 1;
            }
        }
        producer.join().unwrap();
    }
}
