//! The network card that stamps: what it is told to stamp, and that it stays so.
//!
//! The setting belongs to the card, not to us: one for all programs, and the last one who sets it wins without the others
//! being told. So it is looked at again and again; what somebody else has changed is set again, and said, since the two
//! of us will otherwise take the stamps from each other in silence. At the end the card gets back what it was found
//! with, unless that has been changed by somebody else meanwhile.
//!
//! A bond is refused. Its packets are stamped by the clock of whichever member carries them, and when the link moves on, so
//! does the clock, without a word in the stamps that were sent: for a moment one clock's stamps would be taken for
//! another's. Its members are named instead, a port each: then each stamp is of one known clock.
//!
//! A card and its PHY may each have a clock that stamps, or the card several; one is selected, for all programs. It is taken as it is found:
//! who prefers another one selects that (`ethtool --set-hwtimestamp-cfg`), and the port is opened anew with it. Only where the selected one
//! cannot stamp what the port needs, and another one can, is that one selected, and given back at the end.
//!
//! Asking takes the kernel's network lock and can take milliseconds: this is for the control thread.

mod one_step;

use std::fmt;
use std::io;

pub use self::one_step::OneStep;
use synchronome_kernel::nic::{
    HardwareTimestamping, Offered, Provider, Qualifier, RxFilter, TimestampingInfo, TxStamps, hardware_timestamping,
    layer, providers, select_provider, selected_provider, set_hardware_timestamping, timestamping_info,
};

use super::Transport;
use crate::time::{Duration, Mono, Timestamp};

/// How often a setting is looked at.
pub const LOOK_EVERY: Duration = Duration::from_secs(4);
/// At each of so many looks it is also seen whether it is still the same card.
const LOOKS_PER_IDENTITY: u32 = 4;
/// Not sooner than this is the setting restored once more.
const RESTORE_PAUSE: Duration = Duration::from_secs(10);
/// Restoring that often, each within a minute of the one before, is a fight.
const FIGHT: u32 = 3;
/// What counts as "soon after".
const SOON: Duration = Duration::from_secs(60);
/// Interfaces on interfaces, at most: a VLAN on a bond on a card are three.
const LAYERS_MAX: usize = 4;

/// The filters that serve a transport, the best first: [`RxFilter::All`] stamps NTP requests too. Without one: those that stamp NTP.
const fn filters_for(transport: Option<Transport>) -> &'static [RxFilter] {
    match transport {
        Some(Transport::Ethernet) => &[RxFilter::All, RxFilter::PtpV2Event, RxFilter::PtpV2L2Event],
        Some(Transport::Udp4 | Transport::Udp6 { .. }) => {
            &[RxFilter::All, RxFilter::PtpV2Event, RxFilter::PtpV2L4Event]
        }
        None => &[RxFilter::All, RxFilter::NtpAll],
    }
}

/// Whether a setting stamps what is needed.
fn serves(setting: HardwareTimestamping, transport: Option<Transport>) -> bool {
    setting.tx.stamps() && filters_for(transport).contains(&setting.rx_filter)
}

/// What to ask a card for, in this order; empty if it offers nothing that helps.
fn wishes(
    info: &TimestampingInfo,
    tx: TxStamps,
    transport: Option<Transport>,
) -> impl Iterator<Item = HardwareTimestamping> {
    let offered = filters_for(transport).iter().filter(|rx_filter| info.has_filter(**rx_filter));
    offered.map(move |rx_filter| HardwareTimestamping { tx, rx_filter: *rx_filter })
}

/// A setting in words: `tx on, rx all`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InWords(pub HardwareTimestamping);

impl fmt::Display for InWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.tx {
            TxStamps::Off => f.write_str("tx off, rx ")?,
            TxStamps::On => f.write_str("tx on, rx ")?,
            TxStamps::OneStepSync => f.write_str("tx onestep-sync, rx ")?,
            TxStamps::OneStepP2p => f.write_str("tx onestep-p2p, rx ")?,
            TxStamps::Other(number) => write!(f, "tx type {number}, rx ")?,
        }
        match self.0.rx_filter {
            RxFilter::None => f.write_str("none"),
            RxFilter::All => f.write_str("all"),
            RxFilter::NtpAll => f.write_str("ntp-all"),
            RxFilter::PtpV2Event => f.write_str("ptpv2-event"),
            RxFilter::PtpV2L2Event => f.write_str("ptpv2-l2-event"),
            RxFilter::PtpV2L4Event => f.write_str("ptpv2-l4-event"),
            RxFilter::Other(number) => write!(f, "filter {number}"),
        }
    }
}

