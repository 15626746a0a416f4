//! The PTP ports of a clock, as the clock as a whole sees them; and what their stamps mean, as the ports see the clock.
//!
//! Each port says whom it hears and what it measures, and is told what to be. What is known of a port in between is here, and
//! nothing of how it is told: by rings between threads in the daemon, by events in the simulator.

use super::{ArbPolicy, reference_of};
use crate::discipline::Reference;
use crate::ptp::{
    Announcement, ComparisonRule, DataSet, Decision, Forwarded, Line, ParentInfo, PortView, Recommendation, Role,
    decide_for, has_time,
};
use crate::sharing::{PHC_LINE_AGE_MAX, PhcLines, SNAPSHOT_AGE_MAX, TimeSnapshot};
use crate::time::{ClockEpoch, ClockId, Duration, Local, LogInterval, Mono, SourceId, StampSource, TaiUtc, Timestamp};
use crate::wire::ptp::PortIdentity;

/// Where a port stands among the others.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PortPlace {
    /// portIdentity.
    pub identity: PortIdentity,
    /// domainNumber and sdoId.
    pub domain: (u8, u16),
    /// What it may become.
    pub role: Role,
    /// How masters are compared.
    pub comparison: ComparisonRule,
}

/// What the clock knows of a port.
#[derive(Clone, Copy, Debug)]
pub struct KnownPort {
    /// Who it is, in which domain, and what it may become.
    pub place: PortPlace,
    /// How its ARB time is read; `None`: by who takes its stamps.
    pub arb_timescale: Option<ArbPolicy>,
    /// The clock of its stamps.
    pub clock: ClockId,
    /// Whom it follows.
    pub parent: Option<ParentInfo>,
    /// The best master that it hears, if it may be slave or master.
    pub best: Option<DataSet>,
    /// The parent's Sync interval.
    pub sync_interval: Option<LogInterval>,
    /// What is handed on of its parent's Announce.
    pub forwarded: Forwarded,
    /// Since when its stamps mean nothing that could be served.
    mute_since: Option<Timestamp<Mono>>,
    /// What it was told to be.
    decision: Option<Decision>,
    /// The step whose halves of measurements it has not yet thrown away: what it measures is of before that.
    unflushed: Option<u32>,
}

impl KnownPort {
    /// A port that has just started, and is stamped by the system clock until it says another one.
    pub const fn new(place: PortPlace, arb_timescale: Option<ArbPolicy>) -> Self {
        Self {
            place,
            arb_timescale,
            clock: ClockId::System,
            parent: None,
            best: None,
            sync_interval: None,
            forwarded: Forwarded::NONE,
            mute_since: None,
            decision: None,
            unflushed: None,
        }
    }

    /// As the decision sees it; `steers`: what it measures steers the clock. A port that can only follow hears its parent and
    /// nobody else.
    pub fn view(&self, steers: bool) -> PortView {
        let PortPlace { identity, domain, role, comparison } = self.place;
        let of_parent = |parent: ParentInfo| DataSet {
            priority1: parent.priority1,
            grandmaster: parent.grandmaster,
            quality: parent.quality,
            priority2: parent.priority2,
            steps_removed: parent.steps_removed.saturating_sub(1),
            sender: parent.port,
            receiver: identity,
            local_rank: comparison.of_heard(0),
        };
        let heard = if role == Role::Slave { self.parent.map(of_parent) } else { self.best };
        let counts_tai =
            self.parent.is_some_and(|parent| parent.time_properties.ptp_timescale) || self.policy() == ArbPolicy::Tai;
        let (parent, forwarded) = (self.parent, self.forwarded);
        PortView { identity, domain, role, comparison, heard, parent, steers, counts_tai, forwarded }
    }

    fn policy(&self) -> ArbPolicy {
        let stamps = if self.clock == ClockId::System { StampSource::Kernel } else { StampSource::Hardware };
        self.arb_timescale.unwrap_or(ArbPolicy::automatic(stamps))
    }

