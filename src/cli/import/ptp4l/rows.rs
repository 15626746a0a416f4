//! The settings of `ptp4l.conf`, row by row.

use super::super::document::{Document, Kind};
use super::{
    Line, Ptp4l, Row, Taken, Value, changed, duration, frequency, integer, missing, needless, number, same, threshold,
};
use crate::time::Duration;

/// So many clients a unicast master has, where ptp4l has no limit.
pub const UNICAST_CLIENTS: i64 = 1_000;
/// The longest contract that a master is asked for here.
const UNICAST_DURATION_MAX: Duration = Duration::from_secs(1_000);
/// The largest frequency correction that is an option here, in ppb.
const FREQUENCY_MAX_PPB: f64 = 1e8;

fn is_on(line: &Line) -> Result<bool, String> {
    Ok(integer(line.needed(1, "0 or 1")?)? != 0)
}

fn integer_in(line: &Line) -> Result<Value, String> {
    integer(line.needed(1, "the number")?).map(Value::Integer)
}

fn nanoseconds(line: &Line) -> Result<Value, String> {
    duration(line.needed(1, "the nanoseconds")?, "ns").map(Value::Duration)
}

/// The gains of a PI servo that is asked so often, interval in seconds; there the integral one is of each sample.
pub fn set_gains(
    document: &mut Document,
    proportional: Option<(f64, Line)>,
    integral: Option<(f64, Line)>,
    interval: f64,
) {
    if let Some((gain, line)) = proportional {
        document.set("servo.kind", Value::Word("pi"), None);
        document.set("servo.proportional", Value::Float(gain), Some(&line));
    }
    if let Some((gain, line)) = integral {
        document.set("servo.kind", Value::Word("pi"), None);
        document.set("servo.integral", Value::Float(gain / interval), Some(&line));
    }
}

/// The largest correction in ppb; one that we cannot have is as good as none.
pub fn set_max_frequency(document: &mut Document, line: &Line) -> Taken {
    let text = line.needed(1, "the ppb")?;
    if number(text)? >= FREQUENCY_MAX_PPB {
        document.note(
            Kind::Needless,
            line,
            "the card's or the kernel's own limit is less: clock.max_frequency is 500 ppm unless it is set",
        );
        return Ok(());
    }
    document.set("clock.max_frequency", frequency(text, "ppb")?, Some(line));
    Ok(())
}

/// syslog's levels.
pub fn set_log(document: &mut Document, line: &Line) -> Taken {
    let word = match integer(line.needed(1, "the level")?)? {
        ..=3 => "error",
        4 => "warn",
        5 | 6 => "info",
        7.. => "debug",
    };
    document.set("observe.log", Value::Word(word), Some(line));
    Ok(())
}

fn client_only(ptp4l: &mut Ptp4l, line: &Line) -> Taken {
    ptp4l.of_clock.is_client_only = is_on(line)?;
    Ok(())
}

fn server_only(ptp4l: &mut Ptp4l, line: &Line) -> Taken {
    let is_on = is_on(line)?;
    ptp4l.with_port(|port| port.is_server_only = is_on)
}

const fn logs(name: &'static str) -> Row<Ptp4l> {
    needless(name, "the log goes to stderr, and so to the journal")
}

const fn name_plate(name: &'static str) -> Row<Ptp4l> {
    missing(name, "what it says of itself by management is fixed")
}

const fn filter(name: &'static str) -> Row<Ptp4l> {
    missing(
        name,
        "the servo \"estimator\" learns the noise of path and oscillator; servo.proportional and servo.integral are gains of \"pi\"",
    )
}

const fn of_fixed_roles(name: &'static str) -> Row<Ptp4l> {
    needless(name, "so it is where the role is fixed (BMCA noop: ptp.static_role)")
}

const fn fixed(name: &'static str) -> Row<Ptp4l> {
    missing(name, "it is measured, or what the standard says")
}

