//! A configuration that is read again while the daemon runs.

use super::Daemon;
use crate::config::Config;

impl Daemon {
    /// Takes over from a new configuration what can change while the daemon runs; returns what needs a restart.
    pub fn reload(&mut self, config: &Config) -> Vec<&'static str> {
        let mut needs_restart = Vec::new();
        let old = &self.config;
        let mut check = |same: bool, what| {
            if !same {
                needs_restart.push(what);
            }
        };
        check(old.clock.system == config.clock.system, "clock.system");
        check(old.servo.kind == config.servo.kind, "servo.kind");
        check(old.clock.phc == config.clock.phc, "clock.phc");
        check(old.serves_ptp() == config.serves_ptp() || old.ntp_server.is_some(), "ptp.role");
        check(old.clock.rtc == config.clock.rtc, "clock.rtc");
        check(old.clock.dithers_itself == config.clock.dithers_itself, "clock.dither");
        check(old.clock.vmclock == config.clock.vmclock, "clock.vmclock");
        check(old.clock.max_frequency == config.clock.max_frequency, "clock.max_frequency");
        check(old.ntp_server == config.ntp_server, "ntp.server");
        check(old.ntp_sources == config.ntp_sources, "ntp.source");
        check(old.refclocks == config.refclocks, "refclock");
        check(old.selection == config.selection, "selection");
        check(old.judged().len() == config.judged().len(), "the number of sources that are judged");
        check(old.threads == config.threads, "threads");
        check(old.observe.http == config.observe.http, "observe.http");
        check(old.observe.runtime_directory == config.observe.runtime_directory, "observe.runtime_directory");
        check(old.observe.ptp_management == config.observe.ptp_management, "observe.ptp_management");
        check(old.observe.state_directory == config.observe.state_directory, "observe.state_directory");
        check(old.hooks == config.hooks, "hook");
        check(old.trace == config.trace, "trace");
        check(old.security == config.security, "security");
        self.config.clock.step = config.clock.step;
        self.config.clock.ptp = config.clock.ptp;
        self.config.clock.lock_limit = config.clock.lock_limit;
        self.config.clock.max_drift = config.clock.max_drift;
        self.config.servo = config.servo.clone();
        self.config.observe.log = config.observe.log;
        self.config.observe.allowed_hosts.clone_from(&config.observe.allowed_hosts);
        self.config.observe.compat_metrics.clone_from(&config.observe.compat_metrics);
        self.config.clock.utc_offset = config.clock.utc_offset;
        self.config.clock.leap = config.clock.leap;
        self.config.clock.leap_file.clone_from(&config.clock.leap_file);
        self.tell_host_utc();
        self.smear.read_again(self.host.mono());
        if self.config.ptp != config.ptp {
            for port in 0..self.ports.len() {
                self.stop_port(port);
            }
            self.ports.clear();
            self.config.ptp.clear();
            self.model.ports.clear();
            for port in &config.ptp {
                self.add_port(port.clone());
            }
        }
        needs_restart
    }
}
