//! Hybrid E2E: Sync comes to all, and the Delay_Req of a slave goes to its master alone, whose answer comes back to it alone
//! (IEEE 1588-2019 9.5.11, with unicastFlag).
//!
//! To a group each of n slaves hears the requests and the answers of all the others, and so does every link between them. But a message to one
//! receiver takes the routes and passes the filters of ordinary traffic, which may be closed where the group's are open. So requests that
//! nobody answers go to the group again for a while, as if the master knew nothing else. One request is tried after that; if it
//! is not answered either, one exchange is lost.

use super::counters::{Counter, count};
use super::{Address, Effect};
use crate::coding::Coded;
use crate::engine::Sink;
use crate::time::{Duration, Mono, Timestamp};

/// Requests in a row to the master alone that may stay without an answer.
pub const HYBRID_UNANSWERED_MAX: u8 = 3;
/// And the first of them so long, at the least: an answer may be on its way for longer than requests are apart.
const UNANSWERED_FOR: Duration = Duration::SECOND;
/// For how long requests go to the group then.
pub const HYBRID_GROUP_FOR: Duration = Duration::from_secs(64);

/// Where the next Delay_Req goes.
#[derive(Clone, Copy, Debug, Coded)]
pub(super) struct Hybrid {
    /// Where the parent's messages come from.
    parent: Option<Address>,
    /// Requests to it since its last answer, and when the first of them was sent.
    unanswered: u8,
    since: Timestamp<Mono>,
    /// Until then they go to the group.
    group_until: Option<Timestamp<Mono>>,
}

impl Hybrid {
    /// Nobody is followed yet.
    pub const NEW: Self = Self { parent: None, unanswered: 0, since: Timestamp::EPOCH, group_until: None };

    /// The parent sends from here.
    pub fn heard(&mut self, from: Option<Address>) {
        if from.is_some() && from != self.parent {
            *self = Self { parent: from, ..Self::NEW };
        }
    }

    /// Another parent: where it is will be heard.
    pub fn forget(&mut self) {
        *self = Self::NEW;
    }

    /// To whom a request that leaves now goes; `None`: to the group.
    pub fn request(&mut self, now: Timestamp<Mono>, out: &mut impl Sink<Effect>) -> Option<Address> {
        let parent = self.parent?;
        match self.group_until {
            Some(until) if now < until => return None,
            Some(_) => {
                self.group_until = None;
                self.unanswered = HYBRID_UNANSWERED_MAX - 1;
                self.since = now;
            }
            None if self.unanswered >= HYBRID_UNANSWERED_MAX && now - self.since >= UNANSWERED_FOR => {
                self.group_until = Some(now + HYBRID_GROUP_FOR);
                count(out, Counter::HybridFallback);
                return None;
            }
            None => {}
        }
        if self.unanswered == 0 {
            self.since = now;
        }
        self.unanswered = self.unanswered.saturating_add(1);
        Some(parent)
    }

