use crate::ptp::script::{Script, config, letter, mono};
use crate::ptp::{FOREIGN_MASTER_MAX, PortState};

const SELECTED: &str = "parent_changed; parent A gm=A steps=1; state LISTENING->UNCALIBRATED (parent selected)";

#[test]
fn two_announce_within_four_intervals_qualify_the_creating_one_not_counted() {
    Script::new(config()).play(&format!(
        "0 link up        => state INITIALIZING->LISTENING (started)
         0 announce A seq=1 => -
         1 announce A seq=2 => -
         2 announce A seq=3 => {SELECTED}"
    ));
}

#[test]
fn two_announce_at_the_two_ends_of_the_window_qualify_but_not_beyond_it() {
    Script::new(config()).play(&format!(
        "0 announce A seq=1
         3 announce A seq=2 => -
         7 announce A seq=3 => {SELECTED}"
    ));
    Script::new(config()).play(
        "0 announce A seq=1
         3 announce A seq=2 => -
         # More than four intervals later the record has expired, and this one creates it anew.
         7.000000001 announce A seq=3 => foreign_master_expired
         8 announce A seq=4 => -",
    );
}

#[test]
fn the_window_is_four_of_the_masters_own_intervals() {
    Script::new(config()).play(
        "0   announce A seq=1 int=-2
         0.9 announce A seq=2 int=-2
         # 1.1 s at four a second is too long ago.
         2.0 announce A seq=3 int=-2 => foreign_master_expired
         2.2 announce A seq=4 int=-2 => -
         2.5 announce A seq=5 int=-2 => parent_changed; parent A gm=A steps=1; state LISTENING->UNCALIBRATED (parent selected)",
    );
}

#[test]
fn an_announce_is_newer_by_its_sequence_id_modulo_2_to_the_16() {
    Script::new(config()).play(&format!(
        "0 announce A seq=65534
         1 announce A seq=65534 => announce_not_newer
         1 announce A seq=65533 => announce_not_newer
         1 announce A seq=65535 => -
         2 announce A seq=0     => {SELECTED}"
    ));
}

#[test]
fn a_master_that_restarts_its_sequence_id_is_heard_again_with_its_second_announce() {
    let mut script = Script::following(config());
    script.play(
        "3 announce A seq=3 p1=10 => -
         4 announce A seq=60000 p1=10 => announce_not_newer
         5 announce A seq=60001 p1=10 => -
         6 announce A seq=60002 p1=10 => -",
    );
    // The old one once more, not continued, is no restart.
    script.play(
        "7 announce A seq=59990 p1=10 => announce_not_newer
         7 announce A seq=59990 p1=10 => announce_not_newer",
    );
}

#[test]
fn an_announce_with_255_steps_removed_is_refused() {
    Script::new(config()).play(
        "0 link up
         0 announce A seq=1 steps=255   => steps_removed_excessive
         0 announce A seq=2 steps=65535 => steps_removed_excessive
         0 announce A seq=3 steps=254   => -
         1 announce A seq=4 steps=254   => -
         2 announce A seq=5 steps=254   => parent_changed; parent A gm=A steps=255; state LISTENING->UNCALIBRATED (parent selected)",
    );
}

#[test]
fn an_announce_of_our_own_clock_is_discarded_whatever_its_port() {
    let mut script = Script::new(config());
    script.play(
        "0 announce us seq=1  => state INITIALIZING->LISTENING (started); own_message
         0 announce _2 seq=1  => own_message",
    );
    assert_eq!(script.port.foreign_masters(script.now).count(), 0);
}

#[test]
fn an_announce_with_the_alternate_master_flag_never_enters_the_table() {
    let mut script = Script::new(config());
    script.play(
        "0 announce A seq=1 alternate => state INITIALIZING->LISTENING (started); alternate_master
         1 announce A seq=2 alternate => alternate_master
         2 announce A seq=3 alternate => alternate_master
         3 announce A seq=4 alternate => alternate_master",
    );
    assert_eq!(script.port.foreign_masters(script.now).count(), 0);
    assert_eq!(script.port.state(), PortState::Listening);
}

#[test]
fn only_the_most_recent_announce_of_a_master_is_compared() {
    Script::following(config()).play(
        "2.0 announce B seq=1 p1=5
         2.5 announce B seq=2 p1=5
         # It takes its claim back before it is qualified.
         3.0 announce B seq=3 p1=200 => -
         3.0 announce A seq=3 p1=10  => -
         3.5 announce B seq=4 p1=9   => parent_changed; parent B gm=B steps=1; state SLAVE->UNCALIBRATED (parent changed)",
    );
}

