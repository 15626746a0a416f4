//! `ptp4l.conf` of linuxptp (up to 4.4): `[global]`, a section for each port, tables of unicast masters.

use super::document::{Document, Kind, Line, SectionId};
use super::files::Input;
use super::sections::{self, Block};
use super::table::{
    Importer, OtherDefault, Row, Taken, apply, changed, manual_defaults, manual_table, missing, needless, same,
    tell_defaults,
};
use super::text::{duration, frequency, integer, number, threshold};
use crate::config::Value;

mod profile;
pub mod rows;

pub use rows::{CLOCK, PORT};

/// What stands in the place of an interface that only the command line names.
const NO_INTERFACE: &str = "eth0";

/// What ptp4l is told, on its way.
#[derive(Default)]
pub struct Ptp4l {
    document: Document,
    /// `[global]`, and what the command line says.
    global: Vec<Line>,
    /// Each port with what is its own.
    ports: Vec<(String, Option<Line>, Vec<Line>)>,
    /// Ports that the reader has to name, and why.
    nameless: Vec<(Option<Line>, String)>,
    tables: Vec<Table>,
    /// The port that is being made.
    port: Option<Port>,
    said: Vec<String>,
    of_clock: OfClock,
}

/// Masters that a port may ask.
#[derive(Clone, Debug, Default)]
struct Table {
    id: i64,
    masters: Vec<(String, Line)>,
}

/// A port on its way.
#[derive(Clone, Debug)]
struct Port {
    section: SectionId,
    is_server_only: bool,
    table: Option<(i64, Line)>,
    listens: Option<Line>,
    is_as_measured: Option<Line>,
    is_as_assumed: bool,
    is_power: bool,
    /// msg_interval_request, and the intervals that it is about: of Sync and of Pdelay_Req.
    asks: Option<Line>,
    operational: [Option<i64>; 2],
}

/// What is said of the clock as a whole.
#[derive(Clone, Debug, Default)]
struct OfClock {
    proportional: Option<(f64, Line)>,
    integral: Option<(f64, Line)>,
    is_client_only: bool,
    is_software: bool,
    is_free: bool,
}

impl Importer for Ptp4l {
    fn document(&mut self) -> &mut Document {
        &mut self.document
    }
}

/// Takes a `ptp4l.conf` into a document.
pub fn import(input: &Input, interfaces: &[String], document: Document) -> Document {
    let mut ptp4l = Ptp4l { document, ..Ptp4l::default() };
    ptp4l.file(input);
    for name in interfaces {
        ptp4l.port_of(name, None, Vec::new());
    }
    ptp4l.finish()
}

impl Ptp4l {
    /// Reads a file.
    pub fn file(&mut self, input: &Input) {
        let read = sections::read(input, "#", false);
        for stray in &read.strays {
            self.document.note(Kind::Wrong, stray, "it stands in no section: [global], or a port's");
        }
        read.blocks.into_iter().for_each(|block| self.block(block));
    }

    /// Takes a section of a file.
    pub fn block(&mut self, block: Block) {
        match block.name.as_str() {
            "global" => self.global.extend(block.settings),
            "unicast_master_table" => self.table(block),
            port => self.port_of(port, Some(&block.header), block.settings),
        }
    }

    /// Settings that somebody else sees to: of their defaults nothing is to tell.
    pub fn meant(&mut self, names: &[&str]) {
        self.said.extend(names.iter().map(|name| (*name).to_owned()));
    }

    /// Says something of all ports, as from the command line; what the file says of it counts less.
    pub fn say(&mut self, line: Line) {
        self.global.retain(|known| known.name() != line.name());
        self.global.push(line);
    }

    /// Adds a port with what is its own, or adds to one.
    pub fn port_of(&mut self, name: &str, line: Option<&Line>, settings: Vec<Line>) {
        match self.ports.iter_mut().find(|(known, _, _)| known == name) {
            Some((_, _, known)) => known.extend(settings),
            None => self.ports.push((name.to_owned(), line.cloned(), settings)),
        }
    }

    /// Adds a port that is for the reader to name, and says why.
    pub fn nameless(&mut self, line: &Line, why: String) {
        self.nameless.push((Some(line.clone()), why));
    }

    /// Whether no port was said, not even one without a name.
    pub fn has_no_port(&self) -> bool {
        self.ports.is_empty() && self.nameless.is_empty()
    }