    /// The clock that hears the parent, what that parent is, and how often it sends; `None` without a parent. `fallback` is
    /// TAI - UTC as it is known otherwise.
    pub fn heard(
        &self,
        source: SourceId,
        fallback: Option<TaiUtc>,
    ) -> Option<(ClockId, Reference, Option<LogInterval>)> {
        let reference = reference_of(source, self.parent.as_ref()?, self.policy(), fallback);
        Some((self.clock, reference, self.sync_interval))
    }

    /// Whether its stamps mean anything that could be served, at the present.
    fn note_line(&mut self, now: Timestamp<Mono>, lines: Option<&PhcLines>) {
        let has_line = match self.clock {
            ClockId::Phc(index) => {
                lines.is_some_and(|lines| lines.0.get(usize::from(index)).is_some_and(Option::is_some))
            }
            _ => true,
        };
        self.mute_since = if has_line { None } else { self.mute_since.or(Some(now)) };
    }

    /// Whether it can serve: one whose card is of no use for a moment stays what it is, and whoever depends on it hears that by
    /// its silence.
    fn can_serve(&self, now: Timestamp<Mono>) -> bool {
        self.mute_since.is_none_or(|since| now - since < MUTE_MAX)
    }

    /// Its clock was stepped, for the time of this number.
    pub const fn stepped(&mut self, step: u32) {
        self.unflushed = Some(step);
    }

    /// It has thrown away what was under way at the step of this number.
    pub fn flushed(&mut self, step: u32) {
        self.unflushed.take_if(|unflushed| *unflushed == step);
    }

    /// Whether what it measures may be of before a step of its clock.
    pub const fn is_of_before(&self) -> bool {
        self.unflushed.is_some()
    }
}

/// A port whose stamps mean nothing for so long is not master: somebody else has taken its place, or should. A card that has
/// changed its master may be right for eight seconds before the others follow it, and that should not cost the port its state.
pub const MUTE_MAX: Duration = Duration::from_secs(10);

/// What the clock has to say to those whom it serves, at an instant.
#[derive(Clone, Copy, Debug)]
pub struct ToServe<'a> {
    /// The present.
    pub now: Timestamp<Mono>,
    /// What it announces as a grandmaster.
    pub own: &'a Announcement,
    /// Whether there is any time to serve.
    pub has_time: bool,
    /// What the stamps of its cards mean; `None`: nobody serves by them.
    pub lines: Option<&'a PhcLines>,
    /// The port whose parent steers it.
    pub steers: Option<usize>,
}

/// Says to each port that may be master what to be, if that is another thing than it was told. A port that has nothing
/// to serve for [`MUTE_MAX`], though the clock has, is none: two that call themselves master on one link, one of them silent, would
/// each wait for the other.
///
/// `known` is what is known of the port of each place, which may be empty; `views` has room for as many. `tell` says whether
/// it could: what could not be told is tried again.
pub fn decide_for_all<P>(
    ports: &mut [P],
    known: impl Fn(&mut P) -> Option<&mut KnownPort>,
    views: &mut [Option<PortView>],
    serve: &ToServe<'_>,
    mut tell: impl FnMut(usize, &mut P, &Decision) -> bool,
) {
    // All ports of a clock compare with one D0 (9.3.3): that of a clock with time while any of them can serve it.
    let mut has_time = false;
    for (place, (port, view)) in ports.iter_mut().zip(&mut *views).enumerate() {
        *view = known(port).map(|port| {
            port.note_line(serve.now, serve.lines);
            has_time |= serve.has_time && port.place.role != Role::Slave && port.can_serve(serve.now);
            port.view(serve.steers == Some(place))
        });
    }
    for (place, (port, view)) in ports.iter_mut().zip(&*views).enumerate() {
        let Some(view) = view.as_ref().filter(|view| view.role != Role::Slave) else { continue };
        let own = Announcement { grandmaster: view.identity.clock_identity, ..*serve.own };
        let mut decision = decide_for(view, views, &own, has_time);
        let can_serve = known(port).is_some_and(|port| port.can_serve(serve.now));
        if matches!(decision.recommendation, Recommendation::Master(_)) && !can_serve {
            decision.recommendation = Recommendation::Silent;
        }
        let is_news = known(port).is_some_and(|port| port.decision != Some(decision));
        if is_news
            && tell(place, port, &decision)
            && let Some(port) = known(port)
        {
            port.decision = Some(decision);
        }
    }
}

