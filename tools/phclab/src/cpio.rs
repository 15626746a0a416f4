//! A writer of cpio archives in the "newc" form that the kernel unpacks as initramfs.
//!
//! What differs from machine to machine is left out (owner, inode, time of change), so that the same files give the same
//! bytes: the archive is an input of the guest, and the guest repeats bit for bit only if its inputs do.
//! (Linux, Documentation/driver-api/early-userspace/buffer-format.rst.)

/// All entries have this time of change: 2026-01-01T00:00:00Z.
const CHANGED_AT: u32 = 1_767_225_600;
const FOLDER: u32 = 0o040_755;
const FILE: u32 = 0o100_644;
const PROGRAM: u32 = 0o100_755;

/// An archive that is being written; entries stay in the order in which they come.
#[derive(Default)]
pub struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    /// Adds a folder; the folders above it must have been added before.
    pub fn folder(&mut self, path: &str) {
        self.entry(path, FOLDER, &[]);
    }

    /// Adds a file that cannot be executed.
    pub fn file(&mut self, path: &str, content: &[u8]) {
        self.entry(path, FILE, content);
    }

    /// Adds a file that can be executed.
    pub fn program(&mut self, path: &str, content: &[u8]) {
        self.entry(path, PROGRAM, content);
    }

    /// The archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }

    fn entry(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.entries += 1;
        let links = if mode == FOLDER { 2 } else { 1 };
        let (size, name_size) = (content.len() as u32, path.len() as u32 + 1);
        let numbers = [self.entries, mode, 0, 0, links, CHANGED_AT, size, 0, 0, 0, 0, name_size, 0];
        self.bytes.extend_from_slice(b"070701");
        for number in numbers {
            self.bytes.extend_from_slice(format!("{number:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_has_aligned_entries_and_a_trailer() {
        let mut archive = Archive::default();
        archive.folder("lab");
        archive.program("lab/x", b"abc");
        let bytes = archive.finish();
        let text = String::from_utf8_lossy(&bytes);
        let starts: Vec<_> = text.match_indices("070701").map(|(at, _)| at).collect();
        assert_eq!(starts.len(), 3);
        assert!(starts.iter().all(|at| at % 4 == 0), "{starts:?}");
        assert!(text.contains("lab/x\0") && text.contains("abc\0") && text.contains("TRAILER!!!\0"));
        // Field 7 is the size of the content, field 12 that of the name with its zero.
        let field = |number: usize| &text[starts[1] + 6 + number * 8..][..8];
        assert_eq!((field(6), field(11), field(1)), ("00000003", "00000006", "000081ed"));
    }
}
