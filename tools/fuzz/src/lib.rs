//! What every fuzz target shares: the two ways of running it.
//!
//! A target is one file in `src/bin`, see the README. Under libFuzzer it is driven by coverage; under `cargo test`
//! the same check runs once over the checked-in seeds, and over every truncation and many mutations of each, so that
//! a target that no longer holds is seen without a fuzzing run.

use std::path::PathBuf;

pub use libfuzzer_sys;

/// Makes a binary of a check `fn(&[u8])` that panics when something does not hold.
#[macro_export]
macro_rules! target {
    ($check:path) => {
        $crate::libfuzzer_sys::fuzz_target!(|octets: &[u8]| $check(octets));

        #[cfg(test)]
        #[test]
        fn every_seed_its_truncations_and_mutations_hold() {
            $crate::run_seeds(env!("CARGO_CRATE_NAME"), $check);
        }
    };
}

/// Mutations of each seed that `cargo test` tries.
const MUTATIONS_PER_SEED: u32 = 2_000;

/// Runs a check over `seeds/<target>`, each file with its truncations and its mutations, the same ones each time.
///
/// # Panics
/// If the check does, or if there is no seed.
pub fn run_seeds(target: &str, check: fn(&[u8])) {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.expect("a directory entry").path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{}: no seed", directory.display());
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for file in files {
        let seed = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for length in 0..=seed.len() {
            check(&seed[..length]);
        }
        for _ in 0..MUTATIONS_PER_SEED {
            let mut octets = seed.clone();
            for _ in 0..=next(&mut random) % 4 {
                let at = next(&mut random) as usize % octets.len().max(1);
                if let Some(octet) = octets.get_mut(at) {
                    *octet = next(&mut random) as u8;
                }
            }
            check(&octets);
        }
    }
}

/// The high half of a 64-bit linear congruential generator.
fn next(state: &mut u64) -> u32 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 32) as u32
}
