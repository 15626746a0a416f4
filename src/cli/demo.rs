//! `synchronome demo`: everything on one machine, with the truth beside the claim.

use std::process::ExitCode;
use std::str::FromStr;

use super::{positive_duration, signed_duration, signed_frequency};
use crate::time::{Duration, FrequencyPpb};

/// Show the whole path at work: no root, no network card, no configuration.
///
/// An embedded grandmaster sends real PTP over loopback; a slave follows it and disciplines a simulated clock that
/// starts wrong; an NTP server answers from that clock. Because the clock is simulated, the truth is known: the true
/// error is shown beside the bound that the daemon claims. No clock of this machine is touched.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  synchronome demo                                    until Ctrl-C
  synchronome demo --for 20s                          ends with a summary
  synchronome demo --for 20s --json                   a line a second, the summary as the last object
  synchronome demo --offset -5ms --frequency -100ppm  another clock

Exit codes:
  0  it locked, and the truth stayed inside the claimed bound
  1  it did not, or could not start (a port is in use: see --ptp-ports, --ntp-port)
  2  wrong arguments")]
pub struct Args {
    /// End after this long [default: at Ctrl-C]
    #[arg(long = "for", value_name = "DURATION", value_parser = positive_duration)]
    pub duration: Option<Duration>,
    /// Print JSON objects, one a line
    #[arg(long)]
    pub json: bool,
    /// UDP ports of PTP's event and general messages
    #[arg(long, value_name = "E,G", default_value = "10319,10320")]
    pub ptp_ports: PtpPorts,
    /// UDP port of the NTP server
    #[arg(long, value_name = "PORT", default_value_t = 11_123, value_parser = clap::value_parser!(u16).range(1..))]
    pub ntp_port: u16,
    /// Seed of all that is random; the same seed gives the same oscillator
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// What the simulated clock is ahead at the start
    #[arg(long, value_name = "DURATION", default_value = "2s", allow_hyphen_values = true, value_parser = signed_duration)]
    pub offset: Duration,
    /// What it runs fast by
    #[arg(long, value_name = "PPM", default_value = "40ppm", allow_hyphen_values = true, value_parser = signed_frequency)]
    pub frequency: FrequencyPpb,
}

/// The two UDP ports of PTP; never the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PtpPorts {
    /// Event messages.
    pub event: u16,
    /// General messages.
    pub general: u16,
}

impl FromStr for PtpPorts {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let port = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port != 0);
        match text.split_once(',').and_then(|(event, general)| Some((port(event)?, port(general)?))) {
            Some((event, general)) if event != general => Ok(Self { event, general }),
            Some(_) => Err("the two ports must differ".to_owned()),
            None => Err("two ports of 1 to 65535 with a comma between, like 10319,10320".to_owned()),
        }
    }
}

/// Runs the demo.
pub fn run(args: &Args) -> ExitCode {
    let _ = args;
    eprintln!("synchronome demo: not built yet");
    ExitCode::FAILURE
}
