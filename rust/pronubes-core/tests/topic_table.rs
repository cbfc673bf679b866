//! The topic table: it finds what it was given and refuses what does not fit.

use std::collections::HashMap;

use pronubes_core::matcher::{DEFAULT_TABLE_BYTES, TopicSlot, TopicTable};
use proptest::prelude::*;

#[test]
fn a_known_topic_gives_back_its_blob_and_slot() {
    let mut table = TopicTable::default();
    let slots: Vec<_> = [&b"a"[..], b"/a", b"a/", "ü/日".as_bytes()].map(|topic| table.insert(0, topic, topic)).into();
    assert_eq!(slots, [0, 1, 2, 3].map(|slot| Some(TopicSlot(slot))));
    for (topic, slot) in [&b"a"[..], b"/a", b"a/", "ü/日".as_bytes()].into_iter().zip(slots) {
        let entry = table.get(0, topic).unwrap();
        assert_eq!((Some(entry.slot), entry.blob), (slot, topic));
    }
    assert_eq!((table.get(0, b"b"), table.get(0, b"A"), table.get(0, b"")), (None, None, None));
}

#[test]
fn groups_of_sources_do_not_see_each_other() {
    let mut table = TopicTable::default();
    table.insert(1, b"a", b"one").unwrap();
    table.insert(2, b"a", b"two").unwrap();
    let blob = |group| table.get(group, b"a").map(|entry| entry.blob);
    assert_eq!((blob(1), blob(2), blob(3)), (Some(&b"one"[..]), Some(&b"two"[..]), None));
}

#[test]
fn a_second_insertion_changes_nothing() {
    let mut table = TopicTable::default();
    let first = table.insert(0, b"a", b"one");
    assert_eq!(table.insert(0, b"a", b"two"), first);
    assert_eq!((table.get(0, b"a").unwrap().blob, table.len()), (&b"one"[..], 1));
}

#[test]
fn records_larger_than_a_chunk_fit() {
    let mut table = TopicTable::default();
    let (topic, blob) = (vec![b't'; 65_535], vec![7; 1 << 20]);
    table.insert(0, b"before", b"1").unwrap();
    table.insert(0, &topic, &blob).unwrap();
    table.insert(0, b"after", b"2").unwrap();
    assert_eq!(table.get(0, &topic).unwrap().blob, blob);
    let all: Vec<_> = table.iter().map(|record| (record.slot.0, record.topic.len(), record.blob.len())).collect();
    assert_eq!(all, [(0, 6, 1), (1, 65_535, 1 << 20), (2, 5, 1)]);
}

#[test]
fn a_topic_longer_than_mqtt_can_carry_is_refused() {
    let mut table = TopicTable::default();
    assert_eq!((table.insert(0, &vec![b't'; 65_536], b""), table.untracked(), table.len()), (None, 1, 0));
}

#[test]
fn clearing_forgets_topics_and_gives_memory_back_but_keeps_the_count() {
    let mut table = TopicTable::new(400 << 10);
    let mut number = 0_u32;
    while table.untracked() == 0 {
        table.insert(0, &number.to_be_bytes(), &[0; 100]);
        number += 1;
    }
    table.clear();
    assert_eq!((table.len(), table.memory_bytes(), table.untracked(), table.iter().count()), (0, 0, 1, 0));
    assert_eq!(table.insert(0, b"a", b""), Some(TopicSlot(0)));
}

fn write_digits(digits: &mut [u8], number: u32) {
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

#[test]
fn a_million_topics_fit_the_default_limit_with_room_for_state() {
    let mut table = TopicTable::new(DEFAULT_TABLE_BYTES);
    let mut topic = *b"raw/area-12/line-7/plc-00000000/temp/val";
    for number in 0..1_000_000 {
        write_digits(&mut topic[23..31], number);
        table.insert(0, &topic, b"acme/cologne/area-12/line-7/plc/temp/val").unwrap();
    }
    let per_topic = table.memory_bytes() / table.len();
    assert!(per_topic <= 200, "{per_topic} bytes per topic");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_table_is_a_map_from_topics_to_blobs(
        inserts in prop::collection::vec((0_u16..3, "[ab/]{0,4}", prop::collection::vec(any::<u8>(), 0..20)), 1..200),
    ) {
        let mut table = TopicTable::new(1 << 20);
        let mut model: HashMap<(u16, &str), (u32, &[u8])> = HashMap::new();
        for (group, topic, blob) in &inserts {
            let next = model.len() as u32;
            let (slot, _) = *model.entry((*group, topic)).or_insert((next, blob));
            prop_assert_eq!(table.insert(*group, topic.as_bytes(), blob), Some(TopicSlot(slot)));
        }
        for ((group, topic), (slot, blob)) in &model {
            let entry = table.get(*group, topic.as_bytes()).expect("it was inserted");
            prop_assert_eq!((entry.slot.0, entry.blob), (*slot, *blob));
        }
        let listed: Vec<u32> = table.iter().map(|record| record.slot.0).collect();
        prop_assert_eq!(listed, (0..model.len() as u32).collect::<Vec<_>>());
    }
}
