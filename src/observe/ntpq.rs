//! What ntpq and ntpstat are told: the status in the variables of mode 6 (RFC 9327).
//!
//! Monitors that ask `ntpd` this way go on working, and get what those variables mean there: milliseconds, ppm, and an offset that is
//! positive where this clock is behind. Each source is an association, numbered by its place. What we do not know is left out, not made up;
//! who asks for it by name is told that there is no such variable. Only reading is possible.

use std::fmt;

use super::status::{NtpServedStatus, SourceStatus, Status};
use super::why::sources;
use crate::time::{Duration, NtpTimestamp, Timestamp, Utc};
use crate::wire::ntp::{ControlError, ControlRequest, Operation};

/// Codes of the system status word (RFC 9327 3.1): what the time is from.
mod clock_source {
    pub(super) const UNSPECIFIED: u16 = 0;
    /// An atomic clock, or a pulse.
    pub(super) const ATOMIC: u16 = 1;
    /// A radio, as GNSS.
    pub(super) const RADIO: u16 = 4;
    /// The clock's own time, for which nobody vouches.
    pub(super) const LOCAL: u16 = 5;
    pub(super) const NTP: u16 = 6;
}

/// Bits of the peer status word (RFC 9327 3.2), and the places of a source in the selection.
mod peer {
    pub(super) const CONFIGURED: u16 = 0x80;
    pub(super) const REACHABLE: u16 = 0x10;
    pub(super) const REJECTED: u16 = 0;
    pub(super) const FALSETICKER: u16 = 1;
    pub(super) const OUTLIER: u16 = 3;
    pub(super) const CANDIDATE: u16 = 4;
    pub(super) const STEERS: u16 = 6;
}

/// Bits of `flash`: the tests that a peer fails.
mod flash {
    pub(super) const UNSYNCHRONISED: u32 = 0x0004;
    pub(super) const DENIED: u32 = 0x0008;
    pub(super) const STRATUM: u32 = 0x0200;
    pub(super) const DISTANCE: u32 = 0x0400;
    pub(super) const LOOP: u32 = 0x0800;
    pub(super) const UNREACHABLE: u32 = 0x1000;
}

/// Modes of RFC 5905: ours, and that of those who answer.
const MODE_CLIENT: u8 = 3;
const MODE_SERVER: u8 = 4;
/// The stratum of a clock that has no time.
const STRATUM_UNSYNCHRONISED: u8 = 16;

