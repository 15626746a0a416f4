//! The settings of `sfptpd.cfg`, row by row.

use std::net::{IpAddr, SocketAddr};

use super::super::document::Kind;
use super::super::ptp4l::rows::set_max_frequency;
use super::super::table::{Row, changed, missing, needless, same};
use super::super::text::{duration, integer, seconds};
use super::{Control, Line, Sfptpd};
use crate::config::Value;

/// Where sfptpd serves its metrics, unless told.
const METRICS_PORT: u16 = 9979;
/// Where gpsd listens.
const GPSD_PORT: u16 = 2947;

fn value(line: &Line) -> Result<&str, String> {
    line.needed(1, "its value")
}

fn is_on(line: &Line) -> Result<bool, String> {
    match value(line)? {
        "on" => Ok(true),
        "off" => Ok(false),
        other => Err(format!("{other:?} is neither on nor off")),
    }
}

fn integer_in(line: &Line) -> Result<Value, String> {
    integer(value(line)?).map(Value::Integer)
}

fn nanoseconds(line: &Line) -> Result<Value, String> {
    duration(value(line)?, "ns").map(Value::Duration)
}

const fn filter(name: &'static str) -> Row<Sfptpd> {
    missing(
        name,
        "the servo \"estimator\" learns the noise of path and oscillator; servo.kind = \"pi\" has gains of its own",
    )
}

const fn judged(name: &'static str) -> Row<Sfptpd> {
    missing(
        name,
        "sources are judged by intervals that the truth lies in: the majority decides, and who leaves least open steers",
    )
}

const fn logs(name: &'static str) -> Row<Sfptpd> {
    needless(name, "the log goes to stderr, and so to the journal")
}

const fn figures(name: &'static str) -> Row<Sfptpd> {
    missing(name, "`synchronome status`, metrics (observe.http) and `synchronome record` have the figures")
}

const fn paths(name: &'static str) -> Row<Sfptpd> {
    needless(name, "observe.runtime_directory and observe.state_directory are ours")
}

const fn cards(name: &'static str) -> Row<Sfptpd> {
    needless(name, "any card with a PTP hardware clock is used, in the way that its driver and the kernel allow")
}

const fn links(name: &'static str) -> Row<Sfptpd> {
    needless(name, "interfaces that come and go are noticed")
}

const fn acl(name: &'static str) -> Row<Sfptpd> {
    missing(name, "ptp.grandmasters names whom to follow by identity; addresses are for the firewall")
}

const fn monitored(name: &'static str) -> Row<Sfptpd> {
    missing(name, "nothing of the kind is sent: metrics and `synchronome record` are for that")
}

const fn converged(name: &'static str) -> Row<Sfptpd> {
    missing(name, "LOCKED is said by the error bound (clock.lock_limit), which is more than an offset")
}

const fn of_master(name: &'static str) -> Row<Sfptpd> {
    missing(name, "what is served of the source is what is known of it; clock.ptp.class is the class")
}

const fn priority() -> Row<Sfptpd> {
    changed(
        "priority",
        "ptp.prefer, refclock.prefer",
        |s, line| {
            s.priority = integer(value(line)?)?;
            Ok(())
        },
        "those of the least number are preferred, if they agree with the majority",
    )
}

