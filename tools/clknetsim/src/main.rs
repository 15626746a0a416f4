//! Arguments, and what they ask for.

mod run;

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde_json::Value;
use synchronome::clock::SteeringConfig;
use synchronome::discipline::servo::Kind;
use synchronome::ntp;
use synchronome::ptp::{Config, GrandmasterConfig, TimeProperties};
use synchronome::sim::SlaveConfig;
use synchronome::time::{Duration, FrequencyPpb, LogInterval, SourceId, TaiUtc};
use synchronome::wire::ptp::{ClockAccuracy, ClockQuality, TimeSource};
use synchronome_clknetsim::connection::{Connection, Fault};
use synchronome_clknetsim::host::{BEGINNING, Host, HostConfig};
use synchronome_clknetsim::node::{
    self, NtpClient, NtpClientConfig, NtpServer, NtpServerConfig, PtpMaster, PtpSlave, PtpSlaveConfig,
};
use synchronome_clknetsim::record::relay;

/// Synchronome's engines as nodes of clknetsim.
///
/// Exit codes: 0 all is well, 1 a scenario or a node failed, 2 wrong arguments or nothing to run.
#[derive(Parser)]
#[command(name = "synchronome-clknetsim", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run scenarios: the server, a daemon of somebody else's, and our node
    Run(run::Options),
    /// Be a node: a PTP slave that steers its clock
    PtpSlave {
        #[command(flatten)]
        node: NodeOptions,
        /// What steers the clock
        #[arg(long, value_enum, default_value_t = Servo::Estimator)]
        servo: Servo,
    },
    /// Be a node: a PTP grandmaster
    PtpMaster {
        #[command(flatten)]
        node: NodeOptions,
        /// log2 of the seconds between two Sync, and two Delay_Req
        #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
        interval: i8,
    },
    /// Be a node: an NTP client that steers its clock
    NtpClient {
        #[command(flatten)]
        node: NodeOptions,
        /// The server's node, from 1
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=254))]
        server: u32,
        /// log2 of the seconds between two requests
        #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
        poll: i8,
        /// What steers the clock
        #[arg(long, value_enum, default_value_t = Servo::Estimator)]
        servo: Servo,
    },
    /// Be a node: an NTP server whose clock is right by declaration
    NtpServer {
        #[command(flatten)]
        node: NodeOptions,
        /// How right, in seconds
        #[arg(long, value_name = "S", default_value_t = 1e-6)]
        accuracy: f64,
        /// How much worse it grows, in seconds a second
        #[arg(long, value_name = "S/S", default_value_t = 0.0)]
        drift: f64,
    },
    /// Stand between a node and the server, and write down what they say
    Record {
        /// The socket that the node connects to
        #[arg(long, value_name = "PATH")]
        listen: PathBuf,
        /// The server's socket
        #[arg(long, value_name = "PATH")]
        socket: PathBuf,
        /// Where to
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// How many messages
        #[arg(long, value_name = "N", default_value_t = 1_000)]
        most: usize,
    },
}

#[derive(Args)]
struct NodeOptions {
    /// The number of this node, from 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=254))]
    node: u32,
    /// The server's socket
    #[arg(long, value_name = "PATH", default_value = "clknetsim.sock")]
    socket: PathBuf,
    /// The clock that stamps packets and is steered, from 1: the main one; the others are taken for PHCs
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=7))]
    clock: u32,
    /// The network, from 1
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    subnet: u32,
    /// In Mb/s, as CLKNETSIM_LINK_SPEED of the other nodes
    #[arg(long, value_name = "MB/S", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    link_speed: u32,
    /// Of what is random in the engine
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Servo {
    Estimator,
    Pi,
}

fn main() -> ExitCode {
    match perform(Arguments::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(Problem::Node(fault)) => {
            eprintln!("synchronome-clknetsim: {fault}");
            ExitCode::FAILURE
        }
        Err(Problem::Setup(problem)) => {
            eprintln!("synchronome-clknetsim: {problem}");
            ExitCode::from(2)
        }
    }
}

/// Why nothing came of it.
enum Problem {
    Node(Fault),
    Setup(String),
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self::Node(fault)
    }
}

