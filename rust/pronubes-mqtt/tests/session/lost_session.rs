//! Connections and sessions that are lost with messages in flight (C1, C4; regression of rumqtt#1056: a lost session livelocked).

use crate::broker::{Bench, VERSIONS, publish_qos1};
use pronubes_mqtt::codec::{PropertyId, Value};
use pronubes_mqtt::{SessionConfig, Version};
use proptest::prelude::*;
use std::collections::VecDeque;

const WINDOW: u16 = 5;

/// How far the first two connections get before they are lost.
#[derive(Debug, Clone, Copy)]
struct Point {
    name: &'static str,
    /// Packet ids that the broker acknowledges before the loss.
    acknowledged: &'static [u16],
    /// Half a PUBACK arrives as well.
    half_puback: bool,
    /// A second connection is lost too: before its CONNACK, or after (with or without the session).
    second: Option<Second>,
}

#[derive(Debug, Clone, Copy)]
enum Second {
    BeforeConnack,
    After { session_present: bool, acknowledged: &'static [u16] },
}

const fn point(name: &'static str, acknowledged: &'static [u16], half_puback: bool, second: Option<Second>) -> Point {
    Point { name, acknowledged, half_puback, second }
}

const POINTS: [Point; 8] = [
    point("nothing acknowledged", &[], false, None),
    point("the first acknowledged", &[1], false, None),
    point("all but the first acknowledged", &[2, 3, 4, 5], false, None),
    point("half a PUBACK arrived", &[1], true, None),
    point("lost again before CONNACK", &[3], false, Some(Second::BeforeConnack)),
    point(
        "lost again after sending again",
        &[],
        false,
        Some(Second::After { session_present: false, acknowledged: &[] }),
    ),
    point("resumed, then lost", &[1], false, Some(Second::After { session_present: true, acknowledged: &[2, 4] })),
    point(
        "everything acknowledged at last",
        &[5, 4],
        false,
        Some(Second::After { session_present: true, acknowledged: &[1, 2, 3] }),
    ),
];

#[test]
fn a_forgotten_session_loses_nothing_at_any_point() {
    for version in VERSIONS {
        for Point { name, acknowledged, half_puback, second } in POINTS {
            let mut config = SessionConfig::new(version, "c");
            (config.max_inflight, config.clean_start) = (WINDOW, false);
            let mut bench = Bench::new(config);
            bench.open(false);
            for token in 1..=u64::from(WINDOW) {
                bench.session.publish(publish_qos1("a", "x"), token).expect("there is room");
            }
            acknowledged.iter().for_each(|id| bench.broker_confirms(*id));
            if half_puback {
                bench.bytes(&[0x40, 2, 0]).expect("half a packet is no error");
            }
            bench.lose();
            match second {
                None => {}
                Some(Second::BeforeConnack) => {
                    bench.session.opened(bench.now);
                    bench.lose();
                }
                Some(Second::After { session_present, acknowledged }) => {
                    bench.open(session_present);
                    acknowledged.iter().for_each(|id| bench.broker_confirms(*id));
                    bench.lose();
                }
            }
            bench.open(false);
            let sent = bench.sent();
            assert_eq!(sent.len(), bench.session.inflight(), "{version:?} {name}: {sent:?}");
            for line in sent {
                assert!(!line.contains("dup"), "{version:?} {name}: to a forgetful broker everything is new: {line}");
                bench.broker_confirms(
                    line.rsplit("id=").next().and_then(|id| id.parse().ok()).expect("QoS 1 has an id"),
                );
            }
            let mut tokens: Vec<&str> = bench.log.iter().filter_map(|line| line.strip_prefix("published ")).collect();
            tokens.sort_unstable();
            assert_eq!(tokens, ["1", "2", "3", "4", "5"], "{version:?} {name}");
            assert!(bench.session.can_publish() && bench.session.inflight_bytes() == 0, "{version:?} {name}");
        }
    }
}

#[test]
fn a_smaller_window_is_filled_little_by_little() {
    let mut config = SessionConfig::new(Version::V5, "c");
    (config.max_inflight, config.clean_start) = (4, false);
    let mut bench = Bench::new(config);
    bench.open(false);
    for token in 1..=4 {
        bench.session.publish(publish_qos1("a", "x"), token).expect("there is room");
    }
    bench.lose();
    bench.connack.push(PropertyId::ReceiveMaximum, Value::Short(2)).expect("allowed");
    bench.open(true);
    assert_eq!(bench.sent(), ["PUBLISH a x id=1 dup", "PUBLISH a x id=2 dup"]);
    assert!(!bench.session.can_publish());
    bench.broker_confirms(2);
    assert_eq!(bench.sent(), ["PUBLISH a x id=3 dup"]);
    bench.broker_confirms(1);
    assert_eq!(bench.sent(), ["PUBLISH a x id=4 dup"]);
    assert!(!bench.session.can_publish());
    bench.broker_confirms(3);
    assert!(bench.session.can_publish());
}

/// The ring is cut while some of its messages still wait for quota.
#[test]
fn large_messages_fill_a_smaller_window_whole() {
    let mut config = SessionConfig::new(Version::V5, "c");
    (config.max_inflight, config.clean_start) = (12, false);
    let mut bench = Bench::new(config);
    bench.open(false);
    let payload = |id: u64| format!("{id}:{}", "x".repeat(6_000));
    for id in 1..=12 {
        bench.session.publish(publish_qos1("a", &payload(id)), id).expect("there is room");
    }
    bench.lose();
    bench.connack.push(PropertyId::ReceiveMaximum, Value::Short(1)).expect("allowed");
    bench.open(true);
    for id in 1..=12 {
        assert!(bench.sent() == [format!("PUBLISH a {} id={id} dup", payload(id))], "message {id}");
        bench.broker_confirms(id as u16);
    }
    assert_eq!((bench.session.inflight(), bench.session.can_publish()), (0, true));
}

#[test]
fn an_acknowledgement_of_an_earlier_connection_is_void() {
    for version in VERSIONS {
        let mut config = SessionConfig::new(version, "c");
        config.clean_start = false;
        let mut bench = Bench::new(config);
        bench.open(false);
        bench.broker_delivers("a", "x", 1);
        let old = bench.handles[0];
        bench.lose();
        bench.session.acknowledge(old);
        bench.open(true);
        bench.session.acknowledge(old);
        bench.broker_delivers("a", "x", 1);
        bench.session.acknowledge(old);
        bench.session.acknowledge_through(old);
        assert_eq!((bench.sent().len(), bench.session.stats().void_acknowledgements), (0, 4), "{version:?}");
        bench.session.acknowledge(bench.handles[1]);
        assert_eq!(bench.sent(), ["PUBACK 1"]);
    }
}

/// The ring of kept packets wraps and is cut in the middle of traffic; each message still comes out whole.
#[test]
fn large_messages_are_sent_again_whole_wherever_the_ring_stands() {
    let mut config = SessionConfig::new(Version::V311, "c");
    (config.clean_start, config.max_inflight_bytes) = (false, 40_000);
    let mut bench = Bench::new(config);
    bench.open(false);
    let payload = |token: u64| format!("{token}:{}", "x".repeat(3_000 + (token as usize * 37) % 2_000));
    let mut waiting = VecDeque::new();
    for token in 0..400 {
        let publish = |bench: &mut Bench| bench.session.publish(publish_qos1("a", &payload(token)), token);
        while publish(&mut bench).is_err() {
            let oldest: (u16, u64) = waiting.pop_front().expect("a full window has an oldest message");
            bench.broker_confirms(oldest.0);
        }
        assert!(bench.session.inflight_bytes() <= 40_000);
        let line = bench.sent().remove(0);
        waiting.push_back((line.rsplit("id=").next().and_then(|id| id.parse().ok()).expect("QoS 1 has an id"), token));
        assert!(waiting.len() >= 7 || token < 7, "only {} of 40,000 bytes' worth fit", waiting.len());
        if token % 23 == 22 {
            bench.lose();
            bench.open(true);
            let again: Vec<String> =
                waiting.iter().map(|(id, token)| format!("PUBLISH a {} id={id} dup", payload(*token))).collect();
            assert!(bench.sent() == again, "after message {token}");
        }
    }
}

#[derive(Debug, Clone)]
enum Action {
    Publish,
    /// The broker acknowledges one of those it has, by place.
    Acknowledge(usize),
    /// The connection is lost; the next has this window, and the session or not.
    Reconnect {
        session_present: bool,
        window: u16,
    },
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => Just(Action::Publish),
        4 => (0..8_usize).prop_map(Action::Acknowledge),
        1 => (any::<bool>(), 1..9_u16).prop_map(|(session_present, window)| Action::Reconnect { session_present, window }),
    ]
}