/// Settings of the clock: they stand in `[global]` only.
pub const CLOCK: &[Row<Ptp4l>] = &[
    same("slaveOnly", "ptp.role", client_only),
    same("clientOnly", "ptp.role", client_only),
    same("priority1", "clock.ptp.priority1", |p, line| p.set("clock.ptp.priority1", integer_in(line)?, line)),
    same("priority2", "clock.ptp.priority2", |p, line| p.set("clock.ptp.priority2", integer_in(line)?, line)),
    changed(
        "clockClass",
        "clock.ptp.class",
        |p, line| match integer(line.needed(1, "the class")?)? {
            // The default, and the class of who only follows.
            248 | 255 => Ok(()),
            class => p.set("clock.ptp.class", Value::Integer(class), line),
        },
        "the class while the clock is synchronised; 248 and 255 are not taken: what steers says which it is",
    ),
    fixed("clockAccuracy"),
    fixed("offsetScaledLogVariance"),
    fixed("timeSource"),
    same("G.8275.defaultDS.localPriority", "clock.ptp.local_priority", |p, line| {
        p.set("clock.ptp.local_priority", integer_in(line)?, line)
    }),
    missing("maxStepsRemoved", "a master is believed up to 255 steps, as the standard says"),
    changed(
        "gmCapable",
        "clock.ptp.priority1",
        |p, line| {
            if is_on(line)? { Ok(()) } else { p.set("clock.ptp.priority1", Value::Integer(255), line) }
        },
        "0: who is not to be grandmaster has priority1 255; role = \"slave\" never is",
    ),
    changed(
        "free_running",
        "clock.phc, clock.system",
        |p, line| {
            p.of_clock.is_free = is_on(line)?;
            Ok(())
        },
        "clocks are measured and not touched",
    ),
    same("clock_type", "ptp.role", |p, line| {
        match line.needed(1, "the type")? {
            "OC" | "BC" => {}
            "E2E_TC" | "P2P_TC" => {
                p.document.note(
                    Kind::Missing,
                    line,
                    "there is no transparent clock: several [[ptp]] ports are a boundary clock",
                );
            }
            other => return Err(format!("{other:?} is no type of clock")),
        }
        Ok(())
    }),
    needless("boundary_clock_jbod", "cards with clocks of their own are kept together: clock.phc"),
    same("clock_servo", "servo.kind", |p, line| {
        match line.needed(1, "the servo")? {
            "pi" => p.document.note(
                Kind::Changed,
                line,
                "the servo \"estimator\" needs no tuning: servo.kind = \"pi\" is as there",
            ),
            "nullf" => return p.set("servo.hold", Value::Switch(true), line),
            _ => p.document.note(
                Kind::Missing,
                line,
                "the servo is \"estimator\" or \"pi\"; other programs are not handed the time",
            ),
        }
        Ok(())
    }),
    changed(
        "pi_proportional_const",
        "servo.kind, servo.proportional",
        |p, line| {
            let gain = number(line.needed(1, "the gain")?)?;
            p.of_clock.proportional = Some((gain, line.clone())).filter(|_| gain > 0.0);
            Ok(())
        },
        "0 is a table of gains, and the servo \"estimator\" here",
    ),
    changed(
        "pi_integral_const",
        "servo.kind, servo.integral",
        |p, line| {
            let gain = number(line.needed(1, "the gain")?)?;
            p.of_clock.integral = Some((gain, line.clone())).filter(|_| gain > 0.0);
            Ok(())
        },
        "in 1/s^2: there it is of each sample, and so divided by the sync interval; 0 is the servo \"estimator\" here",
    ),
    filter("pi_proportional_scale"),
    filter("pi_proportional_exponent"),
    filter("pi_proportional_norm_max"),
    filter("pi_integral_scale"),
    filter("pi_integral_exponent"),
    filter("pi_integral_norm_max"),
    filter("servo_offset_threshold"),
    filter("servo_num_offset_values"),
    filter("write_phase_mode"),
    filter("freq_est_interval"),
    filter("local_freq_est_interval"),
    same("step_threshold", "clock.step.later", |p, line| {
        let value = threshold(line.needed(1, "the seconds")?)?;
        p.set("clock.step.later", value, line)
    }),
    same("first_step_threshold", "clock.step.first", |p, line| {
        let value = threshold(line.needed(1, "the seconds")?)?;
        p.set("clock.step.first", value, line)
    }),
    missing("step_window", "an offset is believed when the sources agree on it"),
    same("max_frequency", "clock.max_frequency", |p, line| set_max_frequency(&mut p.document, line)),
    missing("sanity_freq_limit", "who else steers the clock is found by itself, and told"),
    missing("ntpshm_segment", "the time is not handed to ntpd or chronyd: NTP is served here ([ntp.server])"),
    missing("refclock_sock_address", "the time is not handed to ntpd or chronyd: NTP is served here ([ntp.server])"),
    same("kernel_leap", "clock.leap", |p, line| {
        let word = if is_on(line)? { "kernel" } else { "slew" };
        p.set("clock.leap", Value::Word(word), line)
    }),
    needless(
        "tx_timestamp_timeout",
        "nobody waits for a stamp: it is used when it comes, and counted as late or missing",
    ),
    missing("check_fup_sync", "stamps that a driver gives to the wrong message are found by their order"),
    missing("tc_spanning_tree", "there is no transparent clock"),
    missing(
        "utc_offset",
        "TAI - UTC is from clock.leap_file, the kernel and the grandmaster: clock.utc_offset says whose counts",
    ),
    same("uds_address", "observe.ptp_management", |p, line| {
        let path = line.needed(1, "the path")?.to_owned();
        p.set("observe.ptp_management", Value::Text(path), line)
    }),
    missing("uds_file_mode", "GET is for everybody, SET for root and the daemon's user"),
    missing("uds_ro_address", "GET is for everybody on the one socket"),
    missing("uds_ro_file_mode", "GET is for everybody on the one socket"),
    same("logging_level", "observe.log", |p, line| set_log(&mut p.document, line)),
    logs("verbose"),
    logs("use_syslog"),
    logs("message_tag"),
    missing("summary_interval", "`synchronome status` and metrics have rms and maximum"),
    name_plate("productDescription"),
    name_plate("revisionData"),
    name_plate("userDescription"),
    name_plate("manufacturerIdentity"),
    missing("default_priority", "nobody changes it meanwhile"),
    missing("slave_event_monitor", "metrics and `synchronome record` are for that"),
    missing("sa_file", "keys of PTP messages are not there yet"),
    missing("initial_delay", "the path delay is measured before the first correction"),
];

