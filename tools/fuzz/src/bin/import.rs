#![cfg_attr(not(test), no_main)]
//! Any text as another daemon's configuration: what comes out passes our own check.
//!
//! ```text
//! input: format u8 (its place in the list of formats) | text
//! ```

use synchronome::cli::import::{OWN_FAULT, formats, import_text};

synchronome_fuzz::target!(check);

fn check(octets: &[u8]) {
    let Some((format, text)) = octets.split_first() else { return };
    let format = formats()[usize::from(*format) % formats().len()];
    // What it makes is held against our check before it is given out.
    if let Err(why) = import_text(format, &String::from_utf8_lossy(text)) {
        assert!(!why.starts_with(OWN_FAULT), "{why}");
    }
}