/// What a look at the card has found.
#[derive(Debug)]
pub enum Found {
    /// All is as it should be, or it is too early to do something about it.
    Nothing,
    /// Somebody had changed the setting; it is ours again.
    Restored {
        /// What it had become.
        from: HardwareTimestamping,
        /// What it is again.
        to: HardwareTimestamping,
        /// Not for the first time.
        is_fight: bool,
    },
    /// Somebody has changed the setting, and it cannot be restored.
    Lost {
        /// What it has become.
        from: HardwareTimestamping,
        /// Why.
        error: io::Error,
    },
    /// Somebody has changed the setting, so that what was to have the card's time written into it leaves without: the port must be
    /// opened anew.
    NotOneStep {
        /// What it has become.
        from: HardwareTimestamping,
    },
    /// Another card, or another clock, stands behind the interface now: the port must be opened anew.
    Moved,
}

/// A card that stamps for a port; dropped, it gets back what it was told before.
#[derive(Debug)]
pub struct Card {
    interface: String,
    device: String,
    phc_index: u32,
    /// What it was told before we came; `None` if it cannot be asked.
    before: Option<HardwareTimestamping>,
    /// Who was selected before we selected another one.
    selected_before: Option<Provider>,
    /// Who is selected, if there are several.
    selected: Option<Provider>,
    ours: HardwareTimestamping,
    /// Of NTP: whatever type of stamps for what is sent does.
    is_for_ntp: bool,
    /// More of one-step was wanted than is to be had: why, a clause.
    shortfall: Option<String>,
    remedy: Remedy,
    looks: u32,
}

impl Card {
    /// Lets the card behind an interface stamp what a port over this transport sends and hears; and write its time into what is
    /// `wanted`, as far as it can ([`Card::shortfall`]).
    ///
    /// # Errors
    /// Why it does not stamp, a clause.
    pub fn set_up(interface: &str, transport: Transport, wanted: OneStep) -> Result<Self, String> {
        Self::set_up_for(interface, Some(transport), wanted)
    }

    /// The same for NTP requests and their answers.
    ///
    /// # Errors
    /// As [`Card::set_up`].
    pub fn set_up_for_ntp(interface: &str) -> Result<Self, String> {
        Self::set_up_for(interface, None, OneStep::Nothing)
    }

