//! The PHCs in use: opened, numbered and named by the control thread.
//!
//! The kernel's numbers (`/dev/ptpN`) move when drivers come and go; here a PHC is named by the interface that brought it
//! in, or its `clock_name`, and has a small number of our own. Several interfaces can share one PHC. Most are in use because
//! they stamp for a port; the configuration can name others, which follow.

use std::path::PathBuf;

use synchronome_kernel::nic::driver;
use synchronome_kernel::phc::{Phc, PhcCapabilities, VirtualClocks};

use super::discipline::PhcInlet;
use super::saved::{Moment, SavedFrequency};
use crate::clock::comparison::Asymmetry;
use crate::clock::inventory::{find, hardware_clocks};
use crate::clock::{Clock, ClockError, PHCS_MAX, PhcClock, PhcReader, known_quantum};
use crate::config::{Config, PhcChoice};
use crate::discipline::SavedOscillator;
use crate::net::{device_below, phc_behind};
use crate::observe::Level;
use crate::time::FrequencyPpb;

/// For whom a PHC is in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum User {
    /// A port, by its row: its messages are stamped by it.
    Port(usize),
    /// The configuration names it, at this place of `clock.phc`.
    Named(usize),
}

/// Which PHC, and how.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The kernel's number of it.
    pub kernel_index: u32,
    /// What we call it: an interface, or its `clock_name`.
    pub name: &'a str,
    /// The step of its frequency, if the configuration says it.
    pub quantum: Option<FrequencyPpb>,
}

/// One PHC in use.
#[derive(Debug)]
struct Entry {
    kernel_index: u32,
    /// The interface that brought it in, or its `clock_name`.
    name: String,
    users: Vec<User>,
    virtual_clocks: Option<VirtualClocks>,
    had_virtual_clocks: bool,
    saved: SavedFrequency,
}

/// All PHCs in use, under our own numbers.
#[derive(Debug)]
pub struct Phcs {
    entries: [Option<Entry>; PHCS_MAX],
    state_directory: PathBuf,
}

/// A PHC for a port.
#[derive(Debug)]
pub struct Opened {
    /// Our number.
    pub index: u8,
    /// What the discipline must be given, if it does not have it yet.
    pub inlet: Option<Box<PhcInlet>>,
    /// What there is to say of it.
    pub notes: Vec<(Level, String)>,
}

impl Phcs {
    /// None yet.
    pub fn new(config: &Config) -> Self {
        Self { entries: Default::default(), state_directory: config.observe.state_directory.clone() }
    }

    /// The PHC that somebody wants to use.
    ///
    /// # Errors
    /// Why it cannot be used, in one clause.
    pub fn open(&mut self, wanted: Wanted<'_>, user: User, config: &Config) -> Result<Opened, String> {
        let Wanted { kernel_index, name, .. } = wanted;
        let known = |entry: &Option<Entry>| entry.as_ref().is_some_and(|entry| entry.kernel_index == kernel_index);
        if let Some(index) = self.entries.iter().position(known) {
            let entry = self.entries[index].as_mut().expect("it was just found");
            if !entry.users.contains(&user) {
                entry.users.push(user);
            }
            return Ok(Opened { index: index as u8, inlet: None, notes: Vec::new() });
        }
        let index = self.entries.iter().position(Option::is_none).ok_or("there are too many hardware clocks")?;
        let device = format!("/dev/ptp{kernel_index}");
        let opened = || Phc::open(kernel_index).map_err(|error| format!("{device} cannot be opened ({error})"));
        let mut reader = PhcReader::new(opened()?).map_err(|error| format!("{device} does not answer ({error})"))?;
        let unreadable = |error| format!("{device} cannot be read ({})", words(error));
        reader.cross().map_err(unreadable)?;
        let mut notes = Vec::new();
        notes.extend(reader.hold_against_the_bus().and_then(|found| asymmetry_note(name, found)));
        let crossing = reader.cross().map_err(unreadable)?;
        let saved = SavedFrequency::new(&self.state_directory, &format!("phc-{}", file_name(name)));
        // None before Linux 5.14.
        let virtual_clocks = VirtualClocks::of(kernel_index).ok();
        let had_virtual_clocks = are_there_any(virtual_clocks.as_ref());
        let clock = if is_chosen(&config.clock.phc, kernel_index) {
            steered(opened()?, index as u8, &wanted, config, &mut notes)?
        } else {
            None
        };
        let inlet = PhcInlet {
            reader,
            crossing,
            clock,
            frequency_max: config.clock.max_frequency,
            saved: saved.load(&Moment::now()),
            recorder: None,
        };
        let name = name.to_owned();
        self.entries[index] =
            Some(Entry { kernel_index, name, users: vec![user], virtual_clocks, had_virtual_clocks, saved });
        Ok(Opened { index: index as u8, inlet: Some(Box::new(inlet)), notes })
    }

