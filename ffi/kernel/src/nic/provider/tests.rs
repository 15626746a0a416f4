//! Bytes that Linux 7.3 was asked with and answered (the lab's guest, `phv1` with a second, approximate provider), and our own kernel.

use super::*;

/// The family's number in that guest.
const FAMILY: u16 = 0x17;
const TSINFO_GET: &str = "2c00000017000103000000000000000019010000180001800900020070687631000000000800030001000000";
const TSINFO: &str = "980000001700000000000000670000001a01000018000180080001000300000009000200706876310000000018000280040001000800\
020013000000080004005f000000180003800400010008000200040000000800040007000000180004800400010008000200100000000800040003100000\
080005000100000014000780080001000100000008000200000000000800080001000000\
980000001700000000000000670000001a0100001800018008000100030000000900020070687631000000001800028004000100080002001300000008000\
4005f0000001800038004000100080002000400000008000400070000001800048004000100080002001000000008000400031000000800050003000000140\
007800800010003000000080002000100000008000800010000001400000003000200000000006700000000000000";
const TSCONFIG_GET: &str = "2c0000001700050000000000000000002e010000180001800900020070687631000000000800030001000000";
const TSCONFIG: &str = "700000001700000000000000670000002f010000180001800800010003000000090002007068763100000000180003800400010008000200\
0400000008000400010000001800048004000100080002001000000008000400010000001400028008000100010000000800020000000000";
const ACKNOWLEDGED: &str = "24000000020000010000000067000000000000002c000000170005000000000000000000";
const SELECT: &str = "400000001700050000000000000000002f0100001800018009000200706876310000000008000300010000001400028008000100030000000800\
020001000000";
const REFUSED: &str = "54000000020000000000000067000000edffffff400000001700050000000000000000002f0100001800018009000200706876310000000008000\
300010000001400028008000100090000000800020000000000";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal")).collect()
}

fn replies(answers: &[&str]) -> io::Result<Vec<Vec<u8>>> {
    let mut replies = Vec::new();
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(read(&bytes(answer), &mut replies)?, number + 1 == answers.len(), "the last one ends it");
    }
    Ok(replies)
}

#[test]
fn the_questions_are_those_that_were_answered() {
    let dump = message(FAMILY, at::MSG_TSINFO_GET, at::NLM_F_DUMP as u16, &header("phv1"));
    assert_eq!(dump, bytes(TSINFO_GET));
    assert_eq!(message(FAMILY, at::MSG_TSCONFIG_GET, at::NLM_F_ACK as u16, &header("phv1")), bytes(TSCONFIG_GET));
    let other = Provider { phc_index: 3, qualifier: Qualifier::Approximate };
    assert_eq!(message(FAMILY, at::MSG_TSCONFIG_SET, at::NLM_F_ACK as u16, &selection("phv1", other)), bytes(SELECT));
}

#[test]
fn two_providers_are_told_apart_by_clock_and_qualifier() {
    let replies = replies(&[TSINFO]).expect("a dump");
    let all: Vec<_> = replies.iter().filter(|reply| is_of(reply, "phv1")).filter_map(|reply| offered(reply)).collect();
    let offered = |phc_index, qualifier| Offered {
        provider: Provider { phc_index, qualifier },
        phy: None,
        info: TimestampingInfo {
            so_timestamping: 0x5f,
            phc_index: Some(phc_index),
            tx_types: 0b111,
            rx_filters: 0x1003,
        },
    };
    assert_eq!(all, [offered(1, Qualifier::Precise), offered(3, Qualifier::Approximate)]);
    assert!(!replies.iter().any(|reply| is_of(reply, "phv10") || is_of(reply, "phv")), "of another interface");
}

#[test]
fn the_selected_provider_is_read() {
    let replies = replies(&[TSCONFIG, ACKNOWLEDGED]).expect("a reply");
    let told = attribute(&replies[0], at::TSCONFIG_HWTSTAMP_PROVIDER).and_then(provider);
    assert_eq!(told, Some(Provider { phc_index: 1, qualifier: Qualifier::Precise }));
}

#[test]
fn a_refusal_is_its_errno() {
    assert_eq!(replies(&[REFUSED]).expect_err("refused").raw_os_error(), Some(libc::ENODEV));
}

#[test]
fn a_phys_clock_is_the_phys_and_a_reply_without_a_provider_offers_none() {
    let mut reply = Vec::new();
    nested(&mut reply, at::TSINFO_HWTSTAMP_PROVIDER, &[(1, &2_u32.to_ne_bytes()), (2, &7_u32.to_ne_bytes())]);
    push(&mut reply, at::TSINFO_HWTSTAMP_SOURCE, &at::SOURCE_PHYLIB.to_ne_bytes());
    let provider = Provider { phc_index: 2, qualifier: Qualifier::Other(7) };
    let told = |reply: &[u8]| offered(reply).map(|offered| (offered.provider, offered.phy, offered.info.rx_filters));
    assert_eq!(told(&reply), Some((provider, Some(0), 0)), "the kernel leaves out a number of 0 and empty sets");
    push(&mut reply, at::TSINFO_HWTSTAMP_PHYINDEX, &1_u32.to_ne_bytes());
    assert_eq!(told(&reply), Some((provider, Some(1), 0)));
    // Before 6.14.
    let mut older = Vec::new();
    push(&mut older, 5, &2_u32.to_ne_bytes());
    assert_eq!(offered(&older), None);
}

#[test]
fn every_truncation_is_refused_or_says_less() {
    for whole in [TSINFO, TSCONFIG, ACKNOWLEDGED, REFUSED].map(bytes) {
        for length in 0..whole.len() {
            let mut replies = Vec::new();
            // What was whole stays; nothing is read beyond the end.
            let _ = read(&whole[..length], &mut replies);
            for reply in &replies {
                let _ = (is_of(reply, "phv1"), offered(reply));
            }
            assert!(replies.len() <= 2);
        }
    }
}

#[test]
fn our_own_kernel_answers_for_the_loopback_which_has_no_clock() {
    match providers("lo") {
        Ok(all) => assert_eq!(all, []),
        Err(error) => assert!(matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOENT)), "{error}"),
    }
    let nobody = selected_provider("lo").expect_err("none").raw_os_error();
    assert!(matches!(nobody, Some(libc::EOPNOTSUPP | libc::ENOENT | libc::ENODEV)), "{nobody:?}");
    for name in ["nosuchif0", "a-name-that-is-much-too-long"] {
        let errno = selected_provider(name).expect_err("none").raw_os_error();
        assert!(matches!(errno, Some(libc::ENODEV | libc::EOPNOTSUPP | libc::ENOENT)), "{name}: {errno:?}");
    }
}
