//! QoS 1 messages from the broker that are not acknowledged yet.
//!
//! PUBACKs leave in the order the messages came (MQTT 5 [MQTT-4.6.0-2]), whatever order the caller settles them in. An
//! acknowledgement that belongs to an earlier connection is void: the broker sends that message again.

use crate::codec::PacketType;
use std::collections::VecDeque;

/// Names one received QoS 1 message of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AckHandle {
    epoch: u32,
    sequence: u32,
}

impl AckHandle {
    /// As one number, for callers that keep handles in a column.
    pub const fn to_raw(self) -> u64 {
        (self.epoch as u64) << 32 | self.sequence as u64
    }

    /// Back from [`Self::to_raw`].
    pub const fn from_raw(raw: u64) -> Self {
        Self { epoch: (raw >> 32) as u32, sequence: raw as u32 }
    }
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    packet_id: u16,
    is_settled: bool,
    size: u32,
}

/// The ledger of one connection.
#[derive(Debug)]
pub(super) struct Received {
    waiting: VecDeque<Waiting>,
    first_sequence: u32,
    epoch: u32,
    /// One bit for each packet id in use.
    in_use: Box<[u64; 1024]>,
    bytes: usize,
}

impl Received {
    pub(super) fn new() -> Self {
        Self { waiting: VecDeque::new(), first_sequence: 0, epoch: 0, in_use: Box::new([0; 1024]), bytes: 0 }
    }

    /// A new connection: everything of the old one is void.
    pub(super) fn reset(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        self.waiting.clear();
        self.first_sequence = 0;
        self.in_use.fill(0);
        self.bytes = 0;
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    #[inline]
    pub(super) fn is_in_use(&self, packet_id: u16) -> bool {
        self.in_use[usize::from(packet_id >> 6)] & 1 << (packet_id & 63) != 0
    }

    /// Notes a message whose id is not in use.
    #[inline]
    pub(super) fn push(&mut self, packet_id: u16, size: usize) -> AckHandle {
        self.in_use[usize::from(packet_id >> 6)] |= 1 << (packet_id & 63);
        let sequence = self.first_sequence.wrapping_add(self.waiting.len() as u32);
        self.waiting.push_back(Waiting { packet_id, is_settled: false, size: size as u32 });
        self.bytes += size;
        AckHandle { epoch: self.epoch, sequence }
    }

    /// Settles one message; PUBACKs go out for the settled front. False when the handle is of an earlier connection or settled.
    #[inline]
    pub(super) fn acknowledge(&mut self, handle: AckHandle, out: &mut Vec<u8>) -> Option<u64> {
        let at = self.position(handle)?;
        let waiting = self.waiting.get_mut(at).filter(|waiting| !waiting.is_settled)?;
        waiting.is_settled = true;
        Some(if at == 0 { self.send_settled(out) } else { 0 })
    }

    /// Settles this message and all before it.
    pub(super) fn acknowledge_through(&mut self, handle: AckHandle, out: &mut Vec<u8>) -> Option<u64> {
        let at = self.position(handle)?;
        out.reserve(4 * (at + 1));
        for Waiting { packet_id, size, .. } in self.waiting.drain(..=at) {
            put_puback(packet_id, out);
            self.in_use[usize::from(packet_id >> 6)] &= !(1 << (packet_id & 63));
            self.bytes -= size as usize;
        }
        self.first_sequence = self.first_sequence.wrapping_add(at as u32 + 1);
        Some(at as u64 + 1 + self.send_settled(out))
    }

    #[inline]
    fn position(&self, handle: AckHandle) -> Option<usize> {
        let at = handle.sequence.wrapping_sub(self.first_sequence) as usize;
        (handle.epoch == self.epoch && at < self.waiting.len()).then_some(at)
    }

    #[inline]
    fn send_settled(&mut self, out: &mut Vec<u8>) -> u64 {
        let mut count = 0;
        while let Some(Waiting { packet_id, is_settled: true, size }) = self.waiting.front().copied() {
            put_puback(packet_id, out);
            self.in_use[usize::from(packet_id >> 6)] &= !(1 << (packet_id & 63));
            self.bytes -= size as usize;
            self.waiting.pop_front();
            self.first_sequence = self.first_sequence.wrapping_add(1);
            count += 1;
        }
        count
    }
}

#[inline]
fn put_puback(packet_id: u16, out: &mut Vec<u8>) {
    let [high, low] = packet_id.to_be_bytes();
    out.extend_from_slice(&[PacketType::PubAck.first_byte(), 2, high, low]);
}
