//! Stamps: exact, as coarse as they are told to be, late, lost, or not there at all.

use synchronome_kernel::nic::TxStamps;

use super::super::Outcome;
use super::super::process::call;
use super::super::world::stat;
use super::bench::{
    Arrival, Bench, EVENT_PORT, FILTER_ALL, FILTER_PTP_V2_EVENT, OTHER_PORT, between, filter, one_step, pause_ms,
    receive_knob, send_knob,
};
use super::{Test, holds, is_about};

pub const TESTS: &[Test] = &[
    ("two stamps are exactly the wire's delay apart", delay),
    ("latencies are added to the stamps of their side", latencies),
    ("stamps are multiples of their quantum, and never later than the event", quantum),
    ("a late TX stamp comes when it is told to, and is as exact", late),
    ("a lost TX stamp never comes, and is counted", lost),
    ("with one slot, only one TX stamp is under way", slots),
    ("a one-step card writes its time into Sync, gives that no stamp, and refuses where it cannot", writes_into_sync),
    ("such a card for peer delay writes what an answer took into it, and gives that no stamp", writes_into_answers),
    ("a lost RX stamp leaves the frame as it is", rx_lost),
    ("a driver that lies grants the filter and stamps nothing, or not all", lie),
    ("a filter for events leaves other frames unstamped", filters),
    ("filters that the port has not are refused", caps),
];

fn difference(bench: &Bench) -> Outcome<f64> {
    let (sent, received) = bench.ends(EVENT_PORT)?.stamps()?;
    Ok((received - sent) as f64 - between()?)
}

fn delay(bench: &Bench) -> Outcome<()> {
    for delay in [1_000, 0, 12_345, 700_001] {
        send_knob("delay_ns", delay)?;
        is_about("RX - TX", difference(bench)?, delay as f64, 1.0)?;
    }
    Ok(())
}

fn latencies(bench: &Bench) -> Outcome<()> {
    send_knob("tx_lat_ns", 300)?;
    is_about("RX - TX with a TX latency", difference(bench)?, 700.0, 1.0)?;
    receive_knob("rx_lat_ns", -50)?;
    is_about("RX - TX with both", difference(bench)?, 650.0, 1.0)
}

fn quantum(bench: &Bench) -> Outcome<()> {
    receive_knob("ts_quantum_ns", 100)?;
    let ends = bench.ends(EVENT_PORT)?;
    let mut cut_off = Vec::new();
    for _ in 0..50 {
        let (sent, received) = ends.stamps()?;
        holds(received % 100 == 0, || format!("{received} is no multiple of 100"))?;
        cut_off.push(1_000.0 + between()? - (received - sent) as f64);
    }
    let range = |least, most| cut_off.iter().any(|cut| (least..=most).contains(cut));
    let is_even = range(-1.0, 25.0) && range(25.0, 50.0) && range(50.0, 75.0) && range(75.0, 100.0);
    holds(is_even && !range(-1e9, -1.1) && !range(100.1, 1e9), || format!("what is cut off: {cut_off:?}"))
}

fn late(bench: &Bench) -> Outcome<()> {
    send_knob("txts_delay_us", 30_000)?;
    let ends = bench.ends(EVENT_PORT)?;
    ends.send(0)?;
    pause_ms(25);
    let early = ends.sent()?;
    holds(early.is_empty(), || "it came within 25 ms".to_owned())?;
    pause_ms(10);
    let (sent, received) = (ends.sent()?, ends.received()?);
    let (Some(sent), Some(received)) = (sent.first(), received.first().and_then(|arrival| arrival.stamp)) else {
        return Err("it did not come within 35 ms".to_owned());
    };
    is_about("RX - TX", (received - sent) as f64 - between()?, 1_000.0, 1.0)
}

