use super::*;
use crate::engine::Random;
use crate::wire::ptp::ClockIdentity;

fn client(number: u32) -> (Address, PortIdentity) {
    let clock_identity = ClockIdentity((u64::from(number) << 8 | 1).to_be_bytes());
    (Address::V4(number.to_be_bytes()), PortIdentity { clock_identity, port_number: 1 })
}

fn grant(contracts: &mut Contracts, number: u32, service: Service, interval: i8, now: u64, until: u64) -> bool {
    contracts.grant(client(number), service, LogInterval::new(interval), Slot(now), Slot(until))
}

/// Who is due until then, and when.
fn due(contracts: &mut Contracts, until: u64) -> Vec<(u64, Address, Service)> {
    let mut all = Vec::new();
    while let Some(at) = contracts.next_occupied().filter(|at| at.0 <= until) {
        let due = contracts.take_due(at).expect("the deadline says so");
        all.push((at.0, due.to, due.id.service()));
        if due.is_over {
            contracts.end(due.id);
        }
    }
    all
}

#[test]
fn what_was_granted_is_due_at_once_and_then_at_its_interval_until_it_ends() {
    let mut contracts = Contracts::new(4, 1);
    assert_eq!(contracts.deadline(), None);
    assert!(grant(&mut contracts, 1, Service::Sync, -4, 1_000, 1_036));
    assert!(grant(&mut contracts, 2, Service::Announce, 0, 1_000, 1_200));
    let address = |number| client(number).0;
    let of_first: Vec<_> = [1_000, 1_008, 1_016, 1_024, 1_032, 1_040].map(|at| (at, address(1), Service::Sync)).into();
    let of_second: Vec<_> = [1_000, 1_128, 1_256].map(|at| (at, address(2), Service::Announce)).into();
    let mut expected = [of_first, of_second].concat();
    expected.sort_by_key(|(at, ..)| *at);
    let mut found = due(&mut contracts, 2_000);
    found.sort_by_key(|(at, who, _)| (*at, *who));
    assert_eq!(found, expected, "the last one of each finds it over");
    assert_eq!((contracts.granted(), contracts.deadline()), (0, None));
}

#[test]
fn a_full_table_refuses_newcomers_and_keeps_who_is_in_it() {
    let mut contracts = Contracts::new(3, 7);
    for number in 1..=3 {
        assert!(grant(&mut contracts, number, Service::Sync, 0, 0, 1_000));
    }
    for number in 4..10_000 {
        assert!(!grant(&mut contracts, number, Service::Sync, 0, 1, 1_000));
    }
    // Whoever is in it may have more, and renew.
    assert!(
        grant(&mut contracts, 2, Service::Announce, 0, 2, 1_000)
            && grant(&mut contracts, 3, Service::Sync, 0, 2, 2_000)
    );
    assert_eq!(contracts.granted(), 4);
    // Another clock at an address that has contracts is a forger, or comes when they have ended.
    let (address, _) = client(1);
    let forged = (address, client(99).1);
    assert!(!contracts.grant(forged, Service::Sync, LogInterval::new(0), Slot(3), Slot(9)));
    assert!(!contracts.cancel(forged.0, forged.1, Service::Sync));
    assert!(!contracts.has(forged.0, forged.1, Service::Sync, Slot(3)));
    assert!(
        contracts.cancel(address, client(1).1, Service::Sync) && !contracts.cancel(address, client(1).1, Service::Sync)
    );
    assert!(grant(&mut contracts, 77, Service::Sync, 0, 4, 1_000), "a place is free");
}

#[test]
fn a_renewal_keeps_the_beat_and_another_interval_begins_anew() {
    let mut contracts = Contracts::new(2, 3);
    grant(&mut contracts, 1, Service::Sync, 0, 100, 400);
    assert_eq!(due(&mut contracts, 200).len(), 1);
    grant(&mut contracts, 1, Service::Sync, 0, 200, 800);
    assert_eq!(due(&mut contracts, 400).iter().map(|(at, ..)| *at).collect::<Vec<_>>(), [228, 356]);
    grant(&mut contracts, 1, Service::Sync, -1, 400, 900);
    assert_eq!(due(&mut contracts, 550).iter().map(|(at, ..)| *at).collect::<Vec<_>>(), [400, 464, 528]);
}

#[test]
fn what_a_pause_has_missed_is_not_made_up_for() {
    let mut contracts = Contracts::new(2, 3);
    grant(&mut contracts, 1, Service::Sync, -7, 100, 100_000);
    grant(&mut contracts, 2, Service::Sync, 0, 100, 100_000);
    let mut count = 0;
    // 60 s later.
    while contracts.take_due(Slot(100 + 60 * 128)).is_some() {
        count += 1;
        assert!(count < 20, "bounded");
    }
    assert_eq!(count, 4, "one message of each in each turn of the wheel");
}

#[test]
fn grants_ends_and_what_is_due_agree_with_a_simple_list() {
    let mut random = Random::seeded(16);
    let mut contracts = Contracts::new(64, random.next_u64());
    // until and the next time, by client and service.
    let mut simple: std::collections::BTreeMap<(u32, u8), (u64, i8, u64)> = std::collections::BTreeMap::new();
    let mut now = 5_000;
    for _ in 0..20_000 {
        let (number, service) = (random.below(100) as u32, Service::ALL[random.below(3) as usize]);
        let key = (number, service as u8);
        let has_place = simple.keys().any(|(known, _)| *known == number);
        let clients: std::collections::BTreeSet<u32> = simple.keys().map(|(known, _)| *known).collect();
        match random.below(8) {
            0 | 1 => {
                let (interval, until) = (random.below(12) as i8 - 7, now + random.below(3_000));
                let is_granted = grant(&mut contracts, number, service, interval, now, until);
                assert_eq!(is_granted, has_place || clients.len() < 64);
                if is_granted {
                    let next = simple.get(&key).filter(|known| known.1 == interval).map_or(now, |known| known.2);
                    simple.insert(key, (until, interval, next));
                }
            }
            2 => {
                let (address, identity) = client(number);
                assert_eq!(contracts.cancel(address, identity, service), simple.remove(&key).is_some());
            }
            _ => {
                now += 1;
                let mut expected: Vec<_> =
                    simple.iter().filter(|(_, what)| what.2 <= now).map(|(key, _)| *key).collect();
                let mut found = Vec::new();
                while let Some(due) = contracts.take_due(Slot(now)) {
                    let Address::V4(octets) = due.to else { unreachable!() };
                    found.push((u32::from_be_bytes(octets), due.id.service() as u8));
                    if due.is_over {
                        contracts.end(due.id);
                    }
                }
                for key in &expected {
                    let (until, interval, next) = simple[key];
                    if now >= until {
                        simple.remove(key);
                    } else {
                        // An answer has no time of its own.
                        let is_answer = key.1 == Service::DelayResp as u8;
                        let step = if is_answer { (1 << 11).min(until - next) } else { 1 << (interval + 7) };
                        let next = if next + step > now { next + step } else { now + step };
                        simple.insert(*key, (until, interval, next));
                    }
                }
                found.sort_unstable();
                expected.sort_unstable();
                assert_eq!(found, expected);
            }
        }
        assert_eq!(contracts.granted() as usize, simple.len());
        let next = simple.values().map(|(.., next)| *next).min();
        assert_eq!(contracts.deadline(), next.map(|next| Slot(next.max(contracts.at.0)).begin()));
    }
    contracts.clear();
    assert_eq!((contracts.granted(), contracts.deadline()), (0, None));
}
