use super::*;
use crate::clock::{CascadeNotice, ClockError, Disruption, JumpedTo, PageFault, Tampering};
use crate::config::load;
use crate::discipline::Notice;
use crate::net::{Missing, Stamping, StampingChange};
use crate::observe::status::ClockKind;
use crate::ptp::{ParentInfo, TimeProperties};
use crate::runtime::events::{Event, PhcReport};
use crate::runtime::host::Host;
use crate::runtime::model::PortModel;
use crate::runtime::rivals::Rival;
use crate::sharing::Counters;
use crate::time::{ClockEpoch, ClockId, FrequencyPpb, LeapIndicator, TaiUtc, Timestamp};
use crate::wire::ptp::{ClockAccuracy, ClockIdentity, ClockQuality, PortIdentity, TimeSource};
use synchronome_kernel::phc::CrossingMethod;

/// A daemon with one port on `eth0`, whose PHC hears the source and is in `hub`.
struct Told {
    model: Model,
    now: Timestamp<Mono>,
}

fn with_hub(hub: SyncState) -> Told {
    let now = Timestamp::from_parts(100, 0);
    let config = load("[[ptp]]\ninterface = 'eth0'\n", "test").unwrap().config;
    let mut model = Model::new(Host::default(), now, Some(TaiUtc(37)), ClockKind::System);
    let mut port = PortModel::new(config.ptp[0].clone(), Counters::default());
    port.started(Stamping::Hardware { phc_index: 3 }, false);
    port.phc = Some(0);
    model.ports.push(port);
    model.phcs.add(0, "eth0", 3);
    let mut told = Told { model, now };
    told.hear(Event::Phc(report(hub)));
    told.hear(Event::Followed { port: Some(0) });
    told
}

fn report(state: SyncState) -> PhcReport {
    PhcReport {
        at: Timestamp::EPOCH,
        drift_rate: FrequencyPpb::ZERO,
        index: 0,
        is_hub: true,
        is_steered: true,
        method: CrossingMethod::Extended,
        half_window: Duration::from_nanos(400),
        ahead: Duration::ZERO,
        state,
        offset_from_master: None,
        bound: None,
        frequency: FrequencyPpb::ZERO,
        mean_path_delay: Duration::ZERO,
        last_sample: None,
        lock_time: None,
        epoch: ClockEpoch::default(),
    }
}

impl Told {
    #[expect(clippy::large_types_passed_by_value, reason = "as they come out of the ring")]
    fn hear(&mut self, event: Event) {
        self.model.take(self.now, Timestamp::EPOCH, event);
    }

    fn phc(&mut self, notice: Notice) {
        self.hear(Event::Clock(CascadeNotice::Discipline(ClockId::Phc(0), notice)));
    }

    fn system(&mut self, notice: Notice) {
        self.hear(Event::Clock(CascadeNotice::Discipline(ClockId::System, notice)));
    }

    /// The system clock comes into a state; returns the reason that is shown for it.
    fn enters(&mut self, to: SyncState, why: StateEvent) -> String {
        self.system(Notice::State { from: SyncState::Locked, to, why });
        self.reason_in(to)
    }

    fn reason_in(&self, state: SyncState) -> String {
        let snapshot = TimeSnapshot { state, ..TimeSnapshot::unsynchronised(self.now) };
        self.model.reason(self.now, &snapshot)
    }

    fn problem(&self) -> Option<String> {
        self.model.phcs.statuses(self.now).pop().unwrap().problem
    }
}

#[test]
fn a_jump_of_the_clock_that_hears_the_source_is_the_reason_until_it_is_locked_again() {
    let mut told = with_hub(SyncState::Disrupted);
    told.hear(Event::Clock(CascadeNotice::Jumped(0, Duration::from_micros(50), JumpedTo::Elsewhere)));
    let reason = told.enters(SyncState::Holdover, StateEvent::SamplesStopped);
    assert_eq!(
        reason,
        "no sample comes: the clock of eth0 jumped by 50.0 us (another program, or a reset), and is being measured again; \
         the clock runs on with what it has learnt, and the bound grows"
    );
    assert!(told.problem().unwrap().starts_with("it jumped by 50.0 us"));
    told.phc(Notice::State { from: SyncState::Acquiring, to: SyncState::Locked, why: StateEvent::LockReached });
    assert!(!told.reason_in(SyncState::Holdover).contains("jumped"));
    assert_eq!(told.problem(), None);
    assert_eq!(told.model.phcs.statuses(told.now)[0].jumps, 1, "that it jumped stays counted");
}

