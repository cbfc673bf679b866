//! Any bytes as what a broker sends: the codec reads back what it writes, and a session sees the same however the stream is cut.

use pronubes_mqtt::codec::{Packet, next_frame};
use pronubes_mqtt::{Event, Publish, QoS, Sender, Session, SessionConfig, State, Subscription, Version};

/// Panics when something that must hold does not. The first byte chooses version, direction and cuts; the rest is the stream.
pub fn check(data: &[u8]) {
    let Some((choice, stream)) = data.split_first() else { return };
    let version = if choice & 1 == 0 { Version::V311 } else { Version::V5 };
    let sender = if choice & 2 == 0 { Sender::Server } else { Sender::Client };
    packets(stream, version, sender);
    let whole = run(version, stream, stream.len().max(1));
    let sliced = run(version, stream, usize::from(choice >> 2) + 1);
    assert!(whole == sliced, "in pieces of {} the session saw something else", usize::from(choice >> 2) + 1);
}

fn packets(mut stream: &[u8], version: Version, sender: Sender) {
    while let Ok(Some(frame)) = next_frame(stream, 4_096) {
        stream = &stream[frame.size..];
        let Ok(packet) = Packet::decode(frame, version, sender) else { continue };
        let version = if let Packet::Connect(connect) = &packet { connect.version } else { version };
        let mut encoded = Vec::new();
        packet.encode(version, &mut encoded).expect("what was read can be written");
        let again = next_frame(&encoded, 8_192).expect("the frame is right").expect("the frame is whole");
        assert!(Packet::decode(again, version, sender) == Ok(packet));
    }
}

/// Events, output and error of a session that is fed the stream in pieces.
fn run(version: Version, stream: &[u8], size: usize) -> (Vec<String>, Vec<u8>, Option<&'static str>, State) {
    let mut config = SessionConfig::new(version, "fuzz");
    (config.clean_start, config.receive_maximum, config.maximum_packet_size) = (false, 5, 4_096);
    config.subscriptions = vec![Subscription::new("a/#", QoS::AtLeastOnce)];
    let mut session = Session::new(config);
    session.opened(0);
    let connack: &[u8] = if version == Version::V311 { &[0x20, 2, 1, 0] } else { &[0x20, 3, 1, 0, 0] };
    session.receive(connack, 1, &mut |_| {}).expect("CONNACK is accepted");
    for token in 0..3 {
        let message = Publish { topic: b"b", qos: QoS::AtLeastOnce, ..Publish::default() };
        session.publish(message, token).expect("there is room");
    }
    let (mut events, mut error) = (Vec::new(), None);
    for piece in stream.chunks(size) {
        let outcome = session.receive(piece, 2, &mut |event| {
            if let Event::Publish(message) = &event {
                let topic = std::str::from_utf8(message.topic).expect("topics are UTF-8");
                assert!(!topic.is_empty() && !topic.contains(['+', '#', '\0']));
            }
            events.push(format!("{event:?}"));
        });
        error = error.or(outcome.err().map(|error| error.code()));
        assert!(session.buffered() <= 8_192 && session.inflight() <= 3 && session.unacknowledged().0 <= 65_535);
    }
    (events, session.output().clone(), error, session.state())
}
