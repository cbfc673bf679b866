//! `debounce` against runs of equal values.

use proptest::prelude::*;

use crate::harness::{Sent, feeds, of, run};

const FOR_MS: i64 = 500;
const BY_VALUE: &str = r#"{"debounce": {"for": "500ms", "fields": ["v"]}}"#;
const BY_MESSAGE: &str = r#"{"debounce": {"for": "500ms"}}"#;

fn sent(feed: &[(i64, String, u8)]) -> Vec<Sent> {
    let payload = |index: usize, value: u8| format!("{{\"v\":{value},\"n\":{index}}}");
    let sent = |(index, (at_ms, topic, value)): (usize, &(i64, String, u8))| Sent {
        at_ms: *at_ms,
        topic: topic.clone(),
        payload: payload(index, *value),
    };
    feed.iter().enumerate().map(sent).collect()
}

/// A run of equal values settles when it lasts; what is newest then leaves, and what follows passes.
fn settled(messages: &[(i64, u8, &str)], is_same: impl Fn(u8, u8) -> bool) -> Vec<String> {
    let mut expected = Vec::new();
    for run in messages.chunk_by(|left, right| is_same(left.1, right.1)) {
        let settles_ms = run[0].0 + FOR_MS;
        let is_over = messages.iter().find(|next| next.2 > run[run.len() - 1].2).map(|next| next.0);
        if is_over.is_some_and(|over_ms| over_ms < settles_ms) {
            continue;
        }
        let waited = run.iter().rfind(|message| message.0 < settles_ms);
        let passed = run.iter().filter(|message| message.0 >= settles_ms);
        expected.extend(waited.into_iter().chain(passed).map(|message| message.2.to_owned()));
    }
    expected
}

fn check(step: &str, feed: &[(i64, String, u8)], is_same: impl Fn(u8, u8) -> bool) {
    let sent = sent(feed);
    let (left, others) = run(step, &sent, 10_000_000, None);
    assert_eq!(others, []);
    for topic in ["a/x", "a/y", "a/z"] {
        let numbered: Vec<String> = (0..sent.len()).map(|index| format!("{index:03}")).collect();
        let own: Vec<usize> = (0..sent.len()).filter(|index| sent[*index].topic == topic).collect();
        let messages: Vec<(i64, u8, &str)> =
            own.iter().map(|index| (feed[*index].0, feed[*index].2, numbered[*index].as_str())).collect();
        let expected: Vec<String> = settled(&messages, &is_same)
            .iter()
            .map(|number| sent[number.parse::<usize>().unwrap()].payload.clone())
            .collect();
        let found: Vec<String> = of(&left, topic).into_iter().map(|(_, payload)| payload).collect();
        assert_eq!(found, expected, "{topic}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn by_value(feed in feeds(0..400, 0u8..2)) {
        check(BY_VALUE, &feed, |left, right| left == right);
    }

    #[test]
    fn by_message(feed in feeds(0..400, 0u8..2)) {
        check(BY_MESSAGE, &feed, |_, _| false);
    }

    #[test]
    fn goes_on_from_saved_states(feed in feeds(0..400, 0u8..2), part in 0.0..1.0f64) {
        let sent = sent(&feed);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a position")]
        let cut = (sent.len() as f64 * part) as usize;
        for step in [BY_VALUE, BY_MESSAGE] {
            prop_assert_eq!(run(step, &sent, 10_000_000, Some(cut)), run(step, &sent, 10_000_000, None));
        }
    }

    #[test]
    fn a_clock_that_jumps_loses_nothing(feed in feeds(-2000..2000, 0u8..2)) {
        let sent = sent(&feed);
        let (left, others) = run(BY_VALUE, &sent, 10_000_000, None);
        prop_assert_eq!(others, []);
        for topic in ["a/x", "a/y", "a/z"] {
            let newest = sent.iter().rfind(|sent| sent.topic == topic).map(|sent| sent.payload.clone());
            prop_assert_eq!(of(&left, topic).pop().map(|(_, payload)| payload), newest);
        }
    }
}