    fn table(&mut self, block: Block) {
        let mut table = Table::default();
        for line in block.settings {
            match line.name() {
                "table_id" => match line.needed(1, "the number").and_then(integer) {
                    Ok(id) => table.id = id,
                    Err(why) => self.document.note(Kind::Wrong, &line, why),
                },
                "logQueryInterval" => {
                    self.document.note(
                        Kind::Missing,
                        &line,
                        "a master is asked again each second at first, and then less often",
                    );
                }
                "UDPv4" | "UDPv6" => match line.needed(1, "the address") {
                    Ok(address) => table.masters.push((address.to_owned(), line.clone())),
                    Err(why) => self.document.note(Kind::Wrong, &line, why),
                },
                "L2" => self.document.note(Kind::Missing, &line, "masters are asked by UDP only"),
                "peer_address" => {
                    self.document.note(
                        Kind::Missing,
                        &line,
                        "a neighbour is asked by the group's address, not by unicast",
                    );
                }
                _ => self.document.note(Kind::Unknown, &line, ""),
            }
        }
        self.tables.push(table);
    }

    fn set(&mut self, path: &'static str, value: Value, line: &Line) -> Taken {
        self.document.set(path, value, Some(line));
        Ok(())
    }

    fn set_port(&mut self, name: &'static str, value: Value, line: &Line) -> Taken {
        if let Some(port) = &self.port {
            self.document.set_in(port.section, name, value, Some(line));
        }
        Ok(())
    }

    fn with_port(&mut self, change: impl FnOnce(&mut Port)) -> Taken {
        if let Some(port) = &mut self.port {
            change(port);
        }
        Ok(())
    }

    /// What is made of all of it together.
    pub fn finish(mut self) -> Document {
        let global = std::mem::take(&mut self.global);
        let ports = std::mem::take(&mut self.ports);
        let lines = global.iter().chain(ports.iter().flat_map(|port| &port.2));
        self.said.extend(lines.map(|line| line.name().to_owned()));
        for line in global.iter().filter(|line| !rows::goes_without_saying(line)) {
            if PORT.iter().all(|row| row.name != line.name()) {
                apply(CLOCK, &mut self, line);
            }
        }
        let mut nameless = std::mem::take(&mut self.nameless);
        if ports.is_empty() && nameless.is_empty() {
            let text =
                "the file names no port, which ptp4l is told by -i: complete the [[ptp]] section, or say --interface";
            nameless.push((None, text.to_owned()));
        }
        for (line, why) in nameless {
            let section = self.document.add("ptp", line.as_ref());
            self.document.set_in(section, "interface", Value::Text(NO_INTERFACE.to_owned()), None);
            self.document.draft(section);
            match &line {
                Some(line) => self.document.note(Kind::Wrong, line, why),
                None => self.document.note_of(Kind::Wrong, "without a port's section", why),
            }
            self.port(section, &global, &[]);
        }
        for (name, header, own) in &ports {
            let section = self.document.add("ptp", header.as_ref());
            self.document.set_in(section, "interface", Value::Text(name.clone()), header.as_ref());
            self.port(section, &global, own);
        }
        self.clock(&global);
        let said = std::mem::take(&mut self.said);
        tell_defaults(DEFAULTS, &mut self.document, &|name| said.iter().any(|said| said == name));
        self.document
    }

    /// Makes a port of what is said of all and of it.
    fn port(&mut self, section: SectionId, global: &[Line], own: &[Line]) {
        self.port = Some(Port {
            section,
            is_server_only: false,
            table: None,
            listens: None,
            is_as_measured: None,
            is_as_assumed: false,
            is_power: false,
            asks: None,
            operational: [None; 2],
        });
        let is_of_port = |line: &&Line| PORT.iter().any(|row| row.name == line.name());
        let overridden = |line: &&Line| own.iter().any(|other| other.name() == line.name());
        let says_something = |line: &&Line| !rows::goes_without_saying(line);
        for line in global.iter().filter(is_of_port).filter(|line| !overridden(line)).filter(says_something) {
            apply(PORT, self, line);
        }
        for line in own.iter().filter(says_something) {
            if CLOCK.iter().any(|row| row.name == line.name()) {
                self.document.note(Kind::Wrong, line, "it is of the clock, and stands in [global]");
            } else {
                apply(PORT, self, line);
            }
        }
        let Some(port) = self.port.take() else { return };
        let role = match (self.of_clock.is_client_only, port.is_server_only) {
            (true, _) => "slave",
            (false, true) => "master",
            (false, false) => "auto",
        };
        self.document.set_in(section, "role", Value::Word(role), None);
        self.unicast(&port, role);
        if let Some(line) = &port.asks {
            for (name, said) in ["oper_sync_interval", "oper_pdelay_req_interval"].into_iter().zip(port.operational) {
                self.document.set_in(section, name, Value::Integer(said.unwrap_or(0)), Some(line));
            }
        }
        let said = profile::Said {
            follow_up_info: port.is_as_measured.as_ref(),
            is_power: port.is_power,
            is_expedited: global.iter().any(|line| line.name() == "dscp_event" && line.argument(1) == Some("46")),
        };
        profile::detect(&mut self.document, section, &said);
        if port.is_as_assumed {
            self.document.set_in(section, "as_capable", Value::Switch(false), None);
        }
    }