    /// The parent has answered a request of ours.
    pub const fn answered(&mut self) {
        self.unanswered = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ptp::script::{Script, config};
    use crate::ptp::{Config, Role, TxToken};
    use crate::wire::ptp::{Body, Message, parse};

    /// A port that follows A, which is at 10.0.0.1.
    fn following() -> Script {
        let mut script = Script::following(Config { hybrid: true, ..config() });
        script.line("2 announce A seq=3 p1=10 from=1");
        script
    }

    type Request = (Option<Address>, bool, TxToken);

    /// Each Delay_Req: to whom it goes, and its unicastFlag.
    fn requests(effects: &[Effect]) -> Vec<Request> {
        let sent = effects.iter().filter_map(|effect| match effect {
            Effect::Send { frame, to, token, .. } => {
                let Message { header, body, .. } = parse(frame.as_bytes()).unwrap();
                matches!(body, Body::DelayReq(_)).then(|| (*to, header.flags.unicast(), token.unwrap()))
            }
            _ => None,
        });
        sent.collect()
    }

    const MASTER: Option<Address> = Some(Address::V4([10, 0, 0, 1]));

    /// Runs for whole seconds in which the parent goes on; returns the requests, and how often it fell back.
    fn run(script: &mut Script, seconds: std::ops::Range<u32>, answer: bool) -> (Vec<Request>, usize) {
        let (mut all, mut fallbacks) = (Vec::new(), 0);
        for second in seconds {
            script.line(&format!("{second} announce A seq={} p1=10 from=1", second + 10));
            for tenth in 1..10 {
                let effects = script.line(&format!("{second}.{tenth} run"));
                let sent = requests(&effects);
                fallbacks += effects.iter().filter(|effect| **effect == Effect::Count(Counter::HybridFallback)).count();
                if answer && !sent.is_empty() {
                    let last = script.requests.len() - 1;
                    script.line(&format!("{second}.{tenth} resp A req={last} t4=100 int=127 unicast from=1"));
                }
                all.extend(sent);
            }
        }
        (all, fallbacks)
    }

    #[test]
    fn requests_go_to_the_master_alone_while_they_are_answered() {
        let (sent, fallbacks) = run(&mut following(), 3..40, true);
        assert!(sent.len() > 20, "{sent:?}");
        assert!(sent.iter().all(|(to, flag, _)| (*to, *flag) == (MASTER, true)), "{sent:?}");
        assert_eq!(fallbacks, 0);
    }

    #[test]
    fn without_the_option_they_go_to_the_group() {
        let mut script = Script::following(config());
        let (sent, _) = run(&mut script, 3..10, true);
        assert!(!sent.is_empty() && sent.iter().all(|(to, flag, _)| (*to, *flag) == (None, false)), "{sent:?}");
    }

    #[test]
    fn after_three_without_an_answer_they_go_to_the_group_for_a_minute_and_one_tries_again() {
        let mut script = following();
        let (sent, fallbacks) = run(&mut script, 3..50, false);
        let alone = sent.iter().filter(|(to, ..)| *to == MASTER).count();
        assert!((3..=8).contains(&alone), "{sent:?}");
        assert_eq!(fallbacks, 1);
        assert!(sent[alone..].iter().all(|(to, flag, _)| (*to, *flag) == (None, false)), "{sent:?}");
        // Some time later: one that is lost, and then the group again.
        let (sent, fallbacks) = run(&mut script, 50..110, false);
        assert!((1..=4).contains(&sent.iter().filter(|(to, ..)| *to == MASTER).count()), "{sent:?}");
        assert_eq!(fallbacks, 1);
        // And when it answers again, so they stay.
        let (sent, fallbacks) = run(&mut script, 110..220, true);
        assert_eq!((sent.last().unwrap().0, fallbacks), (MASTER, 0));
    }

    #[test]
    fn another_parent_is_asked_where_it_is() {
        let mut script = following();
        run(&mut script, 3..6, false);
        for second in 6..9 {
            script.line(&format!("{second} announce B seq={second} p1=5 from=2"));
        }
        let sent = requests(&script.line("12 run"));
        assert!(sent.len() >= 3, "{sent:?}");
        assert!(sent[..3].iter().all(|(to, ..)| *to == Some(Address::V4([10, 0, 0, 2]))), "{sent:?}");
    }

    #[test]
    fn a_master_answers_a_request_that_came_to_it_alone_to_the_sender_alone() {
        let mut script = Script::new(Config { role: Role::Master, ..config() });
        script.line("0 link up");
        script.line("0 line ahead=0");
        script.line("0 decide m2");
        let mut answer = |line: &str| {
            let effects = script.line(line);
            let sent = effects.iter().find_map(|effect| match effect {
                Effect::Send { frame, to, .. } => Some((*frame, *to)),
                _ => None,
            });
            let (frame, to) = sent.expect("an answer");
            let header = parse(frame.as_bytes()).unwrap().header;
            (to, header.flags.unicast(), header.log_message_interval.log2_seconds())
        };
        assert_eq!(answer("1 req B seq=1 t2=100 from=1 unicast"), (MASTER, true, 127));
        assert_eq!(answer("1 req B seq=2 t2=100 from=1"), (None, false, 0));
        assert_eq!(answer("1 req B seq=3 t2=100 unicast"), (None, false, 0), "nobody knows where it is");
    }
}
