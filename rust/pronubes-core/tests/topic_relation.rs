//! `covers` and `intersects` against counting out a small universe of topics.

use pronubes_core::topic::{RouteFilter, covers, intersects};

/// All topics of one to four levels. `z` and `$z` stand in no filter, so they play the rest of the world; four levels
/// are one more than any filter asks for (`a/b/{t#}`), so they play all greater depths.
fn universe() -> Vec<String> {
    let words = ["", "a", "b", "$s", "z", "$z"];
    let mut topics: Vec<String> = words.map(str::to_owned).into();
    let mut longest = topics.clone();
    for _ in 0..3 {
        longest = longest.iter().flat_map(|topic| words.map(|word| format!("{topic}/{word}"))).collect();
        topics.extend(longest.iter().cloned());
    }
    topics.retain(|topic| !topic.is_empty());
    topics
}

/// All filters of at most two fixed levels, closed or with one of the two open ends.
fn filters() -> Vec<RouteFilter> {
    let levels = ["", "a", "b", "$s", "+", "{x}"];
    let mut heads: Vec<String> = levels.map(str::to_owned).into();
    for first in levels {
        heads.extend(levels.iter().map(|second| format!("{first}/{}", second.replace('x', "y"))));
    }
    let mut texts = vec!["#".to_owned(), "{t#}".to_owned()];
    for head in heads {
        texts.extend([format!("{head}/#"), format!("{head}/{{t#}}"), head]);
    }
    texts.iter().filter_map(|text| RouteFilter::parse(text).ok()).collect()
}

#[test]
fn covers_and_intersects_agree_with_counting_out() {
    let (topics, filters) = (universe(), filters());
    let matched: Vec<Vec<bool>> = filters
        .iter()
        .map(|filter| topics.iter().map(|topic| filter.matches(topic, &mut Vec::new())).collect())
        .collect();
    let mut pairs = 0;
    for (a, a_takes) in filters.iter().zip(&matched) {
        for (b, b_takes) in filters.iter().zip(&matched) {
            pairs += 1;
            let shared = a_takes.iter().zip(b_takes).any(|(a, b)| *a && *b);
            let hidden = a_takes.iter().zip(b_takes).all(|(a, b)| *a || !*b);
            assert_eq!(intersects(a, b), shared, "intersects(`{}`, `{}`)", a.as_str(), b.as_str());
            assert_eq!(covers(a, b), hidden, "covers(`{}`, `{}`)", a.as_str(), b.as_str());
        }
    }
    assert!(pairs > 10_000, "{pairs} pairs");
}