#[test]
fn what_was_claimed_of_a_clock_before_it_jumped_is_not_claimed_any_more() {
    let mut told = with_hub(SyncState::Locked);
    let bound = Some(Duration::from_micros(1));
    told.hear(Event::Phc(PhcReport { bound, offset_from_master: bound, ..report(SyncState::Locked) }));
    let status = |told: &Told| told.model.phcs.statuses(told.now).pop().unwrap();
    assert!(status(&told).bound_s.is_some());
    told.hear(Event::Clock(CascadeNotice::Jumped(0, Duration::from_secs(-1_772_000_000), JumpedTo::Zero)));
    told.phc(Notice::State { from: SyncState::Locked, to: SyncState::Disrupted, why: StateEvent::Disturbed });
    let after = status(&told);
    assert_eq!((after.bound_s, after.offset_from_master_s, after.state), (None, None, SyncState::Disrupted));
    told.hear(Event::Phc(PhcReport { bound, ..report(SyncState::Disrupted) }));
    assert!(status(&told).bound_s.is_some(), "until it is measured again");
}

#[test]
fn a_clock_that_cannot_be_read_is_named_with_the_error_until_it_can() {
    let mut told = with_hub(SyncState::Locked);
    told.hear(Event::CrossingFailed { phc: 0, error: ClockError::Failed(libc::EIO) });
    let reason = told.enters(SyncState::Holdover, StateEvent::SamplesStopped);
    assert!(reason.starts_with("no sample comes: the clock of eth0 cannot be read (Input/output error"), "{reason}");
    told.hear(Event::CrossingWorks { phc: 0 });
    assert!(told.reason_in(SyncState::Holdover).starts_with("no sample comes; the clock runs on"));
}

#[test]
fn a_clock_that_refuses_is_named_whichever_it_is() {
    let mut told = with_hub(SyncState::Acquiring);
    told.phc(Notice::Refused { errno: libc::EBUSY });
    let reason = told.enters(SyncState::Acquiring, StateEvent::BoundExceeded);
    let expected = "the error bound grew beyond twice the limit: the clock of eth0 refuses to be adjusted (Device or";
    assert!(reason.starts_with(expected), "{reason}");
    told.phc(Notice::Obeys);
    told.system(Notice::Refused { errno: libc::EPERM });
    let reason = told.reason_in(SyncState::Acquiring);
    assert!(reason.contains(": the system clock refuses to be adjusted (Operation not permitted"), "{reason}");
    told.system(Notice::Obeys);
    assert!(!told.reason_in(SyncState::Acquiring).contains("refuses"));
}

#[test]
fn what_is_wrong_with_a_clock_is_no_reason_for_being_locked() {
    let mut told = with_hub(SyncState::Locked);
    told.phc(Notice::Refused { errno: libc::EBUSY });
    let reason = told.enters(SyncState::Locked, StateEvent::LockReached);
    assert_eq!(reason, "the error bound is inside its limit, and the last samples lie inside it");
    assert!(told.problem().unwrap().contains("refuses"), "but it is shown with the clock");
}

#[test]
fn while_the_hub_is_not_right_it_is_said_that_the_others_wait_for_it() {
    let told = with_hub(SyncState::Acquiring);
    let reason = told.reason_in(SyncState::NeverSynced);
    assert_eq!(reason, "no source has given a usable time yet: the clock of eth0 hears one, and is ACQUIRING itself");
}

