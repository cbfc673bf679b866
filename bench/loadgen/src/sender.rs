//! Sends the inputs: packets built beforehand, copied out with packet id and round written in.

use crate::codec::{self, Version};
use crate::histogram::Histogram;
use crate::pace::Pace;
use crate::workload::{MAX_ROUNDS, ROUND_AT, ROUND_DIGITS, Slot, id_positions};

/// Bytes that may wait for the socket before more is written behind them.
const ENOUGH: usize = 64 * 1024;

#[derive(Debug)]
struct Item {
    start: usize,
    end: usize,
    /// Where the packet id stands, from the start; unused at QoS 0.
    packet_id_at: usize,
    /// Where rounds stand, from the start: a range of `Sender::rounds_at`.
    rounds: std::ops::Range<usize>,
    outputs: u64,
}

/// What bounds the messages of a phase.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Phase {
    pub(crate) pace: Pace,
    pub(crate) began: u64,
    /// Messages of this phase at most.
    pub(crate) limit: u64,
    /// Outputs that may be on their way.
    pub(crate) max_in_flight: u64,
}

/// The publishing half of the generator.
#[derive(Debug)]
pub(crate) struct Sender {
    bytes: Vec<u8>,
    items: Vec<Item>,
    rounds_at: Vec<usize>,
    qos: u8,
    window: usize,
    phase: Phase,
    phase_sent: u64,
    slot: usize,
    round: u64,
    round_text: [u8; ROUND_DIGITS],
    next_packet_id: u16,
    unacked: usize,
    /// Number of the message + 1 by packet id; 0 when the id is free.
    waiting: Vec<u64>,
    sent_at: Vec<u64>,
    pub(crate) sent: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) expected: u64,
    pub(crate) acked: u64,
    acked_outputs: u64,
    /// Most outputs that were missing while their inputs had been acknowledged already.
    pub(crate) acked_ahead: u64,
    pub(crate) strange_acks: u64,
    pub(crate) ack_latency: Histogram,
}

impl Sender {
    /// Builds the packets of all slots for the version that the router speaks.
    pub(crate) fn new(
        slots: &[Slot],
        version: Version,
        qos: u8,
        window: usize,
        max_in_flight: u64,
    ) -> Result<Self, String> {
        let (mut bytes, mut items, mut rounds_at) = (Vec::new(), Vec::with_capacity(slots.len()), Vec::new());
        for (number, slot) in slots.iter().enumerate() {
            let (start, first_round) = (bytes.len(), rounds_at.len());
            let payload_at =
                codec::write_publish(version, qos, slot.topic.as_bytes(), slot.payload.as_bytes(), &mut bytes)
                    .ok_or("a topic is longer than 65,535 bytes")?
                    - start;
            rounds_at.extend(id_positions(&slot.payload, number as u32).map(|at| payload_at + at + ROUND_AT));
            let properties = usize::from(version == Version::V5);
            let packet_id_at = payload_at - properties - 2;
            let rounds = first_round..rounds_at.len();
            items.push(Item { start, end: bytes.len(), packet_id_at, rounds, outputs: slot.outputs as u64 });
        }
        let stamps = (max_in_flight * 2).next_power_of_two().max(1 << 17);
        Ok(Self {
            bytes,
            items,
            rounds_at,
            qos,
            window: window.min(usize::from(u16::MAX)),
            phase: Phase { pace: Pace::None, began: 0, limit: 0, max_in_flight },
            phase_sent: 0,
            slot: 0,
            round: 0,
            round_text: *b"00000",
            next_packet_id: 1,
            unacked: 0,
            waiting: vec![0; 1 << 16],
            sent_at: vec![0; stamps as usize],
            sent: 0,
            sent_bytes: 0,
            expected: 0,
            acked: 0,
            acked_outputs: 0,
            acked_ahead: 0,
            strange_acks: 0,
            ack_latency: Histogram::new(),
        })
    }

    pub(crate) fn begin(&mut self, phase: Phase) {
        self.phase = phase;
        self.phase_sent = 0;
    }

    /// Nothing more until the next phase.
    pub(crate) fn stop(&mut self) {
        self.phase.limit = 0;
    }

    /// All inputs of the phase are out.
    pub(crate) fn is_done(&self) -> bool {
        self.phase_sent >= self.phase.limit
    }

    /// Every id has been used.
    pub(crate) fn is_out_of_ids(&self) -> bool {
        self.round >= MAX_ROUNDS
    }

    /// No input waits for its acknowledgement.
    pub(crate) fn is_acknowledged(&self) -> bool {
        self.unacked == 0
    }

    /// When the input with this slot and round was sent, or should have been.
    pub(crate) fn sent_at(&self, slot: u32, round: u64) -> u64 {
        let number = round * self.items.len() as u64 + u64::from(slot);
        self.sent_at[number as usize & (self.sent_at.len() - 1)]
    }

    /// Writes what is due and allowed; answers how many messages.
    pub(crate) fn fill(&mut self, out: &mut Vec<u8>, returned: u64, now: u64) -> u64 {
        let due = self.phase.pace.due(now.saturating_sub(self.phase.began)).min(self.phase.limit);
        let before = self.phase_sent;
        while self.phase_sent < due
            && out.len() < ENOUGH
            && self.expected.saturating_sub(returned) < self.phase.max_in_flight
        {
            if self.round >= MAX_ROUNDS || !self.has_credit() {
                break;
            }
            self.publish(out, now);
        }
        self.phase_sent - before
    }

