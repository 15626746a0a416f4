//! Reading the sockets of a port, and what a message of each means for the other.

use super::{BATCHES_MAX, CROWD, CROWDED, CROWDED_FOR, LINK_AFTERMATH, LOOK_EVERY, PortLoop, PtpEngine};
use crate::engine::Emit;
use crate::net::Arrived;
use crate::ptp::{Channel, Input};
use crate::time::{Mono, Timestamp};
use crate::wire::ptp::MessageType;

impl<E: PtpEngine> PortLoop<E> {
    /// Messages of the general socket, and the Sync whose Follow_Up is among them.
    pub(super) fn take_general(&mut self, now: Timestamp<Mono>, had_general: bool, is_lull_over: bool) {
        self.outlet.channel = Channel::General;
        if is_lull_over {
            let mut follow_ups = 0;
            for _ in 0..CROWD {
                self.outlet.has_forward = false;
                let Some(found) = self.take_one(Channel::General, now) else { break };
                follow_ups += found;
                if found > 0 {
                    self.take_sync(now);
                }
            }
            self.lull.found(now, self.outlet.sync_interval, follow_ups);
            return;
        }
        if !self.outlet.is_two_step() {
            self.take_packets(Channel::General, now);
            return;
        }
        self.outlet.has_forward = false;
        let is_crowded = had_general && now - self.slept_at < CROWDED;
        let follow_ups = if is_crowded {
            Some(self.take_packets(Channel::General, now))
        } else {
            self.take_one(Channel::General, now)
        };
        if follow_ups.is_some_and(|follow_ups| follow_ups > 0) {
            self.lull.came(now, self.outlet.sync_interval);
            self.take_sync(now);
        }
    }

    /// Reads the event socket up to the Sync whose Follow_Up has just been read. In most cases it is waiting, and before it what was
    /// answered meanwhile; if not, everything is read.
    fn take_sync(&mut self, now: Timestamp<Mono>) {
        self.look_at = now + LOOK_EVERY;
        for _ in 0..CROWD {
            if self.outlet.has_forward && !self.outlet.awaits_answers() {
                return;
            }
            if self.take_one(Channel::Event, now).is_none() {
                self.outlet.all_is_read();
                return;
            }
        }
        self.take_packets(Channel::Event, now);
        self.crowded_until = now + CROWDED_FOR;
    }

    /// Reads one packet; returns how many Follow_Up that was, `None` without a packet.
    fn take_one(&mut self, channel: Channel, now: Timestamp<Mono>) -> Option<usize> {
        let (engine, outlet, effects) = (&mut self.engine, &mut self.outlet, &mut self.effects);
        let mut follow_ups = 0;
        // An error of the socket as a whole is told once, and the next read goes on.
        let found = self.sockets.receive_one(channel, |arrived| {
            follow_ups = usize::from(is_follow_up(arrived.bytes));
            outlet.links.management.iter_mut().for_each(|links| links.take(&arrived));
            let input = input_of(&arrived);
            engine.step(now, input, &mut Emit(|effect| effects.take(&effect, outlet, now)));
        });
        self.send_all(now);
        matches!(found, Ok(true)).then_some(follow_ups)
    }

    /// Reads a socket until it is empty; returns how many Follow_Up there were.
    pub(super) fn take_packets(&mut self, channel: Channel, now: Timestamp<Mono>) -> usize {
        let (mut follow_ups, mut count) = (0, 0);
        if channel == Channel::Event {
            self.look_at = now + LOOK_EVERY;
        }
        self.answers.were_all = true;
        for _ in 0..BATCHES_MAX {
            let (engine, outlet, effects) = (&mut self.engine, &mut self.outlet, &mut self.effects);
            let (is_down, mut has_arrived) = (!self.is_up, false);
            outlet.channel = channel;
            let answers = &mut self.answers;
            let may_be_plain = answers.are_open && outlet.is_master();
            let received = self.sockets.receive(channel, |arrived| {
                has_arrived = true;
                count += 1;
                if may_be_plain && answers.take(&arrived, engine) {
                    return;
                }
                answers.were_all = false;
                follow_ups += usize::from(is_follow_up(arrived.bytes));
                outlet.links.management.iter_mut().for_each(|links| links.take(&arrived));
                let input = input_of(&arrived);
                engine.step(now, input, &mut Emit(|effect| effects.take(&effect, outlet, now)));
            });
            // What must be sent waits until the batch's buffer is free again, and goes in one.
            self.send_answers(now);
            if !self.answers.were_all || self.pending_len > 0 {
                self.send_all(now);
            }
            if is_down && has_arrived && now - self.down_at >= LINK_AFTERMATH {
                // What arrives proves the link, before the control thread has looked at it again.
                self.set_link(now, true);
            }
            if !matches!(received, Ok(true)) {
                break;
            }
        }
        if channel == Channel::Event
            && self.outlet.is_master()
            && let Some(until) = self.crowd.arrived(now, count)
        {
            (self.rest_until, self.look_at) = (until, until);
        }
        follow_ups
    }
}

fn input_of<'a>(arrived: &Arrived<'a>) -> Input<'a> {
    let Arrived { bytes, channel, stamp, from } = *arrived;
    Input::Received { bytes, channel, stamp, from }
}

fn is_follow_up(message: &[u8]) -> bool {
    message.first().is_some_and(|octet| octet & 0x0f == MessageType::FollowUp as u8)
}
