//! What the broker's CONNACK allows is kept to, and what it forbids is said by name.

use crate::broker::{Bench, SECOND, VERSIONS, publish_qos1};
use pronubes_mqtt::codec::{Place, PropertyBuffer, PropertyId, Value};
use pronubes_mqtt::{ConfigError, Publish, PublishError, QoS, Secret, SessionConfig, Version, Will};

fn with_limit(id: PropertyId, value: Value<'_>) -> Bench {
    let mut config = SessionConfig::new(Version::V5, "c");
    config.clean_start = false;
    let mut bench = Bench::new(config);
    bench.connack.push(id, value).expect("allowed");
    bench
}

#[test]
fn receive_maximum_bounds_what_is_in_flight() {
    let mut bench = with_limit(PropertyId::ReceiveMaximum, Value::Short(2));
    bench.open(false);
    assert_eq!(bench.session.publish(publish_qos1("a", "x"), 1), Ok(()));
    assert_eq!(bench.session.publish(publish_qos1("a", "x"), 2), Ok(()));
    assert_eq!(bench.session.publish(publish_qos1("a", "x"), 3), Err(PublishError::Full));
    assert_eq!(bench.session.publish(Publish { topic: b"a", ..Publish::default() }, 0), Ok(()), "QoS 0 is not counted");
    bench.broker_confirms(1);
    assert_eq!(bench.session.publish(publish_qos1("a", "x"), 3), Ok(()));
}

#[test]
fn bytes_in_flight_are_bounded() {
    let mut config = SessionConfig::new(Version::V311, "c");
    config.max_inflight_bytes = 100;
    let mut bench = Bench::new(config);
    bench.open(false);
    let payload = "x".repeat(40);
    assert_eq!(bench.session.publish(publish_qos1("a", &payload), 1), Ok(()));
    assert_eq!(bench.session.publish(publish_qos1("a", &payload), 2), Ok(()));
    assert_eq!(bench.session.publish(publish_qos1("a", &payload), 3), Err(PublishError::Full));
    assert_eq!(
        bench.session.publish(publish_qos1("a", &"x".repeat(100)), 3),
        Err(PublishError::TooLarge),
        "waiting would not help"
    );
    assert_eq!((bench.session.inflight(), bench.session.inflight_bytes()), (2, 94));
}

#[test]
fn what_the_broker_cannot_take_is_refused_by_name() {
    let retained = Publish { topic: b"a", retain: true, ..Publish::default() };
    let exactly_once = Publish { topic: b"a", qos: QoS::ExactlyOnce, ..Publish::default() };
    let cases = [
        (PropertyId::MaximumPacketSize, Value::Long(8), publish_qos1("a", "xx"), PublishError::TooLarge),
        (PropertyId::MaximumQos, Value::Byte(0), publish_qos1("a", "x"), PublishError::QosNotSupported),
        (PropertyId::RetainAvailable, Value::Byte(0), retained, PublishError::RetainNotSupported),
        (PropertyId::TopicAliasMaximum, Value::Short(9), exactly_once, PublishError::QosNotSupported),
    ];
    for (id, value, message, expected) in cases {
        let mut bench = with_limit(id, value);
        bench.open(false);
        assert_eq!(bench.session.publish(message, 1), Err(expected), "{id:?}");
        assert_eq!((bench.sent().len(), bench.session.inflight()), (0, 0));
        assert_eq!(bench.session.publish(Publish { topic: b"a", ..Publish::default() }, 1), Ok(()), "{id:?}");
    }
}

#[test]
fn impossible_topics_are_not_sent() {
    let long = "x".repeat(65_536);
    for version in VERSIONS {
        let mut bench = Bench::new(SessionConfig::new(version, "c"));
        bench.open(false);
        for topic in [&b""[..], b"a/#", b"+", b"a\0", b"\xFF"] {
            let message = Publish { topic, ..Publish::default() };
            assert_eq!(bench.session.publish(message, 1), Err(PublishError::InvalidTopic), "{}", topic.escape_ascii());
        }
        assert_eq!(
            bench.session.publish(Publish { topic: long.as_bytes(), ..Publish::default() }, 1),
            Err(PublishError::TooLarge)
        );
        assert_eq!(bench.session.publish(Publish { topic: &long.as_bytes()[1..], ..Publish::default() }, 1), Ok(()));
    }
}

#[test]
fn messages_in_flight_that_new_limits_forbid_are_given_back() {
    let cases = [
        (PropertyId::MaximumPacketSize, Value::Long(20), "publish refused 2 packet_too_large"),
        (PropertyId::RetainAvailable, Value::Byte(0), "publish refused 3 retain_not_supported"),
    ];
    for (id, value, expected) in cases {
        let mut config = SessionConfig::new(Version::V5, "c");
        config.clean_start = false;
        let mut bench = Bench::new(config);
        bench.open(false);
        bench.session.publish(publish_qos1("a", "x"), 1).expect("there is room");
        bench.session.publish(publish_qos1("a", "a long payload"), 2).expect("there is room");
        bench.session.publish(Publish { retain: true, ..publish_qos1("a", "x") }, 3).expect("there is room");
        bench.lose();
        bench.connack.push(id, value).expect("allowed");
        bench.open(true);
        assert_eq!(bench.log[2..], [expected]);
        assert_eq!((bench.sent().len(), bench.session.inflight(), bench.session.stats().refused), (2, 2, 1));
        bench.broker_confirms(1);
        assert_eq!(bench.session.inflight(), 1);
    }
    let mut bench = with_limit(PropertyId::TopicAliasMaximum, Value::Short(1));
    bench.open(false);
    bench.session.publish(publish_qos1("a", "x"), 1).expect("there is room");
    bench.lose();
    bench.connack.push(PropertyId::MaximumQos, Value::Byte(0)).expect("allowed");
    bench.open(true);
    assert_eq!(
        (bench.log.last().map(String::as_str), bench.session.inflight()),
        (Some("publish refused 1 qos_not_supported"), 0)
    );
}

