//! Plain-text scripts for tests: `time input => effects`, one step a line.
//!
//! ```text
//! 1.0  announce A seq=2 p1=10        => state LISTENING->UNCALIBRATED (parent selected); ...
//! 2.0  sync A seq=7 two t2=100.5     => -
//! 2.1  fup A seq=7 t1=100            => sync 100 -> 100.5 corr=0 epoch=1
//! ```
//!
//! Masters are letters (`A` is port 1 of the clock of eight octets `A`, `A2` its port 2, `us` our own port). Counters of
//! sent and received messages are not shown; without `=>` a line's effects are not compared, `=> -` says there are none.
//! `run` ticks at every deadline up to its time; `req=N` and `sent N` mean the Nth message that was sent with a token, from 0.
//! Of `presp` and `pfup`, `at` is the time that they say. `from=N` is the address 10.0.0.N, `unicast` sets the flag; `ask` and
//! `leave` (of who asks), `grant` and `cancel` (of who grants) are Signaling with one TLV about `what`, `leave+grant` one with two; of those
//! that are sent the TLVs are shown. `intervals` is one with a message interval request: `sync=`, `announce=`, `link=`; `capable` one with the
//! gPTP-capable TLV: `each=`.

use std::fmt::Write;

use crate::engine::Engine;
use crate::ptp::unicast::ANYBODY;
use crate::ptp::{
    Address, Announcement, Channel, ClockReport, Config, Counter, Decision, Effect, FRAME_MAX, Forwarded, Frame, Input,
    Line, MasterBy, PlainAnswer, Port, Recommendation, TimeProperties, TxToken,
};
use crate::sharing::CounterSet;
use crate::time::{
    ClockEpoch, ClockId, Duration, Local, LogInterval, Mono, SourceId, Stamp, StampSource, TICKS_PER_NS, Timestamp,
};
use crate::wire::ptp::{
    self, Announce, Body, CancelUnicast, ClockAccuracy, ClockIdentity, ClockQuality, CorrectionField, DelayResp,
    Extension, Flags, FollowUp, GptpCapable, GrantUnicast, Header, Message, MessageIntervalRequest, MessageType,
    OrganizationExtension, PortIdentity, RequestUnicast, Signaling, Sync, TimeSource, Tlvs, WireTimestamp,
};

/// A port and what was said to it.
pub struct Script {
    pub port: Port,
    pub now: Timestamp<Mono>,
    /// Token, sequenceId and correctionField of what was sent with a token: Delay_Req, Pdelay_Req, Pdelay_Resp.
    pub requests: Vec<(TxToken, u16, CorrectionField)>,
}

pub fn letter(name: &str) -> PortIdentity {
    if name == "us" {
        return config().port_identity();
    }
    let (clock, port) = name.split_at(1);
    let clock_identity = ClockIdentity([clock.as_bytes()[0]; 8]);
    PortIdentity { clock_identity, port_number: if port.is_empty() { 1 } else { port.parse().unwrap() } }
}

/// The name of an identity that [`letter`] made.
fn name(port: PortIdentity) -> String {
    let clock = port.clock_identity.0[0] as char;
    if port.port_number == 1 { clock.to_string() } else { format!("{clock}{}", port.port_number) }
}

pub fn config() -> Config {
    Config::new(SourceId(3), ClockIdentity([0x5f; 8]), 1)
}

/// Decimal seconds, exact to a nanosecond.
pub fn seconds(text: &str) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let sign = if whole.starts_with('-') { -1 } else { 1 };
    let nanos: i128 = format!("{fraction:0<9}").parse().unwrap();
    whole.parse::<i128>().unwrap() * 1_000_000_000 + sign * nanos
}

pub fn mono(text: &str) -> Timestamp<Mono> {
    Timestamp::from_nanos(seconds(text))
}

pub fn stamp(at: Timestamp<Local>) -> Stamp {
    Stamp { at, clock: ClockId::System, epoch: ClockEpoch(0), source: StampSource::Kernel, error: Duration::ZERO }
}

/// The `key=value` and bare words of a line.
struct Words<'a>(Vec<&'a str>);

