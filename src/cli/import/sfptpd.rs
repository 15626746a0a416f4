//! `sfptpd.cfg` of sfptpd (up to 3.10): `[general]`, a section for all instances of a module, one for each instance.

use std::rc::Rc;

use self::rows::{GENERAL, MODULES};
use super::document::{Document, Kind, Line, SectionId};
use super::files::{Files, Input};
use super::refclocks::clock;
use super::sections::{self, Block};
use super::table::{Importer, OtherDefault, Taken, apply, manual_defaults, manual_table, tell_defaults};
use crate::config::Value;
use crate::time::Duration;

mod rows;

/// What stands in the place of an interface that only the command line names.
const NO_INTERFACE: &str = "eth0";
/// What an instance has whose priority is not said.
const PRIORITY: i64 = 128;
/// From what offset on clocks are stepped there, unless told.
const STEP_THRESHOLD: Duration = Duration::from_millis(900);
/// The scope of the groups of IPv6 there, unless told: the link.
const IPV6_SCOPE: i64 = 2;
/// The system clock, as sfptpd names it.
const SYSTEM: &str = "system";

/// An `sfptpd.cfg` on its way.
pub struct Sfptpd {
    document: Document,
    files: Rc<dyn Files>,
    instances: Vec<Instance>,
    /// The section that is being made, of an instance that has one.
    section: Option<SectionId>,
    /// The priority of the instance that is being read.
    priority: i64,
    /// The instance that is selected by hand.
    selected: Option<(String, Line)>,
    control: Option<(Control, Line)>,
    step_threshold: Option<(Value, Line)>,
    /// The clocks that are steered, and those that are not.
    clocks: Option<Line>,
    readonly: Option<Line>,
    said: Vec<String>,
}

/// One source of a module.
#[derive(Clone, Debug)]
struct Instance {
    module: String,
    name: String,
    line: Line,
    section: Option<SectionId>,
    priority: i64,
}

/// Who may step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Control {
    Always,
    First,
    Never,
    Untouched,
}

impl Importer for Sfptpd {
    fn document(&mut self) -> &mut Document {
        &mut self.document
    }
}

/// Takes an `sfptpd.cfg` into a document; the first of `interfaces` is that of instances that name none.
pub fn import(input: &Input, interfaces: &[String], files: Rc<dyn Files>, document: Document) -> Document {
    let mut sfptpd = Sfptpd {
        document,
        files,
        instances: Vec::new(),
        section: None,
        priority: PRIORITY,
        selected: None,
        control: None,
        step_threshold: None,
        clocks: None,
        readonly: None,
        said: Vec::new(),
    };
    let mut read = sections::read(input, "#", false);
    for stray in &read.strays {
        sfptpd.document.note(Kind::Wrong, stray, "it stands in no section");
    }
    for line in read.blocks.iter_mut().flat_map(|block| &mut block.settings) {
        uncomment(line);
        sfptpd.said.push(line.name().to_owned());
    }
    let of = |name: &str| read.blocks.iter().filter(|block| block.name == name).collect::<Vec<&Block>>();
    for line in of("general").iter().flat_map(|block| &block.settings) {
        apply(GENERAL, &mut sfptpd, line);
    }
    for block in &read.blocks {
        let is_known = block.name == "general"
            || MODULES.iter().any(|(module, _)| *module == block.name)
            || sfptpd.instances.iter().any(|instance| instance.name == block.name);
        if !is_known {
            sfptpd.document.note(Kind::Unknown, &block.header, "no sync_module names such an instance");
        }
    }
    for index in 0..sfptpd.instances.len() {
        let Instance { module, name, .. } = sfptpd.instances[index].clone();
        let own = if name == module { Vec::new() } else { of(&name) };
        sfptpd.instance(index, &of(&module), &own, interfaces);
    }
    sfptpd.finish()
}

/// A comment may stand behind a setting, and inside of a word.
fn uncomment(line: &mut Line) {
    if let Some((at, end)) = line.words.iter().enumerate().find_map(|(at, word)| Some((at, word.find('#')?))) {
        line.words[at].truncate(end);
        let is_empty = line.words[at].is_empty();
        line.words.truncate(at + usize::from(!is_empty));
    }
}

impl Sfptpd {
    /// Notes instances of a module.
    fn module(&mut self, line: &Line) -> Taken {
        let module = line.needed(1, "the module")?.to_owned();
        if MODULES.iter().all(|(known, _)| *known != module) {
            return Err(format!("{module:?} is no module that is known"));
        }
        let names = if line.words.len() > 2 { &line.words[2..] } else { &line.words[1..2] };
        for name in names {
            if self.instances.iter().any(|known| known.name == *name) {
                return Err(format!("{name:?} is there twice"));
            }
            let (module, name, line) = (module.clone(), name.clone(), line.clone());
            self.instances.push(Instance { module, name, line, section: None, priority: PRIORITY });
        }
        Ok(())
    }