/// `[general]`.
pub const GENERAL: &[Row<Sfptpd>] = &[
    same("sync_module", "ptp, refclock", Sfptpd::module),
    same("selection_policy", "ptp.prefer, refclock.prefer", |s, line| {
        s.selected = match value(line)? {
            "automatic" => None,
            "manual" | "manual-startup" => {
                let text = "who is selected by hand is preferred, and steers if it agrees with the majority";
                s.document.note(Kind::Changed, line, text);
                line.argument(2).map(|name| (name.to_owned(), line.clone()))
            }
            other => return Err(format!("{other:?} is no policy that is known")),
        };
        Ok(())
    }),
    judged("selection_policy_rules"),
    same("selection_holdoff_interval", "selection.hold_off", |s, line| {
        let interval = seconds(value(line)?)?;
        s.set("selection.hold_off", interval, line)
    }),
    judged("clustering"),
    judged("clustering_guard"),
    same("clock_control", "clock.step.first, clock.step.later, clock.system, clock.phc", |s, line| {
        let control = match value(line)? {
            "slew-and-step" => Control::Always,
            "step-forward" => {
                s.document.note(
                    Kind::Changed,
                    line,
                    "one threshold is for both directions: clocks may be stepped back too",
                );
                Control::Always
            }
            "step-at-startup" => Control::First,
            "step-on-first-lock" => {
                s.document.note(Kind::Changed, line, "the first correction may be a step, whenever that is");
                Control::First
            }
            "no-step" => Control::Never,
            "no-adjust" => Control::Untouched,
            other => return Err(format!("{other:?} is nothing that is known")),
        };
        s.control = Some((control, line.clone()));
        Ok(())
    }),
    same("step_threshold", "clock.step.first, clock.step.later", |s, line| {
        s.step_threshold = Some((seconds(value(line)?)?, line.clone()));
        Ok(())
    }),
    same("clock_list", "clock.phc, clock.system", |s, line| {
        s.clocks = (line.words.len() > 1).then(|| line.clone());
        Ok(())
    }),
    same("clock_readonly", "clock.phc, clock.system", |s, line| {
        value(line)?;
        s.readonly = Some(line.clone());
        Ok(())
    }),
    needless("observe_readonly_clocks", "clocks that are not steered are measured"),
    needless("epoch_guard", "a card's clock that was reset contradicts the system clock, and is not believed"),
    needless("initial_clock_correction", "cards' clocks are set by their sources: clock.step.first"),
    needless("persistent_clock_correction", "what is learnt of the oscillators is kept in observe.state_directory"),
    same("limit_freq_adj", "clock.max_frequency", |s, line| set_max_frequency(&mut s.document, line)),
    needless("clock_adj_method", "the kernel is told the frequency"),
    same("rtc_adjust", "clock.rtc", |s, line| {
        let word = if is_on(line)? { "kernel" } else { "off" };
        s.set("clock.rtc", Value::Word(word), line)
    }),
    needless("sync_interval", "clocks are compared as often as it pays"),
    converged("local_sync_threshold"),
    filter("pid_filter_p"),
    filter("pid_filter_i"),
    filter("fir_filter_size"),
    cards("non_solarflare_nics"),
    cards("non_xilinx_nics"),
    cards("assume_one_phc_per_nic"),
    cards("phc_dedup"),
    cards("avoid_efx_ioctl"),
    cards("phc_diff_methods"),
    cards("phc_pps_methods"),
    missing("timestamping_interfaces", "cards are told to stamp what our own ports and sources need"),
    missing("timestamping_disable_on_exit", "a card's stamps stay switched on"),
    missing("eligible_interface_types", "the interfaces are those that are named"),
    links("hotplug_detection_mode"),
    links("netlink_rescan_interval"),
    links("netlink_coalesce_ms"),
    logs("message_log"),
    logs("trace_level"),
    logs("clock_display_fmts"),
    figures("stats_log"),
    figures("json_stats"),
    figures("reporting_intervals"),
    figures("servo_log_all_samples"),
    same("openmetrics_tcp", "observe.http", |s, line| {
        let text = value(line)?;
        let address = text.parse::<SocketAddr>().ok();
        let address = address.or_else(|| Some(SocketAddr::new(text.parse::<IpAddr>().ok()?, METRICS_PORT)));
        let address = address.ok_or_else(|| format!("{text:?} is no address: names are not looked up here"))?;
        if line.argument(2).is_some() {
            s.document.note(Kind::Missing, line, "metrics are served on one address");
        }
        s.set("observe.http", Value::Address(address), line)
    }),
    needless("openmetrics_unix", "metrics are served over TCP: observe.http"),
    missing("openmetrics_rt_stats_buf", "`synchronome record` keeps what there was between two scrapes"),
    missing("openmetrics_options", "metrics have their own names"),
    missing("openmetrics_prefix", "metrics have their own names"),
    missing("openmetrics_acl_allow", "who may ask for metrics is for the firewall"),
    missing("openmetrics_acl_deny", "who may ask for metrics is for the firewall"),
    missing("openmetrics_acl_order", "who may ask for metrics is for the firewall"),
    missing("user", "the unit of systemd says who runs it; started as root it becomes security.user"),
    needless("daemon", "systemd runs it in the background"),
    needless("lock", "a second daemon is told of, and does not start on the same sockets"),
    paths("state_path"),
    paths("control_path"),
    paths("metrics_path"),
    paths("run_dir"),
    paths("run_dir_mode"),
    paths("state_dir_mode"),
    paths("control_socket_mode"),
    paths("metrics_socket_mode"),
    missing("unique_clockid_bits", "ptp.clock_identity is the whole identity"),
    missing("ignore_critical", "`synchronome check` and `doctor` tell what is missing; the daemon runs without"),
    missing("test_mode", "there is no such mode"),
];