    fn set_up_for(interface: &str, transport: Option<Transport>, wanted: OneStep) -> Result<Self, String> {
        let Offer { device, info, phc_index, unselected } = match transport {
            Some(transport) => offer_for(interface, transport)?,
            // Whoever asks others for the time selects nothing for it.
            None => offer(device_of(interface)?)?,
        };
        let before = hardware_timestamping(&device).ok();
        let selected_before = unselected.map(|other| select(&device, other)).transpose()?.flatten();
        let found = before.filter(|_| unselected.is_none());
        let mut problem = if info.has_tx(TxStamps::On) || wanted != OneStep::Nothing {
            "it has no filter that this transport needs".to_owned()
        } else {
            "no Sync that it sends: it writes its time into each (one-step), so say two_step = false".to_owned()
        };
        let mut granted = None;
        let usual = found.map(|found| found.tx).filter(|tx| transport.is_none() && tx.stamps());
        let usual = usual.unwrap_or(TxStamps::On);
        let types = wanted.types(&info).chain([usual].into_iter().filter(|tx| info.has_tx(*tx)));
        for wish in types.flat_map(|tx| wishes(&info, tx, transport)) {
            // Some cards restart their link when they are told anything.
            let told = if found == Some(wish) { Ok(wish) } else { set_hardware_timestamping(&device, wish) };
            match told {
                Ok(setting) if serves(setting, transport) => {
                    granted = Some(setting);
                    break;
                }
                Ok(setting) => problem = format!("asked for \"{}\" it does \"{}\"", InWords(wish), InWords(setting)),
                Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
                    problem = String::from("to switch that on needs CAP_NET_ADMIN (or root)");
                }
                Err(error) => problem = format!("it refuses \"{}\": {error}", InWords(wish)),
            }
        }
        // What somebody has switched on already serves as well.
        let ours = granted
            .or(found.filter(|found| serves(*found, transport)))
            .ok_or_else(|| format!("interface {device} could stamp, but {problem}"))
            .inspect_err(|_| give_back(&device, selected_before, before))?;
        let shortfall = (OneStep::of(ours.tx) < wanted).then(|| {
            let refused = wanted.refused_by(&device, &info);
            refused.unwrap_or_else(|| format!("{device} offers it and does not do it: {problem}"))
        });
        let interface = interface.to_owned();
        let has_several = providers(&device).is_ok_and(|all| all.len() > 1);
        let selected = if has_several { selected_provider(&device).ok() } else { None };
        Ok(Self {
            interface,
            device,
            phc_index,
            before,
            selected_before,
            selected,
            ours,
            is_for_ntp: transport.is_none(),
            shortfall,
            remedy: Remedy::default(),
            looks: 0,
        })
    }

    /// What it writes its time into, where that has no twoStepFlag.
    pub fn one_step(&self) -> OneStep {
        OneStep::of(self.ours.tx)
    }

    /// Why that is less than was wanted: a clause.
    pub fn shortfall(&self) -> Option<&str> {
        self.shortfall.as_deref()
    }

    /// Whether a setting is as good as what the card was told.
    fn is_kept(&self, setting: HardwareTimestamping) -> bool {
        let is_same_tx = setting.tx == self.ours.tx || self.is_for_ntp && setting.tx.stamps();
        is_same_tx && setting.rx_filter == self.ours.rx_filter
    }

    /// The interface that has the card: that of the port, or the one below it.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// The kernel's number of the card's clock (`/dev/ptpN`) when it was set up.
    pub fn phc_index(&self) -> u32 {
        self.phc_index
    }

    /// What the card was told.
    pub fn setting(&self) -> HardwareTimestamping {
        self.ours
    }

    /// Looks whether the card is still told what we told it, and tells it again if not.
    pub fn look(&mut self, now: Timestamp<Mono>) -> Found {
        self.looks = self.looks.wrapping_add(1);
        if self.looks.is_multiple_of(LOOKS_PER_IDENTITY) && self.has_moved() {
            return Found::Moved;
        }
        // A card that cannot be asked is taken at its word; one that has gone takes its interface along.
        let Ok(setting) = hardware_timestamping(&self.device) else { return Found::Nothing };
        // A driver that gives the interface another clock forgets what the one before was told.
        if !self.is_kept(setting) && self.has_moved() {
            return Found::Moved;
        }
        if OneStep::of(setting.tx) < self.one_step() {
            return Found::NotOneStep { from: setting };
        }
        let Some(is_fight) = self.remedy.due(now, !self.is_kept(setting)) else { return Found::Nothing };
        match set_hardware_timestamping(&self.device, self.ours) {
            Ok(to) => Found::Restored { from: setting, to, is_fight },
            Err(error) => Found::Lost { from: setting, error },
        }
    }

    /// Something has changed about the interfaces: the next look is a thorough one.
    pub fn suspect_a_move(&mut self) {
        self.looks = LOOKS_PER_IDENTITY - 1;
    }

    /// Whether another card, or another clock, stands behind the interface now.
    fn has_moved(&self) -> bool {
        let is_same = timestamping_info(&self.device).map(|info| info.phc_index == Some(self.phc_index));
        self.device != device_below(&self.interface) || is_same.is_ok_and(|is_same| !is_same) || self.is_deselected()
    }

    /// Whether somebody has selected another clock of the card's, or another place at which the same one stamps.
    fn is_deselected(&self) -> bool {
        self.selected.is_some_and(|ours| selected_provider(&self.device).is_ok_and(|now| now != ours))
    }

    /// Another port on the same card ends: what that one has found is what the card gets back in the end.
    pub fn inherit(&mut self, mut ended: Self) {
        let (before, selected_before) = (ended.before.take(), ended.selected_before.take());
        if self.before == Some(ended.ours) {
            self.before = before;
            self.selected_before = selected_before;
        }
    }
}

