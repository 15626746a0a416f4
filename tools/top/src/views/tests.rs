//! Frames, to the character. The statuses were said by a daemon in network namespaces, beside ptp4l as the grandmaster and NTP servers of
//! which one was 50 ms ahead; its name is the only thing that was changed in them. The texts in `golden/` are what is shown: after a change on
//! purpose `SYNCHRONOME_WRITE_FRAMES=1` writes them anew, and the difference is to be looked at.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::{Color, Modifier};
use synchronome::observe::Status;

use super::*;
use crate::arguments::Size;
use crate::look::Look;
use crate::once;

const USUAL: Size = Size::USUAL;
const LARGE: Size = Size { columns: 120, rows: 40 };
const NARROW: Size = Size { columns: 40, rows: 15 };
const PLAIN: Look = Look { colour: false, unicode: true };
const COLOUR: Look = Look { colour: true, unicode: true };
const ASCII: Look = Look { colour: false, unicode: false };

const LOCKED: &str = include_str!("../../tests/statuses/locked.json");
const HOLDOVER: &str = include_str!("../../tests/statuses/holdover.json");
const FALSETICKER: &str = include_str!("../../tests/statuses/falseticker.json");
const NEVER_SYNCED: &str = include_str!("../../tests/statuses/never_synced.json");

fn recorded(json: &str) -> Status {
    serde_json::from_str(json).expect("a status")
}

/// A model that has heard this status once a second for two minutes up to 120 s, with offsets that move a little.
fn heard(json: &str, look: Look) -> Model {
    let status = recorded(json);
    let mut model = Model::new(look, 1.0, View::All);
    for second in 0..=120 {
        let mut status = status.clone();
        if let Some(offset) = &mut status.clock.offset_from_master_s {
            *offset += (f64::from(second) / 9.0).sin() * status.clock.bound_s.unwrap_or(0.0) * 0.4;
        }
        model.answered(f64::from(second), Ok(status));
    }
    model
}

fn seen(model: &Model, view: View, size: Size) -> String {
    let model = Model { view, ..model.clone() };
    once::text(&once::frame(&model, 120.4, size))
}

#[track_caller]
fn assert_golden(name: &str, shown: &str) {
    let path = format!("{}/src/views/golden/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("SYNCHRONOME_WRITE_FRAMES").is_some() {
        std::fs::write(&path, shown).expect("a file of ours");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert!(shown == golden, "{name}: shown:\n{shown}\nexpected:\n{golden}");
}

#[test]
fn a_locked_clock_is_shown_as_in_its_golden_frames() {
    let model = heard(LOCKED, PLAIN);
    assert_golden("locked_80x24", &seen(&model, View::All, USUAL));
    assert_golden("locked_120x40", &seen(&model, View::All, LARGE));
    assert_golden("locked_40x15", &seen(&model, View::All, NARROW));
    assert_golden("locked_offset_120x40", &seen(&model, View::Offset, LARGE));
    assert_golden("locked_clocks_80x24", &seen(&model, View::Clocks, USUAL));
}

#[test]
fn a_falseticker_is_shown_as_in_its_golden_frames() {
    let model = heard(FALSETICKER, PLAIN);
    assert_golden("falseticker_80x24", &seen(&model, View::All, USUAL));
    assert_golden("falseticker_40x15", &seen(&model, View::All, NARROW));
    assert_golden("falseticker_sources_80x24", &seen(&model, View::Sources, USUAL));
    assert_golden("falseticker_events_80x24", &seen(&model, View::Events, USUAL));
}

#[test]
fn the_manual_shows_a_frame_as_it_is() {
    let frame = seen(&heard(FALSETICKER, PLAIN), View::All, USUAL);
    assert!(include_str!("../../../../src/manual/watching.md").contains(&frame), "shown:\n{frame}");
}

#[test]
fn a_clock_in_holdover_is_shown_as_in_its_golden_frames() {
    let model = heard(HOLDOVER, PLAIN);
    assert_golden("holdover_80x24", &seen(&model, View::All, USUAL));
    assert_golden("holdover_offset_80x24", &seen(&model, View::Offset, USUAL));
}

#[test]
fn a_clock_that_hears_nothing_is_shown_as_in_its_golden_frames() {
    let model = heard(NEVER_SYNCED, PLAIN);
    assert_golden("never_synced_80x24", &seen(&model, View::All, USUAL));
    assert_golden("never_synced_sources_80x24", &seen(&model, View::Sources, USUAL));
}

fn refused() -> Vec<String> {
    vec![
        "the daemon is not running: nobody answers on /run/x.sock".to_owned(),
        "start it with `synchronome run`".to_owned(),
    ]
}

#[test]
fn a_daemon_that_is_not_there_is_told_as_in_its_golden_frames() {
    let mut model = Model::new(PLAIN, 1.0, View::All);
    assert!(seen(&model, View::All, USUAL).contains("it has not answered yet"));
    model.answered(117.2, Err(refused()));
    assert_golden("absent_80x24", &seen(&model, View::All, USUAL));
    assert_golden("absent_40x15", &seen(&model, View::All, NARROW));
}

#[test]
fn a_daemon_that_has_gone_leaves_what_it_said_with_its_age_and_a_gap_when_it_is_back() {
    let mut model = heard(LOCKED, PLAIN);
    (121..=150).for_each(|second| model.answered(f64::from(second), Err(refused())));
    let gone = once::text(&once::frame(&model, 150.0, USUAL));
    assert_golden("gone_80x24", &gone);
    for words in ["no answer for 29 s", "all below is of 30 s ago, when it was LOCKED", "sources, as of 30 s ago"] {
        assert!(gone.contains(words), "{words}");
    }
    (151..=170).for_each(|second| model.answered(f64::from(second), Ok(recorded(LOCKED))));
    model.span = 0;
    let back = once::text(&once::frame(&model, 170.0, USUAL));
    assert_golden("back_80x24", &back);
    assert!(back.contains(" no answer ") && !back.contains("as of"), "{back}");
}

/// In every view at every size: a frame, and the word for the state in it.
#[test]
fn no_size_is_too_small_to_draw_and_from_40_columns_on_the_state_is_read() {
    for json in [LOCKED, HOLDOVER, FALSETICKER, NEVER_SYNCED] {
        let mut model = heard(json, PLAIN);
        let state = recorded(json).state.word();
        for view in View::ALL {
            for (columns, rows) in (0..50).map(|n| (n * 3, n)).chain([(1, 60), (200, 1), (40, 15), (300, 90)]) {
                let frame = seen(&model, view, Size { columns, rows });
                assert!(columns < 40 || rows < 4 || frame.contains(state), "{columns}x{rows}:\n{frame}");
            }
        }
        model.is_helping = true;
        assert!(seen(&model, View::All, USUAL).contains("Ctrl-C"));
    }
}

/// What no_color.org asks for, and more: without colour each thing is still told by a word or a sign.
#[test]
fn without_colour_no_cell_has_one_and_every_verdict_is_a_word() {
    for (look, is_coloured) in [(PLAIN, false), (COLOUR, true)] {
        let mut colours = 0;
        for view in View::ALL {
            let model = Model { view, ..heard(FALSETICKER, look) };
            let frame = once::frame(&model, 120.4, LARGE);
            colours += frame.content.iter().filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset).count();
        }
        assert_eq!(colours > 0, is_coloured, "{colours} cells");
    }
    // The characters are the same with colour and without.
    for view in View::ALL {
        assert_eq!(seen(&heard(FALSETICKER, PLAIN), view, LARGE), seen(&heard(FALSETICKER, COLOUR), view, LARGE));
    }
    let frame = seen(&heard(FALSETICKER, PLAIN), View::Sources, LARGE);
    assert!(["steers", "guards", "FALSETICKER"].iter().all(|word| frame.contains(word)), "{frame}");
}