/// `[ptp]`, and instances.
const PTP: &[Row<Sfptpd>] = &[
    same("interface", "ptp.interface", |s, line| {
        let name = value(line)?.to_owned();
        s.set_own("interface", Value::Text(name), line)
    }),
    same("ptp_profile", "ptp.profile", |s, line| {
        let word = match value(line)? {
            "default-e2e" => "default-e2e",
            "default-p2p" => "default-p2p",
            "enterprise" => "enterprise",
            other => return Err(format!("{other:?} is no profile that is known")),
        };
        s.set_own("profile", Value::Word(word), line)
    }),
    same("ptp_version", "ptp.minor_version", |s, line| {
        let minor = match value(line)? {
            "2.0" => 0,
            "2.1" => 1,
            other => return Err(format!("{other:?} is neither 2.0 nor 2.1")),
        };
        s.set_own("minor_version", Value::Integer(minor), line)
    }),
    same("ptp_mode", "ptp.role", |s, line| {
        let role = match value(line)? {
            "slave" => "slave",
            "master" => "auto",
            "master-only" => "master",
            other => return Err(format!("{other:?} is no mode that is known")),
        };
        s.set_own("role", Value::Word(role), line)
    }),
    same("transport", "ptp.transport", |s, line| {
        let word = match value(line)? {
            "ipv4" => "udp4",
            "ipv6" => "udp6",
            other => return Err(format!("{other:?} is no transport that is known")),
        };
        s.set_own("transport", Value::Word(word), line)
    }),
    same("scope", "ptp.udp6_scope", |s, line| {
        let scope = match value(line)? {
            "link-local" => super::IPV6_SCOPE,
            "global" => 14,
            other => return Err(format!("{other:?} is no scope that is known")),
        };
        s.set_own("udp6_scope", Value::Integer(scope), line)
    }),
    same("ptp_domain", "ptp.domain", |s, line| s.set_own("domain", integer_in(line)?, line)),
    same("timestamping", "ptp.timestamps", |s, line| {
        let word = match value(line)? {
            "hw" => "hardware",
            "sw" => "software",
            "auto" => "auto",
            other => return Err(format!("{other:?} is neither hw, sw nor auto")),
        };
        s.set_own("timestamps", Value::Word(word), line)
    }),
    same("ptp_tx_latency", "ptp.egress_latency", |s, line| s.set_own("egress_latency", nanoseconds(line)?, line)),
    same("ptp_rx_latency", "ptp.ingress_latency", |s, line| s.set_own("ingress_latency", nanoseconds(line)?, line)),
    same("ptp_delay_mechanism", "ptp.delay", |s, line| {
        let word = match value(line)? {
            "end-to-end" => "e2e",
            "peer-to-peer" => "p2p",
            other => return Err(format!("{other:?} is no mechanism that is known")),
        };
        s.set_own("delay", Value::Word(word), line)
    }),
    same("ptp_network_mode", "ptp.hybrid", |s, line| {
        let is_hybrid = match value(line)? {
            "multicast" => false,
            "hybrid" => true,
            "hybrid-no-fallback" => {
                s.document.note(Kind::Changed, line, "a master that does not answer is asked by multicast");
                true
            }
            other => return Err(format!("{other:?} is no mode that is known")),
        };
        s.set_own("hybrid", Value::Switch(is_hybrid), line)
    }),
    same("ptp_announce_interval", "ptp.announce_interval", |s, line| {
        s.set_own("announce_interval", integer_in(line)?, line)
    }),
    same("ptp_announce_timeout", "ptp.announce_receipt_timeout", |s, line| {
        s.set_own("announce_receipt_timeout", integer_in(line)?, line)
    }),
    same("ptp_sync_pkt_interval", "ptp.sync_interval", |s, line| s.set_own("sync_interval", integer_in(line)?, line)),
    missing("ptp_sync_pkt_timeout", "a master whose Sync ends is left by what is known of its interval"),
    changed(
        "ptp_delayreq_interval",
        "ptp.delay_req_interval, ptp.pdelay_req_interval",
        |s, line| {
            s.set_own("delay_req_interval", integer_in(line)?, line)?;
            s.set_own("pdelay_req_interval", integer_in(line)?, line)
        },
        "what a master says of Delay_Req counts more",
    ),
    missing("ptp_delayresp_timeout", "a Delay_Resp that does not come is counted, and others are asked for"),
    missing("max_missing_delayresps", "a Delay_Resp that does not come is counted, and others are asked for"),
    same("ptp_bmc_priority1", "clock.ptp.priority1", |s, line| s.set("clock.ptp.priority1", integer_in(line)?, line)),
    same("ptp_bmc_priority2", "clock.ptp.priority2", |s, line| s.set("clock.ptp.priority2", integer_in(line)?, line)),
    needless("ptp_max_foreign_records", "more masters than are kept are counted, and the best ones kept"),
    same("ptp_mgmt_msgs", "ptp.management", |s, line| {
        let is_answered = match value(line)? {
            "disabled" => false,
            "read-only" => true,
            other => return Err(format!("{other:?} is neither disabled nor read-only")),
        };
        s.set_own("management", Value::Switch(is_answered), line)
    }),
    same("ptp_utc_valid_handling", "clock.utc_offset", |s, line| match value(line)? {
        "default" => Ok(()),
        "ignore" => s.set("clock.utc_offset", Value::Word("source"), line),
        "override" => {
            s.document.note(Kind::Changed, line, "TAI - UTC is from clock.leap_file and the kernel");
            s.set("clock.utc_offset", Value::Word("host"), line)
        }
        "prefer" | "require" => {
            s.document.note(
                Kind::Missing,
                line,
                "clock.utc_offset says what becomes of a master whose TAI - UTC is not the one that is known",
            );
            Ok(())
        }
        other => Err(format!("{other:?} is nothing that is known")),
    }),
    missing("ptp_utc_offset", "TAI - UTC is from clock.leap_file, the kernel and the grandmaster"),
    missing("ptp_timescale", "a master serves the PTP timescale (TAI), with TAI - UTC"),
    missing("ptp_ttl", "messages do not leave the network: their TTL is 1, as the standard says"),
    acl("ptp_timing_acl_allow"),
    acl("ptp_timing_acl_permit"),
    acl("ptp_timing_acl_deny"),
    acl("ptp_timing_acl_order"),
    acl("ptp_mgmt_acl_allow"),
    acl("ptp_mgmt_acl_permit"),
    acl("ptp_mgmt_acl_deny"),
    acl("ptp_mgmt_acl_order"),
    acl("ptp_mon_acl_allow"),
    acl("ptp_mon_acl_deny"),
    acl("ptp_mon_acl_order"),
    priority(),
    converged("sync_threshold"),
    figures("ptp_pkt_dump"),
    figures("ptp_pps_log"),
    missing("pps_delay", "a card's pulses are a [[refclock]], with its own refclock.offset"),
    figures("ptp_trace"),
    figures("on_alarm_trace_ptp"),
    missing("ptp_delay_resp_ignore_port_id", "a Delay_Resp is for who has asked"),
    filter("pid_filter_p"),
    filter("pid_filter_i"),
    filter("outlier_filter_size"),
    filter("outlier_filter_adaption"),
    filter("outlier_filter_drift"),
    filter("mpd_filter_size"),
    filter("mpd_filter_ageing"),
    filter("fir_filter_size"),
    monitored("mon_monitor_address"),
    monitored("mon_rx_sync_timing_data"),
    monitored("mon_rx_sync_computed_data"),
    monitored("mon_tx_event_timestamps"),
    monitored("mon_meinberg_netsync"),
    monitored("mon_slave_status"),
    monitored("announce_comm_caps"),
    judged("bmc_discriminator"),
    missing("onload_ext", "there is no Onload"),
    missing("lacp_bypass", "packets leave a bond as the kernel sends them"),
];