impl<'a> Words<'a> {
    fn value(&self, key: &str) -> Option<&'a str> {
        self.0.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }
    fn has(&self, word: &str) -> bool {
        self.0.contains(&word)
    }
    fn number<T: std::str::FromStr<Err: std::fmt::Debug>>(&self, key: &str, default: T) -> T {
        self.value(key).map_or(default, |value| value.parse().unwrap())
    }
    fn time(&self, key: &str) -> Timestamp<Local> {
        Timestamp::from_nanos(self.value(key).map_or(0, seconds))
    }
    fn wire_time(&self, key: &str) -> WireTimestamp {
        WireTimestamp::from_timestamp(self.time(key)).unwrap().0
    }
    fn stamp(&self, key: &str) -> Option<Stamp> {
        self.value(key).map(|_| stamp(self.time(key)))
    }
}

#[expect(clippy::large_types_passed_by_value, reason = "a configuration is made where it is used")]
impl Script {
    pub fn new(config: Config) -> Self {
        Self { port: Port::new(config), now: Timestamp::EPOCH, requests: Vec::new() }
    }

    /// A port that follows master A (announce interval 1 s, priority1 10) since 2 s, SLAVE, with its timers running.
    pub fn following(config: Config) -> Self {
        let mut script = Self::new(config);
        let sdo_id = config.sdo_id;
        script.line("0 link up");
        for second in 0..3 {
            script.line(&format!("{second} announce A seq={second} p1=10 sdo={sdo_id}"));
        }
        script.play("2 clock locked => state UNCALIBRATED->SLAVE (clock locked)");
        script
    }

