//! L3: what the daemon says of itself.
//!
//! There is one model, [`Status`]; the control thread fills one when somebody asks, and everything that is shown is a
//! pure function of it, so that the terminal, the monitoring and the machine formats cannot disagree:
//!
//! | asked by | form | made by |
//! |---|---|---|
//! | `synchronome status` | text | [`render`], of [`words`] |
//! | `synchronome status --json`, `/status` | JSON, a schema number in it | serde |
//! | a browser, `/` | a page that asks each second | [`words`], [`history`] |
//! | `synchronome health`, `/healthz` | one line and a code | [`health`] |
//! | Prometheus, `/metrics` | text exposition | [`metrics`] |
//! | ntpq, ntpstat | variables of mode 6 | [`ntpq`] |
//! | the log, `events` of the status, `synchronome events` | records | [`event`] |
//!
//! Rules that hold for all: base units, each figure with its age, and no sentinels: what is not known is absent.

mod change;
pub mod client;
pub mod event;
#[cfg(test)]
mod examples;
pub mod health;
pub mod history;
pub mod metrics;
pub mod ntpq;
pub mod render;
mod server;
pub mod status;
pub mod units;
pub mod why;
pub mod words;

pub use change::{Change, EventKind};
pub use event::{EVENTS_KEPT_MAX, EVENTS_MAX, Events, Level, Topic, parse_rfc3339, rfc3339};
pub use server::{
    Answers, BindError, CONNECTIONS_MAX, FOLLOWERS_MAX, Observers, ObserversConfig, Order, REQUEST_BYTES_MAX,
    REQUEST_TIME_MAX, WakeToken,
};
pub use status::{EventRecord, Status};
