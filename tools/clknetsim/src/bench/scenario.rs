//! The scenarios: who is node 1 and who node 2, the physics between them, and what is demanded.
//!
//! Node 1 has perfect clocks. The clock of node 2 that is steered begins 0.1 s and 100 ppm off and wanders; packets take a constant
//! time and an exponential one, drawn for each packet and direction. With PTP the clock that stamps is a card's, and the main clock of both nodes
//! is perfect; with NTP it is the main clock. These are the lines that other daemons' figures were made with.

use synchronome::discipline::servo::Kind;
use synchronome::engine::Random;
use synchronome::sim;
use synchronome::time::{Duration, LogInterval};

/// How long a run is in seconds, and how much of its beginning does not count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// Left out.
    pub settling_s: u32,
    /// All of it.
    pub total_s: u32,
}

impl Span {
    /// What figures are compared by.
    pub const FULL: Self = Self { settling_s: 2_000, total_s: 12_000 };
    /// A quarter of it, for a test.
    pub const SHORT: Self = Self { settling_s: 500, total_s: 3_000 };
}

impl From<Span> for sim::Span {
    fn from(span: Span) -> Self {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        Self { settling: seconds(span.settling_s), total: seconds(span.total_s) }
    }
}

/// Who a node is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Player {
    /// Ours: the arguments of this program, without node and socket.
    Ours(&'static [&'static str]),
    /// ptp4l, and what its configuration says.
    Ptp4l(&'static str),
    /// chronyd, and what its configuration says.
    Chronyd(&'static str),
}

impl Player {
    /// The name of the program.
    pub const fn program(self) -> &'static str {
        match self {
            Self::Ours(_) => "synchronome",
            Self::Ptp4l(_) => "ptp4l",
            Self::Chronyd(_) => "chronyd",
        }
    }
}

/// Which clocks there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clocks {
    /// Each node's main clock alone.
    Main,
    /// And a card's, which stamps.
    Card,
}

/// One scenario.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// Nodes 1 and 2.
    pub players: [Player; 2],
    /// What clocks they have.
    pub clocks: Clocks,
    /// Random-walk FM of node 2's clock, s/s per sqrt(s).
    pub wander: f64,
    /// The constant part of each one-way delay, in seconds.
    pub base_s: f64,
    /// The mean of its exponential part, in seconds.
    pub jitter_s: f64,
    /// The greatest RMS of node 2's true error, in seconds.
    pub rms_max_s: f64,
    /// Figures of our node's report that must have come to so much: so that nobody passes by doing nothing.
    pub at_least: &'static [(&'static str, u64)],
}

/// The settings of ptp4l that make it what the table was made with: one Sync, Delay_Req and Announce a second.
const PTP4L: &str = "logSyncInterval 0\nlogMinDelayReqInterval 0\nlogAnnounceInterval 0\ntx_timestamp_timeout 100\n";

/// All of them.
pub const SCENARIOS: [Scenario; 6] = [
    Scenario {
        name: "ptp-slave",
        about: "our PTP slave follows ptp4l",
        players: [Player::Ptp4l("clockClass 6\npriority1 10\n"), Player::Ours(&["ptp-slave", "--clock", "2"])],
        clocks: Clocks::Card,
        wander: 1e-9,
        base_s: 1e-7,
        jitter_s: 1e-7,
        rms_max_s: 2.0e-8,
        at_least: &[("judge.bounded", 1_000), ("counts.received_delay_resp", 1_000)],
    },
    Scenario {
        name: "ptp-master",
        about: "ptp4l follows our PTP grandmaster",
        players: [Player::Ours(&["ptp-master", "--clock", "2"]), Player::Ptp4l("slaveOnly 1\n")],
        clocks: Clocks::Card,
        wander: 1e-9,
        base_s: 1e-7,
        jitter_s: 1e-7,
        rms_max_s: 1.2e-7,
        at_least: &[("counts.sent_follow_up", 2_000), ("counts.sent_delay_resp", 1_000)],
    },
    Scenario {
        name: "ptp-both",
        about: "our PTP slave follows our grandmaster: to compare clknetsim with our own simulator",
        players: [Player::Ours(&["ptp-master", "--clock", "2"]), Player::Ours(&["ptp-slave", "--clock", "2"])],
        clocks: Clocks::Card,
        wander: 1e-9,
        base_s: 1e-7,
        jitter_s: 1e-7,
        rms_max_s: 2.0e-8,
        at_least: &[("judge.bounded", 1_000)],
    },
    Scenario {
        name: "ntp-server",
        about: "chronyd follows our NTP server",
        players: [
            Player::Ours(&["ntp-server"]),
            Player::Chronyd("server 192.168.123.1 minpoll 0 maxpoll 0\nmakestep 1 1\n"),
        ],
        clocks: Clocks::Main,
        wander: 1e-9,
        base_s: 1e-4,
        jitter_s: 1e-5,
        rms_max_s: 1.25e-6,
        at_least: &[("answers", 2_000), ("judge.bounded", 2_000)],
    },
    Scenario {
        name: "ntp-client",
        about: "our NTP client follows chronyd",
        players: [Player::Chronyd("local stratum 1\nallow\n"), Player::Ours(&["ntp-client"])],
        clocks: Clocks::Main,
        wander: 1e-9,
        base_s: 1e-4,
        jitter_s: 1e-5,
        rms_max_s: 3.5e-7,
        at_least: &[("judge.bounded", 2_000), ("counts.measured", 2_000)],
    },
    Scenario {
        name: "ntp-both",
        about: "our NTP client follows our NTP server: to compare clknetsim with our own simulator",
        players: [Player::Ours(&["ntp-server"]), Player::Ours(&["ntp-client"])],
        clocks: Clocks::Main,
        wander: 1e-9,
        base_s: 1e-4,
        jitter_s: 1e-5,
        rms_max_s: 3.5e-7,
        at_least: &[("judge.bounded", 2_000), ("counts.measured", 2_000)],
    },
];

