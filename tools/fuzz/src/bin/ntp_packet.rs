#![cfg_attr(not(test), no_main)]
//! Any octets as an NTP packet.

use synchronome::wire::ntp::{HEADER_LENGTH, Header, parse, write};

synchronome_fuzz::target!(check);

/// What parses is written back octet by octet (versions 3 and 4), its extension fields adding up.
fn check(octets: &[u8]) {
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