    /// Plays the lines one after the other; panics at the first one whose effects are not the expected ones.
    pub fn play(&mut self, text: &str) {
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (input, expected) =
                line.split_once("=>").map_or((line, None), |(input, expected)| (input, Some(expected.trim())));
            let effects = self.line(input);
            if let Some(expected) = expected {
                let shown = render(&effects);
                assert_eq!(shown, expected, "\n  line:     {line}\n  all of it: {effects:?}");
            }
        }
    }

    /// Plays one line and gives its effects.
    pub fn line(&mut self, line: &str) -> Vec<Effect> {
        let mut words = line.split_whitespace();
        let (at, verb) = (words.next().unwrap(), words.next().unwrap());
        let words = Words(words.collect());
        let at = mono(at);
        let mut out = Vec::new();
        if verb == "run" {
            while let Some(due) = self.port.deadline().filter(|due| *due <= at) {
                self.now = self.now.max(due);
                self.port.step(self.now, Input::Tick { local: Timestamp::EPOCH }, &mut out);
            }
            self.now = at;
            self.remember(&out);
            return out;
        }
        assert!(at >= self.now, "time runs backwards in {line}");
        self.now = at;
        let request = || self.requests[words.0[0].parse::<usize>().unwrap()].0;
        let input = match verb {
            "tick" => Input::Tick { local: Timestamp::EPOCH },
            "link" => Input::Link { up: words.has("up") },
            "clock" => {
                let [locked, calm, stepped] = ["locked", "calm", "stepped"].map(|word| words.has(word));
                Input::Clock(ClockReport { locked, calm, stepped, epoch: 0 })
            }
            "decide" => Input::Decision(decision(&words)),
            "line" if words.has("none") => Input::Line(None),
            // What is served is ahead of the stamps by so much.
            "line" => Input::Line(Some(Line::ahead_by(words.time("ahead") - Timestamp::EPOCH))),
            "sent" => Input::Sent { token: request(), stamp: words.stamp("t3") },
            "failed" => Input::SendFailed { token: Some(request()) },
            _ => {
                let bytes = self.message(verb, &words);
                let from = words.value("from").map(|host| Address::V4([10, 0, 0, host.parse().unwrap()]));
                let is_event = matches!(verb, "sync" | "req" | "preq" | "presp") && !words.has("general");
                let channel = if is_event { Channel::Event } else { Channel::General };
                let stamp = words.stamp("t2");
                let plain = is_event.then(|| self.port.plain_answer(&bytes, stamp, from)).flatten();
                let before = plain.is_some().then(|| format!("{:?}", self.port));
                self.port.step(at, Input::Received { bytes: &bytes, channel, stamp, from }, &mut out);
                if let Some(PlainAnswer { octets, to }) = plain {
                    // Whoever takes the short way must find that the step would have done the same.
                    assert_eq!(before, Some(format!("{:?}", self.port)), "{line} changes nothing");
                    let mut bytes = [0; FRAME_MAX];
                    bytes[..octets.len()].copy_from_slice(&octets);
                    let (frame, channel) = (Frame::new(bytes, octets.len()), Channel::General);
                    let counted = [Counter::ReceivedDelayReq, Counter::SentDelayResp].map(Effect::Count);
                    assert_eq!(out[..2], counted, "{line}");
                    assert_eq!(out[2..], [Effect::Send { frame, channel, token: None, to }], "{line}");
                }
                self.remember(&out);
                return out;
            }
        };
        self.port.step(at, input, &mut out);
        self.remember(&out);
        out
    }

    /// The bytes of the message of a line (without its time).
    pub fn bytes(&self, line: &str) -> Vec<u8> {
        let mut words = line.split_whitespace();
        let verb = words.next().unwrap();
        self.message(verb, &Words(words.collect()))
    }

    fn remember(&mut self, out: &[Effect]) {
        for effect in out {
            if let Effect::Send { frame, token: Some(token), .. } = effect {
                let header = ptp::parse(frame.as_bytes()).unwrap().header;
                self.requests.push((*token, header.sequence_id, header.correction_field));
            }
        }
    }

    fn message(&self, verb: &str, words: &Words<'_>) -> Vec<u8> {
        let body = match verb {
            "announce" => Body::Announce(announce(words)),
            "sync" => Body::Sync(Sync { origin_timestamp: words.wire_time("t1") }),
            "req" => Body::DelayReq(ptp::DelayReq { origin_timestamp: WireTimestamp::ZERO }),
            "fup" => Body::FollowUp(FollowUp { precise_origin_timestamp: words.wire_time("t1") }),
            "preq" => Body::PdelayReq(ptp::PdelayReq { origin_timestamp: WireTimestamp::ZERO }),
            "presp" => Body::PdelayResp(ptp::PdelayResp {
                request_receipt_timestamp: words.wire_time("at"),
                requesting_port_identity: letter(words.value("to").unwrap_or("us")),
            }),
            "pfup" => Body::PdelayRespFollowUp(ptp::PdelayRespFollowUp {
                response_origin_timestamp: words.wire_time("at"),
                requesting_port_identity: letter(words.value("to").unwrap_or("us")),
            }),
            "resp" => Body::DelayResp(DelayResp {
                receive_timestamp: words.wire_time("t4"),
                requesting_port_identity: letter(words.value("to").unwrap_or("us")),
            }),
            "intervals" | "capable" => Body::Signaling(Signaling { target_port_identity: ANYBODY }),
            signaling if words.value("what").is_some() => {
                assert!(
                    signaling.split('+').all(|tlv| ["ask", "leave", "grant", "cancel"].contains(&tlv)),
                    "no such TLV: {signaling}"
                );
                Body::Signaling(Signaling { target_port_identity: letter("us") })
            }
            other => panic!("no such verb: {other}"),
        };
        let sequence_id = match words.value("req") {
            Some(index) => self.requests[index.parse::<usize>().unwrap()].1,
            None => words.number("seq", 0),
        };
        let correction = words.value("cf").map_or(0, |cf| (cf.parse::<f64>().unwrap() * TICKS_PER_NS as f64) as i64);
        let header = Header {
            sdo_id: words.number("sdo", 0),
            message_type: body.message_type(),
            version_ptp: 2,
            minor_version_ptp: words.number("minor", 1),
            message_length: 0,
            domain_number: words.number("domain", 0),
            flags: flags(words),
            correction_field: CorrectionField::from_bits(words.number("cfbits", correction)),
            source_port_identity: letter(words.0[0]),
            sequence_id,
            log_message_interval: LogInterval::new(words.number("int", 0)),
        };
        let mut bytes = vec![0; 128];
        let mut octets = [0; 64];
        let mut length = 0;
        for tlv in verb.split('+').filter_map(|verb| extension(verb, words)) {
            length += tlv.write(&mut octets[length..]).unwrap();
        }
        let tlvs = Tlvs::from_octets(&octets[..length]).unwrap();
        let length = ptp::write(&Message { header, body, tlvs }, &mut bytes).unwrap();
        bytes.truncate(length);
        bytes
    }
}

