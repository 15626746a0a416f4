//! Whether a world's clocks can have slewed by its end what they must.
//!
//! A jump of less than `step_later` is slewed, by what a clock's commands can do beside what makes up for its oscillator. Most cards can
//! be told hundreds of parts per million and are done within minutes; a weak one that has 5 ppm to spare needs an hour for 20 ms, and is
//! rightly not LOCKED until then.

use super::{Drawn, Event, STEP_LATER_MS};

/// What a clock has to spare if nothing else is drawn, as a ratio: 500 ppm, less what an oscillator is drawn with and a host may be
/// set to.
pub(super) const RESERVE: f64 = 390e-6;
/// Of what it has to spare so much is counted on.
const SHARE: f64 = 0.5;

/// Whether every clock of every host can be done with its slewing.
pub(super) fn is_drained(world: &Drawn, events: &[Event]) -> bool {
    (0..world.hosts.len()).all(|index| {
        let of_host = |what: &'static str| {
            move |event: &&Event| event.what == "master_step" || (event.what == what && event.host == index)
        };
        let has_time = |what, reserve| is_done(events.iter().filter(of_host(what)), reserve, world.duration_s);
        has_time("set_clock", RESERVE) && has_time("phc_jump", world.hosts[index].card_reserve)
    })
}

/// Whether all these are slewed by `until_s`, each in its turn.
fn is_done<'e>(events: impl Iterator<Item = &'e Event>, reserve: f64, until_s: f64) -> bool {
    let is_slewed = |event: &&Event| event.by_s.abs() < STEP_LATER_MS as f64 * 1e-3;
    let mut slewed: Vec<_> = events.filter(is_slewed).map(|event| (event.at_s, event.by_s.abs())).collect();
    slewed.sort_by(|a, b| a.0.total_cmp(&b.0));
    let rate = reserve * SHARE;
    let done_at = slewed.iter().fold(0.0, |done_at, (at, by)| f64::max(done_at, *at) + by / rate);
    done_at <= until_s
}

#[cfg(test)]
mod tests {
    use super::super::Host;
    use super::*;

    fn world(card_reserve: f64) -> Drawn {
        let hosts = vec![Host { is_kernel: false, card_reserve }];
        Drawn { masters: 1, hosts, duration_s: 3_600.0, leap: false, has_servers: false }
    }

    fn jumps(what: &'static str, by_s: f64) -> Vec<Event> {
        vec![Event { what, host: 0, at_s: 1_211.0, by_s }]
    }

    #[test]
    fn a_weak_card_that_jumps_by_less_than_is_stepped_is_not_done_within_the_hour() {
        assert!(!is_drained(&world(5.6e-6), &jumps("phc_jump", -16.1e-3)));
        assert!(is_drained(&world(5.6e-6), &jumps("phc_jump", -1.6e-3)));
        assert!(is_drained(&world(5.6e-6), &jumps("phc_jump", -161e-3)), "that is stepped");
        assert!(is_drained(&world(RESERVE), &jumps("phc_jump", -16.1e-3)), "a strong one is");
    }

    #[test]
    fn a_step_of_the_master_is_slewed_by_all_and_what_is_set_by_the_system_clock_alone() {
        assert!(!is_drained(&world(5.6e-6), &jumps("master_step", 32e-3)));
        assert!(is_drained(&world(5.6e-6), &jumps("set_clock", 32e-3)));
    }

    #[test]
    fn what_is_slewed_adds_up() {
        let all: Vec<_> = (0..5).flat_map(|_| jumps("phc_jump", 90e-3)).collect();
        assert!(is_drained(&world(RESERVE), &all));
        let twelve: Vec<_> = (0..12).flat_map(|_| jumps("phc_jump", 90e-3)).collect();
        assert!(!is_drained(&world(RESERVE), &twelve));
    }
}