/// Which port to follow: the one that is, while it has a parent; else the first with a parent of usable time; else the first
/// with a parent. `usable` says of each port whether its parent's time is, or nothing without a parent.
pub fn choose_port(ports: usize, followed: Option<usize>, usable: impl Fn(usize) -> Option<bool>) -> Option<usize> {
    let kept = followed.filter(|port| usable(*port).is_some());
    let first = || (0..ports).find(|port| usable(*port) == Some(true));
    kept.or_else(first).or_else(|| (0..ports).find(|port| usable(*port).is_some()))
}

/// Turns the published time into a line over the clock of a port's stamps.
#[derive(Clone, Copy, Debug)]
pub struct ServedLine {
    told: Option<Line>,
    /// The system clock's last known epoch, and its reading when that began.
    epoch: (ClockEpoch, Timestamp<Local>),
}

impl ServedLine {
    /// Of which nothing was said yet.
    pub const NEW: Self = Self { told: None, epoch: (ClockEpoch(0), Timestamp::EPOCH) };

    /// What stamps of this clock mean at `now`, if that is not what was said last: nothing, where nobody has looked after the
    /// clock for [`SNAPSHOT_AGE_MAX`]. `lines` are those of the cards; without them what was said holds.
    pub fn news(
        &mut self,
        now: Timestamp<Mono>,
        clock: ClockId,
        snapshot: &TimeSnapshot,
        lines: impl FnOnce() -> Option<PhcLines>,
    ) -> Option<Option<Line>> {
        let line = if !has_time(snapshot) || now - snapshot.anchor_mono > SNAPSHOT_AGE_MAX {
            None
        } else if let ClockId::Phc(index) = clock {
            lines()?.0.get(usize::from(index)).copied().flatten().map(|line| Line {
                anchor: line.anchor,
                time: line.utc.read_as(),
                tai_utc: snapshot.tai_utc,
                rate: line.rate,
                reach: PHC_LINE_AGE_MAX,
                since: line.since,
                is_of_card: true,
                error: line.bound + line.drift_rate.drift(Duration::SECOND).abs(),
            })
        } else {
            Some(self.of_the_system_clock(snapshot))
        };
        if line == self.told {
            return None;
        }
        self.told = line;
        Some(line)
    }

