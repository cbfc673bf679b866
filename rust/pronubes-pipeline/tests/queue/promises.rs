//! What each policy promises, in one case each.

use std::collections::BTreeMap;

use pronubes_pipeline::queue::{DropReason, Policy, SinkQueue};

use crate::model::{Row, cost, queue};

fn push(queue: &mut SinkQueue, id: u64, topic: &str) {
    queue.push(&Row::new(id, topic, 0).item(), None, 0);
}

fn drain(queue: &mut SinkQueue) -> Vec<(u64, String)> {
    let mut rows = Vec::new();
    while let Some(row) = queue.front().map(|item| Row::of(&item)) {
        rows.push((row.id, row.topic));
        queue.pop();
    }
    rows
}

fn ids(queue: &mut SinkQueue) -> Vec<u64> {
    drain(queue).into_iter().map(|(id, _)| id).collect()
}

/// The size that holds so many messages of `push`.
fn room(messages: usize) -> usize {
    messages * cost(&Row::new(0, "t/00", 0))
}

#[test]
fn drop_oldest_keeps_what_came_last() {
    let mut queue = queue(Policy::DropOldest, room(10), 4);
    (0..25).for_each(|id| push(&mut queue, id, "t/00"));
    assert_eq!(queue.drops().of(DropReason::DropOldest), 15);
    assert_eq!(ids(&mut queue), (15..25).collect::<Vec<_>>());
}

#[test]
fn drop_newest_keeps_what_came_first() {
    let mut queue = queue(Policy::DropNewest, room(10), 4);
    (0..25).for_each(|id| push(&mut queue, id, "t/00"));
    queue.pop();
    push(&mut queue, 25, "t/00");
    assert_eq!(queue.drops().of(DropReason::DropNewest), 15);
    assert_eq!(ids(&mut queue), (1..10).chain([25]).collect::<Vec<_>>());
}

#[test]
fn a_message_larger_than_the_queue_passes_alone() {
    for policy in [Policy::DropOldest, Policy::DropNewest, Policy::KeepLatest] {
        let mut queue = queue(policy, 100, 4);
        queue.push(&Row::new(1, "t", 5_000).item(), None, 0);
        assert!(!queue.update_gate(1_000) && !queue.is_overfull(), "{policy:?} holds nobody up");
        assert_eq!((queue.drops().total(), ids(&mut queue)), (0, vec![1]), "{policy:?}");
    }
}

#[test]
fn keep_latest_replaces_nothing_below_half_of_its_size() {
    let mut queue = queue(Policy::KeepLatest, room(20), 4);
    (0..10).for_each(|id| push(&mut queue, id, "t/00"));
    assert_eq!((queue.drops().total(), ids(&mut queue)), (0, (0..10).collect()));
}

#[test]
fn keep_latest_keeps_the_newest_of_each_topic_at_its_place() {
    let mut queue = queue(Policy::KeepLatest, room(40), 4);
    for id in 0..1_000 {
        let topic = if id % 2 == 0 { 0 } else { id % 7 + 1 };
        push(&mut queue, id, &format!("t/{topic:02}"));
    }
    push(&mut queue, 1_000, "t/03");
    let rows = drain(&mut queue);
    let newest: BTreeMap<&str, u64> = rows.iter().map(|(id, topic)| (&**topic, *id)).collect();
    assert_eq!(rows.len(), newest.len(), "one value for each topic: {rows:?}");
    assert!(rows.is_sorted(), "in the order in which they came");
    assert_eq!((newest["t/00"], newest["t/03"], newest.len()), (998, 1_000, 8));
    assert_eq!(queue.drops().of(DropReason::Replaced), 993);
    assert_eq!(queue.drops().of(DropReason::DropOldest), 0);
}

#[test]
fn keep_latest_drops_the_topics_that_waited_longest_beyond_its_size() {
    let mut queue = queue(Policy::KeepLatest, 4_000, 4);
    (0..200).for_each(|id| push(&mut queue, id, &format!("t/{id:03}")));
    let rows = ids(&mut queue);
    let kept = rows.len() as u64;
    assert!(kept > 10 && rows == (200 - kept..200).collect::<Vec<_>>(), "{rows:?}");
    assert_eq!(queue.drops().of(DropReason::DropOldest), 200 - kept);
}

/// A sink that takes one message for each ten that come, for long: the topic that changes with each second message gets its turn.
#[test]
fn keep_latest_starves_no_topic() {
    let mut queue = queue(Policy::KeepLatest, room(400), 16);
    let mut delivered: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for id in 0..40_000_u64 {
        let topic = if id % 2 == 0 { "t/fast".to_owned() } else { format!("t/{:02}", id / 2 % 80) };
        push(&mut queue, id, &topic);
        if id % 10 == 0
            && let Some(row) = queue.front().map(|item| Row::of(&item))
        {
            queue.pop();
            delivered.entry(row.topic).or_default().push(id - row.id);
        }
    }
    assert_eq!(delivered.len(), 81);
    let late = |ages: &Vec<u64>| ages.iter().skip(ages.len() / 2).copied().max().unwrap_or_default();
    let (turns, oldest) = (delivered["t/fast"].len(), delivered.values().map(late).max().unwrap_or_default());
    assert!(turns > 20, "the fast topic had {turns} turns");
    assert!(oldest < 2_000, "a value was {oldest} messages old: twice 81 topics at a tenth of the rate are 1,620");
    assert_eq!(queue.drops().of(DropReason::DropOldest), 0);
}

#[test]
fn a_policy_changes_while_messages_wait() {
    let mut queue = queue(Policy::KeepLatest, room(20), 4);
    (0..50).for_each(|id| push(&mut queue, id, &format!("t/{:02}", id % 5)));
    assert!(queue.len() <= 15, "overloaded: {}", queue.len());
    let before = queue.len();
    queue.reconfigure(Policy::Block, room(20));
    (50..100).for_each(|id| push(&mut queue, id, "t/00"));
    assert_eq!(queue.len(), before + 50, "`block` drops nothing");
    assert!(queue.update_gate(0));
    queue.reconfigure(Policy::DropOldest, room(10));
    assert!(!queue.update_gate(0), "a queue that drops holds nobody up");
    assert_eq!(ids(&mut queue), (90..100).collect::<Vec<_>>());
}
