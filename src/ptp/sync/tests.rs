use crate::ptp::SYNC_PENDING_MAX;
use crate::ptp::script::{Script, config, render};

fn following() -> Script {
    let mut script = Script::following(config());
    script.play("2 sync A seq=0 t1=90 t2=90.5 => sync_interval 0; sync 90 -> 90.5 corr=0 epoch=1");
    script
}

#[test]
fn a_sync_and_its_follow_up_make_a_pair() {
    following().play(
        "2 sync A seq=1 two t2=100.5 => -
         2 fup A seq=1 t1=100        => sync 100 -> 100.5 corr=0 epoch=1",
    );
}

#[test]
fn follow_up_before_sync_still_pairs() {
    following().play(
        "2 fup A seq=1 t1=100        => -
         2 sync A seq=1 two t2=100.5 => sync 100 -> 100.5 corr=0 epoch=1",
    );
}

#[test]
fn the_corrections_of_sync_and_follow_up_add_up() {
    following().play(
        "2 sync A seq=1 two t2=100.5 cf=3.5 => -
         2 fup A seq=1 t1=100 cf=0.25       => sync 100 -> 100.5 corr=3.75 epoch=1
         2 fup A seq=2 t1=100 cf=-10        => -
         2 sync A seq=2 two t2=100.5 cf=0.0000152587890625 => sync 100 -> 100.5 corr=-9.999984741210938 epoch=1",
    );
}

#[test]
fn pairs_may_be_interleaved() {
    following().play(
        "2 sync A seq=1 two t2=100.5 => -
         2 sync A seq=2 two t2=101.5 => -
         2 fup A seq=1 t1=100        => sync 100 -> 100.5 corr=0 epoch=1
         2 fup A seq=2 t1=101        => sync 101 -> 101.5 corr=0 epoch=1",
    );
}

#[test]
fn a_pair_overtaken_by_a_newer_one_is_given_up() {
    following().play(
        "2 sync A seq=1 two t2=100.5 => -
         2 sync A seq=2 two t2=101.5 => -
         2 fup A seq=2 t1=101        => sync_gap; sync_unpaired; sync 101 -> 101.5 corr=0 epoch=1
         2 fup A seq=1 t1=100        => sync_not_newer",
    );
}

#[test]
fn a_one_step_sync_is_complete_and_clears_what_waits() {
    following().play(
        "2 sync A seq=1 two t2=100.5    => -
         2 fup A seq=2 t1=101           => -
         2 sync A seq=3 t1=102 t2=102.5 => sync_unpaired; follow_up_unpaired; sync_gap; sync 102 -> 102.5 corr=0 epoch=1",
    );
}

#[test]
fn two_step_is_a_matter_of_each_message() {
    following().play(
        "2 sync A seq=1 two t2=100.5    => -
         2 fup A seq=1 t1=100           => sync 100 -> 100.5 corr=0 epoch=1
         2 sync A seq=2 t1=101 t2=101.5 => sync 101 -> 101.5 corr=0 epoch=1
         2 sync A seq=3 two t2=102.5    => -
         2 fup A seq=3 t1=102           => sync 102 -> 102.5 corr=0 epoch=1",
    );
}

#[test]
fn duplicates_of_either_half_are_ignored() {
    following().play(
        "2 sync A seq=1 two t2=100.5 => -
         2 sync A seq=1 two t2=100.7 => sync_not_newer
         2 fup A seq=1 t1=100        => sync 100 -> 100.5 corr=0 epoch=1
         2 fup A seq=1 t1=100        => sync_not_newer
         2 sync A seq=1 two t2=100.7 => sync_not_newer
         2 sync A seq=2 t1=101 t2=101.5 => sync 101 -> 101.5 corr=0 epoch=1
         2 sync A seq=2 t1=101 t2=101.5 => sync_not_newer",
    );
}

#[test]
fn lost_sync_are_a_gap_and_nothing_else() {
    following().play(
        "2 sync A seq=5 two t2=104.5 => -
         2 fup A seq=5 t1=104        => sync_gap; sync 104 -> 104.5 corr=0 epoch=1",
    );
}

#[test]
fn the_sequence_id_of_sync_wraps() {
    let mut script = Script::following(config());
    script.play(
        "2 sync A seq=65535 t1=90 t2=90.5 => sync_interval 0; sync 90 -> 90.5 corr=0 epoch=1
         2 sync A seq=0 two t2=91.5       => -
         2 fup A seq=0 t1=91              => sync 91 -> 91.5 corr=0 epoch=1
         2 sync A seq=65535 t1=90 t2=90.5 => sync_not_newer",
    );
}

