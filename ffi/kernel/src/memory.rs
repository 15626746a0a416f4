//! Keeping memory resident.
//!
//! A page fault between a packet and its answer costs microseconds, or milliseconds if the page was swapped out. What
//! `nix` offers of mlockall(2) lacks the flag that makes it cheap: with `MCL_ONFAULT` (Linux 4.4) a page is locked when
//! it is first touched, instead of all of every stack and arena at once.

use std::io;

/// Locks all pages of the process, present and future, as they are touched (mlockall(2)).
///
/// # Errors
/// `ENOMEM` where RLIMIT_MEMLOCK does not allow it; `EPERM` where it is 0. Nothing is locked then.
pub fn lock_all() -> io::Result<()> {
    let flags = libc::MCL_CURRENT | libc::MCL_FUTURE | libc::MCL_ONFAULT;
    // SAFETY: mlockall(2) takes flags and no pointer.
    let result = unsafe { libc::mlockall(flags) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Lets go of the code and constants that are resident, of the program and of its libraries; returns how much that was, in octets.
///
/// What the start alone needs (the configuration's parser, the loader) is never used again, and is much more than what is used all the time. The
/// kernel maps it again where it is, page by page, as it is touched: a microsecond each while it is in the page cache. Only pages that are as in their file
/// are let go of, so that nothing is lost.
///
/// # Errors
/// `EINVAL` where pages are locked and the kernel does not know how to let go of those (before Linux 5.18); or that /proc cannot be read.
pub fn let_go_of_code() -> io::Result<usize> {
    let mappings = std::fs::read_to_string("/proc/self/smaps")?;
    let mut octets = 0;
    for Mapping { from, to, resident } in unwritten(&mappings) {
        let length = to.saturating_sub(from);
        // SAFETY: madvise(2) with MADV_DONTNEED_LOCKED: a private mapping of a file that cannot be written and has no page that differs from the file
        // (proc_pid_smaps(5)): what is read there afterwards is what was read there before.
        let result = unsafe { libc::madvise(std::ptr::without_provenance_mut(from), length, MADV_DONTNEED_LOCKED) };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        octets += resident;
    }
    Ok(octets)
}

/// What of the stack below the caller is kept all the same, in octets: this call and the next ones need it.
const STACK_KEPT: usize = 32 * 1024;

/// Lets go of what the stack that the process began with has grown to and does not use now; returns how much that may be, in octets: 0 from another
/// thread's stack, which the C library clears when the thread ends.
///
/// # Errors
/// As [`let_go_of_code`].
pub fn let_go_of_stack() -> io::Result<usize> {
    let here = 0_u8;
    let at = std::ptr::from_ref(&here).addr();
    let mappings = std::fs::read_to_string("/proc/self/maps")?;
    let Some((from, _)) = stack(&mappings).filter(|(from, to)| (*from..*to).contains(&at)) else { return Ok(0) };
    // SAFETY: sysconf(3) takes a number and no pointer.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let page = usize::try_from(page).map_err(|_| io::Error::last_os_error())?;
    let until = at.saturating_sub(STACK_KEPT) / page * page;
    let length = until.saturating_sub(from);
    if length == 0 {
        return Ok(0);
    }
    // SAFETY: madvise(2) with MADV_DONTNEED_LOCKED, from the end of the stack's mapping up to far below the frame of this function: it grows downwards, so
    // that only frames of calls that have returned are there. Who is called later finds zeros in a place of which it expects nothing.
    let result = unsafe { libc::madvise(std::ptr::without_provenance_mut(from), length, MADV_DONTNEED_LOCKED) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(length) }
}

/// From where to where the first thread's stack is mapped, by proc_pid_maps(5).
fn stack(maps: &str) -> Option<(usize, usize)> {
    let line = maps.lines().find(|line| line.ends_with(" [stack]"))?;
    let (from, to) = line.split_ascii_whitespace().next()?.split_once('-')?;
    let at = |word: &str| usize::from_str_radix(word, 16).ok();
    at(from).zip(at(to))
}

/// Gives back what was allocated and is free by now, as far as the allocator can (malloc_trim(3)): where memory is not locked yet.
pub fn give_back_free() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim(3) takes a size and no pointer, and what is allocated stays.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Of linux/mman.h since Linux 5.18; as MADV_DONTNEED, and of locked pages too.
const MADV_DONTNEED_LOCKED: libc::c_int = 24;

/// A mapping, and how much of it is resident, in octets.
#[derive(PartialEq, Eq, Debug)]
struct Mapping {
    from: usize,
    to: usize,
    resident: usize,
}

/// Of what proc_pid_smaps(5) tells the private mappings of files that are not writable and as they are in the file.
fn unwritten(smaps: &str) -> Vec<Mapping> {
    let mut found = Vec::new();
    let mut lines = smaps.lines().peekable();
    while let Some(head) = lines.next() {
        let mut words = head.split_ascii_whitespace();
        let (span, mode, path) = (words.next().unwrap_or_default(), words.next(), words.nth(3));
        let mut figure = |name: &str| {
            let mut value = None;
            while let Some(line) = lines.next_if(|line| line.split(' ').next().is_some_and(|word| word.ends_with(':')))
            {
                if let Some(rest) = line.strip_prefix(name) {
                    value = rest.split_ascii_whitespace().next().and_then(|kilobytes| kilobytes.parse::<usize>().ok());
                    break;
                }
            }
            value
        };
        // In their order there.
        let (resident, anonymous) = (figure("Rss:"), figure("Anonymous:"));
        let is_of_file = path.is_some_and(|path| path.starts_with('/'));
        let is_unwritten = matches!(mode, Some("r-xp" | "r--p")) && is_of_file && anonymous == Some(0);
        let at = |word: &str| usize::from_str_radix(word, 16).ok();
        let ends = span.split_once('-').and_then(|(from, to)| at(from).zip(at(to)));
        if let (Some((from, to)), Some(resident), true) = (ends, resident.filter(|kb| *kb > 0), is_unwritten) {
            found.push(Mapping { from, to, resident: resident * 1024 });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
00400000-00500000 r--p 00000000 fe:00 12 /usr/bin/it
Size:               1024 kB
Rss:                 512 kB
Anonymous:             0 kB
VmFlags: rd mr mw me
00500000-00600000 r-xp 00100000 fe:00 12 /usr/bin/it
Rss:                 256 kB
Anonymous:             4 kB
VmFlags: rd ex mr mw me
00600000-00700000 rw-p 00200000 fe:00 12 /usr/bin/it
Rss:                   8 kB
Anonymous:             0 kB
00700000-00800000 r--p 00000000 00:00 0
Rss:                   8 kB
Anonymous:             0 kB
00800000-00900000 r--s 00000000 00:01 7 /dev/shm/it
Rss:                   8 kB
Anonymous:             0 kB
00900000-00a00000 r-xp 00000000 fe:00 13 /usr/lib/libc.so.6 (deleted)
Rss:                   8 kB
Anonymous:             0 kB
00a00000-00b00000 r-xp 00000000 fe:00 14 /usr/lib/libm.so.6
Rss:                   0 kB
Anonymous:             0 kB
";

    #[test]
    fn only_what_is_as_in_its_file_is_let_go_of() {
        let found = unwritten(SMAPS);
        let is = |from, to, resident| Mapping { from, to, resident };
        assert_eq!(found, [is(0x40_0000, 0x50_0000, 512 * 1024), is(0x90_0000, 0xa0_0000, 8 * 1024)]);
    }

    #[test]
    fn the_stack_is_found_by_its_name() {
        let maps = "00400000-00500000 r--p 00000000 fe:00 12 /usr/bin/it\n7ffc00001000-7ffc00055000 rw-p 00000000 00:00 0   [stack]\n";
        assert_eq!(stack(maps), Some((0x7ffc_0000_1000, 0x7ffc_0005_5000)));
        assert_eq!(stack(&maps.replace("[stack]", "/tmp/[stack].so")), None);
        assert_eq!(let_go_of_stack().ok(), Some(0), "a test has a thread of its own");
    }

    #[test]
    fn code_comes_back_when_it_is_used() {
        let before = unwritten(&std::fs::read_to_string("/proc/self/smaps").unwrap());
        assert!(before.iter().map(|mapping| mapping.resident).sum::<usize>() > 0, "{before:?}");
        match let_go_of_code() {
            Ok(octets) => assert!(octets > 0),
            Err(error) => assert_eq!(error.raw_os_error(), Some(libc::EINVAL), "{error}"),
        }
        assert_eq!(only_what_is("still works"), 11);
    }

    #[inline(never)]
    fn only_what_is(text: &str) -> usize {
        text.chars().count()
    }
}
