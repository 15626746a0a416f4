//! gpsd, asked over its own socket: JSON, one object a line.
//!
//! | object | what it says |
//! |---|---|
//! | `TOFF` | when the time of a fix came in, and which time that was: late by the serial line |
//! | `PPS` | the same of a pulse, whose second gpsd has numbered |
//! | `TPV` | whether there is a fix |
//!
//! Where pulses come, the `TOFF` of the same receiver say nothing more. (`TPV` has a time too, and nobody's stamp of when it
//! came.) Connecting does not wait: the greeting says that we are connected.

mod objects;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use nix::libc;
use socket2::{Domain, Socket, Type};

use self::objects::{Heard, hear};
use super::{Driver, SAMPLES_PER_ROUND_MAX, Taken, sample_of};
use crate::clock::HostClock;
use crate::refclock::ClockCounter;
use crate::time::{Duration, LeapIndicator, Mono, Timestamp};

/// What we want of gpsd.
const WATCH: &[u8] = b"?WATCH={\"enable\":true,\"json\":true,\"pps\":true};\n";
/// The longest line.
const LINE_BYTES_MAX: usize = 16 * 1024;
/// While pulses have come within this, the times of the serial line are left aside.
const PULSES_COUNT_FOR: Duration = Duration::from_secs(4);
/// gpsd says something at least this often, if there is a receiver.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// The time that a line says.
pub(super) fn time_in(line: &[u8]) -> Option<crate::wire::refclock::Sample> {
    match hear(line, None) {
        Ok(Heard::Time { sample, .. }) => Some(sample),
        _ => None,
    }
}

#[derive(Debug)]
pub(super) struct Gpsd {
    stream: TcpStream,
    device: Option<String>,
    buffer: Vec<u8>,
    is_watching: bool,
    has_fix: bool,
    pulse_at: Option<Timestamp<Mono>>,
    heard_at: Timestamp<Mono>,
}

impl Gpsd {
    pub fn connect(address: SocketAddr, device: Option<&str>) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        match socket.connect(&address.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            Err(error) => return Err(error),
        }
        Ok(Self {
            stream: socket.into(),
            device: device.map(str::to_owned),
            buffer: Vec::with_capacity(LINE_BYTES_MAX),
            is_watching: false,
            has_fix: true,
            pulse_at: None,
            heard_at: HostClock.mono(),
        })
    }

    fn line(&mut self, line: &[u8], take: &mut dyn FnMut(Taken)) {
        let heard = match hear(line, self.device.as_deref()) {
            Ok(heard) => heard,
            Err(refused) => return take(Err(refused)),
        };
        let now = HostClock.mono();
        match heard {
            Heard::Nothing => {}
            Heard::Fix(has_fix) => self.has_fix = has_fix,
            Heard::Time { sample, is_by_pulse } => {
                if is_by_pulse {
                    self.pulse_at = Some(now);
                } else if self.pulse_at.is_some_and(|at| now - at < PULSES_COUNT_FOR) {
                    return;
                }
                let leap = if self.has_fix { sample.leap } else { LeapIndicator::Unknown };
                take(Ok(sample_of(&crate::wire::refclock::Sample { leap, ..sample })));
            }
        }
    }
}

impl Driver for Gpsd {
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.stream.as_fd())
    }

    fn read(&mut self, take: &mut dyn FnMut(Taken)) -> io::Result<()> {
        let now = HostClock.mono();
        let mut bytes = [0; 4_096];
        for _ in 0..SAMPLES_PER_ROUND_MAX {
            let length = match self.stream.read(&mut bytes) {
                Ok(0) => return Err(io::Error::from_raw_os_error(libc::ECONNRESET)),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // Still connecting.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => break,
                Err(error) => return Err(error),
            };
            self.heard_at = now;
            if !self.is_watching {
                self.stream.write_all(WATCH)?;
                self.is_watching = true;
            }
            self.buffer.extend_from_slice(&bytes[..length]);
            while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                self.line(&line, take);
            }
            if self.buffer.len() > LINE_BYTES_MAX {
                self.buffer.clear();
                take(Err(ClockCounter::Length));
            }
        }
        if now - self.heard_at > SILENCE_MAX {
            return Err(io::Error::from_raw_os_error(libc::ETIMEDOUT));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
