//! QoS 1 messages on their way to the broker: packet ids, the encoded packets for sending again, the quota.
//!
//! Rules of this file:
//! 1. A packet id is given out again only after its PUBACK, the id that has rested longest first.
//! 2. Packets lie in one byte ring in the order they were published, and are sent again in that order.
//! 3. `entries[..sent]` were sent on this connection; the rest waits for quota (after a reconnect).
//! 4. Nothing is kept outside this window, so a lost session cannot leave a message in between (rumqtt#1056).

use super::config::Limits;
use crate::codec::publish::DUP;
use crate::protocol::QoS;
use crate::reason::Reason;
use std::collections::VecDeque;

/// Packet ids above this are for SUBSCRIBE and UNSUBSCRIBE.
pub(super) const LAST_PUBLISH_ID: u16 = 65_000;
const NO_ENTRY: u64 = u64::MAX;
const RETAIN: u8 = 1;
const RELEASED_KEPT: usize = 16 * 1024;

#[derive(Debug, Clone, Copy)]
struct Entry {
    token: u64,
    label: u64,
    length: u32,
    packet_id: u16,
    /// Acknowledged or refused; kept until everything before it is done too.
    is_done: bool,
    /// Sent in this session before: DUP is set when it is sent again.
    was_sent: bool,
}

/// The window of unacknowledged messages.
#[derive(Debug)]
pub(super) struct Inflight {
    entries: VecDeque<Entry>,
    ring: VecDeque<u8>,
    /// Bytes at the front of the ring that are done with; they are cut off in large pieces.
    released: usize,
    /// Number of `entries[0]` since the start.
    first_number: u64,
    /// Number of each packet id's entry, at `packet_id - 1`.
    by_id: Vec<u64>,
    free_ids: VecDeque<u16>,
    /// How many entries were sent on this connection, and where in the ring they end.
    sent: usize,
    sent_bytes: usize,
    unacknowledged: usize,
    unacknowledged_bytes: usize,
    /// Of those, sent on this connection: what the broker's Receive Maximum counts.
    awaited: usize,
    quota: usize,
    max_bytes: usize,
}