/// That of a grandmaster.
pub fn decided_m1() -> Decision {
    decision(&Words(vec!["m1"]))
}

/// `m1`, `m2`, `m3`, `slave`, `passive` or `silent`; `gm=`, `steps=` and `class=` of what is announced.
fn decision(words: &Words<'_>) -> Decision {
    let recommendation = match words.0[0] {
        "m1" => Recommendation::Master(MasterBy::M1),
        "m2" => Recommendation::Master(MasterBy::M2),
        "m3" => Recommendation::Master(MasterBy::M3),
        "slave" => Recommendation::Slave,
        "passive" => Recommendation::Passive,
        "silent" => Recommendation::Silent,
        other => panic!("no such recommendation: {other}"),
    };
    let said = announce(&Words([&["us"], &words.0[1..]].concat()));
    let announcement = Announcement {
        grandmaster: said.grandmaster_identity,
        priority1: said.grandmaster_priority1,
        quality: said.grandmaster_clock_quality,
        priority2: said.grandmaster_priority2,
        steps_removed: said.steps_removed,
        time_properties: TimeProperties::announced(flags(words), &said),
        synchronization_uncertain: words.has("uncertain"),
    };
    Decision { recommendation, announcement, counts_tai: false, forwarded: Forwarded::NONE }
}

