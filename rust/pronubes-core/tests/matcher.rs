//! The trie against the plain matcher that reads like the standard.

use std::collections::BTreeMap;

use pronubes_core::Reason;
use pronubes_core::matcher::{Hits, Matcher, RouteId, Span};
use pronubes_core::topic::{RouteFilter, topic_matches, validate_filter, validate_topic};
use proptest::prelude::*;
use proptest::sample::select;

/// Few words, so that random filters and topics meet often: empty levels, `$` names, several bytes per character.
const NAMES: [&str; 7] = ["", "a", "b", "$a", "$", "ü", "日b"];

fn topic() -> impl Strategy<Value = String> {
    let random = prop::collection::vec(select(&NAMES[..]), 1..6);
    random.prop_map(|levels| levels.join("/")).prop_filter("a topic is not empty", |topic| !topic.is_empty())
}

/// Literals and wildcards per level, then possibly a `#` or `{rest#}`; captures are named by their level.
fn filter() -> impl Strategy<Value = RouteFilter> {
    let level = prop_oneof![5 => select(&NAMES[..]), 2 => Just("+"), 2 => Just("{}")];
    let tail = select(&["", "", "#", "{rest#}"][..]);
    (prop::collection::vec(level, 0..5), tail)
        .prop_map(|(levels, tail)| {
            let named = |(index, level): (usize, &&str)| level.replace("{}", &format!("{{c{index}}}"));
            let mut levels: Vec<String> = levels.iter().enumerate().map(named).collect();
            if !tail.is_empty() {
                levels.push(tail.to_owned());
            }
            levels.join("/")
        })
        .prop_filter_map("a filter is not empty", |text| RouteFilter::parse(&text).ok())
}

type Found = Vec<(RouteId, Vec<Span>)>;

fn by_trie(matcher: &Matcher, topic: &str, hits: &mut Hits) -> Found {
    matcher.matches(topic, hits).expect("few levels");
    hits.iter().map(|(route, spans)| (route, spans.to_vec())).collect()
}

fn one_by_one(filters: &[RouteFilter], topic: &str) -> Found {
    let mut spans = Vec::new();
    let mut found = Vec::new();
    for (index, filter) in filters.iter().enumerate() {
        if filter.matches(topic, &mut spans) {
            found.push((RouteId(index as u32), spans.clone()));
        }
    }
    found
}

fn index_of(filters: &[RouteFilter]) -> Matcher {
    Matcher::new(filters.iter().enumerate().map(|(index, filter)| (RouteId(index as u32), filter)))
}

proptest! {
    // 500 tries of 20 filters under 20 topics: 200,000 pairs, 10,000 of them topics through a whole trie.
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_trie_finds_what_each_filter_alone_finds(
        filters in prop::collection::vec(filter(), 20),
        topics in prop::collection::vec(topic(), 20),
    ) {
        let matcher = index_of(&filters);
        let mut hits = Hits::new();
        for topic in &topics {
            prop_assert_eq!(by_trie(&matcher, topic, &mut hits), one_by_one(&filters, topic), "topic `{}`", topic);
        }
    }

    #[test]
    fn a_route_filter_agrees_with_its_mqtt_filter(filter in filter(), topic in topic()) {
        let mqtt = filter.mqtt_filter();
        prop_assert_eq!(validate_filter(&mqtt), Ok(()));
        prop_assert_eq!(validate_topic(&topic), Ok(()));
        let depth = |text: &str| text.split('/').count();
        let lacks_tail = filter.has_tail_capture() && depth(&topic) < depth(&mqtt);
        let expected = topic_matches(&mqtt, &topic) == Ok(true) && !lacks_tail;
        prop_assert_eq!(filter.matches(&topic, &mut Vec::new()), expected);
    }

    #[test]
    fn captures_put_back_into_the_filter_give_the_topic(filter in filter(), topic in topic()) {
        let mut spans = Vec::new();
        if filter.matches(&topic, &mut spans) {
            let mut text = filter.as_str().to_owned();
            for (name, span) in filter.captures().iter().zip(&spans) {
                let tail = format!("{{{name}#}}");
                let placeholder = if text.contains(&tail) { tail } else { format!("{{{name}}}") };
                text = text.replacen(&placeholder, span.of_str(&topic), 1);
            }
            prop_assert_eq!(topic_matches(&text, &topic), Ok(true));
        } else {
            prop_assert!(spans.is_empty());
        }
    }
}

