//! The PHCs of this machine, by what sysfs says of them (Documentation/ABI/testing/sysfs-ptp).

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// One PHC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhcInfo {
    /// N of `/dev/ptpN`: good until the next boot or hot-plug.
    pub index: u32,
    /// The driver's name for it (`clock_name`): not unique, where one driver has several cards.
    pub name: String,
    /// The device that it belongs to, as a path in `/sys/devices`; `None` for a clock without one (that of a hypervisor).
    pub device: Option<PathBuf>,
    /// Virtual clocks that run on it (Linux 5.14); while there are any, it may have to run free.
    pub n_vclocks: u32,
    /// Virtual clocks that it can have; 0 for a virtual clock.
    pub max_vclocks: u32,
    /// The index of the PHC on which this one runs, if it is a virtual clock.
    pub virtual_of: Option<u32>,
}

impl PhcInfo {
    /// Whether it is a virtual clock: software over another PHC's counter.
    pub const fn is_virtual(&self) -> bool {
        self.virtual_of.is_some()
    }

    fn read(class: &Path, index: u32) -> io::Result<Self> {
        let folder = class.join(format!("ptp{index}"));
        let text = |attribute| fs::read_to_string(folder.join(attribute)).map(|text| text.trim_end().to_owned());
        let number = |attribute| text(attribute).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        let device = fs::canonicalize(folder.join("device")).ok();
        Ok(Self {
            index,
            name: text("clock_name")?,
            // The parent of a virtual clock is a PHC itself.
            virtual_of: device.as_deref().and_then(Path::file_name).and_then(|name| index_of(name.to_str()?)),
            device,
            n_vclocks: number("n_vclocks"),
            max_vclocks: number("max_vclocks"),
        })
    }
}

fn index_of(name: &str) -> Option<u32> {
    name.strip_prefix("ptp")?.parse().ok()
}

/// The PHCs of this machine, by index; none without PTP support in the kernel.
///
/// All of them, whatever the network namespace: sysfs has no namespaces for PHCs. Allocates.
///
/// # Errors
/// Those of reading `/sys/class/ptp`. A PHC that disappears meanwhile is left out.
pub fn phc_list() -> io::Result<Vec<PhcInfo>> {
    list(Path::new("/sys/class/ptp"))
}

/// What sysfs says of one PHC.
///
/// # Errors
/// Those of reading `/sys/class/ptp/ptpN`: `NotFound` without such a PHC. Allocates.
pub fn phc_info(index: u32) -> io::Result<PhcInfo> {
    PhcInfo::read(Path::new("/sys/class/ptp"), index)
}

/// [`PhcInfo::n_vclocks`] of one PHC, for whoever asks often: the file stays open.
#[derive(Debug)]
pub struct VirtualClocks {
    file: File,
}

impl VirtualClocks {
    /// Of `/dev/ptpN`.
    ///
    /// # Errors
    /// Those of opening `/sys/class/ptp/ptpN/n_vclocks`: `NotFound` without such a PHC, and before Linux 5.14.
    pub fn of(index: u32) -> io::Result<Self> {
        Self::in_class(Path::new("/sys/class/ptp"), index)
    }

    fn in_class(class: &Path, index: u32) -> io::Result<Self> {
        Ok(Self { file: File::open(class.join(format!("ptp{index}/n_vclocks")))? })
    }

    /// How many there are now.
    ///
    /// # Errors
    /// `ENODEV` when the PHC is gone. `InvalidData` for what is no number.
    pub fn count(&self) -> io::Result<u32> {
        let mut room = [0; 16];
        let length = self.file.read_at(&mut room, 0)?;
        let text = std::str::from_utf8(&room[..length]).ok();
        text.and_then(|text| text.trim_end().parse().ok()).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

fn list(class: &Path) -> io::Result<Vec<PhcInfo>> {
    let entries = match fs::read_dir(class) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut indices = Vec::new();
    for entry in entries {
        indices.extend(entry?.file_name().to_str().and_then(index_of));
    }
    indices.sort_unstable();
    Ok(indices.into_iter().filter_map(|index| PhcInfo::read(class, index).ok()).collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A copy of what sysfs looks like: a card's PHC with a virtual clock, and a hypervisor's.
    fn sysfs() -> PathBuf {
        let root = std::env::temp_dir().join(format!("synchronome-sysfs-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let card = root.join("devices/pci0000:00/0000:00:19.0");
        for (index, folder, name, vclocks) in [
            (10, card.join("ptp/ptp10"), "igb", Some((1, 20))),
            (2, root.join("devices/virtual/ptp/ptp2"), "KVM virtual PTP", Some((0, 20))),
            (11, card.join("ptp/ptp10/ptp11"), "ptp virtual clock", None),
        ] {
            fs::create_dir_all(&folder).expect("a folder");
            fs::write(folder.join("clock_name"), format!("{name}\n")).expect("a file");
            if let Some((n, max)) = vclocks {
                fs::write(folder.join("n_vclocks"), format!("{n}\n")).expect("a file");
                fs::write(folder.join("max_vclocks"), format!("{max}\n")).expect("a file");
            }
            fs::create_dir_all(root.join("class/ptp")).expect("a folder");
            symlink(&folder, root.join(format!("class/ptp/ptp{index}"))).expect("a link");
        }
        symlink(&card, card.join("ptp/ptp10/device")).expect("a link");
        symlink(card.join("ptp/ptp10"), card.join("ptp/ptp10/ptp11/device")).expect("a link");
        fs::write(root.join("class/ptp/uevent"), "").expect("a file");
        root
    }

    #[test]
    fn phcs_are_listed_by_number_with_what_they_stand_on() {
        let root = sysfs();
        let found = list(&root.join("class/ptp")).expect("readable");
        let card = fs::canonicalize(root.join("devices/pci0000:00/0000:00:19.0")).expect("it is there");
        assert_eq!(found.iter().map(|phc| phc.index).collect::<Vec<_>>(), [2, 10, 11]);
        assert_eq!((found[0].name.as_str(), &found[0].device), ("KVM virtual PTP", &None));
        assert_eq!((found[1].name.as_str(), found[1].device.as_ref()), ("igb", Some(&card)));
        assert_eq!((found[1].n_vclocks, found[1].max_vclocks, found[1].is_virtual()), (1, 20, false));
        assert_eq!((found[2].virtual_of, found[2].max_vclocks), (Some(10), 0));
        let class = root.join("class/ptp");
        let alone = VirtualClocks::in_class(&class, 10).expect("it has the file");
        assert_eq!(alone.count().expect("a number"), 1);
        fs::write(class.join("ptp10/n_vclocks"), "12\n").expect("a file");
        assert_eq!(alone.count().expect("a number"), 12, "the file is read anew");
        assert_eq!(VirtualClocks::in_class(&class, 99).expect_err("no such PHC").kind(), io::ErrorKind::NotFound);
        fs::remove_dir_all(root).expect("the directory is ours");
    }

    #[test]
    fn a_machine_without_phcs_has_none() {
        assert_eq!(list(Path::new("/nonexistent/class/ptp")).expect("no error"), []);
    }
}
