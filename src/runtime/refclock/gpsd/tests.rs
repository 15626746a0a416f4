//! gpsd's lines, and a small server that says them.

use std::net::TcpListener;

use super::*;
use crate::refclock::Sample;

const TOFF: &str = r#"{"class":"TOFF","device":"/dev/ttyS0","real_sec":1800000000,"real_nsec":0,"clock_sec":1800000000,"clock_nsec":120000000}"#;
const PPS: &str = r#"{"class":"PPS","device":"/dev/pps0","real_sec":1800000001,"real_nsec":0,"clock_sec":1800000001,"clock_nsec":1500,"precision":-30,"shm":"NTP1"}"#;

fn time(line: &str, device: Option<&str>) -> (Timestamp<crate::time::Local>, Option<i8>, bool) {
    match hear(line.as_bytes(), device) {
        Ok(Heard::Time { sample, is_by_pulse }) => (sample.received, sample.precision, is_by_pulse),
        other => panic!("{other:?}"),
    }
}

#[test]
fn times_and_fixes_are_heard_and_other_objects_mean_nothing() {
    assert_eq!(time(TOFF, None), (Timestamp::from_parts(1_800_000_000, 120_000_000), Some(-1), false));
    assert_eq!(time(PPS, None), (Timestamp::from_parts(1_800_000_001, 1_500), Some(-30), true));
    assert!(!time(TOFF, Some("/dev/ttyS0")).2);
    assert_eq!(hear(TOFF.as_bytes(), Some("/dev/ttyS1")), Ok(Heard::Nothing));
    let fix = |mode: u8| hear(format!(r#"{{"class":"TPV","device":"/dev/ttyS0","mode":{mode}}}"#).as_bytes(), None);
    assert_eq!((fix(1), fix(3)), (Ok(Heard::Fix(false)), Ok(Heard::Fix(true))));
    for other in [r#"{"class":"VERSION","release":"3.25"}"#, r#"{"class":"SKY","satellites":[{"PRN":1}]}"#] {
        assert_eq!(hear(other.as_bytes(), None), Ok(Heard::Nothing), "{other}");
    }
}

#[test]
fn what_is_no_object_or_no_time_is_refused() {
    for line in ["", "{", "[]", "VERSION", r#"{"device":"x"}"#, r#"{"class":7}"#, "\u{0}"] {
        assert_eq!(hear(line.as_bytes(), None), Err(ClockCounter::Magic), "{line}");
    }
    let without = TOFF.replace(r#","clock_nsec":120000000"#, "");
    let beyond = TOFF.replace("120000000", "1200000000");
    for line in [without, beyond] {
        assert_eq!(hear(line.as_bytes(), None), Err(ClockCounter::Field), "{line}");
    }
}

/// All that the driver hands on within two seconds, or until there is as much as is wanted.
fn read(gpsd: &mut Gpsd, wanted: usize) -> Vec<Taken> {
    let mut taken = Vec::new();
    for _ in 0..200 {
        gpsd.read(&mut |one| taken.push(one)).unwrap();
        if taken.len() >= wanted {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    taken
}

#[test]
fn a_server_is_asked_to_watch_and_pulses_come_before_the_serial_line() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut gpsd = Gpsd::connect(listener.local_addr().unwrap(), None).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    server.write_all(b"{\"class\":\"VERSION\",\"release\":\"3.25\"}\n").unwrap();
    assert!(read(&mut gpsd, 1).is_empty());
    let mut asked = [0; WATCH.len()];
    server.read_exact(&mut asked).unwrap();
    assert_eq!(asked, WATCH);
    // A line may come in pieces.
    let (head, tail) = TOFF.split_at(30);
    server.write_all(head.as_bytes()).unwrap();
    server.write_all(format!("{tail}\nnonsense\n").as_bytes()).unwrap();
    let taken = read(&mut gpsd, 2);
    let error = |taken: &Taken| taken.as_ref().ok().and_then(|sample: &Sample| sample.error);
    assert_eq!(error(&taken[0]), Some(Duration::from_millis(500)));
    assert_eq!(taken[1], Err(ClockCounter::Magic));
    server.write_all(format!("{PPS}\n{TOFF}\n").as_bytes()).unwrap();
    let taken = read(&mut gpsd, 2);
    assert_eq!(taken.len(), 1, "the line says nothing beside the pulse");
    assert!(error(&taken[0]).is_some_and(|error| error < Duration::from_nanos(2)));
    server.write_all(format!("{{\"class\":\"TPV\",\"mode\":1}}\n{PPS}\n").as_bytes()).unwrap();
    let taken = read(&mut gpsd, 1);
    assert_eq!(taken[0].map(|sample| sample.leap), Ok(LeapIndicator::Unknown), "without a fix there is no time");
    drop(server);
    let ended = (0..200).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        gpsd.read(&mut |_| ()).err()
    });
    assert!(ended.is_some(), "who closes is connected to again");
}