/// Settings of a port: in its section, or for all ports in `[global]`.
pub const PORT: &[Row<Ptp4l>] = &[
    same("twoStepFlag", "ptp.two_step", |p, line| p.set_port("two_step", Value::Switch(is_on(line)?), line)),
    same("domainNumber", "ptp.domain", |p, line| p.set_port("domain", integer_in(line)?, line)),
    same("clockIdentity", "ptp.clock_identity", |p, line| {
        let text = line.needed(1, "the identity")?;
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
        let number = u64::from_str_radix(&digits, 16).map_err(|_| format!("{text:?} is no clock identity"))?;
        if number == 0 { Ok(()) } else { p.set_port("clock_identity", Value::Identity(number.to_be_bytes()), line) }
    }),
    same("masterOnly", "ptp.role", server_only),
    same("serverOnly", "ptp.role", server_only),
    same("network_transport", "ptp.transport", |p, line| {
        let word = match line.needed(1, "the transport")? {
            "UDPv4" => "udp4",
            "UDPv6" => "udp6",
            "L2" => "ethernet",
            other => return Err(format!("{other:?} is no transport that is known")),
        };
        p.set_port("transport", Value::Word(word), line)
    }),
    same("delay_mechanism", "ptp.delay", |p, line| {
        let word = match line.needed(1, "the mechanism")? {
            "E2E" | "e2e" => "e2e",
            "P2P" | "p2p" => "p2p",
            "Auto" | "auto" => {
                p.document.note(Kind::Changed, line, "it starts with the way to the master, and stays there");
                "e2e"
            }
            other => {
                p.document.note(
                    Kind::Missing,
                    line,
                    format!("{other}: the path delay is measured by Delay_Req or by Pdelay_Req"),
                );
                return Ok(());
            }
        };
        p.set_port("delay", Value::Word(word), line)
    }),
    same("time_stamping", "ptp.timestamps", |p, line| {
        let word = match line.needed(1, "the mode")? {
            "hardware" => "hardware",
            "software" => {
                p.of_clock.is_software = true;
                "software"
            }
            "legacy" => return Err("the old ioctl of cards is not used".to_owned()),
            "onestep" | "p2p1step" => {
                p.set_port("two_step", Value::Switch(false), line)?;
                "hardware"
            }
            other => return Err(format!("{other:?} is no mode")),
        };
        p.set_port("timestamps", Value::Word(word), line)
    }),
    same("transportSpecific", "ptp.sdo_id", |p, line| {
        let text = line.needed(1, "the number")?;
        let number = match text.strip_prefix("0x") {
            Some(digits) => i64::from_str_radix(digits, 16).map_err(|_| format!("{text:?} is not a number"))?,
            None => integer(text)?,
        };
        p.set_port("sdo_id", Value::Integer(number.saturating_mul(256)), line)
    }),
    same("ptp_dst_mac", "ptp.ethernet_group", |p, line| {
        let word = match line.needed(1, "the address")?.to_ascii_lowercase().as_str() {
            "01:1b:19:00:00:00" => "forwardable",
            "01:80:c2:00:00:0e" => "link",
            _ => return Err("only the two groups of the standard are there".to_owned()),
        };
        p.set_port("ethernet_group", Value::Word(word), line)
    }),
    needless("p2p_dst_mac", "Pdelay messages go to 01-80-C2-00-00-0E"),
    same("udp6_scope", "ptp.udp6_scope", |p, line| {
        let text = line.needed(1, "the scope")?;
        let digits = text.trim_start_matches("0x").trim_start_matches("0X");
        let radix = if digits.len() == text.len() { 10 } else { 16 };
        let scope = i64::from_str_radix(digits, radix).map_err(|_| format!("{text:?} is not a number"))?;
        p.set_port("udp6_scope", Value::Integer(scope), line)
    }),
    same("udp_ttl", "ptp.hop_limit", |p, line| p.set_port("hop_limit", integer_in(line)?, line)),
    same("dscp_event", "ptp.dscp_event", |p, line| p.set_port("dscp_event", integer_in(line)?, line)),
    same("dscp_general", "ptp.dscp_general", |p, line| p.set_port("dscp_general", integer_in(line)?, line)),
    same("socket_priority", "ptp.socket_priority", |p, line| p.set_port("socket_priority", integer_in(line)?, line)),
    same("logAnnounceInterval", "ptp.announce_interval", |p, line| {
        p.set_port("announce_interval", integer_in(line)?, line)
    }),
    same("logSyncInterval", "ptp.sync_interval", |p, line| p.set_port("sync_interval", integer_in(line)?, line)),
    same("logMinDelayReqInterval", "ptp.delay_req_interval", |p, line| {
        p.set_port("delay_req_interval", integer_in(line)?, line)
    }),
    same("logMinPdelayReqInterval", "ptp.pdelay_req_interval", |p, line| {
        p.set_port("pdelay_req_interval", integer_in(line)?, line)
    }),
    same("announceReceiptTimeout", "ptp.announce_receipt_timeout", |p, line| {
        p.set_port("announce_receipt_timeout", integer_in(line)?, line)
    }),
    missing("syncReceiptTimeout", "a master whose Sync ends is left by what is known of its interval"),
    missing("delay_response_timeout", "a Delay_Resp that does not come is counted, and others are asked for"),
    same("delayAsymmetry", "ptp.delay_asymmetry", |p, line| p.set_port("delay_asymmetry", nanoseconds(line)?, line)),
    same("ingressLatency", "ptp.ingress_latency", |p, line| p.set_port("ingress_latency", nanoseconds(line)?, line)),
    same("egressLatency", "ptp.egress_latency", |p, line| p.set_port("egress_latency", nanoseconds(line)?, line)),
    same("neighborPropDelayThresh", "ptp.neighbor_delay_max", |p, line| {
        p.set_port("neighbor_delay_max", nanoseconds(line)?, line)
    }),
    changed(
        "min_neighbor_prop_delay",
        "ptp.neighbor_delay_min",
        |p, line| match nanoseconds(line)? {
            Value::Duration(least) if least < Duration::ZERO => Ok(()),
            least => p.set_port("neighbor_delay_min", least, line),
        },
        "a link that takes less than nothing by more than its stamps may be off is refused: ptp.ingress_latency and ptp.egress_latency put them right",
    ),
    missing("allowedLostResponses", "how many answers may be missing is as IEEE 802.1AS says"),
    same("follow_up_info", "ptp.profile, ptp.as_capable", |p, line| {
        let said = is_on(line)?.then(|| line.clone());
        p.with_port(|port| port.is_as_measured = said)
    }),
    same("asCapable", "ptp.as_capable", |p, line| {
        let is_assumed = line.needed(1, "auto or true")? == "true";
        p.with_port(|port| port.is_as_assumed = is_assumed)
    }),
    same("path_trace_enabled", "ptp.path_trace", |p, line| p.set_port("path_trace", Value::Switch(is_on(line)?), line)),
    same("hybrid_e2e", "ptp.hybrid", |p, line| p.set_port("hybrid", Value::Switch(is_on(line)?), line)),
    needless("inhibit_multicast_service", "who asks by unicast, and who is asked, sends nothing to all"),
    same("unicast_listen", "ptp.unicast_clients", |p, line| {
        let said = is_on(line)?.then(|| line.clone());
        p.with_port(|port| port.listens = said)
    }),
    same("unicast_master_table", "ptp.unicast_masters", |p, line| {
        let id = integer(line.needed(1, "the table_id")?)?;
        let said = (id, line.clone());
        p.with_port(|port| port.table = Some(said))
    }),
    same("unicast_req_duration", "ptp.unicast_duration", |p, line| {
        let asked = duration(line.needed(1, "the seconds")?, "s")?;
        if asked > UNICAST_DURATION_MAX {
            p.document.note(Kind::Changed, line, "1000 s is the longest here: a master is asked again in time");
        }
        p.set_port("unicast_duration", Value::Duration(asked.min(UNICAST_DURATION_MAX)), line)
    }),
    same("dataset_comparison", "ptp.comparison, ptp.profile", |p, line| {
        let word = match line.needed(1, "the comparison")? {
            "ieee1588" => "ieee1588",
            "G.8275.x" => "g8275",
            other => return Err(format!("{other:?} is no comparison that is known")),
        };
        p.set_port("comparison", Value::Word(word), line)
    }),
    same("G.8275.portDS.localPriority", "ptp.local_priority", |p, line| {
        p.set_port("local_priority", integer_in(line)?, line)
    }),
    same("ptp_minor_version", "ptp.minor_version", |p, line| p.set_port("minor_version", integer_in(line)?, line)),
    same("BMCA", "ptp.static_role", |p, line| {
        p.set_port("static_role", Value::Switch(line.needed(1, "ptp or noop")? == "noop"), line)
    }),
    of_fixed_roles("inhibit_announce"),
    of_fixed_roles("inhibit_delay_req"),
    of_fixed_roles("ignore_source_id"),
    same("operLogSyncInterval", "ptp.oper_sync_interval", |p, line| {
        let interval = integer(line.needed(1, "the number")?)?;
        p.with_port(|port| port.operational[0] = Some(interval))
    }),
    same("operLogPdelayReqInterval", "ptp.oper_pdelay_req_interval", |p, line| {
        let interval = integer(line.needed(1, "the number")?)?;
        p.with_port(|port| port.operational[1] = Some(interval))
    }),
    same("msg_interval_request", "ptp.oper_sync_interval, ptp.oper_pdelay_req_interval", |p, line| {
        let asks = (integer(line.needed(1, "the number")?)? != 0).then(|| line.clone());
        p.with_port(|port| port.asks = asks)
    }),
    needless("assume_two_step", "whether a Follow_Up comes is said by each Sync"),
    missing("ignore_transport_specific", "messages of another sdo_id are not ours"),
    filter("delay_filter"),
    filter("delay_filter_length"),
    filter("tsproc_mode"),
    missing("fault_badpeernet_interval", "a port that has failed tries again by itself"),
    missing("fault_reset_interval", "a port that has failed tries again by itself"),
    missing("net_sync_monitor", "the protocol of that monitor is not there"),
    missing("hwts_filter", "the card is told to stamp what it has to"),
    missing("interface_rate_tlv", "the asymmetry of unequal rates is not known: ptp.delay_asymmetry"),
    same("power_profile.version", "ptp.profile", |p, line| {
        let is_power = line.needed(1, "the version")? == "2017";
        p.with_port(|port| port.is_power = is_power)
    }),
    same("power_profile.grandmasterID", "ptp.power_grandmaster_id", |p, line| {
        p.set_port("power_grandmaster_id", integer_in(line)?, line)
    }),
    needless("power_profile.networkTimeInaccuracy", "what is said is the error bound (ptp.power_tlv)"),
    needless("power_profile.totalTimeInaccuracy", "what is said is the error bound (ptp.power_tlv)"),
    missing("power_profile.2011.grandmasterTimeInaccuracy", "the TLV is that of the edition of 2017"),
    missing("power_profile.2011.networkTimeInaccuracy", "the TLV is that of the edition of 2017"),
    missing("spp", "keys of PTP messages are not there yet"),
    missing("active_key_id", "keys of PTP messages are not there yet"),
    missing("allow_unauth", "keys of PTP messages are not there yet"),
    needless("phc_index", "the card's clock is found by its interface"),
];

