//! The PHCs of the ports: opened, numbered and named by the control thread.
//!
//! The kernel's numbers (`/dev/ptpN`) move when drivers come and go; here a PHC is named by the interface that brought it
//! in, and has a small number of our own. Two interfaces can share one PHC.

use std::path::PathBuf;

use synchronome_kernel::nic::driver;
use synchronome_kernel::phc::{Phc, phc_info};

use super::discipline::PhcInlet;
use super::saved::SavedFrequency;
use crate::clock::comparison::Asymmetry;
use crate::clock::{Clock, ClockError, PHCS_MAX, PhcClock, PhcReader, known_quantum};
use crate::config::{Config, PtpConfig};
use crate::net::{device_below, phc_behind};
use crate::observe::Level;
use crate::time::FrequencyPpb;

/// One PHC in use.
#[derive(Debug)]
struct Entry {
    kernel_index: u32,
    /// The interface that brought it in.
    interface: String,
    ports: Vec<usize>,
    has_virtual_clocks: bool,
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

    /// The PHC that stamps for `port`.
    ///
    /// # Errors
    /// Why it cannot be used, in one clause.
    pub fn open(&mut self, kernel_index: u32, port: usize, config: &Config, row: &PtpConfig) -> Result<Opened, String> {
        let known = |entry: &Option<Entry>| entry.as_ref().is_some_and(|entry| entry.kernel_index == kernel_index);
        if let Some(index) = self.entries.iter().position(known) {
            let entry = self.entries[index].as_mut().expect("it was just found");
            if !entry.ports.contains(&port) {
                entry.ports.push(port);
            }
            return Ok(Opened { index: index as u8, inlet: None, notes: Vec::new() });
        }
        let index = self.entries.iter().position(Option::is_none).ok_or("there are too many hardware clocks")?;
        let device = format!("/dev/ptp{kernel_index}");
        let opened = || Phc::open(kernel_index).map_err(|error| format!("{device} cannot be opened ({error})"));
        let mut reader = PhcReader::new(opened()?).map_err(|error| format!("{device} does not answer ({error})"))?;
        let unreadable = |error| format!("{device} cannot be read ({})", words(error));
        reader.cross().map_err(unreadable)?;
        let mut notes: Vec<_> =
            reader.hold_against_the_bus().and_then(|found| asymmetry_note(&row.interface, found)).into_iter().collect();
        let crossing = reader.cross().map_err(unreadable)?;
        let saved = SavedFrequency::new(&self.state_directory, &format!("phc-{}", row.interface));
        let has_virtual_clocks = has_virtual_clocks(kernel_index);
        let steered = if config.clock.phc {
            let phc = opened()?;
            match lack_of(&phc, has_virtual_clocks) {
                None => {
                    let known = || quantum_of(&phc, &row.interface);
                    let quantum = row.frequency_quantum.or_else(known);
                    notes.extend(quantum.filter(|_| row.frequency_quantum.is_none()).map(|quantum| {
                        let name = &row.interface;
                        let text =
                            format!("the clock of {name} sets its frequency in steps of {quantum}: two are alternated");
                        (Level::Info, text)
                    }));
                    let clock = PhcClock::new(phc, index as u8, config.clock.max_frequency, quantum);
                    Some(clock.map_err(|error| format!("{device} does not answer ({error})"))?)
                }
                Some(lack) => {
                    notes.push((Level::Warn, format!("without {lack}: the clock of {} is only read", row.interface)));
                    None
                }
            }
        } else {
            None
        };
        let limit = steered.as_ref().and_then(Clock::frequency_max).filter(|limit| *limit < config.clock.max_frequency);
        notes.extend(limit.map(|limit| {
            let text = format!(
                "the clock of {} can be corrected by {limit} at most (clock.max_frequency allows {}): offsets are slewed away \
                 more slowly",
                row.interface, config.clock.max_frequency
            );
            (Level::Info, text)
        }));
        let inlet = PhcInlet {
            reader,
            crossing,
            clock: steered,
            frequency_max: config.clock.max_frequency,
            saved_frequency: saved.load(),
            recorder: None,
        };
        let interface = row.interface.clone();
        self.entries[index] = Some(Entry { kernel_index, interface, ports: vec![port], has_virtual_clocks, saved });
        Ok(Opened { index: index as u8, inlet: Some(Box::new(inlet)), notes })
    }

    /// A port has ended; returns the number of the PHC that nobody uses any more.
    pub fn release(&mut self, port: usize) -> Option<u8> {
        let index = self.entries.iter().position(|entry| entry.as_ref().is_some_and(|e| e.ports.contains(&port)))?;
        let entry = self.entries[index].as_mut()?;
        entry.ports.retain(|user| *user != port);
        if !entry.ports.is_empty() {
            return None;
        }
        self.entries[index] = None;
        Some(index as u8)
    }

    /// Whether the interface of PHC `index` has a clock again that can be read when it is opened anew. While we have the old
    /// device open the kernel does not give its number away: the new one has another.
    pub fn is_back(&self, index: u8) -> bool {
        let entry = self.entries.get(usize::from(index)).and_then(Option::as_ref);
        entry.and_then(|entry| phc_behind(&entry.interface)).is_some_and(can_be_read)
    }

    /// The PHCs on which virtual clocks were made since they were opened, or from which the last one was taken: whether they
    /// can be steered may have changed.
    pub fn with_other_virtual_clocks(&self) -> impl Iterator<Item = u8> {
        let has_changed = |entry: &Entry| has_virtual_clocks(entry.kernel_index) != entry.has_virtual_clocks;
        let of = move |(index, entry): (usize, &Option<Entry>)| {
            entry.as_ref().is_some_and(has_changed).then_some(index as u8)
        };
        self.entries.iter().enumerate().filter_map(of)
    }

    /// Saves what the oscillator of a PHC runs off by.
    ///
    /// # Errors
    /// The file system's.
    pub fn save(&self, index: u8, frequency: FrequencyPpb) -> std::io::Result<()> {
        match self.entries.get(usize::from(index)).and_then(Option::as_ref) {
            Some(entry) => entry.saved.save(frequency),
            None => Ok(()),
        }
    }
}

/// Whether virtual clocks run on the clock of this number.
fn has_virtual_clocks(kernel_index: u32) -> bool {
    phc_info(kernel_index).is_ok_and(|info| info.n_vclocks > 0)
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
    let is_bound = || {
        // Set as it is: nothing changes, and who may not do that may do nothing.
        let set = phc.frequency().and_then(|frequency| phc.adjust_frequency(frequency));
        set.is_err_and(|error| error.raw_os_error() == Some(nix::libc::EBUSY))
    };
    (has_virtual_clocks && is_bound()).then(|| {
        format!("the command of {device}, on which virtual clocks run (n_vclocks in /sys/class/ptp/ptp{})", phc.index())
    })
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
