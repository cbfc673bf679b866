//! Which filters are asked for when, and what becomes of those that are no longer wanted (telegraf#9703).

use crate::broker::{Bench, VERSIONS};
use pronubes_mqtt::codec::{Packet, Properties, PropertyId, UnsubAck, Value};
use pronubes_mqtt::{QoS, SessionConfig, Subscription, Version};

fn wants(filters: &[&str]) -> Vec<Subscription> {
    filters.iter().map(|filter| Subscription::new(*filter, QoS::AtLeastOnce)).collect()
}

fn bench(version: Version, filters: &[&str]) -> Bench {
    let mut config = SessionConfig::new(version, "c");
    (config.clean_start, config.subscriptions) = (false, wants(filters));
    Bench::new(config)
}

impl Bench {
    fn set(&mut self, filters: &[&str]) {
        let log = &mut self.log;
        self.session.set_subscriptions(wants(filters), self.now, &mut |event| log.push(crate::broker::describe(event)));
    }
}

#[test]
fn a_reconnect_subscribes_again_unless_the_session_holds_everything() {
    for version in VERSIONS {
        let mut bench = bench(version, &["a", "b/#"]);
        bench.open(false);
        assert_eq!(bench.sent(), ["SUBSCRIBE a:1 b/#:1"]);
        bench.answer_subscribe(&[1, 0]).expect("granted");
        assert_eq!(bench.log[1..], ["subscribed 0 AtLeastOnce", "subscribed 1 AtMostOnce"]);
        bench.lose();
        bench.open(true);
        assert_eq!(bench.sent(), [""; 0], "the stored session holds them");
        bench.lose();
        bench.open(false);
        assert_eq!(bench.sent(), ["SUBSCRIBE a:1 b/#:1"], "{version:?}");
    }
}

#[test]
fn a_request_without_answer_is_made_again() {
    for version in VERSIONS {
        let mut bench = bench(version, &["a"]);
        bench.open(false);
        assert_eq!(bench.sent(), ["SUBSCRIBE a:1"]);
        bench.lose();
        bench.request_ids.clear();
        bench.open(true);
        assert_eq!(bench.sent(), ["SUBSCRIBE a:1"], "{version:?}");
    }
}

#[test]
fn a_changed_list_is_reconciled() {
    for version in VERSIONS {
        let mut bench = bench(version, &["a", "b", "c"]);
        bench.open(false);
        bench.broker_grants(&[1, 1, 1]);
        bench.set(&["c", "d"]);
        assert_eq!(bench.sent(), ["UNSUBSCRIBE a b", "SUBSCRIBE d:1"]);
        let packet_id = bench.request_ids.remove(0);
        let codes: &[u8] = if version == Version::V5 { &[0, 0x11] } else { &[] };
        bench
            .broker_sends(Packet::UnsubAck(UnsubAck { packet_id, properties: Properties::default(), codes }))
            .expect("UNSUBACK");
        bench.answer_subscribe(&[1]).expect("granted");
        let second = if version == Version::V5 { "no_subscription_existed" } else { "success" };
        let expected = [
            "unsubscribed a success".to_owned(),
            format!("unsubscribed b {second}"),
            "subscribed 1 AtLeastOnce".to_owned(),
        ];
        assert_eq!(bench.log[4..], expected);
        bench.lose();
        bench.set(&["d"]);
        bench.open(true);
        assert_eq!(bench.sent(), ["UNSUBSCRIBE c"], "changes made while offline too");
    }
}

#[test]
fn what_an_earlier_run_left_is_removed_once() {
    for version in VERSIONS {
        let mut config = SessionConfig::new(version, "c");
        (config.clean_start, config.subscriptions) = (false, wants(&["a"]));
        config.stale_filters = vec!["old/#".into(), "a".into()];
        let mut bench = Bench::new(config);
        bench.open(true);
        assert_eq!(bench.sent(), ["UNSUBSCRIBE old/#", "SUBSCRIBE a:1"]);
        bench.lose();
        bench.request_ids.clear();
        bench.open(true);
        assert_eq!(bench.sent(), ["SUBSCRIBE a:1"]);
    }
}

#[test]
fn a_refused_filter_is_named_and_the_others_stand() {
    for (version, code, expected) in [
        (Version::V311, 0x80, "unspecified_error"),
        (Version::V5, 0x87, "not_authorized"),
        (Version::V5, 0x8F, "topic_filter_invalid"),
    ] {
        let mut bench = bench(version, &["a", "b"]);
        bench.open(false);
        bench.broker_grants(&[code, 1]);
        assert_eq!(bench.log[1..], [format!("subscribe refused 0 {expected}"), "subscribed 1 AtLeastOnce".to_owned()]);
    }
}

#[test]
fn what_cannot_be_asked_for_is_refused_here() {
    let mut config = SessionConfig::new(Version::V5, "c");
    config.subscriptions = wants(&["a/#/b", "$share/g/a", "a/#", "plain", ""]);
    config.subscriptions.push(Subscription::new("two", QoS::ExactlyOnce));
    let mut bench = Bench::new(config);
    bench.connack.push(PropertyId::WildcardSubscriptionAvailable, Value::Byte(0)).expect("allowed");
    bench.open(false);
    assert_eq!(
        bench.log[1..],
        [
            "subscribe refused 0 topic_filter_invalid",
            "subscribe refused 1 shared_subscriptions_not_supported",
            "subscribe refused 2 wildcard_subscriptions_not_supported",
            "subscribe refused 4 topic_filter_invalid",
            "subscribe refused 5 qos_not_supported",
        ]
    );
    assert_eq!(bench.sent(), ["SUBSCRIBE plain:1"]);
}

#[test]
fn long_lists_are_asked_for_in_packets_that_the_broker_takes() {
    for (version, limit) in [(Version::V311, 40_000), (Version::V5, 300)] {
        let mut config = SessionConfig::new(version, "c");
        config.subscriptions =
            (0..2_000).map(|index| Subscription::new(format!("plant/line/tag-{index}"), QoS::AtLeastOnce)).collect();
        let mut bench = Bench::new(config);
        if version == Version::V5 {
            bench.connack.push(PropertyId::MaximumPacketSize, Value::Long(limit)).expect("allowed");
        }
        bench.open(false);
        let lines = bench.sent();
        assert!(lines.iter().all(|line| line.len() <= limit as usize), "{version:?}");
        let counts: Vec<usize> = lines.iter().map(|line| line.split(' ').count() - 1).collect();
        assert_eq!(counts.iter().sum::<usize>(), 2_000);
        for count in counts {
            bench.answer_subscribe(&vec![1; count]).expect("granted");
        }
        assert_eq!(bench.log.last().map(String::as_str), Some("subscribed 1999 AtLeastOnce"));
        assert!(bench.request_ids.is_empty());
    }
}
