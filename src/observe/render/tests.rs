//! The texts in `golden/` are what is shown, to the byte. After a change on purpose look at the difference that the
//! test prints, and copy it there.

use super::super::examples::{hardware, holdover, lacking, locked, never_synced, several, waiting};
use super::super::status::PhcStatus;
use super::*;

const PLAIN: Style = Style { colour: false, unicode: true };

#[test]
fn sources_stand_side_by_side_with_their_intervals_on_one_axis() {
    let mut sources = several().sources;
    // An axis on which all three can be seen.
    for (source, (offset, distance)) in sources.iter_mut().zip([(0.0, 5e-6), (2e-6, 20e-6), (-32e-6, 8e-6)]) {
        (source.offset_s, source.distance_s) = (Some(offset), Some(distance));
    }
    let text = sources_table(&sources);
    assert_eq!(text, include_str!("golden/sources.txt"), "shown:\n{text}");
    assert!(sources_table(&[]).starts_with("there is no source"));
}

fn assert_golden(status: &Status, golden: &str) {
    let text = render(status, PLAIN);
    assert!(text == golden, "shown:\n{text}\nexpected:\n{golden}");
}

#[test]
fn a_locked_clock_is_shown_as_in_its_golden_text() {
    assert_golden(&locked(), include_str!("golden/locked.txt"));
}

#[test]
fn a_clock_that_hears_nothing_is_shown_as_in_its_golden_text() {
    assert_golden(&never_synced(), include_str!("golden/never_synced.txt"));
}

#[test]
fn a_clock_in_holdover_is_shown_as_in_its_golden_text() {
    assert_golden(&holdover(), include_str!("golden/holdover.txt"));
}

#[test]
fn a_port_that_waits_for_its_interface_is_shown_as_in_its_golden_text() {
    assert_golden(&waiting(), include_str!("golden/waiting.txt"));
}

#[test]
fn a_missing_capability_is_shown_as_in_its_golden_text() {
    assert_golden(&lacking(), include_str!("golden/lacking.txt"));
}

#[test]
fn hardware_clocks_are_shown_as_in_their_golden_text() {
    assert_golden(&hardware(), include_str!("golden/hardware.txt"));
}

#[test]
fn several_sources_are_shown_as_in_their_golden_text() {
    assert_golden(&several(), include_str!("golden/several.txt"));
}

#[test]
fn a_clock_of_which_nothing_is_known_yet_is_shown_without_figures() {
    let mut status = never_synced();
    status.phcs = vec![PhcStatus { name: "eth0".to_owned(), device: "/dev/ptp0".to_owned(), ..PhcStatus::default() }];
    let text = render(&status, PLAIN);
    assert!(text.contains("  phc eth0 NEVER_SYNCED        /dev/ptp0, only read, follower\n"), "{text}");
    assert!(text.contains(" bound unknown\n") && !text.contains("crossings"), "{text}");
}

#[test]
fn workers_that_were_replaced_are_shown() {
    let mut status = locked();
    assert!(!render(&status, PLAIN).contains("replaced"));
    status.ntp_server.as_mut().expect("it serves").worker_restarts = 2;
    let text = render(&status, PLAIN);
    assert!(text.contains("2 workers ended unasked and were replaced: see events\n"), "{text}");
}

#[test]
fn colours_and_their_absence_change_no_word() {
    for status in [locked(), holdover(), never_synced(), waiting(), lacking(), hardware(), several()] {
        let mut coloured = render(&status, Style { colour: true, unicode: true });
        assert!(coloured.contains('\x1b'));
        for sgr in ["0", "1", "2", "31", "32", "33"] {
            coloured = coloured.replace(&format!("\x1b[{sgr}m"), "");
        }
        let trimmed: Vec<_> = coloured.lines().map(str::trim_end).collect();
        assert_eq!(trimmed, render(&status, PLAIN).lines().collect::<Vec<_>>());
    }
}

#[test]
fn a_terminal_without_unicode_gets_ascii_only() {
    for status in [locked(), holdover(), hardware()] {
        assert!(render(&status, Style::default()).is_ascii());
    }
}

#[test]
fn what_is_wrong_stands_above_every_figure() {
    let mut status = holdover();
    status.truth.as_mut().unwrap().violations = 3;
    status.rings_dropped.insert("observations".to_owned(), 7);
    let text = render(&status, PLAIN);
    let at = |needle: &str| text.find(needle).unwrap_or_else(|| panic!("{needle} in\n{text}"));
    let order = [
        at("HOLDOVER 45 s"),
        at("! the true error left the claimed bound 3 times"),
        at("! no sample for four intervals"),
        at("! 7 records lost in the full ring observations"),
        at("bound    46.4 us"),
    ];
    assert!(order.is_sorted(), "{text}");
}

#[test]
fn a_port_that_is_not_followed_has_nothing_below_it() {
    let mut status = locked();
    let mut other = status.ptp[0].clone();
    (other.interface, other.port_state) = ("vb1".to_owned(), "LISTENING".to_owned());
    (other.parent, other.grandmaster) = (None, None);
    status.ptp.push(other);
    let text = render(&status, PLAIN);
    let nodes: Vec<_> = text.lines().filter(|line| line.contains("└─ ") || line.contains("vb1")).collect();
    assert!(nodes[0].starts_with("  └─ vb0 SLAVE") && nodes[1].starts_with("     └─ clock LOCKED"), "{text}");
    assert!(nodes.last().unwrap().starts_with("  vb1 LISTENING"), "{text}");
}

#[test]
fn a_status_with_nothing_in_it_is_shown_too() {
    let text = render(&Status::default(), PLAIN);
    assert!(text.contains("! there is no PTP port, so there is no source of time"), "{text}");
    assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
}