impl Drop for Card {
    /// Gives the card back what it was told before, unless somebody has changed it since.
    fn drop(&mut self) {
        let has_changed = self.selected_before.is_some() || self.before.is_some_and(|before| before != self.ours);
        if has_changed
            && hardware_timestamping(&self.device).is_ok_and(|setting| setting == self.ours)
            && !self.is_deselected()
        {
            give_back(&self.device, self.selected_before, self.before);
        }
    }
}

/// Tells a card again what it was told before. If it is not taken, nothing is lost: stamps that nobody asks for are not given to anybody.
fn give_back(device: &str, selected_before: Option<Provider>, before: Option<HardwareTimestamping>) {
    if let Some(selected) = selected_before {
        _ = select_provider(device, selected);
    }
    if let Some(before) = before {
        _ = set_hardware_timestamping(device, before);
    }
}

/// Selects a clock of a card's; returns the one that was selected before.
fn select(device: &str, other: Provider) -> Result<Option<Provider>, String> {
    let before = selected_provider(device).ok();
    match select_provider(device, other) {
        Ok(()) => Ok(before),
        Err(error) => {
            let why = match error.raw_os_error() {
                Some(libc::EPERM) => "to select that needs CAP_NET_ADMIN (or root)".to_owned(),
                _ => error.to_string(),
            };
            Err(format!("another clock of interface {device} could stamp (/dev/ptp{}): {why}", other.phc_index))
        }
    }
}

/// A card that says that it stamps.
struct Offer {
    device: String,
    info: TimestampingInfo,
    phc_index: u32,
    /// It is another clock of the card's than the selected one.
    unselected: Option<Provider>,
}

/// The interface that has the card, at the bottom of what stands on it.
fn device_of(interface: &str) -> Result<String, String> {
    let mut device = interface.to_owned();
    let mut bond = None;
    for (layer, is_bond) in layers(interface) {
        bond = bond.or(is_bond.then(|| layer.clone()));
        device = layer;
    }
    if let Some(bond) = bond {
        return Err(format!(
            "{bond} is a bond, whose stamps are now of one clock and now of another: name its members instead, each in a \
             [[ptp]] section of its own with transport = \"ethernet\""
        ));
    }
    Ok(device)
}

/// What a card says of the clock of it that is selected; nothing is set.
fn offer(device: String) -> Result<Offer, String> {
    let info = timestamping_info(&device).map_err(|error| format!("{device} does not say what it stamps: {error}"))?;
    let phc_index = info.phc_index.ok_or_else(|| format!("interface {device} has no PTP hardware clock"))?;
    if !stamps_both_ways(&info) {
        return Err(format!("interface {device} has a PTP hardware clock and does not stamp both ways"));
    }
    Ok(Offer { device, info, phc_index, unselected: None })
}

const fn stamps_both_ways(info: &TimestampingInfo) -> bool {
    info.can_stamp_tx_hardware() && info.can_stamp_rx_hardware()
}

/// The same of a clock that can stamp what a port over this transport needs: another one only if the selected one cannot.
fn offer_for(interface: &str, transport: Transport) -> Result<Offer, String> {
    let device = device_of(interface)?;
    let selected = offer(device.clone());
    let can = |info: &TimestampingInfo| {
        stamps_both_ways(info) && wishes(info, TxStamps::On, Some(transport)).next().is_some()
    };
    if selected.as_ref().is_ok_and(|offer| can(&offer.info)) {
        return selected;
    }
    let all = providers(&device).unwrap_or_default();
    let Some(Offered { provider, info, .. }) = all.into_iter().find(|offered| can(&offered.info)) else {
        return selected;
    };
    Ok(Offer { device, info, phc_index: provider.phc_index, unselected: Some(provider) })
}

/// The clocks that can stamp for a card (an interface with none below it), a clause; `None` if that is the selected one alone.
pub fn clocks_to_select(device: &str) -> Option<String> {
    let all = providers(device).ok().filter(|all| !all.is_empty())?;
    let selected = selected_provider(device).ok();
    let are_others = all.iter().any(|offered| Some(offered.provider) != selected);
    are_others.then(|| {
        let clocks: Vec<_> = all.iter().map(|offered| clock_in_words(offered, selected)).collect();
        format!("who can stamp for {device}: {} (`ethtool --set-hwtimestamp-cfg` selects)", clocks.join(", "))
    })
}