/// What ptp4l does by itself (ptp4l(8)), of settings that say nothing to us then: the file that Debian installs has them all.
const DEFAULTS_THERE: &[(&str, &str)] = &[
    ("socket_priority", "0"),
    ("clockClass", "248"),
    ("clockAccuracy", "0xFE"),
    ("offsetScaledLogVariance", "0xFFFF"),
    ("free_running", "0"),
    ("gmCapable", "1"),
    ("freq_est_interval", "1"),
    ("dscp_event", "0"),
    ("dscp_general", "0"),
    ("maxStepsRemoved", "255"),
    ("operLogSyncInterval", "0"),
    ("operLogPdelayReqInterval", "0"),
    ("msg_interval_request", "0"),
    ("syncReceiptTimeout", "0"),
    ("fault_reset_interval", "4"),
    ("inhibit_announce", "0"),
    ("inhibit_delay_req", "0"),
    ("ignore_source_id", "0"),
    ("assume_two_step", "0"),
    ("inhibit_multicast_service", "0"),
    ("net_sync_monitor", "0"),
    ("tc_spanning_tree", "0"),
    ("tx_timestamp_timeout", "1"),
    ("unicast_req_duration", "3600"),
    ("use_syslog", "1"),
    ("verbose", "0"),
    ("summary_interval", "0"),
    ("check_fup_sync", "0"),
    ("pi_proportional_const", "0"),
    ("pi_integral_const", "0"),
    ("pi_proportional_scale", "0"),
    ("pi_proportional_exponent", "-0.3"),
    ("pi_proportional_norm_max", "0.7"),
    ("pi_integral_scale", "0"),
    ("pi_integral_exponent", "0.4"),
    ("pi_integral_norm_max", "0.3"),
    ("max_frequency", "900000000"),
    ("sanity_freq_limit", "200000000"),
    ("ntpshm_segment", "0"),
    ("servo_num_offset_values", "10"),
    ("servo_offset_threshold", "0"),
    ("write_phase_mode", "0"),
    ("p2p_dst_mac", "01:80:C2:00:00:0E"),
    ("udp_ttl", "1"),
    ("tsproc_mode", "filter"),
    ("delay_filter", "moving_median"),
    ("delay_filter_length", "10"),
    ("boundary_clock_jbod", "0"),
    ("productDescription", ";;"),
    ("revisionData", ";;"),
    ("manufacturerIdentity", "00:00:00"),
    ("userDescription", ";"),
    ("timeSource", "0xA0"),
];

/// Whether a line says what ptp4l does without it, and what is nothing to us.
pub fn goes_without_saying(line: &Line) -> bool {
    let Some(value) = line.argument(1) else { return false };
    let is_default = |there: &str| {
        let numbers = (there.parse::<f64>(), value.parse::<f64>());
        there.eq_ignore_ascii_case(value) || matches!(numbers, (Ok(there), Ok(here)) if there.total_cmp(&here).is_eq())
    };
    DEFAULTS_THERE.iter().any(|(name, there)| *name == line.name() && is_default(there))
}