/// `[pps]`, and instances.
const PPS: &[Row<Sfptpd>] = &[
    same("interface", "refclock.phc", |s, line| {
        let name = value(line)?.to_owned();
        s.set_own("phc", Value::Text(name), line)
    }),
    same("pin", "refclock.pin", |s, line| match integer(value(line)?)? {
        -1 => Ok(()),
        number => s.set_own("pin", Value::Text(number.to_string()), line),
    }),
    same("channel", "refclock.channel", |s, line| s.set_own("channel", integer_in(line)?, line)),
    same("function", "refclock", |s, line| {
        match value(line)? {
            "pps-in" => {}
            "pps-out" | "none" => {
                if let Some(section) = s.section {
                    s.document.draft(section);
                }
                s.document.note(
                    Kind::Missing,
                    line,
                    "no pulses are put out, and no pin is given a function of its own",
                );
            }
            other => return Err(format!("{other:?} is neither pps-in, pps-out nor none")),
        }
        Ok(())
    }),
    same("pps_delay", "refclock.offset", |s, line| s.set_own("offset", nanoseconds(line)?, line)),
    changed(
        "time_of_day",
        "",
        |_, _| Ok(()),
        "the majority of the others says which second a pulse begins; refclock.lock names another [[refclock]]",
    ),
    priority(),
    of_master("master_clock_class"),
    of_master("master_time_source"),
    of_master("master_accuracy"),
    of_master("master_traceability"),
    of_master("steps_removed"),
    converged("sync_threshold"),
    filter("pid_filter_p"),
    filter("pid_filter_i"),
    filter("outlier_filter_type"),
    filter("outlier_filter_size"),
    filter("outlier_filter_adaption"),
    filter("outlier_filter_drift"),
    filter("fir_filter_size"),
];

