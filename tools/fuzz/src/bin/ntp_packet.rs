#![cfg_attr(not(test), no_main)]
//! Any octets as an NTP packet, or as a question of mode 6.

use synchronome::wire::ntp::{
    CONTROL_DATA_MAX, CONTROL_HEADER_LENGTH, ControlRequest, HEADER_LENGTH, Header, is_control, parse, write,
};

synchronome_fuzz::target!(check);

/// What parses is written back octet by octet (versions 3 and 4), its extension fields adding up.
fn check(octets: &[u8]) {
    check_control(octets);
    let Ok(packet) = parse(octets) else { return };
    assert_eq!(Header::parse(octets), Ok(packet.header));
    assert!((1..=4).contains(&packet.header.version));
    let fields = packet.extension_fields;
    let length: usize = fields.iter().map(|field| 4 + field.value.len()).sum();
    assert_eq!(length, fields.octets().len());
    assert!(fields.iter().all(|field| field.value.len() >= 12 && field.value.len().is_multiple_of(4)));

    let mut out = vec![0; packet.length()];
    assert_eq!(write(&packet, &mut out), Ok(out.len()));
    assert_eq!(parse(&out), Ok(packet));
    let meant = if packet.header.version >= 3 { octets } else { &octets[..HEADER_LENGTH] };
    assert_eq!(out, meant);
    assert!(write(&packet, &mut vec![0; out.len() - 1]).is_err());
}

/// The fragments of an answer are whole, in order, and no longer than they may be.
fn check_control(octets: &[u8]) {
    let Some(request) = ControlRequest::parse(octets) else { return };
    assert!(is_control(octets) && parse(octets).is_err());
    let data = octets.repeat(3);
    let mut joined: Vec<u8> = Vec::new();
    for fragment in request.answer(0, &data) {
        assert!(fragment.len() <= CONTROL_HEADER_LENGTH + CONTROL_DATA_MAX && fragment.len().is_multiple_of(4));
        assert!(ControlRequest::parse(&fragment).is_none(), "an answer is no question");
        let length = usize::from(u16::from_be_bytes([fragment[10], fragment[11]]));
        joined.extend(&fragment[CONTROL_HEADER_LENGTH..CONTROL_HEADER_LENGTH + length]);
    }
    assert_eq!(joined, data);
}