/// The TLV of an `ask`, `leave`, `grant` or `cancel`.
fn extension(verb: &str, words: &Words<'_>) -> Option<Extension<'static>> {
    if verb == "intervals" {
        let interval = |name| LogInterval::new(words.number(name, -128));
        return Some(Extension::Organization(OrganizationExtension::MessageIntervalRequest(MessageIntervalRequest {
            link_delay_interval: interval("link"),
            time_sync_interval: interval("sync"),
            announce_interval: interval("announce"),
            flags: 3,
        })));
    }
    if verb == "capable" {
        let message_interval = LogInterval::new(words.number("each", 3));
        return Some(Extension::Organization(OrganizationExtension::GptpCapable(GptpCapable { message_interval })));
    }
    let message_type = match words.value("what")? {
        "announce" => MessageType::Announce,
        "sync" => MessageType::Sync,
        "resp" => MessageType::DelayResp,
        "pdelay" => MessageType::PdelayResp,
        other => panic!("no such message: {other}"),
    };
    let log_inter_message_period = LogInterval::new(words.number("each", 0));
    Some(match verb {
        "ask" => Extension::RequestUnicast(RequestUnicast {
            message_type,
            log_inter_message_period,
            duration_s: words.number("for", 300),
        }),
        "grant" => Extension::GrantUnicast(GrantUnicast {
            message_type,
            log_inter_message_period,
            duration_s: words.number("for", 300),
            renewal_invited: true,
        }),
        _ => {
            let is_client = verb == "leave";
            Extension::CancelUnicast(CancelUnicast {
                message_type,
                maintain_request: !is_client,
                maintain_grant: is_client,
            })
        }
    })
}

/// The TLVs of a negotiation, as they are shown.
fn shown(tlv: &Extension<'_>) -> String {
    match tlv {
        Extension::RequestUnicast(ask) => {
            let RequestUnicast { message_type, log_inter_message_period, duration_s } = ask;
            format!("ask {} each 2^{} for {duration_s}", message_type.name(), log_inter_message_period.log2_seconds())
        }
        Extension::GrantUnicast(grant) => {
            let GrantUnicast { message_type, log_inter_message_period, duration_s, .. } = grant;
            format!("grant {} each 2^{} for {duration_s}", message_type.name(), log_inter_message_period.log2_seconds())
        }
        Extension::Organization(OrganizationExtension::MessageIntervalRequest(request)) => {
            let MessageIntervalRequest { link_delay_interval: link, time_sync_interval: sync, .. } = request;
            let announce = request.announce_interval.log2_seconds();
            format!("intervals link={} sync={} announce={announce}", link.log2_seconds(), sync.log2_seconds())
        }
        Extension::Organization(OrganizationExtension::GptpCapable(capable)) => {
            format!("gptp capable each 2^{}", capable.message_interval.log2_seconds())
        }
        Extension::CancelUnicast(cancel) => format!("cancel {}", cancel.message_type.name()),
        Extension::AcknowledgeCancelUnicast(cancel) => format!("acknowledge {}", cancel.message_type.name()),
        other => format!("{other:?}"),
    }
}

fn announce(words: &Words<'_>) -> Announce {
    Announce {
        origin_timestamp: WireTimestamp::ZERO,
        current_utc_offset: words.number("utc", 0),
        grandmaster_priority1: words.number("p1", 128),
        grandmaster_clock_quality: ClockQuality {
            clock_class: words.number("class", 248),
            clock_accuracy: ClockAccuracy(words.number("accuracy", 0xfe)),
            offset_scaled_log_variance: words.number("variance", 0xffff),
        },
        grandmaster_priority2: words.number("p2", 128),
        grandmaster_identity: letter(words.value("gm").unwrap_or(words.0[0])).clock_identity,
        steps_removed: words.number("steps", 0),
        time_source: TimeSource(words.number("source", 0xa0)),
    }
}

fn flags(words: &Words<'_>) -> Flags {
    [
        ("alternate", Flags::ALTERNATE_MASTER),
        ("two", Flags::TWO_STEP),
        ("unicast", Flags::UNICAST),
        ("leap61", Flags::LEAP61),
        ("leap59", Flags::LEAP59),
        ("valid", Flags::CURRENT_UTC_OFFSET_VALID),
        ("ptp", Flags::PTP_TIMESCALE),
        ("traceable", Flags::TIME_TRACEABLE),
        ("uncertain", Flags::SYNCHRONIZATION_UNCERTAIN),
    ]
    .into_iter()
    .fold(Flags::NONE, |flags, (word, flag)| flags.with(flag, words.has(word)))
}

/// The effects as a script writes them.
pub fn render(effects: &[Effect]) -> String {
    let shown: Vec<String> = effects.iter().filter_map(effect).collect();
    if shown.is_empty() { "-".into() } else { shown.join("; ") }
}

fn effect(effect: &Effect) -> Option<String> {
    let mut text = String::new();
    match effect {
        Effect::Count(counter) => {
            let name = counter.name();
            if name.starts_with("received_") || name.starts_with("sent_") {
                return None;
            }
            text.push_str(name);
        }
        Effect::State { from, to, reason } => write!(text, "state {from}->{to} ({reason})").unwrap(),
        Effect::Parent(None) => text.push_str("parent none"),
        Effect::Parent(Some(parent)) => {
            let gm = PortIdentity { clock_identity: parent.grandmaster, port_number: 1 };
            write!(text, "parent {} gm={} steps={}", name(parent.port), name(gm), parent.steps_removed).unwrap();
        }
        Effect::Best(None) => text.push_str("best none"),
        Effect::Best(Some(best)) => write!(text, "best {}", name(best.sender)).unwrap(),
        Effect::Forward(forwarded) => write!(text, "forward {forwarded:?}").unwrap(),
        Effect::SyncInterval(interval) => write!(text, "sync_interval {}", interval.log2_seconds()).unwrap(),
        Effect::Send { frame, to, .. } => {
            let message = ptp::parse(frame.as_bytes()).unwrap();
            text.push_str("send ");
            text.push_str(message.header.message_type.name());
            for tlv in message.tlvs {
                write!(text, " [{}]", shown(&tlv.extension().unwrap())).unwrap();
            }
            if let Some(to) = to {
                assert!(message.header.flags.unicast(), "{message:?}");
                write!(text, " to {to}").unwrap();
            }
        }
        Effect::Observe(o) => {
            let is_sync = matches!(o.sent.clock, ClockId::Remote(_));
            let remote = if is_sync { o.sent } else { o.received };
            let corr = o.correction.ticks() as f64 / TICKS_PER_NS as f64;
            let what = if is_sync { "sync" } else { "delay" };
            let (sent, received) = (short(o.sent.at), short(o.received.at));
            write!(text, "{what} {sent} -> {received} corr={corr} epoch={}", remote.epoch.0).unwrap();
        }
    }
    Some(text)
}

fn short(at: Timestamp<Local>) -> String {
    at.to_string().trim_end_matches('0').trim_end_matches('.').to_string()
}