/// The variables of something, in the order in which they are told.
#[derive(Default)]
struct Variables(Vec<(&'static str, String)>);

impl Variables {
    fn put(&mut self, name: &'static str, value: &dyn fmt::Display) {
        self.0.push((name, value.to_string()));
    }

    fn words(&mut self, name: &'static str, words: &str) {
        self.0.push((name, format!("\"{}\"", words.replace(['"', '\r', '\n'], " "))));
    }

    fn milliseconds(&mut self, name: &'static str, seconds: Option<f64>) {
        if let Some(seconds) = seconds {
            self.0.push((name, format!("{:.6}", seconds * 1e3)));
        }
    }

    fn time(&mut self, name: &'static str, at: Timestamp<Utc>) {
        let bits = NtpTimestamp::from_utc(at).to_bits();
        self.0.push((name, format!("{:#010x}.{:08x}", bits >> 32, bits as u32)));
    }

    /// Those that are asked for by name, or all.
    fn text(&self, asked: &str) -> Result<String, ControlError> {
        let names = asked.split(',').map(str::trim).filter(|name| !name.is_empty());
        let mut chosen = Vec::new();
        for name in names {
            chosen.push(self.0.iter().find(|(known, _)| *known == name).ok_or(ControlError::Variable)?);
        }
        let chosen = if chosen.is_empty() { self.0.iter().collect() } else { chosen };
        let pairs: Vec<_> = chosen.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Ok(pairs.join(", ") + "\r\n")
    }
}

/// The datagrams that answer a question, which reads `now`; none if it is no question.
pub fn answers(question: &[u8], status: &Status, now: Timestamp<Utc>) -> Vec<Vec<u8>> {
    let Some(request) = ControlRequest::parse(question) else { return Vec::new() };
    match answer(&request, status, now) {
        Ok((word, data)) => request.answer(word, &data),
        Err(error) => vec![request.refuse(error)],
    }
}

fn answer(request: &ControlRequest<'_>, status: &Status, now: Timestamp<Utc>) -> Result<(u16, Vec<u8>), ControlError> {
    let sources = sources(status);
    let asked = std::str::from_utf8(request.data).map_err(|_| ControlError::Format)?.trim_matches(['\0', '\r', '\n']);
    let of = |association: u16| {
        let index = usize::from(association).checked_sub(1);
        index.and_then(|index| sources.get(index)).ok_or(ControlError::Association)
    };
    match (request.operation(), request.association) {
        (Operation::ReadStatus, 0) => {
            let words = sources.iter().zip(1_u16..).flat_map(|(source, number)| [number, peer_word(source)]);
            Ok((system_word(status, &sources), words.flat_map(u16::to_be_bytes).collect()))
        }
        (Operation::ReadVariables, 0) => {
            let text = system_variables(status, &sources, now).text(asked)?;
            Ok((system_word(status, &sources), text.into_bytes()))
        }
        (Operation::ReadStatus | Operation::ReadVariables, association) => {
            let source = of(association)?;
            let text = peer_variables(source, now).text(asked)?;
            Ok((peer_word(source), text.into_bytes()))
        }
        (Operation::Write, _) => Err(ControlError::Prohibited),
        (Operation::Other, _) => Err(ControlError::Operation),
    }
}

/// What clients are told.
fn served(status: &Status) -> Option<&NtpServedStatus> {
    status.ntp_server.as_ref().and_then(|server| server.served.as_ref())
}

fn is_local(status: &Status) -> bool {
    status.ntp_server.as_ref().is_some_and(|server| server.local_stratum.is_some())
}

fn leap_bits(status: &Status) -> u16 {
    if let Some(served) = served(status) {
        return u16::from(served.leap);
    }
    match (status.state.is_synchronised(), status.clock.leap.as_deref()) {
        (false, _) => 3,
        (true, Some("insert")) => 1,
        (true, Some("delete")) => 2,
        (true, _) => 0,
    }
}

fn steering(sources: &[SourceStatus]) -> Option<(u16, &SourceStatus)> {
    let numbered = (1_u16..).zip(sources);
    numbered.into_iter().find(|(_, source)| source.is_steering)
}

fn system_word(status: &Status, sources: &[SourceStatus]) -> u16 {
    let from = match steering(sources).filter(|_| status.state.is_synchronised()).map(|(_, source)| source) {
        _ if is_local(status) => clock_source::LOCAL,
        None => clock_source::UNSPECIFIED,
        Some(source) if source.kind == "ntp" => clock_source::NTP,
        Some(source) if source.reference_id.as_deref() == Some("PPS") || source.kind == "ptp" => clock_source::ATOMIC,
        Some(_) => clock_source::RADIO,
    };
    leap_bits(status) << 14 | from << 8
}

fn peer_word(source: &SourceStatus) -> u16 {
    let selection = match source.verdict.as_str() {
        _ if source.is_steering => peer::STEERS,
        "agrees" => peer::CANDIDATE,
        "falseticker" => peer::FALSETICKER,
        "undecided" => peer::OUTLIER,
        _ => peer::REJECTED,
    };
    let reachable = if is_reached(source) { peer::REACHABLE } else { 0 };
    (peer::CONFIGURED | reachable | selection) << 8
}

/// A port tells no reach: it is heard or not.
fn is_reached(source: &SourceStatus) -> bool {
    source.reach.map_or(source.verdict != "silent", |reach| reach != 0)
}

fn system_variables(status: &Status, sources: &[SourceStatus], now: Timestamp<Utc>) -> Variables {
    let clock = &status.clock;
    let steering = steering(sources);
    let served = served(status);
    let stratum = served.map(|served| served.stratum).filter(|stratum| *stratum != 0).unwrap_or(STRATUM_UNSYNCHRONISED);
    let mut out = Variables::default();
    out.words("version", &format!("synchronome {}", status.version));
    out.words("processor", std::env::consts::ARCH);
    out.words("system", std::env::consts::OS);
    out.put("leap", &leap_bits(status));
    out.put("stratum", &stratum);
    // As served: of a local clock and of smeared time other things are said than of the clock itself.
    let has_time = served.filter(|served| served.stratum != 0);
    out.milliseconds("rootdelay", has_time.map(|served| served.root_delay_s));
    out.milliseconds("rootdisp", has_time.map(|served| served.root_dispersion_s));
    out.milliseconds("rootdist", has_time.map(|served| served.root_delay_s / 2.0 + served.root_dispersion_s));
    // Without a time it says why.
    out.put("refid", &served.map_or("INIT", |served| &served.reference_id));
    if let Some(age) = clock.last_sample_age_s {
        out.time("reftime", now - Duration::from_secs_f64(age));
    }
    out.time("clock", now);
    out.put("peer", &steering.map_or(0, |(number, _)| number));
    out.put("peeradr", &steering.and_then(|(_, source)| host_of(source)).unwrap_or("0.0.0.0"));
    out.put("peermode", &if steering.is_some() { MODE_CLIENT } else { 0 });
    if let Some(poll) = steering.and_then(|(_, source)| poll_of(source)) {
        out.put("tc", &poll);
    }
    out.milliseconds("offset", clock.offset_from_master_s.map(|ahead| -ahead));
    if let Some(frequency) = clock.frequency_ppb {
        out.put("frequency", &format!("{:.3}", frequency / 1e3));
    }
    out.milliseconds("sys_jitter", clock.bound_parts.map(|parts| parts.noise_s));
    out.put("tai", &clock.tai_utc_s.unwrap_or(0));
    out
}

fn peer_variables(source: &SourceStatus, now: Timestamp<Utc>) -> Variables {
    let mut out = Variables::default();
    // Only servers have an address; the others are shown by their name.
    out.put("srcadr", &host_of(source).unwrap_or("0.0.0.0"));
    let port = source.address.as_deref().and_then(|address| address.rsplit_once(':')).map(|(_, port)| port);
    out.put("srcport", &port.unwrap_or("0"));
    match source.kind.as_str() {
        "ntp" => out.words("srchost", &source.name),
        kind => out.words("srchost", &format!("{}({})", kind.to_uppercase(), source.name)),
    }
    out.put("leap", &if is_reached(source) { 0 } else { 3 });
    out.put("stratum", &source.stratum.unwrap_or(if is_reached(source) { 0 } else { STRATUM_UNSYNCHRONISED }));
    out.milliseconds("rootdelay", Some(0.0));
    out.milliseconds("rootdisp", source.root_distance_s);
    out.put(
        "refid",
        &source.reference_id.clone().unwrap_or_else(|| if is_reached(source) { "PTP" } else { "INIT" }.to_owned()),
    );
    if let Some(age) = source.last_sample_age_s {
        out.time("rec", now - Duration::from_secs_f64(age));
    }
    out.put("reach", &format!("{:#x}", source.reach.unwrap_or(if is_reached(source) { 0xff } else { 0 })));
    out.put("unreach", &source.unanswered.map_or(0, |unanswered| unanswered.saturating_sub(1)));
    out.put("hmode", &MODE_CLIENT);
    out.put("pmode", &MODE_SERVER);
    let poll = poll_of(source).unwrap_or(0);
    out.put("hpoll", &poll);
    out.put("ppoll", &poll);
    out.put("flash", &format!("{:#x}", flash_of(source)));
    out.milliseconds("offset", source.offset_s.map(|ahead| -ahead).or(Some(0.0)));
    out.milliseconds("delay", source.round_trip_s.or(Some(0.0)));
    out.milliseconds("dispersion", source.distance_s);
    // How far the offset may be off, apart from half of the way: what ntpd's jitter is taken for by those who read it.
    let way = source.round_trip_s.unwrap_or(0.0) / 2.0;
    out.milliseconds(
        "jitter",
        source.distance_s.map(|distance| (distance - way - source.root_distance_s.unwrap_or(0.0)).max(0.0)),
    );
    out
}

/// The address of a server, without its port.
fn host_of(source: &SourceStatus) -> Option<&str> {
    let (host, _) = source.address.as_deref()?.rsplit_once(':')?;
    Some(host.trim_matches(['[', ']']))
}

/// The logarithm of its interval to base 2, as ntpq wants it: not below 0.
fn poll_of(source: &SourceStatus) -> Option<u32> {
    source.interval_s.map(|seconds| (seconds.max(1.0).round() as u64).ilog2())
}

/// The tests that it fails, in ntpd's bits.
fn flash_of(source: &SourceStatus) -> u32 {
    let mut bits = 0;
    if !is_reached(source) {
        bits |= flash::UNREACHABLE;
    }
    if source.client_state.as_deref() == Some("denied") {
        bits |= flash::DENIED;
    }
    if source.max_distance_s.zip(source.distance_s).is_some_and(|(limit, distance)| distance > limit) {
        bits |= flash::DISTANCE;
    }
    match source.refusal.as_ref().map(|refusal| refusal.reason.as_str()) {
        Some("unsynchronised") => bits |= flash::UNSYNCHRONISED,
        Some("stratum_excessive") => bits |= flash::STRATUM,
        Some("root_distance_excessive") => bits |= flash::DISTANCE,
        Some("follows_us" | "ourselves_answered") => bits |= flash::LOOP,
        _ => {}
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::examples::locked;
    use crate::observe::status::RefusalStatus;
    use crate::time::SyncState;

    const NOW: Timestamp<Utc> = Timestamp::from_secs(1_772_323_199);

    fn question(opcode: u8, association: u16, names: &str) -> Vec<u8> {
        let mut octets = vec![0x16, opcode, 0, 7, 0, 0];
        octets.extend(association.to_be_bytes());
        octets.extend([0, 0]);
        octets.extend((names.len() as u16).to_be_bytes());
        octets.extend(names.as_bytes());
        octets
    }

    /// The status word and the data of the one datagram, or the error code.
    fn told(status: &Status, question: &[u8]) -> Result<(u16, String), u8> {
        let [answer] = &answers(question, status, NOW)[..] else { panic!("one datagram") };
        assert_eq!(&answer[2..4], [0, 7], "the sequence");
        if answer[1] & 0x40 != 0 {
            return Err(answer[4]);
        }
        let length = usize::from(u16::from_be_bytes([answer[10], answer[11]]));
        let data = String::from_utf8_lossy(&answer[12..12 + length]).into_owned();
        Ok((u16::from_be_bytes([answer[4], answer[5]]), data))
    }

    fn server(name: &str, verdict: &str, steers: bool) -> SourceStatus {
        SourceStatus {
            kind: "ntp".to_owned(),
            name: name.to_owned(),
            address: Some("192.0.2.1:123".to_owned()),
            verdict: verdict.to_owned(),
            is_steering: steers,
            reach: Some(if verdict == "silent" { 0 } else { 0xff }),
            offset_s: Some(2e-3),
            interval_s: Some(64.0),
            stratum: Some(2),
            round_trip_s: Some(0.5e-3),
            ..SourceStatus::default()
        }
    }

    fn several() -> Status {
        let sources = vec![
            server("a", "agrees", true),
            server("b", "agrees", false),
            server("c", "falseticker", false),
            server("d", "silent", false),
        ];
        Status { sources, ..locked() }
    }

    #[test]
    fn associations_have_the_marks_of_the_selection() {
        let [answer] = &answers(&question(1, 0, ""), &several(), NOW)[..] else { panic!("one datagram") };
        let words: Vec<_> = answer[12..28].chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
        assert_eq!(words, [1, 0x9600, 2, 0x9400, 3, 0x9100, 4, 0x8000]);
        assert_eq!(u16::from_be_bytes([answer[4], answer[5]]), 0x0600, "no leap second, by NTP");
    }

    #[test]
    fn an_offset_is_positive_where_this_clock_is_behind() {
        let (word, text) = told(&several(), &question(2, 1, "offset,delay,reach,hpoll,flash")).expect("they are known");
        assert_eq!(
            (word, text.as_str()),
            (0x9600, "offset=-2.000000, delay=0.500000, reach=0xff, hpoll=6, flash=0x0\r\n")
        );
    }

    #[test]
    fn the_system_says_what_is_served() {
        let names = "leap,stratum,rootdelay,rootdisp,rootdist,refid,clock";
        let (word, text) = told(&locked(), &question(2, 0, names)).expect("they are known");
        assert_eq!(word, 0x0100);
        assert_eq!(
            text,
            "leap=0, stratum=1, rootdelay=0.000000, rootdisp=0.001300, rootdist=0.001300, refid=PTP, \
             clock=0xed4dffff.00000000\r\n"
        );
        let unknown =
            NtpServedStatus { leap: 3, stratum: 0, reference_id: "XBND".to_owned(), ..NtpServedStatus::default() };
        let lost = serving(Status { state: SyncState::Freerun, ..locked() }, unknown);
        let (_, text) = told(&lost, &question(2, 0, "stratum")).expect("it is known");
        assert_eq!(text, "stratum=16\r\n");
        assert_eq!(told(&lost, &question(2, 0, "rootdisp")), Err(5), "nobody knows it");
        let (word, text) = told(&lost, &question(2, 0, "leap,refid")).expect("they are known");
        assert_eq!((word, text.as_str()), (0xc000, "leap=3, refid=XBND\r\n"));
    }

    fn serving(mut status: Status, served: NtpServedStatus) -> Status {
        status.ntp_server.as_mut().expect("it serves").served = Some(served);
        status
    }

    #[test]
    fn a_local_clock_and_smeared_time_are_told_as_they_are_served() {
        let names = "leap,stratum,rootdisp,refid";
        let local = NtpServedStatus {
            stratum: 10,
            reference_id: "127.127.1.1".to_owned(),
            root_dispersion_s: 1.0,
            ..NtpServedStatus::default()
        };
        let mut status = serving(Status { state: SyncState::Freerun, ..locked() }, local);
        status.ntp_server.as_mut().expect("it serves").local_stratum = Some(10);
        let (word, text) = told(&status, &question(2, 0, names)).expect("they are known");
        assert_eq!((word, text.as_str()), (0x0500, "leap=0, stratum=10, rootdisp=1000.000000, refid=127.127.1.1\r\n"));

        // On the day of a leap second: the clock has a warning, its clients have none.
        let smeared =
            NtpServedStatus { stratum: 2, reference_id: "254.32.0.0".to_owned(), ..NtpServedStatus::default() };
        let mut status = serving(locked(), smeared);
        status.clock.leap = Some("insert".to_owned());
        let (word, text) = told(&status, &question(2, 0, names)).expect("they are known");
        assert_eq!((word, text.as_str()), (0x0100, "leap=0, stratum=2, rootdisp=0.000000, refid=254.32.0.0\r\n"));
    }

    #[test]
    fn the_tests_that_a_peer_fails_are_the_bits_of_flash() {
        let refusal = |reason: &str| Some(RefusalStatus { reason: reason.to_owned(), ..RefusalStatus::default() });
        let good = server("a", "agrees", false);
        assert_eq!(flash_of(&good), 0);
        assert_eq!(flash_of(&server("d", "silent", false)), 0x1000);
        assert_eq!(flash_of(&SourceStatus { refusal: refusal("unsynchronised"), ..good.clone() }), 0x4);
        assert_eq!(flash_of(&SourceStatus { refusal: refusal("follows_us"), ..good.clone() }), 0x800);
        let far = SourceStatus { distance_s: Some(4.0), max_distance_s: Some(3.0), ..good.clone() };
        assert_eq!(flash_of(&far), 0x400);
        assert_eq!(flash_of(&SourceStatus { client_state: Some("denied".to_owned()), ..good }), 0x8);
    }

    #[test]
    fn what_is_not_there_or_not_allowed_is_an_error_with_its_code() {
        let status = several();
        assert_eq!(told(&status, &question(2, 5, "")), Err(4), "no such association");
        assert_eq!(told(&status, &question(2, 0, "offset,nonsense")), Err(5), "no such variable");
        assert_eq!(told(&status, &question(3, 0, "offset=1")), Err(7), "nothing can be set");
        assert_eq!(told(&status, &question(12, 0, "")), Err(3), "no such operation");
        assert!(answers(&[0x23; 48], &status, NOW).is_empty(), "a client's request");
    }
}