/// `[gps]`, and instances.
const GPS: &[Row<Sfptpd>] = &[
    changed(
        "gpsd",
        "refclock.address",
        |s, line| {
            let Some(host) = line.argument(1) else { return Ok(()) };
            let port = line.argument(2).map_or(Ok(i64::from(GPSD_PORT)), integer)?;
            let host = if host == "localhost" { "127.0.0.1" } else { host };
            let host =
                host.parse::<IpAddr>().map_err(|_| format!("{host:?} is no address: names are not looked up here"))?;
            let port = u16::try_from(port).map_err(|_| format!("{port} is no port"))?;
            s.set_own("address", Value::Address(SocketAddr::new(host, port)), line)
        },
        "gpsd is asked by its socket, not by its shared memory",
    ),
    priority(),
    converged("sync_threshold"),
];

/// `[ntp]` and `[crny]`, and instances.
const PROGRAM: &[Row<Sfptpd>] = &[
    missing("priority", "the servers are in the program's own file: ntp.source.prefer"),
    converged("sync_threshold"),
    needless("ntp_poll_interval", "no other program is asked"),
    needless("ntp_key", "no other program is asked"),
    needless("clock_control", "no other program steers the clock"),
    needless("control_script", "no other program steers the clock"),
    needless("min_ignored_samples_after_new_ref", "no other program is asked"),
    needless("settling_timeout", "no other program is asked"),
];

/// `[freerun]`, and instances.
const FREERUN: &[Row<Sfptpd>] = &[
    missing("interface", "a clock that nobody keeps is no source"),
    missing("priority", "a clock that nobody keeps is no source"),
    of_master("clock_class"),
    of_master("clock_accuracy"),
    of_master("clock_traceability"),
];

/// The modules, with the settings of their instances.
pub const MODULES: &[(&str, &[Row<Sfptpd>])] =
    &[("ptp", PTP), ("pps", PPS), ("gps", GPS), ("ntp", PROGRAM), ("crny", PROGRAM), ("freerun", FREERUN)];