    fn of_the_system_clock(&mut self, snapshot: &TimeSnapshot) -> Line {
        if self.epoch.0 != snapshot.epoch {
            self.epoch = (snapshot.epoch, snapshot.anchor_local);
        }
        Line {
            anchor: snapshot.anchor_local,
            time: snapshot.anchor_utc.read_as(),
            tai_utc: snapshot.tai_utc,
            rate: snapshot.rate,
            reach: SNAPSHOT_AGE_MAX,
            since: self.epoch.1,
            is_of_card: false,
            error: snapshot.bound_after(Duration::SECOND).greatest_error(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ptp::{LocalRank, MasterBy, TimeProperties};
    use crate::sharing::PhcLine;
    use crate::time::{FrequencyPpb, LeapIndicator};
    use crate::wire::ptp::{ClockAccuracy, ClockIdentity, ClockQuality, TimeSource};

    const LINE: PhcLine = PhcLine {
        anchor: Timestamp::EPOCH,
        utc: Timestamp::EPOCH,
        rate: FrequencyPpb::ZERO,
        bound: Duration::ZERO,
        drift_rate: FrequencyPpb::ZERO,
        since: Timestamp::EPOCH,
    };

    fn own() -> Announcement {
        Announcement {
            grandmaster: ClockIdentity([7; 8]),
            priority1: 128,
            quality: ClockQuality {
                clock_class: 6,
                clock_accuracy: ClockAccuracy(0x21),
                offset_scaled_log_variance: 0x4e5d,
            },
            priority2: 128,
            steps_removed: 0,
            time_properties: TimeProperties {
                current_utc_offset: Some(TaiUtc(37)),
                leap: LeapIndicator::NoWarning,
                ptp_timescale: true,
                time_traceable: true,
                frequency_traceable: true,
                time_source: TimeSource::GNSS,
            },
            synchronization_uncertain: false,
        }
    }

    #[test]
    fn a_port_whose_card_means_nothing_for_ten_seconds_is_no_master_and_another_one_of_the_clock_still_is() {
        let place = |port_number| PortPlace {
            identity: PortIdentity { clock_identity: ClockIdentity([7; 8]), port_number },
            domain: (0, 0),
            role: Role::Auto,
            comparison: ComparisonRule::Ieee1588,
        };
        let mut ports = [1, 2].map(|number| Some(KnownPort::new(place(number), None)));
        ports[0].as_mut().unwrap().clock = ClockId::Phc(0);
        let mut lines = PhcLines::default();
        let (mut said, own) = ([None; 2], own());
        let mut decide = |now_s: i64, lines: &PhcLines| {
            let now = Timestamp::from_secs(now_s);
            let serve = ToServe { now, own: &own, has_time: true, lines: Some(lines), steers: None };
            decide_for_all(&mut ports, Option::as_mut, &mut [None; 2], &serve, |place, _, decision| {
                said[place] = Some(decision.recommendation);
                true
            });
            said.map(Option::unwrap)
        };
        let master = Recommendation::Master(MasterBy::M1);
        lines.0[0] = Some(LINE);
        assert_eq!(decide(10, &lines), [master; 2]);
        lines.0[0] = None;
        assert_eq!(decide(11, &lines), [master; 2], "for a moment");
        assert_eq!(decide(20, &lines), [master; 2]);
        assert_eq!(decide(21, &lines), [Recommendation::Silent, master]);
        lines.0[0] = Some(LINE);
        assert_eq!(decide(22, &lines), [master; 2]);
    }

    #[test]
    fn a_port_whose_card_means_nothing_compares_as_the_others_of_its_clock_do() {
        let own = own();
        let place = |port_number| PortPlace {
            identity: PortIdentity { clock_identity: own.grandmaster, port_number },
            domain: (0, 0),
            role: Role::Auto,
            comparison: ComparisonRule::Ieee1588,
        };
        let mut ports = [1, 2].map(|number| Some(KnownPort::new(place(number), None)));
        let mute = ports[0].as_mut().unwrap();
        mute.clock = ClockId::Phc(0);
        // A clock of class 6 follows nobody (9.3.3), whatever its cards are good for.
        let sender = PortIdentity { clock_identity: ClockIdentity([9; 8]), port_number: 1 };
        let worse = ClockQuality { clock_class: 248, ..own.quality };
        mute.best = Some(DataSet {
            priority1: 128,
            grandmaster: sender.clock_identity,
            quality: worse,
            priority2: 128,
            steps_removed: 0,
            sender,
            receiver: place(1).identity,
            local_rank: LocalRank::None,
        });
        for (now_s, expected) in [(0, Recommendation::Master(MasterBy::M1)), (11, Recommendation::Silent)] {
            let (now, mut said) = (Timestamp::from_secs(now_s), [None; 2]);
            let lines = PhcLines::default();
            let serve = ToServe { now, own: &own, has_time: true, lines: Some(&lines), steers: None };
            decide_for_all(&mut ports, Option::as_mut, &mut [None; 2], &serve, |place, _, decision| {
                said[place] = Some(decision.recommendation);
                true
            });
            assert_eq!(said[0], Some(expected), "{now_s} s");
        }
    }
}
