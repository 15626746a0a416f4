//! `synchronome simulate --campaign N`: random worlds.
//!
//! A scenario that somebody has thought of shows what he has thought of. Here a seed draws the topology, the parameters and
//! what goes wrong, as the text of a scenario file; so a failure *is* a file, that runs again with `synchronome simulate
//! FILE`, can be cut down by hand, and joins `config/scenarios` under a name once it is mended. No limits of accuracy are
//! set, since nobody knows them; the rules of the checker hold in any world, and the last quarter of an hour is
//! left in peace, so that every host must be LOCKED at the end, unless messages are lost all the time, or a clock has more to slew than
//! it can until then.
//!
//! In some worlds there are NTP servers beside the masters. They vote on the leap second, and there is no list of them. One may lie of it, and of the time, always or at times: by more than any bound there,
//! since what is hidden by the others' bounds nobody can find out, and only where all others together can outvote it. Where a
//! master is wrong for good and NTP servers are not, it may be that nobody steers at the end.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use super::run::Outcome;
use super::{Args, run_all, scenario, write_trace};
use crate::cli::print;
use crate::engine::Random;
use crate::sim::SAMPLES_MAX;

mod draining;

/// Nothing happens for so long at the end, in seconds.
const PEACE_S: f64 = 900.0;
/// Nor at the beginning.
const SETTLING_S: f64 = 30.0;
/// A world has at least as long for its disturbances as for its peace.
pub const HOURS_MIN: f64 = 0.5;
/// The longest world.
pub const HOURS_MAX: f64 = 1_000.0;
/// The most disturbances of one world.
const EVENTS_MAX: u64 = 12;
/// The most NTP servers of one world.
const SERVERS_MAX: u64 = 4;
/// The most disturbances of them.
const SERVER_EVENTS_MAX: u64 = 4;
/// When a liar comes at the earliest: the others do within 30 s, and are asked each minute or more often.
const LIAR_STARTS_S: f64 = 100.0;
/// The least lie, as a decimal logarithm of seconds: more than any path there and back.
const LIE_MIN: f64 = -1.0;
/// From this on a host steps once it has been right; below, it slews.
const STEP_LATER_MS: u64 = 100;
/// Worlds between two looks at the real time.
const BATCH: u64 = 8;

