//! A broker by hand: opens a session, sends what a test says, writes down what the session sent and reported.

use pronubes_mqtt::codec::{
    Ack, ConnAck, Packet, Place, Properties, PropertyBuffer, PublishPacket, SubAck, next_frame,
};
use pronubes_mqtt::{AckHandle, Event, ProtocolError, Publish, QoS, Reason, Sender, Session, SessionConfig, Version};

/// Both protocol versions.
pub const VERSIONS: [Version; 2] = [Version::V311, Version::V5];

/// One second.
pub const SECOND: u64 = 1_000_000_000;

/// A session on a bench.
pub struct Bench {
    pub session: Session,
    pub version: Version,
    pub now: u64,
    /// What the session reported, one line an event.
    pub log: Vec<String>,
    pub handles: Vec<AckHandle>,
    /// Properties of the next CONNACK.
    pub connack: PropertyBuffer,
    /// Packet ids of the SUBSCRIBEs and UNSUBSCRIBEs seen.
    pub request_ids: Vec<u16>,
}

impl Bench {
    pub fn new(config: SessionConfig) -> Self {
        let version = config.version;
        Self {
            session: Session::new(config),
            version,
            now: SECOND,
            log: Vec::new(),
            handles: Vec::new(),
            connack: PropertyBuffer::new(Place::ConnAck),
            request_ids: Vec::new(),
        }
    }

    /// Transport up, CONNECT, CONNACK with success.
    pub fn open(&mut self, session_present: bool) {
        self.session.opened(self.now);
        let sent = self.sent();
        assert!(sent.len() == 1 && sent[0].starts_with("CONNECT"), "{sent:?}");
        let properties = self.connack.clone();
        let connack = ConnAck { session_present, reason: Reason::SUCCESS, properties: properties.properties() };
        self.broker_sends(Packet::ConnAck(connack)).expect("CONNACK is accepted");
    }

    /// Transport down.
    pub fn lose(&mut self) {
        self.session.closed(self.now);
    }

    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), ProtocolError> {
        let (log, handles) = (&mut self.log, &mut self.handles);
        self.session.receive(bytes, self.now, &mut |event| {
            if let Event::Publish(message) = &event {
                handles.extend(message.ack);
            }
            log.push(describe(event));
        })
    }

    pub fn broker_sends(&mut self, packet: Packet<'_>) -> Result<(), ProtocolError> {
        let mut bytes = Vec::new();
        packet.encode(self.version, &mut bytes).expect("the packet can be encoded");
        self.bytes(&bytes)
    }

    pub fn broker_delivers(&mut self, topic: &str, payload: &str, packet_id: u16) {
        let qos = if packet_id == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
        let (topic, payload) = (topic.as_bytes(), payload.as_bytes());
        let packet = PublishPacket { topic, payload, packet_id, qos, ..PublishPacket::default() };
        self.broker_sends(Packet::Publish(packet)).expect("the message is accepted");
    }

    pub fn broker_confirms(&mut self, packet_id: u16) {
        let ack = Ack { packet_id, reason: Reason::SUCCESS, properties: Properties::default() };
        self.broker_sends(Packet::PubAck(ack)).expect("the PUBACK is accepted");
    }

    /// Answers the oldest SUBSCRIBE that the session sent.
    pub fn broker_grants(&mut self, codes: &[u8]) {
        self.sent();
        self.answer_subscribe(codes).expect("the SUBACK is accepted");
    }

    /// Answers the oldest request with these codes, right or wrong.
    pub fn answer_subscribe(&mut self, codes: &[u8]) -> Result<(), ProtocolError> {
        let packet_id = self.request_ids.remove(0);
        self.broker_sends(Packet::SubAck(SubAck { packet_id, properties: Properties::default(), codes }))
    }

    /// What the session sent since the last call, one line a packet.
    pub fn sent(&mut self) -> Vec<String> {
        let bytes = std::mem::take(self.session.output());
        let mut rest = &bytes[..];
        let mut lines = Vec::new();
        while let Some(frame) = next_frame(rest, u32::MAX).expect("the session sends whole frames") {
            let packet = Packet::decode(frame, self.version, Sender::Client).expect("the session sends valid packets");
            if let Packet::Subscribe(request) = &packet {
                self.request_ids.push(request.packet_id);
            }
            if let Packet::Unsubscribe(request) = &packet {
                self.request_ids.push(request.packet_id);
            }
            lines.push(line(&packet));
            rest = &rest[frame.size..];
        }
        assert!(rest.is_empty(), "the session sends whole packets");
        lines
    }
}

/// A QoS 1 message.
pub fn publish_qos1<'a>(topic: &'a str, payload: &'a str) -> Publish<'a> {
    Publish { topic: topic.as_bytes(), payload: payload.as_bytes(), qos: QoS::AtLeastOnce, ..Publish::default() }
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// A packet as one line.
pub fn line(packet: &Packet<'_>) -> String {
    match packet {
        Packet::Connect(connect) => format!("CONNECT {} clean={}", text(connect.client_id), connect.clean_start),
        Packet::Publish(publish) => {
            let id = if publish.packet_id == 0 { String::new() } else { format!(" id={}", publish.packet_id) };
            let dup = if publish.dup { " dup" } else { "" };
            let retain = if publish.retain { " retain" } else { "" };
            format!("PUBLISH {} {}{id}{dup}{retain}", text(publish.topic), text(publish.payload))
        }
        Packet::PubAck(ack) => format!("PUBACK {}", ack.packet_id),
        Packet::Subscribe(request) => {
            let filters: Vec<String> = request
                .filters
                .iter()
                .map(|(filter, options)| format!("{}:{}", text(filter), options.qos as u8))
                .collect();
            format!("SUBSCRIBE {}", filters.join(" "))
        }
        Packet::Unsubscribe(request) => {
            let filters: Vec<String> = request.filters.iter().map(|(filter, _)| text(filter)).collect();
            format!("UNSUBSCRIBE {}", filters.join(" "))
        }
        Packet::PingReq => "PINGREQ".to_owned(),
        Packet::Disconnect(disconnect) => format!("DISCONNECT {}", disconnect.reason.name()),
        other => format!("{:?}", other.packet_type()),
    }
}

/// An event as one line.
pub fn describe(event: Event<'_>) -> String {
    match event {
        Event::Connected { session_present, .. } => format!("connected {session_present}"),
        Event::Refused { reason, retry, .. } => format!("refused {} {retry:?}", reason.name()),
        Event::Publish(message) => format!("publish {} {}", message.topic_text(), text(message.payload)),
        Event::Published { token } => format!("published {token}"),
        Event::PublishRefused { token, reason, .. } => format!("publish refused {token} {}", reason.name()),
        Event::Subscribed { index, qos } => format!("subscribed {index} {qos:?}"),
        Event::SubscribeRefused { index, reason, .. } => format!("subscribe refused {index} {}", reason.name()),
        Event::Unsubscribed { filter, reason } => format!("unsubscribed {filter} {}", reason.name()),
        Event::Disconnected { reason, .. } => format!("disconnected {}", reason.name()),
    }
}
