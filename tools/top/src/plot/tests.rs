//! The picture, character by character.

use synchronome::observe::Status;
use synchronome::observe::status::{ClockStatus, TruthStatus};

use super::*;
use crate::once::lines;

const ASCII: Look = Look { colour: false, unicode: false };
const UNICODE: Look = Look { colour: false, unicode: true };

fn status(bound_s: Option<f64>, offset_s: Option<f64>) -> Status {
    let clock = ClockStatus {
        bound_s,
        offset_from_master_s: offset_s,
        last_sample_age_s: offset_s.map(|_| 0.0),
        ..ClockStatus::default()
    };
    Status { clock, ..Status::default() }
}

/// Answers of seconds from 0 on, so that each stands in two columns of a second, and the band is as wide as either says; `None`: there was none.
fn history(answers: &[Option<(f64, f64)>]) -> History {
    let mut history = History::new(1.0);
    for (second, answer) in answers.iter().enumerate() {
        if let Some((bound, offset)) = answer {
            history.add(second as f64, &status(Some(*bound), Some(*offset)));
        }
    }
    history
}

/// The picture of the last `span` seconds in so many columns and rows, the axes not counted.
fn drawn(history: &History, now: f64, look: Look, (columns, rows): (u16, u16), span: f64) -> Vec<String> {
    let area = Rect::new(0, 0, columns + LABEL_WIDTH, rows + 1);
    let mut buffer = Buffer::empty(area);
    Plot { history, now, span: (span, "10 s"), look, with_truth: true }.draw(area, &mut buffer);
    lines(&buffer)
}

#[test]
fn the_bound_is_a_band_around_zero_and_offsets_are_marks_in_it() {
    let answers: Vec<_> = (0..10).map(|second| Some((if second < 5 { 4.5e-6 } else { 2.2e-6 }, 1.5e-6))).collect();
    let shown = drawn(&history(&answers), 9.0, ASCII, (10, 9), 10.0);
    let expected = [
        "   +5 us ::::::",
        "         ::::::",
        "         ::::::::::",
        "         oooooooooo",
        "       0 ----------",
        "         ::::::::::",
        "         ::::::::::",
        "         ::::::",
        "   -5 us ::::::",
        "         10 s ago",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn a_gap_stays_empty_is_named_and_nothing_is_drawn_before_the_first_answer() {
    let mut answers = vec![Some((1e-6, 0.0)); 8];
    answers.extend([None; 16]);
    answers.extend([Some((1e-6, 0.0)); 4]);
    let shown = drawn(&history(&answers), 27.0, ASCII, (32, 3), 32.0);
    let expected = [
        "   +2 us     ::::::::::              ::::",
        "       0     oooooooo--  no answer   oooo",
        "   -2 us     ::::::::::              ::::",
        "         10 s ago                     now",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn where_there_was_no_bound_it_says_so_and_draws_none() {
    let mut history = History::new(1.0);
    (0..12).for_each(|second| history.add(f64::from(second), &status(None, None)));
    let shown = drawn(&history, 11.0, ASCII, (12, 3), 12.0);
    assert_eq!(shown, ["", "           no bound", "", "         10 s ago now"]);
}

#[test]
fn what_the_axis_does_not_reach_is_marked_at_its_edge() {
    let mut answers = vec![Some((1.0, 0.5)), Some((1.0, -0.5))];
    answers.extend([Some((1e-6, 0.0)); 6]);
    let shown = drawn(&history(&answers), 7.0, ASCII, (8, 5), 8.0);
    let expected =
        ["   +5 us ^^^", "         :::", "       0 --oooooo", "         :::", "   -5 us vvv", "         10 s ago"];
    assert_eq!(shown, expected, "four times the latest bound, and no flat line for the days after the first second");
}

#[test]
fn braille_has_eight_dots_a_cell_and_leaves_the_band_around_them() {
    let answers: Vec<_> = (0..4).map(|second| Some((0.9e-6, [0.9e-6, 0.4e-6, -0.1e-6, -0.9e-6][second]))).collect();
    let shown = drawn(&history(&answers), 3.0, UNICODE, (2, 3), 4.0);
    assert_eq!(shown, ["   +1 us ⢁░", "       0 ─⠄", "   -1 us ░⢀", "         1…"].map(str::to_owned), "{shown:#?}");
}

#[test]
fn the_true_error_has_a_sign_of_its_own() {
    let mut history = History::new(1.0);
    for second in 0..4 {
        let truth = Some(TruthStatus { error_s: Some(-0.5e-6), ..TruthStatus::default() });
        history.add(f64::from(second), &Status { truth, ..status(Some(0.9e-6), Some(0.5e-6)) });
    }
    let shown = drawn(&history, 3.0, ASCII, (4, 5), 4.0);
    assert_eq!(shown[..5], ["   +1 us ::::", "         oooo", "       0 ----", "         xxxx", "   -1 us ::::"]);
}

#[test]
fn an_area_without_room_is_left_alone() {
    let history = history(&[Some((1e-6, 0.0)); 4]);
    for (columns, rows) in [(0, 0), (0, 3), (3, 0)] {
        drawn(&history, 3.0, ASCII, (columns, rows), 4.0);
    }
}

#[test]
fn axes_end_at_round_figures() {
    let ends = [1.0, 1.01, 2.4, 5.5, 9.9, 10.0].map(|value| nice(value * 1e-6) * 1e6);
    let expected = [1.0, 2.0, 5.0, 10.0, 10.0, 10.0];
    assert!(ends.iter().zip(expected).all(|(end, expected)| (end - expected).abs() < 1e-9), "{ends:?}");
    assert_eq!([500e-9, 2e-6, 50.3e-3, 1.0, 100e-6].map(round_seconds), ["500 ns", "2 us", "50.3 ms", "1 s", "100 us"]);
}