#[test]
fn a_master_that_restarts_its_sync_sequence_is_followed_from_its_third_one_on() {
    following().play(
        "2 sync A seq=40000 t1=91 t2=91.5 => sync_not_newer
         2 sync A seq=40001 t1=92 t2=92.5 => sync_not_newer
         2 sync A seq=40002 t1=93 t2=93.5 => sync 93 -> 93.5 corr=0 epoch=1
         2 sync A seq=40003 t1=94 t2=94.5 => sync 94 -> 94.5 corr=0 epoch=1",
    );
    // Also where it is two-step, and some are lost meanwhile.
    following().play(
        "2 sync A seq=1024 t1=91 t2=91.5  => sync_gap; sync 91 -> 91.5 corr=0 epoch=1
         2 sync A seq=10 two t2=92.5      => sync_not_newer
         2 fup A seq=10 t1=92             => sync_not_newer
         2 fup A seq=12 t1=94             => sync_not_newer
         2 sync A seq=12 two t2=94.5      => sync_not_newer
         2 sync A seq=25 two t2=107.5     => -
         2 fup A seq=25 t1=107            => sync 107 -> 107.5 corr=0 epoch=1
         2 fup A seq=26 t1=108            => -
         2 sync A seq=26 two t2=108.5     => sync 108 -> 108.5 corr=0 epoch=1",
    );
}

#[test]
fn what_was_recorded_of_a_master_is_not_used_while_it_is_heard_itself() {
    let mut script = Script::following(config());
    script.play(
        "2 sync A seq=5000 two t2=90.5 => sync_interval 0
         2 fup A seq=5000 t1=90        => sync 90 -> 90.5 corr=0 epoch=1",
    );
    // Two recorded ones between two of now: of a while ago, and of so long ago that they are ahead.
    for (turn, recorded) in (0_u16..).zip([4_000_u16, 7_000, 30_000, 40_000]) {
        let first = 5_001 + 10 * turn;
        for second in 0..5 {
            let now = first + second;
            for replayed in [recorded + 2 * second, recorded + 2 * second + 1] {
                script.play(&format!(
                    "2 sync A seq={replayed} two t2=95 => sync_not_newer
                     2 fup A seq={replayed} t1=50      => sync_not_newer"
                ));
            }
            let gap = if second == 0 && turn > 0 { "sync_gap; " } else { "" };
            script.play(&format!(
                "2 sync A seq={now} two t2=95.5 => -
                 2 fup A seq={now} t1=95        => {gap}sync 95 -> 95.5 corr=0 epoch=1"
            ));
        }
    }
}

#[test]
fn halves_without_their_other_one_are_bounded() {
    let mut script = following();
    for seq in 1..=SYNC_PENDING_MAX {
        assert_eq!(render(&script.line(&format!("2 sync A seq={seq} two t2=100"))), "-");
    }
    script.play(
        "2 sync A seq=50 two t2=105 => sync_unpaired
         2 fup A seq=1 t1=100       => sync_unpaired",
    );
}

#[test]
fn a_half_does_not_wait_for_the_sequence_id_to_come_round() {
    following().play(
        "2 sync A seq=1 two t2=100.5 => -
         2.5 announce A seq=3 p1=10
         5.5 announce A seq=4 p1=10
         7.1 fup A seq=1 t1=100      => sync_unpaired",
    );
}

#[test]
fn a_sync_without_a_receive_stamp_costs_that_sync_only() {
    following().play(
        "2 sync A seq=1 two         => rx_stamp_missing
         2 fup A seq=1 t1=100       => -
         2 sync A seq=2 two t2=101.5 => -
         2 fup A seq=2 t1=101       => sync_gap; follow_up_unpaired; sync 101 -> 101.5 corr=0 epoch=1",
    );
}

#[test]
fn the_sequence_goes_on_beyond_the_wrap_where_some_are_lost_there_and_is_no_recording_of_before_it() {
    let mut script = Script::following(config());
    script.play(
        "2 sync A seq=65530 two t2=90.5 => sync_interval 0
         2 fup A seq=65530 t1=90        => sync 90 -> 90.5 corr=0 epoch=1
         2 sync A seq=65534 two t2=91.5 => -
         2 fup A seq=2 t1=95            => -
         2 sync A seq=2 two t2=95.5     => sync_gap; sync_unpaired; sync 95 -> 95.5 corr=0 epoch=1
         2 fup A seq=65534 t1=91        => sync_not_newer",
    );
    // What was recorded before the wrap, near and far, between those of now.
    for (turn, recorded) in (0_u16..).zip([65_510_u16, 65_000, 50_000, 33_000]) {
        let now = 3 + 2 * turn;
        script.play(&format!(
            "2 sync A seq={recorded} two t2=96 => sync_not_newer
             2 fup A seq={recorded} t1=50      => sync_not_newer
             2 sync A seq={now} two t2=96.5    => -
             2 fup A seq={now} t1=96           => sync 96 -> 96.5 corr=0 epoch=1
             2 sync A seq={} t1=96 t2=96.5     => sync 96 -> 96.5 corr=0 epoch=1",
            now + 1
        ));
    }
    // A hundred are lost at the wrap: a gap, and no restart.
    let mut script = Script::following(config());
    script.play(
        "2 sync A seq=65500 t1=90 t2=90.5 => sync_interval 0; sync 90 -> 90.5 corr=0 epoch=1
         2 sync A seq=64 t1=91 t2=91.5    => sync_gap; sync 91 -> 91.5 corr=0 epoch=1
         2 sync A seq=65 t1=92 t2=92.5    => sync 92 -> 92.5 corr=0 epoch=1",
    );
}