/// What the broker has got on this connection and not acknowledged: packet id and payload.
fn take_sent(bench: &mut Bench, broker: &mut VecDeque<(u16, String)>, window: u16) {
    for line in bench.sent() {
        let words: Vec<&str> = line.split(' ').collect();
        let id = words[3].trim_start_matches("id=").parse().expect("QoS 1 has an id");
        assert!(broker.iter().all(|(other, _)| *other != id), "id {id} is used twice");
        broker.push_back((id, words[2].to_owned()));
        assert!(broker.len() <= usize::from(window), "more is under way than the broker allows");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever happens: no more under way than allowed, no id twice, no message lost, none confirmed twice.
    #[test]
    fn every_message_is_confirmed_once(actions in prop::collection::vec(action(), 1..80)) {
        let mut config = SessionConfig::new(Version::V5, "c");
        (config.max_inflight, config.clean_start, config.max_inflight_bytes) = (6, false, 100);
        let mut bench = Bench::new(config);
        let (mut broker, mut window, mut issued) = (VecDeque::new(), u16::MAX, 0_u64);
        bench.open(false);
        for action in actions {
            match action {
                Action::Publish => {
                    let payload = issued.to_string();
                    issued += u64::from(bench.session.publish(publish_qos1("a", &payload), issued).is_ok());
                }
                Action::Acknowledge(at) if at < broker.len() => {
                    let (id, payload): (u16, String) = broker.remove(at).expect("it is there");
                    bench.broker_confirms(id);
                    prop_assert!(bench.log.contains(&format!("published {payload}")), "the token is the message's own");
                }
                Action::Acknowledge(_) => {}
                Action::Reconnect { session_present, window: next } => {
                    bench.lose();
                    broker.clear();
                    window = next;
                    bench.connack = pronubes_mqtt::codec::PropertyBuffer::new(pronubes_mqtt::codec::Place::ConnAck);
                    bench.connack.push(PropertyId::ReceiveMaximum, Value::Short(window)).expect("allowed");
                    bench.open(session_present);
                }
            }
            take_sent(&mut bench, &mut broker, window);
        }
        while let Some((id, _)) = broker.pop_front() {
            bench.broker_confirms(id);
            take_sent(&mut bench, &mut broker, window);
        }
        let mut tokens: Vec<u64> = bench.log.iter().filter_map(|line| line.strip_prefix("published ")?.parse().ok()).collect();
        tokens.sort_unstable();
        prop_assert_eq!(tokens, (0..issued).collect::<Vec<_>>());
        prop_assert_eq!((bench.session.inflight(), bench.session.inflight_bytes()), (0, 0));
        prop_assert!(bench.session.can_publish());
    }
}
