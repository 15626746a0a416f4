use super::*;
use crate::engine::Engine;
use crate::ptp::script::{Script, config, letter, render};
use crate::ptp::unicast::ANYBODY;
use crate::ptp::{Config, Decision, Input, MasterBy, Recommendation, Role};
use crate::wire::ptp::{Action, Body, Management, Message, Sender, SynchronizationMetadata, parse, write};

fn tlv(tlv_type: u16, value: &[u8]) -> Vec<u8> {
    [&tlv_type.to_be_bytes()[..], &(value.len() as u16).to_be_bytes(), value].concat()
}

fn path(names: &[&str]) -> Vec<u8> {
    tlv(8, &names.iter().flat_map(|name| letter(name).clock_identity.0).collect::<Vec<u8>>())
}

/// What is handed on of these octets, and how many of their TLVs do not fit.
fn forwarded(octets: &[u8]) -> (Forwarded, usize) {
    let mut out = Vec::new();
    let forwarded = Forwarded::of(Tlvs::from_octets(octets).unwrap(), &mut out);
    assert!(out.iter().all(|effect| *effect == Effect::Count(Counter::TlvNotForwarded)));
    (forwarded, out.len())
}

fn sender() -> Sender {
    Sender { sdo_id: 0, minor_version_ptp: 1, domain_number: 0, source_port_identity: letter("A") }
}

fn written(forwarded: &Forwarded, own: Option<&str>) -> Vec<u8> {
    let mut out = [0xee; ANNOUNCE_TLVS_MAX];
    let len = forwarded.write(own.map(|name| letter(name).clock_identity), &mut out);
    out[..len].to_vec()
}

#[test]
fn a_boundary_clock_hands_on_path_trace_alternate_time_offset_and_4000_to_7fff_and_nothing_else() {
    for (tlv_type, is_handed_on) in [
        (0x0001, false),
        (0x0003, false),
        (0x0004, false),
        (0x0008, true),
        (0x0009, true),
        (0x2004, false),
        (0x3fff, false),
        (0x4000, true),
        (0x5a5a, true),
        (0x7fff, true),
        (0x8000, false),
        (0x8008, false),
        (0xffff, false),
    ] {
        let octets = tlv(tlv_type, &[7; 8]);
        let expected = if is_handed_on { octets.clone() } else { Vec::new() };
        assert_eq!(written(&forwarded(&octets).0, None), expected, "{tlv_type:#06x}");
    }
    // In their order, as they came.
    let all = [tlv(0x4001, &[1, 2]), tlv(0x8001, &[9; 10]), tlv(0x0009, &[3; 18]), tlv(0x4000, &[])].concat();
    let kept = [tlv(0x4001, &[1, 2]), tlv(0x0009, &[3; 18]), tlv(0x4000, &[])].concat();
    assert_eq!(written(&forwarded(&all).0, None), kept);
}

#[test]
fn a_clock_that_traces_the_path_puts_itself_to_its_end_and_begins_one_where_there_is_none() {
    let came = [tlv(0x4001, &[1, 2]), path(&["A", "B"])].concat();
    let (forwarded, _) = forwarded(&came);
    assert_eq!(forwarded.path().unwrap().iter().count(), 2);
    assert_eq!(written(&forwarded, Some("C")), [path(&["A", "B", "C"]), tlv(0x4001, &[1, 2])].concat());
    assert_eq!(written(&forwarded, None), came, "whoever does not trace hands it on as it came");
    assert_eq!(written(&Forwarded::NONE, Some("C")), path(&["C"]), "as a grandmaster");
    assert!(written(&Forwarded::NONE, None).is_empty());
}

#[test]
fn what_does_not_fit_is_left_out_as_a_whole_and_a_path_that_does_not_fit_ends() {
    let longest = vec!["A"; (FORWARDED_MAX - 4) / 8];
    let (fits, dropped) = forwarded(&path(&longest));
    assert_eq!((fits.path().unwrap().iter().count(), dropped), (22, 0));
    assert_eq!(written(&fits, Some("C")).len(), 4 + 23 * 8);
    let long = path(&longest[1..]);
    let (cut, dropped) = forwarded(&[&long[..], &tlv(0x4001, &[0; 6]), &tlv(0x4002, &[])].concat());
    assert_eq!((written(&cut, None), dropped), ([long, tlv(0x4002, &[])].concat(), 1));
    let longer = [path(&[&longest[..], &["B"]].concat()), tlv(0x4001, &[5, 6])].concat();
    let (cut, dropped) = forwarded(&longer);
    assert_eq!((cut.path(), dropped), (None, 1));
    assert_eq!(written(&cut, Some("C")), tlv(0x4001, &[5, 6]), "half a path would hide a loop");
}

