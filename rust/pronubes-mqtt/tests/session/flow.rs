//! The ordinary life of a session: connect, subscribe, receive, acknowledge, publish, reconnect.

use crate::broker::{Bench, VERSIONS, publish_qos1};
use pronubes_mqtt::{PublishError, QoS, SessionConfig, State, Subscription};

#[test]
fn connect_subscribe_receive_acknowledge() {
    for version in VERSIONS {
        let mut config = SessionConfig::new(version, "line-1");
        config.subscriptions = vec![Subscription::new("raw/#", QoS::AtLeastOnce)];
        let mut bench = Bench::new(config);
        bench.open(false);
        bench.broker_grants(&[1]);
        bench.broker_delivers("raw/a", "1", 7);
        bench.broker_delivers("raw/b", "2", 8);
        assert_eq!(
            bench.log,
            ["connected false", "subscribed 0 AtLeastOnce", "publish raw/a 1", "publish raw/b 2"],
            "{version:?}"
        );
        assert_eq!(bench.session.unacknowledged().0, 2);
        let handles = std::mem::take(&mut bench.handles);
        bench.session.acknowledge(handles[1]);
        assert!(bench.session.output().is_empty(), "PUBACKs keep the order of the messages");
        bench.session.acknowledge(handles[0]);
        bench.session.acknowledge(handles[0]);
        assert_eq!(bench.sent(), ["PUBACK 7", "PUBACK 8"]);
        assert_eq!((bench.session.stats().acknowledged, bench.session.stats().void_acknowledgements), (2, 1));
    }
}

#[test]
fn a_published_message_is_in_flight_until_its_puback() {
    for version in VERSIONS {
        let mut config = SessionConfig::new(version, "line-1");
        config.max_inflight = 2;
        let mut bench = Bench::new(config);
        assert_eq!(bench.session.publish(publish_qos1("a", "0"), 0), Err(PublishError::NotConnected));
        bench.open(false);
        assert_eq!(bench.session.publish(publish_qos1("a", "1"), 11), Ok(()));
        assert_eq!(bench.session.publish(publish_qos1("a", "2"), 12), Ok(()));
        assert!(!bench.session.can_publish());
        assert_eq!(bench.session.publish(publish_qos1("a", "3"), 13), Err(PublishError::Full));
        assert_eq!(bench.sent(), ["PUBLISH a 1 id=1", "PUBLISH a 2 id=2"]);
        bench.broker_confirms(1);
        assert_eq!((bench.log.pop(), bench.session.inflight()), (Some("published 11".to_owned()), 1));
        assert_eq!(bench.session.publish(publish_qos1("a", "3"), 13), Ok(()));
        assert_eq!(bench.sent(), ["PUBLISH a 3 id=1"]);
    }
}

#[test]
fn in_flight_messages_are_sent_again_after_a_reconnect() {
    for version in VERSIONS {
        for session_present in [false, true] {
            let mut config = SessionConfig::new(version, "line-1");
            config.clean_start = false;
            let mut bench = Bench::new(config);
            bench.open(false);
            for token in 1..=3 {
                bench.session.publish(publish_qos1("a", "x"), token).expect("there is room");
            }
            bench.broker_confirms(2);
            bench.lose();
            bench.open(session_present);
            let dup = if session_present { " dup" } else { "" };
            assert_eq!(bench.sent(), [format!("PUBLISH a x id=1{dup}"), format!("PUBLISH a x id=3{dup}")]);
            bench.broker_confirms(3);
            bench.broker_confirms(1);
            assert_eq!(bench.log[bench.log.len() - 2..], ["published 3", "published 1"]);
            assert_eq!((bench.session.inflight(), bench.session.inflight_bytes()), (0, 0));
        }
    }
}

#[test]
fn disconnect_says_goodbye() {
    for version in VERSIONS {
        let mut bench = Bench::new(SessionConfig::new(version, "line-1"));
        bench.open(false);
        bench.session.disconnect();
        assert_eq!(bench.sent(), ["DISCONNECT success"]);
        assert_eq!((bench.session.state(), bench.session.next_deadline()), (State::Closing, None));
    }
}