/// Makes the worlds, and tells what came of them.
pub fn run(args: &Args, worlds: u64) -> ExitCode {
    let first = args.seed.unwrap_or(1);
    let begin = Instant::now();
    let (mut done, mut failed) = (0, 0);
    while done < worlds {
        if args.within.is_some_and(|within| begin.elapsed() >= within.to_std()) {
            break;
        }
        let batch = BATCH.min(worlds - done);
        for (seed, text, outcome) in run_all(batch, |index| world(first + done + index, args.hours)) {
            if !outcome.broken.is_empty() {
                failed += 1;
                tell(args, seed, &text, &outcome);
            }
        }
        done += batch;
    }
    let hours = done as f64 * args.hours;
    let verdict = if failed == 0 { "no rule broken".to_owned() } else { format!("{failed} FAILED") };
    print(&format!(
        "{done} random worlds from seed {first} on, {hours} h of virtual time ({:.3} years): {verdict}\n",
        hours / (24.0 * 365.25)
    ));
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn world(seed: u64, hours: f64) -> (u64, String, Outcome) {
    let text = text(seed, hours);
    let scenario = scenario::load(&text, "campaign").unwrap_or_else(|errors| panic!("{errors}{text}"));
    let outcome = super::run::run(&scenario, seed);
    (seed, text, outcome)
}

fn tell(args: &Args, seed: u64, text: &str, outcome: &Outcome) {
    let path = args.out.join(format!("campaign-{seed}.toml"));
    let broken: Vec<_> = outcome.broken.iter().map(ToString::to_string).collect();
    print(&format!("seed {seed}: {}\n", broken.join("; ")));
    match std::fs::write(&path, text) {
        Ok(()) => print(&format!("the same again: synchronome simulate {}\n", path.display())),
        Err(error) => eprintln!("{}: cannot be written: {error}", path.display()),
    }
    if let Ok(scenario) = scenario::load(text, "campaign") {
        write_trace(&path.with_extension("trace"), &scenario, outcome);
    }
}

/// Draws parameters.
struct Draw(Random);

impl Draw {
    fn happens(&mut self, share: f64) -> bool {
        self.0.unit() < share
    }

    fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.0.unit()
    }

    /// Spread evenly over decades from `10^from` on.
    fn decades(&mut self, from: f64, to: f64) -> f64 {
        libm::pow(10.0, self.between(from, to))
    }

    fn one(&mut self, of: &[&'static str]) -> &'static str {
        of[self.0.below(of.len() as u64) as usize]
    }

    fn sign(&mut self) -> f64 {
        if self.happens(0.5) { 1.0 } else { -1.0 }
    }
}

/// Nanoseconds as the file wants them.
fn ns(seconds: f64) -> String {
    format!("\"{}ns\"", (seconds * 1e9).round())
}

/// The scenario of a seed.
pub fn text(seed: u64, hours: f64) -> String {
    let mut draw = Draw(Random::seeded(seed).branch(4_711));
    let duration_s = hours * 3_600.0;
    let mut file = String::new();
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(file, "# Drawn by `synchronome simulate --campaign`, seed {seed}.");
    let _ = writeln!(file, "about = \"Random world {seed}.\"\nduration = \"{duration_s}s\"\nseed = {seed}");
    let _ = writeln!(file, "sample = \"{}ms\"", 125.max((duration_s * 1e3 / SAMPLES_MAX as f64).ceil() as u64));
    let leap = draw.happens(0.1);
    if leap {
        let midnight = draw.between(SETTLING_S.max(200.0), duration_s - PEACE_S);
        let which = draw.one(&["insert", "delete"]);
        let _ = writeln!(file, "midnight = {}\nleap = \"{which}\"", ns(midnight.round()));
    }
    let masters = 1 + draw.0.below(3);
    let (mut is_lossy, mut is_agreed) = (false, true);
    for index in 0..masters {
        let drawn = master(&mut file, &mut draw, index);
        is_lossy |= drawn.is_lossy;
        is_agreed &= !drawn.is_wrong;
    }
    // Of their own, so that a world without them is what it was before there were any.
    let mut of_servers = Draw(Random::seeded(seed).branch(4_712));
    let has_servers = of_servers.happens(0.4);
    // A server's path is up to 10 ms long, which nobody can be surer of than.
    let lock_limit_ms = if has_servers { 20 } else { 5 };
    let hosts = 1 + draw.0.below(2);
    let hosts: Vec<_> = (0..hosts).map(|index| host(&mut file, &mut draw, index, lock_limit_ms)).collect();
    let world = Drawn { masters, hosts, duration_s, leap, has_servers };
    let events: Vec<_> = (0..draw.0.below(EVENTS_MAX + 1)).map(|_| event(&mut file, &mut draw, &world)).collect();
    is_agreed &= events.iter().all(|event| event.what != "master_step");
    if has_servers {
        let mut of_leaps = Draw(Random::seeded(seed).branch(4_713));
        is_lossy |= ntp_servers(&mut file, &mut of_servers, &mut of_leaps, duration_s);
    }
    // Where a fifth of all Announce is lost, three in a row are now and then, and at some ends that was a moment ago.
    let is_unsure = is_lossy || (has_servers && !is_agreed) || !draining::is_drained(&world, &events);
    let end_state = if is_unsure { "any" } else { "LOCKED" };
    let _ = writeln!(file, "\n[limits]\nend_state = \"{end_state}\"");
    file
}

/// What of a world its events must fit.
struct Drawn {
    masters: u64,
    hosts: Vec<Host>,
    duration_s: f64,
    leap: bool,
    has_servers: bool,
}

/// What of a host its events must fit.
struct Host {
    /// It has kernel stamps, and no card.
    is_kernel: bool,
    /// What the commands of its card can do beside what makes up for the card's oscillator, as a ratio.
    card_reserve: f64,
}

/// What happens, and by how much if it is a jump, in seconds.
struct Event {
    what: &'static str,
    host: usize,
    at_s: f64,
    by_s: f64,
}

/// What of a master matters for the others.
struct Master {
    /// Its messages are lost for good.
    is_lossy: bool,
    /// Its clock is.
    is_wrong: bool,
}

fn master(file: &mut String, draw: &mut Draw, index: u64) -> Master {
    let (two_step, interval) = (draw.happens(0.8), -(draw.0.below(5) as i64));
    let _ = writeln!(file, "\n[[master]]\nname = \"gm{index}\"\npriority1 = {}", 100 + 10 * index);
    let _ =
        writeln!(file, "two_step = {two_step}\nsync_interval = {interval}\nstarts = {}", ns(draw.between(0.0, 20.0)));
    let is_wrong = draw.happens(0.2);
    if is_wrong {
        let _ = writeln!(file, "error = {}", ns(draw.sign() * draw.decades(-7.0, -3.0)));
    }
    let (delay, jitter) = (draw.decades(-6.0, -4.0), draw.decades(-8.0, -5.3));
    let _ = writeln!(file, "[master.path]\ndelay = {}\njitter = {}", ns(delay), ns(jitter));
    let shape = draw.one(&["exponential", "exponential", "erlang2", "gaussian", "lognormal"]);
    let _ = writeln!(file, "shape = \"{shape}\"\nasymmetry = {}", ns(delay * draw.between(-0.8, 0.8)));
    let is_lossy = draw.happens(0.3);
    if is_lossy {
        let _ = writeln!(file, "loss = {:.3}\nduplication = {:.3}", draw.between(0.0, 0.3), draw.between(0.0, 0.1));
    }
    if draw.happens(0.3) {
        let (every, lasts) = (draw.between(20.0, 300.0), draw.between(0.5, 10.0));
        let _ = writeln!(file, "burst_every = {}\nburst_lasts = {}", ns(every), ns(lasts));
        let _ = writeln!(file, "burst_jitter = {}", ns(draw.decades(-5.0, -3.7)));
    }
    if draw.happens(0.4) {
        let transparent = draw.happens(0.4);
        let _ = writeln!(file, "switches = {}\nload = {:.2}", 1 + draw.0.below(4), draw.between(0.0, 0.7));
        let _ = writeln!(file, "transparent = {transparent}");
    }
    Master { is_lossy, is_wrong }
}

/// One to four NTP servers, one of them a liar at times, and what happens to them. Whether messages are lost for good.
fn ntp_servers(file: &mut String, draw: &mut Draw, of_leaps: &mut Draw, duration_s: f64) -> bool {
    let count = 1 + draw.0.below(SERVERS_MAX);
    // Two others at least, so that it is outvoted also while the port hears no master.
    let liar = (count > 2 && draw.happens(0.7)).then(|| draw.0.below(count));
    let lies_always = draw.happens(0.5);
    let mut is_lossy = false;
    for index in 0..count {
        let (poll, interleaved) = (draw.0.below(7), draw.happens(0.3));
        // What is measured by interleaved answers is of a poll ago, and the checker counts from when it is heard.
        let interleaved = interleaved && liar != Some(index);
        let _ = writeln!(file, "\n[[ntp]]\nname = \"ntp{index}\"\npoll = {poll}\ninterleaved = {interleaved}");
        // Who is heard alone is believed, whatever it says: a liar comes when the others are there.
        let latest = if liar == Some(index) { LIAR_STARTS_S } else { 0.0 };
        let (stratum, starts) = (1 + draw.0.below(4), latest + draw.between(0.0, 30.0));
        let _ = writeln!(file, "stratum = {stratum}\nstarts = {}", ns(starts));
        let (dispersion, departs_late) = (draw.decades(-5.0, -3.0), draw.decades(-6.0, -4.0));
        let _ = writeln!(file, "root_dispersion = {}\ndeparts_late = {}", ns(dispersion), ns(departs_late));
        if liar == Some(index) && of_leaps.happens(0.5) {
            let _ = writeln!(file, "leap = \"{}\"", of_leaps.one(&["none", "insert", "delete"]));
        }
        let is_preferred = draw.happens(0.1);
        if liar == Some(index) && lies_always {
            let _ = writeln!(file, "lie = {}", ns(draw.sign() * draw.decades(LIE_MIN, 2.0)));
        } else if is_preferred {
            let _ = writeln!(file, "prefer = true");
        }
        let (delay, jitter) = (draw.decades(-4.3, -2.0), draw.decades(-6.0, -3.3));
        let _ = writeln!(file, "[ntp.path]\ndelay = {}\njitter = {}", ns(delay), ns(jitter));
        let shape = draw.one(&["exponential", "exponential", "erlang2", "gaussian", "lognormal"]);
        let _ = writeln!(file, "shape = \"{shape}\"\nasymmetry = {}", ns(delay * draw.between(-0.8, 0.8)));
        if draw.happens(0.3) {
            is_lossy = true;
            let _ = writeln!(file, "loss = {:.3}\nduplication = {:.3}", draw.between(0.0, 0.3), draw.between(0.0, 0.1));
        }
    }
    for _ in 0..draw.0.below(SERVER_EVENTS_MAX + 1) {
        let latest = duration_s - PEACE_S;
        let at = draw.between(SETTLING_S, latest);
        let until = (at + draw.between(20.0, 300.0)).min(latest);
        let server = draw.0.below(count);
        match liar.filter(|_| !lies_always && draw.happens(0.5)) {
            Some(liar) => {
                let by = draw.sign() * draw.decades(LIE_MIN, 1.0);
                for (at, by) in [(at, by), (until, -by)] {
                    let _ = writeln!(file, "\n[[event]]\nat = {}\nwhat = \"server_step\"", ns(at));
                    let _ = writeln!(file, "who = \"ntp{liar}\"\nby = {}", ns(by));
                }
            }
            None if draw.happens(0.5) => {
                let _ = writeln!(file, "\n[[event]]\nat = {}\nwhat = \"link_down\"", ns(at));
                let _ = writeln!(file, "who = \"ntp{server}\"\nfor = {}", ns(until - at));
            }
            None => {
                let _ = writeln!(file, "\n[[event]]\nat = {}\nwhat = \"path\"\nwho = \"ntp{server}\"", ns(at));
                let (delay, loss) = (draw.decades(-4.3, -2.0), draw.between(0.0, 0.5));
                let _ = writeln!(file, "for = {}\ndelay = {}\nloss = {loss:.2}", ns(until - at), ns(delay));
            }
        }
    }
    is_lossy
}

fn host(file: &mut String, draw: &mut Draw, index: u64, lock_limit_ms: u32) -> Host {
    let is_kernel = draw.happens(0.35);
    let mut card_reserve = draining::RESERVE;
    let stamps = if is_kernel { "kernel" } else { "hardware" };
    let servo = if draw.happens(0.25) { "pi" } else { "estimator" };
    let _ = writeln!(file, "\n[[host]]\nname = \"host{index}\"\nstamps = \"{stamps}\"\nservo = \"{servo}\"");
    let _ = writeln!(
        file,
        "step_later = \"{STEP_LATER_MS}ms\"\nlock_limit = \"{lock_limit_ms}ms\"\ntai_utc = 37\nkernel_leaps = {}",
        draw.happens(0.7)
    );
    for clock in if is_kernel { &["system"][..] } else { &["system", "phc"] } {
        let (offset, frequency) = (draw.sign() * draw.decades(-6.0, 2.0), draw.between(-6e4, 6e4));
        let _ = writeln!(file, "[host.{clock}]\noffset = {}\nfrequency = \"{frequency:.1}ppb\"", ns(offset));
        let _ = writeln!(file, "wander = {:e}\nwhite = {:e}", draw.decades(-11.0, -8.0), draw.decades(-12.0, -9.0));
        let _ =
            writeln!(file, "flicker = {:e}\nageing = \"{:.1}ppb\"", draw.decades(-12.0, -9.0), draw.between(-5.0, 5.0));
        if draw.happens(0.4) {
            let (cycle, period) = (draw.between(1.0, 60.0), draw.between(900.0, 7_200.0));
            let _ = writeln!(file, "cycle = \"{cycle:.1}ppb\"\ncycle_period = {}", ns(period.round()));
        }
        if *clock == "phc" && draw.happens(0.2) {
            let reserve = draw.between(3e3, 3e4);
            card_reserve = reserve * 1e-9;
            let max = frequency.abs() + reserve;
            let _ = writeln!(file, "max_adjustment = \"{max:.1}ppb\"");
        }
        if *clock == "phc" && draw.happens(0.2) {
            let _ = writeln!(file, "quantum = \"{:.1}ppb\"", draw.between(0.1, 8.0));
        }
    }
    let _ = writeln!(file, "[host.nic]\nresolution = \"{}ns\"", draw.one(&["1", "1", "4", "8", "40"]));
    let _ = writeln!(file, "ingress = {}\negress = {}", ns(draw.between(0.0, 5e-7)), ns(draw.between(0.0, 3e-7)));
    if is_kernel {
        let _ = writeln!(file, "noise = {}", ns(draw.decades(-7.0, -5.0)));
    }
    if draw.happens(0.3) {
        let _ =
            writeln!(file, "tx_latency = {}\ntx_loss = {:.3}", ns(draw.decades(-5.0, -2.0)), draw.between(0.0, 0.3));
        let _ = writeln!(
            file,
            "tx_late_share = {:.3}\ntx_late_by = {}",
            draw.between(0.0, 0.3),
            ns(draw.between(0.0, 2.0))
        );
        let _ = writeln!(file, "rx_loss = {:.3}", draw.between(0.0, 0.1));
    }
    if !is_kernel && draw.happens(0.4) {
        let (window, position) = (draw.decades(-7.0, -4.7), draw.between(0.2, 0.8));
        let _ = writeln!(
            file,
            "[host.bus]\nwindow = {}\nposition = {position:.2}\nloss = {:.3}",
            ns(window),
            draw.between(0.0, 0.1)
        );
    }
    Host { is_kernel, card_reserve }
}

/// What happens.
fn event(file: &mut String, draw: &mut Draw, world: &Drawn) -> Event {
    let Drawn { masters, ref hosts, duration_s, leap, has_servers } = *world;
    let latest = duration_s - PEACE_S;
    let at = draw.between(SETTLING_S, latest);
    let lasts = draw.between(0.2, 60.0).min(latest - at + 1.0);
    let host = draw.0.below(hosts.len() as u64);
    let master = format!("gm{}", draw.0.below(masters));
    let mut kinds = vec!["link_down", "path", "block", "stall", "nic", "set_frequency"];
    if !leap {
        // Near a leap second a second more or less is nobody's fault, so who set what could not be told.
        kinds.extend(["set_clock", "master_step", "announce"]);
    }
    if !hosts[host as usize].is_kernel {
        kinds.extend(["phc_jump", "phc_reset"]);
    }
    let what = draw.one(&kinds);
    let _ = writeln!(file, "\n[[event]]\nat = {}\nwhat = \"{what}\"", ns(at));
    let (index, host) = (host as usize, format!("host{host}"));
    let by = draw.sign() * draw.decades(-3.0, 1.0) * if what == "master_step" { 0.1 } else { 1.0 };
    let _ = match what {
        "link_down" => {
            writeln!(file, "who = \"{}\"\nfor = {}", if draw.happens(0.5) { master } else { host }, ns(lasts))
        }
        "path" => writeln!(
            file,
            "who = \"{master}\"\nfor = {}\ndelay = {}\nloss = {:.2}\njitter = {}",
            ns(lasts),
            ns(draw.decades(-6.0, -4.0)),
            draw.between(0.0, 0.5),
            ns(draw.decades(-8.0, -5.0)),
        ),
        "block" => {
            let message = draw.one(&["announce", "sync", "follow_up", "delay_req", "delay_resp"]);
            writeln!(file, "who = \"{master}\"\nfor = {}\nmessage = \"{message}\"", ns(lasts))
        }
        "stall" => {
            let mut thread = draw.one(&["port", "discipline", "machine", "clocks"]);
            // A host with servers: its sources contradict what it knew one after the other, and until the slowest was heard nobody can say who
            // is right. Nor does anybody in a world with a leap second: was it made while the machine stood still?
            if thread == "clocks" && (has_servers || leap) {
                thread = "machine";
            }
            writeln!(file, "who = \"{host}\"\nfor = {}\nthread = \"{thread}\"", ns(lasts.min(20.0)))
        }
        "nic" => writeln!(
            file,
            "who = \"{host}\"\nfor = {}\ntx_loss = {:.2}\nrx_loss = {:.2}",
            ns(lasts),
            draw.between(0.0, 1.0),
            draw.between(0.0, 0.5),
        ),
        "set_frequency" => writeln!(file, "who = \"{host}\"\nfrequency = \"{:.1}ppm\"", draw.between(-50.0, 50.0)),
        "master_step" => writeln!(file, "who = \"{master}\"\nby = {}", ns(by)),
        "announce" => {
            let says = match draw.0.below(4) {
                0 => format!("clock_class = {}", draw.one(&["6", "7", "13", "52", "187", "248"])),
                1 => "utc_offset_valid = false".to_owned(),
                2 => format!("utc_offset = {}", draw.one(&["0", "18", "36", "38"])),
                _ => format!("leap = \"{}\"", draw.one(&["insert", "delete"])),
            };
            writeln!(file, "who = \"{master}\"\nfor = {}\n{says}", ns(lasts))
        }
        "set_clock" | "phc_jump" => writeln!(file, "who = \"{host}\"\nby = {}", ns(by)),
        _ => writeln!(file, "who = \"{host}\""),
    };
    Event { what, host: index, at_s: at, by_s: by }
}