/// `/dev/ptp0 of PHY 1 approximately (selected)`.
fn clock_in_words(offered: &Offered, selected: Option<Provider>) -> String {
    let of = offered.phy.map_or(String::new(), |phy| format!(" of PHY {phy}"));
    let how = match offered.provider.qualifier {
        Qualifier::Precise => String::new(),
        Qualifier::Approximate => " approximately".to_owned(),
        Qualifier::Other(number) => format!(" (qualifier {number})"),
    };
    let is_selected = if Some(offered.provider) == selected { " (selected)" } else { "" };
    format!("/dev/ptp{}{of}{how}{is_selected}", offered.provider.phc_index)
}

/// Whether a card (an interface with none below it) is told to stamp all that NTP sends and hears.
pub fn stamps_ntp(device: &str) -> bool {
    hardware_timestamping(device).is_ok_and(|setting| serves(setting, None))
}

/// The kernel's number of the clock that would stamp for a port over this transport, as [`cannot_stamp`].
pub fn phc_for(interface: &str, transport: Transport) -> Option<u32> {
    offer_for(interface, transport).ok().map(|offer| offer.phc_index)
}

/// The kernel's number of the clock that stamps for an interface at the moment, if it has one.
pub fn phc_behind(interface: &str) -> Option<u32> {
    card_behind(interface).map(|(_, phc_index)| phc_index)
}

/// The same, and the interface that has the card.
pub fn card_behind(interface: &str) -> Option<(String, u32)> {
    offer(device_of(interface).ok()?).ok().map(|offer| (offer.device, offer.phc_index))
}

/// Why the card behind an interface cannot stamp what a port over this transport needs, a clause; `None` if it says that it
/// can. Nothing is set: that it does is seen only when it runs.
pub fn cannot_stamp(interface: &str, transport: Transport) -> Option<String> {
    match offer_for(interface, transport) {
        Err(reason) => Some(reason),
        Ok(Offer { device, info, .. }) => {
            let has_none = wishes(&info, TxStamps::On, Some(transport)).next().is_none();
            has_none.then(|| format!("interface {device} has no filter that this transport needs"))
        }
    }
}

/// An interface and those below it, and of each whether it is a bond. The kernel is asked once about each.
fn layers(interface: &str) -> impl Iterator<Item = (String, bool)> {
    let mut next = Some(interface.to_owned());
    let walk = std::iter::from_fn(move || {
        let name = next.take()?;
        let (is_bond, lower) = layer(&name);
        next = lower;
        Some((name, is_bond))
    });
    walk.take(LAYERS_MAX + 1)
}

/// The interface at the bottom, which has the card.
pub fn device_below(interface: &str) -> String {
    layers(interface).last().map_or_else(|| interface.to_owned(), |(device, _)| device)
}

/// When a setting that somebody else has changed is restored.
#[derive(Clone, Copy, Default, Debug)]
struct Remedy {
    last: Option<Timestamp<Mono>>,
    times: u32,
}