impl Inflight {
    pub(super) fn new(max_inflight: u16, max_bytes: usize) -> Self {
        let ids = max_inflight.clamp(1, LAST_PUBLISH_ID);
        Self {
            entries: VecDeque::new(),
            ring: VecDeque::new(),
            released: 0,
            first_number: 0,
            by_id: vec![NO_ENTRY; usize::from(ids)],
            free_ids: (1..=ids).collect(),
            sent: 0,
            sent_bytes: 0,
            unacknowledged: 0,
            unacknowledged_bytes: 0,
            awaited: 0,
            quota: 0,
            max_bytes,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.unacknowledged
    }

    pub(super) const fn bytes(&self) -> usize {
        self.unacknowledged_bytes
    }

    /// True when one more message of this size may be sent now. While messages wait to be sent again, they use up the quota.
    #[inline]
    pub(super) fn has_room(&self, size: usize) -> bool {
        self.awaited < self.quota
            && self.ring.len() - self.released + size <= self.max_bytes
            && !self.free_ids.is_empty()
    }

    /// The packet id that the next [`Self::push`] uses.
    #[inline]
    pub(super) fn next_id(&self) -> Option<u16> {
        self.free_ids.front().copied()
    }

    /// Keeps a packet that was just written with [`Self::next_id`].
    #[inline]
    pub(super) fn push(&mut self, packet: &[u8], token: u64, label: u64) {
        debug_assert!(!self.has_waiting(), "messages that wait use up the quota, so none overtakes them");
        let Some(packet_id) = self.free_ids.pop_front() else { return };
        self.by_id[usize::from(packet_id) - 1] = self.first_number + self.entries.len() as u64;
        let length = packet.len() as u32;
        self.entries.push_back(Entry { token, label, length, packet_id, is_done: false, was_sent: true });
        self.ring.extend(packet);
        self.sent += 1;
        self.sent_bytes += packet.len();
        self.unacknowledged += 1;
        self.unacknowledged_bytes += packet.len();
        self.awaited += 1;
    }

    /// PUBACK: the message's token, or nothing when that id was not sent on this connection or is acknowledged already.
    #[inline]
    pub(super) fn acknowledge(&mut self, packet_id: u16) -> Option<u64> {
        if let Some(entry) = self.entries.front().filter(|entry| entry.packet_id == packet_id && !entry.is_done)
            && self.sent > 0
        {
            let Entry { token, length, .. } = *entry;
            self.acknowledge_first(packet_id, length as usize);
            return Some(token);
        }
        let number = *self.by_id.get(usize::from(packet_id).checked_sub(1)?)?;
        let at = usize::try_from(number.checked_sub(self.first_number)?).ok().filter(|at| *at < self.sent)?;
        let token = self.finish(at);
        self.awaited -= 1;
        self.drop_done();
        Some(token)
    }

    /// PUBACK of the oldest message: brokers answer in order, so nearly always.
    #[inline]
    fn acknowledge_first(&mut self, packet_id: u16, length: usize) {
        self.entries.pop_front();
        self.by_id[usize::from(packet_id) - 1] = NO_ENTRY;
        self.free_ids.push_back(packet_id);
        self.first_number += 1;
        self.sent -= 1;
        self.awaited -= 1;
        self.unacknowledged -= 1;
        self.unacknowledged_bytes -= length;
        self.released += length;
        if self.released > RELEASED_KEPT || self.entries.front().is_none_or(|entry| entry.is_done) {
            self.drop_done();
        }
    }

    /// Packet and label of an id that [`Self::acknowledge`] would take now. It is searched for: refusals are rare.
    pub(super) fn packet(&self, packet_id: u16) -> Option<(Vec<u8>, u64)> {
        let number = *self.by_id.get(usize::from(packet_id).checked_sub(1)?)?;
        let at = usize::try_from(number.checked_sub(self.first_number)?).ok().filter(|at| *at < self.sent)?;
        let before: usize = self.entries.range(..at).map(|entry| entry.length as usize).sum();
        let mut packet = Vec::new();
        self.copy_out(self.released + before, self.entries[at].length as usize, false, &mut packet);
        Some((packet, self.entries[at].label))
    }

    /// Gives everything up that is not acknowledged, in order: token, label and packet.
    pub(super) fn give_up(&mut self, mut on_message: impl FnMut(u64, u64, &[u8])) {
        self.disconnected();
        let mut from = self.released;
        let mut packet = Vec::new();
        for at in 0..self.entries.len() {
            let Entry { label, length, is_done, .. } = self.entries[at];
            if !is_done {
                packet.clear();
                self.copy_out(from, length as usize, false, &mut packet);
                on_message(self.finish(at), label, &packet);
            }
            from += length as usize;
        }
        self.first_number += self.entries.len() as u64;
        self.entries.clear();
        self.drop_done();
    }

    /// Marks an entry as done and frees its id.
    #[inline]
    fn finish(&mut self, at: usize) -> u64 {
        let entry = &mut self.entries[at];
        entry.is_done = true;
        self.by_id[usize::from(entry.packet_id) - 1] = NO_ENTRY;
        self.free_ids.push_back(entry.packet_id);
        self.unacknowledged -= 1;
        self.unacknowledged_bytes -= entry.length as usize;
        entry.token
    }

    #[inline]
    fn drop_done(&mut self) {
        while self.sent > 0 && self.entries.front().is_some_and(|entry| entry.is_done) {
            if let Some(entry) = self.entries.pop_front() {
                self.released += entry.length as usize;
                self.sent -= 1;
                self.first_number += 1;
            }
        }
        if self.entries.is_empty() {
            self.ring.clear();
            (self.released, self.sent_bytes) = (0, 0);
        } else if self.released > RELEASED_KEPT {
            self.ring.drain(..self.released);
            self.sent_bytes -= self.released;
            self.released = 0;
        }
    }

    /// True when messages wait for quota to be sent again.
    #[inline]
    pub(super) fn has_waiting(&self) -> bool {
        self.sent < self.entries.len()
    }

    /// The connection is gone: acknowledgements on it are void, everything left waits to be sent again.
    pub(super) fn disconnected(&mut self) {
        self.sent = 0;
        self.sent_bytes = self.released;
        self.awaited = 0;
        self.quota = 0;
    }

    /// A new connection. Without a stored session everything is new to the broker.
    pub(super) fn connected(&mut self, quota: u16, session_present: bool) {
        self.quota = usize::from(quota);
        if !session_present {
            self.entries.iter_mut().for_each(|entry| entry.was_sent = false);
        }
    }

    /// Sends what waits, as far as the quota goes. What the broker's new limits forbid is taken out and reported.
    /// Returns how many were sent.
    pub(super) fn send_waiting(
        &mut self,
        limits: &Limits,
        out: &mut Vec<u8>,
        mut refused: impl FnMut(u64, u64, Reason, &[u8]),
    ) -> u64 {
        let mut count = 0;
        while self.sent < self.entries.len() && self.awaited < self.quota {
            let entry = self.entries[self.sent];
            let length = entry.length as usize;
            if !entry.is_done {
                match self.forbidden(entry, limits) {
                    Some(reason) => {
                        let mut packet = Vec::new();
                        self.copy_out(self.sent_bytes, length, false, &mut packet);
                        refused(self.finish(self.sent), entry.label, reason, &packet);
                    }
                    None => {
                        self.copy_out(self.sent_bytes, length, entry.was_sent, out);
                        self.entries[self.sent].was_sent = true;
                        self.awaited += 1;
                        count += 1;
                    }
                }
            }
            self.sent += 1;
            self.sent_bytes += length;
        }
        self.drop_done();
        count
    }

    fn forbidden(&self, entry: Entry, limits: &Limits) -> Option<Reason> {
        if limits.maximum_qos == QoS::AtMostOnce {
            Some(Reason::QOS_NOT_SUPPORTED)
        } else if !limits.retain_available && self.ring[self.sent_bytes] & RETAIN != 0 {
            Some(Reason::RETAIN_NOT_SUPPORTED)
        } else if entry.length > limits.maximum_packet_size {
            Some(Reason::PACKET_TOO_LARGE)
        } else {
            None
        }
    }

    /// Copies the packet that begins at `from`, setting or clearing DUP.
    fn copy_out(&self, from: usize, length: usize, is_dup: bool, out: &mut Vec<u8>) {
        let start = out.len();
        let (front, back) = self.ring.as_slices();
        let to = from + length;
        out.extend_from_slice(front.get(from..to.min(front.len())).unwrap_or_default());
        out.extend_from_slice(&back[from.saturating_sub(front.len())..to.saturating_sub(front.len())]);
        out[start] = if is_dup { out[start] | DUP } else { out[start] & !DUP };
    }
}
