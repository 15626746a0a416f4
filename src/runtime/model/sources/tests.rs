use std::net::SocketAddr;

use super::*;
use crate::time::LogInterval;

const NO_SERVER: &str = "Temporary failure in name resolution";

fn model() -> SourcesModel {
    let text = "[[ntp.source]]\naddress = \"ntp.example.net\"\n";
    let loaded = crate::config::load(text, "t.toml").expect("a good configuration");
    SourcesModel::new(&loaded.config, &[])
}

fn report(host: Option<u8>, no_address: Option<&str>, state: ClientState) -> NtpReport {
    NtpReport {
        place: 0,
        address: host.map(|host| SocketAddr::from(([192, 0, 2, host], 123))),
        no_address: no_address.map(NoAddress::new),
        all_asked: None,
        look_up_in: None,
        state,
        reach: 0,
        interval: LogInterval::new(6),
        info: None,
        round_trip: None,
        unanswered: 0,
        refusal: None,
        send_error: None,
        stamping: ClientStamping::Kernel(NoCard::Untried),
    }
}

#[test]
fn that_a_name_is_gone_and_back_is_told_once_each_with_the_resolvers_words() {
    let (mut model, mut events) = (model(), Events::default());
    let at = (Timestamp::EPOCH, Timestamp::EPOCH);
    let mut told = |report: NtpReport| {
        let before = events.records(at.0).len();
        model.report(&mut events, at, report);
        model.report(&mut events, at, report);
        let news: Vec<_> = events.records(at.0)[before..].iter().map(|event| event.text.clone()).collect();
        (news, model.statuses(at.0)[0].clone())
    };
    let (news, status) = told(report(None, Some(NO_SERVER), ClientState::Waiting));
    let reason = format!("its name cannot be looked up: {NO_SERVER}");
    assert_eq!(news, [format!("NTP ntp.example.net: {reason}; trying again")]);
    assert_eq!((status.reason, status.name_error.as_deref()), (reason.clone(), Some(NO_SERVER)));

    let (news, status) = told(report(Some(1), None, ClientState::Reachable));
    let name = "NTP ntp.example.net (192.0.2.1)";
    assert_eq!(news, [format!("{name}: its name can be looked up again"), format!("{name}: it answers")]);
    assert_eq!((status.name_error, status.reason.as_str()), (None, NOT_ANSWERED_OF_LATE));

    let (news, status) = told(report(Some(1), Some(NO_SERVER), ClientState::Waiting));
    let gone = format!("{name}: {reason}; the address stays, and it is tried again");
    assert_eq!(news, [gone, format!("{name}: it does not answer any more")]);
    assert_eq!(status.name_error.as_deref(), Some(NO_SERVER));

    let (news, _) = told(report(Some(2), None, ClientState::Waiting));
    let name = "NTP ntp.example.net (192.0.2.2)";
    let other = format!("{name}: it is asked at another address, no longer at 192.0.2.1:123");
    assert_eq!(news, [format!("{name}: its name can be looked up again"), other]);
}

#[test]
fn a_member_for_whom_a_pool_has_no_address_is_not_said_to_be_looked_up() {
    let (mut model, mut events) = (model(), Events::default());
    let at = (Timestamp::EPOCH, Timestamp::EPOCH);
    let spare = |all_asked| NtpReport { all_asked, look_up_in: Some(42), ..report(None, None, ClientState::Waiting) };
    let mut reason = |all_asked| {
        model.report(&mut events, at, spare(all_asked));
        let status = model.statuses(at.0)[0].clone();
        assert_eq!((status.all_asked, status.look_up_in_s), (all_asked, Some(42.0)));
        status.reason
    };
    assert_eq!(reason(None), "its name is being looked up");
    assert_eq!(reason(Some(2)), "all 2 addresses of its name are asked already");
    assert_eq!(reason(Some(2)), "all 2 addresses of its name are asked already");
    assert_eq!(reason(Some(1)), "the only address of its name is asked already");
    let told: Vec<_> = events.records(at.0).iter().map(|event| event.text.clone()).collect();
    let name = "NTP ntp.example.net: ";
    let then = "; it is looked up again for others";
    assert_eq!(
        told,
        [
            format!("{name}all 2 addresses of its name are asked already{then}"),
            format!("{name}the only address of its name is asked already{then}"),
        ]
    );
}
