#![cfg_attr(not(test), no_main)]
//! Any octets as a PTP message.

use synchronome::wire::ptp::{HEADER_LENGTH, Header, Tlvs, parse, write};

synchronome_fuzz::target!(check);

/// What parses has the length that it says, TLVs that add up, and is written back to the same value.
fn check(octets: &[u8]) {
    let header = Header::parse(octets);
    let message = match parse(octets) {
        Ok(message) => message,
        Err(error) => {
            assert!(header.is_ok() || header == Err(error), "a bad header is the first reason");
            return;
        }
    };
    assert_eq!(header, Ok(message.header));
    assert_eq!(message.length(), usize::from(message.header.message_length));
    assert!(message.length() <= octets.len());
    let tlvs: usize = message.tlvs.iter().map(|tlv| 4 + tlv.value.len()).sum();
    assert_eq!(HEADER_LENGTH + message.header.message_type.body_length() + tlvs, message.length());
    assert_eq!(message.body.message_type(), message.header.message_type);
    for tlv in message.tlvs {
        // What is read of a TLV is as long as it was, and is read again as the same.
        let Ok(extension) = tlv.extension() else { continue };
        let mut out = vec![0; extension.length()];
        assert_eq!(extension.write(&mut out), Ok(4 + tlv.value.len()));
        let again = Tlvs::from_octets(&out).expect("a TLV").iter().next().expect("one");
        assert_eq!(again.extension(), Ok(extension));
    }
    let _ = message.header.correction_field.to_duration();
    let _ = message.header.log_message_interval.duration();

    let mut out = vec![0; message.length()];
    assert_eq!(write(&message, &mut out), Ok(out.len()));
    assert_eq!(parse(&out), Ok(message));
    if let Some(short) = out.len().checked_sub(1) {
        assert!(write(&message, &mut vec![0; short]).is_err());
        assert!(parse(&out[..short]).is_err(), "every truncation is an error");
    }
}