    /// Makes an instance of what is said of its module and of it.
    fn instance(&mut self, index: usize, common: &[&Block], own: &[&Block], interfaces: &[String]) {
        let Instance { module, name, line, .. } = self.instances[index].clone();
        let header = own.first().map_or(&line, |block| &block.header).clone();
        self.priority = PRIORITY;
        self.section = self.begin(&module, &name, &header);
        let Some((_, table)) = MODULES.iter().find(|(known, _)| *known == module) else { return };
        let own: Vec<&Line> = own.iter().flat_map(|block| &block.settings).collect();
        let common = common.iter().flat_map(|block| &block.settings);
        let common = common.filter(|line| own.iter().all(|other| other.name() != line.name()));
        for line in common.chain(own.iter().copied()) {
            apply(table, self, line);
        }
        self.instances[index].priority = self.priority;
        self.instances[index].section = self.section;
        if let Some(section) = self.section.take() {
            self.complete(&module, section, &header, interfaces);
        }
    }

    /// The section of an instance, or why it has none.
    fn begin(&mut self, module: &str, name: &str, header: &Line) -> Option<SectionId> {
        let path = match module {
            "ptp" => "ptp",
            "pps" | "gps" => "refclock",
            "ntp" | "crny" => {
                let (program, file) =
                    if module == "ntp" { ("ntpd", "/etc/ntp.conf") } else { ("chronyd", "/etc/chrony.conf") };
                let text = format!(
                    "{program} is not asked: servers are sources here, and {program} has to go; import {file} together with this"
                );
                self.document.note(Kind::Changed, header, text);
                return None;
            }
            _ => {
                let text = "a clock that nobody keeps is no source: role = \"master\" serves it as what it is";
                self.document.note(Kind::Missing, header, text);
                return None;
            }
        };
        let section = self.document.add(path, Some(header));
        if path == "refclock" {
            let kind = if module == "pps" { "pps" } else { "gpsd" };
            self.document.set_in(section, "kind", Value::Word(kind), None);
            self.document.set_in(section, "name", Value::Text(name.to_owned()), None);
        }
        Some(section)
    }

    /// What follows from all that is said of an instance.
    fn complete(&mut self, module: &str, section: SectionId, header: &Line, interfaces: &[String]) {
        let option = match module {
            "ptp" => "interface",
            "pps" => "phc",
            _ => return,
        };
        if self.document.value_in(section, option).is_none() {
            let name = interfaces.first().map_or(NO_INTERFACE, String::as_str).to_owned();
            self.document.set_in(section, option, Value::Text(name), None);
            if interfaces.is_empty() {
                self.document.draft(section);
                let text =
                    "it names no interface, which sfptpd is told by -i: complete the section, or say --interface";
                self.document.note(Kind::Wrong, header, text);
            }
        }
        let is_ipv6 = self.document.value_in(section, "transport") == Some(&Value::Word("udp6"));
        if is_ipv6 && self.document.value_in(section, "udp6_scope").is_none() {
            self.document.set_in(section, "udp6_scope", Value::Integer(IPV6_SCOPE), None);
        }
    }

    fn set(&mut self, path: &'static str, value: Value, line: &Line) -> Taken {
        self.document.set(path, value, Some(line));
        Ok(())
    }

    /// Sets an option of the instance that is being read.
    fn set_own(&mut self, name: &'static str, value: Value, line: &Line) -> Taken {
        if let Some(section) = self.section {
            self.document.set_in(section, name, value, Some(line));
        }
        Ok(())
    }

    /// What is made of several settings together.
    fn finish(mut self) -> Document {
        if self.instances.is_empty() {
            let text = "no source is named: sfptpd then keeps the clocks together, and nothing else";
            self.document.note_of(Kind::Wrong, "without sync_module", text);
        }
        self.prefer();
        self.steps();
        self.steered();
        let said = std::mem::take(&mut self.said);
        tell_defaults(DEFAULTS, &mut self.document, &|name| said.iter().any(|said| said == name));
        self.document
    }

    /// Who is selected by hand is preferred, else those of the least number, if numbers differ.
    fn prefer(&mut self) {
        let selected = self.selected.take();
        if let Some((name, line)) = &selected
            && self.instances.iter().all(|instance| instance.name != *name)
        {
            self.document.note(Kind::Wrong, line, format!("no sync_module names an instance {name:?}"));
        }
        let priorities = self.instances.iter().map(|instance| instance.priority);
        let (least, most) = (priorities.clone().min(), priorities.max());
        for instance in &self.instances {
            let Some(section) = instance.section else { continue };
            let is_preferred = match &selected {
                Some((name, _)) => instance.name == *name,
                None => least != most && Some(instance.priority) == least,
            };
            // Who only serves is no source.
            let is_serving = self.document.value_in(section, "role") == Some(&Value::Word("master"));
            if is_preferred && !is_serving {
                let line = selected.as_ref().map(|(_, line)| line);
                self.document.set_in(section, "prefer", Value::Switch(true), line);
            }
        }
    }