    fn unicast(&mut self, port: &Port, role: &'static str) {
        let section = port.section;
        if let Some((id, line)) = port.table.clone().filter(|(id, _)| *id != 0) {
            let table = self.tables.iter().find(|table| table.id == id).cloned();
            match table {
                None => self.document.note(
                    Kind::Wrong,
                    &line,
                    format!("there is no [unicast_master_table] of table_id {id}"),
                ),
                Some(_) if role == "master" => {
                    self.document.note(Kind::Wrong, &line, "a port that only serves asks nobody");
                }
                Some(table) => {
                    let mut masters = Vec::new();
                    for (text, line) in table.masters {
                        match text.parse::<std::net::IpAddr>() {
                            Ok(address) if !masters.contains(&address) => masters.push(address),
                            Ok(_) => {}
                            Err(_) => self.document.note(Kind::Wrong, &line, format!("{text:?} is not an IP address")),
                        }
                    }
                    if !masters.is_empty() {
                        self.document.set_in(section, "unicast_masters", Value::Addresses(masters), Some(&line));
                        // Masters that are asked are sent Delay_Req alone anyway.
                        if self.document.value_in(section, "hybrid").is_some() {
                            self.document.set_in(section, "hybrid", Value::Switch(false), None);
                        }
                    }
                }
            }
        }
        if let Some(line) = port.listens.as_ref().filter(|_| role != "slave") {
            self.document.set_in(section, "unicast_clients", Value::Integer(rows::UNICAST_CLIENTS), Some(line));
            let text = format!("up to {} clients here; ptp4l has no limit", rows::UNICAST_CLIENTS);
            self.document.note(Kind::Changed, line, text);
        }
    }

    /// Whose clocks are steered, and by which servo.
    fn clock(&mut self, global: &[Line]) {
        if self.of_clock.is_free {
            self.document.set("clock.phc", Value::Word("none"), None);
            self.document.set("clock.system", Value::Word("observe"), None);
        } else if self.of_clock.is_software {
            self.document.set("clock.system", Value::Word("discipline"), None);
        } else {
            self.document.set("clock.phc", Value::Word("all"), None);
        }
        let sync = global.iter().rfind(|line| line.name() == "logSyncInterval").and_then(|line| line.argument(1));
        let interval = sync.and_then(|log| log.parse::<i32>().ok()).unwrap_or(0).clamp(-20, 20);
        let said = std::mem::take(&mut self.of_clock);
        rows::set_gains(&mut self.document, said.proportional, said.integral, f64::from(interval).exp2());
    }
}

/// Tells who steers the system clock, where nobody has said that anybody does.
pub fn tell_system(document: &mut Document) {
    if document.value("clock.system").is_none() {
        let text = "ptp4l steers the cards' clocks alone, and phc2sys the system clock: import its options too, or say \
                    clock.system = \"discipline\" for both";
        document.note_of(Kind::Changed, "without phc2sys", text);
    }
}

/// What ptp4l does where its file says nothing, and we do something else.
pub const DEFAULTS: &[OtherDefault] = &[
    OtherDefault {
        unless: &["time_stamping"],
        needs: None,
        text: "ptp4l wants the card's stamps and fails without; here ptp.timestamps is \"auto\": the kernel's where the card has none",
    },
    OtherDefault {
        unless: &["first_step_threshold"],
        needs: None,
        text: "ptp4l slews what is off by less than 20 us at the start; here the first correction may be a step of any size: clock.step.first = \"20us\" is as there",
    },
    OtherDefault {
        unless: &["clock_servo"],
        needs: None,
        text: "ptp4l has a PI servo; here the servo \"estimator\" learns the noise, and servo.kind = \"pi\" is as there",
    },
    OtherDefault {
        unless: &["uds_address"],
        needs: None,
        text: "ptp4l answers pmc on /var/run/ptp4l; here observe.ptp_management names that socket",
    },
    OtherDefault {
        unless: &["unicast_req_duration"],
        needs: Some("ptp.unicast_masters"),
        text: "ptp4l asks a unicast master for an hour; here ptp.unicast_duration is 300 s",
    },
];

/// Whether a setting is one of `ptp4l.conf`.
pub fn knows(name: &str) -> bool {
    CLOCK.iter().chain(PORT).any(|row| row.name == name)
}

/// What the manual says of all this.
pub fn manual() -> String {
    [
        "\n## ptp4l.conf\n".to_owned(),
        manual_defaults(DEFAULTS),
        manual_table("Of the clock, in `[global]`:", CLOCK),
        manual_table("Of a port, in its section or for all in `[global]`:", PORT),
    ]
    .concat()
}