#[test]
fn a_parent_that_loses_some_announce_stays_the_parent() {
    Script::following(config()).play(
        "2 announce B seq=1 p1=20
         3 announce B seq=2 p1=20
         4 announce B seq=3 p1=20 => -
         # Only one Announce of A in four seconds; B has all of them but is worse.
         4.9 announce A seq=4 p1=10 => -
         5 announce B seq=4 p1=20 => -
         7.8 announce A seq=5 p1=10 => -
         8 announce B seq=5 p1=20 => -",
    );
}

#[test]
fn a_flood_of_worse_masters_displaces_nobody() {
    let mut script = Script::following(config());
    script.play(
        "2 announce B seq=1 p1=20
         2.1 announce B seq=2 p1=20
         2.2 announce B seq=3 p1=20",
    );
    for flood in 0..5_000 {
        let (port, at) = (1 + flood % 600, 2.3 + f64::from(flood) * 1e-5);
        script.line(&format!("{at:.6} announce X{port} seq={flood} p1=200"));
        assert!(script.port.foreign_masters(script.now).count() <= FOREIGN_MASTER_MAX);
    }
    // A better one finds its place in the middle of it, and a backup is still there.
    script.play(
        "2.9 announce C seq=1 p1=15 => foreign_master_displaced
         3.0 announce C seq=2 p1=15 => -
         3.1 announce C seq=3 p1=15 => -
         3.2 announce A seq=3 p1=10 => -",
    );
    let qualified = |port: &str| {
        let sender = letter(port);
        script.port.foreign_masters(script.now).any(|foreign| foreign.data.sender == sender && foreign.is_qualified)
    };
    assert!(qualified("A") && qualified("B") && qualified("C"));
}

#[test]
fn a_flood_of_better_masters_that_never_qualify_costs_at_most_one_qualified_place() {
    let mut script = Script::following(config());
    for backup in ["B", "C", "D", "E", "F", "G", "H"] {
        for seq in 0..3 {
            script.line(&format!("2.{seq} announce {backup} seq={seq} p1=20"));
            script.now = mono("2.0");
        }
    }
    script.now = mono("2.2");
    let qualified = |script: &Script| script.port.foreign_masters(script.now).filter(|f| f.is_qualified).count();
    assert_eq!(qualified(&script), FOREIGN_MASTER_MAX);
    for flood in 0..3_000 {
        let (clock, port) = (char::from(b'a' + (flood % 26) as u8), 3_000 - flood);
        script.line(&format!("2.3 announce {clock}{port} seq={flood} p1=0"));
    }
    assert_eq!(qualified(&script), FOREIGN_MASTER_MAX - 1);
    assert_eq!(script.port.parent().unwrap().port, letter("A"), "the parent is never displaced");
}

#[test]
fn a_better_master_gets_in_although_all_places_are_qualified() {
    let mut script = Script::following(config());
    for backup in ["B", "C", "D", "E", "F", "G", "H"] {
        for seq in 0..3 {
            script.now = mono("2.0");
            script.line(&format!("2.{seq} announce {backup} seq={seq} p1=20"));
        }
    }
    script.play(
        "2.3 announce Z seq=1 p1=30 => foreign_master_refused
         2.3 announce I seq=1 p1=5 => foreign_master_displaced
         2.4 announce I seq=2 p1=5 => -
         2.5 announce I seq=3 p1=5 => parent_changed; parent I gm=I steps=1; state SLAVE->UNCALIBRATED (parent changed)",
    );
}

#[test]
fn a_silent_foreign_master_expires() {
    let mut script = Script::following(config());
    script.play(
        "2 announce B seq=1 p1=20
         3 announce A seq=3 p1=10
         6.5 announce A seq=4 p1=10 => foreign_master_expired",
    );
    assert_eq!(script.port.foreign_masters(script.now).count(), 1);
}

#[test]
fn a_master_cannot_make_itself_remembered_for_years() {
    let mut script = Script::following(config());
    // 2^22 s is absurd, the configured 2 s are taken instead; 16 s are the most that is believed.
    script.play(
        "2 announce B seq=1 int=22
         2 announce C seq=1 int=4
         3 announce A seq=3 p1=10 => -
         6 announce A seq=4 p1=10 => -
         9 announce A seq=5 p1=10 => -
         12 announce A seq=6 p1=10 => foreign_master_expired",
    );
}