#[test]
fn limits_are_reported() {
    let mut bench = with_limit(PropertyId::TopicAliasMaximum, Value::Short(9));
    bench.connack.push(PropertyId::WildcardSubscriptionAvailable, Value::Byte(0)).expect("allowed");
    bench.connack.push(PropertyId::SessionExpiryInterval, Value::Long(7)).expect("allowed");
    bench.connack.push(PropertyId::MaximumPacketSize, Value::Long(1_000)).expect("allowed");
    bench.open(false);
    let limits = bench.session.limits().clone();
    assert_eq!((limits.topic_alias_maximum, limits.wildcards_available, limits.shared_available), (9, false, true));
    assert_eq!((limits.session_expiry_s, limits.maximum_packet_size, limits.receive_maximum), (7, 1_000, 65_535));
}

#[test]
fn the_client_id_that_the_broker_chose_is_used_from_then_on() {
    let mut config = SessionConfig::new(Version::V5, "");
    config.session_expiry_s = 60;
    let mut bench = Bench::new(config);
    bench.connack.push(PropertyId::AssignedClientIdentifier, Value::Text(b"auto-7")).expect("allowed");
    bench.open(false);
    bench.lose();
    bench.session.opened(bench.now);
    assert_eq!(bench.sent(), ["CONNECT auto-7 clean=false"], "with a session expiry, a reconnect resumes");
}

#[test]
fn clean_start_holds_as_documented() {
    for (version, expiry, expected) in [(Version::V311, 60, true), (Version::V5, 60, false), (Version::V5, 0, true)] {
        let mut config = SessionConfig::new(version, "c");
        config.session_expiry_s = expiry;
        let mut bench = Bench::new(config);
        bench.session.opened(bench.now);
        assert_eq!(bench.sent(), ["CONNECT c clean=true"]);
        bench.bytes(if version == Version::V311 { &[0x20, 2, 0, 0] } else { &[0x20, 3, 0, 0, 0] }).expect("accepted");
        bench.lose();
        bench.session.opened(bench.now + SECOND);
        assert_eq!(bench.sent(), [format!("CONNECT c clean={expected}")], "{version:?} with expiry {expiry}");
    }
}

#[test]
fn properties_are_sent_in_5_and_left_out_in_311() {
    let mut properties = PropertyBuffer::new(Place::Publish);
    properties.push(PropertyId::UserProperty, Value::Pair(b"k", b"v")).expect("allowed");
    for (version, size) in [(Version::V311, 6), (Version::V5, 14)] {
        let mut bench = Bench::new(SessionConfig::new(version, "c"));
        bench.open(false);
        let message = Publish { topic: b"a", payload: b"x", properties: properties.properties(), ..Publish::default() };
        bench.session.publish(message, 0).expect("it is sent");
        assert_eq!(bench.session.output().len(), size, "{version:?}");
    }
}

#[test]
fn configurations_that_cannot_work_are_named() {
    let good = SessionConfig::new(Version::V311, "c");
    let will = |topic: &[u8], qos| Will {
        topic: topic.to_vec(),
        payload: vec![],
        qos,
        retain: false,
        properties: PropertyBuffer::new(Place::Will),
    };
    assert_eq!(good.check(), Ok(()));
    assert_eq!(
        SessionConfig { client_id: String::new(), clean_start: false, ..good.clone() }.check(),
        Err(ConfigError::EmptyClientId)
    );
    assert_eq!(
        SessionConfig { password: Some(Secret::new(vec![1])), ..good.clone() }.check(),
        Err(ConfigError::PasswordWithoutUser)
    );
    assert_eq!(SessionConfig { receive_maximum: 0, ..good.clone() }.check(), Err(ConfigError::ReceiveMaximumZero));
    assert_eq!(SessionConfig { username: Some("a\0".into()), ..good.clone() }.check(), Err(ConfigError::InvalidText));
    assert_eq!(SessionConfig { client_id: "x".repeat(65_536), ..good.clone() }.check(), Err(ConfigError::InvalidText));
    assert_eq!(
        SessionConfig { will: Some(will(b"a/#", QoS::AtMostOnce)), ..good.clone() }.check(),
        Err(ConfigError::InvalidWillTopic)
    );
    assert_eq!(
        SessionConfig { will: Some(will(b"a", QoS::ExactlyOnce)), ..good }.check(),
        Err(ConfigError::QosNotSupported)
    );
}