#[test]
fn a_path_of_broken_identities_and_a_second_path_are_not_handed_on() {
    let (seen, _) = forwarded(&[tlv(8, &[1; 12]), path(&["A"]), path(&["B"])].concat());
    assert_eq!(written(&seen, Some("C")), path(&["A", "C"]));
}

/// An Announce of the script with these octets after it.
fn announce(script: &mut Script, line: &str, tlvs: &[u8]) -> Vec<Effect> {
    let (at, words) = line.split_once(' ').unwrap();
    let mut bytes = script.bytes(words);
    bytes.extend(tlvs);
    let length = bytes.len() as u16;
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    script.now = crate::ptp::script::mono(at);
    let mut out = Vec::new();
    let input = Input::Received { bytes: &bytes, channel: crate::ptp::Channel::General, stamp: None, from: None };
    script.port.step(script.now, input, &mut out);
    out
}

#[test]
fn an_announce_that_has_passed_us_is_thrown_away_where_the_path_is_traced() {
    for path_trace in [true, false] {
        let mut script = Script::new(Config { path_trace, ..config() });
        script.line("0 link up");
        let shown = render(&announce(&mut script, "1 announce A seq=1", &path(&["A", "us"])));
        assert_eq!(shown, if path_trace { "path_trace_loop" } else { "-" });
        assert_eq!(script.port.foreign_masters(script.now).count(), usize::from(!path_trace));
        assert_eq!(render(&announce(&mut script, "2 announce B seq=1", &path(&["A", "B"]))), "-");
    }
}

#[test]
fn what_the_parent_says_is_told_when_it_changes_and_no_more_when_it_is_lost() {
    let mut script = Script::following(config());
    let came = [path(&["A"]), tlv(0x4001, &[1, 2])].concat();
    let told = |effects: &[Effect]| {
        effects.iter().find_map(|effect| match effect {
            Effect::Forward(forwarded) => Some(written(forwarded, None)),
            _ => None,
        })
    };
    assert_eq!(told(&announce(&mut script, "3 announce A seq=3 p1=10", &came)), Some(came.clone()));
    assert_eq!(told(&announce(&mut script, "4 announce A seq=4 p1=10", &came)), None);
    assert_eq!(told(&announce(&mut script, "4.5 announce B seq=4 p1=10", &path(&["B"]))), None, "it is not the parent");
    assert_eq!(told(&script.line("30 run")), Some(Vec::new()));
}

#[test]
fn a_master_announces_what_it_was_told_to_hand_on() {
    let mut script = Script::new(Config { role: Role::Master, path_trace: true, ..config() });
    script.line("0 link up");
    script.line("0 line ahead=0");
    script.line("0 decide m2");
    let announcement = script.port.announcement().unwrap();
    let came = [path(&["A"]), tlv(0x4001, &[1, 2])].concat();
    let mut announced = |forwarded: Forwarded, at: &str| {
        let recommendation = Recommendation::Master(MasterBy::M2);
        let decision = Decision { recommendation, announcement, counts_tai: false, forwarded };
        script.port.step(script.now, Input::Decision(decision), &mut Vec::new());
        let effects = script.line(at);
        let mut sent = effects.iter().filter_map(|effect| match effect {
            Effect::Send { frame, .. } => Some(*frame),
            _ => None,
        });
        let frame = sent.find(|frame| matches!(parse(frame.as_bytes()).unwrap().body, Body::Announce(_))).unwrap();
        parse(frame.as_bytes()).unwrap().tlvs.octets().to_vec()
    };
    assert_eq!(announced(forwarded(&came).0, "2 run"), [path(&["A", "us"]), tlv(0x4001, &[1, 2])].concat());
    assert_eq!(announced(Forwarded::NONE, "4 run"), path(&["us"]));
}

