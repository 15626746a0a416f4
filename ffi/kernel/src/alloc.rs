//! An allocator that counts, for the tests that timing threads make no use of it (feature `count-allocations`).
//!
//! "After start the timing threads do not allocate" is a promise that one forgotten `format!` breaks without a sign. A
//! global allocator sees every call, but must not make one itself, so the per-thread state is what Rust gives without
//! one: a thread-local `Cell` with a constant initial value and no destructor (plain memory of the thread, made with
//! it), pointing into a static table.
//!
//! ```no_run
//! use synchronome_kernel::alloc::{CountingAllocator, arm, counts, register_thread};
//!
//! #[global_allocator]
//! static ALLOCATOR: CountingAllocator = CountingAllocator;
//!
//! fn main() {
//!     // In a timing thread, when its preparations are done:
//!     let _slot = register_thread("ptp").expect("room in the table");
//!     // In the test, when all threads have started, and again some seconds later:
//!     arm();
//!     assert!(counts().all(|(_, calls)| calls == 0));
//! }
//! ```
//!
//! Frees count too: they take the same locks.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Threads that can be registered over the life of the process.
pub const THREADS_MAX: usize = 128;

struct Row {
    name: OnceLock<&'static str>,
    calls: AtomicU64,
}

static TABLE: [Row; THREADS_MAX] = [const { Row { name: OnceLock::new(), calls: AtomicU64::new(0) } }; THREADS_MAX];
/// Rows given out; may exceed the table when it is full.
static TAKEN: AtomicUsize = AtomicUsize::new(0);
static ARMED: AtomicBool = AtomicBool::new(false);

thread_local! {
    static ROW: Cell<Option<usize>> = const { Cell::new(None) };
}

/// The system's allocator, counting the calls of registered threads while armed.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountingAllocator;

fn count() {
    if !ARMED.load(Ordering::Relaxed) {
        return;
    }
    // A thread that is ending may have lost its locals: it is not a timing thread at work.
    if let Ok(Some(row)) = ROW.try_with(Cell::get) {
        TABLE[row].calls.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: std::alloc::GlobalAlloc: each method hands its arguments unchanged to `System`, which keeps the contract, and
// `count` neither allocates nor unwinds.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise about `layout`, passed on (std::alloc::GlobalAlloc::alloc).
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise about `layout`, passed on (std::alloc::GlobalAlloc::alloc_zeroed).
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise: `pointer` came from here, so from `System`, with this `layout`
        // (std::alloc::GlobalAlloc::realloc).
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller's promise: `pointer` came from here, so from `System`, with this `layout`
        // (std::alloc::GlobalAlloc::dealloc).
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// All rows of the table are given out: raise [`THREADS_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableFull;

impl fmt::Display for TableFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "more than {THREADS_MAX} threads registered with the counting allocator")
    }
}

impl std::error::Error for TableFull {}

/// The calling thread's row; it is counted until this is dropped, and its count stays readable after that.
#[derive(Debug)]
#[must_use = "the thread is counted only while this lives"]
pub struct ThreadSlot {
    row: usize,
    before: Option<usize>,
    /// Bound to its thread, whose local it resets.
    not_send: PhantomData<*const ()>,
}

impl ThreadSlot {
    /// Calls of this thread to the allocator since [`arm`].
    pub fn count(&self) -> u64 {
        TABLE[self.row].calls.load(Ordering::Relaxed)
    }
}

impl Drop for ThreadSlot {
    fn drop(&mut self) {
        ROW.set(self.before);
    }
}

/// Starts to count the calling thread, under this name.
///
/// # Errors
/// [`TableFull`] after [`THREADS_MAX`] registrations.
pub fn register_thread(name: &'static str) -> Result<ThreadSlot, TableFull> {
    let row = TAKEN.fetch_add(1, Ordering::Relaxed);
    let Some(entry) = TABLE.get(row) else {
        // Keeps the number from running round to a row that is taken.
        TAKEN.store(THREADS_MAX, Ordering::Relaxed);
        return Err(TableFull);
    };
    entry.name.get_or_init(|| name);
    Ok(ThreadSlot { row, before: ROW.replace(Some(row)), not_send: PhantomData })
}

/// Sets all counts to 0 and starts to count.
pub fn arm() {
    for row in &TABLE {
        row.calls.store(0, Ordering::Relaxed);
    }
    ARMED.store(true, Ordering::SeqCst);
}

/// Stops counting; the counts stay.
pub fn disarm() {
    ARMED.store(false, Ordering::SeqCst);
}

/// Each registered thread with its calls to the allocator since [`arm`], in the order of registration.
pub fn counts() -> impl Iterator<Item = (&'static str, u64)> {
    TABLE.iter().filter_map(|row| Some((*row.name.get()?, row.calls.load(Ordering::Relaxed))))
}