#[test]
fn stamps_that_do_not_come_are_named_by_their_direction() {
    let mut told = with_hub(SyncState::Locked);
    told.enters(SyncState::Holdover, StateEvent::SamplesStopped);
    let mut counts = [0, 0, 0, 0];
    let mut second = |told: &mut Told, more: [u64; 4]| {
        counts = std::array::from_fn(|index| counts[index] + more[index]);
        told.model.ports[0].stamp_watch.look(|counter| match counter {
            Counter::SentDelayReq => counts[0],
            Counter::TxStampMissing => counts[1],
            Counter::ReceivedSync => counts[2],
            _ => counts[3],
        });
        told.reason_in(SyncState::Holdover)
    };
    let reason = second(&mut told, [4, 4, 8, 0]);
    assert!(reason.starts_with("no sample comes: the card delivers no transmit stamps on eth0;"), "{reason}");
    let reason = second(&mut told, [4, 0, 8, 8]);
    assert!(reason.starts_with("no sample comes: the card delivers no receive stamps on eth0;"), "{reason}");
    let reason = second(&mut told, [20, 1, 8, 2]);
    assert!(reason.starts_with("no sample comes;"), "single stamps are lost on good cards: {reason}");
}

#[test]
fn a_card_that_is_not_believed_is_the_reason_while_the_clock_settles_on_the_kernels_stamps() {
    let mut told = with_hub(SyncState::Holdover);
    let change = StampingChange { clock: ClockId::System, missing: Some(Missing::Transmit) };
    told.hear(Event::Stamping { port: 0, change });
    let reason = told.enters(SyncState::Acquiring, StateEvent::SamplesResumed);
    assert!(reason.ends_with("port eth0 uses software stamps, since the card stamps no messages that are sent"));
}

#[test]
fn what_the_card_does_not_deliver_is_not_said_of_the_kernel_that_takes_over() {
    let mut told = with_hub(SyncState::Holdover);
    told.enters(SyncState::Holdover, StateEvent::SamplesStopped);
    let counters = told.model.ports[0].counters();
    let look = |told: &mut Told| {
        let port = &mut told.model.ports[0];
        port.stamp_watch.look(|counter| counters.get(counter));
        for missed in [Counter::ReceivedSync, Counter::RxStampMissing] {
            counters.add(missed, 4);
        }
    };
    look(&mut told);
    look(&mut told);
    assert!(told.reason_in(SyncState::Holdover).contains("the card delivers no receive stamps"));
    let change = StampingChange { clock: ClockId::System, missing: Some(Missing::Receive) };
    told.hear(Event::Stamping { port: 0, change });
    look(&mut told);
    let reason = told.reason_in(SyncState::Holdover);
    assert!(reason.contains("port eth0 uses software stamps") && !reason.contains("the kernel delivers"), "{reason}");
}

#[test]
fn a_port_without_link_or_master_is_the_reason_for_silence() {
    let mut told = with_hub(SyncState::Holdover);
    let state = |to, reason| Event::PortState { port: 0, from: PortState::Slave, to, reason };
    told.hear(state(PortState::Faulty, StateReason::LinkDown));
    let reason = told.enters(SyncState::Holdover, StateEvent::SourceHeldOver);
    assert!(reason.starts_with("no sample comes: port eth0 has no link;"), "{reason}");
    told.hear(Event::Followed { port: None });
    told.hear(state(PortState::Listening, StateReason::AnnounceReceiptTimeout));
    let reason = told.reason_in(SyncState::Holdover);
    assert!(reason.starts_with("no sample comes: port eth0 has no master any more;"), "{reason}");
}

#[test]
fn a_clock_that_was_set_is_told_with_the_time_before_and_after_and_who_may_have_done_it() {
    let mut told = with_hub(SyncState::Locked);
    told.hear(was_set());
    let said = told.model.events.records(told.now).pop().unwrap();
    let begins =
        "somebody set the system clock by 300 s, from 2023-11-14T22:13:20.000Z to 2023-11-14T22:18:20.000Z; measuring";
    assert!(said.text.starts_with(begins) && said.text.contains("; no program was found that does so"), "{said:?}");
    assert_eq!(said.fields["to"], "2023-11-14T22:18:20.000Z");
    let rival = |program: &str| Rival { program: program.to_owned(), pid: Some(812), unit: None };
    told.model.suspects = vec![rival("chronyd"), rival("vmtoolsd")];
    told.hear(was_set());
    let said = told.model.events.records(told.now).pop().unwrap().text;
    let ends = "; suspected: chronyd (pid 812): `kill 812`, vmtoolsd (pid 812): `vmware-toolbox-cmd timesync disable`";
    assert!(said.ends_with(ends), "{said}");
    let reason = told.enters(SyncState::Disrupted, StateEvent::Disturbed);
    let expected = "somebody set the system clock by 300 s, from 2023-11-14T22:13:20.000Z to 2023-11-14T22:18:20.000Z, perhaps \
                    chronyd (pid 812) or vmtoolsd (pid 812)";
    assert_eq!(reason, format!("{expected}; it is being measured again"));
    let reason = told.enters(SyncState::Acquiring, StateEvent::MeasuredAgain);
    assert_eq!(reason, format!("{expected}; it was measured again, and is not yet inside its limit"));
}

