//! `synchronome ptp`: the data sets of the PTP clocks.

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use super::{STATUS_SOCKET, print, status_of};
use crate::observe::render::ptp_text;
use crate::observe::status::{PortStatus, PtpClockStatus, SCHEMA, UnicastStatus};

/// Show the data sets of the PTP clocks: what `pmc` would be told.
///
/// Ports of one domain are one clock. defaultDS is what the clock says of itself, currentDS how it follows, parentDS
/// whom, timePropertiesDS what that one counts, and portDS what each port does.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  synchronome ptp
  synchronome ptp --json | jq '.clocks[].current_ds.offset_from_master_s'

Exit codes:
  0  the daemon answered
  1  it did not: it is not running, or listens elsewhere (see --socket)
  2  wrong arguments")]
pub struct Args {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// The daemon's status socket
    #[arg(long, value_name = "PATH", default_value = STATUS_SOCKET)]
    pub socket: PathBuf,
}

/// Asks the daemon and prints its data sets.
pub fn run(args: &Args) -> ExitCode {
    let Some(status) = status_of("ptp", &args.socket) else { return ExitCode::FAILURE };
    let clocks = &status.ptp_clocks;
    let text = if args.json { to_json(clocks, &status.ptp) + "\n" } else { ptp_text(clocks, &status.ptp) };
    print(&text);
    ExitCode::SUCCESS
}

fn to_json<'a>(clocks: &'a [PtpClockStatus], ports: &'a [PortStatus]) -> String {
    #[derive(Serialize)]
    struct Unicast<'a> {
        port_identity: Option<&'a str>,
        #[serde(flatten)]
        contracts: &'a UnicastStatus,
    }
    #[derive(Serialize)]
    struct Json<'a> {
        schema: u32,
        clocks: &'a [PtpClockStatus],
        unicast: Vec<Unicast<'a>>,
    }
    let of = |port: &'a PortStatus| {
        port.unicast.as_ref().map(|contracts| Unicast { port_identity: port.identity.as_deref(), contracts })
    };
    let unicast = ports.iter().filter_map(of).collect();
    serde_json::to_string(&Json { schema: SCHEMA, clocks, unicast }).expect("plain data")
}