    fn steps(&mut self) {
        let control = self.control.clone();
        let threshold = self.step_threshold.take();
        if control.is_none() && threshold.is_none() {
            return;
        }
        let from = threshold.as_ref().map(|(_, line)| line.clone());
        let value = threshold.map_or(Value::Duration(STEP_THRESHOLD), |(value, _)| value);
        let by = control.as_ref().map(|(_, line)| line.clone());
        let [first, later] = match control.map_or(Control::Always, |(control, _)| control) {
            Control::Always => [true, true],
            Control::First => [true, false],
            Control::Never => [false, false],
            Control::Untouched => return,
        };
        for (path, may) in [("clock.step.first", first), ("clock.step.later", later)] {
            let (value, line) =
                if may { (value.clone(), from.as_ref().or(by.as_ref())) } else { (Value::Word("never"), by.as_ref()) };
            self.document.set(path, value, line);
        }
    }

    /// The clocks that are kept right: all that are not left out.
    fn steered(&mut self) {
        if let Some((Control::Untouched, line)) = self.control.take() {
            self.document.set("clock.system", Value::Word("observe"), Some(&line));
            self.document.set("clock.phc", Value::Word("none"), Some(&line));
            return;
        }
        let names = |line: &Option<Line>| line.as_ref().map_or(Vec::new(), |line| line.words[1..].to_vec());
        let (listed, readonly) = (names(&self.clocks), names(&self.readonly));
        let is_system = (self.clocks.is_none() || listed.iter().any(|name| name == SYSTEM))
            && readonly.iter().all(|name| name != SYSTEM);
        let (word, line) = if is_system {
            ("discipline", self.clocks.as_ref())
        } else {
            ("observe", self.readonly.as_ref().or(self.clocks.as_ref()))
        };
        self.document.set("clock.system", Value::Word(word), line);
        let Some(line) = self.clocks.clone() else {
            self.document.set("clock.phc", Value::Word("all"), None);
            if let Some(line) = self.readonly.as_ref().filter(|_| readonly.iter().any(|name| name != SYSTEM)) {
                let text = "clock.phc names the cards' clocks that are steered: leave these out";
                self.document.note(Kind::Missing, line, text);
            }
            return;
        };
        let mut cards: Vec<String> = Vec::new();
        for name in listed.iter().filter(|name| *name != SYSTEM && !readonly.contains(name)) {
            match self.card(name) {
                Ok(card) if cards.contains(&card) => {}
                Ok(card) => cards.push(card),
                Err(why) => self.document.note(Kind::Wrong, &line, why),
            }
        }
        let value = if cards.is_empty() { Value::Word("none") } else { Value::Clocks(cards) };
        self.document.set("clock.phc", value, Some(&line));
    }

    /// A card's clock by what sfptpd calls it: `phc0`, or an interface.
    fn card(&self, name: &str) -> Result<String, String> {
        if name.contains(':') {
            return Err(format!("{name}: name an interface of that card, or its clock_name (`synchronome phc list`)"));
        }
        match name.strip_prefix("phc").filter(|number| number.bytes().all(|digit| digit.is_ascii_digit())) {
            Some(number) => clock(&format!("/dev/ptp{number}"), self.files.as_ref()),
            None => Ok(name.to_owned()),
        }
    }
}

/// What sfptpd does where its file says nothing, and we do something else.
pub const DEFAULTS: &[OtherDefault] = &[
    OtherDefault {
        unless: &["clock_control", "step_threshold"],
        needs: None,
        text: "sfptpd steps whenever it is off by 0.9 s or more; here the first correction alone may be a step, of any size: clock.step.first and later = \"900ms\" are as there",
    },
    OtherDefault {
        unless: &["clock_list"],
        needs: None,
        text: "sfptpd keeps the clocks of all cards; here clock.phc = \"all\" are those of the [[ptp]] ports: name others in a list",
    },
    OtherDefault {
        unless: &["ptp_network_mode"],
        needs: Some("ptp"),
        text: "sfptpd asks the master by unicast, and all where he does not answer; here ptp.hybrid = true is as there",
    },
    OtherDefault {
        unless: &["ptp_announce_timeout"],
        needs: Some("ptp"),
        text: "sfptpd gives a master up after 6 silent intervals; here ptp.announce_receipt_timeout is 3",
    },
    OtherDefault {
        unless: &["ptp_version"],
        needs: Some("ptp"),
        text: "sfptpd sends PTP 2.0; here ptp.minor_version is 1: 0 is as there",
    },
];

/// Whether a text is such a file.
pub fn is_meant(text: &str) -> bool {
    text.lines().any(|line| line.split_whitespace().next() == Some("sync_module"))
}

/// What the manual says of all this.
pub fn manual() -> String {
    let mut text =
        ["\n## sfptpd.cfg\n".to_owned(), manual_defaults(DEFAULTS), manual_table("In `[general]`:", GENERAL)].concat();
    for (module, table) in MODULES {
        text += &manual_table(&format!("In `[{module}]`, and in the sections of its instances:"), table);
    }
    text
}
