//! A broker by hand, one per connection. As a source it delivers and sends again what is not acknowledged; as a sink it takes
//! messages and confirms when the test lets it. It checks what only a broker can see: acknowledgements in order, no id twice.

use std::collections::VecDeque;

use pronubes_mqtt::codec::{Ack, ConnAck, Packet, Properties, PublishPacket, SubAck, next_frame};
use pronubes_mqtt::{QoS, Reason, Sender, Version};

/// A message as a broker sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub topic: String,
    pub payload: String,
    pub qos: u8,
    pub retain: bool,
    pub is_replayed: bool,
}

/// A broker on one connection.
pub struct Broker {
    pub version: Version,
    pub is_connected: bool,
    /// What it has yet to send to the client.
    pub outbox: Vec<u8>,
    /// Delivered at QoS 1 and not acknowledged, in order.
    pub unacked: VecDeque<(u16, String, String)>,
    /// Payloads whose delivery the client acknowledged.
    pub acknowledged: Vec<String>,
    /// What the client published, in order, repetitions included.
    pub seen: Vec<Seen>,
    /// Payloads of QoS 1 messages that it confirmed.
    pub confirmed: Vec<String>,
    /// QoS 1 messages that it has not confirmed yet.
    pub unconfirmed: VecDeque<(u16, String)>,
    /// Whether it confirms at once.
    pub confirms: bool,
    /// Payloads that it refuses.
    pub refuses: Vec<String>,
    pub pings: usize,
    pub disconnects: usize,
    inbox: Vec<u8>,
    next_id: u16,
}

impl Broker {
    pub fn new(version: Version) -> Self {
        Self {
            version,
            is_connected: false,
            outbox: Vec::new(),
            unacked: VecDeque::new(),
            acknowledged: Vec::new(),
            seen: Vec::new(),
            confirmed: Vec::new(),
            unconfirmed: VecDeque::new(),
            confirms: true,
            refuses: Vec::new(),
            pings: 0,
            disconnects: 0,
            inbox: Vec::new(),
            next_id: 0,
        }
    }

    fn send(&mut self, packet: Packet<'_>) {
        packet.encode(self.version, &mut self.outbox).expect("the broker sends what can be encoded");
    }

    fn send_publish(&mut self, topic: &str, payload: &str, packet_id: u16, dup: bool) {
        let qos = if packet_id == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
        let (topic, payload) = (topic.as_bytes(), payload.as_bytes());
        self.send(Packet::Publish(PublishPacket { topic, payload, packet_id, qos, dup, ..PublishPacket::default() }));
    }

    /// A message for the client; at QoS 1 it is kept until it is acknowledged, connected or not.
    pub fn deliver(&mut self, topic: &str, payload: &str, qos: u8) {
        if qos == 0 {
            if self.is_connected {
                self.send_publish(topic, payload, 0, false);
            }
            return;
        }
        self.next_id = self.next_id % 65_535 + 1;
        let id = self.next_id;
        self.unacked.push_back((id, topic.to_owned(), payload.to_owned()));
        if self.is_connected {
            self.send_publish(topic, payload, id, false);
        }
    }

    /// The connection is gone: what was not confirmed never will be under this id.
    pub fn cut(&mut self) {
        self.is_connected = false;
        self.outbox.clear();
        self.inbox.clear();
        self.unconfirmed.clear();
    }

    /// Confirms up to `count` of the messages that wait for it, oldest first.
    pub fn confirm(&mut self, count: usize) {
        for _ in 0..count {
            let Some((packet_id, payload)) = self.unconfirmed.pop_front() else { return };
            let is_refused = self.refuses.contains(&payload);
            let reason = if is_refused { Reason::NOT_AUTHORIZED } else { Reason::SUCCESS };
            if !is_refused {
                self.confirmed.push(payload);
            }
            self.send(Packet::PubAck(Ack { packet_id, reason, properties: Properties::default() }));
        }
    }

    /// Bytes from the client.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.inbox.extend_from_slice(bytes);
        let inbox = std::mem::take(&mut self.inbox);
        let mut rest = &inbox[..];
        while let Some(frame) = next_frame(rest, u32::MAX).expect("the client sends whole frames") {
            let packet = Packet::decode(frame, self.version, Sender::Client).expect("the client sends valid packets");
            self.on_packet(packet);
            rest = &rest[frame.size..];
        }
        self.inbox = rest.to_vec();
    }

    fn on_packet(&mut self, packet: Packet<'_>) {
        match packet {
            Packet::Connect(connect) => self.on_connect(connect.clean_start),
            Packet::Subscribe(request) => {
                let codes: Vec<u8> = request.filters.iter().map(|(_, options)| options.qos as u8).collect();
                let (packet_id, properties) = (request.packet_id, Properties::default());
                self.send(Packet::SubAck(SubAck { packet_id, properties, codes: &codes }));
            }
            Packet::Publish(publish) => self.on_publish(&publish),
            Packet::PubAck(ack) => {
                let (packet_id, _, payload) = self.unacked.pop_front().expect("something is unacknowledged");
                assert_eq!(ack.packet_id, packet_id, "acknowledgements come in the order of the messages");
                self.acknowledged.push(payload);
            }
            Packet::PingReq => {
                self.pings += 1;
                self.send(Packet::PingResp);
            }
            Packet::Disconnect(_) => self.disconnects += 1,
            _ => panic!("the client sends no other packets"),
        }
    }

    fn on_connect(&mut self, is_clean: bool) {
        self.is_connected = true;
        if is_clean {
            self.unacked.clear();
        }
        let session_present = !is_clean && self.next_id > 0;
        let (reason, properties) = (Reason::SUCCESS, Properties::default());
        self.send(Packet::ConnAck(ConnAck { session_present, reason, properties }));
        for (id, topic, payload) in self.unacked.clone() {
            self.send_publish(&topic, &payload, id, true);
        }
    }

    fn on_publish(&mut self, publish: &PublishPacket<'_>) {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("the tests use text");
        let (topic, payload) = (text(publish.topic), text(publish.payload));
        let mut marks = publish.properties.user_properties();
        let is_replayed = marks.any(|(name, value)| (name, value) == (b"pronubes-replayed", b"true"));
        let (qos, retain) = (publish.qos as u8, publish.retain);
        self.seen.push(Seen { topic, payload: payload.clone(), qos, retain, is_replayed });
        if publish.packet_id == 0 {
            return;
        }
        let is_new = self.unconfirmed.iter().all(|(id, _)| *id != publish.packet_id);
        assert!(is_new, "a packet id is used again before it was confirmed");
        self.unconfirmed.push_back((publish.packet_id, payload));
        if self.confirms {
            self.confirm(1);
        }
    }
}