#[test]
fn hits_come_in_the_order_of_the_file_whatever_the_order_of_building() {
    let filters: Vec<_> =
        ["#", "a/+", "+/b", "a/b", "{x}/{y}", "a/#"].map(|text| RouteFilter::parse(text).unwrap()).into();
    let reversed = filters.iter().enumerate().rev().map(|(index, filter)| (RouteId(index as u32), filter));
    let matcher = Matcher::new(reversed);
    let mut hits = Hits::new();
    matcher.matches("a/b", &mut hits).unwrap();
    let routes: Vec<u32> = hits.iter().map(|(route, _)| route.0).collect();
    assert_eq!((routes, hits.len()), (vec![0, 1, 2, 3, 4, 5], 6));
}

#[test]
fn a_route_with_two_filters_is_hit_by_each() {
    let (one, two) = (RouteFilter::parse("a/{x}").unwrap(), RouteFilter::parse("{x}/b").unwrap());
    let matcher = Matcher::new([(RouteId(7), &one), (RouteId(7), &two)]);
    let mut hits = Hits::new();
    matcher.matches("a/b", &mut hits).unwrap();
    let captured: Vec<_> = hits.iter().map(|(route, spans)| (route.0, spans[0].of_str("a/b"))).collect();
    assert_eq!(captured, [(7, "b"), (7, "a")]);
}

#[test]
fn a_topic_beyond_the_level_limit_is_reported_and_matches_nothing() {
    let all = RouteFilter::parse("#").unwrap();
    let matcher = Matcher::new([(RouteId(0), &all)]);
    let mut hits = Hits::new();
    let at_limit = vec!["x"; 32].join("/");
    let beyond = vec!["x"; 33].join("/");
    assert_eq!((matcher.matches(&at_limit, &mut hits), hits.len()), (Ok(()), 1));
    assert_eq!((matcher.matches(&beyond, &mut hits), hits.len()), (Err(Reason::TopicTooDeep), 0));
    let raised = matcher.with_max_levels(33);
    assert_eq!((raised.matches(&beyond, &mut hits), hits.len()), (Ok(()), 1));
}

/// Many nodes with a child of the same name, so that their edges meet in the hash table.
#[test]
fn a_node_has_its_own_children_and_no_others() {
    let child = |n: usize| if n.is_multiple_of(2) { "x" } else { "y" };
    let filters: Vec<_> = (0..4096).map(|n| RouteFilter::parse(&format!("p{n}/{}", child(n))).unwrap()).collect();
    let matcher = index_of(&filters);
    let mut hits = Hits::new();
    for n in 0..4096 {
        matcher.matches(&format!("p{n}/{}", child(n + 1)), &mut hits).unwrap();
        assert!(hits.is_empty(), "p{n} has no such child");
        matcher.matches(&format!("p{n}/{}", child(n)), &mut hits).unwrap();
        assert_eq!(hits.iter().map(|(route, _)| route.0 as usize).collect::<Vec<_>>(), [n]);
    }
}

#[test]
fn an_index_without_routes_finds_nothing() {
    let matcher = Matcher::new([]);
    let mut hits = Hits::new();
    assert_eq!((matcher.matches("a/b", &mut hits), hits.is_empty()), (Ok(()), true));
}

/// Every topic over two levels and two words, every filter over the same: all pairs, none left to chance.
#[test]
fn all_small_pairs_agree_with_the_standard_form() {
    let words = ["", "a", "$s"];
    let levels = ["", "a", "$s", "+"];
    let mut topics: Vec<String> = words.map(str::to_owned).into();
    let mut filters: BTreeMap<String, RouteFilter> = BTreeMap::new();
    for first in words {
        topics.extend(words.map(|second| format!("{first}/{second}")));
    }
    for first in levels {
        let seconds = ["", "a", "$s", "+", "#"].map(|second| format!("{first}/{second}"));
        for text in seconds.into_iter().chain([first.to_owned(), "#".to_owned()]) {
            if let Ok(filter) = RouteFilter::parse(&text) {
                filters.insert(text, filter);
            }
        }
    }
    topics.retain(|topic| !topic.is_empty());
    for (text, filter) in &filters {
        let matcher = Matcher::new([(RouteId(0), filter)]);
        let mut hits = Hits::new();
        for topic in &topics {
            matcher.matches(topic, &mut hits).unwrap();
            assert_eq!(Ok(hits.len() == 1), topic_matches(text, topic), "`{text}` and `{topic}`");
        }
    }
}
