//! One node: what it is, and the loop that drives it.
//!
//! The engines are the daemon's own, unchanged; what differs is who calls them. Select is the only thing that lets time go on, so
//! a node is woken at the instants at which something is due or comes in, and everything that follows from that takes no time.

mod disciplined;
mod ntp_client;
mod ntp_server;
mod ptp_master;
mod ptp_slave;

pub use ntp_client::{NtpClient, NtpClientConfig};
pub use ntp_server::{NtpServer, NtpServerConfig};
pub use ptp_master::PtpMaster;
pub use ptp_slave::{PtpSlave, PtpSlaveConfig};

use std::collections::BTreeMap;

use serde_json::{Value, json};
use synchronome::ptp::{Channel, Effect};
use synchronome::sharing::CounterSet;
use synchronome::time::{Duration, Mono, Timestamp};

use crate::connection::Fault;
use crate::host::{BEGINNING, Datagram, Host, Instant};
use crate::protocol::{EVERYBODY, Wake};

/// The UDP ports of PTP: events and general messages (IEEE 1588-2019 annex C).
const PTP_PORTS: [(Channel, u16); 2] = [(Channel::Event, 319), (Channel::General, 320)];

/// What a node is.
pub trait Role {
    /// A datagram came in.
    ///
    /// # Errors
    /// [`Fault`], as everywhere here: the node ends then.
    fn received(&mut self, datagram: &Datagram) -> Result<(), Fault>;

    /// Something may be due.
    ///
    /// # Errors
    /// [`Fault`].
    fn tick(&mut self) -> Result<(), Fault>;

    /// When something will be.
    fn deadline(&self) -> Option<Timestamp<Mono>>;

    /// All is done that follows from the last event: the time to compare with the truth.
    fn settled(&mut self, instant: &Instant);

    /// What there is to say at the end.
    fn report(&mut self, instant: &Instant) -> Value;
}

/// Runs a node until the simulation is over, and says how it was.
///
/// # Errors
/// [`Fault`].
pub fn run(host: &Host, role: &mut impl Role) -> Result<Value, Fault> {
    let mut wakes = 0_u64;
    loop {
        role.tick()?;
        let instant = host.now()?;
        role.settled(&instant);
        let wake = host.sleep(instant.mono, role.deadline())?;
        wakes += 1;
        match wake {
            Wake::Timeout => {}
            Wake::Terminate => break,
            Wake::Packet | Wake::Broadcast => {
                if let Some(datagram) = host.receive()? {
                    role.received(&datagram)?;
                }
            }
        }
    }
    let instant = host.now()?;
    let report = json!({
        "node": host.config().node + 1,
        "clock": host.config().clock + 1,
        "seconds": (instant.truth - BEGINNING).as_secs_f64(),
        "true_error_s": instant.true_error().as_secs_f64(),
        "wakes": wakes,
    });
    Ok(merged(report, role.report(&instant)))
}

/// The members of both objects.
fn merged(mut a: Value, b: Value) -> Value {
    if let (Some(a), Value::Object(b)) = (a.as_object_mut(), b) {
        a.extend(b);
    }
    a
}

fn seconds(duration: Option<Duration>) -> Option<f64> {
    duration.map(Duration::as_secs_f64)
}

fn channel_of(to_port: u32) -> Option<Channel> {
    PTP_PORTS.iter().find(|(_, port)| u32::from(*port) == to_port).map(|(channel, _)| *channel)
}

/// Sends a PTP message to everybody, as multicast goes here.
fn send_ptp(host: &Host, frame: &[u8], channel: Channel) -> Result<(), Fault> {
    let (_, port) = PTP_PORTS.into_iter().find(|(named, _)| *named == channel).expect("both channels have a port");
    host.send(EVERYBODY, port, port, frame)
}

/// How often an engine counted what, without what it never did.
#[derive(Clone, Default, Debug)]
struct Counts(BTreeMap<&'static str, u64>);

impl Counts {
    fn add(&mut self, counter: impl CounterSet) {
        *self.0.entry(counter.name()).or_default() += 1;
    }

    fn hear(&mut self, effect: &Effect) {
        if let Effect::Count(counter) = effect {
            self.add(*counter);
        }
    }
}