#[test]
fn who_told_the_kernel_of_a_leap_second_is_named_with_what_it_is_worth() {
    let mut told = with_hub(SyncState::Locked);
    let event = |told: &mut Told, leap| {
        told.hear(Event::KernelLeap(leap));
        told.model.events.records(told.now).pop().unwrap().text
    };
    let ends = "; that counts as the word of one source, and the list of leap seconds before it";
    let expected = "another program, or who steered the clock before, has told the kernel that a second is inserted at the end of this UTC day";
    assert_eq!(event(&mut told, LeapIndicator::Insert), format!("{expected}{ends}"));
    told.model.rivals.push(Rival { program: "ntpd".to_owned(), pid: Some(812), unit: None });
    let text = event(&mut told, LeapIndicator::Delete);
    assert!(text.starts_with("another program (ntpd (pid 812)?) has told the kernel that the last second"), "{text}");
    assert!(event(&mut told, LeapIndicator::NoWarning).contains("that there is no leap second today after all"));
}

/// Five minutes ahead.
fn was_set() -> Event {
    Event::ClockSet { by: Duration::from_secs(300), to: Timestamp::from_parts(1_700_000_300, 0) }
}

#[test]
fn nobody_is_accused_where_the_whole_machine_stood_still() {
    let mut told = with_hub(SyncState::Locked);
    told.hear(Event::Clock(CascadeNotice::StoodStill(Duration::from_secs(8))));
    let said = told.model.events.records(told.now).pop().unwrap().text;
    assert!(said.starts_with("this machine stood still for 8.00 s: its card has run on"), "{said}");
    let reason = told.enters(SyncState::Disrupted, StateEvent::Disturbed);
    assert_eq!(reason, "this machine stood still for 8.00 s, and its clock with it; it is being measured again");
    assert_eq!(told.model.phcs.statuses(told.now)[0].jumps, 0);
}

#[test]
fn what_the_hypervisor_says_of_the_machine_is_the_reason() {
    let mut told = with_hub(SyncState::Locked);
    told.hear(was_set());
    told.hear(Event::Clock(CascadeNotice::Disrupted(Disruption::Snapshot)));
    let said = told.model.events.records(told.now).pop().unwrap().text;
    assert_eq!(said, "the hypervisor says that this machine was loaded from a snapshot: all clocks are measured again");
    let reason = told.enters(SyncState::Disrupted, StateEvent::Disturbed);
    assert_eq!(reason, "the hypervisor says that this machine was loaded from a snapshot; it is being measured again");
    told.hear(Event::Clock(CascadeNotice::Disrupted(Disruption::HostRanOn(Duration::from_secs(2)))));
    let reason = told.enters(SyncState::Disrupted, StateEvent::Disturbed);
    assert!(reason.starts_with("the hypervisor's clock ran on by 2.00 s alone: this machine was paused"), "{reason}");
    told.hear(Event::VmClock(Some(PageFault::Read(5))));
    let said = told.model.events.records(told.now).pop().unwrap().text;
    assert!(said.starts_with("the hypervisor's page of time says nothing ("), "{said}");
}

