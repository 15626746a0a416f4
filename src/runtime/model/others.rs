//! What other programs do to the system clock, in words, and who they may be.

use crate::observe::event::FREQUENCY_SET;
use crate::runtime::rivals::Rival;
use crate::time::{Duration, FrequencyPpb, LeapIndicator};

/// Who may have set the system clock, each with what would keep it from that.
pub(super) fn suspected(suspects: &[Rival]) -> String {
    let each: Vec<_> = suspects.iter().map(Rival::with_remedy).collect();
    match &each[..] {
        [] => {
            "no program was found that does so by itself (an operator's date -s, a container, a hypervisor?)".to_owned()
        }
        each => format!("suspected: {}", each.join(", ")),
    }
}

/// Another program has told the kernel of a leap second: of the programs that are there the likely one, and what its word is worth.
pub(super) fn kernel_leap_text(leap: LeapIndicator, rivals: &[Rival]) -> String {
    let what = match leap {
        LeapIndicator::Insert => "that a second is inserted at the end of this UTC day",
        LeapIndicator::Delete => "that the last second of this UTC day is left out",
        LeapIndicator::NoWarning | LeapIndicator::Unknown => "that there is no leap second today after all",
    };
    let who: Vec<_> = rivals.iter().filter(|rival| rival.may_slew()).map(Rival::to_string).collect();
    let who = match &who[..] {
        [] => "another program, or who steered the clock before,".to_owned(),
        who => format!("another program ({}?)", who.join(", ")),
    };
    format!(
        "{who} has told the kernel {what}; that counts as the word of one source, and the list of leap seconds before it"
    )
}

/// Another program has set the system clock's frequency, to this if it was still seen, and moved it by so much: which one, if some are known
/// that do such things.
pub(super) fn foreign_text(found: Option<FrequencyPpb>, by: Duration, rivals: &[Rival]) -> String {
    let culprits: Vec<_> = rivals.iter().filter(|rival| rival.may_slew()).map(Rival::with_remedy).collect();
    let remedy = match &culprits[..] {
        [] => "it must be stopped, or clock.system be \"observe\"".to_owned(),
        culprits => format!("stop {}, or let clock.system be \"observe\"", culprits.join(", ")),
    };
    let how = found.map_or_else(|| ", or slewed it".to_owned(), |found| format!(" to {found}"));
    format!(
        "{FREQUENCY_SET} the system clock{how}, and moved it by up to {by} (the error bound is as \
         much wider): {remedy}"
    )
}