    /// Whether somebody has what they wanted.
    pub fn serves(&self, user: User) -> bool {
        self.entries.iter().flatten().any(|entry| entry.users.contains(&user))
    }

    /// For whom PHC `index` is in use.
    pub fn users(&self, index: u8) -> Vec<User> {
        let entry = self.entries.get(usize::from(index)).and_then(Option::as_ref);
        entry.map_or_else(Vec::new, |entry| entry.users.clone())
    }

    /// Somebody does not need a PHC any more; returns its number if nobody does.
    pub fn release(&mut self, user: User) -> Option<u8> {
        let index = self.entries.iter().position(|entry| entry.as_ref().is_some_and(|e| e.users.contains(&user)))?;
        let entry = self.entries[index].as_mut()?;
        entry.users.retain(|other| *other != user);
        if !entry.users.is_empty() {
            return None;
        }
        self.entries[index] = None;
        Some(index as u8)
    }

    /// Whether the interface of PHC `index` has a clock again that can be read when it is opened anew. While we have the old
    /// device open the kernel does not give its number away: the new one has another.
    pub fn is_back(&self, index: u8) -> bool {
        let entry = self.entries.get(usize::from(index)).and_then(Option::as_ref);
        let number = |entry: &Entry| phc_behind(&entry.name).or_else(|| clock_called(&entry.name).ok());
        entry.and_then(number).is_some_and(can_be_read)
    }

    /// The PHCs on which virtual clocks were made since they were opened, or from which the last one was taken: whether they
    /// can be steered may have changed.
    pub fn with_other_virtual_clocks(&self) -> impl Iterator<Item = u8> {
        let has_changed = |entry: &Entry| are_there_any(entry.virtual_clocks.as_ref()) != entry.had_virtual_clocks;
        let of = move |(index, entry): (usize, &Option<Entry>)| {
            entry.as_ref().is_some_and(has_changed).then_some(index as u8)
        };
        self.entries.iter().enumerate().filter_map(of)
    }

    /// Saves what is known of the oscillator of a PHC.
    ///
    /// # Errors
    /// The file system's.
    pub fn save(&self, index: u8, oscillator: &SavedOscillator) -> std::io::Result<()> {
        match self.entries.get(usize::from(index)).and_then(Option::as_ref) {
            Some(entry) => entry.saved.save(oscillator, &Moment::now()),
            None => Ok(()),
        }
    }
}

/// The kernel's number of the clock of this name at the moment: of an interface, or its `clock_name`.
///
/// # Errors
/// That there is none, in words.
pub fn clock_called(name: &str) -> Result<u32, String> {
    let clocks = hardware_clocks().map_err(|error| format!("the hardware clocks cannot be listed ({error})"))?;
    find(&clocks, name).map(|clock| clock.info.index).map_err(|error| error.to_string())
}

/// Whether the configuration lets us steer the clock of this number.
fn is_chosen(choice: &PhcChoice, kernel_index: u32) -> bool {
    match choice {
        PhcChoice::None => false,
        PhcChoice::OfPorts => true,
        PhcChoice::Named(names) => {
            let clocks = hardware_clocks().unwrap_or_default();
            names.iter().any(|name| find(&clocks, name).is_ok_and(|clock| clock.info.index == kernel_index))
        }
    }
}

/// A name of a clock as a part of a file's name.
fn file_name(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect()
}

/// The clock to be steered; `None` if it can only be read, which the notes then say.
fn steered(
    phc: Phc,
    index: u8,
    wanted: &Wanted<'_>,
    config: &Config,
    notes: &mut Vec<(Level, String)>,
) -> Result<Option<PhcClock>, String> {
    let (name, most) = (wanted.name, config.clock.max_frequency);
    let device = format!("/dev/ptp{}", phc.index());
    if let Some(lack) = lack_of(&phc, are_there_any(VirtualClocks::of(phc.index()).ok().as_ref())) {
        notes.push((Level::Warn, format!("without {lack}: the clock of {name} is only read")));
        return Ok(None);
    }
    let known = if wanted.quantum.is_none() { quantum_of(&phc, name) } else { None };
    if let Some(quantum) = known {
        let text = format!("the clock of {name} sets its frequency in steps of {quantum}: two are alternated");
        notes.push((Level::Info, text));
    }
    let clock = PhcClock::new(phc, index, most, wanted.quantum.or(known))
        .map_err(|error| format!("{device} does not answer ({error})"))?;
    if let Some(limit) = clock.frequency_max().filter(|limit| *limit < most) {
        let text = format!(
            "the clock of {name} can be corrected by {limit} at most (clock.max_frequency allows {most}): offsets are slewed \
             away more slowly"
        );
        notes.push((Level::Info, text));
    }
    Ok(Some(clock))
}

