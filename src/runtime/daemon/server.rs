//! The control thread's part in the NTP server.

use super::Daemon;
use crate::config::Config;
use crate::engine::EngineKind;
use crate::observe::{Level, Topic};
use crate::runtime::server::Server;
use crate::time::{Local, Mono, Timestamp};

impl Daemon {
    /// Replaces workers that have ended, and tells what the server has to tell.
    pub(super) fn look_after_server(&mut self, now: Timestamp<Mono>, local: Timestamp<Local>) {
        if let Some(server) = &mut self.server {
            server.look_after_workers(now, &mut |name| Some(self.traces.stream(name, EngineKind::NtpServer)));
        }
        let notices = self.server.as_mut().map(Server::take_notices).unwrap_or_default();
        for notice in notices {
            let level = if notice.is_warning() { Level::Warn } else { Level::Info };
            self.model.events.record((now, local.read_as()), level, Topic::Ntp, notice.to_string(), &[]);
        }
    }
}

/// Those that a worker is pinned to each.
pub(super) fn cores(config: &Config) -> Vec<usize> {
    let listed = config.ntp_server.as_ref().map(|server| server.cores.clone()).unwrap_or_default();
    if listed.is_empty() { config.threads.server.core.into_iter().collect() } else { listed }
}