#[test]
fn what_the_parent_says_of_its_own_time_is_kept_and_not_handed_on_as_it_came() {
    let power = |total_time_inaccuracy: u32| PowerProfile { grandmaster_id: 7, total_time_inaccuracy };
    let octets = |total: u32| {
        tlv(3, &[&[0x1c, 0x12, 0x9d, 0, 0, 2, 0, 7, 0, 0, 0, 0][..], &total.to_be_bytes(), &[0; 2]].concat())
    };
    let of_other = tlv(3, &[0x1c, 0x12, 0x9d, 0, 0, 1, 0, 7, 0, 0]);
    let (seen, _) = forwarded(&[of_other, octets(250), tlv(0x4001, &[1, 2]), octets(999)].concat());
    assert_eq!((seen.power(), written(&seen, None)), (Some(power(250)), tlv(0x4001, &[1, 2])));
    let mut encoder = Encoder::with_limit(1_024);
    seen.encode(&mut encoder);
    assert!(Forwarded::decode(&mut Decoder::new(encoder.written().unwrap())).is_ok_and(|again| again == seen));

    let mut script = Script::following(config());
    let told = |effects: &[Effect]| {
        effects.iter().find_map(|effect| match effect {
            Effect::Forward(forwarded) => Some(forwarded.power()),
            _ => None,
        })
    };
    assert_eq!(told(&announce(&mut script, "3 announce A seq=3 p1=10", &octets(250))), Some(Some(power(250))));
    assert_eq!(told(&announce(&mut script, "4 announce A seq=4 p1=10", &octets(250))), None, "nothing new");
    assert_eq!(told(&announce(&mut script, "4.2 announce B seq=4 p1=99", &octets(1))), None, "it is not the parent");
    assert_eq!(told(&announce(&mut script, "5 announce A seq=5 p1=10", &octets(251))), Some(Some(power(251))));
    assert_eq!(told(&script.line("30 run")), Some(None));
}

#[test]
fn the_metadata_of_the_grandmaster_that_is_followed_is_kept_for_a_minute_and_nobody_elses() {
    let mut script = Script::following(config());
    let metadata = SynchronizationMetadata {
        frame_rate: [25, 1],
        locking_status: 4,
        current_local_offset_s: 7_163,
        ..SynchronizationMetadata::default()
    };
    let says = |script: &mut Script, at: &str, who: &str, metadata: SynchronizationMetadata| {
        let sender = Sender { source_port_identity: letter(who), ..sender() };
        let body = Body::Management(Management {
            target_port_identity: ANYBODY,
            starting_boundary_hops: 1,
            boundary_hops: 1,
            action: Action::SET,
        });
        let mut octets = [0; 64];
        let tlv = Extension::Organization(OrganizationExtension::SynchronizationMetadata(metadata));
        let length = tlv.write(&mut octets).unwrap();
        let tlvs = Tlvs::from_octets(&octets[..length]).unwrap();
        let header = sender.signaling(1, ANYBODY, Tlvs::EMPTY).header;
        let mut bytes = vec![0; 256];
        let length = write(&Message { header, body, tlvs }, &mut bytes).unwrap();
        script.now = crate::ptp::script::mono(at);
        let input =
            Input::Received { bytes: &bytes[..length], channel: crate::ptp::Channel::General, stamp: None, from: None };
        script.port.step(script.now, input, &mut Vec::new());
    };
    let at = crate::ptp::script::mono;
    says(&mut script, "2", "B", metadata);
    assert_eq!(script.port.metadata(at("2")), None, "of another clock");
    says(&mut script, "2", "A", metadata);
    says(&mut script, "2", "B", SynchronizationMetadata::default());
    assert_eq!(script.port.metadata(at("2")), Some(metadata));
    for second in 3..70 {
        script.line(&format!("{second} announce A seq={second} p1=10"));
    }
    assert_eq!(script.port.metadata(at("66")), Some(metadata));
    assert_eq!(script.port.metadata(at("67")), None, "it has fallen silent");
    says(&mut script, "70", "A", metadata);
    assert_eq!(script.port.metadata(at("70")), Some(metadata));
    // Another grandmaster behind the same parent has said nothing.
    script.line("71 announce A seq=71 gm=C p1=10");
    assert_eq!(script.port.metadata(at("71")), None);
}
