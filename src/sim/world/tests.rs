//! Only the declared master moves the clock: each way of breaking that is found, and none of keeping it.

use super::*;
use crate::sim::{Violation, master_config};
use crate::time::{ClockEpoch, ClockId, LogInterval, Observation, SourceId, StampSource};

const INTERVAL: LogInterval = LogInterval::new(-3);

fn secs(seconds: i64) -> Duration {
    Duration::from_secs(seconds)
}

/// A declared master with priority1 128, a stranger with another one, and a slave that hears both.
fn world(priority1_of_stranger: u8) -> (World, [NodeId; 3]) {
    let mut world = World::new(1);
    let master = world.add_master(master_config(1, INTERVAL, 1), StampModel::IDEAL, Duration::ZERO);
    let config = GrandmasterConfig { priority1: priority1_of_stranger, ..master_config(3, INTERVAL, 2) };
    let stranger = world.add_stranger(config, StampModel::IDEAL, secs(5));
    let slave = world.add_slave(&SlaveConfig::new(2, 1), StampModel::IDEAL);
    let way = LinkModel::new(Duration::from_micros(20), Duration::from_micros(1));
    world.connect(master, slave, way, way);
    world.connect(stranger, slave, way, way);
    (world, [master, stranger, slave])
}

#[test]
fn whoever_follows_a_stranger_is_found_at_once_and_at_each_measurement() {
    let (mut world, [_, stranger, slave]) = world(100);
    world.run_until(secs(4));
    assert_eq!(world.checker().violations(), 0, "{:?}", world.checker().first());
    world.run_until(secs(20));
    let identity = world.parent(slave).expect("somebody is followed");
    assert!(world.nodes[stranger.0].master(identity).is_some(), "the stranger is the better one");
    let (at, node, violation) = world.checker().first().expect("it is found");
    assert_eq!((node, violation), (slave, Violation::Stranger(Some(identity))));
    assert!(at - Timestamp::EPOCH > secs(4), "not before two of its Announce were heard: {at:?}");
    assert!(world.checker().violations() > 100, "each measurement is one: {}", world.checker().violations());
}

#[test]
fn a_stranger_that_is_heard_and_not_followed_breaks_nothing() {
    let (mut world, [master, _, slave]) = world(200);
    world.run_until(secs(20));
    let Role::Slave(node) = &world.nodes[slave.0].role else { panic!("a slave") };
    assert_eq!(node.port.foreign_masters(world.now).count(), 2, "both are heard");
    assert!(world.parent(slave).is_some_and(|parent| world.nodes[master.0].master(parent).is_some()));
    assert_eq!(world.checker().violations(), 0, "{:?}", world.checker().first());
}

#[test]
fn a_measurement_of_somebody_else_than_the_master_is_found() {
    let (mut world, [master, stranger, slave]) = world(200);
    let stamp = |clock| Stamp {
        at: Timestamp::EPOCH,
        clock,
        epoch: ClockEpoch(0),
        source: StampSource::Kernel,
        error: Duration::ZERO,
    };
    let source = SourceId(0);
    let (sent, received) = (stamp(ClockId::Remote(source)), stamp(ClockId::System));
    let measured = Effect::Observe(Observation { source, sent, received, correction: Duration::ZERO, exchange: 0 });
    let port = Plug { node: slave, port: 0 };
    world.look_at_stranger(port, Some(master), &measured);
    assert_eq!(world.checker().violations(), 1, "nobody is followed yet");
    world.run_until(secs(20));
    for (from, violations) in [(Some(master), 1), (None, 1), (Some(stranger), 2), (Some(slave), 3)] {
        world.look_at_stranger(port, from, &measured);
        assert_eq!(world.checker().violations(), violations, "{from:?}");
    }
}