fn lost(bench: &Bench) -> Outcome<()> {
    let ends = bench.ends(EVENT_PORT)?;
    send_knob("txts_loss_ppm", 1_000_000)?;
    for _ in 0..10 {
        let (sent, received) = ends.exchange()?;
        holds(sent.is_none() && received.is_some(), || format!("TX {sent:?}, RX {received:?}"))?;
    }
    let counted = stat("phv0", "txts_lost")?;
    holds(counted >= 10, || format!("{counted} counted"))?;
    send_knob("txts_loss_ppm", 300_000)?;
    let mut came = 0;
    for _ in 0..400 {
        came += i32::from(ends.exchange()?.0.is_some());
    }
    is_about("stamps that came of 400 at a loss of 30 %", came.into(), 280.0, 40.0)
}

fn slots(bench: &Bench) -> Outcome<()> {
    send_knob("txts_slots", 1)?;
    send_knob("txts_delay_us", 5_000)?;
    let ends = bench.ends(EVENT_PORT)?;
    for number in 0..3 {
        ends.send(number)?;
    }
    pause_ms(10);
    let came = ends.sent()?.len();
    holds(came == 1, || format!("{came} stamps came"))?;
    let skipped = stat("phv0", "txts_skipped")?;
    holds(skipped >= 2, || format!("{skipped} skipped"))?;
    ends.send(3)?;
    pause_ms(10);
    holds(ends.sent()?.len() == 1, || "the slot was not given back".to_owned())
}

fn writes_into_sync(bench: &Bench) -> Outcome<()> {
    one_step("phv0", TxStamps::OneStepSync)?;
    send_knob("tx_lat_ns", 300)?;
    let ends = bench.ends(EVENT_PORT)?;
    for _ in 0..20 {
        ends.send(7)?;
        pause_ms(2);
        let (arrived, sent) = (ends.received()?, ends.sent()?);
        holds(sent.is_empty(), || format!("a TX stamp of a one-step Sync: {sent:?}"))?;
        let [arrival] = arrived[..] else { return Err(format!("{arrived:?}")) };
        let stamp = arrival.stamp.ok_or("no RX stamp")?;
        // What was the number is the part of originTimestamp below a second.
        let passed = (stamp - i64::from(arrival.number) - between()? as i64).rem_euclid(1_000_000_000);
        is_about("RX - originTimestamp", passed as f64, 700.0, 1.0)?;
    }
    ends.send_two_step(0, 7)?;
    ends.send_message(1, 8)?;
    pause_ms(2);
    let (numbers, sent) = (ends.received()?.iter().map(|arrival| arrival.number).collect::<Vec<_>>(), ends.sent()?);
    holds(numbers == [7, 8] && sent.len() == 2, || format!("a two-step Sync and a Delay_Req: {numbers:?}, {sent:?}"))?;
    let counted = stat("phv0", "onestep")?;
    holds(counted == 20, || format!("{counted} counted"))?;
    let said = call("ethtool", &["-T", "phv0"])?;
    holds(said.contains("onestep-sync"), || format!("claimed: {said}"))?;
    send_knob("tx_caps", 0)?;
    let said = call("ethtool", &["-T", "phv0"])?;
    holds(!said.contains("onestep"), || format!("claimed: {said}"))?;
    holds(one_step("phv0", TxStamps::OneStepSync).is_err(), || "one-step was granted without bit 0".to_owned())
}