fn perform(task: Task) -> Result<bool, Problem> {
    match task {
        Task::Run(options) => return run::run(&options).map_err(Problem::Setup),
        Task::PtpSlave { node, servo } => {
            let host = host(&node)?;
            let config = slave_config(&host, node.seed, servo);
            say(&node::run(&host, &mut PtpSlave::new(host.clone(), config)?)?);
        }
        Task::PtpMaster { node, interval } => {
            let host = host(&node)?;
            let config = master_config(&host, node.seed, LogInterval::new(interval));
            say(&node::run(&host, &mut PtpMaster::new(host.clone(), config))?);
        }
        Task::NtpClient { node, server, poll, servo } => {
            let host = host(&node)?;
            let config = client_config(server - 1, LogInterval::new(poll), node.seed, servo);
            say(&node::run(&host, &mut NtpClient::new(host.clone(), config)?)?);
        }
        Task::NtpServer { node, accuracy, drift } => {
            let host = host(&node)?;
            let accuracy = Duration::from_secs_f64(accuracy);
            let config = NtpServerConfig { accuracy, drift: FrequencyPpb::from_ratio(drift), stratum: 1 };
            say(&node::run(&host, &mut NtpServer::new(host.clone(), config)?)?);
        }
        Task::Record { listen, socket, out, most } => {
            let file = |error: std::io::Error| Fault::File(format!("{}: {error}", out.display()));
            let mut written = BufWriter::new(File::create(&out).map_err(file)?);
            relay(&listen, &socket, most, &mut written).map_err(Fault::from)?;
            std::io::Write::flush(&mut written).map_err(file)?;
        }
    }
    Ok(true)
}

fn host(options: &NodeOptions) -> Result<Host, Fault> {
    let NodeOptions { node, socket, clock, subnet, link_speed, .. } = options;
    let config = HostConfig { node: node - 1, clock: clock - 1, subnet: subnet - 1, link_speed: *link_speed };
    Host::new(Connection::register(socket, config.node)?, config)
}

fn say(report: &Value) {
    println!("{report}");
}

/// The discipline of the simulator's slave, so that both can be compared.
fn steering(seed: u64, servo: Servo) -> SteeringConfig {
    let servo = match servo {
        Servo::Estimator => Kind::Estimator,
        Servo::Pi => Kind::Pi,
    };
    SteeringConfig { servo, ..SlaveConfig::new(1, seed).steering }
}

fn slave_config(host: &Host, seed: u64, servo: Servo) -> PtpSlaveConfig {
    PtpSlaveConfig { ptp: Config::new(SourceId(0), host.identity(), seed), steering: steering(seed, servo) }
}

fn client_config(server: u32, poll: LogInterval, seed: u64, servo: Servo) -> NtpClientConfig {
    let defaults = ntp::client::Config::new(SourceId(0), seed);
    NtpClientConfig {
        ntp: ntp::client::Config { poll, poll_max: poll, not_before: BEGINNING.read_as(), ..defaults },
        server,
        // Half a round trip of the scenarios is more than the 100 us that a LAN is asked for.
        steering: SteeringConfig { lock_limit: Duration::from_millis(1), ..steering(seed, servo) },
    }
}

/// A grandmaster with a source of its own, on the PTP timescale.
fn master_config(host: &Host, seed: u64, interval: LogInterval) -> GrandmasterConfig {
    let defaults = GrandmasterConfig::new(host.identity(), seed);
    let accuracy = ClockAccuracy(0x20); // within 25 ns
    GrandmasterConfig {
        priority1: 10,
        quality: ClockQuality { clock_class: 6, clock_accuracy: accuracy, offset_scaled_log_variance: 0x4e5d },
        time_properties: TimeProperties {
            current_utc_offset: Some(TaiUtc(37)),
            ptp_timescale: true,
            time_traceable: true,
            frequency_traceable: true,
            time_source: TimeSource::GNSS,
            ..defaults.time_properties
        },
        log_announce_interval: LogInterval::new(0),
        log_sync_interval: interval,
        log_min_delay_req_interval: interval,
        ..defaults
    }
}
