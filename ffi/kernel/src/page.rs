//! Memory that another program writes and we only read: a segment of System V shared memory, or a page of a device.
//!
//! What is there may change while it is read. So it is never borrowed: [`Page::copy`] copies it, word by word, in order and once
//! each, and the copy is judged (by a counter in it, or by copying twice).
//!
//! This is the one place where a pointer outlives the call that made it: it lives as long as its [`Page`], which takes the memory out of our
//! address space when it is dropped.
//!
//! Reading needs no right to write: the segment is attached with `SHM_RDONLY`, the page mapped with `PROT_READ`.

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{Ordering, fence};

/// How it came into our address space.
#[derive(Clone, Copy, Debug)]
enum Origin {
    Attached,
    Mapped,
}

/// Memory that others write. See the module's text.
#[derive(Debug)]
pub struct Page {
    /// Aligned to a page, and so to a word.
    start: NonNull<u32>,
    length: usize,
    origin: Origin,
}

// SAFETY: the memory belongs to the process, not to a thread, and is only read (shmat(2), mmap(2)).
unsafe impl Send for Page {}

impl Page {
    /// Attaches the segment of this key, read-only; it must be there, with `length` bytes at least.
    ///
    /// # Errors
    /// `ENOENT`: there is none. `EINVAL`: it is shorter. `EACCES`: we may not read it.
    pub fn attach(key: i32, length: usize) -> io::Result<Self> {
        // SAFETY: shmget(2) takes three integers.
        let segment = unsafe { libc::shmget(key, length, 0) };
        if segment < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: shmat(2) without an address chooses one that is free; nothing of ours lies there.
        let start = unsafe { libc::shmat(segment, ptr::null(), libc::SHM_RDONLY) };
        // (void *) -1 is the error.
        if start.addr() == usize::MAX {
            return Err(io::Error::last_os_error());
        }
        Self::at(start, length, Origin::Attached)
    }

    /// Maps the beginning of a file or a device, read-only. A file must not become shorter than that as long as it is mapped.
    ///
    /// # Errors
    /// mmap(2)'s. `EINVAL` for a regular file that is shorter: to read beyond its end would be `SIGBUS`.
    pub fn map(file: BorrowedFd<'_>, length: usize) -> io::Result<Self> {
        let about = nix::sys::stat::fstat(file)?;
        let is_regular = about.st_mode & libc::S_IFMT == libc::S_IFREG;
        if is_regular && u64::try_from(about.st_size).unwrap_or(0) < length as u64 {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        // SAFETY: mmap(2) without an address chooses one that is free; the descriptor is open.
        let start =
            unsafe { libc::mmap(ptr::null_mut(), length, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Self::at(start, length, Origin::Mapped)
    }

    fn at(start: *mut c_void, length: usize, origin: Origin) -> io::Result<Self> {
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::from_raw_os_error(libc::EFAULT))?;
        Ok(Self { start, length, origin })
    }

    /// Its first `N` bytes as they are now, read in order, four at a time; whatever we do next happens after that.
    ///
    /// # Panics
    /// If there are not so many, or they are no whole words: our own bug.
    pub fn copy<const N: usize>(&self) -> [u8; N] {
        assert!(N <= self.length && N.is_multiple_of(4), "{N} of {} bytes", self.length);
        let mut bytes = [0; N];
        let words = self.start.as_ptr().cast_const();
        fence(Ordering::Acquire);
        for (index, four) in bytes.chunks_exact_mut(4).enumerate() {
            // SAFETY: the word lies within the `length` bytes that shmat(2) or mmap(2) has given us, at an address that is
            // a page's and so aligned; volatile, since others write there.
            let word = unsafe { words.wrapping_add(index).read_volatile() };
            fence(Ordering::Acquire);
            four.copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let start = self.start.as_ptr().cast::<c_void>();
        match self.origin {
            // SAFETY: shmdt(2) of what shmat(2) has given us; nobody has a pointer into it.
            Origin::Attached => _ = unsafe { libc::shmdt(start) },
            // SAFETY: munmap(2) of what mmap(2) has given us, as long as it was then; nobody has a pointer into it.
            Origin::Mapped => _ = unsafe { libc::munmap(start, self.length) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek, SeekFrom, Write};
    use std::os::fd::AsFd;

    fn file(bytes: &[u8]) -> std::fs::File {
        let path = std::env::temp_dir().join(format!("synchronome-page-{}-{}", std::process::id(), bytes.len()));
        let mut file = std::fs::File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn a_mapped_page_shows_what_others_write() {
        let mut file = file(b"0123456789ab");
        let page = Page::map(file.as_fd(), 12).unwrap();
        assert_eq!(&page.copy::<8>(), b"01234567");
        file.seek(SeekFrom::Start(4)).unwrap();
        file.write_all(b"WXYZ").unwrap();
        assert_eq!(&page.copy::<12>(), b"0123WXYZ89ab");
    }

    #[test]
    fn a_file_that_is_too_short_is_not_mapped() {
        let error = Page::map(file(b"0123456").as_fd(), 8).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
    }

    #[test]
    fn a_segment_that_is_not_there_is_an_error() {
        let key = 0x53ff_0000 | (std::process::id() & 0xffff) as i32;
        assert_eq!(Page::attach(key, 96).unwrap_err().raw_os_error(), Some(libc::ENOENT));
    }
}