#[test]
fn who_steers_too_is_named_with_the_way_to_stop_it_when_its_hand_shows() {
    let mut told = with_hub(SyncState::Locked);
    let event = |told: &mut Told| {
        let (ahead, behind) = (Duration::from_micros(25), Duration::ZERO);
        told.hear(Event::Foreign(ClockId::System, Tampering { found: FrequencyPpb::from_ppm(3.0), ahead, behind }));
        told.model.events.records(told.now).pop().unwrap().text
    };
    assert!(event(&mut told).contains("moved it by up to 25.0 us (the error bound is as much wider)"));
    assert!(event(&mut told).ends_with("it must be stopped, or clock.system be \"observe\""));
    told.hear(Event::ForeignIsOver(Duration::from_nanos(-2_030)));
    let over = told.model.events.records(told.now).pop().unwrap().text;
    let begins =
        "another program has set the frequency of the system clock, or slewed it, and moved it by up to 2.03 us";
    assert!(over.starts_with(begins), "{over}");
    let rival = Rival { program: "chronyd".to_owned(), pid: Some(812), unit: Some("chrony.service".to_owned()) };
    told.model.rivals.push(rival);
    let text = event(&mut told);
    assert!(text.contains("stop chronyd (pid 812): `systemctl disable --now chrony.service`"), "{text}");
    told.model.rivals = vec![Rival { program: "hv_utils".to_owned(), pid: None, unit: None }];
    assert!(event(&mut told).ends_with("it must be stopped, or clock.system be \"observe\""), "who only sets does not");
}

#[test]
fn who_sets_a_phc_too_is_named_if_it_is_one_that_steers_cards() {
    let mut told = with_hub(SyncState::Locked);
    let event = |told: &mut Told| {
        let (ahead, behind) = (Duration::ZERO, Duration::from_micros(-40));
        told.hear(Event::Foreign(ClockId::Phc(0), Tampering { found: FrequencyPpb::from_ppm(-8.0), ahead, behind }));
        told.model.events.records(told.now).pop().unwrap().text
    };
    let rival = |program: &str| Rival { program: program.to_owned(), pid: Some(812), unit: None };
    told.model.rivals.push(rival("chronyd"));
    let text = event(&mut told);
    assert!(text.starts_with("another program has set the frequency of the clock of eth0 to -8.000 ppm"), "{text}");
    assert!(text.contains("moved it by up to 40.0 us") && !text.contains("chronyd"), "{text}");
    told.model.rivals.push(rival("ts2phc"));
    assert!(event(&mut told).ends_with("stop ts2phc (pid 812): `kill 812`"));
}

#[test]
fn that_a_port_follows_another_grandmaster_is_remembered_also_if_there_was_none_between() {
    let mut told = with_hub(SyncState::Locked);
    let parent = |octet: u8| {
        let identity = ClockIdentity([0, 0x1b, 0x21, 0xff, 0xfe, 0, 0, octet]);
        Some(ParentInfo {
            port: PortIdentity { clock_identity: identity, port_number: 1 },
            grandmaster: identity,
            quality: ClockQuality {
                clock_class: 6,
                clock_accuracy: ClockAccuracy(0x21),
                offset_scaled_log_variance: 0,
            },
            priority1: 128,
            priority2: 128,
            steps_removed: 1,
            synchronization_uncertain: false,
            time_properties: TimeProperties {
                current_utc_offset: Some(TaiUtc(37)),
                leap: LeapIndicator::NoWarning,
                ptp_timescale: true,
                time_traceable: true,
                frequency_traceable: true,
                time_source: TimeSource::GNSS,
            },
            selected_at: Timestamp::EPOCH,
        })
    };
    let follow = |told: &mut Told, parent| {
        told.hear(Event::Parent { port: 0, parent });
        let snapshot = TimeSnapshot::unsynchronised(told.now);
        told.model.ports[0].status(told.now, &snapshot, &told.model.phcs).grandmaster_change
    };
    for same in [parent(1), None, parent(1)] {
        assert_eq!(follow(&mut told, same), None);
    }
    assert_eq!(follow(&mut told, None), None);
    assert!(follow(&mut told, parent(2)).is_some());
    told.now = told.now + Duration::from_secs(5);
    let change = follow(&mut told, parent(2)).unwrap();
    let names = (change.from.as_str(), change.to.as_str(), change.age_s);
    assert_eq!(names, ("001b21.fffe.000001", "001b21.fffe.000002", 5.0));
}
