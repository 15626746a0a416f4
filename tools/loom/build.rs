//! Sets `cfg(loom)` for this package alone.
//!
//! The usual way, `RUSTFLAGS="--cfg loom"`, sets it for every dependency too: all of them are built once more, and those
//! that know the flag (crossbeam's) change their meaning with it.

fn main() {
    println!("cargo::rustc-cfg=loom");
    println!("cargo::rerun-if-changed=build.rs");
}
