//! Decode undoes encode, for packets built from any parts.

use pronubes_mqtt::codec::{
    ConnAck, Connect, FilterOptions, Filters, LastWill, Packet, Place, Properties, PropertyBuffer, PropertyId,
    PublishPacket, SubAck, Subscribe, Value, next_frame, put_filter,
};
use pronubes_mqtt::{QoS, Reason, Sender, Version};
use proptest::prelude::*;

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![Just(Version::V311), Just(Version::V5)]
}

fn qos() -> impl Strategy<Value = QoS> {
    prop_oneof![Just(QoS::AtMostOnce), Just(QoS::AtLeastOnce), Just(QoS::ExactlyOnce)]
}

fn topic() -> impl Strategy<Value = String> {
    "[a-zäß日/ $.-]{1,40}"
}

fn publish_properties() -> impl Strategy<Value = PropertyBuffer> {
    (
        prop::option::of(any::<u32>()),
        prop::option::of("[a-z/]{0,20}"),
        prop::collection::vec(("[a-zé]{0,8}", "[a-z]{0,200}"), 0..4),
    )
        .prop_map(|(expiry, content_type, user)| {
            let mut buffer = PropertyBuffer::new(Place::Publish);
            if let Some(expiry) = expiry {
                buffer.push(PropertyId::MessageExpiryInterval, Value::Long(expiry)).expect("allowed");
            }
            if let Some(content_type) = &content_type {
                buffer.push(PropertyId::ContentType, Value::Text(content_type.as_bytes())).expect("allowed");
            }
            for (name, value) in &user {
                buffer.push(PropertyId::UserProperty, Value::Pair(name.as_bytes(), value.as_bytes())).expect("allowed");
            }
            buffer
        })
}

fn assert_round_trip(packet: Packet<'_>, version: Version, sender: Sender) -> Result<(), TestCaseError> {
    let mut bytes = vec![0xAA];
    let size = packet.encode(version, &mut bytes).expect("it fits");
    prop_assert_eq!(size + 1, bytes.len());
    let frame = next_frame(&bytes[1..], u32::MAX).expect("the frame is right").expect("the frame is whole");
    prop_assert_eq!(frame.size, size);
    prop_assert!(Packet::decode(frame, version, sender) == Ok(packet));
    for cut in [1, size / 2, size - 1].into_iter().filter(|cut| *cut < size) {
        prop_assert_eq!(next_frame(&bytes[1..=cut], u32::MAX), Ok(None));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn publish(
        version in version(), qos in qos(), topic in topic(), payload in prop::collection::vec(any::<u8>(), 0..20_000),
        packet_id in 1..=u16::MAX, retain: bool, dup: bool, buffer in publish_properties(),
    ) {
        let properties = if version == Version::V5 { buffer.properties() } else { Properties::default() };
        let packet_id = if qos == QoS::AtMostOnce { 0 } else { packet_id };
        let dup = dup && qos != QoS::AtMostOnce;
        let packet = PublishPacket { topic: topic.as_bytes(), payload: &payload, properties, packet_id, qos, retain, dup };
        let mut bytes = Vec::new();
        prop_assert_eq!(packet.size(version), packet.encode(version, &mut bytes));
        assert_round_trip(Packet::Publish(packet), version, Sender::Client)?;
    }

    #[test]
    fn connect(
        version in version(), clean_start: bool, keep_alive_s: u16, client_id in "[a-z0-9ü]{0,30}",
        will in prop::option::of((topic(), prop::collection::vec(any::<u8>(), 0..50), qos(), any::<bool>())),
        username in prop::option::of("[a-z]{0,20}"), password in prop::option::of(prop::collection::vec(any::<u8>(), 0..20)),
    ) {
        let will = will.as_ref().map(|(topic, payload, qos, retain)| LastWill {
            topic: topic.as_bytes(), payload, qos: *qos, retain: *retain, properties: Properties::default(),
        });
        let username = username.as_deref().map(str::as_bytes);
        let password = password.as_deref().filter(|_| version == Version::V5 || username.is_some());
        let properties = Properties::default();
        let packet = Connect { version, clean_start, keep_alive_s, client_id: client_id.as_bytes(), will, username, password, properties };
        assert_round_trip(Packet::Connect(packet), version, Sender::Client)?;
    }

    #[test]
    fn subscribe(version in version(), packet_id in 1..=u16::MAX, filters in prop::collection::vec((topic(), qos(), any::<bool>(), 0..3_u8), 1..20)) {
        let mut bytes = Vec::new();
        for (filter, qos, flag, retain_handling) in &filters {
            let options = FilterOptions { qos: *qos, no_local: *flag, retain_as_published: !*flag, retain_handling: *retain_handling };
            put_filter(filter.replace('$', "x").as_bytes(), Some(options), version, &mut bytes);
        }
        let filters = Filters::check(&bytes, true, version).expect("the filters are right");
        assert_round_trip(Packet::Subscribe(Subscribe { packet_id, properties: Properties::default(), filters }), version, Sender::Client)?;
    }

    #[test]
    fn answers(version in version(), packet_id in 1..=u16::MAX, codes in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(2), Just(0x80)], 1..300), session_present: bool) {
        let properties = Properties::default();
        assert_round_trip(Packet::SubAck(SubAck { packet_id, properties, codes: &codes }), version, Sender::Server)?;
        for reason in [Reason::SUCCESS, Reason::NOT_AUTHORIZED, Reason::SERVER_UNAVAILABLE, Reason::BAD_USER_NAME_OR_PASSWORD] {
            assert_round_trip(Packet::ConnAck(ConnAck { session_present, reason, properties }), version, Sender::Server)?;
        }
    }

    /// What a buffer takes is what its list gives back, and it refuses what `check` would refuse.
    #[test]
    fn property_buffers(which in prop::collection::vec((0..PropertyId::ALL.len(), 0..3_u32, "[a-z]{0,5}"), 0..12)) {
        let mut buffer = PropertyBuffer::new(Place::Delivery);
        let mut kept = Vec::new();
        for (at, number, text) in &which {
            let id = PropertyId::ALL[*at];
            let value = match id {
                PropertyId::PayloadFormatIndicator => Value::Byte(*number as u8),
                PropertyId::MessageExpiryInterval => Value::Long(*number),
                PropertyId::SubscriptionIdentifier => Value::Varint(*number),
                PropertyId::UserProperty => Value::Pair(text.as_bytes(), b"v"),
                _ => Value::Text(text.as_bytes()),
            };
            if buffer.push(id, value).is_ok() {
                kept.push((id, value));
            }
        }
        let found: Vec<_> = buffer.properties().iter().collect();
        prop_assert_eq!(Properties::check(buffer.properties().as_bytes(), Place::Delivery), Ok(buffer.properties()));
        prop_assert_eq!(found.len(), kept.len());
        for ((id, value), (found_id, found_value)) in kept.iter().zip(&found) {
            prop_assert_eq!(id, found_id);
            prop_assert!(value == found_value || matches!(found_value, Value::Binary(_) | Value::Short(_)));
        }
    }
}