/// Whether virtual clocks run on a clock; not on one that is gone.
fn are_there_any(virtual_clocks: Option<&VirtualClocks>) -> bool {
    virtual_clocks.is_some_and(|found| found.count().is_ok_and(|count| count > 0))
}

/// The step of the frequency of an interface's clock, if its driver is known for one.
fn quantum_of(phc: &Phc, interface: &str) -> Option<FrequencyPpb> {
    let driver = driver(&device_below(interface)).ok()?.driver;
    known_quantum(&driver, &phc.capabilities().ok()?)
}

/// What is missing for a clock to be steered.
///
/// On a clock with virtual clocks that has no second counter for them the kernel lets nobody turn anything. It then runs free,
/// and time that is reckoned over it is as good as that of a virtual clock.
fn lack_of(phc: &Phc, has_virtual_clocks: bool) -> Option<String> {
    let device = format!("/dev/ptp{}", phc.index());
    if !phc.is_writable() {
        return Some(format!("the right to write to {device}"));
    }
    if phc.capabilities().is_ok_and(|found| is_read_only(&found)) {
        return Some(format!("a frequency of {device} that can be set (its max_adj is 0, as a hypervisor's)"));
    }
    let is_bound = || {
        // Set as it is: nothing changes, and who may not do that may do nothing.
        let set = phc.frequency().and_then(|frequency| phc.adjust_frequency(frequency));
        set.is_err_and(|error| error.raw_os_error() == Some(nix::libc::EBUSY))
    };
    (has_virtual_clocks && is_bound()).then(|| {
        format!("the command of {device}, on which virtual clocks run (n_vclocks in /sys/class/ptp/ptp{})", phc.index())
    })
}

/// Whether the driver can correct the clock at all: those of hypervisors (`ptp_kvm`, `hyperv`, `vmw`, `vmclock`) and ENA's cannot.
const fn is_read_only(found: &PhcCapabilities) -> bool {
    found.max_adjustment_ppb <= 0
}

/// What to say of a clock whose two ways to be read were held against each other.
fn asymmetry_note(interface: &str, found: Asymmetry) -> Option<(Level, String)> {
    match found {
        Asymmetry::Fair => None,
        Asymmetry::Lopsided(by, half_window) => {
            let (side, by) = if by.is_negative() { ("after", by.abs()) } else { ("before", by) };
            let text = format!(
                "reads of the clock of {interface} over the bus are lopsided: it is latched {by} {side} the middle of a window of \
                 +-{half_window}; it is read by precise crossings, which show that"
            );
            Some((Level::Info, text))
        }
        Asymmetry::Impossible(by) => {
            let text = format!(
                "precise crossings of the clock of {interface} are wrong: by {by} off what reads over the bus say, beyond \
                 their window; it is read over the bus"
            );
            Some((Level::Warn, text))
        }
    }
}

/// Whether the clock of this number can be opened and read at the moment.
pub fn can_be_read(kernel_index: u32) -> bool {
    let reader = Phc::open(kernel_index).and_then(PhcReader::new);
    reader.is_ok_and(|mut reader| reader.cross().is_ok())
}

/// Why a clock did not obey, or could not be read.
pub fn words(error: ClockError) -> String {
    match error {
        ClockError::OutOfRange => "beyond what it can do".to_owned(),
        ClockError::Failed(errno) => std::io::Error::from_raw_os_error(errno).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_whose_driver_corrects_nothing_is_only_read() {
        let with = |max_adjustment_ppb| PhcCapabilities {
            max_adjustment_ppb,
            alarms: 0,
            external_stamps: 0,
            periodic_outputs: 0,
            pins: 0,
            pps: false,
            precise_crossing: true,
            adjust_phase: false,
        };
        assert!(is_read_only(&with(0)) && is_read_only(&with(-1)) && !is_read_only(&with(1)));
    }
}
