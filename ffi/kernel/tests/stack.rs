//! The stack of a process's first thread: a program of its own, for tests run on threads.

use std::hint::black_box;

use synchronome_kernel::memory::{let_go_of_stack, lock_all};

/// What is resident of it, in kB.
fn resident() -> usize {
    let smaps = std::fs::read_to_string("/proc/self/smaps").expect("/proc");
    let (_, rest) = smaps.split_once(" [stack]\n").expect("a stack");
    let rss = rest.lines().find_map(|line| line.strip_prefix("Rss:")).expect("its size");
    rss.trim_end_matches("kB").trim().parse().expect("a number")
}

#[inline(never)]
fn deep(levels: usize) -> u64 {
    let room = black_box([levels as u64; 512]);
    if levels == 0 { room[7] } else { deep(levels - 1) + room[11] }
}

fn main() {
    let sum = deep(200);
    let grown = resident();
    assert!(grown >= 800, "{grown} kB");
    let here = black_box([0x5a_u8; 4096]);
    if let Err(error) = let_go_of_stack() {
        // Before Linux 5.18 the kernel knows nothing of that.
        assert_eq!(error.raw_os_error(), Some(22), "{error}");
        return;
    }
    let left = resident();
    assert!(left <= 128, "{left} of {grown} kB");
    assert!(black_box(here).iter().all(|octet| *octet == 0x5a));
    assert_eq!(deep(200), sum, "it grows again");
    // And where memory is locked, which not everybody may.
    if lock_all().is_ok() {
        let grown = resident();
        let_go_of_stack().expect("locked pages too");
        assert!(resident() <= 128 && grown >= 800, "{} of {grown} kB", resident());
    }
}
