//! A message that the broker refuses comes back whole, whichever of those in flight it is, so that it can be quarantined.

use pronubes_mqtt::{Event, Publish, QoS, Session, SessionConfig, Version};

fn connected(connack: &[u8]) -> Session {
    let mut session = Session::new(SessionConfig::new(Version::V5, "sink"));
    connect(&mut session, connack);
    session
}

fn connect(session: &mut Session, connack: &[u8]) -> Vec<(u64, u64, Vec<u8>, Vec<u8>)> {
    session.opened(0);
    session.output().clear();
    receive(session, connack)
}

fn receive(session: &mut Session, bytes: &[u8]) -> Vec<(u64, u64, Vec<u8>, Vec<u8>)> {
    let mut refused = Vec::new();
    let mut on_event = |event: Event<'_>| {
        if let Event::PublishRefused { token, label, topic, payload, .. } = event {
            refused.push((token, label, topic.to_vec(), payload.to_vec()));
        }
    };
    session.receive(bytes, 1, &mut on_event).expect("the broker keeps to the protocol");
    refused
}

fn publish(session: &mut Session, topic: &str, payload: &str, retain: bool, token: u64) {
    let (topic, payload) = (topic.as_bytes(), payload.as_bytes());
    let label = 100 + token;
    let message = Publish { topic, payload, qos: QoS::AtLeastOnce, retain, label, ..Publish::default() };
    session.publish(message, token).expect("the window has room");
}

#[test]
fn by_a_puback_with_a_failure() {
    let mut session = connected(&[0x20, 3, 0, 0, 0]);
    for (token, topic) in [(1, "a/1"), (2, "a/22"), (3, "a/333")] {
        publish(&mut session, topic, &format!("payload of {topic}"), false, token);
    }
    let not_authorized = |id: u8| [0x40, 3, 0, id, 0x87];
    let first = receive(&mut session, &not_authorized(2));
    receive(&mut session, &[0x40, 2, 0, 1]);
    let second = receive(&mut session, &not_authorized(3));
    assert_eq!(first, [(2, 102, b"a/22".to_vec(), b"payload of a/22".to_vec())]);
    assert_eq!(second, [(3, 103, b"a/333".to_vec(), b"payload of a/333".to_vec())]);
}

#[test]
fn by_the_limits_of_a_new_connection() {
    let mut session = connected(&[0x20, 3, 0, 0, 0]);
    publish(&mut session, "a/1", "one", false, 1);
    publish(&mut session, "a/2", "two", true, 2);
    session.closed(2);
    let refused = connect(&mut session, &[0x20, 5, 0, 0, 2, 0x25, 0]); // Retain Available 0
    assert_eq!(refused, [(2, 102, b"a/2".to_vec(), b"two".to_vec())]);
}

#[test]
fn what_is_given_up_comes_back_in_order_without_what_was_acknowledged() {
    let mut session = connected(&[0x20, 3, 0, 0, 0]);
    for (token, topic) in [(1, "a/1"), (2, "a/22"), (3, "a/333"), (4, "a/4")] {
        publish(&mut session, topic, &format!("payload of {topic}"), token == 4, token);
    }
    receive(&mut session, &[0x40, 2, 0, 1, 0x40, 2, 0, 3]);
    let mut left = Vec::new();
    session.give_up(|token, message| {
        let payload = String::from_utf8_lossy(message.payload).into_owned();
        left.push((token, message.label, payload, message.qos, message.retain));
    });
    let qos = QoS::AtLeastOnce;
    let expected =
        [(2, 102, "payload of a/22".to_owned(), qos, false), (4, 104, "payload of a/4".to_owned(), qos, true)];
    assert_eq!((left.as_slice(), session.inflight(), session.inflight_bytes()), (expected.as_slice(), 0, 0));
}
