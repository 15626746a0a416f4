use super::*;
use crate::time::{LeapIndicator, NtpTimestamp};
use crate::wire::ntp::{HEADER_LENGTH, Header, Mode, Packet, parse, write};

/// The one `[[ntp.source]]` of a configuration, with these lines.
fn source(lines: &str) -> NtpSourceConfig {
    let text = format!("[[ntp.source]]\naddress = \"pool.example.net\"\n{lines}");
    let loaded = crate::config::load(&text, "t.toml").expect("a good configuration");
    loaded.config.ntp_sources[0].clone()
}

/// A good answer to a request, or one that says RATE.
fn answer_to(frame: &[u8; HEADER_LENGTH], is_rate: bool) -> [u8; HEADER_LENGTH] {
    let asked = parse(frame).expect("what we send parses").header;
    let at = NtpTimestamp::from_utc(Timestamp::from_secs(1_790_000_000));
    let header = Header {
        leap: if is_rate { LeapIndicator::Unknown } else { LeapIndicator::NoWarning },
        mode: Mode::Server,
        stratum: if is_rate { 0 } else { 2 },
        reference_id: if is_rate { *b"RATE" } else { [192, 0, 2, 1] },
        poll: asked.poll,
        precision: -23,
        reference_timestamp: at,
        origin_timestamp: asked.transmit_timestamp,
        receive_timestamp: at,
        transmit_timestamp: at,
        ..Header::default()
    };
    let mut bytes = [0; HEADER_LENGTH];
    write(&Packet::plain(header), &mut bytes).expect("48 octets");
    bytes
}

/// How many requests a client with these lines sends in ten polls of 64 s to a server that answers all, or says RATE to the first.
fn requests_in_ten_polls(lines: &str, is_rate: bool) -> usize {
    let mut client = Client::new(client_config(&source(lines), 0, 7, None));
    let mut now = Timestamp::from_secs(100);
    let end = now + Duration::from_secs(640);
    let (mut sent, mut effects) = (0, Vec::new());
    while now < end {
        effects.clear();
        client.step(now, Input::Tick, &mut effects);
        let request = effects.iter().find_map(|effect| match effect {
            Effect::Send { frame, token } => Some((*frame, *token)),
            _ => None,
        });
        if let Some((frame, token)) = request {
            let bytes = answer_to(&frame, is_rate && sent == 0);
            client.step(now, Input::Received { token, bytes: &bytes, stamp: None }, &mut effects);
            sent += 1;
        }
        now = client.deadline().expect("it goes on asking").max(now);
    }
    sent
}

#[test]
fn a_server_gets_a_burst_at_each_poll_where_the_configuration_says_so_and_none_once_it_said_rate() {
    assert!((9..=11).contains(&requests_in_ten_polls("iburst = false", false)), "as it is without");
    let with = requests_in_ten_polls("iburst = false\nburst = true", false);
    assert!((72..=88).contains(&with), "eight each poll: {with}");
    let slowed = requests_in_ten_polls("iburst = false\nburst = true", true);
    // One, and after RATE one each 256 s.
    assert!((2..=4).contains(&slowed), "{slowed}");
}