#[test]
fn after_a_machine_that_did_not_run_for_seconds_servers_are_asked_at_once_and_nothing_is_taken_back() {
    use crate::discipline::helm::{HelmConfig, SourceKind, SourceOptions};
    let mut world = World::new(3);
    let config = HostConfig { helm: Some((HelmConfig::default(), None)), phcs: Vec::new(), ..HostConfig::new(2, 3) };
    let host = world.add_host(config, StampModel::IDEAL);
    let server = world.add_server(ServerConfig::RIGHT, Duration::ZERO);
    let way = LinkModel::new(Duration::from_micros(300), Duration::from_micros(20));
    world.connect(host, server, way, way);
    let client = crate::ntp::client::Config {
        poll: LogInterval::new(6),
        iburst: true,
        ..crate::ntp::client::Config::new(crate::sim::NTP_SOURCE, 3)
    };
    world.ask(host, server, ClientConfig { client, options: SourceOptions::of(SourceKind::Ntp) });
    // The first burst has faded out: it is asked each minute.
    let begin = secs(1_000);
    world.run_until(begin);
    let measured = |world: &World| world.published(host).and_then(|published| published.last_sample).expect("it was");
    world.run_until(begin + (measured(&world) - (Timestamp::EPOCH + begin)) + secs(80));
    let before = measured(&world);
    let stalls = world.elapsed();
    world.stall(host, Stall::Machine, secs(3));
    world.run_until(stalls + secs(4));
    assert!(measured(&world) >= Timestamp::EPOCH + stalls + secs(3), "{before} {}", measured(&world));
    let states = world.host(host).record().states();
    assert!(!states.iter().any(|(_, state)| *state == crate::time::SyncState::Disrupted), "{states:?}");
    assert_eq!(world.checker().violations(), 0, "{:?}", world.checker().first());
}

#[test]
fn polls_lengthen_while_all_is_well_and_are_short_again_when_the_server_that_steers_is_lost() {
    use crate::discipline::helm::{HelmConfig, SourceKind, SourceOptions};
    let mut world = World::new(5);
    let config = HostConfig { helm: Some((HelmConfig::default(), None)), phcs: Vec::new(), ..HostConfig::new(2, 3) };
    let host = world.add_host(config, StampModel::IDEAL);
    let client = crate::ntp::client::Config {
        poll: LogInterval::new(4),
        poll_longest: LogInterval::new(8),
        iburst: true,
        ..crate::ntp::client::Config::new(crate::sim::NTP_SOURCE, 3)
    };
    let way = LinkModel::new(Duration::from_millis(3), Duration::from_micros(500));
    let servers = [0, 1].map(|_| {
        let server = world.add_server(ServerConfig::RIGHT, Duration::ZERO);
        world.connect(host, server, way, way);
        world.ask(host, server, ClientConfig { client, options: SourceOptions::of(SourceKind::Ntp) });
        server
    });
    let polls = |world: &World| [0, 1].map(|place| world.host(host).poll_interval(place).log2_seconds());
    world.run_until(secs(600));
    assert_eq!(polls(&world), [4, 4], "what the oscillator does is not known yet");
    world.run_until(secs(6_000));
    assert_eq!(polls(&world), [7, 7], "by the eighth the bound would be half as wide again between two answers");
    let lost = world.host(host).steered_by().expect("one of them steers");
    world.change_link(servers[usize::from(lost.0 - crate::sim::NTP_SOURCE.0)], host, |way| way.loss = 1.0);
    // The next request, and three more.
    world.run_until(secs(6_000 + 128 + 3 * 18));
    let steers = world.host(host).steered_by();
    assert!(steers.is_some_and(|steers| steers != lost), "{steers:?}");
    assert_eq!(polls(&world), [4, 4]);
    let state = |world: &World| world.published(host).map(|published| published.state);
    assert!(state(&world).is_some_and(crate::time::SyncState::is_synchronised), "{:?}", state(&world));
    world.run_until(secs(6_400));
    assert_eq!(state(&world), Some(crate::time::SyncState::Locked));
    assert_eq!(world.checker().violations(), 0, "{:?}", world.checker().first());
}

#[test]
fn a_grandmaster_whose_card_means_nothing_does_not_call_itself_master() {
    use crate::discipline::helm::HelmConfig;
    use crate::ptp::PortState;
    use crate::sim::ReceiverModel;
    let state = |tai_utc| {
        let mut world = World::new(1);
        let mut config = HostConfig::new(1, 1);
        let nanos = Duration::from_nanos;
        config.receiver = Some(ReceiverModel { error: nanos(100), noise: nanos(20) });
        config.helm = Some((HelmConfig::default(), None));
        config.cascade.utc.tai_utc = tai_utc;
        config.ptp.role = crate::ptp::Role::Auto;
        let host = world.add_host(config, StampModel::IDEAL);
        world.run_until(secs(60));
        assert!(world.published(host).is_some_and(|published| published.is_bounded), "it has the time");
        world.host(host).port().state()
    };
    assert_eq!(state(Some(crate::sim::TAI_UTC)), PortState::Master);
    assert_eq!(state(None), PortState::Listening, "a card counts TAI, and nobody knows what that is ahead of UTC");
}