impl Scenario {
    /// How many clocks each node has.
    pub const fn clocks_each(&self) -> usize {
        match self.clocks {
            Clocks::Main => 1,
            Clocks::Card => 2,
        }
    }

    /// The place of the judged clock among all: the last one, of node 2.
    pub const fn judged_clock(&self) -> usize {
        2 * self.clocks_each() - 1
    }

    /// Whose clock that is.
    pub const fn judged_name(&self) -> &'static str {
        self.players[1].program()
    }

    /// Which of the nodes' reports is judged: that of the last one of ours.
    pub fn reporter(&self) -> usize {
        usize::from(matches!(self.players[1], Player::Ours(_)))
    }

    /// When node 1 begins. A grandmaster of ours would send on the second, on which errors are sampled, just before they are corrected:
    /// so when within the second is drawn from the seed, as in our simulator. Others' timers are random by themselves.
    fn phase(&self, seed: u64) -> f64 {
        match self.players[0] {
            Player::Ours(["ptp-master", ..]) => Random::seeded(seed).branch(99).unit(),
            _ => 0.0,
        }
    }

    /// The configuration of clknetsim's server.
    pub fn physics(&self, seed: u64) -> String {
        let clock = self.clocks_each();
        let Self { wander, base_s, jitter_s, .. } = self;
        let delay = format!("(+ {base_s:e} (* {jitter_s:e} (exponential)))");
        format!(
            "node1_start = {:.9}\n\
             node2_offset{clock} = 0.1\n\
             node2_freq{clock} = (+ 0.0001 (sum (* {wander:e} (normal))))\n\
             node1_delay2 = {delay}\n\
             node2_delay1 = {delay}\n",
            self.phase(seed)
        )
    }

    /// RMS of the true error of the same engines with the same physics in our own simulator, in seconds; `None` if node 2 does not steer by our
    /// engines, or our simulator has no such cell.
    pub fn rms_simulated(&self, seed: u64, span: Span) -> Option<f64> {
        let Player::Ours([role, ..]) = self.players[1] else { return None };
        let is_alike = |wander: f64, jitter_s: f64, interval: LogInterval| {
            wander.to_bits() == self.wander.to_bits()
                && jitter_s.to_bits() == self.jitter_s.to_bits()
                && interval == LogInterval::new(0)
        };
        let (servo, span) = (Kind::Estimator, span.into());
        match *role {
            "ptp-slave" => {
                let cell = sim::CELLS.iter().find(|cell| is_alike(cell.wander, cell.jitter_s, cell.interval))?;
                Some(cell.run(servo, seed, span).statistics.rms())
            }
            "ntp-client" => {
                let cell = sim::NTP_CELLS.iter().find(|cell| is_alike(cell.wander, cell.jitter_s, cell.interval))?;
                Some(cell.run(servo, seed, span).statistics.rms())
            }
            _ => None,
        }
    }

    /// The configuration of a daemon of somebody else's.
    pub fn settings(player: Player) -> Option<String> {
        match player {
            Player::Ours(_) => None,
            Player::Ptp4l(settings) => Some(format!("[global]\n{PTP4L}{settings}")),
            Player::Chronyd(settings) => Some(format!("cmdport 0\npidfile chronyd.pid\n{settings}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_each_scenario_has_a_node_of_ours() {
        for (index, scenario) in SCENARIOS.iter().enumerate() {
            assert!(SCENARIOS[..index].iter().all(|other| other.name != scenario.name));
            assert!(matches!(scenario.players[scenario.reporter()], Player::Ours(_)), "{}", scenario.name);
        }
    }

    #[test]
    fn what_steers_by_our_engines_can_be_compared_with_our_simulator_and_nothing_else() {
        let span = Span { settling_s: 20, total_s: 60 };
        for scenario in SCENARIOS {
            let is_ours = matches!(scenario.players[1], Player::Ours(_));
            assert_eq!(scenario.rms_simulated(1, span).is_some(), is_ours, "{}", scenario.name);
        }
    }

    #[test]
    fn the_physics_are_lines_that_clknetsim_reads() {
        let card = SCENARIOS[0].physics(1);
        assert!(
            card.starts_with(
                "node1_start = 0.000000000\nnode2_offset2 = 0.1\nnode2_freq2 = (+ 0.0001 (sum (* 1e-9 (normal))))\n"
            ),
            "{card}"
        );
        assert!(card.ends_with("node2_delay1 = (+ 1e-7 (* 1e-7 (exponential)))\n"), "{card}");
    }
}