fn writes_into_answers(bench: &Bench) -> Outcome<()> {
    one_step("phv0", TxStamps::OneStepP2p)?;
    one_step("phv1", TxStamps::OneStepP2p)?;
    send_knob("tx_lat_ns", 300)?;
    let ends = bench.ends(EVENT_PORT)?;
    let only = |arrived: Vec<Arrival>| match arrived[..] {
        [Arrival { correction, stamp: Some(stamp), .. }] => Ok((correction, stamp)),
        _ => Err(format!("{arrived:?}")),
    };
    for correction in [0, -7, 0x1234_5678_9abc] {
        // Of a request what the clock reads when it arrives is subtracted; it has its TX stamp.
        ends.send_corrected(2, correction)?;
        pause_ms(2);
        let (came, read) = only(ends.received()?)?;
        holds(came == correction.wrapping_sub(read.wrapping_shl(16)), || format!("{came} of {correction} at {read}"))?;
        holds(ends.sent()?.len() == 1, || "a request without its TX stamp".to_owned())?;
        // To an answer what it reads when that leaves is added; it has none.
        ends.send_corrected(3, came)?;
        pause_ms(2);
        let (came, arrived) = only(ends.received()?)?;
        holds(ends.sent()?.is_empty(), || "a TX stamp of a one-step answer".to_owned())?;
        // As if one port had heard the one and sent the other: what passed between them, in ns.
        let passed = (came.wrapping_sub(correction) >> 16) as f64;
        is_about("what the answer took", passed, (arrived - read) as f64 - between()? - 700.0, 1.0)?;
    }
    ends.send_two_step(3, 7)?;
    pause_ms(2);
    let (came, sent) = (ends.received()?, ends.sent()?);
    let is_left_alone = matches!(came[..], [Arrival { number: 7, correction: 0, .. }]) && sent.len() == 1;
    holds(is_left_alone, || format!("a two-step answer: {came:?}, {sent:?}"))?;
    let counted = stat("phv0", "onestep")?;
    holds(counted == 3, || format!("{counted} counted"))?;
    // As ONESTEP_SYNC neither is touched.
    one_step("phv0", TxStamps::OneStepSync)?;
    one_step("phv1", TxStamps::OneStepSync)?;
    for kind in [2, 3] {
        ends.send_corrected(kind, 5)?;
        pause_ms(2);
        let (came, _) = only(ends.received()?)?;
        holds(came == 5 && ends.sent()?.len() == 1, || format!("{came} of a message of type {kind}"))?;
    }
    send_knob("tx_caps", 1)?;
    let said = call("ethtool", &["-T", "phv0"])?;
    holds(!said.contains("onestep-p2p") && said.contains("onestep-sync"), || format!("claimed: {said}"))?;
    holds(one_step("phv0", TxStamps::OneStepP2p).is_err(), || "granted without bit 1".to_owned())
}

fn rx_lost(bench: &Bench) -> Outcome<()> {
    receive_knob("rxts_loss_ppm", 1_000_000)?;
    let ends = bench.ends(EVENT_PORT)?;
    ends.send(7)?;
    pause_ms(2);
    let received = ends.received()?;
    holds(received.len() == 1 && received[0].number == 7 && received[0].stamp.is_none(), || format!("{received:?}"))
}

fn lie(bench: &Bench) -> Outcome<()> {
    let (events, others) = (bench.ends(EVENT_PORT)?, bench.ends(OTHER_PORT)?);
    filter("phv1", FILTER_ALL)?;
    for (lie, wanted) in [(0, [true, true]), (1, [false, false]), (2, [true, false])] {
        receive_knob("rx_lie", lie)?;
        let stamped = [events.exchange()?.1.is_some(), others.exchange()?.1.is_some()];
        holds(stamped == wanted, || format!("rx_lie = {lie}: stamped {stamped:?}"))?;
    }
    Ok(())
}

fn filters(bench: &Bench) -> Outcome<()> {
    let (events, others) = (bench.ends(EVENT_PORT)?, bench.ends(OTHER_PORT)?);
    holds(events.exchange()?.1.is_some(), || "a Sync was not stamped".to_owned())?;
    holds(others.exchange()?.1.is_none(), || "a frame that is not PTP was stamped".to_owned())?;
    events.send_message(11, 1)?;
    pause_ms(2);
    let received = events.received()?;
    holds(received.len() == 1 && received[0].stamp.is_none(), || format!("an Announce: {received:?}"))
}

fn caps(bench: &Bench) -> Outcome<()> {
    receive_knob("rx_caps", 1)?;
    holds(filter("phv1", FILTER_ALL).is_err(), || "ALL was granted without bit 1".to_owned())?;
    let said = call("ethtool", &["-T", "phv1"])?;
    holds(!said.contains("all") && said.contains("ptpv2-event"), || format!("claimed: {said}"))?;
    // Without bit 0, ALL is what a wish for events gets.
    receive_knob("rx_caps", 2)?;
    filter("phv1", FILTER_PTP_V2_EVENT)?;
    holds(bench.ends(OTHER_PORT)?.exchange()?.1.is_some(), || "ALL was not granted for events".to_owned())
}
