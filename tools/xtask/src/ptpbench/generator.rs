//! `cargo xtask ptpload`: sends Delay_Req at a rate and counts who is answered. Prints two numbers: sent and answered.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use synchronome::time::Duration as Span;
use synchronome::wire::ptp::{Body, ClockIdentity, PortIdentity, Sender, parse, write};

/// The group of PTP over UDP/IPv4 (IEEE 1588-2019 annex C).
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 1, 129);
const EVENT: u16 = 319;
const GENERAL: u16 = 320;
/// Our clocks are known by these octets.
const OURS: [u8; 4] = [0xfe, 0xed, 0xbe, 0xef];
/// For so long answers are waited for after the last request.
const AFTER: Duration = Duration::from_millis(200);

/// Send Delay_Req by multicast, and count the answers.
#[derive(clap::Args)]
pub struct Options {
    /// The interface's own address.
    #[arg(long)]
    address: Ipv4Addr,
    /// Requests per second.
    #[arg(long)]
    rate: u32,
    /// For so long.
    #[arg(long)]
    seconds: f64,
    /// Different clocks that ask; 0: each request is of another one.
    #[arg(long)]
    clocks: u32,
}

pub fn run(options: &Options) -> ExitCode {
    match ask(options) {
        Ok((sent, answered)) => {
            println!("{sent} {answered}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("ptpload: {error}");
            ExitCode::FAILURE
        }
    }
}

fn ask(options: &Options) -> std::io::Result<(u64, u64)> {
    let out = UdpSocket::bind((options.address, 0))?;
    let general = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, GENERAL))?;
    general.join_multicast_v4(&GROUP, &options.address)?;
    general.set_read_timeout(Some(Duration::from_millis(50)))?;
    let (answered, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let sent = std::thread::scope(|scope| {
        scope.spawn(|| count_answers(&general, &answered, &is_over));
        let sent = send_all(&out, options);
        std::thread::sleep(AFTER);
        is_over.store(true, Ordering::Release);
        sent
    })?;
    Ok((sent, answered.into_inner()))
}

fn count_answers(general: &UdpSocket, answered: &AtomicU64, is_over: &AtomicBool) {
    let mut bytes = [0; 256];
    while !is_over.load(Ordering::Acquire) {
        let Ok(length) = general.recv(&mut bytes) else { continue };
        if let Ok(message) = parse(&bytes[..length])
            && let Body::DelayResp(body) = message.body
            && body.requesting_port_identity.clock_identity.0[..4] == OURS
        {
            answered.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A millisecond's worth at a time; who is late sends what is due.
fn send_all(out: &UdpSocket, options: &Options) -> std::io::Result<u64> {
    let (began, mut sent) = (Instant::now(), 0_u64);
    let target = SocketAddrV4::new(GROUP, EVENT);
    let mut bytes = [0; 64];
    loop {
        let elapsed = began.elapsed().as_secs_f64().min(options.seconds);
        let due = (elapsed * f64::from(options.rate)) as u64;
        while sent < due {
            let clock = if options.clocks == 0 { sent as u32 } else { sent as u32 % options.clocks };
            let mut identity = [0; 8];
            identity[..4].copy_from_slice(&OURS);
            identity[4..].copy_from_slice(&clock.to_be_bytes());
            let sender = Sender {
                sdo_id: 0,
                minor_version_ptp: 0,
                domain_number: 0,
                source_port_identity: PortIdentity { clock_identity: ClockIdentity(identity), port_number: 1 },
            };
            let message = sender.delay_req(sent as u16, Span::ZERO);
            let length = write(&message, &mut bytes).expect("a Delay_Req has 44 octets");
            out.send_to(&bytes[..length], target)?;
            sent += 1;
        }
        if elapsed >= options.seconds {
            return Ok(sent);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