impl Remedy {
    /// Whether to restore now, and then whether that is a fight by now.
    fn due(&mut self, now: Timestamp<Mono>, is_changed: bool) -> Option<bool> {
        if !is_changed || self.last.is_some_and(|last| now - last < RESTORE_PAUSE) {
            return None;
        }
        let is_soon = self.last.is_some_and(|last| now - last < SOON);
        self.times = if is_soon { self.times + 1 } else { 1 };
        self.last = Some(now);
        Some(self.times >= FIGHT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UDP: Transport = Transport::Udp4;

    fn at(seconds: i64) -> Timestamp<Mono> {
        Timestamp::from_secs(1_000 + seconds)
    }

    /// Bits by the numbers of linux/net_tstamp.h.
    fn offering(rx_filters: u32) -> TimestampingInfo {
        TimestampingInfo { so_timestamping: 0x5f, phc_index: Some(0), tx_types: 0b11, rx_filters }
    }

    fn wished(rx_filters: u32, transport: Transport) -> Vec<RxFilter> {
        wishes(&offering(rx_filters), TxStamps::On, Some(transport)).map(|wish| wish.rx_filter).collect()
    }

    #[test]
    fn the_widest_filter_that_is_offered_comes_first() {
        let (all, l4, l2, event) = (1 << 1, 1 << 6, 1 << 9, 1 << 12);
        assert_eq!(wished(all | event | l4, UDP), [RxFilter::All, RxFilter::PtpV2Event, RxFilter::PtpV2L4Event]);
        assert_eq!(wished(l2 | l4, UDP), [RxFilter::PtpV2L4Event]);
        assert_eq!(wished(l2 | l4, Transport::Ethernet), [RxFilter::PtpV2L2Event]);
        assert_eq!(wished(1, UDP), []);
    }

    #[test]
    fn a_setting_serves_only_with_both_directions_and_the_transports_messages() {
        let tx = |is_on| if is_on { TxStamps::On } else { TxStamps::Off };
        let setting = |is_on, rx_filter| HardwareTimestamping { tx: tx(is_on), rx_filter };
        assert!(
            serves(setting(true, RxFilter::All), Some(UDP)) && serves(setting(true, RxFilter::PtpV2Event), Some(UDP))
        );
        assert!(!serves(setting(false, RxFilter::All), Some(UDP)), "no stamps of what is sent");
        assert!(!serves(setting(true, RxFilter::PtpV2L2Event), Some(UDP)), "of another transport");
        assert!(
            !serves(setting(true, RxFilter::None), Some(UDP)) && !serves(setting(true, RxFilter::Other(3)), Some(UDP))
        );
        let ntp =
            [RxFilter::All, RxFilter::NtpAll, RxFilter::PtpV2Event].map(|filter| serves(setting(true, filter), None));
        assert_eq!(ntp, [true, true, false], "what stamps PTP alone does not stamp NTP");
        assert_eq!(InWords(setting(true, RxFilter::PtpV2Event)).to_string(), "tx on, rx ptpv2-event");
        let one_step = HardwareTimestamping { tx: TxStamps::OneStepSync, rx_filter: RxFilter::All };
        assert!(serves(one_step, Some(UDP)) && serves(one_step, None), "what is no Sync has its stamp");
        assert_eq!(InWords(one_step).to_string(), "tx onestep-sync, rx all");
    }

    #[test]
    fn a_clock_that_can_be_selected_is_named_with_where_it_is_and_how_it_stamps() {
        let words = |phc_index, qualifier, phy| {
            let provider = Provider { phc_index, qualifier };
            let selected = Some(Provider { phc_index: 0, qualifier: Qualifier::Precise });
            clock_in_words(&Offered { provider, phy, info: offering(0) }, selected)
        };
        assert_eq!(words(0, Qualifier::Precise, None), "/dev/ptp0 (selected)");
        assert_eq!(
            words(0, Qualifier::Approximate, None),
            "/dev/ptp0 approximately",
            "the same clock at another place"
        );
        assert_eq!(words(2, Qualifier::Precise, Some(1)), "/dev/ptp2 of PHY 1");
    }

    #[test]
    fn what_another_program_changed_is_restored_at_most_every_ten_seconds_and_the_third_time_is_a_fight() {
        let mut remedy = Remedy::default();
        assert_eq!(remedy.due(at(0), false), None);
        assert_eq!(remedy.due(at(4), true), Some(false));
        assert_eq!(remedy.due(at(8), true), None, "too soon");
        assert_eq!(remedy.due(at(16), true), Some(false));
        assert_eq!(remedy.due(at(28), true), Some(true));
        assert_eq!(remedy.due(at(400), true), Some(false), "long ago");
    }

    #[test]
    fn an_interface_without_a_clock_says_so() {
        let problem = Card::set_up("lo", UDP, OneStep::Nothing).unwrap_err();
        assert_eq!(problem, "interface lo has no PTP hardware clock");
        assert_eq!(cannot_stamp("lo", UDP), Some(problem));
        assert_eq!(device_below("lo"), "lo");
        assert_eq!((clocks_to_select("lo"), phc_for("lo", UDP)), (None, None));
    }
}
