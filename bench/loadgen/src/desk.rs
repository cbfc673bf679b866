//! Where everything that comes from the router is answered and booked.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::broker::Link;
use crate::check::Checker;
use crate::codec::{self, Malformed, Packet, Version};
use crate::histogram::Histogram;
use crate::sender::Sender;
use crate::workload::Workload;

/// Judge, sender and times of a run.
pub(crate) struct Desk {
    pub(crate) checker: Checker,
    pub(crate) sender: Option<Sender>,
    pub(crate) latency: Histogram,
    pub(crate) subscribed_ns: Option<u64>,
    pub(crate) first_message_ns: Option<u64>,
}

/// What a connection turned out to be.
#[derive(Default)]
pub(crate) struct Role {
    receive_maximum: Option<u16>,
    is_source: bool,
    is_closed: bool,
}

impl Role {
    pub(crate) fn apply(&self, link: &mut Link) {
        if let Some(receive_maximum) = self.receive_maximum {
            link.is_connected = true;
            link.receive_maximum = receive_maximum;
        }
        link.is_source |= self.is_source;
        link.is_closed |= self.is_closed;
    }
}

impl Desk {
    pub(crate) fn new(workload: Workload) -> Self {
        Self {
            checker: Checker::new(workload),
            sender: None,
            latency: Histogram::new(),
            subscribed_ns: None,
            first_message_ns: None,
        }
    }

    /// Answers all whole packets in `input`; how many bytes they took.
    pub(crate) fn serve(
        &mut self,
        input: &[u8],
        output: &mut Vec<u8>,
        version: &mut Version,
        role: &mut Role,
        now: u64,
    ) -> Result<usize, Malformed> {
        let mut used = 0;
        while let Some((first, body, length)) = codec::frame(&input[used..])? {
            used += length;
            match codec::packet(first, body, *version)? {
                Packet::Publish { topic, payload, qos, packet_id } => {
                    self.returned(topic, payload, now);
                    if qos > 0 {
                        codec::write_puback(packet_id, output);
                    }
                }
                Packet::Puback { packet_id } => {
                    let returned = self.checker.ledger.returned;
                    if let Some(sender) = &mut self.sender {
                        sender.acknowledged(packet_id, returned, now);
                    }
                }
                Packet::Connect { version: spoken, receive_maximum } => {
                    *version = spoken;
                    role.receive_maximum = Some(receive_maximum);
                    codec::write_connack(spoken, output);
                }
                Packet::Subscribe { packet_id, granted } => {
                    role.is_source = true;
                    self.subscribed_ns.get_or_insert_with(wall_clock);
                    codec::write_suback(*version, packet_id, &granted, output);
                }
                Packet::Ping => codec::write_pong(output),
                Packet::Disconnect => role.is_closed = true,
                Packet::Other => {}
            }
        }
        Ok(used)
    }

    fn returned(&mut self, topic: &[u8], payload: &[u8], now: u64) {
        let Some(sender) = &self.sender else { return };
        let Some(accepted) = self.checker.accept(topic, payload, sender.sent) else { return };
        self.latency.record(now.saturating_sub(sender.sent_at(accepted.slot, accepted.round)));
        if self.first_message_ns.is_none() {
            self.first_message_ns = Some(wall_clock());
        }
    }
}

fn wall_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
