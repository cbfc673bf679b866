//! `stale` against the gaps between messages.

use proptest::prelude::*;

use crate::harness::{Sent, feeds, of, run};

const STEP: &str = r#"{"stale": {"after": "1s", "emit": {"quality": "STALE", "old": true}}}"#;
const END_MS: i64 = 10_000_000;

fn sent(feed: &[(i64, String, i32)]) -> Vec<Sent> {
    let sent = |(at_ms, topic, value): &(i64, String, i32)| Sent {
        at_ms: *at_ms,
        topic: topic.clone(),
        payload: format!("{{ \"quality\": \"GOOD\", \"v\": {value} }}"),
    };
    feed.iter().map(sent).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_silence_is_told_once(feed in feeds(0..900, 0..100i32)) {
        let sent = sent(&feed);
        let (left, others) = run(STEP, &sent, END_MS, None);
        prop_assert_eq!(others, []);
        for topic in ["a/x", "a/y", "a/z"] {
            let own: Vec<_> = feed.iter().filter(|message| message.1 == topic).collect();
            let mut expected = Vec::new();
            for (index, (at_ms, _, value)) in own.iter().enumerate() {
                expected.push(format!("{{ \"quality\": \"GOOD\", \"v\": {value} }}"));
                let next_ms = own.get(index + 1).map_or(END_MS, |next| next.0);
                if next_ms - at_ms >= 1000 {
                    expected.push(format!("{{ \"quality\": \"STALE\", \"v\": {value},\"old\":true}}"));
                }
            }
            let found: Vec<String> = of(&left, topic).into_iter().map(|(_, payload)| payload).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn goes_on_from_saved_states(feed in feeds(0..900, 0..100i32), cut in 0usize..60) {
        let sent = sent(&feed);
        let cut = cut.min(sent.len());
        prop_assert_eq!(run(STEP, &sent, END_MS, Some(cut)), run(STEP, &sent, END_MS, None));
    }
}