    fn has_credit(&self) -> bool {
        self.qos == 0 || (self.unacked < self.window && self.waiting[usize::from(self.next_packet_id)] == 0)
    }

    fn publish(&mut self, out: &mut Vec<u8>, now: u64) {
        let item = &self.items[self.slot];
        let at = out.len();
        out.extend_from_slice(&self.bytes[item.start..item.end]);
        for round_at in &self.rounds_at[item.rounds.clone()] {
            out[at + round_at..at + round_at + ROUND_DIGITS].copy_from_slice(&self.round_text);
        }
        self.sent_bytes += (item.end - item.start) as u64;
        self.expected += item.outputs;
        if self.qos > 0 {
            let id_at = at + item.packet_id_at;
            out[id_at..id_at + 2].copy_from_slice(&self.next_packet_id.to_be_bytes());
            self.waiting[usize::from(self.next_packet_id)] = self.sent + 1;
            self.next_packet_id = self.next_packet_id.checked_add(1).unwrap_or(1);
            self.unacked += 1;
        }
        let stamp = self.phase.pace.scheduled(self.phase_sent).map_or(now, |after| self.phase.began + after);
        let mask = self.sent_at.len() - 1;
        self.sent_at[self.sent as usize & mask] = stamp;
        self.sent += 1;
        self.phase_sent += 1;
        self.slot += 1;
        if self.slot == self.items.len() {
            self.slot = 0;
            self.round += 1;
            self.write_round();
        }
    }

    fn write_round(&mut self) {
        let mut rest = self.round;
        for digit in self.round_text.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    }

    /// Books a PUBACK; `returned` outputs have come so far.
    pub(crate) fn acknowledged(&mut self, packet_id: u16, returned: u64, now: u64) {
        let number = std::mem::take(&mut self.waiting[usize::from(packet_id)]);
        if number == 0 {
            self.strange_acks += 1;
            return;
        }
        let number = number - 1;
        self.unacked -= 1;
        self.acked += 1;
        self.acked_outputs += self.items[(number % self.items.len() as u64) as usize].outputs;
        self.acked_ahead = self.acked_ahead.max(self.acked_outputs.saturating_sub(returned));
        let stamp = self.sent_at[number as usize & (self.sent_at.len() - 1)];
        self.ack_latency.record(now.saturating_sub(stamp));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Packet, frame, packet};

    fn sender(qos: u8, window: usize) -> Sender {
        let slots = [0u32, 1].map(|slot| Slot {
            topic: "t".into(),
            payload: format!("[{}]", crate::workload::id_of(slot, 0)).into(),
            first_output: slot as usize,
            outputs: 1,
        });
        let mut sender = Sender::new(&slots, Version::V3, qos, window, 100).unwrap();
        sender.begin(Phase { pace: Pace::Flood, began: 0, limit: 5, max_in_flight: 100 });
        sender
    }

    fn payloads(mut bytes: &[u8]) -> Vec<(u16, String)> {
        let mut found = Vec::new();
        while let Some((first, body, length)) = frame(bytes).unwrap() {
            let Ok(Packet::Publish { payload, packet_id, .. }) = packet(first, body, Version::V3) else {
                panic!("{body:?}")
            };
            found.push((packet_id, String::from_utf8_lossy(payload).into_owned()));
            bytes = &bytes[length..];
        }
        found
    }

    #[test]
    fn rounds_and_packet_ids_are_written_into_the_copies() {
        let mut out = Vec::new();
        let mut sender = sender(1, 3);
        assert_eq!(sender.fill(&mut out, 0, 10), 3);
        assert_eq!(
            payloads(&out),
            [(1, "[1700000000000]".into()), (2, "[1700000000001]".into()), (3, "[1700001000000]".into())]
        );
        sender.acknowledged(2, 1, 30);
        sender.acknowledged(2, 1, 30);
        out.clear();
        assert_eq!((sender.fill(&mut out, 1, 40), payloads(&out)), (1, vec![(4, "[1700001000001]".into())]));
        assert_eq!((sender.strange_acks, sender.acked, sender.acked_ahead, sender.sent_at(0, 1)), (1, 1, 0, 10));
    }

    #[test]
    fn nothing_is_sent_beyond_limit_and_in_flight() {
        let mut sender = sender(0, 0);
        sender.phase.max_in_flight = 2;
        let mut out = Vec::new();
        assert_eq!((sender.fill(&mut out, 0, 0), sender.fill(&mut out, 0, 0), sender.fill(&mut out, 2, 0)), (2, 0, 2));
        sender.phase.max_in_flight = 100;
        assert_eq!((sender.fill(&mut out, 2, 0), sender.is_done()), (1, true));
    }

    #[test]
    fn an_ack_before_its_output_is_noticed() {
        let mut sender = sender(1, 10);
        sender.fill(&mut Vec::new(), 0, 0);
        sender.acknowledged(1, 0, 0);
        sender.acknowledged(2, 0, 0);
        assert_eq!(sender.acked_ahead, 2);
    }
}
