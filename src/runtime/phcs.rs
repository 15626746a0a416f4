//! The PHCs of the ports: opened, numbered and named by the control thread.
//!
//! The kernel's numbers (`/dev/ptpN`) move when drivers come and go; here a PHC is named by the interface that brought it
//! in, and has a small number of our own. Two interfaces can share one PHC.

use std::path::PathBuf;

use synchronome_kernel::phc::Phc;

use super::discipline::PhcInlet;
use super::saved::SavedFrequency;
use crate::clock::{Clock, ClockError, PHCS_MAX, PhcClock, PhcReader};
use crate::config::{Config, PtpConfig};
use crate::net::phc_behind;
use crate::time::FrequencyPpb;

/// One PHC in use.
#[derive(Debug)]
struct Entry {
    kernel_index: u32,
    /// The interface that brought it in.
    interface: String,
    ports: Vec<usize>,
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
    /// Why it is read and not steered, if it should be and cannot.
    pub lack: Option<String>,
    /// The largest correction that it obeys, if that is less than the configuration allows.
    pub limit: Option<FrequencyPpb>,
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
            return Ok(Opened { index: index as u8, inlet: None, lack: None, limit: None });
        }
        let index = self.entries.iter().position(Option::is_none).ok_or("there are too many hardware clocks")?;
        let device = format!("/dev/ptp{kernel_index}");
        let opened = || Phc::open(kernel_index).map_err(|error| format!("{device} cannot be opened ({error})"));
        let mut reader = PhcReader::new(opened()?).map_err(|error| format!("{device} does not answer ({error})"))?;
        let crossing = reader.cross().map_err(|error| format!("{device} cannot be read ({})", words(error)))?;
        let saved = SavedFrequency::new(&self.state_directory, &format!("phc-{}", row.interface));
        let mut lack = None;
        let steered = if config.clock.phc {
            let phc = opened()?;
            if phc.is_writable() {
                let clock = PhcClock::new(phc, index as u8, config.clock.max_frequency, row.frequency_quantum);
                Some(clock.map_err(|error| format!("{device} does not answer ({error})"))?)
            } else {
                lack = Some(format!("the right to write to {device}: the clock of {} is only read", row.interface));
                None
            }
        } else {
            None
        };
        let limit = steered.as_ref().and_then(Clock::frequency_max).filter(|limit| *limit < config.clock.max_frequency);
        let inlet = PhcInlet {
            reader,
            crossing,
            clock: steered,
            frequency_max: config.clock.max_frequency,
            saved_frequency: saved.load(),
            recorder: None,
        };
        let interface = row.interface.clone();
        self.entries[index] = Some(Entry { kernel_index, interface, ports: vec![port], saved });
        Ok(Opened { index: index as u8, inlet: Some(Box::new(inlet)), lack, limit })
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
        let number = entry.and_then(|entry| phc_behind(&entry.interface));
        let reader = number.and_then(|number| PhcReader::new(Phc::open(number).ok()?).ok());
        reader.is_some_and(|mut reader| reader.cross().is_ok())
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

/// Why a clock did not obey, or could not be read.
pub fn words(error: ClockError) -> String {
    match error {
        ClockError::OutOfRange => "beyond what it can do".to_owned(),
        ClockError::Failed(errno) => std::io::Error::from_raw_os_error(errno).to_string(),
    }
}
