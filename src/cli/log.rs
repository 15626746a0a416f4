//! The log: lines on stderr, for a terminal or the journal.

use std::io::IsTerminal;

use tracing::Level;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};

use crate::config::LogLevel;

/// The running log; its level can be changed.
pub struct Log(reload::Handle<LevelFilter, Registry>);

fn filter(level: LogLevel) -> LevelFilter {
    LevelFilter::from_level(match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Trace => Level::TRACE,
    })
}

impl Log {
    /// Starts logging to stderr. The journal has its own time stamps, so none are written there.
    pub fn start(level: LogLevel) -> Self {
        let (filter, handle) = reload::Layer::new(filter(level));
        let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
        let registry = tracing_subscriber::registry().with(filter);
        // Only a second start in one process can fail, and then the first log goes on.
        let _ = if std::env::var_os("JOURNAL_STREAM").is_some() {
            registry.with(lines.without_time()).try_init()
        } else {
            registry.with(lines).try_init()
        };
        Self(handle)
    }

    /// From now on, lines of at least this level.
    pub fn set_level(&self, level: LogLevel) {
        // Fails only when the subscriber is gone, with the process.
        let _ = self.0.modify(|now| *now = filter(level));
    }
}