#[test]
fn where_the_locale_has_no_more_all_is_ascii() {
    for json in [LOCKED, FALSETICKER] {
        let mut status = recorded(json);
        status.sources[0].name = "Zürich".to_owned();
        let mut model = heard(json, ASCII);
        model.answered(120.2, Ok(status));
        for view in View::ALL {
            let frame = seen(&model, view, LARGE);
            assert!(frame.is_ascii(), "{frame}");
        }
        assert_golden("ascii_80x24", &seen(&heard(LOCKED, ASCII), View::All, USUAL));
    }
}

/// Through the terminal of ratatui's tests, which keeps what a terminal would: also when its size changes.
#[test]
fn a_terminal_shows_the_same_frame_and_another_one_when_its_size_changes() {
    let model = heard(FALSETICKER, COLOUR);
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    for size in [USUAL, LARGE, NARROW, USUAL] {
        terminal.backend_mut().resize(size.columns, size.rows);
        let drawn = terminal.draw(|frame| {
            draw(&model, 120.4, frame.area(), frame.buffer_mut());
        });
        drawn.unwrap();
        terminal.backend().assert_buffer(&once::frame(&model, 120.4, size));
    }
    let strong =
        terminal.backend().buffer().content.iter().filter(|cell| cell.modifier.contains(Modifier::BOLD)).count();
    assert!(strong > 20, "{strong}");
}

#[test]
fn scrolling_moves_what_is_long_and_ends_with_it() {
    let mut model = heard(FALSETICKER, PLAIN);
    let top = seen(&model, View::Events, USUAL);
    model.scroll = 3;
    let lower = seen(&model, View::Events, USUAL);
    let [top, lower]: [Vec<_>; 2] = [top.lines().collect(), lower.lines().collect()];
    let title = top.iter().position(|line| line.starts_with("events")).expect("a title");
    assert_eq!(
        (top[title], top[title + 4]),
        (lower[title], lower[title + 1]),
        "the title stays, the fourth line is the first"
    );
    model.scroll = usize::MAX;
    let last = seen(&model, View::Events, USUAL);
    assert!(!last.contains("more: scroll") && last.contains("the list of leap sec"), "{last}");
}

#[test]
fn rows_are_shared_by_need_first_and_then_in_turn() {
    let want = |min, most| Want { min, most };
    assert_eq!(shared(20, [want(5, usize::MAX), want(4, 5), want(4, 6), want(2, 9)]), [7, 5, 5, 3]);
    assert_eq!(shared(9, [want(5, usize::MAX), want(4, 5), want(4, 6), want(2, 9)]), [5, 4, 0, 0]);
    assert_eq!(shared(4, [want(5, 9), want(4, 5)]), [0, 4], "what does not fit is left out");
    assert_eq!(shared(30, [want(1, 2), want(1, 3)]), [2, 3], "nobody takes more than he uses");
}
