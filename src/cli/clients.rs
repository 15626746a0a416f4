//! `synchronome clients`: who asks the NTP server.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration as Pause;

use super::{STATUS_SOCKET, print};
use crate::observe::Status;
use crate::observe::client::{AskError, ask};
use crate::observe::render::clients_table;

/// The workers make their lists while nobody waits: what is asked for now is there in a moment.
const LISTS_ARE_MADE: Pause = Pause::from_millis(150);

/// Show the clients of the NTP server that ask most.
///
/// Of each its address (of IPv6 its network), how often it asked, how many of its requests were too many (see
/// ntp.server.rate_interval), and when it was heard last. The server remembers a limited number of them.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  synchronome clients
  synchronome clients --json | jq '.busiest[].address'

Exit codes:
  0  the daemon answered
  1  it did not, or has no NTP server
  2  wrong arguments")]
pub struct Args {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// The daemon's status socket
    #[arg(long, value_name = "PATH", default_value = STATUS_SOCKET)]
    pub socket: PathBuf,
}

/// Asks the daemon and prints its server's clients.
pub fn run(args: &Args) -> ExitCode {
    let status = match asked_twice(args) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("synchronome clients: {error}");
            return ExitCode::FAILURE;
        }
    };
    let Some(server) = status.ntp_server else {
        eprintln!("synchronome clients: there is no NTP server: ntp.server.listen is not set");
        return ExitCode::FAILURE;
    };
    let mut text = String::new();
    if args.json {
        let _ = writeln!(text, "{}", serde_json::to_string(&server).expect("plain data"));
    } else {
        text = clients_table(&server);
    }
    print(&text);
    ExitCode::SUCCESS
}

fn asked_twice(args: &Args) -> Result<Status, AskError> {
    ask(&args.socket)?;
    std::thread::sleep(LISTS_ARE_MADE);
    ask(&args.socket).map(|(_, status)| status)
}
